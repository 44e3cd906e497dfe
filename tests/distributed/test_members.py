"""Ensembles: the same bits whoever does a member, and nobody's loss stops the others."""

import re
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _processes import outputs, started

import simphys as sp
from simphys.distributed import MemberFailed, map_members


@eqx.filter_jit
def oscillation(member):
    """A fit stands for this: a loop whose length depends on the member."""
    steps, x = member["steps"], member["x"]
    found = jax.lax.fori_loop(0, steps, lambda _, y: y + 0.01 * jnp.sin(jnp.flip(y) - x), x)
    return {"end": found, "size": jnp.linalg.norm(found)}


@pytest.fixture
def members():
    x = np.random.default_rng(3).standard_normal((5, 7))
    return {"x": x, "steps": np.array([10, 400, 20, 30, 5])}


def test_rows_are_computed_one_by_one_and_stacked(members):
    found = map_members(oscillation, members)
    for k in range(5):
        alone = oscillation(jax.tree.map(lambda leaf, k=k: leaf[k], members))
        np.testing.assert_array_equal(found.results["end"][k], alone["end"])
    assert found.results["size"].shape == (5,) and found.errors == {} and found.lost == {}


def test_a_list_is_of_anything():
    found = map_members(lambda word: len(word), ["a", "three", ""])
    assert found.results == [1, 5, 0]


def test_results_in_a_folder_are_those_without_and_are_not_computed_again(tmp_path, members):
    calls = []

    def counted(member):
        calls.append(1)
        return oscillation(member)

    first = map_members(counted, members, folder=tmp_path)
    again = map_members(counted, members, folder=tmp_path)
    plain = map_members(oscillation, members)
    assert len(calls) == 5
    for found in (first, again):
        np.testing.assert_array_equal(found.results["end"], plain.results["end"])
        np.testing.assert_array_equal(found.results["size"], plain.results["size"])


def test_expensive_members_come_first(members):
    seen = []
    map_members(lambda m: seen.append(int(m["steps"])) or 0, members, costs=members["steps"])
    assert seen == [400, 30, 20, 10, 5]


def test_a_member_that_fails_stops_nobody(tmp_path):
    def fails(number):
        if number == 1:
            raise ValueError("no root here")
        return number

    with pytest.raises(MemberFailed, match="1 of 3 members failed; the first, 1: ValueError: no root here") as caught:
        map_members(fails, [0, 1, 2], folder=tmp_path)
    assert [int(r) for r in caught.value.found.results if r is not None] == [0, 2]
    assert set(map_members(fails, [0, 1, 2], throw=False).errors) == {1}


def test_who_lives_is_not_lost_and_who_gives_no_sign_is(tmp_path):
    from simphys.distributed._folder import SharedFolder

    about = {"version": "1"}
    first, second = SharedFolder(tmp_path, about, 0.2), SharedFolder(tmp_path, about, 0.2)
    with first.alive(), second.alive():
        assert first.claim(0) and not second.claim(0) and not second.claim(0)
    # A process of this number, on another machine, that has given a sign once.
    (tmp_path / "elsewhere-1-abc.alive").touch()
    (tmp_path / "member-000001.claim").write_text("elsewhere-1-abc")
    assert not second.claim(1)
    time.sleep(0.25)
    assert second.claim(1)
    assert second.losses() == {1: ("elsewhere-1-abc",)}
    # `first` has left without a result.
    assert second.claim(0) and second.losses()[0] == (first.name,)


def test_other_ensembles_are_refused_and_both_are_named(tmp_path, members):
    map_members(oscillation, members, folder=tmp_path)
    with pytest.raises(ValueError, match=r"another ensemble than process .*: 5 members, \w+, there 5 members, \w+"):
        map_members(oscillation, dict(members, x=members["x"] + 1), folder=tmp_path)


@pytest.mark.parametrize(
    ("given", "named", "text"),
    [
        ([], {}, "one or more, got none"),
        ({"a": np.zeros(2), "b": np.zeros(3)}, {}, "leading sizes"),
        ([1, 2], dict(costs=[1.0]), r"`costs` must have shape \(2,\)"),
        ([1, 2], dict(devices=1000), "`devices` must lie between 1 and"),
    ],
)
def test_misuse_is_named(given, named, text):
    with pytest.raises(ValueError, match=text):
        map_members(lambda m: m, given, **named)


def test_what_is_no_array_is_not_kept(tmp_path):
    with pytest.raises(ValueError, match="got a `Mesh`"):
        map_members(lambda m: sp.fem.line(2), [0], folder=tmp_path)


PROGRAM = """
import sys, time
import jax.numpy as jnp, numpy as np
import simphys.distributed as distributed

def member(x):
    print("begins", flush=True)
    time.sleep(float(sys.argv[1]))
    return jnp.cumsum(jnp.sin(x)) @ x

x = np.random.default_rng(0).standard_normal((8, 50))
found = distributed.map_members(member, x, folder=sys.argv[2] if len(sys.argv) > 2 else None)
print("RESULT", np.asarray(found.results).tobytes().hex(), sorted(found.lost), len(set(found.by)))
"""


def begun(file, seconds=60):
    until = time.monotonic() + seconds
    while "begins" not in file.read_text():
        assert time.monotonic() < until, "nothing has begun"
        time.sleep(0.02)


@pytest.mark.slow
def test_a_killed_process_is_named_and_the_others_do_its_members(tmp_path):
    shared, victim, others = str(tmp_path / "shared"), tmp_path / "victim", tmp_path / "others"
    victim.mkdir()
    others.mkdir()
    with started(PROGRAM, [["600", shared]], victim) as (process,):
        begun(victim / "output-0.txt")
        with started(PROGRAM, [["0.02", shared], ["0"]], others) as running:
            begun(others / "output-0.txt")
            process.kill()
            process.wait()
            survivor, alone = outputs(running, others)
    result, alone = re.search(r"RESULT (\w+) \[(\d*)\] (\d)", survivor), re.search(r"RESULT (\w+)", alone)
    assert result.group(1) == alone.group(1)
    # It was at the first member, which is told by its number; the survivor has done all.
    assert result.groups()[1:] == ("0", "1")
