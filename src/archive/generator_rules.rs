//! What a generator adds to the front matter of a post: when it counts as published, a title from the file name, and
//! categories from the folders. Pure; URLs are built elsewhere.

use std::collections::HashMap;

use camino::Utf8Path;
use chrono::{DateTime, FixedOffset, Utc};

use super::front_matter::{Fields, Spanned};
use super::ids::Fingerprint;
use super::inherited::{DatesInNames, Inherited};
use super::naming::Name;
use super::site::Site;
use super::{Formulas, MarkdownDialect, PostSection, SkipReason, permalink};
use crate::config::{Config, Generator};
use crate::dates;
use crate::text::HeaderText;

/// What all files of the folder share.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadContext<'s> {
    /// The configuration.
    pub config: &'s Config,
    /// The site, with the generator whose rules apply.
    pub site: &'s Site,
    /// Settings of the site that apply to many posts.
    pub inherited: &'s Inherited,
    /// Now.
    pub now: DateTime<Utc>,
    /// The recorded fingerprints by the hashes of their texts, so that only new texts need one.
    pub fingerprints: &'s HashMap<&'s str, Fingerprint>,
}

impl ReadContext<'_> {
    /// Whether an unreadable post is an error. In the site of a generator, which may have published it for years, it is
    /// left out instead.
    pub(super) fn is_strict(self) -> bool {
        self.config.archive.strict.unwrap_or(self.site.generator == Generator::Plain)
    }

    /// The Markdown of the posts: the site's, unless the configuration says otherwise.
    pub(super) fn dialect(self) -> MarkdownDialect {
        let (archive, site) = (&self.config.archive, self.inherited.dialect);
        let formulas = match self.site.generator {
            _ if !archive.math => Formulas::Off,
            Generator::Jekyll => Formulas::Kramdown,
            _ => Formulas::On,
        };
        MarkdownDialect {
            formulas,
            smart_punctuation: archive.smart_punctuation.unwrap_or(site.smart_punctuation),
            hard_breaks: archive.hard_breaks.unwrap_or(site.hard_breaks),
        }
    }

    /// Whether Letterpress builds the pages of the posts; by default only if no other program does.
    pub(super) fn has_pages(self) -> bool {
        let is_alone = self.site.generator == Generator::Plain && self.config.archive.feed.is_none();
        self.config.output.pages.unwrap_or(is_alone)
    }
}

/// What Hugo takes from the name of the file, if its configuration says so: the day, and a slug.
pub(super) fn take_day_of_name(fields: &mut Fields, name: &Name, setting: ReadContext<'_>) {
    let order = setting.inherited.dates_in_names;
    let day = name.day.as_deref().and_then(|day| dates::parse(day, setting.config.site.timezone).ok());
    let (Some(day), Some((_, rest))) = (day, dates::in_name(&name.stem)) else { return };
    let is_wanted = match order {
        DatesInNames::Unset => false,
        DatesInNames::Last => fields.date.is_none(),
        DatesInNames::First => true,
    };
    if is_wanted {
        fields.date = Some(day);
        fields.is_day_only = true;
        let rest = rest.trim_matches([' ', '-', '_']);
        if fields.slug.is_none() && !rest.is_empty() {
            fields.slug = Some(Spanned { line: 1, value: rest.to_owned() });
        }
    }
}

/// When the post was published, or why it is not published.
pub(super) fn published(
    fields: &mut Fields,
    day: Option<&str>,
    setting: ReadContext<'_>,
) -> Result<DateTime<FixedOffset>, SkipReason> {
    let ReadContext { config, site, now, .. } = setting;
    let own_path = fields.path.as_ref().map(|path| path.value.as_str());
    let day = day.map(str::to_owned).or_else(|| dates::in_path(own_path?));
    if fields.date.is_none() {
        fields.date = day.and_then(|day| dates::parse(&day, config.site.timezone).ok());
        fields.is_day_only = fields.date.is_some();
    }
    if matches!(site.generator, Generator::Hugo | Generator::Plain) {
        let updated = fields.updated.as_ref().filter(|_| site.generator == Generator::Hugo);
        let other = fields.from.as_ref().or(updated);
        fields.date = fields.date.or(other.map(|date| date.value));
    }
    let published = fields.date.ok_or(SkipReason::Undated)?;
    let from = fields.from.as_ref().map_or(published, |from| from.value.max(published));
    if from > now {
        return Err(SkipReason::Future(from));
    }
    match fields.until.as_ref().filter(|until| until.value <= now) {
        Some(until) => Err(SkipReason::Expired(until.value)),
        None => Ok(published),
    }
}

/// A title from a file name: `2024-05-01-my-first-post` becomes "My First Post".
pub(super) fn words_of(stem: &str) -> String {
    let word = |word: &str| {
        let mut chars = word.chars();
        chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
    };
    stem.split(['-', '_']).filter(|part| !part.is_empty()).map(word).collect::<Vec<_>>().join(" ")
}

/// The sections of a post in `folder`, the outermost first.
pub(super) fn sections(folder: &Utf8Path, setting: ReadContext<'_>) -> Vec<PostSection> {
    let pages = &setting.inherited.sections;
    let mut path = String::new();
    let mut sections = Vec::new();
    let folders: Vec<&Utf8Path> = folder.ancestors().filter(|folder| *folder != "").collect();
    for (depth, folder) in folders.into_iter().rev().enumerate() {
        let name = folder.file_name().unwrap_or_default();
        if depth > 0 {
            path.push('/');
        }
        path.push_str(&permalink::term_name(setting.site.generator, name));
        let page = pages.get(folder);
        if depth == 0 || page.is_some() {
            let title = page.cloned().flatten().unwrap_or_else(|| words_of(name));
            sections.push(PostSection { path: path.clone(), title });
        }
    }
    sections
}

/// Jekyll adds the categories of the folders; Pelican uses them only if the post names none.
pub(super) fn categories_of_folders(
    categories: &mut Vec<HeaderText>,
    folders: &[String],
    setting: ReadContext<'_>,
) {
    let is_pelican = setting.site.generator == Generator::Pelican;
    if is_pelican && (!categories.is_empty() || !setting.inherited.pelican.folders_are_categories) {
        return;
    }
    let named: Vec<_> = folders.iter().filter_map(|folder| HeaderText::parse(folder).ok()).collect();
    let own = std::mem::take(categories);
    for name in named.into_iter().chain(own) {
        if !categories.contains(&name) {
            categories.push(name);
        }
    }
}
