//! Reads an unpublished file as a post, for previews only.

use chrono::{DateTime, FixedOffset};

use super::writer::{Stamp, Writer};
use super::{Manuscript, Name, customs, encoding, front_matter, held_back, naming};
use crate::archive::front_matter::Fields;
use crate::archive::house_rules::Setting;
use crate::archive::inherited::Place;
use crate::dates;
use crate::finding::Finding;

impl Manuscript {
    /// Reads a file even if it is a draft or held back. Its errors are reported.
    pub(in crate::archive) fn preview(
        bytes: Vec<u8>,
        name: Name<'_>,
        setting: Setting<'_>,
    ) -> Result<Self, Vec<Finding>> {
        let Setting { config, site, .. } = setting;
        let file = name.source.as_str();
        let text = encoding::decode(bytes, file).map_err(|finding| vec![finding])?;
        let mut parts =
            front_matter::split_for(&text, file, site.generator).map_err(|finding| vec![finding])?;
        let path = site.prefix.join(name.relative);
        let place = Place { path: setting.inherited.path(&path), language: None };
        // Inherited entries apply, but those that hold the post back are ignored.
        let (entries, _) = held_back::look(parts.entries, file, place, setting);
        parts.entries = customs::undo(entries, site.generator);
        let (fields, errors) = front_matter::fields::read(&parts.entries, file, config.site.timezone);
        if !errors.is_empty() {
            return Err(errors);
        }
        // A draft in Jekyll has no day in its name and is not in a folder of posts.
        let told = naming::read(name.relative, site, config).unwrap_or_else(|_| naming::bare(name.relative));
        let is_html =
            name.relative.extension().is_some_and(|end| end.to_ascii_lowercase().starts_with("htm"));
        let published = date(&fields, told.day.as_deref(), setting);
        let mut writer = Writer { file, setting, errors: Vec::new(), findings: Vec::new() };
        let manuscript = writer.write(fields, &parts, &Stamp { published, told: &told, is_html }, name);
        match manuscript {
            Some(manuscript) if writer.errors.is_empty() => {
                Ok(Self { findings: writer.findings, ..manuscript })
            }
            _ => Err(writer.errors),
        }
    }
}

/// The date of the post, or now.
fn date(fields: &Fields, day: Option<&str>, setting: Setting<'_>) -> DateTime<FixedOffset> {
    let zone = setting.config.site.timezone;
    let from = fields.from.as_ref().map(|from| from.value);
    fields
        .date
        .or_else(|| dates::parse(day?, zone).ok())
        .or(from)
        .unwrap_or_else(|| setting.now.with_timezone(&zone).fixed_offset())
}
