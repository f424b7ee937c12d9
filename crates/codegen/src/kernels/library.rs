//! The symbols that loaded code may call: the runtime's table, the C library's mathematics and memory functions, and the
//! helpers of fold kernels.

use crate::llvm::jit::ExternSymbol;

/// The name of C's `cbrt`: Rust's support library has a `cbrt` too, with other last bits, which a linker may take.
pub const CBRT: &str = "cbrtf64";

macro_rules! library {
    ($( $name:ident ( $($arg:ty),* ) -> $ret:ty; )*) => {
        unsafe extern "C" {
            $( fn $name($(_: $arg),*) -> $ret; )*
        }

        /// Functions of the C library with their addresses.
        fn c_library() -> Vec<(&'static str, usize)> {
            vec![ $( (stringify!($name), $name as *const () as usize) ),* ]
        }
    };
}

library! {
    ceil(f64) -> f64;
    floor(f64) -> f64;
    rint(f64) -> f64;
    roundeven(f64) -> f64;
    trunc(f64) -> f64;
    bcmp(*const u8, *const u8, usize) -> i32;
    memcmp(*const u8, *const u8, usize) -> i32;
    memcpy(*mut u8, *const u8, usize) -> *mut u8;
    memmove(*mut u8, *const u8, usize) -> *mut u8;
    memset(*mut u8, i32, usize) -> *mut u8;
}

/// Everything that the code of kernels can name.
pub fn symbols() -> Vec<ExternSymbol> {
    let own = [(crate::state::STORE_ARRAYS, crate::state::store_arrays as *const () as usize)];
    let runtime = runtime::table::symbols().iter().map(|symbol| (symbol.name, symbol.address));
    let libm = runtime::math::libm::symbols();
    let libm = libm.iter().map(|symbol| (if symbol.name == "cbrt" { CBRT } else { symbol.name }, symbol.address));
    let all = runtime.chain(libm).chain(c_library()).chain(own);
    all.map(|(name, address)| ExternSymbol { name: name.to_string(), address }).collect()
}
