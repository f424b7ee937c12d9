//! Fuseline IR to LLVM IR, function by function. Owns what is common to a module: its LLVM functions, constants, places
//! of exceptions. The kernels around the functions are `kernels`.
//!
//! Each IR function becomes an internal LLVM function:
//!
//! ```text
//! {status?, result components..} f(context?, captures?, components of passed captures.., components of parameters..)
//! ```
//! The parts with a question mark exist when [`Facts`] says so. A function may be emitted in several [`Variant`]s.

pub mod array;
pub mod container;
pub mod convert;
pub mod float;
pub mod func;
pub mod int;
pub mod list;
pub mod loop_flags;
pub mod math;
pub mod op;
pub mod power;
pub mod prim;
pub mod text;
pub mod view;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ir::{CaptureId, ExcClass, FuncId, Module, Span, Type};
use runtime::abi;

use crate::error::CodegenError;
use crate::facts::{self, Facts};
use crate::llvm::target::Machine;
use crate::llvm::{CallConv, Fun, IntPred, Llvm, RealPred, Ty, Val};
use crate::loops::{Analysis, Assumption, Counter, InRange, Known};
use crate::regions::Regions;
use crate::spans::{SpanEntry, SpanTable};
use crate::value::{comps, load_value};

/// Iterations of the innermost loops after which a loop inside another still counts as short: some ten milliseconds.
const SHORT_ITERATIONS_MAX: f64 = 50_000_000.0;

/// How a function treats failures.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Mode {
    /// The first failure ends the function with its status.
    Exact,
    /// Failures set the sign bit of the returned word and the function goes on with a harmless value: without branches
    /// it can be vectorised. Whoever sees the flag runs the exact form instead. Only for functions whose facts say
    /// `collects`.
    Collect,
}

/// One emitted form of an IR function.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Variant {
    pub func: FuncId,
    pub mode: Mode,
    /// Every array it meets lies row by row without gaps (see [`Emitter::arrays_are_plain`]).
    pub contiguous: bool,
}

impl Variant {
    pub fn new(func: FuncId, mode: Mode) -> Variant {
        Variant { func, mode, contiguous: false }
    }
}

/// What functions of this module are handed besides their arguments.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    pub context: Option<Val>,
    pub captures: Option<Val>,
    pub passed: BTreeMap<CaptureId, Vec<Val>>,
}

/// What a call gave.
#[derive(Clone, Debug)]
pub struct Returned {
    pub status: Option<Val>,
    pub value: Vec<Val>,
}

/// Emits the functions of one module.
pub struct Emitter<'m> {
    pub ll: Llvm,
    pub module: &'m Module,
    pub facts: Vec<Facts>,
    spans: Vec<SpanEntry>,
    span_numbers: HashMap<SpanEntry, usize>,
    functions: BTreeMap<Variant, Fun>,
    queue: Vec<Variant>,
    texts: HashMap<String, Val>,
    message_table: Option<Val>,
    poll: Option<Fun>,
    zero: Option<Val>,
    /// The target multiplies 64-bit integers and converts them to floats in vectors.
    pub multiplies_vectors: bool,
    /// The target has a fused multiply-add and glibc's mathematics.
    pub fuses_multiply_add: bool,
    /// No union or list holds arrays. When the arrays of the parameters and captures lie row by row without gaps, so do
    /// then all that a function can make of them, and [`Variant::contiguous`] may be used.
    pub arrays_are_plain: bool,
    /// Of each function: whether what it returns lies without gaps when all it is given does.
    pub returns_contiguous: Vec<bool>,
    pub regions: Regions,
    /// The entry takes arrays, by parameters or captures.
    pub has_arrays: bool,
    /// What a kernel tests besides, before it calls the entry in its contiguous form; see [`Analysis::assumptions`].
    pub assumptions: BTreeSet<Assumption>,
    failure: Option<String>,
}

