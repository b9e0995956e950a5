//! A real rsyslog as the audit repository: nothing is lost when either side is killed at any moment,
//! doubles come from the resend window alone, and what lies in its file is valid by DICOM's schema.
//! rsyslog runs by path from a folder of its own; `tests/install.sh` brings it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kakehashi::audit::{AuditSource, every_message};
use kakehashi::demo::pki::{CertificateAuthority, Usage};

/// Whether the programs are here; without them the tests say so and pass only where that is allowed.
pub fn is_installed() -> bool {
    let missing: Vec<&str> =
        [RSYSLOGD, "/usr/bin/xmllint"].into_iter().filter(|program| !Path::new(program).exists()).collect();
    let is_allowed = std::env::var("INTEROP_MISSING").is_ok_and(|value| value == "allow");
    assert!(missing.is_empty() || is_allowed, "not installed: {missing:?}; run tests/install.sh");
    missing.is_empty()
}

const RSYSLOGD: &str = "/usr/sbin/rsyslogd";

/// Keys for both ends: `audit-ca`, `server`, `client`.
pub fn keys(folder: &Path) {
    let authority = CertificateAuthority::new("audit repository").unwrap();
    authority.write(folder, "audit-ca").unwrap();
    authority.issue("localhost", Usage::Server).unwrap().write(folder, "server").unwrap();
    authority.issue("broker", Usage::Client("urn:oid:2.999.33")).unwrap().write(folder, "client").unwrap();
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// An rsyslog of our own; killed when dropped.
pub struct Rsyslog {
    folder: PathBuf,
    pub port: u16,
    child: Option<Child>,
}

impl Rsyslog {
    /// Writes its configuration; it does not run yet.
    pub fn new(folder: &Path, certs: &Path) -> Self {
        let port = free_port();
        let (folder, certs) = (folder.display(), certs.display());
        // Nothing is acknowledged, so nothing may wait inside: each message is in the file before the
        // next is read, and none is cut.
        let text = format!(
            r#"global(
    workDirectory="{folder}"
    maxMessageSize="1m"
    parser.escapeControlCharactersOnReceive="off"
    defaultNetstreamDriver="ossl"
    defaultNetstreamDriverCAFile="{certs}/audit-ca.pem"
    defaultNetstreamDriverCertFile="{certs}/server.pem"
    defaultNetstreamDriverKeyFile="{certs}/server.key.pem"
)
main_queue(queue.type="Direct")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="x509/certvalid"
    maxFrameSize="1048576")
template(name="received" type="string" string="%timegenerated:::date-unixtimestamp%.%timegenerated:::date-subseconds% %msg%\n")
input(type="imtcp" port="{port}" address="127.0.0.1" ruleset="keep")
ruleset(name="keep" queue.type="Direct") {{
    action(type="omfile" file="{folder}/received" template="received" asyncWriting="off"
        flushOnTXEnd="on" ioBufferSize="4k")
}}
"#
        );
        let folder = PathBuf::from(folder.to_string());
        std::fs::write(folder.join("rsyslog.conf"), text).unwrap();
        Self { folder, port, child: None }
    }

    /// Starts it and waits until it listens.
    pub fn start(&mut self) {
        let log = std::fs::File::create(self.folder.join("rsyslogd.log")).unwrap();
        let child = Command::new(RSYSLOGD)
            .args(["-n", "-i"])
            .arg(self.folder.join("rsyslogd.pid"))
            .arg("-f")
            .arg(self.folder.join("rsyslog.conf"))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let since = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = || std::fs::read_to_string(self.folder.join("rsyslogd.log")).unwrap_or_default();
            assert!(since.elapsed() < GIVE_UP, "rsyslog does not listen: {}", log());
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let _ = std::fs::remove_file(self.folder.join("rsyslogd.pid"));
    }

    /// Every whole message with the time it was written, in order. A line that a kill cut off is none.
    pub fn received(&self) -> Vec<(f64, String)> {
        let text = std::fs::read(self.folder.join("received")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let message = |line: &str| {
            // A kill may cut a long message; what was written next stands behind it on the same line.
            let xml = line.get(line.rfind("<?xml")?..)?.trim();
            let at = line.get(..line.rfind("<?xml")?)?.trim_end();
            let at = at.get(at.len().checked_sub(TIME_CHARS)?..)?;
            xml.ends_with("</AuditMessage>").then(|| (at.parse().unwrap(), xml.to_owned()))
        };
        text.lines().filter_map(message).collect()
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The record id in a message.
pub fn record_id(xml: &str) -> String {
    let (_, rest) = xml.split_once("type=\"kakehashi:record\" value=\"").expect("a record id");
    let value = rest.split('"').next().unwrap();
    String::from_utf8(decoded(value)).unwrap()
}

fn decoded(base64: &str) -> Vec<u8> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => u32::from(c - b'A'),
        b'a'..=b'z' => u32::from(c - b'a') + 26,
        b'0'..=b'9' => u32::from(c - b'0') + 52,
        b'+' => 62,
        _ => 63,
    };
    let mut bytes = Vec::new();
    for four in base64.trim_end_matches('=').as_bytes().chunks(4) {
        let word = four.iter().fold(0, |word, c| word << 6 | digit(*c)) << (6 * (4 - four.len()));
        bytes.extend(word.to_be_bytes()[1..four.len()].iter());
    }
    bytes
}

