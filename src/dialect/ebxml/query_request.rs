//! AdhocQueryRequest (ITI-18, ITI-38; wire.md 12, 13): the checks of a stored query in their order,
//! and FindDocuments and GetDocuments to the model and back.

use super::parameter::{self, Item, Items};
use super::stored_query::{self as sq, FIND_DOCUMENTS, GET_DOCUMENTS, Kind, Parameter, StoredQuery};
use super::vocabulary::{QUERY, RIM, availability, availability_urn};
use crate::dialect::soap::Envelope;
use crate::dialect::{Addressing, Payload, Sent};
use crate::model::{
    Code, CommunityId, Criteria, DocumentQuery, Dtm, Malformed, ObjectId, Oid, PatientId, PeerProfile, Phi,
    QueryKey, Refusal, ReturnType, Slot,
};
use crate::xml::{Reader, Tree, Writer};

/// Whether id queries must say AdhocQuery/@home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HomeRule {
    /// Within one community.
    Optional,
    /// Across communities (wire.md 14).
    Required,
}

/// A stored query whose parameters have been checked.
#[derive(Debug)]
pub struct CheckedQuery {
    /// Which.
    pub stored: &'static StoredQuery,
    /// AdhocQuery/@home, trimmed; None when absent or empty.
    pub home: Option<String>,
    /// What is to be returned.
    pub returns: ReturnType,
    /// Patient id, CX as sent, of queries that name one.
    pub patient: Option<Phi<String>>,
    given: Vec<(Parameter, Items)>,
    other: Vec<Slot>,
    source_at: Malformed,
}

/// Reads and checks a request up to value syntax (wire.md 13.2, "checks in order").
///
/// # Errors
/// `Malformed` with the ebXML code; `Unsupported` with the id of an unknown query.
pub fn check(message: &Envelope, profile: &PeerProfile, rule: HomeRule) -> Result<CheckedQuery, Refusal> {
    let tree = message.body_tree()?;
    let place = Place { source: message.source() };
    if !tree.is(QUERY, "AdhocQueryRequest") {
        let why = format!("the body holds `{}`, not AdhocQueryRequest", tree.name());
        return Err(place.at(&tree, "unexpected-element", why).into());
    }
    let Some(adhoc) = tree.first(RIM, "AdhocQuery") else {
        return Err(place.at(&tree, "XDSRegistryError", "AdhocQuery is missing").into());
    };
    let id = adhoc.attribute("id").map(str::trim).unwrap_or_default();
    let Some(stored) = StoredQuery::by_id(id) else {
        return Err(Refusal::Unsupported(format!("stored query {}", shortened(id))));
    };
    let home = adhoc.attribute("home").map(str::trim).filter(|home| !home.is_empty()).map(str::to_owned);
    if stored.needs_home && home.is_none() && rule == HomeRule::Required {
        let why = format!("{} needs AdhocQuery/@home", stored.name);
        return Err(place.at(adhoc, "XDSMissingHomeCommunityId", why).into());
    }
    let slots = Slots { stored, adhoc, place: &place, profile, given: given(adhoc) };
    slots.required()?;
    slots.numbers()?;
    let given = slots.values()?;
    let returns = returns(&tree, &place)?;
    let patient = given
        .iter()
        .find(|(p, _)| p.kind == Kind::Text && p.name.to_ascii_lowercase().ends_with("patientid"))
        .and_then(|(_, items)| items.items.first())
        .map(|item| Phi::new(item.text.clone()));
    let source_at = place.at(adhoc, "XDSRegistryError", "the patient id is no CX `id^^^&oid&ISO`");
    Ok(CheckedQuery { stored, home, returns, patient, given, other: slots.other(), source_at })
}

/// Reads a request.
///
/// # Errors
/// As [`check`]; `Unsupported` for queries other than FindDocuments and GetDocuments,
/// `UnknownCommunity` when the home is no OID.
pub fn read(message: &Envelope, profile: &PeerProfile) -> Result<DocumentQuery, Refusal> {
    check(message, profile, HomeRule::Required)?.into_document_query()
}

/// The returnType of a request, for its answer; LeafClass when it cannot be told.
pub fn returns_of(tree: &Tree) -> ReturnType {
    let wanted = tree.first(QUERY, "ResponseOption").and_then(|option| option.attribute("returnType"));
    if wanted.map(str::trim) == Some("ObjectRef") { ReturnType::ObjectRef } else { ReturnType::LeafClass }
}

