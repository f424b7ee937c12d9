//! Arrow arrays as kernels read them, without a copy.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use codegen::{ColumnType, Physical};
use runtime::abi::ColumnView;

use crate::error::{Error, Result};
use crate::types::elem_of;

/// The physical form in which kernels read columns of this type; `None` when they cannot.
pub(crate) fn physical(data_type: &DataType) -> Option<Physical> {
    Some(match data_type {
        DataType::Null => Physical::Null,
        DataType::Boolean => Physical::Bool,
        DataType::Utf8 => Physical::Utf8,
        DataType::LargeUtf8 => Physical::LargeUtf8,
        DataType::Utf8View => Physical::Utf8View,
        DataType::FixedSizeList(item, length) => {
            Physical::FixedSizeList(elem_of(item.data_type())?, u32::try_from(*length).ok()?)
        }
        DataType::Dictionary(_, value) => physical(value)?,
        other => Physical::Number(elem_of(other)?),
    })
}

/// Columns ready for a kernel. The views point into the arrays kept here.
pub(crate) struct Columns {
    views: Vec<ColumnView>,
    _arrays: Vec<ArrayRef>,
    /// For each text-view column the addresses of its buffers.
    _buffers: Vec<Vec<*const u8>>,
}

impl Columns {
    /// Fails when an array is not of the type the kernel was compiled for.
    pub fn new(arrays: &[ArrayRef], types: &[ColumnType]) -> Result<Columns> {
        let mut columns = Columns {
            views: Vec::with_capacity(arrays.len()),
            _arrays: Vec::with_capacity(arrays.len()),
            _buffers: Vec::new(),
        };
        for (array, column_type) in arrays.iter().zip(types) {
            columns.add(array, column_type)?;
        }
        Ok(columns)
    }

    pub fn views(&self) -> &[ColumnView] {
        &self.views
    }

    fn add(&mut self, array: &ArrayRef, column_type: &ColumnType) -> Result<()> {
        let array = match array.data_type() {
            DataType::Dictionary(_, value) => {
                cast(array, value).map_err(|error| Error::engine(format!("a column cannot be converted: {error}")))?
            }
            DataType::Boolean => aligned_bool(array),
            _ => array.clone(),
        };
        if physical(array.data_type()) != Some(column_type.physical) {
            return Err(Error::engine(format!(
                "a function was compiled for another type of column than `{}`",
                array.data_type()
            )));
        }
        if !column_type.nullable && array.logical_null_count() > 0 {
            return Err(Error::engine_hint(
                "a column without nulls by its schema has nulls",
                "write the data again, or give the column's type as nullable",
            ));
        }
        let view = self.view(&array)?;
        self.views.push(view);
        self._arrays.push(array);
        Ok(())
    }

    fn view(&mut self, array: &ArrayRef) -> Result<ColumnView> {
        let nulls = array.nulls();
        // One position counts for values, offsets and validity alike. Arrow's slices move the addresses of values but
        // the bit position of validity, so the addresses are moved back by the validity's position.
        let first_row = nulls.map_or(0, NullBuffer::offset);
        let mut view = ColumnView {
            values: std::ptr::null(),
            offsets: std::ptr::null(),
            validity: nulls.map_or(std::ptr::null(), |nulls| nulls.validity().as_ptr()),
            first_row: first_row as i64,
            ascii: 0,
        };
        let back = |address: *const u8, width: usize| address.wrapping_sub(first_row * width);
        match array.data_type() {
            DataType::Null => {}
            DataType::Boolean => {
                view.values = array.as_boolean().values().values().as_ptr();
                view.first_row = array.as_boolean().values().offset() as i64;
            }
            DataType::Utf8 => {
                let text = array.as_string::<i32>();
                view.values = text.value_data().as_ptr();
                view.offsets = back(text.value_offsets().as_ptr().cast(), 4);
                view.ascii = i64::from(is_ascii(text.value_data(), text.value_offsets()));
            }
            DataType::LargeUtf8 => {
                let text = array.as_string::<i64>();
                view.values = text.value_data().as_ptr();
                view.offsets = back(text.value_offsets().as_ptr().cast(), 8);
                view.ascii = i64::from(is_ascii(text.value_data(), text.value_offsets()));
            }
            DataType::Utf8View => {
                let text = array.as_string_view();
                let buffers: Vec<*const u8> = text.data_buffers().iter().map(|buffer| buffer.as_ptr()).collect();
                view.values = back(text.views().as_ptr().cast(), 16);
                view.offsets = buffers.as_ptr().cast();
                view.ascii = i64::from(text.iter().flatten().all(str::is_ascii));
                self._buffers.push(buffers);
            }
            DataType::FixedSizeList(..) => {
                let list = array.as_fixed_size_list();
                let items = list.values();
                if items.logical_null_count() > 0 {
                    return Err(Error::plan_hint(
                        "an array of numbers holds a null",
                        "NumPy arrays have no missing values: fill them first",
                    ));
                }
                let (address, width) = numbers(items)?;
                view.values = back(address, width * list.value_length() as usize);
            }
            _ => {
                let (address, width) = numbers(array)?;
                view.values = back(address, width);
            }
        }
        Ok(view)
    }
}

