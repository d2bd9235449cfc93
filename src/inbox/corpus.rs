//! Compares the parsing of real bounces and complaints (the corpus of Sisimai, BSD licence) with Python's.
//!
//! A dozen are in `tests/data/bounces`; the whole corpus is used if `../shared/data/bounces` exists.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::dsn::Dsn;
use super::mime::Mail;
use super::{Classified, classify};
use crate::store::{DeliveryReport, ReportKind};
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

#[test]
fn real_bounces_are_accepted_with_our_token_and_never_without_it() {
    let token = keys().sign(Purpose::Bounce, &Subject::from(4_711_u64), 1);
    let (mut classified, mut complaints, mut prose, mut automatic) = (0, 0, 0, 0);
    for (name, bytes) in folders().iter().flat_map(|folder| files(folder)) {
        let bare = classify(&bytes, &keys());
        assert!(matches!(bare, Classified::Unverified | Classified::Foreign), "{name}: {bare:?}");
        let ours = [format!("Delivered-To: bounces+{token}@example.com\n").as_bytes(), &bytes].concat();
        match classify(&ours, &keys()) {
            Classified::Report(report) if report.kind == ReportKind::Complained => complaints += 1,
            Classified::Report(_) => {
                classified += 1;
                assert!(!recipients(&bytes).is_empty(), "{name}");
            }
            Classified::Automatic => automatic += 1,
            Classified::Prose => prose += 1,
            other => panic!("{name}: {other:?}"),
        }
    }
    eprintln!("{classified} reports, {complaints} complaints, {prose} in prose, {automatic} automatic");
    assert!(classified >= 6 && complaints >= 1 && prose >= 1, "{classified} {complaints} {prose}");
}

#[test]
fn truncated_real_bounces_and_changed_line_ends_do_not_panic() {
    for (_, bytes) in folders().iter().flat_map(|folder| files(folder)) {
        for cut in (0..bytes.len()).step_by(97) {
            let _ = classify(&bytes[..cut], &keys());
        }
        let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
        for ends in ["\r\n", "\r", "\n\n"] {
            let _ = classify(text.replace('\n', ends).as_bytes(), &keys());
        }
    }
}
