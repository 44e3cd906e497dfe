"""Pictures for reports: bodies, fields and fits, as PNG files."""

from ._deformed import deformed as deformed
