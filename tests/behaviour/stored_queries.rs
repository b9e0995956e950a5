//! Every stored query from end to end: a portal's ITI-18 through the broker to another network's ITI-38,
//! and what another network may ask of ours. What belongs to something withheld leaves no trace.

mod lies;

use std::sync::Arc;

use kakehashi::dialect::ebxml::{CrossGatewayQuery, RegistryStoredQuery};
use kakehashi::model::{
    Association, Availability, Code, CommunityId, Criteria, DocumentQuery, Exclusion, ObjectId, PackageKind,
    PatientId, Phi, QueryKey, ReturnType, Wanted,
};
use tempfile::TempDir;

use crate::simulators::client::{Client, NURSE, PHYSICIAN, Reply, oid, patient};
use crate::simulators::gateway::Gateway;
use crate::simulators::hospital::{HANAKO, Hospital};
use crate::simulators::network::{HIROSHIMA, Network, OKAYAMA, Plan, consent};
use crate::simulators::registry::{Holdings, REPLACES, id};

const SEEN: &str = "処方・調剤・注射";
/// Titles that must not be read by who may not see what they hold.
const SECRET: &str = "SECRET";

fn theirs() -> PatientId {
    patient("2.999.34.1", "H-1")
}

fn asked() -> PatientId {
    patient("2.999.33.1", "N-1")
}

/// Two documents, one replaced by another version, in two folders and two submission sets; 2, 12 and 22
/// hold nothing but what a nurse may not see.
fn holdings() -> Holdings {
    Holdings::new(HIROSHIMA, theirs())
        .document(1, SEEN, Availability::Approved)
        .document(2, "精神科", Availability::Approved)
        .document(3, SEEN, Availability::Deprecated)
        .package(11, PackageKind::Folder, "糖尿病")
        .package(12, PackageKind::Folder, SECRET)
        .package(21, PackageKind::SubmissionSet, "外来")
        .package(22, PackageKind::SubmissionSet, SECRET)
        .member(31, 21, 1)
        .member(32, 22, 2)
        .member(33, 11, 1)
        .member(34, 11, 2)
        .member(35, 12, 2)
        .member(36, 21, 11)
        .member(37, 22, 12)
        .joined(38, REPLACES, 1, 3)
        .member(39, 21, 33)
}

async fn hiroshima(holdings: Holdings) -> Gateway {
    let holdings = Arc::new(holdings);
    Gateway::start(HIROSHIMA, move |arrived| {
        let holdings = Arc::clone(&holdings);
        async move { holdings.answer(&arrived) }
    })
    .await
}

/// Okayama with a hospital of its own and one policy besides those that ask and find.
async fn okayama(hiroshima: &Gateway, show: &str) -> (Network, (Hospital, TempDir)) {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00", "OMP-01"]);
    let folder = tempfile::tempdir().unwrap();
    let more = format!(
        "@id(\"some\") @reason(\"Some.\") permit (principal, action in [Action::\"ask\", Action::\"find\"], resource);\n\
         @id(\"show\") @reason(\"Show.\") {show}"
    );
    let plan = Plan::new(OKAYAMA).hospital(&hospital).permitting_everything(folder.path());
    std::fs::write(folder.path().join("all.cedar"), more).unwrap();
    let plan = plan
        .consent(consent("N-1", &hospital, "0000012345", HIROSHIMA))
        .peer_with(HIROSHIMA, hiroshima.port, "limits = { per_second = 10_000 }")
        .limits(RATES);
    (plan.start().await, (hospital, folder))
}

const RATES: &str =
    "person_per_minute = 100_000\nperson_burst = 10_000\npeer_per_second = 10_000\npeer_burst = 10_000";
const EVERYTHING: &str = "permit (principal, action == Action::\"show\", resource);";

