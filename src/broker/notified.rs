//! What the network's own PIX manager tells of persons' ids (ITI-44, ITI-46): nothing is learned from it,
//! but what rests on links that are no more is given up before it is acknowledged.

use std::collections::BTreeSet;

use super::link_changes::LinkChange;
use super::pipeline::Broker;
use crate::model::{CommunityId, PatientId, PatientRecord, RequestId, Side};
use crate::store::StoreError;

impl Broker {
    /// Gives up what no longer holds: correlations, under which ids entries and persons were shown, and
    /// what requests are about to answer.
    ///
    /// # Errors
    /// The store's; the manager tells it again then.
    pub async fn links_changed(&self, request: RequestId, record: &PatientRecord) -> Result<(), StoreError> {
        let change = LinkChange::of(record);
        let directory = self.directory();
        let is_own = |id: &PatientId| id.authority == self.identity.authority;
        let is_at_home = |id: &PatientId| {
            let mut sources = directory.sources();
            is_own(id) || sources.any(|source| source.descriptor().authorities.contains(&id.authority))
        };
        let over = || self.link_changes.note(change.clone());
        let ended = self.correlations.links_changed(&change, is_own, over).await?;
        tracing::info!(%request, correlations_ended = ended.len(), "links have changed");
        self.pages.forget(&change, is_at_home);
        if change.is_merge {
            // Nothing is shown as before under any id that it names, whether or not it was remembered: which
            // of them a document was shown under for whom is not known here.
            let at_home: BTreeSet<PatientId> =
                change.ids.iter().filter(|id| is_at_home(id)).cloned().collect();
            for target in directory.spoken_of(Side::Home).filter(|target| !target.is_source()) {
                self.forget_shown_under(request, &target.descriptor().community, &at_home).await;
            }
        }
        for resting in ended {
            let mut shown_under: BTreeSet<PatientId> = resting.rests_on.into_iter().collect();
            let own = PatientId { authority: self.identity.authority.clone(), value: resting.network_id };
            shown_under.insert(own);
            self.forget_shown_under(request, &resting.community, &shown_under).await;
        }
        Ok(())
    }

    async fn forget_shown_under(
        &self,
        request: RequestId,
        community: &CommunityId,
        ids: &BTreeSet<PatientId>,
    ) {
        self.entry_cache.forget(community, |patient| ids.contains(patient));
        if let Err(error) = self.claims.forget_shown_under(community, ids).await {
            // The ids are a network's own and end with the correlations; what is left is how portals see
            // entries that they were shown before.
            tracing::error!(%request, %error, "under which ids entries were shown could not be forgotten");
        }
    }
}
