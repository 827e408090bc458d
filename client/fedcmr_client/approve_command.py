"""`fedcmr-client approve` and `withdraw`: the site's people decide on a run."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from fedcmr.cli.say import say
from fedcmr.errors import UsageError
from fedcmr_client.approval import Approvals
from fedcmr_client.settings import open_site

SiteOption = Annotated[
    Path, typer.Option(envvar="FEDCMR_SITE", help="The site's folder, with site.yaml.")
]


def approve_command(
    digest: Annotated[
        str | None,
        typer.Argument(help="Of the experiment: 16 hex digits or more; all 64 before it was seen."),
    ] = None,
    site: SiteOption = Path(),
    show: Annotated[bool, typer.Option("--list", help="Show all runs that were seen.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The list as JSON.")] = False,
) -> None:
    """Take part in a run: a running client is offered it again within seconds.

    Without a digest, show what every waiting run is, would send and would spend.

    Example: fedcmr-client approve 3f9a01c2d47be605 --site /var/lib/fedcmr
    """
    approvals = Approvals(open_site(site).approvals)
    if digest is None:
        known = [approval for approval in approvals.all() if show or approval.decision == "pending"]
        if as_json:
            typer.echo(json.dumps([asdict(approval) for approval in known]))
            return
        for approval in known:
            say(f"{approval.decision} {approval.time} {approval.by} {approval.digest}")
            if approval.decision == "pending":
                for line in approval.page.splitlines():
                    say(f"  {line}")
        if not known:
            say("no run waits for approval")
        return
    if show or as_json:
        raise UsageError("a digest goes without --list and --json", fix="leave one of them out")
    approval = approvals.decide(digest, "approved")
    for line in approval.page.splitlines():
        say(line)
    say(f"approved {approval.digest}")


def withdraw_command(
    digest: Annotated[
        str, typer.Argument(help="Of the experiment: 16 hex digits or more; all 64 if never seen.")
    ],
    site: SiteOption = Path(),
) -> None:
    """Stop taking part in a run: from its next question on, whatever the policy says.

    Weights that were sent stay in the model that others share.

    Example: fedcmr-client withdraw 3f9a01c2d47be605 --site /var/lib/fedcmr
    """
    approval = Approvals(open_site(site).approvals).decide(digest, "withdrawn")
    say(f"withdrawn {approval.digest}")
