//! Sets and frozen sets: displays, comprehensions, methods and algebra. How a set was filled decides the order in which it
//! is iterated, so each way fills it as CPython does.

use ir::{ContainerOp, ExcKind, Type};

use super::dicts::{View, view_of};
use super::index::{Index, Slice};
use super::iterate::Source;
use super::{Lowered, Lowerer, Stop, Val};
use crate::parse::ast::{self, Expr, Operator, Ranged};
use crate::shape::{Shape, join, python_name};

/// Whether `|`, `&`, `-` and `^` may be those of dicts and sets.
pub fn is_table(ty: &Type) -> bool {
    match ty {
        Type::Dict(..) | Type::Set { .. } => true,
        Type::Record(record) => record.kind == ir::RecordKind::Dict || view_of(ty).is_some(),
        _ => false,
    }
}

/// Displays of so many constants are made from a frozen set that CPython has made before.
const CONSTANT_DISPLAY_MIN: usize = 3;

impl<'c, 'p> Lowerer<'c, 'p> {
    pub fn new_set(&mut self, frozen: bool, element: Option<&Shape>, key: u32) -> Val {
        let kind = Type::Set { item: Box::new(Type::None), frozen };
        let shape = self.site_shape(&kind, element, key);
        self.container_op(ContainerOp::SetNew, &[], shape)
    }

    pub fn add_to_set(&mut self, set: &Val, item: &Val) -> Lowered<()> {
        if matches!(item.ty(), Type::Np(_)) {
            return self.fail(
                "unsupported-operation",
                "a NumPy scalar cannot be in a set in compiled code",
                Some("convert with `int()` or `float()` first".to_owned()),
            );
        }
        let item = self.hashable(item)?;
        let element = self.grow(set, &item.shape)?;
        let item = self.coerce(&item, &element)?;
        self.container_op(ContainerOp::SetAdd, &[set, &item], Type::None);
        Ok(())
    }

    /// `{a, b, c}`.
    pub fn set_display(&mut self, display: &'p ast::ExprSet) -> Lowered<Val> {
        let key = display.start().to_u32();
        let set = self.new_set(false, None, key);
        if display.elts.len() < CONSTANT_DISPLAY_MIN || !display.elts.iter().all(is_constant) {
            self.fill_from_display(&set, display)?;
            return Ok(set);
        }
        let constant = self.frozen_display(display)?;
        let element = self.element_shape(&constant);
        self.grow(&set, &element)?;
        let same = self.element_shape(&set).ty == element.ty;
        if same {
            self.container_op(ContainerOp::SetUpdate, &[&set, &constant], Type::None);
        } else {
            self.misfits += 1;
        }
        Ok(set)
    }

    /// The frozen set that CPython iterates over or looks in where the program has a display of constants.
    pub fn constant_set(&mut self, display: &'p ast::ExprSet) -> Lowered<Option<Val>> {
        if !display.elts.iter().all(is_constant) {
            return Ok(None);
        }
        self.frozen_display(display).map(Some)
    }

    /// A display of constants as CPython's compiler makes it: a frozen set of the items, and another one of those, in the
    /// order that they have there.
    fn frozen_display(&mut self, display: &'p ast::ExprSet) -> Lowered<Val> {
        let key = display.start().to_u32();
        let first = self.new_set(true, None, key | 1 << 28);
        self.fill_from_display(&first, display)?;
        let second = self.new_set(true, None, key | 1 << 29);
        self.each_item(Source::Set(first), 1 << 21, &mut |lowerer, item| lowerer.add_to_set(&second, &item))?;
        Ok(second)
    }

    fn fill_from_display(&mut self, set: &Val, display: &'p ast::ExprSet) -> Lowered<()> {
        for item in &display.elts {
            match item {
                Expr::Starred(starred) => {
                    let source = self.iterable(&starred.value)?;
                    self.at(starred);
                    self.update_set(set, source)?;
                }
                other => {
                    let val = self.expr(other)?;
                    self.at(other);
                    self.add_to_set(set, &val)?;
                }
            }
        }
        self.at(display);
        Ok(())
    }

    /// `{elt for ...}`.
    pub fn set_comprehension(&mut self, comp: &'p ast::ExprSetComp) -> Lowered<Val> {
        let source = self.generator_source(&comp.elt, &comp.generators)?;
        self.at(comp);
        let set = self.new_set(false, None, comp.start().to_u32());
        self.each_item(source, 1 << 27, &mut |lowerer, item| lowerer.add_to_set(&set, &item))?;
        Ok(set)
    }

