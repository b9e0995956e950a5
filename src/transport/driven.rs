//! Connections of our HTTP client that are moved on by whoever reads the answer. hyper makes each
//! connection a task and hands what it reads to the reader's task; for a document that is two changes
//! of task a piece, and every few of them wake another core. So while an answer is read its reader polls
//! the connection as well, in his own task; before and afterwards the connection's own task does.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming};

type Connection = Pin<Box<dyn Future<Output = ()> + Send>>;

tokio::task_local! {
    /// The driver of the connection that is being polled.
    static POLLED: Weak<Driver>;
}

/// Runs connections so that their readers can take them over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drivers;

impl hyper::rt::Executor<Connection> for Drivers {
    fn execute(&self, connection: Connection) {
        let state = State { connection: Some(connection), is_read: false, own: None };
        tokio::spawn(Own(Arc::new(Driver { state: Mutex::new(state) })));
    }
}

/// One connection, polled by one task at a time.
struct Driver {
    state: Mutex<State>,
}

struct State {
    /// None once it is over.
    connection: Option<Connection>,
    /// A reader polls it.
    is_read: bool,
    /// Wakes the connection's own task.
    own: Option<Waker>,
}

impl Driver {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll(self: &Arc<Self>, state: &mut State, task: &mut Context<'_>) {
        let Some(connection) = &mut state.connection else { return };
        if POLLED.sync_scope(Arc::downgrade(self), || connection.as_mut().poll(task)).is_ready() {
            state.connection = None;
            state.wake_own();
        }
    }

    fn give_back(&self) {
        let mut state = self.lock();
        state.is_read = false;
        state.wake_own();
    }
}

impl State {
    fn wake_own(&mut self) {
        if let Some(own) = self.own.take() {
            own.wake();
        }
    }
}

/// The connection's own task.
struct Own(Arc<Driver>);

impl Future for Own {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.lock();
        if !state.is_read {
            self.0.poll(&mut state, task);
        }
        if state.connection.is_none() {
            return Poll::Ready(());
        }
        state.own = Some(task.waker().clone());
        Poll::Pending
    }
}

/// How an answer finds the driver of its connection: the connection, whose bytes are read nowhere else
/// than in it, notes it there.
#[derive(Clone, Default)]
pub(super) struct Link(Arc<OnceLock<Weak<Driver>>>);

impl Link {
    /// To be called where the connection is read.
    pub(super) fn note(&self) {
        if self.0.get().is_none()
            && let Ok(driver) = POLLED.try_with(Weak::clone)
        {
            drop(self.0.set(driver));
        }
    }

    fn driver(&self) -> Option<Arc<Driver>> {
        self.0.get().and_then(Weak::upgrade)
    }
}

/// The body of an answer, whose reader moves the connection on.
pub(super) struct DrivenBody {
    body: Option<Incoming>,
    link: Option<Link>,
    /// From the first poll to the last byte of the body.
    driver: Option<Arc<Driver>>,
    wakes: Arc<Wakes>,
    waker: Waker,
}

/// How often a connection is polled in a row that says it could go on but gives nothing: tokio makes
/// one that has had its share say so again and again until its task ends its turn.
const POLLS_MAX: usize = 4;

impl DrivenBody {
    /// `link` is that of the connection that it comes from.
    pub(super) fn new(body: Incoming, link: Option<Link>) -> Self {
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        Self { body: Some(body), link, driver: None, wakes, waker }
    }

    /// The next frame.
    pub(super) fn poll_frame(
        &mut self,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(driver) = self.link.take().and_then(|link| link.driver()) {
            driver.lock().is_read = true;
            self.driver = Some(driver);
        }
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let Some(driver) = &self.driver else { return Pin::new(body).poll_frame(task) };
        self.wakes.begin();
        let mut own = Context::from_waker(&self.waker);
        for _ in 0..POLLS_MAX {
            if let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(&mut own) {
                self.wakes.end(None);
                match frame {
                    // A connection may serve the next request once the last byte of this answer has come,
                    // however long its reader takes to ask for what is behind it.
                    Some(Ok(_)) if body.is_end_stream() => self.give_back(),
                    Some(Ok(_)) => {}
                    _ => self.finish(),
                }
                return Poll::Ready(frame);
            }
            driver.poll(&mut driver.lock(), &mut own);
            if self.wakes.end(Some(task.waker())) {
                return Poll::Pending;
            }
            self.wakes.begin();
        }
        self.wakes.end(Some(task.waker()));
        task.waker().wake_by_ref();
        Poll::Pending
    }

    /// Ends the reading. The body goes first, so that its connection sees that nobody reads it any more.
    pub(super) fn finish(&mut self) {
        self.body = None;
        self.give_back();
    }

    fn give_back(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.give_back();
        }
    }
}

impl Drop for DrivenBody {
    fn drop(&mut self) {
        self.finish();
    }
}

/// What wakes a reader. Connection and body wake each other while both are polled in one turn, which is
/// nothing that the reader's task must be told of.
#[derive(Default)]
struct Wakes(Mutex<Woken>);

#[derive(Default)]
struct Woken {
    /// Nobody needs to be woken: the reader is at it.
    is_polling: bool,
    is_woken: bool,
    reader: Option<Waker>,
}

impl Wakes {
    fn lock(&self) -> MutexGuard<'_, Woken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) {
        let mut woken = self.lock();
        woken.is_polling = true;
        woken.is_woken = false;
    }

    /// Ends a turn; the reader is woken by what comes from now on. False where something came already.
    fn end(&self, reader: Option<&Waker>) -> bool {
        let mut woken = self.lock();
        woken.is_polling = false;
        if let Some(reader) = reader {
            match &mut woken.reader {
                Some(known) => known.clone_from(reader),
                none => *none = Some(reader.clone()),
            }
        }
        !woken.is_woken
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut woken = self.lock();
        woken.is_woken = true;
        if woken.is_polling {
            return;
        }
        let reader = woken.reader.clone();
        drop(woken);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

#[cfg(test)]
mod tests;
