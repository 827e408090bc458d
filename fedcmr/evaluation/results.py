"""The shape of `metrics.json`: everything that a release tells of its evaluation.

A result that must not show is the word "suppressed" in the place of the numbers (too small a
group, or one from which a small one could be computed; which of the two is not told), or
"withheld" for a site whose policy keeps its results. All intervals are 95 %.
"""

from typing import Literal

from pydantic import Field

from fedcmr.settings import Settings

SUPPRESSED: Literal["suppressed"] = "suppressed"
WITHHELD: Literal["withheld"] = "withheld"
Hidden = Literal["suppressed", "withheld"]


class Estimate(Settings):
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


class AucEstimate(Estimate):
    """An area under the ROC curve; interval by DeLong's variance on the logit scale."""

    bound: float = Field(description="the AUC of the case scores is within this of `value`")


class Confusion(Settings):
    """Counts at one threshold."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int


class AtThreshold(Settings):
    """A group at one threshold; Wilson intervals; None where nobody is in the denominator."""

    threshold: str = Field(description="name of the threshold in `thresholds`")
    counts: Confusion
    sensitivity: Estimate | None
    specificity: Estimate | None
    ppv: Estimate | None
    npv: Estimate | None
    f1: Estimate | None = Field(description="interval by Wilson for TP / (TP + FP + FN)")
    rule_out: Estimate = Field(description="part of all cases below it: contrast avoided")


class GroupResult(Settings):
    """What is printed of a group of test cases."""

    n: int
    positives: int
    auc: AucEstimate
    brier: float = Field(description="mean squared error of the score")
    loss: float = Field(description="mean -log p of the true class, nats")
    at: tuple[AtThreshold, ...] = Field(description="one for each of `thresholds`, in their order")


class Stratum(Settings):
    """A group: a level of one column, a cell of a two-way table, a site, a flag."""

    by: tuple[str, ...] = Field(
        description='columns: ("vendor",), ("vendor", "field_strength"), ("site",), ...; quality '
        'flags are ("flag CODE",) with levels "yes" and "no"'
    )
    level: tuple[str, ...] = Field(description="one level for each column")
    result: GroupResult | Hidden
    p_holm: float | None = Field(
        description="AUC against the overall one, two-sided, overall taken as fixed; Holm over all "
        "printed strata; None where the result is not printed"
    )


class Threshold(Settings):
    """A score at or above `value` is called positive."""

    name: Literal["youden", "sensitivity_90", "published", "given"]
    value: float
    rule: str = Field(description="how it was chosen; says so where there was nothing to choose by")


class OperatingThreshold(Settings):
    """The threshold that the release calls positive by."""

    value: float
    rule: str


class RocPoint(Settings):
    """A point of the ROC curve; each rate with its Wilson interval (the band)."""

    threshold: float
    sensitivity: Estimate
    false_positive_rate: Estimate


class ReliabilityBin(Settings):
    """Test cases with scores in [low, high), the last bin with its end."""

    low: float
    high: float
    n: int
    positives: int
    score: float = Field(description="mean score")
    observed: Estimate = Field(description="part of positives, Wilson interval")


class BrierParts(Settings):
    """brier = reliability - resolution + uncertainty + within_bin (Stephenson et al. 2008)."""

    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    within_bin: float = Field(description="variance less twice the covariance inside the bins")


class Calibration(Settings):
    """How far scores are probabilities, over all test cases."""

    bins: tuple[ReliabilityBin, ...] = Field(description="merged until each class has the minimum")
    parts: BrierParts
    mean_score: float
    observed: Estimate = Field(description="part of positives")
    slope: Estimate | None = Field(
        description="of logit p = intercept + slope logit(score), Wald interval; None: not fitted"
    )
    intercept: Estimate | None
    steps: int = Field(description="Newton steps that the sites answered; 0: not fitted")


class WithinSite(Settings):
    """AUC inside the sites, over those whose result may be used."""

    sites: int
    fixed: Estimate | Hidden = Field(description="inverse-variance mean on the logit scale")
    random: Estimate | None = Field(
        description="DerSimonian-Laird, interval by Hartung-Knapp with the variance at least that "
        "of tau2 known; None below two sites"
    )


class Heterogeneity(Settings):
    """Spread of the logit AUC between sites beyond chance."""

    sites: int
    q: float = Field(description="Cochran's Q")
    p: float = Field(description="of Q against chi-square with sites - 1 degrees of freedom")
    i2: float = Field(description="0 to 1")
    tau2: float = Field(description="between-site variance of the logit AUC, DerSimonian-Laird")


class Gap(Settings):
    """Worst and best printed level of one stratification, and how far they are apart."""

    by: tuple[str, ...]
    worst: tuple[str, ...]
    worst_auc: AucEstimate
    best: tuple[str, ...]
    best_auc: AucEstimate
    difference: Estimate = Field(description="best less worst, independent samples, unadjusted")
    p_holm: float = Field(description="Holm over all pairs of printed levels of the table")


class Alarm(Settings):
    """A group whose AUC differs from the overall one after correction (p_holm below 0.05)."""

    by: tuple[str, ...]
    level: tuple[str, ...]
    auc: AucEstimate
    overall: float
    p_holm: float
    direction: Literal["lower", "higher"]


class Comparison(Settings):
    """The released model against another one on the same test cases."""

    name: str = Field(description="of the other model")
    n: int
    auc: AucEstimate = Field(description="of the released model")
    other: AucEstimate
    difference: Estimate = Field(
        description="released less other; ordered inside bins by their mean scores, so nearer to "
        "that of the cases than the two areas are"
    )
    p: float = Field(description="paired DeLong, two-sided")


class Membership(Settings):
    """How well the loss of a case tells training cases from test cases; 0.5 is not at all."""

    auc: AucEstimate = Field(
        description="probability that a training case is scored closer to its label than a test one"
    )
    training_loss: float
    test_loss: float


class LeftOut(Settings):
    """A site tested with a model that was trained without it."""

    site: str
    result: GroupResult | Hidden = Field(
        description="`at` is empty: it has no threshold of its own"
    )


class Metrics(Settings):
    """Content of metrics.json."""

    schema_version: Literal[2] = 2
    overall: GroupResult | Hidden
    strata: tuple[Stratum, ...] = Field(description="sorted by table and level; sites last")
    within_site: WithinSite
    heterogeneity: Heterogeneity | None = Field(description="None below two printed sites")
    gaps: tuple[Gap, ...] = Field(description="one for each table with two printed levels")
    alarms: tuple[Alarm, ...]
    thresholds: tuple[Threshold, ...]
    threshold: OperatingThreshold = Field(description="the one that the experiment names")
    roc: tuple[RocPoint, ...] | Hidden = Field(
        description="from threshold 0 up; only at edges between which each class has the minimum"
    )
    calibration: Calibration | Hidden
    comparisons: tuple[Comparison, ...]
    membership: Membership | None
    left_out: tuple[LeftOut, ...] = Field(description="leave-one-site-out; empty: not run")
    external: tuple[str, ...] = Field(description="sites that took part in evaluation only")
    withheld: dict[str, int] = Field(
        description="column to the number of sites that withhold it: their cases count in "
        "`overall` and in no level of that column"
    )
    bins: int = Field(description="of the pooled histograms")
    refined: bool = Field(description="a second pass with edges at pooled quantiles was made")
    min_class_count: int
    min_sites: int
    not_assessed: tuple[str, ...]


class CaseStratum(Settings):
    """A group of `fedcmr evaluate`; nothing is suppressed there."""

    by: tuple[str, ...]
    level: tuple[str, ...]
    n: int
    positives: int
    result: GroupResult | None = Field(description="None: all cases are of one class")
    p_holm: float | None = Field(description="AUC against the overall one, as in `Stratum`")


class CaseResults(Settings):
    """What `fedcmr evaluate` prints: exact results of cases, for one's own use."""

    schema_version: Literal[1] = 1
    overall: GroupResult = Field(description="the bound of every AUC is 0: nothing is binned")
    strata: tuple[CaseStratum, ...]
    gaps: tuple[Gap, ...]
    alarms: tuple[Alarm, ...]
    thresholds: tuple[Threshold, ...]
    roc: tuple[RocPoint, ...]
    calibration: Calibration
    comparisons: tuple[Comparison, ...]
    left_out: int = Field(description="lines without a score or a label")
