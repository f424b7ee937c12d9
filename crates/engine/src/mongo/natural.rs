//! Reading a collection as its records lie, by the server's own numbers for them: where a cursor goes on, where a part of the
//! collection begins and ends. The numbers belong to one server; another member of its replica set has others.

use std::cmp::Ordering;
use std::sync::Arc;

use mongodb::bson::{Binary, Bson, Document, RawArray, doc};

use super::batch::malformed;
use super::client::{Connected, Greeting};
use super::command::Query;
use crate::documents::item_end;
use crate::error::{Error, Result};

const RECORD: &str = "$recordId";

/// Documents read last of which one must still be there for a walk to go on.
const ANCHORS: i32 = 1000;

/// A walk over records in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Natural {
    /// Behind this record.
    pub after: Option<Bson>,
    /// Up to this one, and with it.
    pub until: Option<i64>,
    /// Some records, ascending: a walk can begin behind one of them when that of `after` is gone.
    pub stones: Arc<[i64]>,
    /// Begins behind this record (`None`: at the first) in place of that of `after`, and passes over what is before.
    pub detour: Option<Option<i64>>,
    /// Every reply is to say its last record. The server makes such a token for each document, a tenth of all its work, so a
    /// whole collection is read without: where it goes on is found when it has to (`anchor`).
    pub tokens: bool,
    /// Every document is to come with its record, so that the walk ends at the right one.
    pub shows: bool,
}

impl Natural {
    /// The whole collection.
    pub fn whole() -> Natural {
        Natural::default()
    }

    /// Whether it starts at the first record and goes to the last: then any order will do.
    pub fn is_whole(&self) -> bool {
        self.after.is_none() && self.until.is_none()
    }

    pub fn shows(&self) -> bool {
        self.shows || self.detour.is_some()
    }

    pub fn apply(&self, command: &mut Document) {
        command.insert("hint", doc! { "$natural": 1 });
        if self.tokens || !self.is_whole() {
            command.insert("$_requestResumeToken", true);
        }
        let start = match self.detour {
            Some(stone) => stone.map(Bson::Int64),
            None => self.after.clone(),
        };
        // Numbers are used once each, so there cannot be more records than numbers; the first is 1.
        let first = match &start {
            None => Some(0),
            Some(Bson::Int64(start)) => Some(*start),
            Some(_) => None,
        };
        if let (Some(first), Some(until)) = (first, self.until) {
            let most = until.saturating_sub(first).max(1);
            let limit = command.get_i64("limit").map_or(most, |limit| limit.min(most));
            command.insert("limit", limit);
        }
        if let Some(start) = start {
            command.insert("$_resumeAfter", doc! { RECORD: start });
        }
        if self.shows() {
            command.insert("showRecordId", true);
        }
    }

    /// The same walk from further back, when the record it was to begin behind is gone; `None` where it began at the first.
    pub fn further_back(&self) -> Option<Natural> {
        let before = match (&self.after, self.detour) {
            (_, Some(None)) | (None, None) => return None,
            (_, Some(Some(stone))) => stone,
            (Some(Bson::Int64(after)), None) => *after,
            (Some(_), None) => i64::MIN,
        };
        let stone = self.stones.iter().rev().find(|stone| **stone < before).copied();
        Some(Natural { detour: Some(stone), ..self.clone() })
    }

    /// The walk behind this record.
    pub fn behind(&self, record: Option<Bson>) -> Natural {
        Natural { after: record.or_else(|| self.after.clone()), detour: None, shows: false, ..self.clone() }
    }

    /// Whether a walk that has come to this record is at its end, or beyond it.
    pub fn compared(&self, record: Option<&Bson>) -> Option<Ordering> {
        match (record, self.until) {
            (Some(Bson::Int64(record)), Some(until)) => Some(record.cmp(&until)),
            _ => None,
        }
    }
}

/// The collection's last record, if it has any.
pub(super) async fn newest(
    connected: &Connected,
    query: &Query,
    greeting: &Greeting,
) -> mongodb::error::Result<Option<Bson>> {
    let command = doc! {
        "find": &query.collection, "hint": { "$natural": -1 }, "showRecordId": true, "projection": { "_id": 1 },
        "limit": 1, "singleBatch": true,
    };
    Ok(small(connected, query, greeting, command).await?.first().and_then(record_of))
}

