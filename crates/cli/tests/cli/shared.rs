//! The promise to C: a program that includes the header and links the shared library gets the right values, and the right
//! exceptions.

use crate::support::Folder;

const PYTHON: &str = r#"
import math

import fuseline as fl

RADIUS_KM = 6371.0088


def speed(miles: float, minutes: int) -> float:
    return miles / (minutes / 60)


def haversine(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    dlat = math.radians(lat2 - lat1)
    dlon = math.radians(lon2 - lon1)
    a = math.sin(dlat / 2) ** 2 + math.cos(math.radians(lat1)) * math.cos(math.radians(lat2)) * math.sin(dlon / 2) ** 2
    return 2 * RADIUS_KM * math.asin(math.sqrt(a))


def fib(n: int) -> int:
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def label(name: str, n: int) -> tuple[str, int]:
    if n < 0:
        raise ValueError(f"{name}: {n} is negative")
    return f"{name}-{n:03d}", len(name)


def total(xs: fl.Array[float]) -> float:
    result = 0.0
    for i in range(len(xs)):
        result += float(xs[i])
    return result
"#;

const C: &str = r#"
#include "jobs.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define CHECK(condition) do { if (!(condition)) { printf("line %d: %s\n", __LINE__, #condition); return 1; } } while (0)

int main(void) {
    fuseline_context *context = fuseline_context_new();
    double number = -1;
    CHECK(speed(context, 3.0, 10, &number) == 0 && number == 3.0 / (10.0 / 60.0));
    number = -1;
    CHECK(FUSELINE_CLASS(speed(context, 3.0, 0, &number)) == FUSELINE_ZeroDivisionError && number == -1);
    CHECK(haversine(context, 40.7, -74.0, 51.5, -0.1, &number) == 0 && fabs(number - 5575.0) < 10.0);
    int64_t whole = 0;
    CHECK(fib(context, 30, &whole) == 0 && whole == 832040);
    CHECK(FUSELINE_CLASS(fib(context, 0, &whole)) == 0 && whole == 0);

    for (int round = 0; round < 100000; round++) {
        fuseline_str name = { "z\xc3\xbcrich", 7 };
        label_result result;
        CHECK(label(context, &name, 7, &result) == 0);
        CHECK(FUSELINE_LENGTH(result.item_0) == 11 && memcmp(result.item_0.data, "z\xc3\xbcrich-007", 11) == 0);
        CHECK(result.item_1 == 6);
        CHECK(FUSELINE_CLASS(label(context, &name, -7, &result)) == FUSELINE_ValueError);
        CHECK(strcmp(fuseline_context_message(context), "z\xc3\xbcrich: -7 is negative") == 0);
        fuseline_context_reset(context);
    }

    double values[] = { 1.0, 100.0, 2.0, 100.0, 4.0 };
    fuseline_array_1d every_second = { values, 3, 2 * sizeof(double) };
    CHECK(total(context, &every_second, &number) == 0 && number == 7.0);
    fuseline_context_free(context);
    puts("all right");
    return 0;
}
"#;

fn library(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.write("jobs.py", PYTHON);
    folder.fuseline(&["compile", "jobs.py", "--emit", "header", "-o", "jobs.h"]).ok();
    folder.fuseline(&["compile", "jobs.py", "--emit", "shared", "-o", "libjobs.so"]).ok();
    folder
}

#[test]
fn a_c_program_calls_the_library() {
    let folder = library("shared-call");
    folder.write("main.c", C);
    let flags = [
        "-std=c11",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-O1",
        "main.c",
        "-L.",
        "-ljobs",
        "-lm",
        "-Wl,-rpath,.",
        "-o",
        "main",
    ];
    folder.run("gcc", &flags).ok();
    assert_eq!(folder.run("./main", &[]).ok(), "all right\n");
}

#[test]
fn the_library_shows_its_functions_and_nothing_else() {
    let folder = library("shared-names");
    let symbols = folder.run("nm", &["-D", "--defined-only", "libjobs.so"]).ok();
    let mut names: Vec<&str> = symbols.lines().filter_map(|line| line.split(' ').next_back()).collect();
    names.retain(|name| !name.starts_with("fuseline_context_"));
    names.sort();
    assert_eq!(names, ["fib", "haversine", "label", "speed", "total"], "{symbols}");
    assert!(folder.run("readelf", &["-d", "libjobs.so"]).ok().contains("[libjobs.so]"));
    let size = folder.read("libjobs.so").len();
    assert!(size < 2_000_000, "the library has {size} bytes: what is not used should not be in it");
    assert_eq!(folder.names(), ["jobs.h", "jobs.py", "libjobs.so"]);
}

#[test]
fn without_a_c_compiler_the_message_says_what_to_do() {
    let folder = Folder::new("shared-no-compiler");
    folder.write("f.py", "def f(x: int) -> int:\n    return x\n");
    let arguments =
        ["CC=no-such-compiler", env!("CARGO_BIN_EXE_fuseline"), "compile", "f.py", "--emit", "shared", "-o", "f.so"];
    let ran = folder.run("env", &arguments);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("there is no C compiler `no-such-compiler`") && ran.err.contains("`gcc`"), "{}", ran.err);
    assert_eq!(folder.names(), ["f.py"]);
}
