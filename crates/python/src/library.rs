//! Objects of the standard library's classes at the border: dates and times, and the classes of `collections`. In compiled code
//! they are records of kind `library`; this module owns which numbers and containers of a record mean which object.

use ir::layout::slot_count;
use ir::{RecordKind, RecordType, Type};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};

use crate::frame::{Frame, Held, runs};
use crate::instances::Instances;
use crate::read::{Reader, list_len, list_slots};
use crate::types::{Reason, item_type, stored_type, type_of_dict};
use crate::write::{int_value, write};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// A tuple of any length: a record of the list of its items.
const TUPLE: &str = "tuple";

/// A class whose objects cross.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Class {
    Date,
    Datetime,
    Time,
    Delta,
    Counter,
    Ordered,
    Default,
    Deque,
}

impl Class {
    const ALL: [(Class, &str, &str); 8] = [
        (Class::Date, "datetime", "date"),
        (Class::Datetime, "datetime", "datetime"),
        (Class::Time, "datetime", "time"),
        (Class::Delta, "datetime", "timedelta"),
        (Class::Counter, "collections", "Counter"),
        (Class::Ordered, "collections", "OrderedDict"),
        (Class::Default, "collections", "defaultdict"),
        (Class::Deque, "collections", "deque"),
    ];

    /// By the name of a record.
    fn named(record: &str) -> Option<Class> {
        let (name, _) = record.split_once('#').unwrap_or((record, ""));
        let (module, class) = name.split_once('.')?;
        Class::ALL.iter().find(|(_, of, known)| *of == module && *known == class).map(|(class, ..)| *class)
    }

    /// By the very class of an object.
    fn of(object: &Bound<'_, PyAny>) -> PyResult<Option<Class>> {
        let (py, class) = (object.py(), object.get_type());
        for (known, ..) in Class::ALL {
            if class.is(known.object(py)?) {
                return Ok(Some(known));
            }
        }
        Ok(None)
    }

    fn object(self, py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
        static CLASSES: PyOnceLock<Vec<Py<PyType>>> = PyOnceLock::new();
        let classes = CLASSES.get_or_try_init(py, || {
            let load = |(_, module, name): &(Class, &str, &str)| -> PyResult<Py<PyType>> {
                Ok(py.import(*module)?.getattr(*name)?.cast_into::<PyType>()?.unbind())
            };
            Class::ALL.iter().map(load).collect::<PyResult<Vec<_>>>()
        })?;
        let position = Class::ALL.iter().position(|(known, ..)| *known == self).unwrap_or_default();
        classes.get(position).map(|class| class.bind(py)).ok_or_else(|| PyRuntimeError::new_err("a class is missing"))
    }

    /// The fields of the record of a date or time.
    fn numbers(self) -> Option<&'static [&'static str]> {
        match self {
            Class::Date => Some(&["ordinal"]),
            Class::Datetime | Class::Time => Some(&["micros"]),
            Class::Delta => Some(&["days", "seconds", "microseconds"]),
            Class::Counter | Class::Ordered | Class::Default | Class::Deque => None,
        }
    }
}

fn record(name: &str, fields: Vec<(&str, Type)>) -> Type {
    let fields = fields.into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect();
    Type::Record(RecordType { kind: RecordKind::Library, name: name.to_owned(), fields }.into())
}

/// The type of such an object; `None` of others. `instances` takes up what makes the missing values of a `defaultdict`.
pub fn type_of_library<'py>(
    object: &Bound<'py, PyAny>,
    depth: usize,
    mut instances: Option<&mut Instances<'py>>,
) -> PyResult<Option<Result<Type, Reason>>> {
    let Some(class) = Class::of(object)? else { return Ok(None) };
    let (_, module, name) = Class::ALL[class as usize];
    let name = format!("{module}.{name}");
    if let Some(numbers) = class.numbers() {
        if !is_naive(object, class)? {
            return Ok(Some(Err(format!("a `{name}` with a time zone or a `fold`"))));
        }
        return Ok(Some(Ok(record(&name, numbers.iter().map(|name| (*name, Type::Int)).collect()))));
    }
    if class == Class::Deque {
        let item = item_type(object.try_iter()?, "deque", depth, instances)?;
        let maxlen = if object.getattr(intern!(object.py(), "maxlen"))?.is_none() { Type::None } else { Type::Int };
        let state = Type::List(Box::new(Type::Int));
        let item = item.map(|item| stored_type(item, object.len().is_ok_and(|count| count == 0)));
        return Ok(Some(item.map(|item| {
            record(&name, vec![("items", Type::List(Box::new(item))), ("state", state), ("maxlen", maxlen)])
        })));
    }
    let name = if class == Class::Default {
        let factory = object.getattr(intern!(object.py(), "default_factory"))?;
        let Some(number) = instances.as_deref_mut().map(|instances| instances.factory(&factory)).transpose()?.flatten()
        else {
            return Ok(Some(Err("a `defaultdict` with a factory of its own".to_owned())));
        };
        format!("{name}#{number}")
    } else {
        name
    };
    let dict = type_of_dict(object.cast::<PyDict>()?, depth, instances)?;
    Ok(Some(dict.map(|dict| record(&name, vec![("items", dict)]))))
}

