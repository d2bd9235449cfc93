//! Elements of modules that several families of feeds share. The larger modules have files of their own.

use super::atom::{
    AUTHOR, CATEGORY, CONTENT, CONTRIBUTOR, GENERATOR, ICON, LOGO, PERSON, PUBLISHED, RIGHTS, SUBTITLE,
    SUMMARY, TITLE, UPDATED,
};
use super::link::LINK_ELEMENT;
use super::rule::{ATTRIBUTE_MISSING, CHOICE, ELEMENT_MISSING, ELEMENT_UNKNOWN, NAMESPACE_UNKNOWN, Rule};
use super::schema::{
    Attribute, CHANNELS, ENTRY, EVERYWHERE, Element, FEED, ITEMS, MEDIA, Modules, NOWHERE, RDF_CHANNEL,
    RDF_ITEM, RSS_CHANNEL, RSS_ITEM, SERVICE, Schema, Validator, Vocabulary, any_content, holder, may, must,
    special, text,
};
use super::text_construct::text_construct;
use super::value::Kind::{
    self, AnyCase, Degrees, Email, Exactly, Fraction, Iri, Iso, IsoAnyTime, Language, MimeType, NonBlank,
    Number, Numbers, OneOf, Pairs, Plain, Rfc822, Rfc3339, Uri, W3c, W3cAnyTime, WebUrl, WholeIri, WholeUri,
};
use super::{app, feedsync, itunes, media, podcast, source};
use crate::xml::namespaces::{Ns, RDF};
use crate::xml::tree::Node;

const COUNT: &[Kind] = &[Number(0, i64::MAX)];
const POSITIVE: &[Kind] = &[Number(1, i64::MAX)];

/// The tables of all modules.
pub(super) static MODULES: Modules = Modules { find, unknown };

/// The table of `child` at `place`.
fn find(child: &Node<'_>, place: u16) -> Option<&'static Element> {
    let Ns::Known(prefix) = child.ns else { return None };
    // Dublin Core may be qualified: dc:date.Taken.
    let name = if prefix == "dc" { child.name.split('.').next().unwrap_or_default() } else { &child.name };
    tables()
        .flat_map(|table| table.iter())
        .find(|table| table.prefix == Some(prefix) && table.name == name && table.places & place != 0)
}

fn tables() -> impl Iterator<Item = &'static [Element]> {
    [
        ELEMENTS,
        itunes::ELEMENTS,
        podcast::ELEMENTS,
        source::ELEMENTS,
        media::ELEMENTS,
        feedsync::ELEMENTS,
        app::ELEMENTS,
    ]
    .into_iter()
}

fn unknown(prefix: &str) -> Option<Rule> {
    // These two get new elements without a new address.
    if matches!(prefix, "podcast" | "source") {
        return Some(NAMESPACE_UNKNOWN);
    }
    let is_whole = matches!(prefix, "atom" | "rss1" | "rss11" | "rss090" | "rdf" | "content")
        || tables().flat_map(|table| table.iter()).any(|table| table.prefix == Some(prefix));
    is_whole.then_some(ELEMENT_UNKNOWN)
}

const RESOURCE: &[Attribute] =
    &[may("resource", &[Uri]).of("rdf"), may("title", &[]).of("dc"), may("parseType", &[]).of("rdf")];

/// An element whose value is `rdf:resource`, which RSS 1.0 requires.
const fn resource(name: &'static str) -> Element {
    special(name, |walk, node, _| {
        if walk.family == Vocabulary::Rdf
            && node.attribute_ns(RDF, "resource").is_none()
            && node.children.is_empty()
        {
            walk.raise(ATTRIBUTE_MISSING, node, format!("<{}> has no rdf:resource", node.label()));
        }
    })
    .with(RESOURCE)
}

const BOTH: u16 = CHANNELS | ITEMS;

