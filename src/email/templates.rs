//! The email templates: three built-in ones for an issue and three for a weekly digest. Users may replace or extend each.
//!
//! A template has access to values only, not to files or the network. A post's text is a value, never a template.
//! `docs/templates.md` lists the values.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, context};

use super::wrap;
use crate::finding::Finding;
use crate::html;
use crate::i18n::{self, IssueStrings};

const BUILTIN: [(&str, &str); 9] = [
    ("builtin/subject.txt", include_str!("templates/issue/subject.txt")),
    ("builtin/body.txt", include_str!("templates/issue/body.txt")),
    ("builtin/body.html", include_str!("templates/issue/body.html")),
    ("builtin/site.html", include_str!("templates/issue/site.html")),
    ("builtin/digest/subject.txt", include_str!("templates/digest/subject.txt")),
    ("builtin/digest/body.txt", include_str!("templates/digest/body.txt")),
    ("builtin/digest/body.html", include_str!("templates/digest/body.html")),
    ("builtin/transactional/body.txt", include_str!("templates/transactional/body.txt")),
    ("builtin/transactional/body.html", include_str!("templates/transactional/body.html")),
];

/// The limit of instructions and 64-byte units of output of one template: enough for a hundred megabytes, and an endless
/// loop ends within a second.
const FUEL: u64 = 2_000_000;

/// The strings as templates see them: `words.why`, `words.unsubscribe` and so on.
pub(super) fn strings(strings: &IssueStrings, site_title: &str) -> Value {
    context! {
        read_online => &strings.read_online,
        read_on => &strings.read_on,
        week => &strings.week,
        unsubscribe => &strings.unsubscribe,
        why => i18n::with_site(&strings.why, site_title),
        reply => &strings.reply,
        forwarded => &strings.forwarded,
        preferences => &strings.preferences,
    }
}

/// The templates of one newsletter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Templates {
    subject: Option<String>,
    text: Option<String>,
    html: Option<String>,
    /// The same three for the weekly digest.
    digest: [Option<String>; 3],
}

/// Which kind of email.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TemplateSet {
    /// An issue of one post.
    Issue,
    /// A weekly digest.
    Digest,
    /// A transactional email; users cannot replace these templates.
    Transactional,
}

/// Which template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Subject,
    Text,
    Html,
}

/// Parsed templates, with their names for error messages.
pub(super) struct TemplateRenderer<'a> {
    environment: Environment<'a>,
    set: TemplateSet,
    folder: &'a str,
    subject_in_config: bool,
}

impl Templates {
    /// The built-in templates.
    pub fn builtin() -> Self {
        Self::default()
    }

    /// The user's `subject.txt`, `body.txt` and `body.html`; the built-in template is used for each `None`.
    pub fn new(subject: Option<String>, text: Option<String>, html: Option<String>) -> Self {
        Self { subject, text, html, digest: [None, None, None] }
    }

    /// Adds the user's templates of the weekly digest in the same order: `digest/subject.txt` and so on.
    #[must_use]
    pub fn with_digest(self, digest: [Option<String>; 3]) -> Self {
        Self { digest, ..self }
    }

    /// The built-in templates that users can replace: the names of their files, and their text.
    pub fn replaceable() -> impl Iterator<Item = (&'static str, &'static str)> {
        let own = BUILTIN.into_iter().filter_map(|(name, text)| Some((name.strip_prefix("builtin/")?, text)));
        own.filter(|(name, _)| !name.starts_with("transactional/") && *name != "site.html")
    }

    /// The user's HTML template of an issue in `folder`, with the name of its file.
    pub fn html_of_issue(&self, folder: &str) -> Vec<(String, &str)> {
        self.html.iter().map(|text| (format!("{folder}/body.html"), text.as_str())).collect()
    }

    /// The same of a weekly digest, which may extend that of an issue.
    pub fn html_of_digest(&self, folder: &str) -> Vec<(String, &str)> {
        let digest = self.digest[2].iter().map(|text| (format!("{folder}/digest/body.html"), text.as_str()));
        digest.chain(self.html_of_issue(folder)).collect()
    }

    /// Parses all templates. `folder` contains the user's; `subject` comes from `config.toml` and takes precedence over a
    /// file.
    pub(super) fn renderer<'a>(
        &'a self,
        set: TemplateSet,
        folder: &'a str,
        subject: Option<&'a str>,
    ) -> Result<TemplateRenderer<'a>, Vec<Finding>> {
        let mut environment = environment();
        environment.add_filter("wrap", |text: &str| wrap::paragraph(text, wrap::LINE));
        environment.add_filter("underline", |text: &str, line: Option<char>| {
            wrap::underlined(text, line.unwrap_or('='), wrap::LINE)
        });
        environment.add_filter("style_element", style_element);
        let own = [
            ("subject.txt", subject.or(self.subject.as_deref())),
            ("body.txt", self.text.as_deref()),
            ("body.html", self.html.as_deref()),
            ("digest/subject.txt", self.digest[0].as_deref()),
            ("digest/body.txt", self.digest[1].as_deref()),
            ("digest/body.html", self.digest[2].as_deref()),
        ];
        let mut renderer =
            TemplateRenderer { environment, set, folder, subject_in_config: subject.is_some() };
        let mut findings = Vec::new();
        let sources = own.into_iter().filter_map(|(name, source)| Some((name, source?)));
        for (name, source) in BUILTIN.into_iter().chain(sources) {
            if let Err(error) = renderer.environment.add_template(name, source) {
                findings.push(renderer.template_error(&error, name));
            }
        }
        if findings.is_empty() { Ok(renderer) } else { Err(findings) }
    }
}

