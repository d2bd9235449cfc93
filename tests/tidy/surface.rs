//! The public surface of the library, as lines: what `src/lib.rs` lists, and the public items of the files behind it. Compared
//! with `surface.txt`, so that it grows only on purpose.

use std::fs;

/// Where what `src/lib.rs` lists is defined.
const FILES: [&str; 3] = ["src/lib.rs", "src/finding.rs", "src/library.rs"];

/// The public surface now, one item a line.
pub(super) fn surface() -> String {
    FILES.iter().flat_map(|file| lines(file)).map(|line| line + "\n").collect()
}

/// The public items of a file. A public enum has public variants, and implementations of traits are public too.
fn lines(file: &str) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    let (mut found, mut in_enum) = (Vec::new(), false);
    for line in super::code(&text).lines() {
        in_enum = (in_enum && line != "}") || line.starts_with("pub enum ");
        let code = line.trim();
        let is_item = code.starts_with("pub ") || line.starts_with("impl") || code.starts_with("#[derive");
        let is_variant = in_enum && code.starts_with(char::is_uppercase);
        if is_item || is_variant {
            found.push(format!("{file}: {}", code.trim_end_matches([' ', '{', ',', ';'])));
        }
    }
    found
}
