"""The page as a whole."""

import json
import pathlib

from .._files import replacing
from ._html import section, text
from ._pictures import pictures_of
from ._sections import head_of, sections_of
from ._view import html_of, view_of


HERE = pathlib.Path(__file__).parent
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""Nothing is asked of a network."""


def write_report(folder, path=None) -> pathlib.Path:
    """Write one HTML file that tells all of a run: numbers in tables, pictures, and the body to be turned.

    It opens anywhere, asks nothing of a network, and its numbers are read without a script.

    **Arguments:**

    - `folder`: where a command wrote its results.
    - `path`: of the file; by default report.html in that folder.

    **Returns:** the path.

    **Raises:** `ValueError` if there is no result.json in the folder, or none that can be read.
    """
    folder = pathlib.Path(folder)
    path = folder / "report.html" if path is None else pathlib.Path(path)
    content = _content(folder / "result.json")
    with replacing(path) as temporary:
        temporary.write_text(_page(folder, content), encoding="utf-8")
    return path


def _content(file):
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"a folder with a result.json expected, got {str(file.parent)!r}.") from None
    except (UnicodeDecodeError, ValueError) as error:
        raise ValueError(f"{file}: this is no result of simphys: {error}") from None
    if not isinstance(content, dict) or "command" not in content:
        raise ValueError(f"{file}: this is no result of simphys.")
    return content


def _page(folder, content):
    body, script = [head_of(content)], ""
    try:
        view = view_of(folder, content)
    except (OSError, ValueError) as error:
        view, remark = None, f"What is to be turned could not be read: {error}"
        body.append(section("To be turned", f"<p>{text(remark)}</p>"))
    if view is not None:
        body.append(html_of(*view))
        script = f"<script>{(HERE / 'viewer.js').read_text(encoding='utf-8')}</script>"
    body += [sections_of(content), pictures_of(folder, content.get("pictures") or ())]
    style = (HERE / "page.css").read_text(encoding="utf-8")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(content.get('title') or 'simphys')}</title><style>{style}</style></head>"
        f"<body><main>{''.join(body)}</main>{script}</body></html>\n"
    )
