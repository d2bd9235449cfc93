//! `letterpress post new`: create the file of a new post, in the style of the existing posts.

use camino::Utf8Path;
use chrono::{DateTime, FixedOffset, Timelike as _};
use clap::{Args, Subcommand};

use super::Outcome;
use super::printer::{Printer, when};
use crate::archive::new_post::{NewPost, lay_out};
use crate::archive::{Archive, folder};
use crate::config::{Config, Generator, environment};
use crate::dates;
use crate::durable::{self, Mode};
use crate::pipeline::session::{RunContext, RunError};
use crate::platform;
use crate::text::{HeaderText, shell_quoted};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Create the file of a new post, a draft, and print its path; never overwrites a file.
    New(NewArgs),
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  letterpress post new \"My first post\" --edit
  letterpress post new \"Season's greetings\" --no-draft --date 2026-12-24")]
pub(super) struct NewArgs {
    /// Title of the post.
    title: String,
    /// Do not mark the post as a draft: the next run publishes it.
    #[arg(long, alias = "ready")]
    no_draft: bool,
    /// Publication date, in the site's time zone [default: now].
    #[arg(long, value_name = "DATE")]
    date: Option<String>,
    /// Slug, the last part of the URL [default: derived from the title].
    #[arg(long)]
    slug: Option<String>,
    /// Open the file in your editor ($VISUAL or $EDITOR).
    #[arg(long)]
    edit: bool,
}

pub(super) fn run(command: &Command, context: &RunContext, printer: Printer) -> Result<Outcome, RunError> {
    let Command::New(args) = command;
    let config = &context.config;
    if config.archive.feed.is_some() {
        return Err(RunError::user(
            "the posts of this site come from a feed (archive.feed)",
            "write the post in the software that produces the feed",
        ));
    }
    let title = HeaderText::parse(&args.title).map_err(|error| {
        RunError::user(format!("invalid title: {error}"), "give a title with visible characters")
    })?;
    let date = date(args.date.as_deref(), context)?;
    // `check` reports problems of other posts.
    let archive = folder::read(config, context.clock.now()).map(|reading| reading.archive).ok();
    let conventions = folder::conventions(config, archive.as_ref());
    let post = NewPost { title: &title, slug: args.slug.as_deref(), date, draft: !args.no_draft };
    let (relative, text) = lay_out(&post, &conventions).ok_or_else(|| {
        RunError::user(
            format!("cannot derive a file name from {:?}", args.slug.as_deref().unwrap_or(title.as_str())),
            "give one: --slug my-post",
        )
    })?;
    let source = config.archive.posts.join(relative);
    let path = config.resolve(&source);
    if conventions.generator == Generator::Plain
        && let Some(archive) = &archive
    {
        refuse_same_address(archive, &source)?;
    }
    let editor = if args.edit { Some(editor(&path)?) } else { None };
    write(&path, &text)?;
    printer.stdout(path.as_str());
    if let Some(editor) = editor {
        edit(&editor, &path)?;
    }
    for line in what_happens_next(!args.no_draft, date, &path, context) {
        printer.info(format!("  {line}"));
    }
    Ok(Outcome::Done)
}

fn date(given: Option<&str>, context: &RunContext) -> Result<DateTime<FixedOffset>, RunError> {
    let zone = context.config.site.timezone;
    let now = context.clock.now().with_timezone(&zone).fixed_offset();
    match given {
        None => Ok(now.with_nanosecond(0).unwrap_or(now)),
        Some(given) => {
            dates::parse(given, zone).map_err(|error| RunError::user(error.to_string(), dates::HINT))
        }
    }
}

/// Refuses a slug that another post has: both posts would have the same URL.
fn refuse_same_address(archive: &Archive, source: &Utf8Path) -> Result<(), RunError> {
    let stem = source.file_stem().unwrap_or_default();
    let slug = dates::in_name(stem).map_or(stem, |(_, slug)| slug);
    let Some(other) = archive.posts.iter().find(|post| post.slug == slug && post.source != source) else {
        return Ok(());
    };
    Err(RunError::user(
        format!("{} already has this URL: {}", other.source, other.url),
        format!("give the new post another slug: --slug {}", shell_quoted(&format!("{slug}-2"))),
    ))
}

fn write(path: &Utf8Path, text: &str) -> Result<(), RunError> {
    let folder = durable::folder_of(path);
    std::fs::create_dir_all(folder).map_err(|error| RunError::io(format!("creating {folder}"), error))?;
    durable::create_new(path, text.as_bytes(), Mode::Umask).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => RunError::user(
            format!("{path} already exists and was not changed"),
            "give the new post another slug: --slug another-name",
        ),
        _ => RunError::io(format!("creating {path}"), error),
    })
}

/// The editor command from the environment; looked up before anything is written.
fn editor(path: &Utf8Path) -> Result<String, RunError> {
    let named = ["VISUAL", "EDITOR"].into_iter().filter_map(environment);
    named.into_iter().find(|editor| !editor.trim().is_empty()).ok_or_else(|| {
        RunError::user(
            format!("neither VISUAL nor EDITOR is set; {path} was not created"),
            "omit --edit, or put EDITOR=nano before the command",
        )
    })
}

fn edit(editor: &str, path: &Utf8Path) -> Result<(), RunError> {
    match platform::editor(editor, path).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(RunError::user(
            format!("the editor `{editor}` ended with {status}"),
            format!("{path} was created; open it yourself"),
        )),
        Err(error) => Err(RunError::io(format!("starting the editor `{editor}`"), error)),
    }
}

fn what_happens_next(
    draft: bool,
    date: DateTime<FixedOffset>,
    path: &Utf8Path,
    context: &RunContext,
) -> Vec<String> {
    let config: &Config = &context.config;
    let newsletter = &config.newsletter;
    let mails = newsletter.enabled && newsletter.from.is_some();
    if draft {
        let preview = format!("letterpress send --to you@example.com --post {}", shell_quoted(path.as_str()));
        let preview = mails.then(|| format!("to see it as an email: {preview}"));
        let draft = "a draft: write it, then delete its draft line to publish and mail it".to_owned();
        return std::iter::once(draft).chain(preview).collect();
    }
    let is_ahead = date > context.clock.now();
    let from = if is_ahead { format!(" after {}", when(date.to_utc(), config)) } else { String::new() };
    let mut lines =
        vec![format!("write its text: the next `letterpress publish`{from} adds it to the feeds")];
    let is_old = context.clock.now() - date.to_utc() > newsletter.max_age.delta();
    if mails && is_old {
        lines.push(format!(
            "it will not be mailed: it is older than {} (newsletter.max_age)",
            newsletter.max_age
        ));
    } else if mails {
        let delay = newsletter.delay;
        lines.push(format!("and mails it {delay} later (newsletter.delay)"));
    }
    lines
}
