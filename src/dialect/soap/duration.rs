//! xs:duration, as CorrelationTimeToLive gives it.

use std::time::Duration;

/// Whatever is said, nothing is remembered for longer: a year.
const LONGEST_S: u64 = 366 * DAY_S;
const DAY_S: u64 = 86_400;

/// A duration of the lexical form `P1Y2M3DT4H5M6S`, a month of 30 days and a year of 365, parts of a
/// second left out, a year at most; None for what is none, and for a negative one.
pub fn duration(text: &str) -> Option<Duration> {
    let text = text.strip_prefix('P').filter(|text| !text.is_empty())?;
    let (days, time) = match text.split_once('T') {
        Some((days, time)) => (days, Some(whole_seconds(time)?)),
        None => (text, None),
    };
    let days = fields(days, &[('Y', 365 * DAY_S), ('M', 30 * DAY_S), ('D', DAY_S)])?;
    let time = time.map_or(Some(0), |time| fields(&time, &[('H', 3_600), ('M', 60), ('S', 1)]))?;
    Some(Duration::from_secs(days.saturating_add(time).min(LONGEST_S)))
}

fn whole_seconds(time: &str) -> Option<String> {
    let Some((whole, fraction)) = time.split_once('.') else {
        return (!time.is_empty()).then(|| time.to_owned());
    };
    let digits = fraction.strip_suffix('S').filter(|digits| !digits.is_empty())?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| format!("{whole}S"))
}

// Numbers with their letters, each letter once at most and in this order.
fn fields(mut text: &str, units: &[(char, u64)]) -> Option<u64> {
    let mut seconds: u64 = 0;
    for (letter, unit) in units {
        let Some((number, rest)) = text.split_once(*letter) else { continue };
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        // More digits than fit are more than a year.
        let number = number.parse::<u64>().unwrap_or(u64::MAX);
        seconds = seconds.saturating_add(number.saturating_mul(*unit));
        text = rest;
    }
    text.is_empty().then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<u64> {
        duration(text).map(|duration| duration.as_secs())
    }

    #[test]
    fn a_duration_is_read_as_the_schema_writes_it() {
        assert_eq!(seconds("P0Y0M7D"), Some(7 * DAY_S));
        assert_eq!(seconds("P1M"), Some(30 * DAY_S));
        assert_eq!(seconds("PT36H"), Some(36 * 3_600));
        assert_eq!(seconds("P1DT2H3M4.5S"), Some(DAY_S + 7_384));
        assert_eq!(seconds("P10Y"), Some(LONGEST_S), "a year at most");
        assert_eq!(seconds("P99999999999999999999999DT1S"), Some(LONGEST_S));
        assert_eq!((seconds("P0D"), seconds("PT0S")), (Some(0), Some(0)), "not at all");
    }

    #[test]
    fn what_is_no_duration_is_none() {
        for text in [
            "",
            "P",
            "PT",
            "7D",
            "P7",
            "-P7D",
            "P7D1Y",
            "P1S",
            "PD",
            "P1DT",
            "P 7D",
            "P7d",
            "PT1.garbage",
            "PT1.S",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
