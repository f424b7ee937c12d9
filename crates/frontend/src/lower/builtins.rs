//! The built-in functions, as two tables: those of plain values, and those that look at the syntax of their arguments
//! (iterables, classes). A new one is a row here and, where it needs one, a function below.

use ir::{ExcClass, ExcKind, Prim, RecordKind, Type};

use super::number::{is_integer, is_number};
use super::value::Static;
use super::{Lowered, Lowerer, Stop, Thing, Val};
use crate::library;
use crate::parse::ast::{self, CmpOp, Expr, Operator};
use crate::program::Binding;
use crate::shape::python_name;

type Values = for<'c, 'p> fn(&mut Lowerer<'c, 'p>, &[Option<Val>]) -> Lowered<Val>;
type Syntax = for<'c, 'p> fn(&mut Lowerer<'c, 'p>, &'p ast::ExprCall) -> Lowered<Val>;

/// A built-in of plain values: its name, its parameters (those before the `/` have no name), how many must be given.
struct ValueBuiltin {
    name: &'static str,
    params: &'static [&'static str],
    required: usize,
    run: Values,
}

const fn row(name: &'static str, params: &'static [&'static str], required: usize, run: Values) -> ValueBuiltin {
    ValueBuiltin { name, params, required, run }
}

const VALUES: &[ValueBuiltin] = &[
    row("abs", &["/"], 1, |l, a| {
        each(l, &a[0], |l, v| match l.special(&v, "__abs__")? {
            Some(found) => Ok(found),
            None => l.absolute(&v),
        })
    }),
    row("ascii", &["/"], 1, |l, a| l.ascii_of(given(&a[0])?)),
    row("bin", &["/"], 1, |l, a| based(l, a, 2)),
    row("bool", &["/"], 0, |l, a| match &a[0] {
        Some(_) => each(l, &a[0], |l, v| l.truth(&v)),
        None => Ok(l.bool(false)),
    }),
    row("bytes", &["source", "encoding", "errors"], 0, |l, a| match &a[0] {
        Some(val) => {
            let rest: Vec<Val> = a[1..].iter().flatten().cloned().collect();
            l.bytes_of(val, &rest)
        }
        None => Ok(l.bytes(b"")),
    }),
    row("chr", &["/"], 1, |l, a| {
        let code = l.as_index(given(&a[0])?)?;
        Ok(l.prim(Prim::IntChr, &[&code]))
    }),
    row("divmod", &["/", "/"], 2, |l, a| l.divmod(given(&a[0])?, given(&a[1])?)),
    row("float", &["/"], 0, |l, a| match &a[0] {
        Some(_) => each(l, &a[0], |l, v| match l.special(&v, "__float__")? {
            Some(found) => l.given_by(found, &v, "__float__", &Type::Float),
            None => l.float_of(&v),
        }),
        None => Ok(l.float(0.0)),
    }),
    row("format", &["/", "/"], 1, |l, a| {
        let spec = a[1].clone();
        each(l, &a[0], |l, v| l.formatted(&v, spec.as_ref()))
    }),
    row("hash", &["/"], 1, |l, a| each(l, &a[0], |l, v| l.hash_of(&v))),
    row("hex", &["/"], 1, |l, a| based(l, a, 16)),
    row("int", &["/", "base"], 0, |l, a| match &a[0] {
        Some(_) => {
            let base = a[1].clone();
            each(l, &a[0], |l, v| match l.special(&v, "__int__")? {
                Some(found) => l.given_by(found, &v, "__int__", &Type::Int),
                None => l.int_of(&v, base.as_ref()),
            })
        }
        None => Ok(l.int(0)),
    }),
    row("len", &["/"], 1, |l, a| each(l, &a[0], |l, v| l.length(&v))),
    row("oct", &["/"], 1, |l, a| based(l, a, 8)),
    row("ord", &["/"], 1, |l, a| each(l, &a[0], |l, v| l.ord(&v))),
    row("pow", &["base", "exp", "mod"], 2, |l, a| match &a[2] {
        None => l.binary(Operator::Pow, given(&a[0])?, given(&a[1])?, false),
        Some(modulus) => {
            l.call_library("builtins", "pow_modulo", &[given(&a[0])?.clone(), given(&a[1])?.clone(), modulus.clone()])
        }
    }),
    row("repr", &["/"], 1, |l, a| l.repr_of(given(&a[0])?)),
    row("round", &["number", "ndigits"], 1, |l, a| {
        let rounded = |l: &mut Lowerer<'_, '_>, digits: Option<Val>| {
            each(l, &a[0], |l, v| match l.special_with(&v, "__round__", digits.as_slice())? {
                Some(found) => Ok(found),
                None => l.round(&v, digits.as_ref()),
            })
        };
        match &a[1] {
            Some(_) => each(l, &a[1], |l, digits| {
                let digits = if *digits.ty() == Type::Bool { l.as_int(&digits)? } else { digits };
                rounded(l, Some(digits))
            }),
            None => rounded(l, None),
        }
    }),
    row("str", &["object", "encoding", "errors"], 0, |l, a| match &a[0] {
        Some(val) if a[1].is_some() => {
            let rest: Vec<Val> = a[1..].iter().flatten().cloned().collect();
            l.method(val, "decode", &rest, &[])
        }
        Some(val) => l.text_of(val),
        None => Ok(l.str("")),
    }),
];

const SYNTAX: &[(&str, Syntax)] = &[
    ("dict", |l, call| l.dict_builtin(call)),
    ("frozenset", |l, call| l.set_builtin(call, true)),
    ("set", |l, call| l.set_builtin(call, false)),
    ("all", |l, call| l.any_or_all(call, false)),
    ("any", |l, call| l.any_or_all(call, true)),
    ("callable", |l, call| l.callable_builtin(call)),
    ("getattr", |l, call| l.getattr_builtin(call)),
    ("hasattr", |l, call| l.hasattr_builtin(call)),
    ("isinstance", |l, call| l.isinstance(call)),
    ("issubclass", |l, call| l.issubclass(call)),
    ("iter", |l, call| l.iter_builtin(call)),
    ("list", |l, call| l.list_builtin(call)),
    ("max", |l, call| l.extreme(call, CmpOp::Gt, "max")),
    ("min", |l, call| l.extreme(call, CmpOp::Lt, "min")),
    ("next", |l, call| l.next_builtin(call)),
    ("print", |l, call| l.print(call)),
    ("range", |l, call| {
        let [start, stop, step] = l.range_arguments(call)?;
        Ok(l.prim(Prim::RangeNew, &[&start, &stop, &step]))
    }),
    ("sorted", |l, call| l.sorted(call)),
    ("sum", |l, call| l.sum(call)),
    ("tuple", |l, call| l.tuple_builtin(call)),
];

/// Built-ins that make iterators: see `iterate`.
const LAZY: &[&str] = &["enumerate", "filter", "map", "reversed", "zip"];

/// Built-ins that are known not to be compiled.
const OTHERS: &[&str] = &[
    "bytearray",
    "complex",
    "dir",
    "eval",
    "exec",
    "globals",
    "help",
    "id",
    "input",
    "locals",
    "memoryview",
    "object",
    "open",
    "property",
    "setattr",
    "slice",
    "staticmethod",
    "super",
    "type",
    "vars",
];

/// All names that stand for built-ins.
pub fn names() -> impl Iterator<Item = &'static str> {
    let values = VALUES.iter().map(|row| row.name);
    let syntax = SYNTAX.iter().map(|(name, _)| *name);
    let aliases = ExcKind::ALIASES.iter().map(|(name, _)| *name);
    let exceptions = ExcKind::ALL.iter().map(|kind| kind.as_told().name()).chain(aliases);
    values.chain(syntax).chain(LAZY.iter().copied()).chain(OTHERS.iter().copied()).chain(exceptions)
}

