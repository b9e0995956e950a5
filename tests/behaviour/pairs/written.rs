//! The table as a registry keeps it: ebXML, written here by hand in spellings of its own, so that what
//! the broker's writer leaves out cannot be missing on both sides.

use std::fmt::Write as _;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use kakehashi::model::{
    Association, Availability, Code, CommunityId, DocumentEntry, DocumentId, Encoded, EntryFields,
    PackageKind, PatientId, Phi, RegistryObject, RepositoryId, WireBytes,
};

use super::table::{Author, Coded, DOCUMENTS, Document, Joined, PACKAGES, Package, Slot, associations};
use crate::simulators::client::{oid, patient};
use crate::simulators::network::Place;
use crate::simulators::registry::{Holdings, id};

const RIM: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0";
const TYPES: &str = "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject";

/// Who holds the documents, and under which ids.
#[derive(Clone)]
pub struct Holder {
    pub place: Place,
    /// The OID below which its patients, documents and its repository are.
    pub organization: &'static str,
    pub number: &'static str,
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\n', "&#10;").replace('\t', "&#9;")
}

fn slot(xml: &mut String, name: &str, values: &[&str]) {
    if values.iter().all(|value| value.is_empty()) {
        return;
    }
    write!(xml, "<rim:Slot name=\"{name}\"><rim:ValueList>").unwrap();
    values.iter().for_each(|value| write!(xml, "<rim:Value>{}</rim:Value>", escaped(value)).unwrap());
    xml.push_str("</rim:ValueList></rim:Slot>");
}

fn slots(xml: &mut String, more: &[Slot]) {
    more.iter().for_each(|(name, values)| slot(xml, name, values));
}

fn words(xml: &mut String, element: &str, language: &str, text: &str) {
    if !text.is_empty() {
        let (language, text) = (escaped(language), escaped(text));
        write!(
            xml,
            "<rim:{element}><rim:LocalizedString charset=\"UTF-8\" xml:lang=\"{language}\" value=\"{text}\"/></rim:{element}>"
        )
        .unwrap();
    }
}

/// What stands in an object beside its slots, each with an id of its own.
struct Inner<'x> {
    xml: &'x mut String,
    this: String,
    count: u32,
}

impl Inner<'_> {
    fn id(&mut self) -> String {
        self.count += 1;
        format!("{}-{}", self.this, self.count)
    }

    fn code(&mut self, scheme: &str, (code, system, display): &Coded) {
        let (id, this) = (self.id(), &self.this);
        write!(
            self.xml,
            "<rim:Classification id=\"{id}\" classificationScheme=\"{scheme}\" classifiedObject=\"{this}\" \
             nodeRepresentation=\"{}\" objectType=\"{TYPES}:Classification\">",
            escaped(code)
        )
        .unwrap();
        slot(self.xml, "codingScheme", &[system]);
        words(self.xml, "Name", "ja-JP", display);
        self.xml.push_str("</rim:Classification>");
    }

    fn author(&mut self, scheme: &str, author: &Author) {
        let (id, this) = (self.id(), &self.this);
        write!(
            self.xml,
            "<rim:Classification id=\"{id}\" classificationScheme=\"{scheme}\" classifiedObject=\"{this}\" \
             nodeRepresentation=\"\" objectType=\"{TYPES}:Classification\">"
        )
        .unwrap();
        slot(self.xml, "authorPerson", author.persons);
        slot(self.xml, "authorInstitution", author.institutions);
        slot(self.xml, "authorRole", author.roles);
        slot(self.xml, "authorSpecialty", author.specialties);
        slot(self.xml, "authorTelecommunication", author.telecom);
        self.xml.push_str("</rim:Classification>");
    }

    fn identifier(&mut self, scheme: &str, name: &str, value: &str) {
        let (id, this) = (self.id(), &self.this);
        write!(
            self.xml,
            "<rim:ExternalIdentifier id=\"{id}\" registryObject=\"{this}\" identificationScheme=\"{scheme}\" \
             value=\"{}\" objectType=\"{TYPES}:ExternalIdentifier\">",
            escaped(value)
        )
        .unwrap();
        words(self.xml, "Name", "en", name);
        self.xml.push_str("</rim:ExternalIdentifier>");
    }
}

/// As entries say it.
pub fn hash(content: &[u8]) -> String {
    hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, content))
}

const fn status(is_deprecated: bool) -> (Availability, &'static str) {
    match is_deprecated {
        true => (Availability::Deprecated, "urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated"),
        false => (Availability::Approved, "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"),
    }
}

