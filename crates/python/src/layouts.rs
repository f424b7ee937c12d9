//! How instances of the user's classes lie in a specialisation's memory: which slots hold which attribute. Made once for each
//! specialisation; reading and storing attributes of Python's objects goes by it.

use std::sync::Arc;

use ir::layout::slot_count;
use ir::{Module, Type};
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

/// A class of the program.
pub struct Layout {
    pub name: Arc<str>,
    pub class: Py<PyType>,
    pub slots: usize,
    pub fields: Vec<FieldLayout>,
    /// Attributes that instances have and the program does not know: these stay as they are.
    pub ignored: Vec<Py<PyString>>,
    /// Its instances are told apart by what they are, not by which: they cannot be keys before they have their fields.
    has_own_hash: bool,
}

pub struct FieldLayout {
    pub attribute: Py<PyString>,
    pub ty: Type,
    pub slot: usize,
    /// The slot that says whether there is a value.
    pub flag: Option<usize>,
}

/// The classes of a program.
#[derive(Default)]
pub struct Layouts {
    pub classes: Vec<Layout>,
    /// What makes the missing values of the `defaultdict`s, by number: the name of a built-in class, or nothing.
    pub factories: Vec<Option<String>>,
    /// All the classes that the program names.
    pub named: Vec<Py<PyType>>,
}

impl Layouts {
    /// `classes` are those of the module that the program defines; `given` is what was said of the arguments.
    pub fn new(
        py: Python<'_>,
        module: &Module,
        classes: &[(Arc<str>, Bound<'_, PyType>)],
        given: &[frontend::GivenClass],
        factories: Vec<Option<String>>,
    ) -> PyResult<Layouts> {
        let mut layouts = Layouts { classes: Vec::new(), factories, named: Vec::new() };
        for (name, class) in classes {
            let given = given.iter().find(|given| given.name == *name);
            let fields = given.iter().flat_map(|given| &given.fields).filter(|field| field.held.is_err());
            let ignored: Vec<String> = fields.map(|field| field.name.clone()).collect();
            layouts.classes.extend(Layout::new(py, module, name, class, &ignored)?);
        }
        layouts.check(module)?;
        Ok(layouts)
    }

    pub fn find(&self, name: &Arc<str>) -> Option<(usize, &Layout)> {
        self.classes.iter().enumerate().find(|(_, layout)| Arc::ptr_eq(&layout.name, name) || layout.name == *name)
    }

    /// Refuses what a key cannot be: it would be hashed before its fields are there.
    fn check(&self, module: &Module) -> PyResult<()> {
        if self.classes.iter().all(|layout| !layout.has_own_hash) {
            return Ok(());
        }
        let entry = module.entry_func();
        let fields = self.classes.iter().flat_map(|layout| layout.fields.iter().map(|field| &field.ty));
        let params = entry.param_types();
        match params.iter().chain([&entry.result]).chain(fields).find_map(|ty| self.bad_key(ty, false)) {
            Some(class) => Err(PyTypeError::new_err(format!(
                "a dict or set with keys of class `{class}`, which has an `__eq__` of its own, cannot be handed over"
            ))),
            None => Ok(()),
        }
    }

    fn bad_key(&self, ty: &Type, is_key: bool) -> Option<&str> {
        match ty {
            Type::Object(name) if is_key => {
                let layout = self.find(name).map(|(_, layout)| layout);
                layout.filter(|layout| layout.has_own_hash).map(|layout| &*layout.name)
            }
            Type::Tuple(items) | Type::Union(items) => items.iter().find_map(|ty| self.bad_key(ty, is_key)),
            Type::Record(record) => record.fields.iter().find_map(|(_, ty)| self.bad_key(ty, is_key)),
            Type::List(item) => self.bad_key(item, is_key),
            Type::Set { item, .. } => self.bad_key(item, true),
            Type::Dict(key, value) => self.bad_key(key, true).or_else(|| self.bad_key(value, is_key)),
            Type::None
            | Type::Bool
            | Type::Int
            | Type::Float
            | Type::Str
            | Type::Range
            | Type::Np(_)
            | Type::Array { .. }
            | Type::Exception
            | Type::Bytes
            | Type::Object(_) => None,
        }
    }
}

impl Layout {
    fn new(
        py: Python<'_>,
        module: &Module,
        name: &Arc<str>,
        class: &Bound<'_, PyType>,
        ignored: &[String],
    ) -> PyResult<Option<Layout>> {
        let Some(described) = module.class(name) else { return Ok(None) };
        // What follows the fields says of some whether they have a value: `name?`.
        let (mut fields, mut flags) = (Vec::new(), Vec::new());
        let mut slot = 0;
        for (name, ty) in &described.fields {
            match name.strip_suffix('?') {
                Some(name) => flags.push((name.to_owned(), slot)),
                None => fields.push((name.clone(), ty.clone(), slot)),
            }
            slot += slot_count(ty);
        }
        let attribute = |name: &str| PyString::intern(py, name).unbind();
        let mut known = Vec::with_capacity(fields.len());
        for (name, ty, slot) in fields.into_iter().filter(|(name, ..)| !ignored.contains(name)) {
            let flag = flags.iter().find(|(of, _)| *of == name).map(|(_, slot)| *slot);
            known.push(FieldLayout { attribute: attribute(&name), ty, slot, flag });
        }
        let object = py.get_type::<PyAny>();
        let is_own =
            |name: &Bound<'_, PyString>| -> PyResult<bool> { Ok(!class.getattr(name)?.is(&object.getattr(name)?)) };
        Ok(Some(Layout {
            name: name.clone(),
            class: class.clone().unbind(),
            slots: slot.max(1),
            fields: known,
            ignored: ignored.iter().map(|name| attribute(name)).collect(),
            has_own_hash: is_own(intern!(py, "__hash__"))? || is_own(intern!(py, "__eq__"))?,
        }))
    }
}
