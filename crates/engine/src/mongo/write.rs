//! Rows into a collection: messages sent side by side, and an account of every row that the server did not take.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arrow::record_batch::RecordBatch;
use mongodb::ClientSession;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::options::{Acknowledgment, WriteConcern};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::client::{Clients, Connected};
use super::failure::is_passing;
use super::message::{Message, Messages, Step, Unwritten};
use crate::bson::BsonWriteOptions;
use crate::error::{Error, Result};
use crate::run::{BatchStream, Progress, Report, Watch};
use crate::session::Session;

/// How long to wait before the caller is asked whether to go on.
const WATCH_INTERVAL: Duration = Duration::from_millis(40);

/// How often a message is sent again when its connection is lost.
const ATTEMPTS_MAX: u32 = 5;

/// What becomes of a row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WriteMode {
    /// A new document; a duplicate key fails.
    Insert,
    /// In place of the document with the same values of these fields; without one nothing.
    Replace { key: Vec<String> },
    /// In place of the document with the same values of these fields, or a new one.
    Upsert { key: Vec<String> },
}

/// Where rows go.
#[derive(Clone, Debug)]
pub struct MongoWrite {
    pub uri: String,
    pub database: String,
    pub collection: String,
    pub mode: WriteMode,
    /// One after the other, and nothing behind the first row that fails.
    pub ordered: bool,
    /// Messages under way at the same time.
    pub parallel: usize,
    pub documents: BsonWriteOptions,
    /// How long to look for a server.
    pub timeout: Option<Duration>,
}

/// A row that was not written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FailedRow {
    pub row: u64,
    /// The server's number for the reason: 11000 for a duplicate key.
    pub code: i32,
    pub message: String,
}

/// What happened to the rows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WriteReport {
    pub inserted: u64,
    /// Documents that were there; replaced by an equal one or by another.
    pub matched: u64,
    pub modified: u64,
    /// In the order of the rows.
    pub failed: Vec<FailedRow>,
    pub run: Report,
}

/// Writes the stream's rows.
pub(crate) fn write(
    session: &Session,
    clients: &Clients,
    mut stream: BatchStream,
    write: &MongoWrite,
    watch: Watch<'_>,
) -> Result<WriteReport> {
    bson_arrow::encode::check_schema(stream.schema())
        .map_err(|error| Error::plan(format!("this cannot be written as BSON: {error}")))?;
    let runtime = session.runtime()?;
    let target = Arc::new(runtime.block_on(Target::connect(clients, write))?);
    let mut messages = Messages::new(write, target.concern().as_ref(), target.retryable)?;
    let mut senders = Senders::start(runtime, target);
    let mut report = WriteReport::default();
    let mut first_row = 0;
    let mut go_on = true;
    while go_on && let Some(batch) = stream.next(watch)? {
        let mut step = |step| match step {
            Step::Send(message) => senders.hand_over(message, first_row, watch),
            Step::Failed(row) => {
                report.failed.push(row);
                Ok(!write.ordered)
            }
        };
        go_on = messages.add(&batch, first_row, &mut step).map_err(Unwritten::into_error)?;
        first_row += batch.num_rows() as u64;
    }
    if let Some(message) = messages.rest() {
        senders.hand_over(message, first_row, watch)?;
    }
    let sent = senders.finish(first_row, watch)?;
    report.add(sent.report);
    if let Some(stopped) = sent.stopped {
        return Err(stopped.error(&report));
    }
    report.finish(write.ordered);
    report.run = stream.report();
    Ok(report)
}

