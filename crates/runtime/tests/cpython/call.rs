//! Calls runtime functions through their C symbols, as compiled code does: from the table's row alone.

use runtime::abi::{Context, List, STR_ASCII_BIT, Str};
use runtime::arena::Arena;
use runtime::exc::ExcClass;
use runtime::table::{Convention, Kind, Symbol};
use runtime::text::Text;

/// An argument or a result.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    Int(i64),
    Float(f64),
    Bool(bool),
    Str(String),
    Strings(Vec<String>),
    /// A list of ints.
    Ints(Vec<i64>),
    /// Sort keys: tuples of scalars.
    Keys(Vec<Vec<Value>>),
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

impl Value {
    /// The encoding described in `oracle.py`.
    pub fn encode(&self) -> String {
        match self {
            Value::Int(value) => format!("i:{value}"),
            Value::Float(value) if value.is_nan() => "f:nan".into(),
            Value::Float(value) => format!("f:{:016x}", value.to_bits()),
            Value::Bool(value) => format!("b:{}", u8::from(*value)),
            Value::Str(text) => format!("s:{}", hex(text)),
            Value::Strings(items) => format!("l:{}", items.iter().map(|item| hex(item)).collect::<Vec<_>>().join(",")),
            Value::Ints(items) => format!("n:{}", items.iter().map(i64::to_string).collect::<Vec<_>>().join(",")),
            Value::Keys(keys) => {
                let key = |key: &Vec<Value>| key.iter().map(Value::encode_argument).collect::<Vec<_>>().join(" ");
                format!("k:{}", keys.iter().map(key).collect::<Vec<_>>().join(";"))
            }
        }
    }

    /// As an argument a NaN has bits too.
    pub fn encode_argument(&self) -> String {
        match self {
            Value::Float(value) => format!("f:{:016x}", value.to_bits()),
            other => other.encode(),
        }
    }
}

/// What a function answered, encoded as `oracle.py` does.
pub fn call(symbol: &Symbol, arguments: &[Value]) -> String {
    let mut arena = Arena::new();
    let mut memory = Memory::default();
    let (mut ints, mut floats) = (Vec::new(), [0.0; 4]);
    let mut float_count = 0;
    let mut context = Context {
        arena: &mut arena,
        captures: std::ptr::null(),
        stack_limit: 0,
        cancel: std::ptr::null(),
        poll: None,
        object: std::ptr::null(),
        message: Str { data: std::ptr::null(), length: 0 },
    };
    let mut out = [0u64; 8];
    if let Convention::Status(_) | Convention::Interruptible(_) = symbol.signature.convention {
        ints.push(&raw mut context as u64);
    }
    for argument in arguments {
        match argument {
            Value::Float(value) => {
                floats[float_count] = *value;
                float_count += 1;
            }
            other => memory.push_words(other, &mut ints),
        }
    }
    match symbol.signature.convention {
        Convention::Direct(Kind::Float) => Value::Float(call_float(symbol.address, &ints, floats)).encode(),
        Convention::Direct(kind) => {
            let word = call_int(symbol.address, &ints, floats);
            if kind == Kind::Bool { Value::Bool(word != 0) } else { Value::Int(word as i64) }.encode()
        }
        Convention::Status(kinds) | Convention::Interruptible(kinds) => {
            ints.push(out.as_mut_ptr() as u64);
            let status = call_int(symbol.address, &ints, floats);
            if status == 0 { results(symbol, kinds, &out) } else { exception(status, context.message) }
        }
    }
}

/// The C functions take their integer and float arguments from separate registers, and ignore what they did not ask
/// for, so one type of function pointer does for all of them on x86-64 and AArch64.
fn call_int(address: usize, ints: &[u64], floats: [f64; 4]) -> u64 {
    type Function = unsafe extern "C" fn(u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, f64, f64, f64, f64) -> u64;
    let word = |at: usize| ints.get(at).copied().unwrap_or(0);
    let [a, b, c, d] = floats;
    // SAFETY: see above; the words were made for this function's signature.
    unsafe {
        let function: Function = std::mem::transmute(address);
        function(word(0), word(1), word(2), word(3), word(4), word(5), word(6), word(7), word(8), word(9), a, b, c, d)
    }
}

