//! Rows into a collection: messages sent side by side, and an account of every row that the server did not take.

use std::sync::Arc;
use std::time::Duration;

use arrow::record_batch::RecordBatch;

use super::client::Clients;
use super::message::{Messages, Step, Unwritten};
use super::send::{Senders, Target};
use crate::bson::BsonWriteOptions;
use crate::error::{Error, Result};
use crate::run::{BatchStream, Report, Watch};
use crate::session::Session;

/// Rows of which it is asked at once whether all have a BSON form.
const PIECE_ROWS: usize = 65_536;

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
    /// All that the server said, as BSON; empty where it was not asked.
    pub details: Vec<u8>,
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
    let mut messages = Messages::new(write, target.concern().as_ref(), target.form())?;
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
    let mut messages = Messages::new(write, target.concern().as_ref(), target.form())?;
    let mut senders = Senders::start(runtime, target);
    let pieces = |batch: &RecordBatch| {
        let starts = (0..batch.num_rows()).step_by(PIECE_ROWS);
        starts.map(|start| batch.slice(start, PIECE_ROWS.min(batch.num_rows() - start))).collect::<Vec<_>>()
    };
    let batches: Vec<RecordBatch> = batches.iter().flat_map(pieces).collect();
    // Where a value could have no BSON form all rows are encoded before the first is sent.
    let at_once = batches.iter().all(bson_arrow::encode::cannot_fail);
    let mut ready = Vec::new();
    let mut rows = 0;
    let mut go_on = true;
    for batch in &batches {
        let mut step = |step| match step {
            Step::Send(message) if at_once => senders.hand_over(message, rows, watch),
            Step::Send(message) => {
                ready.push(message);
                Ok(true)
            }
            // Only a row that is to be found by a key can lack one.
            Step::Failed(_) => Ok(true),
        };
        go_on = go_on && messages.add(batch, rows, &mut step)?;
        rows += batch.num_rows() as u64;
    }
    for message in ready.into_iter().chain(messages.rest()) {
        go_on = go_on && senders.hand_over(message, rows, watch)?;
    }
    let sent = senders.finish(rows, watch)?;
    let mut report = sent.report;
    report.finish(write.ordered);
    let stopped = sent.stopped.map(|stopped| stopped.error(&report));
    Ok((report, stopped))
}

impl WriteReport {
    pub(super) fn add(&mut self, other: WriteReport) {
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
