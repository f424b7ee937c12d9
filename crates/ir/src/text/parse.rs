//! Text to modules. Any input gives a module or an error with its place; nothing panics, and types nest only as deep as
//! [`limits`] allows.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::exc::{ExcClass, ExcKind, ExceptionClass, ExceptionTable};
use crate::limits;
use crate::module::{
    Block, BlockId, Capture, CaptureId, Class, Const, Func, FuncId, Inst, Module, Op, Span, Target, Term, Value, View,
};
use crate::ops;
use crate::types::{Elem, RecordKind, RecordType, Type};

/// Why a text is no module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseError {
    /// From 1.
    pub line: u32,
    /// In code points, from 1.
    pub column: u32,
    pub message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for ParseError {}

/// Parses a module. The result is not verified.
pub fn parse(text: &str) -> Result<Module, ParseError> {
    let mut parser = Parser { text, at: 0 };
    parser.module().map_err(|message| parser.error(message))
}

/// Parses a type alone.
pub fn parse_type(text: &str) -> Result<Type, ParseError> {
    let mut parser = Parser { text, at: 0 };
    let parsed = parser.ty(0).and_then(|ty| if parser.at_end() { Ok(ty) } else { Err("expected the end".to_string()) });
    parsed.map_err(|message| parser.error(message))
}

/// A message; the place is where the parser stands.
type Parsed<T> = Result<T, String>;

struct Parser<'a> {
    text: &'a str,
    /// Byte offset, always at a character boundary.
    at: usize,
}

