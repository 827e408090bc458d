"""What a run has reached, besides the weights."""

from pydantic import Field

from fedcmr.federation.cohort import Cohort
from fedcmr.settings import Settings


class Contribution(Settings):
    """One site in one round."""

    examples: int = Field(ge=0)
    steps: int = Field(ge=0)
    loss: float = Field(ge=0, le=1e6)
    seconds: float = Field(ge=0, le=1e9)
    epsilon: float | None = Field(None, ge=0, description="spent at the site in this run so far")


class Validation(Settings):
    """The merged weights of a round on the validation cases of the sites."""

    loss: float | None
    auc: float | None
    comparable: bool
    """Every site of the run validated: losses of different sets of sites cannot be compared."""


class RoundRecord(Settings):
    """One finished round."""

    round: int
    finished: str
    seconds: float
    contributed: dict[str, Contribution]
    missed: dict[str, str]
    """Site to the reason."""
    unused: tuple[str, ...] = ()
    """Sites whose update the strategy did not select."""
    validation: Validation | None = None
    """None until it was made."""


class RunState(Settings):
    """Everything but the weights."""

    experiment_digest: str
    started: str
    cohorts: dict[str, Cohort] = Field(default_factory=dict)
    """What each site told last."""
    refused: dict[str, str] = Field(default_factory=dict)
    """Site to the reason why its last handshake failed."""
    rounds: tuple[RoundRecord, ...] = ()
    best_round: int = 0
    pretrained: str = ""
    """sha256 of the file of weights that the run began with; empty without one."""
    files: dict[str, str] = Field(default_factory=dict)
    """Array files of the checkpoint: name to sha256."""

    def names(self) -> list[str]:
        """Return every site that took part, was refused, or missed a round; sorted."""
        missed = {name for record in self.rounds for name in record.missed}
        return sorted({*self.cohorts, *self.refused} | missed)

    @property
    def finished_rounds(self) -> int:
        """How many rounds count."""
        return len(self.rounds)
