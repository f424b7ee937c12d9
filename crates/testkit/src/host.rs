//! The interpreter's host: the heavy primitives by `runtime`'s safe functions. One arm a primitive, and nothing else, so
//! that interpreter and machine code can only differ in what is worth comparing.

use ir::interp::{Host, Outcome, Raise, Value};
use ir::{ExcKind, Prim};
use runtime::exc::Raised;
use runtime::math::libm;
use runtime::text::Text;
use runtime::{bytes, case, encoding, format, gamma, math, number, pad, parse, percent, regex, sort, string};

/// The host over `runtime`.
pub struct RuntimeHost;

impl Host for RuntimeHost {
    fn prim(&mut self, prim: Prim, args: &[Value]) -> Outcome {
        if let Some(outcome) = of_bytes(prim, args) {
            return outcome;
        }
        match args {
            [Value::Str(program), Value::Str(text), rest @ ..] if prim.name().starts_with("re.") => {
                of_regex(prim, program, text, rest)
            }
            [Value::Str(a)] => of_text(prim, a),
            [Value::Str(a), Value::Str(b)] => of_two_texts(prim, a, b),
            [Value::Str(a), Value::Str(b), Value::Int(n)] if prim == Prim::StrSplit => {
                string::split(a, b, *n).map(|parts| texts(&parts)).map_err(raise)
            }
            [Value::Str(a), Value::Int(n)] => of_text_and_int(prim, a, *n),
            [Value::Str(a), Value::Int(width), Value::Str(fill)] => of_padding(prim, a, *width, fill),
            [Value::Str(a), Value::Str(b), Value::Int(n)] if prim == Prim::StrRsplit => {
                string::rsplit(a, b, *n).map(|parts| texts(&parts)).map_err(raise)
            }
            [Value::Str(a), Value::Str(b), Value::Int(start), Value::Int(end)] => of_between(prim, a, b, *start, *end),
            [Value::Str(a), Value::Bool(keep_ends)] if prim == Prim::StrSplitlines => {
                Ok(texts(&string::splitlines(a, *keep_ends)))
            }
            [Value::Str(a), Value::Int(start), Value::Int(end)] if prim == Prim::StrByteSlice => {
                string::byte_slice(Text::new(a), *start, *end).map(|part| Value::str(&part)).map_err(raise)
            }
            [Value::Int(n), Value::Int(base)] if prim == Prim::IntToBase => {
                filled(|out| format::int_to_base(*n, *base, out))
            }
            [Value::Int(n), Value::Str(spec)] if prim == Prim::IntFormat => {
                filled(|out| format::format_int(*n, spec, out))
            }
            [Value::Int(n), Value::Str(conversion)] if prim == Prim::IntPercent => {
                filled(|out| percent::percent_int(*n, conversion, out))
            }
            [Value::Float(x), Value::Str(conversion)] if prim == Prim::FloatPercent => {
                filled(|out| percent::percent_float(*x, conversion, out))
            }
            [Value::Float(x), Value::Str(spec)] if prim == Prim::FloatFormat => {
                filled(|out| format::format_float(*x, spec, out))
            }
            [Value::Float(x), Value::Int(digits)] if prim == Prim::FloatRoundDigits => {
                float_result(number::float_round_digits(*x, *digits))
            }
            [Value::Float(x)] => of_float(prim, *x),
            [Value::Float(x), Value::Float(y)] => match prim {
                // It overflows without raising, as in CPython.
                Prim::MathHypot => Ok(Value::Float(math::hypot(*x, *y))),
                Prim::MathRemainder => float_result(math::remainder(*x, *y)),
                _ => missing(prim),
            },
            [Value::Float(x), Value::Int(exponent)] if prim == Prim::MathLdexp => {
                float_result(math::ldexp(*x, *exponent))
            }
            _ => missing(prim),
        }
    }

    fn argsort(&mut self, keys: &[Value], reverse: bool) -> Result<Vec<usize>, Raise> {
        let positions: Vec<usize> = (0..keys.len()).collect();
        let mut failed = None;
        let order = sort::argsort(&positions, reverse, |a, b| {
            failed.is_none()
                && ir::interp::less(&keys[*a], &keys[*b]).unwrap_or_else(|raised| {
                    failed = Some(raised);
                    false
                })
        });
        failed.map_or(Ok(order), Err)
    }
}

