"""Array types that metrics, baselines and plots share."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.generic]
