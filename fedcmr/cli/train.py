"""`fedcmr train`: an experiment on data sets at hand, without federation."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from fedcmr.config import Experiment
    from fedcmr.data.store import Dataset

WEIGHTS = "model.safetensors"
METRICS = "metrics.json"


def train_command(
    experiment: Annotated[Path, typer.Argument(help="YAML file of the experiment.")],
    data: Annotated[
        list[Path], typer.Option(help="Data set, as ingest wrote it; several count as one.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for weights, history, results, checkpoint.")],
    epochs: Annotated[
        int | None, typer.Option(min=1, help="At most so many, instead of training.epochs.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, envvar="FEDCMR_THREADS", help="CPU threads; all without.")
    ] = None,
    pretrained: Annotated[
        Path | None,
        typer.Option(help="Weights to begin with: torchvision's r2plus1d_18, a local file."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a summary as JSON.")] = False,
) -> None:
    """Train without federation and evaluate on the test split: the baseline of a federation.

    With one data set a single site's own model, with those of all sites the centralised one. The
    same command goes on where it was interrupted.

    Example: fedcmr train configs/experiments/scar.yaml --data dataset --out baseline
    """
    import torch

    from fedcmr.config import Experiment
    from fedcmr.data.pool import pool
    from fedcmr.data.store import open_dataset
    from fedcmr.durable import write_atomically
    from fedcmr.errors import ConfigurationError
    from fedcmr.models.pretrained import start_from
    from fedcmr.models.registry import build
    from fedcmr.settings import load_settings
    from fedcmr.tasks.registry import task
    from fedcmr.training.centralised import train_centralised
    from fedcmr.training.checkpoint import save_checkpoint

    settings = load_settings(experiment, Experiment)
    if settings.privacy.private:
        raise ConfigurationError(
            "this command stops and chooses by validation, which no noise protects",
            where=str(experiment),
            fix="leave privacy out for a baseline, or federate",
        )
    if threads is not None:
        torch.set_num_threads(threads)
    dataset = pool([open_dataset(path) for path in data])
    dataset.check(settings.preprocessing)
    torch.manual_seed(settings.training.seed)
    model = build(settings.model, settings.preprocessing)
    begun_with = None if pretrained is None else start_from(pretrained, model)
    history = train_centralised(
        model,
        task(settings.task),
        dataset,
        settings.training,
        out,
        fingerprint=f"{settings.digest()} {dataset.digest()} {begun_with}",
        epochs=epochs,
    )
    results = _evaluate(settings, dataset, model)
    save_checkpoint(out / WEIGHTS, model.state_dict(), {"experiment": settings.digest()})
    write_atomically(out / METRICS, json.dumps(results, indent=2, sort_keys=True).encode())
    summary = {
        "epochs": len(history.epochs),
        "best_epoch": history.best_epoch,
        "pretrained": begun_with,
        "phantom": dataset.manifest.phantom,
        "out": str(out),
        **results,
    }
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
    else:
        _print(summary, settings.preprocessing.samples)


def _evaluate(experiment: "Experiment", dataset: "Dataset", model: Any) -> dict[str, Any]:
    """Return metrics.json of the test split, and the AUC of the scores themselves."""
    from sklearn.metrics import roc_auc_score

    from fedcmr.evaluation.edges import standard_edges
    from fedcmr.evaluation.metrics import metrics
    from fedcmr.evaluation.strata import levels
    from fedcmr.evaluation.sums import EvaluationSums, collect
    from fedcmr.tasks.registry import task
    from fedcmr.training.scoring import Scores, score

    of_task, edges = task(experiment.task), standard_edges(experiment.evaluation)

    def sums(scores: Scores) -> EvaluationSums:
        strata = [levels(record) for record in scores.records]
        return collect(scores.labels, scores.scores, strata, edges=edges)

    validation = score(model, of_task, dataset, "validation")
    test = score(model, of_task, dataset, "test")
    both = len(set(test.labels.tolist())) == 2
    exact = float(roc_auc_score(test.labels, test.scores)) if both else None
    results = metrics(sums(validation), sums(test), {}, experiment.evaluation)
    return results.model_dump(mode="json") | {"exact_auc": exact}


def _print(summary: dict[str, Any], samples: str) -> None:
    console = Console(highlight=False, markup=False, soft_wrap=True)
    overall, exact = summary["overall"], summary["exact_auc"]
    console.print(f"best of {summary['epochs']} epochs: {summary['best_epoch']}")
    shown = "not defined: one class only" if exact is None else f"{exact:.3f}"
    cases = overall if isinstance(overall, str) else f"{overall['n']} {samples}"
    console.print(f"test: {cases}, AUC {shown}")
    if summary["phantom"]:
        console.print("phantoms prove the machinery, not a clinical claim")
    console.print(f"weights, history and metrics: {summary['out']}")
