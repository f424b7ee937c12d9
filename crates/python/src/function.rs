//! The compiled function as Python sees it: binds arguments, picks or makes the specialisation, calls it.

use std::sync::{Arc, Mutex, PoisonError};

use codegen::{Artifact, Options};
use engine::{CaptureValues, CompiledFunction};
use ir::Type;
use pyo3::exceptions::PyTypeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use crate::errors::{engine_error, guard, has_only_code, usage_error};
use crate::frame::{Frame, Kept};
use crate::instances::Instances;
use crate::program::Described;
use crate::scalar::{self, Outcome};
use crate::specialise::{Request, Specialisation, specialise};
use crate::types::{DEPTH_MAX, type_of, type_of_keywords, type_within};
use crate::write::write;

/// A description and a specialisation of it.
#[derive(Clone)]
struct Ready {
    described: Arc<Described>,
    code: Arc<Specialisation>,
}

/// The parameters of a Python function.
struct Params {
    names: Vec<String>,
    positional: usize,
    positional_only: usize,
    /// The positions of `*args` and of `**kwargs`, which come last.
    rest: Option<usize>,
    others: Option<usize>,
}

#[derive(Default)]
struct State {
    described: Option<Arc<Described>>,
    /// What the last calls ran, the last first.
    recent: Vec<Ready>,
}

/// The code of a parameter's annotation that is no type.
const UNSUPPORTED_ANNOTATION: &str = "unsupported-annotation";

/// Specialisations that a call tries before it works out the types of its arguments.
const RECENT_MAX: usize = 4;

/// The base of `fuseline.CompiledFunction`.
#[pyclass(subclass, weakref, frozen, module = "fuseline._core")]
pub struct Function {
    function: Py<PyAny>,
    params: Params,
    signature: Option<Vec<Type>>,
    state: Mutex<State>,
}

#[pymethods]
impl Function {
    #[new]
    #[pyo3(signature = (function, signature=None))]
    fn new(function: &Bound<'_, PyAny>, signature: Option<&str>) -> PyResult<Function> {
        let py = function.py();
        let code = function.getattr("__code__")?;
        let count = |name: &str| -> PyResult<usize> { code.getattr(name)?.extract() };
        let positional = count("co_argcount")?;
        let total = positional + count("co_kwonlyargcount")?;
        let mut names: Vec<String> = code.getattr("co_varnames")?.extract()?;
        // CO_VARARGS and CO_VARKEYWORDS.
        let (takes_rest, takes_others) = (count("co_flags")? & 0x04 != 0, count("co_flags")? & 0x08 != 0);
        names.truncate(total + usize::from(takes_rest) + usize::from(takes_others));
        let params = Params {
            names,
            positional,
            positional_only: count("co_posonlyargcount")?,
            rest: takes_rest.then_some(total),
            others: takes_others.then_some(total + usize::from(takes_rest)),
        };
        let signature = match signature {
            Some(text) => Some(parse_signature(py, text, total)?),
            None => None,
        };
        Ok(Function { function: function.clone().unbind(), params, signature, state: Mutex::default() })
    }

