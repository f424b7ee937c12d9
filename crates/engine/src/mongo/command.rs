//! What is read from a collection, and the commands that say so.

use std::time::Duration;

use mongodb::bson::{Bson, Document, doc};
use mongodb::options::ReadPreference;

use super::natural::Natural;
use crate::error::{Error, Result};

/// What a user asked to read. Filters and pipelines are BSON.
#[derive(Clone, Debug)]
pub struct MongoRead {
    pub uri: String,
    pub database: String,
    pub collection: String,
    pub query: FindOrAggregate,
    /// Further fields of the command, such as `collation` or `maxTimeMS`: one BSON document.
    pub extra: Option<Vec<u8>>,
    /// `primary`, `secondaryPreferred` and so on; otherwise the address's.
    pub read_preference: Option<String>,
    /// Documents a reply; otherwise by their size.
    pub batch_documents: Option<u32>,
    /// Parts of the range of `_id` that are read side by side; one cursor for 1.
    pub partitions: usize,
    /// Whether the server is asked for the columns that are read only.
    pub projection: When,
    /// Whether the server leaves out what predicates certainly turn down.
    pub predicates: When,
    pub resume: Resume,
    /// How long to look for a server.
    pub timeout: Option<Duration>,
}

/// The query itself.
#[derive(Clone, Debug)]
pub enum FindOrAggregate {
    /// The filter and the sort, each one BSON document.
    Find { filter: Option<Vec<u8>>, sort: Option<Vec<u8>> },
    /// The stages, each one BSON document.
    Aggregate { pipeline: Vec<Vec<u8>> },
    /// The changes of the collection from now on, or behind the token; the stages see the events.
    Changes { pipeline: Vec<Vec<u8>>, after: Option<String> },
}

/// Whether the server is given work that saves sending.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum When {
    /// Where documents are large enough for that to pay.
    #[default]
    Auto,
    Always,
    Never,
}

/// What a read is prepared to do when a connection is lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Resume {
    /// A read of a whole collection goes on where it was; any other fails.
    #[default]
    Whole,
    /// Reads in the order of `_id`, so that a filtered read can go on as well.
    ById,
    Never,
}

/// A document a user gave.
pub(super) fn parse(bytes: &[u8], what: &str) -> Result<Document> {
    Document::from_reader(bytes).map_err(|error| Error::plan(format!("`{what}` is no BSON document: {error}")))
}

/// A query with its documents read.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub database: String,
    pub collection: String,
    pub kind: Kind,
    pub extra: Document,
    pub batch_documents: u32,
    /// Further filters, of predicates handed down.
    pub pushed: Vec<Document>,
    /// They compare text, code point by code point as Python does, whatever collation the collection has.
    pub pushed_text: bool,
    /// Where it may be read, if not where the address says.
    pub read_preference: Option<ReadPreference>,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Find {
        filter: Document,
        sort: Document,
    },
    Aggregate {
        pipeline: Vec<Document>,
    },
    /// The stages behind `$changeStream`.
    Changes {
        pipeline: Vec<Document>,
    },
}

/// Where a `find` begins and ends, and in which order it reads.
#[derive(Clone, Debug)]
pub(super) enum Order {
    /// As the server likes, or as the query sorts.
    Any,
    /// As the records lie.
    Natural(Natural),
    /// Changes, behind the event of this token or from this time on.
    Changes { from: Document },
    /// By `_id`: from the first bound on, up to the second.
    ById { from: Option<Bson>, to: Option<Bson> },
}

