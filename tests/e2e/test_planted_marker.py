"""Nothing that leaves a site, and nothing the coordinator keeps, names a patient.

Real processes on exports in which a marker stands wherever a patient may be named; all that the
sites send is read before TLS by a proxy that holds the coordinator's key.
"""

import csv
import gzip
import hashlib
import io
import json
import os
import signal
import zipfile
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import numpy as np
import pytest
import typer
import yaml
from fedcmr_client.cli import app as client
from fedcmr_client.keys import load_site_key
from fedcmr_client.link import connect
from fedcmr_server.leave_out import without
from flwr.app import Array
from flwr.proto.message_pb2 import PushObjectRequest
from flwr.supercore.inflatable.inflatable_object import get_all_nested_objects
from leak_search import Search, of_bytes, of_date, of_word, search_files
from planted_export import DATES, FAMILY, GIVEN, PATIENT_ID, UID_DIGITS, WORDS, write_planted
from recorder import Recorder, contents
from typer.testing import CliRunner

from fedcmr.cli.main import app as main_app
from fedcmr.config import Experiment
from fedcmr.data.store import INDEX
from fedcmr.drill.federation import Federation, call
from fedcmr.drill.process import Process

pytestmark = pytest.mark.timeout(900)

SITES = {"siemens": 16, "philips": 6}
"""Name of a site, which is that of its profile, and number of its key: each split has patients."""
PATIENTS, SEED = 6, 3
MAIN = {
    "name": "planted",
    "model": {"name": "stcnn_3d", "width": 0.1},
    "preprocessing": {"slices": 3, "phases": 4, "spacing_mm": 2.5, "size": 16},
    "training": {"batch_size": 2, "learning_rate": 1e-3},
    "federation": {"rounds": 1, "quorum": "all", "select": "last", "site_wait_s": 300},
    # Two bins tell too little of the ROC curve, so that a second pass is asked for.
    "evaluation": {"min_class_count": 1, "bins": 2},
}
PRIVATE = {
    **MAIN,
    "name": "private",
    "federation": {**MAIN["federation"], "quorum": 1},
    "privacy": {"mechanism": "dp_sgd", "noise_multiplier": 1.0},
}
KINDS = {"handshake", "survey", "train", "evaluate", "compare", "calibrate", "refusal"}


@dataclass(frozen=True)
class Left:
    """What the sites sent, what the coordinator has kept, and what to look for in it."""

    federation: Federation
    search: Search
    capture: list[tuple[str, bytes]]
    hostile: list[tuple[str, bytes]]
    """A capture of one site that did send its patients' names."""
    planted: dict[str, bytes]
    """What that site sent, by spelling."""


def run(app: typer.Typer, *words: object) -> None:
    """Run a short command here."""
    result = CliRunner().invoke(app, [*map(str, words)], catch_exceptions=False)
    assert result.exit_code == 0, result.output


def key_of(name: str) -> bytes:
    return hashlib.sha256(f"{name} {SITES[name]}".encode()).digest()


def allow(folder: Path, **policy: object) -> None:
    settings = yaml.safe_load((folder / "site.yaml").read_text())
    (folder / "site.yaml").write_text(yaml.safe_dump({**settings, "policy": policy}))


def add_site(federation: Federation, name: str, address: str, experiment: Path) -> None:
    dicom, labels = write_planted(federation.path / f"{name}-export", name, PATIENTS, SEED)
    folder = federation.add(name, server=address)
    (folder / "pseudonym.key").write_text(key_of(name).hex() + "\n", encoding="utf-8")
    call(
        *("fedcmr-client", "ingest", "--site", folder, "--dicom", dicom, "--labels", labels),
        *("--experiment", experiment, "--workers", 1),
    )


def rows(federation: Federation, name: str) -> list[dict[str, str]]:
    with (federation.site(name) / "dataset" / INDEX).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def search_for_all(federation: Federation) -> Search:
    """Return a search for marker, pseudonyms, keys and paths."""
    needles = [needle for name, word in WORDS.items() for needle in of_word(name, word)]
    for name, day in DATES.items():
        needles += of_date(name, *day)
    for name in SITES:
        needles += of_bytes(f"key of {name}", key_of(name))
        for path in (federation.site(name), federation.path / f"{name}-export"):
            needles += of_word(f"path of {name}", f"{path}")
        for row in rows(federation, name):
            for kind in ("study", "patient"):
                needles += of_bytes(f"{kind} pseudonym of {name}", bytes.fromhex(row[kind]))
    return Search(needles)


