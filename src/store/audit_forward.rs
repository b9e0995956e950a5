//! How far the audit log has been forwarded: everything before this place counts as delivered.

use sqlx::Row;

use super::{AuditPosition, Store, StoreError};

impl Store {
    /// The place; the beginning when nothing was forwarded yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit_forwarded(&self) -> Result<AuditPosition, StoreError> {
        let row = sqlx::query("SELECT next, segment, at_bytes, hash FROM audit_forwarded")
            .fetch_optional(&self.reader)
            .await?;
        let Some(row) = row else { return Ok(AuditPosition::default()) };
        let hash: Vec<u8> = row.try_get("hash")?;
        let unsigned = |value: i64| u64::try_from(value).unwrap_or_default();
        Ok(AuditPosition {
            next: unsigned(row.try_get("next")?),
            segment: row.try_get("segment")?,
            at: unsigned(row.try_get("at_bytes")?),
            hash: hash.try_into().map_err(|_| StoreError::Unreadable("audit_forwarded".to_owned()))?,
        })
    }

    /// Keeps the place; durable before it returns.
    ///
    /// # Errors
    /// When the database fails; the place is as before then.
    pub async fn set_audit_forwarded(&self, place: &AuditPosition) -> Result<(), StoreError> {
        let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        sqlx::query(
            "INSERT INTO audit_forwarded (id, next, segment, at_bytes, hash) VALUES (1, $1, $2, $3, $4)
             ON CONFLICT (id) DO UPDATE SET next = $1, segment = $2, at_bytes = $3, hash = $4",
        )
        .bind(signed(place.next))
        .bind(&place.segment)
        .bind(signed(place.at))
        .bind(place.hash.as_slice())
        .execute(&self.writer)
        .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_place_is_kept_and_begins_at_the_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k.db");
        let store = Store::open_file(&path).await.unwrap();
        assert_eq!(store.audit_forwarded().await.unwrap(), AuditPosition::default());
        for next in [7, 9] {
            let place = AuditPosition { next, segment: "s".to_owned(), at: 70, hash: [3; 32] };
            store.set_audit_forwarded(&place).await.unwrap();
            let again = Store::open_file(&path).await.unwrap();
            assert_eq!(again.audit_forwarded().await.unwrap(), place);
        }
    }
}
