//! Elementwise arithmetic on arrays: a chain of operators and functions becomes one loop that makes no array in between.
//! Owns the tree of such a chain, the types and lengths of its result, and the loops; what happens to the elements is the
//! arithmetic of NumPy scalars, see `numpy` and `ufunc`.

use std::rc::Rc;

use ir::{Const, Elem, ExcKind, Op, Prim, Type, View};

use super::iterate::Source;
use super::number::{is_number, symbol};
use super::ufunc::{Function, function_named};
use super::{Edge, Lowered, Lowerer, Stop, Val};
use crate::parse::ast::{CmpOp, Operator, UnaryOp};
use crate::shape::python_name;

/// A value, or an array that has not been computed yet.
#[derive(Clone, Debug)]
pub enum Node {
    Val(Val),
    Tree(Rc<Tree>),
}

/// An operation on the elements of arrays.
#[derive(Debug)]
pub struct Tree {
    step: Step,
    args: Vec<Node>,
    pub elem: Elem,
    /// The lengths of the result.
    pub lengths: Vec<Val>,
}

#[derive(Clone, Copy, Debug)]
pub enum Step {
    Binary(Operator),
    Unary(UnaryOp),
    Compare(CmpOp),
    Function(&'static Function),
    /// To the tree's element type, as `astype` converts.
    Cast,
}

impl Node {
    /// The element type and the number of dimensions, when it is an array.
    pub fn array(&self) -> Option<(Elem, u8)> {
        match self {
            Node::Val(val) => match val.ty() {
                Type::Array { elem, ndim } => Some((*elem, *ndim)),
                _ => None,
            },
            Node::Tree(tree) => Some((tree.elem, tree.lengths.len() as u8)),
        }
    }

    /// Whether it is one value of several types.
    pub fn is_union(&self) -> bool {
        matches!(self, Node::Val(val) if val.is_union())
    }

    fn is_plain_number(&self) -> bool {
        matches!(self, Node::Val(val) if is_number(val.ty()) || matches!(val.ty(), Type::Np(_)))
    }

    /// The arrays that it reads, each once.
    pub fn leaves(&self) -> Vec<Val> {
        fn visit(node: &Node, out: &mut Vec<Val>) {
            match node {
                Node::Val(val) if matches!(val.ty(), Type::Array { .. }) => {
                    if !out.iter().any(|known| known.id == val.id) {
                        out.push(val.clone());
                    }
                }
                Node::Val(_) => {}
                Node::Tree(tree) => tree.args.iter().for_each(|arg| visit(arg, out)),
            }
        }
        let mut out = Vec::new();
        visit(self, &mut out);
        out
    }
}

/// The function that NumPy takes instead of a power with this constant exponent.
fn power_function(base: &Node, exponent: &Node) -> Option<&'static Function> {
    let (Some((Elem::F32 | Elem::F64, _)), Node::Val(exponent)) = (base.array(), exponent) else { return None };
    let known = match exponent.known {
        Some(Const::Float(known)) => known,
        Some(Const::Int(known)) => known as f64,
        _ => return None,
    };
    match known {
        0.5 => function_named("sqrt"),
        2.0 => function_named("square"),
        -1.0 => function_named("reciprocal"),
        _ => None,
    }
}

impl Lowerer<'_, '_> {
    // Trees.

    /// `left op right`, one of them an array or to be one.
    pub fn array_binary(&mut self, op: Operator, left: Node, right: Node) -> Lowered<Node> {
        if op == Operator::MatMult {
            let (left, right) = (self.force(left)?, self.force(right)?);
            return self.product_of_arrays("matmul", &left, &right).map(Node::Val);
        }
        self.require_operands(symbol(op), &left, &right)?;
        if let (Operator::Pow, Some(simpler)) = (op, power_function(&left, &right)) {
            return self.call_function_of_numpy(simpler, vec![left]);
        }
        let left = self.strong(left, &right)?;
        let right = self.strong(right, &left)?;
        let elem = self.binary_elem(op, &left, &right)?;
        self.tree(Step::Binary(op), vec![left, right], elem)
    }

