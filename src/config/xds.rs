//! The `[xds]` table of a file: a PIX and PDQ manager, a registry and its repositories, spoken to in
//! their own words, and what of their habits has to be known.

use std::collections::BTreeSet;

use http::Uri;

use super::section::Section;
use super::target::url;
use crate::model::{Authority, CommunityId, Operation, RepositoryId, Side};

/// What a query for persons may be asked by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SearchedBy {
    /// Birth date.
    Birth,
    /// Name in kana.
    Kana,
    /// Name in kanji.
    Kanji,
    /// Name in roman letters.
    Roman,
    /// Administrative sex.
    Sex,
}

impl SearchedBy {
    const WORDS: [(&'static str, Self); 5] = [
        ("birth", Self::Birth),
        ("kana", Self::Kana),
        ("kanji", Self::Kanji),
        ("roman", Self::Roman),
        ("sex", Self::Sex),
    ];
}

/// Which kind a document of this type, class or format is; what is left out fits any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KindRow {
    /// classCode.
    pub class: Option<String>,
    /// formatCode.
    pub format: Option<String>,
    /// typeCode.
    pub type_code: Option<String>,
    /// Coding scheme of the codes above; any where left out.
    pub system: Option<String>,
    /// The kind, as policies and consents name it.
    pub kind: String,
}

/// The `[xds]` table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct XdsConfig {
    /// Whose the patient ids are: the hospital's numbers, or the peer network's own ids.
    pub authority: Option<Authority>,
    /// 10-digit facility code of a source.
    pub facility: Option<String>,
    /// The home community by which it calls itself, where that is not its file's.
    pub home: Option<CommunityId>,
    /// Kinds of documents beyond those that their codes tell.
    pub kinds: Vec<KindRow>,
    /// Kinds that are not offered.
    pub kinds_off: BTreeSet<String>,
    /// Objects asked for at a time where its registry finds a list too long; 0 is not at all.
    pub objects_per_query: usize,
    /// ITI-47.
    pub patient_demographics: Option<Uri>,
    /// ITI-45.
    pub patient_ids: Option<Uri>,
    /// Persons asked for on a page; 0 leaves the size to it.
    pub persons_per_page: usize,
    /// ITI-18.
    pub registry: Option<Uri>,
    /// formatCodes of documents that show neither number nor address nor insurance.
    pub renditions: BTreeSet<String>,
    /// ITI-43, by repositoryUniqueId.
    pub repositories: Vec<(RepositoryId, Uri)>,
    /// Departments (practiceSettingCode) whose documents are restricted.
    pub restricted_departments: BTreeSet<String>,
    /// What each query for persons is asked by; all of them are sent.
    pub searches: Vec<BTreeSet<SearchedBy>>,
    /// Whether queries and retrieves name its home.
    pub send_home: bool,
}

type Fault<'f> = &'f mut dyn FnMut(&str, String, &str);

