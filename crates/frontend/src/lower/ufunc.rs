//! The elementwise functions of `numpy`: which there are, the types they give, and what they do with an element. On
//! scalars they give NumPy scalars, on arrays they become part of the loops of `elementwise`.

use ir::{Elem, Op, Prim, Type};

use super::elementwise::{Node, Step};
use super::number::is_number;
use super::{Lowered, Lowerer, Stop, Val};
use crate::parse::ast::{CmpOp, Operator, UnaryOp};
use crate::shape::python_name;

/// How a function treats the types of its arguments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// Computes in floats: ints become floats.
    Floats,
    /// A test of a float: gives bools.
    Test,
    /// Keeps the common type of its arguments.
    Same,
    /// Rounds floats; ints stay as they are.
    Round,
    /// Bools of the truth of its arguments.
    Logic,
    /// `where`: a condition and two values of a common type.
    Where,
}

/// A row of the table.
#[derive(Debug)]
pub struct Function {
    pub name: &'static str,
    params: usize,
    kind: Kind,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Prim(Prim),
    Operator(Operator),
    Compare(CmpOp),
    Unary(UnaryOp),
    Special(Special),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Special {
    Absolute,
    Sign,
    Square,
    Reciprocal,
    Maximum,
    Minimum,
    Fmax,
    Fmin,
    And,
    Or,
    Xor,
    Not,
    Where,
    Signbit,
}

const fn prim(name: &'static str, prim: Prim) -> Function {
    Function { name, params: 1, kind: Kind::Floats, what: What::Prim(prim) }
}

const fn special(name: &'static str, params: usize, kind: Kind, special: Special) -> Function {
    Function { name, params, kind, what: What::Special(special) }
}

const fn operator(name: &'static str, op: Operator) -> Function {
    Function { name, params: 2, kind: Kind::Same, what: What::Operator(op) }
}

const fn compare(name: &'static str, op: CmpOp) -> Function {
    Function { name, params: 2, kind: Kind::Same, what: What::Compare(op) }
}

const FUNCTIONS: &[Function] = &[
    special("abs", 1, Kind::Same, Special::Absolute),
    special("absolute", 1, Kind::Same, Special::Absolute),
    operator("add", Operator::Add),
    prim("arccos", Prim::IeeeAcos),
    prim("acos", Prim::IeeeAcos),
    prim("arccosh", Prim::IeeeAcosh),
    prim("arcsin", Prim::IeeeAsin),
    prim("asin", Prim::IeeeAsin),
    prim("arcsinh", Prim::MathAsinh),
    prim("arctan", Prim::MathAtan),
    prim("atan", Prim::MathAtan),
    Function { name: "arctan2", params: 2, kind: Kind::Floats, what: What::Prim(Prim::MathAtan2) },
    Function { name: "atan2", params: 2, kind: Kind::Floats, what: What::Prim(Prim::MathAtan2) },
    prim("arctanh", Prim::IeeeAtanh),
    operator("bitwise_and", Operator::BitAnd),
    Function { name: "bitwise_not", params: 1, kind: Kind::Same, what: What::Unary(UnaryOp::Invert) },
    operator("bitwise_or", Operator::BitOr),
    operator("bitwise_xor", Operator::BitXor),
    prim("cbrt", Prim::MathCbrt),
    Function { name: "ceil", params: 1, kind: Kind::Round, what: What::Prim(Prim::IeeeCeil) },
    Function { name: "copysign", params: 2, kind: Kind::Floats, what: What::Prim(Prim::MathCopysign) },
    prim("cos", Prim::IeeeCos),
    prim("cosh", Prim::IeeeCosh),
    prim("deg2rad", Prim::MathRadians),
    prim("degrees", Prim::MathDegrees),
    operator("divide", Operator::Div),
    compare("equal", CmpOp::Eq),
    prim("exp", Prim::IeeeExp),
    prim("exp2", Prim::IeeeExp2),
    prim("expm1", Prim::IeeeExpm1),
    special("fabs", 1, Kind::Floats, Special::Absolute),
    Function { name: "floor", params: 1, kind: Kind::Round, what: What::Prim(Prim::IeeeFloor) },
    operator("floor_divide", Operator::FloorDiv),
    special("fmax", 2, Kind::Same, Special::Fmax),
    special("fmin", 2, Kind::Same, Special::Fmin),
    compare("greater", CmpOp::Gt),
    compare("greater_equal", CmpOp::GtE),
    Function { name: "hypot", params: 2, kind: Kind::Floats, what: What::Prim(Prim::MathHypot) },
    Function { name: "invert", params: 1, kind: Kind::Same, what: What::Unary(UnaryOp::Invert) },
    Function { name: "isfinite", params: 1, kind: Kind::Test, what: What::Prim(Prim::MathIsfinite) },
    Function { name: "isinf", params: 1, kind: Kind::Test, what: What::Prim(Prim::MathIsinf) },
    Function { name: "isnan", params: 1, kind: Kind::Test, what: What::Prim(Prim::MathIsnan) },
    compare("less", CmpOp::Lt),
    compare("less_equal", CmpOp::LtE),
    prim("log", Prim::IeeeLog),
    prim("log10", Prim::IeeeLog10),
    prim("log1p", Prim::IeeeLog1p),
    prim("log2", Prim::IeeeLog2),
    special("logical_and", 2, Kind::Logic, Special::And),
    special("logical_not", 1, Kind::Logic, Special::Not),
    special("logical_or", 2, Kind::Logic, Special::Or),
    special("logical_xor", 2, Kind::Logic, Special::Xor),
    special("maximum", 2, Kind::Same, Special::Maximum),
    special("minimum", 2, Kind::Same, Special::Minimum),
    operator("mod", Operator::Mod),
    operator("multiply", Operator::Mult),
    Function { name: "negative", params: 1, kind: Kind::Same, what: What::Unary(UnaryOp::USub) },
    compare("not_equal", CmpOp::NotEq),
    operator("power", Operator::Pow),
    prim("rad2deg", Prim::MathDegrees),
    prim("radians", Prim::MathRadians),
    special("reciprocal", 1, Kind::Same, Special::Reciprocal),
    operator("remainder", Operator::Mod),
    Function { name: "rint", params: 1, kind: Kind::Floats, what: What::Prim(Prim::IeeeRint) },
    special("sign", 1, Kind::Same, Special::Sign),
    special("signbit", 1, Kind::Test, Special::Signbit),
    prim("sin", Prim::IeeeSin),
    prim("sinh", Prim::IeeeSinh),
    prim("sqrt", Prim::IeeeSqrt),
    special("square", 1, Kind::Same, Special::Square),
    operator("subtract", Operator::Sub),
    prim("tan", Prim::IeeeTan),
    prim("tanh", Prim::MathTanh),
    operator("true_divide", Operator::Div),
    Function { name: "trunc", params: 1, kind: Kind::Round, what: What::Prim(Prim::IeeeTrunc) },
    special("where", 3, Kind::Where, Special::Where),
];

/// The function of this name.
pub fn function_named(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

impl Lowerer<'_, '_> {
    /// `np.name(args)`: a tree when one of them is an array, else a scalar.
    pub fn call_function_of_numpy(&mut self, function: &'static Function, args: Vec<Node>) -> Lowered<Node> {
        if args.len() != function.params {
            let (name, expected, found) = (function.name, function.params, args.len());
            let s = if expected == 1 { "" } else { "s" };
            return self.clash(format!("{name}() takes {expected} positional argument{s} but {found} were given"));
        }
        if args.iter().any(|arg| matches!(arg, Node::Val(val) if val.is_union())) {
            let vals = args.into_iter().map(|arg| self.force(arg)).collect::<Lowered<Vec<Val>>>()?;
            let val = self.dispatch(&vals, &mut |this, vals| {
                let node = this.call_function_of_numpy(function, vals.iter().cloned().map(Node::Val).collect())?;
                this.force(node)
            })?;
            return Ok(Node::Val(val));
        }
        for arg in &args {
            if let Node::Val(val) = arg
                && !(is_number(val.ty()) || matches!(val.ty(), Type::Np(_) | Type::Array { .. }))
            {
                let message = format!("`numpy.{}` of a `{}` cannot be compiled", function.name, python_name(val.ty()));
                return self.fail(
                    "unsupported-argument",
                    message,
                    Some("make it an array with `np.array(...)`".to_owned()),
                );
            }
        }
        let is_array = args.iter().any(|arg| arg.array().is_some());
        if function.kind == Kind::Where && !is_array {
            let help = Some("use `a if condition else b`".to_owned());
            return self.fail(
                "unsupported-argument",
                "`numpy.where` of scalars gives an array without dimensions",
                help,
            );
        }
        match function.what {
            What::Operator(op) if is_array => return self.array_pair(args, |this, a, b| this.array_binary(op, a, b)),
            What::Compare(op) if is_array => return self.array_pair(args, |this, a, b| this.array_compare(op, a, b)),
            What::Unary(op) if is_array => match args.into_iter().next() {
                Some(arg) => return self.array_unary(op, arg),
                None => return Err(Stop::Failed),
            },
            _ => {}
        }
        let args = self.common_arguments(function, args)?;
        let elems: Vec<Elem> = args.iter().filter_map(elem_of).collect();
        let elem = self.result_elem(function, &elems)?;
        if is_array {
            return self.tree(Step::Function(function), args, elem);
        }
        let vals: Vec<Val> = args
            .into_iter()
            .filter_map(|arg| match arg {
                Node::Val(val) => Some(val),
                Node::Tree(_) => None,
            })
            .collect();
        let val = self.apply_function(function, &vals, elem)?;
        Ok(Node::Val(self.as_elem(&val, elem)))
    }

    /// `np.name(val)`.
    pub fn elementwise_named(&mut self, name: &str, val: &Val) -> Lowered<Val> {
        let Some(function) = function_named(name) else { return Err(Stop::Failed) };
        let node = self.call_function_of_numpy(function, vec![Node::Val(val.clone())])?;
        self.force(node)
    }

    fn array_pair(
        &mut self,
        args: Vec<Node>,
        lower: impl FnOnce(&mut Self, Node, Node) -> Lowered<Node>,
    ) -> Lowered<Node> {
        match <[Node; 2]>::try_from(args) {
            Ok([a, b]) => lower(self, a, b),
            Err(_) => Err(Stop::Failed),
        }
    }

    /// Python numbers among the arguments as NumPy scalars: of the type of what they meet, else of their own.
    fn common_arguments(&mut self, function: &Function, args: Vec<Node>) -> Lowered<Vec<Node>> {
        let first = usize::from(function.kind == Kind::Where);
        let strong = args.iter().skip(first).find_map(elem_of);
        let mut out = Vec::new();
        for (position, arg) in args.into_iter().enumerate() {
            let Node::Val(val) = &arg else {
                out.push(arg);
                continue;
            };
            if !is_number(val.ty()) {
                out.push(arg);
                continue;
            }
            let own = match val.ty() {
                Type::Bool => Elem::Bool,
                Type::Int => Elem::I64,
                _ => Elem::F64,
            };
            let elem = match strong {
                Some(strong) if position >= first => super::numpy::adapt(strong, val.ty()),
                _ => own,
            };
            let number = self.np_operand(val, elem)?;
            out.push(Node::Val(self.np_scalar(&number, elem)));
        }
        Ok(out)
    }

    fn result_elem(&mut self, function: &Function, elems: &[Elem]) -> Lowered<Elem> {
        let values = if function.kind == Kind::Where { elems.get(1..).unwrap_or_default() } else { elems };
        let Some(common) = values.iter().copied().reduce(super::numpy::promote) else { return Err(Stop::Failed) };
        let small = common == Elem::Bool || common.size_bytes() == 1;
        match function.kind {
            Kind::Test | Kind::Logic => Ok(Elem::Bool),
            _ if matches!(function.what, What::Compare(_)) => Ok(Elem::Bool),
            Kind::Floats if small => {
                let message = format!(
                    "`numpy.{}` of `{}` gives a `float16`, which cannot be compiled",
                    function.name,
                    common.name()
                );
                self.fail("unsupported-argument", message, Some("convert with `astype(float)` first".to_owned()))
            }
            Kind::Floats if common.is_float() => Ok(common),
            Kind::Floats if common.size_bytes() == 2 => Ok(Elem::F32),
            Kind::Floats => Ok(Elem::F64),
            Kind::Where | Kind::Round => Ok(common),
            Kind::Same => match function.what {
                What::Operator(Operator::Div) if !common.is_float() => Ok(Elem::F64),
                What::Special(Special::Sign | Special::Square | Special::Reciprocal) if common == Elem::Bool => self
                    .fail(
                        "unsupported-argument",
                        format!("`numpy.{}` of bools cannot be compiled", function.name),
                        None,
                    ),
                _ => Ok(common),
            },
        }
    }

    /// The function of elements or scalars, which are NumPy scalars; the result is of type `elem` or is to be converted to
    /// it.
    pub fn apply_function(&mut self, function: &Function, args: &[Val], elem: Elem) -> Lowered<Val> {
        match (function.what, args) {
            (What::Operator(op), [a, b]) => self.np_arithmetic(op, a, b),
            (What::Compare(op), [a, b]) => self.np_compare(op, a, b),
            (What::Unary(op), [a]) => self.np_unary(op, a),
            (What::Prim(_), [a]) if function.kind == Kind::Round && !elem.is_float() => Ok(a.clone()),
            (What::Prim(prim), args) => {
                let mut floats = Vec::new();
                for arg in args {
                    let number = self.python_number(arg);
                    floats.push(self.as_float(&number)?);
                }
                let floats: Vec<&Val> = floats.iter().collect();
                Ok(self.emit(Op::Prim(prim), &floats, prim.result()))
            }
            (What::Special(special), args) => self.apply_special(special, args, elem),
            _ => Err(Stop::Failed),
        }
    }

    fn apply_special(&mut self, special: Special, args: &[Val], elem: Elem) -> Lowered<Val> {
        match (special, args) {
            (Special::Absolute, [a]) if elem.is_float() => {
                let number = self.python_number(a);
                let number = self.as_float(&number)?;
                Ok(self.prim(Prim::FloatAbs, &[&number]))
            }
            (Special::Absolute, [a]) => self.np_absolute(a, elem),
            (Special::Square, [a]) => self.np_arithmetic(Operator::Mult, a, a),
            (Special::Reciprocal, [a]) => {
                let one = self.int(1);
                let one = self.np_scalar(&one, elem);
                let op = if elem.is_float() { Operator::Div } else { Operator::FloorDiv };
                self.np_arithmetic(op, &one, a)
            }
            (Special::Sign, [a]) => self.sign(a, elem),
            (Special::Signbit, [a]) => {
                let one = self.float(1.0);
                let number = self.python_number(a);
                let number = self.as_float(&number)?;
                let signed = self.prim(Prim::MathCopysign, &[&one, &number]);
                let zero = self.float(0.0);
                Ok(self.prim(Prim::FloatLt, &[&signed, &zero]))
            }
            (Special::Maximum | Special::Minimum | Special::Fmax | Special::Fmin, [a, b]) => {
                self.extreme_of_pair(special, a, b, elem)
            }
            (Special::Not, [a]) => {
                let truth = self.truth(a)?;
                Ok(self.not(&truth))
            }
            (Special::And | Special::Or | Special::Xor, [a, b]) => {
                let (a, b) = (self.truth(a)?, self.truth(b)?);
                let (yes, no) = (self.bool(true), self.bool(false));
                Ok(match special {
                    Special::And => self.select(&a, &b, &no),
                    Special::Or => self.select(&a, &yes, &b),
                    _ => {
                        let flipped = self.not(&b);
                        self.select(&a, &flipped, &b)
                    }
                })
            }
            (Special::Where, [cond, a, b]) => {
                let cond = self.truth(cond)?;
                let (a, b) = (self.as_elem(a, elem), self.as_elem(b, elem));
                Ok(self.select(&cond, &a, &b))
            }
            _ => Err(Stop::Failed),
        }
    }

    /// 1, 0 or -1 by the sign; NaN stays.
    fn sign(&mut self, val: &Val, elem: Elem) -> Lowered<Val> {
        let number = self.python_number(val);
        let (above, below, one, minus, zero) = if elem.is_float() {
            let zero = self.float(0.0);
            let (above, below) =
                (self.prim(Prim::FloatGt, &[&number, &zero]), self.prim(Prim::FloatLt, &[&number, &zero]));
            let equal = self.prim(Prim::FloatEq, &[&number, &zero]);
            // Both zeros give 0.0.
            let rest = self.select(&equal, &zero, &number);
            (above, below, self.float(1.0), self.float(-1.0), rest)
        } else {
            let zero = self.int(0);
            let (above, below) = (self.prim(Prim::IntGt, &[&number, &zero]), self.prim(Prim::IntLt, &[&number, &zero]));
            (above, below, self.int(1), self.int(-1), zero)
        };
        let rest = self.select(&below, &minus, &zero);
        Ok(self.select(&above, &one, &rest))
    }

    /// The greater or the less of two; NaN wins in `maximum` and `minimum` and loses in `fmax` and `fmin`.
    fn extreme_of_pair(&mut self, special: Special, a: &Val, b: &Val, elem: Elem) -> Lowered<Val> {
        let (a, b) = (self.as_elem(a, elem), self.as_elem(b, elem));
        let greatest = matches!(special, Special::Maximum | Special::Fmax);
        let op = if greatest { CmpOp::GtE } else { CmpOp::LtE };
        let found = self.np_compare(op, &a, &b)?;
        let first = self.python_number(&found);
        let chosen = self.select(&first, &a, &b);
        if !elem.is_float() {
            return Ok(chosen);
        }
        let propagates = matches!(special, Special::Maximum | Special::Minimum);
        let (subject, replaced, kept) = if propagates { (&a, &a, &chosen) } else { (&b, &a, &chosen) };
        let number = self.python_number(subject);
        let is_nan = self.prim(Prim::MathIsnan, &[&number]);
        Ok(self.select(&is_nan, replaced, kept))
    }
}

fn elem_of(node: &Node) -> Option<Elem> {
    match node {
        Node::Val(val) => match val.ty() {
            Type::Np(elem) | Type::Array { elem, .. } => Some(*elem),
            _ => None,
        },
        Node::Tree(tree) => Some(tree.elem),
    }
}
