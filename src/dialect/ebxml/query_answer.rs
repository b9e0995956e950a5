//! AdhocQueryResponse (ITI-18, ITI-38; wire.md 12, 14.2, 14.4), written: every object and error
//! carries its home, the status follows from what was found, missed and reported.

use std::collections::BTreeSet;

use super::extrinsic_object::Addressed;
use super::refusal::{Actor, Said, outage_text, say};
use super::registry_response::{RegistryError, Status, write_errors};
use super::stored_query::StoredQuery;
use super::vocabulary::{QUERY, RIM, RS};
use super::{association, package, query_request};
use crate::dialect::soap::Envelope;
use crate::dialect::{Addressing, Listing, Payload, Reply};
use crate::model::{
    Answer, DocumentEntry, Encoded, Failure, Malformed, PatientId, PeerProfile, Refusal, RegistryObject,
    ReturnType,
};
use crate::xml::{Tree, Writer};

/// The answer to a query, or the fault.
pub fn reply(
    request: &Envelope,
    addressing: &Addressing,
    profile: &PeerProfile,
    answer: Result<Answer<RegistryObject>, Refusal>,
) -> Reply {
    let tree = request.body_tree().ok();
    let tree = tree.as_deref();
    let writing = Writing {
        request_id: tree.as_ref().and_then(|tree| tree.attribute("id")),
        returns: tree.map_or(ReturnType::LeafClass, query_request::returns_of),
        addressing,
    };
    let refusal = match answer {
        Ok(answer) if is_about_nobody(tree, &answer) => Refusal::Withheld,
        Ok(answer) => return writing.reply(answer),
        Err(refusal) => refusal,
    };
    let said = say(&refusal, Actor::Registry, profile);
    Reply::Payload(match said {
        Said::Error { code, context } => writing.failure(code, &context),
        Said::Fault(fault) => return Reply::Fault(fault),
        Said::Nothing => writing.answer(&Answer::default()),
    })
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
    /// Writes an answer; a long list of entries is written while it leaves.
    fn reply(&self, answer: Answer<RegistryObject>) -> Reply {
        let is_long = answer.found.iter().map(room).sum::<usize>() > LONG_BYTES;
        let is_sure = self.returns == ReturnType::LeafClass && answer.found.iter().all(is_sure);
        if !(is_long && is_sure) || patients(&answer.found).len() > 1 {
            return Reply::Payload(self.answer(&answer));
        }
        let errors = self.errors(&answer);
        let (before, after) = self.begin(status(&errors, &answer, false), &errors).split();
        let mut entries = answer.found.into_iter().filter_map(|found| match found {
            RegistryObject::Entry(entry) => Some(entry),
            RegistryObject::Association(_) | RegistryObject::Package(_) => None,
        });
        let mut addressed: Option<Addressed> = None;
        let next = move |out: &mut String| {
            let entry = entries.next()?;
            Some(addressed.get_or_insert_with(|| Addressed::of(&entry)).encode_into(out, &entry))
        };
        Reply::Listing(Listing { before, next: Box::new(next), after })
    }

    /// Writes an answer; the status follows from what was found, missed and reported
    /// (wire.md 14.4, decisions E2).
    pub fn answer(&self, answer: &Answer<RegistryObject>) -> Payload {
        let mut errors = self.errors(answer);
        if self.returns == ReturnType::LeafClass && patients(&answer.found).len() > 1 {
            let why = "the results are of more than one patient";
            return self.failure("XDSResultNotSinglePatient", why);
        }
        if self.returns == ReturnType::LeafClass
            && answer.found.iter().all(is_sure)
            && let Some(xml) = self.sure(answer, &errors)
        {
            return Payload { xml, attachments: Vec::new() };
        }
        // A list may be as large as a message may be: each object goes where it stays.
        let mut objects = String::with_capacity(answer.found.iter().map(room).sum::<usize>() + ROOM_BYTES);
        for found in &answer.found {
            match self.object(&mut objects, found) {
                Ok(()) => {}
                Err(_) => {
                    let why = "an object of this community could not be passed on";
                    let error = RegistryError::new("XDSRegistryError", why, found.community().to_string());
                    if !errors.contains(&error) {
                        errors.push(error);
                    }
                }
            }
        }
        self.write(status(&errors, answer, objects.is_empty()), &errors, objects)
    }

    // Entries that can be written for certain: each goes where it stays, nothing is moved afterwards.
    fn sure(&self, answer: &Answer<RegistryObject>, errors: &[RegistryError]) -> Option<String> {
        let status = status(errors, answer, answer.found.is_empty());
        if answer.found.is_empty() {
            return None;
        }
        let (mut xml, after) = self.begin(status, errors).split();
        xml.reserve(answer.found.iter().map(room).sum::<usize>() + ROOM_BYTES);
        let mut addressed: Option<Addressed> = None;
        for entry in answer.found.iter().filter_map(RegistryObject::entry) {
            let addressed = addressed.get_or_insert_with(|| Addressed::of(entry));
            addressed.encode_into(&mut xml, entry).ok()?;
        }
        xml.push_str(&after);
        Some(xml)
    }

    /// Writes a failure with one error.
    pub fn failure(&self, code: &str, context: &str) -> Payload {
        let error = RegistryError::new(code, context, self.addressing.community.to_string());
        self.write(Status::Failure, &[error], String::new())
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
            RegistryError::new(code, outage_text(outage), outage.community.to_string())
        });
        reported.chain(outages).collect()
    }

    fn object(&self, out: &mut String, found: &RegistryObject) -> Result<(), Malformed> {
        if self.returns == ReturnType::ObjectRef {
            let mut w = Writer::new();
            w.start("rim:ObjectRef")
                .attribute("id", found.object().0.reveal().trim())
                .attribute("home", &found.community().to_string());
            out.push_str(&w.finish());
            return Ok(());
        }
        match found {
            RegistryObject::Association(association) => out.push_str(&association::encode(association)?),
            RegistryObject::Entry(entry) => Addressed::of(entry).encode_into(out, entry)?,
            RegistryObject::Package(package) => out.push_str(&package::encode(package)?),
        }
        Ok(())
    }

    fn write(&self, status: Status, errors: &[RegistryError], objects: String) -> Payload {
        let w = self.begin(status, errors);
        let xml = if objects.is_empty() { w.finish() } else { w.around(objects) };
        Payload { xml, attachments: Vec::new() }
    }

    // As far as the list.
    fn begin(&self, status: Status, errors: &[RegistryError]) -> Writer {
        let mut w = Writer::new();
        w.start("query:AdhocQueryResponse")
            .attribute("xmlns:query", QUERY)
            .attribute("xmlns:rim", RIM)
            .attribute("xmlns:rs", RS)
            .attribute("status", status.urn())
            .attribute_if("requestId", self.request_id);
        write_errors(&mut w, errors);
        w.start("rim:RegistryObjectList");
        w
    }
}

