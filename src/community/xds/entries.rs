//! What a registry shows. A source's entries become our own: under our home, with the origin that
//! policies decide on, and toward another network built anew, so that nothing passes that nobody has
//! looked at. What cannot be told is not shown.

use std::sync::Arc;

use super::network::Xds;
use super::numbers::tells;
use crate::dialect::ebxml::{EntryView, association_anew, may_tell_authors, metadata, package_anew};
use crate::model::{
    Answer, Code, DocumentEntry, Encoded, EntryMetadata, ObjectId, Origin, RegistryObject, Side,
};

/// confidentialityCode of HL7.
const CONFIDENTIALITY: &str = "2.16.840.1.113883.5.25";
/// Its codes up to normal; those beyond are for policies to tell apart.
const UNRESTRICTED: [&str; 4] = ["U", "L", "M", "N"];
const RESTRICTED: [&str; 2] = ["R", "V"];

impl Xds {
    /// The objects of an answer, as the community of the file shows them.
    pub(super) fn taken(&self, asked_from: Side, answer: Answer<RegistryObject>) -> Answer<RegistryObject> {
        let all = answer.found.len();
        let mut answer = answer.filter_map(|object| self.object(asked_from, object));
        answer.set_aside += all - answer.found.len();
        self.told(asked_from, &mut answer.reported);
        answer
    }

    fn object(&self, asked_from: Side, object: RegistryObject) -> Option<RegistryObject> {
        match object {
            RegistryObject::Entry(mut entry) => {
                entry.id.community = self.descriptor.community.clone();
                if !self.is_source() {
                    return Some(RegistryObject::Entry(entry));
                }
                self.own(asked_from, entry).map(RegistryObject::Entry)
            }
            RegistryObject::Package(mut package) => {
                let is_own =
                    !self.is_source() || self.descriptor.authorities.contains(&package.patient.authority);
                package.community = self.descriptor.community.clone();
                let number = package.patient.value.clone();
                let package = match self.is_source() && asked_from == Side::Peer {
                    true => package_anew(&package, &|text| !tells(text, number.reveal())),
                    false => Some(package),
                };
                package.filter(|_| is_own).map(RegistryObject::Package)
            }
            RegistryObject::Association(mut association) => {
                association.community = self.descriptor.community.clone();
                let association = match self.is_source() && asked_from == Side::Peer {
                    true => association_anew(&association, &is_uuid),
                    false => Some(association),
                };
                association.map(RegistryObject::Association)
            }
        }
    }

    /// An entry of a source of ours; None where it is none of its own, or must not be shown.
    fn own(&self, asked_from: Side, mut entry: DocumentEntry) -> Option<DocumentEntry> {
        let is_own = self.descriptor.authorities.contains(&entry.patient.authority)
            && self.repository(&entry.id).is_some();
        let kind = self.config.kind_of(&entry);
        let is_off = kind.as_ref().is_some_and(|kind| self.config.kinds_off.contains(kind));
        if !is_own || is_off {
            return None;
        }
        let view = metadata(&entry).ok()?;
        let format = entry.format.value.as_str();
        let is_rendition = self.config.renditions.contains(format);
        let is_original = !is_rendition
            && ((format.starts_with("urn:jami:ssmix2:") && !format.ends_with(":html"))
                || entry.media_type.to_ascii_lowercase().starts_with("application/hl7-v2"));
        let department = Some(view.practice_setting.value.trim()).filter(|code| !code.is_empty());
        entry.origin = Some(Box::new(Origin {
            facility: self.descriptor.facility.clone()?,
            department: department.unwrap_or("-").to_owned(),
            kind: kind.clone().unwrap_or_default(),
            patient: entry.patient.clone(),
            original: is_original,
            as_is: !is_rendition && !is_original,
        }));
        self.restrict(&mut entry, &view);
        match asked_from {
            Side::Home => Some(entry),
            // Its bytes may show number, address and insurance: the site's file has to agree too.
            Side::Peer if !is_rendition && !is_original && !self.config.leaves_as_is => None,
            Side::Peer => built_anew(entry, view, kind.is_some()),
        }
    }

    // An entry that says nothing of its confidentiality, or in words that nobody here knows, is held
    // back like one that is confidential.
    fn restrict(&self, entry: &mut DocumentEntry, view: &EntryView) {
        let code = |code: &Code| code.value.trim().to_ascii_uppercase();
        let is_hl7 = |known: &Code| known.system.trim().trim_start_matches("urn:oid:") == CONFIDENTIALITY;
        let is_known = |known: &Code| is_hl7(known) && UNRESTRICTED.contains(&code(known).as_str());
        let department = view.practice_setting.value.trim();
        let restricted = &self.config.restricted_departments;
        let is_in = restricted.iter().any(|of| department.starts_with(of.as_str()));
        let is_unknown = entry.confidentiality.is_empty() || !entry.confidentiality.iter().all(is_known);
        let is_told = entry.confidentiality.iter().any(|known| RESTRICTED.contains(&known.value.as_str()));
        if (is_in || is_unknown) && !is_told {
            entry.confidentiality.push(Code::new("R", CONFIDENTIALITY, "restricted"));
        }
    }
}

// Of the bytes it came in nothing is kept: they show the hospital's number, in sourcePatientInfo
// address and telephone, and whatever else the hospital has put there. One without kind, or whose ids
// tell the number, does not leave; nor does one that is made when it is fetched.
fn built_anew(entry: DocumentEntry, view: EntryView, has_kind: bool) -> Option<DocumentEntry> {
    let origin = entry.origin.as_ref()?;
    // A registry may know the patient by an id of its own, and say the hospital's beside it.
    let source = view.source_patient.as_ref();
    let numbers = || std::iter::once(&origin.patient).chain(source).map(|id| id.value.reveal());
    let ids = [entry.id.unique.reveal(), entry.object.0.reveal()];
    if !has_kind || numbers().any(|number| ids.into_iter().any(|id| tells(id, number))) {
        return None;
    }
    if entry.hash.is_none() || entry.size.is_none_or(|size| size == 0) {
        return None;
    }
    let is_untold = |text: &str| !numbers().any(|number| tells(text, number));
    // A query may ask by them: that the entry is found would tell the number.
    if !may_tell_authors(&view.authors, &is_untold) {
        return None;
    }
    let metadata = EntryMetadata {
        title: Some(view.title)
            .filter(|title| is_untold(title))
            .unwrap_or_else(|| entry.type_code.display.to_string()),
        creation: view.creation?,
        service_start: view.service_start,
        service_stop: view.service_stop,
        language: Some(view.language).filter(|given| !given.is_empty()).unwrap_or_else(|| "ja-JP".to_owned()),
        source_patient: entry.patient.clone(),
        facility_type: view.facility_type,
        practice_setting: view.practice_setting,
        event_codes: view.event_codes,
        authors: view.authors,
        references: view.references.iter().filter(|id| is_untold(own_part(id.reveal()))).cloned().collect(),
    };
    Some(DocumentEntry { encoded: Encoded::Metadata(Arc::new(metadata)), ..entry })
}

// An association does not say whose it is: an id of another shape might tell the number.
fn is_uuid(id: &ObjectId) -> bool {
    let bare = id.0.reveal().trim().to_ascii_lowercase();
    bare.strip_prefix("urn:uuid:").is_some_and(|bare| uuid::Uuid::try_parse(bare).is_ok())
}

// Of a reference (CXi) what identifies, without the authority's OID.
fn own_part(reference: &str) -> &str {
    reference.split('^').next().unwrap_or_default()
}
