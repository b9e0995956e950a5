//! The interconnect segment on three machines: the portal's, the broker's and another network's, each in a
//! network namespace of its own.

mod capture;
mod machines;

use std::process::Command;
use std::thread::JoinHandle;
use std::time::Duration;

use capture::{Seen, records, take};
use kakehashi::dialect::ebxml::RegistryStoredQuery;
use machines::{BROKER_AT_HOME, BROKER_IN_SEGMENT, HOME_CABLE, PEER, PORTAL, SEGMENT_CABLE, on, set_up};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::simulators::client::{Client, PHYSICIAN, documents_of, patient};
use crate::simulators::hospital::{HANAKO, Hospital};
use crate::simulators::network::{HIROSHIMA, Hosts, LOCAL, Network, OKAYAMA, Plan, consent};

/// Ports of the two brokers toward each other.
const OKAYAMA_PEERS: u16 = 9_443;
const HIROSHIMA_PEERS: u16 = 9_444;
const WITHIN: &str = "interconnect_segment::within_namespaces";

/// Runs [`within_namespaces`] where it may make networks, as root or as the root of a user namespace.
#[test]
fn portal_and_peer_reach_each_other_through_the_broker_alone_and_every_byte_is_tls() {
    let mut unshare = Command::new("unshare");
    // Brokers that a failed test leaves behind end with their process namespace.
    unshare.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    if !rustix::process::geteuid().is_root() {
        unshare.args(["--user", "--map-root-user"]);
    }
    let may = Command::new(unshare.get_program()).args(unshare.get_args()).args(["--", "true"]).output();
    let may = may.expect("unshare (package util-linux) is there");
    if !may.status.success() && std::env::var("INTEROP_MISSING").as_deref() == Ok("allow") {
        return;
    }
    assert!(
        may.status.success(),
        "network namespaces may not be made here: {}. Run as root, allow user namespaces \
         (sysctl kernel.unprivileged_userns_clone=1), or set INTEROP_MISSING=allow",
        String::from_utf8_lossy(&may.stderr)
    );
    unshare.arg("--").arg(std::env::current_exe().unwrap());
    let output = unshare.args(["--exact", WITHIN, "--ignored", "--nocapture"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("1 passed"), "it has run: {told}");
}

/// A broker on its machine, until it is told to stop.
struct Running {
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
    portal_port: u16,
}

fn start(machine: &'static str, plan: impl FnOnce() -> (Plan, Vec<Hospital>) + Send + 'static) -> Running {
    let (stop, stopped) = oneshot::channel();
    let (ready, is_ready) = oneshot::channel();
    let ended = on(machine, async move || {
        let (plan, _hospitals) = plan();
        let network: Network = plan.start().await;
        ready.send(network.portal_port()).unwrap();
        stopped.await.unwrap();
        network.stop().await;
    });
    let portal_port = is_ready.blocking_recv().expect("the broker starts");
    Running { stop, ended, portal_port }
}

impl Running {
    fn stop(self) {
        self.stop.send(()).unwrap();
        self.ended.join().unwrap();
    }
}

/// Everything that goes over the cables of a machine.
fn captured(machine: &'static str) -> (oneshot::Sender<()>, JoinHandle<Seen>) {
    let (stop, stopped) = oneshot::channel();
    let (started, has_started) = oneshot::channel();
    let taking = on(machine, async move || take(started, stopped));
    has_started.blocking_recv().unwrap();
    (stop, taking)
}

fn okayama() -> (Plan, Vec<Hospital>) {
    let kurashiki = Hospital::kurashiki();
    kurashiki.files("0000012345", &HANAKO, &["ADT-00", "OMP-01"]);
    let mut plan =
        Plan::new(OKAYAMA).hospital(&kurashiki).consent(consent("N-1", &kurashiki, "0000012345", HIROSHIMA));
    plan.hosts = Hosts {
        portal: BROKER_AT_HOME,
        peer: BROKER_IN_SEGMENT,
        others: PEER,
        portal_interface: Some(HOME_CABLE),
        peer_interface: Some(SEGMENT_CABLE),
    };
    plan.peer_port = Some(OKAYAMA_PEERS);
    plan.is_process = true;
    (plan.peer(HIROSHIMA, HIROSHIMA_PEERS), vec![kurashiki])
}

fn hiroshima() -> (Plan, Vec<Hospital>) {
    let university = Hospital::hiroshima_university();
    university.files("0000067890", &HANAKO, &["ADT-00", "OML-11"]);
    let mut plan = Plan::new(HIROSHIMA).hospital(&university).consent(consent(
        "H-1",
        &university,
        "0000067890",
        OKAYAMA,
    ));
    plan.hosts = Hosts { peer: PEER, others: BROKER_IN_SEGMENT, ..LOCAL };
    plan.peer_port = Some(HIROSHIMA_PEERS);
    plan.is_process = true;
    (plan.peer(OKAYAMA, OKAYAMA_PEERS), vec![university])
}

#[test]
#[ignore = "wants namespaces of its own: the test above starts it in them"]
fn within_namespaces() {
    set_up();
    let (at_portal, at_peer) = (captured("portal"), captured("peer"));
    let (theirs, ours) = (start("peer", hiroshima), start("broker", okayama));
    let port = ours.portal_port;
    let listed = on("portal", async move || {
        let portal = Client::new(
            OKAYAMA,
            OKAYAMA,
            "okayama-portal",
            ("https://portal.okayama.example/idp", "okayama-portal-idp"),
            port,
            PHYSICIAN,
        );
        let network_id = patient(&format!("{}.1", OKAYAMA.community), "N-1");
        portal.at(BROKER_AT_HOME, port).ask_raw::<RegistryStoredQuery>(&documents_of(&network_id)).await
    });
    let listed = listed.join().unwrap();
    assert_eq!(listed.registry_status(), "Success", "{}", listed.text());
    for place in [OKAYAMA, HIROSHIMA] {
        let home = format!("home=\"urn:oid:{}\"", place.community);
        assert!(listed.text().contains(&home), "documents of {home} in one list: {}", listed.text());
    }
    // The portal finds neither the other network nor the door for other networks; and the other way round.
    refused(
        "portal",
        vec![(PEER, HIROSHIMA_PEERS), (BROKER_IN_SEGMENT, OKAYAMA_PEERS), (BROKER_AT_HOME, OKAYAMA_PEERS)],
    );
    refused("peer", vec![(PORTAL, 22), (BROKER_AT_HOME, port), (BROKER_IN_SEGMENT, port)]);
    ours.stop();
    theirs.stop();
    let mut with_data = Vec::new();
    for (machine, (stop, taking)) in [("portal", at_portal), ("peer", at_peer)] {
        stop.send(()).unwrap();
        let seen = taking.join().unwrap();
        assert!(seen.other.is_empty(), "{machine}: {:?}", seen.other);
        let streams = seen.streams();
        let sizes =
            streams.values().map(|stream| records(stream).unwrap_or_else(|why| panic!("{machine}: {why}")));
        with_data.push(sizes.filter(|of_application| *of_application > 0).count());
        for stream in streams.values() {
            for word in ["HANAKO", "N-1^^^", "soap", "花子"] {
                assert!(!holds(stream, word.as_bytes()), "{machine}: `{word}` could be read on the cable");
            }
        }
    }
    assert!(
        with_data.iter().all(|streams| *streams >= 2),
        "questions and answers went over both cables: {with_data:?}"
    );
}

/// None of these takes a connection from this machine. One that leads nowhere is waited for a second.
fn refused(machine: &'static str, places: Vec<(&'static str, u16)>) {
    let tried = on(machine, async move || {
        for (host, port) in places {
            let connecting = timeout(Duration::from_secs(1), TcpStream::connect((host, port)));
            let taken = matches!(connecting.await, Ok(Ok(_)));
            assert!(!taken, "{host}:{port} took a connection from the {machine}'s machine");
        }
    });
    tried.join().unwrap();
}

fn holds(stream: &[u8], word: &[u8]) -> bool {
    stream.windows(word.len()).any(|window| window == word)
}