fn status(errors: &[RegistryError], answer: &Answer<RegistryObject>, is_empty: bool) -> Status {
    match errors.iter().any(RegistryError::is_error) {
        false => Status::Success,
        true if is_empty && answer.answered == 0 => Status::Failure,
        true => Status::PartialSuccess,
    }
}

// Whether it can be written for certain: of our own making, or read whole when it came.
fn is_sure(found: &RegistryObject) -> bool {
    match found {
        RegistryObject::Entry(DocumentEntry { encoded: Encoded::Ebxml(wire), .. }) => wire.places.is_some(),
        RegistryObject::Entry(DocumentEntry { encoded: Encoded::Metadata(_), .. }) => true,
        RegistryObject::Association(_) | RegistryObject::Package(_) => false,
    }
}

/// A list of more bytes is written while it leaves: what is sent piece by piece is still in the processor's
/// cache when it is encrypted, and stands in memory once less.
const LONG_BYTES: usize = 128 << 10;

/// For what stands around the objects, the envelope included.
const ROOM_BYTES: usize = 4 << 10;
/// For what an object as it came is given in addition: declarations, another patient id.
const CHANGED_BYTES: usize = 1 << 10;
/// For an object of our own making.
const BUILT_BYTES: usize = 6 << 10;

fn room(found: &RegistryObject) -> usize {
    found.wire().map_or(BUILT_BYTES, |wire| wire.text.reveal().as_str().len() + CHANGED_BYTES)
}

// A query by patient for which nobody was asked: unknown, unconsented and withheld alike, for no
// target could tell this requester anything of that patient (decisions A2, E2). An empty list of a
// patient who may be known is none of these, whatever documents were withheld from it.
fn is_about_nobody(request: Option<&Tree>, answer: &Answer<RegistryObject>) -> bool {
    let query = request.and_then(|tree| tree.first(RIM, "AdhocQuery")).and_then(|q| q.attribute("id"));
    let is_empty = answer.found.is_empty() && answer.reported.is_empty() && answer.unavailable.is_empty();
    is_empty
        && answer.answered == 0
        && query.and_then(StoredQuery::by_id).is_some_and(|stored| stored.patient().is_some())
}

fn patients(found: &[RegistryObject]) -> BTreeSet<&PatientId> {
    found.iter().filter_map(RegistryObject::patient).collect()
}