fn of_float(prim: Prim, x: f64) -> Outcome {
    match prim {
        Prim::IeeeAcosh => Ok(Value::Float(libm::acosh(x))),
        Prim::IeeeAtanh => Ok(Value::Float(libm::atanh(x))),
        Prim::MathAsinh => Ok(Value::Float(libm::asinh(x))),
        Prim::MathAcosh => float_result(math::acosh(x)),
        Prim::MathAtanh => float_result(math::atanh(x)),
        Prim::MathCbrt => Ok(Value::Float(libm::cbrt(x))),
        Prim::MathErf => Ok(Value::Float(libm::erf(x))),
        Prim::MathErfc => Ok(Value::Float(libm::erfc(x))),
        Prim::MathGamma => float_result(gamma::gamma(x)),
        Prim::MathLgamma => float_result(gamma::lgamma(x)),
        _ => missing(prim),
    }
}

fn float_result(result: Result<f64, Raised>) -> Outcome {
    result.map(Value::Float).map_err(raise)
}

fn of_text(prim: Prim, a: &str) -> Outcome {
    Ok(match prim {
        Prim::StrLower => return filled(|out| case::lower(a, out)),
        Prim::StrUpper => return filled(|out| case::upper(a, out)),
        Prim::StrCasefold => return filled(|out| case::casefold(a, out)),
        Prim::StrCapitalize => return filled(|out| case::capitalize(a, out)),
        Prim::StrSwapcase => return filled(|out| case::swapcase(a, out)),
        Prim::StrTitle => return filled(|out| case::title(a, out)),
        Prim::StrIsdecimal => Value::Bool(case::isdecimal(a)),
        Prim::StrIsnumeric => Value::Bool(case::isnumeric(a)),
        Prim::StrIstitle => Value::Bool(case::istitle(a)),
        Prim::StrIsascii => Value::Bool(a.is_ascii()),
        Prim::StrIsprintable => Value::Bool(case::isprintable(a)),
        Prim::StrIsidentifier => Value::Bool(case::isidentifier(a)),
        Prim::StrAscii => return filled(|out| string::ascii(a, out)),
        Prim::ReTemplate => return filled(|out| regex::template(a, out)),
        Prim::ReEscape => return filled(|out| regex::escape(a, out)),
        Prim::StrEscape => return filled(|out| string::escape(a, out)),
        Prim::StrRepr => return filled(|out| string::repr(a, out)),
        Prim::StrStrip => Value::str(string::strip(a)),
        Prim::StrLstrip => Value::str(string::lstrip(a)),
        Prim::StrRstrip => Value::str(string::rstrip(a)),
        Prim::StrIsdigit => Value::Bool(case::isdigit(a)),
        Prim::StrIsalpha => Value::Bool(case::isalpha(a)),
        Prim::StrIsalnum => Value::Bool(case::isalnum(a)),
        Prim::StrIsspace => Value::Bool(case::isspace(a)),
        Prim::StrIsupper => Value::Bool(case::isupper(a)),
        Prim::StrIslower => Value::Bool(case::islower(a)),
        Prim::StrSplitWhitespace => texts(&string::split_whitespace(a)),
        Prim::StrToFloat => return parse::to_float(a).map(Value::Float).map_err(raise),
        _ => return missing(prim),
    })
}

fn of_two_texts(prim: Prim, a: &str, b: &str) -> Outcome {
    Ok(match prim {
        Prim::StrStripChars => Value::str(string::strip_chars(a, b)),
        Prim::StrLstripChars => Value::str(string::lstrip_chars(a, b)),
        Prim::StrRstripChars => Value::str(string::rstrip_chars(a, b)),
        Prim::StrRemoveprefix => Value::str(string::removeprefix(a, b)),
        Prim::StrRemovesuffix => Value::str(string::removesuffix(a, b)),
        Prim::StrPartition => return string::partition(a, b).map(three).map_err(raise),
        Prim::StrRpartition => return string::rpartition(a, b).map(three).map_err(raise),
        Prim::StrPercent => return filled(|out| percent::percent_str(a, b, out)),
        Prim::StrFormat => return filled(|out| format::format_str(a, b, out)),
        _ => return missing(prim),
    })
}

fn of_text_and_int(prim: Prim, a: &str, n: i64) -> Outcome {
    match prim {
        Prim::StrSplitWhitespaceMax => Ok(texts(&string::split_whitespace_max(a, n))),
        Prim::StrRsplitWhitespace => Ok(texts(&string::rsplit_whitespace(a, n))),
        Prim::StrPosition => Ok(Value::Int(string::position(Text::new(a), n))),
        Prim::StrByteOffset => Ok(Value::Int(string::offset_of(Text::new(a), n))),
        Prim::StrZfill => filled(|out| pad::zfill(Text::new(a), n, out)),
        Prim::StrExpandtabs => filled(|out| pad::expandtabs(Text::new(a), n, out)),
        Prim::StrToInt => parse::to_int(a, n).map(Value::Int).map_err(raise),
        _ => missing(prim),
    }
}

