//! The same at the doors that stand open at home alone, with a PIX manager, a hospital and a network behind
//! PIX, PDQ and XDS that answer in every odd way, and portals whose headers and tokens hold values.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kakehashi::dialect::ebxml::{CrossGatewayQuery, RegistryStoredQuery, RetrieveDocumentSet};
use kakehashi::dialect::hl7v3::{
    DuplicatesResolved, PdqCancellation, PdqContinuation, PdqQuery, PixQuery, PixUpdateNotification,
    RecordAdded,
};
use kakehashi::model::{
    Availability, Criteria, DemographicsQuery, DocumentQuery, DocumentRetrieve, Homeless, PatientDiscovery,
    PatientIdLookup, PatientRecord, Phi, QueryCancellation, QueryContinuation, QueryId, QueryKey,
    RecordChange, RepositoryId, ReturnType, Wanted,
};

use super::disguises::Search;
use super::neighbour;
use super::paths::{BENT, Told, sent};
use super::places;
use super::values::{Planted, everybody};
use super::{CONSENTED, OFTEN, others_are_in_no_answer};
use crate::simulators::client::{Client, Message, NURSE, PHYSICIAN, documents_of, oid, patient};
use crate::simulators::gateway::{Arrived, Gateway};
use crate::simulators::network::{HIROSHIMA, OKAYAMA, Place, Plan, Site};
use crate::simulators::pix::with_manager;
use crate::simulators::process::Process;

/// Headers of the portal, beside its assertions.
const BY_HEADERS: &str = r#"
[requester]
from = "headers"
issuer = "https://portal.okayama.example"
person_id = "X-User-Id"
person_name = "X-User-Name"
organization_id = "X-Facility-Id"
organization_name = "X-Facility-Name"
role = "X-Role"
purpose = "X-Purpose"
roles = [{ code = "21", role = "physician" }]
purposes = [{ code = "T", purpose = "TREATMENT" }]
"#;

/// The ward's tokens, or nobody.
const BY_TOKEN: &str = r#"
assertion = "optional"
[requester]
from = "token"
issuer = "https://ward.okayama.example"
header = "X-Token"
algorithm = "ES256"
key = "okayama-portal-idp"
audience = "urn:oid:2.999.33"
person_id = "sub"
person_name = "name"
organization_id = "facility"
organization_name = "facility_name"
role = "role"
purpose = "purpose"
roles = [{ code = "21", role = "physician" }]
purposes = [{ code = "T", purpose = "TREATMENT" }]
"#;

/// Answers each message about the person it names, else about the next, in the next odd way.
async fn odd(place: Place, people: &[Planted]) -> Gateway {
    let (turn, everyone) = (AtomicUsize::new(0), people.to_vec());
    Gateway::start(place, move |arrived: Arrived| {
        let way = turn.fetch_add(1, Ordering::Relaxed);
        let is_named = |one: &&Planted| {
            let document = format!(".7.{}<", neighbour::document_number(one));
            [one.network_id, one.number, one.who.family, &document]
                .iter()
                .any(|value| arrived.envelope.contains(value))
        };
        let of = everyone.iter().find(is_named).unwrap_or(&everyone[way % everyone.len()]).clone();
        // Truthfully three times of four: what is found leads on.
        let way = if way % 4 < 3 { 15 } else { way / 4 };
        neighbour::answer(arrived, way, of)
    })
    .await
}

fn file(kind: &str, at: &Gateway, more: &str) -> String {
    let url = format!("https://127.0.0.1:{}", at.port);
    format!(
        r#"
kind = "xds"
{kind}
timeout_ms = 300
breaker = {{ failures = 1000, open_ms = 10 }}
limits = {{ per_second = 1000 }}
{more}
[xds]
patient_demographics = "{url}/pdq"
registry = "{url}/registry"
"#
    )
}

