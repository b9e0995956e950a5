//! Portal dialect by peer dialect: whatever a portal speaks and whatever the holder of the documents
//! speaks, thirty documents with their folders and submission sets arrive field by field as they are
//! held, but for what `docs/losses.md` declares. Both ways: what is lost beyond that fails, and so does
//! a loss that is declared and does not happen.

mod asking;
mod fields;
mod losses;
mod page;
mod peers;
mod table;
mod written;

use std::collections::{BTreeMap, BTreeSet};

use kakehashi::model::{RegistryObject, Wanted};
use kakehashi::xml::Tree;

use asking::{Asking, PORTALS, Portal};
use fields::Fields;
use losses::{MINTED, Of, Seen};
use peers::{Peer, World};
use table::{DOCUMENTS, PACKAGES, associations};
use written::Holder;

type Objects = BTreeMap<u32, Fields>;

/// What the holder has, by the numbers of the table.
fn held(holder: &Holder) -> Objects {
    let objects = holder.holdings().objects;
    let read = |object: &RegistryObject| {
        let slice = object.wire().unwrap().text.reveal().as_str().to_owned();
        let rim = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0";
        let whole = format!("<scope xmlns:rim=\"{rim}\">{slice}</scope>");
        let fields = fields::of(Tree::parse(&whole).unwrap().elements().next().unwrap());
        (number(&fields["@id"]).unwrap(), fields)
    };
    objects.iter().map(read).collect()
}

fn number(id: &str) -> Option<u32> {
    id.strip_prefix("urn:uuid:00000000-0000-4000-8000-")?.parse().ok()
}

fn is_document(number: u32) -> bool {
    number <= 30
}

fn is_package(number: u32) -> bool {
    (41..=60).contains(&number)
}

/// One pair as it is compared.
struct Pair<'p> {
    peer: Peer,
    portal: Portal,
    holder: &'p Holder,
    asking: Asking,
    held: Objects,
    /// What the portal is to read of each object that it is shown.
    expected: Objects,
    /// The numbers of documents by the ids under which the portal sees them.
    known: BTreeMap<String, u32>,
    /// What differs: field, and from what to what, with the numbers.
    differences: BTreeMap<(String, String), Vec<String>>,
}

