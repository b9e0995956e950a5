//! What release asks of policy: the consents of this moment, the filter, whether a stream may go on.
//! The authorizer is the one judge; tests have one that changes its mind.

use crate::model::{Answer, DocumentId, Finding, RequestContext};
use crate::policy::{Authorizer, Filtered, Permit};

/// Judges findings by the consents of this moment.
pub(super) trait Judge: Send + Sync + 'static {
    /// Grows with every change of a consent.
    fn consent_version(&self) -> u64;
    /// Takes out what may not be shown.
    fn filter<T: Finding>(&self, context: &RequestContext, permit: &Permit, answer: Answer<T>)
    -> Filtered<T>;
    /// Whether a document that is running may go on.
    fn still_allows(&self, context: &RequestContext, permit: &Permit, document: &DocumentId) -> bool;
}

impl Judge for Authorizer {
    fn consent_version(&self) -> u64 {
        self.consent_version()
    }

    fn filter<T: Finding>(
        &self,
        context: &RequestContext,
        permit: &Permit,
        answer: Answer<T>,
    ) -> Filtered<T> {
        self.filter(context, permit, answer)
    }

    fn still_allows(&self, context: &RequestContext, permit: &Permit, document: &DocumentId) -> bool {
        self.still_allows(context, permit, document)
    }
}
