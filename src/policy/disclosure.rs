//! One requester's questions of one moment: policies and consents together. Disclosure needs a
//! consent, an agreement and no withdrawal (decisions C2); answers are remembered per class of
//! entry while one call lasts.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use smol_str::SmolStr;

use super::consent::{Asked, ConsentBook, HospitalNumber, Standing};
use super::entities::{Action, ConsentWord, EntryClass, Principal, Question, Resource};
use super::permit::Decision;
use super::policies::{PolicyVersion, Verdict};
use super::policy_set::EMERGENCY;
use crate::model::{CommunityId, DocumentEntry, Operation, Phi, RequestContext, Side, Timestamp};
use crate::store::Terms;

/// Policies and consents of one moment, asked for one requester.
pub(super) struct Disclosure<'a> {
    own: &'a CommunityId,
    principal: Arc<Principal>,
    now: Timestamp,
    policies: Arc<PolicyVersion>,
    pub(super) book: Arc<ConsentBook>,
    memo: HashMap<Question, bool>,
    /// Verdicts on the first classes of entries met: most lists have few, and an entry's own need not be made
    /// to find it here.
    shown: Vec<(EntryClass, ConsentWord, bool)>,
    determining: BTreeSet<String>,
    obligations: BTreeSet<String>,
}

/// Looked through one by one for each entry.
const SHOWN_MAX: usize = 16;

impl<'a> Disclosure<'a> {
    pub(super) fn new(
        own: &'a CommunityId,
        policies: Arc<PolicyVersion>,
        book: Arc<ConsentBook>,
        context: &RequestContext,
    ) -> Self {
        Self {
            own,
            principal: Arc::new(Principal::new(context)),
            now: context.received,
            policies,
            book,
            memo: HashMap::new(),
            shown: Vec::new(),
            determining: BTreeSet::new(),
            obligations: BTreeSet::new(),
        }
    }

    /// What came of it, for the record.
    pub(super) fn decision(&self, before: &Decision) -> Decision {
        let all = |set: &BTreeSet<String>, before: &[String]| {
            set.iter().chain(before).cloned().collect::<BTreeSet<_>>().into_iter().collect()
        };
        Decision {
            policies: all(&self.determining, &before.policies),
            policy_set: self.policies.hash.clone(),
            consent_version: self.book.version(),
            obligations: all(&self.obligations, &before.obligations),
        }
    }

    pub(super) fn may_ask(&mut self, community: &CommunityId, operation: Operation) -> bool {
        let resource = Resource::Community(community.clone());
        let consent = ConsentWord::NotApplied;
        self.permits(Question { action: Action::Ask, resource, consent, operation: Some(operation) })
    }

    /// Home side: may matches of this community be told?
    pub(super) fn may_find(&mut self, community: &CommunityId) -> bool {
        let resource = Resource::Community(community.clone());
        let consent = ConsentWord::NotApplied;
        self.permits(Question { action: Action::Find, resource, consent, operation: None })
    }

    /// May this entry be shown?
    pub(super) fn may_show(&mut self, entry: &DocumentEntry) -> bool {
        let consent = match (self.principal.side, &entry.origin) {
            (Side::Home, _) => ConsentWord::NotApplied,
            (Side::Peer, Some(origin)) if entry.id.community == *self.own => {
                let network_id = self.book.network_id_of(&origin.facility, &origin.patient.value).cloned();
                self.consent_word(&origin.facility, network_id.as_ref(), &origin.kind)
            }
            // What is not ours is not ours to hand on, and without an origin nobody consented.
            (Side::Peer, _) => return false,
        };
        let is_known = |(class, word, _): &&(EntryClass, ConsentWord, bool)| {
            *word == consent && class.is_of(entry, self.own)
        };
        if let Some((.., verdict)) = self.shown.iter().find(is_known) {
            return *verdict;
        }
        let class = EntryClass::of(entry, self.own);
        let resource = Resource::Entry(class.clone());
        let verdict = self.permits(Question { action: Action::Show, resource, consent, operation: None });
        if self.shown.len() < SHOWN_MAX {
            self.shown.push((class, consent, verdict));
        }
        verdict
    }

    /// Home side: may submission sets and folders of this community be shown whatever they hold? They are
    /// to a policy what an entry is of which nothing is known.
    pub(super) fn may_show_package(&mut self, community: &CommunityId) -> bool {
        self.permits(Question {
            action: Action::Show,
            resource: Resource::Entry(EntryClass::unknown(community, self.own)),
            consent: ConsentWord::NotApplied,
            operation: None,
        })
    }

    /// May a match of this hospital number be told, because the requester could be shown something
    /// of it? Peer side only.
    pub(super) fn may_tell_of(&mut self, number: &HospitalNumber) -> bool {
        let network_id = self.book.network_id_of(&number.facility, &number.number).cloned();
        let standing = self.standing(&number.facility, network_id.as_ref());
        self.could_show(&number.facility, network_id.as_ref(), &standing)
            && self.may_find_at(&number.facility, &standing)
    }