/// The innermost block that contains a line, from 1.
fn block_at(source: &str, line: usize) -> Option<&str> {
    let mut open = Vec::new();
    for (number, text) in source.lines().enumerate().take(line) {
        for tag in text.split("{%").skip(1) {
            let mut words = tag.trim_start_matches(['-', '+']).split_whitespace();
            match (words.next(), words.next()) {
                (Some("block"), Some(name)) => open.push(name),
                // A block that ends on the line itself may contain the error.
                (Some("endblock"), _) if number + 1 < line => drop(open.pop()),
                _ => {}
            }
        }
    }
    open.pop()
}

/// Rules of CSS in their element. A block may contain the element itself, also beside bare rules.
fn style_element(rules: &str) -> Value {
    const END: &str = "</style>";
    let lower = rules.to_ascii_lowercase();
    let (mut elements, mut from) = (String::with_capacity(rules.len()), 0);
    while let Some(start) = lower[from..].find("<style").map(|at| from + at) {
        push_rules(&rules[from..start], &mut elements);
        from = lower[start..].find(END).map_or(rules.len(), |at| start + at + END.len());
        elements.push_str(&rules[start..from]);
        elements.push('\n');
    }
    push_rules(&rules[from..], &mut elements);
    Value::from_safe_string(elements)
}

fn push_rules(rules: &str, elements: &mut String) {
    if !rules.trim().is_empty() {
        elements.extend(["<style>\n", rules, "\n</style>\n"]);
    }
}

impl TemplateRenderer<'_> {
    /// Renders one template with LF line ends and one at the end.
    pub(super) fn render(&self, kind: Kind, fields: &Value) -> Result<String, Finding> {
        let own = self.name(kind);
        let builtin = format!("builtin/{own}");
        let rendered = self
            .environment
            .get_template(own)
            .or_else(|_| self.environment.get_template(&builtin))
            .and_then(|template| template.render(fields))
            .map_err(|error| self.template_error(&error, own))?;
        let mut text = rendered.replace("\r\n", "\n").replace('\r', "\n");
        text.truncate(text.trim_end().len());
        text.push('\n');
        Ok(text)
    }

    const fn name(&self, kind: Kind) -> &'static str {
        match (self.set, kind) {
            (TemplateSet::Issue, Kind::Subject) => "subject.txt",
            (TemplateSet::Issue, Kind::Text) => "body.txt",
            (TemplateSet::Issue, Kind::Html) => "body.html",
            (TemplateSet::Digest, Kind::Subject) => "digest/subject.txt",
            (TemplateSet::Digest, Kind::Text) => "digest/body.txt",
            (TemplateSet::Digest, Kind::Html) => "digest/body.html",
            // A transactional subject is not a template.
            (TemplateSet::Transactional, Kind::Subject | Kind::Text) => "transactional/body.txt",
            (TemplateSet::Transactional, Kind::Html) => "transactional/body.html",
        }
    }

    /// The file of the template of a kind, as the user would type it.
    pub(super) fn own(&self, kind: Kind) -> String {
        self.file(self.name(kind))
    }

    /// The file of a template, as the user would type it.
    fn file(&self, name: &str) -> String {
        match name {
            "subject.txt" if self.subject_in_config => "config.toml".to_owned(),
            name if name.starts_with("builtin/") => name.to_owned(),
            name => format!("{}/{name}", self.folder),
        }
    }

    fn template_error(&self, error: &Error, fallback: &str) -> Finding {
        let mut finding = complaint(error, "letter-template", |name| self.file(name.unwrap_or(fallback)));
        let block = error.line().and_then(|line| block_at(error.template_source()?, line));
        if let Some(block) = block {
            finding.message = format!("block `{block}`: {}", finding.message);
        }
        if finding.file == "config.toml" {
            finding.message.insert_str(0, "newsletter.subject: ");
            // A line number inside the value is not one of config.toml.
            finding.line = None;
        }
        finding
    }
}

/// The environment of templates: HTML escaping, unknown fields are errors, and execution is limited.
pub(crate) fn environment<'a>() -> Environment<'a> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_debug(true);
    // A tag on its own line leaves no empty line.
    environment.set_syntax(
        SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().unwrap_or_default(),
    );
    environment.set_formatter(html::format_value);
    environment
}

/// Converts a template error to a finding; `file` gives the file of a template by its name, if it has one.
pub(crate) fn complaint(error: &Error, rule: &'static str, file: impl Fn(Option<&str>) -> String) -> Finding {
    let expression = error.range().and_then(|range| error.template_source()?.get(range)).map(str::trim);
    let message = match (error.kind(), expression) {
        (ErrorKind::UndefinedError, Some(expression)) => format!("there is no field `{expression}`"),
        (ErrorKind::OutOfFuel, _) => "the template does not come to an end".to_owned(),
        (kind, _) => error.detail().map_or_else(|| kind.to_string(), |detail| format!("{kind}: {detail}")),
    };
    let mut finding = Finding::error(rule, file(error.name()), message);
    if let Some(line) = error.line() {
        finding = finding.at(line);
    }
    match error.kind() {
        ErrorKind::UndefinedError => {
            finding.hint("docs/templates.md lists the fields that a template can use")
        }
        ErrorKind::OutOfFuel => finding.hint("look for a loop over a large range"),
        _ => finding,
    }
}
