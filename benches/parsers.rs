//! Measures every parser of foreign bytes on inputs of doubled sizes, and prints the ratio of the times: 2 is linear, 4 is
//! quadratic.
//!
//! `cargo bench --bench parsers`, or only the cases whose names contain a word: `cargo bench --bench parsers -- lint`.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark prints its results and may end early"
)]

#[path = "../tests/it/linear/measure.rs"]
mod measure;
#[path = "../tests/it/linear/shapes.rs"]
mod shapes;

use std::time::Duration;

/// Sizes are doubled until a parser takes this long, or the input is this large.
const LONG: Duration = Duration::from_millis(400);
const LARGE: usize = 8 << 20;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    for case in shapes::CASES {
        if !wanted.is_empty() && !wanted.iter().any(|word| case.name.contains(word.as_str())) {
            continue;
        }
        let growth = measure::growth(case, LONG, LARGE, 3);
        println!(
            "{:<36} {:>9} bytes {:>6} ms; twice: {:>6} ms, ratio {:.2}",
            case.name,
            growth.bytes,
            growth.once.as_millis(),
            growth.twice.as_millis(),
            growth.ratio()
        );
    }
}
