//! The primitives: which are expanded in line and which call the runtime. The one place that lists them all.

use ir::{Prim, Type, Value};
use runtime::table::{Convention, Kind, Signature};

use crate::emit::func::FuncEmitter;
use crate::facts;
use crate::kernels::library::CBRT;
use crate::llvm::{CallConv, IntPred, RealPred, Val};

/// How a primitive becomes machine code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Placement {
    /// All in line.
    Inline,
    /// The usual case in line, the others by a runtime function that may fail.
    InlineOrRuntime,
    /// A call of the runtime function.
    Runtime,
}

/// Where each primitive is done.
pub fn placement(prim: Prim) -> Placement {
    use Prim as P;
    match prim {
        P::IntAdd | P::IntSub | P::IntMul | P::IntNeg | P::IntAbs | P::IntFloorDiv | P::IntMod => Placement::Inline,
        P::IntAnd | P::IntOr | P::IntXor | P::IntNot | P::IntShl | P::IntShr => Placement::Inline,
        P::IntEq | P::IntNe | P::IntLt | P::IntLe | P::IntGt | P::IntGe => Placement::Inline,
        P::IntAddWrap | P::IntSubWrap | P::IntMulWrap | P::IntFloorDivWrap | P::IntModWrap => Placement::Inline,
        P::BoolNot | P::BoolToInt | P::IntToFloat | P::FloatToInt => Placement::Inline,
        P::IntFloatEq | P::IntFloatLt | P::IntFloatLe | P::IntFloatGt | P::IntFloatGe => Placement::Inline,
        P::FloatAdd | P::FloatSub | P::FloatMul | P::FloatDiv | P::FloatFloorDiv | P::FloatMod => Placement::Inline,
        P::FloatNeg | P::FloatAbs | P::FloatFused => Placement::Inline,
        P::FloatEq | P::FloatNe | P::FloatLt | P::FloatLe | P::FloatGt | P::FloatGe => Placement::Inline,
        P::FloatDivIeee | P::FloatFloorDivIeee | P::FloatModIeee => Placement::Inline,
        P::FloatRound | P::FloatIsInteger => Placement::Inline,
        P::IeeeSqrt
        | P::IeeeExp
        | P::IeeeExp2
        | P::IeeeExpm1
        | P::IeeeLog
        | P::IeeeLog2
        | P::IeeeLog10
        | P::IeeeLog1p
        | P::IeeeSin
        | P::IeeeCos
        | P::IeeeTan
        | P::IeeeAsin
        | P::IeeeAcos
        | P::IeeeSinh
        | P::IeeeCosh
        | P::IeeeAcosh
        | P::IeeeAtanh
        | P::IeeeFloor
        | P::IeeeCeil
        | P::IeeeTrunc
        | P::IeeeRint => Placement::Inline,
        P::MathSqrt | P::MathCbrt | P::MathExp | P::MathExp2 | P::MathExpm1 => Placement::Inline,
        P::MathLog | P::MathLog2 | P::MathLog10 | P::MathLog1p => Placement::Inline,
        P::MathSin | P::MathCos | P::MathTan | P::MathAsin | P::MathAcos | P::MathAtan | P::MathAtan2 => {
            Placement::Inline
        }
        P::MathSinh | P::MathCosh | P::MathTanh | P::MathAsinh | P::MathAcosh | P::MathAtanh => Placement::Inline,
        P::MathFmod | P::MathCopysign | P::MathNextafter => Placement::Inline,
        P::MathFloor | P::MathCeil | P::MathTrunc | P::MathErf | P::MathErfc => Placement::Inline,
        P::MathDegrees | P::MathRadians | P::MathIsnan | P::MathIsinf | P::MathIsfinite => Placement::Inline,
        P::StrEq | P::StrNe | P::StrByteLen => Placement::Inline,
        P::RangeNew | P::RangeStart | P::RangeStop | P::RangeStep | P::RangeLen | P::RangeIndex => Placement::Inline,
        P::IntTrueDiv | P::FloatPow | P::MathPow | P::StrIndex | P::StrCharAt => Placement::InlineOrRuntime,
        P::IntPow | P::FloatPowIeee | P::FloatRoundDigits | P::IntRoundDigits => Placement::Runtime,
        P::MathHypot | P::MathRemainder | P::MathUlp | P::MathGamma | P::MathLgamma | P::MathIsclose => {
            Placement::Runtime
        }
        P::MathLdexp | P::MathFrexp | P::MathModf | P::MathGcd | P::MathLcm | P::MathIsqrt => Placement::Runtime,
        P::MathFactorial | P::MathComb | P::MathPerm => Placement::Runtime,
        P::StrLen | P::StrConcat | P::StrRepeat | P::StrSlice => Placement::Runtime,
        P::StrLt | P::StrLe | P::StrGt | P::StrGe => Placement::Runtime,
        P::StrContains | P::StrStartswith | P::StrEndswith | P::StrFind | P::StrRfind | P::StrCount => {
            Placement::Runtime
        }
        P::StrReplace | P::StrLower | P::StrUpper | P::StrCasefold => Placement::Runtime,
        P::StrCapitalize | P::StrSwapcase | P::StrTitle => Placement::Runtime,
        P::StrStrip | P::StrLstrip | P::StrRstrip => Placement::Runtime,
        P::StrStripChars | P::StrLstripChars | P::StrRstripChars => Placement::Runtime,
        P::StrIsdecimal | P::StrIsnumeric | P::StrIstitle | P::StrIsascii | P::StrIsprintable | P::StrIsidentifier => {
            Placement::Runtime
        }
        P::StrIsdigit | P::StrIsalpha | P::StrIsalnum | P::StrIsspace | P::StrIsupper | P::StrIslower => {
            Placement::Runtime
        }
        P::StrSplitWhitespaceMax | P::StrRsplitWhitespace | P::StrRsplit | P::StrSplitlines => Placement::Runtime,
        P::StrPartition | P::StrRpartition | P::StrRemoveprefix | P::StrRemovesuffix => Placement::Runtime,
        P::StrFindBetween | P::StrRfindBetween | P::StrCountBetween => Placement::Runtime,
        P::StrStartswithBetween | P::StrEndswithBetween => Placement::Runtime,
        P::StrLjust | P::StrRjust | P::StrCenter | P::StrZfill | P::StrExpandtabs => Placement::Runtime,
        P::StrSplitWhitespace | P::StrSplit | P::StrJoin | P::StrOrd | P::IntChr => Placement::Runtime,
        P::IntToStr | P::FloatToStr | P::StrRepr | P::StrAscii | P::StrToInt | P::StrToFloat => Placement::Runtime,
        P::IntFormat | P::FloatFormat | P::StrFormat | P::IntToBase => Placement::Runtime,
        P::BytesLen => Placement::Inline,
        P::BytesIndex | P::BytesSlice | P::BytesConcat | P::BytesRepeat => Placement::Runtime,
        P::BytesFind | P::BytesRfind | P::BytesCount | P::BytesStartswith | P::BytesEndswith => Placement::Runtime,
        P::BytesReplace | P::BytesStrip | P::BytesCase | P::BytesTest => Placement::Runtime,
        P::BytesSplit | P::BytesRsplit | P::BytesSplitSpace | P::BytesJoin => Placement::Runtime,
        P::BytesHex | P::BytesFromHex | P::BytesDecode | P::StrEncode => Placement::Runtime,
        P::BytesOfInts | P::IntFromBytes | P::IntToBytes => Placement::Runtime,
        P::ReFind | P::ReFindSpans | P::ReFindAll | P::ReSplit => Placement::Runtime,
        P::ReSubstitute | P::ReTemplate | P::ReEscape => Placement::Runtime,
        P::StrByteSlice | P::StrPosition | P::StrByteOffset => Placement::Runtime,
        P::IntPercent | P::FloatPercent | P::StrPercent | P::StrEscape => Placement::Runtime,
    }
}