/// Whether a date or time has no more to it than its numbers.
fn is_naive(object: &Bound<'_, PyAny>, class: Class) -> PyResult<bool> {
    let py = object.py();
    Ok(!matches!(class, Class::Datetime | Class::Time)
        || (object.getattr(intern!(py, "tzinfo"))?.is_none() && !object.getattr(intern!(py, "fold"))?.is_truthy()?))
}

/// Appends the slots of such an object; false when it is another.
pub fn write_library<'t>(
    object: &Bound<'_, PyAny>,
    ty: &'t Type,
    record: &'t RecordType,
    out: &mut Vec<u64>,
    frame: &mut Frame<'t>,
) -> PyResult<bool> {
    if record.name == TUPLE {
        return write_tuple(object, record, out, frame);
    }
    let Some(class) = Class::named(&record.name).filter(|_| record.kind == RecordKind::Library) else {
        return Ok(false);
    };
    if Class::of(object)? != Some(class) || !is_naive(object, class)? {
        return Ok(false);
    }
    match (class, record.fields.first()) {
        (Class::Deque, Some((_, Type::List(item)))) => return write_deque(object, ty, record, item, out, frame),
        (Class::Counter | Class::Ordered | Class::Default, Some((_, dict))) => {
            return write_dict(object, &record.name, dict, out, frame);
        }
        _ => out.extend(numbers_of(object, class)?.into_iter().map(|number| number as u64)),
    }
    Ok(true)
}

/// A tuple of any length.
fn write_tuple<'t>(
    object: &Bound<'_, PyAny>,
    record: &'t RecordType,
    out: &mut Vec<u64>,
    frame: &mut Frame<'t>,
) -> PyResult<bool> {
    let (Ok(tuple), Some((_, Type::List(item)))) = (object.cast_exact::<PyTuple>(), record.fields.first()) else {
        return Ok(false);
    };
    let mut items = Vec::with_capacity(tuple.len() * slot_count(item));
    for value in tuple.iter_borrowed() {
        if !write(&value, item, &mut items, frame)? {
            return Ok(false);
        }
    }
    out.push(frame.add_items(&items, tuple.len())?);
    Ok(true)
}

fn numbers_of(object: &Bound<'_, PyAny>, class: Class) -> PyResult<Vec<i64>> {
    let number = |name: &str| -> PyResult<i64> { int_value(&object.getattr(name)?) };
    let ordinal = || -> PyResult<i64> { int_value(&object.call_method0(intern!(object.py(), "toordinal"))?) };
    let time = || -> PyResult<i64> {
        let seconds = (number("hour")? * 60 + number("minute")?) * 60 + number("second")?;
        Ok(seconds * MICROS_PER_SECOND + number("microsecond")?)
    };
    Ok(match class {
        Class::Date => vec![ordinal()?],
        Class::Datetime => vec![ordinal()? * MICROS_PER_DAY + time()?],
        Class::Time => vec![time()?],
        Class::Delta => vec![number("days")?, number("seconds")?, number("microseconds")?],
        Class::Counter | Class::Ordered | Class::Default | Class::Deque => Vec::new(),
    })
}

