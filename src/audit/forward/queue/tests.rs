use super::*;
use crate::audit::event::Ending;
use crate::audit::references::LegRef;
use crate::audit::{AuditLog, AuditOptions};
use crate::model::Side;

fn leg(message: &str, transaction: Option<&str>) -> LegRef {
    LegRef {
        target: "tottori".to_owned(),
        community: Some("2.999.31".to_owned()),
        transaction: transaction.map(str::to_owned),
        message: message.to_owned(),
        query_root: None,
        query_extension: None,
        element: None,
        is_peer: true,
        failure: None,
        found: None,
        dropped: None,
        endpoint: None,
        url: transaction.map(|name| format!("https://tottori.example/{name}")),
    }
}

/// A portal's query: the look-up stands in the opening record, the query itself in a further one.
async fn a_correlated_query(folder: &Path) {
    let (log, _) = AuditLog::start(folder, AuditOptions::default()).unwrap();
    let mut opened = Event::new(Kind::Open, Ending::Begun);
    opened.request = Some([7; 16].into());
    opened.transaction = Some("ITI-38".to_owned());
    opened.side = Some(Side::Home.word().to_owned());
    opened.awaits_close = true;
    opened.legs = vec![leg("m1", Some("ITI-55"))];
    let durable = log.handle.append(&opened, None).await.unwrap();
    let further = opened.supplementing(vec![leg("m2", Some("ITI-38"))]);
    log.handle.append(&further, None).await.unwrap();
    let mut release = Event::new(Kind::Release, Ending::Complete);
    release.request = opened.request;
    release.transaction = opened.transaction.clone();
    release.side = opened.side.clone();
    release.closes = Some(durable.sequence);
    release.legs = vec![leg("m1", None), leg("m2", None)];
    log.handle.append(&release, None).await.unwrap();
    log.stop().await;
}

#[tokio::test]
async fn a_query_that_a_look_up_led_to_is_told_as_the_query_also_when_it_is_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    a_correlated_query(folder.path()).await;
    let source = AuditSource { device: "2.999.33.0.1".to_owned(), community: "2.999.33".to_owned() };
    let mut queue = Queue::new(folder.path(), source);
    for _ in 0..2 {
        let batch = queue.next(&AuditPosition::default(), u64::MAX, 100).unwrap();
        let toward = |transaction: &str| {
            let url = format!("https://tottori.example/{transaction}");
            let code = format!("csd-code=\"{transaction}\"");
            let told = batch.messages.iter().map(|(_, message)| message.xml.reveal());
            told.filter(|xml| xml.contains(&url) && xml.contains(&code)).count()
        };
        assert_eq!((toward("ITI-55"), toward("ITI-38")), (1, 1));
    }
}
