import math

import numpy as np
import numpy.typing as npt
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from firelib.tfrecord.kernels.sums import exact_sum, squared_deviations

FLOATS = arrays(np.float32, st.integers(0, 300), elements=st.floats(-1e9, 1e9, width=32)).map(
    lambda values: values.astype(np.float64)
)


# Without its second value, the sum lies in the middle between two floats.
TIE = np.array([1.899999976158142, -5.605193857299268e-45, 2.0**29, 2.0**29])


@given(FLOATS)
@example(TIE)
def test_sums_have_twice_the_precision(values: npt.NDArray[np.float64]) -> None:
    """So they are those of `fsum` but for the last bit, where the sum is nearly in the middle between two floats."""
    expected = math.fsum(values.tolist())
    limit = math.ulp(expected) + 2.0**-95 * float(np.abs(values).sum())
    assert abs(exact_sum(values) - expected) <= limit
    mean = exact_sum(values) / max(1, len(values))
    assert math.isclose(squared_deviations(values, mean), math.fsum(((values - mean) ** 2).tolist()), rel_tol=1e-15)


def test_small_values_beside_large_ones_count() -> None:
    assert exact_sum(np.array([1e16, 1.0, -1e16] * 1000)) == 1000.0


def test_infinity_is_not_mistaken_for_a_rounding_error() -> None:
    assert exact_sum(np.array([math.inf, 1.0])) == math.inf
    assert math.isnan(exact_sum(np.array([math.inf, -math.inf])))
