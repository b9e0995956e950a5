//! What is wrong is told with line and hint, all of it, and nothing is half loaded.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use proptest::prelude::*;

use super::fixture::{BROKER, Fixture, PEER};
use super::section::Reading;
use super::*;
use crate::model::{Operation, Side, Timestamp};

/// The one error of a peer file: line, message, hint.
fn fault(text: &str) -> (usize, String, String) {
    let fixture = Fixture::new();
    fixture.write("peers/hm.toml", text);
    let errors = fixture.load().unwrap_err().0;
    assert_eq!(errors.len(), 1, "{errors:?}");
    let error = errors[0].clone();
    assert!(error.file.ends_with("peers/hm.toml"));
    (error.line, error.message, error.hint.unwrap_or_default())
}

#[test]
fn a_complete_set_loads_and_names_are_files() {
    let fixture = Fixture::new();
    fixture.write("peers/hm.toml", PEER);
    let settings = fixture.load().unwrap();
    assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
    let target = &settings.targets[0];
    assert_eq!(&*target.name.0, "hm");
    assert_eq!((target.side, target.offers.len()), (Side::Peer, 4));
    let tls = target.tls.as_ref().unwrap();
    assert_eq!(tls.ca[0].crl, fixture.path("certs/peer-ca.crl.pem"));
    assert_eq!(tls.client.as_ref().unwrap().key, fixture.path("certs/client.key.pem"));
    assert_eq!(target.wire.authorities, target.authorities);
    assert_eq!(settings.broker.limits.body_bytes_max, 1_048_576);
    assert_eq!(settings.broker.store_url, format!("sqlite:{}", fixture.path("var/kakehashi.db").display()));
}

#[test]
fn a_typo_is_told_with_its_line_and_the_nearest_name() {
    let wrong = |from: &str, to: &str| fault(&PEER.replace(from, to));
    let (line, message, hint) = wrong("kind = \"xca\"", "kind = \"xac\"");
    assert_eq!((line, message.as_str(), hint.as_str()), (2, "unknown kind \"xac\"", "`xca`?"));
    let (line, message, hint) = wrong("side = \"peer\"", "side = \"peer\"\ntimeout_sm = 3");
    assert_eq!((line, message.as_str(), hint.as_str()), (4, "unknown key `timeout_sm`", "`timeout_ms`?"));
    let (line, message, hint) = wrong("client = \"client\"", "client = \"client\", allow_tls_12 = true");
    assert_eq!(
        (line, message.as_str(), hint.as_str()),
        (6, "unknown key `tls.allow_tls_12`", "`allow_tls12`?")
    );
    let (line, message, hint) = wrong("[xca]", "offers = [\"document_qery\"]\n[xca]");
    assert_eq!(line, 9);
    assert_eq!(
        (message.as_str(), hint.as_str()),
        ("unknown operation \"document_qery\"", "`document_query`?")
    );
    let (line, message, hint) = wrong("[xca]", "wire = { fill_missing_hom = true }\n[xca]");
    assert_eq!(line, 9);
    assert_eq!(
        (message.as_str(), hint.as_str()),
        ("unknown key `wire.fill_missing_hom`", "`fill_missing_home`?")
    );
}

#[test]
fn a_value_of_the_wrong_type_or_size_is_told_with_what_is_right() {
    let wrong = |from: &str, to: &str| fault(&PEER.replace(from, to));
    let (line, message, hint) = wrong("side =", "timeout_ms = 5\nside =");
    assert_eq!(line, 3);
    assert_eq!(message, "`timeout_ms` is out of bounds");
    assert_eq!(hint, "between 100 and 120000 milliseconds");
    let (_, message, _) = wrong("side =", "timeout_ms = \"5 s\"\nside =");
    assert_eq!(message, "`timeout_ms` should be a whole number, not string");
    let (_, message, _) = wrong("urn:oid:2.999.34\"\nauth", "2.999.\"\nauth");
    assert!(message.contains("is not an OID"), "{message}");
    let (line, message, _) = wrong("https://localhost:1/query", "http://localhost:1/query");
    assert_eq!(line, 11);
    assert!(message.contains("is not an https URL"));
}

