//! A message is taken once, an assertion stays with the system that first showed it (decisions B1).
//! Both live as long as the assertion could be presented again, across restarts. It is decided in memory
//! and told once it is on the disk: rows are only added there, and read when the program starts.

use aws_lc_rs::digest::{Context, SHA256};
use tokio::sync::oneshot;

use super::{Store, StoreError};
use crate::model::{MessageId, Timestamp};

/// Messages, and assertions, one system holds at most; beyond that its new messages are refused, never old
/// ones forgotten. They take under 250 bytes of memory together.
const ROWS: u32 = 1_000_000;
/// Rows one system has in the database at most.
const WRITTEN: u32 = 2 * ROWS;
/// How often a portal may have the same message carried out.
const ATTEMPTS: u8 = 3;
/// Rows removed in one transaction, so that messages pass in between.
const PURGED_AT_ONCE: usize = 5_000;

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

impl Taken {
    const fn is_taken(self) -> bool {
        matches!(self, Self::Fresh | Self::Again { .. })
    }
}

impl Store {
    /// Takes an authenticated message, and binds its assertion to the system that shows it, in one
    /// transaction. Of two at the same moment one is `Fresh`. Nothing is kept of a refused one. Dropped
    /// before it has told, it frees the message again.
    ///
    /// # Errors
    /// When the database fails: the message must then be refused, and counts as not taken.
    pub async fn take_message(&self, presented: &Presented<'_>, now: Timestamp) -> Result<Taken, StoreError> {
        Waiting::new(self, shown(presented, now)).told().await
    }

    /// Frees a message that came to nothing before any byte left (the record could not be written,
    /// too many requests, our own fault): it may be sent again. Goes on when nobody waits for it.
    ///
    /// # Errors
    /// When the database fails: it stays as it was taken.
    pub async fn free_message(&self, spki_sha256: &str, message: &MessageId) -> Result<(), StoreError> {
        let (told, freed) = oneshot::channel();
        let (system, key) = (digest(&[spki_sha256]), message_key(spki_sha256, message));
        self.ask(Ask::Free(system, key, Some(told)));
        freed.await.unwrap_or_else(|_| Err(undecided()))
    }

    /// Forgets what can no longer be presented; to be called several times a minute. Gives how many messages and
    /// assertions. What is no longer known leaves the database within two minutes.
    ///
    /// # Errors
    /// When the database fails; what is left of it is removed the next time.
    pub async fn purge_replays(&self, now: Timestamp) -> Result<u64, StoreError> {
        let (told, loaded) = oneshot::channel();
        self.ask(Ask::Load(now.micros(), told));
        loaded.await.unwrap_or_else(|_| Err(undecided()))?;
        let mut purged = 0;
        for part in self.takes.with_table(|table| table.parts()).unwrap_or_default() {
            purged += self.takes.with_table(|table| table.forget(part, now.micros())).unwrap_or_default();
            // Messages pass in between.
            tokio::task::yield_now().await;
        }
        let over = || self.takes.with_table(|table| table.rows_over(now.micros(), PURGED_AT_ONCE));
        while let Some(rows) = over().filter(|rows| !rows.is_empty()) {
            // A number may have been given to a new row where the removal of the old one was not told.
            let delete = "DELETE FROM replay_taken \
                          WHERE id IN (SELECT value FROM json_each($1)) AND until_us <= $2";
            sqlx::query(delete)
                .bind(serde_json::to_string(&rows).unwrap_or_default())
                .bind(now.micros())
                .execute(&self.writer)
                .await?;
            self.takes.with_table(|table| table.rows_gone(&rows, now.micros()));
        }
        Ok(purged)
    }

    /// As if a system had used its share up to the last message.
    #[cfg(test)]
    pub(crate) fn use_replays(&self, spki_sha256: &str) {
        let held = self.takes.with_table(|table| table.held_of(digest(&[spki_sha256])).messages = ROWS - 1);
        held.expect("read before");
    }

    /// How much of what it may take in memory and on the disk a system has used, 0 to 1: at 1 its new
    /// messages are refused. Without a system the one that has used most.
    pub fn replays_used(&self, spki_sha256: Option<&str>) -> f64 {
        let system = spki_sha256.map(|spki| digest(&[spki]));
        self.takes.with_table(|table| table.used(system)).unwrap_or_default()
    }
}

fn shown(presented: &Presented<'_>, now: Timestamp) -> Shown {
    let resend_from = presented.resend_s.map(|s| now.plus_seconds(-i64::from(s)).micros());
    Shown {
        message: message_key(presented.spki_sha256, presented.message),
        system: digest(&[presented.spki_sha256]),
        body: cut(presented.body),
        assertion: digest(&[presented.issuer, presented.assertion]),
        one_use: presented.one_use,
        now: now.micros(),
        until: presented.until.micros(),
        resend_from: resend_from.unwrap_or(i64::MAX),
    }
}

fn message_key(spki_sha256: &str, message: &MessageId) -> Key {
    digest(&[spki_sha256, &message.0])
}

// Each part goes in with its length, so that no two lists of parts share a digest.
fn digest(parts: &[&str]) -> Key {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    cut(context.finish().as_ref())
}

fn cut(sha256: &[u8]) -> Key {
    sha256.first_chunk().copied().unwrap_or_default()
}

mod record;
mod table;
mod together;

use table::{Key, Shown};
pub(super) use together::Takes;
use together::{Ask, Waiting, undecided};

#[cfg(test)]
mod tests;