/// Writes a request.
pub fn write(query: &DocumentQuery, addressing: &Addressing, profile: &PeerProfile) -> (Payload, Sent) {
    let (stored, patient) = match &query.by {
        QueryKey::Patient(id) => (&FIND_DOCUMENTS, Some(id.clone())),
        QueryKey::Objects(_) | QueryKey::UniqueIds(_) => (&GET_DOCUMENTS, None),
    };
    let is_home_written = stored.needs_home || profile.send_home_on_patient_query;
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
            QueryKey::Patient(PatientId::from_cx(cx).ok_or_else(|| self.source_at.clone())?)
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
            let [from, to] = names.map(|name| self.texts(name).first().and_then(|text| Dtm::parse(text)));
            (from, to)
        };
        let one = |name| self.codes(name).into_iter().flatten().collect::<Vec<_>>();
        let criteria = Criteria {
            statuses: self.texts(sq::STATUS).iter().filter_map(|urn| availability(urn)).collect(),
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

/// A `rim:Slot` as it stands in the message.
struct Given<'t> {
    name: &'t str,
    slot: &'t Tree,
    values: Vec<String>,
}

fn given(adhoc: &Tree) -> Vec<Given<'_>> {
    let values = |slot: &Tree| {
        slot.all(RIM, "ValueList").flat_map(|list| list.all(RIM, "Value")).map(Tree::text).collect()
    };
    let slots = adhoc.all(RIM, "Slot");
    slots
        .filter_map(|slot| slot.attribute("name").map(|name| Given { name, slot, values: values(slot) }))
        .collect()
}

struct Slots<'t> {
    stored: &'static StoredQuery,
    adhoc: &'t Tree,
    place: &'t Place<'t>,
    profile: &'t PeerProfile,
    given: Vec<Given<'t>>,
}

