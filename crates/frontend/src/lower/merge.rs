//! Merging of control flow: the common types of variables and values, and the block parameters that carry them.

use ir::{BlockId, Value};

use super::flow::{Edge, Env, Path, Var};
use super::value::Static;
use super::{Lowered, Lowerer, Stop, Val};
use crate::names::{Slot, SlotSet};
use crate::shape::{self, Merge, Shape};

/// Types that one variable may have at the head of a loop.
const VARIANTS_MAX: usize = 10;

/// A variable as merging sees it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum VarShape {
    Unbound,
    Bound(Shape),
    Maybe(Shape),
    Static(Static),
    Mixed,
    Poisoned,
}

impl VarShape {
    fn of(var: &Var) -> VarShape {
        match var {
            Var::Unbound => VarShape::Unbound,
            Var::Bound(val) => VarShape::Bound(val.shape.clone()),
            Var::Maybe(val, _) => VarShape::Maybe(val.shape.clone()),
            Var::Static(known) => VarShape::Static(known.clone()),
            Var::Mixed => VarShape::Mixed,
            Var::Poisoned => VarShape::Poisoned,
        }
    }

    /// Whether the variable has so many or so deep types that they will never be complete.
    pub(super) fn is_endless(&self) -> bool {
        self.shape().is_some_and(|shape| shape.ty.variants().len() > VARIANTS_MAX || shape::is_too_large(&shape.ty))
    }

    fn shape(&self) -> Option<&Shape> {
        match self {
            VarShape::Bound(shape) | VarShape::Maybe(shape) => Some(shape),
            _ => None,
        }
    }
}

/// What becomes of a variable or fact where edges meet.
enum Plan {
    Keep(Var),
    Param(VarShape),
}

impl Lowerer<'_, '_> {
    fn join_var(&mut self, left: &VarShape, right: &VarShape, how: Merge) -> VarShape {
        match (left, right) {
            (a, b) if a == b && how == Merge::Exact => a.clone(),
            (VarShape::Unbound, VarShape::Unbound) => VarShape::Unbound,
            (VarShape::Static(a), VarShape::Static(b)) if a == b => left.clone(),
            (VarShape::Poisoned, _) | (_, VarShape::Poisoned) => VarShape::Poisoned,
            (VarShape::Bound(a), VarShape::Bound(b)) => VarShape::Bound(shape::join_with(a, b, &mut self.sites, how)),
            (VarShape::Unbound, other) | (other, VarShape::Unbound) => match other.shape() {
                Some(shape) => VarShape::Maybe(shape.clone()),
                None => VarShape::Mixed,
            },
            (a, b) => match (a.shape(), b.shape()) {
                (Some(a), Some(b)) => VarShape::Maybe(shape::join_with(a, b, &mut self.sites, how)),
                _ => VarShape::Mixed,
            },
        }
    }

    // Forward merges.

    /// Goes on where all these edges meet. Variables that are not live there are forgotten.
    pub fn join(&mut self, edges: Vec<Edge>, live: Option<&SlotSet>) -> Lowered<()> {
        let edges = edges.into_iter().map(|edge| (edge, Vec::new())).collect();
        self.merge(edges, live).map(|_| ())
    }

    /// Goes on where all these edges meet, with one value from each.
    pub fn join_values(&mut self, edges: Vec<(Edge, Val)>) -> Lowered<Val> {
        let edges = edges.into_iter().map(|(edge, val)| (edge, vec![val])).collect();
        self.merge(edges, None)?.pop().ok_or(Stop::Dead)
    }

    pub fn merge(&mut self, mut edges: Vec<(Edge, Vec<Val>)>, live: Option<&SlotSet>) -> Lowered<Vec<Val>> {
        if edges.len() < 2 {
            return match edges.pop() {
                Some((edge, vals)) => {
                    self.attach(edge);
                    Ok(vals)
                }
                None => {
                    self.close();
                    Err(Stop::Dead)
                }
            };
        }
        self.burn(8 * edges.len())?;
        let locals = self.names.locals.len();
        let count = edges.iter().map(|(edge, _)| edge.env.vars.len()).min().unwrap_or(0);
        let mut env = Env::new(0);
        let mut plans: Vec<(Slot, VarShape)> = Vec::new();
        for slot in 0..count {
            let dead = slot < locals && live.is_some_and(|live| !live.contains(slot));
            match if dead { Plan::Keep(Var::Unbound) } else { self.plan_var(&edges, slot) } {
                Plan::Keep(var) => env.vars.push(var),
                Plan::Param(shape) => {
                    env.vars.push(Var::Unbound);
                    plans.push((slot, shape));
                }
            }
        }
        let facts = self.plan_facts(&edges, &mut env);
        let (kept, shapes) = self.plan_values(&edges);
        let target = self.builder.block();
        for (slot, shape) in &plans {
            let var = self.header_var(target, shape);
            env.vars[*slot] = var;
        }
        for (path, shape) in &facts {
            let id = self.builder.block_param(target, shape.ty.clone());
            env.set_fact(path.clone(), Val::new(id, shape.clone()));
        }
        let mut results = Vec::new();
        for (kept, shape) in kept.into_iter().zip(&shapes) {
            results.push(
                kept.unwrap_or_else(|| Val::new(self.builder.block_param(target, shape.ty.clone()), shape.clone())),
            );
        }
        let params = self.builder.func().block(target).params.len();
        for (edge, vals) in edges {
            self.attach(edge);
            let mut args = Vec::with_capacity(params);
            for (slot, shape) in &plans {
                self.var_args(*slot, shape, &mut args)?;
            }
            for (path, shape) in &facts {
                let fact = self.env().and_then(|env| env.fact(path).cloned()).ok_or(Stop::Dead)?;
                args.push(self.coerce(&fact, shape)?.id);
            }
            for ((val, shape), result) in vals.iter().zip(&shapes).zip(&results) {
                if self.builder.func().block(target).params.contains(&result.id) {
                    args.push(self.coerce(val, shape)?.id);
                }
            }
            self.builder.jump(target, &args);
        }
        self.attach(Edge { block: target, env });
        Ok(results)
    }

