"""`python -m firelib …` is the same as `firelib …`."""

from firelib.cli import main

if __name__ == "__main__":
    main()
