//! A formula as a line of text for emails and summaries: x², α ≤ β, (a + b)/2. A formula that needs two dimensions is not
//! made one line.

use super::scripts::{accented, subscript, superscript};
use crate::html::{At, Data, Tree, parse};

/// A formula without MathML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Its text.
    Text(String),
    /// Its TeX.
    Code(String),
}

/// How the `math` element in `html` is shown as text: readable, or as its TeX, or else all of its text.
pub(crate) fn shown(html: &str) -> Shown {
    let tree = parse(html);
    let Some(math) = tree.below(Tree::ROOT).find(|at| tree.name(*at) == ":math") else {
        return Shown::Text(String::new());
    };
    let tex = tree
        .below(math)
        .find(|at| {
            tree.name(*at) == ":annotation" && tree.attribute(*at, "encoding") == Some("application/x-tex")
        })
        .map(|at| tree.text(at));
    let reader = Reader { tree: &tree };
    match (reader.line(math), tex) {
        (Some(line), _) => Shown::Text(line),
        (None, Some(tex)) => Shown::Code(tex.trim().to_owned()),
        (None, None) => Shown::Text(tree.text(math).split_whitespace().collect::<Vec<_>>().join(" ")),
    }
}

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// A letter, a number or a word.
    Operand(String),
    /// A fraction, which stands alone or in parentheses.
    Fraction(String),
    /// An operator with spaces around it.
    Infix(String),
    /// An operator without.
    Tight(String),
    Space,
    /// A function goes before its argument, which may be in parentheses.
    Application,
}

/// The tree is not deeper than `html::parse` makes it, so recursion is safe.
struct Reader<'t> {
    tree: &'t Tree,
}

impl Reader<'_> {
    /// The content of an element in one line.
    fn line(&self, at: At) -> Option<String> {
        let mut tokens = Vec::new();
        self.push(at, &mut tokens)?;
        let line = joined(&tokens);
        (!line.is_empty()).then_some(line)
    }

    fn push(&self, at: At, tokens: &mut Vec<Token>) -> Option<()> {
        let Data::Element(element) = self.tree.data(at) else { return Some(()) };
        match element.name.strip_prefix(':').unwrap_or_default() {
            "math" | "mrow" | "mstyle" | "mpadded" => {
                self.tree.children(at).iter().try_for_each(|child| self.push(*child, tokens))?;
            }
            "semantics" => self.push(*self.parts(at).first()?, tokens)?,
            "mi" | "mn" | "mtext" | "ms" => self.push_operand(at, tokens),
            "mo" => push_operator(self.tree.text(at).trim(), tokens),
            "mspace" => {
                let width = element.attribute("width").unwrap_or_default();
                tokens.extend(
                    (!width.starts_with(['-', '0']) || width.starts_with("0.")).then_some(Token::Space),
                );
            }
            "mfrac" => {
                let [above, below] = *self.parts(at) else { return None };
                // Without a line it is a binomial.
                if element.attribute("linethickness").is_some() {
                    return None;
                }
                tokens.push(Token::Fraction(format!("{}/{}", self.atom(above)?, self.atom(below)?)));
            }
            "msqrt" => {
                let root = self.inside(at)?;
                tokens.push(Token::Operand(format!("√{}", in_parentheses(root))));
            }
            "msub" | "munder" | "msup" | "mover" | "msubsup" | "munderover" => {
                self.push_scripts(at, tokens)?;
            }
            _ => return None,
        }
        Some(())
    }

    fn push_operand(&self, at: At, tokens: &mut Vec<Token>) {
        let text = self.tree.text(at);
        let is_text = self.tree.name(at) == ":mtext";
        tokens.extend((is_text && text.starts_with(char::is_whitespace)).then_some(Token::Space));
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        // The minus of `-x`, which pulldown-latex writes as a letter.
        let operand = if words == "−" { Token::Tight(words) } else { Token::Operand(words) };
        tokens.push(operand);
        tokens.extend((is_text && text.ends_with(char::is_whitespace)).then_some(Token::Space));
    }

    /// A base with what is at its corners, above and below.
    fn push_scripts(&self, at: At, tokens: &mut Vec<Token>) -> Option<()> {
        let (base, low, high) = match (self.tree.name(at), self.parts(at).as_slice()) {
            (":msub" | ":munder", &[base, low]) => (base, Some(low), None),
            (":msup" | ":mover", &[base, high]) => (base, None, Some(high)),
            (":msubsup" | ":munderover", &[base, low, high]) => (base, Some(low), Some(high)),
            _ => return None,
        };
        let text = self.scripted_base(base)?;
        if let (":mover", Some(high)) = (self.tree.name(at), high)
            && let Some(accented) = accented(&text, self.line(high)?.trim())
        {
            tokens.push(Token::Operand(accented));
            return Some(());
        }
        let is_corner = self.tree.name(at).starts_with(":ms");
        let has_limits =
            text.starts_with(is_large) || text.chars().count() > 1 && text.chars().all(char::is_alphabetic);
        if !is_corner && !has_limits {
            return None;
        }
        let low = low.map_or(Some(String::new()), |low| subscript(&self.line(low)?))?;
        let high = high.map_or(Some(String::new()), |high| superscript(&self.line(high)?))?;
        tokens.push(Token::Operand(text + &low + &high));
        tokens.extend(has_limits.then_some(Token::Space));
        Some(())
    }

    /// The base of a script: a closing bracket stays as it is, because it ends the text before.
    fn scripted_base(&self, base: At) -> Option<String> {
        let text = self.tree.text(base);
        if matches!(text.trim(), "" | ")" | "]" | "}" | "|" | "‖" | "∥") {
            return Some(text.trim().to_owned());
        }
        self.atom(base)
    }

    /// An element as one operand.
    fn atom(&self, at: At) -> Option<String> {
        self.line(at).map(in_parentheses)
    }

    fn inside(&self, at: At) -> Option<String> {
        let mut tokens = Vec::new();
        self.tree.children(at).iter().try_for_each(|child| self.push(*child, &mut tokens))?;
        Some(joined(&tokens))
    }

    fn parts(&self, at: At) -> Vec<At> {
        let children = self.tree.children(at).iter().copied();
        children.filter(|at| matches!(self.tree.data(*at), Data::Element(_))).collect()
    }
}

