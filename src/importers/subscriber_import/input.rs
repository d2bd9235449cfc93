//! The bytes of a list with their place in the file. A list is read more than once and never kept as a whole.

use std::io::{self, BufRead as _, BufReader, Read, Seek};

/// Read at a time. A row that is repeated elsewhere is read there, so this is no larger than a few rows.
const BUFFER: usize = 4 * 1024;

/// A place in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The number of bytes before it.
    pub(super) offset: u64,
    /// Its line, from 1. The format decides what ends a line, and counts.
    pub(super) line: usize,
}

impl Place {
    /// The beginning of the file.
    pub(super) const START: Self = Self { offset: 0, line: 1 };
}

/// A list that is being read.
#[derive(Debug)]
pub(super) struct Input<R> {
    reader: BufReader<R>,
    offset: u64,
    /// The line of the next byte.
    pub(super) line: usize,
}

impl<R: Read + Seek> Input<R> {
    pub(super) fn new(source: R) -> Self {
        let Place { offset, line } = Place::START;
        Self { reader: BufReader::with_capacity(BUFFER, source), offset, line }
    }

    /// Where the next byte is.
    pub(super) fn place(&self) -> Place {
        Place { offset: self.offset, line: self.line }
    }

    /// The bytes below. Afterwards the list begins again.
    pub(super) fn source<T>(&mut self, read: impl FnOnce(&mut R) -> io::Result<T>) -> io::Result<T> {
        let result = read(self.reader.get_mut())?;
        self.reader.rewind()?;
        (self.offset, self.line) = (Place::START.offset, Place::START.line);
        Ok(result)
    }

    /// Continues at `place`.
    pub(super) fn go_to(&mut self, place: Place) -> io::Result<()> {
        match i64::try_from(i128::from(place.offset) - i128::from(self.offset)) {
            Ok(distance) => self.reader.seek_relative(distance)?,
            Err(_) => drop(self.reader.seek(io::SeekFrom::Start(place.offset))?),
        }
        (self.offset, self.line) = (place.offset, place.line);
        Ok(())
    }

    /// The next byte, which stays unread.
    pub(super) fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.reader.fill_buf()?.first().copied())
    }

    /// Skips the byte that [`Input::peek`] returned; nothing at the end.
    pub(super) fn skip(&mut self) {
        let skipped = self.reader.buffer().len().min(1);
        self.reader.consume(skipped);
        self.offset += skipped as u64;
    }

    /// Passes all bytes before the one that `find` finds, or before the end, to `keep`, in parts.
    pub(super) fn take_until(
        &mut self,
        find: impl Fn(&[u8]) -> Option<usize>,
        mut keep: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        loop {
            let part = self.reader.fill_buf()?;
            let found = find(part);
            let taken = found.unwrap_or(part.len());
            keep(&part[..taken]);
            self.reader.consume(taken);
            self.offset += taken as u64;
            if found.is_some() || taken == 0 {
                return Ok(());
            }
        }
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.offset += read as u64;
        Ok(read)
    }
}

/// The error for bytes that were different when the list was first read.
pub(super) fn changed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the file changed while it was being read")
}
