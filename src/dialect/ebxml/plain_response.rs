//! AdhocQueryResponse in one pass, where it is what gateways usually send: entries with all that an entry
//! must have, of the home and the patient that were asked, in plain markup. Copies nothing but the few
//! fields that routing, policy and audit need, and notes where in an entry's bytes stands what an answer of
//! ours changes. Everything else is `NotPlain` and read again, whole, by [`super::query_response`], which
//! alone refuses and reports: this pass never decides that something is wrong.

use std::borrow::Cow;
use std::sync::Arc;

use memchr::memmem;
use smol_str::SmolStr;

use super::entry::{Scope, object_type_of};
use super::query_response::{Head, OBJECTS_MAX, scan};
use super::rim_element::RimElement;
use super::vocabulary::{QUERY, RIM, availability, same_uuid, scheme};
use crate::dialect::Sent;
use crate::dialect::soap::Envelope;
use crate::model::{
    Availability, Code, CommunityId, DocumentEntry, DocumentId, Encoded, ObjectId, Oid, PatientId, Phi,
    RegistryObject, RepositoryId, SharedText, WireBytes, WirePlaces,
};
use crate::xml::{Limits, NotPlain, PlainAttribute, Scanner, Tag, Token, Used, resolved};

/// Reads an answer whose objects are all entries; gives what stands around them, and them.
///
/// # Errors
/// `NotPlain`: it is to be read by [`super::query_response::read`].
pub fn read(message: &Envelope, sent: &Sent) -> Result<(Head, Vec<RegistryObject>), NotPlain> {
    let (mut reader, root) = message.body().map_err(|_| NotPlain)?;
    if !root.is(QUERY, "AdhocQueryResponse") {
        return Err(NotPlain);
    }
    loop {
        let child = reader.child().map_err(|_| NotPlain)?.ok_or(NotPlain)?;
        if child.is(RIM, "RegistryObjectList") {
            break;
        }
        reader.skip().map_err(|_| NotPlain)?;
    }
    let (source, begin) = (message.source(), reader.offset());
    let before = source.get(..begin).filter(|before| !before.ends_with("/>")).ok_or(NotPlain)?;
    let scope: Scope = reader.namespaces().into();
    let limits = Limits::default();
    let limits = Limits { depth: limits.depth.saturating_sub(reader.depth()), ..limits };
    let shared = Shared { sent, whole: message.shared(), scope: &scope };
    let mut scanner = Scanner::new(source, begin, &scope, limits);
    let (mut found, mut last) = (Vec::new(), Last::default());
    while scanner.depth() > 0 || !source.get(scanner.offset()..).ok_or(NotPlain)?.starts_with("</") {
        match scanner.token()? {
            Token::Text(_) => {}
            Token::Start(tag) if is(&tag, "ExtrinsicObject") && found.len() < OBJECTS_MAX => {
                let begun = tag.at;
                found.push(RegistryObject::Entry(entry(&mut scanner, tag, &shared, &mut last)?));
                if found.len() == 1 {
                    // Entries of one list are about as long as the first: a list that grew would be there twice.
                    let rest = source.len().saturating_sub(scanner.offset());
                    let more = rest / (scanner.offset() - begun).max(ENTRY_BYTES_MIN);
                    found.reserve_exact(more.min(OBJECTS_MAX) + more.min(OBJECTS_MAX) / 16);
                }
            }
            Token::Start(_) | Token::End => return Err(NotPlain),
        }
    }
    // The rest of the message, its end included, is the reader's.
    let after = source.get(scanner.offset()..).unwrap_or_default();
    let head = scan(&message.with_source([before, after].concat()), |_| Err(odd())).map_err(|_| NotPlain)?;
    Ok((head, found))
}

/// No entry with all that it must have is shorter.
const ENTRY_BYTES_MIN: usize = 1_000;

fn odd() -> crate::model::Malformed {
    crate::model::Malformed::new("malformed-xml", "", "an object outside the list")
}

fn is(tag: &Tag<'_>, local: &str) -> bool {
    tag.ns == RIM && tag.local == local
}

/// What all entries of a message have in common.
struct Shared<'m> {
    sent: &'m Sent,
    whole: &'m Arc<String>,
    scope: &'m Scope,
}

