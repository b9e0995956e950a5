use super::*;
use crate::model::{Authority, CommunityId, Malformed, Oid, PatientId, Unauthenticated};

fn refusals() -> Vec<(Refusal, &'static str, &'static str)> {
    let patient = PatientId::new(Authority(Oid::parse("2.999").unwrap()), "secret");
    vec![
        (Refusal::AuditUnavailable, "fault Receiver", "fault Receiver"),
        (Refusal::Denied, "fault Sender wsse:FailedAuthentication", "fault Sender wsse:FailedAuthentication"),
        (Refusal::Internal("stack".to_owned()), "XDSRegistryError", "XDSRepositoryError"),
        (
            Malformed::new("XDSStoredQueryMissingParam", "1:1", "x").into(),
            "XDSStoredQueryMissingParam",
            "XDSStoredQueryMissingParam",
        ),
        (Malformed::new("malformed-xml", "1:1", "x").into(), "fault Sender", "fault Sender"),
        (Refusal::Throttled(5), "XDSRegistryBusy", "XDSRepositoryBusy"),
        (Refusal::TooManyResults, "XDSTooManyResults", "XDSRepositoryOutOfResources"),
        (
            Refusal::Unauthenticated(Unauthenticated {
                word: "FailedCheck",
                why: "digest".to_owned(),
                told: None,
            }),
            "fault Sender wsse:FailedCheck",
            "fault Sender wsse:FailedCheck",
        ),
        (
            Refusal::Unauthenticated(Unauthenticated {
                word: "MessageExpired",
                why: String::new(),
                told: None,
            }),
            "fault Sender wsu:MessageExpired",
            "fault Sender wsu:MessageExpired",
        ),
        (Refusal::UnknownCommunity, "XDSUnknownCommunity", "XDSUnknownCommunity"),
        (Refusal::UnknownPatient(patient), "nothing", "nothing"),
        (Refusal::Unsupported("GetAll".to_owned()), "XDSUnknownStoredQuery", "XDSRepositoryError"),
        (Refusal::Withheld, "nothing", "nothing"),
    ]
}

fn word(said: Said) -> String {
    match said {
        Said::Error { code, .. } => code.to_owned(),
        Said::Fault(fault) => format!("fault {} {}", fault.code, fault.subcodes.join(" ")).trim().to_owned(),
        Said::Nothing => "nothing".to_owned(),
    }
}

#[test]
fn every_refusal_is_said_as_the_table_says() {
    let profile = PeerProfile::default();
    for (refusal, registry, repository) in refusals() {
        assert_eq!(word(say(&refusal, Actor::Registry, &profile)), registry, "{refusal:?}");
        assert_eq!(word(say(&refusal, Actor::Repository, &profile)), repository, "{refusal:?}");
    }
}

#[test]
fn no_refusal_tells_a_patient_a_rule_or_an_inner_text() {
    for (refusal, ..) in refusals() {
        for actor in [Actor::Registry, Actor::Repository] {
            let said = format!("{:?}", say(&refusal, actor, &PeerProfile::default()));
            assert!(!["secret", "stack", "digest"].iter().any(|word| said.contains(word)), "{said}");
        }
    }
}

#[test]
fn an_unknown_patient_is_told_only_where_the_peers_file_says_so() {
    let profile =
        PeerProfile { patient_unknown_policy: PatientUnknownPolicy::Error, ..PeerProfile::default() };
    let patient = PatientId::new(Authority(Oid::parse("2.999").unwrap()), "1");
    let said = say(&Refusal::UnknownPatient(patient), Actor::Registry, &profile);
    assert_eq!(said, say(&Refusal::Withheld, Actor::Registry, &profile), "withheld reads the same");
    assert_eq!(word(said), "XDSUnknownPatientId");
}

#[test]
fn an_outage_is_named_by_oids() {
    let oid = |text| Oid::parse(text).unwrap();
    let outage = Outage {
        target: crate::model::TargetName("name".into()),
        community: CommunityId(oid("2.999.1")),
        repository: Some(crate::model::RepositoryId(oid("2.999.1.4"))),
        failure: Failure::Unreachable("host".to_owned()),
    };
    assert_eq!(outage_text(&outage), "repository 2.999.1.4 of urn:oid:2.999.1 did not answer");
}
