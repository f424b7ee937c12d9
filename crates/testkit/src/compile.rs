//! A function of a block through the whole compiler: module, interpreter and machine code, with every check between the
//! stages that a test can afford.

use frontend::program::Program;
use frontend::{Compiled, Request};

use crate::interpret;
use crate::jit::{Jit, Ran};
use crate::value::Value;

/// A function compiled for argument types.
pub struct Subject {
    engines: Vec<(&'static str, Engine)>,
}

enum Engine {
    Interpreter(ir::Module),
    Machine(Jit),
}

impl Subject {
    /// Compiles function number `entry` as `request` asks.
    pub fn compile(program: &Program, entry: usize, request: &Request) -> Result<Subject, String> {
        let compiled = frontend::compile(program, entry, request);
        let Some(module) = compiled.module.clone() else { return Err(diagnostics_text(program, &compiled)) };
        check_module(&module)?;
        let mut passed = module.clone();
        ir::passes::optimize_checked(&mut passed).map_err(|(pass, errors)| {
            format!("after the pass `{pass}` the module does not verify: {errors:?}\n{}", ir::text::print(&module))
        })?;
        check_module(&passed)?;
        let machine = |module: &ir::Module, name: &'static str, level: u8| {
            let kernel = Jit::compile(module, level).map_err(|error| format!("{name}: {error}"))?;
            Ok::<_, String>((name, Engine::Machine(kernel)))
        };
        let engines = vec![
            machine(&module, "JIT O0", 0)?,
            machine(&module, "JIT O3", 3)?,
            // From level 1 on codegen runs the passes itself.
            machine(&passed, "passes and JIT O0", 0)?,
            ("interpreter", Engine::Interpreter(module)),
            ("passes and interpreter", Engine::Interpreter(passed)),
        ];
        Ok(Subject { engines })
    }

    /// Calls the function in every engine; each answer with the engine's name.
    pub fn call(&self, args: &[Value], captures: &[Value]) -> Vec<(&'static str, Result<Ran, String>)> {
        let call = |engine: &Engine| match engine {
            Engine::Interpreter(module) => interpret::call(module, args, captures),
            Engine::Machine(kernel) => kernel.call(args, captures),
        };
        self.engines.iter().map(|(name, engine)| (*name, call(engine))).collect()
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

/// The invariants of every module: it verifies, and its text form and its wire form give it back.
fn check_module(module: &ir::Module) -> Result<(), String> {
    let text = ir::text::print(module);
    if let Err(error) = ir::verify(module) {
        return Err(format!("the module does not verify: {error:?}\n{text}"));
    }
    let read = ir::text::parse(&text).map_err(|error| format!("the text form cannot be read: {error:?}\n{text}"))?;
    let sent = ir::wire::decode_verified(&ir::wire::encode(module))
        .map_err(|error| format!("the wire form cannot be read: {error:?}\n{text}"))?;
    for (form, again) in [("text", read), ("wire", sent)] {
        let again = ir::text::print(&again);
        if again != text {
            return Err(format!("the {form} form changes on its way:\n{text}\nbecomes\n{again}"));
        }
    }
    Ok(())
}
