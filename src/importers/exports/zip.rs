//! A zip as the files of an export. Its entries are read one at a time and never unpacked to the paths that it states.

use std::cell::RefCell;
use std::io::{self, Read, Seek, SeekFrom};

use zip::ZipArchive;

use super::{ExportFiles, MAX_FILES};
use crate::finding::Finding;

/// The most bytes of all entries that are read, unpacked.
const MAX_UNPACKED: u64 = 64 << 30;
/// A zip ends with a record of 22 bytes and a comment of at most 65,535.
const MAX_END: u64 = 22 + 0xFFFF;
const END: &[u8] = b"PK\x05\x06";
const LOCATOR: &[u8] = b"PK\x06\x07";

/// The first bytes of every zip.
pub const MAGIC: [&[u8]; 2] = [b"PK\x03\x04", END];

/// An open zip.
pub struct ZipFiles<R> {
    archive: RefCell<ZipArchive<R>>,
    names: Vec<String>,
    /// How many bytes may still be unpacked.
    left: RefCell<u64>,
}

impl<R: Read + Seek> ZipFiles<R> {
    /// Opens a zip; the finding explains what is wrong with it.
    pub fn new(mut input: R, file: &str) -> Result<Self, Finding> {
        let wrong = |message: String, hint: &str| Finding::error("export-zip", file, message).hint(hint);
        let again = "download it again, or unpack it and name the folder";
        let entries =
            entries(&mut input).map_err(|error| wrong(format!("it cannot be read: {error}"), again))?;
        if entries.is_none_or(|entries| entries > MAX_FILES as u64) {
            let message = match entries {
                Some(entries) => format!("it has {entries} entries; at most {MAX_FILES} are read"),
                None => "it is no complete zip".to_owned(),
            };
            return Err(wrong(message, again));
        }
        let archive = ZipArchive::new(input)
            .map_err(|error| wrong(format!("it is no complete zip: {error}"), again))?;
        let mut names: Vec<String> = archive.file_names().map(str::to_owned).collect();
        if let Some(unsafe_name) = names.iter().find(|name| !is_inside(name)) {
            let message = format!("it has an entry outside of its own folder: {unsafe_name:?}");
            return Err(wrong(message, "no export has such entries; do not unpack it"));
        }
        names.retain(|name| !name.ends_with('/') && !name.starts_with("__MACOSX/"));
        names.sort_unstable();
        Ok(Self { archive: RefCell::new(archive), names, left: RefCell::new(MAX_UNPACKED) })
    }
}

impl<R: Read + Seek> ExportFiles for ZipFiles<R> {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn visit(&self, name: &str, read: &mut dyn FnMut(&mut dyn Read) -> io::Result<()>) -> io::Result<()> {
        let mut archive = self.archive.try_borrow_mut().map_err(io::Error::other)?;
        let entry = archive.by_name(name).map_err(io::Error::other)?;
        let mut left = self.left.try_borrow_mut().map_err(io::Error::other)?;
        let mut bounded = entry.take(*left);
        let outcome = read(&mut bounded);
        *left = bounded.limit();
        if *left == 0 { Err(io::Error::other("the zip unpacks to too much")) } else { outcome }
    }
}

/// Whether a name stays in the folder of the zip, on every system.
fn is_inside(name: &str) -> bool {
    let drive = name.as_bytes().get(1) == Some(&b':');
    !name.starts_with(['/', '\\']) && !drive && name.split(['/', '\\']).all(|part| part != "..")
}

/// The number of entries as the end of the zip states it, so that a million of them are refused before they are read.
fn entries(input: &mut (impl Read + Seek)) -> io::Result<Option<u64>> {
    let length = input.seek(SeekFrom::End(0))?;
    let tail = length.min(MAX_END);
    input.seek(SeekFrom::Start(length - tail))?;
    let mut bytes = Vec::new();
    input.take(tail).read_to_end(&mut bytes)?;
    let Some(at) = memchr::memmem::rfind(&bytes, END) else { return Ok(None) };
    let number = |bytes: &[u8], at: usize, width: usize| {
        let little = bytes.get(at..at + width)?;
        Some(little.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)))
    };
    let short = number(&bytes, at + 10, 2);
    let locator = at.checked_sub(20).filter(|locator| bytes[*locator..].starts_with(LOCATOR));
    let Some(place) = locator.and_then(|locator| number(&bytes, locator + 8, 8)) else { return Ok(short) };
    // A zip of more than 65,534 entries has the number in another record.
    input.seek(SeekFrom::Start(place))?;
    let mut record = Vec::new();
    input.take(40).read_to_end(&mut record)?;
    Ok(number(&record, 32, 8))
}
