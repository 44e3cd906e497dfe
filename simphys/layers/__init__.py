"""Equations as layers of a network: fixed points, roots, minimisers and convex programs, each a root problem."""