/// A broker to be: a hospital and Hiroshima behind registries, and our PIX manager.
async fn plan(people: &[Planted]) -> (Plan, [Gateway; 3], tempfile::TempDir) {
    let (hospital, hiroshima, manager) =
        (odd(OKAYAMA, people).await, odd(HIROSHIMA, people).await, odd(OKAYAMA, people).await);
    let policies = tempfile::tempdir().unwrap();
    let mut plan = Plan::new(OKAYAMA).limits(OFTEN).permitting_everything(policies.path());
    let source =
        file("side = \"home\"", &hospital, "tls = { ca = \"net-ca\", client = \"okayama-gateway\" }")
            + &format!(
                "repositories = [{{ id = \"2.999.33.20.9\", url = \"https://127.0.0.1:{}/repository\" }}]\n\
         authority = \"2.999.33.24.1\"\nfacility = \"3310000024\"\nrenditions = [\"format\"]\n",
                hospital.port
            );
    let peer = file(
        "side = \"peer\"\ncommunity = \"urn:oid:2.999.34\"\ncorrelation_days = 1\nsend_network_id = true",
        &hiroshima,
        "tls = { ca = \"net-ca\", san_uri = \"urn:oid:2.999.34\", client = \"okayama-gateway\" }\n\
         [saml]\nissuer = \"https://hiroshima.example/idp\"\nsigner = \"hiroshima-saml\"\n\
         roles.in = [{ code = \"physician\", role = \"physician\" }]\n\
         roles.out = [{ code = \"physician\", role = \"physician\" }]",
    ) + &format!(
        "repositories = [{{ id = \"2.999.34.20.9\", url = \"https://127.0.0.1:{}/repository\" }}]\n\
         authority = \"2.999.34.1\"\n",
        hiroshima.port
    );
    plan.peers.push(("site", source));
    plan.peers.push(("hiroshima", peer));
    for one in &people[..CONSENTED] {
        plan = plan.consent(format!(
            "{},3310000024,{},2.999.34,*,*,TREATMENT,granted,2024-01-01,,HR-1,binder,clerk",
            one.network_id, one.number
        ));
    }
    // Whoever guesses so much would be stopped.
    let [many, widely] = ["[100_000, 100_000, 100_000]", "[200_000, 200_000, 200_000]"];
    plan.tables = format!(
        "[limits.budgets]\nperson_patients = {many}\nperson_misses = {many}\nfacility_patients = {widely}\n\
         facility_misses = {widely}\npeer_patients = {widely}\npeer_misses = {widely}"
    );
    plan.portal = BY_HEADERS;
    plan.ward = Some(BY_TOKEN);
    (with_manager(plan, manager.port, "timeout_ms = 300"), [hospital, hiroshima, manager], policies)
}

fn query(of: &Planted, wanted: Wanted) -> DocumentQuery {
    let statuses = || [Availability::Approved].into();
    let criteria = Criteria {
        wanted,
        statuses: statuses(),
        folder_statuses: statuses(),
        set_statuses: statuses(),
        ..Criteria::default()
    };
    DocumentQuery { criteria, ..documents_of(&patient("2.999.33.1", of.network_id)) }
}

fn by_id(ids: Vec<&str>, wanted: Wanted) -> DocumentQuery {
    let by = QueryKey::UniqueIds(ids.into_iter().map(|id| Phi::new(id.to_owned())).collect());
    let criteria = Criteria { wanted, ..Criteria::default() };
    DocumentQuery { by, home: None, criteria, returns: ReturnType::LeafClass }
}

