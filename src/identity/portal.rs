//! Who sits in front of a portal that cannot make SAML: what its file says stands in HTTP headers of its
//! own, or in a signed token, over the mutual TLS of its certificate. Everything must be there, once, and
//! known to the file's tables: nothing has a default. A fault names the header, never what stood in it.

mod decode;
mod json;
mod token;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

use super::attributes::bare;
use crate::config::{HeaderEncoding, RequesterNames, alike};
use crate::model::{
    Code, Means, Organization, Person, Purpose, Role, Timestamp, Unauthenticated, Vouched, Voucher,
};

pub use token::{TokenKey, TokenTrust};

/// What one portal's headers are held against. Built from its file; nothing here is read from a message.
#[derive(Debug, Clone)]
pub struct PortalTrust {
    /// Who vouches, for records and budgets; a token's `iss`.
    pub issuer: String,
    /// Where each thing stands.
    pub names: RequesterNames,
    /// The portal's role codes and what they are here.
    pub roles: Vec<(Code, Role)>,
    /// The portal's purpose codes.
    pub purposes: Vec<(Code, Purpose)>,
    /// Headers, or a token in one of them.
    pub carrier: PortalCarrier,
}

/// What carries it.
#[derive(Debug, Clone)]
pub enum PortalCarrier {
    /// A header each.
    Headers(HeaderEncoding),
    /// A signed token.
    Token(TokenTrust),
}

/// Somebody a portal vouched for.
#[derive(Debug)]
pub(super) struct PortalVouched {
    pub(super) vouched: Vouched,
    /// Until when a token could be presented again, skew included.
    pub(super) expires: Option<Timestamp>,
}

impl PortalTrust {
    /// Whether anything of it is there, in whatever spelling.
    pub(super) fn is_said(&self, headers: &HeaderMap) -> bool {
        headers.keys().any(|name| self.headers().any(|ours| alike(ours) == alike(name.as_str())))
    }

    /// Whether what stands there may be an emergency: says who is to be verified, nothing else.
    pub fn may_be_emergency(&self, headers: &HeaderMap) -> bool {
        let emergencies = self.purposes.iter().filter(|(_, purpose)| *purpose == Purpose::Emergency);
        let codes: Vec<&str> = emergencies.map(|(code, _)| code.value.as_str()).collect();
        match &self.carrier {
            PortalCarrier::Headers(encoding) => decode::one(headers, &self.names.purpose, *encoding)
                .is_ok_and(|said| codes.contains(&said.as_str())),
            PortalCarrier::Token(token) => {
                let claims = token.unverified(headers);
                let said = claims.as_ref().and_then(|claims| claims.get(&self.names.purpose)?.as_str());
                said.is_some_and(|said| codes.contains(&said))
            }
        }
    }

    /// Who is vouched for.
    ///
    /// # Errors
    /// `SecurityTokenUnavailable`, `InvalidSecurity`, `InvalidSecurityToken`, `FailedCheck`,
    /// `MessageExpired`, each with the header at fault.
    pub(super) fn read(&self, headers: &HeaderMap, now: Timestamp) -> Result<PortalVouched, Unauthenticated> {
        self.refuse_lookalikes(headers)?;
        match &self.carrier {
            PortalCarrier::Headers(encoding) => {
                let said = |name: &str| decode::one(headers, name, *encoding);
                // Where nothing is there it is the person that is missing.
                said(&self.names.person_id)?;
                let at = self.names.authenticated.as_deref().map(|name| (name, said(name)));
                let authenticated = match at {
                    Some((name, text)) => Some(logged_in(name, &text?, now)?),
                    None => None,
                };
                let system = self.names.role_system.as_deref().map(&said).transpose()?;
                let roles = vec![said(&self.names.role)?];
                let by =
                    Voucher { means: Means::Headers, issuer: self.issuer.clone(), id: None, authenticated };
                let vouched = self.vouched(&said, &roles, system.as_deref(), by)?;
                Ok(PortalVouched { vouched, expires: None })
            }
            PortalCarrier::Token(token) => {
                let opened = token.open(&self.issuer, headers, now)?;
                let vouched = self.of_claims(&opened.claims, opened.id, now, token.skew_s)?;
                Ok(PortalVouched { vouched, expires: Some(opened.expires) })
            }
        }
    }

