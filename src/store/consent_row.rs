//! One row of consent, as decisions C1 lays it down. What rows mean together is
//! `policy/consent.rs`.

use std::collections::BTreeSet;

use time::Date;

use crate::model::{CommunityId, Phi, Purpose};

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
}
