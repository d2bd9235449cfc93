//! Real formulas, and text that is none.

use proptest::prelude::*;

use super::*;
use crate::html::tags;

fn text(tex: &str) -> String {
    match shown(&mathml(tex, false).unwrap()) {
        Shown::Text(text) => text,
        Shown::Code(tex) => format!("`{tex}`"),
    }
}

#[test]
fn tex_becomes_mathml_with_its_annotation() {
    assert_eq!(
        mathml("a < b_1", false).unwrap(),
        "<math><semantics><mrow><mi>a</mi><mo>&lt;</mo><msub><mi>b</mi><mn>1</mn></msub></mrow>\
         <annotation encoding=\"application/x-tex\">a &lt; b_1</annotation></semantics></math>"
    );
    let aligned = mathml(r"a &= b \\ c &= d", true).unwrap();
    assert!(
        aligned.starts_with("<math display=\"block\"><semantics><mrow><mtable columnalign=\"right left\">"),
        "{aligned}"
    );
}

#[test]
fn a_simple_formula_is_a_line_of_text() {
    for (tex, expected) in [
        ("x^2 + y^2 = z^2", "x² + y² = z²"),
        (r"\alpha \le \beta", "α ≤ β"),
        (r"-x_1", "−x₁"),
        (r"\frac{a+b}{2}", "(a + b)/2"),
        (r"\frac12 x", "(1/2)x"),
        (r"e^{-x}", "e⁻ˣ"),
        (r"\sum_{i=1}^n i", "∑ᵢ₌₁ⁿ i"),
        (r"f(x) = \sin x", "f(x) = sin x"),
        (r"(a+b)^2", "(a + b)²"),
        (r"\sqrt{x+1}", "√(x + 1)"),
        (r"\hat{x} \ne \bar y", "x\u{302} ≠ y\u{304}"),
        (r"x_1, \dots, x_n \in \R", "x₁, …, xₙ ∈ ℝ"),
        (r"\text{if } x > 0", "if x > 0"),
        (r"W^\top x^*", "Wᵀx*"),
        (r"A \& B", "A&B"),
        (r"f(u) := \exp(-u)", "f(u) := exp(−u)"),
    ] {
        assert_eq!(text(tex), expected, "{tex}");
    }
}

#[test]
fn a_formula_with_two_dimensions_stays_tex() {
    for tex in
        [r"\begin{pmatrix}a & b\end{pmatrix}", r"x_q", r"\binom{n}{k}", r"\underbrace{a}_{b}", r"e^{x^2}"]
    {
        assert_eq!(text(tex), format!("`{tex}`"));
    }
}

#[test]
fn mathml_without_tex_is_shown_as_its_text_at_least() {
    let math = |inner: &str| shown(&format!("<math>{inner}</math>"));
    let readable = "<mrow><mi>x</mi><mo>=</mo><mfrac><mn>1</mn><mn>2</mn></mfrac></mrow>";
    assert_eq!(math(readable), Shown::Text("x = 1/2".to_owned()));
    assert_eq!(math("<mi>sin</mi><mo>\u{2061}</mo><mi>x</mi>"), Shown::Text("sin x".to_owned()));
    assert_eq!(math("<mtable><mtr><mtd><mi>a</mi></mtd></mtr></mtable>"), Shown::Text("a".to_owned()));
}

#[test]
fn a_formula_that_cannot_be_translated_says_why() {
    assert_eq!(mathml(r"\nosuch x", false), Err("unknown primitive command found".to_owned()));
    assert_eq!(line(r"\nosuch   x"), r"\nosuch x");
    let script = mathml(r"\operatorname{<script>alert(1)</script>}", false).unwrap();
    assert!(!script.contains("<script"), "{script}");
}

/// Whether `html` is well-formed XML, apart from the name of the no-break space.
fn is_well_formed(html: &str) -> bool {
    let html = html.replace("&nbsp;", "\u{A0}");
    let mut reader = quick_xml::Reader::from_str(&html);
    let mut depth = 0usize;
    loop {
        match reader.read_event() {
            Ok(quick_xml::events::Event::Start(_)) => depth += 1,
            Ok(quick_xml::events::Event::End(_)) => depth -= 1,
            Ok(quick_xml::events::Event::Eof) => return depth == 0,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

#[test]
fn of_two_hundred_real_formulas_the_named_26_stay_tex_and_the_others_become_well_formed_mathml() {
    let mut is_translated = true;
    let mut counts = [0, 0];
    for line in include_str!("../../tests/data/formulas.txt").lines() {
        if let Some(heading) = line.strip_prefix("% ") {
            is_translated &= !heading.starts_with("not translated");
            continue;
        }
        counts[usize::from(is_translated)] += 1;
        let translated = mathml(line, false);
        assert_eq!(translated.is_ok(), is_translated, "{line}: {translated:?}");
        assert!(translated.is_ok_and(|mathml| is_well_formed(&mathml)) || !is_translated, "{line}");
    }
    assert_eq!(counts, [26, 174]);
}

proptest! {
    #[test]
    fn no_text_breaks_the_translation(tex in r"(\\[a-zA-Z]{1,12}|\\(frac|sqrt|left|right|begin|end|text|operatorname|mathbf|not|sum|hat)|\{|\}|\{(matrix|cases|array|aligned)\}|[\^_&<>$%#~'|()\[\]]|\\\\|[ -~]|[가-힣αβ\u{338}😀]){0,24}") {
        if let Ok(mathml) = mathml(&tex, true) {
            prop_assert!(is_well_formed(&mathml), "{}", mathml);
            for tag in tags(&mathml) {
                prop_assert!(ELEMENTS.split_whitespace().any(|name| name == tag.name()), "{}", mathml);
            }
        }
        line(&tex);
    }
}
