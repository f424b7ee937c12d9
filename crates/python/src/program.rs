//! A description made by `fuseline._source` as the compiler takes it, with the places its captured values are read from
//! and the names that must still mean what they meant. Runs nothing of the user's.

use std::collections::BTreeMap;
use std::fmt::Write;

use frontend::program::{Binding, CaptureSource, FunctionSource, Locator, Program, SourceFile};
use ir::Type;
use pyo3::exceptions::{PyKeyError, PyNameError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple, PyType};

use crate::types::type_of;

/// Where a value is read from at each call.
enum Place {
    Global(Py<PyDict>, Py<PyString>),
    /// A class, and what it has of its own.
    Attribute(Py<PyAny>, Py<PyAny>, Py<PyString>),
    Cell(Py<PyAny>),
    Fixed(Py<PyAny>),
    Length(Py<PyDict>),
    /// A function that is asked.
    Check(Py<PyAny>),
}

/// A free name or a default.
struct Reference {
    name: String,
    place: Place,
}

impl Reference {
    fn extract(object: &Bound<'_, PyAny>) -> PyResult<Reference> {
        let py = object.py();
        let name: String = object.getattr(intern!(py, "name"))?.extract()?;
        let container = object.getattr(intern!(py, "container"))?;
        let key = PyString::intern(py, &name);
        let kind: String = object.getattr(intern!(py, "kind"))?.extract()?;
        let place = match kind.as_str() {
            "global" => Place::Global(container.cast_into()?.unbind(), key.unbind()),
            "cell" => Place::Cell(container.unbind()),
            "attribute" => {
                let own = container.getattr(intern!(py, "__dict__"))?.unbind();
                Place::Attribute(container.unbind(), own, key.unbind())
            }
            "length" => Place::Length(container.cast_into()?.unbind()),
            "check" => Place::Check(container.unbind()),
            _ => Place::Fixed(container.unbind()),
        };
        Ok(Reference { name, place })
    }

    /// The value now; `None` when the name is not bound.
    fn read<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match &self.place {
            Place::Global(globals, name) => globals.bind(py).get_item(name.bind(py)),
            Place::Cell(cell) => match cell.bind(py).getattr(intern!(py, "cell_contents")) {
                Ok(value) => Ok(Some(value)),
                Err(error) if error.is_instance_of::<PyValueError>(py) => Ok(None),
                Err(error) => Err(error),
            },
            Place::Attribute(_, own, name) => match own.bind(py).get_item(name.bind(py)) {
                Ok(value) => Ok(Some(value)),
                Err(error) if error.is_instance_of::<PyKeyError>(py) => Ok(None),
                Err(error) => Err(error),
            },
            Place::Fixed(value) => Ok(Some(value.bind(py).clone())),
            // An int of this size is one object wherever it comes from.
            Place::Length(dict) => Ok(Some(dict.bind(py).len().into_pyobject(py)?.into_any())),
            Place::Check(function) => function.bind(py).call0().map(Some),
        }
    }
}

impl Place {
    /// Gives the variable another value.
    fn assign(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = value.py();
        match self {
            Place::Global(globals, name) => globals.bind(py).set_item(name.bind(py), value),
            Place::Attribute(class, _, name) => class.bind(py).setattr(name.bind(py), value),
            Place::Cell(cell) => cell.bind(py).setattr(intern!(py, "cell_contents"), value),
            Place::Fixed(_) | Place::Length(_) | Place::Check(_) => Ok(()),
        }
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Place::Global(globals, _) | Place::Length(globals) => visit.call(globals),
            Place::Attribute(class, own, _) => {
                visit.call(class)?;
                visit.call(own)
            }
            Place::Cell(object) | Place::Fixed(object) | Place::Check(object) => visit.call(object),
        }
    }
}

/// What a name was when the description was made.
struct Watched {
    reference: Reference,
    /// `None`: not bound.
    expected: Option<Py<PyAny>>,
}

/// A described program: everything but the types of its arguments.
pub struct Described {
    pub program: Program,
    /// The values of `program.captures`, in order.
    captures: Vec<Reference>,
    watched: Vec<Watched>,
    /// Names that stand for nothing yet.
    pub unresolved: Vec<String>,
    /// The same for two descriptions that compile to the same module, whatever the captured values.
    pub key: String,
    /// The code objects whose addresses are in `key`.
    pub codes: Vec<Py<PyAny>>,
    /// The addresses of the classes that were to be described as well, whether or not their source was found.
    pub asked: Vec<usize>,
}

