//! How much was asked within the last hour, day and 30 days. Windows roll in steps (five minutes, an
//! hour, a day): each covers at least its length and at most one step more. Pure: told the time.

use std::collections::VecDeque;

use crate::config::Budget;
use crate::model::Timestamp;

/// Patients asked about, and those of them who were nobody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Each once.
    pub patients: u32,
    /// Look-ups that ended in nobody.
    pub misses: u32,
}

/// Which part of a budget counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// What persons are held to while their facility or system is over its own: a third of the misses,
    /// or three fifths of the share.
    Strained,
    /// As configured.
    Whole,
    /// Beyond it only proven persons of a facility or system ask about anybody new.
    Fourfold,
}

/// What is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted {
    /// `patients` or `misses`.
    pub what: &'static str,
    /// `hour`, `day` or `month`.
    pub window: &'static str,
    /// Microseconds until something of it falls out of the window.
    pub wait_us: i64,
}

/// The windows' names, steps in microseconds, and steps.
const WINDOWS: [(&str, i64, i64); 3] =
    [("hour", 300_000_000, 12), ("day", 3_600_000_000, 24), ("month", 86_400_000_000, 30)];

/// Patients from whom on a person can be proven.
const PROVEN_FROM: u32 = 10;

#[derive(Debug, Clone, Default)]
struct Window {
    /// By step number, oldest first; steps without anything are left out.
    cells: VecDeque<(i64, Count)>,
    total: Count,
}

/// Counts of one person, facility or system.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    windows: [Window; 3],
}

impl Tally {
    /// Counts so many at a time.
    pub fn add(&mut self, at: Timestamp, count: Count) {
        for (window, (_, step, _)) in self.windows.iter_mut().zip(WINDOWS) {
            // A clock that was set back counts with what it counted last.
            let last = window.cells.back().map_or(i64::MIN, |(number, _)| *number);
            let number = at.micros().div_euclid(step).max(last);
            match window.cells.back_mut().filter(|(last, _)| *last == number) {
                Some((_, cell)) => *cell = cell.plus(count),
                None => window.cells.push_back((number, count)),
            }
            window.total = window.total.plus(count);
        }
    }

    /// Takes back a miss that was counted at a time: the person has been found after all.
    pub fn forgive(&mut self, at: Timestamp) {
        for (window, (_, step, _)) in self.windows.iter_mut().zip(WINDOWS) {
            let number = at.micros().div_euclid(step);
            let cell = window.cells.iter_mut().rev().find(|(n, cell)| *n >= number && cell.misses > 0);
            if let Some((_, cell)) = cell {
                cell.misses -= 1;
                window.total.misses = window.total.misses.saturating_sub(1);
            }
        }
    }

    /// Forgets what has fallen out of the windows.
    pub fn settle(&mut self, now: Timestamp) {
        for (window, (_, step, steps)) in self.windows.iter_mut().zip(WINDOWS) {
            let first = now.micros().div_euclid(step) - steps;
            while let Some((_, gone)) = window.cells.pop_front_if(|(number, _)| *number < first) {
                window.total = window.total.minus(gone);
            }
        }
    }

    /// What is used up of a budget, if anything: of several the one that takes longest. `pending` are
    /// questions under way that may add patients. To be called after [`Tally::settle`].
    pub fn exhausted(
        &self,
        budget: &Budget,
        share: Share,
        pending: u32,
        now: Timestamp,
    ) -> Option<Exhausted> {
        let mut found: Option<Exhausted> = None;
        for (at, window) in self.windows.iter().enumerate() {
            let limit = budget.patients.get(at).copied().unwrap_or(u32::MAX);
            let limit = if share == Share::Fourfold { share.of(limit) } else { limit };
            let is_full = |count: Count| count.patients.saturating_add(pending) >= limit;
            let missed = |count: Count| count.misses >= misses_allowed(budget, share, at, count.patients);
            for (what, is_over) in [("patients", &is_full as &dyn Fn(Count) -> bool), ("misses", &missed)] {
                if is_over(window.total) {
                    let wait_us = window.wait(at, now, is_over);
                    let (name, ..) = WINDOWS.get(at).copied().unwrap_or_default();
                    if found.is_none_or(|found| found.wait_us < wait_us) {
                        found = Some(Exhausted { what, window: name, wait_us });
                    }
                }
            }
        }
        found
    }

    /// Whether those asked about within 30 days were nearly all found, and not too few to tell.
    pub fn is_proven(&self, budget: &Budget) -> bool {
        let [_, _, month] = self.totals();
        let missed = u64::from(month.misses) * 100;
        month.patients >= PROVEN_FROM
            && missed <= u64::from(month.patients) * u64::from(budget.misses_percent)
    }

    /// How many more misses fit into every window.
    pub fn misses_left(&self, budget: &Budget, share: Share) -> u32 {
        let left = self.windows.iter().enumerate().map(|(at, window)| {
            misses_allowed(budget, share, at, window.total.patients).saturating_sub(window.total.misses)
        });
        left.min().unwrap_or(0)
    }

    /// The counts of hour, day and month.
    pub fn totals(&self) -> [Count; 3] {
        self.windows.each_ref().map(|window| window.total)
    }

    /// Whether nothing is left in any window.
    pub fn is_empty(&self) -> bool {
        self.windows.iter().all(|window| window.cells.is_empty())
    }
}

