//! Composes the weekly digest: title, date, excerpt and link of each post.
//!
//! Pure. An excerpt is plain text, so that footnotes, images or styles of one post cannot affect another. With many posts
//! the excerpts become shorter, so that the email stays below the size at which Gmail clips it.

use chrono::{DateTime, FixedOffset};
use minijinja::{Value, context};

use super::issue::{self, Envelope};
use super::lint::NEARLY_CLIPPED;
use super::placeholders::Markers;
use super::templates::{TemplateSet, Templates};
use super::{MessageTemplate, preview};
use crate::archive::{Post, markdown};
use crate::config::Config;
use crate::finding::Finding;
use crate::i18n::{self, Strings};

/// The lengths of an excerpt to try in turn while the email is too long. Titles are always shown.
const EXCERPT_LENGTHS: [usize; 4] = [400, 160, 60, 0];

/// A longer title is shortened to this in the subject.
const HEADLINE: usize = 80;

/// The posts of a week for one group of subscribers.
#[derive(Debug, Clone, Copy)]
pub struct DigestContent<'a> {
    /// The ISO week: `2026-W47`.
    pub name: &'a str,
    /// When the digest is due, in the site's time zone.
    pub moment: DateTime<FixedOffset>,
    /// At least one, in reading order.
    pub posts: &'a [&'a Post],
}

/// Renders the posts of a week as one email. Errors name `config.toml` or a template of the user.
pub fn compose_digest(
    week: &DigestContent<'_>,
    config: &Config,
    templates: &Templates,
) -> Result<MessageTemplate, Vec<Finding>> {
    let mut lengths = EXCERPT_LENGTHS.into_iter();
    let mut template = with_excerpts(week, lengths.next().unwrap_or_default(), config, templates)?;
    for excerpt_length in lengths {
        if issue::html_length(&template) <= NEARLY_CLIPPED {
            break;
        }
        template = with_excerpts(week, excerpt_length, config, templates)?;
    }
    Ok(template)
}

fn with_excerpts(
    week: &DigestContent<'_>,
    excerpt_length: usize,
    config: &Config,
    templates: &Templates,
) -> Result<MessageTemplate, Vec<Finding>> {
    let strings = config.words.of(&config.site.language);
    let posts: Vec<Value> =
        week.posts.iter().map(|post| entry(post, excerpt_length, (config, strings))).collect();
    let lang = &config.site.language;
    let shown: String = posts.iter().map(ToString::to_string).collect();
    let preview = preview::of_titles(week.posts.iter().map(|post| post.shown_title()));
    let fields = context! {
        preview_end => preview::end(&preview),
        preview,
        lang,
        lang_primary => i18n::primary(lang),
        dir => i18n::direction(lang),
        digest => context! {
            week => week.name,
            published => strings.date(&week.moment),
            headline => headline(week.posts, strings),
        },
        posts,
        ..issue::common(config, strings)
    };
    let envelope = Envelope { campaign: week.name, language: lang, subject: None };
    let markers = Markers::absent_from(&shown);
    issue::render(TemplateSet::Digest, &fields, &markers, &envelope, (config, templates))
}

/// The subject: the first title and the number of other posts.
fn headline(posts: &[&Post], strings: &Strings) -> String {
    let first = posts.first().map_or("", |post| post.title.as_str());
    let first = markdown::shorten(first, HEADLINE);
    match posts.len().saturating_sub(1) {
        0 => first,
        more => strings.and_more(&first, more),
    }
}

fn entry(post: &Post, excerpt_length: usize, (config, strings): (&Config, &Strings)) -> Value {
    let teaser = match &post.summary {
        Some(summary) => markdown::shorten(summary.as_str().trim(), excerpt_length),
        None if excerpt_length == 0 => String::new(),
        None => markdown::excerpt(post, excerpt_length),
    };
    context! {
        lang => post.language.as_deref().unwrap_or(&config.site.language),
        teaser,
        ..issue::about(post, config, strings)
    }
}

#[cfg(test)]
mod tests;
