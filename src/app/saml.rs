//! From the settings to what assertions are held against, and how we vouch toward each peer.

use std::path::Path;

use http::Uri;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::startup::StartError;
use crate::config::{self, BrokerConfig, PeerSaml, SamlConfig, TargetFile};
use crate::identity::{Issuing, NameFormat, SamlTrust, Signer, TrustedIssuer};

/// What the assertions of one asking system must fulfil.
///
/// # Errors
/// A signer's certificate that cannot be read or must not vouch.
pub fn trust(broker: &BrokerConfig, file: &TargetFile, saml: &PeerSaml) -> Result<SamlTrust, StartError> {
    let mut certificates = Vec::new();
    for path in &saml.signers {
        certificates.extend(certificates_of(path)?.into_iter().map(|der| der.to_vec()));
    }
    let issuers = saml.issuers.iter().map(|issuer| TrustedIssuer::new(issuer, &certificates));
    let issuers = issuers.collect::<Result<_, _>>().map_err(|e| StartError::file(&file.path, e))?;
    Ok(SamlTrust {
        issuers,
        audiences: broker.saml.audiences.clone(),
        recipients: broker.saml.recipients.clone(),
        roles: saml.roles_in.clone(),
        purposes: saml.purposes_in.clone(),
        skew_seconds: i64::try_from(saml.skew_s).unwrap_or(300),
        sha1_until: saml.sha1_until,
        accept_missing_audience: saml.accept_missing_audience,
        accept_missing_authn_statement: saml.accept_missing_authn_statement,
        accept_missing_home_community: saml.accept_missing_home_community,
        require_timestamp: saml.require_timestamp,
        one_use: saml.one_use,
    })
}

const fn name_format(format: config::NameFormat) -> NameFormat {
    match format {
        config::NameFormat::Absent => NameFormat::Absent,
        config::NameFormat::Basic => NameFormat::Basic,
        config::NameFormat::Uri => NameFormat::Uri,
    }
}

/// How we vouch toward one peer.
///
/// # Errors
/// Our key or certificate cannot be used.
pub fn issuing(broker: &BrokerConfig, file: &TargetFile, to: Option<&Uri>) -> Result<Issuing, StartError> {
    let SamlConfig { issuer, identity, life_s, .. } = &broker.saml;
    let key = std::fs::read_to_string(&identity.key).map_err(|e| StartError::file(&identity.key, e))?;
    let certificate = certificates_of(&identity.certificate)?;
    let certificate =
        certificate.first().ok_or_else(|| StartError::file(&identity.certificate, "no certificate"))?;
    let signer = Signer::new(&key, certificate).map_err(|e| StartError::file(&identity.key, e))?;
    let saml = file.saml.as_ref().or(file.xua.as_ref());
    Ok(Issuing {
        issuer: issuer.clone(),
        signer,
        audience: saml.and_then(|saml| saml.audience.clone()).unwrap_or_else(|| file.community.0.urn()),
        recipient: to.map(ToString::to_string).unwrap_or_default(),
        community: broker.community.clone(),
        roles: saml.map(|saml| saml.roles_out.clone()).unwrap_or_default(),
        purposes: saml.map(|saml| saml.purposes_out.clone()).unwrap_or_default(),
        name_format: saml.map_or(NameFormat::Uri, |saml| name_format(saml.name_format)),
        life_seconds: i64::try_from(saml.and_then(|saml| saml.life_s).unwrap_or(*life_s)).unwrap_or(300),
        must_understand: !file.wire.security_without_must_understand,
    })
}

fn certificates_of(path: &Path) -> Result<Vec<CertificateDer<'static>>, StartError> {
    let certificates = CertificateDer::pem_file_iter(path).map_err(|e| StartError::file(path, e))?;
    certificates.collect::<Result<_, _>>().map_err(|e| StartError::file(path, e))
}