/// The built-in of this name.
pub fn known_name(name: &str) -> Option<&'static str> {
    names().find(|known| *known == name)
}

/// A class that `isinstance` and patterns name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClassRef {
    /// One of Python's, by its name.
    Named(String),
    /// One of the program's, by its number.
    Own(usize),
}

fn given(val: &Option<Val>) -> Lowered<&Val> {
    val.as_ref().ok_or(Stop::Failed)
}

/// Lowers for each variant of an argument.
fn each<'c, 'p>(
    lowerer: &mut Lowerer<'c, 'p>,
    val: &Option<Val>,
    mut lower: impl FnMut(&mut Lowerer<'c, 'p>, Val) -> Lowered<Val>,
) -> Lowered<Val> {
    let val = given(val)?.clone();
    lowerer.each_variant(&val, &mut |lowerer, val| lower(lowerer, val))
}

fn based<'c, 'p>(lowerer: &mut Lowerer<'c, 'p>, args: &[Option<Val>], base: i64) -> Lowered<Val> {
    let number = lowerer.as_index(given(&args[0])?)?;
    let base = lowerer.int(base);
    Ok(lowerer.prim(Prim::IntToBase, &[&number, &base]))
}

impl<'c, 'p> Lowerer<'c, 'p> {
    pub fn call_builtin(&mut self, name: &'static str, call: &'p ast::ExprCall) -> Lowered<Val> {
        if let Some((_, run)) = SYNTAX.iter().find(|(known, _)| *known == name) {
            return run(self, call);
        }
        if let ("str" | "repr", [subject], true) = (name, &*call.arguments.args, call.arguments.keywords.is_empty())
            && let Some(text) = self.text_of_class(subject)?
        {
            return Ok(text);
        }
        if name == "len"
            && let Some(count) = self.count_of_members(call)?
        {
            return Ok(count);
        }
        if let Some(row) = VALUES.iter().find(|row| row.name == name) {
            let arguments = self.call_arguments(call)?;
            self.at_call(call);
            let vals = self.builtin_arguments(row, arguments)?;
            return (row.run)(self, &vals);
        }
        if let Some(kind) = ExcKind::from_name(name) {
            let arguments = self.call_arguments(call)?;
            self.at_call(call);
            let vals = self.plain_arguments(name, arguments)?;
            return self.new_exception(kind.into(), &vals);
        }
        self.at_call(call);
        if LAZY.contains(&name) {
            return self.lazy_value(name, call);
        }
        let help = match name {
            "type" => Some("compare it, as in `type(x) is int`, or use `isinstance`"),
            _ => None,
        };
        self.fail("unsupported-function", format!("`{name}` cannot be compiled"), help.map(str::to_owned))
    }

