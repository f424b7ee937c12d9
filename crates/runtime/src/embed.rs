//! What a C program that calls compiled functions needs: making, resetting and freeing a context. Declared in the headers
//! that `codegen` generates.

use std::ffi::{CString, c_char};
use std::ptr;
use std::sync::atomic::AtomicU8;

use crate::abi::{Context, STR_ASCII_BIT, Str};
use crate::arena::Arena;

/// How much stack below the frame that makes a context calls may use before they raise `RecursionError`.
const STACK_BYTES: usize = 256 * 1024;

/// A context with all that it points to. The context is first, so that the address of one is that of the other.
#[repr(C)]
struct Owner {
    context: Context,
    arena: Arena,
    cancel: AtomicU8,
    /// The message as C takes it, made when it is asked for.
    message: Option<CString>,
}

/// A new context for the calling thread.
#[unsafe(no_mangle)]
extern "C" fn fuseline_context_new() -> *mut Context {
    let here = 0u8;
    let owner = Box::into_raw(Box::new(Owner {
        context: Context {
            arena: ptr::null_mut(),
            captures: ptr::null(),
            stack_limit: (&raw const here as usize).saturating_sub(STACK_BYTES),
            cancel: ptr::null(),
            message: Str { data: ptr::null(), length: 0 },
            poll: None,
            object: ptr::null(),
        },
        arena: Arena::new(),
        cancel: AtomicU8::new(0),
        message: None,
    }));
    // SAFETY: just made; the addresses stay the same until it is freed.
    unsafe {
        (*owner).context.arena = &raw mut (*owner).arena;
        (*owner).context.cancel = &raw const (*owner).cancel;
    }
    owner.cast()
}

/// Frees the strings and arrays that calls have returned.
#[unsafe(no_mangle)]
unsafe extern "C" fn fuseline_context_reset(context: *mut Context) {
    // SAFETY: made by `fuseline_context_new`, and used by this thread alone.
    let owner = unsafe { &mut *context.cast::<Owner>() };
    owner.arena.reset();
    owner.context.message = Str { data: ptr::null(), length: 0 };
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fuseline_context_free(context: *mut Context) {
    if !context.is_null() {
        // SAFETY: made by `fuseline_context_new`, and used by nobody any more.
        drop(unsafe { Box::from_raw(context.cast::<Owner>()) });
    }
}

/// The text of the exception that the last call raised, when it was made at run time; else null.
#[unsafe(no_mangle)]
unsafe extern "C" fn fuseline_context_message(context: *mut Context) -> *const c_char {
    // SAFETY: made by `fuseline_context_new`, and used by this thread alone.
    let owner = unsafe { &mut *context.cast::<Owner>() };
    let text = owner.context.message;
    if text.data.is_null() {
        return ptr::null();
    }
    // SAFETY: the message was made by the runtime and lives until the reset.
    let bytes = unsafe { std::slice::from_raw_parts(text.data, (text.length & !STR_ASCII_BIT) as usize) };
    let until_nul = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    owner.message = CString::new(until_nul).ok();
    owner.message.as_ref().map_or(ptr::null(), |message| message.as_ptr())
}

/// Sets the slots of the captured values, which the caller keeps alive.
#[unsafe(no_mangle)]
unsafe extern "C" fn fuseline_context_set_captures(context: *mut Context, slots: *const u64) {
    // SAFETY: made by `fuseline_context_new`, and used by this thread alone.
    unsafe { (*context).captures = slots };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_lives_from_new_to_free() {
        let context = fuseline_context_new();
        unsafe {
            assert!(fuseline_context_message(context).is_null());
            (*context).message = crate::text::Text::new("oh").to_abi();
            assert_eq!(std::ffi::CStr::from_ptr(fuseline_context_message(context)).to_bytes(), b"oh");
            assert!((*(*context).arena).alloc_str("text").is_ok());
            fuseline_context_reset(context);
            assert!(fuseline_context_message(context).is_null());
            fuseline_context_free(context);
        }
    }
}
