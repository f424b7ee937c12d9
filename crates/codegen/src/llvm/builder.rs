//! The instruction builder: one method per LLVM instruction that codegen uses. All unsafe for the same reason: operands
//! must be values of this module with fitting types, which LLVM's verifier checks in tests.

use llvm_sys::core as c;
use llvm_sys::prelude::{LLVMBasicBlockRef, LLVMTypeRef, LLVMValueRef};

use super::{Bb, CallConv, Fun, IntPred, Llvm, RealPred, Ty, Val};

const NO_NAME: *const std::ffi::c_char = c"".as_ptr();

macro_rules! binary {
    ($($method:ident = $function:ident;)*) => {
        $(pub fn $method(&self, a: Val, b: Val) -> Val {
            // SAFETY: see the module's header.
            Val(unsafe { c::$function(self.builder, a.0, b.0, NO_NAME) })
        })*
    };
}

macro_rules! cast {
    ($($method:ident = $function:ident;)*) => {
        $(pub fn $method(&self, value: Val, ty: Ty) -> Val {
            // SAFETY: see the module's header.
            Val(unsafe { c::$function(self.builder, value.0, ty.0, NO_NAME) })
        })*
    };
}

impl Llvm {
    binary! {
        add = LLVMBuildAdd;
        add_nsw = LLVMBuildNSWAdd;
        sub = LLVMBuildSub;
        mul = LLVMBuildMul;
        mul_nsw = LLVMBuildNSWMul;
        sdiv = LLVMBuildSDiv;
        srem = LLVMBuildSRem;
        udiv = LLVMBuildUDiv;
        and = LLVMBuildAnd;
        or = LLVMBuildOr;
        xor = LLVMBuildXor;
        shl = LLVMBuildShl;
        ashr = LLVMBuildAShr;
        lshr = LLVMBuildLShr;
        fadd = LLVMBuildFAdd;
        fsub = LLVMBuildFSub;
        fmul = LLVMBuildFMul;
        fdiv = LLVMBuildFDiv;
        frem = LLVMBuildFRem;
    }

    cast! {
        trunc = LLVMBuildTrunc;
        zext = LLVMBuildZExt;
        sext = LLVMBuildSExt;
        fptrunc = LLVMBuildFPTrunc;
        fpext = LLVMBuildFPExt;
        sitofp = LLVMBuildSIToFP;
        uitofp = LLVMBuildUIToFP;
        fptosi = LLVMBuildFPToSI;
        bitcast = LLVMBuildBitCast;
        ptrtoint = LLVMBuildPtrToInt;
        inttoptr = LLVMBuildIntToPtr;
    }

    // Blocks.

    pub fn block(&self, function: Fun) -> Bb {
        // SAFETY: a function of this module.
        Bb(unsafe { c::LLVMAppendBasicBlockInContext(self.context, function.value.0, NO_NAME) })
    }

    pub fn position(&self, block: Bb) {
        // SAFETY: a block of this module.
        unsafe { c::LLVMPositionBuilderAtEnd(self.builder, block.0) }
    }

    /// The block that instructions go to.
    pub fn current(&self) -> Bb {
        // SAFETY: the builder was positioned.
        Bb(unsafe { c::LLVMGetInsertBlock(self.builder) })
    }

    /// The block that instructions go to, if the builder was positioned.
    pub fn current_or_none(&self) -> Option<Bb> {
        // SAFETY: null when there is none.
        let block = unsafe { c::LLVMGetInsertBlock(self.builder) };
        (!block.is_null()).then_some(Bb(block))
    }

    pub fn br(&self, target: Bb) {
        // SAFETY: see the module's header.
        unsafe {
            c::LLVMBuildBr(self.builder, target.0);
        }
    }

    pub fn cond_br(&self, cond: Val, then: Bb, otherwise: Bb) -> Val {
        // SAFETY: see the module's header.
        Val(unsafe { c::LLVMBuildCondBr(self.builder, cond.0, then.0, otherwise.0) })
    }

    /// A branch that is expected to go to `likely`.
    pub fn cond_br_unlikely(&self, rare: Val, unlikely: Bb, likely: Bb) {
        let branch = self.cond_br(rare, unlikely, likely);
        // SAFETY: metadata of this context on an instruction of this module.
        unsafe {
            let text = c::LLVMMDStringInContext2(self.context, c"branch_weights".as_ptr(), 14);
            let weight = |value| c::LLVMValueAsMetadata(c::LLVMConstInt(self.int_ty(32).0, value, 0));
            let mut parts = [text, weight(1), weight(1 << 20)];
            let node = c::LLVMMDNodeInContext2(self.context, parts.as_mut_ptr(), parts.len());
            self.attach(branch, "prof", node);
        }
    }

    /// Marks a load whose memory never changes while the kernel runs.
    pub fn mark_invariant(&self, load: Val) {
        // SAFETY: metadata of this context on an instruction of this module.
        unsafe {
            let node = c::LLVMMDNodeInContext2(self.context, std::ptr::null_mut(), 0);
            self.attach(load, "invariant.load", node);
        }
    }

