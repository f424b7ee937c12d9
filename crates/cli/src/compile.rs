//! `fuseline compile`: functions of one Python file as native code, in the form asked for.

use crate::args::{CompileRequest, Emit};
use crate::failure::Failure;
use crate::{link, output, source};
use codegen::{Artifact, Options};
use frontend::diagnostic::Diagnostic;
use frontend::file_program::{FileProgram, file_program};
use frontend::render::{self, Severity};
use frontend::{Request, Signature, parse_signature};

/// Compiles; false when the program has errors, which are then on standard error.
pub fn run(request: &CompileRequest) -> Result<bool, Failure> {
    let output = request.output.as_deref();
    if matches!(request.emit, Emit::Bitcode | Emit::Obj | Emit::Shared) {
        output::check_binary(output)?;
    }
    if request.emit == Emit::Shared {
        link::check_target(request.target.as_deref())?;
    }
    let file = file_program(source::read(&request.path)?);
    let modules = match file.diagnostics.is_empty() {
        true => modules(request, &file)?,
        false => Err(file.diagnostics.clone()),
    };
    match modules {
        Ok(modules) => output::write(output, &emit(request, &modules)?).map(|()| true),
        Err(diagnostics) => {
            let messages: Vec<String> = diagnostics
                .iter()
                .map(|diagnostic| render::full(&file.program.files, diagnostic, Severity::Error))
                .collect();
            eprint!("{}", messages.join("\n"));
            Ok(false)
        }
    }
}

/// The functions asked for as verified IR, or what is wrong with them.
fn modules(request: &CompileRequest, file: &FileProgram) -> Result<Result<Vec<ir::Module>, Vec<Diagnostic>>, Failure> {
    let given = match request.signature.as_deref().map(parse_signature) {
        None => None,
        Some(Ok(signature)) => Some(signature),
        Some(Err(message)) => return Err(Failure::new(message)),
    };
    let (mut modules, mut diagnostics) = (vec![], vec![]);
    for index in chosen(request, file)? {
        match module(file, index, given.as_ref()) {
            Ok(module) => modules.push(module),
            Err(found) => diagnostics.extend(found),
        }
    }
    diagnostics.sort_by_key(|diagnostic: &Diagnostic| (diagnostic.place, diagnostic.code));
    diagnostics.dedup();
    Ok(if diagnostics.is_empty() { Ok(modules) } else { Err(diagnostics) })
}

/// The functions to compile, by position.
fn chosen(request: &CompileRequest, file: &FileProgram) -> Result<Vec<usize>, Failure> {
    let path = request.path.display();
    let callable: Vec<usize> = (0..file.functions.len()).filter(|index| file.functions[*index].callable).collect();
    if let Some(name) = &request.function {
        return match file.function_named(name) {
            Some(index) => Ok(vec![index]),
            None => Err(Failure::with_help(
                format!("`{path}` has no function `{name}`"),
                format!("it has {}", names(file, &callable)),
            )),
        };
    }
    if request.signature.is_some() {
        return match callable.as_slice() {
            [only] => Ok(vec![*only]),
            _ => Err(Failure::with_help(
                "`--signature` is for one function, but which one is not said",
                format!("choose one with `--function`: `{path}` has {}", names(file, &callable)),
            )),
        };
    }
    let exported = file.exported();
    if exported.is_empty() {
        return Err(Failure::with_help(
            format!("`{path}` has no function whose parameters all have types"),
            format!("annotate them, or use `--function` and `--signature`: it has {}", names(file, &callable)),
        ));
    }
    Ok(exported)
}

fn names(file: &FileProgram, indices: &[usize]) -> String {
    let names: Vec<String> = indices.iter().map(|index| format!("`{}`", file.functions[*index].name)).collect();
    if names.is_empty() { String::from("no functions") } else { names.join(", ") }
}

/// One function with all it calls.
fn module(file: &FileProgram, index: usize, given: Option<&Signature>) -> Result<ir::Module, Vec<Diagnostic>> {
    let function = &file.functions[index];
    let mut diagnostics = function.diagnostics.clone();
    let request = given.map_or_else(|| function.request(), Request::of_signature);
    let compiled = frontend::compile(&file.program, index, &request);
    diagnostics.extend(compiled.diagnostics);
    match compiled.module {
        Some(module) if diagnostics.is_empty() => Ok(module),
        _ => Err(diagnostics),
    }
}

fn emit(request: &CompileRequest, modules: &[ir::Module]) -> Result<Vec<u8>, Failure> {
    let artifact = match request.emit {
        Emit::Ir => {
            let texts: Vec<String> = modules.iter().map(ir::text::print).collect();
            return Ok(texts.join("\n").into_bytes());
        }
        Emit::LlvmIr => Artifact::LlvmIr,
        Emit::Bitcode => Artifact::Bitcode,
        Emit::Asm => Artifact::Assembly,
        Emit::Obj | Emit::Shared => Artifact::Object,
        Emit::Header => Artifact::Header,
    };
    let bytes = codegen::emit(modules, artifact, request.target.as_deref(), &Options::default())
        .map_err(|error| Failure::new(error.message))?;
    if request.emit != Emit::Shared {
        return Ok(bytes);
    }
    let names: Vec<String> = modules.iter().map(codegen::exported_name).collect();
    link::shared(&bytes, &names, request.output.as_deref())
}
