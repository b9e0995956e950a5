//! Messages that arrive while another one is being made durable are taken together: one transaction and
//! one sync for all of them, three statements whatever their number. Only where each of them is fresh;
//! should any not be, nothing of it is kept and each is taken for itself, so that what is refused is
//! decided in one place.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use sqlx::Row;
use tokio::sync::oneshot;

use super::{ATTEMPTS, Presented, ROWS, Taken, digest, message_key};
use crate::model::Timestamp;
use crate::store::{Store, StoreError};

/// Those who wait, and whose turn it is to take them.
#[derive(Debug, Default)]
pub struct Takes {
    waiting: Mutex<Vec<Waiting>>,
    numbers: AtomicU64,
    pub(super) turn: tokio::sync::Mutex<()>,
}

/// A message with its number and who waits for it; None tells that it is to be taken alone.
type Waiting = (u64, Item, oneshot::Sender<Option<Taken>>);

/// A presented message as the statements read it: keys in hexadecimal.
#[derive(Debug, Serialize)]
pub(super) struct Item {
    message: String,
    body: String,
    assertion: String,
    system: String,
    now: i64,
    until: i64,
    one_use: bool,
}

impl Item {
    pub(super) fn new(presented: &Presented<'_>, now: Timestamp) -> Self {
        Self {
            message: hex::encode_upper(message_key(presented.spki_sha256, presented.message)),
            body: hex::encode_upper(presented.body),
            assertion: hex::encode_upper(digest(&[presented.issuer, presented.assertion])),
            system: hex::encode_upper(digest(&[presented.spki_sha256])),
            now: now.micros(),
            until: presented.until.micros(),
            one_use: presented.one_use,
        }
    }
}

impl Takes {
    /// Gives the number under which it may be withdrawn.
    pub(super) fn wait(&self, item: Item, done: oneshot::Sender<Option<Taken>>) -> u64 {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push((number, item, done));
        number
    }

    /// Whether it still waited, and no longer does; else it is being taken.
    pub(super) fn withdraw(&self, number: u64) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let before = waiting.len();
        waiting.retain(|(known, ..)| *known != number);
        waiting.len() < before
    }

    pub(super) fn waiting(&self) -> Vec<Waiting> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.len().min(TOGETHER_MAX);
        let rest = waiting.split_off(count);
        std::mem::replace(&mut waiting, rest)
    }
}

impl Store {
    /// Takes all of them or none; tells each.
    pub(super) async fn take_together(&self, waiting: Vec<Waiting>) {
        let (items, waiters): (Vec<_>, Vec<_>) =
            waiting.into_iter().map(|(_, item, done)| (item, done)).unzip();
        let taken = match self.all_fresh(&items).await {
            Ok(true) => Some(Taken::Fresh),
            Ok(false) => None,
            Err(error) => {
                tracing::warn!(%error, "messages could not be taken together");
                None
            }
        };
        for waiter in waiters {
            // Who has gone away does not wait for it; a message taken for nobody is freed by its task.
            let _ = waiter.send(taken);
        }
    }

    async fn all_fresh(&self, items: &[Item]) -> Result<bool, StoreError> {
        let json = serde_json::to_string(items).unwrap_or_default();
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        // All three on one way to the database's thread and back: what is found not to be fresh is undone.
        let rows = sqlx::query(BIND_AND_TAKE)
            .bind(&json)
            .bind(ROWS)
            .bind(ATTEMPTS)
            .fetch_all(&mut *transaction)
            .await?;
        let (mut bound, mut attempts) = (HashMap::new(), Vec::new());
        for row in rows {
            if row.len() == 1 {
                attempts.push(row.try_get::<i64, _>(0)?);
                continue;
            }
            let (key, system, message): (String, String, String) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            bound.insert(key, (system, message, row.try_get::<i64, _>(3)?));
        }
        // One that would be forgotten before its time, or was bound in an earlier life, is told apart alone.
        let belongs = |item: &Item| {
            bound.get(&item.assertion).is_some_and(|(system, message, until)| {
                *system == item.system && *until >= item.until && !(item.one_use && *message != item.message)
            })
        };
        if !items.iter().all(belongs) {
            return Ok(false);
        }
        // A message that stands twice among them, or stood there before, is told apart alone.
        if attempts.len() != items.len() || attempts.iter().any(|attempt| *attempt != 1) {
            return Ok(false);
        }
        transaction.commit().await?;
        Ok(true)
    }
}

/// Messages of one transaction.
const TOGETHER_MAX: usize = 64;

/// Binds the assertions; tells what they are bound to, four columns each; takes the messages, and tells the
/// attempt of each, one column.
const BIND_AND_TAKE: &str = "INSERT INTO replay_assertion (key, system, message, until_us) \
     SELECT unhex(value ->> 'assertion'), unhex(value ->> 'system'), unhex(value ->> 'message'), value ->> 'until' \
     FROM json_each($1) \
     WHERE coalesce((SELECT held FROM replay_size \
     WHERE system = unhex(value ->> 'system') AND kind = 'assertion'), 0) < $2 \
     ON CONFLICT (key) DO NOTHING; \
     SELECT hex(key), hex(system), hex(message), until_us FROM replay_assertion \
     WHERE key IN (SELECT unhex(value ->> 'assertion') FROM json_each($1)); \
     INSERT INTO replay_message (key, body, first_us, until_us, attempt, system) \
     SELECT unhex(value ->> 'message'), unhex(value ->> 'body'), value ->> 'now', value ->> 'until', 1, \
     unhex(value ->> 'system') FROM json_each($1) \
     WHERE coalesce((SELECT held FROM replay_size \
     WHERE system = unhex(value ->> 'system') AND kind = 'message'), 0) < $2 \
     ON CONFLICT (key) DO UPDATE SET attempt = attempt + $3 RETURNING attempt";
