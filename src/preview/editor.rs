//! Links that open a line of a file in an editor. Pure.
//!
//! An editor registers a URL scheme for this, such as `vscode:`. The page starts no program: whoever could send it a request could
//! start one too.

use camino::Utf8Path;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

/// The characters of a path that are not encoded.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Schemes that a browser runs or shows itself.
const REFUSED: [&str; 8] = ["javascript", "data", "vbscript", "blob", "file", "http", "https", "about"];

/// The template of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditorLink(String);

impl EditorLink {
    /// The template that Visual Studio Code and its relatives understand.
    pub const DEFAULT: &str = "vscode://file{file}:{line}";

    /// Checks a template, in which `{file}` is the absolute path, beginning with a slash, and `{line}` the line.
    pub fn parse(template: &str) -> Result<Self, String> {
        let link = Self(template.to_owned());
        let example = link.to("/a.md".into(), Some(1));
        let url = Url::parse(&example).map_err(|why| format!("{template:?} is not a URL: {why}"))?;
        if REFUSED.contains(&url.scheme()) {
            return Err(format!("{}: is not the scheme of an editor", url.scheme()));
        }
        if template.contains("{file}") {
            Ok(link)
        } else {
            Err(format!("{template:?} does not contain {{file}}"))
        }
    }

    /// The link to a line of an absolute path.
    pub(super) fn to(&self, file: &Utf8Path, line: Option<usize>) -> String {
        let file = utf8_percent_encode(file.as_str(), PATH).to_string();
        self.0.replace("{line}", &line.unwrap_or(1).to_string()).replace("{file}", &file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_names_the_encoded_file_and_the_line() {
        let link = EditorLink::parse(EditorLink::DEFAULT).unwrap();
        assert_eq!(
            link.to("/home/kim/글/{line} #1?.md".into(), Some(12)),
            "vscode://file/home/kim/%EA%B8%80/%7Bline%7D%20%231%3F.md:12"
        );
        let idea = EditorLink::parse("idea://open?file={file}&line={line}").unwrap();
        assert_eq!(idea.to("/a&b.md".into(), None), "idea://open?file=/a%26b.md&line=1");
    }

    #[test]
    fn a_template_that_a_browser_would_run_is_refused() {
        for template in
            ["javascript:alert('{file}')", "data:{file}", "FILE://{file}", "https://x.example/{file}"]
        {
            assert!(EditorLink::parse(template).unwrap_err().contains("editor"), "{template}");
        }
        assert!(EditorLink::parse("zed://file/").unwrap_err().contains("{file}"));
        assert!(EditorLink::parse("{file}").unwrap_err().contains("not a URL"));
    }
}