impl Described {
    pub fn extract(description: &Bound<'_, PyAny>) -> PyResult<Described> {
        let py = description.py();
        let mut described = Described {
            program: Program::default(),
            captures: Vec::new(),
            watched: Vec::new(),
            unresolved: description.getattr("unresolved")?.extract()?,
            key: String::new(),
            codes: Vec::new(),
            asked: Vec::new(),
        };
        for file in description.getattr("files")?.try_iter()? {
            let (name, text): (String, String) = file?.extract()?;
            described.program.files.push(SourceFile::new(name, text, 1));
        }
        let values = described.add_values(&description.getattr("references")?)?;
        for entry in description.getattr("functions")?.try_iter()? {
            described.add_function(&entry?, &values)?;
        }
        let absent = py.import("fuseline._source")?.getattr("ABSENT")?;
        for pair in description.getattr("watches")?.try_iter()? {
            let (reference, expected): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair?.extract()?;
            let expected = (!expected.is(&absent)).then(|| expected.unbind());
            described.watched.push(Watched { reference: Reference::extract(&reference)?, expected });
        }
        Ok(described)
    }

    /// Makes captures of the values that have an IR type; gives each value's binding.
    fn add_values(&mut self, references: &Bound<'_, PyAny>) -> PyResult<Vec<Binding>> {
        let py = references.py();
        let mut bindings = Vec::new();
        for reference in references.try_iter()? {
            let reference = Reference::extract(&reference?)?;
            let Some(value) = reference.read(py)? else {
                return Err(PyNameError::new_err(format!("name '{}' is not defined", reference.name)));
            };
            bindings.push(match type_of(&value)? {
                Ok(ty) => {
                    let _ = write!(self.key, "c{}:{ty};", self.captures.len());
                    self.program.captures.push(CaptureSource { name: reference.name.clone(), ty });
                    self.captures.push(reference);
                    Binding::Capture(self.captures.len() - 1)
                }
                Err(reason) => {
                    self.watched.push(Watched { reference, expected: Some(value.unbind()) });
                    Binding::Unsupported(reason)
                }
            });
        }
        Ok(bindings)
    }

    fn add_function(&mut self, entry: &Bound<'_, PyAny>, values: &[Binding]) -> PyResult<()> {
        let name: Option<String> = entry.getattr("name")?.extract()?;
        let line: u32 = entry.getattr("line")?.extract()?;
        let column: u32 = entry.getattr("column")?.extract()?;
        let is_class: bool = entry.getattr("is_class")?.extract()?;
        let locator = match name {
            Some(name) if is_class => Locator::Class { name, line },
            Some(name) => Locator::Def { name, line },
            None => Locator::Lambda { line, column },
        };
        let code = entry.getattr("code")?;
        let _ = write!(self.key, "f{:x}(", code.as_ptr() as usize);
        self.codes.push(code.unbind());
        let bindings = self.bindings(&entry.getattr("bindings")?, values)?;
        self.key.push('|');
        let defaults = self.bindings(&entry.getattr("defaults")?, values)?;
        self.key.push('|');
        let attributes = self.bindings(&entry.getattr("attributes")?, values)?;
        self.key.push(')');
        self.program.functions.push(FunctionSource {
            file: entry.getattr("file")?.extract()?,
            locator,
            bindings,
            defaults,
            attributes,
        });
        Ok(())
    }

    fn bindings(&mut self, map: &Bound<'_, PyAny>, values: &[Binding]) -> PyResult<BTreeMap<String, Binding>> {
        let mut bindings = BTreeMap::new();
        for (name, binding) in map.cast::<PyDict>()?.iter() {
            let name: String = name.extract()?;
            let binding = extract_binding(binding.cast::<PyTuple>()?, values)?;
            let _ = write!(self.key, "{name}={binding:?};");
            bindings.insert(name, binding);
        }
        Ok(bindings)
    }

