"""Valid scenes of every kind, small enough to be run thousands of times, and the tables that they read."""

import math
from typing import NamedTuple


class Case(NamedTuple):
    """A scene that is valid: the command it is for, its text, and its table (rod.csv)."""

    command: str
    text: str
    table: str | None = None


BAR = """
title = "A sheet between two temperatures"

[mesh]
kind = "rectangle"
cells = [2, 1]
lengths = [2.0, 1.0]

[heat.material]
law = "IsotropicConduction"
k = 2.0

[heat.constraints.cold]
type = "temperature"
where = "low"
value = 0.0

[heat.constraints.hot]
type = "temperature"
where = "high"
value = 1.0

[mesh.groups.low]
type = "plane"
of = "points"
point = [0.0, 0.0]
normal = [1.0, 0.0]

[mesh.groups.high]
type = "plane"
of = "points"
point = [2.0, 0.0]
normal = [1.0, 0.0]

[observe.middle]
type = "point"
at = [1.0, 0.5]

[pictures]
fields = []
"""
"""T = x/2, whatever the mesh of the rectangle."""
SOLID = """
title = "A square that is pulled"

[mesh]
kind = "rectangle"
cells = [1, 1]
lengths = [2.0, 1.0]

[solid.material]
law = "LinearElastic"
plane = "stress"
E = 100.0
nu = 0.3

[solid.constraints.held]
type = "displacement"
where = "left"

[solid.loads.pull]
type = "traction"
where = "right"
value = [10.0, 0.0]

[observe.tip]
type = "point"
at = [2.0, 1.0]

[pictures]
fields = []
"""
MARCH = (
    BAR.replace("[heat.material]", "[heat]\ncapacity = 1.0\n\n[heat.material]")
    + """
[time]
end = 1.0
steps = 4
frames = 2

[signals.rise]
of = ["hot"]
type = "table"
times = [0.0, 1.0]
values = [1.0, 2.0]

[statistics.highest]
of = "middle"
type = "max"
"""
)
KINETICS = """
title = "A pair"

[kinetics.species]
A = 1.0
B = 0.0

[kinetics.reactions.pairing]
equation = "2 A -> B"
rate = 0.5

[time]
end = 1.0
steps = 4

[statistics.end]
of = "B"
type = "at"
at = 1.0

[pictures]
fields = []
"""
LEARNED = BAR.replace(
    "k = 2.0", 'k = { curve = "NeuralCurve", level = 1.0, centre = 0.5, span = 1.0, weights = "w.npz" }'
)
FIT = """
title = "A short rod"

[mesh]
kind = "line"
cells = 4

[heat.material]
law = "IsotropicConduction"
k = 2.0

[heat.loads.heater]
type = "flux"
where = "left"
value = -3.0

[heat.constraints.cold]
type = "temperature"
where = "right"
value = 20.0

[fit.parameters.k]
key = "heat.material.k"
start = 1.0
transform = "log"

[fit.data.temperature]
type = "temperature"
file = "rod.csv"
position = ["x"]
value = "T"
noise = 0.01

[pictures]
fields = []
"""
TABLE = "x,T\n0.0,21.5\n0.25,21.125\n0.5,20.75\n0.75,20.375\n"
RISING = MARCH.replace("times = [0.0, 1.0]\nvalues = [1.0, 2.0]", 'file = "rod.csv"\ntimes = "t"\nvalues = "s"')
RISE = "t,s\n0.0,1.0\n0.5,1.5\n1.0,2.0\n"
PLAIN = """
[pictures]
fields = []
"""
RUBBER = (
    """
title = "Rubber, pulled"

[homogeneous.material]
law = "IsochoricNeoHooke"
mu = 1.0
kappa = 100.0

[homogeneous.tests.pull]
test = "uniaxial"
stretch = [1.0, 2.0]
count = 5
"""
    + PLAIN
)
TESTED = (
    RUBBER
    + """
[fit.parameters.mu]
key = "homogeneous.material.mu"
start = 0.9
transform = "bounded"
bounds = [0.1, 10.0]
prior = { type = "gaussian", mean = 1.0, deviation = 1.0 }

[fit.data.pull]
type = "nominal_stress"
test = "uniaxial"
file = "rod.csv"
stretch = "stretch"
stress = "P"
relative_noise = 0.02
"""
)
TESTS = "stretch,P\n1.2,0.51\n1.5,1.05\n1.8,1.5\n2.0,1.74\n"
OSCILLATOR = (
    """
title = "An oscillator"

[oscillator]
mass = 0.8
damping = 0.6
stiffness = 1.3

[fit.parameters.mass]
key = "oscillator.mass"
transform = "log"

[fit.data.record]
type = "record"
file = "rod.csv"
input = "u"
output = "y"
rate = 2.0
train = [[8, 24]]
validation = [[24, 32]]
interpolation = "linear"
warm_up = 8
window = 8
noise = 0.01

[fit]
max_steps = 3
"""
    + PLAIN
)
DESIGN = (
    """
title = "A bracket"

[mesh]
kind = "rectangle"
cells = [3, 2]
lengths = [3.0, 2.0]

[solid.material]
law = "LinearElastic"
plane = "stress"
E = 1.0
nu = 0.3

[solid.constraints.wall]
type = "displacement"
where = "left"

[solid.loads.down]
type = "traction"
where = "right"
value = [0.0, -1.0]

[design]
max_iterations = 9
every = 1
tolerance = 0.03

[design.objective]
type = "compliance"

[design.constraints.volume]
type = "volume"
at_most = 0.5

[design.filter]
radius = 1.5
"""
    + PLAIN
)
PHASE = (
    """
title = "A mixture"

[mesh]
kind = "rectangle"
cells = [2, 2]

[phase_field]
equation = "AllenCahn"
gradient_energy = 0.1
mobility = 1.0

[phase_field.free_energy]
law = "DoubleWell"

[time]
end = 0.1
steps = 2
initial = { noise = 0.1, seed = 1 }

[observe.content]
type = "content"
"""
    + PLAIN
)
STOKES = (
    """
title = "A channel"

[mesh]
kind = "rectangle"
cells = [1, 1]

[stokes]
viscosity = 1.0

[stokes.constraints.lower]
type = "velocity"
where = "bottom"

[stokes.loads.drive]
type = "pressure"
where = "left"
value = 1.0

[observe.wall]
type = "resultant"
where = "bottom"
"""
    + PLAIN
)
THERMO = (
    """
title = "A warm bar"

[mesh]
kind = "rectangle"
cells = [1, 1]

[thermo_solid]
expansion = 0.01
capacity = 0.2
reference = 1.0
linearised = true

[thermo_solid.material]
law = "LinearElastic"
plane = "strain"
E = 100.0
nu = 0.25

[thermo_solid.conduction]
law = "IsotropicConduction"
k = 0.3

[thermo_solid.constraints.left]
type = "displacement"
where = "left"

[thermo_solid.constraints.hot]
type = "temperature"
where = "right"
value = 4.0

[time]
end = 1.0
steps = 2

[observe.tip]
type = "point"
at = [1.0, 1.0]
"""
    + PLAIN
)
PULLED = (
    SOLID
    + """
[fit.parameters.E]
key = "solid.material.E"
start = 90.0
transform = "log"
prior = { type = "gaussian", mean = 90.0, deviation = 50.0 }

[fit.data.tip]
type = "point_displacement"
file = "rod.csv"
position = ["x", "y"]
values = ["ux"]
components = ["x"]
noise = 0.001
outside = "nearest"

[fit]
loss = "huber"
max_steps = 8
"""
)
TIPS = "x,y,ux\n1.0,0.5,0.1\n2.0,0.5,0.2\n2.1,1.0,0.2\n"
FIELD = FIT.replace(
    'transform = "log"', 'field = { kind = "cell" }\nprior = { type = "h1", deviation = 1.0, length = 1.0 }'
)
COOLING = (
    BAR.replace("[heat.material]", "[heat]\ncapacity = 1.0\n\n[heat.material]")
    + """
[time]
end = 1.0
steps = 2

[fit.parameters.k]
key = "heat.material.k"
start = 1.0
transform = "log"

[fit.data.middle]
type = "series"
file = "rod.csv"
time = "t"
values = ["T"]
at = [[1.0, 0.5]]
noise = 0.01
outside = "drop"

[fit]
max_steps = 4
"""
)
WARMED = "t,T\n0.5,0.36\n1.0,0.47\n"


