//! What is read of an entry on the way through its markup, step by step. The steps of markup that has the
//! shape of what was gone over before are those of that, with other values.

use std::borrow::Cow;

use smol_str::SmolStr;

use crate::dialect::Sent;
use crate::dialect::ebxml::entry::folded_hash;
use crate::dialect::ebxml::rim_element::RimElement;
use crate::dialect::ebxml::vocabulary::{same_uuid, scheme};
use crate::model::{
    Availability, Code, CommunityId, DocumentEntry, DocumentId, Encoded, EntryFields, ObjectId, Oid,
    PatientId, Phi, RepositoryId, WireBytes,
};
use crate::xml::{NotPlain, RawValue, Scanner};

/// What the last entry had that the next mostly has as well: as it stood, and read.
#[derive(Default)]
pub(super) struct Last<'a> {
    home: &'a str,
    patient: Option<(&'a str, PatientId)>,
    repository: Option<(Cow<'a, str>, RepositoryId)>,
}

impl<'a> Last<'a> {
    /// Whether it is the home that was asked.
    pub(super) fn is_asked(&mut self, home: &RawValue<'a>, sent: &Sent) -> Result<bool, NotPlain> {
        if home.raw.is_empty() || home.raw != self.home {
            if Oid::parse(&home.resolved()?).map(CommunityId).is_none_or(|home| home != sent.home) {
                return Ok(false);
            }
            self.home = home.raw;
        }
        Ok(true)
    }

    fn patient(&mut self, cx: &RawValue<'a>) -> Result<PatientId, NotPlain> {
        match &self.patient {
            Some((raw, patient)) if *raw == cx.raw => Ok(patient.clone()),
            _ => {
                let patient = PatientId::from_cx(&cx.resolved()?).ok_or(NotPlain)?;
                Ok(self.patient.insert((cx.raw, patient)).1.clone())
            }
        }
    }

    fn repository(&mut self, text: Cow<'a, str>) -> Result<RepositoryId, NotPlain> {
        match &self.repository {
            Some((known, repository)) if *known == text => Ok(repository.clone()),
            _ => {
                let repository = Oid::parse(text.trim()).map(RepositoryId).ok_or(NotPlain)?;
                Ok(self.repository.insert((text, repository)).1.clone())
            }
        }
    }
}

/// What is met within an entry that something is read of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step<V> {
    /// A slot of the entry begins.
    Slot(Valued),
    /// A value of the slot that is open.
    SlotValue(V),
    /// A classification begins.
    Classification { coded: Option<Coded>, node: Option<V> },
    /// A slot of the classification that is open begins.
    CodeSlot { is_scheme: bool },
    /// A value of that slot.
    CodeSlotValue(V),
    /// A name of the classification that is open begins.
    CodeName,
    /// A text of that name.
    CodeText { value: Option<V> },
    /// The classification ends.
    ClassificationEnd,
    /// An external identifier.
    Identifier { of: Identified, value: Option<V> },
}

impl<V: Copy> Step<V> {
    /// The same with each value made another; None where one cannot be.
    pub(super) fn map<W>(self, other: impl Fn(V) -> Option<W>) -> Option<Step<W>> {
        let maybe = |value: Option<V>| match value {
            Some(value) => other(value).map(Some),
            None => Some(None),
        };
        Some(match self {
            Self::Slot(valued) => Step::Slot(valued),
            Self::SlotValue(value) => Step::SlotValue(other(value)?),
            Self::Classification { coded, node } => Step::Classification { coded, node: maybe(node)? },
            Self::CodeSlot { is_scheme } => Step::CodeSlot { is_scheme },
            Self::CodeSlotValue(value) => Step::CodeSlotValue(other(value)?),
            Self::CodeName => Step::CodeName,
            Self::CodeText { value } => Step::CodeText { value: maybe(value)? },
            Self::ClassificationEnd => Step::ClassificationEnd,
            Self::Identifier { of, value } => Step::Identifier { of, value: maybe(value)? },
        })
    }

    /// The value it holds.
    pub(super) const fn value(self) -> Option<V> {
        match self {
            Self::SlotValue(value) | Self::CodeSlotValue(value) => Some(value),
            Self::Classification { node: value, .. }
            | Self::CodeText { value }
            | Self::Identifier { value, .. } => value,
            Self::Slot(_) | Self::CodeSlot { .. } | Self::CodeName | Self::ClassificationEnd => None,
        }
    }

    /// Whether nothing is read of what begins with it.
    pub(super) const fn begins_nothing(self) -> bool {
        matches!(
            self,
            Self::Slot(Valued::Other)
                | Self::Classification { coded: None, .. }
                | Self::Identifier { of: Identified::Other, .. }
        )
    }
}

