//! How a portal that cannot make SAML says who sits in front of it (`requester` table of a portal's file):
//! in HTTP headers of its own, or in a signed token (JWS) in one of them. Nothing of a person has a default.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use http::HeaderName;

use super::saml::{purpose, role};
use super::section::Section;
use super::tls::pem;
use crate::model::{Code, Oid, Purpose, Role};

/// The `requester` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortalRequester {
    /// Headers, or a token in one of them.
    pub carrier: RequesterCarrier,
    /// Who vouches, as records and budgets name it; a token's `iss`.
    pub issuer: String,
    /// The header, or the claim, of each thing that is said.
    pub names: RequesterNames,
    /// Purpose codes it sends and what they mean; others refuse.
    pub purposes: Vec<(Code, Purpose)>,
    /// Seconds within which it may send the same message again.
    pub resend_s: Option<u64>,
    /// Role codes it sends and the role inside the broker; others refuse.
    pub roles: Vec<(Code, Role)>,
}

/// What carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequesterCarrier {
    /// A header each.
    Headers(HeaderEncoding),
    /// A signed token.
    Token(TokenSettings),
}

/// How text that is not ASCII stands in a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderEncoding {
    /// UTF-8, percent-encoded (RFC 3986).
    Percent,
    /// `UTF-8''` and percent-encoded (RFC 8187).
    Rfc8187,
    /// The bytes of UTF-8 as they are.
    Utf8,
}

/// How a token is signed (RFC 7518). The file says which one counts, never the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenAlgorithm {
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// RSA PSS with SHA-256.
    Ps256,
    /// RSA PKCS#1 1.5 with SHA-256.
    Rs256,
}

impl TokenAlgorithm {
    const WORDS: [(&'static str, Self); 3] =
        [("ES256", Self::Es256), ("PS256", Self::Ps256), ("RS256", Self::Rs256)];

    /// The word in files and tokens.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Ps256 => "PS256",
            Self::Rs256 => "RS256",
        }
    }
}

/// What a token must fulfil.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSettings {
    /// How it is signed.
    pub algorithm: TokenAlgorithm,
    /// The `aud` that is us.
    pub audience: String,
    /// The header it stands in; in `authorization` behind the word Bearer.
    pub header: String,
    /// Public keys or certificates (PEM) of whoever signs; several while a key is rolled over.
    pub keys: Vec<PathBuf>,
    /// Seconds between `iat` and `exp` at most.
    pub life_s: u64,
    /// Seconds its clock may differ from ours.
    pub skew_s: u64,
}

/// Headers in small letters, or claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequesterNames {
    /// The person's id at the portal.
    pub person_id: String,
    /// The person's name.
    pub person_name: String,
    /// The organisation's id: consents name viewers by it.
    pub organization_id: String,
    /// The organisation's name.
    pub organization_name: String,
    /// The role's code.
    pub role: String,
    /// The coding scheme of that code, where the portal sends one.
    pub role_system: Option<String>,
    /// The purpose's code.
    pub purpose: String,
    /// When the person logged in, where the portal sends it.
    pub authenticated: Option<String>,
}

impl RequesterNames {
    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        let always = [
            &self.person_id,
            &self.person_name,
            &self.organization_id,
            &self.organization_name,
            &self.role,
            &self.purpose,
        ];
        always.into_iter().chain(&self.role_system).chain(&self.authenticated).map(String::as_str)
    }

    fn read(s: &mut Section<'_>) -> Option<Self> {
        let (person_id, person_name) =
            (s.required("person_id", "\"x-user-id\""), s.required("person_name", "\"x-user-name\""));
        let (organization_id, organization_name) = (
            s.required("organization_id", "\"x-facility-id\""),
            s.required("organization_name", "\"x-facility-name\""),
        );
        let (role, purpose) = (s.required("role", "\"x-role\""), s.required("purpose", "\"x-purpose\""));
        let (role_system, authenticated) = (s.text("role_system"), s.text("authenticated"));
        Some(Self {
            person_id: person_id?,
            person_name: person_name?,
            organization_id: organization_id?,
            organization_name: organization_name?,
            role: role?,
            role_system,
            purpose: purpose?,
            authenticated,
        })
    }
}

#[derive(Clone, Copy)]
enum Way {
    Headers,
    Token,
}

