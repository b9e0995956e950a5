//! Every metric, in base units. Labels come from closed sets only: names of files in `peers/`,
//! transactions, and the words written here and at the callers; never from a message.

use std::sync::Arc;
use std::time::Duration;

use prometheus::{
    Error, Gauge, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    TextEncoder,
};

mod emergency;
mod pix_feed;

use emergency::EmergencyMetrics;
use pix_feed::PixFeedMetrics;

use super::registered::{Registered, add, observe, set, set_float, whole};

/// What a breaker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Requests pass.
    Closed,
    /// One request tries.
    HalfOpen,
    /// No request passes.
    Open,
}

/// Every metric of the broker. No method panics; a label set that does not fit is dropped.
#[derive(Debug)]
pub struct Metrics {
    registered: Registered,
    traffic: RequestMetrics,
    emergency: EmergencyMetrics,
    pix_feed: PixFeedMetrics,
    trust: TrustMetrics,
    audit: AuditMetrics,
    state: StateMetrics,
}

impl Metrics {
    /// A registry of its own with everything registered.
    ///
    /// # Errors
    /// A name used twice; a mistake in this file.
    pub fn new() -> Result<Arc<Self>, Error> {
        let mut r = Registered::default();
        let traffic = RequestMetrics::new(&mut r)?;
        let emergency = EmergencyMetrics::new(&mut r)?;
        let pix_feed = PixFeedMetrics::new(&mut r)?;
        let trust = TrustMetrics::new(&mut r)?;
        let audit = AuditMetrics::new(&mut r)?;
        let state = StateMetrics::new(&mut r)?;
        r.float_gauges("build_info", "1, with the version.", &["version"])?
            .get_metric_with_label_values(&[env!("CARGO_PKG_VERSION")])?
            .set(1.0);
        let start = r.float_gauge("process_start_time_seconds", "Start of the process since 1970.")?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        start.set(now.unwrap_or_default().as_secs_f64());
        Ok(Arc::new(Self { registered: r, traffic, emergency, pix_feed, trust, audit, state }))
    }

