//! A [`Program`] from the text of a `.py` file alone: its functions, and what their free names stand for. Nothing is
//! run: a name stands for something only where that is certain for every call made after the module has been loaded.
//! Knows nothing of types or of what the functions do.

use crate::annotation::{Signature, parse_signature};
use crate::compile::Request;
use crate::diagnostic::{Diagnostic, Place};
use crate::file_constants as constants;
use crate::locate::named_tuple_call;
use crate::lower::known_name;
use crate::names::has_yield;
use crate::parse::Parsed;
use crate::parse::ast::visitor::{self, Visitor};
use crate::parse::ast::{
    Alias, Decorator, ExceptHandler, Expr, ExprCall, ExprContext, ExprLambda, ExprName, ExprUnaryOp, Number,
    Parameters, Pattern, Ranged, Stmt, StmtClassDef, StmtFunctionDef, StmtImportFrom, TextRange, TextSize, UnaryOp,
};
use crate::program::{Binding, FunctionSource, Locator, Program, SourceFile};
use std::collections::{BTreeMap, BTreeSet};

/// A `.py` file as the command line sees it.
#[derive(Clone, Debug, Default)]
pub struct FileProgram {
    pub program: Program,
    /// The file's own functions, in source order; the positions are those of [`Program::functions`].
    pub functions: Vec<FileFunction>,
    /// Problems of the file as a whole. Those of one function are with it.
    pub diagnostics: Vec<Diagnostic>,
}

/// A top-level `def` or lambda with a name.
#[derive(Clone, Debug)]
pub struct FileFunction {
    pub name: String,
    /// Its name in the source.
    pub place: Place,
    /// Calling the name calls this function: nothing later in the file takes the name.
    pub callable: bool,
    /// Every parameter has an annotation.
    pub annotated: bool,
    /// `@fl.compile` or `fl.compile(...)` says that it is to be compiled.
    pub marked: bool,
    /// It works with datasets instead of rows: it has no parameters, or it uses other parts of the `fuseline` module
    /// than `compile`. Nobody wants it compiled unless it is marked.
    pub drives: bool,
    /// It is a generator, which only other compiled functions can use.
    pub is_generator: bool,
    /// The argument of `@fl.compile(signature="...")`.
    pub signature: Option<Signature>,
    /// Why this function cannot be compiled, as far as the file alone shows.
    pub diagnostics: Vec<Diagnostic>,
}

impl FileFunction {
    /// Whether it is meant to be compiled, as far as one can see. A function without types that a decorator turns into
    /// something else is not.
    pub fn is_candidate(&self) -> bool {
        self.marked || !self.drives && !self.is_generator && (self.annotated || self.diagnostics.is_empty())
    }

    /// Whether the file alone tells the types of all parameters.
    pub fn has_types(&self) -> bool {
        self.annotated || self.signature.is_some()
    }

    /// What to ask of the compiler for this function by itself.
    pub fn request(&self) -> Request {
        self.signature.as_ref().map_or_else(Request::default, Request::of_signature)
    }
}

impl FileProgram {
    /// The position of the function that the name stands for after the module has been loaded.
    pub fn function_named(&self, name: &str) -> Option<usize> {
        self.functions.iter().position(|function| function.callable && function.name == name)
    }

    /// What `fuseline compile` without `--function` compiles: functions that rows are given to, whose name has no
    /// leading underscore and whose parameter types are all known.
    pub fn exported(&self) -> Vec<usize> {
        let is_exported = |function: &FileFunction| {
            function.is_candidate() && function.callable && !function.name.starts_with('_') && function.has_types()
        };
        (0..self.functions.len()).filter(|index| is_exported(&self.functions[*index])).collect()
    }
}

/// The program of a file.
pub fn file_program(file: SourceFile) -> FileProgram {
    match Parsed::new(0, &file) {
        Ok(parsed) => program_of(file, &parsed),
        Err(diagnostics) => {
            let program = Program { files: vec![file], ..Program::default() };
            FileProgram { program, functions: vec![], diagnostics }
        }
    }
}

fn program_of(file: SourceFile, parsed: &Parsed) -> FileProgram {
    let mut collector = Collector::default();
    collector.visit_body(parsed.body());
    let names = collector.classes.iter().map(|class| match class {
        ClassNode::Statement(node) => node.name.as_str(),
        ClassNode::NamedTuple(name, _) => name.id.as_str(),
    });
    let mut assigned = AssignedAttributes { classes: &names.collect(), found: BTreeSet::new() };
    assigned.visit_body(parsed.body());
    let mut module = Module {
        parsed,
        inner_classes: collector.inner_classes,
        attributes_assigned: assigned.found,
        definitions: collector.definitions,
        functions: collector.functions,
        classes: collector.classes,
        resolved: BTreeMap::new(),
        resolving: BTreeSet::new(),
    };
    let diagnostics = collector.star_imports.iter().map(|import| module.star_import(import)).collect();
    let functions: Vec<FileFunction> = (0..module.functions.len()).map(|index| module.file_function(index)).collect();
    // The functions come first: their positions are those of the program.
    let mut sources: Vec<FunctionSource> =
        (0..module.functions.len()).map(|index| module.function_source(index)).collect();
    sources.extend((0..module.classes.len()).map(|index| module.class_source(index)));
    let program = Program { files: vec![file], functions: sources, captures: vec![] };
    FileProgram { program, functions, diagnostics }
}

