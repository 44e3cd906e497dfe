"""The benchmark's schemas of elasticity on meshes; written out where its package is not installed."""

try:
    from mosaic_shared.problems.structural_mesh import InputSchema, OutputSchema

    try:
        from mosaic_shared.schema_types import make_differentiable
    except ImportError:
        from mosaic_shared.types import make_differentiable

    Inputs = make_differentiable(InputSchema, ["rho"])
    Outputs = make_differentiable(OutputSchema, ["compliance"])
except ImportError:
    from pydantic import BaseModel
    from tesseract_core.runtime import Array, Differentiable, Float32, Int32

    class Held(BaseModel):
        """Nodes by group (0 for none), and a value for each group; None for 0."""

        mask: Array[(None,), Int32]
        values: Array[(None, None), Float32] | None = None

    class Loaded(BaseModel):
        """Nodes by group (0 for none), and a load for each group."""

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
        """Densities, and where."""

        rho: Differentiable[Array[(None,), Float32]]
        boundary_conditions: Conditions
        hex_mesh: Hexahedra

    class Outputs(BaseModel):
        """Work of the loads."""

        compliance: Differentiable[Array[(), Float32]]