impl<'m> Emitter<'m> {
    pub fn new(module: &'m Module) -> Emitter<'m> {
        Emitter::within(Llvm::new("fuseline"), module)
    }

    /// Emits into an LLVM module that may hold functions already.
    pub fn within(ll: Llvm, module: &'m Module) -> Emitter<'m> {
        let facts = facts::of_module(module);
        let entry = &facts[module.entry.index()];
        let params = module.entry_func().param_types();
        // A recursive entry is also called with arguments that no kernel tested.
        let assumptions = match entry.recursive {
            true => BTreeSet::new(),
            false => Analysis::new(module, module.entry_func(), &entry.order).assumptions(),
        };
        Emitter {
            ll,
            arrays_are_plain: facts::arrays_are_plain(module),
            returns_contiguous: crate::contiguous::returned(module),
            regions: Regions::new(module),
            has_arrays: !entry.passed_captures.is_empty() || params.iter().any(facts::holds_array),
            module,
            assumptions,
            multiplies_vectors: false,
            fuses_multiply_add: false,
            facts,
            spans: Vec::new(),
            span_numbers: HashMap::new(),
            functions: BTreeMap::new(),
            queue: Vec::new(),
            texts: HashMap::new(),
            message_table: None,
            poll: None,
            zero: None,
            failure: None,
        }
    }

    /// Takes over what matters of the machine that is compiled for.
    pub fn set_machine(&mut self, machine: &Machine) {
        self.multiplies_vectors = machine.multiplies_vectors();
        self.fuses_multiply_add = machine.fuses_multiply_add();
    }

    /// Notes why the module cannot be emitted; the first reason counts.
    pub fn fail(&mut self, message: String) {
        self.failure.get_or_insert(message);
    }

    /// The places that statuses name, once everything is emitted; or the reason why the module could not be.
    pub fn finish(&mut self) -> Result<SpanTable, CodegenError> {
        self.define_message_table();
        match self.failure.take() {
            Some(message) => Err(CodegenError::new(message)),
            None => Ok(SpanTable::new(std::mem::take(&mut self.spans), self.module.exceptions.clone())),
        }
    }

    pub fn facts_of(&self, func: FuncId) -> &Facts {
        &self.facts[func.index()]
    }

    // Functions.

    /// The LLVM function of a variant; its body is emitted by [`Emitter::emit_queued`].
    pub fn function(&mut self, variant: Variant) -> Fun {
        if let Some(found) = self.functions.get(&variant) {
            return *found;
        }
        let func = self.module.func(variant.func);
        let ty = self.signature(variant.func);
        // No exported name has a dot.
        let function = self.ll.define(&format!("{}.body", symbol_name(&func.name)), ty, CallConv::Fast, true);
        self.ll.add_attribute(function, "nounwind");
        if !variant.contiguous && self.arrays_are_plain && self.has_arrays {
            // The form for arrays with strides, beside the one that is made fast.
            for attribute in ["optsize", "noinline"] {
                self.ll.add_attribute(function, attribute);
            }
        }
        if self.facts[variant.func.index()].recursive {
            // A call that became a jump would use no stack, so that endless recursion would be an endless loop.
            self.ll.add_string_attribute(function, "disable-tail-calls", "true");
        }
        if self.facts[variant.func.index()].pure && variant.mode == Mode::Exact {
            // The context and the captures are read at most; recursion ends, if by `RecursionError`.
            self.ll.mark_reader(function);
        }
        self.functions.insert(variant, function);
        self.queue.push(variant);
        function
    }

    /// Emits every function that was asked for, and those that they call.
    pub fn emit_queued(&mut self) {
        while let Some(variant) = self.queue.pop() {
            let function = self.function(variant);
            func::FuncEmitter::new(self, variant, function).emit();
        }
    }

    fn signature(&self, id: FuncId) -> Ty {
        let func = self.module.func(id);
        let facts = self.facts_of(id);
        let mut params = vec![self.ll.ptr(); usize::from(facts.context) + usize::from(facts.captures)];
        for capture in &facts.passed_captures {
            self.push_types(&self.module.captures[capture.index()].ty, &mut params);
        }
        for ty in func.param_types() {
            self.push_types(&ty, &mut params);
        }
        self.ll.fn_ty(self.result_ty(id), &params)
    }

    fn push_types(&self, ty: &Type, out: &mut Vec<Ty>) {
        out.extend(comps(ty).into_iter().map(|comp| comp.ty(&self.ll)));
    }

    /// The LLVM type of what the function returns: nothing, one component, or a struct.
    pub fn result_ty(&self, id: FuncId) -> Ty {
        let mut fields = vec![self.ll.i64(); usize::from(self.facts_of(id).can_raise)];
        self.push_types(&self.module.func(id).result, &mut fields);
        match fields.as_slice() {
            [] => self.ll.void(),
            [one] => *one,
            _ => self.ll.struct_ty(&fields),
        }
    }

    /// Calls a function; the surroundings must hold what its facts ask for.
    pub fn call(&mut self, variant: Variant, around: &Surroundings, args: &[Val]) -> Returned {
        let function = self.function(variant);
        let facts = &self.facts[variant.func.index()];
        let mut all = Vec::new();
        if facts.context {
            all.extend(around.context);
        }
        if facts.captures {
            all.extend(around.captures);
        }
        for capture in &facts.passed_captures {
            all.extend(around.passed.get(capture).into_iter().flatten());
        }
        all.extend(args);
        let result = self.ll.call(function, CallConv::Fast, &all);
        self.unpack(variant.func, result)
    }

    fn unpack(&self, func: FuncId, result: Val) -> Returned {
        let can_raise = self.facts_of(func).can_raise;
        let count = usize::from(can_raise) + ir::layout::slot_count(&self.module.func(func).result);
        let parts: Vec<Val> = match count {
            0 => Vec::new(),
            1 => vec![result],
            _ => (0..count).map(|index| self.ll.extract(result, index)).collect(),
        };
        match parts.split_first() {
            Some((status, value)) if can_raise => Returned { status: Some(*status), value: value.to_vec() },
            Some(_) | None => Returned { status: None, value: parts },
        }
    }

    /// Reads the surroundings that the entry function needs from a context; for the start of a kernel.
    pub fn surroundings_of(&self, func: FuncId, context: Val) -> Surroundings {
        let facts = self.facts_of(func);
        let mut around = Surroundings { context: Some(context), ..Surroundings::default() };
        if !facts.captures && facts.passed_captures.is_empty() {
            return around;
        }
        let field = std::mem::offset_of!(abi::Context, captures);
        let base = self.ll.load_invariant(self.ll.ptr(), self.ll.field_at(context, field));
        around.captures = Some(base);
        for capture in &facts.passed_captures {
            let first = self.capture_slot(*capture);
            let address = self.ll.field_at(base, 8 * first);
            let value = load_value(&self.ll, &self.module.captures[capture.index()].ty, address);
            around.passed.insert(*capture, value);
        }
        around
    }

    /// Whether what the entry's contiguous form takes for granted is so; `known` gives what is known before the call.
    pub fn assumptions_hold(&self, known: &dyn Fn(Known) -> Val) -> Val {
        let ll = &self.ll;
        self.assumptions.iter().fold(ll.const_bool(true), |all, assumption| {
            let holds = match assumption {
                Assumption::InRange(counter, range) => {
                    let start = ll.const_i64(counter.start.unwrap_or(i64::MIN));
                    self.in_range(*range, start, known(counter.bound), known(range.length))
                }
                Assumption::Short(_, nest) => {
                    let length = |counter: &Counter| self.loop_length(*counter, known(counter.bound));
                    let total = nest.iter().fold(ll.const_f64(1.0), |total, counter| ll.fmul(total, length(counter)));
                    ll.fcmp(RealPred::LLVMRealOLE, total, ll.const_f64(SHORT_ITERATIONS_MAX))
                }
            };
            ll.and(all, holds)
        })
    }

    /// No fewer than the iterations of a counted loop with a constant start, and at least 1, as a float.
    pub fn loop_length(&self, counter: Counter, bound: Val) -> Val {
        let ll = &self.ll;
        let start = ll.const_i64(counter.start.unwrap_or(i64::MIN));
        let length = ll.fsub(ll.sitofp(bound, ll.f64()), ll.sitofp(start, ll.f64()));
        ll.intrinsic("llvm.maxnum", &[ll.f64()], &[length, ll.const_f64(1.0)])
    }

    /// Whether the indices `counter + offset` are in range for a counter from `start` to below `bound`.
    pub fn in_range(&self, range: InRange, start: Val, bound: Val, length: Val) -> Val {
        let ll = &self.ll;
        let low = ll.icmp(IntPred::LLVMIntSGE, start, ll.const_i64(-range.offset));
        let room = ll.intrinsic("llvm.ssub.sat", &[ll.i64()], &[length, ll.const_i64(range.offset)]);
        ll.and(low, ll.icmp(IntPred::LLVMIntSLE, bound, room))
    }

    /// Whether the arrays in a value lie row by row without gaps.
    pub fn is_contiguous(&self, ty: &Type, value: &[Val]) -> Val {
        let ll = &self.ll;
        let mut all = ll.const_bool(true);
        for array in crate::state::array_shapes(ty) {
            let mut expected = ll.const_i64(array.elem_bytes as i64);
            for dimension in (0..array.ndim).rev() {
                let stride = value[array.slot + 1 + array.ndim + dimension];
                all = ll.and(all, ll.icmp(IntPred::LLVMIntEQ, stride, expected));
                expected = ll.mul(expected, value[array.slot + 1 + dimension]);
            }
        }
        all
    }

    /// The first slot of a capture.
    pub fn capture_slot(&self, capture: CaptureId) -> usize {
        let before = self.module.captures.iter().take(capture.index());
        before.map(|capture| ir::layout::slot_count(&capture.ty)).sum()
    }

    // Exceptions.

    /// The status word of an exception that starts at this place. `message` is the text when it is fixed.
    pub fn status(&mut self, class: impl Into<ExcClass>, span: Span, message: Option<&str>) -> u64 {
        u64::from(class.into().code()) | self.place(span, message)
    }

    /// The upper bits of a status word for this place.
    pub fn place(&mut self, span: Span, message: Option<&str>) -> u64 {
        let entry = SpanEntry { span, message: message.map(str::to_string) };
        let next = self.spans.len();
        let number = *self.span_numbers.entry(entry.clone()).or_insert(next);
        if number == next {
            self.spans.push(entry);
        }
        // Beyond the bits the last place stands for all; a module has far fewer instructions.
        let number = (number as u64).min((1 << abi::STATUS_START_BITS) - 1);
        let placeless = if span.line == 0 { abi::STATUS_PLACELESS } else { 0 };
        number << abi::STATUS_START_BIT | placeless
    }

    /// The bits that give an exception without a place this one.
    pub fn given_place(&mut self, span: Span) -> u64 {
        let number = self.place(span, None) >> abi::STATUS_START_BIT;
        (number + 1) << abi::STATUS_GIVEN_BIT
    }

    /// The components of a string constant.
    pub fn text(&mut self, text: &str) -> [Val; 2] {
        let address = match self.texts.get(text) {
            Some(found) => *found,
            None => {
                // A string's address is never null, so that null can mean "no message".
                let bytes = if text.is_empty() { b"\0" } else { text.as_bytes() };
                let address = self.ll.const_bytes(bytes);
                self.texts.insert(text.to_string(), address);
                address
            }
        };
        [address, self.ll.int(self.ll.i64(), length_word(text))]
    }

    /// The address of some zero bytes: what is loaded in the place of an element, a text or a container's header that is
    /// not there.
    pub fn zero_element(&mut self) -> Val {
        let size = size_of::<abi::List>().max(size_of::<abi::Table>());
        *self.zero.get_or_insert_with(|| self.ll.const_bytes(&vec![0; size]))
    }

    /// The table of fixed messages by place: `{address or null, length word}`. Its values are known only at the end.
    pub fn message_table(&mut self) -> Val {
        if let Some(table) = self.message_table {
            return table;
        }
        // The real size comes with the definition; the address is all that is needed here.
        let table = self.ll.declare_private(self.ll.array_ty(self.message_entry_ty(), 0));
        self.message_table = Some(table);
        table
    }

    fn message_entry_ty(&self) -> Ty {
        self.ll.struct_ty(&[self.ll.ptr(), self.ll.i64()])
    }

    fn define_message_table(&mut self) {
        let Some(table) = self.message_table else { return };
        let entries: Vec<Option<String>> = self.spans.iter().map(|entry| entry.message.clone()).collect();
        let entries: Vec<Val> = entries
            .into_iter()
            .map(|message| {
                let parts = match message {
                    Some(message) => self.text(&message),
                    None => [self.ll.zero(self.ll.ptr()), self.ll.zero(self.ll.i64())],
                };
                self.ll.const_struct(&parts)
            })
            .collect();
        let item = self.message_entry_ty();
        let real = self.ll.private_constant(self.ll.array_ty(item, entries.len()), self.ll.const_array(item, &entries));
        self.ll.replace_global(table, real);
    }

    /// A function of this module: `i1 poll(context)`, true when the kernel shall stop. It is called when the cancel
    /// flag was seen.
    pub fn poll_function(&mut self) -> Fun {
        if let Some(found) = self.poll {
            return found;
        }
        let ll = &self.ll;
        let resume = ll.current_or_none();
        let function = ll.define("fuseline.poll", ll.fn_ty(ll.i1(), &[ll.ptr()]), CallConv::Fast, true);
        for attribute in ["nounwind", "noinline", "cold"] {
            ll.add_attribute(function, attribute);
        }
        let (entry, ask, stop) = (ll.block(function), ll.block(function), ll.block(function));
        ll.position(entry);
        let context = ll.param(function, 0);
        let callback = ll.load(ll.ptr(), ll.field_at(context, std::mem::offset_of!(abi::Context, poll)));
        let missing = ll.icmp(IntPred::LLVMIntEQ, callback, ll.zero(ll.ptr()));
        ll.cond_br(missing, stop, ask);
        ll.position(ask);
        let callee = Fun { value: callback, ty: ll.fn_ty(ll.i8(), &[ll.ptr()]) };
        let answer = ll.call(callee, CallConv::C, &[context]);
        ll.ret(ll.icmp(IntPred::LLVMIntNE, answer, ll.zero(ll.i8())));
        ll.position(stop);
        ll.ret(ll.const_bool(true));
        if let Some(block) = resume {
            ll.position(block);
        }
        self.poll = Some(function);
        function
    }

    /// Whether the cancel flag is set, as a component of type bool.
    pub fn cancel_requested(&self, context: Val) -> Val {
        let ll = &self.ll;
        let field = ll.field_at(context, std::mem::offset_of!(abi::Context, cancel));
        let flag = ll.load_relaxed(ll.i8(), ll.load_invariant(ll.ptr(), field));
        ll.icmp(IntPred::LLVMIntNE, flag, ll.zero(ll.i8()))
    }
}

/// The length word of a string constant.
pub fn length_word(text: &str) -> u64 {
    let ascii = if text.is_ascii() { ir::layout::STR_ASCII_BIT } else { 0 };
    text.len() as u64 | ascii
}

/// A function's name as a symbol that assemblers and C take.
pub fn symbol_name(name: &str) -> String {
    let mut out: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if out.is_empty() || out.starts_with(|c: char| c.is_ascii_digit()) {
        out.insert(0, '_');
    }
    out
}
