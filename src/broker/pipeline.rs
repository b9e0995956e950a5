//! The life of a request, on one page.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;

use super::Identity;
use super::budgets::{Budgets, Question};
use super::claims::Claims;
use super::correlations::Correlations;
use super::directory::PeerDirectory;
use super::ends::Ends;
use super::entry_cache::EntryCache;
use super::fan_out::{Around, fan_out, plan};
use super::handled::Handled;
use super::home_links::HomeLinks;
use super::ledger::Subject;
use super::limits::Limits;
use super::link_changes::LinkChanges;
use super::pages::Pages;
use super::resolve::{About, Resolver};
use super::subjects::{Counted, missed};
use super::target::Target;
use crate::audit::{AuditLog, LegOutcome, Opened, Released};
use crate::model::{
    Answer, Descriptor, DocumentQuery, Malformed, Operation, Phi, Refusal, RegistryObject, RequestContext,
    Side, TargetName, Timestamp,
};
use crate::policy::{Authorizer, Filtered, Permit};
use crate::store::Store;
use crate::telemetry::Metrics;

/// Everything the pipeline needs. Reloads swap the directory; the rest swaps inside.
pub struct Broker {
    pub(super) identity: Identity,
    pub(super) limits: Limits,
    pub(super) budgets: Budgets,
    pub(super) directory: ArcSwap<PeerDirectory>,
    pub(super) authorizer: Arc<Authorizer>,
    pub(super) audit: AuditLog,
    pub(super) store: Store,
    pub(super) correlations: Correlations,
    pub(super) ends: Arc<Ends>,
    pub(super) entry_cache: Arc<EntryCache>,
    pub(super) pages: Arc<Pages>,
    pub(super) claims: Claims,
    manager: Option<Arc<Target>>,
    pub(super) link_changes: LinkChanges,
    pub(super) metrics: Arc<Metrics>,
    pub(super) results_max: usize,
    documents_max: usize,
}

/// What the builder of a broker hands in.
pub struct BrokerParts {
    /// Who we are.
    pub identity: Identity,
    /// Who may ask how often.
    pub limits: Limits,
    /// Who may ask about how many.
    pub budgets: Budgets,
    /// The peers and sources.
    pub directory: PeerDirectory,
    /// Policies and consents.
    pub authorizer: Arc<Authorizer>,
    /// The audit log.
    pub audit: AuditLog,
    /// The store, for emergency ids.
    pub store: Store,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// Documents one retrieve may ask for.
    pub documents_max: usize,
    /// Findings an answer may hold.
    pub results_max: usize,
    /// The network's own PIX manager, where it has one: it says which ids at home are one person's.
    pub manager: Option<Arc<Target>>,
    /// Whether it is told what other networks call a person.
    pub feeds: bool,
    /// Whose the ids are that portals were shown.
    pub claims: Claims,
    /// Entries remembered between a query and its retrieves.
    pub entry_cache_entries_max: u64,
}

/// Communities whose entries are looked up before one retrieve.
const PREREQUISITES_MAX: usize = 8;

type Processed<R> = (Permit, Opened, Filtered<<R as crate::model::Request>::Found>, Vec<LegOutcome>);

impl Broker {
    /// Builds one.
    pub fn new(parts: BrokerParts) -> Self {
        let ends = Arc::new(Ends::default());
        let noting = (Arc::clone(&parts.metrics), Arc::clone(&ends));
        Self {
            identity: parts.identity,
            limits: parts.limits,
            budgets: parts.budgets,
            directory: ArcSwap::from_pointee(parts.directory),
            authorizer: parts.authorizer,
            audit: parts.audit,
            correlations: Correlations::new(parts.store.clone(), noting, parts.feeds),
            store: parts.store,
            ends,
            entry_cache: Arc::new(EntryCache::new(parts.entry_cache_entries_max)),
            pages: Arc::default(),
            claims: parts.claims,
            manager: parts.manager,
            link_changes: LinkChanges::default(),
            metrics: parts.metrics,
            results_max: parts.results_max,
            documents_max: parts.documents_max,
        }
    }