    /// `set(iterable)`, `frozenset(iterable)`.
    pub fn set_builtin(&mut self, call: &'p ast::ExprCall, frozen: bool) -> Lowered<Val> {
        let name = if frozen { "frozenset" } else { "set" };
        let arguments = self.arguments(call, name, [])?;
        let key = call.range_start.to_u32();
        match arguments.positional {
            [] => Ok(self.new_set(frozen, None, key)),
            [iterable] => {
                let source = self.iterable(iterable)?;
                self.at_call(call);
                if let (Source::Set(val), true) = (&source, frozen)
                    && matches!(val.ty(), Type::Set { frozen: true, .. })
                {
                    return Ok(val.clone());
                }
                let set = self.new_set(frozen, None, key);
                self.update_set(&set, source)?;
                Ok(set)
            }
            more => {
                let message = format!("{name} expected at most 1 argument, got {}", more.len());
                self.at_call(call);
                self.clash(message)
            }
        }
    }

    /// Adds what a source gives, as `set.update` does.
    fn update_set(&mut self, set: &Val, source: Source<'p>) -> Lowered<()> {
        match source {
            Source::Set(other) => {
                let Some(element) = self.known_element(&other) else { return Ok(()) };
                let known = self.grow(set, &element)?;
                if known.ty == element.ty {
                    self.container_op(ContainerOp::SetUpdate, &[set, &other], Type::None);
                    return Ok(());
                }
                let length = self.length(&other)?;
                self.container_op(ContainerOp::SetReserve, &[set, &length], Type::None);
                self.each_item(Source::Set(other), 1 << 27, &mut |lowerer, item| lowerer.add_to_set(set, &item))
            }
            Source::Dict(dict, View::Keys) => {
                let length = self.emit_length(&dict);
                self.container_op(ContainerOp::SetReserve, &[set, &length], Type::None);
                let source = Source::Dict(dict, View::Keys);
                self.each_item(source, 1 << 27, &mut |lowerer, item| lowerer.add_to_set(set, &item))
            }
            source => self.each_item(source, 1 << 27, &mut |lowerer, item| lowerer.add_to_set(set, &item)),
        }
    }

    /// A set of what a value gives; a set itself.
    fn as_set(&mut self, val: &Val, salt: u32) -> Lowered<Val> {
        if let Type::Set { .. } = val.ty() {
            return Ok(val.clone());
        }
        let source = self.source_of(val)?;
        let set = self.new_set(false, None, self.place.start | 1 << 24 ^ salt << 20);
        self.update_set(&set, source)?;
        Ok(set)
    }

    /// Two sets as sets of the same items, as far as that is needed to combine them.
    fn alike(&mut self, a: &Val, b: &Val) -> Lowered<(Val, Val)> {
        let joined = match (self.known_element(a), self.known_element(b)) {
            (Some(x), Some(y)) => join(&x, &y, &mut self.sites),
            (Some(known), None) | (None, Some(known)) => known,
            (None, None) => return Ok((a.clone(), b.clone())),
        };
        Ok((self.with_items(a, &joined, 1)?, self.with_items(b, &joined, 2)?))
    }

    /// The set with its items as such.
    fn with_items(&mut self, set: &Val, element: &Shape, salt: u32) -> Lowered<Val> {
        if self.element_shape(set).ty == element.ty {
            return Ok(set.clone());
        }
        let frozen = matches!(set.ty(), Type::Set { frozen: true, .. });
        let made = self.new_set(frozen, Some(element), self.place.start ^ (salt << 29 | 1 << 26));
        if self.known_element(set).is_none() {
            return Ok(made);
        }
        let length = self.length(set)?;
        self.container_op(ContainerOp::SetReserve, &[&made, &length], Type::None);
        self.each_item(Source::Set(set.clone()), salt << 25, &mut |lowerer, item| lowerer.add_to_set(&made, &item))?;
        Ok(made)
    }

    /// `a op b` for sets of any items: a new set, frozen as the first is.
    fn combine(&mut self, op: ContainerOp, a: &Val, b: &Val) -> Lowered<Val> {
        let (a, b) = self.alike(a, b)?;
        let shape = a.shape.clone();
        if op == ContainerOp::SetUpdate {
            let copy = self.container_op(ContainerOp::SetCopy, &[&a], shape);
            self.container_op(ContainerOp::SetUpdate, &[&copy, &b], Type::None);
            return Ok(copy);
        }
        Ok(self.container_op(op, &[&a, &b], shape))
    }

