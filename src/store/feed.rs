//! What the network's own PIX manager is told of ids at other networks (ITI-44): kept in the transaction
//! that learns or ends them, until it has acknowledged each. In order for each person and each id.

use serde::{Deserialize, Serialize};
use sqlx::{Sqlite, Transaction};

use super::open::{Store, StoreError};
use crate::model::{
    Authority, CommunityId, Demographics, NameScript, Oid, PartialDate, PatientId, PersonName, Phi, Sex,
    Timestamp,
};

/// Something the manager is to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedRow {
    /// Its place; it goes when the manager has taken it.
    pub position: i64,
    /// What is told.
    pub change: FeedChange,
    /// Another network's id of the person.
    pub id: PatientId,
    /// Our own id of them.
    pub network_id: Phi<String>,
    /// Name, birth date and sex.
    pub person: Phi<Demographics>,
    /// By what the manager tells doubles: the same however often it is sent.
    pub message: String,
    /// How often it has been sent.
    pub attempts: u32,
}

/// What is told of an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedChange {
    /// It is the person's.
    Added,
    /// It is still theirs, and something else is not as before.
    Revised,
    /// It has taken the place of this one.
    Merged(PatientId),
    /// It is not known to be anybody's any more.
    Ended,
}

/// How much the manager has not been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FeedBacklog {
    /// Messages.
    pub waiting: u64,
    /// Since when the oldest has been waiting.
    pub since: Option<Timestamp>,
    /// How often the one that was tried most has been sent in vain.
    pub attempts: u32,
}

/// Messages kept; when there are more, no further id is told. What ends one always is.
const WAITING_MAX: i64 = 100_000;
/// How long a message that the manager does not take is kept.
const KEPT_S: i64 = 30 * 86_400;

type Row = (i64, String, String, String, String, String, String, String, i64);

impl Store {
    /// What may be told now: of each person and id the first that waits.
    ///
    /// # Errors
    /// The database's; `Unreadable` when one does not read back.
    pub async fn feed_due(&self, now: Timestamp, at_most: u32) -> Result<Vec<FeedRow>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT position, change, authority, value, subsumed, network_id, person, message, attempts
             FROM feed AS f WHERE next_us <= $1
               AND NOT EXISTS (SELECT 1 FROM feed AS e WHERE e.network_id = f.network_id AND e.position < f.position)
               AND NOT EXISTS (SELECT 1 FROM feed AS e
                               WHERE e.authority = f.authority AND e.value = f.value AND e.position < f.position)
             ORDER BY position LIMIT $2",
        )
        .bind(now.micros())
        .bind(at_most)
        .fetch_all(&self.reader)
        .await?;
        let read = rows.into_iter().map(row).collect::<Option<Vec<_>>>();
        read.ok_or_else(|| StoreError::Unreadable("what the PIX manager is to be told".to_owned()))
    }

    /// Takes note, before it leaves, that one is sent; should the manager not take it, it may be sent again
    /// from then on.
    ///
    /// # Errors
    /// The database's: it must not be sent then.
    pub async fn feed_sent(&self, position: i64, again_from: Timestamp) -> Result<bool, StoreError> {
        let sent = sqlx::query("UPDATE feed SET attempts = attempts + 1, next_us = $2 WHERE position = $1")
            .bind(position)
            .bind(again_from.micros());
        Ok(sent.execute(&self.writer).await?.rows_affected() > 0)
    }

    /// The manager has taken it.
    ///
    /// # Errors
    /// The database's; it is told once more then.
    pub async fn feed_taken(&self, position: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM feed WHERE position = $1").bind(position).execute(&self.writer).await?;
        Ok(())
    }

    /// The manager is there again: what has failed may be told at once.
    ///
    /// # Errors
    /// The database's; it is told later then.
    pub async fn feed_again(&self, now: Timestamp) -> Result<(), StoreError> {
        let again = sqlx::query("UPDATE feed SET next_us = $1 WHERE next_us > $1").bind(now.micros());
        again.execute(&self.writer).await?;
        Ok(())
    }

    /// How much waits.
    ///
    /// # Errors
    /// The database's.
    pub async fn feed_backlog(&self) -> Result<FeedBacklog, StoreError> {
        let (waiting, since, attempts): (i64, Option<i64>, Option<i64>) =
            sqlx::query_as("SELECT count(*), min(at_us), max(attempts) FROM feed")
                .fetch_one(&self.reader)
                .await?;
        Ok(FeedBacklog {
            waiting: waiting.unsigned_abs(),
            since: since.map(Timestamp::from_micros),
            attempts: attempts.and_then(|attempts| u32::try_from(attempts).ok()).unwrap_or_default(),
        })
    }

    /// Ends what was told and may be remembered no longer, and gives up what the manager has not taken for
    /// a month. Gives how many messages were given up.
    ///
    /// # Errors
    /// The database's.
    pub async fn purge_feed(&self, now: Timestamp) -> Result<u64, StoreError> {
        let over: Vec<(String, String, String)> =
            sqlx::query_as("SELECT authority, value, network_id FROM fed WHERE until_us <= $1 LIMIT 1000")
                .bind(now.micros())
                .fetch_all(&self.reader)
                .await?;
        if !over.is_empty() {
            let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
            for (authority, value, network_id) in over {
                end(&mut tx, &authority, &value, &network_id, now).await?;
            }
            tx.commit().await?;
        }
        let old = now.plus_seconds(-KEPT_S).micros();
        let purge = sqlx::query("DELETE FROM feed WHERE at_us <= $1").bind(old);
        Ok(purge.execute(&self.writer).await?.rows_affected())
    }
}

