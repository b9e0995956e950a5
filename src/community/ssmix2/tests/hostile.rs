use std::os::unix::fs::{PermissionsExt, symlink};

use super::fixture::{DATE, NUMBER, Storage, er7, put, shown};
use super::messages::message;

const AT: &str = "20240712100000000";

#[tokio::test]
async fn what_cannot_be_taken_is_counted_and_named_and_the_rest_is_served() {
    let storage = Storage::new();
    storage.file("ADT-61", NUMBER, AT, 1);
    let outside = tempfile::tempdir().unwrap();
    put(&outside.path().join("secret"), &er7(&message("OML-11", NUMBER, "架橋")));

    let lab = storage.path("OML-11", NUMBER, AT, 1);
    std::fs::create_dir_all(lab.parent().unwrap()).unwrap();
    symlink(outside.path().join("secret"), &lab).unwrap();
    symlink(outside.path(), storage.root().join("999")).unwrap();
    put(&storage.path("OMP-01", NUMBER, AT, 1), &vec![b'x'; 200_001]);
    put(&storage.path("OMP-02", NUMBER, AT, 1), b"");
    put(&storage.path("OMP-11", NUMBER, AT, 1), b"\x00\xff\x1b$B not a message");
    put(&storage.path("PPR-01", NUMBER, AT, 1), &er7(&message("PPR-01", "0000000001", "別人")));
    put(&storage.root().join("README.txt"), b"x");
    put(&storage.path("ADT-00", NUMBER, AT, 1).with_extension("tmp"), b"x");
    put(&storage.root().join(format!("000/001/{NUMBER}/{DATE}/OMG-11/x\u{202e}y_1")), b"x");
    let source = storage.source();
    source.rescan(|_| ()).await.unwrap();

    assert_eq!(shown(&source, NUMBER).await, ["ADT-61 html Approved", "ADT-61 original Approved"]);
    let report = source.report();
    for (code, count) in [
        ("symbolic-link", 2),
        ("too-large", 1),
        ("empty-file", 1),
        ("not-hl7", 1),
        ("pid-differs-from-path", 1),
        ("temporary-file", 1),
        ("not-storage-path", 2),
    ] {
        assert_eq!(report.quarantined.get(code), Some(&count), "{code} in {:?}", report.quarantined);
    }
    assert_eq!(report.quarantined_total(), 8, "a temporary file is no fault");
    assert_eq!(report.named.len(), 8);
    assert!(!format!("{report:?}").contains(NUMBER), "a report prints no patient number");
}

#[tokio::test]
async fn a_file_without_permission_is_named_and_served_once_it_can_be_read() {
    let storage = Storage::new();
    let path = storage.file("ADT-61", NUMBER, AT, 1);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read(&path).is_ok() {
        return; // Run by a user whom permissions do not bind.
    }
    let source = storage.source();
    source.rescan(|_| ()).await.unwrap();
    assert_eq!(source.report().quarantined.get("unreadable"), Some(&1));
}

#[tokio::test]
async fn a_file_that_is_corrected_in_place_leaves_quarantine() {
    let storage = Storage::new();
    let path = storage.path("ADT-61", NUMBER, AT, 1);
    put(&path, b"half a mess");
    let source = storage.source();
    source.rescan(|_| ()).await.unwrap();
    assert_eq!(source.report().quarantined_total(), 1);
    put(&path, &er7(&message("ADT-61", NUMBER, "架橋")));
    source.rescan(|_| ()).await.unwrap();
    assert_eq!(source.report().quarantined_total(), 0);
    assert_eq!(shown(&source, NUMBER).await.len(), 2);
}

#[tokio::test]
async fn files_beyond_the_cap_are_counted_and_not_read() {
    let storage = Storage::new();
    for kind in ["ADT-00", "ADT-61", "PPR-01"] {
        storage.file(kind, NUMBER, AT, 1);
    }
    let mut settings = storage.settings();
    settings.files_max = 2;
    let source = storage.source_with(settings);
    for _ in 0..2 {
        source.rescan(|_| ()).await.unwrap();
        assert_eq!(source.report().quarantined.get("too-many-files"), Some(&1));
        assert_eq!(source.report().files, 2);
    }
}

#[tokio::test]
async fn a_folder_name_in_cp932_is_read() {
    use std::os::unix::ffi::OsStrExt;
    let storage = Storage::new();
    let kind = "^退院時要約^^18842-5^退院時サマリー^LN";
    let text = format!("000/001/{NUMBER}/{DATE}/{kind}/{NUMBER}_{DATE}_{kind}_DS1_{AT}_11_1/a.pdf");
    let (raw, _, _) = encoding_rs::SHIFT_JIS.encode(&text);
    put(&storage.extension().join(std::ffi::OsStr::from_bytes(&raw)), b"%PDF-1.4");
    let source = storage.source();
    source.rescan(|_| ()).await.unwrap();
    assert_eq!(shown(&source, NUMBER).await, ["18842-5 original Approved"]);
}
