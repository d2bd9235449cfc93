//! Marks an email that is not for subscribers, such as a test or a draft waiting for approval: a prefix in the subject, and
//! optionally a note above the content.

use super::headers::subject_field;
use super::{MessageTemplate, TemplatePart};
use crate::html::escape;
use crate::text::HeaderText;

/// A note above the content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The text.
    pub text: String,
    /// A link below the text.
    pub page: Option<String>,
}

impl MessageTemplate {
    /// A clone with `mark` before its subject and the note above its content.
    #[must_use]
    pub fn with_note(&self, mark: &str, note: Option<&Note>) -> Self {
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
            marked.text.insert(0, TemplatePart::Fixed(format!("{}{page}\n\n", note.text)));
            insert_above(&mut marked.html, &banner(note));
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

/// Inserts `banner` after the `body` tag, or at the top if the template has none.
fn insert_above(html: &mut Vec<TemplatePart>, banner: &str) {
    let in_body = html.iter_mut().find_map(|piece| {
        let TemplatePart::Fixed(text) = piece else { return None };
        let body = text.find("<body")?;
        let at = body + text[body..].find('>')? + 1;
        Some((text, at))
    });
    match in_body {
        Some((text, at)) => text.insert_str(at, banner),
        None => html.insert(0, TemplatePart::Fixed(banner.to_owned())),
    }
}
