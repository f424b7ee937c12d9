//! Operations on unions: one branch for each combination of variants. Those that CPython forbids raise what it raises;
//! when it forbids them all, the program is wrong.

use super::{Clash, Edge, Lowered, Lowerer, Stop, Val};
use crate::diagnostic::Place;

/// Combinations of variants that one operation may have.
const COMBINATIONS_MAX: usize = 16;

#[derive(Default)]
pub struct Dispatch {
    edges: Vec<(Edge, Val)>,
    /// The first forbidden combination.
    clash: Option<Box<Clash>>,
    /// Combinations that CPython allows, whether or not they return.
    allowed: usize,
    failed: bool,
}

impl Lowerer<'_, '_> {
    /// Lowers an operation for operands of plain types; unions among the operands are taken apart first.
    pub fn dispatch(&mut self, vals: &[Val], lower: &mut dyn FnMut(&mut Self, &[Val]) -> Lowered<Val>) -> Lowered<Val> {
        if !vals.iter().any(Val::is_union) {
            return lower(self, vals);
        }
        let combinations: usize = vals.iter().map(|val| val.ty().variants().len()).product();
        if combinations > COMBINATIONS_MAX {
            let types: Vec<String> = vals.iter().map(|val| crate::shape::annotation_text(val.ty())).collect();
            return self.fail(
                "too-many-types",
                format!("there are too many combinations of types here: {}", types.join(" and ")),
                Some("test the type with `isinstance` or `is None` first".to_owned()),
            );
        }
        let place = self.place;
        let mut state = Dispatch { edges: Vec::new(), clash: None, allowed: 0, failed: false };
        self.dispatch_from(vals.to_vec(), lower, &mut state)?;
        self.finish_dispatch(state, place)
    }

    /// The value that the branches give.
    pub fn finish_dispatch(&mut self, state: Dispatch, place: Place) -> Lowered<Val> {
        self.at_place(place);
        if state.failed {
            return Err(Stop::Failed);
        }
        match state.clash {
            Some(clash) if state.allowed == 0 => Err(Stop::Clash(clash)),
            _ => self.join_values(state.edges),
        }
    }

    /// One branch: from here to what the operation gives.
    pub fn one_branch(&mut self, state: &mut Dispatch, lower: impl FnOnce(&mut Self) -> Lowered<Val>) {
        self.branches += 1;
        let lowered = lower(self);
        self.branches -= 1;
        match lowered {
            Ok(val) => {
                state.allowed += 1;
                state.edges.extend(self.detach().map(|edge| (edge, val)));
            }
            Err(Stop::Dead) => state.allowed += 1,
            Err(Stop::Failed) => state.failed = true,
            Err(Stop::Clash(clash)) => {
                self.at_place(clash.place);
                if self.is_live() {
                    self.raise(clash.class, &clash.message);
                }
                state.clash.get_or_insert(clash);
            }
        }
        self.close();
    }

    fn dispatch_from(
        &mut self,
        vals: Vec<Val>,
        lower: &mut dyn FnMut(&mut Self, &[Val]) -> Lowered<Val>,
        state: &mut Dispatch,
    ) -> Lowered<()> {
        let place = self.place;
        let Some(position) = vals.iter().position(Val::is_union) else {
            self.one_branch(state, |lowerer| lower(lowerer, &vals));
            return Ok(());
        };
        let union = vals[position].clone();
        let count = union.ty().variants().len();
        for tag in 0..count {
            self.at_place(place);
            let rest = if tag + 1 < count {
                let cond = self.is_variant(&union, tag);
                let (is, rest) = self.branch(&cond)?;
                self.continue_at(is);
                rest
            } else {
                None
            };
            let mut narrowed = vals.clone();
            narrowed[position] = self.variant(&union, tag);
            self.dispatch_from(narrowed, lower, state)?;
            self.continue_at(rest);
        }
        Ok(())
    }
}