impl FuncEmitter<'_, '_> {
    /// Emits a primitive; the components of its result.
    pub fn prim(&mut self, prim: Prim, args: &[Value]) -> Vec<Val> {
        match placement(prim) {
            Placement::Inline | Placement::InlineOrRuntime => self.inline_prim(prim, args),
            Placement::Runtime => self.runtime_prim(prim, args),
        }
    }

    fn runtime_prim(&mut self, prim: Prim, args: &[Value]) -> Vec<Val> {
        if prim == Prim::StrLen {
            return self.str_len(args[0]);
        }
        if prim == Prim::IntPow
            && let Some(exponent) = facts::inline_power(&self.constants, args)
        {
            let base = self.scalar(args[0]);
            return vec![self.int_power(base, exponent)];
        }
        let words: Vec<Val> = args.iter().flat_map(|arg| self.comps_of(*arg)).copied().collect();
        if prim == Prim::FloatPowIeee {
            let quick = self.quick_power(words[0], args[1], |this| this.runtime_call(prim.name(), &words));
            return quick.unwrap_or_else(|| self.runtime_call(prim.name(), &words));
        }
        self.runtime_call(prim.name(), &words)
    }

    fn inline_prim(&mut self, prim: Prim, args: &[Value]) -> Vec<Val> {
        let scalars: Vec<Val> = args.iter().filter_map(|arg| self.comps_of(*arg).first().copied()).collect();
        if let Some(value) = self.simple_prim(prim, &scalars) {
            return vec![value];
        }
        let result = match (prim, scalars.as_slice()) {
            (Prim::StrIndex, _) => return self.str_index(args[0], args[1]),
            (Prim::BytesLen, _) => self.comps_of(args[0])[1],
            (Prim::StrByteLen, _) => self.str_byte_len(args[0]),
            (Prim::StrCharAt, _) => return self.str_char_at(args[0], args[1]),
            (Prim::StrEq, _) => self.str_eq(args[0], args[1]),
            (Prim::StrNe, _) => {
                let equal = self.str_eq(args[0], args[1]);
                self.em.ll.not(equal)
            }
            (Prim::RangeNew, [start, stop, step]) => return self.range_new(*start, *stop, *step),
            (Prim::RangeStart, _) => self.comps_of(args[0])[0],
            (Prim::RangeStop, _) => self.comps_of(args[0])[1],
            (Prim::RangeStep, _) => self.comps_of(args[0])[2],
            (Prim::RangeLen, _) => self.range_len(args[0]),
            (Prim::RangeIndex, [_, index]) => self.range_index(args[0], *index),
            (Prim::IntTrueDiv, [a, b]) => return self.int_true_div(*a, *b),
            (Prim::FloatPow | Prim::MathPow, [a, b]) => {
                let (a, b) = (*a, *b);
                let quick = self.quick_power(a, args[1], |this| this.power(prim, a, b));
                return quick.unwrap_or_else(|| self.power(prim, a, b));
            }
            (Prim::IntFloatEq | Prim::IntFloatLt | Prim::IntFloatLe | Prim::IntFloatGt | Prim::IntFloatGe, _) => {
                self.compare_int_float(prim, args[0], args[1])
            }
            (_, [x]) => self.unary_prim(prim, *x),
            (_, [a, b]) => self.binary_prim(prim, *a, *b),
            (_, _) => self.em.ll.const_i64(0),
        };
        vec![result]
    }

