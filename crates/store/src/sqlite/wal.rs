//! Whether the write-ahead log lost something from its middle.
//!
//! SQLite reads the log up to the first frame that does not check and takes the rest for what a crash
//! tore off. Only an unfinished commit can be torn, because each is synced before the next begins. Two
//! whole commits behind a frame that does not check were therefore on disk with everything before them:
//! that frame was damaged later, and opening the ledger would silently lose what was accepted since.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Result};
use std::path::Path;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// The magic number of a log whose checksums are big-endian; the other kind's is one less.
const BIG_ENDIAN: u32 = 0x377f_0683;
const PAGE_BYTES_MAX: usize = 65_536;

/// Two running sums, as the format defines them.
type Sum = (u32, u32);

/// Whether the log beside this file has lost something that was committed. No log, no hole.
pub(super) fn has_a_hole(ledger: &Path) -> Result<bool> {
    let mut name = ledger.as_os_str().to_owned();
    name.push("-wal");
    match File::open(Path::new(&name)) {
        Ok(log) => in_log(BufReader::new(log)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn in_log(mut log: impl Read) -> Result<bool> {
    let mut header = [0; HEADER];
    if !fills(&mut log, &mut header)? {
        return Ok(false);
    }
    let magic = word(&header, 0);
    let big_endian = magic == BIG_ENDIAN;
    let page = word(&header, 8) as usize;
    let sane = magic | 1 == BIG_ENDIAN && page.is_power_of_two() && (512..=PAGE_BYTES_MAX).contains(&page);
    let mut before = sum(big_endian, (0, 0), &header[..24]);
    if !sane || before != (word(&header, 24), word(&header, 28)) {
        // The header is synced before the first frame is written.
        return fills(&mut log, &mut [0; FRAME_HEADER]);
    }
    let salts = header[16..24].to_vec();
    let (mut torn, mut commits) = (false, 0);
    let mut frame = vec![0; FRAME_HEADER + page];
    while fills(&mut log, &mut frame)? {
        let (head, body) = frame.split_at(FRAME_HEADER);
        let stored = (word(head, 16), word(head, 20));
        if head[8..16] == salts && sum(big_endian, sum(big_endian, before, &head[..8]), body) == stored {
            commits += u32::from(torn && word(head, 4) > 0);
        } else {
            (torn, commits) = (true, 0);
        }
        if commits == 2 {
            return Ok(true);
        }
        // Each frame's sum goes on from its predecessor's, so one can be checked behind a damaged one.
        before = stored;
    }
    Ok(false)
}

fn sum(big_endian: bool, from: Sum, bytes: &[u8]) -> Sum {
    let word = |bytes: &[u8]| {
        let bytes = [bytes[0], bytes[1], bytes[2], bytes[3]];
        if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    };
    bytes.chunks_exact(8).fold(from, |(one, two), pair| {
        let one = one.wrapping_add(word(&pair[..4])).wrapping_add(two);
        (one, two.wrapping_add(word(&pair[4..])).wrapping_add(one))
    })
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Reads all of `buffer`; false if the log ends before.
fn fills(log: &mut impl Read, buffer: &mut [u8]) -> Result<bool> {
    match log.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
