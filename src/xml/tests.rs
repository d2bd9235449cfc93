//! Records, trees, encodings, and the limits.

use proptest::prelude::*;

use super::*;
use crate::text::XmlText;

fn records(bytes: &[u8]) -> Result<Vec<Node>, XmlError> {
    let mut records = Records::new(bytes, None)?;
    let mut nodes = Vec::new();
    while let Some(node) = records.next()? {
        nodes.push(node);
    }
    Ok(nodes)
}

fn title(bytes: &[u8]) -> String {
    records(bytes).unwrap()[0].text()
}

#[test]
fn a_record_is_a_child_of_the_channel_in_every_vocabulary() {
    let names = |xml: &str| {
        records(xml.as_bytes()).unwrap().into_iter().map(|node| node.name).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        names("<rss><channel><title>a</title><item><title>b</title></item></channel></rss>"),
        "title item"
    );
    assert_eq!(
        names(
            "<r:RDF xmlns:r=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" xmlns=\"http://purl.org/rss/1.0/\"><channel><title>a</title></channel><item/></r:RDF>"
        ),
        "title item"
    );
    assert_eq!(names("<feed xmlns=\"http://www.w3.org/2005/Atom\"><entry/></feed>"), "atom:entry");
    assert_eq!(names("<a:feed xmlns:a=\"http://purl.org/atom/ns#\"><a:entry/></a:feed>"), "atom:entry");
}

#[test]
fn every_declared_encoding_is_read() {
    let utf16 = |text: &str, mark: bool| {
        let mut bytes = if mark { vec![0xFF, 0xFE] } else { Vec::new() };
        bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        bytes
    };
    let xml = |label: &str| format!("<?xml version=\"1.0\" encoding=\"{label}\"?><rss><title>");
    let end = b"</title></rss>".as_slice();
    // "안녕" in EUC-KR, "日本" in Shift_JIS, "é" in Latin-1.
    for (label, word, expected) in [
        ("euc-kr", b"\xBE\xC8\xB3\xE7".as_slice(), "안녕"),
        ("Shift_JIS", b"\x93\xFA\x96\x7B", "日本"),
        ("ISO-8859-1", b"\xE9", "é"),
        ("utf-16", "안녕".as_bytes(), "안녕"),
        ("", "안녕".as_bytes(), "안녕"),
    ] {
        assert_eq!(title(&[xml(label).as_bytes(), word, end].concat()), expected, "{label}");
    }
    let document = "<?xml version=\"1.0\"?><rss><title>안녕</title></rss>";
    assert_eq!(title(&utf16(document, true)), "안녕");
    assert_eq!(title(&utf16(document, false)), "안녕");
    assert_eq!(title(format!("\u{FEFF}{document}").as_bytes()), "안녕");
    assert_eq!(title(b"<rss><title>a\xFFb</title></rss>"), "a\u{FFFD}b");
}

#[test]
fn a_character_may_cross_the_end_of_a_buffer() {
    let long = "한글".repeat(20_000);
    for shift in 0..7 {
        let xml = format!("<?xml version=\"1.0\"?>{}<rss><title>{long}</title></rss>", " ".repeat(shift));
        assert_eq!(title(xml.as_bytes()), long);
    }
}

#[test]
fn references_are_resolved_once_and_unknown_references_stay() {
    assert_eq!(
        title(b"<rss><title>a&nbsp;&hellip;&#54620;&#x1F600;&amp;lt;&nosuch; AT&T <![CDATA[&amp;]]></title></rss>"),
        "a\u{A0}…한😀&lt;&nosuch; AT&T &amp;"
    );
    assert_eq!(with_references("&amp;amp; &hellip; &#0; &#x110000; & &;"), "&amp; … &#0; &#x110000; & &;");
}

#[test]
fn s10_dtds_and_declared_entities_are_refused() {
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><rss><title>&b;</title></rss>";
    assert!(matches!(records(bomb.as_bytes()), Err(XmlError::Dtd)));
    let file = "<!DOCTYPE x [<!ENTITY f SYSTEM \"file:///etc/passwd\">]><rss><title>&f;</title></rss>";
    assert!(matches!(records(file.as_bytes()), Err(XmlError::Dtd)));
    let old = "<!DOCTYPE rss PUBLIC \"-//Netscape Communications//DTD RSS 0.91//EN\" \"http://my.netscape.com/publish/formats/rss-0.91.dtd\"><rss><title>a</title></rss>";
    assert_eq!(title(old.as_bytes()), "a", "RSS 0.91 names its DTD, which is not fetched");
}

#[test]
fn depth_and_length_are_limited() {
    let deep = format!("<rss>{}", "<a>".repeat(1_000_000));
    assert!(matches!(records(deep.as_bytes()), Err(XmlError::Deep)));
    let long = format!("<rss><title>{}</title></rss>", "a".repeat(MAX_EVENT + (1 << 17)));
    assert!(matches!(records(long.as_bytes()), Err(XmlError::Long)));
    let many = format!("<rss><item>{}</item></rss>", "<a/>".repeat(MAX_RECORD / 64));
    assert!(matches!(records(many.as_bytes()), Err(XmlError::Long)));
}

