import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from opacus import GradSampleModule
from opacus.validators import ModuleValidator
from reference import st_ran as reference
from torch import nn

from fedcmr.config import Preprocessing
from fedcmr.models.registry import build
from fedcmr.network import ModelSettings

PREPROCESSING = Preprocessing(slices=3, phases=6, size=32)
NAMES = ("s_cnn", "t_cnn", "st_cnn", "ast_cnn", "st_ran")
LAYOUTS = ("slices_as_channels", "true_4d")


def make(name: str = "st_ran", seed: int = 0, **switches: str) -> nn.Module:
    """Return a network whose biases and norms are drawn too, so that each of them counts."""
    torch.manual_seed(seed)
    model = build(ModelSettings.model_validate({"name": name, **switches}), PREPROCESSING)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if parameter.ndim == 1:
                parameter.copy_(0.2 * torch.randn_like(parameter) + ("norm.weight" in key))
    return model


def cine(batch: int = 2, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(7)
    return torch.rand(batch, 3, 6, 32, 32, generator=generator).to(dtype)


def published_counts(layout: str) -> tuple[int, ...]:
    """MODELS.md, 1.3 and 1.3a."""
    return {
        "slices_as_channels": (902_097, 375_249, 1_384_129, 1_418_058, 1_429_550),
        "true_4d": (898_209, 373_665, 1_380_241, 1_414_026, 1_425_518),
    }[layout]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("norm", ["group", "batch"])
def test_parameters_are_counted_as_published(layout: str, norm: str) -> None:
    settings = ({"name": name, "layout": layout, "norm": norm} for name in NAMES)
    models = [build(ModelSettings.model_validate(values), Preprocessing()) for values in settings]
    counts = tuple(sum(p.numel() for p in model.parameters()) for model in models)
    assert counts == published_counts(layout)


@pytest.mark.parametrize(
    ("name", "layout", "attention", "norm"),
    [
        *((name, layout, "softmax_pos", "group") for name in NAMES for layout in LAYOUTS),
        ("st_ran", "slices_as_channels", "sigmoid", "group"),
        ("st_ran", "slices_as_channels", "code", "group"),
        ("st_ran", "slices_as_channels", "softmax_pos", "batch"),
        ("st_ran", "true_4d", "sigmoid", "batch"),
    ],
)
def test_equals_the_slow_reading_of_the_paper(
    name: str, layout: str, attention: str, norm: str
) -> None:
    model = make(name, layout=layout, attention=attention, norm=norm).double()
    x = cine(dtype=torch.float64)
    weights = {key: value.numpy() for key, value in model.state_dict().items()}
    expected = reference.logits(
        x.numpy(), weights, layout=layout, attention=attention, batch_norm=norm == "batch"
    )
    logits = model(x)
    assert logits.shape == (2,)
    np.testing.assert_allclose(logits.detach().numpy(), expected, rtol=1e-9, atol=1e-11)


def test_single_precision_agrees_with_double() -> None:
    model = make()
    single = model(cine())
    torch.testing.assert_close(
        single.double(), model.double()(cine(dtype=torch.float64)), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("attention", ["softmax_pos", "sigmoid"])
def test_every_parameter_receives_gradient(attention: str) -> None:
    model = make(attention=attention)
    model(cine()).sum().backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        if key.endswith("score_bias") and attention == "softmax_pos":
            continue  # a softmax does not see a shift of all scores
        assert parameter.grad.abs().max() > 1e-7, key


def test_attention_of_the_released_code_does_nothing() -> None:
    gated, plain = make("st_ran", attention="code"), make("st_cnn", seed=1)
    kept = {key: value for key, value in gated.state_dict().items() if "gate" not in key}
    plain.load_state_dict(kept)
    assert torch.equal(gated(cine()), plain(cine()))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_convolutions_see_and_give_channels_last_memory(
    layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def spy_on(conv: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        def spy(x: torch.Tensor, *rest: Any, **more: Any) -> torch.Tensor:
            y = conv(x, *rest, **more)
            seen.extend(tensor.movedim(1, -1).is_contiguous() for tensor in (x, y))
            return y

        return spy

    monkeypatch.setattr(F, "conv2d", spy_on(F.conv2d))
    monkeypatch.setattr(F, "conv3d", spy_on(F.conv3d))
    make(layout=layout)(cine())
    assert len(seen) >= 36
    assert all(seen)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_study_alone_gives_what_it_gives_in_a_batch(layout: str) -> None:
    model, x = make(layout=layout), cine()
    alone = torch.cat([model(x[:1]), model(x[1:])])
    torch.testing.assert_close(alone, model(x))


@pytest.mark.parametrize(("name", "layout"), list(itertools.product(NAMES, LAYOUTS)))
def test_opacus_accepts_the_federated_default(name: str, layout: str) -> None:
    assert ModuleValidator.validate(make(name, layout=layout).train()) == []


def test_opacus_finds_the_gradient_of_each_study() -> None:
    model, x = make(), cine()
    expected = [torch.autograd.grad(model(x[i : i + 1]).sum(), model.parameters()) for i in (0, 1)]
    sampled = GradSampleModule(model, loss_reduction="sum")
    sampled(x).sum().backward()
    for index, parameter in enumerate(model.parameters()):
        alone = torch.stack([study[index] for study in expected])
        torch.testing.assert_close(
            parameter.grad_sample, alone, rtol=1e-3, atol=1e-4 * float(alone.abs().max()) + 1e-6
        )


def test_opacus_refuses_batch_norm() -> None:
    assert ModuleValidator.validate(make(norm="batch").train())


def test_biases_start_at_zero_and_weights_within_glorots_bound() -> None:
    torch.manual_seed(0)
    model = build(ModelSettings(), Preprocessing())
    state = model.state_dict()
    kernel = state["stem.spatial.weight"]
    bound = (6 / (27 * (10 + 16))) ** 0.5
    assert 0.95 * bound < kernel.abs().max() <= bound
    biases = [value for key, value in state.items() if key.endswith("bias")]
    assert all(not bias.any() for bias in biases)


@pytest.mark.parametrize("shape", [(2, 4, 6, 32, 32), (2, 3, 6, 32, 24), (3, 6, 32, 32)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected \(B, 3, T, Y, X\)"):
        make()(torch.zeros(shape))
