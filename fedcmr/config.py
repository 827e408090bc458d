"""An experiment: one run, one YAML file.

It travels as one canonical JSON string with its sha256, so that both sides can say which
experiment they mean.
"""

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from fedcmr.network import ModelSettings
from fedcmr.settings import Settings


class Preprocessing(Settings):
    """From a short-axis cine to the array that a network sees; part of every data set."""

    version: Literal[1] = 1
    slices: int = Field(
        10,
        ge=1,
        le=32,
        description="slices kept, padded with zeros; 1: a sample is a slice, and all are kept",
    )
    phases: int = Field(20, ge=2, le=64, description="frames over one RR interval")
    spacing_mm: float = Field(1.5, gt=0.2, le=5.0, description="in-plane spacing")
    size: int = Field(128, ge=16, le=512, multiple_of=16, description="side of the heart crop, px")
    margin: Literal[0, 8] = Field(0, description="pixels stored beyond the crop, to crop at random")
    low_percentile: float = Field(1.0, ge=0, lt=50, description="intensity mapped to 0")
    high_percentile: float = Field(99.5, gt=50, le=100, description="intensity mapped to 1")

    @property
    def per_slice(self) -> bool:
        """Whether a sample is a slice, not a study."""
        return self.slices == 1

    @property
    def samples(self) -> str:
        """What is counted, trained on and scored: "slices" or "studies"."""
        return "slices" if self.per_slice else "studies"

    @property
    def stored_side(self) -> int:
        """Pixels along a side of what a data set holds."""
        return self.size + self.margin


TaskName: TypeAlias = Literal["scar", "mvo"]


class TrainingSettings(Settings):
    """Local training; the same for a site's round and for a centralised run."""

    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: float = Field(1e-4, gt=0, le=1)
    weight_decay: float = Field(0.0, ge=0, le=1, description="of adamw")
    schedule: Literal["inverse_time", "polynomial"] = "inverse_time"
    lr_decay: float = Field(0.0, ge=0, description="inverse_time: lr / (1 + lr_decay * step)")
    warmup_steps: int = Field(0, ge=0, description="polynomial: global steps of linear rise")
    total_steps: int | None = Field(None, ge=1, description="polynomial: global steps until 0")
    batch_size: int = Field(
        64, ge=1, le=4096, description="samples per optimiser step, by accumulation"
    )
    micro_batch: int = Field(4, ge=1, le=512, description="samples on the device at once")
    local_epochs: int = Field(1, ge=1, le=100, description="epochs per federated round")
    epochs: int = Field(500, ge=1, description="epochs of a run without federation")
    patience: int = Field(70, ge=1, description="epochs without a better validation loss")
    augment: Literal["none", "flip_rotate", "mvo"] = "none"
    map_weight: float = Field(0.05, ge=0, le=100, description="MVO: lambda of the coarse mask")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    seed: int = Field(1964, ge=0, lt=2**32)

    @model_validator(mode="after")
    def _keys_belong_to_the_optimizer(self) -> Self:
        if self.weight_decay and self.optimizer != "adamw":
            raise ValueError(f"optimizer {self.optimizer} does not use weight_decay")
        polynomial = self.schedule == "polynomial"
        if polynomial != (self.total_steps is not None):
            raise ValueError("total_steps belongs to schedule: polynomial; give both or neither")
        if polynomial and self.lr_decay:
            raise ValueError("lr_decay belongs to schedule: inverse_time")
        if self.warmup_steps and self.warmup_steps >= (self.total_steps or 0):
            raise ValueError("warmup_steps must be fewer than the total_steps of a polynomial")
        return self


UpdatePrecision: TypeAlias = Literal["fp32", "fp16", "int8"]

Strategy = Literal[
    "fedavg",
    "fedprox",
    "fedbn",
    "fedadam",
    "fedyogi",
    "fedavgm",
    "median",
    "trimmed_mean",
    "krum",
    "multi_krum",
]

STRATEGY_KEYS: dict[str, tuple[str, ...]] = {
    "fedprox": ("proximal_mu",),
    "fedadam": ("server_learning_rate", "beta_1", "beta_2", "tau"),
    "fedyogi": ("server_learning_rate", "beta_1", "beta_2", "tau"),
    "fedavgm": ("server_learning_rate", "server_momentum"),
    "trimmed_mean": ("byzantine",),
    "krum": ("byzantine",),
    "multi_krum": ("byzantine",),
}
"""Keys that a strategy needs and no other may have: what a run did stands in its experiment."""


def fewest_updates(strategy: Strategy, byzantine: int) -> int:
    """Return how many updates a strategy needs to withstand f hostile ones.

    Trimmed mean: n > 2 f (Yin et al. 2018). Krum: n >= 2 f + 3 (Blanchard et al. 2017).
    """
    if strategy in ("krum", "multi_krum"):
        return 2 * byzantine + 3
    return 2 * byzantine + 1


