"""Equations as layers of a network: fixed points, roots, minimisers and convex programs, each a root problem."""

from ._to_torch import GradientFailed as GradientFailed, to_torch as to_torch