    /// `left op right` of arrays: an array of bools.
    pub fn array_compare(&mut self, op: CmpOp, left: Node, right: Node) -> Lowered<Node> {
        let shown = match op {
            CmpOp::Eq => "==",
            CmpOp::NotEq => "!=",
            CmpOp::Lt => "<",
            CmpOp::LtE => "<=",
            CmpOp::Gt => ">",
            CmpOp::GtE => ">=",
            _ => return self.fail("unsupported-operation", "this test of an array cannot be compiled", None),
        };
        self.require_operands(shown, &left, &right)?;
        self.tree(Step::Compare(op), vec![left, right], Elem::Bool)
    }

    pub fn array_unary(&mut self, op: UnaryOp, node: Node) -> Lowered<Node> {
        let Some((elem, _)) = node.array() else { return Err(Stop::Failed) };
        match (op, elem) {
            (UnaryOp::USub, Elem::Bool) => self.clash(
                "The numpy boolean negative, the `-` operator, is not supported, use the `~` operator or the logical_not \
                 function instead.",
            ),
            (UnaryOp::UAdd, Elem::Bool) => {
                self.fail("unsupported-operation", "`+` on an array of bools is an error of NumPy's own class", None)
            }
            (UnaryOp::Invert, elem) if elem.is_float() => {
                self.clash("ufunc 'invert' not supported for the input types")
            }
            _ => self.tree(Step::Unary(op), vec![node], elem),
        }
    }

    /// The elements as another type.
    pub fn array_cast(&mut self, node: Node, elem: Elem) -> Lowered<Node> {
        self.tree(Step::Cast, vec![node], elem)
    }

    /// An operation on elements; the lengths of the operands must go together.
    pub fn tree(&mut self, step: Step, args: Vec<Node>, elem: Elem) -> Lowered<Node> {
        let mut lengths: Option<Vec<Val>> = None;
        for arg in &args {
            if arg.array().is_none() {
                continue;
            }
            let own = self.lengths_of(arg);
            lengths = Some(match lengths {
                None => own,
                Some(known) => self.broadcast(&known, &own)?,
            });
        }
        let Some(lengths) = lengths else { return Err(Stop::Failed) };
        Ok(Node::Tree(Rc::new(Tree { step, args, elem, lengths })))
    }

    fn require_operands(&mut self, symbol: &str, left: &Node, right: &Node) -> Lowered<()> {
        for node in [left, right] {
            if node.array().is_some() || node.is_plain_number() {
                continue;
            }
            let Node::Val(val) = node else { continue };
            if matches!(val.ty(), Type::List(_) | Type::Tuple(_) | Type::Range) {
                let help = Some("make it an array with `np.array(...)` first".to_owned());
                return self.fail("unsupported-operation", "an array and a sequence cannot be combined here", help);
            }
            // It is an array of one object for NumPy: no error where there are no elements, one of NumPy's own for texts.
            let message =
                format!("an array and a `{}` cannot be combined by `{symbol}` in compiled code", python_name(val.ty()));
            return self.fail("unsupported-operation", message, Some("test the value first".to_owned()));
        }
        Ok(())
    }

