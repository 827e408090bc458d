from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from fedcmr.config import Experiment
from fedcmr.errors import ConfigurationError
from fedcmr.settings import load_settings, parse_json, parse_settings


def write(folder: Path, text: str) -> Path:
    path = folder / "experiment.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name: a\ntrainning: {}", "unknown key 'trainning'.*did you mean 'training'"),
        ("name: a\ntraining: {epoch: 3}", r"'training\.epoch'.*did you mean 'epochs'"),
        ("name: ../a", "name: "),
        ("{}", "name: Field required"),
        ("- a\n- b", "must be a mapping"),
        ("a: [", "not valid YAML in line"),
        ("!!python/object/apply:os.system [ls]", "not valid YAML"),
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
