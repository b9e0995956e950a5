//! The parts behind a package's root, each a stream of its own over the shared package.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;

use super::under_way::Package;
use crate::model::{DocumentStream, Interrupted};

/// The parts behind the root of a package that is being received.
#[derive(Clone)]
pub struct Parts {
    package: Arc<Mutex<Package>>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

impl Parts {
    pub(super) fn new(package: Package) -> Self {
        Self { package: Arc::new(Mutex::new(package)) }
    }

    /// The body of the part an xop:Include names (`cid:...`), as a stream that reads the package
    /// when it is polled. Several documents share the package and are drained in order: a part that
    /// passes while another is polled is kept up to 1 MiB, beyond that its own stream ends with
    /// `Broken`. Ask for all documents before the first is polled. Dropping a stream skips its part.
    ///
    /// A part that the end of the bytes cut, one that is missing and one whose transfer encoding
    /// does not hold end with `Broken`, one over the cap with `TooLarge`.
    pub fn document(&self, href: &str) -> DocumentStream {
        let mut package = lock(&self.package);
        let index = package.want(href);
        drop(package);
        Box::pin(PartStream { package: Arc::clone(&self.package), index })
    }
}

fn lock(package: &Mutex<Package>) -> MutexGuard<'_, Package> {
    package.lock().unwrap_or_else(PoisonError::into_inner)
}

struct PartStream {
    package: Arc<Mutex<Package>>,
    index: usize,
}

impl Stream for PartStream {
    type Item = Result<Bytes, Interrupted>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut package = lock(&self.package);
        loop {
            if let Poll::Ready(taken) = package.take(self.index, context) {
                return Poll::Ready(taken);
            }
            match package.poll_step(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(step) => package.advance(step, self.index),
            }
        }
    }
}

impl Drop for PartStream {
    fn drop(&mut self) {
        lock(&self.package).leave(self.index);
    }
}
