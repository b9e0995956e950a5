//! `xmlsec1` takes what we sign, and our gate takes what `xmlsec1` signs, SHA-1 only while allowed.

use std::path::Path;
use std::process::Command;

use uuid::Uuid;

use super::vectors::*;

const ID: [&str; 2] = ["--id-attr:ID", "urn:oasis:names:tc:SAML:2.0:assertion:Assertion"];

/// Whether `xmlsec1` is there. Without it the test fails, unless INTEROP_MISSING=allow.
fn is_installed() -> bool {
    let is_there = Command::new("xmlsec1").arg("--version").output().is_ok_and(|out| out.status.success());
    let may_miss = std::env::var("INTEROP_MISSING").is_ok_and(|value| value == "allow");
    assert!(is_there || may_miss, "install xmlsec1");
    if !is_there {
        println!("SKIPPED: xmlsec1 is not installed");
    }
    is_there
}

fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|c| std::str::from_utf8(c).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn written(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn takes(keys: &Keys, document: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let certificate = written(folder.path(), "c.pem", &pem("CERTIFICATE", &keys.certificate));
    let document = written(folder.path(), "d.xml", document);
    let mut command = Command::new("xmlsec1");
    command.arg("--verify").args(ID).args(["--pubkey-cert-pem", &certificate, &document]);
    command.output().unwrap().status.success()
}

fn signed_by_xmlsec(keys: &Keys, template: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let key = written(folder.path(), "k.pem", &keys.pem);
    let document = written(folder.path(), "d.xml", template);
    let out = folder.path().join("o.xml");
    let mut command = Command::new("xmlsec1");
    command.arg("--sign").args(ID).args(["--privkey-pem", &key, "--output"]).arg(&out).arg(&document);
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    std::fs::read_to_string(out).unwrap()
}

#[test]
fn xmlsec_takes_what_we_sign_within_a_whole_message() {
    if !is_installed() {
        return;
    }
    let requester = checked(&genuine(), &trust()).unwrap().vouched;
    for keys in [&*EC, &*RSA] {
        let issuing = issuing(keys);
        let identity = issuing.identity(&requester).unwrap();
        let security = issuing.security(&identity, None, Uuid::from_u128(7), NOW).unwrap();
        let message = format!(
            r#"<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header>{security}</s:Header><s:Body/></s:Envelope>"#
        );
        assert!(takes(keys, &message), "{}", keys.method);
        assert!(!takes(keys, &message.replace("dr-7", "dr-8")));
    }
}

#[test]
fn our_gate_takes_what_xmlsec_signs() {
    if !is_installed() {
        return;
    }
    for keys in [&*EC, &*RSA] {
        // The template is signed where it stands, so that the namespaces around it count.
        let message = signed_by_xmlsec(keys, &enveloped(&template(keys)));
        assert_eq!(checked(&message, &trust()).unwrap().vouched.person.id, "dr-7", "{}", keys.method);
        let list = r#"<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"><ec:InclusiveNamespaces xmlns:ec="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="s wsse"/></ds:Transform>"#;
        let text = template(keys)
            .replace(r#"<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>"#, list);
        checked(&signed_by_xmlsec(keys, &enveloped(&text)), &trust()).unwrap();
    }
}

#[test]
fn sha_1_is_taken_only_until_the_day_the_file_names() {
    if !is_installed() {
        return;
    }
    let (rsa, sha256) =
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmlenc#sha256");
    let both = template(&RSA)
        .replace(rsa, "http://www.w3.org/2000/09/xmldsig#rsa-sha1")
        .replace(sha256, "http://www.w3.org/2000/09/xmldsig#sha1");
    let mixed = template(&RSA).replace(rsa, "http://www.w3.org/2000/09/xmldsig#rsa-sha1");
    for text in [both, mixed] {
        let message = signed_by_xmlsec(&RSA, &enveloped(&text));
        assert_eq!(word(&message), "FailedCheck");
        let mut lax = trust();
        lax.sha1_until = Some(NOW);
        assert_eq!(checked(&message, &lax).unwrap_err().word, "FailedCheck");
        lax.sha1_until = Some(NOW.plus_seconds(1));
        let warnings = checked(&message, &lax).unwrap().warnings;
        assert_eq!(warnings.first().map(|w| w.code), Some("sha1"));
    }
}
