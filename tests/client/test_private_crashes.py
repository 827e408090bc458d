"""A client in private training, killed at random moments and started again with the same command.

Its own notes, which a kill does not touch, say how many noisy steps were taken for which round.
"""

import os
import random
import signal
import sys
import time
from collections import Counter
from multiprocessing import get_context
from pathlib import Path

import private_client
import pytest
from fedcmr_client.cli import app
from private_client import EXPERIMENT, ROUNDS
from site_files import SPLITS, make_site
from typer.testing import CliRunner

from fedcmr.federation import messages as wire
from fedcmr.privacy.accounting import Spending, epsilon, plan
from fedcmr.privacy.budget import read_budget
from fedcmr.privacy.chain import Entry, walk

pytestmark = pytest.mark.timeout(900)
KILLS = 20
MOST_NOTES, LONGEST_PAUSE_S = 14, 0.03
"""A life ends so many notes after its beginning at most, and so long after the last of them."""
PLANNED = plan(EXPERIMENT, SPLITS["train"])


def lives(path: Path, notes: Path, kills: int) -> None:
    """Run the client to its end through so many kills."""
    context, chance, hits = get_context("forkserver"), random.Random(5), 0
    context.set_forkserver_preload(["private_client"])
    while True:
        process = context.Process(target=private_client.work, args=(path, notes))
        before = length(notes)
        process.start()
        if hits == kills:
            process.join()
            assert process.exitcode == 0
            return
        until, pause = before + chance.randint(0, MOST_NOTES), chance.uniform(0, LONGEST_PAUSE_S)
        while length(notes) < until and process.is_alive():
            time.sleep(0.01)
        time.sleep(pause)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, f"it had ended before {hits + 1} kills"
        hits += 1
        check(path, notes)


def length(notes: Path) -> int:
    return notes.read_bytes().count(b"\n") if notes.exists() else 0


def check(path: Path, notes: Path) -> None:
    """Both ledgers verify, and the budget has at least what was taken of each round."""
    assert CliRunner().invoke(app, ["ledger", "verify", "--site", str(path)]).exit_code == 0
    budget = read_budget(path / "ledger" / "budget.jsonl")
    charged = Counter[int]()
    for charge in budget.charges:
        charged[charge.round] += charge.spending.steps
    taken = steps_of(notes)
    assert all(charged[number] >= len(steps) for number, steps in taken.items())
    if not taken:
        return
    [patients] = budget.sets.values()
    total = sum(len(steps) for steps in taken.values())
    spent = Spending(PLANNED.noise_multiplier, PLANNED.sample_rate, total)
    assert budget.epsilon(patients, delta=1e-5, accountant="rdp") >= epsilon([spent], 1e-5, "rdp")


def steps_of(notes: Path) -> dict[int, set[int]]:
    """Return the numbers of the steps that were begun, by round."""
    found: dict[int, set[int]] = {}
    for line in notes.read_text().splitlines() if notes.exists() else []:
        word, _, number = line.partition(" ")
        if word == "step":
            found.setdefault(int(number) // PLANNED.steps + 1, set()).add(int(number))
    return found


def check_order(notes: Path) -> None:
    """No step before its charge, no second charge once noise was drawn, no round twice."""
    paid: set[int] = set()
    stepped: set[int] = set()
    done: set[int] = set()
    for line in notes.read_text().splitlines():
        word, _, number = line.partition(" ")
        if word == "paid":
            paid.add(int(number))
            assert int(number) not in stepped, "charged again for noise that is charged"
        elif word == "step":
            current = int(number) // PLANNED.steps + 1
            stepped.add(current)
            assert current in paid, "trained before it was charged"
            assert current not in done, "trained again"
        elif word == "finished":
            done.add(max(stepped))
    assert paid == stepped == set(range(1, ROUNDS + 1))


def test_kill_at_20_random_moments_of_private_training_never_undercounts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Python 3.11 gives its fork server a sys.path, which that does not use.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    path, notes = tmp_path / "site", tmp_path / "notes"
    make_site(path)
    (path / "site.yaml").write_text("name: one\nserver: localhost:1\n")
    lives(path, notes, KILLS)
    check(path, notes)
    check_order(notes)
    counts = {number: len(steps) for number, steps in steps_of(notes).items()}
    assert counts == dict.fromkeys(range(1, ROUNDS + 1), PLANNED.steps)
    sent: list[Entry] = []
    walk(path / "ledger" / "outbound.jsonl", sent.append)
    assert {line["round"] for line in sent} == set(range(1, ROUNDS + 1))
    assert all(line["metrics"][wire.STEPS] == PLANNED.steps for line in sent)
