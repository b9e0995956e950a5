//! Floor 4: who is asking, and how we say who asks (IHE XUA, ITI-40). A message's assertion is
//! verified on the bytes received, a portal without SAML by its headers; toward peers we issue an assertion of our own.

mod admit;
mod assertion;
mod attributes;
mod conditions;
mod dom;
mod notification;
mod portal;
mod saml;
mod sender;
mod signature;
mod signer;
mod trust;
mod unverified;
mod verify;

pub use admit::{Admission, Admitted, Arrival, NotAdmitted};
pub use assertion::{Identity, Issuing, NameFormat};
pub use notification::Notifications;
pub use portal::{PortalCarrier, PortalTrust, TokenKey, TokenTrust, verify_headers};
pub use sender::Terms;
pub use signer::Signer;
pub use trust::{IdentityError, SamlTrust, TrustedIssuer};
pub use unverified::{Unverified, read_unverified};
pub use verify::{VerifiedAssertion, verify, verify_well_formed};

#[cfg(test)]
mod tests;