impl Query {
    /// The command that reads with these columns only (all when `None`) and at most `limit` documents.
    pub fn command(&self, order: &Order, columns: Option<&[String]>, limit: Option<usize>) -> Document {
        let mut command = match &self.kind {
            Kind::Find { filter, sort } => {
                let mut command = doc! { "find": &self.collection };
                if let Some(filter) = self.filter(filter) {
                    command.insert("filter", filter);
                }
                if !sort.is_empty() {
                    command.insert("sort", sort.clone());
                }
                if let Some(columns) = columns {
                    command.insert("projection", projection(columns));
                }
                if let Some(limit) = limit.filter(|limit| *limit > 0) {
                    command.insert("limit", limit as i64);
                }
                command.insert("batchSize", self.batch_documents as i32);
                order.apply(&mut command);
                command
            }
            Kind::Aggregate { pipeline } => {
                let mut stages = pipeline.clone();
                stages.extend(self.pushed.iter().map(|pushed| doc! { "$match": pushed.clone() }));
                stages.extend(limit.filter(|limit| *limit > 0).map(|limit| doc! { "$limit": limit as i64 }));
                self.aggregate(stages)
            }
            Kind::Changes { pipeline } => {
                let mut options = match order {
                    Order::Changes { from } => from.clone(),
                    Order::Any | Order::Natural(_) | Order::ById { .. } => Document::new(),
                };
                options.insert("fullDocument", "updateLookup");
                let mut stages = vec![doc! { "$changeStream": options }];
                stages.extend(pipeline.clone());
                self.aggregate(stages)
            }
        };
        if self.pushed_text && !self.pushed.is_empty() {
            command.insert("collation", doc! { "locale": "simple" });
        }
        command.extend(self.extra.clone());
        command
    }

    /// The user's filter and those of predicates.
    fn filter(&self, own: &Document) -> Option<Document> {
        let own = Some(own).filter(|own| !own.is_empty());
        let mut all: Vec<Document> = own.into_iter().chain(&self.pushed).cloned().collect();
        match all.len() {
            0 | 1 => all.pop(),
            _ => Some(doc! { "$and": all }),
        }
    }

    /// The command that only counts.
    pub fn count_command(&self) -> Document {
        let mut stages = self.matching();
        stages.push(doc! { "$group": { "_id": null, "n": { "$sum": 1i64 } } });
        let mut command = self.aggregate(stages);
        command.extend(self.extra.clone());
        command
    }

    /// The stages whose documents this query reads.
    pub fn matching(&self) -> Vec<Document> {
        match &self.kind {
            Kind::Find { filter, .. } if filter.is_empty() => Vec::new(),
            Kind::Find { filter, .. } => vec![doc! { "$match": filter.clone() }],
            Kind::Aggregate { pipeline } => pipeline.clone(),
            // A sample for the columns is one of the collection.
            Kind::Changes { .. } => Vec::new(),
        }
    }

    pub fn aggregate(&self, stages: Vec<Document>) -> Document {
        let stages: Vec<Bson> = stages.into_iter().map(Bson::Document).collect();
        doc! {
            "aggregate": &self.collection,
            "pipeline": stages,
            "cursor": { "batchSize": self.batch_documents as i32 },
        }
    }

    /// The server comes to an end of its own accord: changes and tailed collections wait for more.
    pub fn ends(&self) -> bool {
        !matches!(self.kind, Kind::Changes { .. })
            && !self.extra.keys().any(|key| matches!(key.as_str(), "tailable" | "awaitData"))
    }

    /// The whole collection, in any order.
    pub fn is_whole(&self) -> bool {
        matches!(&self.kind, Kind::Find { filter, sort } if filter.is_empty() && sort.is_empty())
            && !self.extra.keys().any(|key| matches!(key.as_str(), "hint" | "min" | "max" | "skip" | "limit"))
    }
}

impl Order {
    fn apply(&self, command: &mut Document) {
        match self {
            Order::Any | Order::Changes { .. } => {}
            Order::Natural(walk) => walk.apply(command),
            Order::ById { from, to } => {
                command.insert("hint", doc! { "_id": 1 });
                command.insert("sort", doc! { "_id": 1 });
                // Bounds of the index, unlike `$gt`, go across types.
                if let Some(from) = from {
                    command.insert("min", doc! { "_id": from.clone() });
                }
                if let Some(to) = to {
                    command.insert("max", doc! { "_id": to.clone() });
                }
            }
        }
    }
}

/// The fields to send; `_id` comes unless it is left out.
fn projection(columns: &[String]) -> Document {
    let mut fields: Document = columns.iter().map(|column| (column.clone(), Bson::Int32(1))).collect();
    if !columns.iter().any(|column| column == "_id") {
        fields.insert("_id", 0);
    }
    fields
}

/// Whether the server can be asked for these columns by name: a dot or a dollar would mean something else to it.
pub(super) fn can_project(columns: &[String]) -> bool {
    !columns.is_empty() && columns.iter().all(|column| !column.is_empty() && !column.contains(['.', '$', '\0']))
}
