//! Reads the answers of ITI-55, ITI-45 and ITI-47 (wire.md 8.2, 9, 21.3): first as it stands, then judged against what was
//! asked and for whom the peer may speak.

use std::collections::BTreeSet;

use super::answer_write::requested;
use super::values::{instance, patient_id, read_address, read_person, read_phone, root_oid, same_instance};
use super::{ACKNOWLEDGEMENT_ROOT, NS};
use crate::dialect::{Sent, peer_codes};
use crate::model::{
    Answer, Attribute, CommunityId, Demographics, Failure, FoundPatient, Oid, Outcome, PatientMatch,
    PeerProfile, Phi, QueryId, Reported, Severity,
};
use crate::xml::Tree;

/// Persons read of one answer; a peer that names more is not answering.
const SUBJECTS_MAX: usize = 1000;
const CODES_MAX: usize = 100;

/// An answer as it stands, nothing dropped.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// Acknowledgement type code.
    pub acknowledged: Option<String>,
    /// queryResponseCode.
    pub response: Option<String>,
    /// queryAck/queryId.
    pub query: Option<QueryId>,
    /// Persons.
    pub subjects: Vec<Subject>,
    /// Attributes asked for.
    pub wanted: BTreeSet<Attribute>,
    /// mitigatedBy codes.
    pub mitigations: Vec<String>,
    /// acknowledgementDetails: severity, code, text.
    pub details: Vec<(Severity, String, Phi<String>)>,
    /// How many results there are, where it says so.
    pub page: Option<Results>,
    /// Whether it is an acknowledgement without query answer (MCCI_IN000002UV01).
    pub is_acknowledgement: bool,
    /// Whether all that was wrong is that the id asked by is unknown (wire.md 10.1).
    pub is_patient_unknown: bool,
}

/// The counts of queryAck.
#[derive(Debug)]
pub(super) struct Results {
    pub total: usize,
    pub remaining: usize,
}

/// One registrationEvent.
#[derive(Debug)]
pub(super) struct Subject {
    /// patient/id.
    pub ids: Vec<Phi<QueryId>>,
    /// patientPerson/asOtherIDs/id.
    pub others: Vec<Phi<QueryId>>,
    /// providerOrganization/id/@root.
    pub provider: Option<String>,
    /// custodian/assignedEntity/id/@root.
    pub custodian: Option<String>,
    /// Name, birth date and sex, where shown.
    pub demographics: Option<Phi<Demographics>>,
    /// Addresses and telephones, where shown: within one network.
    pub contact: Phi<Demographics>,
    /// Confidence; 0 where none was given.
    pub confidence: u8,
}

impl Read {
    /// Reads a body. None when its root is neither this nor an acknowledgement.
    pub(super) fn of(body: &Tree, root: &str) -> Option<Self> {
        if &*body.element.ns != NS {
            return None;
        }
        let is_acknowledgement = match body.name() {
            ACKNOWLEDGEMENT_ROOT => true,
            name if name == root => false,
            _ => return None,
        };
        let mut read = Self { is_acknowledgement, ..Self::default() };
        if let Some(acknowledgement) = body.first(NS, "acknowledgement") {
            let type_code = acknowledgement.first(NS, "typeCode").and_then(|code| code.attribute("code"));
            read.acknowledged = type_code.map(|code| code.trim().to_owned());
            let details = acknowledgement.all(NS, "acknowledgementDetail").take(CODES_MAX);
            read.details = details.filter_map(detail).collect();
            let errors = acknowledgement.all(NS, "acknowledgementDetail").filter(|d| detail(d).is_some());
            let mut errors = errors.peekable();
            read.is_patient_unknown = errors.peek().is_some() && errors.all(is_unknown_id);
        }
        let Some(act) = body.first(NS, "controlActProcess") else { return Some(read) };
        let subjects = act.all(NS, "subject").filter_map(|subject| subject.first(NS, "registrationEvent"));
        read.subjects = subjects.filter_map(self::subject).take(SUBJECTS_MAX + 1).collect();
        // The event also stands without reasonOf around it (iti55-resp-10 of the corpus).
        let reasons = act.all(NS, "reasonOf").chain(std::iter::once(act));
        for event in reasons.flat_map(|reason| reason.all(NS, "detectedIssueEvent")) {
            read.issue(event);
        }
        if let Some(ack) = act.first(NS, "queryAck") {
            read.query = ack.first(NS, "queryId").and_then(instance);
            let code = ack.first(NS, "queryResponseCode").and_then(|code| code.attribute("code"));
            read.response = code.map(|code| code.trim().to_owned()).filter(|code| !code.is_empty());
            let number = |name: &str| ack.first(NS, name)?.attribute("value")?.trim().parse().ok();
            read.page = number("resultTotalQuantity").map(|total| Results {
                total,
                remaining: number("resultRemainingQuantity").unwrap_or_default(),
            });
        }
        Some(read)
    }