    /// The text format of Prometheus. Not on the path of a request.
    pub fn encode(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registered.registry.gather()).unwrap_or_default()
    }

    /// Every metric's name, also of those without a value yet.
    pub fn names(&self) -> &[String] {
        &self.registered.names
    }

    /// A request has been answered. `outcome` is a closed word (`success`, `partial`, `denied`, ...).
    pub fn request(&self, side: &str, peer: &str, transaction: &str, outcome: &str, took: Duration) {
        add(&self.traffic.requests, &[side, peer, transaction, outcome], 1);
        observe(&self.traffic.request_seconds, &[side, transaction], took);
    }

    /// A request is at work until the value is dropped.
    pub fn in_flight(&self, side: &str) -> InFlight {
        let gauge = self.traffic.in_flight.get_metric_with_label_values(&[side]).ok();
        InFlight::new(gauge)
    }

    /// A target has been asked.
    pub fn outbound(&self, target: &str, transaction: &str, outcome: &str, took: Duration) {
        add(&self.traffic.outbound, &[target, transaction, outcome], 1);
        observe(&self.traffic.outbound_seconds, &[target, transaction], took);
    }

    /// A person's ids at a target were needed; `outcome` is `asked`, `remembered` or `stale`.
    pub fn correlation(&self, target: &str, outcome: &str) {
        add(&self.traffic.correlations, &[target, outcome], 1);
    }

    /// A breaker has changed.
    pub fn breaker(&self, target: &str, state: BreakerState) {
        let number = match state {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Open => 2,
        };
        set(&self.traffic.breaker, &[target], number);
    }

    /// Findings were taken out.
    pub fn withheld(&self, side: &str, transaction: &str, count: u64) {
        add(&self.traffic.withheld, &[side, transaction], count);
    }

    /// An emergency went on over a budget.
    pub fn emergency_over_budget(&self, peer: &str) {
        add(&self.emergency.emergencies_over_budget, &[peer], 1);
    }

    /// An emergency went on beside the rates and places that its system had used up.
    pub fn emergency_lane(&self, peer: &str) {
        add(&self.emergency.emergency_lane, &[peer], 1);
    }

    /// A request was refused by a rate or a budget; the words stand at the metric.
    pub fn throttled(&self, peer: &str, what: &str) {
        add(&self.traffic.throttled, &[peer, what], 1);
    }

    /// Who asks was not established; `reason` is the word of the audit record.
    pub fn authentication_failure(&self, side: &str, peer: &str, reason: &str) {
        add(&self.trust.authentication_failures, &[side, peer, reason], 1);
    }

    /// An answer was given under an emergency policy.
    pub fn emergency(&self, peer: &str) {
        add(&self.emergency.emergencies, &[peer], 1);
    }

    /// So many emergency ids more were refused to a community, which has too many in use.
    pub fn emergency_ids_refused(&self, community: &str, count: u64) {
        add(&self.emergency.emergency_ids_refused, &[community], count);
    }

    /// A finding answered something else: `not_asked`, `not_related`, `other_person`, `too_many_ids`, `document_differs`
    /// (`document_differs_passed` where the peer's file lets it pass).
    pub fn dropped(&self, target: &str, reason: &str, count: u64) {
        add(&self.traffic.dropped, &[target, reason], count);
    }

    /// A deviation was put up with.
    pub fn message_warning(&self, peer: &str, code: &str) {
        add(&self.traffic.message_warnings, &[peer, code], 1);
    }

    /// Bytes of documents went out.
    pub fn document_bytes(&self, side: &str, peer: &str, bytes: u64) {
        add(&self.traffic.document_bytes, &[side, peer], bytes);
    }

    /// A policy failed to evaluate.
    pub fn policy_error(&self) {
        self.state.policy_errors.inc();
    }

    /// The consents in force.
    pub fn consent_version(&self, version: u64) {
        self.state.consent_version.set(whole(version));
    }

    /// Changes of consents that are not in the audit log yet.
    pub fn consent_changes_unnoted(&self, changes: usize) {
        self.state.consent_changes_unnoted.set(whole(changes as u64));
    }

    /// So many records more are durable.
    pub fn audit_events(&self, count: u64) {
        add(&self.audit.audit_records, &["event"], count);
    }

    /// How long a record took to become durable.
    pub fn audit_commit(&self, took: Duration) {
        self.audit.audit_commit_seconds.observe(took.as_secs_f64());
    }

    /// Records of the audit log that the index does not have yet.
    pub fn audit_queue(&self, records: usize) {
        self.audit.audit_queue.set(whole(records as u64));
    }

    /// How long the oldest record has been waiting for the disk.
    pub fn audit_waiting(&self, waiting: Duration) {
        self.audit.audit_oldest_waiting.set(waiting.as_secs_f64());
    }

    /// Whether records can be written.
    pub fn audit_writer_up(&self, up: bool) {
        self.audit.audit_writer_up.set(i64::from(up));
    }

    /// A torn tail was cut.
    pub fn audit_torn_tail(&self) {
        self.audit.audit_torn_tails.inc();
    }

    /// How forwarding to the audit repository stands.
    pub fn audit_forward(&self, repository: &str, state: &ForwardGauges) {
        let label = &[repository];
        set(&self.audit.forward_connected, label, i64::from(state.connected));
        set(&self.audit.forward_backlog, label, whole(state.backlog));
        set_float(&self.audit.forward_oldest, label, state.oldest.as_secs_f64());
        add(&self.audit.forward_messages, &[repository, "first"], state.sent);
        add(&self.audit.forward_messages, &[repository, "again"], state.sent_again);
    }

    /// The state of a source's index.
    pub fn index(&self, source: &str, documents: usize, quarantined: usize, ready: bool) {
        set(&self.state.index_documents, &[source], whole(documents as u64));
        set(&self.state.index_quarantined, &[source], whole(quarantined as u64));
        set(&self.state.index_ready, &[source], i64::from(ready));
    }

    /// A connection is open until the value is dropped.
    pub fn connection(&self, side: &str) -> InFlight {
        InFlight::new(self.trust.connections.get_metric_with_label_values(&[side]).ok())
    }

    /// A connection was closed before a request.
    pub fn connection_refused(&self, side: &str, reason: &str) {
        add(&self.trust.connections_refused, &[side, reason], 1);
    }

    /// A connection or stream was cut because its reader took too little.
    pub fn slow_reader(&self, side: &str, peer: &str) {
        add(&self.trust.slow_readers, &[side, peer], 1);
    }

    /// A handshake succeeded.
    pub fn handshake(&self, side: &str, took: Duration) {
        observe(&self.trust.handshake_seconds, &[side], took);
    }

    /// When a file of certificates (seconds since 1970) runs out.
    pub fn certificate_expiry(&self, file: &str, at_s: i64) {
        set_float(&self.trust.certificate_expiry, &[file], at_s as f64);
    }

    /// When a revocation list (seconds since 1970) runs out.
    pub fn crl_expiry(&self, file: &str, at_s: i64) {
        set_float(&self.trust.crl_expiry, &[file], at_s as f64);
    }

    /// Health of a component.
    pub fn component(&self, component: &str, up: bool) {
        set(&self.state.component_up, &[component], i64::from(up));
    }

    /// A component is gone.
    pub fn forget_component(&self, component: &str) {
        let _ = self.state.component_up.remove_label_values(&[component]);
    }

    /// A fault of our own.
    pub fn internal_error(&self) {
        self.state.internal_errors.inc();
    }

    /// How much of the replay cache the fullest system has used, 0 to 1.
    pub fn replay_cache_used(&self, used: f64) {
        self.state.replay_cache_used.set(used);
    }
}