    // Operators.

    /// `|`, `&`, `-`, `^` where one side is a dict, a set or a view.
    pub fn table_binary(&mut self, op: Operator, left: &Val, right: &Val, augmented: bool) -> Lowered<Val> {
        let is_dict = |val: &Val| match val.ty() {
            Type::Dict(..) => true,
            Type::Record(record) => record.kind == ir::RecordKind::Dict,
            _ => false,
        };
        if op == Operator::BitOr && is_dict(left) && is_dict(right) {
            return self.merge_dicts(left, right);
        }
        let of_sets = match op {
            Operator::BitOr => ContainerOp::SetUpdate,
            Operator::BitAnd => ContainerOp::SetIntersection,
            Operator::Sub => ContainerOp::SetDifference,
            Operator::BitXor => ContainerOp::SetSymmetricDifference,
            _ => return self.unsupported_operands(op, left, right, augmented),
        };
        let is_set = |val: &Val| {
            matches!(val.ty(), Type::Set { .. }) || matches!(view_of(val.ty()), Some(View::Keys | View::Items))
        };
        if !is_set(left) || !is_set(right) {
            return self.unsupported_operands(op, left, right, augmented);
        }
        let (left, right) = (self.set_of_view(left)?, self.set_of_view(right)?);
        self.combine(of_sets, &left, &right)
    }

