//! Bytes to modules. Every length is checked against what is left before anything is read, and the size of types is
//! counted before they are built, so hostile bytes cost time and memory in proportion to their number.

use std::sync::Arc;

use super::{HEADER_BYTES, MAGIC, RECORD_KINDS, TypeTag, VERSION, WireError, const_tag, term_tag};
use crate::exc::{ExcClass, ExceptionClass, ExceptionTable};
use crate::limits;
use crate::module::{
    Block, BlockId, Capture, CaptureId, Class, Const, Func, FuncId, Inst, Module, Op, Span, Target, Term, Value, View,
};
use crate::ops;
use crate::sha256;
use crate::types::{Elem, RecordType, Type};

/// Decodes a module. It is not verified: see [`super::decode_verified`].
pub fn decode(bytes: &[u8]) -> Result<Module, WireError> {
    let magic = bytes.get(..MAGIC.len()).ok_or(WireError::Magic)?;
    let (version, hash) = match bytes.get(MAGIC.len()..HEADER_BYTES) {
        Some([low, high, hash @ ..]) if magic == MAGIC => (u16::from_le_bytes([*low, *high]), hash),
        _ => return Err(WireError::Magic),
    };
    if version != VERSION {
        return Err(WireError::Version(version));
    }
    let payload = bytes.get(HEADER_BYTES..).unwrap_or_default();
    if sha256::digest(payload) != hash {
        return Err(WireError::Hash);
    }
    let mut decoder = Decoder { bytes: payload, at: 0, ops: Vec::new(), types: Vec::new(), type_nodes: 0 };
    decoder.module().map_err(|message| WireError::Malformed { offset: decoder.at, message })
}

/// A message; the place is where the decoder stands.
type Decoded<T> = Result<T, String>;

struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Operations by number, with empty immediates.
    ops: Vec<Op>,
    types: Vec<Entry>,
    /// The nodes of all types handed out so far.
    type_nodes: usize,
}

/// A type of the table with what building it again costs.
struct Entry {
    ty: Type,
    nodes: usize,
    depth: usize,
}

impl<'a> Decoder<'a> {
    // Bytes and numbers.

