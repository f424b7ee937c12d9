//! `fuseline compile` as a person runs it: every kind of output, and what happens when something is wrong.

use crate::support::Folder;

const SPEED: &str = "def speed(miles: float, minutes: int) -> float:\n    return miles / (minutes / 60)\n";

/// LLVM's tools of the version we link.
fn llvm_tool(name: &str) -> String {
    let prefix = std::env::var("LLVM_SYS_191_PREFIX").unwrap_or_else(|_| String::from("/usr/lib/llvm-19"));
    format!("{prefix}/bin/{name}")
}

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.write("speed.py", SPEED);
    folder
}

#[test]
fn ir_is_text_that_can_be_read_back() {
    let text = folder("compile-ir").fuseline(&["compile", "speed.py", "--emit", "ir"]).ok();
    let module = ir::text::parse(&text).unwrap();
    assert_eq!(module.entry_func().name, "speed");
    assert_eq!(ir::text::print(&module), text);
}

#[test]
fn llvm_ir_and_bitcode_are_accepted_by_llvm() {
    let folder = folder("compile-llvm");
    let text = folder.fuseline(&["compile", "speed.py", "--emit", "llvm-ir"]).ok();
    assert!(text.contains("define ") && text.contains("speed"), "{text}");
    folder.fuseline(&["compile", "speed.py", "--emit", "llvm-ir", "-o", "speed.ll"]).ok();
    assert_eq!(String::from_utf8(folder.read("speed.ll")).unwrap(), text, "the file is what standard output shows");
    folder.run(&llvm_tool("opt"), &["-passes=verify", "-disable-output", "speed.ll"]).ok();
    folder.fuseline(&["compile", "speed.py", "--emit", "bitcode", "-o", "speed.bc"]).ok();
    assert!(folder.read("speed.bc").starts_with(b"BC\xc0\xde"));
    folder.run(&llvm_tool("opt"), &["-passes=verify", "-disable-output", "speed.bc"]).ok();
}

#[test]
fn several_functions_are_one_valid_module() {
    let folder = Folder::new("compile-several");
    folder.write(
        "two.py",
        "def one(x: int) -> int:\n    return x + 1\n\ndef two(x: int) -> int:\n    return one(one(x))\n",
    );
    for emit in ["llvm-ir", "obj", "header"] {
        folder.fuseline(&["compile", "two.py", "--emit", emit, "-o", &format!("two.{emit}")]).ok();
    }
    folder.run(&llvm_tool("opt"), &["-passes=verify", "-disable-output", "two.llvm-ir"]).ok();
    let header = String::from_utf8(folder.read("two.header")).unwrap();
    assert!(header.contains(" one(") && header.contains(" two("), "{header}");
    let listed = folder.fuseline(&["compile", "two.py", "--emit", "ir"]).ok();
    assert_eq!(listed.matches("entry f").count(), 2, "{listed}");
    let one = folder.fuseline(&["compile", "two.py", "--emit", "ir", "--function", "one"]).ok();
    assert!(!one.contains("two("), "{one}");
}

#[test]
fn objects_for_this_machine_and_for_another() {
    let folder = folder("compile-obj");
    folder.fuseline(&["compile", "speed.py", "--emit", "obj", "-o", "here.o"]).ok();
    let target = "aarch64-unknown-linux-gnu";
    folder.fuseline(&["compile", "speed.py", "--emit", "obj", "--target", target, "-o", "arm.o"]).ok();
    assert!(folder.run("file", &["here.o"]).ok().contains("ELF 64-bit LSB relocatable"));
    assert!(folder.run("file", &["arm.o"]).ok().contains("ARM aarch64"));
    let assembly = folder.fuseline(&["compile", "speed.py", "--emit", "asm", "--target", target]).ok();
    assert!(assembly.contains("fdiv") && assembly.contains("speed"), "{assembly}");
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let folder = folder("compile-same");
    for emit in ["obj", "bitcode", "asm", "header"] {
        let run = || folder.fuseline(&["compile", "speed.py", "--emit", emit]).bytes;
        let first = run();
        assert!(!first.is_empty() && first == run(), "{emit}");
    }
}

#[test]
fn a_signature_stands_in_for_annotations() {
    let folder = Folder::new("compile-signature");
    folder.write("add.py", "def add(x, y):\n    return x + y\n\ndef other(s):\n    return len(s)\n");
    let compile = |rest: &[&str]| folder.fuseline(&[&["compile", "add.py", "--emit", "ir"], rest].concat());
    let text = compile(&["--function", "add", "--signature", "(float, int) -> float"]).ok();
    assert!(text.contains("float.add"), "{text}");
    for (rest, expected) in [
        (&["--signature", "(int, int)"][..], "choose one with `--function`: `add.py` has `add`, `other`"),
        (&["--function", "ad"], "`add.py` has no function `ad`"),
        (&["--function", "add", "--signature", "int"], "`int` is not a signature"),
        (&[], "`add.py` has no function whose parameters all have types"),
    ] {
        let ran = compile(rest);
        assert!(ran.code == Some(2) && ran.err.contains(expected), "{rest:?}: {}", ran.err);
    }
}

#[test]
fn errors_of_the_program_leave_no_file() {
    let folder = Folder::new("compile-errors");
    folder.write("bad.py", "def f(x: int, s: str) -> int:\n    return x + s\n");
    folder.write("old.o", "what was there before");
    let ran = folder.fuseline(&["compile", "bad.py", "--emit", "obj", "-o", "old.o"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(ran.err.contains(" --> bad.py:2:12\n"), "{}", ran.err);
    assert_eq!(folder.read("old.o"), b"what was there before");
    assert_eq!(folder.names(), ["bad.py", "old.o"]);
}

#[test]
fn what_cannot_be_written_or_targeted_is_said() {
    let folder = folder("compile-wrong");
    for (arguments, expected) in [
        (&["--emit", "obj", "--target", "nonsense-unknown"][..], "nonsense-unknown"),
        (
            &["--emit", "obj", "-o", "no/such/folder/x.o"],
            "cannot write `no/such/folder/x.o`: no such file or directory",
        ),
        (&["--emit", "ir", "-o", "."], "`.` is not the name of a file"),
        (&["--emit", "shared", "--target", "aarch64-unknown-linux-gnu"], "a shared library cannot be linked here"),
    ] {
        let ran = folder.fuseline(&[&["compile", "speed.py"], arguments].concat());
        assert!(ran.code == Some(2) && ran.err.contains(expected), "{arguments:?}: {}", ran.err);
    }
    assert_eq!(folder.names(), ["speed.py"]);
}

#[test]
fn the_kernel_of_the_k_means_example_is_vectorised() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/kmeans.py");
    let text = Folder::new("compile-kmeans").fuseline(&["compile", example, "--emit", "llvm-ir"]).ok();
    assert!(text.contains("define ") && text.contains(" x double>"), "{text}");
}

#[test]
fn the_binary_links_no_python() {
    let libraries = Folder::new("compile-ldd").run("ldd", &[env!("CARGO_BIN_EXE_fuseline")]).ok();
    assert!(libraries.contains("libc.so"), "{libraries}");
    for unwanted in ["libpython", "libLLVM"] {
        assert!(!libraries.contains(unwanted), "{libraries}");
    }
}
