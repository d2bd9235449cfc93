//! Posts with the same URL: an error in a strict archive; otherwise one of them is left out. Pure.

use std::collections::BTreeMap;

use crate::archive::generator_rules::ReadContext;
use crate::archive::post_file::PostFile;
use crate::archive::{SkipReason, permalink};
use crate::finding::Finding;

/// Posts that have the URL of another post.
#[derive(Default)]
pub(super) struct Duplicates {
    /// The posts to leave out, by file.
    pub(super) left_out: BTreeMap<String, SkipReason>,
    pub(super) errors: Vec<Finding>,
    pub(super) warnings: Vec<Finding>,
}

/// Finds posts that would overwrite each other, also on a case-insensitive file system.
pub(super) fn shared_addresses(post_files: &[PostFile], setting: ReadContext<'_>) -> Duplicates {
    let mut owners: BTreeMap<String, &PostFile> = BTreeMap::new();
    let mut duplicates = Duplicates::default();
    for post_file in post_files {
        let Some(owner) = owners.insert(permalink::case_folded(post_file.url()), post_file) else {
            continue;
        };
        let message = |owner: &PostFile, url| format!("{} has the same address, {url}", owner.source());
        if setting.is_strict() {
            let hint = "give one of the two another `slug`";
            let message = message(owner, post_file.url());
            duplicates
                .errors
                .push(Finding::error("post-address", post_file.source().as_str(), message).hint(hint));
            continue;
        }
        // The language of the site wins over a translation, and an older post over a newer one.
        let rank = |post_file: &PostFile| (post_file.language().is_some(), post_file.published());
        let (stays, goes) =
            if rank(post_file) < rank(owner) { (post_file, owner) } else { (owner, post_file) };
        owners.insert(permalink::case_folded(stays.url()), stays);
        let why = if let Some(language) = goes.language().filter(|_| stays.language() != goes.language()) {
            SkipReason::Language(language.to_owned())
        } else {
            let message = format!("left out: {}", message(stays, goes.url()));
            let finding = Finding::warning("post-address", goes.source().as_str(), message);
            duplicates.warnings.push(finding.hint("give one of the two another `slug`"));
            SkipReason::Broken
        };
        duplicates.left_out.insert(goes.relative().to_owned(), why);
    }
    duplicates
}
