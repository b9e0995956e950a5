//! Two sites of products of two families stand beside an SS-MIX2 storage under our one home, reached
//! through their own managers, registries and repositories: nobody who asks sees a difference, nothing
//! of a hospital's own passes to another network, and a site that is slow or lies costs itself alone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use futures_util::StreamExt;
use kakehashi::dialect::ebxml::{CrossGatewayQuery, RegistryStoredQuery, RetrieveDocumentSet};
use kakehashi::dialect::hl7v3::CrossGatewayPatientDiscovery;
use kakehashi::model::{
    Availability, Criteria, Demographics, DocumentEntry, DocumentQuery, DocumentRetrieve, Homeless,
    PatientDiscovery, PatientId, Phi, QueryKey, ReturnType, Slot, Wanted,
};
use tempfile::TempDir;
use tokio::sync::Notify;

use crate::simulators::client::{Client, PHYSICIAN, Reply, documents_of, entries, patient, retrieve_of};
use crate::simulators::hospital::{HANAKO, Hospital, Someone, TARO};
use crate::simulators::network::{HIROSHIMA, Network, OKAYAMA, Plan, consent};
use crate::simulators::site::{HUMANBRIDGE, Habits, IDLINK, Packaging, Site, deprecated};

/// HANAKO's twin: everything but the given name.
fn twin() -> Someone {
    Someone { given: "花代", given_kana: "ハナヨ", ..HANAKO.clone() }
}

struct World {
    okayama: Network,
    one: Site,
    two: Site,
    _kept: (Hospital, TempDir),
}

/// Five documents of the one family's, in UUIDs; four of the other's, in OIDs; and deprecated ones.
async fn sites() -> (Site, Site) {
    let one = Site::start(OKAYAMA, "3310000024", "2.999.33.24", HUMANBRIDGE).await;
    let two = Site::start(OKAYAMA, "3310000027", "2.999.33.27", Habits { ..IDLINK }).await;
    one.register("0000024001", &HANAKO).register("0000024002", &TARO);
    two.register("0000027005", &twin()).register("0000027001", &HANAKO).register("0000027002", &TARO);
    // Registered once more by mistake, under another number.
    two.register("0000027009", &HANAKO);
    for n in 0..5 {
        let unique = format!("2.25.{}", uuid::Uuid::from_u128(0x24_0000 + n).as_u128());
        one.file("0000024001", &unique, "57833-6", &format!("処方 {n} of the one"));
    }
    one.file_as("0000024001", "2.25.2424", "once", deprecated);
    for n in 0..4 {
        let unique = format!("2.999.33.27.5.{n}^ID{n}");
        two.file("0000027001", &unique, "11502-2", &format!("検査 {n} of the other"));
    }
    two.file_as("0000027001", "2.999.33.27.5.9^ID9", "once", deprecated);
    (one, two)
}

async fn world(portal_ms: Option<u64>, above: &str) -> World {
    let (one, two) = sites().await;
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00", "OMP-01"]);
    let policies = policies();
    let mut plan = Plan::new(OKAYAMA)
        .hospital(&hospital)
        .consent(consent("N-1", &hospital, "0000012345", HIROSHIMA))
        .consent(one.consent("N-1", "0000024001", HIROSHIMA))
        .consent(two.consent("N-1", "0000027001", HIROSHIMA))
        .peer_with(HIROSHIMA, 1, "offers = []");
    plan.policies = policies.path().to_owned();
    plan.portal_ms = portal_ms;
    plan.peers.push(("humanbridge", one.as_source(above, "objects_per_query = 2")));
    plan.peers.push(("idlink", two.as_source(above, "")));
    World { okayama: plan.start().await, one, two, _kept: (hospital, policies) }
}

/// Everything is permitted, except what is permitted to no other network.
fn policies() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    for name in ["schema.cedarschema", "00-default.cedar"] {
        std::fs::copy(shipped.join(name), folder.path().join(name)).unwrap();
    }
    let all = "@id(\"all\") @reason(\"Everything.\") permit (principal, action, resource);";
    std::fs::write(folder.path().join("10-all.cedar"), all).unwrap();
    folder
}

fn asked() -> PatientId {
    patient("2.999.33.1", "N-1")
}

