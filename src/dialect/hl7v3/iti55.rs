//! ITI-55 Cross Gateway Patient Discovery as a transaction: who is this person to you, and, asked of
//! an XCA peer, under which id do you know this person.

use std::time::Duration;

use super::answer_read::{Read, judge};
use super::answer_write::{self, Verdict};
use super::wrapper::Echo;
use super::{query, refusal};
use crate::dialect::soap::{Envelope, Fault, check_relates_to};
use crate::dialect::{Addressing, Packaging, Payload, Received, Reply, Sent, Transaction};
use crate::model::{
    Answer, Failure, FoundPatient, Malformed, Outcome, PatientDiscovery, PatientIdLookup, PatientMatch,
    PeerProfile, Refusal,
};

/// Namespace of HL7 V3 bodies.
pub const NS: &str = "urn:hl7-org:v3";
/// Body root of the request.
pub const REQUEST_ROOT: &str = "PRPA_IN201305UV02";
/// Body root of the response.
pub const RESPONSE_ROOT: &str = "PRPA_IN201306UV02";
/// Body root of an acknowledgement.
pub(super) const ACKNOWLEDGEMENT_ROOT: &str = "MCCI_IN000002UV01";

const REQUEST_ACTION: &str = "urn:hl7-org:v3:PRPA_IN201305UV02:CrossGatewayPatientDiscovery";
const RESPONSE_ACTION: &str = "urn:hl7-org:v3:PRPA_IN201306UV02:CrossGatewayPatientDiscovery";

/// ITI-55 by demographics, by ids, or both.
#[derive(Debug, Clone, Copy)]
pub struct CrossGatewayPatientDiscovery;

/// ITI-55 as the carrier of an id lookup. With demographics known, they go out and the id stays at
/// home; without, the id is all that can be asked by.
#[derive(Debug, Clone, Copy)]
pub struct CrossGatewayPatientIdLookup;

impl Transaction for CrossGatewayPatientDiscovery {
    type Request = PatientDiscovery;
    const NAME: &'static str = "ITI-55";
    const REQUEST_ACTION: &'static str = REQUEST_ACTION;
    const RESPONSE_ACTION: &'static str = RESPONSE_ACTION;
    const PACKAGING: Packaging = Packaging::Simple;

    fn read_request(message: &Envelope, profile: &PeerProfile) -> Result<PatientDiscovery, Refusal> {
        query::read(message, profile)
    }

    fn write_answer(
        request: &Envelope,
        addressing: &Addressing,
        profile: &PeerProfile,
        answer: Result<Answer<PatientMatch>, Refusal>,
    ) -> Reply {
        let verdict = match answer {
            Ok(answer) => match Verdict::of(answer) {
                verdict if verdict.is_nobody() => refusal::nobody(profile),
                verdict => verdict,
            },
            Err(refused) => match refusal::verdict(&refused, profile) {
                Ok(verdict) => verdict,
                Err(fault) => return Reply::Fault(fault),
            },
        };
        Echo::answered(request, |echo| answer_write::write(&verdict, echo, addressing))
    }

    fn write_request(
        request: &PatientDiscovery,
        addressing: &Addressing,
        _: &PeerProfile,
    ) -> (Payload, Sent) {
        (Payload { xml: query::write(request, addressing), attachments: Vec::new() }, sent(addressing))
    }

    fn read_answer(received: Received, sent: &Sent, profile: &PeerProfile) -> Outcome<PatientMatch> {
        judge(answer_of(received, sent, RESPONSE_ROOT)?, sent, profile)
    }
}

const DAY: Duration = Duration::from_secs(86_400);
/// What has to be remembered of a request to read its answer.
pub(super) fn sent(addressing: &Addressing) -> Sent {
    Sent {
        message: addressing.message.clone(),
        query: addressing.query.clone(),
        home: addressing.receiver.clone(),
        patient: None,
        documents: Vec::new(),
    }
}

/// The answer that a message holds, as it stands.
pub(super) fn answer_of(received: Received, sent: &Sent, root: &'static str) -> Result<Read, Failure> {
    let unreadable = |malformed: Malformed| Failure::Unreadable(malformed.to_string());
    let envelope = received.envelope;
    if let Some(fault) = Fault::read(&envelope).map_err(unreadable)? {
        return Err(fault.failure());
    }
    if !envelope.is_bare() {
        check_relates_to(&envelope.header, &sent.message)?;
    }
    let body = envelope.body_tree().map_err(unreadable)?;
    Read::of(&body, root).ok_or_else(|| Failure::Unreadable(format!("the body is no {root}")))
}

impl Transaction for CrossGatewayPatientIdLookup {
    type Request = PatientIdLookup;
    const NAME: &'static str = "ITI-55";
    const REQUEST_ACTION: &'static str = REQUEST_ACTION;
    const RESPONSE_ACTION: &'static str = RESPONSE_ACTION;
    const PACKAGING: Packaging = Packaging::Simple;

    fn read_request(message: &Envelope, profile: &PeerProfile) -> Result<PatientIdLookup, Refusal> {
        let PatientDiscovery { demographics, ids } = query::read(message, profile)?;
        let why = "livingSubjectId is missing";
        let known = ids.into_iter().next().ok_or_else(|| Malformed::new("missing-parameter", "", why))?;
        let demographics = Some(demographics).filter(|known| !known.reveal().is_empty());
        Ok(PatientIdLookup { known, demographics, authorities: Vec::new() })
    }

    fn write_answer(
        request: &Envelope,
        addressing: &Addressing,
        profile: &PeerProfile,
        answer: Result<Answer<FoundPatient>, Refusal>,
    ) -> Reply {
        let answer = answer.map(|answer| answer.map(PatientMatch::Found));
        CrossGatewayPatientDiscovery::write_answer(request, addressing, profile, answer)
    }

    fn write_request(
        request: &PatientIdLookup,
        addressing: &Addressing,
        profile: &PeerProfile,
    ) -> (Payload, Sent) {
        let discovery = match &request.demographics {
            Some(known) if profile.send_network_id => {
                PatientDiscovery { demographics: known.clone(), ids: vec![request.known.clone()] }
            }
            Some(known) => PatientDiscovery { demographics: known.clone(), ids: Vec::new() },
            None => PatientDiscovery { demographics: Default::default(), ids: vec![request.known.clone()] },
        };
        CrossGatewayPatientDiscovery::write_request(&discovery, addressing, profile)
    }

    fn read_answer(received: Received, sent: &Sent, profile: &PeerProfile) -> Outcome<FoundPatient> {
        let told = received.envelope.header.correlation_time_to_live;
        let by_file = (profile.correlation_days > 0).then(|| DAY * profile.correlation_days);
        let answer = CrossGatewayPatientDiscovery::read_answer(received, sent, profile)?;
        let found = |found| match found {
            PatientMatch::Found(found) => Some(found),
            PatientMatch::Graded(_) | PatientMatch::MoreAttributes { .. } => None,
        };
        Ok(Answer {
            keep_for: told.or(by_file).filter(|keep_for| !keep_for.is_zero()),
            ..answer.filter_map(found)
        })
    }
}
