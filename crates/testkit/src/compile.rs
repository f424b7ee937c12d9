//! A function of a block through the whole compiler: module, interpreter and machine code, with every check between the
//! stages that a test can afford.

use frontend::program::Program;
use frontend::{Compiled, Request};

use crate::interpret;
use crate::jit::{Jit, Ran};
use crate::value::Value;

/// A function compiled for argument types.
pub struct Subject {
    /// The captures that the function assigns: each is the item of a list for it.
    assigned: Vec<usize>,
    engines: Vec<(&'static str, Engine)>,
}

enum Engine {
    Interpreter(ir::Module),
    Machine(Jit),
}

/// Which machine code is made beside what the interpreter runs: making it is what takes the time.
#[derive(Clone, Copy, Debug)]
pub enum Machines {
    All,
    /// One of them, by number.
    One(u64),
}

impl Subject {
    /// Compiles function number `entry` as `request` asks, for every engine.
    pub fn compile(program: &Program, entry: usize, request: &Request) -> Result<Subject, String> {
        Subject::compile_for(program, entry, request, Machines::All)
    }

    /// As [`Subject::compile`], with some of the machine code only.
    pub fn compile_for(
        program: &Program,
        entry: usize,
        request: &Request,
        machines: Machines,
    ) -> Result<Subject, String> {
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
        // From level 1 on codegen runs the passes itself.
        let known = [(&module, "JIT O3", 3), (&module, "JIT O0", 0), (&passed, "passes and JIT O0", 0)];
        let wanted = |number: usize| match machines {
            Machines::All => true,
            Machines::One(chosen) => chosen % known.len() as u64 == number as u64,
        };
        let mut engines = Vec::new();
        for (number, (module, name, level)) in known.into_iter().enumerate() {
            if wanted(number) {
                engines.push(machine(module, name, level)?);
            }
        }
        engines.push(("interpreter", Engine::Interpreter(module)));
        engines.push(("passes and interpreter", Engine::Interpreter(passed)));
        Ok(Subject { assigned: compiled.assigned, engines })
    }

    /// Calls the function in every engine; each answer with the engine's name.
    pub fn call(&self, args: &[Value], captures: &[Value]) -> Vec<(&'static str, Result<Ran, String>)> {
        let mut held = captures.to_vec();
        for index in &self.assigned {
            let value = std::mem::replace(&mut held[*index], Value::None);
            held[*index] = Value::List(vec![value]);
        }
        let call = |engine: &Engine| match engine {
            Engine::Interpreter(module) => interpret::call(module, args, &held),
            Engine::Machine(kernel) => kernel.call(args, &held),
        };
        let ran = |engine: &Engine| call(engine).map(|ran| self.with_assigned(ran));
        self.engines.iter().map(|(name, engine)| (*name, ran(engine))).collect()
    }

    /// What was assigned, without the lists around.
    fn with_assigned(&self, mut ran: Ran) -> Ran {
        for index in &self.assigned {
            if let Some(Value::List(items)) = ran.captures_after.get_mut(*index)
                && let Some(item) = items.pop()
            {
                ran.captures_after[*index] = item;
            }
        }
        ran
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
