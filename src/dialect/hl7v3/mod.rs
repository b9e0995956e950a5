//! HL7 V3, both halves: ITI-55 Cross Gateway Patient Discovery, as its own transaction and as the
//! carrier of an id lookup; ITI-45 PIX V3 Query; ITI-44 and ITI-46, what registries and PIX managers tell;
//! ITI-47 PDQ V3 Query with its pages.

mod answer_read;
mod answer_write;
mod decode;
mod deviations;
mod iti44;
mod iti45;
mod iti46;
mod iti47;
mod iti55;
mod query;
mod refusal;
mod values;
mod wrapper;

pub use decode::{Carried, Decoded, decode};
pub use deviations::deviations;
pub use iti44::{ADDED_ROOT, DuplicatesResolved, MERGED_ROOT, REVISED_ROOT, RecordAdded, RecordRevised};
pub use iti45::{PIX_REQUEST_ROOT, PIX_RESPONSE_ROOT, PixQuery};
pub use iti46::PixUpdateNotification;
pub use iti47::{CANCELLATION_ROOT, CONTINUATION_ROOT, PdqCancellation, PdqContinuation, PdqQuery};
use iti55::ACKNOWLEDGEMENT_ROOT;
pub use iti55::{CrossGatewayPatientDiscovery, CrossGatewayPatientIdLookup, NS, REQUEST_ROOT, RESPONSE_ROOT};

#[cfg(test)]
mod corpus_tests;
#[cfg(test)]
mod spelling_tests;
#[cfg(test)]
mod tests;