    fn issue(&mut self, event: &Tree) {
        let code =
            |tree: &Tree| tree.first(NS, "code").and_then(|code| code.attribute("code")).map(str::to_owned);
        let triggers = event.all(NS, "triggerFor").filter_map(|t| t.first(NS, "actOrderRequired"));
        self.wanted.extend(triggers.filter_map(code).filter_map(|code| attribute(&code)));
        let managements = event.all(NS, "mitigatedBy").filter_map(|m| m.first(NS, "detectedIssueManagement"));
        self.mitigations.extend(managements.filter_map(code).take(CODES_MAX));
    }

    // CA is met where AA is meant.
    fn is_accepted(&self) -> bool {
        self.acknowledged.as_deref().is_none_or(|code| matches!(code, "AA" | "CA"))
    }

    fn is_error(&self) -> bool {
        let has_response = matches!(self.response.as_deref(), Some("OK" | "NF"));
        !self.is_accepted() || !has_response
    }

    // Known codes only: a peer's texts may hold patient values.
    fn failure(&self) -> Failure {
        if self.mitigations.iter().any(|code| code == "ResponderBusy") {
            return Failure::Busy;
        }
        let codes = [self.acknowledged.as_deref(), self.response.as_deref()].into_iter().flatten();
        let codes = codes.chain(self.mitigations.iter().map(String::as_str));
        let codes = codes.chain(self.details.iter().map(|(_, code, _)| code.as_str()));
        Failure::Rejected(peer_codes::told(codes.filter(|code| !code.is_empty()), " "))
    }
}

/// Code of a warning that a part of the answer is missing.
const MISSING: &str = "INTERR";

impl Read {
    // That a source behind the far end did not answer, as kakehashi says it. Other texts of a peer are
    // not passed on: they may hold patient values.
    fn warnings(&self, sent: &Sent) -> Vec<Reported> {
        let is_missing = |text: &str| {
            let rest = text.strip_prefix("unavailable: community ");
            rest.is_some_and(|rest| rest.split(", repository ").all(|oid| Oid::parse(oid).is_some()))
        };
        let warnings = self.details.iter().filter(|(severity, code, text)| {
            *severity == Severity::Warning && code == MISSING && is_missing(text.reveal())
        });
        let reported = |(severity, code, text): &(Severity, String, Phi<String>)| Reported {
            code: code.clone(),
            context: text.reveal().clone(),
            severity: *severity,
            community: Some(sent.home.clone()),
            document: None,
        };
        warnings.map(reported).collect()
    }
}

fn detail(detail: &Tree) -> Option<(Severity, String, Phi<String>)> {
    let code = detail.first(NS, "code").and_then(|code| code.attribute("code")).unwrap_or_default();
    let text = detail.first(NS, "text").map(|text| text.text().trim().to_owned()).unwrap_or_default();
    let severity = match detail.attribute("typeCode") {
        Some("I" | "W") => Severity::Warning,
        _ => Severity::Error,
    };
    // An empty one is met beside AA and says nothing (wire.md 21.3).
    (!code.is_empty() || !text.is_empty()).then(|| (severity, code.to_owned(), Phi::new(text)))
}

