"""Times of variants that share a machine with other work."""

import time
from collections.abc import Callable, Mapping
from statistics import median


def medians_in_turn(
    cases: Mapping[str, Callable[[], object]],
    repeats: int,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Return the median time of each case in seconds, by the clock: the wall's by default.

    The cases take turns, so that a busy minute slows all of them; one untimed turn comes first.
    """
    times: dict[str, list[float]] = {name: [] for name in cases}
    for turn in range(repeats + 1):
        for name, case in cases.items():
            started = clock()
            case()
            if turn:
                times[name].append(clock() - started)
    return {name: median(values) for name, values in times.items()}
