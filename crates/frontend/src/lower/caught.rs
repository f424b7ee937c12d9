//! What is known of an exception that was caught: the attributes and methods of the program's own classes. Which class it
//! is, the run tells: one branch for each class that it can be of.

use std::rc::Rc;

use ir::{ExcClass, ExcKind, Op, Prim, Type};

use super::builtins::ClassRef;
use super::call::CallArguments;
use super::dispatch::Dispatch;
use super::{Lowered, Lowerer, Stop, Val};
use crate::classes::{ARGS, Class, ClassKind};
use crate::objects::{Asked, stored_in_self};
use crate::parse::ast;

/// Classes that one exception may be of.
const CLASSES_MAX: usize = 32;

/// What Python's classes have beside what `BaseException` has.
const OF_BUILTIN: &[(ExcKind, &[&str])] = &[
    (ExcKind::SystemExit, &["code"]),
    (ExcKind::StopIteration, &["value"]),
    (ExcKind::OSError, &["errno", "strerror", "filename", "filename2", "characters_written"]),
    (ExcKind::ImportError, &["name", "path", "msg", "name_from"]),
    (ExcKind::AttributeError, &["name", "obj"]),
    (ExcKind::NameError, &["name"]),
    (ExcKind::UnicodeError, &["encoding", "object", "start", "end", "reason"]),
    (
        ExcKind::SyntaxError,
        &["msg", "filename", "lineno", "offset", "text", "end_lineno", "end_offset", "print_file_and_line"],
    ),
];

/// What every exception has, and compiled code does not know.
const OF_ALL: &[&str] = &["args", "with_traceback", "add_note"];

/// An exception as an instance of the very class that it is of.
pub enum Caught<'p> {
    /// Of a class with methods: the class, and the object with the attributes.
    Object(Rc<Class<'p>>, Val),
    /// Of a class of the program without methods.
    Plain(Rc<Class<'p>>),
    /// Of one of Python's.
    Builtin,
}

/// The classes of the program that an exception can be of, each behind those that it derives from.
type Classes<'p> = Vec<(ExcClass, Rc<Class<'p>>)>;

