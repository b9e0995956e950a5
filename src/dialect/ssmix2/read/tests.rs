use super::*;
use crate::dialect::hl7v2::{Unencodable, encode};
use crate::dialect::ssmix2::{KINDS, fixtures};

fn read_text(code: &str, text: &str) -> Result<ReadFile, Malformed> {
    read_file(fixtures::file(fixtures::kind(code)), &encode(text, Unencodable::Geta).bytes)
}

fn text(code: &str) -> String {
    fixtures::text(fixtures::kind(code))
}

fn codes(read: &ReadFile) -> Vec<&'static str> {
    read.warnings.iter().map(|w| w.code).collect()
}

#[test]
fn each_of_the_26_kinds_is_accepted_without_remark() {
    for kind in &KINDS {
        let read = read_file(fixtures::file(kind), &fixtures::bytes(kind)).unwrap();
        assert_eq!(codes(&read), Vec::<&str>::new(), "{}", kind.code);
        assert_eq!(read.kind_word(), format!("SS-MIX2 {}", kind.code));
        assert_eq!((read.found_entries(), read.found_patients()), (1, usize::from(kind.code == "ADT-00")));
    }
}

#[test]
fn the_kind_of_an_unfiled_message_is_told_by_its_event_and_content() {
    for kind in &KINDS {
        let told = read_unfiled(&fixtures::bytes(kind)).unwrap().kind.unwrap();
        // Without a folder, orders of imaging, physiology and drugs by route look alike.
        let alike = matches!(kind.code, "OMG-01" | "OMG-02" | "OMG-12" | "OMP-12");
        assert!(alike || told == kind, "{} told as {}", kind.code, told.code);
    }
}

#[test]
fn a_patient_number_that_is_not_the_paths_refuses_even_by_one_zero() {
    for number in ["0000000100", "99", "00000000990"] {
        let text = text("OMP-01").replace("0000000099^", &format!("{number}^"));
        let refusal = read_text("OMP-01", &text).unwrap_err();
        assert_eq!((refusal.code, refusal.at.as_str()), ("pid-differs-from-path", "PID-3"));
        assert!(!refusal.why.contains(number) && !refusal.why.contains(fixtures::PATIENT));
    }
    let two = text("OMP-01").replace("0000000099^^^^PI", "0000000099^^^^PI~0000000100^^^^PI");
    assert_eq!(read_text("OMP-01", &two).unwrap_err().code, "pid-differs-from-path");
}

#[test]
fn an_untyped_patient_number_counts_and_a_missing_one_refuses() {
    let untyped = text("OMP-01").replace("0000000099^^^^PI", "0000000099");
    assert_eq!(codes(&read_text("OMP-01", &untyped).unwrap()), ["patient-number-untyped"]);
    let missing = text("OMP-01").replace("0000000099^^^^PI", "");
    assert_eq!(read_text("OMP-01", &missing).unwrap_err().code, "pid-missing");
}

#[test]
fn another_number_beside_the_patients_own_is_ignored() {
    let both = text("OMP-01").replace("0000000099^^^^PI", "1234^^^^SS~0000000099^^^^PI");
    assert!(read_text("OMP-01", &both).is_ok());
}

#[test]
fn the_folder_wins_over_the_event() {
    let read = read_text("ADT-12", &text("ADT-12").replace("ADT^A04", "ADT^A01")).unwrap();
    assert_eq!(
        (codes(&read), read.kind_word().as_str()),
        (vec!["event-differs-from-kind"], "SS-MIX2 ADT-12")
    );
    assert_eq!(
        codes(&read_text("ADT-22", &text("ADT-22").replace("ADT^A01", "ADT^A11")).unwrap()),
        Vec::<&str>::new()
    );
}

#[test]
fn a_date_that_is_not_the_folders_is_flagged_with_its_field() {
    let read = read_text("OML-11", &text("OML-11").replace("202408120905", "202408110905")).unwrap();
    assert_eq!(codes(&read), ["date-differs-from-path"]);
    assert!(read.warnings[0].text.starts_with("SPM-17"));
}

