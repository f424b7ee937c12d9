//! Classes of the program: what a `class` statement defines, as far as its text tells. Owns which kinds of classes there
//! are and how their fields, methods and parents are found; knows nothing of how their instances are made or used.

use std::collections::BTreeSet;
use std::rc::Rc;

use ir::{ExcClass, ExcKind};

use crate::class_parts::{is_abstract, is_abstract_by_metaclass, method_kind, refused_part};
use crate::diagnostic::{Diagnostic, Place};
use crate::enumerations::{Members, refused_of_enum};
use crate::named_tuples::named_tuple;
use crate::objects::{Objects, Stores, stored_in_self};
use crate::parse::ast::{self, Expr, Ranged, Stmt};
use crate::private_names::mangled;
use crate::program::{Binding, FunctionSource, Locator};
use crate::remembered::{RESULTS, is_remembered_by_instance, results_of};
use crate::specialise::{Compiler, Source};
use crate::{library, locate};

/// A class of the program.
#[derive(Debug)]
pub struct Class<'p> {
    /// Its number among the functions of the program, which says what the names in it stand for.
    pub number: usize,
    pub name: String,
    /// Its name with those of the classes and the function around it.
    pub qualified: String,
    /// Its statements; of a `namedtuple(...)` there are none.
    pub body: &'p [Stmt],
    pub kind: ClassKind,
    /// The order in which attributes are looked up: itself, then the classes of the program that it derives from.
    pub line: Vec<usize>,
    /// Its own fields and those of its parents, which come first.
    pub fields: Vec<Field<'p>>,
    /// Its own methods and those of its parents that it does not replace.
    pub methods: Vec<Method<'p>>,
    /// Names that its body gives a value: own and inherited, with the class whose names the value reads.
    pub constants: Vec<(String, &'p Expr, usize)>,
    /// Attributes that its methods and those of its parents store in their own instance, replaced methods included.
    pub stored: Vec<String>,
    /// The attributes that its instances may have, where `__slots__` says that.
    pub slots: Option<Vec<String>>,
    /// Derives from `abc.ABC`: it has no instances as long as one of its methods is abstract.
    pub is_abc: bool,
    /// `functools.total_ordering` makes the comparisons that it lacks.
    pub is_ordered: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClassKind {
    Exception(ExcClass),
    NamedTuple,
    Dataclass(Options),
    /// A class with nothing special: its instances have what `__init__` gives them.
    Plain,
    Enum(Members),
}

/// What `@dataclass(...)` asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    pub eq: bool,
    pub order: bool,
    pub frozen: bool,
    pub keyword_only: bool,
    pub slots: bool,
    pub unsafe_hash: bool,
}

#[derive(Clone, Debug)]
pub struct Field<'p> {
    pub name: String,
    pub default: Option<Default<'p>>,
    /// Whether `__init__`, `repr` and `==` know it.
    pub init: bool,
    pub repr: bool,
    pub compare: bool,
    pub keyword_only: bool,
    /// The class that defines it.
    pub owner: usize,
}

impl Field<'_> {
    /// Whether an instance is made without a value for it: `field(init=False)`.
    pub fn is_set_later(&self) -> bool {
        !self.init && self.default.is_none()
    }
}

