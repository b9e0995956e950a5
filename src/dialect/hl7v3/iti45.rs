//! ITI-45 PIX V3 Query as a transaction: under which ids is the person known whom the asker knows so
//! (wire.md 10.1). Spoken within one network.

use super::answer_read::{Read, accepted, put_aside};
use super::answer_write::{Detail, Verdict, acknowledge, begin_query_ack};
use super::iti55::{answer_of, sent};
use super::query::{VALUES_MAX, begin_id_query, malformed, parameter, parameter_list, values};
use super::values::{instance, patient_id, root_oid, write_instance, write_root};
use super::wrapper::{Echo, begin, begin_act};
use super::{NS, refusal};
use crate::dialect::soap::{Envelope, copy};
use crate::dialect::{Addressing, Packaging, Payload, Received, Reply, Sent, Transaction};
use crate::model::{
    Answer, Authority, CommunityId, Failure, FoundPatient, Outcome, PatientIdLookup, PatientMatch,
    PeerProfile, QueryId, Refusal,
};
use crate::xml::{Tree, Writer};

/// Body root of the request.
pub const PIX_REQUEST_ROOT: &str = "PRPA_IN201309UV02";
/// Body root of the response.
pub const PIX_RESPONSE_ROOT: &str = "PRPA_IN201310UV02";

/// ITI-45.
#[derive(Debug, Clone, Copy)]
pub struct PixQuery;

impl Transaction for PixQuery {
    type Request = PatientIdLookup;
    const NAME: &'static str = "ITI-45";
    const REQUEST_ACTION: &'static str = "urn:hl7-org:v3:PRPA_IN201309UV02";
    const RESPONSE_ACTION: &'static str = "urn:hl7-org:v3:PRPA_IN201310UV02";
    const PACKAGING: Packaging = Packaging::Simple;

    fn read_request(message: &Envelope, _: &PeerProfile) -> Result<PatientIdLookup, Refusal> {
        let body = message.body_tree()?;
        let list = parameter_list(message, &body, PIX_REQUEST_ROOT)?;
        let here = |tree: &Tree, code: &'static str, why: &str| malformed(message, tree, code, why);
        let root_not_oid = "the root of an id is neither OID nor UUID, or an id has no extension";
        let mut known = None;
        for value in values(list, IDENTIFIER) {
            let id = instance(value).and_then(|id| patient_id(&id));
            let id = id.ok_or_else(|| here(value, "root-not-oid", root_not_oid))?;
            if known.replace(id).is_some() {
                return Err(here(value, "several-values", "several values of `patientIdentifier`").into());
            }
        }
        let missing = || here(list, "missing-parameter", "`patientIdentifier` is missing");
        let known = known.ok_or_else(missing)?;
        let mut authorities = Vec::new();
        for value in values(list, SOURCE) {
            let root = value.attribute("root").and_then(root_oid);
            let root = root.ok_or_else(|| here(value, "root-not-oid", root_not_oid))?;
            authorities.push(Authority(root));
            if authorities.len() > VALUES_MAX {
                let why = format!("more than {VALUES_MAX} values of `dataSource`");
                return Err(here(value, "too-many-values", &why).into());
            }
        }
        Ok(PatientIdLookup { known, demographics: None, authorities })
    }

    fn write_answer(
        request: &Envelope,
        addressing: &Addressing,
        profile: &PeerProfile,
        answer: Result<Answer<FoundPatient>, Refusal>,
    ) -> Reply {
        let verdict = match answer {
            Ok(answer) => Verdict::of(answer.map(PatientMatch::Found)),
            Err(Refusal::UnknownPatient(_)) => {
                let place = format!("{LIST}/hl7:{IDENTIFIER}/hl7:value/@extension");
                Verdict::errors(vec![Detail::located("204", "unknown patient", place)])
            }
            Err(Refusal::UnknownAuthority(unknown)) => unknown_authorities(request, &unknown),
            Err(refused) => match refusal::verdict(&refused, profile) {
                Ok(verdict) => verdict,
                Err(fault) => return Reply::Fault(fault),
            },
        };
        Echo::answered(request, |echo| write(&verdict, echo, addressing))
    }

    fn write_request(request: &PatientIdLookup, addressing: &Addressing, _: &PeerProfile) -> (Payload, Sent) {
        let mut writer = begin(PIX_REQUEST_ROOT, "AL", addressing);
        begin_act(&mut writer, "PRPA_TE201309UV02");
        begin_id_query(&mut writer, &addressing.query);
        writer.start("parameterList");
        for authority in &request.authorities {
            parameter(&mut writer, SOURCE, "DataSource.id", |writer| {
                write_root(writer, "value", &authority.0);
            });
        }
        let known = &request.known;
        let id =
            QueryId { root: known.authority.0.to_string(), extension: Some(known.value.reveal().clone()) };
        parameter(&mut writer, IDENTIFIER, "Patient.Id", |writer| write_instance(writer, "value", &id));
        (Payload { xml: writer.finish(), attachments: Vec::new() }, sent(addressing))
    }

