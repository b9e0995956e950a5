//! A whole broker in this process, started from configuration files in a temporary folder.

use std::net::TcpListener;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};

use kakehashi::app::control::{ControlReply, ControlRequest, send};
use kakehashi::app::{check_sources, run, run_on};
use kakehashi::audit::{Disk, SimulatedDisk};
use kakehashi::config::{Settings, load_with};
use kakehashi::model::Timestamp;
use kakehashi::policy::{CARD_COLUMNS, CONSENT_COLUMNS, Consents};
use kakehashi::store::Store;
use kakehashi::telemetry::start_logging;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::client::{Client, Who};
use super::hospital::Hospital;
use super::pki;
use super::records::Records;
use super::waiting::attained;

/// One of the networks that take part.
#[derive(Clone, Copy)]
pub struct Place {
    pub name: &'static str,
    pub community: &'static str,
}

pub const OKAYAMA: Place = Place { name: "okayama", community: "2.999.33" };
pub const HIROSHIMA: Place = Place { name: "hiroshima", community: "2.999.34" };
pub const TOTTORI: Place = Place { name: "tottori", community: "2.999.31" };

/// What a network is to be started with.
pub struct Plan {
    pub place: Place,
    pub hospitals: Vec<(Hospital, &'static str)>,
    pub consents: Vec<String>,
    /// More lines of `[limits]`.
    pub limits: &'static str,
    /// More tables of `kakehashi.toml`.
    pub tables: String,
    /// More lines of `[saml]` in the portal's file.
    pub portal: &'static str,
    /// Lines in the file of the second portal, the ward, instead of `[saml]`.
    pub ward: Option<&'static str>,
    /// Milliseconds for a whole request of the portal's; None is what the broker has.
    pub portal_ms: Option<u64>,
    /// Files of other networks: name and content.
    pub peers: Vec<(&'static str, String)>,
    /// Where other networks are to ask; any free port when None.
    pub peer_port: Option<u16>,
    /// Where it is reached, and where its peers are.
    pub hosts: Hosts,
    pub disk: Option<SimulatedDisk>,
    /// As the program of its own that operators start, logging to `log.jsonl`.
    pub is_process: bool,
    /// How much that program logs.
    pub log: &'static str,
    pub policies: PathBuf,
}

/// Addresses in the networks around a broker, and the interfaces that lead there where listeners are held
/// to them.
#[derive(Clone, Copy)]
pub struct Hosts {
    /// Our own portals' listener.
    pub portal: &'static str,
    /// The other networks' listener.
    pub peer: &'static str,
    /// Where the other networks' listeners are.
    pub others: &'static str,
    pub portal_interface: Option<&'static str>,
    pub peer_interface: Option<&'static str>,
}

/// All on this machine.
pub const LOCAL: Hosts = Hosts {
    portal: "127.0.0.1",
    peer: "127.0.0.1",
    others: "127.0.0.1",
    portal_interface: None,
    peer_interface: None,
};

/// Where a broker is laid out: its files, and the ports at which it is spoken to while it runs.
pub struct Site {
    pub place: Place,
    folder: TempDir,
    ports: Ports,
}

/// A running broker.
pub struct Network {
    site: Site,
    shutdown: CancellationToken,
    running: JoinHandle<()>,
}

impl Deref for Network {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

#[derive(Clone, Copy)]
struct Ports {
    admin: u16,
    peer: u16,
    portal: u16,
}

/// A port nobody listens on, outside the range from which outgoing connections take theirs.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 12_000 + u16::try_from(std::process::id() % 180).unwrap() * 100;
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed) % 2_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A consent of a person at a hospital toward a community.
pub fn consent(network_id: &str, hospital: &Hospital, number: &str, toward: Place) -> String {
    consent_of(network_id, hospital, number, toward, "*", "granted")
}

/// A consent row with its kinds and state.
pub fn consent_of(
    network_id: &str,
    hospital: &Hospital,
    number: &str,
    toward: Place,
    kinds: &str,
    state: &str,
) -> String {
    let (facility, community) = (hospital.facility, toward.community);
    format!(
        "{network_id},{facility},{number},{community},*,{kinds},TREATMENT,{state},2024-01-01,,HR-1,binder,clerk"
    )
}

fn csv(rows: &[String]) -> String {
    let commas = CONSENT_COLUMNS.len() - 1;
    let cards = rows.iter().any(|row| row.matches(',').count() > commas);
    let columns = CONSENT_COLUMNS.iter().chain(CARD_COLUMNS.iter().filter(|_| cards)).copied();
    format!("{}\n{}\n", columns.collect::<Vec<_>>().join(","), rows.join("\n"))
}

impl Plan {
    pub fn new(place: Place) -> Self {
        Self {
            place,
            hospitals: Vec::new(),
            consents: Vec::new(),
            limits: "",
            tables: String::new(),
            portal: "",
            ward: None,
            portal_ms: None,
            peers: Vec::new(),
            peer_port: None,
            hosts: LOCAL,
            disk: None,
            is_process: false,
            log: "debug",
            policies: Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"),
        }
    }

    pub fn hospital(self, hospital: &Hospital) -> Self {
        self.hospital_with(hospital, "")
    }

    /// With more lines above the `[ssmix2]` table.
    pub fn hospital_with(mut self, hospital: &Hospital, more: &'static str) -> Self {
        self.hospitals.push((hospital.clone(), more));
        self
    }

    pub fn consent(mut self, row: String) -> Self {
        self.consents.push(row);
        self
    }

    /// Under one policy that permits everything, in this empty folder.
    pub fn permitting_everything(mut self, folder: &Path) -> Self {
        let schema = "schema.cedarschema";
        std::fs::copy(self.policies.join(schema), folder.join(schema)).unwrap();
        let all = "@id(\"all\") @reason(\"Everything.\") permit (principal, action, resource);";
        std::fs::write(folder.join("all.cedar"), all).unwrap();
        self.policies = folder.to_owned();
        self
    }

    pub fn limits(mut self, limits: &'static str) -> Self {
        self.limits = limits;
        self
    }

    /// Another network that may ask and is asked at this port.
    pub fn peer(self, peer: Place, port: u16) -> Self {
        self.peer_with(peer, port, "")
    }

    pub fn peer_with(mut self, peer: Place, port: u16, more: &str) -> Self {
        let Place { name, community } = peer;
        let url = format!("https://{}:{port}", self.hosts.others);
        let text = format!(
            r#"
kind = "xca"
side = "peer"
community = "urn:oid:{community}"
authorities = ["urn:oid:{community}.1"]
{more}
tls = {{ ca = "net-ca", san_uri = "urn:oid:{community}", client = "{ours}-gateway" }}

[saml]
issuer = "https://{name}.example/idp"
signer = "{name}-saml"
roles.in = [{{ code = "physician", role = "physician" }}, {{ code = "nurse", role = "nurse" }}]
roles.out = [{{ code = "physician", role = "physician" }}, {{ code = "nurse", role = "nurse" }}]

[xca]
patient_discovery = "{url}/xcpd"
document_query = "{url}/xca/query"
document_retrieve = "{url}/xca/retrieve"
"#,
            ours = self.place.name
        );
        self.peers.push((name, text));
        self
    }

    fn write(&self, folder: &Path, ports: Ports) {
        let Place { name, community } = self.place;
        let (certs, policies) = (pki::CERTS.path(), &self.policies);
        let Ports { admin, peer, portal } = ports;
        let hosts = self.hosts;
        let held_to = |interface: Option<&str>| {
            interface.map(|name| format!("interface = \"{name}\"")).unwrap_or_default()
        };
        let text = format!(
            r#"
community = "urn:oid:{community}"
device = "{community}.0.1"
timeout_ms = 10_000

[identity]
authority = "urn:oid:{community}.1"

[codes]
roles = "2.999.1.1"

[portal]
listen = "{at_portal}:{portal}"
{portal_interface}
certificate = "{name}-server"
client_ca = "net-ca"

[peer]
listen = "{at_peer}:{peer}"
{peer_interface}
certificate = "{name}-server"
client_ca = "net-ca"

[admin]
listen = "127.0.0.1:{admin}"

[saml]
issuer = "https://{name}.example/idp"
certificate = "{name}-saml"
audiences = ["urn:oid:{community}"]
recipients = ["https://{at_portal}:{portal}/", "https://{at_peer}:{peer}/"]

[folders]
certs = {certs:?}
policies = {policies:?}

[limits]
drain_ms = 200
{limits}

{tables}
"#,
            limits = self.limits,
            tables = self.tables,
            at_portal = hosts.portal,
            at_peer = hosts.peer,
            portal_interface = held_to(hosts.portal_interface),
            peer_interface = held_to(hosts.peer_interface),
        );
        std::fs::write(folder.join("kakehashi.toml"), text).unwrap();
        let peers = folder.join("peers");
        std::fs::create_dir(&peers).unwrap();
        for (system, digit) in [("portal", "30"), ("ward", "31")] {
            let text = format!(
                r#"
kind = "portal"
{time}
tls = {{ san_uri = "urn:oid:{community}.{digit}" }}
[saml]
issuer = "https://portal.{name}.example/idp"
signer = "{name}-portal-idp"
roles.in = [{{ code = "physician", role = "physician" }}, {{ code = "nurse", role = "nurse" }}]
{more}
"#,
                time = self.portal_ms.map(|ms| format!("timeout_ms = {ms}")).unwrap_or_default(),
                more = if system == "portal" { self.portal } else { "" }
            );
            let text = match self.ward {
                Some(ward) if system == "ward" => {
                    let head = text.split("[saml]").next().unwrap();
                    format!("{head}{ward}")
                }
                _ => text,
            };
            std::fs::write(peers.join(format!("{name}-{system}.toml")), text).unwrap();
        }
        for (hospital, more) in &self.hospitals {
            std::fs::write(peers.join(format!("{}.toml", hospital.name)), hospital.settings(more)).unwrap();
        }
        for (peer, text) in &self.peers {
            std::fs::write(peers.join(format!("{peer}.toml")), text).unwrap();
        }
    }

    /// Starts it and waits until it is ready.
    pub async fn start(self) -> Network {
        let network = self.start_unready().await;
        network.ready().await;
        network
    }

    /// Starts it; its indexes may not be complete yet.
    pub async fn start_unready(self) -> Network {
        if std::env::var_os("KAKEHASHI_LOG").is_some() {
            // The second broker of a test finds it started.
            let _ = start_logging("info");
        }
        let site = self.lay_out().await;
        let shutdown = CancellationToken::new();
        let running = if self.is_process {
            tokio::spawn(serve_as_process(site.path().to_owned(), self.log, shutdown.clone()))
        } else {
            tokio::spawn(serve(settings(site.path()), self.disk.clone(), shutdown.clone()))
        };
        Network { site, shutdown, running }
    }

    /// Writes its files and its consents; starts nothing.
    pub async fn lay_out(&self) -> Site {
        let folder = tempfile::tempdir().unwrap();
        let ports =
            Ports { admin: free_port(), peer: self.peer_port.unwrap_or_else(free_port), portal: free_port() };
        self.write(folder.path(), ports);
        if !self.consents.is_empty() {
            let settings = settings(folder.path());
            std::fs::create_dir_all(folder.path().join("var")).unwrap();
            let store = Store::open(&settings.broker.store_url).await.unwrap();
            let consents = Consents::load(&store).await.unwrap();
            let text = csv(&self.consents);
            consents.import(&store, "consents.csv", text.as_bytes(), Timestamp::now()).await.unwrap();
        }
        Site { place: self.place, folder, ports }
    }
}

/// As the program reads them.
pub fn settings(folder: &Path) -> Settings {
    let file = folder.join("kakehashi.toml");
    load_with(&file, None, &[&check_sources], Timestamp::now()).unwrap_or_else(|errors| panic!("{errors:?}"))
}

async fn serve(settings: Settings, disk: Option<SimulatedDisk>, shutdown: CancellationToken) {
    let done = match disk {
        None => run(settings, shutdown).await,
        Some(disk) => run_on(settings, |_| Ok(Box::new(disk) as Box<dyn Disk>), shutdown).await,
    };
    done.unwrap_or_else(|error| panic!("{error}"));
}

async fn serve_as_process(folder: PathBuf, log_level: &'static str, shutdown: CancellationToken) {
    let log = std::fs::File::create(folder.join("log.jsonl")).unwrap();
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_kakehashi"))
        .args(["serve", "--config"])
        .arg(folder.join("kakehashi.toml"))
        .env("KAKEHASHI_LOG", log_level)
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let pid = child.id().unwrap().to_string();
    std::fs::write(folder.join("pid"), &pid).unwrap();
    tokio::select! {
        status = child.wait() => panic!("it ended by itself: {status:?}"),
        () = shutdown.cancelled() => {}
    }
    let told = tokio::process::Command::new("kill").args(["-TERM", &pid]).status().await.unwrap();
    assert!(told.success());
    assert_eq!(child.wait().await.unwrap().code(), Some(0), "SIGTERM ends it in order");
}

impl Site {
    /// What a process of its own has used of processors so far, threads that have ended included (proc(5),
    /// `utime` and `stime`, in hundredths of a second).
    pub fn processor_time(&self) -> std::time::Duration {
        let pid = std::fs::read_to_string(self.folder.path().join("pid")).unwrap();
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let (_, behind_name) = text.rsplit_once(')').unwrap();
        let ticks = behind_name.split_whitespace().skip(11).take(2).map(|word| word.parse::<u64>().unwrap());
        std::time::Duration::from_millis(ticks.sum::<u64>() * 10)
    }

    /// Its folder: `kakehashi.toml`, `peers/`, `var/`.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What a process of its own has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log.jsonl")).unwrap()
    }

    /// Status and body of an admin page; 0 while nobody listens.
    pub async fn admin(&self, path: &str) -> (u16, String) {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.ports.admin)).await else {
            return (0, String::new());
        };
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let mut text = String::new();
        if stream.write_all(request.as_bytes()).await.is_err()
            || stream.read_to_string(&mut text).await.is_err()
        {
            return (0, String::new());
        }
        let status = text.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
        (status, text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
    }

