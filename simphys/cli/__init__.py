"""The command line: `simphys run`, `fit`, `check`, `list`, `schema`."""

from ._app import app as app, main as main
