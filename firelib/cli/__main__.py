"""`python -m firelib.cli`: the command line where its script is not on the path."""

from firelib.cli import main

main()
