//! What every peer of the matrix holds of one person: thirty documents that differ in all that the
//! metadata of XDS can say, in three folders and four submission sets. One is replaced by another.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Code, coding scheme, display name.
pub type Coded = (&'static str, &'static str, &'static str);
/// A slot with its values.
pub type Slot = (&'static str, &'static [&'static str]);

/// An author, as a Classification has it.
pub struct Author {
    pub persons: &'static [&'static str],
    pub institutions: &'static [&'static str],
    pub roles: &'static [&'static str],
    pub specialties: &'static [&'static str],
    pub telecom: &'static [&'static str],
}

/// A document.
pub struct Document {
    pub number: u32,
    /// Behind the OID of the holder, empty for `.7.` and its number.
    pub unique: &'static str,
    pub title: &'static str,
    pub title_language: &'static str,
    pub comments: &'static str,
    pub class: Coded,
    pub type_code: Coded,
    pub format: Coded,
    pub practice: Coded,
    pub facility: Coded,
    pub confidentiality: &'static [Coded],
    pub events: &'static [Coded],
    pub authors: &'static [Author],
    pub creation: &'static str,
    pub start: &'static str,
    pub stop: &'static str,
    pub language: &'static str,
    pub media_type: &'static str,
    pub bytes: usize,
    pub is_deprecated: bool,
    pub is_on_demand: bool,
    pub references: &'static [&'static str],
    pub legal: &'static str,
    /// sourcePatientInfo.
    pub person: &'static [&'static str],
    pub version: &'static str,
    /// What no standard names, and what only XDS.b's registries use.
    pub more: &'static [Slot],
}

const LOINC: &str = "2.16.840.1.113883.6.1";
const CLASS: &str = "2.999.9.1";
const FORMAT: &str = "1.3.6.1.4.1.19376.1.2.3";
const DEPARTMENT: &str = "1.2.392.200250.2.2.2";
const HL7_CONFIDENTIALITY: &str = "2.16.840.1.113883.5.25";

const NORMAL: Coded = ("N", HL7_CONFIDENTIALITY, "normal");
const PDF: Coded = ("urn:ihe:iti:xds-sd:pdf:2008", FORMAT, "XDS-SD PDF");
const TEXT: Coded = ("urn:ihe:iti:xds-sd:text:2008", FORMAT, "XDS-SD text");
const PICTURE: Coded = ("urn:ihe:rad:PDF", FORMAT, "Report");
/// 128 characters, the most that a title may have.
const LONGEST: &str = "\
    百二十八字の題百二十八字の題百二十八字の題百二十八字の題百二十八字の題百二十八字の題百二十八字の題百二十八字の題\
    百二十八字の題百二十八字の題百二十八字の題百二十八字の題百二十八字の題百二十八字の題百二十八字の題百二十八字の題\
    終終終終終終終終終終終終終終終終";
const SUMMARY: Coded = ("18842-5", LOINC, "退院時サマリー");

const ALONE: Author = Author {
    persons: &["d0007^架空^一郎^^^^^^&2.999.8.1&ISO"],
    institutions: &["架空病院^^^^^&2.999.8.20&ISO^^^^3410000009"],
    roles: &[],
    specialties: &["内科"],
    telecom: &[],
};

/// What most of them have.
const PLAIN: Document = Document {
    number: 0,
    unique: "",
    title: "退院時サマリー",
    title_language: "ja-JP",
    comments: "",
    class: ("サマリー", CLASS, "サマリー"),
    type_code: SUMMARY,
    format: PDF,
    practice: ("01", DEPARTMENT, "内科"),
    facility: ("HOSP", "2.16.840.1.113883.5.111", "病院"),
    confidentiality: &[NORMAL],
    events: &[],
    authors: &[ALONE],
    creation: "20240712083055",
    start: "",
    stop: "",
    language: "ja-JP",
    media_type: "application/pdf",
    bytes: 700,
    is_deprecated: false,
    is_on_demand: false,
    references: &[],
    legal: "",
    person: &[],
    version: "",
    more: &[],
};

const fn coded(code: &'static str, display: &'static str) -> Coded {
    (code, LOINC, display)
}