// 204 is said of ids and of authorities; the place tells them apart.
fn is_unknown_id(detail: &Tree) -> bool {
    let code = detail.first(NS, "code").and_then(|code| code.attribute("code"));
    let place = detail.first(NS, "location").map(|place| place.text().trim().to_owned());
    code.map(str::trim) == Some("204")
        && place.is_some_and(|place| place.trim_end_matches(']').ends_with("@extension"))
}

fn attribute(code: &str) -> Option<Attribute> {
    const ALL: [Attribute; 6] = [
        Attribute::Address,
        Attribute::BirthPlaceAddress,
        Attribute::BirthPlaceName,
        Attribute::Gender,
        Attribute::MothersMaidenName,
        Attribute::Telecom,
    ];
    let misspelt = (code == "PatientAdressRequested").then_some(Attribute::Address);
    ALL.into_iter().find(|attribute| requested(*attribute) == code).or(misspelt)
}

fn subject(event: &Tree) -> Option<Subject> {
    let patient = event.path(NS, &["subject1", "patient"])?;
    let score = patient.path(NS, &["subjectOf1", "queryMatchObservation", "value"]);
    let score = score
        .and_then(|value| value.attribute("value").map_or_else(|| Some(value.text()), |v| Some(v.into())));
    let confidence = score.and_then(|text| text.trim().parse::<u8>().ok()).unwrap_or_default().min(100);
    let root = |path: &Tree| path.first(NS, "id").and_then(|id| id.attribute("root")).map(str::to_owned);
    let person = patient.first(NS, "patientPerson");
    let others = person.into_iter().flat_map(|person| person.all(NS, "asOtherIDs"));
    let others = others.flat_map(|other| other.all(NS, "id")).filter_map(instance);
    Some(Subject {
        others: others.map(Phi::new).take(CODES_MAX).collect(),
        ids: patient.all(NS, "id").filter_map(instance).map(Phi::new).take(CODES_MAX).collect(),
        provider: patient.first(NS, "providerOrganization").and_then(root),
        custodian: event.path(NS, &["custodian", "assignedEntity"]).and_then(root),
        demographics: person.and_then(read_person).map(Phi::new),
        contact: Phi::new(person.map(contact).unwrap_or_default()),
        confidence,
    })
}

impl Subject {
    /// The person it shows, for a peer with these habits; else the word for why not. `home` stands
    /// in for a missing custodian where the peer's file says so.
    pub(super) fn patient(
        &self,
        profile: &PeerProfile,
        home: Option<&CommunityId>,
    ) -> Result<FoundPatient, &'static str> {
        let chosen = match self.ids.as_slice() {
            [] => return Err("patient-id-missing"),
            [only] => only,
            [first, ..] if profile.accept_several_patient_ids => {
                let provider = self.provider.as_deref().and_then(root_oid);
                let is_provider =
                    |id: &&Phi<QueryId>| provider.is_some() && root_oid(&id.reveal().root) == provider;
                let is_own = |id: &&Phi<QueryId>| {
                    patient_id(id.reveal()).is_some_and(|id| profile.authorities.contains(&id.authority))
                };
                let registered = self.ids.iter().find(is_own);
                registered.or_else(|| self.ids.iter().find(is_provider)).unwrap_or(first)
            }
            _ => return Err("several-patient-ids"),
        };
        let id = patient_id(chosen.reveal()).ok_or("root-not-oid")?;
        let community = match self.custodian.as_deref() {
            Some(root) => root_oid(root).map(CommunityId).ok_or("root-not-oid")?,
            None if profile.fill_missing_home => home.cloned().ok_or("custodian-missing")?,
            None => return Err("custodian-missing"),
        };
        Ok(FoundPatient {
            community,
            id,
            demographics: self.demographics.clone(),
            confidence: self.confidence,
            also: Vec::new(),
        })
    }
}

fn contact(person: &Tree) -> Demographics {
    Demographics {
        addresses: person.all(NS, "addr").filter_map(read_address).take(CONTACTS_MAX).collect(),
        phones: person.all(NS, "telecom").filter_map(read_phone).take(CONTACTS_MAX).collect(),
        ..Demographics::default()
    }
}

/// Addresses and telephones read of one person.
const CONTACTS_MAX: usize = 10;

