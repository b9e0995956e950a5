//! The people of the demo (decisions C7). All are invented; names are written differently in their two
//! hospitals, as records are: old and new letter forms, half-width kana, blanks.

use super::network::{HIROSHIMA, Hospital, Network, OKAYAMA};

/// What is to become of a question about this person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Consents; treated at two hospitals.
    Consented,
    /// Consents at first, withdraws during the demo.
    Withdraws,
    /// Never consented.
    Unconsented,
    /// A twin who consents.
    Twin,
    /// The sister, who does not.
    TwinUnconsented,
    /// Never asked; lies unconscious.
    Emergency,
    /// Treated in both networks; consents in both.
    Commuter,
}

/// A person as records and questions tell.
#[derive(Debug)]
pub struct Person {
    /// Part in the story.
    pub part: Part,
    /// The network's own id; empty where there is no consent row.
    pub network_id: &'static str,
    /// Kanji as a portal types it.
    pub kanji: (&'static str, &'static str),
    /// Kana as a portal types it.
    pub kana: (&'static str, &'static str),
    /// `YYYYMMDD`.
    pub birth: &'static str,
    /// M or F.
    pub sex: &'static str,
    /// Postcode.
    pub postal: &'static str,
    /// Address.
    pub address: &'static str,
    /// Telephone.
    pub phone: &'static str,
    /// Records: hospital (0 or 1), number, kanji and kana as written there.
    pub records: &'static [Record],
}

/// How one hospital wrote a person down.
#[derive(Debug)]
pub struct Record {
    /// Which hospital of the network.
    pub hospital: usize,
    /// The hospital's number.
    pub number: &'static str,
    /// Kanji.
    pub kanji: (&'static str, &'static str),
    /// Kana.
    pub kana: (&'static str, &'static str),
    /// Telephone.
    pub phone: &'static str,
    /// Address.
    pub address: &'static str,
}

impl Record {
    /// The hospital.
    pub fn at<'n>(&self, network: &'n Network) -> Option<&'n Hospital> {
        network.hospitals.get(self.hospital)
    }
}

/// The people of a network.
pub fn people(network: &Network) -> &'static [Person] {
    if network.key == HIROSHIMA.key { &OF_HIROSHIMA } else { &OF_OKAYAMA }
}

/// The person with a part; every part is there in Okayama, the first three in Hiroshima.
pub fn person(network: &Network, part: Part) -> Option<&'static Person> {
    people(network).iter().find(|person| person.part == part)
}

/// Somebody whom no hospital knows.
pub static STRANGER: Person = Person {
    part: Part::Unconsented,
    network_id: "",
    kanji: ("架空", "知子"),
    kana: ("カクウ", "トモコ"),
    birth: "19500101",
    sex: "F",
    postal: "700-0000",
    address: "岡山県岡山市北区見本町9-9-9",
    phone: "086-999-9999",
    records: &[],
};

