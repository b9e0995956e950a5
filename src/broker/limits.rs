//! Who may ask how often: a bucket per asking system, taken before anything of its message is read,
//! and one per person of it, taken when the assertion is verified (governor). Keys come from the
//! certificate and the verified assertion, never from a header; their number is capped. A bucket of its
//! own lets emergencies through when the others are empty.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::model::{Refusal, RequestContext, TargetName};

// Persons remembered at a time over all systems. Beyond it idle ones are forgotten; should none be
// idle, newcomers share one bucket.
const PERSONS_MAX: usize = 100_000;

/// Refusals of one system that are put into the words of their transaction; beyond them it is told 503.
const WORDED_PER_SECOND: NonZeroU32 = NonZeroU32::new(2).unwrap();
const WORDED_BURST: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// The rates of one asking system.
#[derive(Debug, Clone, Copy)]
pub struct InboundRates {
    /// Requests of the whole system.
    pub system_per_second: NonZeroU32,
    /// How many it may send at once.
    pub system_burst: NonZeroU32,
    /// Requests of one person.
    pub person_per_minute: NonZeroU32,
    /// How many one person may send at once.
    pub person_burst: NonZeroU32,
    /// "More attributes" answers one person may get (decisions A5).
    pub more_attributes_per_hour: NonZeroU32,
    /// Emergencies of the system beside its other rates.
    pub emergency_per_minute: NonZeroU32,
}

struct System {
    all: DefaultDirectRateLimiter,
    emergencies: DefaultDirectRateLimiter,
    /// Refusals over the rate that are put into the words of the transaction.
    worded: DefaultDirectRateLimiter,
    persons: DefaultKeyedRateLimiter<String>,
    more_attributes: DefaultKeyedRateLimiter<String>,
}

/// The limits of all asking systems. A system without limits may not ask.
pub struct Limits {
    systems: HashMap<TargetName, System>,
    clock: DefaultClock,
}

impl Limits {
    /// One entry a configured portal or peer.
    pub fn new(rates: impl IntoIterator<Item = (TargetName, InboundRates)>) -> Self {
        let systems = rates.into_iter().map(|(name, rates)| (name, System::new(rates))).collect();
        Self { systems, clock: DefaultClock::default() }
    }

    /// Takes one request from the bucket of its system.
    ///
    /// # Errors
    /// `Throttled` with the milliseconds until it may be tried again; `Denied` for a system that
    /// has no limits configured.
    pub fn check_system(&self, system: &TargetName) -> Result<(), Refusal> {
        let system = self.systems.get(system).ok_or(Refusal::Denied)?;
        system.all.check().map_err(|wait| self.throttled(wait.wait_time_from(self.clock.now())))
    }

    /// Whether one more refusal may be put into the words of its transaction: reading the message for that
    /// costs more than the refusal.
    pub fn admits_wording(&self, system: &TargetName) -> bool {
        self.systems.get(system).is_some_and(|system| system.worded.check().is_ok())
    }

    /// Takes one request from the system's bucket for emergencies.
    ///
    /// # Errors
    /// As [`Limits::check_system`].
    pub fn check_emergency(&self, system: &TargetName) -> Result<(), Refusal> {
        let system = self.systems.get(system).ok_or(Refusal::Denied)?;
        system.emergencies.check().map_err(|wait| self.throttled(wait.wait_time_from(self.clock.now())))
    }

    /// Takes one request from the bucket of its person.
    ///
    /// # Errors
    /// As [`Limits::check_system`].
    pub fn check_person(&self, context: &RequestContext) -> Result<(), Refusal> {
        let system = self.systems.get(&context.requester.system).ok_or(Refusal::Denied)?;
        let person = system.key(&system.persons, context);
        let checked = system.persons.check_key(&person);
        checked.map_err(|wait| self.throttled(wait.wait_time_from(self.clock.now())))
    }

    /// Whether the person may be told once more that attributes are missing.
    pub fn admits_more_attributes(&self, context: &RequestContext) -> bool {
        self.systems.get(&context.requester.system).is_some_and(|system| {
            let person = system.key(&system.more_attributes, context);
            system.more_attributes.check_key(&person).is_ok()
        })
    }

    fn throttled(&self, wait: Duration) -> Refusal {
        Refusal::Throttled(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1))
    }
}

impl System {
    fn new(rates: InboundRates) -> Self {
        let person = Quota::per_minute(rates.person_per_minute).allow_burst(rates.person_burst);
        Self {
            all: RateLimiter::direct(
                Quota::per_second(rates.system_per_second).allow_burst(rates.system_burst),
            ),
            emergencies: RateLimiter::direct(Quota::per_minute(rates.emergency_per_minute)),
            worded: RateLimiter::direct(Quota::per_second(WORDED_PER_SECOND).allow_burst(WORDED_BURST)),
            persons: RateLimiter::keyed(person),
            more_attributes: RateLimiter::keyed(Quota::per_hour(rates.more_attributes_per_hour)),
        }
    }

    fn key(&self, limiter: &DefaultKeyedRateLimiter<String>, context: &RequestContext) -> String {
        if limiter.len() >= PERSONS_MAX {
            limiter.retain_recent();
            limiter.shrink_to_fit();
            if limiter.len() >= PERSONS_MAX {
                return String::new();
            }
        }
        let asker = context.requester.key();
        format!("{}\u{1f}{}", asker.issuer, asker.person)
    }
}
