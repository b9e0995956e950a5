//! A throwaway PKI for the demo: an authority for portals and one for gateways on each side, server and
//! client certificates, revocation lists, SAML signing keys (P-256, PKCS#8). For loopback, valid for
//! days. Never use it for anything else.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
    SerialNumber, string::Ia5String,
};
use time::{Duration, OffsetDateTime};

/// Days until everything made here runs out.
const VALID_DAYS: i64 = 7;

/// Why no PKI was made.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A key or certificate could not be made.
    #[error("a certificate cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A file could not be written.
    #[error("{0}: {1}")]
    File(String, io::Error),
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy)]
pub enum Usage<'a> {
    /// A client, told by this URI among its alternative names.
    Client(&'a str),
    /// A server on this machine.
    Server,
    /// Signing assertions.
    Signing,
}

/// A certificate and its key, PEM, not yet on disk.
#[derive(Debug)]
pub struct Pair {
    certificate: String,
    key: String,
}

impl Pair {
    /// Writes `<name>.pem` and `<name>.key.pem` into a folder.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &Path, name: &str) -> Result<(), PkiError> {
        self.write_certificate(folder, name)?;
        write(&folder.join(format!("{name}.key.pem")), &self.key, 0o600)
    }

    /// Writes `<name>.pem` only.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_certificate(&self, folder: &Path, name: &str) -> Result<(), PkiError> {
        write(&folder.join(format!("{name}.pem")), &self.certificate, 0o644)
    }
}

/// A certificate authority with its key in memory: unless the key is written, nothing can be signed
/// after the demo.
pub struct CertificateAuthority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    list: String,
}

impl CertificateAuthority {
    /// A new one, with an empty revocation list.
    ///
    /// # Errors
    /// A key or certificate that cannot be made.
    pub fn new(common_name: &str) -> Result<Self, PkiError> {
        let mut params = params(common_name, Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?)?;
        let now = OffsetDateTime::now_utc();
        let list = CertificateRevocationListParams {
            this_update: now - Duration::hours(1),
            next_update: now + Duration::days(VALID_DAYS),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&issuer)?.pem()?;
        Ok(Self { issuer, list })
    }

    /// Writes `<name>.pem` and `<name>.crl.pem` into a folder.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &Path, name: &str) -> Result<(), PkiError> {
        write(&folder.join(format!("{name}.pem")), &self.issuer.pem(), 0o644)?;
        write(&folder.join(format!("{name}.crl.pem")), &self.list, 0o644)
    }

    /// Writes `<name>.key.pem`, for those who are to issue or revoke certificates themselves.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_key(&self, folder: &Path, name: &str) -> Result<(), PkiError> {
        write(&folder.join(format!("{name}.key.pem")), &self.issuer.key().serialize_pem(), 0o600)
    }

    /// A certificate signed by it.
    ///
    /// # Errors
    /// A key or certificate that cannot be made.
    pub fn issue(&self, common_name: &str, usage: Usage<'_>) -> Result<Pair, PkiError> {
        let hosts = match usage {
            Usage::Server => vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
            Usage::Client(_) | Usage::Signing => Vec::new(),
        };
        let mut params = params(common_name, hosts)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        match usage {
            Usage::Server => params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth],
            Usage::Client(uri) => {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
                params.subject_alt_names.push(SanType::URI(Ia5String::try_from(uri)?));
            }
            Usage::Signing => {}
        }
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Pair { certificate, key: key.serialize_pem() })
    }
}

fn params(common_name: &str, hosts: Vec<String>) -> Result<CertificateParams, PkiError> {
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name.push(DnType::OrganizationName, "Kakehashi demo, not for care");
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = OffsetDateTime::now_utc() - Duration::hours(1);
    params.not_after = OffsetDateTime::now_utc() + Duration::days(VALID_DAYS);
    Ok(params)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), PkiError> {
    let failed = |error| PkiError::File(path.display().to_string(), error);
    // An older file would keep its mode.
    if path.exists() {
        fs::remove_file(path).map_err(failed)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn keys_are_for_their_owner_only_and_a_client_is_told_by_its_uri() {
        let folder = tempfile::tempdir().unwrap();
        let authority = CertificateAuthority::new("demo").unwrap();
        authority.write(folder.path(), "ca").unwrap();
        authority
            .issue("gateway", Usage::Client("urn:oid:2.999.33"))
            .unwrap()
            .write(folder.path(), "x")
            .unwrap();
        let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode("x.key.pem"), 0o600);
        let pem = fs::read(folder.path().join("x.pem")).unwrap();
        let (_, pem) = x509_parser::pem::parse_x509_pem(&pem).unwrap();
        let certificate = pem.parse_x509().unwrap();
        let names = certificate.subject_alternative_name().unwrap().unwrap();
        assert!(format!("{:?}", names.value.general_names).contains("urn:oid:2.999.33"));
        let list = fs::read_to_string(folder.path().join("ca.crl.pem")).unwrap();
        assert!(list.starts_with("-----BEGIN X509 CRL-----"));
    }
}
