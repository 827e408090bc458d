"""What the coordinator publishes, from the sums of the sites."""

from collections.abc import Collection, Mapping

from fedcmr.config import EvaluationSettings
from fedcmr.errors import DataError
from fedcmr.evaluation import results
from fedcmr.evaluation.calibration import Fit
from fedcmr.evaluation.compare import against, alarms, gaps
from fedcmr.evaluation.curve import brier_parts, reliability, roc_points, wide_edges
from fedcmr.evaluation.delong import auc_interval
from fedcmr.evaluation.edges import WIDEST_BOUND, Edges
from fedcmr.evaluation.groups import Groups
from fedcmr.evaluation.intervals import wilson
from fedcmr.evaluation.joint import JointSums
from fedcmr.evaluation.membership import membership as membership_line
from fedcmr.evaluation.paired import paired_delong
from fedcmr.evaluation.pooled import fixed_auc, heterogeneity, random_auc, site_effects
from fedcmr.evaluation.results import SUPPRESSED, GroupResult, Hidden, Metrics
from fedcmr.evaluation.roc import auc
from fedcmr.evaluation.sums import EvaluationSums, StratumSums, total
from fedcmr.evaluation.threshold import RULES, at_threshold, choose_threshold

FEWEST_CHOSEN_BY = 10
"""Validation cases of each class: a threshold that rests on fewer is next to accidental."""

FEWEST_HIDDEN = 2
"""Sites that keep their results enter a mean only together with another such one: from the mean
over one the site could be solved for."""

FEWEST_HIDDEN_SPREAD = 4
"""As many unknown pairs of area and variance as make more unknowns (8) than random effects and
heterogeneity print numbers (6)."""


def metrics(
    validation: EvaluationSums,
    test: EvaluationSums,
    per_site: Mapping[str, EvaluationSums],
    settings: EvaluationSettings,
    *,
    open_sites: Collection[str] = (),
    calibration: Fit | None = None,
    comparisons: Mapping[str, JointSums] | None = None,
    membership: Mapping[str, EvaluationSums] | None = None,
    left_out: Mapping[str, EvaluationSums] | None = None,
    external: Collection[str] = (),
    refined: bool = False,
) -> Metrics:
    """Return the content of metrics.json.

    Thresholds come from the validation cases, everything else from the test cases.

    Args:
        validation: pooled over the sites.
        test: pooled over the sites.
        per_site: the parts of `test`; empty without federation, and then there are no results by
            site.
        settings: of the experiment.
        open_sites: sites whose policy allows results of their own.
        calibration: of the pooled test cases, where it was fitted.
        comparisons: name of another model to joint histograms of the pooled test cases.
        membership: site to its training cases, for the membership line.
        left_out: site to its test cases under the model that was trained without it.
        external: sites that never train; those with a test case are an external validation.
        refined: whether `test` comes from a second pass.

    Raises:
        DataError: there is no labelled test case, the sites do not add up to `test`, or validation
            and test have no edge in common.
    """
    if test.overall.n == 0:
        raise DataError("no site has a labelled test case", fix="add data: there is no result")
    groups = Groups(test, per_site, settings, open_sites)
    common = tuple(sorted(set(validation.edges) & set(test.edges)))
    thresholds = tuple(
        choose_threshold(validation, rule, published=settings.published_threshold, edges=common)
        for rule in RULES
    )
    shown = [group for group in groups.strata if groups.hidden(group) is None]
    whole = test.overall if groups.printable.total else None
    adjusted = against(shown, whole) if whole else []
    p_holm = {group.key: p for group, p in zip(shown, adjusted, strict=False)}

    def result(sums: StratumSums, hidden: Hidden | None) -> GroupResult | Hidden:
        return hidden or _result(sums, test.edges, thresholds)

    within, spread = _within(groups)
    compared = tuple(
        paired_delong(sums, name)
        for name, sums in sorted((comparisons or {}).items())
        if whole and _same_cases(sums, whole)
    )
    line = None
    if whole and membership and groups.may_pool(membership):
        line = membership_line(total(membership.values(), edges=test.edges), test)
    tested = sorted(name for name in external if name in per_site and per_site[name].overall.n)
    chosen_by = min(validation.overall.positives, validation.overall.negatives)
    assessed = {
        "calibration slope and intercept": calibration is not None,
        "comparison with other models on the same cases": bool(compared),
        "paired p near that of the cases: too many of them share a bin, by a site's policy or "
        "because the scores are crowded": all(
            max(entry.auc.bound, entry.other.bound) <= WIDEST_BOUND for entry in compared
        ),
        "leave-one-site-out": bool(left_out),
        "external validation": bool(tested),
        f"thresholds: fewer than {FEWEST_CHOSEN_BY} validation cases of a class to choose by": (
            chosen_by >= FEWEST_CHOSEN_BY
        ),
        "membership inference": line is not None,
        "secure aggregation: the coordinator's process sees the sums of each site": False,
        f"AUC to {WIDEST_BOUND} of that of the case scores, by a second pass with finer edges": (
            refined or not whole or auc(whole).bound <= WIDEST_BOUND
        ),
    }
    chosen = next(t for t in thresholds if t.name == settings.threshold)
    return Metrics(
        overall=result(test.overall, None if whole else SUPPRESSED),
        strata=tuple(
            results.Stratum(
                by=group.by,
                level=group.level,
                result=result(group, groups.hidden(group)),
                p_holm=p_holm.get(group.key),
            )
            for group in groups.strata
        ),
        within_site=within,
        heterogeneity=spread,
        gaps=gaps(shown),
        alarms=alarms(shown, adjusted, whole) if whole else (),
        thresholds=thresholds,
        threshold=results.OperatingThreshold(value=chosen.value, rule=chosen.rule),
        roc=roc_points(test, wide_edges(test, settings.min_class_count)) if whole else SUPPRESSED,
        calibration=_calibration(test, settings, calibration) if whole else SUPPRESSED,
        comparisons=compared,
        membership=line,
        left_out=tuple(
            results.LeftOut(
                site=name,
                result=groups.hidden_site(name, sums) or _result(sums.overall, sums.edges, ()),
            )
            for name, sums in sorted((left_out or {}).items())
        ),
        external=tuple(tested),
        withheld=groups.withheld,
        bins=test.bins,
        refined=refined,
        min_class_count=settings.min_class_count,
        min_sites=settings.min_sites,
        not_assessed=tuple(what for what, done in assessed.items() if not done),
    )


