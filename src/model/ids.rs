//! Identifiers: OIDs, communities, authorities, patients, documents, messages and requests.
//! Wire forms are those of ITI TF-3 4.2.3.1 (CX) and ITI TF-2 Appendix E (home community).

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use smol_str::SmolStr;

use super::Phi;

/// A dotted object identifier, at most 64 characters, without `urn:oid:`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid(Arc<str>);

impl Oid {
    /// Reads `1.2.392` or `urn:oid:1.2.392` (any case of the prefix). None when it is not an OID.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let bare = match text.get(..8) {
            Some(prefix) if prefix.eq_ignore_ascii_case("urn:oid:") => text.get(8..)?,
            _ => text,
        };
        let arcs_fit = bare.split('.').all(|arc| {
            !arc.is_empty()
                && arc.bytes().all(|b| b.is_ascii_digit())
                && (arc == "0" || !arc.starts_with('0'))
        });
        (arcs_fit && bare.len() <= 64 && bare.contains('.')).then(|| Self(bare.into()))
    }

    /// Bare, as HL7 V3 `@root` and repositoryUniqueId want it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Bare, to be kept, without an allocation.
    pub fn short(&self) -> SmolStr {
        SmolStr::from(Arc::clone(&self.0))
    }

    /// `urn:oid:...`, as ebXML, XDS requests and SAML want it.
    pub fn urn(&self) -> String {
        format!("urn:oid:{}", self.0)
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// homeCommunityId: one network.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommunityId(pub Oid);

/// An assigning authority of patient ids.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Authority(pub Oid);

/// repositoryUniqueId, bare; compared so, echoed to a peer as it came.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryId(pub Oid);

impl fmt::Display for CommunityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.urn())
    }
}

/// A patient's id under one authority: CX in ebXML, II in HL7 V3.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PatientId {
    /// Who assigned it.
    pub authority: Authority,
    /// The id itself.
    pub value: Phi<String>,
}

// Each entry of a list is given the id that was asked for: in the place of its own.
impl Clone for PatientId {
    fn clone(&self) -> Self {
        Self { authority: self.authority.clone(), value: self.value.clone() }
    }

    fn clone_from(&mut self, source: &Self) {
        self.authority.clone_from(&source.authority);
        self.value.clone_from(&source.value);
    }
}

impl PatientId {
    /// From its two halves.
    pub fn new(authority: Authority, value: impl Into<String>) -> Self {
        Self { authority, value: Phi::new(value.into()) }
    }

    /// Reads a CX `id^^^[namespace]&oid[&ISO]`; `\S\`, `\T\` and `\E\` in the id are unescaped.
    /// None when id or OID is missing.
    pub fn from_cx(text: &str) -> Option<Self> {
        let mut components = text.trim().split('^');
        let id = components.next().map(str::trim).filter(|id| !id.is_empty())?;
        let authority = components.nth(2)?.split('&').nth(1).and_then(Oid::parse)?;
        Some(Self::new(Authority(authority), unescaped(id)))
    }

    /// Writes the CX `id^^^&oid&ISO`.
    pub fn cx(&self) -> Phi<String> {
        let id = self.value.reveal().replace('\\', "\\E\\").replace('^', "\\S\\").replace('&', "\\T\\");
        Phi::new(format!("{id}^^^&{}&ISO", self.authority.0))
    }
}

// One pass from the left: in `\E\S\E\` the middle is text, no escape.
fn unescaped(id: &str) -> String {
    let mut plain = String::with_capacity(id.len());
    let mut rest = id;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let escape = match after.get(..2) {
            Some("S\\") => Some('^'),
            Some("T\\") => Some('&'),
            Some("E\\") => Some('\\'),
            _ => None,
        };
        plain.push(escape.unwrap_or('\\'));
        rest = if escape.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    plain.push_str(rest);
    plain
}

/// One document: home community, repository and unique id, as ITI-39 names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentId {
    /// The community it is to be fetched from.
    pub community: CommunityId,
    /// The repository within that community.
    pub repository: RepositoryId,
    /// XDSDocumentEntry.uniqueId, byte for byte.
    pub unique: Phi<String>,
}

/// The id of a registry object (entryUUID): `urn:uuid:...`, compared without case.
#[derive(Debug, Clone)]
pub struct ObjectId(pub Phi<String>);

