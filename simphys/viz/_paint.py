"""Pixels of an image from samples of what covers them."""

import numpy as np


def painted(triangle: np.ndarray, finer: int, paint, drawn: np.ndarray | None, ink) -> np.ndarray:
    """Return an image (row, column, 4) whose pixels have `finer` × `finer` samples each.

    A pixel that one triangle covers is painted once, at its centre; of another one each sample is, and their mean is
    taken, by how much they cover.

    **Arguments:**

    - `triangle`: number of the triangle at each sample, −1 where there is none.
    - `finer`: samples per pixel and direction.
    - `paint`: colours (point, 3) of points by the number of their triangle, and column and row, in samples.
    - `drawn`: samples that are part of a line, or None.
    - `ink`: the line's colour.
    """
    height, width = (size // finer for size in triangle.shape)
    samples = [triangle[i::finer, j::finer] for i in range(finer) for j in range(finer)]
    lines = None if drawn is None else [drawn[i::finer, j::finer] for i in range(finer) for j in range(finer)]
    first = samples[0]
    whole = (first >= 0) & np.logical_and.reduce([s == first for s in samples])
    if lines is not None:
        whole &= ~np.logical_or.reduce(lines)
    image = np.zeros((height, width, 4), np.float32)
    row, column = np.nonzero(whole)
    image[row, column, :3] = paint(first[row, column], (column + 0.5) * finer, (row + 0.5) * finer)
    image[row, column, 3] = 1.0
    for k, sample in enumerate(samples):
        row, column = np.nonzero(~whole & (sample >= 0))
        x, y = column * finer + k % finer + 0.5, row * finer + k // finer + 0.5
        colour = paint(sample[row, column], x, y)
        if lines is not None:
            colour[lines[k][row, column]] = ink
        image[row, column, :3] += colour
        image[row, column, 3] += 1.0
    part = ~whole & (image[..., 3] > 0)
    count = image[part, 3:]
    image[part, :3] /= count
    image[part, 3:] = count / finer**2
    return image
