"""What a site tells of the scores of its studies: sums, within what its policy lets out."""

import hashlib
import json

import numpy as np

from fedcmr.errors import DataError, PolicyRefusal
from fedcmr.evaluation.calibration import CalibrationSums, calibration_sums
from fedcmr.evaluation.edges import Edges, standard_edges
from fedcmr.evaluation.joint import JOINT_BINS, JointSums, collect_joint
from fedcmr.evaluation.strata import levels
from fedcmr.evaluation.sums import MOST_BINS, EvaluationSums, collect
from fedcmr.training.scoring import Scores, score
from fedcmr.types import FloatArray, Split
from fedcmr_client.limits import (
    CALIBRATIONS,
    COMPARISONS,
    EVALUATIONS_PER_ROUND,
    FINAL_EVALUATIONS,
    MEMBERSHIP_EVALUATIONS,
)
from fedcmr_client.session import Session


class Scorer:
    """Answers the evaluations of one session.

    Every different answer tells a little of the same patients, so their number is bounded; what
    left is counted in the outbound ledger, which outlives this process.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: tuple[str, Scores] | None = None

    def evaluate(
        self, weights: FloatArray, split: Split, edges: Edges | None = None
    ) -> EvaluationSums:
        """Score a split with the weights (P,) and return additive sums.

        Args:
            weights: of the network.
            split: of the data set.
            edges: of the histograms; the experiment's where none are given.

        Raises:
            DataError: the weights do not fit.
            PolicyRefusal: the split was scored often enough, or may not be scored at all.
        """
        experiment, policy = self._session.experiment, self._session.site.policy
        rounds = EVALUATIONS_PER_ROUND * experiment.federation.rounds
        most = MEMBERSHIP_EVALUATIONS if split == "train" else rounds + FINAL_EVALUATIONS
        self._bound("evaluate", split, most)
        scores = self._scores(weights, split)
        return collect(
            scores.labels,
            scores.scores,
            [levels(record) for record in scores.records],
            edges=edges or standard_edges(experiment.evaluation),
            withheld=policy.withheld_strata,
            most_bins=policy.most_bins or MOST_BINS,
        )

    def compare(
        self,
        weights: FloatArray,
        other: FloatArray,
        split: Split,
        edges: Edges | None = None,
        other_edges: Edges | None = None,
    ) -> JointSums:
        """Score a split with two vectors of weights (P,) and count the pairs of scores.

        Args:
            weights: of the network.
            other: of the network that it is compared with.
            split: of the data set.
            edges: of the scores by `weights`; the experiment's where none are given.
            other_edges: of the scores by `other`, likewise.

        Raises:
            DataError: the weights do not fit.
            PolicyRefusal: weights were compared often enough, or may not be on this split.
        """
        self._bound("compare", split, COMPARISONS)
        ours = self._scores(weights, split)
        standard = standard_edges(self._session.experiment.evaluation)
        return collect_joint(
            ours.labels,
            ours.scores,
            self._scores(other, split).scores,
            edges=(edges or standard, other_edges or standard),
            most_bins=self._session.site.policy.most_bins or JOINT_BINS,
        )

    def calibrate(
        self, weights: FloatArray, split: Split, intercept: float, slope: float
    ) -> CalibrationSums:
        """Return what one step of fitting a calibration line needs of the scores of a split.

        Raises:
            DataError: the weights do not fit.
            PolicyRefusal: this was asked often enough, or may not be asked of this split.
        """
        self._bound("calibrate", split, CALIBRATIONS)
        scores = self._scores(weights, split)
        return calibration_sums(scores.labels, scores.scores, intercept, slope)

    def _scores(self, weights: FloatArray, split: Split) -> Scores:
        session = self._session
        session.layout.check(weights)
        key = f"{split} {hashlib.sha256(np.ascontiguousarray(weights).data).hexdigest()}"
        if self._known is None or self._known[0] != key:
            session.load(weights)
            self._known = key, score(session.model, session.task, session.dataset, split)
        return self._known[1]

    def _bound(self, kind: str, split: Split, most: int) -> None:
        session = self._session
        if split == "train" and (session.experiment.privacy.private or kind != "evaluate"):
            raise PolicyRefusal("training studies are not scored for this")
        if session.site.outbound.sent(session.run, kind, split) >= most:
            raise PolicyRefusal(f"the {split} split was evaluated often enough for this experiment")


def read_edges(text: str) -> Edges:
    """Read the edges that a coordinator asked for.

    Raises:
        DataError: they are not rising numbers between 0 and 1, or too many.
    """
    edges = _numbers(text)
    if edges != sorted(set(edges)) or not all(0 < edge < 1 for edge in edges):
        raise DataError("the coordinator asked for edges that do not rise from 0 to 1")
    if not 0 < len(edges) < MOST_BINS:
        raise DataError("the coordinator asked for no histogram, or for too fine a one")
    return tuple(edges)


def read_line(text: str) -> tuple[float, float]:
    """Read intercept and slope of a calibration line.

    Raises:
        DataError: they are not two numbers.
    """
    numbers = _numbers(text)
    if len(numbers) != 2:
        raise DataError("the coordinator asked for no calibration line")
    return numbers[0], numbers[1]


def _numbers(text: str) -> list[float]:
    try:
        values = json.loads(text)
        numbers = [float(value) for value in values if isinstance(value, int | float)]
        if len(numbers) != len(values) or not np.isfinite(numbers).all():
            raise ValueError
    except (ValueError, TypeError, RecursionError, OverflowError):
        raise DataError("the coordinator asked with what are no numbers") from None
    return numbers
