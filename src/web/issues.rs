//! Past issues in the browser: each as it was sent, without what was anybody's own.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use minijinja::context;

use super::asked::Asked;
use super::state::Site;
use super::{not_found, pages, unavailable};
use crate::pipeline::Edition;

/// Issues on one page of the list.
const PAGE: usize = 50;

/// The list, newest first.
pub(super) async fn list(
    State(site): State<Arc<Site>>,
    RawQuery(query): RawQuery,
    asked: Asked,
) -> Response<Body> {
    if !site.world.config.web.issues {
        return not_found(&site, asked.language);
    }
    let Ok(issues) = site.store.published().await else { return unavailable(&site, asked.language) };
    let page = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find(|(name, _)| name == "page")
        .and_then(|(_, number)| number.parse::<usize>().ok())
        .unwrap_or(1)
        .clamp(1, 1 + issues.len() / PAGE);
    let zone = site.world.config.site.timezone;
    let shown = issues.iter().skip((page - 1) * PAGE).take(PAGE).map(|issue| {
        context! {
            day => issue.frozen_at.with_timezone(&zone).date_naive().to_string(),
            label => path_segment(&issue.label),
            subject => issue.subject.as_str(),
        }
    });
    let fields = context! {
        issues => shown.collect::<Vec<_>>(),
        newer => (page > 1).then(|| format!("?page={}", page - 1)),
        older => (page * PAGE < issues.len()).then(|| format!("?page={}", page + 1)),
    };
    let response = site.pages.page(StatusCode::OK, "issues.html", asked.language, fields);
    listed(&site, response)
}

/// One issue.
pub(super) async fn issue(
    State(site): State<Arc<Site>>,
    Path(label): Path<String>,
    asked: Asked,
) -> Response<Body> {
    if !site.world.config.web.issues {
        return not_found(&site, asked.language);
    }
    let Ok(edition) = site.store.edition(&label).await else { return unavailable(&site, asked.language) };
    let edition = edition.and_then(|json| serde_json::from_str::<Edition>(&json).ok());
    let Some(edition) = edition else { return not_found(&site, asked.language) };
    // Where a reader would leave stands where one can come in.
    let page = edition.letter().page_for_all(&site.base, asked.language.words().subscribe);
    let policy = policy(&page);
    listed(&site, pages::html_page(StatusCode::OK, page, &policy))
}

/// The style of a letter stands in its elements and in blocks that are known by their hash; nothing else may do
/// anything, whatever a post holds.
fn policy(page: &str) -> String {
    let blocks = page.split("<style").skip(1).filter_map(|rest| {
        let (_, rest) = rest.split_once('>')?;
        let (style, _) = rest.split_once("</style>")?;
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, style.as_bytes());
        Some(format!("'sha256-{}'", BASE64.encode(hash.as_ref())))
    });
    let blocks: Vec<String> = blocks.collect();
    let blocks = if blocks.is_empty() { "'none'".to_owned() } else { blocks.join(" ") };
    format!(
        "default-src 'none'; img-src https: http: 'self'; media-src https:; style-src-elem {blocks}; \
         style-src-attr 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
}

/// A page that search engines may list, if the writer likes, and that may be kept for a while.
fn listed(site: &Site, mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    if site.world.config.web.index {
        headers.remove(HeaderName::from_static("x-robots-tag"));
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}

/// A label as one segment of a path.
fn path_segment(label: &str) -> String {
    label.bytes().fold(String::with_capacity(label.len()), |mut path, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "%{byte:02X}");
        }
        path
    })
}
