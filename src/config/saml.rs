//! How a peer's assertions are read and what ours toward it say (`saml` table of a file; wire.md 5).

use std::path::{Path, PathBuf};

use super::section::Section;
use super::tls::pem;
use crate::model::{Code, Oid, Purpose, Role, Timestamp};

/// How attributes of our assertions are marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameFormat {
    /// Without a NameFormat.
    Absent,
    /// `...:attrname-format:basic`.
    Basic,
    /// `...:attrname-format:uri`.
    Uri,
}

/// The `saml` table.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerSaml {
    /// Whether an assertion without AudienceRestriction is read.
    pub accept_missing_audience: bool,
    /// Whether an assertion without AuthnStatement is read.
    pub accept_missing_authn_statement: bool,
    /// Whether an assertion without homeCommunityId is read.
    pub accept_missing_home_community: bool,
    /// The audience our assertions toward it name; its community when None.
    pub audience: Option<String>,
    /// Issuers of its assertions, exact strings.
    pub issuers: Vec<String>,
    /// Seconds our assertions toward it live; the broker's own setting when None.
    pub life_s: Option<u64>,
    /// How attributes of our assertions toward it are marked.
    pub name_format: NameFormat,
    /// Whether an assertion may be used for one message only.
    pub one_use: bool,
    /// Purpose codes it sends and what they mean; the standard ones come first.
    pub purposes_in: Vec<(Code, Purpose)>,
    /// The code it is sent for each purpose; its own before the standard one.
    pub purposes_out: Vec<(Purpose, Code)>,
    /// Whether a message without wsu:Timestamp is refused.
    pub require_timestamp: bool,
    /// Seconds within which a portal may send the same message again (portals only, decisions B1).
    pub resend_s: Option<u64>,
    /// Role codes it sends and the role inside the broker; others refuse.
    pub roles_in: Vec<(Code, Role)>,
    /// Roles inside the broker and the code it is sent.
    pub roles_out: Vec<(Role, Code)>,
    /// Signatures with SHA-1 are taken before this moment.
    pub sha1_until: Option<Timestamp>,
    /// Certificates (PEM) its assertions are signed with; several while a key is rolled over.
    pub signers: Vec<PathBuf>,
    /// Seconds its clock may differ from ours.
    pub skew_s: u64,
}

impl PeerSaml {
    pub(super) fn read(mut section: Section<'_>, certs: &Path, role_system: &Oid) -> Self {
        let saml = Self::read_keys(&mut section, certs, role_system);
        for (key, missing) in [("issuer", saml.issuers.is_empty()), ("signer", saml.signers.is_empty())] {
            if missing {
                section.fault(key, format!("missing key `saml.{key}`"), "whose assertions are trusted");
            }
        }
        section.finish();
        saml
    }

    /// Of a server that never asks us: only what our assertions toward it say.
    pub(super) fn read_of_server(mut section: Section<'_>, role_system: &Oid) -> Self {
        let saml = Self::read_keys(&mut section, Path::new(""), role_system);
        for (key, is_there) in [("issuer", !saml.issuers.is_empty()), ("signer", !saml.signers.is_empty())] {
            if is_there {
                section.fault(key, "a source asks nothing and is trusted with no assertion", "remove it");
            }
        }
        section.finish();
        saml
    }

    fn read_keys(s: &mut Section<'_>, certs: &Path, role_system: &Oid) -> Self {
        let mut roles = s.section_or_empty("roles");
        let roles_in = roles.sections("in").into_iter().filter_map(|entry| role(entry, role_system));
        let roles_in = roles_in.collect();
        let roles_out = roles.sections("out").into_iter().filter_map(|entry| role(entry, role_system));
        let roles_out = roles_out.map(|(code, role)| (role, code)).collect();
        roles.finish();
        let mut purposes = s.section_or_empty("purposes");
        let own_in: Vec<_> = purposes.sections("in").into_iter().filter_map(purpose).collect();
        let own_out: Vec<_> = purposes.sections("out").into_iter().filter_map(purpose).collect();
        purposes.finish();
        let formats = [("uri", NameFormat::Uri), ("basic", NameFormat::Basic), ("none", NameFormat::Absent)];
        let flipped = |(code, purpose)| (purpose, code);
        Self {
            accept_missing_audience: s.flag("accept_missing_audience", false),
            accept_missing_authn_statement: s.flag("accept_missing_authn_statement", false),
            accept_missing_home_community: s.flag("accept_missing_home_community", false),
            audience: s.text("audience"),
            issuers: s.texts("issuer"),
            life_s: s.optional_number("life_s", 10..=3_600),
            name_format: s.word("name_format", &formats).unwrap_or(NameFormat::Uri),
            one_use: s.flag("one_use", false),
            purposes_in: standard().chain(own_in).collect(),
            purposes_out: own_out.into_iter().chain(standard()).map(flipped).collect(),
            require_timestamp: s.flag("require_timestamp", false),
            resend_s: s.optional_number("resend_s", 1..=3_600),
            roles_in,
            roles_out,
            sha1_until: s.end_of_day("sha1_until"),
            signers: s.texts("signer").iter().map(|name| pem(certs, name)).collect(),
            skew_s: s.number("skew_s", 60, 0..=600),
        }
    }
}

/// `{ code = "..", system = "..", display = "..", role = ".." }`.
fn role(mut section: Section<'_>, default_system: &Oid) -> Option<(Code, Role)> {
    let code = code(&mut section, default_system.as_str());
    let role = section.required("role", "\"physician\"").map(Role);
    section.finish();
    Some((code?, role?))
}

/// `{ code = "..", system = "..", display = "..", purpose = "TREATMENT" }`.
fn purpose(mut section: Section<'_>) -> Option<(Code, Purpose)> {
    let words = [("TREATMENT", Purpose::Treatment), ("EMERGENCY", Purpose::Emergency)];
    let code = code(&mut section, PURPOSE_SYSTEM);
    let purpose = section.required_word("purpose", &words);
    section.finish();
    code.zip(purpose)
}

fn code(section: &mut Section<'_>, default_system: &str) -> Option<Code> {
    let value = section.required("code", "\"...\"");
    let system = section.text("system").unwrap_or_else(|| default_system.to_owned());
    let display = section.text("display").unwrap_or_default();
    let bare = system.strip_prefix("urn:oid:").unwrap_or(&system).to_owned();
    Some(Code::new(value?, bare, display))
}

fn standard() -> impl Iterator<Item = (Code, Purpose)> {
    let both = [Purpose::Emergency, Purpose::Treatment];
    both.into_iter().map(|purpose| (Code::new(purpose.code(), PURPOSE_SYSTEM, ""), purpose))
}

/// XSPA purpose of use (decisions C5).
const PURPOSE_SYSTEM: &str = "2.16.840.1.113883.3.18.7.1";
