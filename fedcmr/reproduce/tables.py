"""From the name of a table to its files: what is to train, how long, and what came out."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from fedcmr.config import TaskName
from fedcmr.data.store import Dataset
from fedcmr.errors import ConfigurationError, DataError
from fedcmr.page.stamp import PHANTOM
from fedcmr.reproduce.arithmetic import Check, checks
from fedcmr.reproduce.measure import measure, measure_group
from fedcmr.reproduce.published import Ours, Published, published
from fedcmr.reproduce.recipe import Recipe, full_size, make_recipe, reductions
from fedcmr.reproduce.run import RunResult, finished, run
from fedcmr.reproduce.sheet import RowOfOurs, Sheet, compared_sheet, printed_sheet
from fedcmr.reproduce.write import write_sheet
from fedcmr.tasks.registry import task

log = logging.getLogger("fedcmr")

_Data: TypeAlias = tuple[TaskName, Dataset]


def printed(keys: Sequence[str]) -> tuple[Sheet, ...]:
    """Return tables as they were printed, with the findings of their arithmetic."""
    found = checks(published())
    return tuple(printed_sheet(key, published()[key], _of(key, found)) for key in keys)


class Reproduction:
    """Tables on data sets, row by row; what is on disk is not done again.

    Args:
        keys: of tables with a task.
        datasets: by task; rows of another task are not run.
        out: folder for tables and runs.
        budget: seconds for all rows together, shared evenly; None: as published.
        epochs: at most so many for each row.

    Raises:
        DataError: the test split of a data set lacks a class.
    """

    def __init__(
        self,
        keys: Sequence[str],
        datasets: Mapping[TaskName, Dataset],
        out: Path,
        *,
        budget: float | None = None,
        epochs: int | None = None,
    ) -> None:
        for name, dataset in datasets.items():
            _check_test_split(name, dataset)
        self._keys = keys
        self._datasets = datasets
        self._out = out
        self._budget = budget
        self._found = checks(published())
        rows = {(row.ours, published()[key].task) for key in keys for row in published()[key].rows}
        to_train = sum(of in datasets for _, of in rows)
        self._seconds = None if budget is None else budget / max(1, to_train)
        self._epochs = epochs
        self._spent: dict[str, float] = {}
        """Digest of a recipe to the seconds that it took."""

    def run(self) -> Iterator[Sheet]:
        """Train, score and write, and yield each table once it is complete.

        The files are written anew after each row, so that a run that is broken off leaves what it
        has; the rows that are missing say "not run".
        """
        for key in self._keys:
            yield self._table(key, published()[key])

    def _table(self, key: str, table: Published) -> Sheet:
        recipes = [self._recipe(row.ours, self._data(table)) for row in table.rows]
        results: list[RunResult | str] = []
        sheet = self._sheet(key, table, recipes, results)
        for row, recipe in zip(table.rows, recipes, strict=True):
            log.info("%s: row %d of %d, %s", key, len(results) + 1, len(recipes), row.label)
            results.append(self._result(recipe, self._data(table)))
            sheet = self._sheet(key, table, recipes, results)
            write_sheet(sheet, self._out)
        return sheet

    def _data(self, table: Published) -> _Data | None:
        dataset = self._datasets.get(table.task) if table.task else None
        return (table.task, dataset) if table.task and dataset else None

    def _recipe(self, ours: Ours | None, data: _Data | None) -> Recipe | None:
        if ours is None or data is None:
            return None
        of, dataset = data
        return make_recipe(
            ours,
            of,
            dataset.manifest.preprocessing,
            task(of).samples(dataset.subset("train")),
            seconds=self._seconds,
            epochs=self._epochs,
        )

    def _result(self, recipe: Recipe | None, data: _Data | None) -> RunResult | str:
        if recipe is None or data is None:
            return "no data set of this task was given"
        dataset, digest = data[1], recipe.digest()
        result = finished(recipe, dataset, self._out)
        if result is None:
            before = sum(self._spent.values())
            if self._budget is not None and before >= self._budget:
                return "the rows before it used the budget up"
            try:
                result = run(recipe, dataset, self._out)
            except (ConfigurationError, DataError) as error:
                log.warning("%s", error)
                return error.what
        self._spent[digest] = result.seconds
        return result

    def _sheet(
        self,
        key: str,
        table: Published,
        recipes: Sequence[Recipe | None],
        results: Sequence[RunResult | str],
    ) -> Sheet:
        data = self._data(table)
        rows: list[RowOfOurs] = []
        firsts: dict[str, RunResult] = {}
        """The first row of each group; tests are against it."""
        for index, row in enumerate(table.rows):
            result = results[index] if index < len(results) else "the run was broken off"
            if isinstance(result, str) or row.ours is None or data is None:
                rows.append(RowOfOurs(None, str(result)))
                continue
            first = firsts.get(row.group)
            if index == [other.group for other in table.rows].index(row.group):
                firsts[row.group] = result
            rows.append(
                RowOfOurs(
                    measured=measure_group(result, first, row.group)
                    if table.groups
                    else measure(result, first),
                    full_size=full_size(row.ours.model, data[0]),
                    trained=result.parameters,
                    steps=result.steps,
                    rule=result.threshold.rule,
                )
            )
        trained = [recipe for recipe in recipes if recipe is not None]
        reduced = reductions(trained) if trained else ()
        if self._epochs is not None:
            reduced = (*reduced, f"passes of a row at most: {self._epochs}")
        return compared_sheet(
            key,
            table,
            rows,
            _of(key, self._found),
            stamp=PHANTOM.text if data and data[1].manifest.phantom else "",
            reduced=reduced,
        )


def _of(key: str, found: Sequence[Check]) -> tuple[Check, ...]:
    return tuple(check for check in found if check.table == key)


def _check_test_split(name: TaskName, dataset: Dataset) -> None:
    labels = {
        label
        for record in dataset.subset("test")
        for label in task(name).labels(record)
        if label is not None
    }
    if labels != {0, 1}:
        raise DataError(
            f"the test split has no cases of both classes for the task {name}",
            where=str(dataset.path),
            fix="give more data sets",
        )
