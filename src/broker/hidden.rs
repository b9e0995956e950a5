//! Who said no must not be found in an emergency under another number: the record about to be
//! answered is held against everybody hidden, at all our sources, whether or not they resemble what
//! was asked (decisions C4).

use std::sync::Arc;

use futures_util::future::join_all;

use super::conclude::Candidate;
use super::pipeline::Broker;
use super::target::Target;
use crate::model::{
    Authority, Grade, GradedRecord, Outbound, PatientDiscovery, PatientId, PatientMatch, Phi, RequestContext,
};
use crate::policy::HospitalNumber;

/// Persons hidden at one hospital that are asked for one by one.
const HIDDEN_MAX: usize = 200;

impl Broker {
    /// Whether a record without any consent row grades `auto` or `review` with somebody withdrawn or
    /// refused toward the requester's community. A hospital that holds such a "no" and does not
    /// answer hides the record: its persons cannot be told from the one found.
    pub(super) async fn resembles_hidden(&self, context: &RequestContext, found: &Candidate) -> bool {
        let demographics = Phi::clone(&found.record.demographics);
        let request = PatientDiscovery { demographics, ids: Vec::new() };
        let directory = self.directory.load_full();
        let asked = directory.sources().map(|source| self.holds_resembling(context, source, &request));
        join_all(asked).await.into_iter().any(|is_hidden| is_hidden)
    }

    async fn holds_resembling(
        &self,
        context: &RequestContext,
        source: &Arc<Target>,
        request: &PatientDiscovery,
    ) -> bool {
        let Some(request) = self.naming_hidden(context, source, request) else { return true };
        match source.resolve_at_home(context, &self.identity.leg(), &request).await {
            Ok(answer) => answer.found.iter().any(|found| match found {
                PatientMatch::Graded(record) => self.is_hidden_like(context, record),
                _ => false,
            }),
            Err(_) => {
                let facility = source.descriptor().facility.as_deref().unwrap_or_default();
                if !self.authorizer.hides_anyone(context, facility) {
                    return false;
                }
                tracing::warn!(request = %context.id, target_name = %source.descriptor().name,
                    "an emergency was answered with nobody: a hospital with withdrawals gave no answer");
                true
            }
        }
    }

    /// The question for a source. One that is asked by messages finds who is written as asked, and not who
    /// resembles: it is asked for everybody hidden there by their numbers besides, and the answers are
    /// graded here. None where these are too many to be asked for.
    fn naming_hidden(
        &self,
        context: &RequestContext,
        source: &Target,
        request: &PatientDiscovery,
    ) -> Option<PatientDiscovery> {
        let descriptor = source.descriptor();
        let Some(facility) = &descriptor.facility else { return Some(request.clone()) };
        if source.url(Outbound::PatientDiscovery(request)).is_none() {
            return Some(request.clone());
        }
        let mut hidden = self.authorizer.hidden_at(context, facility);
        hidden.sort();
        hidden.dedup();
        if hidden.len() > HIDDEN_MAX {
            tracing::warn!(request = %context.id, target_name = %descriptor.name, hidden = hidden.len(),
                "an emergency was answered with nobody: a hospital with a registry has too many withdrawals to look at");
            return None;
        }
        let under = |number: HospitalNumber| {
            let id = move |authority: &Authority| PatientId {
                authority: authority.clone(),
                value: number.number.clone(),
            };
            descriptor.authorities.iter().map(id)
        };
        let ids = hidden.into_iter().flat_map(under);
        Some(PatientDiscovery { ids: ids.collect(), ..request.clone() })
    }

    // One of whom nothing is shown but the number may be like anybody.
    fn is_hidden_like(&self, context: &RequestContext, record: &GradedRecord) -> bool {
        let is_bare = record.demographics.reveal().is_empty();
        (is_bare || record.grade >= Grade::Review)
            && self.authorizer.hides(context, &record.facility, &record.id)
    }
}
