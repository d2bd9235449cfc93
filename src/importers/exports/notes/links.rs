//! The links of notes: to other notes, which become posts, and to files, which are copied beside the post. Code is left
//! alone.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use url::Url;

use super::vault::{Note, Vault};
use crate::importers::distinct::Distinct;
use crate::importers::exports::is_of_type;
use crate::importers::imported_post::Attachment;

/// Characters that would end the address of a link in Markdown.
const IN_ADDRESS: &AsciiSet =
    &CONTROLS.add(b' ').add(b'(').add(b')').add(b'<').add(b'>').add(b'"').add(b'%').add(b'#').add(b'?');
/// The ends of names of pictures.
const PICTURES: [&str; 8] = ["png", "jpg", "jpeg", "gif", "webp", "avif", "svg", "bmp"];

/// Rewrites the text of one note.
pub(super) struct Rewriter<'v> {
    vault: &'v Vault<'v>,
    /// The folder of the note.
    folder: &'v str,
    has_wikilinks: bool,
    /// Inside `%%`.
    in_comment: bool,
    pub(super) attachments: Vec<Attachment>,
    /// Targets that the export does not have.
    pub(super) missing: Distinct,
}

impl<'v> Rewriter<'v> {
    pub(super) fn new(vault: &'v Vault<'v>, note: &'v Note, has_wikilinks: bool) -> Self {
        Self {
            vault,
            folder: note.name.rsplit_once('/').map_or("", |(folder, _)| folder),
            has_wikilinks,
            in_comment: false,
            attachments: Vec::new(),
            missing: Distinct::default(),
        }
    }

    pub(super) fn text(&mut self, body: &str) -> String {
        let mut out = String::with_capacity(body.len());
        let mut fence: Option<&str> = None;
        for line in body.split_inclusive('\n') {
            let start = line.trim_start_matches([' ', '>', '\t']);
            match fence {
                Some(open) => {
                    out.push_str(line);
                    let is_end =
                        start.starts_with(open) && start.trim_end().chars().all(|c| open.starts_with(c));
                    fence = fence.filter(|_| !is_end);
                }
                None if !self.in_comment && (start.starts_with("```") || start.starts_with("~~~")) => {
                    let mark = start.chars().next().unwrap_or('`');
                    let length = start.len() - start.trim_start_matches(mark).len();
                    fence = start.get(..length);
                    out.push_str(line);
                }
                None => self.line(line, &mut out),
            }
        }
        out
    }

    fn line(&mut self, line: &str, out: &mut String) {
        let mut rest = line;
        if self.in_comment {
            let Some((_, behind)) = line.split_once("%%") else { return };
            self.in_comment = false;
            rest = behind;
        }
        while let Some(at) = rest.find(['`', '[', '!', ']', '%', '=', '\\']) {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            let taken = self.special(rest, out);
            rest = &rest[taken..];
        }
        out.push_str(rest);
    }

    /// Writes what begins with a special character, and returns its length.
    fn special(&mut self, rest: &str, out: &mut String) -> usize {
        let between = |open: &str, close: &str| {
            let inside = rest.strip_prefix(open)?;
            inside.find(close).map(|end| &inside[..end]).filter(|inside| !inside.trim().is_empty())
        };
        if rest.starts_with('`') {
            let length = rest.len() - rest.trim_start_matches('`').len();
            let (ticks, behind) = rest.split_at(length);
            let end = behind.find(ticks).map_or(length, |end| length + end + length);
            out.push_str(&rest[..end]);
            return end;
        }
        if let Some(destination) = rest.strip_prefix("](").and_then(destination) {
            out.extend(["](", &self.address(destination), ")"]);
            return destination.len() + "]()".len();
        }
        if self.has_wikilinks {
            if let Some(inside) = between("![[", "]]") {
                self.embed(inside, out);
                return inside.len() + "![[]]".len();
            }
            if let Some(inside) = between("[[", "]]") {
                self.wikilink(inside, out);
                return inside.len() + "[[]]".len();
            }
            if let Some(inside) = between("==", "==").filter(|inside| inside.trim() == *inside) {
                out.extend(["<mark>", inside, "</mark>"]);
                return inside.len() + "====".len();
            }
            if let Some(comment) = rest.strip_prefix("%%") {
                let end = comment.find("%%");
                self.in_comment = end.is_none();
                return end.map_or(rest.len(), |end| end + 4);
            }
        }
        let mut length = rest.chars().next().map_or(0, char::len_utf8);
        if rest.starts_with('\\') {
            length += rest[length..].chars().next().map_or(0, char::len_utf8);
        }
        out.push_str(&rest[..length]);
        length
    }

