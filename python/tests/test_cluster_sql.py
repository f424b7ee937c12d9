"""SQL on the cluster: from Python, and from the command line as a person runs it."""

import subprocess

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import fuseline as fl
from fuseline._cluster import _program

ROWS = 40_000


@pytest.fixture
def table(tmp_path):
    """A file whose rows fill several parts, one of them with an `x` of zero."""
    path = tmp_path / "t.parquet"
    numbers = range(ROWS)
    columns = {"n": numbers, "k": [n % 3 for n in numbers], "x": [float(ROWS - 10 - n) for n in numbers]}
    pq.write_table(pa.table(columns), path, row_group_size=1000)
    return path


def tripled(n):
    return 3 * n


def inverse(x):
    return 1.0 / x


QUERIES_WITH_A_VALUE = [
    "SELECT n FROM t WHERE tripled(n) > (SELECT 3 * max(n) - 10 FROM t)",
    "SELECT n FROM t WHERE n > (SELECT max(n) - 4 FROM t) ORDER BY n DESC",
    "SELECT n, (SELECT avg(tripled(n)) FROM t) AS mean FROM t WHERE n < 3",
    "SELECT k, sum(x) / (SELECT sum(x) FROM t) AS share FROM t GROUP BY k HAVING count(*) > (SELECT 1) ORDER BY k",
    "SELECT count(*) AS c FROM t WHERE n = (SELECT n FROM t WHERE n < 0)",
    "SELECT (SELECT max(n) FROM t WHERE n < (SELECT avg(n) FROM t)) AS below, (SELECT 'a text') AS text",
    "SELECT n + (SELECT min(n) + 1 FROM t) AS m FROM t WHERE n < 2 UNION ALL SELECT (SELECT max(k) FROM t)",
    "SELECT a.n FROM t a JOIN t b ON a.n = b.n + (SELECT 1) WHERE a.n < (SELECT 5)",
    "SELECT n, sum(n) OVER (ORDER BY n) + (SELECT 1) AS s FROM t WHERE n < 4 ORDER BY n LIMIT 3",
]


def test_a_subquery_that_stands_for_one_value(processes, table):
    session = processes().connect()
    with fl.session() as local:
        for query in QUERIES_WITH_A_VALUE:
            answers = [
                where.sql(query, t=where.read_parquet(table), tripled=tripled).collect() for where in (session, local)
            ]
            assert answers[0].equals(answers[1]) and len(answers[0]) > 0, query
            assert answers[0].schema == answers[1].schema, query


def test_a_subquery_with_too_many_rows_or_one_that_raises(processes, table):
    session = processes().connect()
    for where in (session, fl.session()):
        rows = where.read_parquet(table)
        with pytest.raises(fl.EngineError, match="more than one row"):
            where.sql("SELECT n FROM t WHERE n > (SELECT n FROM t)", t=rows).collect()
        with pytest.raises(ZeroDivisionError) as raised:
            where.sql("SELECT n FROM t WHERE x > (SELECT sum(inverse(x)) FROM t)", t=rows, inverse=inverse).collect()
        assert (raised.value.row, raised.value.inputs) == (ROWS - 10, {"x": 0.0})


def test_a_subquery_of_a_dataset_that_is_kept(processes, table):
    """The rows that are kept were computed with the value, and the value is not asked for again."""
    cluster = processes()
    session = cluster.connect()
    kept = session.sql("SELECT n FROM t WHERE n > (SELECT max(n) - 4 FROM t)", t=session.read_parquet(table)).persist()
    before = len(cluster.jobs())
    assert [row.n for row in kept.to_rows()] == list(range(ROWS - 4, ROWS))
    assert len(cluster.jobs()) == before + 1


def test_an_operator_that_cannot_run_there_is_named(processes):
    query = "WITH RECURSIVE s AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM s WHERE n < 4) SELECT n FROM s"
    with fl.session() as local:
        assert [row.n for row in local.sql(query).to_rows()] == [1, 2, 3, 4]
    with pytest.raises(fl.CompileError, match=r"the operator `RecursiveQueryExec` cannot run on a cluster"):
        processes().connect().sql(query).collect()


