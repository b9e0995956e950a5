//! Every way on which a value comes in: asked for, found, refused, malformed, in headers and paths, in
//! assertions, consents, files and commands.

use kakehashi::app::control::{ControlReply, ControlRequest, send};
use kakehashi::dialect::ebxml::{CrossGatewayQuery, CrossGatewayRetrieve};
use kakehashi::dialect::hl7v3::CrossGatewayPatientDiscovery;
use kakehashi::identity::Identity;
use kakehashi::model::{Code, Organization, Person};

use super::values::Planted;
use crate::simulators::client::{
    Client, IN_AN_EMERGENCY, Message, NURSE, PHYSICIAN, discovery, documents_of, patient, retrieve_of,
};
use crate::simulators::hospital::Hospital;
use crate::simulators::network::{HIROSHIMA, Site, TOTTORI, consent};
use crate::simulators::seed::is_long;

type Find = CrossGatewayPatientDiscovery;
type List = CrossGatewayQuery;
type Fetch = CrossGatewayRetrieve;

/// An answer, with the person who was asked about.
pub struct Told {
    pub about: usize,
    pub bytes: Vec<u8>,
}

/// Sends a message; the broker may refuse, or hang up.
pub async fn sent(client: &Client, message: &Message, about: usize, told: &mut Vec<Told>) {
    use futures_util::StreamExt;
    let Ok(arriving) = client.attempt(message).await else { return };
    let mut bytes = format!("{:?}", arriving.headers).into_bytes();
    let mut stream = arriving.stream();
    while let Some(Ok(piece)) = stream.next().await {
        bytes.extend_from_slice(&piece);
    }
    told.push(Told { about, bytes });
}

/// Lists, documents and discoveries of people who may be shown.
pub async fn shown(site: &Site, people: &[Planted], told: &mut Vec<Told>) -> usize {
    let mut disclosed = 0;
    let peer = site.asked_by(HIROSHIMA, PHYSICIAN);
    for (about, one) in people.iter().enumerate() {
        sent(&peer, &peer.write::<Find>(&discovery(one.demographics())).await, about, told).await;
        let entries = peer.entries(&patient("2.999.33.1", one.network_id)).await;
        if let Some(entry) = entries.first() {
            sent(&peer, &peer.write::<Fetch>(&retrieve_of([entry.id.clone()])).await, about, told).await;
            disclosed += 1;
        }
    }
    disclosed
}

/// The same while the storage is away: whatever comes.
pub async fn shown_or_not(site: &Site, people: &[Planted]) {
    let peer = site.asked_by(HIROSHIMA, PHYSICIAN);
    for one in people {
        peer.ask_raw::<Find>(&discovery(one.demographics())).await;
        peer.ask_raw::<List>(&documents_of(&patient("2.999.33.1", one.network_id))).await;
    }
}

/// Questions about everybody, of those who get nothing, and of a portal whose neighbour answers oddly.
pub async fn asked(site: &Site, people: &[Planted], told: &mut Vec<Told>) {
    let askers = [
        site.asked_by(HIROSHIMA, PHYSICIAN),
        site.asked_by(TOTTORI, PHYSICIAN),
        site.asked_by(HIROSHIMA, NURSE),
        site.asked_by(HIROSHIMA, IN_AN_EMERGENCY),
    ];
    let portal = site.portal(PHYSICIAN).expecting(HIROSHIMA);
    for (about, one) in people.iter().enumerate() {
        let asker = &askers[about % askers.len()];
        sent(asker, &asker.write::<Find>(&discovery(one.demographics())).await, about, told).await;
        let ids = [
            patient("2.999.33.1", one.network_id),
            patient("2.999.33.20.1", one.number),
            patient("2.999.34.1", one.network_id),
        ];
        sent(asker, &asker.write::<List>(&documents_of(&ids[about % 2])).await, about, told).await;
        sent(&portal, &portal.write::<Find>(&discovery(one.demographics())).await, about, told).await;
        sent(&portal, &portal.write::<List>(&documents_of(&ids[about % 3])).await, about, told).await;
        let theirs = kakehashi::model::DocumentId {
            unique: format!("2.999.34.7.{}", one.number).into(),
            ..crate::simulators::gateway::entry(HIROSHIMA, ids[2].clone(), "1").id.clone()
        };
        sent(&portal, &portal.write::<Fetch>(&retrieve_of([theirs])).await, about, told).await;
    }
}

/// Two of them at a time; all come round among so many people.
fn turns<T>(about: usize, all: &[T]) -> impl Iterator<Item = &T> {
    let some = if is_long() { all.len() } else { 2.min(all.len()) };
    (0..some).map(move |at| &all[(about * 2 + at) % all.len()])
}

