//! SS-MIX2 storages of invented hospitals in temporary folders, written with the crate's own writer.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kakehashi::dialect::hl7v2::{MessageWriter, Unencodable};
use kakehashi::model::{Address, Demographics, NameScript, PartialDate, PersonName, Sex};
use tempfile::TempDir;

/// An invented person.
#[derive(Clone)]
pub struct Someone {
    pub family: &'static str,
    pub given: &'static str,
    pub family_kana: &'static str,
    pub given_kana: &'static str,
    pub birth: &'static str,
    pub sex: Sex,
    pub postal_code: &'static str,
    pub address: &'static str,
    pub phone: &'static str,
}

/// Who most tests are about.
pub const HANAKO: Someone = Someone {
    family: "架橋",
    given: "花子",
    family_kana: "カキョウ",
    given_kana: "ハナコ",
    birth: "19480405",
    sex: Sex::Female,
    postal_code: "710-0000",
    address: "岡山県倉敷市架空町１−２−３",
    phone: "086-000-1111",
};

/// Somebody else altogether.
pub const TARO: Someone = Someone {
    family: "渡橋",
    given: "太郎",
    family_kana: "ワタリバシ",
    given_kana: "タロウ",
    birth: "19591123",
    sex: Sex::Male,
    postal_code: "720-0000",
    address: "広島県福山市架空町４−５",
    phone: "084-000-2222",
};

/// Nobody's patient anywhere.
pub const NOBODY: Someone = Someone {
    family: "無橋",
    given: "次郎",
    family_kana: "ムハシ",
    given_kana: "ジロウ",
    birth: "19701231",
    sex: Sex::Male,
    postal_code: "680-0000",
    address: "鳥取県架空市架空町９",
    phone: "0857-00-9999",
};

impl Someone {
    /// All that a portal may type in.
    pub fn demographics(&self) -> Demographics {
        let name = |script, family: &str, given: &str| PersonName {
            script: Some(script),
            family: family.to_owned(),
            given: given.to_owned(),
        };
        Demographics {
            names: vec![
                name(NameScript::Ideographic, self.family, self.given),
                name(NameScript::Syllabic, self.family_kana, self.given_kana),
            ],
            birth: PartialDate::from_digits(self.birth),
            sex: Some(self.sex),
            addresses: vec![Address {
                postal_code: self.postal_code.to_owned(),
                text: self.address.to_owned(),
            }],
            phones: vec![self.phone.to_owned()],
            ..Demographics::default()
        }
    }

    /// Name, birth date and sex only.
    pub fn bare(&self) -> Demographics {
        Demographics { addresses: Vec::new(), phones: Vec::new(), ..self.demographics() }
    }
}

/// A hospital with its storages.
#[derive(Clone)]
pub struct Hospital {
    folder: Arc<TempDir>,
    /// Stem of its file.
    pub name: &'static str,
    /// 10-digit facility code.
    pub facility: &'static str,
    /// OID of the organisation; authority and repository lie below it.
    pub organization: String,
}

/// The day of all dated documents.
pub const DATE: &str = "20240712";

impl Hospital {
    /// An empty one.
    pub fn new(name: &'static str, facility: &'static str, organization: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for storage in ["standard", "extension"] {
            std::fs::create_dir(folder.path().join(storage)).unwrap();
        }
        Self { folder: Arc::new(folder), name, facility, organization: organization.to_owned() }
    }

    /// The university hospital in Okayama's agreement.
    pub fn okayama_university() -> Self {
        Self::new("okayama-univ", "3310000001", "2.999.33.20")
    }

    /// The other one.
    pub fn kurashiki() -> Self {
        Self::new("kurashiki", "3310000002", "2.999.33.21")
    }

    /// One in Hiroshima's agreement.
    pub fn hiroshima_university() -> Self {
        Self::new("hiroshima-univ", "3410000001", "2.999.34.20")
    }

    /// repositoryUniqueId.
    pub fn repository(&self) -> String {
        format!("{}.9", self.organization)
    }

    /// Where the standard storage lies.
    pub fn standard(&self) -> PathBuf {
        self.folder.path().join("standard")
    }

