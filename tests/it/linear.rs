//! No parser of foreign bytes takes more than linear time. `benches/parsers.rs` measures larger inputs.

mod measure;
mod shapes;

use std::time::Duration;

/// Long enough to be measured in a build without optimisations.
const LONG: Duration = Duration::from_millis(25);
const LARGE: usize = 1 << 20;

/// Twice the input may take a little more than twice the time, because of the caches of the processor; quadratic work takes
/// four times.
const MOST: f64 = 2.6;

#[test]
fn twice_the_input_takes_any_parser_twice_the_time() {
    for case in shapes::CASES {
        // On a busy machine a measurement can be wrong, but not each time.
        let is_linear = (0..6).any(|_| {
            let growth = measure::growth(case, LONG, LARGE, 3);
            println!("{}, {} bytes: {:.2}", case.name, growth.bytes, growth.ratio());
            growth.ratio() <= MOST
        });
        assert!(is_linear, "{} takes more than linear time", case.name);
    }
}
