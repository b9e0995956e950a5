//! A message is taken once, an assertion stays with the system that first showed it (decisions B1).
//! Both live as long as the assertion could be presented again, across restarts.

use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use sqlx::{Sqlite, Transaction};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{Store, StoreError};
use crate::model::{MessageId, Timestamp};

/// Rows one system holds in a table at most; beyond that its new messages are refused, never old
/// ones forgotten.
const ROWS: i64 = 1_000_000;
/// How often a portal may have the same message carried out.
const ATTEMPTS: i64 = 3;
/// How long a message waits for its turn: as long as for a connection to the database.
const TURN_MAX: Duration = Duration::from_secs(30);
/// Rows removed in one transaction, so that messages pass in between.
const PURGED_AT_ONCE: i64 = 5_000;

/// An authenticated message with the assertion it showed.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a> {
    /// SHA-256 of the certificate's SubjectPublicKeyInfo, hex: the TLS identity.
    pub spki_sha256: &'a str,
    /// wsa:MessageID.
    pub message: &'a MessageId,
    /// SHA-256 of the root part.
    pub body: &'a [u8; 32],
    /// Within how many seconds of the first one the same message may come again; portals only.
    pub resend_s: Option<u32>,
    /// saml:Issuer.
    pub issuer: &'a str,
    /// saml:Assertion/@ID.
    pub assertion: &'a str,
    /// Whether the assertion serves this message only.
    pub one_use: bool,
    /// When the assertion can no longer be presented, skew included.
    pub until: Timestamp,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// First of its kind.
    Fresh,
    /// A portal's repeat, to be carried out anew.
    Again {
        /// 2 or 3.
        attempt: u32,
    },
    /// Already taken: `wsa:DuplicateMessageID`.
    Duplicate,
    /// Another system showed this assertion first.
    AssertionElsewhere,
    /// The assertion has served its one message.
    AssertionUsed,
    /// Too many of this system are held: to be throttled.
    Full,
}

impl Store {
    /// Takes an authenticated message, and binds its assertion to the system that shows it, in one
    /// transaction. Of two at the same moment one is `Fresh`. Nothing is kept of a refused one.
    ///
    /// # Errors
    /// When the database fails: the message must then be refused.
    pub async fn take_message(&self, presented: &Presented<'_>, now: Timestamp) -> Result<Taken, StoreError> {
        let (done, mut taken) = oneshot::channel();
        let number = self.takes.wait(Item::new(presented, now), done);
        // Whoever has the turn takes all that wait in one transaction; the others find theirs done.
        let taken = tokio::select! {
            biased;
            taken = &mut taken => taken,
            turn = timeout(TURN_MAX, self.takes.turn.lock()) => {
                // A disk that hangs must not gather messages. One that is being taken is waited for:
                // whoever is told that it was not taken would find it taken.
                let Ok(turn) = turn else {
                    if self.takes.withdraw(number) {
                        return Err(StoreError::Database(sqlx::Error::PoolTimedOut));
                    }
                    return self.taken_or_alone(taken.await, presented, now).await;
                };
                let waiting = self.takes.waiting();
                if !waiting.is_empty() {
                    self.take_together(waiting).await;
                }
                drop(turn);
                taken.await
            }
        };
        self.taken_or_alone(taken, presented, now).await
    }

    async fn taken_or_alone(
        &self,
        taken: Result<Option<Taken>, oneshot::error::RecvError>,
        presented: &Presented<'_>,
        now: Timestamp,
    ) -> Result<Taken, StoreError> {
        match taken {
            Ok(Some(taken)) => Ok(taken),
            // Something is unusual with one of them: each for itself.
            Ok(None) | Err(_) => self.take_alone(presented, now).await,
        }
    }

    async fn take_alone(&self, presented: &Presented<'_>, now: Timestamp) -> Result<Taken, StoreError> {
        let key = message_key(presented.spki_sha256, presented.message);
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        if let Some(refused) = bind_assertion(&mut transaction, presented, &key, now).await? {
            return Ok(refused);
        }
        let taken = take(&mut transaction, presented, &key, now).await?;
        if matches!(taken, Taken::Fresh | Taken::Again { .. }) {
            transaction.commit().await?;
        }
        Ok(taken)
    }

