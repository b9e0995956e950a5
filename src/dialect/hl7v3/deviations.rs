//! The deviations of wire.md 21.3 that readers put up with, named for `decode`.

use std::collections::BTreeMap;

use super::NS;
use super::wrapper::{INTERACTIONS, XSI, interaction_of};
use crate::model::{PartialDate, Warning};
use crate::xml::Tree;

/// All deviations of a message, each code once.
pub fn deviations(body: &Tree) -> Vec<Warning> {
    let mut found = Found::new();
    let is_request = body.first(NS, "acknowledgement").is_none();
    wrapper(body, is_request, &mut found);
    everywhere(body, &mut found);
    if let Some(act) = body.first(NS, "controlActProcess") {
        control_act(act, &mut found);
        let patients =
            act.all(NS, "subject").filter_map(|s| s.path(NS, &["registrationEvent", "subject1", "patient"]));
        for value in patients.filter_map(|p| p.path(NS, &["subjectOf1", "queryMatchObservation", "value"])) {
            if value.xsi_type.as_deref().is_none_or(|(ns, name)| ns != NS || name != "INT") {
                found.insert("xsi-type-wrong", "queryMatchObservation/value is not of type INT");
            }
        }
    }
    found.into_iter().map(|(code, text)| Warning::new(code, text)).collect()
}

// Code and text: each code once, however often the message deviates so.
type Found = BTreeMap<&'static str, &'static str>;

fn wrapper(body: &Tree, is_request: bool, found: &mut Found) {
    let code =
        |name: &str| body.first(NS, name).and_then(|element| element.attribute("code")).unwrap_or_default();
    if body.attribute("ITSVersion") != Some("XML_1.0") {
        found.insert("its-version", "ITSVersion is not XML_1.0");
    }
    if code("processingModeCode") != "T" {
        found.insert("processing-mode", "processingModeCode is not T");
    }
    if is_request && code("acceptAckCode") != "AL" {
        found.insert("accept-ack-code", "acceptAckCode of a request is not AL");
    }
    let interaction = body.first(NS, "interactionId");
    let fits = |id: &Tree| {
        id.attribute("root") == Some(INTERACTIONS)
            && id.attribute("extension") == Some(interaction_of(body.name()))
    };
    if !interaction.is_some_and(fits) {
        found.insert("interaction-id", "interactionId does not name the root element");
    }
    if body.first(NS, "creationTime").is_none_or(|time| time.attribute("value").is_none()) {
        found.insert("creation-time", "creationTime without value");
    }
    let type_code = body.path(NS, &["acknowledgement", "typeCode"]).and_then(|c| c.attribute("code"));
    if matches!(type_code, Some("CA" | "CE" | "CR")) {
        found.insert("acknowledgement-accept-code", "CA, CE or CR where AA, AE or AR is meant");
    }
}

fn control_act(act: &Tree, found: &mut Found) {
    if act
        .first(NS, "code")
        .is_some_and(|code| code.attribute("codeSystem") == Some("2.16.840.1.113883.1.18"))
    {
        found.insert("control-act-code-system", "the trigger's code system is 2.16.840.1.113883.1.18");
    }
    if let Some(ack) = act.first(NS, "queryAck") {
        if ack.first(NS, "statusCode").is_none() {
            found.insert("query-ack-incomplete", "queryAck without statusCode");
        }
        let code = ack.first(NS, "queryResponseCode").and_then(|code| code.attribute("code"));
        if code == Some("OK") && act.first(NS, "subject").is_none() && act.first(NS, "reasonOf").is_none() {
            found.insert("ok-without-subject", "OK where NF is meant");
        }
        if code == Some("QE") {
            found.insert("query-error", "QE is no code of ITI-55");
        }
    }
    if act.first(NS, "detectedIssueEvent").is_some() {
        found.insert("issue-misplaced", "detectedIssueEvent without reasonOf");
    }
    in_order(
        act,
        &["code", "authorOrPerformer", "subject", "reasonOf", "queryAck", "queryByParameter"],
        found,
    );
    let Some(query) = act.first(NS, "queryByParameter") else { return };
    let order = [
        "queryId",
        "statusCode",
        "responseModalityCode",
        "responsePriorityCode",
        "matchCriterionList",
        "parameterList",
    ];
    in_order(query, &order, found);
    for parameter in query.first(NS, "parameterList").into_iter().flat_map(Tree::elements) {
        if parameter.name().starts_with(|c: char| c.is_ascii_uppercase()) {
            found.insert("parameter-capitalised", "a parameter's name begins with a capital letter");
        }
        if parameter.all(NS, "value").count() > 1 {
            found.insert("several-values", "a parameter with several values");
        }
        let value = parameter.first(NS, "value").and_then(|value| value.attribute("value"));
        let is_birth = parameter.name().eq_ignore_ascii_case("livingSubjectBirthTime");
        let Some(value) = value.filter(|_| is_birth) else { continue };
        if value.len() > 8 || !value.bytes().all(|b| b.is_ascii_digit()) {
            found.insert("birth-time-cut", "a birth time with hyphens or a time of day");
        }
        if PartialDate::from_digits(value).is_none() {
            found.insert("birth-date-impossible", "a day or month that does not exist is left out");
        }
    }
}

fn in_order(parent: &Tree, order: &[&str], found: &mut Found) {
    let places = parent.elements().filter_map(|child| order.iter().position(|name| *name == child.name()));
    if !places.is_sorted() {
        found.insert("children-order", "children are not in schema order");
    }
}

fn everywhere(tree: &Tree, found: &mut Found) {
    if tree.attribute("root").is_some_and(|root| root.starts_with("urn:")) {
        found.insert("root-with-urn", "@root with a urn prefix");
    }
    match tree.attribute("code") {
        Some("PatientAdressRequested") => {
            found.insert("attribute-misspelt", "PatientAdressRequested for PatientAddressRequested");
        }
        Some("ActAdministrativeDetectedIssueCode") => {
            found.insert("issue-code", "the detected issue code of the samples instead of the text's");
        }
        _ => {}
    }
    if tree.element.attribute_ns(XSI, "type").is_some()
        && tree.xsi_type.as_deref().is_some_and(|(ns, _)| ns != NS)
    {
        found.insert("xsi-type-wrong", "an xsi:type outside the HL7 namespace");
    }
    tree.elements().for_each(|child| everywhere(child, found));
}