/// The value of a field that is not given.
#[derive(Clone, Copy, Debug)]
pub enum Default<'p> {
    Value(&'p Expr),
    /// `field(default_factory=...)`: called for each instance.
    Factory(&'p Expr),
}

#[derive(Clone, Copy, Debug)]
pub struct Method<'p> {
    /// What the class calls it: `__rmul__ = __mul__` gives one function two names.
    pub name: &'p str,
    pub node: &'p ast::StmtFunctionDef,
    pub kind: MethodKind,
    /// The class that defines it.
    pub owner: usize,
    /// The class that calls it so.
    pub named_by: usize,
    pub is_abstract: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MethodKind {
    Plain,
    Property,
    /// What assigns to the property of the same name.
    Setter,
    Static,
    Class,
}

impl<'p> Class<'p> {
    /// Whether the text of the class gives its instances, or itself, an attribute of this name.
    pub fn has_attribute(&self, name: &str) -> bool {
        self.stored.iter().any(|stored| stored == name)
            || self.method(name).is_some()
            || self.constants.iter().any(|(known, _, _)| known == name)
    }

    /// Whether its instances keep results of methods.
    pub fn keeps_results(&self) -> bool {
        self.stored.iter().any(|name| name.starts_with(RESULTS))
    }

    /// Whether exceptions of the class carry an object with their attributes.
    pub fn carries_object(&self) -> bool {
        matches!(self.kind, ClassKind::Exception(_)) && !self.methods.is_empty()
    }

    /// Its own name and those of the classes that it derives from.
    pub fn names_of_family(&self, compiler: &mut Compiler<'p>) -> Vec<String> {
        let mut names = vec![self.name.clone()];
        names.extend(self.line.iter().skip(1).filter_map(|number| Some(compiler.class(*number).ok()?.name.clone())));
        names
    }

    /// Whether one of its methods stores an attribute of its own instance that is no field.
    pub fn stores_in_itself(&self, stores: &Stores) -> bool {
        stores.class_changes(&self.name)
    }

    /// Whether an annotation of its fields names the class itself.
    pub fn mentions_itself(&self) -> bool {
        struct Mentions<'n> {
            name: &'n str,
            found: bool,
        }
        impl<'a> ast::visitor::Visitor<'a> for Mentions<'_> {
            fn visit_expr(&mut self, expr: &'a Expr) {
                self.found |= match expr {
                    Expr::Name(name) => name.id.as_str() == self.name,
                    Expr::StringLiteral(text) => text
                        .value
                        .to_str()
                        .split(|c: char| !c.is_alphanumeric() && c != '_')
                        .any(|word| word == self.name),
                    _ => false,
                };
                ast::visitor::walk_expr(self, expr);
            }
        }
        let mut mentions = Mentions { name: &self.name, found: false };
        for stmt in self.body {
            if let Stmt::AnnAssign(assign) = stmt {
                ast::visitor::Visitor::visit_expr(&mut mentions, &assign.annotation);
            }
        }
        mentions.found
    }

    /// Adds a method in the place of one of its name; a setter stands beside its property.
    fn add_method(&mut self, method: Method<'p>) {
        let replaces = |known: &Method<'p>| match (known.kind, method.kind) {
            (MethodKind::Setter, MethodKind::Setter) => true,
            (_, MethodKind::Setter) => false,
            _ => true,
        };
        self.methods.retain(|known| known.name != method.name || !replaces(known));
        self.methods.push(method);
    }

    pub fn method(&self, name: &str) -> Option<(usize, &Method<'p>)> {
        let methods = self.methods.iter().enumerate();
        methods.into_iter().find(|(_, method)| method.name == name && method.kind != MethodKind::Setter)
    }

    /// A method of this name that the class has not from others.
    pub fn own_method(&self, name: &str) -> Option<usize> {
        let is_own = |method: &Method<'p>| method.name == name && method.named_by == self.number;
        self.methods.iter().position(|method| is_own(method) && method.kind != MethodKind::Setter)
    }

    /// What assigns to the property of this name.
    pub fn setter(&self, name: &str) -> Option<usize> {
        self.methods.iter().position(|method| method.name == name && method.kind == MethodKind::Setter)
    }

    /// The methods that a class that derives from this one must have before there are instances, as CPython lists them.
    pub fn abstract_methods(&self) -> Option<String> {
        let found = self.methods.iter().filter(|method| self.is_abc && method.is_abstract).map(|method| method.name);
        let names: Vec<&str> = found.collect::<BTreeSet<&str>>().into_iter().collect();
        match names.as_slice() {
            [] => None,
            [one] => Some(format!("method {one}")),
            several => Some(format!("methods {}", several.join(", "))),
        }
    }
}

/// The field of an exception that is being made that holds what `str` of it gives. No name of a program is like this.
pub const MESSAGE: &str = ".message";
/// That with what it was made of, where the program reads `args`.
pub const ARGS: &str = ".args";

/// Why a class cannot be compiled.
type Analysed<'p> = Result<Rc<Class<'p>>, Box<Diagnostic>>;

/// The classes as they are met.
#[derive(Default)]
pub struct Classes<'p> {
    pub(crate) known: std::collections::HashMap<usize, Option<Analysed<'p>>>,
    exceptions: ir::ExceptionTable,
    /// The numbers of these classes among the functions of the program.
    pub(crate) exception_numbers: Vec<usize>,
    /// Code was made that knows all of them: there cannot be others.
    is_closed: bool,
}

impl<'p> Classes<'p> {
    /// Those that can be compiled.
    pub fn met(&self) -> impl Iterator<Item = &Rc<Class<'p>>> {
        self.known.values().flatten().filter_map(|class| class.as_ref().ok())
    }
}

