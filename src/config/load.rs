//! Loads `kakehashi.toml` and every file of `peers/`: all of it or nothing, and all faults at once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::broker::BrokerConfig;
use super::certificates::{Found, check_authority, check_certificates, check_pair};
use super::error::{ConfigError, ConfigErrors};
use super::section::Reading;
use super::target::{TargetFile, TargetKind};
use super::tls::CaFile;
use crate::model::{CommunityId, Oid, Side, Timestamp};

/// Everything that was loaded; consistent in itself.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `kakehashi.toml`.
    pub broker: BrokerConfig,
    /// `peers/*.toml`, by name.
    pub targets: Vec<Arc<TargetFile>>,
    /// What will be wrong soon.
    pub warnings: Vec<ConfigError>,
}

/// A check of another room (policies, the table of a kind) that belongs to loading.
pub type Check<'a> = &'a dyn Fn(&Settings) -> Vec<ConfigError>;

/// Files in `peers/`; more are an error.
const TARGETS_MAX: usize = 1_000;

/// Loads everything.
///
/// # Errors
/// Everything that is wrong.
pub fn load(file: &Path) -> Result<Settings, ConfigErrors> {
    load_with(file, None, &[], Timestamp::now())
}

/// Loads everything and one more target file that need not be in `peers/` yet (it takes the place of
/// one with the same name), runs the checks of other rooms, as of a given moment.
///
/// # Errors
/// Everything that is wrong.
pub fn load_with(
    file: &Path,
    candidate: Option<&Path>,
    checks: &[Check<'_>],
    now: Timestamp,
) -> Result<Settings, ConfigErrors> {
    let (settings, mut errors, _) = read(file, candidate, now);
    if let Some(settings) = settings {
        if errors.is_empty() {
            errors.extend(checks.iter().flat_map(|check| check(&settings)));
        }
        if errors.is_empty() {
            return Ok(settings);
        }
    }
    if errors.is_empty() {
        errors.push(ConfigError::new(file, "", "cannot be used"));
    }
    Err(ConfigErrors(errors))
}

/// The settings as far as they could be read, the faults, and every key asked for with its file.
pub(super) fn read(
    file: &Path,
    candidate: Option<&Path>,
    now: Timestamp,
) -> (Option<Settings>, Vec<ConfigError>, BTreeSet<String>) {
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let reading = match Reading::open(file) {
        Ok(opened) => opened,
        Err(error) => return (None, vec![error.hint("start from kakehashi.toml.example")], BTreeSet::new()),
    };
    let broker = BrokerConfig::read(&reading, folder);
    let (_, mut errors, mut asked) = reading.close();
    // With a broker's file that cannot be used, the others are still looked through.
    let usable = broker.is_some();
    let Some(broker) = broker.or_else(|| stand_in(folder)) else { return (None, errors, asked) };
    let mut targets = Vec::new();
    let paths = match target_paths(&broker.peers, candidate) {
        Ok(paths) => paths,
        Err(error) => {
            errors.push(error);
            Vec::new()
        }
    };
    for path in paths {
        let reading = match Reading::open(&path) {
            Ok(opened) => opened,
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        let target = TargetFile::read(&reading, &path, &broker);
        let (_, faults, keys) = reading.close();
        let rests_on_broker = |e: &ConfigError| e.key == "community";
        errors.extend(faults.into_iter().filter(|fault| usable || !rests_on_broker(fault)));
        asked.extend(keys);
        targets.extend(target.map(Arc::new));
    }
    let mut settings = Settings { broker, targets, warnings: Vec::new() };
    errors.extend(duplicates(&settings));
    if !usable {
        return (None, errors, asked);
    }
    let (wrong, warnings) = check_files(&settings, now);
    errors.extend(wrong);
    settings.warnings = warnings;
    (Some(settings), errors, asked)
}

/// Settings just good enough to read target files with.
fn stand_in(folder: &Path) -> Option<BrokerConfig> {
    let reading = Reading::of(Path::new("kakehashi.toml"), STAND_IN.to_owned());
    BrokerConfig::read(&reading, folder)
}

const STAND_IN: &str = r#"
community = "2.999"
device = "2.999"
identity = { authority = "2.999" }
codes = { roles = "2.999" }
portal = { listen = "127.0.0.1:0", certificate = "x" }
peer = { listen = "127.0.0.1:0", certificate = "x" }
saml = { issuer = "x", certificate = "x", audiences = "x" }
"#;

/// `*.toml` of a folder by name, and the candidate in the place of its namesake.
fn target_paths(folder: &Path, candidate: Option<&Path>) -> Result<Vec<PathBuf>, ConfigError> {
    let unreadable = |e: std::io::Error| {
        ConfigError::new(folder, "folders.peers", format!("cannot be read: {e}"))
            .hint("make the folder; one .toml a peer")
    };
    let mut paths = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && path.extension().is_some_and(|e| e == "toml") {
            paths.insert(path.file_stem().map(ToOwned::to_owned), path);
        }
    }
    if let Some(path) = candidate {
        paths.insert(path.file_stem().map(ToOwned::to_owned), path.to_owned());
    }
    if paths.len() > TARGETS_MAX {
        let message = format!("more than {TARGETS_MAX} files");
        return Err(ConfigError::new(folder, "folders.peers", message));
    }
    Ok(paths.into_values().collect())
}

/// Two files must not claim the same community, certificate, authority, repository or facility: whose
/// patient an id names would depend on the order of files.
fn duplicates(settings: &Settings) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    let mut claims: BTreeMap<(&str, String), &TargetFile> = BTreeMap::new();
    let ours = format!("{}", settings.broker.authority.0);
    for target in &settings.targets {
        for (what, key, value) in claimed(target) {
            if what == "authority" && value == ours {
                let message = format!("authority {value} is our own network's");
                errors.push(target.error(key, message).hint("ours stands in kakehashi.toml only"));
            }
            let first = claims.insert((what, value.clone()), target);
            if let Some(first) = first.filter(|first| first.name != target.name) {
                let message = format!("{what} {value} is also claimed by `{}`", first.name);
                let hint = format!("one of {} and {}", first.path.display(), target.path.display());
                errors.push(target.error(key, message).hint(hint));
            }
        }
    }
    errors
}

