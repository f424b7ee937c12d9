//! Machine code kept on disk between processes: an object file for each module before LLVM optimised it, found by the hash of
//! its bitcode, the machine, the options and the build of Fuseline. Nothing here is needed for a right answer: what cannot be read,
//! written or trusted is compiled anew. Knows nothing of what the code does.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use ir::digest;

/// The first bytes of an entry; the digest of the object file follows, then the object file.
const MAGIC: &[u8; 8] = b"FLOBJ01\n";
const DIGEST_BYTES: usize = 32;
/// The folder is kept below this size.
const FOLDER_BYTES_MAX: u64 = 512 << 20;
/// The folder's size is looked at once in so many new entries.
const WRITES_PER_LOOK: u64 = 64;

/// The sources of the emitter and the runtime.
const BUILD: &str = env!("FUSELINE_SOURCES");

static FOLDER: Mutex<Option<PathBuf>> = Mutex::new(None);
static WRITES: AtomicU64 = AtomicU64::new(0);

/// Keeps machine code in this folder from now on, or nowhere. The folder is made if it is missing; it is not used when
/// others than its owner may write to it or it is somebody else's, for what lies in it is run.
pub fn set_object_cache(folder: Option<&Path>) {
    let usable = folder.filter(|folder| is_private(folder)).map(Path::to_path_buf);
    if let Ok(mut current) = FOLDER.lock() {
        *current = usable;
    }
}

#[cfg(unix)]
fn is_private(folder: &Path) -> bool {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    // A file that this process makes belongs to its user: the only way to ask for that without naming the system.
    let own = made.ok().and_then(|()| {
        let probe = folder.join(format!(".owner-{}", std::process::id()));
        let owner = fs::File::create(&probe).and_then(|file| file.metadata()).ok().map(|metadata| metadata.uid());
        let _ = fs::remove_file(probe);
        owner
    });
    fs::metadata(folder).is_ok_and(|found| Some(found.uid()) == own && found.mode() & 0o022 == 0)
}

#[cfg(not(unix))]
fn is_private(_: &Path) -> bool {
    false
}

/// Where the machine code of a module is kept.
pub struct Place(PathBuf);

/// The place of a module, when there is a folder: `parts` are all that the machine code depends on.
pub fn place(parts: &[&[u8]]) -> Option<Place> {
    let folder = FOLDER.lock().ok()?.clone()?;
    let mut all = Vec::new();
    for part in parts.iter().chain(&[BUILD.as_bytes()]) {
        all.extend((part.len() as u64).to_le_bytes());
        all.extend(*part);
    }
    let name: String = digest(&all).iter().map(|byte| format!("{byte:02x}")).collect();
    Some(Place(folder.join(format!("{name}.o"))))
}

impl Place {
    /// The object file, when it is there and whole.
    pub fn read(&self) -> Option<Vec<u8>> {
        let bytes = fs::read(&self.0).ok()?;
        let (kept_digest, object) = bytes.strip_prefix(MAGIC)?.split_at_checked(DIGEST_BYTES)?;
        (digest(object) == kept_digest).then(|| object.to_vec())
    }

    /// Keeps the object file. It appears whole or not at all; that it could not be written is nobody's loss.
    pub fn write(&self, object: &[u8]) {
        let number = WRITES.fetch_add(1, Ordering::Relaxed);
        let temporary = self.0.with_extension(format!("{}-{number}", std::process::id()));
        let written = fs::File::create(&temporary).and_then(|mut file| {
            file.write_all(MAGIC)?;
            file.write_all(&digest(object))?;
            file.write_all(object)
        });
        if written.and_then(|()| fs::rename(&temporary, &self.0)).is_err() {
            let _ = fs::remove_file(&temporary);
        }
        if number.is_multiple_of(WRITES_PER_LOOK)
            && let Some(folder) = self.0.parent()
        {
            prune(folder, FOLDER_BYTES_MAX);
        }
    }
}

/// Removes the oldest entries until the rest is half of what is allowed, when there is more than that.
fn prune(folder: &Path, bytes_max: u64) {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            Some((metadata.modified().ok()?, metadata.len(), entry.path()))
        })
        .collect();
    let mut total: u64 = entries.iter().map(|(_, bytes, _)| bytes).sum();
    if total <= bytes_max {
        return;
    }
    entries.sort();
    for (_, bytes, path) in entries {
        if total <= bytes_max / 2 {
            return;
        }
        let _ = fs::remove_file(path);
        total -= bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("fuseline-objects-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn what_is_kept_is_found_and_what_is_damaged_is_not() {
        let folder = folder("damage");
        let place = Place(folder.join("a.o"));
        assert!(place.read().is_none());
        place.write(b"machine code");
        assert_eq!(place.read().unwrap(), b"machine code");
        let whole = fs::read(&place.0).unwrap();
        for length in 0..whole.len() {
            fs::write(&place.0, &whole[..length]).unwrap();
            assert!(place.read().is_none(), "cut to {length} bytes");
        }
        for index in 0..whole.len() {
            let mut changed = whole.clone();
            changed[index] ^= 1;
            fs::write(&place.0, changed).unwrap();
            assert!(place.read().is_none(), "byte {index} changed");
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_not_used() {
        use std::os::unix::fs::PermissionsExt;
        let folder = folder("open");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(!is_private(&folder));
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        assert!(is_private(&folder));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_oldest_go_first() {
        let folder = folder("prune");
        let place = |name: &str| Place(folder.join(name));
        for name in ["a.o", "b.o", "c.o"] {
            place(name).write(&[0; 1000]);
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        prune(&folder, 10_000);
        assert!(place("a.o").read().is_some());
        prune(&folder, 2_500);
        assert!(place("a.o").read().is_none() && place("b.o").read().is_none() && place("c.o").read().is_some());
        fs::remove_dir_all(folder).unwrap();
    }
}