const ELEMENTS: &[Element] = &[
    // Dublin Core, 1.1.
    text("title", &[]).of("dc").at(EVERYWHERE).once().open(),
    text("creator", &[]).of("dc").at(EVERYWHERE).open(),
    text("subject", &[]).of("dc").at(EVERYWHERE).open(),
    text("description", &[]).of("dc").at(EVERYWHERE).once().open(),
    text("publisher", &[]).of("dc").at(EVERYWHERE).open(),
    text("contributor", &[]).of("dc").at(EVERYWHERE).open(),
    text("date", &[W3c]).of("dc").at(ITEMS).open(),
    text("date", &[W3c]).of("dc").at(EVERYWHERE).once().open(),
    text("type", &[]).of("dc").at(EVERYWHERE).once().open(),
    text("format", &[]).of("dc").at(EVERYWHERE).once().open(),
    text("identifier", &[]).of("dc").at(EVERYWHERE).open(),
    text("source", &[]).of("dc").at(EVERYWHERE).once().open(),
    text("language", &[Language]).of("dc").at(EVERYWHERE).once().open(),
    text("relation", &[]).of("dc").at(EVERYWHERE).open(),
    text("coverage", &[]).of("dc").at(EVERYWHERE).open(),
    text("rights", &[Plain]).of("dc").at(EVERYWHERE).once().open(),
    // DCMI terms.
    text("alternative", &[]).of("dcterms").at(EVERYWHERE).open(),
    text("abstract", &[]).of("dcterms").at(EVERYWHERE).once().open(),
    resource("tableOfContents").of("dcterms").at(EVERYWHERE).once(),
    text("created", &[W3c]).of("dcterms").at(EVERYWHERE).once().open(),
    text("issued", &[W3c]).of("dcterms").at(EVERYWHERE).once().open(),
    text("modified", &[W3c]).of("dcterms").at(EVERYWHERE).once().open(),
    text("dateAccepted", &[]).of("dcterms").at(EVERYWHERE).once().open(),
    text("dateCopyrighted", &[]).of("dcterms").at(EVERYWHERE).once().open(),
    text("dateSubmitted", &[]).of("dcterms").at(EVERYWHERE).once().open(),
    text("extent", POSITIVE).of("dcterms").at(EVERYWHERE).once().open(),
    resource("isVersionOf").of("dcterms").at(EVERYWHERE),
    resource("hasVersion").of("dcterms").at(EVERYWHERE),
    resource("isReplacedBy").of("dcterms").at(EVERYWHERE),
    resource("replaces").of("dcterms").at(EVERYWHERE),
    resource("isRequiredBy").of("dcterms").at(EVERYWHERE),
    resource("requires").of("dcterms").at(EVERYWHERE),
    resource("isPartOf").of("dcterms").at(EVERYWHERE),
    resource("hasPart").of("dcterms").at(EVERYWHERE),
    resource("isReferencedBy").of("dcterms").at(EVERYWHERE),
    resource("references").of("dcterms").at(EVERYWHERE),
    resource("isFormatOf").of("dcterms").at(EVERYWHERE),
    resource("hasFormat").of("dcterms").at(EVERYWHERE),
    resource("conformsTo").of("dcterms").at(EVERYWHERE),
    text("mediator", &[]).of("dcterms").at(EVERYWHERE).once().open(),
    any_content("accessRights").of("dcterms").at(EVERYWHERE),
    any_content("accrualMethod").of("dcterms").at(EVERYWHERE),
    any_content("accrualPeriodicity").of("dcterms").at(EVERYWHERE),
    any_content("accrualPolicy").of("dcterms").at(EVERYWHERE),
    any_content("audience").of("dcterms").at(EVERYWHERE),
    any_content("available").of("dcterms").at(EVERYWHERE),
    any_content("bibliographicCitation").of("dcterms").at(EVERYWHERE),
    any_content("educationLevel").of("dcterms").at(EVERYWHERE),
    any_content("instructionalMethod").of("dcterms").at(EVERYWHERE),
    any_content("license").of("dcterms").at(EVERYWHERE),
    any_content("provenance").of("dcterms").at(EVERYWHERE),
    any_content("rightsHolder").of("dcterms").at(EVERYWHERE),
    any_content("spatial").of("dcterms").at(EVERYWHERE),
    any_content("temporal").of("dcterms").at(EVERYWHERE),
    any_content("valid").of("dcterms").at(EVERYWHERE),
    // RDF, at any place.
    any_content("RDF").of("rdf").at(EVERYWHERE),
    any_content("type").of("rdf").at(EVERYWHERE),
    any_content("Description").of("rdf").at(EVERYWHERE),
    resource("seeAlso").of("rdfs").at(EVERYWHERE),
    // Places: WGS 84, GeoURL, ICBM, GeoRSS and its GML.
    holder("Point", &POINT).of("geo").at(EVERYWHERE).open(),
    text("lat", &[Degrees(90)]).of("geo").at(EVERYWHERE),
    text("long", &[Degrees(180)]).of("geo").at(EVERYWHERE),
    text("alt", &[]).of("geo").at(EVERYWHERE),
    text("lat_long", &[]).of("geo").at(EVERYWHERE),
    text("latitude", &[Degrees(90)]).of("geourl").at(EVERYWHERE),
    text("longitude", &[Degrees(180)]).of("geourl").at(EVERYWHERE),
    text("latitude", &[Degrees(90)]).of("icbm").at(EVERYWHERE),
    text("longitude", &[Degrees(180)]).of("icbm").at(EVERYWHERE),
    holder("where", &WHERE).of("georss").at(EVERYWHERE).open(),
    text("point", &[Pairs(1)]).of("georss").at(EVERYWHERE).open(),
    text("line", &[Pairs(2)]).of("georss").at(EVERYWHERE).open(),
    text("polygon", &[Pairs(4)]).of("georss").at(EVERYWHERE).open(),
    text("box", &[Pairs(2)]).of("georss").at(EVERYWHERE).open(),
    any_content("circle").of("georss").at(EVERYWHERE),
    any_content("featureTypeTag").of("georss").at(EVERYWHERE),
    any_content("relationshipTag").of("georss").at(EVERYWHERE),
    any_content("featureName").of("georss").at(EVERYWHERE),
    text("elev", &[]).of("georss").at(EVERYWHERE),
    text("floor", &[Number(i64::MIN, i64::MAX)]).of("georss").at(EVERYWHERE),
    text("radius", &[Fraction]).of("georss").at(EVERYWHERE),
    // OPML elements in RSS.
    text("dateCreated", &[Rfc822]).of("opml").at(EVERYWHERE).once(),
    text("dateModified", &[Rfc822]).of("opml").at(EVERYWHERE).once(),
    text("ownerName", &[]).of("opml").at(EVERYWHERE).once(),
    text("ownerEmail", &[Email]).of("opml").at(EVERYWHERE).once(),
    text("ownerId", &[WebUrl]).of("opml").at(EVERYWHERE).once(),
    // RSS 1.0 modules.
    any_content("topics").of("taxo").at(BOTH),
    text("link", &[]).of("l").at(BOTH).open(),
    text("permalink", &[]).of("l").at(RDF_ITEM).open(),
    resource("reference").of("annotate").at(ITEMS).once(),
    text("source", &[]).of("ag").at(ITEMS).once(),
    text("sourceURL", &[WholeUri]).of("ag").at(ITEMS).once(),
    text("timestamp", &[Iso]).of("ag").at(ITEMS).once(),
    text("startdate", &[IsoAnyTime]).of("ev").at(ITEMS).once(),
    text("enddate", &[IsoAnyTime]).of("ev").at(ITEMS).once(),
    any_content("location").of("ev").at(ITEMS),
    any_content("organizer").of("ev").at(ITEMS),
    text("type", &[]).of("ev").at(ITEMS).once(),
    text("updatePeriod", &[OneOf(&["hourly", "daily", "weekly", "monthly", "yearly"], CHOICE)])
        .of("sy")
        .at(CHANNELS)
        .once(),
    text("updateFrequency", &[NonBlank, Number(1, i64::MAX)]).of("sy").at(CHANNELS).once(),
    text("updateBase", &[W3cAnyTime]).of("sy").at(CHANNELS).once(),
    resource("generatorAgent").of("admin").at(CHANNELS).once(),
    resource("errorReportsTo").of("admin").at(CHANNELS).once(),
    resource("server").of("cp").at(CHANNELS),
    text("interwiki", &[]).of("wiki").at(CHANNELS),
    text("diff", &[]).of("wiki").at(ITEMS),
    text("history", &[]).of("wiki").at(ITEMS),
    text("importance", &[]).of("wiki").at(ITEMS),
    text("status", &[]).of("wiki").at(ITEMS),
    text("version", &[]).of("wiki").at(ITEMS),
    // Comments: slash, wfw, trackback.
    text("comments", COUNT).of("slash").at(ITEMS).once(),
    text("section", &[]).of("slash").at(ITEMS),
    text("department", &[]).of("slash").at(ITEMS),
    text("hit_parade", &[Numbers]).of("slash").at(ITEMS).once(),
    text("comment", &[WholeUri]).of("wfw").at(ITEMS).once(),
    text("commentRss", &[WholeUri]).of("wfw").at(ITEMS).once(),
    text("commentRSS", &[WholeUri]).of("wfw").at(ITEMS).once(),
    text("ping", &[WholeUri]).of("trackback").at(RSS_ITEM | ENTRY).once(),
    text("about", &[WholeUri]).of("trackback").at(RSS_ITEM | ENTRY),
    resource("ping").of("trackback").at(RDF_ITEM).once(),
    resource("about").of("trackback").at(RDF_ITEM),
    // Licences.
    any_content("license").of("cc").at(EVERYWHERE),
    text("license", &[WholeUri]).of("creativeCommons").at(BOTH),
    // FeedBurner.
    text("awareness", &[WholeUri]).of("feedburner").at(BOTH).once(),
    text("origLink", &[WholeUri]).of("feedburner").at(ITEMS).once(),
    text("origEnclosureLink", &[WholeUri]).of("feedburner").at(ITEMS).once(),
    text("browserFriendly", &[Plain]).of("feedburner").at(CHANNELS).once(),
    text("emailServiceId", &[]).of("feedburner").at(CHANNELS).once().open(),
    text("feedburnerHostname", &[WholeUri]).of("feedburner").at(CHANNELS).once(),
    text("feedFlare", &[Plain])
        .of("feedburner")
        .at(CHANNELS)
        .with(&[must("href", &[Iri]), must("src", &[Iri])]),
    text("info", &[]).of("feedburner").at(CHANNELS).with(&[must("uri", &[Iri])]),
    // Microsoft's lists, userland's channel, the conversations network, search results.
    text("treatAs", &[]).of("cf").at(CHANNELS),
    any_content("listinfo").of("cf").at(CHANNELS),
    text("blogRoll", &[WholeUri]).of("blogChannel").at(CHANNELS).once(),
    text("mySubscriptions", &[WholeUri]).of("blogChannel").at(CHANNELS).once(),
    text("blink", &[WholeUri]).of("blogChannel").at(CHANNELS).once(),
    text("changes", &[WholeUri]).of("blogChannel").at(CHANNELS).once(),
    text("introMilliseconds", COUNT).of("conversationsNetwork").at(ITEMS).once(),
    text("image", &[WebUrl]).of("conversationsNetwork").at(ITEMS).once(),
    text("ratingAverage", &[Fraction]).of("conversationsNetwork").at(ITEMS).once(),
    text("ratingCount", COUNT).of("conversationsNetwork").at(ITEMS).once(),
    text("ratingIndividual", POSITIVE).of("conversationsNetwork").at(ITEMS).once(),
    text("ratingTimestamp", &[Iso]).of("conversationsNetwork").at(ITEMS).once(),
    text("totalResults", COUNT).of("opensearch").at(CHANNELS).once(),
    text("startIndex", &[Number(i64::MIN, i64::MAX)]).of("opensearch").at(CHANNELS).once(),
    text("itemsPerPage", COUNT).of("opensearch").at(CHANNELS).once(),
    any_content("Query").of("opensearch").at(CHANNELS),
    any_content("link").of("opensearch").at(CHANNELS),
    text("restriction", &[])
        .of("access")
        .at(FEED)
        .with(&[must("relationship", &[Exactly(&["allow", "deny"])])]),
    // XHTML's meta, for robots.
    text("meta", &[])
        .of("xhtml")
        .at(CHANNELS)
        .with(&[must("name", &[AnyCase(&["robots"])]), must("content", &[AnyCase(ROBOTS)])]),
    // RFC 5005, RFC 4685.
    text("archive", &[]).of("fh").at(CHANNELS),
    text("complete", &[]).of("fh").at(CHANNELS),
    text("incremental", &[]).of("fh").at(CHANNELS),
    text("total", COUNT).of("thr").at(ITEMS).once(),
    text("in-reply-to", &[]).of("thr").at(BOTH).with(&[
        must("ref", &[WholeIri]),
        may("href", &[Iri]),
        may("source", &[Iri]),
        may("type", &[MimeType]),
    ]),
    any_content("children").of("thr").at(RDF_ITEM),
    // RFC 6721.
    TOMBSTONE.at(FEED),
    // Atom within RSS.
    AUTHOR.at(RSS_CHANNEL | RDF_CHANNEL | RSS_ITEM | RDF_ITEM),
    CATEGORY.at(RSS_CHANNEL | RDF_CHANNEL),
    CONTRIBUTOR.at(RSS_CHANNEL | RDF_CHANNEL | RSS_ITEM | RDF_ITEM),
    GENERATOR.at(RSS_CHANNEL | RDF_CHANNEL),
    text("id", &[WholeIri]).of("atom").at(RSS_CHANNEL | RDF_CHANNEL | RSS_ITEM | RDF_ITEM).once(),
    ICON.at(RSS_CHANNEL | RDF_CHANNEL),
    LINK_ELEMENT.at(RSS_CHANNEL | RDF_CHANNEL | RSS_ITEM | RDF_ITEM),
    LOGO.at(RSS_CHANNEL | RDF_CHANNEL),
    RIGHTS.at(RSS_CHANNEL | RDF_CHANNEL | RSS_ITEM | RDF_ITEM),
    SUBTITLE.at(RSS_CHANNEL | RDF_CHANNEL),
    TITLE.at(RSS_CHANNEL | RDF_CHANNEL | RSS_ITEM | RDF_ITEM | SERVICE),
    UPDATED.at(RSS_CHANNEL | RDF_CHANNEL | RSS_ITEM | RDF_ITEM),
    PUBLISHED.at(RSS_ITEM | RDF_ITEM),
    SUMMARY.at(RSS_ITEM | RDF_ITEM),
    CONTENT.at(RSS_ITEM | RDF_ITEM),
    // The publishing protocol, in entries and feeds.
    text("edited", &[Rfc3339]).of("app").at(ENTRY).once(),
    holder("control", &CONTROL).of("app").at(ENTRY).once(),
];

