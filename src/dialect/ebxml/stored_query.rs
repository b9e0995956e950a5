//! The stored queries of ITI-18 and ITI-38: which exist, what each wants and which parameters it takes
//! (ITI TF-2 3.18.4.1.2.3.7; wire.md 13.2).

use super::checked_query::HomeRule;
use crate::model::{QueryKey, Wanted};

/// How a parameter is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Coded values; the slot may repeat: slots AND-ed, items OR-ed.
    AndOrCodes,
    /// Strings; the slot may repeat.
    AndOrTexts,
    /// Coded values.
    Codes,
    /// availabilityStatus URNs.
    Statuses,
    /// One string.
    Text,
    /// Strings.
    Texts,
    /// One time.
    Time,
}

impl Kind {
    /// Whether several items are allowed.
    pub const fn is_many(self) -> bool {
        !matches!(self, Self::Text | Self::Time)
    }

    /// Whether the slot may repeat.
    pub const fn may_repeat(self) -> bool {
        matches!(self, Self::AndOrCodes | Self::AndOrTexts)
    }

    /// Whether items are `code^^scheme`.
    pub const fn is_coded(self) -> bool {
        matches!(self, Self::AndOrCodes | Self::Codes)
    }
}

/// A parameter of a stored query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter {
    /// With its `$`.
    pub name: &'static str,
    /// How it is read.
    pub kind: Kind,
}

impl Parameter {
    /// Whether it filters nothing here: nobody's packages but other networks' are held, so it goes on to
    /// them as it is.
    pub fn is_forwarded(self) -> bool {
        let of_packages = ["$XDSFolder", "$XDSSubmissionSet"].iter().any(|of| self.name.starts_with(of));
        let is_read = ["PatientId", "Status", "EntryUUID", "UniqueId", "LogicalID"];
        (of_packages && !is_read.iter().any(|end| self.name.ends_with(end)))
            || self.name == DOCUMENT_AVAILABILITY
    }

    /// The filter that this one of FindDocumentsExclude turns round: only one of the two may be given.
    pub fn turns_round(self) -> Option<&'static str> {
        self.name.strip_suffix("Exclude")
    }
}

/// A stored query.
#[derive(Debug, PartialEq, Eq)]
pub struct StoredQuery {
    /// `FindDocuments`.
    pub name: &'static str,
    /// Without `urn:uuid:`, lower case.
    pub uuid: &'static str,
    /// Whether AdhocQuery/@home is needed across communities.
    pub needs_home: bool,
    /// What it wants; None of those that are never offered: about several patients, or with documents in
    /// the answer.
    pub wanted: Option<Wanted>,
    /// All must be there.
    pub required: &'static [Parameter],
    /// Exactly one must be there; empty when there is no such rule.
    pub one_of: &'static [Parameter],
    /// May be there.
    pub optional: &'static [&'static [Parameter]],
}

impl StoredQuery {
    /// The query of an id, compared without case and with or without `urn:uuid:`.
    pub fn by_id(id: &str) -> Option<&'static Self> {
        ALL.iter().find(|query| super::vocabulary::same_uuid(query.uuid, id))
    }

    /// The query that wants this of what is named so. FindDocumentsExclude exists within a community
    /// only: a gateway is asked without the exclusion.
    pub fn of(wanted: Wanted, by: &QueryKey, rule: HomeRule) -> &'static Self {
        let is_by_patient = matches!(by, QueryKey::Patient(_));
        let wanted = match (wanted, rule) {
            (Wanted::DocumentsExcept, HomeRule::Required) => Wanted::Documents,
            (wanted, _) => wanted,
        };
        let fits = |query: &&Self| query.wanted == Some(wanted) && query.patient().is_some() == is_by_patient;
        let default = if is_by_patient { &FIND_DOCUMENTS } else { &GET_DOCUMENTS };
        ALL.iter().find(fits).unwrap_or(default)
    }

    /// Whether it is answered, within one community or across (wire.md 14).
    pub fn is_offered(&self, rule: HomeRule) -> bool {
        match self.wanted {
            None => false,
            Some(Wanted::DocumentsExcept) => rule == HomeRule::Optional,
            Some(_) => true,
        }
    }

    /// The parameter that names the patient.
    pub fn patient(&self) -> Option<Parameter> {
        let names =
            |p: &&Parameter| p.kind == Kind::Text && p.name.to_ascii_lowercase().ends_with("patientid");
        self.required.iter().find(names).copied()
    }

    /// The parameter that names objects by their ids.
    pub fn objects(&self) -> Option<Parameter> {
        let names = |p: &&Parameter| p.name == UUID || p.name.ends_with("EntryUUID");
        self.required.iter().chain(self.one_of).find(names).copied()
    }

    /// The parameter that names objects by their unique ids.
    pub fn unique_ids(&self) -> Option<Parameter> {
        self.one_of.iter().find(|p| p.name.ends_with("UniqueId")).copied()
    }

    /// AdhocQuery/@id.
    pub fn urn(&self) -> String {
        format!("urn:uuid:{}", self.uuid)
    }

    /// All parameters it knows.
    pub fn parameters(&self) -> impl Iterator<Item = Parameter> {
        let optional = self.optional.iter().flat_map(|group| group.iter());
        self.required.iter().chain(self.one_of).chain(optional).copied()
    }
}

