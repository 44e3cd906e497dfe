"""A function of every member of an ensemble, over devices and processes."""

import dataclasses
import hashlib
import pathlib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._progress import Progress, told
from .._told import listing
from .._typing import PyTree
from ._folder import SharedFolder


class MemberFailed(RuntimeError):
    """Members of an ensemble raised errors; `found` holds what the others returned."""

    def __init__(self, text: str, found: "Members | None"):
        super().__init__(text)
        self.found = found


@dataclasses.dataclass(frozen=True)
class Members:
    """What the members of an ensemble came to.

    **Attributes:**

    - `results`: of each member in order; stacked, a leading axis on every leaf, where members were given so.
    - `errors`: of members that raised one, by their numbers.
    - `by`: which process or device each was done by.
    - `lost`: names of lost processes, by the number of the member that another one did in their place.
    """

    results: Any
    errors: dict[int, str]
    by: tuple[str, ...]
    lost: dict[int, tuple[str, ...]]

    def __repr__(self):
        return listing(self)


@told("ensemble")
def map_members(
    function: Callable[[Any], PyTree],
    members: PyTree | Sequence[Any],
    *,
    devices: Any = None,
    folder: str | pathlib.Path | None = None,
    costs: Sequence[float] | None = None,
    patience: float = 30.0,
    throw: bool = True,
    progress: Progress = None,
) -> Members:
    """Return f(m) for every member m of an ensemble: fits, designs, samples, loads, on several devices or processes.

    Each member is computed by itself, by the same program whoever does it: its result has the same bits on any number of
    processes of one kind. Whoever is free takes the next member, so that long ones keep nobody waiting.

    **Arguments:**

    - `function`: f; called once for each member. Compile what is worth it (`equinox.filter_jit`) yourself.
    - `members`: a list of one thing for each, whatever it is; or an array, a tuple, a dictionary or a module of arrays
      with a leading axis for members, of which f is given rows.
    - `devices`: a `jax.sharding.Mesh`, a list of devices, or how many of this process; None for the default one. Members
      run side by side on them.
    - `folder`: where results are kept as they come. Every process that calls this function with this folder shares the
      work, wherever it runs and however it was started; each returns all results. A process that is lost is named, and its
      members are done by the others. What is in the folder already is not done again. Results must then be arrays, numbers
      and texts in dictionaries, lists and tuples.
    - `costs`: of the members, in any unit: the most expensive ones come first.
    - `patience`: seconds without a sign of life after which a process on another machine counts as lost.
    - `throw`: raise where a member raised; else its result is None.
    - `progress`: True, False, or a function that is told lines; by default one on terminals and in notebooks after 2 s.

    **Returns:** `Members`.

    **Raises:** `MemberFailed` after all others are done; `ValueError` for no members, for devices of other processes
    without a folder, and for a folder that another ensemble was begun in.
    """
    rows, stacked = rows_of(members)
    order = _order(costs, len(rows))
    here = _devices(devices, folder)
    done: dict[int, tuple[Any, str | None, str]] = {}

    def tell(number):
        progress(f"member {len(done)}/{len(rows)}")

    if folder is None:
        _work(function, rows, order, here, done, tell, None)
        lost = {}
    else:
        shared = SharedFolder(pathlib.Path(folder), _about(function, members, len(rows)), patience)
        with shared.alive():
            while not all(shared.done(number) for number in order):
                took = _work(function, rows, order, here, done, tell, shared)
                if not took:
                    time.sleep(0.1)
        for number in order:
            found = shared.found(number)
            done[number] = found["result"], found["error"], found["by"]
        lost = shared.losses()
    found = _members(done, stacked, lost)
    if found.errors and throw:
        number, text = next(iter(found.errors.items()))
        raise MemberFailed(f"{len(found.errors)} of {len(rows)} members failed; the first, {number}: {text}", found)
    return found


