//! The participants of a request: who asked, the two machines, and the message to one peer with what
//! the opening record knows of it.

use super::codes::Code;
use super::message::{Object, PERSON, Participant, SYSTEM_OBJECT};
use super::{AuditSource, Linked};
use crate::audit::event::Event;
use crate::audit::references::{LegRef, QueryElement};

/// Both machines of a transaction and the person behind it. `documents_flow` turns the roles: for
/// retrieves the source is where documents come from.
pub fn participants(
    event: &Event,
    asking: Machine,
    answering: Machine,
    documents_flow: bool,
) -> Vec<Participant> {
    let source = Code::dcm("110153", "Source Role ID");
    let destination = Code::dcm("110152", "Destination Role ID");
    let (of_asking, of_answering) =
        if documents_flow { (destination, source) } else { (source, destination) };
    let asking = asking.participant(of_asking, true);
    let answering = answering.participant(of_answering, false);
    let mut all = if documents_flow { vec![answering, asking] } else { vec![asking, answering] };
    all.extend(person(event));
    all
}

/// One end of a connection.
pub struct Machine {
    pub user: String,
    pub process: Option<u32>,
    pub network: Option<String>,
}

impl Machine {
    fn participant(self, role: Code, is_requestor: bool) -> Participant {
        Participant {
            user: self.user,
            alternative: self.process.map(|process| process.to_string()),
            name: None,
            is_requestor,
            network: self.network,
            roles: vec![role],
        }
    }
}

/// The far end that called us.
pub fn caller(event: &Event) -> Machine {
    let endpoint = event.endpoint.as_ref();
    let subject = endpoint.map(|endpoint| endpoint.subject.clone()).filter(|subject| !subject.is_empty());
    Machine {
        user: subject.unwrap_or_else(|| "unknown".to_owned()),
        process: None,
        network: endpoint.map(|endpoint| host(&endpoint.address)),
    }
}

/// Our own end, as it was called.
pub fn called(event: &Event, source: &AuditSource) -> Machine {
    let local = event.endpoint.as_ref().map(|endpoint| endpoint.local.clone());
    let service = event.service.as_deref().unwrap_or_default();
    let user = local.as_ref().map(|local| format!("https://{local}{service}"));
    Machine {
        user: user.unwrap_or_else(|| urn(&source.community)),
        process: event.process,
        network: local.as_deref().map(host),
    }
}

/// Ourselves as the gateway that asks.
pub fn ourselves(event: &Event, source: &AuditSource) -> Machine {
    Machine {
        user: urn(&source.community),
        process: event.process,
        network: event.endpoint.as_ref().map(|endpoint| host(&endpoint.local)),
    }
}

/// The person who was vouched for.
pub fn person(event: &Event) -> Option<Participant> {
    let requester = event.requester.as_ref().filter(|requester| requester.names_somebody())?;
    let alias = requester.alias.as_deref().unwrap_or_default();
    let user = format!("{alias}<{}@{}>", requester.person, requester.issuer);
    let name = Some(&requester.person_name).filter(|name| !name.is_empty()).unwrap_or(&user);
    let role = |code: &crate::audit::CodeRef| Code::new(&code.value, &code.system, &code.display);
    Some(Participant {
        name: Some(name.clone()),
        user,
        alternative: None,
        is_requestor: true,
        network: None,
        roles: requester.role_codes.iter().map(role).collect(),
    })
}

/// One message to one peer: its outcome, and what was recorded of it before it left.
pub struct PeerLeg<'a> {
    pub outcome: &'a LegRef,
    opened: Option<&'a LegRef>,
}

impl<'a> PeerLeg<'a> {
    /// Those of a record, each joined by its MessageID with the opening record and those of
    /// further messages.
    pub fn of(record: &Linked<'a>) -> Vec<Self> {
        let opened: &[LegRef] = record.opened.map(|opened| opened.legs.as_slice()).unwrap_or_default();
        let join = |outcome: &'a LegRef| Self {
            outcome,
            opened: opened.iter().find(|leg| leg.message == outcome.message),
        };
        record.event.legs.iter().filter(|leg| leg.is_peer).map(join).collect()
    }

    fn known<T>(&self, of: impl Fn(&'a LegRef) -> Option<T>) -> Option<T> {
        of(self.outcome).or_else(|| self.opened.and_then(of))
    }

    pub fn transaction(&self, event: &Event) -> String {
        let recorded = self.known(|leg| leg.transaction.clone());
        recorded.or_else(|| event.transaction.clone()).unwrap_or_default()
    }

    pub fn community(&self) -> Option<&'a str> {
        self.known(|leg| leg.community.as_deref())
    }

    pub fn element(&self) -> Option<&'a QueryElement> {
        self.known(|leg| leg.element.as_ref())
    }

    pub fn query_id(&self) -> String {
        let root = self.known(|leg| leg.query_root.as_deref()).unwrap_or_default();
        match self.known(|leg| leg.query_extension.as_deref()) {
            Some(extension) => format!("{extension}@{root}"),
            None => root.to_owned(),
        }
    }

    /// The peer's machine.
    pub fn machine(&self) -> Machine {
        let url = self.known(|leg| leg.url.as_deref());
        let authority = url.and_then(|url| url.parse::<http::Uri>().ok());
        let network =
            authority.and_then(|uri| uri.host().map(|host| host.trim_matches(['[', ']']).to_owned()));
        let user = url.map(str::to_owned).or_else(|| self.community().map(urn));
        Machine { user: user.unwrap_or_else(|| self.outcome.target.clone()), process: None, network }
    }
}

/// Patients as CX, one object each.
pub fn patients(event: &Event) -> impl Iterator<Item = Object> {
    event.patients.iter().map(|cx| patient(cx.reveal().clone()))
}

/// One patient as CX.
pub fn patient(id: String) -> Object {
    let id_type = Code::rfc3881("2", "Patient Number");
    Object { id, kind: PERSON, role: "1", id_type, query: None, details: Vec::new() }
}

/// A query; its element as it was kept, else its hash and length.
pub fn query(
    id: String,
    transaction: &super::codes::TransactionCode,
    element: Option<&QueryElement>,
    home: Option<&str>,
) -> Object {
    let mut details = Vec::new();
    let kept = element.and_then(|element| element.bytes.as_ref());
    match (element, kept) {
        (_, Some(_)) => details.push(("QueryEncoding", "UTF-8".to_owned())),
        (Some(element), None) => {
            details.push(("kakehashi:query-sha256", hex::encode(element.sha256.as_slice())));
            details.push(("kakehashi:query-length", element.length.to_string()));
        }
        (None, None) => {}
    }
    details.extend(home.map(|home| (transaction.home_detail, urn(home))));
    Object {
        id,
        kind: SYSTEM_OBJECT,
        role: "24",
        id_type: transaction.code(),
        query: kept.map(|bytes| bytes.reveal().to_vec()),
        details,
    }
}

/// An OID as a URN.
pub fn urn(oid: &str) -> String {
    if oid.starts_with("urn:") { oid.to_owned() } else { format!("urn:oid:{oid}") }
}

/// The host of `host:port`.
pub fn host(address: &str) -> String {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.trim_matches(['[', ']']).to_owned()
}
