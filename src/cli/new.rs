//! `letterpress new`: create a site that is ready to publish.

mod from;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args as ClapArgs;

use super::Outcome;
use super::printer::Printer;
use super::site_files::{TEMPLATE, cron_line, files, write};
use crate::clock::Clock;
use crate::email::Templates;
use crate::pipeline::session::RunError;
use crate::platform::KEEPS_LEDGERS;
use crate::text::shell_quoted;

#[derive(ClapArgs)]
#[command(after_help = "\
Examples:
  letterpress new my-letters
  letterpress new --from hugo ~/blog letters
  letterpress new --templates")]
pub(super) struct Args {
    /// Folder of the new site, created if missing; with --from, the folder of the existing site.
    #[arg(default_value = ".")]
    directory: Utf8PathBuf,
    /// With --from: folder for config.toml.
    #[arg(default_value = ".", requires = "from", hide_default_value = true)]
    target: Utf8PathBuf,
    /// Generator of an existing site: create only a config.toml, based on its configuration.
    #[arg(long, value_name = "GENERATOR")]
    from: Option<from::Source>,
    /// With --from hugo: the language of the posts, if the site has several.
    #[arg(long, value_name = "TAG", requires = "from")]
    language: Option<String>,
    /// Write the built-in email templates into the folder templates/ of the site, to be edited.
    #[arg(long, conflicts_with = "from")]
    templates: bool,
}

pub(super) fn run(args: &Args, clock: &dyn Clock, printer: Printer) -> Result<Outcome, RunError> {
    if let Some(source) = args.from {
        let target = from::Target { site: &args.directory, folder: &args.target };
        return from::run(source, args.language.as_deref(), &target, printer);
    }
    if args.templates {
        return write_templates(&args.directory, printer);
    }
    let files = files(clock.now(), TEMPLATE.to_owned());
    let directory = &args.directory;
    // Check before writing: no file is overwritten, and no site is created half.
    let path = |name: &str| if directory == "." { name.into() } else { directory.join(name) };
    if let Some(taken) = files.iter().map(|(name, _)| path(name)).find(|path| path.exists()) {
        return Err(RunError::user(
            format!("{taken} already exists"),
            "give an empty folder: `letterpress new my-letters`",
        ));
    }
    for (name, text) in &files {
        write(&path(name), text)?;
    }
    print_next_steps(directory, &files[1].0, &path("config.toml"), printer);
    Ok(Outcome::Done)
}

/// Writes the built-in templates; none is overwritten.
fn write_templates(site: &Utf8Path, printer: Printer) -> Result<Outcome, RunError> {
    let folder = if site == "." { Utf8PathBuf::from("templates") } else { site.join("templates") };
    let files: Vec<_> = Templates::replaceable().map(|(name, text)| (folder.join(name), text)).collect();
    if let Some((taken, _)) = files.iter().find(|(path, _)| path.exists()) {
        return Err(RunError::user(
            format!("{taken} already exists"),
            "move your templates away, or copy what you need from docs/templates.md",
        ));
    }
    for (path, text) in &files {
        write(path, text)?;
        printer.info(format!("created {path}"));
    }
    printer.info("  delete each file that you do not change, so that new versions can improve it; docs/templates.md lists the values");
    printer.info("  `letterpress check` tries your templates with difficult posts");
    Ok(Outcome::Done)
}

/// Prints the steps to the first issue.
fn print_next_steps(directory: &Utf8Path, sample: &str, config: &Utf8Path, printer: Printer) {
    let (place, change_folder) = match directory.as_str() {
        "." => ("here".to_owned(), String::new()),
        _ => (format!("in {directory}"), format!("cd {}, then ", shell_quoted(directory.as_str()))),
    };
    printer.info(format!("created {place}: config.toml, {sample} (a draft), subscribers.csv, .gitignore"));
    let steps = [
        "  steps to your first issue:".to_owned(),
        format!("    1. {change_folder}enter your name and addresses in config.toml, and add yourself to subscribers.csv"),
        "    2. letterpress post new \"My first post\", write it, delete its draft line; you can delete the sample post"
            .to_owned(),
        "    3. letterpress check      shows what is still wrong".to_owned(),
    ];
    let unix = [
        "    4. letterpress publish    builds the feeds in public/".to_owned(),
        "    5. letterpress publish    ten minutes later: writes the emails to outbox/".to_owned(),
        "    6. configure your mail server in [smtp] in config.toml to send the emails".to_owned(),
        "  to run it automatically, add one line with `crontab -e`:".to_owned(),
        format!("    {}", cron_line(config)),
    ];
    let windows = [
        "    4. letterpress build      builds the feeds in public/".to_owned(),
        "    5. letterpress publish    in WSL or on a Linux server: emails are not sent from Windows"
            .to_owned(),
    ];
    let rest: &[String] = if KEEPS_LEDGERS { &unix } else { &windows };
    steps.iter().chain(rest).for_each(|step| printer.info(step));
}
