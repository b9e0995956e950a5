//! Decides, before anything is asked and before anything is released (decisions A2, A8, C2 to C4,
//! E2). Nothing here waits: policies, consents and emergency ids are snapshots in memory. The time
//! of a decision is the arrival of its request.

use std::sync::Arc;

use super::consent::HospitalNumber;
use super::consents::Consents;
use super::disclosure::Disclosure;
use super::emergency::EmergencyIds;
use super::linked;
use super::permit::{Decision, Filtered, Permit, PermittedCommunity};
use super::policies::Policies;
use crate::model::{
    Answer, Authority, CommunityId, Descriptor, DocumentEntry, DocumentId, Finding, Operation, PatientId,
    Phi, Refusal, RequestContext, Side, Subject,
};

/// Decides on policies and consents of the moment.
#[derive(Debug)]
pub struct Authorizer {
    community: CommunityId,
    pub(super) authority: Authority,
    policies: Arc<Policies>,
    consents: Arc<Consents>,
    emergencies: Arc<EmergencyIds>,
}

impl Authorizer {
    /// `community` and `authority` are our own.
    pub const fn new(
        community: CommunityId,
        authority: Authority,
        policies: Arc<Policies>,
        consents: Arc<Consents>,
        emergencies: Arc<EmergencyIds>,
    ) -> Self {
        Self { community, authority, policies, consents, emergencies }
    }

    /// May this requester ask this at all? No patient is known yet (decisions A2).
    ///
    /// # Errors
    /// `Denied`.
    pub fn may_ask(&self, context: &RequestContext, operation: Operation) -> Result<(), Refusal> {
        let may = self.disclosure(context).may_ask(&self.community, operation);
        if may { Ok(()) } else { Err(Refusal::Denied) }
    }

    /// Home side: may this requester be told of persons of this community at all?
    pub fn may_find(&self, context: &RequestContext, community: &CommunityId) -> bool {
        self.disclosure(context).may_find(community)
    }

    /// May this be asked of these targets, about these patients (their ids as home knows them) and,
    /// for a retrieve, of these entries? The permit is narrowed to what may be.
    ///
    /// # Errors
    /// `Denied`. Nothing left to ask is a permit without targets: unknown, unconsented and withheld
    /// take the same path to an empty answer (decisions A2).
    pub fn authorize(
        &self,
        context: &RequestContext,
        operation: Operation,
        patients: &[PatientId],
        entries: Vec<DocumentEntry>,
        targets: &[&Descriptor],
    ) -> Result<Permit, Refusal> {
        let mut disclosure = self.disclosure(context);
        if !disclosure.may_ask(&self.community, operation) {
            return Err(Refusal::Denied);
        }
        let entries: Vec<_> = entries.into_iter().filter(|entry| disclosure.may_show(entry)).collect();
        let narrowed: Vec<_> = targets
            .iter()
            .filter(|target| match (operation, context.side, target.side) {
                (_, Side::Peer, Side::Peer) => false,
                (Operation::DocumentRetrieve, _, _) => {
                    disclosure.may_ask(&target.community, operation)
                        && entries.iter().any(|entry| holds(target, entry))
                }
                (_, Side::Peer, Side::Home) => {
                    self.could_tell(&mut disclosure, context, target, patients, targets)
                }
                (_, Side::Home, _) => {
                    disclosure.may_ask(&target.community, operation)
                        && self.concerns(&disclosure, context, target, patients, targets)
                }
            })
            .collect();
        let community = |target: &&&Descriptor| PermittedCommunity {
            side: target.side,
            community: target.community.clone(),
            authorities: target.authorities.clone(),
        };
        Ok(Permit {
            request: context.id,
            operation,
            patients: patients.to_vec(),
            targets: narrowed.iter().map(|target| target.name.clone()).collect(),
            entries,
            decision: disclosure.decision(&Decision::default()),
            communities: narrowed.iter().map(community).collect(),
        })
    }

    /// Takes out every finding that may not be shown.
    pub fn filter<T: Finding>(
        &self,
        context: &RequestContext,
        permit: &Permit,
        answer: Answer<T>,
    ) -> Filtered<T> {
        let mut disclosure = self.disclosure(context);
        let before = answer.found.len();
        let Answer { found, witnesses, is_joined_only, .. } = answer;
        let (found, witnesses) = linked::shown(found, witnesses, is_joined_only, |finding| {
            self.may_tell(&mut disclosure, context, permit, finding)
        });
        let answer = Answer { found, witnesses, ..answer };
        Filtered {
            withheld: before - answer.found.len(),
            decision: disclosure.decision(&permit.decision),
            answer,
        }
    }

    /// Whether packages of a community may be shown to this requester whatever they hold.
    pub fn shows_packages(&self, context: &RequestContext, community: &CommunityId) -> bool {
        context.side == Side::Home && self.disclosure(context).may_show_package(community)
    }

    /// The consent snapshot of this moment; grows with every change.
    pub fn consent_version(&self) -> u64 {
        self.consents.book().version()
    }

    /// Whether a document that is running may go on, by the consents of this moment.
    pub fn still_allows(&self, context: &RequestContext, permit: &Permit, document: &DocumentId) -> bool {
        let book = self.consents.book();
        permit.entry(document).is_some_and(|entry| {
            book.version() == permit.decision.consent_version || self.disclosure(context).may_show(entry)
        })
    }

