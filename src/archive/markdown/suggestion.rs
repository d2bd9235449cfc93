//! The suggestion to read formulas, if posts look as if they had some.

use comrak::Arena;
use comrak::nodes::NodeValue;

use super::{formulas, tree};
use crate::archive::{Formulas, MarkdownDialect, Post};
use crate::finding::Finding;

/// A note if posts have what looks like formulas, but `archive.math` is off.
pub fn formulas_off<'p>(posts: impl IntoIterator<Item = &'p Post>) -> Option<Finding> {
    let mut unread =
        posts.into_iter().filter(|post| post.dialect.formulas == Formulas::Off).filter_map(|post| {
            let (line, tex) = first_formula(post.body.as_str())?;
            Some((post, line, tex))
        });
    let (post, line, tex) = unread.next()?;
    let others = match unread.count() {
        0 => String::new(),
        1 => ", and so does something in another post".to_owned(),
        count => format!(", and so does something in {count} other posts"),
    };
    let message = format!("{tex} looks like a formula{others}");
    let hint = "to show formulas as such, write below [archive] in config.toml: math = true";
    let note = Finding::note("formulas-off", post.source.as_str(), message);
    Some(note.at(post.body_line + line - 1).hint(hint))
}

/// The first formula that looks like TeX, and its line in the body.
fn first_formula(body: &str) -> Option<(usize, String)> {
    // Most bodies need not be parsed.
    if !formulas::find(body).iter().any(|formula| looks_like_tex(&formula.tex)) {
        return None;
    }
    let arena = Arena::new();
    let dialect = MarkdownDialect { formulas: Formulas::On, ..MarkdownDialect::default() };
    let root = tree::parse(&arena, body, dialect).root;
    root.descendants().find_map(|node| match &node.data().value {
        NodeValue::Math(math) if looks_like_tex(&math.literal) => {
            let tex = math.literal.split_whitespace().collect::<Vec<_>>().join(" ");
            Some((node.data().sourcepos.start.line.max(1), tex))
        }
        _ => None,
    })
}

/// Whether it has a command, or a group above or below the line.
fn looks_like_tex(tex: &str) -> bool {
    let has_command = tex.split('\\').skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()));
    has_command || tex.contains("^{") || tex.contains("_{")
}
