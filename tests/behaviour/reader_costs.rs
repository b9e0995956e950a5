//! What a message costs to read grows no faster than the message: the CPU time of each reader at one,
//! two and four times as much of everything that a sender may repeat.

use std::hint::black_box;

use kakehashi::dialect::ebxml::{CrossGatewayQuery, CrossGatewayRetrieve};
use kakehashi::dialect::hl7v2;
use kakehashi::dialect::hl7v3::CrossGatewayPatientDiscovery;
use kakehashi::dialect::soap::Envelope;
use kakehashi::dialect::{Received, Sent, Transaction};
use kakehashi::identity::{Identity, Issuing, NameFormat, SamlTrust, Signer, TrustedIssuer, verify};
use kakehashi::matching;
use kakehashi::model::{
    Address, Authority, Code, CommunityId, Demographics, MessageId, Organization, PartialDate, PatientId,
    PeerProfile, Person, PersonName, QueryId, Role, Sex, Timestamp,
};
use kakehashi::xml::{Event, Reader};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::simulators::client::oid;
use crate::simulators::pki;

/// A doubled message may cost so much more: twice, and what caches and noise add.
const DOUBLED: f64 = 2.6;
/// Measured so often before a ratio counts: other processes disturb, and only ever upward.
const ATTEMPTS: usize = 8;

/// Nanoseconds this thread has been on a CPU.
fn cpu_nanos() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

/// The clock of a thread's CPU time may tick in milliseconds: measured are runs of many ticks.
const MEASURED_NANOS: u64 = 40_000_000;

fn cost(run: &dyn Fn(&str), text: &str) -> f64 {
    let (before, mut runs) = (cpu_nanos(), 0.0);
    loop {
        for _ in 0..4 {
            run(black_box(text));
            runs += 1.0;
        }
        let took = cpu_nanos() - before;
        if took >= MEASURED_NANOS {
            return took as f64 / runs;
        }
    }
}

/// Over two doublings, so that a tick of the clock in one of three numbers decides nothing: what is
/// quadratic grows sixteenfold.
fn is_linear([two, four]: [f64; 2]) -> bool {
    two * four <= DOUBLED * DOUBLED
}

/// Repeats a row until it holds, and tells the best ratios seen: of the least costs, or, where they held
/// twice, of three costs taken one after the other, because a processor shared with others may be fast for
/// one of them alone.
fn ratios(run: &dyn Fn(&str), sizes: &[String; 3]) -> [f64; 2] {
    let mut best = [f64::MAX; 3];
    let mut seen = [f64::MAX; 2];
    let mut held = 0;
    for _ in 0..ATTEMPTS {
        let costs = [0, 1, 2].map(|at| cost(run, &sizes[at]));
        for (best, cost) in best.iter_mut().zip(costs) {
            *best = best.min(cost);
        }
        let grown = |[one, two, four]: [f64; 3]| [two / one, four / two];
        held += usize::from(is_linear(grown(costs)));
        for now in [Some(grown(best)), (held >= 2).then(|| grown(costs))].into_iter().flatten() {
            if now[0] * now[1] < seen[0] * seen[1] {
                seen = now;
            }
        }
        if is_linear(seen) {
            break;
        }
    }
    seen
}

struct Row {
    name: &'static str,
    /// How many are repeated at first.
    times: usize,
    make: Box<dyn Fn(usize) -> String>,
    run: Box<dyn Fn(&str)>,
}

fn row(
    name: &'static str,
    times: usize,
    make: impl Fn(usize) -> String + 'static,
    run: impl Fn(&str) + 'static,
) -> Row {
    Row { name, times, make: Box::new(make), run: Box::new(run) }
}

