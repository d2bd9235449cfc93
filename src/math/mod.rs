//! Formulas: TeX becomes MathML, and MathML becomes a line of text where it can. Pure, and the only module that uses
//! pulldown-latex.

mod mathml;
mod readable;
mod scripts;
mod tex;

pub(crate) use mathml::{ATTRIBUTES, ELEMENTS, mathml};
pub(crate) use readable::{Shown, shown};

/// How a formula is shown where there is no MathML, in one line.
pub(crate) fn line(tex: &str) -> String {
    match mathml(tex, false).map(|mathml| shown(&mathml)) {
        Ok(Shown::Text(text)) => text,
        Ok(Shown::Code(_)) | Err(_) => tex.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

#[cfg(test)]
mod tests;