/// A function of the file, before its names are resolved.
#[derive(Clone, Copy)]
enum FileFunctionNode<'a> {
    Def(&'a StmtFunctionDef),
    Lambda { name: &'a str, name_range: TextRange, lambda: &'a ExprLambda, compile: Option<&'a ExprCall> },
}

impl<'a> FileFunctionNode<'a> {
    fn name(self) -> &'a str {
        match self {
            FileFunctionNode::Def(def) => def.name.as_str(),
            FileFunctionNode::Lambda { name, .. } => name,
        }
    }

    fn name_range(self) -> TextRange {
        match self {
            FileFunctionNode::Def(def) => def.name.range,
            FileFunctionNode::Lambda { name_range, .. } => name_range,
        }
    }

    fn parameters(self) -> Option<&'a Parameters> {
        match self {
            FileFunctionNode::Def(def) => Some(&def.parameters),
            FileFunctionNode::Lambda { lambda, .. } => lambda.parameters.as_deref(),
        }
    }

    /// Where its defaults are evaluated.
    fn start(self) -> TextSize {
        match self {
            FileFunctionNode::Def(def) => def.start(),
            FileFunctionNode::Lambda { lambda, .. } => lambda.start(),
        }
    }
}

/// A class of the file.
#[derive(Clone, Copy)]
enum ClassNode<'a> {
    Statement(&'a StmtClassDef),
    /// `Name = namedtuple(...)`.
    NamedTuple(&'a ExprName, &'a ExprCall),
}

/// One place in which the module gives a name a meaning.
#[derive(Clone, Copy)]
struct Definition<'a> {
    kind: DefinitionKind<'a>,
    start: TextSize,
    /// Under `if`, `try`, a loop or `with`: it may not be reached, or reached more than once.
    conditional: bool,
}