/// A look-up, whose ids may be remembered until then, has brought these: what is new is told.
pub(super) async fn learned(
    tx: &mut Transaction<'_, Sqlite>,
    (network_id, community): (&Phi<String>, &CommunityId),
    ids: &[PatientId],
    person: &Demographics,
    (now, until): (Timestamp, Timestamp),
) -> Result<(), sqlx::Error> {
    let person = written(person);
    let before: Vec<(String, String)> =
        sqlx::query_as("SELECT authority, value FROM fed WHERE network_id = $1 AND community = $2")
            .bind(network_id.reveal())
            .bind(community.0.as_str())
            .fetch_all(&mut **tx)
            .await?;
    let is = |(authority, value): &(String, String), id: &PatientId| {
        authority == id.authority.0.as_str() && value == id.value.reveal()
    };
    let gone: Vec<_> = before.iter().filter(|old| !ids.iter().any(|id| is(old, id))).collect();
    let new: Vec<_> = ids.iter().filter(|id| !before.iter().any(|old| is(old, id))).collect();
    let replaced = match (gone.as_slice(), new.as_slice()) {
        // One that is told of another person moves by a revision, which takes nothing back.
        ([(authority, value)], [new]) if authority == new.authority.0.as_str() => {
            (!is_told(tx, new).await?).then(|| value.clone())
        }
        _ => None,
    };
    if replaced.is_none() {
        for (authority, value) in gone {
            end(tx, authority, value, network_id.reveal(), now).await?;
        }
    }
    for id in ids {
        let (authority, value) = (id.authority.0.as_str(), id.value.reveal());
        let known: Option<(String, String)> =
            sqlx::query_as("SELECT network_id, person FROM fed WHERE authority = $1 AND value = $2")
                .bind(authority)
                .bind(value)
                .fetch_optional(&mut **tx)
                .await?;
        let change = match (&known, &replaced) {
            (Some((whose, how)), _) if whose == network_id.reveal() && *how == person => None,
            (Some(_), _) => Some(("revised", "")),
            (None, Some(subsumed)) => Some(("merged", subsumed.as_str())),
            (None, None) => Some(("added", "")),
        };
        if let Some((change, subsumed)) = change {
            if is_full(tx).await? {
                continue;
            }
            if let Some(subsumed) = &replaced {
                let forget = sqlx::query("DELETE FROM fed WHERE authority = $1 AND value = $2");
                forget.bind(authority).bind(subsumed).execute(&mut **tx).await?;
            }
            push(tx, change, (authority, value, subsumed), (network_id.reveal(), &person), now).await?;
        }
        let whose = (network_id.reveal().as_str(), community);
        remember(tx, (authority, value), whose, &person, until).await?;
    }
    Ok(())
}

/// Nothing that was told of a person's ids at a network holds any more.
pub(super) async fn ended(
    tx: &mut Transaction<'_, Sqlite>,
    network_id: &str,
    community: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let told: Vec<(String, String)> =
        sqlx::query_as("SELECT authority, value FROM fed WHERE network_id = $1 AND community = $2")
            .bind(network_id)
            .bind(community)
            .fetch_all(&mut **tx)
            .await?;
    for (authority, value) in told {
        end(tx, &authority, &value, network_id, now).await?;
    }
    Ok(())
}

// What never left is not told at all; what has left, or stands in the place of what has, is taken back.
async fn end(
    tx: &mut Transaction<'_, Sqlite>,
    authority: &str,
    value: &str,
    network_id: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let unsent: Vec<(String, String)> = sqlx::query_as(
        "DELETE FROM feed WHERE authority = $1 AND value = $2 AND attempts = 0 AND change <> 'ended'
         RETURNING change, subsumed",
    )
    .bind(authority)
    .bind(value)
    .fetch_all(&mut **tx)
    .await?;
    let mut is_told = true;
    for (change, subsumed) in &unsent {
        is_told &= change == "revised";
        if change == "merged" {
            push(tx, "ended", (authority, subsumed, ""), (network_id, "{}"), now).await?;
        }
    }
    if is_told {
        push(tx, "ended", (authority, value, ""), (network_id, "{}"), now).await?;
    }
    let forget = sqlx::query("DELETE FROM fed WHERE authority = $1 AND value = $2");
    forget.bind(authority).bind(value).execute(&mut **tx).await?;
    Ok(())
}

