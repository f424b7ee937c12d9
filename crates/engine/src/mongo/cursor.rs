//! One cursor of a server: its batches, the next one asked for while one is decoded, and going on after a lost connection.

use std::panic::AssertUnwindSafe;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use arrow::buffer::Buffer;
use futures::StreamExt;
use futures::stream::BoxStream;
use mongodb::bson::{Bson, Document, RawArray, doc};
use mongodb::raw_batch_cursor::{RawBatch, RawBatchCursor};
use tokio::sync::mpsc;

use super::client::Connected;
use super::command::{Order, Query};
use super::failure::is_passing;
use crate::documents::{Chunk, DocumentPart, Form, Origin, Piece};
use crate::error::{Error, Result};

/// Replies that may wait for the decoder: the server is working on the next one meanwhile.
const REPLIES_AHEAD: usize = 1;

/// How often a cursor is opened anew without a reply in between.
const ATTEMPTS_MAX: u32 = 5;

/// A cursor over (a part of) a query.
#[derive(Clone, Debug)]
pub(super) struct CursorPart {
    pub connected: Connected,
    pub query: Arc<Query>,
    pub order: Order,
    pub columns: Option<Vec<String>>,
    pub limit: Option<usize>,
    pub shown: Arc<str>,
}

impl DocumentPart for CursorPart {
    fn open(&self) -> BoxStream<'static, Result<Piece>> {
        let (sender, receiver) = mpsc::channel(REPLIES_AHEAD);
        let reader = Reader { part: self.clone(), order: self.order.clone(), rows: 0 };
        // The task ends, and the driver closes the cursor, when nobody takes its batches any more.
        tokio::spawn(reader.run(sender));
        futures::stream::unfold(receiver, |mut receiver| async move {
            let piece = receiver.recv().await?;
            Some((piece, receiver))
        })
        .boxed()
    }

    fn origin(&self) -> Origin {
        Origin { shown: self.shown.clone(), first_document: 0, first_row: 0 }
    }
}

type Sender = mpsc::Sender<Result<Piece>>;

/// What came of reading one cursor.
enum Ended {
    /// To its end, or nobody wants more.
    Done,
    /// With an error after which another cursor can go on.
    Lost(mongodb::error::Error),
    Failed(Error),
}

/// Reads a part, opening cursors as needed.
struct Reader {
    part: CursorPart,
    /// Where the next cursor begins.
    order: Order,
    /// Documents handed on so far.
    rows: usize,
}

impl Reader {
    async fn run(mut self, sender: Sender) {
        let mut attempts = 0;
        loop {
            let before = self.rows;
            let error = match self.read_cursor(&sender).await {
                Ended::Done => return,
                Ended::Failed(error) => error,
                Ended::Lost(error) => {
                    attempts = if self.rows > before { 1 } else { attempts + 1 };
                    if attempts <= ATTEMPTS_MAX {
                        tokio::time::sleep(Duration::from_millis(100 * u64::from(attempts))).await;
                        continue;
                    }
                    self.part.connected.servers.explain(&error)
                }
            };
            // Nobody may be left to hear of it.
            let _ = sender.send(Err(error)).await;
            return;
        }
    }

    async fn read_cursor(&mut self, sender: &Sender) -> Ended {
        let left = self.part.limit.map(|limit| limit.saturating_sub(self.rows));
        if left == Some(0) {
            return Ended::Done;
        }
        let mut cursor = match self.start(left).await {
            Ok(cursor) => cursor,
            Err(error) => return self.judge(error),
        };
        while let Some(batch) = cursor.next().await {
            let batch = match batch {
                Ok(batch) => batch,
                Err(error) => return self.judge(error),
            };
            let (piece, next) = match self.take(batch) {
                Ok(taken) => taken,
                Err(error) => return Ended::Failed(error),
            };
            if let Some(piece) = piece
                && sender.send(Ok(piece)).await.is_err()
            {
                return Ended::Done;
            }
            // Only what was handed on counts as read.
            self.order = next;
        }
        Ended::Done
    }

    async fn start(&mut self, limit: Option<usize>) -> mongodb::error::Result<RawBatchCursor> {
        let part = &self.part;
        let started = start(part, &self.order, limit).await;
        match (&started, &self.order) {
            // A view, a router or an older server may not know how to go on in natural order: then without it.
            (Err(error), Order::Natural { after: None }) if !is_passing(error) && is_refused(error) => {
                self.order = Order::Any;
                start(part, &Order::Any, limit).await
            }
            _ => started,
        }
    }

    /// Whether another cursor can go on behind what was handed on.
    fn judge(&self, error: mongodb::error::Error) -> Ended {
        let can_go_on = self.rows == 0 || !matches!(self.order, Order::Any);
        if can_go_on && is_passing(&error) {
            return Ended::Lost(error);
        }
        Ended::Failed(self.part.connected.servers.explain(&error))
    }