/// The same values with their bits shifted as far as those of their validity.
fn aligned_bool(array: &ArrayRef) -> ArrayRef {
    let values = array.as_boolean();
    if values.nulls().is_none_or(|nulls| nulls.offset() == values.values().offset()) {
        return array.clone();
    }
    let bits = arrow::buffer::BooleanBuffer::collect_bool(values.len(), |index| values.values().value(index));
    let nulls = values.nulls().map(|nulls| {
        NullBuffer::new(arrow::buffer::BooleanBuffer::collect_bool(nulls.len(), |index| nulls.is_valid(index)))
    });
    Arc::new(arrow::array::BooleanArray::new(bits, nulls))
}

/// The address of the first number and the bytes of one.
fn numbers(array: &ArrayRef) -> Result<(*const u8, usize)> {
    let data = array.to_data();
    let width = match (data.data_type().primitive_width(), data.buffers()) {
        (Some(width), [_]) => width,
        _ => return Err(Error::engine(format!("a function cannot read a column of type `{}`", array.data_type()))),
    };
    let address = data.buffers().first().map_or(std::ptr::null(), |buffer| buffer.as_ptr());
    Ok((address.wrapping_add(data.offset() * width), width))
}

fn is_ascii<O: Copy + Into<i64>>(bytes: &[u8], offsets: &[O]) -> bool {
    match (offsets.first(), offsets.last()) {
        (Some(first), Some(last)) => {
            let (first, last): (i64, i64) = ((*first).into(), (*last).into());
            bytes.get(first as usize..last as usize).is_some_and(<[u8]>::is_ascii)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{BooleanArray, FixedSizeListArray, Float64Array, Int32Array, StringArray, StringViewArray};
    use arrow::datatypes::Field;

    fn read_bit(bits: *const u8, index: i64) -> bool {
        unsafe { *bits.offset((index / 8) as isize) >> (index % 8) & 1 == 1 }
    }

    fn view_of(array: ArrayRef) -> (Columns, ColumnView) {
        let column_type = ColumnType { physical: physical(array.data_type()).unwrap(), nullable: true };
        let columns = Columns::new(&[array], &[column_type]).unwrap();
        let view = columns.views()[0];
        (columns, view)
    }

    #[test]
    fn slices_line_up_with_their_validity() {
        let whole = Int32Array::from((0..40).map(|n| (n % 3 != 0).then_some(n)).collect::<Vec<_>>());
        let slice: ArrayRef = Arc::new(whole.slice(7, 30));
        let (_keep, view) = view_of(slice);
        for row in 0..30 {
            let at = view.first_row + row;
            assert_eq!(read_bit(view.validity, at), (row + 7) % 3 != 0);
            if (row + 7) % 3 != 0 {
                assert_eq!(unsafe { *view.values.cast::<i32>().wrapping_offset(at as isize) }, row as i32 + 7);
            }
        }
    }

    #[test]
    fn bools_with_shifted_bits_are_aligned() {
        let values = BooleanArray::from((0..30).map(|n| Some(n % 5 == 0)).collect::<Vec<_>>()).slice(3, 20);
        let nulls = NullBuffer::from((0..25).map(|n| n % 2 == 0).collect::<Vec<_>>()).slice(4, 20);
        let array: ArrayRef = Arc::new(BooleanArray::new(values.values().clone(), Some(nulls)));
        let (_keep, view) = view_of(array);
        for row in 0..20 {
            assert_eq!(read_bit(view.values, view.first_row + row), (row + 3) % 5 == 0);
            assert_eq!(read_bit(view.validity, view.first_row + row), row % 2 == 0);
        }
    }

    #[test]
    fn text_says_whether_it_is_ascii() {
        let texts = vec!["plain", "naïve", "a text longer than twelve bytes"];
        let all: ArrayRef = Arc::new(StringArray::from(texts.clone()));
        assert_eq!(view_of(all.clone()).1.ascii, 0);
        assert_eq!(view_of(all.slice(2, 1)).1.ascii, 1);
        let views: ArrayRef = Arc::new(StringViewArray::from(texts));
        assert_eq!(view_of(views.clone()).1.ascii, 0);
        assert_eq!(view_of(views.slice(0, 1)).1.ascii, 1);
    }

    #[test]
    fn lists_of_numbers_are_read_in_place_and_nulls_in_them_refused() {
        let item = Arc::new(Field::new("item", DataType::Float64, true));
        let list = |values: Vec<Option<f64>>| -> ArrayRef {
            let values: ArrayRef = Arc::new(Float64Array::from(values));
            Arc::new(FixedSizeListArray::new(item.clone(), 2, values, None).slice(1, 2))
        };
        let (_keep, view) = view_of(list(vec![Some(1.0), Some(2.0), Some(3.0), Some(4.0), Some(5.0), Some(6.0)]));
        assert_eq!(unsafe { *view.values.cast::<f64>() }, 3.0);
        let column_type = ColumnType { physical: Physical::FixedSizeList(ir::Elem::F64, 2), nullable: false };
        let broken = list(vec![Some(1.0), Some(2.0), None, Some(4.0), Some(5.0), Some(6.0)]);
        assert!(Columns::new(&[broken], &[column_type]).is_err());
    }

    #[test]
    fn nulls_where_none_may_be_are_an_error() {
        let array: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), None]));
        let column_type = ColumnType { physical: Physical::Number(ir::Elem::F64), nullable: false };
        assert!(Columns::new(std::slice::from_ref(&array), &[column_type]).is_err());
        let other = ColumnType { physical: Physical::Number(ir::Elem::I64), nullable: true };
        assert!(Columns::new(&[array], &[other]).is_err());
    }
}
