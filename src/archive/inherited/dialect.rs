//! What the Markdown of a site makes of quotes and line ends: goldmark in Hugo, kramdown or `CommonMark` in Jekyll, Zola's own
//! setting, and Python-Markdown in Pelican; for others, their defaults. A setting that is not understood is the generator's default: only words on a
//! page depend on it. Formulas are not here; `archive.math` reads them.

use super::layers::{Source, get, texts};
use super::{hugo, pelican};
use crate::archive::front_matter::{self, Entry, Value};
use crate::archive::{MarkdownDialect, generators};
use crate::config::Generator;

/// The dialect of a site with these settings files.
pub(super) fn read(generator: Generator, sources: &[Source]) -> MarkdownDialect {
    match generator {
        Generator::Hugo => goldmark(sources),
        Generator::Jekyll => of_jekyll(&document(sources)),
        Generator::Zola => MarkdownDialect {
            smart_punctuation: is_on(&document(sources), &["markdown", "smart_punctuation"]).unwrap_or(false),
            ..MarkdownDialect::default()
        },
        Generator::Pelican => python_markdown(sources),
        generator => generators::rules(generator).map(|rules| rules.dialect).unwrap_or_default(),
    }
}

fn goldmark(sources: &[Source]) -> MarkdownDialect {
    // Later files, as those of an environment, win.
    let entries: Vec<Entry> =
        sources.iter().rev().filter_map(|source| hugo::entries_of(source).ok()).flatten().collect();
    let typographer = ["markup", "goldmark", "extensions", "typographer"];
    let is_disabled = is_on(&entries, &[typographer.as_slice(), &["disable"]].concat());
    let smart = is_on(&entries, &typographer).or(is_disabled.map(|yes| !yes));
    let hard = is_on(&entries, &["markup", "goldmark", "renderer", "hardWraps"]);
    MarkdownDialect {
        smart_punctuation: smart.unwrap_or(true),
        hard_breaks: hard.unwrap_or(false),
        ..MarkdownDialect::default()
    }
}

fn of_jekyll(entries: &[Entry]) -> MarkdownDialect {
    let text = |path: &[&str]| Some(texts(setting(entries, path)?)?.join(","));
    let engine = text(&["markdown"]).unwrap_or_default().to_lowercase();
    let (smart_punctuation, hard_breaks) = if matches!(engine.as_str(), "" | "kramdown") {
        // The names of the characters; `apos` and `quot` are straight ones.
        let quotes = text(&["kramdown", "smart_quotes"]).unwrap_or_default();
        let is_straight =
            ["apos", "quot", "39", "34"].contains(&quotes.split(',').next().unwrap_or_default().trim());
        (!is_straight, is_on(entries, &["kramdown", "hard_wrap"]).unwrap_or(false))
    } else {
        let options = text(&["commonmark", "options"]).unwrap_or_default().to_uppercase();
        let has = |option: &str| options.split(',').any(|own| own.trim() == option);
        (has("SMART"), has("HARDBREAKS"))
    };
    MarkdownDialect { smart_punctuation, hard_breaks, ..MarkdownDialect::default() }
}

fn python_markdown(sources: &[Source]) -> MarkdownDialect {
    let settings = pelican::Settings { sources };
    let markdown = settings.get("MARKDOWN").and_then(|(_, assignment)| assignment.value);
    let table = |value: &Value, key: &str| match value {
        Value::Table(table) => get(table, key).cloned(),
        _ => None,
    };
    let own = |key: &str| markdown.as_ref().and_then(|markdown| table(markdown, key));
    let mut extensions = own("extensions").and_then(|list| texts(&list)).unwrap_or_default();
    if let Some(Value::Table(configured)) = own("extension_configs") {
        extensions.extend(configured.into_iter().map(|(name, _)| name));
    }
    let has = |name: &str| extensions.iter().any(|own| own.rsplit('.').next() == Some(name));
    MarkdownDialect {
        smart_punctuation: settings.flag("TYPOGRIFY") == Some(true) || has("smarty"),
        hard_breaks: has("nl2br"),
        ..MarkdownDialect::default()
    }
}