    /// Where other networks ask.
    pub const fn peer_port(&self) -> u16 {
        self.ports.peer
    }

    /// Where our own portals ask.
    pub const fn portal_port(&self) -> u16 {
        self.ports.portal
    }

    /// Where metrics and health are.
    pub const fn admin_port(&self) -> u16 {
        self.ports.admin
    }

    /// Somebody of another network asking here through that network's gateway.
    pub fn asked_by(&self, place: Place, who: Who) -> Client {
        let certificate = format!("{}-gateway", place.name);
        let issuer = format!("https://{}.example/idp", place.name);
        let signer = format!("{}-saml", place.name);
        Client::new(self.place, place, &certificate, (&issuer, &signer), self.ports.peer, who)
    }

    /// Somebody at our own portal.
    pub fn portal(&self, who: Who) -> Client {
        self.at_system("portal", who)
    }

    /// Somebody at one of our own systems.
    pub fn at_system(&self, system: &str, who: Who) -> Client {
        let name = self.place.name;
        let (certificate, issuer) =
            (format!("{name}-{system}"), format!("https://portal.{name}.example/idp"));
        let signer = format!("{name}-portal-idp");
        Client::new(self.place, self.place, &certificate, (&issuer, &signer), self.ports.portal, who)
    }

    /// Whom each person has asked about, as the store keeps it.
    pub async fn asked(&self) -> Vec<kakehashi::store::AskedRow> {
        let settings = settings(self.folder.path());
        let store = Store::open(&settings.broker.store_url).await.unwrap();
        store.asked(Timestamp::from_micros(0)).await.unwrap()
    }