impl ObjectId {
    /// Without `urn:uuid:` and in lower case, for comparing.
    pub fn folded(&self) -> Cow<'_, str> {
        let bare = self.bare();
        match bare.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => bare.to_ascii_lowercase().into(),
            false => bare.into(),
        }
    }

    // Without `urn:uuid:`, in whatever case.
    fn bare(&self) -> &str {
        const PREFIX: &str = "urn:uuid:";
        let id = self.0.reveal().trim();
        match id.split_at_checked(PREFIX.len()) {
            Some((prefix, bare)) if prefix.eq_ignore_ascii_case(PREFIX) => bare,
            _ => id,
        }
    }

    fn lower(&self) -> impl Iterator<Item = u8> {
        self.bare().bytes().map(|byte| byte.to_ascii_lowercase())
    }
}

impl PartialEq for ObjectId {
    fn eq(&self, other: &Self) -> bool {
        self.bare().eq_ignore_ascii_case(other.bare())
    }
}

impl Eq for ObjectId {}

impl PartialOrd for ObjectId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ObjectId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.lower().cmp(other.lower())
    }
}

impl std::hash::Hash for ObjectId {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        // In pieces of one length, so that those that are equal are fed alike.
        let mut piece = [0; 64];
        for part in self.bare().as_bytes().chunks(piece.len()) {
            let lower = piece.get_mut(..part.len()).unwrap_or_default();
            lower.copy_from_slice(part);
            lower.make_ascii_lowercase();
            state.write(lower);
        }
        state.write_u8(0xff);
    }
}

/// wsa:MessageID: any string, `urn:uuid:...` when we make it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub String);

impl MessageId {
    /// A fresh one; our client never repeats a MessageID.
    pub fn fresh() -> Self {
        Self(format!("urn:uuid:{}", uuid::Uuid::new_v4()))
    }
}

/// HL7 V3 queryId, also the number of the message: root and extension.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueryId {
    /// OID (ours: the device OID) or UUID.
    pub root: String,
    /// Absent when the root alone is the id.
    pub extension: Option<String>,
}

/// The id of one request through the broker: the W3C trace id, shared by both brokers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u128);

impl RequestId {
    /// A random one.
    pub fn fresh() -> Self {
        Self(uuid::Uuid::new_v4().as_u128())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// A peer's or source's name: the stem of its file in `peers/`, also its label in metrics.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetName(pub Arc<str>);

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Tables set it in columns.
        f.pad(&self.0)
    }
}

/// A coded value: code, coding scheme (bare OID where it is one) and what a person reads.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code {
    /// The code.
    pub value: SmolStr,
    /// The coding scheme.
    pub system: SmolStr,
    /// Display name, may be empty.
    pub display: SmolStr,
}

impl Code {
    /// From its three parts.
    pub fn new(value: impl Into<SmolStr>, system: impl Into<SmolStr>, display: impl Into<SmolStr>) -> Self {
        Self { value: value.into(), system: system.into(), display: display.into() }
    }

    /// Same code of the same scheme; `urn:oid:` before a scheme does not count.
    pub fn same(&self, other: &Self) -> bool {
        let bare = |code: &Self| code.system.strip_prefix("urn:oid:").unwrap_or(&code.system).to_owned();
        self.value == other.value && bare(self) == bare(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_oid_is_read_with_and_without_its_urn_and_nothing_else_is() {
        assert_eq!(Oid::parse("URN:OID:1.2.392").map(|o| o.urn()), Some("urn:oid:1.2.392".to_owned()));
        for bad in ["", "1", "1..2", "1.02", "1.a", "urn:uuid:1.2", "1.2."] {
            assert_eq!(Oid::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_cx_goes_out_and_comes_back_with_delimiters_in_the_id() {
        let oid = Oid::parse("2.999.33").map(Authority);
        let id = PatientId::new(oid.unwrap(), "a^b&c\\d");
        assert_eq!(PatientId::from_cx(id.cx().reveal()), Some(id.clone()));
        for nasty in ["\\S\\", "\\", "\\\\E", "E\\S", "a\\T\\^&\\", "山\\"] {
            let id = PatientId { value: Phi::new(nasty.to_owned()), ..id.clone() };
            assert_eq!(PatientId::from_cx(id.cx().reveal()), Some(id), "{nasty}");
        }
        let lone = PatientId::from_cx("a\\b\\X\\^^^&2.999.33&ISO").map(|id| id.value);
        assert_eq!(lone, Some(Phi::new("a\\b\\X\\".to_owned())), "no escape stays as it is");
        assert_eq!(PatientId::from_cx("1^^^NS&2.999&ISO").map(|p| p.value), Some(Phi::new("1".to_owned())));
        assert_eq!(PatientId::from_cx("^^^&2.999&ISO"), None);
        assert_eq!(PatientId::from_cx("1^^^NS"), None);
    }
}
