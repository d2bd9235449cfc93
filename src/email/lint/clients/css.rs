//! The CSS of a finished email as far as the lint needs it: declarations, and the marks of the features that they use.

use cssparser::{Delimiter, ParseError, Parser, Token};

/// One declaration of a `style` attribute.
pub(super) struct Declaration {
    /// In lower case.
    pub(super) name: String,
    /// As written.
    pub(super) value: String,
    /// What it uses, as `tests/caniemail/table.py` writes it.
    pub(super) marks: Vec<String>,
}

impl Declaration {
    /// The lengths in its value, in pixels.
    pub(super) fn pixels(&self) -> impl Iterator<Item = f32> {
        self.value.split_ascii_whitespace().filter_map(|part| match part.strip_suffix("px") {
            Some(number) => number.parse().ok(),
            None => (part == "0").then_some(0.0),
        })
    }
}

/// The declarations of a `style` attribute in order. What a browser cannot read is left out.
pub(super) fn declarations(style: &str) -> Vec<Declaration> {
    let mut parser = Parser::new(style);
    let mut found = Vec::new();
    while !parser.is_exhausted() {
        let one = parser.parse_until_after(Delimiter::Semicolon, declaration);
        found.extend(one.ok());
    }
    found
}

fn declaration(parser: &mut Parser<'_>) -> Result<Declaration, ParseError<()>> {
    let name = parser.expect_ident()?.to_ascii_lowercase();
    parser.expect_colon()?;
    let start = parser.position();
    let mut marks = vec![name.clone()];
    values(parser, &name, &mut marks);
    Ok(Declaration { value: parser.slice_from(start).trim().to_owned(), name, marks })
}

/// Adds the marks of the tokens of a value; tells whether there was a comma.
fn values(parser: &mut Parser<'_>, name: &str, marks: &mut Vec<String>) -> bool {
    let mut has_comma = false;
    while let Ok(token) = parser.next().cloned() {
        match token {
            Token::Ident(word) => {
                let word = word.to_ascii_lowercase();
                marks.push(format!("{name}:{word}"));
                marks.push(format!("={word}"));
            }
            Token::Dimension { value, unit, .. } => {
                marks.push(format!("1{}", unit.to_ascii_lowercase()));
                if value < 0.0 {
                    marks.push(format!("{name}:-"));
                }
            }
            Token::Percentage { unit_value, .. } if unit_value < 0.0 => marks.push(format!("{name}:-")),
            Token::UnquotedUrl(_) => marks.push(format!("{name}:url()")),
            Token::Function(function) => {
                let function = function.to_ascii_lowercase();
                marks.push(format!("{function}()"));
                marks.push(format!("{name}:{function}()"));
                let inside = |parser: &mut Parser<'_>| Ok::<_, ParseError<()>>(values(parser, "", marks));
                if parser.parse_nested_block(inside) == Ok(false) {
                    marks.push(format!("{function}(_)"));
                }
            }
            Token::Comma => has_comma = true,
            _ => {}
        }
    }
    has_comma
}

/// The marks of at-rules and pseudo-elements in a `<style>`. Its other rules are in the elements already.
pub(super) fn sheet_marks(sheet: &str) -> Vec<String> {
    let mut parser = Parser::new(sheet);
    let mut marks = Vec::new();
    let mut after_colon = false;
    // The tokens of a block are skipped if nobody asks for them.
    while let Ok(token) = parser.next() {
        match token {
            Token::AtKeyword(name) => marks.push(format!("@{}", name.to_ascii_lowercase())),
            Token::Ident(name) if after_colon => marks.push(format!("::{}", name.to_ascii_lowercase())),
            _ => {}
        }
        after_colon = matches!(token, Token::Colon);
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_has_the_marks_of_its_property_words_units_and_functions() {
        let found =
            declarations("COLOR: rgb(1 2 3) !important; margin:0 -1REM; broken; background:url(a;b) #fff");
        let marks: Vec<_> = found.iter().map(|one| one.marks.join(" ")).collect();
        assert_eq!(
            marks,
            [
                "color rgb() color:rgb() rgb(_) color:important =important",
                "margin 1rem margin:-",
                "background background:url()"
            ]
        );
        assert_eq!(found[1].value, "0 -1REM");
    }

    #[test]
    fn commas_and_nested_functions_are_seen() {
        let found = declarations("width:calc(min(10vw, 2px) + 1px);color:rgba(0,0,0,.5)");
        assert_eq!(found[0].marks.join(" "), "width calc() width:calc() min() :min() 1vw 1px 1px calc(_)");
        assert!(!found[1].marks.iter().any(|mark| mark == "rgba(_)"));
    }

    #[test]
    fn a_style_sheet_has_the_marks_of_its_outer_level() {
        let sheet =
            "@import 'a.css'; @media (max-width: 9px) { a::before { x: y } } p.q::after, b:hover { z: 1rem }";
        assert_eq!(sheet_marks(sheet), ["@import", "@media", "::after", "::hover"]);
    }
}
