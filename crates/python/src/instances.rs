//! Instances of the user's own classes that can be changed, as arguments: which classes these are, and what their fields hold.
//! Owns where Python keeps an instance's attributes; knows nothing of how they are laid out in slots.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use frontend::{GivenClass, GivenField, join_held};
use ir::Type;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyType};

use crate::library::factory_name;
use crate::program::Described;
use crate::types::{DEPTH_MAX, Reason, type_of, type_within};

/// Packages whose classes are no plain Python, whatever their source looks like.
const FOREIGN: &[&str] = &["numpy", "pandas", "pyarrow", "polars", "fuseline"];

/// The instances that the arguments of a call hold, and all that can be reached from them.
#[derive(Default)]
pub struct Instances<'py> {
    pub classes: Vec<SeenClass<'py>>,
    /// What makes the missing values of the `defaultdict`s among them: names of built-in classes.
    pub factories: Vec<String>,
    /// The classes of records that were met: their methods may be called.
    pub records: Vec<Bound<'py, PyType>>,
    visited: HashSet<usize>,
    open: Vec<(usize, Bound<'py, PyAny>)>,
}

/// A class of such instances.
pub struct SeenClass<'py> {
    pub class: Bound<'py, PyType>,
    name: Arc<str>,
    instances: usize,
    fields: Vec<SeenField>,
    by_attribute: HashMap<usize, usize>,
}

struct SeenField {
    name: String,
    held: Result<Type, Reason>,
    count: usize,
}

impl<'py> Instances<'py> {
    /// The type of an instance, whose fields are looked at later; or why it has none.
    pub fn meet(&mut self, object: &Bound<'py, PyAny>) -> PyResult<Result<Type, Reason>> {
        let class = object.get_type();
        let index = match self.classes.iter().position(|known| known.class.is(&class)) {
            Some(index) => index,
            None => match self.enter(&class)? {
                Ok(index) => index,
                Err(reason) => return Ok(Err(reason)),
            },
        };
        if self.visited.insert(object.as_ptr() as usize) {
            self.open.push((index, object.clone()));
        }
        Ok(Ok(Type::Object(self.classes[index].name.clone())))
    }

    pub fn meet_record(&mut self, class: &Bound<'py, PyType>) {
        if !self.records.iter().any(|known| known.is(class)) {
            self.records.push(class.clone());
        }
    }

    /// The classes that a description has to have, as far as their source can be found.
    pub fn all_classes(&self) -> impl Iterator<Item = &Bound<'py, PyType>> {
        self.classes.iter().map(|seen| &seen.class).chain(&self.records)
    }

    /// The number of what makes a `defaultdict`'s missing values; `None` when it is no built-in class.
    pub fn factory(&mut self, factory: &Bound<'py, PyAny>) -> PyResult<Option<usize>> {
        let Some(name) = factory_name(factory)? else { return Ok(None) };
        let known = self.factories.iter().position(|known| *known == name);
        Ok(Some(known.unwrap_or_else(|| {
            self.factories.push(name);
            self.factories.len() - 1
        })))
    }

    fn enter(&mut self, class: &Bound<'py, PyType>) -> PyResult<Result<usize, Reason>> {
        if let Some(reason) = why_not_plain(class)? {
            return Ok(Err(reason));
        }
        let shown: String = class.name()?.extract()?;
        let same = self.classes.iter().filter(|known| known.name.split('#').next() == Some(shown.as_str())).count();
        let name = if same == 0 { shown.into() } else { format!("{shown}#g{same}").into() };
        self.classes.push(SeenClass {
            class: class.clone(),
            name,
            instances: 0,
            fields: Vec::new(),
            by_attribute: HashMap::new(),
        });
        Ok(Ok(self.classes.len() - 1))
    }

    /// Looks at the fields of everything that was met, and at what is met on the way. Instances may be many and hold each
    /// other, so this does not recurse through them. The reason says what cannot be taken at all.
    pub fn look_into(&mut self) -> PyResult<Option<Reason>> {
        while let Some((index, object)) = self.open.pop() {
            self.classes[index].instances += 1;
            for (attribute, value) in attributes(&object)? {
                let field = match self.classes[index].field(&attribute)? {
                    Ok(field) => field,
                    Err(reason) => return Ok(Some(reason)),
                };
                let held = type_within(&value, DEPTH_MAX, Some(self))?;
                self.classes[index].fields[field].add(held);
            }
        }
        Ok(None)
    }

    /// Adds what the instances have from their classes; after everything was looked at.
    pub fn add_class_attributes(&mut self) -> PyResult<()> {
        self.classes.iter_mut().try_for_each(SeenClass::add_class_attributes)
    }

    /// The classes as the compiler takes them; `None` when one is not among those described.
    pub fn given(&self, described: &Described) -> Option<Vec<GivenClass>> {
        let given = self.classes.iter().map(|seen| {
            let number = described.codes.iter().position(|code| code.is(&seen.class))?;
            let fields = seen.fields.iter().map(|field| GivenField {
                name: field.name.clone(),
                held: field.held.clone(),
                may_be_missing: field.count < seen.instances,
            });
            Some(GivenClass { number, name: seen.name.clone(), fields: fields.collect() })
        });
        given.collect()
    }
}

