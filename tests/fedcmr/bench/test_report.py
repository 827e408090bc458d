import json

from fedcmr.bench.figure import Figure
from fedcmr.bench.report import Report


def test_a_report_tells_the_machine_and_survives_json() -> None:
    report = Report.of(lambda: iter([Figure("a.b", "a of b", 2.0, "x", at_most=3)]))
    content = json.loads(json.dumps(report.to_json()))
    assert content["figures"][0]["verdict"] == "met"
    assert content["machine"]["cores"] >= 1
    assert content["machine"]["versions"].keys() >= {"fedcmr", "python", "torch"}
    assert Report.from_json(content) == report
