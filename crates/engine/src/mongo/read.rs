//! A collection or a query as a table: its schema from a sample, its parts, and what is asked of the server.

use std::sync::Arc;

use arrow::datatypes::Schema;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};
use mongodb::bson::{Bson, Document, deserialize_from_document, doc};
use mongodb::options::ReadPreference;

use super::client::{Clients, Connected};
use super::command::{FindOrAggregate, Kind, MongoRead, Order, Query, Resume, When, can_project, parse};
use super::cursor::CursorPart;
use super::natural::Natural;
use super::parts::{Parts, Place};
use crate::documents::{
    Chain, DocumentOptions, DocumentPart, DocumentSource, DocumentTable, Found, Origin, Piece, Plan, Request,
    given_or_found,
};
use crate::error::{Error, Result};
use crate::false_paths::Condition;
use crate::session::BATCH_ROWS;

/// Documents a reply holds when nobody says, if they fit: one batch of rows. Larger replies are no faster.
const BATCH_DOCUMENTS: u32 = BATCH_ROWS as u32;

/// Documents of at least this size on average are projected and filtered by the server; below, that costs it more than
/// sending them. docs/decisions/0150-reading-mongodb.md has the measurement.
const SPARED_BYTES_MIN: i64 = 512;

/// Documents taken from the start of the collection, so that the columns come in their order.
const HEAD_DOCUMENTS: i32 = 100;

/// The table over what `read` asks for, and what the sample showed.
pub(crate) async fn open(
    clients: &Clients,
    read: &MongoRead,
    options: &DocumentOptions,
) -> Result<(DocumentTable, Found)> {
    let connected = clients.get(&read.uri, read.timeout).await?;
    let mut query = query_of(read)?;
    let sample = match options.schema {
        Some(_) => Vec::new(),
        None => sample(&connected, &query, options.sample_documents).await?,
    };
    let mut found = given_or_found(options, |inference| {
        let damaged = |error| Error::engine(format!("a document of `{}` is not valid: {error}", shown(&query)));
        sample.iter().try_for_each(|document| inference.observe(document).map_err(damaged))
    })?;
    let mut changes = None;
    if let FindOrAggregate::Changes { after, .. } = &read.query {
        changes = Some(super::changes::start(&connected, &query, after.as_deref()).await?);
        found.schema = super::changes::flatten(&mut query, &found.schema)?;
    }
    let source = MongoSource {
        changes,
        connected,
        query: Arc::new(query),
        projection: read.projection,
        predicates: read.predicates,
        resume: read.resume,
        partitions: read.partitions.max(1),
        columns: found.schema.fields().iter().map(|field| field.name().clone()).collect(),
        given: options.schema.is_some(),
    };
    let table =
        DocumentTable { schema: found.schema.clone(), source: Arc::new(source), on_mismatch: options.on_mismatch };
    Ok((table, found))
}

pub(super) fn query_of(read: &MongoRead) -> Result<Query> {
    let stages = |pipeline: &[Vec<u8>]| pipeline.iter().map(|stage| parse(stage, "pipeline")).collect::<Result<_>>();
    let optional = |bytes: &Option<Vec<u8>>, what: &str| match bytes {
        Some(bytes) => parse(bytes, what),
        None => Ok(Document::new()),
    };
    let kind = match &read.query {
        FindOrAggregate::Find { filter, sort } => {
            Kind::Find { filter: optional(filter, "filter")?, sort: optional(sort, "sort")? }
        }
        FindOrAggregate::Aggregate { pipeline } => Kind::Aggregate { pipeline: stages(pipeline)? },
        FindOrAggregate::Changes { pipeline, .. } => Kind::Changes { pipeline: stages(pipeline)? },
    };
    Ok(Query {
        database: read.database.clone(),
        collection: read.collection.clone(),
        kind,
        extra: optional(&read.extra, "options")?,
        batch_documents: read.batch_documents.unwrap_or(BATCH_DOCUMENTS).max(1),
        pushed: Vec::new(),
        pushed_text: false,
        read_preference: read.read_preference.as_deref().map(preference).transpose()?,
    })
}

fn preference(mode: &str) -> Result<ReadPreference> {
    deserialize_from_document(doc! { "mode": mode }).map_err(|_| {
        Error::plan_hint(
            format!("there is no read preference `{mode}`"),
            "`primary`, `primaryPreferred`, `secondary`, `secondaryPreferred` or `nearest`",
        )
    })
}

fn shown(query: &Query) -> String {
    format!("{}.{}", query.database, query.collection)
}

