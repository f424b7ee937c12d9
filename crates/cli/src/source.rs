//! Python files on disk: finding and reading them.

use crate::failure::Failure;
use frontend::program::SourceFile;
use std::path::{Path, PathBuf};

/// Folders that hold no code of the user's.
const FOLDERS_SKIPPED: [&str; 4] = ["__pycache__", "node_modules", "site-packages", "venv"];

/// Reads a Python file. A byte order mark is dropped, as Python does.
pub fn read(path: &Path) -> Result<SourceFile, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::file("read", path, &error))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let position = error.utf8_error().valid_up_to();
        Failure::with_help(
            format!("`{}` is not UTF-8 text: byte {position} is wrong", path.display()),
            "save the file as UTF-8",
        )
    })?;
    let text = text.strip_prefix('\u{feff}').map(String::from).unwrap_or(text);
    if text.len() > u32::MAX as usize {
        return Err(Failure::new(format!("`{}` is larger than 4 GiB", path.display())));
    }
    Ok(SourceFile::new(path.display().to_string(), text, 1))
}

/// The Python files that a path names: the file itself, or all below the folder, sorted by name. Hidden folders are
/// left out, and links to folders, which could lead in circles.
pub fn python_files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let metadata = std::fs::metadata(path).map_err(|error| Failure::file("read", path, &error))?;
    if !metadata.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut files = vec![];
    let mut folders = vec![path.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|error| Failure::file("read", &folder, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| Failure::file("read", &folder, &error))?;
            let kind = entry.file_type().map_err(|error| Failure::file("read", &entry.path(), &error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if kind.is_dir() {
                if !name.starts_with('.') && !FOLDERS_SKIPPED.contains(&name.as_str()) {
                    folders.push(entry.path());
                }
            } else if entry.path().extension().is_some_and(|extension| extension == "py") {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(Failure::new(format!("there are no Python files in `{}`", path.display())));
    }
    Ok(files)
}
