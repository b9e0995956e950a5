//! ITI-55 in the spellings of other gateways: whatever the prefixes, quotes, white space, references
//! and encodings are, the same is read.

use proptest::prelude::*;

use super::tests::{Discovery, addressing, answering, asking, discovery, found, oid, text};
use super::*;
use crate::dialect::respelling::received;
use crate::dialect::soap::{Offered, check_request, write_answer, write_request};
use crate::dialect::{Reply, Transaction};
use crate::model::{
    Answer, Attribute, Authority, Demographics, Failure, FoundPatient, PatientId, PatientMatch, PeerProfile,
    Phi, Refusal,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_request_reads_the_same_in_any_spelling(request in discovery(), seed in any::<u64>(), is_padded in any::<bool>()) {
        let (payload, _) = Discovery::write_request(&request, &addressing(), &PeerProfile::default());
        let envelope = write_request(Discovery::REQUEST_ACTION, &addressing(), None, &payload.xml);
        let spelt = received(&envelope, seed, is_padded).envelope;
        let offered = [Offered { action: Discovery::REQUEST_ACTION, ns: NS, root: REQUEST_ROOT }];
        prop_assert_eq!(check_request(&spelt, &offered, &PeerProfile::default()), Ok(0), "{}", spelt.source());
        let read = Discovery::read_request(&spelt, &PeerProfile::default());
        prop_assert!(read.as_ref() == Ok(&request), "{:?} {}", read.err(), spelt.source());
        // What is echoed of it stands on its own in the answer, whatever its spelling was.
        let Reply::Payload(answer) =
            Discovery::write_answer(&spelt, &answering(), &asking(), Ok(Answer::default())) else { panic!() };
        let plain = Discovery::write_answer(
            &crate::dialect::soap::Envelope::bare(&payload.xml), &answering(), &asking(), Ok(Answer::default()));
        let Reply::Payload(plain) = plain else { panic!() };
        if !is_padded {
            prop_assert_eq!(query_of(&answer.xml), query_of(&plain.xml));
        }
    }

    #[test]
    fn an_answer_reads_the_same_in_any_spelling(
        people in proptest::collection::vec((text(), discovery()), 0..3), seed in any::<u64>(), is_padded in any::<bool>(),
    ) {
        let people: Vec<FoundPatient> = people.into_iter().map(|(id, shown)| {
            let Demographics { names, birth, sex, .. } = shown.demographics.into_revealed();
            let shown = Demographics { names, birth, sex, ..Demographics::default() };
            let id = PatientId::new(Authority(oid("2.999.6")), id);
            FoundPatient { id, demographics: Some(Phi::new(shown)), ..found("") }
        }).collect();
        let answer = Answer::found(people.iter().cloned().map(PatientMatch::Found).collect());
        let read = over_the_wire(Ok(answer), seed, is_padded).unwrap();
        prop_assert_eq!(read.found.len(), people.len());
        for (read, person) in read.found.iter().zip(&people) {
            let PatientMatch::Found(read) = read else { panic!() };
            prop_assert_eq!((&read.id, read.confidence), (&person.id, person.confidence));
            prop_assert!(read.demographics == person.demographics);
        }
    }

    #[test]
    fn an_answer_that_finds_nobody_says_so_in_any_spelling(seed in any::<u64>(), is_padded in any::<bool>()) {
        let wanted = std::collections::BTreeSet::from([Attribute::Address, Attribute::Gender]);
        let more = PatientMatch::MoreAttributes { about: None, wanted: wanted.clone() };
        let read = over_the_wire(Ok(Answer::found(vec![more])), seed, is_padded).unwrap();
        let [PatientMatch::MoreAttributes { about: None, wanted: read }] = read.found.as_slice() else { panic!() };
        prop_assert_eq!(read, &wanted);
        let busy = over_the_wire(Err(Refusal::Throttled(1)), seed, is_padded);
        prop_assert_eq!(busy.err(), Some(Failure::Busy));
        let nobody = over_the_wire(Err(Refusal::Withheld), seed, is_padded).unwrap();
        prop_assert_eq!((nobody.found.len(), nobody.answered), (0, 1));
    }
}

fn query_of(answer: &str) -> String {
    let tree = crate::xml::Tree::parse(answer).unwrap();
    let query = tree.path(NS, &["controlActProcess", "queryByParameter"]).unwrap();
    plain(query)
}

// White space between elements is no part of a query.
fn plain(tree: &crate::xml::Tree) -> String {
    let children: Vec<String> = tree.elements().map(plain).collect();
    let text = if children.is_empty() { tree.text() } else { String::new() };
    let attributes = tree.element.attributes.iter().map(|a| format!("{}={:?} ", a.local, a.value));
    let mut attributes: Vec<String> = attributes.collect();
    attributes.sort();
    format!("{}({}{:?}{})", tree.name(), attributes.concat(), text, children.concat())
}