impl<'p> Compiler<'p> {
    /// The class of this number; the error says why it cannot be compiled.
    pub fn class(&mut self, number: usize) -> Analysed<'p> {
        match self.classes.known.get(&number) {
            Some(Some(known)) => return known.clone(),
            // A class that derives from itself.
            Some(None) => return Err(Box::new(unknown_class(Place { file: 0, start: 0, end: 0 }))),
            None => {}
        }
        self.classes.known.insert(number, None);
        let found = self.analyse(number);
        self.classes.known.insert(number, Some(found.clone()));
        found
    }

    /// Meets the classes of the program with these names.
    pub fn meet_named(&mut self, names: &BTreeSet<String>) {
        let is_named = |source: &FunctionSource| {
            let Locator::Class { name, .. } = &source.locator else { return false };
            names.iter().any(|wanted| wanted.rsplit('.').next() == Some(name))
        };
        let program = self.program;
        for (number, _) in program.functions.iter().enumerate().filter(|(_, source)| is_named(source)) {
            // One that cannot be compiled is told of where it is used.
            let _ = self.class(number);
        }
    }

    /// A class that was met.
    pub fn known_class(&self, number: usize) -> Option<Rc<Class<'p>>> {
        self.classes.known.get(&number)?.as_ref()?.as_ref().ok().cloned()
    }

    /// The program's own classes of exceptions that were met.
    pub fn exceptions(&self) -> &ir::ExceptionTable {
        &self.classes.exceptions
    }

    /// The program's own classes of exceptions that were met, with what is known of them.
    pub fn own_exceptions(&self) -> Vec<(ExcClass, Rc<Class<'p>>)> {
        let numbers = (0..).map(ExcClass::Own).zip(&self.classes.exception_numbers);
        numbers.filter_map(|(class, number)| Some((class, self.known_class(*number)?))).collect()
    }

    /// Where a class stands in the table of exceptions; `None` for one that has no place of its own.
    pub fn own_exception_of(&self, class: &Class<'_>) -> Option<ExcClass> {
        let position = self.classes.exception_numbers.iter().position(|number| *number == class.number)?;
        u8::try_from(position).ok().map(ExcClass::Own)
    }

    /// From here on no further class of exceptions may be met.
    pub fn close_exceptions(&mut self) {
        self.classes.is_closed = true;
    }

    /// The table of exceptions of the module.
    pub fn exception_table(&self) -> ir::ExceptionTable {
        let mut table = self.exceptions().clone();
        for (class, number) in table.0.iter_mut().zip(&self.classes.exception_numbers) {
            let carries =
                Objects::is_carrier(*number) || self.known_class(*number).is_some_and(|known| known.carries_object());
            let object = self.objects.class(*number).filter(|_| carries);
            class.object = object.map(|object| object.name.clone());
        }
        table
    }

    /// Meets every class of the program, so that [`Compiler::exceptions`] has them all.
    pub fn meet_all_classes(&mut self) {
        let is_class = |locator: &Locator| matches!(locator, Locator::Class { .. });
        let functions = self.program.functions.iter().enumerate();
        let numbers: Vec<usize> =
            functions.filter(|(_, function)| is_class(&function.locator)).map(|(number, _)| number).collect();
        for number in numbers {
            let _ = self.class(number);
        }
    }

    /// Whether a class that was met has a method of this name.
    pub fn has_method(&self, name: &str) -> bool {
        self.classes.met().any(|class| class.method(name).is_some())
    }

    /// The class of the program with this name whose instances are records, when it has been met.
    pub fn class_named(&self, name: &str) -> Option<Rc<Class<'p>>> {
        self.classes.met().filter(|class| class.name == name).min_by_key(|class| class.number).cloned()
    }

    fn analyse(&mut self, number: usize) -> Analysed<'p> {
        let nowhere = || Box::new(unknown_class(Place { file: 0, start: 0, end: 0 }));
        let source = self.function(number).ok_or_else(nowhere)?;
        let parsed = self.parsed_file(source.file).ok_or_else(nowhere)?;
        let index = self.file_index(source.file).ok_or_else(nowhere)?;
        let local = self.local_class(number).map(|local| local.node);
        let Some(node) = local.or_else(|| index.class(&source.locator)) else {
            let call = index.named_tuple(&source.locator).ok_or_else(nowhere)?;
            return named_tuple(number, parsed, call).map(Rc::new);
        };
        let mut class = Class {
            number,
            // As the text has it, also where it is a private name.
            name: parsed.text().get(node.name.range.to_std_range()).unwrap_or_default().to_owned(),
            qualified: self.qualified_name(number, parsed, node),
            body: &node.body,
            kind: ClassKind::Plain,
            line: vec![number],
            fields: Vec::new(),
            methods: Vec::new(),
            constants: Vec::new(),
            stored: Vec::new(),
            slots: None,
            is_abc: false,
            is_ordered: false,
        };
        let refuse = |node: &dyn Fn() -> Place, message: String| {
            Err(Box::new(Diagnostic {
                code: "unsupported-class",
                message,
                place: node(),
                labels: Vec::new(),
                help: Some("use an exception class, a `NamedTuple` or a `@dataclass`".to_owned()),
            }))
        };
        let mut exceptions: Vec<ExcClass> = Vec::new();
        let mut declares_fields = false;
        let mut parents: Vec<Rc<Class<'p>>> = Vec::new();
        let mixin = self.mixin(number, node);
        for base in node.bases().iter().skip(usize::from(mixin.is_some())) {
            match self.meaning(number, base) {
                Some(Meaning::Exception(parent)) => {
                    class.kind = ClassKind::Exception(parent.into());
                    exceptions.push(parent.into());
                }
                Some(Meaning::Class(parent)) => {
                    let parent = self.class(parent)?;
                    if let ClassKind::Exception(parent) = parent.kind {
                        exceptions.push(parent);
                    }
                    parents.push(parent);
                }
                Some(Meaning::Member("typing", "NamedTuple")) => {
                    class.kind = ClassKind::NamedTuple;
                    declares_fields = true;
                }
                Some(Meaning::Object) => {}
                Some(Meaning::Member("abc", "ABC")) => class.is_abc = true,
                Some(Meaning::Member("enum", base)) => {
                    class.kind = ClassKind::Enum(match base {
                        "IntEnum" => Members::Int,
                        "StrEnum" => Members::Text,
                        _ => mixin.unwrap_or(Members::Plain),
                    });
                }
                _ => {
                    let message = format!("`{}` derives from a class that cannot be compiled", class.name);
                    return refuse(&|| parsed.place(base), message).map_err(|mut found: Box<Diagnostic>| {
                        if let Expr::Name(name) = base
                            && library_container(name.id.as_str())
                        {
                            found.help = Some(format!("keep the `{}` in a field of the class", name.id));
                        }
                        found
                    });
                }
            }
        }
        if let Some(why) = self.inherit(&mut class, &parents) {
            return refuse(&|| parsed.place(&node.name), format!("`{}` derives from {why}", class.name));
        }
        class.is_abc |= is_abstract_by_metaclass(node);
        for decorator in &node.decorator_list {
            if let Some(Meaning::Member("functools", "total_ordering")) = self.meaning(number, &decorator.expression) {
                class.is_ordered = true;
                continue;
            }
            match self.dataclass_options(number, &decorator.expression) {
                Some(options) => {
                    class.kind = ClassKind::Dataclass(options);
                    declares_fields = true;
                    // The decorator makes these anew; those of a parent are not inherited.
                    let made = ["__init__", "__repr__", "__eq__"];
                    class.methods.retain(|method| !made.contains(&method.name));
                }
                None => {
                    let message = format!("the decorator of `{}` cannot be compiled", class.name);
                    return refuse(&|| parsed.place(decorator), message);
                }
            }
        }
        if let Some((node, message)) = refused_part(node).filter(|_| !library::is_library_file(source.file)) {
            return refuse(&|| parsed.place(node), format!("{message} of `{}` cannot be compiled", class.name));
        }
        if let Some(decorator) = self.misnamed_cache(number, node) {
            let message = format!("this decorator of a method of `{}` cannot be compiled", class.name);
            return refuse(&|| parsed.place(decorator), message);
        }
        if let (ClassKind::Enum(_), Some(range)) = (class.kind, refused_of_enum(node)) {
            return refuse(&|| parsed.place(range), format!("this part of `{}` cannot be compiled", class.name));
        }
        self.read_body(&mut class, declares_fields);
        match own_slots(&class, node) {
            Ok(Some(own)) if parents.iter().all(|parent| parent.slots.is_some()) => {
                let inherited = parents.iter().flat_map(|parent| parent.slots.iter().flatten().cloned());
                let all: Vec<String> = own.into_iter().chain(inherited).collect();
                class.stored.retain(|name| all.contains(name));
                class.slots = Some(all);
            }
            Ok(_) => {}
            Err(range) => {
                return refuse(&|| parsed.place(range), format!("these slots of `{}` cannot be compiled", class.name));
            }
        }
        // The results are no attributes in CPython, so that slots do not matter.
        let own = class.methods.iter().filter(|method| method.named_by == number && is_remembered_by_instance(method));
        let kept: Vec<String> = own.map(results_of).collect();
        if let (ClassKind::Exception(_), [_, ..]) | (ClassKind::Enum(_), [_, ..]) = (class.kind, &*kept) {
            let message = format!("a method of `{}` that remembers its results cannot be compiled", class.name);
            return refuse(&|| parsed.place(&node.name), message);
        }
        class.stored.extend(kept);
        if matches!(class.kind, ClassKind::Dataclass(_)) && class.qualified != class.name {
            let message =
                format!("the dataclass `{}` is inside a class or function, so it cannot be compiled", class.name);
            return Err(Box::new(Diagnostic {
                code: "unsupported-class",
                message,
                place: parsed.place(&node.name),
                labels: Vec::new(),
                help: Some("define it at the top of the module".to_owned()),
            }));
        }
        let is_record = matches!(class.kind, ClassKind::NamedTuple | ClassKind::Dataclass(_));
        if (is_record || local.is_some()) && self.has_namesake(number) {
            let place = parsed.place(&node.name);
            let message = format!("the program has two classes that are named `{}`", class.name);
            let help = "give one of them another name: the instances of such classes are told apart by it";
            return Err(Box::new(Diagnostic {
                code: "unsupported-class",
                message,
                place,
                labels: Vec::new(),
                help: Some(help.to_owned()),
            }));
        }
        if let ClassKind::Exception(parent) = class.kind {
            if !class.methods.is_empty() && !class.stored.iter().any(|name| name == MESSAGE) {
                class.stored.push(MESSAGE.to_owned());
                if self.sources.stores.reads_args {
                    class.stored.push(ARGS.to_owned());
                }
            }
            if self.classes.is_closed {
                let message = format!("`{}` is defined behind code that reads attributes of exceptions", class.name);
                return refuse(&|| parsed.place(&node.name), message);
            }
            class.kind = ClassKind::Exception(self.own_exception(number, &class.name, parent, exceptions));
        }
        Ok(Rc::new(class))
    }

    /// Whether a class derives from `Generic[T]`, of one variable.
    pub fn is_generic_of_one(&self, number: usize) -> bool {
        let source = self.function(number);
        let node = source.and_then(|source| self.file_index(source.file)?.class(&source.locator));
        node.is_some_and(|node| {
            node.bases().iter().any(|base| {
                matches!(base, Expr::Subscript(subscript) if subscript.slice.is_name_expr())
                    && matches!(self.meaning(number, base), Some(Meaning::Object))
            })
        })
    }

    /// Whether another class of the program has the name of this one: records know their class by its name.
    fn has_namesake(&self, number: usize) -> bool {
        if let Some(local) = self.local_class(number) {
            let name = local.node.name.as_str();
            let is_named = |locator: &Locator| matches!(locator, Locator::Class { name: known, .. } if known == name);
            return self.program.functions.iter().any(|function| is_named(&function.locator))
                || self.local_classes.iter().filter(|known| known.node.name.as_str() == name).count() > 1;
        }
        let Some(own) = self.function(number) else { return false };
        let Locator::Class { name: own_name, .. } = &own.locator else { return false };
        self.program.functions.iter().any(|other| {
            let is_other = (other.file, &other.locator) != (own.file, &own.locator);
            is_other && matches!(&other.locator, Locator::Class { name, .. } if name == own_name)
        })
    }

    /// A new class of exceptions; beyond the room for them, the parent stands for it.
    pub(crate) fn own_exception(
        &mut self,
        number: usize,
        name: &str,
        parent: ExcClass,
        parents: Vec<ExcClass>,
    ) -> ExcClass {
        let table = &mut self.classes.exceptions.0;
        match u8::try_from(table.len()) {
            Ok(index) if table.len() < ir::OWN_EXCEPTIONS_MAX => {
                table.push(ir::ExceptionClass { name: name.into(), parents, object: None });
                self.classes.exception_numbers.push(number);
                ExcClass::Own(index)
            }
            _ => parent,
        }
    }

    /// Takes over what the parents have; tells what it cannot take over.
    fn inherit(&mut self, class: &mut Class<'p>, parents: &[Rc<Class<'p>>]) -> Option<&'static str> {
        let Some(line) = line_of(parents) else { return Some("classes of which no order can be made") };
        class.line.extend(&line);
        // A dataclass is one by its decorator only, but its fields are there all the same.
        let special = parents.iter().map(|parent| parent.kind).find(|kind| *kind != ClassKind::Plain);
        if class.kind == ClassKind::Plain {
            class.kind = special.unwrap_or(ClassKind::Plain);
        }
        for parent in parents {
            class.is_abc |= parent.is_abc;
            class.is_ordered |= parent.is_ordered;
            for name in &parent.stored {
                if !class.stored.contains(name) {
                    class.stored.push(name.clone());
                }
            }
        }
        match parents {
            [] => {}
            [parent] => {
                class.fields = parent.fields.clone();
                class.methods = parent.methods.clone();
                class.constants = parent.constants.clone();
            }
            several if several.iter().any(|parent| !parent.fields.is_empty()) => {
                return Some("several classes, one of which has declared fields, so it");
            }
            _ => {
                for number in line.into_iter().rev() {
                    let Some(known) = self.known_class(number) else { continue };
                    known
                        .methods
                        .iter()
                        .filter(|method| method.named_by == number)
                        .for_each(|own| class.add_method(*own));
                    for own in known.constants.iter().filter(|(_, _, owner)| *owner == number) {
                        class.constants.retain(|(name, _, _)| *name != own.0);
                        class.constants.push(own.clone());
                    }
                }
            }
        }
        None
    }

    fn read_body(&mut self, class: &mut Class<'p>, declares_fields: bool) {
        for stmt in class.body {
            match stmt {
                Stmt::AnnAssign(assign) => {
                    let Expr::Name(name) = &*assign.target else { continue };
                    if is_class_variable(&assign.annotation) || !declares_fields {
                        if let Some(value) = &assign.value {
                            class.constants.push((name.id.to_string(), value, class.number));
                        }
                        continue;
                    }
                    let field = self.field(class, name.id.as_str(), assign);
                    match class.fields.iter_mut().find(|known| known.name == field.name) {
                        Some(known) => *known = field,
                        None => class.fields.push(field),
                    }
                }
                Stmt::Assign(assign) => {
                    for target in &assign.targets {
                        if let Expr::Name(name) = target {
                            class.constants.retain(|(known, _, _)| known != name.id.as_str());
                            if let Expr::Name(value) = &*assign.value
                                && let Some((_, method)) = class.method(value.id.as_str())
                            {
                                let method = Method { name: name.id.as_str(), named_by: class.number, ..*method };
                                class.add_method(method);
                                continue;
                            }
                            class.constants.push((name.id.to_string(), &assign.value, class.number));
                        }
                    }
                }
                Stmt::FunctionDef(def) => {
                    if !matches!(method_kind(def), MethodKind::Static | MethodKind::Class) {
                        let stored = stored_in_self(def).into_iter();
                        class
                            .stored
                            .extend(stored.filter(|name| !class.fields.iter().any(|field| field.name == *name)));
                    }
                    class.add_method(Method {
                        name: def.name.as_str(),
                        node: def,
                        kind: method_kind(def),
                        owner: class.number,
                        named_by: class.number,
                        is_abstract: def.decorator_list.iter().any(|one| is_abstract(&one.expression)),
                    });
                }
                _ => {}
            }
        }
        // What a property of this name assigns is no field.
        let is_property = |name: &str| class.method(name).is_some_and(|(_, found)| found.kind == MethodKind::Property);
        class.stored = class.stored.iter().filter(|name| !is_property(name)).cloned().collect();
    }

    fn field(&mut self, class: &Class<'p>, name: &str, assign: &'p ast::StmtAnnAssign) -> Field<'p> {
        let keyword_only = matches!(class.kind, ClassKind::Dataclass(Options { keyword_only: true, .. }));
        let mut field = Field {
            name: name.to_owned(),
            default: None,
            init: true,
            repr: true,
            compare: true,
            keyword_only,
            owner: class.number,
        };
        let Some(value) = assign.value.as_deref() else { return field };
        let call = match value {
            Expr::Call(call) => Some(call),
            _ => None,
        };
        let options = call.filter(|call| {
            matches!(self.meaning(class.number, &call.func), Some(Meaning::Member("dataclasses", "field")))
        });
        let Some(call) = options else {
            field.default = Some(Default::Value(value));
            return field;
        };
        for keyword in &call.arguments.keywords {
            let on = !matches!(&keyword.value, Expr::BooleanLiteral(literal) if !literal.value);
            match keyword.arg.as_ref().map(|name| name.as_str()) {
                Some("default") => field.default = Some(Default::Value(&keyword.value)),
                Some("default_factory") => field.default = Some(Default::Factory(&keyword.value)),
                Some("init") => field.init = on,
                Some("repr") => field.repr = on,
                Some("compare") => field.compare = on,
                Some("kw_only") => field.keyword_only = on,
                _ => {}
            }
        }
        field
    }

    fn dataclass_options(&mut self, number: usize, decorator: &Expr) -> Option<Options> {
        let (function, keywords) = match decorator {
            Expr::Call(call) => (&*call.func, &*call.arguments.keywords),
            other => (other, [].as_slice()),
        };
        if !matches!(self.meaning(number, function), Some(Meaning::Member("dataclasses", "dataclass"))) {
            return None;
        }
        let is = |name: &str, default: bool| {
            let found = keywords.iter().find(|keyword| keyword.arg.as_ref().is_some_and(|arg| arg.as_str() == name));
            match found.map(|keyword| &keyword.value) {
                Some(Expr::BooleanLiteral(literal)) => literal.value,
                _ => default,
            }
        };
        Some(Options {
            eq: is("eq", true),
            order: is("order", false),
            frozen: is("frozen", false),
            keyword_only: is("kw_only", false),
            slots: is("slots", false),
            unsafe_hash: is("unsafe_hash", false),
        })
    }

    /// What a name, or a member of a module, stands for in a class.
    pub(crate) fn meaning(&self, number: usize, expr: &Expr) -> Option<Meaning> {
        let binding = |name: &str| self.function(number).and_then(|source| source.bindings.get(name));
        match expr {
            Expr::Name(name) => match binding(name.id.as_str()) {
                Some(Binding::Class(class)) => Some(Meaning::Class(*class)),
                Some(Binding::Member(module, member)) => Meaning::member(module, member),
                Some(_) => None,
                None if name.id.as_str() == "object" => Some(Meaning::Object),
                None => ExcKind::from_name(name.id.as_str()).map(Meaning::Exception),
            },
            Expr::Attribute(attribute) => match &*attribute.value {
                Expr::Name(name) => match binding(name.id.as_str()) {
                    Some(Binding::Module(module)) => Meaning::member(module, attribute.attr.as_str()),
                    _ => None,
                },
                _ => None,
            },
            // `Generic[T]`, `Protocol[T]`: of interest to type checkers only.
            Expr::Subscript(subscript) => match self.meaning(number, &subscript.value) {
                Some(Meaning::Member("typing", "Generic")) => Some(Meaning::Object),
                _ => None,
            },
            _ => None,
        }
    }

    /// A method as a function.
    pub fn method_source(&self, class: usize, index: usize) -> Option<Source<'p>> {
        let class = self.classes.known.get(&class)?.as_ref()?.as_ref().ok()?;
        let method = class.methods.get(index)?;
        let file = self.function(method.owner)?.file;
        let node = locate::FunctionNode::Def(method.node);
        (!library::is_library_file(file)).then_some(Source { parsed: self.parsed_file(file)?, node })
    }

    /// The class that defines a method.
    pub fn method_owner(&self, class: usize, index: usize) -> Option<usize> {
        let class = self.classes.known.get(&class)?.as_ref()?.as_ref().ok()?;
        class.methods.get(index).map(|method| method.owner)
    }
}

