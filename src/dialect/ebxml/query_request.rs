//! AdhocQueryRequest (ITI-18, ITI-38; wire.md 12, 13): FindDocuments and GetDocuments to the model
//! and back.

use super::checked_query::{CheckedQuery, HomeRule, check};
use super::entry_view::dtm;
use super::parameter::{self, Item};
use super::stored_query::{self as sq, FIND_DOCUMENTS, GET_DOCUMENTS};
use super::vocabulary::{QUERY, RIM, availability_asked, availability_urn};
use crate::dialect::soap::Envelope;
use crate::dialect::{Addressing, Payload, Sent};
use crate::model::{
    Code, CommunityId, Criteria, DocumentQuery, ObjectId, Oid, PatientId, PeerProfile, Phi, QueryKey,
    Refusal, ReturnType,
};
use crate::xml::{Tree, Writer};

/// Reads a request.
///
/// # Errors
/// As [`check`]; `Unsupported` for queries other than FindDocuments and GetDocuments,
/// `UnknownCommunity` when the home is no OID.
pub fn read(message: &Envelope, profile: &PeerProfile, rule: HomeRule) -> Result<DocumentQuery, Refusal> {
    check(message, profile, rule)?.into_document_query()
}

/// The returnType of a request, for its answer; LeafClass when it cannot be told.
pub fn returns_of(tree: &Tree) -> ReturnType {
    let wanted = tree.first(QUERY, "ResponseOption").and_then(|option| option.attribute("returnType"));
    if wanted.map(str::trim) == Some("ObjectRef") { ReturnType::ObjectRef } else { ReturnType::LeafClass }
}

/// Writes a request.
pub fn write(
    query: &DocumentQuery,
    addressing: &Addressing,
    profile: &PeerProfile,
    rule: HomeRule,
) -> (Payload, Sent) {
    let (stored, patient) = match &query.by {
        QueryKey::Patient(id) => (&FIND_DOCUMENTS, Some(id.clone())),
        QueryKey::Objects(_) | QueryKey::UniqueIds(_) => (&GET_DOCUMENTS, None),
    };
    let is_home_written = match rule {
        HomeRule::Required => stored.needs_home || profile.send_home_on_patient_query,
        HomeRule::Optional => query.home.is_some(),
    };
    let home = query.home.as_ref().unwrap_or(&addressing.receiver).to_string();
    let mut w = Writer::new();
    w.start("query:AdhocQueryRequest").attribute("xmlns:query", QUERY).attribute("xmlns:rim", RIM);
    let returns = match query.returns {
        ReturnType::LeafClass => "LeafClass",
        ReturnType::ObjectRef => "ObjectRef",
    };
    w.start("query:ResponseOption")
        .attribute("returnComposedObjects", "true")
        .attribute("returnType", returns)
        .end();
    w.start("rim:AdhocQuery")
        .attribute("id", &stored.urn())
        .attribute_if("home", is_home_written.then_some(home.as_str()));
    for (name, values) in slots_of(query) {
        w.start("rim:Slot").attribute("name", &name).start("rim:ValueList");
        for value in values {
            w.leaf("rim:Value", value.reveal());
        }
        w.end().end();
    }
    let sent = Sent {
        message: addressing.message.clone(),
        query: addressing.query.clone(),
        home: addressing.receiver.clone(),
        patient,
        documents: Vec::new(),
    };
    (Payload { xml: w.finish(), attachments: Vec::new() }, sent)
}