    fn take(&mut self, count: usize) -> Decoded<&'a [u8]> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or("the module ends too early")?;
        let taken = self.bytes.get(self.at..end).unwrap_or_default();
        self.at = end;
        Ok(taken)
    }

    fn byte(&mut self) -> Decoded<u8> {
        Ok(self.take(1)?.first().copied().unwrap_or_default())
    }

    fn eight_bytes(&mut self) -> Decoded<[u8; 8]> {
        self.take(8)?.try_into().map_err(|_| "the module ends too early".to_string())
    }

    fn number(&mut self) -> Decoded<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err("a number is too large".to_string())
    }

    fn number32(&mut self) -> Decoded<u32> {
        u32::try_from(self.number()?).map_err(|_| "a number is too large".to_string())
    }

    fn text(&mut self) -> Decoded<&'a str> {
        let length = usize::try_from(self.number()?).map_err(|_| "a text is too long")?;
        std::str::from_utf8(self.take(length)?).map_err(|_| "a text is not UTF-8".to_string())
    }

    fn string(&mut self) -> Decoded<String> {
        self.text().map(str::to_string)
    }

    /// A list; every item takes a byte or more, so a length beyond what is left is refused at once.
    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Decoded<T>) -> Decoded<Vec<T>> {
        let count = self.number()?;
        if count > (self.bytes.len() - self.at) as u64 {
            return Err("a list is longer than the module".to_string());
        }
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn value(&mut self) -> Decoded<Value> {
        self.number32().map(Value)
    }

    fn values(&mut self) -> Decoded<Vec<Value>> {
        self.list(Self::value)
    }

    // Types.

    /// A type by number. Handing it out copies it, so the copies are counted.
    fn ty(&mut self) -> Decoded<Type> {
        let number = self.number32()? as usize;
        let entry = self.types.get(number).ok_or("a type is used before it is described")?;
        self.type_nodes += entry.nodes;
        if self.type_nodes > limits::MODULE_TYPE_NODES_MAX {
            return Err("the types are too large together".to_string());
        }
        Ok(entry.ty.clone())
    }

    /// A part of a type, whose cost it adds to that of the whole.
    fn part(&mut self, whole: &mut Entry) -> Decoded<Type> {
        let number = self.number32()? as usize;
        let entry = self.types.get(number).ok_or("a type is used before it is described")?;
        whole.nodes += entry.nodes;
        whole.depth = whole.depth.max(entry.depth + 1);
        if whole.nodes > limits::TYPE_SIZE_MAX || whole.depth > limits::TYPE_DEPTH_MAX {
            return Err("a type is too large".to_string());
        }
        self.type_nodes += entry.nodes;
        if self.type_nodes > limits::MODULE_TYPE_NODES_MAX {
            return Err("the types are too large together".to_string());
        }
        Ok(entry.ty.clone())
    }

    fn elem(&mut self) -> Decoded<Elem> {
        let number = self.byte()?;
        Elem::ALL.get(usize::from(number)).copied().ok_or_else(|| "unknown element type".to_string())
    }

    fn entry(&mut self) -> Decoded<Entry> {
        let tag = self.byte()?;
        let tag = TypeTag::ALL.into_iter().find(|known| *known as u8 == tag).ok_or("unknown type")?;
        let mut entry = Entry { ty: Type::None, nodes: 1, depth: 0 };
        entry.ty = match tag {
            TypeTag::None => Type::None,
            TypeTag::Bool => Type::Bool,
            TypeTag::Int => Type::Int,
            TypeTag::Float => Type::Float,
            TypeTag::Str => Type::Str,
            TypeTag::Range => Type::Range,
            TypeTag::Exception => Type::Exception,
            TypeTag::Np => Type::Np(self.elem()?),
            TypeTag::Tuple => Type::Tuple(self.list(|decoder| decoder.part(&mut entry))?),
            TypeTag::Union => Type::Union(self.list(|decoder| decoder.part(&mut entry))?),
            TypeTag::List => Type::List(Box::new(self.part(&mut entry)?)),
            TypeTag::Bytes => Type::Bytes,
            TypeTag::Dict => Type::Dict(Box::new(self.part(&mut entry)?), Box::new(self.part(&mut entry)?)),
            TypeTag::Set => Type::Set { item: Box::new(self.part(&mut entry)?), frozen: false },
            TypeTag::FrozenSet => Type::Set { item: Box::new(self.part(&mut entry)?), frozen: true },
            TypeTag::Object => Type::Object(Arc::from(self.text()?)),
            TypeTag::Array => Type::Array { elem: self.elem()?, ndim: self.byte()? },
            TypeTag::Record => {
                let kind = usize::from(self.byte()?);
                let kind = RECORD_KINDS.get(kind).copied().ok_or("unknown kind of record")?;
                let name = self.string()?;
                let fields = self.list(|decoder| Ok((decoder.string()?, decoder.part(&mut entry)?)))?;
                Type::Record(Arc::new(RecordType { kind, name, fields }))
            }
        };
        Ok(entry)
    }

    // Modules.

    fn module(&mut self) -> Decoded<Module> {
        self.ops = self.list(|decoder| {
            let name = decoder.text()?;
            ops::from_name(name).ok_or_else(|| format!("unknown operation {name:?}"))
        })?;
        // The table grows as it is read: a type is made of those before it.
        for _ in 0..self.number()? {
            let entry = self.entry()?;
            self.types.push(entry);
        }
        let files = self.list(Self::string)?;
        let captures = self.list(|decoder| Ok(Capture { name: decoder.string()?, ty: decoder.ty()? }))?;
        let classes = self.list(Self::class_type)?;
        let exceptions = self.list(|decoder| {
            let name = Arc::from(decoder.string()?);
            let parents = decoder.list(Self::class)?;
            let mut objects = decoder.list(|decoder| decoder.text().map(Arc::from))?;
            let object = objects.pop();
            if objects.is_empty() {
                return Ok(ExceptionClass { name, parents, object });
            }
            Err("an exception carries one object".to_string())
        })?;
        let exceptions = ExceptionTable(exceptions);
        let entry = FuncId(self.number32()?);
        let funcs = self.list(Self::func)?;
        if self.at < self.bytes.len() {
            return Err("the module is followed by something else".to_string());
        }
        Ok(Module { files, captures, classes, exceptions, funcs, entry })
    }

    fn class_type(&mut self) -> Decoded<Class> {
        let name = Arc::from(self.text()?);
        let is_dataclass = match self.byte()? {
            0 => false,
            1 => true,
            _ => return Err("neither a class nor a dataclass".to_string()),
        };
        let fields = self.list(|decoder| Ok((decoder.string()?, decoder.ty()?)))?;
        Ok(Class { name, fields, is_dataclass })
    }

    fn func(&mut self) -> Decoded<Func> {
        Ok(Func {
            name: self.string()?,
            param_names: self.list(Self::string)?,
            result: self.ty()?,
            values: self.list(Self::ty)?,
            span: self.span()?,
            blocks: self.list(Self::block)?,
        })
    }

    fn span(&mut self) -> Decoded<Span> {
        let file = u16::try_from(self.number()?).map_err(|_| "a number is too large")?;
        Ok(Span { file, line: self.number32()?, column: self.number32()? })
    }

    fn target(&mut self) -> Decoded<Target> {
        Ok(Target { block: BlockId(self.number32()?), args: self.values()? })
    }

    fn block(&mut self) -> Decoded<Block> {
        let params = self.values()?;
        let handler = match self.byte()? {
            0 => None,
            1 => Some(self.target()?),
            _ => return Err("neither a handler nor none".to_string()),
        };
        Ok(Block { params, handler, insts: self.list(Self::inst)?, term: self.term()?, term_span: self.span()? })
    }

    fn inst(&mut self) -> Decoded<Inst> {
        let result = self.value()?;
        let number = self.number32()? as usize;
        let op = self.ops.get(number).cloned().ok_or("an operation has no name")?;
        let op = match op {
            Op::Const(_) => Op::Const(self.constant()?),
            Op::Call(_) => Op::Call(FuncId(self.number32()?)),
            Op::Capture(_) => Op::Capture(CaptureId(self.number32()?)),
            Op::Field(_) => Op::Field(self.number32()?),
            Op::IsVariant(_) => Op::IsVariant(self.number32()?),
            Op::Variant(_) => Op::Variant(self.number32()?),
            Op::ArrayShape(_) => Op::ArrayShape(self.byte()?),
            Op::ArrayStride(_) => Op::ArrayStride(self.byte()?),
            Op::ArrayView(View::Slice(_)) => Op::ArrayView(View::Slice(self.byte()?)),
            Op::ObjectGet(_) => Op::ObjectGet(self.number32()?),
            Op::ObjectSet(_) => Op::ObjectSet(self.number32()?),
            Op::ExceptionNew(_) => Op::ExceptionNew(self.class()?),
            Op::ExceptionIs(_) => Op::ExceptionIs(self.class()?),
            Op::ExceptionObject(_) => Op::ExceptionObject(self.class()?),
            other => other,
        };
        Ok(Inst { result, op, args: self.values()?, span: self.span()? })
    }

    fn constant(&mut self) -> Decoded<Const> {
        match self.number()? {
            const_tag::NONE => Ok(Const::None),
            const_tag::FALSE => Ok(Const::Bool(false)),
            const_tag::TRUE => Ok(Const::Bool(true)),
            const_tag::INT => Ok(Const::Int(i64::from_le_bytes(self.eight_bytes()?))),
            const_tag::FLOAT => Ok(Const::Float(f64::from_bits(u64::from_le_bytes(self.eight_bytes()?)))),
            const_tag::STR => Ok(Const::Str(Arc::from(self.text()?))),
            const_tag::BYTES => {
                let length = usize::try_from(self.number()?).map_err(|_| "a constant is too long")?;
                Ok(Const::Bytes(Arc::from(self.take(length)?)))
            }
            _ => Err("unknown kind of constant".to_string()),
        }
    }

    fn class(&mut self) -> Decoded<ExcClass> {
        let code = self.byte()?;
        ExcClass::from_code(code).ok_or_else(|| "unknown exception class".to_string())
    }

    fn term(&mut self) -> Decoded<Term> {
        match self.number()? {
            term_tag::JUMP => Ok(Term::Jump(self.target()?)),
            term_tag::BRANCH => {
                Ok(Term::Branch { cond: self.value()?, then: self.target()?, otherwise: self.target()? })
            }
            term_tag::RETURN => Ok(Term::Return(self.value()?)),
            term_tag::RAISE => Ok(Term::Raise { class: self.class()?, message: None }),
            term_tag::RAISE_MESSAGE => Ok(Term::Raise { class: self.class()?, message: Some(self.value()?) }),
            term_tag::RERAISE => Ok(Term::Reraise(self.value()?)),
            term_tag::UNREACHABLE => Ok(Term::Unreachable),
            _ => Err("unknown terminator".to_string()),
        }
    }
}
