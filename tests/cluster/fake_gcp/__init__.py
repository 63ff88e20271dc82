"""A stand-in of Google Cloud's APIs on loopback, with the behaviours of the real ones that make scripts fail."""

from tests.cluster.fake_gcp.server import ADDRESS, TOKEN, fake_cloud
from tests.cluster.fake_gcp.state import FakeCloud

__all__ = ["ADDRESS", "TOKEN", "FakeCloud", "fake_cloud"]
