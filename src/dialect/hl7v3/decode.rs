//! What stands in an ITI-55 message before anything is dropped, for `kakehashi decode` (cli.md).
//! Trust, known patients and known homes do not matter here.

use super::answer_read::Read;
use super::deviations::deviations;
use super::{ACKNOWLEDGEMENT_ROOT, NS, REQUEST_ROOT, RESPONSE_ROOT, query};
use crate::dialect::soap::Envelope;
use crate::model::{Malformed, PatientDiscovery, PatientMatch, PeerProfile, Phi, Refusal, Severity, Warning};

/// A message as it stands.
#[derive(Debug)]
pub struct Decoded {
    /// What it is in the model.
    pub carried: Carried,
    /// queryResponseCode, else the acknowledgement's type code; None for a request.
    pub status: Option<String>,
    /// registrationEvents with a patient, usable or not; None for a request.
    pub patients: Option<usize>,
    /// Codes the message carries: code, severity, text.
    pub errors: Vec<(String, Severity, Phi<String>)>,
    /// Deviations put up with.
    pub warnings: Vec<Warning>,
    /// Why the message itself is at fault.
    pub refusal: Option<Malformed>,
}

/// The model of a message.
// One a message, never in a list.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub enum Carried {
    /// A request; None when refused.
    Request(Option<Box<PatientDiscovery>>),
    /// What a response finds.
    Response(Vec<PatientMatch>),
}

/// Decodes a message of PRPA_IN201305UV02, PRPA_IN201306UV02 or MCCI_IN000002UV01. None when the
/// body's root is another; all per-peer switches are off.
pub fn decode(envelope: &Envelope) -> Option<Decoded> {
    let (_, root) = envelope.body().ok()?;
    let is_request = root.is(NS, REQUEST_ROOT);
    if !is_request && !root.is(NS, RESPONSE_ROOT) && !root.is(NS, ACKNOWLEDGEMENT_ROOT) {
        return None;
    }
    let nothing = if is_request { Carried::Request(None) } else { Carried::Response(Vec::new()) };
    let mut decoded = Decoded {
        carried: nothing,
        status: None,
        patients: (!is_request).then_some(0),
        errors: Vec::new(),
        warnings: envelope.warnings.clone(),
        refusal: None,
    };
    let body = match envelope.body_tree() {
        Ok(body) => body,
        Err(malformed) => {
            decoded.refusal = Some(malformed);
            return Some(decoded);
        }
    };
    decoded.warnings.extend(deviations(&body));
    if is_request {
        match query::read(envelope, &PeerProfile::default()) {
            Ok(request) => decoded.carried = Carried::Request(Some(Box::new(request))),
            Err(Refusal::Malformed(malformed)) => decoded.refusal = Some(malformed),
            // The deferred mode is a message without fault that we do not offer.
            Err(other) => decoded.warnings.push(Warning::new("not-offered", other.to_string())),
        }
        return Some(decoded);
    }
    decoded.response(Read::of(&body, RESPONSE_ROOT)?);
    Some(decoded)
}

impl Decoded {
    fn response(&mut self, read: Read) {
        self.status = read.response.clone().or_else(|| read.acknowledged.clone());
        if self.status.is_none() {
            let why = "neither queryResponseCode nor acknowledgement is there";
            self.refusal = Some(Malformed::new("missing-element", "", why));
        }
        self.patients = Some(read.subjects.len());
        self.errors = read
            .details
            .iter()
            .map(|(severity, code, text)| (code.clone(), *severity, text.clone()))
            .collect();
        let mitigations = read.mitigations.iter().map(|code| (code.clone(), Severity::Error, Phi::default()));
        self.errors.extend(mitigations);
        if read.response.as_deref() == Some("QE") {
            self.errors.push(("QE".into(), Severity::Error, Phi::default()));
        }
        let mut found = Vec::new();
        for subject in &read.subjects {
            match subject.patient(&PeerProfile::default(), None) {
                Ok(patient) => found.push(PatientMatch::Found(patient)),
                Err("root-not-oid") => {
                    let text = "a person under a root that is no OID cannot be asked for and is dropped";
                    self.warnings.push(Warning::new("root-not-oid", text));
                }
                Err(code) => {
                    let why = match code {
                        "several-patient-ids" => "several patient/id (switch `accept_several_patient_ids`)",
                        "custodian-missing" => "a person without custodian (switch `fill_missing_home`)",
                        _ => "a person without patient/id",
                    };
                    self.refusal = Some(Malformed::new(code, "", why));
                }
            }
        }
        if read.subjects.is_empty() && !read.wanted.is_empty() {
            found.push(PatientMatch::MoreAttributes { about: None, wanted: read.wanted });
        }
        self.carried = Carried::Response(found);
    }
}
