//! The `math` module: a table of its functions with how their arguments are converted, and those that need more than one
//! primitive.

use ir::{Const, ExcKind, Op, Prim, Type};

use super::call::CallArguments;
use super::expr::non_negative_int;
use super::folds::Arguments;
use super::number::{is_integer, is_number};
use super::value::Static;
use super::{Lowered, Lowerer, Thing, Val};
use crate::library;
use crate::nearest::nearest;
use crate::parse::ast::{self, Operator, Ranged};
use crate::shape::python_name;

/// How an argument is converted.
#[derive(Clone, Copy)]
enum Kind {
    /// Any real number, as a float.
    Real,
    /// An int.
    Integer,
}

use Kind::{Integer, Real};

const FUNCTIONS: &[(&str, &[Kind], Prim)] = &[
    ("acos", &[Real], Prim::MathAcos),
    ("acosh", &[Real], Prim::MathAcosh),
    ("asin", &[Real], Prim::MathAsin),
    ("asinh", &[Real], Prim::MathAsinh),
    ("atan", &[Real], Prim::MathAtan),
    ("atan2", &[Real, Real], Prim::MathAtan2),
    ("atanh", &[Real], Prim::MathAtanh),
    ("cbrt", &[Real], Prim::MathCbrt),
    ("copysign", &[Real, Real], Prim::MathCopysign),
    ("cos", &[Real], Prim::MathCos),
    ("cosh", &[Real], Prim::MathCosh),
    ("degrees", &[Real], Prim::MathDegrees),
    ("erf", &[Real], Prim::MathErf),
    ("erfc", &[Real], Prim::MathErfc),
    ("exp", &[Real], Prim::MathExp),
    ("exp2", &[Real], Prim::MathExp2),
    ("expm1", &[Real], Prim::MathExpm1),
    ("fabs", &[Real], Prim::FloatAbs),
    ("factorial", &[Integer], Prim::MathFactorial),
    ("fmod", &[Real, Real], Prim::MathFmod),
    ("frexp", &[Real], Prim::MathFrexp),
    ("gamma", &[Real], Prim::MathGamma),
    ("isfinite", &[Real], Prim::MathIsfinite),
    ("isinf", &[Real], Prim::MathIsinf),
    ("isnan", &[Real], Prim::MathIsnan),
    ("isqrt", &[Integer], Prim::MathIsqrt),
    ("ldexp", &[Real, Integer], Prim::MathLdexp),
    ("lgamma", &[Real], Prim::MathLgamma),
    ("log10", &[Real], Prim::MathLog10),
    ("log1p", &[Real], Prim::MathLog1p),
    ("log2", &[Real], Prim::MathLog2),
    ("modf", &[Real], Prim::MathModf),
    ("nextafter", &[Real, Real], Prim::MathNextafter),
    ("pow", &[Real, Real], Prim::MathPow),
    ("radians", &[Real], Prim::MathRadians),
    ("remainder", &[Real, Real], Prim::MathRemainder),
    ("sin", &[Real], Prim::MathSin),
    ("sinh", &[Real], Prim::MathSinh),
    ("sqrt", &[Real], Prim::MathSqrt),
    ("tan", &[Real], Prim::MathTan),
    ("tanh", &[Real], Prim::MathTanh),
    ("ulp", &[Real], Prim::MathUlp),
];

/// Functions that are lowered by hand below.
const OTHERS: &[&str] =
    &["ceil", "comb", "dist", "floor", "gcd", "hypot", "isclose", "lcm", "log", "perm", "prod", "trunc"];

const CONSTANTS: &[(&str, f64)] = &[
    ("e", std::f64::consts::E),
    ("inf", f64::INFINITY),
    ("nan", f64::NAN),
    ("pi", std::f64::consts::PI),
    ("tau", std::f64::consts::TAU),
];

impl<'c, 'p> Lowerer<'c, 'p> {
    pub fn math_member(&mut self, name: &str, node: &impl Ranged) -> Lowered<Thing> {
        if let Some((_, value)) = CONSTANTS.iter().find(|(known, _)| *known == name) {
            return Ok(Thing::Val(self.literal(Const::Float(*value))));
        }
        let functions = || FUNCTIONS.iter().map(|(known, _, _)| *known).chain(OTHERS.iter().copied());
        if functions().any(|known| known == name) {
            return Ok(Thing::Static(Static::Member("math".to_owned(), name.to_owned())));
        }
        if library::function_named("math", name).is_some() {
            return self.library_member("math", name, node);
        }
        let known = functions().chain(CONSTANTS.iter().map(|(known, _)| *known));
        let help = nearest(name, known).map(|near| format!("did you mean `math.{near}`?"));
        self.fail_at(node, "unknown-attribute", format!("`math` has no `{name}` that can be compiled"), help)
    }

