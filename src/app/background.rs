//! What runs beside the requests: the indexes, the audit index, health and metrics, the control
//! socket, and the end of all of it.

use std::collections::BTreeMap;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::control::{ConsentNote, ControlRoom, ControlSocket};
use super::notes::ConsentNotes;
use super::startup::{Bound, Listeners, StartError};
use super::targets::Source;
use crate::audit::{
    self, AuditHealth, AuditLog, AuditSource, AuditStats, ForwardOptions, ForwardReport, ForwardStatus,
    SyslogHeader,
};
use crate::broker::Broker;
use crate::community::PixManager;
use crate::config::{BrokerConfig, Settings};
use crate::model::{CommunityId, Endpoint, Refusal, Timestamp, Unauthenticated};
use crate::policy::Authorizer;
use crate::store::{Store, StoreError};
use crate::telemetry::{ForwardGauges, Health, Metrics, Needed, Status};
use crate::transport::{self, observe_expiries};

/// A broker with all its rooms.
pub(super) struct Running {
    pub settings: Arc<Settings>,
    pub health: Arc<Health>,
    pub metrics: Arc<Metrics>,
    pub store: Store,
    pub audit: AuditLog,
    pub forwarded: Arc<ForwardStatus>,
    pub authorizer: Arc<Authorizer>,
    pub broker: Arc<Broker>,
    pub sources: Vec<Source>,
    /// Our PIX manager, who is told what other networks call a person.
    pub told: Option<Arc<PixManager>>,
    pub shutdown: CancellationToken,
}

/// The folder whose lock says that a broker runs: the one beside the audit log.
pub(super) fn data_folder(broker: &BrokerConfig) -> Result<PathBuf, StartError> {
    let folder = broker.audit.parent().map_or_else(|| broker.folder.clone(), PathBuf::from);
    // What stands in it is about patients.
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.map_err(|e| StartError::file(&folder, e))?;
    Ok(folder)
}