    /// What a method such as `__int__` gave, when it is of the class that it must be of.
    fn given_by(&mut self, found: Val, object: &Val, method: &str, wanted: &Type) -> Lowered<Val> {
        self.each_variant(&found, &mut |lowerer, found| {
            if found.ty() == wanted {
                return Ok(found);
            }
            let (class, given) = (python_name(object.ty()), python_name(found.ty()));
            lowerer.clash(format!("{class}.{method} returned non-{} (type {given})", python_name(wanted)))
        })
    }

    /// A built-in as a `key=` or for `map`.
    pub fn call_builtin_with(&mut self, name: &'static str, arguments: super::call::CallArguments) -> Lowered<Val> {
        let place = self.place;
        if let Some(row) = VALUES.iter().find(|row| row.name == name) {
            let vals = self.builtin_arguments(row, arguments)?;
            return (row.run)(self, &vals);
        }
        let vals = &self.plain_arguments(name, arguments)?;
        self.at_place(place);
        match (name, vals.as_slice()) {
            ("tuple", [val]) => self.tuple_of_val(val),
            ("min", [_, _, ..]) => self.extreme_of_values(vals, CmpOp::Lt, None),
            ("max", [_, _, ..]) => self.extreme_of_values(vals, CmpOp::Gt, None),
            (_, [_]) if library::function_named("builtins", &format!("_passed_{name}")).is_some() => {
                let positional = vals.iter().cloned().map(Thing::Val).collect();
                let arguments = super::call::CallArguments { positional, keywords: Vec::new() };
                self.call_prelude(&format!("_passed_{name}"), arguments)
            }
            _ => self.fail("unsupported-function", format!("`{name}` cannot be passed to a function here"), None),
        }
    }

