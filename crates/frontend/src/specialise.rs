//! Functions times argument types: each combination that is called is lowered once. Owns the search for the result types
//! of recursive functions, and puts the module together. Knows nothing of single statements or expressions.
//!
//! A recursive function's result is found by iteration: its first lowering takes it that recursive calls do not return,
//! each further one that they return what the last one came out with, until that is stable. Functions that call each
//! other are iterated together, from the one that was called first.

use std::collections::HashMap;
use std::rc::Rc;

use ir::{Func, FuncId, Op, Span, Type};

use crate::compile::Request;
use crate::diagnostic::{Diagnostic, Place};
use crate::library;
use crate::locate::{FunctionNode, find_function};
use crate::lower::{Lowerer, Static};
use crate::names::{Names, free_names};
use crate::parse::{Parsed, ast};
use crate::program::{FunctionSource, Program};
use crate::shape::{Shape, Sites, is_too_large, join};

/// The number of a function with argument types.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SpecId(pub u32);

/// Functions with argument types that one program may have.
const SPECS_MAX: usize = 1_000;
/// Calls inside calls that lowering follows; deeper ones are types that grow without end.
const DEPTH_MAX: usize = 60;
/// Times that one function is lowered again for the element types of its lists.
const SITE_ROUNDS_MAX: usize = 12;
/// Times that one function is lowered again before its types count as growing without end.
const ROUNDS_MAX: usize = 60;

/// What a parameter is called with.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Argument {
    Value(Shape),
    /// No value at run time: a function, for instance.
    Static(Static),
}

/// A function that can be called.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Callable {
    /// By its index in the program.
    Program(usize),
    /// A function or lambda inside another, by its number in the compiler.
    Closure(usize),
}

/// A function or lambda inside another. What it reads of the variables around it are further parameters, given at each
/// call: CPython looks them up then, too.
#[derive(Clone)]
pub struct Closure<'p> {
    source: Source<'p>,
    /// The function of the program that it is in.
    owner: usize,
    /// The variables around it that it reads.
    pub free: Vec<String>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Key {
    callable: Callable,
    arguments: Vec<Argument>,
    /// Names of the last arguments: variables of the functions around.
    captured: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    New,
    /// Being lowered, at this depth of the stack.
    Open(usize),
    /// Lowered, but with what the open function at this depth is taken to return.
    Provisional(usize),
    Done,
}

struct Spec {
    key: Key,
    state: State,
    /// What it is known to return; `None` while it is not known to return at all.
    result: Option<Shape>,
    func: Option<Func>,
    diagnostics: Vec<Diagnostic>,
    callees: Vec<SpecId>,
    failed: bool,
}

/// What a call to a function gives.
pub enum Callee {
    Returns(SpecId, Shape),
    /// It never returns, as far as is known.
    Diverges(SpecId),
    /// Its own diagnostics say why.
    Failed(SpecId),
}

/// The state of one compilation.
pub struct Compiler<'p> {
    pub program: &'p Program,
    parsed: &'p [Option<Parsed>],
    pub request: &'p Request,
    specs: Vec<Spec>,
    by_key: HashMap<Key, SpecId>,
    /// The open functions; beside each the lowest depth whose provisional result it has used.
    stack: Vec<(SpecId, usize)>,
    names: HashMap<(Callable, Vec<String>), Rc<Names>>,
    /// Counts the results that came out different than they were taken to be.
    changes: usize,
    closures: Vec<Closure<'p>>,
}

/// A function's syntax.
#[derive(Clone, Copy)]
pub struct Source<'p> {
    pub parsed: &'p Parsed,
    pub node: FunctionNode<'p>,
}

impl<'p> Source<'p> {
    pub fn parameters(&self) -> Option<&'p ast::Parameters> {
        match self.node {
            FunctionNode::Def(def) => Some(&def.parameters),
            FunctionNode::Lambda(lambda) => lambda.parameters.as_deref(),
        }
    }

    pub fn name(&self) -> String {
        match self.node {
            FunctionNode::Def(def) => def.name.to_string(),
            FunctionNode::Lambda(_) => "<lambda>".to_owned(),
        }
    }

    /// What messages about the whole function point at.
    pub fn place(&self) -> Place {
        match self.node {
            FunctionNode::Def(def) => self.parsed.place(&def.name),
            FunctionNode::Lambda(lambda) => self.parsed.place(lambda),
        }
    }
}

/// The parameters in the order of a call: those by position, then those by keyword.
pub fn parameter_list(parameters: Option<&ast::Parameters>) -> Vec<&ast::ParameterWithDefault> {
    parameters.map_or_else(Vec::new, |parameters| parameters.iter_non_variadic_params().collect())
}