fn write_dict<'t>(
    object: &Bound<'_, PyAny>,
    name: &str,
    ty: &'t Type,
    out: &mut Vec<u64>,
    frame: &mut Frame<'t>,
) -> PyResult<bool> {
    let py = object.py();
    if let Some((_, number)) = name.split_once('#')
        && frame.factory(number) != factory_name(&object.getattr(intern!(py, "default_factory"))?)?.as_deref()
    {
        return Ok(false);
    }
    if let Some(address) = frame.known(object, ty) {
        out.push(address);
        return Ok(true);
    }
    let Type::Dict(key_type, value_type) = ty else { return Ok(false) };
    let mut entries = Vec::new();
    let mut count = 0;
    for pair in object.call_method0(intern!(py, "items"))?.try_iter()? {
        let (key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair?.extract()?;
        if !write(&key, key_type, &mut entries, frame)? || !write(&value, value_type, &mut entries, frame)? {
            return Ok(false);
        }
        count += 1;
    }
    out.push(frame.add_dict(object, ty, &entries, count)?);
    Ok(true)
}

fn write_deque<'t>(
    object: &Bound<'_, PyAny>,
    ty: &'t Type,
    record: &'t RecordType,
    item: &'t Type,
    out: &mut Vec<u64>,
    frame: &mut Frame<'t>,
) -> PyResult<bool> {
    let maxlen = object.getattr(intern!(object.py(), "maxlen"))?;
    let has_maxlen = record.fields.get(2).is_some_and(|(_, ty)| *ty == Type::Int);
    if maxlen.is_none() == has_maxlen {
        return Ok(false);
    }
    let (items, state) = match frame.known(object, ty) {
        Some(address) => (address, frame.state_of(address)),
        None => {
            let mut items = Vec::new();
            let mut count = 0;
            for value in object.try_iter()? {
                if !write(&value?, item, &mut items, frame)? {
                    return Ok(false);
                }
                count += 1;
            }
            frame.add_deque(object, ty, &items, count)?
        }
    };
    out.extend([items, state]);
    if has_maxlen {
        out.push(int_value(&maxlen)? as u64);
    }
    Ok(true)
}

/// The name of a built-in class that makes the missing values of a `defaultdict`; empty for `None`.
pub fn factory_name(factory: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    if factory.is_none() {
        return Ok(Some(String::new()));
    }
    let builtins = factory.py().import(intern!(factory.py(), "builtins"))?;
    for name in frontend::FACTORIES {
        if builtins.getattr(*name)?.is(factory) {
            return Ok(Some((*name).to_owned()));
        }
    }
    Ok(None)
}

/// The object that the slots of such a record are.
///
/// # Safety
/// As of [`Reader::read`].
pub unsafe fn read_library<'py>(
    reader: &Reader<'_, 'py>,
    record: &RecordType,
    slots: &[u64],
) -> PyResult<Bound<'py, PyAny>> {
    let py = reader.py();
    let first = slots.first().copied().unwrap_or_default();
    let fields: Vec<&Type> = record.fields.iter().map(|(_, ty)| ty).collect();
    if let (TUPLE, [Type::List(item)]) = (record.name.as_str(), fields.as_slice()) {
        // SAFETY: the caller's.
        let slots = unsafe { runs(list_slots(first, item), slot_count(item), list_len(first)) };
        // SAFETY: the caller's.
        let items = slots.map(|slots| unsafe { reader.read(item, slots) }).collect::<PyResult<Vec<_>>>()?;
        return Ok(PyTuple::new(py, items)?.into_any());
    }
    let Some(class) = Class::named(&record.name) else { return Err(unknown(&record.name)) };
    let object = class.object(py)?;
    match (class, fields.as_slice()) {
        (Class::Date, _) => object.call_method1(intern!(py, "fromordinal"), (first as i64,)),
        (Class::Datetime, _) => {
            let (day, micros) = ((first as i64).div_euclid(MICROS_PER_DAY), (first as i64).rem_euclid(MICROS_PER_DAY));
            let date = Class::Date.object(py)?.call_method1(intern!(py, "fromordinal"), (day,))?;
            object.call_method1(intern!(py, "combine"), (date, time_of(py, micros)?))
        }
        (Class::Time, _) => time_of(py, first as i64),
        (Class::Delta, _) => {
            let number = |index: usize| slots.get(index).copied().unwrap_or_default() as i64;
            object.call1((number(0), number(1), number(2)))
        }
        (Class::Deque, [Type::List(item), _, maxlen]) => {
            if let Some(known) = reader.known(first) {
                return Ok(known);
            }
            let maxlen = if **maxlen == Type::Int { slots.get(2).map(|slot| *slot as i64) } else { None };
            let kwargs = PyDict::new(py);
            kwargs.set_item("maxlen", maxlen)?;
            let deque = object.call((), Some(&kwargs))?;
            reader.keep(first, &deque);
            // SAFETY: the caller's.
            for item in unsafe { deque_items(reader, item, first, slots.get(1).copied().unwrap_or_default())? } {
                deque.call_method1(intern!(py, "append"), (item,))?;
            }
            Ok(deque)
        }
        (Class::Counter | Class::Ordered | Class::Default, [Type::Dict(key, value)]) => {
            if let Some(known) = reader.known(first) {
                return Ok(known);
            }
            let made = match record.name.split_once('#') {
                Some((_, number)) => object.call1((reader.factory(number)?,))?,
                None => object.call0()?,
            };
            reader.keep(first, &made);
            // SAFETY: the caller's.
            for (key, value) in unsafe { reader.entries(first, key, value)? } {
                made.set_item(key, value)?;
            }
            Ok(made)
        }
        _ => Err(unknown(&record.name)),
    }
}

