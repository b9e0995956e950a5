//! A received registry object put into an answer of ours: its bytes stay, only attributes named here
//! are set and the namespaces it needs are declared (wire.md 14.3, 24.13).

use std::borrow::Cow;
use std::ops::Range;

use super::rim_element::RimElement;
use super::vocabulary::{RIM, same_uuid, scheme};
use crate::model::{Malformed, WireBytes, WirePlaces};
use crate::xml::Tree;

/// What is set in a spliced object.
#[derive(Debug, Clone, Copy, Default)]
pub struct Changes<'a> {
    /// Attributes of the object itself.
    pub attributes: &'a [(&'a str, &'a str)],
    /// The value of the patientId identifier, of whichever kind of object.
    pub patient: Option<&'a str>,
}

/// The object's bytes with these changes.
///
/// # Errors
/// `malformed-xml`; `unexpected-element` when it holds an element that has no place there: a Java
/// portal would fail to read the whole answer.
pub fn splice(wire: &WireBytes, changes: Changes<'_>) -> Result<String, Malformed> {
    let mut out = String::with_capacity(wire.text.reveal().as_str().len() + ADDED_BYTES);
    splice_into(&mut out, wire, changes)?;
    Ok(out)
}

/// As [`splice`], written behind what stands in `out`; in case of an error nothing is.
///
/// # Errors
/// As [`splice`].
pub fn splice_into(out: &mut String, wire: &WireBytes, changes: Changes<'_>) -> Result<(), Malformed> {
    let before = out.len();
    if let (Some(places), &[("home", home)], Some(patient)) =
        (&wire.places, changes.attributes, changes.patient)
    {
        if by_places(out, wire, places, home, patient).is_some() {
            return Ok(());
        }
        out.truncate(before);
    }
    let slice = wire.text.reveal().as_str();
    let (tree, offset) = parse(slice, &wire.namespaces)?;
    check_names(&tree)?;
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let tag = StartTag::at(slice, tree.element.at.saturating_sub(offset));
    for (name, value) in changes.attributes {
        edits.push(tag.set(name, value));
    }
    for (prefix, uri) in wire.namespaces.iter() {
        let (name, is_used) = if prefix.is_empty() {
            ("xmlns".to_owned(), !uri.is_empty())
        } else {
            (format!("xmlns:{prefix}"), slice.contains(&format!("{prefix}:")))
        };
        if is_used && tag.value(&name).is_none() {
            edits.push(tag.set(&name, uri));
        }
    }
    if let Some(patient) = changes.patient {
        let is_patient = |identifier: &&Tree| {
            identifier
                .attribute("identificationScheme")
                .is_some_and(|s| PATIENTS.iter().any(|patient| same_uuid(s, patient)))
        };
        for identifier in tree.all(RIM, "ExternalIdentifier").filter(is_patient) {
            let tag = StartTag::at(slice, identifier.element.at.saturating_sub(offset));
            edits.push(tag.set("value", patient));
        }
    }
    edits.sort_by_key(|(range, _)| range.start);
    let mut done = 0;
    for (range, text) in edits {
        out.push_str(slice.get(done..range.start).unwrap_or_default());
        out.push_str(&text);
        done = range.end;
    }
    out.push_str(slice.get(done..).unwrap_or_default());
    Ok(())
}

/// About what the declarations that an object needs take.
const ADDED_BYTES: usize = 512;

const PATIENTS: [&str; 3] = [scheme::PATIENT, scheme::SET_PATIENT, scheme::FOLDER_PATIENT];

// Read before: nothing but the places is looked at.
fn by_places(
    out: &mut String,
    wire: &WireBytes,
    places: &WirePlaces,
    home: &str,
    patient: &str,
) -> Option<()> {
    let slice = wire.text.reveal().as_str();
    out.reserve(slice.len() + ADDED_BYTES);
    out.push_str(slice.get(..places.after_name)?);
    for (at, (prefix, uri)) in wire.namespaces.iter().enumerate() {
        if places.declares >> at & 1 == 1 {
            let colon = if prefix.is_empty() { "" } else { ":" };
            for part in [" xmlns", colon, prefix, "=\"", &escaped(uri), "\""] {
                out.push_str(part);
            }
        }
    }
    let (first, second) = (&places.home, &places.patient);
    out.push_str(slice.get(places.after_name..first.start)?);
    out.push_str(&escaped(home));
    out.push_str(slice.get(first.end..second.start)?);
    push_escaped(out, patient);
    out.push_str(slice.get(second.end..)?);
    Some(())
}

/// Reads a slice with the namespaces that were in scope; gives its tree and how far its offsets are
/// shifted against the slice.
///
/// # Errors
/// As [`Tree::parse`].
pub fn parse(slice: &str, namespaces: &[(String, String)]) -> Result<(Tree, usize), Malformed> {
    let mut wrapped = "<scope".to_owned();
    for (prefix, uri) in namespaces {
        let colon = if prefix.is_empty() { "" } else { ":" };
        wrapped.push_str(&format!(" xmlns{colon}{prefix}=\"{}\"", escaped(uri)));
    }
    wrapped.push('>');
    let offset = wrapped.len();
    wrapped.push_str(slice);
    wrapped.push_str("</scope>");
    let scope = Tree::parse(&wrapped)?;
    let object = scope.elements().next().cloned();
    let object = object.ok_or_else(|| Malformed::new("malformed-xml", "", "a registry object is empty"))?;
    Ok((object, offset))
}

