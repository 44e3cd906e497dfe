"""Balance laws, each of them a root problem."""

from ._balance import AbstractBalance as AbstractBalance, AbstractLoad as AbstractLoad, NodalForces as NodalForces
from ._loads import BodyForce as BodyForce, Pressure as Pressure, Traction as Traction
from ._solid import Solid as Solid
