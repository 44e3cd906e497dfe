"""MKL's sparse matrices on the host: products with vectors and with each other, at the speed of memory."""

import ctypes as ct
import functools

import numpy as np

from ._mkl_library import mkl_library, rest_after_calls


class _Description(ct.Structure):
    """MKL's `matrix_descr`."""

    _fields_ = [("type", ct.c_int), ("mode", ct.c_int), ("diagonal", ct.c_int)]


_GENERAL, _ROW_MAJOR, _ZERO_BASED, _AS_IT_IS, _TRANSPOSED = _Description(20, 0, 0), 101, 0, 10, 11


class MKLMatrix:
    """A matrix of g × g blocks in compressed rows: a handle on arrays that must outlive it, which costs nothing to make.

    **Arguments:**

    - `indptr`, `columns`: int32, of block rows.
    - `blocks`: (block, g, g), float32 or float64.
    - `width`: number of block columns.
    """

    def __init__(self, indptr: np.ndarray, columns: np.ndarray, blocks: np.ndarray, width: int):
        self.kept = (indptr, columns, blocks)
        self.type, self.size, self.rows = blocks.dtype, blocks.shape[-1], len(indptr) - 1
        self.handle = ct.c_void_p()
        shape = (self.rows, width, self.size) if self.size != 1 else (self.rows, width)
        order = (_ROW_MAJOR,) if self.size != 1 else ()
        at = (_at(indptr), ct.c_void_p(indptr.ctypes.data + indptr.itemsize), _at(columns), _at(blocks))
        create = _function("create_bsr" if self.size != 1 else "create_csr", self.type)
        self._call(create, ct.byref(self.handle), _ZERO_BASED, *order, *shape, *at)

    def times(self, x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Return A x."""
        x = x.astype(self.type, copy=False)
        y = np.empty(self.rows * self.size, self.type) if out is None else out
        number = ct.c_float if self.type == np.float32 else ct.c_double
        multiply = _function("mv", self.type)
        self._call(multiply, _AS_IT_IS, number(1.0), self.handle, _GENERAL, _at(x), number(0.0), _at(y))
        return y

    def product(self, other: "MKLMatrix", transposed: bool = False) -> "MKLMatrix":
        """Return A B, or Aᵀ B, whose columns are in no order."""
        left = self if self.size == other.size else self._by_entry()
        result = _Owned(self.type, other.size)
        operation = _TRANSPOSED if transposed else _AS_IT_IS
        self._call(_library().mkl_sparse_spmm, operation, left.handle, other.handle, ct.byref(result.handle))
        return result

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return indptr, columns and blocks, columns sorted, over MKL's own memory: copy what is to last."""
        self._call(_library().mkl_sparse_order, self.handle)
        many = self.size != 1
        base, order, rows, width, size = (ct.c_int() for _ in range(5))
        first, last, columns, blocks = (ct.c_void_p() for _ in range(4))
        export = _function("export_bsr" if many else "export_csr", self.type)
        head = (base, order, rows, width, size) if many else (base, rows, width)
        self._call(export, self.handle, *map(ct.byref, (*head, first, last, columns, blocks)))
        view = lambda pointer, count, kind: np.ctypeslib.as_array(ct.cast(pointer, ct.POINTER(kind)), (count,))
        indptr = np.append(view(first, rows.value, ct.c_int), view(last, rows.value, ct.c_int)[-1:])
        stored = int(indptr[-1])
        kind = ct.c_float if self.type == np.float32 else ct.c_double
        found = view(blocks, stored * self.size**2, kind).reshape(stored, self.size, self.size)
        return indptr, view(columns, stored, ct.c_int), found

    def _by_entry(self):
        """The same matrix in blocks of 1 × 1."""
        result = _Owned(self.type, 1)
        self._call(_library().mkl_sparse_convert_csr, self.handle, _AS_IT_IS, ct.byref(result.handle))
        return result

    def _call(self, function, *arguments):
        rest_after_calls()
        status = function(*arguments)
        if status != 0:
            raise RuntimeError(
                f"MKL could not compute with a sparse matrix of {self.rows} block rows (status {status})."
            )

    def __del__(self):
        if self.handle:
            _library().mkl_sparse_destroy(self.handle)


class _Owned(MKLMatrix):
    """A matrix whose arrays are MKL's."""

    def __init__(self, dtype, size):
        self.type, self.size, self.rows, self.handle = dtype, size, 0, ct.c_void_p()


def _at(array):
    return ct.c_void_p(array.ctypes.data)


def _library() -> ct.CDLL:
    library = mkl_library()
    assert library is not None
    return library


@functools.cache
def _function(name: str, dtype: np.dtype):
    letter = {np.dtype(np.float32): "s", np.dtype(np.float64): "d"}[dtype]
    return getattr(_library(), f"mkl_sparse_{letter}_{name}")
