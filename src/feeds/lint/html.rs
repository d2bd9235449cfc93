//! Lints HTML in feeds: markup that feed readers remove, and markup that is not HTML. Reads tags without building a
//! tree.

use super::findings::{Lint, shown};
use super::rule::{HTML_RELATIVE, HTML_STYLE, HTML_UNKNOWN, HTML_UNSAFE};
use super::urls;
use crate::archive::embeds;
use crate::html::{Piece, read};
use crate::xml::namespaces::Ns;
use crate::xml::tree::Node;

/// Elements that feed readers show.
const SHOWN: &str = " a abbr acronym address area article aside audio b bdi bdo big blockquote br button canvas caption \
    center cite code col colgroup data datalist dd del details dfn dialog dir div dl dt em fieldset figcaption figure \
    font footer form h1 h2 h3 h4 h5 h6 header hgroup hr i img input ins kbd label legend li main map mark menu meter \
    nav noscript ol optgroup option output p picture pre progress q rp rt ruby s samp search section select small \
    source span strike strong sub summary sup table tbody td template textarea tfoot th thead time tr track tt u ul \
    var video wbr ";

/// Elements of HTML, current or obsolete, that feed readers remove.
const TAKEN_OUT: &str = " applet base basefont body command embed eventsource frame frameset head html iframe isindex keygen \
    link listing marquee meta noembed noframes object param plaintext script slot style title xmp svg math \
    blink bgsound layer nobr comment ";

/// Elements of formulas and drawings that cannot run code (`MathML` Core, 2; SVG Tiny 1.2 without foreign content).
const MATHML: &str = " annotation annotation-xml maction math merror mfrac mi mmultiscripts mn mo mover mpadded mphantom \
    mprescripts mroot mrow ms mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover none \
    semantics ";
const MATHML_ATTRIBUTES: &str = " accent accentunder actiontype align class columnalign columnlines columnspacing \
    columnspan depth dir display displaystyle encoding equalcolumns equalrows fence fontstyle fontweight form frame \
    height id largeop linethickness lspace mathbackground mathcolor mathsize mathvariant maxsize minsize movablelimits \
    other rowalign rowlines rowspacing rowspan rspace scriptlevel selection separator stretchy symmetric width ";
const SVG: &str = " a animate animatecolor animatemotion animatetransform circle clippath defs desc ellipse font-face \
    font-face-name font-face-src g glyph hkern line lineargradient marker mask metadata missing-glyph mpath path \
    polygon polyline radialgradient rect set stop svg switch symbol text textpath title tspan use ";

/// Style properties that change how text looks, but not where it is (CSS 2.2).
const STYLES: &str = " azimuth background background-color border border-bottom border-bottom-color border-bottom-style \
    border-bottom-width border-collapse border-color border-left border-left-color border-left-style \
    border-left-width border-right border-right-color border-right-style border-right-width border-spacing \
    border-style border-top border-top-color border-top-style border-top-width border-width clear color cursor \
    direction display elevation float font font-family font-size font-style font-variant font-weight height \
    letter-spacing line-height list-style-type margin margin-bottom margin-left margin-right margin-top max-width \
    overflow padding padding-bottom padding-left padding-right padding-top pause pause-after pause-before pitch \
    pitch-range richness speak speak-header speak-numeral speak-punctuation speech-rate stress text-align \
    text-decoration text-indent unicode-bidi vertical-align voice-family volume white-space width ";

/// Keywords for colours, lines and lengths in the values of box properties.
const STYLE_WORDS: &str = " aqua auto black blue bold both bottom brown center collapse dashed dotted double fuchsia gray \
    green groove grey hidden !important important inherit initial inset italic left lime maroon medium navy none \
    normal nowrap olive orange outset pink purple red ridge right silver solid teal thick thin top transparent \
    underline white yellow ";

