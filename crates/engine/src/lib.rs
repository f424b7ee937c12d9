//! The data engine: lazy datasets over embedded DataFusion whose operators run compiled Python functions. The only crate
//! that names DataFusion. It knows functions as verified IR ([`CompiledFunction`]); it never sees Python text.
//!
//! Reading order: [`error`] (what can go wrong), [`function`] and [`types`] (functions, and columns as the language sees
//! them), [`session`] and [`dataset`] (what users touch), then how it is run.

pub mod aggregate;
pub mod dataset;
pub mod error;
mod execute;
mod failure;
pub mod function;
mod group;
pub mod kernel;
mod names;
mod plan;
pub mod run;
pub mod session;
mod source;
pub mod types;
mod write;

// The crates whose types appear in this crate's interface: users of `engine` name them through it.
pub use arrow;
pub use codegen;
pub use ir;
pub use runtime;

pub use aggregate::{Aggregate, AggregateKind, Fold, FoldResult};
pub use dataset::{Column, Dataset, JoinKind, OnError, SortKey};
pub use error::{EngineError, Error, PlanError, Result, RowError};
pub use function::{CaptureValues, CompiledFunction, Keepalive, StateValue};
pub use kernel::{Argument, elementwise};
pub use run::{BatchStream, ErrorCount, Progress, Report, Watch};
pub use session::{Session, SessionOptions};
pub use source::CsvOptions;
pub use types::{RowType, row_type};
