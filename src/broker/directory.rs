//! The peers and sources of this moment. No transit: what a peer asks is answered from our own
//! sources alone, and no file can change that.

use std::sync::Arc;

use super::target::Target;
use crate::model::{CommunityId, RepositoryId, Side, TargetName};

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

    /// The targets a request from this side may reach.
    pub fn targets(&self, asked_from: Side) -> impl Iterator<Item = &Arc<Target>> {
        // INVARIANT: a peer's request reaches sources of our own community only (no transit).
        self.targets.iter().filter(move |target| asked_from == Side::Home || target.is_source())
    }

    /// Our own sources.
    pub fn sources(&self) -> impl Iterator<Item = &Arc<Target>> {
        self.targets.iter().filter(|target| target.is_source())
    }

    /// The peer that is this community, if a request from this side may reach it.
    pub fn peer(&self, asked_from: Side, community: &CommunityId) -> Option<&Arc<Target>> {
        self.targets(asked_from).find(|t| !t.is_source() && t.descriptor().community == *community)
    }

    /// Whether another community may claim ids, and this repository: its file is there, and names the
    /// repository where it names any.
    pub fn may_claim(
        &self,
        asked_from: Side,
        community: &CommunityId,
        repository: Option<&RepositoryId>,
    ) -> bool {
        let Some(peer) = self.peer(asked_from, community) else { return false };
        let held = &peer.descriptor().repositories;
        repository.is_none_or(|repository| held.is_empty() || held.contains(repository))
    }

    /// The source that holds this repository.
    pub fn source(&self, repository: &RepositoryId) -> Option<&Arc<Target>> {
        self.sources().find(|target| target.descriptor().repositories.contains(repository))
    }

    /// A target by its name, if a request from this side may reach it.
    pub fn named(&self, asked_from: Side, name: &TargetName) -> Option<&Arc<Target>> {
        self.targets(asked_from).find(|target| target.descriptor().name == *name)
    }
}
