//! A document entry: the few fields that routing, policy and audit need, and either the bytes it
//! came in or the full metadata we built (ITI TF-3 4.2.3.2).

use std::ops::{Deref, DerefMut, Range};
use std::sync::Arc;

use smol_str::SmolStr;

use super::{Code, DocumentId, Dtm, ObjectId, PatientId, Phi, SharedText};

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
    /// Whether this is a document of the extension storage as it is (PDF, image, table): nobody can
    /// tell what it shows, and no rendition stands beside it.
    pub as_is: bool,
}

/// A document entry. Its fields are reached through it: `entry.patient`.
#[derive(Debug, Clone)]
pub struct DocumentEntry {
    /// What routing, policy and audit need. An answer and the cache of what was shown share them; who
    /// changes one changes a copy of his own.
    pub fields: Arc<EntryFields>,
    /// Everything else.
    pub encoded: Encoded,
}

/// The fields of a document entry that routing, policy and audit need.
#[derive(Debug, Clone)]
pub struct EntryFields {
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
    pub media_type: SmolStr,
    /// hash (SHA-1, 40 hex) and size in bytes; absent for on-demand entries.
    pub hash: Option<SmolStr>,
    /// Size in bytes.
    pub size: Option<u64>,
    /// Set for our own entries only.
    pub origin: Option<Box<Origin>>,
}

impl Deref for DocumentEntry {
    type Target = EntryFields;

    fn deref(&self) -> &EntryFields {
        &self.fields
    }
}

impl DerefMut for DocumentEntry {
    fn deref_mut(&mut self) -> &mut EntryFields {
        Arc::make_mut(&mut self.fields)
    }
}

/// The rest of an entry: as received, or built by us.
#[derive(Debug, Clone)]
pub enum Encoded {
    /// An ExtrinsicObject as it came.
    Ebxml(WireBytes),
    /// Built from our own storage.
    Metadata(Arc<EntryMetadata>),
}

impl Encoded {
    /// The metadata of an entry that we have built.
    pub const fn metadata(&self) -> Option<&Arc<EntryMetadata>> {
        match self {
            Self::Ebxml(_) => None,
            Self::Metadata(metadata) => Some(metadata),
        }
    }
}

/// A slice of a received message with the namespaces that were in scope there.
#[derive(Debug, Clone)]
pub struct WireBytes {
    /// The element, from `<` to `>`.
    pub text: Phi<SharedText>,
    /// Prefix (empty for the default) and URI, those declared outside the slice.
    pub namespaces: Arc<[(String, String)]>,
    /// Where stands what may have to be changed; None where nobody has looked.
    pub places: Option<WirePlaces>,
}

/// Where in the bytes of an entry stands what an answer of ours changes. Whoever made it has read the
/// whole element and found every element in it where ebXML has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WirePlaces {
    /// Behind the element's name.
    pub after_name: usize,
    /// The value of @home, in double quotes.
    pub home: Range<usize>,
    /// The value of the one patient identifier, in double quotes.
    pub patient: Range<usize>,
    /// By bit: which of the outer namespaces the element uses and does not declare itself.
    pub declares: u64,
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
    /// An entry of these.
    pub fn new(fields: EntryFields, encoded: Encoded) -> Self {
        Self { fields: Arc::new(fields), encoded }
    }

    /// An entry of these without the bytes it came in.
    pub fn without_wire(fields: Arc<EntryFields>, metadata: Option<Arc<EntryMetadata>>) -> Self {
        let nothing = || WireBytes { text: Phi::default(), namespaces: Arc::default(), places: None };
        let encoded = metadata.map_or_else(|| Encoded::Ebxml(nothing()), Encoded::Metadata);
        Self { fields, encoded }
    }

    /// The entry with some of its fields changed.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut EntryFields)) -> Self {
        change(&mut self);
        self
    }

    /// The entry under another patient id: the one that was asked for (decisions A6), and the one to
    /// show as sourcePatientId where we built the entry ourselves. With that, nothing of the entry's
    /// words may carry the hospital's number any more: some hospitals make order and accession numbers
    /// of it (decisions A1). Bytes that a registry sent may show anything: under another
    /// sourcePatientId nothing is left of them.
    #[must_use]
    pub fn readdressed(&self, patient: PatientId, source_patient: Option<PatientId>) -> Self {
        let encoded = match (&self.encoded, source_patient) {
            (Encoded::Ebxml(_), Some(_)) => {
                let bare = Self::without_wire(Arc::clone(&self.fields), None);
                return bare.with(|fields| fields.patient = patient);
            }
            (Encoded::Metadata(metadata), Some(source_patient)) => {
                let mut metadata = EntryMetadata { source_patient, ..(**metadata).clone() };
                if let Some(origin) = &self.origin {
                    let number = origin.patient.value.reveal().as_str();
                    metadata.references.retain(|reference| !carries(reference.reveal(), number));
                    if carries(&metadata.title, number) {
                        self.type_code.display.as_str().clone_into(&mut metadata.title);
                    }
                }
                Encoded::Metadata(Arc::new(metadata))
            }
            (encoded, _) => encoded.clone(),
        };
        Self { fields: Arc::clone(&self.fields), encoded }.with(|fields| fields.patient = patient)
    }
}

/// Whether a hospital's number stands in a text, also without the zeros in front of it.
fn carries(text: &str, number: &str) -> bool {
    let bare = number.trim().trim_start_matches('0');
    let sought = if bare.len() < BARE_MIN { number.trim() } else { bare };
    !sought.is_empty() && text.to_ascii_uppercase().contains(&sought.to_ascii_uppercase())
}

/// Fewer characters are met by chance: there the zeros in front count.
const BARE_MIN: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_without_its_zeros_and_a_short_one_only_as_it_stands() {
        for text in ["ORD0000012345", "2.25.12345.7", "x12345^^^&2.999&ISO"] {
            assert!(carries(text, "0000012345"), "{text}");
        }
        assert!(!carries("ORD20240401", "0000012345"));
        assert!(carries("7-0000000012", "0000000012") && !carries("7-12", "0000000012"));
    }
}
