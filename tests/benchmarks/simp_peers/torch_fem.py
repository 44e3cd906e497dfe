"""simp in torch-fem: `python torch_fem.py simp SIZE`, beside the `common.py` of the peers' folder."""

import time

import torch
from _densities import densities, young
from common import Timer, args, report
from torchfem import Solid
from torchfem.materials import IsotropicElasticity3D
from torchfem.mesh import cube_hexa


torch.set_default_dtype(torch.float64)
_, N = args()
timer = Timer()

started = time.perf_counter()
nodes, elements = cube_hexa(2 * N + 1, N + 1, N + 1, 2.0, 1.0, 1.0)
rho = torch.tensor(densities(N).ravel(), requires_grad=True)
nu = torch.full((len(elements),), 0.3)
body = Solid(nodes, elements, IsotropicElasticity3D(E=young(rho).detach(), nu=nu))
body.constraints[nodes[:, 0] == 0.0, :] = True
# A uniform traction on the face, as nodal forces: weights 1 inside, 1/2 on edges, 1/4 in corners.
loaded = torch.isclose(nodes[:, 0], torch.tensor(2.0))
half = lambda x: torch.where(torch.isclose(x, torch.tensor(0.0)) | torch.isclose(x, torch.tensor(1.0)), 0.5, 1.0)
weight = half(nodes[loaded, 1]) * half(nodes[loaded, 2])
forces = torch.zeros_like(nodes)
forces[loaded, 2] = -weight / N**2
body.forces = forces
t_setup = time.perf_counter() - started


def forward():
    """Displacements at the densities."""
    with torch.no_grad():
        body.material = IsotropicElasticity3D(E=young(rho), nu=nu)
        return body.solve()[0]


def gradient():
    """Compliance and its gradient."""
    rho.grad = None
    body.material = IsotropicElasticity3D(E=young(rho), nu=nu)
    loss = (forces * body.solve(differentiable_parameters=rho)[0]).sum()
    loss.backward()
    return loss.item(), rho.grad.clone()


timer.run("f", forward)
loss, slope = timer.run("g", gradient)
first, warm = timer.t["g"]
report(
    "torch-fem",
    "simp",
    N,
    3 * len(nodes),
    t_setup,
    *timer.t["f"],
    t_grad=warm,
    t_grad_first=first,
    check=loss,
    grad_check=slope.norm(),
)
