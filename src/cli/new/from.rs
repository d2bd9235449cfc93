//! `letterpress new --from`: create a `config.toml` and a `.gitignore` for an existing site. Reads the configuration of the
//! site, and changes no file of it.

mod sections;
mod steps;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use clap::ValueEnum;
use clap::builder::PossibleValue;

use super::Outcome;
use crate::cli::printer::Printer;
use crate::cli::site_files::{GITIGNORE, write};
use crate::config::Generator;
use crate::importers::sites::{self, Found};
use crate::pipeline::session::RunError;
use crate::platform::slashed;
use crate::text::shell_quoted;

/// A configuration file is small.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// A generator whose configuration can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Source(Generator);

impl ValueEnum for Source {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [Source; Generator::ALL.len() - 1] = {
            let mut all = [Source(Generator::Hugo); Generator::ALL.len() - 1];
            let mut at = 0;
            while at < all.len() {
                // The first is the plain folder.
                all[at] = Source(Generator::ALL[at + 1]);
                at += 1;
            }
            all
        };
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.key()))
    }
}

/// The two folders.
pub(super) struct Target<'a> {
    /// That of the existing site.
    pub(super) site: &'a Utf8Path,
    /// That of the new `config.toml`.
    pub(super) folder: &'a Utf8Path,
}

impl Target<'_> {
    fn file(&self, name: &str) -> Utf8PathBuf {
        if self.folder == "." { name.into() } else { self.folder.join(name) }
    }

    /// Whether both are the same, so that the folder of the generator's output must not be used.
    fn is_shared(&self) -> bool {
        matches!((self.site.canonicalize(), self.folder.canonicalize()), (Ok(site), Ok(folder)) if site == folder)
    }

    /// The same command with a folder that is free.
    fn elsewhere(&self, generator: Generator, language: Option<&str>) -> String {
        let end = language.map(|language| format!("-{language}")).unwrap_or_default();
        let names = (1..100).map(|number| match number {
            1 => format!("letters{end}"),
            _ => format!("letters{end}-{number}"),
        });
        let free = names.into_iter().find(|name| !Utf8Path::new(name).exists());
        let option = language.map(|language| format!(" --language {language}")).unwrap_or_default();
        format!(
            "letterpress new --from {}{option} {} {}",
            generator.key(),
            shell_quoted(self.site.as_str()),
            free.unwrap_or_else(|| "FOLDER".to_owned())
        )
    }
}

pub(super) fn run(
    Source(generator): Source,
    language: Option<&str>,
    target: &Target,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let (site, config) = (target.site, target.file("config.toml"));
    if config.exists() {
        return Err(RunError::user(
            format!("{config} already exists"),
            format!("give another folder for it: `{}`", target.elsewhere(generator, language)),
        ));
    }
    let found = found(generator, language, target)?;
    let posts = site.join(&found.posts);
    if !posts.is_dir() {
        return Err(RunError::user(
            format!("{posts} is not a folder"),
            format!("give the root folder of the {generator} site"),
        ));
    }
    let folder = target.folder;
    std::fs::create_dir_all(folder).map_err(|error| RunError::io(format!("creating {folder}"), error))?;
    let posts =
        relative(folder, &posts).map_err(|error| RunError::io(format!("resolving {posts}"), error))?;
    let mut text = found.to_toml(generator, posts.as_str());
    if target.is_shared() {
        text.push_str(&steps::own_output(generator));
    }
    write(&config, &text)?;
    printer.info(format!("created {config} for the {generator} site in {site}"));
    ignore_files(target, printer)?;
    let missing = [("title", found.title.is_none()), ("url", found.url.is_none())];
    for (key, _) in missing.iter().filter(|(_, is_missing)| *is_missing) {
        printer.info(format!("  {key} was not found: set it in {config}"));
    }
    for note in &found.notes {
        printer.info(format!("  {note}"));
    }
    if matches!(generator, Generator::Hugo | Generator::Zola)
        && let Some(note) = sections::advice(&site.join(&found.posts))
    {
        printer.info(format!("  {note}"));
    }
    steps::print(generator, &found, target, printer);
    Ok(Outcome::Done)
}

