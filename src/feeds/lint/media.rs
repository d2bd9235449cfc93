//! Media RSS 1.5. The tables, and the values that depend on an attribute.

use super::findings::shown;
use super::html;
use super::rule::{CHOICE, HTML_IN_TEXT, MEDIA_GROUP, NUMBER};
use super::schema::{
    CHANNELS, Element, ITEMS, MEDIA, Schema, Validator, any_content, holder, may, must, special, text,
};
use super::value::Kind::{
    self, AnyCase, Exactly, Fraction, Language, MimeType, NonBlank, Number, OneOf, Plain, PlayTime, WholeUri,
};
use crate::xml::namespaces::Ns;
use crate::xml::tree::Node;

const ANYWHERE: u16 = CHANNELS | ITEMS | MEDIA;
const POSITIVE: &[Kind] = &[Number(1, i64::MAX)];
const TYPE: &[Kind] = &[OneOf(&["plain", "html"], CHOICE)];

pub(super) const ELEMENTS: &[Element] = &[
    holder("group", &GROUP).of("media").at(ITEMS).and(group),
    holder("content", &CONTENT).of("media").at(ITEMS | MEDIA).with(&[
        may("url", &[WholeUri]),
        may("fileSize", POSITIVE),
        may("type", &[MimeType]),
        may("medium", &[OneOf(&["image", "audio", "video", "document", "executable"], CHOICE)]),
        may("isDefault", &[AnyCase(&["true", "false"])]),
        may("expression", &[OneOf(&["sample", "full", "nonstop"], CHOICE)]),
        may("bitrate", &[Fraction]),
        may("framerate", &[Fraction]),
        may("samplingrate", &[Fraction]),
        may("channels", &[Number(0, i64::MAX)]),
        may("duration", &[Fraction]),
        may("height", POSITIVE),
        may("width", POSITIVE),
        may("lang", &[Language]),
    ]),
    text("adult", &[AnyCase(&["true", "false"])]).of("media").at(ANYWHERE).once(),
    special("rating", rating).of("media").at(ANYWHERE).with(&[may("scheme", &[])]),
    special("title", typed).of("media").at(ANYWHERE).once().with(&[may("type", TYPE)]),
    special("description", typed).of("media").at(ANYWHERE).once().with(&[may("type", TYPE)]),
    text("keywords", &[]).of("media").at(ANYWHERE),
    text("thumbnail", &[]).of("media").at(ANYWHERE).with(&[
        must("url", &[WholeUri]),
        may("height", POSITIVE),
        may("width", POSITIVE),
        may("time", &[PlayTime]),
    ]),
    text("category", &[])
        .of("media")
        .at(ANYWHERE)
        .with(&[may("scheme", &[WholeUri]), may("label", &[Plain])]),
    special("hash", hash).of("media").at(ANYWHERE).with(&[may("algo", &[OneOf(&["md5", "sha-1"], CHOICE)])]),
    text("player", &[]).of("media").at(ANYWHERE).with(&[
        must("url", &[NonBlank, WholeUri]),
        may("height", POSITIVE),
        may("width", POSITIVE),
    ]),
    special("credit", credit).of("media").at(ANYWHERE).with(&[may("role", &[]), may("scheme", &[])]),
    text("copyright", &[]).of("media").at(ANYWHERE).once().with(&[may("url", &[WholeUri])]),
    special("text", typed).of("media").at(ANYWHERE).with(&[
        may("type", TYPE),
        may("lang", &[Language]),
        may("start", &[PlayTime]),
        may("end", &[PlayTime]),
    ]),
    special("restriction", restriction).of("media").at(ANYWHERE).with(&[
        must("relationship", &[Exactly(&["allow", "deny"])]),
        may("type", &[OneOf(&["country", "uri", "sharing"], CHOICE)]),
    ]),
    // Of version 1.5; feed readers ignore them safely.
    any_content("community").of("media").at(ANYWHERE),
    any_content("comments").of("media").at(ANYWHERE),
    any_content("embed").of("media").at(ANYWHERE),
    any_content("responses").of("media").at(ANYWHERE),
    any_content("backLinks").of("media").at(ANYWHERE),
    any_content("status").of("media").at(ANYWHERE),
    any_content("price").of("media").at(ANYWHERE),
    any_content("license").of("media").at(ANYWHERE),
    any_content("subTitle").of("media").at(ANYWHERE),
    any_content("peerLink").of("media").at(ANYWHERE),
    any_content("location").of("media").at(ANYWHERE),
    any_content("rights").of("media").at(ANYWHERE),
    any_content("scenes").of("media").at(ANYWHERE),
];

static GROUP: Schema = Schema { elements: &[], required: &[], place: MEDIA, text: false };
static CONTENT: Schema = Schema { elements: &[], required: &[], place: MEDIA, text: false };

fn group(walk: &mut Validator<'_, '_>, node: &Node<'_>, _: &Node<'_>) {
    if node.children(Ns::Known("media"), "content").count() < 2 {
        walk.raise(MEDIA_GROUP, node, "<media:group> contains fewer than two <media:content>");
    }
}

/// Text, or HTML if `type` is `html`.
fn typed(walk: &mut Validator<'_, '_>, node: &Node<'_>, _: &Node<'_>) {
    if node.attribute("type") == Some("html") {
        return html::escaped(node.value(), node.line, true, walk.lint);
    }
    if let Some((_, message)) = Plain.judge(&node.text, walk.setting(node.hexadecimal)) {
        walk.raise(HTML_IN_TEXT, node, format!("<{}>: {message}", node.label()));
    }
}

