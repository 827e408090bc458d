"""Names of the groups whose results are printed."""

from fedcmr.evaluation.results import AucEstimate, Metrics, Stratum

TABLES = {
    "vendor": "Vendor",
    "field_strength": "Field strength",
    "model": "Scanner model",
    "site": "Site",
    "aetiology": "Aetiology",
    "sex": "Sex",
    "age_band": "Age band",
}
"""Column to its heading."""


def table_name(by: tuple[str, ...]) -> str:
    """Return the heading of a stratification, such as "Vendor × field strength"."""
    names = [
        f"Quality flag {column.removeprefix('flag ')}"
        if column.startswith("flag ")
        else TABLES.get(column, column)
        for column in by
    ]
    first, *rest = names
    return " × ".join((first, *(name[0].lower() + name[1:] for name in rest)))


def level_name(level: tuple[str, ...]) -> str:
    """Return the name of a group inside its table, such as "GE, 1.5T"."""
    return ", ".join(level)


def by_table(metrics: Metrics) -> dict[str, list[Stratum]]:
    """Return heading to groups, in the order of the metrics."""
    tables: dict[str, list[Stratum]] = {}
    for stratum in metrics.strata:
        tables.setdefault(table_name(stratum.by), []).append(stratum)
    return tables


def auc_of(stratum: Stratum) -> AucEstimate | None:
    """Return the area of a group, None where it is not printed."""
    return None if isinstance(stratum.result, str) else stratum.result.auc