/// Where a value is put into a message that was sound; what it is put in place of, by its words.
pub const BENT: [(&str, &str); 22] = [
    ("</s:Body>", "{}"),
    ("<family>", "<family><{}/>"),
    ("<family>", "<family {}=\"{}\">"),
    ("<family>", "<family><!DOCTYPE {}>"),
    ("<family>", "<{}:family>"),
    ("<family>", "<family>&{};"),
    ("<family>", "<family><?{} {}?>"),
    ("<family>", "<family xmlns:x=\"{}\"><x:{}/>"),
    ("<livingSubjectBirthTime>", "<livingSubjectBirthTime><value value=\"{}\"/>"),
    ("<value value=\"", "<value value=\"{}"),
    ("root=\"", "root=\"{}"),
    ("extension=\"", "extension=\"{}"),
    ("code=\"", "code=\"{}"),
    ("interactionId", "{}"),
    ("Action>", "Action>{}"),
    ("MessageID>", "MessageID>{}"),
    ("To>", "To>{}"),
    ("ReplyTo>", "ReplyTo><{}/>"),
    ("$XDSDocumentEntry", "${}"),
    ("<rim:Value>", "<rim:Value>('{}'"),
    ("returnType=\"", "returnType=\"{}"),
    ("DocumentUniqueId>", "DocumentUniqueId>{}"),
];

/// Messages that are none any more.
pub async fn malformed(site: &Site, people: &[Planted], told: &mut Vec<Told>) {
    let peer = site.asked_by(HIROSHIMA, PHYSICIAN);
    let portal = site.portal(PHYSICIAN);
    for (about, one) in people.iter().enumerate() {
        let client = if about % 3 == 0 { &portal } else { &peer };
        let whole = match about % 3 {
            0 => client.write::<Find>(&discovery(one.demographics())).await,
            1 => client.write::<List>(&documents_of(&patient("2.999.33.1", one.network_id))).await,
            _ => {
                let id =
                    crate::simulators::gateway::entry(HIROSHIMA, patient("2.999.34.1", "x"), "1").id.clone();
                client.write::<Fetch>(&retrieve_of([id])).await
            }
        };
        for (round, (from, to)) in BENT.iter().enumerate() {
            // All places come round among so many people.
            let is_its_turn = is_long() || (round + about) % 4 == 0;
            if is_its_turn && whole.body.contains(from) {
                let value = one.values()[(about + round) % one.values().len()];
                let body = whole.body.replacen(from, &to.replace("{}", value), 1);
                sent(client, &Message { body, ..whole.clone() }, about, told).await;
            }
        }
        let cut = whole.body.chars().take(whole.body.len() / 2).collect();
        sent(client, &Message { body: cut, ..whole.clone() }, about, told).await;
        sent(client, &Message { body: one.line(), ..whole.clone() }, about, told).await;
    }
}

/// In the path, its query, and headers.
pub async fn in_heads(site: &Site, people: &[Planted], told: &mut Vec<Told>) {
    let peer = site.asked_by(HIROSHIMA, PHYSICIAN);
    for (about, one) in people.iter().enumerate() {
        let whole = peer.write::<Find>(&discovery(one.demographics())).await;
        let percent: String = one.who.family.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let paths = [
            format!("/xcpd?patient={}&name={percent}", one.number),
            format!("/xcpd/{percent}"),
            format!("/{}/{}", one.romaji, one.insurance),
        ];
        for path in turns(about, &paths) {
            let path: &'static str = Box::leak(path.clone().into_boxed_str());
            sent(&peer, &Message { path, ..whole.clone() }, about, told).await;
        }
        let content_types = [
            format!("application/soap+xml; charset={}", one.romaji),
            format!("application/soap+xml; action=\"{}\"", one.number),
            format!("multipart/related; boundary=\"{}\"; start=\"<{}>\"", one.romaji, one.number),
            one.network_id.to_owned(),
        ];
        for content_type in turns(about, &content_types) {
            let content_type = content_type.clone();
            sent(&peer, &Message { content_type, ..whole.clone() }, about, told).await;
        }
        let traceparent = Some(format!("00-{}-{}", one.number, one.romaji));
        sent(&peer, &Message { traceparent, ..whole.clone() }, about, told).await;
    }
}

