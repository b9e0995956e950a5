//! The stored queries of ITI-18 and ITI-38: which exist, which parameters they take, and the checks
//! of a request in their order (ITI TF-2 3.18.4.1.2.3.7; wire.md 13.2). Whether one is offered is
//! not decided here.

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

/// A stored query.
#[derive(Debug, PartialEq, Eq)]
pub struct StoredQuery {
    /// `FindDocuments`.
    pub name: &'static str,
    /// Without `urn:uuid:`, lower case.
    pub uuid: &'static str,
    /// Whether AdhocQuery/@home is needed across communities.
    pub needs_home: bool,
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
/// $XDSDocumentEntryLogicalID.
pub const LOGICAL_ID: &str = "$XDSDocumentEntryLogicalID";
/// A hint to the gateway which communities to ask; it goes no further (wire.md 14.1).
pub const TARGET_COMMUNITIES: &str = "$targetCommunityIdList";

const PATIENT_AND_STATUS: [Parameter; 2] = [p(PATIENT, Kind::Text), p(STATUS, Kind::Statuses)];
const REFERENCES: Parameter = p("$XDSDocumentEntryReferenceIdList", Kind::AndOrTexts);

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
    p("$XDSDocumentEntryCreationTimeFrom", Kind::Time),
    p("$XDSDocumentEntryCreationTimeTo", Kind::Time),
    p("$XDSDocumentEntryServiceStartTimeFrom", Kind::Time),
    p("$XDSDocumentEntryServiceStartTimeTo", Kind::Time),
    p("$XDSDocumentEntryServiceStopTimeFrom", Kind::Time),
    p("$XDSDocumentEntryServiceStopTimeTo", Kind::Time),
];

const CONTENTS: &[Parameter] =
    &[p(FORMAT, Kind::Codes), p(CONFIDENTIALITY, Kind::AndOrCodes), p(ENTRY_TYPE, Kind::Texts)];

const fn query(name: &'static str, uuid: &'static str, needs_home: bool) -> StoredQuery {
    StoredQuery { name, uuid, needs_home, required: &[], one_of: &[], optional: &[] }
}

/// FindDocuments.
pub const FIND_DOCUMENTS: StoredQuery = StoredQuery {
    required: &PATIENT_AND_STATUS,
    optional: &[FILTERS],
    ..query("FindDocuments", "14d4debf-8f97-4251-9a74-a90016b0af0d", false)
};

/// GetDocuments.
pub const GET_DOCUMENTS: StoredQuery = StoredQuery {
    one_of: &[p(ENTRY_UUID, Kind::Texts), p(UNIQUE_ID, Kind::Texts), p(LOGICAL_ID, Kind::Texts)],
    ..query("GetDocuments", "5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4", true)
};

