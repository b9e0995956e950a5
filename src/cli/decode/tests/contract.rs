//! Exit codes, walking, `--as`, standard input.

use std::io::Cursor;
use std::path::PathBuf;

use clap::Parser;

use super::super::{DecodeArgs, decode_all};
use super::*;
use crate::cli::exit;

#[derive(Parser)]
struct Shell {
    #[command(flatten)]
    args: DecodeArgs,
}

fn run(arguments: &[&str], stdin: &str) -> (u8, Vec<Value>) {
    let shell = Shell::try_parse_from(std::iter::once("decode").chain(arguments.iter().copied())).unwrap();
    let mut out = Vec::new();
    let code = decode_all(&shell.args, &mut Cursor::new(stdin.as_bytes()), &mut out).unwrap();
    let lines = String::from_utf8(out).unwrap();
    (code, lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn a_folder_is_every_file_below_it_sorted_by_path() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["b.xml", "a/z.xml", "a/b/c.xml", "a-b.xml"] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, RETRIEVE).unwrap();
    }
    let (code, lines) = run(&[folder.path().to_str().unwrap()], "");
    let files: Vec<PathBuf> = lines.iter().map(|line| line["file"].as_str().unwrap().into()).collect();
    let below: Vec<_> = files.iter().map(|file| file.strip_prefix(folder.path()).unwrap().to_str()).collect();
    assert_eq!(below, [Some("a-b.xml"), Some("a/b/c.xml"), Some("a/z.xml"), Some("b.xml")]);
    assert_eq!(code, exit::OK);
}

#[test]
fn the_exit_code_tells_refused_from_unreadable() {
    assert_eq!(run(&["-"], RETRIEVE).0, exit::OK);
    let (code, lines) = run(&["-"], "<a>");
    assert_eq!((code, lines[0]["file"].as_str()), (exit::DATA, Some("-")));
    let (code, lines) = run(&["/no/such/path", "-"], RETRIEVE);
    assert_eq!((code, lines.len()), (exit::NO_INPUT, 1));
}

#[test]
fn a_kind_nobody_prints_and_no_path_are_usage_errors() {
    for arguments in [&["decode"][..], &["decode", "--as", "ITI-99 request", "-"]] {
        assert!(Shell::try_parse_from(arguments).is_err(), "{arguments:?}");
    }
    for kind in ["ITI-38 request", "SS-MIX2 OMP-01", "SOAP fault", "DICOM audit message", "FHIR Patient"] {
        assert!(Shell::try_parse_from(["decode", "--as", kind, "-"]).is_ok(), "{kind}");
    }
}

#[test]
fn a_declared_kind_decides_where_neither_action_nor_root_does() {
    assert_eq!(decoded(RETRIEVE)["kind"], Value::Null);
    assert_eq!(decoded_as(RETRIEVE, "ITI-43 request")["kind"], "ITI-43 request");
    assert_eq!(decoded_as(RETRIEVE, "ITI-38 request")["kind"], Value::Null);
    let told = envelope(&addressing(RETRIEVE_ACTION), RETRIEVE);
    assert_eq!(decoded_as(&told, "ITI-43 request")["kind"], "ITI-39 request");
    let by_id = query(GET_DOCUMENTS, "", &[("$XDSDocumentEntryUniqueId", "('1.2')")]);
    let at_gateway = decoded_as(&by_id, "ITI-38 request");
    assert_eq!(
        (refusal(&at_gateway), at_gateway["kind"].as_str()),
        ("XDSMissingHomeCommunityId", Some("ITI-38 request"))
    );
    assert_eq!(decoded_as(&by_id, "ITI-18 request")["verdict"], "accepted");
}

#[test]
fn a_mime_package_is_known_by_its_headers_and_by_its_boundary_line() {
    let package = |boundary: &str| {
        let message = envelope(&addressing(RETRIEVE_ACTION), RETRIEVE);
        format!(
            "--{boundary}\r\nContent-Type: application/xop+xml; charset=UTF-8\r\nContent-ID: <root@a>\r\n\r\n\
             {message}\r\n--{boundary}\r\nContent-ID: <other@a>\r\n\r\n{}\r\n--{boundary}--\r\n",
            "x".repeat(200_000),
        )
    };
    let told = decoded(&package("b"));
    assert_eq!((told["kind"].as_str(), told["verdict"].as_str()), (Some("ITI-39 request"), Some("accepted")));
    for head in [
        "POST /iti39 HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/related;\r\n boundary=\"u:b\"; start=\"<root@a>\"\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Type: multipart/related; boundary=u:b\n\n",
        "MIME-Version: 1.0\r\ncontent-type: Multipart/Related; boundary=u:b\r\n\r\n",
    ] {
        let told = decoded(&format!("{head}{}", package("u:b")));
        assert_eq!(
            (told["kind"].as_str(), told["verdict"].as_str()),
            (Some("ITI-39 request"), Some("accepted")),
            "{head}"
        );
    }
}

