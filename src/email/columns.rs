//! Columns for mail programs: side by side where there is room, below each other on a phone, also where media queries are
//! not heeded. Outlook for Windows, which knows no such boxes, sees a table.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::pictures::COLUMN;
use crate::html::{Tag, tags};

/// More of them would be too narrow to read.
const MOST: usize = 3;

/// `body` with its columns, `<div class="columns">` around `<div class="column">`, as mail programs need them.
pub(super) fn for_mail(body: &str) -> Cow<'_, str> {
    if !body.contains("class=\"columns\"") {
        return Cow::Borrowed(body);
    }
    let found: Vec<Tag> = tags(body).into_iter().filter(|tag| tag.name() == "div").collect();
    let mut out = String::with_capacity(body.len() + 512);
    let mut copied = 0;
    // The open `div` elements: how many columns each has.
    let mut open: Vec<Option<usize>> = Vec::new();
    for (number, tag) in found.iter().enumerate() {
        let around = open.last().copied().flatten();
        if tag.closing {
            let closed = open.pop().flatten();
            // The table begins and ends inside of the outer element; a cell around the inner one.
            let (before, after) = match (closed, open.last().copied().flatten()) {
                (Some(_), _) => ("<!--[if mso]></tr></table><![endif]-->", ""),
                (None, Some(_)) => ("", "<!--[if mso]></td><![endif]-->"),
                (None, None) => continue,
            };
            out.push_str(body[copied..tag.at.start].trim_end());
            out.extend([before, "</div>", after]);
            copied = tag.at.end;
        } else if let Some(columns) = around.filter(|_| tag.attribute("class") == Some("column")) {
            out.push_str(body[copied..tag.at.start].trim_end());
            let class = if columns == 2 { "lp-half" } else { "lp-third" };
            let width = COLUMN / u32::try_from(columns).unwrap_or(1);
            let _ = write!(
                out,
                "<!--[if mso]><td width=\"{width}\" valign=\"top\"><![endif]--><div class=\"{class}\">"
            );
            copied = tag.at.end;
            open.push(None);
        } else {
            let columns = columns_in(tag, &found[number + 1..]);
            if columns.is_some() {
                out.push_str(&body[copied..tag.at.end]);
                out.push_str("<!--[if mso]><table role=\"presentation\" width=\"100%\"><tr><![endif]-->");
                copied = tag.at.end;
            }
            open.push(columns);
        }
    }
    out.push_str(&body[copied..]);
    Cow::Owned(out)
}

/// How many columns an element has, if it has any and they have room beside each other.
fn columns_in(tag: &Tag, rest: &[Tag]) -> Option<usize> {
    if tag.attribute("class") != Some("columns") {
        return None;
    }
    let (mut depth, mut columns) = (0, 0);
    for tag in rest {
        match (tag.closing, depth) {
            (true, 0) => break,
            (true, _) => depth -= 1,
            (false, at) => {
                columns += usize::from(at == 0 && tag.attribute("class") == Some("column"));
                depth += 1;
            }
        }
    }
    (2..=MOST).contains(&columns).then_some(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_boxes_and_cells_of_a_table_for_word() {
        let body = "<p>a</p>\n<div class=\"columns\">\n<div class=\"column\">\n<p>b</p>\n</div>\n<div class=\"column\">\n<div>c</div>\n</div>\n</div>\n<p>d</p>";
        let cell = "<!--[if mso]><td width=\"280\" valign=\"top\"><![endif]--><div class=\"lp-half\">";
        let end = "</div><!--[if mso]></td><![endif]-->";
        assert_eq!(
            for_mail(body),
            format!(
                "<p>a</p>\n<div class=\"columns\"><!--[if mso]><table role=\"presentation\" width=\"100%\"><tr><![endif]-->\
                 {cell}\n<p>b</p>{end}{cell}\n<div>c</div>{end}<!--[if mso]></tr></table><![endif]--></div>\n<p>d</p>"
            )
        );
    }

    #[test]
    fn what_is_not_two_or_three_columns_stays() {
        for body in [
            "<div class=\"columns\"><div class=\"column\">a</div></div>".to_owned(),
            format!("<div class=\"columns\">{}</div>", "<div class=\"column\">a</div>".repeat(4)),
            "<div class=\"column\">a</div></div></div>".to_owned(),
            "<div class=\"columns\">".to_owned(),
        ] {
            assert_eq!(for_mail(&body), body);
        }
    }
}
