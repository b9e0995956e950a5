//! The rows of wire.md 21: put up with under a code, or refused, with the switch named where one
//! would admit it.

use super::*;

const QUERY_ACTION: &str = "urn:ihe:iti:2007:CrossGatewayQuery";

fn asked() -> String {
    query(FIND_DOCUMENTS, "", &[("$XDSDocumentEntryPatientId", "'1^^^&amp;2.999&amp;ISO'"), APPROVED])
}

fn put_up(told: &Value, code: &str) {
    assert_eq!(told["verdict"], "accepted", "{code}: {told}");
    assert!(codes(told).contains(&code), "{code}: {told}");
}

fn refused(told: &Value, code: &str, switch: &str) {
    assert_eq!(refusal(told), code, "{told}");
    assert!(told["refusal"]["text"].as_str().unwrap().contains(switch), "{told}");
    assert!(!told["refusal"]["where"].as_str().unwrap().is_empty(), "{told}");
}

#[test]
fn a_request_as_it_should_be_has_only_the_warning_that_nobody_vouches_for_it() {
    let told = decoded(&envelope(&addressing(QUERY_ACTION), &asked()));
    assert_eq!((told["kind"].as_str(), codes(&told)), (Some("ITI-38 request"), vec!["assertion-missing"]));
    assert_eq!(decoded(&asked())["warnings"], serde_json::json!([]));
}

#[test]
fn header_rules_of_requests() {
    let full = addressing(QUERY_ACTION);
    let without = |from: &str, to: &str| {
        let (start, end) = (full.find(from).unwrap(), full.find(to).unwrap() + to.len());
        envelope(&format!("{}{}", &full[..start], &full[end..]), &asked())
    };
    refused(&decoded(&without("<a:Action", "</a:Action>")), "action-missing", "");
    refused(
        &decoded(&without("<a:MessageID", "</a:MessageID>")),
        "message-id-missing",
        "accept_missing_message_id",
    );
    put_up(&decoded(&without("<a:ReplyTo", "</a:ReplyTo>")), "reply-to-missing");
    let body_only = envelope("", &asked()).replace("<s:Header></s:Header>", "");
    refused(&decoded(&body_only), "header-missing", "");
    let changed = |from: &str, to: &str| decoded(&envelope(&full.replace(from, to), &asked()));
    refused(&changed(QUERY_ACTION, RETRIEVE_ACTION), "action-mismatch", "route_by_body");
    refused(
        &changed(QUERY_ACTION, "urn:ihe:iti: 2007:CrossGatewayQuery"),
        "action-blank-inside",
        "route_by_body",
    );
    refused(&changed(QUERY_ACTION, "urn:other"), "action-unknown", "");
    refused(
        &changed("<a:MessageID>", "<o:x xmlns:o='o' s:mustUnderstand='1'/><a:MessageID>"),
        "not-understood",
        "",
    );
    refused(&changed("<a:MessageID>", "<a:Action>x</a:Action><a:MessageID>"), "header-repeated", "");
    put_up(&changed("s:mustUnderstand='1'", ""), "action-not-mandatory");
    put_up(&changed("s:mustUnderstand='1'", "a:mustUnderstand='1'"), "must-understand-namespace");
    put_up(&changed(QUERY_ACTION, &format!("\n {QUERY_ACTION} ")), "action-blanks");
    put_up(&changed("urn:uuid:", "uuid:"), "message-id-form");
    put_up(&changed("<a:ReplyTo>", "<a:RelatesTo>x</a:RelatesTo><a:ReplyTo>"), "relates-to-in-request");
    put_up(&changed("<a:ReplyTo>", "<o:trace xmlns:o='o'/><a:ReplyTo>"), "foreign-header");
    put_up(&changed("http://www.w3.org/2005/08/addressing/anonymous", "https://a/b"), "reply-to-elsewhere");
}

#[test]
fn responses_need_no_header() {
    let answer = retrieved(SUCCESS, "", &["QUJD"]);
    let bodied = envelope("", &answer).replace("<s:Header></s:Header>", "");
    put_up(&decoded_as(&bodied, "ITI-39 response"), "header-missing");
    put_up(&decoded_as(&envelope("", &answer), "ITI-39 response"), "header-missing");
    assert_eq!(decoded_as(&answer, "ITI-39 response")["warnings"], serde_json::json!([]));
}