const MPAA: &[&str] = &["g", "m", "nc-17", "pg", "pg-13", "r", "x"];
const V_CHIP: &[&str] =
    &["14+", "18+", "c", "c8", "g", "pg", "tv-14", "tv-g", "tv-ma", "tv-pg", "tv-y", "tv-y7", "tv-y7-fv"];

fn rating(walk: &mut Validator<'_, '_>, node: &Node<'_>, _: &Node<'_>) {
    let value = node.value();
    let right = match node.attribute("scheme").unwrap_or("urn:simple") {
        "urn:simple" => matches!(value, "adult" | "nonadult"),
        "urn:mpaa" => MPAA.contains(&value),
        "urn:v-chip" => V_CHIP.contains(&value),
        "urn:icra" => is_icra(value),
        // The schemes of Media RSS, such as urn:simple, are not URNs.
        other => return walk.judge(node, "scheme", other, &[WholeUri]),
    };
    if !right {
        walk.raise(CHOICE, node, format!("{} is not a rating of this scheme", shown(value)));
    }
}

/// `r (nz 1 sz 1 vz 0)`: pairs of a label and 0 or 1.
fn is_icra(value: &str) -> bool {
    let inner = value.strip_prefix("r (").and_then(|rest| rest.strip_suffix(')'));
    let words: Vec<&str> = inner.unwrap_or_default().split(' ').collect();
    let pair = |pair: &[&str]| match pair {
        [label, mark] => {
            label.len() == 2 && label.bytes().all(|b| b.is_ascii_lowercase()) && matches!(*mark, "0" | "1")
        }
        _ => false,
    };
    words.len() > 1 && words.chunks(2).all(pair)
}

fn hash(walk: &mut Validator<'_, '_>, node: &Node<'_>, _: &Node<'_>) {
    let value = node.value();
    let length = if node.attribute("algo") == Some("sha-1") { 40 } else { 32 };
    if value.len() != length || !value.bytes().all(|b| b.is_ascii_hexdigit()) {
        walk.raise(NUMBER, node, format!("{} is not {length} hexadecimal digits", shown(value)));
    }
}

/// EBU's list of roles (metadata specification, role codes), in English.
const ROLES: &str = "|actor|adaptor|anchor person|animal trainer|animator|announcer|armourer|art director|artist|\
    artist/performer|assistant camera|assistant chief lighting technician|assistant director|assistant producer|\
    assistant visual editor|author|broadcast assistant|broadcast journalist|camera operator|carpenter|casting|causeur|\
    chief lighting technician|choir|choreographer|clapper loader|commentary or commentator|commissioning broadcaster|\
    composer|computer programmer|conductor|consultant|continuity checker|correspondent|costume designer|dancer|\
    dialogue coach|director|director of photography|distribution company|draughtsman|dresser|dubber|editor|\
    editor/producer|ensemble|executive producer|expert|fight director|floor manager|focus puller|foley artist|\
    foley editor|foley mixer|graphic assistant|graphic designer|greensman|grip|hairdresser|illustrator|\
    interviewed guest|interviewer|key character|key grip|key talents|leadman|librettist|lighting director|\
    lighting technician|location manager|lyricist|make up artist|manufacturer|matte artist|music arranger|music group|\
    musician|news reader|orchestra|participant|performer|photographer|post|producer|production assistant|\
    production company|production department|production manager|production secretary|programme production researcher|\
    programme proposal|property manager|publishing company|puppeteer|pyrotechnician|reporter|rigger|runner|scenario|\
    scenic operative|script supervisor|second assistant camera|second assistant director|second unit director|\
    set designer|set dresser|sign language|singer|sound designer|sound mixer|sound recordist|special effects|stunts|\
    subtitles|technical director|term|translation|transportation manager|treatment|treatment proposal|\
    treatment/programme proposal|vision mixer|visual editor|visual effects|wardrobe|witness|";

fn credit(walk: &mut Validator<'_, '_>, node: &Node<'_>, _: &Node<'_>) {
    let Some(role) = node.attribute("role").filter(|role| !role.is_empty()) else { return };
    let scheme = node.attribute("scheme").unwrap_or("urn:ebu");
    if scheme != "urn:ebu" {
        walk.judge(node, "scheme", scheme, &[WholeUri]);
    }
    let known = !role.contains('|') && ROLES.contains(&format!("|{role}|"));
    if role != role.to_lowercase() || (scheme == "urn:ebu" && !known) {
        walk.raise(CHOICE, node, format!("{} is not a role of {scheme}", shown(role)));
    }
}

/// ISO 3166-1, with withdrawn codes.
const COUNTRIES: &str = " AD AE AF AG AI AL AM AN AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS \
    BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CS CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI \
    FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS \
    IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO \
    MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA \
    RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT \
    TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT YU ZA ZM ZW ";

fn restriction(walk: &mut Validator<'_, '_>, node: &Node<'_>, _: &Node<'_>) {
    let value = node.value();
    match node.attribute("type").unwrap_or_default() {
        "country" => {
            let unknown = value
                .split_whitespace()
                .find(|code| !COUNTRIES.contains(&format!(" {} ", code.to_uppercase())));
            if let Some(code) = unknown {
                walk.raise(CHOICE, node, format!("{} is not a country code", shown(code)));
            }
        }
        "uri" => {
            for address in value.split_whitespace() {
                if let Some((rule, message)) = WholeUri.judge(address, walk.setting(true)) {
                    walk.raise(rule, node, format!("<{}>: {message}", node.label()));
                }
            }
        }
        "" if !matches!(value, "" | "all" | "none") => {
            walk.raise(CHOICE, node, format!("{} is neither all nor none", shown(value)));
        }
        _ => {}
    }
}
