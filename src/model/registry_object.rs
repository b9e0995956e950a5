//! What a document query finds: document entries, the submission sets and folders they lie in, and
//! the associations between all of these (ITI TF-3 4.1; wire.md 16).

use super::{
    Availability, CommunityId, DocumentEntry, Encoded, Finding, ObjectId, PatientId, Phi, Subject, WireBytes,
};

/// A registry object.
#[derive(Debug, Clone)]
pub enum RegistryObject {
    /// How two of the others belong together.
    Association(Association),
    /// A document entry.
    Entry(DocumentEntry),
    /// A submission set or folder.
    Package(Package),
}

/// Which of the two a package is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PackageKind {
    /// A folder.
    Folder,
    /// A submission set.
    SubmissionSet,
}

impl PackageKind {
    /// The word in the record.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::SubmissionSet => "submission-set",
        }
    }
}

/// A submission set or folder: the few fields that routing, policy and audit need; the rest as it came.
#[derive(Debug, Clone)]
pub struct Package {
    /// Which.
    pub kind: PackageKind,
    /// Its home.
    pub community: CommunityId,
    /// Its id.
    pub object: ObjectId,
    /// Its unique id, byte for byte.
    pub unique: Phi<String>,
    /// Whose: at the end the id that was asked for, as of entries.
    pub patient: PatientId,
    /// availabilityStatus.
    pub availability: Availability,
    /// The id of the classification that stands beside it and says which it is; None where it says so
    /// itself.
    pub classification: Option<ObjectId>,
    /// As it came.
    pub encoded: WireBytes,
}

/// An association: what it says, and the rest as it came.
#[derive(Debug, Clone)]
pub struct Association {
    /// Its home.
    pub community: CommunityId,
    /// Its id.
    pub object: ObjectId,
    /// Its type, the whole URN.
    pub kind: String,
    /// What it starts from.
    pub source: ObjectId,
    /// What it leads to.
    pub target: ObjectId,
    /// As it came; None where we made it ourselves.
    pub encoded: Option<WireBytes>,
}

impl Association {
    /// The type by which a rendition belongs to its original.
    pub const TRANSFORMS: &'static str = "urn:ihe:iti:2007:AssociationType:XFRM";
    /// The type by which packages hold their members.
    pub const HAS_MEMBER: &'static str = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember";

    /// Whether it says that the target is a member of the source, in whatever spelling.
    pub fn is_membership(&self) -> bool {
        self.kind.trim().rsplit(':').next() == Some("HasMember")
    }

    /// Both ends.
    pub const fn ends(&self) -> [&ObjectId; 2] {
        [&self.source, &self.target]
    }
}

impl RegistryObject {
    /// The document entry, where it is one.
    pub const fn entry(&self) -> Option<&DocumentEntry> {
        match self {
            Self::Entry(entry) => Some(entry),
            Self::Association(_) | Self::Package(_) => None,
        }
    }

    /// The submission set or folder, where it is one.
    pub const fn package(&self) -> Option<&Package> {
        match self {
            Self::Package(package) => Some(package),
            Self::Association(_) | Self::Entry(_) => None,
        }
    }

    /// The association, where it is one.
    pub const fn association(&self) -> Option<&Association> {
        match self {
            Self::Association(association) => Some(association),
            Self::Entry(_) | Self::Package(_) => None,
        }
    }

    /// Its id.
    pub fn object(&self) -> &ObjectId {
        match self {
            Self::Association(association) => &association.object,
            Self::Entry(entry) => &entry.object,
            Self::Package(package) => &package.object,
        }
    }

    /// Its unique id; an association has none.
    pub fn unique(&self) -> Option<&Phi<String>> {
        match self {
            Self::Association(_) => None,
            Self::Entry(entry) => Some(&entry.id.unique),
            Self::Package(package) => Some(&package.unique),
        }
    }

    /// Its home.
    pub fn community(&self) -> &CommunityId {
        match self {
            Self::Association(association) => &association.community,
            Self::Entry(entry) => &entry.id.community,
            Self::Package(package) => &package.community,
        }
    }

    /// Whose it is; an association is whose its ends are.
    pub fn patient(&self) -> Option<&PatientId> {
        match self {
            Self::Association(_) => None,
            Self::Entry(entry) => Some(&entry.patient),
            Self::Package(package) => Some(&package.patient),
        }
    }

    /// As it came, where it did.
    pub const fn wire(&self) -> Option<&WireBytes> {
        match self {
            Self::Association(association) => association.encoded.as_ref(),
            Self::Entry(DocumentEntry { encoded: Encoded::Ebxml(wire), .. }) => Some(wire),
            Self::Entry(_) => None,
            Self::Package(package) => Some(&package.encoded),
        }
    }
}

impl Finding for RegistryObject {
    fn subject(&self) -> Subject<'_> {
        match self {
            // Nobody can judge it but by what it joins.
            Self::Association(_) => Subject::Unknown,
            Self::Entry(entry) => Subject::Entry(entry),
            Self::Package(package) => Subject::Package(package),
        }
    }

    fn registry_object(&self) -> Option<&RegistryObject> {
        Some(self)
    }
}
