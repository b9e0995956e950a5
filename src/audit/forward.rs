//! Records forwarded to an audit repository over syslog with TLS, behind the writer and in nobody's
//! way. The log is the queue. At least once: after any end of a connection, ours included, everything
//! written within the resend window is written again under the same record ids.

mod queue;
mod status;
mod syslog;
mod window;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ClientConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use self::queue::{Batch, Queue};
pub use self::status::{ForwardReport, ForwardStatus};
pub use self::syslog::SyslogHeader;
use self::window::Window;
use super::atna::{AuditSource, Message};
use super::handle::{AuditHealth, Shared};
use super::release::AuditLog;
use crate::store::{AuditPosition, Store};
use crate::transport::{TlsConnection, TlsTo, connect_tls};

/// Where records go, and how.
#[derive(Debug, Clone)]
pub struct ForwardOptions {
    /// Host name or address of the repository.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Our certificate for it, its authorities.
    pub tls: Arc<ClientConfig>,
    /// How much is written again after the end of a connection.
    pub resend: Duration,
    /// What stands in every syslog header.
    pub header: SyslogHeader,
    /// Who we are in messages.
    pub source: AuditSource,
}

/// Forwards the log in this folder until it stops. To be spawned; may be dropped at any moment. Keeps
/// no writer alive.
pub fn forward(
    log: &AuditLog,
    folder: &Path,
    store: Store,
    options: ForwardOptions,
    status: Arc<ForwardStatus>,
) -> impl Future<Output = ()> + Send + use<> {
    let queue = Arc::new(Mutex::new(Queue::new(folder, options.source.clone())));
    let shared = Arc::clone(&log.handle.shared);
    let durable = shared.durable.subscribe();
    let window = Window::new(options.resend, AuditPosition::default());
    let forwarder = Forwarder {
        queue,
        shared,
        durable,
        store,
        options,
        status,
        window,
        cursor: AuditPosition::default(),
        written: 0,
    };
    forwarder.run()
}

/// Every message of a log, in order.
///
/// # Errors
/// Those of the disk, and of `each`.
pub fn every_message(
    folder: &Path,
    source: &AuditSource,
    mut each: impl FnMut(&Message) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut queue = Queue::new(folder, source.clone());
    let mut at = AuditPosition::default();
    loop {
        let Batch { messages, to, .. } = queue.next(&at, u64::MAX, BATCH_EVENTS)?;
        messages.iter().try_for_each(|(_, message)| each(message))?;
        if to == at {
            return Ok(());
        }
        at = to;
    }
}

struct Forwarder {
    queue: Arc<Mutex<Queue>>,
    shared: Arc<Shared>,
    durable: watch::Receiver<u64>,
    store: Store,
    options: ForwardOptions,
    status: Arc<ForwardStatus>,
    window: Window,
    /// Everything before it has been written on the present connection, or need not be.
    cursor: AuditPosition,
    /// No record at or behind it has been written by this process.
    written: u64,
}

/// Why a connection is over.
enum End {
    Broken(String),
    Stopped,
}

impl Forwarder {
    async fn run(mut self) {
        while let Err(why) = self.start().await {
            self.status.disconnected(&why);
            if self.stopped_within(RETRY_AFTER).await {
                return;
            }
        }
        let mut pause = PAUSE_MIN;
        loop {
            let began = Instant::now();
            let end = match self.connect().await {
                Ok(stream) => self.carry(stream).await,
                Err(why) => End::Broken(why),
            };
            self.rewind().await;
            let End::Broken(why) = end else { return };
            if self.status.disconnected(&why) {
                tracing::warn!(why, "no connection to the audit repository: records wait in the log");
            }
            // A repository that lets us in and throws us out again is no reason to hurry.
            pause = if began.elapsed() > PAUSE_MAX { PAUSE_MIN } else { (pause * 2).min(PAUSE_MAX) };
            if self.stopped_within(pause).await {
                return;
            }
        }
    }

    async fn start(&mut self) -> Result<(), String> {
        let place = self.store.audit_forwarded().await.map_err(|e| e.to_string())?;
        let place = self.reading(move |queue| queue.start(place)).await?;
        self.window = Window::new(self.options.resend, place.clone());
        self.cursor = place;
        self.waits().await;
        Ok(())
    }

    async fn connect(&self) -> Result<TlsConnection, String> {
        let to = TlsTo {
            host: &self.options.host,
            port: self.options.port,
            config: Arc::clone(&self.options.tls),
            timeout: CONNECT_MAX,
            // Well within the window: what the far end has not acknowledged by then is sent again.
            unacknowledged_max: (self.options.resend / 2).min(WRITE_MAX),
        };
        connect_tls(to).await.map_err(|failure| failure.to_string())
    }