    fn builtin_arguments(
        &mut self,
        row: &ValueBuiltin,
        arguments: super::call::CallArguments,
    ) -> Lowered<Vec<Option<Val>>> {
        let name = row.name;
        let count = arguments.positional.len();
        if count > row.params.len() {
            let expected = row.params.len();
            return self.clash(format!("{name} expected at most {expected} arguments, got {count}"));
        }
        let mut vals = vec![None; row.params.len()];
        for (slot, thing) in vals.iter_mut().zip(arguments.positional) {
            *slot = Some(self.value_of(thing)?);
        }
        for (keyword, thing) in arguments.keywords {
            match row.params.iter().position(|param| *param == keyword) {
                Some(position) if vals[position].is_none() => vals[position] = Some(self.value_of(thing)?),
                _ => return self.clash(format!("{name}() got an unexpected keyword argument '{keyword}'")),
            }
        }
        if vals.iter().take(row.required).any(Option::is_none) {
            let required = row.required;
            return self.clash(format!("{name} expected at least {required} argument, got {count}"));
        }
        Ok(vals)
    }

    /// `float(val)` of a plain value.
    fn float_of(&mut self, val: &Val) -> Lowered<Val> {
        match val.ty() {
            ty if is_number(ty) => self.as_float(val),
            Type::Np(_) => {
                let python = self.python_number(val);
                self.as_float(&python)
            }
            Type::Str => Ok(self.prim(Prim::StrToFloat, &[val])),
            Type::Bytes => self.fail("unsupported-function", "`float` of bytes cannot be compiled", None),
            other => {
                let message =
                    format!("float() argument must be a string or a real number, not '{}'", python_name(other));
                self.clash(message)
            }
        }
    }

    /// `int(val, base)` of a plain value.
    fn int_of(&mut self, val: &Val, base: Option<&Val>) -> Lowered<Val> {
        if let Some(base) = base {
            if *val.ty() != Type::Str {
                return self.clash("int() can't convert non-string with explicit base");
            }
            let base = self.as_index(base)?;
            return Ok(self.prim(Prim::StrToInt, &[val, &base]));
        }
        match val.ty() {
            ty if is_integer(ty) => self.as_int(val),
            ty if self.is_int_member(ty) => self.without_enum(val),
            Type::Float => Ok(self.prim(Prim::FloatToInt, &[val])),
            Type::Np(_) => {
                let python = self.python_number(val);
                self.int_of(&python, None)
            }
            Type::Str => {
                let ten = self.int(10);
                Ok(self.prim(Prim::StrToInt, &[val, &ten]))
            }
            Type::Bytes => self.fail("unsupported-function", "`int` of bytes cannot be compiled", None),
            other => {
                let message = format!(
                    "int() argument must be a string, a bytes-like object or a real number, not '{}'",
                    python_name(other)
                );
                self.clash(message)
            }
        }
    }

    fn ord(&mut self, val: &Val) -> Lowered<Val> {
        match val.ty() {
            Type::Str => Ok(self.prim(Prim::StrOrd, &[val])),
            Type::Bytes => {
                let (length, one) = (self.length(val)?, self.int(1));
                let single = self.prim(Prim::IntEq, &[&length, &one]);
                self.require(&single, ExcKind::TypeError, "ord() expected a character")?;
                let zero = self.int(0);
                self.item_at(val, &zero)
            }
            other => {
                let message = format!("ord() expected string of length 1, but {} found", python_name(other));
                self.clash(message)
            }
        }
    }

    /// `round(val, digits)` of a plain value.
    fn round(&mut self, val: &Val, digits: Option<&Val>) -> Lowered<Val> {
        let digits = match digits {
            Some(digits) if *digits.ty() == Type::None => None,
            Some(digits) => Some(self.as_index(digits)?),
            None => None,
        };
        match (val.ty(), digits) {
            (ty, None) if is_integer(ty) => self.as_int(val),
            (ty, Some(digits)) if is_integer(ty) => {
                let int = self.as_int(val)?;
                Ok(self.prim(Prim::IntRoundDigits, &[&int, &digits]))
            }
            (Type::Float, None) => Ok(self.prim(Prim::FloatRound, &[val])),
            (Type::Float, Some(digits)) => Ok(self.prim(Prim::FloatRoundDigits, &[val, &digits])),
            (Type::Np(elem), None) if elem.is_float() => {
                let python = self.python_number(val);
                Ok(self.prim(Prim::FloatRound, &[&python]))
            }
            (Type::Np(elem), Some(digits)) if elem.is_float() => self.numpy_library("round", &[val, &digits]),
            (Type::Np(_), _) => self.fail(
                "unsupported-operation",
                "this NumPy scalar cannot be rounded in compiled code",
                Some("convert with `float()` first".to_owned()),
            ),
            (other, _) => {
                let message = format!("type {} doesn't define __round__ method", python_name(other));
                self.clash(message)
            }
        }
    }

