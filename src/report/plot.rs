//! Plots as SVG inside a page: lines over time, and horizontal bars.
//!
//! Positions are percentages and heights pixels, so a plot takes the width that it gets and its text keeps its size. Colours
//! are classes, which the style of the page defines for both themes. The numbers are in a table beside each plot; its title
//! says in a sentence what it shows.

use std::fmt::Write as _;

use crate::html::escape;

/// The height of the area of a line plot, and of what is above and below it.
const HEIGHT: f64 = 170.0;
const ABOVE: f64 = 18.0;
const BELOW: f64 = 26.0;
/// The units of the area in which lines are drawn.
const WIDTH: f64 = 1_000.0;
/// The height of a bar with its label.
const ROW: usize = 38;
/// How wide the label of a bar may be, in Latin letters.
const LABEL: usize = 34;

/// One line.
pub(crate) struct Line {
    /// For the legend.
    pub(crate) name: String,
    /// Places from 0 to 1 in the width, and values.
    pub(crate) points: Vec<(f64, u64)>,
}

/// A line plot.
pub(crate) struct LinePlot<'a> {
    /// Unique on the page.
    pub(crate) id: &'a str,
    pub(crate) title: String,
    /// At least as high as this.
    pub(crate) at_least: u64,
    /// Texts below the plot, with their places from 0 to 1.
    pub(crate) ticks: Vec<(f64, String)>,
    pub(crate) lines: Vec<Line>,
}

/// One bar.
pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) value: u64,
}

/// Draws lines; `number` writes a number in the language of the page.
pub(crate) fn lines(plot: &LinePlot<'_>, number: &dyn Fn(u64) -> String) -> String {
    let highest = plot.lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value).max();
    let step = grid_step(highest.unwrap_or_default().max(plot.at_least));
    let top = highest.unwrap_or_default().max(plot.at_least).div_ceil(step).max(1) * step;
    let y = |value: u64| HEIGHT - HEIGHT * ratio(value, top);
    let mut svg = begin(plot.id, &plot.title, HEIGHT + ABOVE + BELOW);
    for value in (0..=top).step_by(usize::try_from(step).unwrap_or(usize::MAX)) {
        let at = ABOVE + y(value);
        write(
            &mut svg,
            format_args!("<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>"),
        );
        let text = number(value);
        write(&mut svg, format_args!("<text class=\"axis\" x=\"0\" y=\"{:.1}\">{text}</text>", at - 4.0));
    }
    for (place, text) in &plot.ticks {
        let anchor = if *place < 0.1 {
            "start"
        } else if *place > 0.9 {
            "end"
        } else {
            "middle"
        };
        write(
            &mut svg,
            format_args!(
                "<text class=\"axis\" x=\"{:.1}%\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
                place * 100.0,
                ABOVE + HEIGHT + 18.0,
                escape(text)
            ),
        );
    }
    write(
        &mut svg,
        format_args!(
            "<svg y=\"{ABOVE}\" width=\"100%\" height=\"{HEIGHT}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             preserveAspectRatio=\"none\" overflow=\"visible\">"
        ),
    );
    for (number, line) in plot.lines.iter().enumerate() {
        svg.push_str(&polyline(number, line, &y));
    }
    svg.push_str("</svg></svg>");
    svg + &legend(&plot.lines)
}

fn polyline(number: usize, line: &Line, y: &dyn Fn(u64) -> f64) -> String {
    let mut points: Vec<String> =
        line.points.iter().map(|(place, value)| format!("{:.1},{:.1}", place * WIDTH, y(*value))).collect();
    // A single point would be invisible.
    if let [(_, value)] = line.points.as_slice() {
        points = vec![format!("0,{:.1}", y(*value)), format!("{WIDTH},{:.1}", y(*value))];
    }
    format!("<polyline class=\"line line-{number}\" points=\"{}\"/>", points.join(" "))
}

fn legend(lines: &[Line]) -> String {
    if lines.len() < 2 {
        return String::new();
    }
    let mut html = "<ul class=\"legend\">".to_owned();
    for (number, line) in lines.iter().enumerate() {
        write(
            &mut html,
            format_args!(
                "<li><svg width=\"28\" height=\"10\" aria-hidden=\"true\">\
                 <line class=\"line line-{number}\" x1=\"0\" x2=\"28\" y1=\"5\" y2=\"5\"/></svg> {}</li>",
                escape(&line.name)
            ),
        );
    }
    html + "</ul>"
}

