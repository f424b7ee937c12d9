//! The sizes a module may have. The parser, the wire decoder and the verifier hold hostile input to them, so that
//! everything behind the verifier may recurse over types and allocate per value without further thought.

/// How deep types may nest (`list[list[int]]` is two deep).
pub const TYPE_DEPTH_MAX: usize = 32;
/// How many type nodes one type may have.
pub const TYPE_SIZE_MAX: usize = 4_096;
/// How many type nodes all the types of a module's values may have together.
pub const MODULE_TYPE_NODES_MAX: usize = 4 << 20;
/// How many functions a module may have.
pub const FUNCS_MAX: usize = 10_000;
/// How many captures a module may have.
pub const CAPTURES_MAX: usize = 10_000;
/// How many classes a module may have.
pub const CLASSES_MAX: usize = 1_000;
/// How many source files a module may name.
pub const FILES_MAX: usize = 10_000;
/// How many values a function may have.
pub const VALUES_MAX: usize = 1 << 20;
/// How many blocks a function may have.
pub const BLOCKS_MAX: usize = 1 << 18;
/// How many arguments an instruction, a jump or a block may have.
pub const ARGS_MAX: usize = 4_096;
/// How many bytes a string constant or a name may have.
pub const TEXT_BYTES_MAX: usize = 16 << 20;
