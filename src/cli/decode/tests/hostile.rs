//! No input ends in a panic or takes long.

use proptest::prelude::*;

use super::*;

fn samples() -> Vec<Vec<u8>> {
    let mut samples: Vec<Vec<u8>> = [
        envelope(&addressing(RETRIEVE_ACTION), RETRIEVE),
        query(FIND_DOCUMENTS, "", &[("$XDSDocumentEntryPatientId", "'1^^^&amp;2.999&amp;ISO'"), APPROVED]),
        retrieved(
            SUCCESS,
            "",
            &["QUJD", "<x:Include xmlns:x='http://www.w3.org/2004/08/xop/include' href='cid:a'/>"],
        ),
        "{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{\"resourceType\":\"Patient\"}}]}".to_owned(),
        "MSH|^~\\&|A|B|C|D|20240712||ADT^A08^ADT_A01|1|P|2.5\rPID|0001||1^^^^PI||A^B\r".to_owned(),
        "#SSMIX,2.00,1,2,-,ADT-00,9,INS,-,20241016081516866\r\nMSH|^~\\&|A\r".to_owned(),
        "POST / HTTP/1.1\r\nContent-Type: multipart/related; boundary=b\r\n\r\n--b\r\n\r\n<a/>\r\n--b--"
            .to_owned(),
    ]
    .into_iter()
    .map(String::into_bytes)
    .collect();
    samples.push(vec![0xff, 0xfe, b'<', 0, b'a', 0]);
    samples
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_bytes_make_one_line(bytes in proptest::collection::vec(any::<u8>(), 0..400), which in 0usize..6) {
        let begins: [&[u8]; 6] = [b"", b"<", b"--b\r\n", b"MSH|^~\\&|", b"{\"", b"POST / HTTP/1.1\r\n"];
        let input = [begins[which], &bytes].concat();
        line(None, &input, None, which == 0);
    }

    #[test]
    fn a_sample_with_changed_bytes_makes_one_line(
        which in 0usize..8, changes in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..6), cut in any::<u16>(),
    ) {
        let mut sample = samples().swap_remove(which);
        for (at, byte) in changes {
            let at = usize::from(at) % sample.len();
            sample[at] = byte;
        }
        sample.truncate(sample.len() - usize::from(cut) % 40 % sample.len());
        line(None, &sample, None, true);
    }
}

#[test]
fn hostile_documents_are_refused_by_their_word() {
    let nested = "<a>".repeat(10_000);
    let dense =
        format!("<PRPA_IN201310UV02 xmlns='urn:hl7-org:v3'>{}</PRPA_IN201310UV02>", "<a/>".repeat(60_000));
    let attributes: String = (0..100).map(|n| format!(" a{n}='1'")).collect();
    let attributes = format!("<r{attributes}/>");
    let fields = format!("POST / HTTP/1.1\r\n{}", "X: y\r\n".repeat(20_000));
    for (text, code) in [
        (nested.as_str(), "too-deep"),
        (&dense, "too-many-nodes"),
        (&attributes, "too-many-attributes"),
        (&fields, "http-head"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "dtd-forbidden"),
        ("<a/><b/>", "second-root"),
        ("<a>\u{0}</a>", "malformed-xml"),
        ("<a>&b;</a>", "malformed-xml"),
        ("", "empty-file"),
        ("{\"resourceType\":", "malformed-json"),
        ("[1]", "unknown-format"),
        ("<a/>", "unknown-root"),
    ] {
        let told = decoded(text);
        assert_eq!((refusal(&told), told["verdict"].as_str()), (code, Some("refused")), "{:.60}", text);
    }
    let deep = format!("{{\"resourceType\":\"Bundle\",\"x\":{}", "[".repeat(100_000));
    assert_eq!(refusal(&decoded(&deep)), "malformed-json");
}

#[test]
fn a_refusal_tells_line_and_column() {
    let told = decoded("<a>\n  <b></c>\n</a>");
    assert_eq!(told["refusal"]["where"].as_str().map(|at| at.starts_with("2:")), Some(true));
    assert_eq!(decoded("{\n \"a\" }")["refusal"]["where"], "2:6");
}
