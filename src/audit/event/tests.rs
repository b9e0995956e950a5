use proptest::prelude::*;

use super::super::record::{cbor, sha256};
use super::super::references::{CodeRef, QUERY_ELEMENT_BYTES_MAX};
use super::*;

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,24}"
}

fn document() -> impl Strategy<Value = DocumentRef> {
    (text(), text(), text(), any::<Option<u64>>(), any::<Option<[u8; 32]>>()).prop_map(
        |(home, unique, kind, size, hash)| DocumentRef {
            home: home.into(),
            repository: "2.999.1".into(),
            unique: Phi::new(unique),
            kind: kind.into(),
            facility: "3310000001".into(),
            size,
            bytes_sent: size,
            sha256: hash.map(Into::into),
            ending: size.map(|_| "whole".to_owned()),
        },
    )
}

fn leg() -> impl Strategy<Value = LegRef> {
    (text(), any::<Option<u64>>(), any::<bool>(), proptest::collection::vec(any::<u8>(), 0..64)).prop_map(
        |(target, found, is_peer, element)| LegRef {
            target: target.clone(),
            community: found.map(|_| "2.999.34".to_owned()),
            transaction: Some("ITI-38".to_owned()),
            message: "urn:uuid:1".to_owned(),
            query_root: None,
            query_extension: Some(target.clone()),
            element: is_peer.then(|| QueryElement::new(&Phi::new(element.into()))),
            is_peer,
            failure: found.map(|_| Phi::new(target.clone())),
            found,
            dropped: found,
            endpoint: is_peer.then(|| EndpointRef {
                subject: target.clone(),
                spki_sha256: "ab".to_owned(),
                address: "192.0.2.1:1".to_owned(),
                local: "192.0.2.2:2".to_owned(),
            }),
            url: is_peer.then(|| "https://tottori.example/xcpd".to_owned()),
        },
    )
}

fn requester() -> impl Strategy<Value = RequesterRef> {
    (text(), text(), any::<bool>()).prop_map(|(person, name, alias)| RequesterRef {
        system: "hiroshima".to_owned(),
        community: "2.999.34".to_owned(),
        organization: "2.999.34.1".to_owned(),
        organization_name: name.clone(),
        person,
        person_name: name.clone(),
        alias: alias.then(|| name.clone()),
        roles: vec!["physician".to_owned()],
        role_codes: vec![CodeRef { value: "1".to_owned(), system: "2.999".to_owned(), display: name }],
        purpose: "TREATMENT".to_owned(),
        issuer: "https://idp.example".to_owned(),
        assertion: "_1".to_owned(),
        vouched_by: alias.then(|| "headers".to_owned()),
    })
}

prop_compose! {
    fn event()(
        kind in prop_oneof![Just(Kind::Open), Just(Kind::Release), Just(Kind::Close), Just(Kind::Stop)],
        ending in prop_oneof![Just(Ending::Begun), Just(Ending::Partial), Just(Ending::AtMost)],
        at_micros: i64, request: Option<[u8; 16]>, attempt: u32, counts: [u64; 4], more_attributes: bool,
        patients in proptest::collection::vec(text(), 0..4),
        documents in proptest::collection::vec(document(), 0..4),
        legs in proptest::collection::vec(leg(), 0..4),
        requester in proptest::option::of(requester()),
        detail in proptest::option::of(text()), closes: Option<u64>,
    ) -> Event {
        Event {
            at_micros,
            request: request.map(Into::into),
            attempt,
            patients: patients.into_iter().map(Phi::new).collect(),
            documents,
            legs,
            requester,
            shown: counts[0],
            withheld: counts[1],
            answered: counts[2],
            count: counts[3],
            more_attributes,
            closes,
            bytes: closes,
            awaits_close: more_attributes,
            policies: vec!["treatment".to_owned()],
            detail: detail.map(Phi::new),
            ..Event::new(kind, ending)
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_and_the_same_event_is_the_same_bytes(event in event()) {
        let bytes = cbor(&event);
        let read: Event = minicbor::decode(&bytes).unwrap();
        prop_assert!(read == event);
        prop_assert_eq!(cbor(&read), bytes);
    }
}

#[test]
fn an_element_beyond_the_limit_is_kept_as_hash_and_length() {
    let small = QueryElement::new(&Phi::new(vec![b'x'; QUERY_ELEMENT_BYTES_MAX].into()));
    assert!(small.bytes.is_some());
    let large = QueryElement::new(&Phi::new(vec![b'x'; QUERY_ELEMENT_BYTES_MAX + 1].into()));
    assert!(large.bytes.is_none());
    assert_eq!(large.length, 16_385);
    assert_eq!(large.sha256.as_slice(), sha256(&vec![b'x'; 16_385]));
}

#[test]
fn an_event_prints_nothing_that_may_be_a_patients() {
    let marker = "PHIMARKER";
    let mut event = Event::new(Kind::Release, Ending::Complete);
    event.patients.push(Phi::new(marker.to_owned()));
    event.detail = Some(Phi::new(marker.to_owned()));
    event.query = Some(QueryElement::new(&Phi::new(marker.into())));
    event.by = Some(marker.to_owned());
    assert!(!format!("{event:?} {event:#?}").contains(marker));
}

#[test]
fn what_a_stream_left_at_most_is_known_only_when_every_size_is() {
    let mut event = Event::new(Kind::Release, Ending::Complete);
    let document = |size| DocumentRef {
        home: "".into(),
        repository: "".into(),
        unique: Phi::new(String::new()),
        kind: "".into(),
        facility: "".into(),
        size,
        bytes_sent: None,
        sha256: None,
        ending: None,
    };
    event.documents = vec![document(Some(3)), document(Some(4))];
    assert_eq!(event.closing(9).bytes, Some(7));
    event.documents.push(document(None));
    assert_eq!(event.closing(9).bytes, None);
    assert_eq!((event.closing(9).closes, event.closing(9).ending), (Some(9), Ending::AtMost));
}
