//! Builds the rooms in the order of the floors, opens the listeners, says their addresses, and
//! drains them when told to stop.

use std::collections::HashMap;
use std::fmt::Display;
use std::io;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::background::{self, Running};
use super::saml::{portal_trust, trust};
use super::targets;
use crate::audit::{AuditLog, AuditOptions, Disk, FolderDisk};
use crate::broker::{Broker, BrokerParts, Budgets, Claims, Identity, InboundRates, Limits, PeerDirectory};
use crate::config::{BrokerConfig, ConfigErrors, ListenerConfig, Settings, TargetFile, TargetKind};
use crate::dialect::soap;
use crate::endpoint::{EndpointParts, Lane, SoapEndpoint, System};
use crate::identity::{Admission, Notifications};
use crate::model::{Purpose, Side, TargetName, Timestamp};
use crate::policy::{Authorizer, Consents, EmergencyIds, Policies};
use crate::store::{Store, StoreLock};
use crate::telemetry::{Health, Metrics, Needed, Status};
use crate::transport::{Listener, Serving, Trust, gather_randomness};

/// Why the broker does not start. Each says what, where and what to do next.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration.
    #[error("{0}")]
    Config(ConfigErrors),
    /// A file.
    #[error("{path}: {why}")]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Something else, named.
    #[error("{what}: {why}")]
    Room {
        /// What could not be built.
        what: &'static str,
        /// Why.
        why: String,
    },
}

impl StartError {
    pub(super) fn file(path: &Path, why: impl Display) -> Self {
        Self::File { path: path.to_owned(), why: why.to_string() }
    }

    fn room(what: &'static str, why: impl Display) -> Self {
        Self::Room { what, why: why.to_string() }
    }
}

/// Runs a broker until it is told to stop, then drains it.
///
/// # Errors
/// When it cannot start; nothing has been served then.
pub async fn run(settings: Settings, shutdown: CancellationToken) -> Result<(), StartError> {
    let folder_disk = |folder: &Path| Ok(Box::new(FolderDisk::for_writing(folder)?) as Box<dyn Disk>);
    run_on(settings, folder_disk, shutdown).await
}

/// As [`run`], with the audit log on a disk of the caller's choice; it is given the log's folder.
///
/// # Errors
/// As [`run`].
pub async fn run_on(
    settings: Settings,
    audit_disk: impl FnOnce(&Path) -> io::Result<Box<dyn Disk>>,
    shutdown: CancellationToken,
) -> Result<(), StartError> {
    let settings = Arc::new(settings);
    let broker_settings = &settings.broker;
    let metrics = Metrics::new().map_err(|e| StartError::room("metrics", e))?;
    let health = Arc::new(Health::new(Arc::clone(&metrics)));
    health.set("listeners", Needed::Ready, Status::Starting("not bound yet".to_owned()));
    let folder = background::data_folder(broker_settings)?;
    let _lock = StoreLock::take(&folder).map_err(|e| StartError::file(&folder, e))?.ok_or_else(|| {
        StartError::file(&folder, "another broker or command works on this folder; stop it first")
    })?;
    let store = Store::open(&broker_settings.store_url).await.map_err(|e| StartError::room("store", e))?;
    let disk = audit_disk(&broker_settings.audit).map_err(|e| StartError::file(&broker_settings.audit, e))?;
    let (audit, recovered) = AuditLog::start_on(disk, AuditOptions::default())
        .map_err(|e| StartError::file(&broker_settings.audit, e))?;
    if let Some(cut) = &recovered.cut {
        metrics.audit_torn_tail();
        tracing::warn!(segment = %cut.segment, at = cut.at, bytes = cut.bytes_cut, "the audit log's torn tail was cut");
    }
    let authorizer = Arc::new(authorizer(&settings, &store).await?);
    let secret = store.secret("namespace").await.map_err(|e| StartError::room("store", e))?;
    let (targets, sources) = targets::build(&settings, secret, &metrics)?;
    let (manager, told) = targets::pix_manager(&settings, &metrics)?.unzip();
    let asking = || settings.targets.iter().filter(|file| file.may_ask());
    let budgets = asking().map(|file| (file.name.clone(), file.budgets));
    let budgets =
        Budgets::load(budgets, &store, Timestamp::now()).await.map_err(|e| StartError::room("store", e))?;
    let claims = claims(broker_settings, &store).await?;
    let broker = Arc::new(Broker::new(BrokerParts {
        identity: Identity {
            community: broker_settings.community.clone(),
            authority: broker_settings.authority.clone(),
            device: broker_settings.device.clone(),
        },
        limits: Limits::new(asking().chain(managers(&settings)).map(|f| rates(&settings, f))),
        budgets,
        directory: PeerDirectory::new(targets),
        authorizer: Arc::clone(&authorizer),
        audit: audit.clone(),
        store: store.clone(),
        metrics: Arc::clone(&metrics),
        documents_max: usize::try_from(broker_settings.limits.documents_per_request_max)
            .unwrap_or(usize::MAX),
        feeds: told.as_ref().is_some_and(|manager| manager.feed().is_some()),
        manager,
        results_max: usize::try_from(broker_settings.limits.results_max).unwrap_or(usize::MAX),
        claims,
        entry_cache_entries_max: broker_settings.limits.entry_cache_entries_max,
    }));
    let forwarded = Arc::default();
    let running = Running {
        settings,
        health,
        metrics,
        store,
        audit,
        forwarded,
        authorizer,
        broker,
        sources,
        told,
        shutdown,
    };
    let listeners = open(&running).await?;
    running.serve(listeners).await
}

