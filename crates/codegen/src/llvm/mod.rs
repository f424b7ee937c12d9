//! A thin layer over LLVM's C interface: contexts, types, values and the instruction builder, without lifetimes and
//! without names. Owns every unsafe call that builds LLVM IR; knows nothing of Fuseline IR.
//!
//! Handles (`Ty`, `Val`, `Bb`) are plain copies of LLVM's pointers. They are made and used by one [`Llvm`] only and
//! die with it; nothing in this crate keeps one beyond.

pub mod builder;
pub mod jit;
pub mod target;

use std::ffi::{CStr, CString};

use llvm_sys::core as c;
use llvm_sys::prelude::{LLVMBasicBlockRef, LLVMBuilderRef, LLVMContextRef, LLVMModuleRef, LLVMTypeRef, LLVMValueRef};

pub use llvm_sys::LLVMIntPredicate as IntPred;
pub use llvm_sys::LLVMRealPredicate as RealPred;

/// An LLVM type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Ty(LLVMTypeRef);

/// An LLVM value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Val(LLVMValueRef);

/// A basic block.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Bb(LLVMBasicBlockRef);

/// A function with its type, which calls need.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Fun {
    pub value: Val,
    pub ty: Ty,
}

/// How a function is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallConv {
    C,
    Fast,
}

/// One LLVM module under construction, with its context and builder.
#[derive(Debug)]
pub struct Llvm {
    context: LLVMContextRef,
    module: LLVMModuleRef,
    builder: LLVMBuilderRef,
}

/// What memory a function may touch, as LLVM encodes it: two bits each for arguments, inaccessible and other memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemoryEffect {
    None = 0b00_00_00,
    Read = 0b01_01_01,
}

fn cstring(text: &str) -> CString {
    CString::new(text.replace('\0', "?")).unwrap_or_default()
}

impl Llvm {
    /// An empty module of this name in a context of its own.
    pub fn new(name: &str) -> Llvm {
        let name = cstring(name);
        // SAFETY: fresh objects, disposed in `drop`.
        unsafe {
            let context = c::LLVMContextCreate();
            let module = c::LLVMModuleCreateWithNameInContext(name.as_ptr(), context);
            let builder = c::LLVMCreateBuilderInContext(context);
            Llvm { context, module, builder }
        }
    }

    pub(super) fn module(&self) -> LLVMModuleRef {
        self.module
    }

    // Types.

    pub fn int_ty(&self, bits: u32) -> Ty {
        // SAFETY: the context lives.
        Ty(unsafe { c::LLVMIntTypeInContext(self.context, bits) })
    }

    pub fn i1(&self) -> Ty {
        self.int_ty(1)
    }

    pub fn i8(&self) -> Ty {
        self.int_ty(8)
    }

    pub fn i64(&self) -> Ty {
        self.int_ty(64)
    }

    pub fn f32(&self) -> Ty {
        // SAFETY: the context lives.
        Ty(unsafe { c::LLVMFloatTypeInContext(self.context) })
    }

    pub fn f64(&self) -> Ty {
        // SAFETY: the context lives.
        Ty(unsafe { c::LLVMDoubleTypeInContext(self.context) })
    }

    pub fn ptr(&self) -> Ty {
        // SAFETY: the context lives.
        Ty(unsafe { c::LLVMPointerTypeInContext(self.context, 0) })
    }

    pub fn void(&self) -> Ty {
        // SAFETY: the context lives.
        Ty(unsafe { c::LLVMVoidTypeInContext(self.context) })
    }

    pub fn array_ty(&self, item: Ty, length: usize) -> Ty {
        // SAFETY: a sized item type of this context.
        Ty(unsafe { c::LLVMArrayType2(item.0, length as u64) })
    }

    pub fn struct_ty(&self, fields: &[Ty]) -> Ty {
        let mut fields: Vec<LLVMTypeRef> = fields.iter().map(|ty| ty.0).collect();
        // SAFETY: the fields are types of this context.
        Ty(unsafe { c::LLVMStructTypeInContext(self.context, fields.as_mut_ptr(), fields.len() as u32, 0) })
    }

    pub fn fn_ty(&self, result: Ty, params: &[Ty]) -> Ty {
        let mut params: Vec<LLVMTypeRef> = params.iter().map(|ty| ty.0).collect();
        // SAFETY: all are types of this context.
        Ty(unsafe { c::LLVMFunctionType(result.0, params.as_mut_ptr(), params.len() as u32, 0) })
    }

    // Constants.

    pub fn int(&self, ty: Ty, value: u64) -> Val {
        // SAFETY: `ty` is an integer type of this context.
        Val(unsafe { c::LLVMConstInt(ty.0, value, 0) })
    }

    pub fn const_i64(&self, value: i64) -> Val {
        self.int(self.i64(), value as u64)
    }

    pub fn const_bool(&self, value: bool) -> Val {
        self.int(self.i1(), u64::from(value))
    }

