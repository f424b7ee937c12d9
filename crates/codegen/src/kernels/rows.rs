//! Kernels over rows: maps and folds.
//!
//! ```text
//! status kernel(context, Run *)          reads the run, goes over it block by block, polling in between
//!   exact(.., first, last)               the loop that knows what to do when a row fails
//!   fast(.., first, last)                the same for blocks without nulls, or without branches at all: when a row
//!                                        of a block failed there, the block is run again by `exact`
//! ```

use ir::{ExcKind, Type};
use runtime::abi;

use crate::emit::{Emitter, Mode, Surroundings, Variant};
use crate::error::CodegenError;
use crate::input::{ParamInput, Physical};
use crate::kernels::call;
use crate::kernels::columns::{self, Column};
use crate::kernels::results::{self, Output};
use crate::kernels::states::{self, StateValue};
use crate::leaf::Leaf;
use crate::llvm::{Bb, CallConv, Fun, IntPred, Val};
use crate::loops::Known;
use crate::value::{comp_count, load_value};

/// Rows between two looks at the cancel flag, and the most that are run again when a row failed.
const BLOCK_ROWS: i64 = 1024;

/// What a kernel over rows is told, and what it tells.
#[repr(C)]
#[derive(Debug)]
pub struct Run {
    pub columns: *const abi::ColumnView,
    pub broadcast: *const u64,
    pub states: *mut u64,
    pub state_stride_slots: u64,
    pub groups: *const u32,
    pub outputs: *const abi::OutputView,
    pub statuses: *mut abi::Status,
    pub start: i64,
    pub rows: i64,
    /// Out: the row that failed, when the kernel returns its status.
    pub failed_row: i64,
    /// Out: how many rows failed, when the kernel goes on.
    pub failed_count: i64,
}

/// What is done with a row.
#[derive(Clone, PartialEq, Debug)]
pub enum Work {
    /// The result goes to these outputs.
    Map(Vec<Leaf>),
    /// Parameter 0 is the state, and the result is the next one. With groups each row has its own state.
    Fold { grouped: bool },
}

/// Where a parameter comes from.
#[derive(Clone, Debug)]
enum Source {
    Column(Column),
    Row(Vec<Option<Column>>),
    Broadcast(Vec<Val>),
    /// The state number of the row, read only.
    State,
    /// The state that is folded.
    Folded,
}

/// The LLVM values of a run; each function of the kernel has its own copy.
#[derive(Clone, Debug)]
struct Env {
    around: Surroundings,
    sources: Vec<Source>,
    outputs: Vec<Output>,
    statuses: Val,
    states: Val,
    stride_bytes: Val,
    groups: Val,
}

impl Env {
    /// Applies `change` to every LLVM value, in a fixed order.
    fn map(&self, change: &mut dyn FnMut(Val) -> Val) -> Env {
        let mut all = |values: &[Val]| values.iter().map(|value| change(*value)).collect::<Vec<Val>>();
        let around = Surroundings {
            context: all(self.around.context.as_slice()).first().copied(),
            captures: all(self.around.captures.as_slice()).first().copied(),
            passed: self.around.passed.iter().map(|(capture, values)| (*capture, all(values))).collect(),
        };
        let sources = self.sources.iter().map(|source| match source {
            Source::Column(column) => Source::Column(column.map(change)),
            Source::Row(fields) => {
                Source::Row(fields.iter().map(|field| field.as_ref().map(|column| column.map(change))).collect())
            }
            Source::Broadcast(values) => Source::Broadcast(values.iter().map(|value| change(*value)).collect()),
            Source::State => Source::State,
            Source::Folded => Source::Folded,
        });
        Env {
            around,
            sources: sources.collect(),
            outputs: self.outputs.iter().map(|output| output.map(change)).collect(),
            statuses: change(self.statuses),
            states: change(self.states),
            stride_bytes: change(self.stride_bytes),
            groups: change(self.groups),
        }
    }

