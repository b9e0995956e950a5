//! What is read of an entry on the way through its markup, step by step. The steps of markup that has the
//! shape of what was gone over before are those of that, with other values.

use std::borrow::Cow;

use smol_str::SmolStr;

use crate::dialect::Sent;
use crate::dialect::ebxml::rim_element::RimElement;
use crate::dialect::ebxml::vocabulary::{same_uuid, scheme};
use crate::model::{
    Availability, Code, CommunityId, DocumentEntry, DocumentId, Encoded, ObjectId, Oid, PatientId, Phi,
    RepositoryId, WireBytes,
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
    Slot { name: Option<V> },
    /// A value of the slot that is open.
    SlotValue(V),
    /// A classification begins.
    Classification { scheme: Option<V>, node: Option<V> },
    /// A slot of the classification that is open begins.
    CodeSlot { name: Option<V> },
    /// A value of that slot.
    CodeSlotValue(V),
    /// A name of the classification that is open begins.
    CodeName,
    /// A text of that name.
    CodeText { value: Option<V> },
    /// The classification ends.
    ClassificationEnd,
    /// An external identifier.
    Identifier { scheme: Option<V>, value: Option<V> },
}

impl<V: Copy> Step<V> {
    /// The same with each value made another; None where one cannot be.
    pub(super) fn map<W>(self, other: impl Fn(V) -> Option<W>) -> Option<Step<W>> {
        let maybe = |value: Option<V>| match value {
            Some(value) => other(value).map(Some),
            None => Some(None),
        };
        Some(match self {
            Self::Slot { name } => Step::Slot { name: maybe(name)? },
            Self::SlotValue(value) => Step::SlotValue(other(value)?),
            Self::Classification { scheme, node } => {
                Step::Classification { scheme: maybe(scheme)?, node: maybe(node)? }
            }
            Self::CodeSlot { name } => Step::CodeSlot { name: maybe(name)? },
            Self::CodeSlotValue(value) => Step::CodeSlotValue(other(value)?),
            Self::CodeName => Step::CodeName,
            Self::CodeText { value } => Step::CodeText { value: maybe(value)? },
            Self::ClassificationEnd => Step::ClassificationEnd,
            Self::Identifier { scheme, value } => {
                Step::Identifier { scheme: maybe(scheme)?, value: maybe(value)? }
            }
        })
    }
}

impl<'a> Step<RawValue<'a>> {
    /// The elements that are open, the one that has just begun the last.
    pub(super) fn at_start(scanner: &Scanner<'a>, open: &[RimElement]) -> Option<Self> {
        use RimElement::{Classification, ExternalIdentifier, LocalizedString, Name, Slot};
        let value = |name: &str| scanner.attribute(name).map(|attribute| attribute.value);
        Some(match open {
            [Slot] => Self::Slot { name: value("name") },
            [Classification] => Self::Classification {
                scheme: value("classificationScheme"),
                node: value("nodeRepresentation"),
            },
            [Classification, Slot] => Self::CodeSlot { name: value("name") },
            [Classification, Name] => Self::CodeName,
            [Classification, Name, LocalizedString] => Self::CodeText { value: value("value") },
            [ExternalIdentifier] => {
                Self::Identifier { scheme: value("identificationScheme"), value: value("value") }
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
enum Coded {
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
enum Valued {
    Hash,
    Repository,
    Size,
    #[default]
    Other,
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
            Step::Slot { name } => {
                self.slot = match name.map(|name| name.raw) {
                    Some("hash") => Valued::Hash,
                    Some("repositoryUniqueId") => Valued::Repository,
                    Some("size") => Valued::Size,
                    _ => Valued::Other,
                };
            }
            Step::SlotValue(value) => return self.slot_value(value),
            Step::Classification { scheme, node } => return self.begin_classification(scheme, node),
            Step::CodeSlot { name } => self.is_scheme = name.is_some_and(|name| name.raw == "codingScheme"),
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
            Step::ClassificationEnd => self.end_classification(),
            Step::Identifier { scheme, value } => return self.identifier(scheme, value),
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
        given: Option<RawValue<'a>>,
        node: Option<RawValue<'a>>,
    ) -> Result<(), NotPlain> {
        let given = given.map(|scheme| scheme.raw).unwrap_or_default();
        (self.names, self.texts, self.is_scheme, self.coded) = (0, 0, false, None);
        if let Some((_, coded)) = CODED.into_iter().find(|(scheme, _)| same_uuid(scheme, given)) {
            self.coded = Some((coded, Code { value: trimmed(node)?, ..Code::default() }));
        }
        Ok(())
    }

    fn identifier(
        &mut self,
        scheme: Option<RawValue<'a>>,
        value: Option<RawValue<'a>>,
    ) -> Result<(), NotPlain> {
        let given = scheme.map(|scheme| scheme.raw).unwrap_or_default();
        if same_uuid(given, scheme::PATIENT) {
            // All of them would be changed.
            if self.patient.replace(value.ok_or(NotPlain)?).is_some() {
                return Err(NotPlain);
            }
        } else if same_uuid(given, scheme::UNIQUE) && self.unique.is_none() {
            self.unique = Some(value.ok_or(NotPlain)?.resolved()?);
        }
        Ok(())
    }

    fn end_classification(&mut self) {
        match self.coded.take() {
            Some((Coded::Class, code)) => drop(self.class.get_or_insert(code)),
            Some((Coded::Type, code)) => drop(self.type_code.get_or_insert(code)),
            Some((Coded::Format, code)) => drop(self.format.get_or_insert(code)),
            Some((Coded::Confidentiality, code)) => {
                // Nearly all have one, and thousands of entries may be held.
                self.confidentiality.reserve_exact(1);
                self.confidentiality.push(code);
            }
            None => {}
        }
    }

    /// The entry.
    ///
    /// # Errors
    /// `NotPlain` where it lacks what an entry must have, or is another patient's.
    pub(super) fn finish(
        self,
        (object, media_type, availability): (String, String, Availability),
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
        Ok(DocumentEntry {
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
            hash: self.hash.map(|hash| hash.trim().to_ascii_lowercase()),
            size: self.size.and_then(|size| size.trim().parse().ok()),
            origin: None,
            encoded: Encoded::Ebxml(wire),
        })
    }
}

fn trimmed(given: Option<RawValue<'_>>) -> Result<SmolStr, NotPlain> {
    let value = given.as_ref().map(RawValue::resolved).transpose()?.unwrap_or_default();
    Ok(value.trim().into())
}
