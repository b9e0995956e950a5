//! The ids handed out in an emergency (decisions C4): random, of our authority, bound to the asking
//! community and a hospital number, good for 24 hours and for the purpose EMERGENCY only (which
//! `authorizer.rs` sees to).

use std::collections::{BTreeMap, HashMap};
use std::sync::PoisonError;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::consent::HospitalNumber;
use crate::model::{Authority, CommunityId, PatientId, Phi, Timestamp};
use crate::store::{EmergencyId, Store, StoreError};

/// The emergency ids still good, in memory and in the store.
#[derive(Debug)]
pub struct EmergencyIds {
    authority: Authority,
    ids: ArcSwap<Ids>,
    issuing: Mutex<()>,
    refused: std::sync::Mutex<BTreeMap<CommunityId, u64>>,
}

type Ids = HashMap<Phi<String>, EmergencyId>;

/// Why no id was handed out.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store does not answer.
    #[error("the store does not answer")]
    Late,
    /// [`IDS_MAX`] are in use, or [`COMMUNITY_IDS_MAX`] by this community.
    #[error("{in_use} emergency ids in use, asked for by {community}")]
    TooMany {
        /// Who asked for one more.
        community: CommunityId,
        /// How many count against it.
        in_use: usize,
    },
}

impl EmergencyIds {
    /// Those of the store that are still good.
    ///
    /// # Errors
    /// The store's.
    pub async fn load(store: &Store, authority: Authority, now: Timestamp) -> Result<Self, StoreError> {
        let ids: Ids = store.emergency_ids(now).await?.into_iter().map(|id| (id.id.clone(), id)).collect();
        Ok(Self { ids: ArcSwap::from_pointee(ids), ..Self::empty(authority) })
    }

    /// None yet.
    pub fn empty(authority: Authority) -> Self {
        Self {
            authority,
            ids: ArcSwap::default(),
            issuing: Mutex::new(()),
            refused: std::sync::Mutex::default(),
        }
    }

    /// The id of a community for a hospital number, durable before it is returned: the one still
    /// good for half its time at least, else a fresh one, and no id is good for longer than a day. So
    /// one who asks again uses up nothing.
    ///
    /// # Errors
    /// The store's; `TooMany`, which hits the community that has them unless all are in use.
    pub async fn issue(
        &self,
        store: &Store,
        community: &CommunityId,
        person: &HospitalNumber,
        now: Timestamp,
    ) -> Result<PatientId, IssueError> {
        let _one_at_a_time = self.issuing.lock().await;
        let mut ids: Ids = HashMap::clone(&self.ids.load());
        ids.retain(|_, id| now < id.expires);
        let is_same = |id: &&EmergencyId| {
            id.community == *community && id.facility == person.facility && id.patient_no == person.number
        };
        let known = ids.values().filter(is_same).max_by_key(|id| id.expires).cloned();
        if let Some(known) = known.as_ref().filter(|id| now.plus_seconds(GOOD_FOR_S / 2) <= id.expires) {
            return Ok(self.patient(known));
        }
        self.has_room(&ids, community)?;
        let id = EmergencyId {
            id: Phi::new(uuid::Uuid::new_v4().simple().to_string()),
            community: community.clone(),
            facility: person.facility.clone(),
            patient_no: person.number.clone(),
            expires: now.plus_seconds(GOOD_FOR_S),
        };
        let kept = timeout(STORE_WAIT, store.keep_emergency_id(&id, now)).await;
        kept.map_err(|_| IssueError::Late)??;
        let patient = self.patient(&id);
        ids.insert(id.id.clone(), id);
        self.ids.store(ids.into());
        Ok(patient)
    }

    fn patient(&self, id: &EmergencyId) -> PatientId {
        PatientId { authority: self.authority.clone(), value: id.id.clone() }
    }

    fn has_room(&self, ids: &Ids, community: &CommunityId) -> Result<(), IssueError> {
        let own = ids.values().filter(|id| id.community == *community).count();
        let in_use = match (own >= COMMUNITY_IDS_MAX, ids.len() >= IDS_MAX) {
            (false, false) => return Ok(()),
            (true, _) => own,
            (false, true) => ids.len(),
        };
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *refused.entry(community.clone()).or_default() += 1;
        Err(IssueError::TooMany { community: community.clone(), in_use })
    }

    /// How many ids were refused to each community since the start, for the metrics.
    pub fn refused(&self) -> BTreeMap<CommunityId, u64> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whom an id stands for toward a community.
    pub fn lookup(&self, id: &PatientId, community: &CommunityId, now: Timestamp) -> Option<HospitalNumber> {
        let ids = self.ids.load();
        let found = ids.get(&id.value).filter(|_| id.authority == self.authority)?;
        (found.community == *community && now < found.expires)
            .then(|| HospitalNumber { facility: found.facility.clone(), number: found.patient_no.clone() })
    }
}

