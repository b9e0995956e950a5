//! Every cap of the broker with its default; units stand last in the names.

use std::path::Path;

use super::budgets::Budgets;
use super::section::{Reading, Section};

/// How often may be asked of us. A peer's file may set its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Requests per second that one system may send, on average.
    pub peer_per_second: u32,
    /// How many of them may come at once.
    pub peer_burst: u32,
    /// Requests of one system at work at the same time, its answers still being sent included.
    pub peer_in_flight: u32,
    /// Requests per minute that one person may cause, on average.
    pub person_per_minute: u32,
    /// How many of them may come at once.
    pub person_burst: u32,
    /// Requests of one system with purpose EMERGENCY at work beside `peer_in_flight`.
    pub emergency_in_flight: u32,
    /// Requests per minute of one system with purpose EMERGENCY beside the other rates.
    pub emergency_per_minute: u32,
}

impl Rates {
    pub(super) const DEFAULT: Self = Self {
        peer_per_second: 20,
        peer_burst: 40,
        peer_in_flight: 64,
        person_per_minute: 60,
        person_burst: 30,
        emergency_in_flight: 8,
        emergency_per_minute: 60,
    };

    pub(super) fn read(section: &mut Section<'_>, default: Self) -> Self {
        Self {
            peer_per_second: small(section, "peer_per_second", default.peer_per_second, 10_000),
            peer_burst: small(section, "peer_burst", default.peer_burst, 100_000),
            peer_in_flight: small(section, "peer_in_flight", default.peer_in_flight, 65_536),
            person_per_minute: small(section, "person_per_minute", default.person_per_minute, 100_000),
            person_burst: small(section, "person_burst", default.person_burst, 100_000),
            emergency_in_flight: small(section, "emergency_in_flight", default.emergency_in_flight, 4_096),
            emergency_per_minute: small(
                section,
                "emergency_per_minute",
                default.emergency_per_minute,
                100_000,
            ),
        }
    }
}

/// Caps on what comes in (`[limits]` of kakehashi.toml). May change without a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes a second that a reader must take of an answer while we wait for it; 0 is no least rate.
    pub answer_bytes_per_second_min: u64,
    /// Milliseconds for which an answer may stand still at its reader.
    pub answer_idle_ms: u64,
    /// Bytes of a request body; more is 413.
    pub body_bytes_max: u64,
    /// Milliseconds between two pieces of a request body.
    pub body_idle_ms: u64,
    /// Patients and misses, unless a system's file sets its own.
    pub budgets: Budgets,
    /// Seconds after which a connection is asked to end.
    pub connection_age_s: u64,
    /// Open connections of one listener; further ones wait in the kernel.
    pub connections_max: u64,
    /// Open connections of one peer; further ones are closed.
    pub connections_per_peer_max: u64,
    /// Bytes of one document, unless a target's file sets its own.
    pub document_bytes_max: u64,
    /// Documents of one retrieve.
    pub documents_per_request_max: u64,
    /// Milliseconds that running requests have when we stop.
    pub drain_ms: u64,
    /// Entries shown a moment ago that are remembered for a retrieve.
    pub entry_cache_entries_max: u64,
    /// Milliseconds for a TLS handshake.
    pub handshake_ms: u64,
    /// TLS handshakes at the same time; when there are more, the slowest is cut.
    pub handshakes_max: u64,
    /// Bytes of a request's headers.
    pub header_bytes_max: u64,
    /// Milliseconds for a request's headers.
    pub header_ms: u64,
    /// Requests at work at the same time on one side, of all its systems together.
    pub in_flight_max: u64,
    /// "More attributes please" per person and hour (decisions A5).
    pub more_attributes_per_hour: u32,
    /// Inbound rates.
    pub rates: Rates,
    /// Findings of one answer after the filter; more is XDSTooManyResults.
    pub results_max: u64,
    /// Days for which it is kept whose an id is that a portal was shown.
    pub shown_ids_days: u64,
    /// Objects of one community of which that is kept.
    pub shown_ids_max: u64,
    /// HTTP/2 streams of one connection.
    pub streams_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        let reading = Reading::of(Path::new(""), String::new());
        Self::read(reading.root())
    }
}

