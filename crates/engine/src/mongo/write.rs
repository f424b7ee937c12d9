//! Rows into a collection: batches encoded and sent side by side, and an account of every row that the server did not take.

use std::sync::Arc;
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use bson_arrow::{Documents, EncodeOptions};
use mongodb::bson::{Bson, Document, RawDocument, RawDocumentBuf, doc};
use mongodb::error::ErrorKind;
use mongodb::options::InsertManyOptions;
use tokio::task::JoinSet;

use super::client::{Clients, Connected};
use super::failure::is_passing;
use crate::bson::{BsonWriteOptions, cannot_encode};
use crate::error::{Error, Result};
use crate::run::{BatchStream, Progress, Report, Watch};
use crate::session::Session;

/// Bytes of documents in one message: a command's own document may have 16 MiB.
const MESSAGE_BYTES: usize = 8 * 1024 * 1024;

/// Documents in one message at most; the server's own limit is 100,000.
const MESSAGE_DOCUMENTS: usize = 10_000;

/// Bytes of an update statement around its documents.
const STATEMENT_BYTES: usize = 64;

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
    let connected = runtime.block_on(clients.get(&write.uri, write.timeout))?;
    let target = Arc::new(Target { connected, write: write.clone() });
    let parallel = if write.ordered { 1 } else { write.parallel.max(1) };
    let mut report = WriteReport::default();
    let mut tasks = JoinSet::new();
    let mut first_row = 0;
    let mut ended = false;
    while !(ended && tasks.is_empty()) {
        while !ended && tasks.len() < parallel {
            match stream.next(watch)? {
                None => ended = true,
                Some(batch) => {
                    let rows = batch.num_rows() as u64;
                    tasks.spawn_on(target.clone().send(batch, first_row), runtime.handle());
                    first_row += rows;
                }
            }
        }
        let next = async { tokio::time::timeout(WATCH_INTERVAL, tasks.join_next()).await };
        match runtime.block_on(next) {
            Err(_) if watch(Progress { rows: first_row, rows_total: None }) => {}
            // Messages that are under way are dropped with the tasks.
            Err(_) => return Err(Error::Cancelled),
            Ok(None) => {}
            Ok(Some(sent)) => {
                let sent = sent.map_err(|error| Error::engine(format!("a worker thread failed: {error}")))??;
                report.add(sent);
                ended |= write.ordered && !report.failed.is_empty();
            }
        }
    }
    report.failed.sort_by_key(|failed| failed.row);
    report.run = stream.report();
    Ok(report)
}

impl WriteReport {
    fn add(&mut self, other: WriteReport) {
        self.inserted += other.inserted;
        self.matched += other.matched;
        self.modified += other.modified;
        self.failed.extend(other.failed);
    }
}

/// The collection and how it is written to.
struct Target {
    connected: Connected,
    write: MongoWrite,
}

impl Target {
    /// Encodes the batch and sends it, message after message.
    async fn send(self: Arc<Self>, batch: RecordBatch, first_row: u64) -> Result<WriteReport> {
        let mut documents = Documents::default();
        let options: EncodeOptions = self.write.documents.encode_options();
        bson_arrow::encode(&batch, &options, &mut documents)
            .map_err(|error| cannot_encode(error, first_row as usize))?;
        let documents: Vec<&[u8]> = documents.iter().collect();
        let mut report = WriteReport::default();
        let mut start = 0;
        while start < documents.len() {
            let mut bytes = 0;
            let fits = documents[start..].iter().take(MESSAGE_DOCUMENTS).take_while(|document| {
                bytes += document.len() + STATEMENT_BYTES;
                bytes <= MESSAGE_BYTES
            });
            let count = fits.count().max(1);
            let message = &documents[start..start + count];
            let sent = match &self.write.mode {
                WriteMode::Insert => self.insert(message, first_row + start as u64).await?,
                WriteMode::Replace { key } => self.update(message, key, false, first_row + start as u64).await?,
                WriteMode::Upsert { key } => self.update(message, key, true, first_row + start as u64).await?,
            };
            report.add(sent);
            start += count;
            if self.write.ordered && !report.failed.is_empty() {
                break;
            }
        }
        Ok(report)
    }

