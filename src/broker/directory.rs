//! The peers and sources of this moment. No transit: what a peer asks is answered from our own
//! sources alone, as is what nobody was vouched for asks, and no file can change that.

use std::sync::Arc;

use super::target::Target;
use crate::model::{CommunityId, RepositoryId, RequestContext, Side, TargetName};

/// All targets, swapped whole.
#[derive(Default)]
pub struct PeerDirectory {
    targets: Vec<Arc<Target>>,
}

impl PeerDirectory {
    /// From all targets that are configured.
    pub const fn new(targets: Vec<Arc<Target>>) -> Self {
        Self { targets }
    }

    /// The targets a request may reach.
    pub fn targets(&self, context: &RequestContext) -> impl Iterator<Item = &Arc<Target>> {
        // INVARIANT: a peer's request reaches sources of our own community only (no transit), and so does one
        // behind which no person stands.
        let beyond_home = context.side == Side::Home && context.requester.vouched.is_some();
        self.targets.iter().filter(move |target| beyond_home || target.is_source())
    }

    /// The targets whose ids of a person may be told to this side where they are remembered: for that nobody
    /// is asked.
    pub fn spoken_of(&self, asked_from: Side) -> impl Iterator<Item = &Arc<Target>> {
        self.targets.iter().filter(move |target| asked_from == Side::Home || target.is_source())
    }

    /// Our own sources.
    pub fn sources(&self) -> impl Iterator<Item = &Arc<Target>> {
        self.targets.iter().filter(|target| target.is_source())
    }

    /// The peer that is this community, if this request may reach it.
    pub fn peer(&self, context: &RequestContext, community: &CommunityId) -> Option<&Arc<Target>> {
        self.targets(context).find(|t| !t.is_source() && t.descriptor().community == *community)
    }

    /// Whether another community may claim ids, and this repository: its file is there, and names the
    /// repository where it names any.
    pub fn may_claim(
        &self,
        context: &RequestContext,
        community: &CommunityId,
        repository: Option<&RepositoryId>,
    ) -> bool {
        let Some(peer) = self.peer(context, community) else { return false };
        let held = &peer.descriptor().repositories;
        repository.is_none_or(|repository| held.is_empty() || held.contains(repository))
    }

    /// The source that holds this repository.
    pub fn source(&self, repository: &RepositoryId) -> Option<&Arc<Target>> {
        self.sources().find(|target| target.descriptor().repositories.contains(repository))
    }

    /// A target by its name, if this request may reach it.
    pub fn named(&self, context: &RequestContext, name: &TargetName) -> Option<&Arc<Target>> {
        self.targets(context).find(|target| target.descriptor().name == *name)
    }
}
