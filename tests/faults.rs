//! `docs/faults.md`, `docs/feeds.md` and the table of `docs/readers.md` tell the truth: every row is there, and every test
//! that they name.

#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The last row.
const ROWS: usize = 83;

/// The names of all functions below `folder`.
fn functions(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            // A test has no arguments, or takes what a property test draws.
            let name = |rest: &str| rest.split(['(', '<']).next().unwrap_or_default().to_owned();
            names.extend(text.split("fn ").skip(1).map(name));
        }
    }
}

fn all_functions() -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    functions(Path::new("src"), &mut known);
    functions(Path::new("tests"), &mut known);
    known
}

#[test]
fn every_bad_list_is_there_and_every_test_that_its_row_names() {
    let known = all_functions();
    let page = fs::read_to_string("docs/readers.md").unwrap();
    let (_, table) = page.split_once("## Bad lists").unwrap();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    let numbers: Vec<&str> =
        rows.iter().flat_map(|row| row[1].split(", ")).filter(|name| !name.is_empty()).collect();
    let wanted = |letter, last| (1..=last).map(move |number| format!("{letter}{number}"));
    for number in wanted('S', 12).chain(wanted('A', 16)) {
        assert_eq!(numbers.iter().filter(|name| **name == number).count(), 1, "{number}");
    }
    for row in rows {
        assert!(!row[3].is_empty(), "{row:?}");
        let named = row[4].split('`').skip(1).step_by(2).filter(|name| !name.contains(['/', '.']));
        let missing: Vec<&str> = named.filter(|name| !known.contains(*name)).collect();
        assert!(missing.is_empty(), "docs/readers.md names tests that do not exist: {missing:#?}");
    }
}

#[test]
fn every_row_is_there_in_order_and_every_test_that_it_names() {
    let known = all_functions();
    let page = fs::read_to_string("docs/faults.md").unwrap();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| F")).collect();
    let numbers: Vec<String> =
        rows.iter().map(|row| row.split('|').nth(1).unwrap().trim().to_owned()).collect();
    assert_eq!(numbers, (1..=ROWS).map(|number| format!("F{number}")).collect::<Vec<_>>());
    let mut missing = Vec::new();
    for row in &rows {
        let shown = row.split('|').nth(4).unwrap();
        assert!(!shown.trim().is_empty(), "neither a test nor a reason: {row}");
        let named = shown.split('`').skip(1).step_by(2).filter(|name| !name.contains(['/', '.']));
        missing.extend(named.filter(|name| !known.contains(*name)));
    }
    assert!(missing.is_empty(), "docs/faults.md names tests that do not exist: {missing:#?}");
    // A test that carries the number of a row stands in that row.
    let strays: Vec<&String> = known
        .iter()
        .filter(|name| matches!(name.as_bytes(), [b'f', b'0'..=b'9', b'0'..=b'9', b'_', ..]))
        .filter(|name| !page.contains(name.as_str()))
        .collect();
    assert!(strays.is_empty(), "tests that docs/faults.md does not name: {strays:#?}");
}

#[test]
fn every_test_that_the_rules_of_feeds_name_is_there() {
    let mut known = BTreeSet::new();
    functions(Path::new("src"), &mut known);
    functions(Path::new("tests"), &mut known);
    let page = fs::read_to_string("docs/feeds.md").unwrap();
    let mut rules = BTreeSet::new();
    for row in page.lines().filter(|line| line.starts_with("| R")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let number = |name: &str| name.trim().trim_start_matches('R').parse::<usize>().unwrap();
        let numbers: Vec<usize> = cells[1].split(['–', ',']).map(number).collect();
        rules.extend(numbers[0]..=numbers[numbers.len() - 1]);
        let named = cells[3].split('`').skip(1).step_by(2);
        for name in named.filter(|name| name.contains('_') && !name.contains(['/', '.'])) {
            assert!(known.contains(name), "docs/feeds.md names a test that does not exist: {name}");
        }
    }
    assert_eq!(rules, (1..=28).collect());
}
