//! Makes `__한국어__는` bold. In `CommonMark`, `__` cannot close before a letter, but Korean particles follow a word without
//! a space. The last letter inside must be Chinese, Japanese or Korean, so `__init__는` stays as it is.

use comrak::Arena;
use comrak::nodes::{AstNode, NodeValue};

/// Makes `__…__` bold where its last letter is a CJK letter.
pub(super) fn embolden<'a>(arena: &'a Arena<'a>, root: &'a AstNode<'a>) {
    let texts: Vec<_> = root
        .descendants()
        .filter(|node| matches!(&node.data().value, NodeValue::Text(text) if text.contains("__")))
        .collect();
    for node in texts {
        let NodeValue::Text(text) = node.data().value.clone() else { continue };
        let mut from = 0;
        while let Some((open, close)) = pair(&text, from) {
            let strong = arena.alloc(NodeValue::Strong.into());
            strong.append(arena.alloc(NodeValue::Text(text[open + 2..close].to_owned().into()).into()));
            if open > from {
                node.insert_before(arena.alloc(NodeValue::Text(text[from..open].to_owned().into()).into()));
            }
            node.insert_before(strong);
            from = close + 2;
        }
        if from > 0 {
            node.data_mut().value = NodeValue::Text(text[from..].to_owned().into());
        }
    }
}

/// The next `__` that opens, and the one that closes it.
fn pair(text: &str, from: usize) -> Option<(usize, usize)> {
    let mut open = from + text[from..].find("__")?;
    loop {
        let close = open + 2 + text[open + 2..].find("__")?;
        let inside = &text[open + 2..close];
        let ends_in_cjk = inside.chars().next_back().is_some_and(is_cjk);
        let starts_well = inside.chars().next().is_some_and(|c| !c.is_whitespace() && c != '_');
        if ends_in_cjk && starts_well && !text[close + 2..].starts_with('_') {
            return Some((open, close));
        }
        open = close;
    }
}

pub(super) fn is_cjk(c: char) -> bool {
    matches!(c,
        '\u{1100}'..='\u{11FF}' | '\u{3040}'..='\u{30FF}' | '\u{3130}'..='\u{318F}' | '\u{31F0}'..='\u{31FF}'
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}' | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{323AF}')
}
