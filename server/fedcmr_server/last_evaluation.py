"""Everything that is asked of the sites about the weights that are to be released."""

import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import reduce

from fedcmr.evaluation.calibration import CalibrationSums, Fit, fit
from fedcmr.evaluation.edges import Edges, standard_edges
from fedcmr.evaluation.joint import JointSums, joint_edges
from fedcmr.evaluation.roc import refined_edges
from fedcmr.evaluation.sums import EvaluationSums, total
from fedcmr.federation import messages as wire
from fedcmr.types import FloatArray, Split
from fedcmr_server.replies import Unusable, answer, distrust, read_joint
from fedcmr_server.reply import Reply
from fedcmr_server.rounds import Rounds

log = logging.getLogger("fedcmr")


@dataclass(frozen=True)
class LastEvaluation:
    """What `metrics` is made from."""

    validation: EvaluationSums
    test: EvaluationSums
    per_site: Mapping[str, EvaluationSums]
    """The parts of `test`."""
    refined: bool
    calibration: Fit | None
    comparisons: Mapping[str, JointSums]
    membership: Mapping[str, EvaluationSums] | None
    """By site, of the training cases."""
    evaluated: frozenset[str]
    """Sites that gave sums of validation and test cases."""
    shortfalls: tuple[str, ...]


def last_evaluation(
    rounds: Rounds, weights: FloatArray, others: Mapping[str, FloatArray]
) -> LastEvaluation:
    """Evaluate the weights (P,) on validation and test cases of all sites.

    Where the bound of the AUC is wide, the test cases are counted again with finer edges; without
    privacy the training cases are counted too, for the membership line.

    Args:
        rounds: of the run.
        weights: to evaluate.
        others: name of another model to its weights (P,).
    """
    asked = _Asked(rounds, weights)
    validation, test = asked.sums("validation"), asked.sums("test")
    standard = standard_edges(rounds.experiment.evaluation)
    edges = refined_edges(total(test.values(), edges=standard))
    if edges is not None:
        finer = asked.sums("test", only=test, edges=edges)
        # A site that fell away in between would take its cases out of the result.
        edges, test = (edges, finer) if finer.keys() == test.keys() else (None, test)
    comparisons, shortfalls = {}, []
    for name, other in others.items():
        try:
            comparisons[name] = asked.comparison(other, test)
        except Unusable as error:
            shortfalls.append(f"not compared with {name}: {error}")
    membership = None
    if not rounds.experiment.privacy.private:
        trained = [name for name in test if rounds.quorum.trains(name)]
        membership = asked.sums("train", only=trained)
    return LastEvaluation(
        validation=total(validation.values(), edges=standard),
        test=total(test.values(), edges=edges or standard),
        per_site=test,
        refined=edges is not None,
        calibration=asked.calibration(test),
        comparisons=comparisons,
        membership=membership,
        evaluated=frozenset(validation.keys() & test.keys()),
        shortfalls=tuple(shortfalls),
    )


class _Asked:
    """Questions about one vector of weights, to the sites of a run."""

    def __init__(self, rounds: Rounds, weights: FloatArray) -> None:
        self._rounds = rounds
        self._weights = weights
        self._finished = rounds.state.finished_rounds

    def sums(
        self, split: Split, *, only: Collection[str] | None = None, edges: Edges | None = None
    ) -> dict[str, EvaluationSums]:
        """Return the sums of each site over a split."""
        return self._rounds.evaluation.sums(
            self._weights,
            split,
            awaited=self._rounds.state.cohorts if only is None else only,
            finished=self._finished,
            only=only,
            edges=edges,
        )

    def comparison(self, other: FloatArray, test: Mapping[str, EvaluationSums]) -> JointSums:
        """Return the pooled test cases by the scores of both.

        Raises:
            Unusable: a site did not answer, or a class has fewer than two cases.
        """
        standard = standard_edges(self._rounds.experiment.evaluation)
        ours = total(test.values(), edges=standard)
        if min(ours.overall.positives, ours.overall.negatives) < 2:
            raise Unusable("too few test cases")
        theirs = _Asked(self._rounds, other).sums("test", only=test)
        _all_of(theirs, test)
        other_sums = total(theirs.values(), edges=standard)
        expected = (
            joint_edges(ours.edges, ours.overall),
            joint_edges(other_sums.edges, other_sums.overall),
        )
        config = {
            wire.SPLIT: "test",
            wire.EDGES: json.dumps(expected[0]),
            wire.OTHER_EDGES: json.dumps(expected[1]),
        }

        def read(name: str, reply: Reply) -> JointSums:
            cases = self._rounds.sites.cohorts[name].test
            return read_joint(reply, edges=expected, cases=cases)

        arrays = {wire.WEIGHTS: self._weights, wire.OTHER: other}
        found = self._rounds.evaluation.ask(arrays, config, read, test, self._finished, test)
        _all_of(found, test)
        return reduce(JointSums.__add__, found.values())

    def calibration(self, only: Collection[str]) -> Fit | None:
        """Fit the calibration line of the pooled test cases; None where a site did not answer."""

        def ask(intercept: float, slope: float) -> CalibrationSums:
            def read(name: str, reply: Reply) -> CalibrationSums:
                with distrust("calibration step"):
                    text = answer(reply, wire.SUMS)
                    return CalibrationSums.from_json(
                        text, intercept=intercept, slope=slope, where="calibration"
                    )

            config = {wire.SPLIT: "test", wire.CALIBRATE: json.dumps([intercept, slope])}
            arrays = {wire.WEIGHTS: self._weights}
            found = self._rounds.evaluation.ask(arrays, config, read, only, self._finished, only)
            _all_of(found, only)
            return reduce(CalibrationSums.__add__, found.values())

        try:
            return fit(ask)
        except Unusable as error:
            log.warning("no calibration line: %s", error)
            return None


def _all_of(found: Collection[str], asked: Collection[str]) -> None:
    if missing := sorted({*asked} - {*found}):
        raise Unusable(f"no answer of {', '.join(missing)}")
    if not asked:
        raise Unusable("no site has test cases")
