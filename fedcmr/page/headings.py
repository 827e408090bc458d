"""Names of stratifications and their levels, as a reader says them."""

from collections.abc import Collection

HEADINGS = {
    "split": "Part of the data sets",
    "vendor": "Vendor",
    "field_strength": "Field strength",
    "model": "Scanner model",
    "site": "Site",
    "aetiology": "Aetiology",
    "sex": "Sex",
    "age_band": "Age band",
}
"""Column to its heading."""


def is_empty_flag(by: tuple[str, ...], levels: Collection[tuple[str, ...]]) -> bool:
    """Return whether these are the studies without a quality flag that no study has."""
    return by[0].startswith("flag ") and set(levels) <= {("no",)}


def table_name(by: tuple[str, ...]) -> str:
    """Return the heading of a stratification, such as "Vendor × field strength"."""
    names = [
        f"Quality flag {column.removeprefix('flag ')}"
        if column.startswith("flag ")
        else HEADINGS.get(column, column)
        for column in by
    ]
    first, *rest = names
    return " × ".join((first, *(name[0].lower() + name[1:] for name in rest)))


def level_name(level: tuple[str, ...]) -> str:
    """Return the name of a group inside its table, such as "GE, 1.5T"."""
    return ", ".join(level)
