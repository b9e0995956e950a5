use super::super::{extrinsic_object, samples};
use super::*;
use crate::model::{MessageId, PatientId, QueryId, Severity};

const SUCCESS: &str = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success";

fn sent() -> Sent {
    Sent {
        message: MessageId(String::new()),
        query: QueryId { root: String::new(), extension: None },
        home: samples::peer(),
        patient: Some(PatientId::from_cx("P-1^^^&2.999.2.3&ISO").unwrap()),
        documents: Vec::new(),
    }
}

fn entry(attributes: &str, patient: &str) -> String {
    format!(
        "<rim:ExtrinsicObject id='urn:uuid:1' mimeType='text/xml' {attributes}>\
         <rim:Slot name='repositoryUniqueId'><rim:ValueList><rim:Value>\n urn:oid:2.999.2.4\t</rim:Value></rim:ValueList></rim:Slot>\
         <rim:ExternalIdentifier identificationScheme='{}' value='{patient}^^^&amp;2.999.2.3&amp;ISO'/>\
         <rim:ExternalIdentifier identificationScheme='{}' value=' 2.999.7 '/></rim:ExtrinsicObject>",
        super::super::vocabulary::scheme::PATIENT,
        super::super::vocabulary::scheme::UNIQUE,
    )
}

const WHOLE: &str = "home='urn:oid:2.999.2' status='urn:oasis:names:tc:ebxml-regrep:StatusType:Approved' \
     objectType='urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1'";

fn response(status: &str, errors: &str, objects: &str) -> Envelope {
    let errors = if errors.is_empty() {
        String::new()
    } else {
        format!("<rs:RegistryErrorList>{errors}</rs:RegistryErrorList>")
    };
    Envelope::bare(&format!(
        "<q:AdhocQueryResponse xmlns:q='{QUERY}' xmlns:rim='{RIM}' xmlns:rs='{RS}' status='{status}'>\
         {errors}<rim:RegistryObjectList>{objects}</rim:RegistryObjectList></q:AdhocQueryResponse>"
    ))
}

fn error(code: &str) -> String {
    format!(
        "<rs:RegistryError errorCode='{code}' codeContext='c' severity='Error' location='com.example.Class'/>"
    )
}

fn codes(answer: &Answer<RegistryObject>) -> Vec<&str> {
    answer.reported.iter().map(|reported| reported.code.as_str()).collect()
}

fn run(message: &Envelope) -> Answer<RegistryObject> {
    read(message, &sent(), &PeerProfile::default()).unwrap()
}

#[test]
fn values_are_trimmed_and_the_repository_is_read_with_its_urn() {
    let answer = run(&response(SUCCESS, "", &entry(WHOLE, "P-1")));
    assert_eq!((answer.found.len(), answer.answered, answer.reported.len()), (1, 1, 0));
    let RegistryObject::Entry(entry) = &answer.found[0] else { panic!() };
    assert_eq!(entry.id.unique.reveal(), "2.999.7");
    assert_eq!(entry.id.repository.0.as_str(), "2.999.2.4");
}

#[test]
fn an_entry_of_another_patient_is_dropped_and_reported() {
    let answer = run(&response(SUCCESS, "", &[entry(WHOLE, "P-1"), entry(WHOLE, "P-2")].concat()));
    assert_eq!((answer.found.len(), codes(&answer)), (1, vec!["XDSRegistryError"]));
    assert!(!format!("{:?}", answer.reported).contains("P-2"));
}

#[test]
fn what_lacks_home_status_or_type_is_dropped_unless_a_switch_fills_it() {
    let homeless = WHOLE.replace("home='urn:oid:2.999.2'", "home=''");
    let stateless = "home='urn:oid:2.999.2' status='Active'";
    let foreign = WHOLE.replace("2.999.2", "2.999.77");
    for (attributes, code) in [
        (homeless.as_str(), "XDSMissingHomeCommunityId"),
        (stateless, "XDSRegistryError"),
        (&foreign, "XDSRegistryError"),
    ] {
        let answer = run(&response(SUCCESS, "", &entry(attributes, "P-1")));
        assert_eq!((answer.found.len(), codes(&answer)), (0, vec![code]), "{attributes}");
    }
    let profile =
        PeerProfile { fill_missing_home: true, fill_missing_status: true, ..PeerProfile::default() };
    for attributes in [homeless.as_str(), stateless] {
        let answer = read(&response(SUCCESS, "", &entry(attributes, "P-1")), &sent(), &profile).unwrap();
        let RegistryObject::Entry(entry) = &answer.found[0] else { panic!() };
        let xml = extrinsic_object::encode(entry).unwrap();
        assert!(xml.contains("home=\"urn:oid:2.999.2\"") || xml.contains("home='urn:oid:2.999.2'"), "{xml}");
        assert!(xml.contains("StatusType:Approved") && xml.contains("7edca82f"), "{xml}");
    }
}

