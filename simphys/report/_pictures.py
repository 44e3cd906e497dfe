"""Pictures within the page: small enough to be sent, large enough to be read."""

import base64
import io
import pathlib

from ._html import text


WIDEST, LARGEST = 1400, 4_000_000
"""Pixels of a picture; bytes of an animation, which is not made smaller."""
KINDS = {".png": "image/png", ".gif": "image/gif"}


def pictures_of(folder: pathlib.Path, names) -> str:
    """Return the pictures of a run, each with its name."""
    found = [(name, _encoded(folder / name)) for name in dict.fromkeys(names) if (folder / name).parent == folder]
    figure = '<figure><img src="{}" alt="{}"><figcaption>{}</figcaption></figure>'
    shown = [figure.format(data, text(_title(name)), text(name)) for name, data in found if data]
    return f"<section><h2>Pictures</h2>{''.join(shown)}</section>" if shown else ""


def _title(name):
    return f"Picture: {pathlib.Path(name).stem.replace('_', ' ')}"


def _encoded(path) -> str | None:
    kind = KINDS.get(path.suffix)
    if kind is None or not path.is_file() or path.stat().st_size > LARGEST:
        return None
    data = _smaller(path) if path.suffix == ".png" else path.read_bytes()
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _smaller(path) -> bytes:
    """The picture with the colours that it needs most, no wider than it is read."""
    from PIL import Image

    with Image.open(path) as picture:
        wide = picture.convert("RGB")
        if wide.width > WIDEST:
            wide = wide.resize((WIDEST, round(wide.height * WIDEST / wide.width)), Image.Resampling.LANCZOS)
        out = io.BytesIO()
        wide.quantize(255, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()
