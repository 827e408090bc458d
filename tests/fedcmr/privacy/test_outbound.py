import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from fedcmr.errors import UsageError
from fedcmr.privacy.explain import explain
from fedcmr.privacy.outbound import VALUES_AT_ONCE, OutboundLedger, Outgoing

RUN = "ab" * 32


def update(number: int = 1, values: np.ndarray | None = None, **more: object) -> Outgoing:
    tensors = {"weights": np.arange(6, dtype=np.float32) if values is None else values}
    metrics = {"num-examples": 12, "loss": 0.5 + number}
    return Outgoing(
        RUN, "scar-2026", "train", 900, round=number, tensors=tensors, metrics=metrics, **more
    )


def entries(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_describes_the_message(tmp_path: Path) -> None:
    path, values = tmp_path / "out.jsonl", np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
    OutboundLedger(path).write(update(3, values, epsilon=1.5))
    [entry] = entries(path)
    assert entry["tensors"] == [
        {
            "name": "weights",
            "shape": [3, 4],
            "dtype": "float32",
            "norm": pytest.approx(float(np.linalg.norm(values.astype(np.float64)))),
            "bytes": 48,
            "sha256": hashlib.sha256(values.tobytes()).hexdigest(),
        }
    ]
    assert (entry["run"], entry["round"], entry["kind"]) == (RUN, 3, "train")
    assert (entry["bytes"], entry["epsilon"]) == (900, 1.5)
    assert entry["metrics"] == {"num-examples": 12, "loss": 3.5}
    content = {name: entry[name] for name in ("tensors", "metrics", "texts")}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    assert entry["digest"] == hashlib.sha256(canonical.encode()).hexdigest()


def test_norm_and_digest_of_a_long_vector(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    values = np.random.default_rng(0).standard_normal(2 * VALUES_AT_ONCE + 7, dtype=np.float32)
    OutboundLedger(path).write(update(1, values))
    [tensor] = entries(path)[0]["tensors"]
    assert tensor["norm"] == pytest.approx(float(np.linalg.norm(values.astype(np.float64))))
    assert tensor["sha256"] == hashlib.sha256(values.tobytes()).hexdigest()


def test_different_messages_are_counted_over_restarts(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    for number in (1, 2, 2):
        OutboundLedger(path).write(update(number))
    ledger = OutboundLedger(path)
    assert ledger.sent(RUN, "train") == 2
    assert ledger.sent(RUN, "evaluate", "test") == ledger.sent("other", "train") == 0
    assert len(entries(path)) == 3


@pytest.fixture
def explained(tmp_path: Path) -> Path:
    path = tmp_path / "out.jsonl"
    ledger = OutboundLedger(path)
    ledger.write(Outgoing(RUN, "scar-2026", "handshake", 100, texts={"cohort": "{}"}))
    for number in (1, 2):
        ledger.write(update(number, epsilon=0.25 * number))
    ledger.write(Outgoing(RUN, "scar-2026", "evaluate", 300, split="test", texts={"sums": "{}"}))
    refusal = {"reason": "waits for approval at the site"}
    ledger.write(Outgoing(RUN, "scar-2026", "refusal", 50, texts=refusal))
    ledger.write(Outgoing("cd" * 32, "other", "handshake", 70))
    return path


@pytest.mark.parametrize("name", ["scar-2026", "abababab", RUN])
def test_a_run_is_explained_on_a_page(explained: Path, name: str) -> None:
    page = explain(explained, name)
    assert "5 messages left, 2250 bytes in all" in page
    assert "- 2 x train, 1800 bytes: the network's weights" in page
    assert "in 2 rounds (1 to 2)" in page
    assert "epsilon 0.500 in this run" in page
    assert "- 1 x waits for approval at the site" in page
    assert "other" not in page
    assert "holds one study, its sums are that study's score and label" in page
    assert "Numbers of patients and studies, times and histograms" in page
    assert len(page.splitlines()) < 50


def test_a_run_without_privacy_says_that_nothing_bounds_it(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    OutboundLedger(path).write(update(1))
    assert "There was no differential privacy" in explain(path, RUN)


def test_an_unknown_run_is_one_line(explained: Path) -> None:
    with pytest.raises(UsageError, match="0 runs of the ledger are named 'nothing'"):
        explain(explained, "nothing")
