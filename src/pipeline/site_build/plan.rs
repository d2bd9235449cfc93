//! Plans the feeds of a site. Writes nothing.

use crate::archive::Archive;
use crate::config::Config;
use crate::feeds::{self, FeedPlan};

/// Plans the feeds from the archive and the published feeds.
pub fn plan_site<'a>(archive: &'a Archive, config: &'a Config) -> FeedPlan<'a> {
    let directory = config.resolve(&config.output.directory);
    feeds::plan_feeds(archive, config, &|file| std::fs::read(directory.join(file)).ok())
}
