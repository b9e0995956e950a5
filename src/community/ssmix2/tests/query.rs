use super::fixture::{NUMBER, Storage, any_status, approved, ask, context, find};
use crate::community::ssmix2::Ssmix2;
use crate::model::{
    Association, Code, Community, Criteria, DocumentEntry, DocumentQuery, Dtm, Encoded, EntryMetadata,
    QueryKey, RegistryObject, RequestContext, ReturnType, Side, Wanted,
};

const AT: &str = "20240712110000000";

async fn all_kinds() -> (Storage, Ssmix2) {
    let storage = Storage::new();
    for kind in &crate::dialect::ssmix2::KINDS {
        storage.file(kind.code, NUMBER, AT, 1);
    }
    storage.file("OML-11", NUMBER, "20240712090000000", 2);
    let source = storage.source();
    source.rescan(|_| ()).await.unwrap();
    (storage, source)
}

fn metadata(entry: &DocumentEntry) -> &EntryMetadata {
    match &entry.encoded {
        Encoded::Metadata(metadata) => metadata,
        Encoded::Ebxml(_) => panic!("ours are built"),
    }
}

/// What a filter lets through is exactly what a second opinion lets through of everything.
async fn agrees(source: &Ssmix2, criteria: Criteria, opinion: impl Fn(&DocumentEntry) -> bool) -> usize {
    let mut expected = ask(source, &find(NUMBER, any_status())).await;
    expected.retain(|entry| criteria.statuses.contains(&entry.availability) && opinion(entry));
    let found = ask(source, &find(NUMBER, criteria)).await;
    let ids = |entries: &[DocumentEntry]| entries.iter().map(|e| e.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&found), ids(&expected));
    found.len()
}

#[tokio::test]
async fn status_class_type_format_and_codes_filter_by_code_and_scheme() {
    let (_storage, source) = all_kinds().await;
    assert_eq!(agrees(&source, approved(), |_| true).await, 52);
    assert_eq!(agrees(&source, any_status(), |_| true).await, 54);
    assert_eq!(ask(&source, &find(NUMBER, Criteria::default())).await.len(), 0);

    let sample = ask(&source, &find(NUMBER, approved())).await;
    let lab = sample.iter().find(|e| e.origin.as_ref().unwrap().kind == "OML-11").unwrap().clone();
    let of = |change: &dyn Fn(&mut Criteria)| {
        let mut criteria = approved();
        change(&mut criteria);
        criteria
    };
    let class = lab.class.clone();
    assert_eq!(agrees(&source, of(&|c| c.classes = vec![class.clone()]), |e| e.class == lab.class).await, 2);
    let wrong_scheme = Code::new(lab.class.value.clone(), "1.2.3", "");
    assert_eq!(agrees(&source, of(&|c| c.classes = vec![wrong_scheme.clone()]), |_| false).await, 0);
    let named =
        agrees(&source, of(&|c| c.types = vec![lab.type_code.clone()]), |e| e.type_code == lab.type_code)
            .await;
    assert_eq!(named, 2);
    assert_eq!(
        agrees(&source, of(&|c| c.formats = vec![lab.format.clone()]), |e| e.format == lab.format).await,
        1
    );
    let setting = metadata(&lab).practice_setting.clone();
    let same_setting = |e: &DocumentEntry| metadata(e).practice_setting.same(&setting);
    assert!(agrees(&source, of(&|c| c.practice_settings = vec![setting.clone()]), same_setting).await > 0);
    let elsewhere = Code::new("CLINIC", "2.999.5", "");
    assert_eq!(agrees(&source, of(&|c| c.facility_types = vec![elsewhere.clone()]), |_| false).await, 0);
    let normal = lab.confidentiality.clone();
    let confidential = of(&|c| c.confidentialities = vec![normal.clone()]);
    assert!(agrees(&source, confidential, |e| e.confidentiality == normal).await > 0);
}

