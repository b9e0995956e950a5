//! The hash of a document while it passes, made by whoever lets it pass.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::Context;

/// A hash of a document that grows while its pieces pass. Whoever holds the document against its entry
/// needs one hash and whoever records it another: a processor makes both, block by block in turn, in
/// three quarters of the time that it takes for one after the other, because neither waits for the
/// other. So who records takes this one over and makes it along with his own.
#[derive(Clone)]
pub struct PassingHash(Arc<Mutex<State>>);

struct State {
    /// None once it is finished.
    hash: Option<Context>,
    is_taken_over: bool,
    /// Bytes that a block wants before it is whole.
    wanting: usize,
}

impl PassingHash {
    /// Of nothing yet.
    pub fn new(hash: Context) -> Self {
        Self(Arc::new(Mutex::new(State { hash: Some(hash), is_taken_over: false, wanting: 0 })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on each piece comes through [`PassingHash::pass`].
    pub fn take_over(&self) {
        self.lock().is_taken_over = true;
    }

    /// A piece passes: it goes into this hash and into another.
    pub fn pass(&self, piece: &[u8], other: &mut Context) {
        let mut state = self.lock();
        let State { hash: Some(hash), wanting, .. } = &mut *state else { return other.update(piece) };
        // Whole blocks are hashed where they lie, others are copied together first.
        let (begun, rest) = piece.split_at(piece.len().min(*wanting));
        for block in std::iter::once(begun).chain(rest.chunks(BLOCK_BYTES)) {
            hash.update(block);
            other.update(block);
        }
        *wanting = (*wanting + BLOCK_BYTES - piece.len() % BLOCK_BYTES) % BLOCK_BYTES;
    }

    /// A piece is given on. Where this hash was taken over, it is not hashed here.
    pub fn given_on(&self, piece: &[u8]) {
        let mut state = self.lock();
        if !state.is_taken_over
            && let Some(hash) = &mut state.hash
        {
            hash.update(piece);
        }
    }

    /// The hash of all that has passed and of this last piece, which has not; empty when asked again.
    pub fn finish(&self, last: &[u8]) -> Vec<u8> {
        let hash = self.lock().hash.take();
        let finished = hash.map(|mut hash| {
            hash.update(last);
            hash.finish().as_ref().to_vec()
        });
        finished.unwrap_or_default()
    }
}

/// One block of SHA-1 and of SHA-256: with more, one of them is through before the other begins.
const BLOCK_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn both_hashes_are_those_of_the_bytes_whoever_makes_them_and_however_they_come(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..6),
            last in proptest::collection::vec(any::<u8>(), 0..300),
            is_taken_over in any::<bool>(),
        ) {
            let hash = PassingHash::new(Context::new(&SHA1_FOR_LEGACY_USE_ONLY));
            let mut other = Context::new(&SHA256);
            if is_taken_over {
                hash.take_over();
            }
            for piece in &pieces {
                hash.given_on(piece);
                if is_taken_over {
                    hash.pass(piece, &mut other);
                } else {
                    other.update(piece);
                }
            }
            let whole = [pieces.concat(), last.clone()].concat();
            let announced = digest(&SHA1_FOR_LEGACY_USE_ONLY, &whole);
            prop_assert_eq!(hash.finish(&last), announced.as_ref());
            // What was kept back passes after this hash was made.
            hash.given_on(&last);
            hash.pass(&last, &mut other);
            let (made, recorded) = (other.finish(), digest(&SHA256, &whole));
            prop_assert_eq!(made.as_ref(), recorded.as_ref());
        }
    }
}
