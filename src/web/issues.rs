//! Past issues in a browser, as they were sent but without a subscriber's name or unsubscribe link, and between links to the
//! other issues and to the sign-up page.
//!
//! The content security policy blocks scripts, forms and all style sheets but the issue's own.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use minijinja::context;

use super::app::{PathToken, Query};
use super::pages::{ROBOTS, encoded};
use super::{App, RequestContext, SharedApp};
use crate::html;
use crate::pages::{self, IssueLinks};
use crate::pipeline::newsletter::IssueRenderer;
use crate::store::subscriber_store::PublishedIssue;

/// The number of issues on a page of the list.
const EACH_PAGE: usize = 50;

pub(super) async fn index(State(app): State<SharedApp>, visit: RequestContext, query: Query) -> Response {
    if !app.config().web.issues {
        return app.pages.not_found(&visit);
    }
    let Ok(published) = app.within_timeout(app.session.store.published()).await else {
        return app.pages.unavailable(&visit, None);
    };
    let pages = published.len().div_ceil(EACH_PAGE).max(1);
    let page = match query.field("page").map(str::parse::<usize>) {
        None => 1,
        Some(Ok(page)) if (1..=pages).contains(&page) => page,
        Some(_) => return app.pages.not_found(&visit),
    };
    let zone = app.config().site.timezone;
    let issues: Vec<_> = published
        .iter()
        .skip((page - 1) * EACH_PAGE)
        .take(EACH_PAGE)
        .map(|issue| {
            context! {
                day => issue.frozen_at.with_timezone(&zone).format("%Y-%m-%d").to_string(),
                subject => issue.subject.as_str(),
                path => encoded(&issue.label).to_string(),
            }
        })
        .collect();
    let fields = context! {
        title => &visit.strings.web.issues,
        issues,
        newer => (page > 1).then(|| page - 1),
        older => (page < pages).then(|| page + 1),
    };
    let mut response = app.pages.show(&visit, StatusCode::OK, "issues.html", fields);
    response.headers_mut().insert(ROBOTS, robots(&app));
    response
}

pub(super) async fn issue(
    State(app): State<SharedApp>,
    visit: RequestContext,
    PathToken(label): PathToken,
) -> Response {
    if !app.config().web.issues {
        return app.pages.not_found(&visit);
    }
    let store = &app.session.store;
    let found = async { Ok((store.issue_message(&label).await?, store.published().await?)) };
    let (message, published) = match app.within_timeout(found).await {
        Ok((Some(message), published)) => (message, published),
        Ok((None, _)) => return app.pages.not_found(&visit),
        Err(_) => return app.pages.unavailable(&visit, None),
    };
    let Ok(renderer) = serde_json::from_str::<IssueRenderer>(&message) else {
        (app.log)("error: an issue in the store cannot be read; run `letterpress ledger verify`");
        return app.pages.unavailable(&visit, None);
    };
    let page = pages::impersonal(renderer.template(), &app.pages.base);
    let Ok(page) = with_navigation(&page, (&app, &visit), &published, &label) else {
        return app.pages.unavailable(&visit, None);
    };
    let Ok(policy) = HeaderValue::from_str(&policy(&page, app.config().site.url.as_url().scheme() == "http"))
    else {
        return app.pages.unavailable(&visit, None);
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
        (header::VARY, HeaderValue::from_static("accept-language")),
        (ROBOTS, robots(&app)),
    ];
    (headers, page).into_response()
}

fn robots(app: &App) -> HeaderValue {
    HeaderValue::from_static(if app.config().web.index { "all" } else { "noindex, nofollow" })
}

/// The page with links to the list, to the issues before and after it, and to the sign-up page.
fn with_navigation(
    page: &str,
    (app, visit): (&App, &RequestContext),
    published: &[PublishedIssue],
    label: &str,
) -> Result<String, minijinja::Error> {
    let (base, lang) = (&app.pages.base, &visit.strings.tag);
    let at = published.iter().position(|issue| issue.label == label);
    let link = |at: Option<usize>| {
        let issue = published.get(at?)?;
        Some((format!("{base}issues/{}", encoded(&issue.label)), issue.subject.to_string()))
    };
    let links = IssueLinks {
        strings: &visit.strings,
        issues: format!("{base}issues/?lang={lang}"),
        sign_up: app.config().web.sign_up.then(|| format!("{base}?lang={lang}")),
        // The newest is first.
        older: link(at.map(|at| at + 1)),
        newer: link(at.and_then(|at| at.checked_sub(1))),
    };
    pages::with_links(page, &links)
}

/// The content security policy: images, and exactly the style sheets in the page.
pub(super) fn policy(page: &str, plain: bool) -> String {
    let mut policy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      img-src 'self' data: https:"
        .to_owned();
    if plain {
        policy.push_str(" http:");
    }
    policy.push_str("; style-src-attr 'unsafe-inline'; style-src-elem 'self'");
    for sheet in sheets(page) {
        let _ = write!(policy, " 'sha256-{}'", BASE64.encode(digest(&SHA256, sheet.as_bytes()).as_ref()));
    }
    policy
}

/// The content of each `style` element.
fn sheets(page: &str) -> Vec<&str> {
    let tags = html::tags(page);
    let elements =
        tags.windows(2).filter(|pair| pair[0].name() == "style" && !pair[0].closing && pair[1].closing);
    elements.map(|pair| &page[pair[0].at.end..pair[1].at.start]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_allows_only_the_style_sheets_of_the_issue() {
        let page = "<STYLE media=\"a\">p{}</STYLE><p>글</p><style>b{}</style><style";
        assert_eq!(sheets(page), ["p{}", "b{}"]);
        let policy = policy(page, false);
        // `printf 'p{}' | openssl dgst -sha256 -binary | base64`
        assert_eq!(policy.matches("sha256-").count(), 2);
        assert!(policy.contains("'sha256-gG2yISYereRMiG2lMXrbiUgi0Ubw9p7QCeWcroOvy9Y='"));
        assert!(!policy.contains("script") && !policy.contains(" http:"));
    }
}
