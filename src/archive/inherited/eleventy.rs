//! Eleventy's data files: for a folder and its subfolders (`posts/posts.json`, `posts/posts.11tydata.json`), for one
//! template (`posts/a.json`), and global data. Those in JavaScript would have to be run.
//!
//! Only keys that may hold a post back, addresses, authors and languages are used: `tags` are Eleventy's collections, and
//! `layout` is for its templates.

use camino::{Utf8Path, Utf8PathBuf};

use super::layers::{Inherited, Layer, Scope, Source, unclear};
use super::places::{SiteFolders, data_stem};
use crate::archive::front_matter::{self, Entry, Value, flags};
use crate::platform::slashed;

/// Other keys that posts inherit.
const PLAIN_KEYS: [&str; 4] = ["author", "authors", "lang", "language"];

/// Reads the data files; `makes_addresses` says that a `permalink` in them counts.
pub(super) fn read(
    inherited: &mut Inherited,
    around: &SiteFolders,
    sources: &[Source],
    makes_addresses: bool,
) {
    let mut levels: Vec<(Precedence, &Source)> =
        sources.iter().filter_map(|source| Some((Precedence::of(source, around)?, source))).collect();
    levels.sort_by(|(a, a_source), (b, b_source)| {
        b.nearness().cmp(&a.nearness()).then_with(|| a_source.path.cmp(&b_source.path))
    });
    for (level, source) in levels {
        take(inherited, &level, source, makes_addresses);
    }
}

fn take(inherited: &mut Inherited, level: &Precedence, source: &Source, makes_addresses: bool) {
    let text = match &source.text {
        Err(message) => return inherited.block(level.scope(), unclear(&source.shown, 1, message)),
        Ok(text) => text,
    };
    let is_truth = matches!(text.trim(), "true" | "false");
    let entries = if is_truth { Some(Ok(Vec::new())) } else { front_matter::document(text, &source.shown) };
    let Some(entries) = entries else {
        let hint = "use a .json file instead, or the front matter of the posts";
        let finding = unclear(&source.shown, 1, "only Eleventy can run this data file").hint(hint);
        return inherited.block(level.scope(), finding);
    };
    let entries = match entries {
        Ok(entries) => entries,
        Err(finding) => return inherited.block(level.scope(), finding),
    };
    let entries = match level {
        // `_data/draft.json` is the value of `draft`.
        Precedence::Global(name) if *name != "eleventyComputed" => {
            vec![Entry { key: name.clone(), line: 1, value: global(entries, text) }]
        }
        Precedence::Global(name) => {
            let table = entries.into_iter().map(|entry| (entry.key, entry.value)).collect();
            vec![Entry { key: name.clone(), line: 1, value: Value::Table(table) }]
        }
        _ => entries,
    };
    if let Some(finding) = computed(&entries, &source.shown) {
        inherited.block(level.scope(), finding);
    }
    let entries = entries.into_iter().filter(|entry| is_inherited(entry, makes_addresses)).collect();
    inherited.layers.push(Layer {
        scope: level.scope(),
        file: source.shown.clone(),
        entries,
        rank: (0, false),
    });
}

/// The value of a global data file, which may be just `true`.
fn global(entries: Vec<Entry>, text: &str) -> Value {
    match text.trim() {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => Value::Table(entries.into_iter().map(|entry| (entry.key, entry.value)).collect()),
    }
}

/// Whether posts inherit an entry of a data file.
pub(super) fn is_inherited(entry: &Entry, makes_addresses: bool) -> bool {
    match &entry.value {
        // Only where Eleventy makes the addresses.
        Value::Text(_) if entry.key == "permalink" => makes_addresses,
        // The times of files.
        Value::Text(text) if entry.key == "date" => {
            !["created", "last modified", "git created", "git last modified"]
                .contains(&text.to_ascii_lowercase().as_str())
        }
        _ => flags::may_hold_back(entry) || PLAIN_KEYS.contains(&entry.key.as_str()),
    }
}

/// An error if Eleventy computes data that may hold the post back.
pub(in crate::archive) fn computed(entries: &[Entry], file: &str) -> Option<crate::finding::Finding> {
    let entry = entries.iter().find(|entry| entry.key == "eleventyComputed")?;
    let Value::Table(table) = &entry.value else { return None };
    let (key, _) = table.iter().find(|(key, value)| {
        flags::may_hold_back(&Entry { key: key.clone(), line: 1, value: value.clone() })
    })?;
    let message = format!("`eleventyComputed` computes `{key}`, which only Eleventy can do");
    Some(unclear(file, entry.line, message).hint(format!("write the value of `{key}`")))
}

/// The scope of a data file.
enum Precedence {
    /// A post, without its extension.
    Post(Utf8PathBuf),
    Folder(Utf8PathBuf),
    /// From a folder above the posts; the number of folders in between.
    Above(usize),
    /// All posts, under this name.
    Global(String),
}

impl Precedence {
    fn of(source: &Source, around: &SiteFolders) -> Option<Self> {
        let stem = data_stem(source.path.file_name()?);
        let folder = source.path.parent()?;
        if let Ok(inside) = folder.strip_prefix(&around.posts) {
            let is_own = folder.file_name() == Some(stem);
            let inside = slashed(around.prefix.join(inside));
            return Some(if is_own { Self::Folder(inside) } else { Self::Post(slashed(inside.join(stem))) });
        }
        if folder.file_name() == Some("_data") {
            return Some(Self::Global(source.path.file_name()?.split('.').next()?.to_owned()));
        }
        let up = around.posts.ancestors().position(|above| above == folder)?;
        Some(Self::Above(up))
    }

    fn scope(&self) -> Scope {
        match self {
            Self::Folder(folder) => Scope::below(folder.clone()),
            Self::Post(post) => {
                let post = post.clone();
                Scope::new(move |place| without_extension(place.path) == post)
            }
            Self::Above(_) | Self::Global(_) => Scope::all(),
        }
    }

    /// Data nearer to a post wins.
    fn nearness(&self) -> (u8, usize) {
        match self {
            Self::Post(_) => (3, 0),
            Self::Folder(folder) => (2, folder.components().count()),
            Self::Above(up) => (1, usize::MAX - up),
            Self::Global(_) => (0, 0),
        }
    }
}

fn without_extension(path: &Utf8Path) -> Utf8PathBuf {
    path.with_extension("")
}
