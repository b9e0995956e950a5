//! The story: each act asks as somebody, holds the answer against what the agreement promises, and
//! leaves a step with its evidence.

mod questions;

use tokio::time::Instant;

use super::brokers::Broker;
use super::layout::{Layout, example};
use super::{DemoError, tell};
use crate::cli::ask::{Shown, patient};
use crate::cli::exit;
use crate::demo::agreement::{NURSE, PHYSICIAN, expected};
use crate::demo::cast::{Part, Person, STRANGER, person};
use crate::demo::client_file::{ClientFile, DocumentRef};
use crate::demo::network::{HIROSHIMA, Network, OKAYAMA, other};
use crate::demo::story::{Both, Chapter, Step};
use crate::model::FoundPatient;
use questions::{Asking, kinds_of};

/// What a step came to: outcome and evidence, or what went wrong.
type Came = Result<(Both, Vec<String>), String>;

/// Documents to name in client.json, by the side that owns them.
#[derive(Debug, Default)]
pub struct Documents {
    shown: Vec<(&'static str, DocumentRef)>,
    withheld: Vec<(&'static str, DocumentRef)>,
}

/// The story as it is told.
pub struct Acts<'a> {
    layout: &'a Layout,
    okayama: &'a Broker,
    hiroshima: &'a Broker,
    steps: Vec<Step>,
    documents: Documents,
}

impl<'a> Acts<'a> {
    /// Nothing has been asked yet.
    pub fn new(layout: &'a Layout, okayama: &'a Broker, hiroshima: &'a Broker) -> Self {
        Self { layout, okayama, hiroshima, steps: Vec::new(), documents: Documents::default() }
    }

    /// The steps and the documents to name in client.json.
    pub fn into_parts(self) -> (Vec<Step>, Documents) {
        (self.steps, self.documents)
    }

    /// All of it.
    pub async fn play(&mut self) {
        tell::heading(&Chapter::Consented.title());
        self.both_hospitals(&HIROSHIMA, Chapter::Consented).await;
        self.nurse().await;
        self.withheld_document(&HIROSHIMA, Chapter::Consented).await;
        tell::heading(&Chapter::Hidden.title());
        self.hidden().await;
        tell::heading(&Chapter::Withdrawn.title());
        self.withdrawal().await;
        tell::heading(&Chapter::Emergency.title());
        self.emergency().await;
        tell::heading(&Chapter::Back.title());
        self.both_hospitals(&OKAYAMA, Chapter::Back).await;
        self.withheld_document(&OKAYAMA, Chapter::Back).await;
        let stranger = self.asking(&OKAYAMA, "physician", "TREATMENT");
        self.nobody(
            Chapter::Back,
            &stranger,
            of(&HIROSHIMA, Part::Unconsented),
            "同意のない患者",
            "a patient without consent",
        )
        .await;
        tell::heading(&Chapter::OneList.title());
        self.one_list().await;
    }

    fn asking(&self, side: &'static Network, role: &'static str, purpose: &'static str) -> Asking {
        Asking { client: self.layout.client(), side, role, purpose, is_gateway: false }
    }

    fn owner(&self, asker: &Network) -> &'a Broker {
        if asker.key == HIROSHIMA.key { self.okayama } else { self.hiroshima }
    }

    fn note(&mut self, chapter: Chapter, title: Both, asker: String, begun: Instant, came: Came) {
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (outcome, evidence, passed) = match came {
            Ok((outcome, evidence)) => (outcome, evidence, true),
            Err(why) => (Both::new("期待と異なる結果", why), Vec::new(), false),
        };
        let document = evidence.first().filter(|_| passed).and_then(|path| page_of(chapter, path));
        let step = Step { chapter, title, asker, outcome, evidence, document, passed, took_ms };
        tell::step(self.steps.len() + 1, &step);
        self.steps.push(step);
    }