    /// What is the same for all rows and so known before any is looked at.
    fn known(&self, em: &Emitter<'_>, known: Known) -> Option<Val> {
        let ll = &em.ll;
        let (value, component) = match known {
            Known::Const(value) => return Some(ll.const_i64(value)),
            Known::Capture(capture, component) => return self.around.passed.get(&capture)?.get(component).copied(),
            Known::Component(value, component) => (value, component),
        };
        let func = em.module.entry_func();
        let position = func.params().iter().position(|param| *param == value)?;
        match self.sources.get(position)? {
            Source::Broadcast(values) => values.get(component).copied(),
            Source::Column(column) => match column.ty.physical {
                Physical::FixedSizeList(_, length) if component == 1 => Some(ll.const_i64(i64::from(length))),
                _ => None,
            },
            // All states have arrays of the same shapes.
            Source::Folded => {
                let mut arrays = crate::state::array_shapes(func.type_of(value)).into_iter();
                let is_length = arrays.any(|array| (array.slot + 1..=array.slot + array.ndim).contains(&component));
                is_length.then(|| ll.load(ll.i64(), ll.field_at(self.states, 8 * component)))
            }
            Source::Row(_) | Source::State => None,
        }
    }

    /// What is needed to note a failing row: the statuses, then the outputs.
    fn note_values(&self) -> Vec<Val> {
        let mut values = vec![self.statuses];
        for output in &self.outputs {
            output.map(&mut |value| {
                values.push(value);
                value
            });
        }
        values
    }

    /// Every LLVM value, in the order of [`Env::map`].
    fn values(&self) -> Vec<Val> {
        let mut values = Vec::new();
        self.map(&mut |value| {
            values.push(value);
            value
        });
        values
    }

    fn columns(&self) -> impl Iterator<Item = &Column> {
        self.sources.iter().flat_map(|source| match source {
            Source::Column(column) => vec![column],
            Source::Row(fields) => fields.iter().flatten().collect(),
            Source::Broadcast(_) | Source::State | Source::Folded => Vec::new(),
        })
    }
}

/// Checks that each parameter can be read from its input.
pub fn check_inputs(module: &ir::Module, work: &Work, inputs: &[ParamInput]) -> Result<(), CodegenError> {
    let func = module.entry_func();
    let types = func.param_types();
    let skipped = usize::from(matches!(work, Work::Fold { .. }));
    if types.len() != inputs.len() + skipped {
        let (wanted, given) = (types.len().saturating_sub(skipped), inputs.len());
        return Err(CodegenError::new(format!("`{}` takes {wanted} inputs, not {given}", func.name)));
    }
    if let Work::Fold { .. } = work {
        check_fold(func, &types)?;
    }
    let writes = crate::facts::of_module(module)[module.entry.index()].writes;
    for ((name, ty), input) in func.param_names.iter().zip(&types).skip(skipped).zip(inputs) {
        match input {
            ParamInput::Column(column) => columns::check(name, ty, *column, writes)?,
            ParamInput::Row(fields) => {
                let field_types = ty.field_types().unwrap_or_default();
                if field_types.len() != fields.len() || field_types.is_empty() && *ty != Type::Tuple(Vec::new()) {
                    return Err(CodegenError::new(format!("`{name}: {ty}` is not a row of {} fields", fields.len())));
                }
                for (field_ty, column) in field_types.iter().zip(fields) {
                    if let Some(column) = column {
                        columns::check(name, field_ty, *column, writes)?;
                    }
                }
            }
            ParamInput::Broadcast => {}
            ParamInput::State => crate::state::check(ty)?,
        }
    }
    Ok(())
}

fn check_fold(func: &ir::Func, types: &[Type]) -> Result<(), CodegenError> {
    let Some(state) = types.first() else {
        return Err(CodegenError::new(format!("the step `{}` has no state", func.name)));
    };
    crate::state::check(state)?;
    if *state != func.result {
        let message = format!("the step `{}` takes a state of type `{state}` and gives `{}`", func.name, func.result);
        return Err(CodegenError::new(message));
    }
    Ok(())
}

