//! What a site says of many posts at once: Hugo's `cascade`, Jekyll's `defaults`, Pelican's `DEFAULT_METADATA`, Zola's
//! drafted sections, Eleventy's directory data, and which files a generator does not read at all.
//!
//! A setting is obeyed, or, where it cannot be understood, the posts that it may hold back stay out until it can. Pure:
//! the texts of the files are handed in.

mod eleventy;
mod glob;
mod hugo;
mod jekyll;
mod pelican;
mod places;
mod python;
mod regular;
mod zola;

use std::collections::BTreeSet;
use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};
use chrono_tz::Tz;

use super::front_matter::{Entry, Value, customs, fields, flags};
use super::site::Site;
use crate::config::Generator;
use crate::finding::Finding;

pub(super) use eleventy::computed;
pub(super) use places::{Around, data_stem, is_setting, outside};

/// A file that says something of other files.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// The file, from the root of the file system.
    pub path: Utf8PathBuf,
    /// The same, as the user would type it.
    pub shown: String,
    /// What it says, or why it cannot be read.
    pub text: Result<String, String>,
}

/// A post, as the settings of a site know it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'p> {
    /// The file below the root of the content (in Jekyll's sites, of the site).
    pub path: &'p Utf8Path,
    /// The language that its name says.
    pub language: Option<&'p str>,
}

/// Everything that the settings of a site say.
#[derive(Debug, Default)]
pub(super) struct Inherited {
    /// They come before all layers.
    finders: Vec<Finder>,
    /// Of two that say the same key the one that comes first counts.
    layers: Vec<Layer>,
    unread: Vec<Unread>,
    blocks: Vec<Block>,
    /// Jekyll's order is another one for each post.
    is_ranked: bool,
    /// The folder of the content where its name is not the usual one.
    base: Utf8PathBuf,
}

/// What holds for some posts, as if each of them said it itself.
#[derive(Debug)]
struct Layer {
    scope: Scope,
    /// The file, as the user would type it.
    file: String,
    entries: Vec<Entry>,
    /// Of two that Jekyll finds, the longer path counts, then the one with a type.
    rank: (usize, bool),
}

/// Posts that the generator does not read.
#[derive(Debug)]
struct Unread {
    scope: Scope,
    /// What keeps them out: `"exclude" in _config.yml:4`.
    by: String,
}

/// What the path of a post says of it.
struct Finder {
    /// The file that says how.
    file: String,
    find: Box<dyn Fn(Place<'_>) -> Vec<Entry> + Send + Sync>,
}

impl fmt::Debug for Finder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Finder({})", self.file)
    }
}

/// A setting that cannot be understood, and may hold posts back.
#[derive(Debug)]
struct Block {
    scope: Scope,
    /// Posts that say this themselves are not concerned.
    unless: &'static str,
    finding: Finding,
}

