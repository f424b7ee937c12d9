//! Text to bytes and back, by the encodings utf-8, ascii and latin-1 (0, 1, 2), with errors strict, ignore or replace
//! (0, 1, 2).

use crate::exc::{ExcClass, Raised};
use crate::string::reserve;

const ASCII: i64 = 1;
const LATIN_1: i64 = 2;
const IGNORE: i64 = 1;
const REPLACE: i64 = 2;

fn name(encoding: i64) -> &'static str {
    match encoding {
        ASCII => "ascii",
        LATIN_1 => "latin-1",
        _ => "utf-8",
    }
}

/// `b.decode(encoding, errors)`.
pub fn decode(b: &[u8], encoding: i64, errors: i64, out: &mut String) -> Result<(), Raised> {
    reserve(out, b.len().saturating_mul(if encoding == LATIN_1 { 2 } else { 3 }))?;
    let bad = |place: usize, byte: u8, reason: &str| {
        let message =
            format!("'{}' codec can't decode byte 0x{byte:02x} in position {place}: {reason}", name(encoding));
        Err((ExcClass::UnicodeDecodeError, message.into()))
    };
    match encoding {
        LATIN_1 => out.extend(b.iter().map(|byte| char::from(*byte))),
        ASCII => {
            for (place, byte) in b.iter().enumerate() {
                match errors {
                    _ if byte.is_ascii() => out.push(char::from(*byte)),
                    IGNORE => {}
                    REPLACE => out.push('\u{fffd}'),
                    _ => return bad(place, *byte, "ordinal not in range(128)"),
                }
            }
        }
        _ => {
            let mut place = 0;
            for chunk in b.utf8_chunks() {
                out.push_str(chunk.valid());
                place += chunk.valid().len();
                let Some(first) = chunk.invalid().first() else { continue };
                match errors {
                    IGNORE => {}
                    // One for each part that could have been the start of a character.
                    REPLACE => out.push('\u{fffd}'),
                    _ => return bad(place, *first, "invalid utf-8"),
                }
                place += chunk.invalid().len();
            }
        }
    }
    Ok(())
}

/// `s.encode(encoding, errors)`.
pub fn encode(s: &str, encoding: i64, errors: i64) -> Result<Vec<u8>, Raised> {
    if encoding != ASCII && encoding != LATIN_1 {
        return Ok(s.as_bytes().to_vec());
    }
    let limit = if encoding == ASCII { 128 } else { 256 };
    let mut out = Vec::with_capacity(s.len());
    for (place, character) in s.chars().enumerate() {
        match (u32::from(character), errors) {
            (code, _) if code < limit => out.push(code as u8),
            (_, IGNORE) => {}
            (_, REPLACE) => out.push(b'?'),
            (code, _) => {
                let message = format!(
                    "'{}' codec can't encode character '\\u{code:04x}' in position {place}: ordinal not in range({limit})",
                    name(encoding)
                );
                return Err((ExcClass::UnicodeEncodeError, message.into()));
            }
        }
    }
    Ok(out)
}
