//! Ids of a person at other networks, as a look-up brought them (XCPD CorrelationTimeToLive). There are no
//! more than consents name: a person's go when a consent for that network is withdrawn.

use super::open::{Store, StoreError};
use crate::model::{Authority, CommunityId, Oid, PatientId, Phi, Timestamp};

/// A network's id of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correlation {
    /// The network.
    pub community: CommunityId,
    /// What it calls them.
    pub id: PatientId,
    /// When it was learned.
    pub at: Timestamp,
}

impl Store {
    /// The ids remembered of the person whom we know under this network id.
    ///
    /// # Errors
    /// The database's; `Unreadable` when one does not read back.
    pub async fn correlations(
        &self,
        network_id: &Phi<String>,
        now: Timestamp,
    ) -> Result<Vec<Correlation>, StoreError> {
        let rows: Vec<(String, String, String, i64)> = sqlx::query_as(
            "SELECT community, authority, value, at_us FROM correlation WHERE network_id = $1 AND until_us > $2",
        )
        .bind(network_id.reveal())
        .bind(now.micros())
        .fetch_all(&self.reader)
        .await?;
        let read = |(community, authority, value, at): (String, String, String, i64)| {
            let id = PatientId { authority: Authority(Oid::parse(&authority)?), value: Phi::new(value) };
            let community = CommunityId(Oid::parse(&community)?);
            Some(Correlation { community, id, at: Timestamp::from_micros(at) })
        };
        let read = rows.into_iter().map(read).collect::<Option<Vec<_>>>();
        read.ok_or_else(|| StoreError::Unreadable("a correlation".to_owned()))
    }

    /// Remembers a network's ids of a person until then, and forgets what it called them before. Nothing
    /// is kept where the consents are no longer those under which it was asked.
    ///
    /// # Errors
    /// The database's; all is as before then.
    pub async fn keep_correlations(
        &self,
        network_id: &Phi<String>,
        community: &CommunityId,
        ids: &[PatientId],
        (at, until): (Timestamp, Timestamp),
        consent_version: u64,
    ) -> Result<(), StoreError> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let present: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM consent_change")
            .fetch_one(&mut *tx)
            .await?;
        if present.unsigned_abs() != consent_version {
            return Ok(());
        }
        sqlx::query(FORGET).bind(network_id.reveal()).bind(community.0.as_str()).execute(&mut *tx).await?;
        for id in ids {
            sqlx::query(
                "INSERT INTO correlation (network_id, community, authority, value, at_us, until_us)
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            )
            .bind(network_id.reveal())
            .bind(community.0.as_str())
            .bind(id.authority.0.as_str())
            .bind(id.value.reveal())
            .bind(at.micros())
            .bind(until.micros())
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Forgets a network's ids of a person.
    ///
    /// # Errors
    /// The database's.
    pub async fn forget_correlations(
        &self,
        network_id: &Phi<String>,
        community: &CommunityId,
    ) -> Result<(), StoreError> {
        let forget = sqlx::query(FORGET).bind(network_id.reveal()).bind(community.0.as_str());
        forget.execute(&self.writer).await?;
        Ok(())
    }

    /// Forgets what may be remembered no longer. Gives how many rows.
    ///
    /// # Errors
    /// The database's.
    pub async fn purge_correlations(&self, now: Timestamp) -> Result<u64, StoreError> {
        let purge = sqlx::query("DELETE FROM correlation WHERE until_us <= $1").bind(now.micros());
        Ok(purge.execute(&self.writer).await?.rows_affected())
    }
}

pub(super) const FORGET: &str = "DELETE FROM correlation WHERE network_id = $1 AND community = $2";

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000_000);

    fn id(value: &str) -> PatientId {
        PatientId::new(Authority(Oid::parse("2.999.34.1").unwrap()), value)
    }

    #[tokio::test]
    async fn ids_are_remembered_for_their_time_over_a_restart_and_replace_the_earlier_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k.db");
        let (person, there) = (Phi::new("N-1".to_owned()), CommunityId(Oid::parse("2.999.34").unwrap()));
        let store = Store::open_file(&path).await.unwrap();
        let until = NOW.plus_seconds(60);
        store.keep_correlations(&person, &there, &[id("H-0")], (NOW, until), 0).await.unwrap();
        store.keep_correlations(&person, &there, &[id("H-1"), id("H-2")], (NOW, until), 0).await.unwrap();
        drop(store);
        let store = Store::open_file(&path).await.unwrap();
        let kept = store.correlations(&person, NOW).await.unwrap();
        let learned = |value| Correlation { community: there.clone(), id: id(value), at: NOW };
        assert_eq!(kept, [learned("H-1"), learned("H-2")]);
        assert!(store.correlations(&Phi::new("N-2".to_owned()), NOW).await.unwrap().is_empty());
        assert!(store.correlations(&person, until).await.unwrap().is_empty(), "their time is over");
        assert_eq!(store.purge_correlations(until).await.unwrap(), 2);
        store.keep_correlations(&person, &there, &[id("H-1")], (NOW, until), 0).await.unwrap();
        store.keep_correlations(&person, &there, &[id("H-9")], (NOW, until), 1).await.unwrap();
        let kept = store.correlations(&person, NOW).await.unwrap();
        assert_eq!(kept, [learned("H-1")], "asked under other consents than are in force");
        store.forget_correlations(&person, &there).await.unwrap();
        assert!(store.correlations(&person, NOW).await.unwrap().is_empty());
    }
}
