"""What a site tells of the scores of its studies: sums, within what its policy lets out."""

from fedcmr.errors import PolicyRefusal
from fedcmr.evaluation.edges import standard_edges
from fedcmr.evaluation.strata import levels
from fedcmr.evaluation.sums import EvaluationSums, collect
from fedcmr.training.scoring import score
from fedcmr.types import FloatArray, Split
from fedcmr_client.session import Session

EVALUATIONS_PER_ROUND = 2
"""One, and one more for rounds that are repeated after a fault."""

FINAL_EVALUATIONS = 16
"""At the end: the released weights, a pass with finer edges, weights to compare with."""

MEMBERSHIP_EVALUATIONS = 2
"""Of the training studies: what tells apart who was trained on."""


class Scorer:
    """Answers the evaluations of one session.

    Every different answer tells a little of the same patients, so their number is bounded; what
    left is counted in the outbound ledger, which outlives this process.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def evaluate(self, weights: FloatArray, split: Split) -> EvaluationSums:
        """Score a split with the weights (P,) and return additive sums.

        Raises:
            DataError: the weights do not fit.
            PolicyRefusal: the split was scored often enough, or may not be scored at all.
        """
        self._bound(split)
        session = self._session
        session.load(weights)
        scores = score(session.model, session.task, session.dataset, split)
        return collect(
            scores.labels,
            scores.scores,
            [levels(record) for record in scores.records],
            edges=standard_edges(session.experiment.evaluation),
        )

    def _bound(self, split: Split) -> None:
        experiment = self._session.experiment
        if split == "train":
            if experiment.privacy.private:
                raise PolicyRefusal("training studies are not scored under differential privacy")
            most = MEMBERSHIP_EVALUATIONS
        else:
            most = EVALUATIONS_PER_ROUND * experiment.federation.rounds + FINAL_EVALUATIONS
        if self._session.site.outbound.sent(self._session.run, "evaluate", split) >= most:
            raise PolicyRefusal(f"the {split} split was evaluated often enough for this experiment")