#[test]
fn what_the_keys_must_say_about_each_other_is_checked() {
    let wrong = |from: &str, to: &str| fault(&PEER.replace(from, to)).1;
    assert!(wrong("side = \"peer\"", "side = \"home\"").contains("cannot be on this side"));
    assert!(wrong("2.999.34\"\nauth", "2.999.33\"\nauth").contains("community that is not ours"));
    assert!(wrong("signer = \"saml\"", "signer = \"saml\", resend_s = 60").contains("taken once"));
    assert!(wrong("san_uri = \"urn:oid:2.999.34\", ", "").contains("nothing tells"));
    assert!(wrong("document_query =", "#").contains("`xca.document_query` is missing"));
    assert!(wrong("client = \"client\"", "client = \"client\", revocation = \"none\"").contains("end date"));
    assert!(wrong("[xca]", "[ssmix2]\nx = 1\n[xca]").contains("another kind"));
    assert!(wrong("urn:oid:2.999.34.1", "urn:oid:2.999.33.1").contains("our own network's"));
}

#[test]
fn all_faults_of_all_files_are_told_at_once_and_nothing_is_loaded() {
    let fixture = Fixture::new();
    fixture.write("kakehashi.toml", &BROKER.replace("timeout_ms = 8_000", "timeout_ms = 1\nlogg = \"info\""));
    fixture.write("peers/a.toml", &PEER.replace("xca\"", "xcb\""));
    fixture.write("peers/b.toml", "kind = \"portal\"\n[[[");
    fixture.write("peers/good.toml", PEER);
    let errors = fixture.load().unwrap_err().0;
    let files: BTreeSet<_> = errors.iter().filter_map(|e| e.file.file_name()?.to_str()).collect();
    assert_eq!(files.into_iter().collect::<Vec<_>>(), ["a.toml", "b.toml", "kakehashi.toml"]);
    assert!(errors.iter().filter(|e| e.file.ends_with("kakehashi.toml")).count() == 2, "{errors:?}");
    assert!(errors.iter().all(|e| e.line > 0));
}

#[test]
fn a_brokers_file_that_cannot_be_used_hides_no_fault_of_a_peers_file() {
    let fixture = Fixture::new();
    fixture.write("kakehashi.toml", &BROKER.replace("community =", "comunity ="));
    fixture.write("peers/a.toml", &PEER.replace("side =", "sied ="));
    fixture.write("peers/b.toml", &other());
    let told: Vec<_> = fixture.load().unwrap_err().0.into_iter().map(|e| e.message).collect();
    let unknown = ["missing key `community`", "unknown key `comunity`", "unknown key `sied`"];
    assert_eq!(told, unknown);
}

/// A second peer's file without any claim of the first.
fn other() -> String {
    PEER.replace("2.999.34", "2.999.31")
}

#[test]
fn two_files_must_not_claim_the_same() {
    let fixture = Fixture::new();
    fixture.write("peers/a.toml", PEER);
    fixture.write("peers/b.toml", PEER);
    let errors = fixture.load().unwrap_err().0;
    let told: Vec<_> = errors.iter().map(|e| (e.key.as_str(), e.line)).collect();
    assert_eq!(told, [("community", 4), ("authorities", 5), ("tls.san_uri", 6)]);
    assert!(errors[0].message.contains("`a`"));
}

#[test]
fn an_authority_without_list_is_an_error_unless_there_is_a_reason_and_an_end() {
    let fixture = Fixture::new();
    fixture.ca("hm-ca");
    std::fs::remove_file(fixture.path("certs/hm-ca.crl.pem")).unwrap();
    let with = |tls: &str| fixture.write("peers/hm.toml", &PEER.replace("client = \"client\"", tls));
    with("client = \"client\", ca = \"hm-ca\"");
    let error = fixture.load().unwrap_err().0.remove(0);
    assert_eq!(error.key, "tls.ca");
    assert!(error.message.contains("no revocation list"));
    let none = "client = \"client\", ca = \"hm-ca\", revocation = \"none\", revocation_reason = \"pilot\"";
    with(&format!("{none}, revocation_until = 2099-03-31"));
    let settings = fixture.load().unwrap();
    let exemption = settings.targets[0].tls.as_ref().unwrap().ca[0].exemption.clone().unwrap();
    assert_eq!(Some(exemption.until), Timestamp::from_xs_date_time("2099-04-01T00:00:00+09:00"));
    with(&format!("{none}, revocation_until = 2020-03-31"));
    assert!(fixture.load().unwrap_err().0[0].message.contains("is over"));
}

