//! The sizes of pictures. Only the beginning of a file is read, so a broken or huge one does no harm; its size is then unknown.

use std::fs::File;
use std::io::{BufReader, Read as _};

use camino::Utf8Path;

use crate::html;

/// How much of an SVG is read: its first tag is after a declaration and comments of editors.
const SVG_HEAD: u64 = 8 * 1024;

/// Width and height; `None` for anything but a picture.
pub fn picture_size(file: &Utf8Path) -> Option<(u32, u32)> {
    let (width, height) = match imagesize::reader_size(BufReader::new(File::open(file).ok()?)) {
        Ok(size) => (u32::try_from(size.width).ok()?, u32::try_from(size.height).ok()?),
        Err(_) => svg_size(file)?,
    };
    (width > 0 && height > 0).then_some((width, height))
}

/// The size of an SVG in pixels; without units, that of its `viewBox`.
fn svg_size(file: &Utf8Path) -> Option<(u32, u32)> {
    let mut head = Vec::new();
    File::open(file).ok()?.take(SVG_HEAD).read_to_end(&mut head).ok()?;
    let head = String::from_utf8_lossy(&head);
    let root = html::tags(&head).into_iter().find(|tag| tag.name() == "svg")?;
    let pixels = |text: &str| text.trim().trim_end_matches("px").split('.').next()?.parse::<u32>().ok();
    let stated = |name| root.attribute(name).and_then(pixels);
    if let (Some(width), Some(height)) = (stated("width"), stated("height")) {
        return Some((width, height));
    }
    let sides = root.attribute("viewbox")?.split([' ', ',']).filter(|side| !side.is_empty());
    let mut sides = sides.skip(2).map(pixels);
    Some((sides.next()??, sides.next()??))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn size_of(bytes: &[u8]) -> Option<(u32, u32)> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        picture_size(Utf8Path::from_path(file.path()).unwrap())
    }

    #[test]
    fn pictures_are_measured_by_their_first_bytes() {
        let png = [
            &b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..],
            &1600_u32.to_be_bytes(),
            &900_u32.to_be_bytes(),
            &[0; 20],
        ];
        assert_eq!(size_of(&png.concat()), Some((1600, 900)));
        assert_eq!(size_of(b"GIF89a\x20\x03\x58\x02\0\0\0"), Some((800, 600)));
        for broken in [&b""[..], b"GIF89a", b"<svg width=\"10\"/>", b"\xff\xd8\xff\xe0", b"RIFF\0\0\0\0WEBP"]
        {
            assert_eq!(size_of(broken), None, "{broken:?}");
        }
        assert_eq!(picture_size(Utf8Path::new("/nowhere.png")), None);
    }

    #[test]
    fn an_svg_has_the_size_of_its_root() {
        for (svg, expected) in [
            ("<?xml version=\"1.0\"?><!-- a --><svg width=\"640px\" height=\"360.5\">", Some((640, 360))),
            ("<svg viewBox=\"0 0 1200,800\" width=\"100%\" height=\"100%\"/>", Some((1200, 800))),
            ("<svg viewBox=\"0 0 0 8\"/>", None),
            ("<svg viewBox=\"0 0\"/>", None),
            ("<p>no picture</p>", None),
        ] {
            assert_eq!(size_of(svg.as_bytes()), expected, "{svg}");
        }
    }

    proptest! {
        #[test]
        fn no_broken_picture_panics(
            head in prop::sample::select(vec![
                &b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], b"GIF89a", b"\xff\xd8\xff", b"RIFF\x40\0\0\0WEBPVP8", b"RIFF\x40\0\0\0WEBPVP8X",
                b"\0\0\0\x20ftypavif\0\0\0\0", b"\0\0\0\x20ftypheic",
            ]),
            rest in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let bytes = [head, &rest].concat();
            let _ = imagesize::reader_size(std::io::Cursor::new(bytes));
        }
    }
}
