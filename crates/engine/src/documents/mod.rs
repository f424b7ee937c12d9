//! Tables of BSON documents, wherever they come from: files, extended JSON, a MongoDB server. Owns what all of them share:
//! how a run of documents is cut into batches, decoded under the policy for values that do not fit, counted and reported.
//! Knows nothing of files or servers: a [`DocumentSource`] gives bytes.

mod account;
mod chain;
mod decode;
pub(crate) mod push;
mod scan;
mod schema;
mod slice;
mod travel;

pub(crate) use account::count as count_mismatches;
pub use account::{MISMATCH_RUNS, MISMATCHES};
pub(crate) use chain::Chain;
pub(crate) use decode::json_object_end;
pub(crate) use scan::DocumentTable;
pub use schema::DocumentOptions;
pub(crate) use schema::{Found, given_or_found};
pub(crate) use slice::{SLICE_DOCUMENTS, document_end, item_end, run_of};
pub(crate) use travel::{TravelSource, read_source, traveling, write_source};

use std::fmt;
use std::sync::Arc;

use arrow::buffer::Buffer;
use arrow::datatypes::Schema;
use futures::future::BoxFuture;
use futures::stream::BoxStream;

use crate::error::Result;
use crate::false_paths::Condition;

/// How the documents lie in the bytes of a [`Chunk`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// One behind the other, as in a `.bson` file.
    Documents,
    /// As the items of a BSON array, as a server sends them.
    Items,
    /// Extended JSON: objects one behind the other, commas and white space between them.
    Json,
}

/// Whole documents, in the source's order.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    pub bytes: Buffer,
    pub form: Form,
    /// How many there are, where that is known: the chunk is then small enough for one batch.
    pub documents: Option<usize>,
}

/// What a scan asks of a source.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Parts wanted at most.
    pub partitions: usize,
    /// The columns that are read, all when `None`.
    pub columns: Option<Vec<String>>,
    /// Rows after which no more are needed.
    pub limit: Option<usize>,
}

/// How a source serves a request.
pub(crate) struct Plan {
    /// The parts in the data's order.
    pub parts: Vec<Arc<dyn DocumentPart>>,
    /// What a plan shows.
    pub shown: String,
}

/// Where documents come from.
pub(crate) trait DocumentSource: fmt::Debug + Send + Sync {
    /// The function users call for it.
    fn name(&self) -> &'static str;

    fn plan<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Plan>>;

    /// The same source without (some of) the rows that meet all conditions of one of the `paths`, if it can leave them out
    /// itself. `names` are the names of the columns by the conditions' positions; `schema` is the table's.
    fn excluding(
        &self,
        _paths: &[Vec<Condition>],
        _names: &[String],
        _schema: &Schema,
    ) -> Option<Arc<dyn DocumentSource>> {
        None
    }
}

/// What a part gives: documents to decode, or only how many there are.
pub(crate) enum Piece {
    Documents(Chunk),
    /// Rows without columns, counted elsewhere.
    Rows(u64),
}

/// A part of a source: read in order, by one reader.
pub(crate) trait DocumentPart: fmt::Debug + Send + Sync {
    /// Starts reading. The stream keeps what it needs alive.
    fn open(&self) -> BoxStream<'static, Result<Piece>>;

    /// Name and number for messages about its documents: the file, and how many documents of it come before this part.
    fn origin(&self) -> Origin;

    /// The part as bytes that another process can open, if it can; `read_part` of `mongo` or `bson` reads them.
    fn travel(&self) -> Option<Vec<u8>> {
        None
    }
}

/// Where the documents of a part stand.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The file or collection.
    pub shown: Arc<str>,
    /// The number of the part's first document in it.
    pub first_document: u64,
    /// The number of the part's first document among the rows of the table.
    pub first_row: u64,
}