    fn plan_var(&mut self, edges: &[(Edge, Vec<Val>)], slot: Slot) -> Plan {
        let bases: Vec<&Var> = edges.iter().filter_map(|(edge, _)| edge.env.vars.get(slot)).collect();
        let same = |pair: &[&Var]| match (pair[0], pair[1]) {
            (Var::Bound(a), Var::Bound(b)) => a.id == b.id,
            (Var::Maybe(a, flag), Var::Maybe(b, other)) => a.id == b.id && flag == other,
            (Var::Static(a), Var::Static(b)) => a == b,
            (Var::Unbound, Var::Unbound) | (Var::Mixed, Var::Mixed) | (Var::Poisoned, Var::Poisoned) => true,
            _ => false,
        };
        if let Some(first) = bases.first()
            && bases.windows(2).all(same)
        {
            return Plan::Keep((*first).clone());
        }
        let mut shapes = edges.iter().map(|(edge, _)| VarShape::of(&edge.env.var(slot)));
        let first = shapes.next().unwrap_or(VarShape::Unbound);
        let joined = shapes.fold(first, |joined, next| self.join_var(&joined, &next, Merge::Exact));
        match joined {
            VarShape::Bound(_) | VarShape::Maybe(_) => Plan::Param(joined),
            VarShape::Unbound => Plan::Keep(Var::Unbound),
            VarShape::Static(known) => Plan::Keep(Var::Static(known)),
            VarShape::Mixed => Plan::Keep(Var::Mixed),
            VarShape::Poisoned => Plan::Keep(Var::Poisoned),
        }
    }

    /// Facts that hold on every edge stay. One that differs between them becomes a parameter when that still tells more
    /// than the variable's type.
    fn plan_facts(&mut self, edges: &[(Edge, Vec<Val>)], env: &mut Env) -> Vec<(Path, Shape)> {
        let mut params = Vec::new();
        let Some(((first, _), rest)) = edges.split_first() else { return params };
        for (path, val) in first.env.facts() {
            let others: Vec<&Val> = rest.iter().filter_map(|(edge, _)| edge.env.fact(path)).collect();
            let Some(Var::Bound(base)) = env.vars.get(path.0).cloned() else { continue };
            if others.len() < rest.len() {
                continue;
            }
            if others.iter().all(|other| other.id == val.id) {
                env.set_fact(path.clone(), val.clone());
                continue;
            }
            let joined = others
                .iter()
                .fold(val.shape.clone(), |joined, other| shape::join(&joined, &other.shape, &mut self.sites));
            let whole = path.1.iter().fold(base.shape.clone(), |shape, index| shape.field(*index as usize));
            if joined.ty.variants().len() < whole.ty.variants().len() {
                params.push((path.clone(), joined));
            }
        }
        params
    }

    /// Per value: itself, when it is the same on every edge, and the common shape.
    fn plan_values(&mut self, edges: &[(Edge, Vec<Val>)]) -> (Vec<Option<Val>>, Vec<Shape>) {
        let count = edges.first().map_or(0, |(_, vals)| vals.len());
        let (mut kept, mut shapes) = (Vec::new(), Vec::new());
        for index in 0..count {
            let vals: Vec<&Val> = edges.iter().filter_map(|(_, vals)| vals.get(index)).collect();
            let first = vals[0];
            let same = vals.iter().all(|val| val.id == first.id);
            kept.push(same.then(|| first.clone()));
            let joined =
                vals.iter().fold(first.shape.clone(), |joined, val| shape::join(&joined, &val.shape, &mut self.sites));
            shapes.push(joined);
        }
        (kept, shapes)
    }

    /// The variable that a block's new parameters stand for.
    fn header_var(&mut self, block: BlockId, shape: &VarShape) -> Var {
        let mut param = |shape: &Shape| Val::new(self.builder.block_param(block, shape.ty.clone()), shape.clone());
        match shape {
            VarShape::Bound(shape) => Var::Bound(param(shape)),
            VarShape::Maybe(shape) => {
                let val = param(shape);
                let flag = self.builder.block_param(block, ir::Type::Bool);
                Var::Maybe(val, flag)
            }
            VarShape::Unbound => Var::Unbound,
            VarShape::Static(known) => Var::Static(known.clone()),
            VarShape::Mixed => Var::Mixed,
            VarShape::Poisoned => Var::Poisoned,
        }
    }

