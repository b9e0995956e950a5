//! The query of ITI-55 (wire.md 8.1): parameterList to the model and back. Insurance has no place
//! here and is never written. Matching criteria, paging and care providers are passed over.

use super::values::{
    Birth, instance, patient_id, phone_uri, read_address, read_birth, read_name, read_phone, read_sex,
    root_oid, sex_code, write_address, write_instance, write_name, write_root,
};
use super::wrapper::{begin, begin_act};
use super::{NS, REQUEST_ROOT};
use crate::dialect::Addressing;
use crate::dialect::soap::Envelope;
use crate::model::{
    Authority, CommunityId, Demographics, Malformed, PatientDiscovery, PeerProfile, Phi, QueryId, Refusal,
};
use crate::xml::{Tree, Writer};

/// Values of one kind that a query may carry.
pub(super) const VALUES_MAX: usize = 100;
/// Names: scripts, orders and former names of one person. More would be guesses at several persons, and
/// a query counts as one against the asker's budgets.
const NAMES_MAX: usize = 12;
/// Addresses, and telephones, of one person that are looked at.
const PLACES_MAX: usize = 8;
const GENDER_SYSTEM: &str = "2.16.840.1.113883.5.1";

/// Reads a request.
///
/// # Errors
/// `foreign-sender`, `unexpected-root`, `missing-element`, `missing-parameter`, `root-not-oid`, `bad-date`,
/// `several-values`, `too-many-values`; `Unsupported` for the deferred mode.
pub(super) fn read(message: &Envelope, profile: &PeerProfile) -> Result<PatientDiscovery, Refusal> {
    let body = message.body_tree()?;
    speaks_for_itself(message, &body, profile)?;
    let list = parameter_list(message, &body, REQUEST_ROOT)?;
    let read = read_parameters(message, list)?;
    let demographics = read.demographics.reveal();
    let has_birth = demographics.birth.is_some() || demographics.birth_range.is_some();
    if read.ids.is_empty() && (demographics.names.is_empty() || !has_birth) {
        let name = if has_birth { "livingSubjectName" } else { "livingSubjectBirthTime" };
        let why = format!("`{name}` is missing, and there is no livingSubjectId instead");
        return Err(malformed(message, list, "missing-parameter", &why).into());
    }
    if demographics.names.iter().any(|name| name.family.is_empty()) {
        let why = "a livingSubjectName without family name";
        return Err(malformed(message, list, "missing-parameter", why).into());
    }
    Ok(read)
}

/// What a parameter list says of a person.
pub(super) fn read_parameters(message: &Envelope, list: &Tree) -> Result<PatientDiscovery, Malformed> {
    let here = |tree: &Tree, code: &'static str, why: &str| malformed(message, tree, code, why);
    let missing = |tree: &Tree, name: &str| here(tree, "missing-element", &format!("`{name}` is missing"));
    let mut demographics = Demographics::default();
    let mut ids = Vec::new();
    for (value, name) in parameters(list) {
        if value.attribute("nullFlavor").is_some() && value.children.is_empty() {
            continue;
        }
        if name == "livingSubjectId" {
            let id = instance(value).ok_or_else(|| missing(value, "livingSubjectId/value/@root"))?;
            let why = "the root of a livingSubjectId is neither OID nor UUID, or it has no extension";
            ids.push(patient_id(&id).ok_or_else(|| here(value, "root-not-oid", why))?);
        } else {
            fill(&mut demographics, name, value).map_err(|(code, why)| here(value, code, &why))?;
        }
        if ids.len() > VALUES_MAX || demographics.names.len() > NAMES_MAX {
            let why = format!("more than {NAMES_MAX} names or {VALUES_MAX} ids");
            return Err(here(value, "too-many-values", &why));
        }
    }
    Ok(PatientDiscovery { demographics: Phi::new(demographics), ids })
}

/// The parameters of a query under this root, behind all that any query has to have.
pub(super) fn parameter_list<'t>(
    message: &Envelope,
    body: &'t Tree,
    root: &'static str,
) -> Result<&'t Tree, Refusal> {
    let here = |tree: &Tree, code: &'static str, why: &str| malformed(message, tree, code, why);
    if !body.is(NS, root) {
        let why = format!("`{}` instead of {root}", body.name());
        return Err(here(body, "unexpected-root", &why).into());
    }
    let missing = |tree: &Tree, name: &str| here(tree, "missing-element", &format!("`{name}` is missing"));
    body.first(NS, "id").and_then(instance).ok_or_else(|| missing(body, "id"))?;
    let query = body.path(NS, &["controlActProcess", "queryByParameter"]);
    let query = query.ok_or_else(|| missing(body, "controlActProcess/queryByParameter"))?;
    query.first(NS, "queryId").and_then(instance).ok_or_else(|| missing(query, "queryId"))?;
    if query.first(NS, "responsePriorityCode").is_some_and(|code| code.attribute("code") == Some("D")) {
        return Err(Refusal::Unsupported("the deferred mode".into()));
    }
    Ok(query.first(NS, "parameterList").ok_or_else(|| missing(query, "parameterList"))?)
}

