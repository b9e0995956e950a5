//! Whose certificate it is: exactly one configured peer, by a URI among its alternative names or by
//! the SHA-256 of its key (ITI TF-2 3.19). None or two: the connection is closed.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::config::{CertificateIdentity, TargetFile};
use crate::model::TargetName;

/// What a certificate says, as far as we use it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Seconds since 1970 at which it runs out.
    pub not_after_s: i64,
    /// SHA-256 of the SubjectPublicKeyInfo, hex.
    pub spki_sha256: String,
    /// Subject, RFC 4514 order and text as far as the reader gives it.
    pub subject: String,
    /// URIs among the alternative names.
    pub uris: Vec<String>,
}

impl CertificateFacts {
    /// Reads a DER certificate. None when it is not one.
    pub fn of(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let names = certificate.subject_alternative_name().ok().flatten();
        let uris = names
            .iter()
            .flat_map(|extension| &extension.value.general_names)
            .filter_map(|name| match name {
                GeneralName::URI(uri) => Some((*uri).to_owned()),
                _ => None,
            })
            .collect();
        Some(Self {
            not_after_s: certificate.validity().not_after.timestamp(),
            spki_sha256: hex::encode(digest(&SHA256, certificate.public_key().raw)),
            subject: certificate.subject().to_string(),
            uris,
        })
    }
}

/// Why a certificate is nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stranger {
    /// It fits two peers or more.
    #[error("the certificate fits more than one configured peer")]
    Ambiguous,
    /// It fits none.
    #[error("the certificate fits no configured peer")]
    Unknown,
}

/// Certificates to peers.
#[derive(Debug, Clone)]
pub struct PeerMap<P> {
    peers: HashMap<CertificateIdentity, Vec<(TargetName, Arc<P>)>>,
}

impl<P> Default for PeerMap<P> {
    fn default() -> Self {
        Self { peers: HashMap::new() }
    }
}

impl<P> PeerMap<P> {
    /// Adds a peer under every certificate its file names.
    pub fn add(&mut self, file: &TargetFile, peer: &Arc<P>) {
        for identity in file.tls.iter().flat_map(|tls| &tls.certificates) {
            let entry = (file.name.clone(), Arc::clone(peer));
            self.peers.entry(identity.clone()).or_default().push(entry);
        }
    }

    /// The one peer a certificate belongs to.
    ///
    /// # Errors
    /// None or several.
    pub fn find(&self, facts: &CertificateFacts) -> Result<&Arc<P>, Stranger> {
        let pin = hex::decode(&facts.spki_sha256).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let by_uri = facts.uris.iter().cloned().map(CertificateIdentity::SanUri);
        let found: Vec<_> = by_uri
            .chain(pin.map(CertificateIdentity::SpkiSha256))
            .filter_map(|identity| self.peers.get(&identity))
            .flatten()
            .collect();
        let names: BTreeSet<&TargetName> = found.iter().map(|(name, _)| name).collect();
        match (found.first(), names.len()) {
            (Some((_, peer)), 1) => Ok(peer),
            (Some(_), _) => Err(Stranger::Ambiguous),
            (None, _) => Err(Stranger::Unknown),
        }
    }
}