impl<'a> Parser<'a> {
    fn error(&self, message: String) -> ParseError {
        let before = self.text.get(..self.at).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |index| index + 1);
        let line = before.matches('\n').count() as u32 + 1;
        let column = before.get(line_start..).unwrap_or("").chars().count() as u32 + 1;
        ParseError { line, column, message }
    }

    // Characters and words.

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    /// Passes over white space and comments.
    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with('#') {
                return;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    /// Whether something follows before the line ends.
    fn on_same_line(&self) -> bool {
        !self.rest().trim_start_matches([' ', '\t']).starts_with(['\n', '\r', '#'])
    }

    fn at_end(&mut self) -> bool {
        self.skip();
        self.rest().is_empty()
    }

    /// Takes `symbol` if it comes next.
    fn eat(&mut self, symbol: &str) -> bool {
        self.skip();
        let found = self.rest().starts_with(symbol);
        if found {
            self.at += symbol.len();
        }
        found
    }

    fn expect(&mut self, symbol: &str) -> Parsed<()> {
        if self.eat(symbol) { Ok(()) } else { Err(format!("expected `{symbol}`")) }
    }

    /// What a run of letters, digits and `_` that comes next is; empty if none does. Takes nothing.
    fn peek_run(&mut self, also: &str) -> &'a str {
        self.skip();
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || also.contains(c)));
        rest.get(..end.unwrap_or(rest.len())).unwrap_or("")
    }

    fn run(&mut self, also: &str) -> &'a str {
        let run = self.peek_run(also);
        self.at += run.len();
        run
    }

    /// Takes the word `word` if exactly that comes next.
    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.peek_run(".") == word;
        if found {
            self.at += word.len();
        }
        found
    }

    fn number<N: std::str::FromStr>(&mut self, what: &str) -> Parsed<N> {
        let run = self.peek_run("");
        let number = run.parse().ok().filter(|_| run.bytes().all(|byte| byte.is_ascii_digit()));
        let number = number.ok_or_else(|| format!("expected {what}"))?;
        self.at += run.len();
        Ok(number)
    }

    /// A numbered name such as `v12`.
    fn numbered(&mut self, letter: char, what: &str) -> Parsed<u32> {
        let run = self.peek_run("");
        let digits = run.strip_prefix(letter).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let number = digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| format!("expected {what}"))?;
        self.at += run.len();
        Ok(number)
    }

    fn value(&mut self) -> Parsed<Value> {
        self.numbered('v', "a value such as `v0`").map(Value)
    }

    fn block_id(&mut self) -> Parsed<BlockId> {
        self.numbered('b', "a block such as `b0`").map(BlockId)
    }

    fn func_id(&mut self) -> Parsed<FuncId> {
        self.numbered('f', "a function such as `f0`").map(FuncId)
    }

    /// A bare or quoted name.
    fn name(&mut self) -> Parsed<String> {
        self.skip();
        if self.rest().starts_with('"') {
            return self.string();
        }
        match self.run("") {
            "" => Err("expected a name".to_string()),
            name => Ok(name.to_string()),
        }
    }

    fn string(&mut self) -> Parsed<String> {
        self.expect("\"").map_err(|_| "expected a string".to_string())?;
        let mut out = String::new();
        loop {
            let c = self.char()?;
            match c {
                '"' => return Ok(out),
                '\\' => out.push(self.escape()?),
                c => out.push(c),
            }
        }
    }

    /// The next character of a string.
    fn char(&mut self) -> Parsed<char> {
        let c = self.rest().chars().next().ok_or("the string does not end")?;
        self.at += c.len_utf8();
        Ok(c)
    }

    fn escape(&mut self) -> Parsed<char> {
        match self.char()? {
            '"' => Ok('"'),
            '\\' => Ok('\\'),
            'n' => Ok('\n'),
            't' => Ok('\t'),
            'r' => Ok('\r'),
            'u' => {
                let rest = self.rest();
                let digits = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(digits, _)| digits);
                let digits = digits.filter(|digits| digits.len() <= 6 && !digits.starts_with('+'));
                let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
                let c = code.and_then(char::from_u32).ok_or("expected a code point such as `\\u{a0}`")?;
                self.at += digits.map_or(0, str::len) + 2;
                Ok(c)
            }
            _ => Err("unknown escape in a string".to_string()),
        }
    }

    /// `open item, item close`.
    fn list<T>(&mut self, close: &str, mut item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut items = Vec::new();
        while !self.eat(close) {
            if !items.is_empty() {
                self.expect(",")?;
            }
            items.push(item(self)?);
        }
        Ok(items)
    }

    // Types.

    /// A type, or several with `|` between.
    fn ty(&mut self, depth: usize) -> Parsed<Type> {
        if depth > limits::TYPE_DEPTH_MAX {
            return Err("the type is nested too deeply".to_string());
        }
        let first = self.single_type(depth)?;
        if !self.eat("|") {
            return Ok(first);
        }
        let mut variants = vec![first];
        loop {
            variants.push(self.single_type(depth + 1)?);
            if !self.eat("|") {
                return Ok(Type::Union(variants));
            }
        }
    }

    fn single_type(&mut self, depth: usize) -> Parsed<Type> {
        if self.eat("(") {
            return self.tuple_type(depth);
        }
        let start = self.at;
        let word = self.run(".");
        match word {
            "none" => Ok(Type::None),
            "bool" => Ok(Type::Bool),
            "int" => Ok(Type::Int),
            "float" => Ok(Type::Float),
            "str" => Ok(Type::Str),
            "range" => Ok(Type::Range),
            "exception" => Ok(Type::Exception),
            "bytes" => Ok(Type::Bytes),
            "object" => Ok(Type::Object(Arc::from(self.name()?))),
            "dict" if self.eat("[") => {
                let key = self.ty(depth + 1)?;
                self.expect(",")?;
                let value = self.ty(depth + 1)?;
                self.expect("]")?;
                Ok(Type::Dict(Box::new(key), Box::new(value)))
            }
            "set" | "frozenset" => {
                self.expect("[")?;
                let item = Box::new(self.ty(depth + 1)?);
                self.expect("]")?;
                Ok(Type::Set { item, frozen: word == "frozenset" })
            }
            "row" => self.record_type(RecordKind::Row, depth),
            "dict" => self.record_type(RecordKind::Dict, depth),
            "namedtuple" => self.record_type(RecordKind::NamedTuple, depth),
            "dataclass" => self.record_type(RecordKind::Dataclass, depth),
            "library" => self.record_type(RecordKind::Library, depth),
            "list" => {
                self.expect("[")?;
                let item = self.ty(depth + 1)?;
                self.expect("]")?;
                Ok(Type::List(Box::new(item)))
            }
            "array" => {
                self.expect("[")?;
                let elem = Elem::from_name(self.run("")).ok_or("expected an element type")?;
                self.expect(",")?;
                let ndim = self.number("the number of dimensions")?;
                self.expect("]")?;
                Ok(Type::Array { elem, ndim })
            }
            other => match other.strip_prefix("np.").and_then(Elem::from_name) {
                Some(elem) => Ok(Type::Np(elem)),
                None => {
                    self.at = start;
                    Err("expected a type".to_string())
                }
            },
        }
    }

    fn tuple_type(&mut self, depth: usize) -> Parsed<Type> {
        let mut items = Vec::new();
        loop {
            if self.eat(")") {
                return Ok(Type::Tuple(items));
            }
            items.push(self.ty(depth + 1)?);
            if !self.eat(",") {
                // Parentheses without a comma are no tuple of one: that is written `(int,)`.
                if items.len() == 1 {
                    return Err("expected `,`".to_string());
                }
                self.expect(")")?;
                return Ok(Type::Tuple(items));
            }
        }
    }

    fn record_type(&mut self, kind: RecordKind, depth: usize) -> Parsed<Type> {
        let name = if self.eat("{") {
            String::new()
        } else {
            let name = self.name()?;
            self.expect("{")?;
            name
        };
        let fields = self.list("}", |parser| {
            let field = parser.name()?;
            parser.expect(":")?;
            Ok((field, parser.ty(depth + 1)?))
        })?;
        Ok(Type::Record(Arc::new(RecordType { kind, name, fields })))
    }

    // Modules.

    fn module(&mut self) -> Parsed<Module> {
        let mut files = Vec::new();
        while self.eat_word("file") {
            files.push(self.string()?);
        }
        let mut captures = Vec::new();
        while self.eat_word("capture") {
            let number = self.numbered('c', "a capture such as `c0`")?;
            in_order(number, captures.len())?;
            let name = self.name()?;
            self.expect(":")?;
            captures.push(Capture { name, ty: self.ty(0)? });
        }
        let classes = self.classes()?;
        let mut exceptions = Vec::new();
        while self.eat_word("exception") {
            let number = self.numbered('e', "a class such as `e0`")?;
            in_order(number, exceptions.len())?;
            let name = Arc::from(self.name()?);
            self.expect("(")?;
            let parents = self.list(")", Self::class)?;
            let mut object = None;
            if self.eat("{") {
                object = Some(Arc::from(self.name()?));
                self.expect("}")?;
            }
            exceptions.push(ExceptionClass { name, parents, object });
        }
        let exceptions = ExceptionTable(exceptions);
        if !self.eat_word("entry") {
            return Err("expected `file`, `capture`, `class`, `exception` or `entry`".to_string());
        }
        let entry = self.func_id()?;
        let mut funcs = Vec::new();
        while self.eat_word("func") {
            let number = self.func_id()?;
            in_order(number.0, funcs.len())?;
            funcs.push(self.func()?);
        }
        if !self.at_end() {
            return Err("expected `func`".to_string());
        }
        Ok(Module { files, captures, classes, exceptions, funcs, entry })
    }

    fn classes(&mut self) -> Parsed<Vec<Class>> {
        let mut classes = Vec::new();
        loop {
            let is_dataclass = self.eat_word("dataclass");
            if !is_dataclass && !self.eat_word("class") {
                return Ok(classes);
            }
            let name = Arc::from(self.name()?);
            self.expect("{")?;
            let fields = self.list("}", |parser| {
                let field = parser.name()?;
                parser.expect(":")?;
                Ok((field, parser.ty(0)?))
            })?;
            classes.push(Class { name, fields, is_dataclass });
        }
    }

    fn func(&mut self) -> Parsed<Func> {
        let name = self.name()?;
        self.expect("(")?;
        let param_names = self.list(")", Self::name)?;
        self.expect("->")?;
        let result = self.ty(0)?;
        let span = self.place()?;
        self.expect("{")?;
        let mut types = ValueTypes::default();
        while self.eat_word("free") {
            self.typed_value(&mut types)?;
        }
        let mut blocks = Vec::new();
        while !self.eat("}") {
            let number = self.block_id().map_err(|_| "expected a block such as `b0` or `}`".to_string())?;
            in_order(number.0, blocks.len())?;
            blocks.push(self.block(&mut types)?);
        }
        Ok(Func { name, param_names, result, values: types.finish()?, blocks, span })
    }

    /// `@line:column` or `@file/line:column`, if it comes next.
    fn place(&mut self) -> Parsed<Span> {
        if !self.eat("@") {
            return Ok(Span::default());
        }
        let first: u32 = self.number("a line")?;
        let (file, line) = if self.eat("/") {
            let file = u16::try_from(first).map_err(|_| "the file's number is too large".to_string())?;
            (file, self.number("a line")?)
        } else {
            (0, first)
        };
        self.expect(":")?;
        Ok(Span { file, line, column: self.number("a column")? })
    }

    /// `v0: int`: a definition. `?` is the type of a value that the function's table does not have.
    fn typed_value(&mut self, types: &mut ValueTypes) -> Parsed<Value> {
        let value = self.value()?;
        self.expect(":")?;
        if !self.eat("?") {
            let ty = self.ty(0)?;
            types.define(value, ty)?;
        }
        Ok(value)
    }

    fn target(&mut self) -> Parsed<Target> {
        let block = self.block_id()?;
        self.expect("(")?;
        Ok(Target { block, args: self.list(")", Self::value)? })
    }

    fn block(&mut self, types: &mut ValueTypes) -> Parsed<Block> {
        self.expect("(")?;
        let params = self.list(")", |parser| parser.typed_value(types))?;
        let handler = if self.eat_word("handler") { Some(self.target()?) } else { None };
        self.expect(":")?;
        let mut insts = Vec::new();
        loop {
            if let Some(term) = self.term()? {
                let term_span = self.place()?;
                return Ok(Block { params, insts, term, handler, term_span });
            }
            insts.push(self.inst(types)?);
        }
    }

    /// A terminator, if one comes next.
    fn term(&mut self) -> Parsed<Option<Term>> {
        let start = self.at;
        let term = match self.run("") {
            "jump" => Term::Jump(self.target()?),
            "branch" => {
                let cond = self.value()?;
                self.expect(",")?;
                let then = self.target()?;
                self.expect(",")?;
                Term::Branch { cond, then, otherwise: self.target()? }
            }
            "return" => Term::Return(self.value()?),
            "raise" => {
                let class = self.class()?;
                let message = if self.on_same_line() { self.value().ok() } else { None };
                Term::Raise { class, message }
            }
            "reraise" => Term::Reraise(self.value()?),
            "unreachable" => Term::Unreachable,
            _ => {
                self.at = start;
                return Ok(None);
            }
        };
        Ok(Some(term))
    }

    fn class(&mut self) -> Parsed<ExcClass> {
        let run = self.peek_run("");
        if let Some(class) = ExcKind::from_text(run) {
            self.at += run.len();
            return Ok(class.into());
        }
        let number = self.numbered('e', "an exception class")?;
        u8::try_from(number).map(ExcClass::Own).map_err(|_| "the class's number is too large".to_string())
    }

    fn inst(&mut self, types: &mut ValueTypes) -> Parsed<Inst> {
        let result = self.typed_value(types).map_err(|message| {
            if message.contains("a value") { format!("{message} or a terminator") } else { message }
        })?;
        self.expect("=")?;
        let op = self.op()?;
        let mut args = Vec::new();
        // An instruction ends with its line: the `v` of the next line is another definition.
        if self.on_same_line() && self.peek_run("").starts_with('v') {
            args.push(self.value()?);
            while self.eat(",") {
                args.push(self.value()?);
            }
        }
        Ok(Inst { result, op, args, span: self.place()? })
    }

    /// An operation's name and immediate.
    fn op(&mut self) -> Parsed<Op> {
        let run = self.peek_run(".");
        let op = ops::from_name(run).ok_or_else(|| format!("unknown operation `{run}`"))?;
        self.at += run.len();
        Ok(match op {
            Op::Const(_) => Op::Const(self.constant()?),
            Op::Call(_) => Op::Call(self.func_id()?),
            Op::Capture(_) => Op::Capture(CaptureId(self.numbered('c', "a capture such as `c0`")?)),
            Op::Field(_) => Op::Field(self.number("a position")?),
            Op::IsVariant(_) => Op::IsVariant(self.number("a position")?),
            Op::Variant(_) => Op::Variant(self.number("a position")?),
            Op::ArrayShape(_) => Op::ArrayShape(self.number("a dimension")?),
            Op::ArrayStride(_) => Op::ArrayStride(self.number("a dimension")?),
            Op::ArrayView(View::Slice(_)) => Op::ArrayView(View::Slice(self.number("a dimension")?)),
            Op::ObjectGet(_) => Op::ObjectGet(self.number("a position")?),
            Op::ObjectSet(_) => Op::ObjectSet(self.number("a position")?),
            Op::ExceptionNew(_) => Op::ExceptionNew(self.class()?),
            Op::ExceptionIs(_) => Op::ExceptionIs(self.class()?),
            Op::ExceptionObject(_) => Op::ExceptionObject(self.class()?),
            other => other,
        })
    }

    fn constant(&mut self) -> Parsed<Const> {
        self.skip();
        if self.rest().starts_with('"') {
            return Ok(Const::Str(Arc::from(self.string()?)));
        }
        let run = self.peek_run(".+-");
        let value = constant_of(run).ok_or("expected a constant")?;
        self.at += run.len();
        Ok(value)
    }
}

