use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::model::{
    Association, Code, FoundPatient, ObjectId, Oid, PatientMatch, Purpose, RegistryObject, Role,
};
use crate::policy::Standing;
use crate::policy::entities::{Action, ConsentWord, EntryClass, Principal, Question, Resource};
use crate::policy::fixture::*;
use crate::store::{ConsentRow, ConsentState};

const KINDS: [&str; 6] = ["ADT-00", "ADT-61", "PPR-01", "OMP-01", "OML-11", "18842-5"];

/// The kinds of the entries that pass, of person N1's number 100 at the first hospital.
fn shown(authorizer: &Authorizer, context: &RequestContext, entries: Vec<DocumentEntry>) -> Vec<String> {
    let permit = Permit::assumed(context.id, Operation::DocumentQuery, vec![], vec![], Decision::default());
    let found = entries.into_iter().map(RegistryObject::Entry).collect();
    let filtered = authorizer.filter(context, &permit, Answer::found(found));
    let kind = |object: &RegistryObject| match object {
        RegistryObject::Entry(entry) => {
            entry.origin.as_ref().map_or_else(|| entry.class.value.to_string(), |o| o.kind.clone())
        }
        RegistryObject::Association(_) | RegistryObject::Package(_) => "other".to_owned(),
    };
    filtered.answer().found.iter().map(kind).collect()
}

fn all_kinds() -> Vec<DocumentEntry> {
    KINDS.iter().chain(&["11504-8", "OMP-02"]).map(|kind| entry(FIRST, "100", kind)).collect()
}

fn found(id: PatientId) -> PatientMatch {
    let community = community(OKAYAMA);
    PatientMatch::Found(FoundPatient { community, id, demographics: None, confidence: 100, also: Vec::new() })
}

fn tells(authorizer: &Authorizer, context: &RequestContext, found: PatientMatch) -> bool {
    let permit =
        Permit::assumed(context.id, Operation::PatientDiscovery, vec![], vec![], Decision::default());
    !authorizer.filter(context, &permit, Answer::found(vec![found])).into_answer().found.is_empty()
}

fn of(state: ConsentState) -> ConsentRow {
    ConsentRow { state, ..row() }
}

fn without(part: &str) -> Vec<(String, String)> {
    let mut files = demo_files();
    for (_, text) in &mut files {
        let kept: Vec<_> = text
            .split("@id(")
            .filter(|policy| !policy.split('"').nth(1).is_some_and(|id| id.contains(part)))
            .collect();
        *text = kept.join("@id(");
    }
    files
}

#[test]
fn a_physician_sees_the_kinds_of_the_agreement_and_a_nurse_allergies_and_prescriptions() {
    let okayama = okayama(vec![row()]);
    assert_eq!(shown(&okayama, &physician(), all_kinds()), KINDS);
    let nurse = context(Side::Peer, HIROSHIMA, "nurse", Purpose::Treatment);
    assert_eq!(shown(&okayama, &nurse, all_kinds()), ["ADT-61", "OMP-01"]);
    let pharmacist = context(Side::Peer, HIROSHIMA, "pharmacist", Purpose::Treatment);
    assert!(shown(&okayama, &pharmacist, all_kinds()).is_empty());
}

#[test]
fn psychiatry_surgery_originals_and_restricted_documents_are_withheld_from_peers() {
    let okayama = okayama(vec![row()]);
    let mut psychiatric = entry(FIRST, "100", "OMP-01");
    psychiatric.origin.as_mut().unwrap().department = "02A".to_owned();
    let mut original = entry(FIRST, "100", "OMP-01");
    original.origin.as_mut().unwrap().original = true;
    let mut restricted = entry(FIRST, "100", "OMP-01");
    restricted.confidentiality = vec![Code::new("R", "2.16.840.1.113883.5.25", "")];
    let entries = vec![psychiatric, original, restricted, entry(FIRST, "100", "11504-8")];
    assert!(shown(&okayama, &physician(), entries.clone()).is_empty());
    let at_home = context(Side::Home, OKAYAMA, "physician", Purpose::Treatment);
    assert_eq!(shown(&okayama, &at_home, entries).len(), 4);
}

