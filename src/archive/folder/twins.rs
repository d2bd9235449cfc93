//! Posts that would stand at one address: an error where somebody writes them now, and a choice where a generator has
//! published them for years. Pure.

use std::collections::BTreeMap;

use crate::archive::house_rules::Setting;
use crate::archive::manuscript::Manuscript;
use crate::archive::{WhyLeftOut, permalink};
use crate::finding::Finding;

/// Posts that stand at the address of another one.
#[derive(Default)]
pub(super) struct Twins {
    /// By their file.
    pub(super) left_out: BTreeMap<String, WhyLeftOut>,
    pub(super) errors: Vec<Finding>,
    pub(super) warnings: Vec<Finding>,
}

/// Posts that would overwrite each other, also on a disk that does not tell upper from lower case.
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
        // A translation gives way to the site's language, a younger post to an older one.
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