    /// What stands in the audit log.
    pub fn records(&self) -> Records {
        Records::new(self.folder.path().join("var/audit"))
    }

    pub async fn control(&self, request: ControlRequest) -> ControlReply {
        send(&self.folder.path().join("var/kakehashi.sock"), &request).await.unwrap().unwrap()
    }

    /// `kakehashi consent import` while it runs.
    pub async fn import(&self, rows: &[String]) {
        let request = ControlRequest::ConsentImport { file: "more.csv".to_owned(), text: csv(rows) };
        let reply = self.control(request).await;
        assert!(reply.ok, "{}", reply.text);
    }

    /// `kakehashi consent withdraw` while it runs.
    pub async fn withdraw(&self, network_id: &str) {
        let reply = self
            .control(ControlRequest::ConsentWithdraw {
                network_id: network_id.to_owned(),
                facility: None,
                community: None,
                form: "HR-2".to_owned(),
                evidence: "binder".to_owned(),
                entered_by: "clerk".to_owned(),
            })
            .await;
        assert!(reply.ok, "{}", reply.text);
    }
}

impl Network {
    pub async fn ready(&self) {
        attained("the broker is ready", || async {
            assert!(!self.running.is_finished(), "the broker ended while it started");
            (self.admin("/readyz").await.0 == 200).then_some(())
        })
        .await;
    }

    /// Stops it in order and starts it again on the same folder.
    pub async fn restarted(mut self) -> Self {
        self.end().await;
        self.shutdown = CancellationToken::new();
        let settings = settings(self.folder.path());
        self.running = tokio::spawn(serve(settings, None, self.shutdown.clone()));
        self.ready().await;
        self
    }

    async fn end(&mut self) {
        self.shutdown.cancel();
        let ended = tokio::time::timeout(std::time::Duration::from_secs(20), &mut self.running).await;
        ended.unwrap().unwrap();
    }

    /// Stops it in order; what its log says must hold.
    pub async fn stop(mut self) -> Records {
        self.end().await;
        let folder = self.site.folder.path().join("var/audit");
        let records = Records::keeping(folder, self.site.folder);
        records.verify();
        records
    }
}
