//! AdhocQueryResponse in one pass, where it is what gateways usually send: entries with all that an entry
//! must have, of the home and the patient that were asked, in plain markup. Copies nothing but the few
//! fields that routing, policy and audit need, and notes where in an entry's bytes stands what an answer of
//! ours changes. Everything else is `NotPlain` and read again, whole, by [`super::query_response`], which
//! alone refuses and reports: this pass never decides that something is wrong.

use std::sync::Arc;

use memchr::memmem;

use super::entry::{Scope, object_type_of};
use super::query_response::{Head, OBJECTS_MAX, scan};
use super::rim_element::RimElement;
use super::vocabulary::{QUERY, RIM, availability};
use crate::dialect::Sent;
use crate::dialect::soap::Envelope;
use crate::model::{DocumentEntry, Phi, RegistryObject, SharedText, WireBytes, WirePlaces};
use crate::xml::{Limits, NotPlain, RawValue, Scanner, Shapes, Tag, Token, Used};
use meaning::{Gone, Meaning};
use reading::{Last, Reading, Step};

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
    let (mut found, mut last, mut shapes) = (Vec::new(), Last::default(), Shapes::default());
    let mut open: Vec<RimElement> = Vec::new();
    while scanner.depth() > 0 || !source.get(scanner.offset()..).ok_or(NotPlain)?.starts_with("</") {
        match scanner.token()? {
            Token::Text(_) => {}
            Token::Start(tag) if is(&tag, "ExtrinsicObject") && found.len() < OBJECTS_MAX => {
                let begun = tag.at;
                found.push(RegistryObject::Entry(entry(
                    &mut scanner,
                    tag,
                    &shared,
                    (&mut shapes, &mut last, &mut open),
                )?));
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

// `open` is empty before an entry and behind it: room for all of them.
fn entry<'a>(
    scanner: &mut Scanner<'a>,
    tag: Tag<'_>,
    shared: &Shared<'_>,
    (shapes, last, open): (&mut Shapes<'a, Meaning<'a>>, &mut Last<'a>, &mut Vec<RimElement>),
) -> Result<DocumentEntry, NotPlain> {
    let value = |name: &str| scanner.attribute(name).map(|attribute| attribute.value.resolved()).transpose();
    let home = scanner.attribute("home").ok_or(NotPlain)?.value;
    if !last.is_asked(&home, shared.sent)? {
        return Err(NotPlain);
    }
    let availability = value("status")?.and_then(|status| availability(&status)).ok_or(NotPlain)?;
    value("objectType")?.and_then(|given| object_type_of(&given)).ok_or(NotPlain)?;
    let object = value("id")?.map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()).ok_or(NotPlain)?;
    let media_type = value("mimeType")?.unwrap_or_default().trim().into();
    let declares = |(at, (prefix, _)): (usize, &(String, String))| u64::from(scanner.declares(prefix)) << at;
    let declared = shared.scope.iter().take(64).enumerate().map(declares).fold(0, |all, bit| all | bit);
    let mut reading = Reading::default();
    loop {
        if let Some((meaning, values)) = shapes.follow(scanner) {
            meaning.heed(values, &mut reading)?;
            continue;
        }
        shapes.begin(scanner);
        let Some(gone) = child(scanner, open, &mut reading)? else { break };
        shapes.learn(scanner, |place| gone.meaning(place));
    }
    let written = Written { tag, end: scanner.offset(), declared, used: scanner.take_used() };
    let wire = wire(&written, (home, reading.patient.ok_or(NotPlain)?), shared)?;
    reading.finish((object, media_type, availability), wire, shared.sent, last)
}

/// Steps of a child that is learned at most: a slot may hold as many values as a message has room for.
const STEPS_MAX: usize = 128;

// Goes over the next child of an entry; None at the end of the entry.
fn child<'a>(
    scanner: &mut Scanner<'a>,
    open: &mut Vec<RimElement>,
    reading: &mut Reading<'a>,
) -> Result<Option<Gone<'a>>, NotPlain> {
    let mut gone = Gone::default();
    loop {
        let step = match scanner.token()? {
            Token::Start(child) => {
                let parent = open.last().copied().unwrap_or(RimElement::ExtrinsicObject);
                let element = RimElement::named(child.local).filter(|this| this.may_stand_in(parent));
                if child.ns != RIM {
                    return Err(NotPlain);
                }
                open.push(element.ok_or(NotPlain)?);
                Step::at_start(scanner, open).map(|(step, by)| {
                    gone.told_by.extend(by.filter(|_| gone.told_by.len() <= STEPS_MAX));
                    step
                })
            }
            Token::Text(text) => Step::at_text(open, text, scanner.offset()),
            Token::End => match open.pop() {
                Some(element) if open.is_empty() => {
                    if element == RimElement::Classification {
                        gone.code = reading.coded().cloned();
                        gone.steps.push(Step::ClassificationEnd);
                        reading.take(Step::ClassificationEnd)?;
                    }
                    return Ok(Some(gone));
                }
                Some(_) => None,
                None => return Ok(None),
            },
        };
        if let Some(step) = step {
            if gone.steps.len() <= STEPS_MAX {
                gone.steps.push(step);
            }
            reading.take(step)?;
        }
    }
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
    (home, patient): (RawValue<'_>, RawValue<'_>),
    shared: &Shared<'_>,
) -> Result<WireBytes, NotPlain> {
    let Written { tag, end, declared, used } = *written;
    let text = SharedText::part(shared.whole, tag.at..end).ok_or(NotPlain)?;
    let bytes = text.as_str().as_bytes();
    let within = |value: RawValue<'_>| {
        let from = value.at.checked_sub(tag.at)?;
        let is_double = bytes.get(from.checked_sub(1)?) == Some(&b'"');
        is_double.then_some(from..from + value.raw.len())
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

mod meaning;
mod reading;

#[cfg(test)]
mod tests;
