//! Only what can match: policies sorted by action and by the community their scope names, so that a
//! decision costs the same with ten agreements and with a thousand (goals.md, finding 2).

use std::collections::HashMap;

use cedar_policy::{ActionConstraint, EntityUid, Policy, PolicySet, PolicySetError, PrincipalConstraint};

use super::entities::Action;
use crate::model::CommunityId;

/// The slices of a policy set.
#[derive(Debug, Default)]
pub(super) struct PolicyIndex {
    named: HashMap<String, Slices>,
    /// Policies that name no community in their scope; part of every named slice, too.
    general: Slices,
}

#[derive(Debug, Clone, Default)]
struct Slices([PolicySet; 3]);

impl PolicyIndex {
    pub(super) fn new(whole: &PolicySet) -> Result<Self, Box<PolicySetError>> {
        let mut index = Self::default();
        let is_general = |policy: &&Policy| community_of(policy).is_none();
        for policy in whole.policies().filter(is_general) {
            index.general.add(policy)?;
        }
        for policy in whole.policies() {
            if let Some(community) = community_of(policy) {
                let general = &index.general;
                index.named.entry(community).or_insert_with(|| general.clone()).add(policy)?;
            }
        }
        Ok(index)
    }

    /// All policies that can match a requester of this community and this action.
    pub(super) fn slice(&self, community: &CommunityId, action: Action) -> &PolicySet {
        let Slices([ask, find, show]) = self.named.get(community.0.as_str()).unwrap_or(&self.general);
        match action {
            Action::Ask => ask,
            Action::Find => find,
            Action::Show => show,
        }
    }
}

impl Slices {
    fn add(&mut self, policy: &Policy) -> Result<(), Box<PolicySetError>> {
        for (slice, action) in self.0.iter_mut().zip(Action::ALL) {
            if speaks_of(policy, action) {
                slice.add(policy.clone()).map_err(Box::new)?;
            }
        }
        Ok(())
    }
}

/// The community a requester must stand in for the policy to match; None when the scope does not
/// say. Requesters stand in exactly one, the one of their certificate.
fn community_of(policy: &Policy) -> Option<String> {
    match policy.principal_constraint() {
        PrincipalConstraint::In(uid) | PrincipalConstraint::IsIn(_, uid) => {
            (uid.type_name().to_string() == "Community").then(|| uid.id().unescaped().to_owned())
        }
        PrincipalConstraint::Any | PrincipalConstraint::Eq(_) | PrincipalConstraint::Is(_) => None,
    }
}

fn speaks_of(policy: &Policy, action: Action) -> bool {
    let is_it = |uid: &EntityUid| uid.id().unescaped() == action.word();
    match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(uid) => is_it(&uid),
        ActionConstraint::In(uids) => uids.iter().any(is_it),
    }
}
