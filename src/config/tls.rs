//! Which certificates belong to whom: our key pairs, the authorities (CA) we trust and how a peer is
//! told by its certificate. Names mean files: `x-ca` is `certs/x-ca.pem`.

use std::path::{Path, PathBuf};

use super::section::Section;
use crate::model::Timestamp;

/// A certificate chain and its key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPair {
    /// Our certificate first, then those above it.
    pub certificate: PathBuf,
    /// PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

impl KeyPair {
    /// `certificate = "x"` and, if it is called otherwise than `x.key`, `key = "y"`.
    pub(super) fn read(section: &mut Section<'_>, certs: &Path, what: &str) -> Option<Self> {
        let certificate = section.required("certificate", what);
        let key = section.text("key");
        let certificate = certificate?;
        let key = key.unwrap_or_else(|| format!("{certificate}.key"));
        Some(Self { certificate: pem(certs, &certificate), key: pem(certs, &key) })
    }

    pub(super) fn named(certs: &Path, name: &str) -> Self {
        Self { certificate: pem(certs, name), key: pem(certs, &format!("{name}.key")) }
    }
}

/// Why an authority needs no revocation list, and until when (decisions B4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exemption {
    /// For the auditor.
    pub reason: String,
    /// From this moment on nobody below this authority is let in.
    pub until: Timestamp,
}

/// An authority: its certificates and its revocation list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaFile {
    /// As written.
    pub name: String,
    /// `certs/<name>.pem`.
    pub certificates: PathBuf,
    /// `certs/<name>.crl.pem`; may hold several lists.
    pub crl: PathBuf,
    /// Set when the file says `revocation = "none"`.
    pub exemption: Option<Exemption>,
}

impl CaFile {
    /// A list of names with the `revocation` keys beside it.
    pub(super) fn read(section: &mut Section<'_>, key: &'static str, certs: &Path) -> Vec<Self> {
        let exemption = exemption(section);
        section
            .texts(key)
            .into_iter()
            .map(|name| Self {
                certificates: pem(certs, &name),
                crl: pem(certs, &format!("{name}.crl")),
                exemption: exemption.clone(),
                name,
            })
            .collect()
    }
}

/// How a peer is told by its certificate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CertificateIdentity {
    /// A URI among the subject's alternative names.
    SanUri(String),
    /// SHA-256 of the SubjectPublicKeyInfo.
    SpkiSha256([u8; 32]),
}

/// The `tls` table of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerTls {
    /// Whether it may speak TLS 1.2.
    pub allow_tls12: bool,
    /// Who signs its certificates; the listener's `client_ca` when the file names none.
    pub ca: Vec<CaFile>,
    /// Any one of these is this peer.
    pub certificates: Vec<CertificateIdentity>,
    /// Our certificate toward it.
    pub client: Option<KeyPair>,
    /// Its server certificates where their host name does not fit: SHA-256 of the key.
    pub server_pins: Vec<[u8; 32]>,
}

impl PeerTls {
    pub(super) fn read(mut section: Section<'_>, certs: &Path, inherited: &[CaFile]) -> Self {
        let s = &mut section;
        let mut tls = Self::read_ends(s, certs);
        if tls.ca.is_empty() {
            tls.ca = inherited.to_vec();
        }
        tls.certificates.extend(s.texts("san_uri").into_iter().map(CertificateIdentity::SanUri));
        tls.certificates.extend(pins(s, "spki_sha256").into_iter().map(CertificateIdentity::SpkiSha256));
        if tls.certificates.is_empty() {
            let hint = "san_uri = \"urn:oid:...\" or spki_sha256 = \"64 hex digits\"";
            s.fault("san_uri", "nothing tells this peer's certificate", hint);
        }
        section.finish();
        tls
    }

    /// Of a server that never calls us: both its authority and our certificate must be named.
    pub(super) fn read_of_server(mut section: Section<'_>, certs: &Path) -> Self {
        let s = &mut section;
        let tls = Self::read_ends(s, certs);
        for (key, is_there) in [("ca", !tls.ca.is_empty()), ("client", tls.client.is_some())] {
            if !is_there {
                let _ = s.required(key, "\"name\"");
            }
        }
        section.finish();
        tls
    }

    fn read_ends(s: &mut Section<'_>, certs: &Path) -> Self {
        Self {
            allow_tls12: s.flag("allow_tls12", false),
            ca: CaFile::read(s, "ca", certs),
            certificates: Vec::new(),
            client: s.text("client").map(|name| KeyPair::named(certs, &name)),
            server_pins: pins(s, "server_spki_sha256"),
        }
    }
}

/// `certs/<name>.pem`; a name with a folder or an ending of its own is a path.
pub(super) fn pem(certs: &Path, name: &str) -> PathBuf {
    if name.contains('/') { certs.join(name) } else { certs.join(format!("{name}.pem")) }
}

fn exemption(section: &mut Section<'_>) -> Option<Exemption> {
    let none = section.word("revocation", &[("none", true), ("crl", false)]).unwrap_or(false);
    let reason = section.text("revocation_reason").filter(|reason| !reason.trim().is_empty());
    let until = section.end_of_day("revocation_until");
    match (none, reason, until) {
        (true, Some(reason), Some(until)) => Some(Exemption { reason, until }),
        (true, ..) => {
            let hint = "add revocation_reason = \"...\" and revocation_until = 2027-03-31";
            section.fault("revocation", "no revocation list needs a reason and an end date", hint);
            None
        }
        (false, None, None) => None,
        (false, ..) => {
            let hint = "add revocation = \"none\", or remove them";
            section.fault("revocation_reason", "a reason or an end date without `revocation`", hint);
            None
        }
    }
}

fn pins(section: &mut Section<'_>, key: &'static str) -> Vec<[u8; 32]> {
    let mut pins = Vec::new();
    for text in section.texts(key) {
        let digits: String = text.chars().filter(|c| *c != ':').collect();
        match hex::decode(&digits).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()) {
            Some(pin) => pins.push(pin),
            None => section.fault(key, "not a SHA-256", "64 hex digits; `openssl x509 -pubkey -noout | openssl pkey -pubin -outform der | sha256sum` prints them"),
        }
    }
    pins
}
