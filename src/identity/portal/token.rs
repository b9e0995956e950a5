//! A signed token: JWS compact serialization (RFC 7515) of JWT claims (RFC 7519), in one header. The file
//! says algorithm and key; the token's own word on either is held against it and else not listened to.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey,
    VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use serde_json::{Map, Value};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::{decode, faulty, json, missing, refused};
use crate::config::TokenAlgorithm;
use crate::identity::trust::{IdentityError, is_valid_at};
use crate::model::{Timestamp, Unauthenticated};

/// Bytes of a token; those in the field have one or two thousand.
const TOKEN_BYTES_MAX: usize = 8 << 10;
/// What a token's header may say. The rest points to keys, or must be understood (`crit`), and is refused.
const SAID_OF_KEYS: [&str; 5] = ["alg", "kid", "typ", "x5t", "x5t#S256"];

/// A key that may sign tokens.
#[derive(Debug, Clone)]
pub struct TokenKey {
    public: Vec<u8>,
    /// Vouches for nothing outside its own validity.
    certificate: Option<Vec<u8>>,
}

impl TokenKey {
    /// From PEM: a certificate, or a public key alone.
    ///
    /// # Errors
    /// Neither of them, or a key that does not go with the algorithm: P-256 for ES256, RSA from 2048 bits for
    /// the others.
    pub fn new(pem: &[u8], algorithm: TokenAlgorithm) -> Result<Self, IdentityError> {
        let bad = |why: &str| IdentityError::Key(why.to_owned());
        if let Ok(certificate) = CertificateDer::from_pem_slice(pem) {
            let (_, parsed) = X509Certificate::from_der(&certificate).map_err(|_| bad("unreadable"))?;
            let public = public(parsed.public_key(), algorithm).map_err(bad)?;
            return Ok(Self { public, certificate: Some(certificate.to_vec()) });
        }
        let key = SubjectPublicKeyInfoDer::from_pem_slice(pem);
        let key = key.map_err(|_| bad("neither a certificate nor a public key"))?;
        let (_, parsed) = SubjectPublicKeyInfo::from_der(&key).map_err(|_| bad("unreadable"))?;
        Ok(Self { public: public(&parsed, algorithm).map_err(bad)?, certificate: None })
    }
}

