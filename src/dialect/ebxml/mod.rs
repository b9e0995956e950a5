//! ebXML RegRep 3.0 as XDS.b and XCA use it: queries and retrieves, both halves of each.

mod anew;
mod association;
mod building;
mod carried;
mod checked_query;
mod cross_gateway_query;
mod cross_gateway_retrieve;
mod decode;
mod entry;
mod entry_view;
mod exclusion;
mod extrinsic_object;
mod object_counts;
mod package;
#[cfg(test)]
mod package_tests;
mod parameter;
mod plain_response;
#[cfg(test)]
mod portal_corpus_tests;
mod query_answer;
mod query_request;
mod query_response;
mod refusal;
mod registry_response;
mod registry_stored_query;
#[cfg(test)]
mod relay_tests;
mod retrieve_answer;
mod retrieve_document_set;
mod retrieve_request;
mod retrieve_response;
mod rim_element;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod spelling_tests;
mod splice;
mod stored_query;
pub mod summary;
mod vocabulary;

pub use anew::{association_anew, may_tell_authors, package_anew};
pub use carried::{
    Carried, CarriedAssociation, CarriedDocument, CarriedEntry, CarriedObjects, CarriedPackage, CarriedQuery,
};
pub use checked_query::HomeRule;
pub use cross_gateway_query::CrossGatewayQuery;
pub use cross_gateway_retrieve::CrossGatewayRetrieve;
pub use decode::{Decoded, decode};
pub use entry_view::{EntryView, metadata};
pub use exclusion::{has_references, is_admitted};
pub use parameter::like;
pub use query_response::OBJECTS_MAX;
pub use registry_stored_query::RegistryStoredQuery;
pub use retrieve_document_set::RetrieveDocumentSet;
pub use retrieve_request::DOCUMENTS_MAX;
