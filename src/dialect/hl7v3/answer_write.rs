//! Writes the answer of ITI-55 (wire.md 8.2): found, more attributes wanted, nobody, error. A match
//! shows one id, name, birth date and sex, whatever else is known of the person (decisions A4).

use std::collections::BTreeSet;

use super::values::{sex_code, write_instance, write_name, write_root};
use super::wrapper::{Echo, begin, begin_act};
use super::{NS, RESPONSE_ROOT};
use crate::dialect::Addressing;
use crate::dialect::soap::copy;
use crate::model::{Answer, Attribute, Failure, FoundPatient, Outage, PatientId, PatientMatch, QueryId};
use crate::xml::Writer;

const ACK_DETAIL: &str = "2.16.840.1.113883.5.1100";
const ISSUE: &str = "_ActAdministrativeDetectedIssueManagementCode";
const ISSUE_SYSTEM: &str = "2.16.840.1.113883.5.4";
const LOCATOR_SYSTEM: &str = "1.3.6.1.4.1.19376.1.2.27.2";
const MITIGATION_SYSTEM: &str = "1.3.6.1.4.1.19376.1.2.27.3";
const TRIGGER_SYSTEM: &str = "1.3.6.1.4.1.19376.1.2.27.1";

/// An acknowledgementDetail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Detail {
    type_code: &'static str,
    code: &'static str,
    text: String,
    // Where in the request the fault lies.
    location: Option<String>,
}

impl Detail {
    /// An error.
    pub(super) fn error(code: &'static str, text: impl Into<String>) -> Self {
        Self { type_code: "E", code, text: text.into(), location: None }
    }

    /// As [`Detail::error`], about this place of the request.
    pub(super) fn located(code: &'static str, text: &str, location: String) -> Self {
        Self { location: Some(location), ..Self::error(code, text) }
    }

    // A target that is missing: told by home and repository, never by host or hospital name.
    fn outage(outage: &Outage) -> Self {
        let home = format!("unavailable: community {}", outage.community);
        let text = match &outage.repository {
            Some(repository) => format!("{home}, repository {}", repository.0),
            None => home,
        };
        Self { type_code: "W", code: "INTERR", text, location: None }
    }
}

/// What is answered, apart from ids and times.
#[derive(Debug, Clone, Default)]
pub(super) struct Verdict {
    details: Vec<Detail>,
    pub(super) found: Vec<FoundPatient>,
    is_error: bool,
    mitigation: Option<&'static str>,
    wanted: BTreeSet<Attribute>,
}

impl Verdict {
    /// Case 4.
    pub(super) fn nobody() -> Self {
        Self::default()
    }

    /// Case 5.
    pub(super) fn error(detail: Detail, mitigation: Option<&'static str>) -> Self {
        Self { details: vec![detail], is_error: true, mitigation, ..Self::default() }
    }

    /// An error at several places.
    pub(super) fn errors(details: Vec<Detail>) -> Self {
        Self { details, is_error: true, ..Self::default() }
    }

    /// Cases 1 to 4, and 5 where nobody who was asked replied (decisions E2).
    pub(super) fn of(answer: Answer<PatientMatch>) -> Self {
        let mut details: Vec<Detail> = answer.unavailable.iter().map(Detail::outage).collect();
        details.sort_by(|one, other| one.text.cmp(&other.text));
        details.dedup();
        if answer.answered == 0 && !answer.unavailable.is_empty() {
            let is_busy = answer.unavailable.iter().all(|outage| outage.failure == Failure::Busy);
            let mitigation = if is_busy { "ResponderBusy" } else { "InternalError" };
            details.insert(0, Detail::error("INTERR", "nobody who was asked replied"));
            return Self { details, is_error: true, mitigation: Some(mitigation), ..Self::default() };
        }
        let mut verdict = Self { details, ..Self::default() };
        for found in answer.found {
            match found {
                PatientMatch::Found(found) => verdict.found.push(found),
                PatientMatch::MoreAttributes { wanted, .. } => verdict.wanted.extend(wanted),
                // INVARIANT: `conclude` and the filter leave none.
                PatientMatch::Graded(_) => {}
            }
        }
        if !verdict.found.is_empty() {
            verdict.wanted.clear();
        }
        verdict
    }

    /// Says this beside what is found.
    pub(super) fn warn(&mut self, text: &str) {
        if !self.is_error {
            self.details.push(Detail { type_code: "W", ..Detail::error("INTERR", text) });
        }
    }

    /// Whether it says nobody, with nothing missing that might have said somebody.
    pub(super) fn is_nobody(&self) -> bool {
        self.response_code() == "NF" && self.details.is_empty()
    }

    fn response_code(&self) -> &'static str {
        match self {
            Self { is_error: true, .. } => "AE",
            Self { found, wanted, .. } if found.is_empty() && wanted.is_empty() => "NF",
            _ => "OK",
        }
    }
}

/// Writes an answer.
pub(super) fn write(verdict: &Verdict, echo: &Echo<'_>, addressing: &Addressing) -> String {
    let mut writer = begin(RESPONSE_ROOT, "NE", addressing);
    acknowledge(&mut writer, verdict, &echo.message);
    begin_act(&mut writer, "PRPA_TE201306UV02");
    for found in &verdict.found {
        subject(&mut writer, found, &[]);
    }
    issue(&mut writer, verdict);
    begin_query_ack(&mut writer, verdict, &echo.query);
    writer.end();
    writer.raw(&copy(echo.parameters, NS, &[]));
    writer.finish()
}

