import logging

import pytest

from fedcmr.ingest.progress import counted, shown


def test_lines_of_a_log_where_there_is_no_terminal(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "fedcmr"), shown() as progress:
        assert list(counted(range(100), "reading", 100, progress)) == list(range(100))
    messages = [record.message for record in caplog.records]
    assert messages[0] == "reading: 0 of 100"
    assert messages[-1] == "reading: 100 of 100"
    assert len(messages) == 11


def test_chunks_end_at_the_total() -> None:
    seen: list[tuple[str, int, int]] = []
    list(counted(range(3), "s", 130, lambda *event: seen.append(event), 64))
    assert [done for _, done, _ in seen] == [0, 64, 128, 130]


def test_a_bar_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with shown() as progress:
        list(counted(range(4), "reading", 4, progress))
    assert "4/4" in capsys.readouterr().err