#[test]
fn missing_fields_are_flagged_each() {
    let read = read_text(
        "OMP-01",
        &text("OMP-01").replace("宮本^美愛^^^^^L^I~ミヤモト^ミア^^^^^L^P", "").replace("|O|11", "||11"),
    );
    let read = read.unwrap();
    assert_eq!(codes(&read), ["required-field-missing", "required-field-missing"]);
}

#[test]
fn files_cut_anywhere_are_refused_or_flagged_and_never_taken_for_whole() {
    for kind in &KINDS {
        let whole = fixtures::bytes(kind);
        for length in (0..whole.len() - 1).step_by(3) {
            match read_file(fixtures::file(kind), &whole[..length]) {
                Ok(read) => {
                    let at_segment_end = whole[length - 1] == b'\r';
                    assert!(
                        at_segment_end || codes(&read).contains(&"no-final-terminator"),
                        "{} at {length}",
                        kind.code
                    );
                }
                Err(refusal) => assert!(
                    [
                        "truncated",
                        "empty-file",
                        "not-hl7",
                        "bad-delimiters",
                        "required-segment-missing",
                        "pid-missing",
                        "pid-differs-from-path"
                    ]
                    .contains(&refusal.code),
                    "{refusal}"
                ),
            }
        }
    }
}

#[test]
fn a_deleted_file_makes_no_entry_and_a_superseded_adt_no_patient() {
    let kind = fixtures::kind("ADT-00");
    let with = |flag| {
        let read = read_file(StorageFile { flag, ..fixtures::file(kind) }, &fixtures::bytes(kind)).unwrap();
        (read.found_entries(), read.found_patients())
    };
    assert_eq!([with(Flag::Deleted), with(Flag::Superseded), with(Flag::Current)], [(0, 0), (1, 0), (1, 1)]);
}

fn extension(document: &str, bytes: &[u8]) -> Result<ReadFile, Malformed> {
    let folder = "^退院時要約^^18842-5^退院時サマリー^LN";
    let path = format!(
        "000/000/0000000099/20240818/{folder}/0000000099_20240818_{folder}_DS0001_20240818173044814_11_1/{document}"
    );
    read_path(path.as_bytes(), bytes)
}

#[test]
fn extension_documents_are_taken_as_they_are() {
    let pdf = extension("report.pdf", b"%PDF-1.4").unwrap();
    assert_eq!((pdf.kind_word().as_str(), pdf.media_type), ("SS-MIX2 extension file", "application/pdf"));
    assert_eq!((pdf.found_entries(), pdf.found_patients(), codes(&pdf)), (1, 0, vec![]));
    assert_eq!(extension("a.csv", b"a,b").unwrap().media_type, "text/csv");
    assert_eq!(extension("a.xml", b"<broken").map(|read| codes(&read)), Ok(vec!["document-unreadable"]));
    assert_eq!(extension("a.pdf", b"").unwrap_err().code, "empty-file");
    assert_eq!(extension("a.pdf.tmp", b"%PDF").unwrap_err().code, "temporary-file");
}

#[test]
fn an_extension_document_about_another_patient_is_refused() {
    let cda = |number: &str| {
        format!(
            "<ClinicalDocument xmlns=\"urn:hl7-org:v3\"><recordTarget><patientRole><id root=\"2.999\" extension=\"{number}\"/></patientRole></recordTarget></ClinicalDocument>"
        )
    };
    assert!(extension("a.xml", cda("0000000099").as_bytes()).is_ok());
    assert_eq!(extension("a.xml", cda("0000000100").as_bytes()).unwrap_err().code, "pid-differs-from-path");
    let message = text("OMG-13").replace("0000000099", "0000000100");
    assert_eq!(extension("main_document.hl7", message.as_bytes()).unwrap_err().code, "pid-differs-from-path");
}
