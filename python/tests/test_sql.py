"""SQL besides what the corpus shows: names, refusals, messages, and what stays SQL's own."""

import gc

import pyarrow as pa
import pytest

import fuseline as fl


@fl.compile
def tripled(x):
    return x * 3


@fl.compile
def upper(text):
    return text.upper() + "!"


def inverse(n):
    return 10 / n


NUMBERS = [{"n": 2, "x": 0.5}, {"n": 0, "x": 1.5}, {"n": 5, "x": 2.5}]


@pytest.fixture
def numbers():
    return fl.from_rows(NUMBERS)


def refusal(call):
    with pytest.raises(fl.CompileError) as raised:
        call()
    (diagnostic,) = raised.value.diagnostics
    return diagnostic.message, diagnostic.help


def test_functions_of_modules_are_found_by_name(numbers):
    assert fl.sql("SELECT TRIPLED(n) AS t FROM numbers", numbers=numbers).to_numpy()["t"].tolist() == [6, 0, 15]


def test_functions_inside_functions_are_given(numbers):
    @fl.compile
    def local(x):
        return x + 1

    message, _ = refusal(lambda: numbers.sql("SELECT local(n) FROM self"))
    assert "local" in message
    assert numbers.sql("SELECT local(n) AS t FROM self", local=local).to_numpy()["t"].tolist() == [3, 1, 6]


def test_a_new_definition_replaces_the_old(numbers):
    space = {"fl": fl, "__name__": "redefined"}
    for factor in (10, 20):
        compiled = fl.compile(make_function(space, factor))
        assert numbers.sql("SELECT scaled(n) AS t FROM self").to_numpy()["t"].tolist() == [2 * factor, 0, 5 * factor]
    del compiled
    gc.collect()


def make_function(space, factor):
    def scaled(x):
        return x * factor

    scaled.__module__, scaled.__qualname__ = space["__name__"], "scaled"
    return scaled


def test_a_name_that_sql_has_is_asked_for(numbers):
    words = fl.from_rows([{"s": "a"}])
    message, help = refusal(lambda: words.sql("SELECT upper(s) AS u FROM self"))
    assert message == "`upper` is a function of SQL and a compiled function"
    assert help == "say which: `upper=upper` for the compiled one, `upper=None` for SQL's"
    assert words.sql("SELECT upper(s) AS u FROM self", upper=upper).to_rows()[0].u == "A!"
    assert words.sql("SELECT upper(s) AS u FROM self", upper=None).to_rows()[0].u == "A"


@pytest.mark.parametrize(
    ("query", "message", "help"),
    [
        ("SELECT m FROM self", "no column is named `m`", "the columns are"),
        ("SELECT xx FROM self", "no column is named `xx`", "did you mean `x`?"),
        ("SELECT n FROM selv", "no table is named `selv`", "did you mean `self`?"),
        ("SELECT n FROM a.b", "no table is named `a.b`", "the tables are"),
        ("DROP TABLE self", "only a query gives a dataset: `SELECT`, `WITH` or `VALUES`", "tables are given by name"),
        ("EXPLAIN SELECT n FROM self", "only a query gives a dataset: `SELECT`, `WITH` or `VALUES`", None),
        ("SELECT n, x AS n FROM self", "several columns are named `n`", "say which table's"),
        ("SELECT a.n, b.n FROM self a JOIN self b ON a.n = b.n", "two columns of the result are named `n`", "name one"),
        ("SELECT n FROM self a JOIN self b ON a.n = b.n", "several columns are named `n`", "say which table's"),
        ("SELECT n FROM self LIMIT inverse(1)", "`inverse` cannot be called in `LIMIT`", "call it in a query of its"),
        ("VALUES (inverse(1))", "`inverse` cannot be called in `VALUES`", "call it in a query of its own"),
        (
            "SELECT a.n FROM self a LEFT JOIN self b ON a.n = b.n AND inverse(a.n + b.n) > 1",
            "`inverse` cannot be called in the condition of an outer join that reads both sides",
            "call it in a query of its own",
        ),
        (
            "SELECT (SELECT max(inverse(a.n + b.n)) FROM self b) FROM self a",
            "`inverse` cannot be called in a subquery, with a column of the query around it",
            "call it in a query of its own",
        ),
        (
            "SELECT random() < 0.5 AND inverse(n) > 1 FROM self",
            None,
            "compute the condition in a subquery",
        ),
        (
            "SELECT inverse(DATE '2024-01-01') FROM self",
            None,
            None,
        ),
    ],
)
def test_refusals(numbers, query, message, help):
    found = refusal(lambda: numbers.sql(query, inverse=inverse))
    if message is not None:
        assert found[0] == message
    if help is not None:
        assert found[1].startswith(help)


