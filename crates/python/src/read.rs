//! From slots (`ir::layout`) to new Python objects of exactly the type CPython would give.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use ir::layout::{STR_ASCII_BIT, slot_count, variant_slot};
use ir::{Elem, RecordKind, RecordType, Type};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyFrozenSet, PyList, PySet, PyString, PyTuple, PyType};
use runtime::abi;

use crate::frame::{Frame, runs, table_items};
use crate::layouts::Layout;
use crate::library::read_library;
use crate::types::NumpyTypes;

/// Reads values whose addresses are alive.
pub struct Reader<'a, 'py> {
    py: Python<'py>,
    /// What was handed in: a returned array that is one of its arrays is that very object.
    frame: Option<&'a Frame<'a>>,
    /// Classes of records.
    classes: &'a [Py<PyType>],
    /// Containers by the addresses of their headers: those that were handed in, and those that were read. Each is one object.
    containers: RefCell<HashMap<u64, Bound<'py, PyAny>>>,
    /// New instances whose fields are not there yet.
    open: RefCell<Vec<(u64, &'a Layout, Bound<'py, PyAny>)>>,
    /// What was replaced in the caller's containers: texts that are still to be read may lie in these objects.
    replaced: RefCell<Vec<Bound<'py, PyAny>>>,
}

impl<'a, 'py> Reader<'a, 'py> {
    /// A reader of values in which nothing was handed in.
    pub fn new(py: Python<'py>) -> Reader<'a, 'py> {
        Reader {
            py,
            frame: None,
            classes: &[],
            containers: RefCell::default(),
            open: RefCell::default(),
            replaced: RefCell::default(),
        }
    }

    /// A reader of what a call left.
    pub fn of_call(py: Python<'py>, frame: &'a Frame<'a>) -> Reader<'a, 'py> {
        let containers = frame.held.iter().map(|held| (held.address, held.object.bind(py).clone())).collect();
        Reader {
            py,
            frame: Some(frame),
            classes: frame.classes(),
            containers: RefCell::new(containers),
            open: RefCell::default(),
            replaced: RefCell::default(),
        }
    }

    /// Keeps what is about to be replaced for as long as something is read.
    pub fn outlive(&self, objects: impl IntoIterator<Item = Bound<'py, PyAny>>) {
        self.replaced.borrow_mut().extend(objects);
    }