fn push_operator(text: &str, tokens: &mut Vec<Token>) {
    let has_left = !matches!(tokens.last(), None | Some(Token::Infix(_) | Token::Tight(_)))
        || matches!(tokens.last(), Some(Token::Tight(last)) if last.ends_with([')', ']', '}', '|', '!', '…', '⋯']));
    if let (Some(Token::Infix(last)), "=") = (tokens.last_mut(), text)
        && last == ":"
    {
        return last.push('=');
    }
    match text {
        "\u{2061}" => tokens.push(Token::Application),
        // An invisible product, comma or sum.
        "\u{2062}" | "\u{2063}" | "\u{2064}" | "" => {}
        "," | ";" => tokens.extend([Token::Tight(text.to_owned()), Token::Space]),
        _ if has_left && text.chars().all(is_infix) => tokens.push(Token::Infix(text.to_owned())),
        _ => tokens.push(Token::Tight(text.to_owned())),
    }
}

/// Whether an operator has spaces around it: the signs of arithmetic, relations and arrows.
fn is_infix(c: char) -> bool {
    let is_dots = matches!(c, '\u{22EE}'..='\u{22F1}');
    !is_dots
        && matches!(c,
            '+' | '-' | '−' | '±' | '∓' | '×' | '÷' | '*' | '∗' | '·' | '∘' | '=' | '<' | '>' | ':' | '∝' | '\u{338}'
            | '\u{2190}'..='\u{21FF}' | '\u{2208}'..='\u{220D}' | '\u{2223}'..='\u{222A}' | '\u{2236}'..='\u{22BF}'
            | '\u{22C4}'..='\u{22FF}' | '\u{27F5}'..='\u{27FF}' | '\u{2A7D}'..='\u{2AFF}')
}

/// Sums, products, integrals and their like.
fn is_large(c: char) -> bool {
    matches!(c, '∑' | '∏' | '∐' | '\u{222B}'..='\u{2233}' | '\u{22C0}'..='\u{22C3}' | '\u{2A00}'..='\u{2A1C}')
}

fn joined(tokens: &[Token]) -> String {
    let mut line = String::new();
    for (at, token) in tokens.iter().enumerate() {
        let space = |line: &mut String| {
            if !line.is_empty() && !line.ends_with(' ') {
                line.push(' ');
            }
        };
        match token {
            Token::Operand(text) | Token::Tight(text) => line.push_str(text),
            Token::Fraction(text) => {
                let touches = |token: Option<&Token>, bracket: &[char]| match token {
                    Some(Token::Operand(_) | Token::Fraction(_)) => true,
                    Some(Token::Tight(text)) => text.ends_with(bracket),
                    _ => false,
                };
                let before = at.checked_sub(1).and_then(|before| tokens.get(before));
                let is_bare =
                    !touches(before, &[')', ']', '/']) && !touches(tokens.get(at + 1), &['(', '[', '/', '!']);
                if is_bare {
                    line.push_str(text);
                } else {
                    line.extend(["(", text, ")"]);
                }
            }
            Token::Infix(text) => {
                space(&mut line);
                line.push_str(text);
                line.push(' ');
            }
            Token::Application if matches!(tokens.get(at + 1), Some(Token::Tight(text)) if text == "(") => {}
            Token::Space | Token::Application => space(&mut line),
        }
    }
    line.trim_end().to_owned()
}

/// `text` in parentheses, if it is more than one letter, word or number.
fn in_parentheses(text: String) -> String {
    let is_one = text.chars().count() == 1
        || text.chars().all(|c| c.is_ascii_digit() || c == '.')
        || text.chars().all(|c| c.is_alphabetic() || !c.is_ascii() && !c.is_whitespace() && !is_infix(c))
        || text.starts_with('(') && text.find(')') == Some(text.len() - 1);
    if is_one { text } else { format!("({text})") }
}
