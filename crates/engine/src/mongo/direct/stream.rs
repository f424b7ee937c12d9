//! A cursor that a thread reads ahead of the decoder. The server sends one reply after the other without being asked for each
//! (`exhaustAllowed`), as fast as they are taken from the socket; one that waits to be asked is asked at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use mongodb::bson::{Document, RawBsonRef, RawDocument, doc};
use mongodb::error::{Error, Result};
use tokio::sync::mpsc;

use super::Pool;
use super::socket::{Connection, Message, Stopper, check};
use crate::mongo::client::Connected;

/// Replies that may wait for the decoder. The socket's own memory holds more.
const REPLIES_AHEAD: usize = 1;

/// The number of a cursor that the server has not told yet.
const UNKNOWN: i64 = i64::MIN;

/// A cursor being read.
pub(in crate::mongo) struct Stream {
    /// The first reply, until it is taken.
    first: Option<Message>,
    replies: mpsc::Receiver<Result<Message>>,
    /// The server's number of the cursor; 0 when it is at its end.
    cursor: Arc<AtomicI64>,
    stopper: Stopper,
    connected: Connected,
    query: Opened,
}

/// A command that opens a cursor.
pub(super) struct Opened {
    pub command: Document,
    pub database: String,
    pub collection: String,
    pub batch_documents: u32,
}

impl Stream {
    /// Sends the command and waits for the first reply.
    pub(super) async fn open(
        connection: Connection,
        connected: &Connected,
        pool: Arc<Pool>,
        query: Opened,
    ) -> Result<Stream> {
        let (sender, replies) = mpsc::channel(REPLIES_AHEAD);
        let stopper = connection.stopper()?;
        let cursor = Arc::new(AtomicI64::new(UNKNOWN));
        let mut more = doc! { "getMore": 0i64, "collection": &query.collection };
        more.insert("batchSize", query.batch_documents as i32);
        let reader =
            Reader { connection, database: query.database.clone(), more, cursor: cursor.clone(), sender, pool };
        let command = query.command.clone();
        // A thread of its own: one of a pool could have to wait for others that wait for this one.
        std::thread::Builder::new().name("fuseline-mongo".to_owned()).spawn(move || reader.run(&command))?;
        let mut stream = Stream { first: None, replies, cursor, stopper, connected: connected.clone(), query };
        stream.first = Some(stream.replies.recv().await.unwrap_or_else(|| Err(ended()))?);
        Ok(stream)
    }

    /// The next reply; `None` at the cursor's end.
    pub async fn next(&mut self) -> Option<Result<Message>> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        self.replies.recv().await
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let cursor = self.cursor.load(Ordering::Acquire);
        if cursor == 0 {
            return;
        }
        // Nobody wants the rest: neither the thread nor the server shall wait for somebody.
        self.stopper.stop();
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if cursor == UNKNOWN {
            return;
        }
        let kill = doc! { "killCursors": &self.query.collection, "cursors": [cursor] };
        let database = self.connected.client.database(&self.query.database);
        runtime.spawn(async move {
            // A cursor that is gone already is as good.
            let _ = database.run_command(kill).await;
        });
    }
}

fn ended() -> Error {
    std::io::Error::other("the thread that reads a cursor ended").into()
}

/// The thread's side.
struct Reader {
    connection: Connection,
    database: String,
    more: Document,
    cursor: Arc<AtomicI64>,
    sender: mpsc::Sender<Result<Message>>,
    pool: Arc<Pool>,
}

impl Reader {
    fn run(mut self, command: &Document) {
        match self.read(command) {
            // The server is done with it: the connection may be used again.
            Ok(true) => {
                drop(self.sender);
                self.pool.give_back(self.connection);
            }
            Ok(false) => {}
            Err(error) => {
                self.cursor.store(0, Ordering::Release);
                // Nobody may be left to hear of it.
                let _ = self.sender.blocking_send(Err(error));
            }
        }
    }

    /// Reads to the end (`true`) or until nobody takes the replies any more.
    fn read(&mut self, command: &Document) -> Result<bool> {
        self.connection.send(command, &self.database, false)?;
        loop {
            let message = self.connection.receive()?;
            check(message.document()?)?;
            let cursor = cursor_of(message.document()?)?;
            let streamed = message.more_to_come();
            if cursor != 0 && !streamed {
                self.more.insert("getMore", cursor);
                self.connection.send(&self.more, &self.database, true)?;
            }
            self.cursor.store(cursor, Ordering::Release);
            if self.sender.blocking_send(Ok(message)).is_err() {
                return Ok(false);
            }
            if cursor == 0 && !streamed {
                return Ok(true);
            }
        }
    }
}

/// The cursor's number in a reply.
fn cursor_of(reply: &RawDocument) -> Result<i64> {
    Ok(match reply.get_document("cursor").map_err(missing)?.get("id")? {
        Some(RawBsonRef::Int64(id)) => id,
        Some(RawBsonRef::Int32(id)) => i64::from(id),
        _ => return Err(missing("no id")),
    })
}

fn missing(what: impl std::fmt::Display) -> Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, format!("a reply has no cursor: {what}")).into()
}