    /// Primitives that are one instruction and cannot fail.
    fn simple_prim(&self, prim: Prim, args: &[Val]) -> Option<Val> {
        use Prim as P;
        let ll = &self.em.ll;
        let value = match (prim, args) {
            (P::IntAnd, [a, b]) => ll.and(*a, *b),
            (P::IntOr, [a, b]) => ll.or(*a, *b),
            (P::IntXor, [a, b]) => ll.xor(*a, *b),
            (P::IntNot | P::BoolNot, [a]) => ll.not(*a),
            (P::IntEq, [a, b]) => ll.icmp(IntPred::LLVMIntEQ, *a, *b),
            (P::IntNe, [a, b]) => ll.icmp(IntPred::LLVMIntNE, *a, *b),
            (P::IntLt, [a, b]) => ll.icmp(IntPred::LLVMIntSLT, *a, *b),
            (P::IntLe, [a, b]) => ll.icmp(IntPred::LLVMIntSLE, *a, *b),
            (P::IntGt, [a, b]) => ll.icmp(IntPred::LLVMIntSGT, *a, *b),
            (P::IntGe, [a, b]) => ll.icmp(IntPred::LLVMIntSGE, *a, *b),
            (P::IntAddWrap, [a, b]) => ll.add(*a, *b),
            (P::IntSubWrap, [a, b]) => ll.sub(*a, *b),
            (P::IntMulWrap, [a, b]) => ll.mul(*a, *b),
            (P::BoolToInt, [a]) => ll.zext(*a, ll.i64()),
            (P::IntToFloat, [a]) => ll.sitofp(*a, ll.f64()),
            (P::FloatAdd, [a, b]) => ll.fadd(*a, *b),
            (P::FloatSub, [a, b]) => ll.fsub(*a, *b),
            (P::FloatMul, [a, b]) => ll.fmul(*a, *b),
            (P::FloatDivIeee, [a, b]) => ll.fdiv(*a, *b),
            (P::FloatNeg, [a]) => ll.fneg(*a),
            (P::FloatAbs, [a]) => self.float_intrinsic("llvm.fabs", &[*a]),
            (P::FloatFused, [a, b, c]) => self.float_intrinsic("llvm.fma", &[*a, *b, *c]),
            (P::MathCopysign, [a, b]) => self.float_intrinsic("llvm.copysign", &[*a, *b]),
            (P::FloatEq, [a, b]) => ll.fcmp(RealPred::LLVMRealOEQ, *a, *b),
            (P::FloatNe, [a, b]) => ll.fcmp(RealPred::LLVMRealUNE, *a, *b),
            (P::FloatLt, [a, b]) => ll.fcmp(RealPred::LLVMRealOLT, *a, *b),
            (P::FloatLe, [a, b]) => ll.fcmp(RealPred::LLVMRealOLE, *a, *b),
            (P::FloatGt, [a, b]) => ll.fcmp(RealPred::LLVMRealOGT, *a, *b),
            (P::FloatGe, [a, b]) => ll.fcmp(RealPred::LLVMRealOGE, *a, *b),
            (P::MathDegrees, [a]) => ll.fmul(*a, ll.const_f64(180.0 / std::f64::consts::PI)),
            (P::MathRadians, [a]) => ll.fmul(*a, ll.const_f64(std::f64::consts::PI / 180.0)),
            (P::MathIsnan, [a]) => self.is_nan(*a),
            (P::MathIsinf, [a]) => self.is_infinite(*a),
            (P::MathIsfinite, [a]) => self.is_finite(*a),
            (P::FloatIsInteger, [a]) => self.is_whole(*a),
            _ => return None,
        };
        Some(value)
    }

