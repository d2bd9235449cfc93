//! Where an email comes from: the file that its findings name, and the texts in which the line of one may be found.

use crate::archive::Post;
use crate::finding::Finding;

/// The file of an email, and the texts that the user wrote for it.
#[derive(Debug, Clone)]
pub struct Origin<'a> {
    file: &'a str,
    templates: Vec<(String, &'a str)>,
    post: Option<&'a Post>,
}

/// Words that stand in one line of the source of a finding.
pub(super) struct Needle {
    pub(super) words: Vec<String>,
    /// Posts have elements, attributes and images, and no CSS.
    pub(super) may_be_in_post: bool,
}

impl<'a> Origin<'a> {
    /// An email that findings attribute to `file` if they are in no text of the user.
    pub fn new(file: &'a str) -> Self {
        Self { file, templates: Vec::new(), post: None }
    }

    /// The email of a post.
    pub fn of_post(post: &'a Post) -> Self {
        Self { post: Some(post), ..Self::new(post.source.as_str()) }
    }

    /// Adds the user's HTML templates: the names of their files, and their text. The first has precedence.
    #[must_use]
    pub fn with_templates(self, templates: Vec<(String, &'a str)>) -> Self {
        Self { templates, ..self }
    }

    pub(super) const fn file(&self) -> &'a str {
        self.file
    }

    /// `finding` with the file and the line that contains all words of `needle`.
    pub(super) fn located(&self, finding: Finding, needle: &Needle) -> Finding {
        let line_of = |text: &str| {
            let has_all = |line: &str| {
                let line = line.to_lowercase();
                needle.words.iter().all(|word| line.contains(&word.to_lowercase()))
            };
            text.lines().position(has_all)
        };
        for (file, text) in &self.templates {
            if let Some(line) = line_of(text) {
                return Finding { file: file.clone(), ..finding }.at(line + 1);
            }
        }
        match self.post.filter(|_| needle.may_be_in_post) {
            Some(post) => match line_of(post.body.as_str()) {
                Some(line) => finding.at(post.body_line + line),
                None => finding,
            },
            None => finding,
        }
    }
}
