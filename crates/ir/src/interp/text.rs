//! String primitives that need no Unicode tables. Positions count code points.

use std::sync::Arc;

use super::scalar::{Outcome, position, raise, slice_positions};
use super::value::Value;
use crate::exc::ExcKind;
use crate::prim::Prim;

/// A longer text raises `MemoryError`: the interpreter must survive any program.
const TEXT_BYTES_MAX: usize = 1 << 30;

/// Executes the primitive; `None` when it is the host's.
pub fn eval(prim: Prim, args: &[Value]) -> Option<Outcome> {
    match args {
        [Value::Str(a)] => one(prim, a),
        [Value::Str(a), Value::Str(b)] => two(prim, a, b),
        [Value::Str(a), Value::Int(n)] => with_int(prim, a, *n),
        [Value::Str(a), Value::Int(start), Value::Int(stop), Value::Int(step)] if prim == Prim::StrSlice => {
            Some(slice(prim, a, *start, *stop, *step))
        }
        [Value::Str(a), Value::Str(old), Value::Str(new), Value::Int(count)] if prim == Prim::StrReplace => {
            Some(replace(a, old, new, *count))
        }
        [Value::Str(separator), Value::List(items)] if prim == Prim::StrJoin => Some(join(separator, &items.borrow())),
        _ => None,
    }
}

fn limited(text: String) -> Outcome {
    if text.len() > TEXT_BYTES_MAX {
        Err((ExcKind::MemoryError, String::new()))
    } else {
        Ok(Value::Str(Arc::from(text)))
    }
}

fn one(prim: Prim, a: &str) -> Option<Outcome> {
    Some(match prim {
        Prim::StrLen => Ok(Value::Int(a.chars().count() as i64)),
        Prim::StrByteLen => Ok(Value::Int(a.len() as i64)),
        Prim::StrOrd => {
            let mut chars = a.chars();
            match (chars.next(), chars.next()) {
                (Some(c), None) => Ok(Value::Int(i64::from(u32::from(c)))),
                _ => {
                    let len = a.chars().count();
                    let message = format!("ord() expected a character, but string of length {len} found");
                    Err((ExcKind::TypeError, message))
                }
            }
        }
        _ => return None,
    })
}

/// UTF-8 sorts as its code points do, so the comparisons are those of the bytes.
fn two(prim: Prim, a: &str, b: &str) -> Option<Outcome> {
    let truth = match prim {
        Prim::StrEq => a == b,
        Prim::StrNe => a != b,
        Prim::StrLt => a < b,
        Prim::StrLe => a <= b,
        Prim::StrGt => a > b,
        Prim::StrGe => a >= b,
        Prim::StrContains => a.contains(b),
        Prim::StrStartswith => a.starts_with(b),
        Prim::StrEndswith => a.ends_with(b),
        Prim::StrConcat => return Some(limited(format!("{a}{b}"))),
        Prim::StrFind => return Some(Ok(Value::Int(chars_before(a, a.find(b))))),
        Prim::StrRfind => return Some(Ok(Value::Int(chars_before(a, a.rfind(b))))),
        // An empty text is found between all characters and at both ends, which `matches` says too.
        Prim::StrCount => return Some(Ok(Value::Int(a.matches(b).count() as i64))),
        _ => return None,
    };
    Some(Ok(Value::Bool(truth)))
}

/// The number of code points before the byte offset; -1 for none.
fn chars_before(text: &str, offset: Option<usize>) -> i64 {
    offset.and_then(|offset| text.get(..offset)).map_or(-1, |before| before.chars().count() as i64)
}

fn with_int(prim: Prim, a: &str, n: i64) -> Option<Outcome> {
    Some(match prim {
        Prim::StrIndex => {
            let found = position(n, a.chars().count()).and_then(|position| a.chars().nth(position));
            found.map(|c| Value::str(c.encode_utf8(&mut [0; 4]))).ok_or_else(|| raise(prim, ExcKind::IndexError))
        }
        Prim::StrCharAt => {
            let rest = usize::try_from(n).ok().and_then(|offset| a.get(offset..));
            let found = rest.and_then(|rest| rest.chars().next());
            found.map(|c| Value::str(c.encode_utf8(&mut [0; 4]))).ok_or_else(|| raise(prim, ExcKind::IndexError))
        }
        Prim::StrRepeat => {
            let count = usize::try_from(n).unwrap_or(0);
            match a.len().checked_mul(count) {
                Some(bytes) if bytes <= TEXT_BYTES_MAX => Ok(Value::Str(Arc::from(a.repeat(count)))),
                _ => Err((ExcKind::MemoryError, String::new())),
            }
        }
        _ => return None,
    })
}

fn slice(prim: Prim, a: &str, start: i64, stop: i64, step: i64) -> Outcome {
    if step == 0 {
        return Err(raise(prim, ExcKind::ValueError));
    }
    let chars: Vec<char> = a.chars().collect();
    let taken: String = slice_positions(start, stop, step, chars.len()).into_iter().map(|at| chars[at]).collect();
    Ok(Value::Str(Arc::from(taken)))
}

fn replace(a: &str, old: &str, new: &str, count: i64) -> Outcome {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    // Every match adds at most the new text.
    let matches = a.matches(old).count().min(count);
    if new.len().saturating_mul(matches).saturating_add(a.len()) > TEXT_BYTES_MAX {
        return Err((ExcKind::MemoryError, String::new()));
    }
    Ok(Value::Str(Arc::from(a.replacen(old, new, count))))
}

fn join(separator: &str, items: &[Value]) -> Outcome {
    let mut out = String::new();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push_str(separator);
        }
        if let Value::Str(text) = item {
            out.push_str(text);
        }
        if out.len() > TEXT_BYTES_MAX {
            return Err((ExcKind::MemoryError, String::new()));
        }
    }
    Ok(Value::Str(Arc::from(out)))
}
