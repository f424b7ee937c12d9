//! Inputs for the comparison with CPython: edge values and reproducible noise.

use crate::call::Value;

/// A small generator of reproducible noise (splitmix64).
pub struct Noise(pub u64);

impl Noise {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e3779b97f4a7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d049bb133111eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        items[self.below(items.len())]
    }
}

/// What an argument should look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Domain {
    AnyInt,
    SmallInt,
    /// -3 to 70: factorials, exponents, digits.
    Exponent,
    Digits,
    Base,
    PrintBase,
    CodePoint,
    Position,
    /// Not zero.
    Step,
    AnyFloat,
    /// Within the reach of gamma and the like.
    NearFloat,
    Tolerance,
    AnyText,
    /// Few distinct letters, so that searches find something.
    FewLetters,
    ShortPart,
    NumberText,
    SpecText,
    /// A conversion of `%` by one of these types.
    Conversion(&'static str),
    Texts,
    /// One character, mostly.
    Fill,
    Tabbed,
    Lines,
    Flag,
    /// -25 to 20.
    Width,
}

const INTS: &[i64] = &[
    0,
    1,
    -1,
    2,
    -2,
    3,
    5,
    7,
    10,
    15,
    25,
    50,
    -50,
    100,
    150,
    -250,
    255,
    999,
    1000,
    12345,
    -12345,
    1 << 31,
    -(1 << 31),
    (1 << 53) - 1,
    1 << 53,
    (1 << 53) + 1,
    i64::MAX,
    i64::MIN,
    i64::MAX - 1,
    i64::MIN + 1,
    3_037_000_500,
    1_000_000_007,
    4_999_999_999_999_999_999,
    5_000_000_000_000_000_000,
];

const FLOATS: &[f64] = &[
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    1.5,
    2.5,
    -2.5,
    3.5,
    0.1,
    0.2,
    0.3,
    2.675,
    1.005,
    0.05,
    0.15,
    1e-5,
    1e-4,
    0.00012345,
    9.5,
    99.5,
    999999.5,
    0.99999,
    123456.789,
    1e15,
    1e16,
    1e17,
    9007199254740993.0,
    123456789012345680.0,
    1e22,
    1e23,
    1e23 - 1e7,
    1.7976931348623157e308,
    -1.7976931348623157e308,
    2.2250738585072014e-308,
    2.225073858507201e-308,
    5e-324,
    -5e-324,
    1e308,
    1e-308,
    5.684341886080802e-14,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    9223372036854775807.0,
    -9223372036854775808.0,
    9223372036854774784.0,
    4503599627370497.5,
    std::f64::consts::PI,
    std::f64::consts::E,
    170.6,
    171.7,
    -170.5,
    1e-20,
    1e-21,
    2.0,
    3.0,
    22.0,
    23.0,
    24.0,
    -3.0,
];

/// One string a row, chosen for what has gone wrong in other implementations.
const TEXTS: &[&str] = &[
    "",
    " ",
    "a",
    "abc",
    "Hello World",
    "  padded\t\n",
    "\u{a0}\u{3000}wide\u{2003}",
    "\x1c\x1dfs\x1f",
    "it's",
    "say \"hi\"",
    "it's \"so\"",
    "back\\slash",
    "line\nbreak\rreturn\ttab\0nul\x7f",
    "caf\u{e9}",
    "cafe\u{301}",
    "stra\u{df}e",
    "\u{130}stanbul",
    "\u{131}",
    "\u{391}\u{3a3}",
    "\u{3a3}\u{391}\u{3a3} \u{391}\u{3a3}.",
    "\u{fb01}ne",
    "\u{1c5}",
    "\u{1f600}\u{1f601}",
    "a\u{1f600}b\u{e9}c",
    "\u{660}\u{661}\u{662}",
    "\u{b2}\u{bd}\u{2167}",
    "\u{4e00}\u{4e8c}",
    "\u{200b}\u{ad}\u{e000}\u{e0001}\u{10ffff}",
    "don't stop. they're o'clock",
    "a,b,,c,",
    ",",
    "aaa",
    "abab",
    "x=1;y=2",
    "42",
    "_id9",
    "__",
    "9lives",
    "\u{2118}x",
    "tab\tstop\ttwo",
    "one\r\ntwo\u{2028}three\x0bfour\x1cfive\u{85}",
];

