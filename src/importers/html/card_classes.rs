//! The classes by which editors (Ghost, `WordPress`, Substack, Medium) mark cards and the controls in them.

use crate::html::{At, Tree};

/// Classes of elements that a page shows, but that are no text of the author.
const CONTROLS: &[&str] = &[
    // Ghost
    "kg-audio-thumbnail",
    "kg-audio-player",
    "kg-video-overlay",
    "kg-video-player-container",
    "kg-video-hide",
    "kg-bookmark-metadata",
    "kg-bookmark-thumbnail",
    "kg-file-card-metadata",
    "kg-file-card-icon",
    "kg-toggle-card-icon",
    "kg-signup-card",
    "kg-header-card-image",
    // WordPress
    "wp-block-file__embed",
    "wp-block-file__button",
    // Substack
    "subscription-widget-wrap",
    "subscription-widget-wrap-editor",
    "image-link-expand",
    "poll-embed",
    "native-video-embed",
    // Medium
    "section-divider-hidden",
    "aspectRatioPlaceholder-fill",
];

/// How a card is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Card {
    /// A quotation.
    Quote,
    /// A line in bold.
    Strong,
    /// A paragraph, although it is a heading.
    Paragraph,
    /// A link to a page or a file: its title is the text of the link, the rest stands below it.
    Link,
    /// A recording with a title.
    Audio,
    /// A button.
    Button,
    /// Stars.
    Rating,
    /// A list of pictures, without its bullets.
    Pictures,
}

/// Classes, and what they are.
const CARDS: &[(&str, Card)] = &[
    ("kg-callout-card", Card::Quote),
    ("kg-toggle-heading-text", Card::Strong),
    ("kg-product-card-title", Card::Strong),
    ("kg-header-card-subheader", Card::Paragraph),
    ("kg-header-card-subheading", Card::Paragraph),
    ("kg-callout-emoji", Card::Paragraph),
    ("kg-bookmark-container", Card::Link),
    ("kg-file-card-container", Card::Link),
    ("kg-audio-card", Card::Audio),
    ("kg-btn", Card::Button),
    ("kg-product-card-button", Card::Button),
    ("kg-header-card-button", Card::Button),
    ("kg-cta-button", Card::Button),
    ("wp-block-button__link", Card::Button),
    ("kg-product-card-rating", Card::Rating),
    ("blocks-gallery-grid", Card::Pictures),
];

/// Classes of the titles of cards.
pub(super) const TITLES: [&str; 3] = ["kg-bookmark-title", "kg-file-card-title", "kg-audio-title"];

/// Ratings, by the number of their stars.
const RATINGS: [&str; 6] = ["☆☆☆☆☆", "★☆☆☆☆", "★★☆☆☆", "★★★☆☆", "★★★★☆", "★★★★★"];

/// Whether the element is a control, not text.
pub(super) fn is_control(tree: &Tree, at: At) -> bool {
    has_any(tree, at, CONTROLS)
}

pub(super) fn has_any(tree: &Tree, at: At, classes: &[&str]) -> bool {
    let Some(own) = tree.attribute(at, "class") else { return false };
    own.split_ascii_whitespace().any(|class| classes.contains(&class))
}

/// The card that an element is.
pub(super) fn card(tree: &Tree, at: At) -> Option<Card> {
    let own = tree.attribute(at, "class")?;
    own.split_ascii_whitespace()
        .find_map(|class| CARDS.iter().find(|(known, _)| *known == class))
        .map(|(_, card)| *card)
}

/// The stars of a product.
pub(super) fn rating(tree: &Tree, at: At) -> &'static str {
    let active = tree.below(at).filter(|star| tree.has_class(*star, "kg-product-card-rating-active")).count();
    RATINGS[active.min(RATINGS.len() - 1)]
}

/// The title of a card, and what it leads to; `None` if it has none of both.
pub(super) fn audio(tree: &Tree, at: At) -> Option<(At, At)> {
    let title = tree.below(at).find(|below| tree.has_class(*below, "kg-audio-title"))?;
    let player = tree.below(at).find(|below| matches!(tree.name(*below), "audio" | "source"))?;
    (!tree.text(title).trim().is_empty()).then_some((title, player))
}
