//! The settings of a site as layers of entries, which posts look up by their path.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};

use crate::archive::front_matter::{Entry, Value};
use crate::archive::slugs::{self, PelicanSlugs};
use crate::archive::{MarkdownDialect, PostAuthor};
use crate::finding::Finding;
use crate::text::HeaderText;

/// A file with settings for other files.
#[derive(Debug, Clone)]
pub(in crate::archive) struct Source {
    /// Its absolute path.
    pub path: Utf8PathBuf,
    /// Its path as the user would type it.
    pub shown: String,
    /// Its text, or why it cannot be read.
    pub text: Result<String, String>,
}

/// A post as the settings of a site see it.
#[derive(Debug, Clone, Copy)]
pub(in crate::archive) struct Place<'p> {
    /// The file below the root of the content (in Jekyll, below the root of the site).
    pub path: &'p Utf8Path,
    /// The language in its name.
    pub language: Option<&'p str>,
}

/// All settings of a site.
#[derive(Debug, Default)]
pub(in crate::archive) struct Inherited {
    /// Entries from the paths of posts; they win over all layers.
    pub(super) finders: Vec<Finder>,
    /// The first layer with a key wins.
    pub(super) layers: Vec<Layer>,
    pub(super) unread: Vec<Unread>,
    pub(super) blocks: Vec<Block>,
    /// Whether the order depends on the post, as in Jekyll.
    pub(super) is_ranked: bool,
    /// The folder of the content, if its name is not the usual one.
    pub(super) base: Utf8PathBuf,
    /// When Hugo takes the day and the slug of a post from the name of its file.
    pub(in crate::archive) dates_in_names: DatesInNames,
    /// The Markdown of the posts.
    pub(in crate::archive) dialect: MarkdownDialect,
    /// The titles of the folders with a section page.
    pub(in crate::archive) sections: BTreeMap<Utf8PathBuf, Option<String>>,
    /// How Pelican makes addresses.
    pub(in crate::archive) pelican: PelicanRules,
    /// The names of authors, by the words for them in posts.
    pub(in crate::archive) authors: BTreeMap<String, HeaderText>,
}

/// `[frontmatter] date` of Hugo.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::archive) enum DatesInNames {
    /// It does not name `:filename`: the day is used if there is no date, and stays in the slug.
    #[default]
    Unset,
    /// The front matter comes first.
    Last,
    /// The name comes first.
    First,
}

/// Settings of Pelican that addresses depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::archive) struct PelicanRules {
    pub slugs: PelicanSlugs,
    /// `DEFAULT_CATEGORY`.
    pub category: Option<HeaderText>,
    /// `USE_FOLDER_AS_CATEGORY`.
    pub folders_are_categories: bool,
    /// `CATEGORY_URL`, `TAG_URL` and `AUTHOR_URL`.
    pub term_urls: [(&'static str, String); 3],
}

impl PelicanRules {
    /// The path of the page of a category, a tag or an author.
    pub(in crate::archive) fn page_of_term(&self, kind: &str, name: &str) -> Option<String> {
        let (_, url) = self.term_urls.iter().find(|(known, _)| *known == kind)?;
        Some(url.replace("{slug}", &slugs::pelican(name, self.slugs)))
    }
}

impl Default for PelicanRules {
    fn default() -> Self {
        Self {
            slugs: PelicanSlugs::default(),
            category: HeaderText::parse("misc").ok(),
            folders_are_categories: true,
            term_urls: ["category", "tag", "author"].map(|kind| (kind, format!("{kind}/{{slug}}.html"))),
        }
    }
}

/// Entries that apply to some posts.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) scope: Scope,
    /// The file, as the user would type it.
    pub(super) file: String,
    pub(super) entries: Vec<Entry>,
    /// In Jekyll, the longer path wins, then the one with a type.
    pub(super) rank: (usize, bool),
}

