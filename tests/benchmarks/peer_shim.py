"""Run a peer's script in the peer's interpreter, noting when its first result was there.

Runs as a bare script: neither simphys nor this package is known where it runs.

    python peer_shim.py FOLDER SCRIPT PROBLEM SIZE

SCRIPT is a file of the folder, or one elsewhere by its absolute path.
"""

import os
import runpy
import sys
import time


def main(folder, script, *arguments):
    """Wrap the clock and the report of the folder's `common.py`, then run the script."""
    path = os.path.join(folder, script)
    sys.path[:1] = [os.path.dirname(path), folder]
    sys.argv = [script, *arguments]
    import common

    run, report = common.Timer.run, common.report
    first = {}

    def noted_run(self, name, function, *rest, **keywords):
        def noted():
            out = function()
            first.setdefault("time_to_first", round(time.time() - float(os.environ["BENCHMARK_STARTED"]), 3))
            return out

        return run(self, name, noted, *rest, **keywords)

    common.Timer.run = noted_run
    common.report = lambda *rest, **keywords: report(*rest, **keywords, **first)
    runpy.run_path(path, run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
