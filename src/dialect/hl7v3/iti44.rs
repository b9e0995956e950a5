//! ITI-44 Patient Identity Feed V3 as transactions: a record has come, has changed, or is another's too
//! (wire.md 10.2). Each message is about one person.

use super::answer_write::{Detail, Verdict, acknowledge};
use super::iti55::{answer_of, sent};
use super::query::malformed;
use super::refusal;
use super::values::{instance, patient_id, read_person, sex_code, write_instance, write_name, write_root};
use super::wrapper::{begin, begin_act};
use super::{ACKNOWLEDGEMENT_ROOT, NS};
use crate::dialect::soap::{Envelope, Fault};
use crate::dialect::{Addressing, Packaging, Payload, Received, Reply, Sent, Transaction};
use crate::model::{
    Answer, Demographics, FoundPatient, Malformed, Outcome, PatientId, PatientMatch, PatientRecord,
    PeerProfile, Phi, QueryId, RecordChange, Refusal,
};
use crate::xml::{Tree, Writer};

/// Body root of a record that has come.
pub const ADDED_ROOT: &str = "PRPA_IN201301UV02";
/// Body root of a record that has changed.
pub const REVISED_ROOT: &str = "PRPA_IN201302UV02";
/// Body root of a record that is another's too.
pub const MERGED_ROOT: &str = "PRPA_IN201304UV02";

/// wsa:Action of every acknowledgement.
pub(super) const ACKNOWLEDGED_ACTION: &str = "urn:hl7-org:v3:MCCI_IN000002UV01";

/// ITI-44, Patient Registry Record Added.
#[derive(Debug, Clone, Copy)]
pub struct RecordAdded;

/// ITI-44, Patient Registry Record Revised.
#[derive(Debug, Clone, Copy)]
pub struct RecordRevised;

/// ITI-44, Patient Registry Duplicates Resolved.
#[derive(Debug, Clone, Copy)]
pub struct DuplicatesResolved;

macro_rules! told_by {
    ($transaction:ty, $name:literal, $action:literal, $change:expr) => {
        impl Transaction for $transaction {
            type Request = PatientRecord;
            const NAME: &'static str = $name;
            const REQUEST_ACTION: &'static str = $action;
            const RESPONSE_ACTION: &'static str = $crate::dialect::hl7v3::iti44::ACKNOWLEDGED_ACTION;
            const PACKAGING: Packaging = Packaging::Simple;

            fn read_request(message: &Envelope, _: &PeerProfile) -> Result<PatientRecord, Refusal> {
                $crate::dialect::hl7v3::iti44::read(message, $change)
            }

            fn write_answer(
                request: &Envelope,
                addressing: &Addressing,
                profile: &PeerProfile,
                answer: Result<Answer<FoundPatient>, Refusal>,
            ) -> Reply {
                $crate::dialect::hl7v3::iti44::acknowledged(request, addressing, profile, answer)
            }

            fn write_request(
                request: &PatientRecord,
                addressing: &Addressing,
                _: &PeerProfile,
            ) -> (Payload, Sent) {
                $crate::dialect::hl7v3::iti44::told(request, $change, addressing)
            }

            fn read_answer(received: Received, sent: &Sent, _: &PeerProfile) -> Outcome<FoundPatient> {
                $crate::dialect::hl7v3::iti44::taken(received, sent)
            }
        }
    };
}
pub(super) use told_by;

told_by!(RecordAdded, "ITI-44", "urn:hl7-org:v3:PRPA_IN201301UV02", RecordChange::Added);
told_by!(RecordRevised, "ITI-44", "urn:hl7-org:v3:PRPA_IN201302UV02", RecordChange::Revised);
told_by!(DuplicatesResolved, "ITI-44", "urn:hl7-org:v3:PRPA_IN201304UV02", RecordChange::Merged);

/// Ids of one message; nobody has more.
const IDS_MAX: usize = 200;

const fn root(change: RecordChange) -> &'static str {
    match change {
        RecordChange::Added => ADDED_ROOT,
        RecordChange::Revised => REVISED_ROOT,
        RecordChange::Merged => MERGED_ROOT,
    }
}

