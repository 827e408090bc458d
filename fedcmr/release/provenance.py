"""`provenance.json`: who contributed what, when, and with which code and settings."""

from collections.abc import Collection, Iterable
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from fedcmr.settings import Settings

SiteName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class MissedRound(Settings):
    """A round that a site took no part in."""

    round: int = Field(ge=1)
    reason: Line


class PrivacySpent(Settings):
    """What differential privacy cost: (epsilon, delta) for each patient of a site."""

    mechanism: Literal["dp_sgd"]
    epsilon: float = Field(ge=0)
    delta: float = Field(gt=0, lt=1)
    accountant: Literal["rdp", "prv"]
    max_grad_norm: float = Field(gt=0, description="to which each patient's gradient is clipped")


class SiteRecord(Settings):
    """One site's part in the run; numbers are null where its policy forbids results by site."""

    name: SiteName
    role: Literal["train", "validate"] = "train"
    results_by_site: bool = Field(True, description="the site's policy allows its own numbers")
    examples: int | None = Field(ge=0, description="labelled training studies")
    rounds_contributed: int = Field(ge=0)
    rounds_missed: tuple[MissedRound, ...] = ()
    privacy: PrivacySpent | None = Field(None, description="spent at this site in this run")

    @model_validator(mode="after")
    def _policy_is_kept(self) -> Self:
        if not self.results_by_site and (self.examples is not None or self.privacy is not None):
            raise ValueError("examples and privacy of a site without results_by_site must be null")
        return self


class SitePart(Settings):
    """One site in one round."""

    site: SiteName
    examples: int = Field(ge=0)
    loss: float | None = Field(
        ge=0, description="training loss, mean over its studies, nats; None: privacy kept it"
    )
    seconds: float = Field(ge=0, description="of training at the site")


class RoundRecord(Settings):
    """One round of the run; `round_record` makes it."""

    round: int = Field(ge=1)
    sites: tuple[SiteName, ...] = Field(description="whose weights were merged")
    loss: float | None = Field(
        description="training loss, mean over the sites' studies; None: privacy kept it"
    )
    validation_loss: float | None = Field(None, description="of the merged weights, pooled")
    seconds: float = Field(ge=0)
    finished: AwareDatetime | None = None
    parts: tuple[SitePart, ...] = Field((), description="of the sites whose policy allows them")


def round_record(
    number: int,
    parts: Iterable[SitePart],
    *,
    by_site: Collection[str],
    validation_loss: float | None,
    seconds: float,
    finished: AwareDatetime | None,
) -> RoundRecord:
    """Return the record of a round from what every merged site reported, in order of name.

    Sites outside `by_site` show no number of their own. Where just one such site took part, no
    site does: the mean less the others would be its loss.
    """
    ordered = sorted(parts, key=lambda part: part.site)
    shown = tuple(part for part in ordered if part.site in by_site)
    studies = sum(part.examples for part in ordered)
    losses = [part.examples * part.loss for part in ordered if part.loss is not None]
    return RoundRecord(
        round=number,
        sites=tuple(part.site for part in ordered),
        loss=sum(losses) / studies if len(losses) == len(ordered) else None,
        validation_loss=validation_loss,
        seconds=seconds,
        finished=finished,
        parts=() if len(ordered) - len(shown) == 1 else shown,
    )


class Provenance(Settings):
    """Where a release comes from."""

    run: Line = Field(description="name of the run's folder at the coordinator")
    started: AwareDatetime
    finished: AwareDatetime
    package_version: Line
    code_digest: Digest
    experiment_digest: Digest
    preprocessing_digest: Digest
    pretrained: Digest | None = Field(
        None, description="sha256 of the file of weights that the run began with"
    )
    released_round: int = Field(ge=1, description="whose merged weights are released")
    sites: tuple[SiteRecord, ...] = Field(min_length=1)
    history: tuple[RoundRecord, ...] = ()
    privacy: PrivacySpent | None = Field(None, description="the largest epsilon of any site")
    phantom: bool = Field(description="any study of any site is synthetic")
    partial: bool = Field(description="the run ended below plan")
    shortfalls: tuple[Line, ...] = Field((), description="what stayed below plan")