/// Two authors, one of several persons, institutions, roles and specialties.
const SEVERAL: &[Author] = &[
    Author {
        persons: &["d0001^執刀^花^^^Dr^^^&2.999.8.1&ISO", "^助手^次郎"],
        institutions: &["架空病院^^^^^&2.999.8.20&ISO^^^^3410000009", "分院"],
        roles: &["執刀医", "指導医"],
        specialties: &["外科", "救急"],
        telecom: &["^^Internet^one@example.org"],
    },
    Author {
        persons: &["n0002^看護^三子"],
        institutions: &["架空病院"],
        roles: &["看護師"],
        specialties: &[],
        telecom: &[],
    },
];

/// The documents.
pub static DOCUMENTS: [Document; 30] = [
    Document { number: 1, title: "題名ひとつだけの文書", ..PLAIN },
    // Characters beyond JIS X 0208: those of JIS X 0213 and of planes above the first, joined and
    // circled ones.
    Document { number: 2, title: "髙橋・𠮷野・﨑山 ①号室 ㈱ 🏥 か゚", ..PLAIN },
    Document {
        number: 3,
        title: "<紹介状> \"至急\" & 'A' → B",
        comments: "改行\nと\tタブ & <記号>",
        ..PLAIN
    },
    Document { number: 4, title: "Discharge summary", title_language: "en-US", language: "en-US", ..PLAIN },
    Document {
        number: 5,
        title: "Résumé de sortie – ß ﬁ",
        title_language: "fr-FR",
        language: "fr-FR",
        ..PLAIN
    },
    Document {
        number: 6,
        title: "手術記録",
        class: ("手術", CLASS, "手術"),
        type_code: coded("11504-8", "手術記録"),
        practice: ("10", DEPARTMENT, "外科"),
        authors: SEVERAL,
        ..PLAIN
    },
    Document {
        number: 7,
        title: "経過記録",
        class: ("診療録", CLASS, "診療録"),
        type_code: coded("11506-3", "経過記録"),
        authors: &[Author {
            persons: &[],
            institutions: &["^^^^^&2.999.8.21&ISO^^^^1"],
            roles: &[],
            specialties: &[],
            telecom: &[],
        }],
        ..PLAIN
    },
    Document {
        number: 8,
        title: "心電図",
        class: ("生理検査", CLASS, "生理検査"),
        type_code: coded("11524-6", "心電図"),
        format: PICTURE,
        media_type: "image/png",
        bytes: 40_000,
        practice: ("08", DEPARTMENT, "循環器科"),
        ..PLAIN
    },
    Document {
        number: 9,
        title: "病理検査報告書",
        class: ("病理", CLASS, "病理"),
        type_code: coded("11526-1", "病理検査報告書"),
        confidentiality: &[NORMAL, ("院内限定", "2.999.8.25", "院内限定")],
        ..PLAIN
    },
    Document {
        number: 10,
        title: "画像診断報告書",
        class: ("画像検査・報告", CLASS, "画像検査・報告"),
        type_code: coded("18748-4", "画像診断報告書"),
        events: &[
            ("CT", "1.2.840.10008.2.16.4", "Computed Tomography"),
            ("T-D3000", "2.16.840.1.113883.6.96", "胸部"),
        ],
        references: &[
            "ACC-1^^^&2.999.8.30&ISO^urn:ihe:iti:xds:2013:accession",
            "1.2.392.99.1^^^^urn:ihe:iti:xds:2016:studyInstanceUID",
        ],
        ..PLAIN
    },
    Document { number: 11, start: "2024", stop: "2025", creation: "20240712", ..PLAIN },
    Document { number: 12, start: "202407", stop: "202408", creation: "202407120830", ..PLAIN },
    Document { number: 13, start: "20240701", stop: "20240712", creation: "2024071208", ..PLAIN },
    Document { number: 14, start: "202407010930", stop: "20240712170059", creation: "2024", ..PLAIN },
    Document { number: 15, title: LONGEST, ..PLAIN },
    Document { number: 16, title: "空の文書", bytes: 0, ..PLAIN },
    Document { number: 17, title: "九バイトの文書", bytes: 9, ..PLAIN },
    Document { number: 18, title: "大きな文書", bytes: 3 << 20, ..PLAIN },
    Document {
        number: 19,
        title: "テキスト",
        format: TEXT,
        media_type: "text/plain",
        type_code: coded("34108-1", "外来診療録"),
        class: ("診療録", CLASS, "診療録"),
        ..PLAIN
    },
    Document {
        number: 20,
        title: "内視鏡写真",
        format: PICTURE,
        media_type: "image/jpeg",
        type_code: coded("18751-8", "内視鏡検査報告書"),
        class: ("内視鏡検査", CLASS, "内視鏡検査"),
        bytes: 300_000,
        ..PLAIN
    },
    Document { number: 21, title: "差し替えられた版", is_deprecated: true, version: "1", ..PLAIN },
    Document { number: 22, title: "差し替えた版", creation: "20240713101112", version: "2.1", ..PLAIN },
    Document {
        number: 23,
        title: "制限のある文書",
        confidentiality: &[("R", HL7_CONFIDENTIALITY, "restricted")],
        ..PLAIN
    },
    Document {
        number: 24,
        title: "注記のある文書",
        comments: "二行目のある注記。髙・𠮷 も残る。",
        legal: "d0001^承認^花^^^Dr",
        person: &["PID-5|架橋^花子^^^^^L", "PID-7|19480405", "PID-8|F", "PID-11|^^倉敷市^^710-0000^JPN"],
        ..PLAIN
    },
    Document {
        number: 25,
        title: "要求時に作られる文書",
        is_on_demand: true,
        type_code: coded("60591-5", "患者サマリー"),
        class: ("基本情報", CLASS, "基本情報"),
        ..PLAIN
    },
    Document {
        number: 26,
        unique: ".7.26^EXT-26",
        title: "拡張のある識別子",
        references: &["ORD-26^^^&2.999.8.30&ISO^urn:ihe:iti:xds:2013:order"],
        ..PLAIN
    },
    Document {
        number: 27,
        title: "製品の独自項目",
        more: &[
            ("urn:x-vendor:page-count", &["12"]),
            ("urn:x-vendor:keywords", &["糖尿病", "高血圧 & 脂質"]),
            ("URI", &["summary-27.pdf"]),
            ("urn:ihe:iti:xds:2010:documentAvailability", &["urn:ihe:iti:2010:DocumentAvailability:Online"]),
        ],
        ..PLAIN
    },
    Document {
        number: 28,
        title: "独自の種別",
        class: ("X1", "2.999.8.41", ""),
        type_code: ("T-1", "2.999.8.42", "独自文書"),
        format: ("F-1", "2.999.8.43", "独自形式"),
        practice: ("99", "2.999.8.44", "総合診療"),
        facility: ("外来", "2.999.8.45", "外来部門"),
        ..PLAIN
    },
    Document {
        number: 29, title: "著者のない文書", authors: &[], practice: ("", DEPARTMENT, ""), ..PLAIN
    },
    Document {
        number: 30,
        title: "紹介状",
        class: ("紹介・連携", CLASS, "紹介・連携"),
        type_code: coded("57133-1", "紹介状"),
        confidentiality: &[("V", HL7_CONFIDENTIALITY, "very restricted"), NORMAL],
        events: &[("E1", "2.999.8.51", "")],
        start: "20240101",
        ..PLAIN
    },
];

