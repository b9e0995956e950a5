//! One row of consent, as decisions C1 lays it down. What rows mean together is
//! `policy/consent.rs`.

use std::collections::BTreeSet;

use time::Date;
use time::macros::format_description;

use crate::model::{CommunityId, PatientId, Phi, Purpose, Timestamp};

/// `*`, or only what is listed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Terms {
    /// `*`.
    All,
    /// Only these.
    Listed(BTreeSet<String>),
}

impl Terms {
    /// Whether this one is meant.
    pub fn cover(&self, item: &str) -> bool {
        match self {
            Self::All => true,
            Self::Listed(items) => items.contains(item),
        }
    }

    /// What both cover.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, one) | (one, Self::All) => one.clone(),
            (Self::Listed(one), Self::Listed(two)) => Self::Listed(one.intersection(two).cloned().collect()),
        }
    }

    /// Reads `*` or items separated by blanks, `;`, `,` or `|`.
    pub fn parse(text: &str) -> Self {
        if text.trim() == "*" {
            return Self::All;
        }
        let items = text.split([' ', '\t', ';', ',', '|']).filter(|item| !item.is_empty());
        Self::Listed(items.map(str::to_owned).collect())
    }

    /// As [`Terms::parse`] reads it.
    pub fn text(&self) -> String {
        match self {
            Self::All => "*".to_owned(),
            Self::Listed(items) => items.iter().map(String::as_str).collect::<Vec<_>>().join(" "),
        }
    }
}

/// What a row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConsentState {
    /// Consented, for the kinds of the row (which may be `*`).
    Granted,
    /// Consented, for the listed kinds only.
    Limited,
    /// Never wanted.
    Refused,
    /// No longer wanted.
    Withdrawn,
}

impl ConsentState {
    /// The word in files and in the table.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Limited => "limited",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Granted, Self::Limited, Self::Refused, Self::Withdrawn].into_iter().find(|s| s.word() == text)
    }

    /// Whether the row says no.
    pub const fn blocks(self) -> bool {
        matches!(self, Self::Refused | Self::Withdrawn)
    }
}

/// One row of consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentRow {
    /// The network's own id of the person, under our authority.
    pub network_id: Phi<String>,
    /// 10-digit code of the disclosing facility.
    pub facility: String,
    /// The facility's number of the person.
    pub patient_no: Phi<String>,
    /// The asking community.
    pub community: CommunityId,
    /// Organisations that may see, without `urn:oid:`.
    pub viewers: Terms,
    /// SS-MIX2 data kinds and document codes of the extension storage.
    pub kinds: Terms,
    /// What for.
    pub purposes: Vec<Purpose>,
    /// What the row says.
    pub state: ConsentState,
    /// First day, in Japan.
    pub valid_from: Date,
    /// Last day, in Japan; None is open.
    pub valid_until: Option<Date>,
    /// The form that was signed.
    pub form: String,
    /// Where the form is kept.
    pub evidence: String,
    /// Who entered it.
    pub entered_by: String,
    /// What the other network calls the person, as their card says.
    pub card: Option<Card>,
}

/// The card that another network has given a person (HM-net's HMカード): its id of them, which no likeness
/// has to confirm. Whichever was entered last is theirs; the one before it has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The id, under that network's authority.
    pub id: PatientId,
    /// First day, in Japan; None is the row's entry.
    pub from: Option<Date>,
    /// Last day, in Japan; None is open.
    pub until: Option<Date>,
}

impl ConsentRow {
    /// The first moment after its last day.
    pub fn ends(&self) -> Option<Timestamp> {
        self.valid_until.and_then(Date::next_day).map(first_moment)
    }
}

impl Card {
    /// As it stands in the store: CX, and days as YYYY-MM-DD.
    pub(super) fn read(cx: &str, from: Option<&str>, until: Option<&str>) -> Option<Self> {
        let open = |text: Option<&str>| match text {
            Some(text) => Date::parse(text, DAY).ok().map(Some),
            None => Some(None),
        };
        Some(Self { id: PatientId::from_cx(cx)?, from: open(from)?, until: open(until)? })
    }

    /// The first moment of its first day.
    pub fn begins(&self) -> Option<Timestamp> {
        self.from.map(first_moment)
    }

    /// The first moment after its last day. The last day of all has none.
    pub fn ends(&self) -> Option<Timestamp> {
        self.until.and_then(Date::next_day).map(first_moment)
    }
}

const DAY: &[time::format_description::BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]");

/// When a day begins in Japan (UTC+9, no summer time).
pub fn first_moment(day: Date) -> Timestamp {
    Timestamp::from_micros(0).plus_seconds(day.midnight().assume_utc().unix_timestamp() - 9 * 3600)
}