    /// Find, list and fetch of the one who consents.
    async fn both_hospitals(&mut self, side: &'static Network, chapter: Chapter) {
        let owner = other(side);
        let asking = self.asking(side, "physician", "TREATMENT");
        let person = of(owner, Part::Consented);
        let begun = Instant::now();
        let found = asking.find(person, owner).await;
        let title = Both::new(
            format!("{}を探す", name(person)),
            format!("looks for {} (two hospitals, written differently)", person.network_id),
        );
        self.note(chapter, title, asking.to_string(), begun, found_as(person, owner, found));
        let begun = Instant::now();
        let listed = asking.list(&cx(person, owner)).await;
        let came = match &listed {
            Err(why) => Err(why.clone()),
            Ok(entries) => self.judge_list(owner, Part::Consented, &PHYSICIAN, entries).await,
        };
        let title = Both::new("閲覧できる文書を一覧する", "lists the documents");
        self.note(chapter, title, asking.to_string(), begun, came);
        let entries = listed.unwrap_or_default();
        for (kind, ja, en) in [
            ("OML-11", "検体検査結果", "a laboratory result"),
            ("18842-5", "退院時サマリー", "a discharge summary"),
        ] {
            let begun = Instant::now();
            let wanted = entries.iter().filter(|entry| entry.kind == kind).max_by_key(|entry| entry.size);
            let came = match wanted {
                None => Err(format!("no {kind} in the list")),
                Some(entry) => {
                    self.documents.shown.push((owner.key, reference(entry)));
                    asking.fetch(entry, &self.layout.folder.join("documents")).await
                }
            };
            self.note(
                chapter,
                Both::new(format!("{ja}を開く"), format!("opens {en}")),
                asking.to_string(),
                begun,
                came,
            );
        }
    }

    /// The kinds are those of the agreement, no more and no less; what was withheld is known to the
    /// owner's side only.
    async fn judge_list(
        &self,
        owner: &'static Network,
        part: Part,
        kinds: &[&str],
        entries: &[Shown],
    ) -> Came {
        let (got, wanted) = (kinds_of(entries), expected(owner, part, kinds, self.layout.today));
        if got != wanted {
            return Err(format!("kinds shown: {}; agreed: {}", got.join(" "), wanted.join(" ")));
        }
        let withheld = questions::withheld(self.owner(other(owner)), entries.len()).await?;
        if withheld == 0 {
            return Err("nothing was withheld on the owner's side".to_owned());
        }
        let mut lines: Vec<String> = entries.iter().map(questions::line).collect();
        lines.push(format!(
            "非開示 {withheld} 件（開示側の記録のみ） / {withheld} withheld, known to the owner's log only"
        ));
        let count = entries.len();
        Ok((
            Both::new(
                format!("{count} 件。協定どおり"),
                format!("{count} documents, exactly those of the agreement"),
            ),
            lines,
        ))
    }

    /// A portal that knows one registry, one repository and its own patient id, of somebody who has
    /// records in both networks.
    async fn one_list(&mut self) {
        let asking = self.asking(&OKAYAMA, "physician", "TREATMENT");
        let person = of(&OKAYAMA, Part::Commuter);
        let begun = Instant::now();
        let listed = asking.list_at_registry(&cx(person, &OKAYAMA)).await;
        let came = listed.clone().and_then(|entries| self.judge_one_list(&entries));
        let title = Both::new(
            format!("{}の文書を自網のレジストリに照会する (ITI-18)", name(person)),
            "asks its own registry (ITI-18) with its own patient id, and names no community",
        );
        self.note(Chapter::OneList, title, asking.to_string(), begun, came);
        let begun = Instant::now();
        let entries = listed.unwrap_or_default();
        let remote = entries.iter().find(|entry| is_of(entry, &HIROSHIMA) && entry.kind == "OMP-01");
        let came = match remote {
            None => Err("no prescription of the other network in the list".to_owned()),
            Some(entry) => asking.fetch_at_repository(entry, &self.layout.folder.join("documents")).await,
        };
        let title = Both::new(
            "広島の処方を自網のリポジトリから開く (ITI-43)",
            "opens the prescription from Hiroshima as if it were local (ITI-43)",
        );
        self.note(Chapter::OneList, title, asking.to_string(), begun, came);
    }

    fn judge_one_list(&self, entries: &[Shown]) -> Came {
        let from =
            |network| entries.iter().filter(|entry| is_of(entry, network)).cloned().collect::<Vec<_>>();
        let (ours, theirs) = (from(&OKAYAMA), from(&HIROSHIMA));
        let agreed = expected(&HIROSHIMA, Part::Commuter, &PHYSICIAN, self.layout.today);
        if kinds_of(&theirs) != agreed || ours.is_empty() || ours.len() + theirs.len() != entries.len() {
            let (ours, theirs) = (kinds_of(&ours).join(" "), kinds_of(&theirs).join(" "));
            return Err(format!("home: {ours}; Hiroshima: {theirs}; agreed: {}", agreed.join(" ")));
        }
        let outcome = Both::new(
            format!("自網 {} 件、広島 {} 件", ours.len(), theirs.len()),
            format!("{} documents of home and {} of Hiroshima", ours.len(), theirs.len()),
        );
        Ok((outcome, entries.iter().map(questions::line).collect()))
    }

