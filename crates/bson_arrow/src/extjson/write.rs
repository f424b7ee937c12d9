//! JSON values to BSON bytes, type wrappers resolved.

use super::decimal;
use super::parse::{Json, Members};
use crate::element::ElementType;

type Written<T = ()> = Result<T, String>;

/// Appends the object as a document.
pub(super) fn document(members: &Members<'_>, out: &mut Vec<u8>) -> Written {
    framed(out, |out| members.iter().try_for_each(|(key, value)| element(key, value, out)))
}

fn framed(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>) -> Written) -> Written {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    body(out)?;
    out.push(0);
    let length = i32::try_from(out.len() - start).map_err(|_| "a document is larger than BSON allows".to_owned())?;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

fn element(key: &str, value: &Json<'_>, out: &mut Vec<u8>) -> Written {
    let kind = out.len();
    out.push(0);
    cstring(key, "a key", out)?;
    let element = self::value(value, out).map_err(|message| match message.starts_with('`') {
        true => message,
        false => format!("`{key}`: {message}"),
    })?;
    out[kind] = element as u8;
    Ok(())
}

fn cstring(text: &str, what: &str, out: &mut Vec<u8>) -> Written {
    if text.as_bytes().contains(&0) {
        return Err(format!("{what} has a NUL character, which BSON cannot hold"));
    }
    out.extend_from_slice(text.as_bytes());
    out.push(0);
    Ok(())
}

fn string(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&(text.len() as i32 + 1).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
    out.push(0);
}

/// Appends the value's bytes; returns its type.
fn value(value: &Json<'_>, out: &mut Vec<u8>) -> Written<ElementType> {
    match value {
        Json::Null => Ok(ElementType::Null),
        Json::Bool(value) => {
            out.push(u8::from(*value));
            Ok(ElementType::Bool)
        }
        Json::Number(text) => number(text, out),
        Json::Text(text) => {
            string(text, out);
            Ok(ElementType::String)
        }
        Json::Array(items) => {
            let item = |(index, value): (usize, &Json<'_>), out: &mut Vec<u8>| element(&index.to_string(), value, out);
            framed(out, |out| items.iter().enumerate().try_for_each(|pair| item(pair, out)))?;
            Ok(ElementType::Array)
        }
        Json::Object(members) => {
            if let Some(kind) = wrapped(members, out)? {
                return Ok(kind);
            }
            document(members, out)?;
            Ok(ElementType::Document)
        }
    }
}

fn number(text: &str, out: &mut Vec<u8>) -> Written<ElementType> {
    if text.contains(['.', 'e', 'E']) {
        double(text, out)?;
        return Ok(ElementType::Double);
    }
    if let Ok(value) = text.parse::<i32>() {
        out.extend_from_slice(&value.to_le_bytes());
        return Ok(ElementType::Int32);
    }
    let value = text.parse::<i64>().map_err(|_| format!("the integer {text} does not fit into 64 bits"))?;
    out.extend_from_slice(&value.to_le_bytes());
    Ok(ElementType::Int64)
}

fn double(text: &str, out: &mut Vec<u8>) -> Written {
    let value = text.parse::<f64>().map_err(|_| format!("{text:?} is no number"))?;
    if value.is_infinite() {
        return Err(format!("the number {text} does not fit into a double"));
    }
    out.extend_from_slice(&value.to_le_bytes());
    Ok(())
}

/// The keys that make an object a type wrapper. An object with one of them must be one, as a whole.
const WRAPPERS: [&str; 16] = [
    "$oid",
    "$symbol",
    "$numberInt",
    "$numberLong",
    "$numberDouble",
    "$numberDecimal",
    "$binary",
    "$uuid",
    "$code",
    "$timestamp",
    "$regularExpression",
    "$dbPointer",
    "$date",
    "$minKey",
    "$maxKey",
    "$undefined",
];

/// Appends what a type wrapper stands for; `None` when the object is none.
fn wrapped(members: &Members<'_>, out: &mut Vec<u8>) -> Written<Option<ElementType>> {
    let Some((name, value)) = members.iter().find(|(key, _)| WRAPPERS.contains(&key.as_ref())) else {
        return Ok(None);
    };
    let name = name.as_ref();
    let wrong = || format!("`{name}` is not followed by what it needs");
    // `$binary` with `$type` is the older form; `$code` may have a scope.
    let partner = match name {
        "$binary" => Some("$type"),
        "$code" => Some("$scope"),
        _ => None,
    };
    let other = members.iter().find(|(key, _)| Some(key.as_ref()) == partner).map(|(_, value)| value);
    if members.len() != 1 + usize::from(other.is_some()) {
        return Err(format!("`{name}` stands beside keys that do not belong to it"));
    }
    match (name, value, other) {
        ("$code", Json::Text(code), None) => {
            string(code, out);
            Ok(Some(ElementType::Code))
        }
        ("$code", Json::Text(code), Some(Json::Object(scope))) => {
            code_with_scope(code, scope, out)?;
            Ok(Some(ElementType::CodeWithScope))
        }
        ("$binary", Json::Text(data), Some(Json::Text(subtype))) => binary(data, subtype, out).map(Some),
        (_, Json::Text(text), None) => wrapped_text(name, text, out).and_then(|kind| kind.ok_or_else(wrong).map(Some)),
        ("$minKey", Json::Number("1"), None) => Ok(Some(ElementType::MinKey)),
        ("$maxKey", Json::Number("1"), None) => Ok(Some(ElementType::MaxKey)),
        ("$undefined", Json::Bool(true), None) => Ok(Some(ElementType::Undefined)),
        (_, Json::Object(inner), None) => {
            wrapped_object(name, inner, out).and_then(|kind| kind.ok_or_else(wrong).map(Some))
        }
        _ => Err(wrong()),
    }
}

fn wrapped_text(name: &str, text: &str, out: &mut Vec<u8>) -> Written<Option<ElementType>> {
    let wrong = || format!("`{name}`: {text:?} is no such value");
    let integer = |text: &str| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    Ok(Some(match name {
        "$oid" => {
            out.extend_from_slice(&hex(text, 12).ok_or_else(wrong)?);
            ElementType::ObjectId
        }
        "$symbol" => {
            string(text, out);
            ElementType::Symbol
        }
        "$numberInt" if integer(text) => {
            out.extend_from_slice(&text.parse::<i32>().map_err(|_| wrong())?.to_le_bytes());
            ElementType::Int32
        }
        "$numberLong" if integer(text) => {
            out.extend_from_slice(&text.parse::<i64>().map_err(|_| wrong())?.to_le_bytes());
            ElementType::Int64
        }
        "$numberDouble" => {
            match text {
                "Infinity" => out.extend_from_slice(&f64::INFINITY.to_le_bytes()),
                "-Infinity" => out.extend_from_slice(&f64::NEG_INFINITY.to_le_bytes()),
                "NaN" => out.extend_from_slice(&f64::NAN.to_le_bytes()),
                _ if text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) => double(text, out)?,
                _ => return Err(wrong()),
            }
            ElementType::Double
        }
        "$numberDecimal" => {
            out.extend_from_slice(&decimal::from_text(text).ok_or_else(wrong)?);
            ElementType::Decimal128
        }
        "$uuid" => {
            let groups: Vec<usize> = text.split('-').map(str::len).collect();
            let plain = text.replace('-', "");
            let bytes = hex(&plain, 16).filter(|_| groups == [8, 4, 4, 4, 12]).ok_or_else(wrong)?;
            binary_bytes(&bytes, 4, out);
            ElementType::Binary
        }
        "$date" => {
            out.extend_from_slice(&milliseconds(text).ok_or_else(wrong)?.to_le_bytes());
            ElementType::DateTime
        }
        _ => return Ok(None),
    }))
}

fn wrapped_object(name: &str, members: &Members<'_>, out: &mut Vec<u8>) -> Written<Option<ElementType>> {
    let member = |key: &str| members.iter().find(|(found, _)| found == key).map(|(_, value)| value);
    let two = members.len() == 2;
    Ok(Some(match name {
        "$binary" => match (member("base64"), member("subType"), two) {
            (Some(Json::Text(data)), Some(Json::Text(subtype)), true) => binary(data, subtype, out)?,
            _ => return Ok(None),
        },
        "$timestamp" => match (member("t"), member("i"), two) {
            (Some(Json::Number(seconds)), Some(Json::Number(increment)), true) => {
                let number =
                    |text: &str| text.parse::<u32>().map_err(|_| format!("`$timestamp`: {text} is no such value"));
                let (seconds, increment) = (number(seconds)?, number(increment)?);
                out.extend_from_slice(&increment.to_le_bytes());
                out.extend_from_slice(&seconds.to_le_bytes());
                ElementType::Timestamp
            }
            _ => return Ok(None),
        },
        "$regularExpression" => match (member("pattern"), member("options"), two) {
            (Some(Json::Text(pattern)), Some(Json::Text(options)), true) => {
                cstring(pattern, "a regular expression", out)?;
                let mut sorted: Vec<char> = options.chars().collect();
                sorted.sort_unstable();
                cstring(&sorted.into_iter().collect::<String>(), "a regular expression", out)?;
                ElementType::Regex
            }
            _ => return Ok(None),
        },
        "$dbPointer" => match (member("$ref"), member("$id"), two) {
            (Some(Json::Text(namespace)), Some(Json::Object(id)), true) => {
                string(namespace, out);
                if wrapped(id, out)? != Some(ElementType::ObjectId) {
                    return Ok(None);
                }
                ElementType::DbPointer
            }
            _ => return Ok(None),
        },
        "$date" => match wrapped(members, out)? {
            Some(ElementType::Int64) => ElementType::DateTime,
            _ => return Ok(None),
        },
        _ => return Ok(None),
    }))
}

fn code_with_scope(code: &str, scope: &Members<'_>, out: &mut Vec<u8>) -> Written {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    string(code, out);
    document(scope, out)?;
    let length = i32::try_from(out.len() - start).map_err(|_| "a document is larger than BSON allows".to_owned())?;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

fn binary(data: &str, subtype: &str, out: &mut Vec<u8>) -> Written<ElementType> {
    let bytes = base64(data).ok_or("`$binary`: the data is not base64")?;
    let subtype = match subtype.len() {
        1 | 2 => u8::from_str_radix(subtype, 16).ok(),
        _ => None,
    };
    binary_bytes(&bytes, subtype.ok_or("`$binary`: the subtype is not two hexadecimal digits")?, out);
    Ok(ElementType::Binary)
}

fn binary_bytes(bytes: &[u8], subtype: u8, out: &mut Vec<u8>) {
    // The deprecated subtype 2 has its length twice.
    let inner = if subtype == 2 { 4 } else { 0 };
    out.extend_from_slice(&(bytes.len() as i32 + inner).to_le_bytes());
    out.push(subtype);
    if subtype == 2 {
        out.extend_from_slice(&(bytes.len() as i32).to_le_bytes());
    }
    out.extend_from_slice(bytes);
}

fn hex(text: &str, bytes: usize) -> Option<Vec<u8>> {
    if text.len() != 2 * bytes || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..bytes).map(|index| u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()).collect()
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    if !text.len().is_multiple_of(4) || text.len() - digits.len() > 2 || digits.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    let (mut bits, mut count) = (0u32, 0);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

/// Milliseconds since 1970 of `2012-12-24T12:15:30.501Z`, or with an offset such as `+01:00`.
fn milliseconds(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let marks = text.get(4..5)? == "-" && text.get(7..8)? == "-" && text.get(10..11)? == "T";
    let marks = marks && text.get(13..14)? == ":" && text.get(16..17)? == ":";
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let rest = text.get(19..)?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(digits) => digits.split_at(digits.find(|digit: char| !digit.is_ascii_digit())?),
        None => ("", rest),
    };
    let in_range = (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
    if !marks || !in_range || hour > 23 || minute > 59 || second > 59 || fraction.len() > 3 {
        return None;
    }
    let fraction = format!("{fraction:0<3}").parse::<i64>().ok()?;
    let seconds = days_since_1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset(zone)?;
    Some(seconds * 1000 + fraction)
}

/// Seconds east of UTC.
fn offset(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = zone.get(1..)?.chars().filter(|digit| *digit != ':').collect();
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let minutes = digits.get(2..).filter(|rest| !rest.is_empty()).map_or(Some(0), |rest| rest.parse::<i64>().ok())?;
    Some(sign * (digits.get(..2)?.parse::<i64>().ok()? * 3600 + minutes * 60))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days in the proleptic Gregorian calendar, counted in years that begin in March.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}
