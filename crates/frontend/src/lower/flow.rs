//! Control flow during lowering: the variables at a point, ends of blocks that wait for their successor (edges),
//! branches and loops. Merging the values of several edges is `merge`.

use ir::{BlockId, Value};

use super::{Lowered, Lowerer, Stop, Val, value::Static};
use crate::names::{Slot, SlotSet};

/// A variable at a point of the program.
#[derive(Clone, Debug)]
pub enum Var {
    Unbound,
    Bound(Val),
    /// Bound where the flag (a `bool`) is true; where it is not, the value is a stand-in.
    Maybe(Val, Value),
    /// Something that is no value at run time.
    Static(Static),
    /// No value at run time on some path, and something else on another.
    Mixed,
    /// The expression that gave it was refused: whatever reads it says nothing more.
    Poisoned,
}

/// A field of a field of a variable, by slot and positions.
pub type Path = (Slot, Vec<u32>);

/// The variables at a point, and what conditions have told of them.
#[derive(Clone, Debug)]
pub struct Env {
    pub vars: Vec<Var>,
    /// What is known of a variable, or of a part of one that cannot change, beyond its type: its value as a smaller
    /// type.
    facts: Vec<(Path, Val)>,
}

impl Env {
    pub fn new(locals: usize) -> Env {
        Env { vars: vec![Var::Unbound; locals], facts: Vec::new() }
    }

    pub fn facts(&self) -> &[(Path, Val)] {
        &self.facts
    }

    pub fn fact(&self, path: &Path) -> Option<&Val> {
        self.facts.iter().find(|(known, _)| known == path).map(|(_, val)| val)
    }

    pub fn set_fact(&mut self, path: Path, val: Val) {
        match self.facts.iter_mut().find(|(known, _)| *known == path) {
            Some((_, known)) => *known = val,
            None => self.facts.push((path, val)),
        }
    }

    /// Forgets the variables beyond the count.
    pub fn truncate(&mut self, count: usize) {
        self.vars.truncate(count);
        self.facts.retain(|((slot, _), _)| *slot < count);
    }

    pub fn set(&mut self, slot: Slot, var: Var) {
        if let Some(known) = self.vars.get_mut(slot) {
            *known = var;
        }
        self.facts.retain(|((known, _), _)| *known != slot);
    }

    /// The variable with what conditions have told of it.
    pub fn var(&self, slot: Slot) -> Var {
        match self.vars.get(slot) {
            Some(Var::Bound(val)) => Var::Bound(self.fact(&(slot, Vec::new())).unwrap_or(val).clone()),
            Some(other) => other.clone(),
            None => Var::Unbound,
        }
    }
}

/// The end of a block that has no terminator yet, and the variables there.
#[derive(Clone, Debug)]
pub struct Edge {
    pub block: BlockId,
    pub env: Env,
}

impl Lowerer<'_, '_> {
    /// Whether control can get here.
    pub fn is_live(&self) -> bool {
        self.env.is_some()
    }

    /// Control cannot get here any more: the block has its terminator.
    pub fn close(&mut self) {
        self.env = None;
    }

    pub fn env(&mut self) -> Option<&mut Env> {
        self.env.as_mut()
    }

    /// Leaves the current end of control flow for later.
    pub fn detach(&mut self) -> Option<Edge> {
        let block = self.builder.current();
        self.env.take().map(|env| Edge { block, env })
    }

    /// Goes on at an edge.
    pub fn attach(&mut self, edge: Edge) {
        self.cover.vars_changed();
        self.builder.switch_to(edge.block);
        self.env = Some(edge.env);
    }

    pub fn continue_at(&mut self, edge: Option<Edge>) {
        match edge {
            Some(edge) => self.attach(edge),
            None => self.close(),
        }
    }

    /// Splits control flow. A condition that the text tells has one side only.
    pub fn branch(&mut self, cond: &Val) -> Lowered<(Option<Edge>, Option<Edge>)> {
        self.burn(8)?;
        let Some(here) = self.detach() else { return Err(Stop::Dead) };
        match cond.known_bool() {
            Some(true) => return Ok((Some(here), None)),
            Some(false) => return Ok((None, Some(here))),
            None => {}
        }
        let (then, otherwise) = (self.builder.block(), self.builder.block());
        self.builder.branch(cond.id, then, otherwise);
        let otherwise = Edge { block: otherwise, env: here.env.clone() };
        Ok((Some(Edge { block: then, env: here.env }), Some(otherwise)))
    }