    fn unary_prim(&mut self, prim: Prim, x: Val) -> Val {
        use Prim as P;
        match prim {
            P::IntNeg => self.int_neg(x),
            P::IntAbs => self.int_abs(x),
            P::FloatToInt | P::MathTrunc => self.rounded_to_int("llvm.trunc", x),
            P::FloatRound => self.rounded_to_int("llvm.roundeven", x),
            P::MathFloor => self.rounded_to_int("llvm.floor", x),
            P::MathCeil => self.rounded_to_int("llvm.ceil", x),
            P::MathSqrt => self.math_sqrt(x),
            P::MathCbrt => self.library_call(CBRT, &[x]),
            P::MathExp => self.math_overflowing("exp", x),
            P::MathExp2 => self.math_overflowing("exp2", x),
            P::MathExpm1 => self.math_overflowing("expm1", x),
            P::MathLog => self.math_with_domain("log", x, RealPred::LLVMRealOLE, 0.0),
            P::MathLog2 => self.math_with_domain("log2", x, RealPred::LLVMRealOLE, 0.0),
            P::MathLog10 => self.math_with_domain("log10", x, RealPred::LLVMRealOLE, 0.0),
            P::MathLog1p => self.math_with_domain("log1p", x, RealPred::LLVMRealOLE, -1.0),
            P::MathSin => self.math_circular("sin", x),
            P::MathCos => self.math_circular("cos", x),
            P::MathTan => self.math_circular("tan", x),
            P::MathAsin => self.math_within_one("asin", x, RealPred::LLVMRealOGT),
            P::MathAcos => self.math_within_one("acos", x, RealPred::LLVMRealOGT),
            P::MathAtan => self.library_call("atan", &[x]),
            P::MathSinh => self.math_overflowing("sinh", x),
            P::MathCosh => self.math_overflowing("cosh", x),
            P::MathTanh => self.library_call("tanh", &[x]),
            P::MathAsinh => self.library_call("asinh", &[x]),
            P::MathAcosh => self.math_with_domain("acosh", x, RealPred::LLVMRealOLT, 1.0),
            P::MathAtanh => self.math_within_one("atanh", x, RealPred::LLVMRealOGE),
            P::IeeeSqrt => self.float_intrinsic("llvm.sqrt", &[x]),
            P::IeeeExp => self.library_call("exp", &[x]),
            P::IeeeExp2 => self.library_call("exp2", &[x]),
            P::IeeeExpm1 => self.library_call("expm1", &[x]),
            P::IeeeLog => self.library_call("log", &[x]),
            P::IeeeLog2 => self.library_call("log2", &[x]),
            P::IeeeLog10 => self.library_call("log10", &[x]),
            P::IeeeLog1p => self.library_call("log1p", &[x]),
            P::IeeeSin => self.library_call("sin", &[x]),
            P::IeeeCos => self.library_call("cos", &[x]),
            P::IeeeTan => self.library_call("tan", &[x]),
            P::IeeeAsin => self.library_call("asin", &[x]),
            P::IeeeAcos => self.library_call("acos", &[x]),
            P::IeeeSinh => self.library_call("sinh", &[x]),
            P::IeeeCosh => self.library_call("cosh", &[x]),
            P::IeeeAcosh => self.library_call("acosh", &[x]),
            P::IeeeAtanh => self.library_call("atanh", &[x]),
            P::IeeeFloor => self.float_intrinsic("llvm.floor", &[x]),
            P::IeeeCeil => self.float_intrinsic("llvm.ceil", &[x]),
            P::IeeeTrunc => self.float_intrinsic("llvm.trunc", &[x]),
            P::IeeeRint => self.float_intrinsic("llvm.roundeven", &[x]),
            P::MathErf => self.library_call("erf", &[x]),
            P::MathErfc => self.library_call("erfc", &[x]),
            other => self.not_in_line(other),
        }
    }

