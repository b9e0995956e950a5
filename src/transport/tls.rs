//! TLS as the Japanese guidelines want it (japan.md 5.3): 1.3 with client certificates; 1.2 with
//! ECDHE and AEAD only where a file allows it, without resumption. One provider, named everywhere.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, cipher_suite as suite};
use rustls::server::danger::ClientCertVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ProtocolVersion, ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};

use super::certificate::{CertificateFacts, PeerMap, Stranger};
use super::revocation::{Clients, Servers};
use crate::config::{BrokerConfig, CaFile, KeyPair, ListenerConfig, PeerTls, TargetFile};
use crate::model::TargetName;
use crate::telemetry::Metrics;

/// A key, certificate or list that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {why}")]
pub struct TlsError {
    /// Which file.
    pub file: PathBuf,
    /// Why.
    pub why: String,
}

impl TlsError {
    pub(super) fn new(file: &Path, why: String) -> Self {
        Self { file: file.to_owned(), why }
    }
}

/// The cipher suites of the high-security profile; the default groups put X25519MLKEM768 first.
pub fn crypto_provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: vec![
            suite::TLS13_AES_256_GCM_SHA384,
            suite::TLS13_AES_128_GCM_SHA256,
            suite::TLS13_CHACHA20_POLY1305_SHA256,
            suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        ],
        ..aws_lc_rs::default_provider()
    })
}

/// Gathers the process's first randomness. The library does so when it is needed first, which takes a tenth of
/// a second of a processor: that should not be within somebody's handshake.
///
/// # Errors
/// When there is none to be had: no handshake could succeed either.
pub fn gather_randomness() -> Result<(), rustls::Error> {
    Ok(crypto_provider().secure_random.fill(&mut [0; 32])?)
}

/// A peer as a listener knows it.
#[derive(Debug)]
pub(super) struct KnownPeer {
    pub(super) name: TargetName,
    allow_tls12: bool,
    clients: Clients,
}

/// Why a connection whose handshake succeeded is closed all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotAdmitted {
    #[error("{0}")]
    Stranger(#[from] Stranger),
    #[error("`{0}` may not speak TLS 1.2")]
    OldVersion(TargetName),
    #[error("the certificate is not signed by the authority of `{0}`: {1}")]
    WrongAuthority(TargetName, String),
}

/// What one listener trusts: its TLS settings and whose certificate is whose. Swapped as a whole, so
/// that no handshake sees half of a reload; a new one also forgets all TLS sessions.
#[derive(Debug)]
pub struct Trust {
    pub(super) server: Arc<ServerConfig>,
    peers: PeerMap<KnownPeer>,
    authorities: usize,
}

impl Trust {
    /// From the listener's settings and the files of its side.
    ///
    /// # Errors
    /// A key, certificate or list that cannot be used.
    pub fn new(listener: &ListenerConfig, targets: &[Arc<TargetFile>]) -> Result<Self, TlsError> {
        let provider = crypto_provider();
        let mut authorities: Vec<CaFile> = listener.client_ca.clone();
        let mut peers = PeerMap::default();
        let mut versions: Vec<&'static SupportedProtocolVersion> = vec![&TLS13];
        for target in targets.iter().filter(|target| target.side == listener.side) {
            // Who asks nothing has no certificate by which it could be told, and vouches for nobody.
            let Some(tls) = target.tls.as_ref().filter(|tls| !tls.certificates.is_empty()) else { continue };
            for ca in &tls.ca {
                if !authorities.contains(ca) {
                    authorities.push(ca.clone());
                }
            }
            if tls.allow_tls12 && versions.len() == 1 {
                versions.push(&TLS12);
            }
            let known = KnownPeer {
                name: target.name.clone(),
                allow_tls12: tls.allow_tls12,
                clients: Clients::new(&tls.ca, &provider)?,
            };
            peers.add(target, &Arc::new(known));
        }
        let clients = Clients::new(&authorities, &provider)?;
        let authorities = clients.count();
        let (chain, key) = read_pair(&listener.identity)?;
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(|e| TlsError::new(&listener.identity.certificate, e.to_string()))?
            .with_client_cert_verifier(Arc::new(clients))
            .with_single_cert(chain, key)
            .map_err(|e| TlsError::new(&listener.identity.key, e.to_string()))?;
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        server.max_early_data_size = 0;
        if versions.len() > 1 {
            // A session of TLS 1.2 could be taken up again without looking at the certificate.
            server.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
            server.send_tls13_tickets = 0;
        }
        Ok(Self { server: Arc::new(server), peers, authorities })
    }

