//! What ends when a card does: issued anew, over, given up by its network, or taken back with the consent
//! that brought it. The ids known by it, under which ids portals were shown what lies there, and what the
//! PIX manager was told.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{Sqlite, Transaction};

use super::consent_row::{Card, ConsentRow, first_moment};
use super::correlations::{FORGET, read_listed};
use super::feed;
use super::open::{Store, StoreError};
use crate::model::{Authority, CommunityId, Oid, PatientId, Phi, Timestamp};

/// Persons whose cards are ended in one transaction: many have the same last day.
const AT_ONCE: i64 = 500;

/// What has ended at each network: the values of the ids under which it was asked for, or shown.
pub type Ended = BTreeMap<CommunityId, BTreeSet<Phi<String>>>;

impl Store {
    /// Whether a network has given up this card of a person.
    ///
    /// # Errors
    /// The database's.
    pub async fn is_given_up(
        &self,
        network_id: &Phi<String>,
        community: &CommunityId,
        card: &PatientId,
    ) -> Result<bool, StoreError> {
        let given_up = sqlx::query_scalar::<_, i64>(
            "SELECT 1 FROM card_given_up
             WHERE network_id = $1 AND community = $2 AND authority = $3 AND value = $4",
        );
        let given_up = given_up.bind(network_id.reveal()).bind(community.0.as_str());
        let given_up = given_up.bind(card.authority.0.as_str()).bind(card.value.reveal());
        Ok(given_up.fetch_optional(&self.reader).await?.is_some())
    }

    /// A network does not know a person under their remembered ids any more: these are forgotten, and a
    /// card among them is not asked with again. What the PIX manager was told of them stays, until it is
    /// known what has taken their place. Gives what ends with a card; nothing ends with what was looked up.
    ///
    /// # Errors
    /// The database's; all is as before then.
    pub async fn give_up(
        &self,
        network_id: &Phi<String>,
        community: &CommunityId,
    ) -> Result<Ended, StoreError> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let is_card: Option<i64> = sqlx::query_scalar(
            "SELECT 1 FROM correlation WHERE network_id = $1 AND community = $2 AND card = 1",
        )
        .bind(network_id.reveal())
        .bind(community.0.as_str())
        .fetch_optional(&mut *tx)
        .await?;
        sqlx::query(
            "INSERT INTO card_given_up (network_id, community, authority, value)
             SELECT network_id, community, authority, value FROM correlation
             WHERE network_id = $1 AND community = $2 AND card = 1 ON CONFLICT DO NOTHING",
        )
        .bind(network_id.reveal())
        .bind(community.0.as_str())
        .execute(&mut *tx)
        .await?;
        let mut ended = Ended::new();
        if is_card.is_some() {
            known_by(&mut tx, network_id, community, &mut ended).await?;
        }
        sqlx::query(FORGET).bind(network_id.reveal()).bind(community.0.as_str()).execute(&mut *tx).await?;
        forget_shown(&mut tx, &ended).await?;
        tx.commit().await?;
        Ok(ended)
    }

    /// Ends all that is known of a person at a network.
    ///
    /// # Errors
    /// The database's; all is as before then.
    pub async fn end_known(
        &self,
        network_id: &Phi<String>,
        community: &CommunityId,
        now: Timestamp,
    ) -> Result<Ended, StoreError> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let mut all = Ended::new();
        ended(&mut tx, network_id, community, now, &mut all).await?;
        forget_shown(&mut tx, &all).await?;
        tx.commit().await?;
        Ok(all)
    }

    /// Ends what rests on some of the cards whose days are over; it gives nothing once none is left.
    ///
    /// # Errors
    /// The database's; all is as before then.
    pub async fn end_cards_over(&self, now: Timestamp) -> Result<Ended, StoreError> {
        // On most days there is none: nobody waits for the one writer then.
        let any: Option<i64> =
            sqlx::query_scalar("SELECT 1 FROM correlation WHERE card = 1 AND until_us <= $1 LIMIT 1")
                .bind(now.micros())
                .fetch_optional(&self.reader)
                .await?;
        if any.is_none() {
            return Ok(Ended::new());
        }
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let over: Vec<(String, String)> = sqlx::query_as(
            "SELECT DISTINCT network_id, community FROM correlation WHERE card = 1 AND until_us <= $1
             LIMIT $2",
        )
        .bind(now.micros())
        .bind(AT_ONCE)
        .fetch_all(&mut *tx)
        .await?;
        let mut all = Ended::new();
        for (network_id, community) in over {
            let community = Oid::parse(&community).map(CommunityId);
            let community = community.ok_or_else(|| StoreError::Unreadable("a correlation".to_owned()))?;
            ended(&mut tx, &Phi::new(network_id), &community, now, &mut all).await?;
        }
        forget_shown(&mut tx, &all).await?;
        tx.commit().await?;
        Ok(all)
    }

    /// Forgets again what was shown with ids that have ended: a request under way may have kept some of it
    /// since.
    ///
    /// # Errors
    /// The database's.
    pub async fn forget_shown_with(&self, ended: &Ended) -> Result<(), StoreError> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        forget_shown(&mut tx, ended).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Whether the card of a row is another person's at any time that is not over: one has to be wrong.