impl Subject {
    /// The person it shows, within one network: under several ids, in the home that was asked where no
    /// other is named.
    pub(super) fn known_by_several(&self, home: &CommunityId) -> Result<FoundPatient, &'static str> {
        let custodian = self.custodian.as_deref().and_then(root_oid).map(CommunityId);
        let mut ids = Vec::new();
        for id in self.ids.iter().chain(&self.others).filter_map(|id| patient_id(id.reveal())) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        let mut ids = ids.into_iter();
        let Demographics { addresses, phones, .. } = self.contact.reveal().clone();
        let shown = self.demographics.as_ref().map(|shown| shown.reveal().clone());
        let shown = shown.map(|shown| Phi::new(Demographics { addresses, phones, ..shown }));
        Ok(FoundPatient {
            community: custodian.unwrap_or_else(|| home.clone()),
            id: ids.next().ok_or("patient-id-missing")?,
            demographics: shown,
            confidence: self.confidence,
            also: ids.collect(),
        })
    }
}

impl Read {
    /// Whether it answers what was sent, and all that it says is that the id is unknown.
    pub(super) fn is_unknown_id(&self, sent: &Sent) -> bool {
        let is_it = self.query.as_ref().is_none_or(|query| same_instance(query, &sent.query));
        is_it && self.acknowledged.as_deref() == Some("AE") && self.is_patient_unknown
    }

    /// Whether the far end acknowledged, without answering anything.
    pub(super) fn acknowledged(&self) -> Result<(), Failure> {
        if self.is_acknowledgement && self.is_accepted() { Ok(()) } else { Err(self.failure()) }
    }
}

/// Whether it is an answer to what was sent, with what it reports: errors and mismatches are failures.
pub(super) fn accepted<T>(read: &Read, sent: &Sent) -> Outcome<T> {
    if read.is_acknowledgement {
        if read.is_accepted() {
            return Err(Failure::Unreadable("an acknowledgement in place of the answer".into()));
        }
        return Err(read.failure());
    }
    if read.query.as_ref().is_some_and(|query| !same_instance(query, &sent.query)) {
        return Err(Failure::Unreadable("queryId names another query".into()));
    }
    if read.response.is_none() && read.is_accepted() {
        return Err(Failure::Unreadable("queryResponseCode is missing".into()));
    }
    if read.is_error() {
        return Err(read.failure());
    }
    if read.subjects.len() > SUBJECTS_MAX {
        return Err(Failure::Unreadable(format!("more than {SUBJECTS_MAX} persons")));
    }
    Ok(Answer { answered: 1, reported: read.warnings(sent), ..Answer::default() })
}

/// Says that a person or id of an answer is not taken, and why.
pub(super) fn put_aside<T>(answer: &mut Answer<T>, code: &str, sent: &Sent) {
    answer.set_aside += 1;
    answer.reported.push(Reported {
        code: code.to_owned(),
        context: "a person of the answer was dropped".to_owned(),
        severity: Severity::Warning,
        community: Some(sent.home.clone()),
        document: None,
    });
}

/// Judges an answer: errors and mismatches are failures, persons under a foreign authority or home
/// are dropped and reported.
pub(super) fn judge(read: Read, sent: &Sent, profile: &PeerProfile) -> Outcome<PatientMatch> {
    let mut answer = accepted(&read, sent)?;
    if read.response.as_deref() == Some("NF") {
        return Ok(answer);
    }
    let has_subjects = !read.subjects.is_empty();
    for subject in read.subjects {
        let judged = subject.patient(profile, Some(&sent.home)).and_then(|found| match &found {
            found if found.community != sent.home => Err("foreign-community"),
            found if !profile.authorities.contains(&found.id.authority) => Err("foreign-authority"),
            _ => Ok(found),
        });
        match judged {
            Ok(found) => answer.found.push(PatientMatch::Found(found)),
            Err(code) => put_aside(&mut answer, code, sent),
        }
    }
    if !has_subjects && !read.wanted.is_empty() {
        answer.found.push(PatientMatch::MoreAttributes { about: None, wanted: read.wanted });
    }
    Ok(answer)
}
