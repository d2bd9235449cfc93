//! The files of a new site, and the line for cron; for `new` and `init`.

use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, Utc};

use crate::config::environment;
use crate::pipeline::session::RunError;
use crate::text::shell_quoted;

/// The configuration of a new site, with example values.
pub(super) const TEMPLATE: &str = include_str!("new/config.toml");

/// What a repository of a site should not contain.
pub(super) const GITIGNORE: &str = include_str!("new/gitignore");

/// The files of a new site, with this configuration.
pub(super) fn files(now: DateTime<Utc>, config: String) -> [(String, String); 4] {
    let today = now.date_naive();
    [
        ("config.toml".to_owned(), config),
        (
            format!("posts/{today}-hello.md"),
            include_str!("new/hello.md").replace("{date}", &now.format("%Y-%m-%dT%H:%M:%SZ").to_string()),
        ),
        (
            "subscribers.csv".to_owned(),
            include_str!("new/subscribers.csv").replace("{date}", &today.to_string()),
        ),
        (".gitignore".to_owned(), GITIGNORE.to_owned()),
    ]
}

/// Writes a file that does not exist yet, in a folder that may not exist yet.
pub(super) fn write(path: &Utf8Path, text: &str) -> Result<(), RunError> {
    let folder = path.parent().unwrap_or(Utf8Path::new("."));
    std::fs::create_dir_all(folder).map_err(|error| RunError::io(format!("creating {folder}"), error))?;
    std::fs::write(path, text).map_err(|error| RunError::io(format!("writing {path}"), error))
}

/// The line that runs the site from cron.
pub(super) fn cron_line(config: &Utf8Path) -> String {
    format!(
        "*/10 * * * * {} --quiet --config {} publish",
        in_crontab(&program()),
        in_crontab(&absolute(config))
    )
}

/// The path of the program, for cron.
fn program() -> String {
    std::env::current_exe().map_or_else(|_| "letterpress".to_owned(), |path| path.display().to_string())
}

/// Quotes a word for `crontab -e`, where a `%` ends the command even between quotation marks.
fn in_crontab(word: &str) -> String {
    shell_quoted(word).replace('%', r"\%")
}

fn absolute(path: &Utf8Path) -> String {
    let here = environment("PWD").map(Utf8PathBuf::from).unwrap_or_default();
    path.canonicalize_utf8().unwrap_or_else(|_| here.join(path)).to_string()
}
