//! Pelican: metadata for all articles or by path in `pelicanconf.py`, overridden by `publishconf.py`, and the files that are
//! not articles. No Python is run.

use camino::Utf8Path;

use super::glob::{Glob, Style};
use super::layers::{Finder, Inherited, Layer, Place, Scope, Source, Unread, texts, unclear};
use super::python::{self, Assignment};
use super::regular::Regular;
use crate::archive::front_matter::{Entry, Value};
use crate::archive::slugs::PelicanSlugs;
use crate::finding::Finding;
use crate::text::HeaderText;

pub(super) fn read(inherited: &mut Inherited, sources: &[Source]) {
    // `publishconf.py` comes after `pelicanconf.py` and overrides it.
    let settings = Settings { sources };
    for source in sources {
        if let Err(message) = &source.text {
            inherited.block(Scope::all(), unclear(&source.shown, 1, message));
        }
    }
    if let Some((_, Assignment { value: Some(Value::Text(path)), .. })) = settings.get("PATH") {
        inherited.base = path.trim_start_matches("./").trim_matches('/').into();
    }
    // Metadata from the path wins over defaults for all articles.
    let path_metadata = settings.get("PATH_METADATA");
    let file_metadata = settings.get("FILENAME_METADATA");
    for (name, assignment, whole) in
        [("FILENAME_METADATA", file_metadata, false), ("PATH_METADATA", path_metadata, true)]
    {
        let Some((file, assignment)) = assignment else { continue };
        expression(inherited, name, &assignment, (file, whole));
    }
    extra_metadata(inherited, &settings);
    default_date(inherited, &settings);
    default_metadata(inherited, &settings);
    unread(inherited, &settings);
    let is_set = |name: &str| settings.flag(name);
    let rules = &mut inherited.pelican;
    rules.slugs = PelicanSlugs {
        unicode: is_set("SLUGIFY_USE_UNICODE") == Some(true),
        preserve_case: is_set("SLUGIFY_PRESERVE_CASE") == Some(true),
    };
    for (kind, url) in &mut rules.term_urls {
        let setting = format!("{}_URL", kind.to_uppercase());
        if let Some((_, Assignment { value: Some(Value::Text(own)), .. })) = settings.get(&setting) {
            *url = own;
        }
    }
    rules.folders_are_categories = is_set("USE_FOLDER_AS_CATEGORY") != Some(false);
    if let Some((_, Assignment { value: Some(Value::Text(name)), .. })) = settings.get("DEFAULT_CATEGORY")
        && let Ok(name) = HeaderText::parse(&name)
    {
        rules.category = Some(name);
    }
}

pub(super) struct Settings<'s> {
    pub(super) sources: &'s [Source],
}

impl<'s> Settings<'s> {
    /// The value of a name in the last file that mentions it, and the file.
    pub(super) fn get(&self, name: &str) -> Option<(&'s str, Assignment)> {
        self.sources.iter().rev().find_map(|source| {
            Some((source.shown.as_str(), python::value_of(source.text.as_deref().ok()?, name)?))
        })
    }

    /// A value that is `True` or `False`.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        match self.get(name)?.1.value {
            Some(Value::Bool(yes)) => Some(yes),
            _ => None,
        }
    }
}

fn computed(name: &str, file: &str, line: usize) -> Finding {
    unclear(file, line, format!("`{name}` is not a plain value, and Letterpress does not run Python"))
        .hint("write the value itself")
}

/// `DEFAULT_METADATA`, a dictionary or a list of pairs.
fn default_metadata(inherited: &mut Inherited, settings: &Settings<'_>) {
    let name = "DEFAULT_METADATA";
    let Some((file, assignment)) = settings.get(name) else { return };
    if let Some(pairs) = assignment.value.as_ref().and_then(pairs) {
        return push(inherited, Scope::all(), file, assignment.line, pairs);
    }
    inherited.block(Scope::all(), computed(name, file, assignment.line));
    if let Some(block) = inherited.blocks.last_mut() {
        // A post with its own status does not depend on the default.
        block.unless = "status";
    }
}

/// `DEFAULT_DATE` as a text or as numbers; file times (`"fs"`) are ignored.
fn default_date(inherited: &mut Inherited, settings: &Settings<'_>) {
    let Some((file, assignment)) = settings.get("DEFAULT_DATE") else { return };
    let date = match assignment.value {
        Some(Value::Text(text)) if text != "fs" => text,
        Some(Value::List(items)) => {
            let numbers: Vec<u32> = items
                .iter()
                .filter_map(|item| match item {
                    Value::Number(number) => number.parse().ok(),
                    _ => None,
                })
                .collect();
            let [year, month, day, time @ ..] = numbers.as_slice() else { return };
            let time = |at: usize| time.get(at).copied().unwrap_or(0);
            format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", time(0), time(1), time(2))
        }
        _ => return,
    };
    push(inherited, Scope::all(), file, assignment.line, vec![("date".to_owned(), Value::Text(date))]);
}

