//! No parser of foreign bytes takes more than linear time. `benches/parsers.rs` measures larger inputs.

mod measure;
mod shapes;

use std::time::Duration;

/// Long enough to be measured in a build without optimisations.
const LONG: Duration = Duration::from_millis(25);
const LARGE: usize = 1 << 20;

/// Twice the input may take a little more than twice the time, because of the caches of the processor.
const MOST: f64 = 2.6;

#[test]
fn twice_the_input_takes_any_parser_twice_the_time() {
    for case in shapes::CASES {
        // A parser that looks a bounded way ahead is linear only from some size on, and on a busy machine a measurement can be
        // wrong: so the input grows with each try. Quadratic work takes four times at each size.
        let is_linear = [1, 2, 4, 8, 8, 8, 8].into_iter().any(|times| {
            let growth = measure::growth(case, LONG * times, LARGE, 3);
            println!("{}, {} bytes: {:.2}", case.name, growth.bytes, growth.ratio());
            growth.ratio() <= MOST
        });
        assert!(is_linear, "{} takes more than linear time", case.name);
    }
}
