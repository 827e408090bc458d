"""`fedcmr-client preview`: contact sheets of a data set."""

from pathlib import Path
from typing import Annotated

import typer

from fedcmr.cli.say import say


def preview_command(
    dataset: Annotated[Path, typer.Argument(help="Data set that ingest wrote.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the sheets; DATASET-preview by default.")
    ] = None,
) -> None:
    """Draw a contact sheet of every study, and a page that lists them. They stay at the site.

    Example: fedcmr-client preview dataset
    """
    # matplotlib takes a second to import: `--help` does not need it.
    from fedcmr.data.store import open_dataset
    from fedcmr.ingest.preview import write_preview
    from fedcmr.ingest.progress import shown

    opened = open_dataset(dataset)
    folder = out or dataset.with_name(f"{dataset.resolve().name}-preview")
    with shown() as progress:
        page = write_preview(opened, folder, progress)
    say(f"open {page}")
