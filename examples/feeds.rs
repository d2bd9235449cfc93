//! Renders the feeds of a site without writing a file, prints what they are, and prints one of them:
//!
//! ```sh
//! cargo run --example feeds -- config.toml atom.xml
//! ```

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "an example prints, and starts with the time"
)]

use std::error::Error;
use std::path::Path;
use std::time::SystemTime;

use letterpress::{Severity, Site};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let config = arguments.next().unwrap_or_else(|| "config.toml".to_owned());
    let wanted = arguments.next();

    let site = Site::open(config, SystemTime::now())?;
    for finding in site.check().iter().filter(|finding| finding.severity >= Severity::Warning) {
        eprintln!("{finding}");
    }
    let feeds = site.feeds();
    let Some(wanted) = wanted else {
        println!("{} posts", site.posts().count());
        for file in feeds {
            println!("{:>8} bytes  {}  {}", file.bytes.len(), file.path.display(), file.media_type);
        }
        return Ok(());
    };
    let file = feeds.iter().find(|file| file.path == Path::new(&wanted)).ok_or("there is no such feed")?;
    println!("{}", String::from_utf8_lossy(&file.bytes));
    Ok(())
}
