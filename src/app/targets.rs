//! From the files in `peers/` to targets: sources with their index, peers with their exchange.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::saml::issuing;
use super::startup::StartError;
use crate::broker::{BreakerSettings, Target, TargetSettings};
use crate::community::ssmix2::{self, Report, Ssmix2};
use crate::community::{Endpoints, Ends, Exchange, Xca, Xds};
use crate::config::{BrokerConfig, ConfigError, Settings, TargetFile, TargetKind, XdsConfig};
use crate::dialect::soap;
use crate::model::{Community, CommunityId, Descriptor, PeerProfile};
use crate::policy::{Policies, PolicyError};
use crate::telemetry::Metrics;
use crate::transport::HttpClient;

/// A source with the name its metrics and health carry.
pub struct Source {
    /// The stem of its file.
    pub name: String,
    /// The storage.
    pub storage: Arc<Ssmix2>,
}

/// All targets of the settings, and the sources among them, which have to be indexed.
///
/// # Errors
/// A table or key that cannot be used.
pub fn build(
    settings: &Settings,
    secret: [u8; 16],
    metrics: &Arc<Metrics>,
) -> Result<(Vec<Arc<Target>>, Vec<Source>), StartError> {
    let mut targets = Vec::new();
    let mut sources = Vec::new();
    for file in &settings.targets {
        let community: Arc<dyn Community> = match file.kind {
            TargetKind::Portal => continue,
            TargetKind::Ssmix2 => {
                let storage = Arc::new(storage(&settings.broker, file, secret)?);
                sources.push(Source { name: file.name.to_string(), storage: Arc::clone(&storage) });
                storage
            }
            TargetKind::Xca => Arc::new(gateway(&settings.broker, file)?),
            TargetKind::Xds => Arc::new(network(&settings.broker, file)?),
        };
        targets.push(Arc::new(Target::new(community, limits(file), Arc::clone(metrics))));
    }
    Ok((targets, sources))
}

fn limits(file: &TargetFile) -> TargetSettings {
    let open = Duration::from_millis(file.breaker.open_ms);
    TargetSettings {
        timeout: Duration::from_millis(file.timeout_ms),
        in_flight: usize::try_from(file.limits.in_flight).unwrap_or(usize::MAX),
        per_second: NonZeroU32::new(file.limits.per_second).unwrap_or(NonZeroU32::MIN),
        breaker: BreakerSettings { failures: file.breaker.failures, open },
    }
}

fn descriptor(file: &TargetFile) -> Descriptor {
    Descriptor {
        name: file.name.clone(),
        community: file.community.clone(),
        side: file.side,
        offers: file.offers.clone(),
        authorities: file.authorities.clone(),
        repositories: file.repositories.clone(),
        facility: None,
        documents_may_differ: file.wire.documents_may_differ || file.wire.inline_text_documents,
    }
}

fn source_settings(file: &TargetFile) -> Result<ssmix2::Settings, StartError> {
    let mut settings: ssmix2::Settings = file.settings.read().map_err(StartError::Config)?;
    let folder = file.path.parent().and_then(Path::parent).unwrap_or_else(|| Path::new(""));
    for root in settings.roots.iter_mut().chain(&mut settings.extension).chain(&mut settings.transaction) {
        *root = folder.join(&*root);
    }
    Ok(settings)
}

fn storage(broker: &BrokerConfig, file: &TargetFile, secret: [u8; 16]) -> Result<Ssmix2, StartError> {
    let settings = source_settings(file)?;
    let descriptor = Descriptor {
        authorities: vec![settings.authority.clone()],
        repositories: vec![settings.repository.clone()],
        facility: Some(settings.facility.clone()),
        ..descriptor(file)
    };
    Ok(Ssmix2::new(settings, broker.community.clone(), secret, descriptor))
}

