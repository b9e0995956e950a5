//! Numbers that look random and are the same on every run of a seed.

use std::time::{SystemTime, UNIX_EPOCH};

/// splitmix64.
#[derive(Clone)]
pub struct Seed(u64);

impl Seed {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The one in `KAKEHASHI_SEED`, else one of this moment; printed either way.
    pub fn given(what: &str) -> Self {
        let given = std::env::var("KAKEHASHI_SEED").ok().and_then(|text| text.parse().ok());
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let seed = given.unwrap_or_else(now);
        println!("{what}: KAKEHASHI_SEED={seed}");
        Self(seed)
    }

    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub const fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub fn one_of<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

/// Whether everything is to be run, which takes long.
pub fn is_long() -> bool {
    std::env::var("KAKEHASHI_LONG").is_ok_and(|value| value == "1")
}