fn of_regex(prim: Prim, program: &str, text: &str, rest: &[Value]) -> Outcome {
    let ints = |spans: Vec<i64>| Value::list(spans.into_iter().map(Value::Int).collect());
    match (prim, rest) {
        (Prim::ReFind, [Value::Int(start), Value::Int(mode)]) => {
            regex::find(program, text, *start, *mode).map(ints).map_err(raise)
        }
        (Prim::ReFindSpans, [Value::Int(limit)]) => regex::find_spans(program, text, *limit).map(ints).map_err(raise),
        (Prim::ReFindAll, []) => regex::find_all(program, text).map(|found| texts(&found)).map_err(raise),
        (Prim::ReSplit, [Value::Int(limit)]) => {
            regex::split(program, text, *limit).map(|pieces| texts(&pieces)).map_err(raise)
        }
        // The template is the second text, what it is used on the third.
        (Prim::ReSubstitute, [Value::Str(subject), Value::Int(limit)]) => {
            let mut out = String::new();
            let count = regex::substitute(program, text, subject, *limit, &mut out).map_err(raise)?;
            Ok(Value::tuple(vec![Value::str(&out), Value::Int(count)]))
        }
        _ => missing(prim),
    }
}

/// The primitives of `bytes`.
fn of_bytes(prim: Prim, args: &[Value]) -> Option<Outcome> {
    use Value::{Bool, Bytes, Int, List, Str};
    let new = |made: Result<Vec<u8>, Raised>| made.map(|made| Bytes(made.into())).map_err(raise);
    let list = |parts: Vec<&[u8]>| Value::list(parts.into_iter().map(|part| Bytes(part.into())).collect());
    Some(match (prim, args) {
        (Prim::BytesLen, [Bytes(b)]) => Ok(Int(b.len() as i64)),
        (Prim::BytesIndex, [Bytes(b), Int(index)]) => bytes::index(b, *index).map(Int).map_err(raise),
        (Prim::BytesSlice, [Bytes(b), Int(start), Int(stop), Int(step)]) => {
            new(bytes::slice(b, *start, *stop, *step).map(std::borrow::Cow::into_owned))
        }
        (Prim::BytesConcat, [Bytes(a), Bytes(b)]) => new(bytes::concat(a, b)),
        (Prim::BytesRepeat, [Bytes(b), Int(count)]) => new(bytes::repeat(b, *count)),
        (Prim::BytesFind, [Bytes(a), Bytes(b), Int(start), Int(end)]) => Ok(Int(bytes::find(a, b, *start, *end))),
        (Prim::BytesRfind, [Bytes(a), Bytes(b), Int(start), Int(end)]) => Ok(Int(bytes::rfind(a, b, *start, *end))),
        (Prim::BytesCount, [Bytes(a), Bytes(b), Int(start), Int(end)]) => Ok(Int(bytes::count(a, b, *start, *end))),
        (Prim::BytesStartswith, [Bytes(a), Bytes(b), Int(start), Int(end)]) => {
            Ok(Bool(bytes::startswith(a, b, *start, *end)))
        }
        (Prim::BytesEndswith, [Bytes(a), Bytes(b), Int(start), Int(end)]) => {
            Ok(Bool(bytes::endswith(a, b, *start, *end)))
        }
        (Prim::BytesReplace, [Bytes(b), Bytes(old), Bytes(replacement), Int(limit)]) => {
            new(bytes::replace(b, old, replacement, *limit))
        }
        (Prim::BytesStrip, [Bytes(b), Bytes(characters), Int(sides)]) => {
            Ok(Bytes(bytes::strip(b, characters, *sides).into()))
        }
        (Prim::BytesCase, [Bytes(b), Int(kind)]) => new(Ok(bytes::case(b, *kind))),
        (Prim::BytesTest, [Bytes(b), Int(kind)]) => Ok(Bool(bytes::test(b, *kind))),
        (Prim::BytesSplit, [Bytes(b), Bytes(separator), Int(limit)]) => {
            bytes::split(b, separator, *limit).map(list).map_err(raise)
        }
        (Prim::BytesRsplit, [Bytes(b), Bytes(separator), Int(limit)]) => {
            bytes::rsplit(b, separator, *limit).map(list).map_err(raise)
        }
        (Prim::BytesSplitSpace, [Bytes(b), Int(limit)]) => Ok(list(bytes::split_space(b, *limit))),
        (Prim::BytesJoin, [Bytes(separator), List(items)]) => {
            let items = items.borrow();
            let all = items.iter().map(|item| if let Bytes(item) = item { &item[..] } else { &[] });
            new(bytes::join(separator, all))
        }
        (Prim::BytesHex, [Bytes(b)]) => filled(|out| bytes::hex(b, out)),
        (Prim::BytesFromHex, [Str(text)]) => new(bytes::from_hex(text)),
        (Prim::BytesDecode, [Bytes(b), Int(encoding), Int(errors)]) => {
            filled(|out| encoding::decode(b, *encoding, *errors, out))
        }
        (Prim::StrEncode, [Str(s), Int(encoding), Int(errors)]) => new(encoding::encode(s, *encoding, *errors)),
        (Prim::BytesOfInts, [List(numbers)]) => {
            let numbers = numbers.borrow();
            new(bytes::of_ints(numbers.iter().map(|number| if let Int(number) = number { *number } else { -1 })))
        }
        (Prim::IntFromBytes, [Bytes(b), Bool(little), Bool(signed)]) => {
            bytes::int_from(b, *little, *signed).map(Int).map_err(raise)
        }
        (Prim::IntToBytes, [Int(n), Int(length), Bool(little), Bool(signed)]) => {
            new(bytes::int_to(*n, *length, *little, *signed))
        }
        _ => return None,
    })
}