def _result(
    sums: StratumSums, edges: Edges, thresholds: tuple[results.Threshold, ...]
) -> GroupResult:
    return GroupResult(
        n=sums.n,
        positives=sums.positives,
        auc=auc_interval(sums),
        brier=sums.brier / sums.n,
        loss=sums.loss / sums.n,
        at=tuple(at_threshold(sums, edges, threshold) for threshold in thresholds),
    )


def _within(groups: Groups) -> tuple[results.WithinSite, results.Heterogeneity | None]:
    """Return the mean over sites and their spread, over no site that could be solved for."""
    printed, kept = groups.usable_sites()
    used = printed + (kept if len(kept) >= FEWEST_HIDDEN else [])
    if not used:
        return results.WithinSite(sites=0, fixed=SUPPRESSED, random=None), None
    found = site_effects(used)
    within = results.WithinSite(sites=len(used), fixed=fixed_auc(found), random=None)
    if len(used) < 2 or 0 < len(used) - len(printed) < FEWEST_HIDDEN_SPREAD:
        return within, None
    within = within.model_copy(update={"random": random_auc(found)})
    return within, heterogeneity(found)


def _calibration(
    test: EvaluationSums, settings: EvaluationSettings, fit: Fit | None
) -> results.Calibration:
    bins = reliability(test, wide_edges(test, settings.min_class_count))
    return results.Calibration(
        bins=bins,
        parts=brier_parts(test, bins),
        mean_score=sum(test.scores) / test.overall.n,
        observed=wilson(test.overall.positives, test.overall.n),
        slope=fit.slope if fit else None,
        intercept=fit.intercept if fit else None,
        steps=fit.steps if fit else 0,
    )


def _same_cases(sums: JointSums, whole: StratumSums) -> bool:
    # Over other cases the two results could be subtracted.
    return (sums.positive.n, sums.negative.n) == (whole.positives, whole.negatives)