/// Every question of the doors at home about one person.
async fn questions(portal: &Client, one: &Planted) -> Vec<Message> {
    let known = patient("2.999.33.1", one.network_id);
    let number = patient("2.999.33.24.1", one.number);
    let id = QueryId { root: "2.999.33.0.7".to_owned(), extension: Some(one.romaji.to_owned()) };
    let person = |ids| PatientDiscovery { demographics: Phi::new(one.demographics()), ids };
    let persons =
        |person| DemographicsQuery { person, authorities: Vec::new(), query: id.clone(), page: Some(1) };
    let lookup = |known| PatientIdLookup { known, demographics: None, authorities: Vec::new() };
    let homeless = |unique: &str| Homeless {
        repository: RepositoryId(oid("2.999.34.20.9")),
        unique: Phi::new(unique.to_owned()),
    };
    let retrieve = |homeless| DocumentRetrieve { documents: Vec::new(), homeless };
    let theirs = format!("2.999.34.7.{}", neighbour::document_number(one));
    let next = QueryContinuation { query: id.clone(), from: None, page: None };
    vec![
        portal.write::<PixQuery>(&lookup(known.clone())).await,
        portal.write::<PixQuery>(&lookup(number.clone())).await,
        portal.write::<PdqQuery>(&persons(person(Vec::new()))).await,
        portal.write::<PdqContinuation>(&next).await,
        portal.write::<PdqCancellation>(&QueryCancellation { query: id.clone() }).await,
        portal.write::<PdqQuery>(&persons(person(vec![number]))).await,
        portal.write::<RegistryStoredQuery>(&query(one, Wanted::Documents)).await,
        portal.write::<RegistryStoredQuery>(&query(one, Wanted::Folders)).await,
        portal.write::<RegistryStoredQuery>(&query(one, Wanted::Everything)).await,
        portal.write::<RegistryStoredQuery>(&by_id(vec![one.title], Wanted::FolderAndContents)).await,
        portal.write::<RegistryStoredQuery>(&by_id(one.values().into(), Wanted::Documents)).await,
        portal.write::<RetrieveDocumentSet>(&retrieve(vec![homeless(&theirs)])).await,
        portal.write::<RetrieveDocumentSet>(&retrieve(vec![homeless(one.title), homeless(one.number)])).await,
    ]
}

/// What the manager tells of one person, and what it must not.
async fn notifications(manager: &Client, one: &Planted) -> Vec<Message> {
    let record = |change, subsumed| PatientRecord {
        change,
        ids: vec![patient("2.999.33.1", one.network_id), patient("2.999.77.1", one.insurance)],
        others: vec![patient("2.999.33.24.1", one.number)],
        subsumed,
        demographics: Phi::new(one.demographics()),
    };
    let old = vec![patient("2.999.33.1", one.romaji)];
    vec![
        manager.write_with::<RecordAdded>(&record(RecordChange::Added, Vec::new()), None).await,
        manager.write_with::<PixUpdateNotification>(&record(RecordChange::Revised, Vec::new()), None).await,
        manager.write_with::<DuplicatesResolved>(&record(RecordChange::Merged, old), None).await,
    ]
}