/// Emits the kernel's function under this name. The inputs were checked.
pub fn emit(em: &mut Emitter<'_>, symbol: &str, work: &Work, inputs: &[ParamInput]) {
    let ptr = em.ll.ptr();
    let kernel = em.ll.define(symbol, em.ll.fn_ty(em.ll.i64(), &[ptr, ptr]), CallConv::C, false);
    em.ll.add_attribute(kernel, "nounwind");
    let entry = em.ll.block(kernel);
    em.ll.position(entry);
    let (context, run) = (em.ll.param(kernel, 0), em.ll.param(kernel, 1));
    let env = read_run(em, work, inputs, context, run);
    // What is not the same for all rows cannot be tested before them.
    let is_known = |known: &Known| env.known(em, *known).is_some();
    let kept = em.assumptions.iter().filter(|assumption| assumption.needs().iter().all(is_known)).cloned();
    em.assumptions = kept.collect();
    let plan = Plan::new(em, work, inputs);
    let mut rows = RowsEmitter { em, work, plan, note: None };
    let exact = rows.loop_function(&env, false);
    let fast = rows.plan.has_fast.then(|| rows.loop_function(&env, true));
    rows.blocks(kernel, &env, context, run, Loops { exact, fast });
}

/// Reads everything that stays the same for all rows.
fn read_run(em: &mut Emitter<'_>, work: &Work, inputs: &[ParamInput], context: Val, run: Val) -> Env {
    let func = em.module.entry;
    let mut around = em.surroundings_of(func, context);
    around.captures.get_or_insert_with(|| em.ll.zero(em.ll.ptr()));
    let ll = &em.ll;
    let ptr = |field| ll.load(ll.ptr(), ll.field_at(run, field));
    let int = |field| ll.load(ll.i64(), ll.field_at(run, field));
    let (views, broadcast) = (ptr(std::mem::offset_of!(Run, columns)), ptr(std::mem::offset_of!(Run, broadcast)));
    let start = int(std::mem::offset_of!(Run, start));
    let mut next_column = 0;
    let mut column = |ty| {
        let view = ll.field_at(views, next_column * size_of::<abi::ColumnView>());
        next_column += 1;
        Column::read(ll, ty, view, start)
    };
    let types = em.module.entry_func().param_types();
    let folded = matches!(work, Work::Fold { .. });
    let mut sources = Vec::new();
    let mut slot = 0;
    if folded {
        sources.push(Source::Folded);
    }
    for (ty, input) in types.iter().skip(usize::from(folded)).zip(inputs) {
        sources.push(match input {
            ParamInput::Column(ty) => Source::Column(column(*ty)),
            ParamInput::Row(fields) => Source::Row(fields.iter().map(|field| field.map(&mut column)).collect()),
            ParamInput::Broadcast => {
                let value = load_value(ll, ty, ll.field_at(broadcast, 8 * slot));
                slot += comp_count(ty);
                Source::Broadcast(value)
            }
            ParamInput::State => Source::State,
        });
    }
    let views = ptr(std::mem::offset_of!(Run, outputs));
    let leaves = match work {
        Work::Map(leaves) => leaves.as_slice(),
        Work::Fold { .. } => &[],
    };
    let outputs = leaves
        .iter()
        .enumerate()
        .map(|(index, leaf)| Output::read(ll, leaf.clone(), ll.field_at(views, index * size_of::<abi::OutputView>())));
    let stride = int(std::mem::offset_of!(Run, state_stride_slots));
    Env {
        outputs: outputs.collect(),
        around,
        sources,
        statuses: ptr(std::mem::offset_of!(Run, statuses)),
        states: ptr(std::mem::offset_of!(Run, states)),
        stride_bytes: ll.shl(stride, ll.const_i64(3)),
        groups: ptr(std::mem::offset_of!(Run, groups)),
    }
}

/// Which loops a kernel has.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// The fast loop collects failures in a flag.
    collects: bool,
    /// Some column may have nulls, which the fast loop does not look for.
    nullable: bool,
    has_fast: bool,
    /// A row may fail.
    can_raise: bool,
    /// The function may be called in its contiguous form: in the fast loop after a test, in the exact loop when there is
    /// nothing to test.
    fast_contiguous: bool,
    exact_contiguous: bool,
}

