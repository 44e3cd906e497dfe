"""The benchmark's schemas of flow on grids; written out where its package is not installed."""

try:
    from mosaic_shared.problems.navier_stokes_grid import InputSchema, OutputSchema

    try:
        from mosaic_shared.schema_types import make_differentiable
    except ImportError:
        from mosaic_shared.types import make_differentiable

    Inputs = make_differentiable(InputSchema, ["v0", "viscosity", "dt", "inflow_profile"])
    Outputs = make_differentiable(OutputSchema, ["result", "drag"])
except ImportError:
    from typing import Literal

    import numpy as np
    from pydantic import BaseModel, Field, model_validator
    from tesseract_core.runtime import Array, Differentiable, Float32

    Number = Differentiable[Array[(1,), Float32]]
    Velocity = Differentiable[Array[(None, None, None, None), Float32]]

    class Side(BaseModel):
        """What holds on one side."""

        type: Literal["periodic", "no_slip", "neumann", "dirichlet"] = "periodic"
        value: list[float] | None = None

    class Sides(BaseModel):
        """What holds on each side."""

        x_lo: Side = Field(default_factory=Side)
        x_hi: Side = Field(default_factory=Side)
        y_lo: Side = Field(default_factory=Side)
        y_hi: Side = Field(default_factory=Side)
        z_lo: Side = Field(default_factory=Side)
        z_hi: Side = Field(default_factory=Side)

    class Obstacle(BaseModel):
        """A body, in parts of the domain's extent."""

        shape: Literal["cylinder", "box"] = "cylinder"
        center: list[float] = Field(default_factory=lambda: [0.5, 0.5])
        radius: float | None = None
        half_widths: list[float] | None = None
        bc: Literal["no_slip"] = "no_slip"

    class Inputs(BaseModel):
        """A velocity and how it goes on."""

        v0: Velocity
        viscosity: Number = Field(default_factory=lambda: np.array([0.05], np.float32))
        dt: Number = Field(default_factory=lambda: np.array([0.01], np.float32))
        steps: int = 300
        domain_extent: float = 2 * np.pi
        boundary_conditions: Sides = Field(default_factory=Sides)
        obstacle: Obstacle | None = None
        inflow_profile: Differentiable[Array[(None,), Float32]] | None = None

        @model_validator(mode="after")
        def _check_sides(self):
            kinds = {getattr(self.boundary_conditions, name).type for name in Sides.model_fields}
            if kinds != {"periodic"} and self.obstacle is None:
                raise ValueError("Sides that are not periodic need an obstacle.")
            return self

    class Outputs(BaseModel):
        """The velocity at the end, and the mean drag."""

        result: Velocity
        drag: Number | None = None
