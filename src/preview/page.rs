//! The page as HTML: gathers what is shown and renders the template.

use std::sync::OnceLock;

use camino::Utf8Path;
use minijinja::value::Serde;
use minijinja::{Environment, context};
use serde::Serialize;

use super::audience;
use super::desk::{Composed, Desk, State};
use super::editor::EditorLink;
use super::facts::{Cut, INBOXES, explained, row, sender_name};
use super::feed_reader::{self, Entry};
use super::letter::{Letter, Size};
use super::links::{self, CheckedLink};
use super::list::{first, list};
use super::view::{FeedReader, Subject, Tab, View};
use crate::email;
use crate::finding::Finding;
use crate::platform::url_path;
use crate::text::grouped;

const TEMPLATES: [(&str, &str); 5] = [
    ("page.html", include_str!("page/page.html")),
    ("list.html", include_str!("page/list.html")),
    ("shown.html", include_str!("page/shown.html")),
    ("facts.html", include_str!("page/facts.html")),
    ("notice.html", include_str!("page/notice.html")),
];

/// The style sheet.
pub(super) const STYLE: &str = include_str!("page/style.css");
/// The script: it replaces what changed, and nothing works only with it.
pub(super) const SCRIPT: &str = include_str!("page/reload.js");

/// Where Gmail clips the HTML part.
const CLIPPED: usize = 102_400;
/// How much of a message is shown; it can be downloaded whole.
const MOST_SHOWN: usize = 300_000;

/// A finding with its link.
#[derive(Serialize)]
struct ShownFinding {
    severity: &'static str,
    place: String,
    href: Option<String>,
    message: String,
    hint: Option<String>,
}

/// A choice between states of the page.
#[derive(Serialize)]
struct Choice {
    label: String,
    href: String,
    is_current: bool,
}

fn choice(view: &View, label: &str, is_current: bool, change: impl FnOnce(&mut View)) -> Choice {
    Choice { label: label.to_owned(), href: view.href(change), is_current }
}

/// A row of an inbox.
#[derive(Serialize)]
struct InboxRow {
    name: &'static str,
    sender: Cut,
    subject: Cut,
    preview: Cut,
}

/// A slice of the bar of sizes.
#[derive(Serialize)]
struct Slice {
    name: &'static str,
    bytes: usize,
    /// Where it begins and how long it is, in thousandths of the limit.
    from: usize,
    length: usize,
}

/// What the page says about an email.
#[derive(Serialize)]
struct Facts {
    subject: String,
    inboxes: Vec<InboxRow>,
    slices: Vec<Slice>,
    shown: usize,
    limit: usize,
    message: usize,
    other: Vec<(&'static str, usize)>,
    headers: Vec<(String, String, &'static str, &'static str)>,
    text: String,
    raw: String,
    is_raw_cut: bool,
    links: usize,
    checked: Option<Vec<CheckedLink>>,
}

/// Renders the page.
pub(super) async fn page(
    desk: &Desk,
    mut view: View,
    editor: &EditorLink,
    notice: Option<String>,
) -> Result<String, minijinja::Error> {
    let revision = desk.revision();
    let is_chosen = view.subject.is_some();
    if !is_chosen {
        let state = desk.state().await;
        let (schedule, _) = audience::read(&state, None).await;
        view.subject = first(&state.posts, &schedule, state.context.clock.now());
    }
    let composed = match &view.subject {
        Some(subject) => desk.composed(subject).await,
        None => None,
    };
    let is_missing = composed.is_none() && view.subject.is_some();
    let composed = composed.unwrap_or_default();
    let state = desk.state().await;
    let post = composed.post.as_ref();
    let (schedule, audience) = audience::read(&state, post.map(|post| (post, composed.held.as_ref()))).await;
    let config = &state.context.config;
    let letter = composed.letter.as_deref();
    let checked = match letter.filter(|_| view.checks_links) {
        Some(letter) => Some(links::check(letter.links(), config).await),
        None => None,
    };
    let entry = post.filter(|_| view.tab == Tab::Feed).and_then(|post| feed_reader::entry_of(post, config));
    let facts = letter.map(|letter| facts(letter, checked));
    let errors: Vec<&Finding> =
        state.config_errors.iter().chain(&state.posts.errors).chain(&composed.errors).collect();
    let shown = |findings: &[&Finding]| -> Vec<ShownFinding> {
        findings.iter().map(|finding| shown_finding(finding, &state, editor)).collect()
    };
    let warnings: Vec<&Finding> = letter.iter().flat_map(|letter| &letter.findings).collect();
    environment()?.get_template("page.html")?.render(context! {
        site => config.site.title.as_str(),
        revision,
        notice,
        is_missing,
        fields => Serde(search_fields(&view)),
        search => &view.search,
        clear => (!view.search.is_empty()).then(|| view.href(|view| (view.search, view.page) = (String::new(), 0))),
        list => Serde(list(&state.posts, &schedule, &view, config.site.timezone)),
        others => Serde(others(&state, &view)),
        title => title(&view, &composed),
        file => Serde(file_of(&view, &state, editor)),
        held => composed.held.as_ref().and_then(crate::archive::SkipReason::describe),
        note => &composed.note,
        errors => Serde(shown(&errors)),
        is_stale => !composed.errors.is_empty() && letter.is_some(),
        findings => Serde(shown(&warnings)),
        tab => view.tab.name(),
        tabs => Serde(tabs(&view, post.is_some())),
        switches => Serde(switches(&view)),
        readers => Serde(readers(&view)),
        view => Serde(Frame::of(&view)),
        frame => view.query(),
        facts => Serde(&facts),
        entry => entry.as_ref().map(|entry| Serde(entry_fields(entry, &view, feed_reader::is_full(config)))),
        audience => post.map(|_| Serde(audience)),
        check_links => view.href(|view| view.checks_links = true),
        test => test_address(&state, &composed),
    })
}

/// A short page about a request that is not answered.
pub(super) fn notice(title: &str, text: &str) -> String {
    let rendered = environment()
        .and_then(|environment| environment.get_template("notice.html")?.render(context! { title, text }));
    rendered.unwrap_or_else(|error| error.to_string())
}

fn environment() -> Result<&'static Environment<'static>, minijinja::Error> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    if let Some(environment) = ENVIRONMENT.get() {
        return Ok(environment);
    }
    let mut environment = email::environment();
    environment.add_filter("bytes", |bytes: u64| grouped(bytes, ","));
    for (name, source) in TEMPLATES {
        environment.add_template(name, source)?;
    }
    Ok(ENVIRONMENT.get_or_init(|| environment))
}