impl Plan {
    fn new(em: &Emitter<'_>, work: &Work, inputs: &[ParamInput]) -> Plan {
        let types = em.module.entry_func().param_types();
        let skipped = usize::from(matches!(work, Work::Fold { .. }));
        let mut nullable = false;
        let mut overflow = false;
        for (ty, input) in types.iter().skip(skipped).zip(inputs) {
            let fields = ty.field_types().unwrap_or_default();
            let pairs: Vec<_> = match input {
                ParamInput::Column(column) => vec![(ty, *column)],
                ParamInput::Row(columns) => {
                    fields.iter().zip(columns).filter_map(|(ty, column)| Some((ty, (*column)?))).collect()
                }
                ParamInput::Broadcast | ParamInput::State => Vec::new(),
            };
            for (ty, column) in pairs {
                nullable |= column.nullable;
                overflow |= columns::can_overflow(ty, column);
            }
        }
        let facts = em.facts_of(em.module.entry);
        let state_arrays = skipped > 0 && !crate::state::array_shapes(&em.module.entry_func().result).is_empty();
        let can_raise = facts.can_raise || overflow || state_arrays;
        // What a flagged block did must be undone: states of groups are stored row by row.
        let grouped = *work == Work::Fold { grouped: true };
        let collects = facts.collects && can_raise && !state_arrays && !grouped;
        let tested = !em.assumptions.is_empty() || arrays_may_have_gaps(em, inputs, &types[skipped..]);
        let contiguous = em.arrays_are_plain && em.has_arrays;
        let has_fast = collects || nullable || contiguous && tested;
        let exact_contiguous = contiguous && !tested;
        Plan { collects, nullable, has_fast, can_raise, fast_contiguous: contiguous, exact_contiguous }
    }
}

/// Whether there are arrays that may have gaps: in captures or broadcast parameters.
fn arrays_may_have_gaps(em: &Emitter<'_>, inputs: &[ParamInput], types: &[Type]) -> bool {
    let broadcast = inputs
        .iter()
        .zip(types)
        .any(|(input, ty)| *input == ParamInput::Broadcast && !crate::state::array_shapes(ty).is_empty());
    broadcast || !em.facts_of(em.module.entry).passed_captures.is_empty()
}

struct RowsEmitter<'e, 'm> {
    em: &'e mut Emitter<'m>,
    work: &'e Work,
    plan: Plan,
    note: Option<Fun>,
}

/// The loop functions of a kernel.
#[derive(Clone, Copy)]
struct Loops {
    exact: Fun,
    fast: Option<Fun>,
}

/// The parts of a loop under construction.
struct Loop {
    function: Fun,
    /// Where a row begins.
    head: Bb,
    row: Val,
    failed: Val,
    /// Without groups: the state's components before the row, as phis of `head` or as what never changes.
    state: Option<StateValue>,
    /// The word of the collecting mode.
    flag: Val,
    mode: Mode,
}

impl RowsEmitter<'_, '_> {
    fn is_fold(&self) -> bool {
        matches!(self.work, Work::Fold { .. })
    }

    fn grouped(&self) -> bool {
        matches!(self.work, Work::Fold { grouped: true })
    }

    /// `{status, row, failed count}`; of a loop that collects, the status is the flag.
    fn outcome_ty(&self) -> crate::llvm::Ty {
        self.em.ll.struct_ty(&[self.em.ll.i64(); 3])
    }

    /// Emits a loop over the rows from `first` to `last` as a function of its own, so that its outputs can be declared
    /// to overlap with nothing.
    fn loop_function(&mut self, outer: &Env, fast: bool) -> Fun {
        let resume = self.em.ll.current();
        let given = outer.values();
        let ll = &self.em.ll;
        let mut types: Vec<_> = given.iter().map(|value| ll.type_of(*value)).collect();
        types.extend([ll.i64(), ll.i64()]);
        let name = if fast { "fuseline.rows.fast" } else { "fuseline.rows.exact" };
        let function = ll.define(name, ll.fn_ty(self.outcome_ty(), &types), CallConv::Fast, true);
        ll.add_attribute(function, "nounwind");
        ll.add_attribute(function, "noinline");
        if !fast && self.plan.collects && !self.plan.nullable {
            // It runs only blocks with a failing row.
            for attribute in ["cold", "minsize", "optsize"] {
                ll.add_attribute(function, attribute);
            }
        }
        let mut next = 0;
        let env = outer.map(&mut |_| {
            next += 1;
            ll.param(function, next - 1)
        });
        let mut output_values = Vec::new();
        for output in &env.outputs {
            output.map(&mut |value| {
                output_values.push(value);
                value
            });
        }
        for index in 0..given.len() {
            if output_values.contains(&ll.param(function, index)) {
                ll.add_param_attribute(function, index, "noalias", 0);
            }
        }
        let (first, last) = (ll.param(function, given.len()), ll.param(function, given.len() + 1));
        self.loop_body(&env, function, first, last, fast);
        self.em.ll.position(resume);
        function
    }

