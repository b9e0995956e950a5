//! HL7 V3 messages: ITI-55, ITI-44 and 46, and the queries of ITI-45 and 47 by their dialect; the revoke of ITI-55 and ITI-56 as
//! far as wire.md 7, 9, 10 and 11 let a message be judged by itself.

use serde_json::{Value, json};

use super::report::{Carried, Marks, Report};
use super::xml::Message;
use crate::dialect::Transaction;
use crate::dialect::hl7v3::{
    ADDED_ROOT, CANCELLATION_ROOT, CONTINUATION_ROOT, Carried as Model, DuplicatesResolved, MERGED_ROOT,
    PdqCancellation, PdqContinuation, PdqQuery, PixQuery, REVISED_ROOT, RecordAdded, RecordRevised, decode,
    deviations,
};
use crate::model::{
    Demographics, Malformed, Oid, PatientId, PatientMatch, PeerProfile, Phi, Refusal, Severity,
};
use crate::xml::Tree;

pub(super) const HL7: &str = "urn:hl7-org:v3";
pub(super) const XCPD: &str = "urn:ihe:iti:xcpd:2009";
const PERSONS_SHOWN_MAX: usize = 1000;

/// Reads a message of the HL7 V3 namespace.
pub(super) fn read(message: &Message<'_>, body: &Tree) -> Report {
    let root = body.name();
    let kind = message.kind.or_else(|| match root {
        "PRPA_IN201305UV02" if is_within_community(body) => Some("ITI-47 request"),
        "PRPA_IN201305UV02" => Some("ITI-55 request"),
        "PRPA_IN201306UV02" if is_within_community(body) => Some("ITI-47 response"),
        "PRPA_IN201306UV02" => Some("ITI-55 response"),
        "MCCI_IN000002UV01" => Some("HL7 V3 acknowledgement"),
        _ => None,
    });
    let Some(kind) = kind else {
        let why = "the interaction is of no transaction known here";
        return Report::refused(None, message.at(body, "unknown-root", why));
    };
    let mut report = Report::of(kind);
    let is_discovery = kind.starts_with("ITI-55") && root != "PRPA_IN201303UV02";
    if (is_discovery || root == "MCCI_IN000002UV01")
        && let Some(decoded) = decode(message.envelope)
    {
        report.status = decoded.status;
        report.warnings = decoded.warnings;
        report.refusal = decoded.refusal;
        if let Some(patients) = decoded.patients.filter(|_| root != "MCCI_IN000002UV01") {
            report.count("patients", patients);
        }
        for (code, severity, text) in decoded.errors {
            report.errors.push(Carried { code, severity: severity_word(severity), text });
        }
        model(&decoded.carried, message.marks, &mut report);
        let mut details = body.all(HL7, "acknowledgement").flat_map(|a| a.all(HL7, "acknowledgementDetail"));
        if details.any(|detail| detail.elements().next().is_none()) {
            report.warn("empty-acknowledgement-detail", "an empty acknowledgementDetail");
        }
        if kind.ends_with(" request") {
            device_roots(message, body, &mut report);
        }
        return report;
    }
    deviations(body).into_iter().for_each(|warning| report.put_up(warning));
    let judged = match root {
        ADDED_ROOT | REVISED_ROOT | MERGED_ROOT | "PRPA_IN201303UV02" => told(message, body, &mut report),
        "PRPA_IN201305UV02" => query::<PdqQuery>(message, &mut report),
        "PRPA_IN201309UV02" => query::<PixQuery>(message, &mut report),
        CANCELLATION_ROOT => query::<PdqCancellation>(message, &mut report),
        CONTINUATION_ROOT => match query::<PdqContinuation>(message, &mut report) {
            // The root of a continuation is met over a cancellation too.
            Err(_) if query::<PdqCancellation>(message, &mut report).is_ok() => Ok(()),
            judged => judged,
        },
        _ => {
            response(message, body, &mut report);
            Ok(())
        }
    };
    if let Err(malformed) = judged {
        report.refuse(malformed);
    }
    if kind.ends_with(" request") {
        if body.first(HL7, "id").and_then(|id| id.attribute("root")).is_none_or(|root| root.trim().is_empty())
        {
            report.refuse(message.at(body, "missing-element", "the message id is missing"));
        }
        device_roots(message, body, &mut report);
        let parameters = body.path(HL7, &["controlActProcess", "queryByParameter", "parameterList"]);
        if let Some(parameters) = parameters {
            report.show("parameters", parameters_of(parameters, message.marks));
        }
    }
    report
}

