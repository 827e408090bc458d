"""Keeps the link to the sites in step with the folder of enrolled keys."""

import logging
import time
from pathlib import Path

from fedcmr.errors import ConfigurationError
from fedcmr_server.enrolment import NAME, read_enrolment, today
from fedcmr_server.link import FleetLink

log = logging.getLogger("fedcmr")

LOOK_S = 0.5
"""A revoked site is shut out within this time, in the middle of a round too."""


class Admission:
    """Admits who is enrolled; withdraws who was revoked or whose last day has passed."""

    def __init__(self, sites: Path) -> None:
        """Watch a folder of `<name>.pub`."""
        self._sites = sites
        self._looked = -LOOK_S
        self._unreadable: set[Path] = set()

    def __call__(self, link: FleetLink) -> None:
        """Look at the folder, unless this was done a moment ago."""
        now = time.monotonic()
        if now - self._looked < LOOK_S:
            return
        self._looked = now
        enrolled = set()
        for path in sorted(self._sites.glob("*.pub")):
            try:
                if not NAME.fullmatch(path.stem):
                    raise ConfigurationError("no name of a site", where=str(path))
                enrolled.add(path.stem)
                enrolment = read_enrolment(path)
            except ConfigurationError as error:
                if path not in self._unreadable:
                    self._unreadable.add(path)
                    log.warning("%s; use `fedcmr-server enrol`", error)
                continue
            if enrolment.is_over(today()):
                link.withdraw(path.stem, f"its key expired on {enrolment.expires}")
            else:
                link.admit(path.stem, enrolment.key)
        for name in set(link.enrolled()) - enrolled:
            link.withdraw(name, "revoked")
