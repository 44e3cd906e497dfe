"""`python -m simphys` is the command `simphys`."""

from .cli import main


main()