    /// Carries one request from the endpoint to its released answer. `element` is the query as it
    /// came, for the record.
    ///
    /// # Errors
    /// Every refusal; each has its own record, or is `AuditUnavailable` when it could have none. Only where
    /// the rate refuses one person again and again within a minute, one record stands for several.
    pub async fn handle<R: Handled>(
        &self,
        context: &RequestContext,
        request: &R,
        element: Phi<Bytes>,
    ) -> Result<Released<R>, Refusal> {
        self.end_what_has_ended(context).await;
        let placed = match self.placed(context, request).await {
            Ok(placed) => placed,
            Err(refusal) => return Err(self.audit.refuse(context, R::OPERATION, refusal).await),
        };
        let request = placed.as_ref().unwrap_or(request);
        let subjects = request.subjects(&self.budgets, &self.entry_cache, context);
        let (queries, question) = match self.prepare(context, request, &subjects).await {
            Ok(prepared) => prepared,
            Err(refusal) => return Err(self.audit.refuse(context, R::OPERATION, refusal).await),
        };
        let flagged;
        let context = if question.beyond {
            flagged = RequestContext { beyond_budget: true, ..context.clone() };
            &flagged
        } else {
            context
        };
        for before in queries {
            // Entries of a peer that nobody was shown yet: asked for as a query of its own, with its own
            // records; what it releases is remembered.
            let asked = before.subjects(&self.budgets, &self.entry_cache, context);
            drop(
                Box::pin(self.carry(context, &before, element.clone(), (&question, asked.as_slice()))).await,
            );
        }
        self.carry(context, request, element, (&question, subjects.as_slice())).await
    }

    /// What is settled before anything is looked up: the person's rate, whether they may ask this, the
    /// size of the request. Gives the request with the homes that it leaves open.
    async fn placed<R: Handled>(&self, context: &RequestContext, request: &R) -> Result<Option<R>, Refusal> {
        self.throttle(context, R::OPERATION)?;
        self.authorizer.may_ask(context, R::OPERATION)?;
        self.cap(request.documents())?;
        request.placed(&self.resolver(&self.directory.load_full()), context).await
    }

