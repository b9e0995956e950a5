//! The same within one process that notes every event and span of ours at every level, with a disk that
//! fails and one that panics with a patient's record in its message. It is a process of its own, this
//! test started anew, for what it logs goes through switches of the whole process.

use std::fmt::{Debug, Write as _};
use std::io;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use kakehashi::app::run_on;
use kakehashi::audit::{Disk, Fault, SimulatedDisk};
use kakehashi::dialect::hl7v3::CrossGatewayPatientDiscovery;
use kakehashi::telemetry::{start_logging, tell_panics_by_place};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use super::disguises::Search;
use super::values::{Planted, everybody};
use super::{places, plan, play};
use crate::simulators::client::{PHYSICIAN, discovery};
use crate::simulators::network::{HIROSHIMA, settings};
use crate::simulators::waiting::attained;

const TASK: &str = "KAKEHASHI_PLANTED_WITHIN";
const NAME: &str = "planted_values_never_surface::within::\
                    no_planted_value_surfaces_at_any_level_of_a_broker_whose_disk_fails_or_panics";

#[test]
fn no_planted_value_surfaces_at_any_level_of_a_broker_whose_disk_fails_or_panics() {
    if let Ok(file) = std::env::var(TASK) {
        tokio::runtime::Runtime::new().unwrap().block_on(broker_within(&file));
        return;
    }
    let began = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events");
    let said = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(TASK, &file)
        .env("RUST_BACKTRACE", "full")
        .output()
        .unwrap();
    let events = std::fs::read(&file).unwrap();
    let all = String::from_utf8_lossy(&events).into_owned();
    let panics: Vec<&str> = all.lines().filter(|line| line.contains("panicked")).collect();
    assert!(said.status.success(), "{panics:#?}");
    let people = everybody();
    let values: Vec<&str> = people.iter().flat_map(Planted::values).collect();
    let search = Search::new(&values);
    assert!(String::from_utf8_lossy(&events).contains("something panicked"), "no panic was told");
    assert!(String::from_utf8_lossy(&events).contains("the audit log cannot be written"));
    let written = [
        ("events".to_owned(), events),
        ("standard output".to_owned(), said.stdout),
        ("standard error".to_owned(), said.stderr),
    ];
    let searched = places::search(&search, &written);
    println!("planted: {searched} bytes of events and output of a broker within, {:?}", began.elapsed());
}

/// Every event and span, with all fields as `Debug` shows them.
struct Everything(Mutex<std::fs::File>);

struct Fields(String);

impl tracing::field::Visit for Fields {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl Everything {
    fn write(&self, head: &str, fields: Fields) {
        use io::Write;
        writeln!(self.0.lock().unwrap(), "{head}{}", fields.0).unwrap();
    }
}

impl<S: tracing::Subscriber> Layer<S> for Everything {
    fn on_new_span(&self, span: &tracing::span::Attributes<'_>, _: &tracing::span::Id, _: Context<'_, S>) {
        let mut fields = Fields(String::new());
        span.record(&mut fields);
        self.write(span.metadata().name(), fields);
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        self.write(event.metadata().target(), fields);
    }
}

/// Panics, when told to, with what it was to write.
struct Panicking(SimulatedDisk, Arc<AtomicBool>);

impl Disk for Panicking {
    fn list(&self) -> io::Result<Vec<String>> {
        self.0.list()
    }
    fn create(&mut self, segment: &str) -> io::Result<()> {
        self.0.create(segment)
    }
    fn size(&self, segment: &str) -> io::Result<u64> {
        self.0.size(segment)
    }
    fn read(&self, segment: &str, at: u64, length: usize) -> io::Result<Vec<u8>> {
        self.0.read(segment, at, length)
    }
    fn append(&mut self, segment: &str, bytes: &[u8]) -> io::Result<()> {
        assert!(!self.1.load(Ordering::SeqCst), "cannot write {}", String::from_utf8_lossy(bytes));
        self.0.append(segment, bytes)
    }
    fn overwrite(&mut self, segment: &str, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.overwrite(segment, at, bytes)
    }
    fn truncate(&mut self, segment: &str, length: u64) -> io::Result<()> {
        self.0.truncate(segment, length)
    }
    fn sync(&mut self, segment: &str) -> io::Result<()> {
        self.0.sync(segment)
    }
    fn sync_folder(&mut self) -> io::Result<()> {
        self.0.sync_folder()
    }
}

async fn broker_within(file: &str) {
    let everything = Everything(Mutex::new(std::fs::File::create(file).unwrap()));
    let ours = tracing_subscriber::EnvFilter::new("kakehashi=trace,debug,h2=off,sqlx=warn");
    let subscriber = tracing_subscriber::registry().with(ours).with(everything);
    tracing::subscriber::set_global_default(subscriber).unwrap();
    assert!(start_logging("info").is_err(), "one at a time");
    tell_panics_by_place();
    let people = everybody();
    let (plan, hospital, _neighbours) = plan(&people).await;
    let site = plan.lay_out().await;
    let (disk, panics) = (SimulatedDisk::new(), Arc::new(AtomicBool::new(false)));
    let stop = CancellationToken::new();
    let boxed = Panicking(disk.clone(), Arc::clone(&panics));
    let running = run_on(settings(site.path()), |_| Ok(Box::new(boxed) as Box<dyn Disk>), stop.clone());
    let running = tokio::spawn(running);
    attained("ready", || async { (site.admin("/readyz").await.0 == 200).then_some(()) }).await;
    play(&site, &hospital, &people).await;
    let peer = site.asked_by(HIROSHIMA, PHYSICIAN);
    for (index, one) in people.iter().enumerate().take(20) {
        let fault = if index % 2 == 0 { Fault::Io } else { Fault::Full };
        disk.fail_at(disk.operations() + index as u64 % 3, fault, true);
        let reply = peer.ask_raw::<CrossGatewayPatientDiscovery>(&discovery(one.demographics())).await;
        disk.mend();
        if reply.status != 200 {
            assert!(!reply.text().contains(one.number));
        }
    }
    // Health may not have seen that it was down.
    attained("it works again", || async {
        let query = discovery(people[0].demographics());
        let reply = peer.ask_raw::<CrossGatewayPatientDiscovery>(&query).await;
        (reply.status == 200).then_some(())
    })
    .await;
    panics.store(true, Ordering::SeqCst);
    for one in &people[..5] {
        let reply = peer.ask_raw::<CrossGatewayPatientDiscovery>(&discovery(one.demographics())).await;
        assert_ne!(reply.status, 200, "an answer without a record");
    }
    attained("health tells", || async {
        let (status, why) = site.admin("/healthz").await;
        (status == 503 && why.contains("audit")).then_some(())
    })
    .await;
    stop.cancel();
    let _ = tokio::time::timeout(std::time::Duration::from_secs(20), running).await;
}
