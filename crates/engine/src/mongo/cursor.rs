//! One cursor of a server: its batches, the next one asked for while one is decoded, and going on after a lost connection.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

use arrow::buffer::Buffer;
use futures::StreamExt;
use futures::stream::BoxStream;
use mongodb::bson::{Bson, RawArray, doc};
use tokio::sync::mpsc;

use super::batch::{Batch, Cursor, first_id, items_of, look, resume_token};
use super::client::{Connected, Greeting};
use super::command::{Order, Query};
use super::failure::is_passing;
use super::natural::{Natural, anchor, newest, record_of, shown};
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
    /// The member of a replica set that `order` belongs to, if it belongs to one.
    pub member: Option<String>,
    pub shown: Arc<str>,
}

impl DocumentPart for CursorPart {
    fn open(&self) -> BoxStream<'static, Result<Piece>> {
        let (sender, receiver) = mpsc::channel(REPLIES_AHEAD);
        let reader =
            Reader { part: self.clone(), order: self.order.clone(), shows: false, rows: 0, last: None, newest: None };
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

    fn travel(&self) -> Option<Vec<u8>> {
        super::travel::write_cursor(self)
    }
}

type Sender = mpsc::Sender<Result<Piece>>;

/// What came of reading one cursor.
enum Ended {
    /// To its end, or nobody wants more.
    Done,
    /// In time for another cursor to go on.
    Again,
    /// With an error after which another cursor can go on.
    Lost(mongodb::error::Error),
    Failed(Error),
}

/// What a reply comes to.
struct Taken {
    piece: Option<Piece>,
    /// Where a cursor would go on behind it.
    next: Order,
    ended: Option<Ended>,
}

/// Reads a part, opening cursors as needed.
struct Reader {
    part: CursorPart,
    /// Where the next cursor begins.
    order: Order,
    /// The documents of the cursor that is open come with their records.
    shows: bool,
    /// Documents handed on so far.
    rows: usize,
    /// What was handed on last, and the collection's last record when the first cursor was opened: from these it is found
    /// where a walk without tokens goes on.
    last: Option<Buffer>,
    newest: Option<Bson>,
}