impl Running {
    /// Serves until told to stop; then the listeners drain, the log is closed in order.
    pub async fn serve(self, listeners: Listeners) -> Result<(), StartError> {
        let tasks = TaskTracker::new();
        let running = Arc::new(self);
        let (room, socket) = running.control()?;
        // Changes made while no broker ran count from here on, if they can be put on record.
        running.note_consents(&room).await;
        for source in &running.sources {
            running.health.set(
                &format!("index {}", source.name),
                Needed::Ready,
                Status::Starting("reading".into()),
            );
            let (storage, stop) = (Arc::clone(&source.storage), running.shutdown.clone());
            tasks.spawn(async move { storage.follow(&stop).await });
        }
        let folder = running.settings.broker.audit.clone();
        let forwarding = running.start_forwarding()?;
        let indexing = tokio::spawn(audit::keep_index(&running.audit, folder, running.store.clone()));
        let observing = Arc::clone(&running);
        tasks.spawn(async move { observing.observe().await });
        let (auditing, storing) = (Arc::clone(&running), Arc::clone(&running));
        tasks.spawn(async move { auditing.keep_audit().await });
        tasks.spawn(async move { storing.keep_store().await });
        let counting = Arc::clone(&running);
        tasks.spawn(async move { counting.keep_budgets().await });
        running.start_feeding(&tasks);
        let (metrics, health) = (Arc::clone(&running.metrics), Arc::clone(&running.health));
        // The admin side answers until the drain is over.
        let closing = CancellationToken::new();
        let admin = tokio::spawn(crate::admin::serve(listeners.admin, metrics, health, closing.clone()));
        let (noting, stop, noted) = (Arc::clone(&running), running.shutdown.clone(), Arc::clone(&room));
        tasks.spawn(async move { noting.keep_noting(&noted).await });
        tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = socket.serve(room) => {}
            }
        });
        for bound in listeners.soap {
            tasks.spawn(Arc::clone(&running).listen(bound));
        }
        running.health.set("listeners", Needed::Ready, Status::Ok);
        tracing::info!(community = %running.settings.broker.community, "started");
        running.shutdown.cancelled().await;
        tracing::info!("stopping: no new requests; those running may end");
        tasks.close();
        tasks.wait().await;
        if tokio::time::timeout(STOP_WAIT, running.audit.stop()).await.is_err() {
            tracing::error!("the audit log does not answer: it ends without its stop record");
            indexing.abort();
        }
        running.write_budgets().await;
        closing.cancel();
        drop(admin.await);
        drop(indexing.await);
        if let Some(forwarding) = forwarding {
            // What waits longer waits in the log.
            drop(tokio::time::timeout(FORWARDING_MAX, forwarding).await);
        }
        tracing::info!("stopped");
        Ok(())
    }

    async fn listen(self: Arc<Self>, bound: Bound) {
        let endpoint = bound.endpoint;
        let service = move |connected, request| {
            let endpoint = Arc::clone(&endpoint);
            async move { endpoint.serve(connected, request).await }
        };
        let on_reject = move |rejection: transport::Rejection| {
            let running = Arc::clone(&self);
            tokio::spawn(async move { running.turned_away(rejection).await });
        };
        bound.listener.serve(bound.serving, service, on_reject).await;
    }

    // A connection that was turned away is a node authentication failure on record (decisions D4).
    async fn turned_away(&self, rejection: transport::Rejection) {
        let why = format!("{}: {}", rejection.reason.word(), rejection.detail);
        tracing::info!(
            side = rejection.side.word(),
            reason = rejection.reason.word(),
            "connection turned away"
        );
        let rejected = audit::Rejection {
            side: rejection.side,
            endpoint: Endpoint {
                subject: rejection.subject,
                spki_sha256: rejection.spki_sha256,
                address: rejection.address,
                local: rejection.local,
            },
            system: None,
            transaction: None,
            refusal: Refusal::Unauthenticated(Unauthenticated {
                word: "NodeAuthentication",
                why,
                told: None,
            }),
            message: None,
            received: Timestamp::now(),
        };
        drop(self.audit.reject(rejected).await);
    }

    /// The control socket, and what commands that come through it work on.
    fn control(self: &Arc<Self>) -> Result<(Arc<ControlRoom>, ControlSocket), StartError> {
        let notes = Arc::new(ConsentNotes { running: Arc::clone(self) });
        let note: Arc<dyn ConsentNote> = Arc::<ConsentNotes>::clone(&notes);
        let consents = Arc::clone(self.authorizer.consents());
        let room = ControlRoom::new(self.store.clone(), consents, Some(note)).with_budgets(notes);
        let room = Arc::new(room);
        let path = &self.settings.broker.control;
        let socket = ControlSocket::bind(path).map_err(|e| StartError::file(path, e))?;
        self.metrics.consent_version(self.authorizer.consent_version());
        Ok((room, socket))
    }

    fn start_forwarding(&self) -> Result<Option<tokio::task::JoinHandle<()>>, StartError> {
        let broker = &self.settings.broker;
        let Some(config) = &broker.forward else { return Ok(None) };
        let tls = transport::client_config_of(&config.tls, &broker.file)
            .map_err(|e| StartError::file(&broker.file, e))?;
        let options = ForwardOptions {
            host: config.host.clone(),
            port: config.port,
            tls: Arc::new(tls),
            resend: config.resend,
            header: SyslogHeader::of_this_machine(&config.app_name, &config.msgid),
            source: AuditSource {
                device: broker.device.to_string(),
                community: broker.community.0.to_string(),
            },
        };
        let status = Arc::clone(&self.forwarded);
        let forward = audit::forward(&self.audit, &broker.audit, self.store.clone(), options, status);
        Ok(Some(tokio::spawn(forward)))
    }

    // A dead repository changes nothing of our work: records wait in the log, and somebody should know.
    fn observe_forwarding(&self, before: &mut ForwardReport) {
        let Some(config) = &self.settings.broker.forward else { return };
        let now = self.forwarded.report();
        let oldest = now.waits_since.map_or(0, |since| Timestamp::now().micros().saturating_sub(since));
        let gauges = ForwardGauges {
            connected: now.is_connected,
            backlog: self.audit.stats().records.saturating_sub(now.next),
            oldest: Duration::from_micros(u64::try_from(oldest).unwrap_or_default()),
            sent: now.sent.saturating_sub(before.sent),
            sent_again: now.sent_again.saturating_sub(before.sent_again),
        };
        self.metrics.audit_forward(&format!("{}:{}", config.host, config.port), &gauges);
        let status = match &now.why {
            Some(why) => Status::Warning(why.clone()),
            None if now.is_connected => Status::Ok,
            None => Status::Starting("not connected yet".to_owned()),
        };
        self.health.set("audit repository", Needed::Shown, status);
        *before = now;
    }

    // Twice a second: what works and what does not; once a minute: what has expired. Nothing here
    // waits for a disk, so that one that hangs is told.
    async fn observe(&self) {
        let mut ticks = tokio::time::interval(Duration::from_millis(500));
        let (mut before, mut forwarded) = (AuditStats::default(), ForwardReport::default());
        let mut tick: u64 = 0;
        let mut erring = 0;
        let mut refused = BTreeMap::new();
        loop {
            tokio::select! {
                () = self.shutdown.cancelled() => return,
                _ = ticks.tick() => {}
            }
            self.observe_audit(&mut before);
            self.observe_forwarding(&mut forwarded);
            self.observe_sources();
            self.metrics.consent_version(self.authorizer.consent_version());
            let now = self.authorizer.policies().erring();
            (erring..now).for_each(|_| self.metrics.policy_error());
            erring = now;
            self.observe_emergencies(&mut refused);
            if tick.is_multiple_of(120) {
                observe_expiries(&self.metrics, &self.settings.broker, &self.settings.targets);
            }
            tick += 1;
        }
    }

    // What waits for disks, each on its own.
    async fn keep_audit(&self) {
        loop {
            tokio::select! {
                () = self.shutdown.cancelled() => return,
                () = tokio::time::sleep(Duration::from_secs(2)) => {}
            }
            tokio::select! {
                () = self.shutdown.cancelled() => return,
                () = self.mend_audit() => {}
            }
        }
    }

    async fn keep_store(&self) {
        let mut ticks = tokio::time::interval(Duration::from_secs(10));
        loop {
            tokio::select! {
                () = self.shutdown.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let status = match tokio::time::timeout(STORE_WAIT, self.purge(Timestamp::now())).await {
                Ok(Ok(_)) => Status::Ok,
                Ok(Err(error)) => Status::Failed(error.to_string()),
                Err(_) => Status::Failed(format!("no answer within {} s", STORE_WAIT.as_secs())),
            };
            let is_failing = status != Status::Ok;
            if self.health.set("store", Needed::Work, status) && is_failing {
                tracing::error!("the store does not answer: no message is taken");
            }
        }
    }

    async fn purge(&self, now: Timestamp) -> Result<(), StoreError> {
        self.store.purge_replays(now.plus_seconds(-JUDGED_LATE_S)).await?;
        self.metrics.replay_cache_used(self.store.replays_used(None));
        self.store.purge_correlations(now).await?;
        let given_up = self.store.purge_feed(now).await?;
        if given_up > 0 {
            tracing::error!(
                given_up,
                "the PIX manager has not taken messages for a month: they are given up"
            );
        }
        self.store.purge_asked(now.plus_seconds(-ASKED_KEPT_S)).await?;
        let limits = &self.settings.broker.limits;
        let days = i64::try_from(limits.shown_ids_days).unwrap_or(i64::MAX);
        let until = now.plus_seconds(days.saturating_mul(-86_400));
        self.store.purge_claims(until, limits.shown_ids_max).await?;
        Ok(())
    }

    // What was counted is written behind: a kill loses the last second of it at most.
    async fn keep_budgets(&self) {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.shutdown.cancelled() => return,
                _ = ticks.tick() => self.write_budgets().await,
            }
        }
    }

    async fn write_budgets(&self) {
        let written = tokio::time::timeout(STORE_WAIT, self.broker.budgets().write(&self.store)).await;
        match written {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "what was asked could not be kept; tried again"),
            Err(_) => tracing::error!("what was asked is not kept yet: the store does not answer"),
        }
    }

    // A disk that was full has room again, a volume is back: the writer is opened anew, which verifies
    // the log and closes what was under way (decisions D1). Until that succeeds nothing is released.
    async fn mend_audit(&self) {
        if !matches!(self.audit.health(), AuditHealth::Down(_)) {
            return;
        }
        match self.audit.reopen().await {
            Ok(recovered) => {
                if recovered.cut.is_some() {
                    self.metrics.audit_torn_tail();
                }
                let (opens, releases) = (recovered.closed_opens, recovered.closed_releases);
                tracing::warn!(opens, releases, "the audit log can be written again");
            }
            Err(error) => tracing::debug!(%error, "the audit log still cannot be written"),
        }
    }

    fn observe_audit(&self, before: &mut AuditStats) {
        let waiting = self.audit.waiting();
        let status = audit_status(self.audit.health(), waiting);
        let is_up = status == Status::Ok;
        if self.health.set("audit", Needed::Work, status) && !is_up {
            tracing::error!("the audit log cannot be written: nothing is released");
        }
        self.metrics.audit_writer_up(is_up);
        self.metrics.audit_waiting(waiting);
        let now = self.audit.stats();
        self.metrics.audit_events(now.events.saturating_sub(before.events));
        self.metrics.audit_queue(usize::try_from(now.index_behind).unwrap_or(usize::MAX));
        let commits = now.commits.saturating_sub(before.commits);
        if let Some(mean) = now.commit_micros.saturating_sub(before.commit_micros).checked_div(commits) {
            self.metrics.audit_commit(Duration::from_micros(mean));
        }
        *before = now;
    }

    fn observe_emergencies(&self, before: &mut BTreeMap<CommunityId, u64>) {
        let now = self.authorizer.emergencies().refused();
        for (community, count) in &now {
            let more = count.saturating_sub(before.get(community).copied().unwrap_or_default());
            if more > 0 {
                self.metrics.emergency_ids_refused(community.0.as_str(), more);
                tracing::error!(%community, refused = more, "emergency ids refused: too many in use");
            }
        }
        *before = now;
    }

    fn observe_sources(&self) {
        for Source { name, storage } in &self.sources {
            let report = storage.report();
            let quarantined: usize = report.quarantined.values().sum();
            self.metrics.index(name, report.entries, quarantined, storage.ready());
            let status = match (storage.ready(), storage.reachable()) {
                (_, false) => Status::Failed("the storage cannot be listed".to_owned()),
                (false, true) => Status::Starting(format!("{} files read", report.files)),
                (true, true) => Status::Ok,
            };
            if self.health.set(&format!("index {name}"), Needed::Ready, status) && storage.ready() {
                tracing::info!(source = name, entries = report.entries, quarantined, "index");
            }
        }
    }
}

