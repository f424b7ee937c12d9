//! BSON bytes to Arrow record batches and back. Bytes in, batches out: no driver, no I/O, no Python. Every byte is checked
//! before it is used, and every failure says which document and which field: `document 42, a.b[3]: expected int32, found
//! string`.
//!
//! [`Inference`] finds a schema, [`Decoder`] reads, [`encode()`] writes, [`validate`] only checks; [`extjson`] makes
//! documents of extended JSON. `schema` says which Arrow type stands for which BSON type; `docs/bson-types.md` says it to
//! users. [`structured`] reads and writes fixed-size records, NumPy's structured arrays, instead of columns.
#![warn(missing_docs)]

pub mod decode;
pub mod encode;
pub mod error;
pub mod extjson;
pub mod infer;
pub mod schema;
pub mod structured;

mod bytes;
mod column;
mod document;
mod element;
mod keys;
mod memory;
mod numeric;
mod policy;
mod values;

pub use decode::{Decoder, Options, validate};
pub use element::ElementType;
pub use encode::{Documents, EncodeOptions, Nulls, RowEncoder, encode};
pub use error::{DecodeError, EncodeError, Mismatch, SchemaError, found_type};
pub use infer::{FieldReport, Inference};
pub use memory::Grown;
pub use policy::{Mismatches, OnMismatch, ReasonCount, Rejected};