async fn claims(broker: &BrokerConfig, store: &Store) -> Result<Claims, StartError> {
    let claims = Claims::load(store, broker.community.clone(), broker.limits.shown_ids_days).await;
    claims.map_err(|e| StartError::room("store", e))
}

async fn authorizer(settings: &Settings, store: &Store) -> Result<Authorizer, StartError> {
    let broker = &settings.broker;
    let room = |e: &dyn Display| StartError::room("store", e);
    let policies = Policies::load(broker.community.clone(), &broker.policies)
        .map_err(|e| StartError::file(&broker.policies, e))?;
    let consents = Consents::load(store).await.map_err(|e| room(&e))?;
    let emergencies =
        EmergencyIds::load(store, broker.authority.clone(), Timestamp::now()).await.map_err(|e| room(&e))?;
    let (policies, consents, emergencies) = (Arc::new(policies), Arc::new(consents), Arc::new(emergencies));
    Ok(Authorizer::new(broker.community.clone(), broker.authority.clone(), policies, consents, emergencies))
}

fn managers(settings: &Settings) -> impl Iterator<Item = &Arc<TargetFile>> {
    settings.targets.iter().filter(|file| file.kind == TargetKind::PixManager)
}

fn rates(settings: &Settings, file: &TargetFile) -> (TargetName, InboundRates) {
    let at_least_one = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    let rates = InboundRates {
        system_per_second: at_least_one(file.rates.peer_per_second),
        system_burst: at_least_one(file.rates.peer_burst),
        person_per_minute: at_least_one(file.rates.person_per_minute),
        person_burst: at_least_one(file.rates.person_burst),
        more_attributes_per_hour: at_least_one(settings.broker.limits.more_attributes_per_hour),
        emergency_per_minute: at_least_one(file.rates.emergency_per_minute),
    };
    (file.name.clone(), rates)
}

/// A listener that is bound, with what it will serve.
pub(super) struct Bound {
    /// The socket.
    pub listener: Listener,
    /// TLS and who is let in.
    pub serving: Serving,
    /// What is served.
    pub endpoint: Arc<SoapEndpoint>,
}

/// All sockets of a broker.
pub(super) struct Listeners {
    /// Portal and peer side, as configured.
    pub soap: Vec<Bound>,
    /// The admin side.
    pub admin: TcpListener,
}

