//! One file of `peers/`: a peer (another network), a source (a system of ours) or a portal. The
//! file makes it reachable; a policy, not the file, gives permission.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::Uri;

use super::broker::BrokerConfig;
use super::budgets::Budgets;
use super::error::ConfigError;
use super::kind_table::{KindTable, read_all};
use super::limits::{BreakerSettings, Rates, TargetLimits};
use super::saml::PeerSaml;
use super::section::{Reading, Section, Source};
use super::tls::PeerTls;
use super::xds::XdsConfig;
use crate::model::{Authority, CommunityId, Oid, Operation, PeerProfile, RepositoryId, Side, TargetName};

/// What sort of system it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetKind {
    /// A portal of our own: asks, is never asked.
    Portal,
    /// An SS-MIX2 storage of our own.
    Ssmix2,
    /// An XCA gateway of another network.
    Xca,
    /// A PIX/PDQ manager, a registry and repositories: a source of our own, or another network.
    Xds,
}

impl TargetKind {
    /// The words in files.
    const WORDS: [(&'static str, Self); 4] =
        [("portal", Self::Portal), ("ssmix2", Self::Ssmix2), ("xca", Self::Xca), ("xds", Self::Xds)];

    /// The word in files.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Portal => "portal",
            Self::Ssmix2 => "ssmix2",
            Self::Xca => "xca",
            Self::Xds => "xds",
        }
    }

    /// The only side it can be on: peers are never reached from peers (no transit). None where its file
    /// says which.
    pub const fn side(self) -> Option<Side> {
        match self {
            Self::Portal | Self::Ssmix2 => Some(Side::Home),
            Self::Xca => Some(Side::Peer),
            Self::Xds => None,
        }
    }
}

/// URLs of an XCA gateway (`[xca]`). The patient id lookup goes out as patient discovery.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// ITI-55.
    pub patient_discovery: Option<Uri>,
    /// ITI-38.
    pub document_query: Option<Uri>,
    /// ITI-39.
    pub document_retrieve: Option<Uri>,
}

/// Everything in one file of `peers/`.
#[derive(Debug, Clone)]
pub struct TargetFile {
    /// Authorities whose patient ids it may speak of.
    pub authorities: Vec<Authority>,
    /// When it counts as down.
    pub breaker: BreakerSettings,
    /// How many patients and misses it, its facilities and its persons may use up.
    pub budgets: Budgets,
    /// Its home community; ours for sources and portals.
    pub community: CommunityId,
    /// Days its ids of a person are remembered where its answer does not say; 0 is not at all.
    pub correlation_days: u32,
    /// Its OID as an HL7 device.
    pub device: Option<Oid>,
    /// URLs, for `kind = "xca"`.
    pub endpoints: Endpoints,
    /// What sort of system it is.
    pub kind: TargetKind,
    /// Caps on what we ask of it.
    pub limits: TargetLimits,
    /// The file's stem.
    pub name: TargetName,
    /// What it can be asked; nothing for portals.
    pub offers: BTreeSet<Operation>,
    /// The file itself.
    pub path: PathBuf,
    /// How often it may ask us.
    pub rates: Rates,
    /// Repositories it holds.
    pub repositories: Vec<RepositoryId>,
    /// How its assertions are read, and ours toward it.
    pub saml: Option<PeerSaml>,
    /// Whether our network id of a person is sent when asking for that person (decisions A8).
    pub send_network_id: bool,
    /// The table named like the kind, for the kind to read.
    pub settings: KindTable,
    /// Its side.
    pub side: Side,
    /// Milliseconds for one request to it; for a portal's own request, whole.
    pub timeout_ms: u64,
    /// Certificates; None for a source.
    pub tls: Option<PeerTls>,
    /// Its habits on the wire.
    pub wire: PeerProfile,
    /// URLs and habits, for `kind = "xds"`.
    pub xds: Option<XdsConfig>,
    /// What our assertions toward a source say; None is none. A source asks nothing and has no `saml`.
    pub xua: Option<PeerSaml>,
    pub(super) source: Arc<Source>,
}

impl TargetFile {
    /// A fault at a key of the file (dotted), for checks made elsewhere.
    pub fn error(&self, key: &str, message: impl Into<String>) -> ConfigError {
        self.source.error(key, message)
    }