impl Pair<'_> {
    fn seen(&self, number: u32) -> (u32, String) {
        (number, self.asking.patient.cx().reveal().clone())
    }

    fn is_declared(&self, of: Of, number: u32) -> bool {
        match of {
            Of::Entries => is_document(number),
            Of::These(numbers) | Of::TheseSets(numbers) | Of::TheseAssociations(numbers, _) => {
                numbers.contains(&number)
            }
            Of::Packages => is_package(number),
            Of::Associations => number > 60,
            Of::Retrieved => false,
        }
    }

    /// Takes the declared losses into what the holder has. Each must change something, and where it names
    /// documents each of them.
    fn declare(&mut self) {
        let mut expected: BTreeMap<u32, Option<Fields>> =
            self.held.iter().map(|(number, fields)| (*number, Some(fields.clone()))).collect();
        for loss in losses::of(self.peer, self.portal) {
            let mut changed = BTreeSet::new();
            for (number, fields) in expected.iter_mut().filter(|(n, _)| self.is_declared(loss.of, **n)) {
                let (number, asked) = self.seen(*number);
                let seen = Seen { holder: self.holder, asked: &asked, number };
                if losses::applied(loss, &seen, fields) {
                    changed.insert(number);
                }
            }
            let is_met = match loss.of {
                Of::Retrieved => true,
                Of::These(numbers) | Of::TheseSets(numbers) | Of::TheseAssociations(numbers, _) => {
                    changed.len() == numbers.len()
                }
                _ => !changed.is_empty(),
            };
            if !is_met {
                let what = format!("declared for {:?}, and nothing is lost", loss.of);
                self.differ(loss.field, &what, &format!("{changed:?}"));
            }
        }
        self.expected = expected.into_iter().filter_map(|(n, fields)| Some((n, fields?))).collect();
    }

    fn differ(&mut self, field: &str, what: &str, whom: &str) {
        self.differences.entry((field.to_owned(), what.to_owned())).or_default().push(whom.to_owned());
    }

    /// Which document of the table an object is: by its id, and where that was made anew by its hash.
    fn number(&self, fields: &Fields) -> Option<u32> {
        let id = fields.get("@id")?;
        number(id).or_else(|| self.known.get(id).copied())
    }

    fn compare_fields(&mut self, number: u32, expected: &Fields, got: &Fields) {
        let names: BTreeSet<&String> = expected.keys().chain(got.keys()).collect();
        for name in names {
            let (was, is) = (expected.get(name), got.get(name));
            let is_same = match (was, is) {
                (Some(was), Some(is)) if was == MINTED => {
                    self.held.get(&number).and_then(|held| held.get(name)) != Some(is)
                }
                (was, is) => was == is,
            };
            if !is_same {
                self.differ(name, &format!("{was:?} became {is:?}"), &number.to_string());
            }
        }
    }

    /// Compares what a query listed with what it should have.
    fn compare(&mut self, query: &str, got: &[Fields], wanted: &BTreeSet<u32>) {
        let mut listed = BTreeSet::new();
        for fields in got {
            let Some(number) = self.number(fields) else {
                // What Okayama knows of HANAKO besides.
                if !fields.get("formatCode").is_some_and(|code| code.contains("ADT-00"))
                    && fields["element"] != "Association"
                {
                    self.differ("(object)", &format!("{query} lists more: {fields:?}"), "?");
                }
                continue;
            };
            if !listed.insert(number) {
                self.differ("(object)", &format!("{query} lists it twice"), &number.to_string());
            }
            match self.expected.get(&number).cloned() {
                Some(expected) => self.compare_fields(number, &expected, fields),
                None => self.differ("(object)", "shown and declared as not shown", &number.to_string()),
            }
        }
        let wanted: BTreeSet<u32> =
            wanted.iter().copied().filter(|number| self.expected.contains_key(number)).collect();
        if wanted != listed {
            let (missing, more): (Vec<_>, Vec<_>) =
                (wanted.difference(&listed).collect(), listed.difference(&wanted).collect());
            self.differ("(object)", &format!("{query}: without {missing:?}, with {more:?}"), "");
        }
    }

    fn all(&self, is_it: impl Fn(u32) -> bool) -> BTreeSet<u32> {
        self.held.keys().copied().filter(|number| is_it(*number)).collect()
    }

    /// The objects of these numbers as the portal sees them.
    fn ids(&self, listed: &[Fields], field: &str) -> Vec<String> {
        listed
            .iter()
            .filter(|fields| self.number(fields).is_some())
            .map(|fields| fields[field].clone())
            .collect()
    }

    async fn documents(&mut self) {
        let listed = self.asking.of_patient(Wanted::Documents).await;
        for document in &DOCUMENTS {
            let hash = written::hash(document.content());
            let of_it = listed.iter().filter(|fields| fields.get("hash") == Some(&hash));
            self.known.extend(of_it.map(|fields| (fields["@id"].clone(), document.number)));
        }
        let all = self.all(is_document);
        self.compare("FindDocuments", &listed, &all);
        let ids = self.ids(&listed, "@id");
        let named = self.asking.of_objects(&ids, Wanted::Documents).await;
        self.compare("GetDocuments by id", &named, &all);
        let uniques = self.ids(&listed, "uniqueId");
        let named = self.asking.of_uniques(&uniques, Wanted::Documents).await;
        self.compare("GetDocuments by uniqueId", &named, &all);
        let named = self.asking.of_objects(&ids, Wanted::Associations).await;
        let joined = associations();
        let at_a_document = joined.iter().filter(|j| is_document(j.source) || is_document(j.target));
        self.compare("GetAssociations", &named, &at_a_document.map(|joined| joined.number).collect());
        self.retrieve(&listed).await;
        let by_number = |number| ids_of(&listed, |fields| self.number(fields) == Some(number));
        let replacing = by_number(22);
        let related = self.asking.of_objects(&replacing, Wanted::RelatedDocuments).await;
        // Documents come with what joins them, or not at all.
        let is_joined = self.expected.contains_key(&201);
        let wanted = if is_joined { [21, 22, 201].into() } else { BTreeSet::new() };
        self.compare("GetRelatedDocuments", &related, &wanted);
    }

    async fn retrieve(&mut self, listed: &[Fields]) {
        let mut entries: Vec<&Fields> = listed.iter().filter(|entry| self.number(entry).is_some()).collect();
        entries.sort_by_key(|entry| self.number(entry));
        let got = self.asking.documents(&entries).await;
        let mut met = BTreeSet::new();
        for (entry, (said, bytes)) in entries.iter().zip(&got) {
            let number = self.number(entry).unwrap();
            let document = DOCUMENTS.iter().find(|document| document.number == number).unwrap();
            if document.content() != bytes.as_slice() {
                self.differ("(bytes)", &format!("{} bytes", bytes.len()), &number.to_string());
            }
            // As its entry says.
            let same = ["@home", "repositoryUniqueId", "uniqueId", "@mimeType"];
            let told = same.iter().filter_map(|name| Some(((*name).to_owned(), entry.get(*name)?.clone())));
            let mut expected: Option<Fields> = Some(told.collect());
            for loss in losses::of(self.peer, self.portal).into_iter().filter(|l| l.of == Of::Retrieved) {
                let (number, asked) = self.seen(number);
                let seen = Seen { holder: self.holder, asked: &asked, number };
                if losses::applied(loss, &seen, &mut expected) {
                    met.insert(loss.field);
                }
            }
            self.compare_fields(number, &expected.unwrap_or_default(), said);
        }
        if got.len() != entries.len() {
            self.differ("(bytes)", &format!("{} of {} documents", got.len(), entries.len()), "");
        }
        for loss in losses::of(self.peer, self.portal).into_iter().filter(|l| l.of == Of::Retrieved) {
            if !met.contains(loss.field) {
                self.differ(loss.field, "declared of what is retrieved, and nothing is lost", "");
            }
        }
    }

    async fn packages(&mut self) {
        let members = |package: u32| -> BTreeSet<u32> {
            let it = PACKAGES.iter().find(|it| it.number == package).unwrap();
            std::iter::once(package).chain(it.members.iter().copied()).collect()
        };
        let joined = associations();
        // What a package holds, with all that joins two of it.
        let contents = |package: u32| -> BTreeSet<u32> {
            let within = members(package);
            let is_within = |j: &&table::Joined| within.contains(&j.source) && within.contains(&j.target);
            let joins: Vec<u32> = joined.iter().filter(is_within).map(|joined| joined.number).collect();
            within.into_iter().chain(joins).collect()
        };
        for (wanted, inside, is_folder) in [
            (Wanted::Folders, Wanted::FolderAndContents, true),
            (Wanted::SubmissionSets, Wanted::SubmissionSetAndContents, false),
        ] {
            let listed = self.asking.of_patient(wanted).await;
            let of_kind = PACKAGES.iter().filter(|package| package.is_folder == is_folder);
            let of_kind: BTreeSet<u32> = of_kind.map(|package| package.number).collect();
            self.compare(&format!("{wanted:?} by patient"), &listed, &of_kind);
            for fields in &listed {
                let Some(number) = self.number(fields) else { continue };
                let got = self.asking.of_uniques(&[fields["uniqueId"].clone()], inside).await;
                self.compare(&format!("{inside:?} {number}"), &got, &contents(number));
            }
        }
        let everything = self.asking.of_patient(Wanted::Everything).await;
        let all = self.all(|_| true);
        self.compare("GetAll", &everything, &all);
    }
}