/// Reads a message of this interaction.
pub(super) fn read(message: &Envelope, change: RecordChange) -> Result<PatientRecord, Refusal> {
    let body = message.body_tree()?;
    let here = |tree: &Tree, code: &'static str, why: &str| malformed(message, tree, code, why);
    let missing = |tree: &Tree, what: &str| here(tree, "missing-element", &format!("{what} is missing"));
    if &*body.element.ns != NS || body.name() != root(change) {
        return Err(here(&body, "not-soap", &format!("the body is no {}", root(change))).into());
    }
    let act = body.first(NS, "controlActProcess").ok_or_else(|| missing(&body, "controlActProcess"))?;
    let mut subjects = act.all(NS, "subject");
    let subject = subjects.next().ok_or_else(|| missing(act, "subject"))?;
    if let Some(second) = subjects.next() {
        return Err(here(second, "several-subjects", "more than one subject in one message").into());
    }
    let event =
        subject.first(NS, "registrationEvent").ok_or_else(|| missing(subject, "registrationEvent"))?;
    let patient = event.path(NS, &["subject1", "patient"]);
    let patient = patient.ok_or_else(|| missing(event, "subject1/patient"))?;
    let ids = ids(message, patient.all(NS, "id"))?;
    if ids.is_empty() {
        return Err(here(patient, "patient-id-missing", "a patient without patient/id").into());
    }
    let person = patient.first(NS, "patientPerson").ok_or_else(|| missing(patient, "patientPerson"))?;
    if person.first(NS, "name").is_none() {
        return Err(missing(person, "patientPerson/name").into());
    }
    let others = person.all(NS, "asOtherIDs").flat_map(|other| other.all(NS, "id"));
    let prior = ["priorRegistration", "subject1", "priorRegisteredRole"];
    let replaced = event.all(NS, "replacementOf").filter_map(|of| of.path(NS, &prior));
    let subsumed = match change {
        RecordChange::Merged => self::ids(message, replaced.flat_map(|role| role.all(NS, "id")))?,
        RecordChange::Added | RecordChange::Revised => Vec::new(),
    };
    if change == RecordChange::Merged && subsumed.is_empty() {
        return Err(missing(event, "replacementOf with the id that is given up").into());
    }
    Ok(PatientRecord {
        change,
        ids,
        others: self::ids(message, others)?,
        subsumed,
        demographics: Phi::new(read_person(person).unwrap_or_default()),
    })
}