    // Collectors: edges that leave from inside a construct, such as `break`. They are part of the state that a loop
    // goes back to.

    pub fn open_collector(&mut self) -> usize {
        self.collectors.push(Vec::new());
        self.collectors.len() - 1
    }

    pub fn collect(&mut self, collector: usize, edges: impl IntoIterator<Item = Edge>) {
        if let Some(known) = self.collectors.get_mut(collector) {
            known.extend(edges);
        }
    }

    /// Takes the edges of the collector. Those that were opened after it and not closed, because something was refused,
    /// are closed with it.
    pub fn close_collector(&mut self, collector: usize) -> Vec<Edge> {
        self.collectors.truncate(collector + 1);
        self.collectors.pop().unwrap_or_default()
    }

    // Variables that the program does not see.

    /// A new variable with this value.
    pub fn hidden(&mut self, var: Var) -> Slot {
        match &mut self.env {
            Some(env) => {
                env.vars.push(var);
                env.vars.len() - 1
            }
            None => usize::MAX,
        }
    }

    /// How many variables there are, for [`Lowerer::drop_hidden`].
    pub fn var_count(&self) -> usize {
        self.env.as_ref().map_or(0, |env| env.vars.len())
    }

    /// Forgets the hidden variables beyond the count.
    pub fn drop_hidden(&mut self, count: usize) {
        if let Some(env) = &mut self.env {
            env.truncate(count);
        }
    }

    /// The value of a hidden variable.
    pub fn hidden_val(&mut self, slot: Slot) -> Lowered<Val> {
        match self.env.as_ref().map(|env| env.var(slot)) {
            Some(Var::Bound(val)) => Ok(val),
            Some(_) => Err(Stop::Failed),
            None => Err(Stop::Dead),
        }
    }

    /// What a variable stands for that is no value at run time.
    pub fn static_of(&self, slot: Slot) -> Option<Static> {
        match self.env.as_ref()?.var(slot) {
            Var::Static(known) => Some(known),
            _ => None,
        }
    }

    pub fn set_slot(&mut self, slot: Slot, var: Var) {
        self.cover.vars_changed();
        if let Some(env) = &mut self.env {
            env.set(slot, var);
        }
    }

    pub fn set_val(&mut self, slot: Slot, val: Val) {
        self.set_slot(slot, Var::Bound(val));
    }

    /// Lowers a loop. `step` lowers one iteration from its head: it hands edges that leave the loop to collectors, and
    /// what is live at its end goes around. `assigned` are the variables that an iteration may assign; `live` those
    /// whose value at the head may be read later (all, when it is `None`).
    pub fn run_loop(
        &mut self,
        key: u32,
        assigned: &[Slot],
        live: Option<&SlotSet>,
        step: &mut dyn FnMut(&mut Self) -> Lowered<()>,
    ) -> Lowered<()> {
        let Some(entry) = self.detach() else { return Err(Stop::Dead) };
        let mut slots = assigned.to_vec();
        slots.sort_unstable();
        slots.dedup();
        let locals = self.names.locals.len();
        let (slots, dead): (Vec<Slot>, Vec<Slot>) =
            slots.into_iter().partition(|slot| *slot >= locals || live.is_none_or(|live| live.contains(*slot)));
        let first = self.var_shapes(&entry.env, &slots);
        let mut head = self.loop_heads.get(&(key, first.clone())).cloned().unwrap_or_else(|| first.clone());
        let mut floors = vec![None; slots.len()];
        loop {
            self.burn(32)?;
            if let Some(slot) = head.iter().position(super::VarShape::is_endless) {
                return self.refuse_endless(slots[slot]);
            }
            self.attach(entry.clone());
            let mark = self.mark();
            let header = self.enter_header(&slots, &dead, &head)?;
            let outcome = step(self);
            let outcome = self.raise_clash(outcome);
            let back = self.detach();
            let next = match &back {
                Some(edge) => self.next_head(&slots, &first, &head, &edge.env, &mut floors),
                None => head.clone(),
            };
            if next == head || self.exhausted {
                if let Some(edge) = back {
                    self.attach(edge);
                    self.jump_to_header(header, &slots, &head)?;
                }
                self.loop_heads.insert((key, first), head);
                return match outcome {
                    Err(Stop::Dead) => Ok(()),
                    other => other,
                };
            }
            self.rollback(&mark);
            head = next;
        }
    }
}
