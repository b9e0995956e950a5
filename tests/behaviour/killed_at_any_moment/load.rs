//! Several clients at once until the program dies: discoveries, lists, large documents, a portal that
//! asks the neighbour, consents that come and go, emergencies.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::digest::{Context, SHA256};
use futures_util::StreamExt;
use kakehashi::app::control::{ControlReply, ControlRequest, send};
use kakehashi::dialect::Transaction;
use kakehashi::dialect::ebxml::{CrossGatewayQuery, CrossGatewayRetrieve};
use kakehashi::dialect::hl7v3::CrossGatewayPatientDiscovery;
use kakehashi::dialect::soap;
use kakehashi::model::{
    Answer, CommunityId, DocumentId, FoundPatient, PatientMatch, PeerProfile, RegistryObject, Request, Sex,
};
use kakehashi::policy::CONSENT_COLUMNS;
use tokio::task::JoinHandle;

use super::oracle::{Noted, Oracle, Received};
use crate::simulators::client::{
    Asked, Client, IN_AN_EMERGENCY, Message, PHYSICIAN, discovery, documents_of, oid, patient, retrieve_of,
};
use crate::simulators::gateway::Gateway;
use crate::simulators::hospital::{HANAKO, Hospital, Someone};
use crate::simulators::network::{HIROSHIMA, OKAYAMA, consent};
use crate::simulators::process::Process;
use crate::simulators::seed::Seed;
use crate::simulators::waiting::attained;

/// Bytes of the document that is killed amid its body.
pub const LARGE: usize = 8 << 20;

/// Patients nobody has asked consents of.
pub fn emergencies() -> Vec<(String, Someone)> {
    let kept = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    let numbers = ["壱", "弐", "参", "肆", "伍", "陸", "漆", "捌", "玖", "拾", "佰", "仟", "萬", "億", "兆"];
    let somebody = |(index, word): (usize, &str)| {
        let who = Someone {
            family: kept(format!("急橋{word}")),
            given: kept(format!("{word}子")),
            family_kana: kept(format!(
                "キュウキョウ{}",
                "アイウエオカキクケコサシスセソ".chars().nth(index).unwrap()
            )),
            given_kana: "ハナコ",
            birth: kept(format!("19{:02}0{}1{}", 20 + index * 4, 1 + index % 9, index % 10)),
            sex: Sex::Female,
            postal_code: kept(format!("7{index:02}-0001")),
            address: kept(format!("岡山県架空市{word}町")),
            phone: kept(format!("086-777-{index:04}")),
        };
        (format!("{:010}", 77_000 + index), who)
    };
    numbers.into_iter().enumerate().map(somebody).collect()
}

/// The network next door: knows one patient.
pub struct Neighbour(Gateway);

impl Neighbour {
    pub async fn start() -> Self {
        let gateway = Gateway::start(HIROSHIMA, |arrived| async move {
            let found = FoundPatient {
                community: CommunityId(oid(HIROSHIMA.community)),
                id: patient("2.999.34.1", "H-1"),
                demographics: Some(HANAKO.bare().into()),
                confidence: 95,
                also: Vec::new(),
            };
            let answer = Answer::found(vec![PatientMatch::Found(found)]);
            arrived.answer::<CrossGatewayPatientDiscovery>(Ok(answer))
        });
        Self(gateway.await)
    }

    pub const fn port(&self) -> u16 {
        self.0.port
    }

    /// The MessageIDs of all it was ever sent.
    pub fn asked(&self) -> Vec<String> {
        self.0.seen().iter().map(|arrived| arrived.message().0).collect()
    }
}

/// The clients at work.
pub struct Load {
    oracle: Oracle,
    begun: Arc<AtomicUsize>,
    answers: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Clone)]
struct Notes {
    oracle: Oracle,
    begun: Arc<AtomicUsize>,
    answers: Arc<AtomicUsize>,
}