/// Posts that the generator skips.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) scope: Scope,
    /// The setting that excludes them: `"exclude" in _config.yml:4`.
    pub(super) by: String,
}

/// Entries that are computed from the path of a post.
pub(super) struct Finder {
    /// The file with the expression.
    pub(super) file: String,
    pub(super) find: Box<dyn Fn(Place<'_>) -> Vec<Entry> + Send + Sync>,
}

impl fmt::Debug for Finder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Finder({})", self.file)
    }
}

/// A setting that cannot be understood and may hold posts back.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) scope: Scope,
    /// Posts that set this key themselves are not affected.
    pub(super) unless: &'static str,
    pub(super) finding: Finding,
}

/// A set of posts.
pub(super) struct Scope(Box<dyn Fn(Place<'_>) -> bool + Send + Sync>);

impl Scope {
    pub(super) fn new(covers: impl Fn(Place<'_>) -> bool + Send + Sync + 'static) -> Self {
        Self(Box::new(covers))
    }

    pub(super) fn all() -> Self {
        Self::new(|_| true)
    }

    /// The posts in a folder and its subfolders.
    pub(super) fn below(folder: Utf8PathBuf) -> Self {
        Self::new(move |place| place.path.starts_with(&folder))
    }

    pub(super) fn covers(&self, place: Place<'_>) -> bool {
        (self.0)(place)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scope")
    }
}

/// An inherited entry, and its place.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::archive) struct InheritedEntry {
    pub entry: Entry,
    /// `content/drafts/_index.md:3`.
    pub from: String,
}

impl Inherited {
    pub(super) fn block(&mut self, scope: Scope, finding: Finding) {
        self.blocks.push(Block { scope, unless: "", finding: explained(finding) });
    }

    /// The authors under their names, if posts have other words for them.
    pub(in crate::archive) fn named(&self, mut authors: Vec<PostAuthor>) -> Vec<PostAuthor> {
        for author in &mut authors {
            if let Some(name) = self.authors.get(author.name.as_str()) {
                author.name = name.clone();
            }
        }
        authors
    }

    /// Drops errors in files that, according to the user, hold no post back.
    pub(in crate::archive) fn pass_over(&mut self, files: &[Utf8PathBuf]) {
        self.blocks.retain(|block| !files.iter().any(|file| *file == block.finding.file));
    }

    /// The path of a post as the settings see it.
    pub(in crate::archive) fn path<'p>(&self, path: &'p Utf8Path) -> &'p Utf8Path {
        path.strip_prefix(&self.base).unwrap_or(path)
    }

    /// The setting that makes the generator skip the post, if there is one.
    pub(in crate::archive) fn unread(&self, place: Place<'_>) -> Option<&str> {
        self.unread.iter().find(|unread| unread.scope.covers(place)).map(|unread| unread.by.as_str())
    }

    /// The entries that a post with the entries `own` inherits.
    pub(in crate::archive) fn inherited_entries(
        &self,
        place: Place<'_>,
        own: &[Entry],
    ) -> Vec<InheritedEntry> {
        let mut seen: BTreeSet<String> = own.iter().map(|entry| key(&entry.key)).collect();
        if self.is_ranked {
            // Jekyll merges the categories of a post and those it inherits.
            seen.remove("categories");
        }
        let mut inherited = Vec::new();
        let mut add = |file: &str, entry: &Entry| {
            if seen.insert(key(&entry.key)) {
                inherited
                    .push(InheritedEntry { entry: entry.clone(), from: format!("{file}:{}", entry.line) });
            }
        };
        for finder in &self.finders {
            for entry in (finder.find)(place) {
                add(&finder.file, &entry);
            }
        }
        for layer in self.ranked(place) {
            for entry in &layer.entries {
                add(&layer.file, entry);
            }
        }
        inherited
    }

    /// The layers that cover a post, the most important first.
    fn ranked(&self, place: Place<'_>) -> Vec<&Layer> {
        let covering = self.layers.iter().filter(|layer| layer.scope.covers(place));
        if !self.is_ranked {
            return covering.collect();
        }
        // As in Jekyll: each set of defaults overrides those before it, unless it is less specific than the last one that
        // did.
        let mut ranked = std::collections::VecDeque::new();
        let mut last = None;
        for layer in covering {
            if last.is_none_or(|last| layer.rank >= last) {
                last = Some(layer.rank);
                ranked.push_front(layer);
            } else {
                ranked.push_back(layer);
            }
        }
        ranked.into()
    }

    /// The setting that blocks a post with the entries `own`, if there is one.
    pub(in crate::archive) fn block_of(&self, place: Place<'_>, own: &[Entry]) -> Option<&Finding> {
        let has_key = |wanted: &str| own.iter().any(|entry| entry.key.eq_ignore_ascii_case(wanted));
        let block = self
            .blocks
            .iter()
            .find(|block| block.scope.covers(place) && (block.unless.is_empty() || !has_key(block.unless)));
        block.map(|block| &block.finding)
    }

    /// The errors in settings at the places in `concerned`, each once.
    pub(in crate::archive) fn findings(&self, concerned: &BTreeSet<String>) -> Vec<Finding> {
        let mut seen = BTreeSet::new();
        let blocks = self.blocks.iter().map(|block| &block.finding);
        let concerning = blocks.filter(|finding| concerned.contains(&place_of(finding)));
        concerning.filter(|finding| seen.insert(place_of(finding))).cloned().collect()
    }
}

