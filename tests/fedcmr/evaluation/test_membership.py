from collections.abc import Callable

import numpy as np
import pytest
from case_files import EDGES
from reference.auc import slow_auc

from fedcmr.errors import DataError
from fedcmr.evaluation.membership import membership
from fedcmr.evaluation.sums import collect


def _sharper(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Scores drawn towards their labels, as those of cases that a network has learnt by heart."""
    return scores + 0.5 * (labels - scores)


@pytest.mark.parametrize("learnt", [False, True])
def test_it_is_the_rank_statistic_of_the_true_class(cases: Callable, learnt: bool) -> None:
    train_labels, train_scores, strata = cases(150, 1)
    if learnt:
        train_scores = _sharper(train_scores, train_labels)
    test_labels, test_scores, other = cases(120, 2)
    found = membership(
        collect(train_labels, train_scores, strata, edges=EDGES),
        collect(test_labels, test_scores, other, edges=EDGES),
    )
    right = [
        np.where(labels == 1, scores, 1 - scores)
        for labels, scores in ((train_labels, train_scores), (test_labels, test_scores))
    ]
    exact = slow_auc([1] * 150 + [0] * 120, [*right[0], *right[1]])
    assert abs(found.auc.value - exact) <= found.auc.bound
    assert found.training_loss == pytest.approx(-np.log(right[0]).mean())
    assert found.test_loss == pytest.approx(-np.log(right[1]).mean())
    assert (found.auc.low > 0.5) == learnt


def test_without_training_cases_there_is_no_answer(sums: Callable) -> None:
    with pytest.raises(DataError, match="both classes"):
        membership(sums(0), sums(50))