    /// The consents in force.
    pub const fn consents(&self) -> &Arc<Consents> {
        &self.consents
    }

    /// The emergency ids still good.
    pub const fn emergencies(&self) -> &Arc<EmergencyIds> {
        &self.emergencies
    }

    /// The policies in force.
    pub const fn policies(&self) -> &Arc<Policies> {
        &self.policies
    }

    pub(super) fn disclosure(&self, context: &RequestContext) -> Disclosure<'_> {
        Disclosure::new(&self.community, self.policies.version(), self.consents.book(), context)
    }

    fn may_tell<T: Finding>(
        &self,
        disclosure: &mut Disclosure<'_>,
        context: &RequestContext,
        permit: &Permit,
        found: &T,
    ) -> bool {
        match (found.subject(), context.side) {
            (Subject::Entry(entry), _) => disclosure.may_show(entry),
            (Subject::Package(package), Side::Home) => disclosure.may_show_package(&package.community),
            (Subject::Document(id), _) => permit.entry(id).is_some_and(|entry| disclosure.may_show(entry)),
            (Subject::Patient(id), Side::Peer) => {
                let numbers = self.numbers(disclosure, context, id);
                numbers.iter().any(|number| disclosure.may_tell_of(number))
            }
            (Subject::Patient(id), Side::Home) => self
                .community_of(permit, &id.authority)
                .is_some_and(|community| disclosure.may_find(&community)),
            // A peer wants more attributes: which one, the finding does not say.
            (Subject::Anyone, Side::Home) => {
                let mut peers = permit.communities.iter().filter(|c| c.side == Side::Peer).peekable();
                peers.peek().is_some() && peers.all(|peer| disclosure.may_find(&peer.community))
            }
            // Its title may tell what it holds: toward a peer it stands by what it holds alone.
            (Subject::Anyone | Subject::Package(_), Side::Peer) | (Subject::Unknown, _) => false,
        }
    }

    /// Peer side: is there anything this source could show this requester of these patients, or of
    /// anyone while nobody is named?
    fn could_tell(
        &self,
        disclosure: &mut Disclosure<'_>,
        context: &RequestContext,
        source: &Descriptor,
        patients: &[PatientId],
        targets: &[&Descriptor],
    ) -> bool {
        let Some(facility) = &source.facility else { return false };
        if patients.is_empty() {
            return disclosure.could_tell_of_anyone(facility);
        }
        patients.iter().any(|patient| {
            let numbers = match facility_of(targets, &patient.authority) {
                Some(at) => vec![HospitalNumber { facility: at.to_owned(), number: patient.value.clone() }],
                None => self.numbers(disclosure, context, patient),
            };
            numbers.iter().any(|number| number.facility == *facility && disclosure.may_tell_of(number))
        })
    }

    /// Home side: is a target to be asked about these patients? An id of a peer goes to that peer
    /// only; a person of ours to peers that a consent of theirs names (decisions A7, A8).
    fn concerns(
        &self,
        disclosure: &Disclosure<'_>,
        context: &RequestContext,
        target: &Descriptor,
        patients: &[PatientId],
        targets: &[&Descriptor],
    ) -> bool {
        patients.is_empty()
            || patients.iter().any(|patient| {
                let is_foreign =
                    |t: &&&Descriptor| t.side == Side::Peer && t.authorities.contains(&patient.authority);
                let book = &disclosure.book;
                if targets.iter().any(|t| is_foreign(&t)) {
                    return target.side == Side::Peer && target.authorities.contains(&patient.authority);
                }
                if target.side == Side::Home {
                    return true;
                }
                let network_id = match facility_of(targets, &patient.authority) {
                    Some(facility) => book.network_id_of(facility, &patient.value),
                    None => Some(&patient.value).filter(|_| patient.authority == self.authority),
                };
                let named = |id: &Phi<String>| book.abroad(id, context.received);
                network_id
                    .is_some_and(|id| named(id).iter().any(|(community, _)| *community == target.community))
            })
    }

    pub(super) fn numbers(
        &self,
        disclosure: &Disclosure<'_>,
        context: &RequestContext,
        id: &PatientId,
    ) -> Vec<HospitalNumber> {
        if id.authority != self.authority {
            return Vec::new();
        }
        match self.emergencies.lookup(id, &context.requester.community, context.received) {
            Some(number) if disclosure.is_emergency() => vec![number],
            Some(_) => Vec::new(),
            None => disclosure.book.numbers_of(&id.value).to_vec(),
        }
    }

    fn community_of(&self, permit: &Permit, authority: &Authority) -> Option<CommunityId> {
        let speaks = permit.communities.iter().find(|c| c.authorities.contains(authority));
        let own = || (*authority == self.authority).then(|| self.community.clone());
        speaks.map(|c| c.community.clone()).or_else(own)
    }
}

fn facility_of<'a>(targets: &[&'a Descriptor], authority: &Authority) -> Option<&'a str> {
    let source = targets.iter().find(|t| t.side == Side::Home && t.authorities.contains(authority))?;
    source.facility.as_deref()
}

/// Whether a target holds the document of an entry.
fn holds(target: &Descriptor, entry: &DocumentEntry) -> bool {
    entry.id.community == target.community
        && (target.side == Side::Peer || target.repositories.contains(&entry.id.repository))
}

#[cfg(test)]
mod tests;
