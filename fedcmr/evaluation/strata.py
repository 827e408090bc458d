"""By which columns results are reported, and what of them travels.

Sites count by tables. A view is a margin of a table: what is printed of it. The joint table of
scanner columns is sent once, so that what nests (a model in a vendor) is known where small groups
have to be kept from being computed.
"""

from collections.abc import Mapping

from fedcmr.data.record import StudyRecord
from fedcmr.ingest.quality import FLAGS

Columns = tuple[str, ...]
Level = tuple[str, ...]

NOT_GIVEN = "withheld"
"""Level of a column that a site withholds; no result is printed for it."""

FLAG = "flag "
"""Prefix of a column that tells whether a study has a quality flag."""

OF_POSITIVES = {"mask_contradicts_label", "mvo_off_crop", "mvo_one_pixel"}
"""Flags that only a patient with MVO can have: results by them would be selected by the outcome."""

FLAG_COLUMNS = tuple(f"{FLAG}{code}" for code in sorted(FLAGS.keys() - OF_POSITIVES - {"no_label"}))

VIEWS: dict[Columns, tuple[Columns, ...]] = {
    ("vendor", "field_strength", "model"): (
        ("vendor",),
        ("field_strength",),
        ("vendor", "field_strength"),
        ("model",),
    ),
    ("sex", "age_band"): (("sex",), ("age_band",), ("sex", "age_band")),
    ("aetiology",): (("aetiology",),),
    **{(column,): ((column,),) for column in FLAG_COLUMNS},
}
"""Table to its views."""

TABLES = tuple(sorted(VIEWS))

COLUMNS = tuple(column for table in VIEWS for column in table)
"""What a site may withhold."""

LOW_FIELDS = ("0.35T", "0.55T")


def levels(record: StudyRecord) -> dict[str, str]:
    """Return the study's level in every column."""
    field = record.field_strength
    return {
        "vendor": record.vendor,
        "field_strength": "below 1T" if field in LOW_FIELDS else field,
        "model": record.model,
        "sex": record.sex,
        "age_band": record.age_band,
        "aetiology": record.aetiology,
    } | {column: "yes" if column[len(FLAG) :] in record.flags else "no" for column in FLAG_COLUMNS}


def view_of(table: Columns, view: Columns, level: Level) -> Level | None:
    """Return a table's level in one of its views; None where a column of it is withheld."""
    given: Mapping[str, str] = dict(zip(table, level, strict=True))
    seen = tuple(given[column] for column in view)
    return None if NOT_GIVEN in seen else seen