/// The named characters of HTML 4, to find text that was escaped twice.
const CHARACTERS: &str = " quot amp lt gt apos nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg \
    macr deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute \
    Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute \
    Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring \
    aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide \
    oslash ugrave uacute ucirc uuml yacute thorn yuml fnof Alpha Beta Gamma Delta Epsilon Zeta Eta Theta Iota Kappa \
    Lambda Mu Nu Xi Omicron Pi Rho Sigma Tau Upsilon Phi Chi Psi Omega alpha beta gamma delta epsilon zeta eta theta \
    iota kappa lambda mu nu xi omicron pi rho sigmaf sigma tau upsilon phi chi psi omega thetasym upsih piv bull \
    hellip prime Prime oline frasl weierp image real trade alefsym larr uarr rarr darr harr crarr lArr uArr rArr dArr \
    hArr forall part exist empty nabla isin notin ni prod sum minus lowast radic prop infin ang and or cap cup int \
    there4 sim cong asymp ne equiv le ge sub sup nsub sube supe oplus otimes perp sdot lceil rceil lfloor rfloor lang \
    rang loz spades clubs hearts diams OElig oelig Scaron scaron Yuml circ tilde ensp emsp thinsp zwnj zwj lrm rlm \
    ndash mdash lsquo rsquo sbquo ldquo rdquo bdquo dagger Dagger permil lsaquo rsaquo euro ";

fn within(list: &str, word: &str) -> bool {
    !word.is_empty() && list.split_ascii_whitespace().any(|known| known == word)
}

/// The name of the first end tag of an HTML element in `text`.
pub(super) fn end_tag(text: &str) -> Option<&str> {
    text.split("</").skip(1).find_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric())?;
        let name = rest[end..].starts_with('>').then(|| &rest[..end])?;
        let lower = name.to_ascii_lowercase();
        (within(SHOWN, &lower) || within(TAKEN_OUT, &lower)).then_some(name)
    })
}

/// The first `&name` or `&#number` in `text`.
pub(super) fn character_reference(text: &str) -> Option<&str> {
    text.split('&').skip(1).find_map(|rest| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '#').unwrap_or(rest.len());
        let name = &rest[..end];
        let number = name.strip_prefix('#').is_some_and(|number| {
            let number = number.strip_prefix(['x', 'X']).unwrap_or(number);
            !number.is_empty() && number.bytes().all(|b| b.is_ascii_hexdigit())
        });
        (number || within(CHARACTERS, name)).then_some(name)
    })
}

/// Whether a `<` in `text` could begin a tag.
pub(super) fn begins_tag(text: &str) -> bool {
    text.split('<').skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/'))
}

/// Checks escaped HTML.
pub(super) fn escaped(html: &str, line: usize, relative: bool, lint: &mut Lint<'_>) {
    let mut is_drawing = false;
    read(html, |piece| match piece {
        Piece::Tag(tag) if tag.closing => is_drawing &= tag.name() != "svg",
        Piece::Declaration(at) if html[at.clone()].starts_with("<?import") => {
            lint.raise(HTML_UNSAFE, line, "<?import runs code in some feed readers");
        }
        Piece::Tag(tag) => {
            // Readers that show no SVG have the words of a drawing.
            is_drawing |= tag.name() == "svg" && tag.attribute("aria-label").is_some();
            let is_player =
                tag.name() == "iframe" && tag.attribute("src").is_some_and(embeds::is_known_frame);
            if !(is_player || is_drawing && within(SVG, tag.name())) {
                element(tag.name(), line, lint);
            }
            tag.attributes().for_each(|(name, value)| attribute(name, value, line, relative, lint));
            if !html[tag.at.clone()].ends_with('>') {
                lint.raise(HTML_UNKNOWN, line, format!("<{} is never closed", tag.name()));
            }
        }
        Piece::Declaration(_) | Piece::Text(_) => {}
    });
}

fn element(name: &str, line: usize, lint: &mut Lint<'_>) {
    // HTML contains MathML without a namespace.
    if within(SHOWN, name) || within(MATHML, name) {
        return;
    }
    if within(TAKEN_OUT, name) {
        lint.raise(HTML_UNSAFE, line, format!("<{name}> in the content"));
    } else {
        lint.raise(HTML_UNKNOWN, line, format!("<{name}> is not an HTML element"));
    }
}

