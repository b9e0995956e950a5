//! A query of a registry: by whom or by which ids, for what, and with which filters (ITI-18, ITI-38;
//! wire.md 13.2).

use std::collections::BTreeSet;

use super::{
    Availability, Code, CommunityId, DocumentEntry, Dtm, ObjectId, Operation, Package, PackageKind,
    PatientId, Phi, RegistryObject, Request,
};

/// What an id query or patient query is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryKey {
    /// By the ids of objects, at one community.
    Objects(Vec<ObjectId>),
    /// By patient.
    Patient(PatientId),
    /// By unique ids of documents or packages, at one community.
    UniqueIds(Vec<Phi<String>>),
}

impl QueryKey {
    /// Whether it names nothing.
    pub const fn is_empty(&self) -> bool {
        match self {
            Self::Objects(ids) => ids.is_empty(),
            Self::Patient(_) => false,
            Self::UniqueIds(ids) => ids.is_empty(),
        }
    }

    /// Whether it names this object.
    pub fn names(&self, object: &RegistryObject) -> bool {
        match self {
            Self::Objects(ids) => ids.contains(object.object()),
            Self::Patient(_) => false,
            Self::UniqueIds(ids) => object.unique().is_some_and(|unique| ids.contains(unique)),
        }
    }
}

/// What is wanted of a patient or of the objects named; with the [`QueryKey`] it tells the stored query.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wanted {
    /// FindDocuments, GetDocuments.
    #[default]
    Documents,
    /// FindDocumentsByReferenceId.
    DocumentsByReference,
    /// FindDocumentsExclude.
    DocumentsExcept,
    /// FindFolders, GetFolders.
    Folders,
    /// FindSubmissionSets; GetSubmissionSets: those that hold the objects named, and what joins them to these.
    SubmissionSets,
    /// GetAll.
    Everything,
    /// GetAssociations: those that start from or lead to the objects named.
    Associations,
    /// GetDocumentsAndAssociations.
    DocumentsAndAssociations,
    /// GetFolderAndContents.
    FolderAndContents,
    /// GetSubmissionSetAndContents.
    SubmissionSetAndContents,
    /// GetFoldersForDocument.
    FoldersForDocument,
    /// GetRelatedDocuments.
    RelatedDocuments,
}

impl Wanted {
    // Whether such an object has a place in the answer, named by what.
    const fn may_hold(self, by: &QueryKey, object: &RegistryObject) -> bool {
        let (entries, folders, sets, associations) = self.kinds();
        match object {
            // Registries give the sets of objects with the HasMember associations that lead there.
            RegistryObject::Association(_) if matches!(self, Self::SubmissionSets) => {
                !matches!(by, QueryKey::Patient(_))
            }
            RegistryObject::Association(_) => associations,
            RegistryObject::Entry(_) => entries,
            RegistryObject::Package(Package { kind: PackageKind::Folder, .. }) => folders,
            RegistryObject::Package(Package { kind: PackageKind::SubmissionSet, .. }) => sets,
        }
    }

    // Entries, folders, submission sets, associations (wire.md 13.2, "results").
    const fn kinds(self) -> (bool, bool, bool, bool) {
        match self {
            Self::Documents | Self::DocumentsByReference | Self::DocumentsExcept => {
                (true, false, false, false)
            }
            Self::Folders | Self::FoldersForDocument => (false, true, false, false),
            Self::SubmissionSets => (false, false, true, false),
            Self::Everything | Self::SubmissionSetAndContents => (true, true, true, true),
            Self::Associations => (false, false, false, true),
            Self::DocumentsAndAssociations | Self::RelatedDocuments => (true, false, false, true),
            Self::FolderAndContents => (true, true, false, true),
        }
    }
}

/// LeafClass or ObjectRef.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReturnType {
    /// Whole objects.
    LeafClass,
    /// Ids only.
    ObjectRef,
}

/// From (inclusive) and to (exclusive).
pub type TimeRange = (Option<Dtm>, Option<Dtm>);