/// Which posts are meant.
struct Scope(Box<dyn Fn(Place<'_>) -> bool + Send + Sync>);

impl Scope {
    fn new(covers: impl Fn(Place<'_>) -> bool + Send + Sync + 'static) -> Self {
        Self(Box::new(covers))
    }

    fn all() -> Self {
        Self::new(|_| true)
    }

    /// What lies in a folder, and deeper.
    fn below(folder: Utf8PathBuf) -> Self {
        Self::new(move |place| place.path.starts_with(&folder))
    }

    fn covers(&self, place: Place<'_>) -> bool {
        (self.0)(place)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scope")
    }
}

/// An entry that a post did not write itself, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Handed {
    pub entry: Entry,
    /// `content/drafts/_index.md:3`.
    pub from: String,
}

impl Inherited {
    /// Reads what the settings of `site` say; dates without a zone are in `zone`.
    pub(super) fn of(site: &Site, around: &Around, sources: &[Source], zone: Tz) -> Self {
        let mut inherited = Self::default();
        match site.generator {
            Generator::Hugo => hugo::read(&mut inherited, around, sources),
            Generator::Zola => zola::read(&mut inherited, around, sources),
            Generator::Jekyll => jekyll::read(&mut inherited, sources),
            Generator::Pelican => pelican::read(&mut inherited, sources),
            Generator::Plain => eleventy::read(&mut inherited, around, sources),
        }
        inherited.understand(site.generator, zone);
        inherited
    }

    /// Takes out of the layers what no post could use: a wrong value that may hold posts back stops them, another one
    /// is passed over, as it is in a post.
    fn understand(&mut self, generator: Generator, zone: Tz) {
        for layer in std::mem::take(&mut self.layers) {
            let mut kept = Vec::new();
            let mut wrong = Vec::new();
            for entry in layer.entries {
                let mut found = match flags::held_back(std::slice::from_ref(&entry), &layer.file, generator) {
                    Ok(Some(_)) => Vec::new(),
                    Ok(None) => {
                        let known = customs::undo(vec![entry.clone()], generator);
                        fields::read(&known, &layer.file, zone).1
                    }
                    Err(finding) => vec![finding],
                };
                match found.pop() {
                    None => kept.push(entry),
                    Some(finding) if flags::may_hold_back(&entry) => wrong.push(finding),
                    Some(_) => {}
                }
            }
            let scope = std::sync::Arc::new(layer.scope);
            for finding in wrong {
                let scope = std::sync::Arc::clone(&scope);
                self.block(Scope::new(move |place| scope.covers(place)), finding);
            }
            let scope = Scope::new(move |place| scope.covers(place));
            self.layers.push(Layer { scope, entries: kept, ..layer });
        }
    }

    fn block(&mut self, scope: Scope, finding: Finding) {
        self.blocks.push(Block { scope, unless: "", finding: explained(finding) });
    }

    /// Leaves out what is wrong with files of which the user says that they hold nothing back.
    pub(super) fn pass_over(&mut self, files: &[Utf8PathBuf]) {
        self.blocks.retain(|block| !files.iter().any(|file| *file == block.finding.file));
    }

    /// The path of a post as the settings know it.
    pub(super) fn path<'p>(&self, path: &'p Utf8Path) -> &'p Utf8Path {
        path.strip_prefix(&self.base).unwrap_or(path)
    }

    /// Why the generator does not read the post, if it does not.
    pub(super) fn unread(&self, place: Place<'_>) -> Option<&str> {
        self.unread.iter().find(|unread| unread.scope.covers(place)).map(|unread| unread.by.as_str())
    }

    /// What the settings say of a post that has `own` entries and does not say itself.
    pub(super) fn handed_down(&self, place: Place<'_>, own: &[Entry]) -> Vec<Handed> {
        let mut said: BTreeSet<String> = own.iter().map(|entry| key(&entry.key)).collect();
        if self.is_ranked {
            // Jekyll adds up the categories of a post and those that are handed down.
            said.remove("categories");
        }
        let mut handed = Vec::new();
        let mut hand = |file: &str, entry: &Entry| {
            if said.insert(key(&entry.key)) {
                handed.push(Handed { entry: entry.clone(), from: format!("{file}:{}", entry.line) });
            }
        };
        for finder in &self.finders {
            (finder.find)(place).iter().for_each(|entry| hand(&finder.file, entry));
        }
        for layer in self.ranked(place) {
            layer.entries.iter().for_each(|entry| hand(&layer.file, entry));
        }
        handed
    }

    /// The layers that cover a post, those that count first.
    fn ranked(&self, place: Place<'_>) -> Vec<&Layer> {
        let covering = self.layers.iter().filter(|layer| layer.scope.covers(place));
        if !self.is_ranked {
            return covering.collect();
        }
        // As Jekyll does it: each set of defaults is laid over those before, unless it is less exact than the last one
        // that was.
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

    /// The setting that cannot be understood and may hold back a post with `own` entries.
    pub(super) fn block_of(&self, place: Place<'_>, own: &[Entry]) -> Option<&Finding> {
        let says = |wanted: &str| own.iter().any(|entry| entry.key.eq_ignore_ascii_case(wanted));
        let block = self.blocks.iter().find(|block| {
            block.scope.covers(place) && (block.unless.is_empty() || !says(block.unless))
        });
        block.map(|block| &block.finding)
    }

    /// What is wrong with the settings that hold up the posts in `concerned`, each once.
    pub(super) fn findings(&self, concerned: &BTreeSet<String>) -> Vec<Finding> {
        let mut said = BTreeSet::new();
        let blocks = self.blocks.iter().map(|block| &block.finding);
        let concerning = blocks.filter(|finding| concerned.contains(&place_of(finding)));
        concerning.filter(|finding| said.insert(place_of(finding))).cloned().collect()
    }
}

/// Two spellings of one key.
fn key(key: &str) -> String {
    match key.to_ascii_lowercase().as_str() {
        "_build" => "build".to_owned(),
        "category" => "categories".to_owned(),
        key => key.to_owned(),
    }
}

/// Where a finding points: `_config.yml:4`.
pub(super) fn place_of(finding: &Finding) -> String {
    match finding.line {
        Some(line) => format!("{}:{line}", finding.file),
        None => finding.file.clone(),
    }
}

/// An error in a setting, with what it means for the posts.
fn explained(finding: Finding) -> Finding {
    let message = format!("{}: no post that this may hold back is published until it is put right", finding.message);
    let hint = finding.hint.unwrap_or_else(|| "write it so that it can be read".to_owned());
    let hint = format!(
        "{hint}; if it holds nothing back, add {:?} to `passed_over` in [archive] of config.toml",
        finding.file
    );
    Finding { rule: "site-setting", message, hint: Some(hint), ..finding }
}

/// An error in a setting.
fn unclear(file: &str, line: usize, message: impl Into<String>) -> Finding {
    Finding::error("site-setting", file, message).at(line)
}

/// The value of a key in a table, whatever its case.
fn get<'v>(table: &'v [(String, Value)], key: &str) -> Option<&'v Value> {
    table.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value)
}

/// The texts of a list, or a text alone; `None` if there is anything else.
fn texts(value: &Value) -> Option<Vec<String>> {
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

/// The line of the first line behind `from` that sets `key`, or `from`; lines are counted from 1.
fn line_of(text: &str, key: &str, from: usize) -> usize {
    let sets = |line: &str| {
        let line = line.trim_start_matches(['-', ' ', '\t', '"', '\'', '[', '{']);
        line.get(..key.len()).is_some_and(|start| start.eq_ignore_ascii_case(key))
            && line[key.len()..].trim_start_matches(['"', '\'', ' ', ']']).starts_with(['=', ':'])
    };
    let mut lines = text.lines().enumerate().skip(from.saturating_sub(1));
    lines.find(|(_, line)| sets(line)).map_or(from, |(at, _)| at + 1)
}

