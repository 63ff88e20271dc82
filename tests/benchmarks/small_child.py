"""A child process that allocates almost nothing."""

import json

from benchmarks.harness.child import peak_mib

print(json.dumps({"mib": peak_mib()}))  # noqa: T201  the parent reads it
