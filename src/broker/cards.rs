//! Ids that other networks gave on a card, and the end of ids: what was remembered with one that has ended
//! is forgotten before anything else is asked, and what runs meanwhile keeps nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use time::Date;
use tokio::sync::{RwLock, RwLockReadGuard};

use super::correlations::ByCard;
use super::pipeline::Broker;
use super::resolve::{About, Correlation, Resolver};
use crate::model::{
    Answer, CommunityId, FoundPatient, PatientId, PatientMatch, RegistryObject, RequestContext, Timestamp,
};
use crate::policy::{HospitalNumber, japan_day};
use crate::store::{Correlation as KnownId, Ended};

/// How often ids have ended, and when those whose days are over were last looked for.
#[derive(Default)]
pub struct Ends {
    so_far: RwLock<SoFar>,
}

#[derive(Default)]
pub struct SoFar {
    /// How often any have ended.
    pub count: u64,
    day: Option<Date>,
    failed: Option<Timestamp>,
}

impl Ends {
    /// How often so far; while it is held none ends.
    pub async fn so_far(&self) -> RwLockReadGuard<'_, SoFar> {
        self.so_far.read().await
    }
}

impl SoFar {
    // Where the store has failed, nothing is remembered, and it is left alone for a while.
    fn is_to_look(&self, now: Timestamp) -> bool {
        self.day.is_none_or(|seen| seen < japan_day(now))
            && self.failed.is_none_or(|failed| failed.plus_seconds(AGAIN_AFTER_S) <= now)
    }
}

/// After a failure the store is asked again no sooner.
const AGAIN_AFTER_S: i64 = 10;
/// How long a request waits for the store.
const STORE_WAIT: Duration = Duration::from_secs(2);

impl Broker {
    /// Forgets what was remembered with ids that consents or the day have ended since the last request.
    pub(super) async fn end_what_has_ended(&self, context: &RequestContext) {
        let consents = self.authorizer.consents();
        if !consents.have_ended() && !self.ends.so_far().await.is_to_look(context.received) {
            return;
        }
        let mut so_far = self.ends.so_far.write().await;
        let mut ended = consents.take_ended();
        if so_far.is_to_look(context.received) {
            let over = self.store.end_cards_over(context.received);
            match tokio::time::timeout(STORE_WAIT, over).await {
                Ok(Ok(over)) => {
                    so_far.day = Some(japan_day(context.received));
                    for (community, ids) in over {
                        ended.entry(community).or_default().extend(ids);
                    }
                }
                failed => {
                    let error = failed.map(|done| done.map_err(|error| error.to_string()));
                    tracing::error!(request = %context.id, ?error, "cards that are over cannot be ended: nothing is remembered");
                    so_far.failed = Some(context.received);
                    self.entry_cache.clear();
                    self.pages.clear();
                }
            }
        }
        if !ended.is_empty() {
            so_far.count += 1;
            self.forget(context, &ended).await;
        }
    }

    /// Forgets what was remembered with these ids.
    pub(super) async fn forget(&self, context: &RequestContext, ended: &Ended) {
        if ended.is_empty() {
            return;
        }
        for (community, ids) in ended {
            self.entry_cache.forget(community, |patient| ids.contains(&patient.value));
            self.pages.forget_ids(ids);
            tracing::info!(request = %context.id, %community, ids = ids.len(), "ids have ended: what they brought is forgotten");
        }
        match tokio::time::timeout(STORE_WAIT, self.store.forget_shown_with(ended)).await {
            Ok(Ok(())) => {}
            failed => {
                let error = failed.map(|done| done.map_err(|error| error.to_string()));
                tracing::error!(request = %context.id, ?error, "what was shown with ids that have ended may be remembered");
            }
        }
    }
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
    ) -> Vec<KnownId> {
        let (book, now) = (self.authorizer.consents().book(), context.received);
        if correlation.is_none() && !book.has_cards(&known.value) {
            return Vec::new();
        }
        let linked = self.links.ids_of(known);
        let remembered = self.correlations.of(context, known).await;
        let (by_card, mut learned): (Vec<_>, Vec<_>) = remembered.into_iter().partition(|id| id.is_card);
        // What the manager does not say any more holds no more, whether or not it has told us.
        learned.retain(|id| {
            let is_theirs = book.may_be_called(&known.value, &id.community, &id.id, now);
            upholds(&linked, &id.rests_on) && is_theirs
        });
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
            let of_network = |id: &&KnownId| id.community == community;
            let by_card = ByCard {
                known,
                card: &card,
                until: held.until,
                is_kept: by_card.iter().filter(of_network).any(is_same),
                replaces: learned.iter().filter(of_network).any(|other| other.id != card.id),
                sent: sent.map(|sent| sent.reveal()),
                consent_version: book.version(),
            };
            if self.correlations.by_card(context, &self.links, by_card).await {
                learned.retain(|id| id.community != community);
                learned.push(card);
            }
        }
        learned
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
