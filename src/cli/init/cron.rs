//! The line for cron: shown, and added to the user's crontab if they agree. A site in the folder of the units of systemd has its
//! timer instead.

use std::io::Write as _;
use std::process::{Command, Stdio};

use camino::Utf8Path;

use super::answers::Questions;
use crate::cli::site_files::cron_line;
use crate::pipeline::session::RunError;

/// Prints the line, and adds it with `--install-cron` or a yes.
pub(super) fn offer(config: &Utf8Path, install: bool, questions: &Questions) -> Result<(), RunError> {
    let (line, printer) = (cron_line(config), questions.printer);
    if let Some(site) = site_of_units(config).filter(|_| !install) {
        let timer = format!("systemctl enable --now letterpress@{site}.timer");
        printer.info(format!("to run it every ten minutes: {timer}"));
        return Ok(());
    }
    printer.info("to run it every ten minutes, add this line with `crontab -e`; docs/install.md has units for systemd:");
    printer.info(format!("  {line}"));
    if !install && questions.takes_defaults {
        return Ok(());
    }
    let Some(present) = present() else { return if install { Err(no_cron()) } else { Ok(()) } };
    if present.lines().any(|known| known.trim() == line) {
        printer.info("  it is there already");
        return Ok(());
    }
    if !install && !questions.confirms("Add it to your crontab now? (yes or no)")? {
        return Ok(());
    }
    let gap = if present.is_empty() || present.ends_with('\n') { "" } else { "\n" };
    replace(&format!("{present}{gap}{line}\n"))?;
    printer.info("  added; `crontab -e` changes or removes it");
    Ok(())
}

fn no_cron() -> RunError {
    RunError::user(
        "there is no program crontab here",
        "install cron, or use the units for systemd in docs/install.md",
    )
}

/// The name of the site whose folder is the one that the units of systemd use (packaging/systemd).
fn site_of_units(config: &Utf8Path) -> Option<String> {
    let folder = config.canonicalize_utf8().ok()?;
    let folder = folder.parent()?;
    let of_units = ["/var/lib/letterpress", "/var/lib/private/letterpress"].map(Utf8Path::new);
    folder.file_name().filter(|_| of_units.map(Some).contains(&folder.parent())).map(str::to_owned)
}

/// The crontab of this user, empty if there is none; `None` without cron.
fn present() -> Option<String> {
    let listed = Command::new("crontab").arg("-l").stdin(Stdio::null()).output().ok()?;
    // It fails if the user has no crontab yet.
    Some(if listed.status.success() {
        String::from_utf8_lossy(&listed.stdout).into_owned()
    } else {
        String::new()
    })
}

fn replace(crontab: &str) -> Result<(), RunError> {
    let failed = |error| RunError::io("running crontab", error);
    let mut child = Command::new("crontab").arg("-").stdin(Stdio::piped()).spawn().map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(crontab.as_bytes()).map_err(failed)?;
    }
    let status = child.wait().map_err(failed)?;
    if status.success() {
        return Ok(());
    }
    Err(RunError::user("crontab did not take the line", "add it yourself with `crontab -e`"))
}
