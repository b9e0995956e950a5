use super::*;
use crate::policy::fixture::{FIRST, HIROSHIMA, SECOND, authority, community, noon};
use crate::policy::{Asked, CARD_COLUMNS, CONSENT_COLUMNS, EmergencyIds, HospitalNumber, Standing};

const FIRST_ROW: &str = "N1,3310000001,100,2.999.34,*,*,TREATMENT,granted,2026-04-01,,HR-1,binder 1,clerk";
const SECOND_ROW: &str = "N1,3310000002,900,2.999.34,*,*,TREATMENT,granted,2026-04-01,,HR-2,binder 1,clerk";

async fn opened(folder: &tempfile::TempDir) -> Store {
    Store::open_file(&folder.path().join("k.db")).await.unwrap()
}

fn csv(lines: &[&str]) -> Vec<u8> {
    format!("{}\n{}\n", CONSENT_COLUMNS.join(","), lines.join("\n")).into_bytes()
}

fn standing(consents: &Consents, facility: &str) -> Standing {
    let asked = Asked { community: &community(HIROSHIMA), viewer: "x", purpose: Purpose::Treatment };
    consents.book().standing(&asked, facility, &Phi::new("N1".to_owned()), noon())
}

fn withdrawal(facility: Option<&str>) -> Withdrawal {
    Withdrawal {
        network_id: Phi::new("N1".to_owned()),
        facility: facility.map(str::to_owned),
        community: None,
        form: "HR-W".to_owned(),
        evidence: "binder 2".to_owned(),
        entered_by: "clerk".to_owned(),
    }
}

/// As the control room does once the audit log has taken note.
async fn noted(store: &Store, consents: &Consents) {
    for change in store.consent_changes_to_note().await.unwrap() {
        store.mark_consent_change_noted(change.version).await.unwrap();
    }
    consents.now_on_record(store).await.unwrap();
}

#[tokio::test]
async fn what_is_not_on_record_takes_away_and_gives_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    let consents = Consents::load(&store).await.unwrap();
    consents.import(&store, "c.csv", &csv(&[FIRST_ROW]), noon()).await.unwrap();
    let abroad = |consents: &Consents| consents.book().abroad(&Phi::new("N1".to_owned()), noon()).len();
    assert_eq!((standing(&consents, FIRST), abroad(&consents)), (Standing::None, 0));
    let again = Consents::load(&opened(&folder).await).await.unwrap();
    assert_eq!(standing(&again, FIRST), Standing::None, "a start puts nothing on record");
    noted(&store, &consents).await;
    assert_eq!(
        (standing(&consents, FIRST), abroad(&consents)),
        (Standing::Consented { kinds: Terms::All }, 1)
    );
    let narrower =
        FIRST_ROW.replace("*,*,TREATMENT,granted,2026-04-01", "*,OML-11,TREATMENT,limited,2026-04-02");
    consents.import(&store, "d.csv", &csv(&[&narrower]), noon()).await.unwrap();
    let laboratory = Standing::Consented { kinds: Terms::parse("OML-11") };
    assert_eq!(standing(&consents, FIRST), laboratory, "a limit counts at once");
    noted(&store, &consents).await;
    let other =
        FIRST_ROW.replace("*,*,TREATMENT,granted,2026-04-01", "*,OMP-01,TREATMENT,granted,2026-04-03");
    consents.import(&store, "e.csv", &csv(&[&other]), noon()).await.unwrap();
    let nothing = Standing::Consented { kinds: Terms::parse("") };
    assert_eq!(standing(&consents, FIRST), nothing, "neither the old alone nor the new alone");
}

#[tokio::test]
async fn the_end_of_a_withdrawal_counts_once_it_is_on_record() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    let consents = Consents::load(&store).await.unwrap();
    let no = FIRST_ROW.replace("granted,2026-04-01,", "withdrawn,2026-04-02,");
    let ended = FIRST_ROW.replace("granted,2026-04-01,", "withdrawn,2026-04-02,2026-04-03");
    consents.import(&store, "c.csv", &csv(&[FIRST_ROW, &no]), noon()).await.unwrap();
    noted(&store, &consents).await;
    consents.import(&store, "d.csv", &csv(&[&ended]), noon()).await.unwrap();
    assert_eq!(standing(&consents, FIRST), Standing::Blocked);
    noted(&store, &consents).await;
    assert_eq!(standing(&consents, FIRST), Standing::Consented { kinds: Terms::All });
}

#[tokio::test]
async fn what_a_change_has_ended_is_told_also_where_the_rows_cannot_be_read_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    let consents = Consents::load(&store).await.unwrap();
    let columns: Vec<&str> = CONSENT_COLUMNS.into_iter().chain(CARD_COLUMNS).collect();
    let with_card = |number: &str| {
        format!("{}\n{FIRST_ROW},H-{number}^^^&2.999.34.1&ISO,,\n", columns.join(",")).into_bytes()
    };
    consents.import(&store, "c.csv", &with_card("1"), noon()).await.unwrap();
    assert!(!consents.have_ended());
    let url = format!("sqlite://{}", folder.path().join("k.db").display());
    let broken = sqlx::SqlitePool::connect(&url).await.unwrap();
    sqlx::query("UPDATE consent SET state = 'unreadable'").execute(&broken).await.unwrap();
    assert!(consents.import(&store, "d.csv", &with_card("2"), noon()).await.is_err());
    assert!(consents.have_ended());
}

