//! `fuseline check` as a person runs it.

use crate::support::Folder;

const GOOD: &str = "def double(x: int) -> int:\n    return x * 2\n";
const BAD: &str = "def f(x: int, s: str) -> int:\n    with open(s):\n        pass\n    return x + s\n";

#[test]
fn a_file_without_errors() {
    let folder = Folder::new("check-good");
    folder.write("good.py", GOOD);
    folder.write("empty.py", "");
    assert_eq!(folder.fuseline(&["check", "good.py"]).ok(), "1 file checked: 0 errors\n");
    assert_eq!(folder.fuseline(&["check", "empty.py", "good.py"]).ok(), "2 files checked: 0 errors\n");
}

#[test]
fn all_errors_of_all_files_of_a_folder_are_shown() {
    let folder = Folder::new("check-folder");
    folder.write("b/bad.py", BAD);
    folder.write("a.py", "def broken(:\n");
    folder.write("good.py", GOOD);
    folder.write(".venv/ignored.py", "def broken(:\n");
    folder.write("__pycache__/ignored.py", "def broken(:\n");
    folder.write("notes.txt", "def broken(:\n");
    let ran = folder.fuseline(&["check", ".", "--format", "concise"]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert!(lines[0].starts_with("./a.py:1:"), "{}", ran.out);
    assert!(ran.out.contains("./b/bad.py:2:10: error[unsupported-function]: "), "{}", ran.out);
    assert!(ran.out.contains("./b/bad.py:4:12: error["), "a second error of the same function: {}", ran.out);
    assert!(lines.last().is_some_and(|line| line.starts_with("3 files checked: ")), "{}", ran.out);
    assert!(!ran.out.contains("ignored"), "{}", ran.out);
}

#[test]
fn the_full_form_shows_the_line() {
    let folder = Folder::new("check-full");
    folder.write("bad.py", BAD);
    let ran = folder.fuseline(&["check", "bad.py"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.contains(" --> bad.py:2:10\n  |\n2 |     with open(s):\n  |          ^"), "{}", ran.out);
}

#[test]
fn json_can_be_read_by_programs() {
    let folder = Folder::new("check-json");
    folder.write("bad.py", BAD);
    let ran = folder.fuseline(&["check", "--format=json", "bad.py"]);
    assert_eq!(ran.code, Some(1));
    let found: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(found[0]["code"], "unsupported-function");
    assert_eq!((&found[0]["line"], &found[0]["column"]), (&2.into(), &10.into()));
    assert_eq!(found[0]["file"], "bad.py");
}

#[test]
fn a_missing_type_is_a_note_and_drivers_are_left_out() {
    let folder = Folder::new("check-notes");
    folder.write(
        "job.py",
        "import fuseline as fl\n\ndef half(x):\n    return x / 2\n\n\
         def whole(x: float) -> float:\n    return half(x) * 2\n\n\
         def alone(a, b):\n    return a + b\n\n\
         def main():\n    print(open('x').read())\n\n\
         def load(path: str):\n    return fl.read_csv(path)\n",
    );
    let out = folder.fuseline(&["check", "job.py", "--format", "concise"]).ok();
    let expected = "job.py:9:5: note[needs-type]: `alone` is not checked by itself: nothing tells the types of `a`, `b`\n\
        1 file checked: 0 errors, 1 note\n";
    assert_eq!(out, expected);
}

#[test]
fn files_that_cannot_be_read_are_said_plainly() {
    let folder = Folder::new("check-files");
    folder.write("latin.py", b"# caf\xe9\n");
    folder.write("nothing/readme.txt", "");
    folder.write("bom.py", "\u{feff}def broken(:\n");
    for (path, expected) in [
        ("missing.py", "fuseline: cannot read `missing.py`: no such file or directory\n"),
        ("latin.py", "fuseline: `latin.py` is not UTF-8 text: byte 5 is wrong\nhelp: save the file as UTF-8\n"),
        ("nothing", "fuseline: there are no Python files in `nothing`\n"),
    ] {
        let ran = folder.fuseline(&["check", path]);
        assert_eq!((ran.code, ran.err.as_str(), ran.out.as_str()), (Some(2), expected, ""));
    }
    assert!(
        folder
            .fuseline(&["check", "bom.py", "--format", "concise"])
            .out
            .starts_with("bom.py:1:12: error[syntax-error]")
    );
}

#[test]
fn help_and_version() {
    let folder = Folder::new("check-help");
    assert_eq!(folder.fuseline(&["--version"]).ok(), concat!("fuseline ", env!("CARGO_PKG_VERSION"), "\n"));
    for arguments in [&["--help"][..], &["check", "--help"], &["compile", "-h"]] {
        assert!(folder.fuseline(arguments).ok().contains("usage: fuseline "));
    }
}
