//! The house rules that no lint can hold: arrows run one way, every file says what it is for, no file grows into a
//! drawer.

#![cfg(test)]

#[path = "tidy/circles.rs"]
mod circles;
#[path = "tidy/surface.rs"]
mod surface;
#[path = "tidy/words.rs"]
mod words;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms in reading order: a module imports only from those to its left.
const ROOMS: [&str; 38] = [
    "crash",
    "platform",
    "durable",
    "text",
    "net",
    "clock",
    "i18n",
    "dates",
    "finding",
    "address",
    "html",
    "xml",
    "math",
    "config",
    "logging",
    "oauth",
    "archive",
    "feeds",
    "upload",
    "websub",
    "readership",
    "subscribers",
    "email",
    "pages",
    "schedule",
    "ledger",
    "report",
    "store",
    "delivery",
    "inbox",
    "importers",
    "pipeline",
    "web",
    "preview",
    "doctor",
    "library",
    "cli",
    "main",
];

/// Files that may use each other in a circle, and why.
const TOGETHER: [(&[&str], &str); 8] = [
    (&["src/address/mailbox.rs", "src/address.rs"], "an address, and an address with a name"),
    (
        &["src/archive/post_file/writer.rs", "src/archive/post_file.rs"],
        "the reader of a post file, and its builder",
    ),
    (
        &["src/importers/html/blocks.rs", "src/importers/html/tables.rs", "src/importers/html/text.rs"],
        "blocks contain tables, and cells contain blocks",
    ),
    (
        &["src/importers/html/escape.rs", "src/importers/html/inline.rs"],
        "escaping depends on the text around it",
    ),
    (
        &["src/importers/subscriber_import/columns.rs", "src/importers/subscriber_import/services.rs"],
        "a service is recognised by its columns, and has a table of them",
    ),
    (&["src/pages/fields.rs", "src/pages/layout.rs"], "what a template sees is what the layout lays out"),
    (
        &["src/store/sql/deliveries.rs", "src/store/sql/rate_limit.rs"],
        "a claim within limits is a claim, and the deliveries offer both",
    ),
    (
        &["src/web/app.rs", "src/web/form.rs", "src/web/pages.rs", "src/web/topics.rs"],
        "what every handler is given, and the extractors that need it",
    ),
];

const FORBIDDEN_WORDS: [&str; 6] = ["TODO", "FIXME", "XXX:", "HACK", "unimplemented!", "todo!("];
const LONGEST_FILE: usize = 400;

fn sources() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    collect(Path::new("src"), &mut files);
    assert!(files.len() > 40, "only {} files were found", files.len());
    files
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            files.push((path, text));
        }
    }
}

fn room(path: &Path) -> Option<usize> {
    let first = path.strip_prefix("src").unwrap().components().next()?.as_os_str().to_str()?.to_owned();
    let name = first.trim_end_matches(".rs");
    ROOMS.iter().position(|room| *room == name)
}

/// The code of a file, without its inline tests.
fn code(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text)
}

