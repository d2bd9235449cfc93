//! Content codings (RFC 9110, 8.4): how a body was compressed, undone within limits.
//!
//! Codings are undone one after the other and in memory, so the limit holds for the body and for everything between two
//! codings: a stream that expands to nothing or to too much costs no more than one that is allowed.

use std::fmt;
use std::io::{self, Read};

use flate2::bufread::GzDecoder;
use reqwest::header::{CONTENT_ENCODING, HeaderMap, HeaderValue};
use ruzstd::decoding::StreamingDecoder;

/// The header `Accept-Encoding` of a request.
pub(super) const ACCEPTED: &str = "gzip, br, zstd";

/// A server compresses once, and perhaps a cache once more.
const MOST_CODINGS: usize = 2;

/// The most members of gzip and frames of zstd. An empty one costs time, and expands to nothing.
const MOST_PARTS: usize = 4096;

/// The input buffer of the Brotli decoder.
const BUFFER: usize = 4096;

/// A way to compress a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Brotli,
    Zstd,
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        })
    }
}

/// Why a body cannot be decompressed.
#[derive(Debug)]
pub(super) enum DecodeError {
    TooLong,
    Damaged(Coding, io::Error),
}

/// The codings of a body in the order in which they were applied, or the value that is not supported.
pub(super) fn codings(headers: &HeaderMap) -> Result<Vec<Coding>, String> {
    let values: Vec<_> = headers.get_all(CONTENT_ENCODING).iter().map(HeaderValue::as_bytes).collect();
    let stated = String::from_utf8_lossy(&values.join(&b", "[..])).to_ascii_lowercase();
    let named = stated.split(',').map(str::trim).filter(|name| !matches!(*name, "" | "identity"));
    let codings: Option<Vec<Coding>> = named
        .map(|name| match name {
            "gzip" | "x-gzip" => Some(Coding::Gzip),
            "br" => Some(Coding::Brotli),
            "zstd" => Some(Coding::Zstd),
            _ => None,
        })
        .collect();
    codings.filter(|codings| codings.len() <= MOST_CODINGS).ok_or(stated)
}

/// Undoes `codings`, the last one first. No result may be longer than `most`.
pub(super) fn decode(mut bytes: Vec<u8>, codings: &[Coding], most: usize) -> Result<Vec<u8>, DecodeError> {
    for coding in codings.iter().rev() {
        bytes = undo(*coding, &bytes, most).map_err(|error| DecodeError::Damaged(*coding, error))?;
        if bytes.len() > most {
            return Err(DecodeError::TooLong);
        }
    }
    Ok(bytes)
}

/// The decompressed bytes, at most one more than `most`.
fn undo(coding: Coding, mut bytes: &[u8], most: usize) -> io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    for _ in 0..MOST_PARTS {
        bytes = undo_part(coding, bytes, &mut plain, most)?;
        if bytes.is_empty() || plain.len() > most {
            return Ok(plain);
        }
    }
    Err(invalid("it has too many parts"))
}

