//! What a registry, a repository, a patient manager and a PIX manager may say instead of the truth.

use super::MARK;
use super::lies::{SOAP, Told, fault};
use super::registries::Place;

/// What a lie is told in answer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    Persons,
    List,
    ListById,
    Documents,
    /// A PIX query, for a list.
    Ids,
}

impl Of {
    /// Where it is told.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Persons => "/pdq",
            Self::List | Self::ListById => "/registry",
            Self::Documents => "/repository",
            Self::Ids => "/pix",
        }
    }
}

/// Bends the truth of this place; is told the MessageID that asked.
pub type Tell = fn(Told, &Place, &str) -> Told;

/// One lie.
pub struct Lie {
    pub name: &'static str,
    pub of: &'static [Of],
    /// Whether it is one in the mouth of this place.
    pub by: fn(&Place) -> bool,
    /// Findings of the same place that are honest, and may survive.
    pub honest: usize,
    /// Whether it can be told from an honest mistake.
    pub is_counted: bool,
    pub tell: Tell,
}

const fn lie(of: &'static [Of], name: &'static str, tell: Tell) -> Lie {
    Lie { name, of, by: |_| true, honest: 0, is_counted: true, tell }
}

const EVERYWHERE: &[Of] = &[Of::Persons, Of::List, Of::Documents, Of::Ids];
const LISTS: &[Of] = &[Of::List];
const PERSONS: &[Of] = &[Of::Persons];
const DOCUMENTS: &[Of] = &[Of::Documents];
const IDS: &[Of] = &[Of::Ids];
/// What is no package.
const PLAIN: &[Of] = &[Of::Persons, Of::List, Of::Ids];

fn is_source(place: &Place) -> bool {
    place.target == "site"
}

fn is_peer(place: &Place) -> bool {
    !is_source(place)
}

/// Marks whatever the answer is of.
fn marked(t: Told) -> Told {
    let body = t.body.replace("処方\"", &format!("{MARK}\"")).replace("truth!", "EVIL!!");
    Told { body, ..t }
}

/// The number of the person in an answer about persons or ids.
fn numbered(t: Told, place: &Place, root: &str, number: &str) -> Told {
    let honest = format!("root=\"{}\" extension=\"{}\"", place.authority, place.number);
    t.bent(&honest, &format!("root=\"{root}\" extension=\"{number}\""))
}

/// Another value of the one queryId that answers; the echo stays.
fn of_another_query(t: Told) -> Told {
    let at = t.body.find("<queryAck>").unwrap();
    let (head, tail) = t.body.split_at(at);
    Told { body: format!("{head}{}", tail.replacen("extension=\"", "extension=\"x", 1)), ..t.clone() }
}

fn remaining(t: Told, count: &str) -> Told {
    let body = t.body.replace(
        "resultRemainingQuantity value=\"0\"",
        &format!("resultRemainingQuantity value=\"{count}\""),
    );
    Told { body, ..t }
}

/// The subjects of an answer, so many times.
fn subjects(t: &Told, times: usize, bend: impl Fn(&str) -> String) -> Told {
    let from = t.body.find("<subject ").unwrap();
    let until = t.body.rfind("</subject>").unwrap() + "</subject>".len();
    let all = bend(&t.body[from..until]).repeat(times);
    Told { body: format!("{}{all}{}", &t.body[..from], &t.body[until..]), ..t.clone() }
}

fn nested(t: Told) -> Told {
    let within = format!("{}{}", "<x>".repeat(100), "</x>".repeat(100));
    marked(t).bent("</s:Body>", &format!("{within}</s:Body>"))
}