const STORE_WAIT: Duration = Duration::from_secs(5);

/// How long an id is good.
const GOOD_FOR_S: i64 = 24 * 3600;

/// Ids in use at a time. An emergency is rare; this many are an attack.
const IDS_MAX: usize = 10_000;

/// Ids one community may have in use at a time, so that none uses up those of all.
const COMMUNITY_IDS_MAX: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Oid;

    fn community(text: &str) -> CommunityId {
        CommunityId(Oid::parse(text).unwrap())
    }

    fn number(text: &str) -> HospitalNumber {
        HospitalNumber { facility: "3310000001".to_owned(), number: Phi::new(text.to_owned()) }
    }

    async fn store(folder: &tempfile::TempDir) -> Store {
        Store::open_file(&folder.path().join("k.db")).await.unwrap()
    }

    fn authority() -> Authority {
        Authority(Oid::parse("2.999.33.1").unwrap())
    }

    /// As many ids in use by a community as said.
    fn in_use(by: &[(&CommunityId, usize)], now: Timestamp) -> EmergencyIds {
        let ids = EmergencyIds::empty(authority());
        let mut all = Ids::new();
        for (community, count) in by {
            for at in 0..*count {
                let id = Phi::new(format!("{community}-{at}"));
                let entry = EmergencyId {
                    id: id.clone(),
                    community: (*community).clone(),
                    facility: "3310000001".to_owned(),
                    patient_no: Phi::new(format!("{at}")),
                    expires: now.plus_seconds(GOOD_FOR_S),
                };
                all.insert(id, entry);
            }
        }
        ids.ids.store(all.into());
        ids
    }

    #[tokio::test]
    async fn asking_again_gives_the_same_id_for_half_a_day_and_no_id_outlives_its_day_nor_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let (store, ids) = (store(&folder).await, EmergencyIds::empty(authority()));
        let (hm, now) = (community("2.999.34"), Timestamp::from_micros(1_780_000_000_000_000));
        let first = ids.issue(&store, &hm, &number("1"), now).await.unwrap();
        for at in [now, now.plus_seconds(60), now.plus_seconds(GOOD_FOR_S / 2)] {
            assert_eq!(ids.issue(&store, &hm, &number("1"), at).await.unwrap(), first);
        }
        let late = now.plus_seconds(GOOD_FOR_S - 60);
        let second = ids.issue(&store, &hm, &number("1"), late).await.unwrap();
        assert_ne!(second, first);
        assert_eq!(ids.lookup(&first, &hm, late), Some(number("1")), "the first is good to its end");
        assert_ne!(ids.issue(&store, &hm, &number("2"), now).await.unwrap(), first);
        assert_ne!(ids.issue(&store, &community("2.999.35"), &number("1"), now).await.unwrap(), first);
        let next_day = now.plus_seconds(GOOD_FOR_S + 60);
        let again = EmergencyIds::load(&store, authority(), next_day).await.unwrap();
        assert_eq!(again.lookup(&first, &hm, next_day), None);
        assert_eq!(again.lookup(&second, &hm, next_day), Some(number("1")));
    }

    #[tokio::test]
    async fn one_community_at_its_cap_is_refused_and_counted_and_others_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        let (hm, other, now) = (community("2.999.34"), community("2.999.35"), Timestamp::now());
        let ids = in_use(&[(&hm, COMMUNITY_IDS_MAX)], now);
        let refused = ids.issue(&store, &hm, &number("new"), now).await;
        assert!(matches!(refused, Err(IssueError::TooMany { in_use: COMMUNITY_IDS_MAX, .. })));
        assert!(ids.issue(&store, &hm, &number("7"), now).await.is_ok(), "known ones are still given");
        assert!(ids.issue(&store, &other, &number("new"), now).await.is_ok());
        assert_eq!(ids.refused(), BTreeMap::from([(hm, 1)]));
    }

    #[tokio::test]
    async fn the_cap_of_all_communities_stands_above() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        let (now, last) = (Timestamp::now(), community("2.999.99"));
        let many: Vec<_> =
            (0..IDS_MAX / COMMUNITY_IDS_MAX).map(|at| community(&format!("2.999.3.{at}"))).collect();
        let by: Vec<_> = many.iter().map(|community| (community, COMMUNITY_IDS_MAX)).collect();
        let ids = in_use(&by, now);
        let refused = ids.issue(&store, &last, &number("new"), now).await;
        assert!(matches!(refused, Err(IssueError::TooMany { in_use: IDS_MAX, .. })));
    }
}
