from pathlib import Path

import pytest

from fedcmr.config import Preprocessing
from fedcmr.data.store import open_dataset, write_dataset
from fedcmr.errors import DataError
from fedcmr.ingest.workplace import MARKER, Started, check_place, workplace

PLAN = Started(preprocessing=Preprocessing(), key_fingerprint="ab")


def test_is_marked_until_all_went_well(tmp_path: Path) -> None:
    out = tmp_path / "set"
    with pytest.raises(KeyError), workplace(out, PLAN):
        raise KeyError
    assert (out / MARKER).is_file()
    with workplace(out, PLAN):
        assert (out / MARKER).is_file()
    assert not (out / MARKER).exists()


def test_a_finished_data_set_is_unfinished_while_it_is_worked_on(tmp_path: Path) -> None:
    out = tmp_path / "set"
    write_dataset(out, [], {}, PLAN.preprocessing, phantom=False)
    with workplace(out, PLAN), pytest.raises(DataError, match="no complete data set"):
        open_dataset(out)


def test_two_at_a_time_are_refused(tmp_path: Path) -> None:
    with (
        workplace(tmp_path / "set", PLAN),
        pytest.raises(DataError, match="another ingest"),
        workplace(tmp_path / "set", PLAN),
    ):
        pass


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize(
    ("other", "what"),
    [
        (Started(preprocessing=Preprocessing(size=64), key_fingerprint="ab"), "settings"),
        (Started(preprocessing=Preprocessing(), key_fingerprint="cd"), "site key"),
    ],
)
def test_other_settings_or_key_are_refused(
    tmp_path: Path, finished: bool, other: Started, what: str
) -> None:
    out = tmp_path / "set"
    if finished:
        write_dataset(out, [], {}, PLAN.preprocessing, phantom=False)
        text = (out / "dataset.yaml").read_text().replace("''", "ab")
        (out / "dataset.yaml").write_text(text)
    else:
        with pytest.raises(KeyError), workplace(out, PLAN):
            raise KeyError
    check_place(out, tmp_path / "export", PLAN)
    with pytest.raises(DataError, match=what):
        check_place(out, tmp_path / "export", other)


def test_other_folders_and_the_export_itself_are_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(DataError, match="not a data set, and not empty"):
        check_place(tmp_path, tmp_path / "export", PLAN)
    with pytest.raises(DataError, match="not a data set, and not empty"):
        check_place(tmp_path / "thesis.txt", tmp_path / "export", PLAN)
    with pytest.raises(DataError, match="within the export"):
        check_place(tmp_path / "export" / "set", tmp_path / "export", PLAN)
    (tmp_path / "empty").mkdir()
    check_place(tmp_path / "empty", tmp_path / "export", PLAN)