#[test]
fn a_file_of_the_extension_storage_leaves_as_it_is_only_where_its_code_is_listed() {
    let okayama = okayama(vec![row()]);
    let as_is = |kind| {
        let mut entry = entry(FIRST, "100", kind);
        entry.origin.as_mut().unwrap().as_is = true;
        entry
    };
    // The agreement permits both kinds.
    let entries = vec![as_is("18842-5"), as_is("OML-11")];
    assert_eq!(shown(&okayama, &physician(), entries.clone()), ["18842-5"]);
    let at_home = context(Side::Home, OKAYAMA, "physician", Purpose::Treatment);
    assert_eq!(shown(&okayama, &at_home, entries).len(), 2);
}

#[test]
fn without_consent_agreement_or_with_a_withdrawal_nothing_is_shown() {
    for (name, rows) in [
        ("no row", vec![]),
        ("refused", vec![of(ConsentState::Refused)]),
        ("withdrawn", vec![row(), of(ConsentState::Withdrawn)]),
        ("another facility", vec![ConsentRow { facility: SECOND.to_owned(), ..row() }]),
        ("another number", vec![ConsentRow { patient_no: Phi::new("101".to_owned()), ..row() }]),
        ("another viewer", vec![ConsentRow { viewers: listed(&["2.999.34.8"]), ..row() }]),
        ("another community", vec![ConsentRow { community: community("2.999.31"), ..row() }]),
    ] {
        assert!(shown(&okayama(rows), &physician(), all_kinds()).is_empty(), "{name}");
    }
    let unnamed = ConsentRow { facility: "3310000009".to_owned(), ..row() };
    let elsewhere = vec![entry("3310000009", "100", "OMP-01")];
    assert!(shown(&okayama(vec![unnamed]), &physician(), elsewhere).is_empty(), "no agreement");
}

#[test]
fn a_limited_consent_shows_its_kinds_as_far_as_the_agreement_has_them() {
    let limited = ConsentRow { kinds: listed(&["OML-11", "OMP-02"]), ..of(ConsentState::Limited) };
    assert_eq!(shown(&okayama(vec![limited]), &physician(), all_kinds()), ["OML-11"]);
}

#[test]
fn an_unknown_community_and_an_empty_policy_set_permit_nothing() {
    let tottori = context(Side::Peer, "2.999.31", "physician", Purpose::Treatment);
    let rows = vec![ConsentRow { community: community("2.999.31"), ..row() }];
    let okayama = okayama(rows);
    assert_eq!(okayama.may_ask(&tottori, Operation::DocumentQuery), Err(Refusal::Denied));
    assert!(shown(&okayama, &tottori, all_kinds()).is_empty());
    assert!(!tells(&okayama, &tottori, found(network_id("N1"))));
    let empty = with_policies(&[], vec![row()]);
    assert_eq!(empty.may_ask(&physician(), Operation::DocumentQuery), Err(Refusal::Denied));
    assert!(shown(&empty, &physician(), all_kinds()).is_empty());
}

#[test]
fn entries_without_origin_and_entries_of_others_do_not_pass_through_to_a_peer() {
    let mut lost = entry(FIRST, "100", "OMP-01");
    lost.origin = None;
    let foreign = foreign_entry("2.999.31", "処方・調剤・注射");
    assert!(shown(&okayama(vec![row()]), &physician(), vec![lost, foreign]).is_empty());
}

