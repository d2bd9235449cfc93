//! Composes the email of one post: fields, templates, slots, headers. The code that it shares with the weekly digest is
//! here too.
//!
//! Pure. Errors come back as findings that name the file; a partial email is never returned.

use minijinja::{Value, context};
use url::Url;

use super::headers::{self, Sender};
use super::lint::NEARLY_CLIPPED;
use super::placeholders::{InvalidPlaceholder, Markers};
use super::templates::{self, Kind, TemplateRenderer, TemplateSet, Templates};
use super::{
    Greeting, MessageTemplate, PictureSizes, Placeholder, TemplatePart, drawings, formulas, html, outline,
    pictures, plain, preview, theme,
};
use crate::address::Mailbox;
use crate::archive::markdown::Rendered;
use crate::archive::{Post, links};
use crate::config::{Config, Newsletter, SiteUrl};
use crate::finding::{Finding, Severity};
use crate::html::push_escaped;
use crate::i18n::{self, Strings};
use crate::text::HeaderText;

/// Renders `post` with its `body` as an email; `sizes` are those of its pictures that are known. The errors name the post, `config.toml` or a template of the user.
pub fn compose(
    post: &Post,
    (body, sizes): (&Rendered, &PictureSizes),
    config: &Config,
    templates: &Templates,
) -> Result<MessageTemplate, Vec<Finding>> {
    let errors = body.findings.iter().filter(|finding| finding.severity == Severity::Error);
    let errors: Vec<Finding> = errors.cloned().collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    from_body(post, (&body.html, sizes), config, templates)
}

/// [`compose`] with a rendered body.
pub(super) fn from_body(
    post: &Post,
    (body, sizes): (&str, &PictureSizes),
    config: &Config,
    templates: &Templates,
) -> Result<MessageTemplate, Vec<Finding>> {
    let language = post.language.as_deref().unwrap_or(&config.site.language);
    let strings = &config.words.of(language).issue;
    let body = &*drawings::as_text(body);
    let body = &*formulas::as_text(body);
    let html = html::for_mail(body, strings, sizes);
    let text = plain::render(&outline::read(body), strings);
    let markers = Markers::absent_from(&[&html, &text, post.shown_title()].concat());
    let campaign = headers::fingerprint(&post.id);
    let envelope = Envelope { campaign: &campaign, language, subject: post.subject.as_ref() };
    let content = Content { html: &html, text: &text, lead: lead(post, body, sizes) };
    let lay_out = |is_long: bool| {
        let fields = context! { is_long, ..fields(post, &content, config) };
        render(TemplateSet::Issue, &fields, &markers, &envelope, (config, templates))
    };
    let template = lay_out(false)?;
    // Gmail may cut the footer off, so the unsubscribe link stands at the top too.
    if html_length(&template) > NEARLY_CLIPPED { lay_out(true) } else { Ok(template) }
}

/// The size of the HTML part without what differs between subscribers.
pub(super) fn html_length(template: &MessageTemplate) -> usize {
    let fixed = |part: &TemplatePart| if let TemplatePart::Fixed(text) = part { text.len() } else { 0 };
    template.html.iter().map(fixed).sum()
}

/// The values for the header fields of an email that depend on its content.
pub(super) struct Envelope<'a> {
    pub(super) campaign: &'a str,
    pub(super) language: &'a str,
    /// Instead of the one that the template makes.
    pub(super) subject: Option<&'a HeaderText>,
}