    /// The float with exactly these bits, NaN payloads included.
    pub fn const_f64(&self, value: f64) -> Val {
        let bits = self.int(self.i64(), value.to_bits());
        // SAFETY: both types are 64 bits wide.
        Val(unsafe { c::LLVMConstBitCast(bits.0, self.f64().0) })
    }

    /// All bits zero.
    pub fn zero(&self, ty: Ty) -> Val {
        // SAFETY: a first-class type of this context.
        Val(unsafe { c::LLVMConstNull(ty.0) })
    }

    pub fn poison(&self, ty: Ty) -> Val {
        // SAFETY: a first-class type of this context.
        Val(unsafe { c::LLVMGetPoison(ty.0) })
    }

    /// The address of a private constant that holds these bytes.
    pub fn const_bytes(&self, bytes: &[u8]) -> Val {
        let ty = self.array_ty(self.i8(), bytes.len());
        // SAFETY: LLVM copies the bytes; they are not text to it.
        let init = Val(unsafe { c::LLVMConstStringInContext2(self.context, bytes.as_ptr().cast(), bytes.len(), 1) });
        self.private_constant(ty, init)
    }

    /// The address of a private constant with this initialiser.
    pub fn private_constant(&self, ty: Ty, init: Val) -> Val {
        let global = self.declare_private(ty);
        self.define_private(global, init);
        global
    }

    /// A private constant whose value [`Llvm::define_private`] gives later.
    pub fn declare_private(&self, ty: Ty) -> Val {
        // SAFETY: the module lives; the name is empty.
        unsafe {
            let global = c::LLVMAddGlobal(self.module, ty.0, c"const".as_ptr());
            c::LLVMSetLinkage(global, llvm_sys::LLVMLinkage::LLVMPrivateLinkage);
            c::LLVMSetGlobalConstant(global, 1);
            c::LLVMSetUnnamedAddress(global, llvm_sys::LLVMUnnamedAddr::LLVMGlobalUnnamedAddr);
            Val(global)
        }
    }

    pub fn define_private(&self, global: Val, init: Val) {
        // SAFETY: a global of this module and a constant of its type.
        unsafe { c::LLVMSetInitializer(global.0, init.0) }
    }

    /// Puts `new` in the place of `old`, which ceases to exist.
    pub fn replace_global(&self, old: Val, new: Val) {
        // SAFETY: both are globals of this module; opaque pointers make their types equal.
        unsafe {
            c::LLVMReplaceAllUsesWith(old.0, new.0);
            c::LLVMDeleteGlobal(old.0);
        }
    }

    pub fn const_struct(&self, fields: &[Val]) -> Val {
        let mut fields: Vec<LLVMValueRef> = fields.iter().map(|value| value.0).collect();
        // SAFETY: constants of this context.
        Val(unsafe { c::LLVMConstStructInContext(self.context, fields.as_mut_ptr(), fields.len() as u32, 0) })
    }

    pub fn const_array(&self, item: Ty, items: &[Val]) -> Val {
        let mut items: Vec<LLVMValueRef> = items.iter().map(|value| value.0).collect();
        // SAFETY: constants of the item type.
        Val(unsafe { c::LLVMConstArray2(item.0, items.as_mut_ptr(), items.len() as u64) })
    }

    // Functions.

    /// A function that another module or the runtime defines.
    pub fn declare(&self, name: &str, result: Ty, params: &[Ty]) -> Fun {
        let ty = self.fn_ty(result, params);
        let name = cstring(name);
        // SAFETY: the module lives; an existing function of this name is found, not doubled.
        unsafe {
            let found = c::LLVMGetNamedFunction(self.module, name.as_ptr());
            let value = if found.is_null() { c::LLVMAddFunction(self.module, name.as_ptr(), ty.0) } else { found };
            Fun { value: Val(value), ty }
        }
    }

    /// A new function of this module; `internal` ones are not visible outside. LLVM makes the name unique.
    pub fn define(&self, name: &str, ty: Ty, conv: CallConv, internal: bool) -> Fun {
        let name = cstring(name);
        // SAFETY: the module lives.
        unsafe {
            let value = c::LLVMAddFunction(self.module, name.as_ptr(), ty.0);
            if internal {
                c::LLVMSetLinkage(value, llvm_sys::LLVMLinkage::LLVMInternalLinkage);
            }
            c::LLVMSetFunctionCallConv(value, conv.number());
            Fun { value: Val(value), ty }
        }
    }

    pub fn param(&self, function: Fun, index: usize) -> Val {
        // SAFETY: the caller stays within the parameters of the function's type.
        Val(unsafe { c::LLVMGetParam(function.value.0, index as u32) })
    }

    /// Adds an attribute without a value to the function itself.
    pub fn add_attribute(&self, function: Fun, name: &str) {
        self.attribute_at(function, llvm_sys::LLVMAttributeFunctionIndex, name, 0);
    }

    pub fn add_memory_effect(&self, function: Fun, effect: MemoryEffect) {
        self.attribute_at(function, llvm_sys::LLVMAttributeFunctionIndex, "memory", effect as u64);
    }