    fn read_answer(received: Received, sent: &Sent, _: &PeerProfile) -> Outcome<FoundPatient> {
        let read = answer_of(received, sent, PIX_RESPONSE_ROOT)?;
        // It answers: it knows nobody under that id. That is no outage.
        if read.is_unknown_id(sent) {
            return Ok(Answer { answered: 1, is_patient_unknown: true, ..Answer::default() });
        }
        let mut answer = accepted(&read, sent)?;
        if read.response.as_deref() == Some("NF") {
            return Ok(answer);
        }
        take(&read, sent, &mut answer)?;
        Ok(answer)
    }
}

const IDENTIFIER: &str = "patientIdentifier";
const SOURCE: &str = "dataSource";
const LIST: &str = "/hl7:PRPA_IN201309UV02/hl7:controlActProcess/hl7:queryByParameter/hl7:parameterList";

/// Names every place of the request that holds one of them.
fn unknown_authorities(request: &Envelope, unknown: &[Authority]) -> Verdict {
    let Ok(body) = request.body_tree() else { return Verdict::errors(Vec::new()) };
    let list = body.path(NS, &["controlActProcess", "queryByParameter", "parameterList"]);
    let is_unknown = |value: &Tree| {
        value.attribute("root").and_then(root_oid).is_some_and(|root| unknown.contains(&Authority(root)))
    };
    let at = |place: String| {
        let place = format!("{LIST}/{place}/hl7:value/@root");
        Detail::located("204", "unknown assigning authority", place)
    };
    let mut details = Vec::new();
    if let Some(list) = list {
        let identifiers = values(list, IDENTIFIER).filter(|value| is_unknown(value));
        details.extend(identifiers.map(|_| at(format!("hl7:{IDENTIFIER}"))));
        let sources = values(list, SOURCE).enumerate().filter(|(_, value)| is_unknown(value));
        details.extend(sources.map(|(index, _)| at(format!("hl7:{SOURCE}[{}]", index + 1))));
    }
    Verdict::errors(details)
}

fn write(verdict: &Verdict, echo: &Echo<'_>, addressing: &Addressing) -> String {
    let mut writer = begin(PIX_RESPONSE_ROOT, "NE", addressing);
    acknowledge(&mut writer, verdict, &echo.message);
    begin_act(&mut writer, "PRPA_TE201310UV02");
    if !verdict.found.is_empty() {
        person(&mut writer, &verdict.found, &addressing.community);
    }
    begin_query_ack(&mut writer, verdict, &echo.query);
    writer.end();
    writer.raw(&copy(echo.parameters, NS, &[]));
    writer.finish()
}

// One person under several ids. Who they are the asker knows: no name is told.
fn person(writer: &mut Writer, found: &[FoundPatient], community: &CommunityId) {
    writer.start("subject").attribute("typeCode", "SUBJ");
    writer.start("registrationEvent").attribute("classCode", "REG").attribute("moodCode", "EVN");
    writer.start("id").attribute("nullFlavor", "NA").end();
    writer.start("statusCode").attribute("code", "active").end();
    writer.start("subject1").attribute("typeCode", "SBJ");
    writer.start("patient").attribute("classCode", "PAT");
    for found in found {
        let extension = Some(found.id.value.reveal().clone());
        write_instance(writer, "id", &QueryId { root: found.id.authority.0.to_string(), extension });
    }
    writer.start("statusCode").attribute("code", "active").end();
    writer.start("patientPerson").attribute("classCode", "PSN").attribute("determinerCode", "INSTANCE");
    writer.start("name").attribute("nullFlavor", "NA").end();
    // patientPerson, patient, subject1.
    writer.end().end().end();
    writer.start("custodian").attribute("typeCode", "CST");
    writer.start("assignedEntity").attribute("classCode", "ASSIGNED");
    write_root(writer, "id", &community.0);
    // assignedEntity, custodian, registrationEvent, subject.
    writer.end().end().end().end();
}

/// Ids that one answer may bring.
const IDS_MAX: usize = 1000;

// Every id of the answer is the same person's; whose home each is, a PIX manager does not say. Of two
// persons it could not be told which one was asked about, and their records would become one person's.
fn take(read: &Read, sent: &Sent, answer: &mut Answer<FoundPatient>) -> Result<(), Failure> {
    if read.subjects.len() > 1 {
        return Err(Failure::Unreadable("more than one person under one id".into()));
    }
    for id in read.subjects.iter().flat_map(|subject| &subject.ids) {
        if answer.found.len() >= IDS_MAX {
            return Err(Failure::Unreadable(format!("more than {IDS_MAX} ids")));
        }
        match patient_id(id.reveal()) {
            Some(id) => answer.found.push(FoundPatient {
                community: sent.home.clone(),
                id,
                demographics: None,
                confidence: 100,
                also: Vec::new(),
            }),
            None => put_aside(answer, "root-not-oid", sent),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
