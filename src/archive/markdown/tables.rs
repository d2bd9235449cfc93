//! Raw HTML with too much in a table that is in none of its cells. A browser moves each such element before the table, and
//! the sanitiser's parser takes time quadratic in their number. So the tags of the tables are left out then; their
//! content stays.

use crate::html::{self, Tag};

/// The most tags that may be in tables but not in cells. No table has as many.
const MAX_MISPLACED: usize = 10_000;
/// No shorter text has so many tags: the shortest is `<b>`.
const MIN_BYTES: usize = 3 * MAX_MISPLACED;

/// `html` without the tags of its tables, if too much is in them but not in their cells.
pub(super) fn without_tables(html: &str) -> Option<String> {
    if html.len() < MIN_BYTES {
        return None;
    }
    let tags = html::tags(html);
    if misplaced(&tags) <= MAX_MISPLACED {
        return None;
    }
    let mut out = String::with_capacity(html.len());
    let mut from = 0;
    for tag in tags.iter().filter(|tag| tag.name() == "table" || part(tag).is_some()) {
        out.push_str(&html[from..tag.at.start]);
        // What was in two cells is two words.
        out.push(' ');
        from = tag.at.end;
    }
    out.push_str(&html[from..]);
    Some(out)
}

/// Where the parser is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// In a table, and in no cell of it.
    Rows,
    /// In a cell or a caption.
    Cell,
    /// In a `template`, which has tables of its own.
    Template,
}

/// The part of a table that begins with a tag.
fn part(tag: &Tag) -> Option<Part> {
    match tag.name() {
        "td" | "th" | "caption" if !tag.closing => Some(Part::Cell),
        "td" | "th" | "caption" | "tr" | "tbody" | "thead" | "tfoot" | "col" | "colgroup" => Some(Part::Rows),
        _ => None,
    }
}

/// How many of `tags` are in a table but not in a cell.
fn misplaced(tags: &[Tag]) -> usize {
    let mut open: Vec<Part> = Vec::new();
    let mut misplaced = 0;
    for tag in tags {
        let last = open.last().copied();
        match (tag.name(), tag.closing) {
            ("template", false) => open.push(Part::Template),
            ("template", true) => {
                let at = open.iter().rposition(|part| *part == Part::Template);
                open.truncate(at.unwrap_or(open.len()));
            }
            // A table in the rows of another one ends that.
            ("table", false) if last != Some(Part::Rows) => open.push(Part::Rows),
            ("table", false) => {}
            ("table", true) if last != Some(Part::Template) => {
                open.pop();
            }
            _ => match (part(tag), open.last_mut()) {
                (Some(part), Some(last @ (Part::Rows | Part::Cell))) => *last = part,
                (None, Some(Part::Rows)) => misplaced += 1,
                _ => {}
            },
        }
    }
    misplaced
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(html: &str) -> usize {
        misplaced(&html::tags(html))
    }

    #[test]
    fn only_what_is_in_a_table_but_in_no_cell_is_misplaced() {
        assert_eq!(count("<p>a</p><table><caption><b>a</b></caption><tbody><tr><td><p>b</table><p>c"), 0);
        assert_eq!(count("<table><b>x</b><tr><td><i>a</i></td><i></i></tr></table><b>y</b>"), 4);
        assert_eq!(count("<table><tr><td><table><tr><td>a</table><p>b</p></table>"), 0);
        assert_eq!(count("<table><p><table><p>"), 2);
        assert_eq!(count("<table><template></table></template><p>"), 1);
        assert_eq!(count("<template><table><p></template><p>"), 1);
    }

    #[test]
    fn the_tags_of_tables_are_left_out_if_too_much_is_in_no_cell() {
        let table = |inner: &str, times| format!("<table><tr><td>a<td>b{}</table>", inner.repeat(times));
        assert_eq!(without_tables(&table("<tr><td>long</td></tr>", 20_000)), None);
        assert_eq!(without_tables(&table("<tr><b>x</b>", 3_000)), None);
        let left = without_tables(&table("<tr><b>x</b>", 6_000)).unwrap();
        assert_eq!(left, format!("   a b{} ", " <b>x</b>".repeat(6_000)));
    }
}