impl<'a> Step<RawValue<'a>> {
    /// The elements that are open, the one that has just begun the last; and the value that makes it this step
    /// and not another.
    pub(super) fn at_start(
        scanner: &Scanner<'a>,
        open: &[RimElement],
    ) -> Option<(Self, Option<RawValue<'a>>)> {
        use RimElement::{Classification, ExternalIdentifier, LocalizedString, Name, Slot};
        let value = |name: &str| scanner.attribute(name).map(|attribute| attribute.value);
        let raw = |value: Option<RawValue<'a>>| value.map(|value| value.raw).unwrap_or_default();
        let name = value("name").filter(|_| open.last() == Some(&Slot));
        Some(match open {
            [Slot] => (Self::Slot(Valued::named(raw(name))), name),
            [Classification] => {
                let scheme = value("classificationScheme");
                let coded = CODED.into_iter().find(|(known, _)| same_uuid(known, raw(scheme)));
                let (coded, node) = (coded.map(|(_, coded)| coded), value("nodeRepresentation"));
                (Self::Classification { coded, node }, scheme)
            }
            [Classification, Slot] => (Self::CodeSlot { is_scheme: raw(name) == "codingScheme" }, name),
            [Classification, Name] => (Self::CodeName, None),
            [Classification, Name, LocalizedString] => (Self::CodeText { value: value("value") }, None),
            [ExternalIdentifier] => {
                let scheme = value("identificationScheme");
                (Self::Identifier { of: Identified::by(raw(scheme)), value: value("value") }, scheme)
            }
            _ => return None,
        })
    }

    /// A text, which ends at that offset. One that is blank is a step, too: what is learned of it is the
    /// meaning of whatever else stands there.
    pub(super) fn at_text(open: &[RimElement], text: &'a str, end: usize) -> Option<Self> {
        use RimElement::{Classification, Slot, Value, ValueList};
        let value = || {
            let has_references = text.contains('&');
            RawValue { raw: text, has_references, at: end - text.len() }
        };
        match open {
            [Slot, ValueList, Value] => Some(Self::SlotValue(value())),
            [Classification, Slot, ValueList, Value] => Some(Self::CodeSlotValue(value())),
            _ => None,
        }
    }
}

/// Which of the codes that are read a classification gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coded {
    Class,
    Confidentiality,
    Format,
    Type,
}

const CODED: [(&str, Coded); 4] = [
    (scheme::CLASS, Coded::Class),
    (scheme::CONFIDENTIALITY, Coded::Confidentiality),
    (scheme::FORMAT, Coded::Format),
    (scheme::TYPE, Coded::Type),
];

/// Which of the slots that are read one is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Valued {
    Hash,
    Repository,
    Size,
    #[default]
    Other,
}

impl Valued {
    fn named(name: &str) -> Self {
        match name {
            "hash" => Self::Hash,
            "repositoryUniqueId" => Self::Repository,
            "size" => Self::Size,
            _ => Self::Other,
        }
    }
}

/// What an external identifier is the id of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identified {
    Document,
    Patient,
    Other,
}

impl Identified {
    fn by(scheme: &str) -> Self {
        if same_uuid(scheme, scheme::PATIENT) {
            Self::Patient
        } else if same_uuid(scheme, scheme::UNIQUE) {
            Self::Document
        } else {
            Self::Other
        }
    }
}

/// What has been read of an entry so far.
#[derive(Default)]
pub(super) struct Reading<'a> {
    class: Option<Code>,
    type_code: Option<Code>,
    format: Option<Code>,
    confidentiality: Vec<Code>,
    hash: Option<Cow<'a, str>>,
    size: Option<Cow<'a, str>>,
    repository: Option<Cow<'a, str>>,
    unique: Option<Cow<'a, str>>,
    /// The patient's id, once its identifier was met.
    pub(super) patient: Option<RawValue<'a>>,
    /// What the values of the slot are for that is open.
    slot: Valued,
    /// Whether the slot of the classification that is open is the coding scheme.
    is_scheme: bool,
    coded: Option<(Coded, Code)>,
    /// Names seen within the classification that is open, and texts of the first of them.
    names: usize,
    texts: usize,
}

