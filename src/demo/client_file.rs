//! `client.json`: everything a program needs to ask the demo's brokers, as a portal or as the other
//! network's gateway (decisions F5). Written by the demo, read by `kakehashi ask` and by foreign
//! clients; docs/client-json.md describes it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The whole file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClientFile {
    /// For people.
    pub about: String,
    /// Version of this layout.
    pub version: u32,
    /// What travels where: transaction, action, path.
    pub transactions: Vec<TransactionEntry>,
    /// Codes of assertions.
    pub codes: Codes,
    /// The networks.
    pub communities: Vec<CommunityEntry>,
    /// The doors, by side and then by who asks: `portal`, `gateway`.
    pub sides: BTreeMap<String, Doors>,
}

/// One transaction.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TransactionEntry {
    /// `ITI-55`.
    pub name: String,
    /// Key in `endpoints`.
    pub endpoint: String,
    /// wsa:Action of the request.
    pub action: String,
    /// Body element of the request.
    pub request: String,
}

/// Coded values of assertions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Codes {
    /// Roles.
    pub roles: Vec<CodeEntry>,
    /// Purposes of use.
    pub purposes: Vec<CodeEntry>,
}

/// One coded value.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CodeEntry {
    /// The word `kakehashi ask` takes.
    pub word: String,
    /// @code.
    pub code: String,
    /// @codeSystem, a bare OID.
    pub system: String,
    /// @displayName.
    pub display: String,
}

/// One network.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CommunityEntry {
    /// Key in `sides`.
    pub side: String,
    /// For people.
    pub name: String,
    /// homeCommunityId, `urn:oid:...`.
    pub community: String,
    /// Authorities of its patient ids, bare OIDs; the first is the network's own.
    pub authorities: Vec<String>,
}

/// The two doors of one broker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Doors {
    /// As the side's own portal.
    pub portal: Door,
    /// As the gateway of the other side.
    pub gateway: Door,
    /// Admin pages (plain HTTP): `/metrics`, `/readyz`.
    pub admin: String,
}

/// One way in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Door {
    /// For people.
    pub about: String,
    /// URLs.
    pub endpoints: EndpointUrls,
    /// Client certificate and whom to trust.
    pub tls: TlsFiles,
    /// How to vouch.
    pub saml: SamlEntry,
    /// Who asks.
    pub asker: Asker,
    /// homeCommunityId of the broker behind the door.
    pub receiver: String,
    /// Its device OID.
    pub receiver_device: String,
    /// Persons and documents to try.
    pub examples: Examples,
}

/// URLs by transaction.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EndpointUrls {
    /// ITI-55.
    pub patient_discovery: String,
    /// ITI-38.
    pub document_query: String,
    /// ITI-39.
    pub document_retrieve: String,
    /// ITI-45; a portal's only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient_ids: Option<String>,
    /// ITI-47 and its continuations; a portal's only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient_demographics: Option<String>,
    /// ITI-18; a portal's only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// ITI-43; a portal's only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
}

/// PEM files; relative ones start at the folder of client.json.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TlsFiles {
    /// Who signs the server's certificate.
    pub ca: PathBuf,
    /// Its revocation list.
    pub crl: PathBuf,
    /// Our client certificate.
    pub certificate: PathBuf,
    /// Its key, PKCS#8.
    pub key: PathBuf,
}

/// How assertions are made out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SamlEntry {
    /// saml:Issuer.
    pub issuer: String,
    /// saml:Audience.
    pub audience: String,
    /// Signing certificate.
    pub certificate: PathBuf,
    /// Its key, PKCS#8, P-256.
    pub key: PathBuf,
}

/// Who asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Asker {
    /// homeCommunityId, `urn:oid:...`.
    pub community: String,
    /// Device OID of the sender.
    pub device: String,
    /// Authority of its patient ids.
    pub authority: String,
    /// organization-id, a bare OID.
    pub organization_id: String,
    /// organization.
    pub organization: String,
    /// Persons by role word.
    pub persons: BTreeMap<String, PersonEntry>,
}

/// A professional.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PersonEntry {
    /// NameID.
    pub id: String,
    /// subject-id.
    pub name: String,
}

/// What to try.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Examples {
    /// Is found; has documents.
    #[serde(rename = "match")]
    pub matches: Example,
    /// Exists and is answered like nobody; its document exists and is refused like none.
    pub withheld: Example,
    /// Exists nowhere; nor does its document.
    pub unknown: Example,
}

/// A patient and a document.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Example {
    /// Family name, kanji.
    pub family: String,
    /// Given name, kanji.
    pub given: String,
    /// Family name, kana.
    pub family_kana: String,
    /// Given name, kana.
    pub given_kana: String,
    /// `YYYYMMDD`.
    pub birth: String,
    /// M or F.
    pub sex: String,
    /// Postcode.
    pub postal: String,
    /// Address.
    pub address: String,
    /// Telephone.
    pub phone: String,
    /// CX `id^^^&oid&ISO` to list documents of.
    pub patient: Option<String>,
    /// A document, once the demo has run.
    pub document: Option<DocumentRef>,
}

/// A document as ITI-39 names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentRef {
    /// homeCommunityId.
    pub home: String,
    /// repositoryUniqueId.
    pub repository: String,
    /// XDSDocumentEntry.uniqueId.
    pub unique: String,
    /// What it is, for people.
    pub title: String,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ClientFileError {
    /// It is not there, or not readable.
    #[error("{0}: cannot be read: {1}; `kakehashi demo --keep` writes one")]
    Unreadable(String, std::io::Error),
    /// It is no such file.
    #[error("{0}: not a client.json of this version: {1}")]
    Malformed(String, serde_json::Error),
    /// It cannot be written.
    #[error("{0}: cannot be written: {1}")]
    Unwritable(String, std::io::Error),
}

impl ClientFile {
    /// Reads one; its paths become absolute.
    ///
    /// # Errors
    /// Unreadable or malformed.
    pub fn read(path: &Path) -> Result<Self, ClientFileError> {
        let shown = || path.display().to_string();
        let bytes = std::fs::read(path).map_err(|e| ClientFileError::Unreadable(shown(), e))?;
        let mut file: Self =
            serde_json::from_slice(&bytes).map_err(|e| ClientFileError::Malformed(shown(), e))?;
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        for door in file.sides.values_mut().flat_map(|doors| [&mut doors.portal, &mut doors.gateway]) {
            let TlsFiles { ca, crl, certificate, key } = &mut door.tls;
            for name in [ca, crl, certificate, key, &mut door.saml.certificate, &mut door.saml.key] {
                *name = folder.join(&*name);
            }
        }
        Ok(file)
    }

    /// Writes it; a reader sees the old file or the new one, never half of it.
    ///
    /// # Errors
    /// Unwritable.
    pub fn write(&self, path: &Path) -> Result<(), ClientFileError> {
        let failed = |e: std::io::Error| ClientFileError::Unwritable(path.display().to_string(), e);
        let text = serde_json::to_string_pretty(self).map_err(|e| failed(e.into()))?;
        let part = path.with_extension("json.part");
        std::fs::write(&part, text + "\n").map_err(failed)?;
        std::fs::rename(&part, path).map_err(failed)
    }
}
