"""Simulations as Tesseracts: components that other programs call by their schemas, derivatives included.

Needs the extra `[tesseract]`: https://docs.pasteurlabs.ai/projects/tesseract-core.
"""

from ._endpoints import Endpoints as Endpoints
from ._of_function import of_function as of_function
from ._of_problem import of_problem as of_problem
