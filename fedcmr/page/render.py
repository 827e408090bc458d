"""Templates with strict names: what is missing is an error, never an empty place."""

from collections.abc import Callable

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape

from fedcmr.page import headings, numbers


def environment(package: str, finalize: Callable[[object], object] | None = None) -> Environment:
    """Return the templates of a package beside those that all pages share.

    Args:
        package: whose folder `templates` is looked in first.
        finalize: what every printed value goes through; HTML is escaped without it.
    """
    made = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("fedcmr.page")]),
        autoescape=select_autoescape(("html.j2",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=finalize,
    )
    made.filters |= {
        "decimal": numbers.decimal,
        "percent": numbers.percent,
        "count": numbers.count,
        "p_value": numbers.p_value,
        "duration": numbers.duration,
        "table_name": headings.table_name,
        "level_name": headings.level_name,
    }
    return made
