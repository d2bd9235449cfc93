//! `letterpress check --feed FILE|URL`: check any feed. Needs no site and no configuration.

use std::io::Read as _;

use super::super::args::has_moved;
use crate::clock::Clock;
use crate::feeds::lint::check_feed;
use crate::finding::Finding;
use crate::net::budget::{self, TooSlow};
use crate::net::http::{Body, Download, Fetched};
use crate::pipeline::session::RunError;

/// No feed reader accepts a larger feed.
const LARGEST: u64 = 64 * 1024 * 1024;

/// The problems of the feed at `place`, in the order of the document.
pub(super) async fn check(place: &str, clock: &dyn Clock) -> Result<Vec<Finding>, RunError> {
    if place.contains("://") {
        let Body { bytes, media_type, moved, .. } = download(place).await?;
        let (file, now) = (place.to_owned(), clock.now());
        let work = move || check_feed(&file, &bytes, media_type.as_deref(), now);
        let found = budget::within(budget::LONGEST, work).await.map_err(|slow| too_slow(place, &slow))?;
        return Ok(moved.map(|moved| has_moved(place, &moved)).into_iter().chain(found).collect());
    }
    let bytes = read(place)?;
    Ok(check_feed(place, &bytes, None, clock.now()))
}

fn too_slow(url: &str, slow: &TooSlow) -> RunError {
    RunError::user(format!("{url}: {slow}"), "no feed reader spends as much time on a feed")
}

async fn download(url: &str) -> Result<Body, RunError> {
    match Download::default().fetch(url, None).await {
        Ok(Fetched::Document(body)) => Ok(body),
        Ok(Fetched::NotModified { .. }) => Err(RunError::user(
            format!("{url} returned no content"),
            "open it in a browser to see what the server sends",
        )),
        Err(error) => {
            let help = error.advice().unwrap_or("save the feed as a file, and check that file");
            Err(RunError::user(error.to_string(), help))
        }
    }
}

fn read(path: &str) -> Result<Vec<u8>, RunError> {
    let wrong = |error: std::io::Error| {
        RunError::user(
            format!("cannot read {path}: {error}"),
            "give the path of a file, or a URL with https://",
        )
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(wrong)?;
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(wrong)?;
    if bytes.len() as u64 > LARGEST {
        return Err(RunError::user(
            format!("{path} is larger than {LARGEST} bytes"),
            "feed readers do not accept a feed of this size",
        ));
    }
    Ok(bytes)
}