#[tokio::test]
async fn an_import_shows_once_it_is_noted_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    let consents = Consents::load(&store).await.unwrap();
    assert_eq!((consents.book().version(), standing(&consents, FIRST)), (0, Standing::None));
    let change = consents.import(&store, "c.csv", &csv(&[FIRST_ROW]), noon()).await.unwrap();
    assert_eq!((change.rows, change.version), (1, consents.book().version()));
    noted(&store, &consents).await;
    assert_eq!(standing(&consents, FIRST), Standing::Consented { kinds: Terms::All });
    let again = Consents::load(&opened(&folder).await).await.unwrap();
    assert_eq!(again.book().version(), change.version);
    assert_eq!(standing(&again, FIRST), Standing::Consented { kinds: Terms::All });
}

#[tokio::test]
async fn importing_the_same_rows_again_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    let consents = Consents::load(&store).await.unwrap();
    let first = consents.import(&store, "c.csv", &csv(&[FIRST_ROW, FIRST_ROW]), noon()).await.unwrap();
    let second = consents.import(&store, "c.csv", &csv(&[FIRST_ROW]), noon()).await.unwrap();
    assert_eq!((first.rows, second.rows, second.version), (1, 0, first.version));
    let third = consents.import(&store, "c.csv", &csv(&[FIRST_ROW, SECOND_ROW]), noon()).await.unwrap();
    assert_eq!(third.rows, 1);
    assert!(third.version > first.version);
}

#[tokio::test]
async fn a_file_with_one_bad_line_or_one_strangers_number_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    let consents = Consents::load(&store).await.unwrap();
    let stranger = "N2,3310000001,100,2.999.34,*,*,TREATMENT,granted,2026-04-01,,HR-1,,clerk";
    for bad in ["broken", stranger] {
        let error = consents.import(&store, "c.csv", &csv(&[FIRST_ROW, bad]), noon()).await.unwrap_err();
        assert!(error.to_string().starts_with("c.csv:3:"), "{error}");
        assert_eq!(store.consents().await.unwrap(), (0, Vec::new()));
        assert_eq!(standing(&consents, FIRST), Standing::None);
    }
    consents.import(&store, "c.csv", &csv(&[FIRST_ROW]), noon()).await.unwrap();
    assert!(consents.import(&store, "d.csv", &csv(&[stranger]), noon()).await.is_err());
}

#[tokio::test]
async fn a_withdrawal_counts_from_the_day_it_is_entered_and_keeps_the_history() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    let consents = Consents::load(&store).await.unwrap();
    consents.import(&store, "c.csv", &csv(&[FIRST_ROW, SECOND_ROW]), noon()).await.unwrap();
    let change = consents.withdraw(&store, &withdrawal(Some(FIRST)), noon()).await.unwrap();
    assert_eq!((change.rows, consents.book().version()), (1, change.version));
    assert_eq!(standing(&consents, FIRST), Standing::Blocked);
    assert_ne!(standing(&consents, SECOND), Standing::Blocked);
    assert_eq!(consents.withdraw(&store, &withdrawal(None), noon()).await.unwrap().rows, 1);
    assert_eq!(standing(&consents, SECOND), Standing::Blocked);
    assert_eq!(store.consents().await.unwrap().1.len(), 4);
}

#[tokio::test]
async fn withdrawing_for_nobody_known_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    let consents = Consents::load(&store).await.unwrap();
    let nobody = consents.withdraw(&store, &withdrawal(None), noon()).await;
    assert!(matches!(nobody, Err(WithdrawError::Nothing)));
}

#[tokio::test]
async fn a_change_waits_in_the_store_until_it_is_noted() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    let consents = Consents::load(&store).await.unwrap();
    let change = consents.import(&store, "c.csv", &csv(&[FIRST_ROW]), noon()).await.unwrap();
    assert_eq!(store.consent_changes_to_note().await.unwrap(), std::slice::from_ref(&change));
    let persons = store.persons_of_consent_change(change.version).await.unwrap();
    assert_eq!(persons, [Phi::new("N1".to_owned())]);
    store.mark_consent_change_noted(change.version).await.unwrap();
    assert!(store.consent_changes_to_note().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_emergency_id_is_one_communitys_for_a_day_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    let ids = EmergencyIds::load(&store, authority(), noon()).await.unwrap();
    let number = HospitalNumber { facility: FIRST.to_owned(), number: Phi::new("100".to_owned()) };
    let hiroshima = community(HIROSHIMA);
    let id = ids.issue(&store, &hiroshima, &number, noon()).await.unwrap();
    let ids = EmergencyIds::load(&opened(&folder).await, authority(), noon()).await.unwrap();
    let nearly = noon().plus_seconds(24 * 3600 - 1);
    assert_eq!(ids.lookup(&id, &hiroshima, nearly), Some(number.clone()));
    assert_eq!(ids.lookup(&id, &hiroshima, nearly.plus_seconds(1)), None);
    assert_eq!(ids.lookup(&id, &community("2.999.31"), noon()), None);
    assert_eq!(ids.issue(&store, &hiroshima, &number, noon()).await.unwrap(), id);
    let late = EmergencyIds::load(&store, authority(), noon().plus_seconds(25 * 3600)).await.unwrap();
    assert_eq!(late.lookup(&id, &hiroshima, noon()), None);
}