    // `isinstance`.

    fn isinstance(&mut self, call: &'p ast::ExprCall) -> Lowered<Val> {
        let ([subject, classes], true) = (&*call.arguments.args, call.arguments.keywords.is_empty()) else {
            return self.fail_at(call, "wrong-arguments", "`isinstance` takes two arguments", None);
        };
        let val = self.expr(subject)?;
        let classes = self.class_list(classes)?;
        self.at_call(call);
        self.each_variant(&val, &mut |lowerer, val| lowerer.is_instance(&val, &classes))
    }

    /// The names of the classes that an expression stands for: a class, a tuple or a `|` of them.
    pub fn class_list(&mut self, expr: &'p Expr) -> Lowered<Vec<ClassRef>> {
        match expr {
            Expr::Tuple(tuple) => {
                let mut all = Vec::new();
                for item in &tuple.elts {
                    all.extend(self.class_list(item)?);
                }
                Ok(all)
            }
            Expr::BinOp(union) if union.op == Operator::BitOr => {
                let mut all = self.class_list(&union.left)?;
                all.extend(self.class_list(&union.right)?);
                Ok(all)
            }
            Expr::NoneLiteral(_) => Ok(vec![ClassRef::Named("NoneType".to_owned())]),
            Expr::Call(call)
                if matches!(&*call.func, Expr::Name(name) if name.id.as_str() == "type")
                    && matches!(&*call.arguments.args, [Expr::NoneLiteral(_)]) =>
            {
                Ok(vec![ClassRef::Named("NoneType".to_owned())])
            }
            _ => {
                let mut all = Vec::new();
                for thing in self.things_in_tuple(expr)? {
                    match thing {
                        Thing::Static(Static::Builtin(name)) => all.push(ClassRef::Named(name.to_owned())),
                        Thing::Static(Static::Class(number)) => all.push(ClassRef::Own(number)),
                        Thing::Static(Static::Member(module, name))
                            if matches!(module.as_str(), "numpy" | "datetime") =>
                        {
                            all.push(ClassRef::Named(format!("{module}.{name}")));
                        }
                        _ => {
                            let message = "`isinstance` can only test for built-in classes in compiled code";
                            return self.fail_at(expr, "unsupported-class", message, None);
                        }
                    }
                }
                Ok(all)
            }
        }
    }

    /// What an expression stands for; where it names a tuple of the module around, what its items do.
    pub fn things_in_tuple(&mut self, expr: &'p Expr) -> Lowered<Vec<Thing>> {
        let Some((id, items)) = self.outer_tuple(expr) else { return Ok(vec![self.thing(expr)?]) };
        let mut things = Vec::new();
        let mut rest: Vec<&'p Binding> = items.iter().rev().collect();
        while let Some(item) = rest.pop() {
            match item {
                Binding::Tuple(inner) => rest.extend(inner.iter().rev()),
                item => things.push(self.binding_thing(id, item)?),
            }
        }
        Ok(things)
    }

    /// Whether the class of a plain value is one of these, and not only derived from one.
    pub fn is_exactly(&mut self, val: &Val, classes: &[ClassRef]) -> Lowered<Val> {
        if *val.ty() == Type::Exception {
            return Ok(self.is_exactly_exception(val, classes));
        }
        self.require_class(val)?;
        let own = self.class_of(val).map(|class| class.number);
        let name = python_name(val.ty());
        let is_alias =
            |class: &ClassRef| matches!(class, ClassRef::Named(class) if class.starts_with("numpy.") && *class != name);
        if matches!(val.ty(), Type::Np(_)) && classes.iter().any(is_alias) {
            // NumPy has several names for one class.
            return self.fail("unsupported-class", "this comparison of NumPy's classes cannot be compiled", None);
        }
        let is = classes.iter().any(|class| match class {
            ClassRef::Named(class) => own.is_none() && *class == name,
            ClassRef::Own(number) => own == Some(*number),
        });
        Ok(self.bool(is))
    }

    /// `type(a) == type(b)` of plain values.
    pub fn have_one_class(&mut self, a: &Val, b: &Val) -> Lowered<Val> {
        self.require_class(a)?;
        self.require_class(b)?;
        let own = |val: &Val| self.class_of(val).map(|class| class.number);
        let same = own(a) == own(b) && python_name(a.ty()) == python_name(b.ty());
        Ok(self.bool(same))
    }

