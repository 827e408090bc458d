"""Against published worked examples; against libraries the tests of fedcmr.evaluation."""

import numpy as np
import pytest
from scipy.stats import chi2

from fedcmr.evaluation.results import Threshold
from fedcmr.reproduce.measure import Measured, measure, measure_group
from fedcmr.reproduce.run import RunResult

OVARIAN = """
3.0 5.8 10 0 3.2 6.3 5 1 3.9 6.8 3 1 2.8 4.8 6 0 3.2 5.8 3 1 0.9 4.0 5 0 2.5 5.7 8 0 1.6 5.6 5 1
3.8 5.7 5 1 3.7 6.7 6 1 3.2 5.4 4 1 3.8 6.6 6 1 4.1 6.6 5 1 3.6 5.7 5 1 4.3 7.0 4 1 3.6 6.7 4 0
2.3 4.4 6 1 4.2 7.6 4 0 4.0 6.6 6 0 3.5 5.8 6 1 3.8 6.8 7 1 3.0 4.7 8 0 4.5 7.4 5 1 3.7 7.4 5 1
3.1 6.6 6 1 4.1 8.2 6 1 4.3 7.0 5 1 4.3 6.5 4 1 3.2 5.1 5 1 2.6 4.7 6 1 3.3 6.8 6 0 1.7 4.0 7 0
3.7 6.1 5 1 3.3 6.3 7 1 4.2 7.7 6 1 3.5 6.2 5 1 2.9 5.7 9 0 2.1 4.8 7 1 2.8 6.2 8 0 4.0 7.0 7 1
3.3 5.7 6 1 3.7 6.9 5 1 3.6 6.6 5 1
"""
"""DeLong, DeLong and Clarke-Pearson 1988: albumin, total protein, K-G score, benefit of surgery;
the 43 patients with all three, as in SAS/STAT User's Guide, PROC LOGISTIC, "Comparing Receiver
Operating Characteristic Curves"."""


def result(
    labels: list[int], scores: list[float], threshold: float = 0.5, groups: str = "x"
) -> RunResult:
    return RunResult(
        recipe="r",
        dataset="d",
        parameters=1,
        epochs=1,
        steps=1,
        seconds=1.0,
        threshold=Threshold(name="youden", value=threshold, rule="youden"),
        cases=tuple(f"{number:04d}" for number in range(len(labels))),
        aetiologies=tuple((groups * len(labels))[: len(labels)]),
        labels=tuple(labels),
        scores=tuple(scores),
    )


def test_worked_example_of_delong() -> None:
    """Areas and chi-square of the contrast with the K-G score, as SAS/STAT prints them."""
    columns = np.array(OVARIAN.split(), dtype=float).reshape(-1, 4).T
    labels = columns[3].astype(int).tolist()
    assert len(labels) == 43
    albumin, protein, kg = (
        result(labels, (score / 10).tolist()) for score in (columns[0], columns[1], 10 - columns[2])
    )
    pairs = [measure(albumin, kg), measure(protein, kg), measure(albumin, protein)]
    areas = [_area(measure(test, None)) for test in (kg, albumin, protein)]
    assert [round(area, 4) for area in areas] == [0.7258, 0.7366, 0.6478]
    differences = np.array([areas[1] - areas[0], areas[2] - areas[0], areas[1] - areas[2]])
    # Each p gives the variance of its difference, and the three of them the covariance of two.
    variances = differences**2 / chi2.isf([pair.delong_p for pair in pairs], 1)
    covariance = np.diag(variances[:2])
    covariance[0, 1] = covariance[1, 0] = (variances[0] + variances[1] - variances[2]) / 2
    statistic = differences[:2] @ np.linalg.solve(covariance, differences[:2])
    assert statistic == pytest.approx(2.5340, abs=5e-5)
    assert chi2.sf(statistic, 2) == pytest.approx(0.2817, abs=5e-5)


def _area(measured: Measured) -> float:
    auc = measured.estimates["auc"]
    assert auc is not None
    return auc.value


def test_sensitivity_is_tested_on_the_positive_cases_alone() -> None:
    """Eight positive cases are called by one row only, 7 to 1: Fagerland et al. 2013, Table 1."""
    labels = [1] * 21 + [0] * 9
    first = [1.0] * 2 + [0.0] * 19 + [0.0] * 9
    after = [1.0] + [0.0] + [1.0] * 7 + [0.0] * 12 + [1.0] * 9
    measured = measure(result(labels, after), result(labels, first))
    assert measured.mcnemar_p == 18 / 256
    sensitivity, specificity = (measured.estimates[n] for n in ("sensitivity", "specificity"))
    assert sensitivity is not None
    assert specificity is not None
    assert (sensitivity.value, specificity.value) == (8 / 21, 0.0)
    assert measured.counts == {"true_positive": 8, "false_negative": 13}
    assert (measured.n, measured.positives) == (30, 21)


def test_the_first_row_has_no_p() -> None:
    measured = measure(result([0, 1, 0, 1], [0.1, 0.9, 0.2, 0.8]), None)
    assert measured.delong_p is None
    assert measured.mcnemar_p is None


def test_a_group_is_its_positive_cases() -> None:
    labels, scores = [1, 1, 1, 0, 1, 1], [0.9, 0.1, 0.6, 0.9, 0.1, 0.2]
    first = result(labels, [0.1] * 6, groups="ab")
    measured = measure_group(result(labels, scores, groups="ab"), first, "a")
    assert (measured.n, measured.counts) == (3, {"true_positive": 2, "false_negative": 1})
    assert measured.mcnemar_p == 0.5
    nobody = measure_group(result(labels, scores, groups="ab"), None, "c")
    assert nobody.estimates == {"sensitivity": None}
