"""`fedcmr predict`: score a raw DICOM export with a release."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from fedcmr.cli.say import printable, say
from fedcmr.errors import DataError

if TYPE_CHECKING:
    from fedcmr.inference.result import Predictions

SHOWN = 20
"""Studies in the table on the terminal; all of them are in the files."""


def predict_command(
    release: Annotated[Path, typer.Option(help="Folder of the release.", show_default=False)],
    dicom: Annotated[Path, typer.Option(help="Folder of the export; it is only read.")],
    out: Annotated[Path, typer.Option(help="Folder for predictions.csv and predictions.json.")],
    key: Annotated[
        Path | None,
        typer.Option(
            envvar="FEDCMR_PUBLIC_KEY",
            help="Public key of the coordinator: the release is verified first.",
        ),
    ] = None,
    branch: Annotated[
        Path | None,
        typer.Option(
            help="round/update.safetensors of the site: draw where the coarse-mask branch looked.",
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=0, envvar="FEDCMR_WORKERS", help="Processes; 0: one a core.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print predictions.json.")] = False,
) -> None:
    """Give each study of an export a score, or the reason why it gets none.

    The files name studies by their StudyInstanceUID and folder: they are for use where the export
    is, not for passing on. For mvo, --branch adds a picture a study: where the coarse-mask branch
    looked in training. No release has the branch; it comes from the weights of the site's own last
    round, which the client keeps in its folder.

    Example: fedcmr predict --release release --key release.pub --dicom /export --out predictions
    """
    from fedcmr.inference.predict import predict
    from fedcmr.inference.result import CSV, JSON, PICTURES
    from fedcmr.ingest.progress import shown

    if key is None:
        Console(stderr=True, soft_wrap=True).print(
            "warning: the release was not verified; give --key with the coordinator's public key"
        )
    with shown() as progress:
        predictions = predict(
            release,
            dicom,
            out,
            public_key=key,
            branch=branch,
            workers=workers,
            progress=progress,
        )
    if as_json:
        typer.echo((out / JSON).read_text(encoding="utf-8"), nl=False)
    else:
        _print(predictions, out / CSV)
        if branch is not None:
            say(f"pictures, for this site only: {out / PICTURES}")
    if not predictions.scored:
        raise DataError(
            "no study of the export could be scored",
            where=str(dicom),
            fix=f"read the reasons in {out / CSV}",
        )


def _print(predictions: "Predictions", path: Path) -> None:
    description = predictions.release.description
    table = Table("study", "folder", "score", "class", "reason")
    for number, study in enumerate(predictions.studies[:SHOWN], start=1):
        score = "" if study.score is None else f"{study.score:.3f}"
        table.add_row(
            str(number), printable(study.folder), score, study.label or "", study.reason or ""
        )
    console = Console(highlight=False, markup=False, emoji=False)
    if description.phantom:
        console.print("PHANTOM: this release was made from synthetic hearts; not for patients")
    if description.partial:
        console.print("PARTIAL: the run behind this release ended below plan")
    console.print(table)
    say(
        f"{predictions.scored} of {len(predictions.studies)} studies scored; "
        f"{description.threshold.value:.4f} or more is called {description.labels[1]}: {path}"
    )
