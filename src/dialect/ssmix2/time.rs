//! Times of messages (Japan's, UTC+9, unless they carry a zone) as document metadata in UTC. A date
//! alone becomes the span of that day in Japan, so that range queries find it.

use time::{Date, Duration, Month, PrimitiveDateTime, Time};

use crate::model::Dtm;

/// The span that a time of a message covers, in UTC. None when it is no time.
pub fn span(text: &str) -> Option<(Dtm, Dtm)> {
    let text = text.trim();
    let (stamp, zone) = match text.find(['+', '-']) {
        Some(at) => (text.get(..at)?, text.get(at..).and_then(zone_minutes)?),
        None => (text, 9 * 60),
    };
    let digits: String = stamp.chars().take_while(char::is_ascii_digit).take(14).collect();
    let number = |from: usize, to: usize| digits.get(from..to).and_then(|d| d.parse::<u8>().ok());
    let year = digits.get(..4)?.parse::<i32>().ok()?;
    let month = number(4, 6).unwrap_or(1);
    let first =
        Date::from_calendar_date(year, Month::try_from(month).ok()?, number(6, 8).unwrap_or(1)).ok()?;
    if digits.len() < 10 {
        let last = match digits.len() {
            8.. => first,
            6 | 7 => last_of_month(first)?,
            _ => Date::from_calendar_date(year, Month::December, 31).ok()?,
        };
        let end = last.with_hms(23, 59, 59).ok()?;
        return Some((utc(first.midnight(), zone, 14)?, utc(end, zone, 14)?));
    }
    let clock =
        Time::from_hms(number(8, 10)?, number(10, 12).unwrap_or(0), number(12, 14).unwrap_or(0)).ok()?;
    // An hour alone keeps its precision; an odd digit is not a unit.
    let length = digits.len() - digits.len() % 2;
    let at = utc(PrimitiveDateTime::new(first, clock), zone, length)?;
    Some((at.clone(), at))
}

fn last_of_month(first: Date) -> Option<Date> {
    Date::from_calendar_date(first.year(), first.month(), first.month().length(first.year())).ok()
}

fn zone_minutes(zone: &str) -> Option<i64> {
    let digits = zone.get(1..)?.replace(':', "");
    let number = |from: usize| digits.get(from..from + 2).and_then(|d| d.parse::<i64>().ok());
    let minutes = number(0)? * 60 + number(2).unwrap_or(0);
    Some(if zone.starts_with('-') { -minutes } else { minutes })
}

fn utc(local: PrimitiveDateTime, zone_minutes: i64, length: usize) -> Option<Dtm> {
    let t = local.checked_sub(Duration::minutes(zone_minutes))?;
    let whole = format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}",
        t.year(),
        u8::from(t.month()),
        t.day(),
        t.hour(),
        t.minute(),
        t.second()
    );
    Dtm::parse(whole.get(..length)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<(String, String)> {
        span(text).map(|(from, to)| (from.as_str().to_owned(), to.as_str().to_owned()))
    }

    fn both(from: &str, to: &str) -> Option<(String, String)> {
        Some((from.to_owned(), to.to_owned()))
    }

    #[test]
    fn a_date_covers_its_day_in_japan() {
        assert_eq!(of("20240401"), both("20240331150000", "20240401145959"));
        assert_eq!(of("202402"), both("20240131150000", "20240229145959"));
        assert_eq!(of("2024"), both("20231231150000", "20241231145959"));
    }

    #[test]
    fn a_time_keeps_its_precision_and_crosses_midnight() {
        assert_eq!(of("202404010830"), both("202403312330", "202403312330"));
        assert_eq!(of("20240401103059.1234"), both("20240401013059", "20240401013059"));
        assert_eq!(of("20240401120000008"), both("20240401030000", "20240401030000"));
        assert_eq!(of("2024040112"), both("2024040103", "2024040103"));
    }

    #[test]
    fn a_zone_in_the_message_wins() {
        assert_eq!(of("20240401000000+0000"), both("20240401000000", "20240401000000"));
    }

    #[test]
    fn what_is_no_time_gives_none() {
        for text in ["", "x", "20240230", "20241301", "202404012561", "99"] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
