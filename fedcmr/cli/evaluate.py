"""`fedcmr evaluate`: statistics of predictions that one has at hand."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fedcmr.cli.finite import finite
from fedcmr.cli.say import printable, say
from fedcmr.page.numbers import p_value

if TYPE_CHECKING:
    from fedcmr.evaluation.results import CaseResults, Estimate, GroupResult

MEASURES = ("sensitivity", "specificity", "ppv", "npv", "f1", "rule_out")


def evaluate_command(
    predictions: Annotated[
        list[Path],
        typer.Option(
            help="CSV with study, label and score; once more for each model to compare with.",
            show_default=False,
        ),
    ],
    strata: Annotated[
        list[str] | None,
        typer.Option(help="Column to report by; vendor+sex for a two-way table; flags for each."),
    ] = None,
    threshold: Annotated[
        list[float] | None,
        typer.Option(
            min=0,
            max=1,
            callback=finite,
            help="Score called positive from; else chosen on the cases.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all results as JSON.")] = False,
) -> None:
    """Score predictions against labels: AUC, intervals, tables, and a test between models.

    Takes what `fedcmr predict` writes with a column label (0 or 1) added; lines without a score or
    a label are counted and left out. Nothing is binned and nothing is suppressed: the output is
    for one's own use, not for passing on. Studies count as independent.

    Example: fedcmr evaluate --predictions a.csv --predictions b.csv --strata vendor
    """
    from fedcmr.evaluation.cases import read_cases
    from fedcmr.evaluation.exact import exact_results

    first, *rest = predictions
    results = exact_results(
        read_cases(first, strata or ()),
        {str(path): read_cases(path) for path in rest},
        threshold or (),
    )
    if as_json:
        typer.echo(results.model_dump_json(indent=2))
    else:
        _print(results, first)


def _print(results: "CaseResults", path: Path) -> None:
    console = Console(highlight=False, markup=False, soft_wrap=True)
    table = Table("cases", "n", "positive", "AUC (95 %)", "Brier", "p (Holm)")
    table.title = Text(printable(str(path)))
    _add(table, "all", results.overall, None)
    for stratum in results.strata:
        name = f"{' '.join(stratum.by)}: {', '.join(stratum.level)}"
        if stratum.result is None:
            counts = str(stratum.n), str(stratum.positives)
            table.add_row(Text(printable(name)), *counts, "one class only", "", "")
        else:
            _add(table, name, stratum.result, stratum.p_holm)
    console.print(table)
    for gap in results.gaps:
        say(
            f"{' '.join(gap.by)}: worst {', '.join(gap.worst)}, best {', '.join(gap.best)}, "
            f"difference {_estimate(gap.difference)}, {p_value(gap.p_holm)} (Holm)"
        )
    for alarm in results.alarms:
        say(f"ALARM {' '.join(alarm.by)} {', '.join(alarm.level)}: AUC {alarm.direction}")
    at = Table("threshold", *(f"{chosen.value:.4f}" for chosen in results.thresholds))
    for measure in MEASURES:
        parts = (getattr(point, measure) for point in results.overall.at)
        at.add_row(measure.replace("_", " "), *(_estimate(part) for part in parts))
    console.print(at)
    for rule in dict.fromkeys(chosen.rule for chosen in results.thresholds):
        say(f"threshold: {rule}")
    calibration = results.calibration
    say(
        f"calibration: slope {_estimate(calibration.slope)}, "
        f"intercept {_estimate(calibration.intercept)}"
    )
    for other in results.comparisons:
        say(
            f"against {other.name}: AUC {other.other.value:.4f}, "
            f"difference {_estimate(other.difference)}, {p_value(other.p)} (paired DeLong)"
        )
    if results.left_out:
        say(f"{results.left_out} lines without a score or a label were left out")


def _add(table: Table, name: str, result: "GroupResult", p: float | None) -> None:
    table.add_row(
        Text(printable(name)),
        str(result.n),
        str(result.positives),
        _estimate(result.auc),
        f"{result.brier:.4f}",
        "" if p is None else p_value(p).removeprefix("p ").removeprefix("= "),
    )


def _estimate(estimate: "Estimate | None") -> str:
    if estimate is None:
        return "not defined"
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