fn over_the_wire(
    answer: Result<Answer<PatientMatch>, Refusal>,
    seed: u64,
    is_padded: bool,
) -> crate::model::Outcome<PatientMatch> {
    let request = crate::model::PatientDiscovery {
        demographics: Phi::default(),
        ids: vec![PatientId::new(Authority(oid("2.999.3")), "N")],
    };
    let (payload, sent) = Discovery::write_request(&request, &addressing(), &asking());
    let envelope = write_request(Discovery::REQUEST_ACTION, &addressing(), None, &payload.xml);
    let asked = received(&envelope, seed ^ 1, is_padded).envelope;
    let Reply::Payload(payload) = Discovery::write_answer(&asked, &answering(), &asking(), answer) else {
        panic!()
    };
    let envelope = write_answer(Discovery::RESPONSE_ACTION, None, Some(&asked.header), payload.xml.clone());
    Discovery::read_answer(received(&envelope, seed, is_padded), &sent, &asking())
}

fn read_answer(xml: &str) -> crate::model::Outcome<PatientMatch> {
    let (_, sent) = Discovery::write_request(&plain_request(), &addressing(), &asking());
    let envelope = crate::dialect::soap::Envelope::bare(xml);
    Discovery::read_answer(crate::dialect::Received { envelope, parts: None }, &sent, &asking())
}

fn plain_request() -> crate::model::PatientDiscovery {
    crate::model::PatientDiscovery {
        demographics: Phi::default(),
        ids: vec![PatientId::new(Authority(oid("2.999.3")), "N")],
    }
}

fn plain_answer(found: Vec<PatientMatch>) -> String {
    let (payload, _) = Discovery::write_request(&plain_request(), &addressing(), &asking());
    let asked = crate::dialect::soap::Envelope::bare(&payload.xml);
    let Reply::Payload(payload) =
        Discovery::write_answer(&asked, &answering(), &asking(), Ok(Answer::found(found)))
    else {
        panic!()
    };
    payload.xml
}

#[test]
fn an_answer_with_the_habits_of_peers_names_the_same_person() {
    let plain = plain_answer(vec![PatientMatch::Found(found("P1"))]);
    let act = "<controlActProcess classCode=\"CACT\" moodCode=\"EVN\">";
    let query_by =
        &plain[plain.find("<queryByParameter").unwrap()..plain.find("</controlActProcess>").unwrap()];
    let moved = plain.replace(query_by, "").replace(act, &format!("{act}{query_by}"));
    let second =
        &plain[plain.find("<name use=\"SYL\"").unwrap()..plain.find("<administrativeGenderCode").unwrap()];
    for (habit, xml) in [
        ("CA for AA", plain.replace("typeCode code=\"AA\"", "typeCode code=\" CA \"")),
        ("the query before the acknowledgement", moved),
        ("another interaction", plain.replace("113883.1.6\" extension=\"PRPA_IN201306UV02\"", "113883\" extension=\"PRPA_IN 201306\"")),
        ("another version and mode", plain.replace("XML_1.0", "XML.1.0").replace("processingModeCode code=\"T\"", "processingModeCode code=\"R\"")),
        ("the code system of the sample", plain.replace("PRPA_TE201306UV02\" codeSystem=\"2.16.840.1.113883.1.6\"", "PRPA_TE201306UV02\" codeSystem=\"2.16.840.1.113883.1.18\"")),
        ("no statusCode", plain.replace("<statusCode code=\"deliveredResponse\"/>", "")),
        ("quantities", plain.replace("<queryResponseCode", "<resultTotalQuantity value=\"1\"/><queryResponseCode")),
        ("a score of a wrong type", plain.replace("xsi:type=\"INT\" value=\"97\"", "xsi:type=\"ST\" value=\" 97 \"")),
        ("a score as text", plain.replace("xsi:type=\"INT\" value=\"97\"/>", "xsi:type=\"REAL\">97</value>")),
        ("creationTime as text", plain.replace("<creationTime value=\"", "<creationTime>").replacen("+0000\"/>", "</creationTime>", 1)),
        ("an empty detail", plain.replace("</acknowledgement>", "<acknowledgementDetail/><acknowledgementDetail typeCode=\"I\"><code nullFlavor=\"NI\"/></acknowledgementDetail></acknowledgement>")),
        ("devices that are no OID", plain.replace("INSTANCE\"><id root=\"2.999.1\"", "INSTANCE\"><id root=\"urn:device:x\"")),
        ("a urn in a root", plain.replace("root=\"2.999.6\"", "root=\"urn:oid:2.999.6\"").replace("root=\"2.999.5\"", "root=\"URN:OID:2.999.5\"")),
        ("blanks around an extension", plain.replace("extension=\"P1\"", "extension=\" P1\n\"")),
        ("a name without value", plain.replace(second, &format!("<name nullFlavor=\"UNK\"/><name use=\"L\"/>{second}"))),
        ("names in parts", plain.replace("<given>ハナコ", "<given partType=\"GIV\"> ハナコ\n").replace("<family>山田", "<prefix>様</prefix><family>山田")),
        ("a birth date with hyphens", plain.replace("birthTime value=\"19630804\"", "birthTime value=\"1963-08-04\"")),
        ("a birth date with a time and a zone", plain.replace("birthTime value=\"19630804\"", "birthTime value=\"19630804000000.000+0900\"")),
        ("more of the person", plain.replace("</patientPerson>", "<addr nullFlavor=\"NI\"/><addr><city>倉敷市</city></addr><telecom value=\"tel:1\"/>\
            <asOtherIDs classCode=\"CIT\"><id root=\"2.999.99\" extension=\"OTHER\"/><scopingOrganization/></asOtherIDs></patientPerson>")),
        ("something of a foreign namespace", plain.replace("<patientPerson", "<x:y xmlns:x=\"urn:x\"><x:id root=\"2.999.6\" extension=\"EVIL\"/></x:y><patientPerson")),
        ("no subjectOf1", {
            let (from, to) = (plain.find("<subjectOf1").unwrap(), plain.find("</subjectOf1>").unwrap() + 13);
            plain.replace(&plain[from..to], "")
        }),
    ] {
        assert_ne!(xml, plain, "{habit}: nothing was changed");
        let read = read_answer(&xml).unwrap_or_else(|why| panic!("{habit}: {why:?}"));
        let [PatientMatch::Found(one)] = read.found.as_slice() else { panic!("{habit}: {:?}", read.reported) };
        assert_eq!((&one.id, &one.community), (&found("P1").id, &found("P1").community), "{habit}");
        assert!(one.demographics == found("P1").demographics, "{habit}");
        let confidence = if habit == "no subjectOf1" { 0 } else { 97 };
        assert_eq!(one.confidence, confidence, "{habit}");
    }
}