// ITI-47 and ITI-55 share their interactions. What only one of them has tells: paging, scoping
// organisations, counts of results there; the home community, its custodian's code and the codes that
// ask for more here.
fn is_within_community(body: &Tree) -> bool {
    const XCPD_CODES: &str = "1.3.6.1.4.1.19376.1.2.27.";
    let Some(act) = body.first(HL7, "controlActProcess") else { return false };
    let query = act.first(HL7, "queryByParameter");
    let is_paged = query.is_some_and(|query| query.first(HL7, "initialQuantity").is_some());
    let lists = query.and_then(|query| query.first(HL7, "parameterList"));
    let is_scoped = lists.is_some_and(|list| list.first(HL7, "otherIDsScopingOrganization").is_some());
    let ack = act.first(HL7, "queryAck");
    let is_counted = ack.is_some_and(|ack| ack.elements().any(|part| part.name().starts_with("result")));
    if is_paged || is_scoped || is_counted {
        return true;
    }
    let sender = body.path(HL7, &["sender", "device", "asAgent", "representedOrganization", "id"]);
    sender.is_none() && !has_code_system(act, XCPD_CODES)
}

fn has_code_system(tree: &Tree, prefix: &str) -> bool {
    tree.attribute("codeSystem").is_some_and(|system| system.starts_with(prefix))
        || tree.elements().any(|child| has_code_system(child, prefix))
}

fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "Error",
        Severity::Warning => "Warning",
    }
}

// Devices of requests must be OIDs (wire.md 21.3): the answer is addressed to them.
fn device_roots(message: &Message<'_>, body: &Tree, report: &mut Report) {
    for party in ["receiver", "sender"] {
        for device in body.all(HL7, party).filter_map(|party| party.first(HL7, "device")) {
            let organization = device.path(HL7, &["asAgent", "representedOrganization"]);
            let ids = [Some(device), organization].into_iter().flatten().filter_map(|d| d.first(HL7, "id"));
            for id in ids {
                let root = id.attribute("root").unwrap_or_default();
                if id.attribute("nullFlavor").is_none() && !is_root(root) {
                    let why = "the root of a device's or organisation's id is neither OID nor UUID";
                    report.refuse(message.at(id, "root-not-oid", why));
                }
            }
        }
    }
}

fn is_root(root: &str) -> bool {
    Oid::parse(root).is_some() || uuid::Uuid::parse_str(root.trim()).is_ok()
}

type Judged = Result<(), Malformed>;

// What stands there, and of ITI-44 and ITI-46 what the broker would take of it.
fn told(message: &Message<'_>, body: &Tree, report: &mut Report) -> Judged {
    feed(message, body, report)?;
    match body.name() {
        ADDED_ROOT => query::<RecordAdded>(message, report),
        REVISED_ROOT => query::<RecordRevised>(message, report),
        MERGED_ROOT => query::<DuplicatesResolved>(message, report),
        _ => Ok(()),
    }
}

