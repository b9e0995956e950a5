//! What other networks call a person whom we know: learned by a look-up, remembered as long as they allow
//! it, so that demographics do not cross again for each question. A store that fails costs a look-up.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{CommunityId, PatientId, RequestContext, TargetName};
use crate::store::{Correlation, Store, StoreError};
use crate::telemetry::Metrics;

/// The correlations.
pub struct Correlations {
    store: Store,
    metrics: Arc<Metrics>,
}

/// Beyond this age an id under which nothing is found is looked up anew: a gateway may answer for an id
/// that it has given up as for nobody.
pub const SUSPECT_FROM_S: i64 = 86_400;

/// How long a request waits for the store.
const STORE_WAIT: Duration = Duration::from_secs(2);

impl Correlations {
    /// Kept in this store.
    pub const fn new(store: Store, metrics: Arc<Metrics>) -> Self {
        Self { store, metrics }
    }

    /// What other networks call this person, as far as it is remembered.
    pub async fn of(&self, context: &RequestContext, known: &PatientId) -> Vec<Correlation> {
        let reading = self.store.correlations(&known.value, context.received);
        within(context, reading).await.unwrap_or_default()
    }

    /// A look-up, permitted under these consents, has brought these ids, to be remembered for that long.
    pub async fn learned(
        &self,
        context: &RequestContext,
        known: &PatientId,
        from: (&TargetName, &CommunityId),
        ids: &[PatientId],
        keep_for: Option<Duration>,
        consent_version: u64,
    ) {
        let (target, community) = from;
        self.metrics.correlation(&target.0, "asked");
        let Some(keep_for) = keep_for else { return };
        let seconds = i64::try_from(keep_for.as_secs()).unwrap_or(i64::MAX);
        let until = context.received.plus_seconds(seconds);
        let times = (context.received, until);
        let keeping = self.store.keep_correlations(&known.value, community, ids, times, consent_version);
        within(context, keeping).await;
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
        within(context, self.store.forget_correlations(&known.value, community)).await;
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
