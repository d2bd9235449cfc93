//! The page templates. A file in `pages/` below the user's template folder replaces or extends a built-in one.

use std::borrow::Cow;

use minijinja::Environment;
use minijinja::value::Value;

use crate::email;
use crate::finding::Finding;

/// The folder of the user's page templates, below the template folder.
pub(crate) const FOLDER: &str = "pages";

/// The files that a user may provide.
pub(crate) const NAMES: [&str; 6] =
    ["base.html", "post.html", "index.html", "list.html", "issues.html", STYLE];

const STYLE: &str = "style.css";

const BUILTIN: [(&str, &str); 5] = [
    ("builtin/pages/base.html", include_str!("templates/base.html")),
    ("builtin/pages/post.html", include_str!("templates/post.html")),
    ("builtin/pages/index.html", include_str!("templates/index.html")),
    ("builtin/pages/list.html", include_str!("templates/list.html")),
    ("builtin/pages/issues.html", include_str!("templates/issues.html")),
];

/// The templates of one site.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageTemplates {
    own: Vec<(&'static str, String)>,
}

/// Parsed templates.
pub(super) struct PageRenderer<'a> {
    environment: Environment<'a>,
    folder: &'a str,
    style: Cow<'a, str>,
}

impl PageTemplates {
    /// The built-in templates, and the user's versions of those in [`NAMES`].
    pub fn new(own: Vec<(&'static str, String)>) -> Self {
        Self { own }
    }

    /// The text of all templates, to detect changes.
    pub(super) fn text(&self) -> String {
        let own = self.own.iter().map(|(name, text)| (*name, text.as_str()));
        BUILTIN
            .into_iter()
            .chain([(STYLE, BUILTIN_STYLE)])
            .chain(own)
            .flat_map(|(name, text)| [name, "\0", text, "\0"])
            .collect()
    }

    /// Parses all templates; `folder` contains the user's.
    pub(super) fn renderer<'a>(&'a self, folder: &'a str) -> Result<PageRenderer<'a>, Vec<Finding>> {
        let mut environment = email::environment();
        let own =
            |name: &str| self.own.iter().find(|(known, _)| *known == name).map(|(_, text)| text.as_str());
        let mut findings = Vec::new();
        let mut add = |name: &'static str, text: &'a str| {
            if let Err(error) = environment.add_template_owned(name, text.to_owned()) {
                findings.push(email::complaint(&error, "page-template", |_| file(folder, name)));
            }
        };
        for (name, builtin) in BUILTIN {
            add(name, builtin);
            let short = own_name(name);
            // A built-in template without a user's version extends the user's base.
            add(short, own(file_name(short)).unwrap_or(builtin));
        }
        let style = own(STYLE).map_or(Cow::Borrowed(BUILTIN_STYLE), Cow::Borrowed);
        if findings.is_empty() { Ok(PageRenderer { environment, folder, style }) } else { Err(findings) }
    }
}

const BUILTIN_STYLE: &str = include_str!("templates/style.css");

fn own_name(builtin: &'static str) -> &'static str {
    builtin.strip_prefix("builtin/").unwrap_or(builtin)
}

fn file_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// The file of a template, as the user would type it.
fn file(folder: &str, name: &str) -> String {
    if name.starts_with("builtin/") { name.to_owned() } else { format!("{folder}/{name}") }
}

impl PageRenderer<'_> {
    pub(super) fn style(&self) -> &str {
        &self.style
    }

    /// Renders one template of [`NAMES`].
    pub(super) fn render(&self, name: &str, fields: &Value) -> Result<String, Finding> {
        let rendered = self
            .environment
            .get_template(&format!("{FOLDER}/{name}"))
            .and_then(|template| template.render(fields));
        rendered.map_err(|error| {
            email::complaint(&error, "page-template", |named| {
                file(self.folder, named.unwrap_or(&format!("{FOLDER}/{name}")))
            })
        })
    }
}
