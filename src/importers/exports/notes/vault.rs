//! All notes of an export, by the names that links use.

use std::collections::HashMap;

use crate::importers::exports::{ExportFiles, file_name, is_of_type, stem};
use crate::importers::imported_post::{ImportedPost, file_stem};

/// A note, without its text.
pub(super) struct Note {
    /// The file in the export.
    pub(super) name: String,
    /// What is known about it.
    pub(super) post: ImportedPost,
    /// The name of its post's file, without the extension.
    pub(super) target: String,
}

impl Note {
    pub(super) fn new(name: &str, post: ImportedPost) -> Self {
        let target = file_stem(post.published, post.slug.as_deref().unwrap_or(&post.title));
        Self { name: name.to_owned(), post, target }
    }
}

/// The notes and files of an export.
pub(super) struct Vault<'f> {
    files: &'f dyn ExportFiles,
    pub(super) notes: Vec<Note>,
    by_path: HashMap<String, usize>,
    by_stem: HashMap<String, usize>,
    /// Other files by their last part, in lower case.
    by_file: HashMap<String, &'f str>,
    /// How many notes have the same target.
    targets: HashMap<String, usize>,
}

impl<'f> Vault<'f> {
    pub(super) fn new(files: &'f dyn ExportFiles) -> Self {
        let is_attachment =
            |name: &&String| !is_of_type(name, "md") && !is_of_type(name, "csv") && is_plain(file_name(name));
        let by_file = files.names().iter().filter(is_attachment);
        let by_file = by_file.map(|name| (file_name(name).to_lowercase(), name.as_str())).collect();
        Self {
            files,
            notes: Vec::new(),
            by_path: HashMap::new(),
            by_stem: HashMap::new(),
            by_file,
            targets: HashMap::new(),
        }
    }

    /// Adds a note. Its post's file gets a number if another one has the same name, as the writer of posts does.
    pub(super) fn add(&mut self, mut note: Note) {
        let number = self.targets.entry(note.target.to_lowercase()).or_insert(0);
        *number += 1;
        if *number > 1 {
            note.target = format!("{}-{number}", note.target);
        }
        let place = self.notes.len();
        self.by_path.insert(note.name.to_lowercase(), place);
        self.by_stem.entry(stem(&note.name).to_lowercase()).or_insert(place);
        self.notes.push(note);
    }

    /// The note that a link from a note in `folder` refers to, by its path or its name.
    pub(super) fn note(&self, folder: &str, target: &str) -> Option<&Note> {
        let target = target.to_lowercase();
        let path = if is_of_type(&target, "md") { target.clone() } else { format!("{target}.md") };
        let place = self
            .by_path
            .get(&joined(&folder.to_lowercase(), &path))
            .or_else(|| self.by_path.get(&path))
            .or_else(|| self.by_stem.get(stem(&path)))?;
        self.notes.get(*place)
    }

    /// The file that a link from a note in `folder` refers to.
    pub(super) fn file(&self, folder: &str, target: &str) -> Option<&str> {
        let path = joined(folder, target);
        let names = self.files.names();
        let exact = names.binary_search(&path).ok().and_then(|place| names.get(place)).map(String::as_str);
        let exact = exact.filter(|name| self.by_file.contains_key(&file_name(name).to_lowercase()));
        exact.or_else(|| self.by_file.get(&file_name(target).to_lowercase()).copied())
    }
}

/// A relative path as a name of the export.
fn joined(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Whether a file may have this name beside a post.
pub(in crate::importers::exports) fn is_plain(name: &str) -> bool {
    !name.starts_with('.')
        && name.len() <= 200
        && name.contains('.')
        && !name.contains(|c: char| c.is_control() || "/\\:*?\"<>|".contains(c))
}