impl<'a> Reading<'a> {
    /// Takes one step.
    ///
    /// # Errors
    /// `NotPlain`.
    pub(super) fn take(&mut self, step: Step<RawValue<'a>>) -> Result<(), NotPlain> {
        match step {
            Step::Slot(valued) => self.slot = valued,
            Step::SlotValue(value) => return self.slot_value(value),
            Step::Classification { coded, node } => return self.begin_classification(coded, node),
            Step::CodeSlot { is_scheme } => self.is_scheme = is_scheme,
            Step::CodeSlotValue(value) => {
                let coded = self.coded.as_mut().filter(|(_, code)| self.is_scheme && code.system.is_empty());
                if let Some((_, code)) = coded {
                    code.system = value.resolved()?.trim().into();
                }
            }
            Step::CodeName => self.names += 1,
            Step::CodeText { value } => {
                self.texts += usize::from(self.names == 1);
                let is_first = self.names == 1 && self.texts == 1;
                if let Some((_, code)) = self.coded.as_mut().filter(|_| is_first) {
                    code.display = trimmed(value)?;
                }
            }
            Step::ClassificationEnd => {
                if let Some((coded, code)) = self.coded.take() {
                    self.classified(coded, code);
                }
            }
            Step::Identifier { of, value } => return self.identifier(of, value),
        }
        Ok(())
    }

    fn slot_value(&mut self, value: RawValue<'a>) -> Result<(), NotPlain> {
        let kept = match self.slot {
            Valued::Hash => &mut self.hash,
            Valued::Repository => &mut self.repository,
            Valued::Size => &mut self.size,
            Valued::Other => return Ok(()),
        };
        let value = value.resolved()?;
        if kept.is_none() && !value.trim().is_empty() {
            *kept = Some(value);
        }
        Ok(())
    }

    fn begin_classification(
        &mut self,
        coded: Option<Coded>,
        node: Option<RawValue<'a>>,
    ) -> Result<(), NotPlain> {
        (self.names, self.texts, self.is_scheme, self.coded) = (0, 0, false, None);
        if let Some(coded) = coded {
            self.coded = Some((coded, Code { value: trimmed(node)?, ..Code::default() }));
        }
        Ok(())
    }

    fn identifier(&mut self, of: Identified, value: Option<RawValue<'a>>) -> Result<(), NotPlain> {
        match of {
            // All of them would be changed.
            Identified::Patient => match self.patient.replace(value.ok_or(NotPlain)?) {
                Some(_) => Err(NotPlain),
                None => Ok(()),
            },
            Identified::Document if self.unique.is_none() => {
                self.unique = Some(value.ok_or(NotPlain)?.resolved()?);
                Ok(())
            }
            Identified::Document | Identified::Other => Ok(()),
        }
    }

    /// The code of the classification that is open, as far as it has been read.
    pub(super) const fn coded(&self) -> Option<&(Coded, Code)> {
        self.coded.as_ref()
    }

    /// A classification gives this code.
    pub(super) fn classified(&mut self, coded: Coded, code: Code) {
        match coded {
            Coded::Class => drop(self.class.get_or_insert(code)),
            Coded::Type => drop(self.type_code.get_or_insert(code)),
            Coded::Format => drop(self.format.get_or_insert(code)),
            Coded::Confidentiality => {
                // Nearly all have one, and thousands of entries may be held.
                self.confidentiality.reserve_exact(1);
                self.confidentiality.push(code);
            }
        }
    }

    /// The entry.
    ///
    /// # Errors
    /// `NotPlain` where it lacks what an entry must have, or is another patient's.
    pub(super) fn finish(
        self,
        (object, media_type, availability): (String, SmolStr, Availability),
        wire: WireBytes,
        sent: &Sent,
        last: &mut Last<'a>,
    ) -> Result<DocumentEntry, NotPlain> {
        let repository = last.repository(self.repository.ok_or(NotPlain)?)?;
        let unique = self.unique.map(|text| text.trim().to_owned()).filter(|unique| !unique.is_empty());
        let patient = last.patient(&self.patient.ok_or(NotPlain)?)?;
        if sent.patient.as_ref().is_some_and(|asked| *asked != patient) {
            return Err(NotPlain);
        }
        Ok(DocumentEntry::new(
            EntryFields {
                id: DocumentId {
                    community: sent.home.clone(),
                    repository,
                    unique: Phi::new(unique.ok_or(NotPlain)?),
                },
                object: ObjectId(Phi::new(object)),
                patient,
                class: self.class.unwrap_or_default(),
                type_code: self.type_code.unwrap_or_default(),
                format: self.format.unwrap_or_default(),
                confidentiality: self.confidentiality,
                availability,
                media_type,
                hash: self.hash.as_deref().map(folded_hash),
                size: self.size.and_then(|size| size.trim().parse().ok()),
                origin: None,
            },
            Encoded::Ebxml(wire),
        ))
    }
}

fn trimmed(given: Option<RawValue<'_>>) -> Result<SmolStr, NotPlain> {
    let value = given.as_ref().map(RawValue::resolved).transpose()?.unwrap_or_default();
    Ok(value.trim().into())
}