    fn loop_body(&mut self, env: &Env, function: Fun, first: Val, last: Val, fast: bool) {
        let mode = Mode::fast(fast && self.plan.collects);
        let ll = &self.em.ll;
        let (entry, head, body, done) =
            (ll.block(function), ll.block(function), ll.block(function), ll.block(function));
        ll.position(entry);
        let ty = self.em.module.entry_func().result.clone();
        let kept = self.is_fold() && !self.grouped();
        let initial = kept.then(|| states::load(self.em, &ty, env.states));
        let ll = &self.em.ll;
        ll.br(head);
        ll.position(head);
        let row = ll.phi(ll.i64());
        let failed = ll.phi(ll.i64());
        let flag = ll.phi(ll.i64());
        ll.add_incoming(row, first, entry);
        ll.add_incoming(failed, ll.const_i64(0), entry);
        ll.add_incoming(flag, ll.const_i64(0), entry);
        let fixed = states::array_slots(&ty);
        let state = initial.map(|initial| {
            let phis = initial.value.iter().zip(&fixed).map(|(value, fixed)| {
                if *fixed {
                    return *value;
                }
                let phi = ll.phi(ll.type_of(*value));
                ll.add_incoming(phi, *value, entry);
                phi
            });
            StateValue { base: initial.base, value: phis.collect() }
        });
        ll.cond_br(ll.icmp(IntPred::LLVMIntSLT, row, last), body, done);
        ll.position(body);
        let current = Loop { function, head, row, failed, state, flag, mode };
        self.row(env, &current, fast);
        self.em.ll.position(done);
        self.keep_state(&current);
        let status = if mode == Mode::Collect { flag } else { self.em.ll.const_i64(0) };
        self.leave(&current, status);
    }

    /// Stores a state that lived in registers. A block whose flag is set leaves the state as it was.
    fn keep_state(&mut self, current: &Loop) {
        let Some(state) = &current.state else { return };
        let ty = &self.em.module.entry_func().result;
        if current.mode == Mode::Collect {
            let ll = &self.em.ll;
            let (store, next) = (ll.block(current.function), ll.block(current.function));
            ll.cond_br(ll.icmp(IntPred::LLVMIntSLT, current.flag, ll.const_i64(0)), next, store);
            ll.position(store);
            states::store_scalars(self.em, ty, state.base, &state.value);
            self.em.ll.br(next);
            self.em.ll.position(next);
        } else {
            states::store_scalars(self.em, ty, state.base, &state.value);
        }
    }

    fn leave(&mut self, current: &Loop, status: Val) {
        let outcome = self.em.ll.aggregate(self.outcome_ty(), &[status, current.row, current.failed]);
        self.em.ll.ret(outcome);
    }

    /// Closes the loop: `next` holds the state after the row, `flag` and `failed` their values.
    fn next_row(&mut self, current: &Loop, failed: Val, flag: Val, next: Option<&[Val]>) {
        let ll = &self.em.ll;
        let from = ll.current();
        ll.add_incoming(current.row, ll.add_nsw(current.row, ll.const_i64(1)), from);
        ll.add_incoming(current.failed, failed, from);
        ll.add_incoming(current.flag, flag, from);
        if let Some(state) = &current.state {
            let fixed = states::array_slots(&self.em.module.entry_func().result);
            let next = next.unwrap_or(&state.value);
            for ((phi, value), fixed) in state.value.iter().zip(next).zip(fixed) {
                if !fixed {
                    ll.add_incoming(*phi, *value, from);
                }
            }
        }
        ll.br(current.head);
    }