/// The first documents, then some from all over the collection; of a query the first ones.
async fn sample(connected: &Connected, query: &Query, documents: usize) -> Result<Vec<Vec<u8>>> {
    let documents = i32::try_from(documents).unwrap_or(i32::MAX).max(1);
    let limit = |count: i32| {
        let mut stages = query.matching();
        stages.push(doc! { "$limit": count });
        query.aggregate(stages)
    };
    if !query.is_whole() && !matches!(query.kind, Kind::Changes { .. }) {
        return documents_of(connected, query, limit(documents)).await;
    }
    let mut found = documents_of(connected, query, limit(documents.min(HEAD_DOCUMENTS))).await?;
    if found.len() as i32 == HEAD_DOCUMENTS && documents > HEAD_DOCUMENTS {
        let spread = query.aggregate(vec![doc! { "$sample": { "size": documents } }]);
        found.extend(documents_of(connected, query, spread).await?);
    }
    Ok(found)
}

pub(super) async fn documents_of(connected: &Connected, query: &Query, mut command: Document) -> Result<Vec<Vec<u8>>> {
    let explain = |error: mongodb::error::Error| connected.servers.explain(&error);
    connected.complete(&mut command);
    let database = connected.client.database(&query.database);
    let run = database.run_cursor_command(command);
    let run = match connected.criteria(query) {
        Some(criteria) => run.selection_criteria(criteria),
        None => run,
    };
    let mut batches = run.batch().await.map_err(explain)?;
    let mut documents = Vec::new();
    while let Some(batch) = batches.try_next().await.map_err(explain)? {
        for document in batch.doc_slices().map_err(explain)? {
            let document =
                document.map_err(|error| Error::engine(format!("a reply of MongoDB is damaged: {error}")))?;
            documents.extend(document.as_document().map(|document| document.as_bytes().to_vec()));
        }
    }
    Ok(documents)
}

/// A query as a source of documents.
#[derive(Clone, Debug)]
struct MongoSource {
    connected: Connected,
    query: Arc<Query>,
    projection: When,
    predicates: When,
    resume: Resume,
    partitions: usize,
    /// Every column of the table.
    columns: Vec<String>,
    /// The schema is the user's.
    given: bool,
    /// Where a stream of changes begins.
    changes: Option<Document>,
}

impl MongoSource {
    /// The columns to ask the server for; `None` for whole documents.
    fn projected(&self, request: &Request, large: bool) -> Option<Vec<String>> {
        let columns = request.columns.clone().filter(|columns| can_project(columns))?;
        let all = !self.given && columns.len() == self.columns.len();
        let pays = match self.projection {
            When::Never => false,
            When::Always => true,
            When::Auto => !all && large,
        };
        (pays && matches!(self.query.kind, Kind::Find { .. })).then_some(columns)
    }

    /// Whether sending a document costs the server more than looking into it.
    async fn is_large(&self) -> bool {
        let asked = self.projection == When::Auto || !self.query.pushed.is_empty();
        asked && self.mean_bytes().await.is_some_and(|bytes| bytes >= SPARED_BYTES_MIN)
    }

    /// The query, with what was handed down where that pays.
    fn spared(&self, large: bool) -> Arc<Query> {
        if self.query.pushed.is_empty() || self.predicates == When::Always || large {
            return self.query.clone();
        }
        Arc::new(Query { pushed: Vec::new(), ..self.query.as_ref().clone() })
    }

    /// The mean size of the collection's documents, where the server tells.
    async fn mean_bytes(&self) -> Option<i64> {
        let command = self.query.aggregate(vec![
            doc! { "$collStats": { "storageStats": {} } },
            doc! { "$group": { "_id": null, "size": { "$sum": "$storageStats.size" }, "n": { "$sum": "$storageStats.count" } } },
        ]);
        let found = documents_of(&self.connected, &self.query, command).await.ok()?;
        let document = Document::from_reader(found.first()?.as_slice()).ok()?;
        let number = |key: &str| {
            document.get(key).and_then(|value| match value {
                Bson::Int32(value) => Some(i64::from(*value)),
                Bson::Int64(value) => Some(*value),
                Bson::Double(value) => Some(*value as i64),
                _ => None,
            })
        };
        number("size")?.checked_div(number("n")?)
    }

    fn order(&self) -> Order {
        if let Some(from) = &self.changes {
            return Order::Changes { from: from.clone() };
        }
        match self.resume {
            Resume::ById if matches!(&self.query.kind, Kind::Find { sort, .. } if sort.is_empty()) => {
                Order::ById { from: None, to: None }
            }
            Resume::Whole if self.query.is_whole() => Order::Natural(Natural::whole()),
            Resume::Whole | Resume::ById | Resume::Never => Order::Any,
        }
    }