    /// None when anything needed is missing; the faults are noted in `reading`.
    pub(super) fn read(reading: &Reading, path: &Path, broker: &BrokerConfig) -> Option<Self> {
        let source = Arc::new(reading.source.clone());
        let mut s = reading.root();
        let kind = s.required_word("kind", &TargetKind::WORDS);
        let side = s.word("side", &[("home", Side::Home), ("peer", Side::Peer)]);
        let community = s.oid("community").map(CommunityId);
        let is_server = kind == Some(TargetKind::Xds) && side != Some(Side::Peer);
        let offers = offers(&mut s);
        let limits = limits(&mut s, broker, kind);
        let breaker = BreakerSettings::read(s.section_or_empty("breaker"));
        let own_rates = rates(s.section_or_empty("rates"), broker);
        let budgets = Budgets::read(
            s.section_or_empty("budgets"),
            broker.limits.budgets,
            kind == Some(TargetKind::Portal),
        );
        let usual_ms = if kind == Some(TargetKind::Portal) { broker.timeout_ms } else { 5_000 };
        let timeout_ms = s.number("timeout_ms", usual_ms, 100..=120_000);
        let device = s.oid("device");
        let mut authorities: Vec<_> = s.oids("authorities").into_iter().map(Authority).collect();
        let mut repositories: Vec<_> = s.oids("repositories").into_iter().map(RepositoryId).collect();
        let send_network_id = s.flag("send_network_id", false);
        let correlation_days = u32::try_from(s.number("correlation_days", 0, 0..=366)).unwrap_or_default();
        let (tls, saml, xua) = trust(&mut s, broker, kind, is_server);
        let wire = wire(&mut s, reading, &source);
        let key = kind.map_or("ssmix2", TargetKind::word);
        check_tables(&mut s, kind);
        let endpoints = if kind == Some(TargetKind::Xca) {
            s.section("xca").map(endpoints).unwrap_or_default()
        } else {
            Endpoints::default()
        };
        let xds = xds(&mut s, kind, &mut authorities, &mut repositories);
        let settings = !matches!(kind, Some(TargetKind::Xca | TargetKind::Xds)) && s.raw(key).is_some();
        s.finish();
        let kind = kind?;
        let file = Self {
            breaker,
            budgets,
            community: community.clone().unwrap_or_else(|| broker.community.clone()),
            correlation_days,
            device,
            endpoints,
            kind,
            limits,
            name: TargetName(path.file_stem().map(|s| s.to_string_lossy()).unwrap_or_default().into()),
            offers: offers.unwrap_or_else(|| offered_by_default(kind, xds.as_ref())),
            path: path.to_owned(),
            rates: own_rates,
            repositories,
            saml,
            send_network_id,
            settings: KindTable::new(Arc::clone(&source), key, settings),
            side: side.or(kind.side()).unwrap_or(Side::Peer),
            timeout_ms,
            tls,
            wire: PeerProfile { community, authorities: authorities.clone(), ..wire },
            authorities,
            source,
            xds,
            xua,
        };
        if side.is_none() && kind.side().is_none() {
            let hint = "side = \"home\" is a source of ours, side = \"peer\" another network";
            reading.note(file.error("side", "missing key `side`").hint(hint));
            return Some(file);
        }
        file.check_itself(broker).into_iter().for_each(|error| reading.note_conflict(error));
        Some(file)
    }