const fn p(name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, kind }
}

/// $XDSDocumentEntryPatientId.
pub const PATIENT: &str = "$XDSDocumentEntryPatientId";
/// $XDSDocumentEntryStatus.
pub const STATUS: &str = "$XDSDocumentEntryStatus";
/// $XDSDocumentEntryClassCode.
pub const CLASS: &str = "$XDSDocumentEntryClassCode";
/// $XDSDocumentEntryTypeCode.
pub const TYPE_CODE: &str = "$XDSDocumentEntryTypeCode";
/// $XDSDocumentEntryPracticeSettingCode.
pub const PRACTICE_SETTING: &str = "$XDSDocumentEntryPracticeSettingCode";
/// $XDSDocumentEntryHealthcareFacilityTypeCode.
pub const FACILITY_TYPE: &str = "$XDSDocumentEntryHealthcareFacilityTypeCode";
/// $XDSDocumentEntryFormatCode.
pub const FORMAT: &str = "$XDSDocumentEntryFormatCode";
/// $XDSDocumentEntryEventCodeList.
pub const EVENT: &str = "$XDSDocumentEntryEventCodeList";
/// $XDSDocumentEntryConfidentialityCode.
pub const CONFIDENTIALITY: &str = "$XDSDocumentEntryConfidentialityCode";
/// $XDSDocumentEntryAuthorPerson.
pub const AUTHOR_PERSON: &str = "$XDSDocumentEntryAuthorPerson";
/// $XDSDocumentEntryType.
pub const ENTRY_TYPE: &str = "$XDSDocumentEntryType";
/// $XDSDocumentEntryCreationTimeFrom and To.
pub const CREATION: [&str; 2] = ["$XDSDocumentEntryCreationTimeFrom", "$XDSDocumentEntryCreationTimeTo"];
/// $XDSDocumentEntryServiceStartTimeFrom and To.
pub const SERVICE_START: [&str; 2] =
    ["$XDSDocumentEntryServiceStartTimeFrom", "$XDSDocumentEntryServiceStartTimeTo"];
/// $XDSDocumentEntryServiceStopTimeFrom and To.
pub const SERVICE_STOP: [&str; 2] =
    ["$XDSDocumentEntryServiceStopTimeFrom", "$XDSDocumentEntryServiceStopTimeTo"];
/// $XDSDocumentEntryEntryUUID.
pub const ENTRY_UUID: &str = "$XDSDocumentEntryEntryUUID";
/// $XDSDocumentEntryUniqueId.
pub const UNIQUE_ID: &str = "$XDSDocumentEntryUniqueId";
const DOCUMENT_AVAILABILITY: &str = "$XDSDocumentEntryDocumentAvailability";
/// Ids of objects of any kind.
const UUID: &str = "$uuid";
/// $XDSFolderStatus.
pub const FOLDER_STATUS: &str = "$XDSFolderStatus";
/// $XDSSubmissionSetStatus.
pub const SET_STATUS: &str = "$XDSSubmissionSetStatus";
/// $XDSDocumentEntryReferenceIdList.
pub const REFERENCES: &str = "$XDSDocumentEntryReferenceIdList";
/// $AssociationTypes.
pub const ASSOCIATION_TYPES: &str = "$AssociationTypes";
/// $XDSDocumentEntryLogicalID.
pub const LOGICAL_ID: &str = "$XDSDocumentEntryLogicalID";
/// A hint to the gateway which communities to ask; it goes no further (wire.md 14.1).
pub const TARGET_COMMUNITIES: &str = "$targetCommunityIdList";

