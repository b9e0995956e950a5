//! Ids of a person at other networks, as a look-up brought them (XCPD CorrelationTimeToLive). There are no
//! more than consents name: a person's go when a consent for that network is withdrawn.

use super::feed;
use super::open::{Store, StoreError};
use crate::model::{Authority, CommunityId, Demographics, Oid, PatientId, Phi, Timestamp};

/// A network's id of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correlation {
    /// The network.
    pub community: CommunityId,
    /// What it calls them.
    pub id: PatientId,
    /// When it was learned.
    pub at: Timestamp,
    /// The ids at home that were one person's then; none where nobody said so.
    pub rests_on: Vec<PatientId>,
    /// Whether a card says so, and not a look-up.
    pub is_card: bool,
}

/// What correlations are learned by.
#[derive(Debug, Clone, Copy, Default)]
pub struct Basis<'a> {
    /// The ids at home that were one person's.
    pub ids: &'a [PatientId],
    /// Whom the PIX manager is told to have the ids that were learned; None is not told.
    pub fed: Option<&'a Demographics>,
    /// Whether a card says so, and not a look-up.
    pub is_card: bool,
}

/// A person's correlations at a network, with what they rest on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resting {
    /// Our id of the person.
    pub network_id: Phi<String>,
    /// The network.
    pub community: CommunityId,
    /// The ids at home that were one person's; none where nobody said so.
    pub rests_on: Vec<PatientId>,
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
        let rows: Vec<(String, String, String, i64, String, bool)> = sqlx::query_as(
            "SELECT community, authority, value, at_us, rests_on, card FROM correlation
             WHERE network_id = $1 AND until_us > $2",
        )
        .bind(network_id.reveal())
        .bind(now.micros())
        .fetch_all(&self.reader)
        .await?;
        let read =
            |(community, authority, value, at, rests_on, is_card): (String, String, _, _, String, _)| {
                let id = PatientId { authority: Authority(Oid::parse(&authority)?), value: Phi::new(value) };
                let community = CommunityId(Oid::parse(&community)?);
                let rests_on = read_listed(&rests_on)?;
                Some(Correlation { community, id, at: Timestamp::from_micros(at), rests_on, is_card })
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
        times: (Timestamp, Timestamp),
        consent_version: u64,
    ) -> Result<(), StoreError> {
        self.keep_learned((network_id, community), ids, times, consent_version, Basis::default()).await?;
        Ok(())
    }

    /// As [`Store::keep_correlations`], with what they rest on, and telling the PIX manager of them. Gives
    /// whether anything is kept.
    ///
    /// # Errors
    /// As [`Store::keep_correlations`].
    pub async fn keep_learned(
        &self,
        (network_id, community): (&Phi<String>, &CommunityId),
        ids: &[PatientId],
        (at, until): (Timestamp, Timestamp),
        consent_version: u64,
        basis: Basis<'_>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let present: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM consent_change")
            .fetch_one(&mut *tx)
            .await?;
        if present.unsigned_abs() != consent_version {
            return Ok(false);
        }
        sqlx::query(FORGET).bind(network_id.reveal()).bind(community.0.as_str()).execute(&mut *tx).await?;
        for id in ids {
            sqlx::query(
                "INSERT INTO correlation (network_id, community, authority, value, at_us, until_us, rests_on, card)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
            )
            .bind(network_id.reveal())
            .bind(community.0.as_str())
            .bind(id.authority.0.as_str())
            .bind(id.value.reveal())
            .bind(at.micros())
            .bind(until.micros())
            .bind(listed(basis.ids))
            .bind(basis.is_card)
            .execute(&mut *tx)
            .await?;
        }
        if let Some(person) = basis.fed {
            feed::learned(&mut tx, (network_id, community), ids, person, (at, until)).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// The correlations that may rest on any of these ids at home, those of the persons so called included.
    ///
    /// # Errors
    /// As [`Store::correlations`].
    pub async fn correlations_resting_on(
        &self,
        own: &[Phi<String>],
        ids: &[PatientId],
    ) -> Result<Vec<Resting>, StoreError> {
        let own: Vec<&String> = own.iter().map(Phi::reveal).collect();
        let rows: Vec<(String, String, String)> = sqlx::query_as(
            "SELECT DISTINCT network_id, community, rests_on FROM correlation
             WHERE network_id IN (SELECT value FROM json_each($1))
                OR EXISTS (SELECT 1 FROM json_each(rests_on) AS at
                           WHERE at.value IN (SELECT value FROM json_each($2)))",
        )
        .bind(serde_json::to_string(&own).unwrap_or_default())
        .bind(listed(ids))
        .fetch_all(&self.reader)
        .await?;
        let read = |(network_id, community, rests_on): (String, String, String)| {
            Some(Resting {
                network_id: Phi::new(network_id),
                community: CommunityId(Oid::parse(&community)?),
                rests_on: read_listed(&rests_on)?,
            })
        };
        let read = rows.into_iter().map(read).collect::<Option<Vec<_>>>();
        read.ok_or_else(|| StoreError::Unreadable("what a correlation rests on".to_owned()))
    }

    /// Ends correlations, and what the PIX manager was told of them.
    ///
    /// # Errors
    /// The database's; all is as before then.
    pub async fn end_correlations(&self, ended: &[Resting], now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        for Resting { network_id, community, .. } in ended {
            let (network_id, community) = (network_id.reveal(), community.0.as_str());
            sqlx::query(FORGET).bind(network_id).bind(community).execute(&mut *tx).await?;
            feed::ended(&mut tx, network_id, community, now).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Forgets what look-ups brought and may be remembered no longer. Gives how many rows.
    ///
    /// # Errors
    /// The database's.
    pub async fn purge_correlations(&self, now: Timestamp) -> Result<u64, StoreError> {
        let purge =
            sqlx::query("DELETE FROM correlation WHERE until_us <= $1 AND card = 0").bind(now.micros());
        Ok(purge.execute(&self.writer).await?.rows_affected())
    }
}

fn listed(ids: &[PatientId]) -> String {
    let ids: Vec<String> = ids.iter().map(|id| id.cx().reveal().clone()).collect();
    serde_json::to_string(&ids).unwrap_or_default()
}

pub(super) const FORGET: &str = "DELETE FROM correlation WHERE network_id = $1 AND community = $2";

// Ids as `listed` wrote them.
pub(super) fn read_listed(ids: &str) -> Option<Vec<PatientId>> {
    let ids: Vec<String> = serde_json::from_str(ids).ok()?;
    ids.iter().map(|cx| PatientId::from_cx(cx)).collect()
}

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
        let learned = |value| Correlation {
            community: there.clone(),
            id: id(value),
            at: NOW,
            rests_on: Vec::new(),
            is_card: false,
        };
        assert_eq!(kept, [learned("H-1"), learned("H-2")]);
        assert!(store.correlations(&Phi::new("N-2".to_owned()), NOW).await.unwrap().is_empty());
        assert!(store.correlations(&person, until).await.unwrap().is_empty(), "their time is over");
        assert_eq!(store.purge_correlations(until).await.unwrap(), 2);
        store.keep_correlations(&person, &there, &[id("H-1")], (NOW, until), 0).await.unwrap();
        store.keep_correlations(&person, &there, &[id("H-9")], (NOW, until), 1).await.unwrap();
        let kept = store.correlations(&person, NOW).await.unwrap();
        assert_eq!(kept, [learned("H-1")], "asked under other consents than are in force");
        store.give_up(&person, &there).await.unwrap();
        assert!(store.correlations(&person, NOW).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn correlations_are_found_by_what_they_rest_on_and_ended_by_person_and_network() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_file(&folder.path().join("k.db")).await.unwrap();
        let there = CommunityId(Oid::parse("2.999.34").unwrap());
        let number = |value| PatientId::new(Authority(Oid::parse("2.999.33.20.1").unwrap()), value);
        let known = |value: &str| Phi::new(value.to_owned());
        for (person, numbers) in [("N-1", vec![number("A-5"), number("A-6")]), ("N-2", vec![])] {
            let basis = Basis { ids: &numbers, ..Basis::default() };
            let times = (NOW, NOW.plus_seconds(60));
            store.keep_learned((&known(person), &there), &[id("H-1")], times, 0, basis).await.unwrap();
        }
        let resting = async |own: &[&str], ids: &[PatientId]| -> Vec<String> {
            let own: Vec<_> = own.iter().map(|own| known(own)).collect();
            let found = store.correlations_resting_on(&own, ids).await.unwrap();
            found
                .iter()
                .map(|found| format!("{} {}", found.network_id.reveal(), found.rests_on.len()))
                .collect()
        };
        assert_eq!(resting(&["N-2"], &[number("A-6")]).await, ["N-1 2", "N-2 0"]);
        assert_eq!(resting(&[], &[number("A-7")]).await, [""; 0]);
        let ended = store.correlations_resting_on(&[], &[number("A-5")]).await.unwrap();
        store.end_correlations(&ended, NOW).await.unwrap();
        assert!(store.correlations(&known("N-1"), NOW).await.unwrap().is_empty());
        assert_eq!(store.correlations(&known("N-2"), NOW).await.unwrap().len(), 1);
    }
}
