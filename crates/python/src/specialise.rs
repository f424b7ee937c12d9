//! Compiled programs, one per description and argument types, kept for the process: new captured values, new function
//! objects of the same code and repeated calls compile nothing.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use codegen::{CallKernel, Options};
use frontend::diagnostic::Diagnostic;
use frontend::program::{Binding, FunctionSource, Locator, Program, SourceFile};
use frontend::{GivenClass, Resume};
use ir::{Module, Type};
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::errors::{compile_error, engine_error};
use crate::layouts::Layouts;
use crate::program::Described;

/// One function for given types of arguments and captured values.
pub struct Specialisation {
    pub module: Arc<Module>,
    pub params: Vec<Type>,
    pub captures: Vec<Type>,
    pub result: Type,
    /// By parameter: the function may store into it.
    pub writes: Vec<bool>,
    /// It may store into a captured value.
    pub writes_elsewhere: bool,
    /// The captured values that it assigns, by number.
    pub assigned: Vec<usize>,
    /// Holds a loop or a recursion: the only ways to take long.
    pub can_run_long: bool,
    /// How instances that can be changed lie in its memory.
    pub layouts: Layouts,
    /// The entry is a generator function: how to go on with what it returns.
    pub resume: Option<Resume>,
    /// What is said when an operation is reached that the types of its operands forbid, with the files it is about.
    pub deferred: (Vec<SourceFile>, Vec<Diagnostic>),
    call: OnceLock<CallKernel>,
    go_on: OnceLock<CallKernel>,
    /// The addresses of these objects are in the cache's key.
    _codes: Vec<Py<PyAny>>,
}

/// What a function is compiled for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `None`: as annotated.
    pub params: Vec<Option<Type>>,
    /// The result goes into columns, each of one type.
    pub row_result: bool,
    pub expected_result: Option<Type>,
    /// The function has more parameters; they take their defaults.
    pub fill_defaults: bool,
    /// The result is a list of what the function returns or yields.
    pub as_list: bool,
    /// The classes of the instances that can be changed among the arguments.
    pub objects: Vec<GivenClass>,
    /// The names of what makes the missing values of the `defaultdict`s among them.
    pub factories: Vec<String>,
    /// The result goes to Python: it may hold such instances.
    pub objects_may_leave: bool,
    /// A call with single values: what types forbid is an error when it is reached.
    pub may_defer: bool,
}

impl Request {
    /// For arguments of these types.
    pub fn of(params: Vec<Type>) -> Request {
        Request { params: params.into_iter().map(Some).collect(), objects_may_leave: true, ..Request::default() }
    }

    /// The result goes into columns.
    pub fn for_columns(self) -> Request {
        Request { row_result: true, objects_may_leave: false, ..self }
    }
}

static CACHE: Mutex<Option<HashMap<String, Arc<Specialisation>>>> = Mutex::new(None);

/// Compiles the entry function of `described`, or finds it compiled.
pub fn specialise(py: Python<'_>, described: &Described, request: Request) -> PyResult<Arc<Specialisation>> {
    let key = format!("{}{request:?}", described.key);
    if let Some(found) = CACHE.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(|cache| cache.get(&key))
    {
        return Ok(found.clone());
    }
    let made = Arc::new(compile(py, described, request)?);
    let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(cache.get_or_insert_default().entry(key).or_insert(made).clone())
}