/// The filters of FindDocumentsExclude: the filter that each turns round, and its name.
pub mod except {
    /// $XDSDocumentEntryClassCodeExclude.
    pub const CLASS: &str = "$XDSDocumentEntryClassCodeExclude";
    /// $XDSDocumentEntryTypeCodeExclude.
    pub const TYPE_CODE: &str = "$XDSDocumentEntryTypeCodeExclude";
    /// $XDSDocumentEntryPracticeSettingCodeExclude.
    pub const PRACTICE_SETTING: &str = "$XDSDocumentEntryPracticeSettingCodeExclude";
    /// $XDSDocumentEntryHealthcareFacilityTypeCodeExclude.
    pub const FACILITY_TYPE: &str = "$XDSDocumentEntryHealthcareFacilityTypeCodeExclude";
    /// $XDSDocumentEntryFormatCodeExclude.
    pub const FORMAT: &str = "$XDSDocumentEntryFormatCodeExclude";
    /// $XDSDocumentEntryEventCodeListExclude.
    pub const EVENT: &str = "$XDSDocumentEntryEventCodeListExclude";
    /// $XDSDocumentEntryConfidentialityCodeExclude.
    pub const CONFIDENTIALITY: &str = "$XDSDocumentEntryConfidentialityCodeExclude";
    /// $XDSDocumentEntryAuthorPersonExclude.
    pub const AUTHOR_PERSON: &str = "$XDSDocumentEntryAuthorPersonExclude";
    /// $XDSDocumentEntryReferenceIdListExclude.
    pub const REFERENCES: &str = "$XDSDocumentEntryReferenceIdListExclude";
    /// $XDSDocumentEntryTypeExclude.
    pub const ENTRY_TYPE: &str = "$XDSDocumentEntryTypeExclude";
}

const PATIENT_AND_STATUS: [Parameter; 2] = [p(PATIENT, Kind::Text), p(STATUS, Kind::Statuses)];

const EXCEPT: &[Parameter] = &[
    p(except::CLASS, Kind::Codes),
    p(except::TYPE_CODE, Kind::Codes),
    p(except::PRACTICE_SETTING, Kind::Codes),
    p(except::FACILITY_TYPE, Kind::Codes),
    p(except::FORMAT, Kind::Codes),
    p(except::EVENT, Kind::AndOrCodes),
    p(except::CONFIDENTIALITY, Kind::AndOrCodes),
    p(except::AUTHOR_PERSON, Kind::Texts),
    p(except::REFERENCES, Kind::AndOrTexts),
    p(except::ENTRY_TYPE, Kind::Texts),
];

const FILTERS: &[Parameter] = &[
    p(CLASS, Kind::Codes),
    p(TYPE_CODE, Kind::Codes),
    p(PRACTICE_SETTING, Kind::Codes),
    p(FACILITY_TYPE, Kind::Codes),
    p(FORMAT, Kind::Codes),
    p(EVENT, Kind::AndOrCodes),
    p(CONFIDENTIALITY, Kind::AndOrCodes),
    p(AUTHOR_PERSON, Kind::Texts),
    p(ENTRY_TYPE, Kind::Texts),
    p(DOCUMENT_AVAILABILITY, Kind::Texts),
    p("$XDSDocumentEntryCreationTimeFrom", Kind::Time),
    p("$XDSDocumentEntryCreationTimeTo", Kind::Time),
    p("$XDSDocumentEntryServiceStartTimeFrom", Kind::Time),
    p("$XDSDocumentEntryServiceStartTimeTo", Kind::Time),
    p("$XDSDocumentEntryServiceStopTimeFrom", Kind::Time),
    p("$XDSDocumentEntryServiceStopTimeTo", Kind::Time),
];