proptest! {
    #[test]
    fn the_reader_survives_any_sequence_of_markup(xml in "\u{FEFF}{0,2}(<|>|</|/>|&|;|<rss>|<item|</item>|<!\\[CDATA\\[|\\]\\]>|<!--|-->|<\\?xml |encoding=|\"|'|xmlns:a=|[a-z가 ]|\u{0}){0,40}") {
        let _ = records(xml.as_bytes());
        let _ = tree(&xml);
    }

    #[test]
    fn the_reader_survives_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = records(&bytes);
    }
}

fn tree(xml: &str) -> Result<tree::Node<'_>, (usize, XmlError)> {
    tree::read(xml, XmlText::is_clean(xml), tree::MAX_NODES, &mut |_, _| {}, |_| {})
}

#[test]
fn both_layers_allow_the_same_depth() {
    let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(tree(&nested(MAX_DEPTH)).is_ok());
    assert!(records(nested(MAX_DEPTH).as_bytes()).is_ok());
    let deeper = nested(MAX_DEPTH + 1);
    assert!(matches!(tree(&deeper), Err((1, XmlError::Deep))));
    assert!(matches!(records(deeper.as_bytes()), Err(XmlError::Deep)));
}

#[test]
fn the_tree_refuses_what_records_forgive() {
    for (xml, line) in [
        ("<a>\nAT&T</a>", 2),
        ("<a>&nbsp;</a>", 1),
        ("<a>\n<b c=1/></a>", 2),
        ("<a>\n\n<x:b/></a>", 3),
        ("<a>]]></a>", 1),
        ("<a/>\n<b/>", 2),
        ("<a/>text", 1),
        ("\n<?xml version=\"1.0\"?><a/>", 2),
        ("<a>&#8;</a>", 1),
        ("<a>&#X41;</a>", 1),
    ] {
        assert_eq!(tree(xml).map(|node| node.line).map_err(|(line, _)| line), Err(line), "{xml}");
        assert!(records(xml.as_bytes()).is_ok(), "{xml}");
    }
}

#[test]
fn a_tree_contains_lines_text_and_namespaces() {
    let root = tree(
        "<a xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"ko\">\n1 &lt; <b\nc=\"&#x26;\n\">x</b>2</a>",
    )
    .unwrap();
    assert_eq!((root.ns, root.line, root.value()), (namespaces::ATOM, 1, "1 < 2"));
    assert_eq!(root.attribute_ns(namespaces::XML, "lang"), Some("ko"));
    let child = root.child(namespaces::ATOM, "b").unwrap();
    assert_eq!((child.line, child.attribute("c"), child.value()), (2, Some("& "), "x"));
}

#[test]
fn names_and_text_of_a_tree_are_taken_from_the_right_place() {
    let root = tree("\u{FEFF}<가 나=\"다\"><b c='>/'/>라<![CDATA[<마>]]></가 >").unwrap();
    assert_eq!((root.name.as_ref(), root.attribute("나"), root.value()), ("가", Some("다"), "라<마>"));
    assert_eq!(root.children[0].attribute("c"), Some(">/"));
}

#[test]
fn references_in_a_tree_are_resolved_and_a_wrong_one_has_its_line() {
    let root = tree("<a>1 &lt; 2\n&#x26;&amp;amp;&#xAC00;<b/>&gt;</a>").unwrap();
    assert_eq!((root.value(), root.hexadecimal), ("1 < 2\n&&amp;가>", true));
    let root = tree("<a>1 &lt; 2</a>").unwrap();
    assert!(!root.hexadecimal);
    for (xml, line) in [
        ("<a>&lt;\n&lt;\n&nbsp;</a>", 3),
        ("<a>&lt;\n& b;</a>", 2),
        ("<a>&lt;\n&lt b &lt;</a>", 2),
        ("<a>&lt;\n&#0;</a>", 2),
        ("<a>&lt;\n&gt;]]></a>", 2),
        ("<a>\n&lt;\n", 3),
    ] {
        assert_eq!(tree(xml).map_err(|(line, _)| line).map(|node| node.line), Err(line), "{xml}");
    }
    let mut undeclared = Vec::new();
    let xml = "<!DOCTYPE a>\n<a>x&nbsp;\ny &amp; &hellip;z</a>";
    let mut remark = |line, remark: tree::Remark<'_>| {
        if let tree::Remark::Undeclared(name) = remark {
            undeclared.push((line, name.to_owned()));
        }
    };
    let root = tree::read(xml, XmlText::is_clean(xml), tree::MAX_NODES, &mut remark, |_| {});
    assert_eq!(root.unwrap().value(), "x \ny &  z");
    assert_eq!(undeclared, [(2, "nbsp".to_owned()), (3, "hellip".to_owned())]);
}

#[test]
fn a_text_of_many_undeclared_references_is_read_in_linear_time() {
    let xml = format!("<!DOCTYPE a><a>{}</a>", "&nbsp;".repeat(200_000));
    assert_eq!(tree(&xml).unwrap().text.len(), 200_000);
}
