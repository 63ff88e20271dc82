"""Install the programs that tests with containers need, and build their base images, before any test starts."""

from tests import engine, engine_base
from tests.cluster.lab import BARE

engine.install(engine.PROGRAMS)
for packages in (BARE, ("python3", "python3-venv")):  # hosts of a cluster; components, as in tests/launch/conftest.py
    engine_base.tarball(packages)