/// The message, and what becomes of it with a value in an odd place.
fn malformed(whole: &Message, about: usize, one: &Planted) -> Vec<Message> {
    let mut all = vec![Message { body: one.line(), ..whole.clone() }];
    for (round, (from, to)) in BENT.iter().enumerate() {
        if (round + about).is_multiple_of(4) && whole.body.contains(from) {
            let value = one.values()[(about + round) % one.values().len()];
            let body = whole.body.replacen(from, &to.replace("{}", value), 1);
            all.push(Message { body, ..whole.clone() });
        }
    }
    all
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Headers that hold values, right and wrong, and tokens that nobody signed.
fn vouching(one: &Planted) -> Vec<Vec<(String, String)>> {
    let named = |values: [&str; 6]| -> Vec<(String, String)> {
        let names = ["X-User-Id", "X-User-Name", "X-Facility-Id", "X-Facility-Name", "X-Role", "X-Purpose"];
        names.iter().zip(values).map(|(name, value)| ((*name).to_owned(), value.to_owned())).collect()
    };
    let family = percent(one.who.family);
    let token = |claims: serde_json::Value| {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let text =
            format!("{}.{}.{}", part("{\"alg\":\"ES256\"}"), part(&claims.to_string()), part(one.body));
        vec![("X-Token".to_owned(), text)]
    };
    let header = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    vec![
        named([one.number, &family, one.insurance, &family, "21", "T"]),
        named([one.number, &family, one.insurance, &family, one.romaji, "T"]),
        named([one.number, &family, one.insurance, &family, "21", one.number]),
        named([one.number, one.romaji, one.insurance, "%zz", "21", "T"]),
        header("X_User_Id", one.number),
        header(&format!("X-{}", one.romaji), &family),
        token(serde_json::json!({ "sub": one.number, "name": one.who.family, "jti": one.title })),
        header("X-Token", one.number),
        header("X-Token", &format!("{}.{}.{}", one.romaji, one.insurance, one.number)),
    ]
}

/// Sends everything; gives what was answered.
async fn play(site: &Site, people: &[Planted]) -> Vec<Told> {
    let mut told = Vec::new();
    let [portal, nurse] = [PHYSICIAN, NURSE].map(|who| site.portal(who));
    let (ward, manager) = (site.at_system("ward", PHYSICIAN), site.at_system("pix", PHYSICIAN));
    let peer = site.asked_by(HIROSHIMA, PHYSICIAN);
    for (about, one) in people.iter().enumerate() {
        for message in questions(&portal, one).await {
            sent(&portal, &message, about, &mut told).await;
        }
        let some = questions(&nurse, one).await;
        let whole = &some[about % some.len()];
        for message in malformed(whole, about, one) {
            sent(&nurse, &message, about, &mut told).await;
        }
        for message in notifications(&manager, one).await {
            sent(&manager, &message, about, &mut told).await;
            sent(&portal, &message, about, &mut told).await;
            for message in malformed(&message, about, one) {
                sent(&manager, &message, about, &mut told).await;
            }
        }
        for (round, headers) in vouching(one).into_iter().enumerate() {
            let lookup = patient("2.999.33.1", one.network_id);
            let lookup = PatientIdLookup { known: lookup, demographics: None, authorities: Vec::new() };
            let from = if round < 6 { &portal } else { &ward };
            let message = Message { headers, ..from.write_with::<PixQuery>(&lookup, None).await };
            sent(from, &message, about, &mut told).await;
        }
        let known = patient("2.999.33.1", one.network_id);
        sent(&peer, &peer.write::<CrossGatewayQuery>(&documents_of(&known)).await, about, &mut told).await;
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn no_planted_value_surfaces_at_the_doors_of_home_whoever_lies_behind_them() {
    let began = Instant::now();
    let people: Vec<Planted> = everybody().into_iter().take(16).collect();
    let values: Vec<&str> = people.iter().flat_map(Planted::values).collect();
    let search = Search::new(&values);
    let (plan, around, _policies) = plan(&people).await;
    let mut broker = Process::new(&plan).await;
    broker.environment =
        vec![("KAKEHASHI_LOG", "kakehashi=trace,debug".into()), ("RUST_BACKTRACE", "1".into())];
    broker.start().await;
    let told = play(&broker, &people).await;
    let mut written: Vec<(String, Vec<u8>)> = Vec::new();
    for page in ["/metrics", "/healthz", "/readyz"] {
        written.push((page.to_owned(), broker.admin(page).await.1.into_bytes()));
    }
    places::of_the_process(broker.pid(), &mut written);
    broker.stop();
    places::of_the_folder(broker.path(), &mut written);
    others_are_in_no_answer(&search, &told);
    let searched = places::search(&search, &written);
    let holding = |value: &str| {
        let holds = |told: &&Told| memchr::memmem::find(&told.bytes, value.as_bytes()).is_some();
        told.iter().filter(holds).count()
    };
    // Something was found, opened and told: what is missing elsewhere is not missing for want of it.
    for (what, least, count) in [
        ("entries", 5, holding("<rim:ExtrinsicObject")),
        ("folders", 3, holding("<rim:RegistryPackage")),
        ("persons", 3, holding("<registrationEvent")),
        ("acknowledged", 30, holding("<typeCode code=\"AA\"/>")),
    ] {
        assert!(count >= least, "{what}: {count}");
    }
    let asked: usize = around.iter().map(|gateway| gateway.seen().len()).sum();
    println!(
        "planted at home: {} values, {} messages answered, {asked} asked, {searched} bytes searched, {:?}",
        values.len(),
        told.len(),
        began.elapsed()
    );
    places::are_the_owners_alone(broker.path());
    places::hold_what_they_should(&search, broker.path());
}