    /// `math.name(arguments)`.
    pub fn call_math(&mut self, name: &str, arguments: CallArguments) -> Lowered<Val> {
        if name == "isclose" {
            return self.isclose(arguments);
        }
        let vals = self.plain_arguments(name, arguments)?;
        let Some((_, kinds, prim)) = FUNCTIONS.iter().find(|(known, _, _)| *known == name) else {
            return self.call_special(name, &vals);
        };
        if vals.len() != kinds.len() {
            let (expected, found) = (kinds.len(), vals.len());
            let s = if expected == 1 { "" } else { "s" };
            return self.clash(match expected {
                1 => format!("math.{name}() takes exactly one argument ({found} given)"),
                _ => format!("{name} expected {expected} argument{s}, got {found}"),
            });
        }
        let mut args = Vec::new();
        for (val, kind) in vals.iter().zip(*kinds) {
            args.push(match kind {
                Real => self.real(val)?,
                Integer => self.as_index(val)?,
            });
        }
        let args: Vec<&Val> = args.iter().collect();
        let non_negative = matches!(prim, Prim::MathIsqrt | Prim::MathFactorial);
        let shape = if non_negative { non_negative_int() } else { prim.result().into() };
        Ok(self.emit(Op::Prim(*prim), &args, shape))
    }

    /// A real number as a float, as the functions of `math` convert their arguments.
    fn real(&mut self, val: &Val) -> Lowered<Val> {
        self.each_variant(val, &mut |lowerer, val| match val.ty() {
            ty if is_number(ty) => lowerer.as_float(&val),
            Type::Np(_) => {
                let python = lowerer.python_number(&val);
                lowerer.as_float(&python)
            }
            other => {
                let message = format!("must be real number, not {}", python_name(other));
                lowerer.clash(message)
            }
        })
    }

    fn call_special(&mut self, name: &str, vals: &[Val]) -> Lowered<Val> {
        match (name, vals) {
            ("floor" | "ceil" | "trunc", [val]) => {
                let prim = match name {
                    "floor" => Prim::MathFloor,
                    "ceil" => Prim::MathCeil,
                    _ => Prim::MathTrunc,
                };
                self.each_variant(val, &mut |lowerer, val| lowerer.whole(&val, prim, name))
            }
            ("log", [val]) => {
                let real = self.real(val)?;
                Ok(self.prim(Prim::MathLog, &[&real]))
            }
            ("log", [val, base]) => {
                // CPython takes both logarithms and divides.
                let (real, base) = (self.real(val)?, self.real(base)?);
                let (a, b) = (self.prim(Prim::MathLog, &[&real]), self.prim(Prim::MathLog, &[&base]));
                Ok(self.prim(Prim::FloatDiv, &[&a, &b]))
            }
            ("gcd", vals) => self.fold_ints(vals, Prim::MathGcd, 0),
            ("lcm", vals) => self.fold_ints(vals, Prim::MathLcm, 1),
            ("comb", [n, k]) => self.two_ints(n, k, Prim::MathComb),
            ("perm", [n, k]) => self.two_ints(n, k, Prim::MathPerm),
            ("perm", [n]) => {
                let n = self.as_index(n)?;
                Ok(self.emit(Op::Prim(Prim::MathFactorial), &[&n], non_negative_int()))
            }
            ("hypot", []) => Ok(self.float(0.0)),
            ("hypot", [val]) => {
                let real = self.real(val)?;
                Ok(self.prim(Prim::FloatAbs, &[&real]))
            }
            ("hypot", [a, b]) => {
                let (a, b) = (self.real(a)?, self.real(b)?);
                Ok(self.prim(Prim::MathHypot, &[&a, &b]))
            }
            ("hypot", several) => {
                let mut reals = Vec::new();
                for val in several {
                    let real = self.real(val)?;
                    reals.push(self.prim(Prim::FloatAbs, &[&real]));
                }
                let list = self.list_of(&reals)?;
                self.call_library("math", "_norm", &[list])
            }
            ("dist", [p, q]) => self.dist(p, q),
            _ => self.fail(
                "unsupported-function",
                format!("`math.{name}` cannot be compiled with {} arguments", vals.len()),
                None,
            ),
        }
    }

