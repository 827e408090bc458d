from pathlib import Path

import pytest
from conftest import Coordinator
from fedcmr_client.keys import load_site_key
from fedcmr_client.link import connect
from recorder import Recorder, contents

from fedcmr.errors import NetworkError


def test_what_goes_each_way_is_kept_as_it_was_before_tls(
    coordinator: Coordinator, tmp_path: Path
) -> None:
    key = load_site_key(coordinator.key)
    with Recorder(coordinator.port, tmp_path) as recorder:
        with connect(recorder.address, coordinator.ca, key) as connection:
            assert coordinator.link.online() == ["one"]
            recorder.cut()
            with pytest.raises(NetworkError):
                connection.receive()
            recorder.mend()
            assert connection.receive() is None
        names = {name.partition(": ")[2] for name, _ in contents(recorder.exchanges)}
    assert {"body of /v1/fleet/activate-node", "body of /v1/fleet/pull-messages"} <= names
    assert any(name.startswith("answer to /v1/fleet/") for name in names)
    assert len(recorder.exchanges) > 1
