//! HL7 v2 data types as Japanese text: coded values, times, dates in both calendars, people, places
//! and quantities. What cannot be told apart is shown as written.

use crate::dialect::hl7v2::{Field, Repetition, Segment, person_name};
use crate::model::PartialDate;

/// The text of a coded value (CWE, CE), else its alternative or original text, else its code.
pub(super) fn coded(value: Repetition<'_>) -> String {
    [2, 5, 9, 1, 4]
        .into_iter()
        .map(|n| value.component(n).whole())
        .find(|text| !text.trim().is_empty())
        .unwrap_or_default()
}

/// All repetitions of a coded field.
pub(super) fn all_coded(field: Field<'_>) -> String {
    joined(field.repetitions().map(coded))
}

/// Text of a coded value with its code in brackets.
pub(super) fn coded_with_code(field: Field<'_>) -> String {
    let (text, code) = (coded(field.first()), field.text());
    if code.is_empty() || code == text { text } else { format!("{text}（{code}）") }
}

/// Text and code of a coded value; the code with its system, empty where the text is the code.
pub(super) fn text_and_code(field: Field<'_>) -> (String, String) {
    let (text, code, system) = (coded(field.first()), field.text(), field.component(3).text());
    let code = if code == text { String::new() } else { format!("{system} {code}").trim().to_owned() };
    (text, code)
}

/// First components of all repetitions.
pub(super) fn all_text(field: Field<'_>) -> String {
    joined(field.repetitions().map(Repetition::text))
}

fn joined(texts: impl Iterator<Item = String>) -> String {
    texts.filter(|text| !text.trim().is_empty()).collect::<Vec<_>>().join("、")
}

/// A time as `2024年7月12日 08:30`; as written where it is none.
pub(super) fn time(text: &str) -> String {
    let digits: String = text.trim().chars().take_while(char::is_ascii_digit).collect();
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    let unpadded = |text: &str| text.trim_start_matches('0').to_owned();
    let day = match digits.len() {
        0..4 => return text.trim().to_owned(),
        4..6 => format!("{}年", part(0, 4)),
        6..8 => format!("{}年{}月", part(0, 4), unpadded(part(4, 6))),
        _ => format!("{}年{}月{}日", part(0, 4), unpadded(part(4, 6)), unpadded(part(6, 8))),
    };
    match (part(8, 10), part(10, 12)) {
        ("", _) => day,
        (hour, "") => format!("{day} {}時", unpadded(hour)),
        (hour, minute) => format!("{day} {hour}:{minute}"),
    }
}

/// From and to, the day not said twice.
pub(super) fn period(from: &str, to: &str) -> String {
    let (from, to) = (time(from), time(to));
    match (from.is_empty(), to.is_empty()) {
        (_, true) => from,
        (true, false) => format!("～ {to}"),
        _ if from == to => from,
        _ => {
            let same_day = from.split_once(' ').zip(to.split_once(' ')).filter(|(a, b)| a.0 == b.0);
            let end = same_day.map_or(to.as_str(), |(_, (_, hour))| hour);
            format!("{from} ～ {end}")
        }
    }
}

/// A birth date in both calendars: `1948年4月5日（昭和23年4月5日）`.
pub(super) fn both_calendars(date: PartialDate) -> String {
    let western = time(&date.digits());
    let Some((era, first_year)) = era_of(date) else { return western };
    let year = match date.year.saturating_sub(first_year) + 1 {
        1 => "元".to_owned(),
        year => year.to_string(),
    };
    let rest = western.split_once('年').map_or("", |(_, rest)| rest);
    format!("{western}（{era}{year}年{rest}）")
}

/// The era of a date by the day on which each began. A year or month in which two eras met, without
/// a day, is given in the western calendar only.
fn era_of(date: PartialDate) -> Option<(&'static str, u16)> {
    const BEGINS: [(&str, u16, u8, u8); 5] = [
        ("令和", 2019, 5, 1),
        ("平成", 1989, 1, 8),
        ("昭和", 1926, 12, 25),
        ("大正", 1912, 7, 30),
        // The solar calendar came in 1873.
        ("明治", 1873, 1, 1),
    ];
    let earliest = (date.year, date.month.unwrap_or(1), date.day.unwrap_or(1));
    let latest = (date.year, date.month.unwrap_or(12), date.day.unwrap_or(31));
    let of = |day: (u16, u8, u8)| BEGINS.iter().find(|(_, y, m, d)| (*y, *m, *d) <= day);
    let (era, latest_era) = (of(earliest)?, of(latest)?);
    let first_year = if era.0 == "明治" { 1868 } else { era.1 };
    (era == latest_era).then_some((era.0, first_year))
}

/// A professional (XCN): family and given name, without the id.
pub(super) fn people(field: Field<'_>) -> String {
    let is_kana = |person: &Repetition<'_>| person.component(15).text() == "P";
    joined(field.repetitions().filter(|person| !is_kana(person)).map(|person| person_name(person, 2)))
}

