//! As far as a text or value reaches, eight bytes looked at in one word.

pub(super) const CONTROL: u8 = 1;
pub(super) const REFERENCE: u8 = 2;
pub(super) const LESS: u8 = 4;
pub(super) const LAST_PLANE: u8 = 8;
pub(super) const GREATER: u8 = 16;

/// A text or value: its length, and what its bytes are marked as, all together.
pub(super) struct Run {
    pub(super) length: usize,
    pub(super) marks: u8,
}

/// Bytes that say something in a text or in a value, eight looked at in one word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Saying {
    pub(super) end: u8,
    /// The end, and what else says something, but control characters.
    bytes: [u8; 3],
    /// Two bytes that differ in one bit are one comparison: that bit taken out of both.
    pairs: [(u64, u64); 2],
}

impl Saying {
    // `<` and `>` differ in one bit.
    pub(super) const IN_TEXT: Self =
        Self { end: b'<', bytes: *b"<>&", pairs: [(EACH * 0xfd, LESS_THAN), (EACH * 0xff, AND)] };
    // `"` and `&`, `'` and `&` differ in one bit.
    pub(super) const IN_DOUBLE: Self =
        Self { end: b'"', bytes: *b"\"&<", pairs: [(EACH * 0xfb, EACH * 0x22), (EACH * 0xff, LESS_THAN)] };
    pub(super) const IN_SINGLE: Self =
        Self { end: b'\'', bytes: *b"'&<", pairs: [(EACH * 0xfe, EACH * 0x26), (EACH * 0xff, LESS_THAN)] };

    /// Whether any of these says something, or may begin one of the last of a plane.
    fn is_said_in(self, sixteen: &[u8; 16]) -> bool {
        let [one, two, three] = self.bytes;
        // Without a way out between: the compiler makes few instructions of it.
        sixteen.iter().fold(false, |said, byte| {
            said | (*byte < 0x20) | (*byte == one) | (*byte == two) | (*byte == three) | (*byte == 0xef)
        })
    }

    /// The high bit of the first byte that says something, and of some behind it; 0 where none does.
    fn said(self, word: u64) -> u64 {
        // A byte below 0x20 borrows: exact for the first, as whatever borrows comes first.
        let mut said = word.wrapping_sub(EACH * 0x20) & !word;
        for (mask, sought) in self.pairs {
            said |= zero((word & mask) ^ sought);
        }
        said & HIGH
    }
}

const EACH: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = EACH * 0x80;
const AND: u64 = EACH * b'&' as u64;
pub(super) const LESS_THAN: u64 = EACH * b'<' as u64;

// The high bit of the first byte that is zero, and of some behind it.
const fn zero(word: u64) -> u64 {
    word.wrapping_sub(EACH) & !word
}

// As far as the end, in one go; None where it never comes. Sixteen bytes at a time where none of them says
// anything, else eight.
pub(super) fn run(bytes: &[u8], saying: Saying) -> Option<Run> {
    let (mut length, mut marks) = (0, 0);
    let mut rest = bytes;
    loop {
        while let Some((sixteen, behind)) = rest.split_first_chunk::<16>()
            && !saying.is_said_in(sixteen)
        {
            length += 16;
            rest = behind;
        }
        let Some((eight, behind)) = rest.split_first_chunk::<8>() else { break };
        let word = u64::from_le_bytes(*eight);
        // Nearly all text is ASCII. One behind the end costs a second look, no more.
        if word & HIGH != 0 && zero(word ^ (EACH * 0xef)) & HIGH != 0 {
            marks |= LAST_PLANE;
        }
        let said = saying.said(word);
        if said == 0 {
            length += 8;
            rest = behind;
            continue;
        }
        let before = said.trailing_zeros() as usize / 8;
        let (byte, behind) = rest.get(before..)?.split_first()?;
        length += before;
        if *byte == saying.end {
            return Some(Run { length, marks });
        }
        marks |= mark(*byte);
        length += 1;
        rest = behind;
    }
    for byte in rest {
        if *byte == saying.end {
            return Some(Run { length, marks });
        }
        marks |= mark(*byte);
        length += 1;
    }
    None
}

/// What a byte of a text or value is marked as.
pub(super) const fn mark(byte: u8) -> u8 {
    match byte {
        0..0x20 => CONTROL,
        b'&' => REFERENCE,
        b'<' => LESS,
        b'>' => GREATER,
        0xef => LAST_PLANE,
        _ => 0,
    }
}