    /// One row: loads, the call, stores.
    fn row(&mut self, env: &Env, current: &Loop, fast: bool) {
        let ty = self.em.module.entry_func().result.clone();
        let own_state = match (&current.state, self.is_fold()) {
            (Some(state), _) => Some(state.clone()),
            (None, true) => Some(states::load(self.em, &ty, self.group_base(env, current.row))),
            (None, false) => None,
        };
        let mut overflow = None;
        let args = self.arguments(env, current.row, own_state.as_ref(), fast, &mut overflow);
        let mut flag = current.flag;
        if let Some(overflow) = overflow {
            flag = self.check_overflow(env, current, overflow, flag);
        }
        let contiguous = if fast { self.plan.fast_contiguous } else { self.plan.exact_contiguous };
        let variant = Variant { contiguous, ..Variant::new(self.em.module.entry, current.mode) };
        let returned = self.em.call(variant, &env.around, &args);
        if let Some(status) = returned.status {
            if current.mode == Mode::Collect {
                flag = self.em.ll.or(flag, status);
            } else {
                self.check_status(env, current, status);
            }
        }
        match own_state {
            None => results::store(&self.em.ll, &env.outputs, &ty, &returned.value, current.row),
            Some(state) => {
                let wrong = states::store_arrays(self.em, current.function, &ty, &state, &returned.value);
                if let Some(wrong) = wrong {
                    let span = self.em.module.entry_func().span;
                    let status = self.em.status(ExcKind::ValueError, span, Some(states::SHAPE_CHANGED));
                    let ll = &self.em.ll;
                    let bad = ll.icmp(IntPred::LLVMIntNE, wrong, ll.const_i64(0));
                    let status = ll.select(bad, ll.int(ll.i64(), status), ll.const_i64(0));
                    self.check_status(env, current, status);
                }
                if current.state.is_none() {
                    states::store_scalars(self.em, &ty, state.base, &returned.value);
                }
            }
        }
        self.next_row(current, current.failed, flag, Some(&returned.value));
    }

    fn group_base(&self, env: &Env, row: Val) -> Val {
        let ll = &self.em.ll;
        let group = ll.load(ll.int_ty(32), ll.offset(env.groups, ll.shl(row, ll.const_i64(2))));
        ll.offset(env.states, ll.mul(ll.zext(group, ll.i64()), env.stride_bytes))
    }

    fn arguments(
        &mut self,
        env: &Env,
        row: Val,
        state: Option<&StateValue>,
        known_valid: bool,
        overflow: &mut Option<Val>,
    ) -> Vec<Val> {
        let types = self.em.module.entry_func().param_types();
        let mut args = Vec::new();
        for (ty, source) in types.iter().zip(&env.sources) {
            match source {
                Source::Column(column) => args.extend(self.column(column, ty, row, known_valid, overflow)),
                Source::Row(fields) => {
                    for (ty, column) in ty.field_types().unwrap_or_default().iter().zip(fields) {
                        match column {
                            Some(column) => args.extend(self.column(column, ty, row, known_valid, overflow)),
                            None => args.extend(crate::value::zero_value(&self.em.ll, ty)),
                        }
                    }
                }
                Source::Broadcast(values) => args.extend(values),
                Source::State => {
                    let ll = &self.em.ll;
                    let base = ll.offset(env.states, ll.mul(row, env.stride_bytes));
                    args.extend(states::load(self.em, ty, base).value);
                }
                Source::Folded => args.extend(state.into_iter().flat_map(|state| &state.value)),
            }
        }
        args
    }

    fn column(
        &mut self,
        column: &Column,
        ty: &Type,
        row: Val,
        known_valid: bool,
        overflow: &mut Option<Val>,
    ) -> Vec<Val> {
        let mut loaded = column.load(self.em, ty, row, known_valid);
        if let Some(high) = loaded.overflow {
            *overflow = Some(overflow.map_or(high, |before| self.em.ll.or(before, high)));
        }
        if self.em.facts_of(self.em.module.entry).writes {
            self.own_array(column, ty, &mut loaded.value);
        }
        loaded.value
    }

    /// Columns are shared and never written: a function that stores into arrays gets a copy of the row's.
    fn own_array(&mut self, column: &Column, ty: &Type, value: &mut [Val]) {
        let Physical::FixedSizeList(elem, length) = column.ty.physical else { return };
        let tag = ty.variants().iter().position(|variant| matches!(variant, Type::Array { .. }));
        let slot = match ty {
            Type::Union(variants) => ir::layout::variant_slot(variants, tag.unwrap_or_default()),
            _ => 0,
        };
        let ll = &self.em.ll;
        let bytes = elem.size_bytes() * length as usize;
        let copy = ll.frame_alloca(ll.array_ty(ll.i64(), bytes.div_ceil(8).max(1)));
        ll.copy_bytes(copy, value[slot], bytes);
        value[slot] = copy;
    }