fn gateway(broker: &BrokerConfig, file: &TargetFile) -> Result<Xca, StartError> {
    let endpoints = Endpoints {
        patient_discovery: file.endpoints.patient_discovery.clone(),
        document_query: file.endpoints.document_query.clone(),
        document_retrieve: file.endpoints.document_retrieve.clone(),
    };
    let exchange = exchange(broker, file, &file.community)?;
    Ok(Xca::new(descriptor(file), endpoints, exchange))
}

fn network(broker: &BrokerConfig, file: &TargetFile) -> Result<Xds, StartError> {
    let Some(config) = &file.xds else { return Err(StartError::file(&file.path, "missing table `[xds]`")) };
    let XdsConfig { facility, home, .. } = config;
    let descriptor = Descriptor { facility: facility.clone(), ..descriptor(file) };
    let exchange = exchange(broker, file, home.as_ref().unwrap_or(&file.community))?;
    Ok(Xds::new(descriptor, config.clone(), exchange))
}

/// To the far end of a file, which calls itself `receiver`.
fn exchange(
    broker: &BrokerConfig,
    file: &TargetFile,
    receiver: &CommunityId,
) -> Result<Exchange, StartError> {
    let vouches = !file.is_source() || file.xua.is_some();
    Ok(Exchange {
        client: HttpClient::new(file).map_err(|e| StartError::file(&file.path, e))?,
        ends: Ends {
            device: broker.device.clone(),
            community: broker.community.clone(),
            authority: broker.authority.clone(),
            receiver_device: file.device.clone().unwrap_or_else(|| receiver.0.clone()),
            receiver: receiver.clone(),
        },
        profile: PeerProfile {
            send_network_id: file.send_network_id,
            correlation_days: file.correlation_days,
            ..file.wire.clone()
        },
        issuing: vouches.then(|| issuing(broker, file, None)).transpose()?.map(Arc::new),
        limits: soap::Limits {
            root_bytes_max: file.limits.answer_bytes_max,
            part_bytes_max: file.limits.document_bytes_max,
            ..soap::Limits::default()
        },
        answer_bytes_max: file.limits.answer_bytes_max,
        timeout: Duration::from_millis(file.timeout_ms),
    })
}

/// Reads one source's storage whole, as a start would, and tells what was not taken and why.
///
/// # Errors
/// A table that cannot be used, or a root that cannot be listed; for the operator.
pub async fn read_source(
    broker: &BrokerConfig,
    file: &TargetFile,
    progress: impl Fn(usize, usize) + Send,
) -> Result<Report, String> {
    // The ids made here are thrown away with the index: any namespace will do.
    let storage = storage(broker, file, [0; 16]).map_err(|error| error.to_string())?;
    storage.rescan(move |now| progress(now.done, now.total)).await.map_err(|error| error.to_string())?;
    Ok(storage.report())
}

/// Checks the policies, for `check` and before a start.
pub fn check_policies(settings: &Settings) -> Vec<ConfigError> {
    let broker = &settings.broker;
    let Err(errors) = Policies::load(broker.community.clone(), &broker.policies) else { return Vec::new() };
    let told = |error: PolicyError| {
        let mut fault = ConfigError::new(&broker.policies.join(&error.file), "", error.why).hint(error.hint);
        fault.line = error.line;
        fault
    };
    errors.0.into_iter().map(told).collect()
}

/// Checks the `[ssmix2]` tables and that their roots are there, for `check`.
pub fn check_sources(settings: &Settings) -> Vec<ConfigError> {
    let mut faults = Vec::new();
    for file in settings.targets.iter().filter(|file| file.kind == TargetKind::Ssmix2) {
        match source_settings(file) {
            Err(StartError::Config(errors)) => faults.extend(errors.0),
            Err(error) => faults.push(file.error("ssmix2", error.to_string())),
            Ok(table) => {
                for root in table.roots.iter().chain(&table.extension).chain(&table.transaction) {
                    if !root.is_dir() {
                        let why = format!("`{}` is not a folder", root.display());
                        faults.push(file.error("ssmix2", why));
                    }
                }
            }
        }
    }
    faults
}
