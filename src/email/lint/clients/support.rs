//! Which client knows which feature of HTML and CSS (`support.tsv`, from caniemail.com), and what it means for a reader
//! (`judgements.tsv`, written by hand).

use std::collections::HashMap;
use std::sync::LazyLock;

use super::families::Clients;

/// A feature that some client does not know.
#[derive(Clone, Copy)]
pub(super) struct Feature {
    /// Its name in `https://www.caniemail.com/features/…/`.
    pub(super) slug: &'static str,
    /// Who does not know it.
    pub(super) unknown_to: Clients,
    pub(super) judgement: Judgement,
}

/// What the lack of a feature means.
#[derive(Clone, Copy)]
pub(super) struct Judgement {
    /// The first of the features that are one matter; they are reported once.
    pub(super) matter: &'static str,
    /// What is enough beside the feature, separated by spaces.
    pub(super) fallbacks: &'static str,
    /// What the reader sees.
    pub(super) seen: &'static str,
    /// What to write instead.
    pub(super) instead: &'static str,
}

static FEATURES: LazyLock<HashMap<&'static str, Feature>> = LazyLock::new(|| {
    let judgements = judgements();
    let mut features = HashMap::new();
    for [slug, levels, marks] in lines(include_str!("support.tsv")) {
        let unjudged = Judgement {
            matter: slug,
            fallbacks: "",
            seen: "it has no effect there",
            instead: "leave it out",
        };
        let Some(judgement) = judgements.get(slug).copied().unwrap_or(Some(unjudged)) else { continue };
        let feature = Feature { slug, unknown_to: Clients::without(levels), judgement };
        features.extend(marks.split(' ').map(|mark| (mark, feature)));
    }
    features
});

/// The judgements by feature; `None` if nothing is lost without it.
fn judgements() -> HashMap<&'static str, Option<Judgement>> {
    let mut judgements = HashMap::new();
    for [slugs, fallbacks, seen, instead] in lines(include_str!("judgements.tsv")) {
        let matter = slugs.split(' ').next().unwrap_or_default();
        let judgement = (fallbacks != "-").then_some(Judgement { matter, fallbacks, seen, instead });
        judgements.extend(slugs.split(' ').map(|slug| (slug, judgement)));
    }
    judgements
}

/// The lines of a table without its comments; missing columns are empty.
fn lines<const COLUMNS: usize>(table: &'static str) -> impl Iterator<Item = [&'static str; COLUMNS]> {
    table.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let mut columns = line.split('\t');
        std::array::from_fn(|_| columns.next().unwrap_or_default())
    })
}

/// The feature of a mark, as `tests/caniemail/table.py` writes marks, if its lack is worth a finding.
pub(super) fn feature(mark: &str) -> Option<Feature> {
    FEATURES.get(mark).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_judgement_is_about_a_feature_of_the_table_and_no_feature_has_two() {
        let known: HashSet<_> = lines(include_str!("support.tsv")).map(|[slug]| slug).collect();
        let judged: Vec<_> =
            lines(include_str!("judgements.tsv")).flat_map(|[slugs]: [&str; 1]| slugs.split(' ')).collect();
        assert_eq!(judged.iter().filter(|slug| !known.contains(*slug)).count(), 0);
        assert_eq!(judged.iter().collect::<HashSet<_>>().len(), judged.len());
    }

    #[test]
    fn every_line_of_the_table_has_a_level_for_each_client() {
        for [slug, levels, marks] in lines(include_str!("support.tsv")) {
            assert!(levels.len() == 11 && levels.bytes().all(|level| b"yanu".contains(&level)), "{slug}");
            assert!(!marks.is_empty(), "{slug}");
        }
    }
}
