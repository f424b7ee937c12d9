//! The JSON text itself: a tree of values, numbers still as text. Knows nothing of BSON.

use std::borrow::Cow;

use crate::element::DEPTH_MAX;

/// An object: its members in order.
pub(super) type Object<'a> = Vec<(Cow<'a, str>, Json<'a>)>;

/// A JSON value.
#[derive(Debug)]
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    /// As it was written.
    Number(&'a str),
    Text(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(Object<'a>),
}

/// The members of an object in their order.
pub(super) type Members<'a> = [(Cow<'a, str>, Json<'a>)];

type Parsed<T> = Result<T, String>;

/// Where the object ends that begins at or behind `at`, with the commas, brackets and white space behind it; `None` where it
/// does not end. Looks at quotes and brackets only.
pub fn object_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut depth = 0usize;
    let mut position = at;
    let mut began = false;
    while let Some(byte) = bytes.get(position) {
        position += 1;
        match byte {
            b'"' => position = text_end(bytes, position)?,
            b'{' => {
                depth += 1;
                began = true;
            }
            b'[' if began => depth += 1,
            b'}' | b']' if began => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    let rest = bytes.get(position..)?;
                    let between = |byte: &&u8| matches!(byte, b',' | b']' | b' ' | b'\t' | b'\r' | b'\n');
                    return Some(position + rest.iter().take_while(between).count());
                }
            }
            _ => {}
        }
    }
    None
}

/// The position behind the quote that ends the text at `at`.
fn text_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let found = at + memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(found) == Some(&b'"') {
            return Some(found + 1);
        }
        at = found + 2;
    }
}

/// Reads objects one after the other.
pub(super) struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    pub fn new(text: &'a str) -> Parser<'a> {
        Parser { text, at: 0 }
    }

    /// The next object; `None` at the end of the text.
    pub fn next_object(&mut self) -> Parsed<Option<Object<'a>>> {
        // What stands between objects: an array around them, or nothing.
        while let Some(b' ' | b'\t' | b'\r' | b'\n' | b',' | b'[' | b']') = self.peek() {
            self.at += 1;
        }
        match self.peek() {
            None => Ok(None),
            Some(b'{') => self.object(1).map(Some),
            Some(_) => Err(self.expected("an object")),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn peek_after_space(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
        self.peek()
    }

    fn expected(&self, what: &str) -> String {
        match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            Some(found) => format!("expected {what}, found `{found}`"),
            None => format!("expected {what}, but the text ends"),
        }
    }

    fn expect(&mut self, byte: u8) -> Parsed<()> {
        if self.peek_after_space() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.expected(&format!("`{}`", char::from(byte))))
    }

    fn value(&mut self, depth: usize) -> Parsed<Json<'a>> {
        match self.peek_after_space() {
            Some(b'{') => self.object(depth + 1).map(Json::Object),
            Some(b'[') => self.array(depth + 1).map(Json::Array),
            Some(b'"') => self.string().map(Json::Text),
            Some(b'-' | b'0'..=b'9') => self.number().map(Json::Number),
            _ => {
                for (word, value) in [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))] {
                    if self.text[self.at..].starts_with(word) {
                        self.at += word.len();
                        return Ok(value);
                    }
                }
                Err(self.expected("a value"))
            }
        }
    }

    fn object(&mut self, depth: usize) -> Parsed<Object<'a>> {
        self.check_depth(depth)?;
        self.expect(b'{')?;
        let mut members = Vec::new();
        if self.peek_after_space() == Some(b'}') {
            self.at += 1;
            return Ok(members);
        }
        loop {
            if self.peek_after_space() != Some(b'"') {
                return Err(self.expected("a key"));
            }
            let key = self.string()?;
            self.expect(b':')?;
            members.push((key, self.value(depth)?));
            match self.peek_after_space() {
                Some(b',') => self.at += 1,
                _ => {
                    self.expect(b'}')?;
                    return Ok(members);
                }
            }
        }
    }

    fn array(&mut self, depth: usize) -> Parsed<Vec<Json<'a>>> {
        self.check_depth(depth)?;
        self.expect(b'[')?;
        let mut items = Vec::new();
        if self.peek_after_space() == Some(b']') {
            self.at += 1;
            return Ok(items);
        }
        loop {
            items.push(self.value(depth)?);
            match self.peek_after_space() {
                Some(b',') => self.at += 1,
                _ => {
                    self.expect(b']')?;
                    return Ok(items);
                }
            }
        }
    }

    fn check_depth(&self, depth: usize) -> Parsed<()> {
        // A type wrapper may have one level more than the value it stands for.
        if depth > DEPTH_MAX + 2 { Err(format!("values are nested deeper than {DEPTH_MAX}")) } else { Ok(()) }
    }

    /// The number's own text, checked against JSON's grammar.
    fn number(&mut self) -> Parsed<&'a str> {
        let start = self.at;
        let digits = |parser: &mut Parser<'a>| {
            let from = parser.at;
            while let Some(b'0'..=b'9') = parser.peek() {
                parser.at += 1;
            }
            parser.at - from
        };
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let leading_zero = self.peek() == Some(b'0');
        let whole = digits(self);
        if whole == 0 || (leading_zero && whole > 1) {
            return Err(self.expected("a number"));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if digits(self) == 0 {
                return Err(self.expected("a digit"));
            }
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            if digits(self) == 0 {
                return Err(self.expected("a digit"));
            }
        }
        Ok(&self.text[start..self.at])
    }

    fn string(&mut self) -> Parsed<Cow<'a, str>> {
        self.at += 1;
        let start = self.at;
        let mut built: Option<String> = None;
        let mut from = start;
        loop {
            match self.peek() {
                None => return Err(self.expected("the end of a string")),
                Some(b'"') => {
                    let rest = &self.text[from..self.at];
                    self.at += 1;
                    return Ok(match built {
                        None => Cow::Borrowed(rest),
                        Some(text) => Cow::Owned(text + rest),
                    });
                }
                Some(b'\\') => {
                    let mut text = built.take().unwrap_or_default();
                    text.push_str(&self.text[from..self.at]);
                    self.at += 1;
                    text.push(self.escaped()?);
                    from = self.at;
                    built = Some(text);
                }
                Some(0..=0x1f) => return Err("a control character in a string is not escaped".to_owned()),
                Some(_) => self.at += 1,
            }
        }
    }

    fn escaped(&mut self) -> Parsed<char> {
        let byte = self.peek().ok_or_else(|| self.expected("an escaped character"))?;
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.four_digits()?;
                let unit = match first {
                    0xd800..=0xdbff => {
                        let second = match self.text.as_bytes().get(self.at..self.at + 2) {
                            Some(b"\\u") => {
                                self.at += 2;
                                self.four_digits()?
                            }
                            _ => 0,
                        };
                        if !(0xdc00..=0xdfff).contains(&second) {
                            return Err("half of a surrogate pair is missing in a string".to_owned());
                        }
                        0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                    }
                    unit => unit,
                };
                char::from_u32(unit).ok_or("half of a surrogate pair is missing in a string")?
            }
            _ => return Err("a string has an escape that JSON does not know".to_owned()),
        })
    }

    fn four_digits(&mut self) -> Parsed<u32> {
        let digits = self.text.get(self.at..self.at + 4).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
        let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        self.at += 4;
        number.ok_or_else(|| "`\\u` is not followed by four hexadecimal digits".to_owned())
    }
}
