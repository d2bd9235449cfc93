//! Compares the parsing of real bounces and complaints (the corpus of Sisimai, BSD licence) with Python's.
//!
//! A dozen are in `tests/data/bounces`; the whole corpus is used if `../shared/data/bounces` exists.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::dsn::Dsn;
use super::mime::Mail;
use super::{Classified, classify};
use crate::store::{DeliveryReport, InboundReport, ReportKind};
use crate::subscribers::bounces;
use crate::subscribers::token::{Purpose, Subject, TokenKeys};

fn keys() -> TokenKeys {
    TokenKeys::generate(std::array::from_fn(|at| u8::try_from(at).unwrap().wrapping_mul(37)))
}

/// The whole corpus, if it exists beside this repository or beside the folder of its worktrees.
fn whole_corpus() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    ["../shared/data/bounces", "../../shared/data/bounces"]
        .into_iter()
        .map(|path| here.join(path))
        .find(|path| path.is_dir())
}

fn folders() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/bounces");
    let whole = whole_corpus();
    if whole.is_none() {
        eprintln!("NOT RUN over the whole corpus: there is no ../shared/data/bounces");
    }
    std::iter::once(own).chain(whole).collect()
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "eml"))
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    assert!(files.len() >= 12, "{} contains {} files", folder.display(), files.len());
    files
}

fn recipients(bytes: &[u8]) -> Vec<DeliveryReport> {
    let mail = Mail::parse(bytes).unwrap();
    let reports = ["message/delivery-status", "message/global-delivery-status"];
    let mut parts = mail.parts.iter().filter(|part| reports.contains(&part.kind.as_str()));
    parts.find_map(|part| Dsn::parse(&part.content())).map(|dsn| dsn.recipients).unwrap_or_default()
}

#[test]
fn real_reports_are_parsed_as_by_python() {
    for folder in folders() {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/inbox/oracle.py");
        let Ok(ran) = Command::new("python3").arg(script).arg(&folder).output() else {
            eprintln!("NOT RUN: there is no python3");
            return;
        };
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let (mut reports, mut named) = (0, 0);
        let mut wrong = Vec::new();
        for line in String::from_utf8(ran.stdout).unwrap().lines() {
            let theirs: Value = serde_json::from_str(line).unwrap();
            let file = theirs["file"].as_str().unwrap();
            let theirs = theirs["recipients"].as_array().unwrap();
            let ours = recipients(&fs::read(folder.join(file)).unwrap());
            reports += usize::from(!theirs.is_empty());
            named += theirs.len();
            if ours.len() != theirs.len() {
                wrong.push(format!("{file}: {ours:?} here, {theirs:?} there"));
                continue;
            }
            for (ours, theirs) in ours.iter().zip(theirs) {
                let action = theirs["action"].as_str().is_none_or(|action| action == ours.action.as_str());
                let status = theirs["status"].as_str().map(str::to_owned);
                let status = status == ours.status.map(|status| status.to_string());
                let recipient = theirs["recipient"].as_str() == ours.recipient.as_deref();
                if !(action && status && recipient) {
                    wrong.push(format!("{file}: {ours:?} here, {theirs} there"));
                }
            }
        }
        eprintln!("{}: {reports} reports of {named} recipients", folder.display());
        assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
        assert!(reports >= 6, "only {reports} reports");
    }
}

/// A mail that was sent to the bounce address of a message.
fn with_token(bytes: &[u8]) -> Vec<u8> {
    let token = keys().sign(Purpose::Bounce, &Subject::from(4_711_u64), 1);
    [format!("Delivered-To: bounces+{token}@example.com\n").as_bytes(), bytes].concat()
}

/// What a mail leads to: the class of a bounce, or another word.
fn judged(bytes: &[u8]) -> String {
    match classify(&with_token(bytes), &keys()) {
        Classified::Report(InboundReport { kind: ReportKind::Delivery(bounce), .. }) => {
            let class = bounces::classify(bounce.action, bounce.status, &bounce.diagnostic);
            format!("{class:?}")
        }
        Classified::Report(report) => report.kind.as_str().to_owned(),
        other => format!("{other:?}"),
    }
}

/// What another program says about each file.
fn expected() -> BTreeMap<String, String> {
    let table = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/inbox/expected.tsv")).unwrap();
    let rows =
        table.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect::<Vec<_>>());
    rows.map(|row| (row[0].to_owned(), row[1].to_owned())).collect()
}

#[test]
fn of_real_bounces_nearly_all_hard_ones_are_hard_and_no_other_is() {
    let expected = expected();
    // Format to hard ones that were found, and all.
    let mut hard: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let (mut missed, mut wrong, mut read) = (Vec::new(), Vec::new(), 0);
    for (name, bytes) in folders().iter().flat_map(|folder| files(folder)) {
        let Some(label) = expected.get(&name) else { continue };
        read += 1;
        let judged = judged(&bytes);
        let is_hard = judged == "Hard";
        match label.as_str() {
            "hard" => {
                let format = name.trim_end_matches(|c: char| !c.is_alphabetic()).trim_end_matches(".eml");
                let format = format.trim_end_matches(|c: char| !c.is_alphabetic());
                let (found, all) = hard.entry(format.to_owned()).or_default();
                *all += 1;
                if is_hard { *found += 1 } else { missed.push(format!("{name}: {judged}")) }
            }
            "living" | "complaint" | "other" if is_hard => wrong.push(name),
            _ => {}
        }
    }
    let (found, all) = hard.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    eprintln!("{read} mails, {found} of {all} hard bounces: {hard:?}; missed: {missed:#?}");
    assert!(wrong.is_empty(), "would be suppressed: {wrong:?}");
    assert!(found * 100 >= all * 95, "{found} of {all} hard bounces are found; missed: {missed:#?}");
}

#[test]
fn real_bounces_are_accepted_with_our_token_and_never_without_it() {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, bytes) in folders().iter().flat_map(|folder| files(folder)) {
        let bare = classify(&bytes, &keys());
        assert!(matches!(bare, Classified::Unverified(_) | Classified::Foreign), "{name}: {bare:?}");
        let what = match classify(&with_token(&bytes), &keys()) {
            Classified::Report(report) => report.kind.as_str(),
            Classified::Automatic => "automatic",
            Classified::Prose => "not understood",
            other => panic!("{name}: {other:?}"),
        };
        *counts.entry(what).or_default() += 1;
    }
    eprintln!("{counts:?}");
    assert!(counts.len() >= 3, "{counts:?}");
}

#[test]
fn truncated_real_bounces_and_changed_line_ends_do_not_panic() {
    for (_, bytes) in folders().iter().flat_map(|folder| files(folder)) {
        for cut in (0..bytes.len()).step_by(397) {
            let _ = classify(&bytes[..cut], &keys());
        }
        let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
        for ends in ["\r\n", "\r", "\n\n"] {
            let _ = classify(text.replace('\n', ends).as_bytes(), &keys());
        }
    }
}