    /// What was replaced.
    pub fn into_replaced(self) -> Vec<Bound<'py, PyAny>> {
        self.replaced.into_inner()
    }

    /// The value of type `ty` at the start of `slots`, with all that can be reached from it.
    ///
    /// # Safety
    /// As of [`Reader::read`].
    pub unsafe fn read_all(&self, ty: &Type, slots: &[u64]) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: the caller's.
        unsafe {
            let value = self.read(ty, slots)?;
            self.fill_instances()?;
            Ok(value)
        }
    }

    /// Gives new instances their fields: a loop, for there may be many behind each other.
    ///
    /// # Safety
    /// As of [`Reader::read`].
    pub unsafe fn fill_instances(&self) -> PyResult<()> {
        loop {
            let Some((address, layout, object)) = self.open.borrow_mut().pop() else { return Ok(()) };
            // SAFETY: the caller's; an instance has the slots of its class.
            let slots = unsafe { std::slice::from_raw_parts(address as *const u64, layout.slots) };
            for field in &layout.fields {
                if field.flag.is_some_and(|flag| slots.get(flag) != Some(&1)) {
                    continue;
                }
                // SAFETY: the caller's.
                let value = unsafe { self.read(&field.ty, slots.get(field.slot..).unwrap_or_default())? };
                let attribute = field.attribute.bind(self.py);
                // What it has from its class is not its own.
                let of_class =
                    if field.flag.is_some() { layout.class.bind(self.py).getattr_opt(attribute)? } else { None };
                if of_class
                    .is_none_or(|known| !known.get_type().is(value.get_type()) || !known.eq(&value).unwrap_or(false))
                {
                    set_attribute(&object, attribute, &value)?;
                }
            }
        }
    }

    pub fn py(&self) -> Python<'py> {
        self.py
    }

    /// The object that a container at this address is, when it was handed in or read before.
    pub fn known(&self, address: u64) -> Option<Bound<'py, PyAny>> {
        self.containers.borrow().get(&address).cloned()
    }

    pub fn keep(&self, address: u64, object: &Bound<'py, PyAny>) {
        self.containers.borrow_mut().insert(address, object.clone());
    }

    /// What makes the missing values of a `defaultdict`.
    pub fn factory(&self, number: &str) -> PyResult<Bound<'py, PyAny>> {
        match self.frame.and_then(|frame| frame.factory(number)) {
            Some("") => Ok(self.py.None().into_bound(self.py)),
            Some(name) => self.py.import(intern!(self.py, "builtins"))?.getattr(name),
            None => Err(broken("a `defaultdict`")),
        }
    }

    /// A new instance, whose fields follow.
    fn new_instance(&self, name: &Arc<str>, address: u64) -> PyResult<Bound<'py, PyAny>> {
        let Some((_, layout)) = self.frame.and_then(|frame| frame.layouts).and_then(|layouts| layouts.find(name))
        else {
            return Err(broken("an instance of a class the border does not know"));
        };
        let object = self.py.get_type::<PyAny>();
        let made = object.call_method1(intern!(self.py, "__new__"), (&layout.class,))?;
        self.keep(address, &made);
        self.open.borrow_mut().push((address, layout, made.clone()));
        Ok(made)
    }

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
            Type::Record(record) if record.kind == RecordKind::Library => unsafe { read_library(self, record, slots)? },
            // SAFETY: as this function's.
            Type::Record(record) => unsafe { self.read_record(record, slots)? },
            Type::Union(variants) => {
                let tag = first as usize;
                let Some(variant) = variants.get(tag) else { return Err(broken("a union's tag")) };
                // SAFETY: as this function's.
                unsafe { self.read(variant, slots.get(variant_slot(variants, tag)..).unwrap_or_default())? }
            }
            // SAFETY: as this function's.
            Type::Bytes => unsafe { self.read_bytes(first, slots.get(1).copied().unwrap_or_default()) },
            Type::List(_) | Type::Dict(..) | Type::Set { .. } | Type::Object(_) => {
                let known = self.known(first);
                match (known, ty) {
                    (Some(object), _) => object,
                    (None, Type::Object(name)) => self.new_instance(name, first)?,
                    // SAFETY: as this function's.
                    (None, _) => unsafe { self.read_container(ty, first)? },
                }
            }
            // SAFETY: as this function's.
            Type::Array { elem, ndim } => unsafe { self.read_array(*elem, *ndim as usize, slots)? },
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

    unsafe fn read_bytes(&self, address: u64, length: u64) -> Bound<'py, PyAny> {
        if length == 0 {
            return PyBytes::new(self.py, &[]).into_any();
        }
        // SAFETY: the caller vouches for the bytes.
        PyBytes::new(self.py, unsafe { std::slice::from_raw_parts(address as *const u8, length as usize) }).into_any()
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
            RecordKind::NamedTuple => Ok(self.class(&record.name)?.call_method1("_make", (fields.values(),))?),
            RecordKind::Dataclass => {
                // Field by field, as `copy` does it: the class may make its instances from something else.
                let object = self.py.import("builtins")?.getattr("object")?;
                let made = object.call_method1("__new__", (self.class(&record.name)?,))?;
                for (name, value) in fields.iter() {
                    object.call_method1("__setattr__", (&made, name, value))?;
                }
                Ok(made)
            }
            RecordKind::Library => Err(broken("an instance of a class of the standard library")),
        }
    }

    /// The class of this name.
    fn class(&self, name: &str) -> PyResult<Bound<'py, PyType>> {
        let mut found: Option<Bound<'py, PyType>> = None;
        for class in self.classes.iter().map(|class| class.bind(self.py)) {
            if class.name()? != name || found.as_ref().is_some_and(|known| known.is(class)) {
                continue;
            }
            if found.is_some() {
                return Err(PyTypeError::new_err(format!("two classes are called `{name}`: which one is returned?")));
            }
            found = Some(class.clone());
        }
        found.ok_or_else(|| broken(&format!("an instance of `{name}`, a class the border does not know")))
    }

    /// A new container.
    ///
    /// # Safety
    /// `address` is that of the header of a living container of the type.
    unsafe fn read_container(&self, ty: &Type, address: u64) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        // It is known before its items are read: it may hold itself.
        let keep = |object: &Bound<'py, PyAny>| self.keep(address, object);
        // SAFETY: the caller's.
        unsafe {
            match ty {
                Type::List(item) => {
                    let list = PyList::empty(py);
                    keep(list.as_any());
                    for slots in runs(list_slots(address, item), slot_count(item), list_len(address)) {
                        list.append(self.read(item, slots)?)?;
                    }
                    Ok(list.into_any())
                }
                Type::Dict(key, value) => {
                    let dict = PyDict::new(py);
                    keep(dict.as_any());
                    for (key, value) in self.entries(address, key, value)? {
                        dict.set_item(key, value)?;
                    }
                    Ok(dict.into_any())
                }
                Type::Set { item, frozen } => {
                    let items = self.items(address, item)?;
                    let set = if *frozen {
                        PyFrozenSet::new(py, items)?.into_any()
                    } else {
                        PySet::new(py, items)?.into_any()
                    };
                    keep(&set);
                    Ok(set)
                }
                _ => Err(broken("a container")),
            }
        }
    }

    /// The keys and values of a dict.
    ///
    /// # Safety
    /// `address` is that of the header of a living dict of these types.
    pub unsafe fn entries(
        &self,
        address: u64,
        key: &Type,
        value: &Type,
    ) -> PyResult<Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
        let (key_slots, value_slots) = (slot_count(key), slot_count(value));
        // SAFETY: the caller's.
        let table = unsafe { &*(address as *const abi::Table) };
        let slots = table_items(table, key_slots + value_slots);
        let entries = runs(&slots, key_slots + value_slots, table.len.max(0) as usize);
        entries
            .map(|entry| {
                let (first, second) = entry.split_at(key_slots);
                // SAFETY: the caller's.
                unsafe { Ok((self.read(key, first)?, self.read(value, second)?)) }
            })
            .collect()
    }

    /// The items of a set.
    ///
    /// # Safety
    /// `address` is that of the header of a living set of this type.
    pub unsafe fn items(&self, address: u64, item: &Type) -> PyResult<Vec<Bound<'py, PyAny>>> {
        // SAFETY: the caller's.
        let table = unsafe { &*(address as *const abi::Table) };
        let slots = table_items(table, slot_count(item));
        // SAFETY: the caller's.
        runs(&slots, slot_count(item), table.len.max(0) as usize)
            .map(|slots| unsafe { self.read(item, slots) })
            .collect()
    }

    /// The array handed in that lies at these slots, else a new one with the elements copied.
    unsafe fn read_array(&self, elem: Elem, ndim: usize, slots: &[u64]) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        let mut described = Vec::with_capacity(1 + 2 * ndim);
        let address = slots.first().copied().unwrap_or_default();
        for object in self.frame.and_then(|frame| frame.arrays.get(&address)).into_iter().flatten() {
            let object = object.bind(py);
            described.clear();
            let same_type = crate::write::write(
                object,
                &Type::Array { elem, ndim: ndim as u8 },
                &mut described,
                &mut Frame::default(),
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
        let source = address as *const u8;
        // SAFETY: the caller vouches for the source; the target is new, contiguous and of the same shape.
        unsafe {
            let target = crate::write::array_address(target) as *mut u8;
            copy_elements(source, &shape, &strides, elem.size_bytes(), target);
        }
        Ok(array)
    }
}