    /// What is settled before anything is asked of anybody: the budgets. Gives the queries that have to
    /// be answered first.
    async fn prepare<'a, R: Handled>(
        &'a self,
        context: &'a RequestContext,
        request: &R,
        subjects: &[Subject],
    ) -> Result<(Vec<DocumentQuery>, Question<'a>), Refusal> {
        let question = self.within_budget(context, subjects).await?;
        let directory = self.directory.load_full();
        let is_reachable = |query: &DocumentQuery| {
            query.home.as_ref().is_some_and(|home| directory.peer(context, home).is_some())
        };
        let mut queries = request.prerequisites(self, context);
        queries.retain(is_reachable);
        if queries.len() > PREREQUISITES_MAX {
            let why = format!("documents of more than {PREREQUISITES_MAX} communities in one request");
            return Err(Malformed::new("XDSRepositoryOutOfResources", "", why).into());
        }
        Ok((queries, question))
    }

    async fn carry<R: Handled>(
        &self,
        context: &RequestContext,
        request: &R,
        element: Phi<Bytes>,
        asked: (&Question<'_>, &[Subject]),
    ) -> Result<Released<R>, Refusal> {
        let began = self.ends.count();
        let released = match self.process(context, request, &element, asked).await {
            Ok((permit, opened, filtered, legs)) => {
                let released =
                    self.audit.release(context, &permit, opened, element, filtered, legs, &self.authorizer);
                match released.await {
                    // What could not be written as a release may be as what it is: a refusal.
                    Err(refusal @ Refusal::Internal(_)) => {
                        Err(self.audit.refuse(context, R::OPERATION, refusal).await)
                    }
                    released => released,
                }
            }
            Err(refusal) => Err(self.audit.refuse(context, R::OPERATION, refusal).await),
        };
        if let Ok(released) = &released {
            request.released(self, context);
            self.remember(context, R::objects(released.answer()), began).await;
        }
        self.pace(context, R::OPERATION, released.as_ref().is_ok_and(|released| released.shown() == 0)).await;
        released
    }

    // What an answer was shown with. Nothing is kept of one during which ids have ended: it may be theirs.
    async fn remember(&self, context: &RequestContext, objects: &[RegistryObject], began: u64) {
        self.end_what_has_ended(context).await;
        if self.have_ended_since(began) {
            self.pages.clear();
            return;
        }
        self.entry_cache.insert(context, objects);
        if !self.have_ended_since(began) {
            self.claims.keep(context, objects).await;
        }
        // Whoever ends ids says so first and forgets then: what is kept before it is said, they find.
        if self.have_ended_since(began) {
            self.pages.clear();
            self.forget_kept(context, objects).await;
        }
    }

    async fn process<R: Handled>(
        &self,
        context: &RequestContext,
        request: &R,
        element: &Phi<Bytes>,
        (question, asked): (&Question<'_>, &[Subject]),
    ) -> Result<Processed<R>, Refusal> {
        self.authorizer.may_ask(context, R::OPERATION)?;
        let directory = self.directory.load_full();
        let resolver = self.resolver(&directory);
        let resolved = request.resolve(&resolver, context).await;
        let mut about = resolved.inspect_err(|refusal| {
            if matches!(refusal, Refusal::UnknownPatient(_)) {
                let guessed: Vec<_> = asked.iter().map(|subject| missed(*subject)).collect();
                question.count(context, &guessed);
            }
        })?;
        let permit = self.authorize(context, request, &mut about, &directory)?;
        let planned = plan(&self.identity, context, request, &about, &permit, &directory);
        let records = planned.iter().flat_map(|planned| planned.records(context)).collect();
        let opened = self.audit.open(context, &permit, records).await?;
        let (authorizer, correlations, links) = (&*self.authorizer, &self.correlations, &resolver.links);
        let around = Around { authorizer, correlations, links, metrics: &self.metrics };
        let (mut answer, mut legs) = fan_out(&opened, &permit, context, planned, around).await;
        links.settle(context, &mut answer);
        let mut answer = request.conclude(self, &resolver, context, &about, answer).await;
        links.settle(context, &mut answer);
        legs.extend(links.legs());
        let mut filtered = self.filter(context, &permit, answer)?;
        request.cut(self, context, element, &mut filtered);
        // Counted before anything leaves, and by what leaves.
        question.count(context, &request.seen(&self.budgets, asked, &permit, filtered.answer()));
        Ok((permit, opened, filtered, legs))
    }

    fn cap(&self, documents: usize) -> Result<(), Refusal> {
        if documents <= self.documents_max {
            return Ok(());
        }
        let why = format!("{documents} documents in one request, {} at most", self.documents_max);
        Err(Malformed::new("XDSRepositoryOutOfResources", "", why).into())
    }

    /// Takes one request from the bucket of its system; to be asked before anything of its message is
    /// read, so that a flood costs little.
    ///
    /// # Errors
    /// `Throttled`; `Denied` for a system without limits.
    pub fn admits(&self, system: &TargetName) -> Result<(), Refusal> {
        self.limits.check_system(system).inspect_err(|_| self.metrics.throttled(&system.0, "peer"))
    }

    // An emergency of somebody who asks too often takes from the bucket kept for them, once it is clear
    // that the agreement knows emergencies.
    fn throttle(&self, context: &RequestContext, operation: Operation) -> Result<(), Refusal> {
        let system = &context.requester.system;
        let Err(refusal) = self.limits.check_person(context) else { return Ok(()) };
        if !context.requester.is_emergency() {
            self.metrics.throttled(&system.0, "person");
            return Err(refusal);
        }
        self.authorizer.may_ask(context, operation)?;
        self.limits.check_emergency(system).inspect_err(|_| self.metrics.throttled(&system.0, "emergency"))
    }

    // Whoever is over a budget is told so before anything is asked of anybody, and in the same words
    // whomever they ask about. An emergency goes on, and everybody hears of it.
    async fn within_budget<'a>(
        &'a self,
        context: &'a RequestContext,
        subjects: &[Subject],
    ) -> Result<Question<'a>, Refusal> {
        let system = &context.requester.system;
        match self.budgets.ask(context, subjects).await {
            Ok(question) => {
                if question.beyond {
                    self.metrics.emergency_over_budget(&system.0);
                    tracing::warn!(request = %context.id, %system, "an emergency goes on over a budget");
                }
                Ok(question)
            }
            Err(over) => {
                self.metrics.throttled(&system.0, over.word());
                tracing::warn!(request = %context.id, %system, whose = over.whose, what = over.what.what,
                    window = over.what.window, "over budget");
                Err(over.refusal())
            }
        }
    }

    fn authorize<R: Handled>(
        &self,
        context: &RequestContext,
        request: &R,
        about: &mut About,
        directory: &PeerDirectory,
    ) -> Result<Permit, Refusal> {
        let offers = |target: &&Arc<Target>| target.descriptor().offers.contains(&R::OPERATION);
        let asked = |target: &&Arc<Target>| request.concerns(about, target);
        let targets: Vec<&Descriptor> = directory
            .spoken_of(context.side)
            .filter(offers)
            .filter(asked)
            .map(|target| target.descriptor())
            .collect();
        let entries = std::mem::take(&mut about.entries);
        let permit = self.authorizer.authorize(context, R::OPERATION, &about.patients, entries, &targets)?;
        about.entries = permit.entries().to_vec();
        Ok(permit)
    }

    fn filter<F: crate::model::Finding>(
        &self,
        context: &RequestContext,
        permit: &Permit,
        answer: Answer<F>,
    ) -> Result<Filtered<F>, Refusal> {
        let filtered = self.authorizer.filter(context, permit, answer);
        let withheld = u64::try_from(filtered.withheld()).unwrap_or(u64::MAX);
        self.metrics.withheld(context.side.word(), context.transaction, withheld);
        if filtered.decision().obligations.iter().any(|obligation| obligation == "emergency") {
            self.metrics.emergency(&context.requester.system.0);
        }
        // Judged after the filter, so that it tells nothing of what was withheld.
        if filtered.answer().found.len() > self.results_max {
            return Err(Refusal::TooManyResults);
        }
        Ok(filtered)
    }

    fn resolver<'a>(&'a self, directory: &'a PeerDirectory) -> Resolver<'a> {
        let (identity, authorizer, cache) = (&self.identity, &*self.authorizer, &*self.entry_cache);
        let (correlations, claims, pages) = (&self.correlations, &self.claims, &*self.pages);
        let manager = self.manager.as_deref();
        let links = HomeLinks::new(identity, authorizer, directory, manager, &self.link_changes);
        Resolver { identity, authorizer, directory, cache, claims, correlations, links, pages }
    }

    // Empty answers to peers leave on the next step of 50 ms after arrival, the record's wait
    // included, so that time does not tell an unknown patient from an unconsented one (decisions A2).
    async fn pace(&self, context: &RequestContext, operation: Operation, is_empty: bool) {
        let paced = matches!(operation, Operation::PatientDiscovery | Operation::DocumentQuery);
        if !(paced && is_empty && context.side == Side::Peer) {
            return;
        }
        let step = 50_000;
        let since = Timestamp::now().micros().saturating_sub(context.received.micros()).max(0);
        let wait = step - since % step;
        tokio::time::sleep(Duration::from_micros(u64::try_from(wait).unwrap_or_default())).await;
    }

    /// Whether a refusal over the rate may be put into the words of its transaction.
    pub fn admits_wording(&self, system: &TargetName) -> bool {
        self.limits.admits_wording(system)
    }

    /// Takes one emergency of a system whose other rates and places are used up.
    ///
    /// # Errors
    /// As [`Broker::admits`].
    pub fn admits_emergency(&self, system: &TargetName) -> Result<(), Refusal> {
        let admitted = self.limits.check_emergency(system);
        admitted.inspect_err(|_| self.metrics.throttled(&system.0, "emergency"))
    }

    /// Who may ask about how many.
    pub const fn budgets(&self) -> &Budgets {
        &self.budgets
    }

    /// The directory of this moment, for health and metrics.
    pub fn directory(&self) -> Arc<PeerDirectory> {
        self.directory.load_full()
    }

    /// The audit log, for what ends before a request is known.
    pub const fn audit(&self) -> &AuditLog {
        &self.audit
    }

    /// Who we are.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }
}