impl SeenField {
    fn add(&mut self, held: Result<Type, Reason>) {
        let before = std::mem::replace(&mut self.held, Ok(Type::None));
        self.held = match (before, held) {
            (Err(reason), _) | (Ok(_), Err(reason)) => Err(reason),
            (Ok(_), Ok(held)) if self.count == 0 => Ok(held),
            (Ok(before), Ok(held)) if before == held => Ok(before),
            (Ok(before), Ok(held)) => Ok(join_held(&before, &held)),
        };
        self.count += 1;
    }
}

impl SeenClass<'_> {
    /// The field for an attribute; the reason when the class means something else by its name.
    fn field(&mut self, attribute: &Bound<'_, PyString>) -> PyResult<Result<usize, Reason>> {
        if let Some(known) = self.by_attribute.get(&(attribute.as_ptr() as usize)) {
            return Ok(Ok(*known));
        }
        let shown: String = attribute.extract()?;
        let class = self.class.name()?;
        if let Some(meaning) = self.class.getattr_opt(attribute)?
            && is_descriptor(&meaning)?
            && !is_slot(&meaning)?
        {
            return Ok(Err(format!("a `{class}` whose `{shown}` is not what its class says")));
        }
        let found = self.field_named(shown);
        self.by_attribute.insert(attribute.as_ptr() as usize, found);
        Ok(Ok(found))
    }

    fn field_named(&mut self, name: String) -> usize {
        let known = self.fields.iter().position(|field| field.name == name);
        known.unwrap_or_else(|| {
            self.fields.push(SeenField { name, held: Ok(Type::None), count: 0 });
            self.fields.len() - 1
        })
    }

    /// What instances have from their class: its values stand for those attributes that an instance has not of its own.
    fn add_class_attributes(&mut self) -> PyResult<()> {
        let py = self.class.py();
        for class in self.class.mro().iter() {
            for pair in class.getattr(intern!(py, "__dict__"))?.call_method0(intern!(py, "items"))?.try_iter()? {
                let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair?.extract()?;
                let Ok(attribute) = name.cast::<PyString>() else { continue };
                let shown: String = attribute.extract()?;
                if (shown.starts_with("__") && shown.ends_with("__")) || is_descriptor(&value)? {
                    continue;
                }
                // Further up the line it is hidden.
                if !self.class.getattr(attribute)?.is(&value) {
                    continue;
                }
                let known = self.fields.iter().position(|field| field.name == shown);
                if known.is_some_and(|known| self.fields[known].count >= self.instances) {
                    continue;
                }
                let held = type_of(&value)?;
                // What has no type stays an affair of the class.
                if known.is_none() && held.is_err() {
                    continue;
                }
                let index = self.field_named(shown);
                self.fields[index].add(held);
                self.fields[index].count = self.instances;
            }
        }
        Ok(())
    }
}

