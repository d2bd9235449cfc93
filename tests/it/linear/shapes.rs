//! Every parser of foreign bytes, with inputs that make parsers slow: many of one thing, another name each time, the same
//! name each time, deep nesting, long lines, and what is opened and never closed.
//!
//! Replies of a mail server, forms, IMAP responses and front matter are not here: each has a maximum size of a few kilobytes.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::Cursor;

use camino::Utf8Path;
use chrono::{DateTime, TimeDelta};
use letterpress::internals::archive::markdown::preview;
use letterpress::internals::config::SiteUrl;
use letterpress::internals::doctor::domain::dmarc::DmarcRecord;
use letterpress::internals::doctor::domain::spf::SpfRecord;
use letterpress::internals::feeds::lint::check_feed;
use letterpress::internals::importers::feed_archive::{PageRegistry, merge};
use letterpress::internals::importers::html::{HtmlOptions, to_markdown, visible};
use letterpress::internals::importers::imported_post::{ImportedPost, PostFileWriter};
use letterpress::internals::importers::relay_log::PostfixLog;
use letterpress::internals::importers::subscriber_import::{ImportOptions, SubscriberList};
use letterpress::internals::importers::{feed, ghost, text_page, wordpress};
use letterpress::internals::inbox::classify;
use letterpress::internals::subscribers::token::TokenKeys;
use url::Url;

/// A parser, and an input for it of a given number of repetitions.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) parse: fn(&str),
    pub(crate) input: fn(usize) -> String,
}

/// `part` for each number below `n`, between `before` and `after`.
fn many<T: Display>(before: &str, n: usize, part: impl Fn(usize) -> T, after: &str) -> String {
    use std::fmt::Write as _;

    let mut text = before.to_owned();
    for at in 0..n {
        write!(text, "{}", part(at)).expect("a String can be written");
    }
    text + after
}

fn lint(text: &str) {
    check_feed("feed", text.as_bytes(), None, DateTime::UNIX_EPOCH);
}

/// Imports every entry as `import feed` does.
fn import(text: &str) {
    let site = SiteUrl::parse("https://example.com/").expect("a URL");
    let mut writer = PostFileWriter::new(&site, "en");
    let _ = feed::stream(text.as_bytes(), None, "feed", &mut |entry| {
        let _ = writer.file(&ImportedPost::from(entry));
    });
}

/// Takes a feed as `archive.feed`, and then the same feed with other ids.
fn source(text: &str) {
    let config = "[site]\ntitle = \"t\"\nurl = \"https://example.com\"\n";
    let config = letterpress::internals::config::parse(config, "config.toml", Utf8Path::new("."))
        .expect("a configuration");
    let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
    let mut registry = PageRegistry::default();
    for text in [text.to_owned(), text.replace("urn:x:", "urn:y:")] {
        let Ok(feed) = feed::read(text.as_bytes(), "feed") else { return };
        registry = merge(&registry, feed, &BTreeSet::new(), (&config, "feed"), now).ledger;
    }
}

fn markdown(html: &str) {
    let page = Url::parse("https://example.com/a/").expect("a URL");
    to_markdown(html, HtmlOptions { page: Some(&page), line_breaks: true, ..HtmlOptions::default() });
    visible(html);
}

/// Renders a post: Markdown, its raw HTML, the sanitiser.
fn render(body: &str) {
    preview(body, &Url::parse("https://example.com/a/").expect("a URL"));
}

fn export(text: &str) {
    let options = wordpress::WordpressOptions { zone: chrono_tz::UTC, pages: true, encoding: None };
    let Ok(overview) = wordpress::overview(text.as_bytes(), "x", None) else { return };
    let _ = wordpress::items(text.as_bytes(), "x", &overview, options, &mut |_| ());
}

fn ghost_export(text: &str) {
    let site = Url::parse("https://example.com/").expect("a URL");
    let _ =
        ghost::read(text.as_bytes(), "x", ghost::Place { site: &site, zone: chrono_tz::UTC, pages: true });
}

fn list(text: &str) {
    let options = ImportOptions { confirmed: true, ..ImportOptions::new("list", DateTime::UNIX_EPOCH) };
    let Ok(mut list) = SubscriberList::open(Cursor::new(text.as_bytes()), options) else { return };
    while let Ok(Some(_)) = list.next_row() {}
}

