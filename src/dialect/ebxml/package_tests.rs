//! Submission sets, folders and associations of a gateway's answer, and of one of ours.

use super::vocabulary::scheme;
use super::*;
use crate::dialect::soap::Envelope;
use crate::dialect::{Payload, Received, Reply, Sent, Transaction};
use crate::model::{
    Answer, Authority, DocumentQuery, MessageId, PackageKind, PatientId, PeerProfile, QueryId,
    RegistryObject, ReturnType,
};

const ENTRY: &str = "urn:uuid:1";

fn sent() -> Sent {
    Sent {
        message: MessageId(String::new()),
        query: QueryId { root: String::new(), extension: None },
        home: samples::home(),
        patient: Some(samples::patient()),
        documents: Vec::new(),
    }
}

fn answer(objects: &str) -> String {
    format!(
        "<q:AdhocQueryResponse xmlns:q='{}' xmlns:rim='{}' \
         status='urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success'>\
         <rim:RegistryObjectList>{objects}</rim:RegistryObjectList></q:AdhocQueryResponse>",
        vocabulary::QUERY,
        vocabulary::RIM
    )
}

fn read(xml: &str) -> Answer<RegistryObject> {
    let received = Received { envelope: Envelope::bare(xml), parts: None };
    CrossGatewayQuery::read_answer(received, &sent(), &PeerProfile::default()).unwrap()
}

fn written(found: Vec<RegistryObject>, returns: ReturnType) -> String {
    let query = DocumentQuery { returns, ..samples::find_documents() };
    let addressing = samples::addressing();
    let request = CrossGatewayQuery::write_request(&query, &addressing, &PeerProfile::default()).0;
    let reply = CrossGatewayQuery::write_answer(
        &Envelope::bare(&request.xml),
        &addressing,
        &PeerProfile::default(),
        Ok(Answer::found(found)),
    );
    let Reply::Payload(Payload { xml, .. }) = reply else { panic!() };
    xml
}

fn said(answer: &Answer<RegistryObject>) -> Vec<String> {
    let one = |object: &RegistryObject| {
        let unique = object.unique().map(|unique| unique.reveal().clone());
        let patient = object.patient().map(|patient| patient.cx().reveal().clone());
        let joins = object
            .association()
            .map(|a| format!("{} {} {}", a.kind, a.source.0.reveal(), a.target.0.reveal()));
        let kind = object.package().map(|package| package.kind);
        let (home, id) = (object.community(), object.object().0.reveal());
        format!("{kind:?} {home} {id} {unique:?} {patient:?} {joins:?}")
    };
    answer.found.iter().map(one).collect()
}

#[test]
fn all_that_routing_and_policy_need_is_read_and_survives_being_passed_on() {
    let first = read(&answer(&samples::packages(ENTRY)));
    assert_eq!((first.found.len(), first.reported.len()), (5, 0), "{:?}", first.reported);
    let kinds: Vec<_> = first.found.iter().filter_map(RegistryObject::package).map(|p| p.kind).collect();
    assert_eq!(kinds, [PackageKind::SubmissionSet, PackageKind::Folder]);
    let set = first.found[0].package().unwrap();
    assert_eq!((set.unique.reveal().as_str(), &set.patient), ("2.999.1.6.51", &samples::patient()));
    let joins = first.found[2].association().unwrap();
    assert!(joins.is_membership() && joins.source == set.object && joins.target.0.reveal() == ENTRY);
    let again = written(first.found.clone(), ReturnType::LeafClass);
    assert_eq!(said(&read(&again)), said(&first), "{again}");
    assert_eq!(again.matches("home=\"urn:oid:2.999.1\"").count(), 5, "associations too: {again}");
}

#[test]
fn a_package_comes_back_under_another_id_and_nothing_else_of_it_changes() {
    let first = read(&answer(&samples::packages(ENTRY)));
    let other = PatientId::new(Authority(samples::oid("2.999.8")), "N-1");
    let renamed = first.found.into_iter().map(|object| match object {
        RegistryObject::Package(p) => {
            RegistryObject::Package(crate::model::Package { patient: other.clone(), ..p })
        }
        object => object,
    });
    let xml = written(renamed.collect(), ReturnType::LeafClass);
    assert_eq!(xml.matches("N-1^^^&amp;2.999.8&amp;ISO").count(), 2, "{xml}");
    assert!(!xml.contains("P-0001"), "{xml}");
    assert!(xml.contains("as it was") && xml.contains("value=\"2.999.1.6.52\""), "{xml}");
}