fn title(view: &View, composed: &Composed) -> String {
    if let Some(post) = &composed.post {
        return post.shown_title().to_owned();
    }
    match &view.subject {
        None => "No post yet".to_owned(),
        Some(Subject::Week) => "Weekly digest".to_owned(),
        Some(Subject::Step(name)) => name.clone(),
        Some(Subject::Post(file)) => file.file_name().unwrap_or_default().to_owned(),
        Some(Subject::Transactional(kind)) => kind_label(*kind).to_owned(),
    }
}

const fn kind_label(kind: crate::subscribers::transactional::TransactionalKind) -> &'static str {
    use crate::subscribers::transactional::TransactionalKind as Kind;
    match kind {
        Kind::Confirm => "Confirm a sign-up",
        Kind::Known => "Already subscribed",
        Kind::Data => "Personal data",
    }
}

/// The file of what is shown, with its link.
fn file_of(view: &View, state: &State, editor: &EditorLink) -> Option<(String, String)> {
    let file = match view.subject.as_ref()? {
        Subject::Post(file) => file.clone(),
        Subject::Step(name) => {
            let mut steps = state.posts.series.iter().flat_map(|series| &series.steps);
            steps.find(|step| step.name == *name)?.source.clone()
        }
        _ => return None,
    };
    Some((file.to_string(), link(&file, None, state, editor)?))
}

/// The link to a line of a file; `None` if there is no such file.
fn link(file: &Utf8Path, line: Option<usize>, state: &State, editor: &EditorLink) -> Option<String> {
    let config = &state.context.config;
    let path = if file == config.file.as_str() { file.to_owned() } else { config.resolve(file) };
    Some(editor.to(&url_path(path.canonicalize_utf8().ok()?), line))
}

fn shown_finding(finding: &Finding, state: &State, editor: &EditorLink) -> ShownFinding {
    let place = match finding.line {
        Some(line) => format!("{}:{line}", finding.file),
        None => finding.file.clone(),
    };
    ShownFinding {
        severity: match finding.severity {
            crate::finding::Severity::Error => "error",
            crate::finding::Severity::Warning => "warning",
            crate::finding::Severity::Note => "note",
        },
        href: link(Utf8Path::new(&finding.file), finding.line, state, editor),
        place,
        message: finding.message.clone(),
        hint: finding.hint.clone(),
    }
}

/// The fields that a search keeps.
fn search_fields(view: &View) -> Vec<(&'static str, String)> {
    let kept = View { search: String::new(), page: 0, checks_links: false, ..view.clone() };
    kept.fields()
}

/// The emails that are not of a post.
fn others(state: &State, view: &View) -> Vec<Choice> {
    let link = |label: &str, subject: Subject| {
        let is_current = view.subject.as_ref() == Some(&subject);
        choice(view, label, is_current, |view| view.subject = Some(subject))
    };
    let mut others = vec![link("Weekly digest", Subject::Week)];
    for step in state.posts.series.iter().flat_map(|series| &series.steps) {
        let label = if step.name == "welcome" { "Welcome letter" } else { &step.name };
        others.push(link(label, Subject::Step(step.name.clone())));
    }
    let kinds = crate::subscribers::transactional::TransactionalKind::ALL;
    others.extend(kinds.map(|kind| link(kind_label(kind), Subject::Transactional(kind))));
    others
}

