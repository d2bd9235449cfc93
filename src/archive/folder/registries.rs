//! Reads and writes the files of the two ledgers of the archive: ids and pages.

use std::fs;
use std::io;

use camino::Utf8Path;

use crate::archive::ids::IdRegistry;
use crate::archive::pages::Pages;
use crate::config::Config;
use crate::durable::{self, Mode};
use crate::finding::Finding;

/// The text of the id ledger, if it exists, and the ledger.
pub(super) fn read_ids(config: &Config) -> Result<(Option<String>, IdRegistry), Vec<Finding>> {
    let source = config.archive.ids_file();
    let text =
        read_text(config, &source).map_err(|wrong| vec![Finding::error("ids", source.as_str(), wrong)])?;
    let registry = text.as_deref().map(|text| IdRegistry::parse(text, source.as_str())).transpose()?;
    Ok((text, registry.unwrap_or_default()))
}

/// The page ledger; empty if there is no file.
pub(super) fn read_pages(config: &Config) -> Result<Pages, Vec<Finding>> {
    let source = config.archive.pages_file();
    let text =
        read_text(config, &source).map_err(|wrong| vec![Finding::error("pages", source.as_str(), wrong)])?;
    text.map_or_else(|| Ok(Pages::default()), |text| Pages::parse(&text, source.as_str()))
}

/// The text of `source` if it exists, or the error.
fn read_text(config: &Config, source: &Utf8Path) -> Result<Option<String>, String> {
    match fs::read(config.resolve(source)) {
        Ok(bytes) => String::from_utf8(bytes).map(Some).map_err(|_| "it is not UTF-8".to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("cannot read it: {error}")),
    }
}

/// Writes the id ledger atomically and durably: a crash or a full disk leaves the old text or the new one.
pub fn write_ids(config: &Config, text: &str) -> io::Result<()> {
    write(&config.resolve(config.archive.ids_file()), text)
}

/// Writes the page ledger in the same way.
pub fn write_pages(config: &Config, text: &str) -> io::Result<()> {
    write(&config.resolve(config.archive.pages_file()), text)
}

fn write(path: &Utf8Path, text: &str) -> io::Result<()> {
    // A ledger is not secret: it belongs in version control.
    durable::replace(path, text.as_bytes(), Mode::Umask)
}