impl Reader {
    async fn run(mut self, sender: Sender) {
        let mut attempts = 0;
        loop {
            let before = self.rows;
            let error = match self.read_cursor(&sender).await {
                Ended::Done => return,
                Ended::Again => continue,
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
            Err(ended) => return ended,
        };
        while let Some(batch) = cursor.next().await {
            let batch = match batch {
                Ok(batch) => batch,
                // The driver asks a server that it has seen go away for more, and waits for it in vain.
                Err(error) if self.can_go_on() && is_selection(&error) => return Ended::Lost(error),
                Err(error) => return self.judge(error),
            };
            let Taken { piece, next, ended } = match self.take(batch) {
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
            if let Some(ended) = ended {
                return ended;
            }
        }
        Ended::Done
    }

    /// Opens a cursor where the last one came to.
    async fn start(&mut self, limit: Option<usize>) -> std::result::Result<Cursor, Ended> {
        let criteria = self.part.connected.criteria(&self.part.query);
        let greeting = match self.part.connected.greet(criteria.as_ref()).await {
            Ok(greeting) => greeting,
            Err(error) => return Err(self.judge(error)),
        };
        if let Order::Natural(walk) = self.order.clone() {
            self.place(walk, &greeting).await?;
        }
        loop {
            self.shows = matches!(&self.order, Order::Natural(walk) if walk.shows());
            let error = match start(&self.part, &self.order, limit, &greeting).await {
                Ok(cursor) => return Ok(cursor),
                Err(error) => error,
            };
            let Order::Natural(walk) = &self.order else { return Err(self.judge(error)) };
            self.order = match walk.further_back() {
                Some(back) if is_gone(&error) => Order::Natural(back),
                // A view or an older server may not know how to go on in natural order: then without it.
                None if walk.is_whole() && !is_passing(&error) && is_refused(&error) => Order::Any,
                Some(_) | None => return Err(self.judge(error)),
            };
        }
    }

    /// Makes sure that this server is the one that the walk belongs to, and that the walk goes on behind what was handed on.
    async fn place(&mut self, mut walk: Natural, greeting: &Greeting) -> std::result::Result<(), Ended> {
        let part = &mut self.part;
        let servers = &part.connected.servers;
        if !walk.is_whole() || self.rows > 0 {
            if greeting.is_router || part.member != greeting.member {
                return Err(Ended::Failed(servers.another_member()));
            }
            if walk.is_whole() {
                let anchor = match (&self.last, &self.newest) {
                    (Some(last), Some(newest)) => anchor(&part.connected, &part.query, greeting, last, newest).await,
                    _ => Ok(None),
                };
                walk.after = match anchor {
                    Ok(Some(record)) => Some(record),
                    Ok(None) => return Err(Ended::Failed(servers.cannot_go_on())),
                    Err(error) => return Err(self.judge(error)),
                };
                self.order = Order::Natural(walk);
            }
            return Ok(());
        }
        part.member.clone_from(&greeting.member);
        // Fields of which the `_id` is none do not say where to go on.
        walk.tokens = part.columns.as_ref().is_some_and(|columns| !columns.iter().any(|column| column == "_id"));
        self.order = Order::Natural(walk);
        if greeting.is_router {
            self.order = Order::Any;
            return Ok(());
        }
        if part.limit.is_some_and(|limit| limit <= part.query.batch_documents as usize) {
            // One reply: there is nothing to go on with.
            return Ok(());
        }
        match newest(&part.connected, &part.query, greeting).await {
            Ok(newest) => self.newest = newest,
            // A view has no records of its own.
            Err(error) if !is_passing(&error) && is_refused(&error) => self.order = Order::Any,
            Err(error) => return Err(self.judge(error)),
        }
        Ok(())
    }

    /// Whether another cursor can go on behind what was handed on.
    fn can_go_on(&self) -> bool {
        self.rows == 0 || !matches!(self.order, Order::Any)
    }

    fn judge(&self, error: mongodb::error::Error) -> Ended {
        if self.can_go_on() && is_passing(&error) {
            return Ended::Lost(error);
        }
        Ended::Failed(self.part.connected.servers.explain(&error))
    }

    /// The documents of a reply, without a copy, and where a cursor would go on behind them.
    fn take(&mut self, batch: Batch) -> Result<Taken> {
        let broken = |error: mongodb::error::Error| self.part.connected.servers.explain(&error);
        let documents = batch.documents().map_err(broken)?;
        let (mut start, count, last) =
            look(documents, matches!(self.order, Order::ById { .. }), self.part.limit.is_some())?;
        let mut rows = count;
        let mut ended = None;
        let next = match &self.order {
            Order::Any => Order::Any,
            Order::Natural(walk) if self.shows => return self.take_shown(documents, &walk.clone()),
            Order::Natural(walk) => {
                let record = resume_token(&batch).as_ref().and_then(record_of);
                match walk.compared(record.as_ref()) {
                    Some(Ordering::Less) => {}
                    Some(Ordering::Equal) => ended = Some(Ended::Done),
                    // It goes beyond the end, nobody knows how far: once more, with their records.
                    Some(Ordering::Greater) => return Ok(again(walk)),
                    None if walk.until.is_some() && rows > 0 => return Ok(again(walk)),
                    None => {}
                }
                Order::Natural(walk.behind(record))
            }
            Order::Changes { from } => {
                let token = resume_token(&batch).map(|token| doc! { "startAfter": token });
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
            return Ok(Taken { piece: None, next, ended });
        }
        let bytes = items_of(batch, start)?;
        let whole = matches!(&next, Order::Natural(walk) if walk.is_whole());
        self.last = whole.then(|| bytes.clone());
        Ok(Taken { piece: Some(items(bytes)), next, ended })
    }

    /// As [`Reader::take`], of documents that show their records.
    fn take_shown(&mut self, documents: &RawArray, walk: &Natural) -> Result<Taken> {
        let found = shown(documents, walk)?;
        self.rows += found.count;
        let piece = (found.count > 0).then(|| items(Buffer::from_vec(found.items)));
        Ok(Taken { piece, next: Order::Natural(walk.behind(found.last)), ended: found.ended.then_some(Ended::Done) })
    }
}

fn again(walk: &Natural) -> Taken {
    let next = Order::Natural(Natural { shows: true, ..walk.clone() });
    Taken { piece: None, next, ended: Some(Ended::Again) }
}

fn items(bytes: Buffer) -> Piece {
    Piece::Documents(Chunk { bytes, form: Form::Items, documents: None })
}

async fn start(
    part: &CursorPart,
    order: &Order,
    limit: Option<usize>,
    greeting: &Greeting,
) -> mongodb::error::Result<Cursor> {
    let CursorPart { connected, query, .. } = part;
    let mut command = query.command(order, part.columns.as_deref(), limit);
    connected.complete(&mut command);
    let mut criteria = connected.criteria(query);
    if let Some(direct) = connected.direct.as_ref().filter(|_| query.ends()) {
        let mut command = command.clone();
        connected.prefer(&mut command, criteria.as_ref());
        let place = (query.database.as_str(), query.collection.as_str());
        let stream = direct.read(connected, greeting, &command, place, query.batch_documents).await?;
        if let Some(stream) = stream {
            return Ok(Cursor::Own(stream));
        }
    }
    if let (Order::Natural(_), Some(pinned)) = (order, greeting.pinned()) {
        criteria = Some(pinned);
    }
    let database = connected.client.database(&query.database);
    let run = database.run_cursor_command(command).batch_size(query.batch_documents);
    let run = match criteria {
        Some(criteria) => run.selection_criteria(criteria),
        None => run,
    };
    Ok(Cursor::Driver(Box::new(run.batch().await?)))
}

fn is_selection(error: &mongodb::error::Error) -> bool {
    matches!(error.kind.as_ref(), mongodb::error::ErrorKind::ServerSelection { .. })
}

/// The server understood the command and does not want it.
fn is_refused(error: &mongodb::error::Error) -> bool {
    matches!(error.kind.as_ref(), mongodb::error::ErrorKind::Command(_))
}

/// The record that a walk was to begin behind was deleted (KeyNotFound).
fn is_gone(error: &mongodb::error::Error) -> bool {
    matches!(error.kind.as_ref(), mongodb::error::ErrorKind::Command(command) if command.code == 211)
}