fn encoded_list(text: &str) {
    let (bytes, ..) = encoding_rs::EUC_KR.encode(text);
    let options = ImportOptions { confirmed: true, ..ImportOptions::new("list", DateTime::UNIX_EPOCH) };
    let Ok(mut list) = SubscriberList::open(Cursor::new(bytes), options) else { return };
    while let Ok(Some(_)) = list.next_row() {}
}

fn page(text: &str) {
    let Ok(page) = text_page::read(text, "page.txt") else { return };
    text_page::to_posts(&page, DateTime::UNIX_EPOCH.fixed_offset(), TimeDelta::zero());
}

fn mail(text: &str) {
    classify(text.as_bytes(), &TokenKeys::generate([7; 32]));
}

fn relay_log(text: &str) {
    let mut log = PostfixLog::default();
    for line in text.lines() {
        log.line(line.as_bytes(), |_| true);
    }
}

fn sender_policy(text: &str) {
    let _ = SpfRecord::parse(text.as_bytes());
}

fn dmarc_policy(text: &str) {
    let _ = DmarcRecord::parse(text.as_bytes());
}

const RSS: &str = "<rss version=\"2.0\"><channel><title>t</title><link>http://a.example/</link><description>d</description>";
const ITEM: &str = "<rss version=\"2.0\"><channel><item><title>t</title><guid>urn:x:1</guid>";
const END: &str = "</item></channel></rss>";
const ATOM: &str = "<feed xmlns=\"http://www.w3.org/2005/Atom\">";
const RDF: &str =
    "<rdf:RDF xmlns=\"http://purl.org/rss/1.0/\" xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">";
const WXR: &str = "<rss xmlns:wp=\"http://wordpress.org/export/1.2/\" xmlns:content=\"http://purl.org/rss/1.0/modules/content/\"><channel><wp:wxr_version>1.2</wp:wxr_version><item><title>t</title><wp:post_type>post</wp:post_type><wp:status>publish</wp:status>";

macro_rules! cases {
    ($($name:literal $parse:ident |$n:ident| $input:expr;)*) => {
        pub(crate) const CASES: &[Case] =
            &[$(Case { name: $name, parse: $parse, input: |$n| $input }),*];
    };
}