const CONTENTS: &[Parameter] =
    &[p(FORMAT, Kind::Codes), p(CONFIDENTIALITY, Kind::AndOrCodes), p(ENTRY_TYPE, Kind::Texts)];

// By patient: no home is needed.
const fn find(name: &'static str, uuid: &'static str, wanted: Wanted) -> StoredQuery {
    let wanted = Some(wanted);
    StoredQuery { name, uuid, needs_home: false, wanted, required: &[], one_of: &[], optional: &[] }
}

// By ids, which belong to one community.
const fn get(name: &'static str, uuid: &'static str, wanted: Wanted) -> StoredQuery {
    StoredQuery { needs_home: true, ..find(name, uuid, wanted) }
}

// Known, and never offered.
const fn known(name: &'static str, uuid: &'static str, needs_home: bool) -> StoredQuery {
    StoredQuery { needs_home, wanted: None, ..find(name, uuid, Wanted::Documents) }
}

/// FindDocuments.
pub const FIND_DOCUMENTS: StoredQuery = StoredQuery {
    required: &PATIENT_AND_STATUS,
    optional: &[FILTERS],
    ..find("FindDocuments", "14d4debf-8f97-4251-9a74-a90016b0af0d", Wanted::Documents)
};

/// GetDocuments.
pub const GET_DOCUMENTS: StoredQuery = StoredQuery {
    one_of: &[p(ENTRY_UUID, Kind::Texts), p(UNIQUE_ID, Kind::Texts), p(LOGICAL_ID, Kind::Texts)],
    ..get("GetDocuments", "5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4", Wanted::Documents)
};

