//! Arrow types as the language sees them, and back.

use arrow::datatypes::{DataType, Schema};
use ir::{Elem, RecordKind, RecordType, Type};
use std::sync::Arc;

use crate::error::{Error, Result};

/// What a function may read of a row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RowType {
    /// A record of kind `Row` with the readable columns, in the schema's order.
    pub record: Type,
    /// Columns no function can read yet: name and the type as Arrow calls it.
    pub unreadable: Vec<(String, String)>,
}

/// The row type of a schema.
pub fn row_type(schema: &Schema) -> RowType {
    let mut fields = Vec::new();
    let mut unreadable = Vec::new();
    for field in schema.fields() {
        match column_type(field.data_type()) {
            Some(ty) if field.is_nullable() => fields.push((field.name().clone(), ty.optional())),
            Some(ty) => fields.push((field.name().clone(), ty)),
            None => unreadable.push((field.name().clone(), field.data_type().to_string())),
        }
    }
    RowType {
        record: Type::Record(Arc::new(RecordType { kind: RecordKind::Row, name: String::new(), fields })),
        unreadable,
    }
}

/// The type a function sees of a column of this Arrow type, nulls aside; `None` when it cannot be read.
pub fn column_type(data_type: &DataType) -> Option<Type> {
    match data_type {
        DataType::Null => Some(Type::None),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(Type::Str),
        DataType::FixedSizeList(item, _) => {
            let elem = elem_of(item.data_type())?;
            (!item.is_nullable() && elem != Elem::Bool).then_some(Type::Array { elem, ndim: 1 })
        }
        DataType::Dictionary(_, value) => column_type(value),
        other => elem_of(other).map(Elem::python_type),
    }
}

/// The element type of a number or bool column.
pub fn elem_of(data_type: &DataType) -> Option<Elem> {
    Some(match data_type {
        DataType::Boolean => Elem::Bool,
        DataType::Int8 => Elem::I8,
        DataType::Int16 => Elem::I16,
        DataType::Int32 => Elem::I32,
        DataType::Int64 => Elem::I64,
        DataType::UInt8 => Elem::U8,
        DataType::UInt16 => Elem::U16,
        DataType::UInt32 => Elem::U32,
        DataType::UInt64 => Elem::U64,
        DataType::Float32 => Elem::F32,
        DataType::Float64 => Elem::F64,
        _ => return None,
    })
}

/// The Arrow type of an element type.
pub fn arrow_of_elem(elem: Elem) -> DataType {
    match elem {
        Elem::Bool => DataType::Boolean,
        Elem::I8 => DataType::Int8,
        Elem::I16 => DataType::Int16,
        Elem::I32 => DataType::Int32,
        Elem::I64 => DataType::Int64,
        Elem::U8 => DataType::UInt8,
        Elem::U16 => DataType::UInt16,
        Elem::U32 => DataType::UInt32,
        Elem::U64 => DataType::UInt64,
        Elem::F32 => DataType::Float32,
        Elem::F64 => DataType::Float64,
    }
}

/// The Arrow type of a column of these values, and whether it can hold nulls.
pub fn arrow_type(ty: &Type) -> Result<(DataType, bool)> {
    let nullable = ty.admits_none();
    let data_type = match ty.without_none() {
        Type::None => DataType::Null,
        Type::Bool => DataType::Boolean,
        Type::Int => DataType::Int64,
        Type::Float => DataType::Float64,
        Type::Str => DataType::Utf8,
        Type::Np(elem) => arrow_of_elem(elem),
        Type::Union(_) => {
            return Err(Error::plan_hint(
                format!("a column holds values of one type, but the function returns `{ty}`"),
                "convert with `float(...)`, `int(...)` or `str(...)` so that every path returns the same type",
            ));
        }
        Type::Range
        | Type::Tuple(_)
        | Type::Record(_)
        | Type::List(_)
        | Type::Bytes
        | Type::Dict(..)
        | Type::Set { .. }
        | Type::Object(_)
        | Type::Array { .. }
        | Type::Exception => {
            return Err(Error::plan(format!("a column cannot hold values of type `{ty}`")));
        }
    };
    Ok((data_type, nullable))
}
