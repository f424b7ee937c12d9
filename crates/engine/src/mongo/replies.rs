//! The replies to a query as the server sends them, for a caller that decodes them itself: the drop-ins, which choose their
//! schema after the last document.

use std::sync::Arc;
use std::time::Duration;

use arrow::buffer::Buffer;
use futures::StreamExt;
use futures::stream::BoxStream;

use super::client::Clients;
use super::command::{MongoRead, Order, Resume};
use super::cursor::CursorPart;
use super::natural::Natural;
use super::read::query_of;
use crate::documents::{DocumentPart, Piece};
use crate::error::{Error, Result};
use crate::session::Session;

/// What came while waiting.
pub enum Reply {
    /// Documents as the items of a BSON array, without its length and terminator.
    Items(Buffer),
    /// Nothing yet.
    Waiting,
    /// There are no more.
    End,
}

/// A running query.
pub struct Replies {
    session: Session,
    pieces: BoxStream<'static, Result<Piece>>,
}

impl Replies {
    /// Sends the query.
    pub(crate) async fn open(session: Session, clients: &Clients, read: &MongoRead) -> Result<Replies> {
        let connected = clients.get(&read.uri, read.timeout).await?;
        let query = Arc::new(query_of(read)?);
        let order = match read.resume {
            Resume::Whole if query.is_whole() => Order::Natural(Natural::whole()),
            Resume::Whole | Resume::ById | Resume::Never => Order::Any,
        };
        let shown = Arc::from(format!("{}.{}", query.database, query.collection));
        let part = CursorPart { connected, query, order, columns: None, limit: None, member: None, shown };
        Ok(Replies { session, pieces: part.open() })
    }

    /// The next reply, if it comes in this time. The server works on the one behind it meanwhile.
    pub fn next(&mut self, wait: Duration) -> Result<Reply> {
        let Replies { session, pieces } = self;
        let next = session.runtime()?.block_on(async { tokio::time::timeout(wait, pieces.next()).await });
        match next {
            Err(_) => Ok(Reply::Waiting),
            Ok(None) => Ok(Reply::End),
            Ok(Some(Err(error))) => Err(error),
            Ok(Some(Ok(Piece::Documents(chunk)))) => Ok(Reply::Items(chunk.bytes)),
            Ok(Some(Ok(Piece::Rows(_)))) => Err(Error::engine("a query for documents gave only their number")),
        }
    }
}
