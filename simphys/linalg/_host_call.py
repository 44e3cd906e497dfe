"""Host functions called from compiled programs by name.

JAX's own callbacks are addresses in this process, so a program that holds one cannot be kept in the compilation cache.
Here a program names a target and hands it text, as XLA's foreign function interface has it; the target is a ctypes
function, registered when simphys is imported. The structures are those of `xla/ffi/api/c_api.h`, version 0.
"""

import ctypes as ct
import functools
import json
import traceback
from collections.abc import Callable

import jax
import numpy as np

from ._threads import cores, together


_MAJOR, _MINOR = 0, 1
_EXECUTE = 3
_METADATA = 1
_INTERNAL = 13
_TYPES = {  # by XLA's numbers
    1: np.dtype(np.bool_),
    4: np.dtype(np.int32),
    5: np.dtype(np.int64),
    6: np.dtype(np.uint8),
    8: np.dtype(np.uint32),
    9: np.dtype(np.uint64),
    11: np.dtype(np.float32),
    12: np.dtype(np.float64),
}
WORTH_THREADS = 2**18
"""Numbers handed over from which on lanes are shared among threads."""
_KEPT = []
"""ctypes functions must outlive every program that calls them."""


class _Base(ct.Structure):
    _fields_ = [("size", ct.c_size_t), ("type", ct.c_int), ("next", ct.c_void_p)]


class _Version(ct.Structure):
    _fields_ = [("size", ct.c_size_t), ("next", ct.c_void_p), ("major", ct.c_int), ("minor", ct.c_int)]


class _Metadata(ct.Structure):
    _fields_ = [("size", ct.c_size_t), ("version", _Version)]


class _MetadataExtension(ct.Structure):
    _fields_ = [("base", _Base), ("metadata", ct.POINTER(_Metadata))]


class _Span(ct.Structure):
    _fields_ = [("start", ct.c_void_p), ("length", ct.c_size_t)]

    @property
    def text(self):
        return ct.string_at(self.start, self.length).decode()


class _Buffer(ct.Structure):
    _fields_ = [
        ("size", ct.c_size_t),
        ("next", ct.c_void_p),
        ("type", ct.c_int),
        ("data", ct.c_void_p),
        ("rank", ct.c_int64),
        ("dims", ct.POINTER(ct.c_int64)),
    ]

    @property
    def array(self):
        """The buffer as an array over the same memory."""
        shape, dtype = tuple(self.dims[: self.rank]), _TYPES[self.type]
        if 0 in shape:
            return np.empty(shape, dtype)
        return np.asarray(_Memory(self.data, shape, dtype))


class _Memory:
    """Memory as NumPy's array interface describes it."""

    def __init__(self, address, shape, dtype):
        self.__array_interface__ = {"version": 3, "data": (address, False), "shape": shape, "typestr": dtype.str}


class _Buffers(ct.Structure):
    _fields_ = [
        ("struct_size", ct.c_size_t),
        ("next", ct.c_void_p),
        ("size", ct.c_int64),
        ("types", ct.c_void_p),
        ("items", ct.POINTER(ct.POINTER(_Buffer))),
    ]

    @property
    def arrays(self):
        return [self.items[i].contents.array for i in range(self.size)]


class _Attributes(ct.Structure):
    _fields_ = [
        ("struct_size", ct.c_size_t),
        ("next", ct.c_void_p),
        ("size", ct.c_int64),
        ("types", ct.c_void_p),
        ("names", ct.POINTER(ct.POINTER(_Span))),
        ("items", ct.POINTER(ct.POINTER(_Span))),
    ]


class _ErrorArguments(ct.Structure):
    _fields_ = [
        ("size", ct.c_size_t),
        ("next", ct.c_void_p),
        ("message", ct.c_char_p),
        ("code", ct.c_int),
    ]


class _Api(ct.Structure):
    _fields_ = [
        ("size", ct.c_size_t),
        ("next", ct.c_void_p),
        ("version", _Version),
        ("internal", ct.c_void_p),
        ("error", ct.CFUNCTYPE(ct.c_void_p, ct.POINTER(_ErrorArguments))),
    ]