/// How forwarding to the audit repository stands, and what was written since the last look.
#[derive(Debug, Clone, Copy, Default)]
pub struct ForwardGauges {
    /// Whether there is a connection.
    pub connected: bool,
    /// Records still to be written, or to be written again.
    pub backlog: u64,
    /// Age of the oldest of them.
    pub oldest: Duration,
    /// Messages written for the first time.
    pub sent: u64,
    /// Messages written again.
    pub sent_again: u64,
}

/// Counts one in a gauge until it is dropped.
#[derive(Debug)]
pub struct InFlight(Option<IntGauge>);

impl InFlight {
    fn new(gauge: Option<IntGauge>) -> Self {
        if let Some(gauge) = &gauge {
            gauge.inc();
        }
        Self(gauge)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(gauge) = &self.0 {
            gauge.dec();
        }
    }
}

/// Requests in and out.
#[derive(Debug)]
struct RequestMetrics {
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    in_flight: IntGaugeVec,
    outbound: IntCounterVec,
    outbound_seconds: HistogramVec,
    breaker: IntGaugeVec,
    withheld: IntCounterVec,
    throttled: IntCounterVec,
    dropped: IntCounterVec,
    correlations: IntCounterVec,
    message_warnings: IntCounterVec,
    document_bytes: IntCounterVec,
}

impl RequestMetrics {
    fn new(r: &mut Registered) -> Result<Self, Error> {
        Ok(Self {
            requests: r.counters(
                "requests_total",
                "Requests answered.",
                &["side", "peer", "transaction", "outcome"],
            )?,
            request_seconds: r.histograms(
                "request_duration_seconds",
                "From arrival to the end of the answer's head.",
                &["side", "transaction"],
                REQUEST_BUCKETS,
            )?,
            in_flight: r.gauges("requests_in_flight", "Requests at work.", &["side"])?,
            outbound: r.counters(
                "outbound_requests_total",
                "Requests to targets.",
                &["target", "transaction", "outcome"],
            )?,
            outbound_seconds: r.histograms(
                "outbound_duration_seconds",
                "From sending to the answer.",
                &["target", "transaction"],
                REQUEST_BUCKETS,
            )?,
            breaker: r.gauges("breaker_state", "0 closed, 1 half open, 2 open.", &["target"])?,
            withheld: r.counters(
                "withheld_total",
                "Findings taken out by policy or consent.",
                &["side", "transaction"],
            )?,
            throttled: r.counters(
                "throttled_total",
                "Requests refused by a rate or budget; what: peer, person, in_flight, emergency, \
                 and person, facility, peer, emergency with _patients or _misses.",
                &["peer", "what"],
            )?,
            dropped: r.counters(
                "dropped_findings_total",
                "Findings that answered something not asked; reason: not_asked, not_related (to what was named), other_person, too_many_ids, document_differs, document_differs_passed (let pass by the peer's file).",
                &["target", "reason"],
            )?,
            correlations: r.counters(
                "correlations_total",
                "Persons known at home whose ids there were needed: asked for, remembered, or remembered and stale.",
                &["target", "outcome"],
            )?,
            message_warnings: r.counters(
                "message_warnings_total",
                "Deviations put up with while reading.",
                &["peer", "code"],
            )?,
            document_bytes: r.counters(
                "document_bytes_total",
                "Bytes of documents sent.",
                &["side", "peer"],
            )?,
        })
    }
}

