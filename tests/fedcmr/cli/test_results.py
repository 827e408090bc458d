from pathlib import Path

import pytest
from metrics_files import METRICS

from fedcmr.cli.results import print_results


def test_scanners_sites_and_every_other_model_are_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    print_results(METRICS, "a run", Path("release"))
    printed = capsys.readouterr().out
    assert "a run" in printed
    assert "0.812 to 0.856" in printed
    assert "Vendor × field strength: GE, 1.5T" in printed
    assert "Quality flag" not in printed
    [west] = [line for line in printed.splitlines() if "Site: west" in line]
    assert "withheld" in west
    assert "beside centralised: AUC 0.841, released -0.007 (p = 0.331, paired DeLong)" in printed
    assert "released +0.092 (p < 0.001, paired DeLong)" in printed
    assert printed.rstrip().endswith("release: release")
