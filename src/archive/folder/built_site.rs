//! Reads the pages that a generator made (`archive.html`), and takes the texts of the posts from them.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use super::files::read_file;
use crate::archive::generator_rules::ReadContext;
use crate::archive::post_file::PostFile;
use crate::archive::{built_page, page};
use crate::config::Config;
use crate::finding::Finding;

/// How deep folders of pages are nested.
const MAX_DEPTH: usize = 32;

/// Replaces the texts of the posts by those of their pages. Posts in a format that only the generator can read are returned
/// if their pages have no text, each with the reason.
pub(super) fn take_texts(post_files: &mut [PostFile], setting: ReadContext<'_>) -> Vec<(String, Finding)> {
    let Some(folder) = &setting.config.archive.html else { return Vec::new() };
    let unreadable: Vec<Option<(String, Finding)>> = post_files
        .par_iter_mut()
        .map(|post_file| {
            let why = match take_text(post_file, folder, setting.config) {
                Ok(()) => return None,
                Err(why) => why,
            };
            let source = post_file.source().as_str();
            if post_file.is_markdown {
                let message = format!("{why}; its text is that of this file");
                post_file.findings.push(hinted(Finding::warning("post-html", source, message), folder));
                return None;
            }
            let finding = hinted(Finding::warning("post-html", source, format!("left out: {why}")), folder);
            Some((post_file.relative().to_owned(), finding))
        })
        .collect();
    unreadable.into_iter().flatten().collect()
}

fn hinted(finding: Finding, folder: &Utf8Path) -> Finding {
    finding
        .hint(format!("build the site again, and compare the address of the post with the files in {folder}"))
}

fn take_text(post_file: &mut PostFile, folder: &Utf8Path, config: &Config) -> Result<(), String> {
    let page = page::file_of(&config.site.url, post_file.url())
        .ok_or_else(|| format!("its page, {}, is not on this site", post_file.url()))?;
    // Servers send `a.html` for `/a` too.
    let beside = page.parent().filter(|_| page.file_name() == Some("index.html"));
    let beside =
        beside.filter(|beside| *beside != "").map(|beside| Utf8PathBuf::from(format!("{beside}.html")));
    let root = config.resolve(folder);
    let file = std::iter::once(page.clone()).chain(beside).find(|file| root.join(file).is_file());
    let file = file.ok_or_else(|| format!("its page, {}, does not exist", folder.join(&page)))?;
    let shown = folder.join(&file);
    let bytes = read_file(&root.join(&file)).map_err(|error| format!("cannot read {shown}: {error}"))?;
    let text = String::from_utf8_lossy(&bytes);
    let article = built_page::article(&text, post_file.title()).map_err(|why| format!("{shown}: {why}"))?;
    if article.is_guessed {
        let message =
            format!("{shown} has neither <article> nor <main>; its text is what looks most like one");
        let finding = Finding::warning("post-html", post_file.source().as_str(), message);
        post_file.findings.push(finding.hint("put the text of posts into <article> in the template"));
    }
    post_file.replace_text(&article.html);
    Ok(())
}

/// Every page, as an absolute path: a change of one may change a post.
pub(super) fn pages(config: &Config) -> Vec<Utf8PathBuf> {
    let Some(folder) = &config.archive.html else { return Vec::new() };
    let mut folders = vec![(config.resolve(folder), 0)];
    let mut pages = Vec::new();
    while let Some((folder, depth)) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(path) = Utf8PathBuf::from_path_buf(entry.path()) else { continue };
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth < MAX_DEPTH => folders.push((path, depth + 1)),
                Ok(kind) if kind.is_file() && path.extension() == Some("html") => pages.push(path),
                _ => {}
            }
        }
    }
    pages
}