    /// Could anyone of this facility be told of at all? Peer side only (decisions E2).
    pub(super) fn could_tell_of_anyone(&mut self, facility: &str) -> bool {
        if self.could_show(facility, None, &Standing::None) && self.may_find_at(facility, &Standing::None) {
            return true;
        }
        let all = Standing::Consented { kinds: Terms::All };
        if !self.could_show(facility, None, &all) || !self.may_find_at(facility, &all) {
            return false;
        }
        let book = Arc::clone(&self.book);
        let community = self.principal.community.clone();
        book.persons_toward(&community, facility).any(|person| {
            let standing = self.standing(facility, Some(person));
            self.could_show(facility, Some(person), &standing)
        })
    }

    fn may_find_at(&mut self, facility: &str, standing: &Standing) -> bool {
        let mut find = |consent| {
            let resource = Resource::Facility(facility.to_owned());
            self.permits(Question { action: Action::Find, resource, consent, operation: None })
        };
        match standing {
            Standing::Blocked => false,
            Standing::Consented { .. } => find(ConsentWord::Granted) || find(ConsentWord::Missing),
            Standing::None => find(ConsentWord::Missing),
        }
    }

    pub(super) fn standing(&self, facility: &str, network_id: Option<&Phi<String>>) -> Standing {
        let (Some(network_id), Some(purpose)) = (network_id, self.principal.purpose) else {
            return Standing::None;
        };
        let viewer = self.principal.organization();
        let asked = Asked { community: &self.principal.community, viewer, purpose };
        match self.book.standing(&asked, facility, network_id, self.now) {
            // A "no" at one hospital toward this community is not overridden at another.
            Standing::None if self.is_hidden(network_id) => Standing::Blocked,
            standing => standing,
        }
    }

    pub(super) fn is_emergency(&self) -> bool {
        self.principal.is_emergency()
    }

    /// Whether the person said no toward the requester's community at any facility.
    pub(super) fn is_hidden(&self, network_id: &Phi<String>) -> bool {
        self.book.blocked_anywhere(&self.principal.community, network_id, self.now)
    }

    /// Whether at least one sort of entry of this facility could be shown under this standing.
    fn could_show(&self, facility: &str, network_id: Option<&Phi<String>>, standing: &Standing) -> bool {
        let overrides = match standing {
            Standing::Blocked => return false,
            Standing::Consented { kinds } => {
                let policies = Arc::clone(&self.policies);
                let kinds = match kinds {
                    Terms::All => &policies.probes.kinds,
                    Terms::Listed(kinds) => kinds,
                };
                if kinds.iter().any(|kind| self.could_show_kind(facility, kind, ConsentWord::Granted)) {
                    return true;
                }
                network_id.is_none_or(|id| !self.is_hidden(id))
            }
            Standing::None => true,
        };
        let policies = Arc::clone(&self.policies);
        overrides
            && self.principal.is_emergency()
            && policies
                .probes
                .kinds
                .iter()
                .any(|kind| self.could_show_kind(facility, kind, ConsentWord::Missing))
    }

    /// Whether an entry of a kind and any department could be shown; remembered across requests.
    fn could_show_kind(&self, facility: &str, kind: &str, consent: ConsentWord) -> bool {
        let question = |department: &str| Question {
            action: Action::Show,
            resource: Resource::Entry(EntryClass {
                community: self.own.clone(),
                own: true,
                facility: Some(facility.to_owned()),
                department: department.into(),
                kind: kind.into(),
                class_code: SmolStr::default(),
                type_code: SmolStr::default(),
                confidentiality: BTreeSet::from(["N".into()]),
                original: false,
                as_is: false,
            }),
            consent,
            operation: None,
        };
        self.policies.shows.get_with((Arc::clone(&self.principal), question("")), || {
            self.policies.probes.departments.iter().any(|department| {
                let verdict = self.policies.decide(&self.principal, &question(department));
                self.holds(consent, &verdict)
            })
        })
    }

    fn consent_word(&self, facility: &str, network_id: Option<&Phi<String>>, kind: &str) -> ConsentWord {
        match self.standing(facility, network_id) {
            Standing::Blocked => ConsentWord::Blocked,
            Standing::Consented { kinds } if kinds.cover(kind) => ConsentWord::Granted,
            Standing::Consented { .. } if network_id.is_some_and(|id| self.is_hidden(id)) => {
                ConsentWord::Blocked
            }
            Standing::Consented { .. } | Standing::None => ConsentWord::Missing,
        }
    }

    // What came of a question is noted when it is asked first; asked again it adds nothing.
    fn permits(&mut self, question: Question) -> bool {
        if let Some(holds) = self.memo.get(&question) {
            return *holds;
        }
        let verdict = self.policies.decide_once(&self.principal, &question);
        let holds = self.holds(question.consent, &verdict);
        self.determining.extend(verdict.policies.iter().cloned());
        if holds {
            self.obligations.extend(verdict.obligations.iter().cloned());
        }
        self.memo.insert(question, holds);
        holds
    }

    /// INVARIANT: whatever the policies say, a peer is shown nothing that is blocked, and without
    /// consent nothing but what a policy with the obligation `emergency` gives a physician who
    /// asks with the purpose EMERGENCY. This holds even if someone removes `00-default.cedar`.
    fn holds(&self, consent: ConsentWord, verdict: &Verdict) -> bool {
        let may = match consent {
            ConsentWord::Blocked => false,
            ConsentWord::Granted | ConsentWord::NotApplied => true,
            ConsentWord::Missing => self.principal.is_emergency() && verdict.obligations.contains(EMERGENCY),
        };
        verdict.allowed && may
    }
}
