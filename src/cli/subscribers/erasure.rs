//! `letterpress subscribers export-personal-data` and `erase`: the personal data of one subscriber.
//!
//! `erase` changes only the database. Other files that contain the address belong to the user, so they are only listed.

use camino::{Utf8Path, Utf8PathBuf};

use super::{Outcome, Printer};
use crate::cli::args::parse;
use crate::cli::printer::count;
use crate::pipeline::session::{LedgerSession, RunContext, RunError};
use crate::text::shell_quoted;

/// Maximum depth of folders in the outbox.
const DEEPEST: usize = 4;

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
    session.store.scrub().await?;
    printer.info(match (erased.subscriber, erased.deliveries) {
        (false, 0) => format!("{address} was not stored; no import can add it from now on"),
        (_, 0) => format!("erased {address}; no import can add it again"),
        (_, deliveries) => format!(
            "erased {address}, also from {} in the ledger; no import can add it again",
            count(deliveries, "delivery")
        ),
    });
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
    printer
        .info("backups made by `letterpress backup` before today contain the address until you delete them");
    Ok(Outcome::Done)
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

pub(super) fn contains(path: &Utf8Path, address: &str) -> bool {
    let text = std::fs::read(path).unwrap_or_default().to_ascii_lowercase();
    memchr::memmem::find(&text, address.trim().to_ascii_lowercase().as_bytes()).is_some()
}
