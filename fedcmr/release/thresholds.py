"""What thresholds are called in print, and how they were chosen."""

NAMES = {
    "youden": "Youden",
    "sensitivity_90": "sensitivity ≥ 0.90",
    "published": "published",
}
"""Threshold to its name."""

_RULES = {
    "youden": "largest sensitivity + specificity on pooled validation cases",
    "sensitivity_90": "most specific with a sensitivity of at least 0.90 on pooled validation "
    "cases",
    "published": "published before this run",
}


def rule_words(rule: str) -> str:
    """Return how a threshold was chosen; a rule that says it itself is left as it is."""
    return _RULES.get(rule, rule)
