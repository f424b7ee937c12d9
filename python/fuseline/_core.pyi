"""What `crates/python` exports. Users find all of it, documented, in `fuseline`."""

from collections.abc import Callable, Sequence
from typing import Any, TypedDict

class RowErrorCount(TypedDict):
    function: str
    exception: str
    file: str | None
    line: int
    rows: int

class Mismatch(TypedDict):
    field: str
    expected: str
    found: str
    count: int
    first_row: int
    first: str

class Rejected(TypedDict):
    row: int
    reason: str
    document: bytes

class FieldReport(TypedDict):
    field: str
    types: dict[str, int]
    missing: int
    documents: int
    type: Any

class WriteReport(TypedDict):
    inserted: int
    matched: int
    modified: int
    failed: list[tuple[int, int, str]]

class Report(TypedDict):
    rows_read: int
    row_errors: list[RowErrorCount]
    mismatches: list[Mismatch]
    rejected: list[Rejected]

class Generator:
    """What goes on with a generator of compiled code."""

    def step(self) -> tuple[bool, Any]: ...

class Function:
    """The base of `fuseline.CompiledFunction`."""

    def __init__(self, function: Callable[..., Any], signature: str | None = None) -> None: ...
    @property
    def __fuseline_function__(self) -> Callable[..., Any]: ...
    @property
    def parameter_names(self) -> list[str]: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def _call(self, args: tuple[Any, ...]) -> Any: ...
    def _compile_annotated(self, itself: bool) -> None: ...
    def _compiles_for(self, types: Sequence[str]) -> bool: ...
    def _ir(self) -> str: ...
    def _artifact(self, kind: str, target: str | None = None) -> bytes: ...
    def _columns_read(self) -> list[str] | None: ...

class ArrowArray:
    """An array for Python to take."""

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]: ...

class ArrowSchema:
    """A schema for Python to take."""

    def __arrow_c_schema__(self) -> object: ...

