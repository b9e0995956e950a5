//! Comparing records of people.

use std::hint::black_box;

use kakehashi::matching::{Prepared, compare};

use super::samples::person;

pub fn pairs(count: u32) {
    let people: Vec<Prepared> = (0..10_001).map(|number| Prepared::new(&person(number))).collect();
    for _ in 0..count {
        for pair in people.windows(2) {
            black_box(compare(&pair[0], &pair[1]));
        }
    }
}