static OF_OKAYAMA: [Person; 7] = [
    Person {
        part: Part::Consented,
        network_id: "OK000101",
        kanji: ("髙橋", "美咲"),
        kana: ("タカハシ", "ミサキ"),
        birth: "19680412",
        sex: "F",
        postal: "714-0000",
        address: "岡山県笠岡市見本町一丁目２番３号",
        phone: "0865-99-0101",
        records: &[
            Record {
                hospital: 0,
                number: "0000012345",
                kanji: ("高橋", "美咲"),
                kana: ("タカハシ", "ミサキ"),
                phone: "0865-99-0101",
                address: "岡山県笠岡市見本町1-2-3",
            },
            Record {
                hospital: 1,
                number: "00778899",
                kanji: ("髙橋", "美咲"),
                kana: ("ﾀｶﾊｼ", "ﾐｻｷ"),
                phone: "0865990101",
                address: "岡山県笠岡市見本町１丁目２－３",
            },
        ],
    },
    Person {
        part: Part::Withdraws,
        network_id: "OK000102",
        kanji: ("齋藤", "健一"),
        kana: ("サイトウ", "ケンイチ"),
        birth: "19551103",
        sex: "M",
        postal: "714-0000",
        address: "岡山県笠岡市見本町4-5-6",
        phone: "0865-99-0102",
        records: &[Record {
            hospital: 0,
            number: "0000020001",
            kanji: ("斎藤", "健一"),
            kana: ("サイトウ", "ケンイチ"),
            phone: "0865-99-0102",
            address: "岡山県笠岡市見本町4-5-6",
        }],
    },
    Person {
        part: Part::Unconsented,
        network_id: "",
        kanji: ("渡邊", "和子"),
        kana: ("ワタナベ", "カズコ"),
        birth: "19490220",
        sex: "F",
        postal: "715-0000",
        address: "岡山県井原市見本町7-8",
        phone: "0866-99-0103",
        records: &[Record {
            hospital: 1,
            number: "00551122",
            kanji: ("渡邊", "和子"),
            kana: ("ﾜﾀﾅﾍﾞ", "ｶｽﾞｺ"),
            phone: "0866-99-0103",
            address: "岡山県井原市見本町７－８",
        }],
    },
    Person {
        part: Part::Twin,
        network_id: "OK000104",
        kanji: ("小林", "結衣"),
        kana: ("コバヤシ", "ユイ"),
        birth: "20090707",
        sex: "F",
        postal: "714-0000",
        address: "岡山県笠岡市見本町10-1",
        phone: "0865-99-0104",
        records: &[Record {
            hospital: 0,
            number: "0000030001",
            kanji: ("小林", "結衣"),
            kana: ("コバヤシ", "ユイ"),
            phone: "0865-99-0104",
            address: "岡山県笠岡市見本町10-1",
        }],
    },
    Person {
        part: Part::TwinUnconsented,
        network_id: "",
        kanji: ("小林", "真央"),
        kana: ("コバヤシ", "マオ"),
        birth: "20090707",
        sex: "F",
        postal: "714-0000",
        address: "岡山県笠岡市見本町10-1",
        phone: "0865-99-0104",
        records: &[Record {
            hospital: 0,
            number: "0000030002",
            kanji: ("小林", "真央"),
            kana: ("コバヤシ", "マオ"),
            phone: "0865-99-0104",
            address: "岡山県笠岡市見本町10-1",
        }],
    },
    Person {
        part: Part::Emergency,
        network_id: "",
        kanji: ("藤井", "大輔"),
        kana: ("フジイ", "ダイスケ"),
        birth: "19790915",
        sex: "M",
        postal: "714-0000",
        address: "岡山県笠岡市見本町20-2",
        phone: "0865-99-0106",
        records: &[Record {
            hospital: 0,
            number: "0000040001",
            kanji: ("藤井", "大輔"),
            kana: ("フジイ", "ダイスケ"),
            phone: "0865-99-0106",
            address: "岡山県笠岡市見本町20-2",
        }],
    },
    Person {
        part: Part::Commuter,
        network_id: "OK000107",
        kanji: ("桑田", "真由美"),
        kana: ("クワタ", "マユミ"),
        birth: "19740518",
        sex: "F",
        postal: "720-0000",
        address: "広島県福山市見本町12-4",
        phone: "084-999-0107",
        records: &[Record {
            hospital: 0,
            number: "0000050001",
            kanji: ("桑田", "真由美"),
            kana: ("クワタ", "マユミ"),
            phone: "084-999-0107",
            address: "広島県福山市見本町12-4",
        }],
    },
];

static OF_HIROSHIMA: [Person; 4] = [
    Person {
        part: Part::Consented,
        network_id: "HM000201",
        kanji: ("山﨑", "浩二"),
        kana: ("ヤマザキ", "コウジ"),
        birth: "19611224",
        sex: "M",
        postal: "720-0000",
        address: "広島県福山市見本町3-1",
        phone: "084-999-0201",
        records: &[
            Record {
                hospital: 0,
                number: "0000500001",
                kanji: ("山崎", "浩二"),
                kana: ("ヤマザキ", "コウジ"),
                phone: "084-999-0201",
                address: "広島県福山市見本町3-1",
            },
            Record {
                hospital: 1,
                number: "00600002",
                kanji: ("山﨑", "浩二"),
                kana: ("ﾔﾏｻﾞｷ", "ｺｳｼﾞ"),
                phone: "0849990201",
                address: "広島県福山市見本町３－１",
            },
        ],
    },
    Person {
        part: Part::Withdraws,
        network_id: "HM000202",
        kanji: ("濵田", "節子"),
        kana: ("ハマダ", "セツコ"),
        birth: "19421015",
        sex: "F",
        postal: "720-0000",
        address: "広島県福山市見本町5-5",
        phone: "084-999-0202",
        records: &[Record {
            hospital: 1,
            number: "00600003",
            kanji: ("濵田", "節子"),
            kana: ("ﾊﾏﾀﾞ", "ｾﾂｺ"),
            phone: "084-999-0202",
            address: "広島県福山市見本町５－５",
        }],
    },
    Person {
        part: Part::Unconsented,
        network_id: "",
        kanji: ("中村", "直子"),
        kana: ("ナカムラ", "ナオコ"),
        birth: "19830530",
        sex: "F",
        postal: "720-0000",
        address: "広島県福山市見本町8-1",
        phone: "084-999-0203",
        records: &[Record {
            hospital: 0,
            number: "0000500003",
            kanji: ("中村", "直子"),
            kana: ("ナカムラ", "ナオコ"),
            phone: "084-999-0203",
            address: "広島県福山市見本町8-1",
        }],
    },
    Person {
        part: Part::Commuter,
        network_id: "HM000204",
        kanji: ("桑田", "真由美"),
        kana: ("クワタ", "マユミ"),
        birth: "19740518",
        sex: "F",
        postal: "720-0000",
        address: "広島県福山市見本町12-4",
        phone: "084-999-0107",
        records: &[Record {
            hospital: 1,
            number: "00600005",
            kanji: ("桑田", "真由美"),
            kana: ("ｸﾜﾀ", "ﾏﾕﾐ"),
            phone: "0849990107",
            address: "広島県福山市見本町１２－４",
        }],
    },
];

/// Both networks with their people.
pub fn networks() -> [&'static Network; 2] {
    [&OKAYAMA, &HIROSHIMA]
}