/// The parameters by name, those behind `*` last, and the body of a `def`.
fn params_and_body<'p>(source: &Source<'p>) -> (Vec<String>, &'p [ast::Stmt]) {
    let mut params: Vec<String> =
        parameter_list(source.parameters()).iter().map(|param| param.name().to_string()).collect();
    if let Some(parameters) = source.parameters() {
        let variadic = [&parameters.vararg, &parameters.kwarg];
        params.extend(variadic.into_iter().flatten().map(|param| param.name.to_string()));
    }
    match source.node {
        FunctionNode::Def(def) => (params, &def.body),
        FunctionNode::Lambda(_) => (params, &[]),
    }
}

impl<'p> Compiler<'p> {
    pub fn new(program: &'p Program, parsed: &'p [Option<Parsed>], request: &'p Request) -> Compiler<'p> {
        Compiler {
            program,
            parsed,
            request,
            specs: Vec::new(),
            by_key: HashMap::new(),
            stack: Vec::new(),
            names: HashMap::new(),
            changes: 0,
            closures: Vec::new(),
        }
    }

    /// The syntax of a function.
    pub fn source(&self, callable: Callable) -> Option<Source<'p>> {
        let function = match callable {
            Callable::Program(function) => function,
            Callable::Closure(id) => return self.closures.get(id).map(|closure| closure.source),
        };
        if library::is_library_function(function) {
            let (parsed, def) = library::source(function)?;
            return Some(Source { parsed, node: FunctionNode::Def(def) });
        }
        let known = self.program.functions.get(function)?;
        let parsed = self.parsed_file(known.file)?;
        let file = self.program.files.get(known.file)?;
        find_function(file, parsed.body(), &known.locator).map(|node| Source { parsed, node })
    }