/// The entries of the configuration file.
fn document(sources: &[Source]) -> Vec<Entry> {
    let files = sources.iter().filter_map(|source| Some((source.text.as_deref().ok()?, source)));
    let mut documents = files.filter_map(|(text, source)| front_matter::document(text, &source.shown)?.ok());
    documents.next().unwrap_or_default()
}

/// The value at a path of keys, in the first entry that has it.
fn setting<'e>(entries: &'e [Entry], path: &[&str]) -> Option<&'e Value> {
    let (first, rest) = path.split_first()?;
    let mut own = entries.iter().filter(|entry| entry.key.eq_ignore_ascii_case(first));
    own.find_map(|entry| {
        rest.iter().try_fold(&entry.value, |value, key| match value {
            Value::Table(table) => get(table, key),
            _ => None,
        })
    })
}

fn is_on(entries: &[Entry], path: &[&str]) -> Option<bool> {
    match setting(entries, path)? {
        Value::Bool(yes) => Some(*yes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Smart punctuation and hard breaks of a site with this file.
    fn of(generator: Generator, file: &str, text: &str) -> (bool, bool) {
        let source = Source {
            path: format!("/site/{file}").into(),
            shown: file.to_owned(),
            text: Ok(text.to_owned()),
        };
        let dialect = read(generator, &[source]);
        (dialect.smart_punctuation, dialect.hard_breaks)
    }

    #[test]
    fn hugo_and_jekyll_write_curly_quotes_unless_told_otherwise() {
        let (hugo, jekyll) = (Generator::Hugo, Generator::Jekyll);
        let goldmark = "[markup.goldmark.extensions]\ntypographer";
        for (generator, file, text, expected) in [
            (hugo, "hugo.toml", "", (true, false)),
            (hugo, "hugo.toml", &format!("{goldmark} = false"), (false, false)),
            (hugo, "hugo.toml", &format!("{goldmark} = {{ disable = true }}"), (false, false)),
            (hugo, "hugo.toml", &format!("{goldmark} = {{ disable = false }}"), (true, false)),
            (hugo, "config/_default/markup.yaml", "goldmark: {renderer: {hardWraps: true}}", (true, true)),
            (hugo, "hugo.toml", "markup = 3", (true, false)),
            (jekyll, "_config.yml", "", (true, false)),
            (jekyll, "_config.yml", "kramdown:\n  hard_wrap: true\n  input: GFM", (true, true)),
            (jekyll, "_config.yml", "kramdown:\n  smart_quotes: apos,apos,quot,quot", (false, false)),
            (jekyll, "_config.yml", "kramdown:\n  smart_quotes: [39, 39, 34, 34]", (false, false)),
            (jekyll, "_config.yml", "markdown: CommonMark", (false, false)),
            (
                jekyll,
                "_config.yml",
                "markdown: GFM\ncommonmark:\n  options: [SMART, HARDBREAKS]",
                (true, true),
            ),
        ] {
            assert_eq!(of(generator, file, text), expected, "{text}");
        }
    }

    #[test]
    fn zola_pelican_and_plain_folders_keep_what_is_written_unless_told_otherwise() {
        for (generator, file, text, expected) in [
            (Generator::Zola, "config.toml", "", (false, false)),
            (Generator::Zola, "config.toml", "[markdown]\nsmart_punctuation = true", (true, false)),
            (Generator::Pelican, "pelicanconf.py", "TYPOGRIFY = False", (false, false)),
            (Generator::Pelican, "pelicanconf.py", "TYPOGRIFY = True", (true, false)),
            (
                Generator::Pelican,
                "pelicanconf.py",
                "MARKDOWN = {'extension_configs': {'markdown.extensions.smarty': {}}, 'extensions': ['nl2br']}",
                (true, true),
            ),
            (Generator::Plain, "_data.json", "{}", (false, false)),
        ] {
            assert_eq!(of(generator, file, text), expected, "{text}");
        }
    }
}
