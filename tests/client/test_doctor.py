"""Each fault alone: the doctor names it first, with its remedy."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Coordinator, free_port
from fedcmr_client import doctor
from fedcmr_client.doctor import Finding, examine
from fedcmr_client.keys import make_site_key, write_secret
from fedcmr_client.settings import SiteFolder, SiteSettings
from fedcmr_server.pki import make_authority
from survey_files import records

import fedcmr
from fedcmr.config import Preprocessing
from fedcmr.data.store import write_dataset
from fedcmr.privacy.outbound import OutboundLedger, Outgoing
from fedcmr.privacy.policy import Policy

LOCAL = ["keys", "disk", "device", "data set", "policy", "ledgers"]
ALL = [*LOCAL, "DNS", "TCP", "TLS", "clock", "enrolment and version"]


@pytest.fixture
def site(coordinator: Coordinator, tmp_path: Path) -> SiteFolder:
    write_dataset(tmp_path / "dataset", [], {}, Preprocessing(), phantom=True)
    return folder(tmp_path, coordinator.address)


def folder(path: Path, server: str) -> SiteFolder:
    return SiteFolder(path, SiteSettings(name="one", server=server))


def findings(site: SiteFolder, *, running: bool = False) -> list[Finding]:
    return list(examine(site, running=running))


def test_a_healthy_site_passes_every_check_in_order(site: SiteFolder) -> None:
    found = findings(site)
    assert [finding.check for finding in found] == ALL
    assert [finding.error for finding in found] == [None] * len(ALL)


def wrong_host(site: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> SiteFolder:
    return folder(site.path, "no-such-host.invalid:8443")


def stopped_server(site: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> SiteFolder:
    return folder(site.path, f"127.0.0.1:{free_port()}")


def wrong_name(site: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> SiteFolder:
    return folder(site.path, site.settings.server.replace("127.0.0.1", "localhost"))


def wrong_ca(site: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> SiteFolder:
    (site.path / "other").mkdir()
    make_authority(site.path / "other")
    (site.path / "other" / "ca.pem").replace(site.ca)
    return site


def no_ca(site: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> SiteFolder:
    site.ca.unlink()
    return site


def wrong_clock(site: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> SiteFolder:
    shifted = dt.datetime.now().timestamp() + 100
    monkeypatch.setattr(doctor.time, "time", lambda: shifted)
    return site


def other_key(site: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> SiteFolder:
    site.site_key.unlink()
    make_site_key(site.site_key)
    return site


def other_version(site: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> SiteFolder:
    monkeypatch.setattr(fedcmr, "__version__", "9.9")
    return site


def full_disk(site: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> SiteFolder:
    monkeypatch.setattr(doctor, "MIN_FREE_BYTES", 10**18)
    return site


def no_dataset(site: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> SiteFolder:
    (site.dataset / "dataset.yaml").unlink()
    return site


def open_key(site: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> SiteFolder:
    write_secret(site.pseudonym_key, b"00")
    site.pseudonym_key.chmod(0o644)
    return site


def changed_ledger(site: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> SiteFolder:
    ledger = OutboundLedger(site.outbound)
    for number in range(2):
        ledger.write(Outgoing("", "", "refusal", number))
    site.outbound.write_text(site.outbound.read_text().replace("refusal", "refused", 1))
    return site


@pytest.mark.parametrize(
    ("fault", "check", "code", "line"),
    [
        (open_key, "keys", 3, r"others can read pseudonym\.key.*chmod 600"),
        (changed_ledger, "ledgers", 4, r"tampered with or damaged: line [12] was changed"),
        (wrong_host, "DNS", 5, "no such host.*check `server`"),
        (stopped_server, "TCP", 5, "nothing listens there.*whether the server runs"),
        (wrong_name, "TLS", 5, "certificate is for another host name"),
        (wrong_ca, "TLS", 5, r"not signed by this site's ca\.pem"),
        (no_ca, "TLS", 3, r"cannot read the CA certificate.*copy ca\.pem"),
        (wrong_clock, "clock", 1, r"clock is \+\d+ s off.*NTP"),
        (other_key, "enrolment and version", 5, r"does not know.*send site_key\.pub"),
        (other_version, "enrolment and version", 1, r"this site 9\.9.*install the same version"),
        (full_disk, "disk", 1, "GB free"),
        (no_dataset, "data set", 4, "run ingest"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_fault_is_the_last_finding_with_its_remedy(
    site: SiteFolder,
    monkeypatch: pytest.MonkeyPatch,
    fault: Callable[[SiteFolder, pytest.MonkeyPatch], SiteFolder],
    check: str,
    code: int,
    line: str,
) -> None:
    *before, last = findings(fault(site, monkeypatch))
    assert last.check == check
    assert [finding.check for finding in before] == ALL[: ALL.index(check)]
    assert last.error is not None
    assert last.error.exit_code == code
    with pytest.raises(type(last.error), match=line):
        raise last.error


def test_a_running_client_is_not_disturbed(
    site: SiteFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(doctor, "connect")
    assert [finding.error for finding in findings(site, running=True)] == [None] * len(ALL)


def test_the_policy_is_shown(site: SiteFolder) -> None:
    policy = Policy(models=("st_ran", "t_cnn"), largest_epsilon=8)
    settings = site.settings.model_copy(update={"policy": policy, "role": "validate"})
    [text] = [f.text for f in findings(SiteFolder(site.path, settings)) if f.check == "policy"]
    assert text.startswith("validates only; approval ask; models st_ran, t_cnn; ")
    assert "largest_epsilon 8.0" in text
    assert "require_dp" not in text


def test_a_data_set_of_slices_is_counted_by_slice(site: SiteFolder) -> None:
    labels: dict[str, object] = {"slices": 4, "mvo_slices": (0, 1, None, 0)}
    (record,) = records("a", 1, seed=0, **labels)
    shape = Preprocessing(slices=1, phases=2, size=16)
    arrays = {record.study: np.zeros((4, 2, 16, 16), np.uint16)}
    write_dataset(site.dataset, [record], arrays, shape, phantom=True)
    (found,) = (finding for finding in findings(site) if finding.check == "data set")
    assert found.text == "1 studies of 1 patients; labelled slices: 1 with MVO, 2 without"