fn query(by: QueryKey, wanted: Wanted) -> DocumentQuery {
    let is_by_patient = matches!(by, QueryKey::Patient(_));
    let statuses = |is_needed: bool| match is_needed && is_by_patient {
        true => [Availability::Approved].into(),
        false => [].into(),
    };
    let is_all = wanted == Wanted::Everything;
    let criteria = Criteria {
        wanted,
        statuses: statuses(!matches!(wanted, Wanted::Folders | Wanted::SubmissionSets)),
        folder_statuses: statuses(is_all || wanted == Wanted::Folders),
        set_statuses: statuses(is_all || wanted == Wanted::SubmissionSets),
        association_types: match wanted {
            Wanted::RelatedDocuments => vec![REPLACES.to_owned(), Association::TRANSFORMS.to_owned()],
            _ => Vec::new(),
        },
        ..Criteria::default()
    };
    DocumentQuery { by, home: None, criteria, returns: ReturnType::LeafClass }
}

fn of_patient(wanted: Wanted) -> DocumentQuery {
    query(QueryKey::Patient(asked()), wanted)
}

fn of(number: u32, wanted: Wanted) -> DocumentQuery {
    query(QueryKey::Objects(vec![id(number)]), wanted)
}

fn of_unique(unique: &str, wanted: Wanted) -> DocumentQuery {
    query(QueryKey::UniqueIds(vec![Phi::new(unique.to_owned())]), wanted)
}

/// Numbers of their objects in an answer, in order; ours are left out.
fn numbers(reply: &Reply) -> Vec<u32> {
    let text = reply.text();
    let is_object = |tag: &&str| {
        ["rim:ExtrinsicObject ", "rim:RegistryPackage ", "rim:Association ", "rim:ObjectRef "]
            .iter()
            .any(|name| tag.starts_with(name))
    };
    let number = |tag: &str| {
        let id = tag.split(" id=\"").nth(1)?.split('"').next()?;
        id.strip_prefix("urn:uuid:00000000-0000-4000-8000-")?.parse().ok()
    };
    let mut numbers: Vec<u32> = text.split('<').filter(is_object).filter_map(number).collect();
    numbers.sort_unstable();
    numbers
}

/// Each stored query with what a physician and what a nurse is shown of Hiroshima's objects.
fn table() -> Vec<(&'static str, DocumentQuery, Vec<u32>, Vec<u32>)> {
    let all = vec![1, 2, 11, 12, 21, 22, 31, 32, 33, 34, 35, 36, 37, 38, 39];
    vec![
        ("FindDocuments", of_patient(Wanted::Documents), vec![1, 2], vec![1]),
        ("FindFolders", of_patient(Wanted::Folders), vec![11, 12], vec![11]),
        ("FindSubmissionSets", of_patient(Wanted::SubmissionSets), vec![21, 22], vec![21]),
        ("GetAll", of_patient(Wanted::Everything), all, vec![1, 11, 21, 31, 33, 36, 38, 39]),
        ("GetDocuments", of(1, Wanted::Documents), vec![1], vec![1]),
        ("GetDocuments, hidden", of(2, Wanted::Documents), vec![2], vec![]),
        ("GetFolders", of(11, Wanted::Folders), vec![11], vec![11]),
        ("GetFolders, hidden", of(12, Wanted::Folders), vec![12], vec![]),
        ("GetAssociations", of(1, Wanted::Associations), vec![31, 33, 38], vec![31, 33, 38]),
        ("GetAssociations, hidden", of(2, Wanted::Associations), vec![32, 34, 35], vec![]),
        ("GetAssociations of a folder", of(11, Wanted::Associations), vec![33, 34, 36], vec![33, 36]),
        (
            "GetDocumentsAndAssociations",
            of(1, Wanted::DocumentsAndAssociations),
            vec![1, 31, 33, 38],
            vec![1, 31, 33, 38],
        ),
        (
            "GetDocumentsAndAssociations, hidden",
            of(2, Wanted::DocumentsAndAssociations),
            vec![2, 32, 34, 35],
            vec![],
        ),
        ("GetSubmissionSets", of(1, Wanted::SubmissionSets), vec![21, 31], vec![21, 31]),
        ("GetSubmissionSets, hidden", of(2, Wanted::SubmissionSets), vec![22, 32], vec![]),
        (
            "GetSubmissionSetAndContents",
            of_unique("2.999.34.8.21", Wanted::SubmissionSetAndContents),
            vec![1, 11, 21, 31, 33, 36, 39],
            vec![1, 11, 21, 31, 33, 36, 39],
        ),
        (
            "GetSubmissionSetAndContents, hidden",
            of(22, Wanted::SubmissionSetAndContents),
            vec![2, 12, 22, 32, 35, 37],
            vec![],
        ),
        ("GetFolderAndContents", of(11, Wanted::FolderAndContents), vec![1, 2, 11, 33, 34], vec![1, 11, 33]),
        ("GetFolderAndContents, hidden", of(12, Wanted::FolderAndContents), vec![2, 12, 35], vec![]),
        ("GetFoldersForDocument", of_unique("2.999.34.7.1", Wanted::FoldersForDocument), vec![11], vec![11]),
        ("GetFoldersForDocument, hidden", of(2, Wanted::FoldersForDocument), vec![11, 12], vec![]),
        ("GetRelatedDocuments", of(1, Wanted::RelatedDocuments), vec![1, 3, 38], vec![1, 3, 38]),
        ("GetRelatedDocuments, hidden", of(2, Wanted::RelatedDocuments), vec![], vec![]),
    ]
}

