//! The folder of issues: a list, newest first, and a page for each issue that was mailed. An issue never changes, so its page is
//! made anew only if another issue comes beside it.

use aws_lc_rs::digest::{Context, Digest, SHA256};
use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, Datelike as _, FixedOffset};
use minijinja::{Value, context};

use super::fields::Fields;
use super::issue::{IssueLinks, impersonal, with_head, with_links};
use super::layout::{Kind, shared};
use super::templates::{PageRenderer, PageTemplates};
use super::{ISSUES, MARK, PlannedPage, STYLE_MARK};
use crate::config::Config;
use crate::email::MessageTemplate;
use crate::feeds::Document;
use crate::finding::Finding;
use crate::text::hex;

/// Its own style sheet: where another program makes the pages, there is no other.
const STYLE: &str = "issues/pages.css";

/// An issue that was mailed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IssuePage {
    /// The name of its page.
    pub label: String,
    pub subject: String,
    pub sent: DateTime<FixedOffset>,
    /// A hash of its email.
    pub content: Vec<u8>,
}

/// All pages of issues.
pub(crate) struct IssueArchive<'a> {
    config: &'a Config,
    /// Newest first, each with its file.
    issues: Vec<(IssuePage, Utf8PathBuf)>,
    renderer: PageRenderer<'a>,
    shared: Digest,
}

impl<'a> IssueArchive<'a> {
    /// The pages of `issues`, newest first. Returns findings if the user's templates are invalid.
    pub(crate) fn lay_out(
        issues: Vec<IssuePage>,
        config: &'a Config,
        templates: &'a PageTemplates,
    ) -> Result<Self, Vec<Finding>> {
        let renderer = templates.renderer(config.newsletter.templates.as_str())?;
        let files = files(&issues);
        let issues = issues.into_iter().zip(files).collect();
        Ok(Self { config, issues, renderer, shared: shared(config, templates) })
    }

    /// The pages of the issues in their order, the list, and its style sheet.
    pub(crate) fn planned_pages(&self) -> Vec<PlannedPage> {
        let page = |kind: Kind, path: Utf8PathBuf| PlannedPage { path, key: self.key(&kind), kind };
        let issues = self.issues.iter().enumerate();
        let mut pages: Vec<_> = issues.map(|(at, (_, file))| page(Kind::Issue(at), file.clone())).collect();
        pages.push(page(Kind::Issues, ISSUES.into()));
        pages.push(page(Kind::Style, STYLE.into()));
        pages
    }

    /// The position of the issue that a page shows.
    pub(crate) fn issue(sheet: &PlannedPage) -> Option<usize> {
        if let Kind::Issue(at) = sheet.kind { Some(at) } else { None }
    }

    /// The issues before and after an issue.
    fn beside(&self, at: usize) -> [Option<&(IssuePage, Utf8PathBuf)>; 2] {
        [self.issues.get(at + 1), at.checked_sub(1).and_then(|at| self.issues.get(at))]
    }

    fn key(&self, kind: &Kind) -> String {
        let mut digest = Context::new(&SHA256);
        let mut add = |part: &[u8]| {
            digest.update(part);
            digest.update(&[0]);
        };
        let mut line = |(issue, file): &(IssuePage, Utf8PathBuf)| {
            add(file.as_str().as_bytes());
            add(issue.subject.as_bytes());
            add(issue.sent.to_rfc3339().as_bytes());
        };
        match kind {
            Kind::Issue(at) => {
                let beside = self.beside(*at);
                beside.iter().flatten().for_each(|issue| line(issue));
                add(&[u8::from(beside[0].is_some()), u8::from(beside[1].is_some())]);
                add(&self.issues[*at].0.content);
            }
            Kind::Issues => self.issues.iter().for_each(line),
            Kind::Style | Kind::Post(_) | Kind::Index | Kind::List(..) => {}
        }
        digest.update(self.shared.as_ref());
        hex(&digest.finish().as_ref()[..12])
    }

    /// Renders the list or its style sheet. An error is one of a user's template.
    pub(crate) fn render(&self, sheet: &PlannedPage) -> Result<Document, Finding> {
        let path = sheet.path.clone();
        if sheet.kind == Kind::Style {
            let style = format!("{}\n{STYLE_MARK}", self.renderer.style().trim_end());
            return Ok(Document { path, media_type: "text/css; charset=utf-8", bytes: style.into_bytes() });
        }
        let text = self.renderer.render("issues.html", &self.list(&self.frame(&sheet.path)))?;
        Ok(page(path, &text))
    }

    /// Renders the page of the issue at a position, whose email is `template`.
    pub(crate) fn render_issue(
        &self,
        sheet: &PlannedPage,
        at: usize,
        template: &MessageTemplate,
    ) -> Result<Document, Finding> {
        let frame = self.frame(&sheet.path);
        let sign_up = self.config.web.url.as_ref().filter(|_| self.config.web.sign_up);
        let sign_up = sign_up.map(|web| web.join("subscribe"));
        let email = impersonal(template, sign_up.as_deref().unwrap_or(self.config.site.url.as_str()));
        let link = |(issue, file): &'_ (IssuePage, Utf8PathBuf)| (frame.href(file), issue.subject.clone());
        let [older, newer] = self.beside(at).map(|issue| issue.map(link));
        let links = IssueLinks {
            strings: frame.strings,
            issues: frame.href(Utf8Path::new(ISSUES)),
            sign_up,
            older,
            newer,
        };
        let text = with_links(&email, &links)
            .map_err(|error| Finding::error("issue-page", sheet.path.as_str(), error.to_string()))?;
        Ok(page(sheet.path.clone(), &with_head(&text, self.robots())))
    }

