//! Which community was shown with which ids, so that a portal that names no home can be answered after
//! a restart. Several communities may claim an id: all are kept, and whoever asks decides.

use super::{Store, StoreError};
use crate::model::{CommunityId, Oid, Phi, Timestamp};

/// A keyed hash of an id.
pub type IdHash = [u8; 16];

/// An object as it was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRow {
    /// Its id.
    pub object: IdHash,
    /// Its unique id.
    pub unique: IdHash,
    /// The repository it names, where it names one.
    pub repository: Option<IdHash>,
    /// Whose it is.
    pub community: CommunityId,
    /// The patient id it was shown under, CX.
    pub patient: Phi<String>,
}

/// What is looked up by its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    /// The id of an object.
    Object,
    /// A repositoryUniqueId.
    Repository,
    /// The unique id of an object.
    Unique,
}

impl Store {
    /// Keeps what this system was shown; what was kept within a day stays as it is, without a write.
    ///
    /// # Errors
    /// When the database fails; nothing of them is kept then.
    pub async fn keep_claims(
        &self,
        system: &str,
        rows: &[ClaimRow],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (rows, count) = (listed(rows), rows.len());
        let stale = now.plus_seconds(-REFRESHED_AFTER_S).micros();
        let fresh: i64 =
            sqlx::query_scalar(FRESH).bind(&rows).bind(system).bind(stale).fetch_one(&self.reader).await?;
        if usize::try_from(fresh).is_ok_and(|fresh| fresh == count) {
            return Ok(());
        }
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        for statement in [KEEP_OBJECTS, KEEP_REPOSITORIES] {
            sqlx::query(statement)
                .bind(&rows)
                .bind(system)
                .bind(now.micros())
                .bind(stale)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The communities that claimed each of these ids after a time, as far as any did.
    ///
    /// # Errors
    /// The database's; `Unreadable` when a row does not read back.
    pub async fn claims(
        &self,
        claimed: Claimed,
        ids: &[IdHash],
        since: Timestamp,
    ) -> Result<Vec<(IdHash, CommunityId)>, StoreError> {
        let statement = match claimed {
            Claimed::Object => BY_OBJECT,
            Claimed::Repository => BY_REPOSITORY,
            Claimed::Unique => BY_UNIQUE,
        };
        let ids: Vec<String> = ids.iter().map(hex::encode).collect();
        let rows: Vec<(Vec<u8>, String)> = sqlx::query_as(statement)
            .bind(serde_json::to_string(&ids).unwrap_or_default())
            .bind(since.micros())
            .fetch_all(&self.reader)
            .await?;
        let read = |(id, community): (Vec<u8>, String)| {
            Some((IdHash::try_from(id).ok()?, CommunityId(Oid::parse(&community)?)))
        };
        let rows = rows.into_iter().map(read).collect::<Option<Vec<_>>>();
        rows.ok_or_else(|| StoreError::Unreadable("a claimed id".to_owned()))
    }

    /// The patient ids, CX, under which this system was shown these objects of these communities.
    ///
    /// # Errors
    /// As [`Store::claims`].
    pub async fn shown_under(
        &self,
        system: &str,
        objects: &[IdHash],
        since: Timestamp,
    ) -> Result<Vec<(IdHash, CommunityId, Phi<String>)>, StoreError> {
        let objects: Vec<String> = objects.iter().map(hex::encode).collect();
        let rows: Vec<(Vec<u8>, String, String)> = sqlx::query_as(
            "SELECT object, community, patient FROM json_each($1) JOIN claimed_object ON object = unhex(value)
             WHERE system = $2 AND at_us > $3",
        )
        .bind(serde_json::to_string(&objects).unwrap_or_default())
        .bind(system)
        .bind(since.micros())
        .fetch_all(&self.reader)
        .await?;
        let read = |(id, community, patient): (Vec<u8>, String, String)| {
            let community = CommunityId(Oid::parse(&community)?);
            Some((IdHash::try_from(id).ok()?, community, Phi::new(patient)))
        };
        let rows = rows.into_iter().map(read).collect::<Option<Vec<_>>>();
        rows.ok_or_else(|| StoreError::Unreadable("a claimed id".to_owned()))
    }

    /// Forgets what was last shown until a time, and of each community what is older than so many
    /// objects; to be called now and then. Gives how many objects.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn purge_claims(&self, until: Timestamp, objects_max: u64) -> Result<u64, StoreError> {
        let mut purged = 0;
        for statement in [
            "DELETE FROM claimed_repository WHERE at_us <= $1",
            "DELETE FROM claimed_object WHERE (object, community, system) IN
             (SELECT object, community, system FROM claimed_object WHERE at_us <= $1 LIMIT 5000)",
        ] {
            let done = sqlx::query(statement).bind(until.micros()).execute(&self.writer).await?;
            purged = done.rows_affected();
        }
        let over: Vec<(String, i64)> = sqlx::query_as(
            "SELECT community, count(*) FROM claimed_object GROUP BY community HAVING count(*) > $1",
        )
        .bind(i64::try_from(objects_max).unwrap_or(i64::MAX))
        .fetch_all(&self.reader)
        .await?;
        for (community, count) in over {
            let surplus = count.saturating_sub(i64::try_from(objects_max).unwrap_or(i64::MAX));
            let done = sqlx::query(
                "DELETE FROM claimed_object WHERE (object, community, system) IN
                 (SELECT object, community, system FROM claimed_object WHERE community = $1
                  ORDER BY at_us LIMIT $2)",
            )
            .bind(community)
            .bind(surplus)
            .execute(&self.writer)
            .await?;
            purged += done.rows_affected();
        }
        Ok(purged)
    }
}

/// Rows as one parameter, each a list in the order of the statements below.
fn listed(rows: &[ClaimRow]) -> String {
    let row = |row: &ClaimRow| {
        let [object, unique] = [&row.object, &row.unique].map(hex::encode);
        let (home, patient) = (row.community.0.to_string(), row.patient.reveal().clone());
        (object, home, unique, patient, row.repository.as_ref().map(hex::encode))
    };
    serde_json::to_string(&rows.iter().map(row).collect::<Vec<_>>()).unwrap_or_default()
}

/// How old a row may grow before being shown again makes it young.
const REFRESHED_AFTER_S: i64 = 86_400;

const FRESH: &str = "SELECT count(*) FROM json_each($1) AS shown
    JOIN claimed_object AS known ON known.object = unhex(shown.value ->> 0)
      AND known.community = shown.value ->> 1 AND known.system = $2
    LEFT JOIN claimed_repository AS held ON held.repository = unhex(shown.value ->> 4)
      AND held.community = shown.value ->> 1
    WHERE known.unique_id = unhex(shown.value ->> 2) AND known.patient = shown.value ->> 3
      AND known.at_us > $3 AND (shown.value ->> 4 IS NULL OR held.at_us > $3)";

const KEEP_OBJECTS: &str = "INSERT INTO claimed_object (object, community, system, unique_id, patient, at_us)
    SELECT unhex(value ->> 0), value ->> 1, $2, unhex(value ->> 2), value ->> 3, $3 FROM json_each($1) WHERE TRUE
    ON CONFLICT (object, community, system) DO UPDATE
      SET unique_id = excluded.unique_id, patient = excluded.patient, at_us = excluded.at_us
      WHERE unique_id <> excluded.unique_id OR patient <> excluded.patient OR at_us <= $4";

const KEEP_REPOSITORIES: &str = "INSERT INTO claimed_repository (repository, community, at_us)
    SELECT DISTINCT unhex(value ->> 4), value ->> 1, $3 FROM json_each($1)
    WHERE $2 = $2 AND value ->> 4 IS NOT NULL
    ON CONFLICT (repository, community) DO UPDATE SET at_us = excluded.at_us WHERE at_us <= $4";

const BY_OBJECT: &str = "SELECT DISTINCT object, community FROM json_each($1)
    JOIN claimed_object ON object = unhex(value) WHERE at_us > $2";

const BY_UNIQUE: &str = "SELECT DISTINCT unique_id, community FROM json_each($1)
    JOIN claimed_object ON unique_id = unhex(value) WHERE at_us > $2";

const BY_REPOSITORY: &str = "SELECT repository, community FROM json_each($1)
    JOIN claimed_repository ON repository = unhex(value) WHERE at_us > $2";

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn community(text: &str) -> CommunityId {
        CommunityId(Oid::parse(text).unwrap())
    }

