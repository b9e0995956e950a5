//! Seeds of a reader, and inputs made of them by a seeded chain of small changes.

use std::fs;
use std::path::Path;

/// SplitMix64.
pub struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below a power of two that is drawn first: mostly few, sometimes many.
    pub fn few(&mut self, powers: usize) -> usize {
        let power = self.below(powers);
        self.below(1 << power)
    }

    /// Below a bound; 0 for the bound 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }
}

/// The inputs kept for a reader.
pub fn seeds(folder: &Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// The words of a dictionary in libFuzzer's form.
pub fn words(text: &str) -> Vec<Vec<u8>> {
    let lines = text.lines().map(str::trim).filter(|line| line.starts_with('"'));
    lines.map(|line| word(line.strip_prefix('"').unwrap().strip_suffix('"').unwrap())).collect()
}

fn word(text: &str) -> Vec<u8> {
    let mut rest = text.as_bytes();
    let mut word = Vec::new();
    while let [first, after @ ..] = rest {
        match (first, after) {
            (b'\\', [b'x', high, low, after @ ..]) => {
                let digits = std::str::from_utf8(&[*high, *low]).unwrap().to_owned();
                word.push(u8::from_str_radix(&digits, 16).unwrap());
                rest = after;
            }
            (b'\\', [b'\\', after @ ..]) => {
                word.push(b'\\');
                rest = after;
            }
            _ => {
                word.push(*first);
                rest = after;
            }
        }
    }
    word
}

const BYTES_MAX: usize = 64 << 10;
const BYTES: &[u8] = b"<>&'\"/=:; \t\r\n\0\x1b\x7f\x80\xc0\xe3\xff09^|~\\_-%";

/// One of the seeds after a few changes.
pub fn mutated(seeds: &[Vec<u8>], words: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut input = seeds[chance.below(seeds.len())].clone();
    // Most inputs stay close to their seed, so that they get past the first check.
    for _ in 0..=chance.few(6) {
        let at = chance.below(input.len() + 1);
        let length = chance.few(8);
        let end = (at + length).min(input.len());
        match chance.below(9) {
            0 if at < input.len() => input[at] ^= 1 << chance.below(8),
            1 if at < input.len() => input[at] = BYTES[chance.below(BYTES.len())],
            2 => drop(input.drain(at..end)),
            3 => {
                let copied = input[at..end].to_vec();
                let to = chance.below(input.len() + 1);
                input.splice(to..to, copied);
            }
            4 => {
                let other = &seeds[chance.below(seeds.len())];
                let from = chance.below(other.len() + 1);
                let piece = other[from..(from + length).min(other.len())].to_vec();
                input.splice(at..end, piece);
            }
            5 => input.truncate(at),
            6 => {
                let repeated = input[at..end].repeat(1 << chance.below(8));
                input.splice(at..at, repeated);
            }
            _ => {
                let word = words[chance.below(words.len())].clone();
                let end = if chance.below(2) == 0 { at } else { end };
                input.splice(at..end, word);
            }
        }
        input.truncate(BYTES_MAX);
    }
    input
}
