//! A peer gateway, or another kakehashi: ITI-55, ITI-38 and ITI-39 over mutual TLS.

use async_trait::async_trait;
use bytes::Bytes;
use http::Uri;

use super::exchange::Exchange;
use crate::dialect::ebxml::{CrossGatewayQuery, CrossGatewayRetrieve, is_admitted};
use crate::dialect::hl7v3::{CrossGatewayPatientDiscovery, CrossGatewayPatientIdLookup};
use crate::model::{
    Community, Descriptor, Document, DocumentQuery, DocumentRetrieve, Failure, FoundPatient, Leg, Outbound,
    Outcome, PatientDiscovery, PatientIdLookup, PatientMatch, Phi, RegistryObject, RequestContext,
};

/// The URLs of a peer gateway; None is not offered.
#[derive(Debug, Clone, Default)]
pub struct Endpoints {
    /// ITI-55.
    pub patient_discovery: Option<Uri>,
    /// ITI-38.
    pub document_query: Option<Uri>,
    /// ITI-39.
    pub document_retrieve: Option<Uri>,
}

/// A peer gateway.
pub struct Xca {
    descriptor: Descriptor,
    endpoints: Endpoints,
    exchange: Exchange,
}

impl Xca {
    /// A gateway at these URLs.
    pub const fn new(descriptor: Descriptor, endpoints: Endpoints, exchange: Exchange) -> Self {
        Self { descriptor, endpoints, exchange }
    }
}

fn offered(url: Option<&Uri>) -> Result<&Uri, Failure> {
    url.ok_or(Failure::NotOffered)
}

#[async_trait]
impl Community for Xca {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn query_element(&self, _: &RequestContext, leg: &Leg, outbound: Outbound<'_>) -> Option<Phi<Bytes>> {
        let (exchange, to) = (&self.exchange, &self.endpoints);
        match outbound {
            Outbound::Nothing => None,
            Outbound::DocumentQuery(request) => to
                .document_query
                .as_ref()
                .map(|to| exchange.query_element::<CrossGatewayQuery>(leg, to, request)),
            Outbound::DocumentRetrieve(request) => to
                .document_retrieve
                .as_ref()
                .map(|to| exchange.query_element::<CrossGatewayRetrieve>(leg, to, request)),
            Outbound::PatientDiscovery(request) => to
                .patient_discovery
                .as_ref()
                .map(|to| exchange.query_element::<CrossGatewayPatientDiscovery>(leg, to, request)),
            Outbound::PatientIdLookup(request) => to
                .patient_discovery
                .as_ref()
                .map(|to| exchange.query_element::<CrossGatewayPatientIdLookup>(leg, to, request)),
        }
    }

    fn documents_per_retrieve(&self) -> usize {
        self.exchange.profile.documents_per_retrieve
    }

    fn url(&self, outbound: Outbound<'_>) -> Option<String> {
        let to = match outbound {
            Outbound::Nothing => return None,
            Outbound::DocumentQuery(_) => &self.endpoints.document_query,
            Outbound::DocumentRetrieve(_) => &self.endpoints.document_retrieve,
            Outbound::PatientDiscovery(_) | Outbound::PatientIdLookup(_) => &self.endpoints.patient_discovery,
        };
        to.as_ref().map(ToString::to_string)
    }

    async fn patient_discovery(
        &self,
        context: &RequestContext,
        leg: &Leg,
        request: &PatientDiscovery,
    ) -> Outcome<PatientMatch> {
        let to = offered(self.endpoints.patient_discovery.as_ref())?;
        self.exchange.carry::<CrossGatewayPatientDiscovery>(context, leg, to, request).await
    }

    async fn patient_id_lookup(
        &self,
        context: &RequestContext,
        leg: &Leg,
        request: &PatientIdLookup,
    ) -> Outcome<FoundPatient> {
        let to = offered(self.endpoints.patient_discovery.as_ref())?;
        self.exchange.carry::<CrossGatewayPatientIdLookup>(context, leg, to, request).await
    }

    async fn document_query(
        &self,
        context: &RequestContext,
        leg: &Leg,
        request: &DocumentQuery,
    ) -> Outcome<RegistryObject> {
        let to = offered(self.endpoints.document_query.as_ref())?;
        let mut answer = self.exchange.carry::<CrossGatewayQuery>(context, leg, to, request).await?;
        // What gateways are not asked to leave out is left out here.
        answer.found.retain(|found| found.entry().is_none_or(|entry| is_admitted(&request.criteria, entry)));
        Ok(answer)
    }

    async fn document_retrieve(
        &self,
        context: &RequestContext,
        leg: &Leg,
        request: &DocumentRetrieve,
    ) -> Outcome<Document> {
        let to = offered(self.endpoints.document_retrieve.as_ref())?;
        self.exchange.carry::<CrossGatewayRetrieve>(context, leg, to, request).await
    }
}