#[test]
fn nobody_is_told_in_several_ways() {
    let plain = plain_answer(Vec::new());
    for xml in [
        plain.replace("queryResponseCode code=\"NF\"", "queryResponseCode code=\"OK\""),
        plain.replace("queryResponseCode code=\"NF\"", "queryResponseCode code=\" NF \""),
        plain
            .replace("queryResponseCode code=\"NF\"", "queryResponseCode code=\"OK\"")
            .replace("<queryAck>", "<subject/><queryAck>"),
        plain,
    ] {
        let read = read_answer(&xml).unwrap();
        assert_eq!((read.found.len(), read.answered, read.reported.len()), (0, 1, 0), "{xml}");
    }
}

#[test]
fn a_request_with_the_habits_of_peers_asks_for_the_same_person() {
    let person = super::tests::person();
    let request = crate::model::PatientDiscovery { demographics: Phi::new(person), ids: Vec::new() };
    let plain = Discovery::write_request(&request, &addressing(), &asking()).0.xml;
    let gender = &plain[plain.find("<livingSubjectAdministrativeGender>").unwrap()
        ..plain.find("<livingSubjectBirthTime>").unwrap()];
    for (habit, xml) in [
        ("capitals", plain.replace("livingSubjectName", "LivingSubjectName").replace("livingSubjectBirthTime", "livingSubjectBirthtime")),
        ("order", plain.replace(gender, "").replace("</parameterList>", &format!("{gender}</parameterList>"))),
        ("acceptAckCode", plain.replace("acceptAckCode code=\"AL\"", "acceptAckCode code=\"NE\"")),
        ("no semanticsText", plain.replace("<semanticsText>LivingSubject.name</semanticsText>", "<semanticsText/>")),
        ("xsi:type", plain.replace("<value use=\"IDE\">", "<value xsi:type=\"PN\" use=\"IDE L\">")),
        ("a time of day", plain.replace("value=\"19630804\"", "value=\"196308041230-0500\"")),
        ("nullFlavors", plain.replace("</parameterList>", "<patientAddress><value nullFlavor=\"NI\"/></patientAddress>\
            <livingSubjectId><value nullFlavor=\"UNK\"/></livingSubjectId><mothersMaidenName><value nullFlavor=\"NI\"/>\
            </mothersMaidenName><patientTelecom><value nullFlavor=\"UNK\"/></patientTelecom></parameterList>")),
        ("another parameter", plain.replace("</parameterList>", "<patientStatusCode><value code=\"active\"/></patientStatusCode></parameterList>")),
        ("a foreign element", plain.replace("</parameterList>", "<livingSubjectName xmlns=\"urn:x\"><value><family>EVIL</family></value></livingSubjectName></parameterList>")),
        ("criteria and quantities", plain.replace("<parameterList>", "<initialQuantity value=\"20\"/><matchCriterionList><minimumDegreeMatch>\
            <value xsi:type=\"INT\" value=\"80\"/></minimumDegreeMatch></matchCriterionList><parameterList>")),
        ("two names in one parameter", plain.replace(
            "</value><semanticsText>LivingSubject.name</semanticsText></livingSubjectName><livingSubjectName>", "</value>")),
        ("no sender organization", plain.replace("asAgent", "asNobody")),
    ] {
        assert_ne!(xml, plain, "{habit}: nothing was changed");
        let envelope = crate::dialect::soap::Envelope::bare(&xml);
        let read = Discovery::read_request(&envelope, &PeerProfile::default());
        assert!(read.as_ref() == Ok(&request), "{habit}: {:?}", read.err());
    }
}
