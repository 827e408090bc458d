from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from fedcmr.config import Experiment
from fedcmr.errors import ConfigurationError
from fedcmr.settings import load_settings, parse_json, parse_settings

SHIPPED = sorted((Path(__file__).parents[2] / "configs" / "experiments").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_experiments_are_accepted(path: Path) -> None:
    assert load_settings(path, Experiment).task == path.stem.partition("_")[0]


def test_there_are_shipped_experiments() -> None:
    assert {path.stem for path in SHIPPED} >= {"scar", "scar_demo", "mvo", "mvo_demo"}


def write(folder: Path, text: str) -> Path:
    path = folder / "experiment.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name: a\ntrainning: {}", "unknown key 'trainning'.*did you mean 'training'"),
        ("name: a\ntraining: {epoch: 3}", r"'training\.epoch'.*did you mean 'epochs'"),
        (
            "name: a\nmodel: {zzz: 3}",
            r"unknown key 'model\.zzz'.*known keys: attention, axis_order",
        ),
        ("name: a\nmodel: {name: resnet}", r"model\.name: Input should be 's_cnn'"),
        ("name: a\ntraining: {seed: -1}", r"training\.seed: "),
        ("name: a\ntraining: {learning_rate: .nan}", r"training\.learning_rate: "),
        ("name: ../a", "name: "),
        ("{}", "name: Field required"),
        ("- a\n- b", "must be a mapping"),
        ("a: [", "not valid YAML in line"),
        ("!!python/object/apply:os.system [ls]", "not valid YAML"),
        ("name: a\nfederation: {proximal_mu: 0.1}", "fedavg does not use proximal_mu"),
        ("name: a\nfederation: {strategy: fedprox}", "fedprox needs proximal_mu"),
        ("name: a\nfederation: {strategy: fedadam, tau: 1e-3}", "fedadam needs beta_1"),
        ("name: a\nfederation: {strategy: median, byzantine: 1}", "median does not use byzantine"),
        ("name: a\nfederation: {strategy: krum, byzantine: 0}", "byzantine"),
        (
            "name: a\nfederation: {strategy: krum, byzantine: 1, quorum: 4}",
            "krum with byzantine 1 needs a quorum of at least 5",
        ),
        (
            "name: a\nfederation: {strategy: trimmed_mean, byzantine: 2, quorum: 4}",
            "trimmed_mean with byzantine 2 needs a quorum of at least 5",
        ),
        ("name: a\nfederation: {norm_band: 1}", "norm_band"),
    ],
)
def test_a_wrong_file_is_one_line_that_names_it(tmp_path: Path, text: str, line: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigurationError, match=line) as caught:
        load_settings(path, Experiment)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot read settings: No such file"):
        load_settings(tmp_path / "nothing.yaml", Experiment)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Experiment(name="a").name = "b"  # type: ignore[misc]


def test_the_digest_depends_on_values_not_on_their_order(tmp_path: Path) -> None:
    one = load_settings(write(tmp_path, "name: a\ntraining: {seed: 1, epochs: 2}"), Experiment)
    two = load_settings(write(tmp_path, "training: {epochs: 2, seed: 1}\nname: a"), Experiment)
    three = load_settings(write(tmp_path, "training: {epochs: 2, seed: 2}\nname: a"), Experiment)
    assert one.digest() == two.digest() != three.digest()


def test_canonical_json_makes_the_journey() -> None:
    sent = Experiment.model_validate({"name": "a", "training": {"learning_rate": 0.1 + 0.2}})
    received = parse_json(sent.canonical_json(), Experiment, where="test")
    assert received == sent
    assert received.digest() == sent.digest()
    as_yaml = yaml.safe_load(sent.canonical_json())
    assert parse_settings(as_yaml, Experiment, where="test") == sent


@pytest.mark.parametrize("text", ["", "[]", "{", "nul", "[" * 100_000])
def test_json_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="not a JSON object"):
        parse_json(text, Experiment, where="test")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("task: mvo", "preprocessing.slices is 1 for the task mvo"),
        ("preprocessing: {slices: 1}", "preprocessing.slices is 1 for the task mvo"),
        ("task: mvo\npreprocessing: {slices: 1}\ntraining: {augment: mvo}", "margin to 8"),
        ("task: mvo\npreprocessing: {slices: 1, margin: 8}", "margin to 8"),
        ("task: mvo\npreprocessing: {slices: 1}\ntraining: {augment: flip_rotate}", "masks"),
        ("training: {weight_decay: 0.1}", "adam does not use weight_decay"),
        ("training: {schedule: polynomial}", "total_steps"),
        ("training: {total_steps: 5}", "total_steps"),
        ("training: {schedule: polynomial, total_steps: 5, warmup_steps: 5}", "warmup_steps"),
        ("training: {schedule: polynomial, total_steps: 5, lr_decay: 0.1}", "lr_decay"),
        ("training: {warmup_steps: 5}", "warmup_steps"),
    ],
)
def test_settings_of_slices_and_rates_fit_each_other(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "experiment.yaml"
    path.write_text(f"name: a\n{text}\n")
    with pytest.raises(ConfigurationError, match=line):
        load_settings(path, Experiment)
