//! A letter that is not for subscribers: a test, or a draft that waits for approval. Its subject says so, and a note may
//! stand above it.

use super::headers::subject_field;
use super::{Letter, Piece};
use crate::html::escape;
use crate::text::HeaderText;

/// What stands above a letter that is not for subscribers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The sentence.
    pub text: String,
    /// A page that it leads to.
    pub page: Option<String>,
}

impl Letter {
    /// The same letter with `mark` before its subject, and the note above it.
    #[must_use]
    pub fn marked(&self, mark: &str, note: Option<&Note>) -> Self {
        let mut marked = self.clone();
        marked.subject =
            HeaderText::lossy(&format!("{mark} {}", self.subject)).unwrap_or_else(|| self.subject.clone());
        for (name, value) in &mut marked.headers {
            if name == "Subject" {
                *value = subject_field(&marked.subject);
            }
        }
        if let Some(note) = note {
            let page = note.page.as_ref().map(|page| format!("\n{page}")).unwrap_or_default();
            marked.text.insert(0, Piece::Fixed(format!("{}{page}\n\n", note.text)));
            put_above(&mut marked.html, &banner(note));
        }
        marked
    }
}

fn banner(note: &Note) -> String {
    let link = note
        .page
        .as_ref()
        .map(|page| format!("<br><a href=\"{0}\">{0}</a>", escape(page)))
        .unwrap_or_default();
    format!(
        "\n<p style=\"margin: 0; padding: 12px 16px; background: #fff4ce; color: #1a1a1a; font: 14px/1.5 sans-serif;\">{}{link}</p>\n",
        escape(&note.text)
    )
}

/// Puts `banner` behind the start of the body; above everything in a template that has none.
fn put_above(html: &mut Vec<Piece>, banner: &str) {
    let in_body = html.iter_mut().find_map(|piece| {
        let Piece::Fixed(text) = piece else { return None };
        let body = text.find("<body")?;
        let at = body + text[body..].find('>')? + 1;
        Some((text, at))
    });
    match in_body {
        Some((text, at)) => text.insert_str(at, banner),
        None => html.insert(0, Piece::Fixed(banner.to_owned())),
    }
}