/// Renders a set of templates.
pub(super) fn render(
    set: TemplateSet,
    shared: &Value,
    markers: &Markers,
    envelope: &Envelope<'_>,
    (config, templates): (&Config, &Templates),
) -> Result<MessageTemplate, Vec<Finding>> {
    let Some(from) = &config.newsletter.from else {
        return Err(vec![no_sender()]);
    };
    let folder = config.newsletter.templates.as_str();
    let renderer = templates.renderer(set, folder, config.newsletter.subject.as_deref())?;
    let subject = match envelope.subject {
        Some(subject) => subject.clone(),
        None => subject(&renderer, shared).map_err(|finding| vec![finding])?,
    };
    let fields = context! {
        subject => subject.as_str(),
        greeting => markers.of(Placeholder::Greeting),
        name => markers.of(Placeholder::Name),
        unsubscribe_url => markers.of(Placeholder::Unsubscribe),
        ..shared.clone()
    };
    let text = text_part(&renderer, &fields, markers);
    let html = html_part(&renderer, &fields, markers);
    let (text, html) = match (text, html) {
        (Ok(text), Ok(html)) => (text, html),
        (text, html) => return Err(text.err().into_iter().chain(html.err()).collect()),
    };
    let sender = Sender { site: &config.site, from, reply_to: config.newsletter.reply_to.as_ref() };
    Ok(MessageTemplate {
        headers: headers::issue_headers(&subject, (envelope.campaign, envelope.language), &sender),
        subject,
        text,
        html,
        greeting: Greeting::from_strings(&config.words.of(envelope.language).issue),
    })
}

/// The error for an email without a sender.
pub(super) fn no_sender() -> Finding {
    Finding::error(
        "newsletter-from",
        "config.toml",
        "an email needs a sender, and `newsletter.from` is not set",
    )
    .hint("from = \"Kim <kim@example.com>\" under [newsletter]")
}

/// The body in both forms, and the picture above it.
struct Content<'a> {
    html: &'a str,
    text: &'a str,
    lead: Option<Value>,
}

/// The picture of the post, unless it is in its body.
fn lead(post: &Post, body: &str, sizes: &PictureSizes) -> Option<Value> {
    let url = post.image.as_ref().map(Url::as_str)?;
    let mut escaped = String::new();
    push_escaped(&mut escaped, url);
    if body.contains(url) || body.contains(&escaped) {
        return None;
    }
    let size = sizes.get(url).map(|(width, height)| pictures::fitted(*width, Some(*height)));
    let (width, height) = size.unwrap_or((pictures::COLUMN, None));
    Some(context! { url, width, height })
}

/// The fields that the templates of an issue can use, as listed in `docs/templates.md`.
fn fields(post: &Post, content: &Content<'_>, config: &Config) -> Value {
    let preview = preview::of_post(post);
    let lang = post.language.as_deref().unwrap_or(&config.site.language);
    let strings = config.words.of(lang);
    context! {
        lang,
        lang_primary => i18n::primary(lang),
        dir => i18n::direction(lang),
        post => context! {
            // Data and not a template: `{{ … }}` in a post stays as written.
            content_html => Value::from_safe_string(content.html.trim_end().to_owned()),
            content_text => content.text.trim_end(),
            lead => &content.lead,
            ..about(post, config, strings)
        },
        issue => context! { url => (!post.page.is_mail_only).then(|| online(post, config)) },
        preview_end => preview::end(&preview),
        preview,
        ..common(config, strings)
    }
}

/// Where the post can be read in a browser: on its own page; else on the page of its issue, if `letterpress serve` shows
/// issues; else at the address of the post.
pub fn online(post: &Post, config: &Config) -> String {
    match &config.web.url {
        Some(web) if post.page.file.is_none() && config.web.issues => issue_page(web, &post.label()),
        _ => post.url.as_str().to_owned(),
    }
}

/// A section about the latest issue, for the end of an email of a series in `language`: its title as a link, with the summary or
/// with its whole text.
pub fn latest_issue(post: &Post, whole: Option<&str>, (config, language): (&Config, &str)) -> String {
    let mut html = String::from("\n<hr>\n<h2>");
    push_escaped(&mut html, &config.words.of(language).issue.latest);
    html.push_str("</h2>\n<p><a href=\"");
    push_escaped(&mut html, post.url.as_str());
    html.push_str("\">");
    push_escaped(&mut html, post.shown_title());
    html.push_str("</a></p>\n");
    match (whole, &post.summary) {
        (Some(whole), _) => html.push_str(whole),
        (None, Some(summary)) => {
            html.push_str("<p>");
            push_escaped(&mut html, summary.as_str().trim());
            html.push_str("</p>\n");
        }
        (None, None) => {}
    }
    html
}

