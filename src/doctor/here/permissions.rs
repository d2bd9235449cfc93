//! Who may read the secrets, and whether this user may write where runs write.

use camino::{Utf8Path, Utf8PathBuf};

use super::super::{Check, Section};
use crate::config::Config;
use crate::platform;
use crate::text::shell_quoted;

/// Files with secrets that other users of the machine can read.
pub(crate) fn secrets(config: &Config) -> Vec<Check> {
    let smtp = config.smtp.as_ref().and_then(|smtp| smtp.password_file.as_ref());
    let inbox = config.inbox.as_ref().and_then(|inbox| inbox.password_file.as_ref());
    let signing = config.dkim.iter().map(|dkim| &dkim.key_file);
    let applications = config.oauth.values().filter_map(|client| client.client_secret_file.as_ref());
    let own = [&config.store.keys, &config.store.tokens].into_iter().chain(&config.store.password_file);
    let mut checks = Vec::new();
    for file in smtp.into_iter().chain(inbox).chain(own).chain(signing).chain(applications) {
        let mode = mode_of(&config.resolve(file));
        if mode & 0o077 != 0 {
            let message =
                format!("other users of this machine can access this secret (mode {:03o})", mode & 0o777);
            let next = format!("chmod 600 {}", shell_quoted(file.as_str()));
            let check = Check::warning(Section::Here, "secret-mode", message, next).about(file.as_str());
            if !checks.contains(&check) {
                checks.push(check);
            }
        }
    }
    checks
}

/// The secrets, the ledger, and the folders into which runs write.
pub(crate) fn folders(config: &Config) -> Vec<Check> {
    let mut checks = secrets(config);
    if checks.is_empty() {
        checks.push(Check::good(
            Section::Here,
            "secret-mode",
            "no other user can read the passwords and keys",
        ));
    }
    let ledger = config.store.sqlite_path().map(|path| config.resolve(path));
    checks.extend(ledger.as_deref().and_then(private_ledger));
    let mut unwritable: Vec<Check> = Vec::new();
    for (key, folder, next) in written(config, ledger) {
        // What does not exist yet is created in the folder above it.
        let Some(existing) = folder.ancestors().find(|folder| folder.as_str().is_empty() || folder.exists())
        else {
            continue;
        };
        let existing = if existing.as_str().is_empty() { Utf8Path::new(".") } else { existing };
        if !is_writable(existing) {
            let message = format!("this user cannot write into {existing} ({key})");
            unwritable.push(Check::fault(Section::Here, "writable", message, next).about(existing.as_str()));
        }
    }
    unwritable.dedup_by(|one, other| one.subject == other.subject);
    if unwritable.is_empty() {
        let message = "the ledger, the posts and the public folder can be written";
        unwritable.push(Check::good(Section::Here, "writable", message));
    }
    checks.extend(unwritable);
    checks
}

/// The folders that runs write into.
fn written(config: &Config, ledger: Option<Utf8PathBuf>) -> Vec<(&'static str, Utf8PathBuf, &'static str)> {
    let next = "give this user the folder (chown), or run the command as its owner";
    let mut all = vec![
        ("output.directory", config.resolve(&config.output.directory), next),
        ("archive.posts, for the ids", config.resolve(config.archive.ids_file()), next),
    ];
    if let Some(ledger) = ledger {
        let folder = ledger.parent().unwrap_or(&config.root).to_owned();
        all.insert(0, ("store.url, with its log beside it", folder, next));
        if ledger.exists() {
            all.insert(1, ("store.url", ledger, next));
        }
    }
    if config.smtp.is_none() {
        all.push(("output.outbox", config.resolve(&config.output.outbox), next));
    }
    all
}

/// The ledger has the addresses of all subscribers.
fn private_ledger(ledger: &Utf8Path) -> Option<Check> {
    let mode = mode_of(ledger);
    (mode & 0o077 != 0).then(|| {
        let message = format!(
            "other users of this machine can access the addresses of subscribers (mode {:03o})",
            mode & 0o777
        );
        let next = format!("chmod 600 {}", shell_quoted(ledger.as_str()));
        Check::warning(Section::Here, "ledger-mode", message, next).about(ledger.as_str())
    })
}

fn mode_of(path: &Utf8Path) -> u32 {
    path.metadata().map_or(0, |meta| platform::mode(&meta))
}

/// Whether this user may write to a file or a folder.
#[cfg(target_os = "linux")]
fn is_writable(path: &Utf8Path) -> bool {
    rustix::fs::access(path.as_std_path(), rustix::fs::Access::WRITE_OK).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn is_writable(path: &Utf8Path) -> bool {
    path.metadata().is_ok_and(|meta| !meta.permissions().readonly())
}
