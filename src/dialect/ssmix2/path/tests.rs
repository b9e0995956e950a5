use proptest::prelude::*;

use super::*;
use crate::dialect::ssmix2::KINDS;

const STANDARD: &str =
    "000/506/0005064077/20240712/OMP-01/0005064077_20240712_OMP-01_101000000000002_20240712101051064_01_2";
const FOLDER: &str = "^退院時要約^^18842-5^退院時サマリー^LN";

fn code(path: &str) -> &'static str {
    StorageFile::parse_relative(path.as_bytes()).unwrap_err().code
}

#[test]
fn a_standard_path_is_read_and_written_back() {
    let file = StorageFile::parse_relative(STANDARD.as_bytes()).unwrap();
    assert_eq!(file.patient.reveal(), "0005064077");
    assert_eq!((file.kind.code(), file.date.as_deref()), ("OMP-01", Some("20240712")));
    assert_eq!((file.order_key.as_str(), file.sent_at.as_str()), ("101000000000002", "20240712101051064"));
    assert_eq!((file.department.as_deref(), file.flag), (Some("01"), Flag::Superseded));
    assert_eq!((file.relative_path().reveal().as_str(), file.warnings.len()), (STANDARD, 0));
}

#[test]
fn an_extension_document_takes_its_kind_from_the_folder() {
    let name = format!("0003869313_20240818_{FOLDER}_DS0001_20240818173044814_11_1");
    let path = format!("000/386/0003869313/20240818/{FOLDER}/{name}/summary.xml");
    let file = StorageFile::parse_relative(path.as_bytes()).unwrap();
    assert_eq!((file.kind.code(), file.document.as_deref()), ("18842-5", Some("summary.xml")));
    let Kind::Extension(kind) = &file.kind else { panic!("an extension kind") };
    assert_eq!(kind.local, Code::new("", "", "退院時要約"));
    assert_eq!(kind.standard, Some(Code::new("18842-5", "LN", "退院時サマリー")));
    assert_eq!(file.relative_path().reveal(), &path);
    let local = ExtensionKind::parse("L-IMG01^創部写真^99ZL01");
    assert_eq!((local.standard, local.local.value.as_str()), (None, "L-IMG01"));
}

#[test]
fn names_in_cp932_and_nfd_are_the_same_folder() {
    let name = format!("0003869313_20240818_{FOLDER}_DS0001_20240818173044814_11_1");
    let path = format!("000/386/0003869313/20240818/{FOLDER}/{name}/ガ.pdf");
    let read = |bytes: &[u8]| StorageFile::parse_relative(bytes).unwrap();
    let plain = read(path.as_bytes());
    let decomposed: String = path.nfd().collect();
    assert_ne!(decomposed, path);
    assert_eq!(read(decomposed.as_bytes()), plain);
    assert_eq!(read(&SHIFT_JIS.encode(&path).0), plain);
}

#[test]
fn a_name_without_department_is_read_and_flagged() {
    let path = "000/000/0000000099/-/ADT-00/0000000099_-_ADT-00_999999999999999_20240401120000020_1";
    let file = StorageFile::parse_relative(path.as_bytes()).unwrap();
    assert_eq!((file.department.clone(), file.flag), (None, Flag::Current));
    assert_eq!(file.warnings[0].code, "department-missing");
}

#[test]
fn temporary_names_wait_for_their_renaming() {
    for name in
        [format!("{STANDARD}.tmp"), format!("{STANDARD}~"), STANDARD.replace("/0005064077_", "/.0005064077_")]
    {
        assert_eq!(code(&name), "temporary-file");
    }
}

#[test]
fn folders_and_name_must_agree() {
    assert_eq!(code(&STANDARD.replace("/20240712/", "/20240713/")), "path-inconsistent");
    assert_eq!(code(&STANDARD.replace("/OMP-01/", "/OMP-11/")), "path-inconsistent");
    assert_eq!(code(&STANDARD.replace("/0005064077/", "/0005064078/")), "path-inconsistent");
    assert_eq!(code(&STANDARD.replace("000/506/", "000/507/")), "path-inconsistent");
    assert_eq!(code(&STANDARD.replace("OMP-01", "ORU-01")), "unknown-kind");
    for path in ["", "a/b", "000/506/0005064077/20240712/OMP-01/readme.txt", "../x/y/z/a/b/c"] {
        assert_eq!(code(path), "not-storage-path", "{path}");
    }
}

#[test]
fn a_short_number_is_told_by_the_third_level() {
    let path = "123/4/1234/-/ADT-00/1234_-_ADT-00_999999999999999_20240401120000020_-_1";
    assert_eq!(StorageFile::parse_relative(path.as_bytes()).unwrap().patient.reveal(), "1234");
}

#[test]
fn any_path_is_read_by_its_name_and_by_folders_that_look_like_a_storage() {
    let name = "0000000099_-_ADT-00_999999999999999_20240401120000001_-_1";
    let read = |path: &str| StorageFile::parse_any(path.as_bytes());
    assert_eq!(read(&format!("/srv/odd/some-case/{name}")).unwrap().patient.reveal(), "0000000099");
    assert_eq!(read(name).unwrap().kind.code(), "ADT-00");
    assert_eq!(read(&format!("x/{STANDARD}")).unwrap().kind.code(), "OMP-01");
    assert_eq!(read(&format!("{name}.tmp")).unwrap_err().code, "temporary-file");
    assert_eq!(read(&format!("a/20240401/ADT-31/{name}")).unwrap_err().code, "path-inconsistent");
    assert_eq!(read("/srv/report.pdf").unwrap_err().code, "not-storage-path");
    let folder = format!("0003869313_20240818_{FOLDER}_DS0001_20240818173044814_11_1");
    assert_eq!(read(&format!("{FOLDER}/{folder}/report.pdf")).unwrap().kind.code(), "18842-5");
}

proptest! {
    #[test]
    fn no_path_makes_the_parser_fail(path in proptest::collection::vec(any::<u8>(), 0..120)) {
        let _ = StorageFile::parse_relative(&path);
        let _ = StorageFile::parse_any(&path);
    }

    #[test]
    fn underscores_and_digits_anywhere_do_not_make_it_fail(name in "[_0-9A-Z^-]{0,60}") {
        let _ = StorageFile::parse_any(name.as_bytes());
    }

    #[test]
    fn a_written_path_is_read_back(
        number in "[0-9]{1,15}", day in 1u8..29, kind in 0usize..26, key in "[0-9A-Za-z-]{1,22}",
        time in "[0-9]{17}", department in proptest::option::of("[0-9A-Z]{2,3}"), flag in 0usize..3,
    ) {
        let kind = &KINDS[kind];
        let file = StorageFile {
            patient: Phi::new(number),
            date: kind.is_dated().then(|| format!("202404{day:02}")),
            kind: Kind::Standard(kind),
            order_key: key,
            sent_at: time,
            department,
            flag: [Flag::Deleted, Flag::Current, Flag::Superseded][flag],
            document: None,
            warnings: vec![],
        };
        prop_assert_eq!(StorageFile::parse_relative(file.relative_path().reveal().as_bytes()), Ok(file));
    }
}