#[test]
fn every_arrow_runs_to_the_left() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let Some(here) = room(&path) else { continue };
        for (number, line) in text.lines().enumerate() {
            let line = line.split("//").next().unwrap_or_default();
            for rest in line.split("crate::").skip(1) {
                let name: String = rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                if let Some(there) = ROOMS.iter().position(|room| *room == name)
                    && there > here
                {
                    wrong.push(format!("{}:{}: {} imports {name}", path.display(), number + 1, ROOMS[here]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that run back:\n{}", wrong.join("\n"));
}

#[test]
fn every_file_says_in_its_head_what_it_is_for() {
    let silent: Vec<_> =
        sources().into_iter().filter(|(_, text)| !text.starts_with("//! ")).map(|(path, _)| path).collect();
    assert!(silent.is_empty(), "without a head: {silent:?}");
}

#[test]
fn no_file_grows_into_a_drawer() {
    let long: Vec<_> = sources()
        .into_iter()
        .map(|(path, text)| (path, code(&text).lines().filter(|line| !line.trim().is_empty()).count()))
        .filter(|(path, lines)| *lines > LONGEST_FILE && !path.ends_with("tests.rs"))
        .collect();
    assert!(long.is_empty(), "longer than {LONGEST_FILE} lines of code: {long:?}");
}

#[test]
fn nothing_is_left_open_and_no_room_is_called_util() {
    for (path, text) in sources() {
        for word in FORBIDDEN_WORDS {
            assert!(!text.contains(word), "{} holds {word}", path.display());
        }
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(
            !["util", "utils", "common", "helpers", "core", "error", "errors"].contains(&name),
            "{}",
            path.display()
        );
    }
}

#[test]
fn sql_stands_in_the_store_and_nowhere_else() {
    for (path, text) in sources().into_iter().filter(|(path, _)| !path.starts_with("src/store")) {
        for verb in ["INSERT INTO", "DELETE FROM", "UPDATE delivery", "SELECT "] {
            assert!(!text.contains(verb), "{} speaks SQL: {verb}", path.display());
        }
    }
}

#[test]
fn only_the_transition_table_names_a_new_state() {
    for (path, text) in sources().into_iter().filter(|(path, _)| path.starts_with("src/store")) {
        let sets_a_state = code(&text).lines().any(|line| line.contains("UPDATE delivery SET state = '"));
        assert!(!sets_a_state, "{} sets a state by itself", path.display());
    }
}

#[test]
fn the_files_of_a_room_use_each_other_in_one_direction() {
    let mut wrong = Vec::new();
    for circle in circles::circles(&sources()) {
        let files: Vec<&str> = circle.iter().map(|file| file.to_str().unwrap()).collect();
        println!("{}", files.join(" "));
        if !TOGETHER.iter().any(|(together, _)| files == *together) {
            wrong.push(files.join(" "));
        }
    }
    assert!(wrong.is_empty(), "files that use each other in a circle:\n{}", wrong.join("\n"));
}

/// All files below a folder with one of these endings.
fn below(folder: &str, endings: &[&str]) -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, endings: &[&str], found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("data") {
                walk(&path, endings, found);
            } else if path.extension().is_some_and(|ending| endings.iter().any(|one| ending == *one)) {
                let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
                found.push((path, text));
            }
        }
    }
    let mut found = Vec::new();
    walk(Path::new(folder), endings, &mut found);
    found
}

#[test]
fn retired_words_are_in_no_identifier_and_in_no_text_for_users() {
    let mut wrong = Vec::new();
    let tests = below("tests", &["rs"]).into_iter().filter(|(path, _)| !path.ends_with("tidy/words.rs"));
    for (path, source) in sources().into_iter().chain(tests) {
        let mut found = words::in_identifiers(&source);
        if words::has_text_for_users(&path) {
            for text in words::code_and_strings(code(&source)).1 {
                // A literal that is a contract as a whole: a key, a stored value.
                if !words::CONTRACTS.contains(&text.as_str()) {
                    found.extend(words::in_text(&text));
                }
            }
        }
        if !found.is_empty() {
            wrong.push(format!("{}: {found:?}", path.display()));
        }
    }
    let docs = below("docs", &["md"]).into_iter().chain(below("tests/cmd", &["md"]));
    let pages = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"];
    let pages = pages.map(|page| (PathBuf::from(page), fs::read_to_string(page).unwrap()));
    for (path, text) in docs.chain(pages) {
        let mut found = words::in_text(&text);
        // Transcripts show the keys of `--json` and the headings of exports.
        found.retain(|word| !path.starts_with("tests/cmd") || !words::CONTRACTS.contains(word));
        if !found.is_empty() {
            wrong.push(format!("{}: {found:?}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "retired words (ARCHITECTURE.md has the standard ones):\n{}", wrong.join("\n"));
}

#[test]
fn a_room_has_no_two_public_types_of_one_name() {
    let mut seen: BTreeMap<(String, String), PathBuf> = BTreeMap::new();
    let mut twice = Vec::new();
    for (path, source) in sources() {
        let room = path.iter().nth(1).unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
        for line in code(&source).lines().map(str::trim_start) {
            let kinds = ["pub struct ", "pub enum ", "pub trait ", "pub type "];
            let Some(rest) = kinds.iter().find_map(|kind| line.strip_prefix(kind)) else { continue };
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric()).collect();
            if let Some(other) = seen.insert((room.clone(), name.clone()), path.clone()) {
                twice.push(format!("{name}: {} and {}", other.display(), path.display()));
            }
        }
    }
    assert!(twice.is_empty(), "{}", twice.join("\n"));
}

/// A change here is a change of what other programs use: CONTRIBUTING.md says which version it needs.
#[test]
fn the_library_shows_what_is_listed_and_nothing_else() {
    let listed = fs::read_to_string("tests/tidy/surface.txt").unwrap();
    let now = surface::surface();
    assert!(now == listed, "tests/tidy/surface.txt differs; if that is meant, it becomes:\n{now}");
}
