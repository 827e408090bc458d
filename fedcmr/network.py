"""Which network an experiment trains, and the switches that each network has."""

from typing import Literal, Self, TypeAlias, get_args

from pydantic import Field, model_validator

from fedcmr.settings import Settings

ModelName: TypeAlias = Literal[
    "s_cnn",
    "t_cnn",
    "st_cnn",
    "ast_cnn",
    "st_ran",
    "stcnn_3d",
    "cnn_3d",
    "cnn_lstm",
    "mvo_r2plus1d_bert",
    "c3d",
    "i3d",
    "slowfast",
    "p3d",
    "timesformer",
    "vivit",
]

_ST_RAN = ("s_cnn", "t_cnn", "st_cnn", "ast_cnn", "st_ran")
_MVO = ("mvo_r2plus1d_bert",)
_COMPARATORS = tuple(name for name in get_args(ModelName) if name not in _ST_RAN + _MVO)

_SWITCHES: dict[str, tuple[str, ...]] = {
    "norm": (*_ST_RAN, *_MVO, "stcnn_3d", "cnn_3d", "cnn_lstm", "i3d", "slowfast", "p3d"),
    "attention": _ST_RAN,
    "layout": _ST_RAN,
    "width": (*_MVO, *_COMPARATORS),
    "axis_order": ("stcnn_3d",),
    "preset": _MVO,
    "bert": _MVO,
    "cgmr": _MVO,
    "grid": _MVO,
}
"""The networks that have a switch; elsewhere it must keep its default."""


class ModelSettings(Settings):
    """Which network, and the switches where papers and code disagree."""

    name: ModelName = "st_ran"
    norm: Literal["group", "batch"] = Field(
        "group", description="normalisation of convolutions (ST-RAN: after the stem)"
    )
    attention: Literal["softmax_pos", "sigmoid", "code"] = "softmax_pos"
    layout: Literal["slices_as_channels", "true_4d"] = "slices_as_channels"
    width: float = Field(1.0, gt=0, le=1, description="share of the published filters")
    axis_order: Literal["frames_first", "code"] = Field(
        "frames_first", description="axis of the temporal kernel: slices x frames, or image x"
    )
    preset: Literal["code", "published"] = Field(
        "code", description="MVO: the released code, or the published parameter counts"
    )
    bert: bool = Field(True, description="MVO: transformer over time before the classifier")
    cgmr: bool = Field(True, description="MVO: coarse-mask branch, in training only")
    grid: Literal[4, 16, 32, "raw"] = Field(16, description="MVO: side of the coarse mask")

    @model_validator(mode="after")
    def _switches_belong_to_the_network(self) -> Self:
        for switch, names in _SWITCHES.items():
            default = type(self).model_fields[switch].default
            if self.name not in names and getattr(self, switch) != default:
                raise ValueError(f"{self.name} has no switch {switch}; leave it out")
        if self.grid != 16 and not self.cgmr:
            raise ValueError("grid belongs to cgmr: leave it out or set cgmr to true")
        return self
