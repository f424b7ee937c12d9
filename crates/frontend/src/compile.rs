//! The entry point: a program, the function to start from and the types of its arguments in, a module or diagnostics
//! out. Owns the order of the passes; knows nothing of how each works.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::annotation::{Signature, annotation_type};
use crate::border;
use crate::diagnostic::{Diagnostic, NEEDS_TYPE, Place};
use crate::objects::GivenClass;
use crate::parse::ast::Ranged;
use crate::program::Program;
use crate::shape::Shape;
use crate::sources::{ParsedFiles, Sources};
use crate::specialise::{Argument, Callable, Compiler, argument_names, parameter_list};
use crate::widen::{self, Widenings};

/// The stack of the thread that compiles. Only what is used of it takes memory; the parser's limit on nesting keeps
/// every program well within it.
const STACK_BYTES: usize = 64 << 20;

/// Times that a program is compiled again for the types of the fields of its objects.
const OBJECT_ROUNDS_MAX: usize = 40;

/// What is asked of the entry function.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The types of the arguments, by parameter; `None` (or a parameter beyond the end) takes the annotation.
    pub params: Vec<Option<ir::Type>>,
    /// The result goes into columns, each of which has one type: where an `int` literal and a `float` may come out, the
    /// literal becomes a `float`.
    pub row_result: bool,
    /// The type the result must have (a fold's state): an `int` where it has a `float` becomes one.
    pub expected_result: Option<ir::Type>,
    /// The classes of the instances that can be changed among the arguments.
    pub objects: Vec<GivenClass>,
    /// The built-in classes that make the missing values of the `defaultdict`s among the arguments, by the numbers in their
    /// types; empty where nothing does.
    pub factories: Vec<String>,
    /// The caller can take instances that can be changed, and make new ones.
    pub objects_may_leave: bool,
    /// Operations that the types of their operands forbid may wait until they are reached: where the program is refused for
    /// nothing else, they raise `NotCompiled` with the text [`DEFERRED`], for which the caller shows [`Compiled::deferred`].
    pub may_defer: bool,
}

/// The text of what is raised where a refused operation is reached.
pub const DEFERRED: &str = "\0deferred";

