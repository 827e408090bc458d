"""A machine without internet: install from the wheelhouse, start as the unit does, take part."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from unit_files import DEPLOY, UNITS, command, environment

from fedcmr.drill.federation import Federation
from fedcmr.drill.noise import SMALL, noise_dataset
from fedcmr.types import Split

# The wheels come from pip's cache; a first download may take minutes.
pytestmark = pytest.mark.timeout(900)


def bare_environment() -> dict[str, str]:
    """No index, no extra folder of wheels, whatever this machine's pip is told otherwise."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return kept | {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


@pytest.fixture(scope="module")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("offline") / "wheelhouse"
    environment = os.environ | {"PYTHON": sys.executable}
    subprocess.run([DEPLOY / "wheelhouse.sh", folder], env=environment, check=True)
    return folder


@pytest.fixture(scope="module")
def prefix(wheelhouse: Path) -> Path:
    """What pip makes of the wheelhouse; only fedcmr itself is unpacked, the rest is borrowed."""
    prefix = wheelhouse.parent / "fedcmr"
    subprocess.run([sys.executable, "-m", "venv", prefix], check=True)
    pip = [prefix / "bin" / "pip", "install", "--quiet", "--no-index", "--find-links", wheelhouse]
    for options in (["--dry-run", "--ignore-installed"], ["--no-deps"]):
        subprocess.run([*pip, *options, "fedcmr"], env=bare_environment(), check=True)
    [packages] = prefix.glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    return prefix


@contextmanager
def started(
    side: str, prefix: Path, home: Path, **folders: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A side with the command and the environment of its unit, and no other."""
    unit, folders = UNITS[side], {"HOME": home / "home", **folders}
    folders["HOME"].mkdir()
    variables = environment(unit)
    assert folders.keys() < variables.keys()
    words = [
        word.replace("/etc/fedcmr/experiments/%i", str(home / "experiment"))
        for word in command(unit, prefix)
    ]
    variables |= {name: str(folder) for name, folder in folders.items()}
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(words, env=variables, stderr=log, cwd="/")
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_the_wheelhouse_is_complete_and_pinned(wheelhouse: Path) -> None:
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=wheelhouse, check=True)
    names = {path.name for path in wheelhouse.iterdir()}
    assert {name.rpartition(".")[2] for name in names} == {"whl", "SHA256SUMS"}
    found = {tuple(name.split("-")[:2]) for name in names}
    assert ("flwr", "1.41.0") in found
    assert "fedcmr" in {name for name, *_ in found}


def test_a_filled_folder_is_not_mixed_with_an_older_one(wheelhouse: Path) -> None:
    done = subprocess.run(
        [DEPLOY / "wheelhouse.sh", wheelhouse], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "remove it first" in done.stderr


def test_a_site_from_the_wheelhouse_joins_as_its_unit_starts_it(
    prefix: Path, tmp_path: Path
) -> None:
    code = "import fedcmr, fedcmr_server; print(fedcmr.__file__, fedcmr_server.__file__)"
    where = subprocess.check_output(
        [prefix / "bin" / "python", "-c", code], text=True, cwd="/", env={}
    )
    assert all(Path(path).is_relative_to(prefix) for path in where.split())
    federation = Federation(tmp_path)
    site = federation.add("one")
    splits: dict[Split, int] = {"train": 4, "validation": 4, "test": 4}
    noise_dataset(site / "dataset", "a", splits=splits, seed=1, preprocessing=SMALL)
    settings = {
        "name": "offline",
        "model": {"name": "s_cnn"},
        "preprocessing": SMALL.model_dump(),
        "federation": {"rounds": 1, "quorum": 1, "site_wait_s": 120},
        "evaluation": {"min_class_count": 1},
    }
    written = federation.write(settings)
    experiment = written.rename(federation.server / "experiment.yaml")
    with (
        started("client", prefix, site, FEDCMR_SITE=site) as client,
        started("server", prefix, federation.server, FEDCMR_STATE=federation.server) as server,
    ):
        assert server.wait(timeout=180) == 0, (federation.server / "log").read_text("utf-8")
        assert client.poll() is None, "a site waits for the next experiment"
        client.terminate()
        assert client.wait(timeout=60) == 0
    assert "round 1: trained 1 steps on 4 samples" in (site / "log").read_text("utf-8")
    release = federation.release(experiment)
    verify = [prefix / "bin" / "fedcmr", "verify", release, "--key", federation.public_key]
    subprocess.run(verify, check=True)
