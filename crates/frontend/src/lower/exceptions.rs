//! Raising: `raise` and `assert`, and which class an expression names.

use std::rc::Rc;

use ir::{ExcClass, ExcKind, Op, RecordKind, RecordType, Type};

use super::builtins::ClassRef;
use super::call::CallArguments;
use super::library_class::class_of;
use super::value::Static;
use super::{Lowered, Lowerer, Stop, Thing, Val};
use crate::classes::{ARGS, Class, ClassKind, MESSAGE};
use crate::library;
use crate::parse::ast::{self, Expr};
use crate::shape::python_name;
use crate::specialise::Callable;

/// The class of an exception as a value: all that is known of it is its name.
pub const CLASS_OF_EXCEPTION: &str = "type#exception";
const TRACEBACK: &str = "traceback";
/// Some of the classes whose `__new__` leaves keywords to the `__init__` of a class that derives from them.
const TAKE_KEYWORDS: &[ExcKind] = &[
    ExcKind::Exception,
    ExcKind::ValueError,
    ExcKind::TypeError,
    ExcKind::LookupError,
    ExcKind::KeyError,
    ExcKind::IndexError,
    ExcKind::RuntimeError,
    ExcKind::ArithmeticError,
];

impl<'p> Lowerer<'_, 'p> {
    pub fn raise_stmt(&mut self, raise: &'p ast::StmtRaise) -> Lowered<()> {
        let Some(exc) = &raise.exc else { return self.raise_again(raise) };
        let (class, arguments) = match &**exc {
            Expr::Call(call) if call.arguments.keywords.is_empty() => (&*call.func, Some(&call.arguments.args)),
            other => (other, None),
        };
        if arguments.is_none_or(|_| self.exception_class_of(class).is_none() || self.is_method(class))
            && let Thing::Val(val) = self.thing(exc)?
        {
            if !val.ty().variants().contains(&Type::Exception) {
                return self.not_an_exception(class);
            }
            self.cause(raise)?;
            return self.raise_val(raise, &val);
        }
        let Some(kind) = self.exception_class(class)? else {
            return self.not_an_exception(class);
        };
        if let Thing::Static(Static::Class(number)) = self.thing(class)?
            && !self.class(number)?.methods.is_empty()
        {
            let made = match &**exc {
                Expr::Call(call) => self.call_class(number, call)?,
                _ => self.construct(number, CallArguments::default())?,
            };
            self.cause(raise)?;
            return self.raise_val(raise, &made);
        }
        let mut vals = Vec::new();
        for argument in arguments.into_iter().flatten() {
            vals.push(self.expr(argument)?);
        }
        self.at(raise);
        let is_ours = kind == ExcKind::NotImplementedError.into() && library::is_library_function(self.function);
        let kind = if is_ours { ExcKind::NotCompiled.into() } else { kind };
        if let Some(made) = self.exception_with_arguments(kind, &vals)? {
            self.cause(raise)?;
            return self.raise_val(raise, &made);
        }
        let message = self.exception_message(kind, &vals)?;
        self.cause(raise)?;
        self.at(raise);
        self.raise_with(kind, message.as_ref());
        Ok(())
    }

    /// An instance of an exception class with methods of its own. While `__init__` runs it is an object like any other; what
    /// comes out is an exception that carries it.
    pub fn construct_exception(
        &mut self,
        class: &Rc<Class<'p>>,
        kind: ExcClass,
        mut arguments: CallArguments,
    ) -> Lowered<Val> {
        self.refuse_exception_class(class)?;
        let made = self.new_object(class, None)?;
        let init = class.method("__init__").map(|(index, method)| (index, calls_super_init(method.node)));
        if init.is_none_or(|(_, says_text)| !says_text) {
            // What `BaseException.__new__` does: the arguments are the text, unless `__init__` hands on others.
            let mut given = arguments.clone();
            if init.is_some() && TAKE_KEYWORDS.contains(&self.compiler.exceptions().builtin(kind)) {
                given.keywords.clear();
            }
            let vals = self.plain_arguments(&class.name, given)?;
            self.set_exception_text(&made, kind, &vals)?;
        }
        if let Some((index, _)) = init {
            arguments.positional.insert(0, Thing::Val(made.clone()));
            self.call_function(Callable::Method(class.number, index), arguments)?;
        }
        let text = self.said_when_made(class, &made)?;
        Ok(self.emit(Op::ExceptionNew(kind), &[&text, &made], Type::Exception))
    }

    /// What `str` gives of the object at once, before anybody has asked: a `__str__` that raises is heard of when it is.
    fn said_when_made(&mut self, class: &Class<'p>, made: &Val) -> Lowered<Val> {
        if class.method("__str__").is_none() {
            return self.exception_text(made);
        }
        self.value_or_rescue(&mut |lowerer| lowerer.said_by(made), &mut |lowerer| {
            // What CPython shows at the end of a traceback.
            Ok(lowerer.str("<exception str() failed>"))
        })
    }

    /// What `str` gives of the object that an exception carries.
    pub fn said_by(&mut self, object: &Val) -> Lowered<Val> {
        match self.special(object, "__str__")? {
            Some(text) if *text.ty() == Type::Str => Ok(text),
            Some(text) => {
                let message = format!("__str__ returned non-string (type {})", python_name(text.ty()));
                self.clash(message)
            }
            None => self.exception_text(object),
        }
    }

    /// Refuses what an exception class with an object would have to do and does not.
    fn refuse_exception_class(&mut self, class: &Class<'p>) -> Lowered<()> {
        let message = if let Some(name) = class.stored.iter().find(|name| super::caught::is_reserved(name)) {
            format!("`{}` assigns `{name}`, which cannot be compiled", class.name)
        } else if class.method("__str__").is_some_and(|(_, method)| does_more_than_tell(method.node)) {
            // It is asked when the exception is made, too.
            format!("`__str__` of `{}` does more than give a text, which cannot be compiled", class.name)
        } else if let Some(method) = class.methods.iter().find(|method| is_unknown_special(method.name)) {
            format!("`{}` of the exception class `{}` cannot be compiled", method.name, class.name)
        } else if self.compiler.own_exception_of(class).is_none() {
            "the program has too many classes of exceptions".to_owned()
        } else {
            return Ok(());
        };
        self.fail("unsupported-class", message, None)
    }

    /// `Exception.__init__(self, ...)`.
    pub fn call_exception_init(&mut self, kind: ExcKind, call: &'p ast::ExprCall) -> Lowered<Val> {
        let arguments = self.call_arguments(call)?;
        self.at_call(call);
        let vals = self.plain_arguments("__init__", arguments)?;
        match vals.split_first() {
            Some((own, vals)) if matches!(own.ty(), Type::Object(_)) => {
                self.set_exception_text(own, kind.into(), vals)?;
                Ok(self.none())
            }
            _ => self.fail("unsupported-function", "`__init__` can only be called in a method here", None),
        }
    }

    /// The text of an exception that is being made.
    pub fn exception_text(&mut self, made: &Val) -> Lowered<Val> {
        match self.get_field(made, MESSAGE)? {
            Some(text) => Ok(text),
            None => Ok(self.str("")),
        }
    }

    /// What `super().__init__(...)` does for an exception that is being made.
    pub fn set_exception_text(&mut self, made: &Val, kind: ExcClass, vals: &[Val]) -> Lowered<()> {
        // How arguments are shown is a matter of the instance's own class.
        let kind = match self.class_of(made).map(|class| class.kind) {
            Some(ClassKind::Exception(own)) => own,
            _ => kind,
        };
        let text = match self.exception_message(kind, vals)? {
            Some(text) => text,
            None => self.str(""),
        };
        self.store_field(made, MESSAGE, &text)?;
        if self.class_of(made).is_some_and(|class| class.stored.iter().any(|name| name == ARGS)) {
            let args = self.tuple(vals);
            self.store_field(made, ARGS, &args)?;
        }
        Ok(())
    }

    /// What `str(e)` gives of an exception made with these arguments.
    pub fn exception_message(&mut self, class: ExcClass, vals: &[Val]) -> Lowered<Option<Val>> {
        let table = self.compiler.exceptions();
        if table.is_subclass(class, ExcKind::KeyError.into()) && vals.len() == 1 {
            // Of a key, `str(e)` shows what it is, so that an empty one is seen.
            return self.repr_of(&vals[0]).map(Some);
        }
        let mut with_parts = [ExcKind::OSError, ExcKind::SyntaxError].into_iter();
        let has_parts = with_parts.find(|kind| table.is_subclass(class, (*kind).into()));
        match vals {
            [] => Ok(None),
            [_, _, ..] if let Some(kind) = has_parts => {
                let message = format!("an `{}` of several arguments cannot be compiled", kind.name());
                self.fail("unsupported-exception", message, Some("make it of one text".to_owned()))
            }
            [val] => self.text_of(val).map(Some),
            several => {
                let tuple = self.tuple(several);
                self.repr_of(&tuple).map(Some)
            }
        }
    }

    fn not_an_exception(&mut self, class: &Expr) -> Lowered<()> {
        self.fail_at(
            class,
            "unsupported-exception",
            "only exception classes can be raised, built-in ones and the program's own",
            Some("raise `ValueError` or another built-in class".to_owned()),
        )
    }

    /// `raise` alone: the exception that is being handled, from where it was raised first.
    fn raise_again(&mut self, raise: &ast::StmtRaise) -> Lowered<()> {
        self.at(raise);
        match self.handled_exception()? {
            Some(exception) => {
                self.reraise(&exception);
                Ok(())
            }
            None => self.fail(
                "unsupported-statement",
                "a `raise` without an exception belongs into an `except`",
                Some("name the exception".to_owned()),
            ),
        }
    }

    fn raise_val(&mut self, raise: &ast::StmtRaise, val: &Val) -> Lowered<()> {
        self.at(raise);
        if *val.ty() == Type::Exception {
            self.reraise(val);
            return Ok(());
        }
        self.each_variant(val, &mut |lowerer, val| match val.ty() {
            Type::Exception => {
                lowerer.reraise(&val);
                Err(Stop::Dead)
            }
            _ => lowerer.clash("exceptions must derive from BaseException"),
        })
        .map(|_| ())
    }

    /// What stands behind `from` is evaluated; a traceback of a row has no place for it.
    fn cause(&mut self, raise: &'p ast::StmtRaise) -> Lowered<()> {
        let Some(cause) = raise.cause.as_deref() else { return Ok(()) };
        let is_exception = match cause {
            Expr::NoneLiteral(_) => true,
            Expr::Call(call) => {
                let class = self.exception_class(&call.func)?;
                self.exprs(&call.arguments.args)?;
                class.is_some()
            }
            other => match self.thing(other)? {
                Thing::Val(val) => *val.ty() == Type::Exception,
                Thing::Static(known) => self.exception_of_static(&known)?.is_some(),
            },
        };
        if is_exception {
            return Ok(());
        }
        self.fail_at(cause, "unsupported-exception", "only an exception can stand behind `from`", None)
    }

    /// The exception class that an expression names.
    pub fn exception_class(&mut self, expr: &'p Expr) -> Lowered<Option<ExcClass>> {
        let thing = self.thing(expr)?;
        self.exception_of_thing(&thing)
    }

    pub fn exception_of_thing(&mut self, thing: &Thing) -> Lowered<Option<ExcClass>> {
        match thing {
            Thing::Static(known) => self.exception_of_static(known),
            Thing::Val(_) => Ok(None),
        }
    }

    /// Whether an expression is a name that stands for something else than a value; looked at without lowering it.
    fn exception_class_of(&self, expr: &Expr) -> Option<()> {
        match expr {
            Expr::Name(_) | Expr::Attribute(_) => Some(()),
            _ => None,
        }
    }

    /// Whether an expression is a method of a value or of a class of the program.
    fn is_method(&mut self, expr: &'p Expr) -> bool {
        let Expr::Attribute(attribute) = expr else { return false };
        let Expr::Name(_) = &*attribute.value else { return false };
        match self.thing(&attribute.value) {
            Ok(Thing::Val(_)) => true,
            Ok(Thing::Static(Static::Class(number))) => {
                self.class(number).is_ok_and(|class| class.method(attribute.attr.as_str()).is_some())
            }
            _ => false,
        }
    }

    fn exception_of_static(&mut self, known: &Static) -> Lowered<Option<ExcClass>> {
        Ok(match known {
            // Those about encodings take five arguments.
            Static::Builtin("UnicodeEncodeError" | "UnicodeDecodeError") => None,
            Static::Builtin(name) => ExcKind::from_name(name).map(ExcClass::Builtin),
            Static::Class(number) => {
                let class = self.class(*number)?;
                match class.kind {
                    ClassKind::Exception(kind) => Some(kind),
                    _ => None,
                }
            }
            _ => None,
        })
    }

    /// The exception class of a class's name or number, as `isinstance` has it.
    pub fn exception_of_ref(&mut self, class: &ClassRef) -> Option<ExcClass> {
        match class {
            ClassRef::Named(name) => ExcKind::from_name(name).map(ExcClass::Builtin),
            ClassRef::Own(number) => match self.compiler.class(*number).ok()?.kind {
                ClassKind::Exception(class) => Some(class),
                _ => None,
            },
        }
    }

    /// The exception classes whose instances are instances of this class, as far as they are not of another of them.
    pub fn exceptions_of_ref(&mut self, class: &ClassRef) -> Vec<ExcClass> {
        if let Some(class) = self.exception_of_ref(class) {
            return vec![class];
        }
        let ClassRef::Own(number) = class else { return Vec::new() };
        // A class beside an exception class.
        self.compiler.meet_all_classes();
        self.compiler.close_exceptions();
        let own = self.compiler.own_exceptions().into_iter();
        own.filter(|(_, class)| class.line.contains(number)).map(|(class, _)| class).collect()
    }

    /// Whether an expression is a variable that holds what the `__exit__` of a context manager is told of the class: an exception's
    /// class, or `None`.
    pub fn may_be_exception_class(&mut self, expr: &'p Expr) -> bool {
        if !expr.is_name_expr() {
            return false;
        }
        let Ok(Thing::Val(val)) = self.thing(expr) else { return false };
        val.ty().variants().iter().all(|ty| *ty == Type::None || class_of(ty) == Some(CLASS_OF_EXCEPTION))
    }

    /// Whether each of these names a class of exceptions.
    pub fn are_exception_classes(&mut self, named: &[&'p Expr]) -> Lowered<bool> {
        for expr in named {
            if !expr.is_name_expr() || self.exception_class(expr)?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The exception whose class a value is.
    pub fn exception_of_class(&mut self, val: &Val) -> Option<Val> {
        (class_of(val.ty()) == Some(CLASS_OF_EXCEPTION)).then(|| self.field(val, 0))
    }

    /// `e.__class__` or `e.__traceback__`: what the `__exit__` of a context manager is told.
    pub fn part_of_exception(&mut self, exception: &Val, name: &str) -> Val {
        let class = if name == "__class__" { CLASS_OF_EXCEPTION } else { TRACEBACK };
        let fields = vec![("exception".to_owned(), Type::Exception)];
        let record = RecordType { kind: RecordKind::Library, name: class.to_owned(), fields };
        self.aggregate(Type::Record(record.into()), std::slice::from_ref(exception))
    }

    pub fn assert_stmt(&mut self, assert: &'p ast::StmtAssert) -> Lowered<()> {
        let (holds, fails) = self.test(&assert.test);
        if self.join(fails, None).is_ok() {
            let lowered = assert.msg.iter().map(|expr| self.expr(expr)).collect::<Lowered<Vec<Val>>>();
            if let Some(vals) = self.if_reached(lowered)? {
                self.at(assert);
                let raised = self.raise_made(ExcKind::AssertionError.into(), &vals);
                self.if_reached(raised)?;
            }
        }
        self.join(holds, None)
    }

    /// `type(e).__name__`: the most special of the classes that the exception is an instance of.
    pub fn exception_name(&mut self, exception: &Val) -> Val {
        self.compiler.meet_all_classes();
        let table = self.compiler.exceptions().clone();
        let mut name = self.str(ExcKind::BaseException.name());
        // A class comes after the one it derives from.
        for class in table.all().skip(1) {
            let is = self.is_exception(exception, &[class]);
            let own = self.str(table.raised(class).name());
            name = self.select(&is, &own, &name);
        }
        name
    }
}

/// Whether a method of an exception is called by Python itself and not by compiled code.
fn is_unknown_special(name: &str) -> bool {
    name.starts_with("__")
        && name.ends_with("__")
        && !matches!(name, "__init__" | "__str__" | "__repr__" | "__hash__" | "__reduce__")
}

/// Whether a `__str__` does what is seen elsewhere: it stores, or calls for the sake of what that does; in its own variables
/// it may.
fn does_more_than_tell(def: &ast::StmtFunctionDef) -> bool {
    struct Finder {
        own: Vec<String>,
        found: bool,
    }
    impl Finder {
        fn is_own(&self, expr: &Expr) -> bool {
            matches!(expr, Expr::Name(name) if self.own.iter().any(|own| own == name.id.as_str()))
        }
    }
    impl<'a> ast::visitor::Visitor<'a> for Finder {
        fn visit_stmt(&mut self, stmt: &'a ast::Stmt) {
            self.found |= match stmt {
                ast::Stmt::Expr(expr) => match &*expr.value {
                    Expr::StringLiteral(_) => false,
                    Expr::Call(call) => match &*call.func {
                        Expr::Attribute(attribute) => !self.is_own(&attribute.value),
                        _ => true,
                    },
                    _ => true,
                },
                ast::Stmt::Global(_) | ast::Stmt::Nonlocal(_) | ast::Stmt::Delete(_) => true,
                _ => false,
            };
            ast::visitor::walk_stmt(self, stmt);
        }

        fn visit_expr(&mut self, expr: &'a Expr) {
            self.found |= match expr {
                Expr::Attribute(attribute) => attribute.ctx.is_store() && !self.is_own(&attribute.value),
                Expr::Subscript(subscript) => subscript.ctx.is_store() && !self.is_own(&subscript.value),
                _ => false,
            };
            ast::visitor::walk_expr(self, expr);
        }
    }
    let mut finder = Finder { own: crate::bound_names::bound_in(&def.body), found: false };
    ast::visitor::Visitor::visit_body(&mut finder, &def.body);
    finder.found
}

/// Whether an `__init__` hands on what the text is made of.
fn calls_super_init(def: &ast::StmtFunctionDef) -> bool {
    struct Finder(bool);
    impl<'a> ast::visitor::Visitor<'a> for Finder {
        fn visit_expr(&mut self, expr: &'a Expr) {
            if let Expr::Call(call) = expr
                && let Expr::Attribute(attribute) = &*call.func
            {
                self.0 |= attribute.attr.as_str() == "__init__";
            }
            ast::visitor::walk_expr(self, expr);
        }
    }
    let mut finder = Finder(false);
    ast::visitor::Visitor::visit_body(&mut finder, &def.body);
    finder.0
}