    /// What the keys must say about each other.
    fn check_itself(&self, broker: &BrokerConfig) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        let mut fault = |key: &str, message: String, hint: &str| {
            errors.push(self.error(key, message).hint(hint));
        };
        let word = self.kind.word();
        if let Some(side) = self.kind.side().filter(|side| *side != self.side) {
            let side = side.word();
            fault("side", format!("kind \"{word}\" cannot be on this side"), &format!("side = \"{side}\""));
        }
        let ours = self.community == broker.community;
        match (self.kind.side().unwrap_or(self.side), ours) {
            (Side::Home, false) => {
                fault("community", "a system of our own has our community".into(), "leave `community` out");
            }
            (Side::Peer, true) => {
                let hint = "community = \"urn:oid:...\", that of the other network";
                fault("community", "a peer needs a community that is not ours".into(), hint);
            }
            _ => {}
        }
        let is_source = self.kind == TargetKind::Ssmix2;
        for (key, present) in [("tls", self.tls.is_some()), ("saml", self.saml.is_some())] {
            if present && is_source {
                fault(key, format!("kind \"{word}\" has no `{key}`"), "remove it");
            }
            let is_optional = is_source || (key == "saml" && self.is_source());
            if !present && !is_optional {
                fault(key, format!("missing table `{key}`"), "see docs/configuration.md");
            }
        }
        if self.kind == TargetKind::Portal && broker.portal.is_none() {
            fault("kind", "no listener for portals".into(), "add a [portal] table to kakehashi.toml");
        }
        if self.kind == TargetKind::Portal && !self.offers.is_empty() {
            fault("offers", "a portal asks and is never asked".into(), "leave `offers` out");
        }
        if self.kind != TargetKind::Portal && self.saml.as_ref().is_some_and(|s| s.resend_s.is_some()) {
            let hint = "only kind = \"portal\" may send a message again";
            fault("saml.resend_s", "a peer's message is taken once".into(), hint);
        }
        if self.kind == TargetKind::Xca {
            self.check_peer(&mut fault);
        }
        let has_table = self.settings.is_present() || self.xds.is_some();
        if matches!(self.kind, TargetKind::Ssmix2 | TargetKind::Xds) && !has_table {
            fault("kind", format!("missing table `[{word}]`"), "see docs/configuration.md");
        }
        if let Some(xds) = &self.xds {
            xds.check(self.side, &self.offers, self.send_network_id, &mut fault);
            if self.tls.as_ref().is_some_and(|tls| tls.client.is_none()) {
                fault("tls.client", "missing key `tls.client`".into(), "the certificate we show it");
            }
        }
        errors
    }

    /// Whether it is a source of ours.
    pub fn is_source(&self) -> bool {
        self.side == Side::Home && self.kind != TargetKind::Portal
    }

    fn check_peer(&self, fault: &mut dyn FnMut(&str, String, &str)) {
        if !self.offers.is_empty() && self.tls.as_ref().is_some_and(|tls| tls.client.is_none()) {
            fault("tls", "missing key `tls.client`".into(), "the certificate we show this peer");
        }
        let needed = [
            (Operation::PatientDiscovery, "patient_discovery", &self.endpoints.patient_discovery),
            (Operation::PatientIdLookup, "patient_discovery", &self.endpoints.patient_discovery),
            (Operation::DocumentQuery, "document_query", &self.endpoints.document_query),
            (Operation::DocumentRetrieve, "document_retrieve", &self.endpoints.document_retrieve),
        ];
        let mut told = BTreeSet::new();
        for (operation, key, url) in needed {
            if self.offers.contains(&operation) && url.is_none() && told.insert(key) {
                let message = format!("`offers` names {}, but `xca.{key}` is missing", operation.word());
                fault(&format!("xca.{key}"), message, &format!("{key} = \"https://...\""));
            }
        }
        if self.offers.contains(&Operation::PatientIdLookup) && self.authorities.is_empty() {
            let hint = "authorities = [\"urn:oid:...\"]: whose patient ids it may speak of";
            fault("authorities", "missing key `authorities`".into(), hint);
        }
    }
}

fn offered_by_default(kind: TargetKind, xds: Option<&XdsConfig>) -> BTreeSet<Operation> {
    if let Some(xds) = xds {
        return xds.offers();
    }
    if kind == TargetKind::Portal { BTreeSet::new() } else { Operation::ALL.into_iter().collect() }
}

/// Each kind has a table of its own; one of another kind is a mistake.
fn check_tables(s: &mut Section<'_>, kind: Option<TargetKind>) {
    let kinds = [TargetKind::Ssmix2, TargetKind::Xca, TargetKind::Xds];
    for other in kinds.into_iter().filter(|other| Some(*other) != kind) {
        if s.raw(other.word()).is_some() && kind.is_some() {
            s.fault(other.word(), format!("`[{}]` in a file of another kind", other.word()), "");
        }
    }
}

fn limits(s: &mut Section<'_>, broker: &BrokerConfig, kind: Option<TargetKind>) -> TargetLimits {
    let is_source = kind == Some(TargetKind::Ssmix2);
    TargetLimits::read(s.section_or_empty("limits"), broker.limits.document_bytes_max, is_source)
}

