//! Shapes: what the slots of a value mean, as a text that compiled code hands over. Owns reading it; what is done with the
//! parts of a value is `value`'s.
//!
//! | shape | value |
//! | --- | --- |
//! | `n` `b` `i` `f` `s` `y` `r` | None, bool, int, float, str, bytes, range |
//! | `p` and a letter | a NumPy scalar; the letters from `a` are the element types in the order of the IR |
//! | `(` items `)` | tuple |
//! | `<` variants `>` | union |
//! | `R` `M` `N` `D` name `{` (name shape).. `}` | row, dict with fixed keys, named tuple, dataclass |
//! | `l` `v` `t` `z` item | list, tuple of any length, set, frozenset |
//! | `d` key value | dict |
//! | `o` number `;` | an object of the class of this number |
//!
//! A name is its length in bytes, `:` and the name. After the shape come the classes that it names, in order: `@` and what a
//! record has, with `P` instead of `D` for one that is no dataclass.

use crate::text::Text;

/// A value in memory: a place in a shape's text and the first of its slots.
#[derive(Clone, Copy, Debug)]
pub struct Val<'a> {
    text: &'a [u8],
    at: usize,
    slots: *const u64,
}

/// What a record or an object is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sort {
    Row,
    Dict,
    NamedTuple,
    Dataclass,
    /// An instance of a class of the standard library: ordered by its fields.
    Library,
    /// An instance of a class that is no dataclass.
    Plain,
}