    async fn nurse(&mut self) {
        let asking = self.asking(&HIROSHIMA, "nurse", "TREATMENT");
        let begun = Instant::now();
        let came = match asking.list(&cx(of(&OKAYAMA, Part::Consented), &OKAYAMA)).await {
            Err(why) => Err(why),
            Ok(entries) => self.judge_list(&OKAYAMA, Part::Consented, &NURSE, &entries).await,
        };
        let title = Both::new("同じ患者を看護師が開く", "a nurse opens the same patient");
        self.note(Chapter::Consented, title, asking.to_string(), begun, came);
        let mut direct = self.asking(&OKAYAMA, "physician", "TREATMENT");
        direct.is_gateway = true;
        let begun = Instant::now();
        let person = of(&OKAYAMA, Part::Consented);
        let came = found_as(person, &OKAYAMA, direct.find(person, &OKAYAMA).await);
        let title = Both::new(
            "広島のゲートウェイとして岡山に直接照会する",
            "the gateway of Hiroshima asks Okayama directly",
        );
        self.note(Chapter::Consented, title, direct.to_string(), begun, came);
    }

    /// A document whose id is known all the same: it is answered like one that does not exist.
    async fn withheld_document(&mut self, side: &'static Network, chapter: Chapter) {
        let owner = other(side);
        let person = of(owner, Part::Consented);
        let begun = Instant::now();
        let own = self.asking(owner, "physician", "TREATMENT");
        let asking = self.asking(side, "physician", "TREATMENT");
        let came = match own.list(&cx(person, owner)).await {
            Err(why) => Err(why),
            Ok(entries) => match entries.iter().find(|entry| entry.department.contains("精神")) {
                None => Err("the owner's own portal does not see the psychiatric prescription".to_owned()),
                Some(entry) => {
                    self.documents.withheld.push((owner.key, reference(entry)));
                    let evidence = format!(
                        "開示側の院内からは見える / its own portal sees it: {}",
                        questions::line(entry)
                    );
                    asking.refused(entry).await.map(|code| {
                        (
                            Both::new(
                                "存在しない文書と同じ応答",
                                "answered like a document that does not exist",
                            ),
                            vec![evidence, code],
                        )
                    })
                }
            },
        };
        let title =
            Both::new("精神科の処方を番号で直接求める", "asks for the psychiatric prescription by its id");
        self.note(chapter, title, asking.to_string(), begun, came);
    }

    async fn hidden(&mut self) {
        let asking = self.asking(&HIROSHIMA, "physician", "TREATMENT");
        let chapter = Chapter::Hidden;
        self.nobody(
            chapter,
            &asking,
            of(&OKAYAMA, Part::Unconsented),
            "同意のない患者",
            "a patient without consent",
        )
        .await;
        self.nobody(chapter, &asking, &STRANGER, "どこにもいない人", "somebody who exists nowhere").await;
        let twin = of(&OKAYAMA, Part::Twin);
        let begun = Instant::now();
        let came = found_as(twin, &OKAYAMA, asking.find(twin, &OKAYAMA).await);
        let title = Both::new(format!("双子の姉 {} (同意あり)", name(twin)), "one twin, who consents");
        self.note(chapter, title, asking.to_string(), begun, came);
        self.nobody(
            chapter,
            &asking,
            of(&OKAYAMA, Part::TwinUnconsented),
            "双子の妹 (同意なし)",
            "her twin, who does not",
        )
        .await;
    }

    async fn nobody(
        &mut self,
        chapter: Chapter,
        asking: &Asking,
        person: &'static Person,
        ja: &str,
        en: &str,
    ) {
        let begun = Instant::now();
        let came = nobody_in(asking.find(person, other(asking.side)).await);
        let title = Both::new(format!("{ja}: {}", name(person)), en);
        self.note(chapter, title, asking.to_string(), begun, came);
    }

