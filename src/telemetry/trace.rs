//! W3C Trace Context, `traceparent` version 00: the request id that two brokers share.

use std::fmt;

use crate::model::RequestId;

/// A traceparent header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// trace-id.
    pub request: RequestId,
    /// parent-id; never 0.
    pub parent: u64,
    /// trace-flags.
    pub flags: u8,
}

impl TraceParent {
    /// For a request that brought none.
    pub fn fresh() -> Self {
        Self { request: RequestId::fresh(), parent: random(), flags: 0 }
    }

    /// Toward a target: the same request, a parent id of ours.
    pub fn child_of(request: RequestId) -> Self {
        Self { request, parent: random(), flags: 0 }
    }

    /// Reads a header. None when it is not one; then a fresh one is used. A later version is read as
    /// far as version 00 goes, as the recommendation wants.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let mut fields = text.split('-');
        let version = hex(fields.next()?, 2)?;
        let request = hex(fields.next()?, 32)?;
        let parent = u64::try_from(hex(fields.next()?, 16)?).ok()?;
        let flags = u8::try_from(hex(fields.next()?, 2)?).ok()?;
        let more = fields.next().is_some();
        let fits = version != 0xff && (version > 0 || !more) && request != 0 && parent != 0;
        fits.then_some(Self { request: RequestId(request), parent, flags })
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{:016x}-{:02x}", self.request, self.parent, self.flags)
    }
}

/// Lower-case hexadecimal of a fixed length.
fn hex(text: &str, length: usize) -> Option<u128> {
    let fits = text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    fits.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

fn random() -> u64 {
    let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
    (high ^ low).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_written_as_it_was_read() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(TraceParent::parse(text).unwrap().to_string(), text);
        let ours = TraceParent::fresh();
        assert_eq!(TraceParent::parse(&ours.to_string()), Some(ours));
        assert_eq!(TraceParent::child_of(ours.request).request, ours.request);
    }

    #[test]
    fn what_is_no_traceparent_is_not_taken_for_one() {
        for bad in [
            "",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceParent::parse(bad), None, "{bad}");
        }
    }
}
