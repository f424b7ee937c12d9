//! A reply to a cursor's command, from the driver or from a connection of our own, and its documents where they lie.

use std::panic::AssertUnwindSafe;
use std::ptr::NonNull;
use std::sync::Arc;

use arrow::buffer::Buffer;
use mongodb::bson::{Bson, Document, RawArray, RawDocument};
use mongodb::raw_batch_cursor::{RawBatch, RawBatchCursor};

use super::direct;
use crate::error::{Error, Result};

/// A cursor that gives its replies whole.
#[expect(clippy::large_enum_variant, reason = "there is one for each open cursor")]
pub(super) enum Cursor {
    Driver(Box<RawBatchCursor>),
    Own(direct::Stream),
}

impl Cursor {
    pub async fn next(&mut self) -> Option<mongodb::error::Result<Batch>> {
        match self {
            Cursor::Driver(cursor) => futures::StreamExt::next(cursor).await.map(|reply| reply.map(Batch::Driver)),
            Cursor::Own(stream) => stream.next().await.map(|reply| reply.map(Batch::Own)),
        }
    }
}

/// A reply.
#[derive(Debug)]
pub(super) enum Batch {
    Driver(RawBatch),
    Own(direct::Message),
}

impl Batch {
    fn reply(&self) -> mongodb::error::Result<&RawDocument> {
        match self {
            Batch::Driver(batch) => Ok(batch.as_raw_document()),
            Batch::Own(message) => message.document(),
        }
    }

    /// The array of its documents.
    pub fn documents(&self) -> mongodb::error::Result<&RawArray> {
        let message = match self {
            Batch::Driver(batch) => return batch.doc_slices(),
            Batch::Own(message) => message.document()?,
        };
        let broken = |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned());
        let cursor = message.get_document("cursor").map_err(|_| broken("a reply has no cursor"))?;
        for part in ["nextBatch", "firstBatch"] {
            if let Some(documents) = cursor.get(part)? {
                return Ok(documents.as_array().ok_or_else(|| broken("a reply's batch is no array"))?);
            }
        }
        Err(broken("a reply has no batch").into())
    }
}

/// Where the first item begins in the array's bytes, how many there are (only whether there are any, unless `ids` or `exact`),
/// and with `ids` the `_id` of the last.
pub(super) fn look(documents: &RawArray, ids: bool, exact: bool) -> Result<(usize, usize, Option<Bson>)> {
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
    let id = id.map(Bson::try_from).transpose().map_err(|error| malformed(&error))?;
    Ok((4, count, id))
}

/// The `_id` of the first document, and where the second begins.
pub(super) fn first_id(documents: &RawArray) -> Result<Option<(Bson, usize)>> {
    let bytes = documents.as_bytes();
    let Some(Ok(first)) = documents.into_iter().next() else { return Ok(None) };
    let Some(document) = first.as_document() else { return Ok(None) };
    let id = document.get("_id").map_err(|error| malformed(&error))?;
    let Some(id) = id.map(Bson::try_from).transpose().map_err(|error| malformed(&error))? else {
        return Ok(None);
    };
    let start = document.as_bytes().as_ptr() as usize - bytes.as_ptr() as usize;
    Ok(Some((id, start + document.as_bytes().len())))
}

pub(super) fn malformed(error: &dyn std::fmt::Display) -> Error {
    Error::engine(format!("a reply of MongoDB is not valid BSON: {error}"))
}

/// The server's own place of this reply, for `$_resumeAfter`.
pub(super) fn resume_token(batch: &Batch) -> Option<Document> {
    let cursor = batch.reply().ok()?.get_document("cursor").ok()?;
    let token = cursor.get_document("postBatchResumeToken").ok()?;
    Document::try_from(token.to_owned()).ok()
}

/// The items of the reply's array from `start` on: the buffer owns the reply.
pub(super) fn items_of(batch: Batch, start: usize) -> Result<Buffer> {
    let batch = Arc::new(AssertUnwindSafe(batch));
    let documents = batch.documents().map_err(|error| malformed(&error))?.as_bytes();
    let items = documents.get(start..documents.len().saturating_sub(1)).unwrap_or_default();
    let (address, length) = (NonNull::from(items).cast::<u8>(), items.len());
    // SAFETY: the bytes lie in the reply's heap memory, which nobody changes and which the buffer keeps alive.
    Ok(unsafe { Buffer::from_custom_allocation(address, length, batch.clone()) })
}
