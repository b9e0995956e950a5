//! DocumentEntry to ExtrinsicObject (ITI TF-3 4.2.3.2; wire.md 16.1, 24.13): a received one spliced,
//! one of our own written whole, with ids that follow from its entryUUID.

use super::building::Building;
use super::splice::{Changes, splice_into};
use super::vocabulary::{REFERENCE_ID_LIST, STABLE, availability_urn, scheme};
use crate::model::{CommunityId, DocumentEntry, Encoded, EntryMetadata, Malformed, PatientId, Phi};

/// One entry for an answer of ours.
#[cfg(test)]
pub fn encode(entry: &DocumentEntry) -> Result<String, Malformed> {
    let mut out = String::new();
    Addressed::of(entry).encode_into(&mut out, entry)?;
    Ok(out)
}

/// Home and patient as entries are written with them. Those of one answer have them in common.
pub struct Addressed {
    community: CommunityId,
    home: String,
    patient: PatientId,
    cx: Phi<String>,
}

impl Addressed {
    /// Those of this entry.
    pub fn of(entry: &DocumentEntry) -> Self {
        let (community, patient) = (entry.id.community.clone(), entry.patient.clone());
        Self { home: community.to_string(), cx: patient.cx(), community, patient }
    }

    /// The entry for an answer of ours: with its home, and with the patient id it carries in the model
    /// (decisions A6), written behind what stands in `out`; in case of an error nothing is. The prefix `rim`
    /// must be declared around it. Where home or patient are others than before, these are kept now.
    ///
    /// # Errors
    /// As [`super::splice::splice`].
    pub fn encode_into(&mut self, out: &mut String, entry: &DocumentEntry) -> Result<(), Malformed> {
        if self.community != entry.id.community || self.patient != entry.patient {
            *self = Self::of(entry);
        }
        match &entry.encoded {
            Encoded::Ebxml(wire) => {
                let changes =
                    Changes { attributes: &[("home", &self.home)], patient: Some(self.cx.reveal()) };
                splice_into(out, wire, changes)
            }
            Encoded::Metadata(metadata) => {
                out.push_str(&write(entry, metadata, &self.home));
                Ok(())
            }
        }
    }
}

fn write(entry: &DocumentEntry, metadata: &EntryMetadata, home: &str) -> String {
    let mut object = Building::new(&entry.object);
    let id = object.id.clone();
    object
        .w
        .start("rim:ExtrinsicObject")
        .attribute("id", &id)
        .attribute("home", home)
        .attribute("mimeType", &entry.media_type)
        .attribute("objectType", STABLE)
        .attribute("status", &availability_urn(entry.availability))
        .attribute("isOpaque", "false");
    let size = entry.size.map(|size| size.to_string());
    let source_patient = metadata.source_patient.cx();
    object.slot("creationTime", [metadata.creation.as_str()]);
    object.slot("hash", entry.hash.as_deref());
    object.slot("languageCode", [metadata.language.as_str()]);
    object.slot(REFERENCE_ID_LIST, metadata.references.iter().map(|id| id.reveal().as_str()));
    object.slot("repositoryUniqueId", [entry.id.repository.0.as_str()]);
    object.slot("serviceStartTime", metadata.service_start.as_ref().map(|time| time.as_str()));
    object.slot("serviceStopTime", metadata.service_stop.as_ref().map(|time| time.as_str()));
    object.slot("size", size.as_deref());
    object.slot("sourcePatientId", [source_patient.reveal().as_str()]);
    object.title(&metadata.title, Some(&metadata.language));
    for (n, author) in metadata.authors.iter().enumerate() {
        object.author(scheme::AUTHOR, author, n);
    }
    object.code(scheme::CLASS, &entry.class, 0);
    for (n, code) in entry.confidentiality.iter().enumerate() {
        object.code(scheme::CONFIDENTIALITY, code, n);
    }
    for (n, code) in metadata.event_codes.iter().enumerate() {
        object.code(scheme::EVENT, code, n);
    }
    object.code(scheme::FORMAT, &entry.format, 0);
    object.code(scheme::FACILITY_TYPE, &metadata.facility_type, 0);
    object.code(scheme::PRACTICE_SETTING, &metadata.practice_setting, 0);
    object.code(scheme::TYPE, &entry.type_code, 0);
    object.identifier(scheme::PATIENT, entry.patient.cx().reveal(), "XDSDocumentEntry.patientId");
    object.identifier(scheme::UNIQUE, entry.id.unique.reveal(), "XDSDocumentEntry.uniqueId");
    object.w.finish()
}
