//! ITI-38 and ITI-39 in the spellings of other gateways: whatever the prefixes, quotes, white space,
//! references and encodings are, the same is read, and what is passed on still says it.

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use proptest::prelude::*;

use super::*;
use crate::dialect::respelling::{received, respelt};
use crate::dialect::soap::{
    Fault, Limits, Offered, check_request, receive, write_answer, write_fault, write_request,
};
use crate::dialect::{Addressing, Received, Reply, Transaction};
use crate::model::{
    Answer, Document, DocumentId, DocumentRetrieve, DocumentStream, Encoded, PeerProfile, Phi,
    RegistryObject, RepositoryId,
};

fn asking() -> Addressing {
    Addressing { receiver: samples::home(), community: samples::peer(), ..samples::addressing() }
}

fn said(found: &[RegistryObject]) -> Vec<String> {
    let said = |object: &RegistryObject| {
        let RegistryObject::Entry(entry) = object else { panic!() };
        let view = metadata(entry).unwrap();
        let mut plain = entry.clone();
        let (cx, unique) = (entry.patient.cx(), entry.id.unique.reveal().clone());
        if let Encoded::Metadata(own) = samples::plain_entry().encoded {
            plain.encoded = Encoded::Metadata(own);
        }
        format!("{plain:?} {view:?} {} {unique} {}", cx.reveal(), entry.object.0.reveal())
    };
    found.iter().map(said).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_query_reads_the_same_in_any_spelling(query in samples::query(), seed in any::<u64>()) {
        let profile = PeerProfile { send_home_on_patient_query: true, ..PeerProfile::default() };
        let (payload, _) = CrossGatewayQuery::write_request(&query, &asking(), &profile);
        let envelope = write_request(CrossGatewayQuery::REQUEST_ACTION, &asking(), None, &payload.xml);
        let spelt = received(&envelope, seed, false).envelope;
        let (ns, root) = CrossGatewayQuery::REQUEST_ROOT;
        let offered = [Offered { action: CrossGatewayQuery::REQUEST_ACTION, ns, root }];
        prop_assert_eq!(check_request(&spelt, &offered, &profile), Ok(0), "{}", spelt.source());
        let read = CrossGatewayQuery::read_request(&spelt, &PeerProfile::default());
        prop_assert_eq!(read.unwrap(), query.clone(), "{}", spelt.source());
        // White space around values means nothing, except in slots that are handed on unread.
        let mut known = query;
        known.criteria.other.clear();
        let (payload, _) = CrossGatewayQuery::write_request(&known, &asking(), &profile);
        let padded = respelt(&payload.xml, seed, true);
        let read = CrossGatewayQuery::read_request(&crate::dialect::soap::Envelope::bare(&padded), &PeerProfile::default());
        prop_assert_eq!(read.unwrap(), known, "{}", padded);
    }

    #[test]
    fn entries_read_the_same_in_any_spelling_and_are_passed_on(
        entries in proptest::collection::vec(samples::entry(), 1..3), seed in any::<u64>(), is_padded in any::<bool>(),
    ) {
        let profile = PeerProfile::default();
        let (payload, sent) = CrossGatewayQuery::write_request(&samples::find_documents(), &asking(), &profile);
        let asked = write_request(CrossGatewayQuery::REQUEST_ACTION, &asking(), None, &payload.xml);
        let asked = received(&asked, seed ^ 1, is_padded).envelope;
        let found = entries.into_iter().map(RegistryObject::Entry).collect::<Vec<_>>();
        let expected = said(&found);
        let mut answer = Answer::found(found);
        for round in 0..3 {
            let reply = CrossGatewayQuery::write_answer(&asked, &samples::addressing(), &profile, Ok(answer));
            let Reply::Payload(payload) = reply else { panic!() };
            let action = CrossGatewayQuery::RESPONSE_ACTION;
            let envelope = write_answer(action, None, Some(&asked.header), payload.xml.clone());
            let spelt = received(&envelope, seed.wrapping_add(round), is_padded);
            let source = spelt.envelope.source().to_owned();
            answer = CrossGatewayQuery::read_answer(spelt, &sent, &profile).unwrap();
            prop_assert_eq!(answer.reported.len(), 0, "{}", source);
            prop_assert_eq!(&said(&answer.found), &expected, "{}", source);
        }
    }

    #[test]
    fn a_retrieve_reads_the_same_in_any_spelling_and_so_do_its_documents(
        uniques in proptest::collection::btree_set("[0-9a-zA-Z^<&'山𠮷]{1,30}", 1..6),
        bodies in proptest::collection::vec("[a\r\n\\-山]{0,40}", 6), is_inline in any::<bool>(), seed in any::<u64>(),
    ) {
        let id = |unique: &String| DocumentId {
            community: samples::home(),
            repository: RepositoryId(samples::oid("2.999.1.4")),
            unique: Phi::new(unique.clone()),
        };
        let wanted = DocumentRetrieve::of(uniques.iter().map(id).collect());
        let profile = PeerProfile::default();
        let (payload, sent) = CrossGatewayRetrieve::write_request(&wanted, &asking(), &profile);
        let envelope = write_request(CrossGatewayRetrieve::REQUEST_ACTION, &asking(), None, &payload.xml);
        let asked = received(&envelope, seed, true).envelope;
        prop_assert_eq!(CrossGatewayRetrieve::read_request(&asked, &profile).unwrap(), wanted.clone());

        let documents = wanted.documents.iter().zip(&bodies).map(|(id, body)| Document {
            id: id.clone(), media_type: "text/html".to_owned(), size: None, body: whole(body.as_bytes()), passing: None,
        });
        let answer = Ok(Answer::found(documents.collect()));
        let Reply::Payload(payload) =
            CrossGatewayRetrieve::write_answer(&asked, &samples::addressing(), &profile, answer) else { panic!() };
        let root = write_answer(CrossGatewayRetrieve::RESPONSE_ACTION, None, Some(&asked.header), payload.xml.clone());
        let received = match is_inline {
            true => received(&inlined(&root, &payload.attachments, &bodies), seed ^ 2, true),
            false => packaged(&respelt(&root, seed ^ 2, true), payload, seed),
        };
        let answer = CrossGatewayRetrieve::read_answer(received, &sent, &profile).unwrap();
        prop_assert_eq!((answer.found.len(), answer.reported.len()), (wanted.documents.len(), 0));
        for ((document, id), body) in answer.found.into_iter().zip(wanted.documents).zip(bodies) {
            prop_assert_eq!(document.id, id);
            prop_assert_eq!(drained(document.body), body.into_bytes());
        }
    }

    #[test]
    fn a_fault_reads_the_same_in_any_spelling(
        reason in "[a-z山<&]([a-z 山<&]{0,20}[a-z山<&])?", codes in proptest::collection::vec("(wsa|wsse|wsu):[A-Za-z]{1,12}", 0..3),
        is_sender in any::<bool>(), seed in any::<u64>(), is_padded in any::<bool>(),
    ) {
        let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
        let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
        let fault = if is_sender { Fault::sender(&codes, reason) } else { Fault::receiver(reason) };
        let read = received(&write_fault(&fault, None, None), seed, is_padded).envelope;
        prop_assert_eq!(Fault::read(&read), Ok(Some(fault)), "{}", read.source());
    }
}

