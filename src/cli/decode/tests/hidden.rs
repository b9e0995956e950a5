//! Without `--reveal` no patient value shows, with it all do.

use super::*;
use serde_json::json;

const MARKS: [&str; 5] = ["PLANTED7", "秘密太郎", "19610203", "0861112222", "7.8.9.PLANTED"];

// Messages with planted values at every place a patient value stands.
fn planted() -> Vec<(Option<&'static str>, String)> {
    let cx = "PLANTED7^^^&amp;2.999.33.1&amp;ISO";
    let person = "<administrativeGenderCode code='M'/>";
    let discovery =
        "<PRPA_IN201305UV02 xmlns='urn:hl7-org:v3' ITSVersion='XML_1.0'><id root='2.999.1' extension='1'/>\
         <sender><device><id root='2.999.1'/><asAgent><representedOrganization><id root='2.999.33'/>\
         </representedOrganization></asAgent></device></sender><controlActProcess><queryByParameter>\
         <queryId root='2.999.1' extension='2'/><parameterList>\
         <livingSubjectBirthTime><value value='19610203'/></livingSubjectBirthTime>\
         <livingSubjectId><value root='2.999.33.1' extension='PLANTED7'/></livingSubjectId>\
         <livingSubjectName><value><family>秘密太郎</family><given>PLANTED7</given></value></livingSubjectName>\
         <patientAddress><value><city>秘密太郎</city><postalCode>PLANTED7</postalCode></value></patientAddress>\
         <patientTelecom><value value='tel:0861112222'/></patientTelecom>\
         </parameterList></queryByParameter></controlActProcess></PRPA_IN201305UV02>"
        .to_owned();
    let response = format!(
        "<PRPA_IN201306UV02 xmlns='urn:hl7-org:v3'><acknowledgement><typeCode code='AA'/><acknowledgementDetail>\
         <text>秘密太郎 PLANTED7</text></acknowledgementDetail></acknowledgement><controlActProcess><subject>\
         <registrationEvent><subject1><patient><id root='2.999.34.1' extension='PLANTED7'/><patientPerson><name>\
         <family>秘密太郎</family></name>{person}<birthTime value='19610203'/></patientPerson></patient></subject1>\
         <custodian><assignedEntity><id root='2.999.34'/></assignedEntity></custodian></registrationEvent></subject>\
         <queryAck><queryResponseCode code='OK'/></queryAck></controlActProcess></PRPA_IN201306UV02>"
    );
    let slots = [
        ("$XDSDocumentEntryPatientId", format!("'{cx}'")),
        ("$XDSDocumentEntryStatus", APPROVED.1.to_owned()),
        ("$XDSDocumentEntryAuthorPerson", "('秘密太郎%')".to_owned()),
        ("$XDSDocumentEntryReferenceIdList", "('PLANTED7^^^^x')".to_owned()),
        ("$other", "秘密太郎".to_owned()),
    ];
    let slots: Vec<(&str, &str)> = slots.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let asked = query(FIND_DOCUMENTS, "", &slots);
    let error = "<rs:RegistryErrorList><rs:RegistryError errorCode='XDSUnknownPatientId' \
        codeContext='秘密太郎 PLANTED7' severity='urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error'/></rs:RegistryErrorList>";
    let security = format!(
        "{}<w:Security xmlns:w='http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd'>\
         <saml:Assertion xmlns:saml='urn:oasis:names:tc:SAML:2.0:assertion'><saml:Subject><saml:NameID>PLANTED7</saml:NameID>\
         </saml:Subject><saml:AttributeStatement><saml:Attribute Name='urn:oasis:names:tc:xspa:1.0:subject:subject-id'>\
         <saml:AttributeValue>秘密太郎</saml:AttributeValue></saml:Attribute><saml:Attribute \
         Name='urn:oasis:names:tc:xacml:2.0:resource:resource-id'><saml:AttributeValue>{cx}</saml:AttributeValue>\
         </saml:Attribute></saml:AttributeStatement></saml:Assertion></w:Security>",
        addressing("urn:ihe:iti:2007:CrossGatewayQuery"),
    );
    let fault = "<s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code><s:Reason><s:Text>no PLANTED7 秘密太郎</s:Text>\
        </s:Reason></s:Fault>";
    let hl7 = "MSH|^~\\&|A|B|C|D|20240712||ADT^A08^ADT_A01|1|P|2.5||||||UNICODE UTF-8\r\
        PID|0001||PLANTED7^^^^PI||秘密太郎^PLANTED7||19610203|M|||^^秘密太郎^^PLANTED7||^PRN^PH^^^^^^^^^0861112222\r";
    let audit = format!(
        "<AuditMessage><EventIdentification EventDateTime='x' EventOutcomeIndicator='0'><EventID csd-code='1'/>\
         </EventIdentification><ActiveParticipant UserID='秘密太郎'/><AuditSourceIdentification AuditSourceID='k'/>\
         <ParticipantObjectIdentification ParticipantObjectID='{cx}' ParticipantObjectTypeCode='1'/></AuditMessage>"
    );
    let location = "<x:PatientLocationQueryRequest xmlns:x='urn:ihe:iti:xcpd:2009'><x:RequestedPatientId \
        root='2.999.33.1' extension='PLANTED7'/></x:PatientLocationQueryRequest>";
    let packages = format!(
        "<r:RegistryPackage id='urn:uuid:PLANTED7' home='urn:oid:2.999.34'><r:Name><r:LocalizedString value='秘密太郎'/></r:Name>\
         <r:Description><r:LocalizedString value='PLANTED7'/></r:Description>\
         <r:Classification id='c' classificationNode='urn:uuid:d9d542f3-6cc4-48b6-8870-ea235fbc94c2'/>\
         <r:ExternalIdentifier identificationScheme='urn:uuid:f64ffdf0-4b97-4e06-b79f-a52b38ec2f8a' value='{cx}'/>\
         <r:ExternalIdentifier identificationScheme='urn:uuid:75df8f67-9973-4fbe-a900-df66cefecc5a' value='7.8.9.PLANTED'/>\
         </r:RegistryPackage><r:Association id='urn:uuid:PLANTED7' associationType='urn:ihe:iti:2007:AssociationType:RPLC' \
         sourceObject='urn:uuid:PLANTED7' targetObject='urn:uuid:PLANTED7'/><r:ObjectRef id='urn:uuid:PLANTED7' \
         home='urn:oid:2.999.34'/>"
    );
    let entry = format!(
        "<q:AdhocQueryResponse xmlns:q='urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0' \
         xmlns:r='urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0' status='{SUCCESS}'><r:RegistryObjectList>\
         <r:ExtrinsicObject id='urn:uuid:PLANTED7' home='urn:oid:2.999.34' status='urn:oasis:names:tc:ebxml-regrep:StatusType:Approved' \
         objectType='urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1'><r:Slot name='sourcePatientId'><r:ValueList><r:Value>{cx}</r:Value></r:ValueList></r:Slot>\
         <r:Slot name='sourcePatientInfo'><r:ValueList><r:Value>PID-5|秘密太郎</r:Value></r:ValueList></r:Slot>\
         <r:Name><r:LocalizedString value='秘密太郎'/></r:Name><r:Description><r:LocalizedString value='PLANTED7'/></r:Description>\
         <r:ExternalIdentifier identificationScheme='urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427' value='{cx}'/>\
         <r:ExternalIdentifier identificationScheme='urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab' value='7.8.9.PLANTED'/>\
         </r:ExtrinsicObject>{packages}</r:RegistryObjectList></q:AdhocQueryResponse>"
    );
    vec![
        (Some("ITI-55 request"), discovery.clone()),
        (Some("ITI-47 request"), discovery.clone()),
        (Some("ITI-55 response"), response.clone()),
        (Some("ITI-47 response"), response.clone()),
        (None, response.replace("306", "310")),
        (None, discovery.replace("2.999.33.1' extension", "PLANTED7' extension")),
        (None, discovery.replace("<family>", "<family>PLANTED7<")),
        (Some("ITI-38 request"), asked.clone()),
        (None, envelope(&security, &asked)),
        (Some("ITI-38 response"), entry),
        (Some("ITI-39 response"), retrieved(FAILURE, error, &[])),
        (None, envelope("", fault)),
        (None, hl7.to_owned()),
        (None, audit),
        (None, location.to_owned()),
        (
            None,
            "{\"resourceType\":\"Patient\",\"id\":\"PLANTED7\",\"name\":[{\"text\":\"秘密太郎\"}]}"
                .to_owned(),
        ),
        (
            None,
            "{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"diagnostics\":\"秘密太郎\"}]}".to_owned(),
        ),
    ]
}