    /// Whether every name still stands for what it stood for.
    pub fn holds(&self, py: Python<'_>) -> PyResult<bool> {
        for watched in &self.watched {
            let same = match (watched.reference.read(py)?, &watched.expected) {
                (None, None) => true,
                (Some(value), Some(expected)) => value.is(expected.bind(py)),
                _ => false,
            };
            if !same {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The captured values now; `None` when a name has become unbound.
    pub fn read_captures<'py>(&self, py: Python<'py>) -> PyResult<Option<Vec<Bound<'py, PyAny>>>> {
        self.captures.iter().map(|reference| reference.read(py)).collect()
    }

    /// The captured values for code that assigns some of them: each of those is the item of a list for it.
    pub fn held<'py>(
        &self,
        py: Python<'py>,
        values: &[Bound<'py, PyAny>],
        assigned: &[usize],
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let mut held = values.to_vec();
        for index in assigned {
            if let Some(value) = held.get_mut(*index) {
                *value = PyList::new(py, [&*value])?.into_any();
            }
        }
        Ok(held)
    }

    /// Gives the variables the values that the code has left for them.
    pub fn store_assigned(
        &self,
        values: &[Bound<'_, PyAny>],
        held: &[Bound<'_, PyAny>],
        assigned: &[usize],
    ) -> PyResult<()> {
        for index in assigned {
            let (Some(before), Some(list), Some(reference)) =
                (values.get(*index), held.get(*index), self.captures.get(*index))
            else {
                continue;
            };
            let now = list.get_item(0)?;
            if !now.is(before) {
                reference.place.assign(&now)?;
            }
        }
        Ok(())
    }

    /// Shows the garbage collector what is held: a function's closure may hold the function itself.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.captures.iter().try_for_each(|reference| reference.place.traverse(visit))?;
        self.codes.iter().try_for_each(|code| visit.call(code))?;
        self.watched.iter().try_for_each(|watched| {
            watched.reference.place.traverse(visit)?;
            watched.expected.iter().try_for_each(|object| visit.call(object))
        })
    }

    /// Whether the class is described, or was to be.
    pub fn asked_for(&self, class: &Bound<'_, PyType>) -> bool {
        self.asked.contains(&(class.as_ptr() as usize)) || self.codes.iter().any(|code| code.is(class))
    }

    /// Whether another class of this name is described.
    pub fn has_namesake(&self, class: &Bound<'_, PyType>) -> PyResult<bool> {
        let name: String = class.name()?.extract()?;
        for known in self.classes(class.py()) {
            if !known.is(class) && known.cast::<PyType>()?.name()?.extract::<String>()? == name {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The classes among what is described.
    pub fn classes<'py>(&self, py: Python<'py>) -> impl Iterator<Item = Bound<'py, PyAny>> {
        self.codes.iter().map(move |code| code.bind(py).clone()).filter(|code| code.is_instance_of::<PyType>())
    }

    /// The types the captured values had.
    pub fn capture_types(&self) -> impl ExactSizeIterator<Item = &Type> {
        self.program.captures.iter().map(|capture| &capture.ty)
    }
}

fn extract_binding(pair: &Bound<'_, PyTuple>, values: &[Binding]) -> PyResult<Binding> {
    let kind: String = pair.get_item(0)?.extract()?;
    let payload = pair.get_item(1)?;
    Ok(match kind.as_str() {
        "function" => Binding::Function(payload.extract()?),
        "class" => Binding::Class(payload.extract()?),
        "value" => {
            let index: usize = payload.extract()?;
            values.get(index).cloned().ok_or_else(|| PyValueError::new_err("a description names no such value"))?
        }
        "pattern" => {
            let (text, flags) = payload.extract()?;
            Binding::Pattern(text, flags)
        }
        "module" => Binding::Module(payload.extract()?),
        "member" => {
            let (module, name) = payload.extract()?;
            Binding::Member(module, name)
        }
        "member of" => {
            let (class, name) = payload.extract()?;
            Binding::EnumMember(class, name)
        }
        "sentinel" => Binding::Sentinel(payload.extract()?),
        "table" => {
            let mut items = Vec::new();
            for item in payload.try_iter()? {
                let (key, binding): (Bound<'_, PyAny>, Bound<'_, PyTuple>) = item?.extract()?;
                let key = match key.extract::<String>() {
                    Ok(text) => ir::Const::Str(text.into()),
                    Err(_) => ir::Const::Int(key.extract()?),
                };
                items.push((key, extract_binding(&binding, values)?));
            }
            Binding::Table(items)
        }
        kind @ ("tuple" | "list") => {
            let mut items = Vec::new();
            for item in payload.try_iter()? {
                items.push(extract_binding(&item?.extract()?, values)?);
            }
            if kind == "tuple" { Binding::Tuple(items) } else { Binding::List(items) }
        }
        "written" => Binding::Written(payload.extract()?),
        _ => Binding::Unsupported(payload.extract()?),
    })
}
