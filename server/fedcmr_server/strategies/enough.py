"""Whether so many updates can outvote the hostile ones."""

from fedcmr.config import Strategy, fewest_updates
from fedcmr.errors import PartialRun


def check_enough(strategy: Strategy, byzantine: int, updates: int) -> None:
    """Refuse to merge too few updates.

    Raises:
        PartialRun: so few cannot outvote the hostile ones.
    """
    least = fewest_updates(strategy, byzantine)
    if updates < least:
        raise PartialRun(
            f"{strategy} with byzantine {byzantine} needs {least} updates, {updates} came",
            fix="start the missing sites and give the same command again",
        )
