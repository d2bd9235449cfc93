//! Quarto: `_metadata.yml` applies to its folder and the folders below. Of its keys, those count that may hold a post back,
//! authors and languages.

use super::eleventy::is_inherited;
use super::layers::{Inherited, Layer, Scope, Source, unclear};
use super::places::SiteFolders;
use crate::archive::front_matter;

pub(super) fn read(inherited: &mut Inherited, around: &SiteFolders, sources: &[Source]) {
    let mut sources: Vec<&Source> = sources.iter().collect();
    // The nearest file wins.
    sources.sort_by_key(|source| std::cmp::Reverse(source.path.components().count()));
    for source in sources {
        let scope = Scope::below(around.folder_of(&source.path));
        let read = match &source.text {
            Err(message) => Err(unclear(&source.shown, 1, message)),
            Ok(text) => front_matter::document(text, &source.shown).unwrap_or(Ok(Vec::new())),
        };
        match read {
            Ok(entries) => {
                let entries = entries.into_iter().filter(|entry| is_inherited(entry, false)).collect();
                inherited.layers.push(Layer { scope, file: source.shown.clone(), entries, rank: (0, false) });
            }
            Err(finding) => inherited.block(scope, finding),
        }
    }
}
