"""`fedcmr-client doctor`: the first cause of a problem, and its remedy."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from fedcmr.cli.lock import is_running
from fedcmr.cli.say import printable
from fedcmr_client.settings import open_site


def doctor_command(
    site: Annotated[
        Path, typer.Option(envvar="FEDCMR_SITE", help="The site's folder, with site.yaml.")
    ] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Check keys, disk, device, data set, policy and ledgers, then name, port, TLS, clock, version.

    Stops at the first that fails, names its remedy, and ends with 5 where the network is to blame.

    Example: fedcmr-client doctor --site /var/lib/fedcmr
    """
    from fedcmr_client.doctor import examine

    folder = open_site(site)
    console = Console(soft_wrap=True, highlight=False)
    findings = []
    for finding in examine(folder, running=is_running(folder.lock)):
        findings.append(finding)
        if not as_json:
            sign, style = ("ok  ", "green") if finding.error is None else ("FAIL", "red")
            text = f" {finding.check}: {finding.text}"
            console.print(Text.assemble((sign, style), printable(text)))
    if as_json:
        rows = [{"check": f.check, "ok": f.error is None, "text": f.text} for f in findings]
        console.print_json(json.dumps({"ok": findings[-1].error is None, "checks": rows}))
    if (error := findings[-1].error) is not None:
        raise typer.Exit(error.exit_code)
