//! The peers of the matrix: each holds the same documents and is reached by Okayama in its own dialect.

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;
use kakehashi::dialect::ebxml::CrossGatewayRetrieve;
use kakehashi::model::{Answer, Document};
use tempfile::TempDir;

use super::table::DOCUMENTS;
use super::written::Holder;
use crate::simulators::gateway::Gateway;
use crate::simulators::hospital::{HANAKO, Hospital};
use crate::simulators::network::{HIROSHIMA, Network, OKAYAMA, Place, Plan, consent, free_port};
use crate::simulators::site::{HUMANBRIDGE, Habits, IDLINK, Site};

/// How the holder of the documents is spoken to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Peer {
    /// Another network behind PIX, PDQ and XDS.
    XdsNetwork,
    /// A site of our own behind PIX, PDQ and XDS.
    XdsSource,
    /// A gateway: XCPD and XCA.
    Xca,
    /// Another kakehashi, behind which stands a site as in `XdsSource`.
    Kakehashi,
    /// An SS-MIX2 storage of our own.
    Ssmix2,
}

pub const PEERS: [Peer; 5] = [Peer::XdsNetwork, Peer::XdsSource, Peer::Xca, Peer::Kakehashi, Peer::Ssmix2];

/// A holder and Okayama, which reaches it.
pub struct World {
    pub okayama: Network,
    pub holder: Holder,
    kept: Vec<Box<dyn Any + Send>>,
    beyond: Option<Network>,
}

const RATES: &str =
    "person_per_minute = 100_000\nperson_burst = 10_000\npeer_per_second = 10_000\npeer_burst = 10_000";
const OFTEN: &str = "limits = { per_second = 10_000 }";

const NETWORK: Holder = Holder { place: HIROSHIMA, organization: "2.999.34", number: "H-1" };
const OUR_SITE: Holder = Holder { place: OKAYAMA, organization: "2.999.33.27", number: "0000027001" };
const THEIR_SITE: Holder = Holder { place: HIROSHIMA, organization: "2.999.34.27", number: "0000047001" };
const STORAGE: Holder = Holder { place: OKAYAMA, organization: "2.999.33.20", number: "0000012345" };

/// The number of HANAKO where she is but known.
const ELSEWHERE: &str = "0000054321";

async fn site(holder: &Holder, facility: &'static str, habits: Habits) -> Site {
    let site = Site::start(holder.place, facility, holder.organization, habits).await;
    site.register(holder.number, &HANAKO);
    DOCUMENTS.iter().for_each(|document| site.keep(holder.entry(document), document.content().to_vec()));
    site.mood.lock().unwrap().archive = Some(holder.holdings());
    site
}

async fn gateway(holder: Holder) -> Gateway {
    let holdings = Arc::new(holder.holdings());
    Gateway::start(holder.place, move |arrived| {
        let (holdings, holder) = (Arc::clone(&holdings), holder.clone());
        async move {
            if arrived.path != "/xca/retrieve" {
                return holdings.answer(&arrived);
            }
            let mut found = Vec::new();
            for id in arrived.request::<CrossGatewayRetrieve>().documents {
                let is_it = |unique: &str| unique == id.unique.reveal();
                let document = DOCUMENTS.iter().find(|d| is_it(&d.unique(holder.organization))).unwrap();
                let content = document.content();
                let size = Some(content.len() as u64);
                let body = Box::pin(futures_util::stream::iter([Ok(Bytes::from_static(content))]));
                let media_type = document.media_type.to_owned();
                found.push(Document { id, media_type, size, body, passing: None });
            }
            arrived.answer::<CrossGatewayRetrieve>(Ok(Answer::found(found)))
        }
    })
    .await
}

