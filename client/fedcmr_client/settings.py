"""A site's folder: site.yaml, its keys, its data set."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from fedcmr.errors import ConfigurationError
from fedcmr.evaluation.strata import COLUMNS
from fedcmr.federation.address import Address
from fedcmr.privacy.policy import Policy
from fedcmr.settings import Settings, load_settings

Role: TypeAlias = Literal["train", "validate"]
"""validate: the site never trains; its patients are only scored."""

SITE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


def _loopback(address: str) -> str:
    if address.rpartition(":")[0] not in ("127.0.0.1", "localhost", "[::1]"):
        raise ValueError("a site answers health checks on this machine only: use 127.0.0.1")
    return address


class SiteSettings(Settings):
    """Content of site.yaml; paths are relative to its folder."""

    name: str = Field(pattern=f"^{SITE_NAME.pattern}$")
    role: Role = "train"
    server: Address = Field(description="host:port of the coordinator")
    ca: Path = Path("ca.pem")
    dataset: Path = Path("dataset")
    threads: int | None = Field(None, ge=1, description="CPU threads; all where not given")
    health: Annotated[Address, AfterValidator(_loopback)] | None = Field(
        None, description="host:port of the gRPC health server"
    )
    policy: Policy = Policy()

    @model_validator(mode="after")
    def _withheld_columns_exist(self) -> Self:
        if unknown := sorted({*self.policy.withheld_strata} - {*COLUMNS}):
            raise ValueError(
                f"policy.withheld_strata: no column {unknown[0]!r}; known: {', '.join(COLUMNS)}"
            )
        return self


@dataclass(frozen=True)
class SiteFolder:
    """Where things of a site lie."""

    path: Path
    settings: SiteSettings

    @property
    def ca(self) -> Path:
        """The coordinator's CA certificate, PEM."""
        return self.path / self.settings.ca

    @property
    def dataset(self) -> Path:
        """The data set that `ingest` wrote."""
        return self.path / self.settings.dataset

    @property
    def site_key(self) -> Path:
        """Private P-384 key that identifies this site."""
        return self.path / "site_key"

    @property
    def pseudonym_key(self) -> Path:
        """Key of the pseudonyms, which never leaves the site."""
        return self.path / "pseudonym.key"

    @property
    def outbound(self) -> Path:
        """A line for every message that left."""
        return self.path / "ledger" / "outbound.jsonl"

    @property
    def budget(self) -> Path:
        """A line for every private step that was paid for."""
        return self.path / "ledger" / "budget.jsonl"

    @property
    def approvals(self) -> Path:
        """A file for every experiment that was seen."""
        return self.path / "approvals"

    @property
    def round(self) -> Path:
        """The round in flight and the last finished one."""
        return self.path / "round"

    @property
    def lock(self) -> Path:
        """Held while a client runs."""
        return self.path / ".lock"


def open_site(path: Path) -> SiteFolder:
    """Open the folder that `fedcmr-client init` made.

    Raises:
        ConfigurationError: no site.yaml there, or a key or value in it is not accepted.
    """
    if not (path / "site.yaml").is_file():
        raise ConfigurationError(
            "no site.yaml", where=str(path), fix="make a site with `fedcmr-client init`"
        )
    return SiteFolder(path, load_settings(path / "site.yaml", SiteSettings))