/// All that wire.md 13.2 lists.
pub const ALL: &[StoredQuery] = &[
    FIND_DOCUMENTS,
    GET_DOCUMENTS,
    StoredQuery {
        required: &[p(PATIENT, Kind::Text), p(STATUS, Kind::Statuses), p(REFERENCES, Kind::AndOrTexts)],
        optional: &[FILTERS],
        ..find(
            "FindDocumentsByReferenceId",
            "12941a89-e02e-4be5-967c-ce4bfc8fe492",
            Wanted::DocumentsByReference,
        )
    },
    StoredQuery {
        required: &PATIENT_AND_STATUS,
        optional: &[FILTERS, EXCEPT, &[p(REFERENCES, Kind::AndOrTexts)]],
        ..find("FindDocumentsExclude", "4308b1df-36de-4bef-8e2e-ba91f593c435", Wanted::DocumentsExcept)
    },
    StoredQuery {
        required: &[p("$XDSSubmissionSetPatientId", Kind::Text), p(SET_STATUS, Kind::Statuses)],
        optional: &[&[
            p("$XDSSubmissionSetSourceId", Kind::Texts),
            p("$XDSSubmissionSetSubmissionTimeFrom", Kind::Time),
            p("$XDSSubmissionSetSubmissionTimeTo", Kind::Time),
            p("$XDSSubmissionSetAuthorPerson", Kind::Text),
            p("$XDSSubmissionSetContentType", Kind::Codes),
        ]],
        ..find("FindSubmissionSets", "f26abbcb-ac74-4422-8a30-edb644bbc1a9", Wanted::SubmissionSets)
    },
    StoredQuery {
        required: &[p("$XDSFolderPatientId", Kind::Text), p(FOLDER_STATUS, Kind::Statuses)],
        optional: &[&[
            p("$XDSFolderLastUpdateTimeFrom", Kind::Time),
            p("$XDSFolderLastUpdateTimeTo", Kind::Time),
            p("$XDSFolderCodeList", Kind::AndOrCodes),
        ]],
        ..find("FindFolders", "958f3006-baad-4929-a4de-ff1114824431", Wanted::Folders)
    },
    StoredQuery {
        required: &[
            p("$patientId", Kind::Text),
            p(STATUS, Kind::Statuses),
            p(SET_STATUS, Kind::Statuses),
            p(FOLDER_STATUS, Kind::Statuses),
        ],
        optional: &[CONTENTS],
        ..find("GetAll", "10b545ea-725c-446d-9b95-8aeb444eddf3", Wanted::Everything)
    },
    StoredQuery {
        one_of: &[
            p("$XDSFolderEntryUUID", Kind::Texts),
            p("$XDSFolderUniqueId", Kind::Texts),
            p("$XDSFolderLogicalID", Kind::Texts),
        ],
        ..get("GetFolders", "5737b14c-8a1a-4539-b659-e03a34a5e1e4", Wanted::Folders)
    },
    StoredQuery {
        required: &[p(UUID, Kind::Texts)],
        ..get("GetAssociations", "a7ae438b-4bc2-4642-93e9-be891f7bb155", Wanted::Associations)
    },
    StoredQuery {
        one_of: &[p(ENTRY_UUID, Kind::Texts), p(UNIQUE_ID, Kind::Texts)],
        ..get(
            "GetDocumentsAndAssociations",
            "bab9529a-4a10-40b3-a01f-f68a615d247a",
            Wanted::DocumentsAndAssociations,
        )
    },
    StoredQuery {
        required: &[p(UUID, Kind::Texts)],
        ..get("GetSubmissionSets", "51224314-5390-4169-9b91-b1980040715a", Wanted::SubmissionSets)
    },
    StoredQuery {
        one_of: &[p("$XDSSubmissionSetEntryUUID", Kind::Text), p("$XDSSubmissionSetUniqueId", Kind::Text)],
        optional: &[CONTENTS],
        ..get(
            "GetSubmissionSetAndContents",
            "e8e3cb2c-e39c-46b9-99e4-c12f57260b83",
            Wanted::SubmissionSetAndContents,
        )
    },
    StoredQuery {
        one_of: &[p("$XDSFolderEntryUUID", Kind::Text), p("$XDSFolderUniqueId", Kind::Text)],
        optional: &[CONTENTS],
        ..get("GetFolderAndContents", "b909a503-523d-4517-8acf-8e5834dfc4c7", Wanted::FolderAndContents)
    },
    StoredQuery {
        one_of: &[p(ENTRY_UUID, Kind::Text), p(UNIQUE_ID, Kind::Text)],
        ..get("GetFoldersForDocument", "10cae35a-c7f9-4cf5-b61e-fc3278ffb578", Wanted::FoldersForDocument)
    },
    StoredQuery {
        required: &[p(ASSOCIATION_TYPES, Kind::Texts)],
        one_of: &[p(ENTRY_UUID, Kind::Text), p(UNIQUE_ID, Kind::Text)],
        optional: &[&[p(ENTRY_TYPE, Kind::Texts)]],
        ..get("GetRelatedDocuments", "d90e5407-b356-4d91-a89f-873917b4b0e6", Wanted::RelatedDocuments)
    },
    StoredQuery {
        required: &[p(STATUS, Kind::Statuses)],
        optional: &[FILTERS, &[p(PATIENT, Kind::Texts)]],
        ..known("FindDocumentsForMultiplePatients", "3d1bdb10-39a2-11de-89c2-2f44d94eaa9f", false)
    },
    StoredQuery {
        required: &[p(FOLDER_STATUS, Kind::Statuses), p("$XDSFolderCodeList", Kind::AndOrCodes)],
        optional: &[&[p("$XDSFolderPatientId", Kind::Texts)]],
        ..known("FindFoldersForMultiplePatients", "50d3f5ac-39a2-11de-a1ca-b366239e58df", false)
    },
    StoredQuery {
        required: &[p(STATUS, Kind::Statuses), p(REFERENCES, Kind::AndOrTexts)],
        optional: &[FILTERS],
        ..known(
            "FindDocumentsByReferenceIdForMultiplePatients",
            "1191642d-86c4-42d8-b784-f95445f9f0d5",
            false,
        )
    },
    StoredQuery {
        required: &[p(PATIENT, Kind::Text), p(CLASS, Kind::Codes)],
        optional: &[FILTERS],
        ..known("Fetch", "f2072993-9478-41df-a603-8f016706efe8", true)
    },
];