fn hold(rows: Vec<Row>) {
    let mut wrong = Vec::new();
    for Row { name, times, make, run } in rows {
        let sizes = [1, 2, 4].map(|factor| make(times * factor));
        let [two, four] = ratios(&*run, &sizes);
        println!("{name}: 2n/n {two:.2}, 4n/2n {four:.2}");
        if !is_linear([two, four]) {
            wrong.push(format!("{name}: {two:.2} and {four:.2} at {times}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

fn read_all(text: &str) {
    let mut reader = Reader::new(text);
    while !matches!(reader.next(), Ok(Event::Eof) | Err(_)) {}
}

fn inside(open: &str, piece: &str, times: usize) -> String {
    format!("<a xmlns:p=\"urn:p\">{open}{}</a>", piece.repeat(times))
}

#[test]
fn xml_costs_no_more_than_its_length_whatever_is_repeated_in_it() {
    let numbered = |times: usize, one: fn(usize) -> String| (0..times).map(one).collect::<String>();
    hold(vec![
        row("elements", 2_000, |n| inside("", "<b/>", n), read_all),
        row(
            "elements with 60 attributes",
            50,
            move |n| {
                let attributes = numbered(60, |a| format!(" a{a}=\"v\""));
                inside("", &format!("<b{attributes}/>"), n)
            },
            read_all,
        ),
        row(
            "elements with 60 namespaces",
            50,
            move |n| {
                let declared = numbered(60, |a| format!(" xmlns:n{a}=\"urn:{a}\""));
                inside("", &format!("<b{declared}/>"), n)
            },
            read_all,
        ),
        row(
            "namespaces of siblings",
            500,
            move |n| {
                format!(
                    "<a>{}</a>",
                    (0..n).map(|a| format!("<n{a}:b xmlns:n{a}=\"urn:{a}\"/>")).collect::<String>()
                )
            },
            read_all,
        ),
        row(
            "references",
            5_000,
            |n| inside("", "&amp;", n),
            |text| {
                let mut reader = Reader::new(text);
                let _ = reader.root();
                let _ = black_box(reader.text_content());
            },
        ),
        row(
            "character data sections",
            2_000,
            |n| inside("", "<![CDATA[x]]>", n),
            |text| {
                let mut reader = Reader::new(text);
                let _ = reader.root();
                let _ = black_box(reader.text_content());
            },
        ),
        row("comments", 3_000, |n| inside("", "<!-- - -->", n), read_all),
        row("one long text", 200_000, |n| inside("", "x", n), read_all),
        row("one long value", 200_000, |n| format!("<a b=\"{}\"/>", "x".repeat(n)), read_all),
        row("references in a value", 5_000, |n| format!("<a b=\"{}\"/>", "&#65;".repeat(n)), read_all),
        row(
            "one long namespace",
            500,
            |n| format!("<a xmlns=\"{}\">{}</a>", "u".repeat(n * 2), "<b/>".repeat(n)),
            read_all,
        ),
        row("one long name", 100_000, |n| format!("<{0}></{0}>", "x".repeat(n)), read_all),
        row("line ends before a fault", 20_000, |n| format!("{}<a>&x;</a>", "\n".repeat(n)), read_all),
        row("texts between elements", 2_000, |n| inside("", "x<b/>\r\n", n), read_all),
    ]);
}

fn envelope(header: &str, body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:wsa=\"http://www.w3.org/2005/08/addressing\">\
         <s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )
}

fn open(text: &str) {
    if let Ok(envelope) = Envelope::read(text) {
        let _ = black_box(envelope.body_name());
    }
}

#[test]
fn soap_headers_cost_no_more_than_their_length() {
    hold(vec![
        row(
            "blocks nobody knows",
            1_000,
            |n| envelope(&"<x:b xmlns:x=\"urn:x\" s:mustUnderstand=\"1\"/>".repeat(n), "<a/>"),
            open,
        ),
        row(
            "the same block again",
            1_000,
            |n| envelope(&"<wsa:Action>a</wsa:Action>".repeat(n), "<a/>"),
            open,
        ),
        row(
            "reference parameters",
            500,
            |n| {
                let parameters = "<x:b xmlns:x=\"urn:x\">1</x:b>".repeat(n);
                envelope(
                    &format!(
                        "<wsa:ReplyTo><wsa:ReferenceParameters>{parameters}</wsa:ReferenceParameters></wsa:ReplyTo>"
                    ),
                    "<a/>",
                )
            },
            open,
        ),
        row(
            "content of a block",
            2_000,
            |n| envelope(&format!("<x:b xmlns:x=\"urn:x\">{}</x:b>", "<c>1</c>".repeat(n)), "<a/>"),
            open,
        ),
    ]);
}

fn seed(name: &str) -> String {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
    std::fs::read_to_string(file).unwrap()
}

/// The first piece of a text between these, both included.
fn piece(text: &str, open: &str, close: &str) -> String {
    let from = text.find(open).unwrap_or_else(|| panic!("{open} in {text}"));
    let to = text[from..].find(close).unwrap_or_else(|| panic!("{close} in {text}")) + from + close.len();
    text[from..to].to_owned()
}

/// A seed in which one piece stands so often.
fn repeated(name: &str, open: &'static str, close: &'static str) -> impl Fn(usize) -> String + 'static {
    let text = seed(name);
    let piece = piece(&text, open, close);
    move |times| text.replacen(&piece, &piece.repeat(times), 1)
}

fn sent() -> Sent {
    Sent {
        message: MessageId("urn:uuid:1".to_owned()),
        query: QueryId { root: "2.999.33.9".to_owned(), extension: Some("1".to_owned()) },
        home: CommunityId(oid("2.999.34")),
        patient: Some(PatientId::new(Authority(oid("2.999.34.1")), "P-1")),
        documents: Vec::new(),
    }
}

fn read_answer<T: Transaction>(text: &str) {
    let profile = PeerProfile { authorities: vec![Authority(oid("2.999.34.1"))], ..PeerProfile::default() };
    let received = Received { envelope: Envelope::bare(text), parts: None };
    let _ = black_box(T::read_answer(received, &sent(), &profile).is_ok());
}

fn read_request<T: Transaction>(text: &str) {
    let _ = black_box(T::read_request(&Envelope::bare(text), &PeerProfile::default()).is_ok());
}

#[test]
fn lists_of_documents_cost_no_more_than_their_length() {
    let answer = "ebxml_query_answer/one_entry";
    let (read, retrieved) = (read_answer::<CrossGatewayQuery>, read_answer::<CrossGatewayRetrieve>);
    let request = "ebxml_query_request/find_documents";
    hold(vec![
        row("entries", 50, repeated(answer, "<ExtrinsicObject", "</ExtrinsicObject>"), read),
        row("slots", 200, repeated(answer, "<Slot", "</Slot>"), read),
        row("values", 500, repeated(answer, "<Value>", "</Value>"), read),
        row("classifications", 200, repeated(answer, "<Classification", "</Classification>"), read),
        row("external identifiers", 200, repeated(answer, "<ExternalIdentifier", "/>"), read),
        row("parameters", 200, repeated(request, "<Slot", "</Slot>"), read_request::<CrossGatewayQuery>),
        row(
            "values of a parameter",
            500,
            repeated(request, "<Value>", "</Value>"),
            read_request::<CrossGatewayQuery>,
        ),
        row(
            "documents",
            100,
            repeated("ebxml_retrieve/answer", "<DocumentResponse", "</DocumentResponse>"),
            retrieved,
        ),
        row(
            "documents asked for",
            100,
            repeated("ebxml_retrieve/request", "<DocumentRequest", "</DocumentRequest>"),
            read_request::<CrossGatewayRetrieve>,
        ),
    ]);
}

fn demographics(text: &str) {
    let read = CrossGatewayPatientDiscovery::read_request(&Envelope::bare(text), &PeerProfile::default());
    if let Ok(asked) = read {
        let person = asked.demographics.reveal();
        black_box(matching::grade(person, person));
    }
}

#[test]
fn persons_with_many_names_and_numbers_cost_no_more_than_their_length() {
    let (request, answer) = ("hl7v3_request/discovery", "hl7v3_answer/one_match");
    let read = read_answer::<CrossGatewayPatientDiscovery>;
    hold(vec![
        row(
            "name parameters",
            100,
            repeated(request, "<livingSubjectName", "</livingSubjectName>"),
            demographics,
        ),
        row("names asked for", 100, repeated(request, "<value><family", "</value>"), demographics),
        row("parts of a name", 100, repeated(request, "<family", "</family>"), demographics),
        row(
            "birth dates",
            100,
            repeated(request, "<livingSubjectBirthTime", "</livingSubjectBirthTime>"),
            demographics,
        ),
        row("persons", 50, repeated(answer, "<subject", "</subject>"), read),
        row("names of a person", 200, repeated(answer, "<name", "</name>"), read),
    ]);
}

// Two persons with something more, the second with another end of it.
fn grade_with(change: impl Fn(&mut Demographics, &str)) {
    let person = |end: &str| {
        let mut person = Demographics {
            names: vec![PersonName { script: None, family: "山田".to_owned(), given: "花子".to_owned() }],
            birth: PartialDate::from_digits("19630804"),
            sex: Some(Sex::Female),
            ..Demographics::default()
        };
        change(&mut person, end);
        person
    };
    black_box(matching::grade(&person(""), &person("子")));
}

#[test]
fn a_person_with_many_names_is_held_against_another_at_the_cost_of_their_number() {
    let names = |count: usize, last: &str| Demographics {
        names: (0..count)
            .map(|n| PersonName { script: None, family: format!("山田{n}"), given: last.to_owned() })
            .collect(),
        birth: PartialDate::from_digits("19630804"),
        ..Demographics::default()
    };
    hold(vec![row(
        "names held against names",
        2_000,
        |n| n.to_string(),
        move |count: &str| {
            let count = count.parse().unwrap();
            black_box(matching::grade(&names(count, "花"), &names(count, "子")));
        },
    )]);
}

#[test]
fn a_person_with_one_long_text_costs_no_more_than_its_length() {
    let name = |text: &str| {
        grade_with(|person, end| {
            let (family, given) = (text.to_owned(), format!("{text}{end}"));
            person.names = vec![PersonName { script: None, family, given }];
        });
    };
    let address = |text: &str| {
        grade_with(|person, end| {
            let (postal_code, text) = (text.to_owned(), format!("{text}{end}"));
            person.addresses = vec![Address { postal_code, text }];
        });
    };
    let phone = |text: &str| grade_with(|person, end| person.phones = vec![format!("{text}{end}")]);
    let mut rows = Vec::new();
    for piece in ["山", "ヤ", "ﾔﾞ", "ー", "y", "ou", "山 ", "(旧姓)", "・", "々"] {
        rows.push(row("one long name", 3_000, move |n| piece.repeat(n), name));
    }
    for piece in ["倉敷市架橋", "1", "1-", "一", "十番", "二丁目", "ケ", "大字", "県", "の", "1の", " "]
    {
        rows.push(row("one long address", 3_000, move |n| piece.repeat(n), address));
    }
    for piece in ["0", "0-", "(086)", "+81"] {
        rows.push(row("one long telephone number", 1_000, move |n| piece.repeat(n), phone));
    }
    hold(rows);
}

#[test]
fn hl7_v2_costs_no_more_than_its_length() {
    let message = |rest: String| format!("MSH|^~\\&|A|B|C|D|20240101||ADT^A08|1|P|2.5\r{rest}");
    let read = |text: &str| {
        let Ok(parsed) = hl7v2::Message::parse(text.as_bytes()) else { return };
        for segment in parsed.message.segments() {
            for number in 0..=segment.len() {
                for repetition in segment.field(number).repetitions() {
                    black_box((repetition.text(), repetition.component(1).subcomponent(1)));
                }
            }
        }
    };
    hold(vec![
        row("segments", 500, move |n| message("PID|1||1^^^A\r".repeat(n)), read),
        row("repetitions", 1_000, move |n| message(format!("PID|1||{}\r", "1^2~".repeat(n))), read),
        row("escapes", 2_000, move |n| message(format!("PID|1||{}\r", "\\T\\".repeat(n))), read),
        row("components", 2_000, move |n| message(format!("PID|1||{}\r", "a^".repeat(n))), read),
    ]);
}

/// A signed message with this in its body, and the trust that fits it.
fn signed() -> (impl Fn(&str) -> String, SamlTrust) {
    let key = std::fs::read_to_string(pki::file("hiroshima-saml.key.pem")).unwrap();
    let public = CertificateDer::from_pem_file(pki::file("hiroshima-saml.pem")).unwrap();
    let issuing = Issuing {
        issuer: "urn:example:sts".to_owned(),
        signer: Signer::new(&key, &public).unwrap(),
        audience: "urn:example:okayama".to_owned(),
        recipient: "https://okayama.example/".to_owned(),
        community: CommunityId(oid("2.999.34")),
        roles: Vec::new(),
        purposes: Vec::new(),
        name_format: NameFormat::Uri,
        life_seconds: 300,
        must_understand: true,
    };
    let identity = Identity {
        person: Person { id: "d0001".to_owned(), name: "試験 医師".to_owned(), alias: None },
        organization: Organization { id: "2.999.34.20".to_owned(), name: "試験病院".to_owned() },
        roles: vec![Code::new("MD", "2.999.7.1", "")],
        purpose: Code::new("TREATMENT", "2.16.840.1.113883.3.18.7.1", ""),
        authenticated: Some(Timestamp::now()),
    };
    let security = issuing.security(&identity, None, uuid::Uuid::new_v4(), Timestamp::now()).unwrap();
    let trust = SamlTrust {
        issuers: vec![TrustedIssuer::new("urn:example:sts", &[public.to_vec()]).unwrap()],
        audiences: vec!["urn:example:okayama".to_owned()],
        recipients: vec!["https://okayama.example/".to_owned()],
        roles: vec![(Code::new("MD", "2.999.7.1", ""), Role("physician".to_owned()))],
        purposes: SamlTrust::standard_purposes(),
        skew_seconds: 60,
        sha1_until: None,
        accept_missing_audience: false,
        accept_missing_authn_statement: false,
        accept_missing_home_community: false,
        require_timestamp: false,
        one_use: false,
    };
    (move |body: &str| envelope(&security, body), trust)
}

#[test]
fn verifying_a_signature_costs_no_more_than_the_length_of_the_message_around_it() {
    type Piece = fn(usize) -> String;
    let pieces: [(&'static str, usize, Piece); 5] = [
        ("elements", 2_000, |_| "<b/>".to_owned()),
        ("ids", 1_000, |n| format!("<b ID=\"i{n}\"/>")),
        ("other signatures", 1_000, |_| {
            "<Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"/>".to_owned()
        }),
        ("other assertions", 500, |_| {
            "<Assertion xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"/>".to_owned()
        }),
        ("namespaces", 500, |n| format!("<n{n}:b xmlns:n{n}=\"urn:{n}\"/>")),
    ];
    let rows = pieces.map(|(name, times, piece)| {
        let (message, trust) = signed();
        let make = move |n: usize| message(&format!("<a>{}</a>", (0..n).map(piece).collect::<String>()));
        let community = CommunityId(oid("2.999.34"));
        let run = move |text: &str| {
            let taken = verify(text, &trust, &community, Timestamp::now());
            assert!(taken.is_ok(), "{:?}", taken.err());
        };
        row(name, times, make, run)
    });
    hold(rows.into());
}
