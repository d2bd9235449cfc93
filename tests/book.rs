//! The documentation is consistent: links lead somewhere, every page is in `docs/SUMMARY.md`, the reference is complete,
//! and printed examples are those of the transcripts in `tests/cmd/`.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use comrak::nodes::NodeValue;
use comrak::{Arena, Options, parse_document};

/// Pages outside the book.
const ROOT_PAGES: [&str; 5] =
    ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"];

/// `.ci/run` runs the first transcript of README.md.
const RUN_BY_CI: &str = "$ cargo run --release -- publish";

fn pages_of(folder: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<_> = files.filter(|path| path.extension().is_some_and(|kind| kind == "md")).collect();
    pages.sort();
    pages
}

fn pages() -> Vec<PathBuf> {
    ROOT_PAGES.iter().map(PathBuf::from).chain(pages_of("docs")).collect()
}

/// The parts of a page that others refer to.
#[derive(Default)]
struct Outline {
    links: Vec<(usize, String)>,
    anchors: BTreeSet<String>,
    /// The blocks marked `console`, as lines with their numbers.
    console: Vec<Vec<(usize, String)>>,
    /// All blocks: their kind, their first line, and their text.
    blocks: Vec<(String, usize, String)>,
}

fn outline(path: &Path) -> Outline {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut options = Options::default();
    options.extension.table = true;
    let arena = Arena::new();
    let root = parse_document(&arena, &text, &options);
    let (mut outline, mut taken) = (Outline::default(), BTreeMap::<String, usize>::new());
    for node in root.descendants() {
        let data = node.data.borrow();
        let line = data.sourcepos.start.line;
        match &data.value {
            NodeValue::Link(link) | NodeValue::Image(link) => outline.links.push((line, link.url.clone())),
            NodeValue::Heading(_) => {
                let title: String = node
                    .descendants()
                    .filter_map(|inner| match &inner.data.borrow().value {
                        NodeValue::Text(text) => Some(text.to_string()),
                        NodeValue::Code(code) => Some(code.literal.clone()),
                        _ => None,
                    })
                    .collect();
                let anchor = anchor(&title);
                let count = taken.entry(anchor.clone()).or_default();
                outline.anchors.insert(if *count == 0 { anchor } else { format!("{anchor}-{count}") });
                *count += 1;
            }
            NodeValue::CodeBlock(block) => {
                outline.blocks.push((block.info.clone(), line + 1, block.literal.clone()));
                if block.info == "console" {
                    let lines = block.literal.lines().enumerate();
                    outline.console.push(lines.map(|(at, text)| (line + 1 + at, text.to_owned())).collect());
                }
            }
            _ => {}
        }
    }
    outline
}

