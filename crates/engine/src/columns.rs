//! Whole columns: the rows of a query gathered into one piece of memory for each column of numbers, as NumPy wants them,
//! while the query runs. Batches are let go one by one, so that the rows are never held twice.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, RecordBatch};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    SchemaRef, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use bson_arrow::Grown;

use crate::error::Result;
use crate::run::{Gather, shown_batch};

/// The numbers of a column; 0 or `false` where a value is missing.
#[derive(PartialEq, Debug)]
pub enum Numbers {
    Bool(Grown<bool>),
    Int8(Grown<i8>),
    Int16(Grown<i16>),
    Int32(Grown<i32>),
    Int64(Grown<i64>),
    UInt8(Grown<u8>),
    UInt16(Grown<u16>),
    UInt32(Grown<u32>),
    UInt64(Grown<u64>),
    Float32(Grown<f32>),
    Float64(Grown<f64>),
}

/// A column of all rows.
#[derive(PartialEq, Debug)]
pub enum WholeColumn {
    /// Numbers, and which of them are missing; `None` where none is.
    Numbers { values: Numbers, missing: Option<Grown<bool>> },
    /// Anything else, in pieces.
    Other { field: Arc<Field>, chunks: Vec<ArrayRef> },
}

/// Runs `$body` with the vector of whatever kind `$numbers` is.
macro_rules! each_kind {
    ($numbers:expr, $values:ident => $body:expr) => {
        match $numbers {
            Numbers::Bool($values) => $body,
            Numbers::Int8($values) => $body,
            Numbers::Int16($values) => $body,
            Numbers::Int32($values) => $body,
            Numbers::Int64($values) => $body,
            Numbers::UInt8($values) => $body,
            Numbers::UInt16($values) => $body,
            Numbers::UInt32($values) => $body,
            Numbers::UInt64($values) => $body,
            Numbers::Float32($values) => $body,
            Numbers::Float64($values) => $body,
        }
    };
}

impl Numbers {
    fn new(data_type: &DataType) -> Option<Numbers> {
        Some(match data_type {
            DataType::Boolean => Numbers::Bool(Grown::default()),
            DataType::Int8 => Numbers::Int8(Grown::default()),
            DataType::Int16 => Numbers::Int16(Grown::default()),
            DataType::Int32 => Numbers::Int32(Grown::default()),
            DataType::Int64 => Numbers::Int64(Grown::default()),
            DataType::UInt8 => Numbers::UInt8(Grown::default()),
            DataType::UInt16 => Numbers::UInt16(Grown::default()),
            DataType::UInt32 => Numbers::UInt32(Grown::default()),
            DataType::UInt64 => Numbers::UInt64(Grown::default()),
            DataType::Float32 => Numbers::Float32(Grown::default()),
            DataType::Float64 => Numbers::Float64(Grown::default()),
            _ => return None,
        })
    }

    fn len(&self) -> usize {
        each_kind!(self, values => values.len())
    }

    /// Appends the array, which is of this kind.
    fn append(&mut self, array: &ArrayRef) {
        match self {
            Numbers::Bool(values) => {
                let array = array.as_boolean();
                let bits = array.values().iter().enumerate();
                values.extend(bits.map(|(row, bit)| bit && array.is_valid(row)));
            }
            Numbers::Int8(values) => extend::<Int8Type>(values, array),
            Numbers::Int16(values) => extend::<Int16Type>(values, array),
            Numbers::Int32(values) => extend::<Int32Type>(values, array),
            Numbers::Int64(values) => extend::<Int64Type>(values, array),
            Numbers::UInt8(values) => extend::<UInt8Type>(values, array),
            Numbers::UInt16(values) => extend::<UInt16Type>(values, array),
            Numbers::UInt32(values) => extend::<UInt32Type>(values, array),
            Numbers::UInt64(values) => extend::<UInt64Type>(values, array),
            Numbers::Float32(values) => extend::<Float32Type>(values, array),
            Numbers::Float64(values) => extend::<Float64Type>(values, array),
        }
    }

    /// Appends the numbers of another part, which are of the same kind.
    fn join(&mut self, next: Numbers) {
        match (self, next) {
            (Numbers::Bool(values), Numbers::Bool(next)) => values.append(next),
            (Numbers::Int8(values), Numbers::Int8(next)) => values.append(next),
            (Numbers::Int16(values), Numbers::Int16(next)) => values.append(next),
            (Numbers::Int32(values), Numbers::Int32(next)) => values.append(next),
            (Numbers::Int64(values), Numbers::Int64(next)) => values.append(next),
            (Numbers::UInt8(values), Numbers::UInt8(next)) => values.append(next),
            (Numbers::UInt16(values), Numbers::UInt16(next)) => values.append(next),
            (Numbers::UInt32(values), Numbers::UInt32(next)) => values.append(next),
            (Numbers::UInt64(values), Numbers::UInt64(next)) => values.append(next),
            (Numbers::Float32(values), Numbers::Float32(next)) => values.append(next),
            (Numbers::Float64(values), Numbers::Float64(next)) => values.append(next),
            // Parts of one query have one schema.
            (_, _) => {}
        }
    }
}

fn extend<T: ArrowPrimitiveType>(values: &mut Grown<T::Native>, array: &ArrayRef) {
    let array: &PrimitiveArray<T> = array.as_primitive();
    let start = values.len();
    values.extend_from_slice(array.values());
    if let Some(nulls) = array.nulls().filter(|nulls| nulls.null_count() > 0) {
        let added = values.get_mut(start..).unwrap_or_default();
        for (value, valid) in added.iter_mut().zip(nulls) {
            if !valid {
                *value = T::Native::default();
            }
        }
    }
}

