//! Floor 1: the words every room knows. Types and ports, no I/O.

mod answer;
mod community;
mod context;
mod document_entry;
mod document_query;
mod document_stream;
mod finding;
mod ids;
mod passing_hash;
mod patient_match;
mod patient_record;
mod person;
mod phi;
mod profile;
mod refusal;
mod registry_object;
mod request;
mod requester;
mod shared_text;
mod time;

pub use answer::{Answer, Failure, Outage, Outcome, Page, Reported, Severity};
pub use community::{Community, Descriptor, FarEnd, Leg, Outbound};
pub use context::{Endpoint, RequestContext, Side};
pub use document_entry::{
    Author, Availability, DocumentEntry, Encoded, EntryFields, EntryMetadata, Origin, WireBytes, WirePlaces,
};
pub use document_query::{Criteria, DocumentQuery, Exclusion, QueryKey, ReturnType, Slot, TimeRange, Wanted};
pub use document_stream::{Document, DocumentStream, Interrupted};
pub use finding::{Finding, Subject};
pub use ids::{
    Authority, Code, CommunityId, DocumentId, MessageId, ObjectId, Oid, PatientId, QueryId, RepositoryId,
    RequestId, TargetName,
};
pub use passing_hash::PassingHash;
pub use patient_match::{FoundPatient, Grade, GradedRecord, PatientMatch};
pub use patient_record::{PatientRecord, RecordChange};
pub use person::{Address, Attribute, Demographics, Insurance, NameScript, PersonName, Sex};
pub use phi::Phi;
pub use profile::{PatientUnknownPolicy, PeerProfile};
pub use refusal::{Malformed, Refusal, Unauthenticated, Warning};
pub use registry_object::{Association, Package, PackageKind, RegistryObject};
pub use request::{
    DemographicsQuery, DocumentRetrieve, Homeless, Operation, PatientDiscovery, PatientIdLookup,
    QueryCancellation, QueryContinuation, Request,
};
pub use requester::{AskerKey, Means, Organization, Person, Purpose, Requester, Role, Vouched, Voucher};
pub use shared_text::SharedText;
pub use time::{Dtm, PartialDate, Timestamp};