impl Window {
    // Steps leave one after another, until what is left fits again.
    fn wait(&self, at: usize, now: Timestamp, is_over: &dyn Fn(Count) -> bool) -> i64 {
        let (_, step, steps) = WINDOWS.get(at).copied().unwrap_or(("", 1, 1));
        let mut left = self.total;
        for (number, cell) in &self.cells {
            left = left.minus(*cell);
            if !is_over(left) {
                return ((number + steps + 1) * step - now.micros()).max(1);
            }
        }
        step
    }
}

impl Count {
    const fn plus(self, other: Self) -> Self {
        Self {
            patients: self.patients.saturating_add(other.patients),
            misses: self.misses.saturating_add(other.misses),
        }
    }

    const fn minus(self, other: Self) -> Self {
        Self {
            patients: self.patients.saturating_sub(other.patients),
            misses: self.misses.saturating_sub(other.misses),
        }
    }
}

impl Share {
    fn of(self, number: u32) -> u32 {
        match self {
            Self::Strained => number.div_ceil(3),
            Self::Whole => number,
            Self::Fourfold => number.saturating_mul(4),
        }
    }
}

// A floor, or a share of those asked about, whichever is more: who asks about many mistypes more.
fn misses_allowed(budget: &Budget, share: Share, at: usize, patients: u32) -> u32 {
    let floor = share.of(budget.misses.get(at).copied().unwrap_or(u32::MAX));
    let percent = match share {
        Share::Strained => budget.misses_percent * 3 / 5,
        Share::Whole => budget.misses_percent,
        Share::Fourfold => budget.misses_percent * 4,
    };
    let of_all = u64::from(patients) * u64::from(percent) / 100;
    floor.max(u32::try_from(of_all).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600;
    const BUDGET: Budget = Budget { patients: [10, 20, 30], misses: [3, 5, 8], misses_percent: 50 };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(1_780_000_000_000_000 / 86_400_000_000 * 86_400_000_000).plus_seconds(seconds)
    }

    fn asked(tally: &mut Tally, patients: u32, misses: u32, seconds: i64) {
        tally.add(at(seconds), Count { patients, misses });
    }

    fn over(tally: &mut Tally, seconds: i64) -> Option<(&'static str, &'static str)> {
        tally.settle(at(seconds));
        tally.exhausted(&BUDGET, Share::Whole, 0, at(seconds)).map(|found| (found.what, found.window))
    }

    #[test]
    fn a_window_covers_its_length_and_at_most_a_step_more() {
        let mut tally = Tally::default();
        asked(&mut tally, 10, 0, 299);
        assert_eq!(over(&mut tally, 299 + HOUR), Some(("patients", "hour")));
        assert_eq!(over(&mut tally, 300 + HOUR), None, "and only the hour's has gone");
        asked(&mut tally, 10, 0, 2 * HOUR);
        assert_eq!(over(&mut tally, 24 * HOUR), Some(("patients", "day")));
        assert_eq!(over(&mut tally, 25 * HOUR), None);
        asked(&mut tally, 9, 0, 50 * HOUR);
        asked(&mut tally, 1, 0, 60 * HOUR);
        assert_eq!(over(&mut tally, 29 * 24 * HOUR), Some(("patients", "month")));
        assert_eq!(over(&mut tally, 31 * 24 * HOUR), None);
        assert!(!tally.is_empty());
        tally.settle(at(40 * 24 * HOUR));
        assert!(tally.is_empty());
    }

    #[test]
    fn what_is_waited_for_frees_the_budget_and_not_a_moment_earlier() {
        let mut tally = Tally::default();
        asked(&mut tally, 4, 0, 0);
        asked(&mut tally, 6, 0, 1_000);
        let found = tally.exhausted(&BUDGET, Share::Whole, 0, at(1_000)).unwrap();
        let free = 1_000 + found.wait_us / 1_000_000;
        assert_eq!(over(&mut tally.clone(), free - 1), Some(("patients", "hour")));
        assert_eq!(over(&mut tally, free), None);
    }

    #[test]
    fn misses_have_a_floor_and_grow_with_those_who_are_found() {
        let mut tally = Tally::default();
        asked(&mut tally, 3, 3, 0);
        assert_eq!(over(&mut tally, 0), Some(("misses", "hour")));
        asked(&mut tally, 5, 0, 0);
        assert_eq!(over(&mut tally, 0), None, "three of eight");
        assert_eq!(tally.misses_left(&BUDGET, Share::Whole), 1);
        assert_eq!(tally.misses_left(&BUDGET, Share::Fourfold), 13);
    }

    #[test]
    fn a_miss_that_was_a_typing_error_is_taken_back_from_every_window() {
        let mut tally = Tally::default();
        asked(&mut tally, 3, 3, 0);
        tally.forgive(at(0));
        assert_eq!(tally.totals(), [Count { patients: 3, misses: 2 }; 3]);
        tally.settle(at(40 * 24 * HOUR));
        assert_eq!(tally.totals(), [Count::default(); 3], "and what falls out is what is left");
    }

    #[test]
    fn a_clock_set_back_gives_nothing_back() {
        let mut tally = Tally::default();
        asked(&mut tally, 5, 0, 10 * HOUR);
        asked(&mut tally, 5, 0, 0);
        assert_eq!(over(&mut tally, 0), Some(("patients", "hour")));
        assert_eq!(over(&mut tally, 10 * HOUR), Some(("patients", "hour")));
    }
}
