use super::*;
use crate::dialect::ebxml::{CrossGatewayQuery, samples, vocabulary};
use crate::dialect::soap::Envelope;
use crate::dialect::{Received, Sent, Transaction};
use crate::model::{MessageId, PeerProfile, QueryId, RegistryObject};

const NUMBER: &str = "0000012345";

/// What a registry may say of a submission set and a folder beyond what routing needs.
fn package(kind: PackageKind) -> String {
    let (patient, unique) = schemes(kind);
    let slot = |name: &str, value: &str| {
        format!(
            "<rim:Slot name=\"{name}\"><rim:ValueList><rim:Value>{value}</rim:Value></rim:ValueList></rim:Slot>"
        )
    };
    let identifier = |n: u32, scheme: &str, value: &str| {
        format!(
            "<rim:ExternalIdentifier id=\"urn:uuid:i{n}\" identificationScheme=\"{scheme}\" value=\"{value}\"/>"
        )
    };
    let code = |scheme: &str| {
        format!(
            "<rim:Classification id=\"urn:uuid:c\" classificationScheme=\"{scheme}\" nodeRepresentation=\"外来\">\
             {}<rim:Name><rim:LocalizedString value=\"外来診療\"/></rim:Name></rim:Classification>",
            slot("codingScheme", "2.999.5")
        )
    };
    format!(
        "<rim:RegistryPackage id=\"urn:uuid:51\" home=\"{}\" status=\"urn:x:StatusType:Approved\">\
         {}{}{}{}<rim:Name><rim:LocalizedString value=\"糖尿病\"/></rim:Name>\
         <rim:Description><rim:LocalizedString value=\"電話 086-000-1111\"/></rim:Description>\
         <rim:Classification id=\"urn:uuid:n\" classificationNode=\"{}\"/>{}{}\
         <rim:Classification id=\"urn:uuid:a\" classificationScheme=\"{}\" nodeRepresentation=\"\">{}{}</rim:Classification>\
         {}{}{}</rim:RegistryPackage>",
        samples::home(),
        slot("submissionTime", "20260401083000"),
        slot("lastUpdateTime", "20260402083000"),
        slot("intendedRecipient", "|^架橋^医師"),
        slot("urn:x:y", "as it was"),
        node(kind),
        code(scheme::FOLDER_CODES),
        code(scheme::SET_CONTENT_TYPE),
        scheme::SET_AUTHOR,
        slot("authorPerson", "^内科^医師"),
        slot("authorInstitution", "岡山の病院"),
        identifier(1, patient, &format!("{NUMBER}^^^&amp;2.999.1.3&amp;ISO")),
        identifier(2, unique, "2.999.1.6.51"),
        identifier(3, scheme::SET_SOURCE, "2.999.1.6"),
    )
}

fn read(object: &str) -> RegistryObject {
    let answer = format!(
        "<q:AdhocQueryResponse xmlns:q='{}' xmlns:rim='{RIM}' \
         status='urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success'>\
         <rim:RegistryObjectList>{object}</rim:RegistryObjectList></q:AdhocQueryResponse>",
        vocabulary::QUERY,
    );
    let sent = Sent {
        message: MessageId(String::new()),
        query: QueryId { root: String::new(), extension: None },
        home: samples::home(),
        patient: None,
        documents: Vec::new(),
    };
    let received = Received { envelope: Envelope::bare(&answer), parts: None };
    let mut answer = CrossGatewayQuery::read_answer(received, &sent, &PeerProfile::default()).unwrap();
    assert_eq!(answer.found.len(), 1, "{:?}", answer.reported);
    answer.found.remove(0)
}

fn of(xml: &str) -> Package {
    read(xml).package().unwrap().clone()
}

fn anew(xml: &str) -> Option<Package> {
    package_anew(&of(xml), &|text| !text.contains(NUMBER))
}