// All sockets are bound before anything is served, so that an address in use is told at once.
async fn open(running: &Running) -> Result<Listeners, StartError> {
    let settings = &running.settings;
    let limits = Arc::new(ArcSwap::from_pointee(settings.broker.limits.clone()));
    gather_randomness().map_err(|e| StartError::room("TLS", e))?;
    let mut soap = Vec::new();
    for config in settings.broker.listeners() {
        let trust = Trust::new(config, &settings.targets).map_err(|e| StartError::room("TLS", e))?;
        let interface = config.interface.as_deref();
        let listener = Listener::bind(config.listen, interface).await.map_err(|e| {
            let through = interface.map(|name| format!(" through {name}")).unwrap_or_default();
            StartError::room("listener", format!("{}{through}: {e}", config.listen))
        })?;
        tracing::info!(side = config.side.word(), address = %listener.local_addr(), "listening");
        let serving = Serving {
            limits: Arc::clone(&limits),
            metrics: Arc::clone(&running.metrics),
            shutdown: running.shutdown.clone(),
            side: config.side,
            trust: Arc::new(ArcSwap::from_pointee(trust)),
        };
        soap.push(Bound { listener, serving, endpoint: Arc::new(endpoint(running, config)?) });
    }
    let admin = settings.broker.admin;
    let admin =
        TcpListener::bind(admin).await.map_err(|e| StartError::room("admin", format!("{admin}: {e}")))?;
    Ok(Listeners { soap, admin })
}

fn endpoint(running: &Running, config: &ListenerConfig) -> Result<SoapEndpoint, StartError> {
    let broker = &running.settings.broker;
    let (mut systems, mut managers) = (HashMap::new(), HashMap::new());
    for file in running.settings.targets.iter().filter(|file| file.side == config.side) {
        if !file.may_ask() && file.kind != TargetKind::PixManager {
            continue;
        }
        let is_home = config.side == Side::Home;
        let trust = file.saml.as_ref().map(|saml| trust(broker, file, saml)).transpose()?;
        let portal = file.requester.as_ref().filter(|_| is_home);
        let portal = portal.map(|requester| portal_trust(file, requester)).transpose()?;
        let purposes = trust.iter().flat_map(|trust| &trust.purposes);
        let emergency = purposes.filter(|(_, purpose)| *purpose == Purpose::Emergency);
        let codes = emergency.map(|(code, _)| code.value.as_str());
        let resend_s = file.saml.as_ref().and_then(|saml| saml.resend_s);
        let resend_s = resend_s.or(file.requester.as_ref().and_then(|requester| requester.resend_s));
        let in_lane = usize::try_from(file.rates.emergency_in_flight).unwrap_or(8);
        let timeout_ms = if is_home { file.timeout_ms } else { broker.timeout_ms };
        let system = System {
            timeout: Duration::from_millis(timeout_ms),
            lane: Lane::new(in_lane, codes),
            community: file.community.clone(),
            device: file.device.clone(),
            profile: file.wire.clone(),
            trust,
            portal,
            may_be_nobody: is_home && file.assertion_optional,
            resend_s: resend_s.and_then(|s| u32::try_from(s).ok()).filter(|_| is_home),
            places: Arc::new(Semaphore::new(usize::try_from(file.rates.peer_in_flight).unwrap_or(64))),
        };
        let of_kind = if file.kind == TargetKind::PixManager { &mut managers } else { &mut systems };
        of_kind.insert(file.name.clone(), system);
    }
    Ok(SoapEndpoint::new(EndpointParts {
        side: config.side,
        broker: Arc::clone(&running.broker),
        systems,
        managers,
        admission: Admission::new(running.store.clone()),
        notifications: Notifications::new(running.store.clone()),
        metrics: Arc::clone(&running.metrics),
        body_idle: Duration::from_millis(broker.limits.body_idle_ms),
        body_bytes_max: broker.limits.body_bytes_max,
        in_flight_max: usize::try_from(broker.limits.in_flight_max).unwrap_or(256),
        soap_limits: soap::Limits { root_bytes_max: broker.limits.body_bytes_max, ..soap::Limits::default() },
    }))
}
