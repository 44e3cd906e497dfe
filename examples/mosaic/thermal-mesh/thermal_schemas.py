"""The benchmark's schemas of heat on meshes; written out where its package is not installed."""

try:
    from mosaic_shared.problems.thermal_mesh import InputSchema, OutputSchema

    try:
        from mosaic_shared.schema_types import make_differentiable
    except ImportError:
        from mosaic_shared.types import make_differentiable

    Inputs = make_differentiable(InputSchema, ["rho", "source"])
    Outputs = make_differentiable(OutputSchema, ["thermal_compliance", "identification_error", "temperature"])
except ImportError:
    import numpy as np
    from pydantic import BaseModel, Field
    from tesseract_core.runtime import Array, Differentiable, Float32, Int32

    class Held(BaseModel):
        """Nodes by group (0 for none), and a value for each group; None for 0."""

        mask: Array[(None,), Int32]
        values: Array[(None, None), Float32] | None = None

    class Loaded(BaseModel):
        """Nodes by group (0 for none), and a flux for each group."""

        mask: Array[(None,), Int32]
        values: Array[(None, None), Float32]

    class Conditions(BaseModel):
        """What holds on the surface."""

        dirichlet: Held | None = None
        neumann: Loaded | None = None

    class Hexahedra(BaseModel):
        """Nodes and cells; the first `n_points` and `n_faces` of them are meant."""

        points: Array[(None, 3), Float32]
        faces: Array[(None, 8), Int32]
        n_points: Int32 = 0
        n_faces: Int32 = 0

    class Inputs(BaseModel):
        """Densities, sources, and where."""

        rho: Differentiable[Array[(None,), Float32]]
        source: Differentiable[Array[(None,), Float32]] = Field(default_factory=lambda: np.zeros(1, np.float32))
        target_temperature: Array[(None,), Float32] = Field(default_factory=lambda: np.zeros(1, np.float32))
        boundary_conditions: Conditions
        hex_mesh: Hexahedra

    class Outputs(BaseModel):
        """Work of the fluxes, and the sum of squares at nodes."""

        thermal_compliance: Differentiable[Array[(), Float32]]
        identification_error: Differentiable[Array[(), Float32]]
