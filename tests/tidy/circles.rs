//! Circles among the files of one room: file A uses file B, and B, perhaps through others, uses A.
//!
//! Reads `use` declarations and paths, and follows re-exports to the file that defines the item. A parent that only
//! re-exports what its children define does not use them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The modules of the crate by their paths: `["archive", "ids"]`.
type Modules = BTreeMap<Vec<String>, Module>;

struct Module {
    file: PathBuf,
    /// The code without comments, inline tests and `use` declarations.
    body: String,
    uses: Vec<Use>,
}

/// One name that a `use` declaration brings in.
struct Use {
    path: Vec<String>,
    name: String,
    is_reexport: bool,
}

/// The files of each circle, sorted; one list for each set of files that all reach each other.
pub(crate) fn circles(sources: &[(PathBuf, String)]) -> Vec<Vec<PathBuf>> {
    let modules: Modules = sources
        .iter()
        .filter(|(path, _)| !path.ends_with("tests.rs"))
        .map(|(path, text)| (module_path(path), Module::read(path, text)))
        .collect();
    // A parent introduces its children: only what they use of each other, and of it, can be a circle.
    let beside =
        |path: &Vec<String>| arrows(&modules, path).into_iter().filter(|to| !to.starts_with(path)).collect();
    let arrows: BTreeMap<_, BTreeSet<Vec<String>>> =
        modules.keys().map(|path| (path, beside(path))).collect();
    let mut circles: Vec<Vec<PathBuf>> = Vec::new();
    for (path, reached) in arrows.keys().map(|path| (*path, reachable(&arrows, path))) {
        let mut circle: Vec<_> = reached
            .into_iter()
            .filter(|other| reachable(&arrows, other).contains(path))
            .map(|other| modules[&other].file.clone())
            .collect();
        circle.sort();
        if circle.len() > 1 && !circles.contains(&circle) {
            circles.push(circle);
        }
    }
    circles
}

/// `src/archive/ids/mod.rs` and `src/archive/ids.rs` are both `["archive", "ids"]`; `src/lib.rs` is `[]`.
fn module_path(file: &Path) -> Vec<String> {
    let path = file.strip_prefix("src").unwrap().with_extension("");
    let names = path.iter().map(|name| name.to_str().unwrap().to_owned());
    names.filter(|name| name != "mod" && name != "lib").collect()
}

impl Module {
    fn read(file: &Path, text: &str) -> Self {
        let mut module = Self { file: file.to_owned(), body: String::new(), uses: Vec::new() };
        let mut declaration = String::new();
        for line in super::code(text).lines() {
            let line = line.split("//").next().unwrap_or_default();
            let words = line.trim_start();
            let after_pub = words
                .strip_prefix("pub")
                .map_or(words, |rest| rest.trim_start_matches(|c| c != ' ').trim_start());
            if after_pub.starts_with("mod ") && line.contains(';') {
                continue;
            }
            if declaration.is_empty() && !after_pub.starts_with("use ") {
                module.body.push_str(line);
                module.body.push('\n');
                continue;
            }
            declaration.push_str(words);
            if line.contains(';') {
                let is_reexport = declaration.starts_with("pub");
                let (_, tree) = declaration.split_once("use ").unwrap();
                for (path, name) in names(tree.trim_end_matches(';')) {
                    module.uses.push(Use { path, name, is_reexport });
                }
                declaration.clear();
            }
        }
        module
    }

    fn mentions(&self, name: &str) -> bool {
        self.body.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == name)
    }
}

/// The paths of a use tree, each with the name that it brings in.
fn names(tree: &str) -> Vec<(Vec<String>, String)> {
    let tree = tree.trim();
    let Some((prefix, group)) = tree.split_once('{') else {
        let (path, alias) = tree.split_once(" as ").map_or((tree, None), |(path, alias)| (path, Some(alias)));
        let mut path: Vec<String> = path.split("::").map(|name| name.trim().to_owned()).collect();
        if path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let name = alias.map(str::to_owned).or_else(|| path.last().cloned()).unwrap_or_default();
        return vec![(path, name)];
    };
    let mut parts = vec![String::new()];
    let mut depth = 0;
    for c in group.trim_end().strip_suffix('}').unwrap_or(group).chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().unwrap().push(c);
    }
    let parts = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
    parts.flat_map(|part| names(&format!("{}{part}", prefix.trim()))).collect()
}

