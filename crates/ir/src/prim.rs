//! The table of primitives: every operation on scalars and strings is one row here, and only here. A row says how the
//! text form spells it, its parameter and result types, and which exceptions it can raise. The verifier, the
//! interpreter, the printer, codegen and the frontend's builtin tables all read this table.

use crate::exc::ExcKind;
use crate::types::Type;

macro_rules! prims {
    ($( $(#[$doc:meta])* $name:ident $text:literal ( $($arg:ident)* ) -> $ret:ident $( ! $($exc:ident)+ )? ; )*) => {
        /// A primitive operation: fixed types, no control flow, no effect but the exception it may raise.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        #[repr(u16)]
        pub enum Prim { $( $(#[$doc])* $name, )* }

        impl Prim {
            /// Every primitive, in table order.
            pub const ALL: &'static [Prim] = &[ $( Prim::$name, )* ];

            /// The spelling in the text form and the wire form.
            pub fn name(self) -> &'static str {
                match self { $( Prim::$name => $text, )* }
            }

            /// The parameter types.
            pub fn params(self) -> Vec<Type> {
                match self { $( Prim::$name => vec![ $( ty!($arg) ),* ], )* }
            }

            /// The result type.
            pub fn result(self) -> Type {
                match self { $( Prim::$name => ty!($ret), )* }
            }

            /// The exceptions this primitive can raise; empty when it cannot fail.
            pub fn raises(self) -> &'static [ExcKind] {
                match self { $( Prim::$name => &[ $( $( ExcKind::$exc ),+ )? ], )* }
            }
        }
    };
}

macro_rules! ty {
    (StrList) => {
        Type::List(Box::new(Type::Str))
    };
    (IntList) => {
        Type::List(Box::new(Type::Int))
    };
    (BytesList) => {
        Type::List(Box::new(Type::Bytes))
    };
    (StrInt) => {
        Type::Tuple(vec![Type::Str, Type::Int])
    };
    (StrStrStr) => {
        Type::Tuple(vec![Type::Str, Type::Str, Type::Str])
    };
    (FloatInt) => {
        Type::Tuple(vec![Type::Float, Type::Int])
    };
    (FloatFloat) => {
        Type::Tuple(vec![Type::Float, Type::Float])
    };
    ($name:ident) => {
        Type::$name
    };
}

prims! {
    // Integers. Python's `int` in 64 bits: a result outside the range raises.
    IntAdd "int.add" (Int Int) -> Int ! IntTooLarge;
    IntSub "int.sub" (Int Int) -> Int ! IntTooLarge;
    IntMul "int.mul" (Int Int) -> Int ! IntTooLarge;
    IntNeg "int.neg" (Int) -> Int ! IntTooLarge;
    IntAbs "int.abs" (Int) -> Int ! IntTooLarge;
    /// Floor division by Python's signs.
    IntFloorDiv "int.floordiv" (Int Int) -> Int ! ZeroDivisionError IntTooLarge;
    /// The remainder with the sign of the divisor.
    IntMod "int.mod" (Int Int) -> Int ! ZeroDivisionError;
    /// `/` of two ints: the correctly rounded quotient, also beyond 2**53.
    IntTrueDiv "int.truediv" (Int Int) -> Float ! ZeroDivisionError;
    /// `**` with an exponent that is not negative; a negative one raises `NotCompiled` (the frontend branches to
    /// `float.pow` before).
    IntPow "int.pow" (Int Int) -> Int ! IntTooLarge NotCompiled;
    IntAnd "int.and" (Int Int) -> Int;
    IntOr "int.or" (Int Int) -> Int;
    IntXor "int.xor" (Int Int) -> Int;
    IntNot "int.not" (Int) -> Int;
    IntShl "int.shl" (Int Int) -> Int ! ValueError IntTooLarge;
    IntShr "int.shr" (Int Int) -> Int ! ValueError;
    IntEq "int.eq" (Int Int) -> Bool;
    IntNe "int.ne" (Int Int) -> Bool;
    IntLt "int.lt" (Int Int) -> Bool;
    IntLe "int.le" (Int Int) -> Bool;
    IntGt "int.gt" (Int Int) -> Bool;
    IntGe "int.ge" (Int Int) -> Bool;
    // NumPy integers wrap; division by zero gives 0 (NumPy warns and goes on).
    IntAddWrap "int.add_wrap" (Int Int) -> Int;
    IntSubWrap "int.sub_wrap" (Int Int) -> Int;
    IntMulWrap "int.mul_wrap" (Int Int) -> Int;
    IntFloorDivWrap "int.floordiv_wrap" (Int Int) -> Int;
    IntModWrap "int.mod_wrap" (Int Int) -> Int;

    // Conversions and mixed comparisons.
    BoolNot "bool.not" (Bool) -> Bool;
    BoolToInt "bool.to_int" (Bool) -> Int;
    IntToFloat "int.to_float" (Int) -> Float;
    /// `int(x)`: towards zero; `ValueError` for NaN, `OverflowError` for infinities, `IntTooLarge` outside 64 bits.
    FloatToInt "float.to_int" (Float) -> Int ! ValueError OverflowError IntTooLarge;
    // `int` against `float` is compared exactly, without rounding the int.
    IntFloatEq "int.eq_float" (Int Float) -> Bool;
    IntFloatLt "int.lt_float" (Int Float) -> Bool;
    IntFloatLe "int.le_float" (Int Float) -> Bool;
    IntFloatGt "int.gt_float" (Int Float) -> Bool;
    IntFloatGe "int.ge_float" (Int Float) -> Bool;

    // Floats.
    FloatAdd "float.add" (Float Float) -> Float;
    FloatSub "float.sub" (Float Float) -> Float;
    FloatMul "float.mul" (Float Float) -> Float;
    FloatDiv "float.div" (Float Float) -> Float ! ZeroDivisionError;
    FloatFloorDiv "float.floordiv" (Float Float) -> Float ! ZeroDivisionError;
    FloatMod "float.mod" (Float Float) -> Float ! ZeroDivisionError;
    /// `**`: `ZeroDivisionError` for 0.0 to a negative power, `OverflowError` when finite arguments give infinity,
    /// `ValueError` where CPython would give a complex number.
    FloatPow "float.pow" (Float Float) -> Float ! ZeroDivisionError OverflowError NotCompiled;
    FloatNeg "float.neg" (Float) -> Float;
    FloatAbs "float.abs" (Float) -> Float;
    /// `a * b + c`, rounded once.
    FloatFused "float.fused" (Float Float Float) -> Float;
    FloatEq "float.eq" (Float Float) -> Bool;
    FloatNe "float.ne" (Float Float) -> Bool;
    FloatLt "float.lt" (Float Float) -> Bool;
    FloatLe "float.le" (Float Float) -> Bool;
    FloatGt "float.gt" (Float Float) -> Bool;
    FloatGe "float.ge" (Float Float) -> Bool;
    // NumPy floats follow IEEE 754 without exceptions.
    FloatDivIeee "float.div_ieee" (Float Float) -> Float;
    FloatFloorDivIeee "float.floordiv_ieee" (Float Float) -> Float;
    FloatModIeee "float.mod_ieee" (Float Float) -> Float;
    FloatPowIeee "float.pow_ieee" (Float Float) -> Float;
    // The functions of NumPy: NaN outside of their domain, infinities beyond the range. `rint` rounds half to even.
    IeeeSqrt "ieee.sqrt" (Float) -> Float;
    IeeeExp "ieee.exp" (Float) -> Float;
    IeeeExp2 "ieee.exp2" (Float) -> Float;
    IeeeExpm1 "ieee.expm1" (Float) -> Float;
    IeeeLog "ieee.log" (Float) -> Float;
    IeeeLog2 "ieee.log2" (Float) -> Float;
    IeeeLog10 "ieee.log10" (Float) -> Float;
    IeeeLog1p "ieee.log1p" (Float) -> Float;
    IeeeSin "ieee.sin" (Float) -> Float;
    IeeeCos "ieee.cos" (Float) -> Float;
    IeeeTan "ieee.tan" (Float) -> Float;
    IeeeAsin "ieee.asin" (Float) -> Float;
    IeeeAcos "ieee.acos" (Float) -> Float;
    IeeeSinh "ieee.sinh" (Float) -> Float;
    IeeeCosh "ieee.cosh" (Float) -> Float;
    IeeeAcosh "ieee.acosh" (Float) -> Float;
    IeeeAtanh "ieee.atanh" (Float) -> Float;
    IeeeFloor "ieee.floor" (Float) -> Float;
    IeeeCeil "ieee.ceil" (Float) -> Float;
    IeeeTrunc "ieee.trunc" (Float) -> Float;
    IeeeRint "ieee.rint" (Float) -> Float;
    /// `round(x)`: half to even.
    FloatRound "float.round" (Float) -> Int ! ValueError OverflowError IntTooLarge;
    /// `round(x, n)`: correctly rounded in decimal, as CPython does it.
    FloatRoundDigits "float.round_digits" (Float Int) -> Float ! OverflowError;
    IntRoundDigits "int.round_digits" (Int Int) -> Int ! IntTooLarge;
    FloatIsInteger "float.is_integer" (Float) -> Bool;

    // The `math` module. Domain errors raise `ValueError`, finite arguments with an infinite result `OverflowError`.
    MathSqrt "math.sqrt" (Float) -> Float ! ValueError;
    MathCbrt "math.cbrt" (Float) -> Float;
    MathExp "math.exp" (Float) -> Float ! OverflowError;
    MathExp2 "math.exp2" (Float) -> Float ! OverflowError;
    MathExpm1 "math.expm1" (Float) -> Float ! OverflowError;
    MathLog "math.log" (Float) -> Float ! ValueError;
    MathLog2 "math.log2" (Float) -> Float ! ValueError;
    MathLog10 "math.log10" (Float) -> Float ! ValueError;
    MathLog1p "math.log1p" (Float) -> Float ! ValueError;
    MathSin "math.sin" (Float) -> Float ! ValueError;
    MathCos "math.cos" (Float) -> Float ! ValueError;
    MathTan "math.tan" (Float) -> Float ! ValueError;
    MathAsin "math.asin" (Float) -> Float ! ValueError;
    MathAcos "math.acos" (Float) -> Float ! ValueError;
    MathAtan "math.atan" (Float) -> Float;
    MathAtan2 "math.atan2" (Float Float) -> Float;
    MathSinh "math.sinh" (Float) -> Float ! OverflowError;
    MathCosh "math.cosh" (Float) -> Float ! OverflowError;
    MathTanh "math.tanh" (Float) -> Float;
    MathAsinh "math.asinh" (Float) -> Float;
    MathAcosh "math.acosh" (Float) -> Float ! ValueError;
    MathAtanh "math.atanh" (Float) -> Float ! ValueError;
    MathPow "math.pow" (Float Float) -> Float ! ValueError OverflowError;
    MathHypot "math.hypot" (Float Float) -> Float;
    MathFmod "math.fmod" (Float Float) -> Float ! ValueError;
    MathRemainder "math.remainder" (Float Float) -> Float ! ValueError;
    MathCopysign "math.copysign" (Float Float) -> Float;
    MathNextafter "math.nextafter" (Float Float) -> Float;
    MathUlp "math.ulp" (Float) -> Float;
    MathFloor "math.floor" (Float) -> Int ! ValueError OverflowError IntTooLarge;
    MathCeil "math.ceil" (Float) -> Int ! ValueError OverflowError IntTooLarge;
    MathTrunc "math.trunc" (Float) -> Int ! ValueError OverflowError IntTooLarge;
    MathErf "math.erf" (Float) -> Float;
    MathErfc "math.erfc" (Float) -> Float;
    MathGamma "math.gamma" (Float) -> Float ! ValueError OverflowError;
    MathLgamma "math.lgamma" (Float) -> Float ! ValueError OverflowError;
    MathDegrees "math.degrees" (Float) -> Float;
    MathRadians "math.radians" (Float) -> Float;
    MathIsnan "math.isnan" (Float) -> Bool;
    MathIsinf "math.isinf" (Float) -> Bool;
    MathIsfinite "math.isfinite" (Float) -> Bool;
    /// `math.isclose(a, b, rel_tol=, abs_tol=)`.
    MathIsclose "math.isclose" (Float Float Float Float) -> Bool ! ValueError;
    MathLdexp "math.ldexp" (Float Int) -> Float ! OverflowError;
    MathFrexp "math.frexp" (Float) -> FloatInt;
    /// `(fractional, integral)`.
    MathModf "math.modf" (Float) -> FloatFloat;
    MathGcd "math.gcd" (Int Int) -> Int ! IntTooLarge;
    MathLcm "math.lcm" (Int Int) -> Int ! IntTooLarge;
    MathIsqrt "math.isqrt" (Int) -> Int ! ValueError;
    MathFactorial "math.factorial" (Int) -> Int ! ValueError IntTooLarge;
    MathComb "math.comb" (Int Int) -> Int ! ValueError IntTooLarge;
    MathPerm "math.perm" (Int Int) -> Int ! ValueError IntTooLarge;

    // Strings. Lengths and positions count code points. What makes a new string or list can run out of memory.
    StrLen "str.len" (Str) -> Int;
    StrConcat "str.concat" (Str Str) -> Str ! MemoryError;
    StrRepeat "str.repeat" (Str Int) -> Str ! MemoryError;
    /// `s[i]` with Python's negative indices.
    StrIndex "str.index" (Str Int) -> Str ! IndexError;
    // Strings are walked by byte offsets, so that a step costs the same in any of them.
    /// The length in UTF-8 bytes.
    StrByteLen "str.byte_len" (Str) -> Int;
    /// The character that starts at a byte offset; `IndexError` where none does.
    StrCharAt "str.char_at" (Str Int) -> Str ! IndexError;
    /// `s[start:stop:step]`. A missing bound is `i64::MAX` or `i64::MIN`, whichever lies beyond the end it stands for.
    StrSlice "str.slice" (Str Int Int Int) -> Str ! ValueError MemoryError;
    /// The part between two byte offsets; `IndexError` where they cut a character.
    StrByteSlice "str.byte_slice" (Str Int Int) -> Str ! IndexError;
    /// The position of the character at a byte offset; -1 for a negative one.
    StrPosition "str.position" (Str Int) -> Int;
    /// The byte offset of a position, held to those of the text.
    StrByteOffset "str.byte_offset" (Str Int) -> Int;
    StrEq "str.eq" (Str Str) -> Bool;
    StrNe "str.ne" (Str Str) -> Bool;
    StrLt "str.lt" (Str Str) -> Bool;
    StrLe "str.le" (Str Str) -> Bool;
    StrGt "str.gt" (Str Str) -> Bool;
    StrGe "str.ge" (Str Str) -> Bool;
    /// `needle in haystack`, in the order (haystack, needle).
    StrContains "str.contains" (Str Str) -> Bool;
    StrStartswith "str.startswith" (Str Str) -> Bool;
    StrEndswith "str.endswith" (Str Str) -> Bool;
    /// `s.find(sub)`: the first position or -1.
    StrFind "str.find" (Str Str) -> Int;
    StrRfind "str.rfind" (Str Str) -> Int;
    StrCount "str.count" (Str Str) -> Int;
    /// `s.replace(old, new, count)`; a negative count replaces all.
    StrReplace "str.replace" (Str Str Str Int) -> Str ! MemoryError;
    StrLower "str.lower" (Str) -> Str ! MemoryError;
    StrUpper "str.upper" (Str) -> Str ! MemoryError;
    StrCasefold "str.casefold" (Str) -> Str ! MemoryError;
    StrCapitalize "str.capitalize" (Str) -> Str ! MemoryError;
    StrSwapcase "str.swapcase" (Str) -> Str ! MemoryError;
    StrTitle "str.title" (Str) -> Str ! MemoryError;
    StrStrip "str.strip" (Str) -> Str;
    StrLstrip "str.lstrip" (Str) -> Str;
    StrRstrip "str.rstrip" (Str) -> Str;
    StrStripChars "str.strip_chars" (Str Str) -> Str;
    StrLstripChars "str.lstrip_chars" (Str Str) -> Str;
    StrRstripChars "str.rstrip_chars" (Str Str) -> Str;
    StrIsdigit "str.isdigit" (Str) -> Bool;
    StrIsdecimal "str.isdecimal" (Str) -> Bool;
    StrIsnumeric "str.isnumeric" (Str) -> Bool;
    StrIsalpha "str.isalpha" (Str) -> Bool;
    StrIsalnum "str.isalnum" (Str) -> Bool;
    StrIsspace "str.isspace" (Str) -> Bool;
    StrIsupper "str.isupper" (Str) -> Bool;
    StrIslower "str.islower" (Str) -> Bool;
    StrIstitle "str.istitle" (Str) -> Bool;
    StrIsascii "str.isascii" (Str) -> Bool;
    StrIsprintable "str.isprintable" (Str) -> Bool;
    StrIsidentifier "str.isidentifier" (Str) -> Bool;
    /// `s.split()`: on runs of white space.
    StrSplitWhitespace "str.split_whitespace" (Str) -> StrList ! MemoryError;
    /// `s.split(sep, maxsplit)`.
    StrSplit "str.split" (Str Str Int) -> StrList ! ValueError MemoryError;
    /// `s.split(None, maxsplit)`.
    StrSplitWhitespaceMax "str.split_whitespace_max" (Str Int) -> StrList ! MemoryError;
    /// `s.rsplit(None, maxsplit)`.
    StrRsplitWhitespace "str.rsplit_whitespace" (Str Int) -> StrList ! MemoryError;
    StrRsplit "str.rsplit" (Str Str Int) -> StrList ! ValueError MemoryError;
    /// `s.splitlines(keepends)`.
    StrSplitlines "str.splitlines" (Str Bool) -> StrList ! MemoryError;
    StrPartition "str.partition" (Str Str) -> StrStrStr ! ValueError;
    StrRpartition "str.rpartition" (Str Str) -> StrStrStr ! ValueError;
    StrRemoveprefix "str.removeprefix" (Str Str) -> Str;
    StrRemovesuffix "str.removesuffix" (Str Str) -> Str;
    // Searches in a part: a missing start is `i64::MIN`, a missing end `i64::MAX`.
    StrFindBetween "str.find_between" (Str Str Int Int) -> Int;
    StrRfindBetween "str.rfind_between" (Str Str Int Int) -> Int;
    StrCountBetween "str.count_between" (Str Str Int Int) -> Int;
    StrStartswithBetween "str.startswith_between" (Str Str Int Int) -> Bool;
    StrEndswithBetween "str.endswith_between" (Str Str Int Int) -> Bool;
    /// `s.ljust(width, fill)`.
    StrLjust "str.ljust" (Str Int Str) -> Str ! TypeError MemoryError;
    StrRjust "str.rjust" (Str Int Str) -> Str ! TypeError MemoryError;
    StrCenter "str.center" (Str Int Str) -> Str ! TypeError MemoryError;
    StrZfill "str.zfill" (Str Int) -> Str ! MemoryError;
    StrExpandtabs "str.expandtabs" (Str Int) -> Str ! MemoryError;
    /// `sep.join(items)`, in the order (sep, items).
    StrJoin "str.join" (Str StrList) -> Str ! MemoryError;
    StrOrd "str.ord" (Str) -> Int ! TypeError;
    IntChr "int.chr" (Int) -> Str ! ValueError OverflowError NotCompiled MemoryError;

    // Text to numbers and back.
    IntToStr "int.to_str" (Int) -> Str ! MemoryError;
    /// `repr(x)`: the shortest digits that give the same float.
    FloatToStr "float.to_str" (Float) -> Str ! MemoryError;
    StrRepr "str.repr" (Str) -> Str ! MemoryError;
    /// `ascii(s)`.
    StrAscii "str.ascii" (Str) -> Str ! MemoryError;
    /// `int(s, base)`; base 10 is `int(s)`.
    StrToInt "str.to_int" (Str Int) -> Int ! ValueError IntTooLarge;
    StrToFloat "str.to_float" (Str) -> Float ! ValueError;
    // `format(value, spec)` with the format mini-language.
    IntFormat "int.format" (Int Str) -> Str ! ValueError OverflowError NotCompiled MemoryError;
    FloatFormat "float.format" (Float Str) -> Str ! ValueError MemoryError;
    StrFormat "str.format" (Str Str) -> Str ! ValueError MemoryError;
    // `template % value` of one conversion: its flags, width, precision and type, without the `%`.
    IntPercent "int.percent" (Int Str) -> Str ! ValueError OverflowError NotCompiled MemoryError;
    FloatPercent "float.percent" (Float Str) -> Str ! ValueError OverflowError MemoryError;
    StrPercent "str.percent" (Str Str) -> Str ! ValueError OverflowError TypeError MemoryError;
    /// Everything beyond ASCII as a backslash escape; with `repr` before it this is `ascii`.
    StrEscape "str.escape" (Str) -> Str ! MemoryError;
    /// `hex(n)`, `oct(n)`, `bin(n)`: the base is 16, 8 or 2.
    IntToBase "int.to_base" (Int Int) -> Str ! ValueError MemoryError;

    // Regular expressions: the first argument is the program that the frontend made of a pattern. Positions are byte
    // offsets; a limit of 0 is none.
    /// `(program, text, start, mode)`: the spans of the match and its groups, or nothing. Mode 0 searches, 1 matches, 2
    /// matches all of the text; 4 more asks for a match that is not empty.
    ReFind "re.find" (Str Str Int Int) -> IntList ! MemoryError RuntimeError;
    /// `(program, text, limit)`: the spans of all matches after one another.
    ReFindSpans "re.find_spans" (Str Str Int) -> IntList ! MemoryError RuntimeError;
    /// `re.findall`; of several groups those of each match after one another.
    ReFindAll "re.find_all" (Str Str) -> StrList ! MemoryError RuntimeError;
    /// `(program, text, limit)`.
    ReSplit "re.split" (Str Str Int) -> StrList ! MemoryError RuntimeError;
    /// `(program, template, text, limit)` as in `re.subn`, with the template in the runtime's form.
    ReSubstitute "re.substitute" (Str Str Str Int) -> StrInt ! MemoryError RuntimeError;
    /// A template in the runtime's form, when it has no backslash.
    ReTemplate "re.template" (Str) -> Str ! NotCompiled MemoryError;
    ReEscape "re.escape" (Str) -> Str ! MemoryError;

    // Bytes. Bounds are as those of strings.
    BytesLen "bytes.len" (Bytes) -> Int;
    BytesIndex "bytes.index" (Bytes Int) -> Int ! IndexError;
    BytesSlice "bytes.slice" (Bytes Int Int Int) -> Bytes ! ValueError MemoryError;
    BytesConcat "bytes.concat" (Bytes Bytes) -> Bytes ! MemoryError;
    BytesRepeat "bytes.repeat" (Bytes Int) -> Bytes ! MemoryError;
    BytesFind "bytes.find" (Bytes Bytes Int Int) -> Int;
    BytesRfind "bytes.rfind" (Bytes Bytes Int Int) -> Int;
    BytesCount "bytes.count" (Bytes Bytes Int Int) -> Int;
    BytesStartswith "bytes.startswith" (Bytes Bytes Int Int) -> Bool;
    BytesEndswith "bytes.endswith" (Bytes Bytes Int Int) -> Bool;
    BytesReplace "bytes.replace" (Bytes Bytes Bytes Int) -> Bytes ! MemoryError;
    /// `(b, characters, sides)`: 1 for the left side, 2 for the right, 3 for both.
    BytesStrip "bytes.strip" (Bytes Bytes Int) -> Bytes;
    /// `(b, kind)`: lower, upper, swapcase, capitalize, title by number.
    BytesCase "bytes.case" (Bytes Int) -> Bytes ! MemoryError;
    /// `(b, kind)`: isalnum, isalpha, isascii, isdigit, islower, isspace, istitle, isupper by number.
    BytesTest "bytes.test" (Bytes Int) -> Bool;
    BytesSplit "bytes.split" (Bytes Bytes Int) -> BytesList ! ValueError MemoryError;
    BytesRsplit "bytes.rsplit" (Bytes Bytes Int) -> BytesList ! ValueError MemoryError;
    /// `b.split(None, limit)`.
    BytesSplitSpace "bytes.split_space" (Bytes Int) -> BytesList ! MemoryError;
    BytesJoin "bytes.join" (Bytes BytesList) -> Bytes ! MemoryError;
    BytesHex "bytes.hex" (Bytes) -> Str ! MemoryError;
    BytesFromHex "bytes.from_hex" (Str) -> Bytes ! ValueError MemoryError;
    /// `(b, encoding, errors)`: utf-8, ascii, latin-1 and strict, ignore, replace by number.
    BytesDecode "bytes.decode" (Bytes Int Int) -> Str ! UnicodeDecodeError MemoryError;
    StrEncode "str.encode" (Str Int Int) -> Bytes ! UnicodeEncodeError MemoryError;
    BytesOfInts "bytes.of_ints" (IntList) -> Bytes ! ValueError MemoryError;
    /// `(b, little, signed)`.
    IntFromBytes "int.from_bytes" (Bytes Bool Bool) -> Int ! IntTooLarge;
    /// `(n, length, little, signed)`.
    IntToBytes "int.to_bytes" (Int Int Bool Bool) -> Bytes ! ValueError OverflowError MemoryError;

    // Ranges.
    /// `range(start, stop, step)`.
    RangeNew "range.new" (Int Int Int) -> Range ! ValueError;
    RangeStart "range.start" (Range) -> Int;
    RangeStop "range.stop" (Range) -> Int;
    RangeStep "range.step" (Range) -> Int;
    RangeLen "range.len" (Range) -> Int ! OverflowError;
    /// `r[i]` with Python's negative indices.
    RangeIndex "range.index" (Range Int) -> Int ! IndexError;
}

impl Prim {
    /// The primitive with this text-form name.
    pub fn from_name(name: &str) -> Option<Prim> {
        Prim::ALL.iter().copied().find(|prim| prim.name() == name)
    }

    /// True when the primitive can raise.
    pub fn can_raise(self) -> bool {
        !self.raises().is_empty()
    }
}
