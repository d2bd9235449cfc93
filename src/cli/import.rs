//! `letterpress import`: import posts from other software. Existing files are never overwritten.

mod export;
mod foreign;
mod session;

use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, FixedOffset, NaiveDate};
use clap::{Args, Subcommand};

use self::session::Options;
use super::Outcome;
use super::printer::{Printer, count};
use crate::config::Span;
use crate::durable::{self, Mode};
use crate::importers::exports::ExportSource;
use crate::importers::text_page;
use crate::pipeline::session::{RunContext, RunError};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Import a WordPress export (Tools, Export): posts, drafts, authors, categories, tags, images.
    #[command(after_help = "Example:\n  letterpress import wordpress export.xml --download")]
    Wordpress {
        /// The .xml file of the export.
        file: Utf8PathBuf,
        /// Import pages, too; they are not mailed.
        #[arg(long)]
        pages: bool,
        #[command(flatten)]
        options: Options,
    },
    /// Import a Ghost export (Settings, Advanced, Import/Export).
    #[command(after_help = "Example:\n  letterpress import ghost export.json --dry-run")]
    Ghost {
        /// The .json file of the export.
        file: Utf8PathBuf,
        /// Import pages, too; they are not mailed.
        #[arg(long)]
        pages: bool,
        #[command(flatten)]
        options: Options,
    },
    /// Import the entries of a feed: RSS, Atom or JSON Feed.
    #[command(after_help = "Example:\n  letterpress import feed https://old.example/feed/ --dry-run")]
    Feed {
        /// File or URL of the feed.
        #[arg(value_name = "FILE|URL")]
        source: String,
        #[command(flatten)]
        options: Options,
    },
    /// Import a Substack export: posts, drafts, podcasts.
    #[command(after_help = "Example:\n  letterpress import substack export.zip --download")]
    Substack(ExportArgs),
    /// Import a Medium export: stories, drafts.
    Medium(ExportArgs),
    /// Import a blog from Blogger: a Google Takeout, its feed.atom, or an older export.
    #[command(after_help = "Example:\n  letterpress import blogger takeout.zip --dry-run")]
    Blogger(ExportArgs),
    /// Import a Tumblr export: posts with their pictures.
    Tumblr(ExportArgs),
    /// Import a Buttondown export: emails.
    Buttondown(ExportArgs),
    /// Import the posts export of beehiiv.
    Beehiiv(ExportArgs),
    /// Import the notes of an Obsidian vault with their attachments.
    #[command(after_help = "Example:\n  letterpress import obsidian vault/Blog --dry-run")]
    Obsidian(ExportArgs),
    /// Import a Notion export (Markdown & CSV) with its files.
    Notion(ExportArgs),
    /// Import a plain text page: a category, then posts, each with its title on a line of its own.
    #[command(after_help = "Example:\n  letterpress import text page.txt --newest 2026-11-23 --every 7d")]
    Text {
        /// The text file, in UTF-8.
        file: Utf8PathBuf,
        /// Date of the newest post, the first on the page.
        #[arg(long, value_name = "YYYY-MM-DD")]
        newest: NaiveDate,
        /// Time between two posts: 12h, 7d, 2w.
        #[arg(long, value_name = "SPAN", value_parser = Span::parse, default_value = "7d")]
        every: Span,
        /// List the files that would be written, and write nothing.
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Args)]
pub(super) struct ExportArgs {
    /// The export: a .zip, which is not unpacked, or a folder.
    #[arg(value_name = "FILE|FOLDER")]
    path: Utf8PathBuf,
    #[command(flatten)]
    options: Options,
}

pub(super) async fn run(
    command: &Command,
    context: &RunContext,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let export =
        |source, args: &ExportArgs| export::run(source, (&args.path, &args.options), context, printer);
    match command {
        Command::Wordpress { file, pages, options } => {
            foreign::wordpress(file, (options, *pages), context, printer)
        }
        Command::Ghost { file, pages, options } => foreign::ghost(file, (options, *pages), context, printer),
        Command::Feed { source, options } => foreign::feed(source, options, context, printer).await,
        Command::Blogger(args) => export::blogger(&args.path, &args.options, context, printer),
        Command::Substack(args) => export(ExportSource::Substack, args),
        Command::Medium(args) => export(ExportSource::Medium, args),
        Command::Tumblr(args) => export(ExportSource::Tumblr, args),
        Command::Buttondown(args) => export(ExportSource::Buttondown, args),
        Command::Beehiiv(args) => export(ExportSource::Beehiiv, args),
        Command::Obsidian(args) => export(ExportSource::Obsidian, args),
        Command::Notion(args) => export(ExportSource::Notion, args),
        Command::Text { file, newest, every, dry_run } => {
            text(file, (*newest, *every), *dry_run, context, printer)
        }
    }
}

fn text(
    file: &Utf8Path,
    (newest, every): (NaiveDate, Span),
    dry_run: bool,
    context: &RunContext,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        RunError::user(format!("cannot read {file}: {error}"), "give the path of a text file in UTF-8")
    })?;
    let page = text_page::read(&text, file.as_str()).map_err(RunError::Findings)?;
    let newest = midnight(newest, context)?;
    let posts = text_page::to_posts(&page, newest, every.delta());
    let folder = context.config.resolve(&context.config.archive.posts);
    let taken: Vec<_> =
        posts.iter().map(|post| folder.join(&post.file_name)).filter(|path| path.exists()).collect();
    for post in &posts {
        let path = folder.join(&post.file_name);
        if dry_run {
            let note = if taken.contains(&path) { " (exists, would not be changed)" } else { "" };
            printer.stdout(format!("{path}{note}"));
        } else if !taken.contains(&path) {
            write(&path, post.contents.as_bytes())?;
            printer.info(path.as_str());
        }
    }
    let written = posts.len() - taken.len();
    let verb = if dry_run { "would be written" } else { "written" };
    printer.info(format!("{} {verb} in the category {}", count(written as u64, "post"), page.category));
    if page.older {
        printer.info("the page refers to older entries; they are not on it and were not imported");
    }
    if taken.is_empty() || dry_run {
        return Ok(Outcome::Done);
    }
    for path in taken {
        printer.warn(format!("{path} exists and was not changed"));
    }
    Ok(Outcome::UserError)
}

/// The first moment of the day in the site's time zone.
fn midnight(day: NaiveDate, context: &RunContext) -> Result<DateTime<FixedOffset>, RunError> {
    let zone = context.config.site.timezone;
    (0..24)
        .find_map(|hour| day.and_hms_opt(hour, 0, 0)?.and_local_timezone(zone).earliest())
        .map(|time| time.fixed_offset())
        .ok_or_else(|| RunError::user(format!("{day} does not exist in {zone}"), "give another date"))
}

/// Creates a file atomically; fails if it exists.
fn write(path: &Utf8Path, bytes: &[u8]) -> Result<(), RunError> {
    let folder = durable::folder_of(path);
    std::fs::create_dir_all(folder).map_err(|error| RunError::io(format!("making {folder}"), error))?;
    durable::create_new(path, bytes, Mode::Public)
        .map_err(|error| RunError::io(format!("writing {path}"), error))
}
