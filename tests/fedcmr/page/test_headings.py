import pytest

from fedcmr.page.headings import is_empty_flag, table_name


@pytest.mark.parametrize(
    ("by", "name"),
    [
        (("vendor",), "Vendor"),
        (("vendor", "field_strength"), "Vendor × field strength"),
        (("flag rr_varies",), "Quality flag rr_varies"),
        (("something new",), "something new"),
    ],
)
def test_names_of_tables(by: tuple[str, ...], name: str) -> None:
    assert table_name(by) == name


def test_a_flag_that_no_study_has() -> None:
    assert is_empty_flag(("flag rr_varies",), [("no",)])
    assert not is_empty_flag(("flag rr_varies",), [("no",), ("yes",)])
    assert not is_empty_flag(("sex",), [("no",)])
