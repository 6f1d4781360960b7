"""Many slices at once: p-values that hold for all of them together."""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values by Holm's method (Holm 1979, "A simple sequentially rejective multiple test
    procedure").

    If those of 0.05 and less are taken for real, the chance that any one of them is false is at
    most 5 %, however the tests hang together: slices by two columns share rows.

    Returns:
        In the order of what was given; never smaller than that.

    """
    values = np.asarray(p_values, np.float64)
    order = np.argsort(values, kind="stable")
    raised = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(raised, 1.0)
    return [float(one) for one in adjusted]