/// `object.attribute = value` as `object` itself does it, whatever its class thinks of being changed.
pub fn set_attribute(
    object: &Bound<'_, PyAny>,
    attribute: &Bound<'_, PyString>,
    value: &Bound<'_, PyAny>,
) -> PyResult<()> {
    // SAFETY: three live objects; an error is taken up.
    let status = unsafe { ffi::PyObject_GenericSetAttr(object.as_ptr(), attribute.as_ptr(), value.as_ptr()) };
    match (status, PyErr::take(object.py())) {
        (0, None) => Ok(()),
        (_, error) => Err(error.unwrap_or_else(|| broken("an attribute"))),
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
    if inner_shape.is_empty() && *stride == bytes as isize {
        // SAFETY: the caller's; the elements lie one behind the other.
        unsafe { std::ptr::copy_nonoverlapping(source, target, bytes * *length) };
        return;
    }
    let inner_bytes = bytes * inner_shape.iter().product::<usize>();
    for index in 0..*length {
        // SAFETY: the caller's; both addresses stay within their array.
        unsafe {
            let from = source.offset(index as isize * stride);
            copy_elements(from, inner_shape, inner_strides, bytes, target.add(index * inner_bytes));
        }
    }
}

/// The items of a list.
///
/// # Safety
/// `address` is that of the header of a living list.
pub unsafe fn list_len(address: u64) -> usize {
    // SAFETY: the caller's.
    unsafe { (*(address as *const abi::List)).len.max(0) as usize }
}

/// The slots of a list's items.
///
/// # Safety
/// `address` is that of the header of a living list with such items, which does not change while the slots are used.
pub unsafe fn list_slots<'l>(address: u64, item: &Type) -> &'l [u64] {
    // SAFETY: the caller's; an empty list may have no data.
    unsafe {
        let count = list_len(address) * slot_count(item);
        if count == 0 { &[] } else { std::slice::from_raw_parts((*(address as *const abi::List)).data, count) }
    }
}

fn broken(what: &str) -> PyErr {
    PyRuntimeError::new_err(format!("compiled code returned {what} that does not fit its type"))
}