#[test]
fn what_the_filter_cannot_judge_is_withheld_on_both_sides() {
    let okayama = okayama(vec![row()]);
    for context in [physician(), context(Side::Home, OKAYAMA, "physician", Purpose::Treatment)] {
        let permit =
            Permit::assumed(context.id, Operation::DocumentQuery, vec![], vec![], Decision::default());
        let id = |text: &str| ObjectId(Phi::new(text.to_owned()));
        let other = RegistryObject::Association(Association {
            community: CommunityId(Oid::parse(OKAYAMA).unwrap()),
            object: id("urn:uuid:2"),
            kind: Association::TRANSFORMS.to_owned(),
            source: id("urn:uuid:3"),
            target: id("urn:uuid:4"),
            encoded: None,
        });
        let filtered = okayama.filter(&context, &permit, Answer::found(vec![other]));
        assert_eq!((filtered.withheld(), filtered.answer().found.len()), (1, 0));
    }
}

#[test]
fn at_home_no_consent_is_needed_and_a_policy_on_class_and_role_decides_on_a_peers_findings() {
    let okayama = okayama(vec![]);
    let at_home = |role| context(Side::Home, OKAYAMA, role, Purpose::Treatment);
    assert_eq!(shown(&okayama, &at_home("physician"), all_kinds()).len(), 8);
    assert_eq!(shown(&okayama, &at_home("nurse"), all_kinds()), ["ADT-61", "OMP-01", "OML-11", "OMP-02"]);
    let foreign = || vec![foreign_entry(HIROSHIMA, "サマリー"), foreign_entry(HIROSHIMA, "検体検査結果")];
    assert_eq!(shown(&okayama, &at_home("physician"), foreign()).len(), 2);
    assert_eq!(shown(&okayama, &at_home("pharmacist"), foreign()), ["検体検査結果"]);
    assert!(shown(&okayama, &at_home("physician"), vec![foreign_entry("2.999.31", "サマリー")]).is_empty());
    assert!(shown(&okayama, &at_home("clerk"), all_kinds()).is_empty());
}

#[test]
fn emergency_overrides_a_missing_consent_and_its_kinds_and_nothing_else() {
    let limited = || ConsentRow { kinds: listed(&["OML-11"]), ..of(ConsentState::Limited) };
    let refused_elsewhere = || ConsentRow { facility: SECOND.to_owned(), ..of(ConsentState::Refused) };
    let of_same_person = || ConsentRow { community: community("2.999.31"), ..row() };
    let states: [(&str, Vec<ConsentRow>, bool, usize); 5] = [
        // name, rows, may emergency show, how many without emergency
        ("none", vec![], true, 0),
        ("limited", vec![limited()], true, 1),
        ("withdrawn", vec![row(), of(ConsentState::Withdrawn)], false, 0),
        ("refused", vec![of(ConsentState::Refused)], false, 0),
        ("refused at another hospital", vec![refused_elsewhere(), of_same_person()], false, 0),
    ];
    for (name, rows, overridable, plainly) in states {
        for has_agreement in [true, false] {
            let files = without("emergency");
            let okayama =
                if has_agreement { okayama(rows.clone()) } else { with_policies(&files, rows.clone()) };
            for role in ["physician", "nurse"] {
                for purpose in [Purpose::Treatment, Purpose::Emergency] {
                    let context = context(Side::Peer, HIROSHIMA, role, purpose);
                    let number = hospital_id(FIRST, "100");
                    let helps =
                        role == "physician" && purpose == Purpose::Emergency && has_agreement && overridable;
                    let plain = role == "physician" && purpose == Purpose::Treatment;
                    let expected = if helps {
                        KINDS.len()
                    } else if plain {
                        plainly
                    } else {
                        0
                    };
                    let case = format!("{name}, agreement {has_agreement}, {role}, {purpose:?}");
                    assert_eq!(shown(&okayama, &context, all_kinds()).len(), expected, "{case}");
                    assert_eq!(okayama.emergency_allows(&context, FIRST, &number), helps, "{case}");
                }
            }
        }
    }
}

