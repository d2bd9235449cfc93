//! Finds damage in a write-ahead log before `SQLite` opens it.
//!
//! `SQLite` reads the log up to the first frame with a wrong checksum, and drops what is behind it without a word: after a
//! power failure, that is the transaction that was being written. In a damaged log it is whole transactions that were
//! on the disk. The two differ in what follows the wrong frame: a transaction is written only after the one before it
//! is on the disk, so frames behind a further commit prove that the log was valid there.
//!
//! What this cannot see is a loss of the last transaction, or of the whole end of the file; the fence counts what was
//! armed for that. The format is described in <https://sqlite.org/fileformat2.html#walformat>.

use std::fs::File;
use std::io::{self, BufReader, Read};

use camino::Utf8Path;

const HEADER: usize = 32;
const FRAME: usize = 24;
const MAGIC: u32 = 0x377f_0682;

/// What is wrong with a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Damage {
    /// Its beginning, so that nothing of it is read.
    Header,
    /// A frame before complete transactions.
    Frame {
        /// How many frames before it are valid.
        valid: u64,
        /// How many transactions are lost, at least.
        lost: u64,
    },
}

/// What is wrong with the log at `path`; `None` if there is none, or if it is sound as far as that can be seen.
pub(super) fn damage(path: &Utf8Path) -> io::Result<Option<Damage>> {
    match File::open(path) {
        Ok(file) => find(BufReader::new(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn find(mut log: impl Read) -> io::Result<Option<Damage>> {
    let mut header = [0; HEADER];
    match read(&mut log, &mut header)? {
        0 => return Ok(None),
        HEADER => {}
        _ => return Ok(Some(Damage::Header)),
    }
    let Some(mut sum) = Checksum::of_header(&header) else { return Ok(Some(Damage::Header)) };
    let page = word(&header, 8) as usize;
    if !page.is_power_of_two() || !(512..=65_536).contains(&page) {
        return Ok(Some(Damage::Header));
    }
    let mut frame = vec![0; FRAME + page];
    let (mut valid, mut is_broken) = (0, false);
    // Commits behind the first wrong frame, with and without a frame of the same log behind them.
    let (mut commits, mut followed) = (0, 0);
    while read(&mut log, &mut frame)? == frame.len() {
        // The salts change when the log begins again: a frame with others is a rest of an earlier log.
        let is_of_this_log = frame[8..16] == header[16..24];
        if !is_broken {
            sum.add(&frame[..8]);
            sum.add(&frame[FRAME..]);
            match (sum.is(&frame[16..24]), is_of_this_log) {
                (true, true) => {
                    valid += 1;
                    continue;
                }
                // The checksum covers all frames before, so this one belongs to this log: its salts are damaged.
                (true, false) => return Ok(Some(Damage::Frame { valid, lost: 1 })),
                (false, _) => is_broken = true,
            }
        }
        if !is_of_this_log {
            continue;
        }
        followed = commits;
        commits += u64::from(word(&frame, 4) != 0);
    }
    Ok((followed > 0).then_some(Damage::Frame { valid, lost: commits }))
}

/// Fills `buffer` as far as there is data.
fn read(log: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match log.read(rest) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_be_bytes)
}

/// The checksum of a log, over everything before.
struct Checksum {
    is_big_endian: bool,
    sums: (u32, u32),
}

impl Checksum {
    /// `None` if the header is not valid.
    fn of_header(header: &[u8; HEADER]) -> Option<Self> {
        let magic = word(header, 0);
        let mut sum = Self { is_big_endian: magic & 1 == 1, sums: (0, 0) };
        sum.add(&header[..24]);
        (magic & !1 == MAGIC && sum.is(&header[24..])).then_some(sum)
    }

    fn add(&mut self, bytes: &[u8]) {
        let value = |word: &[u8]| {
            let word = word.try_into().unwrap_or_default();
            if self.is_big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
        };
        let (mut one, mut two) = self.sums;
        for pair in bytes.chunks_exact(8) {
            one = one.wrapping_add(value(&pair[..4])).wrapping_add(two);
            two = two.wrapping_add(value(&pair[4..])).wrapping_add(one);
        }
        self.sums = (one, two);
    }

    /// Whether it is the stored one.
    fn is(&self, stored: &[u8]) -> bool {
        self.sums == (word(stored, 0), word(stored, 4))
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    /// A log of `transactions`, as a killed process leaves it, and the ends of its transactions.
    fn log(transactions: u32) -> (Vec<u8>, Vec<usize>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch("PRAGMA page_size = 512; PRAGMA journal_mode = WAL; CREATE TABLE t (a, b)")
            .unwrap();
        let length = || std::fs::read(folder.path().join("x.db-wal")).unwrap().len();
        let mut ends = vec![length()];
        for number in 0..transactions {
            connection.execute("INSERT INTO t VALUES (?1, zeroblob(700))", [number]).unwrap();
            ends.push(length());
        }
        (std::fs::read(folder.path().join("x.db-wal")).unwrap(), ends)
    }

    fn found(log: &[u8]) -> Option<Damage> {
        find(log).unwrap()
    }

    #[test]
    fn a_log_is_sound_wherever_a_dying_process_left_it() {
        let (whole, _) = log(12);
        for end in std::iter::once(0).chain(HEADER..=whole.len()) {
            assert_eq!(found(&whole[..end]), None, "{end}");
        }
        // The log began again, and the rest of the earlier one is still behind it.
        let (mut again, ends) = log(4);
        again.extend(&whole[again.len()..]);
        assert_eq!(found(&again), None);
        again[ends[4] - 1] ^= 1;
        assert_eq!(found(&again), None, "the last transaction was perhaps not complete");
    }

    #[test]
    fn each_flipped_bit_before_the_last_transaction_is_found() {
        let (mut whole, ends) = log(4);
        for at in 0..ends[3] {
            for bit in 0..8 {
                whole[at] ^= 1 << bit;
                // A commit of which nothing is left cannot be counted.
                let frame = at.saturating_sub(HEADER) / (FRAME + 512) * (FRAME + 512) + HEADER;
                let was_commit = (4..8).contains(&(at.saturating_sub(frame))) && word(&whole, frame + 4) == 0;
                assert!(was_commit || found(&whole).is_some(), "bit {bit} of byte {at}");
                whole[at] ^= 1 << bit;
            }
        }
    }

    #[test]
    fn the_lost_transactions_are_counted() {
        let (mut whole, ends) = log(8);
        whole[ends[4] + 100] ^= 16;
        let valid = ((ends[4] - HEADER) / (FRAME + 512)) as u64;
        assert_eq!(found(&whole), Some(Damage::Frame { valid, lost: 4 }));
        assert_eq!(found(&whole[..9]), Some(Damage::Header));
    }
}