    /// A Python number beside an array as a NumPy scalar of the type that it adapts to.
    pub fn strong(&mut self, node: Node, other: &Node) -> Lowered<Node> {
        let (Node::Val(val), Some((elem, _))) = (&node, other.array()) else { return Ok(node) };
        if is_number(val.ty()) {
            let elem = super::numpy::adapt(elem, val.ty());
            let number = self.np_operand(val, elem)?;
            return Ok(Node::Val(self.np_scalar(&number, elem)));
        }
        if let Type::Np(own) = *val.ty()
            && val.shape.origin.python
        {
            // In CPython this may be a Python number: only where both give one type is it known which.
            let weak = super::numpy::adapt(elem, &own.python_type());
            if super::numpy::promote(elem, own) != super::numpy::promote(elem, weak) {
                return self.fail(
                    "unsupported-operation",
                    "this may be a Python number or a NumPy scalar, which give arrays of different types",
                    Some("convert it with `float()` or `int()` first".to_owned()),
                );
            }
        }
        Ok(node)
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

    /// The element type of an arithmetic operation.
    fn binary_elem(&mut self, op: Operator, left: &Node, right: &Node) -> Lowered<Elem> {
        let (Some(a), Some(b)) = (Self::elem_of(left), Self::elem_of(right)) else { return Err(Stop::Failed) };
        let elem = super::numpy::promote(a, b);
        let logic = matches!(op, Operator::BitAnd | Operator::BitOr | Operator::BitXor);
        let unsupported = |this: &mut Self| {
            let message = format!("`{}` on arrays of `{}` cannot be compiled", symbol(op), elem.name());
            this.fail("unsupported-operation", message, Some("convert with `astype` first".to_owned()))
        };
        match op {
            Operator::Div if !elem.is_float() => Ok(Elem::F64),
            Operator::Sub if elem == Elem::Bool => self.clash(
                "numpy boolean subtract, the `-` operator, is not supported, use the bitwise_xor, the `^` operator, or the \
                 logical_xor function instead.",
            ),
            Operator::Add | Operator::Mult if elem == Elem::Bool => Ok(elem),
            _ if elem == Elem::Bool && !logic => unsupported(self),
            Operator::LShift | Operator::RShift if !elem.is_float() => Ok(elem),
            Operator::LShift | Operator::RShift => {
                self.clash("ufunc not supported for the input types, and the inputs could not be safely coerced")
            }
            Operator::Pow if elem == Elem::F32 => unsupported(self),
            _ if logic && elem.is_float() => {
                self.clash("ufunc not supported for the input types, and the inputs could not be safely coerced")
            }
            _ => Ok(elem),
        }
    }

    // Lengths.

    pub fn lengths_of(&mut self, node: &Node) -> Vec<Val> {
        match node {
            Node::Tree(tree) => tree.lengths.clone(),
            Node::Val(val) => match *val.ty() {
                Type::Array { ndim, .. } => (0..ndim).map(|dimension| self.array_length(val, dimension)).collect(),
                _ => Vec::new(),
            },
        }
    }

    /// The lengths of what arrays of these lengths give together; raises `ValueError` where they give nothing.
    pub fn broadcast(&mut self, left: &[Val], right: &[Val]) -> Lowered<Vec<Val>> {
        let count = left.len().max(right.len());
        let at = |lengths: &[Val], axis: usize| {
            (axis + lengths.len()).checked_sub(count).and_then(|axis| lengths.get(axis)).cloned()
        };
        let mut out = Vec::new();
        let one = self.int(1);
        let no = self.bool(false);
        let mut fits = self.bool(true);
        for axis in 0..count {
            let (a, b) = match (at(left, axis), at(right, axis)) {
                (Some(a), Some(b)) if a.id != b.id => (a, b),
                (Some(own), _) | (None, Some(own)) => {
                    out.push(own);
                    continue;
                }
                (None, None) => continue,
            };
            let (same, left_one, right_one) = (
                self.prim(Prim::IntEq, &[&a, &b]),
                self.prim(Prim::IntEq, &[&a, &one]),
                self.prim(Prim::IntEq, &[&b, &one]),
            );
            let yes = self.bool(true);
            let single = self.select(&left_one, &yes, &right_one);
            let goes = self.select(&same, &yes, &single);
            fits = self.select(&fits, &goes, &no);
            let length = self.select(&left_one, &b, &a);
            out.push(length);
        }
        if fits.known_bool() != Some(true) {
            let (left, right) = (left.to_vec(), right.to_vec());
            self.require_with(&fits, ExcKind::ValueError, &mut |this| {
                let (a, b) = (this.shape_text(&left), this.shape_text(&right));
                let parts =
                    ["operands could not be broadcast together with shapes ", " ", " "].map(|part| this.str(part));
                this.joined_text(&[&parts[0], &a, &parts[1], &b, &parts[2]])
            })?;
        }
        Ok(out)
    }

    /// `(2,)`, `(2,3)`: lengths as NumPy's messages show them.
    pub fn shape_text(&mut self, lengths: &[Val]) -> Val {
        let mut text = self.str("(");
        for (axis, length) in lengths.iter().enumerate() {
            let digits = self.prim(Prim::IntToStr, &[length]);
            let after = match axis + 1 == lengths.len() {
                true if lengths.len() == 1 => self.str(",)"),
                true => self.str(")"),
                false => self.str(","),
            };
            text = self.joined_text(&[&text, &digits, &after]);
        }
        text
    }

    pub fn joined_text(&mut self, parts: &[&Val]) -> Val {
        let mut text = self.str("");
        for part in parts {
            text = self.prim(Prim::StrConcat, &[&text, part]);
        }
        text
    }

    /// Raises unless the condition holds, with a text that is only made then.
    pub fn require_with(
        &mut self,
        cond: &Val,
        class: ExcKind,
        message: &mut dyn FnMut(&mut Self) -> Val,
    ) -> Lowered<()> {
        let (holds, fails) = self.branch(cond)?;
        self.continue_at(fails);
        if self.is_live() {
            let text = message(self);
            self.raise_with(class, Some(&text));
        }
        self.continue_at(holds);
        if self.is_live() { Ok(()) } else { Err(Stop::Dead) }
    }

    // Loops.

    /// The value itself, or the array that is computed now.
    pub fn force(&mut self, node: Node) -> Lowered<Val> {
        let tree = match &node {
            Node::Val(val) => return Ok(val.clone()),
            Node::Tree(tree) => tree.clone(),
        };
        let out = self.new_array(tree.elem, &tree.lengths);
        self.fill(&out, &node)?;
        Ok(out)
    }

    pub fn new_array(&mut self, elem: Elem, lengths: &[Val]) -> Val {
        let args: Vec<&Val> = lengths.iter().collect();
        self.emit(Op::ArrayZeros, &args, Type::Array { elem, ndim: lengths.len() as u8 })
    }

    /// Stores the elements of the node, which goes with the target's lengths, into the target.
    pub fn fill(&mut self, target: &Val, node: &Node) -> Lowered<()> {
        self.burn(64)?;
        let Type::Array { ndim, .. } = *target.ty() else { return Err(Stop::Failed) };
        let lengths = self.lengths_of(&Node::Val(target.clone()));
        let leaves = node.leaves();
        let same_ndim = leaves.iter().all(|leaf| matches!(leaf.ty(), Type::Array { ndim: own, .. } if *own == ndim));
        if !same_ndim {
            return self.fill_by_axes(target, node, &leaves, &lengths);
        }
        let flat = self.all_flat(target, &leaves, &lengths);
        let (quick, other) = self.branch(&flat)?;
        let mut ends: Vec<Edge> = Vec::new();
        if let Some(edge) = quick {
            self.attach(edge);
            self.fill_flat(target, node, &leaves, &lengths)?;
            ends.extend(self.detach());
        }
        if let Some(edge) = other {
            self.attach(edge);
            self.fill_by_axes(target, node, &leaves, &lengths)?;
            ends.extend(self.detach());
        }
        self.join(ends, None)
    }

    /// Whether target and leaves have the same lengths and their elements lie one behind the other.
    fn all_flat(&mut self, target: &Val, leaves: &[Val], lengths: &[Val]) -> Val {
        let no = self.bool(false);
        let mut all = self.emit(Op::ArrayIsFlat, &[target], Type::Bool);
        for leaf in leaves {
            let flat = self.emit(Op::ArrayIsFlat, &[leaf], Type::Bool);
            all = self.select(&all, &flat, &no);
            for (dimension, length) in lengths.iter().enumerate() {
                let own = self.array_length(leaf, dimension as u8);
                let same = self.prim(Prim::IntEq, &[&own, length]);
                all = self.select(&all, &same, &no);
            }
        }
        all
    }

    /// One loop over all elements.
    fn fill_flat(&mut self, target: &Val, node: &Node, leaves: &[Val], lengths: &[Val]) -> Lowered<()> {
        let mut count = lengths.first().cloned().unwrap_or(self.int(1));
        for length in &lengths[1..] {
            count = self.prim(Prim::IntMulWrap, &[&count, length]);
        }
        let count = [count];
        let flat = |this: &mut Self, array: &Val| this.view(View::Flat, array, &count, 1);
        let target = flat(self, target);
        let views: Vec<(Val, Val)> = leaves.iter().map(|leaf| (leaf.clone(), flat(self, leaf))).collect();
        self.fill_loop(&target, node, &views, &count)
    }

    /// A loop for each dimension, over operands of any layout.
    fn fill_by_axes(&mut self, target: &Val, node: &Node, leaves: &[Val], lengths: &[Val]) -> Lowered<()> {
        let views: Vec<(Val, Val)> = leaves
            .iter()
            .map(|leaf| (leaf.clone(), self.view(View::Broadcast, leaf, lengths, lengths.len() as u8)))
            .collect();
        self.fill_loop(target, node, &views, lengths)
    }

    fn fill_loop(&mut self, target: &Val, node: &Node, views: &[(Val, Val)], lengths: &[Val]) -> Lowered<()> {
        let Type::Array { elem, .. } = *target.ty() else { return Err(Stop::Failed) };
        self.index_loop(lengths, &mut |this, indices| {
            let item = this.element(node, views, indices)?;
            let item = this.as_elem(&item, elem);
            let args: Vec<&Val> = std::iter::once(target).chain(indices).chain(std::iter::once(&item)).collect();
            this.emit(Op::ArraySet, &args, Type::None);
            Ok(())
        })
    }

    /// A number as an element of this type, as `astype` converts.
    pub fn as_elem(&mut self, item: &Val, elem: Elem) -> Val {
        if *item.ty() == Type::Np(elem) {
            return item.clone();
        }
        let number = self.python_number(item);
        self.np_scalar(&number, elem)
    }

    /// Loops inside one another, one for each length.
    pub fn index_loop(
        &mut self,
        lengths: &[Val],
        body: &mut dyn FnMut(&mut Self, &[Val]) -> Lowered<()>,
    ) -> Lowered<()> {
        self.index_loop_from(lengths, &mut Vec::new(), body)
    }

    fn index_loop_from(
        &mut self,
        lengths: &[Val],
        indices: &mut Vec<Val>,
        body: &mut dyn FnMut(&mut Self, &[Val]) -> Lowered<()>,
    ) -> Lowered<()> {
        let Some(length) = lengths.get(indices.len()).cloned() else { return body(self, indices) };
        let (hidden, key) = (self.var_count(), self.place.start);
        let exits = self.open_collector();
        let lowered = self.for_each(Source::Count(length), key, &[], None, exits, &mut |this, index| {
            indices.push(index);
            let done = this.index_loop_from(lengths, indices, body);
            indices.pop();
            done
        });
        let ends = self.close_collector(exits);
        lowered?;
        self.join(ends, None)?;
        self.drop_hidden(hidden);
        Ok(())
    }

    /// The element of a node at these indices.
    fn element(&mut self, node: &Node, views: &[(Val, Val)], indices: &[Val]) -> Lowered<Val> {
        let tree = match node {
            Node::Val(val) => {
                let Type::Array { elem, .. } = *val.ty() else { return Ok(val.clone()) };
                let Some((_, view)) = views.iter().find(|(leaf, _)| leaf.id == val.id) else {
                    return Err(Stop::Failed);
                };
                let args: Vec<&Val> = std::iter::once(view).chain(indices).collect();
                return Ok(self.emit(Op::ArrayGet, &args, Type::Np(elem)));
            }
            Node::Tree(tree) => tree,
        };
        let mut args = Vec::new();
        for arg in &tree.args {
            args.push(self.element(arg, views, indices)?);
        }
        let item = match (tree.step, args.as_slice()) {
            (Step::Binary(op), [left, right]) => self.np_arithmetic(op, left, right)?,
            (Step::Compare(op), [left, right]) => self.np_compare(op, left, right)?,
            (Step::Unary(op), [val]) => self.np_unary(op, val)?,
            (Step::Function(function), args) => self.apply_function(function, args, tree.elem)?,
            (Step::Cast, [val]) => val.clone(),
            _ => return Err(Stop::Failed),
        };
        Ok(self.as_elem(&item, tree.elem))
    }

    /// A view of an array with this many dimensions.
    pub fn view(&mut self, view: View, array: &Val, args: &[Val], ndim: u8) -> Val {
        let Type::Array { elem, .. } = *array.ty() else { return array.clone() };
        let args: Vec<&Val> = std::iter::once(array).chain(args).collect();
        self.emit(Op::ArrayView(view), &args, Type::Array { elem, ndim })
    }
}
