//! Compressed copies of a document, for web servers that send precompressed files. The same input gives the same bytes: the
//! copies contain no file name, time or operating system.

use std::io::{Read, Write};

use crate::config::Compression;

/// Every compression. Copies that are not configured are removed.
pub(super) const ALL: [Compression; 2] = [Compression::Gzip, Compression::Brotli];

/// Nine of eleven: the last two levels take ten times as long for a few per cent.
const BROTLI_QUALITY: u32 = 9;
const BROTLI_WINDOW: u32 = 22;
const BUFFER: usize = 1 << 16;

/// The suffix that the copy adds to the name of the document.
pub(super) fn ending(compression: Compression) -> &'static str {
    match compression {
        Compression::Gzip => "gz",
        Compression::Brotli => "br",
    }
}

/// The copy.
#[expect(clippy::expect_used, reason = "the only error is one of the writer, and memory has none")]
pub(super) fn compress(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    match compression {
        Compression::Gzip => {
            let mut writer = flate2::GzBuilder::new()
                .operating_system(255)
                .write(Vec::with_capacity(bytes.len() / 4), flate2::Compression::best());
            writer.write_all(bytes).and_then(|()| writer.finish()).expect("writing to memory cannot fail")
        }
        Compression::Brotli => {
            let mut compressed = Vec::with_capacity(bytes.len() / 4);
            let mut writer =
                brotli::CompressorWriter::new(&mut compressed, BUFFER, BROTLI_QUALITY, BROTLI_WINDOW);
            writer.write_all(bytes).and_then(|()| writer.flush()).expect("writing to memory cannot fail");
            drop(writer);
            compressed
        }
    }
}

/// Whether `copy` decompresses to `bytes`, with any program and at any level. Stops at the first difference.
pub(super) fn is_copy(compression: Compression, copy: impl Read, bytes: &[u8]) -> bool {
    let reader: &mut dyn Read = match compression {
        Compression::Gzip => &mut flate2::read::GzDecoder::new(copy),
        Compression::Brotli => &mut brotli::Decompressor::new(copy, BUFFER),
    };
    let (mut rest, mut buffer) = (bytes, vec![0; BUFFER]);
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return rest.is_empty(),
            Ok(length) => match rest.strip_prefix(&buffer[..length]) {
                Some(behind) => rest = behind,
                None => return false,
            },
            Err(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn only_a_copy_of_the_same_bytes_is_recognised(text in "(가나다|[a-z <>]{0,40}|\n){0,60}", other in "[a-z]{0,9}") {
            for compression in ALL {
                let copy = compress(compression, text.as_bytes());
                prop_assert!(is_copy(compression, copy.as_slice(), text.as_bytes()));
                prop_assert_eq!(&compress(compression, text.as_bytes()), &copy, "the same bytes each time");
                prop_assert!(!is_copy(compression, copy.as_slice(), [text.as_bytes(), b"!"].concat().as_slice()));
                prop_assert!(!is_copy(compression, &copy[..copy.len() / 2], text.as_bytes()));
                prop_assert!(!is_copy(compression, other.as_bytes(), b"x"));
            }
        }
    }

    #[test]
    fn a_gzip_file_contains_no_time_and_no_name() {
        let copy = compress(Compression::Gzip, b"abc");
        assert_eq!(copy[..10], [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 2, 255]);
    }
}