/// Connections, certificates, who asks.
#[derive(Debug)]
struct TrustMetrics {
    authentication_failures: IntCounterVec,
    connections: IntGaugeVec,
    connections_refused: IntCounterVec,
    slow_readers: IntCounterVec,
    handshake_seconds: HistogramVec,
    certificate_expiry: GaugeVec,
    crl_expiry: GaugeVec,
}

impl TrustMetrics {
    fn new(r: &mut Registered) -> Result<Self, Error> {
        Ok(Self {
            authentication_failures: r.counters(
                "authentication_failures_total",
                "Messages whose sender or person was not established.",
                &["side", "peer", "reason"],
            )?,
            connections: r.gauges("connections", "Open connections.", &["side"])?,
            connections_refused: r.counters(
                "connections_refused_total",
                "Connections closed before a request; reason as in the audit log.",
                &["side", "reason"],
            )?,
            slow_readers: r.counters(
                "slow_readers_total",
                "Connections and HTTP/2 streams cut because answers were taken too slowly.",
                &["side", "peer"],
            )?,
            handshake_seconds: r.histograms(
                "handshake_duration_seconds",
                "TLS handshakes that succeeded.",
                &["side"],
                COMMIT_BUCKETS,
            )?,
            certificate_expiry: r.float_gauges(
                "certificate_expiry_timestamp_seconds",
                "End of the earliest certificate of a file.",
                &["file"],
            )?,
            crl_expiry: r.float_gauges(
                "crl_expiry_timestamp_seconds",
                "End of the earliest revocation list of a file.",
                &["file"],
            )?,
        })
    }
}

/// The audit log.
#[derive(Debug)]
struct AuditMetrics {
    audit_records: IntCounterVec,
    audit_commit_seconds: Histogram,
    audit_queue: IntGauge,
    audit_writer_up: IntGauge,
    audit_oldest_waiting: Gauge,
    audit_torn_tails: IntCounter,
    forward_connected: IntGaugeVec,
    forward_backlog: IntGaugeVec,
    forward_oldest: GaugeVec,
    forward_messages: IntCounterVec,
}

impl AuditMetrics {
    fn new(r: &mut Registered) -> Result<Self, Error> {
        Ok(Self {
            audit_records: r.counters("audit_records_total", "Records written.", &["kind"])?,
            audit_commit_seconds: r.histogram(
                "audit_commit_seconds",
                "Write and sync of one commit, without what was waited for more to share it.",
                COMMIT_BUCKETS,
            )?,
            audit_queue: r
                .gauge("audit_queue_records", "Records of the audit log that the index does not have yet.")?,
            audit_writer_up: r.gauge("audit_writer_up", "1 while records can be written.")?,
            audit_oldest_waiting: r.float_gauge(
                "audit_oldest_waiting_seconds",
                "How long the oldest record has been waiting for the disk.",
            )?,
            audit_torn_tails: r.counter("audit_torn_tails_total", "Torn tails cut on start.")?,
            forward_connected: r.gauges(
                "audit_forward_connected",
                "1 while there is a connection to the audit repository.",
                &["repository"],
            )?,
            forward_backlog: r.gauges(
                "audit_forward_backlog_records",
                "Records still to be sent to the audit repository, or to be sent again.",
                &["repository"],
            )?,
            forward_oldest: r.float_gauges(
                "audit_forward_oldest_seconds",
                "Age of the oldest record that waits for the audit repository.",
                &["repository"],
            )?,
            forward_messages: r.counters(
                "audit_forward_messages_total",
                "Messages written to the audit repository; pass: first, again.",
                &["repository", "pass"],
            )?,
        })
    }
}

