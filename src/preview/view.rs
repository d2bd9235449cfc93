//! What the address of the page asks for, and addresses of the page in another state. Pure.
//!
//! The whole state of the page is in its address, so that it works without JavaScript and survives a reload.

use camino::Utf8PathBuf;
use url::form_urlencoded;

use crate::subscribers::transactional::TransactionalKind;

/// What is shown.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    /// The post in this file, as the user would type it.
    Post(Utf8PathBuf),
    /// The next weekly digest.
    Week,
    /// The email of a series with this name.
    Step(String),
    /// A transactional email.
    Transactional(TransactionalKind),
}

impl Subject {
    fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None if text == "week" => Some(Self::Week),
            Some(("post", file)) => Some(Self::Post(file.into())),
            Some(("step", name)) => Some(Self::Step(name.to_owned())),
            Some(("reply", kind)) => TransactionalKind::from_code(kind).map(Self::Transactional),
            _ => None,
        }
    }

    /// The value in an address.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Post(file) => format!("post:{file}"),
            Self::Week => "week".to_owned(),
            Self::Step(name) => format!("step:{name}"),
            Self::Transactional(kind) => format!("reply:{}", kind.as_str()),
        }
    }
}

/// How it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Tab {
    /// The HTML part.
    Letter,
    /// The text part.
    Text,
    /// The bytes.
    Raw,
    /// The header fields with explanations.
    Headers,
    /// The entry in feed readers.
    Feed,
}

impl Tab {
    pub(super) const ALL: [Self; 5] = [Self::Letter, Self::Text, Self::Raw, Self::Headers, Self::Feed];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Letter => "letter",
            Self::Text => "text",
            Self::Raw => "raw",
            Self::Headers => "headers",
            Self::Feed => "feed",
        }
    }

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Letter => "Letter",
            Self::Text => "Text part",
            Self::Raw => "Raw message",
            Self::Headers => "Headers",
            Self::Feed => "Feed reader",
        }
    }
}

/// Which feed reader sanitises the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum FeedReader {
    /// Keeps most markup and some styles.
    #[default]
    NetNewsWire,
    /// Keeps structure, links and pictures only.
    Feedly,
}

impl FeedReader {
    pub(super) const ALL: [Self; 2] = [Self::NetNewsWire, Self::Feedly];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::NetNewsWire => "NetNewsWire",
            Self::Feedly => "Feedly",
        }
    }
}

/// What the address asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch on the page")]
pub(super) struct View {
    /// `None` shows what comes next.
    pub(super) subject: Option<Subject>,
    pub(super) tab: Tab,
    /// 360 pixels wide instead of 600.
    pub(super) is_narrow: bool,
    pub(super) is_dark: bool,
    pub(super) has_pictures: bool,
    pub(super) reader: FeedReader,
    /// What the list of posts is searched for.
    pub(super) search: String,
    /// The page of the list, from 0.
    pub(super) page: usize,
    /// Whether the links are requested.
    pub(super) checks_links: bool,
}

impl Default for View {
    fn default() -> Self {
        Self {
            subject: None,
            tab: Tab::Letter,
            is_narrow: false,
            is_dark: false,
            has_pictures: true,
            reader: FeedReader::default(),
            search: String::new(),
            page: 0,
            checks_links: false,
        }
    }
}

/// The most characters of a search.
const LONGEST_SEARCH: usize = 200;

impl View {
    /// Reads a query string. Unknown fields and values are ignored.
    pub(super) fn parse(query: &str) -> Self {
        let mut view = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "show" => view.subject = Subject::parse(&value),
                "tab" => view.tab = Tab::ALL.into_iter().find(|tab| tab.name() == value).unwrap_or(view.tab),
                "width" => view.is_narrow = value == "360",
                "scheme" => view.is_dark = value == "dark",
                "pictures" => view.has_pictures = value != "off",
                "reader" => {
                    let known = FeedReader::ALL.into_iter().find(|reader| reader.name() == value);
                    view.reader = known.unwrap_or_default();
                }
                "q" => view.search = value.trim().chars().take(LONGEST_SEARCH).collect(),
                "page" => view.page = value.parse::<usize>().unwrap_or(1).saturating_sub(1),
                "links" => view.checks_links = value == "check",
                _ => {}
            }
        }
        view
    }

    /// The query string of this view. What has its default value is left out.
    pub(super) fn query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (key, value) in self.fields() {
            query.append_pair(key, &value);
        }
        query.finish()
    }

    /// The fields of the query string, for forms.
    pub(super) fn fields(&self) -> Vec<(&'static str, String)> {
        let plain = Self::default();
        let mut fields = Vec::new();
        fields.extend(self.subject.as_ref().map(|subject| ("show", subject.text())));
        if self.tab != plain.tab {
            fields.push(("tab", self.tab.name().to_owned()));
        }
        if self.is_narrow {
            fields.push(("width", "360".to_owned()));
        }
        if self.is_dark {
            fields.push(("scheme", "dark".to_owned()));
        }
        if !self.has_pictures {
            fields.push(("pictures", "off".to_owned()));
        }
        if self.reader != plain.reader {
            fields.push(("reader", self.reader.name().to_owned()));
        }
        if !self.search.is_empty() {
            fields.push(("q", self.search.clone()));
        }
        if self.page > 0 {
            fields.push(("page", (self.page + 1).to_string()));
        }
        if self.checks_links {
            fields.push(("links", "check".to_owned()));
        }
        fields
    }

    /// The address of the page with this view changed by `change`. A check of the links is not repeated by other links.
    pub(super) fn href(&self, change: impl FnOnce(&mut Self)) -> String {
        let mut view = Self { checks_links: false, ..self.clone() };
        change(&mut view);
        format!("?{}", view.query())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_survives_its_address() {
        let view = View {
            subject: Some(Subject::Post("posts/글 & 편지.md".into())),
            tab: Tab::Headers,
            is_narrow: true,
            is_dark: true,
            has_pictures: false,
            reader: FeedReader::Feedly,
            search: "a&b=ㄱ".to_owned(),
            page: 3,
            checks_links: true,
        };
        assert_eq!(View::parse(&view.query()), view);
        assert_eq!(View::default().query(), "");
    }

    #[test]
    fn every_subject_is_read_back_and_others_are_ignored() {
        let steps = [Subject::Week, Subject::Step("course/01".to_owned())];
        let replies = TransactionalKind::ALL.map(Subject::Transactional);
        for subject in steps.into_iter().chain(replies) {
            assert_eq!(Subject::parse(&subject.text()), Some(subject));
        }
        for text in ["", "post", "reply:other", "week:1", "file:/etc/passwd"] {
            assert_eq!(Subject::parse(text), None, "{text}");
        }
        assert_eq!(View::parse("page=-1&tab=x&width=9&show=x"), View::default());
    }

    #[test]
    fn a_link_to_another_state_does_not_request_the_links_again() {
        let view = View { checks_links: true, ..View::default() };
        assert_eq!(view.href(|view| view.is_dark = true), "?scheme=dark");
    }
}
