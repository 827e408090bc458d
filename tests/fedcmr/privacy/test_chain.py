import errno
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fedcmr.errors import DataError
from fedcmr.privacy import chain
from fedcmr.privacy.chain import Chain, End, head_file, walk


def written(path: Path, lines: int = 30) -> Path:
    made = Chain(path / "ledger.jsonl", lambda entry: None)
    for number in range(lines):
        made.append({"value": number, "text": "ä" * number})
    return made.path


def read(path: Path) -> tuple[list[int], End]:
    values: list[int] = []
    end = walk(path, lambda entry: values.append(entry["value"]))
    return values, end


def test_entries_come_back_in_order_and_the_chain_goes_on(tmp_path: Path) -> None:
    path = written(tmp_path, 5)
    Chain(path, lambda entry: None).append({"value": 5})
    values, end = read(path)
    assert values == list(range(6))
    assert end.lines == 6
    assert end.size == path.stat().st_size


def test_nothing_written_is_an_empty_chain(tmp_path: Path) -> None:
    assert read(tmp_path / "ledger.jsonl")[1].lines == 0


def test_each_of_200_random_corruptions_of_one_byte_is_caught(tmp_path: Path) -> None:
    path, chance = written(tmp_path), random.Random(3)
    content = path.read_bytes()
    for _ in range(200):
        place = chance.randrange(len(content))
        changed = bytearray(content)
        changed[place] ^= chance.randrange(1, 256)
        path.write_bytes(changed)
        with pytest.raises(DataError, match=r"line \d+ was changed|cut off"):
            read(path)
    path.write_bytes(content)
    assert read(path)[1].lines == 30


def test_every_changed_byte_of_the_head_is_caught(tmp_path: Path) -> None:
    path = written(tmp_path, 12)
    content = head_file(path).read_bytes()
    for place in range(len(content)):
        for flip in (1, 0x20, 0x80):
            changed = bytearray(content)
            changed[place] ^= flip
            head_file(path).write_bytes(changed)
            with pytest.raises(DataError, match="tampered with or damaged"):
                read(path)


def drop(lines: list[bytes]) -> None:
    del lines[10]


def swap(lines: list[bytes]) -> None:
    lines[10], lines[11] = lines[11], lines[10]


def repeat(lines: list[bytes]) -> None:
    lines.insert(10, lines[10])


def cut(lines: list[bytes]) -> None:
    del lines[-1]


def cut_in_the_line(lines: list[bytes]) -> None:
    lines[-1] = lines[-1][:-5]


def forge_the_last(lines: list[bytes]) -> None:
    lines[-1] = lines[-1].replace(b'"value":29', b'"value":28')


@pytest.mark.parametrize("change", [drop, swap, repeat, cut, cut_in_the_line, forge_the_last])
def test_missing_moved_and_cut_lines_are_caught(tmp_path: Path, change) -> None:
    path = written(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    change(lines)
    path.write_bytes(b"".join(lines))
    with pytest.raises(DataError, match="tampered with or damaged"):
        read(path)
    with pytest.raises(DataError, match="tampered with or damaged"):
        Chain(path, lambda entry: None)


@pytest.mark.parametrize("name", ["ledger.jsonl", "ledger.head"])
def test_a_missing_file_of_the_two_is_caught(tmp_path: Path, name: str) -> None:
    path = written(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(DataError, match="missing"):
        read(path)


def test_a_torn_line_behind_the_head_is_dropped_and_a_whole_one_kept(tmp_path: Path) -> None:
    path = written(tmp_path, 3)
    head = head_file(path).read_bytes()
    Chain(path, lambda entry: None).append({"value": 3})
    head_file(path).write_bytes(head)  # killed before the head was written
    with path.open("ab") as file:
        file.write(b'{"n":5,"previo')
    values, end = read(path)
    assert (values, end.torn) == ([0, 1, 2, 3], 14)
    Chain(path, lambda entry: None).append({"value": 4})
    values, end = read(path)
    assert (values, end.torn) == ([0, 1, 2, 3, 4], 0)


def test_a_full_disk_is_one_line_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, 3)
    one = Chain(path, lambda entry: None)

    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(DataError, match="cannot write: No space left"):
            one.append({"value": 3})
    assert read(path)[0] == [0, 1, 2]
    one.append({"value": 3})
    assert read(path)[0] == [0, 1, 2, 3]


@pytest.mark.parametrize("lines", [0, 3])
def test_of_two_writers_the_one_that_was_overtaken_is_refused(tmp_path: Path, lines: int) -> None:
    path = written(tmp_path, lines)
    one, other = (Chain(path, lambda entry: None) for _ in range(2))
    other.append({"value": lines})
    with pytest.raises(DataError, match=r"another process wrote .*ledger\.jsonl.*stop all"):
        one.append({"value": 99})
    other.append({"value": lines + 1})
    assert read(path)[0] == list(range(lines + 2))


def test_a_head_that_could_not_be_written_does_not_stop_its_own_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, 3)
    one = Chain(path, lambda entry: None)

    def full(path: Path, content: bytes) -> None:
        raise DataError("cannot write: no space")

    with monkeypatch.context() as patch:
        patch.setattr(chain, "write_atomically", full)
        with pytest.raises(DataError, match="cannot write"):
            one.append({"value": 3})
    one.append({"value": 4})
    assert read(path)[0] == [0, 1, 2, 3, 4]


APPEND = """
import os, sys
from pathlib import Path
from fedcmr.privacy.chain import Chain
seen = []
chain = Chain(Path(sys.argv[1]), lambda entry: seen.append(entry["value"]))
os.write(1, b"ready\\n")
while True:
    chain.append({"value": len(seen), "filling": "x" * (len(seen) % 5000)})
    seen.append(len(seen))
    os.write(1, b"%d\\n" % len(seen))
"""


def test_kill_at_20_random_moments_leaves_a_ledger_that_never_undercounts(tmp_path: Path) -> None:
    path, chance = tmp_path / "ledger.jsonl", random.Random(11)
    for _ in range(20):
        with subprocess.Popen(
            [sys.executable, "-c", APPEND, str(path)], stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            moment = time.monotonic() + chance.uniform(0, 0.05)
            while time.monotonic() < moment:
                pass
            process.kill()
            told = process.stdout.read().splitlines()
        values, end = read(path)
        assert values == list(range(end.lines))
        assert end.lines >= int(told[-1] if told else 0)
    assert end.lines > 20