class FederationSettings(Settings):
    """Rounds, the merge, and how long to wait."""

    rounds: int = Field(50, ge=1, le=10_000)
    strategy: Strategy = "fedavg"
    proximal_mu: float = Field(0.0, ge=0)
    server_learning_rate: float | None = Field(None, gt=0, le=10)
    beta_1: float | None = Field(None, ge=0, lt=1, description="usually 0.9")
    beta_2: float | None = Field(None, ge=0, lt=1, description="usually 0.99")
    tau: float | None = Field(None, gt=0, le=1, description="usually 0.001")
    server_momentum: float | None = Field(None, ge=0, lt=1, description="usually 0.9")
    byzantine: int | None = Field(None, ge=1, description="hostile sites to be withstood")
    norm_band: float | None = Field(
        None,
        gt=1,
        description="an update is set aside whose length is more than this factor off the median",
    )
    quorum: Literal["all"] | Annotated[int, Field(strict=True, ge=1)] = Field(
        "all", description="sites that must answer for a round to count; all: every enrolled one"
    )
    site_wait_s: float = Field(86_400, gt=0, description="how long to wait for the quorum")
    round_deadline_s: float = Field(3600, gt=0, description="a slower site misses the round")
    late_join: bool = Field(True, description="sites that were not there for round 1 may join")
    update_precision: UpdatePrecision = Field(
        "fp32", description="of what sites send: fp16 halves the bytes, int8 quarters them"
    )
    select: Literal["last", "best_validation"] = Field(
        "best_validation", description="which round's weights are released"
    )

    @model_validator(mode="after")
    def _keys_belong_to_the_strategy(self) -> Self:
        used = STRATEGY_KEYS.get(self.strategy, ())
        for key in sorted({key for keys in STRATEGY_KEYS.values() for key in keys}):
            given = getattr(self, key) != type(self).model_fields[key].default
            if given != (key in used):
                problem = "needs" if key in used else "does not use"
                raise ValueError(f"strategy {self.strategy} {problem} {key}")
        return self

    @model_validator(mode="after")
    def _quorum_withstands_the_hostile(self) -> Self:
        least = fewest_updates(self.strategy, self.byzantine or 0)
        if self.quorum != "all" and self.quorum < least:
            raise ValueError(
                f"strategy {self.strategy} with byzantine {self.byzantine} needs "
                f"a quorum of at least {least}"
            )
        return self


class EvaluationSettings(Settings):
    """Federated statistics: fixed histogram edges and the smallest cell that is printed."""

    bins: int = Field(64, ge=2, le=4096)
    threshold: Literal["youden", "sensitivity_90", "published"] = "youden"
    published_threshold: float = Field(
        0.44, gt=0, lt=1, description="operating point of a paper, reported beside the chosen ones"
    )
    min_class_count: int = Field(10, ge=1, description="fewer of a class: 'suppressed'")
    min_sites: int = Field(
        2, ge=1, description="a group of fewer sites shows only if they allow results by site"
    )


class PrivacySettings(Settings):
    """Differential privacy of the training patients; the unit is the patient."""

    mechanism: Literal["none", "dp_sgd"] = "none"
    noise_multiplier: float | None = Field(
        None, ge=0.1, le=1000, description="standard deviation of the noise over max_grad_norm"
    )
    target_epsilon: float | None = Field(
        None, gt=0.01, le=100, description="instead: what all planned rounds may spend at a site"
    )
    delta: float = Field(1e-5, ge=1e-12, lt=0.1, description="below 1 / patients of every site")
    max_grad_norm: float = Field(1.0, gt=0, le=1e6, description="clip of one patient's gradient")
    accountant: Literal["rdp", "prv"] = "prv"
    secure_random: bool = Field(
        True, description="batches and noise from the system's generator, safe against guessing"
    )

    @property
    def private(self) -> bool:
        """Whether training patients are protected by noise."""
        return self.mechanism != "none"

    @model_validator(mode="after")
    def _noise_belongs_to_a_mechanism(self) -> Self:
        given = (self.noise_multiplier is not None) + (self.target_epsilon is not None)
        if self.private and given != 1:
            raise ValueError("dp_sgd needs either noise_multiplier or target_epsilon")
        if not self.private and given:
            raise ValueError("noise_multiplier and target_epsilon need mechanism: dp_sgd")
        return self


class Experiment(Settings):
    """One run, one YAML file."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    task: TaskName = "scar"
    model: ModelSettings = ModelSettings()
    preprocessing: Preprocessing = Preprocessing()
    training: TrainingSettings = TrainingSettings()
    federation: FederationSettings = FederationSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    privacy: PrivacySettings = PrivacySettings()

    @model_validator(mode="after")
    def _preprocessing_is_of_the_task(self) -> Self:
        if self.preprocessing.per_slice != (self.task == "mvo"):
            raise ValueError("preprocessing.slices is 1 for the task mvo, and only there")
        if (self.training.augment == "mvo") != (self.preprocessing.margin > 0):
            raise ValueError("training.augment: mvo crops at random: set preprocessing.margin to 8")
        if self.training.augment == "flip_rotate" and self.task == "mvo":
            raise ValueError("training.augment: flip_rotate does not turn masks; choose mvo")
        return self

    @model_validator(mode="after")
    def _variances_stay_positive(self) -> Self:
        if self.federation.update_precision != "fp32" and self.model.norm == "batch":
            raise ValueError(
                "federation.update_precision: a rounded difference can make a variance of batch "
                "normalisation negative; set model.norm: group, or keep fp32"
            )
        return self

    @model_validator(mode="after")
    def _private_weights_depend_on_noisy_steps_alone(self) -> Self:
        if not self.privacy.private:
            return self
        if self.federation.select != "last":
            raise ValueError(
                "under dp_sgd set federation.select: last; a choice by validation would make the "
                "weights depend on patients without noise"
            )
        if self.model.norm == "batch":
            raise ValueError(
                "under dp_sgd set model.norm: group; batch statistics would carry patients' values "
                "out without noise"
            )
        if self.training.precision == "fp16":
            raise ValueError(
                "under dp_sgd set training.precision to auto, bf16 or fp32; the loss scale of fp16 "
                "follows single patients"
            )
        return self
