"""The cases by name."""

NAMES = ("cube", "cubeE", "twist", "simp", "box", "heat")
MARCHES = ("heat",)


def build(name: str, size: int):
    """Return the case `name` at `size`; raise `ValueError` if there is none of that name."""
    from . import box, cube, heat, simp, twist

    builders = {"cube": cube, "cubeE": cube, "twist": twist, "simp": simp, "box": box, "heat": heat}
    if name not in builders:
        raise ValueError(f"There is no case {name!r}; there are {', '.join(NAMES)}.")
    return builders[name].build(size, name)
