//! `docs/faults.md` is complete: every row exists, in order, and names existing tests.

#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const PAGE: &str = "docs/faults.md";

/// The names of all functions below `folder`.
fn functions(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            // A test has no parameters, or those of a property test.
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

/// The cells of the table rows whose first cell begins with one of `letters` and a digit.
fn rows<'p>(page: &'p str, letters: &[char]) -> Vec<Vec<&'p str>> {
    let cells = |line: &'p str| line.split('|').map(str::trim).collect::<Vec<_>>();
    let is_wanted = |row: &Vec<&str>| {
        let mut first = row.get(1).copied().unwrap_or_default().chars();
        first.next().is_some_and(|letter| letters.contains(&letter))
            && first.next().is_some_and(|digit| digit.is_ascii_digit())
    };
    page.lines().filter(|line| line.starts_with('|')).map(cells).filter(is_wanted).collect()
}

/// The tests in the last cell of a row: code without a slash or a dot.
fn named<'r>(row: &[&'r str]) -> Vec<&'r str> {
    let shown = row[row.len() - 2];
    shown.split('`').skip(1).step_by(2).filter(|name| !name.contains(['/', '.'])).collect()
}

/// Checks that every number from 1 to `last` occurs once and in order, and that each row names existing tests.
fn assert_complete(letter: char, last: usize) {
    let (known, page) = (all_functions(), fs::read_to_string(PAGE).unwrap());
    let rows = rows(&page, &[letter]);
    let numbers: Vec<&str> = rows.iter().map(|row| row[1]).collect();
    assert_eq!(numbers, (1..=last).map(|number| format!("{letter}{number}")).collect::<Vec<_>>());
    for row in &rows {
        let tests = named(row);
        assert!(!tests.is_empty(), "{PAGE}: row {} names no test", row[1]);
        let missing: Vec<&&str> = tests.iter().filter(|test| !known.contains(**test)).collect();
        assert!(missing.is_empty(), "{PAGE}: row {} names tests that do not exist: {missing:#?}", row[1]);
    }
}

#[test]
fn every_fault_has_a_row_with_tests_that_exist() {
    assert_complete('F', 84);
    // A test whose name has the number of a row is named in the page.
    let page = fs::read_to_string(PAGE).unwrap();
    let known = all_functions();
    let strays: Vec<&String> = known
        .iter()
        .filter(|name| matches!(name.as_bytes(), [b'f' | b'h', b'0'..=b'9', b'0'..=b'9', b'_', ..]))
        .filter(|name| !page.contains(name.as_str()))
        .collect();
    assert!(strays.is_empty(), "tests missing in {PAGE}: {strays:#?}");
}

#[test]
fn every_bad_request_has_a_row_with_tests_that_exist() {
    assert_complete('H', 23);
}

#[test]
fn every_bad_list_has_a_row_and_every_named_test_exists() {
    let (known, page) = (all_functions(), fs::read_to_string(PAGE).unwrap());
    let (_, section) = page.split_once("\n## Bad lists\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = rows(section, &['S', 'A']);
    let numbers: Vec<&str> = rows.iter().flat_map(|row| row[1].split(", ")).collect();
    let wanted = |letter, last| (1..=last).map(move |number| format!("{letter}{number}"));
    for number in wanted('S', 12).chain(wanted('A', 16)) {
        assert_eq!(numbers.iter().filter(|name| **name == number).count(), 1, "{number}");
    }
    for line in section.lines().filter(|line| line.starts_with('|')).skip(2) {
        let row: Vec<&str> = line.split('|').map(str::trim).collect();
        assert!(!row[3].is_empty() && !row[4].is_empty(), "{row:?}");
        let missing: Vec<&str> = named(&row).into_iter().filter(|name| !known.contains(*name)).collect();
        assert!(missing.is_empty(), "{PAGE} names tests that do not exist: {missing:#?}");
    }
}

#[test]
fn every_feed_rule_has_a_row_and_every_named_test_exists() {
    let (known, page) = (all_functions(), fs::read_to_string(PAGE).unwrap());
    let mut rules = BTreeSet::new();
    for row in rows(&page, &['R']) {
        let number = |name: &str| name.trim().trim_start_matches('R').parse::<usize>().unwrap();
        let numbers: Vec<usize> = row[1].split(['–', ',']).map(number).collect();
        rules.extend(numbers[0]..=numbers[numbers.len() - 1]);
        let tests = named(&row);
        assert!(!tests.is_empty(), "{PAGE}: rule {} names no test", row[1]);
        for name in tests {
            assert!(known.contains(name), "{PAGE} names a test that does not exist: {name}");
        }
    }
    assert_eq!(rules, (1..=28).collect());
}