fn compile(py: Python<'_>, described: &Described, request: Request) -> PyResult<Specialisation> {
    let Request {
        params,
        row_result,
        expected_result,
        fill_defaults,
        as_list,
        objects,
        factories,
        objects_may_leave,
        may_defer,
    } = request;
    let (program, entry) = if fill_defaults || as_list {
        let (program, entry) = called_by_entry(&described.program, params.len(), as_list);
        (Cow::Owned(program), entry)
    } else {
        (Cow::Borrowed(&described.program), 0)
    };
    let asked =
        frontend::Request { params, row_result, expected_result, objects, factories, objects_may_leave, may_defer };
    let compiled = py.detach(|| frontend::compile(&program, entry, &asked));
    let Some(module) = compiled.module else {
        return Err(compile_error(py, &program.files, &compiled.diagnostics));
    };
    let class = |number: usize| Some(described.codes.get(number)?.bind(py).cast::<PyType>().ok()?.clone());
    let classes: Vec<(Arc<str>, Bound<'_, PyType>)> =
        compiled.classes.iter().filter_map(|(name, number)| Some((name.clone(), class(*number)?))).collect();
    let mut layouts = Layouts::new(py, &module, &classes, &asked.objects, compiled.factories)?;
    layouts.named =
        described.classes(py).filter_map(|class| Some(class.cast_into::<PyType>().ok()?.unbind())).collect();
    let facts = ir::introspect::Facts::new(&module);
    let entry = module.entry_func();
    let params = entry.param_types();
    let every = (0..module.funcs.len() as u32).map(ir::FuncId);
    Ok(Specialisation {
        // What a generator function stores it stores later, through its state.
        writes: match &compiled.resume {
            Some(resume) => vec![facts.writes_param(resume.func, 0); params.len()],
            None => (0..params.len()).map(|index| facts.writes_param(module.entry, index)).collect(),
        },
        writes_elsewhere: facts.func(module.entry).writes.is_elsewhere(),
        can_run_long: every.into_iter().any(|id| facts.has_loops(id) || facts.is_recursive(id))
            || waits_itself(&module),
        captures: module.captures.iter().map(|capture| capture.ty.clone()).collect(),
        result: entry.result.clone(),
        params,
        layouts,
        assigned: compiled.assigned,
        resume: compiled.resume,
        deferred: match compiled.deferred.is_empty() {
            true => Default::default(),
            false => (program.files.clone(), compiled.deferred),
        },
        call: OnceLock::new(),
        go_on: OnceLock::new(),
        _codes: described.codes.iter().map(|code| code.clone_ref(py)).collect(),
        module: Arc::new(module),
    })
}

/// The program with a new entry that calls function 0 with its first `count` arguments only, and may make a list of what it
/// gives.
fn called_by_entry(program: &Program, count: usize, as_list: bool) -> (Program, usize) {
    let names: Vec<String> = (0..count).map(|index| format!("a{index}")).collect();
    let names = names.join(", ");
    let call = format!("function({names})");
    let body = if as_list { format!("list({call})") } else { call };
    let mut program = program.clone();
    program.files.push(SourceFile::new("<fuseline>", format!("lambda {names}: {body}\n"), 1));
    program.functions.push(FunctionSource {
        file: program.files.len() - 1,
        locator: Locator::Lambda { line: 1, column: 0 },
        bindings: BTreeMap::from([("function".to_owned(), Binding::Function(0))]),
        defaults: BTreeMap::new(),
        attributes: BTreeMap::new(),
    });
    let entry = program.functions.len() - 1;
    (program, entry)
}

impl Specialisation {
    /// The machine code that goes on with a generator.
    pub fn resume_kernel(&self, py: Python<'_>) -> PyResult<&CallKernel> {
        if let Some(kernel) = self.go_on.get() {
            return Ok(kernel);
        }
        let Some(resume) = &self.resume else { return Err(engine_error(py, "this function is no generator")) };
        let module = Module { entry: resume.func, ..(*self.module).clone() };
        let kernel =
            codegen::compile_call(&module, &Options::default()).map_err(|error| engine_error(py, &error.message))?;
        Ok(self.go_on.get_or_init(|| kernel))
    }

    /// The machine code, made at first use.
    pub fn call_kernel(&self, py: Python<'_>) -> PyResult<&CallKernel> {
        if let Some(kernel) = self.call.get() {
            return Ok(kernel);
        }
        let kernel = codegen::compile_call(&self.module, &Options::default())
            .map_err(|error| engine_error(py, &error.message))?;
        Ok(self.call.get_or_init(|| kernel))
    }
}
/// Whether something that the module calls in the runtime may take long.
fn waits_itself(module: &ir::Module) -> bool {
    let insts = module.funcs.iter().flat_map(|func| &func.blocks).flat_map(|block| &block.insts);
    insts.into_iter().any(|inst| match inst.op {
        ir::Op::Prim(prim) => runtime::table::symbol_of_prim(prim.name())
            .is_some_and(|symbol| matches!(symbol.signature.convention, runtime::table::Convention::Interruptible(_))),
        _ => false,
    })
}
