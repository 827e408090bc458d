"""`fedcmr audit`: does a release give its training patients away?"""

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from fedcmr.cli.say import say
from fedcmr.errors import CheckFailed

if TYPE_CHECKING:
    from fedcmr.audit.membership import Audit
    from fedcmr.evaluation.results import Estimate


def audit_command(
    release: Annotated[Path, typer.Argument(help="Folder of the release.", show_default=False)],
    data: Annotated[Path, typer.Option(help="Data set of a site that took part.")],
    key: Annotated[
        Path | None,
        typer.Option(envvar="FEDCMR_PUBLIC_KEY", help="Public key: the release is verified first."),
    ] = None,
    shadows: Annotated[
        int, typer.Option(min=0, max=256, help="Shadow models to train; 0: loss threshold only.")
    ] = 4,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Epochs of a shadow model; rounds x local epochs by default."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the shadow models.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Attack a release with membership inference, where its training patients are.

    Members are the site's training patients, others its validation and test patients. Run it on
    the data set that was trained on, at the site: nothing is sent. Fails (exit code 1) when an
    attack proves more than the epsilon that the experiment states.

    Example: fedcmr audit release --data site/dataset
    """
    from fedcmr.audit.attack import bound
    from fedcmr.audit.membership import audit
    from fedcmr.data.store import open_dataset
    from fedcmr.release.open import open_release
    from fedcmr.release.signing import verify

    if key is not None:
        verify(release, key)
    opened = open_release(release)
    federation, training = opened.experiment.federation, opened.experiment.training
    found = audit(
        opened.model,
        opened.experiment,
        open_dataset(data),
        shadows=shadows,
        epochs=epochs or federation.rounds * training.local_epochs,
        seed=seed,
        said=partial(say, stderr=True),
    )
    limit = None if found.epsilon is None else bound(found.epsilon, found.delta)
    if as_json:
        typer.echo(json.dumps(_plain(found, limit), indent=2))
    else:
        _print(found, limit)
    proven = max(attack.least_epsilon for attack in found.attacks)
    if found.epsilon is not None and proven > found.epsilon:
        raise CheckFailed(
            f"an attack proves epsilon {proven:.3g}, the experiment states {found.epsilon:.3g}",
            where=str(release),
            fix="do not pass this release on; report it",
        )


def _plain(found: "Audit", limit: float | None) -> dict[str, object]:
    attacks = [
        asdict(attack) | {"auc": attack.auc.model_dump(), "tpr": attack.tpr.model_dump()}
        for attack in found.attacks
    ]
    private = {"epsilon": found.epsilon, "delta": found.delta, "largest_tpr": limit}
    return {"attacks": attacks, "private": private if found.epsilon is not None else None}


def _print(found: "Audit", limit: float | None) -> None:
    table = Table(
        "attack", "AUC (95 %)", "TPR at 1 % FPR (95 %)", "epsilon >=",
        title=f"membership inference: {found.attacks[0].members} training patients against "
        f"{found.attacks[0].others} others",
    )  # fmt: skip
    for attack in found.attacks:
        table.add_row(
            attack.name, _shown(attack.auc), _shown(attack.tpr), f"{attack.least_epsilon:.2f}"
        )
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    if limit is None:
        console.print("no differential privacy: nothing bounds a better attack than these")
    else:
        console.print(
            f"epsilon {found.epsilon:.3g} at delta {found.delta:g}: no attack finds more than "
            f"{limit:.3g} of the members at 1 % false positives"
        )


def _shown(estimate: "Estimate") -> str:
    return f"{estimate.value:.3f} ({estimate.low:.3f}-{estimate.high:.3f})"
