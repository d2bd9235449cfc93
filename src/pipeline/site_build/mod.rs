//! From posts to the public folder: read them, compare the feeds with the published ones, write feeds and pages, upload
//! what changed, notify the hubs.

pub(crate) mod adopt_feed_ids;
pub(crate) mod deploy;
pub(crate) mod feed_diff;
pub(crate) mod feed_source;
pub(crate) mod feeds;
mod file_stat;
pub(crate) mod lookup;
pub(crate) mod missing_pictures;
pub(crate) mod pages;
mod plan;
pub(crate) mod retraction;
mod shortcut;
pub(crate) mod site_files;
pub(crate) mod websub;

pub use adopt_feed_ids::{AdoptedIds, adopt_feed_ids};
pub(crate) use deploy::deploy_issues;
pub use deploy::{DeployReport, deploy};
pub use feed_diff::{FeedDiff, Waivers, diff_feeds};
pub use feed_source::{FetchReport, fetch_posts, moved as moved_feed, never_fetched};
pub(crate) use feed_source::{USES_STORED, source_guids};
pub use feeds::{BuildReport, ShortenedFeed, build, categories};
pub use lookup::FoundPost;
pub(crate) use lookup::find_with_skipped;
pub use missing_pictures::missing_pictures;
pub(crate) use pages::issues::add as add_issue_pages;
pub use pages::{PagesReport, page_templates, proof_pages};
pub use plan::plan_site;
pub use retraction::{Retraction, retract};
pub use websub::WebSubReport;
