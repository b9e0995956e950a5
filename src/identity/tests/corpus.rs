//! Assertions seen in the field are read (none of their signatures still holds, wire.md 23): the
//! corpus lies beside the repository and may be absent.

use crate::identity::saml::Assertion;
use crate::model::Oid;
use crate::xml::Tree;

fn find(tree: &Tree) -> Option<&Tree> {
    if tree.is("urn:oasis:names:tc:SAML:2.0:assertion", "Assertion") {
        return Some(tree);
    }
    tree.elements().find_map(find)
}

fn read(name: &str) -> Option<Result<Assertion, String>> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/soap").join(name);
    let text = std::fs::read_to_string(path).ok()?;
    let tree = Tree::parse(&text).unwrap();
    Some(Assertion::read(find(&tree).unwrap()).map_err(|why| why.why))
}

#[test]
fn field_samples_give_their_roles_purposes_and_names() {
    for (name, subject, roles, purposes, homes) in [
        ("saml-assertion-01-ipf-xua.xml", "Dr. Klaus-Peter Kohlrabi", 3, 5, 0),
        ("saml-assertion-02-ipf-ch.xml", "Rosa Sestak", 1, 1, 1),
        ("saml-assertion-07-nhn-1.xml", "KVART GREVLING", 1, 1, 1),
        ("saml-sts-09-epd-hcp.xml", "Martina Musterarzt", 1, 1, 1),
    ] {
        let Some(found) = read(name) else { return };
        let found = found.unwrap_or_else(|why| panic!("{name}: {why}"));
        let attributes = &found.attributes;
        assert_eq!(attributes.subject.as_deref(), Some(subject), "{name}");
        assert_eq!(attributes.roles.len(), roles, "{name}: {:?}", attributes.roles);
        assert_eq!(attributes.purposes.len(), purposes, "{name}: {:?}", attributes.purposes);
        assert_eq!(attributes.homes.len(), homes, "{name}");
        assert!(attributes.homes.iter().all(|home| Oid::parse(home).is_some()), "{name}");
        assert!(attributes.patient.is_some(), "{name}");
    }
}

#[test]
fn every_field_sample_is_read_or_refused_for_what_it_lacks() {
    for (name, lacks) in [
        ("saml-assertion-03-connect-complete.xml", "Conditions"),
        ("saml-assertion-04-connect-missing.xml", "Conditions"),
        ("saml-header-05-connect-order.xml", "Conditions"),
        ("saml-assertion-08-nhn-2.xml", ""),
        ("saml-sts-11-epd-patient.xml", ""),
        ("iti38-req-04-nhn-saml-kj.xml", ""),
        ("iti39-req-04-nhn-saml-async.xml", ""),
    ] {
        let Some(found) = read(name) else { return };
        match found {
            Ok(found) => assert!(lacks.is_empty() && !found.id.is_empty(), "{name}"),
            Err(why) => assert!(!lacks.is_empty() && why.contains(lacks), "{name}: {why}"),
        }
    }
}
