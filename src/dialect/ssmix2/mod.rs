//! SS-MIX2 standard and extension storage (JAMI guideline 1.2, ISO/TS 24289): data kinds, paths,
//! correction chains, and a file as a document entry. No file is opened here.

mod chain;
mod checks;
mod coding;
mod document;
mod entry;
mod events;
mod identifiers;
mod kinds;
mod path;
mod read;
mod time;

pub use chain::{Chain, State};
pub use coding::{CodingSchemes, FacilitySettings};
pub use entry::{Body, Form, entry};

pub use identifiers::unique_id;
pub use kinds::{EXTENSION_TYPES, Event, ExtensionType, KINDS, StandardKind, TypeCode};
pub use path::{ChainKey, ExtensionKind, Flag, Kind, MAX_PATH_BYTES, StorageFile};
pub use read::{ReadFile, Unfiled, read_file, read_path, read_unfiled};

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod fixtures;