    /// The documents of a reply, without a copy, and where a cursor would go on behind them.
    fn take(&mut self, batch: RawBatch) -> Result<(Option<Piece>, Order)> {
        let broken = |error: mongodb::error::Error| self.part.connected.servers.explain(&error);
        let documents = batch.doc_slices().map_err(broken)?;
        let (mut start, count, last) =
            look(documents, matches!(self.order, Order::ById { .. }), self.part.limit.is_some())?;
        let mut rows = count;
        let next = match &self.order {
            Order::Any => Order::Any,
            Order::Natural { after } => Order::Natural { after: resume_token(&batch).or_else(|| after.clone()) },
            Order::Changes { from } => {
                let token = resume_token(&batch).map(|token| doc! { "resumeAfter": token });
                Order::Changes { from: token.unwrap_or_else(|| from.clone()) }
            }
            Order::ById { from, to } => {
                // The lower bound includes the last document of the cursor before, if it is still there.
                if self.rows > 0
                    && let (Some(from), Some((first, end))) = (from, first_id(documents)?)
                    && first == *from
                {
                    start = end;
                    rows -= 1;
                }
                Order::ById { from: last.or_else(|| from.clone()), to: to.clone() }
            }
        };
        // A later cursor of the same read: from now on its own documents are the last ones.
        self.rows += rows;
        if rows == 0 {
            return Ok((None, next));
        }
        let bytes = items_of(batch, start)?;
        Ok((Some(Piece::Documents(Chunk { bytes, form: Form::Items, documents: None })), next))
    }
}

async fn start(part: &CursorPart, order: &Order, limit: Option<usize>) -> mongodb::error::Result<RawBatchCursor> {
    let mut command = part.query.command(order, part.columns.as_deref(), limit);
    if let Some(preference) = &part.query.read_preference {
        command.insert("$readPreference", preference.clone());
    }
    let database = part.connected.client.database(&part.query.database);
    database.run_cursor_command(command).batch_size(part.query.batch_documents).batch().await
}

/// The server understood the command and does not want it.
fn is_refused(error: &mongodb::error::Error) -> bool {
    matches!(error.kind.as_ref(), mongodb::error::ErrorKind::Command(_))
}

/// Where the first item begins in the array's bytes, how many there are (only whether there are any, unless `ids` or `exact`),
/// and with `ids` the `_id` of the last.
fn look(documents: &RawArray, ids: bool, exact: bool) -> Result<(usize, usize, Option<Bson>)> {
    let bytes = documents.as_bytes();
    let empty = bytes.len() <= 5;
    if !(ids || exact) || empty {
        return Ok((4, usize::from(!empty), None));
    }
    let mut count = 0;
    let mut last = None;
    for document in documents {
        let document = document.map_err(|error| malformed(&error))?;
        last = document.as_document();
        count += 1;
    }
    let id = last.filter(|_| ids).and_then(|document| document.get("_id").ok().flatten());
    let id = id.map(|id| Bson::try_from(id)).transpose().map_err(|error| malformed(&error))?;
    Ok((4, count, id))
}

/// The `_id` of the first document, and where the second begins.
fn first_id(documents: &RawArray) -> Result<Option<(Bson, usize)>> {
    let bytes = documents.as_bytes();
    let Some(Ok(first)) = documents.into_iter().next() else { return Ok(None) };
    let Some(document) = first.as_document() else { return Ok(None) };
    let id = document.get("_id").map_err(|error| malformed(&error))?;
    let Some(id) = id.map(|id| Bson::try_from(id)).transpose().map_err(|error| malformed(&error))? else {
        return Ok(None);
    };
    let start = document.as_bytes().as_ptr() as usize - bytes.as_ptr() as usize;
    Ok(Some((id, start + document.as_bytes().len())))
}

fn malformed(error: &dyn std::fmt::Display) -> Error {
    Error::engine(format!("a reply of MongoDB is not valid BSON: {error}"))
}

/// The server's own place of this reply, for `$_resumeAfter`.
fn resume_token(batch: &RawBatch) -> Option<Document> {
    let cursor = batch.as_raw_document().get_document("cursor").ok()?;
    let token = cursor.get_document("postBatchResumeToken").ok()?;
    Document::try_from(token.to_owned()).ok()
}

/// The items of the reply's array from `start` on: the buffer owns the reply.
fn items_of(batch: RawBatch, start: usize) -> Result<Buffer> {
    let batch = Arc::new(AssertUnwindSafe(batch));
    let documents = batch.doc_slices().map_err(|error| malformed(&error))?.as_bytes();
    let items = documents.get(start..documents.len().saturating_sub(1)).unwrap_or_default();
    let (address, length) = (NonNull::from(items).cast::<u8>(), items.len());
    // SAFETY: the bytes lie in the reply's heap memory, which nobody changes and which the buffer keeps alive.
    Ok(unsafe { Buffer::from_custom_allocation(address, length, batch.clone()) })
}
