"""How many hostile updates a merge can withstand, and whether that is enough."""

from fedcmr.config import Strategy, fewest_updates
from fedcmr.errors import PartialRun


def withstood(strategy: Strategy, byzantine: int, updates: int, set_aside: int) -> int:
    """Return f: all that were planned for, or as many as the updates that are left allow.

    Who was set aside may have been honest, so f shrinks only where too few updates are left, and
    by no more than were set aside.

    Raises:
        PartialRun: so few cannot outvote the hostile ones.
    """
    f = byzantine
    while f > max(0, byzantine - set_aside) and updates < fewest_updates(strategy, f):
        f -= 1
    least = fewest_updates(strategy, f)
    if updates < least:
        raise PartialRun(
            f"{strategy} with byzantine {f} needs {least} updates, {updates} came",
            fix="start the missing sites and give the same command again",
        )
    return f