    /// Its file for `peers/`.
    pub fn settings(&self, more: &str) -> String {
        let Self { facility, organization, .. } = self;
        let (root, extension) = (self.standard(), self.folder.path().join("extension"));
        format!(
            r#"
kind = "ssmix2"
side = "home"
authorities = ["urn:oid:{organization}.1"]
repositories = ["{organization}.9"]
{more}
[ssmix2]
roots = [{root:?}]
extension = [{extension:?}]
facility = "{facility}"
facility_name = "{name}"
organization = "{organization}"
authority = "{organization}.1"
repository = "{organization}.9"
facility_type = {{ code = "HOSP", system = "2.16.840.1.113883.5.111", display = "病院" }}
poll_ms = 100
"#,
            name = self.name
        )
    }

    /// Files messages of these kinds about a patient.
    pub fn files(&self, number: &str, who: &Someone, kinds: &[&str]) -> &Self {
        for kind in kinds {
            self.file(number, who, kind, "01");
        }
        self
    }

    /// Files one message written in a department.
    pub fn file(&self, number: &str, who: &Someone, kind: &str, department: &str) -> PathBuf {
        let date = if matches!(kind, "ADT-00" | "ADT-61") { "-" } else { DATE };
        let folder = self.patient_folder(&self.standard(), number).join(date).join(kind);
        let name = format!("{number}_{date}_{kind}_{ORDER}_20240712083055963_{department}_1");
        let path = folder.join(name);
        put(&path, &message(number, who, kind, department));
        path
    }

    /// Files so many prescriptions, each an order of its own.
    pub fn prescriptions(&self, number: &str, who: &Someone, count: u64) -> &Self {
        let folder = self.patient_folder(&self.standard(), number).join(DATE).join("OMP-01");
        // ISO-2022-JP is of seven bits.
        let text = String::from_utf8(message(number, who, "OMP-01", "01")).unwrap();
        for order in 1..=count {
            let order = format!("{order:015}");
            let name = format!("{number}_{DATE}_OMP-01_{order}_20240712083055963_01_1");
            put(&folder.join(name), text.replace(ORDER, &order).as_bytes());
        }
        self
    }

    /// Files what is known of a patient as sent at another time, `20250102030405`.
    pub fn register_at(&self, number: &str, who: &Someone, sent_at: &str) -> &Self {
        let folder = self.patient_folder(&self.standard(), number).join("-").join("ADT-00");
        let path = folder.join(format!("{number}_-_ADT-00_{ORDER}_{sent_at}963_01_1"));
        // ISO-2022-JP is of seven bits.
        let text = String::from_utf8(message(number, who, "ADT-00", "01")).unwrap();
        put(&path, text.replace("20240712083055", sent_at).as_bytes());
        self
    }

    /// Files a document of the extension storage: a discharge summary of so many bytes.
    pub fn summary(&self, number: &str, bytes: usize) -> PathBuf {
        let root = self.folder.path().join("extension");
        let kind = "^サマリー^99XYZ^18842-5^Discharge summary^LN";
        let folder = self.patient_folder(&root, number).join(DATE).join(kind);
        let name = format!("{number}_{DATE}_{kind}_DS1_20240712083055963_01_1");
        let path = folder.join(name).join("summary.pdf");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let unfinished = path.with_extension("tmp");
        let mut file = std::fs::File::create(&unfinished).unwrap();
        let piece: Vec<u8> = b"%PDF-1.7 ".iter().copied().cycle().take(64 << 10).collect();
        for at in (0..bytes).step_by(piece.len()) {
            file.write_all(&piece[..piece.len().min(bytes - at)]).unwrap();
        }
        std::fs::rename(unfinished, &path).unwrap();
        path
    }

    /// Files a document of the extension storage in a folder of this kind, under a content folder whose
    /// name ends in `key_time_department_flag`.
    pub fn extend(&self, number: &str, kind: &str, ending: &str, file: &str, bytes: &[u8]) {
        let root = self.folder.path().join("extension");
        let folder = self.patient_folder(&root, number).join(DATE).join(kind);
        put(&folder.join(format!("{number}_{DATE}_{kind}_{ending}")).join(file), bytes);
    }