#[test]
fn an_element_that_would_break_a_portal_costs_only_its_entry() {
    let strange =
        entry(WHOLE, "P-1").replace("</rim:ExtrinsicObject>", "<x xmlns='urn:x'/></rim:ExtrinsicObject>");
    let answer = run(&response(SUCCESS, "", &[strange, entry(WHOLE, "P-1")].concat()));
    assert_eq!((answer.found.len(), codes(&answer)), (1, vec!["XDSRegistryError"]));
}

#[test]
fn contradictions_between_status_errors_and_objects_are_resolved() {
    let table = [
        ("Success", true, true, (1, 1, 1)),
        ("Success", true, false, (0, 0, 1)),
        ("Failure", true, true, (0, 0, 1)),
        ("urn:x:FAILURE", false, false, (0, 0, 1)),
        ("Queued", false, true, (0, 0, 1)),
        ("PartialSuccess", false, false, (0, 1, 0)),
        ("PartialSuccess", true, false, (0, 1, 1)),
    ];
    for (status, has_error, has_object, expected) in table {
        let errors = if has_error { error("XDSRegistryError") } else { String::new() };
        let objects = if has_object { entry(WHOLE, "P-1") } else { String::new() };
        let answer = run(&response(status, &errors, &objects));
        assert_eq!((answer.found.len(), answer.answered, answer.reported.len()), expected, "{status}");
    }
}

#[test]
fn an_unknown_patient_is_nobody_and_a_busy_gateway_is_busy() {
    let answer = run(&response("Failure", &error("XDSUnknownPatientId"), ""));
    assert_eq!((answer.answered, answer.reported.len()), (1, 0));
    let answer = run(&response("Failure", &error("XDSUnknownPatientId"), &entry(WHOLE, "P-1")));
    assert_eq!((answer.found.len(), answer.set_aside), (0, 1), "a failure gives nothing, whatever failed");
    let busy = read(&response("Failure", &error("XDSRegistryBusy"), ""), &sent(), &PeerProfile::default());
    assert_eq!(busy.unwrap_err(), Failure::Busy);
}

#[test]
fn an_error_is_located_at_the_gateways_home_whatever_it_said() {
    let answer = run(&response("Failure", &error("XDSTooManyResults"), ""));
    assert_eq!(answer.reported[0].community, Some(samples::peer()));
    assert_eq!(answer.reported[0].severity, Severity::Error);
}

#[test]
fn no_status_another_root_a_fault_and_too_much_are_told_apart() {
    let failure = |xml: &str| read(&Envelope::bare(xml), &sent(), &PeerProfile::default()).unwrap_err();
    let no_status = response("?", "", "");
    assert!(matches!(failure(no_status.source()), Failure::Unreadable(_)));
    assert!(matches!(failure("<a/>"), Failure::Unreadable(_)));
    assert!(matches!(failure("<a"), Failure::Unreadable(_)));
    let fault = format!(
        "<s:Fault xmlns:s='{}'><s:Code><s:Value>s:Sender</s:Value></s:Code></s:Fault>",
        crate::dialect::soap::ns::SOAP
    );
    assert!(matches!(failure(&fault), Failure::Rejected(_)));
    let many = response(SUCCESS, "", &"<rim:ObjectRef id='1'/>".repeat(OBJECTS_MAX + 1));
    assert!(matches!(failure(many.source()), Failure::Unreadable(why) if why.contains("too-many-objects")));
}

#[test]
fn a_deferred_part_is_reported_as_missing() {
    let xml = format!(
        "<q:AdhocQueryResponse xmlns:q='{QUERY}' xmlns:rim='{RIM}' xmlns:rs='{RS}' status='PartialSuccess'>\
         <rs:ResponseSlotList><rim:Slot name='DeferredProcessingRequired'/></rs:ResponseSlotList>\
         <rim:RegistryErrorList></rim:RegistryErrorList></q:AdhocQueryResponse>"
    );
    assert_eq!(codes(&run(&Envelope::bare(&xml))), ["XDSRegistryError"]);
}