const LETTERS: &[&str] = &[
    "a",
    "b",
    "c",
    "A",
    "B",
    "z",
    "Z",
    "0",
    "1",
    "9",
    " ",
    "\t",
    "\n",
    ".",
    ",",
    "-",
    "'",
    "\"",
    "\\",
    "_",
    "\u{df}",
    "\u{e9}",
    "\u{c9}",
    "\u{3a3}",
    "\u{3c3}",
    "\u{3c2}",
    "\u{391}",
    "\u{345}",
    "\u{301}",
    "\u{1c4}",
    "\u{1c5}",
    "\u{1c6}",
    "\u{130}",
    "\u{131}",
    "\u{fb03}",
    "\u{1f600}",
    "\u{10400}",
    "\u{664}",
    "\u{a0}",
    "\u{2003}",
    "\u{200b}",
    "\u{4e2d}",
    "\u{10ffff}",
    "\x1c",
    "\u{149}",
    "\u{1e9e}",
    "\u{10d0}",
    "\u{13a0}",
    "\u{ab70}",
];

const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "+0",
    "1",
    "-1",
    "12",
    "0x1f",
    "0X1F",
    "0o17",
    "0b101",
    "0b102",
    "00",
    "007",
    "1_000",
    "1__0",
    "_1",
    "1_",
    "0x_1f",
    "0x",
    "0_0",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "99999999999999999999",
    "zz",
    "ff",
    "-7f",
    " 5 ",
    "\t5\n",
    "\x1c5",
    "5\u{a0}",
    "\u{2003}5",
    "\u{664}\u{665}",
    "\u{664}\x1c",
    "1 2",
    "- 1",
    "+-1",
    "",
    " ",
    "+",
    "1.5",
    ".5",
    "5.",
    ".",
    "1e5",
    "1e",
    "1E-5",
    "1e+05",
    "e5",
    "1_0.0_1e1_0",
    "1_.5",
    "1._5",
    "1e_5",
    "inf",
    "-inf",
    "+Infinity",
    "INFINITY",
    "infinit",
    "nan",
    "-nan",
    "NaN",
    "nan(1)",
    "0x1p3",
    "1e400",
    "-1e400",
    "1e-400",
    "2.2250738585072011e-308",
    "0.1",
    "123456789012345678",
    "1,000",
    "12a",
    "caf\u{e9}",
    "\u{b2}",
    "9007199254740993",
    "0.1e",
    "1d",
    "'quoted'",
    "1\0",
];

fn random_float(noise: &mut Noise) -> f64 {
    match noise.below(6) {
        0 => FLOATS[noise.below(FLOATS.len())],
        1 => f64::from_bits(noise.next()),
        2 => noise.next() as i64 as f64 / 2f64.powi(noise.below(80) as i32),
        // Short decimals, where rounding meets ties.
        3 => (noise.below(2_000_000) as f64 - 1e6) / 10f64.powi(noise.below(7) as i32),
        4 => (noise.below(2001) as f64 - 1000.0) / 8.0,
        _ => (noise.next() as f64 / u64::MAX as f64 - 0.5) * 10f64.powi(noise.below(40) as i32 - 20),
    }
}

fn near_float(noise: &mut Noise) -> f64 {
    match noise.below(4) {
        0 => FLOATS[noise.below(FLOATS.len())],
        1 => (noise.below(3600) as f64 - 1800.0) / 10.0,
        2 => (noise.next() as f64 / u64::MAX as f64 - 0.5) * 400.0,
        _ => (noise.next() as f64 / u64::MAX as f64 - 0.5) * 10.0,
    }
}

