"""One example of every law that simphys has, its stiffness in any unit, and what it answers at a moderate deformation."""

import inspect

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import simphys.materials as sm


RNG = np.random.default_rng(4)
H = RNG.uniform(-0.1, 0.1, (3, 3))
STRAIN = (H + H.T) / 20
FIBRES = [[1.0, 0.2, 0.0], [0.3, 1.0, 0.1]]
AXES = np.linalg.qr(RNG.standard_normal((3, 3)))[0]
SLOW = eqx.nn.Linear(12, 6, key=jax.random.key(0))


def _small(law):
    return law.stress, jnp.asarray(STRAIN if law.dimension == 3 else STRAIN[:2, :2])


def _finite(law):
    return law.first_piola, jnp.eye(law.dimension) + jnp.asarray(H[: law.dimension, : law.dimension])


def _history(law):
    """The stress after two steps."""

    def answer(strain):
        state = jax.tree.map(lambda leaf: leaf.astype(strain.dtype), law.initial())
        half = (strain + jnp.eye(3, dtype=strain.dtype)) / 2 if law.finite else strain / 2
        step = lambda state, strain: law.update(strain, state, jnp.asarray(0.5, strain.dtype))[::-1]
        return jax.lax.scan(step, state, jnp.stack([half, strain]))[1][1]

    return answer, (jnp.eye(3) + jnp.asarray(H) if law.finite else jnp.asarray(STRAIN))


def _flux(law):
    return lambda x: law.flux(x[1:], x[0]), jnp.asarray([310.0, 3.0, -2.0, 1.0])


def _stored(law):
    return law.enthalpy, jnp.asarray(305.0)


def _mixture(law):
    return law.potential, jnp.asarray(0.3)


def _thermoelastic(law):
    answer = lambda x: jnp.append(law.stress(x[1:].reshape(3, 3), x[0]).ravel(), law.entropy(x[1:].reshape(3, 3), x[0]))
    return answer, jnp.append(jnp.asarray(320.0), jnp.asarray(H / 10))


def _stiffness(E):
    one = np.eye(3)
    pairs = [np.einsum(f"{a},{b}->ijkl", one, one) for a, b in (("ij", "kl"), ("ik", "jl"), ("il", "jk"))]
    return E * (0.6 * pairs[0] + 0.4 * (pairs[1] + pairs[2]))