    fn of_claims(
        &self,
        claims: &Map<String, Value>,
        id: String,
        now: Timestamp,
        skew_s: i64,
    ) -> Result<Vouched, Unauthenticated> {
        let place = |name: &str| self.place(name);
        let said = |name: &str| match claims.get(name) {
            None => Err(missing(&place(name))),
            Some(Value::String(text)) => decode::checked(&place(name), text),
            Some(_) => Err(faulty(&place(name), "is no text")),
        };
        let authenticated = match &self.names.authenticated {
            None => None,
            Some(name) => {
                let seconds = claims.get(name).ok_or_else(|| missing(&place(name)))?.as_i64();
                let at = seconds.and_then(decode::from_seconds);
                let at = at.ok_or_else(|| faulty(&place(name), "is no number of seconds"))?;
                Some(past(&place(name), at, now, skew_s)?)
            }
        };
        let role = &self.names.role;
        let roles = match claims.get(role) {
            Some(Value::Array(values)) if (1..=ROLES_MAX).contains(&values.len()) => {
                let text = |value: &Value| match value {
                    Value::String(text) => decode::checked(&place(role), text),
                    _ => Err(faulty(&place(role), "is no text")),
                };
                values.iter().map(text).collect::<Result<Vec<_>, _>>()?
            }
            _ => vec![said(role)?],
        };
        let system = self.names.role_system.as_deref().map(said).transpose()?;
        let by = Voucher { means: Means::Token, issuer: self.issuer.clone(), id: Some(id), authenticated };
        self.vouched(&said, &roles, system.as_deref(), by)
    }

    fn vouched(
        &self,
        said: &impl Fn(&str) -> Result<String, Unauthenticated>,
        codes: &[String],
        system: Option<&str>,
        by: Voucher,
    ) -> Result<Vouched, Unauthenticated> {
        let names = &self.names;
        let person = Person { id: said(&names.person_id)?, name: said(&names.person_name)?, alias: None };
        let organization_id = bare(&said(&names.organization_id)?).to_owned();
        let organization = Organization { id: organization_id, name: said(&names.organization_name)? };
        let is_role = |code: &Code, value: &str| {
            code.value == value && system.is_none_or(|system| bare(system) == code.system)
        };
        let (mut roles, mut role_codes) = (Vec::new(), Vec::new());
        for value in codes {
            let found = self.roles.iter().find(|(code, _)| is_role(code, value));
            let (code, role) = found.ok_or_else(|| faulty(&self.place(&names.role), UNKNOWN))?;
            role_codes.push(code.clone());
            roles.push(role.clone());
        }
        roles.sort();
        roles.dedup();
        let purpose = said(&names.purpose)?;
        let purpose = self.purposes.iter().find(|(code, _)| code.value == purpose).map(|(_, found)| *found);
        let purpose = purpose.ok_or_else(|| faulty(&self.place(&names.purpose), UNKNOWN))?;
        Ok(Vouched { organization, person, roles, role_codes, purpose, by })
    }

    // The header, and the claim where it is one.
    fn place(&self, name: &str) -> String {
        match &self.carrier {
            PortalCarrier::Headers(_) => name.to_owned(),
            PortalCarrier::Token(token) => format!("{} (claim {name})", token.header),
        }
    }

    fn headers(&self) -> impl Iterator<Item = &str> {
        let (names, token) = match &self.carrier {
            PortalCarrier::Headers(_) => (Some(&self.names), None),
            PortalCarrier::Token(token) => (None, Some(token.header.as_str())),
        };
        names.into_iter().flat_map(RequesterNames::all).chain(token)
    }

    // A program in between may take one for the other: which one it checked nobody can tell.
    fn refuse_lookalikes(&self, headers: &HeaderMap) -> Result<(), Unauthenticated> {
        for ours in self.headers() {
            let is_alike = |name: &str| name != ours && alike(name) == alike(ours);
            if headers.keys().any(|name| is_alike(name.as_str())) {
                return Err(refused("InvalidSecurity", ours, "has another beside it that is spelt alike"));
            }
        }
        Ok(())
    }
}

/// Whom the headers of a portal name, given as they came.
///
/// # Errors
/// As for a message: `Unauthenticated` with the header at fault.
pub fn verify_headers(
    trust: &PortalTrust,
    headers: &[(&[u8], &[u8])],
    now: Timestamp,
) -> Result<Vouched, Unauthenticated> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            map.append(name, value);
        }
    }
    trust.read(&map, now).map(|read| read.vouched)
}

fn logged_in(name: &str, text: &str, now: Timestamp) -> Result<Timestamp, Unauthenticated> {
    let at =
        Timestamp::from_xs_date_time(text).ok_or_else(|| faulty(name, "is no xs:dateTime with a zone"))?;
    past(name, at, now, SKEW_S)
}

fn past(place: &str, at: Timestamp, now: Timestamp, skew_s: i64) -> Result<Timestamp, Unauthenticated> {
    if at > now.plus_seconds(skew_s) {
        return Err(faulty(place, "lies in the future"));
    }
    Ok(at)
}

fn missing(place: &str) -> Unauthenticated {
    refused("SecurityTokenUnavailable", place, "is missing")
}

fn faulty(place: &str, why: &str) -> Unauthenticated {
    refused("InvalidSecurityToken", place, why)
}

fn refused(word: &'static str, place: &str, why: &str) -> Unauthenticated {
    let why = format!("header {place} {why}");
    Unauthenticated { word, told: Some(why.clone()), why }
}

const UNKNOWN: &str = "holds a code that the file does not know";
/// How far the clock of a portal that sends plain headers may be off.
const SKEW_S: i64 = 60;
/// Roles in one token.
const ROLES_MAX: usize = 32;

#[cfg(test)]
mod tests;
