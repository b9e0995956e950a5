//! Prints findings for people (Japanese and English) and, with `--json`, for programs.

use std::io::Write;

use serde::Serialize;
use serde_json::json;
use time::macros::offset;
use time::{Date, Month};

use super::asker::AskError;
use crate::cli::exit;
use crate::dialect::ebxml::metadata;
use crate::model::{
    Answer, Attribute, DocumentEntry, FoundPatient, NameScript, PatientMatch, RegistryObject, Reported, Sex,
};

/// An entry as people and programs see it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Shown {
    /// homeCommunityId.
    pub home: String,
    /// repositoryUniqueId.
    pub repository: String,
    /// uniqueId.
    pub unique: String,
    /// Title.
    pub title: String,
    /// SS-MIX2 data kind or document code, told by format and type.
    pub kind: String,
    /// classCode.
    pub class: String,
    /// typeCode.
    pub type_code: String,
    /// formatCode.
    pub format: String,
    /// mimeType.
    pub media_type: String,
    /// creationTime, UTC.
    pub creation: String,
    /// serviceStartTime, UTC.
    pub service_start: String,
    /// Day of service, else of creation, in Japan: `2026-04-01`.
    pub day: String,
    /// authorInstitution.
    pub institution: String,
    /// practiceSettingCode.
    pub department: String,
    /// Bytes.
    pub size: Option<u64>,
    /// SHA-1.
    pub hash: Option<String>,
    /// Approved or Deprecated.
    pub status: String,
}

/// What is shown of an entry.
pub fn entry(entry: &DocumentEntry) -> Shown {
    let view = metadata(entry).unwrap_or_default();
    let format = &entry.format.value;
    let standard = format.strip_prefix("urn:jami:ssmix2:1.2:").and_then(|rest| rest.split(':').next());
    let kind = match standard {
        Some(kind) if kind != "extension" => kind.to_owned(),
        _ => entry.type_code.value.to_string(),
    };
    let time = |dtm: Option<&crate::model::Dtm>| dtm.map(|dtm| dtm.as_str().to_owned()).unwrap_or_default();
    let (creation, service_start) = (time(view.creation.as_ref()), time(view.service_start.as_ref()));
    let institution = view.authors.first().map(|author| author.institution.as_str()).unwrap_or_default();
    Shown {
        home: entry.id.community.to_string(),
        repository: entry.id.repository.0.to_string(),
        unique: entry.id.unique.reveal().clone(),
        title: view.title.clone(),
        kind,
        class: entry.class.value.to_string(),
        type_code: entry.type_code.value.to_string(),
        format: format.to_string(),
        media_type: entry.media_type.to_string(),
        day: japan_day(if service_start.is_empty() { &creation } else { &service_start }),
        creation,
        service_start,
        institution: institution.split('^').next().unwrap_or_default().to_owned(),
        department: view.practice_setting.display.into(),
        size: entry.size,
        hash: entry.hash.as_ref().map(ToString::to_string),
        status: format!("{:?}", entry.availability),
    }
}

/// The day in Japan of a UTC time; a time without hour and minute names its day by itself.
fn japan_day(utc: &str) -> String {
    let number = |from: usize, to: usize| utc.get(from..to).and_then(|digits| digits.parse::<u8>().ok());
    let day = || {
        let month = Month::try_from(number(4, 6)?).ok()?;
        let day = Date::from_calendar_date(utc.get(..4)?.parse().ok()?, month, number(6, 8)?).ok()?;
        let Some(hour) = number(8, 10) else { return Some(day) };
        let at = day.with_hms(hour, number(10, 12).unwrap_or_default(), 0).ok()?.assume_utc();
        Some(at.to_offset(offset!(+9)).date())
    };
    day().map_or_else(|| utc.to_owned(), |day| day.to_string())
}

/// A person as people and programs see it.
pub fn patient(found: &FoundPatient) -> serde_json::Value {
    let person = found.demographics.as_ref().map(|phi| phi.reveal());
    let name = |script| {
        let name = person.and_then(|person| person.name(script));
        name.map(|name| format!("{} {}", name.family, name.given).trim().to_owned())
    };
    let sex = person.and_then(|person| person.sex).map(|sex| match sex {
        Sex::Female => "F",
        Sex::Male => "M",
        Sex::Other => "UN",
    });
    json!({
        "community": found.community.to_string(),
        "patient": found.id.cx().reveal(),
        "name": name(NameScript::Ideographic),
        "kana": name(NameScript::Syllabic),
        "birth": person.and_then(|person| person.birth).map(crate::model::PartialDate::digits),
        "sex": sex,
        "confidence": found.confidence,
    })
}

const fn attribute(attribute: Attribute) -> &'static str {
    match attribute {
        Attribute::Address => "住所 / --address, --postal",
        Attribute::BirthPlaceAddress | Attribute::BirthPlaceName => "出生地 / birth place",
        Attribute::Gender => "性別 / --sex",
        Attribute::MothersMaidenName => "母の旧姓 / mother's maiden name",
        Attribute::Telecom => "電話番号 / --phone",
    }
}

