//! What of `numpy` itself can be used: constants, types, functions, and the methods of arrays. Elementwise functions are in
//! `ufunc`; the others are written in Python, in `prelude/numpy.py`. This file owns which call goes where; it knows nothing
//! of how an operation is done.

use ir::{Const, Elem, Op, Prim, Type, View};

use super::call::CallArguments;
use super::elementwise::Node;
use super::numpy_names::{
    CONSTANTS, FUNCTIONS, INTERNAL, LATER, METHODS, REDUCTIONS, is_class, may_write, numpy_elem, plain_name,
};
use super::ufunc::{Function, function_named};
use super::value::Static;
use super::{Lowered, Lowerer, Stop, Thing, Val};
use crate::library;
use crate::nearest::nearest;
use crate::parse::ast::{self, Expr, Ranged};
use crate::shape::python_name;

/// The given arguments by the names of the parameters.
#[derive(Clone)]
pub struct Given {
    pub name: String,
    pub params: &'static [&'static str],
    pub things: Vec<Option<Thing>>,
}

impl Given {
    pub fn get(&self, param: &str) -> Option<&Thing> {
        let position = self.params.iter().position(|known| known.trim_end_matches('=') == param)?;
        self.things.get(position)?.as_ref()
    }
}

impl<'p> Lowerer<'_, 'p> {
    pub fn numpy_member(&mut self, name: &str, node: &impl Ranged) -> Lowered<Thing> {
        if let Some((_, value)) = CONSTANTS.iter().find(|(known, _)| *known == name) {
            return Ok(Thing::Val(self.literal(Const::Float(*value))));
        }
        if name == "newaxis" {
            return Ok(Thing::Val(self.none()));
        }
        if name == "linalg" {
            return Ok(Thing::Static(Static::Module("numpy.linalg".to_owned())));
        }
        if LATER.contains(&name) {
            let message = format!("`numpy.{name}` cannot be compiled: it is not yet there");
            let help = match name {
                "random" => "draw the numbers outside and pass them as an argument",
                _ => "use it outside, and pass what it gives as an argument",
            };
            return self.fail_at(node, "unsupported-function", message, Some(help.to_owned()));
        }
        let plain = plain_name(name);
        let internal = INTERNAL.contains(&name) && library::is_library_function(self.function);
        let is_function = REDUCTIONS.contains(&plain) || FUNCTIONS.iter().any(|(known, _)| *known == plain);
        if is_function || internal || is_class(name) || function_named(name).is_some() {
            return Ok(Thing::Static(Static::Member("numpy".to_owned(), name.to_owned())));
        }
        let known = FUNCTIONS.iter().map(|(known, _)| *known).chain(REDUCTIONS.iter().copied());
        let help = nearest(name, known).map(|near| format!("did you mean `numpy.{near}`?"));
        let help = help.or_else(|| Some("loop over the items, or use a function of `math`".to_owned()));
        self.fail_at(node, "unsupported-function", format!("`numpy.{name}` cannot be compiled"), help)
    }

    /// `numpy.linalg.name`.
    pub fn linalg_member(&mut self, name: &str, node: &impl Ranged) -> Lowered<Thing> {
        if let ("LinAlgError", Some(class)) = (name, library::class_named("numpy_linalg", name)) {
            return Ok(Thing::Static(Static::Class(class)));
        }
        let full = format!("linalg.{name}");
        if FUNCTIONS.iter().any(|(known, _)| *known == full) {
            return Ok(Thing::Static(Static::Member("numpy".to_owned(), full)));
        }
        let message = format!("`numpy.linalg.{name}` cannot be compiled: it is not yet there");
        self.fail_at(node, "unsupported-function", message, Some("call it outside and pass the result".to_owned()))
    }

    // Trees.

    /// An expression that may be elementwise: its operators are not computed before all of it is known.
    pub fn node(&mut self, expr: &'p Expr) -> Lowered<Node> {
        self.burn(1)?;
        match expr {
            Expr::BinOp(binary) => {
                let mut failed = false;
                let lowered = self.node(&binary.left);
                let left = self.note_failure(lowered, &mut failed)?;
                let left = match left {
                    Some(tree @ Node::Tree(_)) if may_write(&binary.right) => Some(Node::Val(self.force(tree)?)),
                    left => left,
                };
                let right = self.node(&binary.right)?;
                let Some(left) = left else { return Err(Stop::Failed) };
                self.at(binary);
                self.binary_node(binary.op, left, right)
            }
            Expr::UnaryOp(unary) if unary.op != ast::UnaryOp::Not && !unary.operand.is_number_literal_expr() => {
                let operand = self.node(&unary.operand)?;
                self.at(unary);
                match operand {
                    Node::Val(val) => self.unary(unary.op, &val).map(Node::Val),
                    tree => self.array_unary(unary.op, tree),
                }
            }
            Expr::Compare(compare) => {
                let ([op], [right]) = (&*compare.ops, &*compare.comparators) else {
                    return self.expr(expr).map(Node::Val);
                };
                let is_test = matches!(op, ast::CmpOp::Is | ast::CmpOp::IsNot | ast::CmpOp::In | ast::CmpOp::NotIn);
                if is_test {
                    return self.expr(expr).map(Node::Val);
                }
                let mut left = self.node(&compare.left)?;
                if may_write(right) {
                    left = Node::Val(self.force(left)?);
                }
                let right = self.node(right)?;
                self.at(compare);
                self.compare_node(*op, left, right)
            }
            Expr::Call(call) => match self.elementwise_callee(&call.func)? {
                Some(function) => self.elementwise_call(function, call),
                None => self.expr(expr).map(Node::Val),
            },
            other => self.expr(other).map(Node::Val),
        }
    }

    /// `left op right`, where `op` is not a test such as `in`.
    pub fn compare_node(&mut self, op: ast::CmpOp, left: Node, right: Node) -> Lowered<Node> {
        let is_array = left.array().is_some() || right.array().is_some();
        if left.is_union() || right.is_union() || !is_array {
            let (left, right) = (self.force(left)?, self.force(right)?);
            return self.compare(op, &left, &right).map(Node::Val);
        }
        self.array_compare(op, left, right)
    }

    fn binary_node(&mut self, op: ast::Operator, left: Node, right: Node) -> Lowered<Node> {
        if left.is_union() || right.is_union() {
            let (left, right) = (self.force(left)?, self.force(right)?);
            return self.binary(op, &left, &right, false).map(Node::Val);
        }
        match (left, right) {
            (Node::Val(left), Node::Val(right)) if left.array_elem().is_none() && right.array_elem().is_none() => {
                self.binary(op, &left, &right, false).map(Node::Val)
            }
            (left, right) => self.array_binary(op, left, right),
        }
    }

    /// The elementwise function that a call names.
    pub fn elementwise_callee(&mut self, callee: &'p Expr) -> Lowered<Option<&'static Function>> {
        match callee {
            Expr::Attribute(attribute) => {
                let Expr::Name(name) = &*attribute.value else { return Ok(None) };
                let is_module = self.is_module(name.id.as_str(), "numpy");
                Ok(is_module.then(|| function_named(attribute.attr.as_str())).flatten())
            }
            Expr::Name(name) => Ok(self.member_of_numpy(name.id.as_str()).and_then(|name| function_named(&name))),
            _ => Ok(None),
        }
    }

    /// Whether a name that is no variable stands for this module.
    fn is_module(&self, name: &str, module: &str) -> bool {
        use crate::program::Binding;
        match self.slot(name) {
            Some(slot) => {
                matches!(self.static_of(slot), Some(Static::Module(known)) if known == module)
            }
            None => {
                let source = self.compiler.function(self.function);
                matches!(source.and_then(|source| source.bindings.get(name)), Some(Binding::Module(known)) if known == module)
            }
        }
    }

    fn member_of_numpy(&self, name: &str) -> Option<String> {
        use crate::program::Binding;
        match self.slot(name) {
            Some(slot) => match self.static_of(slot) {
                Some(Static::Member(module, member)) if module == "numpy" => Some(member),
                _ => None,
            },
            None => match self.compiler.function(self.function)?.bindings.get(name)? {
                Binding::Member(module, member) if module == "numpy" => Some(member.clone()),
                _ => None,
            },
        }
    }

    fn elementwise_call(&mut self, function: &'static Function, call: &'p ast::ExprCall) -> Lowered<Node> {
        if let Some(keyword) = call.arguments.keywords.first() {
            let message = format!("`numpy.{}` takes no keyword argument in compiled code", function.name);
            return self.fail_at(keyword, "wrong-arguments", message, None);
        }
        let mut args = Vec::new();
        for (position, arg) in call.arguments.args.iter().enumerate() {
            let mut node = self.node(arg)?;
            if call.arguments.args[position + 1..].iter().any(may_write) {
                node = Node::Val(self.force(node)?);
            }
            let list = match &node {
                Node::Val(val) if matches!(val.ty(), Type::List(_) | Type::Tuple(_) | Type::Range) => Some(val.clone()),
                _ => None,
            };
            if let Some(list) = list {
                self.at_call(call);
                node = Node::Val(self.array_from(&list, None)?);
            }
            args.push(node);
        }
        self.at_call(call);
        if let ("where", [Node::Val(_) | Node::Tree(_)]) = (function.name, args.as_slice()) {
            let Some(condition) = args.into_iter().next() else { return Err(Stop::Failed) };
            let condition = self.force(condition)?;
            return self.nonzero(&condition).map(Node::Val);
        }
        self.call_function_of_numpy(function, args)
    }

    // Calls.

    pub fn call_numpy(&mut self, name: &str, call: &'p ast::ExprCall) -> Lowered<Val> {
        if let Some(function) = function_named(name) {
            let node = self.elementwise_call(function, call)?;
            return self.force(node);
        }
        if matches!(name, "array" | "asarray" | "ascontiguousarray")
            && let [Expr::List(list)] = &*call.arguments.args
        {
            return self.array_display(name, list, call);
        }
        if let ("block", [Expr::List(list)]) = (name, &*call.arguments.args) {
            return self.block_display(list);
        }
        let joins = matches!(name, "concatenate" | "stack" | "vstack" | "hstack" | "column_stack");
        let arguments = match &*call.arguments.args {
            [Expr::List(list), rest @ ..] if joins => self.joined_arguments(list, rest, call)?,
            _ => self.call_arguments(call)?,
        };
        self.at_call(call);
        if let Some(elem) = numpy_elem(name) {
            let vals = self.plain_arguments(name, arguments)?;
            return match vals.as_slice() {
                [] => {
                    let zero = self.int(0);
                    Ok(self.np_scalar(&zero, elem))
                }
                [val] if val.array_elem().is_some() => {
                    let node = self.array_cast(Node::Val(val.clone()), elem)?;
                    self.force(node)
                }
                [val] => self.as_element(val, elem),
                _ => self.fail("wrong-arguments", format!("`numpy.{name}` takes one argument"), None),
            };
        }
        self.call_numpy_with(name, arguments)
    }

    /// The arguments of `concatenate([a, b])`: the arrays need no list, and may be of different types.
    fn joined_arguments(
        &mut self,
        list: &'p ast::ExprList,
        rest: &'p [Expr],
        call: &'p ast::ExprCall,
    ) -> Lowered<CallArguments> {
        let items = self.exprs(&list.elts)?;
        let mut positional = vec![Thing::Val(self.tuple(&items))];
        for arg in rest {
            positional.push(self.thing(arg)?);
        }
        let mut keywords = Vec::new();
        for keyword in &call.arguments.keywords {
            let Some(name) = &keyword.arg else {
                return self.fail_at(keyword, "unsupported-argument", "`**` in a call cannot be compiled", None);
            };
            keywords.push((name.to_string(), self.thing(&keyword.value)?));
        }
        Ok(CallArguments { positional, keywords })
    }

    /// `np.array([...])`: the items need no list.
    fn array_display(&mut self, name: &str, list: &'p ast::ExprList, call: &'p ast::ExprCall) -> Lowered<Val> {
        let mut rows = Vec::new();
        for item in &list.elts {
            rows.push(match item {
                Expr::List(inner) => {
                    let items = self.exprs(&inner.elts)?;
                    self.tuple(&items)
                }
                Expr::Starred(_) => {
                    return self.fail_at(
                        item,
                        "unsupported-expression",
                        format!("`*` in `{name}` cannot be compiled"),
                        None,
                    );
                }
                other => self.expr(other)?,
            });
        }
        let elem = match &*call.arguments.keywords {
            [] => None,
            [keyword] if keyword.arg.as_ref().is_some_and(|arg| arg.as_str() == "dtype") => {
                let thing = self.thing(&keyword.value)?;
                self.dtype_of(Some(&thing))?
            }
            [keyword, ..] => {
                return self.fail_at(keyword, "wrong-arguments", format!("`{name}` takes `dtype` only"), None);
            }
        };
        self.at_call(call);
        self.array_of_items(&rows, elem)
    }

    /// The element type that an argument names; `None` when there is none.
    pub fn dtype_of(&mut self, thing: Option<&Thing>) -> Lowered<Option<Elem>> {
        let elem = match thing {
            None => return Ok(None),
            Some(Thing::Static(Static::Absent)) => return Ok(None),
            Some(Thing::Val(val)) if *val.ty() == Type::None => return Ok(None),
            Some(Thing::Val(val)) => val.known_str().and_then(|text| numpy_elem(&text)),
            Some(Thing::Static(Static::Builtin("float"))) => Some(Elem::F64),
            Some(Thing::Static(Static::Builtin("int"))) => Some(Elem::I64),
            Some(Thing::Static(Static::Builtin("bool"))) => Some(Elem::Bool),
            Some(Thing::Static(Static::Member(module, name))) if module == "numpy" => numpy_elem(name),
            Some(Thing::Static(_)) => None,
        };
        match elem {
            Some(elem) => Ok(Some(elem)),
            None => self.fail("unsupported-argument", "this is not an element type that can be compiled", None),
        }
    }

    /// A function with its arguments evaluated.
    pub fn call_numpy_with(&mut self, name: &str, arguments: CallArguments) -> Lowered<Val> {
        let plain = plain_name(name).to_owned();
        if INTERNAL.contains(&name) {
            let vals = self.plain_arguments(name, arguments)?;
            return self.call_internal(name, &vals);
        }
        if REDUCTIONS.contains(&plain.as_str()) {
            let sums = matches!(plain.as_str(), "sum" | "prod" | "cumsum" | "cumprod");
            let params: &[&str] = match sums {
                true => &["a", "axis=", "dtype=", "keepdims="],
                false => &["a", "axis=", "ddof=", "keepdims="],
            };
            let given = self.match_given(&plain, params, arguments)?;
            let dtype = if sums { self.given_dtype(&given)? } else { None };
            let Some(Thing::Val(subject)) = given.get("a").cloned() else {
                return self.fail("wrong-arguments", format!("`numpy.{name}` needs an array"), None);
            };
            let (axis, ddof) = (given.get("axis").cloned(), given.get("ddof").cloned());
            let keeps = match given.get("keepdims") {
                None => false,
                Some(Thing::Val(val)) if val.known_bool().is_some() => val.known_bool() == Some(true),
                Some(_) => {
                    return self.fail("unsupported-argument", "`keepdims` must be a literal in compiled code", None);
                }
            };
            return self.each_variant(&subject, &mut |this, subject| {
                let mut array = this.as_array(&subject)?;
                if let (Some(elem), Some(own)) = (dtype, array.array_elem()) {
                    if !plain.starts_with("cum") && own.is_float() && own != elem {
                        let message = "floats can only be added up as what they are in compiled code";
                        return this.fail(
                            "unsupported-argument",
                            message,
                            Some("convert with `astype` first".to_owned()),
                        );
                    }
                    array = this.cast_to(&array, elem)?;
                }
                let reduced = this.reduction(&plain, &array, axis.as_ref(), ddof.as_ref())?;
                match keeps {
                    true => this.with_kept_axes(&array, axis.as_ref(), &reduced),
                    false => Ok(reduced),
                }
            });
        }
        let Some((_, params)) = FUNCTIONS.iter().find(|(known, _)| *known == plain) else {
            return self.fail("unsupported-function", format!("`numpy.{name}` cannot be called here"), None);
        };
        let given = self.match_given(&plain, params, arguments)?;
        self.call_given(&given)
    }

    /// Arguments by the names of the parameters.
    fn match_given(&mut self, name: &str, params: &'static [&'static str], arguments: CallArguments) -> Lowered<Given> {
        let mut things: Vec<Option<Thing>> = arguments.positional.into_iter().map(Some).collect();
        if things.len() > params.len() {
            let (most, found) = (params.len(), things.len());
            return self.clash(format!("{name}() takes at most {most} arguments but {found} were given"));
        }
        things.resize_with(params.len(), || None);
        for (keyword, thing) in arguments.keywords {
            let position = params.iter().position(|param| param.trim_end_matches('=') == keyword);
            match position {
                Some(position) if things[position].is_none() => things[position] = Some(thing),
                Some(_) => {
                    return self.clash(format!("{name}() got multiple values for argument '{keyword}'"));
                }
                None => {
                    let message = format!("`{name}` does not take the keyword argument `{keyword}` in compiled code");
                    let known = params.iter().map(|param| format!("`{}`", param.trim_end_matches('=')));
                    let help = format!("it takes {}", known.collect::<Vec<_>>().join(", "));
                    return self.fail("wrong-arguments", message, Some(help));
                }
            }
        }
        for (param, thing) in params.iter().zip(&things) {
            if thing.is_none() && !param.ends_with('=') {
                return self.clash(format!("{name}() missing required argument '{param}'"));
            }
        }
        Ok(Given { name: name.to_owned(), params, things })
    }

    /// An argument that stands for an array: sequences are made one.
    pub fn as_array(&mut self, val: &Val) -> Lowered<Val> {
        match val.ty() {
            Type::Array { .. } => Ok(val.clone()),
            Type::List(_) | Type::Tuple(_) | Type::Range => self.array_from(val, None),
            Type::Np(_) => self.array_of_items(std::slice::from_ref(val), None),
            ty => {
                let message = format!("this takes an array, not a `{}`", python_name(ty));
                self.fail("unsupported-argument", message, None)
            }
        }
    }

    pub fn given_val(&mut self, given: &Given, param: &str) -> Lowered<Val> {
        match given.get(param) {
            Some(thing) => self.value_of(thing.clone()),
            None => Ok(self.none()),
        }
    }

    pub fn given_array(&mut self, given: &Given, param: &str) -> Lowered<Val> {
        let val = self.given_val(given, param)?;
        self.as_array(&val)
    }

    fn given_dtype(&mut self, given: &Given) -> Lowered<Option<Elem>> {
        self.dtype_of(given.get("dtype"))
    }

    fn call_given(&mut self, given: &Given) -> Lowered<Val> {
        let may_be_array = |thing: &Option<Thing>| match thing {
            Some(Thing::Val(val)) if val.ty().variants().iter().any(|ty| matches!(ty, Type::Array { .. })) => {
                val.is_union().then(|| val.clone())
            }
            _ => None,
        };
        let found = given.things.iter().enumerate().find_map(|(index, thing)| Some((index, may_be_array(thing)?)));
        if let Some((index, val)) = found {
            return self.each_variant(&val, &mut |this, val| {
                let mut given = given.clone();
                given.things[index] = Some(Thing::Val(val));
                this.call_given(&given)
            });
        }
        if let Some(val) = self.numpy_by_flags(given)? {
            return Ok(val);
        }
        match given.name.as_str() {
            "zeros" | "ones" | "empty" | "full" => self.filled(given),
            "zeros_like" | "ones_like" | "empty_like" | "full_like" => self.filled_like(given),
            "array" | "copy" => {
                let object = self.given_val(given, if given.name == "array" { "object" } else { "a" })?;
                let elem = self.given_dtype(given)?;
                self.each_variant(&object, &mut |this, object| this.array_from(&object, elem))
            }
            "asarray" | "ascontiguousarray" => {
                let object = self.given_val(given, "object")?;
                let elem = self.given_dtype(given)?;
                let kept = object.array_elem().is_some_and(|own| elem.is_none_or(|elem| elem == own));
                if kept && given.name == "asarray" { Ok(object) } else { self.array_from(&object, elem) }
            }
            "shape" | "ndim" | "size" => self.shape_question(given),
            "conj" | "conjugate" | "real" => {
                let val = self.given_val(given, "a")?;
                self.each_variant(&val, &mut |lowerer, val| match val.ty() {
                    Type::Array { .. } if given.name == "real" => Ok(val),
                    Type::Array { .. } => lowerer.copy_of(&val),
                    Type::Np(_) => Ok(val),
                    _ => {
                        let message = format!("`numpy.{}` is compiled for arrays", given.name);
                        lowerer.fail("unsupported-argument", message, None)
                    }
                })
            }
            "iscomplexobj" | "isrealobj" => Ok(self.bool(given.name == "isrealobj")),
            name if name.starts_with("linalg.") && name != "linalg.norm" => {
                let array = self.given_array(given, "a")?;
                if array.array_elem() == Some(Elem::F32) {
                    let message = format!("`numpy.{name}` of `float32` cannot be compiled");
                    return self.fail("unsupported-argument", message, Some("convert with `astype(float)`".to_owned()));
                }
                self.library_call(given)
            }
            "arange" => self.arange(given),
            "linspace" => self.linspace(given),
            "eye" | "identity" => {
                let rows = self.given_val(given, if given.name == "eye" { "N" } else { "n" })?;
                let rows = self.as_index(&rows)?;
                let columns = match given.get("M") {
                    Some(Thing::Val(val)) if *val.ty() != Type::None => self.as_index(val)?,
                    _ => rows.clone(),
                };
                let elem = self.given_dtype(given)?.unwrap_or(Elem::F64);
                let array = self.new_array(elem, &[rows, columns]);
                self.numpy_library("set_diagonal", &[&array])?;
                Ok(array)
            }
            "reshape" => {
                let array = self.given_array(given, "a")?;
                let shape = self.given_val(given, "shape")?;
                self.reshape(&array, &[shape])
            }
            "ravel" => {
                let array = self.given_array(given, "a")?;
                self.ravel(&array)
            }
            "transpose" => {
                let array = self.given_array(given, "a")?;
                Ok(self.transposed(&array))
            }
            "dot" | "matmul" | "inner" | "vdot" => {
                let (a, b) = (self.given_array(given, "a")?, self.given_array(given, "b")?);
                match given.name.as_str() {
                    "inner" | "vdot" if !(is_line(&a) && is_line(&b)) => {
                        self.fail("unsupported-argument", "this is compiled for arrays of one dimension", None)
                    }
                    "matmul" => self.product_of_arrays("matmul", &a, &b),
                    _ => self.product_of_arrays("dot", &a, &b),
                }
            }
            "concatenate" | "stack" | "vstack" | "hstack" | "column_stack" => self.joined(given),
            "clip" => self.clip(given),
            "nonzero" => {
                let array = self.given_array(given, "a")?;
                self.nonzero(&array)
            }
            "round" => self.rounded(given),
            "append" => {
                let (first, second) = (self.given_array(given, "arr")?, self.given_val(given, "values")?);
                let second = match second.ty() {
                    Type::Array { .. } | Type::List(_) | Type::Tuple(_) => self.as_array(&second)?,
                    _ => self.array_of_items(&[second], None)?,
                };
                let (first, second) = (self.ravel(&first)?, self.ravel(&second)?);
                let elems = [first.array_elem(), second.array_elem()];
                let Some(elem) = elems.into_iter().flatten().reduce(super::numpy::promote) else {
                    return Err(Stop::Failed);
                };
                let (first, second) = (self.cast_to(&first, elem)?, self.cast_to(&second, elem)?);
                self.numpy_library("join_lines", &[&first, &second])
            }
            _ => self.library_call(given),
        }
    }

    /// A function of the library with its arguments in order; arrays decide which one.
    pub fn library_call(&mut self, given: &Given) -> Lowered<Val> {
        let mut things = Vec::new();
        let mut suffix = String::new();
        for (param, thing) in given.params.iter().zip(&given.things) {
            if matches!(*param, "axis=" | "kind=" | "keepdims=") {
                continue;
            }
            match thing {
                None => things.push(Thing::Static(Static::Absent)),
                Some(Thing::Val(val)) if matches!(val.ty(), Type::List(_) | Type::Tuple(_) | Type::Range) => {
                    things.push(Thing::Val(self.array_from(val, None)?));
                }
                Some(thing) => things.push(thing.clone()),
            }
            if let Some(Thing::Val(val)) = things.last()
                && let Type::Array { ndim, .. } = val.ty()
            {
                suffix.push_str(&format!("_{ndim}"));
            }
        }
        let base = given.name.rsplit('.').next().unwrap_or_default();
        let first = things.first().cloned();
        if let (Some(axis), Some(Thing::Val(array))) = (given.get("axis").cloned(), &first)
            && let Some(axis) = self.axis_of(array, Some(&axis))?
        {
            let name = format!("{base}_axis{axis}");
            if library_function(&name).is_some() && !is_line(array) {
                return self.numpy_library_things(&name, things);
            }
            if is_matrix(array) && !(axis == 1 && matches!(base, "sort" | "argsort" | "diff" | "flip")) {
                return self.fail("unsupported-argument", format!("`{base}` along this axis cannot be compiled"), None);
            }
        }
        for name in [format!("{base}{suffix}"), base.to_owned()] {
            if library_function(&name).is_some() {
                return self.numpy_library_things(&name, things);
            }
        }
        self.fail("unsupported-argument", format!("`numpy.{base}` cannot be compiled for these arguments"), None)
    }

    // The library.

    /// A function of the library's `numpy` with values.
    pub fn numpy_library(&mut self, name: &str, vals: &[&Val]) -> Lowered<Val> {
        self.numpy_library_things(name, vals.iter().map(|val| Thing::Val((*val).clone())).collect())
    }

    pub fn numpy_library_things(&mut self, name: &str, things: Vec<Thing>) -> Lowered<Val> {
        let Some(function) = library_function(name) else {
            let message = "this cannot be compiled for arrays of these dimensions".to_owned();
            return self.fail("unsupported-argument", message, None);
        };
        self.call_program_function(function, CallArguments { positional: things, keywords: Vec::new() })
    }

    fn call_internal(&mut self, name: &str, vals: &[Val]) -> Lowered<Val> {
        match (name, vals) {
            ("_is_flat", [array]) => Ok(self.emit(Op::ArrayIsFlat, &[array], Type::Bool)),
            ("_flat", [array, length]) => Ok(self.view(View::Flat, array, std::slice::from_ref(length), 1)),
            ("_fold", [array, rows, columns]) => Ok(self.view(View::Fold, array, &[rows.clone(), columns.clone()], 2)),
            ("_fused", [_, _, _]) => {
                let mut floats = Vec::new();
                for val in vals {
                    let number = self.python_number(val);
                    floats.push(self.as_float(&number)?);
                }
                let fused = self.prim(Prim::FloatFused, &floats.iter().collect::<Vec<_>>());
                Ok(self.np_scalar(&fused, Elem::F64))
            }
            ("_stride", [array, axis]) => match axis.known_int() {
                Some(axis @ 0..=1) => Ok(self.emit(Op::ArrayStride(axis as u8), &[array], Type::Int)),
                _ => Err(Stop::Failed),
            },
            _ => Err(Stop::Failed),
        }
    }

    // Axes.

    /// The axis that an argument names: `None` for all elements.
    fn axis_of(&mut self, array: &Val, axis: Option<&Thing>) -> Lowered<Option<u8>> {
        let Type::Array { ndim, .. } = *array.ty() else { return Err(Stop::Failed) };
        let val = match axis {
            None => return Ok(None),
            Some(thing) => self.value_of(thing.clone())?,
        };
        if *val.ty() == Type::None {
            return Ok(None);
        }
        let Some(known) = val.known_int() else {
            return self.fail(
                "unsupported-argument",
                "`axis` must be a literal in compiled code",
                Some("write `axis=0` or `axis=1`".to_owned()),
            );
        };
        let positive = if known < 0 { known + i64::from(ndim) } else { known };
        match u8::try_from(positive) {
            Ok(axis) if axis < ndim => Ok(Some(axis)),
            // An error that is a `ValueError` and an `IndexError` at once, which a class here cannot be.
            _ => self.fail(
                "unsupported-argument",
                format!("axis {known} is out of bounds for array of dimension {ndim}"),
                Some("name an axis that the array has".to_owned()),
            ),
        }
    }

    fn reduction(&mut self, name: &str, array: &Val, axis: Option<&Thing>, ddof: Option<&Thing>) -> Lowered<Val> {
        let Type::Array { elem, ndim } = *array.ty() else { return Err(Stop::Failed) };
        let axis = self.axis_of(array, axis)?;
        let mut subject = array.clone();
        // Sums of small ints are made in 64 bits; means of ints in floats.
        let wide = match elem {
            Elem::Bool | Elem::I8 | Elem::I16 | Elem::I32 => Elem::I64,
            Elem::U8 | Elem::U16 | Elem::U32 => Elem::U64,
            other => other,
        };
        let is_wide = matches!(name, "sum" | "prod" | "cumsum" | "cumprod");
        let is_mean = matches!(name, "mean" | "var" | "std");
        if is_wide && wide != elem {
            subject = self.cast_to(&subject, wide)?;
        }
        let kind = match subject.array_elem() {
            Some(elem) if elem.is_float() => "float",
            _ => "int",
        };
        let base = match name {
            "sum" | "prod" | "mean" | "var" | "std" | "cumsum" | "cumprod" => format!("{name}_{kind}"),
            "min" | "max" | "argmin" | "argmax" if kind == "float" => format!("{name}_float"),
            "min" | "max" | "argmin" | "argmax" => format!("{name}_int"),
            _ => name.to_owned(),
        };
        let suffix = match (ndim, axis) {
            (1, _) => "",
            (_, None) => "_all",
            (_, Some(0)) => "_axis0",
            (_, Some(_)) => "_axis1",
        };
        let mut things = vec![Thing::Val(subject)];
        if is_mean && name != "mean" {
            things.push(match ddof {
                Some(thing) => thing.clone(),
                None => Thing::Val(self.int(0)),
            });
        } else if ddof.is_some() {
            return self.fail("wrong-arguments", format!("`{name}` does not take `ddof`"), None);
        }
        self.numpy_library_things(&format!("{base}{suffix}"), things)
    }

    /// The result of a reduction with the axes of the array, which have length 1.
    pub fn with_kept_axes(&mut self, array: &Val, axis: Option<&Thing>, reduced: &Val) -> Lowered<Val> {
        let axis = self.axis_of(array, axis)?;
        let line = match reduced.array_elem() {
            Some(_) => reduced.clone(),
            None => self.array_of_items(std::slice::from_ref(reduced), None)?,
        };
        if is_line(array) {
            return Ok(line);
        }
        let (length, one) = (self.array_length(&line, 0), self.int(1));
        let lengths = if axis == Some(1) { [length, one] } else { [one, length] };
        Ok(self.view(View::Fold, &line, &lengths, 2))
    }

    /// The array with this element type: itself, when it has it.
    pub fn cast_to(&mut self, array: &Val, elem: Elem) -> Lowered<Val> {
        if array.array_elem() == Some(elem) {
            return Ok(array.clone());
        }
        let node = self.array_cast(Node::Val(array.clone()), elem)?;
        self.force(node)
    }

    // New arrays.

    /// A shape argument: a length, or a tuple of one or two.
    pub fn shape_lengths(&mut self, val: &Val) -> Lowered<Vec<Val>> {
        let lengths = match val.ty() {
            Type::Tuple(items) if (1..=2).contains(&items.len()) => self.fields(val),
            Type::Tuple(_) | Type::List(_) | Type::Array { .. } => {
                return self.fail("unsupported-argument", "only arrays of one or two dimensions can be compiled", None);
            }
            _ => vec![val.clone()],
        };
        let mut ints = Vec::new();
        for length in &lengths {
            ints.push(self.as_index(length)?);
        }
        Ok(ints)
    }

    fn filled(&mut self, given: &Given) -> Lowered<Val> {
        let shape = self.given_val(given, "shape")?;
        let lengths = self.shape_lengths(&shape)?;
        let elem = self.given_dtype(given)?;
        self.filled_with(given, lengths, elem)
    }

    fn filled_like(&mut self, given: &Given) -> Lowered<Val> {
        let like = self.given_array(given, "a")?;
        let elem = self.given_dtype(given)?.or(like.array_elem());
        let lengths = self.lengths_of(&Node::Val(like));
        self.filled_with(given, lengths, elem)
    }

    fn filled_with(&mut self, given: &Given, lengths: Vec<Val>, elem: Option<Elem>) -> Lowered<Val> {
        let value = match given.name.as_str() {
            "ones" | "ones_like" => self.int(1),
            "full" | "full_like" => self.given_val(given, "fill_value")?,
            _ => return Ok(self.new_array(elem.unwrap_or(Elem::F64), &lengths)),
        };
        let own = match value.ty() {
            Type::Bool => Some(Elem::Bool),
            Type::Int if given.name == "full" => Some(Elem::I64),
            Type::Np(elem) | Type::Array { elem, .. } => Some(*elem),
            _ => None,
        };
        let array = self.new_array(elem.or(own).unwrap_or(Elem::F64), &lengths);
        self.store_in_view(&array, Node::Val(value))?;
        Ok(array)
    }

    fn arange(&mut self, given: &Given) -> Lowered<Val> {
        let start = self.given_val(given, "start")?;
        let stop = self.given_val(given, "stop")?;
        let step = self.given_val(given, "step")?;
        let (start, stop) = if *stop.ty() == Type::None { (self.int(0), start) } else { (start, stop) };
        let step = if *step.ty() == Type::None { self.int(1) } else { step };
        let all = [start, stop, step];
        let mut plain = Vec::new();
        for val in &all {
            plain.push(match val.ty() {
                Type::Np(_) => self.python_number(val),
                Type::Bool | Type::Int | Type::Float => val.clone(),
                _ => return self.fail("unsupported-argument", "`arange` takes numbers", None),
            });
        }
        let all_ints = plain.iter().all(|val| matches!(val.ty(), Type::Int | Type::Bool));
        let made = if all_ints {
            let mut ints = Vec::new();
            for val in &plain {
                ints.push(self.as_int(val)?);
            }
            let ints: Vec<&Val> = ints.iter().collect();
            self.numpy_library("arange_int", &ints)?
        } else {
            let mut floats = Vec::new();
            for val in &plain {
                floats.push(self.as_float(val)?);
            }
            let floats: Vec<&Val> = floats.iter().collect();
            self.numpy_library("arange_float", &floats)?
        };
        match self.given_dtype(given)? {
            Some(elem) => self.cast_to(&made, elem),
            None => Ok(made),
        }
    }

    fn linspace(&mut self, given: &Given) -> Lowered<Val> {
        let mut bounds = Vec::new();
        for param in ["start", "stop"] {
            let val = self.given_val(given, param)?;
            let number = self.python_number(&val);
            match number.ty() {
                Type::Bool | Type::Int | Type::Float => bounds.push(self.as_float(&number)?),
                _ => return self.fail("unsupported-argument", "`linspace` takes numbers", None),
            }
        }
        let num = self.given_val(given, "num")?;
        bounds.push(if *num.ty() == Type::None { self.int(50) } else { self.as_index(&num)? });
        let endpoint = self.given_val(given, "endpoint")?;
        bounds.push(if *endpoint.ty() == Type::None { self.bool(true) } else { self.truth(&endpoint)? });
        let args: Vec<&Val> = bounds.iter().collect();
        self.numpy_library("linspace", &args)
    }

    // Elements.

    fn clip(&mut self, given: &Given) -> Lowered<Val> {
        let mut val = self.given_val(given, "a")?;
        for (param, name) in [("a_min", "maximum"), ("a_max", "minimum")] {
            let bound = self.given_val(given, param)?;
            let bound = self.clip_bound(&val, bound, param == "a_min")?;
            let Some(function) = function_named(name) else { return Err(Stop::Failed) };
            if *bound.ty() != Type::None {
                let node = self.call_function_of_numpy(function, vec![Node::Val(val), Node::Val(bound)])?;
                val = self.force(node)?;
            }
        }
        Ok(val)
    }

    /// The positions of the elements that are true: an array for each axis.
    fn nonzero(&mut self, val: &Val) -> Lowered<Val> {
        let array = self.as_array(val)?;
        if !is_line(&array) {
            return self.numpy_library("nonzero_2", &[&array]);
        }
        let positions = self.numpy_library("flatnonzero", &[&array])?;
        Ok(self.tuple(&[positions]))
    }

    // Methods.

    pub fn array_method(&mut self, array: &Val, name: &str, arguments: CallArguments) -> Lowered<Val> {
        let whole = |this: &mut Self, mut arguments: CallArguments, name: &str| {
            arguments.positional.insert(0, Thing::Val(array.clone()));
            this.call_numpy_with(name, arguments)
        };
        match name {
            "reshape" => {
                let vals = self.plain_arguments(name, arguments)?;
                self.reshape(array, &vals)
            }
            "astype" => {
                let given = self.match_given(name, &["dtype"], arguments)?;
                let elem = self.given_dtype(&given)?.unwrap_or(Elem::F64);
                let node = self.array_cast(Node::Val(array.clone()), elem)?;
                self.force(node)
            }
            "fill" => {
                let given = self.match_given(name, &["value"], arguments)?;
                let value = self.given_val(&given, "value")?;
                self.store_in_view(array, Node::Val(value))?;
                Ok(self.none())
            }
            "sort" => {
                self.match_given(name, &["axis=", "kind="], arguments)?;
                let sorted = if is_line(array) { "sort_in_place_1" } else { "sort_in_place_2" };
                self.numpy_library(sorted, &[array])
            }
            "flatten" => {
                let line = self.line_of(array)?;
                self.copy_of(&line)
            }
            "item" => {
                self.plain_arguments(name, arguments)?;
                let only = self.numpy_library(if is_line(array) { "only_1" } else { "only_2" }, &[array])?;
                Ok(self.python_number(&only))
            }
            "tolist" => {
                self.plain_arguments(name, arguments)?;
                self.numpy_library(if is_line(array) { "to_list_1" } else { "to_list_2" }, &[array])
            }
            "nonzero" => {
                self.plain_arguments(name, arguments)?;
                self.nonzero(array)
            }
            "conj" | "conjugate" => {
                self.plain_arguments(name, arguments)?;
                Ok(array.clone())
            }
            _ if REDUCTIONS.contains(&name) || METHODS.contains(&name) => whole(self, arguments, name),
            _ => {
                let help = Some("use a function of `numpy`, or loop over the items".to_owned());
                self.fail("unsupported-method", format!("`{name}` of an array cannot be compiled"), help)
            }
        }
    }

    /// `astype` of a NumPy scalar.
    pub fn scalar_astype(&mut self, val: &Val, arguments: CallArguments) -> Lowered<Val> {
        let given = self.match_given("astype", &["dtype"], arguments)?;
        let elem = self.given_dtype(&given)?.unwrap_or(Elem::F64);
        Ok(self.as_elem(val, elem))
    }

    /// Whether any element of an array of bools is true.
    pub fn any_of_array(&mut self, array: &Val) -> Lowered<Val> {
        let found = self.reduction("any", array, None, None)?;
        Ok(self.python_number(&found))
    }

    /// The truth of an array, which must have one element.
    pub fn truth_of_array(&mut self, array: &Val) -> Lowered<Val> {
        let name = if is_line(array) { "truth_1" } else { "truth_2" };
        let truth = self.numpy_library(name, &[array])?;
        Ok(self.python_number(&truth))
    }

    /// `len(...)` of the elements: the product of the lengths.
    pub fn array_size(&mut self, array: &Val) -> Val {
        let lengths = self.lengths_of(&Node::Val(array.clone()));
        let one = self.int(1);
        lengths.into_iter().reduce(|a, b| self.prim(Prim::IntMulWrap, &[&a, &b])).unwrap_or(one)
    }
}

/// The library's function of this name, in the files that make up its `numpy`.
fn library_function(name: &str) -> Option<usize> {
    ["numpy", "numpy_algebra", "numpy_linalg", "numpy_more", "numpy_reduce"]
        .into_iter()
        .find_map(|module| library::function_named(module, name))
}

pub fn is_line(val: &Val) -> bool {
    matches!(val.ty(), Type::Array { ndim: 1, .. })
}

pub fn is_matrix(val: &Val) -> bool {
    matches!(val.ty(), Type::Array { ndim: 2, .. })
}
