//! Dates of birth as records hold them: western, in a Japanese era (letter, kanji or receipt digit), or
//! a placeholder for "unknown". Eras are converted arithmetically: S64 and H31.05.01 occur in practice.

use unicode_normalization::UnicodeNormalization as _;

use crate::model::PartialDate;

/// A date as read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EraDate {
    /// None when absent, unreadable or a placeholder.
    pub date: Option<PartialDate>,
    /// Whether it was written in an era.
    pub era: bool,
}

/// Ways to write an era, and the year before its first.
const ERAS: &[(&[&str], u16)] = &[
    (&["明治", "明", "M", "m", "1"], 1867),
    (&["大正", "大", "T", "t", "2"], 1911),
    (&["昭和", "昭", "S", "s", "3"], 1925),
    (&["平成", "平", "H", "h", "4"], 1988),
    (&["令和", "令", "R", "r", "5"], 2018),
];

/// Reads PID-7 and its like. A time after the date is ignored.
pub fn birth_date(text: &str) -> EraDate {
    let folded: String = text.trim().nfkc().filter(|c| !c.is_whitespace()).collect();
    let digits_only = folded.chars().all(|c| c.is_ascii_digit());
    if digits_only && folded.len() != 7 || folded.starts_with(|c: char| c.is_ascii_digit()) && !digits_only {
        return EraDate { date: western(&folded).filter(|d| !is_placeholder(*d)), era: false };
    }
    for (names, before) in ERAS {
        let Some(rest) = names.iter().find_map(|name| folded.strip_prefix(name)) else { continue };
        let date = era_parts(rest).and_then(|(year, month, day)| PartialDate::day(before + year, month, day));
        return EraDate { date: date.filter(|d| !is_placeholder(*d)), era: true };
    }
    EraDate::default()
}

/// `19920731`, `1992-07-31`, `1992/7/31`, `1992年7月31日`, `199207`, `1992`.
fn western(folded: &str) -> Option<PartialDate> {
    if folded.chars().all(|c| c.is_ascii_digit()) || folded.contains('.') && !folded.contains(['年', '/']) {
        let dotted = folded.split('.').take(3).collect::<Vec<_>>();
        if let [year, month, day] = dotted.as_slice()
            && year.len() == 4
        {
            return PartialDate::day(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
        }
        return PartialDate::from_digits(folded);
    }
    let date = folded.split(['T', 't']).next().unwrap_or_default();
    let mut numbers = date.split(|c: char| !c.is_ascii_digit()).filter(|n| !n.is_empty());
    let year = numbers.next().filter(|y| y.len() == 4)?.parse().ok()?;
    match (numbers.next(), numbers.next()) {
        (Some(month), Some(day)) => PartialDate::day(year, month.parse().ok()?, day.parse().ok()?),
        _ => PartialDate::from_digits(folded),
    }
}

/// `040731`, `4.7.31`, `元年1月8日` after the era's name.
fn era_parts(rest: &str) -> Option<(u16, u8, u8)> {
    let rest = rest.replacen('元', "1", 1);
    if rest.len() == 6 && rest.bytes().all(|b| b.is_ascii_digit()) {
        let number = |from: usize| rest.get(from..from + 2).and_then(|n| n.parse::<u8>().ok());
        return Some((u16::from(number(0)?), number(2)?, number(4)?));
    }
    let numbers: Option<Vec<u8>> =
        rest.split(|c: char| !c.is_ascii_digit()).filter(|n| !n.is_empty()).map(|n| n.parse().ok()).collect();
    match numbers?.as_slice() {
        [year, month, day, ..] => Some((u16::from(*year), *month, *day)),
        _ => None,
    }
}

/// Dates that stand for "unknown" and must never count as agreement.
fn is_placeholder(date: PartialDate) -> bool {
    let first = (date.month, date.day) == (Some(1), Some(1));
    date.year <= 1868 || date.year >= 2100 || (date.year == 1900 && (first || date.month.is_none()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> (Option<String>, bool) {
        let read = birth_date(text);
        (read.date.map(PartialDate::digits), read.era)
    }

    #[test]
    fn western_dates_are_read_in_every_punctuation() {
        for text in
            ["19920731", "1992-07-31", "1992/7/31", "1992年7月31日", "199207310930", "１９９２．７．３１"]
        {
            assert_eq!(digits(text), (Some("19920731".to_owned()), false), "{text}");
        }
        assert_eq!(digits("199207"), (Some("199207".to_owned()), false));
        assert_eq!(digits("1992"), (Some("1992".to_owned()), false));
    }

    #[test]
    fn era_dates_are_converted_whether_by_letter_kanji_or_receipt_digit() {
        for text in ["H040731", "h4.7.31", "平成4年7月31日", "㍻４年７月３１日", "4040731", "Ｈ０４０７３１"]
        {
            assert_eq!(digits(text), (Some("19920731".to_owned()), true), "{text}");
        }
        assert_eq!(digits("昭和元年12月26日").0, Some("19261226".to_owned()));
        assert_eq!(digits("M45.07.29").0, Some("19120729".to_owned()));
        assert_eq!(digits("R060105").0, Some("20240105".to_owned()));
    }

    #[test]
    fn days_after_the_end_of_an_era_are_converted_arithmetically() {
        assert_eq!(digits("S64.01.08").0, Some("19890108".to_owned()));
        assert_eq!(digits("H31.05.01").0, Some("20190501".to_owned()));
    }

    #[test]
    fn placeholders_and_impossible_days_are_missing() {
        for text in [
            "19000101", "1900", "18680101", "99991231", "19630400", "19630010", "00000000", "", "不明",
            "H0413",
        ] {
            assert_eq!(digits(text).0, None, "{text}");
        }
        assert_eq!(digits("19000102").0, Some("19000102".to_owned()));
    }
}
