//! Hugo: `cascade` in the front matter of sections and in the site's configuration, ignored files, and mounts that exclude
//! files.

use camino::{Utf8Path, Utf8PathBuf};

use super::glob::{Glob, Style};
use super::layers::{
    DatesInNames, Inherited, Layer, Place, Scope, Source, Unread, get, line_of, texts, unclear,
};
use super::places::SiteFolders;
use super::regular::Regular;
use crate::archive::front_matter::{self, Entry, Value, flags};
use crate::archive::{language, naming};
use crate::config::Generator;
use crate::finding::Finding;
use crate::platform::slashed;

/// Hugo's default environment for builds.
const ENVIRONMENT: &str = "production";

pub(super) fn read(inherited: &mut Inherited, around: &SiteFolders, sources: &[Source]) {
    let is_section = |source: &&Source| naming::is_section_page(source.path.file_name().unwrap_or_default());
    let (mut sections, configuration): (Vec<&Source>, Vec<&Source>) = sources.iter().partition(is_section);
    // The nearest section wins.
    sections.sort_by_key(|source| std::cmp::Reverse(around.folder_of(&source.path).components().count()));
    let languages = languages(&configuration);
    for source in sections {
        section(inherited, around, source, &languages);
    }
    for source in configuration {
        let folder = Utf8PathBuf::new();
        let entries = match entries_of(source) {
            Ok(entries) => entries,
            Err(finding) => {
                inherited.block(Scope::all(), finding);
                continue;
            }
        };
        let reach = Reach { folder, language: None, languages: languages.clone() };
        if let Some(finding) = ignored_files(inherited, &entries, &source.shown) {
            inherited.block(Scope::all(), finding);
        }
        if let Some(finding) = mounts(inherited, &entries, source) {
            inherited.block(Scope::all(), finding);
        }
        for entry in entries.iter().filter(|entry| entry.key.eq_ignore_ascii_case("cascade")) {
            cascade(inherited, entry, &reach, source);
        }
        of_languages(inherited, &entries, &reach, source);
        dates_in_names(inherited, &entries);
    }
}

/// `[frontmatter] date = [":filename", ":default"]`: the name also gives the slug.
fn dates_in_names(inherited: &mut Inherited, entries: &[Entry]) {
    let settings = entries.iter().find(|entry| entry.key.eq_ignore_ascii_case("frontmatter"));
    let Some(Value::Table(table)) = settings.map(|entry| &entry.value) else { return };
    let sources = get(table, "date").and_then(texts).unwrap_or_default();
    let Some(at) = sources.iter().position(|source| source.eq_ignore_ascii_case(":filename")) else { return };
    // The times of files and of commits do not count here.
    let is_first =
        sources[..at].iter().all(|source| [":filemodtime", ":git"].contains(&source.to_lowercase().as_str()));
    inherited.dates_in_names = if is_first { DatesInNames::First } else { DatesInNames::Last };
}

/// The entries of a configuration file; `cascade.toml` in a configuration folder is the table of that name.
pub(super) fn entries_of(source: &Source) -> Result<Vec<Entry>, Finding> {
    let stem = source.path.file_name().unwrap_or_default().split('.').next().unwrap_or_default();
    if !["hugo", "config", "cascade", "frontmatter", "languages", "markup", "module"].contains(&stem) {
        return Ok(Vec::new());
    }
    let text = source.text.as_ref().map_err(|message| unclear(&source.shown, 1, message))?;
    let entries = front_matter::document(text, &source.shown).unwrap_or(Ok(Vec::new()))?;
    if matches!(stem, "hugo" | "config") {
        return Ok(entries);
    }
    let table = entries.into_iter().map(|entry| (entry.key, entry.value)).collect();
    Ok(vec![Entry { key: stem.to_owned(), line: 1, value: Value::Table(table) }])
}

/// The languages in the configuration.
fn languages(configuration: &[&Source]) -> Vec<String> {
    let entries = configuration.iter().filter_map(|source| entries_of(source).ok()).flatten();
    let tables = entries.filter(|entry| entry.key.eq_ignore_ascii_case("languages"));
    let names = tables.filter_map(|entry| match entry.value {
        Value::Table(table) => Some(table.into_iter().map(|(name, _)| name)),
        _ => None,
    });
    names.flatten().collect()
}

/// `languages.ko.cascade` applies to the posts of that language.
fn of_languages(inherited: &mut Inherited, entries: &[Entry], reach: &Reach, source: &Source) {
    let languages = entries.iter().filter(|entry| entry.key.eq_ignore_ascii_case("languages"));
    for entry in languages {
        let Value::Table(table) = &entry.value else { continue };
        for (name, value) in table {
            let Value::Table(own) = value else { continue };
            if let Some(value) = get(own, "cascade") {
                let reach = Reach { language: Some(name.clone()), ..reach.clone() };
                let entry = Entry { key: "cascade".to_owned(), line: entry.line, value: value.clone() };
                cascade(inherited, &entry, &reach, source);
            }
        }
    }
}

