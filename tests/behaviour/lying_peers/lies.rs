//! The lies: how each bends what an honest peer would have said.

use super::{Asked, MARK};

/// What goes over the wire.
#[derive(Clone)]
pub struct Told {
    pub status: u16,
    pub content_type: String,
    pub header: Option<(&'static str, String)>,
    pub body: String,
}

/// One lie.
pub struct Lie {
    pub name: &'static str,
    pub asked: Asked,
    /// Findings of the same answer that are honest, and may survive.
    pub honest: usize,
    /// Bends the truth; is told the MessageID that asked.
    pub tell: fn(Told, &str) -> Told,
}

impl Told {
    pub(super) fn bent(self, from: &str, to: &str) -> Self {
        assert!(self.body.contains(from), "{from} in {}", self.body);
        Self { body: self.body.replace(from, to), ..self }
    }

    /// Bends only the last of them.
    pub(super) fn bent_last(mut self, from: &str, to: &str) -> Self {
        let at = self.body.rfind(from).unwrap_or_else(|| panic!("{from} in {}", self.body));
        self.body.replace_range(at..at + from.len(), to);
        self
    }

    /// What an entry shows says so.
    pub(super) fn marked(self) -> Self {
        self.bent("処方\"", &format!("{MARK}\""))
    }

    /// Something that is no answer at all.
    pub(super) fn instead(status: u16, content_type: &str, body: &str) -> Self {
        Self { status, content_type: content_type.to_owned(), header: None, body: body.to_owned() }
    }

    pub(super) fn with(self, name: &'static str, value: &str) -> Self {
        Self { header: Some((name, value.to_owned())), ..self }
    }
}

pub(super) const SOAP: &str = "application/soap+xml; charset=UTF-8";
const fn lie(asked: Asked, name: &'static str, tell: fn(Told, &str) -> Told) -> Lie {
    Lie { name, asked, honest: 0, tell }
}

const fn partly(asked: Asked, name: &'static str, honest: usize, tell: fn(Told, &str) -> Told) -> Lie {
    Lie { name, asked, honest, tell }
}

pub(super) fn fault(code: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Body><s:Fault><s:Code><s:Value>s:{code}</s:Value></s:Code>\
         <s:Reason><s:Text xml:lang=\"en\">{MARK} at jp.example.Gateway</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>"
    )
}

use Asked::{Discovery, Query, QueryById, QueryOfClass, Retrieve};

const PATIENT: &str = "H-1^^^&amp;2.999.34.1&amp;ISO";

