//! Posts with the same URL: an error in a strict archive; otherwise one of them is left out. Pure.

use std::collections::BTreeMap;

use crate::archive::house_rules::Setting;
use crate::archive::manuscript::Manuscript;
use crate::archive::{WhyLeftOut, permalink};
use crate::finding::Finding;

/// Posts that have the URL of another post.
#[derive(Default)]
pub(super) struct Twins {
    /// The posts to leave out, by file.
    pub(super) left_out: BTreeMap<String, WhyLeftOut>,
    pub(super) errors: Vec<Finding>,
    pub(super) warnings: Vec<Finding>,
}

/// Finds posts that would overwrite each other, also on a case-insensitive file system.
pub(super) fn shared_addresses(manuscripts: &[Manuscript], setting: Setting<'_>) -> Twins {
    let mut owners: BTreeMap<String, &Manuscript> = BTreeMap::new();
    let mut twins = Twins::default();
    for manuscript in manuscripts {
        let Some(owner) = owners.insert(permalink::case_folded(manuscript.url()), manuscript) else {
            continue;
        };
        let message = |owner: &Manuscript, url| format!("{} has the same address, {url}", owner.source());
        if setting.is_strict() {
            let hint = "give one of the two another `slug`";
            let message = message(owner, manuscript.url());
            twins
                .errors
                .push(Finding::error("post-address", manuscript.source().as_str(), message).hint(hint));
            continue;
        }
        // The language of the site wins over a translation, and an older post over a newer one.
        let rank = |manuscript: &Manuscript| (manuscript.language().is_some(), manuscript.published());
        let (stays, goes) =
            if rank(manuscript) < rank(owner) { (manuscript, owner) } else { (owner, manuscript) };
        owners.insert(permalink::case_folded(stays.url()), stays);
        let why = if let Some(language) = goes.language().filter(|_| stays.language() != goes.language()) {
            WhyLeftOut::Language(language.to_owned())
        } else {
            let message = format!("left out: {}", message(stays, goes.url()));
            let finding = Finding::warning("post-address", goes.source().as_str(), message);
            twins.warnings.push(finding.hint("give one of the two another `slug`"));
            WhyLeftOut::Broken
        };
        twins.left_out.insert(goes.relative().to_owned(), why);
    }
    twins
}
