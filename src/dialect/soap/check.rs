//! The header rules of a request and of an answer (wire.md 2, 3.2; WS-Addressing 1.0 SOAP binding).
//! Security is not judged here, only that its block is alone.

use super::{Envelope, Fault, Header};
use crate::model::{Failure, MessageId, PeerProfile, Warning};

/// A transaction an endpoint offers: its action and the element its body holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offered {
    /// wsa:Action of the request.
    pub action: &'static str,
    /// Namespace of the body's child.
    pub ns: &'static str,
    /// Local name of the body's child.
    pub root: &'static str,
}

/// Bytes of a wsa:MessageID; it is echoed, recorded and remembered.
const MESSAGE_ID_BYTES_MAX: usize = 1024;

const ANONYMOUS: &str = "http://www.w3.org/2005/08/addressing/anonymous";

/// Judges a request's header and body root, and tells which of the offered transactions it is.
/// The whole root part has been read once afterwards, so it is well-formed to its end.
///
/// # Errors
/// The fault to answer with.
pub fn check_request(
    envelope: &Envelope,
    offered: &[Offered],
    profile: &PeerProfile,
) -> Result<usize, Fault> {
    let header = &envelope.header;
    let invalid = "wsa:InvalidAddressingHeader";
    if !header.not_understood.is_empty() {
        return Err(Fault::must_understand(&header.not_understood));
    }
    if header.repeated.contains(&"Security") {
        return Err(Fault::sender(&["wsse:InvalidSecurity"], "the security header was not accepted"));
    }
    if let Some(block) = header.repeated.first() {
        let reason = format!("the header block {block} came more than once or is too large");
        return Err(Fault::sender(&[invalid, "wsa:InvalidCardinality"], reason));
    }
    let Some(action) = header.action.as_deref() else {
        return Err(Fault::sender(&["wsa:MessageAddressingHeaderRequired"], "wsa:Action is missing"));
    };
    // A blank within an action is met too, and admitted where the peer's file says so.
    let joined: String = action.split_whitespace().collect();
    let is_named = |o: &Offered| o.action == action || (profile.route_by_body && o.action == joined);
    if !offered.iter().any(is_named) {
        return Err(Fault::sender(&["wsa:ActionNotSupported"], "the action is not offered here"));
    }
    let (ns, root) = envelope.body_name().map_err(|malformed| Fault::malformed(&malformed))?;
    let fits = |o: &Offered| o.ns == &*ns && o.root == root;
    // One action may stand over several roots.
    let fitting = offered.iter().position(|o| is_named(o) && fits(o));
    let chosen = match (fitting, offered.iter().position(fits)) {
        (Some(fitting), _) => fitting,
        (None, Some(by_body)) if profile.route_by_body => by_body,
        _ => {
            let reason = "the body does not fit the action";
            return Err(Fault::sender(&[invalid, "wsa:ActionMismatch"], reason));
        }
    };
    if header.message_id.is_none() && !profile.accept_missing_message_id {
        return Err(Fault::sender(&["wsa:MessageAddressingHeaderRequired"], "wsa:MessageID is missing"));
    }
    if header.message_id.as_ref().is_some_and(|id| id.0.len() > MESSAGE_ID_BYTES_MAX) {
        let reason = format!("wsa:MessageID is over {MESSAGE_ID_BYTES_MAX} bytes");
        return Err(Fault::sender(&[invalid], reason));
    }
    if header.reply_to.as_deref().is_some_and(|address| address != ANONYMOUS) {
        let reason = "answers go back on the same connection only";
        return Err(Fault::sender(&[invalid, "wsa:OnlyAnonymousAddressSupported"], reason));
    }
    Ok(chosen)
}

/// Compares an answer's RelatesTo with the request's MessageID. A missing one is put up with on
/// the same connection, and so are `urn:`, `uuid:` and case.
///
/// # Errors
/// `Unreadable` on a definite mismatch.
pub fn check_relates_to(header: &Header, sent: &MessageId) -> Result<Option<Warning>, Failure> {
    let Some(relates_to) = &header.relates_to else {
        return Ok(Some(Warning::new("relates-to-missing", "the answer has no wsa:RelatesTo")));
    };
    if relates_to == sent {
        return Ok(None);
    }
    let folded = |id: &MessageId| {
        let lower = id.0.trim().to_ascii_lowercase();
        let bare = lower.strip_prefix("urn:").unwrap_or(&lower);
        bare.strip_prefix("uuid:").unwrap_or(bare).to_owned()
    };
    if folded(relates_to) == folded(sent) {
        return Ok(Some(Warning::new("relates-to-spelling", "wsa:RelatesTo is spelt another way")));
    }
    Err(Failure::Unreadable("wsa:RelatesTo names another message".into()))
}