/// A process that writes records and forwards them: the test itself, started anew with its task in
/// the environment. It can be killed, which a task within this process could not.
pub mod writer {
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::time::Duration;

    use kakehashi::audit::{AuditLog, AuditOptions, ForwardOptions, Note, NoteKind, SyslogHeader, forward};
    use kakehashi::config::{CaFile, KeyPair, PeerTls};
    use kakehashi::model::Phi;
    use kakehashi::store::Store;
    use kakehashi::transport::client_config_of;

    pub const TASK: &str = "KAKEHASHI_RSYSLOG_WRITER";

    /// Folder of the log and store, folder of keys, port, records to write, seconds of the window.
    pub fn task(
        folder: &std::path::Path,
        certs: &std::path::Path,
        port: u16,
        records: u32,
        window: u64,
    ) -> String {
        format!("{}\n{}\n{port}\n{records}\n{window}", folder.display(), certs.display())
    }

    /// Runs if this process was started for it; never returns then.
    pub fn run_if_asked() {
        let Ok(task) = std::env::var(TASK) else { return };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.unwrap().block_on(write_and_forward(&task));
        std::process::exit(0);
    }

    async fn write_and_forward(task: &str) {
        let fields: Vec<&str> = task.lines().collect();
        let (folder, certs) = (PathBuf::from(fields[0]), PathBuf::from(fields[1]));
        let number = |index: usize| fields[index].parse::<u64>().unwrap();
        let ca = CaFile {
            name: "audit-ca".to_owned(),
            certificates: certs.join("audit-ca.pem"),
            crl: certs.join("audit-ca.crl.pem"),
            exemption: None,
        };
        let client = KeyPair { certificate: certs.join("client.pem"), key: certs.join("client.key.pem") };
        let tls = PeerTls {
            allow_tls12: false,
            ca: vec![ca],
            certificates: Vec::new(),
            client: Some(client),
            server_pins: Vec::new(),
        };
        let options = ForwardOptions {
            host: "localhost".to_owned(),
            port: u16::try_from(number(2)).unwrap(),
            tls: Arc::new(client_config_of(&tls, &folder).unwrap()),
            resend: Duration::from_secs(number(4)),
            header: SyslogHeader::of_this_machine("kakehashi", "IHE+RFC-3881"),
            source: super::source(),
        };
        let (log, _) = AuditLog::start(&folder.join("audit"), AuditOptions::default()).unwrap();
        let store = Store::open_file(&folder.join("store.db")).await.unwrap();
        let status = Arc::default();
        let forwarding = tokio::spawn(forward(&log, &folder.join("audit"), store, options, status));
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        for index in 0..number(3) {
            ticks.tick().await;
            let note = Note {
                kind: NoteKind::Configuration,
                by: "test".to_owned(),
                // Now and then one that is longer than receivers take by default.
                text: Phi::new("変更 ".repeat(if index % 97 == 0 { 300 } else { 3 })),
                patients: (0..if index % 193 == 0 { 400 } else { 0 }).map(super::patient).collect(),
                consent_version: None,
                policy_set: None,
            };
            let note =
                if note.patients.is_empty() { note } else { Note { kind: NoteKind::ConsentChange, ..note } };
            log.note(note).await.unwrap();
        }
        log.stop().await;
        forwarding.await.unwrap();
    }
}