async fn list(portal: &Client) -> Reply {
    portal.ask_raw::<RegistryStoredQuery>(&documents_of(&asked())).await
}

fn uniques(reply: &Reply) -> Vec<String> {
    let text = reply.text();
    let of = |object: &str| {
        let unique = object.split("urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab").nth(1).unwrap();
        unique.split(" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    let mut uniques: Vec<String> = text.split("<rim:ExtrinsicObject").skip(1).map(of).collect();
    uniques.sort();
    uniques
}

fn of_site<'u>(uniques: &'u [String], begin: &str) -> Vec<&'u str> {
    uniques.iter().filter(|unique| unique.starts_with(begin)).map(String::as_str).collect()
}

fn homeless(entries: &[DocumentEntry]) -> DocumentRetrieve {
    let homeless = entries
        .iter()
        .map(|entry| Homeless { repository: entry.id.repository.clone(), unique: entry.id.unique.clone() });
    DocumentRetrieve { documents: Vec::new(), homeless: homeless.collect() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_sees_both_sites_beside_our_storage_in_one_list_and_opens_everything_on_it() {
    let World { okayama, one, two, _kept } = world(None, "").await;
    let portal = okayama.portal(PHYSICIAN);
    let reply = list(&portal).await;
    let text = reply.text();
    assert_eq!((reply.registry_status(), reply.error_codes()), ("Success".to_owned(), Vec::new()), "{text}");
    let shown = uniques(&reply);
    assert_eq!(of_site(&shown, "2.999.33.27.5.").len(), 4, "the deprecated one was not asked for: {shown:?}");
    let (homes, all) = (text.matches("home=\"urn:oid:2.999.33\"").count(), shown.len());
    assert_eq!((all, homes), (5 + 4 + 4, all), "all under our one home: {shown:?}");
    assert_eq!(text.matches("value=\"N-1^^^&amp;2.999.33.1&amp;ISO\"").count(), all, "under the one id");
    // The one finds five too many: once in vain, once for the ids, three pieces of two.
    assert_eq!((one.asked("/registry"), two.asked("/registry")), (5, 1));

    let listed = portal.entries(&asked()).await;
    assert_eq!(listed.len(), all, "and as ITI-38");
    let reply = portal.ask_raw::<RetrieveDocumentSet>(&homeless(&listed)).await;
    assert_eq!((reply.registry_status(), reply.error_codes()), ("Success".to_owned(), Vec::new()));
    let text = reply.text();
    for content in ["処方 4 of the one", "検査 3 of the other", "ダーゼン錠"] {
        assert!(text.contains(content), "{content}");
    }
    for entry in &listed {
        let bytes = portal.fetch(&entry.id).await.unwrap();
        assert_eq!(entry.hash, Some(hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &bytes)).into()));
    }

    let (objects, ids) = (listed.iter().map(|e| e.object.clone()), listed.iter().map(|e| &e.id.unique));
    for by in [QueryKey::Objects(objects.collect()), QueryKey::UniqueIds(ids.cloned().collect())] {
        let query =
            DocumentQuery { by, home: None, criteria: Criteria::default(), returns: ReturnType::LeafClass };
        let reply = portal.ask_raw::<RegistryStoredQuery>(&query).await;
        assert_eq!(uniques(&reply), shown, "{}", reply.text());
    }
    let mut query = documents_of(&asked());
    query.criteria.statuses.insert(Availability::Deprecated);
    let reply = portal.ask_raw::<RegistryStoredQuery>(&query).await;
    let with_deprecated = uniques(&reply);
    let more: Vec<&String> = with_deprecated.iter().filter(|unique| !shown.contains(unique)).collect();
    assert_eq!(more, ["2.25.2424", "2.999.33.27.5.9^ID9"]);
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_network_finds_the_one_person_of_all_three_and_is_shown_nothing_of_the_hospitals_own() {
    let World { okayama, one, two, _kept } = world(None, "").await;
    // What must not pass: no kind, restricted, as it is, its number in the id, made when fetched.
    one.file_as("0000024001", "2.25.301", "no kind", |_| {});
    one.file_as("0000024001", "2.25.302", "no rendition", |entry| entry.format.value = "pdf".into());
    two.file_as("0000027001", "2.999.33.27.5.303", "confidential", |entry| {
        entry.confidentiality[0].value = "R".into();
    });
    two.file_as("0000027001", "2.999.33.27.5.304", "in words of its own", |entry| {
        entry.confidentiality[0].value = "秘".into();
    });
    two.file("0000027001", "2.999.33.27.27001.305", "57833-6", "its number in its id");
    one.file_as("0000024001", "2.25.306", "made anew", |entry| {
        entry.type_code.system = "2.16.840.1.113883.6.1".into();
        (entry.hash, entry.size) = (None, None);
    });
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let found = physician.find_one(HANAKO.demographics()).await;
    assert_eq!(found.id, asked(), "one person, whichever hospital's");
    assert!(two.asked("/pdq") > 2, "page by page");
    let reply = physician.ask_raw::<CrossGatewayQuery>(&documents_of(&found.id)).await;
    let text = reply.text();
    assert_eq!((reply.registry_status(), reply.error_codes()), ("Success".to_owned(), Vec::new()), "{text}");
    let shown = uniques(&reply);
    assert_eq!(of_site(&shown, "2.999.33.27.").len(), 4, "{shown:?}");
    assert_eq!(shown.len(), 5 + 4 + 2, "{shown:?}");
    for own in ["2.999.33.24.1", "2.999.33.27.1", "岡山県", "086-000-"] {
        assert!(!text.contains(own), "{own} is the hospital's own: {text}");
    }
    // Five digits stand by chance within a UUID: a number is looked for as a word, zeros before it or not.
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).map(|word| word.trim_start_matches('0'));
    let own: Vec<&str> = words.filter(|word| ["24001", "27001", "12345"].contains(word)).collect();
    assert!(own.is_empty(), "{own:?} are the hospital's own: {text}");
    for entry in physician.entries(&found.id).await {
        let bytes = physician.fetch(&entry.id).await.unwrap();
        assert_eq!(entry.hash, Some(hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &bytes)).into()));
    }
    // Nor is what it asks by held against what it is not shown: finding something would tell.
    let mut probing = documents_of(&found.id);
    probing.criteria.wanted = Wanted::DocumentsByReference;
    let reference = "0000024001^^^&2.999.33.24&ISO^urn:ihe:iti:xds:2013:order";
    probing.criteria.references = vec![vec![Phi::new(reference.to_owned())]];
    let value = Phi::new("'0000024001'".to_owned());
    probing.criteria.other =
        vec![Slot { name: "$XDSDocumentEntrySourcePatientId".to_owned(), values: vec![value] }];
    let before = one.gateway.seen().len();
    let reply = physician.ask_raw::<CrossGatewayQuery>(&probing).await;
    assert_eq!((reply.registry_status(), uniques(&reply)), ("Success".to_owned(), Vec::new()));
    let seen = one.gateway.seen();
    let asked: Vec<_> = seen[before..].iter().filter(|arrived| arrived.path == "/registry").collect();
    assert!(!asked.is_empty(), "the site was asked");
    for arrived in asked {
        let text = &arrived.envelope;
        assert!(!text.contains("SourcePatientId") && !text.contains("ReferenceIdList"), "{text}");
    }
    let hidden = one.file("0000024002", "2.25.401", "57833-6", "of another patient");
    assert!(physician.fetch(&hidden.id).await.is_err(), "TARO has consented to nothing");
    assert!(physician.find(TARO.demographics()).await.is_empty());
    // A number that it guesses tells nothing, also where the site shows who has it without a name.
    one.mood.lock().unwrap().is_bare = true;
    let nobody = Someone { family: "誰", given: "某", family_kana: "ダレ", given_kana: "ボウ", ..TARO };
    let named = Demographics { addresses: Vec::new(), phones: Vec::new(), ..nobody.demographics() };
    for number in ["0000024001", "0000024999"] {
        let guess = PatientDiscovery {
            demographics: Phi::new(named.clone()),
            ids: vec![patient("2.999.33.24.1", number)],
        };
        let reply = physician.ask_raw::<CrossGatewayPatientDiscovery>(&guess).await.text();
        assert!(reply.contains("queryResponseCode code=\"NF\""), "{number}: {reply}");
        assert!(!reply.contains("Requested"), "{number}: {reply}");
    }
    okayama.withdraw("N-1").await;
    assert!(physician.entries(&found.id).await.is_empty());
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_is_silent_is_named_within_the_portals_time_and_one_that_lies_is_not_believed() {
    let World { okayama, one, two, _kept } = world(Some(1_500), "").await;
    let portal = okayama.portal(PHYSICIAN);
    one.mood.lock().unwrap().is_silent = true;
    two.mood.lock().unwrap().lies = true;
    let since = Instant::now();
    let reply = list(&portal).await;
    assert!(since.elapsed() < Duration::from_secs(4), "the portal's time, not the site's");
    let text = reply.text();
    assert_eq!(reply.registry_status(), "PartialSuccess", "{text}");
    assert_eq!(reply.error_codes(), ["XDSRegistryError"; 2], "the one is silent, the other lies: {text}");
    assert!(text.contains("2.999.33.24.9"), "it is named by its repository: {text}");
    let shown = uniques(&reply);
    assert_eq!(shown.len(), 4 + 4, "neither another patient's nor another repository's: {shown:?}");
    assert!(!text.contains("2.999.66.9") && !text.contains("0000099999"));
    let (_, metrics) = okayama.admin("/metrics").await;
    let dropped = "kakehashi_dropped_findings_total{reason=\"not_asked\",target=\"idlink\"} 3";
    assert!(metrics.contains(dropped), "with the deprecated one: {metrics}");

    // What is another document than its entry said breaks before its end.
    (one.mood.lock().unwrap().is_silent, two.mood.lock().unwrap().forges) = (false, true);
    let listed = entries(portal.list(&asked()).await);
    let theirs = listed.iter().find(|entry| entry.id.unique.reveal().starts_with("2.999.33.27")).unwrap();
    let message = portal
        .write::<kakehashi::dialect::ebxml::CrossGatewayRetrieve>(&retrieve_of([theirs.id.clone()]))
        .await;
    let mut answer = portal.begin(&message).await.stream();
    let mut is_broken = false;
    while let Some(piece) = answer.next().await {
        is_broken |= piece.is_err();
    }
    assert!(is_broken, "it is not passed on whole");
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_passes_while_its_site_still_sends_it_and_base64_within_the_message_is_read() {
    let gate = Arc::new(Notify::new());
    let World { okayama, one, two, _kept } = world(None, "").await;
    let portal = okayama.portal(PHYSICIAN);
    for (site, number, unique) in
        [(&one, "0000024001", "2.25.77"), (&two, "0000027001", "2.999.33.27.5.77^ID")]
    {
        site.mood.lock().unwrap().gate = Some(Arc::clone(&gate));
        let its = site.file(number, unique, "57833-6", &"large ".repeat(500_000));
        let message = portal
            .write::<kakehashi::dialect::ebxml::CrossGatewayRetrieve>(&retrieve_of([its.id.clone()]))
            .await;
        let mut documents = portal.begin(&message).await.documents(&message).await;
        let mut body = documents.remove(0).body;
        let first = body.next().await.unwrap().unwrap();
        assert!(!first.is_empty(), "its first bytes are here before its last have left");
        gate.notify_one();
        let mut whole = first.to_vec();
        while let Some(piece) = body.next().await {
            whole.extend_from_slice(&piece.unwrap());
        }
        assert_eq!(its.size, Some(whole.len() as u64));
    }
    okayama.stop().await;

    let inline = Habits { packaging: Packaging::Inline, ..IDLINK };
    let site = Site::start(OKAYAMA, "3310000027", "2.999.33.27", inline).await;
    site.register("0000027001", &HANAKO);
    let its = site.file("0000027001", "2.999.33.27.5.1^ID1", "11502-2", "検査 inline");
    let policies = policies();
    let mut plan = Plan::new(OKAYAMA).consent(site.consent("N-1", "0000027001", HIROSHIMA));
    plan.policies = policies.path().to_owned();
    plan.peers.push(("idlink", site.as_source("", "")));
    let okayama = plan.start().await;
    assert_eq!(okayama.portal(PHYSICIAN).fetch(&its.id).await.unwrap(), "検査 inline".as_bytes());
    okayama.stop().await;
}
