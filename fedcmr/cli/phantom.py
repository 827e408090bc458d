"""`fedcmr phantom`: write synthetic exports, or look for short cuts in them."""

import json
import logging
from pathlib import Path
from typing import Annotated

import typer

from fedcmr.errors import CheckFailed, UsageError
from fedcmr.ingest.progress import shown

_log = logging.getLogger(__name__)

ALL = "all"


def phantom_command(
    out: Annotated[
        Path | None,
        typer.Argument(
            help="New folder; with --site all it gets one folder per site.", show_default=False
        ),
    ] = None,
    site: Annotated[str, typer.Option(help="Profile: ge, siemens, philips or all.")] = ALL,
    patients: Annotated[int, typer.Option(min=1, help="Patients per site.")] = 70,
    seed: Annotated[int, typer.Option(min=0, help="The same seed writes the same bytes.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 is one per core.")] = 0,
    audit: Annotated[
        Path | None,
        typer.Option(help="Instead of writing: look for short cuts in this folder's exports."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Write synthetic short-axis hearts as DICOM exports with labels. They are no patients.

    An export is a folder with dicom/, labels.csv and truth.csv; the last is for --audit only.

    Examples: fedcmr phantom exports --patients 20; fedcmr phantom --audit exports
    """
    if (out is None) == (audit is None):
        raise UsageError("give either a folder to write to or --audit")
    if audit is not None:
        _audit(audit, as_json=as_json)
    elif out is not None:
        written = _write(out, site, patients, seed, workers)
        if as_json:
            typer.echo(json.dumps({"exports": [str(path) for path in written]}))


def _write(out: Path, site: str, patients: int, seed: int, workers: int) -> list[Path]:
    # pydicom and numpy take a while to load; --help does without them.
    from fedcmr.phantom.sites import SITES
    from fedcmr.phantom.write import write_site

    if site != ALL and site not in SITES:
        raise UsageError(f"no site {site!r}", fix=f"choose {', '.join(SITES)} or {ALL}")
    folders = {name: out / name for name in SITES} if site == ALL else {site: out}
    for name, folder in folders.items():
        with shown() as progress:

            def tell(done: int, name: str = name) -> None:
                progress(f"{name} patients", done, patients)

            write_site(
                folder,
                site=SITES[name],
                patients=patients,
                seed=seed,
                workers=workers,
                progress=tell,
            )
        _log.info("%s: %d synthetic patients in %s", name, patients, folder)
    return list(folders.values())


def _audit(folder: Path, *, as_json: bool) -> None:
    from fedcmr.phantom.audit import LIMIT, audit, exports_below

    aucs = audit(exports_below(folder))
    leaking = [label for label, auc in aucs.items() if auc >= LIMIT]
    if as_json:
        typer.echo(json.dumps({"auc": aucs, "limit": LIMIT, "ok": not leaking}))
    else:
        for label, auc in aucs.items():
            typer.echo(f"{label}: AUC {auc:.3f} from what a child could measure")
    if leaking:
        raise CheckFailed(
            f"{', '.join(leaking)} can be told without seeing a lesion: AUC {LIMIT} or more",
            where=str(folder),
        )