def survey(
    federation: Federation, running: dict[str, Process], recorder: Recorder, hostile: Recorder
) -> dict[str, bytes]:
    """Survey sites one of which cannot read its index at first, then waits for its people.

    Before the other's client starts, its doctor calls, and somebody who has its key: returns what
    he sent.
    """
    folder = federation.site("philips")
    index = folder / "dataset" / INDEX
    good = index.read_text(encoding="utf-8")
    running["philips"].says("next attempt")
    index.write_text(good.replace(",test,", f",{FAMILY}^{GIVEN},"), encoding="utf-8")
    with federation.serving(federation.write(MAIN), "--survey") as server:
        server.says("philips does not take part: ")
        index.write_text(good, encoding="utf-8")
        recorder.cut()
        recorder.mend()
        server.says("waits for approval at the site")
        call("fedcmr-client", "doctor", "--site", federation.site("siemens"))
        planted = plant(federation, hostile)
        settings = [Experiment.model_validate(found) for found in (MAIN, PRIVATE)]
        for asked in (*settings, *(without(settings[0], name) for name in SITES)):
            run(client, "approve", asked.digest(), "--site", folder)
        running["siemens"] = federation.client("siemens")
        server.ends_with(0)
    return planted


def spend_beyond(federation: Federation, running: dict[str, Process]) -> None:
    """Run a private experiment for which one site has no budget: it comes first, and refuses."""
    running["siemens"].stop()
    os.kill(running["philips"].pid, signal.SIGSTOP)
    allow(federation.site("siemens"), approval="auto", largest_epsilon=0.1)
    with federation.serving(federation.write(PRIVATE)) as server:
        running["siemens"] = federation.client("siemens")
        running["siemens"].ends_with(6)
        os.kill(running["philips"].pid, signal.SIGCONT)
        server.ends_with(7)


def spelled(federation: Federation) -> dict[str, bytes]:
    """Return messages that name a patient, by spelling."""
    study = bytes.fromhex(rows(federation, "siemens")[0]["study"])
    name = f"{FAMILY}^{GIVEN}"
    packed = io.BytesIO()
    np.savez_compressed(packed, names=np.array([name]))
    return {
        "plain": name.encode(),
        "upper": name.upper().encode(),
        "lower": f"{GIVEN} {FAMILY}".lower().encode(),
        "utf-16": name.encode("utf-16"),
        "utf-16-be": name.encode("utf-16-be"),
        **{f"base64 at {n}": b64encode(b"x" * n + name.encode() + b"y") for n in range(3)},
        "hex": name.encode().hex().encode(),
        "upper hex": name.encode().hex().upper().encode(),
        "URL": quote(f"{federation.site('siemens')}/dataset", safe="").encode(),
        "every byte URL": "".join(f"%{byte:02X}" for byte in name.encode()).encode(),
        "JSON": json.dumps({"a": "".join(f"\\u{byte:04x}" for byte in name.encode())})
        .replace("\\\\", "\\")
        .encode(),
        "SVG": "".join(f"&#{byte};" for byte in name.encode()).encode(),
        "patient id": f"<{PATIENT_ID}-4>".encode(),
        "UID": f"2.25.{UID_DIGITS}7777".encode(),
        "date": b'{"day":19870613}',
        "ISO date": b"1931-09-17T12:00:00",
        "pseudonym": study.hex().encode(),
        "cut pseudonym": study.hex()[:16].upper().encode(),
        "raw pseudonym": study,
        "key": key_of("siemens").hex().encode(),
        "raw key": key_of("siemens"),
        "path": f"cannot read {federation.site('siemens')}/dataset".encode(),
        "gzip": gzip.compress(name.encode()),
        "npz": packed.getvalue(),
    }