    async fn insert(&self, documents: &[&[u8]], first_row: u64) -> Result<WriteReport> {
        let count = documents.len() as u64;
        let owned: std::result::Result<Vec<RawDocumentBuf>, _> =
            documents.iter().map(|document| RawDocumentBuf::from_bytes(document.to_vec())).collect();
        let owned = owned.map_err(|error| Error::engine(format!("an encoded document is damaged: {error}")))?;
        let database = self.connected.client.database(&self.write.database);
        let collection = database.collection::<RawDocumentBuf>(&self.write.collection);
        let options = InsertManyOptions::builder().ordered(self.write.ordered).build();
        let Err(error) = collection.insert_many(&owned).with_options(options).await else {
            return Ok(WriteReport { inserted: count, ..WriteReport::default() });
        };
        let ErrorKind::InsertMany(failure) = error.kind.as_ref() else {
            return Err(self.lost(&error, first_row, count));
        };
        if let (Some(concern), true) = (&failure.write_concern_error, failure.write_errors.is_none()) {
            return Err(self.connected.servers.not_durable(&concern.message));
        }
        let errors = failure.write_errors.iter().flatten();
        let failed: Vec<FailedRow> = errors
            .map(|error| FailedRow {
                row: first_row + error.index as u64,
                code: error.code,
                message: error.message.clone(),
            })
            .collect();
        let inserted = match (self.write.ordered, failed.first()) {
            (true, Some(first)) => first.row - first_row,
            _ => count - failed.len() as u64,
        };
        Ok(WriteReport { inserted, failed, ..WriteReport::default() })
    }

    /// A message whose fate is not known: some of its rows may have been written.
    fn lost(&self, error: &mongodb::error::Error, first_row: u64, rows: u64) -> Error {
        let explained = self.connected.servers.explain(error);
        match explained {
            Error::Engine(inner) if is_passing(error) => Error::engine_hint(
                format!(
                    "{}; rows {first_row} to {} may or may not have been written",
                    inner.message,
                    first_row + rows - 1
                ),
                "with an `_id` in the rows, write them again with `mode=\"upsert\"`",
            ),
            other => other,
        }
    }

    /// Replaces documents by key. Doing it twice is doing it once, so a lost message is sent again.
    async fn update(&self, documents: &[&[u8]], key: &[String], upsert: bool, first_row: u64) -> Result<WriteReport> {
        let mut statements: Vec<Bson> = Vec::with_capacity(documents.len());
        let mut rows = Vec::with_capacity(documents.len());
        let mut report = WriteReport::default();
        for (row, document) in (first_row..).zip(documents) {
            match statement(document, key, upsert)? {
                Ok(statement) => {
                    statements.push(Bson::Document(statement));
                    rows.push(row);
                }
                Err(message) => report.failed.push(FailedRow { row, code: 0, message }),
            }
        }
        if statements.is_empty() {
            return Ok(report);
        }
        let mut command = doc! {
            "update": &self.write.collection,
            "updates": statements,
            "ordered": self.write.ordered,
        };
        let database = self.connected.client.database(&self.write.database);
        if let Some(concern) = database.write_concern() {
            let concern = mongodb::bson::serialize_to_document(concern)
                .map_err(|error| Error::engine(format!("the write concern cannot be sent: {error}")))?;
            command.insert("writeConcern", concern);
        }
        let mut attempts = 0;
        let reply = loop {
            match database.run_command(command.clone()).await {
                Ok(reply) => break reply,
                Err(error) if is_passing(&error) && attempts < ATTEMPTS_MAX => {
                    attempts += 1;
                    tokio::time::sleep(Duration::from_millis(100 * u64::from(attempts))).await;
                }
                Err(error) => return Err(self.connected.servers.explain(&error)),
            }
        };
        report.add(self.account(&reply, &rows)?);
        Ok(report)
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
        let number = |key: &str| reply.get_i32(key).map_or(0, |number| number.max(0) as u64);
        let inserted = list("upserted").len() as u64;
        Ok(WriteReport {
            inserted,
            matched: number("n") - inserted.min(number("n")),
            modified: number("nModified"),
            failed: failed.collect(),
            run: Report::default(),
        })
    }
}

/// `{q: {key: value}, u: document, upsert: ..}`; the inner error says why the row cannot be addressed.
fn statement(document: &[u8], key: &[String], upsert: bool) -> Result<std::result::Result<Document, String>> {
    let damaged = |error: &dyn std::fmt::Display| Error::engine(format!("an encoded document is damaged: {error}"));
    let raw = RawDocument::from_bytes(document).map_err(|error| damaged(&error))?;
    let document = Document::try_from(raw.to_owned()).map_err(|error| damaged(&error))?;
    let mut filter = Document::new();
    for field in key {
        match document.get(field) {
            None | Some(Bson::Null) => return Ok(Err(format!("the key `{field}` is null"))),
            // `$eq` takes a value as it is, whatever operators a document in it might look like.
            Some(value) => drop(filter.insert(field.clone(), doc! { "$eq": value.clone() })),
        }
    }
    Ok(Ok(doc! { "q": filter, "u": document, "upsert": upsert, "multi": false }))
}
