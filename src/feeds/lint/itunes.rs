//! Podcasts: Apple's elements. The tables, the categories, and what directories ask for.

use super::findings::shown;
use super::rule::{
    CATEGORY_OLD, CHOICE, ELEMENT_UNKNOWN, EXPLICIT_OLD, PODCAST_ADVISED, PODCAST_FORMAT, PODCAST_UTF8, Rule,
};
use super::schema::{CHANNELS, Element, ITEMS, NOWHERE, Schema, Validator, holder, must, special, text};
use super::value::Kind::{
    AnyCase, AtMost, Duration, Email, NonBlank, NotFormer, Number, OneOf, Plain, Rfc822, WebUrl, WholeUri,
};
use crate::xml::namespaces::Ns;
use crate::xml::tree::Node;

const ITUNES: Ns = Ns::Known("itunes");
const BOTH: u16 = CHANNELS | ITEMS;

const EXPLICIT: &[&str] = &["true", "false", "yes", "no", "clean", "explicit"];
const EXPLICIT_FORMER: &[(&str, &str)] =
    &[("yes", "true"), ("explicit", "true"), ("no", "false"), ("clean", "false")];

pub(super) const ELEMENTS: &[Element] = &[
    text("author", &[AtMost(255), Plain]).of("itunes").at(BOTH).once(),
    text("block", &[AnyCase(&["yes", "no", "clean"])]).of("itunes").at(BOTH).once(),
    text("explicit", &[AnyCase(EXPLICIT), NotFormer(EXPLICIT_FORMER, EXPLICIT_OLD)])
        .of("itunes")
        .at(BOTH)
        .once(),
    text("keywords", &[AtMost(255), Plain]).of("itunes").at(BOTH).once(),
    text("subtitle", &[AtMost(255), Plain]).of("itunes").at(BOTH).once(),
    text("summary", &[AtMost(4000), Plain]).of("itunes").at(BOTH).once(),
    text("image", &[]).of("itunes").at(BOTH).once().with(&[must("href", &[WebUrl])]),
    text("title", &[]).of("itunes").at(BOTH).once(),
    holder("owner", &OWNER).of("itunes").at(CHANNELS).once(),
    special("category", category).of("itunes").at(CHANNELS).with(&[must("text", &[NonBlank])]),
    text("pubDate", &[Rfc822]).of("itunes").at(CHANNELS).once(),
    text("new-feed-url", &[WholeUri]).of("itunes").at(CHANNELS).once(),
    text("complete", &[AnyCase(&["yes", "no"])]).of("itunes").at(CHANNELS).once(),
    text("type", &[OneOf(&["episodic", "serial"], CHOICE)]).of("itunes").at(CHANNELS).once(),
    text("applepodcastsverify", &[]).of("itunes").at(CHANNELS).once(),
    text("duration", &[Duration]).of("itunes").at(ITEMS).once(),
    text("order", &[Number(0, i64::MAX)]).of("itunes").at(ITEMS).once(),
    text("isClosedCaptioned", &[AnyCase(&["yes", "no"])]).of("itunes").at(ITEMS).once(),
    text("episode", &[Number(1, i64::MAX)]).of("itunes").at(ITEMS).once(),
    text("season", &[Number(1, i64::MAX)]).of("itunes").at(ITEMS).once(),
    text("episodeType", &[OneOf(&["full", "trailer", "bonus"], CHOICE)]).of("itunes").at(ITEMS).once(),
];

static OWNER: Schema = Schema {
    elements: &[
        text("email", &[Email, Plain]).of("itunes").once(),
        text("name", &[AtMost(255), Plain]).of("itunes").once(),
    ],
    required: &[(Some("itunes"), "email")],
    place: NOWHERE,
    text: false,
};

/// The current categories, each with its subcategories.
const CATEGORIES: &[(&str, &[&str])] = &[
    ("Arts", &["Books", "Design", "Fashion & Beauty", "Food", "Performing Arts", "Visual Arts"]),
    ("Business", &["Careers", "Entrepreneurship", "Investing", "Management", "Marketing", "Non-Profit"]),
    ("Comedy", &["Comedy Interviews", "Improv", "Stand-Up"]),
    ("Education", &["Courses", "How To", "Language Learning", "Self-Improvement"]),
    ("Fiction", &["Comedy Fiction", "Drama", "Science Fiction"]),
    ("Government", &[]),
    (
        "Health & Fitness",
        &["Alternative Health", "Fitness", "Medicine", "Mental Health", "Nutrition", "Sexuality"],
    ),
    ("History", &[]),
    ("Kids & Family", &["Education for Kids", "Parenting", "Pets & Animals", "Stories for Kids"]),
    (
        "Leisure",
        &[
            "Animation & Manga",
            "Automotive",
            "Aviation",
            "Crafts",
            "Games",
            "Hobbies",
            "Home & Garden",
            "Video Games",
        ],
    ),
    ("Music", &["Music Commentary", "Music History", "Music Interviews"]),
    (
        "News",
        &[
            "Business News",
            "Daily News",
            "Entertainment News",
            "News Commentary",
            "Politics",
            "Sports News",
            "Tech News",
        ],
    ),
    (
        "Religion & Spirituality",
        &["Buddhism", "Christianity", "Hinduism", "Islam", "Judaism", "Religion", "Spirituality"],
    ),
    (
        "Science",
        &[
            "Astronomy",
            "Chemistry",
            "Earth Sciences",
            "Life Sciences",
            "Mathematics",
            "Natural Sciences",
            "Nature",
            "Physics",
            "Social Sciences",
        ],
    ),
    (
        "Society & Culture",
        &["Documentary", "Personal Journals", "Philosophy", "Places & Travel", "Relationships"],
    ),
    (
        "Sports",
        &[
            "Baseball",
            "Basketball",
            "Cricket",
            "Fantasy Sports",
            "Football",
            "Golf",
            "Hockey",
            "Rugby",
            "Running",
            "Soccer",
            "Swimming",
            "Tennis",
            "Volleyball",
            "Wilderness",
            "Wrestling",
        ],
    ),
    ("TV & Film", &["After Shows", "Film History", "Film Interviews", "Film Reviews", "TV Reviews"]),
    ("Technology", &[]),
    ("True Crime", &[]),
];

