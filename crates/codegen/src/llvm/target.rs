//! Target machines: this machine's processor or a triple; running LLVM's passes; writing machine code to memory.

use std::ffi::CString;
use std::sync::{Once, OnceLock};

use llvm_sys::core as c;
use llvm_sys::target as t;
use llvm_sys::target_machine as tm;
use llvm_sys::transforms::pass_builder as pb;

use super::{Llvm, cstring, take_buffer, take_message};

/// What is written of a module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileKind {
    Assembly,
    Object,
}

/// A processor to compile for.
#[derive(Debug)]
pub struct Machine {
    machine: tm::LLVMTargetMachineRef,
    triple: CString,
    cpu: String,
    features: String,
}

/// What LLVM says of this machine.
struct Host {
    triple: String,
    cpu: String,
    features: String,
}

static HOST: OnceLock<Host> = OnceLock::new();

/// Code for this machine is made for this processor and these features (`+fma,+bmi`) of LLVM's from now on, whatever the machine
/// has: for tools such as valgrind that know less than the processor. Too late once code has been made; the code stops the
/// process where the processor is not up to it, so this is for tests alone.
pub fn pretend_processor(cpu: &str, features: &str) {
    // SAFETY: the message is LLVM's and freed by `take_message`.
    let triple = unsafe { take_message(tm::LLVMGetDefaultTargetTriple()) };
    let _ = HOST.set(Host { triple, cpu: cpu.to_owned(), features: features.to_owned() });
}

impl Host {
    fn get() -> &'static Host {
        // SAFETY: the messages are LLVM's and freed by `take_message`.
        HOST.get_or_init(|| unsafe {
            Host {
                triple: take_message(tm::LLVMGetDefaultTargetTriple()),
                cpu: take_message(tm::LLVMGetHostCPUName()),
                features: take_message(tm::LLVMGetHostCPUFeatures()),
            }
        })
    }
}

/// Registers the targets that are linked in.
fn initialize() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: each registers static tables, once.
        unsafe {
            t::LLVMInitializeX86TargetInfo();
            t::LLVMInitializeX86Target();
            t::LLVMInitializeX86TargetMC();
            t::LLVMInitializeX86AsmPrinter();
            t::LLVMInitializeAArch64TargetInfo();
            t::LLVMInitializeAArch64Target();
            t::LLVMInitializeAArch64TargetMC();
            t::LLVMInitializeAArch64AsmPrinter();
        }
    });
}

impl Machine {
    /// This machine, with all features of its processor.
    pub fn host(optimization: u8) -> Result<Machine, String> {
        initialize();
        let host = Host::get();
        Machine::new(&host.triple, &host.cpu, &host.features, optimization)
    }

    fn has(&self, feature: &str) -> bool {
        self.features.split(',').any(|found| found == feature)
    }

    /// All that the machine code for this machine depends on.
    pub fn description(&self) -> String {
        format!("LLVM 19 {} {} {}", self.triple.to_string_lossy(), self.cpu, self.features)
    }

    /// Whether the processor multiplies 64-bit integers and converts them to floats in vectors.
    pub fn multiplies_vectors(&self) -> bool {
        self.has("+avx512dq")
    }

    /// Whether the processor has a fused multiply-add and the system's mathematics are glibc's.
    pub fn fuses_multiply_add(&self) -> bool {
        let triple = self.triple.to_string_lossy();
        triple.ends_with("-gnu") && (self.has("+fma") || triple.starts_with("aarch64"))
    }

    /// A triple such as `aarch64-unknown-linux-gnu` with its baseline processor.
    pub fn of_triple(triple: &str, optimization: u8) -> Result<Machine, String> {
        initialize();
        let given = cstring(triple);
        // SAFETY: LLVM copies the triple; the message is freed by `take_message`.
        let normal = unsafe { take_message(tm::LLVMNormalizeTargetTriple(given.as_ptr())) };
        let cpu = if normal.starts_with("x86_64") { "x86-64" } else { "generic" };
        Machine::new(&normal, cpu, "", optimization)
    }

