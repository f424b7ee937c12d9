//! Machine code in this process: one ORC session for all kernels, one resource tracker per kernel. Owns the memory of
//! loaded code. The session knows the symbols it is given and searches nothing else, so code cannot reach a function
//! that is not in the table.

use std::ffi::CStr;
use std::sync::Mutex;

use llvm_sys::core as c;
use llvm_sys::error as e;
use llvm_sys::orc2 as orc;
use llvm_sys::orc2::lljit as lj;

use super::cstring;

/// A symbol that loaded code may call.
pub struct ExternSymbol {
    pub name: String,
    pub address: usize,
}

/// The session. Never disposed: kernels may live as long as the process.
struct Session {
    jit: lj::LLVMOrcLLJITRef,
}

// SAFETY: LLJIT is used behind the mutex below only.
unsafe impl Send for Session {}

static SESSION: Mutex<Option<Session>> = Mutex::new(None);

/// Loaded machine code; dropping it frees the memory.
#[derive(Debug)]
pub struct Code {
    tracker: orc::LLVMOrcResourceTrackerRef,
    addresses: Vec<usize>,
}

// SAFETY: the code is immutable once loaded; the tracker is used only on drop, behind the session's mutex.
unsafe impl Send for Code {}
// SAFETY: as above.
unsafe impl Sync for Code {}

impl Code {
    /// The address of the function that was looked up as number `index`.
    pub fn address(&self, index: usize) -> usize {
        self.addresses[index]
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        let _guard = SESSION.lock();
        // SAFETY: the tracker is ours; nobody calls the code any more, for its kernel is gone.
        unsafe { release(self.tracker) }
    }
}

/// Loads an object file and finds the functions `names` in it. `symbols` is asked once, for the first object of the
/// process.
pub fn load(object: &[u8], names: &[&str], symbols: impl FnOnce() -> Vec<ExternSymbol>) -> Result<Code, String> {
    let mut guard = SESSION.lock().map_err(|_| "the code loader is in a broken state".to_string())?;
    let session = match guard.as_ref() {
        Some(session) => session,
        None => guard.insert(Session::new(symbols())?),
    };
    session.load(object, names)
}

impl Session {
    fn new(symbols: Vec<ExternSymbol>) -> Result<Session, String> {
        let mut jit = std::ptr::null_mut();
        // SAFETY: the builder is consumed by the call; the table of pairs is copied by LLVM.
        unsafe {
            check(lj::LLVMOrcCreateLLJIT(&mut jit, lj::LLVMOrcCreateLLJITBuilder()))?;
            let mut pairs: Vec<orc::LLVMOrcCSymbolMapPair> = symbols
                .iter()
                .map(|symbol| orc::LLVMOrcCSymbolMapPair {
                    Name: lj::LLVMOrcLLJITMangleAndIntern(jit, cstring(&symbol.name).as_ptr()),
                    Sym: orc::LLVMJITEvaluatedSymbol {
                        Address: symbol.address as u64,
                        Flags: orc::LLVMJITSymbolFlags {
                            GenericFlags: orc::LLVMJITSymbolGenericFlags::LLVMJITSymbolGenericFlagsExported as u8
                                | orc::LLVMJITSymbolGenericFlags::LLVMJITSymbolGenericFlagsCallable as u8,
                            TargetFlags: 0,
                        },
                    },
                })
                .collect();
            let unit = orc::LLVMOrcAbsoluteSymbols(pairs.as_mut_ptr(), pairs.len());
            check(orc::LLVMOrcJITDylibDefine(lj::LLVMOrcLLJITGetMainJITDylib(jit), unit))?;
        }
        Ok(Session { jit })
    }

    fn load(&self, object: &[u8], names: &[&str]) -> Result<Code, String> {
        // SAFETY: the buffer is a copy that the session takes over; dropping the code releases the tracker.
        unsafe {
            let buffer_name = c"kernel".as_ptr();
            let buffer =
                c::LLVMCreateMemoryBufferWithMemoryRangeCopy(object.as_ptr().cast(), object.len(), buffer_name);
            let dylib = lj::LLVMOrcLLJITGetMainJITDylib(self.jit);
            let tracker = orc::LLVMOrcJITDylibCreateResourceTracker(dylib);
            let mut loaded = check(lj::LLVMOrcLLJITAddObjectFileWithRT(self.jit, tracker, buffer));
            let mut addresses = Vec::new();
            for name in names {
                let mut address = 0;
                loaded =
                    loaded.and_then(|()| check(lj::LLVMOrcLLJITLookup(self.jit, &mut address, cstring(name).as_ptr())));
                addresses.push(address as usize);
            }
            if let Err(message) = loaded {
                release(tracker);
                return Err(message);
            }
            Ok(Code { tracker, addresses })
        }
    }
}

/// Frees what the tracker holds.
///
/// # Safety
/// The session's mutex is held; the tracker is owned by the caller and nobody runs its code any more.
unsafe fn release(tracker: orc::LLVMOrcResourceTrackerRef) {
    // SAFETY: the caller's.
    unsafe {
        // There is nothing that anybody could do about a failure: the memory then stays.
        let _ = check(orc::LLVMOrcResourceTrackerRemove(tracker));
        orc::LLVMOrcReleaseResourceTracker(tracker);
    }
}

/// An LLVM error as a result; the error is consumed.
///
/// # Safety
/// The error is null or owned by the caller.
pub unsafe fn check(error: e::LLVMErrorRef) -> Result<(), String> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: the caller's; the message is freed here.
    unsafe {
        let message = e::LLVMGetErrorMessage(error);
        let text = CStr::from_ptr(message).to_string_lossy().into_owned();
        e::LLVMDisposeErrorMessage(message);
        Err(text)
    }
}