#[derive(Clone, Copy)]
enum DefinitionKind<'a> {
    Function(usize),
    /// The position among the classes.
    Class(usize),
    Value(&'a Expr),
    Import(&'a Alias),
    ImportFrom(&'a StmtImportFrom, &'a Alias),
    /// Something else; the text is what [`Binding::Unsupported`] says.
    Other(&'static str),
}

const REASSIGNED: &str = "a name that is assigned in more than one place";
const CONDITIONAL: &str = "a name that is assigned under a condition or in a loop";
const GLOBAL: &str = "a global variable that a function assigns";
const ASSIGNED_ATTRIBUTE: &str = "an attribute of a class that is assigned after it was made";
const NOT_YET: &str = "a name that has no value yet at this place";

/// Walks the module's own statements, not those of its functions and classes, and records what defines names.
#[derive(Default)]
struct Collector<'a> {
    definitions: BTreeMap<&'a str, Vec<Definition<'a>>>,
    functions: Vec<FileFunctionNode<'a>>,
    classes: Vec<ClassNode<'a>>,
    /// The classes in the bodies of others, by the positions of both.
    inner_classes: Vec<(usize, usize)>,
    star_imports: Vec<&'a StmtImportFrom>,
    /// How many `if`, `for`, `try`, ... the walk is inside of.
    conditions: usize,
    /// Inside a comprehension, whose targets are names of its own.
    comprehensions: usize,
}

impl<'a> Collector<'a> {
    fn define(&mut self, name: &'a str, kind: DefinitionKind<'a>, start: TextSize) {
        let conditional = self.conditions > 0;
        self.definitions.entry(name).or_default().push(Definition { kind, start, conditional });
    }

    fn function(&mut self, node: FileFunctionNode<'a>) {
        let index = self.functions.len();
        self.functions.push(node);
        self.define(node.name(), DefinitionKind::Function(index), node.start());
    }

    /// A class, and those in its body.
    fn class(&mut self, class: &'a StmtClassDef) {
        let index = self.classes.len();
        self.classes.push(ClassNode::Statement(class));
        for stmt in &class.body {
            if let Stmt::ClassDef(inner) = stmt {
                self.inner_classes.push((index, self.classes.len()));
                self.class(inner);
            }
        }
    }

    fn assign(&mut self, target: &'a Expr, value: &'a Expr) {
        match (target, value) {
            (Expr::Name(name), value) => match lambda_of(value) {
                Some((lambda, compile)) => {
                    let (name, name_range) = (name.id.as_str(), name.range);
                    self.function(FileFunctionNode::Lambda { name, name_range, lambda, compile });
                }
                None if let Some(call) = named_tuple_call(value) => {
                    self.define(name.id.as_str(), DefinitionKind::Class(self.classes.len()), target.start());
                    self.classes.push(ClassNode::NamedTuple(name, call));
                }
                None => self.define(name.id.as_str(), DefinitionKind::Value(value), target.start()),
            },
            (Expr::Tuple(targets), Expr::Tuple(values))
                if targets.elts.len() == values.elts.len()
                    && !targets.elts.iter().chain(&values.elts).any(Expr::is_starred_expr) =>
            {
                for (target, value) in targets.elts.iter().zip(&values.elts) {
                    self.assign(target, value);
                }
            }
            _ => self.visit_expr(target),
        }
    }

    fn under_condition(&mut self, stmt: &'a Stmt) {
        self.conditions += 1;
        visitor::walk_stmt(self, stmt);
        self.conditions -= 1;
    }
}

/// `lambda ...: ...`, also as the first argument of a call that may be `fl.compile`.
fn lambda_of(value: &Expr) -> Option<(&ExprLambda, Option<&ExprCall>)> {
    match value {
        Expr::Lambda(lambda) => Some((lambda, None)),
        Expr::Call(call) => match call.arguments.args.first() {
            Some(Expr::Lambda(lambda)) if is_named_compile(&call.func) => Some((lambda, Some(call))),
            _ => None,
        },
        _ => None,
    }
}

fn is_named_compile(function: &Expr) -> bool {
    match function {
        Expr::Name(name) => name.id.as_str() == "compile",
        Expr::Attribute(attribute) => attribute.attr.as_str() == "compile",
        _ => false,
    }
}

impl<'a> Visitor<'a> for Collector<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(def) => {
                self.function(FileFunctionNode::Def(def));
                GlobalNames(self).visit_body(&def.body);
            }
            Stmt::ClassDef(class) => {
                self.define(class.name.as_str(), DefinitionKind::Class(self.classes.len()), class.start());
                self.class(class);
                GlobalNames(self).visit_body(&class.body);
            }
            Stmt::Assign(assign) => {
                self.visit_expr(&assign.value);
                for target in &assign.targets {
                    self.assign(target, &assign.value);
                }
            }
            Stmt::AnnAssign(assign) => {
                if let Some(value) = &assign.value {
                    self.visit_expr(value);
                    self.assign(&assign.target, value);
                }
            }
            Stmt::Import(import) => {
                for alias in &import.names {
                    let dotted = alias.name.as_str();
                    let first = dotted.split('.').next().unwrap_or(dotted);
                    let name = alias.asname.as_ref().map_or(first, |asname| asname.as_str());
                    self.define(name, DefinitionKind::Import(alias), alias.start());
                }
            }
            Stmt::ImportFrom(import) => {
                for alias in &import.names {
                    if alias.name.as_str() == "*" {
                        self.star_imports.push(import);
                        continue;
                    }
                    let name = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
                    self.define(name, DefinitionKind::ImportFrom(import, alias), alias.start());
                }
            }
            Stmt::If(_) | Stmt::For(_) | Stmt::While(_) | Stmt::Try(_) | Stmt::With(_) | Stmt::Match(_) => {
                self.under_condition(stmt);
            }
            _ => visitor::walk_stmt(self, stmt),
        }
    }

    /// Names that are stored to other than by a plain assignment have no certain value.
    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) if self.comprehensions == 0 && name.ctx != ExprContext::Load => {
                self.define(name.id.as_str(), DefinitionKind::Other(constants::COMPUTED), name.start());
            }
            Expr::Named(named) => {
                self.visit_expr(&named.value);
                if let Expr::Name(name) = named.target.as_ref() {
                    self.define(name.id.as_str(), DefinitionKind::Other(constants::COMPUTED), name.start());
                }
            }
            Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) | Expr::Generator(_) => {
                self.comprehensions += 1;
                visitor::walk_expr(self, expr);
                self.comprehensions -= 1;
            }
            Expr::Lambda(_) => {}
            _ => visitor::walk_expr(self, expr),
        }
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(except) = handler;
        if let Some(name) = &except.name {
            self.define(name.as_str(), DefinitionKind::Other("a caught exception"), name.start());
        }
        visitor::walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        let name = match pattern {
            Pattern::MatchAs(pattern) => pattern.name.as_ref(),
            Pattern::MatchStar(pattern) => pattern.name.as_ref(),
            Pattern::MatchMapping(pattern) => pattern.rest.as_ref(),
            _ => None,
        };
        if let Some(name) = name {
            self.define(name.as_str(), DefinitionKind::Other(constants::COMPUTED), name.start());
        }
        visitor::walk_pattern(self, pattern);
    }
}

/// Walks the inside of a function or class for `global` statements: the names in them may change at any time.
struct GlobalNames<'c, 'a>(&'c mut Collector<'a>);