/// A writer whose oldest record waits longer than this counts as down: its disk hangs.
const HANGS_AFTER: Duration = Duration::from_secs(3);
/// How long a subject somebody has asked about stays in the store: a day more than it counts.
const ASKED_KEPT_S: i64 = 31 * 86_400;
/// A message is judged by the moment it came, and its body may take as long as a request may (two minutes):
/// what was over by then must not be forgotten before.
const JUDGED_LATE_S: i64 = 180;
const STORE_WAIT: Duration = Duration::from_secs(5);
const STOP_WAIT: Duration = Duration::from_secs(10);

fn audit_status(health: AuditHealth, waiting: Duration) -> Status {
    match health {
        AuditHealth::Up(_) if waiting > HANGS_AFTER => Status::Failed(format!(
            "a record has been waiting for more than {} s: the disk does not answer",
            HANGS_AFTER.as_secs()
        )),
        AuditHealth::Up(_) => Status::Ok,
        AuditHealth::Down(why) => Status::Failed(why),
        AuditHealth::Stopped => Status::Failed("stopped".to_owned()),
    }
}

/// What the repository may still be sent when all else has stopped.
const FORWARDING_MAX: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_whose_record_waits_too_long_has_failed_and_a_quick_one_has_not() {
        let status = |waiting| audit_status(AuditHealth::Up(None), Duration::from_millis(waiting));
        assert_eq!(status(2_900), Status::Ok);
        assert!(matches!(status(3_100), Status::Failed(why) if why.contains("does not answer")));
    }
}
