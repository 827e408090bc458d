"""What a site allows: `policy:` in its site.yaml, which nobody but the site can change."""

import datetime as dt
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from fedcmr.config import Experiment
from fedcmr.settings import Settings

Names = Annotated[tuple[str, ...], Field(min_length=1)]


class Policy(Settings):
    """Bounds on the experiments that a site takes part in; where none is given, none holds."""

    approval: Literal["ask", "auto"] = Field(
        "ask", description="ask: nothing is trained before `fedcmr-client approve DIGEST`"
    )
    tasks: Names | None = None
    models: Names | None = None
    strategies: Names | None = None
    require_dp: bool = Field(
        False, description="refuse runs without dp_sgd and secure_random; bounds no epsilon"
    )
    largest_epsilon: float | None = Field(
        None, gt=0, description="budget of a patient over all runs for ever; implies require_dp"
    )
    delta: float = Field(1e-5, gt=0, lt=1, description="at which largest_epsilon is meant")
    accountant: Literal["rdp", "prv"] = Field("prv", description="composes the budget")
    smallest_cohort: int = Field(
        1, ge=1, description="fewest labelled patients to train on (validate-only: to score)"
    )
    smallest_cell: int = Field(
        1, ge=1, description="least evaluation.min_class_count: what a release may print"
    )
    most_rounds: int | None = Field(None, ge=1)
    most_bins: int | None = Field(
        None, ge=2, description="finest histogram of scores that is sent, whatever was asked"
    )
    earliest: dt.date | None = Field(None, description="first day of taking part")
    latest: dt.date | None = Field(None, description="last day of taking part")
    per_case_scores: Literal["never"] = Field(
        "never", description="no message can carry a case's score; kept here to be read"
    )
    withheld_strata: tuple[str, ...] = Field(
        (), description="columns by which this site's results are never broken down"
    )
    results_by_site: bool = Field(True, description="a release may print this site's own results")

    def allows(self, experiment: Experiment, patients: int, today: dt.date) -> list[str]:
        """Return why the experiment is not allowed; empty where it is.

        Args:
            experiment: as the coordinator sent it.
            patients: labelled patients of this site that it would learn from, or score.
            today: by the site's clock.
        """
        return list(self._reasons(experiment, patients, today))

    def _reasons(self, experiment: Experiment, patients: int, today: dt.date) -> Iterator[str]:
        for what, asked, allowed in (
            ("task", experiment.task, self.tasks),
            ("model", experiment.model.name, self.models),
            ("strategy", experiment.federation.strategy, self.strategies),
        ):
            if allowed is not None and asked not in allowed:
                yield f"{what} {asked} is not one of {', '.join(allowed)}"
        if experiment.federation.rounds > (self.most_rounds or experiment.federation.rounds):
            yield f"{experiment.federation.rounds} rounds are more than {self.most_rounds}"
        if experiment.evaluation.min_class_count < self.smallest_cell:
            yield (
                f"min_class_count {experiment.evaluation.min_class_count} is below"
                f" {self.smallest_cell}"
            )
        if self.needs_dp and experiment.privacy.mechanism == "none":
            yield "differential privacy is required"
        if self.needs_dp and experiment.privacy.private and not experiment.privacy.secure_random:
            yield "privacy.secure_random is required"
        if patients < self.smallest_cohort:
            yield f"fewer than {self.smallest_cohort} patients"
        if self.earliest is not None and today < self.earliest:
            yield f"not before {self.earliest}"
        if self.latest is not None and today > self.latest:
            yield f"not after {self.latest}"

    @property
    def needs_dp(self) -> bool:
        """Whether runs without differential privacy are refused: they have no epsilon."""
        return self.require_dp or self.largest_epsilon is not None
