"""Tests run in float64, with strict dtype promotion, rank promotion an error, and warnings as errors."""

import jax
import matplotlib


matplotlib.use("Agg")
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