fn random_int(noise: &mut Noise) -> i64 {
    match noise.below(4) {
        0 => INTS[noise.below(INTS.len())],
        1 => noise.next() as i64,
        2 => (noise.next() as i64) >> noise.below(63),
        _ => noise.below(2001) as i64 - 1000,
    }
}

fn random_text(noise: &mut Noise, letters: &[&str], length_max: usize) -> String {
    (0..noise.below(length_max + 1)).map(|_| noise.pick(letters)).collect()
}

fn number_text(noise: &mut Noise) -> String {
    match noise.below(5) {
        0 | 1 => noise.pick(NUMBERS).to_owned(),
        2 => random_text(noise, &["0", "1", "2", "9", "_", ".", "e", "-", "+", " ", "x", "a", "f", "\u{661}"], 8),
        3 => format!("{}{}", noise.pick(&["", " ", "-", "+"]), noise.next() >> noise.below(64)),
        _ => format!("{:e}", f64::from_bits(noise.next())),
    }
}

fn spec_text(noise: &mut Noise) -> String {
    if noise.below(12) == 0 {
        return random_text(
            noise,
            &["<", ">", "=", "^", "0", "5", ",", "_", ".", "d", "f", "#", "z", "+", "\u{e9}", " "],
            6,
        );
    }
    // Mostly absent parts, so that many specs are valid.
    let mut spec = String::new();
    spec += noise.pick(&["", "", "", "<", ">", "^", "=", "*<", "0>", "\u{e9}^", "x=", "0=", "\u{1f600}>", "<<"]);
    spec += noise.pick(&["", "", "", "+", "-", " "]);
    spec += noise.pick(&["", "", "", "", "", "z"]);
    spec += noise.pick(&["", "", "", "#"]);
    spec += noise.pick(&["", "", "0"]);
    spec += noise.pick(&["", "", "1", "5", "8", "12", "25", "\u{661}\u{660}", "99999999999999999999"]);
    spec += noise.pick(&["", "", "", ",", "_", ",_", "_,"]);
    spec += noise.pick(&["", "", "", ".0", ".1", ".2", ".3", ".10", ".17", ".25", ".", ".400"]);
    spec += noise.pick(&[
        "", "", "d", "b", "o", "x", "X", "c", "n", "e", "E", "f", "F", "g", "G", "%", "s", "f", "g", "e", "d", "q",
        "\n",
    ]);
    spec
}

