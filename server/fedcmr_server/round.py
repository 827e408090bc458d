"""One open round: asks, spools, sets aside, and knows who is missing and why."""

import logging
from pathlib import Path

from fedcmr.config import Experiment
from fedcmr.errors import PartialRun
from fedcmr.federation import messages as wire
from fedcmr.federation.payload import Layout
from fedcmr.types import FloatArray
from fedcmr_server.asked import Asked
from fedcmr_server.exchange import Exchange
from fedcmr_server.quorum import Quorum
from fedcmr_server.replies import Unusable, read_contribution, read_update
from fedcmr_server.reply import Reply
from fedcmr_server.sites import RETURN_S, Sites
from fedcmr_server.spool import Spool
from fedcmr_server.status import Board, Phase
from fedcmr_server.strategies.screen import outside

log = logging.getLogger("fedcmr")


class Round:
    """A round until its updates are complete; what came in before a crash counts.

    Args:
        number: of the round, from 1.
        experiment: whose round it is.
        layout: of the weights.
        weights: that it starts from, (P,).
        sites: to ask.
        quorum: that must answer.
        board: for the status.
        folder: of the round; removed when it is over.
    """

    def __init__(
        self,
        number: int,
        experiment: Experiment,
        layout: Layout,
        weights: FloatArray,
        sites: Sites,
        quorum: Quorum,
        board: Board,
        folder: Path,
    ) -> None:
        self.number = number
        self.experiment = experiment
        self.layout = layout
        self.weights = weights
        self.sites = sites
        self.quorum = quorum
        self.board = board
        self.spool = Spool(folder, weights, sites.link.objects.received)
        self.asked = Asked(folder)
        self.set_aside: set[str] = set()
        """Sites that sent an update which does not count."""
        self._reasons: dict[str, str] = {}
        self._told = ""

    def missed(self) -> dict[str, str]:
        """Return the sites that did not contribute, each with the reason."""
        return self.quorum.absence(self.spool.contributed, self._reasons)

    def collect(self) -> None:
        """Ask the sites to train from the weights until the round is complete.

        Raises:
            PartialRun: fewer sites than the quorum came, accepted, or answered.
            DataError: the disk is full; what came in stays.
        """
        settings = self.experiment.federation
        deadline_s = settings.round_deadline_s
        with self.sites.content(
            {wire.WEIGHTS: self.weights}, **{wire.ROUND: self.number}
        ) as parcel:
            exchange = Exchange(
                self.sites,
                parcel,
                wire.TRAIN,
                wanted=self._is_wanted,
                is_enough=self._is_met,
                deadline_s=deadline_s,
                patience_s=settings.site_wait_s,
                looked=self._look,
                before=self.asked.sites,
                # who was asked before a restart of any length has the time to come back
                elapsed_s=max(0.0, min(self.asked.elapsed_s, deadline_s - RETURN_S)),
                noted=self.asked.note,
            )
            while True:
                for name, reply in exchange.replies():
                    self._take(name, reply)
                if not self._is_met():
                    raise self._too_few()
                self._set_aside()
                if self._is_met():
                    break
        if not self.spool.updates():
            raise PartialRun("no site has a labelled study to train on", fix="check the labels")

    def _is_wanted(self, name: str) -> bool:
        return self.quorum.trains(name) and name not in self.spool.contributed

    def _is_met(self) -> bool:
        bearable = self.experiment.federation.byzantine or 0
        set_aside = self.set_aside & {*self.quorum.expected()}  # who was withdrawn is not needed
        return self.quorum.is_met(self.spool.contributed, min(len(set_aside), bearable))

    def _take(self, name: str, reply: Reply) -> None:
        try:
            contribution = read_contribution(reply, self.sites.cohorts[name], self.experiment)
            precision = self.experiment.federation.update_precision
            blocks = read_update(reply, self.layout, self.weights, precision)
            self.spool.add(name, contribution, blocks)
            self._reasons.pop(name, None)
            self.set_aside.discard(name)
        except Unusable as error:
            if not reply.refusal:
                self.set_aside.add(name)
            self._leave_out(name, str(error))

    def _set_aside(self) -> None:
        """Drop the updates of sites that were withdrawn, and those outside the norm band."""
        for name in set(self.spool.contributed) - set(self.sites.enrolled()):
            self.spool.drop(name)
            self._leave_out(name, self.sites.link.withdrawn.get(name, "withdrawn"))
        factor = self.experiment.federation.norm_band
        if factor is not None:
            for name, reason in outside(self.spool.updates(), self.weights, factor).items():
                self.spool.drop(name)
                self.set_aside.add(name)
                self._leave_out(name, f"set aside: {reason}")

    def _leave_out(self, name: str, reason: str) -> None:
        self._reasons[name] = reason
        log.warning("round %d without %s: %s", self.number, name, reason)

    def _look(self, is_waiting: bool) -> None:
        message = ""
        if is_waiting:
            message = f"round {self.number} {self._count()}"
            if message != self._told:
                log.info("%s", message)
        self._told = message
        phase: Phase = "waiting" if is_waiting else "training"
        self.board.keep(phase, self.number - 1, message, done=self.spool.contributed)

    def _count(self) -> str:
        there = len(self.spool.contributed)
        missing = "; ".join(f"{name}: {reason}" for name, reason in self.missed().items())
        return f"has {there} of {self.quorum.needed()} sites, waits for {missing or 'more sites'}"

    def _too_few(self) -> PartialRun:
        return PartialRun(
            f"round {self.number} {self._count()}",
            fix="start or mend these sites and give the same command again: the run goes on",
        )
