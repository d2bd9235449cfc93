//! The newest emails, as they would be mailed now: their sizes, and where the newest one leads.

use std::collections::BTreeSet;

use chrono::DateTime;

use crate::address::EmailAddress;
use crate::archive::{Archive, Post, folder};
use crate::config::Config;
use crate::email::{self, MessageTemplate, TemplatePart};
use crate::html;
use crate::pipeline::newsletter::{compose, sample_message};

/// How many emails are composed to know how large they are.
const COMPOSED: usize = 10;

/// What the checks need to know of the posts.
#[derive(Debug, Default)]
pub(super) struct NewestEmails {
    /// The bytes of the largest of the newest emails, as sent.
    pub(super) largest: Option<usize>,
    /// Whether the newest email is as RFC 5322 requires; `None` if there is no email.
    pub(super) is_well_formed: Option<bool>,
    /// The pages to which the newest email links, without the page of the email itself.
    pub(super) links: Vec<String>,
}

impl NewestEmails {
    /// The newest emails of an archive.
    pub(super) fn of(config: &Config, archive: &Archive) -> Self {
        let mut emails = Self::default();
        if config.newsletter.from.is_none() {
            return emails;
        }
        for post in archive.posts.iter().filter(|post| post.newsletter).take(COMPOSED) {
            let composed = compose(config, post).and_then(|(renderer, _)| {
                let size = sample_message(config, &renderer, DateTime::UNIX_EPOCH)?.message.len();
                Ok((renderer, size))
            });
            if emails.is_well_formed.is_none() {
                emails.is_well_formed = Some(composed.is_ok());
                if let Ok((renderer, _)) = &composed {
                    emails.links = links(renderer.template(), post, config);
                }
            }
            // `letterpress check` reports what is wrong with an email.
            emails.largest = emails.largest.max(composed.ok().map(|(_, size)| size));
        }
        emails
    }
}

/// The posts; `None` if they cannot be read, which `letterpress check` reports.
pub(super) fn archive(config: &Config, now: chrono::DateTime<chrono::Utc>) -> Option<Archive> {
    folder::read(config, now).ok().map(|reading| reading.archive)
}

/// The envelope sender of an email. Its token is of the usual length, but of no delivery.
pub(super) fn envelope_sender(config: &Config) -> Option<EmailAddress> {
    const TOKEN: &str = "v1.k1.b.0.1.aaaaaaaaaaaaaaaa";
    let from = &config.newsletter.from.as_ref()?.address;
    let Some(bounces) = &config.newsletter.bounces else { return Some(from.clone()) };
    let traced = format!("{}+{TOKEN}@{}", bounces.local_part(), bounces.domain());
    EmailAddress::parse(&traced).ok().or_else(|| Some(bounces.clone()))
}

fn links(template: &MessageTemplate, post: &Post, config: &Config) -> Vec<String> {
    let mut text = String::new();
    for part in &template.html {
        // The value of a slot differs for each subscriber; an attribute with one is not a link for us.
        text.push_str(if let TemplatePart::Fixed(fixed) = part { fixed } else { "\u{0}" });
    }
    // The page of an email that was not mailed yet does not exist; another check asks for it.
    let own = email::online(post, config);
    let mut seen = BTreeSet::new();
    html::shown_tags(&text)
        .iter()
        .filter(|tag| tag.name() == "a" && !tag.closing)
        .filter_map(|tag| tag.attribute("href"))
        .map(|link| link.split('#').next().unwrap_or_default().to_owned())
        .filter(|link| link.starts_with("http://") || link.starts_with("https://"))
        .filter(|link| *link != own && !link.contains(['\u{0}', '\u{fffd}']))
        .filter(|link| seen.insert(link.clone()))
        .collect()
}