impl Load {
    pub fn start(broker: &Process, hospital: &Hospital, seed: &mut Seed) -> Self {
        let notes = Notes { oracle: Oracle::default(), begun: Arc::default(), answers: Arc::default() };
        let peer = || broker.asked_by(HIROSHIMA, PHYSICIAN);
        let mut tasks = Vec::new();
        for _ in 0..2 {
            tasks.push(tokio::spawn(finds(peer(), notes.clone())));
            tasks.push(tokio::spawn(fetches(peer(), notes.clone())));
        }
        tasks.push(tokio::spawn(lists(peer(), notes.clone())));
        tasks.push(tokio::spawn(finds(broker.portal(PHYSICIAN).expecting(HIROSHIMA), notes.clone())));
        let in_need = broker.asked_by(HIROSHIMA, IN_AN_EMERGENCY);
        tasks.push(tokio::spawn(emergency(in_need, seed.clone(), notes.clone())));
        let socket = broker.path().join("var/kakehashi.sock");
        let first = seed.next() % 1_000_000_000;
        tasks.push(tokio::spawn(consents(socket, hospital.clone(), first, notes.clone())));
        Self { oracle: notes.oracle, begun: notes.begun, answers: notes.answers, tasks }
    }

    /// Waits until somebody has read the first piece of a large document.
    pub async fn has_begun_a_document(&self) {
        attained("a document has begun", || async { (self.begun.load(Ordering::SeqCst) > 0).then_some(()) })
            .await;
    }

    /// Waits until several answers have come.
    pub async fn has_answers(&self) {
        attained("answers", || async { (self.answers.load(Ordering::SeqCst) > 4).then_some(()) }).await;
    }

    /// What the clients saw; they have all met the end of the program.
    pub async fn end(self) -> Oracle {
        for task in self.tasks {
            tokio::time::timeout(std::time::Duration::from_secs(20), task).await.expect("it ends").unwrap();
        }
        self.oracle
    }
}

/// Sends with a request id of ours; None when the program is dead.
async fn ask<T: Asked>(client: &Client, request: &T::Request, notes: &Notes) -> Option<(Noted, Vec<u8>)> {
    let (message, mut noted) = prepared::<T>(client, request).await;
    let mut body = Vec::new();
    let arriving = match client.attempt(&message).await {
        Ok(arriving) => arriving,
        Err(_) => {
            notes.oracle.note(noted);
            return None;
        }
    };
    noted.status = Some(arriving.status);
    let mut stream = arriving.stream();
    while let Some(piece) = stream.next().await {
        let Ok(piece) = piece else {
            noted.bytes = body.len() as u64;
            notes.oracle.note(noted);
            return None;
        };
        body.extend_from_slice(&piece);
    }
    noted.bytes = body.len() as u64;
    noted.is_whole = true;
    noted.is_fault = noted.status != Some(200);
    notes.answers.fetch_add(1, Ordering::SeqCst);
    Some((noted, body))
}

async fn prepared<T: Asked>(client: &Client, request: &T::Request) -> (Message, Noted) {
    let mut message = client.write::<T>(request).await;
    let id = uuid::Uuid::new_v4().simple().to_string();
    message.traceparent = Some(format!("00-{id}-00f067aa0ba902b7-01"));
    let noted = Noted {
        message: message.clone(),
        request: id,
        person: client.who().id,
        community: client.community(),
        status: None,
        bytes: 0,
        is_whole: false,
        patients: Vec::new(),
        entries: Vec::new(),
        documents: Vec::new(),
        is_fault: false,
    };
    (message, noted)
}

/// Reads an answer that came whole.
async fn read<T: Asked>(
    client: &Client,
    noted: &Noted,
    body: Vec<u8>,
) -> Vec<<T::Request as Request>::Found> {
    let reply = crate::simulators::client::Reply::plain(noted.status.unwrap_or_default(), body);
    client.read::<T>(&noted.message, &reply).await.map(|answer| answer.found).unwrap_or_default()
}

async fn finds(client: Client, notes: Notes) {
    type T = CrossGatewayPatientDiscovery;
    while let Some((mut noted, body)) = ask::<T>(&client, &discovery(HANAKO.demographics()), &notes).await {
        for found in read::<T>(&client, &noted, body).await {
            if let PatientMatch::Found(found) = found {
                noted.patients.push(found.id.value.reveal().clone());
            }
        }
        notes.oracle.note(noted);
    }
}

async fn lists(client: Client, notes: Notes) {
    type T = CrossGatewayQuery;
    let request = documents_of(&patient("2.999.33.1", "N-1"));
    while let Some((mut noted, body)) = ask::<T>(&client, &request, &notes).await {
        for object in read::<T>(&client, &noted, body).await {
            if let RegistryObject::Entry(entry) = object {
                noted.entries.push(entry.id.unique.reveal().clone());
            }
        }
        notes.oracle.note(noted);
    }
}

