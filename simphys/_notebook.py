"""What notebooks show of an object: the text that `print` has, and a picture of those that have one."""

import base64
import functools
import html
import importlib
import warnings
from typing import Any, NamedTuple


@functools.singledispatch
def picture(value: Any) -> bytes | None:
    """Return a PNG of an object; None of those that have none. Pictures are registered by `simphys.viz`."""
    return None


class OnCells(NamedTuple):
    """A picture of numbers between 0 and 1, one for each cell of a mesh."""

    mesh: Any
    values: Any
    label: str


class Displayed:
    """A base of classes that notebooks show by text and picture."""

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        data = self._repr_png_()
        seen = "" if data is None else f'<img alt="" src="data:image/png;base64,{base64.b64encode(data).decode()}">'
        return f"<pre>{html.escape(str(self))}</pre>{seen}"

    def _repr_png_(self) -> bytes | None:
        """A picture, where there is one; whatever keeps it from being drawn, the text stays."""
        importlib.import_module("simphys.viz")
        try:
            return picture(self)
        except Exception as error:
            warnings.warn(f"no picture of this {type(self).__name__}: {error}", stacklevel=2)
            return None