def plant(federation: Federation, recorder: Recorder) -> dict[str, bytes]:
    """Push objects that name patients, as a hostile site would; the coordinator asked for none."""
    folder = federation.site("siemens")
    planted = spelled(federation)
    key = load_site_key(folder / "site_key")
    with connect(recorder.address, folder / "ca.pem", key) as connection:
        for content in planted.values():
            push(connection, content)
        # One array, in parts that break the name.
        array = Array(np.frombuffer(b"\0" * 8 + FAMILY.encode(), np.uint8))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FLWR_PRIVATE_MAX_ARRAY_CHUNK_SIZE", "7")
            for item in get_all_nested_objects(array).values():
                push(connection, item.deflate())
    return planted


def push(connection: object, content: bytes) -> None:
    request = PushObjectRequest(
        node=connection._node, run_id=1, object_id="0" * 64, object_content=content
    )
    with suppress(httpx.HTTPStatusError):
        connection._client.PushObject(request)


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Left:
    federation = Federation(tmp_path_factory.mktemp("planted"))
    main = federation.write(MAIN)
    with (
        Recorder(federation.port, federation.server / "pki") as recorder,
        Recorder(federation.port, federation.server / "pki") as hostile,
    ):
        for name in SITES:
            add_site(federation, name, recorder.address, main)
        allow(federation.site("philips"), approval="ask")
        dataset, central = federation.site("siemens") / "dataset", federation.path / "central"
        run(main_app, "train", main, "--data", dataset, "--out", central, "--epochs", 1)
        with federation.clients(["philips"]) as running:
            planted = survey(federation, running, recorder, hostile)
            federation.run(main, "--leave-one-site-out", "--compare", f"central={central}")
            spend_beyond(federation, running)
    captures = ([*contents(found.exchanges)] for found in (recorder, hostile))
    return Left(federation, search_for_all(federation), *captures, planted)


def test_everything_that_can_leave_has_left(left: Left) -> None:
    kinds, reasons, splits = set(), [], set()
    for name in SITES:
        for line in (left.federation.site(name) / "ledger" / "outbound.jsonl").open():
            entry = json.loads(line)
            kinds.add(entry["kind"])
            splits.add((entry["experiment"], entry["kind"], entry["split"]))
            reasons += [entry["texts"]["reason"]] if entry["kind"] == "refusal" else []
    assert kinds == KINDS
    for part in ("index", "waits for approval", "privacy budget"):
        assert any(part in reason for reason in reasons), reasons
    assert ("private", "train", None) in splits
    assert ("planted-without-philips", "evaluate", "test") in splits
    release = left.federation.release(left.federation.path / "planted.yaml")
    metrics = json.loads((release / "metrics.json").read_text())
    assert metrics["refined"] is True
    assert any(name.endswith("body of /v1/fleet/push-object") for name, _ in left.capture)
    assert any(b"epsilon" in content for _, content in left.capture)


def test_no_patient_is_named_in_what_left(left: Left) -> None:
    found = {name: hits for name, content in left.capture if (hits := left.search.find(content))}
    assert found == {}


def test_no_patient_is_named_in_what_the_coordinator_keeps(left: Left) -> None:
    assert search_files(left.federation.server, left.search) == {}
    assert left.search.find(left.federation.log().encode()) == set()


def test_the_search_finds_what_a_hostile_site_sends(left: Left) -> None:
    objects = {content for name, content in left.hostile if name.startswith("object ")}
    for spelling, content in left.planted.items():
        assert content in objects
        assert left.search.find(content), spelling
    whole = [content for name, content in left.hostile if "parts in order" in name]
    assert any("family name, utf-8" in left.search.find(content) for content in whole)


def test_the_search_finds_what_a_coordinator_would_keep(left: Left, tmp_path: Path) -> None:
    for number, content in enumerate(left.planted.values()):
        (tmp_path / f"{number}.bin").write_bytes(content)
    (tmp_path / f"IM_{PATIENT_ID}").write_bytes(b"")
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        archive.writestr(f"{FAMILY}.txt", "nothing")
    assert search_files(tmp_path, left.search).keys() == {path.name for path in tmp_path.iterdir()}


def test_other_content_is_not_found(left: Left) -> None:
    noise = np.random.default_rng(0).bytes(5_000_000)
    assert left.search.find(noise + b"1198706130 0.1931091755 Phantom 2.25.4815162") == set()