impl XdsConfig {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let s = &mut section;
        let config = Self {
            authority: s.oid("authority").map(Authority),
            facility: s.text("facility").map(|code| code.trim().to_owned()),
            home: s.oid("home").map(CommunityId),
            kinds: s.sections("kinds").into_iter().filter_map(kind).collect(),
            kinds_off: s.texts("kinds_off").into_iter().collect(),
            objects_per_query: small(s.number("objects_per_query", 100, 0..=1_000)),
            patient_demographics: url(s, "patient_demographics"),
            patient_ids: url(s, "patient_ids"),
            persons_per_page: small(s.number("persons_per_page", 0, 0..=1_000)),
            registry: url(s, "registry"),
            renditions: s.texts("renditions").into_iter().collect(),
            repositories: s.sections("repositories").into_iter().filter_map(repository).collect(),
            restricted_departments: s.texts("restricted_departments").into_iter().collect(),
            searches: searches(s),
            send_home: s.flag("send_home", false),
        };
        section.finish();
        config
    }

    /// What can be asked of it.
    pub(super) fn offers(&self) -> BTreeSet<Operation> {
        Operation::ALL.into_iter().filter(|operation| self.lacks(*operation).is_none()).collect()
    }

    // The key without which it cannot be asked this.
    fn lacks(&self, operation: Operation) -> Option<&'static str> {
        let (is_there, key) = match operation {
            Operation::PatientDiscovery => (self.patient_demographics.is_some(), "patient_demographics"),
            Operation::PatientIdLookup => (self.patient_demographics.is_some(), "patient_demographics"),
            Operation::DocumentQuery => (self.registry.is_some(), "registry"),
            Operation::DocumentRetrieve => (!self.repositories.is_empty(), "repositories"),
        };
        (!is_there).then_some(key)
    }

    /// What the keys must say about each other and about their file.
    pub(super) fn check(
        &self,
        side: Side,
        offers: &BTreeSet<Operation>,
        send_network_id: bool,
        fault: Fault<'_>,
    ) {
        for operation in offers {
            if let Some(key) = self.lacks(*operation) {
                let message = format!("`offers` names {}, but `xds.{key}` is missing", operation.word());
                fault(&format!("xds.{key}"), message, &example(key));
            }
        }
        if offers.is_empty() {
            let hint = "patient_demographics, registry and repositories say where";
            fault("xds", "nothing can be asked of it".into(), hint);
        }
        if self.authority.is_none() {
            let hint = "authority = \"urn:oid:...\": whose patient ids its registry uses";
            fault("xds.authority", "missing key `xds.authority`".into(), hint);
        }
        self.check_repositories(fault);
        match side {
            Side::Home => self.check_source(fault),
            Side::Peer => self.check_network(send_network_id, fault),
        }
    }

    fn check_repositories(&self, fault: Fault<'_>) {
        let mut told = BTreeSet::new();
        for (repository, _) in &self.repositories {
            if !told.insert(repository) {
                let message = format!("repository {} has two URLs", repository.0);
                fault("xds.repositories", message, "one row a repository");
            }
        }
    }

    fn check_source(&self, fault: Fault<'_>) {
        let is_code = |code: &String| code.len() == 10 && code.bytes().all(|b| b.is_ascii_digit());
        match &self.facility {
            Some(code) if is_code(code) => {}
            Some(code) => fault("xds.facility", format!("\"{code}\" is no facility code"), "10 digits"),
            None => fault("xds.facility", "missing key `xds.facility`".into(), "facility = \"3310000001\""),
        }
        if self.patient_demographics.is_none() && self.registry.is_some() {
            // Its patients could be found under no name: only ids that consents name would lead there.
            let hint = "patient_demographics = \"https://...\": who its patients are";
            fault("xds.patient_demographics", "a source needs `xds.patient_demographics`".into(), hint);
        }
    }

    fn check_network(&self, send_network_id: bool, fault: Fault<'_>) {
        let mut only_source = |key: &str, is_there: bool| {
            if is_there {
                let message = format!("`xds.{key}` is for a source of ours");
                fault(&format!("xds.{key}"), message, "remove it, or side = \"home\"");
            }
        };
        only_source("facility", self.facility.is_some());
        only_source("kinds", !self.kinds.is_empty());
        only_source("kinds_off", !self.kinds_off.is_empty());
        only_source("renditions", !self.renditions.is_empty());
        only_source("restricted_departments", !self.restricted_departments.is_empty());
        only_source("searches", !self.searches.is_empty());
        if self.patient_ids.is_none() {
            return;
        }
        if !send_network_id {
            let hint = "send_network_id = true, or leave `xds.patient_ids` out";
            let message = "its PIX manager would be told our network id of a person";
            fault("xds.patient_ids", message.into(), hint);
        }
        if self.patient_demographics.is_none() {
            let hint = "patient_demographics = \"https://...\": an id alone does not show whose it is";
            fault("xds.patient_ids", "needs `xds.patient_demographics` beside it".into(), hint);
        }
    }
}

fn small(number: u64) -> usize {
    usize::try_from(number).unwrap_or_default()
}

fn example(key: &str) -> String {
    match key {
        "repositories" => "repositories = [{ id = \"1.2.3\", url = \"https://...\" }]".to_owned(),
        _ => format!("{key} = \"https://...\""),
    }
}

fn repository(mut row: Section<'_>) -> Option<(RepositoryId, Uri)> {
    for key in ["id", "url"] {
        if !row.has(key) {
            let _ = row.required(key, "\"...\"");
        }
    }
    let id = row.oid("id").map(RepositoryId);
    let url = url(&mut row, "url");
    row.finish();
    id.zip(url)
}

fn kind(mut row: Section<'_>) -> Option<KindRow> {
    let kind = row.required("kind", "\"OML-11\"");
    let read = KindRow {
        class: row.text("class"),
        format: row.text("format"),
        type_code: row.text("type"),
        system: row.text("system"),
        kind: kind.clone().unwrap_or_default(),
    };
    if read.class.is_none() && read.format.is_none() && read.type_code.is_none() {
        row.fault("kind", "a row that fits every document", "add type, class or format");
    }
    row.finish();
    kind.map(|_| read)
}

fn searches(section: &mut Section<'_>) -> Vec<BTreeSet<SearchedBy>> {
    let mut searches = Vec::new();
    for text in section.texts("searches") {
        let (mut search, mut is_known) = (BTreeSet::new(), true);
        for word in text.split_whitespace() {
            match SearchedBy::WORDS.iter().find(|(known, _)| *known == word) {
                Some((_, by)) => {
                    search.insert(*by);
                }
                None => {
                    is_known = false;
                    let words = SearchedBy::WORDS.map(|(word, _)| word).join(", ");
                    section.fault("searches", format!("unknown word \"{word}\""), &format!("of {words}"));
                }
            }
        }
        let is_named = [SearchedBy::Kana, SearchedBy::Kanji, SearchedBy::Roman];
        if is_known && !search.iter().any(|by| is_named.contains(by)) {
            section.fault("searches", "a query without a name", "\"kanji birth\", \"kana birth\"");
        }
        searches.push(search);
    }
    searches
}
