//! A place among the requests at work: one of the asking system's own, one of those of all. The answer
//! keeps it until its body is sent or given up.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::serve::System;
use crate::model::Interrupted;
use crate::transport::BoxBody;

/// Two places, given back together; in the emergency lane one.
#[derive(Debug)]
pub(super) struct Place {
    _own: OwnedSemaphorePermit,
    _all: Option<OwnedSemaphorePermit>,
}

impl Place {
    /// The system's own comes first: one that has none left takes nobody else's.
    pub(super) fn take(system: &System, all: &Arc<Semaphore>) -> Option<Self> {
        let own = Arc::clone(&system.places).try_acquire_owned().ok()?;
        let all = Arc::clone(all).try_acquire_owned().ok()?;
        Some(Self { _own: own, _all: Some(all) })
    }

    /// One of the system's emergency lane, beside all others.
    pub(super) fn in_lane(system: &System) -> Option<Self> {
        let own = Arc::clone(&system.lane.places).try_acquire_owned().ok()?;
        Some(Self { _own: own, _all: None })
    }

    /// The answer that holds it from now on.
    pub(super) fn held_by(self, response: Response<BoxBody>) -> Response<BoxBody> {
        response.map(|inner| UnsyncBoxBody::new(Held { inner, _place: self }))
    }
}

struct Held {
    inner: BoxBody,
    _place: Place,
}

impl Body for Held {
    type Data = Bytes;
    type Error = Interrupted;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Interrupted>>> {
        Pin::new(&mut self.inner).poll_frame(task)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
