"""Errors a person can act on, each with the exit code of the commands.

FedcmrError (1, a check failed)
├── CheckFailed (1)
├── UsageError (2)
├── ConfigurationError (3)
├── DataError (4)
├── NetworkError (5)
├── PolicyRefusal (6)
└── PartialRun (7)
"""

from typing import ClassVar


class FedcmrError(Exception):
    """One line: what happened, where, and what to do next. Never anything about a patient."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        self.what = what
        """The part that may leave a site: no path, no host."""
        line = what if where is None else f"{what} ({where})"
        line = line if fix is None else f"{line}; {fix}"
        super().__init__(" ".join(line.split()))


class CheckFailed(FedcmrError):
    """A check that was asked for did not pass."""


class UsageError(FedcmrError):
    """The command was called wrongly."""

    exit_code = 2


class ConfigurationError(FedcmrError):
    """A settings file is missing, unreadable or contradicts itself."""

    exit_code = 3


class DataError(FedcmrError):
    """A DICOM export, label file or data set cannot be used."""

    exit_code = 4


class NetworkError(FedcmrError):
    """The other side cannot be reached, or its TLS identity or our key is not accepted."""

    exit_code = 5


class PolicyRefusal(FedcmrError):
    """The site's own rules forbid what was asked."""

    exit_code = 6


class PartialRun(FedcmrError):
    """A run ended below plan; its artefacts are stamped PARTIAL."""

    exit_code = 7