/// The record of the last of these documents (items of an array) that is still there. `None` where that cannot be told: none
/// of the last thousand is there, or the record is younger than `newest`, so that the document may have been written anew
/// since it was read. Numbers of records only grow, and none is used again.
pub(super) async fn anchor(
    connected: &Connected,
    query: &Query,
    greeting: &Greeting,
    items: &[u8],
    newest: &Bson,
) -> mongodb::error::Result<Option<Bson>> {
    let ids = last_ids(items);
    let command = doc! {
        "find": &query.collection, "filter": { "_id": { "$in": ids.clone() } }, "hint": { "_id": 1 },
        "showRecordId": true, "projection": { "_id": 1 }, "batchSize": ANCHORS, "singleBatch": true,
    };
    let found = small(connected, query, greeting, command).await?;
    let record = |id: &Bson| found.iter().find(|document| document.get("_id") == Some(id)).and_then(record_of);
    Ok(ids.iter().rev().find_map(record).filter(|record| match record {
        // The place of a document of a clustered collection is that of its `_id`.
        Bson::Binary(_) => true,
        _ => order(record, newest).is_some_and(Ordering::is_le),
    }))
}

/// The `_id`s of the last documents, in their order.
fn last_ids(items: &[u8]) -> Vec<Bson> {
    let mut starts = Vec::new();
    let mut at = 0;
    while let Some(end) = item_end(items, at) {
        starts.push((at, end));
        at = end;
    }
    let last = starts.get(starts.len().saturating_sub(ANCHORS as usize)..).unwrap_or_default();
    let id = |(start, end): &(usize, usize)| {
        let item = items.get(*start..*end)?;
        let document = item.get(1 + item.get(1..)?.iter().position(|byte| *byte == 0)? + 1..)?;
        Bson::try_from(mongodb::bson::RawDocument::from_bytes(document).ok()?.get("_id").ok()??).ok()
    };
    last.iter().filter_map(id).collect()
}

/// The documents of a command that gives few of them, from this very server.
async fn small(
    connected: &Connected,
    query: &Query,
    greeting: &Greeting,
    command: Document,
) -> mongodb::error::Result<Vec<Document>> {
    let database = connected.client.database(&query.database);
    let run = database.run_command(command);
    let reply = match greeting.pinned().or_else(|| connected.criteria(query)) {
        Some(criteria) => run.selection_criteria(criteria).await?,
        None => run.await?,
    };
    let batch = reply.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch"));
    Ok(batch.into_iter().flatten().filter_map(|document| document.as_document().cloned()).collect())
}

/// The record that a reply's token, or a document, names.
pub(super) fn record_of(token: &Document) -> Option<Bson> {
    token.get(RECORD).filter(|record| matches!(record, Bson::Int64(_) | Bson::Binary(_))).cloned()
}

/// The documents of a reply that show their records, as far as they belong to the walk.
pub(super) struct Shown {
    /// The documents as items of an array, without what shows the record.
    pub items: Vec<u8>,
    pub count: usize,
    pub last: Option<Bson>,
    /// The walk's end has been seen.
    pub ended: bool,
}

pub(super) fn shown(documents: &RawArray, walk: &Natural) -> Result<Shown> {
    let mut shown = Shown { items: Vec::with_capacity(documents.as_bytes().len()), count: 0, last: None, ended: false };
    for document in documents {
        let document = document.map_err(|error| malformed(&error))?;
        let document = document.as_document().ok_or_else(|| malformed(&"an item is no document"))?;
        let (record, fields) = split(document.as_bytes())?;
        if walk.after.as_ref().is_some_and(|after| order(&record, after) != Some(Ordering::Greater)) {
            continue;
        }
        if walk.compared(Some(&record)) == Some(Ordering::Greater) {
            shown.ended = true;
            break;
        }
        push_item(&mut shown.items, shown.count, fields);
        shown.count += 1;
        shown.ended = walk.compared(Some(&record)) == Some(Ordering::Equal);
        shown.last = Some(record);
    }
    Ok(shown)
}

/// Numbers, or the bytes of the key of a clustered collection, which compare as the records lie.
fn order(one: &Bson, other: &Bson) -> Option<Ordering> {
    match (one, other) {
        (Bson::Int64(one), Bson::Int64(other)) => Some(one.cmp(other)),
        (Bson::Binary(one), Bson::Binary(other)) => Some(one.bytes.cmp(&other.bytes)),
        _ => None,
    }
}

