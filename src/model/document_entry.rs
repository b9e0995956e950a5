//! A document entry: the few fields that routing, policy and audit need, and either the bytes it
//! came in or the full metadata we built (ITI TF-3 4.2.3.2).

use std::sync::Arc;

use bytes::Bytes;

use super::{Code, DocumentId, Dtm, ObjectId, PatientId, Phi};

/// availabilityStatus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Availability {
    /// urn:oasis:names:tc:ebxml-regrep:StatusType:Approved.
    Approved,
    /// urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated.
    Deprecated,
}

/// Where an entry of our own community comes from: what policies decide on (decisions C6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// 10-digit facility code.
    pub facility: String,
    /// Department code of table 0069, `-` if none.
    pub department: String,
    /// SS-MIX2 data kind (`OML-11`) or the extension's standard document code (`18842-5`).
    pub kind: String,
    /// The hospital's number of the patient.
    pub patient: PatientId,
    /// Whether this is the original message, which shows number, address and insurance.
    pub original: bool,
}

/// A document entry.
#[derive(Debug, Clone)]
pub struct DocumentEntry {
    /// Home community, repository, unique id.
    pub id: DocumentId,
    /// entryUUID.
    pub object: ObjectId,
    /// Whose: at the end always the id that was asked for (decisions A6).
    pub patient: PatientId,
    /// classCode.
    pub class: Code,
    /// typeCode.
    pub type_code: Code,
    /// formatCode.
    pub format: Code,
    /// confidentialityCode.
    pub confidentiality: Vec<Code>,
    /// availabilityStatus.
    pub availability: Availability,
    /// mimeType.
    pub media_type: String,
    /// hash (SHA-1, 40 hex) and size in bytes; absent for on-demand entries.
    pub hash: Option<String>,
    /// Size in bytes.
    pub size: Option<u64>,
    /// Set for our own entries only.
    pub origin: Option<Origin>,
    /// Everything else.
    pub encoded: Encoded,
}

/// The rest of an entry: as received, or built by us.
#[derive(Debug, Clone)]
pub enum Encoded {
    /// An ExtrinsicObject as it came.
    Ebxml(WireBytes),
    /// Built from our own storage.
    Metadata(Arc<EntryMetadata>),
}

/// A slice of a received message with the namespaces that were in scope there.
#[derive(Debug, Clone)]
pub struct WireBytes {
    /// The element, from `<` to `>`, UTF-8.
    pub bytes: Phi<Bytes>,
    /// Prefix (empty for the default) and URI, those declared outside the slice.
    pub namespaces: Arc<[(String, String)]>,
}

/// An author: only the institution is promised by JAHIS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Author {
    /// XON `name^^^^^&oid&ISO^^^^id`.
    pub institution: String,
    /// XCN, may be empty.
    pub person: String,
    /// Department or speciality, may be empty.
    pub specialty: String,
    /// Role, may be empty.
    pub role: String,
}

/// The metadata of an entry we build ourselves, beyond the fields of [`DocumentEntry`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryMetadata {
    /// Title, at most 128 characters.
    pub title: String,
    /// creationTime, UTC.
    pub creation: Dtm,
    /// serviceStartTime, UTC.
    pub service_start: Option<Dtm>,
    /// serviceStopTime, UTC.
    pub service_stop: Option<Dtm>,
    /// BCP 47.
    pub language: String,
    /// sourcePatientId; the network id where the hospital number is not permitted.
    pub source_patient: PatientId,
    /// healthcareFacilityTypeCode.
    pub facility_type: Code,
    /// practiceSettingCode.
    pub practice_setting: Code,
    /// eventCodeList.
    pub event_codes: Vec<Code>,
    /// Authors.
    pub authors: Vec<Author>,
    /// referenceIdList, CXi values.
    pub references: Vec<Phi<String>>,
}

impl DocumentEntry {
    /// The entry under another patient id: the one that was asked for (decisions A6), and the one to
    /// show as sourcePatientId where we built the entry ourselves.
    #[must_use]
    pub fn readdressed(&self, patient: PatientId, source_patient: Option<PatientId>) -> Self {
        let encoded = match (&self.encoded, source_patient) {
            (Encoded::Metadata(metadata), Some(source_patient)) => {
                Encoded::Metadata(Arc::new(EntryMetadata { source_patient, ..(**metadata).clone() }))
            }
            (encoded, _) => encoded.clone(),
        };
        Self { patient, encoded, ..self.clone() }
    }
}
