//! Reads `via` and `source`: the pages where the author found what a post is about. Only an absolute address, or a table with
//! one, counts; other programs write names and texts there.

use url::Url;

use super::entry::{Entry, Value};
use super::people::web_address;
use crate::text::HeaderText;

/// A page where the author found what the post is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// The page.
    pub url: Url,
    /// Its title, or the name of its site.
    pub title: Option<HeaderText>,
    /// The feed that has the page.
    pub feed: Option<Url>,
}

/// All pages, each once.
pub(super) fn read(entries: &[Entry]) -> Vec<Via> {
    let mut pages: Vec<Via> = Vec::new();
    for key in ["via", "source"] {
        let named = entries.iter().filter(|entry| entry.key.eq_ignore_ascii_case(key));
        for page in named.flat_map(|entry| entry.value.items()).filter_map(page) {
            if pages.iter().all(|known| known.url != page.url) {
                pages.push(page);
            }
        }
    }
    pages
}

fn page(value: &Value) -> Option<Via> {
    let field = |name: &str| value.field(name).and_then(Value::text);
    Some(Via {
        url: web_address(field("url").or_else(|| value.text())?)?,
        title: field("title").and_then(|title| HeaderText::parse(title).ok()),
        feed: field("feed").and_then(web_address),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::front_matter::split;

    fn pages(text: &str) -> Vec<Via> {
        read(&split(text, "a.md").unwrap().entries)
    }

    #[test]
    fn an_address_a_table_and_a_list_are_pages_and_each_is_there_once() {
        let found = pages(
            "+++\nvia = [\"https://a.example/1/\", { url = \"https://b.example/2/\", title = \"둘\", feed = \"https://b.example/rss.xml\" }]\n\
             source = \"https://a.example/1/\"\n+++\n",
        );
        assert_eq!(
            found.iter().map(|page| page.url.as_str()).collect::<Vec<_>>(),
            ["https://a.example/1/", "https://b.example/2/"]
        );
        assert_eq!(found[1].title.as_ref().unwrap().as_str(), "둘");
        assert_eq!(found[1].feed.as_ref().unwrap().as_str(), "https://b.example/rss.xml");
    }

    #[test]
    fn a_name_of_a_source_is_no_page() {
        for text in [
            "---\nsource: Wikipedia\n---\n",
            "---\nvia: /notes/1/\n---\n",
            "---\nsource: javascript:alert(1)\n---\n",
            "---\nvia: https://kim:secret@a.example/\n---\n",
            "---\nvia: { title: a }\n---\n",
            "---\nvia: true\n---\n",
        ] {
            assert_eq!(pages(text), [], "{text}");
        }
    }
}
