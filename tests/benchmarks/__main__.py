"""`python -m tests.benchmarks …` or `python tests/benchmarks …`."""

import pathlib
import sys


if __package__:
    from .run import main
else:
    # Run as a folder: the package's parent, not the package, is where its modules are found.
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
    from benchmarks.run import main


sys.exit(main(sys.argv[1:]))
