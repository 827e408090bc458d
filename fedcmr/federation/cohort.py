"""What a site tells about its data set in the handshake: counts, nothing of a patient."""

from pydantic import Field

from fedcmr.config import Settings


class Cohort(Settings):
    """Labelled studies by split, and whether any of them is synthetic."""

    train: int = Field(ge=0)
    validation: int = Field(ge=0)
    test: int = Field(ge=0)
    phantom: bool
