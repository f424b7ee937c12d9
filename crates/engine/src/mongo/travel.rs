//! A part of a collection as bytes, for an executor that reads it itself. The address travels with its password, inside the
//! plan and nowhere else: nothing shows it.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use mongodb::bson::{Bson, Document, deserialize_from_document, doc, serialize_to_document};
use mongodb::options::ReadPreference;

use super::client::Clients;
use super::command::{Kind, Order, Query};
use super::cursor::CursorPart;
use super::natural::Natural;
use super::read::CountPart;
use crate::documents::DocumentPart;
use crate::error::Result;
use crate::wire::bytes::{Reader, Writer, malformed};

mod tag {
    pub const CURSOR: u8 = 1;
    pub const COUNT: u8 = 2;

    pub const FIND: u8 = 1;
    pub const AGGREGATE: u8 = 2;

    pub const ANY: u8 = 1;
    pub const NATURAL: u8 = 2;
    pub const BY_ID: u8 = 3;
}

/// The clients of a process that reads parts for others.
static CLIENTS: LazyLock<Clients> = LazyLock::new(Clients::default);

pub(super) fn write_cursor(part: &CursorPart) -> Option<Vec<u8>> {
    let mut writer = Writer::default();
    writer.byte(tag::CURSOR);
    part.connected.address.write(&mut writer);
    write_query(&mut writer, &part.query)?;
    write_order(&mut writer, &part.order)?;
    writer.optional(part.columns.as_ref(), |writer, columns| {
        writer.list(columns.iter(), |writer, column| writer.text(column));
    });
    writer.optional(part.limit, |writer, limit| writer.number(limit as u64));
    writer.optional(part.member.as_deref(), Writer::text);
    writer.text(&part.shown);
    Some(writer.finish())
}

pub(super) fn write_count(part: &CountPart) -> Option<Vec<u8>> {
    let mut writer = Writer::default();
    writer.byte(tag::COUNT);
    part.connected.address.write(&mut writer);
    write_query(&mut writer, &part.query)?;
    write_document(&mut writer, &part.command)?;
    writer.text(&part.shown);
    Some(writer.finish())
}

/// The part that these bytes are, with a connection of this process.
pub(crate) async fn read_part(bytes: &[u8]) -> Result<Arc<dyn DocumentPart>> {
    let mut reader = Reader::new(bytes);
    let kind = reader.byte()?;
    let uri = reader.text()?;
    let timeout = reader.optional(Reader::number)?.map(Duration::from_millis);
    let query = Arc::new(read_query(&mut reader)?);
    match kind {
        tag::CURSOR => {
            let order = read_order(&mut reader)?;
            let columns = reader.optional(|reader| reader.list(Reader::text))?;
            let limit = reader.optional(Reader::number)?.map(|limit| limit as usize);
            let member = reader.optional(Reader::text)?;
            let shown = Arc::from(reader.text()?);
            reader.end()?;
            let connected = CLIENTS.get(&uri, timeout).await?;
            Ok(Arc::new(CursorPart { connected, query, order, columns, limit, member, shown }))
        }
        tag::COUNT => {
            let command = read_document(&mut reader)?;
            let shown = Arc::from(reader.text()?);
            reader.end()?;
            let connected = CLIENTS.get(&uri, timeout).await?;
            Ok(Arc::new(CountPart { connected, query, command, shown }))
        }
        _ => Err(malformed()),
    }
}

fn write_query(writer: &mut Writer, query: &Query) -> Option<()> {
    writer.text(&query.database);
    writer.text(&query.collection);
    match &query.kind {
        Kind::Find { filter, sort } => {
            writer.byte(tag::FIND);
            write_document(writer, filter)?;
            write_document(writer, sort)?;
        }
        Kind::Aggregate { pipeline } => {
            writer.byte(tag::AGGREGATE);
            write_documents(writer, pipeline)?;
        }
        // Changes have no end that a task could come to.
        Kind::Changes { .. } => return None,
    }
    write_document(writer, &query.extra)?;
    writer.number(u64::from(query.batch_documents));
    write_documents(writer, &query.pushed)?;
    writer.flag(query.pushed_text);
    let preference = query.read_preference.as_ref().map(serialize_to_document).transpose().ok()?;
    write_document(writer, &preference.unwrap_or_default())
}

fn read_query(reader: &mut Reader<'_>) -> Result<Query> {
    let (database, collection) = (reader.text()?, reader.text()?);
    let kind = match reader.byte()? {
        tag::FIND => Kind::Find { filter: read_document(reader)?, sort: read_document(reader)? },
        tag::AGGREGATE => Kind::Aggregate { pipeline: reader.list(read_document)? },
        _ => return Err(malformed()),
    };
    Ok(Query {
        database,
        collection,
        kind,
        extra: read_document(reader)?,
        batch_documents: u32::try_from(reader.number()?).map_err(|_| malformed())?,
        pushed: reader.list(read_document)?,
        pushed_text: reader.flag()?,
        read_preference: read_preference(read_document(reader)?)?,
    })
}

fn read_preference(document: Document) -> Result<Option<ReadPreference>> {
    if document.is_empty() {
        return Ok(None);
    }
    deserialize_from_document(document).map(Some).map_err(|_| malformed())
}

fn write_order(writer: &mut Writer, order: &Order) -> Option<()> {
    match order {
        Order::Any => writer.byte(tag::ANY),
        Order::Natural(walk) => {
            writer.byte(tag::NATURAL);
            write_value(writer, walk.after.as_ref())?;
            writer.optional(walk.until, |writer, until| writer.word(until as u64));
            writer.list(walk.stones.iter(), |writer, stone| writer.word(*stone as u64));
        }
        Order::ById { from, to } => {
            writer.byte(tag::BY_ID);
            write_value(writer, from.as_ref())?;
            write_value(writer, to.as_ref())?;
        }
        Order::Changes { .. } => return None,
    }
    Some(())
}

fn read_order(reader: &mut Reader<'_>) -> Result<Order> {
    Ok(match reader.byte()? {
        tag::ANY => Order::Any,
        tag::NATURAL => Order::Natural(Natural {
            after: read_value(reader)?,
            until: reader.optional(|reader| Ok(reader.word()? as i64))?,
            stones: reader.list(|reader| Ok(reader.word()? as i64))?.into(),
            ..Natural::default()
        }),
        tag::BY_ID => Order::ById { from: read_value(reader)?, to: read_value(reader)? },
        _ => return Err(malformed()),
    })
}

/// A value as the only field of a document, or an empty one.
fn write_value(writer: &mut Writer, value: Option<&Bson>) -> Option<()> {
    let document = value.map_or_else(Document::new, |value| doc! { "v": value.clone() });
    write_document(writer, &document)
}

fn read_value(reader: &mut Reader<'_>) -> Result<Option<Bson>> {
    Ok(read_document(reader)?.remove("v"))
}

fn write_documents(writer: &mut Writer, documents: &[Document]) -> Option<()> {
    let encoded: Option<Vec<Vec<u8>>> = documents.iter().map(|document| document.to_vec().ok()).collect();
    writer.list(encoded?.iter(), |writer, document| writer.block(document));
    Some(())
}

fn write_document(writer: &mut Writer, document: &Document) -> Option<()> {
    writer.block(&document.to_vec().ok()?);
    Some(())
}

fn read_document(reader: &mut Reader<'_>) -> Result<Document> {
    Document::from_reader(reader.block()?).map_err(|_| malformed())
}