fn claimed(target: &TargetFile) -> Vec<(&'static str, &'static str, String)> {
    let mut claims = Vec::new();
    if target.side == Side::Peer {
        let CommunityId(oid) = &target.community;
        claims.push(("community", "community", oid.to_string()));
    }
    claims.extend(target.authorities.iter().map(|a| ("authority", "authorities", a.0.to_string())));
    claims.extend(target.repositories.iter().map(|r| ("repository", "repositories", r.0.to_string())));
    if target.kind == TargetKind::Ssmix2 && target.settings.is_present() {
        let oid =
            |key| target.settings.text(key).and_then(|text| Oid::parse(&text)).map(|oid| oid.to_string());
        claims.extend(oid("authority").map(|value| ("authority", "ssmix2.authority", value)));
        claims.extend(oid("repository").map(|value| ("repository", "ssmix2.repository", value)));
        let facility = target.settings.text("facility").map(|code| code.trim().to_owned());
        claims.extend(facility.map(|code| ("facility", "ssmix2.facility", code)));
    }
    let facility = target.xds.as_ref().and_then(|xds| xds.facility.clone());
    claims.extend(facility.map(|code| ("facility", "xds.facility", code)));
    for certificate in target.tls.iter().flat_map(|tls| &tls.certificates) {
        use super::tls::CertificateIdentity::{SanUri, SpkiSha256};
        claims.push(match certificate {
            SanUri(uri) => ("certificate name", "tls.san_uri", uri.clone()),
            SpkiSha256(pin) => ("certificate key", "tls.spki_sha256", hex::encode(pin)),
        });
    }
    claims
}

/// Every PEM file that the settings name: what is wrong and what will be.
fn check_files(settings: &Settings, now: Timestamp) -> (Vec<ConfigError>, Vec<ConfigError>) {
    let broker = &settings.broker;
    let (mut wrong, mut warnings) = (Vec::new(), Vec::new());
    let mut sort = |found: Vec<Found>, at: &dyn Fn(String) -> ConfigError| {
        for Found { message, hint, grave } in found {
            let error = at(message);
            let error = if hint.is_empty() { error } else { error.hint(hint) };
            if grave { wrong.push(error) } else { warnings.push(error) }
        }
    };
    for listener in broker.listeners() {
        let table = if listener.side == Side::Home { "portal" } else { "peer" };
        sort(check_pair(&listener.identity, now), &|m| broker.error(&format!("{table}.certificate"), m));
        for ca in &listener.client_ca {
            sort(check_authority(ca, now), &|m| broker.error(&format!("{table}.client_ca"), m));
        }
    }
    sort(check_pair(&broker.saml.identity, now), &|m| broker.error("saml.certificate", m));
    if let Some(forward) = &broker.forward {
        for ca in &forward.tls.ca {
            sort(check_authority(ca, now), &|m| broker.error("audit.tls.ca", m));
        }
        if let Some(client) = &forward.tls.client {
            sort(check_pair(client, now), &|m| broker.error("audit.tls.client", m));
        }
    }
    if !broker.admin.ip().is_loopback() {
        let message = "admin pages are served without TLS beyond this machine".to_owned();
        let hint = "listen = \"127.0.0.1:9600\"";
        sort(vec![Found { message, hint, grave: false }], &|m| broker.error("admin.listen", m));
    }
    for target in &settings.targets {
        if target.timeout_ms > broker.timeout_ms {
            let message = format!("longer than the {} ms of a whole request", broker.timeout_ms);
            let hint = "the shorter of the two counts";
            sort(vec![Found { message, hint, grave: false }], &|m| target.error("timeout_ms", m));
        }
        for signer in target.saml.iter().flat_map(|saml| &saml.signers) {
            sort(check_certificates(signer, now), &|m| target.error("saml.signer", m));
        }
        let Some(tls) = &target.tls else { continue };
        if tls.ca.is_empty() {
            let message = "no authority: neither `tls.ca` nor the listener's `client_ca` is set".to_owned();
            let hint = "tls = { ca = \"their-ca\", ... } means certs/their-ca.pem";
            sort(vec![Found { message, hint, grave: true }], &|m| target.error("tls.ca", m));
        }
        let inherited = |ca: &CaFile| broker.listeners().any(|l| l.client_ca.contains(ca));
        for ca in tls.ca.iter().filter(|ca| !inherited(ca)) {
            sort(check_authority(ca, now), &|m| target.error("tls.ca", m));
        }
        if let Some(client) = &tls.client {
            sort(check_pair(client, now), &|m| target.error("tls.client", m));
        }
    }
    (wrong, warnings)
}
