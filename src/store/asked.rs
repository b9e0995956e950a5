//! Whom each person has asked about, so that a restart gives nobody a fresh budget. Subjects are keyed
//! hashes; written behind in batches, read once at the start.

use sqlx::{Sqlite, Transaction};

use super::{Store, StoreError};
use crate::model::Timestamp;

/// A subject somebody has asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedRow {
    /// The asking system.
    pub system: String,
    /// The person's organisation.
    pub organization: String,
    /// Who vouched for the person.
    pub issuer: String,
    /// The person's id there.
    pub person: String,
    /// A keyed hash.
    pub subject: [u8; 8],
    /// When it was asked about first.
    pub at: Timestamp,
    /// Flags; see the migration.
    pub kind: u8,
}

type Row = (String, String, String, String, Vec<u8>, i64, i64);

impl Store {
    /// Keeps rows, newer ones over older ones, in one transaction.
    ///
    /// # Errors
    /// When the database fails; nothing of them is kept then.
    pub async fn keep_asked(&self, rows: &[AskedRow]) -> Result<(), StoreError> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        for row in rows {
            let asker = asker(&mut transaction, row).await?;
            sqlx::query(
                "INSERT INTO asked (asker, subject, at_us, kind) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (asker, subject) DO UPDATE SET at_us = excluded.at_us, kind = excluded.kind",
            )
            .bind(asker)
            .bind(row.subject.as_slice())
            .bind(row.at.micros())
            .bind(i64::from(row.kind))
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// What was asked since a time, in the order of time.
    ///
    /// # Errors
    /// When the database fails or holds something else.
    pub async fn asked(&self, since: Timestamp) -> Result<Vec<AskedRow>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT system, organization, issuer, person, subject, at_us, kind \
             FROM asked JOIN asker ON asker.id = asked.asker WHERE at_us > $1 ORDER BY at_us",
        )
        .bind(since.micros())
        .fetch_all(&self.reader)
        .await?;
        let read = |(system, organization, issuer, person, subject, at, kind): Row| {
            let subject = subject.try_into().ok()?;
            let (at, kind) = (Timestamp::from_micros(at), u8::try_from(kind).ok()?);
            Some(AskedRow { system, organization, issuer, person, subject, at, kind })
        };
        let rows = rows.into_iter().map(read).collect::<Option<Vec<_>>>();
        rows.ok_or_else(|| StoreError::Unreadable("whom somebody has asked about".to_owned()))
    }

    /// Forgets what was asked until a time; to be called now and then. Gives how many rows.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn purge_asked(&self, until: Timestamp) -> Result<u64, StoreError> {
        let purge = "DELETE FROM asked WHERE (asker, subject) IN \
                     (SELECT asker, subject FROM asked WHERE at_us <= $1 LIMIT 5000)";
        let done = sqlx::query(purge).bind(until.micros()).execute(&self.writer).await?;
        Ok(done.rows_affected())
    }

    /// Forgets what a system, or one person of it, has asked. Gives how many rows.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_asked(&self, system: &str, person: Option<&str>) -> Result<u64, StoreError> {
        let forget = "DELETE FROM asked WHERE asker IN \
                      (SELECT id FROM asker WHERE system = $1 AND ($2 IS NULL OR person = $2))";
        let done = sqlx::query(forget).bind(system).bind(person).execute(&self.writer).await?;
        Ok(done.rows_affected())
    }
}

async fn asker(transaction: &mut Transaction<'_, Sqlite>, row: &AskedRow) -> Result<i64, StoreError> {
    let known: Option<i64> = sqlx::query_scalar(
        "SELECT id FROM asker WHERE system = $1 AND organization = $2 AND issuer = $3 AND person = $4",
    )
    .bind(&row.system)
    .bind(&row.organization)
    .bind(&row.issuer)
    .bind(&row.person)
    .fetch_optional(&mut **transaction)
    .await?;
    if let Some(known) = known {
        return Ok(known);
    }
    let made =
        sqlx::query("INSERT INTO asker (system, organization, issuer, person) VALUES ($1, $2, $3, $4)")
            .bind(&row.system)
            .bind(&row.organization)
            .bind(&row.issuer)
            .bind(&row.person)
            .execute(&mut **transaction)
            .await?;
    Ok(made.last_insert_rowid())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(person: &str, subject: u8, at: i64, kind: u8) -> AskedRow {
        AskedRow {
            system: "hm".to_owned(),
            organization: "1.2".to_owned(),
            issuer: "idp".to_owned(),
            person: person.to_owned(),
            subject: [subject; 8],
            at: Timestamp::from_micros(at),
            kind,
        }
    }

    #[tokio::test]
    async fn rows_come_back_in_the_order_of_time_the_newer_over_the_older() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_file(&folder.path().join("k.db")).await.unwrap();
        store.keep_asked(&[row("a", 1, 30, 1), row("b", 1, 20, 0), row("a", 2, 10, 0)]).await.unwrap();
        store.keep_asked(&[row("a", 1, 30, 0)]).await.unwrap();
        let all = store.asked(Timestamp::from_micros(10)).await.unwrap();
        assert_eq!(all, [row("b", 1, 20, 0), row("a", 1, 30, 0)]);
        assert_eq!(store.purge_asked(Timestamp::from_micros(10)).await.unwrap(), 1);
        assert_eq!(store.forget_asked("hm", Some("a")).await.unwrap(), 1);
        assert_eq!(store.asked(Timestamp::from_micros(0)).await.unwrap(), [row("b", 1, 20, 0)]);
        assert_eq!(store.forget_asked("hm", None).await.unwrap(), 1);
        assert_eq!(store.forget_asked("other", None).await.unwrap(), 0);
    }
}
