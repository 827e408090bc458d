"""Short form of `fedcmr drill network`."""

from pathlib import Path

import pytest

from fedcmr.drill.network import AWAY, LATE, NetworkDrill

# Many processes share two cores.
pytestmark = pytest.mark.timeout(900)


def test_every_site_is_accounted_for(tmp_path: Path) -> None:
    drill = NetworkDrill(tmp_path)
    with drill.open():
        sites = drill.attendance()
    assert len(sites) == 7
    assert all(site.accounted for site in sites), sites
    missed = {site.site: [*site.missed] for site in sites}
    assert missed[AWAY][0] == 2  # and 3 where that is over before its next attempt to connect
    assert 1 in missed[LATE]
