//! ITI-47 Patient Demographics Query V3 as a transaction (wire.md 9): persons by what is known of them, a
//! page at a time. Spoken within one network.

use super::answer_read::{Read, Results, accepted, put_aside};
use super::answer_write::{Detail, Verdict, acknowledge, begin_query_ack, subject};
use super::iti55::{ACKNOWLEDGEMENT_ROOT, REQUEST_ROOT, RESPONSE_ROOT, answer_of, sent};
use super::query::{
    VALUES_MAX, begin_query, malformed, parameter_list, read_parameters, values, write_parameters,
};
use super::values::{instance, root_oid, write_instance};
use super::wrapper::{Echo, begin, begin_act};
use super::{NS, refusal};
use crate::dialect::soap::{Envelope, Fault, copy};
use crate::dialect::{Addressing, Packaging, Payload, Received, Reply, Sent, Transaction};
use crate::model::{
    Answer, Authority, DemographicsQuery, Malformed, Outcome, Page, PatientMatch, PeerProfile,
    QueryCancellation, QueryContinuation, QueryId, Refusal,
};
use crate::xml::{Tree, Writer};

/// Body root of a continuation.
pub const CONTINUATION_ROOT: &str = "QUQI_IN000003UV01";
/// Body root of a cancellation; the continuation's root is met too.
pub const CANCELLATION_ROOT: &str = "QUQI_IN000003UV01_Cancel";

const NAME: &str = "ITI-47";
const RESPONSE_ACTION: &str = "urn:hl7-org:v3:PRPA_IN201306UV02";
const SCOPE: &str = "otherIDsScopingOrganization";
const LIST: &str = "/hl7:PRPA_IN201305UV02/hl7:controlActProcess/hl7:queryByParameter/hl7:parameterList";

/// ITI-47: the query.
#[derive(Debug, Clone, Copy)]
pub struct PdqQuery;

/// ITI-47: the next page of a query.
#[derive(Debug, Clone, Copy)]
pub struct PdqContinuation;

/// ITI-47: no more pages are wanted.
#[derive(Debug, Clone, Copy)]
pub struct PdqCancellation;

impl Transaction for PdqQuery {
    type Request = DemographicsQuery;
    const NAME: &'static str = NAME;
    const REQUEST_ACTION: &'static str = "urn:hl7-org:v3:PRPA_IN201305UV02";
    const RESPONSE_ACTION: &'static str = RESPONSE_ACTION;
    const PACKAGING: Packaging = Packaging::Simple;

    fn read_request(message: &Envelope, _: &PeerProfile) -> Result<DemographicsQuery, Refusal> {
        let body = message.body_tree()?;
        let list = parameter_list(message, &body, REQUEST_ROOT)?;
        let here = |tree: &Tree, code: &'static str, why: &str| malformed(message, tree, code, why);
        let person = read_parameters(message, list)?;
        if person.ids.is_empty() && person.demographics.reveal().is_empty() {
            return Err(here(list, "missing-parameter", "no parameter to search by").into());
        }
        let mut authorities = Vec::new();
        for value in values(list, SCOPE) {
            let why = "the root of an otherIDsScopingOrganization is neither OID nor UUID";
            let root = value.attribute("root").and_then(root_oid);
            authorities.push(Authority(root.ok_or_else(|| here(value, "root-not-oid", why))?));
            if authorities.len() > VALUES_MAX {
                let why = format!("more than {VALUES_MAX} values of `{SCOPE}`");
                return Err(here(value, "too-many-values", &why).into());
            }
        }
        // Both are there: `parameter_list` has seen them.
        let query = body.path(NS, &["controlActProcess", "queryByParameter"]).unwrap_or(&body);
        let page = quantity(message, query, "initialQuantity")?;
        let id = query.first(NS, "queryId").and_then(instance);
        let id = id.ok_or_else(|| here(query, "missing-element", "`queryId` is missing"))?;
        Ok(DemographicsQuery { person, authorities, query: id, page })
    }

