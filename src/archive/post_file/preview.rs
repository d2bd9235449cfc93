//! Reads an unpublished file as a post, for previews only.

use chrono::{DateTime, FixedOffset};

use super::writer::{PostBuilder, PostDates};
use super::{PostFile, PostFileName, encoding, front_matter, generator_habits, held_back, naming};
use crate::archive::front_matter::Fields;
use crate::archive::generator_rules::ReadContext;
use crate::archive::inherited::Place;
use crate::dates;
use crate::finding::Finding;

impl PostFile {
    /// Reads a file even if it is a draft or held back. Its errors are reported.
    pub(in crate::archive) fn preview(
        bytes: &[u8],
        name: PostFileName<'_>,
        setting: ReadContext<'_>,
    ) -> Result<Self, Vec<Finding>> {
        let ReadContext { config, site, .. } = setting;
        let file = name.source.as_str();
        let text = encoding::decode(bytes, file).map_err(|finding| vec![finding])?;
        let mut parts =
            front_matter::split_for(&text, file, site.generator).map_err(|finding| vec![finding])?;
        let path = site.path_of(name.relative);
        let place = Place { path: setting.inherited.path(&path), language: None };
        // Inherited entries apply, but those that hold the post back are ignored.
        let (entries, _) = held_back::visibility(parts.entries, file, place, setting);
        parts.entries = generator_habits::normalise(entries, site.generator);
        let (fields, errors) = front_matter::fields::read(&parts.entries, file, &config.site);
        if !errors.is_empty() {
            return Err(errors);
        }
        // A draft in Jekyll has no day in its name and is not in a folder of posts.
        let parsed_name =
            naming::read(name.relative, site, config).unwrap_or_else(|_| naming::bare(name.relative));
        let is_html =
            name.relative.extension().is_some_and(|end| end.to_ascii_lowercase().starts_with("htm"));
        let published = date(&fields, parsed_name.day.as_deref(), setting);
        let mut writer = PostBuilder { file, setting, errors: Vec::new(), findings: Vec::new() };
        let post_file =
            writer.write(fields, &parts, &PostDates { published, parsed_name: &parsed_name, is_html }, name);
        match post_file {
            Some(post_file) if writer.errors.is_empty() => {
                Ok(Self { findings: writer.findings, ..post_file })
            }
            _ => Err(writer.errors),
        }
    }
}

/// The date of the post, or now.
fn date(fields: &Fields, day: Option<&str>, setting: ReadContext<'_>) -> DateTime<FixedOffset> {
    let zone = setting.config.site.timezone;
    let from = fields.from.as_ref().map(|from| from.value);
    fields
        .date
        .or_else(|| dates::parse(day?, zone).ok())
        .or(from)
        .unwrap_or_else(|| setting.now.with_timezone(&zone).fixed_offset())
}