fn wire(xml: String) -> WireBytes {
    WireBytes {
        text: Phi::new(xml.into()),
        namespaces: Arc::from([("rim".to_owned(), RIM.to_owned())]),
        places: None,
    }
}

fn code((code, system, display): &Coded) -> Code {
    Code::new(*code, *system, *display)
}

impl Holder {
    pub fn patient(&self) -> PatientId {
        patient(&format!("{}.1", self.organization), self.number)
    }

    pub fn home(&self) -> CommunityId {
        CommunityId(oid(self.place.community))
    }

    pub fn repository(&self) -> String {
        format!("{}.9", self.organization)
    }

    /// All of it, as a registry that answers honestly.
    pub fn holdings(&self) -> Holdings {
        let mut holdings = Holdings::new(self.place, self.patient());
        let documents = DOCUMENTS.iter().map(|document| RegistryObject::Entry(self.entry(document)));
        let packages = PACKAGES.iter().map(|package| self.package(package));
        let joined = associations();
        let joined = joined.iter().map(|joined| self.association(joined));
        holdings.objects = documents.chain(packages).chain(joined).collect();
        holdings
    }

    pub fn entry(&self, document: &Document) -> DocumentEntry {
        let content = document.content();
        let hash = (!document.is_on_demand).then(|| hash(content));
        let size = (!document.is_on_demand).then_some(content.len() as u64);
        let fields = EntryFields {
            id: DocumentId {
                community: self.home(),
                repository: RepositoryId(oid(&self.repository())),
                unique: Phi::new(document.unique(self.organization)),
            },
            object: id(document.number),
            patient: self.patient(),
            class: code(&document.class),
            type_code: code(&document.type_code),
            format: code(&document.format),
            confidentiality: document.confidentiality.iter().map(code).collect(),
            availability: status(document.is_deprecated).0,
            media_type: document.media_type.into(),
            hash: hash.as_deref().map(Into::into),
            size,
            origin: None,
        };
        let wire = wire(self.extrinsic_object(document, hash.as_deref(), size));
        DocumentEntry::new(fields, Encoded::Ebxml(wire))
    }

    fn extrinsic_object(&self, document: &Document, hash: Option<&str>, size: Option<u64>) -> String {
        let this = id(document.number).0.reveal().clone();
        let sort = if document.is_on_demand {
            "urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248"
        } else {
            "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1"
        };
        let (media, status) = (document.media_type, status(document.is_deprecated).1);
        let mut xml = format!(
            "<rim:ExtrinsicObject id=\"{this}\" lid=\"{this}\" mimeType=\"{media}\" objectType=\"{sort}\" \
             status=\"{status}\" isOpaque=\"false\">"
        );
        let cx = self.patient().cx().reveal().clone();
        let mut person = vec![format!("PID-3|{cx}")];
        person.extend(document.person.iter().map(|line| (*line).to_owned()));
        let person: Vec<&str> = person.iter().map(String::as_str).collect();
        slot(&mut xml, "creationTime", &[document.creation]);
        slot(&mut xml, "serviceStartTime", &[document.start]);
        slot(&mut xml, "serviceStopTime", &[document.stop]);
        slot(&mut xml, "languageCode", &[document.language]);
        slot(&mut xml, "sourcePatientId", &[&cx]);
        slot(&mut xml, "sourcePatientInfo", if document.person.is_empty() { &[] } else { &person });
        slot(&mut xml, "legalAuthenticator", &[document.legal]);
        slot(&mut xml, "repositoryUniqueId", &[&self.repository()]);
        slot(&mut xml, "hash", hash.as_slice());
        slot(&mut xml, "size", size.map(|size| size.to_string()).as_deref().as_slice());
        slot(&mut xml, "urn:ihe:iti:xds:2013:referenceIdList", document.references);
        slots(&mut xml, document.more);
        words(&mut xml, "Name", document.title_language, document.title);
        words(&mut xml, "Description", "ja-JP", document.comments);
        if !document.version.is_empty() {
            write!(xml, "<rim:VersionInfo versionName=\"{}\"/>", document.version).unwrap();
        }
        let mut inner = Inner { xml: &mut xml, this, count: 0 };
        for author in document.authors {
            inner.author("urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d", author);
        }
        inner.code("urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a", &document.class);
        for code in document.confidentiality {
            inner.code("urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f", code);
        }
        for code in document.events {
            inner.code("urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4", code);
        }
        inner.code("urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d", &document.format);
        inner.code("urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1", &document.facility);
        inner.code("urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead", &document.practice);
        inner.code("urn:uuid:f0306f51-975f-434e-a61c-c59651d33983", &document.type_code);
        let scheme = "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427";
        inner.identifier(scheme, "XDSDocumentEntry.patientId", &cx);
        let scheme = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab";
        inner.identifier(scheme, "XDSDocumentEntry.uniqueId", &document.unique(self.organization));
        xml.push_str("</rim:ExtrinsicObject>");
        xml
    }