    /// Whose connection it is.
    pub(super) fn admit(
        &self,
        facts: &CertificateFacts,
        chain: &[CertificateDer<'_>],
        version: Option<ProtocolVersion>,
    ) -> Result<Arc<KnownPeer>, NotAdmitted> {
        let peer = self.peers.find(facts)?;
        if version != Some(ProtocolVersion::TLSv1_3) && !peer.allow_tls12 {
            return Err(NotAdmitted::OldVersion(peer.name.clone()));
        }
        // With one authority the handshake has already checked this.
        if self.authorities > 1 {
            Self::verify(peer, chain)?;
        }
        Ok(Arc::clone(peer))
    }

    /// The same where the handshake has not looked at the certificate under these settings and at
    /// this moment: dates and revocation count too.
    pub(super) fn admit_again(
        &self,
        facts: &CertificateFacts,
        chain: &[CertificateDer<'_>],
        version: Option<ProtocolVersion>,
    ) -> Result<Arc<KnownPeer>, NotAdmitted> {
        let peer = self.admit(facts, chain, version)?;
        Self::verify(&peer, chain)?;
        Ok(peer)
    }

    fn verify(peer: &KnownPeer, chain: &[CertificateDer<'_>]) -> Result<(), NotAdmitted> {
        let Some((end_entity, intermediates)) = chain.split_first() else {
            return Err(Stranger::Unknown.into());
        };
        peer.clients
            .verify_client_cert(end_entity, intermediates, UnixTime::now())
            .map(|_| ())
            .map_err(|e| NotAdmitted::WrongAuthority(peer.name.clone(), e.to_string()))
    }
}

/// TLS toward one peer: our certificate for it, its authorities, its lists. ALPN is left to hyper.
///
/// # Errors
/// A key, certificate or list that cannot be used, or a file without `tls`.
pub fn client_config(target: &TargetFile) -> Result<ClientConfig, TlsError> {
    let Some(tls) = &target.tls else {
        return Err(TlsError::new(&target.path, "has no `tls` table".to_owned()));
    };
    client_config_of(tls, &target.path)
}

/// The same from a `tls` table alone; `file` is named in errors.
///
/// # Errors
/// A key, certificate or list that cannot be used.
pub fn client_config_of(tls: &PeerTls, file: &Path) -> Result<ClientConfig, TlsError> {
    let provider = crypto_provider();
    let servers = Servers::new(&tls.ca, &tls.server_pins, &provider)?;
    let versions: &[&'static SupportedProtocolVersion] =
        if tls.allow_tls12 { &[&TLS13, &TLS12] } else { &[&TLS13] };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|e| TlsError::new(file, e.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(servers));
    let mut config = match &tls.client {
        Some(pair) => {
            let (chain, key) = read_pair(pair)?;
            builder.with_client_auth_cert(chain, key).map_err(|e| TlsError::new(&pair.key, e.to_string()))?
        }
        None => builder.with_no_client_auth(),
    };
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

/// Tells the metrics when each certificate and list that these settings rest on runs out; an
/// exemption counts as a list. Reads the files; call it after a load and once an hour.
pub fn observe_expiries(metrics: &Metrics, broker: &BrokerConfig, targets: &[Arc<TargetFile>]) {
    let mut certificates: Vec<&Path> = vec![&broker.saml.identity.certificate];
    let mut authorities: Vec<&CaFile> = Vec::new();
    for listener in broker.listeners() {
        certificates.push(&listener.identity.certificate);
        authorities.extend(&listener.client_ca);
    }
    if let Some(forward) = &broker.forward {
        certificates.extend(forward.tls.client.iter().map(|pair| pair.certificate.as_path()));
        authorities.extend(&forward.tls.ca);
    }
    for target in targets {
        certificates.extend(target.saml.iter().flat_map(|saml| &saml.signers).map(PathBuf::as_path));
        let Some(tls) = &target.tls else { continue };
        certificates.extend(tls.client.iter().map(|pair| pair.certificate.as_path()));
        authorities.extend(&tls.ca);
    }
    certificates.extend(authorities.iter().map(|ca| ca.certificates.as_path()));
    for file in certificates {
        if let Some(at_s) = expiry(file) {
            metrics.certificate_expiry(&label(file), at_s);
        }
    }
    for ca in authorities {
        let exempt_until = ca.exemption.as_ref().map(|exemption| exemption.until.micros() / 1_000_000);
        if let Some(at_s) = exempt_until.or_else(|| expiry(&ca.crl)) {
            metrics.crl_expiry(&label(&ca.crl), at_s);
        }
    }
}

fn label(file: &Path) -> String {
    file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The earliest end among the certificates or lists of a file.
fn expiry(file: &Path) -> Option<i64> {
    use rustls_pki_types::CertificateRevocationListDer;
    use x509_parser::prelude::{CertificateRevocationList, FromDer};
    let certificates = CertificateDer::pem_file_iter(file).ok()?.flatten();
    let certificates =
        certificates.filter_map(|der| CertificateFacts::of(&der)).map(|facts| facts.not_after_s);
    let lists = CertificateRevocationListDer::pem_file_iter(file).ok()?.flatten();
    let lists = lists.filter_map(|der| {
        let (_, list) = CertificateRevocationList::from_der(&der).ok()?;
        list.next_update().map(|next| next.timestamp())
    });
    certificates.chain(lists).min()
}

fn read_pair(pair: &KeyPair) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(&pair.certificate).and_then(Iterator::collect);
    let chain = chain.map_err(|e| TlsError::new(&pair.certificate, e.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(&pair.key).map_err(|e| TlsError::new(&pair.key, e.to_string()))?;
    Ok((chain, key))
}
