"""How many different answers of a kind may ever leave for one experiment, by split."""

from fedcmr.evaluation.calibration import MOST_STEPS

EVALUATIONS_PER_ROUND = 2
"""One, and one more for rounds that are repeated after a fault."""

FINAL_EVALUATIONS = 16
"""At the end: the released weights, a pass with finer edges."""

COMPARISONS = 16
"""With other weights, on the same studies."""

CALIBRATIONS = 2 * MOST_STEPS
"""Twice, as for rounds."""

MEMBERSHIP_EVALUATIONS = 2
"""Of the training studies: what tells apart who was trained on."""
