"""What a site tells about its data set in the handshake: counts, nothing of a patient."""

from typing import Literal, Self

from pydantic import Field, model_validator

from fedcmr.settings import Settings


class Cohort(Settings):
    """Labelled studies by split, and whether any of them is synthetic."""

    train: int = Field(ge=0)
    validation: int = Field(ge=0)
    test: int = Field(ge=0)
    phantom: bool
    role: Literal["train", "validate"] = Field(
        "train", description="validate: takes part in evaluations only, counts train=0"
    )
    results_by_site: bool = Field(
        True, description="the site's policy lets a release print results of this site alone"
    )

    @model_validator(mode="after")
    def _validating_sites_do_not_train(self) -> Self:
        if self.role == "validate" and self.train:
            raise ValueError("a site that only validates has no study to train on")
        return self