/// Categories that were removed in 2019 or before.
const OLD: &[(&str, &[&str])] = &[
    ("Arts", &["Literature"]),
    (
        "Arts & Entertainment",
        &[
            "Architecture",
            "Design",
            "Entertainment",
            "Games",
            "Performing Arts",
            "Photography",
            "Poetry",
            "Science Fiction",
        ],
    ),
    ("Audio Blogs", &[]),
    ("Business", &["Business News", "Finance", "Management & Marketing", "News", "Shopping"]),
    (
        "Education",
        &[
            "Education Technology",
            "Educational Technology",
            "Higher Education",
            "K-12",
            "Language Courses",
            "Training",
        ],
    ),
    ("Family", &[]),
    ("Food", &[]),
    ("Games & Hobbies", &["Automotive", "Aviation", "Hobbies", "Other Games", "Video Games"]),
    ("Government & Organizations", &["Local", "National", "Non-Profit", "Regional"]),
    (
        "Health",
        &[
            "Alternative Health",
            "Diet & Nutrition",
            "Fitness",
            "Fitness & Nutrition",
            "Relationships",
            "Self-Help",
            "Sexuality",
        ],
    ),
    ("International", &[]),
    ("Movies & Television", &[]),
    ("News & Politics", &[]),
    ("Politics", &[]),
    ("Public Radio", &[]),
    ("Religion & Spirituality", &["New Age", "Other", "Philosophy"]),
    ("Science & Medicine", &["Medicine", "Natural Sciences", "Social Sciences"]),
    ("Society & Culture", &["History"]),
    ("Sports & Recreation", &["Amateur", "College & High School", "Outdoor", "Professional"]),
    ("Talk Radio", &[]),
    (
        "Technology",
        &[
            "Computers",
            "Developers",
            "Gadgets",
            "Information Technology",
            "News",
            "Operating Systems",
            "Podcasting",
            "Smart Phones",
            "Software How-To",
            "Tech News",
            "Text/Speech",
        ],
    ),
    ("Transportation", &["Automotive", "Aviation", "Bicycles", "Commuting"]),
    ("Travel", &[]),
];

fn below(list: &'static [(&str, &[&str])], name: &str) -> Option<&'static [&'static str]> {
    list.iter().find(|(known, _)| *known == name).map(|(_, below)| *below)
}

fn category(walk: &mut Validator<'_, '_>, node: &Node<'_>, _: &Node<'_>) {
    let Some(name) = node.attribute("text") else { return };
    verdict(walk, node, below(CATEGORIES, name).is_some(), below(OLD, name).is_some());
    for child in &node.children {
        let Some(under) = child.attribute("text").filter(|_| child.is(ITUNES, "category")) else {
            let message = format!("<{}> in <itunes:category>", child.label());
            walk.raise(ELEMENT_UNKNOWN, child, message);
            continue;
        };
        let known = |list| below(list, name).is_some_and(|below| below.contains(&under));
        verdict(walk, child, known(CATEGORIES), known(OLD));
    }
}

fn verdict(walk: &mut Validator<'_, '_>, node: &Node<'_>, today: bool, once: bool) {
    let (rule, what): (Rule, _) = match (today, once) {
        (true, _) => return,
        (false, true) => (CATEGORY_OLD, "is no longer in use"),
        (false, false) => (CHOICE, "does not exist here"),
    };
    let name = shown(node.attribute("text").unwrap_or_default());
    walk.raise(rule, node, format!("the category {name} {what}"));
}

fn is_podcast(node: &Node<'_>) -> bool {
    node.has_child_in(ITUNES)
}

/// The requirements of podcast directories for a channel that uses any of these elements.
pub(super) fn channel(walk: &mut Validator<'_, '_>, node: &Node<'_>) {
    let own = walk.own;
    if !is_podcast(node) && !node.children(own, "item").any(is_podcast) {
        return;
    }
    if walk.lint.encoding != "UTF-8" {
        let message = format!("a podcast encoded in {}", walk.lint.encoding);
        walk.raise(PODCAST_UTF8, node, message);
    }
    if node.child(own, "language").is_none() && !walk.language {
        walk.raise(PODCAST_ADVISED, node, "the podcast has no <language>");
    }
    for name in ["category", "explicit", "owner"] {
        if node.child(ITUNES, name).is_none() {
            walk.raise(PODCAST_ADVISED, node, format!("the podcast has no <itunes:{name}>"));
        }
    }
}

/// The formats that players support.
pub(super) fn item(walk: &mut Validator<'_, '_>, node: &Node<'_>, parent: &Node<'_>) {
    let own = walk.own;
    if !is_podcast(node) && !is_podcast(parent) {
        return;
    }
    for enclosure in node.children(own, "enclosure") {
        let path =
            enclosure.attribute("url").unwrap_or_default().split(['?', '#']).next().unwrap_or_default();
        let ending = path.rsplit('.').next().unwrap_or_default();
        if !["m4a", "mp3", "mov", "mp4", "m4v", "pdf", "epub"].contains(&ending.to_ascii_lowercase().as_str())
        {
            walk.raise(PODCAST_FORMAT, enclosure, format!("an enclosure that ends in .{}", shown(ending)));
        }
    }
}
