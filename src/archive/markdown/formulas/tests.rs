//! Which text is a formula, and which is money, code or an address.

use proptest::prelude::*;

use super::*;

fn found(body: &str) -> Vec<String> {
    find(body).into_iter().map(|formula| formula.tex).collect()
}

#[test]
fn each_kind_of_delimiter_holds_a_formula() {
    assert_eq!(
        found("값 $x$는 $$y$$, \\(a*b\\)와 \\[ c \\], \\\\(d\\_1\\\\)"),
        ["x", "y", "a*b", "c", "d_1"]
    );
    assert_eq!(found("$a\\$b$ and\n$$\na\n\n- b\n$$"), ["a\\$b", "a\n\n- b"]);
    assert_eq!(found("> $$\n> a\n> > b\n> $$"), ["a\n> b"]);
}

#[test]
fn prices_code_and_addresses_are_no_formulas() {
    for body in [
        "It costs $5 and $6, or US$5, US$6, $5-$10.",
        "가격은 $5이고 배송은 10$다",
        "I paid $5 for this and 10$ for that",
        "`$a$` and ``$b`$`` and \\$c$",
        "```\n$a$\n```\n\n~~~sh\necho $a$\n```\n~~~",
        "> ```\n> $a$\n> ```",
        "[a](https://a.example/$b$) https://a.example/$c$ <a href=\"$d$\">",
        "$ a $ and $$$$ and $$$",
        "\\(a\n\nb\\) $a\n\nb$",
        "$a",
    ] {
        assert_eq!(found(body), [""; 0], "{body}");
    }
}

#[test]
fn the_place_of_a_formula_has_as_many_lines() {
    let lift = |body: &str| lifted(body, &find(body));
    assert_eq!(lift("a $x$ b"), "a `\u{E000}0` b");
    assert_eq!(lift("> $$\n> a\n> $$ b"), "> `\u{E000}0\n> \u{E000}\n> \u{E000}` b");
    assert_eq!(lift("- $$\n  > 0\n  $$"), "- `\u{E000}0\n  \u{E000}\n  \u{E000}`");
}

#[test]
fn many_delimiters_take_linear_time() {
    let begin = std::time::Instant::now();
    for piece in
        ["$", "$$", "$a ", "\\(", "\\[", "\\\\(", "`", "` `` ", "<a", "](", "://", "$$a\n\n", "```\n"]
    {
        find(&piece.repeat(200_000 / piece.len()));
    }
    assert!(begin.elapsed().as_secs() < 20, "{:?}", begin.elapsed());
}

proptest! {
    #[test]
    fn formulas_are_where_they_are_said_to_be(body in "(\\$|\\$\\$|\\\\\\(|\\\\\\)|\\\\\\[|\\\\\\]|\\\\|`|```|\n|> |- |<a |\\]\\(|[a5 가]){0,30}") {
        let formulas = find(&body);
        let mut from = 0;
        for formula in &formulas {
            prop_assert!(from <= formula.at.start && formula.at.start < formula.at.end);
            from = formula.at.end;
        }
        prop_assert_eq!(lifted(&body, &formulas).matches('\n').count(), body.matches('\n').count());
    }
}
