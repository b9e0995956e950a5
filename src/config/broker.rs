//! `kakehashi.toml`: the broker's own settings. Needs a restart, except for `[limits]`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing_subscriber::EnvFilter;

use super::audit::ForwardConfig;
use super::error::ConfigError;
use super::limits::Limits;
use super::section::{Reading, Section, Source};
use super::tls::{CaFile, KeyPair};
use crate::model::{Authority, CommunityId, Oid, Side};

/// A socket with mutual TLS.
#[derive(Debug, Clone)]
pub struct ListenerConfig {
    /// Who speaks to it.
    pub side: Side,
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The only network interface through which it is reached; None is any.
    pub interface: Option<String>,
    /// Our server certificate on this side.
    pub identity: KeyPair,
    /// Who signs the certificates of files that name no CA of their own.
    pub client_ca: Vec<CaFile>,
}

/// Our own SAML identity.
#[derive(Debug, Clone)]
pub struct SamlConfig {
    /// Audiences of assertions meant for us.
    pub audiences: Vec<String>,
    /// What our assertions are signed with.
    pub identity: KeyPair,
    /// saml:Issuer of our assertions.
    pub issuer: String,
    /// Seconds our assertions live.
    pub life_s: u64,
    /// Our URLs as others know them; one that ends in `/` covers all below it. An assertion made out
    /// to another recipient is refused.
    pub recipients: Vec<String>,
}

/// Everything in `kakehashi.toml`; paths start at its folder.
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    /// Where admin pages are served, without TLS.
    pub admin: SocketAddr,
    /// Folder of the audit log.
    pub audit: PathBuf,
    /// The authority under which our patient ids cross the border (decisions A1).
    pub authority: Authority,
    /// Folder of keys and certificates.
    pub certs: PathBuf,
    /// Our home community.
    pub community: CommunityId,
    /// Unix socket for commands that change state.
    pub control: PathBuf,
    /// OID of this broker as an HL7 device.
    pub device: Oid,
    /// The file itself.
    pub file: PathBuf,
    /// Its folder.
    pub folder: PathBuf,
    /// Where the records of the audit log are forwarded to.
    pub forward: Option<ForwardConfig>,
    /// Caps.
    pub limits: Limits,
    /// Level or directives of the log (`info`, `info,kakehashi::broker=debug`).
    pub log: String,
    /// Listener for other networks.
    pub peer: Option<ListenerConfig>,
    /// Folder of target files.
    pub peers: PathBuf,
    /// Folder of policies.
    pub policies: PathBuf,
    /// Listener for our own portals.
    pub portal: Option<ListenerConfig>,
    /// Coding scheme of the federation's roles (decisions C5).
    pub role_system: Oid,
    /// SAML.
    pub saml: SamlConfig,
    /// `sqlite:` and a path.
    pub store_url: String,
    /// Milliseconds for a whole request.
    pub timeout_ms: u64,
    pub(super) source: Arc<Source>,
}

impl BrokerConfig {
    /// A fault at a key of the file (dotted), for checks made elsewhere.
    pub fn error(&self, key: &str, message: impl Into<String>) -> ConfigError {
        self.source.error(key, message)
    }

    /// The listeners that are configured.
    pub fn listeners(&self) -> impl Iterator<Item = &ListenerConfig> {
        self.portal.iter().chain(self.peer.iter())
    }

