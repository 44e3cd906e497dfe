"""Damage with a length: displacement and non-local strain as two fields."""

import jax
import jax.numpy as jnp

from .._check import parameter
from .._hidden import compiled
from .._ranges import positive
from .._typing import Array, Callable, PyTree, Sequence, Value
from ..assembly import AbstractConstraint, System
from ..fem import FunctionSpace, Integral, QuadratureField, density_at_points
from ..materials import AbstractEigenstrain, Axisymmetric, IsotropicDamage, PlaneStrainHistory, is_strained
from . import _kinematics as kinematics
from ._acting import AbstractLoad, Constraints, Loads, NodalForces, checked_loads, outlined
from ._balance import AbstractBalance
from ._blocks import check_vector_held, outer_terms, points_of_pair
from ._loads import BodyForce, ElasticSupport, Pressure, Traction
from ._named import Named
from ._obstacle import Obstacle
from ._quantity import Quantity, gradients_of, nodal
from ._solid import virgin
from ._solid_quantities import DISPLACEMENT, stress_tensor, stresses
from ._terms import Terms, build


class GradientDamage(AbstractBalance):
    r"""Equilibrium of a body that softens, its damage driven by a smoothed strain (implicit gradient model).

    ∫ (1 − ω(κ)) C:ε : ∇v dV = ∫ b·v dV + ∫ t·v dA
    ∫ ē q + ℓ² ∇ē·∇q dV = ∫ ε_eq(ε) q dV,   κ = max ē over time

    The flux of ē through the surface is 0. ℓ sets the width of the band in which damage gathers, whatever the mesh, if
    there are some elements over ℓ. The value is the pair (u, ē). The tangent is not symmetric, and not definite where
    the body softens; where a prescribed displacement can no longer be followed (snap-back) the step fails by name.

    **Arguments:**

    - `space`: pair of spaces on one mesh, a vector field and a scalar one; `simphys.fem.taylor_hood` makes one.
    - `material`: `IsotropicDamage`, under `PlaneStrain` or `Axisymmetric` on plane meshes. Its parameters may be fields.
    - `length`: ℓ > 0 (c = ℓ² in Peerlings' words), a number or a field.
    - `constraints`, `loads`, `thickness`: as for `Solid`; constraints on ē have `field=1`.

    **Raises:** `ValueError` if the parts do not fit, or the body can move without strain (the motions are named).

    Reference: R. H. J. Peerlings, R. de Borst, W. A. M. Brekelmans, J. H. P. de Vree, Int. J. Numer. Methods Eng. 39
    (1996) 3391.
    """

    space: tuple[FunctionSpace, FunctionSpace]
    material: IsotropicDamage | PlaneStrainHistory | Axisymmetric
    length: PyTree = positive()
    constraints: tuple[AbstractConstraint, ...] | Named
    loads: tuple[AbstractLoad, ...] | Named
    thickness: PyTree = positive()
    state: PyTree
    interval: PyTree
    system: System

    def __init__(
        self,
        space: Sequence[FunctionSpace],
        material: IsotropicDamage | PlaneStrainHistory | Axisymmetric | AbstractEigenstrain,
        length: Value,
        constraints: Constraints = (),
        loads: Loads = (),
        *,
        thickness: Value = 1.0,
    ):
        _check_pair(space)
        law = _law(material)
        if not isinstance(law, IsotropicDamage):
            raise ValueError(f"`material` must be an `IsotropicDamage`, got {type(law).__name__}.")
        kinematics.check_law(material, space[0].mesh.dim)
        self.space, self.material = tuple(space), material
        self.length = parameter(length)
        kinds = Traction, Pressure, BodyForce, ElasticSupport, NodalForces, Obstacle
        self.loads = outlined(checked_loads(loads, *kinds), self.space)
        kinematics.check_follower(material, self.loads, Pressure)
        self.thickness = kinematics.checked_thickness(material, space[0], thickness)
        self.state = virgin(space[0], points_of_pair(space), material)
        self.interval = jnp.zeros((), space[0].mesh.points.dtype)
        self.constraints, self.system = build(self.space, constraints, self.terms())
        ring = kinematics.RING if isinstance(material, Axisymmetric) else None
        check_vector_held(space[0], self.constraints, ring, self.integrals()[1:])

    def terms(self):
        """Internal forces, smoothing, and loads."""
        depth = kinematics.depth(self.material, self.space[0], self.thickness)
        outer = (term.times(depth) for term in outer_terms(self.loads, self.space))
        return Terms((self._inner(_weak), *outer), gauges=(self._inner(_gauge),))

    def quantities(self):
        """Return displacement, damage, smoothed strain and stress."""
        damage = Quantity("damage", "damage", "", "cell", lambda problem, value: problem.damage(value))
        return DISPLACEMENT, damage, nodal("smoothed_strain", "smoothed strain", field=1), *stresses(_seen)

    def tensors(self):
        """Return the stress in space, and gradients."""
        return *stress_tensor(_seen), *gradients_of(self)

    def updated_state(self, value):
        """Return the law's internal variables at the end of the step that led to a pair (u, ē)."""
        state, _ = density_at_points(self._inner(_weak, _updated_state), self.space, value)
        return jax.tree.map(QuadratureField, state)

    @compiled
    def stress(self, value) -> Array:
        """Return the Cauchy stress, averaged over each cell, (cell, dim, dim)."""
        return self._mean(_stress_at, value)

    def seen(self, density: Callable) -> Integral:
        """Return an integral over the body whose energy is a density (fields, point, (law, depth, length, state))."""
        return self._inner(_weak, density)

    @compiled
    def damage(self, value) -> Array:
        """Return ω, averaged over each cell, (cell,)."""
        return self._mean(_damage_at, value)

    def _mean(self, density, value):
        found, measure = density_at_points(self._inner(_weak, density), self.space, value)
        weights = measure / jnp.sum(measure, axis=1, keepdims=True)
        return jnp.einsum("eq...,eq->e...", found, weights)

    def _inner(self, weak, density=None) -> Integral:
        depth = kinematics.depth(self.material, self.space[0], self.thickness)
        parameters = (self.material, depth, self.length, self.state)
        slots, where = (kinematics.slots(self.material), "both"), points_of_pair(self.space)
        options = dict(fields=(0, 1), slots=slots, symmetric=False, switches=_switches)
        return Integral(where, weak, parameters, density, **options)


