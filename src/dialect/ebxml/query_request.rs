//! AdhocQueryRequest (ITI-18, ITI-38; wire.md 12, 13): every stored query that is offered to the model
//! and back.

use std::collections::BTreeSet;

use super::checked_query::{CheckedQuery, HomeRule, check_if};
use super::entry_view::dtm;
use super::parameter::{self, Item};
use super::stored_query::{self as sq, Kind, Parameter, StoredQuery, except};
use super::vocabulary::{ON_DEMAND, QUERY, RIM, STABLE, availability_asked, availability_urn, same_uuid};
use crate::dialect::soap::Envelope;
use crate::dialect::{Addressing, Payload, Sent};
use crate::model::{
    Availability, Code, CommunityId, Criteria, DocumentQuery, Exclusion, ObjectId, Oid, PatientId,
    PeerProfile, Phi, QueryKey, Refusal, ReturnType, Slot, Wanted,
};
use crate::xml::{Tree, Writer};

/// Reads a request.
///
/// # Errors
/// As [`check_if`]; `UnknownCommunity` when the home is no OID.
pub fn read(message: &Envelope, profile: &PeerProfile, rule: HomeRule) -> Result<DocumentQuery, Refusal> {
    check_if(message, profile, rule, |stored| stored.is_offered(rule))?.into_document_query()
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
    let stored = StoredQuery::of(query.criteria.wanted, &query.by, rule);
    let patient = match &query.by {
        QueryKey::Patient(id) => Some(id.clone()),
        QueryKey::Objects(_) | QueryKey::UniqueIds(_) => None,
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
    for (name, values) in slots_of(stored, query) {
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

fn slots_of(stored: &StoredQuery, query: &DocumentQuery) -> Vec<(String, Vec<Phi<String>>)> {
    let mut slots = Slots(Vec::new());
    let named = match &query.by {
        QueryKey::Objects(_) => stored.objects(),
        QueryKey::Patient(_) => stored.patient(),
        QueryKey::UniqueIds(_) => stored.unique_ids(),
    };
    if let Some(parameter) = named {
        match &query.by {
            QueryKey::Objects(ids) => slots.put_texts(parameter, ids.iter().map(|id| id.0.reveal().as_str())),
            QueryKey::Patient(id) => slots.put_texts(parameter, [id.cx().reveal().as_str()]),
            QueryKey::UniqueIds(ids) => slots.put_texts(parameter, parameter::revealed(ids)),
        }
    }
    let criteria = &query.criteria;
    slots.put_statuses(sq::STATUS, &criteria.statuses);
    slots.put_statuses(sq::SET_STATUS, &criteria.set_statuses);
    slots.put_statuses(sq::FOLDER_STATUS, &criteria.folder_statuses);
    if stored.parameters().any(|known| known.name == sq::REFERENCES) {
        criteria.references.iter().for_each(|ids| slots.put_list(sq::REFERENCES, parameter::revealed(ids)));
    }
    slots.put_list(sq::ASSOCIATION_TYPES, criteria.association_types.iter().map(String::as_str));
    slots.put_codes(sq::CLASS, &criteria.classes);
    slots.put_codes(sq::TYPE_CODE, &criteria.types);
    slots.put_codes(sq::PRACTICE_SETTING, &criteria.practice_settings);
    slots.put_codes(sq::FACILITY_TYPE, &criteria.facility_types);
    slots.put_codes(sq::FORMAT, &criteria.formats);
    criteria.event_codes.iter().for_each(|codes| slots.put_codes(sq::EVENT, codes));
    criteria.confidentialities.iter().for_each(|codes| slots.put_codes(sq::CONFIDENTIALITY, codes));
    slots.put_list(sq::AUTHOR_PERSON, criteria.author_persons.iter().map(String::as_str));
    slots.put_list(sq::ENTRY_TYPE, criteria.entry_types.iter().map(String::as_str));
    let ranges = [
        (sq::CREATION, &criteria.creation),
        (sq::SERVICE_START, &criteria.service_start),
        (sq::SERVICE_STOP, &criteria.service_stop),
    ];
    for ([from, to], (low, high)) in ranges {
        slots.put(from, low.iter().map(|t| t.as_str().to_owned()).collect());
        slots.put(to, high.iter().map(|t| t.as_str().to_owned()).collect());
    }
    if stored.wanted == Some(Wanted::DocumentsExcept) {
        slots.put_exclusion(&criteria.except);
    }
    let forwarded = criteria.other.iter().filter(|slot| slot.name != sq::TARGET_COMMUNITIES);
    slots.0.extend(forwarded.map(|slot| (slot.name.clone(), slot.values.clone())));
    slots.0
}

struct Slots(Vec<(String, Vec<Phi<String>>)>);

impl Slots {
    fn put(&mut self, name: &str, values: Vec<String>) {
        if !values.is_empty() {
            self.0.push((name.to_owned(), values.into_iter().map(Phi::new).collect()));
        }
    }

    fn put_texts<'t>(&mut self, parameter: Parameter, texts: impl IntoIterator<Item = &'t str>) {
        if parameter.kind.is_many() {
            return self.put_list(parameter.name, texts);
        }
        self.put(parameter.name, texts.into_iter().take(1).map(parameter::quote).collect());
    }

    fn put_list<'t>(&mut self, name: &str, texts: impl IntoIterator<Item = &'t str>) {
        self.put(name, parameter::list(texts));
    }

    fn put_codes(&mut self, name: &str, codes: &[Code]) {
        let texts: Vec<String> = codes.iter().map(|c| format!("{}^^{}", c.value, c.system)).collect();
        self.put_list(name, texts.iter().map(String::as_str));
    }

    fn put_statuses(&mut self, name: &str, statuses: &BTreeSet<Availability>) {
        let urns: Vec<String> = statuses.iter().map(|status| availability_urn(*status)).collect();
        self.put_list(name, urns.iter().map(String::as_str));
    }

    fn put_exclusion(&mut self, without: &Exclusion) {
        self.put_codes(except::CLASS, &without.classes);
        self.put_codes(except::TYPE_CODE, &without.types);
        self.put_codes(except::PRACTICE_SETTING, &without.practice_settings);
        self.put_codes(except::FACILITY_TYPE, &without.facility_types);
        self.put_codes(except::FORMAT, &without.formats);
        self.put_codes(except::EVENT, &without.event_codes);
        self.put_codes(except::CONFIDENTIALITY, &without.confidentialities);
        self.put_list(except::AUTHOR_PERSON, without.author_persons.iter().map(String::as_str));
        self.put_list(except::REFERENCES, parameter::revealed(&without.references));
    }
}

impl CheckedQuery {
    /// To the model.
    ///
    /// # Errors
    /// `Unsupported`, `UnknownCommunity` (the home is no OID), `Malformed` (the patient id is no CX).
    pub fn into_document_query(self) -> Result<DocumentQuery, Refusal> {
        let by = self.key()?;
        let home = match self.home.as_deref().map(Oid::parse) {
            Some(None) => return Err(Refusal::UnknownCommunity),
            Some(Some(oid)) => Some(CommunityId(oid)),
            None => None,
        };
        Ok(DocumentQuery { by, home, criteria: self.criteria(), returns: self.returns })
    }

    fn key(&self) -> Result<QueryKey, Refusal> {
        if self.stored.patient().is_some() {
            let cx = self.patient.as_ref().map(|cx| cx.reveal().as_str()).unwrap_or_default();
            return Ok(QueryKey::Patient(PatientId::from_cx(cx).ok_or_else(|| self.no_cx.clone())?));
        }
        let named = |parameter: Option<Parameter>| parameter.map(|p| self.texts(p.name)).unwrap_or_default();
        let objects = named(self.stored.objects());
        if !objects.is_empty() {
            return Ok(QueryKey::Objects(objects.into_iter().map(|id| ObjectId(Phi::new(id))).collect()));
        }
        let uniques = named(self.stored.unique_ids());
        if !uniques.is_empty() {
            return Ok(QueryKey::UniqueIds(uniques.into_iter().map(Phi::new).collect()));
        }
        Err(Refusal::Unsupported(format!("{} by logical id", self.stored.name)))
    }

    fn criteria(&self) -> Criteria {
        let range = |names: [&str; 2]| {
            let [from, to] = names.map(|name| self.texts(name).first().and_then(|text| dtm(text)));
            (from, to)
        };
        let statuses = |name| self.texts(name).iter().filter_map(|urn| availability_asked(urn)).collect();
        let references =
            |items: &[Item]| items.iter().map(|item| Phi::new(item.text.clone())).collect::<Vec<_>>();
        Criteria {
            wanted: self.stored.wanted.unwrap_or_default(),
            statuses: statuses(sq::STATUS),
            folder_statuses: statuses(sq::FOLDER_STATUS),
            set_statuses: statuses(sq::SET_STATUS),
            references: self.slots(sq::REFERENCES).map(references).collect(),
            except: Exclusion {
                classes: self.all_codes(except::CLASS),
                types: self.all_codes(except::TYPE_CODE),
                formats: self.all_codes(except::FORMAT),
                practice_settings: self.all_codes(except::PRACTICE_SETTING),
                facility_types: self.all_codes(except::FACILITY_TYPE),
                event_codes: self.all_codes(except::EVENT),
                confidentialities: self.all_codes(except::CONFIDENTIALITY),
                author_persons: self.texts(except::AUTHOR_PERSON),
                references: self.texts(except::REFERENCES).into_iter().map(Phi::new).collect(),
            },
            association_types: self.texts(sq::ASSOCIATION_TYPES),
            classes: self.all_codes(sq::CLASS),
            types: self.all_codes(sq::TYPE_CODE),
            formats: self.all_codes(sq::FORMAT),
            practice_settings: self.all_codes(sq::PRACTICE_SETTING),
            facility_types: self.all_codes(sq::FACILITY_TYPE),
            event_codes: self.codes(sq::EVENT),
            confidentialities: self.codes(sq::CONFIDENTIALITY),
            author_persons: self.texts(sq::AUTHOR_PERSON),
            creation: range(sq::CREATION),
            service_start: range(sq::SERVICE_START),
            service_stop: range(sq::SERVICE_STOP),
            entry_types: self.entry_types(),
            other: self.forwarded().chain(self.other.iter().cloned()).collect(),
        }
    }

    // Without a word of it stable ones are meant: what is left when a type is left out is asked for.
    fn entry_types(&self) -> Vec<String> {
        let without = self.texts(except::ENTRY_TYPE);
        if without.is_empty() {
            return self.texts(sq::ENTRY_TYPE);
        }
        let is_left = |urn: &&str| !without.iter().any(|left_out| same_uuid(left_out, urn));
        let left: Vec<String> = [STABLE, ON_DEMAND].into_iter().filter(is_left).map(str::to_owned).collect();
        if left.is_empty() { vec![NO_TYPE.to_owned()] } else { left }
    }

    // What is known and filters nothing here, as we write it.
    fn forwarded(&self) -> impl Iterator<Item = Slot> {
        self.given.iter().filter(|(parameter, _)| parameter.is_forwarded()).map(|(parameter, items)| {
            let texts = || items.items.iter().map(|item| item.text.as_str());
            let values = match parameter.kind {
                Kind::Text => texts().map(parameter::quote).collect(),
                Kind::Time => texts().map(|time| time.trim().to_owned()).collect(),
                _ => parameter::list(texts()),
            };
            Slot { name: parameter.name.to_owned(), values: values.into_iter().map(Phi::new).collect() }
        })
    }

    fn slots<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s [Item]> {
        self.given.iter().filter(move |(p, _)| p.name == name).map(|(_, items)| items.items.as_slice())
    }

    fn texts(&self, name: &str) -> Vec<String> {
        self.slots(name).flatten().map(|item| item.text.clone()).collect()
    }

    fn all_codes(&self, name: &str) -> Vec<Code> {
        self.codes(name).into_iter().flatten().collect()
    }

    fn codes(&self, name: &str) -> Vec<Vec<Code>> {
        let coded =
            |item: &Item| parameter::code(&item.text).map(|(code, scheme)| Code::new(code, scheme, ""));
        self.slots(name).map(|items| items.iter().filter_map(coded).collect()).collect()
    }
}

/// No entry is of this type.
const NO_TYPE: &str = "urn:uuid:00000000-0000-0000-0000-000000000000";

#[cfg(test)]
mod tests;
