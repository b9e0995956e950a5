use super::super::handle::{Handle, NeverLeft};
use super::super::simulated_disk::{Crash, Fault, SimulatedDisk};
use super::super::tail::read_from;
use super::super::verify::verify_disk;
use super::*;
use crate::model::Refusal;
use crate::store::AuditPosition;

fn started(disk: &SimulatedDisk) -> Handle {
    Handle::start(Box::new(disk.clone()), AuditOptions::default()).unwrap().0
}

fn refusal() -> Event {
    Event::new(Kind::Refusal, Ending::Refused)
}

fn opening() -> Event {
    Event { awaits_close: true, ..Event::new(Kind::Open, Ending::Begun) }
}

fn ends(disk: &SimulatedDisk) -> Vec<(Kind, Ending, Option<u64>)> {
    let (events, _) = read_from(disk, &AuditPosition::default(), u64::MAX, usize::MAX).unwrap();
    events.into_iter().map(|e| (e.event.kind, e.event.ending, e.event.closes)).collect()
}

#[tokio::test]
async fn many_waiters_share_few_syncs_and_each_learns_its_own_record() {
    let disk = SimulatedDisk::new();
    let handle = started(&disk);
    let before = disk.syncs();
    // The others gather behind the first commit, which waits at the disk.
    let gate = disk.hold();
    let tasks: Vec<_> = (0..400)
        .map(|_| {
            let handle = handle.clone();
            tokio::spawn(async move { handle.append(&refusal(), None).await.unwrap().sequence })
        })
        .collect();
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    drop(gate);
    let mut sequences = Vec::new();
    for task in tasks {
        sequences.push(task.await.unwrap());
    }
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=400).collect::<Vec<_>>());
    let syncs = disk.syncs() - before;
    assert!(syncs <= 4, "{syncs} syncs for 400 records");
    assert!(verify_disk(&disk.crashed(Crash(0)), None).unwrap().records == 401);
}

#[tokio::test]
async fn commits_are_apart_while_several_requests_are_under_way() {
    let gather = Duration::from_millis(50);
    let options = AuditOptions { gather, ..AuditOptions::default() };
    let (handle, _) = Handle::start(Box::new(SimulatedDisk::new()), options).unwrap();
    for event in [opening(), opening(), refusal()] {
        handle.append(&event, None).await.unwrap();
    }
    let began = Instant::now();
    for _ in 0..3 {
        handle.append(&refusal(), None).await.unwrap();
    }
    assert!(began.elapsed() >= gather * 2);
}

#[tokio::test]
async fn a_request_that_is_alone_waits_for_no_other() {
    let options = AuditOptions { gather: Duration::from_secs(3600), ..AuditOptions::default() };
    let (handle, _) = Handle::start(Box::new(SimulatedDisk::new()), options).unwrap();
    for event in [opening(), refusal(), refusal()] {
        let written = tokio::time::timeout(Duration::from_secs(60), handle.append(&event, None)).await;
        assert!(written.is_ok_and(|written| written.is_ok()));
    }
}

#[tokio::test]
async fn whichever_operation_fails_the_waiter_is_told_and_nothing_goes_on_until_it_is_opened_again() {
    for fault in [Fault::Io, Fault::Full] {
        for at in 0..12 {
            let disk = SimulatedDisk::new();
            let handle = started(&disk);
            disk.fail_at(disk.operations() + at, fault, false);
            let mut written = Vec::new();
            let mut failed = 0;
            for _ in 0..8 {
                match handle.append(&refusal(), None).await {
                    Ok(durable) => written.push(durable.sequence),
                    Err(refused) => {
                        assert_eq!(refused, Refusal::AuditUnavailable);
                        assert!(matches!(handle.shared.health(), AuditHealth::Down(_)));
                        failed += 1;
                    }
                }
            }
            assert_eq!(failed, 8 - written.len());
            assert_eq!(written.len() as u64, (at / 2).min(8), "down from the first failure on");
            // The power goes: what was acknowledged is there.
            let left = verify_disk(&disk.crashed(Crash(0)), None).unwrap();
            assert!(left.records > written.last().copied().unwrap_or_default());
            let recovered = handle.reopen().await.unwrap();
            assert_eq!(handle.shared.health(), AuditHealth::Up(recovered.cut.clone()));
            let next = handle.append(&refusal(), None).await.unwrap().sequence;
            assert_eq!(next, recovered.records);
            assert!(verify_disk(&disk, None).unwrap().is_sound());
        }
    }
}