#[test]
fn an_emergency_shows_no_further_kinds_of_one_who_refused_at_another_hospital() {
    let limited = ConsentRow {
        kinds: listed(&["OML-11"]),
        purposes: vec![Purpose::Emergency],
        ..of(ConsentState::Limited)
    };
    let refused = ConsentRow { facility: SECOND.to_owned(), ..of(ConsentState::Refused) };
    let emergency = context(Side::Peer, HIROSHIMA, "physician", Purpose::Emergency);
    assert_eq!(shown(&okayama(vec![limited.clone()]), &emergency, all_kinds()), KINDS);
    assert_eq!(shown(&okayama(vec![limited, refused]), &emergency, all_kinds()), ["OML-11"]);
}

#[test]
fn a_policy_that_names_no_kind_lets_every_kind_be_found() {
    let text = ["ask", "find", "show"].map(|action| {
        format!("@id(\"{action}\")\n@reason(\"r\")\npermit (principal, action == Action::\"{action}\", resource);\n")
    });
    let files = [("all.cedar".to_owned(), text.concat())];
    assert!(tells(&with_policies(&files, vec![row()]), &physician(), found(network_id("N1"))));
    assert!(!tells(&with_policies(&files, vec![]), &physician(), found(network_id("N1"))));
}

#[test]
fn consent_holds_even_where_someone_removed_the_default_policies() {
    let files = without("default-");
    assert!(files.iter().all(|(_, text)| !text.contains("default-withdrawn")));
    for rows in [vec![], vec![row(), of(ConsentState::Withdrawn)]] {
        assert!(shown(&with_policies(&files, rows), &physician(), all_kinds()).is_empty());
    }
}

#[test]
fn an_emergency_is_in_the_decision_as_an_obligation_and_treatment_is_not() {
    let okayama = okayama(vec![row()]);
    let decided = |context: &RequestContext| {
        let permit = okayama.authorize(context, Operation::PatientDiscovery, &[], vec![], &[&source(FIRST)]);
        permit.unwrap().decision().clone()
    };
    let emergency = decided(&context(Side::Peer, HIROSHIMA, "physician", Purpose::Emergency));
    assert_eq!(emergency.obligations, ["emergency"]);
    let treatment = decided(&physician());
    assert!(treatment.obligations.is_empty());
    assert!(treatment.policies.contains(&"okayama-hiroshima-ask".to_owned()));
    assert_eq!((treatment.policy_set.len(), treatment.consent_version), (64, 1));
}

#[test]
fn a_match_is_told_only_of_a_person_of_whom_something_could_be_shown() {
    let limited = |kind| ConsentRow { kinds: listed(&[kind]), ..of(ConsentState::Limited) };
    for (name, rows, expected) in [
        ("granted", vec![row()], true),
        ("nobody", vec![], false),
        ("withdrawn", vec![row(), of(ConsentState::Withdrawn)], false),
        ("limited to a kind of the agreement", vec![limited("OML-11")], true),
        ("limited to surgery", vec![limited("11504-8")], false),
        ("limited to a kind no policy names", vec![limited("OMG-13")], false),
    ] {
        let okayama = okayama(rows);
        assert_eq!(tells(&okayama, &physician(), found(network_id("N1"))), expected, "{name}");
        let more = PatientMatch::MoreAttributes { about: Some(network_id("N1")), wanted: BTreeSet::new() };
        assert_eq!(tells(&okayama, &physician(), more), expected, "{name}");
        let standing = okayama.standing_of(&physician(), FIRST, &hospital_id(FIRST, "100"));
        assert_eq!(matches!(standing, Standing::Consented { .. }), expected, "{name}");
    }
    let nobody = PatientMatch::MoreAttributes { about: None, wanted: BTreeSet::new() };
    assert!(!tells(&okayama(vec![row()]), &physician(), nobody));
    assert!(!tells(&okayama(vec![row()]), &physician(), found(hospital_id(FIRST, "100"))));
}