/// Whether every element below is one that ebXML RIM 3.0 has at that place.
///
/// # Errors
/// `unexpected-element`, naming it.
pub fn check_names(object: &Tree) -> Result<(), Malformed> {
    for child in object.elements() {
        let (this, parent) = (RimElement::named(child.name()), RimElement::named(object.name()));
        let has_place = this.zip(parent).is_some_and(|(this, parent)| this.may_stand_in(parent));
        if &*child.element.ns != RIM || !has_place {
            let why = format!("`{}` has no place within `{}`", child.name(), object.name());
            return Err(Malformed::new("unexpected-element", "", why));
        }
        check_names(child)?;
    }
    Ok(())
}

/// The attributes of a start tag, by where their values stand. The text is known to be well-formed.
struct StartTag<'s> {
    slice: &'s str,
    after_name: usize,
    attributes: Vec<(&'s str, Range<usize>)>,
}

impl<'s> StartTag<'s> {
    fn at(slice: &'s str, at: usize) -> Self {
        let text = slice.get(at..).unwrap_or_default();
        let name_end = text.find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>')).unwrap_or(0);
        let mut tag = Self { slice, after_name: at + name_end, attributes: Vec::new() };
        let mut position = tag.after_name;
        while let Some(rest) = slice.get(position..) {
            let name = rest.trim_start();
            if name.starts_with(['>', '/']) || name.is_empty() {
                break;
            }
            let Some((name, value)) = name.split_once('=') else { break };
            let value = value.trim_start();
            let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else { break };
            let value = value.get(1..).unwrap_or_default();
            let Some(length) = value.find(quote) else { break };
            let start = slice.len() - value.len();
            tag.attributes.push((name.trim_end(), start..start + length));
            position = start + length + 1;
        }
        tag
    }

    fn value(&self, name: &str) -> Option<Range<usize>> {
        self.attributes.iter().find(|(known, _)| *known == name).map(|(_, range)| range.clone())
    }

    /// The edit that gives an attribute this value.
    fn set(&self, name: &str, value: &str) -> (Range<usize>, String) {
        match self.value(name) {
            Some(range) => {
                // The quotes around it may be single ones.
                let is_single = self.slice.get(..range.start).is_some_and(|before| before.ends_with('\''));
                let value = escaped(value);
                (range, if is_single { value.replace('\'', "&apos;") } else { value.into_owned() })
            }
            None => (self.after_name..self.after_name, format!(" {name}=\"{}\"", escaped(value))),
        }
    }
}

fn escaped(value: &str) -> Cow<'_, str> {
    if !value.bytes().any(|byte| matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\t' | b'\n' | b'\r')) {
        return Cow::Borrowed(value);
    }
    let mut out = String::with_capacity(value.len() + value.len() / 2);
    push_escaped(&mut out, value);
    Cow::Owned(out)
}

fn push_escaped(out: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            _ => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::Phi;

    fn wire(slice: &str, namespaces: &[(&str, &str)]) -> WireBytes {
        let namespaces: Vec<_> = namespaces.iter().map(|(p, u)| ((*p).to_owned(), (*u).to_owned())).collect();
        WireBytes { text: Phi::new(slice.to_owned().into()), namespaces: Arc::from(namespaces), places: None }
    }

    #[test]
    fn home_and_patient_are_set_and_every_other_byte_stays() {
        let scheme = scheme::PATIENT.to_ascii_uppercase();
        let slice = format!(
            "<r:ExtrinsicObject id = 'a>b' home='old'\n x='y'><!-- home='z' --><r:ExternalIdentifier value=\"1^^^&amp;2.999&amp;ISO\"  \
             identificationScheme=\"{scheme}\"/><r:Slot name='urn:x'/></r:ExtrinsicObject>"
        );
        let changes = Changes { attributes: &[("home", "it's")], patient: Some("9^^^&2.999.1&ISO") };
        let spliced = splice(&wire(&slice, &[("r", RIM), ("unused", "urn:u")]), changes).unwrap();
        let expected = slice
            .replace("home='old'", "home='it&apos;s'")
            .replace("1^^^&amp;2.999&amp;ISO", "9^^^&amp;2.999.1&amp;ISO")
            .replace("ExtrinsicObject id", &format!("ExtrinsicObject xmlns:r=\"{RIM}\" id"));
        assert_eq!(spliced, expected);
    }

    #[test]
    fn a_default_namespace_in_scope_is_declared_and_one_of_its_own_is_left_alone() {
        let spliced = splice(&wire("<ExtrinsicObject/>", &[("", RIM)]), Changes::default()).unwrap();
        assert_eq!(spliced, format!("<ExtrinsicObject xmlns=\"{RIM}\"/>"));
        let own = format!("<ExtrinsicObject xmlns=\"{RIM}\"/>");
        assert_eq!(splice(&wire(&own, &[("", "urn:other")]), Changes::default()).unwrap(), own);
    }

    #[test]
    fn an_element_that_has_no_place_in_rim_is_not_spliced() {
        for inner in ["<x:y xmlns:x='urn:x'/>", "<Value/>", "<Slot name='a'><Value/></Slot>", "<Unknown/>"] {
            let slice = format!("<ExtrinsicObject xmlns='{RIM}'>{inner}</ExtrinsicObject>");
            let refused = splice(&wire(&slice, &[]), Changes::default()).unwrap_err();
            assert_eq!(refused.code, "unexpected-element", "{inner}");
        }
    }
}