fn offers(section: &mut Section<'_>) -> Option<BTreeSet<Operation>> {
    if !section.has("offers") {
        let _ = section.texts("offers");
        return None;
    }
    let mut offers = BTreeSet::new();
    for word in section.texts("offers") {
        match Operation::ALL.into_iter().find(|operation| operation.word() == word) {
            Some(operation) => {
                offers.insert(operation);
            }
            None => {
                let names = Operation::ALL.map(Operation::word);
                let hint = super::nearest(&word, names)
                    .map_or_else(|| format!("one of {}", names.join(", ")), |near| format!("`{near}`?"));
                section.fault("offers", format!("unknown operation \"{word}\""), &hint);
            }
        }
    }
    Some(offers)
}

fn endpoints(mut section: Section<'_>) -> Endpoints {
    let endpoints = Endpoints {
        patient_discovery: url(&mut section, "patient_discovery"),
        document_query: url(&mut section, "document_query"),
        document_retrieve: url(&mut section, "document_retrieve"),
    };
    section.finish();
    endpoints
}

/// Certificates; whose assertions are trusted; what ours toward a server that never calls us say.
fn trust(
    s: &mut Section<'_>,
    broker: &BrokerConfig,
    kind: Option<TargetKind>,
    is_server: bool,
) -> (Option<PeerTls>, Option<PeerSaml>, Option<PeerSaml>) {
    let listener = if kind == Some(TargetKind::Portal) { &broker.portal } else { &broker.peer };
    let inherited = listener.as_ref().map(|l| l.client_ca.as_slice()).unwrap_or_default();
    let (tls, saml) = (s.section("tls"), s.section("saml"));
    if is_server {
        let tls = tls.map(|section| PeerTls::read_of_server(section, &broker.certs));
        return (tls, None, saml.map(|section| PeerSaml::read_of_server(section, &broker.role_system)));
    }
    let tls = tls.map(|section| PeerTls::read(section, &broker.certs, inherited));
    (tls, saml.map(|section| PeerSaml::read(section, &broker.certs, &broker.role_system)), None)
}

fn wire(s: &mut Section<'_>, reading: &Reading, source: &Source) -> PeerProfile {
    let wire = s.raw("wire").map(|value| read_all::<PeerProfile>(source, "wire", value));
    wire.unwrap_or_else(|| Ok(PeerProfile::default())).unwrap_or_else(|errors| {
        errors.into_iter().for_each(|error| reading.note(error));
        PeerProfile::default()
    })
}

/// The `[xds]` table, whose authority and repositories are the file's.
fn xds(
    s: &mut Section<'_>,
    kind: Option<TargetKind>,
    authorities: &mut Vec<Authority>,
    repositories: &mut Vec<RepositoryId>,
) -> Option<XdsConfig> {
    if kind != Some(TargetKind::Xds) {
        return None;
    }
    let config = XdsConfig::read(s.section("xds")?);
    *authorities = joined(config.authority.clone(), std::mem::take(authorities));
    let held = config.repositories.iter().map(|(id, _)| id.clone());
    *repositories = joined(held, std::mem::take(repositories));
    Some(config)
}

fn rates(mut section: Section<'_>, broker: &BrokerConfig) -> Rates {
    let rates = Rates::read(&mut section, broker.limits.rates);
    section.finish();
    rates
}

/// These first, each once.
fn joined<T: PartialEq>(first: impl IntoIterator<Item = T>, then: Vec<T>) -> Vec<T> {
    let mut joined = Vec::new();
    for one in first.into_iter().chain(then) {
        if !joined.contains(&one) {
            joined.push(one);
        }
    }
    joined
}

/// An https URL.
pub(super) fn url(section: &mut Section<'_>, key: &'static str) -> Option<Uri> {
    let text = section.text(key)?;
    let uri: Option<Uri> = text.parse().ok();
    let fits = |uri: &Uri| uri.scheme_str() == Some("https") && uri.host().is_some_and(|h| !h.is_empty());
    let uri = uri.filter(fits);
    if uri.is_none() {
        section.fault(key, format!("\"{text}\" is not an https URL"), "https://host:port/path");
    }
    uri
}
