"""`python -m firelib.cli`: the command line, if its script is not on PATH."""

from firelib.cli import main

main()
