//! Code that Quarto runs, as code that is shown: the head of a block, `{python}` or `{r, echo=FALSE}`, becomes the name of
//! its language, and its options (`#| echo: false`) are left out. Line numbers do not change.

/// The text with blocks of code that are only shown.
pub(super) fn shown(body: &str) -> String {
    let mut text = String::with_capacity(body.len());
    // The fence of the open block of code, and whether its options may follow.
    let mut fence = "";
    let mut is_head = false;
    for line in body.split_inclusive('\n') {
        let code = line.trim_start();
        let length = code.len() - code.trim_start_matches(['`', '~']).len();
        let mark = &code[..length];
        let end = if line.ends_with('\n') { "\n" } else { "" };
        if fence.is_empty() && length >= 3 {
            fence = mark;
            let language = language(&code[length..]);
            is_head = language.is_some();
            if let Some(language) = language {
                text.push_str(&line[..line.len() - code.len()]);
                text.extend([mark, language, end]);
                continue;
            }
        } else if !fence.is_empty() && mark.starts_with(fence) && code[length..].trim().is_empty() {
            fence = "";
        } else if is_head && ["#|", "//|", "--|"].iter().any(|sign| code.starts_with(sign)) {
            text.push_str(end);
            continue;
        } else {
            is_head = false;
        }
        text.push_str(line);
    }
    text
}

/// `python` of `{python}`, `r` of `{r setup, echo=FALSE}`; nothing for `{.python}`, which is not run.
fn language(head: &str) -> Option<&str> {
    let inside = head.trim().strip_prefix('{')?.strip_suffix('}')?;
    let name = inside.split([' ', ',']).next().unwrap_or_default();
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric());
    is_name.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_that_is_run_is_shown_without_its_options() {
        let body = "a\n\n```{python}\n#| echo: false\nprint(1) #| x\n#| y\n```\n\n````{r setup, echo=FALSE}\n```\n1\n````\n```{.python}\n#| z\n```";
        let shown_body =
            "a\n\n```python\n\nprint(1) #| x\n#| y\n```\n\n````r\n```\n1\n````\n```{.python}\n#| z\n```";
        assert_eq!(shown(body), shown_body);
    }
}