    /// Frees a message that came to nothing before any byte left (the record could not be written,
    /// too many requests, our own fault): it may be sent again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn free_message(&self, spki_sha256: &str, message: &MessageId) -> Result<(), StoreError> {
        let key = message_key(spki_sha256, message);
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("DELETE FROM replay_message WHERE key = $1 AND attempt <= 1")
            .bind(key.as_slice())
            .execute(&mut *transaction)
            .await?;
        sqlx::query("UPDATE replay_message SET attempt = attempt - 1 WHERE key = $1")
            .bind(key.as_slice())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Forgets what can no longer be presented; to be called every minute. Gives how many rows.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn purge_replays(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut purged = 0;
        for statement in [
            "DELETE FROM replay_message WHERE key IN \
             (SELECT key FROM replay_message WHERE until_us <= $1 LIMIT $2)",
            "DELETE FROM replay_assertion WHERE key IN \
             (SELECT key FROM replay_assertion WHERE until_us <= $1 LIMIT $2)",
        ] {
            loop {
                let done = sqlx::query(statement)
                    .bind(now.micros())
                    .bind(PURGED_AT_ONCE)
                    .execute(&self.writer)
                    .await?
                    .rows_affected();
                purged += done;
                if done < PURGED_AT_ONCE.unsigned_abs() {
                    break;
                }
            }
        }
        Ok(purged)
    }
}

// None when the assertion may be used with this message.
async fn bind_assertion(
    transaction: &mut Transaction<'_, Sqlite>,
    presented: &Presented<'_>,
    message: &[u8],
    now: Timestamp,
) -> Result<Option<Taken>, StoreError> {
    let key = digest(&[presented.issuer, presented.assertion]);
    let system = digest(&[presented.spki_sha256]);
    sqlx::query(
        "INSERT INTO replay_assertion (key, system, message, until_us) SELECT $1, $2, $3, $4 \
         WHERE coalesce((SELECT held FROM replay_size WHERE system = $2 AND kind = 'assertion'), 0) < $6 \
         ON CONFLICT (key) DO UPDATE SET system = excluded.system, message = excluded.message, \
         until_us = excluded.until_us WHERE replay_assertion.until_us <= $5",
    )
    .bind(key.as_slice())
    .bind(system.as_slice())
    .bind(message)
    .bind(presented.until.micros())
    .bind(now.micros())
    .bind(ROWS)
    .execute(&mut **transaction)
    .await?;
    let bound: Option<(Vec<u8>, Vec<u8>)> =
        sqlx::query_as("SELECT system, message FROM replay_assertion WHERE key = $1")
            .bind(key.as_slice())
            .fetch_optional(&mut **transaction)
            .await?;
    Ok(match bound {
        None => Some(Taken::Full),
        Some((first, _)) if first != system => Some(Taken::AssertionElsewhere),
        Some((_, first)) if presented.one_use && first != message => Some(Taken::AssertionUsed),
        Some(_) => None,
    })
}

async fn take(
    transaction: &mut Transaction<'_, Sqlite>,
    presented: &Presented<'_>,
    key: &[u8],
    now: Timestamp,
) -> Result<Taken, StoreError> {
    // A repeat counts up only within the time a portal has for it and with the same bytes; a row
    // whose time is over counts as none.
    let resend_from = presented.resend_s.map_or(i64::MAX, |s| now.plus_seconds(-i64::from(s)).micros());
    let attempt: Option<i64> = sqlx::query_scalar(
        "INSERT INTO replay_message (key, body, first_us, until_us, attempt, system) \
         SELECT $1, $2, $3, $4, 1, $8 \
         WHERE coalesce((SELECT held FROM replay_size WHERE system = $8 AND kind = 'message'), 0) < $7 \
         ON CONFLICT (key) DO UPDATE SET body = excluded.body, \
         first_us = CASE WHEN until_us <= $3 THEN $3 ELSE first_us END, \
         attempt = CASE WHEN until_us <= $3 THEN 1 ELSE attempt + 1 END, \
         until_us = max(until_us, excluded.until_us) \
         WHERE until_us <= $3 OR (body = excluded.body AND first_us >= $5 AND attempt < $6) \
         RETURNING attempt",
    )
    .bind(key)
    .bind(presented.body.as_slice())
    .bind(now.micros())
    .bind(presented.until.micros())
    .bind(resend_from)
    .bind(ATTEMPTS)
    .bind(ROWS)
    .bind(digest(&[presented.spki_sha256]))
    .fetch_optional(&mut **transaction)
    .await?;
    if let Some(attempt) = attempt {
        let attempt = u32::try_from(attempt).map_err(|_| StoreError::Unreadable("attempt".into()))?;
        return Ok(if attempt == 1 { Taken::Fresh } else { Taken::Again { attempt } });
    }
    let held: Option<i64> = sqlx::query_scalar("SELECT attempt FROM replay_message WHERE key = $1")
        .bind(key)
        .fetch_optional(&mut **transaction)
        .await?;
    Ok(if held.is_some() { Taken::Duplicate } else { Taken::Full })
}

fn message_key(spki_sha256: &str, message: &MessageId) -> Vec<u8> {
    digest(&[spki_sha256, &message.0])
}

// Each part goes in with its length, so that no two lists of parts share a digest.
fn digest(parts: &[&str]) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    context.finish().as_ref().to_vec()
}

mod together;

use together::Item;
pub(super) use together::Takes;

#[cfg(test)]
mod tests;