    fn row(object: u8, home: &str, patient: &str) -> ClaimRow {
        ClaimRow {
            object: [object; 16],
            unique: [object + 100; 16],
            repository: Some([7; 16]),
            community: community(home),
            patient: Phi::new(patient.to_owned()),
        }
    }

    fn day(n: i64) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000).plus_seconds(n * DAY)
    }

    async fn store(folder: &tempfile::TempDir) -> Store {
        Store::open_file(&folder.path().join("k.db")).await.unwrap()
    }

    #[tokio::test]
    async fn every_community_that_claims_an_id_is_found_by_it_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let first = store(&folder).await;
        first.keep_claims("p", &[row(1, "2.999.34", "a"), row(2, "2.999.33", "b")], day(0)).await.unwrap();
        first.keep_claims("q", &[row(1, "2.999.31", "c")], day(0)).await.unwrap();
        drop(first);
        let again = store(&folder).await;
        let mut found = again.claims(Claimed::Object, &[[1; 16], [9; 16]], day(-1)).await.unwrap();
        found.sort();
        assert_eq!(found, [([1; 16], community("2.999.31")), ([1; 16], community("2.999.34"))]);
        let found = again.claims(Claimed::Unique, &[[102; 16]], day(-1)).await.unwrap();
        assert_eq!(found, [([102; 16], community("2.999.33"))]);
        assert_eq!(again.claims(Claimed::Repository, &[[7; 16]], day(-1)).await.unwrap().len(), 3);
        assert!(again.claims(Claimed::Repository, &[[7; 16]], day(0)).await.unwrap().is_empty(), "too old");
    }

    #[tokio::test]
    async fn the_patient_is_who_this_system_was_shown_last() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        for (at, patient) in [(0, "a"), (0, "b")] {
            store.keep_claims("p", &[row(1, "2.999.34", patient)], day(at)).await.unwrap();
        }
        let shown = store.shown_under("p", &[[1; 16]], day(-1)).await.unwrap();
        assert_eq!(shown, [([1; 16], community("2.999.34"), Phi::new("b".to_owned()))]);
        assert!(store.shown_under("q", &[[1; 16]], day(-1)).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn being_shown_again_keeps_a_claim_and_the_oldest_of_each_community_go_first() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        for n in 0..4_u8 {
            store.keep_claims("p", &[row(n, "2.999.34", "a")], day(i64::from(n))).await.unwrap();
        }
        store.keep_claims("p", &[row(9, "2.999.31", "a")], day(0)).await.unwrap();
        store.keep_claims("p", &[row(0, "2.999.34", "a")], day(5)).await.unwrap();
        assert_eq!(store.purge_claims(day(-1), 2).await.unwrap(), 2);
        let all: Vec<IdHash> = (0..10_u8).map(|n| [n; 16]).collect();
        let mut left = store.claims(Claimed::Object, &all, day(-1)).await.unwrap();
        left.sort();
        let left: Vec<u8> = left.into_iter().map(|(id, _)| id[0]).collect();
        assert_eq!(left, [0, 3, 9], "the other community loses nothing to this one");
        assert_eq!(store.purge_claims(day(3), 9).await.unwrap(), 2);
        assert_eq!(store.claims(Claimed::Object, &all, day(-1)).await.unwrap().len(), 1);
        assert_eq!(store.claims(Claimed::Repository, &[[7; 16]], day(-1)).await.unwrap().len(), 1);
    }
}
