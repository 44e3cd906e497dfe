"""`simphys run`: compute what a scene describes, and write what came out as it comes."""

from .. import scene as scenes
from ._follow import finish, follow
from ._session import Session


def run_scene(session: Session, resume: bool = False):
    """Compute, report and write; `typer.Exit` with 3 for what has no solution.

    `resume` is for marches: they go on from the checkpoint in the folder for results.
    """
    if resume and session.scene.data.time is None:
        raise scenes.SceneError("only a march, a scene with [time], can go on.", key="--resume")
    with session.timing("build"):
        model = session.scene.build()
    checkpoint = lambda name: session.checkpoint(name, resume)
    last = follow(
        session,
        model,
        lambda progress: model.way.run(checkpoint, progress if session.errors else None),
        "solving ..." if session.scene.data.time is None else "marching ...",
    )
    finish(session, last.status, last.message)