#[test]
fn keys_that_do_not_fit_and_files_that_are_not_there_are_errors_and_old_certificates_a_warning() {
    let fixture = Fixture::new();
    fixture.write("peers/hm.toml", PEER);
    let ca = fixture.ca("other-ca");
    fixture.certificate(&ca, "expired", &[], &["localhost"]);
    std::fs::copy(fixture.path("certs/expired.key.pem"), fixture.path("certs/client.key.pem")).unwrap();
    let error = fixture.load().unwrap_err().0.remove(0);
    assert_eq!(error.key, "tls.client");
    assert!(error.message.contains("is not the key of"), "{}", error.message);
    fixture.write("peers/hm.toml", &PEER.replace("signer = \"saml\"", "signer = \"gone\""));
    assert!(fixture.load().unwrap_err().0.iter().any(|e| e.message.contains("gone.pem cannot be read")));
    fixture.write("peers/hm.toml", &PEER.replace("client = \"client\"", "client = \"expired\""));
    let warnings = fixture.load().unwrap().warnings;
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].message.contains("ran out"), "{}", warnings[0].message);
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Kind {
    roots: Vec<String>,
    #[serde(default)]
    facility: u32,
}

#[test]
fn the_table_of_a_kind_keeps_its_lines_until_the_kind_reads_it() {
    let fixture = Fixture::new();
    let read = |text: &str| {
        fixture.write("peers/hospital.toml", text);
        fixture.load().unwrap().targets[0].settings.read::<Kind>()
    };
    let good = read("kind = \"ssmix2\"\n[ssmix2]\nroots = [\"/srv\"]\nfacility = 3\n").unwrap();
    assert_eq!((good.roots, good.facility), (vec!["/srv".to_owned()], 3));
    let errors = read("kind = \"ssmix2\"\n[ssmix2]\nrots = [\"/srv\"]\nfacility = \"x\"\n").unwrap_err().0;
    let told: Vec<_> = errors.iter().map(|e| (e.line, e.key.as_str())).collect();
    assert!(told.contains(&(3, "ssmix2.rots")) && told.contains(&(4, "ssmix2.facility")), "{errors:?}");
    assert!(errors.iter().any(|e| e.hint.as_deref() == Some("`roots`?")));
}

#[test]
fn checks_of_other_rooms_refuse_what_they_do_not_like() {
    let fixture = Fixture::new();
    fixture.write("peers/hm.toml", PEER);
    let check: Check<'_> = &|settings| vec![settings.targets[0].error("xca.document_query", "no")];
    let file = fixture.path("kakehashi.toml");
    let errors = load_with(&file, None, &[check], Timestamp::now()).unwrap_err().0;
    assert_eq!((errors[0].line, errors[0].column), (11, 18));
}

#[test]
fn a_candidate_is_checked_together_with_the_rest_before_it_is_dropped_in() {
    let fixture = Fixture::new();
    fixture.write("peers/hm.toml", PEER);
    fixture.write("new.toml", PEER);
    let file = fixture.path("kakehashi.toml");
    let with = |path: &Path| load_with(&file, Some(path), &[], Timestamp::now());
    assert!(with(&fixture.path("new.toml")).unwrap_err().0.iter().any(|e| e.message.contains("`hm`")));
    std::fs::create_dir(fixture.path("draft")).unwrap();
    fixture.write("draft/hm.toml", &PEER.replace("side =", "offers = [\"document_query\"]\nside ="));
    let settings = with(&fixture.path("draft/hm.toml")).unwrap();
    assert_eq!(settings.targets[0].offers.iter().collect::<Vec<_>>(), [&Operation::DocumentQuery]);
}

