"""Facts of a run as sentences, for the checklists of the model card: known ones and no others."""

from fedcmr.evaluation.results import Metrics
from fedcmr.page.headings import table_name
from fedcmr.page.numbers import decimal, p_value, percent
from fedcmr.release.description import Description
from fedcmr.release.provenance import Provenance
from fedcmr.release.thresholds import rule_words


def facts(description: Description, metrics: Metrics, provenance: Provenance) -> dict[str, str]:
    """Return key to sentence; what a run does not know has no key."""
    found = {
        **_design(description, provenance),
        **_training(description, provenance),
        **_evaluation(metrics),
        **_results(description, metrics, provenance),
    }
    return {key: sentence for key, sentence in found.items() if sentence}


def _design(description: Description, provenance: Provenance) -> dict[str, str]:
    experiment, settings = description.experiment, description.experiment.preprocessing
    negative, positive = description.labels
    names = ", ".join(
        site.name + ("" if site.role == "train" else " (evaluation only)")
        for site in provenance.sites
    )
    return {
        "network": f"deep learning, network {experiment.model.name}: {positive} against {negative} "
        "from contrast-free short-axis cine MRI",
        "purpose": f"tells {positive} from {negative} without contrast agent; for research only",
        "aim": f"experiment {experiment.name}: federated development and evaluation",
        "sites": f"{len(provenance.sites)} site(s): {names}",
        "preprocessing": (
            "one slice at a time" if settings.per_slice else f"{settings.slices} slices"
        )
        + f", {settings.phases} phases, "
        f"{settings.size} x {settings.size} pixels of {settings.spacing_mm:g} mm around the heart, "
        f"intensities between percentiles {settings.low_percentile:g} and "
        f"{settings.high_percentile:g}; sha256 {provenance.preprocessing_digest[:12]}",
        "predictors": "the cine images alone; no clinical variable enters the network",
        "deidentification": "studies stay at their site under keyed pseudonyms; weights, counts "
        "and histograms leave it",
        "missing": "studies without a label or that cannot be prepared are left out; each site "
        "keeps the list with reasons",
        "partition": "training, validation and test, once for each data set, from the patient's "
        "pseudonym",
        "disjoint": "the patient",
        "protocol": f"the experiment in model.yaml, sha256 {provenance.experiment_digest[:12]}",
        "availability": "weights and settings in this release, code by its digest; data stay at "
        "the sites",
        "sharing": "data stay at the sites",
        "poor_input": "fedcmr predict prints quality flags, or why a study cannot be taken",
        "software": f"fedcmr {provenance.package_version}, code sha256 "
        f"{provenance.code_digest[:12]}",
    }


def _training(description: Description, provenance: Provenance) -> dict[str, str]:
    experiment = description.experiment
    training, federation = experiment.training, experiment.federation
    return {
        "model": "weights in model.safetensors, settings in model.yaml",
        "initial": f"random, seed {training.seed}"
        + (
            f"; backbone from a file of weights, sha256 {provenance.pretrained[:12]}"
            if provenance.pretrained
            else ""
        ),
        "training": f"{federation.strategy} over {len(provenance.history)} of {federation.rounds} "
        f"rounds, {training.optimizer}, learning rate {training.learning_rate:g}, "
        + (
            "steps and patients drawn by the privacy settings in model.yaml"
            if experiment.privacy.private
            else f"batch {training.batch_size}, {training.local_epochs} local epoch(s)"
        ),
        "selection": f"{federation.select.replace('_', ' ')}: round {provenance.released_round}",
        "ensemble": "none",
        "updating": "none: the released weights were not recalibrated",
        "predictions": f"each site scored its own test {experiment.preprocessing.samples} with the "
        "released weights",
        "output": f"score 0 to 1, {description.labels[1]} at {description.threshold.value:.4f} or "
        f"more ({rule_words(description.threshold.rule)})",
    }


def _evaluation(metrics: Metrics) -> dict[str, str]:
    groups = sorted({table_name(stratum.by) for stratum in metrics.strata})
    return {
        "measures": "AUC; sensitivity, specificity, PPV, NPV, F1 and part ruled out at "
        f"{len(metrics.thresholds)} thresholds; Brier score and calibration",
        "uncertainty": "95 % intervals: DeLong on the logit scale, Wilson; Holm for groups",
        "robustness": "each site left out of training and tested on" if metrics.left_out else "",
        "internal": "test parts of the sites that trained"
        + ("; the overall result also holds those that did not" if metrics.external else ""),
        "external": _external(metrics),
        "heterogeneity_method": "AUC inside sites, Cochran's Q, I², random effects (Hartung-Knapp)"
        if metrics.heterogeneity
        else "",
        "fairness": f"results by {'; '.join(groups)}; largest gaps and alarms" if groups else "",
        "limitations": "see Limitations",
    }


def _external(metrics: Metrics) -> str:
    if not metrics.external:
        return ""
    shown = {
        s.level[0] for s in metrics.strata if s.by == ("site",) and not isinstance(s.result, str)
    }
    return "sites that never trained: " + ", ".join(
        f"{name} ({'results by group' if name in shown else 'in the overall result only'})"
        for name in metrics.external
    )


def _results(description: Description, metrics: Metrics, provenance: Provenance) -> dict[str, str]:
    overall, spread = metrics.overall, metrics.heterogeneity
    if isinstance(overall, str):
        return {}
    trained = [site.examples for site in provenance.sites if site.role == "train"]
    known = [count for count in trained if count is not None]
    samples = description.experiment.preprocessing.samples
    flow = f"test {overall.n} {samples}, {overall.positives} with {description.labels[1]}"
    if len(known) == len(trained) and not description.experiment.privacy.private:
        flow += f"; training {sum(known)} {samples}"
    flow += "; lists of those left out stay at the sites"
    area = overall.auc
    at = next(
        entry
        for entry in overall.at
        if entry.threshold == description.experiment.evaluation.threshold
    )
    rates = ((at.sensitivity, "sensitivity"), (at.specificity, "specificity"))
    return {
        "flow": flow,
        "characteristics": "of the test part: see Data by group" if metrics.strata else "",
        "performance": f"AUC {decimal(area.value)} ({decimal(area.low)} to {decimal(area.high)}); "
        "by group below",
        "diagnostic": "; ".join(
            f"{name} {decimal(rate.value)} ({decimal(rate.low)} to {decimal(rate.high)})"
            for rate, name in rates
            if rate is not None
        ),
        "heterogeneity": f"I² {percent(spread.i2)}, τ² {decimal(spread.tau2, 4)}, Q "
        f"{decimal(spread.q, 2)} ({p_value(spread.p)}) over {spread.sites} sites"
        if spread
        else "",
    }