fn time_of(py: Python<'_>, micros: i64) -> PyResult<Bound<'_, PyAny>> {
    let (seconds, micros) = (micros / MICROS_PER_SECOND, micros % MICROS_PER_SECOND);
    Class::Time.object(py)?.call1((seconds / 3600, seconds / 60 % 60, seconds % 60, micros))
}

/// The items of a deque: those of its list from the place on that its state says.
///
/// # Safety
/// As of [`Reader::read`].
unsafe fn deque_items<'py>(
    reader: &Reader<'_, 'py>,
    item: &Type,
    items: u64,
    state: u64,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    // SAFETY: the caller's.
    unsafe { runs_of_deque(item, items, state).map(|slots| reader.read(item, slots)).collect() }
}

/// # Safety
/// As of [`Reader::read`].
unsafe fn runs_of_deque<'l>(item: &Type, items: u64, state: u64) -> impl Iterator<Item = &'l [u64]> {
    // SAFETY: the caller's.
    let (slots, count, first) =
        unsafe { (list_slots(items, item), list_len(items), list_slots(state, &Type::Int).first().copied()) };
    runs(slots, slot_count(item), count).skip(first.unwrap_or_default() as usize)
}

/// The slots of a deque's items.
///
/// # Safety
/// As of [`crate::mutation::store_back`].
pub unsafe fn deque_slots(held: &Held<'_>, record: &RecordType) -> Vec<u64> {
    let Some((_, Type::List(item))) = record.fields.first() else { return Vec::new() };
    // SAFETY: the caller's.
    unsafe { runs_of_deque(item, held.address, held.state) }.flatten().copied().collect()
}

/// Stores what was changed in a deque.
///
/// # Safety
/// As of [`crate::mutation::store_back`].
pub unsafe fn store_deque(reader: &Reader<'_, '_>, held: &Held<'_>, record: &RecordType) -> PyResult<()> {
    let Some((_, Type::List(item))) = record.fields.first() else { return Ok(()) };
    let py = reader.py();
    let deque = held.object.bind(py);
    // SAFETY: the caller's.
    let now = unsafe { deque_slots(held, record) };
    let width = slot_count(item);
    // SAFETY: the caller's.
    let count = unsafe { runs_of_deque(item, held.address, held.state) }.count();
    if now == held.before && count == deque.len()? {
        return Ok(());
    }
    let old = deque.try_iter()?.collect::<PyResult<Vec<_>>>()?;
    let before: Vec<&[u64]> = runs(&held.before, width, old.len()).collect();
    let mut items = Vec::with_capacity(count);
    for (index, slots) in runs(&now, width, count).enumerate() {
        items.push(match (before.get(index), old.get(index)) {
            (Some(same), Some(object)) if *same == slots => object.clone(),
            // SAFETY: the caller's.
            _ => unsafe { reader.read(item, slots)? },
        });
    }
    reader.outlive(old);
    deque.call_method0(intern!(py, "clear"))?;
    deque.call_method1(intern!(py, "extend"), (items,))?;
    Ok(())
}

fn unknown(name: &str) -> PyErr {
    PyTypeError::new_err(format!("compiled code returned a `{name}`, which does not cross to Python"))
}
