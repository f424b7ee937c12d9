//! Expressions: what each kind of syntax evaluates, and in which order. The operations themselves are elsewhere.

use ir::{Const, ExcKind, Op, Type};

use super::elementwise::Node;
use super::numpy_names::may_write;
use super::value::Static;
use super::{Edge, Lowered, Lowerer, Stop, Val, Var};
use crate::library;
use crate::locate::FunctionNode;
use crate::nearest::nearest;
use crate::parse::ast::{self, Expr, Ranged};
use crate::program::Binding;
use crate::shape::{Origin, Shape, python_name};
use crate::specialise::Callable;

/// What an expression can stand for.
#[derive(Clone, Debug)]
pub enum Thing {
    Val(Val),
    Static(Static),
}

impl<'p> Lowerer<'_, 'p> {
    /// The value of an expression.
    pub fn expr(&mut self, expr: &'p Expr) -> Lowered<Val> {
        match self.thing(expr)? {
            Thing::Val(val) => Ok(val),
            Thing::Static(known) => {
                self.at(expr);
                self.function_value(known)
            }
        }
    }

    /// The value of a variable that is about to be assigned.
    pub fn expr_loaded(&mut self, target: &'p Expr) -> Lowered<Val> {
        self.expr(target)
    }

    /// The value of an expression, or what else it stands for.
    pub fn thing(&mut self, expr: &'p Expr) -> Lowered<Thing> {
        self.burn(1)?;
        let lowered = self.thing_inner(expr);
        match lowered {
            // A forbidden operation is reported where it stands, not where its result is used.
            Err(Stop::Clash(_)) => self.settle(lowered),
            other => other,
        }
    }

    fn thing_inner(&mut self, expr: &'p Expr) -> Lowered<Thing> {
        if let Some(fact) = self.known_fact(expr) {
            return Ok(Thing::Val(fact));
        }
        let val = match expr {
            Expr::Name(name) => return self.name(name),
            Expr::Attribute(attribute) => return self.attribute(attribute),
            Expr::Call(call) => return self.call(call),
            Expr::Lambda(lambda) => return self.closure_thing(FunctionNode::Lambda(lambda)),
            Expr::If(cond) => return self.conditional(cond),
            Expr::NumberLiteral(number) => self.number(number, false),
            Expr::BooleanLiteral(literal) => Ok(self.bool(literal.value)),
            Expr::NoneLiteral(_) => Ok(self.none()),
            Expr::StringLiteral(text) => self.text(text.value.to_str(), text),
            Expr::FString(text) => self.fstring(text),
            Expr::BinOp(_) => {
                let node = self.node(expr)?;
                self.force(node)
            }
            Expr::UnaryOp(unary) => self.unary_expr(unary),
            Expr::BoolOp(op) => self.bool_op(op),
            Expr::Compare(compare) => self.compare_expr(compare),
            Expr::Subscript(subscript) => return self.subscript(subscript),
            Expr::Tuple(tuple) => self.tuple_display(&tuple.elts, tuple),
            Expr::List(list) => self.list_display(list, None),
            Expr::ListComp(comp) => self.list_comprehension(comp),
            Expr::Generator(generator) => self.generator_value(generator),
            Expr::Yield(yielded) => self.yield_expr(yielded),
            Expr::YieldFrom(yielded) => self.yield_from(yielded),
            Expr::Named(named) => {
                let val = self.expr(&named.value)?;
                self.assign(&named.target, val.clone())?;
                Ok(val)
            }
            Expr::Dict(dict) => self.dict_display(dict),
            Expr::DictComp(comp) => self.dict_comprehension(comp),
            Expr::Set(set) => self.set_display(set),
            Expr::SetComp(comp) => self.set_comprehension(comp),
            Expr::BytesLiteral(bytes) => {
                let value: Vec<u8> = bytes.value.bytes().collect();
                Ok(self.literal(Const::Bytes(value.into())))
            }
            other => self.unsupported_expr(other),
        };
        val.map(Thing::Val)
    }

    /// Several expressions, in order.
    pub fn exprs(&mut self, items: &'p [Expr]) -> Lowered<Vec<Val>> {
        let mut vals = Vec::with_capacity(items.len());
        let mut failed = false;
        for item in items {
            if let Expr::Starred(starred) = item {
                // `(*t, x)`: the items of a tuple are known.
                let val = self.expr(&starred.value)?;
                match val.ty() {
                    Type::Tuple(_) => vals.extend(self.fields(&val)),
                    _ => {
                        return self.fail_at(
                            item,
                            "unsupported-expression",
                            "only a tuple can be unpacked with `*` in compiled code",
                            None,
                        );
                    }
                }
            } else {
                let lowered = self.expr(item);
                vals.extend(self.note_failure(lowered, &mut failed)?);
            }
        }
        if failed { Err(Stop::Failed) } else { Ok(vals) }
    }

    fn unsupported_expr(&mut self, expr: &'p Expr) -> Lowered<Val> {
        let (what, help) = match expr {
            Expr::Await(_) => ("`await`", None),
            Expr::TString(_) => ("a template string", Some("use an f-string")),
            Expr::EllipsisLiteral(_) => ("`...`", None),
            Expr::Starred(_) => ("`*` here", None),
            Expr::Slice(_) => ("a slice here", None),
            _ => ("this expression", None),
        };
        self.fail_at(expr, "unsupported-expression", format!("{what} cannot be compiled"), help.map(str::to_owned))
    }

    // Literals.

    pub fn number(&mut self, number: &ast::ExprNumberLiteral, negative: bool) -> Lowered<Val> {
        let value = match &number.value {
            ast::Number::Float(value) => Const::Float(*value),
            ast::Number::Int(int) => match (int.as_i64(), int.as_u64()) {
                (Some(value), _) => Const::Int(value),
                // Only as the operand of a minus.
                (None, Some(value)) if negative && value == 1 << 63 => Const::Int(i64::MIN),
                _ => {
                    return self.fail_at(
                        number,
                        "int-too-large",
                        "this number does not fit into the 64 bits that a compiled `int` has",
                        Some("write it as a `float`".to_owned()),
                    );
                }
            },
            ast::Number::Complex { .. } => {
                return self.fail_at(number, "unsupported-expression", "complex numbers cannot be compiled", None);
            }
        };
        Ok(self.literal(value))
    }

    fn text(&mut self, text: &str, node: &impl Ranged) -> Lowered<Val> {
        self.check_text(text, node)?;
        Ok(self.literal(Const::Str(text.into())))
    }

    /// Refuses a literal with a lone surrogate: the parser puts U+FFFD in its place.
    pub fn check_text(&mut self, text: &str, node: &impl Ranged) -> Lowered<()> {
        if text.contains('\u{fffd}') && has_surrogate(self.compiler.text_of(self.place_of(node))) {
            return self.fail_at(node, "unsupported-expression", "a lone surrogate cannot be compiled", None);
        }
        Ok(())
    }

    fn unary_expr(&mut self, unary: &'p ast::ExprUnaryOp) -> Lowered<Val> {
        if let (ast::UnaryOp::USub, Expr::NumberLiteral(number)) = (unary.op, &*unary.operand) {
            let val = self.number(number, true)?;
            if val.known_int() == Some(i64::MIN) {
                return Ok(val);
            }
            self.at(unary);
            return self.unary(unary.op, &val);
        }
        if unary.op == ast::UnaryOp::Not {
            let (holds, fails) = self.condition(&unary.operand)?;
            return self.truth_of_edges(fails, holds);
        }
        match self.node(&unary.operand)? {
            Node::Val(val) => {
                self.at(unary);
                self.unary(unary.op, &val)
            }
            tree => {
                self.at(unary);
                let node = self.array_unary(unary.op, tree)?;
                self.force(node)
            }
        }
    }

    // Names.

    fn name(&mut self, name: &'p ast::ExprName) -> Lowered<Thing> {
        let id = name.id.as_str();
        if let Some(holder) = self.cells_of(id) {
            self.at(name);
            return self.read_cell(&holder, id).map(Thing::Val);
        }
        if let Some(slot) = self.slot(id) {
            self.at(name);
            return self.variable(id, slot);
        }
        match self.compiler.name_around(self.function, id) {
            Some(Some(class)) => return Ok(Thing::Static(Static::Class(class))),
            Some(None) => {
                let message = format!(
                    "`{id}` is a variable of the function around the class, which its methods cannot read here"
                );
                let help = Some("hand it to `__init__`".to_owned());
                return self.fail_at(name, "unsupported-expression", message, help);
            }
            None => {}
        }
        let binding = self.compiler.function(self.function).and_then(|source| source.bindings.get(id));
        if let Some(binding) = binding {
            return self.binding(id, binding, name);
        }
        if let Some(builtin) = super::builtins::known_name(id) {
            return Ok(Thing::Static(Static::Builtin(builtin)));
        }
        if id == "NotImplemented" {
            return Ok(Thing::Val(self.not_implemented()));
        }
        let message = format!("`{id}` is not defined");
        if self.diagnostics.iter().any(|known| known.message == message) {
            // Once for each name is enough.
            return Err(Stop::Failed);
        }
        let help = self.nearest_name(id).map(|near| format!("did you mean `{near}`?"));
        self.fail_at(name, "unknown-name", message, help)
    }

    /// Whether the name stands for the built-in of that name.
    pub fn is_builtin(&self, id: &str) -> bool {
        let bound = self.compiler.function(self.function).is_some_and(|f| f.bindings.contains_key(id));
        self.slot(id).is_none() && !bound
    }

    fn nearest_name(&self, id: &str) -> Option<String> {
        let source = self.compiler.function(self.function);
        let mut names: Vec<&str> = Vec::new();
        for name in super::builtins::names() {
            names.push(name);
        }
        names.extend(self.names.locals.iter().map(String::as_str));
        names.extend(source.into_iter().flat_map(|source| source.bindings.keys()).map(String::as_str));
        nearest(id, names.into_iter())
    }

    fn variable(&mut self, id: &str, slot: usize) -> Lowered<Thing> {
        let Some(env) = self.env() else { return Err(Stop::Dead) };
        match env.var(slot) {
            Var::Bound(val) => Ok(Thing::Val(val)),
            Var::Static(Static::Constant(number)) => Ok(Thing::Val(self.int(number))),
            Var::Static(known) => Ok(Thing::Static(known)),
            Var::Poisoned => Err(Stop::Failed),
            Var::Mixed => self.fail(
                "type-mismatch",
                format!("`{id}` is a function on one path to this place and something else on another"),
                None,
            ),
            // In the library's loops, before types are stable: the code that reads it comes behind what binds it.
            Var::Unbound if library::is_library_function(self.function) => {
                Err(self.raise(ExcKind::UnboundLocalError, id))
            }
            Var::Unbound => self.clash_of(
                ExcKind::UnboundLocalError,
                "unbound-name",
                format!("cannot access local variable '{id}' where it is not associated with a value"),
            ),
            Var::Maybe(val, flag) => {
                let flag = Val::new(flag, Type::Bool);
                let message = format!("cannot access local variable '{id}' where it is not associated with a value");
                self.require(&flag, ExcKind::UnboundLocalError, &message)?;
                self.set_val(slot, val.clone());
                Ok(Thing::Val(val))
            }
        }
    }

    fn binding(&mut self, id: &str, binding: &'p Binding, node: &impl Ranged) -> Lowered<Thing> {
        self.at(node);
        if let Binding::Written(_) = binding
            && let Some(table) = self.table_of_file(id)?
        {
            return Ok(Thing::Val(table));
        }
        self.binding_thing(id, binding)
    }

    /// What a free name or a default stands for.
    pub fn binding_thing(&mut self, id: &str, binding: &'p Binding) -> Lowered<Thing> {
        Ok(match binding {
            Binding::Class(class) => Thing::Static(Static::Class(*class)),
            Binding::Function(function) => Thing::Static(Static::Function(*function)),
            Binding::Capture(index) => Thing::Val(self.read_capture(*index)?),
            Binding::Constant(value) => Thing::Val(self.literal(value.clone())),
            Binding::Tuple(items) => Thing::Val(self.constant_tuple(id, items)?),
            Binding::EnumMember(class, member) => {
                let node = self.range();
                match self.enumeration(*class)? {
                    Some(class) => self.member_named(&class, member, &node)?,
                    None => return self.fail("unsupported-value", format!("`{id}` is no member"), None),
                }
            }
            Binding::Sentinel(number) => Thing::Static(Static::Sentinel(*number)),
            Binding::List(items) => Thing::Val(self.function_list(id, items)?),
            Binding::Table(items) => Thing::Val(self.function_table(id, items)?),
            Binding::Pattern(text, flags) => Thing::Static(Static::Pattern(text.clone(), *flags)),
            Binding::Module(module) => Thing::Static(Static::Module(module.clone())),
            Binding::Member(module, member) => {
                let node = self.range();
                self.member(module, member, &node)?
            }
            Binding::Unsupported(what) | Binding::Written(what) => {
                let message = format!("`{id}` is {what}, which cannot be used in compiled code");
                return self.fail("unsupported-value", message, None);
            }
        })
    }

    /// The items of the tuple of the module around that an expression names.
    pub fn outer_tuple(&self, expr: &'p Expr) -> Option<(&'p str, &'p [Binding])> {
        let Expr::Name(name) = expr else { return None };
        let id = name.id.as_str();
        let is_inside = self.cells_of(id).is_some() || self.slot(id).is_some();
        if is_inside || self.compiler.name_around(self.function, id).is_some() {
            return None;
        }
        match self.compiler.function(self.function)?.bindings.get(id)? {
            Binding::Tuple(items) => Some((id, items)),
            _ => None,
        }
    }

    fn constant_tuple(&mut self, id: &str, items: &'p [Binding]) -> Lowered<Val> {
        let mut vals = Vec::new();
        for item in items {
            let thing = self.binding_thing(id, item)?;
            vals.push(self.value_of(thing)?);
        }
        Ok(self.tuple(&vals))
    }

    // Branching expressions.

    fn conditional(&mut self, cond: &'p ast::ExprIf) -> Lowered<Thing> {
        let (holds, fails) = self.condition(&cond.test)?;
        let mut edges: Vec<(Edge, Val)> = Vec::new();
        let mut statics: Vec<(Edge, Static)> = Vec::new();
        for (side, value) in [(holds, &cond.body), (fails, &cond.orelse)] {
            if self.join(side, None).is_err() {
                continue;
            }
            let lowered = self.thing(value);
            match self.raise_clash(lowered) {
                Ok(Thing::Val(val)) => edges.extend(self.detach().map(|edge| (edge, val))),
                Ok(Thing::Static(known)) => statics.extend(self.detach().map(|edge| (edge, known))),
                Err(Stop::Dead) => {}
                Err(other) => return Err(other),
            }
        }
        match statics.as_slice() {
            [] => self.join_values(edges).map(Thing::Val),
            [(_, first), rest @ ..] if edges.is_empty() && rest.iter().all(|(_, other)| other == first) => {
                let known = first.clone();
                self.join(statics.into_iter().map(|(edge, _)| edge).collect(), None)?;
                Ok(Thing::Static(known))
            }
            _ => {
                for (edge, known) in statics {
                    self.attach(edge);
                    let val = self.function_value(known)?;
                    edges.extend(self.detach().map(|edge| (edge, val)));
                }
                self.at(cond);
                self.join_values(edges).map(Thing::Val)
            }
        }
    }

    /// `a and b`, `a or b`: the value that decides.
    fn bool_op(&mut self, op: &'p ast::ExprBoolOp) -> Lowered<Val> {
        let Some((last, first)) = op.values.split_last() else {
            return self.fail_at(op, "syntax-error", "this expression has no operands", None);
        };
        let mut decided: Vec<(Edge, Val)> = Vec::new();
        for value in first {
            let lowered = self.expr(value);
            let Some(val) = self.if_reached(lowered)? else { return self.join_values(decided) };
            let path = self.path_of(value);
            self.at(value);
            let (holds, fails) = self.split(&val, path.as_ref(), &mut |lowerer, val| lowerer.truth(val))?;
            let (done, open) = if op.op == ast::BoolOp::And { (fails, holds) } else { (holds, fails) };
            decided.extend(done);
            if self.join(open.into_iter().map(|(edge, _)| edge).collect(), None).is_err() {
                return self.join_values(decided);
            }
        }
        let lowered = self.expr(last);
        if let Some(val) = self.if_reached(lowered)? {
            decided.extend(self.detach().map(|edge| (edge, val)));
        }
        self.at(op);
        self.join_values(decided)
    }

    /// `a.dtype == np.float64`; `None` of other comparisons.
    fn compare_dtypes(&mut self, op: ast::CmpOp, left: &'p Expr, right: &'p Expr) -> Lowered<Option<Val>> {
        let is_dtype = |expr: &Expr| matches!(expr, Expr::Attribute(found) if found.attr.as_str() == "dtype");
        if !is_dtype(left) || !matches!(op, ast::CmpOp::Eq | ast::CmpOp::NotEq) {
            return Ok(None);
        }
        let before = self.restart();
        if let Thing::Static(known) = self.thing(left)? {
            let other = self.thing(right)?;
            let (left, right) = (self.dtype_of(Some(&Thing::Static(known)))?, self.dtype_of(Some(&other))?);
            return Ok(Some(self.bool((left == right) == (op == ast::CmpOp::Eq))));
        }
        self.start_again(before);
        Ok(None)
    }

    /// A comparison, chained or not.
    pub fn compare_expr(&mut self, compare: &'p ast::ExprCompare) -> Lowered<Val> {
        if let ([op], [right]) = (&*compare.ops, &*compare.comparators)
            && let Some((holds, fails)) = self.exact_class_condition(*op, &compare.left, right)?
        {
            return self.truth_of_edges(holds, fails);
        }
        if let ([op], [right]) = (&*compare.ops, &*compare.comparators)
            && let Some(same) = self.compare_dtypes(*op, &compare.left, right)?
        {
            return Ok(same);
        }
        let mut left = match (self.node(&compare.left)?, &*compare.ops, &*compare.comparators) {
            (left, [op], [right]) if left.array().is_some() && !is_test(*op) => {
                let left = if may_write(right) { Node::Val(self.force(left)?) } else { left };
                let right = self.node(right)?;
                self.at(compare);
                let node = self.compare_node(*op, left, right)?;
                return self.force(node);
            }
            (left, _, _) => self.force(left)?,
        };
        let mut decided: Vec<(Edge, Val)> = Vec::new();
        let count = compare.ops.len();
        for (index, (op, comparator)) in compare.ops.iter().zip(&compare.comparators).enumerate() {
            let members = match op {
                ast::CmpOp::In | ast::CmpOp::NotIn => self.members_named_by(comparator)?,
                _ => None,
            };
            let lowered = match members {
                Some(members) => Ok(self.tuple(&members)),
                None => self.expr(comparator),
            };
            let Some(right) = self.if_reached(lowered)? else { break };
            self.at(compare);
            let (op, known) = (*op, left.clone());
            let lowered = self.dispatch(&[known, right.clone()], &mut |lowerer, vals| match vals {
                [left, right] => lowerer.compare(op, left, right),
                _ => Err(Stop::Failed),
            });
            let Some(found) = self.if_reached(lowered)? else { break };
            if index + 1 == count {
                decided.extend(self.detach().map(|edge| (edge, found)));
                break;
            }
            let (holds, fails) = self.split(&found, None, &mut |lowerer, val| lowerer.truth(val))?;
            decided.extend(fails);
            if self.join(holds.into_iter().map(|(edge, _)| edge).collect(), None).is_err() {
                break;
            }
            left = right;
        }
        self.join_values(decided)
    }

    // Attributes.

    /// What `module.name` stands for, where the program says it: modules of the user's own have no members that are known
    /// here.
    pub fn member_binding(&self, attribute: &'p ast::ExprAttribute) -> Option<(String, &'p Binding)> {
        let mut names = vec![attribute.attr.as_str()];
        let mut object = &*attribute.value;
        while let Expr::Attribute(outer) = object {
            names.push(outer.attr.as_str());
            object = &outer.value;
        }
        let Expr::Name(root) = object else { return None };
        let root = root.id.as_str();
        let bindings = &self.compiler.function(self.function)?.bindings;
        if self.slot(root).is_some() || !matches!(bindings.get(root), Some(Binding::Module(_))) {
            return None;
        }
        names.push(root);
        names.reverse();
        let path = names.join(".");
        let binding = bindings.get(&path)?;
        Some((path, binding))
    }

    pub fn attribute(&mut self, attribute: &'p ast::ExprAttribute) -> Lowered<Thing> {
        let name = attribute.attr.as_str();
        if let Some((path, binding)) = self.member_binding(attribute) {
            return self.binding(&path, binding, attribute);
        }
        if name == "__name__"
            && let Some(subject) = self.subject_of_type(&attribute.value)
        {
            let val = self.expr(subject)?;
            self.at(attribute);
            return self.each_variant(&val, &mut |lowerer, val| lowerer.class_name(&val)).map(Thing::Val);
        }
        match self.thing(&attribute.value)? {
            Thing::Static(Static::Module(module)) => self.member(&module, name, &attribute.attr),
            Thing::Static(Static::Class(class)) => self.attribute_of_class(class, name, &attribute.attr),
            Thing::Static(Static::Member(module, class)) if module == "datetime" => {
                Ok(self.datetime_class_member(&class, name))
            }
            Thing::Static(Static::Member(module, member)) if module == "sys" => {
                self.member(&format!("{module}.{member}"), name, &attribute.attr)
            }
            Thing::Static(Static::Pattern(text, flags)) => self.pattern_attribute(&text, flags, attribute),
            Thing::Static(Static::Builtin(class)) if super::methods::has_methods(class) => {
                Ok(Thing::Static(Static::Member(class.to_owned(), name.to_owned())))
            }
            Thing::Static(known) if name == "__name__" && self.name_of_function(&known).is_some() => {
                let text = self.name_of_function(&known).unwrap_or_default();
                Ok(Thing::Val(self.str(&text)))
            }
            Thing::Static(known) => self.fail_at(
                &attribute.attr,
                "unknown-attribute",
                format!("{} has no attribute `{name}` that can be compiled", describe(&known)),
                None,
            ),
            Thing::Val(val) if name == "__class__" && self.class_of(&val).is_some() => self.class_of_instance(&val),
            Thing::Val(val) => {
                self.at(attribute);
                if let Some(pattern) = self.pattern_of_class(&val, name)? {
                    return Ok(pattern);
                }
                if let Some(method) = self.method_without_instance(&val, name) {
                    return Ok(Thing::Static(method));
                }
                if let (Type::Array { elem, .. } | Type::Np(elem), "dtype") = (val.ty(), name) {
                    return Ok(Thing::Static(super::numpy::dtype(*elem)));
                }
                self.each_variant(&val, &mut |lowerer, val| lowerer.attribute_of(&val, name)).map(Thing::Val)
            }
        }
    }

    /// An attribute that an instance does not have, or a method that is not called.
    fn no_attribute(&mut self, val: &Val, name: &str) -> Lowered<Val> {
        let class = python_name(val.ty());
        if self.class_of(val).is_some_and(|class| class.method(name).is_some()) {
            return Ok(self.bound_method(val, name));
        }
        self.clash_of(
            ExcKind::AttributeError,
            "unknown-attribute",
            format!("'{class}' object has no attribute '{name}'"),
        )
    }

    /// The `x` of `type(x)` and of `x.__class__`.
    pub fn subject_of_type(&self, expr: &'p Expr) -> Option<&'p Expr> {
        match expr {
            Expr::Attribute(attribute) if attribute.attr.as_str() == "__class__" => Some(&attribute.value),
            Expr::Call(call) => match (&*call.func, &*call.arguments.args) {
                (Expr::Name(name), [subject]) if name.id.as_str() == "type" && self.is_builtin("type") => Some(subject),
                _ => None,
            },
            _ => None,
        }
    }

    /// `type(val)` of an instance of one of the program's classes.
    pub fn class_of_instance(&mut self, val: &Val) -> Lowered<Thing> {
        match self.class_of(val) {
            Some(class) => Ok(Thing::Static(Static::Class(class.number))),
            None => self.fail("unsupported-function", "the class of this value is not known", None),
        }
    }

    /// The text of a class where it is only shown, as in `f"{type(x)}"`: `<class 'int'>`.
    pub fn text_of_class(&mut self, expr: &'p Expr) -> Lowered<Option<Val>> {
        if let Expr::Tuple(tuple) = expr
            && tuple.elts.len() > 1
            && tuple.elts.iter().all(|item| self.subject_of_type(item).is_some())
        {
            let mut text = self.str("(");
            for (index, item) in tuple.elts.iter().enumerate() {
                let Some(shown) = self.text_of_class(item)? else { return Err(Stop::Failed) };
                text = if index > 0 { self.concat_text(&text, ", ") } else { text };
                text = self.prim(ir::Prim::StrConcat, &[&text, &shown]);
            }
            return Ok(Some(self.concat_text(&text, ")")));
        }
        let Some(subject) = self.subject_of_type(expr) else { return Ok(None) };
        let val = self.expr(subject)?;
        self.at(expr);
        let text = self.each_variant(&val, &mut |lowerer, val| match val.ty() {
            // Where a class of the program's own is defined is not known here.
            Type::Exception | Type::Object(_) | Type::Record(_) => lowerer.fail(
                "unsupported-function",
                "the text of such a class cannot be compiled",
                Some("show its name, as in `type(x).__name__`".to_owned()),
            ),
            ty => {
                let text = format!("<class '{}'>", python_name(ty));
                Ok(lowerer.str(&text))
            }
        })?;
        Ok(Some(text))
    }

    /// `function.__name__`, where nothing can have given the function another name, as decorators do.
    fn name_of_function(&self, known: &Static) -> Option<String> {
        let callable = match known {
            Static::Function(number) if library::is_library_function(*number) => return None,
            Static::Function(number) => Callable::Program(*number),
            Static::Closure(id) => Callable::Closure(*id),
            Static::Builtin(name) => return Some((*name).to_owned()),
            _ => return None,
        };
        let source = self.compiler.source(callable)?;
        let FunctionNode::Def(def) = source.node else { return Some(source.name()) };
        let mut top = source.parsed.body().iter();
        let is_top = top.any(|stmt| matches!(stmt, ast::Stmt::FunctionDef(known) if std::ptr::eq(known, def)));
        let file = self.compiler.source_file(source.place().file)?;
        let keeps_name = def.decorator_list.is_empty() && !file.text.contains(".__name__ =");
        (keeps_name && (is_top || matches!(known, Static::Closure(_)))).then(|| def.name.to_string())
    }

    /// `type(val).__name__` of a plain value.
    fn class_name(&mut self, val: &Val) -> Lowered<Val> {
        match val.ty() {
            Type::Exception => Ok(self.exception_name(val)),
            ty => {
                let name = python_name(ty);
                Ok(self.str(name.rsplit('.').next().unwrap_or_default()))
            }
        }
    }

    /// `val.name` of a plain value, where it is no method.
    pub fn attribute_of(&mut self, val: &Val, name: &str) -> Lowered<Val> {
        if self.object_class(val.ty()).is_some() {
            if let Some(found) = self.part_of_own_exception(val, name)? {
                return Ok(found);
            }
            return match self.property(val, name)? {
                Some(found) => Ok(found),
                None => self.no_attribute(val, name),
            };
        }
        match (val.ty().clone(), name) {
            (Type::Exception, _) => self.attribute_of_exception(val, name),
            (Type::Record(record), _) if record.kind == ir::RecordKind::Library => self.library_attribute(val, name),
            (Type::Record(record), _) if record.kind != ir::RecordKind::Dict => match record.index_of(name) {
                Some(index) => Ok(self.field(val, index)),
                None => {
                    if let Some(found) = self.property(val, name)? {
                        return Ok(found);
                    }
                    let fields = record.fields.iter().map(|(field, _)| field.as_str());
                    let help = nearest(name, fields).map(|near| format!("did you mean `{near}`?"));
                    self.fail("unknown-field", format!("there is no column `{name}`"), help)
                }
            },
            (Type::Array { ndim, .. }, "ndim") => Ok(self.int(i64::from(ndim))),
            (Type::Array { ndim, .. }, "shape") => {
                let lengths: Vec<Val> = (0..ndim).map(|dimension| self.array_length(val, dimension)).collect();
                Ok(self.tuple(&lengths))
            }
            (Type::Array { .. }, "size") => Ok(self.array_size(val)),
            (Type::Array { .. }, "T") => Ok(self.transposed(val)),
            (Type::Array { elem, .. } | Type::Np(elem), "itemsize") => Ok(self.int(elem.size_bytes() as i64)),
            (Type::Array { elem, .. }, "nbytes") => {
                let (size, bytes) = (self.array_size(val), self.int(elem.size_bytes() as i64));
                Ok(self.emit(Op::Prim(ir::Prim::IntMulWrap), &[&size, &bytes], non_negative_int()))
            }
            (Type::Int | Type::Bool, "real" | "numerator") => self.as_int(val),
            (Type::Int | Type::Bool, "imag") => Ok(self.int(0)),
            (Type::Int | Type::Bool, "denominator") => Ok(self.int(1)),
            (Type::Float, "real") => Ok(val.clone()),
            (Type::Float, "imag") => Ok(self.float(0.0)),
            (Type::Range, "start") => Ok(self.prim(ir::Prim::RangeStart, &[val])),
            (Type::Range, "stop") => Ok(self.prim(ir::Prim::RangeStop, &[val])),
            (Type::Range, "step") => Ok(self.prim(ir::Prim::RangeStep, &[val])),
            (ty, _) => {
                let message = format!("'{}' object has no attribute '{name}'", python_name(&ty));
                let is_array = matches!(ty, Type::Array { .. } | Type::Np(_));
                let has_methods_only = matches!(ty, Type::Str | Type::List(_) | Type::Set { .. } | Type::Dict(..));
                if has_methods_only && !name.starts_with("__") && super::methods::exists_in_python(&ty, name) {
                    return Ok(self.bound_method(val, name));
                }
                if is_array || super::methods::exists_in_python(&ty, name) {
                    return self.fail(
                        "unsupported-attribute",
                        format!("`{name}` of `{}` cannot be compiled", python_name(&ty)),
                        None,
                    );
                }
                self.clash_of(ExcKind::AttributeError, "unknown-attribute", message)
            }
        }
    }

    /// The length of an array along a dimension.
    pub fn array_length(&mut self, array: &Val, dimension: u8) -> Val {
        self.emit(Op::ArrayShape(dimension), &[array], non_negative_int())
    }
}

