//! Conditions: where they hold and where they do not, and what that tells of the variables they test. A variable, or a
//! field of a row, that is tested for its type or its truth has the smaller type from there on.

use ir::{Prim, Type};

use super::flow::{Path, Var};
use super::{Clash, Edge, Lowered, Lowerer, Static, Stop, Thing, Val};
use crate::parse::ast::{self, Expr, Ranged};

/// Ends of control flow, each with what the tested value is there.
pub type Sides = (Vec<(Edge, Val)>, Vec<(Edge, Val)>);

/// Turns a plain value into a condition.
pub type Test<'t, 'c, 'p> = &'t mut dyn FnMut(&mut Lowerer<'c, 'p>, &Val) -> Lowered<Val>;

impl<'c, 'p> Lowerer<'c, 'p> {
    /// The edges where the expression is true and where it is false.
    pub fn condition(&mut self, expr: &'p Expr) -> Lowered<(Vec<Edge>, Vec<Edge>)> {
        match expr {
            Expr::BoolOp(op) => {
                let is_and = op.op == ast::BoolOp::And;
                let mut settled = Vec::new();
                let mut open = self.detach().into_iter().collect::<Vec<Edge>>();
                for value in &op.values {
                    if self.join(std::mem::take(&mut open), None).is_err() {
                        break;
                    }
                    let lowered = self.condition(value);
                    let Some((holds, fails)) = self.if_reached(lowered)? else { break };
                    let (go_on, done) = if is_and { (holds, fails) } else { (fails, holds) };
                    open = go_on;
                    settled.extend(done);
                }
                Ok(if is_and { (open, settled) } else { (settled, open) })
            }
            Expr::UnaryOp(unary) if unary.op == ast::UnaryOp::Not => {
                let (holds, fails) = self.condition(&unary.operand)?;
                Ok((fails, holds))
            }
            Expr::Compare(compare) if compare.ops.len() == 1 => self.compare_condition(compare),
            Expr::Call(call) => match self.isinstance_condition(call)? {
                Some(edges) => Ok(edges),
                None => self.truth_condition(expr),
            },
            _ => self.truth_condition(expr),
        }
    }

    fn truth_condition(&mut self, expr: &'p Expr) -> Lowered<(Vec<Edge>, Vec<Edge>)> {
        let val = match self.thing(expr)? {
            Thing::Val(val) => val,
            // Functions and modules are true.
            Thing::Static(_) => return Ok((self.detach().into_iter().collect(), Vec::new())),
        };
        let path = self.path_of(expr);
        self.at(expr);
        let sides = self.split(&val, path.as_ref(), &mut |lowerer, val| lowerer.truth(val))?;
        Ok(edges_of(sides))
    }

    fn compare_condition(&mut self, compare: &'p ast::ExprCompare) -> Lowered<(Vec<Edge>, Vec<Edge>)> {
        let (Some(op), Some(right_expr)) = (compare.ops.first().copied(), compare.comparators.first()) else {
            return self.fail("unsupported-expression", "this comparison cannot be compiled", None);
        };
        if let Some(known) = self.static_identity(op, &compare.left, right_expr)? {
            let here: Vec<Edge> = self.detach().into_iter().collect();
            return Ok(if known { (here, Vec::new()) } else { (Vec::new(), here) });
        }
        if let Some(edges) = self.exact_class_condition(op, &compare.left, right_expr)? {
            return Ok(edges);
        }
        let members = match op {
            ast::CmpOp::In | ast::CmpOp::NotIn => self.members_named_by(right_expr)?,
            _ => None,
        };
        if members.is_some() {
            return self.truth_of_comparison(compare);
        }
        let left = self.expr(&compare.left)?;
        let right = self.expr(right_expr)?;
        self.at(compare);
        // `None is x` tells of `x`.
        if left.is_union() || *left.ty() != Type::None {
            let path = self.path_of(&compare.left);
            let sides = self.split(&left, path.as_ref(), &mut |lowerer, left| {
                let found = lowerer.compare(op, left, &right)?;
                lowerer.truth(&found)
            })?;
            return Ok(edges_of(sides));
        }
        let path = self.path_of(right_expr);
        let sides = self.split(&right, path.as_ref(), &mut |lowerer, right| {
            let found = lowerer.compare(op, &left, right)?;
            lowerer.truth(&found)
        })?;
        Ok(edges_of(sides))
    }