    const fn robots(&self) -> &'static str {
        if self.config.web.index { "" } else { "<meta name=\"robots\" content=\"noindex\">\n" }
    }

    fn frame<'l>(&'l self, path: &'l Utf8Path) -> Fields<'l> {
        Fields { config: self.config, path, strings: self.config.words.of(&self.config.site.language) }
    }

    fn list(&self, frame: &Fields<'_>) -> Value {
        let mut years: Vec<(i32, Vec<Value>)> = Vec::new();
        for (issue, file) in &self.issues {
            let entry = context! {
                subject => &issue.subject,
                href => frame.href(file),
                day => issue.sent.format("%Y-%m-%d").to_string(),
                month_day => frame.strings.month_day(&issue.sent),
            };
            match years.last_mut().filter(|(year, _)| *year == issue.sent.year()) {
                Some((_, issues)) => issues.push(entry),
                None => years.push((issue.sent.year(), vec![entry])),
            }
        }
        let years: Vec<Value> =
            years.into_iter().map(|(year, issues)| context! { name => year.to_string(), issues }).collect();
        context! {
            years,
            empty => &frame.strings.web.no_issues,
            listed => self.config.web.index,
            style => "pages.css",
            ..frame.shared(&frame.strings.web.issues, "")
        }
    }
}

fn page(path: Utf8PathBuf, text: &str) -> Document {
    let text = format!("{}\n{MARK}", text.trim_end());
    Document { path, media_type: "text/html; charset=utf-8", bytes: text.into_bytes() }
}

/// The file of each issue. Of two with one name the later one has a number, so that no address ever changes.
fn files(issues: &[IssuePage]) -> Vec<Utf8PathBuf> {
    let mut taken = std::collections::HashSet::new();
    let mut files: Vec<Utf8PathBuf> = Vec::with_capacity(issues.len());
    for issue in issues.iter().rev() {
        let safe = issue.label.replace(|c: char| c.is_control() || "/\\:*?\"<>|".contains(c), "-");
        let name = safe.trim_matches(['.', ' ']);
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let free = std::iter::once(name.to_owned()).chain(numbered).find(|name| !taken.contains(name));
        let name = free.unwrap_or_default();
        files.push(format!("issues/{name}/index.html").into());
        taken.insert(name);
    }
    files.reverse();
    files
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::fixtures::config;

    fn issue(label: &str, subject: &str) -> IssuePage {
        IssuePage {
            label: label.to_owned(),
            subject: subject.to_owned(),
            sent: DateTime::parse_from_rfc3339("2026-11-20T19:00:00+09:00").unwrap(),
            content: subject.as_bytes().to_vec(),
        }
    }

    #[test]
    fn issues_with_one_name_have_two_addresses_and_none_leaves_the_folder() {
        let issues = [issue("../../a", "d"), issue("2026-a", "c"), issue("2026-a", "b"), issue("글/1", "a")];
        let expected = [
            "issues/-..-a/index.html",
            "issues/2026-a-2/index.html",
            "issues/2026-a/index.html",
            "issues/글-1/index.html",
        ];
        assert_eq!(files(&issues), expected);
        assert_eq!(files(&issues[1..]), expected[1..], "an address changed when an issue came");
    }

    #[test]
    fn a_new_issue_changes_the_list_and_its_neighbour_alone() {
        let (config, templates) = (config(), PageTemplates::default());
        let keys = |issues: Vec<IssuePage>| -> Vec<(Utf8PathBuf, String)> {
            let archive = IssueArchive::lay_out(issues, &config, &templates).unwrap();
            archive.planned_pages().into_iter().map(|page| (page.path, page.key)).collect()
        };
        let before = keys(vec![issue("b", "b"), issue("a", "a")]);
        let after = keys(vec![issue("c", "c"), issue("b", "b"), issue("a", "a")]);
        let changed: Vec<&str> =
            after.iter().filter(|page| !before.contains(page)).map(|(path, _)| path.as_str()).collect();
        assert_eq!(changed, ["issues/c/index.html", "issues/b/index.html", ISSUES]);
    }

    #[test]
    fn without_issues_the_list_says_so() {
        let (config, templates) = (config(), PageTemplates::default());
        let archive = IssueArchive::lay_out(Vec::new(), &config, &templates).unwrap();
        let sheets = archive.planned_pages();
        let list = archive.render(&sheets[0]).unwrap();
        let text = String::from_utf8(list.bytes).unwrap();
        assert!(text.contains("<p>아직 발송된 뉴스레터가 없습니다.</p>"), "{text}");
        assert!(text.contains("href=\"pages.css\"") && text.ends_with(MARK), "{text}");
    }
}