/// Decompresses a member of gzip, a frame of zstd, or all; returns what follows it.
fn undo_part<'b>(
    coding: Coding,
    mut bytes: &'b [u8],
    plain: &mut Vec<u8>,
    most: usize,
) -> io::Result<&'b [u8]> {
    let limit = (most - plain.len()) as u64 + 1;
    match coding {
        Coding::Gzip => {
            let mut member = GzDecoder::new(bytes);
            (&mut member).take(limit).read_to_end(plain)?;
            Ok(member.into_inner())
        }
        Coding::Brotli => {
            // A "large window" stream is not Brotli (RFC 7932, 9.1), and its window may fill the memory.
            if bytes.first().is_some_and(|first| first & 0x7F == 0x11) {
                return Err(invalid("its window is too large"));
            }
            brotli::Decompressor::new(bytes, BUFFER).take(limit).read_to_end(plain)?;
            Ok(&[])
        }
        Coding::Zstd => {
            let frame = StreamingDecoder::new(&mut bytes).map_err(io::Error::other)?;
            frame.take(limit).read_to_end(plain)?;
            Ok(bytes)
        }
    }
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const MOST: usize = 1 << 20;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        writer.write_all(plain).unwrap();
        writer.finish().unwrap()
    }

    fn br(plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        brotli::CompressorWriter::new(&mut out, BUFFER, 5, 22).write_all(plain).unwrap();
        out
    }

    fn zstd(plain: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(plain, ruzstd::encoding::CompressionLevel::Fastest)
    }

    type Compress = fn(&[u8]) -> Vec<u8>;

    /// Each coding with a compressor for it.
    const ALL: [(Coding, Compress); 3] = [(Coding::Gzip, gzip), (Coding::Brotli, br), (Coding::Zstd, zstd)];

    fn stated(values: &[&[u8]]) -> Result<Vec<Coding>, String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(CONTENT_ENCODING, HeaderValue::from_bytes(value).unwrap());
        }
        codings(&headers)
    }

    fn text() -> Vec<u8> {
        (0..20_000).flat_map(|at| format!("<item>{}</item>", at * 7919 % 1000).into_bytes()).collect()
    }

    #[test]
    fn codings_are_read_in_any_case_from_several_headers_and_others_are_named() {
        assert_eq!(stated(&[]), Ok(vec![]));
        assert_eq!(stated(&[b"identity"]), Ok(vec![]));
        assert_eq!(stated(&[b" X-GZip ,, identity"]), Ok(vec![Coding::Gzip]));
        assert_eq!(stated(&[b"gzip", b"BR"]), Ok(vec![Coding::Gzip, Coding::Brotli]));
        assert_eq!(stated(&[b"zstd"]), Ok(vec![Coding::Zstd]));
        assert_eq!(stated(&[b"gzip, compress"]), Err("gzip, compress".to_owned()));
        assert_eq!(stated(&[b"gzip, gzip, gzip"]), Err("gzip, gzip, gzip".to_owned()));
        assert!(stated(&[b"\xFF"]).is_err(), "a value that is not ASCII is no coding");
    }

    #[test]
    fn every_coding_and_two_of_them_are_undone() {
        let plain = text();
        for (coding, compress) in ALL {
            assert_eq!(decode(compress(&plain), &[coding], MOST).unwrap(), plain, "{coding}");
            assert!(decode(compress(b""), &[coding], MOST).unwrap().is_empty(), "{coding}");
            let twice = gzip(&compress(&plain));
            assert_eq!(decode(twice, &[coding, Coding::Gzip], MOST).unwrap(), plain, "{coding}");
        }
        for (coding, compress) in [ALL[0], ALL[2]] {
            let parts = [compress(b"one "), compress(b"two")].concat();
            assert_eq!(decode(parts, &[coding], MOST).unwrap(), b"one two", "{coding}");
            let error = decode(compress(b"").repeat(5000), &[coding], MOST).unwrap_err();
            assert!(matches!(error, DecodeError::Damaged(..)), "{coding}: {error:?}");
        }
    }

    #[test]
    fn a_stream_that_is_cut_off_anywhere_is_damaged() {
        let plain = text();
        for (coding, compress) in ALL {
            let whole = compress(&plain);
            let step = whole.len() / 97 + 1;
            for length in (0..whole.len()).step_by(step).chain([whole.len() - 1]) {
                let error = decode(whole[..length].to_vec(), &[coding], MOST).unwrap_err();
                assert!(matches!(error, DecodeError::Damaged(..)), "{coding} of {length} bytes: {error:?}");
            }
        }
    }

    #[test]
    fn what_expands_beyond_the_limit_is_refused_at_the_limit() {
        for (coding, compress) in ALL {
            let bomb = compress(&vec![0; MOST * 8]);
            assert!(matches!(decode(bomb, &[coding], MOST), Err(DecodeError::TooLong)), "{coding}");
            let exact = compress(&vec![7; MOST]);
            assert_eq!(decode(exact, &[coding], MOST).unwrap().len(), MOST, "{coding}");
        }
        // Each layer is small, and what is between them is not.
        let nested = gzip(&gzip(b"").repeat(MOST / 10));
        let error = decode(nested, &[Coding::Gzip, Coding::Gzip], MOST).unwrap_err();
        assert!(matches!(error, DecodeError::TooLong), "{error:?}");
    }

    #[test]
    fn a_window_beyond_the_format_is_refused() {
        let error = decode(vec![0x11, 0x1E, 0, 0], &[Coding::Brotli], MOST).unwrap_err();
        assert!(matches!(error, DecodeError::Damaged(..)), "{error:?}");
    }
}
