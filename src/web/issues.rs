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
use crate::email::{MessageTemplate, Placeholder, TemplatePart};
use crate::html::{self, push_escaped};
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
    let page = impersonal(renderer.template(), &app.pages.base);
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

/// The issue without personal data. The unsubscribe link leads to the sign-up page instead.
fn impersonal(template: &MessageTemplate, home: &str) -> String {
    template.html.iter().fold(String::new(), |mut page, piece| {
        match piece {
            TemplatePart::Fixed(text) => page.push_str(text),
            TemplatePart::Placeholder(Placeholder::Greeting) => {
                push_escaped(&mut page, &template.greeting.plain);
            }
            TemplatePart::Placeholder(Placeholder::Name) => {}
            TemplatePart::Placeholder(Placeholder::Unsubscribe) => push_escaped(&mut page, home),
        }
        page
    })
}

/// The page with links above and below: to the list, to the issues before and after it, and to the sign-up page.
fn with_navigation(
    page: &str,
    (app, visit): (&App, &RequestContext),
    published: &[PublishedIssue],
    label: &str,
) -> Result<String, minijinja::Error> {
    let at = published.iter().position(|issue| issue.label == label);
    let link = |issue: Option<&PublishedIssue>| {
        issue.map(
            |issue| context! { path => encoded(&issue.label).to_string(), subject => issue.subject.as_str() },
        )
    };
    let words = &visit.strings.page;
    let fields = context! {
        // The newest is first.
        newer => link(at.and_then(|at| published.get(at.checked_sub(1)?))),
        older => link(at.and_then(|at| published.get(at + 1))),
        previous => &words.previous,
        next => &words.next,
        beside => &words.beside,
    };
    let top = app.pages.print(&visit.strings, "issue_top.html", fields.clone())?;
    let bottom = app.pages.print(&visit.strings, "issue_bottom.html", fields)?;
    let (start, end) = body(page);
    Ok([&page[..start], "\n", &top, &page[start..end], &bottom, &page[end..]].concat())
}

/// Where the content of `<body>` begins and ends; all of a page without one.
fn body(page: &str) -> (usize, usize) {
    let tags = html::tags(page);
    let is_body = |closing: bool| move |tag: &&html::Tag| tag.name() == "body" && tag.closing == closing;
    let start = tags.iter().find(is_body(false)).map_or(0, |tag| tag.at.end);
    let end = tags.iter().rev().find(is_body(true)).map_or(page.len(), |tag| tag.at.start);
    (start, end.max(start))
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
