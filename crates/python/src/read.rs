//! From slots (`ir::layout`) to new Python objects of exactly the type CPython would give.

use std::sync::Arc;

use ir::layout::{STR_ASCII_BIT, slot_count, variant_slot};
use ir::{Elem, RecordKind, RecordType, Type};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyFloat, PyList, PyString, PyTuple, PyType};
use runtime::abi;

use crate::types::NumpyTypes;

/// Reads values whose addresses are alive.
pub struct Reader<'a, 'py> {
    pub py: Python<'py>,
    /// Arrays that were handed in: a returned array that is one of them is that very object.
    pub arrays: &'a [Bound<'py, PyAny>],
}

impl<'py> Reader<'_, 'py> {
    /// The value of type `ty` at the start of `slots`.
    ///
    /// # Safety
    /// The slots hold a value of the type; the strings, lists and arrays it refers to are alive.
    pub unsafe fn read(&self, ty: &Type, slots: &[u64]) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        let first = slots.first().copied().unwrap_or_default();
        Ok(match ty {
            Type::None => py.None().into_bound(py),
            Type::Bool => PyBool::new(py, first != 0).to_owned().into_any(),
            Type::Int => (first as i64).into_pyobject(py)?.into_any(),
            Type::Float => PyFloat::new(py, f64::from_bits(first)).into_any(),
            // SAFETY: the caller vouches for the bytes.
            Type::Str => unsafe { self.read_str(first, slots.get(1).copied().unwrap_or_default())? },
            Type::Range => {
                let bounds: Vec<i64> = slots.iter().take(3).map(|slot| *slot as i64).collect();
                py.import("builtins")?.getattr("range")?.call1(PyTuple::new(py, bounds)?)?
            }
            Type::Np(elem) => self.read_np(*elem, first)?,
            // SAFETY: as this function's.
            Type::Tuple(items) => unsafe { PyTuple::new(py, self.read_fields(items.iter(), slots)?)?.into_any() },
            // SAFETY: as this function's.
            Type::Record(record) => unsafe { self.read_record(record, slots)? },
            Type::Union(variants) => {
                let tag = first as usize;
                let Some(variant) = variants.get(tag) else { return Err(broken("a union's tag")) };
                // SAFETY: as this function's.
                unsafe { self.read(variant, slots.get(variant_slot(variants, tag)..).unwrap_or_default())? }
            }
            // SAFETY: as this function's.
            Type::List(item) => unsafe { self.read_list(item, first)? },
            // SAFETY: as this function's.
            Type::Array { elem, ndim } => unsafe { self.read_array(*elem, *ndim as usize, slots)? },
            Type::Bytes | Type::Dict(..) | Type::Set { .. } | Type::Object(_) => {
                return Err(PyTypeError::new_err(format!("a value of type `{ty}` cannot be returned to Python yet")));
            }
            Type::Exception => return Err(broken("an exception as a value")),
        })
    }

    unsafe fn read_fields<'t>(
        &self,
        types: impl ExactSizeIterator<Item = &'t Type>,
        slots: &[u64],
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let mut next = 0;
        let mut values = Vec::with_capacity(types.len());
        for ty in types {
            // SAFETY: the caller's, a field being a part of the value.
            values.push(unsafe { self.read(ty, slots.get(next..).unwrap_or_default())? });
            next += slot_count(ty);
        }
        Ok(values)
    }

    unsafe fn read_str(&self, address: u64, length: u64) -> PyResult<Bound<'py, PyAny>> {
        let length_bytes = length & !STR_ASCII_BIT;
        if length_bytes == 0 {
            return Ok(PyString::intern(self.py, "").into_any());
        }
        // SAFETY: the caller vouches for the bytes; they are UTF-8, which Python checks again.
        unsafe {
            let object = ffi::PyUnicode_FromStringAndSize(address as *const _, length_bytes as ffi::Py_ssize_t);
            Bound::from_owned_ptr_or_err(self.py, object)
        }
    }

    fn read_np(&self, elem: Elem, slot: u64) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        let Some(class) = NumpyTypes::get(py)?.scalar(py, elem) else { return Err(broken("an element type")) };
        match elem {
            Elem::Bool => class.call1((slot != 0,)),
            Elem::F32 | Elem::F64 => class.call1((f64::from_bits(slot),)),
            Elem::U64 => class.call1((slot,)),
            _ => class.call1((slot as i64,)),
        }
    }

    unsafe fn read_record(&self, record: &Arc<RecordType>, slots: &[u64]) -> PyResult<Bound<'py, PyAny>> {
        static ROW: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        // SAFETY: as the caller's.
        let values = unsafe { self.read_fields(record.fields.iter().map(|(_, ty)| ty), slots)? };
        let fields = PyDict::new(self.py);
        for ((name, _), value) in record.fields.iter().zip(values) {
            fields.set_item(name, value)?;
        }
        match record.kind {
            RecordKind::Dict => Ok(fields.into_any()),
            RecordKind::Row => ROW.import(self.py, "fuseline._row", "Row")?.call1((fields,)),
            RecordKind::NamedTuple | RecordKind::Dataclass => Err(broken("a class the border does not know")),
        }
    }

    unsafe fn read_list(&self, item: &Type, address: u64) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: the caller vouches for the header and the elements it describes.
        let header = unsafe { &*(address as *const abi::List) };
        let width = slot_count(item);
        let len = header.len.max(0) as usize;
        let elements: &[u64] = if width == 0 || len == 0 {
            &[]
        } else {
            // SAFETY: as above.
            unsafe { std::slice::from_raw_parts(header.data, len * width) }
        };
        let list = PyList::empty(self.py);
        for index in 0..len {
            // SAFETY: as above.
            list.append(unsafe { self.read(item, elements.get(index * width..).unwrap_or_default())? })?;
        }
        Ok(list.into_any())
    }

    /// The array handed in that lies at these slots, else a new one with the elements copied.
    unsafe fn read_array(&self, elem: Elem, ndim: usize, slots: &[u64]) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        let mut described = Vec::with_capacity(1 + 2 * ndim);
        for object in self.arrays {
            described.clear();
            let same_type = crate::write::write(
                object,
                &Type::Array { elem, ndim: ndim as u8 },
                &mut described,
                &mut crate::write::Frame::default(),
            )?;
            if same_type && slots.starts_with(&described) {
                return Ok(object.clone());
            }
        }
        let shape: Vec<usize> = slots.iter().skip(1).take(ndim).map(|length| *length as usize).collect();
        let strides: Vec<isize> = slots.iter().skip(1 + ndim).take(ndim).map(|stride| *stride as isize).collect();
        let numpy = py.import("numpy")?;
        let array = numpy.call_method1("empty", (PyTuple::new(py, &shape)?, elem.name()))?;
        let target = array.cast::<numpy::PyUntypedArray>()?;
        let source = slots.first().copied().unwrap_or_default() as *const u8;
        // SAFETY: the caller vouches for the source; the target is new, contiguous and of the same shape.
        unsafe {
            let address = crate::write::array_address(target) as *mut u8;
            copy_elements(source, &shape, &strides, elem.size_bytes(), address);
        }
        Ok(array)
    }
}

/// Copies the elements of a strided array one after the other.
///
/// # Safety
/// The source has the elements; the target has room for them and does not overlap.
pub unsafe fn copy_elements(source: *const u8, shape: &[usize], strides: &[isize], bytes: usize, target: *mut u8) {
    let (Some((length, inner_shape)), Some((stride, inner_strides))) = (shape.split_first(), strides.split_first())
    else {
        // SAFETY: the caller's.
        unsafe { std::ptr::copy_nonoverlapping(source, target, bytes) };
        return;
    };
    let inner_bytes = bytes * inner_shape.iter().product::<usize>();
    for index in 0..*length {
        // SAFETY: the caller's; both addresses stay within their array.
        unsafe {
            let from = source.offset(index as isize * stride);
            copy_elements(from, inner_shape, inner_strides, bytes, target.add(index * inner_bytes));
        }
    }
}

fn broken(what: &str) -> PyErr {
    PyRuntimeError::new_err(format!("compiled code returned {what} that does not fit its type"))
}
