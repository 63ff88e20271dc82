"""Install what tests with containers need, and make their base images: downloads, while nothing is tested yet."""

from tests import engine, engine_base
from tests.cluster.lab import BARE

engine.install()
for packages in (BARE, ("python3", "python3-venv")):  # hosts; components, as in tests/launch/conftest.py
    engine_base.tarball(packages)
