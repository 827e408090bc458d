"""A site as its people see it: real processes, from the first question to the page for the DPO."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from fedcmr_client.cli import app
from fedcmr_client.settings import SiteFolder, SiteSettings
from site_files import AUTO, PRIVATE, SETTINGS, SPLITS, accept, start
from typer.testing import CliRunner

from fedcmr.config import Experiment
from fedcmr.data.store import open_dataset
from fedcmr.drill.federation import Federation
from fedcmr.drill.noise import SMALL, noise_dataset
from fedcmr.errors import CheckFailed, DataError
from fedcmr.settings import load_settings

ONE_ROUND = {"rounds": 1, "quorum": 1, "site_wait_s": 60, "select": "last"}
TEST = {**SETTINGS, "federation": ONE_ROUND, "evaluation": {"min_class_count": 1}}


@pytest.fixture
def federation(tmp_path: Path) -> Federation:
    """A coordinator and site `a`, whose people are asked."""
    federation = Federation(tmp_path)
    folder = federation.add("a")
    noise_dataset(folder / "dataset", "a", splits=SPLITS, seed=0, preprocessing=SMALL)
    allow(folder)
    return federation


def client(*words: object) -> str:
    """Run a command of the client here; one that fails raises its error."""
    result = CliRunner().invoke(app, [*map(str, words)])
    if isinstance(result.exception, Exception):
        raise result.exception
    return result.stdout


def allow(folder: Path, **policy: Any) -> None:
    """Write the site's policy."""
    settings = yaml.safe_load((folder / "site.yaml").read_text())
    (folder / "site.yaml").write_text(yaml.safe_dump({**settings, "policy": policy}))


def assert_no_patient(folder: Path, server: Path) -> None:
    """No pseudonym in what left, nor in anything that the coordinator keeps."""
    files = [folder / "ledger" / "outbound.jsonl", *server.rglob("*")]
    records = open_dataset(folder / "dataset").records
    for path in files:
        content = path.read_bytes() if path.is_file() else b""
        assert not any(record.patient.encode() in content for record in records), path


def test_a_run_waits_for_approval_and_is_then_accounted_for(federation: Federation) -> None:
    folder, experiment = federation.site("a"), federation.write(TEST)
    digest = load_settings(experiment, Experiment).digest()
    with federation.clients(["a"]) as running, federation.serving(experiment) as server:
        server.says("waits for approval at the site")
        running["a"].says(f"experiment test, digest {digest}")
        assert "pending" in client("approve", "--site", folder)
        assert list((folder / "ledger").glob("budget*")) == []
        client("approve", digest[:16], "--site", folder)
        running["a"].says("a run was approved: connecting anew")
        server.ends_with(0)
        assert digest in server.output()
    assert_no_patient(folder, federation.server)
    printed = client("ledger", "verify", "--site", folder)
    assert printed.startswith("ok outbound.jsonl: ")
    head = printed.split("head ")[1].split()[0]
    client("ledger", "verify", "--site", folder, "--head", head)
    with pytest.raises(CheckFailed, match="no line of the ledgers has this head"):
        client("ledger", "verify", "--site", folder, "--head", "f" * 64)
    page = client("ledger", "explain", "test", "--site", folder)
    assert "Weights left in 1 rounds" in page
    assert "1 x waits for approval at the site" in page
    assert f"run test {digest[:16]}: 1 rounds, no privacy, no bound" in client(
        "ledger", "--site", folder
    )
    path = folder / "ledger" / "outbound.jsonl"
    path.write_bytes(path.read_bytes().replace(b"0", b"1", 1))
    with pytest.raises(DataError, match="tampered with"):
        client("ledger", "verify", "--site", folder)


def test_a_run_beyond_the_budget_is_refused_and_the_client_ends_with_6(
    federation: Federation,
) -> None:
    folder = federation.site("a")
    first = accept(SiteFolder(folder, SiteSettings(name="a", server="a:1", policy=AUTO)), PRIVATE)
    first.train(start(first), 1)
    allow(folder, approval="auto", largest_epsilon=30.0)
    [patients] = json.loads(client("ledger", "--json", "--site", folder))["patient_sets"]
    assert patients["patients"] == SPLITS["train"]
    assert patients["left"] == pytest.approx(30.0 - patients["epsilon"])
    assert patients["epsilon"] == patients["prv"] < patients["rdp"]
    allow(folder, approval="auto", largest_epsilon=1.05 * patients["epsilon"])
    private = {**TEST, "privacy": PRIVATE.model_dump(mode="json")["privacy"], "name": "second"}
    second = federation.write(private)
    with federation.clients(["a"]) as running, federation.serving(second) as server:
        server.says("the privacy budget does not reach")
        running["a"].ends_with(6)
    again = json.loads(client("ledger", "--json", "--site", folder))
    assert again["patient_sets"][0]["epsilon"] == patients["epsilon"]
    assert [run["experiment"] for run in again["runs"]] == ["private"]