fn call_float(address: usize, ints: &[u64], floats: [f64; 4]) -> f64 {
    type Function = unsafe extern "C" fn(u64, u64, f64, f64, f64, f64) -> f64;
    let word = |at: usize| ints.get(at).copied().unwrap_or(0);
    let [a, b, c, d] = floats;
    // SAFETY: as `call_int`.
    unsafe {
        let function: Function = std::mem::transmute(address);
        function(word(0), word(1), a, b, c, d)
    }
}

/// Owns what argument words point at.
#[derive(Default)]
struct Memory {
    texts: Vec<Box<str>>,
    slots: Vec<Vec<u64>>,
    /// Boxed, so that growing the vector does not move what words point at.
    #[expect(clippy::vec_box, reason = "addresses are kept")]
    lists: Vec<Box<List>>,
}

impl Memory {
    fn push_words(&mut self, value: &Value, words: &mut Vec<u64>) {
        match value {
            Value::Int(value) => words.push(*value as u64),
            Value::Bool(value) => words.push(u64::from(*value)),
            Value::Float(value) => words.push(value.to_bits()),
            Value::Str(text) => {
                // Both forms of an ASCII string must mean the same: with the bit and without.
                let known = text.is_ascii() && text.len() % 2 == 0;
                self.texts.push(text.clone().into_boxed_str());
                let data = self.texts.last().map_or(std::ptr::null(), |text| text.as_ptr());
                words.push(if text.is_empty() { 0 } else { data as u64 });
                words.push(text.len() as u64 | if known { STR_ASCII_BIT } else { 0 });
            }
            Value::Strings(items) => {
                let mut slots = Vec::new();
                items.iter().for_each(|item| self.push_words(&Value::Str(item.clone()), &mut slots));
                words.push(self.list(slots, items.len()));
            }
            Value::Ints(items) => {
                let slots = items.iter().map(|item| *item as u64).collect();
                words.push(self.list(slots, items.len()));
            }
            Value::Keys(keys) => {
                let mut slots = Vec::new();
                keys.iter().flatten().for_each(|scalar| self.push_words(scalar, &mut slots));
                words.push(self.list(slots, keys.len()));
            }
        }
    }

    fn list(&mut self, mut slots: Vec<u64>, len: usize) -> u64 {
        let list = List { data: slots.as_mut_ptr(), len: len as i64, capacity: len as i64 };
        self.slots.push(slots);
        self.lists.push(Box::new(list));
        self.lists.last().map_or(0, |list| &raw const **list as u64)
    }
}

/// Reads the result slots.
fn results(symbol: &Symbol, kinds: &[Kind], out: &[u64]) -> String {
    let mut slots = out.iter().copied();
    let mut next = || slots.next().expect("enough slots");
    let values = kinds.iter().map(|kind| match kind {
        Kind::Int => Value::Int(next() as i64),
        Kind::Float => Value::Float(f64::from_bits(next())),
        Kind::Bool => Value::Bool(next() != 0),
        Kind::Str => Value::Str(text(next(), next())),
        // SAFETY: the function made a list, of strings unless it is the argsort.
        Kind::List => unsafe {
            let list = &*(next() as *const List);
            let slots = std::slice::from_raw_parts(list.data, list.len as usize * 2);
            if symbol.name == "fl_list_argsort" {
                Value::Ints(slots[..list.len as usize].iter().map(|slot| *slot as i64).collect())
            } else {
                Value::Strings(slots.chunks(2).map(|pair| text(pair[0], pair[1])).collect())
            }
        },
        Kind::Address | Kind::Bytes => panic!("no test reads these"),
    });
    values.map(|value| value.encode()).collect::<Vec<_>>().join("\t")
}

/// A result string; checks that it is text and that the ASCII bit tells the truth.
fn text(data: u64, length: u64) -> String {
    let bytes = (length & !STR_ASCII_BIT) as usize;
    if bytes == 0 {
        return String::new();
    }
    // SAFETY: a string that the runtime made.
    let text = unsafe { std::slice::from_raw_parts(data as *const u8, bytes) };
    let text = std::str::from_utf8(text).expect("results are UTF-8");
    assert!(length & STR_ASCII_BIT == 0 || text.is_ascii(), "ASCII bit on {text:?}");
    text.to_owned()
}

fn exception(status: u64, message: Str) -> String {
    let class = ExcClass::ALL.iter().find(|class| **class as u64 == status).expect("a class number");
    // SAFETY: a message that the runtime made.
    let message = unsafe { Text::from_abi(message.data, message.length) };
    format!("e:{}:{}", class.name(), hex(message.as_str()))
}