/// A value of the domain.
pub fn value(noise: &mut Noise, domain: Domain) -> Value {
    let bounded =
        |noise: &mut Noise, low: i64, high: i64| Value::Int(low + noise.below((high - low + 1) as usize) as i64);
    match domain {
        Domain::AnyInt => Value::Int(random_int(noise)),
        Domain::SmallInt => bounded(noise, -4, 12),
        Domain::Exponent => bounded(noise, -3, 70),
        Domain::Digits => match noise.below(10) {
            0 => Value::Int(random_int(noise)),
            1 => bounded(noise, -330, 330),
            2..6 => bounded(noise, -3, 3),
            _ => bounded(noise, -20, 20),
        },
        Domain::Base => match noise.below(3) {
            0 => Value::Int(10),
            1 => Value::Int([0, 2, 8, 16, 36, 1, 37, -1][noise.below(8)]),
            _ => bounded(noise, 2, 36),
        },
        Domain::PrintBase => Value::Int([2, 8, 16][noise.below(3)]),
        Domain::CodePoint => match noise.below(4) {
            0 => Value::Int(random_int(noise)),
            1 => bounded(noise, 0, 0x110010),
            2 => bounded(noise, 0, 300),
            _ => Value::Int([-1, 0, 0xd800, 0xdfff, 0xe000, 0x10ffff, 0x110000, 1 << 40][noise.below(8)]),
        },
        Domain::Position => match noise.below(4) {
            0 => Value::Int([i64::MIN, i64::MAX, i64::MIN + 1, i64::MAX - 1, 0][noise.below(5)]),
            _ => bounded(noise, -9, 9),
        },
        Domain::Step => match noise.below(3) {
            0 => Value::Int(random_int(noise) | 1),
            _ => Value::Int([-3, -2, -1, 1, 2, 3, 7][noise.below(7)]),
        },
        Domain::AnyFloat => Value::Float(random_float(noise)),
        Domain::NearFloat => Value::Float(near_float(noise)),
        Domain::Tolerance => Value::Float([0.0, 1e-9, 1e-3, 0.5, -1.0, f64::NAN, f64::INFINITY][noise.below(7)]),
        Domain::AnyText => Value::Str(match noise.below(2) {
            0 => TEXTS[noise.below(TEXTS.len())].to_owned(),
            _ => random_text(noise, LETTERS, 12),
        }),
        Domain::FewLetters => Value::Str(match noise.below(4) {
            0 => TEXTS[noise.below(TEXTS.len())].to_owned(),
            _ => random_text(noise, &["a", "b", "\u{e9}", ",", " "], 14),
        }),
        Domain::ShortPart => Value::Str(match noise.below(6) {
            0 => TEXTS[noise.below(TEXTS.len())].to_owned(),
            _ => random_text(noise, &["a", "b", "\u{e9}", ",", " "], 3),
        }),
        Domain::NumberText => Value::Str(number_text(noise)),
        Domain::SpecText => Value::Str(spec_text(noise)),
        Domain::Conversion(kinds) => Value::Str(conversion_text(noise, kinds)),
        Domain::Texts => Value::Strings((0..noise.below(5)).map(|_| random_text(noise, LETTERS, 4)).collect()),
        Domain::Fill => Value::Str(noise.pick(&[" ", " ", "*", "0", "\u{e9}", "\u{1f600}", "", "ab"]).to_owned()),
        Domain::Tabbed => Value::Str(random_text(noise, &["\t", "a", "bc", "\u{e9}", "\n", "\r"], 12)),
        Domain::Lines => {
            let pieces = [
                "\n", "\r", "\r\n", "a", "\u{e9}b", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x1f", "\u{85}",
                "\u{2028}", "\u{2029}",
            ];
            Value::Str(random_text(noise, &pieces, 8))
        }
        Domain::Flag => Value::Bool(noise.below(2) == 0),
        Domain::Width => bounded(noise, -25, 20),
    }
}

/// Sort keys of one shape, with runs, repetitions and NaN, where the order of comparisons shows.
pub fn keys(noise: &mut Noise, shape: &str, length: usize) -> Value {
    let distinct = [2, 10, 1000][noise.below(3)];
    let nan_in = [0, 3, 50][noise.below(3)];
    let run = 1 + noise.below(40);
    let mut level = 0;
    let mut scalar = |kind: char, place: usize| {
        if place.is_multiple_of(run) {
            level = noise.below(distinct);
        }
        level += noise.below(2);
        match kind {
            'f' if nan_in > 0 && noise.below(nan_in) == 0 => Value::Float(f64::NAN),
            'f' => Value::Float(level as f64 / 4.0),
            's' => Value::Str(format!("{:x}{}", level % 40, noise.pick(&["", "\u{e9}", "z"]))),
            _ => Value::Int(level as i64 - 20),
        }
    };
    Value::Keys((0..length).map(|place| shape.chars().map(|kind| scalar(kind, place)).collect()).collect())
}

fn conversion_text(noise: &mut Noise, kinds: &str) -> String {
    let mut text = String::new();
    text += noise.pick(&["", "", "", "-", "0", "+", " ", "#", "-0", "+0", "#0", "+ #", "-+"]);
    text += noise.pick(&["", "", "", "1", "4", "9", "20", "99999999999999999999"]);
    text += noise.pick(&["", "", "", ".", ".0", ".1", ".3", ".17", ".*2", ".*-3", ".9999999999", ".*9999999999"]);
    text.extend(kinds.chars().nth(noise.below(kinds.len())));
    text
}