    /// Refuses a value whose very class its type does not tell.
    fn require_class(&mut self, val: &Val) -> Lowered<()> {
        let is_open = match val.ty() {
            Type::Exception => true,
            Type::Record(record) => record.kind == RecordKind::Row,
            Type::Np(_) => val.shape.origin.python,
            _ => false,
        };
        if is_open {
            return self.fail(
                "unsupported-class",
                "the class of this value is not known when the program is compiled",
                Some("use `isinstance`".to_owned()),
            );
        }
        Ok(())
    }

    /// Whether a plain value is an instance of one of the classes.
    pub fn is_instance(&mut self, val: &Val, classes: &[ClassRef]) -> Lowered<Val> {
        const KNOWN: &[&str] = &[
            "int",
            "float",
            "bool",
            "str",
            "tuple",
            "list",
            "range",
            "object",
            "NoneType",
            "dict",
            "set",
            "frozenset",
            "complex",
            "bytes",
            "bytearray",
        ];
        if *val.ty() == Type::Exception {
            if classes.iter().any(|class| *class == ClassRef::Named("object".to_owned())) {
                return Ok(self.bool(true));
            }
            let mut kinds: Vec<ExcClass> = Vec::new();
            for class in classes {
                kinds.extend(self.exceptions_of_ref(class));
            }
            return Ok(self.is_exception(val, &kinds));
        }
        for class in classes {
            let ClassRef::Named(class) = class else { continue };
            if ExcKind::from_name(class).is_some() {
                continue;
            }
            if !KNOWN.contains(&class.as_str()) && !class.starts_with("numpy.") && !super::datetime::is_class(class) {
                return self.fail("unsupported-class", format!("`{class}` cannot be tested for here"), None);
            }
        }
        for class in classes {
            if let ClassRef::Own(number) = class {
                // What it is has to be known; what is wrong with it is told of where it is used.
                let _ = self.compiler.class(*number);
            }
        }
        let mut own: Vec<String> = vec![python_name(val.ty()), "object".to_owned()];
        match val.ty() {
            Type::Bool => own.push("int".to_owned()),
            Type::Np(elem) => {
                if elem.name() == "float64" {
                    own.push("float".to_owned());
                }
                own.push("numpy.generic".to_owned());
                match elem.python_type() {
                    Type::Bool => {}
                    Type::Float => own.extend(["numpy.number", "numpy.floating"].map(str::to_owned)),
                    _ => own.extend(["numpy.number", "numpy.integer"].map(str::to_owned)),
                }
                own.push(format!("numpy.{}_", elem.name()));
                if val.shape.origin.python && !elem.is_float() {
                    return self.fail(
                        "unsupported-operation",
                        "this may be a Python `int` or a NumPy scalar",
                        Some("convert with `int()` first".to_owned()),
                    );
                }
            }
            Type::Record(record) if matches!(record.kind, RecordKind::NamedTuple | RecordKind::Dataclass) => {
                if record.kind == RecordKind::NamedTuple {
                    own.push("tuple".to_owned());
                }
                let asks = classes.iter().any(|class| matches!(class, ClassRef::Own(_)));
                if asks && self.class_of(val).is_none() {
                    let message = format!("the class `{}` is not known here", record.name);
                    return self.fail("unsupported-class", message, None);
                }
            }
            Type::Record(record) if record.kind == RecordKind::Library && record.name == super::datetime::DATETIME => {
                own.push(super::datetime::DATE.to_owned());
            }
            ty if super::collections::is_dict_like(ty) => own.push("dict".to_owned()),
            ty if self.is_int_member(ty) => own.push("int".to_owned()),
            ty if self.is_str_member(ty) => own.push("str".to_owned()),
            Type::Record(record) if record.kind == RecordKind::Library => {}
            Type::Record(_) => return self.fail("unsupported-class", "a row cannot be tested for its class", None),
            _ => {}
        }
        let is = classes.iter().any(|class| match class {
            ClassRef::Named(name) => own.contains(name),
            ClassRef::Own(number) => self.is_of_class(val, *number),
        });
        Ok(self.bool(is))
    }
}