fn ids_of(listed: &[Fields], is_it: impl Fn(&Fields) -> bool) -> Vec<String> {
    listed.iter().filter(|fields| is_it(fields)).map(|fields| fields["@id"].clone()).collect()
}

async fn differences(world: &World, peer: Peer, portal: Portal) -> String {
    let asking = Asking::of(world, portal).await;
    let mut pair = Pair {
        peer,
        portal,
        holder: &world.holder,
        asking,
        held: held(&world.holder),
        expected: Objects::new(),
        known: BTreeMap::new(),
        differences: BTreeMap::new(),
    };
    pair.declare();
    pair.documents().await;
    pair.packages().await;
    let mut text = String::new();
    for refused in pair.asking.refused.lock().unwrap().iter() {
        text.push_str(&format!("{peer:?} {portal:?}: {refused}\n"));
    }
    for ((field, what), mut whom) in pair.differences {
        whom.dedup();
        whom.sort();
        whom.dedup();
        text.push_str(&format!("{peer:?} {portal:?}: {field}: {what}: {}\n", whom.join(" ")));
    }
    text
}

async fn compared(peer: Peer) {
    let world = World::of(peer).await;
    let mut text = String::new();
    for portal in PORTALS {
        text.push_str(&differences(&world, peer, portal).await);
    }
    world.stop().await;
    assert!(text.is_empty(), "differs from what is held but for the declared losses:\n{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_documents_of_a_network_behind_xds_lose_what_is_declared_and_nothing_else() {
    compared(Peer::XdsNetwork).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_documents_of_our_own_site_behind_xds_lose_what_is_declared_and_nothing_else() {
    compared(Peer::XdsSource).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_documents_of_a_gateway_lose_what_is_declared_and_nothing_else() {
    compared(Peer::Xca).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_documents_behind_another_kakehashi_lose_what_is_declared_and_nothing_else() {
    compared(Peer::Kakehashi).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_documents_of_an_ssmix2_storage_lose_what_is_declared_and_nothing_else() {
    compared(Peer::Ssmix2).await;
}