#[tokio::test]
async fn a_log_that_cannot_be_opened_does_not_start() {
    let disk = SimulatedDisk::new();
    disk.fail_at(0, Fault::Full, true);
    assert!(Handle::start(Box::new(disk), AuditOptions::default()).is_err());
}

#[tokio::test]
async fn a_start_closes_opens_as_nothing_released_and_streams_as_at_most_their_size() {
    let disk = SimulatedDisk::new();
    let handle = started(&disk);
    handle.append(&opening(), None).await.unwrap();
    let stream = Event { awaits_close: true, ..Event::new(Kind::Release, Ending::Complete) };
    handle.append(&stream, None).await.unwrap();
    let after = disk.crashed(Crash(0));
    let (_handle, recovered) = Handle::start(Box::new(after.clone()), AuditOptions::default()).unwrap();
    assert_eq!((recovered.closed_opens, recovered.closed_releases), (1, 1));
    let ends = ends(&after);
    assert!(ends.contains(&(Kind::Close, Ending::NothingReleased, Some(1))));
    assert!(ends.contains(&(Kind::Close, Ending::AtMost, Some(2))));
    let verified = verify_disk(&after, None).unwrap();
    assert!(verified.is_sound() && verified.unclosed.is_empty());
}

#[tokio::test]
async fn an_open_whose_waiter_is_gone_is_not_begun_or_closed_at_once() {
    let disk = SimulatedDisk::new();
    let handle = started(&disk);
    for _ in 0..50 {
        let opened = opening();
        let mut waiting = Box::pin(handle.append(&opened, None));
        if let std::task::Poll::Ready(durable) = futures_util::poll!(&mut waiting) {
            let durable = durable.unwrap();
            handle.owe(durable.generation, opened.closing(durable.sequence));
        }
        drop(waiting);
    }
    handle.stop().await;
    let verified = verify_disk(&disk, None).unwrap();
    assert!(verified.is_sound() && verified.unclosed.is_empty());
}

#[tokio::test]
async fn an_open_whose_waiter_goes_between_the_answer_and_its_reading_is_closed() {
    let disk = SimulatedDisk::new();
    let handle = started(&disk);
    for _ in 0..50 {
        let (opened, before) = (opening(), *handle.shared.durable.borrow());
        let mut waiting = Box::pin(handle.append(&opened, None));
        if let std::task::Poll::Ready(durable) = futures_util::poll!(&mut waiting) {
            // Quicker than we: this one was read.
            let durable = durable.unwrap();
            handle.owe(durable.generation, opened.closing(durable.sequence));
            continue;
        }
        handle.shared.durable.subscribe().wait_for(|durable| *durable > before).await.unwrap();
        drop(waiting);
    }
    handle.stop().await;
    let verified = verify_disk(&disk, None).unwrap();
    assert!(verified.is_sound() && verified.unclosed.is_empty());
}

#[tokio::test]
async fn a_release_under_which_nothing_left_is_taken_back_unless_another_replaces_it() {
    let disk = SimulatedDisk::new();
    let handle = started(&disk);
    let release = Event { shown: 3, ..Event::new(Kind::Release, Ending::Complete) };
    for replaced in [true, false] {
        let durable = handle.append(&release, None).await.unwrap();
        let earlier = NeverLeft::new(&handle, durable, &release);
        if replaced { earlier.settled() } else { drop(earlier) }
    }
    handle.stop().await;
    let (events, _) = read_from(&disk, &AuditPosition::default(), u64::MAX, usize::MAX).unwrap();
    let replaced: Vec<_> = events.iter().filter_map(|placed| placed.event.replaces).collect();
    assert_eq!(replaced, [2], "the second release only");
}

