"""`fedcmr-client ingest`: a DICOM export becomes the site's data set."""

import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedcmr.cli.say import say
from fedcmr.config import Experiment, Preprocessing
from fedcmr.errors import DataError, UsageError
from fedcmr.settings import load_settings
from fedcmr_client.keys import check_private, make_pseudonym_key
from fedcmr_client.settings import SiteFolder, open_site

if TYPE_CHECKING:
    from fedcmr.ingest.export import IngestSummary

log = logging.getLogger("fedcmr")


def ingest_command(
    dicom: Annotated[Path, typer.Option(help="Folder of the export; it is only read.")],
    labels: Annotated[
        Path | None,
        typer.Option(help="CSV with patient_id and any of scar, mvo, aetiology, sex, age."),
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(help="Folder of late-enhancement masks, NIfTI or DICOM SEG; for task mvo."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the data set; the site's own by default.")
    ] = None,
    site: Annotated[
        Path | None,
        typer.Option(envvar="FEDCMR_SITE", help="Site folder, or its site.yaml: key and data set."),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(envvar="FEDCMR_KEY", help="Pseudonym key file, instead of the site's."),
    ] = None,
    experiment: Annotated[
        Path | None, typer.Option(help="YAML whose preprocessing section is used.")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=0, envvar="FEDCMR_WORKERS", help="Processes; 0: one a core.")
    ] = 0,
    find: Annotated[
        str | None,
        typer.Option("--locate", help="Only show what a locator of exclusions.csv stands for."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Make a data set from a DICOM export; run it again to go on after a break.

    Nothing that names a patient is written. Without --site and --key a key of this user is used,
    made on first use.

    Example: fedcmr-client ingest --dicom /export --labels labels.csv --out dataset --site site
    """
    # pydicom and scipy take a second to import: `--help` does not need them.
    from fedcmr.ingest.deidentify import read_key
    from fedcmr.ingest.export import ingest_export
    from fedcmr.ingest.locate import locate
    from fedcmr.ingest.progress import shown

    folder = None if site is None else open_site(site.parent if site.is_file() else site)
    key_file = _key_file(key, folder)
    check_private(key_file)
    secret = read_key(key_file)
    if find is not None:
        say(locate(dicom, secret, find, labels, masks))
        return
    target = out or (folder.dataset if folder is not None else None)
    if target is None:
        raise UsageError("no folder for the data set", fix="give --out or --site")
    asked = None if experiment is None else load_settings(experiment, Experiment)
    with shown() as progress:
        summary = ingest_export(
            dicom=dicom,
            labels=labels,
            out=target,
            preprocessing=asked.preprocessing if asked is not None else Preprocessing(),
            key=secret,
            masks=masks,
            workers=workers,
            progress=progress,
        )
    if as_json:
        typer.echo(json.dumps(asdict(summary)))
    else:
        for line in _lines(summary):
            say(line)
    if labels is not None and asked is not None and not summary.labelled[asked.task]:
        log.warning(
            "no study has a label for the task %s: check the columns of %s", asked.task, labels
        )
    if not summary.studies:
        raise DataError(
            "no short-axis cine in the export",
            where=str(dicom),
            fix=f"read the reasons in {target / 'exclusions.csv'}",
        )


def _key_file(key: Path | None, site: SiteFolder | None) -> Path:
    if key is not None:
        return key
    if site is not None:
        return site.pseudonym_key
    own = Path.home() / ".config" / "fedcmr" / "pseudonym.key"
    if not own.exists():
        own.parent.mkdir(parents=True, exist_ok=True)
        make_pseudonym_key(own)
    return own


def _lines(summary: "IngestSummary") -> list[str]:
    lines = [
        f"{summary.studies} studies of {summary.patients} patients from {summary.files} files"
        f" in {summary.seconds} s: {summary.dataset}",
        "splits: " + _listed(summary.splits),
        "labelled: " + _listed(summary.labelled),
        "not used, see exclusions.csv: " + _listed(summary.exclusions),
        "quality flags: " + _listed(summary.flags),
    ]
    if summary.resumed:
        lines.append(f"{summary.resumed} studies were finished by an earlier run")
    if summary.phantom:
        lines.append("PHANTOM: synthetic images, no patients")
    return lines


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"
