"""Figures of a server for monitoring, in Prometheus' text format."""

from bisect import bisect_left
from collections import Counter

# Upper bounds of the histogram's buckets, in seconds.
_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Figures:
    """Counts requests, rows and latencies."""

    def __init__(self) -> None:
        self._requests: Counter[int] = Counter()
        self._buckets = [0] * (len(_BOUNDS) + 1)
        self._seconds = 0.0
        self._rows = 0

    def add(self, status: int, seconds: float, rows: int = 0) -> None:
        """Count a request for predictions.

        Args:
            status: Status code of the response.
            seconds: From the request's headers to the response.
            rows: Number of rows that were scored.
        """
        self._requests[status] += 1
        self._buckets[bisect_left(_BOUNDS, seconds)] += 1
        self._seconds += seconds
        self._rows += rows

    def to_text(self, calls: int) -> str:
        """Return the figures (https://prometheus.io/docs/instrumenting/exposition_formats).

        Args:
            calls: Number of calls of the model.
        """
        lines = ["# TYPE firelib_requests_total counter"]
        lines += [f'firelib_requests_total{{status="{status}"}} {n}' for status, n in sorted(self._requests.items())]
        lines += ["# TYPE firelib_rows_total counter", f"firelib_rows_total {self._rows}"]
        lines += ["# TYPE firelib_model_calls_total counter", f"firelib_model_calls_total {calls}"]
        lines += ["# TYPE firelib_request_seconds histogram"]
        total = 0
        for bound, count in zip((*map(str, _BOUNDS), "+Inf"), self._buckets, strict=True):
            total += count
            lines.append(f'firelib_request_seconds_bucket{{le="{bound}"}} {total}')
        lines += [f"firelib_request_seconds_sum {self._seconds:.6f}", f"firelib_request_seconds_count {total}"]
        return "\n".join(lines) + "\n"