// A whole answer as gateways with habits write it.
fn habit(change: impl Fn(String) -> String) -> Answer<RegistryObject> {
    let plain = response(SUCCESS, "", &entry(WHOLE, "P-1"));
    let changed = change(plain.source().to_owned());
    assert_ne!(changed, plain.source(), "nothing was changed");
    run(&Envelope::bare(&changed))
}

#[test]
fn an_answer_with_the_habits_of_gateways_holds_the_same_entry() {
    let plain = run(&response(SUCCESS, "", &entry(WHOLE, "P-1")));
    let said = |answer: &Answer<RegistryObject>| {
        let RegistryObject::Entry(entry) = &answer.found[0] else { panic!() };
        format!("{} {:?} {}", entry.id.unique.reveal(), entry.id.repository, entry.patient.cx().reveal())
    };
    let patient = super::super::vocabulary::scheme::PATIENT;
    let upper = patient.to_ascii_uppercase();
    let short = patient.trim_start_matches("urn:uuid:");
    let package = "<rim:RegistryPackage id='urn:uuid:9' home='urn:oid:2.999.2'/><rim:Association id='a' \
        associationType='x' sourceObject='a' targetObject='b'/>";
    let changes: [(&str, &dyn Fn(String) -> String); 13] = [
        ("a home without urn", &|s| s.replace("home='urn:oid:2.999.2'", "home=' 2.999.2 '")),
        ("a urn in capitals", &|s| s.replace("home='urn:oid:2.999.2'", "home='URN:OID:2.999.2'")),
        ("a scheme in capitals", &|s| s.replace(patient, &upper)),
        ("a scheme without urn", &|s| s.replace(patient, short)),
        ("a CX with a namespace", &|s| s.replace("^^^&amp;", "^^^ORG&amp;")),
        ("a CX without ISO", &|s| s.replace("&amp;ISO", "")),
        ("blanks around a CX", &|s| s.replace("value='P-1", "value='\n P-1")),
        ("a short status", &|s| s.replace("urn:oasis:names:tc:ebxml-regrep:StatusType:Approved", "Approved")),
        ("a repository without urn", &|s| s.replace("urn:oid:2.999.2.4", "2.999.2.4")),
        ("a slot with several lists", &|s| {
            s.replace(
                "<rim:Slot name='repo",
                "<rim:Slot name='x'><rim:ValueList/><rim:ValueList>\
            <rim:Value/></rim:ValueList></rim:Slot><rim:Slot name='repo",
            )
        }),
        ("attributes of another namespace", &|s| {
            s.replace("mimeType=", "xmlns:o='urn:o' o:home='urn:oid:2.999.99' mimeType=")
        }),
        ("other objects around it", &|s| {
            s.replace("<rim:ExtrinsicObject", &format!("{package}<rim:ExtrinsicObject"))
                .replacen(package, "", 1)
                .replace("</rim:ExtrinsicObject>", &format!("</rim:ExtrinsicObject>{package}"))
        }),
        ("an element nobody knows", &|s| {
            s.replace(
                "<rim:RegistryObjectList>",
                "<x:y xmlns:x='urn:x'><rim:ExtrinsicObject/></x:y>\
            <rim:RegistryObjectList>",
            )
        }),
    ];
    for (name, change) in changes {
        let answer = habit(change);
        assert_eq!((said(&answer), answer.reported.len()), (said(&plain), 0), "{name}");
    }
}

#[test]
fn an_answer_without_a_list_of_objects_is_empty_and_errors_count_in_either_namespace() {
    let bare = |inner: &str, status: &str| {
        Envelope::bare(&format!(
            "<q:AdhocQueryResponse xmlns:q='{QUERY}' xmlns:rim='{RIM}' xmlns:rs='{RS}' status='{status}'>{inner}</q:AdhocQueryResponse>"
        ))
    };
    let empty = run(&bare("", SUCCESS));
    assert_eq!((empty.found.len(), empty.answered, empty.reported.len()), (0, 1, 0));
    for prefix in ["rs", "rim"] {
        let list = format!(
            "<{prefix}:RegistryErrorList>{}</{prefix}:RegistryErrorList>",
            error("XDSRegistryOutOfResources")
        );
        let answer = run(&bare(&list, "Failure"));
        assert_eq!((answer.answered, codes(&answer)), (0, vec!["XDSRegistryOutOfResources"]));
    }
    // An error code of the other transaction is passed on as it is.
    let foreign = run(&bare(
        &format!("<rs:RegistryErrorList>{}</rs:RegistryErrorList>", error("XDSDocumentUniqueIdError")),
        "Failure",
    ));
    assert_eq!(codes(&foreign), ["XDSDocumentUniqueIdError"]);
}