#[test]
fn what_a_package_is_may_stand_beside_it_before_or_behind_and_is_passed_on_so() {
    let said_within = samples::packages(ENTRY);
    let (mut objects, mut beside) = (said_within.clone(), String::new());
    while let Some(at) =
        objects.find("<rim:Classification ").filter(|at| objects[*at..].contains("classificationNode"))
    {
        let end = at + objects[at..].find("/>").unwrap() + 2;
        beside.push_str(&objects[at..end]);
        objects.replace_range(at..end, "");
    }
    assert_eq!(beside.matches("classificationNode").count(), 2, "{beside}");
    let first = read(&answer(&said_within));
    for list in [format!("{beside}{objects}"), format!("{objects}{beside}")] {
        let found = read(&answer(&list));
        assert_eq!(said(&found), said(&first), "{list}");
        let again = written(found.found, ReturnType::LeafClass);
        assert_eq!(said(&read(&again)), said(&first), "{again}");
        assert!(again.contains("</rim:RegistryPackage><rim:Classification "), "{again}");
    }
    // What a package says itself counts; one that is told from beside to be both is neither.
    let both = beside.replace(scheme::FOLDER, scheme::SUBMISSION_SET);
    for list in [format!("{said_within}{both}"), format!("{objects}{beside}{both}")] {
        let sets =
            read(&answer(&list)).found.into_iter().filter_map(|object| object.package().map(|p| p.kind));
        let told = sets.filter(|kind| *kind == PackageKind::Folder).count();
        assert_eq!(told, usize::from(list.starts_with(&said_within)), "{list}");
    }
    assert_eq!(read(&answer(&objects)).found.len(), 3, "nobody says what they are");
}

#[test]
fn references_are_given_for_every_kind_of_object() {
    let xml = written(read(&answer(&samples::packages(ENTRY))).found, ReturnType::ObjectRef);
    for id in 51..=55 {
        let reference = format!("<rim:ObjectRef id=\"urn:uuid:{id}\" home=\"urn:oid:2.999.1\"/>");
        assert!(xml.contains(&reference), "{xml}");
    }
    assert!(!xml.contains("RegistryPackage") && !xml.contains("rim:Association "), "{xml}");
}

#[test]
fn packages_of_two_patients_in_one_answer_are_refused() {
    let both = read(&answer(&samples::packages(ENTRY))).found.into_iter().map(|object| match object {
        RegistryObject::Package(p) if p.kind == PackageKind::Folder => {
            let patient = PatientId::new(Authority(samples::oid("2.999.8")), "N-9");
            RegistryObject::Package(crate::model::Package { patient, ..p })
        }
        object => object,
    });
    let xml = written(both.collect(), ReturnType::LeafClass);
    assert!(xml.contains("XDSResultNotSinglePatient") && !xml.contains("RegistryPackage"), "{xml}");
}

#[test]
fn what_a_gateway_may_not_say_of_packages_and_associations_is_dropped() {
    let truth = samples::packages(ENTRY);
    let home = format!("home=\"{}\"", samples::home());
    let home = home.as_str();
    let two = format!("classificationNode=\"{}\"/>", scheme::SUBMISSION_SET);
    let both_kinds = format!("{two}<rim:Classification id=\"x\" classificationNode=\"{}\"/>", scheme::FOLDER);
    let inside =
        "<rim:RegistryObjectList><rim:ExtrinsicObject/></rim:RegistryObjectList></rim:RegistryPackage>";
    // What is bent, into what, and how many of the five are left.
    let table: &[(&str, &str, usize)] = &[
        (home, "", 3),
        (home, "home=\"urn:oid:2.999.77\"", 3),
        ("<rim:Association id", "<rim:Association home=\"urn:oid:2.999.77\" id", 2),
        ("P-0001^^^", "P-0002^^^", 3),
        (scheme::SET_PATIENT, "urn:uuid:0", 4),
        (scheme::FOLDER_PATIENT, scheme::PATIENT, 4),
        (scheme::SET_UNIQUE, "urn:uuid:0", 4),
        (":StatusType:Approved", ":StatusType:Withdrawn", 3),
        (scheme::FOLDER, "urn:uuid:0", 4),
        (two.as_str(), both_kinds.as_str(), 4),
        (" sourceObject=\"urn:uuid:52\"", "", 4),
        (" associationType=", " x=", 2),
        ("</rim:RegistryPackage>", inside, 3),
        ("</rim:RegistryPackage>", "<x:y xmlns:x='urn:x'/></rim:RegistryPackage>", 3),
        ("</rim:Association>", "<x:y xmlns:x='urn:x'/></rim:Association>", 2),
    ];
    for (from, to, left) in table {
        let bent = truth.replace(from, to);
        assert_ne!(bent, truth, "{from}");
        let answer = read(&answer(&bent));
        assert_eq!(answer.found.len(), *left, "{from} -> {to}");
        assert!(!format!("{:?}", answer.reported).contains("P-000"), "{from}");
    }
    let unknown = truth.replace(scheme::FOLDER, "urn:uuid:0");
    assert!(read(&answer(&unknown)).reported.is_empty(), "what is no package of XDS is nobody's fault");
}

#[test]
fn an_association_of_ours_is_written_whole() {
    use crate::model::{Association, ObjectId, Phi};
    let id = |text: &str| ObjectId(Phi::new(text.to_owned()));
    let ours = Association {
        community: samples::home(),
        object: id("urn:uuid:7"),
        kind: Association::TRANSFORMS.to_owned(),
        source: id("urn:uuid:8"),
        target: id("urn:uuid:9"),
        encoded: None,
    };
    let xml = written(vec![RegistryObject::Association(ours)], ReturnType::LeafClass);
    let read = read(&xml);
    assert_eq!(said(&read).len(), 1, "{xml}");
    let joins = read.found[0].association().unwrap();
    assert_eq!((joins.kind.as_str(), joins.is_membership()), (Association::TRANSFORMS, false));
    assert!(joins.source == id("urn:uuid:8") && joins.target == id("urn:uuid:9"));
}