/// Asks everything in the table as a portal that knows no homes, whole and by reference.
async fn asks_everything(portal: &Client, is_nurse: bool) {
    for (name, query, physician, nurse) in table() {
        let expected = if is_nurse { nurse } else { physician };
        for returns in [ReturnType::LeafClass, ReturnType::ObjectRef] {
            let query = DocumentQuery { returns, ..query.clone() };
            let reply = portal.ask_raw::<RegistryStoredQuery>(&query).await;
            let text = reply.text();
            assert_eq!(reply.registry_status(), "Success", "{name}: {text}");
            assert_eq!(numbers(&reply), expected, "{name} {returns:?}: {text}");
            assert_eq!(text.matches("home=\"urn:oid:2.999.34\"").count(), expected.len(), "{name}: {text}");
            assert!(!text.contains("value=\"H-1^^^"), "{name}: the portal knows one id: {text}");
            if returns == ReturnType::LeafClass {
                let packages = text.matches("<rim:RegistryPackage").count();
                assert_eq!(text.matches("kept as it was").count(), packages, "{name}: {text}");
            }
            assert!(!is_nurse || !text.contains(SECRET), "{name}: {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_that_names_no_home_finds_all_there_is_by_every_stored_query_also_after_a_restart() {
    let hiroshima = hiroshima(holdings()).await;
    let (mut okayama, _kept) = okayama(&hiroshima, EVERYTHING).await;
    // What it is shown here it may ask for by its id.
    let all = okayama.portal(PHYSICIAN).ask_raw::<RegistryStoredQuery>(&of_patient(Wanted::Everything)).await;
    assert!(all.text().matches("<rim:ExtrinsicObject").count() > 2, "ours as well: {}", all.text());
    // Each of our prescriptions stands in two forms, which belong together.
    assert!(all.text().contains("AssociationType:XFRM"), "{}", all.text());
    asks_everything(&okayama.portal(PHYSICIAN), false).await;
    okayama = okayama.restarted().await;
    let portal = okayama.portal(PHYSICIAN);
    let reply = portal.ask_raw::<RegistryStoredQuery>(&of(11, Wanted::FolderAndContents)).await;
    assert_eq!(numbers(&reply), [1, 2, 11, 33, 34], "{}", reply.text());
    let under = reply.text().matches("value=\"N-1^^^&amp;2.999.33.1&amp;ISO\"").count();
    assert_eq!(under, 3, "under the id it was shown with: {}", reply.text());
    // An id that belongs to nobody is looked for at home alone.
    let seen = hiroshima.seen().len();
    let reply = portal.ask_raw::<RegistryStoredQuery>(&of(99, Wanted::FolderAndContents)).await;
    assert_eq!((reply.registry_status(), numbers(&reply)), ("Success".to_owned(), vec![]));
    assert_eq!(hiroshima.seen().len(), seen);
    let records = okayama.stop().await;
    records.verify();
    for arrived in hiroshima.seen() {
        let message = arrived.message().0;
        assert!(records.hold(message.as_bytes()), "look-ups are on record too: {message}");
    }
    for unique in ["2.999.34.8.11", "00000000-0000-4000-8000-000000000033"] {
        assert!(records.hold(unique.as_bytes()), "{unique} is told to have been shown");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_a_withheld_document_leaves_no_trace_in_any_stored_query() {
    let hiroshima = hiroshima(holdings()).await;
    let show = format!(
        "permit (principal, action == Action::\"show\", resource) when {{ \
         principal.roles.contains(\"physician\") || resource.classCode == \"{SEEN}\" }};"
    );
    let (okayama, _kept) = okayama(&hiroshima, &show).await;
    // The ward's nurse may ask for whatever a physician was shown at the same portal, by its id.
    asks_everything(&okayama.portal(PHYSICIAN), false).await;
    asks_everything(&okayama.portal(NURSE), true).await;
    // And the answer is that for ids which nobody has: nothing but the message's own ids differs.
    let nurse = okayama.portal(NURSE);
    for wanted in
        [Wanted::FolderAndContents, Wanted::Folders, Wanted::Associations, Wanted::FoldersForDocument]
    {
        let hidden = nurse.ask_raw::<RegistryStoredQuery>(&of(12, wanted)).await.text();
        let nobodys = nurse.ask_raw::<RegistryStoredQuery>(&of(98, wanted)).await.text();
        let body = |text: &str| text.split("<s:Body>").nth(1).unwrap().to_owned();
        assert_eq!(body(&hidden), body(&nobodys), "{wanted:?}");
    }
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_gateway_is_not_asked_to_leave_out_is_left_out_here() {
    let hiroshima = hiroshima(holdings()).await;
    let (okayama, _kept) = okayama(&hiroshima, EVERYTHING).await;
    let portal = okayama.portal(PHYSICIAN);
    let mut query = of_patient(Wanted::DocumentsExcept);
    query.criteria.except =
        Exclusion { classes: vec![Code::new(SEEN, "2.999.9.1", "")], ..Exclusion::default() };
    let reply = portal.ask_raw::<RegistryStoredQuery>(&query).await;
    assert_eq!((reply.registry_status(), numbers(&reply)), ("Success".to_owned(), vec![2]));
    let sent = hiroshima.seen().into_iter().filter(|arrived| arrived.path == "/xca/query");
    assert!(
        sent.into_iter()
            .all(|arrived| arrived.envelope.contains("14d4debf") && !arrived.envelope.contains("Exclude"))
    );
    let mut by_reference = of_patient(Wanted::DocumentsByReference);
    by_reference.criteria.references = vec![vec![Phi::new("R-1^^^&2.999&ISO^urn:x".to_owned())]];
    let reply = portal.ask_raw::<RegistryStoredQuery>(&by_reference).await;
    assert_eq!(reply.registry_status(), "Success", "{}", reply.text());
    let last = hiroshima.seen().pop().unwrap();
    assert!(
        last.envelope.contains("12941a89") && last.envelope.contains("('R-1^^^&amp;2.999&amp;ISO^urn:x')")
    );
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_network_asks_ours_by_every_stored_query_that_crosses() {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00", "OMP-01"]);
    let plan = Plan::new(OKAYAMA).hospital(&hospital).peer(HIROSHIMA, 1).limits(RATES);
    let okayama = plan.consent(consent("N-1", &hospital, "0000012345", HIROSHIMA)).start().await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let ask = async |query: DocumentQuery| physician.ask_raw::<CrossGatewayQuery>(&query).await;
    let counts = |reply: &Reply| {
        let text = reply.text();
        (text.matches("<rim:ExtrinsicObject").count(), text.matches("<rim:Association").count())
    };
    let all = ask(of_patient(Wanted::Everything)).await;
    let entries = counts(&ask(of_patient(Wanted::Documents)).await);
    assert!(entries.0 > 0, "{}", all.text());
    // Originals stay at home, and so does what joins them to their renditions.
    assert_eq!(counts(&all), (entries.0, 0), "{}", all.text());
    let text = all.text();
    let ids: Vec<&str> =
        text.split("<rim:ExtrinsicObject").skip(1).map(|o| o.split(" id=\"").nth(1).unwrap()).collect();
    let first = ObjectId(Phi::new(ids[0].split('"').next().unwrap().to_owned()));
    let home = Some(CommunityId(oid(OKAYAMA.community)));
    let named = |wanted| DocumentQuery {
        home: home.clone(),
        ..query(QueryKey::Objects(vec![first.clone()]), wanted)
    };
    for (wanted, found) in [
        (Wanted::Documents, (1, 0)),
        (Wanted::DocumentsAndAssociations, (1, 0)),
        (Wanted::RelatedDocuments, (0, 0)),
        (Wanted::Associations, (0, 0)),
        (Wanted::Folders, (0, 0)),
        (Wanted::FolderAndContents, (0, 0)),
        (Wanted::FoldersForDocument, (0, 0)),
        (Wanted::SubmissionSets, (0, 0)),
        (Wanted::SubmissionSetAndContents, (0, 0)),
    ] {
        let reply = ask(named(wanted)).await;
        assert_eq!(
            (reply.registry_status(), counts(&reply)),
            ("Success".to_owned(), found),
            "{wanted:?}: {}",
            reply.text()
        );
        let mut message = physician.write::<CrossGatewayQuery>(&named(wanted)).await;
        message.body = message.body.replace(" home=\"urn:oid:2.999.33\"", "");
        let codes = physician.send(&message).await.error_codes();
        assert_eq!(codes, ["XDSMissingHomeCommunityId"], "{wanted:?}");
    }
    for wanted in [Wanted::Folders, Wanted::SubmissionSets] {
        let reply = ask(of_patient(wanted)).await;
        assert_eq!((reply.registry_status(), counts(&reply)), ("Success".to_owned(), (0, 0)), "{wanted:?}");
    }
    // What does not cross is refused before anything else is looked at.
    for uuid in [
        "3d1bdb10-39a2-11de-89c2-2f44d94eaa9f",
        "50d3f5ac-39a2-11de-a1ca-b366239e58df",
        "1191642d-86c4-42d8-b784-f95445f9f0d5",
        "f2072993-9478-41df-a603-8f016706efe8",
        "4308b1df-36de-4bef-8e2e-ba91f593c435",
    ] {
        let mut message = physician.write::<CrossGatewayQuery>(&of_patient(Wanted::Documents)).await;
        message.body =
            message.body.replace("14d4debf-8f97-4251-9a74-a90016b0af0d", uuid).replace("'N-1", "N-1");
        let codes = physician.send(&message).await.error_codes();
        assert_eq!(codes, ["XDSUnknownStoredQuery"], "{uuid}");
    }
    // At home both forms are shown, and that they are one document.
    let portal = okayama.portal(PHYSICIAN);
    let reply = portal
        .ask_raw::<RegistryStoredQuery>(&DocumentQuery { home: None, ..named(Wanted::RelatedDocuments) })
        .await;
    assert_eq!(counts(&reply), (2, 1), "{}", reply.text());
    okayama.stop().await;
}
