//! Completion on TAB: `letterpress completions SHELL`, and the answers that the shell then asks this program for: posts, topics
//! and series of the site in the current folder. They are read from files; the ledger is not opened.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;

use camino::Utf8Path;
use clap::{Args as ClapArgs, CommandFactory};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{CompleteEnv, Shells};

use super::Outcome;
use super::printer::Printer;
use crate::archive::folder::{self, ArchiveReader};
use crate::clock::{Clock as _, SystemClock};
use crate::config::{Config, find, load};
use crate::pipeline::session::RunError;
use crate::text::HeaderText;

/// The variable in which the shell says that it asks.
const VARIABLE: &str = "LETTERPRESS_COMPLETE";
const PROGRAM: &str = "letterpress";

#[derive(ClapArgs)]
#[command(after_help = "\
Examples, as a line of ~/.bashrc, ~/.zshrc or ~/.config/fish/config.fish:
  source <(letterpress completions bash)
  source <(letterpress completions zsh)
  letterpress completions fish | source")]
pub(super) struct Args {
    /// The shell.
    #[arg(value_parser = ["bash", "elvish", "fish", "powershell", "zsh"])]
    shell: String,
}

/// Prints the script that makes a shell ask this program.
pub(super) fn run(args: &Args, printer: Printer) -> Result<Outcome, RunError> {
    let shells = Shells::builtins();
    let shell = shells.completer(&args.shell).ok_or_else(|| RunError::user("unknown shell", "see --help"))?;
    let mut script = Vec::new();
    shell
        .write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, &mut script)
        .map_err(|error| RunError::io("printing the script", error))?;
    printer.raw(&script)?;
    Ok(Outcome::Done)
}

/// Whether a shell asked, and was answered.
pub(super) fn answered<C: CommandFactory>() -> bool {
    let here = env::current_dir().ok();
    let asked =
        CompleteEnv::with_factory(C::command).var(VARIABLE).try_complete(env::args_os(), here.as_deref());
    // Nobody sees an error on TAB.
    asked.unwrap_or(true)
}

/// Completes a post: the slugs of the published ones, and the files of the others.
pub(super) fn posts() -> ArgValueCompleter {
    completer(|_, reading| {
        let archive = reading.archive;
        let published =
            archive.posts.into_iter().map(|post| (post.slug, Some(post.title.as_str().to_owned())));
        published
            .chain(archive.skipped.into_iter().map(|skipped| (skipped.source.into_string(), None)))
            .collect()
    })
}

/// Completes an issue: the slugs of the published posts.
pub(super) fn issues() -> ArgValueCompleter {
    completer(|_, reading| {
        let posts = reading.archive.posts.into_iter();
        posts.map(|post| (post.slug, Some(post.title.as_str().to_owned()))).collect()
    })
}

/// Completes a topic: the categories of the posts, and the topics that begin a series.
pub(super) fn topics() -> ArgValueCompleter {
    completer(|config, reading| {
        let of_posts = reading.archive.posts.iter().flat_map(|post| &post.categories);
        let topics: BTreeSet<&str> =
            of_posts.chain(config.newsletter.series_topics()).map(HeaderText::as_str).collect();
        topics.into_iter().map(|topic| (topic.to_owned(), None)).collect()
    })
}

/// Completes a series.
pub(super) fn series() -> ArgValueCompleter {
    completer(|config, _| config.newsletter.series.keys().map(|name| (name.clone(), None)).collect())
}

/// Values, and what to show beside them.
type Values = Vec<(String, Option<String>)>;

/// Completes with values that `list` finds in the site of the current folder. `--config` is not looked at.
fn completer(list: fn(&Config, ArchiveReader) -> Values) -> ArgValueCompleter {
    ArgValueCompleter::new(move |current: &OsStr| {
        let values = site().map_or_else(Vec::new, |(config, reading)| list(&config, reading));
        let begun = current.to_string_lossy();
        let fitting = values.into_iter().filter(|(value, _)| value.starts_with(&*begun));
        fitting.map(|(value, shown)| CompletionCandidate::new(value).help(shown.map(Into::into))).collect()
    })
}

fn site() -> Option<(Config, ArchiveReader)> {
    let config = load(&find(Utf8Path::new(".")).path).ok()?;
    let reading = folder::read(&config, SystemClock.now()).ok()?;
    Some((config, reading))
}