    async fn withdrawal(&mut self) {
        let asking = self.asking(&HIROSHIMA, "physician", "TREATMENT");
        let person = of(&OKAYAMA, Part::Withdraws);
        let begun = Instant::now();
        let came = found_as(person, &OKAYAMA, asking.find(person, &OKAYAMA).await);
        let title = Both::new(format!("{}を探す", name(person)), "looks for a patient who still consents");
        self.note(Chapter::Withdrawn, title, asking.to_string(), begun, came);
        let begun = Instant::now();
        let words = [
            "consent",
            "withdraw",
            "--network-id",
            person.network_id,
            "--form",
            "同意撤回届",
            "--evidence",
            "事務局保管",
            "--entered-by",
            "デモ事務局",
        ];
        let came = match self.okayama.command(&words).await {
            Err(error) => Err(error.to_string()),
            Ok(said) => Ok((
                Both::new("稼働中のブローカに反映", "in force in the running broker"),
                vec![said.trim().to_owned()],
            )),
        };
        let title =
            Both::new("岡山の事務局が撤回を登録する", "the secretariat in Okayama enters the withdrawal");
        self.note(Chapter::Withdrawn, title, "kakehashi consent withdraw".to_owned(), begun, came);
        self.nobody(Chapter::Withdrawn, &asking, person, "撤回後", "the same patient, after the withdrawal")
            .await;
        let begun = Instant::now();
        let came = match asking.list(&cx(person, &OKAYAMA)).await {
            Ok(entries) if entries.is_empty() => Ok((Both::new("文書なし", "no documents"), Vec::new())),
            Ok(entries) => Err(format!("{} documents are still shown", entries.len())),
            Err(why) => Err(why),
        };
        let title = Both::new("撤回前に知った番号で一覧する", "lists under the id known from before");
        self.note(Chapter::Withdrawn, title, asking.to_string(), begun, came);
    }

    async fn emergency(&mut self) {
        let chapter = Chapter::Emergency;
        let person = of(&OKAYAMA, Part::Emergency);
        let usual = self.asking(&HIROSHIMA, "physician", "TREATMENT");
        self.nobody(chapter, &usual, person, "診療目的では見つからない", "for treatment: nobody").await;
        let urgent = self.asking(&HIROSHIMA, "physician", "EMERGENCY");
        let begun = Instant::now();
        let found = urgent.find(person, &OKAYAMA).await;
        let came = match found.as_deref() {
            Err(why) => Err(why.clone()),
            Ok([one]) => Ok((
                Both::new("一時的な番号で照合", "found, under an id good for a day"),
                vec![format!("{}", one.id.cx().reveal())],
            )),
            Ok(found) => Err(format!("{} persons", found.len())),
        };
        let title = Both::new(format!("緊急目的: {}", name(person)), "the same patient, in an emergency");
        self.note(chapter, title, urgent.to_string(), begun, came);
        if let Ok([one]) = found.as_deref() {
            let begun = Instant::now();
            let listed = urgent.list(one.id.cx().reveal()).await;
            let came = listed.and_then(|entries| emergency_list(&entries));
            let title = Both::new("アレルギーと処方を確かめる", "looks at allergies and prescriptions");
            self.note(chapter, title, urgent.to_string(), begun, came);
        }
        let withdrawn = of(&OKAYAMA, Part::Withdraws);
        self.nobody(
            chapter,
            &urgent,
            withdrawn,
            "撤回した患者は緊急時にも見つからない",
            "who has withdrawn is not found even then",
        )
        .await;
        let nurse = self.asking(&HIROSHIMA, "nurse", "EMERGENCY");
        let begun = Instant::now();
        let came = refused_abroad(nurse.find(person, other(nurse.side)).await);
        let title = Both::new(
            format!("看護師は緊急目的を使えない: {}", name(person)),
            "a nurse cannot claim an emergency",
        );
        self.note(chapter, title, nurse.to_string(), begun, came);
        let begun = Instant::now();
        let came = match questions::emergencies(self.okayama).await {
            Err(why) => Err(why),
            Ok(lines) if lines.is_empty() => Err("no emergency in the owner's log".to_owned()),
            Ok(lines) => Ok((Both::new("すべて印付きで記録", "every one is flagged in the log"), lines)),
        };
        let title = Both::new("岡山の監査: 緊急時閲覧", "Okayama's audit of emergencies");
        self.note(chapter, title, "kakehashi audit search --emergency".to_owned(), begun, came);
    }
}

