//! Machine code on disk. A test program of its own: the folder is the process's.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use codegen::{Options, compile_call, set_object_cache};
use support::{call, module};

#[test]
fn machine_code_on_disk_is_used_and_need_not_be_there() {
    let folder = std::env::temp_dir().join(format!("fuseline-kernels-{}", std::process::id()));
    set_object_cache(Some(&folder));
    let kernel = |factor| compile_call(&module(factor), &Options::default()).unwrap();
    let entries = || std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let first = kernel(1001);
    let kept = entries();
    assert!(!kept.is_empty());
    let written = |path: &std::path::PathBuf| std::fs::metadata(path).unwrap().modified().unwrap();
    let times: Vec<_> = kept.iter().map(written).collect();
    // The same code again, while the first is still there: two kernels, one file.
    let second = kernel(1001);
    assert_eq!((call(&first, 7), call(&second, 7)), (7007, 7007));
    assert_eq!(kept.iter().map(written).collect::<Vec<_>>(), times);
    for path in &kept {
        std::fs::write(path, b"FLOBJ01\nnot machine code").unwrap();
    }
    assert_eq!(call(&kernel(1001), 7), 7007);
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(call(&kernel(1002), 7), 7014);
    set_object_cache(None);
}
