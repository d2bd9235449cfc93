//! Settings of a site that apply to many posts: Hugo's `cascade`, Jekyll's `defaults`, Pelican's `DEFAULT_METADATA`, Zola's
//! draft sections, Eleventy's directory data, and the files that a generator skips.
//!
//! If a setting cannot be understood, the posts that it may hold back are left out until it is fixed. Pure: the caller
//! passes the texts of the files.

mod dialect;
mod eleventy;
mod glob;
mod hugo;
mod jekyll;
mod layers;
mod pelican;
mod places;
mod python;
mod quarto;
mod regular;
mod zola;

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use self::layers::{Layer, Scope};
use super::front_matter::{self, Value, fields, flags, generator_habits};
use super::naming;
use super::site::Site;
use crate::config::{self, Config, Generator};
use crate::text::HeaderText;

pub(super) use eleventy::computed;
pub(super) use glob::{Glob, Style};
pub(super) use layers::{DatesInNames, Inherited, InheritedEntry, PelicanRules, Place, Source, place_of};
pub(super) use places::{SiteFolders, data_stem, is_setting, outside};

impl Inherited {
    /// Reads the settings of `site`.
    pub(super) fn of(site: &Site, around: &SiteFolders, sources: &[Source], config: &Config) -> Self {
        let mut inherited = Self::default();
        match site.generator {
            Generator::Hugo => hugo::read(&mut inherited, around, sources),
            Generator::Zola => zola::read(&mut inherited, around, sources),
            Generator::Jekyll => jekyll::read(&mut inherited, sources),
            Generator::Pelican => pelican::read(&mut inherited, sources),
            Generator::Eleventy => eleventy::read(&mut inherited, around, sources, true),
            Generator::Plain => {
                let is_section =
                    |source: &Source| naming::is_section_page(source.path.file_name().unwrap_or_default());
                let (sections, data): (Vec<_>, Vec<_>) = sources.iter().cloned().partition(is_section);
                eleventy::read(&mut inherited, around, &data, false);
                hugo::read(&mut inherited, around, &sections);
            }
            Generator::Quarto => quarto::read(&mut inherited, around, sources),
            _ => authors(&mut inherited.authors, sources),
        }
        inherited.understand(site.generator, &config.site);
        inherited.dialect = dialect::read(site.generator, sources);
        inherited.sections = sections(sources, around, site.generator);
        inherited
    }

    /// Removes invalid values from the layers: one that may hold posts back blocks them; any other is ignored, as in a post.
    fn understand(&mut self, generator: Generator, site: &config::Site) {
        for layer in std::mem::take(&mut self.layers) {
            let mut kept = Vec::new();
            let mut wrong = Vec::new();
            for entry in layer.entries {
                let mut found = match flags::held_back(std::slice::from_ref(&entry), &layer.file, generator) {
                    Ok(Some(_)) => Vec::new(),
                    Ok(None) => {
                        let known = generator_habits::normalise(vec![entry.clone()], generator);
                        fields::read(&known, &layer.file, site).1
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
}

/// The authors in `authors.yml` of Docusaurus and `.authors.yml` of Material for `MkDocs`. A file that cannot be read holds no
/// post back: its posts have the words for their authors.
fn authors(names: &mut BTreeMap<String, HeaderText>, sources: &[Source]) {
    for source in sources {
        let text = source.text.as_deref().unwrap_or_default();
        let Some(Ok(entries)) = front_matter::document(text, &source.shown) else { continue };
        let mut tables: Vec<(String, Value)> =
            entries.into_iter().map(|entry| (entry.key, entry.value)).collect();
        while let Some((key, value)) = tables.pop() {
            let Value::Table(table) = value else { continue };
            match layers::get(&table, "name") {
                Some(Value::Text(name)) => names.extend(HeaderText::parse(name).ok().map(|name| (key, name))),
                _ if key == "authors" => tables.extend(table),
                _ => {}
            }
        }
    }
}

/// The titles of the section pages.
fn sections(
    sources: &[Source],
    around: &SiteFolders,
    generator: Generator,
) -> BTreeMap<Utf8PathBuf, Option<String>> {
    let pages =
        sources.iter().filter(|source| naming::is_section_page(source.path.file_name().unwrap_or_default()));
    let mut sections = BTreeMap::new();
    for source in pages {
        let text = source.text.as_deref().unwrap_or_default();
        let parts = front_matter::split_for(text, &source.shown, generator).ok();
        let title = parts.and_then(|parts| {
            let entry = parts.entries.into_iter().find(|entry| entry.key.eq_ignore_ascii_case("title"))?;
            layers::texts(&entry.value)?.pop().filter(|title| !title.trim().is_empty())
        });
        sections.entry(around.folder_of(&source.path)).or_insert(title);
    }
    sections
}

#[cfg(test)]
mod tests;