def examples(E):
    """Name → function that makes the law, of a stiffness of about E."""
    mu, kappa = E / 2.6, E
    elastic = lambda: sm.LinearElastic(E=E, nu=0.3)
    rubber = lambda: sm.IsochoricNeoHooke(mu=mu, kappa=kappa)
    metal = dict(E=E, nu=0.3, yield_stress=2e-3 * E, hardening=0.02 * E, saturation=1e-3 * E, rate=20.0)
    wood = dict(E1=E, E2=E / 10, E3=E / 14, nu12=0.3, nu13=0.2, nu23=0.4, G12=E / 20, G13=E / 18, G23=E / 30)
    table = lambda scale: sm.Table([250.0, 300.0, 350.0], [scale, 2 * scale, 4 * scale])
    return {
        "LinearElastic": elastic,
        "OrthotropicElastic": lambda: sm.OrthotropicElastic(**wood, axes=AXES),
        "AnisotropicElastic": lambda: sm.AnisotropicElastic(_stiffness(E)),
        "SmallPlaneStrain": lambda: sm.PlaneStrain(elastic()),
        "SmallPlaneStress": lambda: sm.PlaneStress(elastic()),
        "SmallPlaneStress of wood": lambda: sm.PlaneStress(sm.OrthotropicElastic(**wood, axes=AXES)),
        "StVenantKirchhoff": lambda: sm.StVenantKirchhoff(E=E, nu=0.3),
        "NeoHooke": lambda: sm.NeoHooke(mu=mu, lam=E / 2),
        "IsochoricNeoHooke": rubber,
        "MooneyRivlin": lambda: sm.MooneyRivlin(c10=mu / 3, c01=mu / 6, kappa=kappa),
        "Yeoh": lambda: sm.Yeoh(c10=mu / 2, c20=-mu / 200, c30=mu / 2e4, kappa=kappa),
        "Gent": lambda: sm.Gent(mu=mu, limit=30.0, kappa=kappa),
        "Ogden": lambda: sm.Ogden(mu=[0.63 * mu, 0.0012 * mu, -0.01 * mu], alpha=[1.3, 5.0, -2.0], kappa=kappa),
        "ArrudaBoyce": lambda: sm.ArrudaBoyce(mu=mu, locking_stretch=4.0, kappa=kappa),
        "HolzapfelGasserOgden": lambda: sm.HolzapfelGasserOgden(
            mu=mu, k1=mu, k2=2.0, dispersion=0.1, kappa=kappa, fibres=FIBRES
        ),
        "NeuralHyperelastic": lambda: sm.NeuralHyperelastic(mu=mu, kappa=kappa),
        "ErsatzFiniteStrain": lambda: sm.ErsatzFiniteStrain(rubber(), 0.3, 0.7),
        "ThirdMedium": lambda: sm.ThirdMedium(rubber(), 0.3),
        "FinitePlaneStrain": lambda: sm.PlaneStrain(rubber()),
        "FinitePlaneStress": lambda: sm.PlaneStress(rubber()),
        "FiniteEigenstrain": lambda: sm.Eigenstrain(rubber(), np.diag([0.1, 0.0, -0.05])),
        "J2Plasticity": lambda: sm.J2Plasticity(**metal, kinematic=0.1 * E, recovery=5.0),
        "FinitePlasticity": lambda: sm.FinitePlasticity(**metal, kinematic=0.1 * E),
        "IsotropicDamage": lambda: sm.IsotropicDamage(E=E, nu=0.2, threshold=1e-3, rate=50.0),
        "Viscoelastic": lambda: sm.Viscoelastic(rubber(), shares=[0.3, 0.2], times=[0.1, 1.0]),
        "NeuralViscoelastic": lambda: sm.NeuralViscoelastic(elastic(), SLOW, sm.LatentSpring(mu), scale=0.01),
        "IsotropicConduction": lambda: sm.IsotropicConduction(k=table(E)),
        "AnisotropicConduction": lambda: sm.AnisotropicConduction(k=E * np.diag([1.0, 2.0, 3.0])),
        "HeatCapacity": lambda: sm.HeatCapacity(table(E)),
        "PhaseChange": lambda: sm.PhaseChange(E, latent=30 * E, melting=300.0, width=20.0),
        "DoubleWell": lambda: sm.DoubleWell(E),
        "FloryHuggins": lambda: sm.FloryHuggins(2.5, height=E),
        "Thermoelastic": lambda: sm.Thermoelastic(elastic(), expansion=1.2e-5, capacity=2e-5 * E, reference=293.0),
    }


ANSWERS = (
    (sm.AbstractSmallStrain, _small),
    (sm.AbstractFiniteStrain, _finite),
    (sm.AbstractHistory, _history),
    (sm.AbstractConduction, _flux),
    (sm.AbstractHeatStorage, _stored),
    (sm.AbstractFreeEnergy, _mixture),
    (sm.Thermoelastic, _thermoelastic),
)
KINDS = tuple(kind for kind, _ in ANSWERS)


def answer(law):
    """Return what a law answers as a function of one array, and the array."""
    return next(make for kind, make in ANSWERS if isinstance(law, kind))(law)


def known_laws() -> set[str]:
    """Names of all laws that simphys.materials exports, but for those made of others by parts, or of a function."""
    left_out = {"FreeEnergy", "ConvexPart", "ConcavePart", "PlaneStrainHistory"}
    classes = {n: c for n, c in vars(sm).items() if inspect.isclass(c) and issubclass(c, KINDS)}
    return {name for name, c in classes.items() if not inspect.isabstract(c)} - left_out
