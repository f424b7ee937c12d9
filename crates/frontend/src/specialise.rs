//! Functions times argument types: each combination that is called is lowered once. Owns the search for the result types
//! of recursive functions, and puts the module together. Knows nothing of single statements or expressions.
//!
//! A recursive function's result is found by iteration: its first lowering takes it that recursive calls do not return,
//! each further one that they return what the last one came out with, until that is stable. Functions that call each
//! other are iterated together, from the one that was called first.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use ir::passes::generator;
use ir::{Func, FuncId, Op, Span, Type};

use crate::classes::{ClassKind, Classes, Default as FieldDefault, Field};
use crate::compile::{Request, Resume};
use crate::diagnostic::{Diagnostic, Place};
use crate::inner_classes::LocalClass;
use crate::library;
use crate::locate::{FunctionNode, Index};
use crate::lower::{FIRST_ITERABLE, Lowerer, Static, Yields};
use crate::names::{Names, free_names, free_names_of_generator, has_try, has_yield};
use crate::notes::Notes;
use crate::objects::Objects;
use crate::parse::{Parsed, ast};
use crate::program::{FunctionSource, Program, SourceFile};
use crate::shape::{Shape, Sites, element_type, is_too_large, join, without_growing_tuples};
use crate::sources::Sources;
use crate::widen::Widenings;

mod generators;

/// The number of a function with argument types.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SpecId(pub u32);

/// Functions with argument types that one program may have.
const SPECS_MAX: usize = 1_000;
/// Calls inside calls that lowering follows; deeper ones are types that grow without end.
const DEPTH_MAX: usize = 60;
/// Times that one function is lowered again for the element types of its lists.
const SITE_ROUNDS_MAX: usize = 16;
/// Times that one function is lowered again before its types count as growing without end.
const ROUNDS_MAX: usize = 60;

/// The keys of containers that `default_factory` makes begin here: beyond every place in a file.
const FIELD_SITE: u32 = 1 << 31;

/// Set in the number of a function that is called: what goes on with a generator of the function.
pub const RESUME: u32 = 1 << 31;
/// The class of the generators of a function is this with the function's number.
const GENERATOR_CLASS: &str = "generator#";

/// The built-in classes that make the missing values of a `defaultdict` which crosses the border.
pub const FACTORIES: &[&str] = &["int", "list", "set", "dict", "str", "float", "bool", "tuple"];

fn given_factory(name: &str) -> Option<Static> {
    FACTORIES.iter().find(|known| **known == name).map(|known| Static::Builtin(known))
}

fn generator_type(id: SpecId) -> Type {
    Type::Object(format!("{GENERATOR_CLASS}{}", id.0).into())
}

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
    /// A method, by the number of its class and its position in it.
    Method(usize, usize),
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
    /// Those that are held by another variable, which is among the free ones.
    cells: Vec<(String, String)>,
}

/// A function that is a value, but for the values of the variables that it reads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FunctionValue {
    pub function: Static,
    /// The variables around it that it reads, by name; with what they are where they are no values.
    pub captured: Vec<(String, Option<Static>)>,
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
    /// What is known to be in the containers among its arguments.
    elements: Vec<Option<Shape>>,
    /// Of a generator: what it is known to yield.
    item: Option<Shape>,
    /// Of a generator: it holds the value of a variable that may be assigned again.
    late: bool,
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
    pub sources: &'p Sources<'p>,
    pub request: &'p Request,
    specs: Vec<Spec>,
    by_key: HashMap<Key, SpecId>,
    /// The open functions; beside each the lowest depth whose provisional result it has used.
    stack: Vec<(SpecId, usize)>,
    names: HashMap<(Callable, Vec<String>), Rc<Names>>,
    /// Counts the results that came out different than they were taken to be.
    changes: usize,
    closures: Vec<Closure<'p>>,
    /// What makes the missing values of the program's `defaultdict`s.
    factories: Vec<Option<Static>>,
    /// The functions that are values somewhere.
    function_values: Vec<FunctionValue>,
    /// The classes inside functions that were met.
    pub local_classes: Vec<LocalClass<'p>>,
    /// The containers that `default_factory` makes, by where the instance is made and where the factory stands.
    field_sites: HashMap<(Place, Place), u32>,
    pub classes: Classes<'p>,
    pub objects: Objects,
    pub notes: Notes,
    /// Containers that are made for further types than what is known to be in them.
    pub widenings: Widenings,
    /// Containers of which that would have helped, in this compilation.
    pub misfits: Widenings,
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
            FunctionNode::Generator(_) => None,
        }
    }

    /// Where its name stands, or all of a lambda.
    pub fn range(&self) -> ast::TextRange {
        match self.node {
            FunctionNode::Def(def) => def.name.range,
            FunctionNode::Lambda(lambda) => lambda.range,
            FunctionNode::Generator(generator) => generator.range,
        }
    }

    pub fn name(&self) -> String {
        match self.node {
            FunctionNode::Def(def) => def.name.to_string(),
            FunctionNode::Lambda(_) => "<lambda>".to_owned(),
            FunctionNode::Generator(_) => "<genexpr>".to_owned(),
        }
    }

    /// What messages about the whole function point at.
    pub fn place(&self) -> Place {
        match self.node {
            FunctionNode::Def(def) => self.parsed.place(&def.name),
            FunctionNode::Lambda(lambda) => self.parsed.place(lambda),
            FunctionNode::Generator(generator) => self.parsed.place(generator),
        }
    }
}