def record() -> str:
    """Input and output of an oscillator, by small explicit steps."""
    y, v, rows = 0.0, 0.0, ["u,y"]
    for k in range(40):
        rows.append(f"{math.sin(0.7 * k):.6f},{y:.6f}")
        for i in range(50):
            v += 0.01 * (math.sin(0.7 * (k + i / 50)) - 0.6 * v - 1.3 * y)
            y += 0.01 * v
    return "\n".join(rows) + "\n"


SCENES = {
    "heat": Case("run", BAR),
    "solid": Case("run", SOLID),
    "march": Case("run", MARCH),
    "kinetics": Case("run", KINETICS),
    "homogeneous": Case("run", RUBBER),
    "oscillator": Case("run", OSCILLATOR, record()),
    "phase field": Case("run", PHASE),
    "stokes": Case("run", STOKES),
    "thermo-mechanics": Case("run", THERMO),
    "design": Case("design", DESIGN),
    "signal": Case("run", RISING, RISE),
    "fit of temperatures": Case("fit", FIT, TABLE),
    "fit of a field": Case("fit", FIELD, TABLE),
    "fit of displacements": Case("fit", PULLED, TIPS),
    "fit of stresses": Case("fit", TESTED, TESTS),
    "fit of a series": Case("fit", COOLING, WARMED),
    "fit of a record": Case("fit", OSCILLATOR, record()),
}
TABLES = ("signal", "oscillator", "fit of temperatures", "fit of a record")
"""Scenes whose tables are changed: a row more or less is another program, which takes long where fits are large."""
LARGE = ("phase field", "stokes", "thermo-mechanics", "fit of displacements", "fit of a series")
"""Scenes that take long to compile where they are valid still: changed a quarter as often."""
