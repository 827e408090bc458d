"""`fedcmr-client ledger`: what left, what was spent, and whether both books are whole."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from click.core import ParameterSource

from fedcmr.cli.say import say
from fedcmr.errors import CheckFailed, UsageError
from fedcmr.privacy.chain import walk
from fedcmr_client.approval import SHORTEST_PREFIX
from fedcmr_client.approve_command import SiteOption
from fedcmr_client.settings import open_site

ledger_app = typer.Typer(invoke_without_command=True)


@ledger_app.callback()
def ledger_command(
    context: typer.Context,
    site: SiteOption = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show what was spent and what is left, by patient set and by run.

    Example: fedcmr-client ledger --site /var/lib/fedcmr
    """
    if context.invoked_subcommand is not None:
        if context.get_parameter_source("site") is ParameterSource.COMMANDLINE:
            name = context.invoked_subcommand
            raise UsageError("--site stands too early", fix=f"give it after `{name}`")
        return
    # The accountants take seconds to import: `--help` does not need them.
    from fedcmr_client.spent import spent

    folder = open_site(site)
    table = spent(folder)
    if as_json:
        typer.echo(json.dumps(table))
        return
    budget = "none is set" if table["budget"] is None else f"epsilon {table['budget']:g}"
    say(f"budget of a patient: {budget} (delta {table['delta']:g}, {table['accountant']})")
    for group in table["patient_sets"]:
        left = "" if group["left"] is None else f", left {group['left']:.3f}"
        say(
            f"{group['patients']} patients {group['digest'][:12]} (data set"
            f" {group['dataset'][:12]}): {_bound(group)}{left}"
        )
    for run in table["runs"]:
        bound = "no privacy, no bound" if run["epsilon"] is None else _bound(run)
        name = f"{run['experiment']} {run['digest'][:SHORTEST_PREFIX]}"
        say(f"run {name}: {run['rounds']} rounds, {bound}")
    if not table["runs"]:
        say("no round was trained yet")


def _bound(row: dict[str, Any]) -> str:
    return f"epsilon {row['epsilon']:.3f} (rdp {row['rdp']:.3f}, prv {row['prv']:.3f})"


@ledger_app.command("verify")
def verify_command(
    site: SiteOption = Path(),
    head: Annotated[
        str | None,
        typer.Option(help="A head of the outbound ledger that was noted down before."),
    ] = None,
) -> None:
    """Check every line of both ledgers; fails on one changed byte, a missing or a moved line.

    Note the heads down away from this machine: `--head` then shows that nothing before was changed.

    Example: fedcmr-client ledger verify --site /var/lib/fedcmr
    """
    folder = open_site(site)
    heads: set[str] = set()
    for path in (folder.outbound, folder.budget):
        end = walk(path, lambda entry: heads.add(entry["previous"]))
        heads.add(end.digest)
        torn = f"; {end.torn} bytes of a torn last line, on which nothing hung" if end.torn else ""
        say(f"ok {path.name}: {end.lines} lines, head {end.digest}{torn}")
    if head is not None and head not in heads:
        raise CheckFailed(
            "no line of the ledgers has this head", fix="compare it with what was noted down"
        )


@ledger_app.command("explain")
def explain_command(
    run: Annotated[str, typer.Argument(help="Name of the experiment, or digits of its digest.")],
    site: SiteOption = Path(),
) -> None:
    """Write one page in plain words: what the run took out of this site.

    Example: fedcmr-client ledger explain scar-2026 --site /var/lib/fedcmr
    """
    from fedcmr.privacy.explain import explain

    typer.echo(explain(open_site(site).outbound, run))
