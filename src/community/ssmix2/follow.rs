//! Keeps the index with the tree: at each interval what the file system and the transaction storage
//! hint at, and the whole tree as often as its size allows (decisions E6: seen within five seconds).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::content::Reader;
use super::index::{Index, Progress, RescanError};
use super::quarantine::Tally;
use super::settings::Settings;
use super::transactions::Transactions;
use super::watch::Watch;

/// A whole look may take this part of the time at most: one in so many.
const WHOLE_LOOK_SHARE: u32 = 10;

/// After a whole look that failed.
const RETRY_EVERY: Duration = Duration::from_secs(2);

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
    let (reader, of_hints) = (Arc::clone(index.reader()), settings.clone());
    let Ok(hints) = tokio::task::spawn_blocking(move || Hints::start(reader, of_hints)).await else {
        return;
    };
    let least = if hints.watch.is_some() { WHOLE_LOOK_EVERY } else { interval_of(settings) };
    let events_lost = Notify::new();
    // Side by side: a whole look at a big tree must not hold up what is hinted at.
    tokio::join!(
        whole_looks(index, least, &events_lost),
        hinted_looks(index, interval_of(settings), hints, &events_lost),
    );
}

async fn whole_looks(index: &Index, least: Duration, events_lost: &Notify) {
    loop {
        let started = Instant::now();
        let wait = match index.rescan(|_: Progress| ()).await {
            Ok(()) => least.max(started.elapsed() * WHOLE_LOOK_SHARE),
            // The hinted looks tell the operator.
            Err(_) => RETRY_EVERY,
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = events_lost.notified() => {}
        }
    }
}

async fn hinted_looks(index: &Index, interval: Duration, mut hints: Hints, events_lost: &Notify) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut known = None;
    loop {
        ticks.tick().await;
        let gathered = tokio::task::spawn_blocking(move || {
            let folders = hints.gather();
            (hints, folders)
        });
        let Ok((returned, folders)) = gathered.await else {
            // The runtime is shutting down.
            return;
        };
        hints = returned;
        if std::mem::take(&mut hints.incomplete) {
            events_lost.notify_one();
        }
        index.next_interval();
        let looked = index.rescan_some(folders).await;
        tell(index, looked, &mut known);
    }
}

/// Where hints come from: the file system and the transaction storage.
struct Hints {
    reader: Arc<Reader>,
    settings: Settings,
    transactions: Transactions,
    watch: Option<Watch>,
    /// Whether events were lost.
    incomplete: bool,
}

impl Hints {
    fn start(reader: Arc<Reader>, settings: Settings) -> Self {
        let mut transactions = Transactions::default();
        transactions.skip_to_end(&settings.transaction);
        let watch = Watch::start(&reader.roots)
            .inspect_err(|why| {
                tracing::info!(facility = %settings.facility, why, "SS-MIX2 storage is polled");
            })
            .ok();
        Self { reader, settings, transactions, watch, incomplete: false }
    }

    /// The patients to look at, with folders that may be new.
    fn gather(&mut self) -> BTreeMap<String, BTreeSet<PathBuf>> {
        let mut patients = BTreeMap::new();
        for number in self.transactions.appended(&self.settings.transaction, &self.settings.facility) {
            let folder = folder_of(&number);
            patients.entry(number).or_insert_with(|| BTreeSet::from([folder]));
        }
        let events = self.watch.as_ref().map(Watch::drain).unwrap_or_default();
        self.incomplete |= events.incomplete;
        for (position, folder) in events.folders {
            if let Some(root) = self.reader.roots.get(position) {
                // What is wrong above the patients is counted by the next whole look.
                let _gone = root.patient_folders(&folder, &mut patients, &mut Tally::default());
            }
        }
        patients
    }
}

fn interval_of(settings: &Settings) -> Duration {
    settings.poll().max(Duration::from_millis(100))
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
