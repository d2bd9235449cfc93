//! The published feeds: whether they are live, current, of the right type, and cheap to ask again.

use camino::Utf8Path;

use super::{Answers, own_host};
use crate::archive::Archive;
use crate::config::Config;
use crate::doctor::{Check, Section};
use crate::feeds::Document;
use crate::net::http::{Body, Download, DownloadError, Fetched};
use crate::pipeline::site_build::plan_site;

/// How many feeds are requested: those of the site come first, and then those of categories.
const MOST: usize = 12;

/// What to do if there is no server.
pub(super) const UNREACHABLE: &str =
    "check that the web server runs, that its name is in DNS, and site.url in config.toml";

const UPLOAD: &str = "upload the public folder";

/// The live feeds against the files in the public folder.
pub(super) async fn check(config: &Config, archive: Option<&Archive>) -> Answers {
    let Some(archive) = archive else {
        let message = "the posts cannot be read (`letterpress check` tells why), so the feeds are not known";
        return vec![Check::skipped(Section::Web, "live", message)].into();
    };
    let documents = built(config, archive);
    if documents.is_empty() {
        let message = "there are no feeds in the public folder yet; `letterpress publish` builds them";
        return vec![Check::skipped(Section::Web, "live", message)].into();
    }
    let mut checks = Vec::new();
    let (mut good, mut download) = (0, own_host());
    for document in &documents {
        let found = of_one(config, document, &mut download, true).await;
        good += usize::from(found.is_empty());
        let is_unreachable = found.iter().any(|check| check.may_pass);
        checks.extend(found);
        if is_unreachable {
            // The others would take as long and fail too.
            break;
        }
    }
    if good > 0 {
        let all = if good == 1 { "1 live feed is".to_owned() } else { format!("{good} live feeds are") };
        checks
            .insert(0, Check::good(Section::Web, "live", format!("{all} the same as in the public folder")));
    }
    checks.into()
}

/// For `letterpress check --live`: the live feeds against the feeds that would be built now.
pub(crate) async fn served(config: &Config, documents: &[Document]) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut download = Download::for_own_host(std::time::Duration::from_secs(20));
    for document in documents {
        checks.extend(of_one(config, document, &mut download, false).await);
        if checks.iter().any(|check: &Check| check.may_pass) {
            // The others would take as long and fail too.
            break;
        }
    }
    checks
}

/// The feeds as they are in the public folder.
fn built(config: &Config, archive: &Archive) -> Vec<Document> {
    let directory = config.resolve(&config.output.directory);
    let layout = plan_site(archive, config);
    let current = layout.index().filter(|(_, _, is_archived)| !is_archived);
    let read = |(path, media_type, _): (camino::Utf8PathBuf, &'static str, bool)| {
        let bytes = std::fs::read(directory.join(Utf8Path::new(path.as_str()))).ok()?;
        Some(Document { path, media_type, bytes })
    };
    current.filter_map(read).take(MOST).collect()
}

/// Requests a feed. With `asks_again`, also whether a second request is answered without the whole feed.
async fn of_one(
    config: &Config,
    document: &Document,
    download: &mut Download,
    asks_again: bool,
) -> Vec<Check> {
    let url = config.site.url.join(document.path.as_str());
    let fault = |message: String| Check::fault(Section::Web, "live", message, UPLOAD);
    download.max_bytes = download.max_bytes.max(document.bytes.len());
    let body = match download.fetch(&url, None).await {
        Ok(Fetched::Document(body)) => body,
        Err(DownloadError::Status { status, .. }) => {
            return vec![fault(format!("the server replies {status}")).about(url)];
        }
        Ok(Fetched::NotModified { .. })
        | Err(DownloadError::TooLong { .. } | DownloadError::Coding { .. }) => {
            return vec![other_version().about(url)];
        }
        Err(error) => {
            let message = format!("cannot be loaded: {}", error.without_url());
            return vec![Check::fault(Section::Web, "live", message, UNREACHABLE).about(url).passing()];
        }
    };
    let mut checks: Vec<Check> = wrong_type(document, &body).into_iter().collect();
    if body.bytes != document.bytes {
        checks.push(other_version());
    } else if asks_again {
        checks.extend(uncached(&url, &body, download).await);
    }
    checks.into_iter().map(|check| check.about(url.as_str())).collect()
}

fn other_version() -> Check {
    Check::warning(
        Section::Web,
        "live-bytes",
        "the published version differs from the current one",
        "upload the public folder; a cache may also delay the update",
    )
}

fn wrong_type(document: &Document, body: &Body) -> Option<Check> {
    let kind = body.media_type.as_deref().unwrap_or_default();
    let essence = |kind: &str| kind.split(';').next().unwrap_or_default().trim().to_owned();
    let (served, meant) = (essence(kind), essence(document.media_type));
    let is_right = served == meant || matches!(served.as_str(), "application/xml" | "text/xml");
    (!is_right).then(|| {
        Check::warning(
            Section::Web,
            "live-type",
            format!("wrong media type: served as {kind:?}"),
            format!("configure the server to send Content-Type: {}", document.media_type),
        )
    })
}

/// Feed readers ask every hour. A server that always sends the whole feed wastes its own traffic and theirs.
async fn uncached(url: &str, body: &Body, download: &Download) -> Option<Check> {
    let warning = |message: &str| {
        let next = "`letterpress headers` prints the configuration for your web server";
        Some(Check::warning(Section::Web, "live-cache", message, next))
    };
    if body.validators.etag.is_none() && body.validators.last_modified.is_none() {
        return warning("served without ETag and Last-Modified, so feed readers load all of it each time");
    }
    match download.fetch(url, Some(&body.validators)).await {
        Ok(Fetched::Document(_)) => {
            warning("a reader that has the feed already gets all of it again, instead of 304")
        }
        // It answered a moment ago.
        Ok(Fetched::NotModified { .. }) | Err(_) => None,
    }
}