/// Why instances of a class are no plain objects with attributes.
fn why_not_plain(class: &Bound<'_, PyType>) -> PyResult<Option<Reason>> {
    let py = class.py();
    let reason = || -> PyResult<Option<Reason>> { Ok(Some(format!("an object of class `{}`", class.qualname()?))) };
    let object = py.get_type::<PyAny>();
    let generic = py.import(intern!(py, "typing"))?.getattr(intern!(py, "Generic"))?;
    let abstract_class = py.import(intern!(py, "abc"))?;
    let metaclasses = [py.get_type::<PyType>().into_any(), abstract_class.getattr(intern!(py, "ABCMeta"))?];
    let abc = abstract_class.getattr(intern!(py, "ABC"))?;
    if class.is(&object) || !metaclasses.iter().any(|known| class.get_type().is(known)) {
        return reason();
    }
    let standard = py.import(intern!(py, "sys"))?.getattr(intern!(py, "stdlib_module_names"))?;
    for base in class.mro().iter() {
        if base.is(&object) || base.is(&generic) || base.is(&abc) {
            continue;
        }
        let module: String = base.getattr(intern!(py, "__module__"))?.extract()?;
        let package = module.split('.').next().unwrap_or_default();
        // SAFETY: an entry of the line of classes is a live class.
        let flags = unsafe { ffi::PyType_GetFlags(base.as_ptr().cast()) };
        if flags & ffi::Py_TPFLAGS_HEAPTYPE == 0 || FOREIGN.contains(&package) || standard.contains(package)? {
            return reason();
        }
    }
    if class.getattr_opt(intern!(py, "__getattr__"))?.is_some() {
        return reason();
    }
    let is_dataclass = class.getattr_opt(intern!(py, "__dataclass_fields__"))?.is_some();
    for name in [intern!(py, "__getattribute__"), intern!(py, "__setattr__"), intern!(py, "__delattr__")] {
        // A frozen dataclass has these, which its own making does not use.
        if !is_dataclass && !class.getattr(name)?.is(&object.getattr(name)?) {
            return reason();
        }
    }
    Ok(None)
}

/// An instance's own attributes.
pub fn attributes<'py>(object: &Bound<'py, PyAny>) -> PyResult<Vec<(Bound<'py, PyString>, Bound<'py, PyAny>)>> {
    let py = object.py();
    let mut found = Vec::new();
    if let Some(dict) = dict_of(object)? {
        for (name, value) in dict.iter() {
            let Ok(name) = name.cast_into::<PyString>() else {
                return Err(PyTypeError::new_err("an instance with an attribute whose name is no text"));
            };
            found.push((name, value));
        }
    }
    for class in object.get_type().mro().iter() {
        if class.getattr_opt(intern!(py, "__slots__"))?.is_none() {
            continue;
        }
        for pair in class.getattr(intern!(py, "__dict__"))?.call_method0(intern!(py, "items"))?.try_iter()? {
            let (name, member): (Bound<'py, PyString>, Bound<'py, PyAny>) = pair?.extract()?;
            if is_slot(&member)?
                && let Some(value) = object.getattr_opt(&name)?
            {
                found.push((name, value));
            }
        }
    }
    Ok(found)
}

/// The dict of an instance that has one.
pub fn dict_of<'py>(object: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyDict>>> {
    match object.getattr_opt(intern!(object.py(), "__dict__"))? {
        Some(dict) => Ok(Some(dict.cast_into::<PyDict>()?)),
        None => Ok(None),
    }
}

/// Whether a class's attribute is more than a value: a function, a property, a slot.
fn is_descriptor(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    value.get_type().hasattr(intern!(value.py(), "__get__"))
}

fn is_slot(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = value.py();
    let member = py.import(intern!(py, "types"))?.getattr(intern!(py, "MemberDescriptorType"))?;
    Ok(value.get_type().is(&member))
}