    async fn parts(&self) -> Result<Parts> {
        let whole = matches!(&self.query.kind, Kind::Find { sort, .. } if sort.is_empty());
        if self.partitions <= 1 || !whole {
            return Ok(Parts { orders: vec![self.order()], member: None });
        }
        let place = Place { connected: &self.connected, query: &self.query };
        if self.resume != Resume::ById
            && let Some(runs) = place.runs(self.partitions).await
        {
            return Ok(runs);
        }
        place.ranges(self.partitions).await
    }

    async fn planned(&self, request: &Request) -> Result<Plan> {
        let collection = shown(&self.query);
        if request.columns.as_ref().is_some_and(Vec::is_empty) && request.limit.is_none() && self.changes.is_none() {
            let command = self.query.count_command();
            let shown = format!("{collection}, command={}", json(&command));
            let part = CountPart {
                connected: self.connected.clone(),
                query: self.query.clone(),
                command,
                shown: collection.into(),
            };
            return Ok(Plan { parts: vec![Arc::new(part)], shown });
        }
        let large = self.is_large().await;
        let columns = self.projected(request, large);
        let query = self.spared(large);
        let Parts { orders, member } = self.parts().await?;
        let part = |order: &Order| CursorPart {
            connected: self.connected.clone(),
            query: query.clone(),
            order: order.clone(),
            columns: columns.clone(),
            limit: request.limit,
            member: member.clone(),
            shown: Arc::from(collection.as_str()),
        };
        let mut parts: Vec<Arc<dyn DocumentPart>> = Vec::with_capacity(orders.len());
        for order in &orders {
            parts.push(Arc::new(part(order)));
        }
        if request.partitions <= 1 && parts.len() > 1 {
            parts = vec![Arc::new(Chain::new(parts))];
        }
        let first = orders.first().cloned().unwrap_or(Order::Any);
        let command = query.command(&first, columns.as_deref(), request.limit);
        Ok(Plan { parts, shown: format!("{collection}, command={}", json(&command)) })
    }
}

/// A command as people write it.
fn json(command: &Document) -> String {
    command.to_string()
}

impl DocumentSource for MongoSource {
    fn name(&self) -> &'static str {
        "read_mongo"
    }

    fn plan<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Plan>> {
        self.planned(request).boxed()
    }

    fn excluding(
        &self,
        paths: &[Vec<Condition>],
        names: &[String],
        schema: &Schema,
    ) -> Option<Arc<dyn DocumentSource>> {
        // The events of a stream of changes are no documents of the collection.
        if self.changes.is_some() || self.predicates == When::Never {
            return None;
        }
        let plain = self.query.is_whole() && !self.query.extra.contains_key("collation");
        // Where a collation may hold for the user's own filter, text is not compared as Python does.
        let paths: Vec<Vec<Condition>> =
            paths.iter().filter(|path| plain || !path.iter().any(Condition::compares_text)).cloned().collect();
        let (filter, text) = super::exclude::filter(&paths, names, schema)?;
        let mut query = self.query.as_ref().clone();
        query.pushed.push(filter);
        query.pushed_text |= text;
        Some(Arc::new(MongoSource { query: Arc::new(query), ..self.clone() }))
    }
}

/// Rows that only need to be counted, which the server does.
#[derive(Clone, Debug)]
pub(super) struct CountPart {
    pub connected: Connected,
    pub query: Arc<Query>,
    pub command: Document,
    pub shown: Arc<str>,
}

impl CountPart {
    async fn count(self) -> Result<Piece> {
        let found = documents_of(&self.connected, &self.query, self.command).await?;
        // No document, no group.
        let Some(document) = found.first() else { return Ok(Piece::Rows(0)) };
        let count = Document::from_reader(document.as_slice()).ok().and_then(|document| document.get_i64("n").ok());
        let count = count.ok_or_else(|| Error::engine("MongoDB gave no count"))?;
        Ok(Piece::Rows(count.max(0) as u64))
    }
}

impl DocumentPart for CountPart {
    fn open(&self) -> BoxStream<'static, Result<Piece>> {
        futures::stream::once(self.clone().count()).boxed()
    }

    fn origin(&self) -> Origin {
        Origin { shown: self.shown.clone(), first_document: 0, first_row: 0 }
    }

    fn travel(&self) -> Option<Vec<u8>> {
        super::travel::write_count(self)
    }
}