    /// The arguments that give a variable of this shape its value here.
    fn var_args(&mut self, slot: Slot, want: &VarShape, args: &mut Vec<Value>) -> Lowered<()> {
        let (shape, maybe) = match want {
            VarShape::Bound(shape) => (shape, false),
            VarShape::Maybe(shape) => (shape, true),
            _ => return Ok(()),
        };
        let var = self.env().map_or(Var::Unbound, |env| env.var(slot));
        let (id, flag) = match var {
            Var::Bound(val) => (self.coerce(&val, shape)?.id, None),
            Var::Maybe(val, flag) => (self.coerce(&val, shape)?.id, Some(flag)),
            _ => (self.stand_in(&shape.ty), Some(self.builder.bool(false))),
        };
        args.push(id);
        if maybe {
            let flag = flag.unwrap_or_else(|| self.builder.bool(true));
            args.push(flag);
        }
        Ok(())
    }

    // Heads of loops.

    pub(super) fn refuse_endless(&mut self, slot: Slot) -> Lowered<()> {
        let name = self.names.locals.get(slot).cloned().unwrap_or_default();
        self.fail(
            "too-many-types",
            format!("`{name}` has ever more types in this loop"),
            Some("use a list for what grows".to_owned()),
        )
    }

    pub(super) fn var_shapes(&self, env: &Env, slots: &[Slot]) -> Vec<VarShape> {
        slots.iter().map(|slot| VarShape::of(&env.var(*slot))).collect()
    }

    /// The next guess at a loop's head, from what one iteration leads to. When a literal turns out to be a float there,
    /// the iteration was lowered under a wrong idea of it, so what it led to for other variables is forgotten: but for
    /// those that became floats themselves, whose types are in `floors`. Else two of them could undo each other for ever.
    pub(super) fn next_head(
        &mut self,
        slots: &[Slot],
        first: &[VarShape],
        head: &[VarShape],
        back: &Env,
        floors: &mut [Option<VarShape>],
    ) -> Vec<VarShape> {
        let found = self.var_shapes(back, slots);
        let mut next: Vec<VarShape> = Vec::new();
        for (known, found) in head.iter().zip(&found) {
            next.push(match (known, found) {
                // A variable that failed in this iteration says nothing; one that is dead at its end has no value.
                (known, VarShape::Poisoned) => known.clone(),
                (known, found) => {
                    let joined = self.join_var(known, found, Merge::Literals);
                    self.without_growing_tuples(joined)
                }
            });
        }
        let absorbed = |from: &VarShape, to: &VarShape| match (from.shape(), to.shape()) {
            (Some(from), Some(to)) => from
                .ty
                .variants()
                .iter()
                .any(|ty| matches!(ty, ir::Type::Int | ir::Type::Float) && !to.ty.variants().contains(ty)),
            _ => false,
        };
        if head.iter().zip(&next).any(|(head, next)| absorbed(head, next)) {
            for ((head, next), floor) in head.iter().zip(&next).zip(floors.iter_mut()) {
                if absorbed(head, next) {
                    *floor = Some(next.clone());
                }
            }
            for ((first, next), floor) in first.iter().zip(next.iter_mut()).zip(floors.iter()) {
                if !absorbed(first, next) {
                    *next = floor.as_ref().unwrap_or(first).clone();
                }
            }
        }
        next
    }

    /// A tuple that becomes longer with each iteration is one of any length.
    fn without_growing_tuples(&mut self, var: VarShape) -> VarShape {
        match var {
            VarShape::Bound(shape) => VarShape::Bound(shape::without_growing_tuples(shape, &mut self.sites)),
            VarShape::Maybe(shape) => VarShape::Maybe(shape::without_growing_tuples(shape, &mut self.sites)),
            other => other,
        }
    }

    /// Opens a loop's head and goes there from here.
    pub(super) fn enter_header(&mut self, slots: &[Slot], dead: &[Slot], head: &[VarShape]) -> Lowered<BlockId> {
        let header = self.builder.block();
        let vars: Vec<Var> = head.iter().map(|shape| self.header_var(header, shape)).collect();
        self.jump_to_header(header, slots, head)?;
        let Some(mut edge) = self.detach() else { return Err(Stop::Dead) };
        for (slot, var) in slots.iter().zip(vars) {
            edge.env.set(*slot, var);
        }
        for slot in dead {
            edge.env.set(*slot, Var::Unbound);
        }
        self.attach(Edge { block: header, env: edge.env });
        Ok(header)
    }

    pub(super) fn jump_to_header(&mut self, header: BlockId, slots: &[Slot], head: &[VarShape]) -> Lowered<()> {
        let mut args = Vec::new();
        for (slot, shape) in slots.iter().zip(head) {
            self.var_args(*slot, shape, &mut args)?;
        }
        self.builder.jump(header, &args);
        Ok(())
    }
}
