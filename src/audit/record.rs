//! The stored record: a frame (length u32, CRC-32C u32, version u8, encoding u8; big endian), a
//! deterministic CBOR payload (RFC 8949 4.2.1: a map with integer keys in order, shortest forms) and
//! the SHA-256 of the stored record before it. At most 64 KiB (C2SP tlog-tiles entry bundles); an
//! event that is larger stands in numbered records of one commit. Documents' bytes are never stored.

use aws_lc_rs::digest::{Context, SHA256};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

/// SHA-256.
pub type Hash = [u8; 32];

/// One part of one event; almost always the whole.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Part {
    /// Counts stored records from 0, without gaps.
    #[n(0)]
    pub sequence: u64,
    /// The sequence of the first record of the commit this one belongs to: everything before it was
    /// durable when this was written.
    #[n(1)]
    pub commit: u64,
    /// No record before this one waits for its closing record, so a start reads from here.
    #[n(2)]
    pub oldest_open: u64,
    /// 0 for the first part of an event.
    #[n(3)]
    pub part: u32,
    /// How many parts the event has.
    #[n(4)]
    pub parts: u32,
    /// The event's CBOR, or a slice of it.
    #[n(5)]
    pub event: ByteVec,
}

/// Why bytes are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Ends before its length says.
    #[error("cut off")]
    Cut,
    /// A length no record has.
    #[error("impossible length")]
    Length,
    /// The checksum does not fit.
    #[error("checksum does not fit")]
    Checksum,
    /// A version or encoding this program does not know.
    #[error("unknown version or encoding")]
    Version,
    /// The payload is no part of an event.
    #[error("unreadable payload")]
    Payload,
    /// It does not commit to the record before it.
    #[error("does not continue the record before it")]
    Chain,
    /// Its number does not follow.
    #[error("number does not follow")]
    Sequence,
    /// An event of several records misses one.
    #[error("an event misses a part")]
    Parts,
}

/// A record as it stands in a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its payload.
    pub part: Part,
    /// The hash of the record before it.
    pub previous: Hash,
    /// Its own hash, which the next one holds.
    pub hash: Hash,
    /// Its length in bytes, frame included.
    pub length: usize,
}

/// Writes one record behind `out`; returns its hash.
pub fn write_record(out: &mut Vec<u8>, part: &Part, previous: &Hash) -> Hash {
    let start = out.len();
    let payload = cbor(part);
    let body = payload.len() + FRAME_BYTES - LENGTH_AND_CRC_BYTES + HASH_BYTES;
    let length = u32::try_from(body).unwrap_or(u32::MAX).to_be_bytes();
    let mut crc = crc32c::crc32c(&length);
    for piece in [&[VERSION, ENCODING_PLAIN], payload.as_slice(), previous.as_slice()] {
        crc = crc32c::crc32c_append(crc, piece);
    }
    out.extend_from_slice(&length);
    out.extend_from_slice(&crc.to_be_bytes());
    out.extend_from_slice(&[VERSION, ENCODING_PLAIN]);
    out.extend_from_slice(&payload);
    out.extend_from_slice(previous);
    sha256(out.get(start..).unwrap_or_default())
}

/// Reads the record that begins `bytes`. Neither chain nor number is checked.
///
/// # Errors
/// What is wrong with it.
pub fn read_record(bytes: &[u8]) -> Result<Stored, Unreadable> {
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or(Unreadable::Cut)?;
    let (crc, rest) = rest.split_first_chunk::<4>().ok_or(Unreadable::Cut)?;
    let body_bytes = u32::from_be_bytes(*length) as usize;
    let whole = body_bytes + LENGTH_AND_CRC_BYTES;
    if whole <= FRAME_BYTES + HASH_BYTES || whole > RECORD_BYTES_MAX {
        return Err(Unreadable::Length);
    }
    let body = rest.get(..body_bytes).ok_or(Unreadable::Cut)?;
    if crc32c::crc32c_append(crc32c::crc32c(length), body) != u32::from_be_bytes(*crc) {
        return Err(Unreadable::Checksum);
    }
    let (head, rest) = body.split_first_chunk::<2>().ok_or(Unreadable::Length)?;
    if *head != [VERSION, ENCODING_PLAIN] {
        return Err(Unreadable::Version);
    }
    let (payload, previous) = rest.split_last_chunk::<HASH_BYTES>().ok_or(Unreadable::Length)?;
    let part: Part = minicbor::decode(payload).map_err(|_| Unreadable::Payload)?;
    // A second spelling of the same content would be a second hash for it.
    if cbor(&part) != payload || part.parts == 0 || part.part >= part.parts {
        return Err(Unreadable::Payload);
    }
    let hash = sha256(bytes.get(..whole).ok_or(Unreadable::Cut)?);
    Ok(Stored { part, previous: *previous, hash, length: whole })
}