impl<'a> Visitor<'a> for GlobalNames<'_, 'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if let Stmt::Global(global) = stmt {
            for name in &global.names {
                self.0.define(name.as_str(), DefinitionKind::Other(GLOBAL), name.start());
            }
        }
        visitor::walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, _: &'a Expr) {}
}

/// The names that the body of a class gives a value.
fn own_names(node: &StmtClassDef) -> impl Iterator<Item = &str> {
    let targets = node.body.iter().flat_map(|stmt| match stmt {
        Stmt::Assign(assign) => assign.targets.as_slice(),
        Stmt::AnnAssign(assign) => std::slice::from_ref(&*assign.target),
        _ => &[],
    });
    targets.filter_map(|target| target.as_name_expr().map(|name| name.id.as_str()))
}

/// Collects the attributes of classes that are assigned: those of the file's own, of `cls`, `type(x)` and `x.__class__`.
struct AssignedAttributes<'c, 'a> {
    classes: &'c BTreeSet<&'a str>,
    found: BTreeSet<&'a str>,
}

impl<'a> Visitor<'a> for AssignedAttributes<'_, 'a> {
    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Attribute(attribute) = expr
            && attribute.ctx != ExprContext::Load
        {
            let of_class = match &*attribute.value {
                Expr::Name(name) => name.id.as_str() == "cls" || self.classes.contains(name.id.as_str()),
                Expr::Call(call) => matches!(&*call.func, Expr::Name(name) if name.id.as_str() == "type"),
                Expr::Attribute(inner) => {
                    inner.attr.as_str() == "__class__" || self.classes.contains(inner.attr.as_str())
                }
                _ => false,
            };
            if of_class {
                self.found.insert(attribute.attr.as_str());
            }
        }
        visitor::walk_expr(self, expr);
    }
}

/// The collected module, in which names are looked up.
struct Module<'a> {
    parsed: &'a Parsed,
    inner_classes: Vec<(usize, usize)>,
    attributes_assigned: BTreeSet<&'a str>,
    definitions: BTreeMap<&'a str, Vec<Definition<'a>>>,
    functions: Vec<FileFunctionNode<'a>>,
    classes: Vec<ClassNode<'a>>,
    resolved: BTreeMap<&'a str, Binding>,
    /// Names whose value is being worked out: `A = B; B = A` must end.
    resolving: BTreeSet<&'a str>,
}

impl<'a> Module<'a> {
    fn place(&self, range: TextRange) -> Place {
        Place { file: 0, start: range.start().to_u32(), end: range.end().to_u32() }
    }

    fn star_import(&self, import: &StmtImportFrom) -> Diagnostic {
        let module = import.module.as_ref().map_or(".", |module| module.as_str());
        Diagnostic {
            code: "star-import",
            message: format!("`from {module} import *` hides which names it brings, among them perhaps built-in ones"),
            place: self.place(import.range),
            labels: vec![],
            help: Some(format!("name what is used, as in `from {module} import ...`")),
        }
    }

    fn file_function(&mut self, index: usize) -> FileFunction {
        let node = self.functions[index];
        let callable = self.resolve(node.name(), None) == Some(Binding::Function(index));
        let marks: Vec<&Expr> = match node {
            FileFunctionNode::Def(def) => def.decorator_list.iter().map(|decorator| &decorator.expression).collect(),
            FileFunctionNode::Lambda { compile, .. } => compile.iter().map(|call| call.func.as_ref()).collect(),
        };
        let marked = marks.iter().any(|mark| self.is_compile(mark));
        let mut diagnostics = self.decorator_diagnostics(node);
        let text = match node {
            FileFunctionNode::Lambda { compile, .. } => compile.and_then(signature_of_call),
            FileFunctionNode::Def(_) => marks.iter().find_map(|mark| signature_option(mark)),
        };
        let signature = match text.filter(|_| marked).map(|text| parse_signature(&text)) {
            None => None,
            Some(Ok(signature)) => Some(signature),
            Some(Err(message)) => {
                diagnostics.push(self.bad_signature(node, message));
                None
            }
        };
        FileFunction {
            name: String::from(node.name()),
            place: self.place(node.name_range()),
            callable,
            annotated: node.parameters().is_none_or(all_annotated),
            marked,
            drives: self.drives(node),
            is_generator: matches!(node, FileFunctionNode::Def(def) if has_yield(&def.body)),
            signature,
            diagnostics,
        }
    }

    fn bad_signature(&self, node: FileFunctionNode<'a>, message: String) -> Diagnostic {
        let help = Some(String::from("write it like `(float, int) -> float`"));
        Diagnostic { code: "bad-signature", message, place: self.place(node.name_range()), labels: vec![], help }
    }

