//! A function of a block through the whole compiler: module, interpreter and machine code, with every check between the
//! stages that a test can afford.

use frontend::program::Program;
use frontend::{Compiled, Request};
use ir::Type;

use crate::interpret;
use crate::jit::{Jit, Ran};
use crate::value::Value;

/// The optimisation levels that every function is run at.
pub const LEVELS: [u8; 2] = [0, 3];

/// A function compiled for argument types.
pub struct Subject {
    pub module: ir::Module,
    kernels: Vec<(String, Jit)>,
}

impl Subject {
    /// Compiles function number `entry`; a parameter without a type takes its annotation.
    pub fn compile(program: &Program, entry: usize, params: Vec<Option<Type>>) -> Result<Subject, String> {
        let compiled = frontend::compile(program, entry, &Request { params, ..Request::default() });
        let Some(module) = compiled.module.clone() else { return Err(diagnostics_text(program, &compiled)) };
        check_module(&module)?;
        let mut kernels = Vec::new();
        for level in LEVELS {
            let name = format!("JIT O{level}");
            let kernel = Jit::compile(&module, level).map_err(|error| format!("{name}: {error}"))?;
            kernels.push((name, kernel));
        }
        Ok(Subject { module, kernels })
    }

    /// Calls the function in every engine; each answer with the engine's name.
    pub fn call(&self, args: &[Value], captures: &[Value]) -> Vec<(String, Result<Ran, String>)> {
        let mut answers = vec![("interpreter".to_string(), interpret::call(&self.module, args, captures))];
        for (name, kernel) in &self.kernels {
            answers.push((name.clone(), kernel.call(args, captures)));
        }
        answers
    }
}

fn diagnostics_text(program: &Program, compiled: &Compiled) -> String {
    let mut text = String::from("does not compile:");
    for diagnostic in &compiled.diagnostics {
        text.push_str("\n    ");
        text.push_str(&frontend::render::concise(&program.files, diagnostic, frontend::render::Severity::Error));
    }
    text
}

/// The invariants of every module: it verifies, and its text form gives it back.
fn check_module(module: &ir::Module) -> Result<(), String> {
    if let Err(error) = ir::verify(module) {
        return Err(format!("the module does not verify: {error:?}\n{}", ir::text::print(module)));
    }
    let text = ir::text::print(module);
    match ir::text::parse(&text) {
        Ok(again) if ir::text::print(&again) == text => Ok(()),
        Ok(again) => Err(format!("the text form changes on its way:\n{text}\nbecomes\n{}", ir::text::print(&again))),
        Err(error) => Err(format!("the text form cannot be read: {error:?}\n{text}")),
    }
}
