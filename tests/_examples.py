"""The examples as modules."""

import importlib.util
import pathlib
import sys


EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"


def example(name):
    """The script of that name as a module."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
