//! The policies in force: one validated set, swapped whole or not at all, and the answer to one
//! question. Default deny; a policy that errs denies and is counted, whatever the others say.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use cedar_policy::{Authorizer as Cedar, PolicySet};
use moka::sync::Cache;

use super::entities::{Names, Principal, Question};
use super::index::PolicyIndex;
use super::policy_set::{PolicyError, PolicyErrors, load, read_folder};
use super::probes::Probes;
use crate::model::CommunityId;

/// The policies in force.
#[derive(Debug)]
pub struct Policies {
    own: CommunityId,
    version: ArcSwap<PolicyVersion>,
    counts: Arc<Counts>,
}

/// Counted since the start, over all sets.
#[derive(Debug, Default)]
struct Counts {
    decisions: AtomicU64,
    erring: AtomicU64,
}

impl Policies {
    /// Loads a folder. `own` is our community.
    ///
    /// # Errors
    /// Everything that is wrong with any of the files.
    pub fn load(own: CommunityId, folder: &Path) -> Result<Self, PolicyErrors> {
        Self::of(own, &read_folder(folder)?)
    }

    /// From files given as name and text.
    ///
    /// # Errors
    /// As [`Policies::load`].
    pub fn of(own: CommunityId, files: &[(String, String)]) -> Result<Self, PolicyErrors> {
        let counts = Arc::<Counts>::default();
        let version = ArcSwap::from_pointee(PolicyVersion::new(&own, files, Arc::clone(&counts))?);
        Ok(Self { own, version, counts })
    }

    /// Loads the folder again; on any error the policies in force stay.
    ///
    /// # Errors
    /// As [`Policies::load`].
    pub fn reload(&self, folder: &Path) -> Result<(), PolicyErrors> {
        let files = read_folder(folder)?;
        self.version.store(Arc::new(PolicyVersion::new(&self.own, &files, Arc::clone(&self.counts))?));
        Ok(())
    }

    /// SHA-256 of the set in force, hex.
    pub fn hash(&self) -> String {
        self.version.load().hash.clone()
    }

    /// How many policies are in force.
    pub fn count(&self) -> usize {
        self.version.load().whole.num_of_policies()
    }

    /// How many decisions were denied because a policy erred, since the start. Above 0 is an alarm.
    pub fn erring(&self) -> u64 {
        self.counts.erring.load(Ordering::Relaxed)
    }

    /// How many questions were put to Cedar since the start.
    pub fn decisions(&self) -> u64 {
        self.counts.decisions.load(Ordering::Relaxed)
    }

    pub(super) fn version(&self) -> Arc<PolicyVersion> {
        self.version.load_full()
    }
}

/// One validated set.
#[derive(Debug)]
pub(super) struct PolicyVersion {
    whole: PolicySet,
    index: PolicyIndex,
    names: Names,
    pub(super) hash: String,
    pub(super) probes: Probes,
    /// What a kind of question came to, for requesters and facilities seen a moment ago.
    pub(super) shows: Cache<(Arc<Principal>, Question), bool>,
    /// What questions came to that were put a moment ago: an answer follows from requester, question and
    /// this set alone.
    verdicts: Cache<(Arc<Principal>, Question), Arc<Verdict>>,
    counts: Arc<Counts>,
}

/// The answer to one question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) allowed: bool,
    /// `@id` of the determining policies.
    pub(super) policies: BTreeSet<String>,
    /// `@obligation` of those.
    pub(super) obligations: BTreeSet<String>,
}

impl PolicyVersion {
    fn new(own: &CommunityId, files: &[(String, String)], counts: Arc<Counts>) -> Result<Self, PolicyErrors> {
        let ours = |error: String| {
            let hint = "please report this".to_owned();
            PolicyErrors(vec![PolicyError { file: "policies".to_owned(), line: 0, why: error, hint }])
        };
        let loaded = load(files)?;
        Ok(Self {
            index: PolicyIndex::new(&loaded.set).map_err(|e| ours(e.to_string()))?,
            names: Names::new(own.clone()).map_err(|e| ours(e.to_string()))?,
            probes: Probes::new(&loaded.set),
            whole: loaded.set,
            hash: loaded.hash,
            shows: Cache::new(SHOWS_MAX),
            verdicts: Cache::new(VERDICTS_MAX),
            counts,
        })
    }

    pub(super) fn decide(&self, principal: &Principal, question: &Question) -> Verdict {
        self.judged(principal, question).unwrap_or_default()
    }

    /// As [`PolicyVersion::decide`], remembered across requests.
    pub(super) fn decide_once(&self, principal: &Arc<Principal>, question: &Question) -> Arc<Verdict> {
        // A peer decides how long the codes of its entries are; errors are counted each time.
        if question.resource.bytes() > REMEMBERED_BYTES_MAX {
            return Arc::new(self.decide(principal, question));
        }
        let key = (Arc::clone(principal), question.clone());
        if let Some(verdict) = self.verdicts.get(&key) {
            return verdict;
        }
        let Some(verdict) = self.judged(principal, question).map(Arc::new) else { return Arc::default() };
        self.verdicts.insert(key, Arc::clone(&verdict));
        verdict
    }

    fn judged(&self, principal: &Principal, question: &Question) -> Option<Verdict> {
        self.decide_by(self.index.slice(&principal.community, question.action), principal, question)
    }

    /// The same by the whole set, as a yardstick for the index.
    #[cfg(test)]
    pub(super) fn decide_by_all(&self, principal: &Principal, question: &Question) -> Verdict {
        self.decide_by(&self.whole, principal, question).unwrap_or_default()
    }

    // None where something erred: that denies.
    fn decide_by(&self, policies: &PolicySet, principal: &Principal, question: &Question) -> Option<Verdict> {
        self.counts.decisions.fetch_add(1, Ordering::Relaxed);
        let (request, entities) = match self.names.question(principal, question) {
            Ok(asked) => asked,
            Err(error) => {
                self.counts.erring.fetch_add(1, Ordering::Relaxed);
                tracing::error!(%error, "a question to the policies was denied");
                return None;
            }
        };
        let response = Cedar::new().is_authorized(&request, policies, &entities);
        let diagnostics = response.diagnostics();
        if let Some(error) = diagnostics.errors().next() {
            // An erring forbid would be skipped: so any error denies.
            self.counts.erring.fetch_add(1, Ordering::Relaxed);
            tracing::error!(%error, "a policy erred: denied");
            return None;
        }
        let annotated = |key: &'static str| {
            diagnostics.reason().filter_map(move |id| policies.annotation(id, key)).map(str::to_owned)
        };
        Some(Verdict {
            allowed: response.decision() == cedar_policy::Decision::Allow,
            policies: annotated("id").collect(),
            obligations: annotated("obligation").collect(),
        })
    }
}

/// Remembered kinds of questions.
const SHOWS_MAX: u64 = 20_000;
/// Remembered verdicts.
const VERDICTS_MAX: u64 = 20_000;
/// Bytes of what a remembered question is about.
const REMEMBERED_BYTES_MAX: usize = 512;
