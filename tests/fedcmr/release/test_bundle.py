import subprocess
import sys
from pathlib import Path

import pytest
import torch
from release_files import write

from fedcmr.config import Experiment
from fedcmr.errors import ConfigurationError, FedcmrError
from fedcmr.evaluation.results import Metrics
from fedcmr.network import ModelSettings
from fedcmr.release.layout import CONTENT, METRICS, PROVENANCE
from fedcmr.release.provenance import Provenance

Keys = tuple[Path, Path]


def test_equal_input_gives_equal_bytes(tmp_path: Path, keys: Keys) -> None:
    one, other = write(tmp_path / "one", keys[0]), write(tmp_path / "other", keys[0])
    for name in CONTENT:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_bytes_do_not_depend_on_the_process(release: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from fedcmr.release.report import *;"
        "from fedcmr.settings import load_settings, parse_json;"
        "r = Path(sys.argv[1]);"
        "d = load_settings(r / 'model.yaml', Description);"
        "p = parse_json((r / 'provenance.json').read_text(), Provenance, where='');"
        "m = parse_json((r / 'metrics.json').read_text(), Metrics, where='');"
        "sys.stdout.write(render_report(d, m, p))"
    )
    again = subprocess.run(
        [sys.executable, "-c", code, str(release)], capture_output=True, check=True
    )
    assert again.stdout == (release / "report.html").read_bytes()


def test_only_provenance_knows_the_time(release: Path) -> None:
    for name in CONTENT:
        assert (b"2026" in (release / name).read_bytes()) == (name == PROVENANCE), name


def test_facts_are_written_as_given(
    release: Path, results: Metrics, provenance: Provenance
) -> None:
    assert Metrics.model_validate_json((release / METRICS).read_text()) == results
    assert Provenance.model_validate_json((release / PROVENANCE).read_text()) == provenance


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_that_are_not_finite_are_refused(
    tmp_path: Path, keys: Keys, state: dict[str, torch.Tensor], value: float
) -> None:
    broken = {name: tensor.clone() for name, tensor in state.items()}
    next(iter(broken.values())).view(-1)[-1] = value
    with pytest.raises(FedcmrError, match="not finite"):
        write(tmp_path / "release", keys[0], state=broken)
    assert not list(tmp_path.iterdir())


def test_weights_of_another_model_leave_nothing_behind(
    tmp_path: Path, keys: Keys, experiment: Experiment
) -> None:
    other = experiment.model_copy(update={"model": ModelSettings(name="s_cnn")})
    with pytest.raises(FedcmrError, match="does not hold the weights"):
        write(tmp_path / "release", keys[0], experiment=other)
    assert not list(tmp_path.iterdir())


def test_a_missing_key_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="signing key"):
        write(tmp_path / "release", tmp_path / "none")
    assert not list(tmp_path.iterdir())


def test_a_release_is_never_overwritten(release: Path, keys: Keys) -> None:
    with pytest.raises(FedcmrError, match="already"):
        write(release, keys[0])
    assert len(list(release.parent.iterdir())) == 1


def test_what_a_prediction_does_not_need_is_left_out(
    tmp_path: Path, keys: Keys, state: dict[str, torch.Tensor]
) -> None:
    more = {"bn.num_batches_tracked": torch.tensor(3), "map_branch.weight": torch.ones(2)}
    write(tmp_path / "release", keys[0], state=state | more)