fn slots_of(query: &DocumentQuery) -> Vec<(String, Vec<Phi<String>>)> {
    let mut slots: Vec<(String, Vec<Phi<String>>)> = Vec::new();
    let mut put = |name: &str, values: Vec<String>| {
        if !values.is_empty() {
            slots.push((name.to_owned(), values.into_iter().map(Phi::new).collect()));
        }
    };
    match &query.by {
        QueryKey::Patient(id) => put(sq::PATIENT, vec![parameter::quote(id.cx().reveal())]),
        QueryKey::Objects(ids) => {
            put(sq::ENTRY_UUID, parameter::list(ids.iter().map(|id| id.0.reveal().as_str())));
        }
        QueryKey::UniqueIds(ids) => put(sq::UNIQUE_ID, parameter::list(parameter::revealed(ids))),
    }
    let criteria = &query.criteria;
    let statuses: Vec<String> = criteria.statuses.iter().map(|s| availability_urn(*s)).collect();
    put(sq::STATUS, parameter::list(statuses.iter().map(String::as_str)));
    let coded = |codes: &[Code]| {
        let texts: Vec<String> = codes.iter().map(|c| format!("{}^^{}", c.value, c.system)).collect();
        parameter::list(texts.iter().map(String::as_str))
    };
    put(sq::CLASS, coded(&criteria.classes));
    put(sq::TYPE_CODE, coded(&criteria.types));
    put(sq::PRACTICE_SETTING, coded(&criteria.practice_settings));
    put(sq::FACILITY_TYPE, coded(&criteria.facility_types));
    put(sq::FORMAT, coded(&criteria.formats));
    criteria.event_codes.iter().for_each(|codes| put(sq::EVENT, coded(codes)));
    criteria.confidentialities.iter().for_each(|codes| put(sq::CONFIDENTIALITY, coded(codes)));
    put(sq::AUTHOR_PERSON, parameter::list(criteria.author_persons.iter().map(String::as_str)));
    put(sq::ENTRY_TYPE, parameter::list(criteria.entry_types.iter().map(String::as_str)));
    let ranges = [
        (sq::CREATION, &criteria.creation),
        (sq::SERVICE_START, &criteria.service_start),
        (sq::SERVICE_STOP, &criteria.service_stop),
    ];
    for ([from, to], (low, high)) in ranges {
        put(from, low.iter().map(|t| t.as_str().to_owned()).collect());
        put(to, high.iter().map(|t| t.as_str().to_owned()).collect());
    }
    let forwarded = criteria.other.iter().filter(|slot| slot.name != sq::TARGET_COMMUNITIES);
    slots.extend(forwarded.map(|slot| (slot.name.clone(), slot.values.clone())));
    slots
}

impl CheckedQuery {
    /// To the model.
    ///
    /// # Errors
    /// `Unsupported`, `UnknownCommunity` (the home is no OID), `Malformed` (the patient id is no CX).
    pub fn into_document_query(self) -> Result<DocumentQuery, Refusal> {
        let by = if *self.stored == FIND_DOCUMENTS {
            let cx = self.patient.as_ref().map(|cx| cx.reveal().as_str()).unwrap_or_default();
            QueryKey::Patient(PatientId::from_cx(cx).ok_or_else(|| self.no_cx.clone())?)
        } else if *self.stored == GET_DOCUMENTS {
            let objects = self.texts(sq::ENTRY_UUID);
            let uniques = self.texts(sq::UNIQUE_ID);
            if !objects.is_empty() {
                QueryKey::Objects(objects.into_iter().map(|id| ObjectId(Phi::new(id))).collect())
            } else if !uniques.is_empty() {
                QueryKey::UniqueIds(uniques.into_iter().map(Phi::new).collect())
            } else {
                return Err(Refusal::Unsupported(format!("{} by logical id", self.stored.name)));
            }
        } else {
            return Err(Refusal::Unsupported(self.stored.name.to_owned()));
        };
        let home = match self.home.as_deref().map(Oid::parse) {
            Some(None) => return Err(Refusal::UnknownCommunity),
            Some(Some(oid)) => Some(CommunityId(oid)),
            None => None,
        };
        let range = |names: [&str; 2]| {
            let [from, to] = names.map(|name| self.texts(name).first().and_then(|text| dtm(text)));
            (from, to)
        };
        let one = |name| self.codes(name).into_iter().flatten().collect::<Vec<_>>();
        let criteria = Criteria {
            statuses: self.texts(sq::STATUS).iter().filter_map(|urn| availability_asked(urn)).collect(),
            classes: one(sq::CLASS),
            types: one(sq::TYPE_CODE),
            formats: one(sq::FORMAT),
            practice_settings: one(sq::PRACTICE_SETTING),
            facility_types: one(sq::FACILITY_TYPE),
            event_codes: self.codes(sq::EVENT),
            confidentialities: self.codes(sq::CONFIDENTIALITY),
            author_persons: self.texts(sq::AUTHOR_PERSON),
            creation: range(sq::CREATION),
            service_start: range(sq::SERVICE_START),
            service_stop: range(sq::SERVICE_STOP),
            entry_types: self.texts(sq::ENTRY_TYPE),
            other: self.other,
        };
        Ok(DocumentQuery { by, home, criteria, returns: self.returns })
    }

    fn slots<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s [Item]> {
        self.given.iter().filter(move |(p, _)| p.name == name).map(|(_, items)| items.items.as_slice())
    }

    fn texts(&self, name: &str) -> Vec<String> {
        self.slots(name).flatten().map(|item| item.text.clone()).collect()
    }

    fn codes(&self, name: &str) -> Vec<Vec<Code>> {
        let coded =
            |item: &Item| parameter::code(&item.text).map(|(code, scheme)| Code::new(code, scheme, ""));
        self.slots(name).map(|items| items.iter().filter_map(coded).collect()).collect()
    }
}

#[cfg(test)]
mod tests;
