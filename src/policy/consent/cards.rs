//! What another network calls a person as the card says that it gave them (HM-net): which card counts on a
//! day, and which ids count for nobody. A card is evidence of whose an id is; it is no consent.

use super::{ConsentBook, HospitalNumber, japan_day};
use crate::model::{CommunityId, PatientId, Phi, Timestamp};
use crate::store::{Card, first_moment};

/// A card as a row brought it.
#[derive(Debug)]
pub(super) struct Given {
    pub community: CommunityId,
    /// The number on the row: whose card it is rests on that.
    pub number: HospitalNumber,
    pub card: Card,
    /// Whether the audit log has taken note of it.
    pub on_record: bool,
}

/// A card that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// What the network calls the person.
    pub id: PatientId,
    /// The hospital's number of them on the row that brought it.
    pub number: HospitalNumber,
    /// When it ends, or another takes its place; None is open.
    pub until: Option<Timestamp>,
}

impl ConsentBook {
    /// Whether a card of this person was ever entered.
    pub fn has_cards(&self, network_id: &Phi<String>) -> bool {
        self.persons.get(network_id).is_some_and(|person| !person.cards.is_empty())
    }

    /// The card of this person at a network: the one entered last that has begun. It ends those before it,
    /// also where it is over itself, or not on record yet.
    pub fn card_of(&self, network_id: &Phi<String>, community: &CommunityId, now: Timestamp) -> Option<Held> {
        let mut next = None;
        let given = self.persons.get(network_id)?.cards.iter().rev();
        for given in given.filter(|given| given.community == *community) {
            let begins = given.card.begins();
            if let Some(begins) = begins.filter(|begins| *begins > now) {
                next = Some(next.map_or(begins, |next: Timestamp| next.min(begins)));
                continue;
            }
            let ends = given.card.ends();
            if !given.on_record || ends.is_some_and(|ends| ends <= now) {
                return None;
            }
            let until = [ends, next].into_iter().flatten().min();
            return Some(Held { id: given.card.id.clone(), number: given.number.clone(), until });
        }
        None
    }

    /// When consents will name this network no longer at the facility of this number; None where no row says
    /// so yet.
    pub fn consented_until(
        &self,
        network_id: &Phi<String>,
        community: &CommunityId,
        number: &HospitalNumber,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let today = japan_day(now);
        let toward = self.toward(community, network_id).find(|toward| toward.facility == number.facility)?;
        let days = toward.rules.iter().flat_map(|rule| {
            [Some(rule.valid_from), rule.valid_until.and_then(time::Date::next_day)].into_iter().flatten()
        });
        let closed = days.filter(|day| *day > today && !toward.is_open(*day));
        closed.min().map(first_moment)
    }

    /// Whether a network may mean this person of ours by this id: not by what is, or was, a card of anybody
    /// unless it is this person's and counts.
    pub fn may_be_called(
        &self,
        network_id: &Phi<String>,
        community: &CommunityId,
        id: &PatientId,
        now: Timestamp,
    ) -> bool {
        let is_theirs = || self.card_of(network_id, community, now).is_some_and(|held| held.id == *id);
        self.holders_of(community, id).next().is_none() || is_theirs()
    }

    /// Whether this id of a network is that of a card which has ended, or has not begun, or whose holder
    /// consents to be asked about there no longer: it is used for nobody.
    pub fn is_over(&self, community: &CommunityId, id: &PatientId, now: Timestamp) -> bool {
        let counts = |holder: &Phi<String>| {
            self.card_of(holder, community, now).is_some_and(|held| held.id == *id)
                && self.abroad(holder, now).iter().any(|(abroad, _)| abroad == community)
        };
        let mut holders = self.holders_of(community, id).peekable();
        holders.peek().is_some() && !holders.any(counts)
    }

    fn holders_of(&self, community: &CommunityId, id: &PatientId) -> impl Iterator<Item = &Phi<String>> {
        let holders = self.holders.get(id).into_iter().flatten();
        holders.filter(move |(_, at)| at == community).map(|(holder, _)| holder)
    }
}