/// Waits, with the task under way, until the writer stands at the disk.
async fn at_the_disk(disk: &SimulatedDisk, before: u64) {
    while disk.operations() == before {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_disk_that_hangs_lets_the_waiter_go_at_its_deadline_and_the_release_is_taken_back() {
    let disk = SimulatedDisk::new();
    let handle = started(&disk);
    let release = Event { shown: 3, ..Event::new(Kind::Release, Ending::Complete) };
    let (gate, before) = (disk.hold(), disk.operations());
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_millis(5);
    {
        let mut waiting = Box::pin(handle.append_by(&release, None, deadline));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        at_the_disk(&disk, before).await;
        assert!(handle.shared.waiting() > std::time::Duration::ZERO);
        assert_eq!(waiting.await.unwrap_err(), Refusal::AuditUnavailable);
    }
    drop(gate);
    handle.append(&refusal(), None).await.unwrap();
    handle.stop().await;
    assert_eq!(handle.shared.waiting(), std::time::Duration::ZERO);
    let (events, _) = read_from(&disk, &AuditPosition::default(), u64::MAX, usize::MAX).unwrap();
    let taken_back: Vec<_> = events
        .iter()
        .filter(|placed| placed.event.kind == Kind::Release)
        .map(|placed| (placed.event.ending, placed.event.shown, placed.event.replaces))
        .collect();
    assert_eq!(taken_back, [(Ending::Complete, 3, None), (Ending::NothingReleased, 0, Some(1))]);
    assert!(verify_disk(&disk, None).unwrap().is_sound());
}

#[tokio::test]
async fn a_release_that_nobody_waits_for_any_more_is_not_written() {
    let disk = SimulatedDisk::new();
    let handle = started(&disk);
    let (gate, before) = (disk.hold(), disk.operations());
    let first = handle.clone();
    let first = tokio::spawn(async move { first.append(&refusal(), None).await });
    at_the_disk(&disk, before).await;
    let release = Event { shown: 3, ..Event::new(Kind::Release, Ending::Complete) };
    let mut waiting = Box::pin(handle.append(&release, None));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    drop(waiting);
    drop(gate);
    first.await.unwrap().unwrap();
    handle.stop().await;
    assert!(ends(&disk).iter().all(|(kind, _, _)| *kind != Kind::Release));
}

#[tokio::test]
async fn what_belongs_to_the_time_before_a_failure_is_not_written_after_it() {
    let disk = SimulatedDisk::new();
    let handle = started(&disk);
    let opened = handle.append(&opening(), None).await.unwrap();
    disk.fail_at(disk.operations(), Fault::Io, false);
    assert!(handle.append(&refusal(), None).await.is_err());
    let told = handle.owe_and_tell(opened.generation, opening().closing(opened.sequence));
    assert!(told.await.is_err());
    assert_eq!(handle.reopen().await.unwrap().closed_opens, 1);
    handle.owe(opened.generation, opening().closing(opened.sequence));
    let release = Event { closes: Some(opened.sequence), ..refusal() };
    assert!(handle.append(&release, Some(opened.generation)).await.is_err());
    handle.stop().await;
    assert!(verify_disk(&disk, None).unwrap().is_sound());
}

#[tokio::test]
async fn a_stopped_log_ends_with_a_stop_record_and_takes_no_more() {
    let disk = SimulatedDisk::new();
    let handle = started(&disk);
    handle.stop().await;
    assert_eq!(handle.append(&refusal(), None).await.unwrap_err(), Refusal::AuditUnavailable);
    assert_eq!(handle.shared.health(), AuditHealth::Stopped);
    assert_eq!(ends(&disk).last().map(|end| end.0), Some(Kind::Stop));
}

#[tokio::test]
async fn an_event_too_large_for_its_records_is_refused_and_the_writer_lives() {
    let disk = SimulatedDisk::new();
    let handle = started(&disk);
    let mut large = refusal();
    large.detail = Some(Phi::new("x".repeat(17 << 20)));
    assert!(matches!(handle.append(&large, None).await, Err(Refusal::Internal(_))));
    assert!(handle.append(&refusal(), None).await.is_ok());
}
