//! Where results go: standard output, or a file that appears whole or not at all.

use crate::failure::Failure;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Writes to standard output.
pub fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::OutputClosed,
        _ => Failure::new(format!("cannot write to standard output: {error}")),
    })
}

/// Refuses to fill a terminal with binary data. Asked before any work is done.
pub fn check_binary(output: Option<&Path>) -> Result<(), Failure> {
    if output.is_none() && std::io::stdout().is_terminal() {
        return Err(Failure::with_help("this is binary and a terminal is no place for it", "write it with `-o FILE`"));
    }
    Ok(())
}

/// Writes to the file, or to standard output when there is none.
pub fn write(output: Option<&Path>, bytes: &[u8]) -> Result<(), Failure> {
    match output {
        None => print(bytes),
        Some(path) => write_file(path, bytes),
    }
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    // Devices and pipes are written to as they are.
    if path.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
        return std::fs::write(path, bytes).map_err(|error| Failure::file("write", path, &error));
    }
    let temporary = Temporary::beside(path)?;
    std::fs::write(temporary.path(), bytes).map_err(|error| Failure::file("write", path, &error))?;
    temporary.rename_to(path)
}

/// A file name of our own in the folder of the one to be written. The file is removed unless it is renamed.
pub struct Temporary {
    path: PathBuf,
}

impl Temporary {
    pub fn beside(path: &Path) -> Result<Temporary, Failure> {
        let Some(name) = path.file_name() else {
            return Err(Failure::new(format!("`{}` is not the name of a file", path.display())));
        };
        let name = format!(".{}.{}.part", name.to_string_lossy(), std::process::id());
        Ok(Temporary { path: path.with_file_name(name) })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn rename_to(self, path: &Path) -> Result<(), Failure> {
        std::fs::rename(&self.path, path).map_err(|error| Failure::file("write", path, &error))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename there is nothing left to remove.
        let _ = std::fs::remove_file(&self.path);
    }
}