impl Limits {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let s = &mut section;
        let limits = Self {
            answer_bytes_per_second_min: s.number("answer_bytes_per_second_min", 4_096, 0..=1 << 30),
            answer_idle_ms: s.number("answer_idle_ms", 30_000, 10..=600_000),
            body_bytes_max: s.number("body_bytes_max", 1 << 20, 1 << 10..=64 << 20),
            body_idle_ms: s.number("body_idle_ms", 10_000, 10..=600_000),
            budgets: Budgets::read(s.section_or_empty("budgets"), Budgets::DEFAULT, false),
            connection_age_s: s.number("connection_age_s", 3_600, 1..=86_400),
            connections_max: s.number("connections_max", 1_024, 1..=65_536),
            connections_per_peer_max: s.number("connections_per_peer_max", 64, 1..=65_536),
            document_bytes_max: s.number("document_bytes_max", 1 << 30, 1 << 10..=1 << 40),
            documents_per_request_max: s.number("documents_per_request_max", 32, 1..=1_000),
            drain_ms: s.number("drain_ms", 30_000, 0..=600_000),
            entry_cache_entries_max: s.number("entry_cache_entries_max", 100_000, 0..=10_000_000),
            handshake_ms: s.number("handshake_ms", 5_000, 10..=60_000),
            handshakes_max: s.number("handshakes_max", 256, 1..=4_096),
            header_bytes_max: s.number("header_bytes_max", 32 << 10, 8 << 10..=1 << 20),
            header_ms: s.number("header_ms", 10_000, 10..=60_000),
            in_flight_max: s.number("in_flight_max", 256, 1..=65_536),
            more_attributes_per_hour: small(s, "more_attributes_per_hour", 10, 10_000),
            rates: Rates::read(s, Rates::DEFAULT),
            results_max: s.number("results_max", 1_000, 1..=100_000),
            shown_ids_days: s.number("shown_ids_days", 90, 1..=3_650),
            shown_ids_max: s.number("shown_ids_max", 200_000, 1_000..=10_000_000),
            streams_max: s.number("streams_max", 64, 1..=1_024),
        };
        section.finish();
        limits
    }
}

/// Caps on what we ask of a target and take from it (`limits` of its file).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetLimits {
    /// Bytes of one answer that is no document.
    pub answer_bytes_max: u64,
    /// Milliseconds between two pieces of an answer.
    pub body_idle_ms: u64,
    /// Bytes of one document.
    pub document_bytes_max: u64,
    /// Requests at work there at the same time.
    pub in_flight: u32,
    /// Requests per second sent there.
    pub per_second: u32,
}

impl TargetLimits {
    /// A source of our own is read from memory and disk: its usual caps only keep it from being the
    /// whole machine, so that one asker's flood does not starve the others.
    pub(super) fn read(mut section: Section<'_>, document_bytes_max: u64, is_source: bool) -> Self {
        let (in_flight, per_second) = if is_source { (256, 10_000) } else { (16, 20) };
        let s = &mut section;
        let limits = Self {
            answer_bytes_max: s.number("answer_bytes_max", 16 << 20, 1 << 10..=1 << 30),
            body_idle_ms: s.number("body_idle_ms", 10_000, 10..=600_000),
            document_bytes_max: s.number("document_bytes_max", document_bytes_max, 1 << 10..=1 << 40),
            in_flight: small(s, "in_flight", in_flight, 4_096),
            per_second: small(s, "per_second", per_second, 10_000),
        };
        section.finish();
        limits
    }
}

/// When a target counts as down (`breaker` of its file).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerSettings {
    /// Failures in a row that open the breaker.
    pub failures: u32,
    /// Milliseconds until one request may try again.
    pub open_ms: u64,
}

impl BreakerSettings {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let settings = Self {
            failures: small(&mut section, "failures", 5, 1_000),
            open_ms: section.number("open_ms", 30_000, 10..=3_600_000),
        };
        section.finish();
        settings
    }
}

fn small(section: &mut Section<'_>, key: &'static str, default: u32, highest: u32) -> u32 {
    let number = section.number(key, u64::from(default), 1..=u64::from(highest));
    u32::try_from(number).unwrap_or(default)
}