    /// The address of a link in Markdown; one that is not in the export stays as it is.
    fn address(&mut self, destination: &str) -> String {
        let (raw, title) = match destination.find(" \"") {
            Some(at) => destination.split_at(at),
            None => (destination, ""),
        };
        let raw = raw.trim().trim_start_matches('<').trim_end_matches('>');
        if raw.is_empty() || raw.starts_with(['#', '/']) || Url::parse(raw).is_ok() {
            return destination.to_owned();
        }
        let (path, anchor) = raw.split_once('#').map_or((raw, None), |(path, anchor)| (path, Some(anchor)));
        let path = percent_decode_str(path).decode_utf8_lossy();
        let found =
            if is_of_type(&path, "md") { self.note_address(&path, anchor) } else { self.file_address(&path) };
        if let Some(address) = found {
            return format!("{address}{title}");
        }
        self.missing.push(&path);
        destination.to_owned()
    }

    fn note_address(&self, target: &str, anchor: Option<&str>) -> Option<String> {
        let note = self.vault.note(self.folder, target)?;
        let anchor = anchor.map(|anchor| format!("#{}", id_of(anchor))).unwrap_or_default();
        Some(format!("{}.md{anchor}", utf8_percent_encode(&note.target, IN_ADDRESS)))
    }

    /// The address of a file beside the post.
    fn file_address(&mut self, target: &str) -> Option<String> {
        let source = self.vault.file(self.folder, target)?;
        let known = self.attachments.iter().find(|attachment| attachment.source == source);
        let name = known.map_or_else(|| self.new_name(source), |attachment| attachment.name.clone());
        if known.is_none() {
            self.attachments.push(Attachment {
                source: source.to_owned(),
                address: name.clone(),
                name: name.clone(),
            });
        }
        Some(name)
    }

    /// A name for a file beside the post that needs no escapes.
    fn new_name(&self, source: &str) -> String {
        let file = source.rsplit('/').next().unwrap_or(source);
        let plain = |c: char| if c.is_alphanumeric() || ".-_".contains(c) { c } else { '-' };
        let name: String = file.chars().map(plain).collect();
        let is_taken = self.attachments.iter().any(|other| other.name.eq_ignore_ascii_case(&name));
        if is_taken || name.eq_ignore_ascii_case("index.md") {
            format!("{}-{name}", self.attachments.len() + 1)
        } else {
            name
        }
    }

    /// `![[picture.png|300]]`, `![[paper.pdf]]`, `![[Note]]`.
    fn embed(&mut self, inside: &str, out: &mut String) {
        let (target, label) = parts(inside);
        let path = target.split('#').next().unwrap_or_default();
        let Some(address) = self.file_address(path) else {
            self.wikilink(inside, out);
            return;
        };
        let end = path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        let is_size = |label: &str| label.chars().all(|c| c.is_ascii_digit() || c == 'x');
        let label = label.filter(|label| !is_size(label));
        if PICTURES.contains(&end.as_str()) {
            out.extend(["![", &escaped(label.unwrap_or_default()), "](", &address, ")"]);
        } else {
            out.extend(["[", &escaped(label.unwrap_or(path)), "](", &address, ")"]);
        }
    }

    /// `[[Page]]`, `[[Page#Heading|text]]`, `[[#Heading]]`. The text of a link to nothing stays.
    fn wikilink(&mut self, inside: &str, out: &mut String) {
        let (target, label) = parts(inside);
        let (page, heading) = target.split_once('#').map_or((target, None), |(page, at)| (page, Some(at)));
        let heading = heading.map(|heading| heading.trim_start_matches('^'));
        let shown = label.unwrap_or_else(|| match heading {
            Some(heading) if page.is_empty() => heading,
            _ => page.rsplit('/').next().unwrap_or(page).trim_end_matches(".md"),
        });
        let address = match (page, heading) {
            ("", Some(heading)) => Some(format!("#{}", id_of(heading))),
            _ => self.note_address(page, heading).or_else(|| self.file_address(page)),
        };
        if let Some(address) = address {
            out.extend(["[", &escaped(shown), "](", &address, ")"]);
        } else {
            self.missing.push(target);
            out.push_str(shown);
        }
    }
}

/// The target of a wikilink and its label. In tables the bar is escaped.
fn parts(inside: &str) -> (&str, Option<&str>) {
    match inside.split_once('|') {
        Some((target, label)) => {
            (target.trim_end_matches('\\').trim(), Some(label.trim()).filter(|label| !label.is_empty()))
        }
        None => (inside.trim(), None),
    }
}

/// The destination of a link with which `text` begins, up to its closing bracket on the same line.
fn destination(text: &str) -> Option<&str> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '\n' => return None,
            '(' => depth += 1,
            ')' if depth == 0 => return Some(&text[..at]),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The id of a heading, as pages have it.
fn id_of(heading: &str) -> String {
    let decoded = percent_decode_str(heading).decode_utf8_lossy().to_lowercase();
    let kept = decoded.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn escaped(label: &str) -> String {
    label.replace('[', "\\[").replace(']', "\\]")
}