/// The parameters in the order of a call: those by position, then those by keyword.
pub fn parameter_list(parameters: Option<&ast::Parameters>) -> Vec<&ast::ParameterWithDefault> {
    parameters.map_or_else(Vec::new, |parameters| parameters.iter_non_variadic_params().collect())
}

/// The names of the arguments of a call, in order: the parameters, then those that take what is left.
pub fn argument_names<'p>(source: &Source<'p>) -> Vec<&'p str> {
    let parameters = source.parameters();
    let mut names: Vec<&str> = parameter_list(parameters).iter().map(|parameter| parameter.name().as_str()).collect();
    names.extend(parameters.and_then(|parameters| parameters.vararg.as_deref()).map(|rest| rest.name.as_str()));
    names.extend(parameters.and_then(|parameters| parameters.kwarg.as_deref()).map(|rest| rest.name.as_str()));
    if let FunctionNode::Generator(_) = source.node {
        names.push(FIRST_ITERABLE);
    }
    names
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
        FunctionNode::Generator(_) => (vec![FIRST_ITERABLE.to_owned()], &[]),
    }
}

impl<'p> Compiler<'p> {
    pub fn new(sources: &'p Sources<'p>, request: &'p Request) -> Compiler<'p> {
        Compiler {
            program: sources.program,
            sources,
            request,
            specs: Vec::new(),
            by_key: HashMap::new(),
            stack: Vec::new(),
            names: HashMap::new(),
            changes: 0,
            closures: Vec::new(),
            factories: request.factories.iter().map(|name| given_factory(name)).collect(),
            function_values: Vec::new(),
            local_classes: Vec::new(),
            field_sites: HashMap::new(),
            classes: Classes::default(),
            objects: Objects::default(),
            notes: Notes::default(),
            widenings: Widenings::default(),
            misfits: Widenings::default(),
        }
    }

    /// The syntax of a function.
    pub fn source(&self, callable: Callable) -> Option<Source<'p>> {
        let function = match callable {
            Callable::Program(function) => function,
            Callable::Closure(id) => return self.closures.get(id).map(|closure| closure.source),
            Callable::Method(class, index) => return self.method_source(class, index),
        };
        if library::is_library_function(function) {
            let (parsed, def) = library::source(function)?;
            return Some(Source { parsed, node: FunctionNode::Def(def) });
        }
        let known = self.program.functions.get(function)?;
        let parsed = self.parsed_file(known.file)?;
        let node = self.sources.index(known.file)?.function(&known.locator)?;
        Some(Source { parsed, node })
    }

