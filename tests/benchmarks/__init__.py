"""Benchmarks of simphys and its peers: `python -m tests.benchmarks --help`, and README.md here."""
