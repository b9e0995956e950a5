//! Envelopes with their header rules, and packages in any split of their bytes.

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use kakehashi::dialect::query_element;
use kakehashi::dialect::soap::{
    Envelope, Fault, Limits, Offered, check_request, decode_text, receive_any, write_answer, write_fault,
};
use kakehashi::model::{DocumentStream, PeerProfile};

const OFFERED: [Offered; 2] = [
    Offered {
        action: "urn:ihe:iti:2007:CrossGatewayQuery",
        ns: "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0",
        root: "AdhocQueryRequest",
    },
    Offered {
        action: "urn:hl7-org:v3:PRPA_IN201305UV02:CrossGatewayPatientDiscovery",
        ns: "urn:hl7-org:v3",
        root: "PRPA_IN201305UV02",
    },
];

/// An envelope: its header, its body as a tree, the fault it may hold, the element for the record.
pub fn envelope(data: &[u8]) {
    let Ok((text, _)) = decode_text(None, data) else { return };
    let Ok(envelope) = Envelope::read(&text) else { return };
    let _ = envelope.body_tree();
    let _ = query_element(&envelope);
    let answer = match check_request(&envelope, &OFFERED, &PeerProfile::default()) {
        Ok(_) => write_answer("urn:a", None, Some(&envelope.header), "<a/>".to_owned()),
        Err(fault) => write_fault(&fault, None, Some(&envelope.header)),
    };
    // Whatever a requester dictates (MessageID, reference parameters), the answer is one envelope.
    let answer = Envelope::read(&answer).unwrap_or_else(|why| panic!("our own answer: {why}\n{answer}"));
    answer.body_tree().expect("one body of one element");
    // A reference parameter may be any block, a RelatesTo too.
    if envelope.header.reference_parameters.is_empty() {
        assert_eq!(answer.header.relates_to, envelope.header.message_id, "the answer is to another message");
    }
    if let Ok(Some(fault)) = Fault::read(&envelope) {
        let again = Envelope::read(&write_fault(&fault, None, None)).expect("our own fault");
        assert_eq!(Fault::read(&again), Ok(Some(fault)), "a fault changed by being written");
    }
}

/// A package cut into pieces of a length the first byte says. However it is cut, it says the same.
pub fn mtom(data: &[u8]) {
    let Some((step, data)) = data.split_first() else { return };
    let step = usize::from(*step).max(1);
    assert_eq!(outcome(data, step), outcome(data, data.len().max(1)), "the cut changed the outcome");
}

fn outcome(data: &[u8], step: usize) -> Option<(String, Vec<u8>, bool)> {
    let pieces: Vec<_> = data.chunks(step).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let body: DocumentStream = Box::pin(futures_util::stream::iter(pieces));
    let read = async {
        let limits = Limits { root_bytes_max: 64 << 10, part_bytes_max: 64 << 10, ..Limits::default() };
        let received = receive_any(None, body, limits).await.ok()?;
        let mut bytes = Vec::new();
        let mut whole = true;
        if let Some(parts) = &received.parts {
            let mut document = parts.document("cid:document@example");
            while let Some(piece) = document.next().await {
                match piece {
                    Ok(piece) => bytes.extend_from_slice(&piece),
                    Err(_) => whole = false,
                }
            }
        }
        // What a broken stream gave before it broke depends on the pieces; that it broke does not.
        if !whole {
            bytes.clear();
        }
        Some((received.envelope.source().to_owned(), bytes, whole))
    };
    read.now_or_never().expect("all bytes are there, so nothing waits")
}
