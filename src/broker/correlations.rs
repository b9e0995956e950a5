//! What other networks call a person whom we know: learned by a look-up, remembered as long as they allow
//! it, so that demographics do not cross again for each question. A store that fails costs a look-up.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::RwLock;

use super::ends::Ends;
use super::home_links::HomeLinks;
use super::link_changes::LinkChange;
use crate::model::{CommunityId, Demographics, PatientId, RequestContext, TargetName, Timestamp};
use crate::store::{Basis, Correlation, OPEN, Resting, Store, StoreError};
use crate::telemetry::Metrics;

/// The correlations.
pub struct Correlations {
    store: Store,
    metrics: Arc<Metrics>,
    /// Whether the network's PIX manager is told of what is learned.
    feeds: bool,
    /// Held while something is kept; while links change nothing is.
    keeping: RwLock<()>,
    ends: Arc<Ends>,
}

/// What a look-up has brought.
#[derive(Clone, Copy)]
pub(super) struct Learned<'a> {
    /// Our id of the person.
    pub known: &'a PatientId,
    /// Whom it was asked of.
    pub from: (&'a TargetName, &'a CommunityId),
    /// Their ids of the person.
    pub ids: &'a [PatientId],
    /// For how long they may be remembered.
    pub keep_for: Option<Duration>,
    /// What was sent of the person.
    pub sent: Option<&'a Demographics>,
    /// The consents under which it was permitted.
    pub consent_version: u64,
}

/// What a card says.
#[derive(Clone, Copy)]
pub(super) struct ByCard<'a> {
    /// Our id of the person.
    pub known: &'a PatientId,
    /// The network's, and what it rests on.
    pub card: &'a Correlation,
    /// When it ends.
    pub until: Option<Timestamp>,
    /// Whether it is in use so already.
    pub is_kept: bool,
    /// Whether the network has called them otherwise.
    pub replaces: bool,
    /// What the PIX manager is told with it.
    pub sent: Option<&'a Demographics>,
    /// The consents that brought it.
    pub consent_version: u64,
}

/// What becomes of a card that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CardUse {
    /// Its network is asked with it.
    Good,
    /// Its network has given it up: the person is looked up.
    GivenUp,
    /// The store does not answer, or the consents or links have changed meanwhile.
    NotNow,
}

/// Beyond this age an id under which nothing is found is looked up anew: a gateway may answer for an id
/// that it has given up as for nobody.
pub const SUSPECT_FROM_S: i64 = 86_400;

/// How long a request waits for the store.
const STORE_WAIT: Duration = Duration::from_secs(2);

impl Correlations {
    /// Kept in this store; the network's PIX manager is told of them, if it wants to be.
    pub fn new(store: Store, (metrics, ends): (Arc<Metrics>, Arc<Ends>), feeds: bool) -> Self {
        Self { store, metrics, feeds, keeping: RwLock::default(), ends }
    }

    /// What other networks call this person, as far as it is remembered.
    pub async fn of(&self, context: &RequestContext, known: &PatientId) -> Vec<Correlation> {
        let reading = self.store.correlations(&known.value, context.received);
        within(context, reading).await.unwrap_or_default()
    }

    /// A look-up has brought ids, to be remembered as long as they may be and as what they rest on stands.
    pub(super) async fn learned(
        &self,
        context: &RequestContext,
        links: &HomeLinks<'_>,
        learned: Learned<'_>,
    ) {
        let Learned { known, from: (target, community), ids, keep_for, sent, consent_version } = learned;
        self.metrics.correlation(&target.0, "asked");
        let Some(keep_for) = keep_for else {
            // What the manager was told of before holds no more either.
            if self.feeds {
                let given_up = Resting {
                    network_id: known.value.clone(),
                    community: community.clone(),
                    rests_on: Vec::new(),
                };
                within(context, self.store.end_correlations(&[given_up], context.received)).await;
            }
            return;
        };
        let seconds = i64::try_from(keep_for.as_secs()).unwrap_or(i64::MAX);
        let times = (context.received, context.received.plus_seconds(seconds));
        let rests_on = links.ids_of(known);
        let basis = Basis { ids: &rests_on, fed: sent.filter(|_| self.feeds), is_card: false };
        within(context, async {
            let _keeping = self.keeping.read().await;
            if links.have_changed() {
                return Ok(false);
            }
            let whose = (&known.value, community);
            self.store.keep_learned(whose, ids, times, consent_version, basis).await
        })
        .await;
    }

