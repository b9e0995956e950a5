//! The names of ebXML RegRep 3.0 and XDS metadata (wire.md 1, 12, 16): namespaces, URNs, schemes.

use crate::model::Availability;

/// ebXML query.
pub const QUERY: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0";
/// ebXML registry information model.
pub const RIM: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0";
/// ebXML registry service.
pub const RS: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0";
/// XDS.b documents.
pub const XDSB: &str = "urn:ihe:iti:xds-b:2007";
/// XOP.
pub const XOP: &str = "http://www.w3.org/2004/08/xop/include";

/// objectType of a stable entry.
pub const STABLE: &str = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1";
/// objectType of an on-demand entry.
pub const ON_DEMAND: &str = "urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248";

/// Before `Approved` and `Deprecated`.
pub const STATUS_TYPE: &str = "urn:oasis:names:tc:ebxml-regrep:StatusType:";
/// objectType of a classification.
pub const CLASSIFICATION: &str = "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:Classification";
/// objectType of an external identifier.
pub const EXTERNAL_IDENTIFIER: &str =
    "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:ExternalIdentifier";
/// objectType of an association.
pub const ASSOCIATION: &str = "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:Association";
/// objectType of a submission set or folder.
pub const PACKAGE: &str = "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:RegistryPackage";
/// Slot of the reference ids.
pub const REFERENCE_ID_LIST: &str = "urn:ihe:iti:xds:2013:referenceIdList";

/// Classification schemes and identification schemes of a document entry (wire.md 16.1).
pub mod scheme {
    /// author.
    pub const AUTHOR: &str = "urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d";
    /// classCode.
    pub const CLASS: &str = "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a";
    /// confidentialityCode.
    pub const CONFIDENTIALITY: &str = "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f";
    /// eventCodeList.
    pub const EVENT: &str = "urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4";
    /// healthcareFacilityTypeCode.
    pub const FACILITY_TYPE: &str = "urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1";
    /// formatCode.
    pub const FORMAT: &str = "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d";
    /// patientId.
    pub const PATIENT: &str = "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427";
    /// practiceSettingCode.
    pub const PRACTICE_SETTING: &str = "urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead";
    /// typeCode.
    pub const TYPE: &str = "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983";
    /// uniqueId.
    pub const UNIQUE: &str = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab";
    /// patientId of a submission set.
    pub const SET_PATIENT: &str = "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446";
    /// uniqueId of a submission set.
    pub const SET_UNIQUE: &str = "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8";
    /// sourceId of a submission set.
    pub const SET_SOURCE: &str = "urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832";
    /// author of a submission set.
    pub const SET_AUTHOR: &str = "urn:uuid:a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d";
    /// contentTypeCode of a submission set.
    pub const SET_CONTENT_TYPE: &str = "urn:uuid:aa543740-bdda-424e-8c96-df4873be8500";
    /// patientId of a folder.
    pub const FOLDER_PATIENT: &str = "urn:uuid:f64ffdf0-4b97-4e06-b79f-a52b38ec2f8a";
    /// uniqueId of a folder.
    pub const FOLDER_UNIQUE: &str = "urn:uuid:75df8f67-9973-4fbe-a900-df66cefecc5a";
    /// codeList of a folder.
    pub const FOLDER_CODES: &str = "urn:uuid:1ba97051-7806-41a8-a48b-8fce7af683c5";
    /// associationDocumentation.
    pub const DOCUMENTATION: &str = "urn:uuid:abd807a3-4432-4053-87b4-fd82c643d1f3";
    /// Classification node of a submission set.
    pub const SUBMISSION_SET: &str = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd";
    /// Classification node of a folder.
    pub const FOLDER: &str = "urn:uuid:d9d542f3-6cc4-48b6-8870-ea235fbc94c2";
}

/// The part after the last colon, trimmed: short and full forms are read alike (wire.md 12).
pub fn last_word(urn: &str) -> &str {
    urn.trim().rsplit(':').next().unwrap_or_default()
}

/// availabilityStatus; None for any other status.
pub fn availability(urn: &str) -> Option<Availability> {
    match last_word(urn) {
        word if word.eq_ignore_ascii_case("Approved") => Some(Availability::Approved),
        word if word.eq_ignore_ascii_case("Deprecated") => Some(Availability::Deprecated),
        _ => None,
    }
}

/// availabilityStatus as a query must say it: by its whole URN (wire.md 13.1).
pub fn availability_asked(urn: &str) -> Option<Availability> {
    [Availability::Approved, Availability::Deprecated]
        .into_iter()
        .find(|a| availability_urn(*a) == urn.trim())
}

/// The whole URN of an availabilityStatus.
pub fn availability_urn(availability: Availability) -> String {
    let word = match availability {
        Availability::Approved => "Approved",
        Availability::Deprecated => "Deprecated",
    };
    format!("{STATUS_TYPE}{word}")
}

/// A `urn:uuid:` id in lower case and without its prefix, for comparing.
pub fn folded_uuid(id: &str) -> String {
    bare_uuid(id).to_ascii_lowercase()
}

/// Compares two `urn:uuid:` ids without case and prefix.
pub fn same_uuid(a: &str, b: &str) -> bool {
    const PREFIX: &str = "urn:uuid:";
    // As nearly everybody writes them: what blanks one may have, the other would lack.
    if a.len() == b.len() && a.starts_with(PREFIX) && b.starts_with(PREFIX) {
        return a.eq_ignore_ascii_case(b);
    }
    bare_uuid(a).eq_ignore_ascii_case(bare_uuid(b))
}

fn bare_uuid(id: &str) -> &str {
    const PREFIX: &str = "urn:uuid:";
    let id = id.trim();
    match id.split_at_checked(PREFIX.len()) {
        Some((prefix, bare)) if prefix.eq_ignore_ascii_case(PREFIX) => bare,
        _ => id,
    }
}