/// `is` and `in`, which look at no elements.
fn is_test(op: ast::CmpOp) -> bool {
    matches!(op, ast::CmpOp::Is | ast::CmpOp::IsNot | ast::CmpOp::In | ast::CmpOp::NotIn)
}

/// Whether the source of a literal has an escape of a surrogate.
fn has_surrogate(source: &str) -> bool {
    source.match_indices('\\').any(|(at, _)| {
        let digits = match source.get(at + 1..at + 2) {
            Some("u") => source.get(at + 2..at + 6),
            Some("U") => source.get(at + 2..at + 10),
            _ => None,
        };
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        code.is_some_and(|code| (0xd800..0xe000).contains(&code))
    })
}

/// The shape of an int that counts something.
pub fn non_negative_int() -> Shape {
    Shape { ty: Type::Int, origin: Origin { non_negative: true, ..Origin::default() } }
}

/// What a thing is called in messages.
pub fn describe(known: &Static) -> String {
    match known {
        Static::Class(_) => "a class".to_owned(),
        Static::Function(_) => "a function".to_owned(),
        Static::Closure(_) => "a function".to_owned(),
        Static::Pattern(..) => "a compiled regular expression".to_owned(),
        Static::Builtin(name) => format!("the built-in `{name}`"),
        Static::Module(module) => format!("the module `{module}`"),
        Static::Member(module, name) => format!("`{module}.{name}`"),
        Static::Sentinel(_) => "an `object()`".to_owned(),
        Static::Absent => "`...`".to_owned(),
        Static::Constant(number) => format!("`{number}`"),
        Static::Method(..) | Static::Made(_) | Static::Bound(_) => "a function".to_owned(),
    }
}
