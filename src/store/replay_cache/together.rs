//! What waits to be taken or freed is decided by one task, in the order in which it came: all that waits is
//! decided in memory, written in one statement with one sync, and told only then. The next are decided after
//! that, under load a few milliseconds after the last, so nobody ever sees what is not on the disk; a second copy of a
//! message that is being written waits for as long as that takes and is then told what it is.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::Taken;
use super::record::{LENGTH, Record, load};
use super::table::{Before, Key, Shown, Table};
use crate::store::{Store, StoreError};

/// Those who wait, and what is known.
#[derive(Debug, Default)]
pub struct Takes {
    queue: Mutex<Queue>,
    /// None until it has been read from the database.
    pub(super) table: Mutex<Option<Table>>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Ask>,
    /// Whether a task decides what waits.
    is_worked: bool,
    /// When what waited last was taken up, and how many they were.
    taken_up: Option<(Instant, usize)>,
}

type Told<T> = oneshot::Sender<Result<T, StoreError>>;

/// What somebody waits for.
#[derive(Debug)]
pub(super) enum Ask {
    /// A message is to be taken.
    Take(Shown, Told<Taken>),
    /// A message (system, key) is to be freed, if need be for nobody who waits.
    Free(Key, Key, Option<Told<()>>),
    /// What the database holds is to be known at this time.
    Load(i64, Told<()>),
}

impl Takes {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn table(&self) -> MutexGuard<'_, Option<Table>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with what is known; None while it has not been read.
    pub(super) fn with_table<T>(&self, act: impl FnOnce(&mut Table) -> T) -> Option<T> {
        self.table().as_mut().map(act)
    }

    // How long what waits is left to grow. With nothing, the one who asks has ended.
    pub(super) fn rest(&self) -> Option<Duration> {
        let mut queue = self.queue();
        queue.is_worked = !queue.waiting.is_empty();
        // Who sends one message after the other is alone, and waits for no other.
        let rest = match queue.taken_up {
            Some((at, last)) if last.max(queue.waiting.len()) > 1 => GATHER.saturating_sub(at.elapsed()),
            _ => Duration::ZERO,
        };
        queue.is_worked.then_some(rest)
    }

    // What is to be decided next; nothing where all who waited have gone.
    fn next(&self) -> Vec<Ask> {
        let mut queue = self.queue();
        let count = queue.waiting.len().min(TOGETHER_MAX);
        if count > 0 {
            queue.taken_up = Some((Instant::now(), count));
        }
        queue.waiting.drain(..count).collect()
    }

    // A disk that hangs must not gather messages for which nobody waits any more.
    fn withdraw(&self) {
        self.queue().waiting.retain(|ask| !matches!(ask, Ask::Take(_, told) if told.is_closed()));
    }
}

impl Store {
    /// Puts it in the queue, and sees to it that somebody decides it.
    pub(super) fn ask(&self, ask: Ask) {
        let mut queue = self.takes.queue();
        queue.waiting.push_back(ask);
        // Without a runtime the program is about to end.
        if !queue.is_worked
            && let Ok(runtime) = Handle::try_current()
        {
            queue.is_worked = true;
            let store = self.clone();
            drop(queue);
            // Made here: a runtime that ends may drop the task before it has begun.
            let at_work = AtWork { takes: Arc::clone(&self.takes), is_done: false };
            runtime.spawn(store.decide_all(at_work));
        }
    }

    // On its own, so that no one who goes away leaves others undecided.
    async fn decide_all(self, mut at_work: AtWork) {
        while let Some(rest) = self.takes.rest() {
            // A timer would take a millisecond for nothing.
            if !rest.is_zero() {
                tokio::time::sleep(rest).await;
            }
            self.decide(self.takes.next()).await;
        }
        at_work.is_done = true;
    }

    async fn decide(&self, asks: Vec<Ask>) {
        if let Err(error) = self.know(&asks).await {
            return all_failed(asks, error);
        }
        let (mut written, mut undo) = (Vec::new(), Vec::new());
        let decided = self.takes.with_table(|table| {
            let mut decided = Vec::with_capacity(asks.len());
            for ask in &asks {
                let (taken, change) = decide(table, ask);
                decided.push(taken);
                if let Some((record, before)) = change {
                    written.push(record);
                    undo.push(before);
                }
            }
            decided
        });
        let decided = decided.unwrap_or_default();
        if let Err(error) = self.write(&written).await {
            self.takes.with_table(|table| undo.into_iter().rev().for_each(|before| table.undo(before)));
            // Also who was refused: it may have been for the sake of what has been undone.
            return all_failed(asks, error);
        }
        let mut freed = Vec::new();
        for (ask, taken) in asks.into_iter().zip(decided) {
            let gone = tell(ask, taken);
            freed.extend(gone.map(|shown| Ask::Free(shown.system, shown.message, None)));
        }
        // Taken for somebody who has given up: free before another one asks.
        if !freed.is_empty() {
            let mut queue = self.takes.queue();
            freed.into_iter().rev().for_each(|ask| queue.waiting.push_front(ask));
        }
    }

    // What the database holds is read when the first message comes or the first purge, at the start: commands
    // that open the store do without.
    async fn know(&self, asks: &[Ask]) -> Result<(), StoreError> {
        if self.takes.table().is_some() {
            return Ok(());
        }
        let now = asks.iter().find_map(|ask| match ask {
            Ask::Take(shown, _) => Some(shown.now),
            Ask::Load(now, _) => Some(*now),
            Ask::Free(..) => None,
        });
        // Who frees tells no time; what is over counts as none, should it be known.
        let table = load(&self.reader, now.unwrap_or_default()).await?;
        *self.takes.table() = Some(table);
        Ok(())
    }

