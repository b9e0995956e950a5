//! What vouches for the sender of a message: an assertion in it, the headers of a portal whose file says
//! so, or, where that is enough, nobody. An assertion that is there is verified, whatever else might do.

use http::HeaderMap;

use super::portal::PortalTrust;
use super::trust::{SamlTrust, refused};
use super::verify::verify_well_formed;
use crate::model::{CommunityId, Timestamp, Unauthenticated, Vouched, Warning};
use crate::xml::{Event, Reader, WellFormed};

/// What may vouch for the messages of one system.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// Its assertions; None where its file knows no issuer: one that is there is then refused.
    pub saml: Option<&'a SamlTrust>,
    /// Its headers, with those of this message. Portals only.
    pub portal: Option<(&'a PortalTrust, &'a HeaderMap)>,
    /// Whether this message is answered, from home alone, where nobody is vouched for.
    pub may_be_nobody: bool,
}

/// A sender that was established.
#[derive(Debug)]
pub(super) struct Sender {
    /// None where nobody was vouched for.
    pub(super) vouched: Option<Vouched>,
    /// How long its message, and what vouched for it, must be remembered.
    pub(super) until: Timestamp,
    /// Whether what vouched serves one message only.
    pub(super) one_use: bool,
    /// Habits put up with.
    pub(super) warnings: Vec<Warning>,
}

impl Terms<'_> {
    /// Establishes who sent a message.
    ///
    /// # Errors
    /// `Unauthenticated`, as [`super::verify()`] says; of a portal's headers with the one at fault.
    pub(super) fn sender(
        &self,
        root: WellFormed<'_>,
        community: &CommunityId,
        now: Timestamp,
    ) -> Result<Sender, Unauthenticated> {
        let is_plain = self.portal.is_none() && !self.may_be_nobody;
        if is_plain || vouches(root)? {
            return self.by_assertion(root, community, now);
        }
        if let Some((trust, headers)) = self.portal
            && (trust.is_said(headers) || !self.may_be_nobody)
        {
            let said = trust.read(headers, now)?;
            return Ok(Sender {
                one_use: said.expires.is_some(),
                until: said.expires.unwrap_or_else(|| now.plus_seconds(REMEMBERED_S)),
                vouched: Some(said.vouched),
                warnings: Vec::new(),
            });
        }
        let until = now.plus_seconds(REMEMBERED_S);
        Ok(Sender { vouched: None, until, one_use: false, warnings: Vec::new() })
    }

    fn by_assertion(
        &self,
        root: WellFormed<'_>,
        community: &CommunityId,
        now: Timestamp,
    ) -> Result<Sender, Unauthenticated> {
        if self.portal.is_some_and(|(trust, headers)| trust.is_said(headers)) {
            let why = "an assertion and headers that name a person: one of them";
            return Err(Unauthenticated { told: Some(why.to_owned()), ..refused("InvalidSecurity", why) });
        }
        let no_issuer = || refused("UnsupportedSecurityToken", "the file knows no issuer of assertions");
        let verified = verify_well_formed(root, self.saml.ok_or_else(no_issuer)?, community, now)?;
        Ok(Sender {
            vouched: Some(verified.vouched),
            until: verified.expires,
            one_use: verified.one_use,
            warnings: verified.warnings,
        })
    }
}

// Whether anything in the message claims to vouch for it, wherever it stands and in whatever namespace: it
// is then held to that.
fn vouches(root: WellFormed<'_>) -> Result<bool, Unauthenticated> {
    let mut reader = Reader::new(root.text());
    loop {
        match reader.next().map_err(|_| refused("InvalidSecurity", "the message cannot be parsed"))? {
            Event::Start(element) if CLAIMS.contains(&&*element.local) => return Ok(true),
            Event::Eof => return Ok(false),
            _ => {}
        }
    }
}

/// Elements that a message which vouches for nobody does not have.
const CLAIMS: [&str; 6] = [
    "Assertion",
    "BinarySecurityToken",
    "EncryptedAssertion",
    "Security",
    "SecurityContextToken",
    "UsernameToken",
];
/// How long a message that no token with an end of its own came with is remembered: longer than a portal may
/// send it again.
const REMEMBERED_S: i64 = 7_200;
