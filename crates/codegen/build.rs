//! Hashes the sources that decide what machine code means, so that code kept on disk by another build is never run by this one.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::Path;

/// The emitter, and the runtime whose functions and layouts the machine code uses.
const FOLDERS: [&str; 3] = ["src", "../ir/src", "../runtime/src"];

fn main() -> std::io::Result<()> {
    let mut hasher = DefaultHasher::new();
    for folder in FOLDERS {
        println!("cargo::rerun-if-changed={folder}");
        hash_folder(Path::new(folder), &mut hasher)?;
    }
    println!("cargo::rustc-env=FUSELINE_SOURCES={:016x}", hasher.finish());
    Ok(())
}

fn hash_folder(folder: &Path, hasher: &mut DefaultHasher) -> std::io::Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if path.is_dir() {
            hash_folder(&path, hasher)?;
        } else {
            (entry.file_name(), std::fs::read(&path)?).hash(hasher);
        }
    }
    Ok(())
}
