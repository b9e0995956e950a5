use std::sync::Mutex;

use super::*;
use crate::model::Purpose;
use crate::policy::{Asked, CONSENT_COLUMNS, Standing};
use crate::store::Terms;

#[derive(Default)]
struct Notes {
    taken: Mutex<Vec<(u64, usize)>>,
    is_down: Mutex<bool>,
}

#[async_trait]
impl ConsentNote for Notes {
    async fn note(&self, change: &ConsentChange, persons: &[Phi<String>]) -> Result<(), String> {
        if *self.is_down.lock().unwrap() {
            return Err("down".to_owned());
        }
        self.taken.lock().unwrap().push((change.version, persons.len()));
        Ok(())
    }
}

fn import() -> ControlRequest {
    let row = "N1,3310000001,100,2.999.34,*,*,TREATMENT,granted,2026-04-01,,HR-1,,clerk";
    let text = format!("{}\n{row}\n", CONSENT_COLUMNS.join(","));
    ControlRequest::ConsentImport { file: "c.csv".to_owned(), text }
}

fn withdraw(network_id: &str) -> ControlRequest {
    ControlRequest::ConsentWithdraw {
        network_id: network_id.to_owned(),
        facility: None,
        community: None,
        form: "HR-W".to_owned(),
        evidence: String::new(),
        entered_by: "clerk".to_owned(),
    }
}

async fn room(folder: &Path, note: &Arc<Notes>) -> ControlRoom {
    let store = Store::open_file(&folder.join("k.db")).await.unwrap();
    let consents = Arc::new(Consents::load(&store).await.unwrap());
    ControlRoom::new(store, consents, Some(Arc::clone(note) as Arc<dyn ConsentNote>))
}

#[tokio::test]
async fn a_command_over_the_socket_changes_the_running_broker_and_is_noted() {
    let folder = tempfile::tempdir().unwrap();
    let (notes, path) = (Arc::new(Notes::default()), folder.path().join("control.sock"));
    let room = Arc::new(room(folder.path(), &notes).await);
    let consents = Arc::clone(&room.consents);
    assert_eq!(send(&path, &import()).await.unwrap(), None, "no broker listens yet");
    let server = tokio::spawn(ControlSocket::bind(&path).unwrap().serve(room));
    let reply = send(&path, &import()).await.unwrap().unwrap();
    assert!(reply.ok, "{}", reply.text);
    assert_eq!((reply.version, consents.book().version()), (1, 1));
    let reply = send(&path, &withdraw("N1")).await.unwrap().unwrap();
    assert_eq!((reply.ok, reply.version), (true, 2));
    let reply = send(&path, &withdraw("N9")).await.unwrap().unwrap();
    assert_eq!((reply.ok, reply.version), (false, 2));
    assert_eq!(*notes.taken.lock().unwrap(), [(1, 1), (2, 1)]);
    server.abort();
    let _ = server.await;
    assert_eq!(send(&path, &import()).await.unwrap(), None, "a socket without a broker is nobody");
    assert!(ControlSocket::bind(&path).is_ok(), "what a dead broker left is taken over");
}

/// A day on which the row of [`import`] is valid.
fn april() -> Timestamp {
    Timestamp::from_micros(1_775_970_000_000_000)
}

fn is_consented(room: &ControlRoom) -> Standing {
    let community = CommunityId(Oid::parse("2.999.34").unwrap());
    let asked = Asked { community: &community, viewer: "x", purpose: Purpose::Treatment };
    room.consents.book().standing(&asked, "3310000001", &Phi::new("N1".to_owned()), april())
}

#[tokio::test]
async fn a_grant_that_could_not_be_noted_opens_nothing_until_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let notes = Arc::new(Notes::default());
    let room = room(folder.path(), &notes).await;
    *notes.is_down.lock().unwrap() = true;
    let reply = room.carry_out(import(), april()).await;
    assert!(reply.ok && !reply.noted && reply.text.contains("not yet in the audit log"), "{}", reply.text);
    assert_eq!((is_consented(&room), room.changes_to_note().await), (Standing::None, Ok(1)));
    *notes.is_down.lock().unwrap() = false;
    room.note_changes().await.unwrap();
    room.note_changes().await.unwrap();
    assert_eq!(*notes.taken.lock().unwrap(), [(1, 1)]);
    assert_eq!(is_consented(&room), Standing::Consented { kinds: Terms::All });
    assert_eq!(room.changes_to_note().await, Ok(0));
}

#[tokio::test]
async fn a_withdrawal_that_could_not_be_noted_counts_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let notes = Arc::new(Notes::default());
    let room = room(folder.path(), &notes).await;
    assert!(room.carry_out(import(), april()).await.noted);
    *notes.is_down.lock().unwrap() = true;
    let reply = room.carry_out(withdraw("N1"), april()).await;
    assert!(reply.ok && !reply.noted, "{}", reply.text);
    assert_eq!(is_consented(&room), Standing::Blocked);
}

#[tokio::test]
async fn a_line_that_is_no_command_is_not_answered_and_harms_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    let room = Arc::new(room(folder.path(), &Arc::default()).await);
    let server = tokio::spawn(ControlSocket::bind(&path).unwrap().serve(room));
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(b"{\"command\":\"shutdown\"}\n").await.unwrap();
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await.unwrap();
    assert!(reply.is_empty());
    assert!(send(&path, &import()).await.unwrap().unwrap().ok);
    server.abort();
}

#[tokio::test]
async fn a_withdrawal_without_form_or_with_a_false_community_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let room = room(folder.path(), &Arc::default()).await;
    assert!(room.carry_out(import(), Timestamp::now()).await.ok);
    for (form, community) in [("", None), ("HR-W", Some("Hiroshima".to_owned()))] {
        let request = ControlRequest::ConsentWithdraw {
            network_id: "N1".to_owned(),
            facility: None,
            community,
            form: form.to_owned(),
            evidence: String::new(),
            entered_by: "clerk".to_owned(),
        };
        assert!(!room.carry_out(request, Timestamp::now()).await.ok);
    }
}
