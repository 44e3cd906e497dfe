"""One HTML file that tells of a run: numbers in tables, pictures, and the body to be turned; it needs no network."""

from ._write import write_report as write_report
