//! TeX as MathML (MathML Core, and `columnalign` for the browsers that know it), with the TeX as annotation.
//!
//! pulldown-latex writes the elements. It does not escape everything and uses classes of a style sheet of its own, so its
//! output is parsed and written again, with an allow-list, as an HTML serializer would write it.

use pulldown_latex::config::DisplayMode;
use pulldown_latex::event::{Content, Event};
use pulldown_latex::{Parser, ParserError, RenderConfig, Storage, push_mathml};

use super::tex;
use crate::html::{At, Data, Tree, parse, push_attribute, push_text};

/// The elements of MathML Core, without those that load, run or contain anything but mathematics.
pub(crate) const ELEMENTS: &str = "math annotation merror mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow ms \
    mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover none semantics";

/// The attributes of these elements.
pub(crate) const ATTRIBUTES: &str = "accent accentunder columnalign columnspan depth dir display displaystyle encoding \
    fence form height largeop linethickness lspace mathbackground mathcolor mathsize mathvariant maxsize minsize \
    movablelimits rowspan rspace scriptlevel separator stretchy symmetric voffset width";

/// No formula that people read is nested as deep.
const MAX_DEPTH: usize = 60;

/// `tex` as a `math` element, or why it cannot be translated.
pub(crate) fn mathml(tex: &str, is_display: bool) -> Result<String, String> {
    let prepared = tex::prepared(tex)?;
    let raw = translated(&prepared, is_display)?;
    let tree = parse(&raw);
    let math = tree.below(Tree::ROOT).find(|at| tree.name(*at) == ":math");
    let math = math.ok_or("it has no content")?;
    let mut out = String::with_capacity(2 * raw.len());
    out.push_str(if is_display { "<math display=\"block\">" } else { "<math>" });
    out.push_str("<semantics><mrow>");
    for &child in tree.children(math) {
        write(&tree, child, 0, &mut out)?;
    }
    out.push_str("</mrow><annotation encoding=\"application/x-tex\">");
    push_text(&mut out, tex.trim());
    out.push_str("</annotation></semantics></math>");
    Ok(out)
}

/// The MathML of pulldown-latex, with the characters escaped that it leaves.
fn translated(tex: &str, is_display: bool) -> Result<String, String> {
    let storage = Storage::new();
    let events: Vec<Event<'_>> =
        Parser::new(tex, &storage).collect::<Result<_, _>>().map_err(|error| reason(&error))?;
    let texts = events.iter().map(text).collect::<Result<Vec<_>, String>>()?;
    let events = events.into_iter().zip(&texts).map(|(event, text)| match text {
        Some(text) => Event::Content(Content::Text(text)),
        None => event,
    });
    let mut raw = String::new();
    let display_mode = if is_display { DisplayMode::Block } else { DisplayMode::Inline };
    let config = RenderConfig { display_mode, ..RenderConfig::default() };
    push_mathml(&mut raw, events.map(Ok::<_, ParserError>), config).map_err(|error| error.to_string())?;
    // Text is escaped, and a name has none of these, so what is left is an operator alone in its element.
    for (bare, escaped) in [("><", ">&lt;"), (">&", ">&amp;")] {
        for end in ["<", "\u{338}<"] {
            raw = raw.replace(&format!("{bare}{end}"), &format!("{escaped}{end}"));
        }
    }
    Ok(raw)
}

/// The first line of the error, which goes on with the place in a box of several lines.
fn reason(error: &ParserError) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    first.strip_prefix("parsing error: ").unwrap_or(first).trim_end_matches(':').to_owned()
}

/// The text of an event, if it is text. An error if it is a name that pulldown-latex would not escape.
fn text(event: &Event<'_>) -> Result<Option<String>, String> {
    match event {
        Event::Content(Content::Text(raw)) => tex::text(raw).map(Some),
        Event::Content(Content::Function(name)) if name.contains(['<', '>', '&', '\\', '$']) => {
            Err(format!("{name} is not a plain name"))
        }
        _ => Ok(None),
    }
}

/// Writes a node. The depth is limited, so recursion is safe.
fn write(tree: &Tree, at: At, depth: usize, out: &mut String) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!("it is nested more than {MAX_DEPTH} deep"));
    }
    match tree.data(at) {
        Data::Text(text) => push_text(out, text),
        Data::Element(element) => {
            let name = element.name.strip_prefix(':').unwrap_or_default();
            if !ELEMENTS.split_whitespace().any(|allowed| allowed == name) {
                return Err(format!("it needs the element {}", element.name));
            }
            out.extend(["<", name]);
            for attribute in ATTRIBUTES.split_whitespace() {
                let value = element.attribute(attribute).or_else(|| match (name, attribute) {
                    ("mtable" | "mtd", "columnalign") => alignment(tree, at),
                    _ => None,
                });
                if let Some(value) = value {
                    out.extend([" ", attribute, "=\""]);
                    push_attribute(out, value);
                    out.push('"');
                }
            }
            out.push('>');
            for &child in tree.children(at) {
                write(tree, child, depth + 1, out)?;
            }
            out.extend(["</", name, ">"]);
        }
        Data::Comment(_) | Data::Nothing => {}
    }
    Ok(())
}

/// The alignment that a class of pulldown-latex stands for.
fn alignment(tree: &Tree, at: At) -> Option<&'static str> {
    let classes = [
        ("menv-align", "right left"),
        ("menv-cells-left", "left"),
        ("cell-left", "left"),
        ("menv-cells-right", "right"),
        ("cell-right", "right"),
    ];
    classes.iter().find(|(class, _)| tree.has_class(at, class)).map(|(_, alignment)| *alignment)
}
