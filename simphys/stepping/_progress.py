"""How far a compiled march is."""

import jax

from .._typing import Callable


REPORTS = 100
"""Reports of one march, at most."""


class ProgressBar:
    """A bar on the terminal's error stream, for `march(…, progress=True)`; nothing where there is no terminal."""

    def __init__(self, console=None):
        self.console, self.bar, self.task = console, None, None

    def __call__(self, done: int, steps: int, t: float):
        """Show so many of so many steps, and the time reached."""
        from rich.console import Console
        from rich.progress import Progress, TextColumn

        if self.bar is None:
            console = Console(stderr=True) if self.console is None else self.console
            if not console.is_terminal:
                return
            columns = (*Progress.get_default_columns(), TextColumn("t = {task.fields[t]:.4g}"))
            self.bar = Progress(*columns, console=console, transient=True)
            self.task = self.bar.add_task("march", total=int(steps), t=float(t))
            self.bar.start()
        self.bar.update(self.task, completed=int(done), total=int(steps), t=float(t))
        if done >= steps:
            self.bar.stop()
            self.bar = None


BAR = ProgressBar()
"""One for all: a compiled program knows it by its identity."""


def told(progress: Callable | bool | None) -> Callable | None:
    """Return what is to be called with (steps done, steps, t).

    **Raises:** `ValueError` for what cannot be called.
    """
    if progress is None or progress is False:
        return None
    if progress is True:
        return BAR
    if not callable(progress):
        raise ValueError(f"`progress` must be True, or a function (done, steps, t), got {progress!r}.")
    return progress


def report(tell: Callable | None, i, count, t, steps: int):
    """Tell the host about step i of `steps`, at most `REPORTS` times, from inside a compiled loop."""
    if tell is None:
        return
    stride = max(steps // REPORTS, 1)
    due = ((i + 1) % stride == 0) | (i + 1 == count)
    call = lambda: jax.debug.callback(tell, i + 1, count, t)
    jax.lax.cond(due & (i < count), call, lambda: None)