    /// How the source of other functions finds this one.
    #[getter]
    fn __fuseline_function__(&self, py: Python<'_>) -> Py<PyAny> {
        self.function.clone_ref(py)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.function)?;
        // The collector runs with the GIL held: a lock that is taken belongs to a call that keeps this function alive.
        let Ok(state) = self.state.try_lock() else { return Ok(()) };
        let mut seen: Vec<&Arc<Described>> = Vec::new();
        let recent = state.recent.iter().map(|ready| &ready.described);
        for described in state.described.iter().chain(recent) {
            if !seen.iter().any(|other| Arc::ptr_eq(other, described)) {
                described.traverse(&visit)?;
                seen.push(described);
            }
        }
        Ok(())
    }

    fn __clear__(&self) {
        self.forget();
    }

    #[getter]
    fn parameter_names(&self) -> Vec<String> {
        self.params.names.clone()
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        guard(py, || {
            let this = slf.get();
            let bound = this.bind(py, args, kwargs)?;
            if let Some(value) = this.call_recent(py, &bound)? {
                return Ok(value);
            }
            // Columns and arrays want a decision that Python makes; single values come back through `_call`.
            slf.call_method1(intern!(py, "_dispatch"), (PyTuple::new(py, bound)?,))
        })
    }

    /// Calls with single values, one for each parameter.
    fn _call<'py>(&self, py: Python<'py>, args: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        guard(py, || {
            let args: Vec<Bound<'py, PyAny>> = args.iter().collect();
            let mut instances = Instances::default();
            let mut types = Vec::with_capacity(args.len());
            for (index, value) in args.iter().enumerate() {
                let ty = match self.params.others {
                    Some(others) if others == index => type_of_keywords(value.cast()?, &mut instances)?,
                    _ => type_within(value, DEPTH_MAX, Some(&mut instances))?,
                };
                types.push(ty.map_err(|reason| self.bad_argument(index, &reason))?);
                if let Some(reason) = instances.look_into()? {
                    return Err(self.bad_argument(index, &format!("a value that holds {reason}")));
                }
            }
            instances.add_class_attributes()?;
            let request = Request { factories: instances.factories.clone(), may_defer: true, ..Request::of(types) };
            // A name can change its meaning between the description and the call only from another thread.
            for _ in 0..4 {
                let (described, objects) = self.described_with(py, &instances)?;
                let code = specialise(py, &described, Request { objects, ..request.clone() })?;
                let ready = Ready { described, code };
                let outcome = self.call_ready(py, &ready, &args)?;
                self.remember(ready);
                if let Some(value) = outcome {
                    return Ok(value);
                }
                self.forget();
            }
            Err(engine_error(py, "the names this function reads change while it is being called"))
        })
    }

    /// Compiles for the annotated types; does nothing when a name it reads stands for nothing yet, or when annotations name
    /// something that is no type of ours: then the arguments of a call tell the types.
    fn _compile_annotated(&self, py: Python<'_>, itself: bool) -> PyResult<()> {
        guard(py, || {
            let described = Arc::new(self.describe(py, itself, &[])?);
            if !described.unresolved.is_empty() {
                return Ok(());
            }
            match specialise(py, &described, self.annotated()) {
                Err(error) if !has_only_code(py, &error, UNSUPPORTED_ANNOTATION)? => Err(error),
                _ => Ok(()),
            }
        })
    }

    /// Whether the function compiles for parameters of the types in `signature` (the IR's spelling; empty: as annotated).
    fn _compiles_for(&self, py: Python<'_>, types: Vec<String>) -> PyResult<bool> {
        guard(py, || {
            let types = types.iter().map(|text| parse_type(py, text)).collect::<PyResult<Vec<_>>>()?;
            let described = self.described(py, false)?;
            let params = types.into_iter().map(Some).collect();
            let asked = frontend::Request { params, objects_may_leave: true, ..frontend::Request::default() };
            Ok(py.detach(|| frontend::compile(&described.program, 0, &asked)).module.is_some())
        })
    }

    /// The Fuseline IR as text.
    fn _ir(&self, py: Python<'_>) -> PyResult<String> {
        guard(py, || Ok(ir::text::print(&self.any_code(py)?.module)))
    }

    /// An artifact of the compiler as bytes.
    #[pyo3(signature = (kind, target=None))]
    fn _artifact<'py>(&self, py: Python<'py>, kind: &str, target: Option<&str>) -> PyResult<Bound<'py, PyBytes>> {
        guard(py, || {
            let artifact = match kind {
                "llvm-ir" => Artifact::LlvmIr,
                "bitcode" => Artifact::Bitcode,
                "assembly" => Artifact::Assembly,
                "header" => Artifact::Header,
                _ => Artifact::Object,
            };
            let code = self.any_code(py)?;
            let bytes = py
                .detach(|| {
                    codegen::emit(std::slice::from_ref(code.module.as_ref()), artifact, target, &Options::default())
                })
                .map_err(|error| engine_error(py, &error.message))?;
            Ok(PyBytes::new(py, &bytes))
        })
    }

    /// The columns that the newest specialisation for a row reads; `None` when there is none.
    fn _columns_read(&self) -> Option<Vec<String>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.recent.iter().find_map(|ready| columns_read(&ready.code))
    }
}