fn tabs(view: &View, is_of_post: bool) -> Vec<Choice> {
    let all = Tab::ALL.into_iter().filter(|tab| is_of_post || *tab != Tab::Feed);
    all.map(|tab| choice(view, tab.label(), tab == view.tab, |view| view.tab = tab)).collect()
}

fn switches(view: &View) -> Vec<(&'static str, Vec<Choice>)> {
    vec![
        (
            "Width",
            vec![
                choice(view, "600 px", !view.is_narrow, |view| view.is_narrow = false),
                choice(view, "360 px", view.is_narrow, |view| view.is_narrow = true),
            ],
        ),
        (
            "Colors",
            vec![
                choice(view, "Light", !view.is_dark, |view| view.is_dark = false),
                choice(view, "Dark", view.is_dark, |view| view.is_dark = true),
            ],
        ),
        (
            "Pictures",
            vec![
                choice(view, "Pictures", view.has_pictures, |view| view.has_pictures = true),
                choice(view, "No pictures", !view.has_pictures, |view| view.has_pictures = false),
            ],
        ),
    ]
}

fn readers(view: &View) -> Vec<Choice> {
    let all = FeedReader::ALL.into_iter();
    all.map(|reader| choice(view, reader.name(), reader == view.reader, |view| view.reader = reader))
        .collect()
}

/// How the frame looks.
#[derive(Serialize)]
struct Frame {
    width: u16,
    scheme: &'static str,
    pictures: &'static str,
}

impl Frame {
    const fn of(view: &View) -> Self {
        Self {
            width: if view.is_narrow { 360 } else { 600 },
            scheme: if view.is_dark { "dark" } else { "light" },
            pictures: if view.has_pictures { "shown" } else { "blocked" },
        }
    }
}

fn facts(letter: &Letter, checked: Option<Vec<CheckedLink>>) -> Facts {
    let (from, subject, preview) = (letter.header("from"), letter.header("subject"), letter.preview_line());
    let inboxes = INBOXES.map(|inbox| {
        let [sender, subject, preview] = row(inbox, sender_name(from), subject, &preview);
        InboxRow { name: inbox.name, sender, subject, preview }
    });
    let Size { headers, text, html, styles, attachments, encoding } = letter.size;
    let (mut slices, mut from) = (Vec::new(), 0);
    for (name, bytes) in [("Text and markup", html), ("Styles", styles)] {
        let length = (bytes * 1000).div_ceil(CLIPPED).min(1000 - from);
        slices.push(Slice { name, bytes, from, length });
        from += length;
    }
    let raw = String::from_utf8_lossy(letter.bytes.get(..MOST_SHOWN).unwrap_or(&letter.bytes)).into_owned();
    let headers_shown = letter.headers.iter().map(|(name, value)| {
        let (name, sentence, standard) = explained(name);
        (name, value.clone(), sentence, standard)
    });
    Facts {
        subject: subject.to_owned(),
        inboxes: inboxes.into(),
        slices,
        shown: letter.size.shown(),
        limit: CLIPPED,
        message: letter.bytes.len(),
        other: vec![
            ("Text part", text),
            ("Headers", headers),
            ("Attachments", attachments),
            ("Encoding for transport", encoding),
        ],
        headers: headers_shown.collect(),
        text: letter.text.replace("\r\n", "\n"),
        raw: raw.replace("\r\n", "\n"),
        is_raw_cut: letter.bytes.len() > MOST_SHOWN,
        links: letter.links().len(),
        checked,
    }
}

/// The entry for the template.
#[derive(Serialize)]
struct ShownEntry {
    title: String,
    summary: String,
    url: String,
    is_full: bool,
    removed: Vec<(String, usize)>,
}

fn entry_fields(entry: &Entry, view: &View, is_full: bool) -> ShownEntry {
    let shown = feed_reader::sanitised(&entry.content, view.reader);
    ShownEntry {
        title: entry.title.clone(),
        summary: entry.summary.clone(),
        url: entry.url.clone(),
        is_full,
        removed: feed_reader::removed(&entry.content, &shown),
    }
}

/// The address for a test copy, if there is one and an email to send.
fn test_address(state: &State, composed: &Composed) -> Option<String> {
    let address = state.context.config.newsletter.test.as_ref()?;
    (composed.errors.is_empty() && composed.letter.is_some()).then(|| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_valid() {
        for (name, _) in TEMPLATES {
            assert!(environment().unwrap().get_template(name).is_ok(), "{name}");
        }
        assert!(notice("<b>", "x").contains("&lt;b&gt;"));
    }
}