fn public(key: &SubjectPublicKeyInfo<'_>, algorithm: TokenAlgorithm) -> Result<Vec<u8>, &'static str> {
    let is_fit = match (key.parsed(), algorithm) {
        (Ok(PublicKey::EC(point)), TokenAlgorithm::Es256) => point.key_size() == 256,
        (Ok(PublicKey::RSA(key)), TokenAlgorithm::Ps256 | TokenAlgorithm::Rs256) => key.key_size() >= 2048,
        _ => false,
    };
    if !is_fit {
        return Err("its kind or length does not go with the algorithm");
    }
    Ok(key.subject_public_key.data.to_vec())
}

/// What a portal's tokens must fulfil.
#[derive(Debug, Clone)]
pub struct TokenTrust {
    /// The header, in small letters.
    pub header: String,
    /// The one algorithm.
    pub algorithm: TokenAlgorithm,
    /// Any of these may have signed.
    pub keys: Vec<TokenKey>,
    /// The `aud` that is us.
    pub audience: String,
    /// Seconds between `iat` and `exp` at most.
    pub life_s: i64,
    /// How far the portal's clock may be off.
    pub skew_s: i64,
}

/// A token that was verified.
pub(super) struct Opened {
    pub(super) claims: Map<String, Value>,
    /// `jti`.
    pub(super) id: String,
    /// `exp` and the skew.
    pub(super) expires: Timestamp,
}

impl TokenTrust {
    pub(super) fn open(
        &self,
        issuer: &str,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Opened, Unauthenticated> {
        let [head, claims, signature] = self.parts(headers)?;
        let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| self.fault("is no signed token"));
        let said = json::object(&bytes(head)?).ok_or_else(|| self.fault("has no readable head"))?;
        if said.get("alg").and_then(Value::as_str) != Some(self.algorithm.word()) {
            return Err(self.fault("is signed otherwise than agreed"));
        }
        if said.keys().any(|name| !SAID_OF_KEYS.contains(&name.as_str())) {
            return Err(self.fault("says more of its signature than may be said"));
        }
        let (signature, signed) = (bytes(signature)?, format!("{head}.{claims}"));
        if !self.keys.iter().any(|key| self.is_signed(key, signed.as_bytes(), &signature, now)) {
            return Err(refused("FailedCheck", &self.header, "is not signed by a key of the file"));
        }
        let claims = json::object(&bytes(claims)?).ok_or_else(|| self.fault("has no readable claims"))?;
        self.check(claims, issuer, now)
    }

    /// The claims with nothing verified.
    pub(super) fn unverified(&self, headers: &HeaderMap) -> Option<Map<String, Value>> {
        let [_, claims, _] = self.parts(headers).ok()?;
        json::object(&URL_SAFE_NO_PAD.decode(claims).ok()?)
    }

    fn parts<'h>(&self, headers: &'h HeaderMap) -> Result<[&'h str; 3], Unauthenticated> {
        let no_token = || self.fault("is no signed token");
        let raw = decode::only(headers, &self.header)?;
        if raw.len() > TOKEN_BYTES_MAX {
            return Err(self.fault("is too long"));
        }
        let text = str::from_utf8(raw).map_err(|_| no_token())?.trim();
        let text = match self.header.as_str() {
            "authorization" => match text.split_once(' ') {
                Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") => token.trim_start(),
                _ => return Err(no_token()),
            },
            _ => text,
        };
        if text.is_empty() {
            return Err(self.fault("is empty"));
        }
        let mut parts = text.split('.');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(head), Some(claims), Some(signature), None) if !signature.is_empty() => {
                Ok([head, claims, signature])
            }
            _ => Err(no_token()),
        }
    }

    fn is_signed(&self, key: &TokenKey, signed: &[u8], signature: &[u8], now: Timestamp) -> bool {
        let algorithm: &'static dyn VerificationAlgorithm = match self.algorithm {
            TokenAlgorithm::Es256 => &ECDSA_P256_SHA256_FIXED,
            TokenAlgorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
            TokenAlgorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
        };
        key.certificate.as_ref().is_none_or(|der| is_valid_at(der, now))
            && UnparsedPublicKey::new(algorithm, &key.public).verify(signed, signature).is_ok()
    }

    fn check(
        &self,
        claims: Map<String, Value>,
        issuer: &str,
        now: Timestamp,
    ) -> Result<Opened, Unauthenticated> {
        let place = |name: &str| format!("{} (claim {name})", self.header);
        let time = |name: &str| match claims.get(name) {
            None => Ok(None),
            Some(value) => {
                let at = value.as_i64().and_then(decode::from_seconds);
                at.map(Some).ok_or_else(|| faulty(&place(name), "is no number of seconds"))
            }
        };
        let needed = |name: &str| time(name)?.ok_or_else(|| missing(&place(name)));
        if claims.get("iss").and_then(Value::as_str) != Some(issuer) {
            return Err(faulty(&place("iss"), "is not the issuer of the file"));
        }
        let is_us = |value: &Value| value.as_str() == Some(self.audience.as_str());
        let is_for_us = match claims.get("aud") {
            Some(Value::Array(audiences)) => audiences.iter().any(is_us),
            Some(one) => is_us(one),
            None => false,
        };
        if !is_for_us {
            return Err(faulty(&place("aud"), "does not name us"));
        }
        let (issued, until) = (needed("iat")?, needed("exp")?);
        let expires = until.plus_seconds(self.skew_s);
        if expires <= now {
            return Err(refused("MessageExpired", &place("exp"), "is over"));
        }
        if until > issued.plus_seconds(self.life_s) || until < issued {
            return Err(faulty(&place("exp"), "is further from iat than the file allows"));
        }
        let soon = now.plus_seconds(self.skew_s);
        for (name, at) in [("iat", Some(issued)), ("nbf", time("nbf")?)] {
            if at.is_some_and(|at| at > soon) {
                return Err(faulty(&place(name), "lies in the future"));
            }
        }
        let id = match claims.get("jti") {
            Some(Value::String(id)) => decode::checked(&place("jti"), id)?,
            Some(_) => return Err(faulty(&place("jti"), "is no text")),
            None => return Err(missing(&place("jti"))),
        };
        Ok(Opened { claims, id, expires })
    }

    fn fault(&self, why: &str) -> Unauthenticated {
        faulty(&self.header, why)
    }
}
