"""Many members or one mesh, over several devices and processes: on JAX's own runtime."""

from ._members import MemberFailed as MemberFailed, Members as Members, map_members as map_members
