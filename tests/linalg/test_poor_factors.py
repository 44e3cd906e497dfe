"""Factors that answer roughly: pivots were perturbed, or the analysis is that of a matrix with other large entries."""

import dataclasses

import numpy as np
import pytest
import scipy.sparse as sps
from _sparse_examples import matrix

from simphys.linalg._factor import GENERAL, SYMMETRIC, SingularMatrix
from simphys.linalg._factors import ENGINES, FactorStore
from simphys.linalg._regular import refined
from simphys.linalg._superlu import SuperLU


def off(factor, by):
    """The factor, its answers off by so much of them, another way each time."""
    noise = np.random.default_rng(0)
    wrong = lambda solve: lambda b, transposed: (x := solve(b, transposed)) * (1 + by * noise.uniform(-1, 1, x.shape))
    return dataclasses.replace(factor, solve=wrong(factor.solve))


@pytest.mark.parametrize("transposed", [False, True])
def test_answers_of_perturbed_pivots_are_refined(transposed):
    A = sps.csr_array(matrix("general"))
    b = np.random.default_rng(1).standard_normal((A.shape[0], 3))
    poor = off(SuperLU(A, GENERAL).factorise(A), 1e-4)
    x = refined(poor, A, b, transposed, 1e-10)
    left = np.linalg.norm((A.T if transposed else A) @ x - b, axis=0) / np.linalg.norm(b, axis=0)
    assert np.all(left < 1e-10) and np.linalg.norm(A @ poor.solve(b, False) - b) > 1e-6


def test_what_does_not_contract_is_left():
    A = sps.csr_array(matrix("general"))
    poor = off(SuperLU(A, GENERAL).factorise(A), 1e3)
    asked = []
    counting = dataclasses.replace(poor, solve=lambda b, transposed: (asked.append(1), poor.solve(b, transposed))[1])
    refined(counting, A, np.ones((A.shape[0], 1)), False, 1e-10)
    assert len(asked) <= 2


def stored(monkeypatch):
    """A store that takes entries of rows as they are; the matrix, the rows of its entries and a right-hand side."""
    A = sps.csr_array(matrix("general"))
    monkeypatch.setattr("simphys.linalg._factors.scalar_rows", lambda *stored: (A.indptr, A.indices, None))
    return FactorStore(), A, rows_of(A), np.random.default_rng(1).standard_normal((A.shape[0], 1))


@pytest.mark.parametrize("kind", [GENERAL, SYMMETRIC])
def test_what_static_pivots_find_singular_is_looked_at_once_more(monkeypatch, kind):
    class Static(SuperLU):
        def factorise(self, A, number=0):
            return off(super().factorise(A), 0.5)

    monkeypatch.setitem(ENGINES, "pardiso", Static)
    store, A, rows, b = stored(monkeypatch)
    A = sps.csr_array(matrix("indefinite")) if kind == SYMMETRIC else A
    monkeypatch.setattr("simphys.linalg._factors.scalar_rows", lambda *stored: (A.indptr, A.indices, None))
    settings = dict(kind=kind, backend="pardiso", transposed=False, rtol=1e-10, patience=0)
    x, *_ = store.solve(b"key", (), A.data, b, **settings)
    assert np.linalg.norm(A @ x - b) < 1e-10 * np.linalg.norm(b)
    with pytest.raises(SingularMatrix):
        store.solve(b"key", (), A.data * (rows_of(A) != 3), b, **settings)


def rows_of(A):
    return np.repeat(np.arange(A.shape[0]), np.diff(A.indptr))


def test_an_analysis_that_does_not_suit_is_made_anew(monkeypatch):
    made = []

    class Matched(SuperLU):
        """As good as the first matrix only, as where rows are matched with columns once."""

        def __init__(self, A, kind, factors=1, like=None):
            super().__init__(A, kind)
            made.append(self)
            self.fresh = True

        def factorise(self, A, number=0):
            found = super().factorise(A) if self.fresh else off(super().factorise(A), 1e-3)
            self.fresh = False
            return found

    monkeypatch.setitem(ENGINES, "superlu", Matched)
    store, A, rows, b = stored(monkeypatch)
    for count, factor in enumerate((1.0, 2.0, 5.0), 1):
        data = A.data * np.where(rows == A.indices, factor, 1.0)
        settings = dict(kind=GENERAL, backend="superlu", transposed=False, rtol=1e-10, patience=0)
        x, made_anew, _ = store.solve(b"key", (), data, b, **settings)
        B = sps.csr_array((data, A.indices, A.indptr), shape=A.shape)
        assert np.linalg.norm(B @ x - b) < 1e-10 * np.linalg.norm(b)
        assert len(made) == count and made_anew == 1