#[test]
fn chunks_of_a_captured_body_are_joined() {
    let message = envelope(&addressing(RETRIEVE_ACTION), RETRIEVE);
    let (one, two) = message.split_at(100);
    let text = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n\
         {:x}\r\n{one}\r\n{:x};a=b\r\n{two}\r\n0\r\n\r\n",
        one.len(),
        two.len(),
    );
    assert_eq!(decoded(&text)["verdict"], "accepted");
}

#[test]
fn a_storage_path_tells_the_kind_and_a_temporary_name_is_refused() {
    let path = "x/000/506/0005064077/-/ADT-00/0005064077_-_ADT-00_999999999999999_20240712081527824_-_1";
    let message = "MSH|^~\\&|A|B|C|D|20240712081527.824||ADT^A08^ADT_A01|1|P|2.5||||||~ISO IR87||ISO 2022-1994\r\
        EVN||20240712081527\rPID|0001||0005064077^^^^PI||TEST^TARO^^^^^L^A||19700101|M\rPV1|0001|N\r";
    let told = line(Some(path), message.as_bytes(), None, false).1;
    assert_eq!((told["kind"].as_str(), refusal(&told)), (Some("SS-MIX2 ADT-00"), ""));
    assert_eq!((told["found"]["patients"].as_u64(), told["found"]["entries"].as_u64()), (Some(1), Some(1)));
    let temporary = line(Some(&format!("{path}.tmp")), message.as_bytes(), None, false).1;
    assert_eq!((temporary["kind"].as_str(), refusal(&temporary)), (Some("SS-MIX2 ADT-00"), "temporary-file"));
    let other = line(Some(path), message.replace("0005064077^", "0005064078^").as_bytes(), None, false).1;
    assert_eq!(
        (refusal(&other), other["refusal"]["where"].as_str()),
        ("pid-differs-from-path", Some("PID-3"))
    );
    assert_eq!(decoded(message)["kind"], "SS-MIX2 ADT-00");
}

#[test]
fn documents_of_the_extension_storage_are_accepted_as_such() {
    for bytes in [&b"%PDF-1.7 x"[..], b"\x89PNG\r\n\x1a\n", &[0xff, 0xd8, 0xff, 0xe0]] {
        assert_eq!(line(None, bytes, None, false).1["kind"], "SS-MIX2 extension file");
    }
    let mut dicom = vec![0; 128];
    dicom.extend_from_slice(b"DICM");
    assert_eq!(line(None, &dicom, None, false).1["kind"], "SS-MIX2 extension file");
    assert_eq!(line(Some("a/list.CSV"), b"a,b", None, false).1["kind"], "SS-MIX2 extension file");
    let other = line(Some("a/notes.txt"), b"notes", None, false).1;
    assert_eq!((refusal(&other), &other["kind"]), ("unknown-format", &Value::Null));
}

#[test]
fn faults_audit_messages_and_assertions_are_known() {
    let fault = envelope(
        "",
        "<s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code><s:Reason><s:Text>x</s:Text></s:Reason></s:Fault>",
    );
    let fault = decoded(&fault);
    assert_eq!((fault["kind"].as_str(), &fault["status"]), (Some("SOAP fault"), &Value::Null));
    assert_eq!(fault["errors"][0]["code"], "Sender");
    let audit = "<85>1 2026-04-01T09:00:00Z h a 1 IHE+RFC-3881 - <?xml version='1.0'?><AuditMessage>\
        <EventIdentification EventDateTime='2026-04-01T09:00:00Z' EventOutcomeIndicator='0'><EventID code='110112' \
        displayName='Query'/></EventIdentification><ActiveParticipant UserID='u'/>\
        <AuditSourceIdentification AuditSourceID='k'/></AuditMessage>";
    let audit = decoded(audit);
    assert_eq!(
        (audit["kind"].as_str(), codes(&audit)),
        (Some("DICOM audit message"), vec!["audit-old-codes"])
    );
}