#[test]
fn what_stands_before_and_in_which_bytes() {
    put_up(&decoded(&format!("\n\n<!-- x -->{}", asked())), "leading-content");
    let latin: Vec<u8> = "<?xml version='1.0' encoding='UTF-8'?><a>Ø</a>".chars().map(|c| c as u8).collect();
    refused(&line(None, &latin, None, false).1, "charset-mismatch", "");
    let soap_11 = envelope("", "<x/>")
        .replace("2003/05/soap-envelope", "x")
        .replace("http://www.w3.org/x", "http://schemas.xmlsoap.org/soap/envelope/");
    refused(&decoded(&soap_11), "soap-1.1", "");
}

#[test]
fn fault_codes_of_soap_1_1_are_mapped() {
    let fault = |code: &str| {
        decoded(&envelope("", &format!("<s:Fault><s:Code><s:Value>{code}</s:Value></s:Code></s:Fault>")))
    };
    for (code, mapped) in [("s:Server", "Receiver"), ("Client", "Sender")] {
        let told = fault(code);
        put_up(&told, "fault-code");
        assert_eq!(told["errors"][0]["code"], mapped);
    }
    assert_eq!(codes(&fault("s:Receiver")), Vec::<&str>::new());
}

#[test]
fn status_and_errors_that_contradict_each_other() {
    let error = "<rs:RegistryErrorList><rs:RegistryError errorCode='XDSRepositoryError' codeContext='x' severity='Error'/>\
        </rs:RegistryErrorList>";
    let told = decoded_as(&retrieved(SUCCESS, error, &["QUJD"]), "ITI-39 response");
    put_up(&told, "status-contradicts-errors");
    put_up(&told, "short-severity");
    assert_eq!((told["status"].as_str(), told["found"]["documents"].as_u64()), (Some("Success"), Some(1)));
    put_up(&decoded(&retrieved(FAILURE, error, &["QUJD"])), "failure-with-documents");
    put_up(&decoded(&retrieved("Success", "", &["QUJD"])), "short-status");
    refused(&decoded(&retrieved("?", "", &[])), "XDSRepositoryError", "status");
}

#[test]
fn documents_that_cannot_be_had() {
    let text = decoded(&retrieved(SUCCESS, "", &["not base64!"]));
    refused(&text, "XDSRepositoryError", "inline_text_documents");
    assert!(codes(&text).contains(&"text-not-base64"));
    let include = "<x:Include xmlns:x='http://www.w3.org/2004/08/xop/include' href='cid:a%40b'/>";
    let root = retrieved(SUCCESS, "", &[include]);
    put_up(&decoded(&root), "mtom-part-missing");
    let package = |id: &str| {
        format!(
            "--b\r\nContent-Type: application/xop+xml\r\n\r\n{root}\r\n--b\r\nContent-ID: <{id}>\r\n\r\nx\r\n--b--\r\n"
        )
    };
    put_up(&decoded(&package("a@b")), "cid-encoded");
    refused(&decoded(&package("other")), "mtom-part-missing", "");
}

#[test]
fn query_parameters() {
    let with = |patient: &str, status: &str| {
        decoded(&query(FIND_DOCUMENTS, "", &[("$XDSDocumentEntryPatientId", patient), (APPROVED.0, status)]))
    };
    let cx = "'1^^^&amp;2.999&amp;ISO'";
    refused(&with("1^^^&amp;2.999&amp;ISO", APPROVED.1), "XDSRegistryError", "accept_unquoted_params");
    refused(&with(cx, APPROVED.1.trim_matches(['(', ')'])), "XDSRegistryError", "accept_unquoted_params");
    put_up(&with("'1^^^NS&amp;2.999&amp;ISO'", APPROVED.1), "cx-namespace");
    let alone = query(FIND_DOCUMENTS, "", &[("$XDSDocumentEntryPatientId", cx)]);
    refused(&decoded(&alone), "XDSStoredQueryMissingParam", "$XDSDocumentEntryStatus");
    refused(&decoded(&query("00000000-0000-0000-0000-000000000000", "", &[])), "XDSUnknownStoredQuery", "");
    let home = query(GET_DOCUMENTS, "home='2.999.34'", &[("$XDSDocumentEntryUniqueId", "('1.2')")]);
    put_up(&decoded(&home), "home-without-urn");
}

