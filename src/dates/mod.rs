//! Dates as people and programs write them.
//!
//! * [`parse`] reads the dates of posts: RFC 3339, RFC 2822 and what people write, in the zone of the site.
//! * [`feed::parse`] reads the dates of feeds: RFC 822 with its obsolete zones and common slips, RFC 3339, W3C-DTF.
//! * [`parts`] has what both share with the dates of subscriber lists.
//!
//! Two other parsers stay where they are used. `importers::subscriber_import` must refuse an ambiguous date, and
//! the feed linter judges the spelling of a date.

pub(crate) mod feed;
pub(crate) mod parts;
mod post;

pub(crate) use post::{DateError, HINT, in_name, in_path, is_day, parse};