/// The order of what these parents derive from, as CPython makes it (C3); `None` where there is none.
fn line_of(parents: &[Rc<Class<'_>>]) -> Option<Vec<usize>> {
    let mut lines: Vec<Vec<usize>> = parents.iter().map(|parent| parent.line.clone()).collect();
    lines.push(parents.iter().map(|parent| parent.number).collect());
    let mut merged = Vec::new();
    loop {
        lines.retain(|line| !line.is_empty());
        if lines.is_empty() {
            return Some(merged);
        }
        let is_free = |head: usize| !lines.iter().any(|line| line.iter().skip(1).any(|number| *number == head));
        let next = lines.iter().map(|line| line[0]).find(|head| is_free(*head))?;
        merged.push(next);
        lines.iter_mut().for_each(|line| line.retain(|number| *number != next));
    }
}

/// What a name in a class statement stands for.
pub(crate) enum Meaning {
    Exception(ExcKind),
    Class(usize),
    Object,
    Member(&'static str, &'static str),
}

impl Meaning {
    fn member(module: &str, member: &str) -> Option<Meaning> {
        const KNOWN: &[(&str, &str)] = &[
            ("abc", "ABC"),
            ("typing", "NamedTuple"),
            ("typing", "Generic"),
            ("dataclasses", "dataclass"),
            ("dataclasses", "field"),
            ("functools", "cache"),
            ("functools", "cached_property"),
            ("functools", "lru_cache"),
            ("functools", "total_ordering"),
            ("enum", "Enum"),
            ("enum", "IntEnum"),
            ("enum", "StrEnum"),
        ];
        if module == "builtins" {
            return ExcKind::from_name(member).map(Meaning::Exception);
        }
        let known = KNOWN.iter().find(|(known_module, known)| *known_module == module && *known == member);
        known.map(|(module, member)| Meaning::Member(module, member))
    }
}

/// The attributes that `__slots__` of the class itself names, or those that `@dataclass(slots=True)` makes; the place where they are
/// not literals.
fn own_slots(class: &Class<'_>, node: &ast::StmtClassDef) -> Result<Option<Vec<String>>, ast::TextRange> {
    if let ClassKind::Dataclass(Options { slots: true, .. }) = class.kind {
        return Ok(Some(class.fields.iter().map(|field| field.name.clone()).collect()));
    }
    let is_slots = |target: &Expr| matches!(target, Expr::Name(name) if name.id.as_str() == "__slots__");
    let given = node.body.iter().find_map(|stmt| match stmt {
        Stmt::Assign(assign) if assign.targets.iter().any(is_slots) => Some(&*assign.value),
        Stmt::AnnAssign(assign) if is_slots(&assign.target) => assign.value.as_deref(),
        _ => None,
    });
    let Some(given) = given else { return Ok(None) };
    let items = match given {
        Expr::StringLiteral(_) => std::slice::from_ref(given),
        Expr::Tuple(tuple) => &tuple.elts,
        Expr::List(list) => &list.elts,
        other => return Err(other.range()),
    };
    let name = |item: &Expr| match item {
        Expr::StringLiteral(text) => Ok(mangled(&class.name, text.value.to_str())),
        other => Err(other.range()),
    };
    let names: Vec<String> = items.iter().map(name).collect::<Result<_, _>>()?;
    // With a dict of its own an instance has whatever is stored in it.
    Ok((!names.iter().any(|name| name == "__dict__")).then_some(names))
}

/// `_missing_` and its like.
pub(crate) fn is_sunder(name: &str) -> bool {
    name.starts_with('_') && name.ends_with('_') && !name.starts_with("__")
}

/// Whether programs derive from the class to have its methods.
fn library_container(name: &str) -> bool {
    ["dict", "list", "set", "tuple", "deque", "Counter", "OrderedDict", "defaultdict", "UserDict", "UserList"]
        .contains(&name)
}

fn is_class_variable(annotation: &Expr) -> bool {
    let name = match annotation {
        Expr::Subscript(subscript) => &*subscript.value,
        other => other,
    };
    match name {
        Expr::Name(name) => name.id.as_str() == "ClassVar",
        Expr::Attribute(attribute) => attribute.attr.as_str() == "ClassVar",
        _ => false,
    }
}

/// Whether the value of an expression of a class's body is the same however often it is evaluated.
pub fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::BooleanLiteral(_) | Expr::NoneLiteral(_) => true,
        Expr::BytesLiteral(_) | Expr::Name(_) => true,
        Expr::UnaryOp(unary) => is_constant(&unary.operand),
        Expr::BinOp(binary) => is_constant(&binary.left) && is_constant(&binary.right),
        Expr::Tuple(tuple) => tuple.elts.iter().all(is_constant),
        Expr::Attribute(attribute) => is_constant(&attribute.value),
        _ => false,
    }
}

/// `name` of `name` and of `module.name`.
pub fn last_name(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Name(name) => Some(name.id.as_str()),
        Expr::Attribute(attribute) => Some(attribute.attr.as_str()),
        _ => None,
    }
}

fn unknown_class(place: Place) -> Diagnostic {
    Diagnostic {
        code: "unsupported-class",
        message: "the source of this class was not found where Python says it is".to_owned(),
        place,
        labels: Vec::new(),
        help: None,
    }
}