/// One form for the spellings of a key.
pub(super) fn key(key: &str) -> String {
    match key.to_ascii_lowercase().as_str() {
        "_build" => "build".to_owned(),
        "category" => "categories".to_owned(),
        key => key.to_owned(),
    }
}

/// The place of a finding: `_config.yml:4`.
pub(in crate::archive) fn place_of(finding: &Finding) -> String {
    match finding.line {
        Some(line) => format!("{}:{line}", finding.file),
        None => finding.file.clone(),
    }
}

/// Adds to an error in a setting what it means for the posts.
pub(super) fn explained(finding: Finding) -> Finding {
    let message =
        format!("{}: no post that this may hold back is published until it is fixed", finding.message);
    let hint = finding.hint.unwrap_or_else(|| "fix the syntax".to_owned());
    let hint = format!(
        "{hint}; if it holds nothing back, add {:?} to `passed_over` in [archive] of config.toml",
        finding.file
    );
    Finding { rule: "site-setting", message, hint: Some(hint), ..finding }
}

/// An error in a setting.
pub(super) fn unclear(file: &str, line: usize, message: impl Into<String>) -> Finding {
    Finding::error("site-setting", file, message).at(line)
}

/// The value of a key in a table, ignoring case.
pub(super) fn get<'v>(table: &'v [(String, Value)], key: &str) -> Option<&'v Value> {
    table.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value)
}

/// The texts of a list, or a single text; `None` for anything else.
pub(super) fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Text(text) => Some(vec![text.clone()]),
        Value::Nothing => Some(Vec::new()),
        Value::List(items) => items
            .iter()
            .map(|item| match item {
                Value::Text(text) | Value::Number(text) | Value::Date(text) => Some(text.clone()),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

/// The number of the first line after `from` that sets `key`, or `from`; lines are counted from 1.
pub(super) fn line_of(text: &str, key: &str, from: usize) -> usize {
    let sets = |line: &str| {
        let line = line.trim_start_matches(['-', ' ', '\t', '"', '\'', '[', '{']);
        line.get(..key.len()).is_some_and(|start| start.eq_ignore_ascii_case(key))
            && line[key.len()..].trim_start_matches(['"', '\'', ' ', ']']).starts_with(['=', ':'])
    };
    let mut lines = text.lines().enumerate().skip(from.saturating_sub(1));
    lines.find(|(_, line)| sets(line)).map_or(from, |(at, _)| at + 1)
}
