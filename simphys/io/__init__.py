"""Meshes, tables and weights in, fields and weights out."""

from ._checkpoint import (
    Entry as Entry,
    read_checkpoint as read_checkpoint,
    write_checkpoint as write_checkpoint,
)
from ._csv import Table as Table, read_table as read_table
from ._grid_mesh import mesh_of_cells as mesh_of_cells
from ._identity import identity_digest as identity_digest
from ._read import read_mesh as read_mesh
from ._read_fields import Fields as Fields, read_fields as read_fields, read_series as read_series
from ._size_field import SizeField as SizeField
from ._subdivide import subdivision as subdivision
from ._surface import write_surface as write_surface
from ._weights import load_weights as load_weights, read_weights as read_weights, save_weights as save_weights
from ._write import Domain as Domain, FieldSeries as FieldSeries, write_fields as write_fields
from ._write_grid import write_grid as write_grid
from ._write_mesh import write_mesh as write_mesh
