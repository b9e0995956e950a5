//! PID and IN1 to `Demographics` (JAHIS PID definition, japan.md 2.1), with the repairs that records
//! from the field need. Letters stay as written; folding for comparison is the matcher's.

use super::deviation::{self as d, Deviation};
use super::er7::Message;
use super::era::birth_date;
use super::field::{Field, Repetition, Segment};
use crate::model::{Address, Demographics, Insurance, NameScript, PersonName, Sex, Warning};

/// So many repetitions of a field are read.
const MAX_REPETITIONS: usize = 32;

/// Reads the person of a message; what was repaired stands in the warnings. Default when there is no PID.
pub fn demographics(message: &Message) -> (Demographics, Vec<Warning>) {
    let Some(pid) = message.first("PID") else { return (Demographics::default(), Vec::new()) };
    let mut notes = Notes(Vec::new());
    let names: Vec<PersonName> = pid
        .field(5)
        .repetitions()
        .take(MAX_REPETITIONS)
        .filter_map(|xpn| read_name(xpn, &mut notes))
        .collect();
    let person = Demographics {
        birth: birth(pid, &mut notes),
        birth_range: None,
        sex: sex(pid.field(8), &mut notes),
        addresses: addresses(pid.field(11)),
        phones: [13, 14].into_iter().flat_map(|n| phones(pid.field(n))).collect(),
        insurance: insurance(message),
        mothers_maiden_name: pid
            .field(6)
            .repetitions()
            .take(MAX_REPETITIONS)
            .find_map(|xpn| read_name(xpn, &mut notes)),
        birth_place: Some(pid.field(23).text()).filter(|place| !place.is_empty()),
        names,
    };
    (person, notes.0)
}

/// A name as one text, family before given, from an XCN (id first) or an XPN.
pub fn person_name(repetition: Repetition<'_>, family_component: usize) -> String {
    let part = |n: usize| trimmed(&repetition.component(n).text());
    [part(family_component), part(family_component + 1)].join(" ").trim().to_owned()
}

struct Notes(Vec<Warning>);

impl Notes {
    fn add(&mut self, deviation: Deviation, place: &str) {
        if !self.0.iter().any(|w| w.code == deviation.code) {
            self.0.push(deviation.at(place));
        }
    }
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{3000}'
}

fn trimmed(text: &str) -> String {
    text.trim_matches(is_blank).to_owned()
}

fn read_name(xpn: Repetition<'_>, notes: &mut Notes) -> Option<PersonName> {
    let part = |n: usize| trimmed(&xpn.component(n).text());
    let (mut family, mut given) = (part(1), part(2));
    if family.is_empty() && given.is_empty() {
        return None;
    }
    let middle = part(3);
    if !middle.is_empty() {
        given = [given, middle].join(" ").trim().to_owned();
    }
    let whole = format!("{family}{given}");
    if whole.contains(['〓', '■', '●', '□', '\u{fffd}']) {
        notes.add(d::REPLACEMENT_MARK, "PID-5");
    }
    if whole.chars().any(|c| matches!(c, '\u{ff61}'..='\u{ff9f}')) {
        notes.add(d::EIGHT_BIT_KANA, "PID-5");
    }
    if given.is_empty() && !is_newborn(&whole) {
        let split = family.split_once(is_blank).map(|(a, b)| (trimmed(a), trimmed(b)));
        if let Some((first, rest)) = split {
            notes.add(d::NAME_SPLIT_INFERRED, "PID-5");
            (family, given) = (first, rest);
        }
    }
    Some(PersonName { script: script(xpn, &whole, notes), family, given })
}

