//! What a repository may have lost: syslog acknowledges nothing, so whatever was written shortly before
//! a connection ended is written again. Pure; the time is the caller's.

use std::collections::VecDeque;

use tokio::time::{Duration, Instant};

use crate::store::AuditPosition;

/// Places in the log and when everything before them had been written.
#[derive(Debug)]
pub struct Window {
    length: Duration,
    settled: AuditPosition,
    marks: VecDeque<(Instant, AuditPosition)>,
}

impl Window {
    /// Nothing before `settled` is written again.
    pub const fn new(length: Duration, settled: AuditPosition) -> Self {
        Self { length, settled, marks: VecDeque::new() }
    }

    /// Everything before this place has been written by now.
    pub fn note(&mut self, now: Instant, place: &AuditPosition) {
        let is_news = match self.marks.back() {
            Some((at, last)) => *last != *place && now.duration_since(*at) >= self.step(),
            None => self.settled != *place,
        };
        if is_news {
            self.marks.push_back((now, place.clone()));
        }
    }

    /// Takes as delivered what was written longer ago than the window is long; true when that is news.
    pub fn settle(&mut self, now: Instant) -> bool {
        let mut news = false;
        while let Some((_, place)) = self.marks.pop_front_if(|(at, _)| now.duration_since(*at) > self.length)
        {
            self.settled = place;
            news = true;
        }
        news
    }

    /// Where to go on after the end of a connection.
    pub fn rewind(&mut self, now: Instant) -> AuditPosition {
        self.settle(now);
        self.marks.clear();
        self.settled.clone()
    }

    /// Everything before it counts as delivered.
    pub const fn settled(&self) -> &AuditPosition {
        &self.settled
    }

    /// How often a place is noted: it bounds the marks, and how much longer than the window is repeated.
    pub fn step(&self) -> Duration {
        self.length / MARKS
    }
}

const MARKS: u32 = 60;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place(next: u64) -> AuditPosition {
        AuditPosition { next, ..AuditPosition::default() }
    }

    proptest! {
        #[test]
        fn what_was_written_within_the_window_is_repeated_and_little_more(
            gaps in proptest::collection::vec(0_u64..40, 1..400), ends_after in 0_u64..2000,
        ) {
            let length = Duration::from_secs(600);
            let start = Instant::now();
            let mut window = Window::new(length, place(0));
            // Record n is written at written[n].
            let (mut now, mut written) = (start, Vec::new());
            for gap in gaps {
                now += Duration::from_secs(gap);
                window.note(now, &place(written.len() as u64));
                window.settle(now);
                written.push(now);
            }
            let end = now + Duration::from_secs(ends_after);
            for tick in 0..ends_after / 10 {
                window.note(now + Duration::from_secs(tick * 10), &place(written.len() as u64));
            }
            let again = usize::try_from(window.rewind(end).next).unwrap();
            let within = |at: &Instant| end.duration_since(*at) <= length;
            let longest_gap = Duration::from_secs(40) + window.step() * 2;
            for (number, at) in written.iter().enumerate() {
                prop_assert!(!within(at) || number >= again, "record {number} would be lost");
                let is_old = end.duration_since(*at) > length + longest_gap;
                prop_assert!(!is_old || number < again, "record {number} is repeated for nothing");
            }
            prop_assert!(window.marks.is_empty());
        }
    }

    #[test]
    fn the_marks_are_bounded() {
        let mut window = Window::new(Duration::from_secs(600), place(0));
        let start = Instant::now();
        for second in 0..10_000 {
            window.note(start + Duration::from_secs(second), &place(second + 1));
            window.settle(start + Duration::from_secs(second));
        }
        assert!(window.marks.len() <= MARKS as usize + 1, "{}", window.marks.len());
    }
}