def _law(material):
    """The law of damage itself."""
    while isinstance(material, PlaneStrainHistory | Axisymmetric | AbstractEigenstrain):
        material = material.material
    return material


def _seen(problem):
    return problem.seen(_stress_in_space)


def _stress_in_space(*at):
    return _driven(*at)[0]


def _check_pair(space):
    good = (
        isinstance(space, tuple)
        and len(space) == 2
        and space[0].mesh is space[1].mesh
        and space[0].components == space[0].mesh.dim
        and space[1].components is None
    )
    if not good:
        raise ValueError(
            "`GradientDamage` needs a pair of spaces on one mesh, a vector field and a scalar one, such as "
            "`simphys.fem.taylor_hood(mesh)`."
        )


def _strain(material, u, point):
    """What the law of damage sees."""
    strain = kinematics.measure(material, u, point)
    if isinstance(material, PlaneStrainHistory):
        strain, material = material.whole(strain), material.material
    law = kinematics.core(material)
    while isinstance(law, AbstractEigenstrain):
        strain, law = law.elastic(strain), law.material
    return strain


def _driven(fields, point, parameters):
    (material, _, _, state), (u, smooth) = parameters, fields
    strain = _strain(material, u, point)
    stress, state = _law(material).driven(strain, smooth.value, state)
    return stress, state, strain


def _weak(fields, point, parameters):
    (material, thickness, length, _), smooth = parameters, fields[1]
    stress, _, strain = _driven(fields, point, parameters)
    stress = stress[:2, :2] if isinstance(material, PlaneStrainHistory) else stress
    excess = smooth.value - _law(material).equivalent(strain)
    smoothing = (thickness * excess, thickness * length**2 * smooth.gradient)
    return kinematics.work(material, thickness * stress, point), smoothing


def _gauge(fields, point, parameters):
    """What the smoothing is judged by: both of its sides may be 0."""
    (material, thickness, *_), (u, smooth) = parameters, fields
    strain = _strain(material, u, point)
    tiny = jnp.finfo(strain.dtype).tiny
    size = thickness * (jnp.sqrt(jnp.sum(strain * strain) + tiny) + jnp.abs(smooth.value))
    if not is_strained(material):
        return (None, None), (size, None)
    still = jax.tree.map(jnp.zeros_like, u)
    stress = thickness * jnp.abs(_stress_at((still, smooth), point, parameters))
    return kinematics.work(material, stress, point), (size, None)


def _switches(fields, point, parameters):
    return _law(parameters[0]).growing(fields[1].value, parameters[3])


def _stress_at(fields, point, parameters):
    stress = _driven(fields, point, parameters)[0]
    return stress[:2, :2] if isinstance(parameters[0], PlaneStrainHistory) else stress


def _updated_state(fields, point, parameters):
    return _driven(fields, point, parameters)[1]


def _damage_at(fields, point, parameters):
    return _law(parameters[0]).damage(_driven(fields, point, parameters)[1].largest)