/// The settings of the site.
fn found(generator: Generator, language: Option<&str>, target: &Target) -> Result<Found, RunError> {
    let site = target.site;
    let files = read(generator, target)?;
    let read = match language {
        None => sites::read(generator, &files, &|path| site.join(path).exists()),
        Some(language) if generator == Generator::Hugo => sites::read_hugo_in(language, &files),
        Some(_) => {
            return Err(RunError::user(
                format!("--language is only for Hugo, and this is a site of {generator}"),
                "leave it out, and write `language` below [archive]: docs/sites.md",
            ));
        }
    };
    let mut found = read
        .map_err(|message| RunError::user(message, "fix it, or write config.toml yourself: docs/sites.md"))?;
    let home = match &found.other_language {
        Some(language) => format!("content/_index.{language}.md"),
        None => "content/_index.md".to_owned(),
    };
    if let Ok(home) = std::fs::read_to_string(site.join(home)) {
        found.take_home(generator, &home);
    }
    Ok(found)
}

/// Writes `.gitignore` beside the configuration. One that exists stays, and what it lacks is said.
fn ignore_files(target: &Target, printer: Printer) -> Result<(), RunError> {
    let path = target.file(".gitignore");
    let mut wanted = GITIGNORE.to_owned();
    if target.is_shared() {
        wanted = wanted.replace("/public/", &format!("/{}/", steps::OWN_OUTPUT));
    }
    let Ok(present) = std::fs::read_to_string(&path) else {
        write(&path, &wanted)?;
        printer.info(format!("created {path}: keys, passwords, lists of subscribers and generated files"));
        return Ok(());
    };
    let has =
        |line: &str| present.lines().any(|known| known.trim().trim_matches('/') == line.trim_matches('/'));
    let lacks: Vec<_> =
        wanted.lines().filter(|line| !line.is_empty() && !line.starts_with('#') && !has(line)).collect();
    if !lacks.is_empty() {
        printer.info(format!(
            "{path} stays as it is; add these lines, which keep secrets and email addresses out of git:"
        ));
        for line in lacks {
            printer.info(format!("    {line}"));
        }
    }
    Ok(())
}

/// The configuration files that exist in the site.
fn read(generator: Generator, target: &Target) -> Result<Vec<(String, String)>, RunError> {
    let site = target.site;
    let mut files = Vec::new();
    let fixed = sites::files(generator).into_iter().map(str::to_owned);
    for name in languages_of_hugo(generator, site).into_iter().chain(fixed) {
        let path = site.join(&name);
        let Ok(meta) = path.metadata() else { continue };
        let fits = meta.is_file() && meta.len() <= MAX_FILE;
        let bytes = if fits {
            std::fs::read(&path)
        } else {
            Err(std::io::Error::other("not a regular file, or larger than 4 MB"))
        };
        let bytes = bytes.map_err(|error| RunError::io(format!("reading {path}"), error))?;
        files.push((name, String::from_utf8_lossy(&bytes).trim_start_matches('\u{FEFF}').to_owned()));
    }
    let is_bare_jekyll = generator == Generator::Jekyll && site.join("_posts").is_dir();
    if files.is_empty() && !is_bare_jekyll {
        let sign = sites::files(generator).pop().unwrap_or("it");
        return Err(RunError::user(
            format!("no {generator} configuration found in {site}"),
            format!(
                "two folders are meant: that of the site, which contains {sign}, and a new one for config.toml: \
                 `letterpress new --from {} ../my-site letters`",
                generator.key()
            ),
        ));
    }
    Ok(files)
}

/// Hugo can have one file per language: `config/_default/languages.ko.toml`.
fn languages_of_hugo(generator: Generator, site: &Utf8Path) -> Vec<String> {
    const FOLDER: &str = "config/_default";
    let entries = site.join(FOLDER).read_dir_utf8().into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_owned());
    let mut names: Vec<_> = names
        .filter(|name| {
            generator == Generator::Hugo && name.starts_with("languages.") && name.matches('.').count() == 2
        })
        .map(|name| format!("{FOLDER}/{name}"))
        .collect();
    names.sort();
    names
}

/// The path `to` relative to the folder `from`.
fn relative(from: &Utf8Path, to: &Utf8Path) -> std::io::Result<Utf8PathBuf> {
    let (from, to) = (from.canonicalize_utf8()?, to.canonicalize_utf8()?);
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    if shared == 0 {
        return Ok(to);
    }
    let up = from.components().skip(shared).map(|_| Utf8Component::ParentDir);
    let path: Utf8PathBuf = up.chain(to.components().skip(shared)).collect();
    Ok(if path == "" { ".".into() } else { slashed(path) })
}
