//! Three machines in network namespaces of their own, joined by two cables: portal, broker, peer.

use std::fs::File;
use std::os::fd::AsFd;
use std::process::Command;
use std::thread::JoinHandle;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The broker's machine on the cable to the portal, and on the one to the peer.
pub const BROKER_AT_HOME: &str = "10.33.0.1";
pub const BROKER_IN_SEGMENT: &str = "10.34.0.1";
pub const PORTAL: &str = "10.33.0.2";
pub const PEER: &str = "10.34.0.2";
/// Both ends of each cable, by the machine at the far end.
pub const HOME_CABLE: &str = "home0";
pub const SEGMENT_CABLE: &str = "segment0";

/// Makes them, in namespaces for networks and mounts that this process has for itself. Portal and peer try
/// everything through the broker's machine, which forwards nothing.
pub fn set_up() {
    run("mount -t tmpfs none /run");
    for machine in ["portal", "broker", "peer"] {
        run(&format!("ip netns add {machine}"));
        run(&format!("ip -n {machine} link set lo up"));
    }
    let cables =
        [("portal", HOME_CABLE, BROKER_AT_HOME, PORTAL), ("peer", SEGMENT_CABLE, BROKER_IN_SEGMENT, PEER)];
    for (machine, cable, here, there) in cables {
        run(&format!("ip link add {cable} netns broker type veth peer name {cable} netns {machine}"));
        for (end, address) in [("broker", here), (machine, there)] {
            run(&format!("ip -n {end} address add {address}/24 dev {cable}"));
            run(&format!("ip -n {end} link set {cable} up"));
        }
        run(&format!("ip -n {machine} route add default via {here}"));
    }
    run("ip netns exec broker sysctl -q -w net.ipv4.ip_forward=0");
}

fn run(line: &str) {
    let mut words = line.split(' ');
    let output = Command::new(words.next().unwrap()).args(words).output();
    let output = output.unwrap_or_else(|error| panic!("{line}: {error}"));
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Does this on a machine: every socket that the thread and its children open is there.
pub fn on<T, W>(machine: &'static str, work: W) -> JoinHandle<T>
where
    T: Send + 'static,
    W: AsyncFnOnce() -> T + Send + 'static,
{
    std::thread::spawn(move || {
        let namespace = File::open(format!("/run/netns/{machine}")).unwrap();
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.unwrap().block_on(work())
    })
}