    fn drives(&mut self, node: FileFunctionNode<'a>) -> bool {
        let mut uses = LibraryUses::default();
        if let FileFunctionNode::Def(def) = node {
            uses.visit_parameters(&def.parameters);
            uses.visit_body(&def.body);
        }
        let is_fuseline = |binding: Option<Binding>| match binding {
            Some(Binding::Module(module)) => module == "fuseline",
            Some(Binding::Member(module, member)) => module == "fuseline" && member != "compile",
            _ => false,
        };
        let has_parameters = node.parameters().is_some_and(|parameters| parameters.iter().next().is_some());
        !has_parameters || uses.0.into_iter().any(|name| is_fuseline(self.resolve(name, None)))
    }

    fn decorator_diagnostics(&mut self, node: FileFunctionNode<'a>) -> Vec<Diagnostic> {
        let unsupported = self.unsupported_decorators(node);
        unsupported
            .into_iter()
            .map(|decorator| Diagnostic {
                code: "unsupported-decorator",
                message: format!("the decorator `@{}` is not supported", self.text_of(decorator.expression.range())),
                place: self.place(decorator.range),
                labels: vec![],
                help: Some(String::from(
                    "only `@fuseline.compile`, `@cache` and `@lru_cache` may stand on a function that is compiled",
                )),
            })
            .collect()
    }

    fn unsupported_decorators(&mut self, node: FileFunctionNode<'a>) -> Vec<&'a Decorator> {
        match node {
            FileFunctionNode::Def(def) => def
                .decorator_list
                .iter()
                .filter(|decorator| !self.is_compile(&decorator.expression) && !self.is_cache(&decorator.expression))
                .collect(),
            FileFunctionNode::Lambda { .. } => vec![],
        }
    }

    fn text_of(&self, range: TextRange) -> &str {
        self.parsed.text().get(range.start().to_usize()..range.end().to_usize()).unwrap_or_default()
    }

    /// `functools.cache` or `lru_cache`, called or not.
    fn is_cache(&mut self, expr: &'a Expr) -> bool {
        match expr {
            Expr::Call(call) => self.is_cache(&call.func),
            Expr::Attribute(attribute) => {
                let of_module = matches!(&*attribute.value, Expr::Name(name)
                    if self.resolve(name.id.as_str(), None) == Some(Binding::Module(String::from("functools"))));
                of_module && matches!(attribute.attr.as_str(), "cache" | "lru_cache")
            }
            Expr::Name(name) => {
                let known = |member: &str| Binding::Member(String::from("functools"), String::from(member));
                let bound = self.resolve(name.id.as_str(), None);
                bound == Some(known("cache")) || bound == Some(known("lru_cache"))
            }
            _ => false,
        }
    }

    /// `fl.compile`, `fl.compile(...)` or `compile` imported from `fuseline`.
    fn is_compile(&mut self, expr: &'a Expr) -> bool {
        match expr {
            Expr::Call(call) => self.is_compile(&call.func),
            Expr::Name(name) => {
                self.resolve(name.id.as_str(), None)
                    == Some(Binding::Member(String::from("fuseline"), String::from("compile")))
            }
            Expr::Attribute(attribute) if attribute.attr.as_str() == "compile" => match attribute.value.as_ref() {
                Expr::Name(name) => {
                    self.resolve(name.id.as_str(), None) == Some(Binding::Module(String::from("fuseline")))
                }
                _ => false,
            },
            _ => false,
        }
    }

    fn function_source(&mut self, index: usize) -> FunctionSource {
        let node = self.functions[index];
        let locator = match node {
            FileFunctionNode::Def(def) => {
                let (line, _) = self.parsed.line_and_byte_column(def.name.start());
                Locator::Def { name: String::from(node.name()), line }
            }
            FileFunctionNode::Lambda { lambda, .. } => {
                let (line, column) = self.parsed.line_and_byte_column(lambda.start());
                Locator::Lambda { line, column }
            }
        };
        let mut names = UsedNames::default();
        match node {
            FileFunctionNode::Def(def) => {
                names.visit_parameters(&def.parameters);
                def.returns.iter().for_each(|returns| names.visit_annotation(returns));
                names.visit_body(&def.body);
            }
            FileFunctionNode::Lambda { lambda, .. } => {
                lambda.parameters.iter().for_each(|parameters| names.visit_parameters(parameters));
                names.visit_expr(&lambda.body);
            }
        }
        let bindings =
            names.0.iter().filter_map(|name| Some((name.clone(), self.resolve(name.as_str(), None)?))).collect();
        let mut defaults = BTreeMap::new();
        for parameter in node.parameters().into_iter().flat_map(Parameters::iter_non_variadic_params) {
            if let Some(default) = &parameter.default {
                let value = self.fold(default, node.start()).unwrap_or_else(Binding::Unsupported);
                defaults.insert(String::from(parameter.parameter.name.as_str()), value);
            }
        }
        FunctionSource { file: 0, locator, bindings, defaults, attributes: BTreeMap::new() }
    }

    fn bind_class(&mut self, index: usize) -> Binding {
        let known = Binding::Member(String::from("collections"), String::from("namedtuple"));
        let node = self.classes[index];
        match node {
            ClassNode::NamedTuple(_, call) if self.fold(&call.func, call.start()) != Ok(known) => {
                Binding::Unsupported(String::from(constants::COMPUTED))
            }
            ClassNode::NamedTuple(..) | ClassNode::Statement(_) => Binding::Class(self.functions.len() + index),
        }
    }

    /// A class that `namedtuple` makes; its defaults are those of the last fields.
    fn named_tuple_source(&mut self, name: &'a ExprName, call: &'a ExprCall) -> FunctionSource {
        let (line, _) = self.parsed.line_and_byte_column(name.start());
        let locator = Locator::Class { name: String::from(name.id.as_str()), line };
        let given = call.arguments.find_keyword("defaults").map(|keyword| &keyword.value);
        let values: &'a [Expr] = match given {
            Some(Expr::List(list)) => &list.elts,
            Some(Expr::Tuple(tuple)) => &tuple.elts,
            _ => &[],
        };
        let fields = crate::named_tuples::named_tuple_parts(call).map(|(_, fields)| fields).unwrap_or_default();
        let mut defaults = BTreeMap::new();
        for (field, value) in fields.into_iter().rev().zip(values.iter().rev()) {
            let value = self.fold(value, call.start()).unwrap_or_else(Binding::Unsupported);
            defaults.insert(field, value);
        }
        FunctionSource { file: 0, locator, bindings: BTreeMap::new(), defaults, attributes: BTreeMap::new() }
    }

