"""`simphys run`: compute what a scene describes, and write what came out as it comes."""

from rich.markup import escape

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
    if session.scene.data.adapt is not None:
        model = _adapted(session, model)
    checkpoint = lambda name: session.checkpoint(name, resume)
    last = follow(
        session,
        model,
        lambda progress: model.way.run(checkpoint, progress if session.errors else None),
        "solving ..." if session.scene.data.time is None else "marching ...",
    )
    finish(session, last.status, last.message)


def _adapted(session, model):
    """The scene on a mesh that is fine enough, and the way there."""
    content, section, message = session.result.content, session.scene.data.adapt, ""
    if not session.errors:
        session.say("[yellow]--no-error: the mesh is not adapted[/]")
        return model
    content["adaptation"] = []
    with session.timing("adapt"), session.console.status("adapting the mesh ..."):
        for found in scenes.adapted(model):
            model, message = found.model, found.message
            if found.entry not in content["adaptation"]:
                content["adaptation"].append(found.entry)
                session.say(scenes.line_of(section, len(content["adaptation"]), found.entry))
                session.result.write()
            session.may_stop_here()
    if message:
        content["remarks"] = [message]
        session.say(f"[yellow]{escape(message)}[/]")
    return model
