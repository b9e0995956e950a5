//! The two networks of the demo: identifiers under the example arc 2.999, hospitals that do not exist,
//! the agreement's codes. Both sides are alike; everything else is derived from here.

/// A hospital.
#[derive(Debug)]
pub struct Hospital {
    /// Folder and file name.
    pub key: &'static str,
    /// 10-digit facility code.
    pub facility: &'static str,
    /// Name in Japanese.
    pub name: &'static str,
    /// Name in English.
    pub english: &'static str,
    /// OID of the organisation; patient numbers lie below it at `.1`, documents at `.2`.
    pub organization: &'static str,
    /// Whether its system writes Shift_JIS where the guideline wants ISO-2022-JP.
    pub writes_shift_jis: bool,
}

impl Hospital {
    /// The authority of its patient numbers.
    pub fn authority(&self) -> String {
        format!("{}.1", self.organization)
    }

    /// repositoryUniqueId of its documents.
    pub fn repository(&self) -> String {
        format!("{}.2", self.organization)
    }
}

/// One side.
#[derive(Debug)]
pub struct Network {
    /// Folder and file name.
    pub key: &'static str,
    /// Name in Japanese.
    pub name: &'static str,
    /// Name in English.
    pub english: &'static str,
    /// Home community, without `urn:oid:`.
    pub community: &'static str,
    /// Its hospitals.
    pub hospitals: [Hospital; 2],
}

impl Network {
    /// The authority of the network's own patient ids.
    pub fn authority(&self) -> String {
        format!("{}.1", self.community)
    }

    /// The broker as an HL7 device.
    pub fn device(&self) -> String {
        format!("{}.0.1", self.community)
    }

    /// What the portal's client certificate is told by.
    pub fn portal_uri(&self) -> String {
        format!("urn:oid:{}.0.2", self.community)
    }

    /// The clinic from whose portal is asked.
    pub fn clinic(&self) -> String {
        format!("{}.7.1", self.community)
    }

    /// SAML issuer of the portal.
    pub fn portal_issuer(&self) -> String {
        format!("https://portal.{}.example/idp", self.key)
    }

    /// SAML issuer of the broker.
    pub fn broker_issuer(&self) -> String {
        format!("https://kakehashi.{}.example/idp", self.key)
    }

    /// Name of the clinic, and of a physician and a nurse who work there.
    pub fn staff(&self) -> Staff {
        match self.key {
            "okayama" => Staff {
                clinic: "笠岡うみべ診療所（架空）",
                physician: ("d-okayama-1", "瀬戸 航"),
                nurse: ("n-okayama-1", "吉備 さくら"),
            },
            _ => Staff {
                clinic: "福山さくら通りクリニック（架空）",
                physician: ("d-hiroshima-1", "鞆 一郎"),
                nurse: ("n-hiroshima-1", "芦田 みどり"),
            },
        }
    }
}

/// Who asks: id and name.
#[derive(Debug, Clone, Copy)]
pub struct Staff {
    /// Name of the clinic.
    pub clinic: &'static str,
    /// A physician.
    pub physician: (&'static str, &'static str),
    /// A nurse.
    pub nurse: (&'static str, &'static str),
}

/// The federation's coding scheme of roles.
pub const ROLE_SYSTEM: &str = "2.999.1.1";

/// Role inside the broker, code on the wire (hcRole, japan.md 4.3), what a person reads.
pub const ROLES: [(&str, &str, &str); 3] = [
    ("physician", "Medical Doctor", "医師"),
    ("nurse", "General Nurse", "看護師"),
    ("pharmacist", "Pharmacist", "薬剤師"),
];

/// XSPA purpose of use.
pub const PURPOSE_SYSTEM: &str = "2.16.840.1.113883.3.18.7.1";

/// Okayama.
pub static OKAYAMA: Network = Network {
    key: "okayama",
    name: "岡山の網（デモ）",
    english: "Okayama network (demo)",
    community: "2.999.33",
    hospitals: [
        Hospital {
            key: "kibi-mirai",
            facility: "3310000001",
            name: "吉備みらい病院（架空）",
            english: "Kibi Mirai Hospital (fictional)",
            organization: "2.999.33.11",
            writes_shift_jis: false,
        },
        Hospital {
            key: "setonooka",
            facility: "3310000002",
            name: "瀬戸の丘総合病院（架空）",
            english: "Seto-no-oka General Hospital (fictional)",
            organization: "2.999.33.12",
            writes_shift_jis: true,
        },
    ],
};

/// Hiroshima.
pub static HIROSHIMA: Network = Network {
    key: "hiroshima",
    name: "広島の網（デモ）",
    english: "Hiroshima network (demo)",
    community: "2.999.34",
    hospitals: [
        Hospital {
            key: "momijidai",
            facility: "3410000001",
            name: "もみじ台中央病院（架空）",
            english: "Momijidai Central Hospital (fictional)",
            organization: "2.999.34.11",
            writes_shift_jis: false,
        },
        Hospital {
            key: "ashidagawa",
            facility: "3410000002",
            name: "芦田川医療センター（架空）",
            english: "Ashidagawa Medical Center (fictional)",
            organization: "2.999.34.12",
            writes_shift_jis: true,
        },
    ],
};

/// The other side.
pub fn other(network: &Network) -> &'static Network {
    if network.key == OKAYAMA.key { &HIROSHIMA } else { &OKAYAMA }
}