/// The record that a document shows in its last field, and the bytes of the fields before it.
fn split(document: &[u8]) -> Result<(Bson, &[u8])> {
    let none = || Error::engine("MongoDB was asked for the records of documents and does not tell them");
    // It is looked for at the end: a field of that name of the document's own would stand further in front.
    let ends_with = |kind: u8, size: usize| {
        let start = document.len().checked_sub(1 + RECORD.len() + 1 + size + 1)?;
        let key = document.get(start + 1..=start + RECORD.len())?;
        (document.get(start) == Some(&kind) && key == RECORD.as_bytes()).then_some(start)
    };
    if let Some(start) = ends_with(0x12, 8) {
        let value = document.get(start + 1 + RECORD.len() + 1..).and_then(<[u8]>::first_chunk).ok_or_else(none)?;
        return Ok((Bson::Int64(i64::from_le_bytes(*value)), document.get(4..start).ok_or_else(none)?));
    }
    let read = mongodb::bson::RawDocument::from_bytes(document).map_err(|error| malformed(&error))?;
    let binary = read.get_binary(RECORD).map_err(|_| none())?;
    let start = ends_with(0x05, 5 + binary.bytes.len()).ok_or_else(none)?;
    let record = Binary { subtype: binary.subtype, bytes: binary.bytes.to_vec() };
    Ok((Bson::Binary(record), document.get(4..start).ok_or_else(none)?))
}

fn push_item(items: &mut Vec<u8>, index: usize, fields: &[u8]) {
    items.push(0x03);
    items.extend(index.to_string().as_bytes());
    items.push(0);
    items.extend((fields.len() as u32 + 5).to_le_bytes());
    items.extend(fields);
    items.push(0);
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{RawArrayBuf, rawdoc, spec::BinarySubtype};

    use super::*;

    fn reply(records: &[i64]) -> RawArrayBuf {
        let mut array = RawArrayBuf::new();
        for record in records {
            array.push(rawdoc! { "x": record * 10, "$recordId": *record });
        }
        array
    }

    fn walk(after: Option<i64>, until: Option<i64>) -> Natural {
        Natural { after: after.map(Bson::Int64), until, stones: [3, 7, 11].into(), ..Natural::default() }
    }

    #[test]
    fn a_walk_keeps_what_is_between_its_ends() {
        let documents = reply(&[2, 4, 6, 9]);
        for (after, until, count, last, ended) in [
            (None, None, 4, Some(9), false),
            (Some(4), None, 2, Some(9), false),
            (Some(3), Some(6), 2, Some(6), true),
            (Some(2), Some(8), 2, Some(6), true),
            (Some(9), Some(20), 0, None, false),
            (None, Some(1), 0, None, true),
        ] {
            let found = shown(&documents, &walk(after, until)).unwrap();
            assert_eq!((found.count, found.ended), (count, ended), "{after:?} {until:?}");
            assert_eq!(found.last, last.map(Bson::Int64));
        }
        let items = shown(&documents, &walk(Some(2), Some(4))).unwrap().items;
        assert_eq!(items, [&b"\x030\0"[..], &rawdoc! { "x": 40i64 }.into_bytes()].concat());
    }

    #[test]
    fn records_of_clustered_collections_are_bytes() {
        let key = |byte| Binary { subtype: BinarySubtype::Generic, bytes: vec![41, byte] };
        let mut documents = RawArrayBuf::new();
        for byte in [1, 2] {
            documents.push(rawdoc! { "_id": byte, "$recordId": key(byte as u8) });
        }
        let walk = Natural { after: Some(Bson::Binary(key(1))), ..Natural::default() };
        let found = shown(&documents, &walk).unwrap();
        assert_eq!((found.count, found.last), (1, Some(Bson::Binary(key(2)))));
    }

    #[test]
    fn documents_without_records_are_an_error() {
        let mut documents = RawArrayBuf::new();
        documents.push(rawdoc! { "$recordId": 5i64, "x": 1 });
        assert!(shown(&documents, &walk(None, None)).is_err());
    }

    #[test]
    fn a_record_that_is_gone_is_reached_from_further_back() {
        let back = walk(Some(8), None).further_back().unwrap();
        assert_eq!(back.detour, Some(Some(7)));
        let back = back.further_back().unwrap().further_back().unwrap();
        assert_eq!(back.detour, Some(None));
        assert!(back.further_back().is_none());
        assert!(walk(None, None).further_back().is_none());
        let mut command = doc! { "limit": 100i64 };
        walk(Some(8), Some(20)).apply(&mut command);
        assert_eq!(command.get_i64("limit").unwrap(), 12);
        assert!(!command.contains_key("showRecordId"));
    }
}