    fn whole(&mut self, val: &Val, prim: Prim, name: &str) -> Lowered<Val> {
        match val.ty() {
            ty if is_integer(ty) => self.as_int(val),
            Type::Float => Ok(self.prim(prim, &[val])),
            Type::Np(elem) if elem.is_float() => {
                let python = self.python_number(val);
                Ok(self.prim(prim, &[&python]))
            }
            Type::Np(_) if name != "trunc" => {
                let python = self.python_number(val);
                self.as_int(&python)
            }
            other => {
                let message = format!("must be real number, not {}", python_name(other));
                self.clash(message)
            }
        }
    }

    fn fold_ints(&mut self, vals: &[Val], prim: Prim, init: i64) -> Lowered<Val> {
        let ints = vals.iter().map(|val| self.as_index(val)).collect::<Lowered<Vec<Val>>>()?;
        let mut rest = ints.as_slice();
        // From the first two on: what comes of the smallest int and the neutral one alone is no int.
        let mut total = match rest {
            [first, _, ..] => {
                rest = &rest[1..];
                first.clone()
            }
            _ => self.int(init),
        };
        for int in rest {
            total = self.emit(Op::Prim(prim), &[&total, int], non_negative_int());
        }
        Ok(total)
    }

    fn two_ints(&mut self, n: &Val, k: &Val, prim: Prim) -> Lowered<Val> {
        let (n, k) = (self.as_index(n)?, self.as_index(k)?);
        Ok(self.emit(Op::Prim(prim), &[&n, &k], non_negative_int()))
    }

    /// `math.dist(p, q)`.
    fn dist(&mut self, p: &Val, q: &Val) -> Lowered<Val> {
        let (p, q) = (&self.as_plain_tuple(p), &self.as_plain_tuple(q));
        let (Type::Tuple(a), Type::Tuple(b)) = (p.ty(), q.ty()) else {
            return self.call_library("math", "_dist", &[p.clone(), q.clone()]);
        };
        if a.len() != b.len() {
            return self.clash_of(
                ExcKind::ValueError,
                "type-mismatch",
                "both points must have the same number of dimensions",
            );
        }
        if a.len() > 2 {
            return self.call_library("math", "_dist", &[p.clone(), q.clone()]);
        }
        let (p, q) = (self.fields(p), self.fields(q));
        let mut deltas = Vec::new();
        for (a, b) in p.iter().zip(&q) {
            let (a, b) = (self.real(a)?, self.real(b)?);
            deltas.push(self.prim(Prim::FloatSub, &[&a, &b]));
        }
        self.call_special("hypot", &deltas)
    }

    fn isclose(&mut self, arguments: CallArguments) -> Lowered<Val> {
        let mut tolerances = [1e-9, 0.0].map(|default| self.float(default));
        for (keyword, thing) in arguments.keywords {
            let position = match keyword.as_str() {
                "rel_tol" => 0,
                "abs_tol" => 1,
                _ => return self.clash(format!("'{keyword}' is an invalid keyword argument for isclose()")),
            };
            let val = self.value_of(thing)?;
            tolerances[position] = self.real(&val)?;
        }
        let positional = CallArguments { positional: arguments.positional, keywords: Vec::new() };
        let vals = self.plain_arguments("isclose", positional)?;
        let [a, b] = vals.as_slice() else {
            return self.clash(format!("isclose expected 2 arguments, got {}", vals.len()));
        };
        let (a, b) = (self.real(a)?, self.real(b)?);
        let [relative, absolute] = &tolerances;
        Ok(self.prim(Prim::MathIsclose, &[&a, &b, relative, absolute]))
    }

    /// `math.prod(iterable, start=1)`.
    pub fn prod(&mut self, call: &'p ast::ExprCall) -> Lowered<Val> {
        let Arguments { positional: [iterable], keywords: [start] } = self.arguments(call, "prod", ["start"])? else {
            return self.fail_at(call, "wrong-arguments", "`prod` takes one iterable", None);
        };
        let source = self.iterable(iterable)?;
        let start = match start {
            Some(start) => self.expr(start)?,
            None => self.literal(Const::Int(1)),
        };
        self.at_call(call);
        let start = Val { known: None, ..start };
        self.accumulate(source, start, &mut |lowerer, total, item| lowerer.binary(Operator::Mult, &total, &item, false))
    }
}