/// `EXTRA_PATH_METADATA`: a dictionary of paths.
fn extra_metadata(inherited: &mut Inherited, settings: &Settings<'_>) {
    let name = "EXTRA_PATH_METADATA";
    let Some((file, assignment)) = settings.get(name) else { return };
    let Some(Value::Table(paths)) = &assignment.value else {
        return inherited.block(Scope::all(), computed(name, file, assignment.line));
    };
    // The longest path wins.
    let mut paths: Vec<_> = paths.iter().collect();
    paths.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
    for (path, values) in paths {
        let Some(pairs) = pairs(values) else { continue };
        let path = path.trim_end_matches('/').to_owned();
        push(inherited, Scope::new(move |place| place.path.starts_with(&path)), file, assignment.line, pairs);
    }
}

fn push(inherited: &mut Inherited, scope: Scope, file: &str, line: usize, pairs: Vec<(String, Value)>) {
    let entries =
        pairs.into_iter().map(|(key, value)| Entry { key: key.to_ascii_lowercase(), line, value }).collect();
    inherited.layers.push(Layer { scope, file: file.to_owned(), entries, rank: (0, false) });
}

fn pairs(value: &Value) -> Option<Vec<(String, Value)>> {
    match value {
        Value::Nothing => Some(Vec::new()),
        Value::Table(pairs) => Some(pairs.clone()),
        Value::List(items) => items
            .iter()
            .map(|item| match item {
                Value::List(pair) => match pair.as_slice() {
                    [Value::Text(key), value] => Some((key.clone(), value.clone())),
                    _ => None,
                },
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

/// `PATH_METADATA` and `FILENAME_METADATA`: the named groups of an expression, matched on a path (`whole`) or a name.
fn expression(
    inherited: &mut Inherited,
    name: &'static str,
    assignment: &Assignment,
    (file, whole): (&str, bool),
) {
    let text = match &assignment.value {
        Some(Value::Text(text)) => text,
        Some(Value::Nothing) => return,
        _ => return inherited.block(Scope::all(), computed(name, file, assignment.line)),
    };
    if text.is_empty() {
        return;
    }
    let Some(expression) = Regular::parse(text) else {
        let message = format!("the expression in `{name}` is not understood");
        return inherited.block(Scope::all(), unclear(file, assignment.line, message));
    };
    let line = assignment.line;
    let find = move |place: Place<'_>| {
        let data = if whole { place.path.as_str() } else { place.path.file_stem().unwrap_or_default() };
        let groups = expression.match_start(data).ok().flatten().unwrap_or_default();
        let found = groups.into_iter().filter(|(_, value)| !value.is_empty());
        found
            .map(|(key, value)| Entry { key: key.to_ascii_lowercase(), line, value: Value::Text(value) })
            .collect()
    };
    inherited.finders.push(Finder { file: file.to_owned(), find: Box::new(find) });
}

/// Files that are not articles: excluded folders, ignored names, and everything outside `ARTICLE_PATHS`.
fn unread(inherited: &mut Inherited, settings: &Settings<'_>) {
    for name in ["ARTICLE_EXCLUDES", "IGNORE_FILES", "ARTICLE_PATHS"] {
        let Some((file, assignment)) = settings.get(name) else { continue };
        let Some(list) = assignment.value.as_ref().and_then(texts) else {
            inherited.block(Scope::all(), computed(name, file, assignment.line));
            continue;
        };
        let by = format!("`{name}` in {file}:{}", assignment.line);
        let scope = match name {
            "ARTICLE_EXCLUDES" => among(list),
            "IGNORE_FILES" => {
                let Some(scope) = ignored(&list) else {
                    let message = format!("a pattern in `{name}` is not understood");
                    inherited.block(Scope::all(), unclear(file, assignment.line, message));
                    continue;
                };
                scope
            }
            _ => {
                let within = among(list);
                Scope::new(move |place| !within.covers(place))
            }
        };
        inherited.unread.push(Unread { scope, by });
    }
}

/// The posts in one of the folders.
fn among(folders: Vec<String>) -> Scope {
    let plain = |folder: String| folder.trim_start_matches("./").trim_matches(['/', '.']).to_owned();
    let folders: Vec<String> = folders.into_iter().map(plain).collect();
    Scope::new(move |place| folders.iter().any(|folder| place.path.starts_with(folder)))
}

/// The posts whose file name, or a folder of whose path, matches a pattern.
fn ignored(patterns: &[String]) -> Option<Scope> {
    let globs: Vec<Glob> =
        patterns.iter().map(|pattern| Glob::parse(pattern, Style::Names)).collect::<Option<_>>()?;
    Some(Scope::new(move |place| {
        let mut names = place.path.ancestors().filter_map(Utf8Path::file_name);
        names.any(|name| globs.iter().any(|glob| glob.matches(name)))
    }))
}
