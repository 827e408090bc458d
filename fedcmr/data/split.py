"""Train, validation and test by patient, from the pseudonym alone.

A threshold on a hash, not a shuffle: adding a patient never moves another.
"""

import hashlib

from fedcmr.types import Split

TRAIN_SHARE = 0.6
VALIDATION_SHARE = 0.2


def split_of(patient_pseudonym: str) -> Split:
    """Return the part of the data set that this patient belongs to, for good."""
    digest = hashlib.sha256(patient_pseudonym.encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    if place < TRAIN_SHARE:
        return "train"
    return "validation" if place < TRAIN_SHARE + VALIDATION_SHARE else "test"
