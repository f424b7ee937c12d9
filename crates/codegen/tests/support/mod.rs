//! What tests of kernels share: a module and its call.

use std::sync::atomic::AtomicU8;

use codegen::CallKernel;
use runtime::abi;
use runtime::arena::Arena;

/// `n * factor`, where the factor makes each module another.
pub fn module(factor: i64) -> ir::Module {
    let text = format!(
        "entry f0\nfunc f0 times(n) -> int {{\nb0(v0: int):\n  v1: int = const {factor}\n  \
         v2: int = int.mul v0, v1\n  return v2\n}}\n"
    );
    ir::text::parse(&text).unwrap()
}

pub fn call(kernel: &CallKernel, n: i64) -> i64 {
    let mut arena = Arena::new();
    let cancel = AtomicU8::new(0);
    let mut context = abi::Context {
        arena: &raw mut arena,
        captures: std::ptr::null(),
        stack_limit: 0,
        cancel: &raw const cancel,
        message: abi::Str { data: std::ptr::null(), length: 0 },
        poll: None,
        object: std::ptr::null(),
    };
    let (args, mut out) = ([n as u64], [0]);
    assert_eq!(unsafe { kernel.call(&mut context, args.as_ptr(), out.as_mut_ptr()) }, abi::STATUS_OK);
    out[0] as i64
}
