//! An object file and the runtime's archive, linked to a shared library by the C compiler of the machine.

use crate::failure::Failure;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The archive's name where Fuseline is installed, below the folder of the binary's folder.
const ARCHIVE_INSTALLED: &str = "lib/fuseline/libfuseline_runtime.a";
/// The archive's name beside the binary in a cargo target folder.
const ARCHIVE_BUILT: &str = "libruntime.a";

/// Shared libraries are linked for this machine only: others need a compiler and an archive of their own.
pub fn check_target(target: Option<&str>) -> Result<(), Failure> {
    match target {
        Some(target) => Err(Failure::with_help(
            format!("a shared library cannot be linked here for `{target}`"),
            "use `--emit obj` and link it there with the runtime's archive",
        )),
        None => Ok(()),
    }
}

/// What a C program calls besides the compiled functions. Nothing in the object file refers to these, so the linker is told
/// to take them.
const CONTEXT_FUNCTIONS: [&str; 5] = [
    "fuseline_context_new",
    "fuseline_context_reset",
    "fuseline_context_free",
    "fuseline_context_message",
    "fuseline_context_set_captures",
];

/// The shared library of an object file that defines `functions`. `output` gives it its name.
pub fn shared(object: &[u8], functions: &[String], output: Option<&Path>) -> Result<Vec<u8>, Failure> {
    let archive = archive()?;
    let folder = Folder::new()?;
    let (object_path, library_path) = (folder.0.join("function.o"), folder.0.join("library.so"));
    std::fs::write(&object_path, object).map_err(|error| Failure::file("write", &object_path, &error))?;
    let exports_path = folder.0.join("exports");
    std::fs::write(&exports_path, exports(functions)).map_err(|error| Failure::file("write", &exports_path, &error))?;
    let compiler = std::env::var_os("CC").filter(|name| !name.is_empty()).unwrap_or_else(|| OsString::from("cc"));
    let mut command = Command::new(&compiler);
    // Nothing of the runtime but what is used goes in, and no names of its inside come out.
    command.args(["-shared", "-s", "-Wl,--gc-sections", "-Wl,-z,defs"]);
    command.args(CONTEXT_FUNCTIONS.map(|name| format!("-Wl,-u,{name}")));
    command.arg(format!("-Wl,--version-script={}", exports_path.display()));
    command.arg("-o").arg(&library_path).arg(&object_path).arg(archive).args(["-lm", "-lpthread", "-ldl"]);
    if let Some(name) = output.and_then(Path::file_name) {
        let mut option = OsString::from("-Wl,-soname,");
        option.push(name);
        command.arg(option);
    }
    let compiler = compiler.to_string_lossy();
    let result = command.output().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Failure::with_help(
            format!("there is no C compiler `{compiler}` to link the shared library with"),
            "install `gcc`, or name another compiler in the environment variable `CC`",
        ),
        _ => Failure::new(format!("the C compiler `{compiler}` cannot be run: {error}")),
    })?;
    if !result.status.success() {
        let said = String::from_utf8_lossy(&result.stderr);
        return Err(Failure::new(format!("`{compiler}` could not link the shared library: {}", said.trim())));
    }
    std::fs::read(&library_path).map_err(|error| Failure::file("read", &library_path, &error))
}

/// The linker's list of the names that the library shows.
fn exports(functions: &[String]) -> String {
    let shown = functions.iter().map(String::as_str).chain(CONTEXT_FUNCTIONS);
    format!("{{\n  global: {};\n  local: *;\n}};\n", shown.collect::<Vec<&str>>().join("; "))
}

/// The static library of what compiled code calls.
fn archive() -> Result<PathBuf, Failure> {
    let binary = std::env::current_exe().and_then(|path| path.canonicalize());
    let binary = binary.map_err(|error| Failure::new(format!("cannot find the place of this binary: {error}")))?;
    let folder = binary.parent().unwrap_or(Path::new("."));
    let candidates = [folder.join("..").join(ARCHIVE_INSTALLED), folder.join(ARCHIVE_BUILT)];
    candidates.iter().find(|path| path.is_file()).cloned().ok_or_else(|| {
        Failure::with_help(
            "the runtime's archive `libfuseline_runtime.a` is missing",
            format!("it belongs at `{}`; `scripts/setup` puts it there", candidates[0].display()),
        )
    })
}

/// A folder for the files of one link, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Folder, Failure> {
        let path = std::env::temp_dir().join(format!("fuseline-link-{}", std::process::id()));
        match std::fs::create_dir(&path) {
            Ok(()) => Ok(Folder(path)),
            Err(error) => Err(Failure::file("create", &path, &error)),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left to the system: the result is not touched by it.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
