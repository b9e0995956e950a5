//! AdhocQueryResponse (ITI-18, ITI-38; wire.md 12, 14.3), read with the pull reader, one small tree
//! for each object; what the gateway may not say is dropped and reported.

use std::sync::Arc;

use super::association;
use super::entry::{self, Object, Scope};
use super::package::{self, Beside};
use super::plain_response;
use super::registry_response::{
    RegistryError, Status, is_deferred, is_error_list, read_errors, word_warnings,
};
use super::vocabulary::{QUERY, RIM, RS};
use crate::dialect::Sent;
use crate::dialect::soap::{Envelope, Fault, check_relates_to};
use crate::model::{
    Answer, Failure, Malformed, ObjectId, Outcome, PatientId, PeerProfile, Phi, RegistryObject, Reported,
    Warning,
};
use crate::xml::{Element, Reader, Tree};

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
    /// What was put up with.
    pub warnings: Vec<Warning>,
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
    let warnings = word_warnings(root.attribute("status"), &[]);
    let mut head = Head { status, errors: Vec::new(), is_deferred: false, warnings };
    let mut count = 0;
    let mut has_list = false;
    while let Some(child) = reader.child()? {
        if is_error_list(&child.ns, &child.local) {
            let list = Tree::read(&mut reader, child)?;
            head.warnings.extend(word_warnings(None, &[&list]));
            head.errors.extend(read_errors(&list));
        } else if child.is(RS, "ResponseSlotList") {
            head.is_deferred |= is_deferred(&Tree::read(&mut reader, child)?);
        } else if child.is(RIM, "RegistryObjectList") {
            has_list = true;
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
    if !has_list {
        head.warnings.push(Warning::new("object-list-missing", "the answer has no RegistryObjectList"));
    }
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
    if let Ok((head, found)) = plain_response::read(message, sent) {
        let mut answer = conclude(head, sent, "XDSRegistryError", found.is_empty())?;
        if answer.answered > 0 {
            answer.found = found;
        }
        return Ok(answer);
    }
    read_tolerantly(message, sent, profile)
}

// With all that may be put up with or must be reported.
pub(super) fn read_tolerantly(
    message: &Envelope,
    sent: &Sent,
    profile: &PeerProfile,
) -> Outcome<RegistryObject> {
    let unreadable = |malformed: Malformed| Failure::Unreadable(malformed.to_string());
    // What stands beside a package may stand behind it.
    let (mut beside, mut has_packages) = (Beside::default(), false);
    scan(message, |object| {
        match object.tree.name() {
            "Classification" => beside.take(object.tree),
            "RegistryPackage" => has_packages = true,
            _ => {}
        }
        Ok(())
    })
    .map_err(unreadable)?;
    if !has_packages {
        beside = Beside::default();
    }
    let mut taken = Taken::default();
    let head = scan(message, |object| {
        taken.take(object, (sent, profile), &beside);
        Ok(())
    })
    .map_err(unreadable)?;
    let is_failure = head.status == Status::Failure;
    let mut answer = conclude(head, sent, "XDSRegistryError", taken.found.is_empty())?;
    answer.set_aside = taken.set_aside;
    if is_failure {
        // Whatever failed: what stands beside it was not meant to be given.
        answer.set_aside += taken.found.len();
    } else if answer.answered > 0 {
        (answer.found, answer.references) = (taken.found, taken.references);
        answer.reported.extend(taken.dropped.into_iter().map(|error| reported(error, sent)));
    }
    Ok(answer)
}

#[derive(Default)]
struct Taken {
    found: Vec<RegistryObject>,
    references: Vec<ObjectId>,
    dropped: Vec<RegistryError>,
    set_aside: usize,
}

impl Taken {
    fn take(&mut self, object: Object<'_>, (sent, profile): (&Sent, &PeerProfile), beside: &Beside) {
        if is_reference(&object) && object.home_of(&sent.home, profile).is_ok() {
            let id = object.tree.attribute("id").map(|id| ObjectId(Phi::new(id.to_owned())));
            self.references.extend(id);
            return;
        }
        match take(object, sent, profile, beside) {
            Ok(Some(taken)) => self.found.push(taken),
            Ok(None) => {}
            Err(error) => {
                self.set_aside += 1;
                if !self.dropped.contains(&error) {
                    self.dropped.push(error);
                }
            }
        }
    }
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
    let all = errors.len();
    errors.retain(|error| error.code != "XDSUnknownPatientId");
    let is_patient_unknown = errors.len() < all;
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
    let answered = usize::from(!is_failure);
    Ok(Answer { reported, answered, is_patient_unknown, ..Answer::default() })
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

fn is_reference(object: &Object<'_>) -> bool {
    &*object.tree.element.ns == RIM && object.tree.name() == "ObjectRef"
}

fn take(
    object: Object<'_>,
    sent: &Sent,
    profile: &PeerProfile,
    beside: &Beside,
) -> Result<Option<RegistryObject>, RegistryError> {
    let tree = object.tree;
    if &*tree.element.ns != RIM {
        return Ok(None);
    }
    let asked = |patient: &PatientId, what: &str| match &sent.patient {
        Some(asked) if asked != patient => {
            let why = format!("{what} of another patient than the one asked for");
            Err(RegistryError::new("XDSRegistryError", why, sent.home.to_string()))
        }
        _ => Ok(()),
    };
    match tree.name() {
        "ExtrinsicObject" => {
            let entry = entry::read(object, &sent.home, profile)?;
            asked(&entry.patient, "an entry")?;
            Ok(Some(RegistryObject::Entry(entry)))
        }
        "RegistryPackage" => {
            let Some(package) = package::read(object, &sent.home, profile, beside)? else { return Ok(None) };
            asked(&package.patient, "a package")?;
            Ok(Some(RegistryObject::Package(package)))
        }
        "Association" => Ok(Some(RegistryObject::Association(association::read(object, &sent.home)?))),
        // Whole objects were asked for: a mere reference, or a classification outside its object, says
        // nothing that could be judged.
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests;
