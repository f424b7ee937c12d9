//! The entry point: a program, the function to start from and the types of its arguments in, a module or diagnostics
//! out. Owns the order of the passes; knows nothing of how each works.

use crate::annotation::{Signature, annotation_type};
use crate::diagnostic::{Diagnostic, NEEDS_TYPE, Place};
use crate::lower::MATCH;
use crate::parse::{Parsed, ast::Ranged};
use crate::program::Program;
use crate::shape::{Shape, python_name};
use crate::specialise::{Argument, Callable, Compiler, parameter_list};
use crate::widen::{self, Widenings};
use ir::{RecordKind, Type};

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
}

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
}

impl Compiled {
    fn refused(diagnostics: Vec<Diagnostic>) -> Compiled {
        Compiled { diagnostics, ..Compiled::default() }
    }
}

/// Compiles function number `entry` of the program and all it calls.
pub fn compile(program: &Program, entry: usize, request: &Request) -> Compiled {
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().name("fuseline-compile".to_owned()).stack_size(STACK_BYTES);
        match builder.spawn_scoped(scope, || compile_here(program, entry, request)) {
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

fn compile_here(program: &Program, entry: usize, request: &Request) -> Compiled {
    let mut parsed = Vec::new();
    let mut diagnostics = Vec::new();
    for (index, file) in program.files.iter().enumerate() {
        match Parsed::new(index, file) {
            Ok(file) => parsed.push(Some(file)),
            Err(errors) => {
                diagnostics.extend(errors);
                parsed.push(None);
            }
        }
    }
    // Only files that hold a function the entry may need are listed, so one that does not parse stops everything.
    if !diagnostics.is_empty() {
        return Compiled::refused(diagnostics);
    }
    // Where the request says what the arguments and the result are, they are not open to other types.
    let is_open = !request.row_result && request.expected_result.is_none();
    let mut widenings = Widenings::default();
    let mut first: Option<Compiled> = None;
    for _ in 0..=widen::ROUNDS_MAX {
        let (compiled, misfits) = compile_with(program, &parsed, entry, request, &widenings);
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
    program: &Program,
    parsed: &[Option<Parsed>],
    entry: usize,
    request: &Request,
    widenings: &Widenings,
) -> (Compiled, Widenings) {
    let refused = |diagnostics| (Compiled::refused(diagnostics), Widenings::default());
    let mut compiler = Compiler::new(program, parsed, request);
    compiler.widenings = widenings.clone();
    let mut rounds = 0;
    loop {
        let arguments = match entry_arguments(&compiler, entry, request) {
            Ok(arguments) => arguments,
            Err(diagnostics) => return refused(diagnostics),
        };
        compiler.call(Callable::Program(entry), arguments, Vec::new());
        // What the fields of objects hold is known when the whole program has been looked at.
        let mut objects = std::mem::take(&mut compiler.objects);
        if !objects.learn() {
            compiler.objects = objects;
            break;
        }
        rounds += 1;
        if rounds > OBJECT_ROUNDS_MAX {
            return refused(vec![endless_fields(&compiler, entry)]);
        }
        let misfits = std::mem::take(&mut compiler.misfits);
        compiler = Compiler::new(program, parsed, request);
        compiler.widenings = widenings.clone();
        compiler.misfits = misfits;
        compiler.objects = objects;
    }
    let misfits = std::mem::take(&mut compiler.misfits);
    (outcome(&mut compiler, entry), misfits)
}

/// What came of lowering everything that the entry reaches.
fn outcome(compiler: &mut Compiler<'_>, entry: usize) -> Compiled {
    let mut diagnostics = compiler.diagnostics();
    if diagnostics.is_empty() && compiler.entry_result().is_some_and(|result| compiler.holds_generator(&result)) {
        diagnostics.extend(compiler.source(Callable::Program(entry)).map(|source| Diagnostic {
            code: "not-a-value",
            message: "a generator cannot leave compiled code".to_owned(),
            place: source.place(),
            labels: Vec::new(),
            help: Some("return a list, or use the generator in another compiled function".to_owned()),
        }));
    }
    if diagnostics.is_empty()
        && let Some(class) = compiler.entry_result().and_then(|result| compiler.object_in(&result))
    {
        diagnostics.extend(compiler.source(Callable::Program(entry)).map(|source| Diagnostic {
            code: "not-a-value",
            message: format!("an instance of `{class}`, which can be changed, cannot leave compiled code"),
            place: source.place(),
            labels: Vec::new(),
            help: Some("return what is in its fields, or a frozen dataclass".to_owned()),
        }));
    }
    if !diagnostics.is_empty() {
        return Compiled { diagnostics, module: None, result: compiler.entry_result() };
    }
    if let Some((class, result)) = compiler.entry_result().and_then(|ty| Some((library_class(&ty)?.to_owned(), ty))) {
        let place = compiler.source(Callable::Program(entry)).map(|source| source.parsed.place(source.range()));
        let help = match class.as_str() {
            MATCH => "return its groups",
            class if class.starts_with("function#") => "call it, and return what it gives",
            class if class.starts_with("datetime.") => "return a text or a number of it, such as `isoformat()`",
            _ => "make a `dict` or a `list` of it",
        };
        let diagnostic = Diagnostic {
            code: "result-mismatch",
            message: format!("the result has the type `{}`, which stays in compiled code", python_name(&result)),
            place: place.unwrap_or(Place { file: 0, start: 0, end: 0 }),
            labels: Vec::new(),
            help: Some(help.to_owned()),
        };
        return Compiled { diagnostics: vec![diagnostic], module: None, result: Some(result) };
    }
    let module = compiler.module();
    if let Err(errors) = ir::verify::verify(&module) {
        let first = errors.first().map(|error| error.to_string()).unwrap_or_default();
        return Compiled::refused(vec![internal(&format!("the compiler made code that it refuses itself: {first}"))]);
    }
    Compiled { result: compiler.entry_result(), module: Some(module), diagnostics }
}

/// A class of the standard library of which a value of the type may hold an instance. Nothing outside of compiled code knows
/// what the numbers in such a record mean.
fn library_class(ty: &Type) -> Option<&str> {
    match ty {
        Type::Record(record) if let Some(item) = record.tuple_item() => library_class(item),
        Type::Record(record) if record.kind == RecordKind::Library => Some(&record.name),
        Type::Record(record) => record.fields.iter().find_map(|(_, ty)| library_class(ty)),
        Type::Tuple(items) | Type::Union(items) => items.iter().find_map(library_class),
        Type::List(item) | Type::Set { item, .. } => library_class(item),
        Type::Dict(key, value) => library_class(key).or_else(|| library_class(value)),
        _ => None,
    }
}

/// The types of the entry function's parameters: as requested, else as annotated.
fn entry_arguments(compiler: &Compiler<'_>, entry: usize, request: &Request) -> Result<Vec<Argument>, Vec<Diagnostic>> {
    let Some(source) = compiler.source(Callable::Program(entry)) else { return Ok(Vec::new()) };
    let mut arguments = Vec::new();
    let mut diagnostics = Vec::new();
    for (index, parameter) in parameter_list(source.parameters()).into_iter().enumerate() {
        if let Some(Some(ty)) = request.params.get(index) {
            arguments.push(Argument::Value(Shape::from(compiler.widenings.widened(ty))));
            continue;
        }
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