    fn package(&self, package: &Package) -> RegistryObject {
        let (kind, word, node, codes, patient, unique, time) = if package.is_folder {
            (
                PackageKind::Folder,
                "XDSFolder",
                "urn:uuid:d9d542f3-6cc4-48b6-8870-ea235fbc94c2",
                "urn:uuid:1ba97051-7806-41a8-a48b-8fce7af683c5",
                "urn:uuid:f64ffdf0-4b97-4e06-b79f-a52b38ec2f8a",
                "urn:uuid:75df8f67-9973-4fbe-a900-df66cefecc5a",
                "lastUpdateTime",
            )
        } else {
            (
                PackageKind::SubmissionSet,
                "XDSSubmissionSet",
                "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd",
                "urn:uuid:aa543740-bdda-424e-8c96-df4873be8500",
                "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446",
                "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8",
                "submissionTime",
            )
        };
        let this = id(package.number).0.reveal().clone();
        let (availability, status) = status(package.is_deprecated);
        let mut xml = format!(
            "<rim:RegistryPackage id=\"{this}\" lid=\"{this}\" status=\"{status}\" \
             objectType=\"{TYPES}:RegistryPackage\">"
        );
        slot(&mut xml, time, &[package.time]);
        slot(&mut xml, "intendedRecipient", package.recipients);
        slots(&mut xml, package.more);
        words(&mut xml, "Name", "ja-JP", package.title);
        words(&mut xml, "Description", "ja-JP", package.comments);
        let mut inner = Inner { xml: &mut xml, this: this.clone(), count: 0 };
        let own = inner.id();
        write!(
            inner.xml,
            "<rim:Classification id=\"{own}\" classifiedObject=\"{this}\" classificationNode=\"{node}\" \
             objectType=\"{TYPES}:Classification\"/>"
        )
        .unwrap();
        for author in package.authors {
            inner.author("urn:uuid:a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d", author);
        }
        package.codes.iter().for_each(|code| inner.code(codes, code));
        let unique_id = format!("{}.8.{}", self.organization, package.number);
        inner.identifier(patient, &format!("{word}.patientId"), self.patient().cx().reveal());
        inner.identifier(unique, &format!("{word}.uniqueId"), &unique_id);
        if !package.is_folder {
            let scheme = "urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832";
            inner.identifier(scheme, "XDSSubmissionSet.sourceId", "2.999.8.80");
        }
        xml.push_str("</rim:RegistryPackage>");
        RegistryObject::Package(kakehashi::model::Package {
            kind,
            community: self.home(),
            object: id(package.number),
            unique: Phi::new(unique_id),
            patient: self.patient(),
            availability,
            classification: None,
            encoded: wire(xml),
        })
    }

    fn association(&self, joined: &Joined) -> RegistryObject {
        let (object, source, target) = (id(joined.number), id(joined.source), id(joined.target));
        let this = object.0.reveal().clone();
        let mut xml = format!(
            "<rim:Association id=\"{this}\" lid=\"{this}\" associationType=\"{}\" sourceObject=\"{}\" \
             targetObject=\"{}\" objectType=\"{TYPES}:Association\" \
             status=\"urn:oasis:names:tc:ebxml-regrep:StatusType:Approved\">",
            joined.kind,
            source.0.reveal(),
            target.0.reveal()
        );
        slots(&mut xml, joined.more);
        if let Some(code) = &joined.documentation {
            let mut inner = Inner { xml: &mut xml, this, count: 0 };
            inner.code("urn:uuid:abd807a3-4432-4053-87b4-fd82c643d1f3", code);
        }
        xml.push_str("</rim:Association>");
        RegistryObject::Association(Association {
            community: self.home(),
            object,
            kind: joined.kind.to_owned(),
            source,
            target,
            encoded: Some(wire(xml)),
        })
    }
}