#[tokio::test]
async fn event_codes_are_joined_by_and_between_slots_and_by_or_within() {
    let (_storage, source) = all_kinds().await;
    let entries = ask(&source, &find(NUMBER, approved())).await;
    let rich =
        entries.iter().find(|e| metadata(e).event_codes.len() > 1).expect("laboratory results carry codes");
    let codes = metadata(rich).event_codes.clone();
    let nothing = Code::new("nothing", "2.999", "");
    let has = |e: &DocumentEntry, code: &Code| metadata(e).event_codes.iter().any(|c| c.same(code));
    let and = Criteria {
        event_codes: vec![vec![codes[0].clone(), nothing.clone()], vec![codes[1].clone()]],
        ..approved()
    };
    assert!(agrees(&source, and, |e| has(e, &codes[0]) && has(e, &codes[1])).await > 0);
    let or = Criteria { event_codes: vec![vec![codes[0].clone(), codes[1].clone()]], ..approved() };
    assert!(agrees(&source, or, |e| has(e, &codes[0]) || has(e, &codes[1])).await > 0);
    let none = Criteria { event_codes: vec![vec![codes[0].clone()], vec![nothing]], ..approved() };
    assert_eq!(agrees(&source, none, |_| false).await, 0);
}

#[tokio::test]
async fn times_authors_and_entry_types_filter_as_the_standard_says() {
    let (_storage, source) = all_kinds().await;
    let dtm = |text| Dtm::parse(text);
    // 11:00 in Japan is 02:00 UTC.
    let created = |from, to| Criteria { creation: (dtm(from), dtm(to)), ..approved() };
    assert_eq!(agrees(&source, created("20240712020000", "20240712020001"), |_| true).await, 52);
    assert_eq!(agrees(&source, created("20240711", "20240712020000"), |_| false).await, 0);
    let service = Criteria { service_start: (dtm("20300101"), None), ..approved() };
    assert!(agrees(&source, service, |e| metadata(e).service_start.is_none()).await < 52);
    let author = Criteria { author_persons: vec!["%長谷%".to_owned()], ..approved() };
    let by_him = |e: &DocumentEntry| metadata(e).authors.iter().any(|a| a.person.contains("長谷"));
    assert!(agrees(&source, author, by_him).await > 0);
    let on_demand = Criteria {
        entry_types: vec!["urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248".to_owned()],
        ..approved()
    };
    assert_eq!(agrees(&source, on_demand, |_| false).await, 0);
}

#[tokio::test]
async fn entries_are_found_by_their_ids_and_nothing_else_by_others() {
    let (_storage, source) = all_kinds().await;
    let entries = ask(&source, &find(NUMBER, any_status())).await;
    let by =
        |by| DocumentQuery { by, home: None, criteria: Criteria::default(), returns: ReturnType::LeafClass };
    for entry in &entries {
        let found = ask(&source, &by(QueryKey::UniqueIds(vec![entry.id.unique.clone()]))).await;
        assert_eq!(found.iter().map(|e| &e.id).collect::<Vec<_>>(), [&entry.id]);
        let found = ask(&source, &by(QueryKey::Objects(vec![entry.object.clone()]))).await;
        assert_eq!(found.iter().map(|e| &e.object).collect::<Vec<_>>(), [&entry.object]);
    }
    assert!(
        ask(&source, &by(QueryKey::UniqueIds(vec!["2.25.1".to_owned().into(), "x".to_owned().into()])))
            .await
            .is_empty()
    );
    assert!(ask(&source, &find("0000000000", any_status())).await.is_empty());
    let mut foreign = find(NUMBER, any_status());
    let authority = crate::model::Authority(crate::model::Oid::parse("2.999.1").unwrap());
    foreign.by = QueryKey::Patient(crate::model::PatientId::new(authority, NUMBER));
    assert!(ask(&source, &foreign).await.is_empty());
}

/// Everything of an entry, comparable; patient values revealed.
fn told(entry: &DocumentEntry) -> String {
    let origin = entry.origin.as_ref().unwrap();
    let of = |id: &crate::model::PatientId| id.cx().into_revealed();
    let metadata = metadata(entry);
    format!(
        "{entry:?} {} {} {} {} {} {:?}",
        entry.id.unique.reveal(),
        entry.object.0.reveal(),
        of(&entry.patient),
        of(&origin.patient),
        of(&metadata.source_patient),
        metadata.references.iter().map(crate::model::Phi::reveal).collect::<Vec<_>>()
    )
}