/// Inserts the batches' rows, or none of them when one has a value without a BSON form. Also gives why the rest was not
/// written, if so.
pub(crate) fn insert(
    session: &Session,
    clients: &Clients,
    batches: &[RecordBatch],
    write: &MongoWrite,
    watch: Watch<'_>,
) -> Result<(WriteReport, Option<Error>), Unwritten> {
    let runtime = session.runtime()?;
    let target = Arc::new(runtime.block_on(Target::connect(clients, write))?);
    let mut messages = Messages::new(write, target.concern().as_ref(), target.retryable)?;
    let mut ready = Vec::new();
    let mut report = WriteReport::default();
    let mut rows = 0;
    for batch in batches {
        messages.add(batch, rows, &mut |step| {
            match step {
                Step::Send(message) => ready.push(message),
                Step::Failed(row) => report.failed.push(row),
            }
            Ok(true)
        })?;
        rows += batch.num_rows() as u64;
    }
    let mut senders = Senders::start(runtime, target);
    for message in ready.into_iter().chain(messages.rest()) {
        if !senders.hand_over(message, rows, watch)? {
            break;
        }
    }
    let sent = senders.finish(rows, watch)?;
    report.add(sent.report);
    report.finish(write.ordered);
    let stopped = sent.stopped.map(|stopped| stopped.error(&report));
    Ok((report, stopped))
}

impl WriteReport {
    fn add(&mut self, other: WriteReport) {
        self.inserted += other.inserted;
        self.matched += other.matched;
        self.modified += other.modified;
        self.failed.extend(other.failed);
    }

    fn finish(&mut self, ordered: bool) {
        self.failed.sort_by_key(|failed| failed.row);
        if ordered {
            // Nothing is written behind the first, so nothing else can be said to have failed.
            self.failed.truncate(1);
        }
    }
}

/// What came of messages.
#[derive(Default)]
struct Sent {
    report: WriteReport,
    stopped: Option<Stopped>,
}

/// Why no more messages were sent.
struct Stopped {
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
    fn error(mut self, report: &WriteReport) -> Error {
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
struct Senders<'a> {
    runtime: &'a tokio::runtime::Runtime,
    messages: mpsc::Sender<Message>,
    tasks: JoinSet<Sent>,
    target: Arc<Target>,
}

impl<'a> Senders<'a> {
    fn start(runtime: &'a tokio::runtime::Runtime, target: Arc<Target>) -> Senders<'a> {
        let parallel = if target.write.ordered { 1 } else { target.write.parallel.max(1) };
        let (messages, receiver) = mpsc::channel(parallel);
        let receiver = Arc::new(Mutex::new(receiver));
        let mut tasks = JoinSet::new();
        for _ in 0..parallel {
            tasks.spawn_on(target.clone().send_all(receiver.clone()), runtime.handle());
        }
        Senders { runtime, messages, tasks, target }
    }

    /// Gives a message to whoever is free next; false when nobody takes messages any more.
    fn hand_over(&mut self, message: Message, rows: u64, watch: Watch<'_>) -> Result<bool> {
        loop {
            if self.target.ended.load(Ordering::Acquire) {
                return Ok(false);
            }
            let reserved = async { tokio::time::timeout(WATCH_INTERVAL, self.messages.reserve()).await };
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
    fn finish(self, rows: u64, watch: Watch<'_>) -> Result<Sent> {
        let Senders { runtime, messages, mut tasks, .. } = self;
        drop(messages);
        let mut all = Sent::default();
        loop {
            let next = async { tokio::time::timeout(WATCH_INTERVAL, tasks.join_next()).await };
            match runtime.block_on(next) {
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

/// The collection and how it is written to.
struct Target {
    connected: Connected,
    write: MongoWrite,
    /// The server knows a message again that it has seen.
    retryable: bool,
    /// No message is sent any more: one failed.
    ended: AtomicBool,
}

impl Target {
    async fn connect(clients: &Clients, write: &MongoWrite) -> Result<Target> {
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
        Ok(Target { connected, write: write.clone(), retryable, ended: AtomicBool::new(false) })
    }

    fn concern(&self) -> Option<WriteConcern> {
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
            message.command[at..at + number.len()].copy_from_slice(&number);
        }
        let insert = self.write.mode == WriteMode::Insert;
        let attempts_max = if insert && !self.retryable { 0 } else { ATTEMPTS_MAX };
        let database = self.connected.client.database(&self.write.database);
        let mut command = message.command;
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
