//! TeX that pulldown-latex reads differently from TeX, `KaTeX` and `MathJax`, or that must not reach it.

/// Longer formulas stay TeX.
const MAX_BYTES: usize = 4_000;
/// The parser takes time quadratic in the depth.
const MAX_BRACES: usize = 40;

/// Commands that define others, which could expand without end, and one that the parser cannot read safely.
const REFUSED: [&str; 8] =
    ["def", "let", "futurelet", "newcommand", "renewcommand", "providecommand", "char", "input"];

/// The number sets that `KaTeX` and `MathJax` know by these names.
const SETS: [&str; 5] = ["R", "N", "Z", "Q", "C"];

/// `tex` as pulldown-latex reads it, or why it is not read.
pub(super) fn prepared(tex: &str) -> Result<String, String> {
    if tex.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    if tex.len() > MAX_BYTES {
        return Err(format!("it is longer than {MAX_BYTES} bytes"));
    }
    let mut prepared = String::with_capacity(tex.len() + 32);
    let (mut rest, mut depth) = (tex, 0usize);
    let (mut has_environment, mut has_lines, mut has_columns) = (false, false, false);
    while let Some(c) = rest.chars().next() {
        depth = if c == '{' { depth + 1 } else { depth.saturating_sub(usize::from(c == '}')) };
        if depth > MAX_BRACES {
            return Err(format!("braces are nested more than {MAX_BRACES} deep"));
        }
        has_columns |= c == '&';
        let name = command(rest);
        match name {
            "" if c != '\\' => {
                prepared.push(c);
                rest = &rest[c.len_utf8()..];
                continue;
            }
            "" => {
                let end = 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
                has_lines |= rest.starts_with("\\\\");
                prepared.push_str(&rest[..end]);
                rest = &rest[end..];
                continue;
            }
            _ => rest = &rest[1 + name.len()..],
        }
        has_environment |= name == "begin";
        rest = push_command(&mut prepared, name, rest)?;
    }
    if has_lines && !has_environment {
        let around = if has_columns { "aligned" } else { "gathered" };
        prepared = format!("\\begin{{{around}}}{prepared}\\end{{{around}}}");
    }
    Ok(prepared)
}

/// The name of the command that `rest` begins with, if it has letters.
fn command(rest: &str) -> &str {
    let name = rest.strip_prefix('\\').unwrap_or_default();
    &name[..name.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(name.len())]
}

/// Appends a command; returns what is left after it.
fn push_command<'t>(prepared: &mut String, name: &str, rest: &'t str) -> Result<&'t str, String> {
    if REFUSED.contains(&name) {
        return Err(format!("\\{name} is not allowed in a formula"));
    }
    match name {
        // The parser takes what follows as plain text.
        "operatorname" | "mathop" => {
            let argument = rest.strip_prefix('*').unwrap_or(rest).trim_start();
            let end = argument.find('}').unwrap_or(argument.len());
            let is_plain =
                argument.starts_with('{') && !argument[1..end].contains(['\\', '{', '^', '_', '<']);
            prepared.push_str(if is_plain { "\\operatorname" } else { "\\mathrm" });
            return Ok(argument);
        }
        // Labels and numbers belong to a document with references.
        "label" | "tag" | "nonumber" | "notag" => {
            let argument = rest.strip_prefix('*').unwrap_or(rest);
            let inside = argument.strip_prefix('{').and_then(|inside| inside.split_once('}'));
            return Ok(inside.map_or(rest, |(_, after)| after));
        }
        name if SETS.contains(&name) => {
            prepared.push_str("\\mathbb{");
            prepared.push_str(name);
            prepared.push('}');
        }
        name => {
            prepared.push('\\');
            prepared.push_str(name);
        }
    }
    Ok(rest)
}

/// The content of `\text{…}` without its escapes, or why it cannot be shown.
pub(super) fn text(raw: &str) -> Result<String, String> {
    // pulldown-latex writes the space of `\ ` as a reference.
    let raw = raw.replace("&nbsp;", "\u{A0}");
    let mut text = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        match c {
            '$' => return Err("there is a formula in its text".to_owned()),
            '\\' => match chars.next() {
                Some(c @ ('_' | '%' | '&' | '#' | '$' | '{' | '}' | ' ')) => text.push(c),
                _ => return Err("there is a command in its text".to_owned()),
            },
            '~' => text.push('\u{A0}'),
            '{' | '}' => {}
            c => text.push(c),
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_read_is_rewritten_for_the_parser() {
        for (tex, expected) in [
            (r"x \in \R^n", r"x \in \mathbb{R}^n"),
            (r"\operatorname*{argmax}_x", r"\operatorname{argmax}_x"),
            (r"\operatorname{arg\,max}", r"\mathrm{arg\,max}"),
            (r"\mathop{\mathrm{max}}_a", r"\mathrm{\mathrm{max}}_a"),
            (r"a \label{eq:a} + b", r"a  + b"),
            (r"a \\ b", r"\begin{gathered}a \\ b\end{gathered}"),
            (r"a &= b \\ &= c", r"\begin{aligned}a &= b \\ &= c\end{aligned}"),
            (r"\Re \Rightarrow", r"\Re \Rightarrow"),
        ] {
            assert_eq!(prepared(tex).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn definitions_and_long_and_deep_formulas_are_refused() {
        for tex in [r"\def\a{\a\a}\a", r"\newcommand{\a}{b}", " ", &"x".repeat(4_001), &"{".repeat(41)] {
            assert!(prepared(tex).is_err(), "{tex}");
        }
    }

    #[test]
    fn the_text_of_a_formula_has_no_escapes() {
        assert_eq!(text(r"50\% of a\_b").as_deref(), Ok("50% of a_b"));
        assert!(text("if $x$").is_err() && text(r"\foo").is_err());
    }
}