impl Function {
    /// The arguments in the order of the parameters, defaults filled in.
    fn bind<'py>(
        &self,
        py: Python<'py>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let params = &self.params;
        if kwargs.is_none() && args.len() == params.names.len() && params.positional == args.len() {
            return Ok(args.iter().collect());
        }
        let mut bound: Vec<Option<Bound<'py, PyAny>>> = vec![None; params.names.len()];
        let mut fits = args.len() <= params.positional || params.rest.is_some();
        for (place, value) in bound.iter_mut().zip(args.iter()).take(params.positional) {
            *place = Some(value);
        }
        let others = PyDict::new(py);
        for (name, value) in kwargs.iter().flat_map(|kwargs| kwargs.iter()) {
            let name: String = name.extract()?;
            let variadic = [params.rest, params.others];
            let index = params.names.iter().position(|param| *param == name);
            let index = index.filter(|index| !variadic.contains(&Some(*index)));
            if params.others.is_some() && index.is_none_or(|index| index < params.positional_only) {
                others.set_item(name, value)?;
                continue;
            }
            match index.filter(|index| *index >= params.positional_only).and_then(|index| bound.get_mut(index)) {
                Some(place) if place.is_none() => *place = Some(value),
                _ => fits = false,
            }
        }
        if fits {
            self.fill_defaults(py, &mut bound)?;
            if let Some(place) = params.rest.and_then(|rest| bound.get_mut(rest)) {
                *place = Some(PyTuple::new(py, args.iter().skip(params.positional))?.into_any());
            }
            if let Some(place) = params.others.and_then(|others| bound.get_mut(others)) {
                *place = Some(others.into_any());
            }
        }
        match bound.into_iter().collect::<Option<Vec<_>>>().filter(|_| fits) {
            Some(bound) => Ok(bound),
            None => Err(self.bad_call(py, args, kwargs)),
        }
    }

    fn fill_defaults<'py>(&self, py: Python<'py>, bound: &mut [Option<Bound<'py, PyAny>>]) -> PyResult<()> {
        let function = self.function.bind(py);
        let params = &self.params;
        if let Ok(defaults) = function.getattr(intern!(py, "__defaults__"))?.cast::<PyTuple>() {
            let first = params.positional.saturating_sub(defaults.len());
            for (place, value) in bound.iter_mut().skip(first).zip(defaults.iter()).take(params.positional - first) {
                place.get_or_insert(value);
            }
        }
        if let Ok(defaults) = function.getattr(intern!(py, "__kwdefaults__"))?.cast::<PyDict>() {
            for (place, name) in bound.iter_mut().zip(&params.names).skip(params.positional) {
                if place.is_none() {
                    *place = defaults.get_item(name)?;
                }
            }
        }
        Ok(())
    }

    /// CPython's own `TypeError` for arguments that do not fit the parameters.
    fn bad_call<'py>(&self, py: Python<'py>, args: &Bound<'py, PyTuple>, kwargs: Option<&Bound<'py, PyDict>>) -> PyErr {
        let explain = || -> PyResult<()> {
            let make = py.import(intern!(py, "fuseline._source"))?.getattr(intern!(py, "without_body"))?;
            make.call1((self.function.bind(py),))?.call(args, kwargs)?;
            Ok(())
        };
        explain().err().unwrap_or_else(|| PyTypeError::new_err("the arguments do not fit the function's parameters"))
    }

    fn bad_argument(&self, index: usize, reason: &str) -> PyErr {
        let name = self.params.names.get(index).map_or("?", String::as_str);
        PyTypeError::new_err(format!("argument `{name}` is {reason}, which compiled code cannot take"))
    }

    /// Tries the specialisations of the last calls.
    fn call_recent<'py>(&self, py: Python<'py>, args: &[Bound<'py, PyAny>]) -> PyResult<Option<Bound<'py, PyAny>>> {
        let first = self.state.lock().unwrap_or_else(PoisonError::into_inner).recent.first().cloned();
        let Some(first) = first else { return Ok(None) };
        if let Some(value) = self.call_ready(py, &first, args)? {
            return Ok(Some(value));
        }
        let others: Vec<Ready> =
            self.state.lock().unwrap_or_else(PoisonError::into_inner).recent.iter().skip(1).cloned().collect();
        for ready in others {
            if let Some(value) = self.call_ready(py, &ready, args)? {
                self.remember(ready);
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// Calls a specialisation when names and types are those it was made for.
    fn call_ready<'py>(
        &self,
        py: Python<'py>,
        ready: &Ready,
        args: &[Bound<'py, PyAny>],
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        if !ready.described.holds(py)? {
            self.forget();
            return Ok(None);
        }
        let Some(captures) = ready.described.read_captures(py)? else { return Ok(None) };
        let assigned = &ready.code.assigned;
        let outcome = if assigned.is_empty() {
            scalar::call(py, &ready.code, args, &captures, &self.params.names)
        } else {
            let held = ready.described.held(py, &captures, assigned)?;
            let outcome = scalar::call(py, &ready.code, args, &held, &self.params.names);
            // What was assigned stays so when an exception leaves the function.
            ready.described.store_assigned(&captures, &held, assigned)?;
            outcome
        };
        Ok(match outcome? {
            Outcome::Returned(value) => Some(value),
            Outcome::OtherTypes => None,
        })
    }

    /// Puts a specialisation first among the recent ones.
    fn remember(&self, ready: Ready) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.recent.retain(|other| !Arc::ptr_eq(&other.code, &ready.code));
        state.recent.insert(0, ready);
        state.recent.truncate(RECENT_MAX);
    }

    fn forget(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.described = None;
        state.recent.clear();
    }

    /// The description with the classes of the arguments, and what is known of these.
    fn described_with<'py>(
        &self,
        py: Python<'py>,
        instances: &Instances<'py>,
    ) -> PyResult<(Arc<Described>, Vec<frontend::GivenClass>)> {
        let known = self.described(py, false)?;
        if instances.all_classes().all(|class| known.asked_for(class))
            && let Some(objects) = instances.given(&known)
        {
            return Ok((known, objects));
        }
        let mut classes: Vec<Bound<'py, PyAny>> = known.classes(py).collect();
        classes.extend(instances.all_classes().map(|class| class.clone().into_any()));
        let mut made = self.describe(py, false, &classes)?;
        made.asked = classes.iter().map(|class| class.as_ptr() as usize).collect();
        let made = Arc::new(made);
        if let Some(class) = instances.records.iter().find(|class| made.has_namesake(class).unwrap_or(false)) {
            let name = class.name()?;
            return Err(PyTypeError::new_err(format!(
                "an argument is an instance of another class `{name}` than the one that the function uses"
            )));
        }
        let Some(objects) = instances.given(&made) else {
            let missing = instances.classes.iter().find(|seen| !made.codes.iter().any(|code| code.is(&seen.class)));
            let name = missing.map(|seen| seen.class.qualname()).transpose()?;
            let name = name.map_or_else(String::new, |name| name.to_string());
            return Err(PyTypeError::new_err(format!(
                "an argument holds an object of class `{name}`, which compiled code cannot take: the source of the class \
                 cannot be found"
            )));
        };
        self.state.lock().unwrap_or_else(PoisonError::into_inner).described = Some(made.clone());
        Ok((made, objects))
    }

    fn describe(&self, py: Python<'_>, itself: bool, classes: &[Bound<'_, PyAny>]) -> PyResult<Described> {
        let options = PyDict::new(py);
        options.set_item("itself", itself)?;
        options.set_item("classes", classes)?;
        let describe = py.import(intern!(py, "fuseline._source"))?.getattr(intern!(py, "describe"))?;
        Described::extract(&describe.call((self.function.bind(py),), Some(&options))?)
    }

    /// The description, made again when a name has changed its meaning or a captured value its type.
    fn described(&self, py: Python<'_>, itself: bool) -> PyResult<Arc<Described>> {
        let known = self.state.lock().unwrap_or_else(PoisonError::into_inner).described.clone();
        if let Some(known) = known
            && known.holds(py)?
            && captures_fit(py, &known)?
        {
            return Ok(known);
        }
        let made = Arc::new(self.describe(py, itself, &[])?);
        self.state.lock().unwrap_or_else(PoisonError::into_inner).described = Some(made.clone());
        Ok(made)
    }

    fn annotated(&self) -> Request {
        let params = self.signature.iter().flatten().cloned().map(Some).collect();
        Request { params, objects_may_leave: true, ..Request::default() }
    }

    /// The newest specialisation; without one, that of the annotations.
    fn any_code(&self, py: Python<'_>) -> PyResult<Arc<Specialisation>> {
        if self.signature.is_none() {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(ready) = state.recent.first() {
                return Ok(ready.code.clone());
            }
        }
        specialise(py, &*self.described(py, false)?, self.annotated())
    }

    /// The function for the engine, with the captured values of now: arrays are copied, so that a plan computes the
    /// same whenever it is run.
    pub fn for_engine(&self, py: Python<'_>, request: Request) -> PyResult<CompiledFunction> {
        let request = Request { objects_may_leave: false, ..self.fitting(py, request)? };
        let as_list = request.as_list;
        let described = self.described(py, false)?;
        let code = specialise(py, &described, request)?;
        if let Some(capture) = code.assigned.first().and_then(|index| code.module.captures.get(*index)) {
            let message =
                format!("`{}` assigns `{}`, which is not its own", code.module.entry_func().name, capture.name);
            let help = "rows run on many threads at once: carry it as the state of a `reduce`";
            return Err(usage_error(py, "unsupported-assignment", &message, Some(help)));
        }
        let Some(values) = described.read_captures(py)? else {
            return Err(engine_error(py, "a captured name has become unbound"));
        };
        let mut slots = Vec::new();
        let mut frame = Frame::default();
        let mut kept = Vec::with_capacity(values.len());
        for (value, ty) in values.iter().zip(&code.captures) {
            let value = frozen(value, ty)?;
            if !write(&value, ty, &mut slots, &mut frame)? {
                return Err(engine_error(py, "a captured value changes its type while a plan is made"));
            }
            kept.push(value.unbind());
        }
        let name = match as_list {
            true => self.function.bind(py).getattr(intern!(py, "__name__"))?.extract()?,
            false => code.module.entry_func().name.clone(),
        };
        self.remember(Ready { described, code: code.clone() });
        Ok(CompiledFunction::new(
            name,
            code.module.clone(),
            CaptureValues::new(slots, Arc::new(Kept::new(kept, frame.arena))),
        ))
    }

    /// Lets parameters beyond those of the request take their defaults; refuses a function that cannot be called so.
    fn fitting(&self, py: Python<'_>, request: Request) -> PyResult<Request> {
        let (given, taken) = (request.params.len(), self.params.names.len());
        let mut bound: Vec<Option<Bound<'_, PyAny>>> = vec![None; taken];
        self.fill_defaults(py, &mut bound)?;
        // `*args` and `**kwargs` have no types before a call.
        let filled = bound.iter().skip(given).all(Option::is_some);
        if given > self.params.positional || !filled {
            let name: String = self.function.bind(py).getattr(intern!(py, "__name__"))?.extract()?;
            let message =
                format!("`{name}` cannot be called with {given} argument{}", if given == 1 { "" } else { "s" });
            let help = "a function of a row takes the row, a fold's step the state and the row, its merge two states, one in SQL its arguments";
            return Err(usage_error(py, "wrong-parameters", &message, Some(help)));
        }
        Ok(Request { fill_defaults: given < taken, ..request })
    }

    /// The parameters' names.
    pub fn names(&self) -> &[String] {
        &self.params.names
    }
}

