//! Random ids handed out in an emergency, bound to an asking community and a hospital number, for
//! 24 hours (decisions C4). Kept so that a restart does not forget whom they stand for.

use super::open::{Store, StoreError};
use crate::model::{CommunityId, Oid, Phi, Timestamp};

/// An emergency id and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmergencyId {
    /// The id, under our authority.
    pub id: Phi<String>,
    /// Who may use it.
    pub community: CommunityId,
    /// 10-digit facility code.
    pub facility: String,
    /// The facility's number of the person.
    pub patient_no: Phi<String>,
    /// From then on it stands for nobody.
    pub expires: Timestamp,
}

impl Store {
    /// Keeps an id, or its new end, and forgets those that expired before `now`.
    ///
    /// # Errors
    /// The database's.
    pub async fn keep_emergency_id(&self, id: &EmergencyId, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("DELETE FROM emergency_id WHERE expires_at <= $1")
            .bind(now.micros())
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "INSERT INTO emergency_id (id, community, facility, patient_no, expires_at)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at",
        )
        .bind(id.id.reveal())
        .bind(id.community.0.as_str())
        .bind(&id.facility)
        .bind(id.patient_no.reveal())
        .bind(id.expires.micros())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// The ids still good at `now`.
    ///
    /// # Errors
    /// The database's; `Unreadable` when one does not read back.
    pub async fn emergency_ids(&self, now: Timestamp) -> Result<Vec<EmergencyId>, StoreError> {
        let rows: Vec<(String, String, String, String, i64)> = sqlx::query_as(
            "SELECT id, community, facility, patient_no, expires_at FROM emergency_id WHERE expires_at > $1",
        )
        .bind(now.micros())
        .fetch_all(&self.reader)
        .await?;
        let read = |(id, community, facility, patient_no, expires): (String, String, _, String, i64)| {
            let community = CommunityId(Oid::parse(&community)?);
            let (id, patient_no) = (Phi::new(id), Phi::new(patient_no));
            Some(EmergencyId {
                id,
                community,
                facility,
                patient_no,
                expires: Timestamp::from_micros(expires),
            })
        };
        let ids = rows.into_iter().map(read).collect::<Option<Vec<_>>>();
        ids.ok_or_else(|| StoreError::Unreadable("an emergency id".to_owned()))
    }
}