/// Those that name somebody, each once.
fn ids<'t>(message: &Envelope, trees: impl Iterator<Item = &'t Tree>) -> Result<Vec<PatientId>, Malformed> {
    let mut ids = Vec::new();
    for tree in trees.filter(|id| id.attribute("nullFlavor").is_none()) {
        if ids.len() >= IDS_MAX {
            let why = format!("more than {IDS_MAX} ids in one message");
            return Err(malformed(message, tree, "too-many-values", &why));
        }
        let why = "the root of an id is neither OID nor UUID, or an id has no extension";
        let id = instance(tree).and_then(|id| patient_id(&id));
        let id = id.ok_or_else(|| malformed(message, tree, "root-not-oid", why))?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// Writes a message of this interaction.
pub(super) fn told(record: &PatientRecord, change: RecordChange, addressing: &Addressing) -> (Payload, Sent) {
    let interaction = root(change);
    let mut writer = begin(interaction, "AL", addressing);
    begin_act(&mut writer, &interaction.replacen("_IN", "_TE", 1));
    writer.start("subject").attribute("typeCode", "SUBJ");
    writer.start("registrationEvent").attribute("classCode", "REG").attribute("moodCode", "EVN");
    writer.start("id").attribute("nullFlavor", "NA").end();
    writer.start("statusCode").attribute("code", "active").end();
    writer.start("subject1").attribute("typeCode", "SBJ");
    patient(&mut writer, record);
    writer.end();
    writer.start("custodian").attribute("typeCode", "CST");
    writer.start("assignedEntity").attribute("classCode", "ASSIGNED");
    write_root(&mut writer, "id", &addressing.device);
    writer.end().end();
    for id in &record.subsumed {
        writer.start("replacementOf").attribute("typeCode", "RPLC");
        writer.start("priorRegistration").attribute("classCode", "REG").attribute("moodCode", "EVN");
        writer.start("statusCode").attribute("code", "obsolete").end();
        writer.start("subject1").attribute("typeCode", "SBJ");
        writer.start("priorRegisteredRole").attribute("classCode", "PAT");
        write_instance(&mut writer, "id", &ii(id));
        // priorRegisteredRole, subject1, priorRegistration, replacementOf.
        writer.end().end().end().end();
    }
    (Payload { xml: writer.finish(), attachments: Vec::new() }, sent(addressing))
}

fn ii(id: &PatientId) -> QueryId {
    QueryId { root: id.authority.0.to_string(), extension: Some(id.value.reveal().clone()) }
}

// The organisation that provides the record is the authority of its id: registries know no other name
// of a network.
fn patient(writer: &mut Writer, record: &PatientRecord) {
    writer.start("patient").attribute("classCode", "PAT");
    for id in &record.ids {
        write_instance(writer, "id", &ii(id));
    }
    writer.start("statusCode").attribute("code", "active").end();
    writer.start("patientPerson").attribute("classCode", "PSN").attribute("determinerCode", "INSTANCE");
    person(writer, record.demographics.reveal());
    for id in &record.others {
        writer.start("asOtherIDs").attribute("classCode", "PAT");
        write_instance(writer, "id", &ii(id));
        writer.start("scopingOrganization");
        writer.attribute("classCode", "ORG").attribute("determinerCode", "INSTANCE");
        write_root(writer, "id", &id.authority.0);
        writer.end().end();
    }
    writer.end();
    if let Some(id) = record.ids.first() {
        writer.start("providerOrganization");
        writer.attribute("classCode", "ORG").attribute("determinerCode", "INSTANCE");
        write_root(writer, "id", &id.authority.0);
        writer.leaf("name", &id.authority.0.urn());
        writer.start("contactParty").attribute("classCode", "CON");
        writer.start("telecom").attribute("nullFlavor", "NA").end();
        writer.end().end();
    }
    writer.end();
}

fn person(writer: &mut Writer, known: &Demographics) {
    let named = known.names.iter().filter(|name| !name.family.is_empty() || !name.given.is_empty());
    let mut has_name = false;
    for name in named {
        write_name(writer, "name", name);
        has_name = true;
    }
    if !has_name {
        writer.start("name").attribute("nullFlavor", "NA").end();
    }
    if let Some(sex) = known.sex {
        writer.start("administrativeGenderCode").attribute("code", sex_code(sex));
        writer.attribute("codeSystem", "2.16.840.1.113883.5.1").end();
    }
    if let Some(birth) = &known.birth {
        writer.start("birthTime").attribute("value", &birth.digits()).end();
    }
}

/// Writes the acknowledgement (MCCI_IN000002UV01).
pub(super) fn acknowledged(
    request: &Envelope,
    addressing: &Addressing,
    profile: &PeerProfile,
    answer: Result<Answer<FoundPatient>, Refusal>,
) -> Reply {
    let verdict = match answer {
        Ok(answer) => Verdict::of(answer.map(PatientMatch::Found)),
        Err(Refusal::UnknownPatient(_)) => Verdict::error(Detail::error("204", "unknown patient"), None),
        Err(refused) => match refusal::verdict(&refused, profile) {
            Ok(verdict) => verdict,
            Err(fault) => return Reply::Fault(fault),
        },
    };
    let message = request.body_tree().and_then(|body| {
        let why = "the message id cannot be read";
        body.first(NS, "id").and_then(instance).ok_or_else(|| Malformed::new("missing-element", "", why))
    });
    match message {
        Ok(message) => {
            let mut writer = begin(ACKNOWLEDGEMENT_ROOT, "NE", addressing);
            acknowledge(&mut writer, &verdict, &message);
            Reply::Payload(Payload { xml: writer.finish(), attachments: Vec::new() })
        }
        Err(malformed) => Reply::Fault(Fault::malformed(&malformed)),
    }
}

/// Reads the acknowledgement: taken, or why not.
pub(super) fn taken(received: Received, sent: &Sent) -> Outcome<FoundPatient> {
    answer_of(received, sent, ACKNOWLEDGEMENT_ROOT)?.acknowledged()?;
    Ok(Answer { answered: 1, ..Answer::default() })
}

#[cfg(test)]
mod tests;
