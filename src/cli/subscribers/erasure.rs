//! `letterpress subscribers export-personal-data` and `erase`: the personal data of one subscriber.
//!
//! `erase` changes only the database. Other files that contain the address belong to the user, so they are only listed.

use std::fs::File;
use std::io::{self, Read};

use camino::{Utf8Path, Utf8PathBuf};

use super::{Outcome, Printer};
use crate::cli::args::parse;
use crate::cli::printer::count;
use crate::pipeline::session::{LedgerSession, RunContext, RunError};
use crate::store::subscriber_store::Erased;
use crate::text::shell_quoted;

/// Maximum depth of folders in the outbox.
const DEEPEST: usize = 4;
/// How many bytes of a file are read at a time: a list may have a million rows.
const PART: usize = 64 * 1024;

pub(super) async fn export(
    address: &str,
    session: &LedgerSession,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let personal_data = session.store.personal_data(session.key_of(&parse(address)?)).await?;
    printer.json(&personal_data.objects())?;
    Ok(Outcome::Done)
}

pub(super) async fn erase(
    address: &str,
    yes: bool,
    context: &RunContext,
    session: &LedgerSession,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let email = parse(address)?;
    let key = session.key_of(&email);
    if !yes {
        let personal_data = session.store.personal_data(key).await?;
        for table in personal_data.tables.iter().filter(|table| !table.rows.is_empty()) {
            printer.stdout(format!("{}: {}", table.name, count(table.rows.len() as u64, "row")));
        }
        return Err(RunError::user(
            "nothing was erased",
            format!(
                "`letterpress subscribers erase {} --yes` erases what is listed above; this cannot be undone",
                shell_quoted(address)
            ),
        ));
    }
    let erased = session.store.erase(key, "command line", context.clock.now()).await?;
    let left = left_in_ledger(email.as_str(), context, session).await?;
    if left.is_empty() {
        printer.info(report(address, erased));
    } else {
        printer.warn(format!(
            "{address} was deleted, and no import can add it again, but it is still in the ledger:"
        ));
        for place in &left {
            printer.warn(format!("  {place}"));
        }
    }
    list_own_files(address, context, printer);
    printer
        .info("backups made by `letterpress backup` before today contain the address until you delete them");
    Ok(if left.is_empty() { Outcome::Done } else { Outcome::Partly })
}

fn report(address: &str, erased: Erased) -> String {
    match (erased.subscriber, erased.deliveries) {
        (false, 0) => format!("{address} was not stored; no import can add it from now on"),
        (_, 0) => format!("erased {address}; no import can add it again"),
        (_, deliveries) => format!(
            "erased {address}, also from {} in the ledger; no import can add it again",
            count(deliveries, "delivery")
        ),
    }
}

/// Where the database still contains the address, and why.
async fn left_in_ledger(
    address: &str,
    context: &RunContext,
    session: &LedgerSession,
) -> Result<Vec<String>, RunError> {
    let prevented = match session.scrub(&context.config).await {
        Ok(prevented) => prevented.map(str::to_owned),
        Err(error) => Some(error.to_string()),
    };
    let files = "the write-ahead log and free parts of the file";
    let mut left: Vec<String> = prevented
        .map(|why| format!("{files}, because {why}; the next command that opens the ledger removes it there"))
        .into_iter()
        .collect();
    let texts = session.store.texts_with(address).await?;
    left.extend(texts.into_iter().map(|text| format!("{text}, which somebody wrote and nothing changes")));
    Ok(left)
}

/// Names the user's own files that contain the address.
fn list_own_files(address: &str, context: &RunContext, printer: Printer) {
    let config = &context.config;
    let list = config.newsletter.list.iter().map(|list| config.resolve(list));
    let mut left: Vec<Utf8PathBuf> = list.filter(|list| contains(list, address)).collect();
    emails_to(&config.resolve(&config.output.outbox), 0, address, &mut left);
    if !left.is_empty() {
        printer.warn(format!("{address} still appears in your own files; remove it there:"));
        for file in left {
            printer.warn(format!("  {file}"));
        }
    }
}

/// Emails to the address in the outbox folder.
fn emails_to(folder: &Utf8Path, depth: usize, address: &str, found: &mut Vec<Utf8PathBuf>) {
    let Ok(entries) = folder.read_dir_utf8() else { return };
    let mut paths: Vec<Utf8PathBuf> = entries.flatten().map(|entry| entry.path().to_owned()).collect();
    paths.sort();
    for path in paths {
        match path.extension() {
            Some("eml") if contains(&path, address) => found.push(path),
            None if depth < DEEPEST && !path.is_symlink() => emails_to(&path, depth + 1, address, found),
            _ => {}
        }
    }
}

/// Whether a file contains an address, in any case. A file that cannot be read does not.
pub(super) fn contains(path: &Utf8Path, address: &str) -> bool {
    let wanted = address.trim().to_ascii_lowercase();
    File::open(path).is_ok_and(|file| is_in(file, wanted.as_bytes()).unwrap_or(false))
}

/// Looks for `wanted` in parts that overlap by less than its length.
fn is_in(mut file: impl Read, wanted: &[u8]) -> io::Result<bool> {
    let (mut buffer, mut kept) = (vec![0; PART + wanted.len()], 0);
    loop {
        let filled = match file.read(&mut buffer[kept..])? {
            0 => return Ok(false),
            read => kept + read,
        };
        buffer[kept..filled].make_ascii_lowercase();
        if memchr::memmem::find(&buffer[..filled], wanted).is_some() {
            return Ok(true);
        }
        kept = filled.min(wanted.len().saturating_sub(1));
        buffer.copy_within(filled - kept..filled, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_also_where_two_parts_of_a_file_meet() {
        for before in PART - 30..PART + 30 {
            let text = format!("{}Kim@example.com,x", "x".repeat(before));
            assert!(is_in(text.as_bytes(), b"kim@example.com").unwrap(), "{before}");
            assert!(!is_in(text.as_bytes(), b"kim@example.org").unwrap(), "{before}");
        }
    }
}