/// The page of an issue on `letterpress serve`.
pub(super) fn issue_page(web: &SiteUrl, label: &str) -> String {
    web.join(&format!("issues/{}", links::segment(label)))
}

/// The fields that every template can use.
pub(super) fn common(config: &Config, strings: &Strings) -> Value {
    context! {
        site => context! {
            title => config.site.title.as_str(),
            url => config.site.url.as_str(),
            description => config.site.tagline(),
            language => &config.site.language,
        },
        words => templates::strings(&strings.issue, config.site.title.as_str()),
        sign_up => config.web.url.as_ref().map(SiteUrl::as_str),
        can_reply => reads_replies(&config.newsletter),
        ..theme::fields(&config.newsletter)
    }
}

/// Whether a reply would reach a person.
fn reads_replies(newsletter: &Newsletter) -> bool {
    let is_read = |from: &Mailbox| {
        let name: String = from.address.local_part().chars().filter(|c| c.is_alphanumeric()).collect();
        !["noreply", "donotreply"].contains(&name.to_ascii_lowercase().as_str())
    };
    newsletter.reply_to.as_ref().or(newsletter.from.as_ref()).is_some_and(is_read)
}

/// The fields of a post without its body.
pub(super) fn about(post: &Post, config: &Config, strings: &Strings) -> Value {
    let mut authors: Vec<String> = post.authors.iter().map(|author| author.name.to_string()).collect();
    if authors.is_empty() {
        authors.extend(config.site.author.iter().map(|author| author.name.to_string()));
    }
    let avatar = config.site.author.as_ref().filter(|owner| authors == [owner.name.as_str()]);
    context! {
        title => post.shown_title(),
        url => post.url.as_str(),
        avatar => avatar.and_then(|owner| owner.avatar.as_ref()).map(Url::as_str),
        published => (!post.page.is_mail_only).then(|| strings.date(&post.published)),
        authors,
        categories => names(&post.categories),
        tags => names(&post.tags),
        summary => post.summary.as_ref().map(|summary| summary.as_str().trim().to_owned()),
        image => post.image.as_ref().map(|url| url.as_str().to_owned()),
    }
}

fn names(of: &[HeaderText]) -> Vec<String> {
    of.iter().map(HeaderText::to_string).collect()
}

fn subject(renderer: &TemplateRenderer, fields: &Value) -> Result<HeaderText, Finding> {
    let rendered = renderer.render(Kind::Subject, fields)?;
    HeaderText::parse(&rendered).map_err(|error| {
        Finding::error(
            "letter-subject",
            renderer.own(Kind::Subject),
            format!("the subject cannot be sent: {error}"),
        )
        .hint("{{ post.title }}")
    })
}

fn text_part(
    renderer: &TemplateRenderer,
    fields: &Value,
    markers: &Markers,
) -> Result<Vec<TemplatePart>, Finding> {
    let text = renderer.render(Kind::Text, fields)?;
    markers.split(&text).map_err(|damage| damaged(renderer.own(Kind::Text), &damage))
}

fn html_part(
    renderer: &TemplateRenderer,
    fields: &Value,
    markers: &Markers,
) -> Result<Vec<TemplatePart>, Finding> {
    let page = renderer.render(Kind::Html, fields)?;
    let file = renderer.own(Kind::Html);
    let inlined = html::inlined(&page).map_err(|error| {
        Finding::error("letter-css", &*file, format!("its style cannot be inlined: {error}"))
    })?;
    markers.split(&inlined).map_err(|damage| damaged(file, &damage))
}

fn damaged(file: String, damage: &InvalidPlaceholder) -> Finding {
    let line = damage.line;
    Finding::error(
        "letter-slot",
        file,
        format!("`greeting`, `name` or `unsubscribe_url` went through a filter (line {line} of the result)"),
    )
    .hint(
        "print them alone, as in {{ greeting }}: they are filled for each subscriber after the template has run",
    )
}