#[test]
fn discovery_answers() {
    let answer = |ids: &str, custodian: &str, code: &str| {
        decoded_as(
            &format!(
                "<PRPA_IN201306UV02 xmlns='urn:hl7-org:v3' ITSVersion='XML_1.0'><acknowledgement><typeCode code='AA'/>\
                 </acknowledgement><controlActProcess><subject><registrationEvent><subject1><patient>{ids}</patient>\
                 </subject1>{custodian}</registrationEvent></subject><queryAck><queryResponseCode code='{code}'/>\
                 </queryAck></controlActProcess></PRPA_IN201306UV02>"
            ),
            "ITI-55 response",
        )
    };
    let id = "<id root='2.999.34.1' extension='1'/>";
    let custodian = "<custodian><assignedEntity><id root='2.999.34'/></assignedEntity></custodian>";
    assert_eq!(answer(id, custodian, "OK")["verdict"], "accepted");
    let told = answer(&id.repeat(2), custodian, "OK");
    assert_eq!(refusal(&told), "several-patient-ids");
    assert_eq!(refusal(&answer(id, "", "OK")), "custodian-missing");
    let told = answer(id, custodian, "QE");
    assert_eq!((told["status"].as_str(), told["errors"][0]["code"].as_str()), (Some("QE"), Some("QE")));
}

#[test]
fn requesters_are_shown_also_from_escaped_text() {
    let value = |inner: &str| format!("<saml:AttributeValue>{inner}</saml:AttributeValue>");
    let attribute = |name: &str, inner: &str| {
        format!("<saml:Attribute Name='urn:oasis:names:tc:{name}'>{}</saml:Attribute>", value(inner))
    };
    let role = "&lt;Role xmlns=\"urn:hl7-org:v3\" code=\"physician\" codeSystem=\"2.999.9\" displayName=\"医師\"/&gt;";
    let purpose = "<h:PurposeForUse xmlns:h='urn:hl7-org:v3' code='TREATMENT' codeSystem='2.16.840.1.113883.3.18.7.1'/>";
    let security = |role: &str| {
        format!(
            "{}<w:Security xmlns:w='http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd'>\
             <saml:Assertion xmlns:saml='urn:oasis:names:tc:SAML:2.0:assertion'><saml:AttributeStatement>{}{}\
             </saml:AttributeStatement></saml:Assertion></w:Security>",
            addressing(QUERY_ACTION),
            attribute("xacml:2.0:subject:role", role),
            attribute("xspa:1.0:subject:purposeofuse", purpose),
        )
    };
    let told = decoded(&envelope(&security(role), &asked()));
    put_up(&told, "trust-not-checked");
    put_up(&told, "code-as-escaped-text");
    let requester = &told["message"]["requester"];
    assert_eq!(
        (requester["roles"][0]["code"].as_str(), requester["purposes"][0]["code"].as_str()),
        (Some("physician"), Some("TREATMENT"))
    );
    refused(&decoded(&envelope(&security(""), &asked())), "attribute-empty", "");
}

/// The seed of a reader of `fuzz/`, bent.
fn bent(seed: &str, from: &str, to: &str) -> String {
    let text = std::fs::read_to_string(format!("{}/fuzz/seeds/{seed}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    assert!(text.contains(from), "{seed} without {from}");
    text.replacen(from, to, 1)
}

#[test]
fn a_portals_query_is_refused_as_the_broker_refuses_it() {
    let paged = ("hl7v3_pdq_query/paged", "ITI-47 request");
    let next = ("hl7v3_pdq_continuation/next", "ITI-47 request");
    let cancel = ("hl7v3_pdq_continuation/cancel", "ITI-47 request");
    let ids = ("hl7v3_pix_query/two_sources", "ITI-45 request");
    for ((seed, kind), from, to, code) in [
        (paged, "<id", "<id", ""),
        (paged, "initialQuantity value=\"2\"", "initialQuantity value=\"0\"", "bad-quantity"),
        (paged, "root=\"2.999.33.20.1\"", "root=\"HOSPITAL\"", "root-not-oid"),
        (next, "<id", "<id", ""),
        (next, "startResultNumber value=\"3\"", "startResultNumber value=\"none\"", "bad-quantity"),
        (next, "waitContinuedQueryResponse", "aborted", ""),
        (cancel, "<id", "<id", ""),
        (cancel, "queryId", "queryID", "missing-element"),
        (ids, "<id", "<id", ""),
        (ids, "<value root=\"2.999.33.1\" extension=\"N-1\"/>", "", "missing-parameter"),
    ] {
        let told = decoded_as(&bent(seed, from, to), kind);
        assert_eq!((refusal(&told), told["kind"].as_str()), (code, Some(kind)), "{seed}: {told}");
    }
}
