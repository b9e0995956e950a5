//! Our network's own PIX manager: asked which ids are one person's (ITI-45), and told what other networks
//! call a person (ITI-44). It holds no documents and is no target of requests.

use async_trait::async_trait;
use bytes::Bytes;
use http::Uri;

use super::exchange::Exchange;
use crate::dialect::hl7v3::{DuplicatesResolved, PixQuery, RecordAdded, RecordRevised};
use crate::model::{
    Community, Descriptor, Failure, FoundPatient, Leg, Outbound, Outcome, PatientIdLookup, PatientRecord,
    Phi, RecordChange, RequestContext, RequestId,
};

/// The PIX manager.
pub struct PixManager {
    descriptor: Descriptor,
    exchange: Exchange,
    query: Uri,
    feed: Option<Uri>,
}

impl PixManager {
    /// One that is asked here and, where there is a second URL, told there.
    pub const fn new(descriptor: Descriptor, exchange: Exchange, query: Uri, feed: Option<Uri>) -> Self {
        Self { descriptor, exchange, query, feed }
    }

    /// Tells it what has become of a record.
    ///
    /// # Errors
    /// `NotOffered` where it is not told anything; every failure of an exchange.
    pub async fn tell(&self, id: RequestId, leg: &Leg, record: &PatientRecord) -> Result<(), Failure> {
        let (exchange, to) = (&self.exchange, self.feed.as_ref().ok_or(Failure::NotOffered)?);
        match record.change {
            RecordChange::Added => exchange.tell::<RecordAdded>(id, leg, to, record).await?,
            RecordChange::Revised => exchange.tell::<RecordRevised>(id, leg, to, record).await?,
            RecordChange::Merged => exchange.tell::<DuplicatesResolved>(id, leg, to, record).await?,
        };
        Ok(())
    }

    /// Where it is told.
    pub const fn feed(&self) -> Option<&Uri> {
        self.feed.as_ref()
    }

    /// Its name.
    pub const fn name(&self) -> &crate::model::TargetName {
        &self.descriptor.name
    }
}

#[async_trait]
impl Community for PixManager {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn query_element(&self, _: &RequestContext, leg: &Leg, outbound: Outbound<'_>) -> Option<Phi<Bytes>> {
        let Outbound::PatientIdLookup(request) = outbound else { return None };
        Some(self.exchange.query_element::<PixQuery>(leg, &self.query, request))
    }

    fn url(&self, outbound: Outbound<'_>) -> Option<String> {
        matches!(outbound, Outbound::PatientIdLookup(_)).then(|| self.query.to_string())
    }

    async fn patient_id_lookup(
        &self,
        context: &RequestContext,
        leg: &Leg,
        request: &PatientIdLookup,
    ) -> Outcome<FoundPatient> {
        self.exchange.carry::<PixQuery>(context, leg, &self.query, request).await
    }
}