    /// # Safety
    /// The instruction and the metadata are of this context.
    unsafe fn attach(&self, instruction: Val, kind: &str, node: llvm_sys::prelude::LLVMMetadataRef) {
        // SAFETY: the caller's. Constants fold away instructions, which then take no metadata.
        unsafe {
            if c::LLVMIsAInstruction(instruction.0).is_null() {
                return;
            }
            let kind = c::LLVMGetMDKindIDInContext(self.context, kind.as_ptr().cast(), kind.len() as u32);
            c::LLVMSetMetadata(instruction.0, kind, c::LLVMMetadataAsValue(self.context, node));
        }
    }

    pub fn ret(&self, value: Val) {
        // SAFETY: see the module's header.
        unsafe {
            c::LLVMBuildRet(self.builder, value.0);
        }
    }

    pub fn ret_void(&self) {
        // SAFETY: see the module's header.
        unsafe {
            c::LLVMBuildRetVoid(self.builder);
        }
    }

    pub fn phi(&self, ty: Ty) -> Val {
        // SAFETY: see the module's header.
        Val(unsafe { c::LLVMBuildPhi(self.builder, ty.0, NO_NAME) })
    }

    pub fn add_incoming(&self, phi: Val, value: Val, from: Bb) {
        let mut values: [LLVMValueRef; 1] = [value.0];
        let mut blocks: [LLVMBasicBlockRef; 1] = [from.0];
        // SAFETY: see the module's header.
        unsafe { c::LLVMAddIncoming(phi.0, values.as_mut_ptr(), blocks.as_mut_ptr(), 1) }
    }

    // Values.

    pub fn neg(&self, value: Val) -> Val {
        // SAFETY: see the module's header.
        Val(unsafe { c::LLVMBuildNeg(self.builder, value.0, NO_NAME) })
    }

    pub fn not(&self, value: Val) -> Val {
        // SAFETY: see the module's header.
        Val(unsafe { c::LLVMBuildNot(self.builder, value.0, NO_NAME) })
    }

    pub fn fneg(&self, value: Val) -> Val {
        // SAFETY: see the module's header.
        Val(unsafe { c::LLVMBuildFNeg(self.builder, value.0, NO_NAME) })
    }

    pub fn icmp(&self, pred: IntPred, a: Val, b: Val) -> Val {
        // SAFETY: see the module's header.
        Val(unsafe { c::LLVMBuildICmp(self.builder, pred, a.0, b.0, NO_NAME) })
    }

    pub fn fcmp(&self, pred: RealPred, a: Val, b: Val) -> Val {
        // SAFETY: see the module's header.
        Val(unsafe { c::LLVMBuildFCmp(self.builder, pred, a.0, b.0, NO_NAME) })
    }

    pub fn select(&self, cond: Val, then: Val, otherwise: Val) -> Val {
        // SAFETY: see the module's header.
        Val(unsafe { c::LLVMBuildSelect(self.builder, cond.0, then.0, otherwise.0, NO_NAME) })
    }

    pub fn extract(&self, aggregate: Val, index: usize) -> Val {
        // SAFETY: see the module's header.
        Val(unsafe { c::LLVMBuildExtractValue(self.builder, aggregate.0, index as u32, NO_NAME) })
    }

    pub fn insert(&self, aggregate: Val, value: Val, index: usize) -> Val {
        // SAFETY: see the module's header.
        Val(unsafe { c::LLVMBuildInsertValue(self.builder, aggregate.0, value.0, index as u32, NO_NAME) })
    }

    /// An aggregate of these fields.
    pub fn aggregate(&self, ty: Ty, fields: &[Val]) -> Val {
        fields.iter().enumerate().fold(self.poison(ty), |built, (index, field)| self.insert(built, *field, index))
    }

    pub fn type_of(&self, value: Val) -> Ty {
        // SAFETY: a value of this module.
        Ty(unsafe { c::LLVMTypeOf(value.0) })
    }

    // Memory.

    /// Room in the current function's frame; position the builder in the entry block first.
    pub fn alloca(&self, ty: Ty) -> Val {
        // SAFETY: see the module's header.
        Val(unsafe { c::LLVMBuildAlloca(self.builder, ty.0, NO_NAME) })
    }

    /// Room in the frame of the function that is being built, from anywhere in it.
    pub fn frame_alloca(&self, ty: Ty) -> Val {
        let current = self.current();
        // SAFETY: the current block belongs to a function, whose entry block exists.
        unsafe {
            let entry = c::LLVMGetEntryBasicBlock(c::LLVMGetBasicBlockParent(current.0));
            let first = c::LLVMGetFirstInstruction(entry);
            if first.is_null() {
                c::LLVMPositionBuilderAtEnd(self.builder, entry);
            } else {
                c::LLVMPositionBuilderBefore(self.builder, first);
            }
        }
        let address = self.alloca(ty);
        self.position(current);
        address
    }

