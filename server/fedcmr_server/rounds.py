"""The rounds of one experiment, with a checkpoint after every merge and every validation."""

import logging
import shutil
import time
from collections.abc import Callable, Collection
from pathlib import Path

import torch
from torch import nn

from fedcmr.config import Experiment
from fedcmr.errors import ConfigurationError, PartialRun
from fedcmr.federation import messages as wire
from fedcmr.federation.contract import contract
from fedcmr.federation.payload import Layout
from fedcmr.models.pretrained import start_from
from fedcmr.models.registry import build
from fedcmr.types import FloatArray
from fedcmr_server.checkpoint import Checkpoint
from fedcmr_server.evaluation import Evaluation
from fedcmr_server.link import FleetLink
from fedcmr_server.memory import free_what_is_gone
from fedcmr_server.quorum import Quorum
from fedcmr_server.round import Round
from fedcmr_server.sites import Sites
from fedcmr_server.state import RoundRecord, RunState
from fedcmr_server.status import Board, now
from fedcmr_server.strategies.registry import strategy

log = logging.getLogger("fedcmr")

STRATEGY = "strategy-"
"""How the names of array files with the state of a strategy begin."""


class Rounds:
    """The rounds of one experiment over a link to enrolled sites.

    Args:
        experiment: what to run.
        folder: of the run; with a checkpoint in it the run goes on.
        link: to the sites.
        admit: called often; lets newly enrolled sites connect.
        excluded: sites that neither train nor validate a round.
        pretrained: file of weights for the backbone to begin with.
        network: to train; the experiment's where none is given.

    Raises:
        DataError: the checkpoint is damaged.
        ConfigurationError: the pretrained weights do not fit, or the run began with others.
    """

    def __init__(
        self,
        experiment: Experiment,
        folder: Path,
        link: FleetLink,
        admit: Callable[[FleetLink], None],
        *,
        excluded: Collection[str] = (),
        pretrained: Path | None = None,
        network: nn.Module | None = None,
    ) -> None:
        self.experiment = experiment
        self._folder = folder
        self._checkpoint = Checkpoint(folder / "checkpoint")
        torch.manual_seed(experiment.training.seed)
        model = network or build(experiment.model, experiment.preprocessing)
        self.pretrained, begun_with = pretrained, ""
        if pretrained is not None:
            begun_with = _pretrain(model, pretrained, experiment)
        initial = model.state_dict()
        self.layout = Layout(initial)
        link.objects.largest_message = 2**26 + 8 * self.layout.size
        self._strategy = strategy(experiment.federation, self.layout)
        found = self._checkpoint.load(experiment.digest())
        if found is None:
            self.state = RunState(
                experiment_digest=experiment.digest(), started=now(), pretrained=begun_with
            )
            self.weights = self.layout.pack(initial)
        else:
            if found.pretrained != begun_with:
                raise ConfigurationError(
                    "this run began with other weights", fix="give the --pretrained of its start"
                )
            self.state = found
            self.weights = self._checkpoint.array(found, _weights_file(found.finished_rounds))
            self._strategy.restore(
                {
                    name.removeprefix(STRATEGY).rpartition("-")[0]: self._checkpoint.array(
                        found, name
                    )
                    for name in found.files
                    if name.startswith(STRATEGY)
                }
            )
            log.info("going on after round %d", found.finished_rounds)
        for number in range(1, self.state.finished_rounds + 1):
            shutil.rmtree(folder / f"round-{number}", ignore_errors=True)
        config = {
            wire.EXPERIMENT: experiment.canonical_json(),
            wire.CONTRACT: contract(experiment).canonical_json(),
        }
        self.sites = Sites(link, admit, config, self.state.cohorts, self.state.refused)
        self.sites.is_closed = not experiment.federation.late_join and bool(self.state.rounds)
        self.quorum = Quorum(experiment.federation.quorum, self.sites, excluded)
        self.board = Board(folder / "status.json", experiment, self.sites)
        self.evaluation = Evaluation(experiment, self.sites, self.board, excluded)

    @property
    def released_round(self) -> int:
        """Whose merged weights are released."""
        best = self.experiment.federation.select == "best_validation"
        return self.state.best_round if best else self.state.finished_rounds

    def selected(self) -> FloatArray:
        """Return the weights to release, (P,).

        Raises:
            DataError: the checkpoint is damaged.
        """
        if self.released_round == self.state.finished_rounds:
            return self.weights
        return self._checkpoint.array(self.state, _weights_file(self.released_round))

    def train(self) -> None:
        """Run the rounds that are missing, and the validation that a crash has cut off.

        Raises:
            PartialRun: fewer sites than the quorum came, accepted, or answered a round.
            DataError: the disk is full; the checkpoint stays.
        """
        try:
            if self.state.rounds and self.state.rounds[-1].validation is None:
                self._validate()
            while self.state.finished_rounds < self.experiment.federation.rounds:
                self._train_round(self.state.finished_rounds + 1)
                self._validate()
        except PartialRun as problem:
            self.board.write("stopped", self.state.finished_rounds, str(problem))
            raise

    def _train_round(self, number: int) -> None:
        start = time.monotonic()
        current = Round(
            number,
            self.experiment,
            self.layout,
            self.weights,
            self.sites,
            self.quorum,
            self.board,
            self._folder / f"round-{number}",
        )
        current.collect()
        updates, set_aside = current.spool.updates(), len(current.set_aside)
        merged = self._strategy.merge(self.weights, updates, set_aside=set_aside)
        self.weights = merged.weights
        for name in merged.unused:
            log.info("round %d: %s left out %s", number, self.experiment.federation.strategy, name)
        record = RoundRecord(
            round=number,
            finished=now(),
            seconds=time.monotonic() - start,
            contributed=current.spool.contributed,
            missed=current.missed(),
            unused=merged.unused,
        )
        arrays = {_weights_file(number): self.weights}
        for name, values in self._strategy.state().items():
            arrays[f"{STRATEGY}{name}-{number}.npy"] = values
        self._save({"rounds": (*self.state.rounds, record)}, arrays)
        current.spool.remove()
        self.sites.is_closed = not self.experiment.federation.late_join

    def _validate(self) -> None:
        """Let the sites judge the merged weights of the last round."""
        record = self.state.rounds[-1]
        validation = self.evaluation.validation(self.weights, record)
        made = [earlier.validation for earlier in self.state.rounds if earlier.validation]
        losses = [it.loss for it in made if it.comparable and it.loss is not None]
        loss = validation.loss
        is_best = not losses or (validation.comparable and loss is not None and loss < min(losses))
        record = record.model_copy(update={"validation": validation})
        self._save(
            {
                "rounds": (*self.state.rounds[:-1], record),
                "best_round": record.round if is_best else self.state.best_round,
            },
            {},
        )
        log.info(
            "round %d/%d: %d sites, validation loss %s, AUC %s, %.1f s",
            record.round,
            self.experiment.federation.rounds,
            len(record.contributed),
            _number(validation.loss),
            _number(validation.auc),
            record.seconds,
        )

    def note_sites(self) -> None:
        """Take over what the sites told last."""
        known = {"cohorts": dict(self.sites.cohorts), "refused": dict(self.sites.refused)}
        self.state = self.state.model_copy(update=known)

    def _save(self, update: dict[str, object], arrays: dict[str, FloatArray]) -> None:
        self.note_sites()
        state = self.state.model_copy(update=update)
        best = {_weights_file(state.best_round)} if state.best_round else set()
        keep = best if arrays else {name for name in state.files if _is_of(name, state)} | best
        self.state = self._checkpoint.save(state, arrays, frozenset(keep - arrays.keys()))
        free_what_is_gone()


def _pretrain(model: nn.Module, path: Path, experiment: Experiment) -> str:
    digest = start_from(path, model)
    if experiment.federation.strategy != "fedbn":
        raise ConfigurationError(
            "pretrained weights need BatchNorm kept at each site",
            fix="set federation.strategy to fedbn",
        )
    log.info("the backbone begins with %s, sha256 %s", path, digest[:12])
    return digest


def _weights_file(number: int) -> str:
    return f"weights-{number}.npy"


def _is_of(name: str, state: RunState) -> bool:
    return name.endswith(f"-{state.finished_rounds}.npy")


def _number(value: float | None) -> str:
    return "not available" if value is None else f"{value:.4f}"