    /// A value of an unsigned column beyond 63 bits: the flag, or an `IntTooLarge` of the row.
    fn check_overflow(&mut self, env: &Env, current: &Loop, overflow: Val, flag: Val) -> Val {
        if current.mode == Mode::Collect {
            let ll = &self.em.ll;
            return ll.or(flag, ll.sext(overflow, ll.i64()));
        }
        let span = self.em.module.entry_func().span;
        let status = self.em.status(ExcKind::IntTooLarge, span, Some(ir::messages::INT_TOO_LARGE));
        let ll = &self.em.ll;
        let status = ll.select(overflow, ll.int(ll.i64(), status), ll.const_i64(0));
        self.check_status(env, current, status);
        flag
    }

    /// When the row failed: stops with its status, or notes it and goes on with the next row.
    fn check_status(&mut self, env: &Env, current: &Loop, status: Val) {
        let note = self.note_function(env);
        let ll = &self.em.ll;
        let [bad, fine, stop, go_on] = [(); 4].map(|()| ll.block(current.function));
        ll.cond_br_unlikely(ll.icmp(IntPred::LLVMIntNE, status, ll.const_i64(0)), bad, fine);
        ll.position(bad);
        let args = [&env.note_values(), [current.row, status].as_slice()].concat();
        ll.cond_br(ll.call(note, CallConv::Fast, &args), go_on, stop);
        ll.position(stop);
        self.keep_state(current);
        self.leave(current, status);
        self.em.ll.position(go_on);
        let failed = self.em.ll.add(current.failed, self.em.ll.const_i64(1));
        self.next_row(current, failed, current.flag, None);
        self.em.ll.position(fine);
    }

    /// A function that notes a failing row and says whether the run goes on. It stands apart so that the loops stay
    /// small.
    fn note_function(&mut self, env: &Env) -> Fun {
        if let Some(note) = self.note {
            return note;
        }
        let ll = &self.em.ll;
        let resume = ll.current();
        let given = env.note_values();
        let mut types: Vec<_> = given.iter().map(|value| ll.type_of(*value)).collect();
        types.extend([ll.i64(), ll.i64()]);
        let note = ll.define("fuseline.note", ll.fn_ty(ll.i1(), &types), CallConv::Fast, true);
        for attribute in ["nounwind", "noinline", "cold", "minsize", "optsize"] {
            ll.add_attribute(note, attribute);
        }
        let (row, status) = (ll.param(note, given.len()), ll.param(note, given.len() + 1));
        let [entry, ask, write, stop] = [(); 4].map(|()| ll.block(note));
        ll.position(entry);
        ll.cond_br(ll.icmp(IntPred::LLVMIntEQ, status, ll.int(ll.i64(), abi::STATUS_CANCELLED)), stop, ask);
        ll.position(ask);
        let statuses = ll.param(note, 0);
        ll.cond_br(ll.icmp(IntPred::LLVMIntEQ, statuses, ll.zero(ll.ptr())), stop, write);
        ll.position(write);
        ll.store(status, ll.offset(statuses, ll.shl(row, ll.const_i64(3))));
        let mut next = 0;
        for output in &env.outputs {
            let own = output.map(&mut |_| {
                next += 1;
                ll.param(note, next)
            });
            own.store_failed(ll, note, row);
        }
        ll.ret(ll.const_bool(true));
        ll.position(stop);
        ll.ret(ll.const_bool(false));
        ll.position(resume);
        self.note = Some(note);
        note
    }