async fn fetches(client: Client, notes: Notes) {
    type T = CrossGatewayQuery;
    let request = documents_of(&patient("2.999.33.1", "N-1"));
    let Some((noted, body)) = ask::<T>(&client, &request, &notes).await else { return };
    let mut ids: Vec<DocumentId> = Vec::new();
    for object in read::<T>(&client, &noted, body).await {
        if let RegistryObject::Entry(entry) = object {
            if entry.size == Some(LARGE as u64) {
                ids.insert(0, entry.id.clone());
            } else {
                ids.push(entry.id.clone());
            }
        }
    }
    assert!(ids.len() > 2, "{} entries", ids.len());
    loop {
        // The large one alone, then two small ones together.
        for of in [&ids[..1], &ids[1..3]] {
            if !fetch(&client, of, &notes).await {
                return;
            }
        }
    }
}

async fn fetch(client: &Client, ids: &[DocumentId], notes: &Notes) -> bool {
    let request = retrieve_of(ids.iter().cloned());
    let (message, mut noted) = prepared::<CrossGatewayRetrieve>(client, &request).await;
    let Ok(arriving) = client.attempt(&message).await else {
        notes.oracle.note(noted);
        return false;
    };
    noted.status = Some(arriving.status);
    if arriving.status != 200 {
        noted.is_fault = true;
        notes.oracle.note(noted);
        return true;
    }
    let content_type = arriving.content_type();
    let received = soap::receive(content_type.as_deref(), arriving.stream(), soap::Limits::default()).await;
    let Ok(received) = received else {
        // A part of the head.
        noted.bytes = 1;
        notes.oracle.note(noted);
        return false;
    };
    let answer = CrossGatewayRetrieve::read_answer(received, &message.sent, &PeerProfile::default());
    let mut is_alive = true;
    noted.is_whole = true;
    for mut document in answer.unwrap().found {
        let mut hash = Context::new(&SHA256);
        let (mut bytes, mut is_whole) = (0, true);
        while let Some(piece) = document.body.next().await {
            let Ok(piece) = piece else {
                is_whole = false;
                break;
            };
            if bytes == 0 && ids.len() == 1 {
                notes.begun.fetch_add(1, Ordering::SeqCst);
            }
            bytes += piece.len() as u64;
            hash.update(&piece);
        }
        noted.bytes += bytes;
        noted.is_whole &= is_whole;
        is_alive &= is_whole;
        let sha256 = hex::encode(hash.finish());
        noted.documents.push(Received {
            unique: document.id.unique.into_revealed(),
            bytes,
            sha256,
            is_whole,
        });
    }
    notes.answers.fetch_add(1, Ordering::SeqCst);
    notes.oracle.note(noted);
    is_alive
}

async fn emergency(client: Client, mut seed: Seed, notes: Notes) {
    type T = CrossGatewayPatientDiscovery;
    let all = emergencies();
    loop {
        let (_, who) = seed.one_of(&all);
        let Some((mut noted, body)) = ask::<T>(&client, &discovery(who.demographics()), &notes).await else {
            return;
        };
        for found in read::<T>(&client, &noted, body).await {
            if let PatientMatch::Found(found) = found {
                noted.patients.push(found.id.value.reveal().clone());
                notes.oracle.acknowledge(|told| told.emergencies.push(found.id));
            }
        }
        notes.oracle.note(noted);
    }
}

async fn consents(socket: std::path::PathBuf, hospital: Hospital, first: u64, notes: Notes) {
    for index in first.. {
        let network_id = format!("N-K{index}");
        let row = consent(&network_id, &hospital, &format!("{:010}", 5_000_000_000 + index), HIROSHIMA);
        let text = format!("{}\n{row}\n", CONSENT_COLUMNS.join(","));
        let import = ControlRequest::ConsentImport { file: "k.csv".to_owned(), text };
        let Ok(Some(ControlReply { ok: true, .. })) = send(&socket, &import).await else { return };
        notes.oracle.acknowledge(|told| told.imported.push(network_id.clone()));
        if index % 2 == 0 {
            let withdraw = ControlRequest::ConsentWithdraw {
                network_id: network_id.clone(),
                facility: None,
                community: None,
                form: "HR-2".to_owned(),
                evidence: "binder".to_owned(),
                entered_by: "clerk".to_owned(),
            };
            let Ok(Some(ControlReply { ok: true, .. })) = send(&socket, &withdraw).await else { return };
            notes.oracle.acknowledge(|told| told.withdrawn.push(network_id));
        }
    }
}

/// Whose certificates and consents these are.
pub const OURS: crate::simulators::network::Place = OKAYAMA;
