"""Files that somebody made up: one line, nothing executed, nothing read outside their folder."""

import ast
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fedcmr
from fedcmr.config import Experiment, Preprocessing
from fedcmr.data.record import StudyRecord
from fedcmr.data.store import Dataset, open_dataset, write_dataset
from fedcmr.errors import ConfigurationError, DataError
from fedcmr.settings import load_settings
from fedcmr.training.checkpoint import load_checkpoint

SMALL = Preprocessing(slices=2, phases=3, size=16)
ROOTS = [Path(fedcmr.__file__).parents[1] / name for name in ("fedcmr", "client", "server")]


class Bomb:
    """Ends the process when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('executed')",)


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['false']",
        "name: !!python/name:os.system",
        "[" * 100_000,
        "a: &a [*a]",
        "a: &a {<<: *a}",
        "name: 2026-13-45",
        "\x00",
        "&a [1]: 2",
        "name: a\nname: 2\n<<: 3",
        "\n".join(
            ["a: &a [0]"]
            + [
                f"{b}: &{b} [{','.join(['*' + a] * 9)}]"
                for a, b in zip("abcdefghijklmno", "bcdefghijklmnop", strict=True)
            ]
        ),
    ],
)
def test_settings_that_are_made_up_are_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "experiment.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as error:
        load_settings(path, Experiment)
    assert len(str(error.value)) < 1000


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_settings_of_any_bytes_are_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "experiment.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError):
        load_settings(path, Experiment)


@pytest.mark.parametrize("name", ["../a", "a/b", "A", "a\n", "", "a" * 64, ".", "a\0"])
def test_names_of_experiments_cannot_be_paths(tmp_path: Path, name: str) -> None:
    path = tmp_path / "experiment.yaml"
    path.write_text(f"name: {name!r}\n")
    with pytest.raises(ConfigurationError):
        load_settings(path, Experiment)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    record = StudyRecord(
        study="a1",
        patient="p1",
        vendor="GE",
        field_strength="3T",
        model="unknown",
        sex="unknown",
        age_band="unknown",
        aetiology="unknown",
        scar=1,
        mvo=None,
        split="train",
        slices=2,
        phases=3,
        spacing_mm=1.5,
        slice_distance_mm=8.0,
        rr_ms=900.0,
        flags=(),
    )
    arrays = {"a1": np.zeros((2, 3, 16, 16), np.uint16)}
    return write_dataset(tmp_path / "set", [record], arrays, SMALL, phantom=True)


@pytest.mark.parametrize("study", ["../../x", "/etc/x", "..", ".", "a/b", "", "a\0", "a" * 200])
def test_a_data_set_names_no_file_outside_itself(dataset: Dataset, study: str) -> None:
    index = dataset.path / "index.csv"
    index.write_text(index.read_text().replace("\na1,", f"\n{study},"))
    with pytest.raises(DataError, match="index cannot be read"):
        open_dataset(dataset.path)


def archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("arr_0.npy", b"")


def header(text: str) -> Callable[[Path], None]:
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()

    def write(path: Path) -> None:
        path.write_bytes(data)

    return write


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(pickle.dumps(Bomb())),
        lambda path: np.save(path, np.array([Bomb()], object), allow_pickle=True),
        archive,
        header("{'descr': '<u2', 'fortran_order': False, 'shape': (2, 3, 16, 16), }"),
        header(f"{{'descr': '<u2', 'fortran_order': False, 'shape': ({2**62}, 16), }}"),
        header("{'descr': '<u2', 'fortran_order': False, 'shape': (-1, 3, 16, 16), }"),
        header("{'descr': '|O', 'fortran_order': False, 'shape': (2, 3, 16, 16), }"),
        header("__import__('os').abort()"),
        header("(" * 9000),
    ],
)
def test_an_array_that_is_made_up_is_one_line(
    dataset: Dataset, write: Callable[[Path], None]
) -> None:
    write(dataset.path / "studies" / "a1.npy")
    with pytest.raises(DataError, match=r"a1\.npy"):
        dataset.load(dataset.records[0])


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.integers(0, 127), byte=st.integers(0, 255))
def test_an_array_with_a_changed_byte_is_an_array_or_one_line(
    dataset: Dataset, where: int, byte: int
) -> None:
    path = dataset.path / "studies" / "a1.npy"
    whole = path.read_bytes()
    path.write_bytes(whole[:where] + bytes([byte]) + whole[where + 1 :])
    try:
        assert dataset.load(dataset.records[0]).shape == (2, 3, 16, 16)
    except DataError:
        pass
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        pickle.dumps(Bomb()),
        struct.pack("<Q", 2**60) + b"{}",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 200_000) + b"[" * 200_000,
        struct.pack("<Q", 34) + b'{"__metadata__": {"state": "[[["} }',
    ],
)
def test_a_checkpoint_that_is_made_up_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(content)
    with pytest.raises(DataError, match="delete it to start again"):
        load_checkpoint(path)


def test_no_source_unpickles_or_evaluates() -> None:
    forbidden = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
    found = []
    for path in (path for root in ROOTS for path in sorted(root.rglob("*.py"))):
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            line = f"{path.relative_to(ROOTS[0].parent)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Call):
                call = ast.unparse(node.func)
                keywords = {word.arg: ast.unparse(word.value) for word in node.keywords}
                if call in {"eval", "exec", "yaml.load", "yaml.unsafe_load", "os.system"}:
                    found.append(f"{line} {call}")
                if call == "torch.load" and keywords.get("weights_only") != "True":
                    found.append(f"{line} torch.load")
                if call == "np.load" and keywords.get("allow_pickle") != "False":
                    found.append(f"{line} np.load")
            if (
                isinstance(node, ast.Attribute)
                and ast.unparse(node.value) in forbidden
                and node.attr in {"load", "loads", "Unpickler", "open"}
            ):
                found.append(f"{line} {ast.unparse(node)}")
            if isinstance(node, ast.ImportFrom) and node.module in forbidden:
                found.append(f"{line} from {node.module}")
    # Headers wait in the memory of the process that read them: that module reads nothing else.
    assert [line.partition(":")[0] for line in found] == ["fedcmr/ingest/packed.py"]
    packed = ast.parse((ROOTS[0] / "ingest" / "packed.py").read_text("utf-8"))
    names = {name for node in ast.walk(packed) for name in _imported(node)}
    assert names == {"pickle", "zlib", "collections.abc", "typing"}
    calls = {ast.unparse(node.func) for node in ast.walk(packed) if isinstance(node, ast.Call)}
    assert "open" not in calls


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [str(node.module)]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