    fn binary_prim(&mut self, prim: Prim, a: Val, b: Val) -> Val {
        use Prim as P;
        match prim {
            P::IntAdd => self.int_add(a, b),
            P::IntSub => self.int_sub(a, b),
            P::IntMul => self.int_mul(a, b),
            P::IntFloorDiv => self.int_floor_div(a, b),
            P::IntMod => self.int_mod(a, b),
            P::IntShl => self.int_shl(a, b),
            P::IntShr => self.int_shr(a, b),
            P::IntFloorDivWrap => self.int_floor_div_wrap(a, b),
            P::IntModWrap => self.int_mod_wrap(a, b),
            P::FloatDiv => self.float_div(a, b),
            P::FloatFloorDiv => self.float_floor_div(a, b),
            P::FloatMod => self.float_mod(a, b),
            P::FloatFloorDivIeee => self.float_floor_div_ieee(a, b),
            P::FloatModIeee => self.float_mod_ieee(a, b),
            P::MathAtan2 => self.library_call("atan2", &[a, b]),
            P::MathFmod => self.math_fmod(a, b),
            P::MathNextafter => self.library_call("nextafter", &[a, b]),
            other => self.not_in_line(other),
        }
    }

    /// The result of a primitive that `placement` calls inline and no function above expands: a hole in the tables,
    /// which the module reports instead of guessing.
    fn not_in_line(&mut self, prim: Prim) -> Val {
        self.em.fail(format!("the primitive `{}` has no expansion", prim.name()));
        self.em.ll.zero(self.result_comp(prim))
    }

    fn result_comp(&self, prim: Prim) -> crate::llvm::Ty {
        let comps = crate::value::comps(&prim.result());
        comps.first().map_or(self.em.ll.i64(), |comp| comp.ty(&self.em.ll))
    }