// As it has been told, or is about to be.
async fn remember(
    tx: &mut Transaction<'_, Sqlite>,
    (authority, value): (&str, &str),
    (network_id, community): (&str, &CommunityId),
    person: &str,
    until: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO fed (authority, value, network_id, community, person, until_us)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (authority, value) DO UPDATE SET
           network_id = excluded.network_id, community = excluded.community,
           person = excluded.person, until_us = excluded.until_us",
    )
    .bind(authority)
    .bind(value)
    .bind(network_id)
    .bind(community.0.as_str())
    .bind(person)
    .bind(until.micros())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn is_told(tx: &mut Transaction<'_, Sqlite>, id: &PatientId) -> Result<bool, sqlx::Error> {
    let told = sqlx::query_scalar::<_, i64>("SELECT 1 FROM fed WHERE authority = $1 AND value = $2");
    let told = told.bind(id.authority.0.as_str()).bind(id.value.reveal()).fetch_optional(&mut **tx).await?;
    Ok(told.is_some())
}

async fn is_full(tx: &mut Transaction<'_, Sqlite>) -> Result<bool, sqlx::Error> {
    let waiting: i64 = sqlx::query_scalar("SELECT count(*) FROM feed").fetch_one(&mut **tx).await?;
    Ok(waiting >= WAITING_MAX)
}

async fn push(
    tx: &mut Transaction<'_, Sqlite>,
    change: &str,
    (authority, value, subsumed): (&str, &str, &str),
    (network_id, person): (&str, &str),
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO feed (change, authority, value, subsumed, network_id, person, message, at_us, attempts, next_us)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $8)",
    )
    .bind(change)
    .bind(authority)
    .bind(value)
    .bind(subsumed)
    .bind(network_id)
    .bind(person)
    .bind(uuid::Uuid::new_v4().to_string())
    .bind(now.micros())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn row(row: Row) -> Option<FeedRow> {
    let (position, change, authority, value, subsumed, network_id, person, message, attempts) = row;
    let authority = Authority(Oid::parse(&authority)?);
    let change = match change.as_str() {
        "added" => FeedChange::Added,
        "revised" => FeedChange::Revised,
        "merged" => FeedChange::Merged(PatientId::new(authority.clone(), subsumed)),
        "ended" => FeedChange::Ended,
        _ => return None,
    };
    Some(FeedRow {
        position,
        change,
        id: PatientId::new(authority, value),
        network_id: Phi::new(network_id),
        person: Phi::new(read(&person)?),
        message,
        attempts: u32::try_from(attempts).ok()?,
    })
}

// Name, birth date and sex as they are kept; never address or telephone.
#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct Kept {
    names: Vec<(String, String, String)>,
    birth: Option<String>,
    sex: Option<String>,
}

const SCRIPTS: [(&str, NameScript); 3] =
    [("ABC", NameScript::Alphabetic), ("IDE", NameScript::Ideographic), ("SYL", NameScript::Syllabic)];
const SEXES: [(&str, Sex); 3] = [("F", Sex::Female), ("M", Sex::Male), ("UN", Sex::Other)];

fn written(person: &Demographics) -> String {
    let name = |name: &PersonName| {
        let script = SCRIPTS.into_iter().find(|(_, script)| name.script == Some(*script));
        let script = script.map(|(word, _)| word.to_owned()).unwrap_or_default();
        (script, name.family.clone(), name.given.clone())
    };
    let kept = Kept {
        names: person.names.iter().map(name).collect(),
        birth: person.birth.map(PartialDate::digits),
        sex: SEXES.into_iter().find(|(_, sex)| person.sex == Some(*sex)).map(|(word, _)| word.to_owned()),
    };
    serde_json::to_string(&kept).unwrap_or_default()
}

fn read(text: &str) -> Option<Demographics> {
    let kept: Kept = serde_json::from_str(text).ok()?;
    let name = |(script, family, given): (String, String, String)| {
        let script = SCRIPTS.into_iter().find(|(word, _)| *word == script).map(|(_, script)| script);
        PersonName { script, family, given }
    };
    Some(Demographics {
        names: kept.names.into_iter().map(name).collect(),
        birth: kept.birth.as_deref().and_then(PartialDate::from_digits),
        sex: kept
            .sex
            .and_then(|word| SEXES.into_iter().find(|(known, _)| *known == word))
            .map(|(_, sex)| sex),
        ..Demographics::default()
    })
}

#[cfg(test)]
mod tests;
