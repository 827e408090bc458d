"""Cases for evaluations: levels of every column, and the edges of an experiment."""

from fedcmr.config import EvaluationSettings
from fedcmr.evaluation.edges import standard_edges
from fedcmr.evaluation.strata import FLAG_COLUMNS

EDGES = standard_edges(EvaluationSettings())


def equal_edges(bins: int) -> tuple[float, ...]:
    """Inner edges of equal bins."""
    return tuple(k / bins for k in range(1, bins))


def level(vendor: str = "GE", field_strength: str = "3T", **columns: str) -> dict[str, str]:
    """Levels of one case; everything that is not given is the same for all."""
    usual = {"model": "other", "sex": "unknown", "age_band": "unknown", "aetiology": "unknown"}
    flags = dict.fromkeys(FLAG_COLUMNS, "no")
    return {"vendor": vendor, "field_strength": field_strength} | usual | flags | columns
