//! Messages to a server: tasks that send them side by side, over connections of our own where the server allows it, and
//! what became of each of their rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mongodb::ClientSession;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::options::{Acknowledgment, WriteConcern};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::client::{Clients, Connected};
use super::direct::{Connection, Inserter};
use super::failure::is_passing;
use super::message::{Form, Message};
use super::write::{FailedRow, MongoWrite, WriteMode, WriteReport};
use crate::error::{Error, Result};
use crate::run::{Progress, Report, Watch};

/// How long to wait before the caller is asked whether to go on.
const WATCH_INTERVAL: Duration = Duration::from_millis(40);

/// How often a message is sent again when its connection is lost.
const ATTEMPTS_MAX: u32 = 5;

/// What came of messages.
#[derive(Default)]
pub(super) struct Sent {
    pub report: WriteReport,
    pub stopped: Option<Stopped>,
}

/// Why no more messages were sent.
pub(super) struct Stopped {
    /// The first of the reasons.
    error: Error,
    /// The first and last rows of messages whose fate is not known.
    uncertain: Vec<(u64, u64)>,
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Stopped {
        Stopped { error, uncertain: Vec::new() }
    }
}

impl Sent {
    fn add(&mut self, other: Sent) {
        self.report.add(other.report);
        match (&mut self.stopped, other.stopped) {
            (Some(stopped), Some(other)) => stopped.uncertain.extend(other.uncertain),
            (stopped @ None, other) => *stopped = other,
            (Some(_), None) => {}
        }
    }
}

impl Stopped {
    /// The reason, and what is known of the rows.
    pub fn error(mut self, report: &WriteReport) -> Error {
        let (Error::Engine(inner), false) = (&mut self.error, self.uncertain.is_empty()) else { return self.error };
        self.uncertain.sort_unstable();
        let ranges: Vec<String> = self.uncertain.iter().map(|(first, last)| format!("{first} to {last}")).collect();
        inner.message += &format!(
            "; rows {} may or may not have been written, {} others were",
            ranges.join(" and "),
            report.inserted + report.matched
        );
        inner.hint = Some("with an `_id` in the rows, write them again with `mode=\"upsert\"`".to_owned());
        self.error
    }
}

/// The tasks that send messages, and the way to them.
pub(super) struct Senders<'a> {
    runtime: &'a tokio::runtime::Runtime,
    /// `None` when there are no more.
    messages: Option<mpsc::Sender<Message>>,
    tasks: JoinSet<Sent>,
    target: Arc<Target>,
}

impl<'a> Senders<'a> {
    pub fn start(runtime: &'a tokio::runtime::Runtime, target: Arc<Target>) -> Senders<'a> {
        let parallel = if target.write.ordered { 1 } else { target.write.parallel.max(1) };
        let (messages, receiver) = mpsc::channel(parallel);
        let receiver = Arc::new(Mutex::new(receiver));
        let mut tasks = JoinSet::new();
        for _ in 0..parallel {
            let (target, receiver) = (target.clone(), receiver.clone());
            match target.own {
                Some(_) => tasks.spawn_blocking_on(move || target.insert_all(&receiver), runtime.handle()),
                None => tasks.spawn_on(target.send_all(receiver), runtime.handle()),
            };
        }
        Senders { runtime, messages: Some(messages), tasks, target }
    }

    /// Gives a message to whoever is free next; false when nobody takes messages any more.
    pub fn hand_over(&mut self, message: Message, rows: u64, watch: Watch<'_>) -> Result<bool> {
        loop {
            if self.target.ended.load(Ordering::Acquire) {
                return Ok(false);
            }
            let Some(messages) = &self.messages else { return Ok(false) };
            let reserved = async { tokio::time::timeout(WATCH_INTERVAL, messages.reserve()).await };
            match self.runtime.block_on(reserved) {
                Ok(Ok(place)) => {
                    place.send(message);
                    return Ok(true);
                }
                Ok(Err(_)) => return Ok(false),
                Err(_) if watch(Progress { rows, rows_total: None }) => {}
                // Messages that are under way are dropped with their tasks.
                Err(_) => return Err(Error::Cancelled),
            }
        }
    }

    /// Waits for what is under way.
    pub fn finish(mut self, rows: u64, watch: Watch<'_>) -> Result<Sent> {
        self.messages = None;
        let mut all = Sent::default();
        loop {
            let next = async { tokio::time::timeout(WATCH_INTERVAL, self.tasks.join_next()).await };
            match self.runtime.block_on(next) {
                Ok(None) => return Ok(all),
                Ok(Some(sent)) => {
                    all.add(sent.map_err(|error| Error::engine(format!("a worker thread failed: {error}")))?);
                }
                Err(_) if watch(Progress { rows, rows_total: None }) => {}
                Err(_) => return Err(Error::Cancelled),
            }
        }
    }
}

impl Drop for Senders<'_> {
    /// Whoever gives up waits for nothing: tasks are aborted with their set, threads are woken.
    fn drop(&mut self) {
        if !self.tasks.is_empty() {
            self.target.ended.store(true, Ordering::Release);
            self.target.own.iter().for_each(Inserter::stop);
        }
    }
}

