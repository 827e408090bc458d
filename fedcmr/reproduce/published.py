"""What three papers printed, as facts: R1 to R11 of `published.yaml`."""

from functools import cache
from importlib.resources import files
from typing import Any, Literal, Self

import yaml
from pydantic import Field, model_validator

from fedcmr.config import TaskName
from fedcmr.network import ModelSettings
from fedcmr.settings import Settings, parse_settings

Unit = Literal["fraction", "percent"]


class Ours(Settings):
    """What stands beside a printed row."""

    model: ModelSettings
    map_weight: float = Field(0.05, description="lambda of the coarse mask")


class Row(Settings):
    """A printed row."""

    label: str
    group: str = Field("", description="the part of the cases that the row is of")
    values: tuple[str, ...] = Field(description="as printed, one for each column; '' without")
    ours: Ours | None = None


class Ratio(Settings):
    """A printed quotient, or percentage, of two rows."""

    of: str
    to: str
    column: str
    printed: str
    text: str = ""


class Additive(Settings):
    """Rows that add a part each to the first, and one that adds all."""

    none: str
    parts: tuple[str, ...]
    all: str
    column: str


class Parts(Settings):
    """Rows that are parts of another."""

    parts: tuple[str, ...]
    all: str
    column: str


class Range(Settings):
    """A printed range that rows must lie in."""

    rows: tuple[str, ...]
    column: str
    low: str
    high: str
    text: str


class Published(Settings):
    """A printed table, or statements of a paper as one."""

    title: str
    source: str
    task: TaskName | None = Field(None, description="None: no network of fedcmr does it")
    unit: Unit | None = None
    positives: int = Field(0, description="test cases of the class; 0 where not printed")
    negatives: int = 0
    groups: dict[str, int] = Field({}, description="positives by group")
    columns: dict[str, str] = Field(description="name to heading as printed")
    rows: tuple[Row, ...]
    ratios: tuple[Ratio, ...] = ()
    additive: Additive | None = None
    shares: tuple[Ratio, ...] = ()
    sums: tuple[Parts, ...] = ()
    at_most: tuple[Parts, ...] = ()
    ranges: tuple[Range, ...] = ()
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _rows_fit(self) -> Self:
        for row in self.rows:
            if len(row.values) != len(self.columns):
                raise ValueError(f"row {row.label}: one value for each column")
            if (row.ours is None) != (self.task is None):
                raise ValueError(f"row {row.label}: ours belongs to a table with a task")
            if self.groups and row.group not in self.groups:
                raise ValueError(f"row {row.label}: no group {row.group!r}")
        return self

    def value(self, row: Row, column: str) -> str:
        """Return what is printed in a column, '' where the table has no such column."""
        place = dict(zip(self.columns, row.values, strict=True))
        return place.get(column, "")

    def row(self, label: str) -> Row:
        """Return the first row of this label.

        Raises:
            KeyError: there is none.
        """
        for row in self.rows:
            if row.label == label:
                return row
        raise KeyError(label)


@cache
def published() -> dict[str, Published]:
    """Return the printed tables by name, R1 first."""
    text = (files("fedcmr.reproduce") / "published.yaml").read_text(encoding="utf-8")
    content: dict[str, Any] = yaml.safe_load(text)
    return {key: parse_settings(table, Published, where=key) for key, table in content.items()}