#[test]
fn without_reveal_no_planted_value_shows() {
    for (kind, text) in planted() {
        let (line, _) = line(None, text.as_bytes(), kind, false);
        for mark in MARKS {
            assert!(!line.contains(mark), "{mark} shows: {line}");
        }
    }
}

#[test]
fn with_reveal_names_and_ids_stand_as_in_the_message() {
    let shown = |at: usize| {
        let (kind, text) = planted().swap_remove(at);
        line(None, text.as_bytes(), kind, true).0
    };
    for at in [0, 1, 2, 3, 7, 8, 9, 10, 11, 12, 13, 14] {
        let line = shown(at);
        assert!(line.contains("PLANTED"), "{at}: {line}");
    }
    for at in [0, 1, 2, 3, 7, 8, 9, 12] {
        assert!(shown(at).contains("秘密太郎"), "{at}");
    }
}

#[test]
fn the_numbers_of_a_storage_path_show_only_in_file() {
    let path = "0005064077_-_ADT-00_999999999999999_20240712081527824_-_1";
    let (line, told) = line(Some(path), b"", None, false);
    assert_eq!((line.matches("0005064077").count(), refusal(&told)), (1, "empty-file"));
}

#[test]
fn folders_and_associations_are_told_by_what_they_are() {
    let planted = planted();
    let (_, entry) = planted.iter().find(|(kind, _)| *kind == Some("ITI-38 response")).unwrap();
    let (_, told) = line(None, entry.as_bytes(), Some("ITI-38 response"), true);
    let message = &told["message"];
    assert_eq!((&told["found"]["folders"], &told["found"]["associations"]), (&json!(1), &json!(1)));
    assert_eq!(message["folders"][0]["title"], "秘密太郎");
    assert_eq!(message["folders"][0]["patient"], "PLANTED7^^^&2.999.33.1&ISO");
    assert_eq!(message["associations"][0]["type"], "urn:ihe:iti:2007:AssociationType:RPLC");
    assert_eq!(message["associations"][0]["source"], "urn:uuid:PLANTED7");
    assert_eq!(message["object_refs"][0], "urn:uuid:PLANTED7");
    assert!(message["submission_sets"].is_null(), "{told}");
}
