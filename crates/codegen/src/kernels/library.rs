//! The symbols that loaded code may call: the runtime's table, the C library's mathematics and memory functions, and the
//! helpers of fold kernels.

use crate::llvm::jit::ExternSymbol;

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
    acos(f64) -> f64;
    acosh(f64) -> f64;
    asin(f64) -> f64;
    asinh(f64) -> f64;
    atan(f64) -> f64;
    atan2(f64, f64) -> f64;
    atanh(f64) -> f64;
    cbrt(f64) -> f64;
    ceil(f64) -> f64;
    cos(f64) -> f64;
    cosh(f64) -> f64;
    erf(f64) -> f64;
    erfc(f64) -> f64;
    exp(f64) -> f64;
    exp2(f64) -> f64;
    expm1(f64) -> f64;
    floor(f64) -> f64;
    fmod(f64, f64) -> f64;
    log(f64) -> f64;
    log10(f64) -> f64;
    log1p(f64) -> f64;
    log2(f64) -> f64;
    nextafter(f64, f64) -> f64;
    pow(f64, f64) -> f64;
    remainder(f64, f64) -> f64;
    rint(f64) -> f64;
    roundeven(f64) -> f64;
    sin(f64) -> f64;
    sinh(f64) -> f64;
    tan(f64) -> f64;
    tanh(f64) -> f64;
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
    let all = runtime.chain(c_library()).chain(own);
    all.map(|(name, address)| ExternSymbol { name: name.to_string(), address }).collect()
}
