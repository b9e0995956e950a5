//! What a row of the database tells: what is known of a message and of the assertion it showed, from then
//! on. Rows are only added; read in their order, a later one replaces what an earlier one told of the same
//! message or assertion.

use sqlx::sqlite::SqlitePool;

use super::table::{Assertion, Key, Message, Table};
use crate::store::StoreError;

/// A row; times in microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// Of TLS identity and wsa:MessageID.
    pub(super) message: Key,
    /// Of the TLS identity.
    pub(super) system: Key,
    /// Of the root part.
    pub(super) body: Key,
    /// When the message came first.
    pub(super) first: i64,
    /// When the message is forgotten.
    pub(super) until: i64,
    /// 0 when it was freed.
    pub(super) attempt: u8,
    /// Of issuer and assertion ID.
    pub(super) assertion: Key,
    /// The message it was first shown with.
    pub(super) shown_with: Key,
    /// When the assertion is forgotten; 0 when the row tells of none.
    pub(super) assertion_until: i64,
}

impl Record {
    pub(super) fn of(
        system: Key,
        (key, message): (Key, &Message),
        assertion: Option<(Key, &Assertion)>,
    ) -> Self {
        let (assertion, shown_with, assertion_until) =
            assertion.map_or_else(Default::default, |(key, known)| (key, known.message, known.until));
        Self {
            message: key,
            system,
            body: message.body,
            first: message.first,
            until: message.until,
            attempt: message.attempt,
            assertion,
            shown_with,
            assertion_until,
        }
    }

    /// When the row is over.
    pub(super) fn over(&self) -> i64 {
        self.until.max(self.assertion_until)
    }

    /// Adds its `LENGTH` bytes; migration 17 writes the same.
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        for key in [self.message, self.system, self.body] {
            to.extend_from_slice(&key);
        }
        to.extend_from_slice(&self.first.to_be_bytes());
        to.extend_from_slice(&self.until.to_be_bytes());
        to.push(self.attempt);
        for key in [self.assertion, self.shown_with] {
            to.extend_from_slice(&key);
        }
        to.extend_from_slice(&self.assertion_until.to_be_bytes());
    }

    fn read(mut bytes: &[u8]) -> Option<Self> {
        let bytes = &mut bytes;
        let record = Self {
            message: next(bytes)?,
            system: next(bytes)?,
            body: next(bytes)?,
            first: i64::from_be_bytes(next(bytes)?),
            until: i64::from_be_bytes(next(bytes)?),
            attempt: u8::from_be_bytes(next(bytes)?),
            assertion: next(bytes)?,
            shown_with: next(bytes)?,
            assertion_until: i64::from_be_bytes(next(bytes)?),
        };
        bytes.is_empty().then_some(record)
    }
}

/// How long one is.
pub(super) const LENGTH: i64 = 5 * 16 + 3 * 8 + 1;

fn next<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (next, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*next)
}

/// Reads back all that can still be presented.
///
/// # Errors
/// When the database fails or holds what cannot be read: nothing may be taken then.
pub(super) async fn load(reader: &SqlitePool, now: i64) -> Result<Table, StoreError> {
    let mut table = Table::default();
    let mut after = i64::MIN;
    loop {
        let rows: Vec<(i64, i64, Vec<u8>)> =
            sqlx::query_as("SELECT id, until_us, taken FROM replay_taken WHERE id > $1 ORDER BY id LIMIT $2")
                .bind(after)
                .bind(READ_AT_ONCE)
                .fetch_all(reader)
                .await?;
        let Some((last, ..)) = rows.last() else { return Ok(table) };
        after = *last;
        for (id, until, taken) in &rows {
            let record = Record::read(taken)
                .ok_or_else(|| StoreError::Unreadable("a message that was taken".into()))?;
            table.read_back(&record, now);
            table.note_row(*id, record.system, *until);
        }
    }
}

/// Rows read in one piece.
const READ_AT_ONCE: i64 = 2_000;
