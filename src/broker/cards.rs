//! Ids that other networks gave on a card, and what stands under one that counts for nobody.

use std::collections::BTreeSet;

use super::correlations::{ByCard, CardUse};
use super::resolve::{About, Correlation, Resolver};
use crate::model::{
    Answer, CommunityId, DocumentEntry, FoundPatient, PatientId, PatientMatch, RegistryObject, RequestContext,
};
use crate::policy::HospitalNumber;
use crate::store::Correlation as KnownId;

/// What other networks call a person.
#[derive(Debug, Default)]
pub(super) struct KnownAbroad {
    pub ids: Vec<KnownId>,
    /// Networks with a card that counts and cannot be used at the moment. They are not asked: name and birth
    /// date do not cross to whom there is a card.
    pub not_now: BTreeSet<CommunityId>,
}

impl Resolver<'_> {
    /// What other networks call a person whom a consent names to them: as their cards say, else as they
    /// once said themselves.
    pub(super) async fn known_abroad(
        &self,
        context: &RequestContext,
        known: &PatientId,
        numbers: &[HospitalNumber],
        correlation: Option<&Correlation>,
    ) -> KnownAbroad {
        let (book, now) = (self.authorizer.consents().book(), context.received);
        if correlation.is_none() && !book.has_cards(&known.value) {
            return KnownAbroad::default();
        }
        let linked = self.links.ids_of(known);
        let remembered = self.correlations.of(context, known).await;
        let (by_card, mut learned): (Vec<_>, Vec<_>) = remembered.into_iter().partition(|id| id.is_card);
        // What the manager does not say any more holds no more, whether or not it has told us.
        learned.retain(|id| {
            let is_theirs = book.may_be_called(&known.value, &id.community, &id.id, now);
            upholds(&linked, &id.rests_on) && is_theirs
        });
        let mut not_now = BTreeSet::new();
        for (community, abroad) in book.abroad(&known.value, now) {
            let held = book.card_of(&known.value, &community, now);
            // It rests on the number whose row brought it.
            let is_linked = |number: &HospitalNumber| numbers.contains(number) && abroad.contains(number);
            let Some(held) = held.filter(|held| is_linked(&held.number)) else { continue };
            if !self.is_assigned_by(context, &community, &held.id) {
                tracing::warn!(request = %context.id, %community, "a card is of an authority that the network's file does not name: not used");
                continue;
            }
            let card = KnownId {
                community: community.clone(),
                id: held.id,
                at: now,
                rests_on: linked.clone(),
                is_card: true,
            };
            let is_same = |kept: &KnownId| kept.id == card.id && kept.rests_on == card.rests_on;
            let sent = correlation.and_then(|correlation| correlation.demographics(&community));
            let consented_until = book.consented_until(&known.value, &community, &held.number, now);
            let of_network = |id: &&KnownId| id.community == community;
            let by_card = ByCard {
                known,
                card: &card,
                until: [held.until, consented_until].into_iter().flatten().min(),
                is_kept: by_card.iter().filter(of_network).any(is_same),
                replaces: learned.iter().filter(of_network).any(|other| other.id != card.id),
                sent: sent.map(|sent| sent.reveal()),
                consent_version: book.version(),
            };
            let used = self.correlations.by_card(context, &self.links, by_card).await;
            if used != CardUse::GivenUp {
                learned.retain(|id| id.community != community);
            }
            match used {
                CardUse::Good => learned.push(card),
                CardUse::GivenUp => {}
                CardUse::NotNow => {
                    tracing::warn!(request = %context.id, %community, "a card cannot be used at the moment: its network is not asked");
                    not_now.insert(community);
                }
            }
        }
        KnownAbroad { ids: learned, not_now }
    }

    fn is_assigned_by(&self, context: &RequestContext, community: &CommunityId, id: &PatientId) -> bool {
        let mut peers = self.directory.targets(context).filter(|target| !target.is_source());
        peers.any(|peer| {
            let descriptor = peer.descriptor();
            descriptor.community == *community && descriptor.authorities.contains(&id.authority)
        })
    }

    /// Those of these ids that are of cards which do not count: used for nobody.
    pub(super) fn over<'i>(
        &self,
        context: &RequestContext,
        ids: impl Iterator<Item = &'i PatientId>,
    ) -> BTreeSet<PatientId> {
        let book = self.authorizer.consents().book();
        let is_over = |id: &&PatientId| {
            let mut peers = self.directory.targets(context).filter(|target| !target.is_source());
            peers.any(|peer| {
                let descriptor = peer.descriptor();
                descriptor.authorities.contains(&id.authority)
                    && book.is_over(&descriptor.community, id, context.received)
            })
        };
        ids.collect::<BTreeSet<_>>().into_iter().filter(is_over).cloned().collect()
    }

    /// Takes out what lies at other networks under ids of cards that do not count.
    pub(super) fn without_over(&self, context: &RequestContext, answer: &mut Answer<RegistryObject>) {
        let abroad = |object: &&RegistryObject| *object.community() != self.identity.community;
        let objects = answer.found.iter().chain(&answer.witnesses).filter(abroad);
        let over = self.over(context, objects.filter_map(RegistryObject::patient));
        if over.is_empty() {
            return;
        }
        let stays = |object: &RegistryObject| object.patient().is_none_or(|patient| !over.contains(patient));
        answer.found.retain(stays);
        answer.witnesses.retain(stays);
    }

    /// Takes out persons of other networks under ids of cards that do not count.
    pub(super) fn without_persons_over(&self, context: &RequestContext, found: &mut Vec<PatientMatch>) {
        let abroad = |found: &FoundPatient| found.community != self.identity.community;
        let over = self.over(
            context,
            found.iter().filter_map(|found| match found {
                PatientMatch::Found(found) if abroad(found) => Some(&found.id),
                _ => None,
            }),
        );
        found.retain_mut(|found| match found {
            PatientMatch::Found(found) if abroad(found) => {
                found.also.retain(|id| !over.contains(id));
                !over.contains(&found.id)
            }
            _ => true,
        });
    }

    /// Takes out what other networks call by ids by which they may not mean the person of this request.
    pub(super) fn without_others(
        &self,
        context: &RequestContext,
        about: &About,
        answer: &mut Answer<RegistryObject>,
    ) {
        let stays = |object: &RegistryObject| {
            let (home, patient) = (object.community(), object.patient());
            *home == self.identity.community
                || patient.is_none_or(|patient| self.may_mean(context, about, home, patient))
        };
        answer.found.retain(stays);
        answer.witnesses.retain(stays);
    }

    /// Takes out entries of other networks that were shown under ids of cards that do not
    /// count.
    pub(super) fn without_entries_over(&self, context: &RequestContext, entries: &mut Vec<DocumentEntry>) {
        let abroad = |entry: &&DocumentEntry| entry.id.community != self.identity.community;
        let over = self.over(context, entries.iter().filter(abroad).map(|entry| &entry.patient));
        entries
            .retain(|entry| entry.id.community == self.identity.community || !over.contains(&entry.patient));
    }

    /// Whether another network may mean the person of this request by this id.
    pub(super) fn may_mean(
        &self,
        context: &RequestContext,
        about: &About,
        community: &CommunityId,
        id: &PatientId,
    ) -> bool {
        let book = self.authorizer.consents().book();
        let mut own = about.patients.iter().filter(|known| known.authority == self.identity.authority);
        own.all(|known| book.may_be_called(&known.value, community, id, context.received))
    }
}

// Whether an id may still be used that was learned when these ids at home were one person's: all of them
// still are. Without a manager nobody says which are.
fn upholds(linked: &[PatientId], rests_on: &[PatientId]) -> bool {
    linked.is_empty() || (!rests_on.is_empty() && rests_on.iter().all(|id| linked.contains(id)))
}
