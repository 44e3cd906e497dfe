"""Many members or one mesh, over several devices and processes: on JAX's own runtime."""

from ._cg import DividedConjugateGradients as DividedConjugateGradients
from ._divided import Divided as Divided
from ._dividing import dividing as dividing, parts_around as parts_around, solved as solved
from ._kept import Kept as Kept, keep_parts as keep_parts, take_up as take_up
from ._mean_and_grad import (
    BatchGradient as BatchGradient,
    mean_and_grad as mean_and_grad,
    sum_over_members as sum_over_members,
)
from ._members import MemberFailed as MemberFailed, Members as Members, map_members as map_members
from ._multigrid import DividedMultigrid as DividedMultigrid
from ._operator import DividedMatrix as DividedMatrix
from ._parts import Parts as Parts
from ._prepared import read_divided as read_divided, write_divided as write_divided
from ._restriction import PartField as PartField
from ._sharded import here as here
from ._stage import DividedStage as DividedStage
from ._traffic import Traffic as Traffic, traffic as traffic
from ._write import write_parts as write_parts