/// The anchor of a heading on GitHub and in mdBook.
fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_relative_link_and_anchor_exists() {
    let outlines: BTreeMap<PathBuf, Outline> =
        pages().into_iter().map(|path| (path.clone(), outline(&path))).collect();
    let mut broken = Vec::new();
    for (path, outline) in &outlines {
        for (line, url) in &outline.links {
            if url.contains("://") || url.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = url.split_once('#').unwrap_or((url, ""));
            let target = if file.is_empty() { path.clone() } else { plain(&path.with_file_name(file)) };
            // mdBook publishes only docs/.
            let leaves_the_book = path.starts_with("docs") && !target.starts_with("docs");
            let is_there = !leaves_the_book
                && target.exists()
                && (anchor.is_empty()
                    || outlines.get(&target).is_some_and(|page| page.anchors.contains(anchor)));
            if !is_there {
                broken.push(format!("{}:{line}: {url}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "broken links: {broken:#?}");
}

/// `docs/../README.md` as `README.md`.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, part| {
        if part.as_os_str() == ".." {
            plain.pop();
        } else {
            plain.push(part);
        }
        plain
    })
}

#[test]
fn every_page_is_in_the_summary_once() {
    let summary = outline(Path::new("docs/SUMMARY.md"));
    let mut listed: Vec<PathBuf> = summary.links.iter().map(|(_, url)| Path::new("docs").join(url)).collect();
    listed.sort();
    let pages: Vec<PathBuf> =
        pages_of("docs").into_iter().filter(|path| !path.ends_with("SUMMARY.md")).collect();
    assert_eq!(listed, pages);
}

#[test]
fn every_page_that_code_and_scripts_mention_exists() {
    let mut files = Vec::new();
    for folder in ["src", "tests", ".ci", ".github", "benches", "fuzz/targets", "migrations"] {
        collect(Path::new(folder), &mut files);
    }
    files.extend(["justfile", "Cargo.toml", "config.toml"].map(PathBuf::from));
    let mut missing = Vec::new();
    for path in files {
        // The sites of other generators have a folder `docs`, too.
        if path.starts_with("tests/data/sites") {
            continue;
        }
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for rest in text.split("docs/").skip(1) {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-_/.".contains(c)));
            let name = rest[..end.unwrap_or(rest.len())].trim_end_matches('.');
            let is_page = Path::new(name).extension().is_some_and(|kind| kind == "md");
            if is_page && !Path::new("docs").join(name).is_file() {
                missing.push(format!("{}: docs/{name}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "pages that do not exist: {missing:#?}");
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

#[test]
fn printed_examples_match_the_transcripts() {
    let printed: BTreeSet<String> = pages_of("tests/cmd")
        .iter()
        .flat_map(|path| outline(path).console.into_iter().flatten())
        .map(|(_, line)| line)
        .collect();
    let mut strange = Vec::new();
    for path in pages() {
        let console = outline(&path).console;
        let blocks = console.iter().filter(|block| block.first().is_some_and(|(_, line)| line != RUN_BY_CI));
        let unknown = blocks.flatten().filter(|(_, line)| !printed.contains(line));
        strange.extend(unknown.map(|(number, line)| format!("{}:{number}: {line}", path.display())));
    }
    assert!(strange.is_empty(), "lines that no transcript in tests/cmd/ prints: {strange:#?}");
}

/// What each configuration has; a recipe that has its own comes later in the file.
const SITE: &str = "[site]\ntitle = \"Notes\"\nurl = \"https://my-site.net/\"\n";
const SENDER: &str = "[newsletter]\nfrom = \"Kim <kim@my-site.net>\"\n";

#[test]
fn every_recipe_is_a_configuration() {
    let (mut read, mut wrong) = (0, Vec::new());
    for page in ["providers.md", "relays.md", "without-a-server.md"] {
        for (_, line, text) in
            outline(&Path::new("docs").join(page)).blocks.iter().filter(|block| block.0 == "toml")
        {
            let sender = if text.contains("[newsletter]") { "" } else { SENDER };
            let site = if text.contains("[site]") { "" } else { SITE };
            let config = format!("{site}{sender}{text}");
            read += 1;
            if let Err(error) = letterpress::internals::config::parse(&config, "config.toml", ".".into()) {
                wrong.push(format!("docs/{page}:{line}: {error}"));
            }
        }
    }
    assert!(read > 12, "only {read} blocks were found");
    assert!(wrong.is_empty(), "configurations that the program refuses: {wrong:#?}");
}

#[test]
fn every_line_of_the_doctor_in_the_recipes_is_one_that_it_prints() {
    let mut files = Vec::new();
    collect(Path::new("src/doctor"), &mut files);
    let sources: String = files.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let literals: Vec<String> = sources.split('"').map(|text| text.replace("\\\n", "")).collect();
    let fixed_length = |text: &str| text.split(['{', '}']).step_by(2).map(str::len).sum::<usize>();
    let printed = |message: &str| {
        literals.iter().filter(|text| fixed_length(text) > 10).any(|text| {
            let mut parts = text.split(['{', '}']).step_by(2);
            let Some(mut rest) = parts.next().and_then(|first| message.strip_prefix(first)) else {
                return false;
            };
            let fixed = parts.all(|part| match rest.find(part) {
                Some(at) => {
                    rest = &rest[at + part.len()..];
                    true
                }
                None => false,
            });
            fixed && (rest.is_empty() || text.ends_with('}'))
        })
    };
    let (mut seen, mut strange) = (0, Vec::new());
    for (_, line, text) in outline(Path::new("docs/providers.md")).blocks {
        for said in text.lines().filter_map(|line| line.strip_prefix("  ")) {
            let (level, message) = said.split_at(8);
            assert!(["ok", "-", "warning", "FAULT"].contains(&level.trim()), "line {line}: {said}");
            seen += 1;
            // A rule is printed with the answer, and with why it is not known.
            let rule = message.split_once(": ").map_or(message, |(rule, _)| rule);
            if !printed(message) && !literals.iter().any(|text| text == rule) {
                strange.push(format!("line {line}: {message}"));
            }
        }
    }
    assert!(seen > 15, "only {seen} lines were found");
    assert!(strange.is_empty(), "lines that the doctor does not print: {strange:#?}");
}

#[test]
fn every_configuration_key_is_in_the_reference() {
    let page = fs::read_to_string("docs/configuration.md").unwrap();
    let sections: BTreeMap<&str, &str> = page
        .split("\n## `[")
        .skip(1)
        .map(|section| section.split_once("]`").expect("a section ends its heading"))
        .collect();
    let defaults = fs::read_to_string("src/config/default.toml").unwrap();
    let (mut section, mut missing, mut seen) = (String::new(), Vec::new(), 0);
    for line in defaults.lines() {
        let line = line.strip_prefix("# ").unwrap_or(line);
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            name.0.trim_start_matches('[').clone_into(&mut section);
        }
        let Some((key, _)) = line.split_once(" = ") else { continue };
        if !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
            seen += 1;
            if !sections.get(section.as_str()).is_some_and(|text| text.contains(&format!("`{key}`"))) {
                missing.push(format!("{section}.{key}"));
            }
        }
    }
    assert!(seen > 80, "only {seen} keys were found in default.toml");
    assert!(missing.is_empty(), "docs/configuration.md lacks {missing:#?}");
}

#[test]
fn every_command_and_option_is_in_the_reference() {
    let page = fs::read_to_string("docs/commands.md").unwrap();
    let mut missing = Vec::new();
    walk(&[], &page, &mut missing);
    assert!(missing.is_empty(), "docs/commands.md lacks {missing:#?}");
}

/// Looks for `words` and its options on `page`, then for its subcommands.
fn walk(words: &[&str], page: &str, missing: &mut Vec<String>) {
    let output = Command::new(env!("CARGO_BIN_EXE_letterpress")).args(words).arg("--help").output().unwrap();
    assert!(output.status.success(), "letterpress {words:?} --help");
    let help = String::from_utf8(output.stdout).unwrap();
    let subcommands: Vec<&str> = help
        .split_once("\nCommands:\n")
        .map_or("", |(_, rest)| rest.split("\n\n").next().unwrap_or_default())
        .lines()
        .filter_map(|line| line.strip_prefix("  ").filter(|name| !name.starts_with(' ')))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    if subcommands.is_empty() && !page.contains(&format!("`{}", words.join(" "))) {
        missing.push(words.join(" "));
    }
    let (_, options) = help.split_once("\nOptions:\n").unwrap_or_default();
    for option in options.split("--").skip(1).filter_map(|rest| rest.split([' ', '\n', ',']).next()) {
        let is_option = !option.is_empty() && option.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        if is_option && !page.contains(&format!("--{option}")) {
            missing.push(format!("{}: --{option}", words.join(" ")));
        }
    }
    for name in subcommands {
        walk(&[words, &[name]].concat(), page, missing);
    }
}