cases! {
    "lint: items" lint |n| many(RSS, n, |at| format!("<item><title>t{at}</title><guid>http://a.example/{at}</guid></item>"), "</channel></rss>");
    "lint: slash items" lint |n| many("<rss version=\"2.0\" xmlns:slash=\"http://purl.org/rss/1.0/modules/slash/\"><channel>", n, |_| "<item><slash:comments>1</slash:comments></item>", "</channel></rss>");
    "lint: images" lint |n| many(RSS, n, |at| format!("<image><title>{at}</title><link>b</link></image>"), "</channel></rss>");
    "lint: content before description" lint |n| many("<rss version=\"2.0\" xmlns:content=\"http://purl.org/rss/1.0/modules/content/\"><channel><item>", n, |_| "<content:encoded>a</content:encoded>", END);
    "lint: one guid" lint |n| many(RSS, n, |_| "<item><guid>http://a.example/</guid></item>", "</channel></rss>");
    "lint: outlines" lint |n| many("<opml version=\"2.0\"><head/><body>", n, |at| format!("<outline text=\"{at}\" type=\"rss\"/>"), "</body></opml>");
    "lint: a collection" lint |n| many("<Channel xmlns=\"http://purl.org/net/rss1.1#\"><items>", n, |at| format!("<item><title>{at}</title></item>"), "</items></Channel>");
    "lint: transcripts" lint |n| many("<rss version=\"2.0\" xmlns:podcast=\"https://podcastindex.org/namespace/1.0\"><channel><item>", n, |at| format!("<podcast:transcript url=\"{at}\"/>"), END);
    "lint: unknown elements" lint |n| many(RSS, n, |at| format!("<x{at}/>"), "</channel></rss>");
    "lint: unknown attributes" lint |n| many(RSS, n, |at| format!("<item a{at}=\"b\"/>"), "</channel></rss>");
    "lint: skip hours" lint |n| many(&format!("{RSS}<skipHours>"), n, |at| format!("<hour>{at}</hour>"), "</skipHours></channel></rss>");
    "lint: entries without an author" lint |n| many(ATOM, n, |at| format!("<entry><id>urn:x:{at}</id></entry>"), "</feed>");
    "lint: alternates" lint |n| many(ATOM, n, |at| format!("<link href=\"http://a.example/\" hreflang=\"x{at}\"/>"), "</feed>");
    "lint: namespaces" lint |n| many(ATOM, n, |at| format!("<x:a xmlns:x=\"urn:{at}\"/>"), "</feed>");
    "lint: RDF channels" lint |n| many(RDF, n, |at| format!("<channel rdf:about=\"urn:{at}\"/>"), "</rdf:RDF>");
    "lint: categories" lint |n| many("<rss version=\"2.0\" xmlns:itunes=\"http://www.itunes.com/dtds/podcast-1.0.dtd\"><channel>", n, |at| format!("<itunes:category text=\"{at}\"/>"), "</channel></rss>");
    "lint: media" lint |n| many("<rss version=\"2.0\" xmlns:media=\"http://search.yahoo.com/mrss/\"><channel><item><media:group>", n, |at| format!("<media:content url=\"http://a.example/{at}\" isDefault=\"true\"/>"), "</media:group></item></channel></rss>");
    "lint: entities" lint |n| many(&format!("{RSS}<item><title>"), n, |_| "&amp;&#65;", &format!("</title>{END}"));
    "lint: lines" lint |n| many(RSS, n, |_| "\n<item>\n</item>", "</channel></rss>");
    "lint: a long guid" lint |n| many(&format!("{RSS}<item><guid>"), n, |_| "/../%7E", &format!("</guid>{END}"));
    "lint: tags" lint |n| many(&format!("{RSS}<item><description><![CDATA["), n, |at| format!("<p id=a{at} style='color: red'>"), &format!("]]></description>{END}"));
    "lint: attributes" lint |n| many(&format!("{RSS}<item><description><![CDATA[<p "), n, |at| format!("a{at}=1 "), &format!(">]]></description>{END}"));
    "lint: unclosed attributes" lint |n| many(&format!("{RSS}<item><description><![CDATA[<p "), n, |at| format!("a{at}=1 "), &format!("]]></description>{END}"));
    "lint: style" lint |n| many(&format!("{RSS}<item><description><![CDATA[<p style='"), n, |_| "color: red; ", &format!("'>]]></description>{END}"));
    "lint: JSON items" lint |n| many("{\"version\": \"https://jsonfeed.org/version/1.1\", \"items\": [", n, |at| format!("{{\"id\": \"{at}\", \"content_html\": \"<p>a\"}},"), "{}]}");
    "lint: JSON names" lint |n| many("{\"version\": \"https://jsonfeed.org/version/1.1\"", n, |at| format!(", \"x{at}\": 1"), "}");

    "feed: items" import |n| many(RSS, n, |at| format!("<item><title>t{at}</title><guid>urn:x:{at}</guid><description>a</description></item>"), "</channel></rss>");
    "feed: one title" import |n| many(RSS, n, |at| format!("<item><title>t</title><guid>urn:x:{at}</guid><description>a</description></item>"), "</channel></rss>");
    "feed: categories" import |n| many(ITEM, n, |at| format!("<category>c{at}</category>"), END);
    "feed: authors" import |n| many(ITEM, n, |at| format!("<author>c{at}</author>"), END);
    "feed: enclosures" import |n| many(ITEM, n, |at| format!("<enclosure url=\"http://a.example/{at}\" length=\"1\" type=\"a/b\"/>"), &format!("<description>{}</description>{END}", "text ".repeat(n * 20)));
    "feed: a title of tags" import |n| many(&format!("{RSS}<item><title>"), n, |_| "&lt;a", &format!("</title>{END}"));
    "feed: entries" import |n| many(ATOM, n, |at| format!("<entry><id>urn:x:{at}</id><title>t</title><content type=\"xhtml\"><div>a</div></content></entry>"), "</feed>");
    "feed: JSON" import |n| many("{\"version\": \"https://jsonfeed.org/version/1.1\", \"items\": [", n, |at| format!("{{\"id\": \"{at}\", \"content_html\": \"<p>a\"}},"), "{}]}");
    "feed: JSON tags" import |n| many("{\"version\": \"https://jsonfeed.org/version/1.1\", \"items\": [{\"id\": \"1\", \"content_html\": \"<p>a\", \"tags\": [", n, |at| format!("\"t{at}\","), "\"\"]}]}");
    "feed: XHTML" import |n| many(&format!("{ATOM}<entry><content type=\"xhtml\"><div>"), n, |at| format!("<p id=\"a{at}\">b</p>"), "</div></content></entry></feed>");
    "source: entries" source |n| many(RSS, n, |at| format!("<item><title>t{at}</title><guid>urn:x:{at}</guid><link>http://a.example/{at}</link><pubDate>Mon, 01 Jan 2024 00:00:00 GMT</pubDate><description>a</description></item>"), "</channel></rss>");
    "source: one title" source |n| many(RSS, n, |at| format!("<item><title>t</title><guid>urn:x:{at}</guid><pubDate>Mon, 01 Jan 2024 00:00:00 GMT</pubDate><description>a</description></item>"), "</channel></rss>");
    "source: one page" source |n| many(RSS, n, |at| format!("<item><title>t{at}</title><guid>urn:x:{at}</guid><link>http://a.example/a</link><description>a</description></item>"), "</channel></rss>");

    "HTML: attributes" markdown |n| many("<p ", n, |at| format!("a{at}=1 "), ">x");
    "HTML: elements" markdown |n| many("", n, |_| "<p>a <b>b</b> <i>c</i><br></p>", "");
    "HTML: nesting" markdown |n| many("", n, |_| "<div><b>", "x");
    "HTML: quotes" markdown |n| many("", n, |_| "<blockquote><ul><li>", "x");
    "HTML: unclosed formatting" markdown |n| many("", n, |at| format!("<p><b class={at}><i>a"), "");
    "HTML: misnested" markdown |n| many("", n, |_| "<b><p>a</b>c</p>", "");
    "HTML: out of a table" markdown |n| many("<table>", n, |_| "<b>x</b><tr>", "");
    "HTML: a table" markdown |n| many("<table>", n, |_| "<tr><td>a<td>b", "");
    "HTML: images" markdown |n| many("", n, |at| format!("<img src=/{at} alt=a>"), "");
    "HTML: links" markdown |n| many("", n, |at| format!("<a href=/{at}>a</a> "), "");
    "HTML: one line of marks" markdown |n| many("", n, |_| "<b>a</b><i>b</i>", "");
    "HTML: footnotes" markdown |n| many(&many("", n, |at| format!("<a href=#n{at} id=m{at}>{at}</a> "), "<ol>"), n, |at| format!("<li id=n{at}>a <a href=#m{at}>b</a></li>"), "</ol>");
    "HTML: footnotes to one note" markdown |n| many(&many("<li id=n>", n, |at| format!("<a href=#m{at}>b</a>"), "</li>"), n, |at| format!("<sup id=m{at}><a href=#n>1</a></sup>"), "");
    "HTML: footnotes of one paragraph" markdown |n| many(&many("<p id=p>", n, |at| format!("<a href=#n{at}>1</a>"), "</p>"), n, |at| format!("<li id=n{at}><a href=#p>b</a></li>"), "");
    "HTML: links in one span" markdown |n| many("<span>", n, |_| "<a href=#a>x</a>", "</span>");
    "HTML: text" markdown |n| many("", n, |_| "a\n\n* b & c < d _ e", "");
    "HTML: stars" markdown |n| many("", n, |_| "*_`[<!", "");
    "HTML: comments" markdown |n| many("", n, |_| "<!-- a", "");
    "HTML: entities" markdown |n| many("", n, |_| "&ampx;&#x", "");
    "HTML: code" markdown |n| many("<pre>", n, |_| "<code>a``b</code>\n", "</pre>");
    "HTML: classes" markdown |n| many("<p class='", n, |at| format!("c{at} "), "'>a");

    "post: attributes" render |n| many("<p ", n, |at| format!("a{at}=1 "), ">x\n");
    "post: unclosed attributes" render |n| many("<p ", n, |at| format!("a{at}=1 "), "");
    "post: attributes over blocks" render |n| many("<p x='\n\n", n, |at| format!("<b ' a{at} b{at} c='\n\n"), "");
    "post: lines of tags" render |n| many("<div>\n", n, |at| format!("<a href=/{at}>a</a>\n"), "</div>\n");
    "post: inline tags" render |n| many("", n, |_| "<b>a</b> ", "");
    "post: misnested" render |n| many("<div>", n, |_| "<b><p>a</b>c</p>", "");
    "post: lists" render |n| many("", n, |_| "- a\n  - b\n", "");
    "post: quotes" render |n| ">".repeat(n);
    "post: brackets" render |n| "[".repeat(n);
    "post: links" render |n| many("", n, |at| format!("[a]({at}.png) ![b]({at}.png)\n"), "");
    "post: references" render |n| many("", n, |at| format!("[a{at}]: /{at}\n\n[a{at}]\n\n"), "");
    "post: footnotes" render |n| many("", n, |at| format!("a[^{at}]\n\n[^{at}]: b\n\n"), "");
    "post: stars" render |n| "*a _b ".repeat(n);
    "post: ticks" render |n| many("", n, |at| format!("{} a ", "`".repeat(1 + at % 50)), "");
    "post: headings" render |n| "# a\n\n".repeat(n);
    "post: srcset" render |n| many("<img srcset='", n, |at| format!("a{at}.png {at}w, "), "'>\n");
    "post: a table" render |n| many("|a|b|\n|-|-|\n", n, |_| "|a|b|\n", "");

    "WordPress: shortcodes" export |n| many(&format!("{WXR}<content:encoded><![CDATA["), n, |at| format!("[s{at} a] "), &format!("]]></content:encoded>{END}"));
    "WordPress: closed shortcodes" export |n| many(&format!("{WXR}<content:encoded><![CDATA["), n, |at| format!("[s{at}]a[/s{at}] "), &format!("]]></content:encoded>{END}"));
    "WordPress: brackets" export |n| many(&format!("{WXR}<content:encoded><![CDATA["), n, |_| "[[[a", &format!("]]></content:encoded>{END}"));
    "WordPress: open code" export |n| many(&format!("{WXR}<content:encoded><![CDATA["), n, |_| "<pre>a", &format!("]]></content:encoded>{END}"));
    "WordPress: categories" export |n| many(WXR, n, |at| format!("<category domain=\"post_tag\">c{at}</category>"), END);
    "WordPress: meta" export |n| many(WXR, n, |at| format!("<wp:postmeta><wp:meta_key>k{at}</wp:meta_key><wp:meta_value>a</wp:meta_value></wp:postmeta>"), END);
    "WordPress: items" export |n| many(WXR, n, |_| "</item><item><title>t</title><wp:post_type>post</wp:post_type>", END);
    "Ghost: posts" ghost_export |n| many("{\"data\": {\"posts\": [", n, |at| format!("{{\"id\": \"{at}\", \"title\": \"t\", \"html\": \"<p>a\", \"status\": \"published\"}},"), "{}]}}");
    "Ghost: tags" ghost_export |n| many(&many("{\"data\": {\"posts\": [{\"id\": \"1\", \"html\": \"a\"}], \"tags\": [", n, |at| format!("{{\"id\": \"{at}\", \"name\": \"t{at}\"}},"), "{}], \"posts_tags\": ["), n, |at| format!("{{\"post_id\": \"1\", \"tag_id\": \"{at}\"}},"), "{}]}}");
    "Ghost: cards" ghost_export |n| many("{\"data\": {\"posts\": [{\"id\": \"1\", \"lexical\": \"{\\\"root\\\": {\\\"children\\\": [", n, |at| format!("{{\\\"type\\\": \\\"c{at}\\\"}},"), "{}]}}\"}]}}");
    "Ghost: markups" ghost_export |n| many(&many("{\"data\": {\"posts\": [{\"id\": \"1\", \"mobiledoc\": \"{\\\"markups\\\": [[\\\"a\\\", [", n, |at| format!("\\\"href\\\", \\\"{at}\\\","), "\\\"\\\"]]], \\\"sections\\\": [[1, \\\"p\\\", ["), n, |_| "[0, [0], 1, \\\"a\\\"],", "[0, [], 0, \\\"a\\\"]]]]}\"}]}}");

    "CSV: rows" list |n| many("email,name\n", n, |at| format!("r{at}@a.example,\"N {at}\"\n"), "");
    "CSV: one address" list |n| many("email,name\n", n, |at| format!("r@a.example,\"N {at}\"\n"), "");
    "CSV: wrong rows" list |n| many("email,name\n", n, |at| format!("r{at},N\n"), "");
    "CSV: columns" list |n| many("email", n, |at| format!(",c{at}"), "\na@b.example\n");
    "CSV: another encoding" encoded_list |n| many("email,name\n", n, |at| format!("r{at}@a.example,김민준\n"), "");
    "CSV: state columns" list |n| many("email", n, |at| format!(",opt_out_{at}"), "\na@b.example\n");
    "CSV: unclear states" list |n| many("email,opt_out\n", n, |at| format!("r{at}@a.example,u{at}\n"), "");
    "CSV: topics" list |n| many("email,topics\na@b.example,\"[", n, |at| format!("\"\"t{at}\"\","), "\"\"a\"\"]\"\n");
    "CSV: open quotes" list |n| many("email,name\n", n, |_| "a@b.example,\"x\n", "");
    "CSV: blank lines" list |n| many("email\n", n, |_| "\n", "");
    "JSON list: rows" list |n| many("[", n, |at| format!("{{\"email\": \"r{at}@a.example\"}},"), "{\"email\": \"r@a.example\"}]");
    "JSON list: names" list |n| many("[{\"email\": \"r@a.example\"", n, |at| format!(", \"n{at}\": 1"), "}]");
    "JSON list: depth" list |n| format!("{}{}", "[".repeat(n), "]".repeat(n));
    "JSON list: lists" list |n| many("[{\"email\": \"r@a.example\", \"lists\": [", n, |at| format!("{{\"id\": {at}}},"), "{}]}]");

    "mail: fields" mail |n| many("", n, |at| format!("F{at}: a\r\n b\r\n"), "\r\n");
    "mail: senders" mail |n| many("Subject: subscribe\r\nFrom: ", n, |at| format!("A <r{at}@a.example>,\r\n "), "\r\n\r\n");
    "mail: parts" mail |n| many("Content-Type: multipart/report; boundary=b\r\n\r\n", n, |_| "--b\r\nA: b\r\n\r\nx\r\n", "--b--\r\n");
    "mail: parameters" mail |n| many("Content-Type: multipart/report", n, |at| format!(";\r\n a{at}=\"b\""), "\r\n\r\n");
    "mail: recipients" mail |n| many("Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n", n, |at| format!("Final-Recipient: rfc822; r{at}@a.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"), "--b--\r\n");
    "mail: encoded words" mail |n| many("Subject: ", n, |_| "=?utf-8?q?a?=\r\n ", "\r\n\r\n");
    "mail: lines" mail |n| many("A: b\r\n\r\n", n, |_| "--\r\n", "");
    "relay log: lines" relay_log |n| many("", n, |at| format!("Nov 23 10:00:00 h postfix/cleanup[1]: Q{at}: message-id=<{at}@a>\n"), "");
    "page: posts" page |n| many("News\n\n", n, |at| format!("Title {at}\n\nText of a post.\n\n"), "");
    "page: one title" page |n| many("News\n\n", n, |_| "Title\n\nText of a post.\n\n", "");
    "page: pagers" page |n| many("News\n", n, |_| "« Next page\n\n", "Title\n\nText.\n");
    "page: lines" page |n| many("News\n\nTitle\n\n", n, |_| "Text of a post.\n", "");
    "page: items" page |n| many("News\n\nTitle\n\n", n, |_| "* an item\n* another\n\n", "");

    "SPF: terms" sender_policy |n| many("v=spf1 ", n, |at| format!("a:{at}.example/24 "), "-all");
    "SPF: one term" sender_policy |n| many("v=spf1 exists:", n, |at| format!("%{{l{at}r-}}.x/"), ".example");
    "SPF: unclosed macros" sender_policy |n| many("v=spf1 ", n, |at| format!("x{at}=%{{d "), "");
    "DMARC: tags" dmarc_policy |n| many("v=DMARC1; ", n, |at| format!("x{at}=y; "), "");
    "DMARC: addresses" dmarc_policy |n| many("v=DMARC1; p=none; rua=", n, |at| format!("mailto:a{at}@x.example,"), "");
}