// ITI-44, ITI-46 and the revoke of ITI-55.
fn feed(message: &Message<'_>, body: &Tree, report: &mut Report) -> Judged {
    let missing =
        |tree: &Tree, what: &str| message.at(tree, "missing-element", &format!("{what} is missing"));
    let act = body.first(HL7, "controlActProcess").ok_or_else(|| missing(body, "controlActProcess"))?;
    let subjects: Vec<&Tree> = act.all(HL7, "subject").collect();
    report.count("patients", subjects.len());
    let patients: Vec<&Tree> = patients(act).collect();
    report.show("patients", persons(&patients, message.marks));
    let [subject] = subjects.as_slice() else {
        let why = if subjects.is_empty() { "no subject" } else { "more than one subject" };
        return Err(message.at(act, "several-subjects", why));
    };
    let event =
        subject.first(HL7, "registrationEvent").ok_or_else(|| missing(subject, "registrationEvent"))?;
    let patient =
        event.path(HL7, &["subject1", "patient"]).ok_or_else(|| missing(event, "subject1/patient"))?;
    let mut ids = patient.all(HL7, "id").peekable();
    if ids.peek().is_none() {
        return Err(message.at(patient, "patient-id-missing", "patient/id is missing"));
    }
    for id in ids {
        patient_id(message, id)?;
    }
    let person = patient.first(HL7, "patientPerson").ok_or_else(|| missing(patient, "patientPerson"))?;
    if person.first(HL7, "name").is_none() {
        return Err(missing(person, "patientPerson/name"));
    }
    if body.name() == "PRPA_IN201304UV02" {
        let path = ["replacementOf", "priorRegistration", "subject1", "priorRegisteredRole", "id"];
        let prior = event.path(HL7, &path).ok_or_else(|| missing(event, "the subsumed id"))?;
        report.show("subsumed", instance(prior, message.marks));
    }
    Ok(())
}

fn patient_id(message: &Message<'_>, id: &Tree) -> Judged {
    let is_there = |name| id.attribute(name).is_some_and(|text: &str| !text.trim().is_empty());
    if id.attribute("nullFlavor").is_some() {
        return Ok(());
    }
    if !is_there("root") || !is_there("extension") {
        return Err(message.at(id, "missing-element", "a patient's id without root or extension"));
    }
    if !is_root(id.attribute("root").unwrap_or_default()) {
        return Err(message.at(id, "root-not-oid", "the root of a patient's id is neither OID nor UUID"));
    }
    Ok(())
}

/// A query as the broker would take it: what it refuses, and in the same words.
fn query<T: Transaction>(message: &Message<'_>, report: &mut Report) -> Judged {
    match T::read_request(message.envelope, &PeerProfile::default()) {
        Ok(_) => Ok(()),
        Err(Refusal::Malformed(malformed)) => Err(malformed),
        // A message without fault that we do not offer.
        Err(other) => {
            report.warn("not-offered", other.to_string());
            Ok(())
        }
    }
}

fn response(message: &Message<'_>, body: &Tree, report: &mut Report) {
    let code = |tree: Option<&Tree>| {
        tree.and_then(|tree| tree.attribute("code"))
            .map(str::trim)
            .filter(|c| !c.is_empty())
            .map(str::to_owned)
    };
    let acknowledgement = body.first(HL7, "acknowledgement");
    let acknowledged = code(acknowledgement.and_then(|a| a.first(HL7, "typeCode")));
    let act = body.first(HL7, "controlActProcess");
    let answered = code(act.and_then(|act| act.path(HL7, &["queryAck", "queryResponseCode"])));
    if answered.as_deref() == Some("QE") {
        report.errors.push(Carried::error("QE", ""));
    }
    report.status = answered.or(acknowledged);
    if report.status.is_none() {
        let why = "neither queryResponseCode nor acknowledgement is there";
        report.refuse(message.at(body, "missing-element", why));
    }
    for detail in acknowledgement.into_iter().flat_map(|a| a.all(HL7, "acknowledgementDetail")) {
        let text = detail.first(HL7, "text").map(|text| text.text().trim().to_owned()).unwrap_or_default();
        let code = code(detail.first(HL7, "code")).unwrap_or_default();
        if code.is_empty() && text.is_empty() {
            report.warn("empty-acknowledgement-detail", "an empty acknowledgementDetail");
            continue;
        }
        let severity = match detail.attribute("typeCode") {
            Some("I" | "W") => "Warning",
            _ => "Error",
        };
        report.errors.push(Carried { code, severity, text: Phi::new(text) });
    }
    let Some(act) = act else {
        report.refuse(message.at(body, "missing-element", "controlActProcess is missing"));
        return;
    };
    let managements = act.all(HL7, "reasonOf").flat_map(|reason| reason.all(HL7, "detectedIssueEvent"));
    for event in managements.flat_map(|event| event.all(HL7, "mitigatedBy")) {
        if let Some(code) = code(event.path(HL7, &["detectedIssueManagement", "code"])) {
            report.errors.push(Carried::error(code, ""));
        }
    }
    let patients: Vec<&Tree> = patients(act).collect();
    report.count("patients", patients.len());
    for patient in &patients {
        if patient.first(HL7, "id").is_none() {
            report.refuse(message.at(patient, "patient-id-missing", "a person without patient/id"));
        }
    }
    report.show("patients", persons(&patients, message.marks));
}