/// Writes the acknowledgement of a message.
pub(super) fn acknowledge(writer: &mut Writer, verdict: &Verdict, message: &QueryId) {
    writer.start("acknowledgement");
    let type_code = if verdict.is_error { "AE" } else { "AA" };
    writer.start("typeCode").attribute("code", type_code).end();
    writer.start("targetMessage");
    write_instance(writer, "id", message);
    writer.end();
    for detail in &verdict.details {
        writer.start("acknowledgementDetail").attribute("typeCode", detail.type_code);
        writer.start("code").attribute("code", detail.code).attribute("codeSystem", ACK_DETAIL).end();
        writer.leaf("text", &detail.text);
        if let Some(location) = &detail.location {
            writer.leaf("location", location);
        }
        writer.end();
    }
    writer.end();
}

/// Begins queryAck up to and with its response code.
pub(super) fn begin_query_ack(writer: &mut Writer, verdict: &Verdict, query: &QueryId) {
    writer.start("queryAck");
    write_instance(writer, "queryId", query);
    let status = if verdict.is_error { "aborted" } else { "deliveredResponse" };
    writer.start("statusCode").attribute("code", status).end();
    writer.start("queryResponseCode").attribute("code", verdict.response_code()).end();
}

/// Writes a person under their id, and under these as well.
pub(super) fn subject(writer: &mut Writer, found: &FoundPatient, also: &[PatientId]) {
    writer.start("subject").attribute("typeCode", "SUBJ");
    writer.start("registrationEvent").attribute("classCode", "REG").attribute("moodCode", "EVN");
    writer.start("id").attribute("nullFlavor", "NA").end();
    writer.start("statusCode").attribute("code", "active").end();
    writer.start("subject1").attribute("typeCode", "SBJ");
    writer.start("patient").attribute("classCode", "PAT");
    let authority = &found.id.authority.0;
    for id in std::iter::once(&found.id).chain(also) {
        let extension = Some(id.value.reveal().clone());
        write_instance(writer, "id", &QueryId { root: id.authority.0.to_string(), extension });
    }
    writer.start("statusCode").attribute("code", "active").end();
    person(writer, found);
    writer
        .start("providerOrganization")
        .attribute("classCode", "ORG")
        .attribute("determinerCode", "INSTANCE");
    write_root(writer, "id", authority);
    // The schema wants one; it need not say anything.
    writer.start("contactParty").attribute("classCode", "CON").end().end();
    writer.start("subjectOf1").start("queryMatchObservation");
    writer.attribute("classCode", "COND").attribute("moodCode", "EVN");
    writer.start("code").attribute("code", "IHE_PDQ").end();
    let confidence = found.confidence.min(100).to_string();
    writer.start("value").attribute("xsi:type", "INT").attribute("value", &confidence).end();
    // queryMatchObservation, subjectOf1, patient, subject1.
    writer.end().end().end().end();
    writer.start("custodian").attribute("typeCode", "CST");
    writer.start("assignedEntity").attribute("classCode", "ASSIGNED");
    write_root(writer, "id", &found.community.0);
    writer.start("code").attribute("code", "NotHealthDataLocator").attribute("codeSystem", LOCATOR_SYSTEM);
    // code, assignedEntity, custodian, registrationEvent, subject.
    writer.end().end().end().end().end();
}

fn person(writer: &mut Writer, found: &FoundPatient) {
    writer.start("patientPerson").attribute("classCode", "PSN").attribute("determinerCode", "INSTANCE");
    let shown = found.demographics.as_ref().map(|person| person.reveal());
    let names = shown.map(|person| person.names.as_slice()).unwrap_or_default();
    if names.is_empty() {
        writer.start("name").attribute("nullFlavor", "NA").end();
    }
    for name in names {
        write_name(writer, "name", name);
    }
    if let Some(sex) = shown.and_then(|person| person.sex) {
        writer.start("administrativeGenderCode").attribute("code", sex_code(sex));
        writer.attribute("codeSystem", "2.16.840.1.113883.5.1").end();
    }
    if let Some(birth) = shown.and_then(|person| person.birth) {
        writer.start("birthTime").attribute("value", &birth.digits()).end();
    }
    writer.end();
}

fn issue(writer: &mut Writer, verdict: &Verdict) {
    if verdict.mitigation.is_none() && verdict.wanted.is_empty() {
        return;
    }
    writer.start("reasonOf").attribute("typeCode", "RSON");
    writer.start("detectedIssueEvent").attribute("classCode", "ALRT").attribute("moodCode", "EVN");
    writer.start("code").attribute("code", ISSUE).attribute("codeSystem", ISSUE_SYSTEM).end();
    if let Some(code) = verdict.mitigation {
        writer.start("mitigatedBy").attribute("typeCode", "MITGT");
        writer.start("detectedIssueManagement").attribute("classCode", "ACT").attribute("moodCode", "EVN");
        writer.start("code").attribute("code", code).attribute("codeSystem", MITIGATION_SYSTEM);
        writer.end().end().end();
    }
    for attribute in &verdict.wanted {
        writer.start("triggerFor").attribute("typeCode", "TRIG");
        writer.start("actOrderRequired").attribute("classCode", "ACT").attribute("moodCode", "RQO");
        writer.start("code").attribute("code", requested(*attribute)).attribute("codeSystem", TRIGGER_SYSTEM);
        writer.end().end().end();
    }
    writer.end().end();
}

/// The code that asks for an attribute.
pub(super) const fn requested(attribute: Attribute) -> &'static str {
    match attribute {
        Attribute::Address => "PatientAddressRequested",
        Attribute::BirthPlaceAddress => "LivingSubjectBirthPlaceAddressRequested",
        Attribute::BirthPlaceName => "LivingSubjectBirthPlaceNameRequested",
        Attribute::Gender => "LivingSubjectAdministrativeGenderRequested",
        Attribute::MothersMaidenName => "MothersMaidenNameRequested",
        Attribute::Telecom => "PatientTelecomRequested",
    }
}
