"""Updates in blocks, one value after the other in double precision."""

import numpy as np

BLOCK = 256


def slow_round_trip(update: np.ndarray, start: np.ndarray, precision: str) -> np.ndarray:
    """What arrives of an update (P,)."""
    arrived = start.astype(np.float64)
    for first in range(0, len(update), BLOCK):
        places = range(first, min(first + BLOCK, len(update)))
        steps = {i: float(update[i]) - float(start[i]) for i in places}
        largest = max(abs(step) for step in steps.values())
        for i, step in steps.items():
            if largest == 0:
                continue
            if precision == "int8":
                arrived[i] += round(step / largest * 127) * largest / 127
            else:
                arrived[i] += float(np.float16(step / largest)) * largest
    return arrived
