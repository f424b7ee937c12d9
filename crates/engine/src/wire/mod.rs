//! Our parts of a plan as bytes: operators, aggregates, functions, sources and errors, for workers in other processes.
//! Owns what of them travels and how; DataFusion's own operators travel in DataFusion's form and how plans get from one
//! process to another is the business of the crate `cluster`.
//!
//! Bytes from elsewhere never crash the reader: malformed ones are an error, and IR is verified before it is used.

pub mod bytes;
mod failure;
mod functions;
mod nodes;
mod source;
mod values;

pub use crate::documents::{MISMATCH_RUNS, MISMATCHES};
pub use failure::{error_from_text, error_to_text, own_error, read_class, to_error, to_travel, write_class};
pub use functions::{Hash, INLINE_BYTES_MAX, Inbox, MODULE_BYTES_MAX, Outbox, hash_of};
pub use nodes::{
    Scope, coalesced, decode_aggregate, decode_node, decode_scalar, encode_aggregate, encode_node, encode_scalar,
    keep_part_order,
};
pub use source::{decode_source, encode_source, traveling};
