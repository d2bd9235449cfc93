//! `letterpress subscribers export-personal-data` and `erase`: the personal data of one subscriber.
//!
//! `erase` changes only the database. Other files that contain the address belong to the user, so they are only listed.

use camino::{Utf8Path, Utf8PathBuf};

use super::{Outcome, Printer};
use crate::cli::args::parse;
use crate::cli::printer::count;
use crate::pipeline::{Office, RunError, World};
use crate::text::shell_quoted;

/// Maximum depth of folders in the outbox.
const DEEPEST: usize = 4;

pub(super) async fn export(address: &str, office: &Office, printer: Printer) -> Result<Outcome, RunError> {
    let dossier = office.store.dossier(office.key_of(&parse(address)?)).await?;
    printer.json(&dossier.objects())?;
    Ok(Outcome::Done)
}

pub(super) async fn erase(
    address: &str,
    yes: bool,
    world: &World,
    office: &Office,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let email = parse(address)?;
    let key = office.key_of(&email);
    if !yes {
        let dossier = office.store.dossier(key).await?;
        for table in dossier.tables.iter().filter(|table| !table.rows.is_empty()) {
            printer.answer(format!("{}: {}", table.name, count(table.rows.len() as u64, "row")));
        }
        return Err(RunError::user(
            "nothing was erased",
            format!(
                "`letterpress subscribers erase {} --yes` erases what is listed above; this cannot be undone",
                shell_quoted(address)
            ),
        ));
    }
    let erased = office.store.erase(key, "command line", world.clock.now()).await?;
    office.store.scrub().await?;
    printer.say(match (erased.reader, erased.copies) {
        (false, 0) => format!("{address} was not stored; no import can add it from now on"),
        (_, 0) => format!("erased {address}; no import can add it again"),
        (_, copies) => format!(
            "erased {address}, also from {} in the ledger; no import can add it again",
            count(copies, "delivery")
        ),
    });
    let config = &world.config;
    let list = config.newsletter.list.iter().map(|list| config.resolve(list));
    let mut left: Vec<Utf8PathBuf> = list.filter(|list| holds(list, address)).collect();
    letters(&config.resolve(&config.output.outbox), 0, address, &mut left);
    if !left.is_empty() {
        printer.complain(format!("{address} still appears in your own files; remove it there:"));
        for file in left {
            printer.complain(format!("  {file}"));
        }
    }
    printer
        .say("backups made by `letterpress backup` before today contain the address until you delete them");
    Ok(Outcome::Done)
}

/// Emails to the address in the outbox folder.
fn letters(folder: &Utf8Path, depth: usize, address: &str, found: &mut Vec<Utf8PathBuf>) {
    let Ok(entries) = folder.read_dir_utf8() else { return };
    let mut paths: Vec<Utf8PathBuf> = entries.flatten().map(|entry| entry.path().to_owned()).collect();
    paths.sort();
    for path in paths {
        match path.extension() {
            Some("eml") if holds(&path, address) => found.push(path),
            None if depth < DEEPEST && !path.is_symlink() => letters(&path, depth + 1, address, found),
            _ => {}
        }
    }
}

pub(super) fn holds(path: &Utf8Path, address: &str) -> bool {
    let text = std::fs::read(path).unwrap_or_default().to_ascii_lowercase();
    memchr::memmem::find(&text, address.trim().to_ascii_lowercase().as_bytes()).is_some()
}