fn patient(number: u32) -> kakehashi::model::PatientId {
    kakehashi::model::PatientId::from_cx(&format!("N-{number}^^^&2.999.33.1&ISO")).unwrap()
}

fn source() -> AuditSource {
    AuditSource { device: "2.999.33.0.1".to_owned(), community: "2.999.33".to_owned() }
}

fn start_writer(task: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["writer_process", "--nocapture"])
        .env(writer::TASK, task)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Either side is killed at random moments while records are written. In the end every message of the
/// log lies in rsyslog's file, and no message lies there twice unless a connection ended while it was
/// younger than the window.
pub fn nothing_is_lost_when_either_side_is_killed() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (certs, log) = (folder.path().join("certs"), folder.path().join("log"));
    let receiver = folder.path().join("rsyslog");
    for each in [&certs, &log, &receiver] {
        std::fs::create_dir(each).unwrap();
    }
    keys(&certs);
    let mut rsyslog = Rsyslog::new(&receiver, &certs);
    let mut random = Random::seeded();
    // The first records are written while there is no repository at all.
    let task = writer::task(&log, &certs, rsyslog.port, 100_000, WINDOW_S);
    let mut writer = start_writer(&task);
    std::thread::sleep(Duration::from_millis(700));
    rsyslog.start();
    let mut ends = Vec::new();
    for _ in 0..KILLS {
        std::thread::sleep(Duration::from_millis(1_500 + random.below(3_000)));
        ends.push(now_s());
        if random.below(2) == 0 {
            rsyslog.kill();
            std::thread::sleep(Duration::from_millis(random.below(1_500)));
            rsyslog.start();
        } else {
            writer.kill().unwrap();
            writer.wait().unwrap();
            std::thread::sleep(Duration::from_millis(random.below(800)));
            writer = start_writer(&task);
        }
    }
    writer.kill().unwrap();
    writer.wait().unwrap();
    ends.push(now_s());
    // The last run writes a few more, then stops in order.
    let mut last = start_writer(&writer::task(&log, &certs, rsyslog.port, 20, WINDOW_S));
    assert!(last.wait().unwrap().success());
    let expected = messages_of(&log.join("audit"));
    let since = Instant::now();
    let missing = || {
        let received: BTreeSet<String> = rsyslog.received().iter().map(|(_, xml)| record_id(xml)).collect();
        expected.keys().filter(|id| !received.contains(*id)).cloned().collect::<Vec<_>>()
    };
    while !missing().is_empty() {
        assert!(since.elapsed() < GIVE_UP, "lost: {:?} of {}", missing().first(), expected.len());
        std::thread::sleep(LOOK_EVERY);
    }
    judge(&rsyslog.received(), &expected, &ends);
    let received: Vec<String> = rsyslog.received().into_iter().map(|(_, xml)| xml).collect();
    all_are_valid(&received);
}

/// Content, and where doubles come from.
fn judge(received: &[(f64, String)], expected: &BTreeMap<String, String>, ends: &[f64]) {
    let mut last: BTreeMap<String, f64> = BTreeMap::new();
    let mut doubles = 0;
    for (at, xml) in received {
        let id = record_id(xml);
        assert_eq!(expected.get(&id), Some(xml), "a message is the same however often it comes: {id}");
        if let Some(before) = last.insert(id.clone(), *at) {
            doubles += 1;
            let window = before - SLACK_S..=before + WINDOW_S as f64 + SLACK_S;
            let is_owed = ends.iter().any(|end| window.contains(end) && *end <= *at + SLACK_S);
            assert!(is_owed, "{id} came at {before} and again at {at}; connections ended at {ends:?}");
        }
    }
    println!("{} records, lost 0, doubles {doubles}, kills {}", expected.len(), ends.len());
    assert!(expected.len() > 2_000, "{}", expected.len());
    assert!(doubles > 0, "the kills came when nothing was under way");
}