    /// A function that depends on nothing but its arguments, always returns and does nothing else.
    pub fn mark_pure(&self, function: Fun) {
        self.add_memory_effect(function, MemoryEffect::None);
        self.mark_returning(function);
    }

    /// As [`Llvm::mark_pure`], but it reads memory.
    pub fn mark_reader(&self, function: Fun) {
        self.add_memory_effect(function, MemoryEffect::Read);
        self.mark_returning(function);
    }

    fn mark_returning(&self, function: Fun) {
        for name in ["nounwind", "willreturn", "nosync", "nofree"] {
            self.add_attribute(function, name);
        }
    }

    /// Adds an attribute to a parameter; `value` is 0 for those without one.
    pub fn add_param_attribute(&self, function: Fun, index: usize, name: &str, value: u64) {
        self.attribute_at(function, index as u32 + 1, name, value);
    }

    fn attribute_at(&self, function: Fun, index: u32, name: &str, value: u64) {
        // SAFETY: the function is of this module; the kind is one that LLVM knows.
        unsafe {
            let kind = c::LLVMGetEnumAttributeKindForName(name.as_ptr().cast(), name.len());
            let attribute = c::LLVMCreateEnumAttribute(self.context, kind, value);
            c::LLVMAddAttributeAtIndex(function.value.0, index, attribute);
        }
    }

    /// Adds a string attribute such as `"target-cpu"="znver3"` to the function.
    pub fn add_string_attribute(&self, function: Fun, key: &str, value: &str) {
        // SAFETY: LLVM copies both strings.
        unsafe {
            let attribute = c::LLVMCreateStringAttribute(
                self.context,
                key.as_ptr().cast(),
                key.len() as u32,
                value.as_ptr().cast(),
                value.len() as u32,
            );
            c::LLVMAddAttributeAtIndex(function.value.0, llvm_sys::LLVMAttributeFunctionIndex, attribute);
        }
    }

    /// Every function that has a body.
    pub fn defined_functions(&self) -> Vec<Fun> {
        let mut found = Vec::new();
        // SAFETY: walks the module's own list.
        unsafe {
            let mut value = c::LLVMGetFirstFunction(self.module);
            while !value.is_null() {
                if c::LLVMCountBasicBlocks(value) > 0 {
                    found.push(Fun { value: Val(value), ty: Ty(c::LLVMGlobalGetValueType(value)) });
                }
                value = c::LLVMGetNextFunction(value);
            }
        }
        found
    }

    /// The module's text.
    pub fn text(&self) -> String {
        // SAFETY: the message is LLVM's and freed here.
        unsafe { take_message(c::LLVMPrintModuleToString(self.module)) }
    }

    /// LLVM's own verifier: the complaint when the module is malformed, which would be a bug of ours.
    pub fn verify(&self) -> Result<(), String> {
        let mut message = std::ptr::null_mut();
        let action = llvm_sys::analysis::LLVMVerifierFailureAction::LLVMReturnStatusAction;
        // SAFETY: the message is LLVM's and freed in any case.
        unsafe {
            let broken = llvm_sys::analysis::LLVMVerifyModule(self.module, action, &mut message) != 0;
            let text = take_message(message);
            if broken { Err(text) } else { Ok(()) }
        }
    }

    pub fn bitcode(&self) -> Vec<u8> {
        // SAFETY: the buffer is ours and freed here.
        unsafe { take_buffer(llvm_sys::bit_writer::LLVMWriteBitcodeToMemoryBuffer(self.module)) }
    }
}

impl Drop for Llvm {
    fn drop(&mut self) {
        // SAFETY: made in `new`, disposed once, the context last.
        unsafe {
            c::LLVMDisposeBuilder(self.builder);
            c::LLVMDisposeModule(self.module);
            c::LLVMContextDispose(self.context);
        }
    }
}

impl CallConv {
    fn number(self) -> u32 {
        match self {
            CallConv::C => 0,
            CallConv::Fast => 8,
        }
    }
}

/// Copies and frees a message of LLVM's; the empty text for null.
///
/// # Safety
/// The message is null or was made by LLVM to be disposed by the caller.
unsafe fn take_message(message: *mut std::ffi::c_char) -> String {
    if message.is_null() {
        return String::new();
    }
    // SAFETY: the caller's.
    unsafe {
        let text = CStr::from_ptr(message).to_string_lossy().into_owned();
        c::LLVMDisposeMessage(message);
        text
    }
}

/// Copies and frees a memory buffer.
///
/// # Safety
/// The buffer is alive and owned by the caller.
unsafe fn take_buffer(buffer: llvm_sys::prelude::LLVMMemoryBufferRef) -> Vec<u8> {
    // SAFETY: the caller's.
    unsafe {
        let start = c::LLVMGetBufferStart(buffer).cast::<u8>();
        let bytes = std::slice::from_raw_parts(start, c::LLVMGetBufferSize(buffer)).to_vec();
        c::LLVMDisposeMemoryBuffer(buffer);
        bytes
    }
}