    /// Writes until the connection ends. While it lives its other half is watched: that is how the
    /// end of the repository shows when there is nothing to write.
    async fn carry(&mut self, stream: TlsConnection) -> End {
        let (reader, mut writer) = tokio::io::split(stream);
        let ended = ended(reader);
        tokio::pin!(ended);
        if self.status.connected() {
            tracing::info!(record = self.cursor.next, "connected to the audit repository");
        }
        loop {
            let until = *self.durable.borrow_and_update();
            if self.cursor.next < until {
                let written = tokio::select! {
                    biased;
                    why = &mut ended => Err(why),
                    written = self.write_some(&mut writer, until) => written,
                };
                match written {
                    Ok(true) => continue,
                    Ok(false) => {}
                    Err(why) => return End::Broken(why),
                }
            } else if self.shared.health() == AuditHealth::Stopped {
                let _ = timeout(GOODBYE_MAX, writer.shutdown()).await;
                return End::Stopped;
            }
            let step = self.window.step().min(RETRY_AFTER);
            tokio::select! {
                biased;
                why = &mut ended => return End::Broken(why),
                changed = self.durable.changed() => if changed.is_err() { return End::Stopped },
                () = sleep(step) => {}
            }
            self.settle().await;
        }
    }

    /// Writes the next events; false when none can be read, though there are some.
    async fn write_some(
        &mut self,
        writer: &mut WriteHalf<TlsConnection>,
        until: u64,
    ) -> Result<bool, String> {
        let from = self.cursor.clone();
        let batch = self.reading(move |queue| queue.next(&from, until, BATCH_EVENTS)).await?;
        if batch.to == self.cursor {
            self.status.stuck(self.cursor.next);
            return Ok(false);
        }
        self.status.waits(self.cursor.next, batch.first_at);
        self.window.note(Instant::now(), &self.cursor);
        let mut frames = Vec::new();
        let (mut sent, mut again) = (0, 0);
        for (sequence, message) in &batch.messages {
            self.options.header.frame(&mut frames, message);
            *(if *sequence < self.written { &mut again } else { &mut sent }) += 1;
            if frames.len() >= FRAMES_BYTES {
                write(writer, &mut frames).await?;
            }
        }
        write(writer, &mut frames).await?;
        self.status.wrote(sent, again);
        self.written = self.written.max(batch.to.next);
        self.cursor = batch.to;
        // What is behind these has waited about as long; a moment without any would hide it.
        let is_behind = self.cursor.next < *self.durable.borrow();
        self.status.waits(self.cursor.next, batch.first_at.filter(|_| is_behind));
        self.settle().await;
        Ok(true)
    }

    /// Notes the time, and keeps what counts as delivered by now.
    async fn settle(&mut self) {
        let now = Instant::now();
        self.window.note(now, &self.cursor);
        if self.window.settle(now) {
            self.keep().await;
        }
    }

    async fn rewind(&mut self) {
        if self.window.settle(Instant::now()) {
            self.keep().await;
        }
        self.cursor = self.window.rewind(Instant::now());
        self.waits().await;
    }

    async fn keep(&self) {
        if let Err(error) = self.store.set_audit_forwarded(self.window.settled()).await {
            // An older place means only that more is sent again.
            tracing::warn!(%error, "how far the audit log has been forwarded cannot be kept");
        }
    }

    /// Tells what waits at the cursor, and since when.
    async fn waits(&self) {
        let (from, until) = (self.cursor.clone(), *self.durable.borrow());
        let happened = self.reading(move |queue| queue.happened(&from, until)).await;
        self.status.waits(self.cursor.next, happened.ok().flatten());
    }

    /// Waits, with an eye on what comes to wait; true when the log has stopped meanwhile.
    async fn stopped_within(&mut self, pause: Duration) -> bool {
        let over = sleep(pause);
        tokio::pin!(over);
        loop {
            if self.shared.health() == AuditHealth::Stopped {
                return true;
            }
            tokio::select! {
                () = &mut over => return false,
                changed = self.durable.changed() => if changed.is_err() { return true },
            }
            if self.status.is_idle() {
                self.waits().await;
            }
        }
    }

    async fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Queue) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, String> {
        let queue = Arc::clone(&self.queue);
        let read = move || read(&mut queue.lock().unwrap_or_else(PoisonError::into_inner));
        // A panic's message may quote what was read.
        let panicked = |_| std::io::Error::other("reading the log panicked");
        let result = tokio::task::spawn_blocking(read).await.map_err(panicked);
        result.and_then(|result| result).map_err(|error| format!("audit log: {error}"))
    }
}

async fn write(writer: &mut WriteHalf<TlsConnection>, frames: &mut Vec<u8>) -> Result<(), String> {
    let writing = async {
        writer.write_all(frames).await?;
        writer.flush().await
    };
    let written = timeout(WRITE_MAX, writing).await;
    frames.clear();
    match written {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(crate::transport::words_of(&error)),
        Err(_) => Err("the repository takes nothing any more".to_owned()),
    }
}

/// Waits for the end of a connection on which nothing is ever said to us.
async fn ended(mut reader: ReadHalf<TlsConnection>) -> String {
    let mut bytes = [0; 512];
    loop {
        match reader.read(&mut bytes).await {
            Ok(0) => return "the repository closed the connection".to_owned(),
            Ok(_) => {}
            Err(error) => return crate::transport::words_of(&error),
        }
    }
}

/// Events read at a time.
const BATCH_EVENTS: usize = 256;
/// Bytes written at a time.
const FRAMES_BYTES: usize = 256 << 10;
const CONNECT_MAX: Duration = Duration::from_secs(10);
const GOODBYE_MAX: Duration = Duration::from_secs(2);
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(30);
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// A repository that takes nothing for so long is gone.
const WRITE_MAX: Duration = Duration::from_secs(60);
