from itertools import combinations

from hypothesis import example, given, settings
from hypothesis import strategies as st
from reference.differencing import differences, recoverable

from fedcmr.evaluation.suppression import Printable, printable

A, B, C, D = ("GE", "1.5T"), ("GE", "3T"), ("Siemens", "3T"), ("Philips", "3T")
TABLES = st.dictionaries(
    st.tuples(st.sampled_from("xyz"), st.sampled_from([A, B, C, D])),
    st.tuples(st.integers(0, 30), st.integers(0, 30)),
    min_size=1,
    max_size=8,
).filter(lambda table: any(map(sum, table.values())))


def _published(table: dict, shown: Printable) -> tuple[list, list[list[int]]]:
    cells = sorted(cell for cell, counts in table.items() if sum(counts))
    rows = [[1] * len(cells)] if shown.total else []
    rows += [[cell[0] == site for cell in cells] for site in sorted(shown.sites)]
    rows += [[cell[1] == level for cell in cells] for level in sorted(shown.levels)]
    return cells, rows


# Total less site s1 less level l1 leaves (9, 8): rows and columns have to be looked at together.
MIXED = {
    ("s0", ("l1",)): (30, 30),
    ("s1", ("l0",)): (12, 3),
    ("s1", ("l2",)): (12, 12),
    ("s2", ("l0",)): (8, 0),
    ("s3", ("l1",)): (1, 1),
    ("s3", ("l2",)): (1, 8),
}


@settings(max_examples=150, deadline=None)
@given(TABLES, st.sampled_from([1, 5, 10]))
@example(MIXED, 10)
def test_no_small_group_can_be_computed(table: dict, minimum: int) -> None:
    cells, rows = _published(table, printable(table, minimum))
    for group in differences(rows) if rows else ():
        inside = [table[cell] for cell, member in zip(cells, group, strict=True) if member]
        assert min(map(sum, zip(*inside, strict=True))) >= minimum


@settings(max_examples=40, deadline=None)
@given(TABLES)
def test_sums_with_any_weights_give_no_small_group(table: dict) -> None:
    cells, rows = _published(table, printable(table, 10))
    for size in (1, 2, 3):
        for group in combinations(cells, size):
            if min(sum(table[cell][label] for cell in group) for label in (0, 1)) < 10:
                assert not recoverable(rows, [cell in group for cell in cells])


def test_many_sites_and_many_levels_are_printed_by_level_only() -> None:
    names = [f"{number:02}" for number in range(11)]
    table = {(site, (level,)): (20, 20) for site in names for level in names}
    levels = frozenset((name,) for name in names)
    assert printable(table, 10) == Printable(True, frozenset(), levels)


@settings(max_examples=60, deadline=None)
@given(TABLES)
def test_nothing_is_withheld_without_need(table: dict) -> None:
    shown = printable(table, 0)
    assert shown.total
    assert shown.sites == {site for (site, _), counts in table.items() if sum(counts)}
    assert shown.levels == {level for (_, level), counts in table.items() if sum(counts)}


def test_one_small_level_takes_the_next_smallest_with_it() -> None:
    table = {("x", A): (3, 50), ("x", B): (20, 20), ("x", C): (90, 90)}
    assert printable(table, 10) == Printable(True, frozenset("x"), frozenset({C}))


def test_two_small_levels_that_are_large_together_cost_nothing_more() -> None:
    table = {("x", A): (8, 50), ("x", B): (9, 50), ("x", C): (90, 90)}
    assert printable(table, 10).levels == {C}


def test_two_small_levels_that_are_small_together_take_a_third() -> None:
    table = {("x", A): (2, 50), ("x", B): (3, 50), ("x", C): (40, 40), ("x", D): (60, 60)}
    assert printable(table, 10).levels == {D}


def test_a_site_that_is_all_of_a_withheld_level_is_withheld_too() -> None:
    # Level B alone would hide level A, were not B all of site y.
    table = {("x", A): (3, 50), ("x", C): (90, 90), ("y", B): (20, 20), ("z", C): (90, 90)}
    shown = printable(table, 10)
    cells, rows = _published(table, shown)
    assert not recoverable(rows, [cell[1] == A for cell in cells])
    assert A not in shown.levels


def test_a_small_whole_shows_nothing() -> None:
    assert printable({("x", A): (3, 50)}, 10) == Printable(False, frozenset(), frozenset())


def test_no_case_at_all() -> None:
    assert printable({("x", A): (0, 0)}, 10) == Printable(False, frozenset(), frozenset())


def test_reference_finds_what_can_be_computed() -> None:
    total, first, second = [1, 1, 1], [1, 0, 0], [0, 1, 0]
    assert differences([total, first]) == {(1, 1, 1), (1, 0, 0), (0, 1, 1)}
    assert recoverable([total, first, second], [0, 0, 1])
    assert not recoverable([total, first], [0, 0, 1])
    assert all(recoverable([a, b], a) for a, b in combinations([total, first, second], 2))
