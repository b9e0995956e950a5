//! AdhocQueryResponse (ITI-18, ITI-38; wire.md 12, 14): read with the pull reader, one small tree
//! for each object; written with every object and error carrying its home.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::entry::{self, Object, Scope};
use super::extrinsic_object;
use super::registry_response::{
    RegistryError, Status, is_deferred, is_error_list, read_errors, write_errors,
};
use super::splice::{self, Changes};
use super::vocabulary::{QUERY, RIM, RS};
use crate::dialect::soap::{Envelope, Fault, check_relates_to};
use crate::dialect::{Addressing, Payload, Sent};
use crate::model::{
    Answer, Failure, Malformed, ObjectId, Outcome, PatientId, PeerProfile, Phi, RegistryObject, Reported,
    ReturnType,
};
use crate::xml::{Element, Reader, Tree, Writer};

/// Objects read of one answer at most; more is an unreadable answer.
pub const OBJECTS_MAX: usize = 10_000;

/// An answer without its objects.
#[derive(Debug)]
pub struct Head {
    /// Its status.
    pub status: Status,
    /// Its errors and warnings.
    pub errors: Vec<RegistryError>,
    /// Whether it says that more will come later.
    pub is_deferred: bool,
}

/// Reads an answer, giving each object away as it comes.
///
/// # Errors
/// `malformed-xml` and the like; `unexpected-element` when it is no AdhocQueryResponse;
/// `XDSRegistryError` without a known status; `too-many-objects`.
pub fn scan(
    message: &Envelope,
    mut object: impl FnMut(Object<'_>) -> Result<(), Malformed>,
) -> Result<Head, Malformed> {
    let (mut reader, root) = message.body()?;
    if !root.is(QUERY, "AdhocQueryResponse") {
        let why = format!("the body holds `{}`, not AdhocQueryResponse", root.local);
        return Err(reader.malformed_at(root.at, "unexpected-element", why));
    }
    let Some(status) = Status::read(root.attribute("status")) else {
        return Err(reader.malformed_at(root.at, "XDSRegistryError", "the answer has no known status"));
    };
    let mut head = Head { status, errors: Vec::new(), is_deferred: false };
    let mut count = 0;
    while let Some(child) = reader.child()? {
        if is_error_list(&child.ns, &child.local) {
            head.errors.extend(read_errors(&Tree::read(&mut reader, child)?));
        } else if child.is(RS, "ResponseSlotList") {
            head.is_deferred |= is_deferred(&Tree::read(&mut reader, child)?);
        } else if child.is(RIM, "RegistryObjectList") {
            let scope: Scope = Arc::from(reader.namespaces());
            while let Some(element) = reader.child()? {
                count += 1;
                if count > OBJECTS_MAX {
                    let why = format!("more than {OBJECTS_MAX} objects");
                    return Err(reader.malformed_at(element.at, "too-many-objects", why));
                }
                one(&mut reader, element, &scope, &mut object)?;
            }
        } else {
            reader.skip()?;
        }
    }
    reader.finish()?;
    Ok(head)
}

fn one(
    reader: &mut Reader<'_>,
    element: Element,
    scope: &Scope,
    object: &mut impl FnMut(Object<'_>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let source = reader.source();
    let tree = Tree::read(reader, element)?;
    let slice = source.get(tree.range.clone()).unwrap_or_default();
    object(Object { tree: &tree, slice, scope })
}

/// Reads the answer to a query of ours: what the gateway may not say is dropped and reported.
///
/// # Errors
/// `Unreadable`; `Rejected` or `Unreachable` for a fault; `Busy`.
pub fn read(message: &Envelope, sent: &Sent, profile: &PeerProfile) -> Outcome<RegistryObject> {
    unreadable_or_fault(message, sent)?;
    let mut found = Vec::new();
    let mut dropped: Vec<RegistryError> = Vec::new();
    let head = scan(message, |object| {
        match take(object, sent, profile) {
            Ok(Some(taken)) => found.push(taken),
            Ok(None) => {}
            Err(error) if dropped.contains(&error) => {}
            Err(error) => dropped.push(error),
        }
        Ok(())
    })
    .map_err(|malformed| Failure::Unreadable(malformed.to_string()))?;
    let mut answer = conclude(head, sent, "XDSRegistryError", found.is_empty())?;
    if answer.answered > 0 {
        answer.found = found;
        answer.reported.extend(dropped.into_iter().map(|error| reported(error, sent)));
    }
    Ok(answer)
}

/// What stands before any answer: that it answers our message and is no fault.
///
/// # Errors
/// `Unreadable`; `Rejected` or `Unreachable` for a fault (wire.md 22.2).
pub fn unreadable_or_fault(message: &Envelope, sent: &Sent) -> Result<(), Failure> {
    check_relates_to(&message.header, &sent.message)?;
    match Fault::read(message) {
        Ok(None) => Ok(()),
        Ok(Some(fault)) => Err(fault.failure()),
        Err(malformed) => Err(Failure::Unreadable(malformed.to_string())),
    }
}

/// The part of an answer that queries and retrieves share: contradictions are resolved, unknown
/// patients are no error, a failure leaves `answered` at 0 so that its errors decide the status.
///
/// # Errors
/// `Busy`.
pub fn conclude<T>(head: Head, sent: &Sent, general: &str, is_empty: bool) -> Result<Answer<T>, Failure> {
    let mut errors = head.errors;
    let is_error_given = errors.iter().any(RegistryError::is_error);
    if errors.iter().any(|e| matches!(e.code.as_str(), "XDSRegistryBusy" | "XDSRepositoryBusy"))
        && head.status == Status::Failure
    {
        return Err(Failure::Busy);
    }
    errors.retain(|error| error.code != "XDSUnknownPatientId");
    let is_unknown_patient_only = is_error_given && !errors.iter().any(RegistryError::is_error);
    let is_failure = match head.status {
        Status::Failure => !is_unknown_patient_only,
        Status::PartialSuccess => false,
        Status::Success => is_empty && errors.iter().any(RegistryError::is_error),
    };
    if head.status == Status::Failure && !is_error_given {
        let why = "the gateway failed and gave no reason";
        errors.push(RegistryError::new(general, why, sent.home.to_string()));
    }
    if head.is_deferred {
        let why = "the gateway defers a part of the answer, which is not supported";
        errors.push(RegistryError::new(general, why, sent.home.to_string()));
    }
    let reported = errors.into_iter().map(|error| reported(error, sent)).collect();
    Ok(Answer { reported, answered: usize::from(!is_failure), ..Answer::default() })
}

/// An error of the gateway, speaking for its own home whatever its location said.
pub fn reported(error: RegistryError, sent: &Sent) -> Reported {
    Reported {
        code: error.code,
        context: error.context,
        severity: error.severity,
        community: Some(sent.home.clone()),
        document: None,
    }
}

fn take(
    object: Object<'_>,
    sent: &Sent,
    profile: &PeerProfile,
) -> Result<Option<RegistryObject>, RegistryError> {
    let tree = object.tree;
    if &*tree.element.ns != RIM {
        return Ok(None);
    }
    if tree.name() == "ExtrinsicObject" {
        let entry = entry::read(object, &sent.home, profile)?;
        if sent.patient.as_ref().is_some_and(|asked| *asked != entry.patient) {
            let why = "an entry of another patient than the one asked for";
            return Err(RegistryError::new("XDSRegistryError", why, sent.home.to_string()));
        }
        return Ok(Some(RegistryObject::Entry(entry)));
    }
    if !matches!(tree.name(), "Association" | "Classification" | "ObjectRef" | "RegistryPackage") {
        return Ok(None);
    }
    // Associations and classifications may do without a home (wire.md 14.2).
    if matches!(tree.name(), "ObjectRef" | "RegistryPackage") {
        object.home_of(&sent.home, profile)?;
    }
    Ok(Some(RegistryObject::Other {
        object: ObjectId(Phi::new(tree.attribute("id").unwrap_or_default().trim().to_owned())),
        element: format!("rim:{}", tree.name()),
        encoded: object.wire(),
    }))
}

/// What an answer is written from.
pub struct Writing<'a> {
    /// AdhocQueryRequest/@id, to echo.
    pub request_id: Option<&'a str>,
    /// What was asked to be returned.
    pub returns: ReturnType,
    /// Ours.
    pub addressing: &'a Addressing,
}

impl Writing<'_> {
    /// Writes an answer; the status follows from what was found, missed and reported
    /// (wire.md 14.4, decisions E2).
    pub fn answer(&self, answer: &Answer<RegistryObject>) -> Payload {
        let mut errors = self.errors(answer);
        if self.returns == ReturnType::LeafClass && patients(&answer.found).len() > 1 {
            let why = "the results are of more than one patient";
            return self.failure("XDSResultNotSinglePatient", why);
        }
        let mut objects = Vec::new();
        for found in &answer.found {
            match self.object(found) {
                Ok(markup) => objects.push(markup),
                Err(_) => {
                    let community = match found {
                        RegistryObject::Entry(entry) => &entry.id.community,
                        RegistryObject::Other { .. } => &self.addressing.community,
                    };
                    let why = "an object of this community could not be passed on";
                    let error = RegistryError::new("XDSRegistryError", why, community.to_string());
                    if !errors.contains(&error) {
                        errors.push(error);
                    }
                }
            }
        }
        let status = match errors.iter().any(RegistryError::is_error) {
            false => Status::Success,
            true if objects.is_empty() && answer.answered == 0 => Status::Failure,
            true => Status::PartialSuccess,
        };
        self.write(status, &errors, &objects)
    }

    /// Writes a failure with one error.
    pub fn failure(&self, code: &str, context: &str) -> Payload {
        let error = RegistryError::new(code, context, self.addressing.community.to_string());
        self.write(Status::Failure, &[error], &[])
    }

    fn errors(&self, answer: &Answer<RegistryObject>) -> Vec<RegistryError> {
        let ours = &self.addressing.community;
        let reported = answer.reported.iter().map(|reported| RegistryError {
            code: reported.code.clone(),
            context: reported.context.clone(),
            severity: reported.severity,
            location: reported.community.as_ref().unwrap_or(ours).to_string(),
        });
        let outages = answer.unavailable.iter().map(|outage| {
            // Another community is a peer, and then we answer our own side (decisions A7).
            let code = match (&outage.community == ours, &outage.failure) {
                (false, _) => "XDSUnavailableCommunity",
                (true, Failure::Busy) => "XDSRegistryBusy",
                (true, _) => "XDSRegistryError",
            };
            RegistryError::new(code, super::refusal::outage_text(outage), outage.community.to_string())
        });
        reported.chain(outages).collect()
    }

    fn object(&self, found: &RegistryObject) -> Result<String, Malformed> {
        let reference = |id: &ObjectId, home: &str| {
            let mut w = Writer::new();
            w.start("rim:ObjectRef").attribute("id", id.0.reveal().trim()).attribute("home", home);
            w.finish()
        };
        match (found, self.returns) {
            (RegistryObject::Entry(entry), ReturnType::LeafClass) => extrinsic_object::encode(entry),
            (RegistryObject::Entry(entry), ReturnType::ObjectRef) => {
                Ok(reference(&entry.object, &entry.id.community.to_string()))
            }
            (RegistryObject::Other { encoded, .. }, _) => {
                let ours = self.addressing.community.to_string();
                let given = std::str::from_utf8(encoded.bytes.reveal()).unwrap_or_default();
                let has_home = splice::parse(given, &encoded.namespaces)?
                    .0
                    .attribute("home")
                    .is_some_and(|home| !home.trim().is_empty());
                let home = [("home", ours.as_str())];
                let attributes: &[_] = if has_home { &[] } else { &home };
                splice::splice(encoded, Changes { attributes, patient: None })
            }
        }
    }

    fn write(&self, status: Status, errors: &[RegistryError], objects: &[String]) -> Payload {
        let mut w = Writer::new();
        w.start("query:AdhocQueryResponse")
            .attribute("xmlns:query", QUERY)
            .attribute("xmlns:rim", RIM)
            .attribute("xmlns:rs", RS)
            .attribute("status", status.urn())
            .attribute_if("requestId", self.request_id);
        write_errors(&mut w, errors);
        w.start("rim:RegistryObjectList");
        for object in objects {
            w.raw(object);
        }
        Payload { xml: w.finish(), attachments: Vec::new() }
    }
}

fn patients(found: &[RegistryObject]) -> BTreeSet<&PatientId> {
    let entries = found.iter().filter_map(|object| match object {
        RegistryObject::Entry(entry) => Some(&entry.patient),
        RegistryObject::Other { .. } => None,
    });
    entries.collect()
}

#[cfg(test)]
mod tests;