    fn class_source(&mut self, index: usize) -> FunctionSource {
        let node = match self.classes[index] {
            ClassNode::Statement(node) => node,
            ClassNode::NamedTuple(name, call) => return self.named_tuple_source(name, call),
        };
        let (line, _) = self.parsed.line_and_byte_column(node.name.start());
        let locator = Locator::Class { name: String::from(node.name.as_str()), line };
        let mut names = UsedNames::default();
        node.decorator_list.iter().for_each(|decorator| names.visit_expr(&decorator.expression));
        node.bases().iter().for_each(|base| names.visit_expr(base));
        names.visit_body(&node.body);
        let bindings =
            names.0.iter().filter_map(|name| Some((name.clone(), self.resolve(name.as_str(), None)?))).collect();
        let inner = self.inner_classes.iter().filter(|(outer, _)| *outer == index);
        let inner: Vec<(String, Binding)> = inner
            .filter_map(|(_, inner)| match self.classes[*inner] {
                ClassNode::Statement(node) => {
                    Some((String::from(node.name.as_str()), Binding::Class(self.functions.len() + inner)))
                }
                ClassNode::NamedTuple(..) => None,
            })
            .collect();
        let attributes = own_names(node)
            .filter(|name| self.attributes_assigned.contains(name))
            .map(|name| (String::from(name), Binding::Unsupported(String::from(ASSIGNED_ATTRIBUTE))))
            .chain(inner)
            .collect();
        FunctionSource { file: 0, locator, bindings, defaults: BTreeMap::new(), attributes }
    }

    /// What a name of the module stands for: once the module has been loaded, or when the code at `before` runs. `None`
    /// when the module does not define it.
    fn resolve(&mut self, name: &str, before: Option<TextSize>) -> Option<Binding> {
        let (name, definitions) = self.definitions.get_key_value(name)?;
        let name: &'a str = name;
        let first = definitions.first().copied()?;
        if before.is_some_and(|before| before <= first.start) {
            return Some(Binding::Unsupported(String::from(NOT_YET)));
        }
        if let Some(binding) = self.resolved.get(name) {
            return Some(binding.clone());
        }
        if !self.resolving.insert(name) {
            return Some(Binding::Unsupported(String::from(NOT_YET)));
        }
        let definitions = definitions.clone();
        let binding = self.bind(&definitions);
        self.resolving.remove(name);
        self.resolved.insert(name, binding.clone());
        Some(binding)
    }