const EXAMPLES: [&str; 5] = [
    "kakehashi",
    "peers/hiroshima-hmnet",
    "peers/okayama-univ",
    "peers/okayama-site",
    "peers/okayama-portal",
];

/// The example files with a key or certificate for every name in them.
fn examples() -> Fixture {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fixture = Fixture::new();
    let ca = fixture.ca("hiroshima-ca");
    let names = ["okayama-portal-server", "okayama-peer-server", "okayama-saml", "okayama-gateway"];
    for name in names.into_iter().chain(["hiroshima-idp", "portal-idp"]) {
        fixture.certificate(&ca, name, &[], &["localhost"]);
    }
    for name in EXAMPLES {
        let text = std::fs::read_to_string(root.join(format!("{name}.toml.example"))).unwrap();
        fixture.write(&format!("{name}.toml"), &text);
    }
    fixture
}

#[test]
fn the_example_files_load_as_they_are() {
    let settings = examples().load().unwrap();
    assert_eq!(settings.targets.len(), EXAMPLES.len() - 1);
    assert_eq!(settings.broker.limits, Limits::default());
    assert!(settings.warnings.is_empty());
}

#[test]
fn every_key_stands_in_the_documentation_and_so_does_every_example() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("docs/configuration.md")).unwrap();
    let (_, errors, asked) = super::load::read(&examples().path("kakehashi.toml"), None, Timestamp::now());
    assert!(errors.is_empty() && asked.len() > 100);
    let missing: Vec<_> = asked.iter().filter(|key| !text.contains(&format!("| `{key}` |"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
    for name in EXAMPLES {
        let example = std::fs::read_to_string(root.join(format!("{name}.toml.example"))).unwrap();
        assert!(text.contains(&example), "docs/configuration.md does not hold {name}.toml.example");
    }
}

#[test]
fn every_wire_switch_of_the_model_stands_in_the_example() {
    let error = toml::from_str::<crate::model::PeerProfile>("nonsense = 1").unwrap_err();
    let example = examples();
    let text = std::fs::read_to_string(example.path("peers/hiroshima-hmnet.toml")).unwrap();
    let known: Vec<_> = error.message().split('`').skip(3).step_by(2).collect();
    assert!(known.len() > 5);
    for key in known {
        assert!(text.contains(&format!("\n{key} ")), "{key}");
    }
}

#[test]
fn settings_that_are_doubtful_are_warnings_and_sockets_used_twice_are_errors() {
    let fixture = Fixture::new();
    fixture.write("peers/hm.toml", &PEER.replace("side =", "timeout_ms = 9_000\nside ="));
    fixture.write("kakehashi.toml", &format!("{BROKER}\n[admin]\nlisten = \"0.0.0.0:9600\""));
    std::fs::set_permissions(fixture.path("certs/saml.key.pem"), Permissions::from_mode(0o644)).unwrap();
    let warnings = fixture.load().unwrap().warnings;
    let keys: Vec<_> = warnings.iter().map(|w| w.key.as_str()).collect();
    assert_eq!(keys, ["saml.certificate", "admin.listen", "timeout_ms"]);
    fixture.write("kakehashi.toml", &BROKER.replace("127.0.0.1:0", "127.0.0.1:9443"));
    let errors = fixture.load().unwrap_err().0;
    assert!(errors.iter().any(|e| e.message == "127.0.0.1:9443 is used twice"), "{errors:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_text_whatever_makes_the_reader_panic(at in 0..2_000_usize, text in ".{0,12}", cut in 0..40_usize) {
        let fixture = tempfile::tempdir().unwrap();
        for whole in [BROKER, PEER] {
            let mut mutated: Vec<char> = whole.chars().collect();
            let at = at % mutated.len();
            let end = (at + cut).min(mutated.len());
            mutated.splice(at..end, text.chars());
            let reading = Reading::of(Path::new("x.toml"), mutated.into_iter().collect());
            let good = Reading::of(Path::new("k.toml"), BROKER.to_owned());
            let broker = BrokerConfig::read(&good, fixture.path()).unwrap();
            let _ = BrokerConfig::read(&reading, fixture.path());
            let target = TargetFile::read(&reading, Path::new("x.toml"), &broker);
            let _ = target.map(|target| target.settings.read::<Kind>());
            for error in reading.close().1 {
                prop_assert!(error.line > 0, "{error}");
            }
        }
    }
}

/// A source's file.
fn source(authority: &str, repository: &str, facility: &str) -> String {
    format!(
        "kind = \"ssmix2\"\nauthorities = [\"{authority}\"]\nrepositories = [\"{repository}\"]\n[ssmix2]\n\
         authority = \"{authority}\"\nrepository = \"{repository}\"\nfacility = \"{facility}\"\n"
    )
}

#[test]
fn two_files_that_claim_one_authority_repository_or_facility_are_told_with_line_and_hint() {
    let told = |files: &[(&str, String)]| {
        let fixture = Fixture::new();
        for (name, text) in files {
            fixture.write(&format!("peers/{name}.toml"), text);
        }
        let Err(errors) = fixture.load() else { return Vec::new() };
        assert!(errors.0.iter().all(|error| error.hint.is_some()), "{errors:?}");
        let place = |error: &ConfigError| (error.line, error.key.clone(), error.message.clone());
        errors.0.iter().map(place).collect::<Vec<_>>()
    };
    let one = ("a", source("2.999.33.20", "2.999.33.20.9", "3310000001"));
    assert_eq!(told(&[one.clone(), ("b", source("2.999.33.21", "2.999.33.21.9", "3310000002"))]), []);
    let b = |text: String| told(&[one.clone(), ("b", text)]);
    let facility = b(source("2.999.33.21", "2.999.33.21.9", "3310000001"));
    let message = "facility 3310000001 is also claimed by `a`".to_owned();
    assert_eq!(facility, [(7, "ssmix2.facility".to_owned(), message)]);
    let hidden = source("2.999.33.21", "2.999.33.21.9", "3310000002");
    let line = |key: &str, from: &str, to: &str| {
        let found = b(hidden.replace(from, to));
        assert!(found.iter().any(|(_, at, _)| at == key), "{key}: {found:?}");
    };
    // Only in [ssmix2], beside other values above it.
    line("ssmix2.authority", "\nauthority = \"2.999.33.21\"", "\nauthority = \"urn:oid:2.999.33.20\"");
    line("ssmix2.repository", "\nrepository = \"2.999.33.21.9\"", "\nrepository = \"2.999.33.20.9\"");
    // Ours, and a peer's.
    line("ssmix2.authority", "\nauthority = \"2.999.33.21\"", "\nauthority = \"2.999.33.1\"");
    let peer = PEER.replace("2.999.34.1\"", "2.999.33.20\"");
    assert_eq!(
        told(&[one, ("hm", peer)]).first().map(|error| error.1.clone()),
        Some("authorities".to_owned())
    );
}

/// The one fault of a broker's file with these lines in its `[audit]` table.
fn audit_fault(lines: &str) -> (usize, String, String) {
    let fixture = Fixture::new();
    fixture.write("kakehashi.toml", &format!("{BROKER}\n[audit]\n{lines}"));
    let errors = fixture.load().unwrap_err().0;
    assert_eq!(errors.len(), 1, "{errors:?}");
    (errors[0].line, errors[0].message.clone(), errors[0].hint.clone().unwrap_or_default())
}

#[test]
fn an_audit_repository_is_read_whole_or_told_what_it_lacks() {
    let fixture = Fixture::new();
    let tls = "tls = { ca = \"peer-ca\", client = \"client\" }";
    let text = format!("{BROKER}\n[audit]\nforward = \"syslog+tls://[::1]\"\nresend_minutes = 3\n{tls}");
    fixture.write("kakehashi.toml", &text);
    let forward = fixture.load().unwrap().broker.forward.unwrap();
    assert_eq!((forward.host.as_str(), forward.port), ("::1", 6514));
    assert_eq!((forward.resend.as_secs(), forward.msgid.as_str()), (180, "IHE+RFC-3881"));
    assert_eq!(forward.tls.ca[0].crl, fixture.path("certs/peer-ca.crl.pem"));
    let first = BROKER.lines().count() + 3;
    for url in ["syslog://a:1", "syslog+tls://", "syslog+tls://a/b", "a:1"] {
        let (line, message, hint) = audit_fault(&format!("forward = \"{url}\"\n{tls}"));
        assert_eq!(line, first, "{message}");
        assert!(message.contains("no address of an audit repository") && hint.contains("syslog+tls://"));
    }
    let forward = "forward = \"syslog+tls://a:1\"";
    assert!(audit_fault(forward).1.contains("`audit.tls` is missing"));
    assert!(audit_fault(tls).1.contains("without `audit.forward`"));
    let (line, message, _) = audit_fault(&format!("{forward}\ntls = {{ ca = \"peer-ca\" }}"));
    assert_eq!((line, message.as_str()), (first + 1, "missing key `audit.tls.client`"));
    let (line, message, _) = audit_fault(&format!("{forward}\n{tls}\nmsgid = \"a b\""));
    assert_eq!(line, first + 2);
    assert!(message.contains("cannot stand in a syslog header"));
    assert!(audit_fault(&format!("{forward}\n{tls}\nresend_minutes = 0")).2.contains("between 1 and 1440"));
    assert!(audit_fault(&format!("{forward}\n{tls}\nsan_uri = \"x\"")).1.contains("unknown key"));
    let text = format!("{BROKER}\n[audit]\n{forward}\n{}", tls.replace("peer-ca", "no-ca"));
    fixture.write("kakehashi.toml", &text);
    let errors = fixture.load().unwrap_err().0;
    assert!(errors.iter().all(|error| error.key == "audit.tls.ca"), "{errors:?}");
}

#[test]
fn budgets_that_contradict_themselves_are_told_with_line_and_hint_and_a_peers_own_stand_above_the_brokers() {
    let wrong = |line: &str| fault(&PEER.replace("[xca]", &format!("budgets = {{ {line} }}\n[xca]")));
    let (line, message, hint) = wrong("person_misses = [5, 4, 9]");
    assert_eq!((line, message.as_str()), (9, "`budgets.person_misses` allows less in a longer time"));
    assert_eq!(hint, "an hour, a day, 30 days: person_misses = [12, 15, 18]");
    let (_, message, hint) = wrong("facility_patients = [1, 2]");
    assert_eq!(message, "`budgets.facility_patients` needs three numbers");
    assert!(hint.starts_with("an hour, a day, 30 days"), "{hint}");
    let (_, message, _) = wrong("peer_misses = [1, 2, \"x\"]");
    assert_eq!(message, "`budgets.peer_misses` holds something else");
    let (_, message, hint) = wrong("person_mises = [1, 2, 3]");
    assert_eq!((message.as_str(), hint.as_str()), ("unknown key `budgets.person_mises`", "`person_misses`?"));
    let fixture = Fixture::new();
    fixture.write("kakehashi.toml", &format!("{BROKER}\n[limits.budgets]\nperson_misses = [1, 2, 3]\n"));
    fixture.write("peers/hm.toml", &PEER.replace("[xca]", "budgets = { peer_misses = [7, 8, 9] }\n[xca]"));
    let budgets = fixture.load().unwrap().targets[0].budgets;
    assert_eq!((budgets.person.misses, budgets.peer.misses), ([1, 2, 3], [7, 8, 9]));
    // Our own staff are stopped by patients before misses, unless the broker's file says otherwise.
    let portal =
        PEER.replace("kind = \"xca\"", "kind = \"portal\"").replace("side = \"peer\"", "side = \"home\"");
    let portal = portal.split("[xca]").next().unwrap().replace("community = \"urn:oid:2.999.34\"\n", "");
    let portal = portal.replace("authorities = [\"urn:oid:2.999.34.1\"]\n", "");
    let patients = "budgets = { person_patients = [200, 600, 9_000] }\n";
    for (broker, misses) in
        [("", [200, 600, 9_000]), ("\n[limits.budgets]\nperson_misses = [1, 2, 3]\n", [1, 2, 3])]
    {
        fixture.write("kakehashi.toml", &format!("{BROKER}{broker}"));
        fixture.write("peers/hm.toml", &portal.replace("tls =", &format!("{patients}tls =")));
        assert_eq!(fixture.load().unwrap().targets[0].budgets.person.misses, misses);
    }
}

/// A registry of our own, or with other first lines of another network.
const SITE: &str = r#"
kind = "xds"
side = "home"
tls = { ca = "peer-ca", client = "client" }
[xds]
patient_demographics = "https://localhost:1/pdq"
registry = "https://localhost:1/registry"
repositories = [{ id = "2.999.33.24.9", url = "https://localhost:1/repository" }]
authority = "2.999.33.24"
facility = "3310000024"
"#;

#[test]
fn what_an_xds_file_lacks_or_has_too_much_is_told_with_line_and_hint() {
    let fixture = Fixture::new();
    fixture.write("peers/site.toml", SITE);
    let settings = fixture.load().unwrap();
    let site = &settings.targets[0];
    assert!(site.is_source() && site.saml.is_none() && site.xua.is_none());
    assert_eq!((site.offers.len(), site.authorities.len(), site.repositories.len()), (4, 1, 1));
    let half = SITE.replace("registry =", "# registry =").replace("repositories =", "# repositories =");
    fixture.write("peers/site.toml", &half);
    assert_eq!(fixture.load().unwrap().targets[0].offers.len(), 2, "what has no URL is not offered");

    let told = |text: String| {
        let (line, message, hint) = fault(&text);
        assert!(!hint.is_empty(), "{message}");
        (line, message)
    };
    let with = |line: &str| told(SITE.replace("facility = \"3310000024\"", line));
    assert_eq!(told(SITE.replace("side = \"home\"\n", "")).1, "missing key `side`");
    assert_eq!(with("").1, "missing key `xds.facility`");
    assert_eq!(with("facility = \"33\"").0, 10);
    let facility = "facility = \"3310000024\"\n";
    assert_eq!(with(&format!("{facility}searches = \"birth\"")).1, "a query without a name");
    assert!(with(&format!("{facility}searches = \"kanij birth\"")).1.contains("unknown word"));
    assert_eq!(with(&format!("{facility}kinds = [{{ kind = \"OML-11\" }}]")).0, 11);
    assert_eq!(with(&format!("{facility}registri = \"x\"")).1, "unknown key `xds.registri`");
    assert_eq!(told(SITE.replace("tls =", "saml = { issuer = \"x\" }\ntls =")).0, 4);
    assert_eq!(told(SITE.replace(", client = \"client\"", "")).1, "missing key `tls.client`");
    let offering = SITE.replace("tls =", "offers = [\"document_query\"]\ntls =");
    let message = told(offering.replace("registry =", "# registry =")).1;
    assert_eq!(message, "`offers` names document_query, but `xds.registry` is missing");
    let twice = SITE
        .replace("id = \"2.999.33.24.9\"", "id = \"2.999.7\", url = \"https://a/\" }, { id = \"2.999.7\"");
    assert!(told(twice).1.contains("has two URLs"));

    let peer = SITE
        .replace("home", "peer\"\ncommunity = \"2.999.34")
        .replace("client = \"client\"", "client = \"client\", san_uri = \"urn:oid:2.999.34\"")
        .replace("[xds]", "saml = { issuer = \"x\", signer = \"saml\" }\n[xds]")
        .replace(facility, "");
    fixture.write("peers/site.toml", &peer);
    assert!(!fixture.load().unwrap().targets[0].is_source());
    assert!(told(format!("{peer}{facility}")).1.contains("is for a source of ours"));
    let pix = format!("{peer}patient_ids = \"https://localhost:1/pix\"\n");
    assert!(told(pix.clone()).1.contains("would be told our network id"));
    let pix = pix.replace("community =", "send_network_id = true\ncommunity =");
    fixture.write("peers/site.toml", &pix);
    assert!(fixture.load().is_ok());
    assert!(told(pix.replace("patient_demographics", "# patient_demographics")).1.contains("beside it"));
}
