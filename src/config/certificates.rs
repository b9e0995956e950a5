//! Looks into the PEM files that the settings name: are they there, do key and certificate belong
//! together, has something run out, does every authority have its revocation list. Trust itself is
//! decided in `transport`.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, SubjectPublicKeyInfoDer,
};
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

use super::tls::{CaFile, KeyPair};
use crate::model::Timestamp;

/// What was found: the message and a hint.
pub(super) struct Found {
    pub(super) message: String,
    pub(super) hint: &'static str,
    pub(super) grave: bool,
}

fn grave(message: String, hint: &'static str) -> Found {
    Found { message, hint, grave: true }
}

fn warning(message: String, hint: &'static str) -> Found {
    Found { message, hint, grave: false }
}

/// Checks a key pair.
pub(super) fn check_pair(pair: &KeyPair, now: Timestamp) -> Vec<Found> {
    let mut found = check_certificates(&pair.certificate, now);
    let key = match PrivateKeyDer::from_pem_file(&pair.key) {
        Ok(key) => key,
        Err(error) => {
            found.push(grave(unreadable(&pair.key, &error), "a PEM file with one private key"));
            return found;
        }
    };
    let open = std::fs::metadata(&pair.key).is_ok_and(|meta| meta.permissions().mode() & 0o007 != 0);
    if open {
        found.push(warning(format!("{} is open to every user", pair.key.display()), "chmod 600"));
    }
    if found.iter().any(|f| f.grave) {
        return found;
    }
    let chain = read_certificates(&pair.certificate).unwrap_or_default();
    if let Err(error) = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()) {
        let (key, certificate) = (pair.key.display(), pair.certificate.display());
        let message = match error {
            rustls::Error::InconsistentKeys(_) => format!("{key} is not the key of {certificate}"),
            other => format!("{key} cannot be used: {other}"),
        };
        found.push(grave(message, "the two files must be made together, the certificate as X.509 version 3"));
    }
    found
}

/// Checks a file of certificates: readable, not empty, not run out.
pub(super) fn check_certificates(path: &Path, now: Timestamp) -> Vec<Found> {
    let certificates = match read_certificates(path) {
        Ok(certificates) => certificates,
        Err(message) => return vec![grave(message, "a PEM file; `x` in the settings means certs/x.pem")],
    };
    let mut found = Vec::new();
    for der in &certificates {
        let Ok((_, certificate)) = X509Certificate::from_der(der) else {
            found.push(grave(format!("{} holds no X.509 certificate", path.display()), ""));
            continue;
        };
        let validity = certificate.validity();
        let seconds = now.micros() / 1_000_000;
        let subject = certificate.subject();
        if validity.not_after.timestamp() < seconds {
            let message = format!("{}: `{subject}` ran out on {}", path.display(), validity.not_after);
            found.push(warning(message, "renew it; nobody is let in with it"));
        } else if validity.not_after.timestamp() < seconds + 30 * 86_400 {
            let message = format!("{}: `{subject}` runs out on {}", path.display(), validity.not_after);
            found.push(warning(message, "renew it soon"));
        }
        if validity.not_before.timestamp() > seconds {
            let message = format!("{}: `{subject}` is not valid yet", path.display());
            found.push(warning(message, "check the clock"));
        }
    }
    found
}

/// Checks a file with the key that signs tokens: a public key alone, or a certificate.
pub(super) fn check_token_key(path: &Path, now: Timestamp) -> Vec<Found> {
    if SubjectPublicKeyInfoDer::from_pem_file(path).is_ok() {
        Vec::new()
    } else {
        check_certificates(path, now)
    }
}

/// Checks an authority and its revocation list.
pub(super) fn check_authority(ca: &CaFile, now: Timestamp) -> Vec<Found> {
    let mut found = check_certificates(&ca.certificates, now);
    if let Some(exemption) = &ca.exemption {
        if exemption.until <= now {
            let message = format!("the time without revocation list for `{}` is over", ca.name);
            found.push(grave(message, "put the list into certs/, or agree on a new `revocation_until`"));
        }
        if ca.crl.exists() {
            let message = format!("{} is there but not looked at", ca.crl.display());
            found.push(warning(message, "remove revocation = \"none\""));
        }
        return found;
    }
    if !ca.crl.exists() {
        let message = format!("`{}` has no revocation list: {} is missing", ca.name, ca.crl.display());
        let hint =
            "put the list there, or set revocation = \"none\" with revocation_reason and revocation_until";
        found.push(grave(message, hint));
        return found;
    }
    let lists: Result<Vec<_>, _> =
        CertificateRevocationListDer::pem_file_iter(&ca.crl).and_then(Iterator::collect);
    let lists = match lists {
        Ok(lists) if !lists.is_empty() => lists,
        Ok(_) => {
            found.push(grave(format!("{} holds no revocation list", ca.crl.display()), "PEM, `X509 CRL`"));
            return found;
        }
        Err(error) => {
            found.push(grave(unreadable(&ca.crl, &error), "PEM, `X509 CRL`"));
            return found;
        }
    };
    for list in &lists {
        let Ok((_, list)) = CertificateRevocationList::from_der(list) else {
            found.push(grave(format!("{} holds no revocation list", ca.crl.display()), "PEM, `X509 CRL`"));
            continue;
        };
        let over = list.next_update().is_some_and(|next| next.timestamp() < now.micros() / 1_000_000);
        if over {
            let message = format!("{} ran out", ca.crl.display());
            found.push(warning(message, "fetch a new one: nobody below this authority is let in"));
        }
    }
    found
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match read {
        Ok(certificates) if certificates.is_empty() => {
            Err(format!("{} holds no certificate", path.display()))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn unreadable(path: &Path, error: &rustls_pki_types::pem::Error) -> String {
    format!("{} cannot be read: {error}", path.display())
}