/// Arrays copied, also those in tuples.
fn frozen<'py>(value: &Bound<'py, PyAny>, ty: &Type) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    match ty {
        Type::Array { .. } => value.call_method0(intern!(py, "copy")),
        Type::Tuple(items) => {
            let tuple = value.cast::<PyTuple>()?;
            let items = tuple.iter().zip(items).map(|(item, ty)| frozen(&item, ty)).collect::<PyResult<Vec<_>>>()?;
            Ok(PyTuple::new(py, items)?.into_any())
        }
        _ => Ok(value.clone()),
    }
}

fn captures_fit(py: Python<'_>, described: &Described) -> PyResult<bool> {
    let Some(values) = described.read_captures(py)? else { return Ok(false) };
    for (value, ty) in values.iter().zip(described.capture_types()) {
        if type_of(value)?.as_ref() != Ok(ty) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn columns_read(code: &Specialisation) -> Option<Vec<String>> {
    let index = code.params.iter().position(|ty| matches!(ty, Type::Record(_)))?;
    let Some(Type::Record(record)) = code.params.get(index) else { return None };
    let read = ir::introspect::columns_read(&code.module, code.module.entry, index);
    Some(read.into_iter().filter_map(|field| Some(record.fields.get(field)?.0.clone())).collect())
}

fn parse_type(py: Python<'_>, text: &str) -> PyResult<Type> {
    ir::text::parse_type(text).map_err(|error| engine_error(py, &format!("{error:?}")))
}

fn parse_signature(py: Python<'_>, text: &str, params: usize) -> PyResult<Vec<Type>> {
    let signature = frontend::parse_signature(text).map_err(|message| usage_error(py, "signature", &message, None))?;
    if signature.params.len() != params {
        let message =
            format!("the signature `{text}` has {} parameters, the function {params}", signature.params.len());
        return Err(usage_error(py, "signature", &message, None));
    }
    Ok(signature.params)
}
