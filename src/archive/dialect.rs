//! Which Markdown a post is written in. Generators differ in what they make of quotes, line breaks and formulas.

/// How a body is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MarkdownDialect {
    /// How formulas are read.
    pub formulas: Formulas,
    /// Whether straight quotes become curly ones, `--` and `---` dashes and `...` an ellipsis.
    pub smart_punctuation: bool,
    /// Whether the end of a line in a paragraph is a line break.
    pub hard_breaks: bool,
}

/// How the formulas of a body are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Formulas {
    /// There are none.
    #[default]
    Off,
    /// `$$…$$` is a formula in a line of its own.
    On,
    /// As in kramdown, `$$…$$` is that only in a paragraph of its own.
    Kramdown,
}

impl MarkdownDialect {
    /// The same without formulas.
    #[must_use]
    pub fn without_formulas(self) -> Self {
        Self { formulas: Formulas::Off, ..self }
    }
}