    async fn write(&self, records: &[Record]) -> Result<(), StoreError> {
        let Some(first) = records.first() else { return Ok(()) };
        let mut bytes = Vec::new();
        records.iter().for_each(|record| record.write(&mut bytes));
        // A single statement outside a transaction is one of its own: durable when it is done, or nothing.
        let insert = if records.len() == 1 {
            sqlx::query("INSERT INTO replay_taken (until_us, taken) VALUES ($1, $2)")
                .bind(first.over())
                .bind(bytes)
        } else {
            let until: Vec<i64> = records.iter().map(Record::over).collect();
            sqlx::query(
                "INSERT INTO replay_taken (until_us, taken) \
                 SELECT value, substr($2, key * $3 + 1, $3) FROM json_each($1)",
            )
            .bind(serde_json::to_string(&until).unwrap_or_default())
            .bind(bytes)
            .bind(LENGTH)
        };
        let done = insert.execute(&self.writer).await?;
        if done.rows_affected() != records.len() as u64 {
            return Err(StoreError::Unreadable("not every message was written".into()));
        }
        // The rows of one statement are numbered one after the other.
        let mut row = done.last_insert_rowid();
        self.takes.with_table(|table| {
            for record in records.iter().rev() {
                table.note_row(row, record.system, record.over());
                row -= 1;
            }
        });
        Ok(())
    }
}

type Change = (Record, Before);

// Who is not a message is told that it was done, as Fresh.
fn decide(table: &mut Table, ask: &Ask) -> (Taken, Option<Change>) {
    match ask {
        // Nobody waits for it.
        Ask::Take(_, told) if told.is_closed() => (Taken::Duplicate, None),
        Ask::Take(shown, _) => match table.take(shown) {
            Ok((taken, record, before)) => (taken, Some((record, before))),
            Err(refused) => (refused, None),
        },
        Ask::Free(system, key, _) => (Taken::Fresh, table.free(*system, *key)),
        Ask::Load(..) => (Taken::Fresh, None),
    }
}

// Gives what was taken for somebody who is no longer there.
fn tell(ask: Ask, taken: Taken) -> Option<Shown> {
    match ask {
        Ask::Take(shown, told) => {
            let is_gone = told.send(Ok(taken)).is_err();
            (is_gone && taken.is_taken()).then_some(shown)
        }
        Ask::Free(_, _, told) => {
            let _ = told.map(|told| told.send(Ok(())));
            None
        }
        Ask::Load(_, told) => {
            let _ = told.send(Ok(()));
            None
        }
    }
}

fn all_failed(asks: Vec<Ask>, error: StoreError) {
    let error = Arc::new(error);
    let failed = || StoreError::Together(Arc::clone(&error));
    for ask in asks {
        // Who has gone away needs no answer.
        let _ = match ask {
            Ask::Take(_, told) => told.send(Err(failed())).is_ok(),
            Ask::Free(_, _, Some(told)) | Ask::Load(_, told) => told.send(Err(failed())).is_ok(),
            Ask::Free(_, _, None) => {
                tracing::error!(%error, "a MessageID could not be freed");
                false
            }
        };
    }
}

// Should the deciding task end in the middle (its runtime is being shut down), nobody knows what of it is
// on the disk: what is known is read anew, and whoever waits is told that it failed.
struct AtWork {
    takes: Arc<Takes>,
    is_done: bool,
}

impl Drop for AtWork {
    fn drop(&mut self) {
        if !self.is_done {
            *self.takes.table() = None;
            let mut queue = self.takes.queue();
            queue.is_worked = false;
            queue.waiting.clear();
        }
    }
}

/// Somebody who waits for a message to be taken. Gone before it is told, the message is freed again and not
/// left as one that was answered.
pub(super) struct Waiting<'a> {
    store: &'a Store,
    message: (Key, Key),
    taken: oneshot::Receiver<Result<Taken, StoreError>>,
    is_told: bool,
}

impl<'a> Waiting<'a> {
    /// Puts the message in the queue.
    pub(super) fn new(store: &'a Store, shown: Shown) -> Self {
        let (told, taken) = oneshot::channel();
        let message = (shown.system, shown.message);
        store.ask(Ask::Take(shown, told));
        Self { store, message, taken, is_told: false }
    }

    /// What became of it.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn told(mut self) -> Result<Taken, StoreError> {
        let taken = (&mut self.taken).await;
        self.is_told = true;
        taken.unwrap_or_else(|_| Err(undecided()))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.is_told {
            return;
        }
        self.taken.close();
        match self.taken.try_recv() {
            Ok(Ok(taken)) if taken.is_taken() => {
                let (system, message) = self.message;
                self.store.ask(Ask::Free(system, message, None));
            }
            _ => self.store.takes.withdraw(),
        }
    }
}

/// Who should have decided has ended.
pub(super) fn undecided() -> StoreError {
    StoreError::Database(sqlx::Error::WorkerCrashed)
}

/// Messages of one statement.
const TOGETHER_MAX: usize = 64;
/// From one statement to the next at least, where several messages come together: more then share a sync.
pub(super) const GATHER: Duration = Duration::from_millis(4);
