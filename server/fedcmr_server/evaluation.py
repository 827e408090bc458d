"""What the sites say of weights: sums over their cases, never a case."""

import json
import logging
from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from fedcmr.config import Experiment
from fedcmr.evaluation.edges import Edges, standard_edges
from fedcmr.evaluation.roc import auc
from fedcmr.evaluation.sums import EvaluationSums, total
from fedcmr.federation import messages as wire
from fedcmr.types import FloatArray, Split
from fedcmr_server.exchange import Exchange
from fedcmr_server.replies import Unusable, read_sums
from fedcmr_server.reply import Reply
from fedcmr_server.sites import Sites
from fedcmr_server.state import RoundRecord, Validation
from fedcmr_server.status import Board

log = logging.getLogger("fedcmr")

PATIENCE_S = 60.0
"""An evaluation waits so long for a site that is away: after a restart they come back in turn."""

Answer = TypeVar("Answer")


class Evaluation:
    """Evaluations of one experiment.

    Args:
        experiment: whose weights are evaluated.
        sites: to ask.
        board: for the status.
        excluded: sites that do not validate a round.
    """

    def __init__(
        self, experiment: Experiment, sites: Sites, board: Board, excluded: Collection[str] = ()
    ) -> None:
        self._experiment = experiment
        self._sites = sites
        self._board = board
        self._excluded = frozenset(excluded)

    def validation(self, weights: FloatArray, record: RoundRecord) -> Validation:
        """Judge the weights (P,) of a round on the validation cases of all its sites."""
        sums = self.sums(weights, "validation", awaited=record.contributed, finished=record.round)
        edges = standard_edges(self._experiment.evaluation)
        pooled = total(sums.values(), edges=edges).overall
        both = pooled.positives and pooled.negatives
        loss = pooled.loss / pooled.n if pooled.n else None
        return Validation(
            loss=loss,
            auc=auc(pooled).value if both else None,
            comparable=loss is not None and set(sums) == set(self._sites.cohorts) - self._excluded,
        )

    def sums(
        self,
        weights: FloatArray,
        split: Split,
        *,
        awaited: Collection[str],
        finished: int,
        only: Collection[str] | None = None,
        edges: Edges | None = None,
    ) -> dict[str, EvaluationSums]:
        """Return each site's sums for the weights (P,); a site whose sums are wrong is left out.

        Args:
            weights: to evaluate.
            split: of the sites' data sets.
            awaited: sites that are waited for a little if they are away.
            finished: rounds, for the status.
            only: the sites to ask; all but the excluded ones otherwise.
            edges: of the histograms, where they are not the standard ones.
        """
        expected = edges or standard_edges(self._experiment.evaluation)
        config = {wire.SPLIT: split} | ({wire.EDGES: json.dumps(edges)} if edges else {})

        def read(name: str, reply: Reply) -> EvaluationSums:
            cases = getattr(self._sites.cohorts[name], split)
            return read_sums(reply, edges=expected, cases=cases)

        return self.ask({wire.WEIGHTS: weights}, config, read, awaited, finished, only)

    def ask(
        self,
        arrays: Mapping[str, FloatArray],
        config: Mapping[str, str],
        read: Callable[[str, Reply], Answer],
        awaited: Collection[str],
        finished: int,
        only: Collection[str] | None = None,
    ) -> dict[str, Answer]:
        """Send an evaluate message and return what could be read of the replies, by name."""
        answers: dict[str, Answer] = {}
        asked = {*awaited} - self._excluded if only is None else {*awaited} & {*only}
        with self._sites.content(arrays, **config) as parcel:
            exchange = Exchange(
                self._sites,
                parcel,
                wire.EVALUATE,
                wanted=lambda name: name not in self._excluded if only is None else name in only,
                is_enough=lambda: asked <= exchange.answered.keys(),
                deadline_s=self._experiment.federation.round_deadline_s,
                patience_s=PATIENCE_S,
                holds=False,
            )
            for name, reply in exchange.replies():
                self._board.keep("evaluating", finished, done=answers)
                try:
                    answers[name] = read(name, reply)
                except Unusable as error:
                    log.warning("%s did not evaluate: %s", name, error)
        return dict(sorted(answers.items()))