pub const LIES: &[Lie] = &[
    // Lists of documents.
    lie(Query, "another patient's entries", |t, _| t.marked().bent(PATIENT, "H-9^^^&amp;2.999.34.1&amp;ISO")),
    partly(Query, "one entry of another patient", 1, |t, _| {
        t.bent_last(PATIENT, "EVIL^^^&amp;2.999.34.1&amp;ISO")
    }),
    lie(Query, "the same number under our own authority", |t, _| {
        t.marked().bent(PATIENT, "H-1^^^&amp;2.999.33.1&amp;ISO")
    }),
    lie(Query, "entries of another home", |t, _| {
        t.marked().bent("home=\"urn:oid:2.999.34\"", "home=\"urn:oid:2.999.31\"")
    }),
    lie(Query, "entries of our own home", |t, _| {
        t.marked().bent("home=\"urn:oid:2.999.34\"", "home=\"urn:oid:2.999.33\"")
    }),
    lie(Query, "entries without a home", |t, _| t.marked().bent("home=\"urn:oid:2.999.34\"", "")),
    partly(Query, "two homes in one answer", 1, |t, _| {
        t.bent_last("home=\"urn:oid:2.999.34\"", "home=\"urn:oid:2.999.31\"")
    }),
    lie(Query, "deprecated entries", |t, _| {
        t.marked().bent(":StatusType:Approved", ":StatusType:Deprecated")
    }),
    lie(QueryOfClass, "entries of a class not asked for", |t, _| t.marked()),
    lie(QueryById, "entries of ids not asked for", |t, _| t.marked().bent("2.999.34.7.1", "2.999.34.7.66")),
    lie(Query, "an answer to another message", |t, message| t.marked().bent(message, "urn:uuid:0")),
    lie(Query, "an old answer again", |t, message| {
        t.marked().bent(message, "urn:uuid:11111111-1111-4111-8111-111111111111")
    }),
    lie(Query, "an answer to two messages, ours second", |t, message| {
        let ours = format!("<wsa:RelatesTo>{message}</wsa:RelatesTo>");
        t.marked().bent(&ours, &format!("<wsa:RelatesTo>urn:uuid:0</wsa:RelatesTo>{ours}"))
    }),
    lie(Query, "an answer of another transaction", |t, _| {
        t.marked().bent("AdhocQueryResponse", "RetrieveDocumentSetResponse")
    }),
    lie(Query, "an answer in another namespace", |t, _| {
        t.marked().bent("urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0", "urn:x")
    }),
    lie(Query, "an answer without a status", |t, _| {
        t.marked().bent(" status=\"urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success\"", "")
    }),
    lie(Query, "an unknown status", |t, _| {
        t.marked().bent("ResponseStatusType:Success", "ResponseStatusType:Splendid")
    }),
    lie(Query, "a list that never ends", |t, _| {
        let end = "</rim:RegistryObjectList>";
        let one = "<rim:ObjectRef id=\"urn:uuid:1\" home=\"urn:oid:2.999.34\"/>";
        t.marked().bent(end, &format!("{}{end}", one.repeat(10_001)))
    }),
    lie(Query, "more bytes than are taken", |t, _| {
        let space = " ".repeat(5 << 20);
        t.marked().bent("</rim:RegistryObjectList>", &format!("{space}</rim:RegistryObjectList>"))
    }),
    lie(Query, "elements within each other without end", |t, _| {
        let (open, close) = ("<rim:Slot name=\"a\">".repeat(100), "</rim:Slot>".repeat(100));
        t.marked().bent("</rim:RegistryObjectList>", &format!("{open}{close}</rim:RegistryObjectList>"))
    }),
    lie(Query, "a control character", |t, _| t.marked().bent("EVIL\"", "EVIL\u{1}\"")),
    lie(Query, "a control character by reference", |t, _| t.marked().bent("EVIL\"", "EVIL&#1;\"")),
    lie(Query, "a document type declaration", |t, _| {
        let body = t.body.trim_start_matches("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
        Told { body: format!("<!DOCTYPE s [<!ENTITY e \"{MARK}\">]>{body}"), ..t.marked() }
    }),
    lie(Query, "an entity that is not declared", |t, _| t.marked().bent("EVIL\"", "EVIL&xxe;\"")),
    lie(Query, "two envelopes", |t, _| {
        let twice =
            format!("{}{}", t.body, t.body.trim_start_matches("<?xml version=\"1.0\" encoding=\"UTF-8\"?>"));
        Told { body: twice, ..t }.marked()
    }),
    lie(Query, "half an envelope", |t, _| {
        let half = t.body.replace("</s:Body>", "");
        Told { body: half, ..t }.marked()
    }),
    lie(Query, "bytes of another charset", |t, _| {
        Told { content_type: "application/soap+xml; charset=US-ASCII".to_owned(), ..t }
            .marked()
            .bent("EVIL\"", "EVIL試\"")
    }),
    lie(Query, "a fault as a success", |_, _| Told::instead(200, SOAP, &fault("Sender"))),
    lie(Query, "a fault of the far end", |_, _| Told::instead(500, SOAP, &fault("Receiver"))),
    lie(Query, "SOAP 1.1", |t, _| {
        t.marked()
            .bent("http://www.w3.org/2003/05/soap-envelope", "http://schemas.xmlsoap.org/soap/envelope/")
    }),
    lie(Query, "a page", |_, _| Told::instead(200, "text/html", "<html><body>EVIL</body></html>")),
    lie(Query, "an error page", |_, _| Told::instead(500, "text/html", "<html><body>EVIL</body></html>")),
    lie(Query, "a redirect", |_, _| {
        Told::instead(302, "text/plain", "EVIL").with("location", "https://127.0.0.1:1/xca/query")
    }),
    lie(Query, "a lasting redirect", |_, _| {
        Told::instead(308, "text/plain", "EVIL").with("location", "https://127.0.0.1:1/xca/query")
    }),
    lie(Query, "a demand for a password", |_, _| {
        Told::instead(401, "text/plain", "EVIL").with("www-authenticate", "Basic realm=\"EVIL\"")
    }),
    lie(Query, "a proxy's demand", |_, _| {
        Told::instead(407, "text/plain", "EVIL").with("proxy-authenticate", "Basic realm=\"EVIL\"")
    }),
    lie(Query, "busy, with a time to come back", |_, _| {
        Told::instead(503, "text/plain", "EVIL").with("retry-after", "1")
    }),
    lie(Query, "packed bytes", |t, _| {
        t.marked().bent("<s:Header>", "\u{1f}\u{8b}\u{8}").with("content-encoding", "gzip")
    }),
    lie(Query, "nothing", |_, _| Told::instead(200, SOAP, "")),
    lie(Query, "nothing of any kind", |_, _| Told::instead(204, SOAP, "")),
    // Persons.
    lie(Discovery, "a person of another home", |t, _| {
        t.bent("\"H-", "\"EVIL-").bent("<id root=\"2.999.34\"/>", "<id root=\"2.999.31\"/>")
    }),
    lie(Discovery, "a person of our own home", |t, _| {
        t.bent("\"H-", "\"EVIL-").bent("<id root=\"2.999.34\"/>", "<id root=\"2.999.33\"/>")
    }),
    lie(Discovery, "a person under another authority", |t, _| {
        t.bent("\"H-", "\"EVIL-").bent("root=\"2.999.34.1\"", "root=\"2.999.31.1\"")
    }),
    lie(Discovery, "a person under our own authority", |t, _| {
        t.bent("\"H-", "\"EVIL-").bent("root=\"2.999.34.1\"", "root=\"2.999.33.1\"")
    }),
    partly(Discovery, "one of two under another authority", 1, |t, _| {
        t.bent("root=\"2.999.34.1\" extension=\"H-2\"", "root=\"2.999.31.1\" extension=\"EVIL-2\"")
    }),
    lie(Discovery, "somebody who does not resemble", |t, _| {
        t.bent("\"H-", "\"EVIL-").bent("花子", "太郎").bent("ハナコ", "タロウ").bent("19480405", "19591123")
    }),
    lie(Discovery, "an answer to another message", |t, message| {
        t.bent("\"H-", "\"EVIL-").bent(message, "urn:uuid:0")
    }),
    lie(Discovery, "an error with persons", |t, _| {
        t.bent("\"H-", "\"EVIL-").bent("code=\"AA\"", "code=\"AE\"")
    }),
    lie(Discovery, "an unknown response code", |t, _| {
        t.bent("\"H-", "\"EVIL-").bent("queryResponseCode code=\"OK\"", "queryResponseCode code=\"XX\"")
    }),
    lie(Discovery, "an answer of another transaction", |t, _| {
        t.bent("\"H-", "\"EVIL-").bent("PRPA_IN201306UV02", "PRPA_IN201310UV02")
    }),
    lie(Discovery, "a page", |_, _| Told::instead(200, "text/html", "<html>EVIL</html>")),
    lie(Discovery, "a thousand persons and more", |t, _| {
        let (from, to) =
            (t.body.find("<subject ").unwrap(), t.body.rfind("</subject>").unwrap() + "</subject>".len());
        let all = t.body[from..to].replace("\"H-", "\"EVIL-");
        Told { body: format!("{}{}{}", &t.body[..from], all.repeat(501), &t.body[to..]), ..t }
    }),
    // Documents.
    lie(Retrieve, "a document not asked for", |t, _| {
        t.bent("truth!", "EVIL!!").bent("2.999.34.7.1<", "2.999.34.7.66<")
    }),
    lie(Retrieve, "a document of another home", |t, _| {
        t.bent("truth!", "EVIL!!")
            .bent("HomeCommunityId>urn:oid:2.999.34<", "HomeCommunityId>urn:oid:2.999.31<")
    }),
    lie(Retrieve, "a document of another repository", |t, _| {
        t.bent("truth!", "EVIL!!").bent("2.999.34.20.9", "2.999.34.20.66")
    }),
    lie(Retrieve, "another document under the same id", |t, _| t.bent("truth!", "EVIL!!")),
    lie(Retrieve, "a longer document", |t, _| t.bent("truth!", "EVIL, and more")),
    lie(Retrieve, "a shorter document", |t, _| t.bent("truth!", "EVIL")),
    lie(Retrieve, "an answer to another message", |t, message| {
        t.bent("truth!", "EVIL!!").bent(message, "urn:uuid:0")
    }),
    lie(Retrieve, "an unknown status", |t, _| {
        t.bent("truth!", "EVIL!!").bent("ResponseStatusType:Success", "ResponseStatusType:Splendid")
    }),
    lie(Retrieve, "an answer of another transaction", |t, _| {
        t.bent("truth!", "EVIL!!").bent("RetrieveDocumentSetResponse", "AdhocQueryResponse")
    }),
    lie(Retrieve, "a fault", |_, _| Told::instead(500, SOAP, &fault("Receiver"))),
    lie(Retrieve, "a page", |_, _| Told::instead(200, "text/html", "<html>EVIL</html>")),
];
