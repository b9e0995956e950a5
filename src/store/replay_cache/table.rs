//! What is known of messages and assertions, in memory: here it is decided. What is decided is a change
//! that can be undone, for it counts only once it is on the disk.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use super::record::Record;
use super::{ATTEMPTS, ROWS, Taken, WRITTEN};

/// The first 16 bytes of a SHA-256. Whoever wanted to be taken for another would have to meet one given
/// key: 2^128 tries. Two that meet each other (2^64) must both be made by the same one, who gains nothing: its
/// own second message is refused, or other bytes pass under a number where a new number would have passed.
pub(super) type Key = [u8; 16];

/// An authenticated message as it is judged; times in microseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    /// Of TLS identity and wsa:MessageID.
    pub(super) message: Key,
    /// Of the TLS identity.
    pub(super) system: Key,
    /// Of the root part.
    pub(super) body: Key,
    /// Of issuer and assertion ID.
    pub(super) assertion: Key,
    /// Whether the assertion serves this message only.
    pub(super) one_use: bool,
    /// When it came.
    pub(super) now: i64,
    /// When the assertion can no longer be presented.
    pub(super) until: i64,
    /// A repeat counts where the first came no earlier than this; never: `i64::MAX`.
    pub(super) resend_from: i64,
}

/// A message that was taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message {
    pub(super) body: Key,
    pub(super) first: i64,
    pub(super) until: i64,
    pub(super) system: u32,
    pub(super) attempt: u8,
}

/// An assertion that was shown, with the message it was first shown with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Assertion {
    pub(super) message: Key,
    pub(super) until: i64,
    pub(super) system: u32,
}

/// How much of one system is held.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) messages: u32,
    pub(super) assertions: u32,
    /// In the database: a message that is freed, or sent again, has more than one.
    pub(super) rows: u32,
}

// Those whose keys begin with the same byte: forgetting what is over, and growing, holds up messages for
// one such part and not for all of a million.
#[derive(Debug, Default)]
struct Part {
    messages: HashMap<Key, Message>,
    assertions: HashMap<Key, Assertion>,
}

/// All that can still be presented.
#[derive(Debug, Default)]
pub(super) struct Table {
    parts: BTreeMap<u8, Part>,
    // Short numbers for systems; there are as many as certificates, so none is ever forgotten.
    numbers: HashMap<Key, u32>,
    /// By the number of the system.
    pub(super) held: BTreeMap<u32, Held>,
    // Rows in the database, with the number of the system, by the minute in which they are over.
    rows: BTreeMap<i64, VecDeque<(i64, u32)>>,
}

/// What was known before a change.
#[derive(Debug)]
pub(super) struct Before {
    message: (Key, Option<Message>),
    assertion: Option<(Key, Option<Assertion>)>,
}

impl Table {
    /// Takes a message; gives with it what to write, and what to undo should that fail.
    ///
    /// # Errors
    /// Why it is refused: nothing of it is kept.
    pub(super) fn take(&mut self, shown: &Shown) -> Result<(Taken, Record, Before), Taken> {
        let system = self.number(shown.system);
        let held = self.held.entry(system).or_default();
        let (no_assertion, no_message) = (held.assertions >= ROWS, held.messages >= ROWS);
        // Whoever has its messages freed again and again fills the disk all the same.
        if held.rows >= WRITTEN {
            return Err(Taken::Full);
        }
        let part = |key: Key| self.parts.get(&first_byte(key));
        let known = part(shown.assertion).and_then(|part| part.assertions.get(&shown.assertion));
        // What is over counts as none.
        let assertion = match known.filter(|known| known.until > shown.now) {
            None if no_assertion => return Err(Taken::Full),
            None => Assertion { message: shown.message, until: shown.until, system },
            Some(known) if known.system != system => return Err(Taken::AssertionElsewhere),
            Some(known) if shown.one_use && known.message != shown.message => {
                return Err(Taken::AssertionUsed);
            }
            Some(known) => Assertion { until: known.until.max(shown.until), ..*known },
        };
        let known = part(shown.message).and_then(|part| part.messages.get(&shown.message));
        let message = match known.filter(|known| known.until > shown.now) {
            None if no_message => return Err(Taken::Full),
            None => {
                let (body, first, until) = (shown.body, shown.now, shown.until);
                Message { body, first, until, system, attempt: 1 }
            }
            Some(known) if is_repeat(known, shown) => {
                let until = known.until.max(shown.until);
                Message { attempt: known.attempt.saturating_add(1), until, ..*known }
            }
            Some(_) => return Err(Taken::Duplicate),
        };
        let record = Record::of(shown.system, (shown.message, &message), Some((shown.assertion, &assertion)));
        let before = Before {
            message: (shown.message, self.set_message(shown.message, Some(message))),
            assertion: Some((shown.assertion, self.set_assertion(shown.assertion, Some(assertion)))),
        };
        let taken = match message.attempt {
            0 | 1 => Taken::Fresh,
            attempt => Taken::Again { attempt: u32::from(attempt) },
        };
        Ok((taken, record, before))
    }

    /// Frees a message, or one attempt of it; None when it is not known.
    pub(super) fn free(&mut self, system: Key, key: Key) -> Option<(Record, Before)> {
        let known = *self.parts.get(&first_byte(key))?.messages.get(&key)?;
        let freed = Message { attempt: known.attempt.saturating_sub(1), ..known };
        let before = self.set_message(key, (freed.attempt > 0).then_some(freed));
        Some((Record::of(system, (key, &freed), None), Before { message: (key, before), assertion: None }))
    }

    /// As it was before; to be called for the latest change first.
    pub(super) fn undo(&mut self, before: Before) {
        let (key, message) = before.message;
        self.set_message(key, message);
        if let Some((key, assertion)) = before.assertion {
            self.set_assertion(key, assertion);
        }
    }

