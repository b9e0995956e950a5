//! What one peer's assertions are held against: its issuers with pinned certificates, our audience,
//! its code tables and switches (wire.md 21.2). Built from the peer's file; nothing here is read
//! from a message.

use std::sync::Arc;

use bergshamra::keys::loader::load_x509_cert_der;
use bergshamra::{DsigContext, KeysManager};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

use crate::model::{Code, Purpose, Role, Timestamp, Unauthenticated};

/// The code system of XSPA purposes of use.
const PURPOSES: &str = "2.16.840.1.113883.3.18.7.1";

/// Keys or tables that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A certificate that cannot be read or must not vouch.
    #[error("certificate: {0}")]
    Certificate(String),
    /// A signing key that cannot be read or does not belong to its certificate.
    #[error("signing key: {0}")]
    Key(String),
    /// A role or purpose the peer's table has no code for: nothing is invented.
    #[error("no code for {0} in the peer's table")]
    Unmapped(String),
    /// The assertion could not be signed.
    #[error("signing: {0}")]
    Signing(String),
}

/// A SAML issuer and the certificates whose keys may sign for it.
#[derive(Debug, Clone)]
pub struct TrustedIssuer {
    pub(super) name: String,
    pub(super) keys: Arc<DsigContext>,
}

impl TrustedIssuer {
    /// The issuer's exact name and its certificates (DER). Several certificates let a signer roll
    /// its key over; one that is out of its own validity vouches for nothing.
    ///
    /// # Errors
    /// No certificate, an unreadable one, or a key other than RSA from 2048 bits and EC.
    pub fn new(name: impl Into<String>, certificates: &[Vec<u8>]) -> Result<Self, IdentityError> {
        let mut keys = KeysManager::new();
        for der in certificates {
            check_key(der)?;
            let key = load_x509_cert_der(der).map_err(|e| IdentityError::Certificate(e.to_string()))?;
            keys.add_key(key);
        }
        if keys.is_empty() {
            return Err(IdentityError::Certificate("an issuer without certificate".into()));
        }
        Ok(Self { name: name.into(), keys: Arc::new(DsigContext::new(keys)) })
    }
}

fn check_key(der: &[u8]) -> Result<(), IdentityError> {
    let bad = |why: &str| Err(IdentityError::Certificate(why.to_owned()));
    let Ok((rest, certificate)) = X509Certificate::from_der(der) else { return bad("unreadable") };
    if !rest.is_empty() {
        return bad("bytes behind its end");
    }
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) if key.key_size() >= 2048 => Ok(()),
        Ok(PublicKey::RSA(_)) => bad("an RSA key under 2048 bits"),
        Ok(PublicKey::EC(_)) => Ok(()),
        _ => bad("neither an RSA nor an EC key"),
    }
}

/// Whether a certificate is within its own validity.
pub(super) fn is_valid_at(der: &[u8], now: Timestamp) -> bool {
    let seconds = now.micros().div_euclid(1_000_000);
    X509Certificate::from_der(der).is_ok_and(|(_, certificate)| {
        let validity = certificate.validity();
        (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&seconds)
    })
}

/// What the assertions of one peer or portal must fulfil.
#[derive(Debug, Clone)]
pub struct SamlTrust {
    /// Who may vouch.
    pub issuers: Vec<TrustedIssuer>,
    /// URIs that name us or the federation; compared as they are.
    pub audiences: Vec<String>,
    /// Our URLs as a Recipient may name them; an entry ending in `/` covers all below it. The
    /// audiences count too.
    pub recipients: Vec<String>,
    /// The peer's role codes and what they are here. A coded role without a line refuses.
    pub roles: Vec<(Code, Role)>,
    /// The peer's purpose codes; [`SamlTrust::standard_purposes`] unless it has its own.
    pub purposes: Vec<(Code, Purpose)>,
    /// How far the peer's clock may be off.
    pub skew_seconds: i64,
    /// Until when RSA-SHA1 and SHA-1 digests are put up with; None is never.
    pub sha1_until: Option<Timestamp>,
    /// Whether an assertion without AudienceRestriction is read.
    pub accept_missing_audience: bool,
    /// Whether an assertion without AuthnStatement is read.
    pub accept_missing_authn_statement: bool,
    /// Whether an assertion without homeCommunityId is read; the community is the certificate's.
    pub accept_missing_home_community: bool,
    /// Whether a message without wsu:Timestamp is refused.
    pub require_timestamp: bool,
    /// Whether an assertion serves one message only.
    pub one_use: bool,
}

impl SamlTrust {
    /// That of a system nobody vouches for: no assertion is taken.
    pub const fn nobody() -> Self {
        Self {
            issuers: Vec::new(),
            audiences: Vec::new(),
            recipients: Vec::new(),
            roles: Vec::new(),
            purposes: Vec::new(),
            skew_seconds: 0,
            sha1_until: None,
            accept_missing_audience: false,
            accept_missing_authn_statement: false,
            accept_missing_home_community: false,
            require_timestamp: false,
            one_use: false,
        }
    }
}

impl SamlTrust {
    /// TREATMENT and EMERGENCY of the XSPA code system.
    pub fn standard_purposes() -> Vec<(Code, Purpose)> {
        [Purpose::Emergency, Purpose::Treatment].map(|p| (Code::new(p.code(), PURPOSES, ""), p)).into()
    }
}

/// A refusal with its WS-Security word (wire.md 5.1).
pub(super) fn refused(word: &'static str, why: impl Into<String>) -> Unauthenticated {
    Unauthenticated { word, why: why.into() }
}
