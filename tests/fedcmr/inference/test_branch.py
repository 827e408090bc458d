"""Pictures of where the branch looked, from what the client keeps."""

from pathlib import Path

import numpy as np
import pytest
import release_files
import torch
from fedcmr_client.round_store import Finished, RoundStore

from fedcmr.config import Experiment, Preprocessing
from fedcmr.errors import ConfigurationError, DataError
from fedcmr.federation.payload import Layout
from fedcmr.inference.branch import Branch
from fedcmr.inference.predict import predict
from fedcmr.models.registry import build
from fedcmr.network import ModelSettings
from fedcmr.release.open import open_release
from fedcmr.release.signing import generate_signing_key
from fedcmr.training.local import RoundResult

EXPERIMENT = Experiment(
    name="tiny-mvo",
    task="mvo",
    model=ModelSettings(name="mvo_r2plus1d_bert", width=0.04, grid=4),
    preprocessing=Preprocessing(slices=1, phases=8, size=32, margin=8, spacing_mm=3.0),
    training={"augment": "mvo"},
)


def write(folder: Path, experiment: Experiment = EXPERIMENT) -> Path:
    generate_signing_key(folder / "k", folder / "k.pub")
    torch.manual_seed(0)
    state = build(experiment.model, experiment.preprocessing).state_dict()
    return release_files.write(folder / "release", folder / "k", state=state, experiment=experiment)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    """As a site has trained it: not what was released."""
    torch.manual_seed(9)
    made = build(EXPERIMENT.model, EXPERIMENT.preprocessing).eval()
    torch.nn.init.constant_(made.map_branch.decoder[-1].bias, 0.3)  # else below 0, and cut
    return made


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, network: torch.nn.Module) -> Path:
    """What the client keeps of its last round."""
    folder = tmp_path_factory.mktemp("round")
    state = network.state_dict()
    done = Finished(Layout(state).pack(state), RoundResult(1, 1, 0.1, 1.0), None)
    RoundStore(folder).finish("fingerprint", EXPERIMENT.digest(), done)
    return folder / "update.safetensors"


def test_the_map_is_that_of_the_sites_own_network(
    release: Path, kept: Path, network: torch.nn.Module
) -> None:
    stored = np.random.default_rng(0).integers(0, 65536, (3, 8, 40, 40), dtype=np.uint16)
    x = torch.tensor(stored[:, None, :, 4:-4, 4:-4].astype(np.float32) / 65535)
    with torch.inference_mode():
        wanted = network.forward_with_map(x)[1].clamp(0, 1)  # type: ignore[operator]  # a method of this network
    found = Branch(kept, open_release(release)).look(stored)
    assert found.shape == (3, 4, 4)
    assert len(np.unique(found)) > 3  # features of 2 x 2 pixels, a slice each
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_scored_studies_get_a_picture_that_says_what_it_is(
    release: Path, kept: Path, export: Path, tmp_path: Path
) -> None:
    found = predict(release, export, tmp_path, branch=kept, workers=1)
    scored = [str(n) for n, study in enumerate(found.studies, 1) if study.score is not None]
    pictures = sorted((tmp_path / "pictures").iterdir())
    assert [path.name for path in pictures] == [f"{number}.png" for number in scored]
    for path in pictures:
        content = path.read_bytes()
        assert content.startswith(b"\x89PNG")
        assert f"PHANTOM: synthetic heart. Study {path.stem}. Research use only".encode() in content
    plain = predict(release, export, tmp_path, workers=1)
    assert plain.studies == found.studies
    assert list((tmp_path / "pictures").iterdir()) == []


def test_other_files_are_refused(release: Path, kept: Path, tmp_path: Path) -> None:
    opened = open_release(release)
    for name, content in (("none", None), ("bad", b"x"), ("cut", kept.read_bytes()[:-9])):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(DataError, match=r"no weights of a site's last round.*update\.safetens"):
            Branch(path, opened)


def test_another_experiment_or_one_without_a_branch_is_refused(kept: Path, tmp_path: Path) -> None:
    other = EXPERIMENT.model_copy(update={"name": "other"})
    (tmp_path / "other").mkdir()
    with pytest.raises(ConfigurationError, match="of another experiment than the release"):
        Branch(kept, open_release(write(tmp_path / "other", other)))
    plain = ModelSettings(name="mvo_r2plus1d_bert", width=0.04, cgmr=False)
    (tmp_path / "plain").mkdir()
    without = write(tmp_path / "plain", EXPERIMENT.model_copy(update={"model": plain}))
    with pytest.raises(ConfigurationError, match="had no coarse-mask branch"):
        Branch(kept, open_release(without))
