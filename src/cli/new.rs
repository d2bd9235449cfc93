//! `letterpress new`: a site that can publish at once.

mod from;

use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, Utc};
use clap::Args as ClapArgs;

use super::Outcome;
use super::printer::Printer;
use crate::clock::Clock;
use crate::config::environment;
use crate::pipeline::RunError;
use crate::text::shell_quoted;

#[derive(ClapArgs)]
pub(super) struct Args {
    /// The folder; made if it is not there. With --from the folder of the site.
    #[arg(default_value = ".")]
    directory: Utf8PathBuf,
    /// Where to write config.toml for a site that is there already.
    #[arg(default_value = ".", requires = "from", hide_default_value = true)]
    target: Utf8PathBuf,
    /// Write config.toml for an existing site of this generator, from its own configuration.
    #[arg(long, value_name = "GENERATOR")]
    from: Option<from::Source>,
}

pub(super) fn run(args: &Args, clock: &dyn Clock, printer: Printer) -> Result<Outcome, RunError> {
    if let Some(source) = args.from {
        return from::run(source, &args.directory, &args.target, printer);
    }
    let files = files(clock.now());
    let directory = &args.directory;
    // Looked at before anything is written: nothing of somebody's is ever overwritten, and nothing is half made.
    let path = |name: &str| if directory == "." { name.into() } else { directory.join(name) };
    if let Some(taken) = files.iter().map(|(name, _)| path(name)).find(|path| path.exists()) {
        return Err(RunError::user(
            format!("{taken} is there already"),
            "name an empty folder: `letterpress new my-letters`",
        ));
    }
    for (name, text) in &files {
        write(&path(name), text)?;
    }
    let config = path("config.toml");
    let (place, option) = match directory.as_str() {
        "." => ("here".to_owned(), String::new()),
        _ => (format!("in {directory}"), format!(" --config {}", shell_quoted(config.as_str()))),
    };
    printer.say(format!("made {place}: config.toml, {}, subscribers.csv, .gitignore", files[1].0));
    printer.say("  publish it now (letters go to outbox/ until you name an SMTP server in config.toml):");
    printer.say(format!("    letterpress{option} publish"));
    printer.say("  and for ever, with one line in `crontab -e`:");
    let (program, config) = (in_crontab(&program()), in_crontab(&absolute(&config)));
    printer.say(format!("    */10 * * * * {program} --quiet --config {config} publish"));
    Ok(Outcome::Done)
}

fn files(now: DateTime<Utc>) -> [(String, String); 4] {
    let today = now.date_naive();
    [
        ("config.toml".to_owned(), include_str!("new/config.toml").to_owned()),
        (
            format!("posts/{today}-hello.md"),
            include_str!("new/hello.md").replace("{date}", &now.format("%Y-%m-%dT%H:%M:%SZ").to_string()),
        ),
        (
            "subscribers.csv".to_owned(),
            include_str!("new/subscribers.csv").replace("{date}", &today.to_string()),
        ),
        (".gitignore".to_owned(), include_str!("new/gitignore").to_owned()),
    ]
}

fn write(path: &Utf8Path, text: &str) -> Result<(), RunError> {
    let folder = path.parent().unwrap_or(Utf8Path::new("."));
    std::fs::create_dir_all(folder).map_err(|error| RunError::io(format!("making {folder}"), error))?;
    std::fs::write(path, text).map_err(|error| RunError::io(format!("writing {path}"), error))
}

/// The program as cron must name it.
fn program() -> String {
    std::env::current_exe().map_or_else(|_| "letterpress".to_owned(), |path| path.display().to_string())
}

/// A word in a line of `crontab -e`: there a `%` ends the command, also between quotation marks.
fn in_crontab(word: &str) -> String {
    shell_quoted(word).replace('%', r"\%")
}

fn absolute(path: &Utf8Path) -> String {
    let here = environment("PWD").map(Utf8PathBuf::from).unwrap_or_default();
    path.canonicalize_utf8().unwrap_or_else(|_| here.join(path)).to_string()
}