    fn bind(&mut self, definitions: &[Definition<'a>]) -> Binding {
        let unsupported = |text: &str| Binding::Unsupported(String::from(text));
        match definitions {
            [] => unsupported(NOT_YET),
            [only] => match only.kind {
                DefinitionKind::Function(index) => self.bind_function(index),
                DefinitionKind::Class(_) if only.conditional => unsupported(CONDITIONAL),
                DefinitionKind::Class(index) => self.bind_class(index),
                DefinitionKind::Value(_) if only.conditional => unsupported(CONDITIONAL),
                DefinitionKind::Value(value) => match self.fold(value, only.start) {
                    Ok(binding) => binding,
                    Err(text) if matches!(value, Expr::List(_) | Expr::Dict(_) | Expr::Set(_) | Expr::Tuple(_)) => {
                        Binding::Written(text)
                    }
                    Err(text) => Binding::Unsupported(text),
                },
                DefinitionKind::Import(_) | DefinitionKind::ImportFrom(..) => imported(only.kind),
                DefinitionKind::Other(text) => unsupported(text),
            },
            [.., last] => {
                let is_plain_function =
                    |each: &Definition| !each.conditional && matches!(each.kind, DefinitionKind::Function(_));
                let is_global = |each: &Definition| matches!(each.kind, DefinitionKind::Other(GLOBAL));
                let first_import = imported(definitions[0].kind);
                match last.kind {
                    _ if definitions.iter().any(is_global) => unsupported(GLOBAL),
                    DefinitionKind::Function(index) if definitions.iter().all(is_plain_function) => {
                        self.bind_function(index)
                    }
                    DefinitionKind::Import(_) | DefinitionKind::ImportFrom(..)
                        if definitions.iter().all(|each| imported(each.kind) == first_import) =>
                    {
                        first_import
                    }
                    _ => unsupported(REASSIGNED),
                }
            }
        }
    }

    fn bind_function(&mut self, index: usize) -> Binding {
        if let FileFunctionNode::Lambda { compile: Some(call), .. } = self.functions[index]
            && !self.is_compile(&call.func)
        {
            return Binding::Unsupported(String::from(constants::COMPUTED));
        }
        match self.unsupported_decorators(self.functions[index]).first() {
            None => Binding::Function(index),
            Some(decorator) => {
                let text = self.text_of(decorator.expression.range());
                Binding::Unsupported(format!("a function with the decorator `@{text}`"))
            }
        }
    }

    /// The value of an expression that is evaluated at `at` while the module runs.
    fn fold(&mut self, expr: &'a Expr, at: TextSize) -> constants::Folded {
        match expr {
            Expr::NumberLiteral(literal) => constants::number(&literal.value),
            Expr::StringLiteral(literal) => constants::string(literal.value.to_str()),
            Expr::BooleanLiteral(literal) => Ok(Binding::Constant(ir::Const::Bool(literal.value))),
            Expr::NoneLiteral(_) => Ok(Binding::Constant(ir::Const::None)),
            Expr::Tuple(tuple) => self.fold_tuple(&tuple.elts, at),
            Expr::UnaryOp(unary) => self.fold_unary(unary, at),
            Expr::BinOp(binary) => {
                constants::binary(binary.op, &self.fold(&binary.left, at)?, &self.fold(&binary.right, at)?)
            }
            Expr::Name(name) => match self.resolve(name.id.as_str(), Some(at)) {
                Some(Binding::Member(module, member)) => match constants::module_member(&module, &member) {
                    Some(value) => Ok(Binding::Constant(value)),
                    None => Ok(Binding::Member(module, member)),
                },
                Some(Binding::Unsupported(text) | Binding::Written(text)) => Err(text),
                Some(binding) => Ok(binding),
                None => Err(format!("the value of `{}`", name.id)),
            },
            Expr::Attribute(attribute) => self.fold_attribute(&attribute.value, attribute.attr.as_str(), at),
            Expr::Call(call) => self.fold_call(call, at),
            Expr::List(_) | Expr::ListComp(_) => Err(String::from("a `list`, which can change at any time")),
            Expr::Dict(_) | Expr::DictComp(_) => Err(String::from("a `dict`, which can change at any time")),
            Expr::Set(_) | Expr::SetComp(_) => Err(String::from("a `set`, which can change at any time")),
            _ => Err(String::from(constants::COMPUTED)),
        }
    }

    fn fold_tuple(&mut self, items: &'a [Expr], at: TextSize) -> constants::Folded {
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            if let Expr::Name(name) = item
                && let (Some(builtin), None) = (known_name(name.id.as_str()), self.resolve(name.id.as_str(), Some(at)))
            {
                values.push(Binding::Member(String::from("builtins"), builtin.to_owned()));
                continue;
            }
            match self.fold(item, at)? {
                value @ (Binding::Constant(_) | Binding::Tuple(_) | Binding::Class(_) | Binding::Member(..)) => {
                    values.push(value);
                }
                _ => return Err(String::from("a tuple of other things than constants and classes")),
            }
        }
        Ok(Binding::Tuple(values))
    }

    fn fold_unary(&mut self, unary: &'a ExprUnaryOp, at: TextSize) -> constants::Folded {
        // `-9223372036854775808` is in range although the literal behind the sign is not.
        if let (UnaryOp::USub, Expr::NumberLiteral(literal)) = (unary.op, unary.operand.as_ref())
            && let Number::Int(int) = &literal.value
            && int.as_u64() == Some(i64::MIN.unsigned_abs())
        {
            return Ok(Binding::Constant(ir::Const::Int(i64::MIN)));
        }
        constants::unary(unary.op, &self.fold(&unary.operand, at)?)
    }