/// What is wanted, and the filters that are applied here (ITI-18, 3.18.4.1.2.3.7). Empty lists filter
/// nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Criteria {
    /// Documents unless said otherwise.
    pub wanted: Wanted,
    /// $XDSDocumentEntryStatus.
    pub statuses: BTreeSet<Availability>,
    /// $XDSFolderStatus.
    pub folder_statuses: BTreeSet<Availability>,
    /// $XDSSubmissionSetStatus.
    pub set_statuses: BTreeSet<Availability>,
    /// $XDSDocumentEntryReferenceIdList: slots AND-ed, items OR-ed.
    pub references: Vec<Vec<Phi<String>>>,
    /// What FindDocumentsExclude leaves out.
    pub except: Exclusion,
    /// $AssociationTypes.
    pub association_types: Vec<String>,
    /// $XDSDocumentEntryClassCode.
    pub classes: Vec<Code>,
    /// $XDSDocumentEntryTypeCode.
    pub types: Vec<Code>,
    /// $XDSDocumentEntryFormatCode.
    pub formats: Vec<Code>,
    /// $XDSDocumentEntryPracticeSettingCode.
    pub practice_settings: Vec<Code>,
    /// $XDSDocumentEntryHealthcareFacilityTypeCode.
    pub facility_types: Vec<Code>,
    /// $XDSDocumentEntryEventCodeList: slots AND-ed, items OR-ed.
    pub event_codes: Vec<Vec<Code>>,
    /// $XDSDocumentEntryConfidentialityCode: slots AND-ed, items OR-ed.
    pub confidentialities: Vec<Vec<Code>>,
    /// $XDSDocumentEntryAuthorPerson: LIKE patterns.
    pub author_persons: Vec<String>,
    /// $XDSDocumentEntryCreationTimeFrom/To.
    pub creation: TimeRange,
    /// $XDSDocumentEntryServiceStartTimeFrom/To.
    pub service_start: TimeRange,
    /// $XDSDocumentEntryServiceStopTimeFrom/To.
    pub service_stop: TimeRange,
    /// $XDSDocumentEntryType, as sent; empty means stable only.
    pub entry_types: Vec<String>,
    /// Slots that filter nothing here, those of packages and those we do not know: forwarded to peers.
    pub other: Vec<Slot>,
}

/// What entries must not be of (FindDocumentsExclude; CP-ITI-1323). Empty lists leave nothing out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exclusion {
    /// $XDSDocumentEntryClassCodeExclude.
    pub classes: Vec<Code>,
    /// $XDSDocumentEntryTypeCodeExclude.
    pub types: Vec<Code>,
    /// $XDSDocumentEntryFormatCodeExclude.
    pub formats: Vec<Code>,
    /// $XDSDocumentEntryPracticeSettingCodeExclude.
    pub practice_settings: Vec<Code>,
    /// $XDSDocumentEntryHealthcareFacilityTypeCodeExclude.
    pub facility_types: Vec<Code>,
    /// $XDSDocumentEntryEventCodeListExclude.
    pub event_codes: Vec<Code>,
    /// $XDSDocumentEntryConfidentialityCodeExclude.
    pub confidentialities: Vec<Code>,
    /// $XDSDocumentEntryAuthorPersonExclude: LIKE patterns.
    pub author_persons: Vec<String>,
    /// $XDSDocumentEntryReferenceIdListExclude.
    pub references: Vec<Phi<String>>,
}

impl Criteria {
    /// Whether an entry of a target that judged them itself is of a status, class, type and format that
    /// was asked for. Codes are compared by value alone: systems are spelt in many ways.
    pub fn admits(&self, entry: &DocumentEntry) -> bool {
        let any = |wanted: &[Code], code: &Code| {
            wanted.is_empty() || wanted.iter().any(|wanted| wanted.value == code.value)
        };
        (self.statuses.is_empty() || self.statuses.contains(&entry.availability))
            && any(&self.classes, &entry.class)
            && any(&self.types, &entry.type_code)
            && any(&self.formats, &entry.format)
    }

    /// Whether a package is of a status that was asked for.
    pub fn admits_package(&self, package: &Package) -> bool {
        let wanted = match package.kind {
            PackageKind::Folder => &self.folder_statuses,
            PackageKind::SubmissionSet => &self.set_statuses,
        };
        wanted.is_empty() || wanted.contains(&package.availability)
    }

    /// Whether an association is of a type that was asked for.
    pub fn admits_kind(&self, kind: &str) -> bool {
        let last = |urn: &str| urn.trim().rsplit(':').next().unwrap_or_default().to_owned();
        self.association_types.is_empty() || self.association_types.iter().any(|t| last(t) == last(kind))
    }
}

/// A query slot as it stands in the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// `$...`.
    pub name: String,
    /// Each `rim:Value` verbatim.
    pub values: Vec<Phi<String>>,
}

/// Which documents exist, and what do they belong to? (ITI-18, ITI-38)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentQuery {
    /// Patient or ids.
    pub by: QueryKey,
    /// AdhocQuery/@home.
    pub home: Option<CommunityId>,
    /// What is wanted, and filters.
    pub criteria: Criteria,
    /// What is to be returned.
    pub returns: ReturnType,
}

impl DocumentQuery {
    /// Whether such an object has a place in the answer.
    pub const fn may_hold(&self, object: &RegistryObject) -> bool {
        self.criteria.wanted.may_hold(&self.by, object)
    }
}

impl Request for DocumentQuery {
    type Found = RegistryObject;
    const OPERATION: Operation = Operation::DocumentQuery;
}