pub(super) async fn is_anothers(
    tx: &mut Transaction<'_, Sqlite>,
    row: &ConsentRow,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let Some(card) = &row.card else { return Ok(false) };
    let holders: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT network_id FROM consent WHERE card = $1 AND community = $2 AND network_id <> $3",
    )
    .bind(card.id.cx().reveal())
    .bind(row.community.0.as_str())
    .bind(row.network_id.reveal())
    .fetch_all(&mut **tx)
    .await?;
    for holder in holders {
        let held: Vec<(String, Option<String>, Option<String>)> = sqlx::query_as(
            "SELECT card, card_from, card_until FROM consent
             WHERE network_id = $1 AND community = $2 AND card IS NOT NULL ORDER BY seq",
        )
        .bind(holder)
        .bind(row.community.0.as_str())
        .fetch_all(&mut **tx)
        .await?;
        let read = |(card, from, until): (String, Option<String>, Option<String>)| {
            Card::read(&card, from.as_deref(), until.as_deref())
        };
        let held: Vec<Card> = held.into_iter().filter_map(read).collect();
        if overlaps(&held, card, now) {
            return Ok(true);
        }
    }
    Ok(false)
}

// Whether one of these cards of a person, in the order of their entry, is the same as this one and counts at
// a time at which this one does: until it is over, or one entered later begins.
fn overlaps(held: &[Card], card: &Card, now: Timestamp) -> bool {
    let begins = |card: &Card| card.begins().map_or(now, |begins| begins.max(now));
    let mut next = OPEN;
    held.iter().rev().any(|one| {
        let until = one.ends().unwrap_or(OPEN).min(next);
        next = next.min(begins(one));
        let from = begins(one).max(begins(card));
        one.id == card.id && from < until.min(card.ends().unwrap_or(OPEN))
    })
}

/// The card of a person at a network that was entered last.
pub(super) async fn last(
    tx: &mut Transaction<'_, Sqlite>,
    network_id: &Phi<String>,
    community: &CommunityId,
) -> Result<Option<Card>, sqlx::Error> {
    let last: Option<(String, Option<String>, Option<String>)> = sqlx::query_as(
        "SELECT card, card_from, card_until FROM consent
         WHERE network_id = $1 AND community = $2 AND card IS NOT NULL ORDER BY seq DESC LIMIT 1",
    )
    .bind(network_id.reveal())
    .bind(community.0.as_str())
    .fetch_optional(&mut **tx)
    .await?;
    Ok(last.and_then(|(card, from, until)| Card::read(&card, from.as_deref(), until.as_deref())))
}

/// A card has been entered after this one: an id that the network gave before ends, at once or with the day
/// on which the new one begins.
pub(super) async fn issued(
    tx: &mut Transaction<'_, Sqlite>,
    row: &ConsentRow,
    earlier: Option<Card>,
    now: Timestamp,
    all: &mut Ended,
) -> Result<(), sqlx::Error> {
    let Some(card) = &row.card else { return Ok(()) };
    let (network_id, community) = (&row.network_id, &row.community);
    let (authority, value) = (card.id.authority.0.as_str(), card.id.value.reveal());
    sqlx::query(
        "DELETE FROM card_given_up
         WHERE network_id = $1 AND community = $2 AND authority = $3 AND value = $4",
    )
    .bind(network_id.reveal())
    .bind(community.0.as_str())
    .bind(authority)
    .bind(value)
    .execute(&mut **tx)
    .await?;
    // Whoever else was found to be called so is not.
    let strangers: Vec<String> = sqlx::query_scalar(
        "SELECT network_id FROM correlation
         WHERE community = $1 AND authority = $2 AND value = $3 AND network_id <> $4",
    )
    .bind(community.0.as_str())
    .bind(authority)
    .bind(value)
    .bind(network_id.reveal())
    .fetch_all(&mut **tx)
    .await?;
    for stranger in strangers {
        ended(tx, &Phi::new(stranger), community, now, all).await?;
    }
    let others: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM correlation
         WHERE network_id = $1 AND community = $2 AND NOT (authority = $3 AND value = $4)",
    )
    .bind(network_id.reveal())
    .bind(community.0.as_str())
    .bind(authority)
    .bind(value)
    .fetch_one(&mut **tx)
    .await?;
    let is_over = card.ends().is_some_and(|ends| ends <= now);
    let is_anew = is_over || others > 0 || earlier.is_some_and(|earlier| earlier.id != card.id);
    match (is_anew, card.begins().filter(|begins| *begins > now)) {
        (true, None) => ended(tx, network_id, community, now, all).await,
        // The same card goes on, perhaps longer or shorter; longer once the consent that says so counts.
        (false, None) => {
            let is_ahead = first_moment(row.valid_from) > now;
            let until = [card.ends(), row.ends()].into_iter().flatten().min();
            stands_until(tx, row, (until, is_ahead)).await
        }
        (true, begins) => stands_until(tx, row, (begins, true)).await,
        (false, Some(_)) => Ok(()),
    }
}