    fn write_answer(
        request: &Envelope,
        addressing: &Addressing,
        profile: &PeerProfile,
        answer: Result<Answer<PatientMatch>, Refusal>,
    ) -> Reply {
        match said(request, profile, answer) {
            Ok((verdict, page)) => Echo::answered(request, |echo| {
                let parameters = copy(echo.parameters, NS, &[]);
                write(&verdict, &page, addressing, (&echo.message, &echo.query, &parameters))
            }),
            Err(fault) => Reply::Fault(fault),
        }
    }

    fn write_request(
        request: &DemographicsQuery,
        addressing: &Addressing,
        _: &PeerProfile,
    ) -> (Payload, Sent) {
        let mut writer = begin(REQUEST_ROOT, "AL", addressing);
        begin_act(&mut writer, "PRPA_TE201305UV02");
        begin_query(&mut writer, &request.query);
        write_quantity(&mut writer, "initialQuantity", request.page);
        writer.start("parameterList");
        write_parameters(&mut writer, &request.person, &request.authorities);
        let sent = Sent { query: request.query.clone(), ..sent(addressing) };
        (Payload { xml: writer.finish(), attachments: Vec::new() }, sent)
    }

    fn read_answer(received: Received, sent: &Sent, _: &PeerProfile) -> Outcome<PatientMatch> {
        persons(&answer_of(received, sent, RESPONSE_ROOT)?, sent)
    }
}

impl Transaction for PdqContinuation {
    type Request = QueryContinuation;
    const NAME: &'static str = NAME;
    const REQUEST_ACTION: &'static str = "urn:hl7-org:v3:QUQI_IN000003UV01_Continue";
    const RESPONSE_ACTION: &'static str = RESPONSE_ACTION;
    const PACKAGING: Packaging = Packaging::Simple;

    fn read_request(message: &Envelope, _: &PeerProfile) -> Result<QueryContinuation, Refusal> {
        let body = message.body_tree()?;
        let (continuation, query) = continuation(message, &body)?;
        if is_aborted(continuation) {
            let why = "a continuation that says it is aborted is a cancellation";
            return Err(malformed(message, continuation, "continuation-aborted", why).into());
        }
        let from = quantity(message, continuation, "startResultNumber")?;
        Ok(QueryContinuation { query, from, page: quantity(message, continuation, "continuationQuantity")? })
    }

    fn write_answer(
        request: &Envelope,
        addressing: &Addressing,
        profile: &PeerProfile,
        answer: Result<Answer<PatientMatch>, Refusal>,
    ) -> Reply {
        let (verdict, page) = match said(request, profile, answer) {
            Ok(said) => said,
            Err(fault) => return Reply::Fault(fault),
        };
        let asked = page.asked.as_ref().map(|asked| String::from_utf8_lossy(asked.reveal()).into_owned());
        answered(request, |message, query| {
            let parameters = asked.unwrap_or_default();
            write(&verdict, &page, addressing, (message, query, &parameters))
        })
    }

    fn write_request(
        request: &QueryContinuation,
        addressing: &Addressing,
        _: &PeerProfile,
    ) -> (Payload, Sent) {
        let write = |writer: &mut Writer| {
            write_quantity(writer, "startResultNumber", request.from);
            write_quantity(writer, "continuationQuantity", request.page);
        };
        let xml =
            continuing(CONTINUATION_ROOT, "waitContinuedQueryResponse", &request.query, addressing, write);
        let sent = Sent { query: request.query.clone(), ..sent(addressing) };
        (Payload { xml, attachments: Vec::new() }, sent)
    }

    fn read_answer(received: Received, sent: &Sent, _: &PeerProfile) -> Outcome<PatientMatch> {
        persons(&answer_of(received, sent, RESPONSE_ROOT)?, sent)
    }
}

impl Transaction for PdqCancellation {
    type Request = QueryCancellation;
    const NAME: &'static str = NAME;
    const REQUEST_ACTION: &'static str = "urn:hl7-org:v3:QUQI_IN000003UV01_Cancel";
    const RESPONSE_ACTION: &'static str = "urn:hl7-org:v3:MCCI_IN000002UV01";
    const PACKAGING: Packaging = Packaging::Simple;

    fn read_request(message: &Envelope, _: &PeerProfile) -> Result<QueryCancellation, Refusal> {
        let body = message.body_tree()?;
        let (continuation, query) = continuation(message, &body)?;
        if body.name() == CONTINUATION_ROOT && !is_aborted(continuation) {
            let why = "a cancellation that does not say it is aborted is a continuation";
            return Err(malformed(message, continuation, "not-aborted", why).into());
        }
        Ok(QueryCancellation { query })
    }

