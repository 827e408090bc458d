from collections.abc import Callable

import pytest

from fedcmr.data.record import StudyRecord
from fedcmr.data.split import split_of


@pytest.fixture
def make_record() -> Callable[..., StudyRecord]:
    def make(study: str = "a1", **changes: object) -> StudyRecord:
        patient = str(changes.get("patient", f"{study}p"))
        values: dict[str, object] = {
            "study": study,
            "patient": patient,
            "vendor": "GE",
            "field_strength": "1.5T",
            "model": "SIGNA",
            "sex": "F",
            "age_band": "40-49",
            "aetiology": "none",
            "scar": 0,
            "mvo": None,
            "split": split_of(patient),
            "slices": 10,
            "phases": 20,
            "spacing_mm": 1.367,
            "slice_distance_mm": 8.0,
            "rr_ms": 923.0,
            "flags": (),
        }
        return StudyRecord(**(values | changes))  # type: ignore[arg-type]  # values by name

    return make
