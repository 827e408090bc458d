"""Everything that is asked of the sites about the weights that are to be released."""

import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import reduce

from fedcmr.evaluation.calibration import CalibrationSums, Fit, fit
from fedcmr.evaluation.edges import Edges, standard_edges
from fedcmr.evaluation.joint import JointSums
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
    membership: EvaluationSums | None
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
        joint = asked.comparison(other, only=test, edges=edges)
        if joint.keys() == test.keys() and joint:
            comparisons[name] = reduce(JointSums.__add__, joint.values())
        else:
            shortfalls.append(f"not all sites compared with {name}")
    membership = None
    if not rounds.experiment.privacy.private:
        trained = [name for name in test if rounds.quorum.trains(name)]
        membership = total(asked.sums("train", only=trained).values(), edges=standard)
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

    def comparison(
        self, other: FloatArray, *, only: Collection[str], edges: Edges | None
    ) -> dict[str, JointSums]:
        """Return each site's test cases by the scores of both."""
        expected = edges or standard_edges(self._rounds.experiment.evaluation)
        config = {wire.SPLIT: "test"} | ({wire.EDGES: json.dumps(edges)} if edges else {})

        def read(name: str, reply: Reply) -> JointSums:
            cases = self._rounds.sites.cohorts[name].test
            return read_joint(reply, edges=expected, cases=cases)

        arrays = {wire.WEIGHTS: self._weights, wire.OTHER: other}
        return self._rounds.evaluation.ask(arrays, config, read, only, self._finished, only)

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
            if not found or found.keys() != {*only}:
                raise Unusable("a site did not answer")
            return reduce(CalibrationSums.__add__, found.values())

        try:
            return fit(ask)
        except Unusable as error:
            log.warning("no calibration line: %s", error)
            return None
