from collections.abc import Callable
from dataclasses import replace

import pytest

from fedcmr.data.record import StudyRecord
from fedcmr.drill.noise import SMALL, _record


@pytest.fixture
def make_record() -> Callable[..., StudyRecord]:
    def make(**changes: object) -> StudyRecord:
        return replace(_record("a", 0, "train", SMALL), **changes)  # type: ignore[arg-type]  # values by name

    return make