# ---- The command line.


def run(query, table, *more):
    words = [*_program(), "sql", query, "--table", f"t={table}", "--format", "csv", *more]
    return subprocess.run(words, capture_output=True, text=True)


def test_a_query_of_the_command_line_runs_on_the_cluster(processes, table, tmp_path):
    cluster = processes()
    (tmp_path / "f.py").write_text("def twice(x: float) -> float:\n    return 2 * x\n")
    query = "SELECT k, sum(twice(x)) AS s FROM t WHERE n < (SELECT 6) GROUP BY k ORDER BY k"
    found = [run(query, table, "--udf", str(tmp_path / "f.py"), *more) for more in ([], ["--connect", cluster.address])]
    assert [(ran.returncode, ran.stderr) for ran in found] == [(0, "")] * 2
    assert found[0].stdout == found[1].stdout and found[0].stdout.startswith("k,s\n0,")
    assert len(cluster.jobs()) == 2


def test_an_exception_has_its_place_and_its_row_on_the_command_line(processes, table, tmp_path):
    cluster = processes()
    (tmp_path / "f.py").write_text("def inverse(x):\n    return 1.0 / x\n")
    query, udf = "SELECT inverse(x) AS y FROM t", ("--udf", str(tmp_path / "f.py"))
    output = tmp_path / "out.csv"
    here, there = (run(query, table, *udf, "-o", str(output), *more) for more in ([], ["--connect", cluster.address]))
    expected = f"ZeroDivisionError: float division by zero\n  {tmp_path}/f.py:2 in inverse(x=0.0), row {ROWS - 10}\n"
    assert (there.returncode, there.stderr) == (here.returncode, here.stderr) == (1, expected)
    assert not output.exists()


def test_the_command_line_with_tls(processes, table, tmp_path):
    folders = [tmp_path / "certs", tmp_path / "others"]
    for folder in folders:
        subprocess.run([*_program(), "certs", str(folder)], check=True)
    cluster = processes(tls=folders[0])
    query, connect = "SELECT count(*) AS n FROM t", ("--connect", cluster.address)
    ran = run(query, table, *connect, "--tls", str(folders[0]))
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"n\n{ROWS}\n", "")
    unreachable = f"fuseline: cannot reach the cluster at `127.0.0.1:{cluster.port}`"
    for wrong in ([], ["--tls", str(folders[1])]):
        ran = run(query, table, *connect, *wrong)
        assert ran.returncode == 2 and ran.stdout == "" and ran.stderr.startswith(unreachable), ran.stderr
    ran = run(query, table, *connect, "--tls", str(tmp_path / "nothing"))
    assert ran.returncode == 2 and "cannot read" in ran.stderr and "fuseline certs" in ran.stderr


def test_addresses_where_no_cluster_is(table):
    for address, message in [
        ("fuseline://127.0.0.1:1", "fuseline: cannot reach the cluster at `127.0.0.1:1`"),
        ("somewhere", "fuseline: `somewhere` is no address of a cluster\nhelp: it is `fuseline://HOST:PORT`"),
        ("127.0.0.1:99999", "fuseline: `127.0.0.1:99999` is no address of a cluster\nhelp:"),
    ]:
        ran = run("SELECT 1 AS one", table, "--connect", address)
        assert ran.returncode == 2 and ran.stdout == "" and ran.stderr.startswith(message), ran.stderr


def test_what_a_cluster_cannot_do_is_said_on_the_command_line(processes, table):
    query = "WITH RECURSIVE s AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM s WHERE n < 4) SELECT n FROM s"
    ran = run(query, table, "--connect", processes(executors=1).address)
    assert ran.returncode == 2 and "the operator `RecursiveQueryExec` cannot run on a cluster" in ran.stderr
