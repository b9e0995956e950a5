//! What is decided where nobody was vouched for: home alone, ids and persons alone, and only where a policy
//! says so.

use super::*;
use crate::model::{FoundPatient, PatientMatch, Purpose};
use crate::policy::fixture::*;

const EVERYTHING: &str = "@id(\"all\") @reason(\"Everything.\") permit (principal, action, resource);";

fn nobody(side: Side) -> RequestContext {
    let mut context = context(side, OKAYAMA, "physician", Purpose::Treatment);
    context.requester.vouched = None;
    context
}

fn everything() -> Vec<(String, String)> {
    let schema = demo_files().into_iter().filter(|(name, _)| name == "schema.cedarschema");
    schema.chain([("all.cedar".to_owned(), EVERYTHING.to_owned())]).collect()
}

#[test]
fn without_a_person_no_policy_opens_more_than_ids_and_persons_and_no_peer_is_among_those_asked() {
    let targets = [source(FIRST), peer(HIROSHIMA)];
    let targets: Vec<_> = targets.iter().collect();
    let (everything, patients) = (with_policies(&everything(), vec![row()]), [network_id("N1")]);
    for operation in Operation::ALL {
        let at_home = everything.authorize(&nobody(Side::Home), operation, &patients, vec![], &targets);
        let is_open = matches!(operation, Operation::PatientDiscovery | Operation::PatientIdLookup);
        assert_eq!(at_home.is_ok(), is_open, "{operation:?}");
        assert_eq!(everything.may_ask(&nobody(Side::Home), operation).is_ok(), is_open);
        let names = at_home.map(|permit| permit.targets().to_vec()).unwrap_or_default();
        assert!(names.iter().all(|name| *name == source(FIRST).name), "{operation:?}: {names:?}");
        assert_eq!(names.len(), usize::from(is_open));
        let from_a_peer = everything.authorize(&nobody(Side::Peer), operation, &patients, vec![], &targets);
        assert_eq!(from_a_peer.map(|_| ()), Err(Refusal::Denied), "{operation:?}");
    }
    let (mut row, at_a_peer) = (row(), nobody(Side::Peer));
    row.community = community(OKAYAMA);
    let okayama = with_policies(&self::everything(), vec![row]);
    assert_eq!(
        okayama.standing_of(&at_a_peer, FIRST, &hospital_id(FIRST, "100")),
        crate::policy::Standing::None
    );
}

#[test]
fn a_remembered_id_is_told_where_a_consent_names_its_network_and_a_policy_lets_it_be_found() {
    let targets = [source(FIRST), peer(HIROSHIMA), peer("2.999.31")];
    let targets: Vec<_> = targets.iter().collect();
    let tells = |files: &[(String, String)], from: &str| {
        let authorizer = with_policies(files, vec![row()]);
        let context = nobody(Side::Home);
        let patients = [network_id("N1")];
        let permit =
            authorizer.authorize(&context, Operation::PatientIdLookup, &patients, vec![], &targets).ok()?;
        let id = PatientId::new(Authority(oid(&format!("{from}.1"))), "H-1");
        let found = FoundPatient {
            community: community(from),
            id,
            demographics: None,
            confidence: 100,
            also: Vec::new(),
        };
        let answer = Answer::found(vec![PatientMatch::Found(found)]);
        Some(!authorizer.filter(&context, &permit, answer).into_answer().found.is_empty())
    };
    let demo = demo_files();
    assert_eq!(tells(&demo, HIROSHIMA), Some(true));
    assert_eq!(tells(&demo, OKAYAMA), Some(true));
    assert_eq!(tells(&demo, "2.999.31"), Some(false), "no consent names it");
    let mut without = demo.clone();
    for (_, text) in &mut without {
        *text = text.replace(
            "resource in [Community::\"2.999.33\", Community::\"2.999.34\"]\n};\n",
            "resource in [Community::\"2.999.33\"]\n};\n",
        );
    }
    assert_eq!(tells(&without, HIROSHIMA), Some(false));
    assert_eq!(tells(&without, OKAYAMA), Some(true));
    for (_, text) in &mut without {
        *text = text.split("@id(\"home-okayama-unvouched-ask").next().unwrap_or_default().to_owned();
    }
    assert_eq!(tells(&without, OKAYAMA), None, "without its policy it may not even be asked");
}