/// The modules of the same room that `here` uses.
fn arrows(modules: &Modules, here: &[String]) -> BTreeSet<Vec<String>> {
    let module = &modules[here];
    let used = module.uses.iter().filter(|used| !used.is_reexport || module.mentions(&used.name));
    let mut paths: Vec<Vec<String>> = used.map(|used| used.path.clone()).collect();
    paths.extend(inline_paths(&module.body));
    let found = paths.iter().filter_map(|path| resolve(modules, here, path, 0));
    found.filter(|there| there != here && !here.is_empty() && there.first() == here.first()).collect()
}

/// Every `a::b::C` in the code.
fn inline_paths(body: &str) -> Vec<Vec<String>> {
    let words = body.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    let paths = words.filter(|word| word.contains("::"));
    paths.map(|word| word.split("::").map(str::to_owned).collect()).collect()
}

/// The module that defines what `path` names, seen from `here`; `None` if it is outside of this crate.
fn resolve(modules: &Modules, here: &[String], path: &[String], depth: usize) -> Option<Vec<String>> {
    let (first, mut rest) = path.split_first()?;
    let mut at = match first.as_str() {
        "crate" => Vec::new(),
        "self" => here.to_vec(),
        "super" => here[..here.len().checked_sub(1)?].to_vec(),
        name => {
            rest = path;
            let is_known = modules.contains_key(&child(here, name))
                || modules.get(here)?.uses.iter().any(|used| used.name == name);
            is_known.then(|| here.to_vec())?
        }
    };
    while let Some((name, after)) = rest.split_first() {
        if name == "super" {
            at.pop();
        } else if modules.contains_key(&child(&at, name)) {
            at = child(&at, name);
        } else {
            let used = modules.get(&at)?.uses.iter().find(|used| used.name == *name && depth < 8);
            return match used {
                Some(used) => {
                    let whole: Vec<String> = used.path.iter().chain(after).cloned().collect();
                    resolve(modules, &at, &whole, depth + 1)
                }
                None => Some(at),
            };
        }
        rest = after;
    }
    Some(at)
}

fn child(module: &[String], name: &str) -> Vec<String> {
    module.iter().cloned().chain([name.to_owned()]).collect()
}

fn reachable(
    arrows: &BTreeMap<&Vec<String>, BTreeSet<Vec<String>>>,
    from: &[String],
) -> BTreeSet<Vec<String>> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![from.to_vec()];
    while let Some(next) = waiting.pop() {
        for there in arrows.get(&next).into_iter().flatten() {
            if reached.insert(there.clone()) {
                waiting.push(there.clone());
            }
        }
    }
    reached
}

#[test]
fn a_use_tree_is_read_as_the_paths_that_it_stands_for() {
    let read: Vec<_> = names("super::{self, a::{B, C as D}, e}")
        .into_iter()
        .map(|(path, name)| (path.join("::"), name))
        .collect();
    let expected = [("super", "super"), ("super::a::B", "B"), ("super::a::C", "D"), ("super::e", "e")];
    assert_eq!(read, expected.map(|(path, name)| (path.to_owned(), name.to_owned())));
}

#[test]
fn a_circle_through_a_reexport_is_found_and_a_facade_is_none() {
    let sources = [
        ("src/room/mod.rs", "pub use a::A;\nuse b::B;\nfn f(_: B) {}\n"),
        ("src/room/a.rs", "pub struct A;\nfn g(_: super::b::B) {}\n"),
        ("src/room/b.rs", "use super::A;\npub struct B(A);\n"),
        ("src/room/c.rs", "use super::A;\n"),
    ];
    let sources = sources.map(|(path, text)| (PathBuf::from(path), text.to_owned()));
    let circle = ["src/room/a.rs", "src/room/b.rs"].map(PathBuf::from);
    assert_eq!(circles(&sources), [circle.to_vec()]);
}