    /// None when anything needed is missing; the faults are noted in `reading`.
    pub(super) fn read(reading: &Reading, folder: &Path) -> Option<Self> {
        let mut s = reading.root();
        let mut folders = s.section_or_empty("folders");
        let certs = folder.join(folders.text("certs").unwrap_or_else(|| "certs".to_owned()));
        let peers = folder.join(folders.text("peers").unwrap_or_else(|| "peers".to_owned()));
        let policies = folder.join(folders.text("policies").unwrap_or_else(|| "policies".to_owned()));
        folders.finish();
        let community = required_oid(&mut s, "community", "\"urn:oid:2.999.33\"").map(CommunityId);
        let device = required_oid(&mut s, "device", "\"2.999.33.0.1\"");
        let mut identity = s.section_or_empty("identity");
        let authority = required_oid(&mut identity, "authority", "\"urn:oid:2.999.33.1\"").map(Authority);
        identity.finish();
        let timeout_ms = s.number("timeout_ms", 8_000, 100..=120_000);
        let log = s.text("log").unwrap_or_else(|| "info".to_owned());
        if let Err(why) = EnvFilter::try_new(&log) {
            s.fault("log", format!("log directives cannot be read: {why}"), "info, warn, debug, ...");
        }
        let control = folder.join(s.text("control").unwrap_or_else(|| "var/kakehashi.sock".to_owned()));
        let portal = s.section("portal").map(|section| listener(section, Side::Home, &certs));
        let peer = s.section("peer").map(|section| listener(section, Side::Peer, &certs));
        if portal.is_none() && peer.is_none() {
            s.fault("peer", "no listener", "add a [peer] or a [portal] table");
        }
        let mut admin_table = s.section_or_empty("admin");
        let admin = address(&mut admin_table).or_else(|| "127.0.0.1:9600".parse().ok());
        admin_table.finish();
        let sockets = [(&portal, "portal"), (&peer, "peer")];
        let sockets = sockets.iter().filter_map(|(l, key)| Some((l.as_ref()?.as_ref()?.listen, *key)));
        let mut taken: Vec<SocketAddr> = admin.into_iter().collect();
        for (address, key) in sockets {
            if address.port() != 0 && taken.contains(&address) {
                s.fault(key, format!("{address} is used twice"), "an address and port for each listener");
            }
            taken.push(address);
        }
        let (audit, forward) = super::audit::read(s.section_or_empty("audit"), folder, &certs);
        let mut codes = s.section_or_empty("codes");
        let role_system = required_oid(&mut codes, "roles", "\"2.999.1.1\"");
        codes.finish();
        let limits = Limits::read(s.section_or_empty("limits"));
        let saml = saml(s.section_or_empty("saml"), &certs);
        let store_url = store(s.section_or_empty("store"), folder);
        s.finish();
        Some(Self {
            admin: admin?,
            audit,
            authority: authority?,
            certs,
            community: community?,
            control,
            device: device?,
            file: reading.source.file.clone(),
            folder: folder.to_owned(),
            forward,
            limits,
            log,
            peer: flattened(peer)?,
            peers,
            policies,
            portal: flattened(portal)?,
            role_system: role_system?,
            saml: saml?,
            store_url,
            timeout_ms,
            source: Arc::new(reading.source.clone()),
        })
    }
}

/// A listener that is absent is fine, one that is faulty is not.
fn flattened(listener: Option<Option<ListenerConfig>>) -> Option<Option<ListenerConfig>> {
    match listener {
        None => Some(None),
        Some(read) => read.map(Some),
    }
}

fn listener(mut section: Section<'_>, side: Side, certs: &Path) -> Option<ListenerConfig> {
    if !section.has("listen") {
        let _ = section.required("listen", "\"0.0.0.0:9443\"");
    }
    let listen = address(&mut section);
    let interface = interface(&mut section);
    let identity = KeyPair::read(&mut section, certs, "\"our-server\"");
    let client_ca = CaFile::read(&mut section, "client_ca", certs);
    section.finish();
    Some(ListenerConfig { side, listen: listen?, interface: interface?, identity: identity?, client_ca })
}

fn address(section: &mut Section<'_>) -> Option<SocketAddr> {
    let text = section.text("listen")?;
    let address = text.parse().ok();
    if address.is_none() {
        section.fault("listen", format!("\"{text}\" is not an address and port"), "like 0.0.0.0:9443");
    }
    address
}

// Some(None) where none is named; None where the name is none that Linux takes.
fn interface(section: &mut Section<'_>) -> Option<Option<String>> {
    let Some(name) = section.text("interface") else { return Some(None) };
    let is_name = (1..=15).contains(&name.len()) && !name.contains(|c: char| c == '/' || c.is_whitespace());
    if !is_name {
        section.fault("interface", format!("\"{name}\" is no name of an interface"), "as `ip link` shows it");
    }
    is_name.then_some(Some(name))
}

fn saml(mut section: Section<'_>, certs: &Path) -> Option<SamlConfig> {
    let issuer = section.required("issuer", "\"https://broker.example/idp\"");
    let identity = KeyPair::read(&mut section, certs, "\"our-saml\"");
    let audiences = section.texts("audiences");
    if audiences.is_empty() {
        section.fault("audiences", "missing key `saml.audiences`", "how assertions name us");
    }
    let life_s = section.number("life_s", 300, 10..=3_600);
    let recipients = section.texts("recipients");
    section.finish();
    Some(SamlConfig { audiences, identity: identity?, issuer: issuer?, life_s, recipients })
}

fn store(mut section: Section<'_>, folder: &Path) -> String {
    let url = section.text("url").unwrap_or_else(|| "sqlite:var/kakehashi.db".to_owned());
    let path = url.strip_prefix("sqlite:").map(|path| folder.join(path.trim_start_matches("//")));
    if path.is_none() {
        section.fault("url", "only `sqlite:` is known", "sqlite:var/kakehashi.db");
    }
    section.finish();
    path.map_or(url, |path| format!("sqlite:{}", path.display()))
}

fn required_oid(section: &mut Section<'_>, key: &'static str, example: &str) -> Option<Oid> {
    if section.has(key) {
        return section.oid(key);
    }
    section.required(key, example).and(None)
}