fn of_padding(prim: Prim, a: &str, width: i64, fill: &str) -> Outcome {
    match prim {
        Prim::StrLjust => filled(|out| pad::ljust(Text::new(a), width, fill, out)),
        Prim::StrRjust => filled(|out| pad::rjust(Text::new(a), width, fill, out)),
        Prim::StrCenter => filled(|out| pad::center(Text::new(a), width, fill, out)),
        _ => missing(prim),
    }
}

fn of_between(prim: Prim, a: &str, b: &str, start: i64, end: i64) -> Outcome {
    let a = Text::new(a);
    Ok(match prim {
        Prim::StrFindBetween => Value::Int(string::find_between(a, b, start, end)),
        Prim::StrRfindBetween => Value::Int(string::rfind_between(a, b, start, end)),
        Prim::StrCountBetween => Value::Int(string::count_between(a, b, start, end)),
        Prim::StrStartswithBetween => Value::Bool(string::startswith_between(a, b, start, end)),
        Prim::StrEndswithBetween => Value::Bool(string::endswith_between(a, b, start, end)),
        _ => return missing(prim),
    })
}

fn three(parts: [&str; 3]) -> Value {
    Value::Tuple(parts.into_iter().map(Value::str).collect())
}

fn filled(fill: impl FnOnce(&mut String) -> Result<(), Raised>) -> Outcome {
    let mut out = String::new();
    fill(&mut out).map_err(raise)?;
    Ok(Value::str(&out))
}

fn texts(parts: &[&str]) -> Value {
    Value::list(parts.iter().map(|part| Value::str(part)).collect())
}

/// The runtime's exception as the interpreter's: the numbers are the same by contract.
fn raise((class, message): Raised) -> (ExcKind, String) {
    (ExcKind::from_code(class as u8).unwrap_or(ExcKind::BaseException), message.into_owned())
}

/// No exception of Python's has this class, so the caller can tell it from one that the program raised.
fn missing(prim: Prim) -> Outcome {
    Err((ExcKind::BaseException, format!("the host does not know `{}`", prim.name())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::exc::ExcClass;

    #[test]
    fn the_runtime_numbers_exceptions_as_the_ir_does() {
        for class in ExcClass::ALL {
            assert_eq!(ExcKind::from_code(*class as u8).map(ExcKind::name), Some(class.name()));
        }
    }

    /// A primitive that neither the interpreter nor the host knows would be a hole in the second oracle.
    #[test]
    fn every_primitive_runs_in_the_interpreter() {
        let mut unknown = Vec::new();
        for prim in Prim::ALL {
            let args: Vec<Value> = prim.params().iter().map(sample).collect();
            if ir::interp::scalar::eval(*prim, &args).is_some() {
                continue;
            }
            if let Err((ExcKind::BaseException, _)) = RuntimeHost.prim(*prim, &args) {
                unknown.push(prim.name());
            }
        }
        assert!(unknown.is_empty(), "unknown: {unknown:?}");
    }

    fn sample(ty: &ir::Type) -> Value {
        match ty {
            ir::Type::Bool => Value::Bool(true),
            ir::Type::Int => Value::Int(2),
            ir::Type::Float => Value::Float(0.5),
            ir::Type::Str => Value::str(""),
            ir::Type::Range => Value::Range { start: 0, stop: 3, step: 1 },
            ir::Type::Bytes => Value::Bytes(b"a".as_slice().into()),
            ir::Type::List(item) => Value::list(vec![sample(item)]),
            other => panic!("no sample of `{other}`"),
        }
    }
}