/// The collection and how it is written to.
pub(super) struct Target {
    connected: Connected,
    write: MongoWrite,
    /// The server knows a message again that it has seen.
    retryable: bool,
    /// Connections without the driver.
    own: Option<Inserter>,
    /// No message is sent any more: one failed.
    ended: AtomicBool,
}

impl Target {
    pub async fn connect(clients: &Clients, write: &MongoWrite) -> Result<Target> {
        let connected = clients.get(&write.uri, write.timeout).await?;
        let database = connected.client.database(&write.database);
        if database.write_concern().and_then(|concern| concern.w.as_ref()) == Some(&Acknowledgment::Nodes(0)) {
            return Err(Error::plan_hint(
                "the address has `w=0`: MongoDB would not say which rows it took",
                "leave `w` out of the address, or set it to 1",
            ));
        }
        let admin = connected.client.database("admin");
        let hello = admin.run_command(doc! { "hello": 1 }).await.map_err(|error| connected.servers.explain(&error))?;
        // A server on its own has no log in which it could find a message again.
        let has_log = hello.contains_key("setName") || hello.get_str("msg").is_ok_and(|text| text == "isdbgrid");
        let retryable = connected.retry_writes && has_log && write.mode == WriteMode::Insert;
        // A message that may have to be found again by its number is the driver's; so is one to several servers.
        let own = match &connected.direct {
            Some(direct) if !has_log && write.mode == WriteMode::Insert => direct.inserter().await,
            Some(_) | None => Ok(None),
        };
        let own = own.map_err(|error| connected.servers.explain(&error))?;
        Ok(Target { connected, write: write.clone(), retryable, own, ended: AtomicBool::new(false) })
    }

    /// How its messages are made.
    pub fn form(&self) -> Form {
        match (&self.own, self.retryable) {
            (Some(_), _) => Form::Sequence,
            (None, true) => Form::NumberedCommand,
            (None, false) => Form::Command,
        }
    }

    pub fn concern(&self) -> Option<WriteConcern> {
        self.connected.client.database(&self.write.database).write_concern().cloned()
    }

    /// Sends messages until there are no more, or until nothing may follow.
    async fn send_all(self: Arc<Self>, messages: Arc<Mutex<mpsc::Receiver<Message>>>) -> Sent {
        let mut sent = Sent::default();
        let mut numbered = None;
        loop {
            let next = messages.lock().await.recv().await;
            let Some(message) = next.filter(|_| !self.ended.load(Ordering::Acquire)) else { break };
            match self.send(message, &mut numbered).await {
                Ok(report) => sent.report.add(report),
                Err(stopped) => sent.stopped = Some(stopped),
            }
            if sent.stopped.is_some() || (self.write.ordered && !sent.report.failed.is_empty()) {
                self.ended.store(true, Ordering::Release);
                break;
            }
        }
        sent
    }

    /// As [`Target::send_all`], on a thread of its own and over a connection of ours.
    fn insert_all(&self, messages: &Mutex<mpsc::Receiver<Message>>) -> Sent {
        let mut sent = Sent::default();
        let Some(own) = &self.own else { return sent };
        let mut connection = None;
        loop {
            let next = messages.blocking_lock().blocking_recv();
            let Some(mut message) = next.filter(|_| !self.ended.load(Ordering::Acquire)) else { break };
            match self.insert(own, &mut connection, &mut message) {
                Ok(report) => sent.report.add(report),
                Err(stopped) => sent.stopped = Some(stopped),
            }
            if sent.stopped.is_some() || (self.write.ordered && !sent.report.failed.is_empty()) {
                self.ended.store(true, Ordering::Release);
                break;
            }
        }
        if sent.stopped.is_none() {
            connection.into_iter().for_each(|connection| own.give_back(connection));
        }
        sent
    }

    fn insert(
        &self,
        own: &Inserter,
        connection: &mut Option<Connection>,
        message: &mut Message,
    ) -> std::result::Result<WriteReport, Stopped> {
        // Without a connection nothing was sent, and nothing is uncertain.
        let ready = own.ready(connection).map_err(|error| self.connected.servers.explain(&error))?;
        let reply = ready.insert(&mut message.bytes).map_err(|error| self.lost(&error, &message.rows))?;
        Ok(self.account(&reply, &message.rows)?)
    }