/// The RFC 6962 leaf hash of a stored record (all of its bytes, frame included): the leaf of the
/// Merkle tree that is to stand beside the segments.
pub fn leaf_hash(stored: &[u8]) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(&[0]);
    context.update(stored);
    digest(context)
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(bytes);
    digest(context)
}

/// The result of a finished context.
pub(super) fn digest(context: Context) -> Hash {
    let mut hash = [0; HASH_BYTES];
    for (to, from) in hash.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    hash
}

/// Deterministic CBOR. Writing to memory cannot fail.
pub(super) fn cbor<T: Encode<()>>(value: &T) -> Vec<u8> {
    minicbor::to_vec(value).unwrap_or_default()
}

/// Cuts an event's bytes into the contents of its records.
pub fn slices(event: &[u8]) -> impl ExactSizeIterator<Item = &[u8]> {
    event.chunks(EVENT_SLICE_BYTES_MAX)
}

/// The longest stored record (a 16-bit length, as entry bundles have it).
pub const RECORD_BYTES_MAX: usize = 65_535;
/// The most records one event may take (about 16 MiB); what is larger is refused.
pub const PARTS_MAX: usize = 256;
/// How much of an event one record holds: the rest is left to frame, numbers and hash.
const EVENT_SLICE_BYTES_MAX: usize = RECORD_BYTES_MAX - 135;
/// Before the payload.
const FRAME_BYTES: usize = 10;
const LENGTH_AND_CRC_BYTES: usize = 8;
const HASH_BYTES: usize = 32;
const VERSION: u8 = 1;
const ENCODING_PLAIN: u8 = 0;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part(sequence: u64, event: Vec<u8>) -> Part {
        Part { sequence, commit: sequence, oldest_open: 0, part: 0, parts: 1, event: event.into() }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_the_same_record_is_the_same_bytes(
            sequence: u64, commit: u64, oldest_open: u64, parts in 1..u32::MAX,
            event in proptest::collection::vec(any::<u8>(), 0..EVENT_SLICE_BYTES_MAX), previous: [u8; 32],
        ) {
            let part = Part { sequence, commit, oldest_open, part: parts - 1, parts, event: event.into() };
            let (mut once, mut twice) = (Vec::new(), Vec::new());
            let hash = write_record(&mut once, &part, &previous);
            write_record(&mut twice, &part, &previous);
            prop_assert_eq!(&once, &twice);
            prop_assert!(once.len() <= RECORD_BYTES_MAX);
            let length = once.len();
            prop_assert_eq!(read_record(&once), Ok(Stored { part, previous, hash, length }));
        }
    }

    #[test]
    fn the_largest_slice_with_the_largest_numbers_fits_a_record() {
        let part = Part {
            sequence: u64::MAX,
            commit: u64::MAX,
            oldest_open: u64::MAX,
            part: u32::MAX - 1,
            parts: u32::MAX,
            event: vec![0; EVENT_SLICE_BYTES_MAX].into(),
        };
        let mut out = Vec::new();
        write_record(&mut out, &part, &[0; 32]);
        assert!(out.len() <= RECORD_BYTES_MAX, "{}", out.len());
        assert!(read_record(&out).is_ok());
    }

    #[test]
    fn every_single_flipped_bit_is_found() {
        let mut out = Vec::new();
        write_record(&mut out, &part(7, b"event".to_vec()), &[9; 32]);
        for bit in 0..out.len() * 8 {
            let mut broken = out.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            assert!(read_record(&broken).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn the_leaf_hash_is_that_of_rfc_6962() {
        // The leaf hash of the empty entry, as RFC 6962 implementations publish it.
        let empty = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
        assert_eq!(hex::encode(leaf_hash(b"")), empty);
    }
}
