//! The linter with the test cases of the W3C feed validator. The head of each case names the expected finding.
//!
//! A few dozen cases are in `tests/data/feed-testcases`. All 828 run if the folder `shared/data/feed-testcases` is
//! beside this checkout or above it; otherwise the test prints that it was skipped. `-- --nocapture` prints the figures
//! by rule.

#![cfg(test)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use letterpress::internals::feeds::lint::{Rule, check_feed};
use letterpress::internals::finding::{Finding, Severity};

/// How the validator grades a class of findings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Grade {
    Error,
    Warning,
    Info,
    /// The validator explicitly reports that this is valid.
    Success,
}
use Grade::{Error as E, Info as I, Success as S, Warning as W};

/// The validator's classes, their grades, and the equivalent rules here.
const CLASSES: &[(&str, Grade, &[&str])] = &[
    ("AtomLinkNotEmpty", W, &["link-text"]),
    ("AttrNotBlank", W, &["blank"]),
    ("BadCharacters", W, &["character-doubtful"]),
    ("BadXmlVersion", E, &["xml-version"]),
    ("CharacterData", W, &["html-in-text"]),
    ("ConflictingCatAttr", E, &["conflict"]),
    ("ConflictingCatChildren", E, &["conflict"]),
    ("ContainsEmail", W, &["email-in-text"]),
    ("ContainsHTML", W, &["html-in-text"]),
    ("ContainsRelRef", W, &["html-relative"]),
    ("ContainsSystemEntity", I, &["xml-doctype"]),
    ("ContainsUndeclaredHTML", W, &["html-in-text"]),
    ("CurrentNotSelfInCompleteFeed", E, &["history-complete"]),
    ("DangerousStyleAttr", W, &["html-style"]),
    ("DeprecatedDTD", E, &["xml-dtd-gone"]),
    ("DuplicateAtomLink", E, &["link-repeated"]),
    ("DuplicateDescriptionSemantics", W, &["same-twice"]),
    ("DuplicateElement", E, &["element-repeated"]),
    ("DuplicateEntries", W, &["id-repeated"]),
    ("DuplicateItemSemantics", W, &["same-twice"]),
    ("DuplicateSemantics", W, &["same-twice"]),
    ("DuplicateValue", E, &["value-repeated"]),
    // Any error: the case does not name a particular one.
    ("Error", E, &[]),
    ("FeedHistoryRelInEntry", W, &["link-history"]),
    ("FeedRelInCompleteFeed", E, &["history-complete"]),
    ("HtmlFragment", W, &["html-fragment"]),
    ("ImageLinkDoesntMatch", W, &["image-differs"]),
    ("ImageTitleDoesntMatch", W, &["image-differs"]),
    ("ImageUrlFormat", W, &["image-format"]),
    ("ImplausibleDate", W, &["date-implausible"]),
    ("IntegerOverflow", E, &["number"]),
    ("InvalidAddrSpec", E, &["email"]),
    ("InvalidBooleanAttribute", E, &["boolean"]),
    ("InvalidCommaSeparatedIntegers", E, &["number"]),
    ("InvalidContact", E, &["email"]),
    ("InvalidCountryCode", E, &["choice"]),
    ("InvalidCreditRole", E, &["choice"]),
    ("InvalidDay", E, &["skip-time"]),
    ("InvalidDuration", E, &["duration"]),
    ("InvalidFloat", E, &["number"]),
    ("InvalidFormComponentName", E, &["form-name"]),
    ("InvalidFullLink", E, &["link"]),
    ("InvalidHour", E, &["skip-time"]),
    ("InvalidHttpGUID", E, &["guid"]),
    ("InvalidIRI", E, &["link"]),
    ("InvalidISO8601DateTime", E, &["date-iso8601"]),
    ("InvalidInteger", E, &["number"]),
    ("InvalidIntegerAttribute", E, &["number"]),
    ("InvalidItunesCategory", E, &["choice"]),
    ("InvalidItunesChannelType", E, &["choice"]),
    ("InvalidItunesEpisodeType", E, &["choice"]),
    ("InvalidLanguage", E, &["language"]),
    ("InvalidLatitude", E, &["coordinate"]),
    ("InvalidLink", E, &["link"]),
    ("InvalidLongitude", E, &["coordinate"]),
    ("InvalidMIMEAttribute", E, &["mime-type"]),
    ("InvalidMIMEType", E, &["mime-type"]),
    ("InvalidMediaHash", E, &["number"]),
    ("InvalidMediaRating", E, &["choice"]),
    ("InvalidMediaRestriction", E, &["choice"]),
    ("InvalidMediaRestrictionRel", E, &["boolean"]),
    ("InvalidMediaRestrictionType", E, &["choice"]),
    ("InvalidMediaTextType", E, &["choice"]),
    ("InvalidNPTTime", E, &["choice"]),
    ("InvalidNSS", E, &["name-characters"]),
    ("InvalidNamespace", E, &["namespace-wrong"]),
    ("InvalidNonNegativeInteger", E, &["number"]),
    ("InvalidPositiveInteger", E, &["number"]),
    ("InvalidRFC2822Date", E, &["date-rfc822", "date-weekday"]),
    ("InvalidRFC3339Date", E, &["date-rfc3339"]),
    ("InvalidRSSVersion", E, &["version-wrong"]),
    ("InvalidSseType", E, &["choice"]),
    ("InvalidTAG", E, &["uri-tag"]),
    ("InvalidTrueFalse", E, &["boolean"]),
    ("InvalidURLAttribute", E, &["link"]),
    ("InvalidURN", E, &["uri-urn"]),
    ("InvalidUriChar", E, &["link"]),
    // The class of all other findings with this prefix.
    ("InvalidValue", E, &["html-in-text"]),
    ("InvalidW3CDTFDate", E, &["date-w3cdtf"]),
    ("InvalidWidth", E, &["number"]),
    ("InvalidYesNo", E, &["boolean"]),
    ("InvalidYesNoClean", E, &["boolean"]),
    ("MediaGroupWithoutAlternatives", E, &["media-group"]),
    ("MisplacedItem", W, &["element-misplaced"]),
    ("MissingAttribute", E, &["attribute-missing"]),
    ("MissingByAndWhenAttrs", E, &["attribute-missing"]),
    ("MissingContentOrAlternate", E, &["content-missing"]),
    ("MissingCurrentInArchive", W, &["history-current"]),
    ("MissingDCLanguage", I, &["language-missing"]),
    ("MissingDescription", E, &["element-missing"]),
    ("MissingElement", E, &["element-missing"]),
    ("MissingGuid", W, &["guid-missing"]),
    ("MissingItunesElement", W, &["podcast-advised"]),
    ("MissingItunesEmail", W, &["podcast-advised"]),
    ("MissingLink", E, &["element-missing"]),
    ("MissingNamespace", E, &["namespace-missing"]),
    ("MissingRealName", W, &["email-name"]),
    ("MissingRecommendedAttribute", W, &["attribute-advised"]),
    ("MissingSelf", W, &["self-missing"]),
    ("MissingSourceElement", W, &["source-missing"]),
    ("MissingSummary", E, &["summary-missing"]),
    ("MissingTitle", E, &["element-missing"]),
    ("MissingXhtmlDiv", E, &["xhtml-div"]),
    ("NoBlink", E, &["element-unknown"]),
    ("NonCanonicalURI", W, &["link-not-canonical"]),
    ("NonstdPrefix", I, &["prefix-unusual"]),
    ("NotBlank", W, &["blank"]),
    ("NotEnoughHoursInTheDay", E, &["skip-time"]),
    ("NotEscaped", E, &["html-not-escaped"]),
    ("NotHtml", W, &["html-unknown"]),
    ("NotInline", W, &["html-escaped"]),
    ("NotSufficientlyUnique", W, &["guid-weak"]),
    ("NotUTF8", W, &["podcast-utf8"]),
    ("ObsoleteItunesCategory", W, &["category-old"]),
    ("ObsoleteNamespace", E, &["namespace-obsolete"]),
    ("ProblematicalRFC822Date", W, &["date-odd"]),
    ("RelativeSelf", W, &["link-relative-self"]),
    ("ReservedPrefix", W, &["prefix-taken"]),
    ("SAXError", E, &["xml-syntax", "xml-entity"]),
    // These two depend on the address of the document; a file has none.
    ("SameDocumentReference", W, &[]),
    ("SelfDoesntMatchLocation", W, &[]),
    ("SchemeNotIANARegistered", W, &["link-scheme"]),
    ("SecurityRisk", W, &["html-unsafe"]),
    ("SecurityRiskAttr", W, &["html-unsafe"]),
    ("SlashDate", W, &["slash-date"]),
    ("TooLong", E, &["too-long"]),
    ("UndefinedElement", E, &["element-unknown", "root-unknown"]),
    ("UndeterminableVocabulary", W, &["namespace-none"]),
    ("UnexpectedAttribute", E, &["attribute-unknown"]),
    ("UnexpectedText", E, &["text-unexpected"]),
    ("UnexpectedWhitespace", E, &["white-space"]),
    ("UnknownEncoding", E, &["xml-encoding"]),
    ("UnknownHost", W, &["email-host"]),
    ("UnknownNamespace", W, &["namespace-unknown"]),
    ("UnregisteredAtomLinkRel", W, &["link-rel"]),
    ("UnsupportedItunesFormat", W, &["podcast-format"]),
    ("UseOfExtensionAttr", W, &["attribute-unknown"]),
    ("UseZeroForMidnight", W, &["skip-midnight"]),
    ("Warning", W, &[]),
];

