"""A drop-in for PyMongoArrow: MongoDB collections to Arrow, NumPy, pandas and Polars, and back.

Existing code gains by changing its import: ``from fuseline.pymongoarrow.api import find_arrow_all``. Names, arguments,
types and exceptions are PyMongoArrow's; the extension types have its names, so data passes between the two. PyMongo is
needed, PyMongoArrow is not.

Where it differs, the answer there was wrong:

- without a schema a field's type comes from all its values, widened (int32, int64, double), not from the first; a field
  of types that have no common one keeps every value as raw BSON (``fuseline.bson``), and a `UserWarning` names it;
- a number that its column cannot hold unchanged (1.9 or 1e30 as an integer) is an error, or null with
  ``allow_invalid=True``; it is never cut;
- NaN stays NaN, and null stays null: it does not become the text ``"None"``, nor an integer a float that differs;
- a null, a missing and an empty sub-document stay what they are; a key that stands twice counts once;
- text that is not UTF-8 is an error;
- the caller's pipeline is not changed.
"""

from fuseline.pymongoarrow.api import (
    aggregate_arrow_all,
    aggregate_numpy_all,
    aggregate_pandas_all,
    aggregate_polars_all,
    find_arrow_all,
    find_numpy_all,
    find_pandas_all,
    find_polars_all,
    write,
)
from fuseline.pymongoarrow.schema import Schema
from fuseline.pymongoarrow.version import __version__

__all__ = [
    "Schema",
    "__version__",
    "aggregate_arrow_all",
    "aggregate_numpy_all",
    "aggregate_pandas_all",
    "aggregate_polars_all",
    "find_arrow_all",
    "find_numpy_all",
    "find_pandas_all",
    "find_polars_all",
    "write",
]
