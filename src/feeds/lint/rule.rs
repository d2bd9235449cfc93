//! The list of all rules: name, severity, specification, and what to write instead.
//!
//! Names are stable: scripts and `docs/lint.md` rely on them.

use crate::finding::Severity;

/// One rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// In kebab case, such as `date-rfc3339`.
    pub name: &'static str,
    /// How severe a violation is.
    pub severity: Severity,
    /// The specification of the rule.
    pub spec: &'static str,
    /// What to write instead.
    pub help: &'static str,
}

macro_rules! rules {
    ($($id:ident $name:literal $severity:ident $spec:literal $help:literal;)*) => {
        $(pub(super) const $id: Rule =
            Rule { name: $name, severity: Severity::$severity, spec: $spec, help: $help };)*

        /// All rules, in the order of the documentation.
        pub const RULES: &[Rule] = &[$($id),*];
    };
}

rules! {
    // The document.
    XML_SYNTAX "xml-syntax" Error "XML 1.0, 2.1; Namespaces in XML, 2"
        "feed readers reject the whole feed: write it with an XML library instead of joining strings";
    XML_ENTITY "xml-entity" Error "XML 1.0, 4.1"
        "XML defines only &amp; &lt; &gt; &quot; and &apos;; write other characters directly, or as &#160;";
    XML_LIMIT "xml-limit" Error "this linter's own limits"
        "real feeds are not nested this deep and do not declare this much: look for an element that is never closed";
    XML_VERSION "xml-version" Error "XML 1.0, 2.8" "write <?xml version=\"1.0\" encoding=\"utf-8\"?>";
    XML_ENCODING "xml-encoding" Error "XML 1.0, 4.3.3"
        "save the feed as UTF-8, and declare it in the first line";
    XML_DOCTYPE "xml-doctype" Note "XML 1.0, 2.8" "feed readers ignore it or reject the feed: remove it";
    XML_DTD_GONE "xml-dtd-gone" Error "RSS 0.91 (Netscape)"
        "Netscape removed its DTD in 2001: remove the DOCTYPE, or use the DTD at rssboard.org";
    CHARACTER_DOUBTFUL "character-doubtful" Warning "Unicode, C1 controls"
        "text was decoded with the wrong encoding: look for UTF-8 read as Latin-1 or windows-1252";
    ROOT_UNKNOWN "root-unknown" Error "RSS 2.0; RSS 1.0, 5.1; RFC 4287, 4.1"
        "a feed begins with <rss version=\"2.0\"> or <feed xmlns=\"http://www.w3.org/2005/Atom\">, or is JSON Feed";
    NAMESPACE_MISSING "namespace-missing" Error "RFC 4287, 2; Namespaces in XML, 6"
        "declare it: xmlns=\"http://www.w3.org/2005/Atom\" on the feed, xmlns=\"http://www.w3.org/1999/xhtml\" on the div";
    NAMESPACE_WRONG "namespace-wrong" Error "RFC 4287, 2"
        "copy the namespace exactly from the specification, including upper and lower case";
    NAMESPACE_OBSOLETE "namespace-obsolete" Error "RFC 4287, 2"
        "Atom 0.3 was a draft: write xmlns=\"http://www.w3.org/2005/Atom\"";
    NAMESPACE_UNKNOWN "namespace-unknown" Warning "Namespaces in XML"
        "feed readers ignore unknown elements; if this is not intended, check the spelling";
    NAMESPACE_NONE "namespace-none" Warning "RFC 4287, 6.1"
        "extensions need a namespace: declare one for this element";
    PREFIX_UNUSUAL "prefix-unusual" Note "each module's own specification"
        "use the usual prefix: some feed readers depend on it";
    PREFIX_TAKEN "prefix-taken" Warning "each module's own specification"
        "this prefix usually belongs to another namespace: choose a different one";
    VERSION_WRONG "version-wrong" Error "RSS 2.0; JSON Feed 1.1, version" "write version=\"2.0\"";
    // Structure.
    ELEMENT_UNKNOWN "element-unknown" Error "RFC 4287, 6.2; RSS 2.0, Extending RSS"
        "check its spelling and its place in the specification; put your own elements into your own namespace";
    ELEMENT_MISSING "element-missing" Error "RFC 4287, 4; RSS 2.0, Required channel elements; RSS 1.0, 5"
        "add it";
    ELEMENT_REPEATED "element-repeated" Error "RFC 4287, 4; RSS 2.0"
        "feed readers use only the first or the last one: keep one";
    ELEMENT_MISPLACED "element-misplaced" Warning "RSS Profile, item"
        "some feed readers expect the elements of the channel first: move the items to the end";
    DESCRIPTION_FIRST "description-first" Warning "RSS Profile, content:encoded"
        "feed readers use the last of the two that they support: write <description> before <content:encoded>";
    ATTRIBUTE_MISSING "attribute-missing" Error "RFC 4287, 4.2; RSS 2.0" "add it";
    ATTRIBUTE_ADVISED "attribute-advised" Warning "FeedSync, 2.5" "add it";
    ATTRIBUTE_UNKNOWN "attribute-unknown" Error "RFC 4287, 6; RSS 2.0" "remove it, or check its spelling";
    TEXT_UNEXPECTED "text-unexpected" Error "RFC 4287, 4; RSS 2.0" "put the text into an element, or remove it";
    BLANK "blank" Warning "RFC 4287, 4; RSS Profile" "add a value, or leave the element out";
    WHITE_SPACE "white-space" Error "RFC 4287, 2, 3.3, 4.2.6"
        "feed readers compare it byte by byte: remove spaces and line breaks around it";
    VALUE_REPEATED "value-repeated" Error "RSS 2.0, guid, skipHours, skipDays" "write each value once";
    ENCLOSURE_REPEATED "enclosure-repeated" Warning "RSS Profile, enclosure"
        "most feed readers use only one: keep the best";
    SAME_TWICE "same-twice" Warning "RSS Profile, Namespace elements" "keep only the element of RSS itself";
    // Dates.
    DATE_RFC3339 "date-rfc3339" Error "RFC 4287, 3.3; RFC 3339, 5.6" "write it like 2026-11-25T09:00:00+09:00";
    DATE_RFC822 "date-rfc822" Error "RSS 2.0, pubDate; RFC 822, 5" "write it like Wed, 25 Nov 2026 09:00:00 +0900";
    DATE_WEEKDAY "date-weekday" Error "RFC 5322, 3.3"
        "generate the date with a library, or leave out the day of the week";
    DATE_W3C "date-w3cdtf" Error "W3C NOTE-datetime" "write it like 2026-11-25T09:00:00+09:00, or 2026-11-25";
    DATE_ISO8601 "date-iso8601" Error "ISO 8601" "write it like 2026-11-25T09:00:00+09:00";
    DATE_ODD "date-odd" Warning "RSS Profile, Dates"
        "write a four-digit year and GMT or an offset such as +0900, without comments in brackets";
    DATE_IMPLAUSIBLE "date-implausible" Warning "RFC 4287, 3.3"
        "it is before 1990 or in the future: feed readers may always show it at the top, or never";
    // Addresses and ids.
    LINK "link" Error "RFC 3986, 3; RFC 3987; RSS 2.0, link"
        "write an absolute address, with a scheme, and with spaces and non-ASCII letters percent-encoded";
    LINK_RELATIVE_SELF "link-relative-self" Warning "RFC 4287, 4.2.7.2" "write the absolute address";
    LINK_SCHEME "link-scheme" Warning "IANA, URI schemes"
        "feed readers support http and https; check the spelling";
    LINK_NOT_CANONICAL "link-not-canonical" Warning "RFC 4287, 4.2.6.1"
        "ids are compared byte by byte: lower-case scheme and host, no default port, no /../, %7E as ~";
    URI_TAG "uri-tag" Error "RFC 4151, 2.1" "write it like tag:example.com,2026:a-name";
    URI_URN "uri-urn" Error "RFC 8141, 2; RFC 9562, 4" "write it like urn:isbn:9780131103627";
    NSS "name-characters" Error "RFC 8141, 2.2; FeedSync, 2.4"
        "use only letters, digits and ()+,-.:=@;$_!*'/?#";
    GUID "guid" Error "RSS 2.0, guid" "write an absolute address, or add isPermaLink=\"false\"";
    GUID_MISSING "guid-missing" Warning "RSS Profile, guid"
        "add one: without it, feed readers show an edited post as new";
    GUID_WEAK "guid-weak" Warning "RSS Profile, guid"
        "other feeds may use the same short number: add your domain, as in tag:example.com,2026:12";
    ID_REPEATED "id-repeated" Warning "RFC 4287, 4.1.1"
        "feed readers treat two entries with one id as one entry";
    SELF_MISSING "self-missing" Warning "RFC 4287, 4.1.1; RSS Profile, atom:link"
        "add <link rel=\"self\" href=\"…\"/> (in RSS: atom:link) with the address of the feed";
    LINK_REPEATED "link-repeated" Error "RFC 4287, 4.1.1, 4.1.2"
        "keep one alternate link for each pair of type and hreflang";
    LINK_REL "link-rel" Warning "RFC 4287, 4.2.7.2; IANA, Link Relations"
        "use a registered relation such as alternate or related, or an absolute address";
    LINK_TEXT "link-text" Warning "RFC 4287, 4.2.7" "remove the text: the address of an atom:link is in href";
    LINK_HISTORY "link-history" Warning "RFC 5005, 2 to 4"
        "remove it: paging links belong to the feed, not to entries";
    HISTORY_COMPLETE "history-complete" Error "RFC 5005, 2"
        "a complete feed has no other pages: remove one of the two";
    HISTORY_CURRENT "history-current" Warning "RFC 5005, 4"
        "add a link to the current feed with rel=\"current\"";
    SOURCE_MISSING "source-missing" Warning "RFC 4287, 4.2.11"
        "copy id, title and updated from the original feed";
    IMAGE_DIFFERS "image-differs" Warning "RSS Profile, image"
        "use the title and the link of the channel for the image";
    IMAGE_FORMAT "image-format" Warning "RSS 2.0, image" "use a GIF, JPEG or PNG";
    // Text and markup.
    HTML_IN_TEXT "html-in-text" Warning "RSS Profile, Character data; RFC 4287, 3.1.1.1"
        "feed readers show the markup as text: remove it, write &#x26; and &#x3C;, or use type=\"html\"";
    HTML_UNSAFE "html-unsafe" Warning "RFC 4287, 8.1; RSS Profile, Security"
        "feed readers remove it: use markup that needs no script";
    HTML_STYLE "html-style" Warning "RFC 4287, 8.1"
        "feed readers remove it: the content must be readable without it";
    HTML_UNKNOWN "html-unknown" Warning "HTML, 4" "use an HTML element, or write &lt; for the bracket";
    HTML_ESCAPED "html-escaped" Warning "RFC 4287, 3.1.1.3"
        "type=\"xhtml\" contains elements; use type=\"html\" for escaped markup";
    HTML_NOT_ESCAPED "html-not-escaped" Error "RFC 4287, 3.1.1"
        "type=\"html\" contains text: write &lt; for each bracket, or use CDATA";
    HTML_FRAGMENT "html-fragment" Warning "RFC 4287, 4.1.3.3"
        "this type is for a whole page: use type=\"html\"";
    HTML_RELATIVE "html-relative" Warning "RSS Profile, Relative URLs"
        "feed readers show the entry on other pages: write the absolute address";
    XHTML_DIV "xhtml-div" Error "RFC 4287, 3.1.1.3"
        "type=\"xhtml\" must contain exactly one <div xmlns=\"http://www.w3.org/1999/xhtml\">";
    BASE64 "base64" Error "RFC 4287, 4.1.3.3" "encode it in Base64, or use a text type";
    CONTENT_MISSING "content-missing" Error "RFC 4287, 4.1.2" "add content, or a link rel=\"alternate\"";
    SUMMARY_MISSING "summary-missing" Error "RFC 4287, 4.1.1"
        "add a summary: not every feed reader can show this content";
    LANGUAGE "language" Error "BCP 47; RSS 2.0, language" "write a code such as ko, en or zh-Hant";
    LANGUAGE_MISSING "language-missing" Note "RSS 2.0, language; RFC 4287, 2"
        "add the language: feed readers use it for hyphenation and speech";
    MIME_TYPE "mime-type" Error "RFC 6838, 4.2; RFC 4287, 4.2.7.3" "write type/subtype, such as audio/mpeg";
    EMAIL "email" Error "RFC 5322, 3.4.1; RSS 2.0, author"
        "write you@example.com (Your Name), or use dc:creator for a name without an address";
    EMAIL_NAME "email-name" Warning "RSS Profile, Email addresses" "add the name: you@example.com (Your Name)";
    EMAIL_IN_TEXT "email-in-text" Warning "RFC 4287, 3.2.1" "move the address to <email>";
    EMAIL_HOST "email-host" Warning "RFC 5321, 2.3.5" "write a full domain, such as example.com";
    SLASH_DATE "slash-date" Warning "RSS Profile, slash:comments"
        "add a lastBuildDate: without it, feed readers cannot tell whether the count is new";
    // Values of small vocabularies.
    NUMBER "number" Error "each element's own specification"
        "write a number within the allowed range, with digits only";
    BOOLEAN "boolean" Error "each element's own specification" "write one of the allowed values";
    CHOICE "choice" Error "each element's own specification" "write one of the allowed values";
    TIME_OF_DAY "skip-time" Error "RSS 2.0, skipHours, skipDays" "hours are 0 to 23, days Monday to Sunday";
    MIDNIGHT "skip-midnight" Warning "RSS Profile, skipHours" "write 0 for midnight";
    COORDINATE "coordinate" Error "WGS 84; GeoRSS"
        "latitude -90 to 90, longitude -180 to 180, with a decimal point";
    FORM_NAME "form-name" Error "RSS 2.0, textInput" "begin with a letter";
    TOO_LONG "too-long" Error "Apple, podcast RSS" "make it shorter";
    DURATION "duration" Error "Apple, itunes:duration" "write seconds, or HH:MM:SS";
    EXPLICIT_OLD "explicit-old" Warning "Apple, itunes:explicit"
        "write true or false: the other words are those of an earlier version";
    UUID "uuid" Error "RFC 9562, 4; podcast namespace, guid"
        "write 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12: 917393e3-1b1e-5cef-ace4-edaa54e1f810";
    CATEGORY_OLD "category-old" Warning "Apple, podcast categories" "use one of the current categories";
    PODCAST_FORMAT "podcast-format" Warning "Apple, podcast RSS" "use an m4a, mp3, mov, mp4, m4v or pdf file";
    PODCAST_ADVISED "podcast-advised" Warning "Apple, podcast RSS"
        "add it: podcast directories require or recommend it";
    PODCAST_UTF8 "podcast-utf8" Warning "Apple, podcast RSS" "save the feed as UTF-8";
    MEDIA_GROUP "media-group" Error "Media RSS, media:group"
        "a group contains one item in several forms: with only one, remove the group";
    CONFLICT "conflict" Error "RFC 5023, 7.2.1; FeedSync, 2.1" "remove one of the two";
    // JSON Feed.
    JSON_SYNTAX "json-syntax" Error "RFC 8259; JSON Feed 1.1" "write the feed with a JSON library";
    JSON_TYPE "json-type" Error "JSON Feed 1.1" "use the type of the specification";
    JSON_MISSING "json-missing" Error "JSON Feed 1.1" "add it";
    JSON_UNKNOWN "json-unknown" Warning "JSON Feed 1.1, Extensions"
        "the names of extensions begin with an underscore";
    JSON_OLD "json-old" Note "JSON Feed 1.1, Changes" "use the new name of version 1.1";
    // Our own feeds only.
    FEED_CHARACTER "feed-character" Error "XML 1.0, 2.2" "remove it: feed readers reject the whole feed";
    FEED_DATE "feed-date" Warning "RFC 4287, 4.2.15" "the update must not be older than the publication";
    FEED_ORDER "feed-order" Warning "our own feeds" "put the newest entry first";
}

impl Rule {
    /// The rule called `name`.
    pub fn named(name: &str) -> Option<&'static Self> {
        RULES.iter().find(|rule| rule.name == name)
    }
}
