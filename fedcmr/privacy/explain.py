"""What a run took out of a site, on one page for a data-protection officer."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from fedcmr.errors import UsageError
from fedcmr.privacy.chain import Entry, walk

KINDS = {
    "handshake": "how many labelled studies the site holds, its role, whether they are phantoms",
    "survey": "counts of studies by scanner, sex, age band and label",
    "train": "the network's weights after training here, and four or five numbers",
    "evaluate": "histograms and sums of scores; each line of the ledger names the split",
    "compare": "histograms of pairs of scores, by two networks",
    "calibrate": "seven sums over the scores of the test studies",
    "refusal": "one sentence why the site did not answer",
}


def explain(outbound: Path, run: str) -> str:
    """Return the page on one run.

    Args:
        outbound: the site's outbound ledger; it is verified on the way.
        run: name of the experiment, or the first digits of its digest.

    Raises:
        DataError: the ledger is damaged.
        UsageError: no such run in it, or more than one.
    """
    runs: dict[str, list[Entry]] = {}

    def note(entry: Entry) -> None:
        if entry["experiment"] == run or (entry["run"] and entry["run"].startswith(run.lower())):
            runs.setdefault(entry["run"], []).append(entry)

    end = walk(outbound, note)
    if len(runs) != 1:
        raise UsageError(
            f"{len(runs)} runs of the ledger are named {run!r}",
            fix="give the first digits of the digest that `fedcmr-client approve --list` shows",
        )
    [(digest, entries)] = runs.items()
    whole = f"The ledger has {end.lines} lines and verifies; its head is {end.digest}."
    return "\n".join([*_lines(digest, entries), "", whole])


def _lines(digest: str, entries: list[Entry]) -> Iterator[str]:
    counts = Counter(entry["kind"] for entry in entries)
    yield f"What the run {entries[0]['experiment']} took out of this site"
    yield ""
    yield f"Experiment digest: {digest}"
    yield f"From {entries[0]['time']} to {entries[-1]['time']} (UTC)."
    total = sum(entry["bytes"] for entry in entries)
    yield f"{len(entries)} messages left, {total} bytes in all:"
    for kind, number in sorted(counts.items()):
        size = sum(entry["bytes"] for entry in entries if entry["kind"] == kind)
        yield f"- {number} x {kind}, {size} bytes: {KINDS[kind]}"
    yield ""
    yield "No image, name, date or number of a patient is among them, and no score has a name. But"
    yield "where a bin or a group holds one study, its sums are that study's score and label; the"
    yield "coordinator sees them before they are pooled. The lines of the ledger hold every"
    yield "word and number that left, but the weights' values."
    yield from _weights([entry for entry in entries if entry["kind"] == "train"])
    yield from _said(entries)


def _weights(trained: list[Entry]) -> Iterator[str]:
    if not trained:
        return
    yield ""
    rounds = sorted({entry["round"] for entry in trained})
    [tensor] = trained[-1]["tensors"]
    yield (
        f"Weights left in {len(rounds)} rounds ({rounds[0]} to {rounds[-1]}): each time one list of"
        f" {tensor['shape'][0]} numbers ({tensor['dtype']}), {tensor['bytes']} bytes, the same"
        " length whatever the number of patients."
    )
    number, spent = trained[-1]["metrics"]["num-examples"], trained[-1]["epsilon"]
    unit = "studies" if spent is None else "patients"
    yield f"They were trained on {number} {unit} of this site."
    if spent is None:
        yield (
            "There was no differential privacy: whoever holds these weights may be able to guess"
            " whether a known patient was among the training patients. Nothing bounds this."
        )
    else:
        yield (
            f"Differential privacy: epsilon {spent:.3f} in this run. Whether a patient was among"
            " the training patients changes the odds that these weights show by at most"
            f" e^{spent:.3f}, up to the small delta of the experiment. Numbers of patients and"
            " studies, times and histograms of validation and test patients are not covered."
        )


def _said(entries: list[Entry]) -> Iterator[str]:
    refusals = [entry for entry in entries if entry["kind"] == "refusal"]
    if refusals:
        yield ""
        yield "Where the site said no, it gave these reasons:"
        reasons = Counter(entry["texts"]["reason"] for entry in refusals)
        for reason, number in reasons.most_common():
            yield f"- {number} x {reason}"
