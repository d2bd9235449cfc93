//! The writers of a report: its page, JSON and CSV.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Asia::Seoul;

use super::fixtures::{nothing, year};
use super::*;
use crate::i18n::Languages;

fn page(report: &Report, language: &str) -> String {
    to_html(report, Languages::default().of(language), Seoul).unwrap()
}

/// The attributes of a name in a page.
fn values<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let before = format!(" {name}=\"");
    page.split(&before).skip(1).filter_map(|rest| rest.split_once('"')).map(|(value, _)| value).collect()
}

#[test]
fn the_page_of_a_year_is_small_and_needs_nothing_else_in_every_language() {
    for strings in Languages::default().all() {
        let page = page(&year(), &strings.tag);
        assert!(page.len() < 300_000, "{}: {} bytes", strings.tag, page.len());
        for outside in ["<script", "http://", "https://", "url(", "@import", " src=", " href="] {
            assert!(!page.contains(outside), "{}: {outside}", strings.tag);
        }
        assert!(page.starts_with("<!doctype html>\n<html lang=\"") && page.contains(&strings.report.title));
    }
}

#[test]
fn every_element_of_the_page_is_closed_and_every_id_is_there_once() {
    let page = page(&year(), "ko");
    // What HTML does not close, and what XML does not know.
    let mut document = page.replace("<!doctype html>", "");
    while let Some(at) = document.find("<meta ") {
        let length = document[at..].find('>').unwrap();
        document.replace_range(at..=at + length, "");
    }
    let mut reader = quick_xml::Reader::from_str(&document);
    let mut elements = 0;
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Eof => break,
            quick_xml::events::Event::Start(_) => elements += 1,
            _ => {}
        }
    }
    assert!(elements > 1_000);
    let ids = values(&page, "id");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    assert!(values(&page, "aria-labelledby").iter().all(|id| ids.contains(id)));
}

#[test]
fn every_plot_has_its_numbers_in_a_table() {
    let page = page(&year(), "en");
    let plots = page.split("<svg class=\"plot\" role=\"img\"").skip(1);
    for (number, plot) in plots.enumerate() {
        let block = plot.split("</section>").next().unwrap().split("class=\"block\"").next().unwrap();
        assert!(block.contains("<details>") && block.contains("<table>"), "plot {number}");
    }
    assert!(page.contains("<title id=\"subscribers-title\">Subscribers over time: 1,"));
}

#[test]
fn texts_of_others_are_escaped_and_numbers_are_written_as_in_the_language() {
    let english = page(&year(), "en");
    assert!(english.contains("천천히 오는 &lt;편지&gt; &amp; other news of the week 3"));
    assert!(english.contains(">49,000<") && page(&year(), "de").contains(">49.000<"));
    assert!(page(&year(), "fr").contains(">49\u{202f}000<"));
    assert!(page(&year(), "ko").contains("2026년 11월 23일 09:00"));
}

#[test]
fn a_report_of_nothing_says_so() {
    let page = page(&nothing(), "en");
    assert!(page.contains("Nothing has been recorded yet.") && !page.contains("<section"));
    assert!(
        to_csv(&nothing(), Seoul).starts_with("section,about,day,figure,value\r\nsubscribers,,,active,0\r\n")
    );
}

#[test]
fn a_line_of_the_csv_is_one_number() {
    let mut report = year();
    report.sources[0].source = "=HYPERLINK(\"x\"), and more".to_owned();
    let csv = to_csv(&report, Seoul);
    assert!(csv.contains("\r\nsource,\"'=HYPERLINK(\"\"x\"\"), and more\",,active,700\r\n"), "{csv}");
    assert!(csv.contains("\r\nissue,\"tag:example.com,2026:issue-1\",2026-11-16,delivered,950\r\n"));
    assert!(csv.contains("\r\ndomain,,,subscribers,250\r\n"));
    let mut lines: BTreeMap<&str, u32> = BTreeMap::new();
    csv.lines().for_each(|line| *lines.entry(line.rsplit_once(',').unwrap().0).or_default() += 1);
    assert!(lines.values().all(|count| *count == 1), "a number is there twice");
}

#[test]
fn the_json_has_the_documented_keys() {
    let json = serde_json::to_value(year()).unwrap();
    let keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let documented = include_str!("../../docs/output.md");
    let section = documented.split("### `report --json`").nth(1).unwrap().split("\n### ").next().unwrap();
    for key in keys {
        assert!(section.contains(&format!("`{key}`")), "{key}");
    }
}