/// An entry that was removed: RFC 6721, 3.
pub(super) const TOMBSTONE: Element = holder("deleted-entry", &TOMBSTONE_SCHEMA)
    .of("at")
    .with(&[must("ref", &[WholeIri]), must("when", &[Rfc3339])]);

static TOMBSTONE_SCHEMA: Schema = Schema {
    elements: &[
        holder("by", &PERSON).of("at").once(),
        special("comment", text_construct).of("at").once().open(),
        LINK_ELEMENT,
        any_content("source").of("atom").once(),
    ],
    required: &[],
    place: NOWHERE,
    text: false,
};

const ROBOTS: &[&str] = &[
    "all",
    "none",
    "index",
    "noindex",
    "follow",
    "nofollow",
    "index,follow",
    "index,nofollow",
    "noindex,follow",
    "noindex,nofollow",
    "follow,index",
    "follow,noindex",
    "nofollow,index",
    "nofollow,noindex",
];

static CONTROL: Schema = Schema {
    elements: &[text("draft", &[Exactly(&["yes", "no"])]).of("app").once()],
    required: &[],
    place: NOWHERE,
    text: false,
};

static POINT: Schema = Schema {
    elements: &[
        text("lat", &[Degrees(90)]).of("geo"),
        text("long", &[Degrees(180)]).of("geo"),
        text("alt", &[]).of("geo"),
    ],
    required: &[(Some("geo"), "lat"), (Some("geo"), "long")],
    place: MEDIA,
    text: false,
};

static WHERE: Schema = Schema {
    elements: &[
        any_content("Point").of("gml").and(gml),
        any_content("LineString").of("gml").and(gml),
        any_content("Polygon").of("gml").and(gml),
        any_content("Envelope").of("gml").and(gml),
    ],
    required: &[],
    place: NOWHERE,
    text: false,
};

/// The numbers within a figure, at any depth.
fn gml(walk: &mut Validator<'_, '_>, node: &Node<'_>, _: &Node<'_>) {
    let pairs = match node.name.as_ref() {
        "pos" | "lowerCorner" | "upperCorner" => Some(Pairs(1)),
        "posList" => Some(Pairs(2)),
        _ => None,
    };
    if let Some((rule, message)) = pairs.and_then(|pairs| pairs.judge(&node.text, walk.setting(false))) {
        walk.raise(rule, node, format!("<{}>: {message}", node.label()));
    }
    if node.name == "Envelope" && node.children.len() != 2 {
        walk.raise(ELEMENT_MISSING, node, "<gml:Envelope> must have two corners");
    }
    node.children.iter().for_each(|child| gml(walk, child, node));
}
