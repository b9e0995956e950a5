//! A breaker: after so many failures in a row a target is not asked for a while, then one request
//! tries whether it is back. Survives reloads with its target.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::telemetry::BreakerState;

/// When to open and for how long.
#[derive(Debug, Clone, Copy)]
pub struct BreakerSettings {
    /// Failures in a row that open it.
    pub failures: u32,
    /// How long it stays open.
    pub open: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    // One request is on its way; others wait for its outcome as if the breaker were open.
    Trying { since: Instant },
}

/// The breaker of one target.
#[derive(Debug)]
pub struct Breaker {
    settings: BreakerSettings,
    state: Mutex<State>,
}

impl Breaker {
    /// A closed one.
    pub const fn new(settings: BreakerSettings) -> Self {
        Self { settings, state: Mutex::new(State::Closed { failures: 0 }) }
    }

    /// Whether a request may go out now.
    pub fn admits(&self, now: Instant) -> bool {
        self.with(|state, settings| match *state {
            State::Closed { .. } => true,
            State::Open { until } if now >= until => {
                *state = State::Trying { since: now };
                true
            }
            // A try whose request was dropped must not close the way for ever.
            State::Trying { since } if now.duration_since(since) > settings.open => {
                *state = State::Trying { since: now };
                true
            }
            State::Open { .. } | State::Trying { .. } => false,
        })
    }

    /// An answer came, whatever it said.
    pub fn succeeded(&self) {
        self.with(|state, _| *state = State::Closed { failures: 0 });
    }

    /// Nothing usable came.
    pub fn failed(&self, now: Instant) {
        self.with(|state, settings| {
            let open = State::Open { until: now + settings.open };
            *state = match *state {
                State::Closed { failures } if failures + 1 < settings.failures => {
                    State::Closed { failures: failures + 1 }
                }
                _ => open,
            };
        });
    }

    /// Nothing came, within little of the time it has: a try is open to the next request again.
    pub fn cut_short(&self, now: Instant) {
        self.with(|state, _| {
            if let State::Trying { .. } = *state {
                *state = State::Open { until: now };
            }
        });
    }

    /// Its state at the moment, for metrics.
    pub fn state(&self) -> BreakerState {
        self.with(|state, _| match state {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::Trying { .. } => BreakerState::HalfOpen,
        })
    }

    fn with<T>(&self, change: impl FnOnce(&mut State, BreakerSettings) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        change(&mut state, self.settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breaker_opens_after_failures_in_a_row_and_lets_one_request_try() {
        let breaker = Breaker::new(BreakerSettings { failures: 2, open: Duration::from_secs(30) });
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        breaker.failed(start);
        breaker.succeeded();
        breaker.failed(start);
        assert!(breaker.admits(start), "one failure in a row is not two");
        breaker.failed(start);
        assert!(!breaker.admits(after(29)));
        assert!(breaker.admits(after(31)));
        assert!(!breaker.admits(after(31)), "only one tries");
        breaker.failed(after(31));
        assert!(!breaker.admits(after(32)));
        assert!(breaker.admits(after(62)));
        breaker.succeeded();
        assert!(breaker.admits(after(62)) && breaker.admits(after(62)));
    }

    #[test]
    fn a_try_that_was_dropped_does_not_close_the_way_for_ever() {
        let breaker = Breaker::new(BreakerSettings { failures: 1, open: Duration::from_secs(30) });
        let start = Instant::now();
        breaker.failed(start);
        assert!(breaker.admits(start + Duration::from_secs(30)));
        assert!(breaker.admits(start + Duration::from_secs(61)));
    }

    #[test]
    fn a_request_that_was_given_too_little_time_says_nothing_of_the_target() {
        let start = Instant::now();
        let breaker = Breaker::new(BreakerSettings { failures: 2, open: Duration::from_secs(30) });
        (0..9).for_each(|_| breaker.cut_short(start));
        assert!(breaker.admits(start));
        breaker.failed(start);
        breaker.cut_short(start);
        breaker.failed(start);
        assert!(!breaker.admits(start), "nor takes it back what was told before");
        let later = start + Duration::from_secs(31);
        assert!(breaker.admits(later) && !breaker.admits(later));
        breaker.cut_short(later);
        assert!(breaker.admits(later), "another may try");
    }
}
