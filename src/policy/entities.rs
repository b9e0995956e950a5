//! The model as Cedar sees it: requester, community, facility and class of entry, in the words of
//! `policies/schema.cedarschema`. Entries that differ in nothing a policy can see are one class.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::str::FromStr;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression,
};
use smol_str::SmolStr;

use crate::model::{CommunityId, DocumentEntry, Operation, Purpose, RequestContext, Role, Side};
use crate::policy::consent::bare;

/// The three actions (decisions C6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Action {
    Ask,
    Find,
    Show,
}

impl Action {
    pub(super) const ALL: [Self; 3] = [Self::Ask, Self::Find, Self::Show];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Find => "find",
            Self::Show => "show",
        }
    }
}

/// What the consent says, as policies read it in `context.consent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum ConsentWord {
    Blocked,
    Granted,
    Missing,
    NotApplied,
}

impl ConsentWord {
    const fn word(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Granted => "granted",
            Self::Missing => "missing",
            Self::NotApplied => "not_applied",
        }
    }
}

/// Everything policies can see of a requester.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Principal {
    pub(super) side: Side,
    pub(super) community: CommunityId,
    organization: String,
    person: String,
    roles: BTreeSet<Role>,
    /// None where nobody was vouched for: there are no roles either then.
    pub(super) purpose: Option<Purpose>,
}

impl Principal {
    pub(super) fn new(context: &RequestContext) -> Self {
        let requester = &context.requester;
        let key = requester.key();
        let roles = requester.vouched.iter().flat_map(|vouched| vouched.roles.iter().cloned());
        Self {
            side: context.side,
            community: requester.community.clone(),
            organization: bare(key.organization).to_owned(),
            person: key.person.to_owned(),
            roles: roles.collect(),
            purpose: requester.purpose(),
        }
    }

    pub(super) fn organization(&self) -> &str {
        &self.organization
    }

    /// A physician with the purpose EMERGENCY (decisions C4); whether it helps, the agreement says.
    pub(super) fn is_emergency(&self) -> bool {
        self.purpose == Some(Purpose::Emergency) && self.roles.iter().any(|role| role.0 == PHYSICIAN)
    }
}

/// What is asked, told or shown.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Resource {
    Community(CommunityId),
    Entry(EntryClass),
    Facility(String),
}

impl Resource {
    /// How long its texts are.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Community(id) => id.0.as_str().len(),
            Self::Facility(code) => code.len(),
            Self::Entry(class) => {
                let codes = [&class.department, &class.kind, &class.class_code, &class.type_code];
                let codes = codes.into_iter().chain(&class.confidentiality).map(SmolStr::len);
                codes.chain(class.facility.as_ref().map(String::len)).sum()
            }
        }
    }
}

/// An entry with more confidentiality codes is not held against classes code by code.
const CODES_SOUGHT_MAX: usize = 4;

/// Everything policies can see of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct EntryClass {
    pub(super) community: CommunityId,
    pub(super) own: bool,
    pub(super) facility: Option<String>,
    pub(super) department: SmolStr,
    pub(super) kind: SmolStr,
    pub(super) class_code: SmolStr,
    pub(super) type_code: SmolStr,
    pub(super) confidentiality: BTreeSet<SmolStr>,
    pub(super) original: bool,
    pub(super) as_is: bool,
}

impl EntryClass {
    /// Of what is known to be of a community, and nothing else.
    pub(super) fn unknown(community: &CommunityId, own: &CommunityId) -> Self {
        Self {
            community: community.clone(),
            own: community == own,
            facility: None,
            department: "-".into(),
            kind: SmolStr::default(),
            class_code: SmolStr::default(),
            type_code: SmolStr::default(),
            confidentiality: BTreeSet::new(),
            original: false,
            as_is: false,
        }
    }

    pub(super) fn of(entry: &DocumentEntry, own: &CommunityId) -> Self {
        let origin = entry.origin.as_ref().filter(|_| entry.id.community == *own);
        Self {
            community: entry.id.community.clone(),
            own: entry.id.community == *own,
            facility: origin.map(|o| o.facility.clone()),
            department: origin.map_or("-", |o| &o.department).into(),
            kind: origin.map_or("", |o| &o.kind).into(),
            class_code: entry.class.value.clone(),
            type_code: entry.type_code.value.clone(),
            confidentiality: entry.confidentiality.iter().map(|code| code.value.clone()).collect(),
            original: origin.is_some_and(|o| o.original),
            as_is: origin.is_some_and(|o| o.as_is),
        }
    }

    /// Whether this is the class of an entry: what [`EntryClass::of`] would make of it.
    pub(super) fn is_of(&self, entry: &DocumentEntry, own: &CommunityId) -> bool {
        // Each code is sought among all: for more than a few the class is made.
        if entry.confidentiality.len() > CODES_SOUGHT_MAX {
            return *self == Self::of(entry, own);
        }
        let origin = entry.origin.as_ref().filter(|_| entry.id.community == *own);
        self.community == entry.id.community
            && self.own == (entry.id.community == *own)
            && self.facility.as_ref() == origin.map(|o| &o.facility)
            && self.department == origin.map_or("-", |o| &o.department)
            && self.kind == origin.map_or("", |o| &o.kind)
            && self.class_code == entry.class.value
            && self.type_code == entry.type_code.value
            && entry.confidentiality.iter().all(|code| self.confidentiality.contains(&code.value))
            && self
                .confidentiality
                .iter()
                .all(|value| entry.confidentiality.iter().any(|c| c.value == *value))
            && self.original == origin.is_some_and(|o| o.original)
            && self.as_is == origin.is_some_and(|o| o.as_is)
    }
}