    /// What a row tells, in the order in which rows were written: the later one replaces the earlier.
    pub(super) fn read_back(&mut self, record: &Record, now: i64) {
        let system = self.number(record.system);
        if record.until > now {
            let (body, first, until) = (record.body, record.first, record.until);
            let message = Message { body, first, until, system, attempt: record.attempt };
            self.set_message(record.message, (record.attempt > 0).then_some(message));
        }
        if record.assertion_until > now {
            let (message, until) = (record.shown_with, record.assertion_until);
            self.set_assertion(record.assertion, Some(Assertion { message, until, system }));
        }
    }

    /// The bytes by which the parts go.
    pub(super) fn parts(&self) -> Vec<u8> {
        self.parts.keys().copied().collect()
    }

    /// Forgets what is over in one part; gives how much.
    pub(super) fn forget(&mut self, part: u8, now: i64) -> u64 {
        let (Some(part), held) = (self.parts.get_mut(&part), &mut self.held) else { return 0 };
        let mut forgotten = 0;
        part.messages.retain(|_, message| {
            let stays = message.until > now;
            if !stays {
                forgotten += 1;
                let held = held.entry(message.system).or_default();
                held.messages = held.messages.saturating_sub(1);
            }
            stays
        });
        part.assertions.retain(|_, assertion| {
            let stays = assertion.until > now;
            if !stays {
                forgotten += 1;
                let held = held.entry(assertion.system).or_default();
                held.assertions = held.assertions.saturating_sub(1);
            }
            stays
        });
        // After a flood its memory is given back.
        if part.messages.len() < part.messages.capacity() / 8 {
            part.messages.shrink_to(part.messages.len() * 2);
        }
        if part.assertions.len() < part.assertions.capacity() / 8 {
            part.assertions.shrink_to(part.assertions.len() * 2);
        }
        forgotten
    }

    /// A row of a system was written or read; it is over at this time.
    pub(super) fn note_row(&mut self, row: i64, system: Key, until: i64) {
        let system = self.number(system);
        let held = self.held.entry(system).or_default();
        held.rows = held.rows.saturating_add(1);
        self.rows.entry(until.div_euclid(MINUTE)).or_default().push_back((row, system));
    }

    /// Rows that are over, those of the earliest minutes first, so many at most.
    pub(super) fn rows_over(&self, now: i64, at_most: usize) -> Vec<i64> {
        let over = self.rows.range(..now.div_euclid(MINUTE)).flat_map(|(_, rows)| rows);
        over.map(|(row, _)| *row).take(at_most).collect()
    }

    /// These rows, which were over at this time, are no longer in the database.
    pub(super) fn rows_gone(&mut self, gone: &[i64], now: i64) {
        let gone: HashSet<i64> = gone.iter().copied().collect();
        let mut left = gone.len();
        for (_, rows) in self.rows.range_mut(..now.div_euclid(MINUTE)) {
            rows.retain(|(row, system)| {
                let is_gone = gone.contains(row);
                if is_gone {
                    left = left.saturating_sub(1);
                    let held = self.held.entry(*system).or_default();
                    held.rows = held.rows.saturating_sub(1);
                }
                !is_gone
            });
            if left == 0 {
                break;
            }
        }
        self.rows.retain(|_, rows| !rows.is_empty());
    }

    /// How much of what it may take a system has used, 0 to 1; without a system the one that has used most.
    pub(super) fn used(&self, system: Option<Key>) -> f64 {
        let used = |held: &Held| {
            let share = |count: u32, of: u32| f64::from(count) / f64::from(of);
            let known = share(held.messages.max(held.assertions), ROWS);
            known.max(share(held.rows, WRITTEN))
        };
        match system {
            Some(system) => {
                self.numbers.get(&system).and_then(|number| self.held.get(number)).map_or(0.0, used)
            }
            None => self.held.values().map(used).fold(0.0, f64::max),
        }
    }

    #[cfg(test)]
    pub(super) fn held_of(&mut self, system: Key) -> &mut Held {
        let system = self.number(system);
        self.held.entry(system).or_default()
    }

    fn number(&mut self, system: Key) -> u32 {
        let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(system).or_insert(next)
    }

    fn set_message(&mut self, key: Key, to: Option<Message>) -> Option<Message> {
        let messages = &mut self.parts.entry(first_byte(key)).or_default().messages;
        let before = match to {
            Some(message) => messages.insert(key, message),
            None => messages.remove(&key),
        };
        if let Some(before) = before {
            let held = self.held.entry(before.system).or_default();
            held.messages = held.messages.saturating_sub(1);
        }
        if let Some(to) = to {
            let held = self.held.entry(to.system).or_default();
            held.messages = held.messages.saturating_add(1);
        }
        before
    }

    fn set_assertion(&mut self, key: Key, to: Option<Assertion>) -> Option<Assertion> {
        let assertions = &mut self.parts.entry(first_byte(key)).or_default().assertions;
        let before = match to {
            Some(assertion) => assertions.insert(key, assertion),
            None => assertions.remove(&key),
        };
        if let Some(before) = before {
            let held = self.held.entry(before.system).or_default();
            held.assertions = held.assertions.saturating_sub(1);
        }
        if let Some(to) = to {
            let held = self.held.entry(to.system).or_default();
            held.assertions = held.assertions.saturating_add(1);
        }
        before
    }
}

// A portal's, with the same bytes and within its time.
fn is_repeat(known: &Message, shown: &Shown) -> bool {
    known.body == shown.body && known.first >= shown.resend_from && known.attempt < ATTEMPTS
}

const fn first_byte(key: Key) -> u8 {
    let [first, ..] = key;
    first
}

const MINUTE: i64 = 60_000_000;
