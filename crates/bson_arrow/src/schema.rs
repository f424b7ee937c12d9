//! Which Arrow type stands for which BSON type. The extension types have PyMongoArrow's names and storage, so that data
//! passes between the two libraries unchanged.
//!
//! | BSON | Arrow | also read from |
//! | --- | --- | --- |
//! | double | `Float64` | int and long that a double holds exactly; `Float32` rounds |
//! | int | `Int32`, narrower and unsigned where the value fits | long and double of the same value |
//! | long | `Int64` | int; double of the same value |
//! | string, symbol | `Utf8View`, `Utf8`, `LargeUtf8` | |
//! | javascript | `Utf8` as `pymongoarrow.code` | |
//! | object | `Struct` | |
//! | array | `List`, `LargeList`, `FixedSizeList` (of that very length) | |
//! | binData | `Binary`, `LargeBinary`; as `pymongoarrow.binary` with one subtype only | |
//! | binData subtype 4 | `FixedSizeBinary(16)` as `arrow.uuid` | |
//! | objectId | `FixedSizeBinary(12)` as `pymongoarrow.objectid` | |
//! | decimal | `FixedSizeBinary(16)` as `pymongoarrow.decimal128` | |
//! | bool | `Boolean` | |
//! | date | `Timestamp(ms)`, with or without `UTC`; `Date32`, `Date64` where it is a whole day | |
//! | timestamp | `Struct<seconds: UInt32, increment: UInt32>` as `fuseline.timestamp` | |
//! | regex | `Struct<pattern: Utf8View, options: Utf8View>` as `fuseline.regex` | |
//! | any type | `Binary` as `fuseline.bson`: the type byte, then the value's bytes | everything |
//! | null, undefined, missing | null | |

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::extension::{EXTENSION_TYPE_METADATA_KEY, EXTENSION_TYPE_NAME_KEY};
use arrow_schema::{DataType, Field, Fields, TimeUnit};

/// The extension name of an ObjectId.
pub const OBJECT_ID: &str = "pymongoarrow.objectid";
/// The extension name of a 128-bit decimal.
pub const DECIMAL128: &str = "pymongoarrow.decimal128";
/// The extension name of binary data of one subtype.
pub const BINARY: &str = "pymongoarrow.binary";
/// The extension name of JavaScript code.
pub const CODE: &str = "pymongoarrow.code";
/// The extension name of a UUID.
pub const UUID: &str = "arrow.uuid";
/// The extension name of BSON's internal timestamp.
pub const TIMESTAMP: &str = "fuseline.timestamp";
/// The extension name of a regular expression.
pub const REGEX: &str = "fuseline.regex";
/// Any BSON value, kept as its bytes: for fields that hold several types.
pub const RAW: &str = "fuseline.bson";

/// The extension name of a field; empty for none.
pub fn extension_name(field: &Field) -> &str {
    field.metadata().get(EXTENSION_TYPE_NAME_KEY).map_or("", String::as_str)
}

/// The subtype that a `pymongoarrow.binary` field is bound to.
pub fn binary_subtype(field: &Field) -> Option<u8> {
    let metadata = field.metadata().get(EXTENSION_TYPE_METADATA_KEY)?;
    metadata.strip_prefix("subtype=")?.parse().ok()
}

/// A nullable field of an extension type.
fn extension(name: &str, storage: DataType, extension: &str, metadata: &str) -> Field {
    Field::new(name, storage, true).with_metadata(HashMap::from([
        (EXTENSION_TYPE_NAME_KEY.to_string(), extension.to_string()),
        (EXTENSION_TYPE_METADATA_KEY.to_string(), metadata.to_string()),
    ]))
}

/// A nullable ObjectId.
pub fn object_id(name: &str) -> Field {
    extension(name, DataType::FixedSizeBinary(12), OBJECT_ID, "")
}

/// A nullable 128-bit decimal, kept as its bytes.
pub fn decimal128(name: &str) -> Field {
    extension(name, DataType::FixedSizeBinary(16), DECIMAL128, "")
}

/// A nullable UUID: binary data of subtype 4.
pub fn uuid(name: &str) -> Field {
    extension(name, DataType::FixedSizeBinary(16), UUID, "")
}

/// Nullable binary data of one subtype.
pub fn binary(name: &str, subtype: u8) -> Field {
    extension(name, DataType::Binary, BINARY, &format!("subtype={subtype}"))
}

/// Nullable JavaScript code.
pub fn code(name: &str) -> Field {
    extension(name, DataType::Utf8, CODE, "")
}

/// Any value, kept as its bytes.
pub fn raw(name: &str) -> Field {
    extension(name, DataType::Binary, RAW, "")
}

/// A nullable internal timestamp of BSON.
pub fn timestamp(name: &str) -> Field {
    extension(name, DataType::Struct(timestamp_fields()), TIMESTAMP, "")
}

/// A nullable regular expression.
pub fn regex(name: &str) -> Field {
    extension(name, DataType::Struct(regex_fields()), REGEX, "")
}

/// A nullable date in UTC milliseconds.
pub fn date(name: &str) -> Field {
    Field::new(name, DataType::Timestamp(TimeUnit::Millisecond, Some(Arc::from("UTC"))), true)
}

/// The parts of a BSON timestamp, the internal type of replication; not a date.
pub fn timestamp_fields() -> Fields {
    Fields::from(vec![Field::new("seconds", DataType::UInt32, false), Field::new("increment", DataType::UInt32, false)])
}

/// The parts of a regular expression.
pub fn regex_fields() -> Fields {
    Fields::from(vec![
        Field::new("pattern", DataType::Utf8View, false),
        Field::new("options", DataType::Utf8View, false),
    ])
}
