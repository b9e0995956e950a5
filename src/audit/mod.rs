//! Floor 5: record, then release. Only this room can make a `Released`, and only when the record of
//! it is on the disk. The log is a folder of append-only segments of chained records.

mod atna;
mod disclosed;
mod disk;
mod documents;
mod event;
mod forward;
mod handle;
mod judge;
mod opened;
mod patient_record;
mod record;
mod recovery;
mod references;
mod reject;
mod release;
mod search;
mod segments;
mod simulated_disk;
mod stats;
mod tail;
mod verify;
mod writer;

#[cfg(test)]
pub(crate) use atna::samples as atna_samples;
pub use atna::{AuditSource, Message};
pub use disclosed::Disclosed;
pub use disk::{Disk, FolderDisk};
pub use documents::Streams;
pub use event::{Ending, Event, Kind};
pub use forward::{ForwardOptions, ForwardReport, ForwardStatus, SyslogHeader, every_message, forward};
pub use handle::AuditHealth;
pub use opened::{LegOutcome, LegRecord, Opened, Recorded};
pub use patient_record::{RecordNote, Way};
pub use record::{Unreadable, leaf_hash};
pub use references::{CodeRef, DocumentRef, EndpointRef, LegRef, QueryElement, RequesterRef};
pub use reject::{Note, NoteKind, Rejection};
pub use release::{AuditLog, Released};
pub use search::{Found, Origin, SearchError, catch_up, keep_index, rebuild, search};
pub use segments::{AuditError, Cut};
pub use simulated_disk::{Crash, Fault, SimulatedDisk};
pub use stats::AuditStats;
pub use verify::{Break, Head, Verified, What, verify, verify_disk};
pub use writer::{AuditOptions, Recovered};