/// Draws bars, each with its label and its number above it.
pub(crate) fn bars(id: &str, title: &str, bars: &[Bar], number: &dyn Fn(u64) -> String) -> String {
    let largest = bars.iter().map(|bar| bar.value).max().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "a height in pixels")]
    let mut svg = begin(id, title, (bars.len() * ROW) as f64);
    for (row, bar) in bars.iter().enumerate() {
        let top = row * ROW;
        write(
            &mut svg,
            format_args!(
                "<text class=\"label\" x=\"0\" y=\"{}\">{}</text>\
                 <text class=\"label\" x=\"100%\" y=\"{}\" text-anchor=\"end\">{}</text>\
                 <rect class=\"track\" y=\"{}\" width=\"100%\" height=\"8\" rx=\"4\"/>\
                 <rect class=\"bar\" y=\"{}\" width=\"{:.1}%\" height=\"8\" rx=\"4\"/>",
                top + 15,
                escape(&label(&bar.label)),
                top + 15,
                number(bar.value),
                top + 21,
                top + 21,
                ratio(bar.value, largest) * 100.0
            ),
        );
    }
    svg + "</svg>"
}

fn begin(id: &str, title: &str, height: f64) -> String {
    format!(
        "<svg class=\"plot\" role=\"img\" aria-labelledby=\"{id}-title\" width=\"100%\" height=\"{height}\">\
         <title id=\"{id}-title\">{}</title>",
        escape(title)
    )
}

/// Writing to a `String` cannot fail.
fn write(text: &mut String, part: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(part);
}

#[expect(clippy::cast_precision_loss, reason = "a place in a plot")]
fn ratio(value: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { value as f64 / of as f64 }
}

/// The distance of the lines of a grid: 1, 2 or 5 and zeros, so that there are three to six.
fn grid_step(highest: u64) -> u64 {
    let mut power = 1_u64;
    loop {
        for step in [power, power.saturating_mul(2), power.saturating_mul(5)] {
            if highest.div_ceil(step) <= 5 {
                return step;
            }
        }
        power = power.saturating_mul(10);
    }
}

/// The beginning of a label that fits beside its number. Wide letters take the place of two.
fn label(text: &str) -> String {
    let mut width = 0;
    let fits = |c: &char| {
        width += if *c < '\u{1100}' { 1 } else { 2 };
        width <= LABEL
    };
    let fitting: String = text.chars().take_while(fits).collect();
    if fitting.len() == text.len() { fitting } else { fitting + "…" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(value: u64) -> String {
        value.to_string()
    }

    fn plot(points: &[(f64, u64)]) -> String {
        let line = |name: &str| Line { name: name.to_owned(), points: points.to_vec() };
        let ticks = vec![(0.0, "<first>".to_owned()), (0.5, "middle".to_owned()), (1.0, "last".to_owned())];
        let plot = LinePlot {
            id: "a",
            title: "a & b".to_owned(),
            at_least: 0,
            ticks,
            lines: vec![line("<x>"), line("y")],
        };
        lines(&plot, &plain)
    }

    #[test]
    fn a_grid_has_round_numbers_and_few_lines() {
        for (highest, step) in
            [(0, 1), (1, 1), (5, 1), (6, 2), (11, 5), (99, 20), (1_000, 200), (12_345, 5_000)]
        {
            assert_eq!(grid_step(highest), step, "{highest}");
        }
        assert!(grid_step(u64::MAX) > u64::MAX / 10);
    }

    #[test]
    fn lines_end_at_the_edges_and_texts_are_escaped() {
        let svg = plot(&[(0.0, 0), (1.0, 10)]);
        assert!(svg.contains("points=\"0.0,170.0 1000.0,0.0\""), "{svg}");
        assert!(
            svg.contains("<title id=\"a-title\">a &amp; b</title>")
                && svg.contains("aria-labelledby=\"a-title\"")
        );
        assert!(
            svg.contains("&lt;first&gt;")
                && svg.contains("&lt;x&gt;")
                && svg.contains("text-anchor=\"end\">last")
        );
        assert_eq!(svg.matches("class=\"grid\"").count(), 6);
    }

    #[test]
    fn one_point_is_a_line_and_none_is_an_empty_plot() {
        assert!(plot(&[(0.0, 3)]).contains("points=\"0,0.0 1000,0.0\""));
        assert!(plot(&[]).contains("points=\"\""));
    }

    #[test]
    fn the_longest_bar_takes_the_whole_width_and_a_long_label_ends_early() {
        let bar = |label: &str, value| Bar { label: label.to_owned(), value };
        let svg = bars("b", "t", &[bar("<a>", 50), bar(&"글".repeat(30), 5), bar("c", 0)], &plain);
        for width in ["100.0%", "10.0%", "0.0%"] {
            assert!(svg.contains(&format!("width=\"{width}\"")), "{svg}");
        }
        assert!(svg.contains("&lt;a&gt;") && svg.contains(&format!(">{}…<", "글".repeat(17))));
        assert!(bars("b", "t", &[bar("a", 0)], &plain).contains("0.0%"));
    }
}
