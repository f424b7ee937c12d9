//! Operations that are no primitives: constants, calls, captures, tuples, unions, exceptions.

use ir::{CaptureId, Const, ExcClass, ExcKind, FuncId, Inst, Op, Type, Value, messages};

use crate::contiguous;
use crate::emit::func::{FuncEmitter, NEW_EXCEPTION};
use crate::emit::{Mode, Variant};
use crate::facts;
use crate::llvm::{IntPred, Val};
use crate::value::{comp_count, load_value, zero_value};

impl FuncEmitter<'_, '_> {
    /// Emits one instruction; the components of its result.
    pub fn op(&mut self, inst: &Inst) -> Vec<Val> {
        let result_ty = self.type_of(inst.result);
        let args = &inst.args;
        match &inst.op {
            Op::Const(constant) => self.constant(constant),
            Op::Prim(prim) => self.prim(*prim, args),
            Op::Container(op) => self.container(*op, args, result_ty),
            Op::ObjectGet(field) => self.object_get(args[0], *field, result_ty),
            Op::ObjectSet(field) => self.object_set(args[0], *field, args[1]),
            Op::Call(callee) => self.call(*callee, args),
            Op::Capture(capture) => self.capture(*capture),
            Op::Select => self.select(args[0], args[1], args[2]),
            Op::Tuple => args.iter().flat_map(|arg| self.comps_of(*arg)).copied().collect(),
            Op::Field(index) => self.field(args[0], *index as usize),
            Op::Widen => self.widen(args[0], result_ty),
            Op::IsVariant(tag) => vec![self.has_tag(args[0], *tag)],
            Op::Variant(tag) => self.variant(args[0], *tag),
            Op::ToNp => vec![self.convert_to_np(args[0], result_ty)],
            Op::FromNp => vec![self.convert_from_np(args[0])],
            Op::ListNew => self.list_new(args, result_ty),
            Op::ListLen => vec![self.list_len(args[0])],
            Op::ListGet => self.list_get(args[0], args[1]),
            Op::ListSet => self.list_set(args[0], args[1], args[2]),
            Op::ListAppend => self.list_append(args[0], args[1]),
            Op::ListSlice => self.list_slice(args),
            Op::ListConcat => self.list_concat(args[0], args[1]),
            Op::ListArgsort => self.list_argsort(args[0], args[1]),
            Op::ArrayShape(dimension) => vec![self.comps_of(args[0])[1 + *dimension as usize]],
            Op::ArrayGet => vec![self.array_get(args)],
            Op::ArraySet => self.array_set(args),
            Op::ArrayRow => self.array_row(args[0], args[1]),
            Op::ArrayZeros => self.array_zeros(args, result_ty),
            Op::ArrayView(view) => self.array_view(*view, args, result_ty),
            Op::ArrayStride(dimension) => vec![self.parts_of(args[0]).2[usize::from(*dimension)]],
            Op::ArrayIsFlat => vec![self.is_flat(args[0])],
            Op::ArrayOverlaps => vec![self.arrays_overlap(args[0], args[1])],
            Op::ExceptionNew(class) => self.exception_new(*class, args),
            Op::ExceptionIs(class) => vec![self.exception_is(args[0], *class)],
            Op::ExceptionMessage => self.comps_of(args[0])[2..4].to_vec(),
            Op::ExceptionObject(class) => self.exception_object(args[0], *class),
        }
    }

    fn constant(&mut self, constant: &Const) -> Vec<Val> {
        let ll = &self.em.ll;
        match constant {
            Const::None => Vec::new(),
            Const::Bool(value) => vec![ll.const_bool(*value)],
            Const::Int(value) => vec![ll.const_i64(*value)],
            Const::Float(value) => vec![ll.const_f64(*value)],
            Const::Str(text) => self.em.text(text).to_vec(),
            Const::Bytes(bytes) => {
                let data = if bytes.is_empty() { ll.const_bytes(b"\0") } else { ll.const_bytes(bytes) };
                vec![data, ll.const_i64(bytes.len() as i64)]
            }
        }
    }

    fn call(&mut self, callee: FuncId, args: &[Value]) -> Vec<Val> {
        let contiguous = self.variant_is_contiguous(callee, args);
        let args: Vec<Val> = args.iter().flat_map(|arg| self.comps_of(*arg)).copied().collect();
        let variant = Variant { func: callee, contiguous, ..self.variant };
        if self.em.facts_of(callee).recursive {
            self.check_stack();
        }
        let around = self.around.clone();
        let returned = self.em.call(variant, &around, &args);
        if let Some(status) = returned.status {
            self.check_status(status, self.em.module.func(callee).span.line == 0);
        }
        returned.value
    }

    /// Whether all the arrays that the callee is given lie without gaps: the arguments and the captures.
    fn variant_is_contiguous(&self, callee: FuncId, args: &[Value]) -> bool {
        let captures = self.variant.contiguous || self.em.facts_of(callee).passed_captures.is_empty();
        self.em.arrays_are_plain && captures && contiguous::arguments(self.func, &self.contiguous, args)
    }

    fn capture(&mut self, capture: CaptureId) -> Vec<Val> {
        let ty = &self.em.module.captures[capture.index()].ty;
        if facts::is_passed(ty) {
            return self.around.passed.get(&capture).cloned().unwrap_or_default();
        }
        let base = self.around.captures.unwrap_or_else(|| self.em.ll.zero(self.em.ll.ptr()));
        let address = self.em.ll.field_at(base, 8 * self.em.capture_slot(capture));
        load_value(&self.em.ll, ty, address)
    }