impl Request {
    /// The types that a signature gives.
    pub fn of_signature(signature: &Signature) -> Request {
        Request {
            params: signature.params.iter().cloned().map(Some).collect(),
            expected_result: signature.result.clone(),
            ..Request::default()
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Compiled {
    /// The module, when there is no diagnostic. Its captures are those of the program, in the same order.
    pub module: Option<ir::Module>,
    pub diagnostics: Vec<Diagnostic>,
    /// The type of the entry function's result, when it is known.
    pub result: Option<ir::Type>,
    /// The classes of the module whose instances can be changed, with their numbers among the functions of the program.
    pub classes: Vec<(Arc<str>, usize)>,
    /// What makes the missing values of the `defaultdict`s, by number: a built-in class or (empty) nothing; `None` for others.
    pub factories: Vec<Option<String>>,
    /// The captured values that the program assigns, by number: in the module each is the item of a list.
    pub assigned: Vec<usize>,
    /// The entry is a generator function: how to go on with the generator it returns.
    pub resume: Option<Resume>,
    /// What is to be said when the module raises [`DEFERRED`].
    pub deferred: Vec<Diagnostic>,
}

/// How to go on with a generator that has left compiled code.
#[derive(Clone, Debug)]
pub struct Resume {
    /// `(generator) -> bool`, see [`ir::passes::generator`].
    pub func: ir::FuncId,
    /// The class of the generator.
    pub class: Arc<str>,
    /// What it yields and returns.
    pub item: ir::Type,
    pub returned: ir::Type,
}

impl Compiled {
    fn refused(diagnostics: Vec<Diagnostic>) -> Compiled {
        Compiled { diagnostics, ..Compiled::default() }
    }
}

/// Compiles function number `entry` of the program and all it calls.
pub fn compile(program: &Program, entry: usize, request: &Request) -> Compiled {
    on_own_stack(|| match ParsedFiles::new(program) {
        Ok(parsed) => compile_here(&Sources::new(program, &parsed), entry, request),
        Err(diagnostics) => Compiled::refused(diagnostics),
    })
}

/// Compiles on a thread with a stack for deep trees.
pub fn on_own_stack(compile: impl FnOnce() -> Compiled + Send) -> Compiled {
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().name("fuseline-compile".to_owned()).stack_size(STACK_BYTES);
        match builder.spawn_scoped(scope, compile) {
            // A panic is a fault of ours; it must not take the caller's process with it.
            Ok(thread) => thread.join().unwrap_or_else(|_| {
                Compiled::refused(vec![internal("the compiler failed; please report this program")])
            }),
            Err(error) => Compiled::refused(vec![internal(&format!("no thread to compile in: {error}"))]),
        }
    })
}

fn internal(message: &str) -> Diagnostic {
    Diagnostic {
        code: "internal",
        message: message.to_owned(),
        place: Place { file: 0, start: 0, end: 0 },
        labels: Vec::new(),
        help: None,
    }
}

fn endless_fields(compiler: &Compiler<'_>, entry: usize) -> Diagnostic {
    let place = compiler.source(Callable::Program(entry)).map(|source| source.place());
    Diagnostic {
        code: "too-many-types",
        message: "the fields of the objects here have ever more types".to_owned(),
        place: place.unwrap_or(Place { file: 0, start: 0, end: 0 }),
        labels: Vec::new(),
        help: None,
    }
}

/// The names of the classes whose instances are records, in a type.
fn collect_records(ty: &ir::Type, names: &mut BTreeSet<String>) {
    use ir::{RecordKind, Type};
    match ty {
        Type::Record(record) => {
            if matches!(record.kind, RecordKind::NamedTuple | RecordKind::Dataclass) {
                names.insert(record.name.clone());
            }
            record.fields.iter().for_each(|(_, field)| collect_records(field, names));
        }
        Type::Tuple(items) | Type::Union(items) => items.iter().for_each(|item| collect_records(item, names)),
        Type::List(item) | Type::Set { item, .. } => collect_records(item, names),
        Type::Dict(key, value) => {
            collect_records(key, names);
            collect_records(value, names);
        }
        _ => {}
    }
}

/// Meets the classes of the instances among the arguments, and those that fields are known to hold instances of.
fn meet_given(compiler: &mut Compiler<'_>, request: &Request) -> Result<(), Box<Diagnostic>> {
    let mut records = BTreeSet::new();
    let captured = compiler.program.captures.iter().map(|capture| &capture.ty);
    let known = compiler.widenings.types();
    request.params.iter().flatten().chain(captured).chain(known).for_each(|ty| collect_records(ty, &mut records));
    compiler.meet_named(&records);
    for (_, number) in compiler.objects.names() {
        // Of the program's classes; what else there is has no text.
        let _ = compiler.class(number);
    }
    for given in &request.objects {
        let class = compiler.class(given.number)?;
        if !compiler.objects.is_given(given.number) {
            let mut given = given.clone();
            for held in given.fields.iter_mut().flat_map(|field| &mut field.held) {
                *held = compiler.widenings.widened(held);
            }
            compiler.objects.give(&class, &given);
        }
    }
    Ok(())
}

pub fn compile_here(sources: &Sources<'_>, entry: usize, request: &Request) -> Compiled {
    let strict = compile_as_asked(sources, entry, &Request { may_defer: false, ..request.clone() });
    if strict.module.is_some() || !request.may_defer {
        return strict;
    }
    let late = compile_as_asked(sources, entry, request);
    match late.module {
        Some(_) => Compiled { deferred: strict.diagnostics, ..late },
        None => strict,
    }
}

/// Compiles with containers made for further types where that helps.
fn compile_as_asked(sources: &Sources<'_>, entry: usize, request: &Request) -> Compiled {
    // Where the request says what the arguments and the result are, they are not open to other types.
    let is_open = !request.row_result && request.expected_result.is_none();
    let mut widenings = Widenings::default();
    let mut first: Option<Compiled> = None;
    for _ in 0..=widen::ROUNDS_MAX {
        let (compiled, misfits) = compile_with(sources, entry, request, &widenings);
        if compiled.module.is_some() {
            return compiled;
        }
        let is_news = is_open && widenings.learn(&misfits);
        // What is said of the program as it was written is of use to its reader.
        let compiled = first.get_or_insert(compiled);
        if !is_news {
            return std::mem::take(compiled);
        }
    }
    first.unwrap_or_default()
}

/// Compiles with containers made for further types; beside the outcome those of which that would have helped.
fn compile_with(
    sources: &Sources<'_>,
    entry: usize,
    request: &Request,
    widenings: &Widenings,
) -> (Compiled, Widenings) {
    let refused = |diagnostics| (Compiled::refused(diagnostics), Widenings::default());
    let mut compiler = Compiler::new(sources, request);
    compiler.widenings = widenings.clone();
    let mut rounds = 0;
    loop {
        compiler.objects.meet_captures(&compiler.program.captures);
        if let Err(diagnostic) = meet_given(&mut compiler, request) {
            return refused(vec![*diagnostic]);
        }
        let arguments = match entry_arguments(&compiler, entry, request) {
            Ok(arguments) => arguments,
            Err(diagnostics) => return refused(diagnostics),
        };
        compiler.call(Callable::Program(entry), arguments, Vec::new());
        if let Some(next) = compiler.with_notes() {
            compiler = next;
            rounds = 0;
            continue;
        }
        // What the fields of objects hold is known when the whole program has been looked at.
        let mut objects = std::mem::take(&mut compiler.objects);
        if !objects.learn() {
            compiler.objects = objects;
            break;
        }
        rounds += 1;
        if rounds > OBJECT_ROUNDS_MAX || objects.is_endless {
            return refused(vec![endless_fields(&compiler, entry)]);
        }
        compiler = compiler.next_round(objects);
    }
    let misfits = std::mem::take(&mut compiler.misfits);
    (outcome(&mut compiler, entry), misfits)
}

/// What came of lowering everything that the entry reaches.
fn outcome(compiler: &mut Compiler<'_>, entry: usize) -> Compiled {
    let mut diagnostics = compiler.diagnostics();
    if diagnostics.is_empty() {
        diagnostics.extend(border::refusal(compiler, entry));
    }
    if !diagnostics.is_empty() {
        return Compiled { diagnostics, result: compiler.entry_result(), ..Compiled::default() };
    }
    let (module, resume) = compiler.module();
    if let Err(errors) = ir::verify::verify(&module) {
        let first = errors.first().map(|error| error.to_string()).unwrap_or_default();
        return Compiled::refused(vec![internal(&format!("the compiler made code that it refuses itself: {first}"))]);
    }
    let classes = compiler.objects.names();
    Compiled {
        result: compiler.entry_result(),
        module: Some(module),
        diagnostics,
        classes,
        factories: compiler.factory_names(),
        assigned: compiler.objects.assigned(),
        resume,
        deferred: Vec::new(),
    }
}

/// The types of the entry function's parameters: as requested, else as annotated.
fn entry_arguments(compiler: &Compiler<'_>, entry: usize, request: &Request) -> Result<Vec<Argument>, Vec<Diagnostic>> {
    let Some(source) = compiler.source(Callable::Program(entry)) else { return Ok(Vec::new()) };
    let mut arguments = Vec::new();
    let mut diagnostics = Vec::new();
    let list = parameter_list(source.parameters());
    for (index, name) in argument_names(&source).into_iter().enumerate() {
        if let Some(Some(ty)) = request.params.get(index) {
            arguments.push(Argument::Value(Shape::from(compiler.widenings.widened(ty))));
            continue;
        }
        let Some(parameter) = list.get(index) else {
            let is_rest = source.parameters().and_then(|parameters| parameters.vararg.as_ref());
            let star = if is_rest.is_some_and(|rest| rest.name.as_str() == name) { "*" } else { "**" };
            diagnostics.push(Diagnostic {
                code: "unsupported-parameter",
                message: format!("what `{star}{name}` takes is only known when the function is called"),
                place: source.place(),
                labels: Vec::new(),
                help: Some("call the function from Python or from another function, or name the parameters".to_owned()),
            });
            continue;
        };
        let name = parameter.name();
        let mut refuse = |code, place: &dyn Fn() -> Place, message, help: &str| {
            let help = Some(help.to_owned());
            diagnostics.push(Diagnostic { code, message, place: place(), labels: Vec::new(), help });
        };
        match parameter.annotation().map(|annotation| (annotation, annotation_type(annotation))) {
            Some((_, Ok(ty))) => arguments.push(Argument::Value(Shape::from(compiler.widenings.widened(&ty)))),
            Some((annotation, Err(message))) => refuse(
                "unsupported-annotation",
                &|| source.parsed.place(annotation.range()),
                format!("the type of `{name}` is not known: {message}"),
                "annotate it with `int`, `float`, `bool`, `str`, `tuple[...]`, `list[...]` or `... | None`",
            ),
            None => refuse(
                NEEDS_TYPE,
                &|| source.parsed.place(name.range()),
                format!("the type of `{name}` is not known"),
                "annotate the parameter, or give a signature such as `(float, int) -> float`",
            ),
        }
    }
    if diagnostics.is_empty() { Ok(arguments) } else { Err(diagnostics) }
}