/// What is in force and whether it works.
#[derive(Debug)]
struct StateMetrics {
    policy_errors: IntCounter,
    consent_version: IntGauge,
    consent_changes_unnoted: IntGauge,
    index_documents: IntGaugeVec,
    index_quarantined: IntGaugeVec,
    index_ready: IntGaugeVec,
    component_up: IntGaugeVec,
    internal_errors: IntCounter,
    replay_cache_used: Gauge,
}

impl StateMetrics {
    fn new(r: &mut Registered) -> Result<Self, Error> {
        Ok(Self {
            policy_errors: r
                .counter("policy_errors_total", "Policies that failed to evaluate; each denied.")?,
            consent_version: r.gauge("consent_version", "Version of the consents in force.")?,
            consent_changes_unnoted: r.gauge(
                "consent_changes_unnoted",
                "Changes of consents that are not in the audit log yet; what they grant does not count.",
            )?,
            index_documents: r.gauges("index_documents", "Documents indexed.", &["source"])?,
            index_quarantined: r.gauges(
                "index_quarantined_documents",
                "Files that cannot be offered.",
                &["source"],
            )?,
            index_ready: r.gauges("index_ready", "1 once the first index is complete.", &["source"])?,
            component_up: r.gauges("component_up", "Health of a component.", &["component"])?,
            internal_errors: r.counter("internal_errors_total", "Faults of our own.")?,
            replay_cache_used: r.float_gauge(
                "replay_cache_used_ratio",
                "Of what one system's messages may take in the replay cache, how much the fullest has used.",
            )?,
        })
    }
}

/// Answers in seconds: 8 s is the default timeout of a request.
const REQUEST_BUCKETS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 8.0, 15.0, 30.0];

/// Disk syncs and handshakes in seconds.
const COMMIT_BUCKETS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_shows_under_its_labels_and_a_dropped_guard_counts_back() {
        let metrics = Metrics::new().unwrap();
        metrics.request("peer", "hm", "ITI-38", "success", Duration::from_millis(20));
        let guard = metrics.in_flight("peer");
        assert!(metrics.encode().contains("kakehashi_requests_in_flight{side=\"peer\"} 1"));
        drop(guard);
        let text = metrics.encode();
        assert!(text.contains("kakehashi_requests_in_flight{side=\"peer\"} 0"));
        assert!(text.contains(r#"outcome="success",peer="hm",side="peer",transaction="ITI-38"} 1"#));
    }

    /// Every word in a file that begins like one of our metrics, without a histogram's endings.
    fn named(file: &str) -> Vec<String> {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let text = std::fs::read_to_string(path).unwrap();
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let ours = words.filter(|word| word.starts_with("kakehashi_"));
        ours.map(|word| word.strip_suffix("_bucket").unwrap_or(word).to_owned()).collect()
    }

    #[test]
    fn dashboards_and_alerts_name_only_metrics_that_exist() {
        let metrics = Metrics::new().unwrap();
        for file in ["dashboards/overview.json", "dashboards/alerts.yml"] {
            let named = named(file);
            assert!(named.len() > 15, "{file}");
            let strange: Vec<_> = named.iter().filter(|name| !metrics.names().contains(name)).collect();
            assert!(strange.is_empty(), "{file}: {strange:?}");
        }
    }

    #[test]
    fn every_alert_says_what_to_do_in_both_languages() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards/alerts.yml");
        let text = std::fs::read_to_string(path).unwrap();
        for rule in text.split("- alert: ").skip(1) {
            for key in ["summary:", "summary_ja:", "description:", "description_ja:", "runbook:", "severity:"]
            {
                assert!(rule.contains(key), "{key} in {rule}");
            }
        }
    }
}