/// The log's messages by record id.
pub fn messages_of(folder: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    every_message(folder, &source(), |message| {
        all.insert(message.id.clone(), message.xml.reveal().clone());
        Ok(())
    })
    .unwrap();
    all
}

/// The demo makes every kind of record on both sides; all their messages are valid, and lie, one a
/// line, in the file that is returned, for readers elsewhere.
pub fn every_message_of_two_networks_is_valid(folder: &Path) -> Option<PathBuf> {
    if !is_installed() {
        return None;
    }
    let demo = folder.join("demo");
    let status = Command::new(env!("CARGO_BIN_EXE_kakehashi"))
        .args(["demo", "--folder"])
        .arg(&demo)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "the demo did not come out as it must");
    let mut messages = Vec::new();
    for side in std::fs::read_dir(&demo).unwrap() {
        let log = side.unwrap().path().join("var/audit");
        if log.is_dir() {
            messages.extend(messages_of(&log).into_values());
        }
    }
    for kind in ["ITI-55", "ITI-38", "ITI-39", "110120", "110106", "110107"] {
        let word = format!("csd-code=\"{kind}\"");
        assert!(messages.iter().any(|xml| xml.contains(&word)), "no message with {kind}");
    }
    all_are_valid(&messages);
    let path = folder.join("audit-messages.txt");
    let mut file = std::fs::File::create(&path).unwrap();
    messages.iter().for_each(|xml| writeln!(file, "{xml}").unwrap());
    println!("{} messages of two networks are valid", messages.len());
    Some(path)
}

/// Validates by the DICOM schema that IPF's audit jar holds, where Maven has fetched it.
pub fn all_are_valid(messages: &[String]) {
    // Nothing reads as valid that was not held against the schema.
    let schema = schema().unwrap_or_else(|| panic!("no {JAR}: tests/install.sh fetches it with Maven"));
    let folder = schema.path().join("messages");
    std::fs::create_dir(&folder).unwrap();
    let unique: BTreeSet<&String> = messages.iter().collect();
    for (number, xml) in unique.iter().enumerate() {
        std::fs::write(folder.join(format!("{number}.xml")), xml).unwrap();
    }
    let files: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    for some in files.chunks(500) {
        let output = Command::new("/usr/bin/xmllint")
            .args(["--noout", "--nonet", "--schema"])
            .arg(schema.path().join("dicom2017c.xsd"))
            .args(some)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        let wrong: Vec<&str> = told.lines().filter(|line| !line.ends_with(" validates")).take(5).collect();
        assert!(output.status.success() && wrong.is_empty(), "{wrong:?}");
    }
}

const JAR: &str = "ipf-commons-audit-5.1-20250424.jar";

/// The schema, taken out of the jar for this run.
fn schema() -> Option<tempfile::TempDir> {
    let jar = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/interop/jars").join(JAR);
    if !jar.exists() {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let status =
        Command::new("jar").arg("xf").arg(&jar).arg("dicom2017c.xsd").current_dir(folder.path()).status();
    let is_there =
        status.is_ok_and(|status| status.success()) && folder.path().join("dicom2017c.xsd").exists();
    is_there.then_some(folder)
}

/// Seeded, and told, so that a failure can be run again.
struct Random(u64);

impl Random {
    fn seeded() -> Self {
        let seed = std::env::var("SEED").ok().and_then(|text| text.parse().ok());
        let seed = seed.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs());
        println!("SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, bound: u64) -> u64 {
        // splitmix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

fn now_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// `1764264000.123456`.
const TIME_CHARS: usize = 17;
const KILLS: usize = 6;
const WINDOW_S: u64 = 2;
/// How late an end is noticed, a place is kept, and rsyslog tells the time.
const SLACK_S: f64 = 1.0;
const GIVE_UP: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);
