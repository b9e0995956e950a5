//! Chains of certificates against the authorities of the files, with revocation. One verifier an
//! authority, because rustls knows revocation lists only for all roots of a verifier or for none.

use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};

use super::certificate::CertificateFacts;
use super::tls::TlsError;
use crate::config::CaFile;

/// Roots and revocation lists of one authority.
struct Authority {
    roots: Arc<RootCertStore>,
    lists: Vec<CertificateRevocationListDer<'static>>,
    exempt_until: Option<UnixTime>,
}

impl Authority {
    fn open(ca: &CaFile) -> Result<Self, TlsError> {
        let unreadable = |error: String| TlsError::new(&ca.certificates, error);
        let mut roots = RootCertStore::empty();
        for certificate in
            CertificateDer::pem_file_iter(&ca.certificates).map_err(|e| unreadable(e.to_string()))?
        {
            let certificate = certificate.map_err(|e| unreadable(e.to_string()))?;
            roots.add(certificate).map_err(|e| unreadable(e.to_string()))?;
        }
        let (lists, exempt_until) = match &ca.exemption {
            Some(exemption) => {
                let seconds = u64::try_from(exemption.until.micros() / 1_000_000).unwrap_or(0);
                (Vec::new(), Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds))))
            }
            None => {
                let read: Result<Vec<_>, _> =
                    CertificateRevocationListDer::pem_file_iter(&ca.crl).and_then(Iterator::collect);
                let lists = read.map_err(|e| TlsError::new(&ca.crl, e.to_string()))?;
                if lists.is_empty() {
                    return Err(TlsError::new(&ca.crl, "holds no revocation list".to_owned()));
                }
                (lists, None)
            }
        };
        Ok(Self { roots: Arc::new(roots), lists, exempt_until })
    }
}

/// The time without revocation list is over: nothing is known about revocation any more.
fn not_over(exempt_until: Option<UnixTime>, now: UnixTime) -> Result<(), Error> {
    match exempt_until {
        Some(until) if now.as_secs() >= until.as_secs() => {
            Err(Error::InvalidCertificate(CertificateError::UnknownRevocationStatus))
        }
        _ => Ok(()),
    }
}

/// Client certificates against any of several authorities.
pub(super) struct Clients {
    authorities: Vec<(Option<UnixTime>, Arc<dyn ClientCertVerifier>)>,
    hints: Vec<DistinguishedName>,
}

impl Clients {
    pub(super) fn new(authorities: &[CaFile], provider: &Arc<CryptoProvider>) -> Result<Self, TlsError> {
        let mut clients = Self { authorities: Vec::new(), hints: Vec::new() };
        for ca in authorities {
            let authority = Authority::open(ca)?;
            let mut builder = WebPkiClientVerifier::builder_with_provider(
                Arc::clone(&authority.roots),
                Arc::clone(provider),
            );
            if !authority.lists.is_empty() {
                builder = builder.with_crls(authority.lists).enforce_revocation_expiration();
            }
            let verifier = builder.build().map_err(|e| TlsError::new(&ca.certificates, e.to_string()))?;
            clients.hints.extend(verifier.root_hint_subjects().iter().cloned());
            clients.authorities.push((authority.exempt_until, verifier));
        }
        Ok(clients)
    }

    pub(super) fn count(&self) -> usize {
        self.authorities.len()
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").field("authorities", &self.authorities.len()).finish()
    }
}

impl ClientCertVerifier for Clients {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let mut telling = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        for (exempt_until, verifier) in &self.authorities {
            let verified = verifier
                .verify_client_cert(end_entity, intermediates, now)
                .and_then(|verified| not_over(*exempt_until, now).map(|()| verified));
            match verified {
                Ok(verified) => return Ok(verified),
                // Another authority's "unknown issuer" says less than this one's "revoked".
                Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {}
                Err(error) => telling = error,
            }
        }
        Err(telling)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let (_, first) = self.authorities.first().ok_or_else(nobody)?;
        first.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let (_, first) = self.authorities.first().ok_or_else(nobody)?;
        first.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.first().map(|(_, first)| first.supported_verify_schemes()).unwrap_or_default()
    }
}

/// A peer's server certificate: its authorities, its lists, its host name or a pinned key.
pub(super) struct Servers {
    authorities: Vec<(Option<UnixTime>, Arc<WebPkiServerVerifier>)>,
    pins: Vec<String>,
}

impl Servers {
    pub(super) fn new(
        authorities: &[CaFile],
        pins: &[[u8; 32]],
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        let mut servers = Self { authorities: Vec::new(), pins: pins.iter().map(hex::encode).collect() };
        for ca in authorities {
            let authority = Authority::open(ca)?;
            let mut builder = WebPkiServerVerifier::builder_with_provider(
                Arc::clone(&authority.roots),
                Arc::clone(provider),
            );
            if !authority.lists.is_empty() {
                builder = builder.with_crls(authority.lists).enforce_revocation_expiration();
            }
            let verifier = builder.build().map_err(|e| TlsError::new(&ca.certificates, e.to_string()))?;
            servers.authorities.push((authority.exempt_until, verifier));
        }
        Ok(servers)
    }

    /// A pinned key stands for the host name, never for the chain.
    fn name_or_pin(
        &self,
        verified: Result<ServerCertVerified, Error>,
        pinned: bool,
    ) -> Result<ServerCertVerified, Error> {
        use CertificateError::{NotValidForName, NotValidForNameContext};
        match verified {
            Err(Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) if pinned => {
                Ok(ServerCertVerified::assertion())
            }
            Ok(_) if !pinned && !self.pins.is_empty() => {
                Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
            }
            other => other,
        }
    }
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Servers").field("authorities", &self.authorities.len()).finish()
    }
}

impl ServerCertVerifier for Servers {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let key = CertificateFacts::of(end_entity).map(|facts| facts.spki_sha256).unwrap_or_default();
        let pinned = self.pins.contains(&key);
        let mut telling = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        for (exempt_until, verifier) in &self.authorities {
            let verified =
                verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
            let verified = self
                .name_or_pin(verified, pinned)
                .and_then(|verified| not_over(*exempt_until, now).map(|()| verified));
            match verified {
                Ok(verified) => return Ok(verified),
                Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {}
                Err(error) => telling = error,
            }
        }
        Err(telling)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let (_, first) = self.authorities.first().ok_or_else(nobody)?;
        first.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let (_, first) = self.authorities.first().ok_or_else(nobody)?;
        first.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.first().map(|(_, first)| first.supported_verify_schemes()).unwrap_or_default()
    }
}

fn nobody() -> Error {
    Error::InvalidCertificate(CertificateError::UnknownIssuer)
}