/// The expectation in the head of a case.
struct Expected {
    class: String,
    grade: Grade,
    rules: &'static [&'static str],
    /// The finding must not occur.
    absent: bool,
    /// The names of the elements concerned.
    about: Vec<String>,
}

fn expected(bytes: &[u8]) -> Expected {
    let text: String = String::from_utf8_lossy(bytes).chars().filter(|c| *c != '\0').collect();
    let rest = text.split_once("Expect:").unwrap_or_else(|| panic!("no Expect: in {text}")).1.trim_start();
    let (absent, rest) = rest.strip_prefix('!').map_or((false, rest), |rest| (true, rest));
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
    let (class, rest) = rest.split_at(end);
    let parameters =
        rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(inner, _)| inner);
    let mut about: Vec<String> = parameters
        .split(',')
        .filter_map(|pair| pair.split_once(':'))
        .filter(|(name, _)| matches!(name.trim(), "element" | "parent" | "attr"))
        .map(|(_, value)| value.replace('_', ":"))
        .collect();
    about.extend(
        class.strip_prefix("Missing").filter(|what| ["Link", "Title"].contains(what)).map(str::to_lowercase),
    );
    let (grade, rules) = if class.starts_with("Valid") {
        (S, &[][..])
    } else {
        let known = CLASSES.iter().find(|(name, ..)| *name == class);
        known.map_or_else(|| panic!("no class {class}"), |(_, grade, rules)| (*grade, *rules))
    };
    Expected { class: class.to_owned(), grade, rules, absent, about }
}

