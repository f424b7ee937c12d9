"""NumPy arrays as whole arguments: no copy, stores seen by the caller, every index checked."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

import fuseline as fl

DTYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_elements_of_every_dtype(same, dtype):
    def first(v: np.ndarray):
        return v[0], v[-1], len(v)

    same(first, np.array([1, 0, 1], dtype))
    same(first, np.array([1, 0, 1, 0, 1], dtype)[::-2])
    same(first, np.array([], dtype))


def test_any_strides(same):
    def corner(m: npt.NDArray[np.float64]):
        return m[0, 0], m[-1, 0], m[0, -1], m[1, 1], m.shape[0], m.shape[1]

    base = np.arange(48.0).reshape(6, 8)
    for view in (base, base.T, base[::2, 1::3], base[::-1, ::-1], np.asfortranarray(base)):
        same(corner, view)


def test_indices_are_checked(same):
    def get(v: np.ndarray, i: int):
        return v[i]

    for index in (0, 2, -3, 3, -4, 2**62):
        same(get, np.arange(3.0), index)


def test_stores_are_seen_by_the_caller():
    @fl.compile
    def fill(v: np.ndarray, x: float) -> None:
        for i in range(len(v)):
            v[i] = x * i

    v = np.zeros(4)
    assert fill(v, 2.0) is None
    assert v.tolist() == [0.0, 2.0, 4.0, 6.0]
    m = np.zeros((3, 3))
    fill(m[:, 1], 1.0)
    assert m[:, 1].tolist() == [0.0, 1.0, 2.0] and m[:, 0].tolist() == [0.0, 0.0, 0.0]


def test_a_read_only_array(same):
    def fill(v: np.ndarray):
        v[0] = 1.0

    def get(v: np.ndarray):
        return v[0]

    v = np.zeros(2)
    v.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        fl.compile(fill)(v)
    same(get, v)


def test_a_returned_argument_is_the_same_array():
    @fl.compile
    def touch(v: np.ndarray):
        v[0] = 5.0
        return v

    v = np.zeros(3)
    assert touch(v) is v


def test_arrays_without_annotation_are_taken_whole_where_the_function_needs_it(same):
    def total(v):
        result = 0.0
        for i in range(len(v)):
            result += v[i]
        return result

    same(total, np.arange(4.0))
    same(total, np.arange(4))

    def scored(x, w):
        return x * w[0] + w[1]

    assert fl.compile(scored)(np.array([1.0, 2.0]), np.array([10.0, 1.0])).tolist() == [11.0, 21.0]
    same(lambda m: m[0, 1], np.arange(4.0).reshape(2, 2))


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(3, "complex128"),
        np.zeros(3, ">f8"),
        np.zeros((2, 2, 2)),
        np.array(["a"]),
        np.array([None]),
        np.zeros(3, "datetime64[s]"),
        np.zeros(3, "float16"),
        np.ma.masked_array([1.0, 2.0], mask=[True, False]),
        np.zeros(17, "uint8")[1:].view("float64"),
    ],
    ids=lambda array: f"{array.dtype}-{array.ndim}",
)
def test_arrays_that_cannot_be_taken(array):
    def get(v: np.ndarray):
        return len(v)

    with pytest.raises(TypeError, match="argument `v`"):
        fl.compile(get)(array)


def test_wrong_shape_for_the_function():
    def get(m: np.ndarray):
        return m[0, 0]

    with pytest.raises((fl.CompileError, IndexError)):
        fl.compile(get)(np.zeros(3))

    def single(x: float):
        return x + 1

    with pytest.raises(ValueError, match="dimensions"):
        fl.compile(single)(np.zeros((2, 2)))


def test_memory_mapped_files(same, tmp_path):
    mapped = np.memmap(tmp_path / "data", dtype="float64", mode="w+", shape=(3,))
    mapped[:] = [1.0, 2.0, 3.0]

    def get(v: np.ndarray):
        return v[1]

    assert fl.compile(get)(mapped) == 2.0


def test_an_array_that_is_never_stored_into_is_not_copied(same):
    v = np.arange(1_000_000.0)

    def last(v: np.ndarray):
        return v[-1]

    same(last, v)