    /// The kernel's own loop over blocks of rows.
    fn blocks(&mut self, kernel: Fun, env: &Env, context: Val, run: Val, loops: Loops) {
        let poll = self.em.poll_function();
        let usual = self.is_usual(env);
        let em = &*self.em;
        let ll = &em.ll;
        let rows = ll.load(ll.i64(), ll.field_at(run, std::mem::offset_of!(Run, rows)));
        let entry = ll.current();
        let [head, asked, ask, work, done, cancelled, failing] = [(); 7].map(|()| ll.block(kernel));
        ll.br(head);
        ll.position(head);
        let (first, total) = (ll.phi(ll.i64()), ll.phi(ll.i64()));
        ll.add_incoming(first, ll.const_i64(0), entry);
        ll.add_incoming(total, ll.const_i64(0), entry);
        ll.cond_br(ll.icmp(IntPred::LLVMIntSLT, first, rows), asked, done);
        ll.position(asked);
        ll.cond_br_unlikely(em.cancel_requested(context), ask, work);
        ll.position(ask);
        ll.cond_br(ll.call(poll, CallConv::Fast, &[context]), cancelled, work);
        ll.position(work);
        let end = ll.add(first, ll.const_i64(BLOCK_ROWS));
        let last = ll.select(ll.icmp(IntPred::LLVMIntSLT, end, rows), end, rows);
        let [status, row, failed] = self.run_block(kernel, env, usual, [first, last], loops);
        let after = ll.current();
        ll.add_incoming(first, last, after);
        ll.add_incoming(total, ll.add(total, failed), after);
        let bad = ll.icmp(IntPred::LLVMIntNE, status, ll.const_i64(0));
        ll.cond_br_unlikely(ll.and(bad, ll.const_bool(self.plan.can_raise)), failing, head);
        ll.position(failing);
        ll.store(row, ll.field_at(run, std::mem::offset_of!(Run, failed_row)));
        ll.ret(status);
        ll.position(done);
        ll.store(total, ll.field_at(run, std::mem::offset_of!(Run, failed_count)));
        ll.ret(ll.const_i64(0));
        ll.position(cancelled);
        ll.ret(ll.int(ll.i64(), abi::STATUS_CANCELLED));
    }

    /// Whether no column has nulls and all arrays lie without gaps.
    fn is_usual(&self, env: &Env) -> Val {
        let em = &*self.em;
        let nullable = env.columns().filter(|column| column.ty.nullable);
        let all_valid =
            nullable.fold(em.ll.const_bool(true), |known, column| em.ll.and(known, column.all_valid(&em.ll)));
        let captures = em.ll.and(all_valid, call::captures_contiguity(em, &env.around));
        let params = em.module.entry_func().param_types();
        params.iter().zip(&env.sources).fold(captures, |usual, (ty, source)| match source {
            Source::Broadcast(value) => em.ll.and(usual, em.is_contiguous(ty, value)),
            Source::Column(_) | Source::Row(_) | Source::State | Source::Folded => usual,
        })
    }

    /// Runs the rows of a block by the fast loop, where that is right, and by the exact one where it is not, or was not
    /// able to: status, row and count of failures.
    fn run_block(&self, kernel: Fun, env: &Env, usual: Val, bounds: [Val; 2], loops: Loops) -> [Val; 3] {
        let em = &*self.em;
        let ll = &em.ll;
        let args = [env.values().as_slice(), &bounds].concat();
        let (slow, after) = (ll.block(kernel), ll.block(kernel));
        let mut outcomes = Vec::new();
        if let Some(fast) = loops.fast {
            let mut usual = usual;
            if self.plan.fast_contiguous {
                // Only where there are rows: without any there may be no state to look at.
                let known = |what| env.known(em, what).unwrap_or_else(|| ll.const_i64(0));
                usual = ll.and(usual, em.assumptions_hold(&known));
            }
            let quick = ll.block(kernel);
            ll.cond_br(usual, quick, slow);
            ll.position(quick);
            let outcome = ll.call(fast, CallConv::Fast, &args);
            let mut parts = [0, 1, 2].map(|index| ll.extract(outcome, index));
            if self.plan.collects {
                let clean = ll.block(kernel);
                ll.cond_br_unlikely(ll.icmp(IntPred::LLVMIntSLT, parts[0], ll.const_i64(0)), slow, clean);
                ll.position(clean);
                parts = [ll.const_i64(0); 3];
            }
            outcomes.push((ll.current(), parts));
            ll.br(after);
        } else {
            ll.br(slow);
        }
        ll.position(slow);
        let outcome = ll.call(loops.exact, CallConv::Fast, &args);
        outcomes.push((ll.current(), [0, 1, 2].map(|index| ll.extract(outcome, index))));
        ll.br(after);
        ll.position(after);
        let phis = [(); 3].map(|()| ll.phi(ll.i64()));
        for (from, parts) in outcomes {
            for (phi, value) in phis.iter().zip(parts) {
                ll.add_incoming(*phi, value, from);
            }
        }
        phis
    }
}
