//! Times: an instant (`Timestamp`), a date as a record gives it (`PartialDate`), and the time of
//! document metadata with the precision given (`Dtm`, HL7 DTM in UTC, ITI TF-3 4.2.3.1.7).

use std::fmt;

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// An instant, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The present moment of the system clock. Pure rooms are handed a time and never call this.
    pub fn now() -> Self {
        Self::from_offset(OffsetDateTime::now_utc())
    }

    /// From microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Later by so many seconds (negative: earlier).
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// `2026-04-01T00:00:00.123Z`, milliseconds; xs:dateTime of SAML, WS-Security and ATNA.
    pub fn xs_date_time(self) -> String {
        let t = self.offset();
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            t.year(),
            u8::from(t.month()),
            t.day(),
            t.hour(),
            t.minute(),
            t.second(),
            t.millisecond()
        )
    }

    /// Reads an xs:dateTime with a zone. None when it is not one (no zone included).
    pub fn from_xs_date_time(text: &str) -> Option<Self> {
        OffsetDateTime::parse(text.trim(), &Rfc3339).ok().map(Self::from_offset)
    }

    /// `20260401000000`, UTC to the second: HL7 TS without zone and ebXML DTM.
    pub fn dtm_seconds(self) -> String {
        let t = self.offset();
        format!(
            "{:04}{:02}{:02}{:02}{:02}{:02}",
            t.year(),
            u8::from(t.month()),
            t.day(),
            t.hour(),
            t.minute(),
            t.second()
        )
    }

    fn offset(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    fn from_offset(t: OffsetDateTime) -> Self {
        let micros = t.to_offset(UtcOffset::UTC).unix_timestamp_nanos() / 1000;
        Self(i64::try_from(micros).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.xs_date_time())
    }
}

/// A calendar date as precise as its source: a year, a month or a day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartialDate {
    /// Western year.
    pub year: u16,
    /// 1 to 12.
    pub month: Option<u8>,
    /// 1 to 31, only with a month.
    pub day: Option<u8>,
}

impl PartialDate {
    /// A whole date; None if no such day exists.
    pub fn day(year: u16, month: u8, day: u8) -> Option<Self> {
        let m = time::Month::try_from(month).ok()?;
        time::Date::from_calendar_date(i32::from(year), m, day).ok()?;
        Some(Self { year, month: Some(month), day: Some(day) })
    }

    /// Reads the leading digits `YYYY[MM[DD]]`; hyphens between them and a time after them are
    /// put up with (wire.md 21.3). None when no such date exists.
    pub fn from_digits(text: &str) -> Option<Self> {
        let digits: String =
            text.trim().chars().filter(|c| *c != '-').take_while(char::is_ascii_digit).take(8).collect();
        let number = |from: usize, to: usize| digits.get(from..to).and_then(|d| d.parse::<u16>().ok());
        let year = number(0, 4)?;
        match digits.len() {
            8.. => Self::day(year, u8::try_from(number(4, 6)?).ok()?, u8::try_from(number(6, 8)?).ok()?),
            6 | 7 => {
                let month = u8::try_from(number(4, 6)?).ok().filter(|m| (1..=12).contains(m))?;
                Some(Self { year, month: Some(month), day: None })
            }
            _ => Some(Self { year, month: None, day: None }),
        }
    }

    /// `YYYY[MM[DD]]`.
    pub fn digits(self) -> String {
        match (self.month, self.day) {
            (Some(m), Some(d)) => format!("{:04}{m:02}{d:02}", self.year),
            (Some(m), None) => format!("{:04}{m:02}", self.year),
            _ => format!("{:04}", self.year),
        }
    }

    /// Whether year, month and day are all given.
    pub const fn is_whole(self) -> bool {
        self.month.is_some() && self.day.is_some()
    }
}

// A birth date is a patient's: it prints as a mark.
impl fmt::Debug for PartialDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[PHI]")
    }
}

/// A time of document metadata: `YYYY[MM[DD[hh[mm[ss]]]]]`, UTC.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dtm(String);

impl Dtm {
    /// Reads digits; a fraction is cut. None when the length or a digit does not fit.
    /// A zone suffix is the dialect's to apply before.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.trim().split('.').next().unwrap_or_default();
        let fits = matches!(digits.len(), 4 | 6 | 8 | 10 | 12 | 14);
        (fits && digits.bytes().all(|b| b.is_ascii_digit())).then(|| Self(digits.to_owned()))
    }

    /// The instant, to the second.
    pub fn from_timestamp(at: Timestamp) -> Self {
        Self(at.dtm_seconds())
    }

    /// As written, with the precision given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Padded with the lowest value to fourteen digits (ITI-18: partial precision), for comparing.
    pub fn padded(&self) -> String {
        let lowest = "00000101000000";
        let mut whole = self.0.clone();
        whole.push_str(lowest.get(self.0.len()..).unwrap_or_default());
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_written_and_read_back_to_the_millisecond() {
        let at = Timestamp::from_micros(1_775_000_000_123_000);
        assert_eq!(Timestamp::from_xs_date_time(&at.xs_date_time()), Some(at));
    }

    #[test]
    fn a_zone_is_applied_and_a_time_without_zone_is_not_an_instant() {
        let utc = Timestamp::from_xs_date_time("2026-04-01T00:00:00Z");
        assert_eq!(Timestamp::from_xs_date_time("2026-04-01T09:00:00+09:00"), utc);
        assert_eq!(Timestamp::from_xs_date_time("2026-04-01T09:00:00"), None);
    }

    #[test]
    fn a_date_keeps_the_precision_given_and_refuses_days_that_do_not_exist() {
        let of = |t| PartialDate::from_digits(t).map(PartialDate::digits);
        assert_eq!(of("1963-04-09T00:00"), Some("19630409".to_owned()));
        assert_eq!(of("196304"), Some("196304".to_owned()));
        assert_eq!(of("1963"), Some("1963".to_owned()));
        assert_eq!(of("19630230"), None);
        assert_eq!(of("x"), None);
    }

    #[test]
    fn partial_metadata_times_are_padded_to_the_lowest_value() {
        assert_eq!(Dtm::parse("2026").map(|d| d.padded()), Some("20260101000000".to_owned()));
        assert_eq!(Dtm::parse("20260203"), Some(Dtm("20260203".to_owned())));
        assert_eq!(Dtm::parse("2026020"), None);
    }
}
