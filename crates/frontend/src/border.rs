//! What may cross between compiled code and its caller: which types of results and arguments stay inside, and what is said
//! of them. Knows nothing of how values are handed over.

use std::collections::HashSet;
use std::sync::Arc;

use ir::{RecordKind, Type};

use crate::diagnostic::{Diagnostic, Place};
use crate::lower::{MATCH, view_of};
use crate::shape::python_name;
use crate::specialise::{Callable, Compiler};

/// Why a value stays in compiled code.
enum Stays {
    Generator,
    /// An instance that can be changed.
    Instance(String),
    /// An instance of a class of the standard library.
    Library(String),
    Exception,
}

/// Looks for what cannot leave, through the fields of instances as well.
struct Search<'c, 'p> {
    compiler: &'c Compiler<'p>,
    seen: HashSet<Arc<str>>,
}

impl Search<'_, '_> {
    fn find(&mut self, ty: &Type) -> Option<Stays> {
        match ty {
            Type::Object(_) if self.compiler.generator_of(ty).is_some() => Some(Stays::Generator),
            Type::Object(name) => self.in_instance(ty, name),
            Type::Record(record) if let Some(item) = record.tuple_item() => self.find(item),
            Type::Record(record) if record.kind == RecordKind::Library && !self.crosses(&record.name) => {
                Some(Stays::Library(record.name.clone()))
            }
            ty if view_of(ty).is_some() => Some(Stays::Library(python_name(ty))),
            Type::Record(record) => record.fields.iter().find_map(|(_, ty)| self.find(ty)),
            Type::Tuple(items) | Type::Union(items) => items.iter().find_map(|ty| self.find(ty)),
            Type::List(item) | Type::Set { item, .. } => self.find(item),
            Type::Dict(key, value) => self.find(key).or_else(|| self.find(value)),
            Type::Exception => Some(Stays::Exception),
            Type::None
            | Type::Bool
            | Type::Int
            | Type::Float
            | Type::Str
            | Type::Bytes
            | Type::Range
            | Type::Np(_)
            | Type::Array { .. } => None,
        }
    }

    /// Whether objects of this class of the library are known outside.
    fn crosses(&self, name: &str) -> bool {
        let known = match name.split_once('#') {
            Some(("collections.defaultdict", number)) => {
                let names = self.compiler.factory_names();
                number.parse::<usize>().ok().and_then(|number| names.get(number)?.as_ref()).is_some()
            }
            _ => matches!(
                name,
                "collections.Counter"
                    | "collections.OrderedDict"
                    | "collections.deque"
                    | "datetime.date"
                    | "datetime.datetime"
                    | "datetime.time"
                    | "datetime.timedelta"
            ),
        };
        known && self.compiler.request.objects_may_leave
    }

    fn in_instance(&mut self, ty: &Type, name: &Arc<str>) -> Option<Stays> {
        let may_leave = self.compiler.request.objects_may_leave;
        let number =
            self.compiler.objects.number_of(name).filter(|number| *number < self.compiler.program.functions.len());
        let Some(number) = number.filter(|_| may_leave) else { return Some(Stays::Instance(python_name(ty))) };
        if !self.seen.insert(name.clone()) {
            return None;
        }
        if self.compiler.known_class(number).is_some_and(|class| class.keeps_results()) {
            // What an instance remembers is not among its attributes.
            return Some(Stays::Instance(python_name(ty)));
        }
        let class = self.compiler.objects.class(number)?;
        class.fields.iter().find_map(|field| self.find(&field.stored()))
    }
}

/// What is said when the entry function's result, or something that it may store into its arguments, stays in compiled code.
pub fn refusal(compiler: &Compiler<'_>, entry: usize) -> Option<Diagnostic> {
    let result = compiler.entry_result()?;
    let mut search = Search { compiler, seen: HashSet::new() };
    let of_result = match compiler.entry_generator().filter(|_| compiler.request.objects_may_leave) {
        Some(types) => types.iter().find_map(|ty| search.find(ty)),
        None => search.find(&result),
    };
    let is_result = of_result.is_some();
    let source = compiler.source(Callable::Program(entry));
    let whole = source.as_ref().map(|source| source.parsed.place(source.range()));
    let place = whole.unwrap_or(Place { file: 0, start: 0, end: 0 });
    if !compiler.objects.assigned().is_empty() && compiler.entry_generator().is_some() {
        return Some(Diagnostic {
            code: "unsupported-assignment",
            message: "a generator that assigns a global variable cannot leave compiled code".to_owned(),
            place,
            labels: Vec::new(),
            help: Some("use it in another compiled function, or yield the new value".to_owned()),
        });
    }
    let params = compiler.entry_params();
    let captures = (0..compiler.program.captures.len()).filter_map(|index| compiler.objects.capture_type(index));
    let stays = of_result.or_else(|| params.into_iter().chain(captures).find_map(|ty| search.find(&ty)))?;
    let (code, message, help) = match stays {
        Stays::Generator => (
            "not-a-value",
            "a generator cannot leave compiled code".to_owned(),
            "return a list, use the generator in another compiled function, or compile the generator function itself",
        ),
        Stays::Instance(class) => (
            "not-a-value",
            format!("an instance of `{class}`, which can be changed, cannot leave compiled code"),
            "return what is in its fields, or a frozen dataclass",
        ),
        Stays::Exception => {
            ("not-a-value", "an exception cannot leave compiled code".to_owned(), "return its text: `str(error)`")
        }
        Stays::Library(class) => {
            let help = match class.as_str() {
                MATCH => "return its groups",
                class if class.starts_with("function#") => "call it, and return what it gives",
                class if class.starts_with("datetime.") => "return a text or a number of it, such as `isoformat()`",
                _ => "make a `dict` or a `list` of it",
            };
            let (shown, class) = (python_name(&result), class.split('#').next().unwrap_or_default());
            let message = if is_result && shown == class {
                format!("the result has the type `{class}`, which stays in compiled code")
            } else if is_result {
                format!("the result has the type `{shown}` with a `{class}` in it, which stays in compiled code")
            } else {
                format!("an argument or a global comes to hold a `{class}`, which stays in compiled code")
            };
            ("result-mismatch", message, help)
        }
    };
    Some(Diagnostic { code, message, place, labels: Vec::new(), help: Some(help.to_owned()) })
}
