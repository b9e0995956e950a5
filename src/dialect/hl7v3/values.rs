//! HL7 V3 data types to the model and back: II, PN, AD, TEL, TS and IVL_TS (wire.md 6, 21.3).

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use uuid::Uuid;

use super::NS;
use crate::model::{
    Address, Authority, Demographics, NameScript, Oid, PartialDate, PatientId, PersonName, QueryId, Sex,
};
use crate::xml::{Node, Tree, Writer};

/// An II as it stands. None without root.
pub(super) fn instance(tree: &Tree) -> Option<QueryId> {
    let root = tree.attribute("root").map(str::trim).filter(|root| !root.is_empty())?.to_owned();
    let extension = tree.attribute("extension").filter(|extension| !extension.is_empty()).map(str::to_owned);
    Some(QueryId { root, extension })
}

/// A root as an OID: `urn:oid:` is stripped, a UUID becomes its OID under 2.25 (X.667).
pub(super) fn root_oid(root: &str) -> Option<Oid> {
    Oid::parse(root).or_else(|| {
        let uuid = Uuid::parse_str(root.trim()).ok()?;
        Oid::parse(&format!("2.25.{}", uuid.as_u128()))
    })
}

/// An II that names a patient: root an OID or UUID, extension there.
pub(super) fn patient_id(id: &QueryId) -> Option<PatientId> {
    let extension = id.extension.as_deref().map(str::trim).filter(|extension| !extension.is_empty())?;
    Some(PatientId::new(Authority(root_oid(&id.root)?), extension))
}

/// Whether two II are the same, `urn:oid:` and the case of a UUID aside.
pub(super) fn same_instance(one: &QueryId, other: &QueryId) -> bool {
    let root = |id: &QueryId| root_oid(&id.root).map_or_else(|| id.root.clone(), |oid| oid.to_string());
    root(one) == root(other) && one.extension == other.extension
}

/// Writes an II.
pub(super) fn write_instance(writer: &mut Writer, name: &str, id: &QueryId) {
    writer.start(name).attribute("root", &id.root).attribute_if("extension", id.extension.as_deref()).end();
}

/// Writes an II that is a root alone.
pub(super) fn write_root(writer: &mut Writer, name: &str, root: &Oid) {
    writer.start(name).attribute("root", root.as_str()).end();
}

/// A name. Repeated parts are joined by a blank; text without parts is the whole name. None when
/// nothing is there (`nullFlavor`).
pub(super) fn read_name(tree: &Tree) -> Option<PersonName> {
    let is_birth_name =
        |part: &&Tree| part.attribute("qualifier").is_some_and(|q| q.split_whitespace().any(|q| q == "BR"));
    let joined = |local: &str| {
        let mut parts: Vec<&Tree> = tree.all(NS, local).filter(|part| !is_birth_name(part)).collect();
        if parts.is_empty() {
            parts = tree.all(NS, local).collect();
        }
        let texts = parts.iter().map(|part| part.text().trim().to_owned()).filter(|text| !text.is_empty());
        texts.collect::<Vec<_>>().join(" ")
    };
    let (mut family, given) = (joined("family"), joined("given"));
    if family.is_empty() && given.is_empty() {
        let runs = tree.children.iter().filter_map(|node| match node {
            Node::Text(text) => Some(text.trim()),
            Node::Element(_) => None,
        });
        family = runs.collect::<Vec<_>>().join(" ").trim().to_owned();
    }
    if family.is_empty() && given.is_empty() {
        return None;
    }
    let script =
        tree.attribute("use").into_iter().flat_map(str::split_whitespace).find_map(|word| match word {
            "ABC" => Some(NameScript::Alphabetic),
            "IDE" => Some(NameScript::Ideographic),
            "SYL" => Some(NameScript::Syllabic),
            _ => None,
        });
    Some(PersonName { script, family, given })
}

/// Writes a name under this element name.
pub(super) fn write_name(writer: &mut Writer, element: &str, name: &PersonName) {
    let script = match name.script_or_told() {
        NameScript::Alphabetic => "ABC",
        NameScript::Ideographic => "IDE",
        NameScript::Syllabic => "SYL",
    };
    writer.start(element).attribute("use", script);
    for (part, text) in [("family", &name.family), ("given", &name.given)] {
        if !text.is_empty() {
            writer.leaf(part, text);
        }
    }
    writer.end();
}