fn patients(act: &Tree) -> impl Iterator<Item = &Tree> {
    act.all(HL7, "subject")
        .filter_map(|subject| subject.path(HL7, &["registrationEvent", "subject1", "patient"]))
}

fn instance(id: &Tree, marks: Marks) -> Value {
    let root = id.attribute("root").unwrap_or_default();
    // A root that is none may be a number in the wrong place.
    let root = if is_root(root) { root.into() } else { marks.text(root) };
    json!({ "root": root, "extension": marks.text(id.attribute("extension").unwrap_or_default()) })
}

fn persons(patients: &[&Tree], marks: Marks) -> Value {
    let person = |patient: &&Tree| {
        let own = patient.first(HL7, "patientPerson");
        let other = own.into_iter().flat_map(|p| p.all(HL7, "asOtherIDs")).flat_map(|o| o.all(HL7, "id"));
        let ids: Vec<Value> = patient.all(HL7, "id").chain(other).map(|id| instance(id, marks)).collect();
        let names = own.into_iter().flat_map(|p| p.all(HL7, "name"));
        let names: Vec<Value> = names.map(|name| texts(name, marks)).collect();
        let birth = own.and_then(|p| p.first(HL7, "birthTime")).and_then(|b| b.attribute("value"));
        json!({ "ids": ids, "names": names, "birth": marks.text(birth.unwrap_or_default()) })
    };
    patients.iter().take(PERSONS_SHOWN_MAX).map(person).collect()
}

fn texts(name: &Tree, marks: Marks) -> Value {
    let part = |local: &str| {
        let parts = name.all(HL7, local).map(|part| part.text().trim().to_owned());
        marks.text(&parts.collect::<Vec<_>>().join(" "))
    };
    let whole = if name.elements().next().is_none() { name.text() } else { String::new() };
    json!({ "family": part("family"), "given": part("given"), "text": marks.text(whole.trim()) })
}

fn parameters_of(list: &Tree, marks: Marks) -> Value {
    let value = |value: &Tree| {
        let attributes = value.element.attributes.iter().filter(|a| a.ns.is_empty());
        let mut shown: serde_json::Map<String, Value> =
            attributes.map(|a| (a.local.to_string(), marks.text(&a.value))).collect();
        let text = value.text().split_whitespace().collect::<Vec<_>>().join(" ");
        shown.insert("text".to_owned(), marks.text(&text));
        Value::Object(shown)
    };
    let parameter = |parameter: &Tree| {
        let values: Vec<Value> = parameter.all(HL7, "value").take(100).map(value).collect();
        json!({ "name": marks.word(parameter.name()), "values": values })
    };
    list.elements().take(100).map(parameter).collect()
}

fn model(carried: &Model, marks: Marks, report: &mut Report) {
    match carried {
        Model::Request(Some(request)) => {
            let ids: Vec<Value> = request.ids.iter().map(|id| id_of(id, marks)).collect();
            report.show("ids", ids);
            report.show("demographics", person(request.demographics.reveal(), marks));
        }
        Model::Request(None) => {}
        Model::Response(found) => {
            let patients: Vec<Value> = found.iter().map(|found| matched(found, marks)).collect();
            report.show("patients", patients);
        }
    }
}