fn section(inherited: &mut Inherited, around: &SiteFolders, source: &Source, languages: &[String]) {
    let folder = around.folder_of(&source.path);
    let stem = source.path.file_stem().unwrap_or_default();
    let language = language::split(stem).1.map(str::to_owned);
    let reach = Reach { folder, language, languages: languages.to_vec() };
    let text = match &source.text {
        Ok(text) => text,
        Err(message) => return inherited.block(reach.scope(None), unclear(&source.shown, 1, message)),
    };
    match front_matter::split_for(text, &source.shown, Generator::Hugo) {
        Err(finding) => inherited.block(reach.scope(None), finding),
        Ok(parts) => {
            for entry in parts.entries.iter().filter(|entry| entry.key.eq_ignore_ascii_case("cascade")) {
                cascade(inherited, entry, &reach, source);
            }
        }
    }
}

/// A table, or a list of them, each with an optional target.
fn cascade(inherited: &mut Inherited, entry: &Entry, reach: &Reach, source: &Source) {
    let one;
    let items = match &entry.value {
        Value::Nothing => return,
        Value::List(items) => items,
        value => {
            one = vec![value.clone()];
            &one
        }
    };
    let mut line = entry.line;
    for item in items {
        let Value::Table(table) = item else {
            let finding =
                unclear(&source.shown, entry.line, "`cascade` is neither a table nor a list of tables");
            inherited.block(reach.scope(None), finding.hint("write it like `cascade: {draft: true}`"));
            continue;
        };
        let text = source.text.as_deref().unwrap_or_default();
        let is_one_line = text.lines().nth(line - 1).is_some_and(|line| line.contains('{'));
        let line_of = |key: &str| if is_one_line { line } else { line_of(text, key, line) };
        let mut entries = Vec::new();
        for (key, value) in table.iter().filter(|(key, _)| !is_target(key)) {
            entries.push(Entry { key: key.clone(), line: line_of(key), value: value.clone() });
        }
        let (first, last) = entries
            .iter()
            .fold((usize::MAX, line), |(first, last), entry| (first.min(entry.line), last.max(entry.line)));
        let first = first.min(last);
        let target = table.iter().find(|(key, _)| is_target(key)).map(|(_, target)| target);
        match target.map(|target| Target::read(target, &source.shown, first)).transpose() {
            Ok(target) => inherited.layers.push(Layer {
                scope: reach.scope(target),
                file: source.shown.clone(),
                entries,
                rank: (0, false),
            }),
            Err(finding) if entries.iter().any(flags::may_hold_back) => {
                inherited.block(reach.scope(None), finding);
            }
            Err(_) => {}
        }
        line = last + 1;
    }
}

fn is_target(key: &str) -> bool {
    key.eq_ignore_ascii_case("_target") || key.eq_ignore_ascii_case("target")
}

/// The posts that a section, or the site, applies to.
#[derive(Clone)]
struct Reach {
    folder: Utf8PathBuf,
    language: Option<String>,
    /// The languages of the site.
    languages: Vec<String>,
}

impl Reach {
    fn scope(&self, target: Option<Target>) -> Scope {
        let reach = self.clone();
        Scope::new(move |place| {
            let is_language = match (&reach.language, place.language) {
                (Some(own), Some(language)) => language::is_same(own, language),
                // A post without a language in its name is in the default language.
                _ => true,
            };
            place.path.starts_with(&reach.folder)
                && is_language
                && target.as_ref().is_none_or(|target| target.is_met(place, &reach.languages))
        })
    }
}

#[derive(Debug, Default)]
struct Target {
    path: Option<Glob>,
    kind: Option<Glob>,
    language: Option<Glob>,
    environment: Option<Glob>,
}

impl Target {
    fn read(value: &Value, file: &str, line: usize) -> Result<Self, Finding> {
        let hint = "`path`, `kind`, `lang` and `environment` are understood";
        let wrong = |message: String| unclear(file, line, message).hint(hint);
        let Value::Table(table) = value else {
            return Err(wrong("the target of this `cascade` is not a table".to_owned()));
        };
        let mut target = Self::default();
        for (key, value) in table {
            let field = match key.to_ascii_lowercase().as_str() {
                "path" => &mut target.path,
                "kind" => &mut target.kind,
                "lang" => &mut target.language,
                "environment" => &mut target.environment,
                _ => {
                    return Err(wrong(format!(
                        "the target of this `cascade` has `{key}`, which is not understood"
                    )));
                }
            };
            let Value::Text(pattern) = value else {
                return Err(wrong(format!("`{key}` in the target of this `cascade` is not text")));
            };
            let glob = Glob::parse(&pattern.to_lowercase(), Style::Hugo);
            *field = Some(glob.ok_or_else(|| {
                wrong(format!("the pattern {pattern:?} in the target of this `cascade` is not understood"))
            })?);
        }
        Ok(target)
    }