fn cases(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            cases(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "xml") {
            found.push(path);
        }
    }
}

/// The results of the cases that expect a finding of one rule.
#[derive(Default, Clone, Copy)]
struct Score {
    cases: usize,
    any: usize,
    right: usize,
}

#[derive(Default)]
struct Agreement {
    errors: BTreeMap<&'static str, Score>,
    warnings: BTreeMap<&'static str, Score>,
    clean: usize,
    absent: usize,
    missed: Vec<String>,
    other_rule: Vec<String>,
    false_errors: Vec<String>,
    false_rules: Vec<String>,
}

impl Agreement {
    fn add(&mut self, name: &str, bytes: &[u8], also_wrong: bool) {
        let expected = expected(bytes);
        let findings = check_feed(name, bytes, None, "2026-11-25T12:00:00Z".parse().unwrap());
        let erred = findings.iter().any(|finding| finding.severity == Severity::Error);
        let right = findings.iter().any(|finding| expected.rules.contains(&finding.rule))
            || (expected.class == "Error" && erred);
        match (expected.absent, expected.grade) {
            (false, E) => {
                let score = self.errors.entry(expected.rules.first().unwrap_or(&"any")).or_default();
                score.cases += 1;
                score.any += usize::from(erred);
                score.right += usize::from(right);
                if !erred {
                    self.missed.push(format!("{name}: {}", expected.class));
                } else if !right {
                    self.other_rule.push(format!("{name}: {} ({})", expected.class, rules(&findings)));
                }
                return;
            }
            (false, W | I) => {
                let score = self.warnings.entry(expected.rules.first().unwrap_or(&"any")).or_default();
                score.cases += 1;
                score.right += usize::from(right);
            }
            (true, _) => {
                self.absent += 1;
                let is_it = |finding: &&Finding| {
                    expected.rules.contains(&finding.rule)
                        && expected.about.iter().all(|name| finding.message.contains(name.as_str()))
                };
                self.false_rules
                    .extend(findings.iter().find(is_it).map(|finding| format!("{name}: {finding}")));
            }
            (false, S) => {}
        }
        if !also_wrong {
            self.clean += 1;
            let wrong = findings.iter().find(|finding| finding.severity == Severity::Error);
            self.false_errors.extend(wrong.map(|finding| format!("{name}: {finding}")));
        }
    }

