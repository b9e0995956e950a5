//! What the demo did, step by step with its evidence: the data of `report.json` and of the page made
//! from it.

use serde::Serialize;

/// Japanese and English.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Both {
    /// Japanese.
    pub ja: String,
    /// English.
    pub en: String,
}

impl Both {
    /// From both.
    pub fn new(ja: impl Into<String>, en: impl Into<String>) -> Self {
        Self { ja: ja.into(), en: en.into() }
    }
}

/// The whole run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Of the program.
    pub version: String,
    /// xs:dateTime, UTC.
    pub started: String,
    /// Milliseconds from the first key to the last answer.
    pub took_ms: u64,
    /// Whether every step came out as it must.
    pub passed: bool,
    /// The agreement.
    pub agreement: Vec<Both>,
    /// Both sides.
    pub sides: Vec<Side>,
    /// What was done.
    pub steps: Vec<Step>,
}

/// One side.
#[derive(Debug, Clone, Serialize)]
pub struct Side {
    /// Folder name.
    pub key: String,
    /// Name.
    pub name: Both,
    /// Home community.
    pub community: String,
    /// Its hospitals.
    pub hospitals: Vec<Hospital>,
    /// Where portals ask.
    pub portal: String,
    /// Where other networks ask.
    pub peer: String,
    /// Where Prometheus asks.
    pub admin: String,
    /// What `audit search --json` finds.
    pub audit: Vec<serde_json::Value>,
    /// `audit verify`.
    pub verified: String,
    /// A few lines of `/metrics`.
    pub metrics: Vec<String>,
}

/// A hospital.
#[derive(Debug, Clone, Serialize)]
pub struct Hospital {
    /// Name.
    pub name: Both,
    /// 10-digit code.
    pub facility: String,
    /// Encoding of its messages.
    pub encoding: String,
}

/// Which part of the story a step belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Chapter {
    /// A patient who consents.
    Consented,
    /// Those whom nobody may find.
    Hidden,
    /// Consent withdrawn.
    Withdrawn,
    /// Emergency.
    Emergency,
    /// The other direction.
    Back,
    /// A portal that knows nothing of other networks.
    OneList,
}

impl Chapter {
    /// In the order they are told.
    pub const ALL: [Self; 6] =
        [Self::Consented, Self::Hidden, Self::Withdrawn, Self::Emergency, Self::Back, Self::OneList];

    /// Its heading.
    pub fn title(self) -> Both {
        match self {
            Self::Consented => Both::new(
                "広島の医師が岡山の患者を診る",
                "A physician in Hiroshima sees a patient of Okayama",
            ),
            Self::Hidden => Both::new("同意のない人は見つからない", "Those without consent are not found"),
            Self::Withdrawn => Both::new("同意の撤回は直ちに効く", "A withdrawal works at once"),
            Self::Emergency => Both::new("緊急時", "In an emergency"),
            Self::Back => Both::new("逆方向: 岡山から広島へ", "And back: Okayama asks Hiroshima"),
            Self::OneList => Both::new(
                "いつもの画面のまま: 自網と他網の記録が一つの一覧に",
                "The portal as it is: records of both networks in one list",
            ),
        }
    }
}

/// One step.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// Part of the story.
    pub chapter: Chapter,
    /// What is done.
    pub title: Both,
    /// Who asks.
    pub asker: String,
    /// What came out; what went wrong when it failed.
    pub outcome: Both,
    /// Lines that show it.
    pub evidence: Vec<String>,
    /// The page that was fetched, to be shown in the report.
    #[serde(skip)]
    pub document: Option<String>,
    /// Whether it came out as it must.
    pub passed: bool,
    /// Milliseconds.
    pub took_ms: u64,
}
