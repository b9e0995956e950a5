//! DocumentEntry to ExtrinsicObject (ITI TF-3 4.2.3.2; wire.md 16.1, 24.13): a received one spliced,
//! one of our own written whole, with ids that follow from its entryUUID.

use uuid::Uuid;

use super::splice::{Changes, splice};
use super::vocabulary::{
    CLASSIFICATION, EXTERNAL_IDENTIFIER, REFERENCE_ID_LIST, STABLE, availability_urn, scheme,
};
use crate::model::{Author, Code, DocumentEntry, Encoded, EntryMetadata, Malformed};
use crate::xml::Writer;

/// The entry for an answer of ours: with its home, and with the patient id it carries in the model
/// (decisions A6). The prefix `rim` must be declared around it.
///
/// # Errors
/// As [`splice`].
pub fn encode(entry: &DocumentEntry) -> Result<String, Malformed> {
    let home = entry.id.community.to_string();
    match &entry.encoded {
        Encoded::Ebxml(wire) => {
            let patient = entry.patient.cx();
            splice(wire, Changes { attributes: &[("home", &home)], patient: Some(patient.reveal()) })
        }
        Encoded::Metadata(metadata) => Ok(Building::new(entry).write(entry, metadata, &home)),
    }
}

struct Building {
    w: Writer,
    id: String,
    namespace: Uuid,
}

impl Building {
    fn new(entry: &DocumentEntry) -> Self {
        let given = entry.object.0.reveal().trim();
        let bare = given.to_ascii_lowercase();
        let bare = bare.strip_prefix("urn:uuid:").unwrap_or(&bare);
        let namespace =
            Uuid::try_parse(bare).unwrap_or_else(|_| Uuid::new_v5(&Uuid::NAMESPACE_OID, bare.as_bytes()));
        Self { w: Writer::new(), id: given.to_owned(), namespace }
    }

    fn write(mut self, entry: &DocumentEntry, metadata: &EntryMetadata, home: &str) -> String {
        self.w
            .start("rim:ExtrinsicObject")
            .attribute("id", &self.id)
            .attribute("home", home)
            .attribute("mimeType", &entry.media_type)
            .attribute("objectType", STABLE)
            .attribute("status", &availability_urn(entry.availability))
            .attribute("isOpaque", "false");
        let size = entry.size.map(|size| size.to_string());
        let source_patient = metadata.source_patient.cx();
        self.slot("creationTime", [metadata.creation.as_str()]);
        self.slot("hash", entry.hash.as_deref());
        self.slot("languageCode", [metadata.language.as_str()]);
        self.slot(REFERENCE_ID_LIST, metadata.references.iter().map(|id| id.reveal().as_str()));
        self.slot("repositoryUniqueId", [entry.id.repository.0.as_str()]);
        self.slot("serviceStartTime", metadata.service_start.as_ref().map(|time| time.as_str()));
        self.slot("serviceStopTime", metadata.service_stop.as_ref().map(|time| time.as_str()));
        self.slot("size", size.as_deref());
        self.slot("sourcePatientId", [source_patient.reveal().as_str()]);
        let title: String = metadata.title.chars().take(TITLE_CHARS_MAX).collect();
        self.w
            .start("rim:Name")
            .start("rim:LocalizedString")
            .attribute("xml:lang", &metadata.language)
            .attribute("charset", "UTF-8")
            .attribute("value", &title)
            .end()
            .end();
        for (n, author) in metadata.authors.iter().enumerate() {
            self.author(author, n);
        }
        self.code(scheme::CLASS, &entry.class, 0);
        for (n, code) in entry.confidentiality.iter().enumerate() {
            self.code(scheme::CONFIDENTIALITY, code, n);
        }
        for (n, code) in metadata.event_codes.iter().enumerate() {
            self.code(scheme::EVENT, code, n);
        }
        self.code(scheme::FORMAT, &entry.format, 0);
        self.code(scheme::FACILITY_TYPE, &metadata.facility_type, 0);
        self.code(scheme::PRACTICE_SETTING, &metadata.practice_setting, 0);
        self.code(scheme::TYPE, &entry.type_code, 0);
        self.identifier(scheme::PATIENT, entry.patient.cx().reveal(), "XDSDocumentEntry.patientId");
        self.identifier(scheme::UNIQUE, entry.id.unique.reveal(), "XDSDocumentEntry.uniqueId");
        self.w.finish()
    }

    fn inner_id(&self, scheme: &str, n: usize) -> String {
        Uuid::new_v5(&self.namespace, format!("{scheme}#{n}").as_bytes()).urn().to_string()
    }

    fn slot<'t>(&mut self, name: &str, values: impl IntoIterator<Item = &'t str>) {
        let mut values = values.into_iter().filter(|value| !value.is_empty()).peekable();
        if values.peek().is_none() {
            return;
        }
        self.w.start("rim:Slot").attribute("name", name).start("rim:ValueList");
        for value in values {
            self.w.leaf("rim:Value", value);
        }
        self.w.end().end();
    }

    fn classification(&mut self, scheme: &str, node: &str, n: usize) {
        let id = self.inner_id(scheme, n);
        self.w
            .start("rim:Classification")
            .attribute("id", &id)
            .attribute("classificationScheme", scheme)
            .attribute("classifiedObject", &self.id)
            .attribute("nodeRepresentation", node)
            .attribute("objectType", CLASSIFICATION);
    }

    fn author(&mut self, author: &Author, n: usize) {
        self.classification(scheme::AUTHOR, "", n);
        self.slot("authorInstitution", [author.institution.as_str()]);
        self.slot("authorPerson", [author.person.as_str()]);
        self.slot("authorRole", [author.role.as_str()]);
        self.slot("authorSpecialty", [author.specialty.as_str()]);
        self.w.end();
    }

    fn code(&mut self, scheme: &str, code: &Code, n: usize) {
        self.classification(scheme, &code.value, n);
        self.slot("codingScheme", [code.system.as_str()]);
        let display = if code.display.is_empty() { &code.value } else { &code.display };
        self.name(display);
        self.w.end();
    }

    fn identifier(&mut self, scheme: &str, value: &str, name: &str) {
        let id = self.inner_id(scheme, 0);
        self.w
            .start("rim:ExternalIdentifier")
            .attribute("id", &id)
            .attribute("registryObject", &self.id)
            .attribute("identificationScheme", scheme)
            .attribute("value", value)
            .attribute("objectType", EXTERNAL_IDENTIFIER);
        self.name(name);
        self.w.end();
    }

    fn name(&mut self, value: &str) {
        self.w.start("rim:Name").start("rim:LocalizedString").attribute("value", value).end().end();
    }
}

// A longer one is refused by readers (wire.md 16.1).
const TITLE_CHARS_MAX: usize = 128;