impl WholeColumn {
    fn new(field: &Arc<Field>) -> WholeColumn {
        // What an extension type means is not for this place to say.
        let plain = field.extension_type_name().is_none();
        match Numbers::new(field.data_type()).filter(|_| plain) {
            Some(values) => WholeColumn::Numbers { values, missing: None },
            None => WholeColumn::Other { field: field.clone(), chunks: Vec::new() },
        }
    }

    fn append(&mut self, array: &ArrayRef) {
        match self {
            WholeColumn::Numbers { values, missing } => {
                let before = values.len();
                values.append(array);
                if array.null_count() > 0 || missing.is_some() {
                    let missing = missing.get_or_insert_with(|| vec![false; before].into());
                    missing.extend((0..array.len()).map(|row| array.is_null(row)));
                }
            }
            WholeColumn::Other { chunks, .. } => chunks.push(array.clone()),
        }
    }

    /// The column with the rows of the next part behind it.
    fn join(&mut self, next: WholeColumn) {
        match (self, next) {
            (
                WholeColumn::Numbers { values, missing },
                WholeColumn::Numbers { values: next, missing: next_missing },
            ) => {
                if missing.is_some() || next_missing.is_some() {
                    let missing = missing.get_or_insert_with(|| vec![false; values.len()].into());
                    missing.append(next_missing.unwrap_or_else(|| vec![false; next.len()].into()));
                }
                values.join(next);
            }
            (WholeColumn::Other { chunks, .. }, WholeColumn::Other { chunks: next, .. }) => chunks.extend(next),
            (WholeColumn::Numbers { .. }, WholeColumn::Other { .. })
            | (WholeColumn::Other { .. }, WholeColumn::Numbers { .. }) => {}
        }
    }

    /// Gives back what was reserved and not needed.
    fn trim(&mut self) {
        if let WholeColumn::Numbers { values, missing } = self {
            each_kind!(values, values => values.trim());
            missing.iter_mut().for_each(Grown::trim);
        }
    }
}

/// The columns of one part under construction.
pub(crate) struct Columns {
    schema: SchemaRef,
    columns: Vec<WholeColumn>,
}

impl Columns {
    pub fn new(schema: &SchemaRef) -> Columns {
        Columns { schema: schema.clone(), columns: schema.fields().iter().map(WholeColumn::new).collect() }
    }

    /// All parts in their order.
    pub fn joined(parts: Vec<Columns>, schema: &SchemaRef) -> Vec<WholeColumn> {
        let mut parts = parts.into_iter();
        let mut whole = parts.next().unwrap_or_else(|| Columns::new(schema)).columns;
        for part in parts {
            whole.iter_mut().zip(part.columns).for_each(|(column, next)| column.join(next));
        }
        whole.iter_mut().for_each(WholeColumn::trim);
        whole
    }
}

impl Gather for Columns {
    fn add(&mut self, batch: RecordBatch) -> Result<()> {
        let batch = shown_batch(&batch, &self.schema)?;
        self.columns.iter_mut().zip(batch.columns()).for_each(|(column, array)| column.append(array));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{BooleanArray, Float64Array, Int64Array, StringArray};
    use arrow::datatypes::Schema;

    use super::*;

    fn batch(schema: &SchemaRef, x: Vec<Option<i64>>, b: Vec<Option<bool>>, s: Vec<&str>) -> RecordBatch {
        let columns: Vec<ArrayRef> =
            vec![Arc::new(Int64Array::from(x)), Arc::new(BooleanArray::from(b)), Arc::new(StringArray::from(s))];
        RecordBatch::try_new(schema.clone(), columns).unwrap()
    }

    #[test]
    fn parts_and_batches_become_one_piece() {
        let schema: SchemaRef = Arc::new(Schema::new(vec![
            Field::new("x", DataType::Int64, true),
            Field::new("b", DataType::Boolean, true),
            Field::new("s", DataType::Utf8, false),
        ]));
        let mut first = Columns::new(&schema);
        first.add(batch(&schema, vec![Some(1), Some(2)], vec![Some(true), None], vec!["a", "b"])).unwrap();
        first.add(batch(&schema, vec![Some(3)], vec![Some(false)], vec!["c"]).slice(0, 1)).unwrap();
        let mut second = Columns::new(&schema);
        second
            .add(batch(&schema, vec![None, Some(5)], vec![Some(true), Some(true)], vec!["d", "e"]).slice(0, 2))
            .unwrap();
        let columns = Columns::joined(vec![first, Columns::new(&schema), second], &schema);
        let missing = Some(vec![false, false, false, true, false].into());
        assert_eq!(columns[0], WholeColumn::Numbers { values: Numbers::Int64(vec![1, 2, 3, 0, 5].into()), missing });
        let missing = Some(vec![false, true, false, false, false].into());
        let values = Numbers::Bool(vec![true, false, false, true, true].into());
        assert_eq!(columns[1], WholeColumn::Numbers { values, missing });
        let WholeColumn::Other { chunks, .. } = &columns[2] else { panic!("text is no number") };
        assert_eq!(chunks.iter().map(|chunk| chunk.len()).sum::<usize>(), 5);
    }

    #[test]
    fn a_slice_appends_its_own_rows_only() {
        let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("x", DataType::Float64, true)]));
        let values: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), None, Some(3.0), Some(4.0)]));
        let mut columns = Columns::new(&schema);
        columns.add(RecordBatch::try_new(schema.clone(), vec![values.slice(1, 2)]).unwrap()).unwrap();
        let whole = Columns::joined(vec![columns], &schema);
        let missing = Some(vec![true, false].into());
        assert_eq!(whole, [WholeColumn::Numbers { values: Numbers::Float64(vec![0.0, 3.0].into()), missing }]);
    }
}
