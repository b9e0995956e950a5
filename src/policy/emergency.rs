//! The ids handed out in an emergency (decisions C4): random, of our authority, bound to the asking
//! community and a hospital number, good for 24 hours and for the purpose EMERGENCY only (which
//! `authorizer.rs` sees to).

use std::collections::HashMap;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use super::consent::HospitalNumber;
use crate::model::{Authority, CommunityId, PatientId, Phi, Timestamp};
use crate::store::{EmergencyId, Store, StoreError};

/// The emergency ids still good, in memory and in the store.
#[derive(Debug)]
pub struct EmergencyIds {
    authority: Authority,
    ids: ArcSwap<HashMap<Phi<String>, EmergencyId>>,
    issuing: Mutex<()>,
}

/// Why no id was handed out.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// [`IDS_MAX`] are in use.
    #[error("more than {IDS_MAX} emergency ids in use")]
    TooMany,
}

impl EmergencyIds {
    /// Those of the store that are still good.
    ///
    /// # Errors
    /// The store's.
    pub async fn load(store: &Store, authority: Authority, now: Timestamp) -> Result<Self, StoreError> {
        let ids = store.emergency_ids(now).await?.into_iter().map(|id| (id.id.clone(), id)).collect();
        Ok(Self { authority, ids: ArcSwap::from_pointee(ids), issuing: Mutex::new(()) })
    }

    /// None yet.
    pub fn empty(authority: Authority) -> Self {
        Self { authority, ids: ArcSwap::default(), issuing: Mutex::new(()) }
    }

    /// A fresh id for a community and a hospital number, durable before it is returned.
    ///
    /// # Errors
    /// The store's; `TooMany`.
    pub async fn issue(
        &self,
        store: &Store,
        community: &CommunityId,
        person: &HospitalNumber,
        now: Timestamp,
    ) -> Result<PatientId, IssueError> {
        let _one_at_a_time = self.issuing.lock().await;
        let mut ids: HashMap<_, _> = self
            .ids
            .load()
            .iter()
            .filter(|(_, id)| now < id.expires)
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        if ids.len() >= IDS_MAX {
            return Err(IssueError::TooMany);
        }
        let id = EmergencyId {
            id: Phi::new(uuid::Uuid::new_v4().simple().to_string()),
            community: community.clone(),
            facility: person.facility.clone(),
            patient_no: person.number.clone(),
            expires: now.plus_seconds(GOOD_FOR_S),
        };
        store.add_emergency_id(&id, now).await?;
        let patient = PatientId { authority: self.authority.clone(), value: id.id.clone() };
        ids.insert(id.id.clone(), id);
        self.ids.store(ids.into());
        Ok(patient)
    }

    /// Whom an id stands for toward a community.
    pub fn lookup(&self, id: &PatientId, community: &CommunityId, now: Timestamp) -> Option<HospitalNumber> {
        let ids = self.ids.load();
        let found = ids.get(&id.value).filter(|_| id.authority == self.authority)?;
        (found.community == *community && now < found.expires)
            .then(|| HospitalNumber { facility: found.facility.clone(), number: found.patient_no.clone() })
    }
}

/// How long an id is good.
const GOOD_FOR_S: i64 = 24 * 3600;

/// Ids in use at a time. An emergency is rare; this many are an attack.
const IDS_MAX: usize = 10_000;