    /// Copies bytes between regions that do not overlap.
    pub fn copy_bytes(&self, to: Val, from: Val, bytes: usize) {
        // SAFETY: see the module's header.
        unsafe {
            c::LLVMBuildMemCpy(self.builder, to.0, 1, from.0, 1, self.const_i64(bytes as i64).0);
        }
    }

    pub fn load(&self, ty: Ty, address: Val) -> Val {
        // SAFETY: see the module's header.
        Val(unsafe { c::LLVMBuildLoad2(self.builder, ty.0, address.0, NO_NAME) })
    }

    pub fn load_invariant(&self, ty: Ty, address: Val) -> Val {
        let load = self.load(ty, address);
        self.mark_invariant(load);
        load
    }

    /// A load that another thread's store may race with.
    pub fn load_relaxed(&self, ty: Ty, address: Val) -> Val {
        let load = self.load(ty, address);
        // SAFETY: `load` is a load instruction.
        unsafe {
            c::LLVMSetOrdering(load.0, llvm_sys::LLVMAtomicOrdering::LLVMAtomicOrderingMonotonic);
            c::LLVMSetAlignment(load.0, 1);
        }
        load
    }

    pub fn store(&self, value: Val, address: Val) {
        // SAFETY: see the module's header.
        unsafe {
            c::LLVMBuildStore(self.builder, value.0, address.0);
        }
    }

    /// Sets the alignment of the load or store built last, when less than the type's own is known.
    pub fn load_aligned(&self, ty: Ty, address: Val, bytes: u32) -> Val {
        let load = self.load(ty, address);
        // SAFETY: `load` is a load instruction.
        unsafe { c::LLVMSetAlignment(load.0, bytes) };
        load
    }

    pub fn store_aligned(&self, value: Val, address: Val, bytes: u32) {
        // SAFETY: see the module's header.
        unsafe {
            let store = c::LLVMBuildStore(self.builder, value.0, address.0);
            c::LLVMSetAlignment(store, bytes);
        }
    }

    /// `base + index * size_of(item)`, inside one object.
    pub fn element(&self, item: Ty, base: Val, index: Val) -> Val {
        let mut indices: [LLVMValueRef; 1] = [index.0];
        // SAFETY: see the module's header.
        Val(unsafe { c::LLVMBuildInBoundsGEP2(self.builder, item.0, base.0, indices.as_mut_ptr(), 1, NO_NAME) })
    }

    /// `base + bytes`.
    pub fn offset(&self, base: Val, bytes: Val) -> Val {
        self.element(self.i8(), base, bytes)
    }

    /// `base + bytes` for a constant.
    pub fn field_at(&self, base: Val, bytes: usize) -> Val {
        if bytes == 0 { base } else { self.offset(base, self.const_i64(bytes as i64)) }
    }

    // Calls.

    pub fn call(&self, function: Fun, conv: CallConv, args: &[Val]) -> Val {
        let mut args: Vec<LLVMValueRef> = args.iter().map(|value| value.0).collect();
        // SAFETY: see the module's header.
        unsafe {
            let call = c::LLVMBuildCall2(
                self.builder,
                function.ty.0,
                function.value.0,
                args.as_mut_ptr(),
                args.len() as u32,
                NO_NAME,
            );
            c::LLVMSetInstructionCallConv(call, conv.number());
            Val(call)
        }
    }

    /// Tells LLVM that the callee is not the library function its name suggests, so that it is really called.
    pub fn mark_no_builtin(&self, call: Val) {
        let name = "nobuiltin";
        // SAFETY: `call` is a call instruction of this module.
        unsafe {
            let kind = c::LLVMGetEnumAttributeKindForName(name.as_ptr().cast(), name.len());
            let attribute = c::LLVMCreateEnumAttribute(self.context, kind, 0);
            c::LLVMAddCallSiteAttribute(call.0, llvm_sys::LLVMAttributeFunctionIndex, attribute);
        }
    }

    /// Calls an intrinsic such as `llvm.sqrt`, overloaded on these types.
    pub fn intrinsic(&self, name: &str, overload: &[Ty], args: &[Val]) -> Val {
        let mut types: Vec<LLVMTypeRef> = overload.iter().map(|ty| ty.0).collect();
        // SAFETY: the name is one of LLVM's; the overload types are those it takes.
        let function = unsafe {
            let id = c::LLVMLookupIntrinsicID(name.as_ptr().cast(), name.len());
            let value = c::LLVMGetIntrinsicDeclaration(self.module, id, types.as_mut_ptr(), types.len());
            let ty = c::LLVMIntrinsicGetType(self.context, id, types.as_mut_ptr(), types.len());
            Fun { value: Val(value), ty: Ty(ty) }
        };
        self.call(function, CallConv::C, args)
    }
}