class _Frame(ct.Structure):
    _fields_ = [
        ("size", ct.c_size_t),
        ("extension", ct.POINTER(_Base)),
        ("api", ct.POINTER(_Api)),
        ("context", ct.c_void_p),
        ("stage", ct.c_int),
        ("arguments", _Buffers),
        ("results", _Buffers),
        ("attributes", _Attributes),
    ]


def host_function(name: str, fills: bool = False) -> Callable:
    """Register a function of (settings: dict, *arrays) → arrays under a name for compiled programs.

    **Arguments:**

    - `name`: of the target; it stands in the compiled program, so one name must mean one function for good.
    - `fills`: whether the function takes `out=`, the arrays to write its results to: memory of large results then is
      claimed once, and nothing is copied. Such a function is called for each lane of `vmap` by itself, of several
      threads at a time.

    **Returns:** a decorator; the decorated function is called as `f(settings, shapes, *arrays)` inside traced code.
    `settings` holds plain data (it becomes JSON); `shapes` are the results'. Under `vmap` leading axes of size one or
    of the batch are put before every array. Runs on the host: on a GPU through JAX's callback.
    """

    def decorate(function):
        handler = ct.CFUNCTYPE(ct.c_void_p, ct.POINTER(_Frame))(functools.partial(_handle, function, fills))
        _KEPT.append(handler)
        jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(handler), platform="cpu")
        return functools.wraps(function)(functools.partial(_call, name, function, fills))

    return decorate


def _call(name, function, fills, settings, shapes, *arrays):
    by_name = jax.ffi.ffi_call(name, shapes, vmap_method="expand_dims")
    rank = np.ndim(arrays[0])
    by_address = functools.partial(_returned, function, shapes if fills else None, rank, settings)
    text = json.dumps([rank, settings], sort_keys=True)
    return jax.lax.platform_dependent(
        *arrays,
        cpu=lambda *a: tuple(by_name(*a, settings=text)),
        default=lambda *a: tuple(jax.pure_callback(by_address, shapes, *a, vmap_method="expand_dims")),
    )


def _returned(function, shapes, rank, settings, *arrays):
    arrays = tuple(map(np.asarray, arrays))
    if shapes is None:
        return tuple(function(settings, *arrays))
    lanes = np.broadcast_shapes(*(a.shape[: arrays[0].ndim - rank] for a in arrays))
    out = tuple(np.empty((*lanes, *s.shape), s.dtype) for s in shapes)
    _fill(function, rank, settings, arrays, out)
    return out


def _fill(function, rank, settings, arrays, out):
    """Call a function that fills its results, once for each lane; `rank` is that of the first array without lanes."""
    axes = arrays[0].ndim - rank
    if axes == 0:
        function(settings, *arrays, out=out)
        return
    lanes = list(np.ndindex(*out[0].shape[:axes]))

    def some(lanes):
        for lane in lanes:
            own = lambda a, lane=lane: a[(*(k if n > 1 else 0 for k, n in zip(lane, a.shape, strict=False)), ...)]
            function(settings, *map(own, arrays), out=tuple(o[(*lane, ...)] for o in out))

    threads = cores() if sum(a.size for a in (*arrays, *out)) >= WORTH_THREADS else 1
    together([functools.partial(some, lanes[k::threads]) for k in range(min(threads, len(lanes)))])


def _handle(function, fills, frame):
    frame = frame.contents
    if frame.extension and frame.extension.contents.type == _METADATA:
        extension = ct.cast(frame.extension, ct.POINTER(_MetadataExtension)).contents
        version = extension.metadata.contents.version
        version.major, version.minor = _MAJOR, _MINOR
        return None
    if frame.stage != _EXECUTE:
        return None
    try:
        rank, settings = json.loads(frame.attributes.items[0].contents.text)
        arrays, places = frame.arguments.arrays, frame.results.arrays
        for array in arrays:
            array.flags.writeable = False
        if fills:
            _fill(function, rank, settings, arrays, places)
            return None
        for place, result in zip(places, function(settings, *arrays), strict=True):
            np.copyto(place, result, casting="same_kind")
        return None
    except BaseException:
        text = traceback.format_exc().encode()
        arguments = _ErrorArguments(ct.sizeof(_ErrorArguments), None, text, _INTERNAL)
        return frame.api.contents.error(ct.byref(arguments))