/// A folder or submission set.
pub struct Package {
    pub number: u32,
    pub is_folder: bool,
    pub title: &'static str,
    pub comments: &'static str,
    /// codeList, or the one contentTypeCode.
    pub codes: &'static [Coded],
    /// lastUpdateTime, or submissionTime.
    pub time: &'static str,
    pub authors: &'static [Author],
    /// intendedRecipient.
    pub recipients: &'static [&'static str],
    pub is_deprecated: bool,
    pub members: &'static [u32],
    pub more: &'static [Slot],
}

const SET: Package = Package {
    number: 0,
    is_folder: false,
    title: "",
    comments: "",
    codes: &[("34133-9", LOINC, "診療要約")],
    time: "20240712083100",
    authors: &[ALONE],
    recipients: &[],
    is_deprecated: false,
    members: &[],
    more: &[],
};

const FOLDER: Package = Package { is_folder: true, authors: &[], ..SET };

/// Folders and submission sets.
pub static PACKAGES: [Package; 7] = [
    Package {
        number: 41,
        title: "糖尿病の経過（髙橋・𠮷野）",
        comments: "外来 & 入院",
        codes: &[("糖尿病", "2.999.8.61", "糖尿病"), ("E11", "2.16.840.1.113883.6.3", "2型糖尿病")],
        members: &[1, 2, 3, 8, 10, 22],
        ..FOLDER
    },
    Package {
        number: 42,
        title: "手術",
        time: "20240801",
        members: &[6, 9, 30],
        more: &[("urn:x-vendor:ward", &["東3", "東4"])],
        ..FOLDER
    },
    Package { number: 43, title: "閉じたフォルダ", is_deprecated: true, members: &[11], ..FOLDER },
    Package { number: 51, title: "外来", members: &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 41], ..SET },
    Package {
        number: 52,
        comments: "題名のない提出",
        time: "202407",
        recipients: &["架空診療所|^受信^四郎^^^Dr", "|^受信^五郎"],
        members: &[11, 12, 13, 14, 15, 16, 17, 18, 19, 20],
        ..SET
    },
    Package {
        number: 53,
        title: "差し替え",
        authors: SEVERAL,
        members: &[21, 22, 23, 24, 25, 42],
        more: &[("urn:x-vendor:batch", &["B-53"])],
        ..SET
    },
    Package { number: 54, title: "紹介", is_deprecated: true, members: &[26, 27, 28, 29, 30, 43], ..SET },
];

