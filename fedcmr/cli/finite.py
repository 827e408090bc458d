"""Numbers of the command line that must be numbers."""

from math import isfinite

from fedcmr.errors import UsageError


def finite(values: list[float] | None) -> list[float] | None:
    """Return the values of an option.

    Raises:
        UsageError: one is NaN or infinite; a smallest and a largest value let NaN pass.
    """
    for value in values or []:
        if not isfinite(value):
            raise UsageError(f"{value} is no number", fix="give one that is finite")
    return values