/// Prints who was found.
pub(super) fn found(answer: &Answer<PatientMatch>, as_json: bool) -> Result<u8, AskError> {
    let mut people = Vec::new();
    let mut wanted: Vec<&'static str> = Vec::new();
    for found in &answer.found {
        match found {
            PatientMatch::Found(found) => people.push(patient(found)),
            PatientMatch::MoreAttributes { wanted: more, .. } => {
                wanted.extend(more.iter().map(|a| attribute(*a)))
            }
            PatientMatch::Graded(_) => {}
        }
    }
    let mut text = String::new();
    if as_json {
        let value = json!({ "found": people, "more_attributes": wanted, "errors": errors(&answer.reported) });
        text.push_str(&format!("{value}\n"));
    } else {
        for person in &people {
            let word = |key: &str| person.get(key).and_then(|v| v.as_str()).unwrap_or("-").to_owned();
            text.push_str(&format!(
                "{}（{}）　{}　{}　{}\n  patient: {}\n",
                word("name"),
                word("kana"),
                word("birth"),
                word("sex"),
                word("community"),
                word("patient")
            ));
        }
        if people.is_empty() && wanted.is_empty() {
            text.push_str(&none("該当者なし", "nobody", &answer.reported));
        }
        if !wanted.is_empty() {
            text.push_str(&format!("追加の情報が必要です / more is needed: {}\n", wanted.join(", ")));
        }
        text.push_str(&error_lines(&answer.reported));
    }
    print(&text)?;
    Ok(if people.is_empty() { exit::NO } else { exit::OK })
}

/// Prints which documents there are.
pub(super) fn listed(answer: &Answer<RegistryObject>, as_json: bool) -> Result<u8, AskError> {
    let mut entries: Vec<Shown> = answer.found.iter().filter_map(RegistryObject::entry).map(entry).collect();
    entries.sort_by(|a, b| (&b.service_start, &b.creation).cmp(&(&a.service_start, &a.creation)));
    let mut text = String::new();
    if as_json {
        let value = json!({ "documents": entries, "errors": errors(&answer.reported) });
        text.push_str(&format!("{value}\n"));
    } else {
        for shown in &entries {
            text.push_str(&format!(
                "{}　{}　{}　{}　{}\n  document: {}|{}|{}\n",
                shown.day,
                shown.title,
                shown.institution,
                shown.department,
                shown.size.map(|size| format!("{size} B")).unwrap_or_default(),
                shown.home,
                shown.repository,
                shown.unique
            ));
        }
        text.push_str(&match entries.len() {
            0 => none("文書なし", "nothing", &answer.reported),
            count => format!("{count} 件 / documents\n"),
        });
        text.push_str(&error_lines(&answer.reported));
    }
    print(&text)?;
    Ok(if entries.is_empty() { exit::NO } else { exit::OK })
}

// Who reads "nobody" must not take it for the word of those who did not answer.
fn none(ja: &str, en: &str, reported: &[Reported]) -> String {
    if reported.is_empty() {
        format!("{ja} / {en}\n")
    } else {
        format!("{ja}（下記の先を除く） / {en}, as far as could be asked: see below\n")
    }
}

/// What the answer said went wrong.
pub(super) fn errors(reported: &[Reported]) -> Vec<serde_json::Value> {
    reported.iter().map(|r| json!({ "code": r.code, "context": r.context })).collect()
}

/// The same for people; control characters of the far end do not reach the terminal.
pub(super) fn error_lines(reported: &[Reported]) -> String {
    let plain = |text: &str| text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    reported.iter().map(|r| format!("! {}: {}\n", plain(&r.code), plain(&r.context))).collect()
}

/// To standard output; a reader that has seen enough is no failure.
pub(super) fn print(text: &str) -> Result<(), AskError> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(AskError::new(exit::IO, format!("standard output: {error}"), ""))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_evening_in_greenwich_is_the_next_day_in_japan() {
        assert_eq!(japan_day("20261115150000"), "2026-11-16");
        assert_eq!(japan_day("20261115145959"), "2026-11-15");
        assert_eq!(japan_day("20261115"), "2026-11-15");
        assert_eq!(japan_day("2026"), "2026");
    }

    #[test]
    fn what_went_wrong_at_the_far_end_is_told_without_its_control_characters() {
        let reported = Reported {
            code: "XDSRegistryError".to_owned(),
            context: "a\u{1b}[2Jb".to_owned(),
            severity: crate::model::Severity::Error,
            community: None,
            document: None,
        };
        assert_eq!(error_lines(std::slice::from_ref(&reported)), "! XDSRegistryError: a [2Jb\n");
        assert_eq!(none("該当者なし", "nobody", &[]), "該当者なし / nobody\n");
        assert!(none("該当者なし", "nobody", &[reported]).contains("as far as could be asked"));
    }
}
