//! The whole way in, over a real store.

use super::vectors::*;
use crate::identity::{Admission, Arrival, NotAdmitted, Notifications, Terms};
use crate::model::{MessageId, TargetName};
use crate::store::Store;

async fn admission() -> (tempfile::TempDir, Admission) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_file(&folder.path().join("k.db")).await.unwrap();
    (folder, Admission::new(store))
}

/// What became of a message: its attempt, or a word.
async fn admit(
    admission: &Admission,
    spki: &str,
    root: &str,
    message: Option<&str>,
    resend_s: Option<u32>,
) -> Result<u32, &'static str> {
    let minute = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    admit_by(admission, spki, root, message, resend_s, minute).await
}

async fn admit_by(
    admission: &Admission,
    spki: &str,
    root: &str,
    message: Option<&str>,
    resend_s: Option<u32>,
    deadline: tokio::time::Instant,
) -> Result<u32, &'static str> {
    let message = message.map(|id| MessageId(id.to_owned()));
    let (system, community) = (TargetName("hiroshima".into()), community());
    let root = crate::xml::WellFormed::check(root).map_err(|_| "unreadable")?;
    let arrival = Arrival {
        root,
        message: message.as_ref(),
        spki_sha256: spki,
        system: &system,
        community: &community,
        resend_s,
        deadline,
    };
    let trust = trust();
    let terms = Terms { saml: Some(&trust), portal: None, may_be_nobody: false };
    match admission.admit(&arrival, &terms, NOW).await {
        Ok(admitted) => Ok(admitted.attempt),
        Err(NotAdmitted::Unauthenticated(why)) => Err(why.word),
        Err(NotAdmitted::Duplicate) => Err("duplicate"),
        Err(NotAdmitted::Late) => Err("late"),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_message_is_admitted_once_and_its_assertion_only_from_the_first_system() {
    let (_folder, admission) = admission().await;
    let root = genuine();
    assert_eq!(admit(&admission, "a", &root, Some("1"), None).await, Ok(1));
    assert_eq!(admit(&admission, "a", &root, Some("1"), None).await, Err("duplicate"));
    assert_eq!(admit(&admission, "a", &root, Some("2"), None).await, Ok(1));
    assert_eq!(admit(&admission, "b", &root, Some("3"), None).await, Err("FailedAuthentication"));
}

#[tokio::test]
async fn a_message_that_is_not_authenticated_takes_no_number() {
    let (_folder, admission) = admission().await;
    let root = genuine();
    let forged = root.replace("dr-7", "dr-8");
    assert_eq!(admit(&admission, "a", &forged, Some("1"), None).await, Err("FailedCheck"));
    assert_eq!(admit(&admission, "a", &root, Some("1"), None).await, Ok(1));
}

#[tokio::test]
async fn a_one_use_assertion_is_refused_with_a_second_message() {
    let (_folder, admission) = admission().await;
    let once = signed_with("</saml:Conditions>", "<saml:OneTimeUse/></saml:Conditions>");
    assert_eq!(admit(&admission, "a", &once, Some("1"), None).await, Ok(1));
    assert_eq!(admit(&admission, "a", &once, Some("2"), None).await, Err("InvalidSecurityToken"));
}

#[tokio::test]
async fn without_a_message_id_the_bytes_are_what_is_taken_once() {
    let (_folder, admission) = admission().await;
    let root = genuine();
    assert_eq!(admit(&admission, "a", &root, None, None).await, Ok(1));
    assert_eq!(admit(&admission, "a", &root, None, None).await, Err("duplicate"));
    let other = root.replace("\"q1\"", "\"q2\"");
    assert_eq!(admit(&admission, "a", &other, None, None).await, Ok(1));
}

#[tokio::test]
async fn a_portals_repeat_is_admitted_with_its_attempt_and_a_freed_message_anew() {
    let (_folder, admission) = admission().await;
    let root = genuine();
    assert_eq!(admit(&admission, "a", &root, Some("1"), Some(30)).await, Ok(1));
    assert_eq!(admit(&admission, "a", &root, Some("1"), Some(30)).await, Ok(2));
    let other = root.replace("\"q1\"", "\"q2\"");
    assert_eq!(admit(&admission, "a", &other, Some("1"), Some(30)).await, Err("duplicate"));
    for message in ["1", "1"] {
        admission.free("a", &MessageId(message.to_owned())).await.unwrap();
    }
    assert_eq!(admit(&admission, "a", &root, Some("1"), None).await, Ok(1));
}

#[tokio::test]
async fn a_store_that_hangs_is_given_up_at_the_deadline_and_the_message_may_come_again() {
    use sqlx::Connection;
    let (folder, admission) = admission().await;
    let url = format!("sqlite:{}", folder.path().join("k.db").display());
    let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let root = genuine();
    let soon = tokio::time::Instant::now() + std::time::Duration::from_millis(20);
    assert_eq!(admit_by(&admission, "a", &root, Some("1"), None, soon).await, Err("late"));
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    // What is under way takes the message for nobody, and frees it.
    loop {
        match admit(&admission, "a", &root, Some("1"), None).await {
            Err("duplicate") => tokio::task::yield_now().await,
            taken => break assert_eq!(taken, Ok(1)),
        }
    }
}

#[tokio::test]
async fn of_a_manager_that_tells_of_a_whole_population_messages_are_remembered_for_minutes() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_file(&folder.path().join("k.db")).await.unwrap();
    let notifications = Notifications::new(store.clone());
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    let take = async |number: u32, now| {
        let (root, message) = ("<a/>", MessageId(format!("urn:uuid:{number}")));
        let root = crate::xml::WellFormed::check(root).unwrap();
        let taken = notifications.take("spki", root, Some(&message), (now, deadline)).await;
        taken.map(drop).map_err(|why| matches!(why, NotAdmitted::Duplicate))
    };
    let later = NOW.plus_seconds(700);
    assert_eq!(take(1, NOW).await, Ok(()));
    store.use_replays("spki");
    assert_eq!(take(2, NOW).await, Ok(()));
    assert_eq!(take(3, NOW).await, Err(false), "full: neither taken nor a duplicate");
    store.purge_replays(later).await.unwrap();
    assert_eq!(take(3, later).await, Ok(()), "there is room after minutes");
    assert_eq!(take(1, later).await, Err(true), "a week's are remembered");
}