class ArrowBatches:
    """Batches for Python to take, once."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...

class Session:
    """Threads, memory and configuration."""

    def __init__(self, threads: int | None = None, memory_bytes_max: int | None = None) -> None: ...
    @staticmethod
    def connect(
        address: str, tls: str | None = None, threads: int | None = None, retry_seconds: int = 60
    ) -> Session: ...
    @property
    def threads(self) -> int: ...
    def read_csv(
        self,
        paths: list[str],
        delimiter: int,
        header: bool,
        null_values: list[str],
        types: dict[str, Any],
        infer_rows: int,
    ) -> Dataset: ...
    def read_parquet(self, paths: list[str]) -> Dataset: ...
    def read_json(self, paths: list[str]) -> Dataset: ...
    def read_bson(
        self, paths: list[str], collection: str | None, schema: object, sample: int, on_error: str
    ) -> tuple[Dataset, list[FieldReport]]: ...
    def read_mongo(
        self, spec: dict[str, Any], schema: object, sample: int, on_error: str
    ) -> tuple[Dataset, list[FieldReport]]: ...
    def read_extended_json(
        self, paths: list[str], schema: object, sample: int, on_error: str
    ) -> tuple[Dataset, list[FieldReport]]: ...
    def from_arrow(self, table: object) -> Dataset: ...

class Dataset:
    """A lazy table."""

    def persist(self, bar: object) -> tuple[Dataset, Report]: ...
    def schema(self) -> ArrowSchema: ...
    def unreadable(self) -> list[tuple[str, str]]: ...
    def select(self, columns: list[str]) -> Dataset: ...
    def with_columns(self, columns: list[tuple[str, str | Function]], on_error_text: str) -> Dataset: ...
    def map(self, function: Function, on_error_text: str) -> Dataset: ...
    def flat_map(self, function: Function, on_error_text: str) -> Dataset: ...
    def filter(self, function: Function, on_error_text: str) -> Dataset: ...
    def aggregate(
        self,
        keys: list[tuple[str, str | Function]],
        aggregates: list[tuple[str, tuple[Any, ...]]],
        on_error_text: str,
    ) -> Dataset: ...
    def reduce(
        self, step: Function, init: object, merge: Function | None, on_error_text: str, bar: object
    ) -> tuple[Any, Report]: ...
    def join(self, other: Dataset, on: list[tuple[str, str]], how: str, suffix: str) -> Dataset: ...
    def sort(self, keys: list[tuple[str | Function, bool]], on_error_text: str) -> Dataset: ...
    def union(self, other: Dataset) -> Dataset: ...
    def distinct(self, columns: list[str]) -> Dataset: ...
    def failures(self) -> list[Dataset]: ...
    def session(self) -> Session: ...
    def limit(self, rows: int, offset: int) -> Dataset: ...
    def explain(self, analyze: bool, bar: object) -> str: ...
    def count(self, bar: object) -> tuple[int, Report]: ...
    def collect(self, bar: object) -> tuple[ArrowBatches, Report]: ...
    def whole_columns(self, bar: object) -> tuple[list[tuple[Any, Any] | ArrowBatches], Report]: ...
    def stream(self) -> Stream: ...
    def write_parquet(self, path: str, bar: object) -> Report: ...
    def write_csv(self, path: str, bar: object) -> Report: ...
    def write_mongo(self, spec: dict[str, Any], bar: object) -> tuple[WriteReport, Report]: ...
    def write_bson(self, path: str, leave_out_nulls: bool, bar: object) -> Report: ...

class Stream:
    """The batches of a running query."""

    def next(self, bar: object) -> ArrowBatches | None: ...
    def report(self) -> Report: ...

def sql_functions(session: Session, query: str) -> list[tuple[str, bool]]:
    """The functions that a query calls: the name as it is written, and whether SQL has one of this name."""

def sql(
    session: Session, query: str, tables: list[tuple[str, Dataset]], functions: list[tuple[str, Function]]
) -> Dataset:
    """The dataset of a query."""

def compile_count() -> int:
    """How many kernels this process has compiled so far."""

def set_object_cache(folder: str) -> None:
    """Keep machine code in this folder between processes; not when others than its owner may write to it."""

def type_name(object: object) -> str | None:
    """The IR type of a Python object, as the IR spells it; `None` when it has none."""

def column_type_name(array: object) -> str | None:
    """The type a function sees of each row of an Arrow array; `None` when it cannot be read."""

def elementwise(
    session: Session,
    function: Function,
    arguments: list[tuple[bool, Any]],
    rows: int,
    bar: object,
) -> tuple[list[ArrowArray], list[str] | None]:
    """Call a function for each row of columns."""

class BsonItems:
    """Documents of one reply of a server, as it sent them."""

    def __len__(self) -> int: ...

class MongoReplies:
    """The replies to a query over a connection of our own."""

    def __init__(self, session: Session, spec: dict[str, Any]) -> None: ...
    def __iter__(self) -> MongoReplies: ...
    def __next__(self) -> BsonItems: ...

class BsonDecoder:
    """Documents to Arrow batches of one schema."""

    def __init__(self, schema: Any, on_mismatch: str) -> None: ...
    def append(self, data: bytes | BsonItems) -> int: ...
    def finish(self) -> ArrowBatches: ...
    def mismatches(self) -> list[tuple[str, str, str, int, str]]: ...

class BsonInference:
    """A schema from documents."""

    def __init__(self) -> None: ...
    def observe(self, data: bytes | BsonItems) -> None: ...
    def schema(self) -> ArrowSchema: ...
    def report(self) -> list[tuple[str, int, int, list[tuple[str, int]]]]: ...

class RecordDecoder:
    """Documents to the memory of a structured array."""

    def __init__(self, layout: tuple[Any, ...]) -> None: ...
    def append(self, data: bytes, memory: Any, start: int) -> int: ...

def bson_encode(batches: object, leave_out_nulls: bool) -> list[bytes]:
    """Every row of Arrow batches as one document."""

def bson_encode_records(layout: tuple[Any, ...], memory: Any) -> list[bytes]:
    """Every record of the memory of a structured array as one document."""