    fn write_answer(
        request: &Envelope,
        addressing: &Addressing,
        profile: &PeerProfile,
        answer: Result<Answer<PatientMatch>, Refusal>,
    ) -> Reply {
        match said(request, profile, answer) {
            Ok((verdict, _)) => answered(request, |message, _| {
                let mut writer = begin(ACKNOWLEDGEMENT_ROOT, "NE", addressing);
                acknowledge(&mut writer, &verdict, message);
                writer.finish()
            }),
            Err(fault) => Reply::Fault(fault),
        }
    }

    fn write_request(
        request: &QueryCancellation,
        addressing: &Addressing,
        _: &PeerProfile,
    ) -> (Payload, Sent) {
        let xml = continuing(CANCELLATION_ROOT, "aborted", &request.query, addressing, |writer| {
            writer.start("continuationQuantity").attribute("value", "0").end();
        });
        let sent = Sent { query: request.query.clone(), ..sent(addressing) };
        (Payload { xml, attachments: Vec::new() }, sent)
    }

    fn read_answer(received: Received, sent: &Sent, _: &PeerProfile) -> Outcome<PatientMatch> {
        answer_of(received, sent, ACKNOWLEDGEMENT_ROOT)?.acknowledged()?;
        Ok(Answer { answered: 1, ..Answer::default() })
    }
}

// A number of results, counted from one.
fn quantity(message: &Envelope, parent: &Tree, name: &str) -> Result<Option<usize>, Malformed> {
    let Some(element) = parent.first(NS, name) else { return Ok(None) };
    let number = element.attribute("value").and_then(|text| text.trim().parse::<usize>().ok());
    let why = || malformed(message, element, "bad-quantity", &format!("`{name}` is no number from one up"));
    number.filter(|number| *number > 0).map(Some).ok_or_else(why)
}

fn write_quantity(writer: &mut Writer, name: &str, number: Option<usize>) {
    if let Some(number) = number {
        writer.start(name).attribute("value", &number.to_string()).end();
    }
}

fn continuation<'t>(message: &Envelope, body: &'t Tree) -> Result<(&'t Tree, QueryId), Malformed> {
    let missing = |tree: &Tree, name: &str| {
        malformed(message, tree, "missing-element", &format!("`{name}` is missing"))
    };
    if ![CONTINUATION_ROOT, CANCELLATION_ROOT].iter().any(|root| body.is(NS, root)) {
        let why = format!("`{}` instead of {CONTINUATION_ROOT}", body.name());
        return Err(malformed(message, body, "unexpected-root", &why));
    }
    body.first(NS, "id").and_then(instance).ok_or_else(|| missing(body, "id"))?;
    let continuation = body.path(NS, &["controlActProcess", "queryContinuation"]);
    let continuation = continuation.ok_or_else(|| missing(body, "controlActProcess/queryContinuation"))?;
    let query = continuation.first(NS, "queryId").and_then(instance);
    Ok((continuation, query.ok_or_else(|| missing(continuation, "queryId"))?))
}

fn is_aborted(continuation: &Tree) -> bool {
    let status = continuation.first(NS, "statusCode").and_then(|status| status.attribute("code"));
    status.is_some_and(|code| code.trim() == "aborted")
}

// The message answered last is not known to whoever asks: no acknowledgement of it, as in IHE's samples.
fn continuing(
    root: &str,
    status: &str,
    query: &QueryId,
    addressing: &Addressing,
    quantities: impl FnOnce(&mut Writer),
) -> String {
    let mut writer = begin(root, "AL", addressing);
    begin_act(&mut writer, "PRPA_TE000003UV01");
    writer.start("queryContinuation");
    write_instance(&mut writer, "queryId", query);
    quantities(&mut writer);
    writer.start("statusCode").attribute("code", status).end();
    writer.finish()
}

