//! Artifacts: the text passes LLVM's own verifier, objects are for the target they were asked for, the header agrees
//! with the object when a C program uses both, and everything comes out the same twice.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use codegen::{Artifact, Options, emit};

const SPEED: &str = r#"
file "speed.py"
entry f0
func f0 speed(distance, minutes) -> float @1:1 {
b0(v0: float, v1: float):
  v2: float = const 60.0
  v3: float = float.div v1, v2 @2:24
  v4: float = float.div v0, v3 @2:12
  return v4 @2:5
}
"#;

/// (name, length, (low, high), first) of a text and an array.
const MIXED: &str = r#"
file "mixed.py"
entry f0
func f0 mixed(text, numbers, flag, small) -> (str, int, (float, bool), none|float) @1:1 {
b0(v0: str, v1: array[float64, 1], v2: bool, v3: np.int8):
  v4: str = const "!"
  v5: str = str.concat v0, v4 @2:5
  v6: int = str.len v5
  v7: int = from_np v3
  v8: np.float64 = array.get v1, v7 @3:9
  v9: float = from_np v8
  v10: none|float = widen v9
  v11: bool = bool.not v2
  v12: (float, bool) = tuple v9, v11
  v13: (str, int, (float, bool), none|float) = tuple v5, v6, v12, v10
  return v13
}
"#;

/// Recursion, which looks at the stack.
const DEPTH: &str = r#"
file "depth.py"
entry f0
func f0 depth(n) -> int @1:1 {
b0(v0: int):
  v1: int = const 1
  v2: bool = int.lt v0, v1
  branch v2, b1(), b2()
b1():
  return v1
b2():
  v3: int = int.sub v0, v1 @3:1
  v4: int = call f0 v3 @3:1
  v5: int = int.mul v4, v3 @3:1
  return v5
}
"#;

fn modules() -> Vec<ir::Module> {
    let modules: Vec<ir::Module> = [SPEED, MIXED, DEPTH].iter().map(|text| ir::text::parse(text).unwrap()).collect();
    for module in &modules {
        ir::verify(module).unwrap();
    }
    modules
}

fn artifact(kind: Artifact, target: Option<&str>) -> Vec<u8> {
    emit(&modules(), kind, target, &Options::default()).unwrap()
}

fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn artifacts_are_the_same_twice() {
    for kind in [Artifact::LlvmIr, Artifact::Bitcode, Artifact::Assembly, Artifact::Object, Artifact::Header] {
        assert!(artifact(kind, None) == artifact(kind, None), "{kind:?}");
    }
}

#[test]
fn two_functions_of_one_name_are_refused() {
    let module = ir::text::parse(SPEED).unwrap();
    let twice = [module.clone(), module];
    let error = emit(&twice, Artifact::LlvmIr, None, &Options::default()).unwrap_err();
    assert_eq!(error.message, "two functions would be exported as `speed`");
}

#[test]
fn text_and_bitcode_pass_the_verifier_of_opt() {
    let folder = scratch("opt");
    for (kind, name) in [(Artifact::LlvmIr, "a.ll"), (Artifact::Bitcode, "a.bc")] {
        let path = folder.join(name);
        std::fs::write(&path, artifact(kind, None)).unwrap();
        let Ok(output) = Command::new("opt-19").args(["-passes=verify", "-S", "-o", "-"]).arg(&path).output() else {
            eprintln!("opt-19 is not installed");
            return;
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains("@speed("));
    }
}

#[test]
fn objects_are_for_their_target() {
    // The machine field of the ELF header: 183 is AArch64, 62 is x86-64.
    for (triple, machine) in [("aarch64-unknown-linux-gnu", 183), ("x86_64-unknown-linux-gnu", 62)] {
        let object = artifact(Artifact::Object, Some(triple));
        assert_eq!(&object[..4], b"\x7fELF");
        assert_eq!(u16::from_le_bytes([object[18], object[19]]), machine, "{triple}");
    }
    let text = String::from_utf8(artifact(Artifact::Assembly, Some("aarch64-unknown-linux-gnu"))).unwrap();
    assert!(text.contains("fdiv\td"), "{text}");
    assert!(emit(&modules(), Artifact::Object, Some("nothing-at-all"), &Options::default()).is_err());
}

const MAIN: &str = r#"
#include "mixed.h"
#include <stdio.h>

int main(void) {
    fuseline_context *context = fuseline_context_new();
    double result = 0;
    if (speed(context, 3.0, 10.0, &result) != 0) return 1;
    printf("%g\n", result);
    fuseline_status status = speed(context, 3.0, 0.0, &result);
    printf("%d\n", FUSELINE_CLASS(status) == FUSELINE_ZeroDivisionError);
    double numbers[] = {1.5, 0, 2.5};
    fuseline_array_1d array = {numbers, 2, 16};
    fuseline_str text = {"h\xc3\xa9", 3};
    mixed_result out;
    if (mixed(context, &text, &array, true, -1, &out) != 0) return 2;
    printf("%.*s %d %g %d %d %g\n", (int)FUSELINE_LENGTH(out.item_0), out.item_0.data, (int)out.item_1,
           out.item_2.item_0, (int)out.item_2.item_1, (int)out.item_3.tag, out.item_3.variant_1);
    status = mixed(context, &text, &array, true, 5, &out);
    printf("%d %s\n", FUSELINE_CLASS(status) == FUSELINE_IndexError, fuseline_context_message(context));
    fuseline_context_reset(context);
    fuseline_context_free(context);
    return 0;
}
"#;

/// The runtime as a static library: what `cargo` has built for this very test, the newest first.
fn runtime_library() -> Option<PathBuf> {
    let deps = std::env::current_exe().ok()?.parent()?.to_path_buf();
    let mut found: Vec<PathBuf> = std::fs::read_dir(deps).ok()?.flatten().map(|entry| entry.path()).collect();
    found.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with("libruntime") && name.ends_with(".a")
    });
    found.sort_by_key(|path| path.metadata().and_then(|data| data.modified()).ok());
    found.pop()
}

#[test]
fn a_c_program_calls_the_object_through_the_header() {
    let Some(library) = runtime_library() else {
        eprintln!("the runtime's static library was not built");
        return;
    };
    let folder = scratch("c");
    std::fs::write(folder.join("mixed.h"), artifact(Artifact::Header, None)).unwrap();
    std::fs::write(folder.join("mixed.o"), artifact(Artifact::Object, None)).unwrap();
    std::fs::write(folder.join("main.c"), MAIN).unwrap();
    let mut gcc = Command::new("gcc");
    gcc.current_dir(&folder).args(["-Wall", "-Wextra", "-Werror", "-o", "main", "main.c", "mixed.o"]);
    let output = gcc.arg(&library).args(["-lm", "-lpthread", "-ldl"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = Command::new(folder.join("main")).output().unwrap();
    let expected = "18\n1\nhé! 3 2.5 0 1 2.5\n1 index 5 is out of bounds for axis 0 with size 2\n";
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{:?}", output.status);
}