    /// `left op= right` of a dict or set; false when there is no such operation in place.
    pub fn table_in_place(&mut self, op: Operator, left: &Val, right: &Val) -> Lowered<bool> {
        match (left.ty(), op) {
            (Type::Dict(..), Operator::BitOr) => self.update_dict(left, right)?,
            (Type::Set { .. }, Operator::BitOr | Operator::BitAnd | Operator::Sub | Operator::BitXor) => {
                let right = self.set_of_view(right)?;
                let Type::Set { .. } = right.ty() else { return Ok(false) };
                self.change_set(op, left, &right)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// `set |= other` and the like; the set keeps its items' type, which grows where the operation can add.
    fn change_set(&mut self, op: Operator, set: &Val, other: &Val) -> Lowered<()> {
        let Some(element) = self.known_element(other) else {
            if op == Operator::BitAnd {
                self.container_op(ContainerOp::SetClear, &[set], Type::None);
            }
            return Ok(());
        };
        let op = match op {
            Operator::BitOr => return self.update_set(set, Source::Set(other.clone())),
            Operator::BitXor => {
                self.grow(set, &element)?;
                ContainerOp::SetSymmetricUpdate
            }
            Operator::BitAnd => ContainerOp::SetIntersectionUpdate,
            _ => ContainerOp::SetDifferenceUpdate,
        };
        let Some(known) = self.known_element(set) else {
            // It is empty; where it grows, this is lowered again.
            return Ok(());
        };
        if known.ty == element.ty {
            self.container_op(op, &[set, other], Type::None);
            return Ok(());
        }
        if matches!(op, ContainerOp::SetDifferenceUpdate) {
            let set = set.clone();
            return self.each_item(Source::Set(other.clone()), 1 << 27, &mut |lowerer, item| {
                let item = lowerer.hashable(&item)?;
                lowerer.container_op(ContainerOp::SetDiscard, &[&set, &item], Type::Bool);
                Ok(())
            });
        }
        // What the other holds is another type: only what both can hold matters.
        let joined = join(&known, &element, &mut self.sites);
        if joined.ty != known.ty {
            self.grow(set, &joined)?;
        }
        let other = self.with_items(other, &known, 3)?;
        self.container_op(op, &[set, &other], Type::None);
        Ok(())
    }

    // Methods.

    pub fn set_method(&mut self, set: &Val, name: &str, args: &[Val]) -> Lowered<Val> {
        let frozen = matches!(set.ty(), Type::Set { frozen: true, .. });
        let changes = matches!(
            name,
            "add"
                | "clear"
                | "discard"
                | "pop"
                | "remove"
                | "update"
                | "intersection_update"
                | "difference_update"
                | "symmetric_difference_update"
        );
        if frozen && changes {
            let message = format!("'frozenset' object has no attribute '{name}'");
            return self.clash_of(ExcKind::AttributeError, "unknown-attribute", message);
        }
        match (name, args) {
            ("add", [item]) => self.add_to_set(set, item)?,
            ("discard", [item]) => {
                let item = self.looked_for(set, item)?;
                self.container_op(ContainerOp::SetDiscard, &[set, &item], Type::Bool);
            }
            ("remove", [item]) => {
                let key = self.looked_for(set, item)?;
                let found = self.container_op(ContainerOp::SetDiscard, &[set, &key], Type::Bool);
                let (holds, fails) = self.branch(&found)?;
                self.continue_at(fails);
                if self.is_live() {
                    self.raise_made(ExcKind::KeyError.into(), std::slice::from_ref(item))?;
                }
                self.continue_at(holds);
                if !self.is_live() {
                    return Err(Stop::Dead);
                }
            }
            ("pop", []) => {
                let element = self.element_shape(set);
                let text = self.str("pop from an empty set");
                return self.with_key_as_argument(&text, &mut |lowerer| {
                    Ok(lowerer.container_op(ContainerOp::SetPop, &[set], element.clone()))
                });
            }
            ("clear", []) => {
                self.container_op(ContainerOp::SetClear, &[set], Type::None);
            }
            ("copy", []) if frozen => return Ok(set.clone()),
            ("copy", []) => return Ok(self.container_op(ContainerOp::SetCopy, &[set], set.shape.clone())),
            ("update", others) => {
                for other in others {
                    let source = self.source_of(other)?;
                    self.update_set(set, source)?;
                }
            }
            ("union", others) => {
                let mut result = self.container_op(ContainerOp::SetCopy, &[set], set.shape.clone());
                for (number, other) in others.iter().enumerate() {
                    result = self.union_with(&result, other, number as u32)?;
                }
                return Ok(result);
            }
            ("intersection", others) => return self.fold_sets(ContainerOp::SetIntersection, set, others),
            ("difference", others) => return self.fold_sets(ContainerOp::SetDifference, set, others),
            ("symmetric_difference", [other]) => {
                let other = self.as_set(other, 0)?;
                return self.combine(ContainerOp::SetSymmetricDifference, set, &other);
            }
            ("intersection_update", others) => self.change_by(Operator::BitAnd, set, others)?,
            ("difference_update", others) => self.change_by(Operator::Sub, set, others)?,
            ("symmetric_difference_update", [_]) => self.change_by(Operator::BitXor, set, args)?,
            ("issubset", [other]) => {
                let other = self.as_set(other, 0)?;
                return Ok(self.container_op(ContainerOp::SetIsSubset, &[set, &other], Type::Bool));
            }
            ("issuperset", [other]) => {
                let other = self.as_set(other, 0)?;
                return Ok(self.container_op(ContainerOp::SetIsSubset, &[&other, set], Type::Bool));
            }
            ("isdisjoint", [other]) => {
                let other = self.as_set(other, 0)?;
                return Ok(self.container_op(ContainerOp::SetIsDisjoint, &[set, &other], Type::Bool));
            }
            _ => {
                let kind = python_name(set.ty());
                if METHODS.contains(&name) {
                    return self
                        .clash(format!("{kind}.{name}() takes another number of arguments ({} given)", args.len()));
                }
                let message = format!("'{kind}' object has no attribute '{name}'");
                return self.clash_of(ExcKind::AttributeError, "unknown-attribute", message);
            }
        }
        Ok(self.none())
    }

    /// `set.union(*others)` and `intersection` of as many others as the run tells; `None` of another method.
    pub fn set_method_of_star(&mut self, set: &Val, name: &str, starred: &'p ast::ExprStarred) -> Lowered<Option<Val>> {
        if !matches!(name, "union" | "intersection") {
            return Ok(None);
        }
        let others = match self.iterable_thing(&starred.value)? {
            Err(val) if matches!(val.ty(), Type::Tuple(_)) => {
                let others = self.fields(&val);
                self.at(starred);
                return self.set_method(set, name, &others).map(Some);
            }
            source => self.list_behind_star(source, starred)?,
        };
        self.at(starred);
        self.set_method_of_list(set, name, others).map(Some)
    }

    /// `set.intersection(*sets)`: the method of the first of them.
    pub fn set_function_of_star(
        &mut self,
        class: &str,
        name: &str,
        starred: &'p ast::ExprStarred,
    ) -> Lowered<Option<Val>> {
        let before = self.restart();
        let sets = match self.iterable_thing(&starred.value)? {
            Err(val) if matches!(val.ty(), Type::List(_)) && matches!(name, "union" | "intersection") => val,
            _ => {
                self.start_again(before);
                return Ok(None);
            }
        };
        self.at(starred);
        if self.known_element(&sets).is_some_and(|set| python_name(&set.ty) != class) {
            self.start_again(before);
            return Ok(None);
        }
        let (length, one, zero) = (self.length(&sets)?, self.int(1), self.int(0));
        let fits = self.prim(ir::Prim::IntGe, &[&length, &one]);
        self.require(&fits, ExcKind::TypeError, &format!("unbound method {class}.{name}() needs an argument"))?;
        let first = self.load(&sets, &Index::Item(zero))?;
        let others = self.load(&sets, &Index::Slice(Box::new(Slice { start: Some(one), ..Slice::default() })))?;
        self.set_method_of_list(&first, name, others).map(Some)
    }

    fn set_method_of_list(&mut self, set: &Val, name: &str, others: Val) -> Lowered<Val> {
        let length = self.length(&others)?;
        let copy = self.set_method(set, "copy", &[])?;
        if name == "union" {
            let copy = match copy.ty() {
                Type::Set { frozen: false, .. } => copy,
                _ => return self.fail("unsupported-argument", super::star::ONLY_TUPLES, None),
            };
            self.each_item(Source::List(others), 1 << 26, &mut |lowerer, other| {
                lowerer.set_method(&copy, "update", &[other]).map(drop)
            })?;
            return Ok(copy);
        }
        // The order of the items is that of the set itself, not that of a copy, which there is where nothing else is made.
        let found = self.accumulate(Source::List(others), set.clone(), &mut |lowerer, set, other| {
            lowerer.set_method(&set, "intersection", &[other])
        })?;
        if copy.ty() != found.ty() {
            return self.fail("unsupported-argument", super::star::ONLY_TUPLES, None);
        }
        let zero = self.int(0);
        let is_none = self.prim(ir::Prim::IntEq, &[&length, &zero]);
        Ok(self.select(&is_none, &copy, &found))
    }

    /// A copy with what is in the other.
    fn union_with(&mut self, set: &Val, other: &Val, number: u32) -> Lowered<Val> {
        let source = self.source_of(other)?;
        if let Source::Set(other) = &source {
            let (set, other) = self.alike(set, &other.clone())?;
            self.container_op(ContainerOp::SetUpdate, &[&set, &other], Type::None);
            return Ok(set);
        }
        let other = self.as_set(other, number + 4)?;
        self.union_with(set, &other, number)
    }

    fn fold_sets(&mut self, op: ContainerOp, set: &Val, others: &[Val]) -> Lowered<Val> {
        let mut result = None;
        for (number, other) in others.iter().enumerate() {
            let other = self.as_set(other, number as u32)?;
            let before = result.unwrap_or_else(|| set.clone());
            result = Some(self.combine(op, &before, &other)?);
        }
        match result {
            Some(result) => Ok(result),
            None => Ok(self.container_op(ContainerOp::SetCopy, &[set], set.shape.clone())),
        }
    }

    fn change_by(&mut self, op: Operator, set: &Val, others: &[Val]) -> Lowered<()> {
        for (number, other) in others.iter().enumerate() {
            let other = self.as_set(other, number as u32)?;
            self.change_set(op, set, &other)?;
        }
        Ok(())
    }
}

/// The methods of sets.
pub const METHODS: &[&str] = &[
    "add",
    "clear",
    "copy",
    "difference",
    "difference_update",
    "discard",
    "intersection",
    "intersection_update",
    "isdisjoint",
    "issubset",
    "issuperset",
    "pop",
    "remove",
    "symmetric_difference",
    "symmetric_difference_update",
    "union",
    "update",
];

/// Whether CPython's compiler takes the expression for a constant.
fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::BytesLiteral(_)
        | Expr::BooleanLiteral(_)
        | Expr::NoneLiteral(_) => true,
        Expr::UnaryOp(unary) => {
            matches!(unary.op, ast::UnaryOp::USub | ast::UnaryOp::UAdd | ast::UnaryOp::Invert)
                && is_constant(&unary.operand)
        }
        Expr::BinOp(binary) => is_constant(&binary.left) && is_constant(&binary.right),
        Expr::Tuple(tuple) => tuple.elts.iter().all(is_constant),
        _ => false,
    }
}