    fn select(&mut self, cond: Value, then: Value, otherwise: Value) -> Vec<Val> {
        let cond = self.scalar(cond);
        let pairs = self.comps_of(then).iter().zip(self.comps_of(otherwise));
        pairs.map(|(then, otherwise)| self.em.ll.select(cond, *then, *otherwise)).collect()
    }

    fn field(&self, value: Value, index: usize) -> Vec<Val> {
        let fields = self.type_of(value).field_types().unwrap_or_default();
        let first = ir::layout::field_slot(&fields, index);
        let count = fields.get(index).map_or(0, comp_count);
        self.comps_of(value)[first..first + count].to_vec()
    }

    // Unions.

    /// Moves a variant, or a smaller union, into the places of a larger union.
    fn widen(&mut self, value: Value, target: &Type) -> Vec<Val> {
        let source = self.type_of(value);
        let given = self.comps_of(value).to_vec();
        let (Type::Union(wide), Type::Union(narrow)) = (target, source) else {
            let tag = target.tag_of(source).unwrap_or_default();
            let tag_value = self.em.ll.const_i64(tag as i64);
            return self.place_variants(target, tag_value, &[(tag, &given)]);
        };
        // The new tag is looked up from the old one; both lists are sorted and short.
        let old_tag = given[0];
        let mut tag = self.em.ll.const_i64(0);
        let mut moved = Vec::new();
        for (index, variant) in narrow.iter().enumerate() {
            let wide_index = wide.iter().position(|other| other == variant).unwrap_or_default();
            let hit = self.em.ll.icmp(IntPred::LLVMIntEQ, old_tag, self.em.ll.const_i64(index as i64));
            tag = self.em.ll.select(hit, self.em.ll.const_i64(wide_index as i64), tag);
            let first = ir::layout::variant_slot(narrow, index);
            moved.push((wide_index, &given[first..first + comp_count(variant)]));
        }
        self.place_variants(target, tag, &moved)
    }

    fn place_variants(&self, union: &Type, tag: Val, parts: &[(usize, &[Val])]) -> Vec<Val> {
        let mut out = zero_value(&self.em.ll, union);
        out[0] = tag;
        for (index, values) in parts {
            let first = ir::layout::variant_slot(union.variants(), *index);
            out[first..first + values.len()].copy_from_slice(values);
        }
        out
    }

    fn has_tag(&self, union: Value, tag: u32) -> Val {
        let ll = &self.em.ll;
        ll.icmp(IntPred::LLVMIntEQ, self.comps_of(union)[0], ll.const_i64(i64::from(tag)))
    }

    fn variant(&mut self, union: Value, tag: u32) -> Vec<Val> {
        let right = self.has_tag(union, tag);
        let wrong = self.em.ll.not(right);
        self.fail_if(wrong, ExcKind::TypeError, messages::of_op(&Op::Variant(tag), ExcKind::TypeError));
        let variants = self.type_of(union).variants();
        let first = ir::layout::variant_slot(variants, tag as usize);
        let count = variants.get(tag as usize).map_or(0, comp_count);
        let mut values = self.comps_of(union)[first..first + count].to_vec();
        if self.collecting() {
            // The slots of a variant that is not there are zero; code that goes on must not follow a null address.
            let nothing = self.em.zero_element();
            let ll = &self.em.ll;
            for value in values.iter_mut().filter(|value| ll.type_of(**value) == ll.ptr()) {
                *value = ll.select(wrong, nothing, *value);
            }
        }
        values
    }

    // Exceptions.

    fn exception_new(&mut self, class: ExcClass, args: &[Value]) -> Vec<Val> {
        let ll = &self.em.ll;
        let code = i64::from(class.code());
        let mut comps = vec![ll.const_i64(code | NEW_EXCEPTION), ll.const_i64(code)];
        comps.extend(args.iter().flat_map(|arg| self.comps_of(*arg)));
        comps.resize(comp_count(&Type::Exception), ll.zero(ll.ptr()));
        comps
    }

    /// What an exception of this very class carries. Every exception of such a class was made with its object, so the
    /// number of the class tells that the address is one.
    fn exception_object(&mut self, exception: Value, class: ExcClass) -> Vec<Val> {
        let ll = &self.em.ll;
        let number = ll.and(self.comps_of(exception)[0], ll.const_i64(0xff));
        let other = ll.icmp(IntPred::LLVMIntNE, number, ll.const_i64(i64::from(class.code())));
        let message = messages::of_op(&Op::ExceptionObject(class), ExcKind::TypeError);
        self.fail_if(other, ExcKind::TypeError, message);
        self.comps_of(exception)[4..].to_vec()
    }

    fn exception_is(&mut self, exception: Value, class: ExcClass) -> Val {
        let ll = &self.em.ll;
        let number = ll.and(self.comps_of(exception)[0], ll.const_i64(0xff));
        facts::subclass_numbers(&self.em.module.exceptions, class)
            .into_iter()
            .fold(ll.const_bool(false), |found, kind| {
                ll.or(found, ll.icmp(IntPred::LLVMIntEQ, number, ll.const_i64(i64::from(kind))))
            })
    }
}

impl Mode {
    /// The form a kernel's fast loop calls.
    pub fn fast(collects: bool) -> Mode {
        if collects { Mode::Collect } else { Mode::Exact }
    }
}