/// One question to the policies.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Question {
    pub(super) action: Action,
    pub(super) resource: Resource,
    pub(super) consent: ConsentWord,
    /// For `ask`.
    pub(super) operation: Option<Operation>,
}

/// The names of the schema, parsed once, and our own community.
#[derive(Debug, Clone)]
pub(super) struct Names {
    own: CommunityId,
    community: EntityTypeName,
    entry: EntityTypeName,
    facility: EntityTypeName,
    organization: EntityTypeName,
    requester: EntityTypeName,
    action: EntityTypeName,
}

/// A question that cannot be put to Cedar: our fault, and denied.
#[derive(Debug, thiserror::Error)]
#[error("not expressible in the policy schema: {0}")]
pub(super) struct Inexpressible(String);

impl Names {
    pub(super) fn new(own: CommunityId) -> Result<Self, Inexpressible> {
        let name = |text: &str| EntityTypeName::from_str(text).map_err(|e| Inexpressible(e.to_string()));
        Ok(Self {
            own,
            community: name("Community")?,
            entry: name("Entry")?,
            facility: name("Facility")?,
            organization: name("Organization")?,
            requester: name("Requester")?,
            action: name("Action")?,
        })
    }

    /// The request and the entities it speaks of.
    pub(super) fn question(
        &self,
        principal: &Principal,
        question: &Question,
    ) -> Result<(Request, Entities), Inexpressible> {
        let requester = self.requester(principal)?;
        let (resource, mut entities) = self.resource(&question.resource)?;
        let request = Request::new(
            requester.uid(),
            uid(&self.action, question.action.word()),
            resource,
            context(principal, question)?,
            None,
        )
        .map_err(|e| Inexpressible(e.to_string()))?;
        entities.push(requester);
        let entities = Entities::from_entities(entities, None).map_err(|e| Inexpressible(e.to_string()))?;
        Ok((request, entities))
    }

    fn requester(&self, principal: &Principal) -> Result<Entity, Inexpressible> {
        let roles = principal.roles.iter().map(|role| text(&role.0));
        let attributes = HashMap::from([
            ("side".to_owned(), text(principal.side.word())),
            ("purpose".to_owned(), text(principal.purpose.map_or("", Purpose::code))),
            ("vouched".to_owned(), RestrictedExpression::new_bool(principal.purpose.is_some())),
            ("roles".to_owned(), RestrictedExpression::new_set(roles)),
        ]);
        let parents = HashSet::from([
            uid(&self.community, principal.community.0.as_str()),
            uid(&self.organization, &principal.organization),
        ]);
        entity(uid(&self.requester, &principal.person), attributes, parents)
    }

    fn resource(&self, resource: &Resource) -> Result<(EntityUid, Vec<Entity>), Inexpressible> {
        let community = |id: &CommunityId| uid(&self.community, id.0.as_str());
        let plain = |name, parents| entity(name, HashMap::new(), parents);
        match resource {
            Resource::Community(id) => Ok((community(id), vec![plain(community(id), HashSet::new())?])),
            Resource::Facility(code) => {
                let facility = uid(&self.facility, code);
                let parents = HashSet::from([community(&self.own)]);
                Ok((facility.clone(), vec![plain(facility, parents)?]))
            }
            Resource::Entry(class) => {
                let facility = class.facility.as_ref().map(|code| uid(&self.facility, code));
                let parents = facility.clone().into_iter().chain([community(&class.community)]).collect();
                let entry = entity(uid(&self.entry, "entry"), attributes(class), parents)?;
                let mut entities = vec![entry];
                if let Some(facility) = facility {
                    entities.push(plain(facility, HashSet::from([community(&self.own)]))?);
                }
                Ok((uid(&self.entry, "entry"), entities))
            }
        }
    }
}

fn attributes(class: &EntryClass) -> HashMap<String, RestrictedExpression> {
    let confidentiality = class.confidentiality.iter().map(|code| text(code));
    HashMap::from([
        ("own".to_owned(), RestrictedExpression::new_bool(class.own)),
        ("department".to_owned(), text(&class.department)),
        ("kind".to_owned(), text(&class.kind)),
        ("classCode".to_owned(), text(&class.class_code)),
        ("typeCode".to_owned(), text(&class.type_code)),
        ("confidentiality".to_owned(), RestrictedExpression::new_set(confidentiality)),
        ("original".to_owned(), RestrictedExpression::new_bool(class.original)),
        ("as_is".to_owned(), RestrictedExpression::new_bool(class.as_is)),
    ])
}

fn context(principal: &Principal, question: &Question) -> Result<Context, Inexpressible> {
    let pairs = match question.operation {
        Some(operation) => vec![("operation".to_owned(), text(operation.word()))],
        None => vec![
            ("consent".to_owned(), text(question.consent.word())),
            ("emergency".to_owned(), RestrictedExpression::new_bool(principal.is_emergency())),
        ],
    };
    Context::from_pairs(pairs).map_err(|e| Inexpressible(e.to_string()))
}

fn entity(
    uid: EntityUid,
    attributes: HashMap<String, RestrictedExpression>,
    parents: HashSet<EntityUid>,
) -> Result<Entity, Inexpressible> {
    Entity::new(uid, attributes, parents).map_err(|e| Inexpressible(e.to_string()))
}

fn uid(name: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(name.clone(), EntityId::new(id))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

/// The role that an emergency needs.
const PHYSICIAN: &str = "physician";

#[cfg(test)]
mod tests;
