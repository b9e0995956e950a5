//! What a registry of another network may not say of submission sets, folders and associations: told to
//! a running broker, none of it reaches the portal, and each is counted.

use std::sync::{Arc, Mutex};

use kakehashi::dialect::ebxml::RegistryStoredQuery;
use kakehashi::model::{CommunityId, DocumentQuery, Wanted};

use super::{EVERYTHING, holdings, numbers, of, of_patient, okayama};
use crate::simulators::client::{PHYSICIAN, oid};
use crate::simulators::gateway::Gateway;
use crate::simulators::network::HIROSHIMA;

/// Answers to which queries are bent, and how.
type Bent = (Wanted, fn(String) -> String);

/// What is asked, what is said instead of the truth, and what of it is passed on.
type Lie = (&'static str, DocumentQuery, Wanted, fn(String) -> String, &'static [u32]);

fn object(number: u32) -> String {
    format!("urn:uuid:00000000-0000-4000-8000-{number:012}")
}

/// Another object's words instead of this one's.
fn within(xml: String, number: u32, from: &str, to: &str) -> String {
    let tag = xml.find(&format!(" id=\"{}\"", object(number))).unwrap();
    let start = xml[..tag].rfind('<').unwrap();
    let end = xml[start..].find("</rim:").map_or(xml.len(), |_| {
        let name: String = xml[start + 1..].chars().take_while(|c| !c.is_whitespace()).collect();
        let closing = format!("</{name}>");
        xml[start..].find(&closing).map_or(xml[start..].find("/>").unwrap() + 2, |at| at + closing.len())
            + start
    });
    assert!(xml[start..end].contains(from), "{from} in {}", &xml[start..end]);
    format!("{}{}{}", &xml[..start], xml[start..end].replace(from, to), &xml[end..])
}

fn added(xml: String, more: &str) -> String {
    xml.replace("</rim:RegistryObjectList>", &format!("{more}</rim:RegistryObjectList>"))
}

fn link(number: u32, source: u32, target: u32) -> String {
    format!(
        "<rim:Association id=\"{}\" associationType=\"urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember\" \
         sourceObject=\"{}\" targetObject=\"{}\"/>",
        object(number),
        object(source),
        object(target)
    )
}

fn lies() -> [Lie; 15] {
    let named =
        |number, wanted| DocumentQuery { home: Some(CommunityId(oid("2.999.34"))), ..of(number, wanted) };
    [
        (
            "another patient's folder",
            of_patient(Wanted::Folders),
            Wanted::Folders,
            |xml| within(xml, 12, "H-1^^^", "EVIL^^^"),
            &[11],
        ),
        (
            "a folder of another home",
            of_patient(Wanted::Folders),
            Wanted::Folders,
            |xml| within(xml, 12, "urn:oid:2.999.34\"", "urn:oid:2.999.31\""),
            &[11],
        ),
        (
            "a folder that was not asked for",
            named(11, Wanted::Folders),
            Wanted::Folders,
            |xml| xml.replace(&object(11), &object(12)),
            &[],
        ),
        (
            "a folder with objects in it",
            of_patient(Wanted::Folders),
            Wanted::Folders,
            |xml| within(xml, 12, "<rim:Classification ", "<rim:RegistryObjectList/><rim:Classification "),
            &[11],
        ),
        (
            "a submission set among folders",
            of_patient(Wanted::Folders),
            Wanted::Folders,
            |xml| {
                within(
                    xml,
                    12,
                    "d9d542f3-6cc4-48b6-8870-ea235fbc94c2",
                    "a54d6aa5-d40d-43f9-88c5-b4633d873bdd",
                )
            },
            &[11],
        ),
        (
            "another patient's document in a folder",
            named(11, Wanted::FolderAndContents),
            Wanted::FolderAndContents,
            |xml| within(xml, 2, "H-1^^^", "EVIL^^^"),
            &[1, 11, 33],
        ),
        (
            "a document that is no member",
            named(12, Wanted::FolderAndContents),
            Wanted::FolderAndContents,
            |xml| within(xml, 35, &object(12), &object(11)),
            &[12],
        ),
        (
            "a link from something else",
            named(1, Wanted::Associations),
            Wanted::Associations,
            |xml| added(xml, &link(90, 12, 2)),
            &[31, 33, 38],
        ),
        (
            "a link to nothing",
            named(1, Wanted::DocumentsAndAssociations),
            Wanted::DocumentsAndAssociations,
            |xml| added(xml, &link(90, 77, 1)),
            &[1, 31, 33, 38],
        ),
        (
            "a link to an object of another home",
            named(1, Wanted::DocumentsAndAssociations),
            Wanted::DocumentsAndAssociations,
            |xml| within(xml, 31, "home=\"urn:oid:2.999.34\"", "home=\"urn:oid:2.999.33\""),
            &[1, 33, 38],
        ),
        (
            "one id for two objects",
            of_patient(Wanted::Everything),
            Wanted::Everything,
            |xml| added(xml, &link(1, 11, 2)),
            &[1, 2, 11, 12, 21, 22, 31, 32, 33, 34, 35, 36, 37, 38, 39],
        ),
        (
            "folders that do not hold the document",
            named(1, Wanted::FoldersForDocument),
            Wanted::FoldersForDocument,
            |xml| xml.replace(&object(11), &object(12)),
            &[],
        ),
        (
            "submission sets that do not hold it",
            named(1, Wanted::SubmissionSets),
            Wanted::SubmissionSets,
            |xml| within(xml, 21, &object(21), &object(22)),
            &[],
        ),
        (
            "a folder that holds it, among its submission sets",
            named(1, Wanted::SubmissionSets),
            Wanted::SubmissionSets,
            |xml| added(xml, &link(90, 11, 1)),
            &[21, 31],
        ),
        (
            "documents that are not related",
            named(1, Wanted::RelatedDocuments),
            Wanted::RelatedDocuments,
            |xml| within(xml, 38, "RPLC", "signs"),
            &[],
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_lie_about_folders_submission_sets_and_associations_is_passed_on() {
    let holdings = Arc::new(holdings());
    let telling: Arc<Mutex<Option<Bent>>> = Arc::default();
    let told = Arc::clone(&telling);
    let hiroshima = Gateway::start(HIROSHIMA, move |arrived| {
        let (holdings, lie) = (Arc::clone(&holdings), *told.lock().unwrap());
        async move {
            holdings.answer_bent(&arrived, |query, xml| match lie {
                Some((wanted, bend)) if query.criteria.wanted == wanted => bend(xml),
                _ => xml,
            })
        }
    })
    .await;
    let (okayama, _kept) = okayama(&hiroshima, EVERYTHING).await;
    let portal = okayama.portal(PHYSICIAN);
    let dropped = |metrics: String| -> f64 {
        let of_peer = |line: &&str| {
            line.starts_with("kakehashi_dropped_findings_total") && line.contains("target=\"hiroshima\"")
        };
        metrics
            .lines()
            .filter(of_peer)
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    };
    for (name, query, wanted, bend, left) in lies() {
        let before = dropped(okayama.admin("/metrics").await.1);
        *telling.lock().unwrap() = Some((wanted, bend));
        let reply = portal.ask_raw::<RegistryStoredQuery>(&query).await;
        *telling.lock().unwrap() = None;
        assert_eq!(numbers(&reply), left, "{name}: {}", reply.text());
        assert!(!reply.text().contains("EVIL"), "{name}: {}", reply.text());
        let after = dropped(okayama.admin("/metrics").await.1);
        assert!(after > before || name == "a link to nothing", "{name} is counted");
    }
    okayama.stop().await;
}