    /// A comparison that tells nothing of a variable.
    fn truth_of_comparison(&mut self, compare: &'p ast::ExprCompare) -> Lowered<(Vec<Edge>, Vec<Edge>)> {
        let val = self.compare_expr(compare)?;
        self.at(compare);
        let sides = self.split(&val, None, &mut |lowerer, val| lowerer.truth(val))?;
        Ok(edges_of(sides))
    }

    /// `x is None` and `x is ...` where the left side is no value at run time: a function, or an argument of the library's
    /// functions that was not given. `None` when it is something else.
    fn static_identity(&mut self, op: ast::CmpOp, left: &'p Expr, right: &'p Expr) -> Lowered<Option<bool>> {
        if !matches!(op, ast::CmpOp::Is | ast::CmpOp::IsNot) || !matches!(left, Expr::Name(_)) {
            return Ok(None);
        }
        let one = self.thing(left)?;
        if let Expr::Name(_) = right
            && let other = self.thing(right)?
            && let (Thing::Static(Static::Sentinel(_)), _) | (_, Thing::Static(Static::Sentinel(_))) = (&one, &other)
        {
            let same = matches!((&one, &other), (Thing::Static(a), Thing::Static(b)) if a == b);
            return Ok(Some(same == (op == ast::CmpOp::Is)));
        }
        let is = match (one, right) {
            (Thing::Static(Static::Absent), Expr::EllipsisLiteral(_)) => true,
            (_, Expr::EllipsisLiteral(_)) | (Thing::Static(_), Expr::NoneLiteral(_)) => false,
            _ => return Ok(None),
        };
        Ok(Some(is == (op == ast::CmpOp::Is)))
    }

    /// `isinstance(x, T)` as a condition; `None` when the call is something else.
    fn isinstance_condition(&mut self, call: &'p ast::ExprCall) -> Lowered<Option<(Vec<Edge>, Vec<Edge>)>> {
        let ([subject, classes], Expr::Name(name)) = (&*call.arguments.args, &*call.func) else { return Ok(None) };
        let is_builtin = name.id.as_str() == "isinstance" && self.is_builtin(name.id.as_str());
        if !is_builtin || !call.arguments.keywords.is_empty() {
            return Ok(None);
        }
        let val = self.expr(subject)?;
        let classes = self.class_list(classes)?;
        self.at(call);
        let path = self.path_of(subject);
        let sides = self.split(&val, path.as_ref(), &mut |lowerer, val| lowerer.is_instance(val, &classes))?;
        Ok(Some(edges_of(sides)))
    }