fn attribute(name: &str, value: &str, line: usize, relative: bool, lint: &mut Lint<'_>) {
    let lower = name.to_ascii_lowercase();
    if lower == "style" {
        if let Some(what) = doubtful_style(value) {
            lint.raise(HTML_STYLE, line, format!("style={}: {what}", shown(value)));
        }
    } else if lower.starts_with("on") {
        lint.raise(HTML_UNSAFE, line, format!("the attribute {name}"));
    } else if value.trim_start().get(..11).is_some_and(|start| start.eq_ignore_ascii_case("javascript:")) {
        lint.raise(HTML_UNSAFE, line, format!("{name}={}", shown(value)));
    } else if relative {
        urls::judge(name, value, &mut |name, url| {
            lint.raise(HTML_RELATIVE, line, format!("{name}={} is relative", shown(url)));
        });
    }
}

/// Checks XHTML, which is in the feed as elements.
pub(super) fn inline(node: &Node<'_>, relative: bool, lint: &mut Lint<'_>) {
    let lower = node.name.to_ascii_lowercase();
    let plain = node.attributes.iter().filter(|attribute| attribute.ns == Ns::None);
    match node.ns {
        Ns::Known("xhtml") => {
            element(&node.name, node.line, lint);
            plain.for_each(|found| attribute(&found.name, &found.value, node.line, relative, lint));
        }
        Ns::Known("svg") if !within(SVG, &lower) => {
            lint.raise(HTML_UNSAFE, node.line, format!("<{}> in SVG", node.name));
        }
        Ns::Known("mathml") if !within(MATHML, &node.name) => {
            lint.raise(HTML_UNSAFE, node.line, format!("<{}> in MathML", node.name));
        }
        Ns::Known("mathml") => {
            plain.filter(|found| !within(MATHML_ATTRIBUTES, &found.name)).for_each(|found| {
                lint.raise(HTML_UNSAFE, node.line, format!("the attribute {} in MathML", found.name));
            });
        }
        Ns::Known("svg") => plain.filter(|found| found.name.starts_with("on")).for_each(|found| {
            lint.raise(HTML_UNSAFE, node.line, format!("the attribute {} in SVG", found.name));
        }),
        _ => {}
    }
    node.children.iter().for_each(|child| inline(child, relative, lint));
}

/// The first declaration in a `style` that could hide, move or fetch something.
fn doubtful_style(style: &str) -> Option<String> {
    let style = style.to_ascii_lowercase();
    if style.contains(['\\', '@', '<', '/', '{', '}', '&'])
        || style.contains("expression")
        || style.contains("url(")
    {
        return Some("feed readers cannot tell what this style does".to_owned());
    }
    for declaration in style.split(';').map(str::trim).filter(|declaration| !declaration.is_empty()) {
        let Some((property, value)) = declaration.split_once(':') else {
            return Some(format!("{declaration:?} is not a declaration"));
        };
        let property = property.trim();
        if !within(STYLES, property) {
            return Some(format!("the property {property}"));
        }
        let family = property.split('-').next().unwrap_or_default();
        if matches!(family, "background" | "border" | "margin" | "padding")
            && let Some(word) = value.split_whitespace().find(|word| !is_plain_word(word))
        {
            return Some(format!("the value {word}"));
        }
    }
    None
}

/// A keyword, a colour, or a length of no more than three digits.
fn is_plain_word(word: &str) -> bool {
    if within(STYLE_WORDS, word) || word.starts_with("rgb(") || word.ends_with(',') || word.ends_with(')') {
        return true;
    }
    if let Some(hex) = word.strip_prefix('#') {
        return !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit());
    }
    let end = word.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-').unwrap_or(word.len());
    let (number, unit) = word.split_at(end);
    let units = ["", "ch", "cm", "em", "ex", "in", "mm", "pc", "pt", "px", "rem", "%"];
    number.bytes().any(|b| b.is_ascii_digit()) && number.len() <= 4 && units.contains(&unit)
}
