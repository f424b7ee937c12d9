//! `fuseline sql` as a person runs it.

use crate::support::Folder;

const SPEED: &str = "def speed(km, minutes):\n    return km / (minutes / 60)\n\n\ndef shout(text: str) -> str:\n    return text.upper()\n";
const TRIPS: &str = "zone,km,minutes\nTS,3.0,10.0\nJFK,25.0,50.0\nTS,1.0,\n";

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.write("speed.py", SPEED);
    folder.write("trips.csv", TRIPS);
    folder
}

#[test]
fn the_forms_of_a_result() {
    let folder = folder("sql-forms");
    let query = "SELECT shout(zone) AS zone, speed(km, minutes) AS kmh FROM trips WHERE minutes IS NOT NULL";
    let run = |format: &str| {
        folder.fuseline(&["sql", query, "--udf", "speed.py", "--table", "trips=trips.csv", "--format", format])
    };
    assert_eq!(run("csv").ok(), "zone,kmh\nTS,18.0\nJFK,30.0\n");
    assert_eq!(run("json").ok(), "{\"zone\":\"TS\",\"kmh\":18.0}\n{\"zone\":\"JFK\",\"kmh\":30.0}\n");
    let table = run("table").ok();
    assert!(table.contains("| zone | kmh  |") && table.contains("| JFK  | 30.0 |"), "{table}");
}

#[test]
fn an_arrow_file_comes_back_as_a_table() {
    let folder = folder("sql-arrow");
    let query = "SELECT zone, count(*) AS n FROM trips GROUP BY zone";
    let words = ["sql", query, "--table", "trips=trips.csv", "--format", "arrow", "-o", "out.arrow"];
    assert_eq!(folder.fuseline(&words).ok(), "");
    let again = ["sql", "SELECT n, zone FROM t ORDER BY n", "--table", "t=out.arrow", "--format", "csv"];
    assert_eq!(folder.fuseline(&again).ok(), "n,zone\n1,JFK\n2,TS\n");
    assert_eq!(folder.names(), ["out.arrow", "speed.py", "trips.csv"]);
}

#[test]
fn an_exception_has_its_place_and_its_row() {
    let folder = folder("sql-raises");
    folder.write("zero.csv", "km,minutes\n3.0,10.0\n1.0,0.0\n");
    let query = "SELECT speed(km, minutes) AS kmh FROM trips";
    let words = ["sql", query, "--udf", "speed.py", "--table", "trips=zero.csv", "--format", "csv", "-o", "out.csv"];
    let ran = folder.fuseline(&words);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    let expected = "ZeroDivisionError: float division by zero\n  speed.py:2 in speed(km=1.0, minutes=0.0), row 1\n";
    assert_eq!(ran.err, expected);
    assert_eq!(folder.names(), ["speed.py", "trips.csv", "zero.csv"]);
}

#[test]
fn what_cannot_be_compiled_is_shown() {
    let folder = folder("sql-compile");
    folder.write("bad.py", "def bad(x):\n    with open(x):\n        pass\n");
    let ran = folder.fuseline(&["sql", "SELECT bad(zone) FROM trips", "--udf", "bad.py", "--table", "trips=trips.csv"]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(ran.err.contains("bad.py:2:") && ran.err.contains("^"), "{}", ran.err);
}

#[test]
fn queries_and_files_that_make_no_sense() {
    let folder = folder("sql-usage");
    let message = |words: &[&str]| {
        let ran = folder.fuseline(words);
        assert_eq!(ran.code, Some(2), "{}{}", ran.out, ran.err);
        ran.err
    };
    let no_table = message(&["sql", "SELECT 1 FROM tripz", "--table", "trips=trips.csv"]);
    assert_eq!(no_table, "fuseline: no table is named `tripz`\nhelp: did you mean `trips`?\n");
    assert!(message(&["sql", "SELECT 1", "--table", "t=notes.txt"]).contains("unknown kind"));
    assert!(message(&["sql", "SELECT 1", "--table", "t=none.csv"]).contains("none.csv"));
    assert!(message(&["sql", "SELEC 1"]).contains("not SQL"));
    let few = folder.fuseline(&["sql", "SELECT speed(km) FROM t", "--udf", "speed.py", "--table", "t=trips.csv"]);
    assert!(few.code == Some(1) && few.err.contains("`minutes`"), "{}", few.err);
}