    fn is_met(&self, place: Place<'_>, languages: &[String]) -> bool {
        let says = |glob: &Option<Glob>, text: &str| glob.as_ref().is_none_or(|glob| glob.matches(text));
        // Hugo ignores a language that the site does not have.
        let is_known = |glob: &Glob| languages.iter().any(|language| glob.matches(&language.to_lowercase()));
        let is_language = match (&self.language, place.language) {
            (Some(glob), Some(language)) => !is_known(glob) || glob.matches(&language.to_lowercase()),
            _ => true,
        };
        says(&self.path, &logical(place.path))
            && says(&self.kind, "page")
            && says(&self.environment, ENVIRONMENT)
            && is_language
    }
}

/// Hugo's logical path of a page: `/posts/my-post` for `posts/My Post.ko.md` and `posts/my-post/index.md`.
fn logical(path: &Utf8Path) -> String {
    let stem = language::split(path.file_stem().unwrap_or_default()).0;
    let folder = path.parent().unwrap_or(Utf8Path::new(""));
    let page = if stem == "index" { folder.to_owned() } else { slashed(folder.join(stem)) };
    format!("/{page}").to_lowercase().replace(' ', "-")
}

/// `ignoreFiles`: expressions that are searched for in the path of a file.
fn ignored_files(inherited: &mut Inherited, entries: &[Entry], file: &str) -> Option<Finding> {
    let entry = entries.iter().find(|entry| entry.key.eq_ignore_ascii_case("ignoreFiles"))?;
    let wrong = |message: String| Some(unclear(file, entry.line, message));
    let Some(expressions) = texts(&entry.value) else {
        return wrong("`ignoreFiles` is not a list of texts".to_owned());
    };
    for text in expressions {
        let Some(expression) = Regular::parse(&text) else {
            return wrong(format!("the expression {text:?} in `ignoreFiles` is not understood"));
        };
        // A match that takes too long counts as a match: the post is left out and reported.
        let scope =
            Scope::new(move |place| expression.is_in(&format!("/content/{}", place.path)).unwrap_or(true));
        inherited.unread.push(Unread { scope, by: format!("`ignoreFiles` in {file}:{}", entry.line) });
    }
    None
}

/// Mounts of the content that exclude files.
fn mounts(inherited: &mut Inherited, entries: &[Entry], source: &Source) -> Option<Finding> {
    let entry = entries.iter().find(|entry| entry.key.eq_ignore_ascii_case("module"))?;
    let Value::Table(module) = &entry.value else { return None };
    let Some(Value::List(mounts)) = get(module, "mounts") else { return None };
    let text = source.text.as_deref().unwrap_or_default();
    let mut finding = None;
    for mount in mounts {
        let Value::Table(mount) = mount else { continue };
        let own = |key: &str| get(mount, key).and_then(texts).unwrap_or_default();
        let root = own("source").first().map(|root| root.trim_matches('/').to_owned()).unwrap_or_default();
        let Some(inside) = root.strip_prefix("content") else { continue };
        let inside = Utf8PathBuf::from(inside.trim_start_matches('/'));
        let line = |key: &str| line_of(text, key, entry.line);
        if let Some(key) = ["files"].into_iter().find(|key| get(mount, key).is_some()) {
            let message = format!("`{key}` of a mount is not understood");
            finding = Some(unclear(&source.shown, line(key), message).hint("write `excludeFiles`"));
        }
        for (key, is_out) in [("excludeFiles", true), ("includeFiles", false)] {
            let patterns = own(key);
            let globs: Option<Vec<_>> = patterns.iter().map(|glob| Glob::parse(glob, Style::Hugo)).collect();
            let Some(globs) = globs else {
                let message = format!("a pattern in `{key}` of a mount is not understood");
                finding = Some(unclear(&source.shown, line(key), message));
                continue;
            };
            if globs.is_empty() {
                continue;
            }
            let inside = inside.clone();
            let scope = Scope::new(move |place| {
                let below = place.path.strip_prefix(&inside);
                below.is_ok_and(|path| globs.iter().any(|glob| glob.matches(path.as_str())) == is_out)
            });
            let by = format!("`{key}` in {}:{}", source.shown, line(key));
            inherited.unread.push(Unread { scope, by });
        }
    }
    finding
}