/// The documents as files of a hospital's extension storage: what a storage can say of them is in the
/// names of folders.
fn storage(holder: &Holder) -> Hospital {
    let hospital = Hospital::okayama_university();
    hospital.files(holder.number, &HANAKO, &["ADT-00"]);
    for document in &DOCUMENTS {
        let (code, system, display) = document.type_code;
        let kind = match system {
            "2.16.840.1.113883.6.1" => format!("^{display}^^{code}^{display}^LN"),
            _ => format!("{code}^{display}^{system}"),
        };
        // Okayama's clocks are nine hours ahead; a storage says a time to the second or not at all.
        let padded = format!("{}{}", document.creation, &"20240101000000"[document.creation.len()..]);
        let hour: u32 = padded[8..10].parse().unwrap();
        let sent = format!("{}{:02}{}000", &padded[..8], hour + 9, &padded[10..]);
        let department = if document.practice.0.is_empty() { "-" } else { document.practice.0 };
        // What replaces a document is its next version under one key.
        let key = if document.number == 22 { 21 } else { document.number };
        let flag = if document.is_deprecated { 2 } else { 1 };
        let file = match document.media_type {
            "image/png" => "document.png",
            "image/jpeg" => "document.jpg",
            "text/plain" => "document.txt",
            _ => "document.pdf",
        };
        let ending = format!("K{key}_{sent}_{department}_{flag}");
        hospital.extend(holder.number, &kind, &ending, file, document.content());
    }
    hospital
}

// Okayama without the holder: HANAKO is known at a hospital that has no documents of hers but what it
// knows of her.
fn okayama(policies: &TempDir) -> (Plan, Hospital) {
    let hospital = Hospital::kurashiki();
    hospital.files(ELSEWHERE, &HANAKO, &["ADT-00"]);
    let plan = Plan::new(OKAYAMA)
        .hospital(&hospital)
        .consent(consent("N-1", &hospital, ELSEWHERE, HIROSHIMA))
        .limits(RATES)
        .permitting_everything(policies.path());
    (plan, hospital)
}

impl World {
    pub async fn of(peer: Peer) -> Self {
        let policies = tempfile::tempdir().unwrap();
        let (mut plan, hospital) = okayama(&policies);
        let mut kept: Vec<Box<dyn Any + Send>> = vec![Box::new(hospital), Box::new(policies)];
        let mut beyond = None;
        let holder = match peer {
            Peer::XdsNetwork => {
                let site = site(&NETWORK, "", Habits { leaf_max: 1_000, ..HUMANBRIDGE }).await;
                plan.peers.push(("hiroshima", site.as_peer(OKAYAMA, OFTEN, "")));
                kept.push(Box::new(site));
                NETWORK
            }
            Peer::XdsSource => {
                let site = site(&OUR_SITE, "3310000027", IDLINK).await;
                plan = plan.consent(site.consent("N-1", OUR_SITE.number, HIROSHIMA)).peer_with(
                    HIROSHIMA,
                    1,
                    "offers = []",
                );
                plan.peers.push(("idlink", site.as_source(OFTEN, "")));
                kept.push(Box::new(site));
                OUR_SITE
            }
            Peer::Xca => {
                let gateway = gateway(NETWORK).await;
                plan = plan.peer_with(HIROSHIMA, gateway.port, OFTEN);
                kept.push(Box::new(gateway));
                NETWORK
            }
            Peer::Kakehashi => {
                let theirs = tempfile::tempdir().unwrap();
                let site = site(&THEIR_SITE, "3410000027", IDLINK).await;
                let (one, two) = (free_port(), free_port());
                let mut hiroshima = Plan::new(HIROSHIMA)
                    .consent(site.consent("H-1", THEIR_SITE.number, OKAYAMA))
                    .peer_with(OKAYAMA, one, OFTEN)
                    .limits(RATES)
                    .permitting_everything(theirs.path());
                hiroshima.peers.push(("idlink", site.as_source(OFTEN, "leaves_as_is = true")));
                hiroshima.peer_port = Some(two);
                plan.peer_port = Some(one);
                plan = plan.peer_with(HIROSHIMA, two, OFTEN);
                beyond = Some(hiroshima.start().await);
                kept.push(Box::new((site, theirs)));
                THEIR_SITE
            }
            Peer::Ssmix2 => {
                let hospital = storage(&STORAGE);
                plan = plan
                    .hospital(&hospital)
                    .consent(consent("N-1", &hospital, STORAGE.number, HIROSHIMA))
                    .peer_with(HIROSHIMA, 1, "offers = []");
                kept.push(Box::new(hospital));
                STORAGE
            }
        };
        Self { okayama: plan.start().await, holder, kept, beyond }
    }

    /// Whose documents they are, as the portal sees it.
    pub const fn place(&self) -> Place {
        self.holder.place
    }

    /// Stops all of it in order.
    pub async fn stop(self) {
        self.okayama.stop().await;
        if let Some(beyond) = self.beyond {
            beyond.stop().await;
        }
        drop(self.kept);
    }
}