#[test]
fn only_sources_that_could_show_something_are_asked() {
    let targets = [source(FIRST), source(SECOND), peer("2.999.31")];
    let targets: Vec<_> = targets.iter().collect();
    let asked = |authorizer: &Authorizer, context: &RequestContext, patients: &[PatientId]| {
        let permit = authorizer.authorize(context, Operation::DocumentQuery, patients, vec![], &targets);
        permit.map(|permit| permit.targets().iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let one = okayama(vec![row()]);
    let first = format!("source-{FIRST}");
    assert_eq!(asked(&one, &physician(), &[]), Ok(vec![first.clone()]));
    assert_eq!(asked(&one, &physician(), &[network_id("N1")]), Ok(vec![first.clone()]));
    assert_eq!(asked(&one, &physician(), &[network_id("N2")]), Ok(vec![]));
    assert_eq!(asked(&okayama(vec![]), &physician(), &[]), Ok(vec![]));
    let emergency = context(Side::Peer, HIROSHIMA, "physician", Purpose::Emergency);
    assert_eq!(asked(&one, &emergency, &[]).map(|names| names.len()), Ok(2));
}

#[test]
fn at_home_a_person_is_asked_for_only_where_a_consent_names_the_peer() {
    let targets = [source(FIRST), peer(HIROSHIMA), peer("2.999.31")];
    let targets: Vec<_> = targets.iter().collect();
    let at_home = context(Side::Home, OKAYAMA, "physician", Purpose::Treatment);
    let asked = |rows: Vec<ConsentRow>, patients: &[PatientId]| {
        let permit = okayama(rows).authorize(&at_home, Operation::DocumentQuery, patients, vec![], &targets);
        permit.unwrap().targets().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let (here, there) = (format!("source-{FIRST}"), format!("peer-{HIROSHIMA}"));
    let both = [here.clone(), there.clone()];
    assert_eq!(asked(vec![], &[]), both, "demographics typed at the portal");
    assert_eq!(asked(vec![row()], &[network_id("N1")]), both);
    assert_eq!(asked(vec![row()], &[hospital_id(FIRST, "100")]), both, "a hospital number is an alias");
    assert_eq!(asked(vec![], &[network_id("N1")]), std::slice::from_ref(&here));
    assert_eq!(asked(vec![of(ConsentState::Withdrawn)], &[network_id("N1")]), [here]);
    let theirs = PatientId::new(Authority(oid("2.999.34.1")), "H1");
    assert_eq!(asked(vec![], &[theirs]), [there], "a peer's id goes to that peer only");
}

#[test]
fn a_retrieve_is_narrowed_to_the_entries_and_sources_that_may_be() {
    let okayama = okayama(vec![row()]);
    let entries =
        vec![entry(FIRST, "100", "OML-11"), entry(FIRST, "100", "11504-8"), entry(SECOND, "5", "OML-11")];
    let targets = [source(FIRST), source(SECOND)];
    let targets: Vec<_> = targets.iter().collect();
    let permit =
        okayama.authorize(&physician(), Operation::DocumentRetrieve, &[], entries.clone(), &targets).unwrap();
    assert_eq!((permit.entries().len(), permit.targets().len()), (1, 1));
    assert_eq!(permit.entries()[0].id, entries[0].id);
    let refused =
        okayama.authorize(&physician(), Operation::DocumentRetrieve, &[], entries[1..].to_vec(), &targets);
    assert_eq!(refused.map(|permit| (permit.targets().len(), permit.entries().len())), Ok((0, 0)));
}

#[tokio::test]
async fn a_running_document_stops_when_its_consent_is_withdrawn_and_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = crate::store::Store::open_file(&folder.path().join("k.db")).await.unwrap();
    let consents = Arc::new(Consents::load(&store).await.unwrap());
    let policies = Policies::of(community(OKAYAMA), &demo_files()).unwrap();
    let emergencies = Arc::new(EmergencyIds::empty(authority()));
    let okayama = Authorizer::new(
        community(OKAYAMA),
        authority(),
        Arc::new(policies),
        Arc::clone(&consents),
        emergencies,
    );
    let header = crate::policy::CONSENT_COLUMNS.join(",");
    let line = |person: &str, number: &str| {
        format!("{person},3310000001,{number},2.999.34,*,*,TREATMENT,granted,2026-04-01,,HR-1,,clerk\n")
    };
    let text = format!("{header}\n{}{}", line("N1", "100"), line("N2", "200"));
    let change = consents.import(&store, "c.csv", text.as_bytes(), noon()).await.unwrap();
    store.mark_consent_change_noted(change.version).await.unwrap();
    consents.now_on_record(&store).await.unwrap();

    let entries = vec![entry(FIRST, "100", "OML-11"), entry(FIRST, "200", "OML-11")];
    let (one, other) = (entries[0].id.clone(), entries[1].id.clone());
    let targets = [&source(FIRST)];
    let permit =
        okayama.authorize(&physician(), Operation::DocumentRetrieve, &[], entries, &targets).unwrap();
    assert!(okayama.still_allows(&physician(), &permit, &one));
    let withdrawal = crate::policy::Withdrawal {
        network_id: Phi::new("N1".to_owned()),
        facility: None,
        community: None,
        form: "HR-W".to_owned(),
        evidence: String::new(),
        entered_by: "clerk".to_owned(),
    };
    let before = okayama.consent_version();
    consents.withdraw(&store, &withdrawal, noon()).await.unwrap();
    assert!(okayama.consent_version() > before);
    assert!(!okayama.still_allows(&physician(), &permit, &one));
    assert!(okayama.still_allows(&physician(), &permit, &other));
    assert!(okayama.hides(&physician(), FIRST, &hospital_id(FIRST, "100")));
}

#[tokio::test]
async fn an_emergency_id_tells_of_its_record_to_a_physician_in_an_emergency_only() {
    let folder = tempfile::tempdir().unwrap();
    let store = crate::store::Store::open_file(&folder.path().join("k.db")).await.unwrap();
    let okayama = okayama(vec![]);
    let number = HospitalNumber { facility: FIRST.to_owned(), number: Phi::new("777".to_owned()) };
    let id = okayama.emergencies().issue(&store, &community(HIROSHIMA), &number, noon()).await.unwrap();
    let asks =
        |from, role, purpose| tells(&okayama, &context(Side::Peer, from, role, purpose), found(id.clone()));
    assert!(asks(HIROSHIMA, "physician", Purpose::Emergency));
    assert!(!asks(HIROSHIMA, "physician", Purpose::Treatment));
    assert!(!asks(HIROSHIMA, "nurse", Purpose::Emergency));
    assert!(!asks("2.999.31", "physician", Purpose::Emergency));
    let (emergency, targets) =
        (context(Side::Peer, HIROSHIMA, "physician", Purpose::Emergency), [source(FIRST), source(SECOND)]);
    let targets: Vec<_> = targets.iter().collect();
    let permit = okayama.authorize(&emergency, Operation::DocumentQuery, &[id], vec![], &targets).unwrap();
    assert_eq!(permit.targets(), [source(FIRST).name]);
    assert_eq!(permit.decision().obligations, ["emergency"]);
}

#[test]
fn a_policy_that_errs_denies_what_others_permit_and_is_counted() {
    let mut files = demo_files();
    let erring = "@id(\"erring\")\n@reason(\"overflows / 桁あふれ\")\nforbid (principal, action == Action::\"show\", resource)\n\
                  when { resource.kind == \"OML-11\" && 9223372036854775807 + 1 > 0 };\n";
    files.push(("z.cedar".to_owned(), erring.to_owned()));
    let okayama = with_policies(&files, vec![row()]);
    let kinds = shown(&okayama, &physician(), all_kinds());
    assert_eq!(kinds.len(), KINDS.len() - 1);
    assert!(!kinds.contains(&"OML-11".to_owned()));
    assert!(okayama.policies().erring() > 0);
}

#[test]
fn a_reload_swaps_the_whole_set_or_leaves_the_one_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    for (name, text) in demo_files() {
        write(&name, &text);
    }
    let policies = Policies::load(community(OKAYAMA), folder.path()).unwrap();
    let (before, count) = (policies.hash(), policies.count());
    write("z.cedar", "permit (principal");
    assert!(policies.reload(folder.path()).is_err());
    assert_eq!((policies.hash(), policies.count()), (before.clone(), count));
    write(
        "z.cedar",
        "@id(\"z\")\n@reason(\"z / ゼ\")\nforbid (principal, action == Action::\"ask\", resource);",
    );
    policies.reload(folder.path()).unwrap();
    assert_ne!(policies.hash(), before);
    assert_eq!(policies.count(), count + 1);
}

/// Policies of a few agreements more, scoped in every way the index has to tell apart.
fn many() -> Vec<(String, String)> {
    let mut files = demo_files();
    let mut text = String::new();
    for prefecture in 20..30 {
        let scope = [
            "principal in Community::\"2.999.NN\"",
            "principal is Requester in Community::\"2.999.NN\"",
            "principal is Requester",
            "principal in Organization::\"2.999.NN\"",
            "principal",
        ];
        let scope = scope[prefecture % 5].replace("NN", &prefecture.to_string());
        let action = ["action == Action::\"show\"", "action in [Action::\"show\"]"][prefecture % 2];
        let effect = ["permit", "permit", "forbid"][prefecture % 3];
        text.push_str(&format!(
            "@id(\"p{prefecture}\")\n@reason(\"r / r\")\n{effect} ({scope}, {action}, resource)\n\
             when {{ resource.department == \"{prefecture}\" || resource.kind == \"OMG-{prefecture}\" }};\n"
        ));
    }
    files.push(("many.cedar".to_owned(), text));
    files
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn a_decision_by_the_index_is_the_decision_by_the_whole_set(
        from in prop::sample::select(vec!["2.999.20", "2.999.21", "2.999.25", HIROSHIMA, OKAYAMA, "2.999.99"]),
        home in any::<bool>(),
        role in prop::sample::select(vec!["physician", "nurse", "pharmacist"]),
        emergency in any::<bool>(),
        action in prop::sample::select(Action::ALL.to_vec()),
        consent in prop::sample::select(vec![ConsentWord::Granted, ConsentWord::Missing, ConsentWord::Blocked]),
        facility in prop::sample::select(vec![FIRST, SECOND, "3410000001"]),
        department in prop::sample::select(vec!["-", "01", "02", "20", "21", "23"]),
        kind in prop::sample::select(vec!["OML-11", "ADT-61", "11504-8", "OMG-22", "OMG-24"]),
        original in any::<bool>(),
    ) {
        static POLICIES: std::sync::LazyLock<Policies> =
            std::sync::LazyLock::new(|| Policies::of(community(OKAYAMA), &many()).unwrap());
        let policies = POLICIES.version();
        let purpose = if emergency { Purpose::Emergency } else { Purpose::Treatment };
        let mut context = context(if home { Side::Home } else { Side::Peer }, from, role, purpose);
        context.requester.vouched.as_mut().unwrap().roles.push(Role("other".to_owned()));
        let mut entry = entry(facility, "1", kind);
        let origin = entry.origin.as_mut().unwrap();
        (origin.department, origin.original) = (department.to_owned(), original);
        let question = match action {
            Action::Ask => Question {
                action, resource: Resource::Community(community(OKAYAMA)), consent,
                operation: Some(Operation::DocumentQuery),
            },
            Action::Find => Question {
                action, resource: Resource::Facility(facility.to_owned()), consent, operation: None,
            },
            Action::Show => Question {
                action, resource: Resource::Entry(EntryClass::of(&entry, &community(OKAYAMA))), consent,
                operation: None,
            },
        };
        let principal = Principal::new(&context);
        prop_assert_eq!(policies.decide(&principal, &question), policies.decide_by_all(&principal, &question));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn whoever_can_be_shown_an_entry_is_also_told_of_the_match(
        kind in prop::sample::select(vec!["OML-11", "11504-8", "OMG-13", "OMG-23", "OMG-24", "99-1"]),
        department in prop::sample::select(vec!["-", "01", "02A", "20", "24", "55"]),
        consented in prop::sample::select(vec!["*", "OML-11", "OMG-13", "99-1 11504-8", "OMG-24"]),
        state in prop::sample::select(vec![ConsentState::Granted, ConsentState::Limited, ConsentState::Refused]),
        purpose in prop::sample::select(vec![Purpose::Treatment, Purpose::Emergency]),
    ) {
        static POLICIES: std::sync::LazyLock<Arc<Policies>> = std::sync::LazyLock::new(|| {
            let mut files = many();
            let pattern = "@id(\"pattern\")\n@reason(\"r\")\npermit (principal, action == Action::\"show\", resource)\n\
                           when { resource.kind like \"OMG-1*\" && resource.department like \"5*\" };\n\
                           @id(\"odd\")\n@reason(\"r\")\npermit (principal, action == Action::\"show\", resource)\n\
                           unless { [\"OML-11\", \"OMG-13\", \"OMG-23\"].contains(resource.kind) || resource.department == \"01\" };\n";
            files.push(("odd.cedar".to_owned(), pattern.to_owned()));
            Arc::new(Policies::of(community(OKAYAMA), &files).unwrap())
        });
        let row = ConsentRow { kinds: crate::store::Terms::parse(consented), ..of(state) };
        let okayama = authorizer(Arc::clone(&POLICIES), vec![row]);
        let context = context(Side::Peer, HIROSHIMA, "physician", purpose);
        let mut entry = entry(FIRST, "100", kind);
        entry.origin.as_mut().unwrap().department = department.to_owned();
        let is_shown = !shown(&okayama, &context, vec![entry]).is_empty();
        let is_told = tells(&okayama, &context, found(network_id("N1")));
        prop_assert!(is_told || !is_shown);
        prop_assert!(!is_told || state != ConsentState::Refused);
        let standing = okayama.standing_of(&context, FIRST, &hospital_id(FIRST, "100"));
        let is_known = matches!(standing, Standing::Consented { .. })
            || okayama.emergency_allows(&context, FIRST, &hospital_id(FIRST, "100"));
        prop_assert_eq!(is_told, is_known);
    }
}

#[test]
fn a_thousand_entries_of_few_classes_cost_few_decisions() {
    let okayama = with_policies(&many(), vec![row()]);
    let entries: Vec<_> = (0..1000).map(|n| entry(FIRST, "100", KINDS[n % KINDS.len()])).collect();
    assert_eq!(shown(&okayama, &physician(), entries).len(), 1000);
    assert_eq!(okayama.policies().decisions(), KINDS.len() as u64);
}

#[test]
fn the_schema_fits_every_question_that_is_put_to_the_policies() {
    let names = crate::policy::entities::Names::new(community(OKAYAMA)).unwrap();
    let schema = crate::policy::policy_set::schema().unwrap();
    let principal = Principal::new(&physician());
    let (own, foreign) = (entry(FIRST, "100", "OML-11"), foreign_entry(HIROSHIMA, "サマリー"));
    let class = |entry: &DocumentEntry| Resource::Entry(EntryClass::of(entry, &community(OKAYAMA)));
    for (action, resource, operation) in [
        (Action::Ask, Resource::Community(community(HIROSHIMA)), Some(Operation::DocumentQuery)),
        (Action::Find, Resource::Community(community(HIROSHIMA)), None),
        (Action::Find, Resource::Facility(FIRST.to_owned()), None),
        (Action::Show, class(&own), None),
        (Action::Show, class(&foreign), None),
    ] {
        let question = Question { action, resource, consent: ConsentWord::Granted, operation };
        let (request, entities) = names.question(&principal, &question).unwrap();
        let entities: Vec<_> = entities.iter().cloned().collect();
        cedar_policy::Entities::from_entities(entities, Some(&schema)).unwrap();
        let [p, a, r] =
            [request.principal(), request.action(), request.resource()].map(|u| u.unwrap().clone());
        let context = request.context().unwrap().clone();
        cedar_policy::Request::new(p, a, r, context, Some(&schema)).unwrap();
    }
}
