//! The one list of rules: a name, a severity, where the rule is written, and what to write instead.
//!
//! Names are stable: scripts and `docs/lint.md` rely on them.

use crate::finding::Severity;

/// One rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// In kebab case, such as `date-rfc3339`.
    pub name: &'static str,
    /// How much a breach matters.
    pub severity: Severity,
    /// Where the rule is written.
    pub spec: &'static str,
    /// What to write instead.
    pub help: &'static str,
}

macro_rules! rules {
    ($($id:ident $name:literal $severity:ident $spec:literal $help:literal;)*) => {
        $(pub(super) const $id: Rule =
            Rule { name: $name, severity: Severity::$severity, spec: $spec, help: $help };)*

        /// All of them, in the order of the documentation.
        pub const RULES: &[Rule] = &[$($id),*];
    };
}

rules! {
    // The document.
    XML_SYNTAX "xml-syntax" Error "XML 1.0, 2.1; Namespaces in XML, 2"
        "readers drop the whole feed: write it with an XML library, not by pasting strings together";
    XML_ENTITY "xml-entity" Error "XML 1.0, 4.1"
        "XML knows &amp; &lt; &gt; &quot; and &apos;; write any other character itself, or as &#160;";
    XML_LIMIT "xml-limit" Error "this linter's own limits"
        "no feed is nested this deep or declares this much: look for an element that is never closed";
    XML_VERSION "xml-version" Error "XML 1.0, 2.8" "write <?xml version=\"1.0\" encoding=\"utf-8\"?>";
    XML_ENCODING "xml-encoding" Error "XML 1.0, 4.3.3" "save the feed as UTF-8 and say so in its first line";
    XML_DOCTYPE "xml-doctype" Note "XML 1.0, 2.8" "readers ignore it or refuse it: take it out";
    XML_DTD_GONE "xml-dtd-gone" Error "RSS 0.91 (Netscape)"
        "Netscape took its DTD away in 2001: take the DOCTYPE out, or name the one at rssboard.org";
    CHARACTER_DOUBTFUL "character-doubtful" Warning "Unicode, C1 controls"
        "text was read in the wrong encoding on its way here: look for UTF-8 taken for Latin-1, or for windows-1252";
    ROOT_UNKNOWN "root-unknown" Error "RSS 2.0; RSS 1.0, 5.1; RFC 4287, 4.1"
        "a feed begins with <rss version=\"2.0\">, <feed xmlns=\"http://www.w3.org/2005/Atom\"> or is JSON Feed";
    NAMESPACE_MISSING "namespace-missing" Error "RFC 4287, 2; Namespaces in XML, 6"
        "declare it: xmlns=\"http://www.w3.org/2005/Atom\" on the feed, xmlns=\"http://www.w3.org/1999/xhtml\" on the div";
    NAMESPACE_WRONG "namespace-wrong" Error "RFC 4287, 2"
        "copy the namespace from the specification, letter by letter, upper and lower case too";
    NAMESPACE_OBSOLETE "namespace-obsolete" Error "RFC 4287, 2"
        "Atom 0.3 was a draft: write xmlns=\"http://www.w3.org/2005/Atom\"";
    NAMESPACE_UNKNOWN "namespace-unknown" Warning "Namespaces in XML"
        "readers skip what they do not know; check the spelling if they should not";
    NAMESPACE_NONE "namespace-none" Warning "RFC 4287, 6.1"
        "an extension has a namespace of its own: declare one for this element";
    PREFIX_UNUSUAL "prefix-unusual" Note "each module's own specification" "some readers look for the usual prefix: use it";
    PREFIX_TAKEN "prefix-taken" Warning "each module's own specification"
        "everybody knows this prefix for another namespace: choose another one";
    VERSION_WRONG "version-wrong" Error "RSS 2.0; JSON Feed 1.1, version" "write version=\"2.0\"";
    // Structure.
    ELEMENT_UNKNOWN "element-unknown" Error "RFC 4287, 6.2; RSS 2.0, Extending RSS"
        "look for a spelling or a place that the specification knows; put your own elements into a namespace of yours";
    ELEMENT_MISSING "element-missing" Error "RFC 4287, 4; RSS 2.0, Required channel elements; RSS 1.0, 5"
        "add it";
    ELEMENT_REPEATED "element-repeated" Error "RFC 4287, 4; RSS 2.0" "readers take the first or the last: keep one";
    ELEMENT_MISPLACED "element-misplaced" Warning "RSS Profile, item"
        "readers that read in order want the channel's own elements first: move the items to its end";
    DESCRIPTION_FIRST "description-first" Warning "RSS Profile, content:encoded"
        "readers take the last of the two that they know: write <description> before <content:encoded>";
    ATTRIBUTE_MISSING "attribute-missing" Error "RFC 4287, 4.2; RSS 2.0" "add it";
    ATTRIBUTE_ADVISED "attribute-advised" Warning "FeedSync, 2.5" "add it";
    ATTRIBUTE_UNKNOWN "attribute-unknown" Error "RFC 4287, 6; RSS 2.0" "take it out, or look for its spelling";
    TEXT_UNEXPECTED "text-unexpected" Error "RFC 4287, 4; RSS 2.0" "put the text into an element, or take it out";
    BLANK "blank" Warning "RFC 4287, 4; RSS Profile" "write something, or leave the element out";
    WHITE_SPACE "white-space" Error "RFC 4287, 2, 3.3, 4.2.6"
        "readers compare it byte by byte: no spaces and line breaks around it";
    VALUE_REPEATED "value-repeated" Error "RSS 2.0, guid, skipHours, skipDays" "each value once";
    ENCLOSURE_REPEATED "enclosure-repeated" Warning "RSS Profile, enclosure" "most readers take one: keep the best";
    SAME_TWICE "same-twice" Warning "RSS Profile, Namespace elements" "say it once, with the element of RSS itself";
    // Dates.
    DATE_RFC3339 "date-rfc3339" Error "RFC 4287, 3.3; RFC 3339, 5.6" "write it like 2026-11-25T09:00:00+09:00";
    DATE_RFC822 "date-rfc822" Error "RSS 2.0, pubDate; RFC 822, 5" "write it like Wed, 25 Nov 2026 09:00:00 +0900";
    DATE_WEEKDAY "date-weekday" Error "RFC 5322, 3.3" "let a library write the date, or leave the day of the week out";
    DATE_W3C "date-w3cdtf" Error "W3C NOTE-datetime" "write it like 2026-11-25T09:00:00+09:00, or 2026-11-25";
    DATE_ISO8601 "date-iso8601" Error "ISO 8601" "write it like 2026-11-25T09:00:00+09:00";
    DATE_ODD "date-odd" Warning "RSS Profile, Dates"
        "readers understand a four-digit year, GMT or +0900, and nothing in brackets";
    DATE_IMPLAUSIBLE "date-implausible" Warning "RFC 4287, 3.3"
        "it is before 1990 or still to come: readers put it at the top for ever, or nowhere";
    // Addresses and ids.
    LINK "link" Error "RFC 3986, 3; RFC 3987; RSS 2.0, link"
        "write a whole address, with a scheme and with spaces and non-ASCII letters percent-encoded";
    LINK_RELATIVE_SELF "link-relative-self" Warning "RFC 4287, 4.2.7.2" "write the whole address";
    LINK_SCHEME "link-scheme" Warning "IANA, URI schemes" "readers open http and https; check the spelling";
    LINK_NOT_CANONICAL "link-not-canonical" Warning "RFC 4287, 4.2.6.1"
        "ids are compared letter by letter: lower-case scheme and host, no default port, no /../, %7E as ~";
    URI_TAG "uri-tag" Error "RFC 4151, 2.1" "write it like tag:example.com,2026:a-name";
    URI_URN "uri-urn" Error "RFC 8141, 2; RFC 9562, 4" "write it like urn:isbn:9780131103627";
    NSS "name-characters" Error "RFC 8141, 2.2; FeedSync, 2.4" "letters, digits and ()+,-.:=@;$_!*'/?# only";
    GUID "guid" Error "RSS 2.0, guid" "write an address, or isPermaLink=\"false\"";
    GUID_MISSING "guid-missing" Warning "RSS Profile, guid" "without one, an edit makes the post new again for readers";
    GUID_WEAK "guid-weak" Warning "RSS Profile, guid"
        "a short number is used elsewhere too: put your domain before it, as in tag:example.com,2026:12";
    ID_REPEATED "id-repeated" Warning "RFC 4287, 4.1.1" "two entries of one id are one entry to readers";
    SELF_MISSING "self-missing" Warning "RFC 4287, 4.1.1; RSS Profile, atom:link"
        "add <link rel=\"self\" href=\"…\"/> (in RSS: atom:link), so that readers find the feed again";
    LINK_REPEATED "link-repeated" Error "RFC 4287, 4.1.1, 4.1.2"
        "one alternate for each pair of type and hreflang: which of them is the page?";
    LINK_REL "link-rel" Warning "RFC 4287, 4.2.7.2; IANA, Link Relations"
        "use a registered relation such as alternate or related, or a whole address";
    LINK_TEXT "link-text" Warning "RFC 4287, 4.2.7" "an atom:link is empty; its address is in href";
    LINK_HISTORY "link-history" Warning "RFC 5005, 2 to 4" "paging is for feeds, not for entries";
    HISTORY_COMPLETE "history-complete" Error "RFC 5005, 2" "a complete feed has no other pages: take one of the two out";
    HISTORY_CURRENT "history-current" Warning "RFC 5005, 4" "an archive document links to the feed itself with rel=\"current\"";
    SOURCE_MISSING "source-missing" Warning "RFC 4287, 4.2.11" "copy id, title and updated from the feed it came from";
    IMAGE_DIFFERS "image-differs" Warning "RSS Profile, image" "give the image the channel's own title and link";
    IMAGE_FORMAT "image-format" Warning "RSS 2.0, image" "use a GIF, JPEG or PNG";
    // Text and markup.
    HTML_IN_TEXT "html-in-text" Warning "RSS Profile, Character data; RFC 4287, 3.1.1.1"
        "readers show the markup itself: take it out, write &#x26; and &#x3C;, or say type=\"html\"";
    HTML_UNSAFE "html-unsafe" Warning "RFC 4287, 8.1; RSS Profile, Security" "readers take it out: use markup that needs no script";
    HTML_STYLE "html-style" Warning "RFC 4287, 8.1" "readers take it out: what must be seen may not hang on it";
    HTML_UNKNOWN "html-unknown" Warning "HTML, 4" "use an element of HTML, or write &lt; for the bracket";
    HTML_ESCAPED "html-escaped" Warning "RFC 4287, 3.1.1.3" "type=\"xhtml\" holds elements; for escaped markup say type=\"html\"";
    HTML_NOT_ESCAPED "html-not-escaped" Error "RFC 4287, 3.1.1" "type=\"html\" holds text: write &lt; for each bracket, or use CDATA";
    HTML_FRAGMENT "html-fragment" Warning "RFC 4287, 4.1.3.3" "text/html is a whole page: say type=\"html\"";
    HTML_RELATIVE "html-relative" Warning "RSS Profile, Relative URLs" "readers show the entry elsewhere: write the whole address";
    XHTML_DIV "xhtml-div" Error "RFC 4287, 3.1.1.3" "type=\"xhtml\" holds one <div xmlns=\"http://www.w3.org/1999/xhtml\">";
    BASE64 "base64" Error "RFC 4287, 4.1.3.3" "write it in Base64, or name a text type";
    CONTENT_MISSING "content-missing" Error "RFC 4287, 4.1.2" "add content, or a link rel=\"alternate\"";
    SUMMARY_MISSING "summary-missing" Error "RFC 4287, 4.1.1" "add a summary: not every reader can show this content";
    LANGUAGE "language" Error "BCP 47; RSS 2.0, language" "write a code such as ko, en or zh-Hant";
    LANGUAGE_MISSING "language-missing" Note "RSS 2.0, language; RFC 4287, 2" "say the language, so that it is spelt and spoken right";
    MIME_TYPE "mime-type" Error "RFC 6838, 4.2; RFC 4287, 4.2.7.3" "write type/subtype, such as audio/mpeg";
    EMAIL "email" Error "RFC 5322, 3.4.1; RSS 2.0, author" "write you@example.com (Your Name), or use dc:creator for a name alone";
    EMAIL_NAME "email-name" Warning "RSS Profile, Email addresses" "add the name: you@example.com (Your Name)";
    EMAIL_IN_TEXT "email-in-text" Warning "RFC 4287, 3.2.1" "put the address into <email>";
    EMAIL_HOST "email-host" Warning "RFC 5321, 2.3.5" "write a whole domain";
    SLASH_DATE "slash-date" Warning "RSS Profile, slash:comments" "add a lastBuildDate, or readers cannot tell that the count is new";
    // Values of small vocabularies.
    NUMBER "number" Error "each element's own specification" "write a number within its range, digits only";
    BOOLEAN "boolean" Error "each element's own specification" "write one of the words it allows";
    CHOICE "choice" Error "each element's own specification" "write one of the words it allows";
    TIME_OF_DAY "skip-time" Error "RSS 2.0, skipHours, skipDays" "hours are 0 to 23, days Monday to Sunday";
    MIDNIGHT "skip-midnight" Warning "RSS Profile, skipHours" "write 0 for midnight";
    COORDINATE "coordinate" Error "WGS 84; GeoRSS" "latitude -90 to 90, longitude -180 to 180, with a point";
    FORM_NAME "form-name" Error "RSS 2.0, textInput" "begin with a letter";
    TOO_LONG "too-long" Error "Apple, podcast RSS" "make it shorter";
    DURATION "duration" Error "Apple, itunes:duration" "write seconds, or HH:MM:SS";
    CATEGORY_OLD "category-old" Warning "Apple, podcast categories" "choose one of the categories of today";
    PODCAST_FORMAT "podcast-format" Warning "Apple, podcast RSS" "use an m4a, mp3, mov, mp4, m4v or pdf file";
    PODCAST_ADVISED "podcast-advised" Warning "Apple, podcast RSS" "directories ask for it: add it";
    PODCAST_UTF8 "podcast-utf8" Warning "Apple, podcast RSS" "save the feed as UTF-8";
    MEDIA_GROUP "media-group" Error "Media RSS, media:group" "a group holds the same thing in several forms: with one, leave the group out";
    CONFLICT "conflict" Error "RFC 5023, 7.2.1; FeedSync, 2.1" "keep the one of the two that is true";
    // JSON Feed.
    JSON_SYNTAX "json-syntax" Error "RFC 8259; JSON Feed 1.1" "write the feed with a JSON library";
    JSON_TYPE "json-type" Error "JSON Feed 1.1" "give the value the type that the specification names";
    JSON_MISSING "json-missing" Error "JSON Feed 1.1" "add it";
    JSON_UNKNOWN "json-unknown" Warning "JSON Feed 1.1, Extensions" "names of your own begin with an underscore";
    JSON_OLD "json-old" Note "JSON Feed 1.1, Changes" "version 1.1 has a new name for it";
    // Our own feeds only.
    FEED_CHARACTER "feed-character" Error "XML 1.0, 2.2" "remove it: readers drop the whole feed";
    FEED_DATE "feed-date" Warning "RFC 4287, 4.2.15" "an update is not older than the publication";
    FEED_ORDER "feed-order" Warning "our own feeds" "the newest entry comes first";
}

impl Rule {
    /// The rule called `name`.
    pub fn named(name: &str) -> Option<&'static Self> {
        RULES.iter().find(|rule| rule.name == name)
    }
}
