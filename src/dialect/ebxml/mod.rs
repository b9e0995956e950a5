//! ebXML RegRep 3.0 as XDS.b and XCA use it: queries and retrieves, both halves of each.

mod cross_gateway_query;
mod cross_gateway_retrieve;
mod entry;
mod entry_view;
mod extrinsic_object;
mod parameter;
mod query_request;
mod query_response;
mod refusal;
mod registry_response;
mod retrieve_answer;
mod retrieve_request;
mod retrieve_response;
#[cfg(test)]
mod samples;
mod splice;
mod stored_query;
mod vocabulary;

pub use cross_gateway_query::CrossGatewayQuery;
pub use cross_gateway_retrieve::CrossGatewayRetrieve;
pub use entry_view::{EntryView, metadata};
pub use query_response::OBJECTS_MAX;
pub use retrieve_request::DOCUMENTS_MAX;