/// All that wire.md 13.2 lists.
pub const ALL: &[StoredQuery] = &[
    FIND_DOCUMENTS,
    GET_DOCUMENTS,
    StoredQuery {
        required: &[p(PATIENT, Kind::Text), p(STATUS, Kind::Statuses), REFERENCES],
        optional: &[FILTERS],
        ..query("FindDocumentsByReferenceId", "12941a89-e02e-4be5-967c-ce4bfc8fe492", false)
    },
    StoredQuery {
        required: &PATIENT_AND_STATUS,
        optional: &[FILTERS],
        ..query("FindDocumentsExclude", "4308b1df-36de-4bef-8e2e-ba91f593c435", false)
    },
    StoredQuery {
        required: &[
            p("$XDSSubmissionSetPatientId", Kind::Text),
            p("$XDSSubmissionSetStatus", Kind::Statuses),
        ],
        optional: &[&[
            p("$XDSSubmissionSetSourceId", Kind::Texts),
            p("$XDSSubmissionSetSubmissionTimeFrom", Kind::Time),
            p("$XDSSubmissionSetSubmissionTimeTo", Kind::Time),
            p("$XDSSubmissionSetAuthorPerson", Kind::Text),
            p("$XDSSubmissionSetContentType", Kind::Codes),
        ]],
        ..query("FindSubmissionSets", "f26abbcb-ac74-4422-8a30-edb644bbc1a9", false)
    },
    StoredQuery {
        required: &[p("$XDSFolderPatientId", Kind::Text), p("$XDSFolderStatus", Kind::Statuses)],
        optional: &[&[
            p("$XDSFolderLastUpdateTimeFrom", Kind::Time),
            p("$XDSFolderLastUpdateTimeTo", Kind::Time),
            p("$XDSFolderCodeList", Kind::AndOrCodes),
        ]],
        ..query("FindFolders", "958f3006-baad-4929-a4de-ff1114824431", false)
    },
    StoredQuery {
        required: &[
            p("$patientId", Kind::Text),
            p(STATUS, Kind::Statuses),
            p("$XDSSubmissionSetStatus", Kind::Statuses),
            p("$XDSFolderStatus", Kind::Statuses),
        ],
        optional: &[CONTENTS],
        ..query("GetAll", "10b545ea-725c-446d-9b95-8aeb444eddf3", false)
    },
    StoredQuery {
        one_of: &[
            p("$XDSFolderEntryUUID", Kind::Texts),
            p("$XDSFolderUniqueId", Kind::Texts),
            p("$XDSFolderLogicalID", Kind::Texts),
        ],
        ..query("GetFolders", "5737b14c-8a1a-4539-b659-e03a34a5e1e4", true)
    },
    StoredQuery {
        required: &[p("$uuid", Kind::Texts)],
        ..query("GetAssociations", "a7ae438b-4bc2-4642-93e9-be891f7bb155", true)
    },
    StoredQuery {
        one_of: &[p(ENTRY_UUID, Kind::Texts), p(UNIQUE_ID, Kind::Texts)],
        ..query("GetDocumentsAndAssociations", "bab9529a-4a10-40b3-a01f-f68a615d247a", true)
    },
    StoredQuery {
        required: &[p("$uuid", Kind::Texts)],
        ..query("GetSubmissionSets", "51224314-5390-4169-9b91-b1980040715a", true)
    },
    StoredQuery {
        one_of: &[p("$XDSSubmissionSetEntryUUID", Kind::Text), p("$XDSSubmissionSetUniqueId", Kind::Text)],
        optional: &[CONTENTS],
        ..query("GetSubmissionSetAndContents", "e8e3cb2c-e39c-46b9-99e4-c12f57260b83", true)
    },
    StoredQuery {
        one_of: &[p("$XDSFolderEntryUUID", Kind::Text), p("$XDSFolderUniqueId", Kind::Text)],
        optional: &[CONTENTS],
        ..query("GetFolderAndContents", "b909a503-523d-4517-8acf-8e5834dfc4c7", true)
    },
    StoredQuery {
        one_of: &[p(ENTRY_UUID, Kind::Text), p(UNIQUE_ID, Kind::Text)],
        ..query("GetFoldersForDocument", "10cae35a-c7f9-4cf5-b61e-fc3278ffb578", true)
    },
    StoredQuery {
        required: &[p("$AssociationTypes", Kind::Texts)],
        one_of: &[p(ENTRY_UUID, Kind::Text), p(UNIQUE_ID, Kind::Text)],
        optional: &[&[p(ENTRY_TYPE, Kind::Texts)]],
        ..query("GetRelatedDocuments", "d90e5407-b356-4d91-a89f-873917b4b0e6", true)
    },
    StoredQuery {
        required: &[p(STATUS, Kind::Statuses)],
        optional: &[FILTERS, &[p(PATIENT, Kind::Texts)]],
        ..query("FindDocumentsForMultiplePatients", "3d1bdb10-39a2-11de-89c2-2f44d94eaa9f", false)
    },
    StoredQuery {
        required: &[p("$XDSFolderStatus", Kind::Statuses), p("$XDSFolderCodeList", Kind::AndOrCodes)],
        optional: &[&[p("$XDSFolderPatientId", Kind::Texts)]],
        ..query("FindFoldersForMultiplePatients", "50d3f5ac-39a2-11de-a1ca-b366239e58df", false)
    },
    StoredQuery {
        required: &[p(STATUS, Kind::Statuses), REFERENCES],
        optional: &[FILTERS],
        ..query(
            "FindDocumentsByReferenceIdForMultiplePatients",
            "1191642d-86c4-42d8-b784-f95445f9f0d5",
            false,
        )
    },
    StoredQuery {
        required: &[p(PATIENT, Kind::Text), p(CLASS, Kind::Codes)],
        optional: &[FILTERS],
        ..query("Fetch", "f2072993-9478-41df-a603-8f016706efe8", true)
    },
];