/// What rests on a card ends no later than the consent of a row without one, which may be that which counts.
pub(super) async fn consented(tx: &mut Transaction<'_, Sqlite>, row: &ConsentRow) -> Result<(), sqlx::Error> {
    match row.ends().filter(|_| row.card.is_none()) {
        Some(until) => stands_until(tx, row, (Some(until), true)).await,
        None => Ok(()),
    }
}

// Until when what rests on a card may be used, and the PIX manager is told of it; or no longer than that.
async fn stands_until(
    tx: &mut Transaction<'_, Sqlite>,
    row: &ConsentRow,
    (until, at_most): (Option<Timestamp>, bool),
) -> Result<(), sqlx::Error> {
    for statement in [
        "UPDATE fed SET until_us = CASE $4 WHEN 1 THEN min(until_us, $3) ELSE $3 END
         WHERE network_id = $1 AND community = $2 AND EXISTS (SELECT 1 FROM correlation AS c
           WHERE c.card = 1 AND c.network_id = $1 AND c.community = $2
             AND c.authority = fed.authority AND c.value = fed.value)",
        "UPDATE correlation SET until_us = CASE $4 WHEN 1 THEN min(until_us, $3) ELSE $3 END
         WHERE network_id = $1 AND community = $2 AND card = 1",
    ] {
        sqlx::query(statement)
            .bind(row.network_id.reveal())
            .bind(row.community.0.as_str())
            .bind(until.unwrap_or(OPEN).micros())
            .bind(at_most)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// What is known of a person at a network has ended.
pub(super) async fn ended(
    tx: &mut Transaction<'_, Sqlite>,
    network_id: &Phi<String>,
    community: &CommunityId,
    now: Timestamp,
    all: &mut Ended,
) -> Result<(), sqlx::Error> {
    known_by(tx, network_id, community, all).await?;
    sqlx::query(FORGET).bind(network_id.reveal()).bind(community.0.as_str()).execute(&mut **tx).await?;
    feed::ended(tx, network_id.reveal(), community.0.as_str(), now).await
}

// Every id under which the person may have been asked for, or shown with what lies there.
async fn known_by(
    tx: &mut Transaction<'_, Sqlite>,
    network_id: &Phi<String>,
    community: &CommunityId,
    all: &mut Ended,
) -> Result<(), sqlx::Error> {
    let ids = all.entry(community.clone()).or_default();
    ids.insert(network_id.clone());
    let learned: Vec<(String, String)> =
        sqlx::query_as("SELECT value, rests_on FROM correlation WHERE network_id = $1 AND community = $2")
            .bind(network_id.reveal())
            .bind(community.0.as_str())
            .fetch_all(&mut **tx)
            .await?;
    for (value, rests_on) in learned {
        ids.insert(Phi::new(value));
        ids.extend(read_listed(&rests_on).unwrap_or_default().into_iter().map(|id| id.value));
    }
    let entered: Vec<(String, Option<String>)> = sqlx::query_as(
        "SELECT DISTINCT patient_no, CASE community WHEN $2 THEN card END FROM consent WHERE network_id = $1",
    )
    .bind(network_id.reveal())
    .bind(community.0.as_str())
    .fetch_all(&mut **tx)
    .await?;
    for (number, card) in entered {
        ids.insert(Phi::new(number));
        ids.extend(card.as_deref().and_then(PatientId::from_cx).map(|id| id.value));
    }
    Ok(())
}

/// Forgets which objects of a network were shown under any of these ids. Under which authority does not
/// matter: a portal that is shown a list anew finds all of it again.
pub(super) async fn forget_shown(tx: &mut Transaction<'_, Sqlite>, ended: &Ended) -> Result<(), sqlx::Error> {
    for (community, ids) in ended {
        let authority = Authority(community.0.clone());
        let cx = |value: &Phi<String>| {
            let cx = PatientId { authority: authority.clone(), value: value.clone() }.cx();
            cx.reveal().split('^').next().unwrap_or_default().to_owned()
        };
        let ids: Vec<String> = ids.iter().map(cx).collect();
        sqlx::query(
            "DELETE FROM claimed_object WHERE community = $1
             AND substr(patient, 1, instr(patient, '^') - 1) IN (SELECT value FROM json_each($2))",
        )
        .bind(community.0.as_str())
        .bind(serde_json::to_string(&ids).unwrap_or_default())
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

/// Until when a card counts that has no last day.
pub const OPEN: Timestamp = Timestamp::from_micros(i64::MAX);

#[cfg(test)]
mod tests;