def test_text_that_is_not_sql(numbers):
    message, _ = refusal(lambda: numbers.sql("SELECT n FROM self WHERE n >"))
    assert message.startswith("the query is not SQL: ")


def test_a_function_that_cannot_be_compiled_says_why(numbers):
    def bad(n):
        with open("x") as file:
            return file.read()

    with pytest.raises(fl.CompileError) as raised:
        numbers.sql("SELECT bad(n) FROM self", bad=bad)
    assert raised.value.diagnostics[0].code != "plan"
    assert raised.value.diagnostics[0].file.endswith("test_sql.py")


def test_the_error_of_a_row(numbers):
    with pytest.raises(ZeroDivisionError) as raised:
        numbers.sql("SELECT inverse(n) AS i FROM self", inverse=inverse).collect()
    assert raised.value.row == 1
    assert raised.value.inputs == {"n": 0}
    assert raised.value.line == inverse.__code__.co_firstlineno + 1


def test_a_guarded_error_counts_rows_of_the_input(numbers):
    with pytest.raises(ZeroDivisionError) as raised:
        numbers.sql("SELECT CASE WHEN x > 1 THEN inverse(n) END AS i FROM self", inverse=inverse).collect()
    assert raised.value.row == 1


def test_what_is_no_table_and_no_function(numbers):
    with pytest.raises(TypeError, match="neither a dataset nor a function"):
        fl.sql("SELECT 1", numbers=pa.table({"x": [1]}))
    with pytest.raises(TypeError, match="a query is a `str`"):
        fl.sql(numbers)


def test_tables_of_another_session(numbers):
    with fl.session(threads=1) as other:
        message, _ = refusal(lambda: other.sql("SELECT 1 FROM t", t=numbers))
    assert message == "the table `t` belongs to another session"


def test_case_of_names(numbers):
    mixed = numbers.rename(n="N")
    assert mixed.sql("SELECT N, x FROM self").columns == ("N", "x")
    assert refusal(lambda: mixed.sql("SELECT n FROM self"))[1] == "did you mean `N`?"


def test_queries_without_tables():
    assert fl.sql("SELECT inverse(4.0) AS i, 1 + 1 AS two", inverse=inverse).to_rows() == [fl.Row({"i": 2.5, "two": 2})]


def test_sqls_own_arithmetic_is_sqls(numbers):
    largest = 2**63 - 1
    rows = fl.from_rows([{"n": largest}, {"n": 1}])
    assert rows.sql("SELECT n + 1 AS m, sum(n) OVER () AS s FROM self LIMIT 1").to_rows()[0].m == -(2**63)
    assert rows.sql("SELECT sum(n) AS s, 7 / 2 AS d FROM self").to_rows() == [fl.Row({"s": -(2**63), "d": 3})]


def test_equal_calls_are_one(numbers):
    plan = numbers.sql("SELECT inverse(x) + 1 AS a, inverse(x) AS b FROM self", inverse=inverse).explain()
    assert plan.count("FunctionExec") == 1


def test_a_subquery_of_one_value(numbers):
    query = "SELECT n FROM self WHERE tripled(n) > (SELECT avg(tripled(n)) FROM self WHERE x > 1)"
    assert numbers.sql(query).to_rows() == [fl.Row({"n": 5})]
    with pytest.raises(fl.EngineError):
        numbers.sql("SELECT n FROM self WHERE n > (SELECT n FROM self)").collect()


def test_only_what_is_read_is_passed_on(numbers):
    plan = numbers.sql("SELECT inverse(x) AS a FROM self", inverse=inverse).explain()
    assert "n@0" not in plan.split("physical plan")[1]


def test_threads_do_not_matter():
    rows = fl.from_rows([{"k": n % 7, "x": n * 0.1} for n in range(50_000)])
    query = "SELECT k, sum(half(x)) AS s, avg(x) AS m FROM self GROUP BY k ORDER BY k"
    answers = []
    for threads in (1, 2, 4):
        with fl.session(threads=threads) as session:
            table = session.from_arrow(rows.collect())
            answers.append(table.sql(query, half=lambda x: x / 2).collect())
    assert answers[0].equals(answers[1])
    assert answers[0].equals(answers[2])
