//! Zola: a draft section holds back everything in its folder, and files in `ignored_content` are skipped. Pages inherit
//! nothing else from a section.

use super::glob::{Glob, Style};
use super::layers::{Inherited, Scope, Source, Unread, texts, unclear};
use super::places::SiteFolders;
use crate::archive::front_matter::{self, Value};
use crate::archive::naming;
use crate::config::Generator;
use crate::finding::Finding;

pub(super) fn read(inherited: &mut Inherited, around: &SiteFolders, sources: &[Source]) {
    for source in sources {
        let is_section = naming::is_section_page(source.path.file_name().unwrap_or_default());
        let folder = is_section.then(|| around.folder_of(&source.path));
        let scope = || folder.clone().map_or_else(Scope::all, Scope::below);
        let read = match &source.text {
            Err(message) => Err(unclear(&source.shown, 1, message)),
            Ok(text) if is_section => section(text, source),
            Ok(text) => ignored(inherited, around, text, source).map(|()| None),
        };
        match read {
            Ok(None) => {}
            Ok(Some(by)) => inherited.unread.push(Unread { scope: scope(), by }),
            Err(finding) => inherited.block(scope(), finding),
        }
    }
}

/// The setting that makes the section a draft, if it is one.
fn section(text: &str, source: &Source) -> Result<Option<String>, Finding> {
    let parts = front_matter::split_for(text, &source.shown, Generator::Zola)?;
    let Some(entry) = parts.entries.iter().find(|entry| entry.key == "draft") else { return Ok(None) };
    match &entry.value {
        Value::Bool(false) => Ok(None),
        Value::Bool(true) => Ok(Some(format!("`draft = true` in {}:{}", source.shown, entry.line))),
        _ => Err(unclear(&source.shown, entry.line, "`draft` is neither true nor false")
            .hint("write true or false")),
    }
}

/// `ignored_content`: patterns for whole paths.
fn ignored(
    inherited: &mut Inherited,
    around: &SiteFolders,
    text: &str,
    source: &Source,
) -> Result<(), Finding> {
    let entries = front_matter::document(text, &source.shown).unwrap_or(Ok(Vec::new()))?;
    let Some(entry) = entries.iter().find(|entry| entry.key == "ignored_content") else { return Ok(()) };
    let wrong = |message: String| unclear(&source.shown, entry.line, message);
    let patterns =
        texts(&entry.value).ok_or_else(|| wrong("`ignored_content` is not a list of texts".to_owned()))?;
    for pattern in patterns {
        let glob = Glob::parse(&pattern, Style::NamesWithChoices).ok_or_else(|| {
            wrong(format!("the pattern {pattern:?} in `ignored_content` is not understood"))
        })?;
        let content = around.content.clone();
        // An ignored folder includes its contents.
        let scope = Scope::new(move |place| {
            let ways = place.path.ancestors().filter(|path| *path != "");
            ways.map(|path| content.join(path)).any(|path| glob.matches(path.as_str()))
        });
        let by = format!("`ignored_content` in {}:{}", source.shown, entry.line);
        inherited.unread.push(Unread { scope, by });
    }
    Ok(())
}