    /// Calls the runtime function of a primitive or operation with these words (bools as `i1`); raises what it raises.
    pub fn runtime_call(&mut self, name: &str, words: &[Val]) -> Vec<Val> {
        let Some(symbol) = runtime::table::symbol_of_prim(name) else {
            self.em.fail(format!("the runtime has no function for `{name}`"));
            return self.zero_results(name);
        };
        let words: Vec<Val> = words.iter().map(|word| self.widen_bool(*word)).collect();
        match symbol.signature.convention {
            Convention::Direct(kind) => vec![self.direct_call(symbol.name, &symbol.signature, kind, &words)],
            Convention::Status(results) | Convention::Interruptible(results) => {
                self.status_call(symbol.name, &symbol.signature, results, &words)
            }
        }
    }

    fn zero_results(&self, name: &str) -> Vec<Val> {
        let ty = Prim::from_name(name).map_or(Type::Int, Prim::result);
        crate::value::zero_value(&self.em.ll, &ty)
    }

    fn widen_bool(&self, word: Val) -> Val {
        let ll = &self.em.ll;
        if ll.type_of(word) == ll.i1() { ll.zext(word, ll.i64()) } else { word }
    }

    fn param_types(&self, signature: &Signature) -> Vec<crate::llvm::Ty> {
        let ll = &self.em.ll;
        let mut out = Vec::new();
        for kind in signature.params {
            match kind {
                Kind::Int | Kind::Bool => out.push(ll.i64()),
                Kind::Float => out.push(ll.f64()),
                Kind::Str | Kind::Bytes => out.extend([ll.ptr(), ll.i64()]),
                Kind::List | Kind::Address => out.push(ll.ptr()),
            }
        }
        out
    }

    fn direct_call(&mut self, name: &str, signature: &Signature, result: Kind, words: &[Val]) -> Val {
        let params = self.param_types(signature);
        let ll = &self.em.ll;
        let result_ty = match result {
            Kind::Float => ll.f64(),
            Kind::Int | Kind::Bool | Kind::Str | Kind::Bytes | Kind::List | Kind::Address => ll.i64(),
        };
        let function = ll.declare(name, result_ty, &params);
        if params.contains(&ll.ptr()) {
            ll.mark_reader(function);
        } else {
            ll.mark_pure(function);
        }
        let value = ll.call(function, CallConv::C, words);
        match result {
            Kind::Bool => ll.icmp(IntPred::LLVMIntNE, value, ll.const_i64(0)),
            Kind::Int | Kind::Float | Kind::Str | Kind::Bytes | Kind::List | Kind::Address => value,
        }
    }

    fn status_call(&mut self, name: &str, signature: &Signature, results: &[Kind], words: &[Val]) -> Vec<Val> {
        let ptr = self.em.ll.ptr();
        let params = [&[ptr], self.param_types(signature).as_slice(), &[ptr]].concat();
        let slots: usize = results.iter().map(|kind| if matches!(kind, Kind::Str | Kind::Bytes) { 2 } else { 1 }).sum();
        let out = if slots == 0 { self.em.ll.zero(ptr) } else { self.frame_slots(slots) };
        let function = self.em.ll.declare(name, self.em.ll.i64(), &params);
        self.em.ll.add_attribute(function, "nounwind");
        let context = self.context_field(0);
        let class = self.em.ll.call(function, CallConv::C, &[&[context], words, &[out]].concat());
        let bad = self.em.ll.icmp(IntPred::LLVMIntNE, class, self.em.ll.const_i64(0));
        let may_stop = matches!(signature.convention, Convention::Interruptible(_));
        self.fail_if_with(bad, |this, _| {
            if may_stop {
                this.leave_if_cancelled(class);
            }
            this.leave_with_class(class);
        });
        let ll = &self.em.ll;
        let mut values = Vec::new();
        for kind in results {
            let address = ll.field_at(out, 8 * values.len());
            match kind {
                Kind::Int => values.push(ll.load(ll.i64(), address)),
                Kind::Bool => values.push(ll.icmp(IntPred::LLVMIntNE, ll.load(ll.i64(), address), ll.const_i64(0))),
                Kind::Float => values.push(ll.load(ll.f64(), address)),
                Kind::List | Kind::Address => values.push(ll.load(ptr, address)),
                Kind::Str | Kind::Bytes => {
                    values.push(ll.load(ptr, address));
                    values.push(ll.load(ll.i64(), ll.field_at(address, 8)));
                }
            }
        }
        values
    }
}