/// What an answer comes to, and which part of everything found it shows.
fn said(
    request: &Envelope,
    profile: &PeerProfile,
    answer: Result<Answer<PatientMatch>, Refusal>,
) -> Result<(Verdict, Page), Fault> {
    match answer {
        Ok(mut answer) => {
            let page = std::mem::take(&mut answer.page);
            let more = answer.found.iter().any(|found| matches!(found, PatientMatch::MoreAttributes { .. }));
            answer.found.retain(|found| matches!(found, PatientMatch::Found(_)));
            let mut verdict = Verdict::of(answer);
            if more {
                // There is no place here for what would help; ITI-55 has one.
                verdict.warn("a community holds persons who resemble this one; more attributes would tell");
            }
            Ok((verdict, page))
        }
        Err(Refusal::UnknownQuery) => {
            let verdict =
                Verdict::errors(vec![Detail::error("204", "no results are kept under this queryId")]);
            Ok((verdict, Page::default()))
        }
        Err(Refusal::UnknownAuthority(unknown)) => Ok((unscoped(request, &unknown), Page::default())),
        Err(refused) => refusal::verdict(&refused, profile).map(|verdict| (verdict, Page::default())),
    }
}

/// Names every place of the request that holds one of these authorities.
fn unscoped(request: &Envelope, unknown: &[Authority]) -> Verdict {
    let Ok(body) = request.body_tree() else { return Verdict::errors(Vec::new()) };
    let mut details = Vec::new();
    if let Some(list) = body.path(NS, &["controlActProcess", "queryByParameter", "parameterList"]) {
        for (index, value) in values(list, SCOPE).enumerate() {
            let root = value.attribute("root").and_then(root_oid);
            if root.is_some_and(|root| unknown.contains(&Authority(root))) {
                let place = format!("{LIST}/hl7:{SCOPE}[{}]/hl7:value", index + 1);
                details.push(Detail::located("204", "unknown assigning authority", place));
            }
        }
    }
    Verdict::errors(details)
}

// A continuation has no parameters of its own to echo.
fn answered(request: &Envelope, write: impl FnOnce(&QueryId, &QueryId) -> String) -> Reply {
    let ids = request.body_tree().and_then(|body| {
        let message = body.first(NS, "id").and_then(instance);
        let query = body.path(NS, &["controlActProcess", "queryContinuation", "queryId"]).and_then(instance);
        let why = "message id or queryId cannot be read";
        message.zip(query).ok_or_else(|| Malformed::new("missing-element", "", why))
    });
    match ids {
        Ok((message, query)) => {
            Reply::Payload(Payload { xml: write(&message, &query), attachments: Vec::new() })
        }
        Err(malformed) => Reply::Fault(Fault::malformed(&malformed)),
    }
}

fn write(
    verdict: &Verdict,
    page: &Page,
    addressing: &Addressing,
    (message, query, parameters): (&QueryId, &QueryId, &str),
) -> String {
    let mut writer = begin(RESPONSE_ROOT, "NE", addressing);
    acknowledge(&mut writer, verdict, message);
    begin_act(&mut writer, "PRPA_TE201306UV02");
    for found in &verdict.found {
        subject(&mut writer, found, &found.also);
    }
    begin_query_ack(&mut writer, verdict, query);
    let current = verdict.found.len();
    for (name, number) in [
        ("resultTotalQuantity", page.before.saturating_add(current).saturating_add(page.remaining)),
        ("resultCurrentQuantity", current),
        ("resultRemainingQuantity", page.remaining),
    ] {
        writer.start(name).attribute("value", &number.to_string()).end();
    }
    writer.end();
    writer.raw(parameters);
    writer.finish()
}

fn persons(read: &Read, sent: &Sent) -> Outcome<PatientMatch> {
    let mut answer = accepted(read, sent)?;
    if let Some(Results { total, remaining }) = &read.page {
        let current = read.subjects.len();
        let before = total.saturating_sub(current).saturating_sub(*remaining);
        answer.page = Page { before, remaining: *remaining, asked: None };
    }
    if read.response.as_deref() == Some("NF") {
        return Ok(answer);
    }
    for subject in &read.subjects {
        match subject.known_by_several(&sent.home) {
            Ok(found) => answer.found.push(PatientMatch::Found(found)),
            Err(code) => put_aside(&mut answer, code, sent),
        }
    }
    Ok(answer)
}

#[cfg(test)]
mod tests;