/// A value taken apart one level. Unions are gone: it is the variant.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// The number of the element type, and the slot.
    Np(u8, u64),
    Str(Text<'a>),
    Bytes(&'a [u8]),
    Range([i64; 3]),
    Tuple(Fields<'a>),
    Record(Sort, &'a str, Fields<'a>),
    /// The address, the class, the fields.
    Object(u64, Sort, &'a str, Fields<'a>),
    /// The header's address, and the item's shape.
    List(u64, Place<'a>),
    /// A tuple of any length: the header of the list that holds its items.
    Items(u64, Place<'a>),
    Set(u64, Place<'a>, bool),
    Dict(u64, Place<'a>, Place<'a>),
}

/// A shape without a value.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    text: &'a [u8],
    at: usize,
}

/// The fields of a tuple, record or object.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    next: Val<'a>,
    named: bool,
}

impl<'a> Place<'a> {
    /// The shape at the start of a text.
    pub fn new(text: &'a [u8]) -> Place<'a> {
        Place { text, at: 0 }
    }

    /// A value of this shape.
    pub fn val(self, slots: *const u64) -> Val<'a> {
        Val { text: self.text, at: self.at, slots }
    }

    /// The slots of such a value.
    pub fn width(self) -> usize {
        skip(self.text, self.at).1
    }

    /// The shape's letter.
    pub fn letter(self) -> u8 {
        letter(self.text, self.at)
    }

    /// Whether the whole shape is this one letter.
    pub fn is(self, only: u8) -> bool {
        matches!(self.text.get(self.at..), Some([first, ..]) if *first == only)
    }
}

fn letter(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or(b'n')
}

/// A decimal number and the place after it.
fn number(text: &[u8], mut at: usize) -> (usize, usize) {
    let mut value = 0usize;
    while let Some(digit) = text.get(at).filter(|byte| byte.is_ascii_digit()) {
        value = value.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
        at += 1;
    }
    (value, at)
}

/// A name and the place after it.
fn name(text: &[u8], at: usize) -> (&str, usize) {
    let (length, after) = number(text, at);
    let start = after + 1;
    let found = text.get(start..start + length).unwrap_or_default();
    (std::str::from_utf8(found).unwrap_or_default(), start + length)
}

/// The place after a shape, and how many slots its values have.
fn skip(text: &[u8], at: usize) -> (usize, usize) {
    match letter(text, at) {
        b'n' => (at + 1, 0),
        b's' | b'y' => (at + 1, 2),
        b'r' => (at + 1, 3),
        b'p' => (at + 2, 1),
        b'(' => skip_all(text, at + 1, b')'),
        b'<' => {
            let (after, slots) = skip_all(text, at + 1, b'>');
            (after, slots + 1)
        }
        b'R' | b'M' | b'N' | b'D' | b'L' | b'P' => skip_fields(text, name(text, at + 1).1),
        b'l' | b'v' | b't' | b'z' => (skip(text, at + 1).0, 1),
        b'd' => (skip(text, skip(text, at + 1).0).0, 1),
        b'o' => (number(text, at + 1).1 + 1, 1),
        _ => (at + 1, 1),
    }
}

fn skip_all(text: &[u8], mut at: usize, close: u8) -> (usize, usize) {
    let mut slots = 0;
    while at < text.len() && letter(text, at) != close {
        let (after, width) = skip(text, at);
        (at, slots) = (after, slots + width);
    }
    (at + 1, slots)
}

/// From the opening brace of named fields.
fn skip_fields(text: &[u8], open: usize) -> (usize, usize) {
    let (mut at, mut slots) = (open + 1, 0);
    while at < text.len() && letter(text, at) != b'}' {
        let (after, width) = skip(text, name(text, at).1);
        (at, slots) = (after, slots + width);
    }
    (at + 1, slots)
}

/// Where the class of this number is described.
fn class_at(text: &[u8], wanted: usize) -> usize {
    let mut at = skip(text, 0).0;
    for _ in 0..wanted {
        at = skip(text, at + 1).0;
    }
    at + 1
}

fn sort(letter: u8) -> Sort {
    match letter {
        b'R' => Sort::Row,
        b'M' => Sort::Dict,
        b'N' => Sort::NamedTuple,
        b'D' => Sort::Dataclass,
        b'L' => Sort::Library,
        _ => Sort::Plain,
    }
}

impl<'a> Val<'a> {
    /// Its shape.
    pub fn place(self) -> Place<'a> {
        Place { text: self.text, at: self.at }
    }

    /// The variant that a union is; `None` of another shape.
    ///
    /// # Safety
    /// As [`Val::part`].
    pub unsafe fn chosen(self) -> Option<Val<'a>> {
        // SAFETY: promised by the caller: the first slot is the tag.
        (letter(self.text, self.at) == b'<').then(|| self.variant(unsafe { self.slot(0) }))
    }

    /// The first of its slots.
    pub fn slots(self) -> *const u64 {
        self.slots
    }

    /// The slot at this position.
    ///
    /// # Safety
    /// The value lives, and has so many slots.
    unsafe fn slot(self, index: usize) -> u64 {
        // SAFETY: promised by the caller.
        unsafe { *self.slots.add(index) }
    }

    /// The value one level taken apart.
    ///
    /// # Safety
    /// The slots are those of a live value of this shape, for `'a`.
    pub unsafe fn part(self) -> Part<'a> {
        let (text, at) = (self.text, self.at);
        let place = |at| Place { text, at };
        // SAFETY: a value of this shape has the slots that are read.
        let slot = |index| unsafe { self.slot(index) };
        match letter(text, at) {
            b'n' => Part::None,
            b'b' => Part::Bool(slot(0) != 0),
            b'i' => Part::Int(slot(0) as i64),
            b'f' => Part::Float(f64::from_bits(slot(0))),
            b'p' => Part::Np(letter(text, at + 1).wrapping_sub(b'a'), slot(0)),
            // SAFETY: the slots of a string.
            b's' => Part::Str(unsafe { Text::from_abi(slot(0) as *const u8, slot(1)) }),
            // SAFETY: the slots of a bytes object.
            b'y' => Part::Bytes(unsafe { bytes(slot(0), slot(1)) }),
            b'r' => Part::Range([slot(0) as i64, slot(1) as i64, slot(2) as i64]),
            b'(' => Part::Tuple(Fields { next: Val { at: at + 1, ..self }, named: false }),
            // SAFETY: as this function's; the tag says which variant lives.
            b'<' => unsafe { self.variant(slot(0)).part() },
            letter @ (b'R' | b'M' | b'N' | b'D' | b'L' | b'P') => {
                let (class, open) = name(text, at + 1);
                Part::Record(sort(letter), class, Fields { next: Val { at: open + 1, ..self }, named: true })
            }
            b'l' => Part::List(slot(0), place(at + 1)),
            b'v' => Part::Items(slot(0), place(at + 1)),
            b't' => Part::Set(slot(0), place(at + 1), false),
            b'z' => Part::Set(slot(0), place(at + 1), true),
            b'd' => Part::Dict(slot(0), place(at + 1), place(skip(text, at + 1).0)),
            _ => {
                let class = class_at(text, number(text, at + 1).0);
                let (shown, open) = name(text, class + 1);
                let fields = Val { text, at: open + 1, slots: slot(0) as *const u64 };
                Part::Object(slot(0), sort(letter(text, class)), shown, Fields { next: fields, named: true })
            }
        }
    }

    /// The variant of a union with this tag.
    fn variant(self, tag: u64) -> Val<'a> {
        let (mut at, mut slots) = (self.at + 1, self.slots.wrapping_add(1));
        for _ in 0..tag {
            let (after, width) = skip(self.text, at);
            (at, slots) = (after, slots.wrapping_add(width));
        }
        Val { text: self.text, at, slots }
    }
}

/// # Safety
/// As many bytes are at the address and live for `'a`.
unsafe fn bytes<'a>(address: u64, length: u64) -> &'a [u8] {
    if length == 0 || address == 0 {
        return &[];
    }
    // SAFETY: promised by the caller.
    unsafe { std::slice::from_raw_parts(address as *const u8, length as usize) }
}

/// The name, empty in a tuple, and the value.
impl<'a> Iterator for Fields<'a> {
    type Item = (&'a str, Val<'a>);

    fn next(&mut self) -> Option<(&'a str, Val<'a>)> {
        let Val { text, at, slots } = self.next;
        if at >= text.len() || matches!(letter(text, at), b')' | b'}') {
            return None;
        }
        let (field, start) = if self.named { name(text, at) } else { ("", at) };
        let (after, width) = skip(text, start);
        self.next = Val { text, at: after, slots: slots.wrapping_add(width) };
        Some((field, Val { text, at: start, slots }))
    }
}
