"""One experiment from handshake to final evaluation, a checkpoint after every round."""

import logging
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

import torch
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict

from fedcmr.config import Experiment
from fedcmr.errors import FedcmrError, PartialRun
from fedcmr.evaluation.roc import auc
from fedcmr.evaluation.sums import EvaluationSums, total
from fedcmr.federation import messages as wire
from fedcmr.federation.cohort import Cohort
from fedcmr.federation.contract import contract
from fedcmr.federation.payload import Layout
from fedcmr.models.registry import build
from fedcmr.types import FloatArray, Split
from fedcmr_server.link import FleetLink
from fedcmr_server.replies import read_cohort, read_sums, read_update
from fedcmr_server.state import Contribution, RoundRecord, RunState, load_state, save_state
from fedcmr_server.status import Phase, now, write_status
from fedcmr_server.strategies.registry import strategy
from fedcmr_server.strategies.strategy import Update

log = logging.getLogger("fedcmr")

EVALUATION_WAIT_S = 60.0

HANDSHAKE_S = 120.0
"""A site that does not answer this quickly is not waited for."""

LOOK_S = 0.1
"""Pause between two looks for sites that are awaited."""


class Rounds:
    """The rounds of one experiment over a link to enrolled sites."""

    def __init__(
        self,
        experiment: Experiment,
        folder: Path,
        link: FleetLink,
        admit: Callable[[FleetLink], None],
    ) -> None:
        self.experiment = experiment
        self._folder = folder
        self._link = link
        self._admit = admit
        self._tried: set[str] = set()
        self._config = {
            wire.EXPERIMENT: experiment.canonical_json(),
            wire.CONTRACT: contract(experiment).canonical_json(),
        }
        torch.manual_seed(experiment.training.seed)
        initial = build(experiment.model, experiment.preprocessing).state_dict()
        self.layout = Layout(initial)
        self._strategy = strategy(experiment.federation, self.layout)
        if self.checkpoint.exists():
            self.state, self.weights, self.best = load_state(self.checkpoint, experiment.digest())
            log.info("going on after round %d", self.state.finished_rounds)
        else:
            self.state = RunState(experiment_digest=experiment.digest(), started=now())
            self.weights = self.best = self.layout.pack(initial)

    @property
    def checkpoint(self) -> Path:
        """Weights and state after the last finished round."""
        return self._folder / "checkpoint.safetensors"

    @property
    def selected(self) -> FloatArray:
        """The weights to release, (P,)."""
        best = self.experiment.federation.select == "best_validation"
        return self.best if best else self.weights

    def train(self) -> None:
        """Run the rounds that are missing.

        Raises:
            PartialRun: fewer sites than the quorum came, accepted, or answered a round.
        """
        for number in range(self.state.finished_rounds + 1, self.experiment.federation.rounds + 1):
            self._gather(number)
            self._round(number)

    def evaluate(self, weights: FloatArray, split: Split) -> dict[str, EvaluationSums]:
        """Return each site's sums for the weights (P,); a site whose sums are wrong is left out."""
        contents = self._contents(self.state.cohorts, weights, {wire.SPLIT: split})
        sums: dict[str, EvaluationSums] = {}
        for name, reply in self._exchange(contents, wire.EVALUATE).items():
            try:
                cases = getattr(self.state.cohorts[name], split)
                sums[name] = read_sums(reply, bins=self.experiment.evaluation.bins, cases=cases)
            except FedcmrError as error:
                log.warning("%s did not evaluate: %s", name, error)
        return sums

    def report(self, phase: Phase, message: str = "") -> None:
        """Write the status file."""
        online = set(self._link.online())
        names = set(self.state.cohorts) | set(self.state.refused) | online
        write_status(
            self._folder / "status.json",
            experiment=self.experiment.name,
            phase=phase,
            round=self.state.finished_rounds,
            rounds=self.experiment.federation.rounds,
            sites={
                name: self.state.refused.get(name, "online" if name in online else "away")
                for name in sorted(names)
            },
            message=message,
        )

    def _gather(self, number: int) -> None:
        """Wait for enough sites and shake hands with those that are new."""
        settings = self.experiment.federation
        deadline = time.monotonic() + settings.site_wait_s
        told = False
        while True:
            online = self._meet()
            ready = [name for name in online if name in self.state.cohorts]
            if len(ready) >= self._quorum():
                return
            if not told:
                log.info("round %d waits: %d of %d sites", number, len(ready), self._quorum())
                self.report("waiting", f"{len(ready)} of {self._quorum()} sites")
                told = True
            if time.monotonic() > deadline:
                self._stop(number, len(ready))
            time.sleep(LOOK_S)

    def gather_for_evaluation(self) -> None:
        """Wait a little for the sites that trained: after a restart they come back one by one."""
        deadline = time.monotonic() + EVALUATION_WAIT_S
        while set(self.state.cohorts) - set(self._meet()) and time.monotonic() < deadline:
            time.sleep(LOOK_S)

    def _meet(self) -> list[str]:
        """Admit newly enrolled sites, shake hands with newcomers, return who is online."""
        self._admit(self._link)
        online = self._link.online()
        self._tried &= set(online)  # a site that was mended and came back is asked again
        if new := sorted(set(online) - set(self.state.cohorts) - self._tried):
            self._tried |= set(new)
            self._handshake(new)
        return online

    def _quorum(self) -> int:
        quorum = self.experiment.federation.quorum
        return max(1, len(self._link.enrolled())) if quorum == "all" else quorum

    def _stop(self, number: int, ready: int) -> NoReturn:
        refusals = "".join(f"; {name} refused: {why}" for name, why in self.state.refused.items())
        problem = PartialRun(
            f"round {number} has {ready} of {self._quorum()} sites{refusals}",
            fix="start the missing sites and give the same command again",
        )
        self.report("stopped", str(problem))
        raise problem

    def _handshake(self, names: list[str]) -> None:
        config = ConfigRecord({**self._config})
        contents = {name: RecordDict({wire.CONFIG: config}) for name in names}
        cohorts, refused = dict(self.state.cohorts), dict(self.state.refused)
        timeout_s = min(HANDSHAKE_S, self.experiment.federation.round_deadline_s)
        replies = self._link.exchange(contents, wire.HANDSHAKE, timeout_s=timeout_s)
        for name, reply in replies.items():
            try:
                cohorts[name] = read_cohort(reply)
                refused.pop(name, None)
                log.info("%s takes part with %d studies", name, cohorts[name].train)
            except FedcmrError as error:
                refused[name] = str(error)
                log.warning("%s does not take part: %s", name, error)
        self.state = self.state.model_copy(update={"cohorts": cohorts, "refused": refused})

    def _round(self, number: int) -> None:
        start = time.monotonic()
        self.report("training")
        contents = self._contents(self.state.cohorts, self.weights, {wire.ROUND: number})
        good: dict[str, Message] = {}
        contributed: dict[str, Contribution] = {}
        missed = {name: "not connected" for name in self.state.cohorts if name not in contents}
        for name, reply in self._exchange(contents, wire.TRAIN).items():
            try:
                contributed[name] = read_update(reply, self.layout, self.state.cohorts[name])
                good[name] = reply
            except FedcmrError as error:
                missed[name] = str(error)
                log.warning("round %d without %s: %s", number, name, error)
        if len(good) < self._quorum():
            self._stop(number, len(good))
        if not any(site.examples for site in contributed.values()):
            problem = PartialRun("no site has a labelled study to train on", fix="check the labels")
            self.report("stopped", str(problem))
            raise problem
        spool = self._folder / f"round-{number}"
        spool.mkdir(mode=0o700, exist_ok=True)
        updates = []
        for name, reply in good.items():
            path = spool / f"{name}.f32"
            reply.content.array_records[wire.ARRAYS][wire.WEIGHTS].numpy().tofile(path)
            if contributed[name].examples:
                updates.append(Update(name, contributed[name].examples, path))
        self.weights = self._strategy.merge(self.weights, updates).weights
        shutil.rmtree(spool)
        self._finish_round(number, time.monotonic() - start, contributed, missed)

    def _finish_round(
        self,
        number: int,
        seconds: float,
        contributed: dict[str, Contribution],
        missed: dict[str, str],
    ) -> None:
        bins = self.experiment.evaluation.bins
        sums = self.evaluate(self.weights, "validation")
        validation = total(sums.values(), bins=bins).overall
        loss = validation.loss / validation.n if validation.n else None
        both = validation.positives and validation.negatives
        area = auc(validation).value if both else None
        record = RoundRecord(
            round=number,
            seconds=seconds,
            contributed=contributed,
            missed=missed,
            validation_loss=loss,
            validation_auc=area,
            # Losses of different sets of sites cannot be compared.
            comparable=loss is not None and set(sums) == set(self.state.cohorts),
        )
        losses = [r.validation_loss or 0.0 for r in self.state.rounds if r.comparable]
        update: dict[str, object] = {"rounds": (*self.state.rounds, record)}
        if not losses or (record.comparable and (loss or 0.0) < min(losses)):
            self.best = self.weights
            update["best_round"] = number
        self.state = self.state.model_copy(update=update)
        save_state(self.checkpoint, self.state, self.weights, self.best)
        log.info(
            "round %d/%d: %d sites, validation loss %s, AUC %s, %.1f s",
            number,
            self.experiment.federation.rounds,
            len(contributed),
            _number(loss),
            _number(area),
            seconds,
        )

    def _contents(
        self, names: Mapping[str, Cohort], weights: FloatArray, more: Mapping[str, str | int]
    ) -> dict[str, RecordDict]:
        arrays = ArrayRecord({wire.WEIGHTS: Array(weights)})
        config = ConfigRecord({**self._config, **more})
        online = self._link.online()
        return {
            name: RecordDict({wire.ARRAYS: arrays, wire.CONFIG: config})
            for name in names
            if name in online
        }

    def _exchange(self, contents: Mapping[str, RecordDict], kind: str) -> dict[str, Message]:
        timeout_s = self.experiment.federation.round_deadline_s
        return self._link.exchange(contents, kind, timeout_s=timeout_s)


def _number(value: float | None) -> str:
    return "not available" if value is None else f"{value:.4f}"
