//! A stored query with its parameters checked, in the order that decides which error is told
//! (ITI TF-2 3.18.4.1.2.3; wire.md 13). Queries that are not offered are checked all the same.

use super::entry_view::dtm;
use super::parameter::{self, Item, Items};
use super::stored_query::{Kind, Parameter, StoredQuery};
use super::vocabulary::{QUERY, RIM, availability_asked};
use crate::dialect::soap::Envelope;
use crate::model::{Dtm, Malformed, PeerProfile, Phi, Refusal, ReturnType, Slot, Warning};
use crate::xml::{Reader, Tree};

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
    /// What was put up with.
    pub warnings: Vec<Warning>,
    /// Parameters the query knows, in the order of its table.
    pub(super) given: Vec<(Parameter, Items)>,
    /// Slots that are not known here.
    pub(super) other: Vec<Slot>,
    /// What to say when the patient id turns out to be no CX.
    pub(super) no_cx: Malformed,
}

/// Reads and checks a request up to value syntax (wire.md 13.2, "checks in order").
///
/// # Errors
/// `Malformed` with the ebXML code; `Unsupported` with the id of an unknown query.
pub fn check(message: &Envelope, profile: &PeerProfile, rule: HomeRule) -> Result<CheckedQuery, Refusal> {
    check_if(message, profile, rule, |_| true)
}

/// As [`check`]; a query that is not offered is refused before anything else of it is looked at.
///
/// # Errors
/// As [`check`]; `Unsupported` with the name of a query that is not offered.
pub fn check_if(
    message: &Envelope,
    profile: &PeerProfile,
    rule: HomeRule,
    is_offered: impl Fn(&StoredQuery) -> bool,
) -> Result<CheckedQuery, Refusal> {
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
    if !is_offered(stored) {
        return Err(Refusal::Unsupported(stored.name.to_owned()));
    }
    let home = adhoc.attribute("home").map(str::trim).filter(|home| !home.is_empty()).map(str::to_owned);
    if stored.needs_home && home.is_none() && rule == HomeRule::Required {
        let why = format!("{} needs AdhocQuery/@home", stored.name);
        return Err(place.at(adhoc, "XDSMissingHomeCommunityId", why).into());
    }
    if adhoc.all(RIM, "Slot").nth(SLOTS_MAX).is_some() {
        return Err(place.at(adhoc, "XDSRegistryError", format!("more than {SLOTS_MAX} slots")).into());
    }
    let slots = Slots { stored, adhoc, place: &place, profile, given: given(adhoc) };
    slots.required()?;
    slots.numbers()?;
    let given = slots.values()?;
    let returns = returns(&tree, &place)?;
    let patient = given
        .iter()
        .find(|(p, _)| Some(*p) == stored.patient())
        .and_then(|(_, items)| items.items.first())
        .map(|item| Phi::new(item.text.clone()));
    let no_cx = place.at(adhoc, "XDSRegistryError", "the patient id is no CX `id^^^&oid&ISO`");
    let mut warnings = slots.warnings(&given);
    if !id.to_ascii_lowercase().starts_with("urn:uuid:") {
        warnings.push(Warning::new("id-without-urn", "the query id has no urn:uuid:"));
    }
    if home.as_deref().is_some_and(|home| !home.starts_with("urn:oid:")) {
        warnings.push(Warning::new("home-without-urn", "AdhocQuery/@home has no urn:oid:"));
    }
    Ok(CheckedQuery { stored, home, returns, patient, warnings, given, other: slots.other(), no_cx })
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
            let is_known =
                |items: Items| items.items.iter().any(|item| availability_asked(&item.text).is_some());
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
            if let Some(base) = parameter.turns_round()
                && self.is_given(parameter.name)
                && self.is_given(base)
            {
                return Err(wrong(self.adhoc, format!("only one of {base}, {} is allowed", parameter.name)));
            }
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
                if parameter.kind == Kind::Time && !items.items.iter().all(|i| dtm(&i.text).is_some()) {
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

    fn warnings(&self, given: &[(Parameter, Items)]) -> Vec<Warning> {
        let mut warnings = Vec::new();
        for (parameter, items) in given {
            let name = parameter.name;
            if parameter.kind == Kind::Time && items.items.iter().any(|item| item.is_quoted) {
                warnings.push(Warning::new("quoted-number", format!("{name} is quoted")));
            }
            if parameter.kind == Kind::Time && items.items.iter().any(|i| Dtm::parse(&i.text).is_none()) {
                let why = format!("{name} has a zone");
                warnings.push(Warning::new("time-with-zone", why));
            }
            if !parameter.kind.is_many() && items.is_list {
                warnings.push(Warning::new("single-value-list", format!("{name} stands in parentheses")));
            }
            if parameter.kind.is_coded() && self.is_given(&format!("{name}Scheme")) {
                warnings
                    .push(Warning::new("legacy-scheme", format!("{name} has its schemes in another slot")));
            }
        }
        for given in self.given.iter().filter(|given| !given.name.starts_with('$')) {
            let shown: String = given.name.chars().take(64).collect();
            warnings.push(Warning::new("slot-without-dollar", format!("slot `{shown}` is ignored")));
        }
        warnings
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

/// Slots of one query at most; no stored query has as many parameters.
const SLOTS_MAX: usize = 500;