def rows_of(members: Any) -> tuple[list, bool]:
    """Return the members one by one, and whether they were given stacked.

    A tuple of arrays with one leading axis, (inputs, outputs) say, is members stacked; any other one is as a list.
    """
    sizes = {np.shape(leaf)[:1] for leaf in jax.tree.leaves(members)}
    if type(members) is list or (type(members) is tuple and (len(sizes) != 1 or sizes == {()})):
        rows, stacked = list(members), False
    else:
        if len(sizes) != 1 or sizes == {()}:
            raise ValueError(
                f"`members` must be a list, or arrays with one leading axis for members, got leading sizes {sorted(sizes)}."
            )
        count = sizes.pop()[0]
        rows, stacked = [jax.tree.map(lambda leaf, k=k: leaf[k], members) for k in range(count)], True
    if not rows:
        raise ValueError("`members` must be one or more, got none.")
    return rows, stacked


def _order(costs, count):
    if costs is None:
        return list(range(count))
    costs = np.asarray(costs, float)
    if costs.shape != (count,):
        raise ValueError(f"`costs` must have shape ({count},), got {costs.shape}.")
    return np.argsort(-costs, kind="stable").tolist()


def _devices(devices, folder):
    """The devices of this process that are to work."""
    if devices is None:
        return [None]
    if isinstance(devices, int):
        own = jax.local_devices()
        if not 1 <= devices <= len(own):
            raise ValueError(f"`devices` must lie between 1 and {len(own)}, which this process has, got {devices}.")
        return own[:devices]
    every = list(devices.devices.flat) if isinstance(devices, jax.sharding.Mesh) else list(devices)
    own = [device for device in every if device.process_index == jax.process_index()]
    if len(own) < len(every) and folder is None:
        others = sorted({device.process_index for device in every if device not in own})
        raise ValueError(
            f"`devices` holds devices of the processes {others} besides those of {jax.process_index()}: give a `folder` "
            "that all of them see, through which results are shared."
        )
    if not own:
        raise ValueError(f"`devices` holds none of process {jax.process_index()}.")
    return own


def _work(function, rows, order, devices, done, tell, shared) -> int:
    """Do what is to be had; return how many."""
    ways, took = queue.SimpleQueue(), []
    for number in order:
        ways.put(number)
    name = shared.name if shared is not None else None

    def turn(device):
        while True:
            try:
                number = ways.get_nowait()
            except queue.Empty:
                return
            if shared is not None and not shared.claim(number):
                continue
            with jax.default_device(device):
                done[number] = *_attempt(function, rows[number]), name or str(device or "this process")
            if shared is not None:
                shared.keep(number, *done[number][:2])
            took.append(number)
            tell(number)

    if len(devices) == 1:
        turn(devices[0])
        return len(took)
    stopped: list[BaseException] = []

    def guarded(device):
        try:
            turn(device)
        except BaseException as error:
            stopped.append(error)

    threads = [threading.Thread(target=guarded, args=(device,), daemon=True) for device in devices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if stopped:
        raise stopped[0]
    return len(took)


def _attempt(function, row):
    try:
        return jax.block_until_ready(function(row)), None
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"


def _members(done, stacked, lost):
    numbers = sorted(done)
    results = [done[number][0] for number in numbers]
    errors = {number: done[number][1] for number in numbers if done[number][1] is not None}
    if stacked and not errors:
        results = jax.tree.map(lambda *parts: jnp.stack([np.asarray(part) for part in parts]), *results)
    return Members(results, errors, tuple(done[number][2] for number in numbers), lost)


def _about(function, members, count) -> dict[str, str]:
    """What processes must agree in."""
    from .. import __version__

    device, name = jax.local_devices()[0], getattr(function, "__qualname__", type(function).__name__)
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(members) if eqx.is_array_like(leaf)]
    digest = hashlib.sha256()
    for leaf in leaves:
        digest.update(f"{leaf.dtype.str}{leaf.shape}".encode() + leaf.tobytes())
    return {
        "version": f"simphys {__version__}, JAX {jax.__version__}",
        "device": f"{device.platform} ({device.device_kind})",
        "precision": "64 bits" if jax.config.read("jax_enable_x64") else "32 bits",
        "function": name,
        "ensemble": f"{count} members, {digest.hexdigest()[:16]}",
    }