/// A place (PL): ward, room and bed; a clinic's code where it is one.
pub(super) fn place(field: Field<'_>) -> String {
    let part = |n: usize| field.component(n).text();
    if part(6) == "C" {
        return department(&part(1));
    }
    let named = |text: String, unit: &str| if text.is_empty() { text } else { format!("{text}{unit}") };
    let parts = [named(part(1), "病棟"), named(part(2), "号室"), named(part(3), "床")];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A department by its code of table 0069; the code itself where it is a hospital's own.
pub(super) fn department(code: &str) -> String {
    const NAMES: [&str; 36] = [
        "内科",
        "精神科",
        "神経科",
        "神経内科",
        "呼吸器科",
        "消化器科",
        "胃腸科",
        "循環器科",
        "小児科",
        "外科",
        "整形外科",
        "形成外科",
        "美容外科",
        "脳神経外科",
        "呼吸器外科",
        "心臓血管外科",
        "小児外科",
        "皮膚泌尿器科",
        "皮膚科",
        "泌尿器科",
        "性病科",
        "肛門科",
        "産婦人科",
        "産科",
        "婦人科",
        "眼科",
        "耳鼻咽喉科",
        "気管食道科",
        "理学診療科",
        "放射線科",
        "麻酔科",
        "人工透析科",
        "心療内科",
        "アレルギー科",
        "リウマチ科",
        "リハビリテーション科",
    ];
    let number = code.parse::<usize>().ok().filter(|_| code.len() == 2);
    number
        .and_then(|n| n.checked_sub(1))
        .and_then(|index| NAMES.get(index))
        .map_or_else(|| code.to_owned(), |name| format!("{name}（{code}）"))
}

/// A number with its unit.
pub(super) fn amount(number: Field<'_>, unit: Field<'_>) -> String {
    let number = number.text();
    if number.trim().is_empty() { String::new() } else { format!("{}{}", number.trim(), unit_text(unit)) }
}

/// The unit a person reads: the printed text, else the code.
pub(super) fn unit_text(unit: Field<'_>) -> String {
    coded(unit.first())
}

/// The value of an observation (OBX-5) by its type (OBX-2).
pub(super) fn observed(obx: Segment<'_>) -> String {
    let kind = obx.field(2).text();
    let one = |value: Repetition<'_>| match kind.as_str() {
        "CE" | "CWE" | "CNE" => coded(value),
        "SN" => {
            (1..=4).map(|n| value.component(n).text()).filter(|t| !t.is_empty()).collect::<Vec<_>>().join(" ")
        }
        // Drug and quantity (JAHIS endoscopy).
        "ZRD" => {
            [coded(value), value.component(4).text(), value.component(5).text()].join(" ").trim().to_owned()
        }
        "DT" | "TS" | "DTM" => time(&value.text()),
        "ED" | "RP" => "（添付データ）".to_owned(),
        _ => value.component(1).whole(),
    };
    let values: Vec<String> = obx.field(5).repetitions().map(one).filter(|t| !t.trim().is_empty()).collect();
    values.join("\n")
}

/// Coded words of small tables where the message may give the code only.
pub(super) fn worded(value: Repetition<'_>, words: &[(&str, &str)]) -> String {
    let text = value.component(2).text();
    if !text.is_empty() {
        return text;
    }
    let code = value.text();
    words.iter().find(|(known, _)| *known == code).map_or(code, |(_, word)| (*word).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_birth_date_stands_in_both_calendars_and_eras_change_on_their_day() {
        let of = |digits: &str| both_calendars(PartialDate::from_digits(digits).unwrap());
        assert_eq!(of("19480405"), "1948年4月5日（昭和23年4月5日）");
        assert_eq!(of("19890107"), "1989年1月7日（昭和64年1月7日）");
        assert_eq!(of("19890108"), "1989年1月8日（平成元年1月8日）");
        assert_eq!(of("20190501"), "2019年5月1日（令和元年5月1日）");
        assert_eq!(of("1989"), "1989年");
        assert_eq!(of("1990"), "1990年（平成2年）");
        assert_eq!(of("19120730"), "1912年7月30日（大正元年7月30日）");
        assert_eq!(of("19000101"), "1900年1月1日（明治33年1月1日）");
    }

    #[test]
    fn a_time_keeps_the_precision_given_and_a_text_stays_as_written() {
        assert_eq!(time("20240712083055.963"), "2024年7月12日 08:30");
        assert_eq!(time("2024071208"), "2024年7月12日 8時");
        assert_eq!(time("202407"), "2024年7月");
        assert_eq!(time("約１年前"), "約１年前");
        assert_eq!(period("202408140805", "202408140830"), "2024年8月14日 08:05 ～ 08:30");
        assert_eq!(period("202408142305", "202408150830"), "2024年8月14日 23:05 ～ 2024年8月15日 08:30");
    }
}