/// An address. Parts are joined: Japanese ones from the prefecture down without blanks, others as
/// they come.
pub(super) fn read_address(tree: &Tree) -> Option<Address> {
    let mut postal_code = String::new();
    let mut parts: Vec<(usize, String)> = Vec::new();
    for part in tree.elements() {
        let text = part.text().trim().to_owned();
        let rank = match part.name() {
            "postalCode" => {
                postal_code = text;
                continue;
            }
            "country" | "useablePeriod" => continue,
            "state" => 0,
            "county" => 1,
            "city" => 2,
            "precinct" => 3,
            _ => 4,
        };
        if !text.is_empty() {
            parts.push((rank, text));
        }
    }
    let is_ascii = parts.iter().all(|(_, text)| text.is_ascii());
    if !is_ascii {
        parts.sort_by_key(|(rank, _)| *rank);
    }
    let texts: Vec<String> = parts.into_iter().map(|(_, text)| text).collect();
    let mut text = texts.join(if is_ascii { " " } else { "" });
    if text.is_empty() && postal_code.is_empty() {
        text = tree.text().trim().to_owned();
    }
    let address = Address { postal_code, text };
    (address != Address::default()).then_some(address)
}

/// Writes an address.
pub(super) fn write_address(writer: &mut Writer, element: &str, address: &Address) {
    writer.start(element);
    for (part, text) in [("streetAddressLine", &address.text), ("postalCode", &address.postal_code)] {
        if !text.is_empty() {
            writer.leaf(part, text);
        }
    }
    writer.end();
}

const NOT_IN_A_TEL_URI: &AsciiSet =
    &CONTROLS.add(b' ').add(b'%').add(b';').add(b'#').add(b'"').add(b'<').add(b'>').add(b'?');

/// A telephone number; None for other schemes.
pub(super) fn read_phone(tree: &Tree) -> Option<String> {
    let value = tree.attribute("value")?.trim();
    let number = match value.split_once(':') {
        Some((scheme, number)) if scheme.eq_ignore_ascii_case("tel") => number,
        Some(_) => return None,
        None => value,
    };
    let number = number.split(';').next().unwrap_or_default();
    let number = percent_decode_str(number).decode_utf8_lossy().trim().to_owned();
    (!number.is_empty()).then_some(number)
}

/// The `tel:` URI of a number.
pub(super) fn phone_uri(phone: &str) -> String {
    format!("tel:{}", utf8_percent_encode(phone.trim(), NOT_IN_A_TEL_URI))
}

/// A birth date: a point, or an interval whose open side reaches as far as dates go. None when
/// there is no value; Err when there is one that is no date.
pub(super) fn read_birth(tree: &Tree) -> Result<Option<Birth>, ()> {
    // A day or month that does not exist is left out; such requests are met and expect an answer.
    let date = |value: &str| {
        let digits: String = value.trim().chars().filter(|c| *c != '-').collect();
        let of = |length: usize| digits.get(..length).and_then(PartialDate::from_digits);
        PartialDate::from_digits(value).or_else(|| of(6)).or_else(|| of(4)).ok_or(())
    };
    let bound = |local: &str| tree.first(NS, local).and_then(|bound| bound.attribute("value")).map(date);
    if let Some(value) = tree.attribute("value").filter(|value| !value.trim().is_empty()) {
        return date(value).map(|date| Some(Birth::On(date)));
    }
    if let Some(center) = bound("center") {
        return center.map(|date| Some(Birth::On(date)));
    }
    match (bound("low").transpose()?, bound("high").transpose()?) {
        (None, None) => Ok(None),
        (low, high) => {
            let first = PartialDate { year: 1, month: Some(1), day: Some(1) };
            let last = PartialDate { year: 9999, month: Some(12), day: Some(31) };
            Ok(Some(Birth::Between(low.unwrap_or(first), high.unwrap_or(last))))
        }
    }
}

/// When somebody was born, as a query says it.
pub(super) enum Birth {
    Between(PartialDate, PartialDate),
    On(PartialDate),
}

/// Administrative sex; None for a code that says nothing (U, UNK).
pub(super) fn read_sex(code: Option<&str>) -> Option<Sex> {
    match code.map(str::trim)? {
        "F" => Some(Sex::Female),
        "M" => Some(Sex::Male),
        "A" | "O" | "UN" => Some(Sex::Other),
        _ => None,
    }
}

/// The code of AdministrativeGender.
pub(super) const fn sex_code(sex: Sex) -> &'static str {
    match sex {
        Sex::Female => "F",
        Sex::Male => "M",
        Sex::Other => "UN",
    }
}

/// Name, birth date and sex of a patientPerson; None when it shows none of them.
pub(super) fn read_person(person: &Tree) -> Option<Demographics> {
    let birth = person.first(NS, "birthTime").and_then(|time| match read_birth(time) {
        Ok(Some(Birth::On(date))) => Some(date),
        _ => None,
    });
    let code = person.first(NS, "administrativeGenderCode").and_then(|gender| gender.attribute("code"));
    let names = person.all(NS, "name").filter_map(read_name).collect();
    let read = Demographics { names, birth, sex: read_sex(code), ..Demographics::default() };
    (!read.is_empty()).then_some(read)
}