pub const LIES: &[Lie] = &[
    // By anybody, at any door.
    lie(EVERYWHERE, "an answer to another message", |t, _, message| marked(t).bent(message, "urn:uuid:0")),
    lie(EVERYWHERE, "a fault as a success", |_, _, _| Told::instead(200, SOAP, &fault("Sender"))),
    lie(EVERYWHERE, "a fault", |_, _, _| Told::instead(500, SOAP, &fault("Receiver"))),
    lie(EVERYWHERE, "a page", |_, _, _| Told::instead(200, "text/html", "<html>EVIL</html>")),
    lie(EVERYWHERE, "an error page", |_, _, _| Told::instead(500, "text/html", "<html>EVIL</html>")),
    lie(EVERYWHERE, "a redirect", |_, _, _| {
        Told::instead(302, "text/plain", MARK).with("location", "https://127.0.0.1:1/registry")
    }),
    lie(EVERYWHERE, "a lasting redirect", |_, _, _| {
        Told::instead(308, "text/plain", MARK).with("location", "https://127.0.0.1:1/registry")
    }),
    lie(EVERYWHERE, "a demand for a password", |_, _, _| {
        Told::instead(401, "text/plain", MARK).with("www-authenticate", "Basic realm=\"EVIL\"")
    }),
    lie(EVERYWHERE, "nothing", |_, _, _| Told::instead(200, SOAP, "")),
    lie(EVERYWHERE, "nothing of any kind", |_, _, _| Told::instead(204, SOAP, "")),
    lie(EVERYWHERE, "half of it, cut off", |t, _, _| marked(t).with("cut-off", "")),
    lie(EVERYWHERE, "the answer of another transaction", |_, _, _| {
        let body = "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Body>\
                    <MCCI_IN000002UV01 xmlns=\"urn:hl7-org:v3\"><acknowledgement><typeCode code=\"AA\"/>\
                    </acknowledgement><x>EVIL</x></MCCI_IN000002UV01></s:Body></s:Envelope>";
        Told::instead(200, SOAP, body)
    }),
    lie(PLAIN, "a document type declaration", |t, _, _| {
        let body = t.body.trim_start_matches("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
        Told { body: format!("<!DOCTYPE s [<!ENTITY e \"{MARK}\">]>{body}"), ..marked(t.clone()) }
    }),
    lie(PLAIN, "an entity that is not declared", |t, _, _| marked(t).bent("</s:Body>", "&xxe;</s:Body>")),
    lie(PLAIN, "elements within each other without end", |t, _, _| nested(t)),
    lie(PLAIN, "more bytes than are taken", |t, _, _| {
        let space = " ".repeat(5 << 20);
        marked(t).bent("</s:Body>", &format!("{space}</s:Body>"))
    }),
    lie(PLAIN, "two envelopes", |t, _, _| {
        let twice = t.body.trim_start_matches("<?xml version=\"1.0\" encoding=\"UTF-8\"?>").to_owned();
        Told { body: format!("{}{twice}", t.body), ..marked(t.clone()) }
    }),
    lie(PLAIN, "packed bytes", |t, _, _| {
        marked(t).bent("<s:Header>", "\u{1f}\u{8b}\u{8}").with("content-encoding", "gzip")
    }),
    // Lists.
    lie(LISTS, "another patient's entries", |t, place, _| {
        marked(t).bent(&format!("{}^", place.number), "0000099999^")
    }),
    Lie {
        honest: 1,
        ..lie(LISTS, "one entry of another patient", |t, place, _| {
            t.bent_last(&place.cx(), &place.cx().replace(place.number, MARK))
        })
    },
    lie(LISTS, "the same number in another domain", |t, place, _| {
        marked(t).bent(&format!("&amp;{}&amp;", place.authority), "&amp;2.999.33.1&amp;")
    }),
    lie(LISTS, "entries under our own id of her", |t, place, _| {
        marked(t).bent(&place.cx(), "N-1^^^&amp;2.999.33.1&amp;ISO")
    }),
    lie(LISTS, "entries without a patient", |t, place, _| marked(t).bent(&place.cx(), "")),
    Lie {
        by: is_source,
        ..lie(LISTS, "entries of a repository that is not in the file", |t, place, _| {
            marked(t).bent(&format!("{}<", place.repository), "2.999.66.9<")
        })
    },
    lie(LISTS, "entries of a third home", |t, _, _| {
        marked(t).bent("<rim:ExtrinsicObject ", "<rim:ExtrinsicObject home=\"urn:oid:2.999.31\" ")
    }),
    Lie {
        by: is_peer,
        ..lie(LISTS, "entries of our home", |t, _, _| {
            marked(t).bent("<rim:ExtrinsicObject ", "<rim:ExtrinsicObject home=\"urn:oid:2.999.33\" ")
        })
    },
    lie(LISTS, "deprecated entries", |t, _, _| {
        marked(t).bent(":StatusType:Approved", ":StatusType:Deprecated")
    }),
    lie(&[Of::ListById], "entries of ids not asked for", |t, place, _| {
        marked(t).bent(&format!("\"{}\"", place.unique), "\"2.999.66.1\"")
    }),
    lie(LISTS, "an answer in another namespace", |t, _, _| {
        marked(t).bent("urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0", "urn:x")
    }),
    lie(LISTS, "an answer without a status", |t, _, _| {
        marked(t).bent(" status=\"urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success\"", "")
    }),
    lie(LISTS, "an unknown status", |t, _, _| {
        marked(t).bent("ResponseStatusType:Success", "ResponseStatusType:Splendid")
    }),
    lie(LISTS, "a failure with entries", |t, _, _| {
        marked(t).bent("ResponseStatusType:Success", "ResponseStatusType:Failure")
    }),
    lie(LISTS, "a list that never ends", |t, _, _| {
        let one = "<rim:ObjectRef id=\"urn:uuid:1\"/>".repeat(10_001);
        marked(t).bent("</rim:RegistryObjectList>", &format!("{one}</rim:RegistryObjectList>"))
    }),
    // Documents.
    lie(DOCUMENTS, "a document not asked for", |t, place, _| {
        marked(t).bent(&format!("{}<", place.unique), "2.999.66.1<")
    }),
    lie(DOCUMENTS, "a document of another repository", |t, place, _| {
        marked(t).bent(&format!("{}<", place.repository), "2.999.66.9<")
    }),
    lie(DOCUMENTS, "another document under the same id", |t, _, _| t.bent("truth!", "EVIL!!")),
    lie(DOCUMENTS, "a longer document", |t, _, _| t.bent("truth!", "EVIL, and more")),
    lie(DOCUMENTS, "a shorter document", |t, _, _| t.bent("truth!", MARK)),
    lie(DOCUMENTS, "a document without end", |t, _, _| t.bent("truth!", &"EVIL".repeat(2 << 20))),
    // What breaks off within its package has been answered, and nothing of it was given.
    Lie {
        is_counted: false,
        ..lie(DOCUMENTS, "a part that is not there", |t, _, _| t.bent("href=\"cid:", "href=\"cid:EVIL-"))
    },
    Lie {
        is_counted: false,
        ..lie(DOCUMENTS, "a reference out of the package", |t, _, _| {
            t.bent("href=\"cid:", "href=\"file:///etc/passwd?EVIL")
        })
    },
    lie(DOCUMENTS, "an unknown status", |t, _, _| {
        marked(t).bent("ResponseStatusType:Success", "ResponseStatusType:Splendid")
    }),
    lie(DOCUMENTS, "headers of a part without end", |t, _, _| {
        marked(t).bent("Content-Transfer-Encoding: binary", &"X: EVIL\r\n".repeat(100_000))
    }),
    Lie {
        is_counted: false,
        ..lie(DOCUMENTS, "ten thousand parts before the document", |t, _, _| {
            let boundary = "--uuid:6f1f9a3e-0c1d-4a55-9f0e-8f8d1c2b3a4d\r\n";
            let part = format!("{boundary}Content-ID: <x>\r\n\r\nEVIL\r\n").repeat(10_000);
            let at = t.body.rfind("--uuid:6f1f9a3e-0c1d-4a55-9f0e-8f8d1c2b3a4d--").unwrap();
            let first = t.body[..at].rfind(boundary).unwrap();
            let body = format!("{}{part}{}", &t.body[..first], &t.body[first..]);
            marked(Told { body, ..t.clone() })
        })
    },
    // Persons.
    lie(PERSONS, "a person of another domain", |t, place, _| numbered(t, place, "2.999.66.1", MARK)),
    lie(PERSONS, "a person under our own authority", |t, place, _| numbered(t, place, "2.999.33.1", MARK)),
    Lie {
        is_counted: false,
        by: is_source,
        ..lie(PERSONS, "somebody who does not resemble", |t, _, _| {
            t.bent("花子", MARK).bent("ハナコ", MARK).bent("19480405", "19591123")
        })
    },
    Lie {
        by: is_peer,
        ..lie(PERSONS, "somebody who does not resemble", |t, _, _| {
            t.bent("花子", MARK).bent("ハナコ", MARK).bent("19480405", "19591123")
        })
    },
    lie(PERSONS, "an answer to another query", |t, _, _| of_another_query(t)),
    lie(PERSONS, "an error with persons", |t, _, _| t.bent("code=\"AA\"", "code=\"AE\"")),
    lie(PERSONS, "an unknown response code", |t, _, _| {
        t.bent("queryResponseCode code=\"OK\"", "queryResponseCode code=\"EVIL\"")
    }),
    lie(PERSONS, "the interaction of another query", |t, _, _| {
        t.bent("PRPA_IN201306UV02", "PRPA_IN201310UV02")
    }),
    lie(PERSONS, "pages without end", |t, _, _| remaining(t, "5")),
    lie(PERSONS, "more to come than anybody counts", |t, _, _| remaining(t, "18446744073709551615")),
    lie(PERSONS, "another page that is empty", |t, _, _| {
        let t = remaining(t, "1");
        if t.body.contains("<subject ") { subjects(&t, 0, str::to_owned) } else { t }
    }),
    lie(PERSONS, "a thousand persons and more", |t, _, _| subjects(&t, 1_001, str::to_owned)),
    // Ids of a person.
    lie(IDS, "an id of another domain", |t, place, _| numbered(t, place, "2.999.66.1", MARK)),
    lie(IDS, "an id of ours", |t, place, _| numbered(t, place, "2.999.33.1", MARK)),
    lie(IDS, "her twin's id", |t, place, _| numbered(t, place, place.authority, "H-2")),
    lie(IDS, "an id of nobody", |t, place, _| numbered(t, place, place.authority, "H-404")),
    lie(IDS, "more ids than anybody has", |t, place, _| {
        let one = format!("<id root=\"{}\" extension=\"H-1\"/>", place.authority);
        let many: String = (0..20).map(|n| one.replace("H-1", &format!("H-{n}"))).collect();
        t.bent(&one, &many)
    }),
    lie(IDS, "two persons", |t, _, _| {
        subjects(&t, 1, |one| format!("{one}{}", one.replace("\"H-1\"", "\"H-2\"")))
    }),
    lie(IDS, "an answer to another query", |t, _, _| of_another_query(t)),
    lie(IDS, "an error with ids", |t, _, _| t.bent("code=\"AA\"", "code=\"AE\"")),
    lie(IDS, "an unknown response code", |t, _, _| {
        t.bent("queryResponseCode code=\"OK\"", "queryResponseCode code=\"EVIL\"")
    }),
    lie(IDS, "the interaction of another query", |t, _, _| t.bent("PRPA_IN201310UV02", "PRPA_IN201306UV02")),
];
