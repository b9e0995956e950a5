//! A map that forgets what is oldest: after a time, and beyond a number. What is put in anew is young again.
//! An answer puts in hundreds of things at once, so each must cost little more than its place in a table.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::time::{Duration, Instant};

/// By keys that are keyed hashes already, so that nobody chooses them.
pub(super) struct Aging<V> {
    kept: HashMap<u64, Kept<V>, BuildHasherDefault<AsItIs>>,
    /// Everything in the order in which it was put in. What was taken out or put in again since stands in
    /// it still, until it is the oldest.
    order: VecDeque<(Instant, u64, u64)>,
    number: u64,
    max: usize,
    life: Duration,
}

struct Kept<V> {
    number: u64,
    value: V,
}

impl<V> Aging<V> {
    /// Keeps at most so many, each so long.
    pub(super) fn new(max: usize, life: Duration) -> Self {
        Self { kept: HashMap::default(), order: VecDeque::new(), number: 0, max, life }
    }

    /// Puts a value in; it takes the place of an earlier one of its key.
    pub(super) fn insert(&mut self, key: u64, value: V, now: Instant) {
        self.number += 1;
        self.kept.insert(key, Kept { number: self.number, value });
        self.order.push_back((now, self.number, key));
        // Places of what was put in again may be as many again.
        let most = self.max.saturating_mul(2);
        while let Some(&(at, number, key)) = self.order.front() {
            let is_young = now.saturating_duration_since(at) < self.life;
            let is_current = self.kept.get(&key).is_some_and(|kept| kept.number == number);
            if is_young && is_current && self.kept.len() <= self.max && self.order.len() <= most {
                break;
            }
            self.order.pop_front();
            if is_current {
                self.kept.remove(&key);
            }
        }
    }

    /// The value, while it is not too old.
    pub(super) fn get(&self, key: u64, now: Instant) -> Option<&V> {
        let kept = self.kept.get(&key)?;
        // Numbers rise along the order: the place is found without a second clock in each value.
        let place = self.order.binary_search_by_key(&kept.number, |(_, number, _)| *number).ok()?;
        let (at, ..) = self.order.get(place)?;
        (now.saturating_duration_since(*at) < self.life).then_some(&kept.value)
    }

    /// Keeps only what this says yes to.
    pub(super) fn retain(&mut self, is_kept: impl Fn(&V) -> bool) {
        self.kept.retain(|_, kept| is_kept(&kept.value));
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.kept.clear();
        self.order.clear();
    }
}

/// The hash of a number that is a hash.
#[derive(Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(60);

    #[test]
    fn what_is_oldest_is_forgotten_beyond_the_number_and_what_is_put_in_again_is_young() {
        let (mut aging, now) = (Aging::new(2, LIFE), Instant::now());
        aging.insert(1, "a", now);
        aging.insert(2, "b", now);
        aging.insert(1, "c", now);
        aging.insert(3, "d", now);
        assert_eq!([1, 2, 3].map(|key| aging.get(key, now).copied()), [Some("c"), None, Some("d")]);
    }

    #[test]
    fn what_is_too_old_is_not_given_and_goes_with_the_next_that_comes() {
        let (mut aging, now) = (Aging::new(9, LIFE), Instant::now());
        aging.insert(1, "a", now);
        assert_eq!(aging.get(1, now + LIFE / 2), Some(&"a"));
        assert_eq!(aging.get(1, now + LIFE), None);
        aging.insert(2, "b", now + LIFE);
        assert_eq!((aging.kept.len(), aging.order.len()), (1, 1));
    }

    #[test]
    fn putting_in_the_same_again_and_again_takes_no_more_room_than_twice_the_number() {
        let (mut aging, now) = (Aging::new(4, LIFE), Instant::now());
        aging.insert(9, 0, now);
        for turn in 0..100 {
            aging.insert(turn % 3, turn, now);
            assert!(aging.order.len() <= 8 && aging.kept.len() <= 4);
        }
        assert_eq!([0, 1, 2].map(|key| aging.get(key, now).copied()), [Some(99), Some(97), Some(98)]);
    }

    #[test]
    fn nothing_is_kept_of_none_nor_of_what_was_taken_out() {
        let (mut none, now) = (Aging::new(0, LIFE), Instant::now());
        none.insert(1, "a", now);
        assert_eq!(none.get(1, now), None);
        let mut aging = Aging::new(9, LIFE);
        (0..4_u64).for_each(|key| aging.insert(key, key, now));
        aging.retain(|value| value % 2 == 0);
        assert_eq!([0, 1, 2, 3].map(|key| aging.get(key, now).copied()), [Some(0), None, Some(2), None]);
        aging.clear();
        assert_eq!(aging.get(0, now), None);
    }
}
