"""Fields of every load step, as a time series for ParaView."""

import numpy as np

from .. import io


class FieldWriter:
    """Writes `fields.pvd` and its steps into the output folder; complete after every step."""

    def __init__(self, session, model):
        self._session, self._model, self._series = session, model, None

    def write(self, factor: float, problem, value, more: dict | None = None):
        """Add the fields of an equilibrium at a load factor, and `more` of them: name → ("node" or "cell", values)."""
        space = self._model.space
        if self._series is None:
            mesh = space.mesh
            domain = io.Domain(np.asarray(space.nodes()), np.asarray(space.cells), mesh.cell_type, space.degree)
            self._series = io.FieldSeries(self._session.out / "fields.pvd", domain)
            self._session.result.content["fields"] = "fields.pvd"
        at_nodes, at_cells = {}, {}
        for found in problem.quantities():
            (at_nodes if found.where == "node" else at_cells)[found.name] = np.asarray(found.values(problem, value))
        for name, (where, values) in (more or {}).items():
            (at_nodes if where == "node" else at_cells)[name] = values
        self._series.write(factor, at_nodes, at_cells)
