//! Signs what we write: an enveloped signature over an element that is in canonical form already
//! (XMLDSig, exclusive canonicalization). Messages of others are never signed.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::signature::{DS, ENVELOPED, EXC_C14N};
use super::trust::{IdentityError, TrustedIssuer};
use crate::xml::Writer;

/// A signing key with its certificate: P-256 (ecdsa-sha256) or RSA from 2048 bits (rsa-sha256).
#[derive(Clone)]
pub struct Signer {
    key: Arc<Key>,
    certificate: String,
}

enum Key {
    P256(EcdsaKeyPair),
    Rsa(rsa::KeyPair),
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("method", &self.key.method()).finish_non_exhaustive()
    }
}

impl Signer {
    /// From a PEM key (PKCS#8, or as OpenSSL writes keys of either kind) and its certificate (DER).
    ///
    /// # Errors
    /// When either cannot be read, they do not belong together, or the key is of another kind.
    pub fn new(key_pem: &str, certificate: &[u8]) -> Result<Self, IdentityError> {
        let bad = |why: &str| IdentityError::Key(why.to_owned());
        TrustedIssuer::new("", &[certificate.to_vec()])?;
        let der = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())
            .map_err(|e| IdentityError::Key(e.to_string()))?;
        let key = Key::read(&der).ok_or_else(|| bad("neither P-256 nor RSA"))?;
        let (_, parsed) = X509Certificate::from_der(certificate)
            .map_err(|_| IdentityError::Certificate("unreadable".to_owned()))?;
        if key.public() != &*parsed.public_key().subject_public_key.data {
            return Err(bad("it is not the certificate's"));
        }
        Ok(Self { key: Arc::new(key), certificate: STANDARD.encode(certificate) })
    }

    /// The `ds:Signature` that goes into this element, which stands in canonical form and has this ID.
    ///
    /// # Errors
    /// `Signing`.
    pub(super) fn signature(&self, id: &str, canonical: &str) -> Result<String, IdentityError> {
        let mut w = Writer::canonical();
        self.signed_info(&mut w, id, canonical);
        let signed_info = w.finish();
        // Alone, it declares its prefix itself: that is what is signed.
        let alone = signed_info.replacen("<ds:SignedInfo", &format!("<ds:SignedInfo xmlns:ds=\"{DS}\""), 1);
        let value = self.key.sign(alone.as_bytes())?;
        let mut w = Writer::canonical();
        w.start("ds:Signature").attribute("xmlns:ds", DS).raw(&signed_info);
        w.leaf("ds:SignatureValue", &STANDARD.encode(value));
        w.start("ds:KeyInfo").start("ds:X509Data").leaf("ds:X509Certificate", &self.certificate);
        Ok(w.finish())
    }

    fn signed_info(&self, w: &mut Writer, id: &str, canonical: &str) {
        w.start("ds:SignedInfo");
        w.start("ds:CanonicalizationMethod").attribute("Algorithm", EXC_C14N).end();
        w.start("ds:SignatureMethod").attribute("Algorithm", self.key.method()).end();
        w.start("ds:Reference").attribute("URI", &format!("#{id}")).start("ds:Transforms");
        w.start("ds:Transform").attribute("Algorithm", ENVELOPED).end();
        w.start("ds:Transform").attribute("Algorithm", EXC_C14N).end().end();
        w.start("ds:DigestMethod").attribute("Algorithm", "http://www.w3.org/2001/04/xmlenc#sha256").end();
        w.leaf("ds:DigestValue", &STANDARD.encode(digest(&SHA256, canonical.as_bytes())));
    }
}

impl Key {
    fn read(der: &PrivateKeyDer<'_>) -> Option<Self> {
        let bytes = der.secret_der();
        let p256 = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes);
        let rsa = || rsa::KeyPair::from_pkcs8(bytes).or_else(|_| rsa::KeyPair::from_der(bytes));
        p256.map(Self::P256).or_else(|_| rsa().map(Self::Rsa)).ok()
    }

    fn public(&self) -> &[u8] {
        match self {
            Self::P256(key) => key.public_key().as_ref(),
            Self::Rsa(key) => key.public_key().as_ref(),
        }
    }

    const fn method(&self) -> &'static str {
        match self {
            Self::P256(_) => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
            Self::Rsa(_) => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, IdentityError> {
        let failed = |_| IdentityError::Signing("the key refused".to_owned());
        let random = SystemRandom::new();
        match self {
            Self::P256(key) => Ok(key.sign(&random, message).map_err(failed)?.as_ref().to_vec()),
            Self::Rsa(key) => {
                let mut value = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut value).map_err(failed)?;
                Ok(value)
            }
        }
    }
}