fn whole(bytes: &[u8]) -> DocumentStream {
    Box::pin(stream::iter([Ok(Bytes::copy_from_slice(bytes))]))
}

fn drained(body: DocumentStream) -> Vec<u8> {
    let pieces: Vec<_> = body.collect().now_or_never().unwrap();
    pieces.into_iter().map(Result::unwrap).collect::<Vec<_>>().concat()
}

// The documents within the root, as base64 with line breaks.
fn inlined(root: &str, attachments: &[crate::dialect::soap::Attachment], bodies: &[String]) -> String {
    use base64::Engine as _;
    let mut root = root.to_owned();
    for (attachment, body) in attachments.iter().zip(bodies) {
        let at = root.find("<xop:Include").unwrap();
        let end = at + root[at..].find("/>").unwrap() + 2;
        assert!(root[at..end].contains(&attachment.content_id), "{root}");
        let text = base64::engine::general_purpose::STANDARD.encode(body);
        let lines: Vec<&str> =
            text.as_bytes().chunks(19).map(|line| std::str::from_utf8(line).unwrap()).collect();
        root.replace_range(at..end, &lines.join("\r\n"));
    }
    root
}

// A package as other stacks write it: another boundary, parts in reverse order, heads in any case.
fn packaged(root: &str, payload: crate::dialect::Payload, seed: u64) -> Received {
    let line_end = if seed.is_multiple_of(2) { "\r\n" } else { "\n" };
    let mut package =
        format!("{line_end}--uuid:1+id=2{line_end}content-type: text/xml{line_end}{line_end}{root}")
            .into_bytes();
    for attachment in payload.attachments.into_iter().rev() {
        let id = attachment.content_id.replace('@', "%40");
        let head = format!(
            "{line_end}--uuid:1+id=2{line_end}CONTENT-ID:<{id}> {line_end}Content-Transfer-Encoding: Binary{line_end}{line_end}"
        );
        package.extend(head.bytes());
        package.extend(drained(attachment.body));
    }
    package.extend(format!("{line_end}--uuid:1+id=2--").bytes());
    let content_type = "Multipart/Related; Type=\"application/xop+xml\"; boundary=uuid:1+id=2 ;";
    receive(Some(content_type), whole(&package), Limits::default()).now_or_never().unwrap().unwrap()
}