/// XPN-8 (table 4000/0465), or XPN-7 where type and representation slipped one component to the left.
/// A declaration that the letters contradict is none.
fn script(xpn: Repetition<'_>, whole: &str, notes: &mut Notes) -> Option<NameScript> {
    let part = |n: usize| xpn.component(n).text().trim().to_ascii_uppercase();
    let of = |code: &str| match code {
        "I" => Some(NameScript::Ideographic),
        "P" => Some(NameScript::Syllabic),
        "A" => Some(NameScript::Alphabetic),
        _ => None,
    };
    let declared = of(&part(8)).or_else(|| {
        let shifted = of(&part(7)).filter(|_| part(8).is_empty() && part(6).len() == 1);
        if shifted.is_some() {
            notes.add(d::NAME_REPRESENTATION, "PID-5");
        }
        shifted
    });
    let told = NameScript::of(whole);
    declared.filter(|script| match script {
        // Foreign names stand in katakana or Roman letters in the kanji slot.
        NameScript::Ideographic => true,
        NameScript::Syllabic => told != NameScript::Ideographic,
        NameScript::Alphabetic => told == NameScript::Alphabetic,
    })
}

/// Mother's name and a word for a newborn: a blank in it splits nothing.
fn is_newborn(name: &str) -> bool {
    let upper = name.to_uppercase();
    let words = ["ベビー", "ﾍﾞﾋﾞｰ", "べびー", "BABY", "ＢＡＢＹ", "男児", "女児", "新生児"];
    let child = name.find('第').and_then(|at| name.get(at..)).is_some_and(|rest| rest.contains(['子', '児']));
    child || words.iter().any(|word| upper.contains(word))
}

fn birth(pid: Segment<'_>, notes: &mut Notes) -> Option<crate::model::PartialDate> {
    let read = birth_date(&pid.field(7).text());
    if read.era {
        notes.add(d::ERA_DATE, "PID-7");
    }
    if read.date.is_none() {
        notes.add(d::BIRTH_DATE_MISSING, "PID-7");
    }
    read.date
}

/// Table 0001, and the 1 and 2 of receipts.
fn sex(field: Field<'_>, notes: &mut Notes) -> Option<Sex> {
    let sex = match field.text().trim() {
        "M" | "m" | "1" | "男" => Some(Sex::Male),
        "F" | "f" | "2" | "女" => Some(Sex::Female),
        "O" | "A" | "N" => Some(Sex::Other),
        _ => None,
    };
    if sex.is_none() {
        notes.add(d::UNKNOWN_SEX, "PID-8");
    }
    sex
}

/// XAD: the whole address in component 8, the postcode in 5, the kind in 7; home before others.
fn addresses(field: Field<'_>) -> Vec<Address> {
    let mut read: Vec<(bool, Address)> = Vec::new();
    for xad in field.repetitions().take(MAX_REPETITIONS) {
        let part = |n: usize| trimmed(&xad.component(n).text());
        let kind = part(7);
        if matches!(kind.as_str(), "N" | "BDL" | "BR") {
            continue;
        }
        let whole = Some(part(8)).filter(|text| !text.is_empty());
        let text = whole.unwrap_or_else(|| trimmed(&[part(4), part(3), part(1), part(2)].concat()));
        let address = Address { postal_code: part(5), text };
        if address != Address::default() {
            read.push((!matches!(kind.as_str(), "" | "H" | "C" | "P"), address));
        }
    }
    read.sort_by_key(|(later, _)| *later);
    read.into_iter().map(|(_, address)| address).collect()
}

/// XTN: free text in component 12, else 1, else area and local number; no mail addresses.
fn phones(field: Field<'_>) -> Vec<String> {
    let number = |xtn: Repetition<'_>| {
        let part = |n: usize| trimmed(&xtn.component(n).text());
        if part(2) == "NET" || matches!(part(3).as_str(), "Internet" | "X.400") {
            return None;
        }
        let joined = [part(6), part(7)].concat();
        [part(12), part(1), joined].into_iter().find(|text| text.chars().any(char::is_numeric))
    };
    field.repetitions().take(MAX_REPETITIONS).filter_map(number).collect()
}

/// The first IN1 that names an insurer: IN1-3, and IN1-10 as symbol ~ number ~ branch.
fn insurance(message: &Message) -> Option<Insurance> {
    let segment = message.named("IN1").find(|in1| !in1.field(3).is_empty())?;
    let mut parts = segment.field(10).repetitions().map(|part| trimmed(&part.text()));
    Some(Insurance {
        insurer: trimmed(&segment.field(3).text()),
        symbol: parts.next().unwrap_or_default(),
        number: parts.next().unwrap_or_default(),
        branch: parts.next().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests;
