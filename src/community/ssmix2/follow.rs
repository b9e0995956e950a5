//! Keeps the index with the tree: at each interval what the file system and the transaction storage
//! hint at, and the whole tree as often as its size allows (decisions E6: seen within five seconds).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::index::{Index, Progress, RescanError};
use super::settings::Settings;
use super::transactions::Transactions;
use super::watch::Watch;

/// A whole look may take this part of the time at most: one in so many.
const WHOLE_LOOK_SHARE: u32 = 10;

/// Where notification works, the whole tree is looked at this often all the same.
const WHOLE_LOOK_EVERY: Duration = Duration::from_secs(600);

/// Follows until stopped. Cancelling in between loses nothing.
pub(super) async fn follow(index: &Index, settings: &Settings, stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = run(index, settings) => {}
    }
}

async fn run(index: &Index, settings: &Settings) {
    let roots = settings.transaction.clone();
    let mut transactions = Transactions::default();
    transactions.skip_to_end(&roots);
    let watch = start_watch(index, settings).await;
    let mut ticks = tokio::time::interval(settings.poll().max(Duration::from_millis(100)));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut whole_look_due = Instant::now();
    let mut known_bad = None;
    loop {
        ticks.tick().await;
        let hinted = watch.as_ref().map(Watch::drain);
        let lost = hinted.as_ref().is_some_and(|hints| hints.incomplete);
        let looked = if lost || Instant::now() >= whole_look_due {
            let started = Instant::now();
            let looked = index.rescan(|_: Progress| ()).await;
            let least = if watch.is_some() { WHOLE_LOOK_EVERY } else { settings.poll() };
            whole_look_due = Instant::now() + least.max(started.elapsed() * WHOLE_LOOK_SHARE);
            looked
        } else {
            let mut work = BTreeMap::new();
            for number in transactions.appended(&roots, &settings.facility) {
                work.entry(number.clone()).or_insert_with(|| BTreeSet::from([folder_of(&number)]));
            }
            for (position, folder) in hinted.unwrap_or_default().folders {
                if let Some(root) = index.reader().roots.get(position) {
                    // What is wrong above the patients is counted by the next whole look.
                    let _gone = root.patient_folders(&folder, &mut work, &mut Vec::new());
                }
            }
            index.rescan_some(work).await
        };
        tell(index, looked, &mut known_bad);
    }
}

async fn start_watch(index: &Index, settings: &Settings) -> Option<Watch> {
    let reader = std::sync::Arc::clone(index.reader());
    let started = tokio::task::spawn_blocking(move || Watch::start(&reader.roots)).await;
    match started.unwrap_or(Err("the watching task was stopped")) {
        Ok(watch) => Some(watch),
        Err(why) => {
            tracing::info!(facility = %settings.facility, why, "SS-MIX2 storage is polled");
            None
        }
    }
}

/// One line when something changed for the operator; never a path.
fn tell(index: &Index, looked: Result<(), RescanError>, known: &mut Option<Result<usize, RescanError>>) {
    let now = looked.map(|()| index.quarantined_total());
    if *known == Some(now) {
        return;
    }
    match now {
        Ok(0) => tracing::info!("SS-MIX2 index follows its storage"),
        Ok(quarantined) => {
            tracing::warn!(quarantined, by_code = ?index.report().quarantined, "SS-MIX2 files were not taken");
        }
        Err(error) => tracing::error!(%error, "SS-MIX2 index could not follow its storage"),
    }
    *known = Some(now);
}

/// `<P[0..3]>/<P[3..6]>/<P>` (japan.md 1.1).
fn folder_of(number: &str) -> PathBuf {
    let level = |from: usize| number.chars().skip(from).take(3).collect::<String>();
    Path::new(&level(0)).join(level(3)).join(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_a_number_follows_from_its_digits_with_their_zeros() {
        assert_eq!(folder_of("0003869313"), PathBuf::from("000/386/0003869313"));
    }
}