    fn new(triple: &str, cpu: &str, features: &str, optimization: u8) -> Result<Machine, String> {
        let (c_triple, c_cpu, c_features) = (cstring(triple), cstring(cpu), cstring(features));
        let level = match optimization {
            0 => tm::LLVMCodeGenOptLevel::LLVMCodeGenLevelNone,
            1 => tm::LLVMCodeGenOptLevel::LLVMCodeGenLevelLess,
            2 => tm::LLVMCodeGenOptLevel::LLVMCodeGenLevelDefault,
            _ => tm::LLVMCodeGenOptLevel::LLVMCodeGenLevelAggressive,
        };
        let mut target = std::ptr::null_mut();
        let mut message = std::ptr::null_mut();
        // SAFETY: the strings live through the calls; the message is freed.
        let machine = unsafe {
            if tm::LLVMGetTargetFromTriple(c_triple.as_ptr(), &mut target, &mut message) != 0 {
                return Err(take_message(message));
            }
            let reloc = tm::LLVMRelocMode::LLVMRelocPIC;
            let model = tm::LLVMCodeModel::LLVMCodeModelDefault;
            tm::LLVMCreateTargetMachine(
                target,
                c_triple.as_ptr(),
                c_cpu.as_ptr(),
                c_features.as_ptr(),
                level,
                reloc,
                model,
            )
        };
        if machine.is_null() {
            return Err(format!("LLVM has no target machine for `{triple}`"));
        }
        Ok(Machine { machine, triple: c_triple, cpu: cpu.to_string(), features: features.to_string() })
    }

    /// Gives the module this target's triple and data layout and every function the processor's attributes.
    pub fn configure(&self, llvm: &Llvm) {
        // SAFETY: the module and the machine live; the layout is copied.
        unsafe {
            c::LLVMSetTarget(llvm.module(), self.triple.as_ptr());
            let layout = tm::LLVMCreateTargetDataLayout(self.machine);
            t::LLVMSetModuleDataLayout(llvm.module(), layout);
            t::LLVMDisposeTargetData(layout);
        }
        for function in llvm.defined_functions() {
            llvm.add_string_attribute(function, "target-cpu", &self.cpu);
            if !self.features.is_empty() {
                llvm.add_string_attribute(function, "target-features", &self.features);
            }
        }
    }

    /// Runs a pass pipeline such as `default<O3>` over the module.
    pub fn run_passes(&self, llvm: &Llvm, pipeline: &str) -> Result<(), String> {
        let pipeline = cstring(pipeline);
        // SAFETY: all objects live through the call; the error is consumed.
        unsafe {
            let options = pb::LLVMCreatePassBuilderOptions();
            let error = pb::LLVMRunPasses(llvm.module(), pipeline.as_ptr(), self.machine, options);
            pb::LLVMDisposePassBuilderOptions(options);
            super::jit::check(error)
        }
    }

    /// The module as assembly text or an object file.
    pub fn write(&self, llvm: &Llvm, kind: FileKind) -> Result<Vec<u8>, String> {
        let kind = match kind {
            FileKind::Assembly => tm::LLVMCodeGenFileType::LLVMAssemblyFile,
            FileKind::Object => tm::LLVMCodeGenFileType::LLVMObjectFile,
        };
        let mut message = std::ptr::null_mut();
        let mut buffer = std::ptr::null_mut();
        // SAFETY: on failure only the message is set, on success only the buffer.
        unsafe {
            let failed =
                tm::LLVMTargetMachineEmitToMemoryBuffer(self.machine, llvm.module(), kind, &mut message, &mut buffer);
            if failed != 0 { Err(take_message(message)) } else { Ok(take_buffer(buffer)) }
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // SAFETY: made in `new`, disposed once.
        unsafe { tm::LLVMDisposeTargetMachine(self.machine) }
    }
}
