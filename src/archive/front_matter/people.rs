//! Somebody who speaks in an episode: a name, or a table.

use url::Url;

use super::entry::Value;
use crate::config::PodcastPerson;
use crate::text::HeaderText;

/// A person; `None` without a name. An address that cannot be used is left out.
pub(super) fn read(value: &Value) -> Option<PodcastPerson> {
    let text = |name: &str| match value {
        Value::Table(_) => value.field(name)?.text(),
        _ => value.text().filter(|_| name == "name"),
    };
    let word = |name| text(name).and_then(|text| HeaderText::parse(text).ok());
    let address = |name| text(name).and_then(web_address);
    Some(PodcastPerson {
        name: word("name")?,
        role: word("role"),
        group: word("group"),
        url: address("url"),
        avatar: address("avatar"),
    })
}

/// An absolute address on the web without a password.
pub(super) fn web_address(raw: &str) -> Option<Url> {
    let url = Url::parse(raw.trim()).ok()?;
    let is_safe = url.username().is_empty() && url.password().is_none();
    (matches!(url.scheme(), "http" | "https") && url.has_host() && is_safe).then_some(url)
}
