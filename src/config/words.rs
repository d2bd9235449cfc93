//! The user's own words: a file for each language in the folder that `newsletter.words` names.

use camino::Utf8Path;
use toml::de::DeTable;

use super::nearest::nearest;
use super::{Config, is_language_tag, toml_mistakes};
use crate::finding::Finding;
use crate::i18n::{Languages, Problem};
use crate::text::line_at;

/// The rule of all findings about these files.
const RULE: &str = "words";

/// Reads the files of the folder, in the order of their names. A folder that does not exist has none.
pub(super) fn read(config: &Config) -> (Languages, Vec<Finding>) {
    let folder = &config.newsletter.words;
    let (mut words, mut findings) = (Languages::default(), Vec::new());
    let names = match names(&config.resolve(folder)) {
        Ok(names) => names,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return (words, findings),
        Err(error) => {
            findings.push(Finding::error(RULE, folder.as_str(), format!("cannot be read: {error}")));
            return (words, findings);
        }
    };
    for name in names {
        let file = folder.join(&name);
        match std::fs::read_to_string(config.resolve(&file)) {
            Ok(text) => findings.extend(add(&mut words, &file, text.trim_start_matches('\u{FEFF}'))),
            Err(error) => findings.push(unreadable(&file, &error)),
        }
    }
    (words, findings)
}

/// The TOML files in a folder.
fn names(folder: &Utf8Path) -> std::io::Result<Vec<String>> {
    let mut names: Vec<String> = folder
        .read_dir_utf8()?
        .map(|entry| Ok(entry?.file_name().to_owned()))
        .collect::<std::io::Result<_>>()?;
    names.retain(|name| Utf8Path::new(name).extension() == Some("toml"));
    names.sort();
    Ok(names)
}

fn unreadable(file: &Utf8Path, error: &std::io::Error) -> Finding {
    if error.kind() == std::io::ErrorKind::InvalidData {
        return Finding::error(RULE, file.as_str(), "the file is not UTF-8").hint("save it as UTF-8");
    }
    Finding::error(RULE, file.as_str(), format!("cannot be read: {error}"))
}

/// Adds one file, if there is nothing wrong with it.
fn add(words: &mut Languages, file: &Utf8Path, text: &str) -> Vec<Finding> {
    let tag = file.file_stem().unwrap_or_default();
    if !is_language_tag(tag) {
        let message = "the name of the file is not a language tag";
        return vec![Finding::error(RULE, file.as_str(), message).hint("name it like ko.toml or pt-BR.toml")];
    }
    let (document, broken) = DeTable::parse_recoverable(text);
    let mistakes = toml_mistakes::explain_all(text, &broken);
    if !mistakes.is_empty() {
        let finding = |mistake: toml_mistakes::Mistake| Finding {
            hint: mistake.hint,
            ..Finding::error(RULE, file.as_str(), mistake.message).at(mistake.line)
        };
        return mistakes.into_iter().map(finding).collect();
    }
    let document = document.into_inner();
    let problems = Languages::problems(&document);
    if !problems.is_empty() {
        return problems.into_iter().map(|problem| finding(problem, file, text)).collect();
    }
    let added = words.add(tag, &document, text);
    added.err().map(|error| Finding::error(RULE, file.as_str(), error.message())).into_iter().collect()
}

fn finding(problem: Problem, file: &Utf8Path, text: &str) -> Finding {
    let finding = Finding::error(RULE, file.as_str(), problem.message).at(line_at(text, problem.offset));
    let meant =
        problem.unknown.as_ref().and_then(|(key, known)| nearest(key, known.iter().map(String::as_str)));
    match (meant, problem.hint) {
        (Some((_, meant)), _) => finding.hint(format!("did you mean `{meant}`?")),
        (None, Some(hint)) => finding.hint(hint),
        (None, None) => finding.hint("docs/words.md lists the keys"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said about a file.
    fn said(name: &str, text: &str) -> Vec<String> {
        add(&mut Languages::default(), Utf8Path::new(name), text).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_mistake_is_reported_with_file_and_line() {
        for (text, line, words) in [
            ("[issue]\nunsubscibe = \"x\"", 2, "did you mean `unsubscribe`?"),
            ("[wep]\nhome = \"x\"", 1, "did you mean `web`?"),
            ("[issue]\nweek = 7", 2, "`issue.week` is not a text"),
            ("[issue]\nweek = \" \"", 2, "`issue.week` is empty"),
            ("[issue]\nwhy = \"You subscribed.\"", 2, "`issue.why` lacks {site}"),
            ("[issue]\nweek = \"{site}\"", 2, "has {site}, which is not replaced by anything"),
            ("issue = \"x\"", 1, "write [issue]"),
            ("[issue]\nand_more = { one = \"{title}\" }", 2, "has no form `other`"),
            ("[issue]\nand_more = { other = \"{title} +{count}\", several = \"x\" }", 2, "a form `several`"),
            ("[issue]\nand_more = { other = \"{title}\" }", 2, "lacks {count}"),
            ("months = [\"a\", \"b\"]", 1, "not a list of twelve texts"),
            ("\n[issue]\nweek = “x”", 3, "typographic quotation mark"),
        ] {
            let said = said("words/ko.toml", text);
            assert!(said[0].starts_with(&format!("words/ko.toml:{line}: error: ")), "{said:?}");
            assert!(said[0].contains(words) && said.len() == 1, "{said:?}");
        }
        assert!(said("words/korean!.toml", "")[0].contains("not a language tag"));
        assert_eq!(said("words/nl.toml", "own_name = \"Nederlands\""), Vec::<String>::new());
    }
}