/// What the last entry had that the next mostly has as well: as it stood, and read.
#[derive(Default)]
struct Last<'a> {
    home: &'a str,
    patient: Option<(&'a str, PatientId)>,
    repository: Option<(Cow<'a, str>, RepositoryId)>,
}

impl<'a> Last<'a> {
    // Whether it is the home that was asked.
    fn is_asked(&mut self, home: &PlainAttribute<'a>, sent: &Sent) -> Result<bool, NotPlain> {
        if home.raw.is_empty() || home.raw != self.home {
            if Oid::parse(&home.value()?).map(CommunityId).is_none_or(|home| home != sent.home) {
                return Ok(false);
            }
            self.home = home.raw;
        }
        Ok(true)
    }

    fn patient(&mut self, cx: &PlainAttribute<'a>) -> Result<PatientId, NotPlain> {
        match &self.patient {
            Some((raw, patient)) if *raw == cx.raw => Ok(patient.clone()),
            _ => {
                let patient = PatientId::from_cx(&cx.value()?).ok_or(NotPlain)?;
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
struct Reading<'a> {
    class: Option<Code>,
    type_code: Option<Code>,
    format: Option<Code>,
    confidentiality: Vec<Code>,
    hash: Option<Cow<'a, str>>,
    size: Option<Cow<'a, str>>,
    repository: Option<Cow<'a, str>>,
    unique: Option<Cow<'a, str>>,
    patient: Option<PlainAttribute<'a>>,
    /// What the values of the slot are for that is open.
    slot: Valued,
    /// Whether the slot of the classification that is open is the coding scheme.
    is_scheme: bool,
    coded: Option<(Coded, Code)>,
    /// Names seen within the classification that is open, and texts of the first of them.
    names: usize,
    texts: usize,
}

fn entry<'a>(
    scanner: &mut Scanner<'a>,
    tag: Tag<'_>,
    shared: &Shared<'_>,
    last: &mut Last<'a>,
) -> Result<DocumentEntry, NotPlain> {
    let value = |name: &str| scanner.attribute(name).map(PlainAttribute::value).transpose();
    let home = scanner.attribute("home").copied().ok_or(NotPlain)?;
    if !last.is_asked(&home, shared.sent)? {
        return Err(NotPlain);
    }
    let availability = value("status")?.and_then(|status| availability(&status)).ok_or(NotPlain)?;
    value("objectType")?.and_then(|given| object_type_of(&given)).ok_or(NotPlain)?;
    let object = value("id")?.map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()).ok_or(NotPlain)?;
    let media_type = value("mimeType")?.unwrap_or_default().trim().to_owned();
    let declares = |(at, (prefix, _)): (usize, &(String, String))| u64::from(scanner.declares(prefix)) << at;
    let declared = shared.scope.iter().take(64).enumerate().map(declares).fold(0, |all, bit| all | bit);
    let mut reading = Reading::default();
    let mut open: Vec<RimElement> = Vec::with_capacity(8);
    loop {
        match scanner.token()? {
            Token::Start(child) => {
                let parent = open.last().copied().unwrap_or(RimElement::ExtrinsicObject);
                let element = RimElement::named(child.local).filter(|this| this.may_stand_in(parent));
                if child.ns != RIM {
                    return Err(NotPlain);
                }
                open.push(element.ok_or(NotPlain)?);
                reading.begin(scanner, &open)?;
            }
            Token::Text(text) => reading.text(&open, text)?,
            Token::End => match open.pop() {
                Some(element) => reading.end(element, open.len()),
                None => break,
            },
        }
    }
    let written = Written { tag, end: scanner.offset(), declared, used: scanner.take_used() };
    let wire = wire(&written, (home, reading.patient.ok_or(NotPlain)?), shared)?;
    reading.finish((object, media_type, availability), wire, shared.sent, last)
}

impl<'a> Reading<'a> {
    fn begin(&mut self, scanner: &Scanner<'a>, open: &[RimElement]) -> Result<(), NotPlain> {
        use RimElement::{Classification, ExternalIdentifier, LocalizedString, Name, Slot};
        let raw = |name: &str| scanner.attribute(name).map(|attribute| attribute.raw);
        match open {
            [Slot] => {
                self.slot = match raw("name") {
                    Some("hash") => Valued::Hash,
                    Some("repositoryUniqueId") => Valued::Repository,
                    Some("size") => Valued::Size,
                    _ => Valued::Other,
                };
            }
            [Classification] => self.begin_classification(scanner)?,
            [Classification, Slot] => self.is_scheme = raw("name") == Some("codingScheme"),
            [Classification, Name] => self.names += 1,
            [Classification, Name, LocalizedString] if self.names == 1 => {
                self.texts += 1;
                if let Some((_, code)) = self.coded.as_mut().filter(|_| self.texts == 1) {
                    code.display = trimmed(scanner.attribute("value"))?;
                }
            }
            [ExternalIdentifier] => {
                let given = raw("identificationScheme").unwrap_or_default();
                let value = || scanner.attribute("value").copied().ok_or(NotPlain);
                if same_uuid(given, scheme::PATIENT) {
                    // All of them would be changed.
                    if self.patient.replace(value()?).is_some() {
                        return Err(NotPlain);
                    }
                } else if same_uuid(given, scheme::UNIQUE) && self.unique.is_none() {
                    self.unique = Some(value()?.value()?);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn begin_classification(&mut self, scanner: &Scanner<'a>) -> Result<(), NotPlain> {
        let given = scanner.attribute("classificationScheme").map(|scheme| scheme.raw).unwrap_or_default();
        (self.names, self.texts, self.is_scheme, self.coded) = (0, 0, false, None);
        if let Some((_, coded)) = CODED.into_iter().find(|(scheme, _)| same_uuid(scheme, given)) {
            let value = trimmed(scanner.attribute("nodeRepresentation"))?;
            self.coded = Some((coded, Code { value, ..Code::default() }));
        }
        Ok(())
    }

    fn text(&mut self, open: &[RimElement], text: &'a str) -> Result<(), NotPlain> {
        use RimElement::{Classification, Slot, Value, ValueList};
        let kept = match open {
            [Slot, ValueList, Value] => match self.slot {
                Valued::Hash => &mut self.hash,
                Valued::Repository => &mut self.repository,
                Valued::Size => &mut self.size,
                Valued::Other => return Ok(()),
            },
            [Classification, Slot, ValueList, Value] if self.is_scheme => {
                if let Some((_, code)) = self.coded.as_mut().filter(|(_, code)| code.system.is_empty()) {
                    code.system = resolved(text)?.trim().into();
                }
                return Ok(());
            }
            _ => return Ok(()),
        };
        let value = resolved(text)?;
        if kept.is_none() && !value.trim().is_empty() {
            *kept = Some(value);
        }
        Ok(())
    }

    fn end(&mut self, element: RimElement, outside: usize) {
        if (element, outside) != (RimElement::Classification, 0) {
            return;
        }
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

    fn finish(
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

fn trimmed(attribute: Option<&PlainAttribute<'_>>) -> Result<SmolStr, NotPlain> {
    let value = attribute.map(PlainAttribute::value).transpose()?.unwrap_or_default();
    Ok(value.trim().into())
}

/// How an entry stands in its message.
struct Written<'e> {
    tag: Tag<'e>,
    end: usize,
    /// By bit: which of the outer namespaces its start tag declares itself.
    declared: u64,
    /// Which of the outer namespaces it uses.
    used: Used,
}

// The entry's bytes, which stay where they are, and where in them stands what an answer of ours changes.
fn wire(
    written: &Written<'_>,
    (home, patient): (PlainAttribute<'_>, PlainAttribute<'_>),
    shared: &Shared<'_>,
) -> Result<WireBytes, NotPlain> {
    let Written { tag, end, declared, used } = *written;
    let text = SharedText::part(shared.whole, tag.at..end).ok_or(NotPlain)?;
    let bytes = text.as_str().as_bytes();
    let within = |attribute: PlainAttribute<'_>| {
        let from = attribute.at.checked_sub(tag.at)?;
        let is_double = bytes.get(from.checked_sub(1)?) == Some(&b'"');
        is_double.then_some(from..from + attribute.raw.len())
    };
    let (home, patient) = (within(home).ok_or(NotPlain)?, within(patient).ok_or(NotPlain)?);
    // Whatever looks like a prefix counts where a value may name one.
    let is_named = |prefix: &str| {
        used.is_any_qualified && memmem::find(bytes, format!("{prefix}:").as_bytes()).is_some()
    };
    let mut declares = 0_u64;
    for (at, (prefix, uri)) in shared.scope.iter().enumerate() {
        let bit = 1_u64.checked_shl(u32::try_from(at).map_err(|_| NotPlain)?).ok_or(NotPlain)?;
        let is_used =
            if prefix.is_empty() { !uri.is_empty() } else { used.outer & bit != 0 || is_named(prefix) };
        if is_used && declared & bit == 0 {
            declares |= bit;
        }
    }
    let places = WirePlaces { after_name: tag.after_name - tag.at, home, patient, declares };
    let namespaces = Arc::clone(shared.scope);
    Ok(WireBytes { text: Phi::new(text), namespaces, places: Some(places) })
}

#[cfg(test)]
mod tests;
