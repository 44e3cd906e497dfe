"""Surfaces that touch each other and themselves: who is near whom, how far they may move, and the barrier between them."""

from ._apart import check_apart as check_apart
from ._couples import with_couples as with_couples
from ._energy import barrier as barrier
from ._friction import held_back as held_back
from ._separated import separated as separated
from ._surface import Surface as Surface, build_surface as build_surface
from ._touch import Touch as Touch
