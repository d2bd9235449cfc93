//! `letterpress new --from`: create a `config.toml` for an existing site. Reads the configuration of the site, writes one
//! file, and changes nothing in the site.

mod sections;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use clap::ValueEnum;
use clap::builder::PossibleValue;

use super::Outcome;
use crate::cli::printer::Printer;
use crate::cli::site_files::write;
use crate::config::Generator;
use crate::importers::sites;
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

pub(super) fn run(
    Source(generator): Source,
    site: &Utf8Path,
    target: &Utf8Path,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let config = if target == "." { Utf8PathBuf::from("config.toml") } else { target.join("config.toml") };
    if config.exists() {
        return Err(RunError::user(
            format!("{config} already exists"),
            format!(
                "give another folder for it: `letterpress new --from {} {} letters`",
                generator.key(),
                shell_quoted(site.as_str())
            ),
        ));
    }
    let files = read(generator, site)?;
    let mut found = sites::read(generator, &files, &|path| site.join(path).exists())
        .map_err(|message| RunError::user(message, "fix it, or write config.toml yourself: docs/sites.md"))?;
    if let Ok(home) = std::fs::read_to_string(site.join("content/_index.md")) {
        found.take_home(generator, &home);
    }
    let posts = site.join(&found.posts);
    if !posts.is_dir() {
        return Err(RunError::user(
            format!("{posts} is not a folder"),
            format!("give the root folder of the {generator} site"),
        ));
    }
    std::fs::create_dir_all(target).map_err(|error| RunError::io(format!("creating {target}"), error))?;
    let posts =
        relative(target, &posts).map_err(|error| RunError::io(format!("resolving {posts}"), error))?;
    write(&config, &found.to_toml(generator, posts.as_str()))?;
    printer.info(format!("created {config} for the {generator} site in {site}"));
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
    let option =
        if target == "." { String::new() } else { format!(" --config {}", shell_quoted(config.as_str())) };
    printer.info("  to see what the feeds contain, and which files are skipped:");
    printer.info(format!("    letterpress{option} build"));
    printer.info(format!("    letterpress{option} check"));
    Ok(Outcome::Done)
}

/// The configuration files that exist in the site.
fn read(generator: Generator, site: &Utf8Path) -> Result<Vec<(String, String)>, RunError> {
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
        return Err(RunError::user(
            format!("no {generator} configuration found in {site}"),
            format!("give the folder that contains {}", sites::files(generator).last().unwrap_or(&"it")),
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
