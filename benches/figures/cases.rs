//! What is measured: messages, how many, how many at once, and who is beside the broker.

/// One kind of row.
#[derive(Debug, Clone)]
pub struct Case {
    pub name: &'static str,
    /// `discovery`, `query` or `retrieve`.
    pub kind: &'static str,
    /// Key of the identity provider.
    pub key: &'static str,
    /// Entries of an answer, or MiB of a document.
    pub size: u64,
    pub count: u64,
    pub warm: u64,
    pub connections: u64,
    /// Bytes a second each reader takes, for so many seconds; 0 is all, as it comes.
    pub rate: u64,
    pub seconds_max: u64,
    pub contestants: &'static [&'static str],
}

const ALL: &[&str] = &["nginx", "haproxy", "kakehashi", "jvm"];
const PROXIES: &[&str] = &["nginx", "haproxy", "kakehashi"];
const TWO: &[&str] = &["nginx", "kakehashi"];

const fn case(name: &'static str, kind: &'static str, size: u64, count: u64) -> Case {
    Case {
        name,
        kind,
        key: "p256",
        size,
        count,
        warm: 64,
        connections: 16,
        rate: 0,
        seconds_max: 0,
        contestants: ALL,
    }
}

pub fn cases(is_short: bool) -> Vec<Case> {
    let few = |long: u64, short: u64| if is_short { short } else { long };
    let mib = few(1024, 256);
    vec![
        Case { warm: 0, connections: 1, contestants: PROXIES, ..case("ITI-39 document", "retrieve", mib, 1) },
        Case {
            warm: 0,
            rate: 1 << 20,
            seconds_max: few(8, 3),
            contestants: TWO,
            ..case("ITI-39, 16 slow readers", "retrieve", mib, 16)
        },
        case("ITI-55 20 KB", "discovery", 0, few(2400, 800)),
        Case {
            key: "rsa2048",
            contestants: TWO,
            ..case("ITI-55 20 KB, RSA-2048", "discovery", 0, few(800, 200))
        },
        case("ITI-38 100 entries", "query", 100, few(640, 200)),
        Case {
            warm: 2,
            connections: 1,
            contestants: TWO,
            ..case("ITI-38 100 alone", "query", 100, few(100, 50))
        },
        Case {
            warm: 2,
            connections: 1,
            contestants: TWO,
            ..case("ITI-38 1,000 alone", "query", 1_000, few(30, 8))
        },
        Case {
            warm: 1,
            connections: 1,
            contestants: TWO,
            ..case("ITI-38 10,000 alone", "query", 10_000, few(4, 1))
        },
    ]
}