/// The values of a parameter, in whatever capitals its name is written.
pub(super) fn values<'t>(list: &'t Tree, name: &'static str) -> impl Iterator<Item = &'t Tree> {
    let named = list
        .elements()
        .filter(move |parameter| &*parameter.element.ns == NS && name.eq_ignore_ascii_case(parameter.name()));
    named.flat_map(|parameter| parameter.all(NS, "value")).filter(|value| {
        // An empty place that says so is none.
        value.attribute("nullFlavor").is_none() || value.attribute("root").is_some()
    })
}

/// A sender that names a home community other than its certificate's speaks for somebody else (decisions
/// B2). Portals have no community of their own to be held to; one that names none is not refused.
fn speaks_for_itself(message: &Envelope, body: &Tree, profile: &PeerProfile) -> Result<(), Malformed> {
    let organization = ["sender", "device", "asAgent", "representedOrganization", "id"];
    let Some(id) = body.path(NS, &organization) else { return Ok(()) };
    let (Some(root), Some(CommunityId(own))) = (id.attribute("root"), &profile.community) else {
        return Ok(());
    };
    if root_oid(root).as_ref() == Some(own) {
        return Ok(());
    }
    let why = "the sender's organisation is not the community of its certificate";
    Err(malformed(message, id, "foreign-sender", why))
}

/// The parameters that are read; others are passed over.
const PARAMETERS: [&str; 9] = [
    "livingSubjectAdministrativeGender",
    "livingSubjectBirthPlaceAddress",
    "livingSubjectBirthPlaceName",
    "livingSubjectBirthTime",
    "livingSubjectId",
    "livingSubjectName",
    "mothersMaidenName",
    "patientAddress",
    "patientTelecom",
];

/// The value elements of a parameter list, each with its parameter's name, which peers write in other
/// capitals too (wire.md 21.3).
fn parameters(list: &Tree) -> impl Iterator<Item = (&Tree, &'static str)> {
    list.elements().filter(|parameter| &*parameter.element.ns == NS).flat_map(|parameter| {
        let name = PARAMETERS.into_iter().find(|name| name.eq_ignore_ascii_case(parameter.name()));
        name.into_iter().flat_map(|name| parameter.all(NS, "value").map(move |value| (value, name)))
    })
}

fn fill(into: &mut Demographics, name: &str, value: &Tree) -> Result<(), (&'static str, String)> {
    let several = |name: &str| ("several-values", format!("several values of `{name}`"));
    match name {
        "livingSubjectAdministrativeGender" => {
            let sex = read_sex(value.attribute("code"));
            if into.sex.is_some() && into.sex != sex {
                return Err(several(name));
            }
            into.sex = sex;
        }
        "livingSubjectBirthTime" => {
            let why = "the value is no date".to_owned();
            let (birth, range) = match read_birth(value).map_err(|()| ("bad-date", why))? {
                Some(Birth::On(date)) => (Some(date), None),
                Some(Birth::Between(first, last)) => (None, Some((first, last))),
                None => return Ok(()),
            };
            let is_first = into.birth.is_none() && into.birth_range.is_none();
            if !is_first && (into.birth != birth || into.birth_range != range) {
                return Err(several(name));
            }
            (into.birth, into.birth_range) = (birth, range);
        }
        "livingSubjectName" => {
            if let Some(name) = read_name(value) {
                into.names.push(name);
            }
        }
        "patientAddress" => {
            into.addresses.extend(read_address(value).filter(|_| into.addresses.len() < PLACES_MAX))
        }
        "patientTelecom" => into.phones.extend(read_phone(value).filter(|_| into.phones.len() < PLACES_MAX)),
        "mothersMaidenName" => into.mothers_maiden_name = read_name(value),
        "livingSubjectBirthPlaceName" => {
            let text = value.text().trim().to_owned();
            into.birth_place = Some(text).filter(|text| !text.is_empty());
        }
        "livingSubjectBirthPlaceAddress" if into.birth_place.is_none() => {
            into.birth_place = read_address(value).map(|address| address.text);
        }
        _ => {}
    }
    Ok(())
}

pub(super) fn malformed(message: &Envelope, at: &Tree, code: &'static str, why: &str) -> Malformed {
    let at = crate::xml::Reader::new(message.source()).malformed_at(at.range.start, code, why);
    Malformed { why: why.to_owned(), ..at }
}