    /// `type(x) is C`, `type(x) == C` and `type(x) in (C, D)` as a condition; `None` when the comparison is another.
    pub fn exact_class_condition(
        &mut self,
        op: ast::CmpOp,
        left: &'p Expr,
        right: &'p Expr,
    ) -> Lowered<Option<(Vec<Edge>, Vec<Edge>)>> {
        let of_type = self.subject_of_type(left);
        let Some(subject) = of_type.or(Some(left).filter(|left| self.may_be_exception_class(left))) else {
            return Ok(None);
        };
        let is_one = matches!(op, ast::CmpOp::Is | ast::CmpOp::Eq | ast::CmpOp::In);
        let is_many = matches!(op, ast::CmpOp::In | ast::CmpOp::NotIn);
        if !is_one && !is_many && !matches!(op, ast::CmpOp::IsNot | ast::CmpOp::NotEq) {
            return Ok(None);
        }
        let named: Vec<&'p Expr> = match right {
            Expr::Tuple(tuple) if is_many => tuple.elts.iter().collect(),
            Expr::List(list) if is_many => list.elts.iter().collect(),
            Expr::Set(set) if is_many => set.elts.iter().collect(),
            other => vec![other],
        };
        let names_a_class = |expr: &&'p Expr| {
            matches!(expr, Expr::Name(_) | Expr::Attribute(_)) || (!is_many && self.subject_of_type(expr).is_some())
        };
        if !named.iter().all(names_a_class) || (is_many && named.as_slice() == [right]) {
            return Ok(None);
        }
        if of_type.is_none() && !self.are_exception_classes(&named)? {
            return Ok(None);
        }
        let val = self.expr(subject)?;
        if let Some(other) = self.subject_of_type(right) {
            let other = self.expr(other)?;
            self.at_place(self.place_of(left));
            let same = self.dispatch(&[val, other], &mut |lowerer, vals| match vals {
                [a, b] => lowerer.have_one_class(a, b),
                _ => Err(Stop::Failed),
            })?;
            let (holds, fails) = self.split(&same, None, &mut |lowerer, val| lowerer.truth(val))?;
            let edges = edges_of((holds, fails));
            return Ok(Some(if is_one { edges } else { (edges.1, edges.0) }));
        }
        let mut classes = Vec::new();
        for class in named {
            classes.extend(self.class_list(class)?);
        }
        self.at_place(self.place_of(left));
        let path = self.path_of(subject);
        let sides = self.split(&val, path.as_ref(), &mut |lowerer, val| match lowerer.exception_of_class(val) {
            Some(exception) if of_type.is_none() => lowerer.is_exactly(&exception, &classes),
            None if of_type.is_none() => Ok(lowerer.bool(false)),
            _ => lowerer.is_exactly(val, &classes),
        })?;
        let (holds, fails) = edges_of(sides);
        Ok(Some(if is_one { (holds, fails) } else { (fails, holds) }))
    }

    /// Splits control flow by a test of each variant of the value. When the value is a variable (or a field of one), it
    /// is known to be that variant behind the test.
    pub fn split(&mut self, val: &Val, path: Option<&Path>, test: Test<'_, 'c, 'p>) -> Lowered<Sides> {
        let (mut holds, mut fails) = (Vec::new(), Vec::new());
        let mut clash: Option<Box<Clash>> = None;
        let (mut allowed, mut failed) = (false, false);
        let count = val.ty().variants().len();
        let place = self.place;
        for tag in 0..count {
            self.at_place(place);
            let rest = if tag + 1 < count {
                let cond = self.is_variant(val, tag);
                let (is, rest) = self.branch(&cond)?;
                self.continue_at(is);
                rest
            } else {
                None
            };
            let variant = if val.is_union() { self.variant(val, tag) } else { val.clone() };
            if let (Some(path), Some(env), true) = (path, self.env(), val.is_union()) {
                env.set_fact(path.clone(), variant.clone());
            }
            match test(self, &variant).and_then(|cond| self.branch(&cond)) {
                Ok((then, otherwise)) => {
                    allowed = true;
                    holds.extend(then.map(|edge| (edge, variant.clone())));
                    fails.extend(otherwise.map(|edge| (edge, variant.clone())));
                }
                Err(Stop::Dead) => allowed = true,
                Err(Stop::Failed) => failed = true,
                Err(Stop::Clash(found)) => {
                    if self.is_live() && count > 1 {
                        self.at_place(found.place);
                        self.raise(found.class, &found.message);
                    }
                    clash.get_or_insert(found);
                }
            }
            if count > 1 {
                self.continue_at(rest);
            }
        }
        self.at_place(place);
        match clash {
            _ if failed => Err(Stop::Failed),
            Some(clash) if !allowed => Err(Stop::Clash(clash)),
            _ => Ok((holds, fails)),
        }
    }

    /// `bool(val)` of a plain value.
    pub fn truth(&mut self, val: &Val) -> Lowered<Val> {
        for name in ["__bool__", "__len__"] {
            if let Some(found) = self.special(val, name)? {
                return self.truth(&found);
            }
        }
        match val.ty() {
            Type::None => Ok(self.bool(false)),
            Type::Bool => Ok(val.clone()),
            Type::Int => {
                if let Some(known) = val.known_int() {
                    return Ok(self.bool(known != 0));
                }
                let zero = self.int(0);
                Ok(self.prim(Prim::IntNe, &[val, &zero]))
            }
            Type::Float => {
                let zero = self.float(0.0);
                Ok(self.prim(Prim::FloatNe, &[val, &zero]))
            }
            Type::Str => {
                let empty = self.str("");
                Ok(self.prim(Prim::StrNe, &[val, &empty]))
            }
            Type::Np(_) => {
                let python = self.python_number(val);
                self.truth(&python)
            }
            Type::Tuple(items) => Ok(self.bool(!items.is_empty())),
            Type::Record(_) if let Some(list) = self.tuple_list(val) => self.truth(&list),
            ty if self.is_mixed_member(ty) => {
                let number = self.without_enum(val)?;
                self.truth(&number)
            }
            ty if super::enums::enum_class(ty).is_some() => Ok(self.bool(true)),
            Type::Record(record) if record.kind == ir::RecordKind::Library => Ok(self.datetime_truth(val)),
            Type::Record(record) => {
                let empty = !matches!(record.kind, ir::RecordKind::Dataclass | ir::RecordKind::Library)
                    && record.fields.is_empty();
                Ok(self.bool(!empty))
            }
            Type::Range | Type::List(_) | Type::Bytes | Type::Dict(..) | Type::Set { .. } => {
                let length = self.length(val)?;
                self.truth(&length)
            }
            Type::Array { .. } => self.truth_of_array(val),
            Type::Exception | Type::Object(_) => Ok(self.bool(true)),
            Type::Union(_) => self.each_variant(val, &mut |lowerer, val| lowerer.truth(&val)),
        }
    }

    /// `bool(expr)` as a value, without narrowing.
    pub fn truth_of_edges(&mut self, holds: Vec<Edge>, fails: Vec<Edge>) -> Lowered<Val> {
        let mut edges = Vec::new();
        for (side, value) in [(holds, true), (fails, false)] {
            if self.join(side, None).is_ok() {
                let val = self.bool(value);
                edges.extend(self.detach().map(|edge| (edge, val)));
            }
        }
        self.join_values(edges)
    }

    /// The variable, or field of a variable, that an expression names.
    pub fn path_of(&mut self, expr: &Expr) -> Option<Path> {
        match expr {
            Expr::Name(name) => {
                let slot = self.slot(name.id.as_str())?;
                match self.env()?.var(slot) {
                    Var::Bound(_) => Some((slot, Vec::new())),
                    _ => None,
                }
            }
            Expr::Named(named) => self.path_of(&named.target),
            Expr::Attribute(attribute) => self.field_path(&attribute.value, attribute.attr.as_str()),
            Expr::Subscript(subscript) => match &*subscript.slice {
                Expr::StringLiteral(text) => self.field_path(&subscript.value, text.value.to_str()),
                Expr::NumberLiteral(number) => {
                    let ast::Number::Int(index) = &number.value else { return None };
                    let index = u32::try_from(index.as_i64()?).ok()?;
                    let path = self.path_of(&subscript.value)?;
                    match self.path_type(&path)? {
                        Type::Tuple(items) if (index as usize) < items.len() => Some(deeper(path, index)),
                        _ => None,
                    }
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn field_path(&mut self, object: &Expr, name: &str) -> Option<Path> {
        let path = self.path_of(object)?;
        match self.path_type(&path)? {
            Type::Record(record) => Some(deeper(path, record.index_of(name)? as u32)),
            _ => None,
        }
    }

    /// The type that a path has here.
    fn path_type(&mut self, path: &Path) -> Option<Type> {
        let env = self.env()?;
        if let Some(val) = env.fact(path) {
            return Some(val.ty().clone());
        }
        match (path.1.split_last(), env.var(path.0)) {
            (None, Var::Bound(val)) => Some(val.ty().clone()),
            (Some((last, outer)), _) => {
                let outer = self.path_type(&(path.0, outer.to_vec()))?;
                outer.field_types()?.get(*last as usize).cloned()
            }
            _ => None,
        }
    }

    /// What a condition has told of the expression, beyond its type.
    pub fn known_fact(&mut self, expr: &Expr) -> Option<Val> {
        let path = self.path_of(expr)?;
        if path.1.is_empty() {
            return None;
        }
        self.env()?.fact(&path).cloned()
    }

    /// The place of an expression that stands for the whole of a call.
    pub fn at_call(&mut self, call: &ast::ExprCall) {
        self.at(call);
        // CPython gives a call of a method the line of the method's name.
        if let Expr::Attribute(attribute) = &*call.func {
            let name = self.place_of(&attribute.attr);
            if self.compiler.span(name).line != self.span().line {
                self.at(&attribute.attr.range());
            }
        }
    }
}

fn deeper((slot, mut fields): Path, index: u32) -> Path {
    fields.push(index);
    (slot, fields)
}

fn edges_of((holds, fails): Sides) -> (Vec<Edge>, Vec<Edge>) {
    let strip = |side: Vec<(Edge, Val)>| side.into_iter().map(|(edge, _)| edge).collect();
    (strip(holds), strip(fails))
}