#[test]
fn a_package_written_anew_keeps_what_the_framework_names_and_nothing_else() {
    for kind in [PackageKind::SubmissionSet, PackageKind::Folder] {
        let xml = package(kind);
        let told = anew(&xml).unwrap();
        let written = super::super::package::encode(&told).unwrap();
        let again = of(&written);
        let said = |p: &Package| {
            (p.kind, p.object.clone(), p.unique.reveal().clone(), p.patient.clone(), p.availability)
        };
        assert_eq!(said(&again), said(&of(&xml)), "{written}");
        assert!(written.contains("home=\"urn:oid:2.999.1\""), "{written}");
        let of_sets =
            ["20260401083000", "^内科^医師", "岡山の病院", "value=\"2.999.1.6\"", scheme::SET_CONTENT_TYPE];
        let of_folders = ["20260402083000", scheme::FOLDER_CODES];
        let (kept, left) = match kind {
            PackageKind::SubmissionSet => (&of_sets[..], &of_folders[..]),
            PackageKind::Folder => (&of_folders[..], &of_sets[..]),
        };
        for word in kept.iter().chain(&["糖尿病", "外来診療", "2.999.5", "外来\""]) {
            assert!(written.contains(word), "{kind:?} {word}: {written}");
        }
        for word in left.iter().chain(&["086-000-1111", "架橋", "as it was", "urn:x:y"]) {
            assert!(!written.contains(word), "{kind:?} {word}: {written}");
        }
    }
}

#[test]
fn a_package_does_not_pass_by_whose_ids_or_authors_the_number_would_be_told() {
    let telling = |from: &str, to: &str| package(PackageKind::SubmissionSet).replacen(from, to, 1);
    for xml in [
        telling("value=\"2.999.1.6.51\"", &format!("value=\"2.999.1.6.51^{NUMBER}\"")),
        telling("id=\"urn:uuid:51\"", &format!("id=\"set-{NUMBER}\"")),
        telling("^内科^医師", &format!("{NUMBER}^内科^医師")),
        telling("岡山の病院", NUMBER),
    ] {
        assert!(anew(&xml).is_none(), "{xml}");
    }
    for title in [format!("患者 {NUMBER}"), "患者 54321".to_owned(), "患者 ００５４３２１".to_owned()]
    {
        let titled = anew(&telling("糖尿病", &title)).unwrap();
        let written = super::super::package::encode(&titled).unwrap();
        assert!(!written.contains("患者"), "nobody asks by a title: {written}");
    }
    let dated = anew(&telling("糖尿病", "2024年度")).unwrap();
    assert!(super::super::package::encode(&dated).unwrap().contains("2024年度"));
}

#[test]
fn an_association_written_anew_keeps_its_ends_its_type_and_how_a_member_came() {
    let objects = samples::packages("urn:uuid:1");
    let at = objects.find("<rim:Association").unwrap();
    let xml = objects[at..].split_inclusive("</rim:Association>").next().unwrap();
    let told = |xml: &str, may: bool| {
        let read = read(xml);
        association_anew(read.association().unwrap(), &|_| may)
    };
    let xml = xml.replace("<rim:Slot", "<rim:Slot name=\"urn:x:y\"><rim:ValueList><rim:Value>secret</rim:Value></rim:ValueList></rim:Slot><rim:Slot");
    let written = super::super::association::encode(&told(&xml, true).unwrap()).unwrap();
    let (before, after) = (read(&xml), read(&written));
    let said = |object: &RegistryObject| {
        let a = object.association().unwrap().clone();
        (a.object, a.kind, a.source, a.target)
    };
    assert_eq!(said(&after), said(&before), "{written}");
    assert!(written.contains("Original") && !written.contains("secret"), "{written}");
    assert!(told(&xml, false).is_none(), "an id that may not be told");
    assert!(told(&xml.replace("HasMember", "KnowsOf"), true).is_none(), "a type that nobody knows");
    let spelt =
        xml.replace("urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember", "urn:x:12345:HasMember");
    assert_eq!(told(&spelt, true).unwrap().kind, Association::HAS_MEMBER, "in the framework's words");
}
