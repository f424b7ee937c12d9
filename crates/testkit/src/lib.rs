//! Development only: the oracle, the corpus runners and the generator that hold the contract. Drives the compiler's
//! crates through their public faces and owns no meaning of its own.

pub mod compile;
pub mod corpus;
pub mod fuzz;
pub mod generate;
pub mod host;
pub mod interpret;
pub mod jit;
pub mod markdown;
pub mod operands;
pub mod oracle;
pub mod program;
pub mod random;
pub mod shrink;
pub mod slots;
pub mod value;

/// Takes what the environment says of machine code, before any is made: `FUSELINE_OBJECTS` is a folder in which it is kept from
/// one run to the next; with `FUSELINE_PLAIN_CPU` it is made for a processor that valgrind can follow.
pub fn prepare_machine_code() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        if std::env::var_os("FUSELINE_PLAIN_CPU").is_some() && cfg!(target_arch = "x86_64") {
            codegen::pretend_processor("x86-64-v3", "+avx2,+fma");
        }
        if let Some(folder) = std::env::var_os("FUSELINE_OBJECTS") {
            codegen::set_object_cache(Some(std::path::Path::new(&folder)));
        }
    });
}

/// How many times longer than usual things may take: `FUSELINE_PATIENCE`, for tools that slow the process down.
pub fn patience() -> u64 {
    std::env::var("FUSELINE_PATIENCE").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}