const HAS_MEMBER: &str = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember";
pub const REPLACES: &str = "urn:ihe:iti:2007:AssociationType:RPLC";

/// An association: its number, type, and what it joins.
pub struct Joined {
    pub number: u32,
    pub kind: &'static str,
    pub source: u32,
    pub target: u32,
    pub more: &'static [Slot],
    /// The code of associationDocumentation.
    pub documentation: Option<Coded>,
}

/// That members belong to their packages, that 22 replaces 21, and that 24 was added to 22.
pub fn associations() -> Vec<Joined> {
    let member = |number, source, target| {
        let more: &[Slot] = if source > 50 { &[("SubmissionSetStatus", &["Original"])] } else { &[] };
        Joined { number, kind: HAS_MEMBER, source, target, more, documentation: None }
    };
    let of = |package: &Package| package.members.iter().map(|member| (package.number, *member)).collect();
    let pairs: Vec<(u32, u32)> = PACKAGES.iter().flat_map(|package| -> Vec<_> { of(package) }).collect();
    let mut all: Vec<Joined> =
        (101..).zip(pairs).map(|(number, (source, target))| member(number, source, target)).collect();
    let joined = |number, kind, source, target, documentation| Joined {
        number,
        kind,
        source,
        target,
        more: &[("urn:x-vendor:reason", &["誤記 & 訂正"])],
        documentation,
    };
    all.push(joined(201, REPLACES, 22, 21, None));
    let why = Some(("補遺", "2.999.8.71", "補遺"));
    all.push(joined(202, "urn:ihe:iti:2007:AssociationType:APND", 24, 22, why));
    all
}

impl Document {
    /// Its bytes, another's in no case.
    pub fn content(&self) -> &'static [u8] {
        static CONTENTS: LazyLock<BTreeMap<u32, Vec<u8>>> =
            LazyLock::new(|| DOCUMENTS.iter().map(|document| (document.number, document.made())).collect());
        &CONTENTS[&self.number]
    }

    fn made(&self) -> Vec<u8> {
        let number = self.number;
        let mut bytes = match self.media_type {
            "image/png" => b"\x89PNG\r\n\x1a\n".to_vec(),
            "image/jpeg" => b"\xff\xd8\xff\xe0".to_vec(),
            "text/plain" => "\u{feff}外来診療録 髙橋 𠮷野\r\n".into(),
            _ => format!("%PDF-1.{number:02}\n").into_bytes(),
        };
        // Every byte there is, so that one that is taken for text breaks; of no power of two, so that one
        // that is left out or comes twice shows.
        let piece: Vec<u8> = (0..=u8::MAX).chain(number.to_be_bytes()).collect();
        bytes.extend(piece.iter().copied().cycle().take(self.bytes));
        bytes.truncate(self.bytes);
        bytes
    }

    /// Its uniqueId at the holder of this OID.
    pub fn unique(&self, holder: &str) -> String {
        match self.unique {
            "" => format!("{holder}.7.{}", self.number),
            own => format!("{holder}{own}"),
        }
    }
}