/// The constant that a word spells.
fn constant_of(word: &str) -> Option<Const> {
    let number = |word: &str| word.strip_prefix('-').unwrap_or(word).starts_with(|c: char| c.is_ascii_digit());
    Some(match word {
        "none" => Const::None,
        "true" => Const::Bool(true),
        "false" => Const::Bool(false),
        "inf" => Const::Float(f64::INFINITY),
        "-inf" => Const::Float(f64::NEG_INFINITY),
        "nan" => Const::Float(f64::NAN),
        word if word.starts_with("bits.") => {
            let digits = word.strip_prefix("bits.").filter(|digits| !digits.starts_with('+'))?;
            Const::Float(f64::from_bits(u64::from_str_radix(digits, 16).ok()?))
        }
        word if word.starts_with("hex.") => Const::Bytes(hex_bytes(word.strip_prefix("hex.")?)?),
        word if !number(word) => return None,
        word if word.contains(['.', 'e']) => Const::Float(word.parse().ok()?),
        word => Const::Int(word.parse().ok()?),
    })
}

fn hex_bytes(digits: &str) -> Option<Arc<[u8]>> {
    let digits: Vec<u8> = digits.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect::<Option<_>>()?;
    let pairs = digits.chunks(2).map(|pair| match pair {
        [high, low] => Some(high << 4 | low),
        _ => None,
    });
    pairs.collect()
}

fn in_order(number: u32, expected: usize) -> Parsed<()> {
    if number as usize == expected { Ok(()) } else { Err(format!("out of order: this has number {expected}")) }
}

/// The types of a function's values as their definitions are met.
#[derive(Default)]
struct ValueTypes {
    types: BTreeMap<u32, Type>,
}

impl ValueTypes {
    fn define(&mut self, value: Value, ty: Type) -> Parsed<()> {
        match self.types.get(&value.0) {
            Some(known) if *known != ty => Err(format!("`{value}` has another type before: `{known}`")),
            _ => {
                self.types.insert(value.0, ty);
                Ok(())
            }
        }
    }

    /// The table; every number from 0 must have been defined, so its size is bounded by the text's.
    fn finish(self) -> Parsed<Vec<Type>> {
        for (expected, number) in self.types.keys().enumerate() {
            if *number as usize != expected {
                return Err(format!("`v{expected}` is missing: values are numbered without gaps"));
            }
        }
        Ok(self.types.into_values().collect())
    }
}