    fn patient_folder(&self, root: &Path, number: &str) -> PathBuf {
        root.join(&number[..3]).join(&number[3..6]).join(number)
    }
}

fn put(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    // As a hospital writes it: whole under another name, then renamed.
    let unfinished = path.with_extension("tmp");
    std::fs::write(&unfinished, bytes).unwrap();
    std::fs::rename(unfinished, path).unwrap();
}

const ORDER: &str = "000000000000042";

fn message(number: &str, who: &Someone, kind: &str, department: &str) -> Vec<u8> {
    let event = match kind {
        "ADT-00" => "ADT^A08^ADT_A01",
        "ADT-61" => "ADT^A60^ADT_A60",
        "OMP-01" => "RDE^O11^RDE_O11",
        "OML-11" => "OUL^R22^OUL_R22",
        "PPR-01" => "PPR^ZD1^PPR_ZD1",
        other => panic!("no message of kind {other}"),
    };
    let header = [
        (3, "HIS"),
        (4, "SEND"),
        (7, "20240712083055.963"),
        (9, event),
        (10, "2024071200001"),
        (11, "P"),
        (12, "2.5"),
        (21, "SS-MIX2_1.20^SS-MIX2^1.2.392.200250.2.1.100.1.2.120^ISO"),
    ];
    let mut writer = MessageWriter::new(&header);
    writer.segment("EVN", &[(2, "20240712083055")]);
    let names =
        format!("{}^{}^^^^^L^I~{}^{}^^^^^L^P", who.family, who.given, who.family_kana, who.given_kana);
    let address = format!("^^^^{}^JPN^H^{}", who.postal_code, who.address);
    let sex = if who.sex == Sex::Female { "F" } else { "M" };
    writer.segment(
        "PID",
        &[
            (1, "0001"),
            (3, &format!("{number}^^^^PI")),
            (5, &names),
            (7, who.birth),
            (8, sex),
            (11, &address),
            (13, &format!("^PRN^PH^^^^^^^^^{}", who.phone)),
            (33, "20240401090000"),
        ],
    );
    let ward = format!("{department}^診療科^HL70069");
    writer.segment("PV1", &[(1, "0001"), (2, "O"), (3, department), (10, department)]);
    let order = [
        (1, "NW"),
        (2, ORDER),
        (4, "000000000000042_01_001"),
        (9, "20240712113025"),
        (16, &format!("{department}^^^^^C") as &str),
        (17, &ward),
    ];
    match kind {
        "ADT-61" => {
            writer.segment(
                "IAM",
                &[(1, "1"), (2, "DA^薬剤アレルギー^HL70127"), (3, "1^ペニシリン^99XYZ"), (4, "SV"), (6, "A")],
            );
        }
        "OMP-01" => {
            writer.segment("ORC", &order);
            let drug = "108665201^ダーゼン錠（５ｍｇ）^HOT9";
            writer.segment("RXE", &[(2, drug), (3, "1"), (5, "TAB^錠^MR9P"), (10, "21")]);
            writer.segment("TQ1", &[(1, "1"), (7, DATE)]);
            writer.segment("RXR", &[(1, "PO^口^HL70162")]);
        }
        "OML-11" => {
            writer.segment("SPM", &[(1, "1"), (4, "023^血清^JC10"), (17, "202407120905")]);
            writer.segment("OBR", &[(1, "1"), (2, ORDER), (4, "E001^生化学的検査^99O03"), (7, DATE)]);
            writer.segment(
                "OBX",
                &[(1, "1"), (2, "NM"), (3, "3A010^総蛋白^JC10"), (5, "6.6"), (6, "g/dL"), (11, "F")],
            );
        }
        "PPR-01" => {
            writer.segment(
                "PRB",
                &[(1, "AD"), (2, DATE), (3, "20058977^高血圧症^MDCDX2"), (4, "1"), (7, "20240701")],
            );
            writer.segment("ORC", &order);
        }
        _ => {}
    }
    let encoded = writer.encode(Unencodable::Geta);
    assert_eq!(encoded.replaced, 0);
    encoded.bytes
}
