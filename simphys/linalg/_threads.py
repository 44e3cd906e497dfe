"""Work on the host that several cores share: lanes of `vmap`, each by one thread."""

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ._mkl_library import single_threaded


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def together(works: list[Callable[[], None]]):
    """Do several works at the same time, each by a thread of its own; the first one's is the calling thread."""
    if len(works) == 1:
        # Pardiso ends the process where a factor's phases have different numbers of threads.
        _alone(works[0])
        return
    # A thread each is what cores are for.
    with single_threaded():
        waiting = [_pool(os.getpid()).submit(_alone, work) for work in works[1:]]
        try:
            works[0]()
        finally:
            failures = [each.exception() for each in waiting]
    for failure in failures:
        if failure is not None:
            raise failure


def _alone(work):
    with single_threaded():
        work()


@functools.cache
def _pool(process: int) -> ThreadPoolExecutor:
    """The threads of this process: those of one that was forked are not the child's."""
    return ThreadPoolExecutor(max(1, cores()), "simphys-lanes")
