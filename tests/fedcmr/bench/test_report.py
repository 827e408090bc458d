import json
from collections.abc import Iterator

import pytest

from fedcmr.bench.figure import Figure
from fedcmr.bench.report import Report
from fedcmr.errors import DataError

FIGURE = Figure("a.b", "a of b", 2.0, "x", at_most=3)


def test_a_report_tells_the_machine_and_survives_json() -> None:
    reports: list[Report] = []
    Report.tell(lambda: iter([FIGURE]), reports.append)
    content = json.loads(json.dumps(reports[0].to_json()))
    assert content["figures"][0]["verdict"] == "met"
    assert content["machine"]["cores"] >= 1
    assert content["machine"]["versions"].keys() >= {"fedcmr", "python", "torch"}
    assert Report.from_json(content) == reports[0]


def test_what_was_found_before_a_failure_is_told() -> None:
    def measure() -> Iterator[Figure]:
        yield FIGURE
        raise DataError("no more")

    reports: list[Report] = []
    with pytest.raises(DataError, match="no more"):
        Report.tell(measure, reports.append)
    assert reports[0].figures == (FIGURE,)