/// In assertions: signed with odd values, and changed after they were signed.
pub async fn in_assertions(site: &Site, people: &[Planted], told: &mut Vec<Told>) {
    let peer = site.asked_by(HIROSHIMA, PHYSICIAN);
    for (about, one) in people.iter().enumerate() {
        let request = discovery(one.demographics());
        let code = |value: &str| Code::new(value, "2.999.1.1", one.who.given);
        let identity = |role: &str, purpose: &str, person: &str| Identity {
            person: Person {
                id: person.to_owned(),
                name: one.who.family.to_owned(),
                alias: Some(one.romaji.to_owned()),
            },
            organization: Organization { id: one.number.to_owned(), name: one.title.to_owned() },
            roles: vec![code(role)],
            purpose: Code::new(purpose, one.insurance, one.body),
            authenticated: None,
        };
        let identities = [
            identity(one.romaji, "TREATMENT", one.network_id),
            identity("physician", one.number, one.romaji),
            identity("physician", "TREATMENT", one.who.phone),
        ];
        for identity in turns(about, &identities) {
            let Some(security) = peer.security_of(identity) else { continue };
            sent(&peer, &peer.write_with::<Find>(&request, Some(&security)).await, about, told).await;
        }
        let whole = peer.write::<Find>(&request).await;
        let changes = [
            ("試験 職員", one.who.family),
            ("<saml2:AttributeStatement>", "<saml2:AttributeStatement><{}>"),
            ("https://hiroshima.example/idp", one.romaji),
            ("urn:oid:2.999.33<", "{}<"),
            ("d0001", one.number),
            ("NotOnOrAfter=\"", "NotOnOrAfter=\"{}"),
            ("Algorithm=\"", "Algorithm=\"{}"),
            ("ID=\"", "ID=\"{}"),
        ];
        for (from, to) in turns(about, &changes) {
            let body = whole.body.replacen(from, &to.replace("{}", one.romaji), 1);
            sent(&peer, &Message { body, ..whole.clone() }, about, told).await;
        }
    }
}

/// Consents, good and bad, and commands that are none. What a command answers is for who typed it:
/// places, not values.
pub async fn consents(site: &Site, hospital: &Hospital, people: &[Planted], answers: &mut Vec<Vec<u8>>) {
    let socket = site.path().join("var/kakehashi.sock");
    let columns = kakehashi::policy::CONSENT_COLUMNS.join(",");
    for (index, one) in people.iter().enumerate() {
        let good = consent(one.network_id, hospital, one.number, TOTTORI);
        let cells: Vec<&str> = good.split(',').collect();
        let mut bad = cells.clone();
        let place = index % cells.len();
        bad[place] = one.who.family;
        let also = format!("{good},{}", one.title);
        for row in [bad.join(","), also, format!("\"{}", one.line()), one.line()] {
            let import = ControlRequest::ConsentImport {
                file: "c.csv".to_owned(),
                text: format!("{columns}\n{row}\n"),
            };
            if let Ok(Some(ControlReply { text, .. })) = send(&socket, &import).await {
                answers.push(text.into_bytes());
            }
        }
        answers.push(unreadable_command(&socket, &one.line()).await);
        let head = ControlRequest::ConsentImport {
            file: "c.csv".to_owned(),
            text: format!("{},{columns}\n{good}\n", one.title),
        };
        if let Ok(Some(ControlReply { text, .. })) = send(&socket, &head).await {
            answers.push(text.into_bytes());
        }
    }
}

async fn unreadable_command(socket: &std::path::Path, words: &str) -> Vec<u8> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::UnixStream::connect(socket).await.unwrap();
    let line = format!("{{\"command\":\"{words}\",\"file\":\"{words}\"}}\n");
    let _ = stream.write_all(line.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

/// Files a hospital should not have written: their names and contents are patients' values.
pub fn odd_files(hospital: &Hospital, people: &[Planted]) {
    for (index, one) in people.iter().enumerate() {
        let path = hospital.file(one.number, &one.who, "OML-11", "01");
        let text = format!(
            "MSH|^~\\&|HIS|SEND|||20240712083055||OUL^R22^OUL_R22|{n}|P|2.5\rPID|||{n}^^^^PI||{f}^{g}||{b}x\rIN1|1|{i}\rZZZ|{l}\r",
            n = one.number,
            f = one.who.family,
            g = one.who.given,
            b = one.who.birth,
            i = one.insurance,
            l = one.line()
        );
        match index % 4 {
            0 => std::fs::write(&path, text).unwrap(),
            1 => std::fs::write(&path, encoding_rs::SHIFT_JIS.encode(&text).0).unwrap(),
            2 => std::fs::write(&path, one.line()).unwrap(),
            _ => {
                std::fs::remove_file(&path).unwrap();
                std::fs::create_dir(&path).unwrap();
            }
        }
        let beside = path.parent().unwrap();
        std::fs::write(beside.join(format!("{}_{}", one.who.family, one.romaji)), one.line()).unwrap();
        std::fs::create_dir_all(hospital.standard().join(one.who.given).join(one.romaji)).unwrap();
    }
}
