"""Times of variants that share a machine with other work."""

import time
from collections.abc import Callable, Mapping
from statistics import median


def medians_in_turn(cases: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return the median wall time of each case in seconds.

    The cases take turns, so that a busy minute slows all of them; one untimed turn comes first.
    """
    times: dict[str, list[float]] = {name: [] for name in cases}
    for turn in range(repeats + 1):
        for name, case in cases.items():
            started = time.perf_counter()
            case()
            if turn:
                times[name].append(time.perf_counter() - started)
    return {name: median(values) for name, values in times.items()}