    /// Sends a message, again where that does no harm. Replacing twice is replacing once; an insert with a number is known
    /// to the server when it comes a second time; any other insert is sent once.
    async fn send(
        &self,
        mut message: Message,
        numbered: &mut Option<Numbered>,
    ) -> std::result::Result<WriteReport, Stopped> {
        if let Some(at) = message.transaction_number_at {
            let numbered = match numbered {
                Some(numbered) => numbered,
                None => numbered.insert(Numbered::start(&self.connected).await?),
            };
            let number = numbered.next().to_le_bytes();
            message.bytes[at..at + number.len()].copy_from_slice(&number);
        }
        let insert = self.write.mode == WriteMode::Insert;
        let attempts_max = if insert && !self.retryable { 0 } else { ATTEMPTS_MAX };
        let database = self.connected.client.database(&self.write.database);
        let mut command = message.bytes;
        let mut attempts = 0;
        let reply = loop {
            let again = if attempts < attempts_max { command.clone() } else { Vec::new() };
            let raw = RawDocumentBuf::from_bytes(command)
                .map_err(|error| Error::engine(format!("a command is damaged: {error}")))?;
            let run = database.run_raw_command(raw);
            let sent = match numbered.as_mut() {
                Some(numbered) => run.session(&mut numbered.session).await,
                None => run.await,
            };
            match sent {
                Ok(reply) => break reply,
                Err(error) if is_passing(&error) && attempts < attempts_max => {
                    attempts += 1;
                    command = again;
                    tokio::time::sleep(Duration::from_millis(100 * u64::from(attempts))).await;
                }
                Err(error) => return Err(self.lost(&error, &message.rows)),
            }
        };
        Ok(self.account(&reply, &message.rows)?)
    }

    /// A message whose fate is not known: some of its rows may have been written.
    fn lost(&self, error: &mongodb::error::Error, rows: &[u64]) -> Stopped {
        let rows = rows.first().zip(rows.last()).filter(|_| is_passing(error));
        Stopped {
            error: self.connected.servers.explain(error),
            uncertain: rows.map(|(first, last)| (*first, *last)).into_iter().collect(),
        }
    }

    fn account(&self, reply: &Document, rows: &[u64]) -> Result<WriteReport> {
        if let Ok(concern) = reply.get_document("writeConcernError") {
            return Err(self.connected.servers.not_durable(concern.get_str("errmsg").unwrap_or("unknown reason")));
        }
        let list = |key: &str| reply.get_array(key).map(Vec::as_slice).unwrap_or_default();
        let failed = list("writeErrors").iter().filter_map(Bson::as_document).map(|error| FailedRow {
            row: error.get_i32("index").ok().and_then(|index| rows.get(index as usize)).copied().unwrap_or_default(),
            code: error.get_i32("code").unwrap_or_default(),
            message: error.get_str("errmsg").unwrap_or("unknown reason").to_owned(),
            details: error.to_vec().unwrap_or_default(),
        });
        let failed: Vec<FailedRow> = failed.collect();
        let number = |key: &str| reply.get_i32(key).map_or(0, |number| number.max(0) as u64);
        let (inserted, matched) = match self.write.mode {
            WriteMode::Insert => (number("n"), 0),
            WriteMode::Replace { .. } | WriteMode::Upsert { .. } => {
                let inserted = list("upserted").len() as u64;
                (inserted, number("n").saturating_sub(inserted))
            }
        };
        let unaccounted = (rows.len() as u64).saturating_sub(inserted + failed.len() as u64);
        if self.write.mode == WriteMode::Insert && unaccounted > 0 && (!self.write.ordered || failed.is_empty()) {
            return Err(Error::engine(format!("MongoDB did not say what became of {unaccounted} rows")));
        }
        Ok(WriteReport { inserted, matched, modified: number("nModified"), failed, run: Report::default() })
    }
}

/// A session in whose name inserts have numbers, by which the server knows one again that comes a second time.
struct Numbered {
    session: ClientSession,
    last: i64,
}

impl Numbered {
    async fn start(connected: &Connected) -> Result<Numbered> {
        let session = connected.client.start_session().causal_consistency(false).await;
        let session = session.map_err(|error| connected.servers.explain(&error))?;
        // The driver hands sessions on, and numbers must grow from holder to holder: microseconds do.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_micros());
        Ok(Numbered { session, last: i64::try_from(now).unwrap_or_default() })
    }

    fn next(&mut self) -> i64 {
        self.last += 1;
        self.last
    }
}
