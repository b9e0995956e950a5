//! What a portal reads otherwise than the holder wrote it: all of it, field by field, with the reason.
//! `docs/losses.md` is made of this.

mod declared;

use super::asking::Portal;
use super::fields::Fields;
use super::peers::Peer;
use super::written::Holder;

pub use declared::DECLARED;

/// Which objects lose something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Of {
    /// Entries of all documents that have the field.
    Entries,
    /// The entries of these documents.
    These(&'static [u32]),
    /// These submission sets.
    TheseSets(&'static [u32]),
    /// Folders and submission sets.
    Packages,
    Associations,
    /// These associations, and which they are.
    TheseAssociations(&'static [u32], &'static str),
    /// What ITI-43 and ITI-39 say beside the bytes.
    Retrieved,
}

/// What becomes of a field.
#[derive(Clone, Copy)]
pub enum Becomes {
    /// The whole object is not shown.
    NotShown,
    Missing,
    /// Another id, made by whoever builds the object anew.
    Minted,
    Is(&'static str),
    /// Said in words, and made of what was.
    Made(&'static str, fn(&Seen<'_>, &str) -> String),
}

/// Who sees it.
pub struct Seen<'s> {
    pub holder: &'s Holder,
    /// The patient id that the portal asked by.
    pub asked: &'s str,
    pub number: u32,
}

/// A declared loss.
pub struct Loss {
    pub peers: &'static [Peer],
    pub portals: &'static [Portal],
    pub of: Of,
    pub field: &'static str,
    pub becomes: Becomes,
    pub why: &'static str,
}

/// The losses of a pair.
pub fn of(peer: Peer, portal: Portal) -> Vec<&'static Loss> {
    let is_of = |loss: &&Loss| loss.peers.contains(&peer) && loss.portals.contains(&portal);
    DECLARED.iter().filter(is_of).collect()
}

/// What stands where something was minted.
pub const MINTED: &str = "\u{1}minted";

/// Takes the loss into what was; whether it changed anything. None where the object is not shown.
pub fn applied(loss: &Loss, seen: &Seen<'_>, fields: &mut Option<Fields>) -> bool {
    let Some(held) = fields else { return false };
    let before = held.get(loss.field).cloned();
    let after = match loss.becomes {
        Becomes::NotShown => {
            *fields = None;
            return true;
        }
        Becomes::Missing => None,
        Becomes::Minted => Some(MINTED.to_owned()),
        Becomes::Is(value) => Some(value.to_owned()),
        Becomes::Made(_, make) => Some(make(seen, before.as_deref().unwrap_or_default())),
    };
    let after = after.filter(|value| !value.is_empty());
    let is_changed = before != after;
    match after {
        Some(value) => held.insert(loss.field.to_owned(), value),
        None => held.remove(loss.field),
    };
    is_changed
}