    /// A function of the program or of the library.
    pub fn function(&self, number: usize) -> Option<&'p FunctionSource> {
        let number = self.function_around(number);
        if library::is_library_function(number) {
            return library::function(number);
        }
        self.program.functions.get(number)
    }

    pub fn parsed_file(&self, number: usize) -> Option<&'p Parsed> {
        if library::is_library_file(number) {
            return library::parsed(number);
        }
        self.sources.parsed(number)
    }

    /// Where things are in a file of the program or of the library.
    pub fn file_index(&self, number: usize) -> Option<&'p Index<'p>> {
        if library::is_library_file(number) {
            return library::index(number);
        }
        self.sources.index(number)
    }

    /// A file of the program or of the library.
    pub fn source_file(&self, number: usize) -> Option<&'p SourceFile> {
        if library::is_library_file(number) {
            return library::file(number);
        }
        self.program.files.get(number)
    }

    /// The place in the IR's terms. What is in the library has no place: its exceptions carry that of the call.
    pub fn span(&self, place: Place) -> Span {
        match self.sources.parsed(place.file) {
            Some(parsed) => {
                let (line, column) = parsed.line_and_column(ast::TextSize::from(place.start));
                Span { file: u16::try_from(place.file).unwrap_or(u16::MAX), line, column }
            }
            None => Span::default(),
        }
    }

    /// The program's text at a place.
    pub fn text_of(&self, place: Place) -> &'p str {
        let file = self.source_file(place.file);
        file.and_then(|file| file.text.get(place.start as usize..place.end as usize)).unwrap_or("")
    }

    /// The number that stands for a function or lambda inside the function `owner`.
    pub fn closure_id(
        &mut self,
        node: FunctionNode<'p>,
        file: usize,
        owner: usize,
        is_around: impl Fn(&str) -> bool,
        cells_of: impl Fn(&str) -> Option<String>,
    ) -> Option<usize> {
        let same = |closure: &Closure<'p>| match (closure.source.node, node) {
            (FunctionNode::Def(a), FunctionNode::Def(b)) => std::ptr::eq(a, b),
            (FunctionNode::Lambda(a), FunctionNode::Lambda(b)) => std::ptr::eq(a, b),
            (FunctionNode::Generator(a), FunctionNode::Generator(b)) => std::ptr::eq(a, b),
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
            FunctionNode::Generator(generator) => free_names_of_generator(generator, &own),
        };
        let (mut kept, mut cells): (Vec<String>, Vec<(String, String)>) = (Vec::new(), Vec::new());
        for name in free {
            let around = match cells_of(&name) {
                Some(holder) => {
                    cells.push((name, holder.clone()));
                    holder
                }
                None => name,
            };
            if is_around(&around) && !kept.contains(&around) {
                kept.push(around);
            }
        }
        self.closures.push(Closure { source, owner, free: kept, cells });
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
            Callable::Method(class, index) => self.method_owner(class, index).unwrap_or(class),
        }
    }

    /// Which function is lowered here.
    pub fn callable_of(&self, id: SpecId) -> Option<Callable> {
        self.specs.get(id.0 as usize).map(|spec| spec.key.callable)
    }

    /// Whether a function that calls itself has got tuples of ever new lengths as this argument.
    pub fn has_growing_tuple(&self, callable: Callable, position: usize, length: usize) -> bool {
        const LENGTHS_MAX: usize = 3;
        if library::is_library_function(self.owner(callable)) {
            return false;
        }
        let mut lengths: HashSet<usize> = HashSet::new();
        for (id, _) in &self.stack {
            let Some(spec) = self.specs.get(id.0 as usize).filter(|spec| spec.key.callable == callable) else {
                continue;
            };
            if let Some(Argument::Value(Shape { ty: Type::Tuple(items), .. })) = spec.key.arguments.get(position) {
                lengths.insert(items.len());
            }
        }
        lengths.len() >= LENGTHS_MAX && lengths.iter().all(|known| *known < length)
    }

    /// The variables that it is given beside its arguments.
    pub fn captured_of(&self, id: SpecId) -> Vec<String> {
        self.specs.get(id.0 as usize).map(|spec| spec.key.captured.clone()).unwrap_or_default()
    }

    /// Whether a function inside another reads variables of that one.
    pub fn reads_around(&self, id: usize) -> bool {
        self.closures.get(id).is_some_and(|closure| !closure.free.is_empty())
    }

    /// What a lambda without parameters evaluates.
    pub fn lambda_body(&self, id: usize) -> Option<&'p ast::Expr> {
        match self.closures.get(id)?.source.node {
            FunctionNode::Lambda(lambda) if lambda.parameters.is_none() => Some(&lambda.body),
            _ => None,
        }
    }

    /// As [`Compiler::lambda_body`], of a lambda that reads no variables around it, with the function whose names it sees.
    pub fn free_lambda_body(&self, id: usize) -> Option<(usize, &'p ast::Expr)> {
        let closure = self.closures.get(id).filter(|closure| closure.free.is_empty())?;
        self.lambda_body(id).map(|body| (closure.owner, body))
    }

    /// A compiler for another start, in which what was noted of functions holds from the beginning; `None` where nothing was.
    pub fn with_notes(&mut self) -> Option<Compiler<'p>> {
        let notes = self.notes.learnt()?;
        Some(Compiler { notes, widenings: self.widenings.clone(), ..Compiler::new(self.sources, self.request) })
    }

    /// The key of the container that a field gets by its `default_factory` where an instance is made.
    pub fn field_site(&mut self, made: Place, factory: Place) -> u32 {
        let next = self.field_sites.len() as u32;
        FIELD_SITE + *self.field_sites.entry((made, factory)).or_insert(next)
    }

    /// A compiler for the next round, in which the numbers that are parts of types mean the same.
    pub fn next_round(self, objects: Objects) -> Compiler<'p> {
        let mut next = Compiler::new(self.sources, self.request);
        next.closures = self.closures;
        next.local_classes = self.local_classes;
        next.factories = self.factories;
        next.function_values = self.function_values;
        next.widenings = self.widenings;
        next.misfits = self.misfits;
        next.notes = self.notes;
        next.objects = objects;
        // What a field holds may be looked at before the program comes to where its class is named.
        let mut met: Vec<usize> = self
            .classes
            .met()
            .filter(|class| !matches!(class.kind, ClassKind::Exception(_)))
            .map(|class| class.number)
            .collect();
        met.sort_unstable();
        for number in met {
            let _ = next.class(number);
        }
        next
    }

    /// The number that stands for what makes the missing values of a `defaultdict`.
    pub fn factory_number(&mut self, factory: Option<Static>) -> usize {
        if let Some(known) = self.factories.iter().position(|known| *known == factory) {
            return known;
        }
        self.factories.push(factory);
        self.factories.len() - 1
    }

    /// What makes the missing values of the `defaultdict`s, as far as a name says it.
    pub fn factory_names(&self) -> Vec<Option<String>> {
        let name = |factory: &Option<Static>| match factory {
            None => Some(String::new()),
            Some(Static::Builtin(name)) => FACTORIES.contains(name).then(|| (*name).to_owned()),
            Some(_) => None,
        };
        self.factories.iter().map(name).collect()
    }

    /// What makes the missing values of a `defaultdict`; `None` where nothing does.
    pub fn factory(&self, number: usize) -> Option<Static> {
        self.factories.get(number).cloned().flatten()
    }

    /// The number that stands for a function that is a value.
    pub fn function_value_number(&mut self, value: FunctionValue) -> usize {
        if let Some(known) = self.function_values.iter().position(|known| *known == value) {
            return known;
        }
        self.function_values.push(value);
        self.function_values.len() - 1
    }

    pub fn function_value(&self, number: usize) -> Option<FunctionValue> {
        self.function_values.get(number).cloned()
    }

    /// The name of the function.
    pub fn name_of(&self, id: SpecId) -> Option<String> {
        let spec = self.specs.get(id.0 as usize)?;
        self.source(spec.key.callable).map(|source| source.name())
    }

    /// Whether instances of the class can be changed, so that they are objects and no records.
    pub fn is_object_class(&mut self, number: usize) -> bool {
        let Ok(class) = self.class(number) else { return false };
        match class.kind {
            ClassKind::Plain => true,
            ClassKind::Dataclass(_) if self.objects.is_given(number) => true,
            ClassKind::Dataclass(options) => {
                // A list that each instance has of its own and that is filled somewhere.
                let is_filled = |field: &Field<'p>| {
                    matches!(field.default, Some(FieldDefault::Factory(_))) && self.sources.stores.fill(&field.name)
                };
                if !options.frozen && class.fields.iter().any(is_filled) {
                    return true;
                }
                let names = class.names_of_family(self);
                let changes = |field: &str| names.iter().any(|name| self.sources.stores.change(name, field));
                !options.eq
                    || !options.frozen && class.fields.iter().any(Field::is_set_later)
                    || class.fields.iter().any(|field| changes(&field.name))
                    || class.methods.iter().any(|method| method.name == "__init__")
                    || class.stores_in_itself(&self.sources.stores)
                    || class.mentions_itself()
            }
            ClassKind::NamedTuple | ClassKind::Exception(_) | ClassKind::Enum(_) => false,
        }
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
                    elements: Vec::new(),
                    item: None,
                    late: false,
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
        let is_generator = self.is_generator(callable);
        let spec = self.spec(id);
        Some(match &spec.result {
            _ if spec.failed => Callee::Failed(id),
            _ if is_generator => Callee::Returns(id, Shape::from(generator_type(id))),
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
            // What was refused under a wrong idea of its own result may be right now.
            self.spec(id).failed = false;
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
            let spec = self.spec(id);
            let endless = spec.result.iter().chain(&spec.item).any(|shape| is_too_large(&shape.ty));
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

    /// The arguments that the function puts something into which they cannot hold, by position, with what is in them then.
    pub fn grown(&self, id: SpecId) -> Vec<(usize, Shape)> {
        let Some(spec) = self.specs.get(id.0 as usize) else { return Vec::new() };
        let mut params = spec.func.iter().flat_map(Func::param_types);
        let mut grown = Vec::new();
        for (position, argument) in spec.key.arguments.iter().enumerate() {
            let Argument::Value(shape) = argument else { continue };
            if let Some(ty) = params.next()
                && ty != shape.ty
                && let Some(element) = element_type(&ty)
            {
                let known = spec.elements.get(position).cloned().flatten().filter(|known| known.ty == element);
                grown.push((position, known.unwrap_or(Shape::from(element))));
            }
        }
        grown
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
            help: Some(
                "make a class for what holds others of its kind, with a list of its instances in a field".to_owned(),
            ),
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
        let is_generator = self.is_generator(callable);
        let mut sites = Sites::default();
        for round in 0..SITE_ROUNDS_MAX {
            let before = self.spec(id).result.clone();
            let assumed = self.spec(id).item.clone();
            let kept = sites.clone();
            let may_grow = !library::is_library_function(function);
            let mut lowerer =
                Lowerer::start(self, source, function, id, names.clone(), &arguments, &captured, sites, may_grow);
            if is_generator {
                lowerer.yields = Some(Yields { assumed: assumed.clone(), found: None });
            }
            let mut outcome = lowerer.run(source, before.as_ref());
            let item = Compiler::join_results(assumed.as_ref(), outcome.item.take(), &mut outcome.sites);
            self.objects.put(outcome.sites.put_into_fields());
            let elements = (0..arguments.len()).map(|index| outcome.sites.param_element(index)).collect();
            if let Some(revised) = outcome.sites.revised(round >= 4)
                && round + 1 < SITE_ROUNDS_MAX
            {
                // What is yielded is of use when it is known what is in the containers.
                sites = revised;
                continue;
            }
            if item != assumed {
                self.spec(id).item = item;
                self.changes += 1;
                if round + 1 < SITE_ROUNDS_MAX {
                    sites = kept;
                    continue;
                }
            }
            let is_settled = self.spec(id).item == assumed;
            let spec = self.spec(id);
            spec.failed = outcome.failed || !is_settled;
            spec.diagnostics = outcome.diagnostics;
            if !is_settled && spec.diagnostics.is_empty() {
                spec.diagnostics.push(Diagnostic {
                    code: "too-many-types",
                    message: "the type of what this generator yields cannot be told".to_owned(),
                    place: source.place(),
                    labels: Vec::new(),
                    help: None,
                });
            }
            spec.callees = outcome.callees;
            spec.elements = elements;
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
        let (params, body) = params_and_body(source);
        let kept = self.notes.kept_variables(source.place());
        let mut names = Names::of_closure(&params, captured, &kept, body);
        if let FunctionNode::Lambda(lambda) = source.node {
            names.add_bound_in(&lambda.body);
        }
        if let Callable::Closure(id) = callable
            && let Some(closure) = self.closures.get(id)
        {
            names.add_outer_cells(&closure.cells);
        }
        let names = Rc::new(names);
        self.names.insert(key, names.clone());
        names
    }

    /// The joined result of two rounds.
    pub fn join_results(before: Option<&Shape>, found: Option<Shape>, sites: &mut Sites) -> Option<Shape> {
        match (before, found) {
            (Some(before), Some(found)) => Some(without_growing_tuples(join(before, &found, sites), sites)),
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
        let lost = self.reached().into_iter().find(|id| self.specs[id.0 as usize].failed);
        if let (true, Some(id)) = (found.is_empty(), lost) {
            let inside = self.specs[id.0 as usize].diagnostics.first();
            let message = inside.map_or_else(String::new, |inside| inside.message.clone());
            found.push(Diagnostic {
                code: "internal",
                message: format!("a function of the library cannot be compiled here: {message}"),
                place: self
                    .source(self.specs[0].key.callable)
                    .map_or(Place { file: 0, start: 0, end: 0 }, |s| s.place()),
                labels: Vec::new(),
                help: None,
            });
        }
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
            _ if self.is_generator(spec.key.callable) => generator_type(SpecId(0)),
            Some(shape) => shape.ty.clone(),
            None => Type::None,
        })
    }

    /// The types of the entry's parameters: what is put into containers among them is known by now.
    pub fn entry_params(&self) -> Vec<Type> {
        self.specs.first().and_then(|spec| spec.func.as_ref()).map(Func::param_types).unwrap_or_default()
    }

    /// The functions that may raise `StopIteration`.
    fn may_stop(&self, order: &[SpecId]) -> HashSet<SpecId> {
        let mut stopping: HashSet<SpecId> = HashSet::new();
        loop {
            let before = stopping.len();
            for id in order {
                let Some(func) = &self.specs[id.0 as usize].func else { continue };
                let stops = func.blocks.iter().any(|block| {
                    let calls = |inst: &ir::Inst| matches!(inst.op, Op::Call(FuncId(callee)) if stopping.contains(&SpecId(callee)));
                    let raises = matches!(block.term, ir::Term::Raise { class: ir::ExcClass::Builtin(ir::ExcKind::StopIteration), .. });
                    raises || block.insts.iter().any(calls)
                });
                if stops {
                    stopping.insert(*id);
                }
            }
            if stopping.len() == before {
                return stopping;
            }
        }
    }

    /// The module of everything that the entry reaches; how to go on with the entry's generators, if it makes some.
    pub fn module(&self) -> (ir::Module, Option<Resume>) {
        let order = self.reached();
        let number: HashMap<SpecId, FuncId> =
            order.iter().enumerate().map(|(index, id)| (*id, FuncId(index as u32))).collect();
        let mut funcs: Vec<Func> = order.iter().filter_map(|id| self.specs[id.0 as usize].func.clone()).collect();
        let stopping = self.may_stop(&order);
        let mut resumed: HashMap<SpecId, FuncId> = HashMap::new();
        let mut classes = self.objects.table();
        for (index, id) in order.iter().enumerate() {
            let spec = &self.specs[id.0 as usize];
            if !self.is_generator(spec.key.callable) {
                continue;
            }
            let Type::Object(class) = generator_type(*id) else { continue };
            let item = spec.item.as_ref().map_or(Type::None, |item| item.ty.clone());
            let split = generator::split(&funcs[index], &class, &item, stopping.contains(id));
            funcs[index] = split.start;
            classes.push(split.class);
            resumed.insert(*id, FuncId(funcs.len() as u32));
            funcs.push(split.resume);
        }
        for inst in funcs.iter_mut().flat_map(|func| &mut func.blocks).flat_map(|block| &mut block.insts) {
            if let Op::Call(callee) = &mut inst.op {
                let known = if callee.0 & RESUME != 0 { &resumed } else { &number };
                *callee = known.get(&SpecId(callee.0 & !RESUME)).copied().unwrap_or(*callee);
            }
        }
        let resume = resumed.get(&SpecId(0)).and_then(|func| {
            let spec = self.specs.first()?;
            let Type::Object(class) = generator_type(SpecId(0)) else { return None };
            let ty = |shape: &Option<Shape>| shape.as_ref().map_or(Type::None, |shape| shape.ty.clone());
            Some(Resume { func: *func, class, item: ty(&spec.item), returned: ty(&spec.result) })
        });
        let module = ir::Module {
            files: self.program.files.iter().map(|file| file.name.clone()).collect(),
            captures: self
                .program
                .captures
                .iter()
                .enumerate()
                .map(|(index, capture)| {
                    let ty = self.objects.capture_type(index).unwrap_or_else(|| capture.ty.clone());
                    ir::Capture { name: capture.name.clone(), ty }
                })
                .collect(),
            classes,
            exceptions: self.exception_table(),
            funcs,
            entry: FuncId(0),
        };
        (module, resume)
    }

    /// What the entry's generators yield and return; `None` when it is no generator function. One with a `try` in it does
    /// something when it is closed, which Python cannot tell it.
    pub fn entry_generator(&self) -> Option<Vec<Type>> {
        let spec = self.specs.first().filter(|spec| self.is_generator(spec.key.callable))?;
        let tries = |id: SpecId| match self.source(self.specs[id.0 as usize].key.callable).map(|source| source.node) {
            Some(FunctionNode::Def(def)) => has_yield(&def.body) && has_try(&def.body),
            _ => false,
        };
        if self.reached().into_iter().any(tries) {
            return None;
        }
        Some([&spec.item, &spec.result].into_iter().flatten().map(|shape| shape.ty.clone()).collect())
    }
}
