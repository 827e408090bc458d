"""`provenance.json`: who contributed what, when, and with which code and settings."""

from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from fedcmr.config import Settings

SiteName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class MissedRound(Settings):
    """A round that a site took no part in."""

    round: int = Field(ge=1)
    reason: Line


class SiteRecord(Settings):
    """One site's part in the run."""

    name: SiteName
    examples: int = Field(ge=0, description="labelled training studies")
    rounds_contributed: int = Field(ge=0)
    rounds_missed: tuple[MissedRound, ...] = ()


class RoundRecord(Settings):
    """One round of the run."""

    round: int = Field(ge=1)
    sites: tuple[SiteName, ...] = Field(description="whose weights were merged")
    loss: float = Field(description="training loss, mean over the sites' studies")
    validation_loss: float | None = Field(None, description="of the merged weights, pooled")
    seconds: float = Field(ge=0)


class Provenance(Settings):
    """Where a release comes from. The only file of a release that knows the time."""

    run: Line = Field(description="name of the run's folder at the coordinator")
    started: AwareDatetime
    finished: AwareDatetime
    package_version: Line
    code_digest: Digest
    experiment_digest: Digest
    preprocessing_digest: Digest
    released_round: int = Field(ge=1, description="whose merged weights are released")
    sites: tuple[SiteRecord, ...] = Field(min_length=1)
    history: tuple[RoundRecord, ...] = ()
    phantom: bool = Field(description="any study of any site is synthetic")
    partial: bool = Field(description="the run ended below plan")