#[tokio::test]
async fn an_entry_comes_out_of_the_index_as_the_dialect_built_it() {
    use crate::community::ssmix2::content::body_of;
    use crate::community::ssmix2::rendition;
    use crate::dialect::ssmix2::{Form, StorageFile, entry, read_file};
    let (storage, source) = all_kinds().await;
    let reader = source.index.reader();
    let found = ask(&source, &find(NUMBER, approved())).await;
    let mut compared = 0;
    for kind in &crate::dialect::ssmix2::KINDS {
        let path = storage.path(kind.code, NUMBER, AT, 1);
        let relative = path.strip_prefix(storage.root()).unwrap().to_str().unwrap().to_owned();
        let bytes = std::fs::read(&path).unwrap();
        let read = read_file(StorageFile::parse_relative(relative.as_bytes()).unwrap(), &bytes).unwrap();
        let page = rendition::page(&read, &bytes, &reader.facility.name).unwrap();
        for (form, bytes) in [(Form::Original, bytes.as_slice()), (Form::Rendition, page.as_bytes())] {
            let status = crate::model::Availability::Approved;
            let built = entry(&read, form, &body_of(bytes), status, &reader.facility, &reader.secret);
            let held = found.iter().find(|entry| entry.id == built.id).unwrap();
            assert_eq!(told(held), told(&built));
            compared += 1;
        }
    }
    assert_eq!(compared, 52);
}

#[tokio::test]
async fn a_reference_finds_its_documents_and_toward_a_peer_none_that_holds_the_hospitals_number() {
    let (_storage, source) = all_kinds().await;
    let by_reference = |reference: &crate::model::Phi<String>| {
        let references = vec![vec![reference.clone()]];
        find(NUMBER, Criteria { wanted: Wanted::DocumentsByReference, references, ..any_status() })
    };
    let (peer, leg) = context();
    let home = RequestContext { side: Side::Home, ..peer.clone() };
    let (mut found_at_home, mut kept_from_peers) = (0, 0);
    for entry in ask(&source, &find(NUMBER, any_status())).await {
        for reference in &metadata(&entry).references {
            let found = source.document_query(&home, &leg, &by_reference(reference)).await.unwrap().found;
            assert!(found.iter().any(|found| *found.object() == entry.object));
            found_at_home += 1;
            let shown = entry.readdressed(entry.patient.clone(), Some(entry.patient.clone()));
            let is_shown = metadata(&shown).references.contains(reference);
            let found = source.document_query(&peer, &leg, &by_reference(reference)).await.unwrap().found;
            assert_eq!(found.iter().any(|found| *found.object() == entry.object), is_shown);
            kept_from_peers += usize::from(!is_shown);
        }
    }
    assert!(found_at_home > 0, "some documents have references");
    println!("{found_at_home} references, {kept_from_peers} kept from peers");
    let nobodys = by_reference(&crate::model::Phi::new("nobody's".to_owned()));
    assert!(ask(&source, &nobodys).await.is_empty());
}

#[tokio::test]
async fn original_and_rendition_are_joined_and_nothing_lies_in_folders() {
    let (_storage, source) = all_kinds().await;
    let (context, leg) = context();
    let all = ask(&source, &find(NUMBER, any_status())).await;
    let of = |wanted, by: QueryKey| {
        let association_types = vec![Association::TRANSFORMS.to_owned()];
        let criteria = Criteria { wanted, association_types, ..any_status() };
        DocumentQuery { by, home: None, criteria, returns: ReturnType::LeafClass }
    };
    let found =
        async |query: DocumentQuery| source.document_query(&context, &leg, &query).await.unwrap().found;
    let everything = found(of(Wanted::Everything, find(NUMBER, any_status()).by)).await;
    let joined: Vec<_> = everything.iter().filter_map(RegistryObject::association).collect();
    assert_eq!((everything.len() - joined.len(), joined.len()), (all.len(), all.len() / 2));
    for association in &joined {
        let [rendition, original] =
            association.ends().map(|end| all.iter().find(|e| e.object == *end).unwrap());
        assert_eq!(rendition.media_type, "text/html");
        assert_ne!(original.media_type, "text/html");
    }
    let one = QueryKey::Objects(vec![joined[0].source.clone()]);
    let again = found(of(Wanted::Associations, one.clone())).await;
    assert_eq!(again.len(), 1);
    assert_eq!(*again[0].object(), joined[0].object, "the same id at every look");
    assert_eq!(found(of(Wanted::RelatedDocuments, one.clone())).await.len(), 3);
    assert_eq!(found(of(Wanted::DocumentsAndAssociations, one.clone())).await.len(), 2);
    for wanted in
        [Wanted::Folders, Wanted::FoldersForDocument, Wanted::FolderAndContents, Wanted::SubmissionSets]
    {
        assert!(found(of(wanted, one.clone())).await.is_empty(), "{wanted:?}");
        let by_patient = found(of(wanted, find(NUMBER, any_status()).by)).await;
        assert!(by_patient.is_empty(), "{wanted:?}");
    }
}