    /// A card is what its network calls the person, and nothing has to be learned: it stands for what a
    /// look-up has brought, and rests on the same links. It is not used where the store does not take note of
    /// what is to end with it.
    pub(super) async fn by_card(
        &self,
        context: &RequestContext,
        links: &HomeLinks<'_>,
        by_card: ByCard<'_>,
    ) -> CardUse {
        let ByCard { known, card, until, is_kept, replaces, sent, consent_version } = by_card;
        if is_kept {
            return CardUse::Good;
        }
        let (whose, rests_on) = ((&known.value, &card.community), card.rests_on.as_slice());
        let is_given_up = within(context, self.store.is_given_up(whose.0, whose.1, &card.id)).await;
        match is_given_up {
            Some(false) => {}
            Some(true) => return CardUse::GivenUp,
            None => return CardUse::NotNow,
        }
        if replaces {
            let ended = within(context, self.store.end_known(whose.0, whose.1, context.received)).await;
            let Some(ended) = ended else { return CardUse::NotNow };
            self.ends.note(ended);
        }
        let basis = Basis { ids: rests_on, fed: sent.filter(|_| self.feeds), is_card: true };
        let times = (context.received, until.unwrap_or(OPEN));
        let kept = within(context, async {
            let _keeping = self.keeping.read().await;
            if links.have_changed() {
                return Ok(false);
            }
            let ids = std::slice::from_ref(&card.id);
            self.store.keep_learned(whose, ids, times, consent_version, basis).await
        });
        if kept.await == Some(true) { CardUse::Good } else { CardUse::NotNow }
    }

    /// Ends what rests on links that are no more, before anything that comes later sees it. Gives what was
    /// ended. `over` is told once that is done, while nothing is kept.
    ///
    /// # Errors
    /// The store's; nothing is ended then.
    pub(super) async fn links_changed(
        &self,
        change: &LinkChange,
        is_own: impl Fn(&PatientId) -> bool,
        over: impl FnOnce(),
    ) -> Result<Vec<Resting>, StoreError> {
        let _nothing_is_kept = self.keeping.write().await;
        let ids: Vec<PatientId> = change.ids.iter().cloned().collect();
        let own: Vec<_> = ids.iter().filter(|id| is_own(id)).map(|id| id.value.clone()).collect();
        let mut resting = self.store.correlations_resting_on(&own, &ids).await?;
        resting.retain(|resting| resting.rests_on.is_empty() || change.ends(resting.rests_on.iter()));
        if !resting.is_empty() {
            self.store.end_correlations(&resting, Timestamp::now()).await?;
        }
        over();
        Ok(resting)
    }

    /// The person was asked about under a remembered id.
    pub fn remembered(&self, target: &TargetName) {
        self.metrics.correlation(&target.0, "remembered");
    }

    /// The network does not know the person under the remembered id any more.
    pub async fn is_stale(
        &self,
        context: &RequestContext,
        known: &PatientId,
        (target, community): (&TargetName, &CommunityId),
    ) {
        self.metrics.correlation(&target.0, "stale");
        if let Some(ended) = within(context, self.store.give_up(&known.value, community)).await {
            self.ends.note(ended);
        }
    }
}

async fn within<T>(
    context: &RequestContext,
    asked: impl Future<Output = Result<T, StoreError>>,
) -> Option<T> {
    match tokio::time::timeout(STORE_WAIT, asked).await {
        Ok(Ok(done)) => Some(done),
        Ok(Err(error)) => {
            tracing::warn!(request = %context.id, %error, "correlations cannot be used: the person is looked up");
            None
        }
        Err(_) => {
            tracing::warn!(request = %context.id, "the store of correlations does not answer: the person is looked up");
            None
        }
    }
}
