//! Jekyll: `defaults` in `_config.yml`, by path and type, and `exclude`.

use camino::Utf8Path;

use super::glob::{Glob, Style};
use super::layers::{Inherited, Layer, Scope, Source, Unread, get, line_of, texts, unclear};
use crate::archive::front_matter::{self, Entry, Value, flags};
use crate::finding::Finding;

pub(super) fn read(inherited: &mut Inherited, sources: &[Source]) {
    inherited.is_ranked = true;
    let Some(source) = sources.first() else { return };
    let entries = match &source.text {
        Err(message) => Err(unclear(&source.shown, 1, message)),
        Ok(text) => front_matter::document(text, &source.shown).unwrap_or(Ok(Vec::new())),
    };
    match entries {
        Err(finding) => inherited.block(Scope::all(), finding),
        Ok(entries) => {
            let collections = entries.iter().find(|entry| entry.key == "collections_dir");
            let collections = collections.and_then(|entry| texts(&entry.value)?.pop()).unwrap_or_default();
            let find = |key: &str| entries.iter().find(|entry| entry.key == key);
            if let Some(entry) = find("defaults") {
                let collections = collections.trim_matches('/');
                let folder = if collections.is_empty() { String::new() } else { format!("{collections}/") };
                defaults(inherited, entry, &folder, source);
            }
            if let Some(finding) = find("exclude").and_then(|entry| excluded(inherited, entry, source)) {
                inherited.block(Scope::all(), finding);
            }
        }
    }
}

/// Each set of defaults is a layer; like Jekyll, ignores an invalid one.
fn defaults(inherited: &mut Inherited, entry: &Entry, collections: &str, source: &Source) {
    let sets = match &entry.value {
        Value::Nothing => return,
        Value::List(sets) => sets,
        _ => {
            let finding = unclear(&source.shown, entry.line, "`defaults` is not a list");
            return inherited.block(Scope::all(), finding.hint("write it as a list of `scope` and `values`"));
        }
    };
    let text = source.text.as_deref().unwrap_or_default();
    let mut line = entry.line;
    for set in sets {
        let Value::Table(set) = set else { continue };
        let (Some(Value::Table(scope)), Some(Value::Table(values))) = (get(set, "scope"), get(set, "values"))
        else {
            continue;
        };
        line = line_of(text, "scope", line + 1).max(line);
        let own = |key: &str| get(scope, key).and_then(texts).and_then(|mut texts| texts.pop());
        let path = own("path").unwrap_or_default();
        let values_line = line_of(text, "values", line);
        let on_one_line = text.lines().nth(values_line - 1).is_some_and(|line| line.contains('{'));
        let line_of = |key: &str| if on_one_line { values_line } else { line_of(text, key, values_line) };
        let entries = values.iter().map(|(key, value)| Entry {
            key: key.clone(),
            line: line_of(key),
            value: value.clone(),
        });
        let entries: Vec<Entry> = entries.collect();
        let kind = own("type");
        if !matches!(kind.as_deref(), None | Some("posts" | "")) {
            continue;
        }
        let rank = (path.trim_start_matches('/').len(), kind.is_some());
        if let Some(scope) = covering(&path, collections) {
            inherited.layers.push(Layer { scope, file: source.shown.clone(), entries, rank });
        } else if entries.iter().any(flags::may_hold_back) {
            let message = format!("the path {path:?} in `defaults` is not understood");
            inherited.block(Scope::all(), unclear(&source.shown, line, message));
        }
    }
}

/// The posts of a path: those whose path begins with it, or matches its pattern.
fn covering(path: &str, collections: &str) -> Option<Scope> {
    let collections = collections.to_owned();
    if !path.contains('*') {
        let path = path.strip_prefix(&collections).unwrap_or(path).to_owned();
        return Some(Scope::new(move |place| {
            let own = place.path.as_str();
            own.strip_prefix(&collections).unwrap_or(own).starts_with(&path)
        }));
    }
    let glob = Glob::parse(path, Style::Folders)?;
    // Ruby's glob matches the beginning of a path, which may be a folder or a file.
    Some(Scope::new(move |place| ancestors(place.path).any(|path| glob.matches(path.as_str()))))
}

fn ancestors(path: &Utf8Path) -> impl Iterator<Item = &Utf8Path> {
    path.ancestors().filter(|path| *path != "")
}

/// `exclude`: patterns, or the beginnings of paths.
fn excluded(inherited: &mut Inherited, entry: &Entry, source: &Source) -> Option<Finding> {
    let wrong = |message: String| Some(unclear(&source.shown, entry.line, message));
    let Some(patterns) = texts(&entry.value) else {
        return wrong("`exclude` is not a list of texts".to_owned());
    };
    let text = source.text.as_deref().unwrap_or_default();
    for pattern in patterns.into_iter().filter(|pattern| !pattern.is_empty()) {
        let Some(glob) = Glob::parse(&pattern, Style::Names) else {
            return wrong(format!("the pattern {pattern:?} in `exclude` is not understood"));
        };
        let at = text.lines().skip(entry.line - 1).position(|line| line.contains(&pattern)).unwrap_or(0);
        let by = format!("`exclude` in {}:{}", source.shown, entry.line + at);
        let start = pattern.trim_start_matches('/').to_owned();
        let scope = Scope::new(move |place| {
            let mut ways = ancestors(place.path);
            place.path.as_str().starts_with(&start) || ways.any(|path| glob.matches(path.as_str()))
        });
        inherited.unread.push(Unread { scope, by });
    }
    None
}
