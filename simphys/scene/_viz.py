"""The room of pictures, entered when something is drawn: matplotlib takes half a second to import."""

import importlib


def __getattr__(name):
    return getattr(importlib.import_module("..viz", __package__), name)
