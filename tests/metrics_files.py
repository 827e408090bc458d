"""Results with everything that a report can show, by hand, as a reader would believe."""

import numpy as np

from fedcmr.evaluation.results import (
    Alarm,
    AtThreshold,
    AucEstimate,
    BrierParts,
    Calibration,
    Comparison,
    Confusion,
    Estimate,
    Gap,
    GroupResult,
    Heterogeneity,
    Hidden,
    LeftOut,
    Membership,
    Metrics,
    OperatingThreshold,
    ReliabilityBin,
    RocPoint,
    Stratum,
    Threshold,
    WithinSite,
)


def estimate(value: float, half: float = 0.05) -> Estimate:
    return Estimate(value=value, low=max(0.0, value - half), high=min(1.0, value + half))


def area(value: float, half: float = 0.05) -> AucEstimate:
    return AucEstimate(**estimate(value, half).model_dump(), bound=0.004)


def group(n: int, auc: float, half: float) -> GroupResult:
    positives = n * 2 // 5
    at = []
    for name, sensitivity, specificity in (
        ("youden", 0.81, 0.74),
        ("sensitivity_90", 0.9, 0.55),
        ("published", 0.7, 0.83),
    ):
        tp = round(positives * sensitivity)
        tn = round((n - positives) * specificity)
        fp, fn = n - positives - tn, positives - tp
        at.append(
            AtThreshold(
                threshold=name,
                counts=Confusion(
                    true_positive=tp, false_positive=fp, false_negative=fn, true_negative=tn
                ),
                sensitivity=estimate(sensitivity, half),
                specificity=estimate(specificity, half),
                ppv=estimate(tp / (tp + fp), half),
                npv=estimate(tn / (tn + fn), half),
                f1=estimate(2 * tp / (2 * tp + fp + fn), half),
                rule_out=estimate((tn + fn) / n, half),
            )
        )
    return GroupResult(
        n=n, positives=positives, auc=area(auc, half), brier=0.1713, loss=0.5131, at=tuple(at)
    )


def _strata() -> tuple[Stratum, ...]:
    shown: dict[tuple[str, ...], dict[tuple[str, ...], tuple[int, float] | Hidden]] = {
        ("aetiology",): {
            ("ischaemic",): (610, 0.85),
            ("non-ischaemic",): (402, 0.79),
            ("none",): "suppressed",
            ("unknown",): (199, 0.83),
        },
        ("age_band",): {
            (band,): ("suppressed" if band in ("10-19", "90+") else (100 + 40 * i, 0.80 + 0.01 * i))
            for i, band in enumerate(("10-19", "30-39", "40-49", "50-59", "60-69", "70-79", "90+"))
        },
        ("field_strength",): {("1.5T",): (893, 0.84), ("3T",): (318, 0.8), ("<1T",): "suppressed"},
        ("flag rr_varies",): {("no",): (1120, 0.84), ("yes",): (91, 0.74)},
        ("model",): {
            ("MAGNETOM Avanto",): (300, 0.85),
            ("SIGNA Artist",): (411, 0.83),
            ("Ingenia Ambition with a long name",): (180, 0.82),
        },
        ("sex",): {("F",): (500, 0.83), ("M",): (711, 0.83)},
        ("vendor",): {
            ("GE",): (411, 0.83),
            ("Philips",): (290, 0.78),
            ("Siemens",): (510, 0.86),
            ("unknown",): "suppressed",
        },
        ("vendor", "field_strength"): {
            ("GE", "1.5T"): (300, 0.84),
            ("GE", "3T"): (111, 0.8),
            ("Philips", "1.5T"): (200, 0.79),
            ("Philips", "3T"): (90, 0.76),
            ("Siemens", "1.5T"): (393, 0.87),
            ("Siemens", "3T"): "suppressed",
        },
        ("site",): {
            ("north",): (411, 0.83),
            ("south",): (510, 0.86),
            ("west",): "withheld",
            ("outside",): (290, 0.77),
        },
    }
    return tuple(
        Stratum(
            by=by,
            level=level,
            result=entry if isinstance(entry, str) else group(*entry, 1.2 / entry[0] ** 0.5),
            p_holm=None if isinstance(entry, str) else 0.4,
        )
        for by, levels in shown.items()
        for level, entry in levels.items()
    )