impl<'p> Lowerer<'_, 'p> {
    /// The classes that an exception can be of, and whether it can be of one of Python's.
    fn classes_of_exception(&mut self, exception: &Val) -> (Classes<'p>, bool) {
        self.compiler.meet_all_classes();
        let named = self.caught.get(&exception.id).cloned();
        let classes = self.compiler.own_exceptions();
        let table = self.compiler.exceptions();
        let is_named = |class: ExcClass| {
            named.as_ref().is_none_or(|named| named.iter().any(|named| table.is_subclass(class, *named)))
        };
        let possible = classes.into_iter().filter(|(class, _)| is_named(*class)).collect();
        let is_builtin = |class: &ExcClass| matches!(class, ExcClass::Builtin(_));
        (possible, named.is_none_or(|named| named.iter().any(is_builtin)))
    }

    /// Lowers an operation on an exception for each class that it can be of. `open`: it may also be of a class that is
    /// not known yet, which is taken as one of Python's.
    pub fn each_class(
        &mut self,
        exception: &Val,
        open: bool,
        lower: &mut dyn FnMut(&mut Self, Caught<'p>) -> Lowered<Val>,
    ) -> Lowered<Val> {
        let (classes, may_be_builtin) = self.classes_of_exception(exception);
        if classes.len() > CLASSES_MAX {
            let message = format!("this exception may be of {} classes, which are too many", classes.len());
            return self.fail("too-many-types", message, Some("catch fewer of them".to_owned()));
        }
        let has_rest = open || may_be_builtin;
        let place = self.place;
        let count = classes.len();
        let mut state = Dispatch::default();
        for (index, (class, known)) in classes.into_iter().rev().enumerate() {
            self.at_place(place);
            let mut rest = None;
            if has_rest || index + 1 < count {
                let is = self.is_exception(exception, &[class]);
                let (taken, other) = self.branch(&is)?;
                self.continue_at(taken);
                rest = other;
            }
            let caught = self.as_instance(exception, class, known);
            self.one_branch(&mut state, |lowerer| lower(lowerer, caught));
            self.continue_at(rest);
        }
        if has_rest && self.is_live() {
            self.at_place(place);
            self.one_branch(&mut state, |lowerer| lower(lowerer, Caught::Builtin));
        }
        self.finish_dispatch(state, place)
    }

    fn as_instance(&mut self, exception: &Val, class: ExcClass, known: Rc<Class<'p>>) -> Caught<'p> {
        if !known.carries_object() {
            return Caught::Plain(known);
        }
        self.compiler.objects.meet(&known);
        match self.compiler.objects.class(known.number).map(|object| object.name.clone()) {
            Some(name) => {
                let object = self.emit(Op::ExceptionObject(class), &[exception], Type::Object(name));
                Caught::Object(known, object)
            }
            None => Caught::Plain(known),
        }
    }

    /// `e.name`.
    pub fn attribute_of_exception(&mut self, exception: &Val, name: &str) -> Lowered<Val> {
        if matches!(name, "__class__" | "__traceback__") {
            return Ok(self.part_of_exception(exception, name));
        }
        let (classes, _) = self.classes_of_exception(exception);
        let is_known = classes.iter().any(|(_, class)| class.has_attribute(name));
        if name == "args" {
            return self.args_of_exception(exception);
        }
        if name.starts_with("__") || OF_ALL.contains(&name) || !is_known {
            return self.fail(
                "unsupported-attribute",
                format!("`{name}` of an exception cannot be read in compiled code"),
                Some("only attributes that a class of the program gives its exceptions are known".to_owned()),
            );
        }
        self.compiler.close_exceptions();
        let caught = exception.clone();
        self.each_class(exception, false, &mut |lowerer, class| match class {
            Caught::Object(class, object) => {
                lowerer.refuse_inherited(&class, name)?;
                match lowerer.property(&object, name)? {
                    Some(val) => Ok(val),
                    None if class.method(name).is_some() => Ok(lowerer.bound_method(&object, name)),
                    None => lowerer.lacks_attribute(&caught, Some(&class), name),
                }
            }
            Caught::Plain(class) => match lowerer.class_constant(&class, name)? {
                Some(val) => Ok(val),
                None => lowerer.lacks_attribute(&caught, Some(&class), name),
            },
            Caught::Builtin => lowerer.lacks_attribute(&caught, None, name),
        })
    }

    /// Refuses an attribute that perhaps the class of Python's has that the class derives from, and no other.
    fn refuse_inherited(&mut self, class: &Class<'p>, name: &str) -> Lowered<()> {
        let ClassKind::Exception(own) = class.kind else { return Ok(()) };
        let base = self.compiler.exceptions().builtin(own);
        let inherits = OF_BUILTIN.iter().any(|(kind, names)| names.contains(&name) && base.is_subclass_of(*kind));
        let known = self.compiler.objects.class(class.number);
        if !inherits || known.is_none_or(|known| known.flag_of(name).is_none()) {
            return Ok(());
        }
        let message = format!("whether `{}` has set `{name}` is not known when the program is compiled", class.name);
        self.fail("unsupported-attribute", message, Some("give the attribute another name".to_owned()))
    }

    /// The program gives the exception no such attribute; one of Python's classes may.
    fn lacks_attribute(&mut self, exception: &Val, class: Option<&Rc<Class<'p>>>, name: &str) -> Lowered<Val> {
        let kinds = OF_BUILTIN.iter().filter(|(_, names)| names.contains(&name)).map(|(kind, _)| (*kind).into());
        self.not_of(exception, &kinds.collect::<Vec<ExcClass>>(), name)?;
        if let Some(class) = class {
            let message = format!("'{}' object has no attribute '{name}'", class.name);
            return self.clash_of(ExcKind::AttributeError, "unknown-attribute", message);
        }
        let class = self.exception_name(exception);
        let quote = self.str("'");
        let message = self.prim(Prim::StrConcat, &[&quote, &class]);
        let message = self.concat_text(&message, &format!("' object has no attribute '{name}'"));
        Err(self.raise_with(ExcKind::AttributeError, Some(&message)))
    }

    /// Leaves where the exception is of one of these classes: what is asked of it is not known then.
    pub fn not_of(&mut self, exception: &Val, kinds: &[ExcClass], name: &str) -> Lowered<()> {
        if kinds.is_empty() {
            return Ok(());
        }
        let is = self.is_exception(exception, kinds);
        self.leave_if(&is, name)
    }

    pub fn leave_if(&mut self, unknown: &Val, name: &str) -> Lowered<()> {
        let (leaves, stays) = self.branch(unknown)?;
        self.continue_at(leaves);
        if self.is_live() {
            self.raise(ExcKind::NotCompiled, &format!("`{name}` of such an exception is not known in compiled code"));
        }
        self.continue_at(stays);
        if self.is_live() { Ok(()) } else { Err(Stop::Dead) }
    }

    /// `e.args`.
    fn args_of_exception(&mut self, exception: &Val) -> Lowered<Val> {
        let unknown: ExcClass = ExcKind::UnicodeError.into();
        let table = self.compiler.exceptions();
        let is_unknown = |named: &Rc<[ExcClass]>| named.iter().all(|class| table.is_subclass(*class, unknown));
        if self.caught.get(&exception.id).is_some_and(is_unknown) {
            let message = "with what such an exception was made is not known in compiled code";
            return self.fail("unsupported-attribute", message, Some("use `str(e)`".to_owned()));
        }
        self.compiler.objects.ask(Asked::Arguments);
        self.each_way_made(exception, &mut |_, args| Ok(args), &mut |lowerer, caught, class| match class {
            Caught::Object(_, object) => lowerer.get_field(&object, ARGS)?.ok_or(Stop::Failed),
            Caught::Plain(_) | Caught::Builtin => {
                lowerer.not_of(caught, &[ExcKind::KeyError.into(), unknown], "args")?;
                lowerer.text_arguments(caught)
            }
        })
    }

    /// `self.name` in a method of an exception, where every exception has it.
    pub fn part_of_own_exception(&mut self, object: &Val, name: &str) -> Lowered<Option<Val>> {
        if !is_reserved(name) || !self.class_of(object).is_some_and(|class| class.carries_object()) {
            return Ok(None);
        }
        match name {
            "args" => self.get_field(object, ARGS),
            _ => self.fail(
                "unsupported-attribute",
                format!("`{name}` of an exception cannot be read in compiled code"),
                None,
            ),
        }
    }

    /// `repr(e)`.
    pub fn repr_of_exception(&mut self, exception: &Val) -> Lowered<Val> {
        self.compiler.objects.ask(Asked::Repr);
        let made = exception.clone();
        let carried = &mut |lowerer: &mut Self, args: Val| lowerer.repr_of_made(&made, &args);
        self.each_way_made(exception, carried, &mut |lowerer, caught, class| match class {
            Caught::Object(class, object) if class.method("__repr__").is_some() => lowerer.repr_of(&object),
            Caught::Object(_, object) => match lowerer.get_field(&object, ARGS)? {
                Some(args) => lowerer.repr_of_made(caught, &args),
                None => lowerer.repr_of(&object),
            },
            Caught::Plain(_) | Caught::Builtin => lowerer.repr_by_text(caught),
        })
    }

    /// `hasattr` and `getattr` of an exception: what `found` gives of an object that may have the attribute, else what
    /// `lacks` gives.
    pub fn each_class_that_may_have(
        &mut self,
        exception: &Val,
        name: &str,
        found: &mut dyn FnMut(&mut Self, &Val) -> Lowered<Val>,
        lacks: &mut dyn FnMut(&mut Self) -> Lowered<Val>,
    ) -> Lowered<Val> {
        if is_reserved(name) {
            return self.fail("unsupported-function", format!("`{name}` cannot be asked for in compiled code"), None);
        }
        self.compiler.close_exceptions();
        let kinds: Vec<ExcClass> =
            OF_BUILTIN.iter().filter(|(_, names)| names.contains(&name)).map(|(kind, _)| (*kind).into()).collect();
        let caught = exception.clone();
        self.each_class(exception, false, &mut |lowerer, class| match class {
            Caught::Object(class, object) => {
                lowerer.refuse_inherited(&class, name)?;
                let has = class.has_attribute(name);
                if !has {
                    lowerer.not_of(&caught, &kinds, name)?;
                }
                found(lowerer, &object)
            }
            Caught::Plain(class) if class.has_attribute(name) => lowerer.fail(
                "unsupported-function",
                format!("`{name}` of the class `{}` cannot be asked for in compiled code", class.name),
                None,
            ),
            Caught::Plain(_) | Caught::Builtin => {
                lowerer.not_of(&caught, &kinds, name)?;
                lacks(lowerer)
            }
        })
    }

    /// Whether the exception is of one of these very classes.
    pub fn is_exactly_exception(&mut self, exception: &Val, classes: &[ClassRef]) -> Val {
        self.compiler.meet_all_classes();
        self.compiler.close_exceptions();
        let kinds: Vec<ExcClass> = classes.iter().filter_map(|class| self.exception_of_ref(class)).collect();
        let mut carriers = Vec::new();
        let asked = self.compiler.objects.asked() != Asked::Nothing;
        for class in kinds.iter().filter(|_| asked) {
            carriers.extend(self.compiler.carrier_of(*class).map(|(carrier, _)| (carrier, *class)));
        }
        let table = self.compiler.exceptions().clone();
        let mut found = self.bool(false);
        for class in kinds {
            let carrier = carriers.iter().find(|(_, of)| *of == class).map(|(carrier, _)| *carrier);
            let is_below =
                |other: &ExcClass| *other != class && Some(*other) != carrier && table.is_subclass(*other, class);
            let is = self.is_exception(exception, &[class]);
            let below = self.is_exception(exception, &table.all().filter(is_below).collect::<Vec<ExcClass>>());
            let no = self.bool(false);
            let exactly = self.select(&below, &no, &is);
            let yes = self.bool(true);
            found = self.select(&found, &yes, &exactly);
        }
        found
    }

    /// `e.name(arguments)` where a class of the program has the method; the arguments where none has.
    pub fn method_of_exception(
        &mut self,
        exception: &Val,
        name: &str,
        arguments: CallArguments,
    ) -> Lowered<Result<Val, CallArguments>> {
        let (classes, _) = self.classes_of_exception(exception);
        if !classes.iter().any(|(_, class)| class.method(name).is_some()) || name.starts_with("__") {
            return Ok(Err(arguments));
        }
        self.compiler.close_exceptions();
        let caught = exception.clone();
        let val = self.each_class(exception, false, &mut |lowerer, class| match class {
            Caught::Object(class, object) => match class.method(name) {
                Some((_, method)) if says_itself(&class) && !stored_in_self(method.node).is_empty() => lowerer.fail(
                    "unsupported-method",
                    format!("`{name}` changes an exception that has a `__str__`, which cannot be compiled"),
                    None,
                ),
                Some(_) => lowerer.method_of(&object, name, arguments.clone()),
                None => lowerer.lacks_attribute(&caught, Some(&class), name),
            },
            Caught::Plain(class) => lowerer.lacks_attribute(&caught, Some(&class), name),
            Caught::Builtin => lowerer.lacks_attribute(&caught, None, name),
        })?;
        Ok(Ok(val))
    }

    /// `e.name = val`.
    pub fn store_in_exception(
        &mut self,
        exception: &Val,
        attribute: &'p ast::ExprAttribute,
        val: &Val,
    ) -> Lowered<Val> {
        self.compiler.close_exceptions();
        self.each_class(exception, false, &mut |lowerer, class| match class {
            Caught::Object(class, object) if !says_itself(&class) => {
                lowerer.store_attribute(&object, attribute, val)?;
                Ok(lowerer.none())
            }
            _ => lowerer.fail_at(
                &attribute.attr,
                "unsupported-assignment",
                "attributes of such an exception cannot be assigned in compiled code",
                Some("give its class an `__init__` that sets them".to_owned()),
            ),
        })
    }

    /// `str(e)`.
    pub fn text_of_exception(&mut self, exception: &Val) -> Lowered<Val> {
        let (classes, _) = self.classes_of_exception(exception);
        if !classes.iter().any(|(_, class)| says_itself(class)) {
            return Ok(self.emit(Op::ExceptionMessage, &[exception], Type::Str));
        }
        let caught = exception.clone();
        self.each_class(exception, true, &mut |lowerer, class| match class {
            // What it says may have changed since it was made.
            Caught::Object(class, object) if says_itself(&class) => lowerer.said_by(&object),
            _ => Ok(lowerer.emit(Op::ExceptionMessage, &[&caught], Type::Str)),
        })
    }
}

/// Whether a method of the class says what `str` gives.
fn says_itself(class: &Class<'_>) -> bool {
    class.carries_object() && class.method("__str__").is_some()
}

/// Whether compiled code cannot have an exception class that stores this attribute.
pub fn is_reserved(name: &str) -> bool {
    name.starts_with("__") || OF_ALL.contains(&name)
}