impl PortalRequester {
    /// None when anything needed is missing; the faults are noted.
    pub(super) fn read(mut section: Section<'_>, certs: &Path, role_system: &Oid) -> Option<Self> {
        let s = &mut section;
        let from = s.required_word("from", &[("headers", Way::Headers), ("token", Way::Token)]);
        let issuer = s.required("issuer", "\"https://portal.example\"");
        let names = RequesterNames::read(s);
        let roles: Vec<_> = s.sections("roles").into_iter().filter_map(|r| role(r, role_system)).collect();
        let purposes: Vec<_> = s.sections("purposes").into_iter().filter_map(purpose).collect();
        for (key, is_empty) in [("roles", roles.is_empty()), ("purposes", purposes.is_empty())] {
            if is_empty {
                let hint = "each code that it sends, and what that is here; others refuse";
                s.fault(key, format!("missing key `{}`", s.dotted(key)), hint);
            }
        }
        let resend_s = s.optional_number("resend_s", 1..=3_600);
        let carrier = match from {
            Some(Way::Headers) => Some(RequesterCarrier::Headers(encoding(s))),
            Some(Way::Token) => TokenSettings::read(s, certs).map(RequesterCarrier::Token),
            None => None,
        };
        let names = names.and_then(|names| match from {
            Some(Way::Headers) => headers(s, names),
            _ => Some(names),
        });
        // What may be told of a key of the other carrier is that it is not known here.
        if from.is_some() {
            section.finish();
        }
        Some(Self { carrier: carrier?, issuer: issuer?, names: names?, purposes, resend_s, roles })
    }
}

fn encoding(s: &mut Section<'_>) -> HeaderEncoding {
    let words = [
        ("percent", HeaderEncoding::Percent),
        ("rfc8187", HeaderEncoding::Rfc8187),
        ("utf8", HeaderEncoding::Utf8),
    ];
    s.word("encoding", &words).unwrap_or(HeaderEncoding::Percent)
}

impl TokenSettings {
    fn read(s: &mut Section<'_>, certs: &Path) -> Option<Self> {
        let algorithm = s.required_word("algorithm", &TokenAlgorithm::WORDS);
        let audience = s.required("audience", "\"urn:oid:...\"");
        let header = s
            .required("header", "\"authorization\"")
            .and_then(|name| header_name(s, "header", &name, &RESERVED).filter(|name| !name.is_empty()));
        let keys: Vec<PathBuf> = s.texts("key").iter().map(|name| pem(certs, name)).collect();
        if keys.is_empty() {
            s.fault("key", format!("missing key `{}`", s.dotted("key")), "key = \"x\" means certs/x.pem");
        }
        let life_s = s.number("life_s", 300, 10..=3_600);
        let skew_s = s.number("skew_s", 60, 0..=600);
        Some(Self { algorithm: algorithm?, audience: audience?, header: header?, keys, life_s, skew_s })
    }
}

// Each header says one thing, and none that says something already.
fn headers(s: &Section<'_>, names: RequesterNames) -> Option<RequesterNames> {
    let mut known = BTreeSet::new();
    let mut one = |key: &str, name: &str| {
        let name = header_name(s, key, name, &[&RESERVED[..], &["authorization"]].concat())?;
        if !known.insert(alike(&name)) {
            s.fault(key, format!("header {name} says two things"), "a header each");
            return None;
        }
        Some(name)
    };
    let (person_id, person_name) =
        (one("person_id", &names.person_id), one("person_name", &names.person_name));
    let organization_id = one("organization_id", &names.organization_id);
    let organization_name = one("organization_name", &names.organization_name);
    let (role, purpose) = (one("role", &names.role), one("purpose", &names.purpose));
    let role_system = names.role_system.as_deref().map(|name| one("role_system", name));
    let authenticated = names.authenticated.as_deref().map(|name| one("authenticated", name));
    Some(RequesterNames {
        person_id: person_id?,
        person_name: person_name?,
        organization_id: organization_id?,
        organization_name: organization_name?,
        role: role?,
        role_system: role_system.map_or(Some(None), |name| name.map(Some))?,
        purpose: purpose?,
        authenticated: authenticated.map_or(Some(None), |name| name.map(Some))?,
    })
}

fn header_name(s: &Section<'_>, key: &str, name: &str, reserved: &[&str]) -> Option<String> {
    let known = HeaderName::from_bytes(name.as_bytes()).ok().map(|name| name.as_str().to_owned());
    let free = known.filter(|name| !reserved.contains(&name.as_str()));
    if free.is_none() {
        s.fault(key, format!("\"{name}\" cannot be such a header"), "a name of its own, like \"x-user-id\"");
    }
    free
}

/// A header's name as programs between a portal and us may have rewritten it: `X_User_Id` is taken for
/// `x-user-id` by some.
pub fn alike(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}

/// Headers that mean something to HTTP, SOAP or tracing.
const RESERVED: [&str; 18] = [
    "accept",
    "action",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "soapaction",
    "te",
    "trailer",
    "traceparent",
    "transfer-encoding",
    "upgrade",
];

#[cfg(test)]
mod tests;