/// Writes a request, strictly in schema order: of addresses, telephones and the like the first
/// only, as ITI-55 allows one of each.
pub(super) fn write(request: &PatientDiscovery, addressing: &Addressing) -> String {
    let mut writer = begin(REQUEST_ROOT, "AL", addressing);
    begin_act(&mut writer, "PRPA_TE201305UV02");
    writer.start("authorOrPerformer").attribute("typeCode", "AUT");
    writer.start("assignedDevice").attribute("classCode", "ASSIGNED");
    write_root(&mut writer, "id", &addressing.authority.0);
    writer.end().end();
    begin_query(&mut writer, &addressing.query);
    writer.start("parameterList");
    write_parameters(&mut writer, request, &[]);
    writer.finish()
}

/// Begins queryByParameter of a query for persons, up to where its parts begin to differ.
pub(super) fn begin_query(writer: &mut Writer, query: &QueryId) {
    begin_with(writer, query, &[("statusCode", "new"), ("responseModalityCode", "R"), PRIORITY]);
}

/// Begins queryByParameter of a query for ids: its schema has no responseModalityCode.
pub(super) fn begin_id_query(writer: &mut Writer, query: &QueryId) {
    begin_with(writer, query, &[("statusCode", "new"), PRIORITY]);
}

const PRIORITY: (&str, &str) = ("responsePriorityCode", "I");

fn begin_with(writer: &mut Writer, query: &QueryId, codes: &[(&'static str, &str)]) {
    writer.start("queryByParameter");
    write_instance(writer, "queryId", query);
    for (name, code) in codes {
        writer.start(name).attribute("code", code).end();
    }
}

/// Writes the parameters in schema order. `authorities` are the scoping organisations, of which only
/// ITI-47 knows.
pub(super) fn write_parameters(writer: &mut Writer, request: &PatientDiscovery, authorities: &[Authority]) {
    let person = request.demographics.reveal();
    if let Some(sex) = person.sex {
        parameter(
            writer,
            "livingSubjectAdministrativeGender",
            "LivingSubject.administrativeGender",
            |writer| {
                writer
                    .start("value")
                    .attribute("code", sex_code(sex))
                    .attribute("codeSystem", GENDER_SYSTEM)
                    .end();
            },
        );
    }
    if let Some(place) = &person.birth_place {
        let semantics = "LivingSubject.BirthPlace.Place.Name";
        parameter(writer, "livingSubjectBirthPlaceName", semantics, |writer| {
            writer.leaf("value", place);
        });
    }
    let range = person.birth_range.filter(|_| person.birth.is_none());
    if person.birth.is_some() || range.is_some() {
        parameter(writer, "livingSubjectBirthTime", "LivingSubject.birthTime", |writer| {
            writer.start("value");
            if let Some(date) = person.birth {
                writer.attribute("value", &date.digits());
            }
            if let Some((first, last)) = range {
                writer.start("low").attribute("value", &first.digits()).end();
                writer.start("high").attribute("value", &last.digits()).end();
            }
            writer.end();
        });
    }
    for id in &request.ids {
        let id = QueryId { root: id.authority.0.to_string(), extension: Some(id.value.reveal().clone()) };
        parameter(writer, "livingSubjectId", "LivingSubject.id", |writer| {
            write_instance(writer, "value", &id)
        });
    }
    for name in &person.names {
        parameter(writer, "livingSubjectName", "LivingSubject.name", |writer| {
            write_name(writer, "value", name)
        });
    }
    if let Some(name) = &person.mothers_maiden_name {
        let semantics = "Person.MothersMaidenName";
        parameter(writer, "mothersMaidenName", semantics, |writer| write_name(writer, "value", name));
    }
    for authority in authorities {
        let semantics = "OtherIDs.scopingOrganization.id";
        parameter(writer, "otherIDsScopingOrganization", semantics, |writer| {
            write_root(writer, "value", &authority.0);
        });
    }
    if let Some(address) = person.addresses.first() {
        let semantics = "Patient.addr";
        parameter(writer, "patientAddress", semantics, |writer| write_address(writer, "value", address));
    }
    if let Some(phone) = person.phones.first() {
        parameter(writer, "patientTelecom", "Patient.telecom", |writer| {
            writer.start("value").attribute("value", &phone_uri(phone)).end();
        });
    }
}

pub(super) fn parameter(writer: &mut Writer, name: &str, semantics: &str, value: impl FnOnce(&mut Writer)) {
    writer.start(name);
    value(writer);
    writer.leaf("semanticsText", semantics).end();
}
