import pytest

from fedcmr.dicom.frame import (
    component_of,
    orientation_of,
    position_of,
    rr_interval,
    spacing_of,
)
from fedcmr.dicom.refusal import RefusedError


@pytest.mark.parametrize(
    ("image_type", "component"),
    [
        (("ORIGINAL", "PRIMARY", "OTHER"), "magnitude"),
        (("ORIGINAL", "PRIMARY", "M", "RETRO", "DIS2D"), "magnitude"),
        (("ORIGINAL", "PRIMARY", "M_FFE", "M", "FFE"), "magnitude"),
        (("ORIGINAL", "PRIMARY", "M", "PSIR"), "magnitude"),
        (("DERIVED", "PRIMARY", "P", "RETRO"), "phase"),
        (("ORIGINAL", "PRIMARY", "PHASE MAP", "P", "PCA"), "phase"),
        (("ORIGINAL", "PRIMARY", "R", "IR", "R"), "real"),
        (("ORIGINAL", "PRIMARY", "CR", "IR"), "real"),
        (("ORIGINAL", "PRIMARY", "PSIR"), "real"),
        ((), "magnitude"),
    ],
)
def test_component_by_image_type(image_type: tuple[str, ...], component: str) -> None:
    assert component_of(image_type) == component


@pytest.mark.parametrize(
    ("nominal", "rate", "expected"),
    [(700.0, 60.0, 700.0), (None, 60.0, 1000.0), (0.0, 75.0, 800.0), (None, 0.0, None)],
)
def test_rr_from_interval_or_heart_rate(
    nominal: float | None, rate: float | None, expected: float | None
) -> None:
    assert rr_interval(nominal, rate) == expected


def test_geometry_is_refused_when_missing_or_wrong() -> None:
    for call in (
        lambda: orientation_of(()),
        lambda: orientation_of((1.0, 0.0, 0.0, 1.0, 0.0, 0.0)),
        lambda: position_of((1.0, 2.0)),
        lambda: spacing_of((1.0,)),
        lambda: spacing_of((0.0, 1.0)),
    ):
        with pytest.raises(RefusedError) as caught:
            call()
        assert caught.value.code == "no_geometry"
