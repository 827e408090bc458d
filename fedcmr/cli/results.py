"""Results as a table for a terminal."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fedcmr.cli.say import printable, say
from fedcmr.evaluation.results import GroupResult, Hidden, Metrics
from fedcmr.page.headings import level_name
from fedcmr.page.numbers import p_value
from fedcmr.release.layout import REPORT
from fedcmr.release.tables import by_table

SHOWN = (("vendor", "field_strength"), ("site",))
"""Groups on a terminal; the report has them all."""


def print_results(metrics: Metrics, title: str, release: Path) -> None:
    """Print the overall result, by scanner and by site, and the comparison with other models."""
    table = Table("cases", "n", "AUC", "95 % interval", "bound", title=Text(title))
    _add(table, "all sites", metrics.overall)
    for heading, strata in by_table(metrics).items():
        for stratum in strata:
            if stratum.by in SHOWN:
                _add(table, f"{heading}: {level_name(stratum.level)}", stratum.result)
    console = Console(soft_wrap=True, highlight=False)
    console.print(table)
    console.print("bound: the exact AUC of the case scores is within this of the printed one")
    console.print(f"by every other group, with figures: {REPORT} of the release")
    for other in metrics.comparisons:
        say(
            f"beside {other.name}: AUC {other.other.value:.3f}, released "
            f"{other.difference.value:+.3f} ({p_value(other.p)}, paired DeLong)"
        )
    say(f"release: {release}")


def _add(table: Table, cases: str, result: GroupResult | Hidden) -> None:
    name = Text(printable(cases))
    if isinstance(result, str):
        table.add_row(name, "", result, "", "")
        return
    auc = result.auc
    interval = f"{auc.low:.3f} to {auc.high:.3f}"
    table.add_row(name, str(result.n), f"{auc.value:.3f}", interval, f"{auc.bound:.3f}")