    fn fold_attribute(&mut self, value: &'a Expr, member: &str, at: TextSize) -> constants::Folded {
        let Expr::Name(name) = value else { return Err(String::from(constants::COMPUTED)) };
        match self.resolve(name.id.as_str(), Some(at)) {
            Some(Binding::Module(module)) => match constants::module_member(&module, member) {
                Some(value) => Ok(Binding::Constant(value)),
                None => Ok(Binding::Member(module, String::from(member))),
            },
            _ => Err(String::from(constants::COMPUTED)),
        }
    }

    /// `float("inf")` and its like, and `fl.compile(function)`.
    fn fold_call(&mut self, call: &'a ExprCall, at: TextSize) -> constants::Folded {
        if self.is_compile(&call.func)
            && let Some(function @ Expr::Name(_)) = call.arguments.args.first()
        {
            return self.fold(function, at);
        }
        if matches!(call.func.as_ref(), Expr::Name(_) | Expr::Attribute(_))
            && let Ok(Binding::Member(module, name)) = self.fold(&call.func, at)
        {
            match (module.as_str(), name.as_str()) {
                ("re", "compile") => return constants::pattern(call, &mut |expr| self.fold(expr, at)),
                ("logging", "getLogger") => return Ok(Binding::Module(module)),
                _ => {}
            }
        }
        match (call.func.as_ref(), call.arguments.args.as_ref()) {
            (Expr::Name(name), [Expr::StringLiteral(text)])
                if name.id.as_str() == "float"
                    && call.arguments.keywords.is_empty()
                    && !self.definitions.contains_key("float") =>
            {
                constants::float_of_text(text.value.to_str())
            }
            _ => Err(String::from(constants::COMPUTED)),
        }
    }
}

/// What an import binds its name to.
fn imported(kind: DefinitionKind) -> Binding {
    match kind {
        DefinitionKind::Import(alias) => {
            let dotted = alias.name.as_str();
            // `import a.b` binds `a`; `import a.b as c` binds `a.b`.
            let bound = if alias.asname.is_some() { dotted } else { dotted.split('.').next().unwrap_or(dotted) };
            Binding::Module(String::from(bound))
        }
        DefinitionKind::ImportFrom(import, alias) => match (&import.module, import.level) {
            (Some(module), 0) => Binding::Member(String::from(module.as_str()), String::from(alias.name.as_str())),
            _ => Binding::Unsupported(String::from("imported from another file of the package")),
        },
        DefinitionKind::Function(_)
        | DefinitionKind::Class(_)
        | DefinitionKind::Value(_)
        | DefinitionKind::Other(_) => Binding::Unsupported(String::from(REASSIGNED)),
    }
}

fn all_annotated(parameters: &Parameters) -> bool {
    parameters.vararg.is_none()
        && parameters.kwarg.is_none()
        && parameters.iter_non_variadic_params().all(|parameter| parameter.parameter.annotation.is_some())
}

fn signature_option(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Call(call) => signature_of_call(call),
        _ => None,
    }
}

fn signature_of_call(call: &ExprCall) -> Option<String> {
    match &call.arguments.find_keyword("signature")?.value {
        Expr::StringLiteral(text) => Some(String::from(text.value.to_str())),
        _ => None,
    }
}

/// Every name that a function's source mentions, also in annotations that are strings.
#[derive(Default)]
struct UsedNames(BTreeSet<String>);

impl<'a> Visitor<'a> for UsedNames {
    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Name(name) = expr {
            self.0.insert(String::from(name.id.as_str()));
        }
        visitor::walk_expr(self, expr);
    }

    fn visit_annotation(&mut self, annotation: &'a Expr) {
        AnnotationNames(self).visit_expr(annotation);
        visitor::walk_annotation(self, annotation);
    }
}

/// The names that may stand for the library in a function's code: those whose attributes it uses, and plain ones.
/// `fl.compile` and annotations do not count, except for the annotations `fl.Dataset` and `fl.Session`.
#[derive(Default)]
struct LibraryUses<'a>(BTreeSet<&'a str>);

impl<'a> Visitor<'a> for LibraryUses<'a> {
    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Attribute(attribute) if attribute.attr.as_str() == "compile" => {}
            Expr::Name(name) => {
                self.0.insert(name.id.as_str());
            }
            _ => visitor::walk_expr(self, expr),
        }
    }

    fn visit_annotation(&mut self, annotation: &'a Expr) {
        if let Expr::Attribute(attribute) = annotation
            && matches!(attribute.attr.as_str(), "Dataset" | "Session")
        {
            self.visit_expr(annotation);
        }
    }
}

/// The names inside string annotations such as `"np.ndarray"`.
struct AnnotationNames<'n>(&'n mut UsedNames);

impl<'a> Visitor<'a> for AnnotationNames<'_> {
    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::StringLiteral(text) = expr {
            let words = text.value.to_str().split(|c: char| !(c.is_alphanumeric() || c == '_'));
            self.0.0.extend(words.filter(|word| !word.is_empty()).map(String::from));
        }
        visitor::walk_expr(self, expr);
    }
}

#[cfg(test)]
mod tests;
