"""The network of one row: trained, scored on the test split, and kept."""

import hashlib
import time
from pathlib import Path

import numpy as np
import torch
import yaml

from fedcmr.data.store import Dataset
from fedcmr.durable import write_atomically
from fedcmr.errors import DataError
from fedcmr.evaluation.results import Threshold
from fedcmr.evaluation.strata import COLUMNS
from fedcmr.evaluation.sums import MOST_BINS, collect
from fedcmr.evaluation.threshold import choose_threshold
from fedcmr.models.registry import build, inference_state
from fedcmr.reproduce.recipe import Recipe
from fedcmr.settings import Settings, parse_json
from fedcmr.tasks.registry import task
from fedcmr.training.centralised import CHECKPOINT, train_centralised
from fedcmr.training.checkpoint import save_checkpoint
from fedcmr.training.scoring import Scores, score

RUNS, RESULT, WEIGHTS, EXPERIMENT = "runs", "result.json", "model.safetensors", "experiment.yaml"


class RunResult(Settings):
    """What a row's numbers are computed from; cases in the order of the data set."""

    recipe: str
    """Digest."""
    dataset: str
    """Digest."""
    parameters: int
    """Of the network that was trained."""
    epochs: int
    steps: int
    seconds: float
    """Of training and scoring."""
    threshold: Threshold
    """Chosen on the validation split."""
    cases: tuple[str, ...]
    """Pseudonyms of studies, with the slice where a sample is one."""
    aetiologies: tuple[str, ...]
    labels: tuple[int, ...]
    scores: tuple[float, ...]


def run_folder(recipe: Recipe, dataset: Dataset, out: Path) -> Path:
    """Return where a run is kept: the same recipe on the same data set has one place."""
    both = hashlib.sha256(f"{recipe.digest()} {dataset.digest()}".encode()).hexdigest()
    return out / RUNS / f"{recipe.experiment.name}-{both[:12]}"


def finished(recipe: Recipe, dataset: Dataset, out: Path) -> RunResult | None:
    """Return the result of a run that ended, None of one that did not.

    Raises:
        ConfigurationError: the file was changed.
        DataError: it is of another recipe or data set than its folder says.
    """
    path = run_folder(recipe, dataset, out) / RESULT
    if not path.is_file():
        return None
    result = parse_json(path.read_text(encoding="utf-8"), RunResult, where=str(path))
    if (result.recipe, result.dataset) != (recipe.digest(), dataset.digest()):
        raise DataError("a result of another run", where=str(path), fix="delete its folder")
    return result


def run(recipe: Recipe, dataset: Dataset, out: Path) -> RunResult:
    """Train and score the network of a row, or go on where that was interrupted.

    Weights, then the result, are written whole; until then a checkpoint holds the last epoch.

    Raises:
        DataError: a split has no labelled case, or training diverged.
    """
    done = finished(recipe, dataset, out)
    if done is not None:
        return done
    folder, experiment = run_folder(recipe, dataset, out), recipe.experiment
    text = yaml.safe_dump(experiment.model_dump(mode="json"), sort_keys=False)
    write_atomically(folder / EXPERIMENT, text.encode())
    torch.manual_seed(experiment.training.seed)
    model, of_task = build(experiment.model, experiment.preprocessing), task(experiment.task)
    history = train_centralised(
        model,
        of_task,
        dataset,
        experiment.training,
        folder,
        fingerprint=f"{recipe.digest()} {dataset.digest()}",
        seconds=recipe.seconds,
    )
    started = time.perf_counter()
    validation = score(model, of_task, dataset, "validation")
    test = score(model, of_task, dataset, "test")
    result = RunResult(
        recipe=recipe.digest(),
        dataset=dataset.digest(),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        epochs=len(history.epochs),
        steps=history.epochs[-1].steps,
        seconds=sum(epoch.seconds for epoch in history.epochs) + time.perf_counter() - started,
        threshold=_threshold(validation),
        cases=_names(test),
        aetiologies=tuple(record.aetiology for record in test.records),
        labels=tuple(test.labels.tolist()),
        scores=tuple(test.scores.tolist()),
    )
    state = inference_state(model.state_dict())
    save_checkpoint(folder / WEIGHTS, state, {"experiment": experiment.digest()})
    write_atomically(folder / RESULT, result.canonical_json().encode())
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return result


def _threshold(validation: Scores) -> Threshold:
    """Return the largest sensitivity + specificity over the scores of the validation split."""
    inner = np.unique(validation.scores[(validation.scores > 0) & (validation.scores < 1)])
    step = -(-len(inner) // (MOST_BINS // 2)) or 1
    edges = tuple(inner[::step].tolist()) or (0.5,)
    levels = [dict.fromkeys(COLUMNS, "unknown")] * len(validation.labels)
    sums = collect(validation.labels, validation.scores, levels, edges=edges)
    return choose_threshold(sums, "youden", published=0.5, edges=edges)


def _names(scores: Scores) -> tuple[str, ...]:
    """Return a name for each sample: the study, and which of its labelled slices."""
    seen: dict[str, int] = {}
    names = []
    for record in scores.records:
        place = seen[record.study] = seen.get(record.study, -1) + 1
        names.append(f"{record.study}/{place}")
    return tuple(names)
