"""Can the loss tell training cases from others? From histograms, as a rank statistic."""

from fedcmr.evaluation.delong import auc_interval
from fedcmr.evaluation.edges import Edges
from fedcmr.evaluation.results import Membership
from fedcmr.evaluation.sums import EvaluationSums, StratumSums


def membership(training: EvaluationSums, test: EvaluationSums) -> Membership:
    """Return how well the probability of the true class separates training from test cases.

    The attack of Yeom et al. 2018 with every threshold at once. The probability of the true class
    is the score of a positive and one less the score of a negative case: on edges that mirror
    about one half its histogram is the one class plus the other one reversed.

    Raises:
        DataError: one of the two has no case, or there is no edge that mirrors.
    """
    common = set(training.edges) & set(test.edges)
    edges = tuple(sorted(edge for edge in common if 1 - edge in common))
    both = StratumSums(
        by=(),
        level=(),
        positive=_true_class(training, edges),
        negative=_true_class(test, edges),
        loss=0.0,
        brier=0.0,
    )
    return Membership(
        auc=auc_interval(both),
        training_loss=training.overall.loss / training.overall.n,
        test_loss=test.overall.loss / test.overall.n,
    )


def _true_class(sums: EvaluationSums, edges: Edges) -> tuple[int, ...]:
    cases = sums.at(edges).overall
    return tuple(p + n for p, n in zip(cases.positive, cases.negative[::-1], strict=True))