def _roc() -> tuple[RocPoint, ...]:
    points = []
    for step in range(33):
        threshold = step / 32
        # Through the points that `group` has at the three thresholds.
        at = (0.0, 0.28125, 0.4375, 0.44, 0.7, 1.0)
        rate = float(np.interp(threshold, at, (1.0, 0.45, 0.26, 0.17, 0.03, 0.0)))
        sensitivity = float(np.interp(threshold, at, (1.0, 0.9, 0.81, 0.7, 0.3, 0.0)))
        points.append(
            RocPoint(
                threshold=threshold,
                sensitivity=estimate(sensitivity, 0.03),
                false_positive_rate=estimate(rate, 0.02),
            )
        )
    return tuple(points)


def _calibration() -> Calibration:
    bins = []
    for step, n in enumerate((260, 210, 180, 140, 120, 110, 80, 50, 40, 21)):
        score = (step + 0.5) / 10
        observed = min(0.98, score * 0.9 + 0.03)
        bins.append(
            ReliabilityBin(
                low=step / 10,
                high=(step + 1) / 10,
                n=n,
                positives=round(n * observed),
                score=score,
                observed=estimate(observed, 0.9 / n**0.5),
            )
        )
    return Calibration(
        bins=tuple(bins),
        parts=BrierParts(
            brier=0.1713, reliability=0.0042, resolution=0.0731, uncertainty=0.24, within_bin=0.0002
        ),
        mean_score=0.381,
        observed=estimate(0.4, 0.03),
        slope=Estimate(value=0.93, low=0.84, high=1.02),
        intercept=Estimate(value=-0.08, low=-0.2, high=0.04),
        steps=5,
    )


METRICS = Metrics(
    overall=group(1211, 0.834, 0.022),
    strata=_strata(),
    within_site=WithinSite(sites=3, fixed=estimate(0.831, 0.024), random=estimate(0.826, 0.044)),
    heterogeneity=Heterogeneity(sites=3, q=5.81, p=0.0547, i2=0.656, tau2=0.0412),
    gaps=(
        Gap(
            by=("vendor",),
            worst=("Philips",),
            worst_auc=area(0.78),
            best=("Siemens",),
            best_auc=area(0.86, 0.03),
            difference=Estimate(value=0.08, low=0.021, high=0.139),
            p_holm=0.0231,
        ),
        Gap(
            by=("sex",),
            worst=("F",),
            worst_auc=area(0.829),
            best=("M",),
            best_auc=area(0.83, 0.03),
            difference=Estimate(value=0.001, low=-0.05, high=0.052),
            p_holm=0.97,
        ),
    ),
    alarms=(
        Alarm(
            by=("flag rr_varies",),
            level=("yes",),
            auc=area(0.74, 0.06),
            overall=0.834,
            p_holm=0.0121,
            direction="lower",
        ),
    ),
    thresholds=(
        Threshold(name="youden", value=0.4375, rule="largest Youden index on validation cases"),
        Threshold(name="sensitivity_90", value=0.28125, rule="sensitivity of at least 0.90"),
        Threshold(name="published", value=0.44, rule="the operating point of the paper"),
    ),
    threshold=OperatingThreshold(value=0.4375, rule="largest Youden index on validation cases"),
    roc=_roc(),
    calibration=_calibration(),
    comparisons=(
        Comparison(
            name="centralised",
            n=1211,
            auc=area(0.834, 0.022),
            other=area(0.841, 0.022),
            difference=Estimate(value=-0.007, low=-0.021, high=0.007),
            p=0.331,
        ),
        Comparison(
            name="north only",
            n=1211,
            auc=area(0.834, 0.022),
            other=area(0.742, 0.03),
            difference=Estimate(value=0.092, low=0.061, high=0.123),
            p=0.00001,
        ),
    ),
    membership=Membership(auc=area(0.561, 0.02), training_loss=0.431, test_loss=0.513),
    left_out=(
        LeftOut(site="north", result=group(411, 0.8, 0.05).model_copy(update={"at": ()})),
        LeftOut(site="west", result="withheld"),
    ),
    external=("outside",),
    withheld={"age_band": 1},
    bins=65,
    refined=True,
    min_class_count=10,
    min_sites=1,
    not_assessed=("secure aggregation", "use in the care of patients"),
)
