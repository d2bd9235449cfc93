//! The namespaces that feeds use, each with its usual prefix.

/// A namespace, as far as the linter distinguishes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Ns {
    /// No namespace: RSS 2.0 and its ancestors.
    #[default]
    None,
    /// One of the table below, by its prefix.
    Known(&'static str),
    /// Any other.
    Other,
}

pub(crate) const ATOM: Ns = Ns::Known("atom");
pub(crate) const RDF: Ns = Ns::Known("rdf");
pub(crate) const XHTML: Ns = Ns::Known("xhtml");
pub(crate) const XML: Ns = Ns::Known("xml");

/// Atom 0.3 and earlier drafts.
pub(crate) const OBSOLETE: [&str; 2] = ["http://purl.org/atom/ns#", "http://example.com/newformat#"];

/// Prefix, address.
const KNOWN: &[(&str, &str)] = &[
    ("access", "http://www.bloglines.com/about/specs/fac-1.0"),
    ("admin", "http://webns.net/mvcb/"),
    ("ag", "http://purl.org/rss/1.0/modules/aggregation/"),
    ("annotate", "http://purl.org/rss/1.0/modules/annotate/"),
    ("app", "http://www.w3.org/2007/app"),
    ("at", "http://purl.org/atompub/tombstones/1.0"),
    ("atom", "http://www.w3.org/2005/Atom"),
    ("audio", "http://media.tangent.org/rss/1.0/"),
    ("blogChannel", "http://backend.userland.com/blogChannelModule"),
    ("cc", "http://web.resource.org/cc/"),
    ("cf", "http://www.microsoft.com/schemas/rss/core/2005"),
    ("company", "http://purl.org/rss/1.0/modules/company"),
    ("content", "http://purl.org/rss/1.0/modules/content/"),
    ("conversationsNetwork", "http://conversationsnetwork.org/rssNamespace-1.0/"),
    ("cp", "http://my.theinfo.org/changed/1.0/rss/"),
    ("creativeCommons", "http://backend.userland.com/creativeCommonsRssModule"),
    ("dc", "http://purl.org/dc/elements/1.1/"),
    ("dcterms", "http://purl.org/dc/terms/"),
    ("email", "http://purl.org/rss/1.0/modules/email/"),
    ("ev", "http://purl.org/rss/1.0/modules/event/"),
    ("feedburner", "http://rssnamespace.org/feedburner/ext/1.0"),
    ("fh", "http://purl.org/syndication/history/1.0"),
    ("foaf", "http://xmlns.com/foaf/0.1/"),
    ("g", "http://base.google.com/ns/1.0"),
    ("geo", "http://www.w3.org/2003/01/geo/wgs84_pos#"),
    ("georss", "http://www.georss.org/georss"),
    ("geourl", "http://geourl.org/rss/module/"),
    ("gml", "http://www.opengis.net/gml"),
    ("icbm", "http://postneo.com/icbm"),
    ("image", "http://purl.org/rss/1.0/modules/image/"),
    ("indexing", "urn:atom-extension:indexing"),
    ("itunes", "http://www.itunes.com/dtds/podcast-1.0.dtd"),
    ("l", "http://purl.org/rss/1.0/modules/link/"),
    ("mathml", "http://www.w3.org/1998/Math/MathML"),
    ("media", "http://search.yahoo.com/mrss/"),
    ("openid", "http://openid.net/xmlns/1.0"),
    ("opensearch", "http://a9.com/-/spec/opensearch/1.1/"),
    ("opensearch10", "http://a9.com/-/spec/opensearchrss/1.0/"),
    ("opml", "http://www.opml.org/spec2"),
    ("podcast", "https://podcastindex.org/namespace/1.0"),
    ("psc", "http://podlove.org/simple-chapters"),
    ("rdf", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"),
    ("rdfs", "http://www.w3.org/2000/01/rdf-schema#"),
    ("ref", "http://purl.org/rss/1.0/modules/reference/"),
    ("reqv", "http://purl.org/rss/1.0/modules/richequiv/"),
    ("rss090", "http://my.netscape.com/rdf/simple/0.9/"),
    ("rss091", "http://purl.org/rss/1.0/modules/rss091#"),
    ("rss1", "http://purl.org/rss/1.0/"),
    ("rss11", "http://purl.org/net/rss1.1#"),
    ("search", "http://purl.org/rss/1.0/modules/search/"),
    ("slash", "http://purl.org/rss/1.0/modules/slash/"),
    ("source", "http://source.scripting.com/"),
    ("ss", "http://purl.org/rss/1.0/modules/servicestatus/"),
    ("str", "http://hacks.benhammersley.com/rss/streaming/"),
    ("sub", "http://purl.org/rss/1.0/modules/subscription/"),
    ("svg", "http://www.w3.org/2000/svg"),
    ("sx", "http://feedsync.org/2007/feedsync"),
    ("sy", "http://purl.org/rss/1.0/modules/syndication/"),
    ("taxo", "http://purl.org/rss/1.0/modules/taxonomy/"),
    ("thr", "http://purl.org/syndication/thread/1.0"),
    ("trackback", "http://madskills.com/public/xml/rss/module/trackback/"),
    ("wfw", "http://wellformedweb.org/CommentAPI/"),
    ("wiki", "http://purl.org/rss/1.0/modules/wiki/"),
    ("xhtml", "http://www.w3.org/1999/xhtml"),
    ("xlink", "http://www.w3.org/1999/xlink"),
    ("xml", "http://www.w3.org/XML/1998/namespace"),
];

/// The namespace at `address`.
pub(crate) fn of(address: &str) -> Ns {
    if address.is_empty() {
        return Ns::None;
    }
    KNOWN.iter().find(|(_, known)| *known == address).map_or(Ns::Other, |(prefix, _)| Ns::Known(prefix))
}

/// The usual address of a usual prefix.
pub(crate) fn address(prefix: &str) -> Option<&'static str> {
    KNOWN.iter().find(|(known, _)| *known == prefix).map(|(_, address)| *address)
}

/// The namespace that was probably meant, if `address` differs from one only in its end or its case.
pub(crate) fn meant(address: &str) -> Option<&'static str> {
    let bare = |address: &str| address.trim_end_matches(['/', '#']).to_ascii_lowercase();
    let wanted = bare(address);
    KNOWN.iter().map(|(_, known)| *known).find(|known| *known != address && bare(known) == wanted)
}