impl<'t> Slots<'t> {
    fn of<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s Given<'t>> {
        self.given.iter().filter(move |given| given.name == name)
    }

    fn is_given(&self, name: &str) -> bool {
        self.of(name).any(|given| given.values.iter().any(|v| !matches!(v.trim(), "" | "()" | "''")))
    }

    fn required(&self) -> Result<(), Malformed> {
        let missing = |what: &str| {
            let why = format!("{} needs {what}", self.stored.name);
            self.place.at(self.adhoc, "XDSStoredQueryMissingParam", why)
        };
        if let Some(parameter) = self.stored.required.iter().find(|p| !self.is_given(p.name)) {
            return Err(missing(parameter.name));
        }
        for status in self.stored.required.iter().filter(|p| p.kind == Kind::Statuses) {
            let read = |given: &Given<'_>| parameter::read(given.values.iter().map(String::as_str));
            let is_known = |items: Items| items.items.iter().any(|item| availability(&item.text).is_some());
            // A value that cannot be read is told later, as a syntax error.
            if !self.of(status.name).any(|given| read(given).map_or(true, is_known)) {
                return Err(missing(status.name));
            }
        }
        if !self.stored.one_of.is_empty() && !self.stored.one_of.iter().any(|p| self.is_given(p.name)) {
            let names: Vec<&str> = self.stored.one_of.iter().map(|p| p.name).collect();
            return Err(missing(&names.join(" or ")));
        }
        Ok(())
    }

    fn numbers(&self) -> Result<(), Malformed> {
        let wrong = |tree: &Tree, why: String| self.place.at(tree, "XDSStoredQueryParamNumber", why);
        if self.stored.one_of.iter().filter(|p| self.is_given(p.name)).count() > 1 {
            let names: Vec<&str> = self.stored.one_of.iter().map(|p| p.name).collect();
            return Err(wrong(self.adhoc, format!("only one of {} is allowed", names.join(", "))));
        }
        for parameter in self.stored.parameters() {
            let slots: Vec<_> = self.of(parameter.name).collect();
            if let [_, second, ..] = slots.as_slice()
                && !parameter.kind.may_repeat()
            {
                return Err(wrong(second.slot, format!("{} stands twice", parameter.name)));
            }
            for given in slots.iter().filter(|_| !parameter.kind.is_many()) {
                let read = parameter::read(given.values.iter().map(String::as_str));
                if given.values.len() > 1 || read.is_ok_and(|all| all.items.len() > 1) {
                    return Err(wrong(given.slot, format!("{} takes one value", parameter.name)));
                }
            }
        }
        Ok(())
    }

    fn values(&self) -> Result<Vec<(Parameter, Items)>, Malformed> {
        let mut all = Vec::new();
        for parameter in self.stored.parameters() {
            let scheme_name = format!("{}Scheme", parameter.name);
            let mut schemes = self.of(&scheme_name).filter(|_| parameter.kind.is_coded());
            for given in self.of(parameter.name) {
                let wrong = |why: &str| {
                    let why = format!("{}: {why}", parameter.name);
                    self.place.at(given.slot, "XDSRegistryError", why)
                };
                let mut items = self.items(given, parameter.kind).map_err(wrong)?;
                if let Some(schemes) = schemes.next() {
                    let schemes = self.items(schemes, Kind::Texts).map_err(wrong)?;
                    pair(&mut items.items, &schemes.items).map_err(wrong)?;
                }
                let is_coded = |item: &Item| parameter::code(&item.text).is_some();
                if parameter.kind.is_coded() && !items.items.iter().all(is_coded) {
                    return Err(wrong("a coded value needs code and scheme, `'code^^scheme'`"));
                }
                if parameter.kind == Kind::Time && !items.items.iter().all(|i| Dtm::parse(&i.text).is_some())
                {
                    return Err(wrong("no time YYYY[MM[DD[hh[mm[ss]]]]]"));
                }
                all.push((parameter, items));
            }
        }
        Ok(all)
    }

    fn items(&self, given: &Given<'_>, kind: Kind) -> Result<Items, &'static str> {
        let all = parameter::read(given.values.iter().map(String::as_str))?;
        if all.items.is_empty() {
            return Err("no value");
        }
        let is_lenient = self.profile.accept_unquoted_params;
        if kind != Kind::Time && !is_lenient && !all.items.iter().all(|item| item.is_quoted) {
            return Err("a string is not in single quotes (switch accept_unquoted_params)");
        }
        if kind.is_many() && !is_lenient && !all.is_list {
            return Err("a list is not in parentheses (switch accept_unquoted_params)");
        }
        Ok(all)
    }

    /// Slots that are not known here, with those that are known but filter nothing for us. Scheme
    /// slots have been paired with their codes.
    fn other(&self) -> Vec<Slot> {
        let is_used = |name: &str| {
            self.stored
                .parameters()
                .any(|p| p.name == name || (p.kind.is_coded() && name.strip_suffix("Scheme") == Some(p.name)))
        };
        let unknown = self.given.iter().filter(|given| given.name.starts_with('$') && !is_used(given.name));
        unknown
            .map(|given| Slot {
                name: given.name.to_owned(),
                values: given.values.iter().cloned().map(Phi::new).collect(),
            })
            .collect()
    }
}

/// Legacy peers send schemes in a slot of their own: paired by position (wire.md 13.1).
fn pair(codes: &mut [Item], schemes: &[Item]) -> Result<(), &'static str> {
    if codes.len() != schemes.len() {
        return Err("the slot of schemes has not as many values as the codes");
    }
    for (code, scheme) in codes.iter_mut().zip(schemes) {
        if !code.text.contains('^') {
            code.text = format!("{}^^{}", code.text, scheme.text);
        }
    }
    Ok(())
}

fn returns(tree: &Tree, place: &Place<'_>) -> Result<ReturnType, Malformed> {
    let Some(option) = tree.first(QUERY, "ResponseOption") else {
        return Err(place.at(tree, "XDSRegistryError", "ResponseOption is missing"));
    };
    match option.attribute("returnType").map(str::trim) {
        Some("LeafClass") => Ok(ReturnType::LeafClass),
        Some("ObjectRef") => Ok(ReturnType::ObjectRef),
        _ => Err(place.at(option, "XDSRegistryError", "returnType is neither LeafClass nor ObjectRef")),
    }
}

/// Tells errors by line and column.
struct Place<'s> {
    source: &'s str,
}

impl Place<'_> {
    fn at(&self, tree: &Tree, code: &'static str, why: impl Into<String>) -> Malformed {
        Reader::new(self.source).malformed_at(tree.element.at, code, why)
    }
}

/// Enough of an id to recognise it.
fn shortened(id: &str) -> String {
    id.chars().filter(|c| c.is_ascii_graphic()).take(64).collect()
}

#[cfg(test)]
mod tests;