fn matched(found: &PatientMatch, marks: Marks) -> Value {
    match found {
        PatientMatch::Found(found) => json!({
            "community": found.community.to_string(),
            "id": id_of(&found.id, marks),
            "confidence": found.confidence,
            "demographics": found.demographics.as_ref().map(|known| person(known.reveal(), marks)),
        }),
        PatientMatch::MoreAttributes { wanted, .. } => {
            json!({ "more_attributes": wanted.iter().map(|a| format!("{a:?}")).collect::<Vec<_>>() })
        }
        PatientMatch::Graded(_) => Value::Null,
    }
}

fn id_of(id: &PatientId, marks: Marks) -> Value {
    json!({ "root": id.authority.0.to_string(), "extension": marks.phi(&id.value) })
}

/// A person, every value a mark unless shown.
pub(super) fn person(known: &Demographics, marks: Marks) -> Value {
    let name = |name: &crate::model::PersonName| {
        json!({
            "script": name.script.map(|script| format!("{script:?}").to_lowercase()),
            "family": marks.text(&name.family),
            "given": marks.text(&name.given),
        })
    };
    let date = |date: &crate::model::PartialDate| marks.text(&date.digits());
    let address = |address: &crate::model::Address| json!({ "postal_code": marks.text(&address.postal_code), "text": marks.text(&address.text) });
    json!({
        "names": known.names.iter().map(name).collect::<Vec<_>>(),
        "birth": known.birth.as_ref().map(date),
        "birth_range": known.birth_range.as_ref().map(|(first, last)| [date(first), date(last)]),
        "sex": known.sex.map(|sex| marks.text(&format!("{sex:?}").to_lowercase())),
        "addresses": known.addresses.iter().map(address).collect::<Vec<_>>(),
        "phones": known.phones.iter().map(|phone| marks.text(phone)).collect::<Vec<_>>(),
        "mothers_maiden_name": known.mothers_maiden_name.as_ref().map(name),
        "birth_place": known.birth_place.as_deref().map(|place| marks.text(place)),
    })
}

/// ITI-56 Patient Location Query.
pub(super) fn locations(message: &Message<'_>, body: &Tree) -> Report {
    let is_request = body.name() == "PatientLocationQueryRequest";
    let mut report = Report::of(if is_request { "ITI-56 request" } else { "ITI-56 response" });
    let id = |tree: &Tree, name: &str| -> Result<Value, Malformed> {
        let missing = || message.at(tree, "missing-element", &format!("{name} is missing"));
        let id = tree.first(XCPD, name).ok_or_else(missing)?;
        patient_id(message, id)?;
        Ok(instance(id, message.marks))
    };
    if is_request {
        match id(body, "RequestedPatientId") {
            Ok(id) => report.show("requested", id),
            Err(malformed) => report.refuse(malformed),
        }
        return report;
    }
    let mut shown = Vec::new();
    let mut count = 0;
    for location in body.all(XCPD, "PatientLocationResponse") {
        count += 1;
        let home = location.first(XCPD, "HomeCommunityId").map(|home| home.text().trim().to_owned());
        match home.as_deref() {
            None | Some("") => {
                let why = "HomeCommunityId is missing";
                report.refuse(message.at(location, "missing-element", why));
            }
            Some(home) if !home.starts_with("urn:oid:") => {
                report.warn("home-without-urn", "a HomeCommunityId has no urn:oid:");
            }
            Some(_) => {}
        }
        match (id(location, "CorrespondingPatientId"), id(location, "RequestedPatientId")) {
            (Ok(corresponding), Ok(requested)) if shown.len() < PERSONS_SHOWN_MAX => {
                let home = home.map(|home| message.marks.word(&home));
                shown.push(json!({ "home": home, "corresponding": corresponding, "requested": requested }));
            }
            (Ok(_), Ok(_)) => {}
            (Err(malformed), _) | (_, Err(malformed)) => report.refuse(malformed),
        }
    }
    report.count("patients", count);
    report.show("locations", shown);
    report
}
