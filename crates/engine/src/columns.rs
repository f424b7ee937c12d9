//! Whole columns: the rows of a query gathered into one piece of memory for each column of numbers, as NumPy wants them,
//! while the query runs. Batches are let go one by one, so that the rows are never held twice.

use std::io;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, SchemaRef};
use memmap2::MmapMut;

use crate::error::{Error, Result};
use crate::run::{Gather, shown_batch};

/// Bytes a column begins with.
const FIRST_BYTES: usize = 64 * 1024;

/// The numbers of a column, one behind the other; 0 or `false` where a value is missing.
///
/// The memory is mapped by itself, because it grows: pages move to a larger place without being copied, and what is not
/// touched yet costs nothing. A vector would leave its smaller copies behind in the allocator, as much as the result.
#[derive(Debug)]
pub struct Numbers {
    /// NumPy's name of the type, as in `<i8`.
    pub type_name: &'static str,
    memory: MmapMut,
    bytes: usize,
    /// Bytes a value.
    width: usize,
}

/// A column of all rows.
#[derive(Debug)]
pub enum WholeColumn {
    /// Numbers, and which of them are missing; `None` where none is.
    Numbers { values: Numbers, missing: Option<Numbers> },
    /// Anything else, in pieces.
    Other { field: Arc<Field>, chunks: Vec<ArrayRef> },
}

/// NumPy's name of the type and the bytes a value has, of types that are plain numbers.
fn plain(data_type: &DataType) -> Option<(&'static str, usize)> {
    Some(match data_type {
        DataType::Boolean => ("|b1", 1),
        DataType::Int8 => ("|i1", 1),
        DataType::Int16 => ("<i2", 2),
        DataType::Int32 => ("<i4", 4),
        DataType::Int64 => ("<i8", 8),
        DataType::UInt8 => ("|u1", 1),
        DataType::UInt16 => ("<u2", 2),
        DataType::UInt32 => ("<u4", 4),
        DataType::UInt64 => ("<u8", 8),
        DataType::Float32 => ("<f4", 4),
        DataType::Float64 => ("<f8", 8),
        _ => return None,
    })
}