    fn print(&self) {
        println!("| rule | cases | an error | this rule |\n|---|---|---|---|");
        for (rule, score) in &self.errors {
            println!("| `{rule}` | {} | {} | {} |", score.cases, score.any, score.right);
        }
        let all = sum(&self.errors);
        println!("| **all that expect an error** | {} | {} | {} |", all.cases, all.any, all.right);
        for (rule, score) in &self.warnings {
            println!("| `{rule}` (warning or note) | {} | | {} |", score.cases, score.right);
        }
        let all = sum(&self.warnings);
        println!("| **all that expect a warning or a note** | {} | | {} |", all.cases, all.right);
        println!("without an error: {}, false errors: {}", self.clean, self.false_errors.len());
        println!("rules that must be silent: {}, and were not: {}", self.absent, self.false_rules.len());
        for line in self.missed.iter().chain(&self.other_rule) {
            println!("{line}");
        }
    }
}

fn rules(findings: &[Finding]) -> String {
    findings.iter().map(|finding| finding.rule).collect::<Vec<_>>().join(" ")
}

fn sum(scores: &BTreeMap<&'static str, Score>) -> Score {
    scores.values().fold(Score::default(), |sum, score| Score {
        cases: sum.cases + score.cases,
        any: sum.any + score.any,
        right: sum.right + score.right,
    })
}

/// The agreement over `folder`. Most cases are fragments: `also-wrong.txt` names those that lack a title or the like
/// although their heads are about something else, according to the validator itself.
fn agreement(folder: &Path) -> Agreement {
    let also_wrong = fs::read_to_string(here().join("also-wrong.txt")).unwrap();
    let mut paths = Vec::new();
    cases(folder, &mut paths);
    let mut agreement = Agreement::default();
    for path in paths {
        let name = path.strip_prefix(folder).unwrap().to_str().unwrap();
        agreement.add(name, &fs::read(&path).unwrap(), also_wrong.lines().any(|line| line == name));
    }
    agreement
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/feed-testcases")
}

#[test]
fn the_cases_of_this_checkout_give_the_expected_findings() {
    let agreement = agreement(&here());
    let errors = sum(&agreement.errors);
    assert!(errors.cases > 40 && agreement.clean > 30, "{} {}", errors.cases, agreement.clean);
    assert_eq!(agreement.missed, Vec::<String>::new());
    assert_eq!(agreement.other_rule, Vec::<String>::new());
    assert_eq!(agreement.false_errors, Vec::<String>::new());
    assert_eq!(agreement.false_rules, Vec::<String>::new());
    assert_eq!(sum(&agreement.warnings).right, sum(&agreement.warnings).cases);
}

#[test]
fn all_cases_of_the_validator_give_the_expected_findings() {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().skip(1);
    let Some(folder) =
        above.map(|folder| folder.join("shared/data/feed-testcases")).find(|folder| folder.is_dir())
    else {
        println!("NOT RUN w3c-testcases: there is no shared/data/feed-testcases beside this checkout");
        return;
    };
    let agreement = agreement(&folder);
    agreement.print();
    let errors = sum(&agreement.errors);
    assert!(errors.cases > 300 && agreement.clean > 300, "{} {}", errors.cases, agreement.clean);
    assert!(errors.any * 100 >= errors.cases * 95, "{:?}", agreement.missed);
    assert!(errors.right * 100 >= errors.cases * 95, "{:?}", agreement.other_rule);
    assert_eq!(agreement.false_errors, Vec::<String>::new());
    assert_eq!(agreement.false_rules, Vec::<String>::new());
}

#[test]
fn every_class_is_compared_with_existing_rules() {
    for (class, _, rules) in CLASSES {
        for rule in *rules {
            assert!(Rule::named(rule).is_some(), "{class}: {rule}");
        }
    }
}
