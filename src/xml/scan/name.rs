//! Names of elements and attributes. Those of a message are few and come again and again: one that came
//! before is known by its bytes, and not looked at letter by letter.

use super::NotPlain;

/// A name as it stands, and its parts; the prefix is empty where there is none.
#[derive(Clone, Copy)]
pub(super) struct Name<'a> {
    pub(super) name: &'a str,
    pub(super) prefix: &'a str,
    pub(super) local: &'a str,
}

/// What a byte may be in a part of a name: its first, or one of it.
#[allow(clippy::indexing_slicing, reason = "made by the compiler, which would refuse another place")]
const IN_NAMES: [u8; 256] = {
    let mut bytes = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        bytes[byte as usize] = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => FIRST | WITHIN,
            b'0'..=b'9' | b'-' | b'.' => WITHIN,
            _ => 0,
        };
        byte += 1;
    }
    bytes
};
const FIRST: u8 = 1;
const WITHIN: u8 = 2;

fn is(byte: u8, what: u8) -> bool {
    IN_NAMES.get(usize::from(byte)).is_some_and(|may| may & what != 0)
}

// Where what stands before or behind a colon ends that begins there.
fn part(bytes: &[u8], at: usize) -> Result<usize, NotPlain> {
    let rest = bytes.get(at..).unwrap_or_default();
    if !rest.first().is_some_and(|byte| is(*byte, FIRST)) {
        return Err(NotPlain);
    }
    Ok(at + rest.iter().position(|byte| !is(*byte, WITHIN)).unwrap_or(rest.len()))
}

/// Names that came before, each in one of the two ways of the place that its first bytes say: many differ
/// behind those only (Value, ValueList).
pub(super) struct KnownNames<'a>([[Option<Name<'a>>; 2]; PLACES]);

const PLACES: usize = 32;

/// How many of the first bytes say the place: elements have their prefix in common, and what stands behind the
/// name of an attribute says nothing.
pub(super) const ELEMENT: u64 = u64::MAX;
pub(super) const ATTRIBUTE: u64 = 0xffff_ffff;

impl Default for KnownNames<'_> {
    fn default() -> Self {
        Self([[None; 2]; PLACES])
    }
}

impl<'a> KnownNames<'a> {
    /// The name that begins there.
    pub(super) fn at(&mut self, source: &'a str, at: usize, mask: u64) -> Result<Name<'a>, NotPlain> {
        let bytes = source.as_bytes();
        let first = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>());
        let Some(first) = first else { return name(source, at) };
        let mixed = (u64::from_le_bytes(*first) & mask).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let place = usize::try_from(mixed >> 59).unwrap_or_default();
        let Some(ways) = self.0.get_mut(place) else { return name(source, at) };
        for known in ways.iter().flatten() {
            let end = at + known.name.len();
            let goes_on = || bytes.get(end).is_some_and(|byte| *byte == b':' || is(*byte, WITHIN));
            if bytes.get(at..end) == Some(known.name.as_bytes()) && !goes_on() {
                return Ok(*known);
            }
        }
        let name = name(source, at)?;
        let [first, second] = ways;
        *second = first.replace(name);
        Ok(name)
    }
}

// The name that begins there.
fn name(source: &str, at: usize) -> Result<Name<'_>, NotPlain> {
    let bytes = source.as_bytes();
    let first = part(bytes, at)?;
    if bytes.get(first) != Some(&b':') {
        let name = source.get(at..first).ok_or(NotPlain)?;
        return Ok(Name { name, prefix: "", local: name });
    }
    let end = part(bytes, first + 1)?;
    if bytes.get(end) == Some(&b':') {
        return Err(NotPlain);
    }
    let of = |from, to| source.get(from..to).ok_or(NotPlain);
    Ok(Name { name: of(at, end)?, prefix: of(at, first)?, local: of(first + 1, end)? })
}
