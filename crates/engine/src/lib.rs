//! The data engine: lazy datasets over embedded DataFusion whose operators run compiled Python functions. The only crate
//! that names DataFusion. It knows functions as verified IR ([`CompiledFunction`]); it never sees Python text.
//!
//! Reading order: [`error`] (what can go wrong), [`function`] and [`types`] (functions, and columns as the language sees
//! them), [`session`] and [`dataset`] (what users touch), then how it is run.

pub mod aggregate;
mod bson;
mod columns;
pub mod dataset;
mod documents;
pub mod error;
mod execute;
mod failure;
mod false_paths;
pub mod function;
mod group;
pub mod kernel;
mod mongo;
mod names;
mod plan;
pub mod remote;
pub mod run;
pub mod session;
mod source;
mod sql;
pub mod types;
pub mod wire;
mod write;

// The crates whose types appear in this crate's interface: users of `engine` name them through it.
pub use arrow;
pub use bson_arrow;
pub use codegen;
pub use ir;
pub use runtime;

pub use aggregate::{Aggregate, AggregateKind, Fold, FoldResult};
pub use bson::BsonWriteOptions;
pub use columns::{Numbers, WholeColumn};
pub use dataset::{Column, Dataset, JoinKind, OnError, SortKey};
pub use documents::DocumentOptions;
pub use error::{EngineError, Error, PlanError, Result, RowError};
pub use function::{CaptureValues, CompiledFunction, Keepalive, StateValue};
pub use kernel::{Argument, elementwise};
pub use mongo::{
    FailedRow, FindOrAggregate, MongoRead, MongoWrite, Replies, Reply, Resume, Unwritten, When, WriteMode, WriteReport,
};
pub use remote::{Remote, Run};
pub use run::{BatchStream, ErrorCount, Progress, Report, Watch};
pub use session::{Session, SessionOptions};
pub use source::{CsvOptions, Opens, ProjectedSource};
pub use sql::{CalledFunction, SqlFunction, SqlNames};
pub use types::{RowType, row_type};
pub use write::ArrowLayout;