impl Numbers {
    fn new((type_name, width): (&'static str, usize)) -> Result<Numbers> {
        let memory = MmapMut::map_anon(FIRST_BYTES).map_err(no_memory)?;
        Ok(Numbers { type_name, memory, bytes: 0, width })
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.bytes / self.width
    }

    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Where the values are, for whoever keeps this alive.
    pub fn address(&self) -> *const u8 {
        self.memory.as_ptr()
    }

    /// Room for this many more bytes, to be filled at once.
    fn more(&mut self, bytes: usize) -> Result<&mut [u8]> {
        let (start, end) = (self.bytes, self.bytes + bytes);
        if end > self.memory.len() {
            let wanted = end.max(2 * self.memory.len());
            resize(&mut self.memory, wanted).map_err(no_memory)?;
        }
        self.bytes = end;
        self.memory.get_mut(start..end).ok_or_else(|| Error::engine("a column is smaller than it was made"))
    }

    /// Appends the array, which is of this type.
    fn append(&mut self, array: &ArrayRef) -> Result<()> {
        let width = self.width;
        let room = self.more(array.len() * width)?;
        if let Some(bits) = array.as_boolean_opt() {
            for (row, (value, bit)) in room.iter_mut().zip(bits.values()).enumerate() {
                *value = u8::from(bit && bits.is_valid(row));
            }
            return Ok(());
        }
        let data = array.to_data();
        let start = data.offset() * width;
        let values = data.buffers().first().and_then(|buffer| buffer.get(start..start + room.len()));
        room.copy_from_slice(values.ok_or_else(|| Error::engine("an array is shorter than it says"))?);
        if let Some(nulls) = array.nulls().filter(|nulls| nulls.null_count() > 0) {
            for (value, valid) in room.chunks_exact_mut(width).zip(nulls) {
                if !valid {
                    value.fill(0);
                }
            }
        }
        Ok(())
    }

    /// Appends the values of another part.
    fn join(&mut self, next: &Numbers) -> Result<()> {
        let values = next.memory.get(..next.bytes).unwrap_or_default();
        self.more(values.len())?.copy_from_slice(values);
        Ok(())
    }

    /// Gives back what was made room for and not needed.
    fn trim(&mut self) -> Result<()> {
        let bytes = self.bytes.max(1);
        resize(&mut self.memory, bytes).map_err(no_memory)
    }
}

fn no_memory(error: io::Error) -> Error {
    Error::engine(format!("no memory for a column: {error}"))
}

#[cfg(target_os = "linux")]
fn resize(memory: &mut MmapMut, bytes: usize) -> io::Result<()> {
    // SAFETY: nobody holds a reference into the memory while it may move.
    unsafe { memory.remap(bytes, memmap2::RemapOptions::new().may_move(true)) }
}

#[cfg(not(target_os = "linux"))]
fn resize(memory: &mut MmapMut, bytes: usize) -> io::Result<()> {
    let mut moved = MmapMut::map_anon(bytes)?;
    let kept = bytes.min(memory.len());
    moved[..kept].copy_from_slice(&memory[..kept]);
    *memory = moved;
    Ok(())
}

/// One value for each row: whether it is missing.
fn mask() -> Result<Numbers> {
    Numbers::new(("|b1", 1))
}

impl WholeColumn {
    fn new(field: &Arc<Field>) -> Result<WholeColumn> {
        // What an extension type means is not for this place to say.
        Ok(match plain(field.data_type()).filter(|_| field.extension_type_name().is_none()) {
            Some(kind) => WholeColumn::Numbers { values: Numbers::new(kind)?, missing: None },
            None => WholeColumn::Other { field: field.clone(), chunks: Vec::new() },
        })
    }

    fn append(&mut self, array: &ArrayRef) -> Result<()> {
        match self {
            WholeColumn::Numbers { values, missing } => {
                let before = values.len();
                values.append(array)?;
                if array.null_count() > 0 && missing.is_none() {
                    let mut none = mask()?;
                    none.more(before)?;
                    *missing = Some(none);
                }
                if let Some(missing) = missing {
                    let room = missing.more(array.len())?;
                    room.iter_mut().enumerate().for_each(|(row, flag)| *flag = u8::from(array.is_null(row)));
                }
            }
            WholeColumn::Other { chunks, .. } => chunks.push(array.clone()),
        }
        Ok(())
    }

    /// Puts the rows of the next part behind.
    fn join(&mut self, next: WholeColumn) -> Result<()> {
        match (self, next) {
            (
                WholeColumn::Numbers { values, missing },
                WholeColumn::Numbers { values: next, missing: next_missing },
            ) => {
                if next_missing.is_some() && missing.is_none() {
                    let mut none = mask()?;
                    none.more(values.len())?;
                    *missing = Some(none);
                }
                match (missing, &next_missing) {
                    (Some(missing), Some(next)) => missing.join(next)?,
                    (Some(missing), None) => missing.more(next.len())?.fill(0),
                    (None, _) => {}
                }
                values.join(&next)?;
            }
            (WholeColumn::Other { chunks, .. }, WholeColumn::Other { chunks: next, .. }) => chunks.extend(next),
            // Parts of one query have one schema.
            (WholeColumn::Numbers { .. }, WholeColumn::Other { .. })
            | (WholeColumn::Other { .. }, WholeColumn::Numbers { .. }) => {}
        }
        Ok(())
    }

    fn trim(&mut self) -> Result<()> {
        match self {
            WholeColumn::Numbers { values, .. } => values.trim(),
            WholeColumn::Other { .. } => Ok(()),
        }
    }
}

/// The columns of one part under construction.
pub(crate) struct Columns {
    schema: SchemaRef,
    /// Made with the first batch.
    columns: Vec<WholeColumn>,
}

impl Columns {
    pub fn new(schema: &SchemaRef) -> Columns {
        Columns { schema: schema.clone(), columns: Vec::new() }
    }

