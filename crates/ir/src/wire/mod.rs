//! The wire form: how modules travel to workers. Versioned; no module is decoded by a version that did not write it.
//! Decoding never panics and needs memory in proportion to the input; what comes from elsewhere goes through
//! [`decode_verified`].
//!
//! ```text
//! offset  0  4 bytes   "FLIR"
//!         4  u16       version, little-endian
//!         6  32 bytes  SHA-256 of the payload
//!        38            the payload, to the end
//! ```
//!
//! The payload is made of varints (7 bits a byte, low ones first, at most 10 bytes), texts (length, UTF-8 bytes) and
//! lists (length, items):
//!
//! ```text
//! payload   names of operations: list of text     in order of first use
//!           types: list of type                   likewise; parts come before what is made of them
//!           files: list of text
//!           captures: list of (text, type)
//!           classes: list of (text, 1 for a dataclass, list of (text, type))
//!           own classes of exceptions: list of (text, list of numbers of parents,
//!                                           list of the text that names the class of its object, if it has one)
//!           entry function, functions: list of function
//! type      tag, then its parts: see `TypeTag`; types are positions in the list
//! function  name, names of parameters, result type, types of values, place, blocks
//! block     parameters, handler (0, or 1 and a target), instructions, terminator, place
//! inst      result, operation, immediate if it has one, arguments, place
//! place     file, line, column
//! target    block, arguments
//! ```

mod decode;
mod encode;

use std::fmt;

use crate::module::Module;
use crate::sha256;
use crate::verify::{VerifyError, verify};

pub use decode::decode;

const MAGIC: &[u8; 4] = b"FLIR";
/// Raised whenever the form or the meaning of an operation changes.
pub const VERSION: u16 = 3;
const HEADER_BYTES: usize = 38;

/// Why bytes are no module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WireError {
    /// Not this form at all.
    Magic,
    /// Written by another version.
    Version(u16),
    /// The bytes changed on the way.
    Hash,
    /// Malformed at this offset of the payload.
    Malformed { offset: usize, message: String },
    /// Well-formed bytes of a module that the verifier refuses.
    Refused(Vec<VerifyError>),
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WireError::Magic => f.write_str("not a Fuseline IR module"),
            WireError::Version(version) => {
                write!(f, "the module has version {version} of the wire form, this program reads version {VERSION}")
            }
            WireError::Hash => f.write_str("the module was damaged on its way"),
            WireError::Malformed { offset, message } => write!(f, "malformed module at byte {offset}: {message}"),
            WireError::Refused(errors) => match errors.first() {
                Some(error) => write!(f, "the module does not verify: {error}"),
                None => f.write_str("the module does not verify"),
            },
        }
    }
}

impl std::error::Error for WireError {}

/// The identity of a module: SHA-256 over everything in it, names, files and places included (they show in errors).
/// Equal modules have equal hashes, on every machine.
pub fn hash(module: &Module) -> [u8; 32] {
    sha256::digest(&encode::payload(module))
}

/// The wire form of a module.
pub fn encode(module: &Module) -> Vec<u8> {
    let payload = encode::payload(module);
    let mut out = Vec::with_capacity(HEADER_BYTES + payload.len());
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&sha256::digest(&payload));
    out.extend_from_slice(&payload);
    out
}

/// The digest of the header: of these payload bytes.
pub fn payload_digest(payload: &[u8]) -> [u8; 32] {
    sha256::digest(payload)
}

/// Decodes a module from somewhere else and verifies it.
pub fn decode_verified(bytes: &[u8]) -> Result<Module, WireError> {
    let module = decode(bytes)?;
    verify(&module).map_err(WireError::Refused)?;
    Ok(module)
}

/// The first byte of a type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
enum TypeTag {
    None,
    Bool,
    Int,
    Float,
    Str,
    Range,
    Exception,
    /// Element type.
    Np,
    /// List of types.
    Tuple,
    /// List of types.
    Union,
    /// Type.
    List,
    /// Element type, number of dimensions.
    Array,
    /// Kind, name, list of (name, type).
    Record,
    Bytes,
    /// Two types.
    Dict,
    /// Type.
    Set,
    /// Type.
    FrozenSet,
    /// Name of a class.
    Object,
}

impl TypeTag {
    const ALL: [TypeTag; 18] = [
        TypeTag::None,
        TypeTag::Bool,
        TypeTag::Int,
        TypeTag::Float,
        TypeTag::Str,
        TypeTag::Range,
        TypeTag::Exception,
        TypeTag::Np,
        TypeTag::Tuple,
        TypeTag::Union,
        TypeTag::List,
        TypeTag::Array,
        TypeTag::Record,
        TypeTag::Bytes,
        TypeTag::Dict,
        TypeTag::Set,
        TypeTag::FrozenSet,
        TypeTag::Object,
    ];
}

/// The kinds of records by number.
const RECORD_KINDS: [crate::RecordKind; 5] = [
    crate::RecordKind::Row,
    crate::RecordKind::Dict,
    crate::RecordKind::NamedTuple,
    crate::RecordKind::Dataclass,
    crate::RecordKind::Library,
];

/// The first byte of a constant.
mod const_tag {
    pub const NONE: u64 = 0;
    pub const FALSE: u64 = 1;
    pub const TRUE: u64 = 2;
    pub const INT: u64 = 3;
    pub const FLOAT: u64 = 4;
    pub const STR: u64 = 5;
    pub const BYTES: u64 = 6;
}

/// The first byte of a terminator.
mod term_tag {
    pub const JUMP: u64 = 0;
    pub const BRANCH: u64 = 1;
    pub const RETURN: u64 = 2;
    pub const RAISE: u64 = 3;
    pub const RAISE_MESSAGE: u64 = 4;
    pub const RERAISE: u64 = 5;
    pub const UNREACHABLE: u64 = 6;
}
