//! `letterpress post new`: a file for a new post, as this archive writes them.

use std::process::Command as Process;

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
use crate::pipeline::{RunError, World};
use crate::text::{HeaderText, shell_quoted};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make the file of a new post, a draft, and print its path. Nothing is ever overwritten.
    New(NewArgs),
}

#[derive(Args)]
pub(super) struct NewArgs {
    /// The title.
    title: String,
    /// Not a draft: the next `publish` takes it as it is.
    #[arg(long)]
    ready: bool,
    /// When it is published, in the site's time zone; now, if it is not said.
    #[arg(long, value_name = "DATE")]
    date: Option<String>,
    /// The name in its address; made of the title, if it is not said.
    #[arg(long)]
    slug: Option<String>,
    /// Open it in your editor ($VISUAL or $EDITOR).
    #[arg(long)]
    edit: bool,
}

pub(super) fn run(command: &Command, world: &World, printer: Printer) -> Result<Outcome, RunError> {
    let Command::New(args) = command;
    let config = &world.config;
    if config.archive.feed.is_some() {
        return Err(RunError::user(
            "the posts of this site come from a feed (archive.feed)",
            "write the post with the program that makes the feed",
        ));
    }
    let title = HeaderText::parse(&args.title)
        .map_err(|error| RunError::user(format!("the title: {error}"), "write one that can be seen"))?;
    let date = date(args.date.as_deref(), world)?;
    // What is wrong with other posts is `check`'s to say.
    let archive = folder::read(config, world.clock.now()).map(|reading| reading.archive).ok();
    let conventions = folder::conventions(config, archive.as_ref());
    let post = NewPost { title: &title, slug: args.slug.as_deref(), date, draft: !args.ready };
    let (relative, text) = lay_out(&post, &conventions).ok_or_else(|| {
        RunError::user(
            format!("no file name can be made of {:?}", args.slug.as_deref().unwrap_or(title.as_str())),
            "name one: --slug my-post",
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
    printer.answer(path.as_str());
    if let Some(editor) = editor {
        edit(&editor, &path)?;
    }
    for line in what_happens_next(!args.ready, date, &path, world) {
        printer.say(format!("  {line}"));
    }
    Ok(Outcome::Done)
}

fn date(stated: Option<&str>, world: &World) -> Result<DateTime<FixedOffset>, RunError> {
    let zone = world.config.site.timezone;
    let now = world.clock.now().with_timezone(&zone).fixed_offset();
    match stated {
        None => Ok(now.with_nanosecond(0).unwrap_or(now)),
        Some(stated) => {
            dates::parse(stated, zone).map_err(|error| RunError::user(error.to_string(), dates::HINT))
        }
    }
}

/// Two posts of one name on different days would stand at one address.
fn refuse_same_address(archive: &Archive, source: &Utf8Path) -> Result<(), RunError> {
    let stem = source.file_stem().unwrap_or_default();
    let slug = dates::in_name(stem).map_or(stem, |(_, slug)| slug);
    let Some(twin) = archive.posts.iter().find(|post| post.slug == slug && post.source != source) else {
        return Ok(());
    };
    Err(RunError::user(
        format!("{} has the same address, {}", twin.source, twin.url),
        format!("give the new post another: --slug {}", shell_quoted(&format!("{slug}-2"))),
    ))
}

fn write(path: &Utf8Path, text: &str) -> Result<(), RunError> {
    let folder = durable::folder_of(path);
    std::fs::create_dir_all(folder).map_err(|error| RunError::io(format!("making {folder}"), error))?;
    durable::create_new(path, text.as_bytes(), Mode::Umask).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => RunError::user(
            format!("{path} is there already, and was left as it is"),
            "give the new post another name: --slug another-name",
        ),
        _ => RunError::io(format!("writing {path}"), error),
    })
}

/// The command that edits a file, by the custom of the system; looked for before anything is written.
fn editor(path: &Utf8Path) -> Result<String, RunError> {
    let named = ["VISUAL", "EDITOR"].into_iter().filter_map(environment);
    named.into_iter().find(|editor| !editor.trim().is_empty()).ok_or_else(|| {
        RunError::user(
            format!("neither VISUAL nor EDITOR names an editor; {path} was not made"),
            "leave --edit out, or write EDITOR=nano before the command",
        )
    })
}

/// Editors may be commands with options: `code --wait`.
fn edit(editor: &str, path: &Utf8Path) -> Result<(), RunError> {
    let ended = Process::new("sh").args(["-c", &format!("{editor} \"$1\""), "sh", path.as_str()]).status();
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(RunError::user(
            format!("the editor `{editor}` ended with {status}"),
            format!("{path} is there; open it yourself"),
        )),
        Err(error) => Err(RunError::io(format!("starting the editor `{editor}`"), error)),
    }
}

fn what_happens_next(
    draft: bool,
    date: DateTime<FixedOffset>,
    path: &Utf8Path,
    world: &World,
) -> Vec<String> {
    let config: &Config = &world.config;
    let newsletter = &config.newsletter;
    let mails = newsletter.enabled && newsletter.from.is_some();
    if draft {
        let look = format!("letterpress send --to you@example.com --post {}", shell_quoted(path.as_str()));
        let look = mails.then(|| format!("to see it as an email: {look}"));
        let draft =
            "a draft: write it, and delete its draft line when it may be published and mailed".to_owned();
        return std::iter::once(draft).chain(look).collect();
    }
    let is_ahead = date > world.clock.now();
    let from = if is_ahead { format!(" after {}", when(date.to_utc(), config)) } else { String::new() };
    let mut lines =
        vec![format!("write its text: the next `letterpress publish`{from} puts it into the feeds")];
    let is_old = world.clock.now() - date.to_utc() > newsletter.max_age.delta();
    if mails && is_old {
        lines.push(format!("it is not mailed: it is older than {} (newsletter.max_age)", newsletter.max_age));
    } else if mails {
        let delay = newsletter.delay;
        lines.push(format!("and mails it {delay} later (newsletter.delay)"));
    }
    lines
}