    fn empty(schema: &SchemaRef) -> Result<Vec<WholeColumn>> {
        schema.fields().iter().map(WholeColumn::new).collect()
    }

    /// All parts in their order.
    pub fn joined(parts: Vec<Columns>, schema: &SchemaRef) -> Result<Vec<WholeColumn>> {
        // The columns of a part without rows were never made.
        let mut parts = parts.into_iter().map(|part| part.columns).filter(|columns| !columns.is_empty());
        let mut whole = match parts.next() {
            Some(first) => first,
            None => Columns::empty(schema)?,
        };
        for part in parts {
            whole.iter_mut().zip(part).try_for_each(|(column, next)| column.join(next))?;
        }
        whole.iter_mut().try_for_each(WholeColumn::trim)?;
        Ok(whole)
    }
}

impl Gather for Columns {
    fn add(&mut self, batch: RecordBatch) -> Result<()> {
        if self.columns.is_empty() {
            self.columns = Columns::empty(&self.schema)?;
        }
        let batch = shown_batch(&batch, &self.schema)?;
        self.columns.iter_mut().zip(batch.columns()).try_for_each(|(column, array)| column.append(array))
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

    /// The values and the mask.
    fn bytes(column: &WholeColumn) -> (Vec<u8>, Vec<u8>) {
        let of = |numbers: &Numbers| numbers.memory[..numbers.bytes].to_vec();
        match column {
            WholeColumn::Numbers { values, missing } => (of(values), missing.as_ref().map(of).unwrap_or_default()),
            WholeColumn::Other { .. } => panic!("no numbers"),
        }
    }

    #[test]
    fn a_column_grows_beyond_its_first_memory() {
        let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("x", DataType::Int64, true)]));
        let mut columns = Columns::new(&schema);
        for start in 0..40i64 {
            let values: ArrayRef = Arc::new(Int64Array::from_iter_values(start * 5000..(start + 1) * 5000));
            columns.add(RecordBatch::try_new(schema.clone(), vec![values]).unwrap()).unwrap();
        }
        let whole = Columns::joined(vec![columns], &schema).unwrap();
        let expected: Vec<u8> = (0..200_000i64).flat_map(i64::to_le_bytes).collect();
        assert_eq!(bytes(&whole[0]), (expected, Vec::new()));
        let nothing = Columns::joined(vec![Columns::new(&schema)], &schema).unwrap();
        assert_eq!(bytes(&nothing[0]), (Vec::new(), Vec::new()));
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
        let columns = Columns::joined(vec![first, Columns::new(&schema), second], &schema).unwrap();
        let expected: Vec<u8> = [1i64, 2, 3, 0, 5].iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(bytes(&columns[0]), (expected, vec![0, 0, 0, 1, 0]));
        assert_eq!(bytes(&columns[1]), (vec![1, 0, 0, 1, 1], vec![0, 1, 0, 0, 0]));
        let WholeColumn::Other { chunks, .. } = &columns[2] else { panic!("text is no number") };
        assert_eq!(chunks.iter().map(|chunk| chunk.len()).sum::<usize>(), 5);
    }

    #[test]
    fn a_slice_appends_its_own_rows_only() {
        let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("x", DataType::Float64, true)]));
        let values: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), None, Some(3.0), Some(4.0)]));
        let mut columns = Columns::new(&schema);
        columns.add(RecordBatch::try_new(schema.clone(), vec![values.slice(1, 2)]).unwrap()).unwrap();
        let whole = Columns::joined(vec![columns], &schema).unwrap();
        assert_eq!(bytes(&whole[0]), ([0f64.to_le_bytes(), 3f64.to_le_bytes()].concat(), vec![1, 0]));
    }
}