    /// A function of the program or of the library.
    pub fn function(&self, number: usize) -> Option<&'p FunctionSource> {
        if library::is_library_function(number) {
            return library::function(number);
        }
        self.program.functions.get(number)
    }

    fn parsed_file(&self, number: usize) -> Option<&'p Parsed> {
        if library::is_library_file(number) {
            return library::parsed(number);
        }
        self.parsed.get(number)?.as_ref()
    }

    /// The place in the IR's terms. What is in the library has no place: its exceptions carry that of the call.
    pub fn span(&self, place: Place) -> Span {
        match self.parsed.get(place.file) {
            Some(Some(parsed)) => {
                let (line, column) = parsed.line_and_column(ast::TextSize::from(place.start));
                Span { file: u16::try_from(place.file).unwrap_or(u16::MAX), line, column }
            }
            _ => Span::default(),
        }
    }

    /// The program's text at a place.
    pub fn text_of(&self, place: Place) -> &'p str {
        let file = if library::is_library_file(place.file) {
            library::file(place.file)
        } else {
            self.program.files.get(place.file)
        };
        file.and_then(|file| file.text.get(place.start as usize..place.end as usize)).unwrap_or("")
    }

    /// The number that stands for a function or lambda inside the function `owner`.
    pub fn closure_id(
        &mut self,
        node: FunctionNode<'p>,
        file: usize,
        owner: usize,
        is_around: impl Fn(&str) -> bool,
    ) -> Option<usize> {
        let same = |closure: &Closure<'p>| match (closure.source.node, node) {
            (FunctionNode::Def(a), FunctionNode::Def(b)) => std::ptr::eq(a, b),
            (FunctionNode::Lambda(a), FunctionNode::Lambda(b)) => std::ptr::eq(a, b),
            _ => false,
        };
        if let Some(known) = self.closures.iter().position(same) {
            return Some(known);
        }
        let parsed = self.parsed_file(file)?;
        let source = Source { parsed, node };
        let (params, body) = params_and_body(&source);
        let own = Names::of(&params, body);
        let free = match node {
            FunctionNode::Def(def) => free_names(&def.body, None, &own),
            FunctionNode::Lambda(lambda) => free_names(&[], Some(&lambda.body), &own),
        };
        let free = free.into_iter().filter(|name| is_around(name)).collect();
        self.closures.push(Closure { source, owner, free });
        Some(self.closures.len() - 1)
    }

    pub fn closure(&self, id: usize) -> Option<&Closure<'p>> {
        self.closures.get(id)
    }

    /// The function of the program whose free names the function sees.
    fn owner(&self, callable: Callable) -> usize {
        match callable {
            Callable::Program(function) => function,
            Callable::Closure(id) => self.closures.get(id).map_or(0, |closure| closure.owner),
        }
    }

    /// The name of the function.
    pub fn name_of(&self, id: SpecId) -> Option<String> {
        let spec = self.specs.get(id.0 as usize)?;
        self.source(spec.key.callable).map(|source| source.name())
    }

    /// Whether the function is the one that was asked for.
    pub fn is_entry(&self, spec: SpecId) -> bool {
        spec.0 == 0
    }

    fn spec(&mut self, id: SpecId) -> &mut Spec {
        &mut self.specs[id.0 as usize]
    }

    /// What a call with these arguments gives; lowers the function when that has not been done.
    pub fn call(&mut self, callable: Callable, arguments: Vec<Argument>, captured: Vec<String>) -> Option<Callee> {
        let too_large = |argument: &Argument| match argument {
            Argument::Value(shape) => is_too_large(&shape.ty),
            Argument::Static(_) => false,
        };
        if arguments.iter().any(too_large) {
            return None;
        }
        let key = Key { callable, arguments, captured };
        let id = match self.by_key.get(&key) {
            Some(id) => *id,
            None if self.specs.len() >= SPECS_MAX => return None,
            None => {
                let id = SpecId(self.specs.len() as u32);
                self.by_key.insert(key.clone(), id);
                self.specs.push(Spec {
                    key,
                    state: State::New,
                    result: None,
                    func: None,
                    diagnostics: Vec::new(),
                    callees: Vec::new(),
                    failed: false,
                });
                id
            }
        };
        let state = self.spec(id).state;
        match state {
            State::Done => {}
            State::Open(depth) | State::Provisional(depth) => {
                if let Some((_, lowest)) = self.stack.last_mut() {
                    *lowest = depth.min(*lowest);
                }
            }
            State::New if self.stack.len() >= DEPTH_MAX => return None,
            State::New => self.solve(id),
        }
        let spec = self.spec(id);
        Some(match &spec.result {
            _ if spec.failed => Callee::Failed(id),
            Some(shape) => Callee::Returns(id, shape.clone()),
            None => Callee::Diverges(id),
        })
    }

    /// Lowers a function until what it returns is stable.
    fn solve(&mut self, id: SpecId) {
        let depth = self.stack.len();
        let mut rounds = 0;
        loop {
            self.spec(id).state = State::Open(depth);
            self.stack.push((id, usize::MAX));
            let changes = self.changes;
            self.lower(id);
            let lowest = self.stack.pop().map_or(usize::MAX, |(_, lowest)| lowest);
            if lowest < depth {
                // Part of a cycle that an outer function started: that one iterates.
                if let Some((_, outer)) = self.stack.last_mut() {
                    *outer = lowest.min(*outer);
                }
                self.spec(id).state = State::Provisional(lowest);
                return;
            }
            rounds += 1;
            let stable = lowest == usize::MAX || self.changes == changes;
            let endless = self.spec(id).result.as_ref().is_some_and(|shape| is_too_large(&shape.ty));
            if stable || endless || rounds >= ROUNDS_MAX {
                if !stable {
                    self.refuse_growth(id);
                }
                self.settle(depth, State::Done);
                self.spec(id).state = State::Done;
                return;
            }
            self.settle(depth, State::New);
        }
    }

    /// What was lowered under this open function gets its final state, or is lowered again.
    fn settle(&mut self, depth: usize, state: State) {
        for spec in &mut self.specs {
            if matches!(spec.state, State::Provisional(from) if from >= depth) {
                spec.state = state;
            }
        }
    }

    fn refuse_growth(&mut self, id: SpecId) {
        let Some(source) = self.source(self.specs[id.0 as usize].key.callable) else { return };
        let spec = self.spec(id);
        spec.failed = true;
        spec.diagnostics.push(Diagnostic {
            code: "too-complex",
            message: "the type that this function returns has no end".to_owned(),
            place: source.place(),
            labels: Vec::new(),
            help: None,
        });
    }

    /// Lowers one function with what is known of the others now.
    fn lower(&mut self, id: SpecId) {
        let Key { callable, arguments, captured } = self.spec(id).key.clone();
        let function = self.owner(callable);
        let Some(source) = self.source(callable) else {
            self.missing(id, function);
            return;
        };
        let names = self.names_of(callable, &source, &captured);
        let mut sites = Sites::default();
        for round in 0..SITE_ROUNDS_MAX {
            let before = self.spec(id).result.clone();
            let lowerer = Lowerer::start(self, source, function, id, names.clone(), &arguments, &captured, sites);
            let outcome = lowerer.run(source, before.as_ref());
            if let Some(revised) = outcome.sites.revised(round >= 4)
                && round + 1 < SITE_ROUNDS_MAX
            {
                sites = revised;
                continue;
            }
            let spec = self.spec(id);
            spec.failed = !outcome.diagnostics.is_empty();
            spec.diagnostics = outcome.diagnostics;
            spec.callees = outcome.callees;
            spec.func = Some(outcome.func);
            let changed = before != outcome.result;
            if changed {
                spec.result = outcome.result;
                self.changes += 1;
            }
            return;
        }
    }

    fn missing(&mut self, id: SpecId, function: usize) {
        let file = self.function(function).map_or(0, |function| function.file);
        let spec = self.spec(id);
        spec.failed = true;
        // A file that does not parse has said so.
        spec.diagnostics = vec![Diagnostic {
            code: "source-not-found",
            message: "the source of this function was not found where Python says it is".to_owned(),
            place: Place { file, start: 0, end: 0 },
            labels: Vec::new(),
            help: Some("put the function into a file, as a `def` or one lambda on its line".to_owned()),
        }];
    }

    fn names_of(&mut self, callable: Callable, source: &Source<'p>, captured: &[String]) -> Rc<Names> {
        let key = (callable, captured.to_vec());
        if let Some(names) = self.names.get(&key) {
            return names.clone();
        }
        let (mut params, body) = params_and_body(source);
        params.extend_from_slice(captured);
        let mut names = Names::of(&params, body);
        if let FunctionNode::Lambda(lambda) = source.node {
            names.add_bound_in(&lambda.body);
        }
        let names = Rc::new(names);
        self.names.insert(key, names.clone());
        names
    }

    /// The joined result of two rounds.
    pub fn join_results(before: Option<&Shape>, found: Option<Shape>, sites: &mut Sites) -> Option<Shape> {
        match (before, found) {
            (Some(before), Some(found)) => Some(join(before, &found, sites)),
            (Some(before), None) => Some(before.clone()),
            (None, found) => found,
        }
    }

    // The module.

    /// The functions that the entry reaches, in the order in which they were found.
    fn reached(&self) -> Vec<SpecId> {
        let mut order = Vec::new();
        let mut seen = vec![false; self.specs.len()];
        let mut next = vec![SpecId(0)];
        while let Some(id) = next.pop() {
            let index = id.0 as usize;
            if index < seen.len() && !std::mem::replace(&mut seen[index], true) {
                order.push(id);
                next.extend(self.specs[index].callees.iter().rev());
            }
        }
        order
    }

    /// The diagnostics of everything that the entry reaches, in source order.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        let mut found: Vec<Diagnostic> = Vec::new();
        for id in self.reached() {
            for diagnostic in &self.specs[id.0 as usize].diagnostics {
                // What is wrong inside the library was reported at the call, in the caller's words.
                if !library::is_library_file(diagnostic.place.file) && !found.contains(diagnostic) {
                    found.push(diagnostic.clone());
                }
            }
        }
        found.sort_by(|a, b| (a.place, a.code).cmp(&(b.place, b.code)));
        found
    }

    /// Why a function of the library cannot be compiled for the arguments it was called with, when the reason is in the
    /// library itself: in its own code, or in that of the library's functions it calls.
    pub fn refusal(&self, id: SpecId) -> Option<Diagnostic> {
        let mut seen = vec![id];
        let mut next = 0;
        while let Some(id) = seen.get(next).copied() {
            next += 1;
            let Some(spec) = self.specs.get(id.0 as usize) else { continue };
            if !library::is_library_function(self.owner(spec.key.callable)) {
                continue;
            }
            if let Some(found) = spec.diagnostics.iter().find(|found| library::is_library_file(found.place.file)) {
                return Some(found.clone());
            }
            let more: Vec<SpecId> = spec.callees.iter().copied().filter(|callee| !seen.contains(callee)).collect();
            seen.extend(more);
        }
        None
    }

    pub fn entry_result(&self) -> Option<Type> {
        self.specs.first().filter(|spec| !spec.failed).map(|spec| match &spec.result {
            Some(shape) => shape.ty.clone(),
            None => Type::None,
        })
    }

    /// The module of everything that the entry reaches.
    pub fn module(&self) -> ir::Module {
        let order = self.reached();
        let number: HashMap<SpecId, FuncId> =
            order.iter().enumerate().map(|(index, id)| (*id, FuncId(index as u32))).collect();
        let mut funcs: Vec<Func> = order.iter().filter_map(|id| self.specs[id.0 as usize].func.clone()).collect();
        for inst in funcs.iter_mut().flat_map(|func| &mut func.blocks).flat_map(|block| &mut block.insts) {
            if let Op::Call(callee) = &mut inst.op
                && let Some(renumbered) = number.get(&SpecId(callee.0))
            {
                *callee = *renumbered;
            }
        }
        ir::Module {
            files: self.program.files.iter().map(|file| file.name.clone()).collect(),
            captures: self
                .program
                .captures
                .iter()
                .map(|capture| ir::Capture { name: capture.name.clone(), ty: capture.ty.clone() })
                .collect(),
            classes: Vec::new(),
            funcs,
            entry: FuncId(0),
        }
    }
}
