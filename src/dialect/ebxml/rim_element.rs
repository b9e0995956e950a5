//! The elements that registry objects are made of, and where each may stand (ebXML RIM 3.0, rim.xsd).

/// An element of ebXML RIM 3.0 that an object in an answer may be or hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RimElement {
    /// An association.
    Association,
    /// A code, or what a package is.
    Classification,
    /// The version of a document's content.
    ContentVersionInfo,
    /// What is said of an object at length.
    Description,
    /// An id of an object.
    ExternalIdentifier,
    /// A document entry.
    ExtrinsicObject,
    /// A text in one language.
    LocalizedString,
    /// What an object is called.
    Name,
    /// An object by its id.
    ObjectRef,
    /// Objects within a package.
    RegistryObjectList,
    /// A submission set or folder.
    RegistryPackage,
    /// A named list of values.
    Slot,
    /// A value of a slot.
    Value,
    /// The values of a slot.
    ValueList,
    /// The version of an object.
    VersionInfo,
}

impl RimElement {
    /// By its local name.
    pub fn named(local: &str) -> Option<Self> {
        Some(match local {
            "Association" => Self::Association,
            "Classification" => Self::Classification,
            "ContentVersionInfo" => Self::ContentVersionInfo,
            "Description" => Self::Description,
            "ExternalIdentifier" => Self::ExternalIdentifier,
            "ExtrinsicObject" => Self::ExtrinsicObject,
            "LocalizedString" => Self::LocalizedString,
            "Name" => Self::Name,
            "ObjectRef" => Self::ObjectRef,
            "RegistryObjectList" => Self::RegistryObjectList,
            "RegistryPackage" => Self::RegistryPackage,
            "Slot" => Self::Slot,
            "Value" => Self::Value,
            "ValueList" => Self::ValueList,
            "VersionInfo" => Self::VersionInfo,
            _ => return None,
        })
    }

    /// Whether RIM has it within that one.
    pub const fn may_stand_in(self, parent: Self) -> bool {
        match parent {
            Self::ObjectRef
            | Self::Classification
            | Self::ExternalIdentifier
            | Self::Association
            | Self::RegistryPackage
            | Self::ExtrinsicObject => match self {
                Self::Slot
                | Self::Name
                | Self::Description
                | Self::VersionInfo
                | Self::Classification
                | Self::ExternalIdentifier => true,
                Self::ContentVersionInfo => matches!(parent, Self::ExtrinsicObject),
                Self::RegistryObjectList => matches!(parent, Self::RegistryPackage),
                _ => false,
            },
            Self::Slot => matches!(self, Self::ValueList),
            Self::ValueList => matches!(self, Self::Value),
            Self::Name | Self::Description => matches!(self, Self::LocalizedString),
            Self::RegistryObjectList => matches!(
                self,
                Self::ObjectRef
                    | Self::Association
                    | Self::Classification
                    | Self::ExtrinsicObject
                    | Self::RegistryPackage
            ),
            Self::ContentVersionInfo | Self::LocalizedString | Self::Value | Self::VersionInfo => false,
        }
    }
}