fn is_of(entry: &Shown, network: &Network) -> bool {
    entry.home == format!("urn:oid:{}", network.community)
}

fn emergency_list(entries: &[Shown]) -> Came {
    let kinds = kinds_of(entries);
    if kinds != ["ADT-00", "ADT-61", "OMP-01"] {
        return Err(format!("kinds shown: {}", kinds.join(" ")));
    }
    let outcome = Both::new(
        "ペニシリンのアレルギーとワルファリンが分かる",
        "the penicillin allergy and the anticoagulant are known",
    );
    Ok((outcome, entries.iter().map(questions::line).collect()))
}

/// The page that was fetched, where the evidence is its path: once is enough in the report.
fn page_of(chapter: Chapter, path: &str) -> Option<String> {
    let is_page = chapter == Chapter::Consented && path.ends_with(".html");
    is_page.then(|| std::fs::read_to_string(path).ok()).flatten()
}

/// The person of a part; every act names only parts that its network has.
fn of(network: &'static Network, part: Part) -> &'static Person {
    person(network, part).unwrap_or(&STRANGER)
}

fn name(person: &Person) -> String {
    format!("{} {}", person.kanji.0, person.kanji.1)
}

fn cx(person: &Person, owner: &Network) -> String {
    example(person, owner).patient.unwrap_or_default()
}

fn found_as(person: &Person, owner: &Network, found: Result<Vec<FoundPatient>, String>) -> Came {
    match found?.as_slice() {
        [one] if one.id.cx().reveal() == &cx(person, owner) => {
            let shown = patient(one);
            let word = |key: &str| shown.get(key).and_then(|v| v.as_str()).unwrap_or("-").to_owned();
            let typed = format!(
                "照会 / asked: {}（{} {}）{} {}",
                name(person),
                person.kana.0,
                person.kana.1,
                person.birth,
                person.phone
            );
            let told = format!(
                "応答 / told: {}（{}）{} {}",
                word("name"),
                word("kana"),
                word("birth"),
                word("patient")
            );
            Ok((Both::new("一人に確定", "one person, for certain"), vec![typed, told]))
        }
        [] => Err("nobody was found".to_owned()),
        [_] => Err("another person was found".to_owned()),
        many => Err(format!("{} persons were found", many.len())),
    }
}

/// The other network refuses the question itself; our own broker found nobody and says that the other
/// is missing.
fn refused_abroad(found: Result<Vec<FoundPatient>, String>) -> Came {
    match found {
        Err(why) if why.contains("unavailable: community") => Ok((
            Both::new("相手の網が照会そのものを拒否", "the other network refuses the question itself"),
            vec![why],
        )),
        Err(why) => Err(why),
        Ok(_) => Err("the other network answered".to_owned()),
    }
}

fn nobody_in(found: Result<Vec<FoundPatient>, String>) -> Came {
    match found?.len() {
        0 => Ok((Both::new("該当者なし", "nobody"), Vec::new())),
        count => Err(format!("{count} persons were found")),
    }
}

fn reference(entry: &Shown) -> DocumentRef {
    DocumentRef {
        home: entry.home.clone(),
        repository: entry.repository.clone(),
        unique: entry.unique.clone(),
        title: entry.title.clone(),
    }
}

impl Documents {
    /// Names the documents in client.json.
    pub fn write(&self, layout: &Layout) -> Result<(), DemoError> {
        let failed = |e: crate::demo::client_file::ClientFileError| DemoError::new(exit::IO, e.to_string());
        let mut file = ClientFile::read(&layout.client()).map_err(failed)?;
        for (side, doors) in &mut file.sides {
            for (door, is_portal) in [(&mut doors.portal, true), (&mut doors.gateway, false)] {
                // Behind the portal lies the other side's, behind the gateway's door the side's own.
                let of_side = |key: &str| (key == side.as_str()) != is_portal;
                let of = |list: &[(&'static str, DocumentRef)]| {
                    list.iter().find(|(key, _)| of_side(key)).map(|(_, document)| document.clone())
                };
                door.examples.matches.document = of(&self.shown);
                door.examples.withheld.document = of(&self.withheld);
                door.examples.unknown.document = of(&self.shown).map(|document| DocumentRef {
                    unique: "2.25.123456789012345678901234567890".to_owned(),
                    title: String::new(),
                    ..document
                });
            }
        }
        file.write(&layout.client()).map_err(failed)
    }
}
